# Largest relative differences of a pooled fit from what mice::pool() gives.
expect_as_mice <- function(pooled, theirs, tolerance = 1e-10) {
  ours <- tidy_of(pooled)
  theirs <- theirs$pooled
  expect_equal(ours$term, as.character(theirs$term))
  expect_equal(ours$estimate, theirs$estimate, tolerance = tolerance)
  expect_equal(ours$std.error, sqrt(theirs$t), tolerance = tolerance)
  for (column in c("df", "riv", "lambda", "fmi")) {
    expect_equal(ours[[column]], theirs[[column]], tolerance = tolerance, label = column)
  }
}

tidy_of <- function(fit, ...) {
  skip_if_not_installed("generics")
  generics::tidy(fit, ...)
}

test_that("fits of lm are pooled as by mice", {
  skip_if_not_installed("mice")
  models <- list(
    nhanes2 = chl ~ age + bmi + hyp, boys = bmi ~ age + hgt + reg, airquality = Ozone ~ Wind * Month
  )
  for (name in names(models)) {
    mids <- mids_of(name)
    formula <- models[[name]]
    fits <- lapply(mice::complete(mids, "all"), function(data) lm(formula, data))
    theirs <- mice::pool(mice::as.mira(fits))
    expect_as_mice(pool(fits), theirs)
    expect_as_mice(pool(mice::as.mira(fits)), theirs)
    expect_as_mice(fit_glm(formula, from_mids(mids)), theirs, 1e-8)
  }
})

test_that("fits of glm are pooled as by mice", {
  skip_if_not_installed("mice")
  mids <- mids_of("nhanes2")
  control <- list(epsilon = 1e-14)
  logistic <- with(mids, glm(hyp ~ bmi + chl, family = binomial, control = control))
  theirs <- mice::pool(logistic)
  expect_as_mice(pool(logistic, df.complete = 22), theirs)
  imp <- from_mids(mids)
  ours <- fit_glm(hyp ~ bmi + chl, imp, family = binomial())
  expect_as_mice(pool(ours$fits, df.complete = 22), theirs, 1e-8)
  gamma <- with(mids, glm(chl ~ bmi + age, family = Gamma("log"), control = control))
  expect_as_mice(pool(gamma), mice::pool(gamma), 1e-10)
})

test_that("a known variance means z with complete data", {
  skip_if_not_installed("mice")
  mids <- mids_of("nhanes2")
  logistic <- with(mids, glm(hyp ~ bmi + chl, family = binomial))
  expect_as_mice(pool(logistic), mice::pool(logistic, dfcom = Inf))
  by_us <- fit_glm(hyp ~ bmi + chl, from_mids(mids), family = binomial())
  table <- tidy_of(by_us)
  expect_equal(table$df, 4 / table$lambda^2, tolerance = 1e-12)
})

test_that("what is not missing costs nothing", {
  fits <- rep(list(fit_glm(mpg ~ wt + hp, mtcars)), 4)
  pooled <- pool(fits)
  expect_identical(coef(pooled), coef(fits[[1]]))
  expect_identical(vcov(pooled), vcov(fits[[1]]))
  table <- tidy_of(pooled)
  expect_identical(table$riv, numeric(3))
  expect_identical(table$mc.error, numeric(3))
  expect_equal(table$df, rep(30 / 32 * 29, 3))
  expect_no_match(capture.output(print(pooled)), "imputed again")
})

test_that("fits that do not go together are refused by number and coefficient", {
  fit <- fit_glm(mpg ~ wt + hp, mtcars)
  other <- fit_glm(mpg ~ wt + qsec, mtcars)
  expect_error(pool(list(fit)), "has 1 fit;", class = "questrial_error_argument")
  expect_error(pool(list()), "has 0 fits", class = "questrial_error_argument")
  expect_error(pool(fit), "a single fit", class = "questrial_error_argument")
  error <- expect_error(pool(list(fit, fit, other)), class = "questrial_error_argument")
  expect_match(conditionMessage(error), "Fit 3 has a coefficient `qsec`, which fit 1 has not")
  expect_identical(error$row, 3L)
  expect_error(pool(list(fit, fit_glm(mpg ~ hp + wt, mtcars))), "another order")
  expect_error(pool(list(fit, 3)), "Fit 2", class = "questrial_error_argument")
  expect_error(pool(list(fit, fit), df.complete = 0), class = "questrial_error_argument")
})

test_that("coefficients aliased in some fits only are refused", {
  data <- transform(mtcars, twice = 2 * wt)
  whole <- fit_glm(mpg ~ wt + twice, data)
  expect_silent(pool(list(whole, whole)))
  almost <- fit_glm(mpg ~ wt + twice, transform(data, twice = twice + hp))
  error <- expect_error(pool(list(whole, almost)), class = "questrial_error_argument")
  expect_match(conditionMessage(error), "`twice` is aliased (NA) in fit 1 but not in fit 2",
    fixed = TRUE
  )
  expect_identical(error$column, "twice")
})

