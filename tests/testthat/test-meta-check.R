printed_pools <- function() {
  read.csv(system.file("extdata", "pools.csv", package = "questrial"), comment.char = "#",
    colClasses = "character")
}

one_pool <- function(...) {
  check_pools(as.data.frame(list(...)))
}

found <- function(checks, check, column = "recomputed") {
  checks[[column]][checks$check == check]
}

test_that("what is known of the six pools of Xu 2025 comes out", {
  checks <- check_pools(printed_pools()[1:6, ])
  expect_equal(round(found(checks, "std.error"), 2), c(0.15, 0.56, 0.31, 0.81, 0.53, 0.51))
  expect_equal(round(found(checks, "statistic"), 2), c(8.37, 4.32, -2.58, -2.00, -2.29, -1.76),
    tolerance = 0.004)
  expect_equal(round(found(checks, "t.low"), 2), c(0.84, 0.97, -2.11, -5.11, -3.51, -3.11))
  expect_equal(round(found(checks, "t.high"), 2), c(1.68, 3.83, 0.53, 1.87, 1.07, 1.31))
  expect_equal(round(found(checks, "Q"), 1), c(4, 125, 6.9, 16.7, 7.7, 8))
  expect_equal(c(found(checks, "Q", "low")[[2]], found(checks, "Q", "high")[[2]]), c(111, 143),
    tolerance = 0.002)
  expect_equal(found(checks, "n")[[1]], 212, tolerance = 0.003)
  expect_false("inconsistent" %in% checks$verdict)
  lost <- unique(checks$row[grepl("includes no effect", checks$note)])
  expect_identical(lost, 3:5)
})

test_that("Q and I2 of Paulus 2022 disagree, by eight effects", {
  checks <- check_pools(printed_pools()[16, ])
  expect_identical(found(checks, "I2", "verdict"), "inconsistent")
  expect_equal(round(found(checks, "I2"), 1), 85.9, tolerance = 0.001)
  expect_identical(found(checks, "k", "verdict"), "inconsistent")
  expect_equal(round(found(checks, "k")), 21)
  expect_match(found(checks, "I2", "note"), "tau2")
})

test_that("France in Gong 2024 needs more participants than its trials had", {
  france <- printed_pools()[9, ]
  expect_equal(found(check_pools(france), "n"), 990, tolerance = 0.002)
  expect_identical(found(check_pools(france), "p", "verdict"), "exact")
  france$n <- "661"
  checks <- check_pools(france)
  expect_identical(found(checks, "n", "verdict"), "inconsistent")
  expect_match(found(checks, "n", "note"), "counted twice")
})

test_that("P of all printed rows agrees, and Q of the larger pools is implied", {
  checks <- check_pools(printed_pools())
  expect_true(all(found(checks, "p", "verdict") %in% c("exact", "rounding")))
  q <- checks[checks$check == "Q", ]
  expect_equal(q$recomputed[q$row == 15], 130.43, tolerance = 1e-4)
  expect_equal(q$recomputed[q$row == 17], 528.59, tolerance = 1e-4)
  expect_identical(unique(checks$row[checks$verdict %in% "inconsistent"]), 16L)
})

test_that("ranges hold every value that rounding hides, and little more", {
  set.seed(6)
  for (trial in 1:60) {
    k <- sample(2:12, 1)
    est <- rnorm(1)
    se <- runif(1, 0.05, 0.5)
    Q <- rchisq(1, k - 1) * 3
    i2 <- max(0, 100 * (Q - k + 1) / Q)
    text <- function(x, digits) formatC(x, digits = digits, format = "f")
    checks <- one_pool(measure = "MD", k = as.character(k), estimate = text(est, 2),
      conf.low = text(est - qnorm(0.975) * se, 2), conf.high = text(est + qnorm(0.975) * se, 2),
      I2 = text(i2, 0), Q = text(Q, 2), p = text(2 * pnorm(-abs(est / se)), 3))
    expect_false("inconsistent" %in% checks$verdict)
    truth <- c(estimate = est, std.error = se, statistic = est / se,
      t.low = est - qt(0.975, k - 1) * se)
    for (name in names(truth)) {
      row <- checks[checks$check == name, ]
      expect_true(row$low - 1e-9 <= truth[[name]] && truth[[name]] <= row$high + 1e-9)
    }
  }
})

test_that("an odds ratio is checked on the log scale", {
  fine <- one_pool(measure = "OR", k = "4", estimate = "0.50", conf.low = "0.25",
    conf.high = "1.00")
  expect_identical(found(fine, "estimate", "verdict"), "exact")
  expect_equal(found(fine, "std.error"), log(4) / (2 * qnorm(0.975)))
  wrong <- one_pool(measure = "OR", estimate = "0.62", conf.low = "0.25", conf.high = "1.00")
  expect_match(found(wrong, "estimate", "note"), "log scale")
  linear <- one_pool(measure = "MD", estimate = "0.64", conf.low = "0.2", conf.high = "1.0")
  expect_identical(found(linear, "estimate", "verdict"), "rounding")
  zero <- one_pool(measure = "RR", estimate = "0.5", conf.low = "-0.1", conf.high = "1.0")
  expect_match(found(zero, "interval", "note"), "above 0")
  turned <- one_pool(measure = "MD", estimate = "0.5", conf.low = "1.0", conf.high = "0.1")
  expect_match(found(turned, "interval", "note"), "wrong order")
})

test_that("a P of a t interval is recognised, and a wrong one is not", {
  # Estimate 2, SE 1, k = 4: t(3) interval and P.
  half <- qt(0.975, 3)
  t <- list(measure = "MD", k = "4", estimate = "2.000",
    conf.low = sprintf("%.3f", 2 - half), conf.high = sprintf("%.3f", 2 + half))
  by_t <- do.call(one_pool, c(t, p = sprintf("%.4f", 2 * pt(-2, 3))))
  expect_identical(found(by_t, "p", "verdict"), "exact")
  expect_match(found(by_t, "p", "note"), "By t with 3 df")
  wrong <- do.call(one_pool, c(t, p = "0.0101"))
  expect_identical(found(wrong, "p", "verdict"), "inconsistent")
  spans <- one_pool(measure = "MD", estimate = "0.0", conf.low = "-1.0", conf.high = "1.0", p = "1.0")
  expect_identical(found(spans, "p", "verdict"), "exact")
})

test_that("numbers, words and wrong columns are refused by row and column", {
  expect_error(one_pool(estimate = 1.2), "colClasses", class = "questrial_error_argument")
  error <- expect_error(one_pool(estimate = c("1.2", "about 1")), "Row 2, column `estimate`",
    class = "questrial_error_argument")
  expect_identical(error$row, 2L)
  expect_error(one_pool(estimate = "1", k = "1,315"), "whole number",
    class = "questrial_error_argument")
  expect_error(one_pool(estimate = "1", I2 = "120"), "percentage",
    class = "questrial_error_argument")
  expect_error(one_pool(Estimate = "1"), "estimate", class = "questrial_error_argument")
  expect_identical(nrow(one_pool(estimate = "1", I2 = "")), 0L)
  expect_identical(one_pool(Q = "10.0", I2 = "60%", k = "5")$verdict, "exact")
})

test_that("it prints in 80 columns", {
  out <- capture.output(print(check_pools(printed_pools())))
  expect_lte(max(nchar(out)), 80)
  expect_match(out[[1]], "20 pools")
})
