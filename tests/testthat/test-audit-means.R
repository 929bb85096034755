# Tables of a synthetic trial of two or three arms, from its data; every figure by R's own stats.
synthetic <- function(seed, arms = c("usual", "talks")) {
  set.seed(seed)
  data <- data.frame(
    arm = factor(sample(arms, 90, TRUE), arms), sex = factor(sample(c("m", "f"), 90, TRUE))
  )
  data$baseline <- round(stats::rnorm(90, 50, 9))
  data$followup <- round(data$baseline + stats::rnorm(90, 2, 6))
  data$change <- data$followup - data$baseline
  data
}

text <- function(x, digits = 1) formatC(x, digits = digits, format = "f")

row_of <- function(x, outcome, arm = "", variable = "", level = "") {
  data.frame(
    outcome = outcome, variable = variable, level = level, arm = arm, n = as.character(length(x)),
    mean = text(mean(x)), sd = text(stats::sd(x))
  )
}

printed_means <- function(data) {
  rows <- list()
  for (outcome in c("baseline", "followup", "change")) {
    x <- data[[outcome]]
    rows <- c(rows, list(row_of(x, outcome)), lapply(levels(data$arm), function(arm) {
      row_of(x[data$arm == arm], outcome, arm)
    }))
  }
  strata <- expand.grid(arm = levels(data$arm), level = levels(data$sex), stringsAsFactors = FALSE)
  c(rows, lapply(seq_len(nrow(strata)), function(k) {
    own <- data$arm == strata$arm[[k]] & data$sex == strata$level[[k]]
    row_of(data$baseline[own], "baseline", strata$arm[[k]], "sex", strata$level[[k]])
  }))
}

test_of <- function(test, outcome, ...) {
  row <- data.frame(
    test = test, outcome = outcome, by = "", variable = "", level = "", arm = "", reference = "",
    statistic = "", df = "", df_residual = "", p = "", estimate = "", conf.low = "", conf.high = ""
  )
  given <- list(...)
  row[names(given)] <- given
  row
}

pair_of <- function(data, test) {
  found <- stats::t.test(change ~ stats::relevel(arm, levels(arm)[[2]]), data,
    subset = arm %in% levels(arm)[1:2], var.equal = test == "student"
  )
  test_of(test, "change",
    arm = levels(data$arm)[[2]], reference = levels(data$arm)[[1]],
    statistic = text(found$statistic, 3), p = text(found$p.value, 3),
    df = if (test == "student") as.character(found$parameter) else text(found$parameter, 1),
    estimate = text(-diff(found$estimate)), conf.low = text(found$conf.int[[1]]),
    conf.high = text(found$conf.int[[2]])
  )
}

tables_of <- function(data, tests = list(), design = c()) {
  design <- c(arms = paste(levels(data$arm), collapse = "; "), design)
  counts <- as.data.frame(table(level = data$sex, arm = data$arm), responseName = "n")
  list(
    design = data.frame(key = names(design), value = unname(design)),
    counts = data.frame(variable = "sex", level = as.character(counts$level),
      arm = as.character(counts$arm), n = as.character(counts$n)),
    means = do.call(rbind, printed_means(data)),
    tests = do.call(rbind, c(list(test_of("chisq", "sex")[0, ]), tests))
  )
}

audited <- function(tables) {
  found <- as.data.frame(unclass(audit(published(tables)))[1:9])
  found[startsWith(found$cell, "means") | startsWith(found$cell, "tests") |
    startsWith(found$cell, "alpha"), ]
}

wrong_in <- function(tables) {
  found <- audited(tables)
  unique(found$cell[found$verdict == "inconsistent"])
}

paired_of <- function(data, arm) {
  found <- stats::t.test(data$change[data$arm == arm])
  test_of("paired", "change", arm = arm, statistic = text(found$statistic, 2),
    df = as.character(found$parameter), p = text(found$p.value, 3))
}

anova_of <- function(data, ...) {
  found <- stats::anova(stats::lm(baseline ~ arm, data))
  test_of("anova", "baseline", by = "arm", statistic = text(found$F[[1]], 3),
    df = as.character(found$Df[[1]]), df_residual = as.character(found$Df[[2]]),
    p = text(found[["Pr(>F)"]][[1]], 3), ...)
}

