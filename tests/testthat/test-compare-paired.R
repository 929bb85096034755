# Oracles: t.test(paired = TRUE), effectsize.

wide <- data.frame(
  first = sleep$extra[sleep$group == 1], second = sleep$extra[sleep$group == 2],
  arm = rep(c("a", "b"), 5)
)

test_that("it is the paired t test", {
  for (level in c(0.95, 0.9)) {
    got <- compare_paired(wide, "first", "second", conf.level = level)
    want <- t.test(wide$second, wide$first, paired = TRUE, conf.level = level)
    expect_equal(
      c(got$estimate, got$statistic, got$df, got$p.value, got$conf.low, got$conf.high),
      c(want$estimate, want$statistic, want$parameter, want$p.value, want$conf.int),
      ignore_attr = TRUE, tolerance = 1e-12
    )
  }
  by_arm <- compare_paired(wide, "first", "second", "arm", adjust = "bonferroni")
  b <- wide[wide$arm == "b", ]
  want <- t.test(b$second, b$first, paired = TRUE, conf.level = 0.975)
  expect_equal(by_arm$p.value[[2]], min(1, 2 * want$p.value))
  expect_equal(by_arm$conf.low[[2]], want$conf.int[[1]])
  expect_identical(by_arm$contrast, c("second - first, a", "second - first, b"))
})

test_that("g is that of effectsize, and agrees with the test", {
  skip_if_not_installed("effectsize")
  got <- compare_paired(wide, "first", "second")
  want <- effectsize::hedges_g(wide$second, wide$first, paired = TRUE)
  expect_equal(c(got$g, got$g.low, got$g.high), c(want$Hedges_g, want$CI_low, want$CI_high),
    tolerance = 1e-4
  )
  touching <- compare_paired(wide, "first", "second", conf.level = 1 - got$p.value)
  expect_lt(abs(touching$g.low), 1e-6)
})

test_that("missing and impossible pairs are said", {
  gap <- wide
  gap$first[3] <- NA
  got <- compare_paired(gap, "first", "second")
  expect_identical(c(attr(got, "n_used"), attr(got, "n_left_out")), c(9L, 1L))
  expect_output(print(got), "Paired t test")
  expect_error(compare_paired(wide, "fist", "second"), "Did you mean `first`")
  expect_error(compare_paired(transform(wide, second = first + 1), "first", "second"), "equal")
  expect_error(compare_paired(wide[1, ], "first", "second"), "too few")
  expect_error(compare_paired(transform(wide, first = "x"), "first", "second"), "not a number")
  expect_error(
    compare_paired(transform(wide, first = Inf), "first", "second"), "row 1",
    class = "questrial_error_argument"
  )
})
