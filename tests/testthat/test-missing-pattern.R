test_that("patterns are those that mice counts", {
  skip_if_not_installed("mice")
  for (data in list(airquality, mice::boys, mice::nhanes2)) {
    pattern <- missing_pattern(data)
    theirs <- mice::md.pattern(data, plot = FALSE)
    theirs <- theirs[-nrow(theirs), -ncol(theirs), drop = FALSE][, names(data), drop = FALSE]
    ours <- attr(pattern, "missing")
    key <- function(missing) apply(+missing, 1, paste, collapse = "")
    expect_identical(
      stats::setNames(as.integer(rownames(theirs)), key(1 - theirs))[key(ours)],
      stats::setNames(pattern$n, key(ours))
    )
    expect_equal(sum(pattern$share), 1)
    expect_identical(pattern$n_missing, as.integer(rowSums(ours)))
    expect_false(is.unsorted(-pattern$n))
  }
})

test_that("patterns name what they miss", {
  data <- data.frame(a = c(1, NA, NA, 2), b = c(1, NA, NA, NA), c = factor(c("x", NA, NA, "y")))
  pattern <- missing_pattern(data)
  expect_identical(pattern$missing, c("a, b, c", "", "b"))
  expect_identical(pattern$n, c(2L, 1L, 1L))
  expect_identical(missing_pattern(data, "a")$n, c(2L, 2L))
  expect_output(print(pattern), "complete: 1 \\(25.0%\\)")
  expect_output(print(missing_pattern(mtcars)), "complete: 32 \\(100.0%\\)")
  expect_error(missing_pattern(data, "d"), class = "questrial_error_argument")
  expect_error(missing_pattern(1:3), class = "questrial_error_argument")
})

test_that("missing values are counted by arm", {
  table <- missing_table(balint, c("living", "absences", "t1_1"), by = ~arm)
  for (arm in levels(balint$arm)) {
    rows <- balint$arm == arm
    missing <- colSums(is.na(balint[rows, c("living", "absences", "t1_1")]))
    expect_equal(table[[paste0("missing.", arm)]], unname(missing))
    expect_equal(table[[paste0("percent.", arm)]], 100 * unname(missing) / sum(rows))
  }
  expect_equal(table$missing, unname(colSums(is.na(balint[table$variable]))))
  expect_error(missing_table(balint, by = ~group), class = "questrial_error_argument")
  expect_output(print(missing_table(airquality)), "111 of 153 rows are complete")
})

test_that("patterns are drawn, the most frequent first", {
  skip_if_not_installed("ggplot2")
  figure <- plot(missing_pattern(balint), most = 5)
  expect_s3_class(figure, "ggplot")
  expect_equal(nrow(figure$data), 5 * ncol(balint))
  expect_match(alt_text(figure), "complete: 0 rows of 392")
  expect_error(plot(missing_pattern(balint), mots = 5), class = "questrial_error_argument")
})
