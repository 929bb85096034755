# Oracle: glm() iterated until nothing changes, for every family and link.

tight <- stats::glm.control(epsilon = 1e-16, maxit = 60)

# Equal up to `tolerance` times the size of each number (or of all, for zeros).
expect_close <- function(got, want, tolerance, label = "values") {
  off <- abs(as.vector(got) - as.vector(want)) /
    pmax(abs(as.vector(want)), 1e-3 * max(abs(want), na.rm = TRUE))
  same <- identical(dim(got), dim(want)) && identical(as.vector(is.na(got)), as.vector(is.na(want)))
  expect(
    same && all(off <= tolerance | got == want, na.rm = TRUE),
    sprintf("%s: off by %g, not %g", label, max(0, off, na.rm = TRUE), tolerance)
  )
}

expect_glm <- function(formula, data, family, ..., tolerance = 1e-7, control = tight) {
  label <- sprintf("%s, %s", deparse1(formula), deparse1(substitute(family)))
  call <- list(formula, data, family = family, ...)
  ours <- do.call(fit_glm, call)
  theirs <- suppressWarnings(do.call(stats::glm, c(call, list(control = control))))
  expect_identical(names(coef(ours)), names(coef(theirs)), label = label)
  expect_close(coef(ours), coef(theirs), tolerance, label)
  expect_close(vcov(ours), suppressWarnings(vcov(theirs)), 10 * tolerance, label)
  for (part in c("fitted.values", "linear.predictors", "y")) {
    expect_close(ours[[part]], unname(theirs[[part]]), tolerance, paste(label, part))
  }
  for (type in c("deviance", "pearson", "working", "response", "partial")) {
    expect_close(residuals(ours, type), residuals(theirs, type), 10 * tolerance,
      paste(label, type)
    )
  }
  expect_identical(names(residuals(ours)), names(residuals(theirs)), label = label)
  for (part in c("deviance", "null.deviance", "df.null", "df.residual", "rank")) {
    expect_equal(ours[[part]], as.double(theirs[[part]]), tolerance = 1e-8,
      label = paste(label, part), ignore_attr = TRUE
    )
  }
  expect_equal(nobs(ours), nobs(theirs), label = label)
  expect_close(weights(ours, "working"), weights(theirs, "working"), 10 * tolerance, label)
  if (!is_identity_gaussian(family)) {
    expect_equal(weights(ours), weights(theirs), label = label)
  }
  # glm() counts rows of weight 0 where it takes logarithms of n and of weights.
  if (!is.na(theirs$aic) && all(theirs$prior.weights > 0)) {
    expect_equal(as.numeric(logLik(ours)), as.numeric(logLik(theirs)), tolerance = 1e-9,
      label = label
    )
    expect_equal(AIC(ours), AIC(theirs), tolerance = 1e-9, label = label)
    expect_equal(BIC(ours), BIC(theirs), tolerance = 1e-9, label = label)
    if (!is_identity_gaussian(family)) {
      expect_equal(extractAIC(ours), extractAIC(theirs), tolerance = 1e-9, label = label)
    }
  }
  invisible(list(ours = ours, theirs = theirs))
}

is_identity_gaussian <- function(family) {
  family$family == "gaussian" && family$link == "identity"
}

expect_same_predictions <- function(fits, rows, label) {
  for (type in c("link", "response", "terms")) {
    ours <- predict(fits$ours, rows, type = type, se.fit = TRUE)
    theirs <- predict(fits$theirs, rows, type = type, se.fit = TRUE)
    expect_close(ours$fit, theirs$fit, 1e-6, paste(label, type))
    expect_close(ours$se.fit, theirs$se.fit, 1e-6, paste(label, type))
    expect_equal(ours$residual.scale, theirs$residual.scale, tolerance = 1e-7)
    expect_close(predict(fits$ours, type = type), predict(fits$theirs, type = type), 1e-6, label)
    expect_identical(names(ours$fit), names(theirs$fit), label = label)
  }
}

expect_same_influence <- function(fits, label) {
  ours <- influence(fits$ours)
  theirs <- influence(fits$theirs)
  expect_identical(names(ours), names(theirs), label = label)
  for (part in names(theirs)) {
    expect_close(ours[[part]], theirs[[part]], 2e-5, paste(label, part))
  }
  expect_identical(dimnames(ours$coefficients), dimnames(theirs$coefficients), label = label)
  for (f in list(hatvalues, cooks.distance, rstandard, rstudent, dfbeta, dfbetas)) {
    expect_close(f(fits$ours), f(fits$theirs), 2e-5, label)
  }
  expect_close(rstandard(fits$ours, type = "pearson"), rstandard(fits$theirs, type = "pearson"),
    1e-5, label
  )
  expect_close(dffits(fits$ours, infl = ours), dffits(fits$theirs), 1e-5, label)
}

