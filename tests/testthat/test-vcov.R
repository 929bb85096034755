# Oracles: sandwich and clubSandwich on many data sets, and arithmetic.

# To standard errors; one that is 0 but for rounding must be so in both.
expect_same_covariance <- function(got, want, tolerance = 1e-6) {
  want <- as.matrix(want)
  expect_identical(dimnames(got), dimnames(want))
  error <- sqrt(diag(want))
  error <- pmax(error, 1e-6 * max(error))
  scale <- outer(error, error)
  expect_lt(max(abs(got - want) / scale), tolerance)
}

kept_vcov <- function(fit, ...) vcov(fit, ..., complete = FALSE)

chicks <- function(...) {
  fit_glm(weight ~ Diet + Time, ChickWeight, cluster = ~Chick, ...)
}

test_that("HC0 to HC3 are sandwich's for lm", {
  skip_if_not_installed("sandwich")
  models <- list(
    quote(fit(mpg ~ wt * hp + factor(cyl), mtcars)),
    quote(fit(Ozone ~ Solar.R + Wind + factor(Month), airquality, na.action = na.exclude)),
    quote(fit(Employed ~ ., longley)),
    quote(fit(uptake ~ Type * Treatment + log(conc), CO2, weights = conc)),
    quote(fit(weight ~ poly(height, 3, raw = TRUE), women)),
    quote(fit(dist ~ speed + I(2 * speed) + I(speed^2), cars)),
    quote(fit(sr ~ 0 + pop15 + pop75, LifeCycleSavings, offset = dpi / 100)),
    quote(fit(Fertility ~ ., swiss, subset = Catholic > 5))
  )
  for (model in models) {
    ours <- eval(model, list(fit = fit_glm))
    theirs <- eval(model, list(fit = stats::lm))
    for (type in paste0("HC", 0:3)) {
      expect_same_covariance(kept_vcov(ours, type), sandwich::vcovHC(theirs, type))
    }
  }
})

test_that("CR0, CR1 and CR2 with df are clubSandwich's for lm", {
  skip_if_not_installed("clubSandwich")
  nile <- transform(mtcars, w = seq(0.5, 2, length.out = 32))
  models <- list(
    list(quote(fit(weight ~ Diet * Time, ChickWeight)), ChickWeight$Chick),
    list(quote(fit(mpg ~ wt + hp, nile)), nile$carb),
    list(quote(fit(mpg ~ wt + hp, nile, weights = w)), nile$carb),
    list(quote(fit(mpg ~ wt + factor(gear), nile)), nile$gear), # dummies of the clusters
    list(quote(fit(mpg ~ wt + factor(gear), nile, weights = w)), nile$gear),
    list(quote(fit(mpg ~ wt + I(2 * wt) + hp, nile)), nile$cyl), # aliased
    list(quote(fit(uptake ~ Type * Treatment + log(conc), CO2)), CO2$Plant),
    list(quote(fit(yield ~ block + N * P * K, npk)), npk$block),
    list(quote(fit(extra ~ group, sleep)), sleep$ID),
    list(quote(fit(mpg ~ wt + hp, nile)), seq_len(32)) # each row alone
  )
  for (model in models) {
    ours <- eval(model[[1]], list(fit = fit_glm, nile = nile))
    theirs <- eval(model[[1]], list(fit = stats::lm, nile = nile))
    for (type in c("CR0", "CR1", "CR2")) {
      want <- clubSandwich::vcovCR(theirs, model[[2]], type)
      expect_same_covariance(kept_vcov(ours, type, cluster = model[[2]]), want, 1e-8)
    }
    tests <- clubSandwich::coef_test(theirs, want, "Satterthwaite")
    table <- tidy.fit_glm(ours, vcov = "CR2", cluster = model[[2]])
    table <- table[!is.na(table$estimate), ]
    known <- tests$SE > 1e-9 # of the dummy of a cluster it is rounding, and its df means nothing
    expect_identical(is.nan(table$df), !known)
    expect_equal(table$df[known], tests$df_Satt[known], tolerance = 1e-6)
    expect_equal(table$p.value[known], tests$p_Satt[known], tolerance = 1e-6)
    naive <- clubSandwich::coef_test(theirs, "CR1", "naive-t", cluster = model[[2]])
    table <- tidy.fit_glm(ours, vcov = "CR1", cluster = model[[2]])
    table <- table[!is.na(table$estimate), ]
    expect_equal(table$p.value[known], naive$p_t[known], tolerance = 1e-6)
  }
})

