# ---- What is printed instead of means and SDs ----

# Two invented arms, and everything that a paper might print of them.
arms <- list(
  a = c(12, 15, 9, 20, 14, 17, 11, 16), b = c(8, 12, 7, 15, 10, 9, 13)
)
summaries <- data.frame(
  mean1 = mean(arms$a), sd1 = stats::sd(arms$a), n1 = 8, mean2 = mean(arms$b),
  sd2 = stats::sd(arms$b), n2 = 7
)
t_test <- stats::t.test(arms$a, arms$b, var.equal = TRUE)

test_that("SMD is the same from t, F, P and intervals", {
  g <- effect_size("SMD", data = summaries)
  same <- function(...) {
    x <- effect_size("SMD", ..., n1 = 8, n2 = 7)
    expect_equal(c(x$yi, x$vi), c(g$yi, g$vi), tolerance = 1e-12)
  }
  same(t = t_test$statistic)
  same(f = t_test$statistic^2, direction = 1)
  same(p = t_test$p.value, direction = 1)
  same(p = t_test$p.value, mean1 = mean(arms$a), mean2 = mean(arms$b))
  same(estimate = mean(arms$a) - mean(arms$b), std.error = t_test$stderr)
  same(conf.low = t_test$conf.int[[1]], conf.high = t_test$conf.int[[2]])
  expect_equal(effect_size("SMD", p = 0.01, direction = -1, n1 = 8, n2 = 7)$yi,
    effect_size("SMD", t = stats::qt(0.005, 13), n1 = 8, n2 = 7)$yi
  )
})

test_that("SMD from t agrees with escalc()", {
  skip_if_not_installed("metafor")
  ours <- effect_size("SMD", t = c(2.1, -0.4), n1 = c(20, 31), n2 = c(22, 30))
  peer <- metafor::escalc("SMD", ti = c(2.1, -0.4), n1i = c(20, 31), n2i = c(22, 30))
  expect_equal(ours$yi, as.numeric(peer$yi))
  expect_equal(ours$vi, peer$vi)
})

test_that("a difference in means has the variance that t or its interval says", {
  x <- effect_size("MD",
    mean1 = mean(arms$a), mean2 = mean(arms$b), n1 = 8, n2 = 7, t = t_test$statistic
  )
  expect_equal(c(x$yi, x$vi), c(mean(arms$a) - mean(arms$b), t_test$stderr^2))
  y <- effect_size("MD",
    conf.low = t_test$conf.int[[1]], conf.high = t_test$conf.int[[2]], n1 = 8, n2 = 7
  )
  expect_equal(c(y$yi, y$vi), c(x$yi, x$vi))
  z <- effect_size("MD", estimate = 2, conf.low = 1, conf.high = 3)
  expect_equal(sqrt(z$vi), 1 / stats::qnorm(0.975))
  expect_equal(z$yi.from, "interval")
})

test_that("an arm's SD comes from its SE and from the interval of its mean", {
  g <- effect_size("SMD", data = summaries)
  interval <- stats::t.test(arms$b)$conf.int
  x <- effect_size("SMD",
    mean1 = summaries$mean1, n1 = 8, se1 = summaries$sd1 / sqrt(8), n2 = 7,
    conf.low2 = interval[[1]], conf.high2 = interval[[2]]
  )
  expect_equal(c(x$yi, x$vi, x$sd2, x$mean2), c(g$yi, g$vi, g$sd2, g$mean2))
  expect_equal(x$yi.from, "SE and interval of the mean")
})

test_that("medians become means and SDs as in metafor 4.4", {
  # conv.fivenum(min = 2, q1 = 6, median = 9, q3 = 17, max = 41, test = FALSE): Luo, Wan.
  n <- c(7, 30, 100)
  by_range <- quantile_range(2, 9, 41, n)
  expect_equal(by_range$mean, c(15.021544795358952, 11.972897250696676, 10.403596372036779))
  expect_equal(by_range$sd, c(14.29106691143328, 9.5575055212413016, 7.804399930371213))
  by_quartiles <- quantile_quartiles(6, 9, 17, n)
  expect_equal(by_quartiles$mean, c(10.889285714285714, 10.782500000000001, 10.75975))
  expect_equal(by_quartiles$sd, c(10.103962147784886, 8.5626224066574625, 8.2742542328822122))
  by_both <- quantile_both(2, 6, 9, 17, 41, n)
  expect_equal(by_both$mean, c(14.361220613598714, 12.3038216208361, 11.420082492316839))
  # Wan's half of each; Shi's weights for the same two SDs.
  weight <- 1 / (1 + 0.07 * n^0.6)
  expect_equal(by_both$sd, weight * by_range$sd + (1 - weight) * by_quartiles$sd)
})

