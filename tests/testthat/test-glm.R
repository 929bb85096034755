# Oracle: lm() and what stats, sandwich and emmeans make of it, on data sets of
# base R and MASS.

models <- list(
  mtcars = list(mpg ~ wt + hp + factor(cyl), mtcars),
  interaction = list(mpg ~ wt * factor(gear) + log(hp), mtcars),
  warpbreaks = list(breaks ~ wool * tension, warpbreaks),
  toothgrowth = list(len ~ supp * poly(dose, 2), ToothGrowth),
  chickwts = list(weight ~ 0 + feed, chickwts),
  airquality = list(Ozone ~ Solar.R + Wind + Temp + factor(Month), airquality),
  swiss = list(Fertility ~ ., swiss),
  stackloss = list(stack.loss ~ Air.Flow + Water.Temp + I(Acid.Conc.^2), stackloss),
  iris = list(Sepal.Length ~ Species * Petal.Width, iris),
  co2 = list(uptake ~ Type * Treatment + log(conc), CO2),
  esoph = list(ncases ~ agegp + alcgp + offset(log(ncontrols + 1)), esoph),
  infert = list(age ~ education + parity + induced, infert),
  attitude = list(rating ~ ., attitude),
  mean = list(weight ~ 1, women),
  longley = list(Employed ~ ., longley),
  aliased = list(mpg ~ wt + I(2 * wt - 1) + hp + factor(vs) + I(1 - vs), mtcars)
)
if (requireNamespace("MASS", quietly = TRUE)) {
  models$anorexia <- list(Postwt ~ Prewt + Treat + offset(Prewt), MASS::anorexia)
  models$cats <- list(Hwt ~ Bwt * Sex, MASS::cats)
  models$boston <- list(medv ~ . - chas + factor(chas):rm, MASS::Boston)
  models$oats <- list(Y ~ B + V * N, MASS::oats)
}

# Equal up to `tolerance` times the size of each number (or of all, for zeros).
expect_near <- function(got, want, tolerance, label = NULL) {
  expect_identical(dim(got), dim(want), label = label)
  scale <- pmax(abs(want), 1e-6 * max(abs(want), na.rm = TRUE))
  expect_identical(is.na(as.vector(got)), is.na(as.vector(want)), label = label)
  off <- max(0, abs(as.vector(got) - as.vector(want)) / as.vector(scale), na.rm = TRUE)
  expect_lte(off, tolerance, label = label)
}

both_fits <- function(model, ...) {
  list(ours = fit_glm(model[[1]], model[[2]], ...), theirs = stats::lm(model[[1]], model[[2]], ...))
}

expect_same_fit <- function(fits, label) {
  ours <- fits$ours
  theirs <- fits$theirs
  expect_identical(names(coef(ours)), names(coef(theirs)), label = label)
  expect_near(coef(ours), coef(theirs), 1e-9, label)
  expect_near(vcov(ours), vcov(theirs), 1e-8, label)
  expect_near(confint(ours), confint(theirs), 1e-8, label)
  expect_identical(dimnames(confint(ours)), dimnames(confint(theirs)), label = label)
  expect_near(fitted(ours), fitted(theirs), 1e-9, label)
  expect_identical(names(fitted(ours)), names(fitted(theirs)), label = label)
  expect_near(deviance(ours), deviance(theirs), 1e-9, label)
  expect_near(c(logLik(ours), AIC(ours), BIC(ours)), c(logLik(theirs), AIC(theirs), BIC(theirs)),
    1e-9, label
  )
  expect_identical(nobs(ours), nobs(theirs), label = label)
  expect_equal(df.residual(ours), df.residual(theirs), label = label)
  for (type in c("response", "working", "pearson", "deviance")) {
    expect_near(residuals(ours, type), residuals(theirs, type), 1e-8, paste(label, type))
  }
}

test_that("fits are those of lm on every data set", {
  for (name in names(models)) {
    expect_same_fit(both_fits(models[[name]]), name)
  }
})

