# What the core draws is tested in tests/core; here what impute() makes of it.

# Invented: numbers of several kinds, factors of several kinds.
some_missing <- function(n = 60) {
  withr::local_seed(4)
  x <- stats::rnorm(n)
  data <- data.frame(
    y = x + stats::rnorm(n), whole = as.integer(round(3 * x + stats::rnorm(n))), x = x,
    two = factor(ifelse(x + stats::rnorm(n) > 0, "yes", "no")), flag = x + stats::rnorm(n) > 0,
    three = cut(x + stats::rnorm(n), c(-Inf, -0.5, 0.5, Inf), c("a", "b", "c")),
    low = cut(x + stats::rnorm(n), c(-Inf, -0.5, 0.5, Inf), c("l", "m", "h"), ordered_result = TRUE)
  )
  for (name in setdiff(names(data), "x")) {
    data[[name]][sample(n, 6)] <- NA
  }
  data
}

numbers <- c("y", "whole", "x")

test_that("what was observed stays, what was missing is filled, types stay", {
  data <- some_missing()
  imp <- impute(data, m = 3, iterations = 3, seed = 1)
  for (done in as.list(imp)) {
    expect_false(anyNA(done))
    expect_identical(lapply(done, class), lapply(data, class))
    expect_identical(lapply(done, levels), lapply(data, levels))
    for (name in names(data)) {
      seen <- !is.na(data[[name]])
      expect_identical(done[[name]][seen], data[[name]][seen])
      expect_true(all(done[[name]] %in% data[[name]][seen]))
    }
  }
  expect_false(identical(imp[[1]], imp[[2]]))
  expect_identical(imp$method, c(
    y = "pmm", whole = "pmm", x = "", two = "logreg", flag = "logreg", three = "polyreg",
    low = "polr"
  ))
})

test_that("threads, order, number and place of imputations change no bit", {
  data <- some_missing()
  imp <- impute(data, m = 7, iterations = 3, seed = 1, threads = 1)
  same <- function(other) {
    expect_identical(other$imputed, imp$imputed)
    expect_identical(other$means, imp$means)
    expect_identical(other$sds, imp$sds)
    expect_identical(other$log, imp$log)
  }
  for (threads in c(2, 7)) {
    same(impute(data, m = 7, iterations = 3, seed = 1, threads = threads))
  }
  same(update(impute(data, m = 2, iterations = 3, seed = 1), m = 7))
  same(update(impute(data, m = 2, iterations = 1, seed = 1), m = 7, iterations = 3))
  same(impute(data, m = 7, iterations = 3, seed = 1, lapply = lapply))
  same(impute(data, m = 7, iterations = 3, seed = 1, lapply = function(X, FUN) {
    lapply(rev(X)[c(3, 1, 2, 3, 4, 5, 6, 7, 7)], FUN)
  }))
  expect_identical(
    impute(data, m = 3, iterations = 3, seed = 1)$imputed, imp[1:3]$imputed
  )
  expect_identical(update(imp, m = 3)$imputed, imp[1:3]$imputed)
  expect_false(identical(impute(data, m = 7, iterations = 3, seed = 2)$imputed, imp$imputed))
})

test_that("a run that is watched is made in pieces, which change no bit", {
  data <- some_missing()[numbers]
  problem <- impute_problem(data, NULL, NULL, NULL, NULL, NULL)
  settings <- list(iterations = 2, donors = 5, seed = 1)
  task <- imputation_task(problem$variables, problem$data, settings)
  pieces <- core_parts(task, 0, 7, 2L, watched = TRUE)
  expect_gt(length(pieces), 1)
  once <- core_parts(task, 0, 7, 2L, watched = FALSE)
  expect_length(once, 1)
  expect_identical(join_parts(pieces), once[[1]])
})

test_that("without a seed R's generator governs, and the seed used is kept", {
  data <- some_missing()[numbers]
  withr::local_seed(11)
  first <- impute(data, m = 2, iterations = 2)
  set.seed(11)
  expect_identical(impute(data, m = 2, iterations = 2)$imputed, first$imputed)
  expect_identical(impute(data, m = 2, iterations = 2, seed = first$seed)$imputed, first$imputed)
})

test_that("single imputation is exact and marked", {
  data <- some_missing()[numbers]
  one <- function(...) impute(data, m = 1, iterations = 2, seed = 1, ...)
  done <- one(method = "mean")[[1]]
  expect_equal(done$y[is.na(data$y)], rep(mean(data$y, na.rm = TRUE), 6), tolerance = 1e-14)
  expect_type(done$whole, "double")
  done <- one(method = "median")[[1]]
  expect_equal(done$y[is.na(data$y)], rep(median(data$y, na.rm = TRUE), 6), tolerance = 1e-14)
  done <- one(method = c(y = "norm.predict", whole = "none"))[[1]]
  expected <- predict(lm(y ~ x, data), data[is.na(data$y), ])
  expect_equal(done$y[is.na(data$y)], unname(expected), tolerance = 1e-10)
  expect_identical(done$whole, data$whole)
  done <- one(method = "sample")[[1]]
  expect_true(all(done$whole %in% data$whole[!is.na(data$whole)]))
  expect_match(capture.output(print(one(method = "sample"))), "^Single imputation", all = FALSE)
  expect_match(capture.output(print(one())), "standard errors from it take", all = FALSE)
})

