close_to <- function(got, want, tolerance = 1e-6) {
  expect_equal(unname(got), want, tolerance = tolerance)
}
exact_t <- function(...) {
  stats::power.t.test(..., strict = TRUE, tol = 1e-12)
}

test_that("the trial: 122.79 in each arm, so 123; 124 has .8039, 125 and 117 have .794", {
  planned <- sample_size(delta = 4.2, sd = 11.7)
  expect_identical(planned$n, c(control = 123, treated = 123))
  expect_equal(round(planned$exact[[1]], 2), 122.79)
  expect_equal(round(power_of(124, delta = 4.2, sd = 11.7)$power, 4), 0.8039)
  expect_equal(round(power_of(c(125, 117), delta = 4.2, sd = 11.7)$power, 3), 0.794)
  # Facts worked out from the printed result: 2.63 with SD 9.8 needs 219.
  expect_identical(sample_size(delta = 2.63, sd = 9.8)$n[[1]], 219)
})

test_that("two means agree with power.t.test()", {
  for (delta in c(0.2, 1, -1.7, 4)) {
    for (power in c(0.6, 0.9)) {
      for (side in c("two.sided", "one.sided")) {
        want <- exact_t(delta = abs(delta), power = power, alternative = side, sig.level = 0.01)$n
        got <- sample_size(delta, 1, power = power, alternative = side, alpha = 0.01)
        if (want > 2) {
          close_to(got$exact[[1]], want)
        }
        close_to(
          power_of(17.5, delta, 1, alternative = side)$power,
          exact_t(n = 17.5, delta = abs(delta), alternative = side)$power
        )
      }
    }
  }
})

test_that("several means agree with power.anova.test()", {
  means <- c(a = 0, b = 3, c = 2, d = 2)
  got <- sample_size(means = means, sd = 9.8, power = 0.9)
  at_exact <- stats::power.anova.test(
    4, got$exact[[1]], between.var = stats::var(means), within.var = 9.8^2
  )
  close_to(at_exact$power, 0.9)
  expect_identical(names(got$n), c("a", "b", "c", "d"))
  close_to(
    power_of(40, means = means, sd = 9.8)$power,
    stats::power.anova.test(4, 40, between.var = stats::var(means), within.var = 9.8^2)$power
  )
  # Two arms: F is t squared, so the two-sided power is the same.
  close_to(
    power_of(c(30, 50), means = c(0, 5), sd = 8)$power, power_of(c(30, 50), 5, 8)$power, 1e-8
  )
})

test_that("two proportions agree with power.prop.test()", {
  for (p in list(c(0.4, 0.55), c(0.9, 0.8), c(0.02, 0.1))) {
    for (side in c("two.sided", "one.sided")) {
      strict <- side == "two.sided"
      want <- stats::power.prop.test(
        p1 = p[1], p2 = p[2], power = 0.85, alternative = side, strict = strict, tol = 1e-12
      )
      close_to(
        sample_size(proportions = p, power = 0.85, alternative = side)$exact[[1]], want$n
      )
      close_to(
        power_of(63, proportions = p, alternative = side)$power,
        stats::power.prop.test(63, p[1], p[2], alternative = side, strict = strict)$power
      )
    }
  }
})

test_that("the continuity correction is Fleiss, Tytun and Ury's", {
  p <- c(0.25, 0.4)
  for (r in c(1, 2.5)) {
    plain <- sample_size(proportions = p, ratio = r, alternative = "one.sided")$exact[[1]]
    want <- plain / 4 * (1 + sqrt(1 + 2 * (r + 1) / (plain * r * 0.15)))^2
    close_to(sample_size(
      proportions = p, ratio = r, alternative = "one.sided", method = "continuity"
    )$exact[[1]], want)
  }
})

test_that("unequal arms and the arcsine agree with pwr", {
  skip_if_not_installed("pwr")
  close_to(power_of(c(28, 35), 0.6, 1)$power, pwr::pwr.t2n.test(28, 35, d = 0.6)$power)
  close_to(
    power_of(c(80, 245), proportions = c(0.4, 0.55), method = "arcsine")$power,
    pwr::pwr.2p2n.test(pwr::ES.h(0.4, 0.55), 80, 245)$power
  )
  close_to(
    sample_size(proportions = c(0.4, 0.55), method = "arcsine")$exact[[1]],
    pwr::pwr.2p.test(pwr::ES.h(0.4, 0.55), power = 0.8)$n, 1e-5
  )
  f <- sqrt(mean((c(1, 2, 4) - 7 / 3)^2)) / 3
  close_to(
    power_of(20, means = c(1, 2, 4), sd = 3)$power, pwr::pwr.anova.test(3, 20, f)$power
  )
})

