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
    plan <- item_plan(mood_twice, answers)
    expect_identical(plan$never, unanswered)
    for (total in plan$scores) {
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

# With the variables that are no items of a scale, as impute() adds them.
all_predictors <- function(target, names, plan) {
  items <- names(plan$predictors)
  from_plan <- if (target %in% items) plan$predictors[[target]] else plan$outside
  c(from_plan, setdiff(names, c(items, target)))
}

test_that("items see their own scale's items and other totals, others see totals", {
  data <- mood_data()
  plan <- item_plan(mood_twice, data)
  expect_setequal(names(plan$predictors), setdiff(names(data), c("a5", "b5", "age")))
  scales <- list(c("a1", "a2"), c("a3", "a4"), c("b1", "b2"), c("b3", "b4"))
  totals <- c("t0_low", "t0_high", "t1_low", "t1_high")
  for (target in names(data)) {
    got <- all_predictors(target, names(data), plan)
    expect_setequal(got, slow_predictors(target, names(data), scales, totals))
  }
  expect_setequal(plan$predictors$a1, c("a2", "t0_high", "t1_low", "t1_high"))
  expect_identical(plan$outside, totals)
})

test_that("a total beside its subscales, and what holds the item, is no predictor", {
  nested <- new_instrument(c("q1", "q2", "q3", "q4"), 0, 3,
    scales = list(total = 1:4, first = 1:2, again = 2:1, second = 3:4)
  )
  data <- as.data.frame(matrix(0:3, 8, 4)) |> setNames(nested$items)
  plan <- item_plan(nested, data)
  expect_named(plan$scores, c("first", "second"))
  expect_identical(plan$predictors$q1, c("q2", "second"))
  expect_identical(plan$outside, c("first", "second"))
  shared <- new_instrument(4, 0, 3, scales = list(one = 1:3, two = 3:4))
  names(data) <- shared$items
  plan <- item_plan(shared, data)
  expect_setequal(plan$predictors$item_3, c("item_4", "item_1", "item_2"))
  expect_setequal(plan$predictors$item_1, c("item_2", "item_3", "two"))
})

test_that("what nobody answered is neither predictor nor part", {
  data <- mood_data()
  data$a1 <- NA
  data[c("b3", "b4")] <- NA_integer_
  plan <- item_plan(mood_twice, data)
  expect_identical(plan$never, c("a1", "b3", "b4"))
  expect_named(plan$scores, c("t0_low", "t0_high", "t1_low"))
  expect_identical(plan$scores$t0_low$parts, "a2")
  expect_identical(plan$outside, c("t0_low", "t0_high", "t1_low"))
  expect_identical(plan$predictors$a2, c("t0_high", "t1_low"))
  expect_false(any(c("a1", "b3", "b4") %in% c(names(plan$predictors), unlist(plan$predictors))))
})

test_that("totals never take the name of a column", {
  data <- mood_data()
  data$t0_low <- 1
  expect_named(
    item_plan(mood_twice, data)$scores, c("t0_low.1", "t0_high", "t1_low", "t1_high")
  )
})

test_that("instruments are named, each column is one item, answers are in range", {
  data <- mood_data()
  named <- function(x) names(item_plan(x, data)$items)
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
  expect_identical(names(item_plan(c("hads", "gad-7"), hads)$items), c("hads", "gad-7"))
})
