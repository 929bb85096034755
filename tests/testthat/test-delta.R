imp <- drawn_imputations(lossy_trial())

test_that("imputed values are shifted and observed ones are not", {
  shifted <- delta_adjust(imp, c(group = -3, letter = 1.5), "month6", arm = "arm")
  lost <- is.na(imp$data$month6)
  by_hand <- c(usual = 0, group = -3, letter = 1.5)[as.character(imp$data$arm)]
  for (i in 1:4) {
    expect_equal(shifted[[i]]$month6 - imp[[i]]$month6, unname(ifelse(lost, by_hand, 0)))
    expect_identical(shifted[[i]]$month6[!lost], imp$data$month6[!lost])
    expect_identical(shifted[[i]]$month3, imp[[i]]$month3)
  }
  expect_identical(shifted$adjustments$n, sum(lost & imp$data$arm != "usual"))
})

test_that("a number, a formula and a list say the same where they do", {
  number <- delta_adjust(imp, -2, "month6", where = ~ arm == "group")
  formula <- delta_adjust(imp, ~ -2 * (arm == "group"), "month6")
  named <- delta_adjust(imp, list(month6 = c(group = -2)), arm = ~arm)
  expect_identical(number$imputed, formula$imputed)
  expect_identical(number$imputed, named$imputed)
  both <- delta_adjust(imp, list(month3 = -1, month6 = ~ month3 - before))
  for (i in 1:4) {
    before <- imp[[i]]
    lost <- is.na(imp$data$month6)
    expect_equal(
      both[[i]]$month6[lost], (before$month6 + before$month3 - before$before)[lost]
    )
  }
})

test_that("shifts add up and are printed with the estimand", {
  once <- delta_adjust(imp, c(group = -3), "month6", arm = "arm",
    estimand = estimand(population = "invented people"))
  twice <- delta_adjust(once, 1, "month6")
  expect_equal(twice$imputed$month6, imp$imputed$month6 + 1 +
    ifelse(imp$data$arm[is.na(imp$data$month6)] == "group", -3, 0))
  expect_identical(nrow(twice$adjustments), 2L)
  expect_identical(stated_attribute(twice$estimand, "population"), "invented people")
  withr::local_options(width = 80)
  lines <- capture.output(print(twice))
  expect_true(all(nchar(lines) <= 80))
  expect_match(lines, "`month6` shifted by -3 in arm group", all = FALSE, fixed = TRUE)
  expect_match(lines, "`month6` shifted by +1", all = FALSE, fixed = TRUE)
  expect_match(lines, "treatment policy", all = FALSE)
})

test_that("whole shifts of integers are integers", {
  counts <- drawn_imputations(data.frame(x = c(1:9, NA)))
  expect_type(delta_adjust(counts, -1, "x")[[1]]$x, "integer")
  half <- delta_adjust(counts, -0.5, "x")
  expect_equal(half[[2]]$x[[10]], counts[[2]]$x[[10]] - 0.5)
})

test_that("more imputations without the shift cannot be added", {
  made <- impute(lossy_trial()[-1], m = 2, iterations = 2, seed = 1)
  shifted <- delta_adjust(made, -1, "month6")
  expect_error(update(shifted, m = 3), "were changed since", class = "questrial_error_argument")
})

test_that("scores are shifted after scoring, items are refused", {
  items <- data.frame(a1 = c(1, 2, 3, 4, 5, NA), a2 = c(2, 2, NA, 4, 5, 1))
  scored <- drawn_imputations(items)
  scored$items <- list(items = list(new_instrument(c("a1", "a2"), 1, 5)))
  expect_error(
    delta_adjust(scored, -1, "a1"), "`a1` is an item", class = "questrial_error_argument"
  )
})