test_that("aliased coefficients stay NA", {
  fit <- fit_glm(mpg ~ wt + twice, transform(mtcars, twice = 2 * wt))
  pooled <- pool(list(fit, fit))
  expect_identical(is.na(coef(pooled)), is.na(coef(fit)))
  expect_identical(vcov(pooled, complete = FALSE), vcov(fit, complete = FALSE))
  expect_true(is.na(tidy_of(pooled)$fmi[[3]]))
  expect_output(print(summary(pooled)), "Not estimable")
})

test_that("data sets are not averaged", {
  expect_error(pool(list(mtcars, mtcars)), "never averaged", class = "questrial_error_argument")
  imp <- new_imputations(mtcars, list(), 2)
  expect_error(pool(imp), "fit_glm(formula, imp)", fixed = TRUE)
})

test_that("a covariance that does not go with the coefficients is refused", {
  fit <- structure(list(coefficients = c(a = 1, b = 2)), class = "odd_fit")
  registerS3method("vcov", "odd_fit", function(object, ...) {
    matrix(1, 1, 1, dimnames = list("a", "a"))
  }, envir = asNamespace("stats"))
  error <- expect_error(pool(list(fit, fit)), class = "questrial_error_argument")
  expect_match(conditionMessage(error), "no row for coefficient `b`")
})

test_that("other packages' fits are pooled by coef() and vcov()", {
  skip_if_not_installed("mice")
  mids <- mids_of("nhanes2")
  if (requireNamespace("survival", quietly = TRUE)) {
    cox <- lapply(mice::complete(mids, "all"), function(data) {
      survival::coxph(survival::Surv(chl, hyp == "yes") ~ bmi, data)
    })
    theirs <- mice::pool(mice::as.mira(cox), dfcom = Inf)
    expect_as_mice(pool(cox), theirs)
  }
})

test_that("mixed models are pooled by their fixed effects, as by mitml", {
  skip_if_not_installed("mice")
  skip_if_not_installed("mitml")
  skip_if_not_installed("lme4")
  mixed <- lapply(mice::complete(mids_of("airquality"), "all"), function(data) {
    lme4::lmer(Ozone ~ Wind + (1 | Month), data)
  })
  df <- df.residual(mixed[[1]])
  theirs <- mitml::testEstimates(mixed, df.com = df)$estimates
  ours <- tidy_of(pool(mixed))
  columns <- c("estimate", "std.error", "statistic", "df", "p.value", "riv", "fmi")
  expect_equal(unname(as.matrix(ours[columns])), unname(theirs), ignore_attr = TRUE)
  expect_error(anova(pool(mixed), pool(mixed), method = "D3"), class = "questrial_error_argument")
})

test_that("other packages' fits have the degrees of freedom of their tests", {
  data <- transform(airquality, Ozone = ifelse(is.na(Ozone), 40, Ozone))
  expect_identical(complete_df(lm(Ozone ~ Wind, data)), 151)
  expect_identical(complete_df(glm(Ozone ~ Wind, Gamma, data)), 151)
  expect_identical(complete_df(glm(Ozone ~ Wind, quasipoisson, data)), 151)
  expect_identical(complete_df(glm(round(Ozone) ~ Wind, poisson, data)), Inf)
  expect_identical(complete_df(glm(Ozone > 40 ~ Wind, binomial, data)), Inf)
  skip_if_not_installed("MASS")
  expect_identical(complete_df(MASS::glm.nb(round(Ozone) ~ Wind, data)), Inf)
})

test_that("ordinal and multinomial fits are pooled with all their coefficients", {
  skip_if_not_installed("mice")
  skip_if_not_installed("MASS")
  data <- mice::complete(mids_of("airquality"), "all")
  ordinal <- lapply(data, function(one) MASS::polr(Month ~ Ozone, one, Hess = TRUE))
  expect_named(coef(pool(ordinal)), rownames(vcov(ordinal[[1]])))
  within <- Reduce(`+`, lapply(ordinal, vcov)) / 5
  between <- cov(t(vapply(ordinal, function(fit) c(fit$coefficients, fit$zeta), numeric(5))))
  expect_equal(vcov(pool(ordinal)), within + 1.2 * between, tolerance = 1e-12)
  skip_if_not_installed("nnet")
  nominal <- lapply(data, function(one) nnet::multinom(Month ~ Ozone, one, trace = FALSE))
  pooled <- pool(nominal)
  expect_named(coef(pooled), rownames(vcov(nominal[[1]])))
  expect_equal(coef(pooled)[["7:Ozone"]], mean(vapply(nominal, function(x) coef(x)["7", 2], 0)))
})

