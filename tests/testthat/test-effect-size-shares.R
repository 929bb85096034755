# Oracles: effectsize for estimates (its intervals are others, see the help), R's noncentral
# distributions, and the share of intervals that cover in a simulation.

test_that("intervals touch 0 at the level of the test", {
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

test_that("what has no share is said", {
  expect_error(eta_squared(f = 2, df = 2), "`df.residual`")
  expect_error(eta_squared(compare_arms(weight ~ group, PlantGrowth)), "Use test = \"anova\"")
  expect_error(eta_squared(glm(am ~ wt, binomial, mtcars)), "must be a linear model")
  expect_error(eta_squared(t.test(extra ~ group, sleep)), "without an F")
  expect_error(cramers_v(chisq = 50, n = 20, dim = c(2, 2)), "allows 20 at most")
  expect_error(cramers_v(compare_arms(weight ~ group, PlantGrowth)), "not a test of counts")
  expect_error(cramers_v(chisq = 5, n = 20), "`dim` must be")
  expect_error(eta_squared(), "Give either")
  expect_output(print(eta_squared(f = 4, df = 3, df.residual = 60)), "when P < 0.05")
  text <- capture.output(print(cramers_v(table(mtcars$cyl, mtcars$am), alternative = "greater")))
  expect_true(all(nchar(text) <= 80))
})
