# Lemogne et al. 2020 (doi:10.1186/s12909-020-02316-w), Table 1 and the text on
# the change scores: n, means and SDs as printed. Expected values were computed
# by hand from these, and agree with the printed ones as noted.
change <- data.frame(
  arm = c("control", "balint", "narrative"), n = c(117, 125, 120),
  mean = c(-2.36, 0.27, -0.57), sd = c(11.41, 8.00, 8.76)
)
compare_change <- function(test, ...) {
  compare_summary(change$n, change$mean, change$sd, change$arm, test = test, ...)
}

test_that("the three contrasts are Student's t of the two arms compared", {
  got <- compare_change("student")
  expect_identical(
    got$contrast, c("balint - control", "narrative - control", "narrative - balint")
  )
  # Printed: 2.086 (P .038), 1.354 and 1.355 (.18), 0.784 (.43).
  expect_equal(round(got$statistic, 4), c(2.0868, 1.3567, -0.7843))
  expect_equal(got$df, c(240, 235, 243))
  expect_equal(round(got$p.value, 4), c(0.0380, 0.1762, 0.4337))
  expect_equal(round(got$estimate, 2), c(2.63, 1.79, -0.84))
  expect_equal(round(c(got$conf.low[[1]], got$conf.high[[1]]), 2), c(0.15, 5.11))
  expect_equal(round(got$g[[1]], 3), 0.268)
})

test_that("Welch's t, the omnibus F and Welch's F, which the paper leaves out", {
  welch <- compare_change("welch")
  expect_equal(round(welch$statistic[[1]], 3), 2.063)
  expect_equal(round(welch$df[[1]], 1), 206.4)
  expect_equal(round(welch$p.value[[1]], 4), 0.0403)
  omnibus <- compare_change("anova")
  expect_equal(round(omnibus$statistic, 4), 2.4158)
  expect_equal(c(omnibus$df, omnibus$df.residual), c(2, 359))
  expect_equal(round(omnibus$p.value, 4), 0.0907)
  welch_f <- compare_change("welch.anova")
  expect_equal(round(welch_f$statistic, 4), 2.1226)
  expect_equal(round(welch_f$df.residual, 2), 232.25)
  expect_equal(round(welch_f$p.value, 3), 0.122)
})

test_that("Holm's adjustment of the three contrasts", {
  expect_equal(round(compare_change("student", adjust = "holm")$p.value, 3), c(0.114, 0.352, 0.434))
})

test_that("chi-squares of Table 1, as printed and with the specialty cells exchanged", {
  chisq <- function(...) {
    got <- compare_counts(rbind(...))
    c(round(got$statistic, 4), got$df, round(got$p.value, 4))
  }
  expect_equal(chisq(c(75, 72, 66), c(42, 53, 54)), c(2.1479, 2, 0.3417))
  expect_equal(chisq(c(7, 10, 13), c(110, 115, 107)), c(1.8545, 2, 0.3956))
  # Completion: 4, 5 and 8 lost of 131, 130 and 131: the order that gives the printed 1.585, .45.
  expect_equal(round(compare_counts(rbind(c(4, 5, 8), c(127, 125, 123)))$p.value, 4), 0.4527)
  living <- rbind(alone = c(27, 40, 44), parents = c(57, 56, 59), neither = c(33, 29, 17))
  expect_equal(chisq(living), c(9.4934, 4, 0.0499))
  expect_equal(chisq(c(69, 74), c(42, 40), c(14, 6)), c(3.3229, 2, 0.1899))
  # Printed 5.596, .23: only with 15 and 16 exchanged in the Balint column.
  specialty <- rbind(surgery = c(24, 16, 27), medicine = c(82, 94, 79), other = c(11, 15, 14))
  expect_equal(chisq(specialty), c(4.6845, 4, 0.3212))
  specialty[c("surgery", "other"), 2] <- c(15, 16)
  expect_equal(chisq(specialty), c(5.5958, 4, 0.2314))
})

test_that("attendance and baseline F within the rounding of means and SDs", {
  baseline <- compare_summary(
    c(117, 125, 120), c(110.1, 111.0, 110.7), c(11.9, 9.1, 9.3), test = "anova"
  )
  expect_equal(round(baseline$statistic, 4), 0.2447)
  expect_equal(round(baseline$p.value, 4), 0.7831)
})
