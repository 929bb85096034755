# Oracles: effectsize where it is right, R's noncentral distributions, t.test(),
# exact identities, and the share of intervals that cover in a simulation.

by_arm <- split(PlantGrowth$weight, PlantGrowth$group)
wide <- data.frame(
  first = sleep$extra[sleep$group == 1], second = sleep$extra[sleep$group == 2]
)

test_that("d of two arms is that of effectsize", {
  skip_if_not_installed("effectsize")
  for (type in c("pooled", "average", "glass")) {
    got <- cohens_d(weight ~ group, PlantGrowth, type = type)
    for (k in 1:3) {
      pair <- strsplit(got$contrast[[k]], " - ")[[1]]
      x <- by_arm[[pair[[1]]]]
      y <- by_arm[[pair[[2]]]]
      want <- if (type == "glass") {
        effectsize::glass_delta(x, y)
      } else {
        effectsize::cohens_d(x, y, pooled_sd = type == "pooled")
      }
      expect_equal(got$estimate[[k]], want[[1]], tolerance = 1e-12)
      expect_equal(c(got$conf.low[[k]], got$conf.high[[k]]), c(want$CI_low, want$CI_high),
        tolerance = 2e-3
      )
    }
  }
})

test_that("every way in gives the same", {
  d <- cohens_d(weight ~ group, PlantGrowth)
  expect_equal(cohens_d(compare_arms(weight ~ group, PlantGrowth)), d)
  expect_equal(cohens_d(compare_arms(weight ~ group, PlantGrowth, "anova")), d)
  printed <- compare_summary(lengths(by_arm), vapply(by_arm, mean, 0), vapply(by_arm, sd, 0))
  expect_equal(cohens_d(printed)$conf.low, d$conf.low, tolerance = 1e-7)
  t <- compare_arms(weight ~ group, PlantGrowth)$statistic[[3]]
  expect_equal(cohens_d(t = t, n = c(10, 10))$conf.high, d$conf.high[[3]], tolerance = 1e-7)
  with_reference <- cohens_d(compare_arms(weight ~ group, PlantGrowth, reference = "trt1"))
  expect_identical(with_reference$contrast, c("ctrl - trt1", "trt2 - trt1"))
  g <- hedges_g(weight ~ group, PlantGrowth)
  plain <- compare_arms(weight ~ group, PlantGrowth)
  expect_equal(g$estimate, plain$g, tolerance = 1e-12)
  expect_equal(g$conf.low, plain$g.low, tolerance = 1e-8)
})

test_that("intervals touch 0 at the level of the test", {
  touches <- function(effect) min(abs(c(effect$conf.low, effect$conf.high)))
  two <- subset(PlantGrowth, group != "trt1")
  two$group <- droplevels(two$group)
  p <- t.test(weight ~ group, two)$p.value
  expect_lt(touches(cohens_d(weight ~ group, two, type = "average", conf.level = 1 - p)), 1e-6)
  p <- t.test(weight ~ group, two, var.equal = TRUE)$p.value
  expect_lt(touches(hedges_g(weight ~ group, two, conf.level = 1 - p)), 1e-6)
  paired <- compare_paired(wide, "first", "second")
  for (type in c("z", "av", "rm")) {
    expect_lt(touches(cohens_d(paired, type = type, conf.level = 1 - paired$p.value)), 1e-6)
  }
  fit <- aov(weight ~ group, PlantGrowth)
  p <- summary(fit)[[1]][["Pr(>F)"]][[1]]
  for (size in list(eta_squared, omega_squared, epsilon_squared)) {
    expect_lt(size(fit, conf.level = 1 - 2 * p)$conf.low, 1e-6)
    expect_gt(size(fit, conf.level = 1 - 2.01 * p)$conf.low, 1e-5)
    expect_equal(size(fit, alternative = "greater", conf.level = 0.95)$conf.low,
      size(fit)$conf.low, tolerance = 1e-6
    )
  }
  counts <- table(mtcars$cyl, mtcars$am)
  p <- compare_counts(counts)$p.value
  expect_lt(cramers_v(counts, conf.level = 1 - 2 * p)$conf.low, 1e-4)
  expect_gt(cramers_v(counts, conf.level = 1 - 2.01 * p)$conf.low, 1e-3)
})

