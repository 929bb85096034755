exact_of <- function(x, formula, unit = "per arm", inflation = "none") {
  x$exact[x$formula == formula & x$unit == unit & x$inflation == inflation]
}

test_that("the trial's 124 is Lehr's rule and nothing else", {
  got <- which_formula(124, delta = 4.2, sd = 11.7)
  expect_identical(got$formula[got$gives], "Lehr's rule, 16 / d^2")
  expect_identical(got$rounding[[1]], "nearest")
  expect_equal(round(exact_of(got, "Lehr's rule, 16 / d^2"), 1), 124.2)
  expect_equal(round(exact_of(got, "t test, exact"), 2), 122.79)
  expect_equal(round(exact_of(got, "normal"), 2), 121.82)
  expect_match(capture.output(got)[[1]], "124 is given by Lehr's rule", fixed = TRUE)
})

# Cohen (1988), table 2.4.1: d = .50, two-sided .05, power .80 needs 64; .90 needs 85.
test_that("Cohen's tables", {
  got <- which_formula(64, delta = 0.5, sd = 1)
  expect_true(all(c("t test, exact", "normal + z^2 / 4") %in% got$formula[got$gives]))
  expect_equal(
    exact_of(got, "t test, exact"),
    stats::power.t.test(delta = 0.5, power = 0.8, strict = TRUE, tol = 1e-12)$n,
    tolerance = 1e-6
  )
  expect_equal(
    exact_of(got, "t test, one sample"),
    stats::power.t.test(delta = 0.5, power = 0.8, type = "one.sample", strict = TRUE,
      tol = 1e-12)$n,
    tolerance = 1e-6
  )
  got <- which_formula(85, delta = 0.5, sd = 1, power = 0.9)
  expect_true("normal + z^2 / 4" %in% got$formula[got$gives])
  expect_identical(exact_of(got, "Lehr's rule, 21 / d^2"), 84)
})

test_that("Pocock's example: 90 against 95%, power 90%, is 578 per arm with 10.5", {
  # (90 * 10 + 95 * 5) / 5^2 * 10.5 = 577.5 (Clinical trials, chapter 9).
  got <- which_formula(578, proportions = c(0.9, 0.95), power = 0.9)
  separate <- exact_of(got, "normal, separate variances")
  expect_equal(separate, sum(qnorm(c(0.975, 0.9)))^2 * (0.09 + 0.0475) / 0.0025)
  expect_true("normal, separate variances" %in% got$formula[got$gives])
})

test_that("proportions agree with power.prop.test() and pwr", {
  got <- which_formula(173, proportions = c(0.4, 0.55))
  expect_equal(
    exact_of(got, "normal, pooled variance"),
    stats::power.prop.test(p1 = 0.4, p2 = 0.55, power = 0.8, tol = 1e-12)$n, tolerance = 1e-6
  )
  skip_if_not_installed("pwr")
  expect_equal(
    exact_of(got, "arcsine"), pwr::pwr.2p.test(pwr::ES.h(0.4, 0.55), power = 0.8)$n,
    tolerance = 1e-5
  )
})

test_that("totals and losses are searched too", {
  got <- which_formula(246, delta = 4.2, sd = 11.7)
  expect_identical(got$unit[got$gives & got$formula == "t test, exact"], "total")
  got <- which_formula(137, delta = 4.2, sd = 11.7, dropout = 0.1)
  expect_identical(
    got$inflation[got$gives & got$formula == "t test, exact"], "/ (1 - dropout)"
  )
  expect_equal(
    exact_of(got, "normal", "total", "* (1 + dropout)"), 2.2 * exact_of(got, "normal")
  )
})

test_that("a number without a formula is said to have none", {
  got <- which_formula(1000, delta = 4.2, sd = 11.7)
  expect_false(any(got$gives))
  expect_match(capture.output(got)[[1]], "none of these")
  expect_lte(max(nchar(capture.output(which_formula(137, 4.2, 11.7, dropout = 0.1)))), 80)
})

test_that("Lehr's rule is left out where it has no constant", {
  expect_false(any(grepl("Lehr", which_formula(99, 4.2, 11.7, power = 0.85)$formula)))
  expect_false(any(grepl("Lehr", which_formula(99, 4.2, 11.7, alpha = 0.01)$formula)))
})

test_that("what cannot be meant is refused", {
  refuse <- function(call, text) {
    expect_error(call, text, class = "questrial_error_argument")
  }
  refuse(which_formula(0, 1, 1), "`n`")
  refuse(which_formula(12.5, 1, 1), "`n`")
  refuse(which_formula(12), "not none")
  refuse(which_formula(12, 1, c(1, 2)), "one SD only")
  refuse(which_formula(12, 1, 1, power = 80), "`power`")
})