all_tests <- function(data) {
  women <- data[data$sex == "f", ]
  list(
    pair_of(data, "student"), pair_of(data, "welch"), paired_of(data, levels(data$arm)[[2]]),
    anova_of(data), anova_of(women, variable = "sex", level = "f")
  )
}

test_that("tables of real data pass whole", {
  for (seed in 1:6) {
    data <- synthetic(seed, if (seed %% 2 == 0) c("usual", "talks") else c("a", "b", "c"))
    tables <- tables_of(data, all_tests(data), c(grid = "1"))
    found <- audited(tables)
    expect_identical(found$cell[found$verdict == "inconsistent"], character(), label = seed)
    expect_true(all(c(
      "student", "welch", "paired", "anova", "df", "p", "difference", "interval", "total", "change"
    ) %in% found$check))
  }
})

test_that("a wrong figure is flagged where it stands", {
  data <- synthetic(2)
  right <- tables_of(data, all_tests(data), c(grid = "1"))
  plant <- function(table, row, column, value) {
    right[[table]][row, column] <- value
    wrong_in(right)
  }
  expect_true("tests[1, statistic]" %in% plant("tests", 1, "statistic", "9.999"))
  expect_identical(plant("tests", 1, "df", "87"), "tests[1, df]")
  expect_true("tests[2, df]" %in% plant("tests", 2, "df", "12.0"))
  expect_identical(plant("tests", 1, "p", "0.999"), "tests[1, p]")
  expect_true("tests[1, conf.low]" %in% plant("tests", 1, "conf.low", "-99.9"))
  expect_true("tests[1, estimate]" %in% plant("tests", 1, "estimate", "55.0"))
  expect_identical(plant("tests", 4, "df_residual", "80")[[1]], "tests[4, df_residual]")
  expect_true("means[8, sd]" %in% plant("means", 8, "sd", "99.9"))
  expect_true("means[8, mean]" %in% plant("means", 8, "mean", "21.0"))
})

test_that("P without a statistic is that of the means", {
  data <- synthetic(3)
  tests <- lapply(all_tests(data)[c(1, 2, 3, 4)], function(test) {
    test$statistic <- ""
    test
  })
  tables <- tables_of(data, tests)
  found <- audited(tables)
  p <- found[grepl(", p]", found$cell), ]
  expect_identical(nrow(p), 4L)
  expect_false(any(p$verdict == "inconsistent"))
  tables$tests$p <- "0.999"
  expect_setequal(wrong_in(tables), sprintf("tests[%d, p]", 1:4))
})

test_that("signs may be left out, but not changed", {
  data <- synthetic(4)
  # The second arm is made the worse one, so that t is negative.
  data$change <- data$change - 8 * (data$arm == "talks")
  data$followup <- data$baseline + data$change
  signed <- tables_of(data, list(pair_of(data, "student")))
  expect_true(startsWith(signed$tests$statistic, "-"))
  expect_identical(wrong_in(signed), character())
  unsigned <- signed
  unsigned$tests$statistic <- sub("-", "", unsigned$tests$statistic)
  expect_identical(wrong_in(unsigned), character())
  turned <- signed
  turned$tests[c("arm", "reference")] <- c("usual", "talks")
  expect_identical(wrong_in(turned), "tests[1, estimate]")
  turned$tests$estimate <- ""
  expect_true("tests[1, statistic]" %in% wrong_in(turned))
})

test_that("visits bound the SD of change and a paired t", {
  tables <- list(
    design = data.frame(key = "arms", value = "a; b"),
    means = data.frame(
      outcome = rep(c("baseline", "followup"), 2), arm = rep(c("a", "b"), each = 2), n = "20",
      mean = c("92.55", "107.20", "90.0", "91.0"), sd = c("4.37", "2.16", "4.0", "4.1")
    ),
    tests = test_of("paired", "change", arm = "a", statistic = "7.26", df = "19")
  )
  found <- audited(tables)
  t <- found[found$check == "paired", ]
  expect_identical(t$verdict, "inconsistent")
  expect_equal(c(t$low, t$high), c(10.0, 29.8), tolerance = 0.005)
  tables$means$n[[2]] <- "19"
  expect_false("paired" %in% audited(tables)$check)
  change <- tables$means[1, ]
  change[c("outcome", "n", "mean", "sd")] <- c("change", "20", "14.65", "1.10")
  tables$means$n[[2]] <- "20"
  tables$means <- rbind(tables$means, change)
  expect_true("means[5, sd]" %in% wrong_in(tables))
})

