# Oracles: t.test(), oneway.test(), aov(), chisq.test(), fisher.test(),
# effectsize, and enumeration of all allocations.

two <- subset(PlantGrowth, group != "trt2")
two$group <- droplevels(two$group)

expect_row <- function(row, test, estimate) {
  expect_equal(row$estimate, estimate, tolerance = 1e-12)
  expect_equal(row$statistic, unname(test$statistic), tolerance = 1e-12)
  expect_equal(row$df, unname(test$parameter), tolerance = 1e-12)
  expect_equal(row$p.value, test$p.value, tolerance = 1e-12)
  expect_equal(c(row$conf.low, row$conf.high), as.vector(test$conf.int), tolerance = 1e-12)
  expect_equal(row$std.error, unname(test$stderr), tolerance = 1e-12)
}

test_that("each pair is a t test of its two arms alone", {
  for (test in c("student", "welch")) {
    got <- compare_arms(weight ~ group, PlantGrowth, test)
    expect_identical(got$contrast, c("trt1 - ctrl", "trt2 - ctrl", "trt2 - trt1"))
    by_arm <- split(PlantGrowth$weight, PlantGrowth$group)
    for (k in 1:3) {
      pair <- strsplit(got$contrast[[k]], " - ")[[1]]
      want <- t.test(by_arm[[pair[[1]]]], by_arm[[pair[[2]]]], var.equal = test == "student")
      expect_row(got[k, ], want, -diff(unname(want$estimate)))
    }
  }
})

test_that("the tests of all arms are those of oneway.test", {
  for (test in c("anova", "welch.anova")) {
    got <- compare_arms(weight ~ group, PlantGrowth, test)
    want <- oneway.test(weight ~ group, PlantGrowth, var.equal = test == "anova")
    expect_equal(got$statistic, unname(want$statistic), tolerance = 1e-12)
    expect_equal(c(got$df, got$df.residual), unname(want$parameter), tolerance = 1e-12)
    expect_equal(got$p.value, want$p.value, tolerance = 1e-12)
    expect_true(is.na(got$estimate) && is.na(got$g))
  }
})

test_that("printed summaries give what the data give", {
  n <- tapply(PlantGrowth$weight, PlantGrowth$group, length)
  mean <- tapply(PlantGrowth$weight, PlantGrowth$group, mean)
  sd <- tapply(PlantGrowth$weight, PlantGrowth$group, sd)
  for (test in c("student", "welch", "anova", "welch.anova")) {
    ours <- compare_summary(n, mean, sd, test = test)
    expect_equal(ours, compare_arms(weight ~ group, PlantGrowth, test),
      tolerance = 1e-10, ignore_attr = TRUE
    )
  }
})

test_that("counts are tested as by chisq.test and fisher.test", {
  data <- transform(mtcars, cyl = factor(cyl), am = factor(am))
  counts <- table(data$cyl, data$am)
  got <- compare_arms(cyl ~ am, data, "chisq")
  want <- suppressWarnings(chisq.test(counts))
  expect_equal(got$statistic, unname(want$statistic), tolerance = 1e-12)
  expect_equal(got$df, unname(want$parameter))
  expect_equal(got$p.value, want$p.value, tolerance = 1e-12)
  expect_output(print(got), "3 cells with an expected count", fixed = TRUE)
  expect_equal(compare_counts(counts)$p.value, got$p.value)
  expect_equal(compare_counts(counts, "fisher")$p.value, fisher.test(counts)$p.value)
  small <- table(data$vs, data$am)
  for (correct in c(TRUE, FALSE)) {
    expect_equal(
      compare_counts(small, correct = correct)$p.value,
      chisq.test(small, correct = correct)$p.value, tolerance = 1e-12
    )
  }
  pairs <- compare_counts(t(counts), reference = "4")
  expect_identical(pairs$contrast, c("6 - 4", "8 - 4"))
  want <- suppressWarnings(chisq.test(t(counts)[, c("8", "4")], correct = FALSE))
  expect_equal(pairs$p.value[[2]], want$p.value)
})

test_that("Hedges' g and its interval are those of effectsize", {
  skip_if_not_installed("effectsize")
  for (level in c(0.95, 0.9)) {
    got <- compare_arms(weight ~ group, PlantGrowth, conf.level = level)
    for (k in 1:3) {
      pair <- strsplit(got$contrast[[k]], " - ")[[1]]
      x <- PlantGrowth$weight[PlantGrowth$group == pair[[1]]]
      y <- PlantGrowth$weight[PlantGrowth$group == pair[[2]]]
      want <- effectsize::hedges_g(x, y, ci = level)
      expect_equal(got$g[[k]], want$Hedges_g, tolerance = 1e-10)
      # effectsize finds its limits by a general optimiser, to about 5 digits.
      limits <- c(got$g.low[[k]], got$g.high[[k]])
      expect_equal(limits, c(want$CI_low, want$CI_high), tolerance = 1e-4)
    }
  }
})

