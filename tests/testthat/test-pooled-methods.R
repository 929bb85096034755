imp_of <- function(name, m = 5) {
  skip_if_not_installed("mice")
  from_mids(mids_of(name, m))
}

test_that("fit_glm() reads every argument in each completed data set", {
  imp <- imp_of("boys")
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
