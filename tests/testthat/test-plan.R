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

test_that("a plan with multiple imputation says in words what is imputed from what", {
  plan <- invented_plan(method = "mi", imputation = list(m = 7, seed = 3, iterations = 4))
  expect_identical(plan$imputation$level, "item")
  lines <- capture.output(print(plan))
  expect_true(all(nchar(lines) <= 80))
  text <- gsub(" +", " ", paste(lines, collapse = " "))
  for (words in c(
    "All randomised participants", "imputed 7 times", "4 iterations", "each arm by itself",
    "seed 3",
    "other answers of its own scale", "total of the other visit", "sex and age",
    "predictive mean matching (5 donors)", "Rubin's rules"
  )) {
    expect_match(text, words, fixed = TRUE)
  }
  scores <- invented_plan(method = "mi", imputation = list(level = "score", by_arm = FALSE))
  expect_match(protocol(scores)[["Imputation"]], "scores at baseline and follow-up")
  expect_match(protocol(scores)[["Imputation"]], "both visits and arm, sex and age")
  expect_null(invented_plan()$imputation)
  expect_false("Imputation" %in% names(protocol(invented_plan())))
})

test_that("imputation that cannot be planned is refused by name", {
  refused <- function(words, ...) {
    expect_error(invented_plan(...), words, class = "questrial_error_argument")
  }
  refused("`imputation` must be a list named by .*`ms`", method = "mi", imputation = list(ms = 3))
  refused("`m` must be", method = "mi", imputation = list(m = 0))
  refused("`imputation\\$by_arm`", method = "mi", imputation = list(by_arm = 2))
  refused("no groups", method = "mi", imputation = list(cluster = TRUE))
  refused("ready-made scores",
    method = "mi", imputation = list(level = "item"), baseline = "a1", followup = "b1"
  )
  refused("`baseline.observed`.*\"mi\"", method = "mi", prespecified = "baseline.observed")
  refused("`imputed`.*without `imputation`", prespecified = "imputed")
  refused("`method` must be one of", method = "multiple")
})
