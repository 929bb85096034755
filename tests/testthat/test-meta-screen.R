trials <- data.frame(
  study = c("One", "Two", "Three", "Four", "Five"), mean1 = c(21, 30, 24, 22, 25),
  sd1 = c(5, 6, 5.2, 5.1, 5.5), n1 = c(30, 52, 41, 31, 36), mean2 = c(18, 29, 22, 19, 22),
  sd2 = c(5, 6, 5.4, 4.9, 5.3), n2 = c(32, 49, 40, 33, 36)
)
screen <- function(d, ..., measure = "SMD") screen_effects(effect_size(measure, data = d), ...)

test_that("nothing is found where nothing is wrong", {
  expect_equal(nrow(screen(trials)), 0)
  expect_output(print(screen(trials)), "Screen of 5 effects: nothing found")
  expect_named(screen(trials), c("row", "study", "finding", "why", "cure"))
})

test_that("a standard error given as SD is found, and the reverse", {
  d <- trials
  d$sd1[[3]] <- d$sd1[[3]] / sqrt(41)
  d$sd2[[3]] <- d$sd2[[3]] / sqrt(40)
  x <- screen(d)
  expect_true("SE as SD" %in% x$finding[x$study == "Three"])
  expect_true("SE as SD" %in% screen(d, measure = "MD")$finding)
  expect_match(x$cure[x$finding == "SE as SD"], "se1")
  d <- trials
  d$sd1[[2]] <- d$sd1[[2]] * sqrt(52)
  d$sd2[[2]] <- d$sd2[[2]] * sqrt(49)
  expect_identical(screen(d)$finding, "SD as SE")
})

test_that("SDs are compared within a scale", {
  d <- trials
  d[3:5, c("mean1", "sd1", "mean2", "sd2")] <- d[3:5, c("mean1", "sd1", "mean2", "sd2")] * 10
  d$scale <- c("A", "A", "B", "B", "B")
  expect_equal(nrow(screen(d, scale = "scale")), 0)
  d$sd1[[1]] <- 1
  expect_identical(screen(d, scale = d$scale)$finding, "unlike SDs")
})

test_that("large effects and opposite signs are found", {
  d <- trials
  d$mean1[[4]] <- 35
  expect_identical(screen(d)$finding, "large effect")
  expect_equal(nrow(screen(d, large = 4)), 0)
  d <- trials
  d[2, c("mean1", "mean2")] <- c(25, 30)
  expect_identical(screen(d)$finding, "opposite sign")
})

test_that("scales of which low is better are found", {
  x <- screen(trials, better = c("high", "high", "low", "high", NA))
  expect_identical(x$study, "Three")
  expect_identical(x$finding, "mixed scales")
  expect_error(screen(trials, better = rep("good", 5)), "`better` of row 1 is \"good\"",
    class = "questrial_error_argument"
  )
})

test_that("the same trial twice is found, in either order, and a shared control", {
  d <- trials[c(1, 2, 3, 3, 5), ]
  d$study[[4]] <- "Three again"
  x <- screen(d)
  expect_identical(x$finding, "same numbers")
  expect_match(x$why, "those of row 3")
  d[4, c("mean1", "sd1", "n1", "mean2", "sd2", "n2")] <-
    d[4, c("mean2", "sd2", "n2", "mean1", "sd1", "n1")]
  expect_true("same numbers" %in% screen(d)$finding)
  d <- trials
  d[2, c("mean2", "sd2", "n2")] <- d[1, c("mean2", "sd2", "n2")]
  expect_true("same control" %in% screen(d)$finding)
  d <- trials
  d$study[[5]] <- "One"
  expect_identical(screen(d)$finding, "same study")
})

test_that("numbers are held against those randomised", {
  x <- screen(trials, randomised1 = c(30, 50, 60, 31, 36), randomised2 = trials$n2)
  expect_identical(x$finding, c("more than randomised", "many lost"))
  expect_match(x$why[[1]], "arm 1 has 52 people of 50")
  expect_error(screen(trials, randomised1 = 1:2), "`randomised1` has 2 values for 5 rows",
    class = "questrial_error_argument"
  )
  expect_error(screen(trials, scale = "instrument"), "no column `instrument`",
    class = "questrial_error_argument"
  )
})

test_that("counts, changes and rows without arms can be screened", {
  counts <- effect_size("OR", events1 = c(3, 4, 3), n1 = 20, events2 = c(5, 6, 5), n2 = 22)
  expect_identical(
    screen_effects(counts)$finding, c("same control", "same numbers")[c(2)]
  )
  expect_equal(nrow(screen_effects(effect_size("SMCC", t = c(1, 2), n1 = 20))), 0)
  expect_identical(
    screen_effects(effect_size("SMD", t = c(12, 1), n1 = 20, n2 = 20))$finding, "large effect"
  )
})

test_that("a screen prints within 80 columns", {
  d <- trials
  d$sd1[[3]] <- d$sd1[[3]] / sqrt(41)
  d$sd2[[3]] <- d$sd2[[3]] / sqrt(40)
  d$study[[3]] <- strrep("A very long name of a study ", 3)
  out <- utils::capture.output(print(screen(d)))
  expect_true(all(nchar(out) <= 80))
  expect_match(out[[1]], "Screen of 5 effects: [12] to look at")
})