test_that("every family and link is that of glm", {
  cars <- mtcars
  cars$positive <- cars$mpg / 10
  models <- list(
    list(am ~ wt + hp, binomial()), list(am ~ wt, binomial("probit")),
    list(am ~ wt, binomial("cloglog")), list(am ~ wt, binomial("cauchit")),
    list(am ~ wt + factor(cyl), quasibinomial()),
    list(carb ~ wt + factor(gear), poisson()), list(carb ~ wt, poisson("sqrt")),
    list(carb ~ wt, poisson("identity")), list(carb ~ hp * wt, quasipoisson()),
    list(positive ~ wt + hp, Gamma()), list(positive ~ wt * factor(am), Gamma("log")),
    list(positive ~ wt, Gamma("identity")), list(positive ~ wt, inverse.gaussian()),
    list(positive ~ wt, inverse.gaussian("log")), list(positive ~ wt, inverse.gaussian("inverse")),
    list(positive ~ wt + qsec, gaussian("log")), list(positive ~ wt, gaussian("inverse")),
    list(positive ~ wt, quasi("log", "mu")),
    list(positive ~ wt, quasi("log", "mu^2")), list(positive ~ wt, quasi("identity", "constant")),
    list(carb ~ offset(log(hp)) + wt, poisson()), list(carb ~ 0 + wt, poisson()),
    list(carb ~ 0 + wt + offset(log(hp) / 4), poisson())
  )
  for (model in models) {
    fits <- expect_glm(model[[1]], cars, model[[2]])
    label <- paste(deparse1(model[[1]]), model[[2]]$family, model[[2]]$link)
    expect_same_predictions(fits, cars[c(3, 9, 20), ], label)
    expect_same_influence(fits, label)
  }
})

test_that("binomial responses are read as glm reads them", {
  cars <- transform(mtcars, side = factor(ifelse(am == 1, "manual", "automatic")))
  expect_glm(side ~ wt, cars, binomial())
  expect_glm(am == 1 ~ wt + hp, cars, binomial())
  expect_glm(as.integer(am) ~ wt, cars, binomial("probit"))
  text <- transform(cars, side = as.character(side))
  expect_equal(
    coef(fit_glm(side ~ wt, text, family = binomial())),
    coef(fit_glm(side ~ wt, cars, family = binomial()))
  )
  expect_glm(cbind(ncases, ncontrols) ~ unclass(agegp) + unclass(alcgp), esoph, binomial())
  expect_glm(cbind(ncases, ncontrols) ~ agegp, esoph, quasibinomial())
  shares <- transform(esoph, share = ncases / (ncases + ncontrols), trials = ncases + ncontrols)
  shares <- shares[shares$trials > 0, ]
  expect_glm(share ~ unclass(agegp), shares, binomial(), weights = quote(trials))
  expect_glm(share ~ unclass(agegp), shares, quasibinomial(), weights = quote(trials / 3))
  dropped <- droplevels(subset(transform(iris, y = Species), Species != "setosa"))
  expect_glm(y ~ Sepal.Width, dropped, binomial())
  three <- subset(transform(iris, y = Species), Species != "setosa")
  expect_equal(
    unname(coef(fit_glm(y ~ Sepal.Width, three, family = binomial()))),
    unname(coef(fit_glm(y ~ Sepal.Width, dropped, family = binomial())))
  )
})

test_that("weights, zeros among them, offsets and missing rows are those of glm", {
  cars <- transform(mtcars, w = rep(c(0.5, 2, 0, 1), 8), shift = log(hp), mark = hp)
  cars$mark[c(4, 9)] <- NA
  fits <- expect_glm(carb ~ wt + offset(shift / 9), cars, poisson(),
    weights = quote(w), offset = quote(qsec / 99)
  )
  expect_same_influence(fits, "poisson weights")
  fits <- expect_glm(mpg ~ wt, cars, Gamma("log"), weights = quote(w + 1))
  expect_same_influence(fits, "Gamma weights")
  fits <- expect_glm(mpg ~ wt + factor(cyl), cars, gaussian("log"), weights = quote(w))
  for (action in c("na.omit", "na.exclude")) {
    fits <- expect_glm(carb ~ wt + mark, cars, poisson(), na.action = action)
    expect_same_influence(fits, action)
    expect_identical(fitted(fits$ours), fitted(fits$ours))
    expect_equal(fitted(fits$ours), fitted(fits$theirs), tolerance = 1e-8)
    expect_equal(predict(fits$ours, type = "link", se.fit = TRUE)$se.fit,
      predict(fits$theirs, se.fit = TRUE)$se.fit, tolerance = 1e-6
    )
  }
})

