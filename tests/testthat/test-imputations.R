# Made by hand: what is filled in where is known.
by_hand <- function() {
  data <- data.frame(
    id = 1:4, age = c(30L, NA, 50L, NA), score = c(NA, 1.5, 2.5, 3.5),
    sex = factor(c("f", NA, "m", "f"), c("m", "f", "other")), smoker = c(TRUE, NA, NA, FALSE)
  )
  new_imputations(data, list(
    age = matrix(c(31L, 32L, 33L, 34L, 35L, 36L), 2), score = matrix(c(0.25, 0.5, 0.75), 1),
    sex = matrix(c(1L, 2L, 1L), 1), smoker = matrix(c(TRUE, FALSE, FALSE, FALSE, TRUE, TRUE), 2)
  ), 3, log = NULL)
}

test_that("a completed data set is the data with its missing values filled in their order", {
  imp <- by_hand()
  expect_length(imp, 3)
  expect_identical(imp[[2]], data.frame(
    id = 1:4, age = c(30L, 33L, 50L, 34L), score = c(0.5, 1.5, 2.5, 3.5),
    sex = factor(c("f", "f", "m", "f"), c("m", "f", "other")), smoker = c(TRUE, FALSE, FALSE, FALSE)
  ))
  expect_identical(as.list(imp), list(imp[[1]], imp[[2]], imp[[3]]))
  expect_identical(lapply(imp, dim), rep(list(c(4L, 5L)), 3))
  expect_identical(as.data.frame(imp, 3), imp[[3]])
  for (wrong in list(0, 4, 1.5, NA, 1:2, "a")) {
    expect_error(imp[[wrong]], "`i` must be a single whole number from 1 to 3",
      class = "questrial_error_argument")
  }
})

test_that("attributes of data frames and columns stay", {
  data <- data.frame(a = c(1, NA, 3), b = 1:3)
  attr(data$a, "label") <- "An A"
  attr(data$a, "units") <- "mm"
  data$c <- scale(c(2, NA, 4))
  data$d <- addNA(factor(c("u", NA, "v")))
  imp <- new_imputations(data, list(a = matrix(2), c = matrix(0.1)), 1)
  done <- imp[[1]]
  expect_identical(attributes(done$a), list(label = "An A", units = "mm"))
  expect_identical(attributes(done$c), attributes(data$c))
  expect_identical(as.vector(done$c), c(data$c[[1]], 0.1, data$c[[3]]))
  expect_identical(done$d, data$d)
  skip_if_not_installed("tibble")
  wide <- tibble::tibble(a = c(1, NA), `odd name` = list(1, 2))
  done <- new_imputations(wide, list(a = matrix(2)), 1)[[1]]
  expect_s3_class(done, "tbl_df")
  expect_identical(done, tibble::tibble(a = c(1, 2), `odd name` = list(1, 2)))
})

test_that("values declared as missing are missing, whether or not haven is loaded", {
  x <- structure(c(1, 8, 3, NA, 99),
    class = c("haven_labelled_spss", "haven_labelled", "vctrs_vctr", "double"),
    labels = c(low = 1, refused = 8), na_values = 8, na_range = c(90, 99)
  )
  expect_identical(missing_cells(x), c(FALSE, TRUE, FALSE, TRUE, TRUE))
  data <- data.frame(id = 1:5)
  data$x <- x
  done <- new_imputations(data, list(x = matrix(c(2, 4, 5))), 1)[[1]]
  expect_identical(as.vector(unclass(done$x)), c(1, 2, 3, 4, 5))
  expect_identical(attributes(done$x), attributes(x))
})

test_that("some of the imputations are imputations", {
  imp <- by_hand()
  expect_identical(imp[2:3][[1]], imp[[2]])
  expect_identical(imp[-1][[2]], imp[[3]])
  expect_identical(imp[c(TRUE, FALSE, TRUE)][[2]], imp[[3]])
  expect_length(imp[3], 1)
  expect_identical(utils::head(imp, 2)[[2]], imp[[2]])
  expect_identical(imp[], imp)
  for (wrong in list(4, c(1, 1), 0, NA, "a")) {
    expect_error(imp[wrong], "which of the imputations 1 to 3 are wanted, each once",
      class = "questrial_error_argument")
  }
})

test_that("completed data sets are not averaged; long form has their numbers", {
  imp <- by_hand()
  expect_error(as.data.frame(imp), "There are 3 completed data sets, and averaging",
    class = "questrial_error_argument")
  expect_error(mean(imp), "There are 3 completed data sets, and averaging",
    class = "questrial_error_argument")
  expect_error(lm(score ~ age, imp[1]), "There is one completed data set, and averaging")
  expect_error(as.data.frame(imp, 4), "from 1 to 3", class = "questrial_error_argument")
  long <- as.data.frame(imp, "long")
  expect_identical(dim(long), c(12L, 7L))
  expect_identical(long$.imp, rep(1:3, each = 4))
  expect_identical(long$.id, rep(1:4, 3))
  second <- long[long$.imp == 2, -(1:2)]
  rownames(second) <- NULL
  expect_identical(second, imp[[2]])
  expect_identical(unique(as.data.frame(imp[2:3], "long")$.imp), 2:3)
})

