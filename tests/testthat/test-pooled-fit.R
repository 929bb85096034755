imp_of <- function(name, m = 5) {
  skip_if_not_installed("mice")
  from_mids(mids_of(name, m))
}

# Rubin's rules, as they are printed, on the covariances of the single fits.
expect_pooled <- function(pooled, vcov, ...) {
  each <- lapply(pooled$fits, function(fit) fit_covariance(fit, vcov, ...)$matrix)
  within <- Reduce(`+`, each) / pooled$m
  between <- cov(t(vapply(pooled$fits, coef, coef(pooled))))
  total <- within + (1 + 1 / pooled$m) * between
  expect_equal(vcov(pooled, vcov, ...), total, tolerance = 1e-12)
}

test_that("every covariance of a fit is pooled", {
  pooled <- fit_glm(Ozone ~ Wind + Temp, imp_of("airquality"), cluster = ~ Month)
  for (type in covariance_types) {
    expect_pooled(pooled, type)
  }
  expect_pooled(pooled, "CR1", cluster = ~ Day)
})

test_that("df with complete data are those of the covariance", {
  pooled <- fit_glm(Ozone ~ Wind + Temp, imp_of("airquality"), cluster = ~ Month)
  expect_df <- function(vcov, complete) {
    table <- generics::tidy(pooled, vcov = vcov)
    observed <- (complete + 1) / (complete + 3) * complete * (1 - table$lambda)
    expect_equal(table$df, 1 / (table$lambda^2 / 4 + 1 / observed), tolerance = 1e-10)
  }
  skip_if_not_installed("generics")
  expect_df("model", 150)
  expect_df("CR1", 4)
  satterthwaite <- vapply(pooled$fits, function(fit) {
    generics::tidy(fit, vcov = "CR2")$df
  }, numeric(3))
  expect_df("CR2", rowMeans(satterthwaite))
})

test_that("intervals are estimate and t on the pooled df", {
  skip_if_not_installed("mice")
  mids <- mids_of("nhanes2")
  fits <- with(mids, lm(chl ~ age + bmi))
  theirs <- summary(mice::pool(fits), conf.int = TRUE)
  pooled <- pool(fits)
  expect_equal(unname(confint(pooled)), unname(as.matrix(theirs[c("2.5 %", "97.5 %")])))
  table <- generics::tidy(pooled, conf.int = TRUE)
  expect_equal(table$conf.low, theirs[["2.5 %"]])
  expect_equal(table$p.value, theirs$p.value)
  expect_named(table, c(
    "term", "estimate", "std.error", "statistic", "df", "p.value", "conf.low", "conf.high", "fmi",
    "riv", "lambda", "mc.error"
  ))
  expect_equal(confint(pooled, "bmi", level = 0.9)[1, ], confint(pooled, level = 0.9)["bmi", ])
})

test_that("covariance functions and lists are taken, one matrix is not", {
  skip_if_not_installed("sandwich")
  imp <- imp_of("airquality")
  fits <- lapply(as.list(imp), function(data) lm(Ozone ~ Wind + Temp, data))
  pooled <- fit_glm(Ozone ~ Wind + Temp, imp)
  expect_equal(vcov(pool(fits), sandwich::vcovHC), vcov(pooled, "HC3"), tolerance = 1e-9)
  matrices <- lapply(fits, sandwich::vcovHC)
  expect_equal(vcov(pooled, matrices), vcov(pooled, "HC3"), tolerance = 1e-9)
  expect_error(vcov(pooled, matrices[[1]]), "no part between", class = "questrial_error_argument")
  expect_error(vcov(pooled, matrices[1:2]), "2 matrices for 5 fits")
  expect_error(vcov(pool(fits), "HC3"), "fits of fit_glm", class = "questrial_error_argument")
})

test_that("a single imputation is marked", {
  data <- data.frame(y = c(1, 3, 2, 5, 4, 6), x = c(1:5, NA))
  imp <- new_imputations(data, list(x = matrix(3)), 1)
  pooled <- suppressWarnings(fit_glm(y ~ x, imp))
  expect_warning(fit_glm(y ~ x, imp), class = "questrial_warning_single_imputation")
  expect_equal(vcov(pooled), vcov(fit_glm(y ~ x, imp[[1]])))
  expect_output(print(pooled), "Single imputation")
  expect_output(print(pooled), "6 rows used in 1 imputation.", fixed = TRUE)
  expect_output(print(summary(pooled)), "Single imputation")
})

