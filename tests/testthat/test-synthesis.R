# Synthetic findings, one for each credibility given.
findings_of <- function(credibility, study = paste("Study", seq_along(credibility)),
                        category = "A category", synthesis = "All together") {
  data.frame(study, finding = paste("Finding", seq_along(credibility)), credibility, category,
    synthesis)
}

grade_of <- function(credibility, yes, ...) {
  findings <- findings_of(credibility)
  yes <- stats::setNames(rep_len(yes, nrow(findings)), findings$study)
  synthesis(findings, yes, ...)$synthesised
}

test_that("credibility lowers the grade as Munn et al. 2014 say", {
  expect_identical(grade_of(c("U", "U"), 5)$grade, "High")
  expect_identical(grade_of(c("U", "C"), 5)$grade, "Moderate")
  expect_identical(grade_of(c("C", "C"), 5)$grade, "Low")
  expect_identical(grade_of(c("C", "NS"), 5)$grade, "Very low")
  expect_identical(grade_of(c("U", "C"), 5)$credibility, -1L)
  expect_identical(grade_of("C", 5)$credibility, -2L)
  expect_identical(grade_of(c("U", "C", "NS"), 5)$credibility, -3L)
  expect_identical(grade_of(c("NS", "NS"), 5)$credibility, -4L)
})

test_that("dependability lowers it by the level most studies have", {
  level <- function(...) grade_of(rep("U", length(c(...))), c(...))$dependability
  expect_identical(vapply(0:5, level, 1L), c(-2L, -2L, -1L, -1L, 0L, 0L))
  expect_identical(level(5, 4, 1), 0L)
  expect_identical(level(5, 3), -1L)
  expect_identical(level(5, 3, 1), -2L)
  expect_identical(grade_of(c("U", "C"), 3)$grade, "Low")
  expect_identical(grade_of(c("C", "NS"), 0)$grade, "Very low")
  expect_identical(grade_of("U", 5, type = "text and opinion")$grade, "Low")
  # A study counts once, however many findings it has.
  many <- findings_of(rep("U", 4), c("a", "a", "a", "b"))
  expect_identical(synthesis(many, c(a = 5, b = 2))$synthesised$dependability, -1L)
})

test_that("findings are counted and ordered by category and synthesis", {
  findings <- findings_of(c("unequivocal", "Equivocal", "credible", "not_supported"),
    study = c("a", "b", "a", "c"), category = c("x", "y", "x", "z"),
    synthesis = c("One", "Two", "One", "Two"))
  x <- synthesis(findings)
  expect_identical(x$findings$finding, paste("Finding", c(1, 3, 2, 4)))
  expect_identical(x$synthesised$categories, c(1L, 2L))
  expect_identical(x$synthesised$studies, c(1L, 2L))
  expect_identical(x$synthesised$grade, c(NA_character_, NA_character_))
  expect_identical(x$categories$findings, c(2L, 1L, 1L))
  expect_match(x$notes, "Not graded|Finding 4")
})

test_that("empty cells, unknown words and categories of two synthesised findings are refused", {
  findings <- findings_of(c("U", "U"))
  findings$category[[2]] <- " "
  error <- expect_error(synthesis(findings), "row 2, column `category`",
    class = "questrial_error_argument")
  expect_identical(error$column, "category")
  expect_error(synthesis(findings_of(c("U", "unequivocl"))), "unequivocal",
    class = "questrial_error_argument")
  expect_error(synthesis(findings_of(c("U", "U"), synthesis = c("a", "b"))), "belongs to",
    class = "questrial_error_argument")
  expect_error(synthesis(findings_of("U")[-1]), "`study`", class = "questrial_error_argument")
  expect_error(synthesis(findings_of("U"), c("Study 1" = 6)), "0 to 5",
    class = "questrial_error_argument")
  expect_error(synthesis(findings_of("U"), c("Study 2" = 3)), "Did you mean",
    class = "questrial_error_argument")
  expect_error(synthesis(findings_of("U")[0, ]), class = "questrial_error_no_data")
})

test_that("the summary is a table, and all prints in 80 columns", {
  findings <- findings_of(c("U", "C", "U"), category = paste("Category", strrep("long ", 30)))
  x <- synthesis(findings, c("Study 1" = 5, "Study 2" = 3, "Study 3" = 1))
  table <- summary(x)
  expect_s3_class(table, "questrial_table")
  expect_identical(table$made_of, "3 findings of 3 studies")
  expect_lte(max(nchar(capture.output(print(table)))), 80)
  expect_lte(max(nchar(capture.output(print(x)))), 80)
  one <- summary(synthesis(findings_of("U")))
  expect_identical(one$made_of, "1 finding of 1 study")
  file <- withr::local_tempfile(fileext = ".html")
  write_table(table, file)
  expect_match(paste(readLines(file), collapse = " "), "down 2 levels")
  expect_match(alt_text(x), "graded")
})
