# A slow obvious version: one person after the other.
slow_score <- function(data, items, reversed, min, max, kind, max_missing) {
  apply(as.matrix(data[items]), 1, function(x) {
    x[reversed] <- min + max - x[reversed]
    if (all(is.na(x)) || sum(is.na(x)) > max_missing * length(items) + 1e-9) {
      return(NA_real_)
    }
    mean <- mean(x, na.rm = TRUE)
    switch(kind,
      sum = length(items) * mean, mean = mean, percent = 100 * (mean - min) / (max - min)
    )
  })
}

answers <- function(n, k, min, max, missing = 0.1, seed = 1) {
  set.seed(seed)
  data <- as.data.frame(matrix(sample(min:max, n * k, TRUE), n))
  data[matrix(runif(n * k) < missing, n)] <- NA
  names(data) <- paste0("item_", seq_len(k))
  data
}

test_that("scores agree with one person at a time", {
  data <- answers(3000, 12, 1, 7, missing = 0.2)
  for (kind in c("sum", "mean", "percent")) {
    for (max_missing in c(0, 0.2, 0.5, 0.99)) {
      x <- new_instrument(12, 1, 7,
        reverse = c(1, 5, 12), score = kind, max_missing = max_missing
      )
      want <- slow_score(data, names(data), c(1, 5, 12), 1, 7, kind, max_missing)
      expect_equal(score(data, x), unname(want), tolerance = 1e-14)
    }
  }
})

test_that("integer and double columns give the same bits, for any threads", {
  data <- answers(2e5, 9, 0, 4)
  x <- new_instrument(9, 0, 4, reverse = 2:3)
  doubles <- data
  doubles[c(1, 4, 9)] <- lapply(data[c(1, 4, 9)], as.double)
  old <- options(questrial.threads = 1)
  on.exit(options(old))
  one <- score(data, x)
  options(questrial.threads = 2)
  expect_identical(score(data, x), one)
  expect_identical(score(doubles, x), one)
})

test_that("reversal is by the declared range, not by what was observed", {
  x <- new_instrument(2, 1, 7, reverse = 2)
  expect_identical(score(data.frame(item_1 = c(1, 2), item_2 = c(2, 3)), x), c(7, 7))
})

test_that("ranges with steps of their own work", {
  half <- new_instrument(2, 0, 1, step = 0.1, reverse = 2, score = "mean")
  data <- data.frame(item_1 = c(0.3, 0.7), item_2 = c(0.1, 1))
  expect_equal(score(data, half), c(0.6, 0.35), tolerance = 1e-15)
  data$item_1[2] <- 0.75
  expect_error(score(data, half), class = "questrial_error_range")
})

test_that("the 19 items of the trial score the same in both ways", {
  data <- answers(500, 20, 1, 7, missing = 0.02, seed = 3)
  data$item_9 <- NA
  whole <- score(data, "jse-s", columns = names(data))
  less <- score(data, "jse-s-19", columns = names(data)[-9])
  expect_equal(whole, less, tolerance = 1e-14)
  complete <- rowSums(is.na(data)) == 1
  steps <- whole[complete] * 19 / 20
  expect_equal(steps, round(steps), tolerance = 1e-12)
})

test_that("scores() gives every scale and how many items were answered", {
  data <- answers(50, 14, 0, 3, seed = 4)
  got <- scores(data, "hads", columns = names(data))
  expect_named(got, c("anxiety", "anxiety_answered", "depression", "depression_answered"))
  odd <- data[seq(1, 13, 2)]
  expect_identical(got$anxiety_answered, as.integer(rowSums(!is.na(odd))))
  expect_equal(got$anxiety, unname(slow_score(data, names(odd), integer(), 0, 3, "sum", 0.5)))
  expect_identical(got$depression, score(data, "hads", "depression", names(data)))
})

test_that("an answer that cannot be is named with column, row and value", {
  x <- new_instrument(3, 1, 7)
  data <- answers(30, 3, 1, 7)
  for (wrong in c(9, 0, 3.5, Inf, -Inf, 1e300)) {
    bad <- data
    bad$item_2[17] <- wrong
    fault <- tryCatch(score(bad, x), questrial_error_range = identity)
    expect_identical(fault$column, "item_2")
    expect_identical(fault$row, 17)
    expect_identical(fault$value, wrong)
    expect_match(conditionMessage(fault), "Column `item_2`, row 17: the answer")
  }
})