test_that("aliased columns are those of glm", {
  cars <- transform(mtcars, twice = 2 * wt + 1, four = as.numeric(cyl == 4))
  # Its limit of aliasing is a thousandth of epsilon.
  control <- stats::glm.control(epsilon = 1e-10, maxit = 100)
  for (family in list(binomial(), poisson(), quasipoisson())) {
    fits <- expect_glm(am ~ wt + twice + hp, cars, family, control = control, tolerance = 1e-5)
    expect_identical(which(is.na(coef(fits$ours))), c(twice = 3L))
    expect_glm(am ~ hp + factor(cyl) + four, cars, family, control = control, tolerance = 1e-5)
  }
})

test_that("means have intervals on the scale of the link", {
  fits <- expect_glm(am ~ wt, mtcars, binomial())
  rows <- data.frame(wt = c(2, 3, NA, 4))
  ours <- predict(fits$ours, rows, interval = "confidence", level = 0.9)
  link <- predict(fits$theirs, rows, se.fit = TRUE)
  half <- qnorm(0.95) * link$se.fit
  want <- cbind(link$fit, link$fit - half, link$fit + half)
  expect_close(ours, plogis(want), 1e-6)
  expect_identical(dimnames(ours), list(names(link$fit), c("fit", "lwr", "upr")))
  falling <- expect_glm(mpg ~ wt, mtcars, Gamma())
  limits <- predict(falling$ours, interval = "confidence")
  expect_true(all(limits[, "lwr"] < limits[, "fit"] & limits[, "fit"] < limits[, "upr"]))
  link <- predict(falling$theirs, se.fit = TRUE)
  expect_close(limits[, "upr"], 1 / (link$fit - qt(0.975, 30) * link$se.fit), 1e-6)
  expect_error(predict(fits$ours, interval = "prediction"), "no prediction interval",
    class = "questrial_error_argument"
  )
  expect_error(predict(fits$ours, type = "terms", interval = "confidence"),
    class = "questrial_error_argument"
  )
  by_sandwich <- predict(fits$ours, se.fit = TRUE, type = "link", vcov = 4 * vcov(fits$ours))
  expect_equal(by_sandwich$se.fit, 2 * predict(fits$theirs, se.fit = TRUE)$se.fit,
    tolerance = 1e-6
  )
})

test_that("simulate() draws what it draws for glm", {
  cars <- transform(mtcars, side = factor(am, labels = c("automatic", "manual")))
  cases <- list(
    list(am ~ wt, binomial()), list(side ~ wt, binomial()), list(carb ~ wt, poisson()),
    list(mpg ~ wt, gaussian("log"))
  )
  for (case in cases) {
    fits <- expect_glm(case[[1]], cars, case[[2]])
    expect_equal(simulate(fits$ours, 3, seed = 1), simulate(fits$theirs, 3, seed = 1),
      ignore_attr = "seed", tolerance = 1e-7
    )
  }
  fits <- expect_glm(cbind(ncases, ncontrols) ~ unclass(agegp), esoph, binomial())
  ours <- simulate(fits$ours, 2, seed = 1)
  theirs <- simulate(fits$theirs, 2, seed = 1)
  expect_equal(ours$sim_2, theirs$sim_2, ignore_attr = TRUE)
  skip_if_not_installed("MASS")
  fits <- expect_glm(mpg ~ wt, cars, Gamma("log"))
  expect_equal(questrial:::gamma_shape(fits$ours, rep(1, 32)),
    suppressWarnings(MASS::gamma.shape(fits$theirs, it.lim = 100, eps.max = 1e-12))$alpha,
    tolerance = 1e-7
  )
  expect_equal(simulate(fits$ours, 2, seed = 1), simulate(fits$theirs, 2, seed = 1),
    ignore_attr = "seed", tolerance = 1e-3
  )
  expect_error(simulate(fit_glm(carb ~ wt, cars, family = quasipoisson())), "no distribution",
    class = "questrial_error_argument"
  )
})

