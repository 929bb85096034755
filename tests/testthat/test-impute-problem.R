# What is wrong with the arguments or the data, said before anything is imputed; and what the core
# is given.

incomplete <- function() {
  data.frame(
    age = c(30, NA, 50, 41, 37, 62), sex = factor(c("f", "m", NA, "f", "m", "f")),
    score = c(1.5, 2.5, NA, 3.5, 2, 4), arm = rep(c("a", "b"), 3)
  )
}

refused <- function(code, message, kind = "argument") {
  expect_error(code, message, class = paste0("questrial_error_", kind), fixed = TRUE)
}

problem_of <- function(data, method = NULL, predictors = NULL, by = NULL, cluster = NULL,
                       instrument = NULL) {
  impute_problem(data, method, predictors, by, cluster, instrument)
}

test_that("data that are no data frame, or have nothing in them, are refused", {
  refused(impute(1:3), "`data` must be a data frame, not integer of length 3.")
  refused(impute(as.matrix(airquality)), "Wrap a matrix in as.data.frame().")
  refused(impute(incomplete()[0, ]), "`data` has 0 rows; at least 1 are needed.", "no_data")
  refused(impute(data.frame(row.names = 1:3)), "`data` has no columns.", "no_data")
  twice <- incomplete()
  names(twice)[[3]] <- "age"
  refused(impute(twice), "`data` has two columns named `age`.")
  names(twice)[[3]] <- ""
  refused(impute(twice), "`data` has a column without a name.")
})

test_that("numbers that cannot be are refused", {
  data <- incomplete()
  refused(impute(data, m = 0), "`m` must be a single whole number from 1 to 4096, not 0.")
  refused(impute(data, m = 4097), "`m` must be a single whole number from 1 to 4096, not 4097.")
  refused(impute(data, m = 2.5), "`m` must be a single whole number")
  refused(impute(data, m = NA), "`m` must be a single whole number")
  refused(impute(data, m = "five"), "not \"five\".")
  refused(impute(data, iterations = 0), "`iterations` must be a single whole number from 1")
  refused(impute(data, donors = 0), "`donors` must be a single whole number from 1")
  refused(impute(data, seed = -1), "`seed` must be a single whole number from 0")
  refused(impute(data, seed = "today"), "`seed` must be a single whole number from 0")
  refused(impute(data, threads = 0), "`threads` must be a single whole number from 1")
  refused(impute(data, lapply = "mclapply"), "`lapply` must be a function called as lapply(X, FUN)")
})

test_that("columns that cannot be completed are named, with what to do", {
  data <- incomplete()
  data$empty <- NA_real_
  refused(impute(data), "`empty` has no observed value in 6 rows", "no_data")
  refused(impute(data), "method = c(empty = \"none\")", "no_data")
  refused(impute(data[2, "age", drop = FALSE]), "`age` has no observed value in 1 row,", "no_data")
  data <- incomplete()
  data$town <- c("Paris", NA, "Lille", "Lyon", "Lyon", "Brest")
  refused(impute(data), "`town` is character and has 1 missing value, which cannot be imputed.")
  refused(impute(data), "data$town <- factor(data$town)")
  data$town <- as.Date(c("2020-01-01", NA, rep("2020-02-01", 4)))
  refused(impute(data), "`town` is of class Date and has 1 missing value")
  data$town <- NULL
  data$two <- cbind(c(1, NA, 3:6), 1:6)
  refused(impute(data), "`two` is of class matrix")
})

test_that("infinite values are named where they would enter a model, and only there", {
  data <- incomplete()
  data$score[[4]] <- -Inf
  refused(impute(data), "`score` is -Inf in row 4.", "range")
  data <- incomplete()
  data$whole <- c(1, 2, 2, Inf, 4, 5)
  refused(impute(data), "`whole` is Inf in row 4.", "range")
  names <- setdiff(names(data), "whole")
  used <- problem_of(data, predictors = list(age = "score", sex = "score", score = "age"))
  expect_false("whole" %in% names(used$variables))
})

