# Oracles: effectsize, t.test(), exact identities.

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
  got <- cohens_d(paired)
  expect_equal(c(got$conf.low, got$conf.high), c(want$CI_low, want$CI_high), tolerance = 1e-4)
  expect_equal(cohens_d(t = paired$statistic, n = 10)$conf.low, cohens_d(paired)$conf.low)
})

test_that("one-sided limits are those of the two-sided interval of twice the tail", {
  two_sided <- cohens_d(t = 2, n = c(15, 18), conf.level = 0.9)
  greater <- cohens_d(t = 2, n = c(15, 18), alternative = "greater")
  less <- cohens_d(t = 2, n = c(15, 18), alternative = "less")
  expect_equal(c(greater$conf.low, less$conf.high), c(two_sided$conf.low, two_sided$conf.high))
  expect_identical(c(greater$conf.high, less$conf.low), c(Inf, -Inf))
})

test_that("what has no effect size is said", {
  expect_error(cohens_d(), "Give either")
  expect_error(cohens_d(t = 2), "`n` must be")
  expect_error(cohens_d(t = 2, n = c(20, 20), type = "av"), "`type` must be one of")
  expect_error(cohens_d(compare_paired(wide, "first", "second"), type = "pooled"), "`z`")
  expect_error(cohens_d(compare_counts(diag(2) + 1)), "comparison of means")
  expect_error(cohens_d(mtcars), "outcome ~ arm")
  expect_error(cohens_d(t.test(extra ~ group, sleep)), "does not hold the numbers")
  constant <- compare_paired(transform(wide, first = 1), "first", "second")
  expect_error(cohens_d(constant, type = "rm"), "does not vary")
})

test_that("it prints in 80 columns and tidies", {
  for (effect in list(
    cohens_d(weight ~ group, PlantGrowth), hedges_g(t = 2, n = 9, alternative = "greater")
  )) {
    text <- capture.output(print(effect))
    expect_true(all(nchar(text) <= 80))
  }
  skip_if_not_installed("generics")
  expect_identical(class(generics::tidy(cohens_d(t = 2, n = 12))), "data.frame")
})