test_that("paired types have their formulas", {
  paired <- compare_paired(wide, "first", "second")
  change <- wide$second - wide$first
  d <- function(type) cohens_d(paired, type = type)$estimate
  expect_equal(d("z"), mean(change) / sd(change))
  expect_equal(d("av"), mean(change) / sqrt((var(wide$first) + var(wide$second)) / 2))
  r <- cor(wide$first, wide$second)
  expect_equal(d("rm"), mean(change) / sd(change) * sqrt(2 * (1 - r)))
  # With equal variances rm, av and the d of two arms are one number.
  scaled <- transform(wide, second = second / sd(second) * sd(first))
  same <- compare_paired(scaled, "first", "second")
  expect_equal(cohens_d(same, type = "rm")$estimate, cohens_d(same, type = "av")$estimate)
  skip_if_not_installed("effectsize")
  want <- effectsize::cohens_d(wide$second, wide$first, paired = TRUE)
  expect_equal(c(cohens_d(paired)$conf.low, cohens_d(paired)$conf.high), c(want$CI_low, want$CI_high),
    tolerance = 1e-4
  )
  expect_equal(cohens_d(t = paired$statistic, n = 10)$conf.low, cohens_d(paired)$conf.low)
})

test_that("one-sided limits are those of the two-sided interval of twice the tail", {
  two_sided <- cohens_d(t = 2, n = c(15, 18), conf.level = 0.9)
  greater <- cohens_d(t = 2, n = c(15, 18), alternative = "greater")
  less <- cohens_d(t = 2, n = c(15, 18), alternative = "less")
  expect_equal(c(greater$conf.low, less$conf.high), c(two_sided$conf.low, two_sided$conf.high))
  expect_identical(c(greater$conf.high, less$conf.low), c(Inf, -Inf))
})

test_that("estimates of shares are those of effectsize", {
  skip_if_not_installed("effectsize")
  fit <- lm(mpg ~ factor(cyl) + am, mtcars)
  expect_equal(eta_squared(fit)$estimate, effectsize::eta_squared(fit)$Eta2_partial)
  expect_equal(eta_squared(fit, partial = FALSE)$estimate,
    effectsize::eta_squared(fit, partial = FALSE)$Eta2
  )
  expect_equal(omega_squared(fit)$estimate, effectsize::omega_squared(fit)$Omega2_partial)
  expect_equal(epsilon_squared(fit)$estimate, effectsize::epsilon_squared(fit)$Epsilon2_partial)
  counts <- table(mtcars$cyl, mtcars$gear)
  v <- function(adjust) suppressWarnings(effectsize::cramers_v(counts, adjust = adjust))[[1]]
  expect_equal(cramers_v(counts)$estimate, v(FALSE))
  expect_equal(cramers_v(counts, unbiased = TRUE)$estimate, v(TRUE))
})