test_that("two levels are drawn anew with shifted odds", {
  withr::local_seed(1)
  n <- 6000
  data <- data.frame(x = stats::rnorm(n))
  data$well <- stats::runif(n) < stats::plogis(0.5 + data$x)
  data$well[seq(1, n, 2)] <- NA
  truth <- stats::plogis(0.5 + data$x[is.na(data$well)])
  drawn <- matrix(stats::runif(n / 2 * 3) < truth, n / 2, 3)
  logical <- new_imputations(data, list(well = drawn), 3)
  shifted <- delta_adjust(logical, log(0.4), "well", seed = 2)
  want <- stats::plogis(log(0.4) + stats::qlogis(truth))
  error <- sqrt(sum(want * (1 - want)) * 3) / (3 * n / 2)
  # The logistic model is fitted to 3000 rows: its own error of a mean is about 0.01.
  expect_lt(abs(mean(shifted$imputed$well) - mean(want)), 4 * sqrt(error^2 + 0.01^2))
  expect_true(all(shifted$imputed$well <= drawn))
  expect_type(shifted$imputed$well, "logical")
  data$well <- factor(ifelse(data$well, "yes", "no"))
  as_factor <- new_imputations(data, list(well = drawn + 1L), 3)
  same <- delta_adjust(as_factor, log(0.4), "well", seed = 2)
  expect_identical(same$imputed$well == 2L, shifted$imputed$well)
  expect_identical(levels(same[[1]]$well), c("no", "yes"))
  none <- delta_adjust(logical, ~ ifelse(x > 9, 1, 0) + 1e-300, "well", seed = 2)
  expect_identical(none$imputed$well, drawn)
})

test_that("shifts of log-odds add up, and every variable has its own numbers", {
  withr::local_seed(2)
  data <- data.frame(x = stats::rnorm(400))
  data$a <- data$b <- ifelse(seq_len(400) %% 2 == 0, NA, stats::runif(400) < 0.5)
  drawn <- matrix(stats::runif(600) < 0.5, 200, 3)
  both <- new_imputations(data, list(a = drawn, b = drawn), 3,
    predictors = matrix(1, 2, 1, dimnames = list(c("a", "b"), "x")))
  once <- delta_adjust(both, 2, "a", seed = 1)
  halves <- delta_adjust(delta_adjust(both, 0.5, "a", seed = 1), 1.5, "a", seed = 1)
  expect_identical(halves$imputed$a, once$imputed$a)
  some <- delta_adjust(delta_adjust(both, 0.5, "a", seed = 1)[1:2], 1.5, "a", seed = 1)
  expect_identical(some$imputed$a, once$imputed$a[, 1:2])
  # A second shift leaves the rows alone that it does not name.
  apart <- delta_adjust(once, ~ ifelse(x > 0, 3, 0), "a", seed = 7)
  stay <- data$x[is.na(data$a)] <= 0
  expect_identical(apart$imputed$a[stay, ], once$imputed$a[stay, ])
  # Values made anew are not those that were shifted.
  once$imputed$a <- drawn
  expect_identical(delta_adjust(once, 2, "a", seed = 1)$imputed$a, halves$imputed$a)
  # Same values, same probabilities, same seed: what is drawn differs.
  pair <- delta_adjust(both, list(a = 1, b = 1), seed = 1)
  # About 0.46 of the zeros become ones: with numbers of their own half of the pairs agree.
  expect_lt(mean((pair$imputed$a == pair$imputed$b)[!drawn]), 0.65)
})

test_that("names of rows and what the levels were made of give no odds", {
  withr::local_seed(4)
  n <- 2000
  data <- data.frame(
    name = paste0("P", 1:n), date = as.Date("2020-01-01") + 1:n, x = stats::rnorm(n),
    grade = factor(sample(c("low", "mid", "high"), n, TRUE), c("low", "mid", "high"))
  )
  data$grade[seq(1, n, 2)] <- NA
  made <- impute(data, m = 2, iterations = 1, seed = 1)
  made <- transform(made, high = grade == "high")
  expect_identical(delta_predictors(made, "high"), "x")
  shifted <- delta_adjust(made, log(3), "high", seed = 2)
  # Odds of 1 to 2 become 3 to 2; the probability is estimated from 1000 rows.
  expect_lt(abs(mean(shifted$imputed$high) - 0.6), 4 * sqrt(0.6 * 0.4 * 2 / 1000))
})

