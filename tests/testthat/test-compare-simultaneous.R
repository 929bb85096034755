# Oracles: TukeyHSD(), multcomp and mvtnorm, Dunnett's printed tables, and the
# studentised range for Games-Howell.

test_that("tukey is TukeyHSD, also with unequal arms and from printed summaries", {
  for (data in list(PlantGrowth, PlantGrowth[-c(1, 2, 3, 25), ])) {
    for (level in c(0.95, 0.8)) {
      got <- compare_arms(weight ~ group, data, adjust = "tukey", conf.level = level)
      want <- TukeyHSD(aov(weight ~ group, data), conf.level = level)$group
      expect_equal(
        as.matrix(got[c("estimate", "conf.low", "conf.high", "p.value")]), want,
        tolerance = 1e-10, ignore_attr = TRUE
      )
    }
  }
  by_arm <- split(data$weight, data$group)
  summary <- compare_summary(lengths(by_arm), vapply(by_arm, mean, 0), vapply(by_arm, sd, 0),
    adjust = "tukey", conf.level = 0.8
  )
  expect_equal(summary$p.value, got$p.value, tolerance = 1e-10)
  expect_identical(unique(got$df), nrow(data) - 3)
  expect_output(print(got), "variance pooled over all arms")
})

test_that("games-howell is the studentised range with Welch's df", {
  got <- compare_arms(weight ~ group, PlantGrowth, "welch", adjust = "games-howell")
  plain <- compare_arms(weight ~ group, PlantGrowth, "welch")
  expect_equal(got$df, plain$df)
  expect_equal(
    got$p.value, ptukey(sqrt(2) * abs(plain$statistic), 3, plain$df, lower.tail = FALSE)
  )
  half <- qtukey(0.95, 3, plain$df) / sqrt(2) * plain$std.error
  expect_equal(got$conf.high, plain$estimate + half, tolerance = 1e-12)
})

test_that("dunnett is the multivariate t", {
  skip_if_not_installed("mvtnorm")
  set.seed(1)
  exact <- function(t, lambda, df) {
    correlation <- outer(lambda, lambda)
    diag(correlation) <- 1
    k <- length(lambda)
    1 - mvtnorm::pmvt(rep(-t, k), rep(t, k),
      df = if (is.finite(df)) df else 0, corr = correlation,
      algorithm = mvtnorm::GenzBretz(abseps = 1e-6, maxpts = 1e6)
    )[[1]]
  }
  for (df in c(1, 3, 12, 200, Inf)) {
    for (lambda in list(c(0.7, 0.7), c(0.3, 0.6, 0.9), sqrt(c(10, 20, 300) / c(12, 22, 302)))) {
      for (t in c(0.5, 2.1, 4)) {
        # pmvt() integrates by random points.
        expect_lt(abs(questrial:::dunnett_tail(t, lambda, df) - exact(t, lambda, df)), 2e-5)
      }
    }
  }
  # The definition, by adaptive quadrature.
  lambda <- c(0.3, 0.6, 0.9)
  inside <- function(t, s) {
    stats::integrate(function(z) {
      parts <- vapply(lambda, function(l) {
        r <- sqrt(1 - l^2)
        pnorm((t * s - l * z) / r) - pnorm((-t * s - l * z) / r)
      }, numeric(length(z)))
      dnorm(z) * apply(matrix(parts, ncol = 3), 1, prod)
    }, -9, 9, rel.tol = 1e-10)$value
  }
  for (df in c(2, 15)) {
    want <- 1 - stats::integrate(function(s) {
      2 * df * s * dchisq(df * s^2, df) * vapply(s, inside, numeric(1), t = 2)
    }, 0, Inf, rel.tol = 1e-9)$value
    expect_equal(questrial:::dunnett_tail(2, lambda, df), want, tolerance = 1e-8)
  }
  # A single comparison is Student's t, as far into the tail as doubles go.
  for (t in c(1, 8, 30)) {
    expect_equal(questrial:::dunnett_tail(t, 0.7, 20), 2 * pt(-t, 20), tolerance = 1e-9)
  }
})

test_that("dunnett's quantiles are those he printed", {
  # Dunnett (1964, Biometrics 20:482-491), table II, two-sided 5%, equal arms.
  printed <- rbind(
    `10` = c(2.23, 2.57, 2.76, 2.89, 2.99, 3.07), `20` = c(2.09, 2.38, 2.54, 2.65, 2.73, 2.80),
    `Inf` = c(1.96, 2.21, 2.35, 2.44, 2.51, 2.57)
  )
  for (df in rownames(printed)) {
    got <- vapply(1:6, function(k) {
      questrial:::dunnett_quantile(0.95, rep(sqrt(0.5), k), as.numeric(df))
    }, numeric(1))
    # Printed values were rounded up now and then.
    expect_lt(max(abs(got - printed[df, ])), 0.0101)
  }
})

test_that("dunnett's rows are those of multcomp", {
  skip_if_not_installed("multcomp")
  data <- PlantGrowth[-c(1, 2, 3, 25), ]
  got <- compare_arms(weight ~ group, data, adjust = "dunnett", reference = "ctrl")
  set.seed(1)
  glht <- multcomp::glht(aov(weight ~ group, data), multcomp::mcp(group = "Dunnett"))
  want <- confint(glht)$confint
  expect_equal(cbind(got$estimate, got$conf.low, got$conf.high), want,
    tolerance = 1e-3, ignore_attr = TRUE
  )
  expect_equal(got$p.value, as.vector(summary(glht)$test$pvalues), tolerance = 1e-3)
  # The interval and P are of one distribution.
  level <- 1 - got$p.value[[1]]
  touching <- compare_arms(weight ~ group, data,
    adjust = "dunnett", reference = "ctrl", conf.level = level
  )
  expect_lt(min(abs(c(touching$conf.low[[1]], touching$conf.high[[1]]))), 1e-7)
})

test_that("methods that do not belong together are refused", {
  compare <- function(...) compare_arms(weight ~ group, PlantGrowth, ...)
  expect_error(compare("welch", adjust = "tukey"), "games-howell")
  expect_error(compare(adjust = "games-howell"), "belongs to test = \"welch\"")
  expect_error(compare(adjust = "dunnett"), "Say with `reference`")
  expect_error(compare(adjust = "tukey", reference = "ctrl"), "is for all pairs")
  expect_error(compare("anova", adjust = "tukey"), "belongs to")
  expect_error(compare(adjust = "Tukey"), "`adjust` must be one of")
})
