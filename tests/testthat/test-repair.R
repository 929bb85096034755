lemogne <- function() published(system.file("extdata", "lemogne2020", package = "questrial"))

test_that("the misprints of the shipped trial are the first proposal", {
  printed <- lemogne()
  found <- repair(audit(printed), threads = 1)
  first <- found[found$proposal == 1, ]
  expect_equal(unique(first$size), 2)
  right <- published(attr(printed, "dir"), repaired = TRUE)
  after <- repaired(found)
  expect_equal(after$model$level, right$model$level)
  expect_equal(after$model$reference, right$model$reference)
  expect_equal(after$counts$n, right$counts$n)
  expect_false("inconsistent" %in% audit(after)$verdict)
  expect_identical(as.data.frame(found), as.data.frame(repair(audit(printed), threads = 2)))
})

# The shipped tables as they were meant, with one error of each kind put in: row, column and what is
# printed there instead.
planted <- list(
  digit = list(counts = c(1, "n", "45")),
  digit = list(model = c(2, "std.error", "1.328")),
  transposed = list(tests = c(4, "statistic", "5.956")),
  sign = list(means = c(10, "mean", "2.36")),
  decimal = list(model = c(4, "estimate", "14.55")),
  exchange = list(means = c(4, "sd", "8.6"), means = c(5, "sd", "11.8")),
  rows = list(
    counts = c(7, "n", "107"), counts = c(7, "percent", "89.2"), counts = c(9, "n", "110"),
    counts = c(9, "percent", "94.0")
  ),
  person = list(
    counts = c(13, "n", "58"), counts = c(13, "percent", "49.6"), counts = c(16, "n", "26"),
    counts = c(16, "percent", "22.2")
  ),
  labels = list(model = c(6, "level", "neither"), model = c(7, "level", "alone")),
  reference = list(model = c(4, "level", "male"), model = c(4, "reference", "female"))
)

test_that("one error of each kind is repaired to what was meant", {
  right <- published(attr(lemogne(), "dir"), repaired = TRUE)
  for (k in seq_along(planted)) {
    wrong <- right
    edits <- planted[[k]]
    for (i in seq_along(edits)) {
      wrong[[names(edits)[[i]]]][as.integer(edits[[i]][[1]]), edits[[i]][[2]]] <- edits[[i]][[3]]
    }
    found <- repair(audit(wrong), threads = 1)
    expect_equal(unique(found$change[found$proposal == 1]), names(planted)[[k]])
    after <- repaired(found)
    for (table in c("counts", "means", "tests", "model")) {
      expect_equal(after[[table]], right[[table]], info = names(planted)[[k]])
    }
  }
})

test_that("a figure that agrees with no count is not explained by a person", {
  wrong <- published(attr(lemogne(), "dir"), repaired = TRUE)
  wrong$counts$percent[[1]] <- "77.7"
  found <- repair(audit(wrong), max_size = 1)
  expect_equal(nrow(found), 0)
  expect_equal(attr(found, "parts")$size, NA_integer_)
  expect_output(print(found), "No change repairs what is wrong")
})

test_that("tables that are fine have nothing to repair", {
  right <- published(attr(lemogne(), "dir"), repaired = TRUE)
  found <- repair(audit(right))
  expect_equal(nrow(found), 0)
  expect_output(print(found), "Nothing to repair")
  expect_error(repaired(found), class = "questrial_error_argument")
})

test_that("proposals print and are put in", {
  found <- repair(audit(lemogne()))
  lines <- capture.output(print(found))
  expect_true(all(nchar(lines) <= 80))
  expect_match(lines, "Proposal 1 (2 changes, share ", fixed = TRUE, all = FALSE)
  after <- repaired(found)
  expect_true(attr(after, "repaired"))
  expect_true(all(after$repairs$repaired != after$repairs$printed))
  expect_error(repaired(found, 1000), class = "questrial_error_argument")
})

test_that("arguments are checked", {
  found <- audit(lemogne())
  expect_error(repair(lemogne()), class = "questrial_error_argument")
  expect_error(repair(found, max_size = 5), class = "questrial_error_argument")
  expect_error(repair(found, max_proposals = 0), class = "questrial_error_argument")
  attr(found, "tables") <- NULL
  expect_error(repair(found), "has lost its tables", class = "questrial_error_argument")
})

test_that("permutations are all there are", {
  orders <- questrial:::permutations_of(4)
  expect_equal(nrow(unique(orders)), 24)
  expect_equal(orders[1, ], 1:4)
  expect_true(all(apply(orders, 1, function(x) setequal(x, 1:4))))
  expect_equal(nrow(questrial:::exchanges_of(6)), 15)
})

test_that("numbers are set as the cell was", {
  set <- function(digits, decimals, like, kind = 1L) {
    questrial:::number_as(
      data.frame(digits = digits, decimals = decimals, cell_kind = kind), like
    )
  }
  expect_equal(set(-236, 2L, "2.35"), "-2.36")
  expect_equal(set(-236, 2L, "\u22122,35"), "\u22122,36")
  expect_equal(set(23, 2L, ".32"), ".23")
  expect_equal(set(1, 3L, "<0.01", 2L), "<0.001")
  expect_equal(set(120, 0L, "102", 0L), "120")
})
