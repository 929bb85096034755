named_tables <- function(outcome = "followup", by = "arm", variable = "sex", level = "female",
                         model_variable = "sex", model_level = "male") {
  list(
    design = data.frame(key = c("arms", "model_outcome"), value = c("control; talks", "followup")),
    counts = data.frame(
      variable = "sex", level = rep(c("female", "male"), each = 2), arm = c("control", "talks"),
      n = c("20", "22", "30", "31")
    ),
    means = data.frame(outcome = "followup", arm = c("control", "talks"), mean = c("8.1", "9.2")),
    tests = data.frame(test = "anova", outcome = outcome, by = by, variable = variable, level = level),
    model = data.frame(
      variable = model_variable, level = model_level, reference = "female", estimate = "1.2"
    )
  )
}

test_that("a name that is nearly another table's is said, with the other", {
  expect_warning(published(named_tables(outcome = "folowup")),
    "tests.csv, column `outcome`: no other table has \"folowup\". Did you mean `followup`?",
    fixed = TRUE, class = "questrial_warning_names"
  )
  expect_warning(published(named_tables(by = "arms:sex")), "Did you mean `arm`?", fixed = TRUE)
  expect_warning(published(named_tables(variable = "sexe")), "Did you mean `sex`?", fixed = TRUE)
  expect_warning(published(named_tables(level = "femal")), "Did you mean `female`?", fixed = TRUE)
  expect_warning(published(named_tables(model_level = "mall")), "Did you mean `male`?",
    fixed = TRUE)
  expect_warning(published(named_tables(model_variable = "arm", model_level = "talk")),
    "Did you mean `talks`?", fixed = TRUE)
})

test_that("names of their own, and those that differ in a number, are let alone", {
  expect_silent(published(named_tables()))
  expect_silent(published(named_tables(outcome = "completion")))
  expect_silent(published(named_tables(outcome = "quality of life")))
  expect_silent(published(named_tables(outcome = "sax")))
  tables <- named_tables(outcome = "pain 2")
  tables$means$outcome <- "pain 1"
  expect_silent(published(tables))
  expect_silent(published(system.file("extdata", "lemogne2020", package = "questrial")))
  expect_silent(published(system.file("extdata", "buffel2017", package = "questrial")))
})
