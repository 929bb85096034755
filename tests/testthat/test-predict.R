# Oracle: predict.lm() and predict.glm(), where test-glm.R and test-families.R do
# not ask them already.

test_that("terms that depend on the data are made for new data as they were", {
  formulas <- list(
    mpg ~ poly(wt, 2) + factor(cyl), mpg ~ splines::ns(wt, 3) * am, mpg ~ scale(wt) + log(hp),
    mpg ~ splines::bs(hp, df = 5), mpg ~ 0 + factor(gear):wt + offset(qsec)
  )
  rows <- mtcars[c(30, 2, 17), ]
  for (formula in formulas) {
    ours <- predict(fit_glm(formula, mtcars), rows, se.fit = TRUE)
    theirs <- predict(lm(formula, mtcars), rows, se.fit = TRUE)
    expect_equal(ours$fit, theirs$fit, tolerance = 1e-9)
    expect_equal(ours$se.fit, theirs$se.fit, tolerance = 1e-8)
  }
})

test_that("rows with missing values have NA in their places", {
  fit <- fit_glm(mpg ~ wt + factor(cyl), mtcars)
  rows <- data.frame(wt = c(3, NA, 2, 4), cyl = c(4, 6, NA, 8), row.names = letters[1:4])
  got <- predict(fit, rows, se.fit = TRUE, interval = "confidence")
  want <- predict(lm(mpg ~ wt + factor(cyl), mtcars), rows, se.fit = TRUE, interval = "confidence")
  expect_equal(got$fit, want$fit, tolerance = 1e-9)
  expect_equal(unname(got$se.fit), unname(want$se.fit), tolerance = 1e-8)
  expect_identical(names(predict(fit, rows)), letters[1:4])
  expect_length(predict(fit, rows[0, ]), 0)
  air <- fit_glm(Ozone ~ Wind, airquality, na.action = na.exclude)
  expect_length(predict(air, se.fit = TRUE)$se.fit, 153)
  expect_identical(is.na(unname(predict(air))), is.na(airquality$Ozone))
})

test_that("many rows are predicted as by a model matrix", {
  set.seed(4)
  data <- data.frame(x = rnorm(5e4), g = gl(4, 12500), y = rnorm(5e4))
  fit <- fit_glm(y ~ x * g, data)
  x <- model.matrix(fit)
  got <- predict(fit, data, se.fit = TRUE)
  expect_equal(unname(got$fit), drop(x %*% coef(fit)), ignore_attr = TRUE, tolerance = 1e-12)
  expect_equal(unname(got$se.fit), sqrt(rowSums((x %*% vcov(fit)) * x)),
    ignore_attr = TRUE, tolerance = 1e-10
  )
})

test_that("intervals use the covariance that is asked for, and its df", {
  fit <- fit_glm(mpg ~ wt, mtcars, cluster = ~carb)
  rows <- data.frame(wt = 3)
  x <- cbind(1, 3)
  error <- sqrt(drop(x %*% vcov(fit, type = "HC3") %*% t(x)))
  limits <- predict(fit, rows, interval = "confidence", vcov = "HC3")
  expect_equal(unname(limits[, "upr"] - limits[, "fit"]), qt(0.975, 30) * error, tolerance = 1e-9)
  by_cluster <- predict(fit, rows, interval = "confidence", vcov = "CR2")
  expect_gt(by_cluster[, "upr"] - by_cluster[, "fit"], 0)
})

test_that("new data that do not fit are refused by name", {
  fit <- fit_glm(mpg ~ wt + factor(cyl), mtcars)
  expect_error(predict(fit, data.frame(wt = 3)), "no column `cyl`",
    class = "questrial_error_argument"
  )
  expect_error(predict(fit, data.frame(wt = 3, cyl = 5)), "new level",
    class = "questrial_error_argument"
  )
  expect_identical(unname(is.na(predict(fit, data.frame(wt = c(3, NA), cyl = 6)))), c(FALSE, TRUE))
  expect_error(
    predict(fit, data.frame(wt = 3, cyl = 6), se.fti = TRUE), "Unknown argument `se.fti`",
    class = "questrial_error_argument"
  )
  aliased <- fit_glm(mpg ~ wt + I(2 * wt), mtcars)
  expect_warning(predict(aliased, data.frame(wt = 3)), class = "questrial_warning_singular")
})