test_that("the ratio holds after rounding up, and the power is reached", {
  for (ratio in c(0.5, 1, 1.5, 3)) {
    got <- sample_size(0.5, 1, ratio = ratio)
    expect_gte(got$power, 0.8)
    expect_gte(got$n[[2]], ratio * got$n[[1]])
    expect_lt(got$n[[2]], ratio * got$n[[1]] + 1)
  }
  expect_identical(sample_size(means = c(0, 1, 1), sd = 2, ratio = c(1, 2, 2))$n[[3]] %% 2, 0)
})

# Welch's test by simulation, 20 000 trials; four standard errors are .011.
test_that("unequal SDs give the power that Welch's test has", {
  set.seed(1)
  n <- c(30, 15)
  sd <- c(1, 2)
  y <- lapply(1:2, function(j) matrix(rnorm(n[j] * 2e4, (j - 1) * 1.5, sd[j]), n[j]))
  v <- Map(function(x, k) apply(x, 2, var) / k, y, n)
  t <- (colMeans(y[[2]]) - colMeans(y[[1]])) / sqrt(v[[1]] + v[[2]])
  df <- (v[[1]] + v[[2]])^2 / (v[[1]]^2 / (n[1] - 1) + v[[2]]^2 / (n[2] - 1))
  simulated <- mean(2 * pt(-abs(t), df) < 0.05)
  close_to(power_of(n, 1.5, sd)$power, simulated, 0.011 / simulated)
})

test_that("ANCOVA and change scores shrink the variance as they should", {
  # The same t test with the residual SD, one degree of freedom less.
  df <- 2 * 60 - 3
  ncp <- 4 / (10 * sqrt(1 - 0.6^2) * sqrt(2 / 60))
  critical <- qt(0.975, df)
  want <- pt(critical, df, ncp, lower.tail = FALSE) + pt(-critical, df, ncp)
  close_to(power_of(60, 4, 10, correlation = 0.6)$power, want, 1e-12)
  close_to(
    power_of(60, 4, 10, correlation = 0.6, analysis = "change")$power,
    power_of(60, 4, 10 * sqrt(2 * 0.4))$power, 1e-12
  )
  # A change score pays from a correlation of one half on; ANCOVA always.
  expect_equal(
    sample_size(4, 10, correlation = 0.5, analysis = "change")$exact, sample_size(4, 10)$exact
  )
})

test_that("clusters multiply by the design effect, exactly as at the cluster level", {
  # k clusters of m: the t test of cluster means, whose variance is known.
  m <- 15
  icc <- 0.04
  sd_of_means <- sqrt(icc + (1 - icc) / m)
  close_to(
    power_of(15 * 12, 0.4, 1, icc = icc, cluster_size = m)$power,
    exact_t(n = 12, delta = 0.4, sd = sd_of_means)$power
  )
  got <- sample_size(0.4, 1, icc = icc, cluster_size = m)
  expect_identical(unname(got$clusters), ceiling(rep(
    exact_t(delta = 0.4, sd = sd_of_means, power = 0.8)$n, 2
  )))
  expect_identical(got$n, got$clusters * m)
  # Varying sizes: m (1 + cv^2) stands for m in the design effect.
  close_to(
    power_of(15 * 12, 0.4, 1, icc = icc, cluster_size = m, cluster_cv = 0.5)$power,
    exact_t(n = 12, delta = 0.4, sd = sqrt((1 + (m * 1.25 - 1) * icc) / m))$power
  )
  # Proportions: effective numbers.
  close_to(
    sample_size(proportions = c(0.4, 0.55), icc = icc, cluster_size = m)$exact,
    unname(sample_size(proportions = c(0.4, 0.55))$exact) * (1 + 14 * icc)
  )
})