test_that("CR2 of two rows a cluster is the formula of Bell and McCaffrey", {
  # The mean of pairs: H = 1/n, I - H of a cluster has eigenvalues 1 and 1 - 2/n, so the sum of
  # a cluster is multiplied by 1 / sqrt(1 - 1/m): CR2 = CR1, with m - 1 degrees of freedom.
  data <- data.frame(y = c(3, 1, 4, 1, 5, 9, 2, 6), pair = rep(1:4, each = 2))
  fit <- fit_glm(y ~ 1, data, cluster = ~pair)
  sums <- tapply(data$y - mean(data$y), data$pair, sum)
  expect_equal(vcov(fit, "CR2")[[1]], sum(sums^2) / 64 * 4 / 3)
  expect_equal(tidy.fit_glm(fit, vcov = "CR2")$df, 3)
})

test_that("two and three ways of clustering are sandwich's", {
  skip_if_not_installed("sandwich")
  data <- transform(mtcars, a = rep(1:4, 8), b = carb, d = rep(1:5, length.out = 32))
  fit <- fit_glm(mpg ~ wt + hp, data, cluster = ~ a + b)
  lm <- stats::lm(mpg ~ wt + hp, data)
  suppressWarnings({
    want <- sandwich::vcovCL(lm, ~ a + b, type = "HC0")
    expect_same_covariance(vcov(fit, "CR1"), want, 1e-9)
    want <- sandwich::vcovCL(lm, ~ a + b + d, type = "HC0", cadjust = FALSE)
    expect_same_covariance(vcov(fit, "CR0", cluster = ~ a + b + d), want, 1e-9)
  })
  table <- suppressWarnings(tidy.fit_glm(fit, vcov = "CR1"))
  expect_equal(unique(table$df), 3)
  expect_error(vcov(fit, "CR2"), "one way of clustering, not for 2",
    class = "questrial_error_argument"
  )
})

test_that("negative eigenvalues and nested ways are named", {
  data <- data.frame(y = c(1, -1, -1, 1, 2, -2, -2, 2), a = rep(1:2, 4), b = rep(1:2, each = 2))
  data$x <- c(1, -1, 1, -1, -1, 1, -1, 1)
  fit <- fit_glm(y ~ x, data)
  expect_warning(
    vcov(fit, "CR0", cluster = ~ a + b), "negative eigenvalue",
    class = "questrial_warning_indefinite"
  )
  nested <- fit_glm(weight ~ Time, ChickWeight, cluster = ~ Chick + Diet)
  expect_warning(
    expect_equal(vcov(nested, "CR0"), vcov(nested, "CR0", cluster = ~Diet)),
    "each `Chick` lies within one `Diet`", class = "questrial_warning_cluster"
  )
})

test_that("rows of weight 0 count neither as rows nor as clusters", {
  data <- transform(mtcars, w = rep(c(1, 2, 0, 1.5), 8), g = rep(1:8, each = 4))
  data$g[data$w == 0] <- NA
  fit <- fit_glm(mpg ~ wt, data, weights = w)
  without <- fit_glm(mpg ~ wt, data[data$w > 0, ], weights = w)
  for (type in paste0("HC", 0:3)) {
    expect_equal(vcov(fit, type), vcov(without, type))
  }
  for (type in c("CR0", "CR1", "CR2")) {
    expect_equal(vcov(fit, type, cluster = data$g), vcov(without, type, cluster = ~g))
  }
})

test_that("a row of leverage 1 adds nothing, with a warning", {
  data <- transform(mtcars, alone = seq_along(mpg) == 5)
  fit <- fit_glm(mpg ~ wt + alone, data)
  expect_warning(hc3 <- vcov(fit, "HC3"), "row Hornet Sportabout has leverage 1",
    class = "questrial_warning_leverage"
  )
  without <- fit_glm(mpg ~ wt, data[-5, ])
  expect_equal(hc3[1:2, 1:2], vcov(without, "HC3"))
})

