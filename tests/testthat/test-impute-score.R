# Synthetic answers to two scales of four items, some missing; completed by random answers.
two_scales <- function(n = 60, m = 3, seed = 5) {
  set.seed(seed)
  data <- as.data.frame(matrix(sample(1:5, n * 8, TRUE), n))
  names(data) <- paste0("q", 1:8)
  data[matrix(runif(n * 8) < 0.1, n)] <- NA
  data$arm <- factor(rep(c("a", "b"), n / 2))
  random_imputations(data, m)
}

random_imputations <- function(data, m) {
  holes <- names(data)[vapply(data, anyNA, NA)]
  imputed <- lapply(stats::setNames(nm = holes), function(name) {
    x <- data[[name]]
    observed <- if (is.factor(x)) as.integer(x)[!is.na(x)] else x[!is.na(x)]
    matrix(sample(observed, sum(is.na(x)) * m, TRUE), sum(is.na(x)), m)
  })
  new_imputations(data, imputed, m)
}

pair <- new_instrument(paste0("q", 1:8), 1, 5,
  reverse = c("q2", "q7"), scales = list(calm = 1:4, glad = 5:8), max_missing = 0.3
)

test_that("scores of imputations are those of every completed data set", {
  imp <- two_scales()
  got <- score(imp, pair, "glad")
  expect_s3_class(got, "imputations")
  for (i in 1:3) {
    expect_identical(got[[i]]$glad, score(imp[[i]], pair, "glad"))
  }
  expect_identical(is.na(got$data$glad), rowSums(is.na(imp$data[5:8])) > 0)
  expect_identical(names(got[[1]]), c(names(imp[[1]]), "glad"))
  both <- scores(imp, pair)
  expect_identical(both[[2]]$glad, got[[2]]$glad)
  expect_identical(both[[2]]$calm, score(imp[[2]], pair))
})

test_that("the columns of scores have the names asked for, and take no other's place", {
  imp <- two_scales()
  expect_identical(names(score(imp, pair, name = "x")[[1]])[10], "x")
  expect_identical(names(scores(imp, pair, name = c("x", "y"))[[1]])[10:11], c("x", "y"))
  expect_error(score(imp, pair, name = "q1"), "column `?q1`? already",
    class = "questrial_error_argument"
  )
  expect_error(score(score(imp, pair), pair), class = "questrial_error_argument")
  expect_error(scores(imp, pair, name = "x"), class = "questrial_error_dimension")
  expect_error(score(imp, pair, nmae = "x"), "Unknown argument", class = "questrial_error_argument")
  expect_error(scores(imp), "what is scored", class = "questrial_error_argument")
})

test_that("instruments of impute() are known by their names", {
  imp <- two_scales()
  imp$items <- item_plan(list(
    t0 = new_instrument(paste0("q", 1:4), 1, 5), t1 = new_instrument(paste0("q", 5:8), 1, 5)
  ), imp$data)
  got <- scores(imp)
  expect_identical(names(got[[1]])[10:11], c("t0_total", "t1_total"))
  expect_identical(score(imp, "t1")[[2]]$t1_total, got[[2]]$t1_total)
  expect_identical(score(imp, "t1", name = "after")[[3]]$after, got[[3]]$t1_total)
  expect_error(score(imp, "t2"), class = "questrial_error_argument")
  imp$items <- item_plan(pair, imp$data)
  expect_identical(names(scores(imp)[[1]])[10:11], c("calm", "glad"))
})

test_that("the id of an instrument of impute() stands for its columns", {
  imp <- two_scales()
  names(imp$data)[1:7] <- names(imp$imputed)[1:7] <- paste0("w", 1:7)
  imp$items <- item_plan(on_columns("gad-7", paste0("w", 1:7)), replace(imp$data, 1:7, 1))
  imp$data[1:7] <- lapply(imp$data[1:7], function(x) x - 2)
  expect_error(score(imp, "gad-7"), class = "questrial_error_range")
  imp$data[1:7] <- lapply(imp$data[1:7], function(x) pmax(x, 0))
  imp$imputed[1:7] <- lapply(imp$imputed[1:7], function(x) pmax(x - 2, 0))
  got <- score(imp, "gad-7")
  expect_identical(got[[2]]$total, score(imp[[2]], "gad-7", columns = paste0("w", 1:7)))
  expect_identical(score(imp, "gad-7", columns = paste0("w", 7:1))[[1]]$total, got[[1]]$total)
  names(imp$items$items) <- "t0"
  expect_identical(score(imp, "gad-7")[[2]]$t0_total, got[[2]]$total)
  imp$items$items$t1 <- imp$items$items$t0
  expect_error(score(imp, "gad-7"), "`?t0`? and `?t1`?", class = "questrial_error_argument")
})

