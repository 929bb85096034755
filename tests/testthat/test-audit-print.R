# Cells that contradict one another, synthetic: 3 + 4 people are not 8.
broken_audit <- function() {
  printed <- published(system.file("extdata", "lemogne2020", package = "questrial"))
  printed$means$n[[1]] <- "118"
  audit(printed)
}

test_that("an audit prints its counts first, then what is inconsistent, in 80 columns", {
  found <- broken_audit()
  withr::local_options(width = 80)
  lines <- capture.output(print(found))
  expect_true(all(nchar(lines) <= 80))
  n <- table(found$verdict)
  expect_match(paste(lines, collapse = " "), sprintf("%d inconsistent", n[["inconsistent"]]))
  first <- which(found$verdict == "inconsistent")[[1]]
  expect_match(lines, paste0(found$cell[[first]], ", ", found$check[[first]]), fixed = TRUE, all = FALSE)
  short <- capture.output(print(found, n = 1))
  expect_match(short, "more are not shown", all = FALSE)
  expect_error(print(found, n = -1), "`n`", class = "questrial_error_argument")
  expect_error(print(found, most = 1), "most", class = "questrial_error_argument")
})

test_that("an audit of nothing, or of nothing wrong, prints", {
  found <- broken_audit()
  expect_output(print(found[0, ]), "0 checks")
  expect_output(print(found[found$verdict == "exact", ]), "0 inconsistent")
  expect_no_match(paste(capture.output(print(found[0, ])), collapse = " "), "nothing to check")
  means <- data.frame(outcome = "age", arm = c("a", "b"), mean = c("20.1", "20.4"))
  design <- data.frame(key = "arms", value = "a; b")
  expect_output(print(audit(published(list(design = design, means = means)))),
    "nothing to check")
})

test_that("the summary counts each kind of check and all of them", {
  found <- broken_audit()
  counts <- summary(found)
  expect_identical(sum(counts$checks), 2 * nrow(found))
  all <- counts[nrow(counts), ]
  expect_equal(all$inconsistent, sum(found$verdict == "inconsistent"))
  expect_equal(all$checks, all$exact + all$rounding + all$inconsistent)
  expect_setequal(head(counts$check, -1), found$check)
})

test_that("rows of an audit are an audit, other columns a data frame", {
  found <- broken_audit()
  part <- found[found$verdict == "inconsistent", ]
  expect_s3_class(part, "audit")
  expect_s3_class(attr(part, "published"), "published")
  few <- found[c("cell", "verdict")]
  expect_identical(class(few), "data.frame")
  expect_null(attr(few, "tables"))
  expect_identical(found[2:3, "cell"], found$cell[2:3])
})

test_that("recomputed numbers have a digit more than the printed ones", {
  expect_identical(recomputed_text(c(4.68449, 117, 117.25, 2e-5, NA), c(3, 0, 0, 3, 1)),
    c("4.6845", "117", "117.2", "2e-05", ""))
  expect_identical(
    allowed_text(c(1.25, 2, -Inf, 3, -Inf), c(1.35, 2, 4, Inf, Inf), c(1, 0, 1, 0, 2)),
    c("1.25 to 1.35", "2", "at most 4.00", "at least 3", "")
  )
})