test_that("clusters come as formula, vector, list or from the fit", {
  fit <- chicks()
  want <- vcov(fit, "CR2")
  plain <- fit_glm(weight ~ Diet + Time, ChickWeight)
  for (cluster in list(
    ~Chick, ChickWeight$Chick, as.character(ChickWeight$Chick),
    list(ChickWeight$Chick), ChickWeight["Chick"]
  )) {
    expect_equal(vcov(plain, "CR2", cluster = cluster), want)
  }
  chick <- ChickWeight$Chick
  expect_equal(vcov(plain, "CR2", cluster = ~chick), want)
  data <- ChickWeight
  data$Time[c(3, 50)] <- NA
  holes <- fit_glm(weight ~ Diet + Time, data, subset = Diet != 2)
  used <- !is.na(data$Time) & data$Diet != 2
  want <- vcov(holes, "CR2", cluster = data$Chick[used])
  expect_equal(vcov(holes, "CR2", cluster = ~Chick), want)
  holes <- fit_glm(weight ~ Diet + Time, data)
  expect_equal(
    vcov(holes, "CR2", cluster = data$Chick), vcov(holes, "CR2", cluster = ~Chick)
  )
})

test_that("errors about clusters name the rows and the cure", {
  plain <- fit_glm(mpg ~ wt, mtcars)
  expect_error(vcov(plain, "CR2"), "cluster = ~ group", class = "questrial_error_argument")
  group <- rep(1:4, 8)
  group[[2]] <- NA
  fault <- expect_error(vcov(plain, "CR1", cluster = group), "missing in row `Mazda RX4 Wag`")
  expect_identical(fault$row, 2L)
  expect_error(vcov(plain, "CR1", cluster = 1:3), "3 values, but the fit used 32 rows")
  expect_error(vcov(plain, "CR1", cluster = rep(1, 32)), "At least two clusters",
    class = "questrial_error_no_data"
  )
  expect_error(vcov(plain, "CR1", cluster = ~nowhere), "no variable `nowhere`")
  expect_error(vcov(plain, "HC3", cluster = ~cyl), "does not look at clusters")
  expect_error(vcov(plain, "HC4"), "must be one of")
})

test_that("a matrix or a function serves as vcov, if it fits", {
  fit <- fit_glm(mpg ~ wt + I(2 * wt) + hp, mtcars)
  hc <- kept_vcov(fit, "HC3")
  want <- tidy.fit_glm(fit, vcov = "HC3")
  expect_equal(tidy.fit_glm(fit, vcov = hc), want)
  expect_equal(tidy.fit_glm(fit, vcov = unname(hc)), want)
  expect_equal(tidy.fit_glm(fit, vcov = hc[3:1, 3:1]), want)
  expect_equal(tidy.fit_glm(fit, vcov = function(x) vcov(x, "HC3")), want)
  expect_error(confint(fit, vcov = diag(2)), "4 by 4 matrix.*not 2 by 2")
  lopsided <- hc
  lopsided[1, 2] <- 2 * lopsided[1, 2]
  expect_error(summary(fit, vcov = lopsided), "not symmetric")
  expect_error(summary(fit, vcov = NA * hc), "not finite")
  dimnames(hc) <- list(c("a", "b", "c"), c("a", "b", "c"))
  expect_error(summary(fit, vcov = hc), "named by `a`, `b` and `c`")
})

test_that("summary, confint and tidy agree and say what was used", {
  fit <- chicks()
  table <- tidy.fit_glm(fit, conf.int = TRUE, vcov = "CR2")
  expect_equal(unname(summary(fit, "CR2")$coefficients[, "Std. Error"]), table$std.error)
  expect_equal(unname(summary(fit, "CR2")$coefficients[, "df"]), table$df)
  expect_equal(unname(confint(fit, vcov = "CR2")), cbind(table$conf.low, table$conf.high))
  expect_equal(table$conf.low, table$estimate - qt(0.975, table$df) * table$std.error)
  shown <- paste(capture.output(print(summary(fit, "CR2"))), collapse = " ")
  expect_match(shown, "Standard errors: CR2 by Chick (50 clusters), Satterthwaite df", fixed = TRUE)
  shown <- paste(capture.output(print(summary(fit))), collapse = " ")
  expect_match(shown, "the model's own, as if rows were independent. Clusters: 50 of Chick")
  expect_match(paste(capture.output(print(fit)), collapse = " "), "Clusters: 50 of Chick")
  expect_equal(tidy.fit_glm(fit, cluster = ~Chick), tidy.fit_glm(fit, vcov = "CR2"))
  ratio <- tidy.fit_glm(fit, conf.int = TRUE, exponentiate = TRUE)
  plain <- tidy.fit_glm(fit, conf.int = TRUE)
  expect_equal(ratio$conf.high, exp(plain$conf.high))
  expect_equal(ratio$std.error, plain$std.error)
})

