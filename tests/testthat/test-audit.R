# What all audits have in common, on small synthetic tables.
two_arms <- function(..., design = NULL) {
  published(list(
    design = data.frame(key = c("arms", names(design)), value = c("a; b", unname(design))), ...
  ))
}

flow_of <- function(n) {
  data.frame(step = c("randomised", "lost", "analysed"), arm = "", n = n)
}

statistic <- function(statistic, p, df = "1") {
  data.frame(test = "chisq", outcome = "x", by = "arm", statistic = statistic, df = df, p = p)
}

test_that("an audit is a data frame of checks with their tables", {
  printed <- two_arms(flow = flow_of(c("70", "9", "62")))
  found <- audit(printed)
  expect_s3_class(found, c("audit", "data.frame"), exact = TRUE)
  expect_named(found, c(
    "check", "cell", "printed", "recomputed", "low", "high", "verdict", "figure", "note"
  ))
  expect_identical(found$cell, "flow[1, n]")
  expect_identical(found$printed, "70")
  expect_identical(c(found$recomputed, found$low, found$high), c(71, 71, 71))
  expect_identical(found$verdict, "inconsistent")
  expect_identical(attr(found, "published"), printed)
  tables <- attr(found, "tables")
  expect_identical(tables$cells$table[[1]], "")
  target <- tables$cells[tables$checks$target, ]
  expect_identical(sprintf("%s[%d, %s]", target$table, target$row, target$column), found$cell)
})

test_that("tables in which nothing follows from anything have an empty audit", {
  found <- audit(two_arms())
  expect_s3_class(found, "audit")
  expect_identical(nrow(found), 0L)
  expect_type(found$recomputed, "double")
  expect_identical(nrow(audit(two_arms(flow = flow_of(c("70", "", "62"))))), 0L)
  only_total <- data.frame(variable = "sex", level = c("f", "m"), arm = "", n = c("7", "9"))
  expect_identical(nrow(audit(two_arms(counts = only_total))), 0L)
})

test_that("signs, commas and bounds are read as they are printed", {
  verdict <- function(...) audit(two_arms(tests = statistic(...)))$verdict
  p <- pchisq(3.84, 1, lower.tail = FALSE)
  expect_identical(verdict("3.84", sprintf("%.3f", p)), "exact")
  expect_identical(verdict("3,84", sub(".", ",", sprintf("%.3f", p), fixed = TRUE)), "exact")
  expect_identical(verdict("3.84", "0.05"), "exact")
  expect_identical(verdict("3.84", "<0.05"), "rounding")
  expect_identical(verdict("3.84", "<0.049"), "inconsistent")
  expect_identical(verdict("3.84", "<0.051"), "exact")
  expect_identical(verdict("3.8", "0.050"), "rounding")
  expect_identical(verdict("3.84", ">0.04"), "exact")
  expect_identical(verdict("3.84", ">0.06"), "inconsistent")
  expect_identical(verdict("30.84", "0.000"), "exact")
  expect_identical(verdict(">10", "<0.001"), "rounding")
  expect_identical(verdict(">11", "<0.001"), "exact")
})

test_that("numbers cut off are judged as such", {
  printed <- two_arms(tests = statistic("3.8", "0.051"))
  range <- function(x) pchisq(x, 1, lower.tail = FALSE)
  found <- audit(printed)
  expect_equal(c(found$low, found$high), range(c(3.85, 3.75)))
  found <- audit(printed, truncated = TRUE)
  expect_equal(c(found$low, found$high), range(c(3.9, 3.8)))
  expect_identical(found$verdict, "exact")
})

test_that("a number of more decimals than a cell has is not judged", {
  expect_identical(nrow(audit(two_arms(tests = statistic("3.84", "0.00000000000000000001")))), 0L)
  expect_identical(nrow(audit(two_arms(tests = statistic("3.84", "0.000000000000001")))), 1L)
})

test_that("labels of the models' rows are cells, references at the first row of each variable", {
  counts <- data.frame(
    variable = "site", level = rep(c("north", "south", "west"), each = 2), arm = c("a", "b"),
    n = c("11", "9", "22", "30", "27", "23")
  )
  model <- data.frame(
    model = rep(c("one", "two"), c(4, 2)), variable = c("", "arm", "site", "site", "", "site"),
    level = c("", "b", "south", "west", "", "east"),
    reference = c("", "a", "north", "north", "", "west"), estimate = "1.0"
  )
  tables <- attr(audit(two_arms(counts = counts, model = model)), "tables")
  labels <- tables$cells[tables$cells$kind == 4, ]
  labels <- labels[order(labels$column, labels$row), ]
  expect_identical(labels$row, c(2L, 3L, 4L, 2L, 3L, 6L))
  expect_identical(labels$text, c("b", "south", "west", "a", "north", "west"))
  expect_equal(labels$digits, c(1, 1, 2, 0, 0, 2))
  expect_equal(labels$decimals, c(0, 1, 1, 0, 1, 1))
  expect_identical(names(tables$margins), c("arm", "site"))
  expect_identical(tables$cells$text[tables$margins$site["b", ]], c("9", "30", "23"))
})

test_that("an audit takes printed tables and a flag", {
  expect_error(audit(list()), "published", class = "questrial_error_argument")
  expect_error(audit(two_arms(), NA), "truncated", class = "questrial_error_argument")
  expect_error(audit(two_arms(), "yes"), "truncated", class = "questrial_error_argument")
})

test_that("thousands of variables are audited at once", {
  variables <- sprintf("v%d", 1:4000)
  n <- rep(c("11", "9", "22", "24"), length(variables))
  counts <- data.frame(
    variable = rep(variables, each = 4), level = c("x", "x", "y", "y"), arm = c("a", "b"), n = n,
    percent = rep(c("33.3", "27.3", "66.7", "72.7"), length(variables))
  )
  found <- audit(two_arms(counts = counts))
  expect_identical(nrow(found), nrow(counts))
  expect_identical(unique(found$verdict), "exact")
})
