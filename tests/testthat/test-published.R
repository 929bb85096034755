lemogne <- function() system.file("extdata", "lemogne2020", package = "questrial")

folder_with <- function(..., env = parent.frame()) {
  dir <- withr::local_tempdir(.local_envir = env)
  file.copy(list.files(lemogne(), full.names = TRUE), dir)
  changes <- list(...)
  for (file in names(changes)) {
    writeLines(changes[[file]], file.path(dir, file), useBytes = TRUE)
  }
  dir
}

test_that("printed digits are kept as text", {
  printed <- published(lemogne())
  expect_identical(printed$alpha$alpha, c("0.77", "0.80"))
  expect_identical(printed$means$sd[printed$means$arm == "balint"][[4]], "8.00")
  expect_output(print(printed), "36 counts, 15 means")
})

test_that("repairs replace what is misprinted and nothing else", {
  printed <- published(lemogne())
  repaired <- published(lemogne(), repaired = TRUE)
  changed <- printed$counts$n != repaired$counts$n
  expect_identical(
    repaired$counts$n[changed & printed$counts$level == "surgery"], "15"
  )
  expect_equal(sum(changed), 2)
  expect_identical(repaired$model$level[8:9], c("other", "medicine"))
  expect_identical(repaired$means, printed$means)
})

test_that("the printed specialty counts give 4.684, the repaired ones the printed 5.596", {
  statistic <- function(printed) {
    counts <- printed$counts[printed$counts$variable == "specialty", ]
    unname(chisq.test(xtabs(as.integer(n) ~ level + arm, counts), correct = FALSE)$statistic)
  }
  expect_equal(statistic(published(lemogne())), 4.6845, tolerance = 1e-4)
  expect_equal(statistic(published(lemogne(), repaired = TRUE)), 5.596, tolerance = 1e-4)
})

test_that("a value prints as what it rounds to, ties both ways", {
  expect_true(all(prints_as(c(0.265, 0.275, 0.27), "0.27")))
  expect_false(any(prints_as(c(0.2649, 0.2751, -0.27), "0.27")))
  expect_identical(prints_as(c(0.0009, 0.001), "<.001"), c(TRUE, FALSE))
  expect_true(prints_as(0.8049, ".80"))
  expect_true(prints_as(362, "362"))
})

test_that("what is no published trial is refused by file, row and column", {
  expect_error(published("no-such-folder"), "no folder", class = "questrial_error_file")
  expect_error(published(withr::local_tempdir()), "design.csv", class = "questrial_error_file")
  arm <- c("step,arm,n,source", "randomised,placebo,100,printed")
  expect_error(published(folder_with(flow.csv = arm)), "\"placebo\" is no arm",
    class = "questrial_error_file"
  )
  expect_error(published(folder_with(alpha.csv = c("outcome,items", "baseline,19"))), "`alpha`",
    class = "questrial_error_file"
  )
  word <- c("outcome,items,alpha", "baseline,19,good")
  expect_error(published(folder_with(alpha.csv = word)), "row 1 (line 2), column `alpha`: \"good\"",
    fixed = TRUE,
    class = "questrial_error_file"
  )
  expect_error(published(folder_with(alpha.csv = "")), class = "questrial_error_file")
  expect_error(published(folder_with(alpha.csv = c("outcome,items,alpha", "a,19,.7,x,y,z"))),
    class = "questrial_error_file"
  )
  latin <- c("outcome,items,alpha", "caf\xe9,19,.7")
  expect_error(published(folder_with(alpha.csv = latin)), "UTF-8", class = "questrial_error_file")
  repairs <- c("table,row,column,printed,repaired,reason", "alpha,1,alpha,.99,.77,x")
  expect_error(published(folder_with(repairs.csv = repairs), repaired = TRUE),
    "repairs.csv, row 1",
    class = "questrial_error_file"
  )
})

test_that("numbers are read as journals set them", {
  texts <- c("0,77", "\u22122.36", "<.001", "362", "x")
  expect_equal(printed_number(texts), c(0.77, -2.36, 0.001, 362, NA))
})

test_that("files that are not there are tables without rows", {
  dir <- folder_with()
  unlink(file.path(dir, c("alpha.csv", "repairs.csv")))
  expect_equal(nrow(published(dir)$alpha), 0)
  expect_s3_class(published(dir, repaired = TRUE), "published")
})

test_that("a list of data frames of text is read as its files would be", {
  printed <- published(lemogne())
  given <- published(lapply(unclass(printed), as.data.frame))
  expect_equal(given, printed, ignore_attr = TRUE)
  few <- published(list(
    design = data.frame(key = "arms", value = "a; b"),
    means = data.frame(outcome = "age", arm = c("a", "b"), mean = c("20.1", NA))
  ))
  expect_identical(few$means$mean, c("20.1", ""))
  expect_identical(few$means$sd, c("", ""))
  expect_equal(nrow(few$model), 0)
  expect_error(published(list(designs = data.frame(key = "arms", value = "a; b"))), "`designs`",
    class = "questrial_error_file"
  )
  numbers <- data.frame(outcome = "age", arm = "a", mean = 20.1)
  expect_error(published(list(means = numbers)), "column `mean`: It is not text",
    class = "questrial_error_file"
  )
})
