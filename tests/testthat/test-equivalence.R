# Oracles: t.test() with shifted hypotheses, and its 90 % interval.

two_groups <- droplevels(subset(chickwts, feed %in% c("casein", "sunflower")))

test_that("TOST is two one-sided t tests, and the interval agrees", {
  fit <- fit_glm(weight ~ feed, two_groups)
  parts <- split(two_groups$weight, two_groups$feed)
  one <- function(mu, side) {
    t.test(parts$sunflower, parts$casein, mu = mu, alternative = side, var.equal = TRUE)
  }
  for (limits in list(c(-60, 60), c(-30, 50), c(-5, 90))) {
    ours <- equivalence_test(fit, limits[[1]], limits[[2]], "feedsunflower")
    low <- one(limits[[1]], "greater")
    high <- one(limits[[2]], "less")
    expect_equal(ours$p.low, low$p.value, tolerance = 1e-10)
    expect_equal(ours$p.high, high$p.value, tolerance = 1e-10)
    expect_equal(ours$statistic.low, unname(low$statistic), tolerance = 1e-10)
    expect_equal(ours$p.value, max(low$p.value, high$p.value), tolerance = 1e-10)
    interval <- t.test(parts$sunflower, parts$casein, conf.level = 0.9, var.equal = TRUE)$conf.int
    expect_equal(c(ours$conf.low, ours$conf.high), c(interval), tolerance = 1e-10)
    expect_identical(
      ours$equivalent, limits[[1]] < ours$conf.low && ours$conf.high < limits[[2]]
    )
  }
  expect_equal(equivalence_test(fit, high = 60, contrasts = "feedsunflower")$low, -60)
})

test_that("non-inferiority is one of them, in either direction", {
  fit <- fit_glm(weight ~ feed, two_groups)
  parts <- split(two_groups$weight, two_groups$feed)
  one <- function(mu, side) {
    t.test(parts$sunflower, parts$casein, mu = mu, alternative = side, var.equal = TRUE)$p.value
  }
  higher <- noninferiority_test(fit, 40, contrasts = "feedsunflower")
  expect_equal(higher$p.value, one(-40, "greater"), tolerance = 1e-10)
  lower <- noninferiority_test(fit, 40, "lower", "feedsunflower", alpha = 0.05)
  expect_equal(lower$p.value, one(40, "less"), tolerance = 1e-10)
  expect_identical(higher$noninferior, higher$conf.low > -40)
  expect_identical(lower$noninferior, lower$conf.high < 40)
})

test_that("ratios are tested as logarithms against margins that are ratios", {
  fit <- fit_glm(log(weight) ~ feed, two_groups)
  plain <- equivalence_test(fit, log(0.8), log(1.25), "feedsunflower")
  ratio <- linear_contrast(fit, "feedsunflower", exponentiate = TRUE)
  ours <- equivalence_test(ratio, high = 1.25)
  expect_equal(ours$p.value, plain$p.value)
  expect_equal(ours$conf.low, exp(plain$conf.low))
  expect_equal(ours$low, 0.8)
  worse <- noninferiority_test(ratio, 0.8)
  expect_equal(worse$p.value, noninferiority_test(fit, -log(0.8), contrasts = "feedsunflower")$p.value)
  expect_error(noninferiority_test(ratio, 1.2), "below 1", class = "questrial_error_argument")
  expect_error(noninferiority_test(ratio, 0.8, "lower"), "above 1",
    class = "questrial_error_argument"
  )
})

test_that("any table of effects will do, with one margin or several", {
  fit <- fit_glm(weight ~ feed, chickwts)
  pairs <- marginal_contrasts(marginal_means(fit, ~feed), "reference", adjust = "holm")
  ours <- equivalence_test(pairs, high = 60)
  expect_identical(ours$contrast, pairs$contrast)
  margins <- seq(20, 60, 10)
  each <- noninferiority_test(pairs, margins)
  expect_equal(each$statistic, (pairs$estimate + margins) / pairs$std.error)
  compared <- compare_arms(weight ~ feed, chickwts, reference = "casein")
  expect_equal(
    equivalence_test(compared, high = 60)$p.low,
    pt((compared$estimate + 60) / compared$std.error, compared$df, lower.tail = FALSE)
  )
  normal <- equivalence_test(data.frame(term = "a", estimate = 0.1, std.error = 0.2), high = 1)
  expect_equal(normal$p.value, pnorm(-0.9 / 0.2))
  standardised <- standardised_effects(fit, ~feed, measure = c("difference", "ratio"))
  both <- equivalence_test(standardised[c(1, 6), ], c(-60, 0.8), c(60, 1.25))
  expect_equal(both$statistic.high[[2]],
    (log(standardised$estimate[[6]]) - log(1.25)) / standardised$std.error[[6]]
  )
})

test_that("margins that cannot be are refused", {
  fit <- fit_glm(weight ~ feed, two_groups)
  refused <- function(code, message) {
    expect_error(code, message, class = "questrial_error_argument")
  }
  refused(equivalence_test(fit, 3, 2, "feedsunflower"), "`low` must be below `high`")
  refused(equivalence_test(fit, high = 3), "which effect")
  refused(equivalence_test(fit, high = 1:2, contrasts = "feedsunflower"), "one for each of the 1")
  refused(noninferiority_test(fit, -3, contrasts = "feedsunflower"), "above 0")
  refused(equivalence_test(chickwts, high = 3), "columns `estimate`")
  refused(equivalence_test(compare_arms(weight ~ feed, two_groups), high = 3, vcov = "HC2"),
    "go with a fit"
  )
})

test_that("tests print within 80 columns with margins and verdict", {
  withr::local_options(width = 80)
  fit <- fit_glm(weight ~ feed, chickwts)
  pairs <- marginal_contrasts(marginal_means(fit, ~feed), "reference")
  shown <- capture.output(
    print(equivalence_test(pairs, high = 60)), print(noninferiority_test(pairs, 30))
  )
  expect_lte(max(nchar(shown)), 80)
  expect_match(paste(shown, collapse = " "), "shown for . of 5.* 71 rows used")
})
