# Synthetic trials.
relapse <- function(measure = "RR", ...) {
  trials <- data.frame(
    e1 = c(12, 8, 20), n1 = c(100, 80, 150), e2 = c(20, 11, 31), n2 = c(98, 82, 149)
  )
  meta_analysis(
    effect_size(measure, events1 = e1, n1 = n1, events2 = e2, n2 = n2, data = trials), ...
  )
}

score <- function() {
  meta_analysis(effect_size("SMD", c(12, 11, 13), c(3, 4, 3), c(40, 55, 30), c(10, 10.5, 11),
    c(3, 3.5, 4), c(41, 50, 33)))
}

test_that("numbers are those of the fit and of the arms", {
  fit <- relapse()
  x <- summary_of_findings(list(Relapse = fit))
  pooled <- generics::tidy(fit)[1, ]
  expect_equal(x$estimate, exp(pooled$estimate))
  expect_identical(c(x$participants, x$studies), c(659, 3))
  risk <- 62 / 329
  expect_equal(x$risk.control, 1000 * risk)
  expect_equal(x$risk.treated, 1000 * risk * exp(pooled$estimate))
  expect_equal(x$diff.high, 1000 * (risk * exp(pooled$conf.high) - risk))
  expect_identical(x$certainty, "High")
  expect_match(x$words, "^The intervention lowers relapse")
})

test_that("odds ratios and risk differences become risks by their own rules", {
  or <- summary_of_findings(list(a = relapse("OR")), risk = c(a = 0.2))
  expect_equal(or$risk.treated, 1000 * (0.25 * or$estimate) / (1 + 0.25 * or$estimate))
  rd <- summary_of_findings(list(a = relapse("RD")), risk = c(a = 0.2))
  expect_equal(rd$difference, 1000 * rd$estimate)
  capped <- summary_of_findings(list(a = relapse("RD")), risk = c(a = 0))
  expect_identical(capped$risk.treated, 0)
  sure <- summary_of_findings(list(a = relapse("OR")), risk = c(a = 1))
  expect_identical(sure$risk.treated, 1000)
})

test_that("certainty goes down by levels, with reasons as lettered notes", {
  fits <- list(A = relapse(), B = score(), C = relapse())
  x <- summary_of_findings(fits,
    down = list(A = c("Few events" = 1), B = c("Few events" = 1, "No blinding" = 2)),
    start = c(C = "low"))
  expect_identical(x$certainty, c("Moderate", "Very low", "Low"))
  expect_identical(x$certain, c("Moderate (a)", "Very low (a, b)", "Low"))
  notes <- attr(x, "notes")
  expect_true(any(notes == "a. Few events (down 1 level)."))
  expect_true(any(notes == "b. No blinding (down 2 levels)."))
  expect_match(x$words, "probably lowers|very uncertain|may lower")
  all <- summary_of_findings(list(A = relapse()), down = list(A = c(x = 3)), start = "low")
  expect_identical(all$certainty, "Very low")
})

test_that("an effect without arms or risks is shown without them", {
  fit <- meta_analysis(c(0.1, 0.4, 0.2), c(0.02, 0.03, 0.02))
  x <- summary_of_findings(list(Score = fit), words = c(Score = "My own words."))
  expect_identical(x$people, "not stated (3)")
  expect_identical(x$words, "My own words.")
  expect_true(is.na(x$risk.control))
  given <- summary_of_findings(list(Score = fit), participants = c(Score = 321))
  expect_identical(given$people, "321 (3)")
  smd <- summary_of_findings(list(Score = score()))
  expect_match(smd$absolute, "^SMD")
  expect_identical(smd$relative, "")
  expect_false(any(grepl("Risk|Relative|1000", capture.output(print(smd)))))
})

test_that("an interval that includes no effect is said to", {
  fit <- meta_analysis(c(0.1, -0.2, 0.2), c(0.02, 0.03, 0.02))
  expect_match(summary_of_findings(list(Score = fit))$words, "includes no effect")
})

test_that("names and numbers that do not fit are refused", {
  expect_error(summary_of_findings(relapse()), "list", class = "questrial_error_argument")
  expect_error(summary_of_findings(list(relapse())), "named", class = "questrial_error_argument")
  expect_error(summary_of_findings(list(Relapse = relapse()), risk = c(Relaps = 0.1)),
    "Did you mean", class = "questrial_error_argument")
  expect_error(summary_of_findings(list(A = relapse()), risk = c(A = 120)), "1000",
    class = "questrial_error_argument")
  expect_error(summary_of_findings(list(A = relapse()), down = list(A = 1)), "reason",
    class = "questrial_error_argument")
  expect_error(summary_of_findings(list(A = relapse()), start = "middle"),
    class = "questrial_error_argument")
})

test_that("it prints in 80 columns and is written", {
  x <- summary_of_findings(list("Relapse within a year of the end of treatment" = relapse(),
    Score = score()))
  expect_lte(max(nchar(capture.output(print(x)))), 80)
  file <- withr::local_tempfile(fileext = ".html")
  write_table(x, file)
  expect_match(paste(readLines(file), collapse = " "), "Of 1000 people")
})