test_that("the limits of g are noncentralities with the right tails", {
  got <- compare_summary(c(12, 30), c(0, 2.5), c(1, 1))
  df <- 40
  j <- exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / sqrt(df / 2)
  ncp <- c(got$g.low, got$g.high) / j / sqrt(1 / 12 + 1 / 30)
  expect_equal(pt(got$statistic, df, ncp), c(0.975, 0.025), tolerance = 1e-6)
  # J is near 1 - 3 / (4 df - 1), the textbook approximation.
  expect_equal(j, 1 - 3 / (4 * df - 1), tolerance = 1e-4)
  huge <- compare_summary(c(50, 50), c(0, 100), c(1, 1))
  expect_true(huge$g.low < huge$g && huge$g < huge$g.high)
})

test_that("adjustment is p.adjust, and widens intervals for bonferroni only", {
  plain <- compare_arms(weight ~ group, PlantGrowth)
  for (adjust in c("holm", "bonferroni", "hochberg", "BH")) {
    got <- compare_arms(weight ~ group, PlantGrowth, adjust = adjust)
    expect_equal(got$p.value, p.adjust(plain$p.value, adjust))
    if (adjust == "bonferroni") {
      wide <- compare_arms(weight ~ group, PlantGrowth, conf.level = 1 - 0.05 / 3)
      expect_equal(got$conf.low, wide$conf.low)
      expect_output(print(got), "intervals of the differences too")
    } else {
      expect_equal(got$conf.low, plain$conf.low)
    }
  }
})

test_that("the randomisation test nears the share of all allocations", {
  x <- c(two$weight[1:6], two$weight[11:17])
  data <- data.frame(x = x, g = rep(c("a", "b"), c(6, 7)))
  all <- utils::combn(13, 6, function(chosen) abs(mean(x[chosen]) - mean(x[-chosen])))
  exact <- mean(all >= abs(mean(x[1:6]) - mean(x[7:13])) - 1e-12)
  got <- compare_arms(x ~ g, data, "permutation", replicates = 99999, seed = 1)
  expect_lt(abs(got$p.value - exact), 4 * sqrt(exact * (1 - exact) / 99999))
  expect_identical(attr(got, "seed"), 1)
})

test_that("the seed governs, for any number of threads, and set.seed() without one", {
  p <- function(...) compare_arms(weight ~ group, PlantGrowth, "permutation", ...)$p.value
  expect_identical(p(seed = 3, threads = 1), p(seed = 3, threads = 2))
  set.seed(5)
  first <- p()
  set.seed(5)
  expect_identical(p(), first)
  expect_gte(min(p(replicates = 19, seed = 1)), 1 / 20)
})

test_that("a long randomisation test can be stopped, and the session goes on", {
  skip_on_cran()
  late <- function() {
    setTimeLimit(elapsed = 0.5, transient = TRUE)
    on.exit(setTimeLimit())
    compare_arms(weight ~ group, PlantGrowth, "permutation", replicates = 4e9, seed = 1)
  }
  expect_error(late(), "time limit")
  expect_s3_class(compare_arms(weight ~ group, PlantGrowth, "permutation", seed = 1), "data.frame")
})

test_that("NIST's SmLs keep at least 12, 9 and 4 digits of F", {
  # Nine groups, middle values 1.4, 1.3 and 1.5, a tenth around them; F is the
  # number in a group.
  f <- function(common, n) {
    middle <- c(0.4, rep(c(0.3, 0.5), 4))
    wave <- c(0, rep(c(-0.1, 0.1), (n - 1) / 2))
    data <- data.frame(y = common + as.vector(outer(wave, middle, `+`)), g = gl(9, n))
    compare_arms(y ~ g, data, "anova")$statistic
  }
  for (n in c(21, 201, 2001)) {
    expect_equal(f(1, n), n, tolerance = 1e-12)
    expect_equal(f(1e6, n), n, tolerance = 1e-9)
    expect_equal(f(1e12, n), n, tolerance = 1e-4)
  }
})

test_that("missing rows are left out and counted", {
  got <- compare_arms(Ozone ~ Month, airquality, "anova")
  expect_identical(attr(got, "n_used"), 116L)
  expect_identical(attr(got, "n_left_out"), 37L)
  expect_output(print(got), "n = 116, 37 left out for missing values", fixed = TRUE)
  want <- oneway.test(Ozone ~ Month, airquality, var.equal = TRUE)
  expect_equal(got$statistic, unname(want$statistic))
})