test_that("draws of an inverse Gaussian have its mean and variance", {
  fit <- fit_glm(mpg ~ 1, mtcars, family = inverse.gaussian())
  draws <- unlist(simulate(fit, 5000, seed = 3))
  mean <- mean(mtcars$mpg)
  variance <- mean^3 * sum((mtcars$mpg - mean)^2 / mean^3) / 31
  n <- length(draws)
  expect_lt(abs(mean(draws) - mean), 4 * sqrt(variance / n))
  expect_lt(abs(var(draws) - variance), 6 * variance * sqrt(5 / n))
})

test_that("negative binomials with known theta are those of MASS", {
  skip_if_not_installed("MASS")
  for (theta in c(0.8, 5)) {
    fits <- list(
      ours = fit_glm(Days ~ Sex + Age, MASS::quine, family = negative_binomial(theta)),
      theirs = suppressWarnings(
        glm(Days ~ Sex + Age, MASS::negative.binomial(theta), MASS::quine, control = tight)
      )
    )
    expect_close(coef(fits$ours), coef(fits$theirs), 1e-7)
    expect_equal(fits$ours$deviance, fits$theirs$deviance, tolerance = 1e-9)
    expect_equal(fits$ours$null.deviance, fits$theirs$null.deviance, tolerance = 1e-9)
    expect_close(vcov(fits$ours), vcov(fits$theirs) / summary(fits$theirs)$dispersion, 1e-6)
    for (type in c("deviance", "pearson", "working", "response")) {
      expect_close(residuals(fits$ours, type), residuals(fits$theirs, type), 1e-6)
    }
    # Its aic() counts theta as a parameter.
    expect_equal(as.numeric(logLik(fits$ours)), -fits$theirs$aic / 2 + 5, tolerance = 1e-9)
    other <- fit_glm(Days ~ Sex + Age, MASS::quine, family = MASS::negative.binomial(theta))
    expect_close(coef(other), coef(fits$theirs), 1e-7)
  }
})

test_that("negative binomials with theta estimated are those of glm.nb", {
  skip_if_not_installed("MASS")
  models <- list(
    list(Days ~ Sex + Age, MASS::quine), list(Days ~ Sex * Eth + Lrn, MASS::quine),
    list(count ~ spray, InsectSprays), list(breaks ~ wool * tension, warpbreaks),
    list(Days ~ Sex + offset(log(as.integer(Age))), MASS::quine)
  )
  for (model in models) {
    label <- deparse1(model[[1]])
    ours <- fit_glm(model[[1]], model[[2]], family = negative_binomial())
    theirs <- MASS::glm.nb(model[[1]], model[[2]],
      control = glm.control(epsilon = 1e-14, maxit = 100)
    )
    expect_close(ours$theta, theirs$theta, 1e-6, label)
    expect_close(coef(ours), coef(theirs), 1e-6, label)
    expect_close(vcov(ours), vcov(theirs), 1e-5, label)
    expect_equal(ours$deviance, theirs$deviance, tolerance = 1e-6)
    expect_equal(ours$null.deviance, theirs$null.deviance, tolerance = 1e-6)
    expect_equal(logLik(ours), logLik(theirs), tolerance = 1e-9, ignore_attr = "nall")
    expect_equal(AIC(ours), AIC(theirs), tolerance = 1e-9)
    for (type in c("deviance", "pearson", "working", "response")) {
      expect_close(residuals(ours, type), residuals(theirs, type), 1e-5, label)
    }
    expect_close(rstandard(ours), rstandard(theirs), 1e-5, label)
    expect_close(rstudent(ours), rstudent(theirs), 1e-5, label)
    expect_close(cooks.distance(ours), cooks.distance(theirs), 1e-5, label)
    expect_close(family(ours)$variance(3), theirs$family$variance(3), 1e-6, label)
    draws <- simulate(ours, 200, seed = 1)
    expect_identical(dim(draws), c(nobs(ours), 200L))
    expect_lt(abs(mean(as.matrix(draws)) / mean(fitted(ours)) - 1), 0.05)
  }
  expect_null(fit_glm(count ~ spray, InsectSprays, family = negative_binomial(3))$theta)
})

# ---- Bad input ----

expect_refused <- function(expr, pattern) {
  expect_error(expr, pattern, class = "questrial_error_argument")
}