test_that("summaries, F tests and diagnostics are those of lm", {
  for (name in names(models)) {
    fits <- both_fits(models[[name]])
    ours <- summary(fits$ours)
    theirs <- summary(fits$theirs)
    expect_near(coef(ours), coef(theirs), 1e-7, name)
    parts <- c("sigma", "r.squared", "adj.r.squared", "fstatistic")
    expect_near(unlist(ours[parts]), unlist(theirs[parts]), 1e-8, name)
    expect_identical(ours$aliased, theirs$aliased, label = name)
    expect_near(hatvalues(fits$ours), hatvalues(fits$theirs), 1e-9, name)
    expect_identical(names(hatvalues(fits$ours)), names(hatvalues(fits$theirs)), label = name)
    expect_near(cooks.distance(fits$ours), cooks.distance(fits$theirs), 1e-7, name)
    expect_near(rstandard(fits$ours), rstandard(fits$theirs), 1e-7, name)
    expect_near(rstudent(fits$ours), rstudent(fits$theirs), 1e-7, name)
    expect_near(extractAIC(fits$ours), extractAIC(fits$theirs), 1e-9, name)
    if (name != "mean") {
      expect_near(as.matrix(anova(fits$ours)), as.matrix(anova(fits$theirs)), 1e-7, name)
      expect_identical(row.names(anova(fits$ours)), row.names(anova(fits$theirs)), label = name)
    }
  }
})

test_that("predictions, their errors and intervals are those of lm", {
  for (name in setdiff(names(models), "aliased")) {
    fits <- both_fits(models[[name]])
    rows <- utils::head(stats::na.omit(models[[name]][[2]]), 7)
    ours <- predict(fits$ours, rows, se.fit = TRUE, interval = "prediction", level = 0.9)
    theirs <- predict(fits$theirs, rows, se.fit = TRUE, interval = "prediction", level = 0.9)
    expect_near(ours$fit, theirs$fit, 1e-8, name)
    expect_near(ours$se.fit, theirs$se.fit, 1e-7, name)
    expect_near(ours$residual.scale, theirs$residual.scale, 1e-9, name)
    expect_near(predict(fits$ours, interval = "confidence"),
      predict(fits$theirs, interval = "confidence"), 1e-8, name
    )
    if (name != "mean") {
      ours <- predict(fits$ours, rows, type = "terms", se.fit = TRUE)
      theirs <- predict(fits$theirs, rows, type = "terms", se.fit = TRUE)
      expect_near(unclass(ours$fit)[, ], unclass(theirs$fit)[, ], 1e-7, name)
      expect_near(attr(ours$fit, "constant"), attr(theirs$fit, "constant"), 1e-8, name)
      expect_near(ours$se.fit, theirs$se.fit, 1e-7, name)
      expect_near(residuals(fits$ours, "partial"), residuals(fits$theirs, "partial"), 1e-7, name)
    }
  }
})

test_that("weights, zeros among them, and both offsets are those of lm", {
  data <- mtcars
  data$w <- rep(c(0.5, 2, 0, 1), 8)
  data$o <- data$hp / 50
  ours <- fit_glm(mpg ~ wt + qsec + offset(o), data, weights = w, offset = o / 2)
  theirs <- lm(mpg ~ wt + qsec + offset(o), data, weights = w, offset = o / 2)
  expect_same_fit(list(ours = ours, theirs = theirs), "weights")
  expect_near(hatvalues(ours), hatvalues(theirs), 1e-10)
  expect_near(cooks.distance(ours), cooks.distance(theirs), 1e-8)
  expect_near(coef(summary(ours)), coef(summary(theirs)), 1e-9)
  expect_equal(summary(ours)$r.squared, summary(theirs)$r.squared, tolerance = 1e-10)
  expect_equal(weights(ours), weights(theirs))
  new <- data[1:3, ]
  # lm() warns that it takes the new answers' weights to be 1, as ours does.
  theirs_new <- suppressWarnings(predict(theirs, new, interval = "prediction"))
  expect_near(predict(ours, new, interval = "prediction"), theirs_new, 1e-9)
  expect_equal(nobs(ours), 24L)
  expect_output(print(ours), "8 of weight 0", fixed = TRUE)
})

test_that("subset, na.action and contrasts are those of lm", {
  data <- airquality
  data$Month <- factor(data$Month)
  for (action in list(na.omit, na.exclude)) {
    ours <- fit_glm(Ozone ~ Wind + Month, data, subset = Temp > 60, na.action = action,
      contrasts = list(Month = "contr.sum")
    )
    theirs <- lm(Ozone ~ Wind + Month, data, subset = Temp > 60, na.action = action,
      contrasts = list(Month = "contr.sum")
    )
    expect_same_fit(list(ours = ours, theirs = theirs), "na.action")
    expect_near(hatvalues(ours), hatvalues(theirs), 1e-10)
    expect_identical(ours$contrasts, theirs$contrasts)
  }
  expect_error(fit_glm(Ozone ~ Wind, data, na.action = na.fail), "missing values")
  expect_output(print(fit_glm(Ozone ~ Wind, data)), "37 left out for missing values")
})

