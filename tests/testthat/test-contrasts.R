# Oracles: arithmetic on vcov() of lm(), pmvt() of mvtnorm.

contrast_columns <- c(
  "contrast", "estimate", "std.error", "statistic", "df", "p.value", "conf.low", "conf.high"
)

test_that("contrasts from texts, vectors and matrices are those of lm", {
  theirs <- lm(weight ~ feed, chickwts)
  fit <- fit_glm(weight ~ feed, chickwts)
  rows <- rbind(c(0, 0, -1, 0, 1, 0), c(0, 0, 0.5, 0, 0.25, -1))
  estimate <- drop(rows %*% coef(theirs))
  error <- sqrt(diag(rows %*% vcov(theirs) %*% t(rows)))
  half <- qt(0.95, 65) * error
  texts <- c(
    "feedsoybean - feedlinseed = 0",
    "a mean" = "(2 * feedlinseed + feedsoybean) / 4 - feedsunflower"
  )
  colnames(rows) <- names(coef(theirs))
  given <- list(
    texts, rows, unname(rows),
    list(c(feedsoybean = 1, feedlinseed = -1), rows[2, c(6, 5, 3)])
  )
  for (contrasts in given) {
    ours <- linear_contrast(fit, contrasts, conf.level = 0.9)
    expect_identical(names(ours), contrast_columns)
    expect_equal(ours$estimate, estimate, tolerance = 1e-12)
    expect_equal(ours$std.error, error, tolerance = 1e-12)
    expect_equal(ours$p.value, 2 * pt(-abs(estimate / error), 65), tolerance = 1e-10)
    expect_equal(ours$conf.low, estimate - half, tolerance = 1e-12)
    expect_equal(ours$conf.high, estimate + half, tolerance = 1e-12)
    expect_identical(ours$df, c(65, 65))
  }
  expect_identical(linear_contrast(fit, texts)$contrast, c(texts[[1]], "a mean"))
  expect_identical(
    linear_contrast(fit, rows)$contrast,
    c("-feedlinseed + feedsoybean", "0.5 * feedlinseed + 0.25 * feedsoybean - feedsunflower")
  )
})

test_that("names of coefficients may hold anything, and lie in one another", {
  fit <- fit_glm(mpg ~ wt * factor(gear) + I(wt^2) + poly(hp, 2), mtcars)
  b <- coef(fit)
  texts <- c(
    "wt:factor(gear)4 - wt", "2*I(wt^2)-(Intercept)", "poly(hp, 2)1 + poly(hp, 2)2",
    "`factor(gear)5` - factor(gear)4", "-wt / 2"
  )
  want <- c(
    b[["wt:factor(gear)4"]] - b[["wt"]], 2 * b[["I(wt^2)"]] - b[["(Intercept)"]],
    b[["poly(hp, 2)1"]] + b[["poly(hp, 2)2"]], b[["factor(gear)5"]] - b[["factor(gear)4"]],
    -b[["wt"]] / 2
  )
  expect_equal(linear_contrast(fit, texts)$estimate, want, tolerance = 1e-13)
})

test_that("a right-hand side is the number tested against", {
  fit <- fit_glm(mpg ~ wt + hp, mtcars)
  ours <- linear_contrast(fit, c("wt = -3", "wt + 1 = hp"))
  expect_equal(ours$null.value, c(-3, -1))
  expect_equal(ours$estimate, c(coef(fit)[["wt"]], coef(fit)[["wt"]] - coef(fit)[["hp"]]))
  expect_equal(ours$statistic, (ours$estimate - ours$null.value) / ours$std.error)
})

test_that("what aliased coefficients leave open is NA, the rest is not", {
  fit <- fit_glm(mpg ~ wt + factor(vs) + I(1 - vs), mtcars)
  ours <- linear_contrast(fit, c("factor(vs)1", "factor(vs)1 - I(1 - vs)", "wt"))
  expect_identical(is.na(ours$estimate), c(TRUE, FALSE, FALSE))
  plain <- lm(mpg ~ wt + factor(vs), mtcars)
  expect_equal(ours$estimate[-1], unname(coef(plain)[c("factor(vs)1", "wt")]), tolerance = 1e-12)
  expect_output(print(ours), "Not estimable.*factor\\(vs\\)1")
})