test_that("responses that a family cannot have are refused by name", {
  cars <- transform(mtcars, kind = factor(cyl), below = carb - 2)
  cars$three <- as.matrix(mtcars[c("am", "vs", "gear")])
  error <- expect_refused(fit_glm(kind ~ wt, cars, family = binomial()), "has 3 levels, `4`, `6`")
  expect_identical(error$column, "kind")
  expect_refused(fit_glm(kind ~ wt, cars), "text or a factor")
  expect_refused(fit_glm(factor(am) ~ wt, cars), "for two levels use family = binomial")
  expect_refused(fit_glm(kind ~ wt, cars, family = poisson()), "text or a factor")
  error <- expect_refused(fit_glm(mpg ~ wt, cars, family = binomial()), "is 21 in row Mazda RX4")
  expect_identical(error$row, 1L)
  error <- expect_refused(fit_glm(below ~ wt, cars, family = poisson()), "counts are not below 0")
  expect_identical(error$row, 3L)
  expect_refused(fit_glm(below ~ wt, cars, family = negative_binomial(2)), "counts are not below")
  expect_refused(fit_glm(am ~ wt, cars, family = Gamma()), "a Gamma response is above 0")
  expect_refused(fit_glm(am ~ wt, cars, family = "inverse.gaussian"), "response is above 0")
  expect_refused(fit_glm(three ~ wt, cars, family = binomial()), "3 columns; two are needed")
  expect_refused(fit_glm(cbind(am, -1) ~ wt, cars, family = binomial()), "are not below 0")
  expect_refused(fit_glm(cbind(am, vs) ~ wt, cars, family = poisson()), "2 columns. Fit them one")
  expect_refused(fit_glm(am ~ wt, cars, family = binomial("log"), method = "firth"), "is for binom")
  expect_refused(fit_glm(am ~ wt, cars, family = binomial(), method = "bayes"), "`method` must be")
  expect_refused(fit_glm(am ~ wt, cars, family = quasi(link = power(0.3))), "is not fitted")
  expect_refused(negative_binomial(-1), "`theta` must be a single number")
  expect_refused(negative_binomial(link = "logit"), "`link` must be one of")
  expect_refused(negative_binomial()$variance(1), "no theta yet")
})

test_that("numbers that are not whole are warned of, as in glm", {
  expect_warning(fit_glm(cbind(am + 0.2, 1) ~ wt, mtcars, family = binomial()), "counts are not wh",
    class = "questrial_warning_counts"
  )
  expect_warning(fit_glm(am / 3 ~ wt, mtcars, family = binomial()), "successes are not whole",
    class = "questrial_warning_counts"
  )
  expect_silent(fit_glm(am / 3 ~ wt, mtcars, family = quasibinomial()))
})

test_that("separation is named and cured", {
  data <- data.frame(x = 1:20, arm = gl(2, 10, labels = c("control", "balint")))
  data$well <- c(rep(0, 10), rep(1, 10))
  expect_warning(fit <- fit_glm(well ~ x, data, family = binomial()), "Separation: .*`x`",
    class = "questrial_warning_separation"
  )
  expect_true(any(grepl("Separation", fit$notes)))
  data$well <- rep(c(0, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1))
  expect_warning(fit <- fit_glm(well ~ x + arm, data, family = binomial()), "`arm`",
    class = "questrial_warning_separation"
  )
  expect_silent(cured <- fit_glm(well ~ arm, data, family = binomial(), method = "firth"))
  # Half a success and half a failure added to each arm (Firth 1993, section 3.3).
  expect_equal(unname(coef(cured)), c(log(5.5 / 5.5), log(10.5 / 0.5)), tolerance = 1e-7)
  expect_silent(fit_glm(am ~ wt + hp, mtcars, family = binomial()))
})

test_that("any number of threads gives the same bits of every family", {
  skip_on_cran()
  set.seed(1)
  data <- data.frame(x = rnorm(2e4), g = gl(5, 4000), y = rpois(2e4, 2), w = runif(2e4))
  for (family in list(poisson(), binomial(), negative_binomial(2))) {
    data$z <- if (family$family == "binomial") as.double(data$y > 1) else data$y
    fits <- lapply(c(1, 2, 7), function(n) {
      fit_glm(z ~ x * g, data, family = family, weights = 1 + (w > 0.5), threads = n)
    })
    for (part in c("coefficients", "cov.unscaled", "residuals", "deviance")) {
      expect_identical(fits[[2]][[part]], fits[[1]][[part]])
      expect_identical(fits[[3]][[part]], fits[[1]][[part]])
    }
  }
})
