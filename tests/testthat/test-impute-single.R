visits <- data.frame(
  id = 1:6, a = c(1, 2, NA, 4, NA, 6), b = c(NA, 3, 4, NA, NA, 7), c = c(NA, NA, NA, 5, NA, 8)
)

test_that("the last observed value, or the baseline, is carried forward", {
  forward <- carry_forward(visits, c("a", "b", "c"))
  want <- transform(visits, b = c(1, 3, 4, 4, NA, 7), c = c(1, 3, 4, 5, NA, 8))
  expect_identical(forward[[1]], want)
  baseline <- carry_forward(visits, c("a", "b", "c"), "baseline")
  want <- transform(visits, b = c(1, 3, 4, 4, NA, 7), c = c(1, 2, NA, 5, NA, 8))
  expect_identical(baseline[[1]], want)
})

# One person after the other.
slow_locf <- function(data, columns) {
  for (row in seq_len(nrow(data))) {
    for (k in seq_along(columns)[-1]) {
      if (is.na(data[row, columns[[k]]])) data[row, columns[[k]]] <- data[row, columns[[k - 1]]]
    }
  }
  data
}

test_that("items of several occasions are carried each by itself", {
  columns <- unname(Map(c, paste0("t0_", 1:20), paste0("t1_", 1:20)))
  imp <- carry_forward(balint, columns)
  want <- as.data.frame(balint)
  for (pair in columns) {
    want <- slow_locf(want, pair)
  }
  expect_equal(as.data.frame(imp[[1]]), want)
})

test_that("factors keep their levels", {
  data <- data.frame(x = factor(c("b", "a", NA)), y = factor(c(NA, "b", NA), c("a", "b")))
  imp <- carry_forward(data, c("x", "y"))
  expect_identical(imp[[1]]$y, factor(c("b", "b", NA), c("a", "b")))
})

test_that("codes for missing in labelled columns are neither kept nor carried", {
  labelled <- function(x) {
    structure(x, class = c("haven_labelled_spss", "haven_labelled"), na_values = 99)
  }
  data <- data.frame(id = 1:3)
  data$x <- labelled(c(1, 99, 3))
  data$y <- labelled(c(99, 2, 99))
  data$z <- labelled(c(99, 99, NA))
  got <- carry_forward(data, c("x", "y", "z"))[[1]]
  expect_identical(as.vector(unclass(got$y)), c(1, 2, 3))
  expect_identical(as.vector(unclass(got$z)), c(1, 2, 3))
})

test_that("it is marked as single imputation", {
  imp <- carry_forward(visits, c("a", "b", "c"))
  expect_identical(imp$m, 1L)
  expect_true(is_single(imp))
  shown <- paste(utils::capture.output(print(imp)), collapse = " ")
  expect_match(shown, "Single imputation.* b +forward .*standard errors from it")
})

test_that("values with nothing to carry are not counted as imputed", {
  gaps <- data.frame(a = c(1, NA, 3), b = c(NA, NA, 4))
  expect_identical(n_imputed(carry_forward(gaps, c("a", "b"))), 1L)
})

test_that("nothing to carry is no imputation", {
  complete <- data.frame(x = 1:2, y = 3:4)
  expect_identical(carry_forward(complete, c("x", "y"))[[1]], complete)
})

test_that("columns of other types, absent or doubled ones are refused", {
  visits$word <- "x"
  refused <- function(columns, pattern) {
    expect_error(carry_forward(visits, columns), pattern, class = "questrial_error_argument")
  }
  refused(c("a", "nothing"), "no column")
  refused(c("a", "word"), "one type")
  refused("a", "two or more")
  refused(list(c("a", "b"), c("b", "c")), "two places")
  expect_error(carry_forward(1:3, "a"), class = "questrial_error_argument")
  expect_error(carry_forward(visits, c("a", "b"), "back"), class = "questrial_error_argument")
})