test_that("arguments are evaluated where lm evaluates them", {
  data <- mtcars
  inside <- function(d, heavy) {
    w <- d$wt
    fit_glm(mpg ~ hp, data = d, weights = w, subset = cyl > heavy)
  }
  heavy <- data[data$cyl > 4, ]
  expect_near(coef(inside(data, 4)), coef(lm(mpg ~ hp, heavy, weights = heavy$wt)), 1e-12)
  local_fit <- local({
    x <- data$hp
    y <- data$mpg
    fit_glm(y ~ x)
  })
  expect_near(unname(coef(local_fit)), unname(coef(lm(mpg ~ hp, data))), 1e-12)
})

test_that("update, formula, terms and the model's parts work as on lm", {
  fit <- fit_glm(mpg ~ wt + hp, mtcars)
  theirs <- lm(mpg ~ wt + hp, mtcars)
  expect_near(coef(update(fit, . ~ . - hp)), coef(update(theirs, . ~ . - hp)), 1e-12)
  expect_equal(formula(fit), formula(theirs), ignore_attr = TRUE)
  expect_equal(model.matrix(fit), model.matrix(theirs))
  expect_equal(model.frame(fit), model.frame(theirs), ignore_attr = TRUE)
  expect_equal(family(fit)$family, "gaussian")
  expect_equal(attr(terms(fit), "term.labels"), c("wt", "hp"))
  expect_null(weights(fit))
})

test_that("nested fits are compared as by anova.lm", {
  data <- mtcars
  formulas <- list(mpg ~ wt, mpg ~ wt + hp, mpg ~ wt * hp + factor(cyl))
  ours <- lapply(formulas, fit_glm, data = data)
  theirs <- lapply(formulas, lm, data = data)
  expect_near(
    as.matrix(do.call(anova, ours)), as.matrix(do.call(anova, theirs)), 1e-9
  )
  expect_error(
    anova(ours[[1]], fit_glm(mpg ~ wt, data[-1, ])), "rows used are 32, 31",
    class = "questrial_error_argument"
  )
  expect_error(anova(ours[[1]], theirs[[2]]), class = "questrial_error_argument")
})

test_that("simulate() repeats with its seed and leaves the generator alone", {
  fit <- fit_glm(mpg ~ wt, mtcars)
  theirs <- lm(mpg ~ wt, mtcars)
  expect_equal(simulate(fit, 3, seed = 1), simulate(theirs, 3, seed = 1), ignore_attr = "seed")
  set.seed(2)
  before <- .Random.seed
  simulate(fit, 1, seed = 1)
  expect_identical(.Random.seed, before)
})

test_that("any number of threads gives the same bits", {
  skip_on_cran()
  set.seed(1)
  data <- data.frame(y = rnorm(3e4), x = rnorm(3e4), g = gl(5, 6000))
  fits <- lapply(c(1, 2, 7), function(n) fit_glm(y ~ x * g, data, threads = n))
  for (part in c("coefficients", "cov.unscaled", "residuals", "deviance")) {
    expect_identical(fits[[2]][[part]], fits[[1]][[part]])
    expect_identical(fits[[3]][[part]], fits[[1]][[part]])
  }
  in_child <- parallel::mclapply(1, function(i) coef(fit_glm(y ~ x * g, data)))[[1]]
  expect_identical(in_child, coef(fits[[1]]))
})

# ---- Bad input ----

test_that("families that are not fitted are refused", {
  expect_error(
    fit_glm(mpg ~ wt, mtcars, family = quasi(link = power(1 / 3))), "is not fitted",
    class = "questrial_error_argument"
  )
})

test_that("unknown variables are named, and the near one suggested", {
  error <- expect_error(fit_glm(mpgg ~ wt, mtcars), class = "questrial_error_argument")
  expect_identical(error$column, "mpgg")
  expect_match(conditionMessage(error), "Did you mean `mpg`?", fixed = TRUE)
  expect_error(fit_glm(~wt, mtcars), "two sides", class = "questrial_error_argument")
  expect_error(fit_glm("mpg ~ wt", mtcars), "two sides",
    class = "questrial_error_argument"
  )
  expect_error(fit_glm(mpg ~ wt, as.matrix(mtcars)), "data frame",
    class = "questrial_error_argument"
  )
})

