test_that("exact binary ties go away from zero in dialect spss and to even in r", {
  ties <- c(0.125, 0.375, 0.625, 0.875, 2.5, -0.125, 1234567.125)
  expect_identical(
    format_number(ties, 2, dialect = "spss"),
    c("0.13", "0.38", "0.63", "0.88", "2.50", "-0.13", "1234567.13")
  )
  expect_identical(format_number(ties, 2, dialect = "r"), sprintf("%.2f", ties))
  expect_identical(format_number(c(0.5, 1.5, 2.5, -0.5), 0, dialect = "spss"),
    c("1", "2", "3", "-1"))
})

test_that("dialect spss agrees with rounding the decimal that was typed", {
  # Every n/1000 is a tie at two decimals when n ends in 5; the reference works
  # on whole numbers only.
  n <- 0:9999
  cents <- n %/% 10 + (n %% 10 >= 5)
  typed <- as.numeric(sprintf("%d.%03d", n %/% 1000, n %% 1000))
  wanted <- sprintf("%d.%02d", cents %/% 100, cents %% 100)
  expect_identical(format_number(typed, 2, dialect = "spss"), wanted)
  expect_identical(
    format_number(-typed[n >= 5], 2, dialect = "spss"), paste0("-", wanted[n >= 5])
  )
})

test_that("percentages of counts are rounded as the fractions they are", {
  # 100 a / b to one decimal, half away, in whole numbers: floor((2000 a + b) / 2b).
  pairs <- expand.grid(a = 0:160, b = 1:160)
  pairs <- pairs[pairs$a <= pairs$b, ]
  tenths <- (2000 * pairs$a + pairs$b) %/% (2 * pairs$b)
  wanted <- sprintf("%d.%d", as.integer(tenths %/% 10), as.integer(tenths %% 10))
  expect_identical(format_number(100 * pairs$a / pairs$b, 1, dialect = "spss"), wanted)
})

test_that("large, small, infinite and missing numbers keep their sense", {
  expect_identical(
    format_number(c(1e20, 1e-300, -1e-300, Inf, -Inf, NA, NaN, -0), 2, dialect = "spss"),
    c("100000000000000000000.00", "0.00", "0.00", "Inf", "-Inf", "", "", "0.00")
  )
  expect_identical(format_number(c(NA, 1), 1, missing = "\u2013"), c("\u2013", "1.0"))
  expect_identical(format_number(NA), "")
  expect_identical(format_number(numeric()), character())
  expect_identical(format_number(c(1.25, 2), digits = c(1, 0)), c("1.2", "2"))
  expect_identical(format_number(3L, 0), "3")
  expect_identical(format_number(123456789012.5, 0, dialect = "spss"), "123456789013")
})

test_that("there is no minus zero", {
  expect_identical(format_number(c(-0.004, -0.4, -0.0001), 2), c("0.00", "-0.40", "0.00"))
  expect_identical(format_number(-0.4, 0), "0")
})

test_that("P is printed as in the trial's two tables", {
  expect_identical(
    format_p(c(.3417, .3956, .0499, .2314, .1899, .7831)),
    c(".34", ".40", ".050", ".23", ".19", ".78")
  )
  beta <- c(-5.142, 2.673, 2.181)
  error <- c(1.548, 1.228, 1.251)
  expect_identical(
    format_p(2 * pt(-abs(beta / error), 353), "decimals"), c(".001", ".030", ".082")
  )
  expect_identical(format_p(c(.3417, .0499), leading_zero = TRUE), c("0.34", "0.050"))
})

test_that("P near 0 and 1 is never printed as 0 or 1", {
  p <- c(0, 1e-300, .00099, .000996, .00104, .0996, .994, .996, 1, NA)
  expect_identical(
    format_p(p), c("<.001", "<.001", "<.001", ".0010", ".0010", ".10", ".99", ">.99", ">.99", "")
  )
  expect_identical(
    format_p(c(0, .0004, .0006, .9994, .9996, 1), "decimals", leading_zero = TRUE),
    c("<0.001", "<0.001", "0.001", "0.999", ">0.999", ">0.999")
  )
  expect_identical(format_p(.0125, dialect = "spss"), ".013")
  expect_identical(format_p(numeric()), character())
})

test_that("intervals are recycled and empty when an end is missing", {
  expect_identical(format_ci(-0.28, c(4.641, NA), 3), c("-0.280 to 4.641", ""))
  expect_identical(format_ci(1, 2, 0, separator = "; ", missing = "-"), "1; 2")
  expect_identical(format_ci(numeric(), 1), character())
})

test_that("wrong arguments are named", {
  expect_error(format_number("1"), "`x` must be numbers", class = "questrial_error_argument")
  expect_error(format_number(1, 1.5), "`digits`", class = "questrial_error_argument")
  expect_error(format_number(1:3, c(1, 2)), "one or 3", class = "questrial_error_argument")
  expect_error(format_number(1, dialect = "sas"), "dialect", class = "questrial_error_argument")
  error <- expect_error(format_p(c(.1, 2.148)), "value 2 is 2.148", class = "questrial_error_range")
  expect_identical(error$row, 2L)
  expect_error(format_p(-.1), class = "questrial_error_range")
  expect_error(format_ci(1:2, 1:3), "2 values", class = "questrial_error_argument")
})