# Von Hippel (2020, eq. 2): a fraction of .3, known exactly, needs 1 + 36 / 2 = 19 for cv .05.
test_that("the number of imputations follows von Hippel's rule", {
  table <- data.frame(term = "a", lambda = 0.3, mc.error = 1)
  expect_equal(needed_table(transform(table, lambda = 0.299), 1e12, 0.05, 0.95)$m.needed, 19)
  expect_equal(needed_table(table, 1 + 18, 0.05, 0.95)$cv, 0.05)
  few <- needed_table(table, 5, 0.05, 0.95)
  high <- plogis(qlogis(0.3) + qnorm(0.975) * sqrt(2 / 5))
  expect_equal(few$lambda.high, high)
  expect_equal(few$cv.high, high / sqrt(8))
  expect_equal(few$m.needed, ceiling(1 + (high / 0.05)^2 / 2))
  none <- needed_table(transform(table, lambda = 0), 5, 0.05, 0.95)
  expect_identical(c(none$cv, none$m.needed), c(0, 2))
})

# The rule is that of the sampling distribution of B: m estimates from a normal distribution.
test_that("standard errors vary over imputations as the rule says", {
  withr::local_seed(3)
  m <- 20
  se <- replicate(4000, sqrt(0.7 + (1 + 1 / m) * var(rnorm(m, 0, sqrt(0.3)))))
  lambda <- (1 + 1 / m) * 0.3 / (0.7 + (1 + 1 / m) * 0.3)
  rule <- needed_table(data.frame(term = "a", lambda = lambda, mc.error = 1), m, 0.05, 0.95)$cv
  # The Monte Carlo error of a coefficient of variation is about cv / sqrt(2 n).
  expect_equal(sd(se) / mean(se), rule, tolerance = 3 / sqrt(8000) + 0.02)
})

test_that("print and summary fit in 80 columns and say how many rows", {
  pooled <- fit_glm(chl ~ age + bmi, imp_of("nhanes2"))
  text <- c(capture.output(print(pooled)), capture.output(print(summary(pooled, vcov = "HC2"))))
  expect_true(all(nchar(text) <= 80))
  expect_match(text, "25 rows used in each of 5 imputations", all = FALSE)
  expect_match(text, "imputed again, standard errors would differ", all = FALSE)
  expect_match(text, "HC2, robust to unequal variances, pooled over", all = FALSE)
})

test_that("summary() says when clusters are not looked at", {
  pooled <- fit_glm(Ozone ~ Wind, imp_of("airquality"), cluster = ~ Month)
  expect_output(print(summary(pooled)), "Clusters: 5 of Month")
  expect_no_match(capture.output(print(summary(pooled, vcov = "CR1"))), "as if rows")
})

test_that("levels whose rows have no cluster are said to be left out", {
  data <- data.frame(
    y = c(1, 4, 2, 8, 5, 7, 3, 6, 9), arm = gl(3, 3, labels = c("usual", "group", "letter")),
    therapist = c(NA, NA, NA, 1, 1, 2, 3, 4, 4)
  )
  data$y[5] <- NA
  imp <- new_imputations(data, list(y = matrix(c(4, 6), 1)), 2)
  shown <- capture.output(print(fit_glm(y ~ arm, imp, cluster = ~therapist)))
  expect_match(shown, "No rows with arm at `usual`: left out.", all = FALSE, fixed = TRUE)
  expect_match(shown, "Clusters: 4 of therapist.", all = FALSE, fixed = TRUE)
  expect_no_match(capture.output(print(fit_glm(y ~ arm, imp))), "left out|Clusters")
})

test_that("glance() has one row", {
  skip_if_not_installed("generics")
  pooled <- fit_glm(chl ~ age + bmi, imp_of("nhanes2"))
  row <- generics::glance(pooled)
  expect_identical(dim(row), c(1L, 7L))
  expect_identical(c(row$m, row$nobs), c(5, 25))
  expect_equal(row$efficiency, 1 / (1 + row$fmi / 5))
})