test_that("methods are checked by name, by column and by what the column is", {
  data <- incomplete()
  refused(impute(data, method = "pnm"), "there is no method \"pnm\". Did you mean `pmm`?")
  refused(impute(data, method = c(age = "2l.norm")), "For clusters give `cluster = `.")
  refused(impute(data, method = "cart"), "The methods are `pmm`, `norm`")
  refused(impute(data, method = c(agee = "pmm")), "no column `agee` in the data. Did you mean `age`?")
  refused(impute(data, method = c("pmm", "logreg")), "methods named by column")
  refused(impute(data, method = c(age = "pmm", age = "norm")), "`method` names `age` twice.")
  refused(impute(data, method = 1), "methods named by column")
  refused(impute(data, method = "norm"),
    "`sex` is a factor with 2 levels, which \"norm\" cannot complete. It can be `logreg`")
  refused(impute(data, method = c(age = "logreg")), "`age` is numbers, which \"logreg\" cannot")
  refused(impute(data, method = c(age = "mean")),
    "\"mean\" (`age`) is single imputation: 20 of them")
  refused(impute(data, method = c(age = "sample"), m = 2), "Ask for m = 1")
})

test_that("defaults of methods follow the column", {
  data <- data.frame(
    number = c(1.5, NA, 3, 4), whole = c(1L, 2L, NA, 7L), two = factor(c("a", "b", NA, "a")),
    flag = c(TRUE, NA, FALSE, TRUE), three = factor(c("a", "b", "c", NA)),
    low = factor(c("l", "m", "h", NA), c("l", "m", "h"), ordered = TRUE), rank = c(2, 4, 1, 3),
    unused = factor(c("a", "b", NA, "a"), c("a", "b", "c")), same = c(3, NA, 3, 3)
  )
  expect_identical(problem_of(data)$method, c(
    number = "pmm", whole = "pmm", two = "logreg", flag = "logreg", three = "polyreg",
    low = "polr", rank = "", unused = "logreg", same = "constant"
  ))
  mixed <- problem_of(data, c(number = "norm", three = "none", low = ""))$method
  expect_identical(mixed[c("number", "three", "low", "two")],
    c(number = "norm", three = "", low = "", two = "logreg"))
})

test_that("predictors are checked by name and kind, as list and as matrix", {
  data <- incomplete()
  data$town <- letters[1:6]
  data$gone <- c(1, NA, 3:6)
  refused(impute(data, predictors = "age"), "must be a list named by columns")
  refused(impute(data, predictors = list("age")), "must be a list named by columns")
  refused(impute(data, predictors = list(agee = "sex")), "Did you mean `age`?")
  refused(impute(data, predictors = list(age = "sexx")),
    "`predictors$age`: there is no column `sexx` in the data. Did you mean `sex`?")
  refused(impute(data, predictors = list(age = 2)), "for `age` names of columns are needed, not 2.")
  refused(impute(data, predictors = list(age = "age")), "`age` cannot predict itself.")
  refused(impute(data, predictors = list(age = "town")), "`town` cannot predict `age`: it is character.")
  refused(impute(data, predictors = list(age = "gone"), method = c(gone = "none")),
    "`gone` cannot predict `age`: it keeps its missing values.")
  refused(impute(data, predictors = matrix(1, 2, 2)), "is a matrix without names.")
  square <- matrix(1, 2, 2, dimnames = list(c("age", "sex"), c("age", "sexx")))
  refused(impute(data, predictors = square), "no column `sexx` in the data. Did you mean `sex`?")
  colnames(square)[[2]] <- "sex"
  square[1, 2] <- -2
  refused(impute(data, predictors = square), "has -2 where 0 or 1 must stand (row `age`, column `sex`)")
  square[1, 2] <- 1
  from_matrix <- problem_of(data, predictors = square)
  from_list <- problem_of(data, predictors = list(age = "sex", sex = "age"))
  expect_identical(from_matrix$predictors, from_list$predictors)
  expect_identical(
    from_list$predictors["age", ], c(age = 0L, sex = 1L, score = 0L, gone = 0L)
  )
  expect_identical(
    from_list$predictors["score", ], c(age = 1L, sex = 1L, score = 0L, gone = 1L)
  )
})

