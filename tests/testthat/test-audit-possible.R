# Tables in which nothing follows from anything else, so that what is found is impossible by itself.
possible_tables <- function(percent = "12.5", sd = "2.1", p = "0.04", alpha = "0.81",
                            error = "0.20", chisq = "3.1", f = "2.2", model_p = "0.30") {
  list(
    design = data.frame(key = c("arms", "model_outcome"), value = c("a; b", "y")),
    counts = data.frame(variable = "sex", level = "f", arm = "a", n = "", percent = percent),
    means = data.frame(outcome = "y", arm = "a", mean = "3.1", sd = sd),
    tests = data.frame(
      test = c("chisq", "anova", "student"), outcome = c("sex", "y", "y"), by = c("arm", "arm", ""),
      arm = c("", "", "b"), reference = c("", "", "a"), statistic = c(chisq, f, "-2.0"),
      p = c("", "", p)
    ),
    alpha = data.frame(outcome = "y", alpha = alpha),
    model = data.frame(
      variable = "arm", level = "b", reference = "a", estimate = "-1.0", std.error = error,
      p = model_p
    )
  )
}

impossible <- function(...) {
  found <- audit(published(possible_tables(...)))
  found[found$check == "possible", ]
}

test_that("a figure that nothing can be is inconsistent by itself", {
  expect_identical(nrow(impossible()), 0L)
  expect_one <- function(cell, recomputed, ...) {
    found <- impossible(...)
    expect_identical(found$cell, cell)
    expect_identical(found$verdict, "inconsistent")
    expect_identical(found$recomputed, recomputed)
  }
  expect_one("counts[1, percent]", 100, percent = "112.5")
  expect_one("counts[1, percent]", 0, percent = "-12.5")
  expect_one("means[1, sd]", 0, sd = "-2.1")
  expect_one("tests[3, p]", 1, p = "1.04")
  expect_one("model[1, p]", 0, model_p = "-0.30")
  expect_one("model[1, std.error]", 0, error = "-0.20")
  expect_one("alpha[1, alpha]", 1, alpha = "1.81")
  expect_one("tests[1, statistic]", 0, chisq = "-3.1")
  expect_one("tests[2, statistic]", 0, f = "-2.2")
  expect_identical(impossible(sd = "-2.1")$note, "cannot be below 0")
  expect_identical(impossible(percent = "112.5")$figure, "sex: f, a")
})

test_that("what rounds to a bound is possible, and a negative alpha too", {
  expect_identical(nrow(impossible(
    percent = "100.0", sd = "0", p = "1.000", error = "-0.00", alpha = "-1.40", model_p = "<0.001"
  )), 0L)
  expect_identical(nrow(impossible(p = ">0.99", percent = "100", chisq = "0.00")), 0L)
})
