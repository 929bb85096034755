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
