# Synthetic answers: one trait behind k items, some worded against it.
trait_answers <- function(n, k, reversed = integer(), missing = 0, seed = 1, loading = 0.6) {
  set.seed(seed)
  trait <- rnorm(n)
  data <- as.data.frame(lapply(seq_len(k), function(j) {
    x <- pmin(5, pmax(1, round(3 + loading * trait + rnorm(n, sd = 0.9))))
    x <- if (j %in% reversed) 6 - x else x
    ifelse(runif(n) < missing, NA, x)
  }), col.names = paste0("item_", seq_len(k)))
  data
}

keyed <- function(data, reversed, min = 1, max = 5) {
  data[reversed] <- min + max - data[reversed]
  as.matrix(data)
}

alpha_by_definition <- function(c) {
  k <- ncol(c)
  k / (k - 1) * (1 - sum(diag(c)) / sum(c))
}

test_that("alpha, interval and items are those of their definitions", {
  data <- trait_answers(300, 7, c(2, 5), missing = 0.05)
  x <- reliability(data, new_instrument(7, 1, 5, reverse = c(2, 5)))
  m <- keyed(data, c(2, 5))
  m <- m[complete.cases(m), ]
  c <- cov(m)
  n <- nrow(m)
  expect_equal(x$alpha$raw, alpha_by_definition(c), tolerance = 1e-13)
  expect_equal(x$alpha$standardised, alpha_by_definition(cor(m)), tolerance = 1e-13)
  expect_identical(c(x$alpha$n, x$alpha$items), c(n, 7))
  expect_equal(1 - x$alpha$lower, (1 - x$alpha$raw) * qf(0.975, n - 1, (n - 1) * 6))
  expect_equal(1 - x$alpha$upper, (1 - x$alpha$raw) * qf(0.025, n - 1, (n - 1) * 6))
  expect_equal(x$items$mean, unname(colMeans(m)), tolerance = 1e-14)
  expect_equal(x$items$sd, unname(apply(m, 2, sd)), tolerance = 1e-13)
  for (j in 1:7) {
    expect_equal(x$items$item_rest[j], cor(m[, j], rowSums(m[, -j])), tolerance = 1e-12)
    expect_equal(x$items$alpha_dropped[j], alpha_by_definition(c[-j, -j]), tolerance = 1e-12)
  }
  odd <- rowSums(m[, c(1, 3, 5, 7)])
  even <- rowSums(m[, c(2, 4, 6)])
  r <- cor(odd, even)
  expect_equal(x$split_half$correlation, r, tolerance = 1e-12)
  expect_equal(x$split_half$spearman_brown, 2 * r / (1 + r), tolerance = 1e-12)
  expect_equal(x$split_half$guttman, 4 * cov(odd, even) / var(odd + even), tolerance = 1e-12)
  expect_equal(x$sem, sd(odd + even) * sqrt(1 - x$alpha$raw), tolerance = 1e-12)
})

test_that("listwise and pairwise are psych's on the same rows", {
  skip_if_not_installed("psych")
  data <- trait_answers(400, 6, 3, missing = 0.1, seed = 5)
  instrument <- new_instrument(6, 1, 5, reverse = 3)
  m <- as.data.frame(keyed(data, 3))
  pairwise <- suppressWarnings(psych::alpha(m, warnings = FALSE))
  ours <- reliability(data, instrument, missing = "pairwise")
  expect_equal(ours$alpha$raw, pairwise$total$raw_alpha, tolerance = 1e-12)
  listwise <- suppressWarnings(psych::alpha(na.omit(m), warnings = FALSE))
  ours <- reliability(data, instrument)
  expect_equal(ours$alpha$raw, listwise$total$raw_alpha, tolerance = 1e-12)
  expect_equal(ours$alpha$standardised, listwise$total$std.alpha, tolerance = 1e-12)
  expect_equal(ours$items$item_rest, listwise$item.stats$r.drop, tolerance = 1e-12)
  expect_equal(ours$items$alpha_dropped, listwise$alpha.drop$raw_alpha, tolerance = 1e-12)
  expect_equal(c(ours$alpha$lower, ours$alpha$upper),
    c(listwise$feldt$lower.ci[[1]], listwise$feldt$upper.ci[[1]]), tolerance = 1e-12)
})

# factanal() stops at a relative change of about 1e-8 of its objective.
test_that("omega is that of the one-factor model of factanal()", {
  for (seed in 1:4) {
    data <- trait_answers(250, 8, seed = seed)
    x <- reliability(data, new_instrument(8, 1, 5))
    fit <- factanal(data, 1, control = list(opt = list(factr = 10, pgtol = 0)))
    l <- fit$loadings[, 1]
    u <- fit$uniquenesses
    s <- vapply(data, sd, 0)
    expect_equal(x$omega$raw, sum(s * l)^2 / (sum(s * l)^2 + sum(s^2 * u)), tolerance = 1e-6)
    expect_equal(x$omega$standardised, sum(l)^2 / (sum(l)^2 + sum(u)), tolerance = 1e-6)
  }
})

test_that("an item that nobody answered is left out and named", {
  data <- trait_answers(100, 5)
  data$item_4 <- NA
  x <- reliability(data, new_instrument(5, 1, 5))
  expect_identical(x$alpha$items, 4L)
  expect_identical(x$alpha$n, 100)
  expect_identical(x$left_out, data.frame(item = "item_4", reason = "nobody answered it"))
  expect_match(x$notes, "item_4 was left out: nobody", all = FALSE)
  less <- reliability(data[-4], new_instrument(names(data)[-4], 1, 5))
  expect_identical(x$alpha$raw, less$alpha$raw)
  # The score is of five items, made of four.
  expect_equal(x$sem, less$sem * 5 / 4)
})

