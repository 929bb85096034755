# The trial of Lemogne et al. (2020, doi:10.1186/s12909-020-02316-w): what its misprints cause.

lemogne_audit <- function(...) {
  dir <- system.file("extdata", "lemogne2020", package = "questrial")
  audit(published(dir, ...))
}

test_that("the printed tables contradict themselves where the two misprints reach", {
  found <- lemogne_audit()
  wrong <- found[found$verdict == "inconsistent", ]
  expect_setequal(wrong$cell, c(
    "tests[4, statistic]", # chi-square of specialty, by the exchanged counts
    "means[10, mean]", "means[11, mean]", "means[12, mean]", # arms' changes, by the labels
    "model[9, std.error]" # too small for 40 students, right for 255
  ))
  expect_equal(wrong$recomputed[wrong$cell == "tests[4, statistic]"], 4.6845, tolerance = 1e-5)
  means <- wrong[startsWith(wrong$cell, "means"), ]
  expect_equal(means$recomputed, c(-3.05, -0.66, -1.17), tolerance = 0.005)
  expect_gt(wrong$low[wrong$cell == "model[9, std.error]"], 1.5)
})

test_that("with the misprints repaired every figure can be right", {
  found <- lemogne_audit(repaired = TRUE)
  expect_false(any(found$verdict == "inconsistent"))
  expect_equal(sum(found$check == "regression row"), 36)
  means <- found[found$check == "model mean", ]
  expect_true(all(means$verdict == "exact"))
  sizes <- found[found$check == "group sizes", ]
  expect_equal(sizes$recomputed / as.numeric(sizes$printed), rep(1, 9), tolerance = 0.03)
})

test_that("another reference, another label or other counts alone do not resolve it", {
  printed <- published(system.file("extdata", "lemogne2020", package = "questrial"))
  repaired <- published(
    system.file("extdata", "lemogne2020", package = "questrial"),
    repaired = TRUE
  )
  labels <- printed
  labels$model <- repaired$model
  counts <- printed
  counts$counts <- repaired$counts
  exchanged <- printed
  exchanged$model$level[8:9] <- printed$model$level[9:8]
  for (tables in list(labels, counts, exchanged)) {
    expect_gt(sum(audit(tables)$verdict == "inconsistent"), 0)
  }
})
