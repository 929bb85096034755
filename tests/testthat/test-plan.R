test_that("a plan prints as a protocol in 80 columns", {
  lines <- capture.output(print(balint_plan()))
  expect_true(all(nchar(lines) <= 80))
  text <- paste(lines, collapse = " ")
  for (word in c("Empathy", "control", "Student", "Gender", "mean of the analysed")) {
    expect_match(text, word, fixed = TRUE)
  }
})

test_that("covariates may be a formula", {
  expect_identical(invented_plan(covariates = ~ sex + age)$covariates, c("sex", "age"))
  expect_error(invented_plan(covariates = y ~ sex), "one-sided", class = "questrial_error_argument")
  expect_error(invented_plan(covariates = ~ sex * age), "interactions",
    class = "questrial_error_argument"
  )
})

test_that("what cannot be planned is refused by name", {
  expect_error(invented_plan(baseline = c("a1", "a2")), "2 columns.*5 items",
    class = "questrial_error_dimension"
  )
  expect_error(invented_plan(covariates = c("sex", "arm")), "`arm` two roles",
    class = "questrial_error_argument"
  )
  expect_error(invented_plan(covariates = "change"), "`change` of its own",
    class = "questrial_error_argument"
  )
  expect_error(invented_plan(outcome = "both"), "`outcome` must be one of",
    class = "questrial_error_argument"
  )
  expect_error(invented_plan(prespecified = "ancove"), "ancove", class = "questrial_error_argument")
  expect_error(invented_plan(labels = "Sex"), "with names", class = "questrial_error_argument")
  expect_error(invented_plan(instrument = "no-such"), class = "questrial_error_argument")
  expect_error(invented_plan(scale = "no-such"), class = "questrial_error_argument")
})

test_that("a score without a name is called a score", {
  expect_identical(protocol(invented_plan())[["Outcome"]] |> substr(1, 6), "Score:")
})
