# All samples of n whole numbers from 0 to `most`, as rows.
samples <- function(n, most) {
  rows <- matrix(0:most)
  for (k in seq_len(n - 1)) {
    last <- rows[, ncol(rows)]
    rows <- rows[rep(seq_along(last), most - last + 1), , drop = FALSE]
    rows <- cbind(rows, unlist(lapply(last, function(x) x:most)))
  }
  rows
}

sds <- function(x) {
  n <- ncol(x)
  sqrt(pmax(rowSums(x^2) - rowSums(x)^2 / n, 0) / (n - 1))
}

# Printed means from one whole number to the next and printed SDs up to `most_sd`; possible is what
# some sample prints, ties either way. An SD of n numbers bounds how far they lie from the mean.
expect_exact <- function(n, decimals, most_sd, step = 1) {
  far <- ceiling(most_sd * sqrt(n - 1)) + 1
  all <- samples(n, 2 * far + 1)
  unit <- 10^-decimals
  mean <- rowMeans(all) - far
  near <- mean >= -unit & mean <= 1 + unit
  key <- function(mean, sd) paste(round(mean / unit), round(sd / unit))
  hair <- c(-1e-9, 1e-9)
  ends <- expand.grid(hair, hair)
  printed <- unlist(lapply(1:4, function(k) {
    key(mean[near] + ends[k, 1], sds(all[near, , drop = FALSE]) + ends[k, 2])
  }))
  asked <- expand.grid(mean = seq(0, 1, by = unit), sd = seq(0, most_sd, by = unit))
  text <- function(x) formatC(x, digits = decimals, format = "f")
  found <- grimmer(text(asked$mean), text(asked$sd), n)
  expect_identical(found, key(asked$mean, asked$sd) %in% printed, label = paste("n =", n))
  found
}

test_that("grimmer() is what enumeration of all samples says", {
  expect_gt(sum(expect_exact(2, 2, 4)), 5)
  expect_gt(sum(expect_exact(3, 2, 4)), 10)
  expect_gt(sum(expect_exact(4, 2, 2.6)), 10)
  expect_gt(sum(expect_exact(5, 2, 1.8)), 10)
  expect_gt(sum(expect_exact(6, 2, 1.3)), 5)
  expect_gt(sum(expect_exact(7, 2, 0.9)), 3)
  expect_exact(3, 1, 4)
  expect_exact(5, 1, 2)
})

test_that("grim() is what counting says", {
  for (n in c(1, 3, 7, 19, 28, 99, 100, 101)) {
    possible <- unique(formatC(
      c(outer(0:(2 * n) / n, c(-1e-9, 1e-9), "+")), digits = 2, format = "f"
    ))
    asked <- formatC(seq(0, 2, by = 0.01), digits = 2, format = "f")
    expect_identical(grim(asked, n), asked %in% possible)
    expect_identical(grim(paste0("-", asked), n), asked %in% possible)
  }
})

test_that("published and well-known examples come out", {
  # Brown & Heathers (2017): 28 whole numbers have no mean of 5.19.
  expect_identical(grim(c("5.19", "5.18", "5.21"), 28), c(FALSE, TRUE, TRUE))
  # Lemogne et al. (2020): scores are 20 times the mean of 19 items; whole totals fail twice.
  change <- c("0.88", "0.15", "-2.41")
  expect_identical(grim(change, c(69, 42, 14), step = "20/19"), rep(TRUE, 3))
  expect_identical(grim(change, c(69, 42, 14)), c(TRUE, FALSE, FALSE))
  expect_identical(grim("33.3", 3, step = 100), TRUE)
  expect_identical(grim("33.4", 3, step = 100), FALSE)
})

test_that("samples never fail, whatever their grid and rounding", {
  set.seed(1)
  found <- vapply(1:300, function(k) {
    n <- sample(2:40, 1)
    step <- sample(c(1, 0.5, 1 / 3, 20 / 19), 1)
    x <- step * round(stats::rnorm(n, sample(-50:50, 1), sample(c(0.3, 2, 20), 1)))
    decimals <- sample(0:3, 1)
    text <- function(x) formatC(x, digits = decimals, format = "f")
    cut_off <- function(x) text(trunc(x * 10^decimals + sign(x) * 1e-9) / 10^decimals)
    sd <- stats::sd(x)
    c(
      grim(text(mean(x)), n, step), grimmer(text(mean(x)), text(sd), n, step),
      grim(cut_off(mean(x)), n, step, truncated = TRUE),
      grimmer(cut_off(mean(x)), cut_off(sd), n, step, truncated = TRUE)
    )
  }, logical(4))
  expect_true(all(found))
})

test_that("text keeps digits, and what is missing is NA", {
  expect_identical(grim(5.1, 20), TRUE)
  expect_identical(grim("5.11", 20), FALSE)
  expect_identical(grim("5,11", 20), FALSE)
  expect_identical(grim("\u22122.41", 14), FALSE)
  expect_identical(grim(c("5.1", "", NA), c(20, 20, 20)), c(TRUE, NA, NA))
  expect_identical(grim("5.1", c(20, NA, 0)), c(TRUE, NA, NA))
  expect_identical(grimmer("5.1", "1.2", c(1, 10)), c(NA, grimmer("5.1", "1.2", 10)))
  expect_identical(grim(character(), 5), logical())
  expect_identical(grim(0.1 + 0.2, 10), TRUE)
  expect_identical(grimmer(NA, "1.0", 5), NA)
})

test_that("an impossible mean makes the pair impossible", {
  expect_false(grimmer("5.19", "1.50", 28))
})

test_that("a hundred thousand rows go through", {
  n <- rep(c(12, 25, 60, 4, 3, 2, 1000, 1e6), 12500)
  mean <- formatC(seq(1, 5, length.out = 1e5), digits = 2, format = "f")
  expect_length(grimmer(mean, "1.23", n), 1e5)
})

test_that("errors name the argument, the value and the cure", {
  expect_error(grim("a", 5), "`mean`, value 1: \"a\".*Write it as it was",
    class = "questrial_error_argument")
  expect_error(grim("<1", 5), "no number as printed", class = "questrial_error_argument")
  expect_error(grim(factor("1"), 5), "`mean` must be printed numbers",
    class = "questrial_error_argument")
  expect_error(grim("5.1", 2.5), "`n`, value 1: 2.5", class = "questrial_error_argument")
  expect_error(grim("5.1", "2"), "`n` must be whole numbers", class = "questrial_error_argument")
  expect_error(grim("5.1", 20, step = "1/0"), "`step`, value 1", class = "questrial_error_argument")
  expect_error(grim("5.1", 20, step = -1), "no step above 0", class = "questrial_error_argument")
  expect_error(grim(c("5.1", "5.2"), c(20, 21, 22)), "`mean` has 2 values where 3",
    class = "questrial_error_argument")
  expect_error(grim("5.1", 20, truncated = NA), "`truncated`", class = "questrial_error_argument")
  expect_error(grim("1234567890123456", 20), "15 digits", class = "questrial_error_argument")
})