test_that("norm gives numbers between the observed ones, and integers become double", {
  data <- some_missing()[numbers]
  done <- impute(data, m = 2, iterations = 2, seed = 1, method = "norm")[[2]]
  expect_type(done$whole, "double")
  expect_false(all(done$whole == round(done$whole)))
  expect_identical(done$whole[!is.na(data$whole)], as.double(stats::na.omit(data$whole)))
})

test_that("rows, columns and levels too few for the model are decisions in the log", {
  few <- data.frame(y = c(1, 2, NA, (4:20)^2), x = sqrt(20:1))
  log <- impute(few, m = 2, iterations = 2, donors = 30, seed = 1)$log
  expect_identical(log$decision, decision_words[["few_donors"]])
  expect_identical(log$visits, 4)
  expect_identical(log$of, 4)
  withr::local_seed(2)
  wide <- as.data.frame(matrix(stats::rnorm(8 * 20), 8))
  wide$V1[[2]] <- NA
  imp <- impute(wide, m = 2, iterations = 2, seed = 1)
  expect_true(decision_words[["few_rows"]] %in% imp$log$decision)
  expect_false(anyNA(imp[[2]]))
  collinear <- data.frame(y = c(1, 2, NA, (4:20)^2), a = sqrt(20:1))
  collinear$b <- 2 * collinear$a
  log <- impute(collinear, m = 2, iterations = 3, donors = 2, seed = 1)$log
  expect_identical(log$variable, "y")
  expect_identical(log$predictor, "b")
  expect_identical(c(log$visits, log$of), c(6, 6))
  one <- data.frame(flag = c(TRUE, NA, TRUE, TRUE), x = c(3, 1, 2, 9))
  imp <- impute(one, m = 2, seed = 1)
  expect_identical(imp[[2]]$flag, rep(TRUE, 4))
  expect_identical(imp$method[["flag"]], "constant")
  expect_match(imp$log$decision, "only one value is observed", all = FALSE)
})

test_that("unused levels are never imputed and stay levels", {
  data <- some_missing()["three"]
  levels(data$three) <- c("a", "c", "d")
  data$three <- factor(data$three, c("a", "b", "c", "d"))
  data$x <- some_missing()$x
  imp <- impute(data, m = 2, iterations = 2, seed = 1)
  expect_identical(levels(imp[[1]]$three), c("a", "b", "c", "d"))
  expect_false(anyNA(imp[[1]]))
  expect_false("b" %in% unlist(lapply(imp, function(done) as.character(done$three))))
  expect_match(imp$log$decision, "level `b` never occurs, and is never imputed", all = FALSE)
})

test_that("NA as a level is a level, and no missing value", {
  data <- some_missing()[c("y", "x", "two")]
  data$two <- addNA(data$two)
  imp <- impute(data, m = 2, iterations = 2, seed = 1)
  expect_identical(names(imp$imputed), "y")
  expect_identical(imp[[1]]$two, data$two)
  codes <- replace(as.integer(data$two), c(3, 7), NA)
  data$two <- structure(codes, levels = levels(data$two), class = "factor")
  imp <- impute(data, m = 2, iterations = 2, seed = 1)
  expect_identical(rownames(imp$predictors), c("y", "two"))
  done <- as.integer(imp[[2]]$two)
  expect_true(all(done %in% 1:3))
  expect_identical(done[-c(3, 7)], codes[-c(3, 7)])
})

test_that("groups are completed by themselves", {
  withr::local_seed(3)
  data <- data.frame(arm = rep(c("a", "b"), each = 30), x = stats::rnorm(60))
  data$y <- ifelse(data$arm == "a", 0, 1000) + data$x
  data$y[c(1:5, 31:35)] <- NA
  imp <- impute(data, m = 3, iterations = 2, by = ~arm, seed = 1)
  for (done in as.list(imp)) {
    expect_true(all(done$y[data$arm == "a"] < 500))
    expect_true(all(done$y[data$arm == "b"] > 500))
  }
  expect_match(capture.output(print(imp)), "Completed by `arm`, each by itself.", all = FALSE)
})

test_that("labelled and classed columns keep their attributes", {
  data <- some_missing()[numbers]
  attr(data$y, "label") <- "Outcome"
  data$whole <- structure(data$whole,
    class = c("haven_labelled", "vctrs_vctr", "integer"), labels = c(low = -9L))
  data$x <- scale(data$x)
  data$day <- as.Date("2020-01-01") + seq_len(nrow(data))
  data$notes <- as.list(seq_len(nrow(data)))
  done <- impute(data, m = 1, iterations = 2, seed = 1)[[1]]
  expect_identical(lapply(done, attributes), lapply(data, attributes))
  expect_false(anyNA(unclass(done$whole)))
  expect_identical(done[c("day", "notes")], data[c("day", "notes")])
  skip_if_not_installed("tibble")
  done <- impute(tibble::as_tibble(some_missing()), m = 1, iterations = 2, seed = 1)[[1]]
  expect_s3_class(done, "tbl_df")
  expect_identical(
    as.data.frame(done), impute(some_missing(), m = 1, iterations = 2, seed = 1)[[1]]
  )
})

