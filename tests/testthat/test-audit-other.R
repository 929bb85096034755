power_row <- function(...) {
  as.data.frame(audit(published(list(power = data.frame(...)))))
}

printed_pools <- function(rows) {
  file <- system.file("extdata", "pools.csv", package = "questrial")
  pools <- utils::read.csv(file, comment.char = "#", colClasses = "character")
  published(list(pools = pools[rows, ]))
}

test_that("the trial's 124 is Lehr's rule: 16 / (4.2 / 11.7)^2 = 124.2", {
  row <- power_row(n = "124", delta = "4.2", sd = "11.7", power = "80%")
  expect_identical(row$cell, "power[1, n]")
  expect_identical(row$verdict, "exact")
  expect_equal(row$recomputed, 16 / (4.2 / 11.7)^2)
  expect_match(row$note, "Lehr's rule, 16 / d^2, per arm. t test, exact: 123.", fixed = TRUE)
})

test_that("R's own power.t.test() gives the sizes that are exact, in each arm or in all", {
  n <- ceiling(power.t.test(delta = 6, sd = 15, power = 0.9, strict = TRUE)$n)
  for (printed in format(c(n, 2 * n))) {
    row <- power_row(n = printed, delta = "6", sd = "15", power = ".90")
    expect_identical(row$verdict, "exact")
  }
})

test_that("what rounding of difference and SD allows holds every sample size within it", {
  row <- power_row(n = "400", delta = "0.5", sd = "1.0")
  expect_identical(row$verdict, "inconsistent")
  row <- power_row(n = "71", delta = "0.5", sd = "1.0")
  expect_identical(row$verdict, "rounding")
  box <- expand.grid(delta = c(0.4501, 0.5, 0.5499), sd = c(0.9501, 1, 1.0499))
  exact <- mapply(function(delta, sd) {
    power.t.test(delta = delta, sd = sd, power = 0.8, strict = TRUE, tol = 1e-10)$n
  }, box$delta, box$sd)
  row <- power_row(n = "64", delta = "0.5", sd = "1.0")
  expect_gt(min(exact), row$low)
  expect_lt(max(exact), row$high)
  expect_equal(range(exact), c(row$low, row$high), tolerance = 0.002)
})

test_that("two proportions, as shares or with percent signs, are rounded too", {
  size <- function(p1, p2) power.prop.test(p1 = p1, p2 = p2, power = 0.8, tol = 1e-10)$n
  n <- ceiling(size(0.3, 0.42))
  shares <- power_row(n = format(n), p1 = "0.30", p2 = "0.42")
  percent <- power_row(n = format(n), p1 = "30%", p2 = "42%")
  expect_identical(shares, percent)
  expect_identical(shares$verdict, "exact")
  expect_equal(shares$low, size(0.295, 0.425), tolerance = 1e-5)
  expect_equal(shares$high, size(0.305, 0.415), tolerance = 1e-5)
  expect_identical(power_row(n = "9999", p1 = "0.3", p2 = "0.4")$high, Inf)
})

test_that("what cannot be computed has no row, and truncation moves the box", {
  expect_equal(nrow(power_row(n = "124", power = "0.8")), 0)
  expect_equal(nrow(power_row(n = "124", delta = "1", sd = "999999999999")), 0)
  tables <- published(list(
    design = data.frame(key = "rounding", value = "truncated"),
    power = data.frame(n = "64", delta = "0.5", sd = "1.0")
  ))
  low <- power.t.test(delta = 0.6, sd = 1, power = 0.8, strict = TRUE, tol = 1e-10)$n
  expect_equal(audit(tables)$low, low, tolerance = 1e-5)
})

test_that("pooled rows are checked as check_pools() has them", {
  found <- audit(printed_pools(1:20))
  expect_identical(found$cell[found$verdict == "inconsistent"], c("pools[16, I2]", "pools[16, k]"))
  # Paulus & Meinken (2022): Q 84.82 of 13 effects.
  expect_equal(found$recomputed[found$cell == "pools[16, I2]"], 100 * (84.82 - 12) / 84.82)
  expect_false(anyNA(found$verdict))
  expect_identical(attr(found, "published")$pools$k[[16]], "13")
})

test_that("limits in the wrong order are a row of their lower limit", {
  pools <- data.frame(k = "3", estimate = "1.0", conf.low = "2.0", conf.high = "0.1")
  found <- audit(published(list(pools = pools)))
  expect_identical(found$cell, "pools[1, conf.low]")
  expect_identical(found$verdict, "inconsistent")
})

test_that("the abstract of the two-site trial: its P values are within what rounding allows", {
  dir <- system.file("extdata", "buffel2017", package = "questrial")
  found <- audit(published(dir))
  expect_identical(found$verdict[found$cell == "tests[1, p]"], "exact")
  expect_identical(found$verdict[found$cell == "tests[2, p]"], "rounding")
  # By R: t = 3.3 / (s sqrt(1/155 + 1/144)), pooled variance, 297 df.
  s <- sqrt((154 * 9.1^2 + 143 * 10.8^2) / 297)
  t <- 3.3 / (s * sqrt(1 / 155 + 1 / 144))
  expect_equal(found$recomputed[found$cell == "tests[2, p]"], 2 * pt(-t, 297), tolerance = 1e-6)
})
