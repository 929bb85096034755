imp_of <- function(name, m = 5) {
  skip_if_not_installed("mice")
  from_mids(mids_of(name, m))
}

test_that("predictions are pooled on the link's scale, row by row", {
  imp <- imp_of("boys")
  rows <- data.frame(age = c(2, 10, NA), reg = "city", wgt = c(12, 30, 40))
  expect_warning(
    pooled <- fit_glm(bmi > 17 ~ age + reg + poly(wgt, 2), imp, family = binomial()),
    "`poly\\(wgt, 2\\)` are made anew", class = "questrial_warning_basis"
  )
  each <- lapply(pooled$fits, predict, rows, type = "link", se.fit = TRUE)
  q <- sapply(each, `[[`, "fit")[1:2, ]
  u <- sapply(each, `[[`, "se.fit")[1:2, ]^2
  total <- rowMeans(u) + 1.2 * apply(q, 1, var)
  lambda <- 1.2 * apply(q, 1, var) / total
  half <- qt(0.975, 4 / lambda^2) * sqrt(total)
  ours <- predict(pooled, rows, interval = "confidence")
  expect_equal(ours[1:2, "fit"], plogis(rowMeans(q)), tolerance = 1e-12)
  expect_equal(ours[1:2, "lwr"], plogis(rowMeans(q) - half), tolerance = 1e-10)
  expect_true(all(is.na(ours[3, ])))
  link <- predict(pooled, rows, type = "link", se.fit = TRUE)
  expect_equal(unname(link$se.fit[1:2]), unname(sqrt(total)), tolerance = 1e-10)
})

test_that("predictions of a linear model are X b with the total covariance", {
  imp <- imp_of("nhanes2")
  pooled <- fit_glm(chl ~ age + bmi, imp, offset = 2 * bmi)
  rows <- imp[[1]][1:4, ]
  x <- model.matrix(~ age + bmi, rows)
  for (vcov in c("model", "HC3")) {
    value <- predict(pooled, rows, se.fit = TRUE, vcov = vcov)
    expect_equal(unname(value$fit), unname(drop(x %*% coef(pooled)) + 2 * rows$bmi))
    expect_equal(unname(value$se.fit), unname(sqrt(rowSums((x %*% vcov(pooled, vcov)) * x))))
    expect_equal(unname(value$df), fit_covariance(pooled, vcov)$df(x))
  }
  by_lm <- pool(lapply(as.list(imp), function(data) lm(chl ~ age + bmi, data, offset = 2 * bmi)))
  expect_equal(predict(by_lm, rows, interval = "confidence"),
    predict(pooled, rows, interval = "confidence"),
    tolerance = 1e-9
  )
})

test_that("what has no pooled answer says why and what to do", {
  pooled <- fit_glm(chl ~ age + bmi, imp_of("nhanes2"))
  of_rows <- list(
    fitted, residuals, weights, model.frame, model.matrix, hatvalues, cooks.distance, influence,
    rstandard, rstudent, dfbeta, dfbetas, simulate, plot
  )
  for (method in of_rows) {
    error <- expect_error(method(pooled), class = "questrial_error_pooled")
    expect_match(conditionMessage(error), "fit$fits[[1]]", fixed = TRUE)
  }
  for (method in list(logLik, AIC, BIC, deviance)) {
    error <- expect_error(method(pooled), class = "questrial_error_pooled")
    expect_match(conditionMessage(error), "method = \"D3\"", fixed = TRUE)
  }
  expect_error(df.residual(pooled), "tidy(fit)$df", fixed = TRUE)
  expect_error(predict(pooled), "imp[[1]]", fixed = TRUE, class = "questrial_error_pooled")
  expect_error(predict(pooled, data.frame(age = "20-39")), class = "questrial_error_argument")
})

test_that("nobs, formula, terms, family and labels are those of the fits", {
  pooled <- fit_glm(chl ~ age + bmi, imp_of("nhanes2"), family = Gamma("log"))
  one <- pooled$fits[[1]]
  expect_identical(nobs(pooled), 25L)
  expect_equal(formula(pooled), formula(one))
  expect_equal(terms(pooled), terms(one))
  expect_identical(family(pooled), family(one))
  expect_identical(labels(pooled), c("age", "bmi"))
})

test_that("update() fits again", {
  imp <- imp_of("nhanes2")
  pooled <- fit_glm(chl ~ age + bmi, imp)
  expect_equal(coef(update(pooled, . ~ . - age)), coef(fit_glm(chl ~ bmi, imp)))
  weighted <- fit_glm(chl ~ age + bmi, imp, weights = bmi)
  expect_equal(coef(update(pooled, weights = bmi)), coef(weighted))
  expect_error(update(pool(pooled$fits), . ~ bmi), "given as a list")
})

test_that("emmeans has their means, with Barnard and Rubin's df", {
  skip_if_not_installed("mice")
  skip_if_not_installed("emmeans")
  mids <- mids_of("boys")
  theirs <- with(mids, lm(hgt ~ age * reg + log(wgt)))
  pooled <- fit_glm(hgt ~ age * reg + log(wgt), from_mids(mids))
  for (ours in list(pooled, pool(theirs))) {
    a <- suppressMessages(summary(emmeans::emmeans(ours, "reg")))
    b <- suppressMessages(summary(emmeans::emmeans(theirs, "reg")))
    expect_equal(a$emmean, b$emmean, tolerance = 1e-9)
    expect_equal(a$SE, b$SE, tolerance = 1e-8)
  }
  grid <- emmeans::ref_grid(pooled, at = list(age = 10, wgt = 30))
  means <- summary(grid)
  x <- grid@linfct
  expect_equal(means$df, fit_covariance(pooled)$df(x))
  robust <- summary(emmeans::ref_grid(pooled, at = list(age = 10, wgt = 30), vcov. = "HC3"))
  by_hand <- sqrt(rowSums((x %*% vcov(pooled, "HC3")) * x))
  expect_equal(robust$SE, unname(by_hand), tolerance = 1e-9)
})

test_that("the reference grid has the numbers and weights of all imputations", {
  skip_if_not_installed("emmeans")
  imp <- imp_of("nhanes2")
  pooled <- fit_glm(chl ~ hyp + bmi, imp)
  grid <- emmeans::ref_grid(pooled)
  bmi <- unlist(lapply(as.list(imp), `[[`, "bmi"))
  expect_equal(unique(grid@grid$bmi), mean(bmi))
  counts <- table(unlist(lapply(as.list(imp), function(data) as.character(data$hyp))))
  expect_equal(grid@grid$.wgt., as.vector(counts))
})

test_that("lmtest and multcomp get the pooled degrees of freedom", {
  pooled <- fit_glm(chl ~ age + bmi, imp_of("nhanes2"))
  table <- summary(pooled)$coefficients
  if (requireNamespace("lmtest", quietly = TRUE)) {
    expect_equal(unname(lmtest::coeftest(pooled)[, 4]), unname(table[, 6]))
    expect_equal(lmtest::coefci(pooled), confint(pooled))
  }
  skip_if_not_installed("multcomp")
  expect_identical(multcomp::glht(pooled, "bmi = 0")$df, floor(min(table[, "df"])))
})