test_that("imputations of mice are to be traded first", {
  skip_if_not_installed("mice")
  expect_error(fit_glm(chl ~ bmi, mids_of("nhanes2")), "as_imputations",
    class = "questrial_error_argument"
  )
})

test_that("fit_glm() reads every argument in each completed data set", {
  skip_if_not_installed("mice")
  imp <- from_mids(mids_of("boys"))
  pooled <- fit_glm(hgt ~ age + reg + offset(bmi),
    data = imp, weights = wgt, subset = bmi > 15, offset = hc, contrasts = list(reg = "contr.sum")
  )
  by_hand <- lapply(as.list(imp), function(data) {
    lm(hgt ~ age + reg + offset(bmi), data,
      weights = wgt, subset = bmi > 15, offset = hc,
      contrasts = list(reg = "contr.sum")
    )
  })
  expect_equal(coef(pooled), coef(pool(by_hand)), tolerance = 1e-9)
  expect_equal(vcov(pooled), vcov(pool(by_hand)), tolerance = 1e-9)
  firth <- fit_glm(bmi > 18 ~ age, imp, family = binomial(), method = "firth")
  one <- fit_glm(bmi > 18 ~ age, imp[[2]], family = binomial(), method = "firth")
  expect_identical(coef(firth$fits[[2]]), coef(one))
})

test_that("a warning of many fits is given once, with how many", {
  x <- c(1, 2, 3, 4, 5, NA)
  data <- data.frame(x = x, y = c(0, 0, 0, 1, 1, 0))
  imp <- new_imputations(data, list(x = matrix(c(2, 4.5, 1), 1)), 3)
  expect_warning(
    fit <- fit_glm(y ~ x, imp, family = binomial()), "In 2 of 3 imputations: Separation",
    class = "questrial_warning_separation"
  )
  expect_output(print(fit), "In 2 of 3")
})

test_that("a level without rows in one imputation is named", {
  data <- data.frame(y = 1:6 + sin(1:6), g = factor(c("a", "a", "b", "b", NA, NA), c("a", "b", "c")))
  imp <- new_imputations(data, list(g = matrix(c(3L, 1L, 1L, 2L), 2)), 2)
  error <- expect_error(fit_glm(y ~ g, imp), class = "questrial_error_argument")
  expect_match(conditionMessage(error), "Fit 2 has no coefficient `gc`")
})

test_that("an error says in which imputation it is", {
  data <- data.frame(y = c(1, 3, 2, NA), x = 1:4)
  imp <- new_imputations(data, list(y = matrix(c(1, Inf, 2), 1)), 3)
  expect_error(fit_glm(y ~ x, imp), "^In imputation 2: .*Inf in row 4",
    class = "questrial_error_argument"
  )
  expect_error(fit_glm(y ~ z, imp), "^`formula`: there is no variable `z`")
})

test_that("columns that are the same in all imputations give no warning", {
  data <- data.frame(y = c(1, 3, 2, NA, 5, 1, 2), x = c(1, 2, 4, 7, 9, 3, NA))
  imp <- new_imputations(data, list(y = matrix(c(1, 4), 1), x = matrix(c(5, 6), 1)), 2)
  expect_warning(fit_glm(y ~ poly(x, 2), imp), class = "questrial_warning_basis")
  expect_silent(fit_glm(y ~ poly(x, 2, raw = TRUE), imp))
  expect_silent(fit_glm(x ~ log(y), imp))
})

test_that("results of with() are pooled, and know their data", {
  data <- data.frame(y = c(1, 3, 2, NA, 5, 1, 2), g = c(1, 1, 2, 2, 3, 3, 3), x = c(1:6, 3))
  imp <- new_imputations(data, list(y = matrix(c(1, 4), 1)), 2)
  pooled <- pool(with(imp, fit_glm(y ~ x)))
  expect_equal(coef(pooled), coef(fit_glm(y ~ x, imp)))
  expect_equal(vcov(pooled, "CR1", ~ g), vcov(fit_glm(y ~ x, imp, cluster = ~ g), "CR1"))
})

test_that("estimating equations are pooled with their covariances", {
  skip_if_not_installed("mice")
  data <- mice::complete(mids_of("airquality"), "all")
  fits <- lapply(data, function(one) fit_gee(Ozone ~ Wind + Temp, one, cluster = ~ Month))
  pooled <- pool(fits)
  each <- lapply(fits, vcov, "MD")
  between <- cov(t(vapply(fits, coef, coef(fits[[1]]))))
  expect_equal(vcov(pooled, "MD"), Reduce(`+`, each) / 5 + 1.2 * between, tolerance = 1e-12)
  expect_error(vcov(pooled, "HC3"), class = "questrial_error_argument")
})