test_that("expected ranges of normal samples are near the exact ones", {
  exact <- function(n) {
    stats::integrate(function(x) {
      1 - stats::pnorm(x)^n - stats::pnorm(x, lower.tail = FALSE)^n
    }, -Inf, Inf)$value
  }
  for (n in c(5, 20, 100)) {
    expect_equal(normal_range(n), exact(n), tolerance = 0.02)
  }
})

test_that("skewed medians are noted, symmetric ones not", {
  skewed <- effect_size("SMD",
    mean1 = 10, sd1 = 3, n1 = 50, median2 = 9, min2 = 2, max2 = 41, n2 = 100
  )
  expect_match(attr(skewed, "notes"), "Row 1: the median is far from the middle")
  symmetric <- effect_size("SMD",
    mean1 = 10, sd1 = 3, n1 = 50, median2 = 9, q25.2 = 6, q75.2 = 12, n2 = 100
  )
  expect_null(attr(symmetric, "notes"))
})

test_that("changes come from the paired t and from the SD of changes", {
  before <- c(8, 12, 7, 15, 10, 9, 13)
  after <- c(10, 13, 9, 15, 14, 10, 12)
  d <- data.frame(
    mean1 = mean(after), sd1 = stats::sd(after), n1 = 7, mean2 = mean(before),
    sd2 = stats::sd(before)
  )
  test <- stats::t.test(after, before, paired = TRUE)
  usual <- effect_size("SMCC", r = stats::cor(before, after), data = d)
  same <- function(x) expect_equal(c(x$yi, x$vi), c(usual$yi, usual$vi))
  same(effect_size("SMCC", t = test$statistic, n1 = 7))
  same(effect_size("SMCC", sd.change = stats::sd(after - before), data = d))
  same(effect_size("SMCC",
    conf.low = test$conf.int[[1]], conf.high = test$conf.int[[2]], n1 = 7
  ))
  raw <- effect_size("SMCR", r = stats::cor(before, after), data = d)
  by_change <- effect_size("SMCR", sd.change = stats::sd(after - before), data = d)
  expect_equal(by_change$yi, raw$yi)
  expect_equal(by_change$vi, raw$vi)
  expect_equal(effect_size("MC", t = test$statistic, data = d[c(1, 3, 4)])$vi, test$stderr^2)
})

test_that("a ratio comes from its interval or its P", {
  x <- effect_size("OR", estimate = 2, conf.low = 1, conf.high = 4)
  expect_equal(x$yi, log(2))
  expect_equal(sqrt(x$vi), log(2) / stats::qnorm(0.975))
  y <- effect_size("OR", estimate = 2, p = 0.05)
  expect_equal(y$vi, x$vi)
  z <- effect_size("OR",
    events1 = c(5, NA), n1 = 20, events2 = c(3, NA), n2 = 21, estimate = 2, std.error = 0.4
  )
  expect_equal(z$yi, c(log(5 / 15 / (3 / 18)), log(2)))
  expect_equal(z$yi.from, c("counts", "SE"))
})

test_that("F and P need a direction, and P must be exact", {
  expect_error(effect_size("SMD", p = 0.01, n1 = 8, n2 = 7), "which arm had more",
    class = "questrial_error_argument"
  )
  expect_error(effect_size("SMD", p = 0, direction = 1, n1 = 8, n2 = 7), "exact P",
    class = "questrial_error_argument"
  )
  expect_error(effect_size("SMD", f = -1, direction = 1, n1 = 8, n2 = 7), "not below 0",
    class = "questrial_error_argument"
  )
  contrary <- effect_size("SMD", t = -2, mean1 = 5, mean2 = 3, n1 = 8, n2 = 7)
  expect_gt(contrary$yi, 0)
  expect_match(attr(contrary, "notes"), "disagree about which arm")
})

test_that("the SD of changes and the correlation are each other's inverse", {
  before <- c(8, 12, 7, 15, 10, 9, 13)
  after <- c(10, 13, 9, 15, 14, 10, 12)
  r <- stats::cor(before, after)
  change <- stats::sd(after - before)
  expect_equal(change_sd(stats::sd(after), stats::sd(before), r), change)
  expect_equal(change_r(stats::sd(after), stats::sd(before), change), r)
  expect_equal(change_sd(3, c(4, NA), 0), c(5, NA))
  expect_equal(change_sd(2, 2, 1), 0)
})

test_that("what cannot be is refused", {
  expect_error(change_sd(2, 2, 70), "`r` must lie from -1 to 1", class = "questrial_error_argument")
  expect_error(change_sd(c(1, -2), 2, 0.5), "`sd1` must not be below 0; value 2 is -2",
    class = "questrial_error_argument"
  )
  expect_error(change_r(1, 2, "a"), "`sd.change` must be numbers",
    class = "questrial_error_argument"
  )
})