test_that("levels of the lost alone have no effect of their own", {
  withr::local_seed(7)
  data <- data.frame(
    g = factor(c(rep(c("a", "b"), 30), "c", "c")), well = rep(c(TRUE, TRUE, FALSE), length.out = 62)
  )
  data$well[c(3:6, 61, 62)] <- NA
  drawn <- new_imputations(data, list(well = matrix(TRUE, 6, 2)), 2)
  data$g[61:62] <- "a"
  as_first <- new_imputations(data, drawn$imputed, 2)
  expect_equal(imputed_probability(drawn, "well", 1), imputed_probability(as_first, "well", 1))
})

test_that("totals that predicted while imputing do so again", {
  withr::local_seed(6)
  n <- 300
  trait <- stats::rnorm(n)
  data <- as.data.frame(lapply(1:4, function(i) {
    pmin(5, pmax(1, round(3 + trait + stats::rnorm(n, 0, 0.5))))
  }), col.names = paste0("q", 1:4))
  data$q1[1:20] <- NA
  data$well <- stats::runif(n) < stats::plogis(trait)
  data$well[seq(1, n, 3)] <- NA
  pair <- new_instrument(paste0("q", 1:4), 1, 5, reverse = "q2", scales = list(a = 1:2, b = 3:4))
  made <- impute(data, m = 2, iterations = 2, seed = 1, instrument = pair)
  expect_setequal(delta_predictors(made, "well"), names(made$items$scores))
  totals <- with_totals(made[[1]], names(made$items$scores), made$items$scores)
  by_hand <- made[[1]]
  expect_equal(totals[[5 + 1]], by_hand$q1 + 6 - by_hand$q2)
  expect_equal(totals[[5 + 2]], by_hand$q3 + by_hand$q4)
  expect_lt(
    mean(delta_adjust(made, -3, "well", seed = 1)$imputed$well), mean(made$imputed$well)
  )
})

test_that("what cannot be shifted is refused", {
  bad <- function(..., class = "questrial_error_argument") {
    tryCatch(delta_adjust(...), error = function(e) {
      expect_s3_class(e, class)
      conditionMessage(e)
    })
  }
  expect_match(bad(1, 1, "x"), "must be the result of impute")
  expect_match(bad(imp, -1), "`variable` must say")
  expect_match(bad(imp, -1, "mont6"), "Did you mean `month6`")
  expect_match(bad(imp, -1, "before"), "has no imputed values")
  expect_match(bad(imp, c(grup = -1), "month6", "arm"), "no level of.*Did you mean `group`")
  expect_match(bad(imp, c(group = -1), "month6"), "`arm` must say which column")
  expect_match(bad(imp, c(group = -1, group = 2), "month6", "arm"), "named twice")
  expect_match(bad(imp, c(-1, 2), "month6", "arm"), "2 numbers without names")
  expect_match(bad(imp, NA_real_, "month6"), "must be a number")
  binary <- drawn_imputations(data.frame(x = 1:4, event = c(0L, 1L, NA, NA)))
  expect_match(bad(binary, -1, "event"), "a number, 0 or 1")
  expect_match(bad(imp, y ~ 2, "month6"), "without a left side")
  expect_match(bad(imp, ~ "a", "month6"), "must give one number")
  expect_match(bad(imp, ~ 1 / (before - before[3]), "month6"), "is Inf in row 3")
  expect_match(bad(imp, list(-1)), "with the variables' names")
  expect_match(bad(imp, -1, "month6", where = ~before), "`where` must be TRUE or FALSE")
  expect_match(
    bad(imp, -1, "month6", where = ~ before > 1e9, class = "questrial_error_no_data"),
    "No imputed value of `month6` is shifted"
  )
  with_factor <- lossy_trial()
  with_factor$arm[2] <- NA
  expect_match(bad(drawn_imputations(with_factor), 1, "arm"), "has 3 levels")
})