test_that("bad arms are named", {
  bad <- function(data, ...) compare_arms(weight ~ group, data, ...)
  expect_error(bad(PlantGrowth[0, ]), "0 rows", class = "questrial_error_no_data")
  error <- expect_error(bad(subset(PlantGrowth, group != "trt2")), "`trt2`",
    class = "questrial_error_no_data"
  )
  expect_identical(error$value, "trt2")
  expect_error(bad(droplevels(subset(PlantGrowth, group == "ctrl"))), "single arm, `ctrl`",
    class = "questrial_error_argument"
  )
  lost <- PlantGrowth
  lost$weight[lost$group == "trt1"] <- NA
  expect_error(bad(lost), "no rows with an outcome", class = "questrial_error_no_data")
  expect_error(bad(PlantGrowth, reference = "placebo"), "`reference` must be one of",
    class = "questrial_error_argument"
  )
  expect_error(bad(PlantGrowth, adjust = "sidak"), "`adjust`", class = "questrial_error_argument")
  expect_error(bad(PlantGrowth, test = "t"), "`test`", class = "questrial_error_argument")
  expect_error(compare_arms(weight ~ grp, PlantGrowth), "no variable `grp`",
    class = "questrial_error_argument"
  )
  expect_error(compare_arms(weight ~ group + 1 + weight, PlantGrowth), "one variable",
    class = "questrial_error_argument"
  )
  single <- PlantGrowth[c(1:10, 11, 21:30), ]
  expect_error(bad(single, "welch"), "Arm `trt1` has 1 value,", class = "questrial_error_no_data")
  flat <- transform(PlantGrowth, weight = as.numeric(group))
  expect_error(bad(flat), "do not vary", class = "questrial_error_singular")
})

test_that("bad outcomes are named", {
  expect_error(compare_arms(Species ~ Species, iris), class = "questrial_error_argument")
  expect_error(compare_arms(group ~ weight, PlantGrowth), "not a number",
    class = "questrial_error_argument"
  )
  data <- PlantGrowth
  data$weight[[4]] <- Inf
  error <- expect_error(compare_arms(weight ~ group, data), "Inf in row 4",
    class = "questrial_error_argument"
  )
  expect_identical(error$row, 4L)
  data$weight <- NA_real_
  expect_error(compare_arms(weight ~ group, data), "No row has both",
    class = "questrial_error_no_data"
  )
})

test_that("bad summaries and tables are named", {
  expect_error(compare_summary(10, 1, 1), "two or more arms", class = "questrial_error_argument")
  expect_error(compare_summary(c(10, 10), c(1, NA), c(1, 1)), "Arm 2 has",
    class = "questrial_error_argument"
  )
  expect_error(compare_summary(c(10, 10), 1:2, c(1, -1)), "SD not below 0",
    class = "questrial_error_argument"
  )
  expect_error(compare_summary(c(10, 10), 1:2, c(1, 1), c("a", "a")), "2 different names",
    class = "questrial_error_argument"
  )
  expect_error(compare_counts(rbind(c(1, 2), c(3, -4))), "row 2, column 2",
    class = "questrial_error_argument"
  )
  expect_error(compare_counts(rbind(c(1, 2.5), c(3, 4))), "whole numbers",
    class = "questrial_error_argument"
  )
  expect_error(compare_counts(rbind(c(0, 0), c(3, 4))), "Row 1", class = "questrial_error_no_data")
  expect_error(compare_counts(c(1, 2)), "2 x 1", class = "questrial_error_dimension")
  expect_error(compare_counts("a"), "counts", class = "questrial_error_argument")
})

test_that("results are plain enough to handle, and print in 80 columns", {
  withr::local_options(width = 80)
  got <- compare_arms(weight ~ group, PlantGrowth)
  expect_s3_class(got, c("compare_arms", "data.frame"), exact = TRUE)
  expect_named(got, c(
    "contrast", "estimate", "std.error", "statistic", "df", "df.residual", "p.value", "conf.low",
    "conf.high", "g", "g.low", "g.high"
  ))
  expect_lte(max(nchar(utils::capture.output(print(got)))), 80)
  expect_output(print(got[1:2, c("contrast", "p.value")]), "trt1 - ctrl")
  skip_if_not_installed("generics")
  expect_identical(class(generics::tidy(got)), "data.frame")
  expect_identical(generics::glance(got)$nobs, 30L)
  expect_error(generics::tidy(got, conf.int = TRUE), class = "questrial_error_argument")
})

test_that("re-allocation within strata keeps them apart", {
  data <- data.frame(
    y = c(1, 4, 2, 6, 30, 35, 31, 39), arm = rep(c("a", "b"), 4), site = rep(c("u", "v"), each = 4)
  )
  got <- compare_arms(y ~ arm, data, "permutation", strata = ~site, replicates = 50000, seed = 1)
  # Six ways in each site.
  sums <- outer(utils::combn(1:4, 2, function(k) sum(data$y[k])),
    utils::combn(5:8, 2, function(k) sum(data$y[k])), `+`)
  observed <- sum(data$y[data$arm == "b"])
  exact <- mean(abs(sums - sum(data$y) / 2) >= abs(observed - sum(data$y) / 2) - 1e-9)
  expect_lt(abs(got$p.value - exact), 5 * sqrt(exact / 50000))
  expect_output(print(got), "shuffled within")
})
