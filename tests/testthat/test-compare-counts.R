# Oracles: prop.trend.test(), mcnemar.test(), mantelhaen.test(), chisq.test().

test_that("trend is that of Cochran and Armitage", {
  better <- c(10, 15, 22, 9)
  n <- c(30, 31, 32, 20)
  got <- compare_counts(rbind(better, n - better), "trend")
  expect_equal(got$p.value, prop.trend.test(better, n)$p.value, tolerance = 1e-12)
  scores <- c(0, 1, 2, 4)
  got <- compare_counts(rbind(better, n - better), "trend", scores = scores)
  expect_equal(got$statistic, prop.trend.test(better, n, scores)$statistic[[1]], tolerance = 1e-12)
  turned <- compare_counts(cbind(better, n - better), "trend", scores = list(answer = scores))
  expect_equal(turned$statistic, got$statistic, tolerance = 1e-12)
})

test_that("trend of longer tables is Mantel's", {
  data <- transform(mtcars, cyl = factor(cyl), gear = factor(gear))
  got <- compare_arms(cyl ~ gear, data, "trend")
  expect_equal(got$statistic, 31 * cor(as.integer(data$cyl), as.integer(data$gear))^2)
  expect_equal(got$p.value, pchisq(got$statistic, 1, lower.tail = FALSE))
})

test_that("mcnemar and cmh are those of stats", {
  twice <- matrix(c(794, 150, 86, 570), 2)
  for (correct in c(TRUE, FALSE)) {
    got <- compare_counts(twice, "mcnemar", correct = correct)
    want <- mcnemar.test(twice, correct = correct)
    expect_equal(c(got$statistic, got$p.value), c(want$statistic, want$p.value), ignore_attr = TRUE)
    got <- compare_counts(UCBAdmissions, "cmh", correct = correct, conf.level = 0.9)
    want <- mantelhaen.test(UCBAdmissions, correct = correct, conf.level = 0.9)
    expect_equal(c(got$statistic, got$p.value), c(want$statistic, want$p.value), ignore_attr = TRUE)
    expect_equal(c(got$estimate, got$conf.low, got$conf.high),
      c(want$estimate, want$conf.int), ignore_attr = TRUE
    )
  }
  expect_equal(compare_counts(diag(2) + 1, "mcnemar")$p.value, 1)
  data <- as.data.frame(UCBAdmissions)
  data <- data[rep(seq_len(nrow(data)), data$Freq), ]
  ours <- compare_arms(Admit ~ Gender, data, "cmh", strata = ~Dept)
  expect_equal(ours$p.value, compare_counts(UCBAdmissions, "cmh")$p.value)
  expect_output(print(ours), "odds ratio")
})

test_that("simulated P near those of chisq.test", {
  data <- transform(mtcars, cyl = factor(cyl), gear = factor(gear))
  counts <- table(data$cyl, data$gear)
  set.seed(1)
  want <- chisq.test(counts, simulate.p.value = TRUE, B = 1e5)
  got <- compare_counts(counts, simulate = TRUE, replicates = 99999, seed = 2)
  expect_equal(got$statistic, want$statistic[[1]])
  expect_lt(abs(got$p.value - want$p.value), 5 * sqrt(want$p.value / 1e5))
  expect_identical(got$p.value, compare_arms(cyl ~ gear, data, simulate = TRUE, "chisq",
    replicates = 99999, seed = 2, threads = 2
  )$p.value)
  # A stratum apart: within it nothing can be exchanged.
  data$stratum <- data$gear
  expect_equal(
    compare_arms(cyl ~ gear, data, "chisq", strata = ~stratum, simulate = TRUE, seed = 1)$p.value, 1
  )
})

test_that("a missing answer is a level only when asked for", {
  data <- data.frame(answer = c("yes", "no", NA, "yes", NA, "no", "yes", NA), arm = rep(1:2, 4))
  omitted <- compare_arms(answer ~ arm, data, "fisher")
  expect_identical(c(attr(omitted, "n_used"), attr(omitted, "n_left_out")), c(5L, 3L))
  level <- compare_arms(answer ~ arm, data, "fisher", na.level = TRUE)
  expect_identical(attr(level, "n_used"), 8L)
  expect_equal(level$p.value, fisher.test(addNA(data$answer), data$arm)$p.value)
  expect_identical(rownames(attr(level, "arms")), c("no", "yes", "(missing)"))
})

test_that("what cannot be counted is said", {
  counts <- matrix(c(3, 4, 5, 6), 2)
  expect_error(compare_counts(counts, "cmh"), "three dimensions")
  expect_error(compare_counts(cbind(counts, 1), "mcnemar"), "square table")
  expect_error(compare_counts(counts, scores = 1:2), "`scores` has no meaning")
  expect_error(compare_counts(counts, "trend", scores = 1:3), "must have 2 numbers")
  expect_error(compare_counts(counts, "fisher", simulate = TRUE), "`simulate` has no meaning")
  expect_error(compare_counts(array(-1, c(2, 2, 2)), "cmh"), "stratum 1")
  expect_error(compare_arms(am ~ vs, mtcars, "cmh"), "Say with `strata`")
  expect_error(compare_arms(mpg ~ vs, mtcars, strata = ~gear), "`strata` has no meaning")
  expect_error(compare_arms(mpg ~ vs, mtcars, na.level = TRUE), "`na.level` has no meaning")
  expect_error(compare_arms(am ~ vs, mtcars, "cmh", strata = seq_len(32)), "coarser strata")
})