test_that("groups and clusters are columns; groups are complete and have observed values", {
  data <- incomplete()
  refused(impute(data, by = ~armm), "`by`: there is no column `armm` in the data. Did you mean `arm`?")
  refused(impute(data, by = age ~ arm), "`by` must be one-sided: ~ column.")
  refused(impute(data, by = 1), "`by` must be ~ column or names of columns, not 1.")
  refused(impute(data, cluster = "nowhere"), "`cluster`: there is no column `nowhere`")
  refused(impute(data, by = ~sex), "`by`: `sex` is missing in row 3")
  refused(impute(data, by = ~ arm + sex), "`by`: `sex` is missing in row 3")
  data$score[data$arm == "b"] <- NA
  refused(impute(data, by = ~arm), "`score` has no observed value where `arm` is \"b\"", "no_data")
  data <- incomplete()
  data$group <- factor(c("g1", NA, "g2", NA, "g1", NA))
  problem <- problem_of(data, by = ~arm, cluster = ~group)
  expect_identical(problem$data$group, c(1L, 2L, 1L, 2L, 1L, 2L))
  expect_identical(problem$data$cluster, c(1L, NA, 2L, NA, 1L, NA))
  expect_identical(problem$n_groups, c(age = 1, sex = 1, score = 1))
  expect_false(any(c("arm", "group") %in% names(problem$variables)))
})

test_that("what predicts nothing is said, and why", {
  data <- rbind(incomplete(), incomplete())
  data$arm <- factor(data$arm)
  data$id <- 112:101
  data$code <- factor(letters[1:12])
  data$same <- 7
  data$town <- letters[1:12]
  data$day <- as.Date("2020-01-01") + 0:11
  data$extra <- as.list(1:12)
  data$gone <- c(1, NA, 3:12)
  problem <- problem_of(data, method = c(gone = "none"), by = ~arm)
  log <- problem$log
  said <- stats::setNames(log$decision, log$variable)
  expect_identical(said[["id"]], "no predictor: names of the rows")
  expect_identical(said[["code"]], "no predictor: names of the rows")
  expect_identical(said[["same"]], "no predictor: all values are the same")
  expect_identical(said[["town"]], "carried along, no predictor: character")
  expect_identical(said[["day"]], "carried along, no predictor: of class Date")
  expect_identical(said[["extra"]], "carried along, no predictor: of class list")
  expect_identical(said[["gone"]], "left incomplete, no predictor")
  expect_match(said[["arm"]], "groups are completed each by itself")
  expect_setequal(names(problem$variables), c("age", "sex", "score"))
})

test_that("unused levels are not imputed and said; a single observed value is", {
  data <- data.frame(
    kept = factor(c("b", "c", NA, "c", "b", "c"), c("a", "b", "c", "d")),
    flag = c(TRUE, TRUE, NA, TRUE, TRUE, TRUE), x = c(1, 5, 2, 4, 8, 1)
  )
  problem <- problem_of(data)
  expect_identical(problem$variables$kept$x, c(1L, 2L, NA, 2L, 1L, 2L))
  expect_identical(problem$variables$kept$n_levels, 2L)
  expect_identical(problem$method[["flag"]], "constant")
  said <- problem$log
  expect_identical(
    said$decision[said$variable == "kept"], "levels `a` and `d` never occur, and are never imputed"
  )
  expect_identical(
    said$decision[said$variable == "flag"],
    c("value `FALSE` never occurs, and is never imputed", "only one value is observed: it is imputed")
  )
})

test_that("variables are visited from the least to the most incomplete", {
  data <- data.frame(a = c(NA, NA, NA, 4:9), b = c(NA, 2:9), c = c(1, NA, NA, 4:9), d = (1:9)^2)
  problem <- problem_of(data)
  expect_identical(names(problem$variables)[problem$data$visits], c("b", "c", "a"))
})

test_that("items come with totals, limits and their own predictors", {
  data <- invented_trial()
  data$a3[20:25] <- NA
  plan <- list(before = on_columns(new_instrument(5, 1, 5), paste0("a", 1:5)),
    after = on_columns(new_instrument(5, 1, 5), paste0("b", 1:5)))
  problem <- problem_of(data, instrument = plan)
  totals <- names(problem$items$scores)
  expect_length(totals, 2)
  expect_setequal(
    colnames(problem$predictors)[problem$predictors["age", ] == 1], c("arm", "sex", totals)
  )
  of_item <- colnames(problem$predictors)[problem$predictors["a3", ] == 1]
  expect_setequal(of_item, c("arm", "sex", "age", "a1", "a2", "a4", "a5", totals[[2]]))
  expect_identical(problem$variables$a3$limits, c(1, 5, 1))
  score <- problem$variables[[totals[[1]]]]
  expect_identical(score$method, "score")
  expect_null(score$x)
  expect_identical(names(problem$variables)[score$parts], paste0("a", 1:5))
  refused(
    problem_of(data, method = c(a3 = "none"), instrument = plan),
    "`a3` is left incomplete but is part of the total"
  )
})