test_that("P values are adjusted as by p.adjust, intervals by Bonferroni", {
  fit <- fit_glm(weight ~ feed, chickwts)
  rows <- cbind(0, diag(5))
  plain <- linear_contrast(fit, rows)
  for (method in c("holm", "hochberg", "BH")) {
    ours <- linear_contrast(fit, rows, adjust = method)
    expect_equal(ours$p.value, p.adjust(plain$p.value, method))
    expect_equal(ours$conf.low, plain$conf.low)
    expect_match(attr(ours, "notes"), "intervals not", all = FALSE)
  }
  ours <- linear_contrast(fit, rows, adjust = "bonferroni")
  wide <- linear_contrast(fit, rows, conf.level = 0.99)
  expect_equal(ours$conf.high, wide$conf.high)
})

test_that("single-step is the multivariate t of mvtnorm", {
  skip_if_not_installed("mvtnorm")
  fit <- fit_glm(weight ~ feed, chickwts)
  pairs <- t(combn(6, 2, function(k) diag(6)[k[[2]], ] - diag(6)[k[[1]], ]))
  pairs[, 1] <- 0
  for (rows in list(cbind(0, diag(5)), pairs, pairs[c(1, 3), ], pairs[1, , drop = FALSE])) {
    ours <- linear_contrast(fit, rows, adjust = "single-step")
    correlation <- cov2cor(rows %*% vcov(fit) %*% t(rows))
    withr::local_seed(1)
    want <- vapply(abs(ours$statistic), function(t) {
      k <- nrow(rows)
      bounds <- rep(t, k)
      1 - if (k == 1) 1 - 2 * pt(-t, 65) else mvtnorm::pmvt(-bounds, bounds,
        df = 65, corr = correlation, algorithm = mvtnorm::GenzBretz(2e6, 1e-5)
      )
    }, numeric(1))
    expect_lt(max(abs(ours$p.value - want)), 5e-4)
  }
  half <- (ours$conf.high - ours$conf.low) / 2
  expect_equal(half, qt(0.975, 65) * ours$std.error)
})

test_that("exponentials keep the standard error", {
  fit <- fit_glm(log(mpg) ~ wt, mtcars)
  plain <- linear_contrast(fit, "wt")
  ours <- linear_contrast(fit, "wt", exponentiate = TRUE)
  expect_equal(ours$conf.low, exp(plain$conf.low))
  expect_equal(ours$std.error, plain$std.error)
})

test_that("contrasts that cannot be read are refused", {
  fit <- fit_glm(mpg ~ wt + hp, mtcars)
  refused <- function(contrasts, message, ...) {
    expect_error(linear_contrast(fit, contrasts, ...), message, class = "questrial_error_argument")
  }
  refused("wtt - hp", "no coefficient `wtt`. Did you mean `wt`")
  refused("wt * hp", "not linear")
  refused("log(wt)", "not linear")
  refused("wt - ", "not a sum")
  refused("wt = hp = 2", "not a sum")
  refused(c(1, 2), "2 numbers without names for 3 coefficients")
  refused(list(c(wt = NA)), "finite numbers")
  refused(list(), "must be texts")
  refused(character(), "must be texts")
  refused("wt", "`adjust` must be", adjust = "tukey")
  expect_error(linear_contrast(lm(mpg ~ wt, mtcars), "wt"), "result of fit_glm",
    class = "questrial_error_argument"
  )
})

test_that("contrasts print within 80 columns", {
  withr::local_options(width = 80)
  fit <- fit_glm(weight ~ feed, chickwts)
  long <- paste(names(coef(fit)), collapse = " - 2 * ")
  shown <- capture.output(print(linear_contrast(fit, c(long, "feedsoybean"), adjust = "holm")))
  expect_lte(max(nchar(shown)), 80)
})