test_that("an item that all answered alike is left out and named", {
  data <- trait_answers(100, 5)
  data$item_2 <- 5
  x <- reliability(data, new_instrument(5, 1, 5))
  expect_identical(x$alpha$items, 4L)
  expect_match(x$notes, "item_2 was left out: everybody", all = FALSE)
})

test_that("wrongly keyed items are named and not turned", {
  data <- trait_answers(300, 6, reversed = 2)
  x <- reliability(data, new_instrument(6, 1, 5))
  expect_lt(x$items$item_rest[[2]], 0)
  expect_match(x$notes, "Item `item_2` runs against the others", all = FALSE)
  right <- reliability(data, new_instrument(6, 1, 5, reverse = 2))
  expect_length(right$notes, 0)
  expect_gt(right$alpha$raw, x$alpha$raw)
})

test_that("a negative alpha is explained", {
  data <- trait_answers(300, 4, reversed = c(2, 4), loading = 1)
  x <- reliability(data, new_instrument(4, 1, 5))
  expect_lt(x$alpha$raw, 0)
  expect_match(x$notes, "Alpha is below 0", all = FALSE)
  expect_output(print(x), "Alpha is below 0")
})

test_that("a sum that does not vary has no reliability, and says so", {
  x <- reliability(data.frame(item_1 = 1:5, item_2 = 5:1), new_instrument(2, 1, 5))
  expect_identical(x$alpha$raw, NA_real_)
  expect_identical(x$split_half$spearman_brown, NA_real_)
  expect_match(x$notes, "does not vary", all = FALSE)
  expect_output(print(x), "alpha +-")
})

test_that("the error of measurement is in units of the score", {
  data <- trait_answers(200, 4)
  sem <- function(...) reliability(data, new_instrument(4, 1, 5, ...))$sem
  for (kind in c("mean", "percent")) {
    x <- new_instrument(4, 1, 5, score = kind, multiply = 2)
    alpha <- reliability(data, x)$alpha$raw
    expect_equal(sem(score = kind, multiply = 2), sd(score(data, x)) * sqrt(1 - alpha))
  }
})

test_that("the same bits for any threads, integers and doubles", {
  data <- trait_answers(1e5, 5, missing = 0.02)
  x <- new_instrument(5, 1, 5, reverse = 1)
  old <- options(questrial.threads = 1)
  on.exit(options(old))
  one <- reliability(data, x)
  options(questrial.threads = 2)
  expect_identical(reliability(data, x), one)
  ints <- as.data.frame(lapply(data, as.integer))
  expect_identical(reliability(ints, x), one)
})

test_that("too few persons or items are refused with the cure", {
  x <- new_instrument(3, 1, 5)
  none <- "questrial_error_no_data"
  holes <- data.frame(item_1 = c(1, 2, NA), item_2 = c(NA, 3, 4), item_3 = c(1, NA, 2))
  expect_error(reliability(holes, x), "Only 0 persons.*pairwise", class = none)
  expect_error(reliability(holes, x, missing = "pairwise"), "answered both", class = none)
  empty <- data.frame(item_1 = NA, item_2 = c(1, 2, 3), item_3 = NA)
  expect_error(reliability(empty, x), "at least two items", class = none)
  same <- data.frame(item_1 = 1, item_2 = c(1, 2, 3), item_3 = 4)
  expect_error(reliability(same, x), "differing answers", class = none)
  expect_error(reliability(same[1, ], x), class = none)
  same$item_3[2] <- 9
  expect_error(reliability(same, x), "`item_3`, row 2", class = "questrial_error_range")
  argument <- "questrial_error_argument"
  expect_error(reliability(same, x, missing = "none"), "missing", class = argument)
  expect_error(reliability(same, x, conf.level = 95), "conf.level", class = argument)
})

test_that("two items have an alpha and no omega", {
  x <- reliability(trait_answers(50, 2), new_instrument(2, 1, 5))
  expect_equal(x$alpha$standardised, x$split_half$spearman_brown)
  expect_true(is.na(x$omega$raw))
  expect_match(x$notes, "three items", all = FALSE)
})

test_that("print keeps to 80 columns; tidy and glance say the same numbers", {
  data <- trait_answers(60, 12, missing = 0.02)
  x <- reliability(data, new_instrument(12, 1, 5, title = strrep("Long title ", 9)))
  expect_lte(max(nchar(capture.output(print(x)))), 80)
  expect_output(print(reliability(data, new_instrument(12, 1, 5), missing = "pairwise")),
    "pairwise")
  skip_if_not_installed("generics")
  rows <- generics::tidy(x)
  expect_named(rows, c("term", "estimate", "conf.low", "conf.high"))
  expect_identical(rows$estimate[rows$term == "alpha"], x$alpha$raw)
  one <- generics::glance(x)
  expect_identical(c(one$alpha, one$omega, one$nobs), c(x$alpha$raw, x$omega$raw, x$alpha$n))
  expect_identical(nobs(x), x$alpha$n)
  expect_error(generics::tidy(x, conf_level = 0.9), "Unknown argument")
})

test_that("plot draws with and without ggplot2", {
  x <- reliability(trait_answers(60, 6, reversed = 2), new_instrument(6, 1, 5))
  file <- tempfile(fileext = ".pdf")
  grDevices::pdf(file)
  on.exit(grDevices::dev.off())
  expect_invisible(questrial:::plot_items_base(x))
  skip_if_not_installed("ggplot2")
  expect_s3_class(plot(x), "ggplot")
})