test_that("infinite values are named by column and row", {
  data <- mtcars
  data$wt[[3]] <- Inf
  error <- expect_error(fit_glm(mpg ~ wt, data), class = "questrial_error_argument")
  expect_identical(error$column, "wt")
  expect_identical(error$row, 3)
  expect_match(conditionMessage(error), "`wt` is Inf in row Datsun 710", fixed = TRUE)
  data <- mtcars
  data$mpg[[2]] <- -Inf
  expect_error(fit_glm(mpg ~ wt, data), "response` is -Inf", class = "questrial_error_argument")
  data <- mtcars
  data$w <- c(-1, rep(1, 31))
  error <- expect_error(fit_glm(mpg ~ wt, data, weights = w), class = "questrial_error_argument")
  expect_identical(error$row, 1L)
  data$o <- c(rep(0, 31), Inf)
  expect_error(fit_glm(mpg ~ wt + offset(o), data), "offset is Inf",
    class = "questrial_error_argument"
  )
})

test_that("a factor with one level is named, and an unused one noted", {
  data <- mtcars
  data$arm <- factor("control", levels = c("control", "balint"))
  error <- expect_error(fit_glm(mpg ~ arm + wt, data), class = "questrial_error_argument")
  expect_identical(error$column, "arm")
  expect_match(conditionMessage(error), "\"control\"", fixed = TRUE)
  data$arm <- factor(data$cyl, levels = c(4, 6, 8, 12))
  fit <- fit_glm(mpg ~ arm, data)
  expect_named(coef(fit), c("(Intercept)", "arm6", "arm8"))
  expect_output(print(summary(fit)), "No rows with arm at `12`")
  expect_error(fit_glm(arm ~ wt, data), "text or a factor", class = "questrial_error_argument")
  expect_error(fit_glm(cbind(mpg, wt) ~ hp, data), "2 columns", class = "questrial_error_argument")
})

test_that("no rows is an error that says why", {
  data <- mtcars
  expect_error(fit_glm(mpg ~ wt, data[0, ]), "0 rows", class = "questrial_error_no_data")
  expect_error(fit_glm(mpg ~ wt, data, subset = wt > 99), "`subset` chose none",
    class = "questrial_error_no_data"
  )
  data$wt <- NA_real_
  expect_error(fit_glm(mpg ~ wt, data), "missing values", class = "questrial_error_no_data")
  data$w <- 0
  expect_error(fit_glm(mpg ~ hp, data, weights = w), "weight above 0",
    class = "questrial_error_no_data"
  )
})

test_that("subset, weights and types that cannot be used are classed errors", {
  expect_error(fit_glm(mpg ~ wt, mtcars, subset = nosuch > 1), "'nosuch' not found",
    class = "questrial_error_argument"
  )
  expect_error(fit_glm(mpg ~ wt, mtcars, weights = 1:2), "`weights` has 2 values, the data have 32",
    class = "questrial_error_argument"
  )
  expect_error(fit_glm(mtcars, mpg ~ wt), "comes before `data`", class = "questrial_error_argument")
  expect_error(fit_glm(nosuch ~ wt), "Was `data` forgotten", class = "questrial_error_argument")
  fit <- fit_glm(mpg ~ wt, mtcars)
  expect_error(residuals(fit, "std"), "`type` must be", class = "questrial_error_argument")
  expect_error(vcov(fit, kind = "HC3"), "Unknown argument", class = "questrial_error_argument")
  expect_error(confint(fit, "wtt"), "Did you mean `wt`", class = "questrial_error_argument")
})

test_that("saturated and perfect fits do not fall over", {
  data <- data.frame(x = 1:2, y = c(1, 3))
  fit <- fit_glm(y ~ x, data)
  expect_equal(unname(coef(fit)), c(-1, 2))
  expect_identical(df.residual(fit), 0)
  expect_true(all(is.nan(summary(fit)$coefficients[, "Std. Error"])))
  expect_output(print(summary(fit)))
  wide <- fit_glm(y ~ x + I(x^2) + I(x^3), data)
  expect_identical(unname(is.na(coef(wide))), c(FALSE, FALSE, TRUE, TRUE))
})

# ---- Other packages ----

