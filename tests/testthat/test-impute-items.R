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
  expect_error(on_columns("gad-7", rep("x", 7)), "`x` twice", class = "questrial_error_argument")
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

test_that("an occasion that nobody answered has no totals", {
  data <- mood_data()
  data[paste0("b", 1:5)] <- NA
  plan <- item_plan(mood_twice, data)
  expect_named(plan$scores, c("t0_low", "t0_high"))
  expect_named(plan$predictors, paste0("a", 1:4))
  imp <- scores(impute(data, m = 2, instrument = mood_twice, iterations = 2, seed = 1))
  expect_false(anyNA(imp[[2]]$t0_low))
  expect_true(all(is.na(imp[[2]]$t1_low)))
  data[paste0("a", 1:5)] <- NA
  expect_length(item_plan(mood_twice, data)$scores, 0)
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

# ---- What impute() makes of it ----

# Synthetic answers 1 to 5 to two scales of four items (the second and the sixth reversed) that
# share a common factor; a covariate.
factor_answers <- function(n, seed) {
  set.seed(seed)
  z <- rnorm(n)
  own <- cbind(rnorm(n), rnorm(n))
  answers <- vapply(1:8, function(k) {
    y <- 0.6 * z + 0.6 * own[, (k > 4) + 1] + 0.6 * rnorm(n)
    pmin(pmax(round(3 + 1.1 * if (k %in% c(2, 6)) -y else y), 1), 5)
  }, numeric(n))
  data <- as.data.frame(answers) |> setNames(paste0("q", 1:8))
  data$x <- 0.5 * z + rnorm(n)
  data
}

eight <- new_instrument(paste0("q", 1:8), 1, 5,
  reverse = c("q2", "q6"), scales = list(calm = 1:4, glad = 5:8)
)

some_missing <- function(data, share = 0.15, columns = 1:8) {
  holes <- matrix(runif(nrow(data) * length(columns)) < share, nrow(data))
  data[columns][holes] <- NA
  data
}

test_that("impute() takes the predictors of the plan", {
  data <- some_missing(mood_data(60), columns = 11)
  imp <- impute(data, m = 1, instrument = mood_twice, seed = 1)
  scales <- list(c("a1", "a2"), c("a3", "a4"), c("b1", "b2"), c("b3", "b4"))
  totals <- c("t0_low", "t0_high", "t1_low", "t1_high")
  for (target in rownames(imp$predictors)) {
    got <- colnames(imp$predictors)[imp$predictors[target, ] == 1]
    expect_setequal(got, slow_predictors(target, names(data), scales, totals))
  }
  expect_setequal(rownames(imp$predictors), names(data))
})

test_that("every value imputed for an item is an answer of the form", {
  data <- some_missing(factor_answers(150, 2))
  half <- data / 2
  halves <- new_instrument(paste0("q", 1:8), 0.5, 2.5, step = 0.5)
  for (method in c("pmm", "norm", "mean", "median", "sample", "norm.predict")) {
    m <- if (method %in% c("pmm", "norm")) 4 else 1
    imp <- impute(data, m = m, method = method, instrument = eight, seed = 3)
    expect_true(all(unlist(imp$imputed[1:8]) %in% 1:5))
    imp <- impute(half, m = m, method = method, instrument = halves, seed = 3)
    expect_true(all(unlist(imp$imputed[1:8]) %in% (1:5 / 2)))
    expect_no_error(scores(imp))
  }
})

test_that("a score of the items among the columns is refused", {
  data <- some_missing(factor_answers(50, 2))
  data$total <- score(data, eight, "glad")
  fault <- tryCatch(impute(data, m = 1, instrument = eight), questrial_error_argument = identity)
  expect_identical(fault$column, "total")
  expect_match(conditionMessage(fault), "`glad`")
  data$total <- 2 * data$total
  expect_s3_class(impute(data, m = 1, instrument = eight, iterations = 1), "imputations")
})

# `twice` is linear in the score of the scale, exactly. Linear regression has then no residual, and what is
# drawn for it is the total as it stood when it was last drawn: after the items, of which
# fewer are missing. A total that was not recomputed would show.
test_that("totals are recomputed in every cycle", {
  data <- factor_answers(200, 4)
  data$twice <- 2 * score(data, eight, "glad") + 1
  data <- some_missing(some_missing(data, 0.1), 0.4, 10)
  imp <- impute(data, m = 3, method = c(twice = "norm"), instrument = eight, seed = 5,
    predictors = list(twice = c("x", "calm", "glad"))
  )
  scored <- score(imp, eight, "glad", name = "again")
  for (i in 1:3) {
    expect_equal(scored[[i]]$twice, 2 * scored[[i]]$again + 1, tolerance = 1e-8)
  }
})

test_that("an item that nobody answered stays missing and is logged", {
  imp <- impute(balint[c("arm", paste0("t1_", 1:20))], m = 2,
    instrument = on_columns("jse-s", paste0("t1_", 1:20)), seed = 1
  )
  expect_true(all(is.na(imp[[1]]$t1_9)))
  expect_false(anyNA(imp[[2]][names(imp$data) != "t1_9"]))
  expect_match(imp$log$decision[imp$log$variable == "t1_9"], "nobody answered")
  got <- score(imp, "jse-s", columns = paste0("t1_", 1:20))
  for (i in 1:2) {
    expect_identical(got[[i]]$total, score(imp[[i]], "jse-s", columns = paste0("t1_", 1:20)))
  }
  expect_false(anyNA(got[[1]]$total))
})

test_that("change scores go into a pooled fit as those of each completed data set", {
  skip_if_not_installed("mice")
  occasions <- list(
    t0 = on_columns("jse-s", paste0("t0_", 1:20)), t1 = on_columns("jse-s", paste0("t1_", 1:20))
  )
  students <- balint[setdiff(names(balint), c("id", "group", "absences"))]
  imp <- impute(students, m = 4, iterations = 3, instrument = occasions, seed = 11)
  fit <- imp |>
    score("t0", name = "before") |>
    score("t1", name = "after") |>
    transform(change = after - before) |>
    (\(x) fit_glm(change ~ arm + sex, x))()
  by_hand <- lapply(as.list(imp), function(one) {
    one$change <- score(one, occasions$t1) - score(one, occasions$t0)
    lm(change ~ arm + sex, one)
  })
  want <- summary(mice::pool(by_hand))
  got <- generics::tidy(fit)
  expect_equal(got$estimate, want$estimate, tolerance = 1e-10)
  expect_equal(got$std.error, want$std.error, tolerance = 1e-10)
  expect_equal(got$df, want$df, tolerance = 1e-6)
})

# Both are draws from nearly the same posterior. Means over imputations are compared within four
# standard errors of their difference, from the variances between imputations.
test_that("totals are distributed as with passive imputation in mice", {
  skip_if_not_installed("mice")
  data <- some_missing(factor_answers(200, 6), 0.2, 1:9)
  m <- 40
  ours <- scores(impute(data, m = m, instrument = eight, seed = 7))
  passive <- cbind(data, calm = NA_real_, glad = NA_real_)
  method <- c(rep("pmm", 9), "~ I(q1 + (6 - q2) + q3 + q4)", "~ I(q5 + (6 - q6) + q7 + q8)")
  predictors <- matrix(0, 11, 11, dimnames = list(names(passive), names(passive)))
  predictors[1:4, c(1:4, 9, 11)] <- 1
  predictors[5:8, c(5:8, 9, 10)] <- 1
  predictors["x", c("calm", "glad")] <- 1
  diag(predictors) <- 0
  visits <- c(paste0("q", 1:4), "calm", paste0("q", 5:8), "glad", "x")
  theirs <- mice::mice(passive, m = m, method = method, predictorMatrix = predictors,
    visitSequence = visits, maxit = 5, printFlag = FALSE, seed = 8
  ) |> suppressWarnings()
  facts <- function(one) {
    c(
      mean = colMeans(one[c("calm", "glad", "x")]), sd = apply(one[c("calm", "glad", "x")], 2, sd),
      cor = cor(one[c("calm", "glad", "x")])[c(2, 3, 6)]
    )
  }
  a <- vapply(as.list(ours), facts, numeric(9))
  b <- vapply(seq_len(m), function(i) facts(mice::complete(theirs, i)), numeric(9))
  se <- sqrt((apply(a, 1, var) + apply(b, 1, var)) / m)
  expect_lt(max(abs(rowMeans(a) - rowMeans(b)) / se), 4)
})

# Answers are missing where the observed covariate and first item are high: at random. The full data are
# known, so the error is that of the imputations alone: their mean differs from the full data's by
# a standard deviation of sqrt((1 + 1 / m) B).
test_that("means and alpha of the full data are recovered where complete cases are biased", {
  full <- factor_answers(3000, 9)
  data <- full
  lost <- function() runif(3000) < plogis(-2.5 + 1.2 * full$x + 0.7 * (full$q1 - 3))
  for (name in paste0("q", 2:8)) {
    data[[name]][lost()] <- NA
  }
  imp <- scores(impute(data, m = 40, instrument = eight, seed = 10))
  facts <- function(one) {
    c(
      colMeans(scores(one, eight)[c("calm", "glad")]),
      alpha = reliability(one, eight, "calm")$alpha$raw,
      alpha = reliability(one, eight, "glad")$alpha$raw
    )
  }
  drawn <- vapply(as.list(imp), facts, numeric(4))
  se <- sqrt((1 + 1 / 40) * apply(drawn, 1, var))
  expect_lt(max(abs(rowMeans(drawn) - facts(full)) / se), 4)
  complete <- facts(data[stats::complete.cases(data), ])
  expect_true(all(abs(complete - facts(full))[1:2] > 20 * se[1:2]))
})