test_that("an item that nobody answered is left to the scale's rule", {
  imp <- two_scales()
  imp$data$q4 <- NA
  imp$imputed$q4 <- NULL
  got <- score(imp, pair)
  for (i in 1:3) {
    expect_identical(got[[i]]$calm, score(imp[[i]], pair))
  }
  expect_false(anyNA(got[[1]]$calm))
  strict <- new_instrument(paste0("q", 1:8), 1, 5, max_missing = 0)
  none <- score(imp, strict)
  expect_true(all(is.na(none[[1]]$total)))
  expect_null(none$imputed$total)
})

test_that("rows without a score, imputed or not, stay in their places", {
  imp <- two_scales()
  imp$imputed$q5 <- NULL
  strict <- new_instrument(paste0("q", 1:8), 1, 5, max_missing = 0)
  got <- score(imp, strict)
  for (i in 1:3) {
    expect_identical(got[[i]]$total, score(imp[[i]], strict))
  }
  expect_identical(nrow(got$imputed$total), sum(is.na(got$data$total)))
})

test_that("an imputed value that is no answer is named with its imputation", {
  imp <- two_scales()
  imp$imputed$q6[2, 3] <- 2.5
  fault <- tryCatch(score(imp, pair, "glad"), questrial_error_range = identity)
  expect_identical(fault$row, which(is.na(imp$data$q6))[[2]])
  expect_identical(fault$column, "q6")
  expect_identical(fault$value, 2.5)
  expect_match(conditionMessage(fault), "imputation 3")
  imp$data$q6[which(!is.na(imp$data$q6))[[1]]] <- 9
  expect_error(score(imp, pair, "glad"), "9", class = "questrial_error_range")
})

test_that("transform() computes in every completed data set", {
  imp <- scores(two_scales(), pair)
  got <- transform(imp, change = glad - calm, high = glad > 12, one = 1,
    third = cut(glad, c(0, 10, 15, 25)), away = glad - mean(glad), text = paste(arm, q1))
  for (i in 1:3) {
    one <- imp[[i]]
    expect_identical(got[[i]]$change, one$glad - one$calm)
    expect_identical(got[[i]]$high, one$glad > 12)
    expect_identical(got[[i]]$third, cut(one$glad, c(0, 10, 15, 25)))
    expect_identical(got[[i]]$away, one$glad - mean(one$glad))
    expect_identical(got[[i]]$text, paste(one$arm, one$q1))
  }
  expect_identical(is.na(got$data$change), is.na(imp$data$glad) | is.na(imp$data$calm))
  expect_true(all(is.na(got$data$away)))
  expect_identical(got$data$one, rep(1, 60))
  expect_null(got$imputed$one)
  expect_identical(transform(imp, glad = glad * 2)[[2]]$glad, imp[[2]]$glad * 2)
  expect_identical(transform(imp), imp)
})

test_that("transform() sees the caller's variables and says what it cannot do", {
  imp <- two_scales()
  shift <- 3
  expect_identical(transform(imp, x = q1 + shift)[[1]]$x, imp[[1]]$q1 + 3)
  strict <- function(x) if (anyNA(x)) stop("missing") else x
  expect_identical(transform(imp, x = strict(q1))[[1]]$x, imp[[1]]$q1)
  expect_error(transform(imp, q1 + 1), "needs a name", class = "questrial_error_argument")
  expect_error(transform(imp, x = 1:2), "2 values for 60 rows", class = "questrial_error_dimension")
  expect_error(transform(imp, x = list(1)), class = "questrial_error_argument")
  expect_error(transform(imp, x = cut(q1 * runif(60), 3)), "other levels",
    class = "questrial_error_argument"
  )
})