test_that("the standard error of measurement follows from SD and alpha", {
  tables <- tables_of(synthetic(5))
  tables$alpha <- data.frame(
    outcome = c("baseline", "followup"), items = "19", alpha = c("0.77", "0.80"),
    sd = c("10.15", ""), sem = c("4.87", "99")
  )
  found <- audited(tables)
  sem <- found[found$check == "sem", ]
  expect_identical(sem$verdict[[1]], "exact")
  expect_equal(sem$recomputed[[1]], 10.15 * sqrt(0.23))
  expect_identical(sem$cell[sem$verdict == "inconsistent"], "alpha[2, sem]")
})

test_that("grids of scores are read as whole steps, fractions and by outcome", {
  means <- data.frame(
    outcome = c("baseline", "change", "age"), arm = "a", n = c("14", "14", "9"),
    mean = c("-2.41", "-2.41", "30.99"), sd = c("3.00", "8.28", "4.00")
  )
  grim_rows_of <- function(grid) {
    tables <- list(design = data.frame(key = c("arms", "grid"), value = c("a; b", grid)),
      means = means)
    found <- audited(tables)
    found[found$check == "grim", c("cell", "verdict")]
  }
  expect_identical(grim_rows_of("20/19")$verdict[1:2], c("exact", "exact"))
  expect_identical(grim_rows_of("1")$verdict, rep("inconsistent", 3))
  named <- grim_rows_of("change 20/19; age 1")
  expect_identical(named$cell, c("means[2, mean]", "means[3, mean]"))
  expect_identical(named$verdict, c("exact", "inconsistent"))
  expect_error(grim_rows_of("nothing"), "row 2, column `value`", class = "questrial_error_file")
})

test_that("strata that are not everybody are let alone", {
  data <- synthetic(6)
  tables <- tables_of(data)
  part <- tables
  keep <- !(part$means$level == "m" & part$means$arm == "usual")
  part$means <- part$means[keep, ]
  expect_identical(wrong_in(part), character())
  tables$means$n[tables$means$level == "m" & tables$means$arm == "usual"] <- "3"
  expect_true("means[2, n]" %in% wrong_in(tables))
})

test_that("the trial of Lemogne et al. (2020) has no wrong test of means", {
  dir <- system.file("extdata", "lemogne2020", package = "questrial")
  found <- audit(published(dir))
  own <- found$check %in% c("student", "anova", "df", "p", "total") & !grepl("specialty", found$figure)
  expect_false(any(found$verdict[own] == "inconsistent"))
  f <- found[found$check == "anova", ]
  expect_equal(f$low[c(1, 4)], c(0.189, 0.984), tolerance = 0.003)
  expect_equal(f$high[c(1, 4)], c(0.309, 1.000), tolerance = 0.003)
})

test_that("many rows go through in time that grows with them", {
  n <- 5000
  means <- data.frame(
    outcome = sprintf("o%d", rep(seq_len(n), each = 2)), arm = c("a", "b"), n = c("30", "31"),
    mean = c("5.0", "6.0"), sd = c("2.0", "2.1")
  )
  tests <- data.frame(
    test = "student", outcome = sprintf("o%d", seq_len(n)), arm = "b", reference = "a",
    statistic = "1.9", df = "59", p = "0.06"
  )
  tables <- list(
    design = data.frame(key = "arms", value = "a; b"), means = means, tests = tests
  )
  found <- audit(published(tables))
  expect_identical(sum(found$check == "student"), as.integer(n))
})

test_that("two visits of as many people are of the same ones only if nobody is missing", {
  tables <- function(n_all) list(
    design = data.frame(key = "arms", value = "a; b"),
    means = data.frame(
      outcome = c("baseline", "followup", "age"), arm = "a", n = c("40", "40", n_all),
      mean = c("10.0", "12.0", "31.0"), sd = c("4.0", "4.0", "8.0")
    ),
    tests = data.frame(test = "paired", outcome = "change", arm = "a", statistic = "1.00", df = "38")
  )
  verdicts <- function(n_all) {
    found <- audit(published(tables(n_all)))
    found$verdict[startsWith(found$cell, "tests")]
  }
  expect_identical(verdicts("40"), c("inconsistent", "inconsistent"))
  expect_identical(verdicts("41"), character())
})