test_that("tidy, glance and augment are those of broom on lm", {
  skip_if_not_installed("broom")
  fit <- fit_glm(mpg ~ wt + factor(cyl), mtcars)
  theirs <- lm(mpg ~ wt + factor(cyl), mtcars)
  ours <- generics::tidy(fit, conf.int = TRUE, conf.level = 0.9)
  want <- as.data.frame(broom::tidy(theirs, conf.int = TRUE, conf.level = 0.9))
  expect_identical(names(ours), c(names(want)[1:4], "df", names(want)[5:7]))
  expect_equal(ours[names(want)], want, tolerance = 1e-9)
  expect_identical(class(ours), "data.frame")
  glance <- generics::glance(fit)
  want <- as.data.frame(broom::glance(theirs))
  expect_equal(glance[names(want)], want, tolerance = 1e-9, ignore_attr = TRUE)
  augmented <- generics::augment(fit)
  want <- as.data.frame(broom::augment(theirs))
  columns <- c(".fitted", ".resid", ".hat", ".cooksd", ".std.resid")
  expect_equal(augmented[columns], want[columns], tolerance = 1e-9, ignore_attr = TRUE)
  expect_error(generics::tidy(fit, conf.lvl = 0.9), "Unknown argument",
    class = "questrial_error_argument"
  )
})

test_that("sandwich covariances are those of lm", {
  skip_if_not_installed("sandwich")
  for (name in c("mtcars", "airquality", "aliased", "warpbreaks")) {
    fits <- both_fits(models[[name]])
    for (type in c("HC0", "HC1", "HC3")) {
      expect_near(
        sandwich::vcovHC(fits$ours, type), sandwich::vcovHC(fits$theirs, type), 1e-8, name
      )
    }
    expect_near(sandwich::sandwich(fits$ours), sandwich::sandwich(fits$theirs), 1e-8, name)
  }
  fits <- both_fits(models$co2)
  plant <- CO2$Plant
  expect_near(
    sandwich::vcovCL(fits$ours, plant, type = "HC1"), sandwich::vcovCL(fits$theirs, plant), 1e-8
  )
})

test_that("emmeans are those of lm", {
  skip_if_not_installed("emmeans")
  # In these calls, because emmeans looks for the data by the call of the fit.
  fits <- list(
    list(
      fit_glm(breaks ~ wool * tension, warpbreaks),
      lm(breaks ~ wool * tension, warpbreaks), ~ wool | tension
    ),
    list(
      fit_glm(uptake ~ Type * Treatment + log(conc), CO2),
      lm(uptake ~ Type * Treatment + log(conc), CO2), ~Treatment
    ),
    list(
      fit_glm(mpg ~ wt + factor(vs) + I(1 - vs), mtcars, weights = hp),
      lm(mpg ~ wt + factor(vs) + I(1 - vs), mtcars, weights = hp), ~vs
    )
  )
  for (pair in fits) {
    ours <- as.data.frame(suppressMessages(emmeans::emmeans(pair[[1]], pair[[3]])))
    theirs <- as.data.frame(suppressMessages(emmeans::emmeans(pair[[2]], pair[[3]])))
    expect_equal(ours, theirs, tolerance = 1e-8, ignore_attr = TRUE)
  }
})

test_that("prints keep to 80 columns", {
  withr::local_options(width = 80)
  fit <- fit_glm(Ozone ~ Solar.R + Wind + Temp + factor(Month), airquality)
  for (x in list(fit, summary(fit), anova(fit))) {
    expect_lte(max(nchar(utils::capture.output(print(x)))), 80)
  }
})

test_that("plot() draws and gives the fit back", {
  withr::local_pdf(NULL)
  fit <- fit_glm(mpg ~ wt, mtcars)
  expect_identical(withVisible(plot(fit)), list(value = fit, visible = FALSE))
})

test_that("deviance residuals of means that meet their response are not the root of rounding", {
  counts <- data.frame(y = c(13, 13, 13, 2, 2, 2), x = gl(2, 3))
  near <- fit_glm(y ~ x, counts, poisson())
  expect_lt(max(abs(residuals(near))), 1e-12)
  # Against the series of y log(y / mu) - (y - mu) about mu, to its third term.
  near$fitted.values <- near$y * (1 + c(1e-6, -1e-6, 3e-6, 1e-4, -1e-4, 0))
  off <- (near$y - near$fitted.values) / near$fitted.values
  unit <- 2 * near$fitted.values * (off^2 / 2 - off^3 / 6 + off^4 / 12)
  expect_equal(unname(residuals(near)), sign(off) * sqrt(unit), tolerance = 1e-5)
})
