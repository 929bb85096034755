test_that("an estimand has five attributes and prints within 80 columns", {
  question <- estimand(
    population = "students", treatment = "group or usual", variable = "score at month 6",
    intercurrent = c("course stopped" = "treatment policy", "moved away" = "hypothetical"),
    summary = paste(rep("difference in means", 6), collapse = ", ")
  )
  expect_s3_class(question, c("estimand_table", "questrial_table"), exact = FALSE)
  expect_identical(
    question$attribute, c("population", "treatment", "variable", "intercurrent", "summary")
  )
  expect_identical(
    question$value[[4]], "course stopped: treatment policy; moved away: hypothetical"
  )
  withr::local_options(width = 80)
  expect_true(all(nchar(capture.output(print(question))) <= 80))
})

test_that("what is not stated is NA and said to be so", {
  question <- estimand(variable = "score")
  expect_identical(is.na(question$value), c(TRUE, TRUE, FALSE, TRUE, TRUE))
  expect_output(print(question), "not stated")
})

test_that("what the user states comes before what a method implies", {
  filled <- fill_estimand(
    estimand(population = "mine"), estimand(population = "before", treatment = "before"),
    list(population = "implied", treatment = "implied", summary = "implied")
  )
  expect_identical(filled$value, c("mine", "before", NA, NA, "implied"))
})

test_that("what is no text, and what is no estimand, is refused", {
  expect_error(estimand(population = 3), "`population` must be text", class = "questrial_error")
  expect_error(estimand(summary = NA_character_), class = "questrial_error_argument")
  expect_error(
    delta_adjust(drawn_imputations(lossy_trial()), -1, "month6", estimand = "x"),
    "what estimand\\(\\) makes"
  )
})
