# Two occasions of a questionnaire with two scales and an item of none, its answers synthetic.
mood <- new_instrument(5, 1, 4,
  reverse = 2, scales = list(low = 1:2, high = 3:4), score = c(low = "sum", high = "percent"),
  multiply = c(low = 2, high = 1)
)

mood_data <- function(n = 40, seed = 8) {
  set.seed(seed)
  data <- as.data.frame(matrix(sample(1:4, n * 10, TRUE), n))
  names(data) <- paste0(rep(c("a", "b"), each = 5), 1:5)
  data[matrix(runif(n * 10) < 0.1, n)] <- NA
  data$age <- sample(20:60, n, TRUE)
  data
}

mood_twice <- list(
  t0 = on_columns(mood, paste0("a", 1:5)), t1 = on_columns(mood, paste0("b", 1:5))
)

test_that("an instrument on columns is one with other item names", {
  tied <- on_columns("gad-7", paste0("x", 1:7))
  answers <- as.data.frame(matrix(c(0:3, NA), 5, 7)) |> setNames(paste0("x", 1:7))
  expect_identical(score(answers, tied), score(answers, "gad-7", columns = names(answers)))
  expect_error(on_columns("gad-7", paste0("x", 1:6)), class = "questrial_error_dimension")
  expect_error(on_columns("gad-7", rep("x", 7)), class = "questrial_error_argument")
  expect_error(on_columns("gad-7", 1:7), class = "questrial_error_argument")
})

test_that("totals are the scores, also with items that nobody answered", {
  data <- mood_data()
  complete <- replace(data, is.na(data), 2)
  for (unanswered in list(character(), "a2", "b3", c("a5", "b4"))) {
    answers <- replace(complete, unanswered, NA)
    parts <- instrument_parts(mood_twice, answers)
    expect_identical(parts$unanswered, unanswered)
    for (total in parts$totals) {
      linear <- total$constant + as.matrix(answers[total$parts]) %*% total$weights
      lenient <- mood_twice[[total$occasion]]
      lenient$scales[[total$scale]]$max_missing <- 0.9
      expect_equal(drop(linear), score(answers, lenient, total$scale), tolerance = 1e-14)
    }
  }
})

# The rule read off the help page, one variable at a time.
slow_predictors <- function(target, names, scales, totals) {
  home <- Filter(function(members) target %in% members, scales)
  out <- character()
  for (name in setdiff(names, target)) {
    in_scale <- any(vapply(scales, function(members) name %in% members, NA))
    at_home <- length(home) == 1 && name %in% home[[1]]
    if (!in_scale || at_home) out <- c(out, name)
  }
  for (k in seq_along(scales)) {
    if (!target %in% scales[[k]]) out <- c(out, totals[[k]])
  }
  out
}

test_that("items see their own scale's items and other totals, others see totals", {
  data <- mood_data()
  parts <- instrument_parts(mood_twice, data)
  all <- lapply(setNames(nm = names(data)), function(target) setdiff(names(data), target))
  got <- predictors_with_totals(all, parts)
  scales <- list(c("a1", "a2"), c("a3", "a4"), c("b1", "b2"), c("b3", "b4"))
  totals <- c("t0_low", "t0_high", "t1_low", "t1_high")
  for (target in names(data)) {
    want <- slow_predictors(target, names(data), scales, totals)
    expect_setequal(got[[target]], want)
  }
  expect_setequal(got$a1, c("a2", "a5", "b5", "age", "t0_high", "t1_low", "t1_high"))
  expect_setequal(got$age, c("a5", "b5", totals))
})

test_that("a total beside its subscales, and what holds the item, is no predictor", {
  nested <- new_instrument(c("q1", "q2", "q3", "q4"), 0, 3,
    scales = list(total = 1:4, first = 1:2, again = 2:1, second = 3:4)
  )
  data <- as.data.frame(matrix(0:3, 8, 4)) |> setNames(nested$items)
  parts <- instrument_parts(nested, data)
  expect_named(parts$totals, c("first", "second"))
  got <- predictors_with_totals(list(q1 = c("q2", "q3", "q4"), x = nested$items), parts)
  expect_identical(got, list(q1 = c("q2", "second"), x = c("first", "second")))
  shared <- new_instrument(4, 0, 3, scales = list(one = 1:3, two = 3:4))
  names(data) <- shared$items
  parts <- instrument_parts(shared, data)
  got <- predictors_with_totals(list(item_3 = shared$items[-3], item_1 = shared$items[-1]), parts)
  expect_setequal(got$item_3, c("item_4", "item_1", "item_2"))
  expect_setequal(got$item_1, c("item_2", "item_3", "two"))
})

test_that("what nobody answered is neither predictor nor part", {
  data <- mood_data()
  data$a1 <- NA
  data[c("b3", "b4")] <- NA_integer_
  parts <- instrument_parts(mood_twice, data)
  expect_identical(parts$unanswered, c("a1", "b3", "b4"))
  expect_named(parts$totals, c("t0_low", "t0_high", "t1_low"))
  expect_identical(parts$totals$t0_low$parts, "a2")
  got <- predictors_with_totals(list(age = names(data)[-11], a2 = names(data)[-2]), parts)
  expect_setequal(got$age, c("a5", "b5", "t0_low", "t0_high", "t1_low"))
  expect_setequal(got$a2, c("a5", "b5", "age", "t0_high", "t1_low"))
})

test_that("totals never take the name of a column", {
  data <- mood_data()
  data$t0_low <- 1
  expect_named(
    instrument_parts(mood_twice, data)$totals, c("t0_low.1", "t0_high", "t1_low", "t1_high")
  )
})

test_that("instruments are named, each column is one item, answers are in range", {
  data <- mood_data()
  named <- function(x) names(instrument_parts(x, data)$items)
  expect_identical(named(mood_twice$t0), "")
  expect_identical(named(mood_twice), c("t0", "t1"))
  expect_error(named(unname(mood_twice)), "a name for each", class = "questrial_error_argument")
  expect_error(named(list()), class = "questrial_error_argument")
  expect_error(named(list(a = 1)), class = "questrial_error_argument")
  expect_error(named(list(a = mood_twice$t0, b = mood_twice$t0)), "column `?a1`?",
    class = "questrial_error_argument"
  )
  expect_error(named(mood), "no column", class = "questrial_error_argument")
  data$b5[3] <- 9
  fault <- tryCatch(named(mood_twice), questrial_error_range = identity)
  expect_identical(fault[c("column", "row", "value")], list(column = "b5", row = 3, value = 9))
  hads <- as.data.frame(matrix(0, 3, 21)) |>
    setNames(c(instrument("hads")$items, instrument("gad-7")$items))
  expect_identical(names(instrument_parts(c("hads", "gad-7"), hads)$items), c("hads", "gad-7"))
})