test_that("columns without numbers are named with the cure", {
  x <- new_instrument(2, 1, 7)
  good <- data.frame(item_1 = 1:3, item_2 = 3:5)
  refused <- function(column, pattern) {
    good$item_2 <- column
    expect_error(score(good, x), pattern, class = "questrial_error_argument")
  }
  refused(c("1", "2", "x"), "`item_2`.*text.*as.numeric")
  refused(factor(c("never", "often", "never")), "factor.*labels")
  refused(c(TRUE, FALSE, NA), "TRUE and FALSE.*as.integer")
  refused(Sys.Date() + 0:2, "class Date")
  refused(I(list(1, 2, 3)), "AsIs")
  refused(structure(c(1, 2, 3), class = "integer64"), "integer64")
  refused(matrix(1:6, 3), "matrix")
})

test_that("an item that nobody answered may be a logical column", {
  x <- new_instrument(3, 1, 7, max_missing = 0.4)
  data <- data.frame(item_1 = c(1, 2), item_2 = NA, item_3 = c(3, 4))
  expect_identical(score(data, x), c(6, 9))
})

test_that("nobody's answers give NA, whatever the rule", {
  x <- new_instrument(2, 1, 7, max_missing = 0.99)
  data <- data.frame(item_1 = c(NA, 2), item_2 = c(NA_real_, NA))
  got <- score(data, x)
  expect_identical(got, c(NA, 4))
  expect_false(is.nan(got[[1]]))
})

test_that("columns are found, or what is wrong with them is said", {
  data <- data.frame(q1 = 1:2, q2 = 3:4, other = 5:6)
  x <- new_instrument(2, 1, 7)
  expect_identical(score(data, x, columns = c("q1", "q2")), c(4, 6))
  argument <- "questrial_error_argument"
  expect_error(score(data, x), "no column `item_1` and `item_2`.*`columns`", class = argument)
  expect_error(score(data, x, columns = c("q1", "q_2")), "Did you mean `q2`", class = argument)
  expect_error(score(data, x, columns = c("q1", "q1")), "twice", class = argument)
  expect_error(score(data, x, columns = 1:2), "column names", class = argument)
  expect_error(score(data, x, columns = "q1"), "2 items", class = "questrial_error_dimension")
  names(data)[3] <- "q1"
  expect_error(score(data, x, columns = c("q1", "q2")), "more than one", class = argument)
})

test_that("bad data, instruments and scales are refused", {
  data <- data.frame(item_1 = 1:2, item_2 = 3:4)
  x <- new_instrument(2, 1, 7)
  expect_error(score(as.matrix(data), x), "data frame", class = "questrial_error_argument")
  expect_error(score(data[0, ], x), "0 rows", class = "questrial_error_no_data")
  broken <- x
  broken$scales$total$items <- 1:9
  expect_error(score(data, broken), "anew", class = "questrial_error_argument")
  broken <- x
  broken$min <- NULL
  expect_error(score(data, broken), "anew", class = "questrial_error_argument")
  expect_error(score(data, 7), "instrument", class = "questrial_error_argument")
  expect_error(score(data, "jse_s"), "jse-s", class = "questrial_error_argument")
  expect_error(score(data, x, "totl"), "Did you mean `total`", class = "questrial_error_argument")
})

test_that("labelled columns are their numbers, user-missing codes are found", {
  skip_if_not_installed("haven")
  column <- haven::labelled_spss(c(1, 2, 9), c(no = 9), na_values = 9)
  data <- data.frame(item_1 = column, item_2 = 1:3)
  x <- new_instrument(2, 1, 7)
  expect_error(score(data, x), "row 3: the answer 9", class = "questrial_error_range")
  expect_identical(score(data[1:2, ], x), c(2, 4))
})

test_that("only the result takes memory", {
  skip_if_not(capabilities("profmem"))
  n <- 2e5
  data <- answers(n, 20, 1, 7, missing = 0)
  x <- new_instrument(20, 1, 7, reverse = 1:10)
  score(data, x)
  file <- tempfile()
  Rprofmem(file, threshold = 1e5)
  got <- score(data, x)
  Rprofmem(NULL)
  sizes <- as.numeric(sub(" :.*", "", grep("^[0-9]+ :", readLines(file), value = TRUE)))
  expect_length(sizes, 1)
  expect_lt(sum(sizes), 8 * n + 1000)
})

test_that("scores agree with psych where both do the same", {
  skip_if_not_installed("psych")
  data <- answers(400, 8, 1, 5, missing = 0, seed = 8)
  keys <- c(1, -1, 1, 1, -1, 1, 1, -1)
  keys <- list(total = ifelse(keys < 0, paste0("-", names(data)), names(data)))
  theirs <- suppressWarnings(psych::scoreItems(keys, data, totals = TRUE, min = 1, max = 5))
  x <- new_instrument(8, 1, 5, reverse = c(2, 5, 8))
  expect_equal(score(data, x), unname(theirs$scores[, 1]), tolerance = 1e-12)
})