# ---- Workers ----

test_that("forked children, one of them killed, give the same bits", {
  skip_on_os("windows")
  data <- some_missing()
  imp <- impute(data, m = 4, iterations = 2, seed = 1)
  forked <- function(X, FUN) parallel::mclapply(X, FUN, mc.cores = 2)
  expect_identical(impute(data, m = 4, iterations = 2, seed = 1, lapply = forked)$imputed,
    imp$imputed)
  killed <- function(X, FUN) {
    suppressWarnings(parallel::mclapply(X, function(number) {
      if (number == 2) {
        tools::pskill(Sys.getpid(), tools::SIGKILL)
      }
      FUN(number)
    }, mc.cores = 2, mc.preschedule = FALSE))
  }
  expect_error(impute(data, m = 4, iterations = 2, seed = 1, lapply = killed),
    "`lapply` gave no result for imputation 2.", class = "questrial_error_worker")
  repeated <- function(X, FUN) {
    first <- killed(X, FUN)
    c(lapply(X[vapply(first, is.null, NA)], FUN), first)
  }
  expect_identical(impute(data, m = 4, iterations = 2, seed = 1, lapply = repeated)$imputed,
    imp$imputed)
})

test_that("one and two workers of future give the same bits", {
  skip_on_cran()
  skip_if_not_installed("future.apply")
  data <- some_missing()
  imp <- impute(data, m = 4, iterations = 2, seed = 1)
  for (workers in 1:2) {
    plan <- future::plan(future::multisession, workers = workers)
    withr::defer(future::plan(plan))
    other <- impute(data,
      m = 4, iterations = 2, seed = 1, lapply = future.apply::future_lapply
    )
    expect_identical(other$imputed, imp$imputed)
    expect_identical(other$means, imp$means)
  }
})

test_that("a task is small: the columns it needs and no frame of its caller", {
  data <- some_missing()[numbers]
  data$carried <- strrep("long text ", 1000)
  sizes <- NULL
  measure <- function(X, FUN) {
    sizes <<- length(serialize(FUN, NULL)) # nolint: undesirable_operator_linter.
    lapply(X, FUN)
  }
  impute(data, m = 2, iterations = 2, seed = 1, lapply = measure)
  expect_lt(sizes, 8 * 3 * nrow(data) + 20000)
})

test_that("an lapply that loses, spoils or breaks tasks is told which", {
  data <- some_missing()[numbers]
  with_lapply <- function(lapply) impute(data, m = 5, iterations = 2, seed = 1, lapply = lapply)
  lost <- function(code, message) {
    expect_error(code, message, class = "questrial_error_worker", fixed = TRUE)
  }
  lost(with_lapply(function(X, FUN) lapply(X[c(1, 5, 2)], FUN)), "no result for imputations 3 and 4.")
  lost(with_lapply(function(X, FUN) NULL), "no result for imputations 1, 2, 3, 4 and 5.")
  lost(with_lapply(function(X, FUN) "done"), "return a list of what FUN returns")
  lost(with_lapply(function(X, FUN) lapply(X, function(x) FUN(1))), "imputations 2, 3, 4 and 5")
  lost(with_lapply(function(X, FUN) {
    lapply(X, function(x) if (x == 3) try(stop("disk full"), silent = TRUE) else FUN(x))
  }), "A task said: Error in try(stop(\"disk full\"), silent = TRUE) : disk full")
  lost(with_lapply(function(X, FUN) {
    lapply(X, function(x) if (x == 3) simpleError("disk full") else FUN(x))
  }), "A task said: disk full.")
  kept <- list()
  impute(data, m = 5, iterations = 2, seed = 9, lapply = function(X, FUN) {
    kept <<- lapply(X, FUN) # nolint: undesirable_operator_linter.
  })
  lost(with_lapply(function(X, FUN) kept), "no result for imputations 1, 2, 3, 4 and 5.")
})

# ---- Nothing to do ----

test_that("data without missing values give m identical copies, and that is said", {
  imp <- impute(mtcars, m = 3, seed = 1)
  expect_length(imp, 3)
  expect_identical(as.list(imp), list(mtcars, mtcars, mtcars))
  expect_match(capture.output(print(imp)), "Nothing is missing that is to be imputed",
    all = FALSE)
  expect_identical(generics::glance(imp)$n.missing, 0L)
  expect_identical(impute(mtcars[1, ], m = 1, seed = 1)[[1]], mtcars[1, ])
  expect_length(update(imp, m = 5), 5)
})

test_that("imputations that were changed or taken apart are not added to", {
  imp <- impute(airquality, m = 3, iterations = 2, seed = 1)
  expect_error(update(imp[2:3], m = 5), "These are some of the imputations",
    class = "questrial_error_argument")
  expect_error(update(imp, m = 0), "`m` must be a single whole number")
  expect_error(update(imp, k = 5), "Unknown argument `k`")
})