test_that("the covariance reaches Table 2 and its notes", {
  table <- effects_table(chicks(), vcov = "CR2")
  want <- tidy.fit_glm(chicks(), conf.int = TRUE, vcov = "CR2")
  expect_equal(table$std.error, want$std.error)
  expect_equal(table$df, want$df)
  expect_match(paste(attr(table, "notes"), collapse = " "), "CR2 by Chick \\(50 clusters\\)")
  table <- effects_table(fit_glm(mpg ~ wt, mtcars), vcov = "HC3")
  expect_match(paste(attr(table, "notes"), collapse = " "), "HC3.*t tests on 30 degrees of freedom")
})

test_that("covariances are the same bits for any number of threads", {
  set.seed(1)
  n <- 20000
  data <- data.frame(x = rnorm(n), f = factor(sample(4, n, TRUE)), g = rep(1:400, 50))
  data$y <- data$x + rnorm(n)
  at <- function(threads) {
    withr::local_options(questrial.threads = threads)
    fit <- fit_glm(y ~ x + f, data, cluster = ~g)
    list(vcov(fit, "HC3"), vcov(fit, "CR2"), tidy.fit_glm(fit, vcov = "CR2"))
  }
  expect_identical(at(1), at(2))
})

test_that("the families of glm have sandwich's and clubSandwich's covariances", {
  skip_if_not_installed("clubSandwich")
  skip_if_not_installed("sandwich")
  data <- transform(mtcars, w = seq(0.5, 2, length.out = 32), n = rep(3:6, 8))
  data$k <- pmin(data$n, data$gear - 2)
  models <- list(
    quote(fit(am ~ wt, data, family = binomial())),
    quote(fit(cbind(k, n - k) ~ wt + hp, data, family = binomial())),
    quote(fit(vs ~ wt, data, family = binomial("probit"))),
    quote(fit(carb ~ wt + hp, data, family = poisson())),
    quote(fit(carb ~ wt + factor(gear), data, family = poisson())), # dummies of the clusters
    quote(fit(mpg ~ wt + hp, data, family = Gamma("log"), weights = w)),
    quote(fit(mpg ~ wt, data, family = inverse.gaussian())),
    quote(fit(carb ~ wt + hp, data, family = quasipoisson(), weights = w)),
    quote(fit(mpg ~ wt + hp, data, family = gaussian("log")))
  )
  for (model in models) {
    ours <- eval(model, list(fit = fit_glm, data = data))
    # glm() keeps the weights of the last step but one, so it has to converge to all digits.
    model[[1]] <- quote(stats::glm)
    model$control <- quote(stats::glm.control(epsilon = 1e-14, maxit = 100))
    theirs <- eval(model, list(data = data))
    for (type in paste0("HC", 0:3)) {
      expect_same_covariance(vcov(ours, type), sandwich::vcovHC(theirs, type))
    }
    for (cluster in list(data$gear, rep(1:8, 4))) {
      for (type in c("CR0", "CR1", "CR2")) {
        want <- clubSandwich::vcovCR(theirs, cluster, type)
        expect_same_covariance(vcov(ours, type, cluster = cluster), want)
      }
      tests <- clubSandwich::coef_test(theirs, want, "Satterthwaite")
      table <- tidy.fit_glm(ours, vcov = "CR2", cluster = cluster)
      expect_equal(table$df, tests$df_Satt, tolerance = 1e-6)
      expect_equal(table$p.value, tests$p_Satt, tolerance = 1e-5)
    }
  }
})

