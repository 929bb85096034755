test_that("what the core counted becomes words, with how often", {
  names <- c("a", "b", "c")
  counts <- list(
    left_out = matrix(c(0L, 0L, 0L, 0L, 0L, 0L, 10L, 3L, 0L), 3, dimnames = list(names, names)),
    decided = matrix(
      c(0L, 10L, 0L, 0L, 1L, 0L), 3, dimnames = list(names, c("few_donors", "separated"))
    ),
    of = c(10, 10, 10)
  )
  log <- counted_log(counts)
  expect_identical(log$variable, c("a", "b", "b", "b"))
  expect_identical(log$predictor, c("c", "c", NA, NA))
  expect_identical(log$visits, c(10, 3, 10, 1))
  expect_identical(log$of, rep(10, 4))
  expect_match(log$decision[[3]], "fewer observed values than donors")
  lines <- log_lines(log)
  expect_length(lines, 4)
  left <- "predictor left out as constant, collinear or too many for the rows"
  expect_identical(
    lines[1:2], paste0(c("`a`: ", "`b`: "), left, ": `c`", c(" (always)", " (3 of 10 visits)"))
  )
  expect_match(lines[[3]], "always", fixed = TRUE)
})

test_that("decisions that are alike share a line", {
  left <- "predictor left out as constant, collinear or too many for the rows"
  log <- rbind(
    log_rows(c("a", "b"), left, c("c", "c"), 5, 5), log_rows(c("a", "b"), left, c("d", "d"), 5, 5),
    log_rows("e", left, "d", 2, 5), log_rows(c("x", "y"), "carried along")
  )
  expect_identical(log_lines(log), c(
    paste0("`a` and `b`: ", left, ": `c` and `d` (always)"),
    paste0("`e`: ", left, ": `d` (2 of 5 visits)"), "`x` and `y`: carried along"
  ))
})

test_that("no decision is no row", {
  counts <- list(
    left_out = matrix(0L, 1, 1, dimnames = list("a", "a")),
    decided = matrix(0L, 1, 2, dimnames = list("a", c("few_donors", "separated"))), of = 5
  )
  expect_identical(dim(counted_log(counts)), c(0L, 5L))
  expect_identical(log_lines(counted_log(counts)), character())
})

test_that("each kind of decision of the core has words", {
  entry <- c("few_donors", "few_rows", "separated", "not_converged", "no_effects", "one_value")
  expect_setequal(names(decision_words), entry)
})