test_that("fits, tables, comparisons and printed F give the same", {
  eta <- eta_squared(fit_glm(weight ~ group, PlantGrowth))
  ways <- list(
    aov(weight ~ group, PlantGrowth), anova(lm(weight ~ group, PlantGrowth)),
    compare_arms(weight ~ group, PlantGrowth, "anova"),
    oneway.test(weight ~ group, PlantGrowth, var.equal = TRUE)
  )
  columns <- c("estimate", "conf.low", "conf.high", "df", "df.residual")
  for (way in ways) {
    expect_equal(data.frame(eta_squared(way))[columns], data.frame(eta)[columns], tolerance = 1e-7)
  }
  f <- anova(lm(weight ~ group, PlantGrowth))[["F value"]][[1]]
  expect_equal(eta_squared(f = f, df = 2, df.residual = 27)$conf.high, eta$conf.high)
  type_iii <- anova(fit_glm(mpg ~ factor(cyl) * am, mtcars), type = "III")
  expect_identical(eta_squared(type_iii)$term, c("factor(cyl)", "am", "factor(cyl):am"))
  expect_error(eta_squared(type_iii, partial = FALSE), "type I")
  counts <- table(mtcars$cyl, mtcars$am)
  chisq <- suppressWarnings(chisq.test(counts))
  v <- cramers_v(counts)
  expect_equal(cramers_v(chisq), v)
  expect_equal(cramers_v(compare_counts(counts)), v)
  expect_equal(cramers_v(cyl ~ am, transform(mtcars, cyl = factor(cyl))), v)
  expect_equal(cramers_v(chisq = chisq$statistic[[1]], n = 32, dim = c(3, 2))$conf.low, v$conf.low)
})

test_that("limits have the right tails, and cover the population's share", {
  eta <- eta_squared(f = 4, df = 3, df.residual = 60, conf.level = 0.8)
  lambda <- function(share) 64 * share / (1 - share)
  expect_equal(pf(4, 3, 60, lambda(c(eta$conf.low, eta$conf.high))), c(0.9, 0.1), tolerance = 1e-7)
  expect_identical(eta_squared(f = 0.01, df = 3, df.residual = 60)$conf.high, 0)
  # Three arms of 6 with means -1, 0, 1 and SD 1: the population's share is (2/3) / (2/3 + 1).
  set.seed(4)
  arm <- gl(3, 6)
  covered <- replicate(2000, {
    f <- anova(lm(rnorm(18, as.integer(arm)) ~ arm))[["F value"]][[1]]
    eta <- eta_squared(f = f, df = 2, df.residual = 15)
    eta$conf.low < 0.4 && 0.4 < eta$conf.high
  })
  expect_lt(abs(mean(covered) - 0.9), 4 * sqrt(0.09 / 2000))
})

test_that("what has no effect size is said", {
  expect_error(cohens_d(), "Give either")
  expect_error(cohens_d(t = 2), "`n` must be")
  expect_error(cohens_d(t = 2, n = c(20, 20), type = "av"), "`type` must be one of")
  expect_error(cohens_d(compare_paired(wide, "first", "second"), type = "pooled"), "`z`")
  expect_error(cohens_d(compare_counts(diag(2) + 1)), "comparison of means")
  expect_error(cohens_d(mtcars), "outcome ~ arm")
  expect_error(eta_squared(f = 2, df = 2), "`df.residual`")
  expect_error(eta_squared(compare_arms(weight ~ group, PlantGrowth)), "Use test = \"anova\"")
  expect_error(eta_squared(glm(am ~ wt, binomial, mtcars)), "must be a linear model")
  expect_error(eta_squared(t.test(extra ~ group, sleep)), "without an F")
  expect_error(cramers_v(chisq = 50, n = 20, dim = c(2, 2)), "allows 20 at most")
  expect_error(cramers_v(compare_arms(weight ~ group, PlantGrowth)), "not a test of counts")
  expect_error(cramers_v(chisq = 5, n = 20), "`dim` must be")
  constant <- compare_paired(transform(wide, first = 1), "first", "second")
  expect_error(cohens_d(constant, type = "rm"), "does not vary")
})

test_that("it prints in 80 columns and tidies", {
  for (effect in list(
    cohens_d(weight ~ group, PlantGrowth), eta_squared(lm(mpg ~ factor(cyl) + am, mtcars)),
    cramers_v(table(mtcars$cyl, mtcars$am), alternative = "greater")
  )) {
    text <- capture.output(print(effect))
    expect_true(all(nchar(text) <= 80))
  }
  expect_output(print(eta_squared(f = 4, df = 3, df.residual = 60)), "when P < 0.05")
  skip_if_not_installed("generics")
  expect_identical(class(generics::tidy(cohens_d(t = 2, n = 12))), "data.frame")
})