test_that("CR2 of a large cluster with unequal variances is clubSandwich's", {
  skip_if_not_installed("clubSandwich")
  set.seed(4)
  data <- data.frame(g = rep(1:6, c(150, 80, 5, 60, 2, 3)), x = rnorm(300), w = rexp(300))
  data$y <- rpois(300, exp(0.4 * data$x + rnorm(6, 0, 0.3)[data$g]))
  tight <- stats::glm.control(epsilon = 1e-14, maxit = 100)
  for (family in list(poisson(), Gamma("log"))) {
    ours <- fit_glm(y + 1 ~ x + I(x^2), data, family = family, cluster = ~g)
    theirs <- stats::glm(y + 1 ~ x + I(x^2), family, data, control = tight)
    want <- clubSandwich::vcovCR(theirs, data$g, "CR2")
    expect_same_covariance(vcov(ours, "CR2"), want, 1e-7)
    tests <- clubSandwich::coef_test(theirs, want, "Satterthwaite")
    expect_equal(tidy.fit_glm(ours, vcov = "CR2")$df, tests$df_Satt, tolerance = 1e-6)
    test <- clubSandwich::Wald_test(theirs, clubSandwich::constrain_zero(2:3, coef(theirs)), want)
    got <- wald_test(ours, list(diag(3)[-1, ]), vcov = "CR2")
    expect_equal(got$df.residual, test$df_denom, tolerance = 1e-6)
  }
  ours <- fit_glm(y ~ x + I(x^2), data, weights = w, cluster = ~g)
  theirs <- stats::lm(y ~ x + I(x^2), data, weights = w)
  want <- clubSandwich::vcovCR(theirs, data$g, "CR2")
  expect_same_covariance(vcov(ours, "CR2"), want, 1e-8)
})

test_that("CR2 does not depend on how columns are written or responses scaled", {
  data <- transform(women, g = rep(1:5, 3))
  x <- function(fit) stats::model.matrix(fit)
  of_curve <- function(formula) {
    fit <- fit_glm(formula, data, cluster = ~g)
    x(fit) %*% vcov(fit, "CR2") %*% t(x(fit))
  }
  raw <- of_curve(weight ~ poly(height, 3, raw = TRUE))
  expect_equal(raw, of_curve(weight ~ poly(height, 3)), tolerance = 1e-7)
  scaled <- function(by) {
    fit <- fit_glm(mpg * by ~ wt + hp, mtcars, family = Gamma("log"), cluster = ~carb)
    vcov(fit, "CR2")
  }
  expect_equal(scaled(1e-6), scaled(1), tolerance = 1e-7)
})

test_that("families with a known dispersion are tested by z, those with an estimated one by t", {
  fit <- fit_glm(am ~ wt, mtcars, family = binomial())
  tight <- stats::glm.control(epsilon = 1e-14, maxit = 100)
  glm <- stats::glm(am ~ wt, mtcars, family = binomial(), control = tight)
  peer <- summary(glm)
  expect_equal(summary(fit)$coefficients, peer$coefficients, tolerance = 1e-6)
  expect_identical(colnames(summary(fit)$coefficients), colnames(peer$coefficients))
  expect_identical(tidy.fit_glm(fit)$df, c(Inf, Inf))
  expect_equal(confint(fit), stats::confint.default(glm), tolerance = 1e-6, ignore_attr = TRUE)
  shown <- paste(capture.output(print(summary(fit))), collapse = " ")
  expect_match(shown, "Null deviance 43.23 on 31 degrees of freedom, residual deviance 19.176")
  expect_match(shown, "AIC 23.176; [0-9]+ iterations")
  fit <- fit_glm(mpg ~ wt, mtcars, family = Gamma())
  peer <- summary(stats::glm(mpg ~ wt, mtcars, family = Gamma()))
  expect_equal(summary(fit)$coefficients, peer$coefficients, tolerance = 1e-6)
  expect_equal(summary(fit)$dispersion, peer$dispersion, tolerance = 1e-6)
  expect_identical(unique(tidy.fit_glm(fit, vcov = "HC3")$df), 30)
})

test_that("CR2 of a fit that predicts 0 or 1 names the row", {
  fit <- fit_glm(mpg ~ wt, mtcars, family = Gamma(), cluster = ~cyl)
  fit$fitted.values[[3]] <- 0
  expect_error(vcov(fit, "CR2"), "predicts 0 in row Datsun 710", class = "questrial_error_argument")
})