# A trial with groups in one arm, analysed by the means of groups and of
# persons with Satterthwaite's df: 20 000 trials.
test_that("groups in one arm only: the power of a simulated trial", {
  set.seed(2)
  k <- 8
  m <- 10
  n_control <- 60
  icc <- 0.1
  delta <- 0.6
  one <- function() {
    control <- rnorm(n_control)
    groups <- delta + rnorm(k, 0, sqrt(icc)) + rnorm(k, 0, sqrt((1 - icc) / m))
    v <- c(var(control) / n_control, var(groups) / k)
    df <- sum(v)^2 / sum(v^2 / (c(n_control, k) - 1))
    2 * pt(-abs(mean(groups) - mean(control)) / sqrt(sum(v)), df) < 0.05
  }
  simulated <- mean(replicate(2e4, one()))
  got <- power_of(c(60, 80), delta, 1, icc = c(0, icc), cluster_size = c(1, m))$power
  close_to(got, simulated, 0.014 / simulated)
})

test_that("baseline and clusters: Teerenstra's factor, and groups made afterwards", {
  factor_of <- function(...) variance_factor(power_of(1e4, 1, 1, ...)$design)
  m <- 20
  icc <- 0.05
  de <- 1 + 19 * icc
  r <- (m * icc * 0.8 + (1 - icc) * 0.5) / de
  close_to(
    factor_of(icc = icc, cluster_size = m, correlation = c(0.5, 0.8)), rep(de * (1 - r^2), 2)
  )
  close_to(factor_of(icc = icc, cluster_size = m, correlation = c(0.5, 0.5))[1], de * 0.75)
  close_to(
    factor_of(icc = c(0, icc), cluster_size = c(1, m), correlation = 0.5), c(0.75, de - 0.25)
  )
})

# The covariance matrix of a cluster's baseline and follow-up scores, written out.
test_that("baseline factors are those of the full covariance matrix", {
  m <- 7
  icc <- 0.2
  one <- matrix(1 / m, m)
  same <- icc * matrix(1, m, m) + (1 - icc) * diag(m)
  factors <- function(baseline, covariance) {
    v <- c(t(one) %*% baseline %*% one, t(one) %*% same %*% one, t(one) %*% covariance %*% one)
    m * c(v[2] - v[3]^2 / v[1], v[1] + v[2] - 2 * v[3])
  }
  got <- function(correlation) {
    vapply(c("ancova", "change"), function(analysis) {
      design <- power_of(
        1e4, 1, 1, icc = icc, cluster_size = m, correlation = correlation, analysis = analysis
      )$design
      variance_factor(design)[[1]]
    }, 0)
  }
  close_to(got(0.6), factors(diag(m), 0.6 * diag(m)), 1e-12)
  both <- icc * 0.8 * matrix(1, m, m) + (1 - icc) * 0.5 * diag(m)
  close_to(got(c(0.5, 0.8)), factors(same, both), 1e-12)
})

test_that("the curve passes through the plan", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  plan <- sample_size(4.2, 11.7, ratio = 2)
  curve <- plot(plan)
  expect_false(is.unsorted(curve$power))
  close_to(stats::approx(curve$n, curve$power, sum(plan$n))$y, plan$power, 1e-3)
  expect_named(plot(power_of(60, 1, 2, dropout = 0.1, icc = 0.1, cluster_size = 9)),
    c("n", "power"))
})

test_that("losses inflate what is randomised: 218 to be analysed, 15% lost, are 257", {
  got <- sample_size(4.2, 11.7, dropout = c(0, 0.15))
  expect_identical(got$recruit, c(control = 123, treated = 145))
  expect_identical(ceiling_of(218 / (1 - 0.15)), 257)
  close_to(
    power_of(c(125, 150), 4.2, 11.7, dropout = c(0, 0.2))$power,
    power_of(c(125, 120), 4.2, 11.7)$power
  )
})

test_that("small trials get at least two in an arm; hopeless ones an error", {
  expect_identical(sample_size(100, 1)$n[[1]], 2)
  expect_error(sample_size(1e-9, 1), "1e12", class = "questrial_error_range")
})

