# Synthetic: two arms whose printed means are the same, or not.
signed_tables <- function(means, statistics) {
  arms <- c("a", "b", "c")
  row <- function(arm, reference, statistic) {
    data.frame(
      test = "student", outcome = "followup", arm = arm, reference = reference,
      statistic = statistic, df = "198", p = ""
    )
  }
  published(list(
    design = data.frame(key = "arms", value = "a; b; c"),
    means = data.frame(outcome = "followup", arm = arms, n = "100", mean = means, sd = "6.0"),
    tests = rbind(row("b", "a", statistics[[1]]), row("c", "a", statistics[[2]]))
  ))
}

t_verdicts <- function(published) {
  found <- audit(published)
  found$verdict[found$check == "student"]
}

test_that("a negative t is right where means are printed the same", {
  expect_identical(
    t_verdicts(signed_tables(c("18.3", "18.3", "18.3"), c("-0.03", "0.00"))),
    c("rounding", "exact")
  )
})

test_that("a mean with a wrong sign does not turn signs of t into absolute values", {
  # t = 2.0 sqrt(100 / 2) / 6 = 2.357 and -1.0 sqrt(50) / 6 = -1.179.
  right <- c("1.0", "3.0", "0.0")
  expect_identical(t_verdicts(signed_tables(right, c("2.357", "-1.179"))), c("exact", "exact"))
  wrong <- c("-1.0", "3.0", "0.0")
  expect_identical(
    t_verdicts(signed_tables(wrong, c("2.357", "-1.179"))), c("inconsistent", "inconsistent")
  )
  repair <- repair(audit(signed_tables(wrong, c("2.357", "-1.179"))))
  expect_identical(repair$cell[[1]], "means[1, mean]")
})

test_that("t may be printed without its sign", {
  expect_identical(
    t_verdicts(signed_tables(c("1.0", "3.0", "0.0"), c("2.357", "1.179"))), c("exact", "exact")
  )
})