test_that("with() evaluates in each completed data set and in the caller's frame", {
  imp <- by_hand()
  shift <- 100
  results <- with(imp, mean(age) + shift)
  expect_s3_class(results, "imputation_results")
  expect_identical(unclass(results)[[2]], mean(c(30, 33, 50, 34)) + 100)
  expect_length(results, 3)
  fits <- with(imp, lm(score ~ age))
  expect_identical(coef(fits[[3]]), coef(lm(score ~ age, imp[[3]])))
  expect_output(print(fits), "Results of 3 completed data sets: lm\\(score ~ age\\)")
  expect_error(with(imp, mean(nothing_of_this_name)), "not found")
  expect_error(with(imp, mean(age), speed = 1), "Unknown argument `speed`")
})

test_that("imputations describe themselves within 80 columns", {
  imp <- by_hand()
  printed <- capture.output(print(imp))
  expect_true(all(nchar(printed) <= 80))
  expect_match(printed[[1]], "Multiple imputation: m = 3")
  expect_match(paste(printed, collapse = " "),
    "4 rows of 5 columns, 0 of them complete (0.0%); 6 values imputed", fixed = TRUE)
  expect_match(capture.output(print(imp[2]))[[1]], "^Single imputation")
  expect_match(capture.output(print(imp, rows = 1)), "age to smoker (4)",
    all = FALSE, fixed = TRUE)
  imp$method <- c(id = "", age = "pmm", score = "norm", sex = "logreg", smoker = "logreg")
  expect_match(capture.output(print(imp, rows = 1)), "and 3 more lines", all = FALSE)
  tidied <- generics::tidy(imp)
  expect_identical(tidied$variable, c("age", "score", "sex", "smoker"))
  expect_identical(tidied$n.missing, c(2L, 1L, 1L, 2L))
  expect_identical(tidied$p.missing, c(0.5, 0.25, 0.25, 0.5))
  glanced <- generics::glance(imp)
  expect_identical(glanced$m, 3L)
  expect_identical(glanced$n.complete, 0L)
  expect_identical(glanced$n.missing, 6L)
  expect_false(glanced$single)
  expect_true(generics::glance(imp[1])$single)
})

test_that("the summary has observed and imputed values beside each other", {
  summed <- summary(by_hand())
  expect_identical(summed$variable, c("age", "score", rep("sex", 3), rep("smoker", 2)))
  expect_identical(summed$level, c(NA, NA, "m", "f", "other", "FALSE", "TRUE"))
  expect_identical(summed$n.observed, c(2L, 3L, 3L, 3L, 3L, 2L, 2L))
  expect_identical(summed$n.missing, c(2L, 1L, 1L, 1L, 1L, 2L, 2L))
  expect_equal(summed$mean.observed, c(40, 2.5, 1 / 3, 2 / 3, 0, 1 / 2, 1 / 2))
  expect_equal(summed$sd.observed, c(sqrt(200), 1, rep(NA, 5)))
  expect_equal(summed$mean.imputed, c(33.5, 0.5, 2 / 3, 1 / 3, 0, 1 / 2, 1 / 2))
  expect_equal(summed$sd.imputed, c(sqrt(3.5), 0.25, rep(NA, 5)))
  printed <- capture.output(print(summed))
  expect_true(all(nchar(printed) <= 80))
  expect_match(printed[[1]], "3 imputations")
})

test_that("tables of data.table can be added to by reference", {
  skip_if_not_installed("data.table")
  data <- data.table::data.table(a = c(1, NA, 3))
  done <- new_imputations(data, list(a = matrix(2)), 1)[[1]]
  expect_silent(data.table::set(done, j = "b", value = 4:6))
  expect_identical(done$b, 4:6)
  expect_identical(names(data), "a")
})

test_that("what was not made by impute() cannot be updated", {
  refuses <- function(imp) {
    expect_error(update(imp, m = 5), "were not made by impute\\(\\), or were changed since",
      class = "questrial_error_argument")
  }
  refuses(by_hand())
  imp <- impute(airquality, m = 2, iterations = 2, seed = 1)
  refuses(transform(imp, double = 2 * Ozone))
  refuses(delta_adjust(imp, 5, "Ozone"))
})

test_that("computed columns are not counted as imputed", {
  imp <- transform(impute(airquality, m = 2, iterations = 2, seed = 1), double = 2 * Ozone)
  expect_identical(generics::glance(imp)$n.missing, sum(is.na(airquality)))
})