test_that("the sentence says it", {
  text <- sample_size_text(sample_size(4.2, 11.7, dropout = 0.1))
  expect_match(text, "a difference of 4.2 (SD 11.7) with 80% power", fixed = TRUE)
  expect_match(text, "by a t test at the two-sided 5% level, 123 participants per arm (246 in all)",
    fixed = TRUE)
  expect_match(text, "Allowing for 10% lost, 137 participants per arm (274 in all)", fixed = TRUE)
  expect_match(text, "Power at these numbers is 80.1%.", fixed = TRUE)
  text <- power_text(power_of(
    c(125, 117), 2.6, c(8, 11.4), icc = c(0.05, 0), cluster_size = c(12.5, 1), correlation = 0.6,
    arms = c("balint", "control")
  ))
  expect_match(text, "125 balint and 117 control participants (242 in all)", fixed = TRUE)
  expect_match(text, "clusters of 12.5 with an intracluster correlation of 0.05 in balint",
    fixed = TRUE)
  expect_match(text, "correlation with baseline of 0.6", fixed = TRUE)
  text <- sample_size_text(sample_size(1, 2, icc = c(0, 0.05), cluster_size = c(1, 12.5)))
  expect_match(text, "correlation of 0.05 in treated.", fixed = TRUE)
  out <- capture.output(print(sample_size(proportions = c(0.4, 0.55), icc = 0.1, cluster_size = 9)))
  expect_lte(max(nchar(out)), 80)
})

test_that("tidy() gives a row for each arm", {
  skip_if_not_installed("generics")
  got <- generics::tidy(sample_size(0.5, 1, icc = 0.1, cluster_size = 9, dropout = 0.1))
  expect_named(got, c("arm", "exact", "n", "clusters", "recruit", "power"))
  expect_named(generics::tidy(power_of(50, 0.5, 1)), c("arm", "n", "power"))
  expect_error(generics::tidy(power_of(50, 0.5, 1), level = 1), "`level`")
})

test_that("what cannot be meant is refused", {
  refuse <- function(call, text) {
    expect_error(call, text, class = "questrial_error_argument")
  }
  refuse(sample_size(), "not none")
  refuse(sample_size(1, 1, proportions = c(0.1, 0.2)), "`delta` and `proportions`")
  refuse(sample_size(0, 1), "`delta`")
  refuse(sample_size(1), "`sd`")
  refuse(sample_size(1, -1), "`sd`")
  refuse(sample_size(means = c(1, 1), sd = 1), "`means`")
  refuse(sample_size(means = 1:3, sd = 1:2), "`sd`")
  refuse(sample_size(proportions = c(0.1, 0.1)), "`proportions`")
  refuse(sample_size(proportions = c(0.1, 1.2)), "`proportions`")
  refuse(sample_size(proportions = c(0.1, 0.2), sd = 1), "`sd` has no meaning")
  refuse(sample_size(proportions = c(0.1, 0.2), correlation = 0.5), "`correlation` is for means")
  refuse(sample_size(1, 1, power = 80), "`power`")
  refuse(sample_size(1, 1, power = 0.01), "`power` must be above")
  refuse(sample_size(1, 1, alpha = 5), "0.05 for 5%")
  refuse(sample_size(1, 1, ratio = 0), "`ratio`")
  refuse(sample_size(1, 1, icc = 0.1), "no clusters")
  refuse(sample_size(1, 1, icc = 2, cluster_size = 5), "`icc`")
  refuse(sample_size(1, 1, cluster_size = 0.5), "`cluster_size`")
  refuse(sample_size(1, 1, dropout = 1), "`dropout`")
  refuse(sample_size(1, 1, correlation = 1), "`correlation`")
  refuse(sample_size(1, 1, correlation = c(0.5, 0.5)), "clusters in all arms")
  refuse(sample_size(means = 1:3, sd = 1, icc = c(0, 0.1, 0.1), cluster_size = 5), "all arms")
  refuse(sample_size(means = 1:3, sd = 1, alternative = "one.sided"), "no one-sided test")
  refuse(sample_size(1, 1, arms = "a"), "`arms`")
  refuse(sample_size(1, 1, alternative = "greater"), "`alternative`")
  refuse(power_of(1, 1, 1), "`n`")
  refuse(power_of(c(5, 5, 5), 1, 1), "`n`")
  refuse(power_of(20, 1, 1, icc = 0.1, cluster_size = 15), "two participants or clusters")
})
