# Synthetic tables of counts as a journal prints them. `n` is a list of matrices, levels by arms,
# one a variable; `of` what percentages are shares of.
counts_text <- function(n, decimals = 1, of = colSums) {
  rows <- lapply(names(n), function(variable) {
    x <- n[[variable]]
    percent <- sprintf("%.*f", decimals, 100 * as.vector(t(x) / of(x)))
    data.frame(
      variable = variable, level = rep(rownames(x), each = ncol(x)),
      arm = rep(colnames(x), nrow(x)), n = as.character(t(x)), percent = percent
    )
  })
  do.call(rbind, rows)
}

sizes_text <- function(sizes, outcome = "baseline") {
  data.frame(outcome = outcome, arm = names(sizes), n = as.character(sizes), mean = "", sd = "")
}

three <- function(...) {
  x <- rbind(...)
  colnames(x) <- c("a", "b", "c")
  x
}

printed_counts <- function(counts, sizes = NULL, ..., design = NULL) {
  tables <- list(
    design = data.frame(key = c("arms", names(design)), value = c("a; b; c", unname(design))),
    counts = counts, means = if (!is.null(sizes)) sizes_text(sizes), ...
  )
  published(tables[!vapply(tables, is.null, NA)])
}

sex <- three(female = c(31, 38, 27), male = c(29, 24, 35))
site <- three(north = c(11, 9, 17), south = c(22, 30, 20), west = c(27, 23, 25))
sizes <- c(a = 60, b = 62, c = 62)

of_check <- function(found, check) {
  found[found$check == check, ]
}

wrong <- function(found) {
  found$cell[found$verdict == "inconsistent"]
}

count_test <- function(test = "chisq", outcome = "sex", ...) {
  data.frame(test = test, outcome = outcome, by = "arm", ...)
}

# ---- The published trial ----

test_that("counts of the trial of 2020 are flagged in one chi-square and nowhere else", {
  printed <- published(system.file("extdata", "lemogne2020", package = "questrial"))
  found <- audit(printed)
  own <- found[found$check %in% c("flow", "analysed", "percent", "stratum", "chisq", "p", "df") |
    (found$check == "total" & endsWith(found$cell, ", n]")), ]
  expect_identical(wrong(own), "tests[4, statistic]")
  expect_gt(nrow(own), 70)
  tests <- of_check(own, "chisq")
  expected <- vapply(c("sex", "parents", "living", "specialty", "absences"), function(variable) {
    rows <- printed$counts$variable == variable
    n <- xtabs(as.numeric(n) ~ level + arm, printed$counts[rows, ])
    unname(suppressWarnings(chisq.test(n, correct = FALSE))$statistic)
  }, 0)
  expect_equal(tests$recomputed[1:5], unname(expected), tolerance = 1e-12)
  completion <- chisq.test(rbind(c(8, 5, 4), c(123, 125, 127)))
  expect_equal(tests$recomputed[[6]], unname(completion$statistic), tolerance = 1e-12)
  expect_identical(wrong(audit(published(attr(printed, "dir"), repaired = TRUE))), character())
})

# ---- Percentages and totals ----

test_that("tables without errors are not blamed, whatever percentages are of", {
  n <- list(sex = sex, site = site)
  expect_clean <- function(printed, checks) {
    found <- audit(printed)
    expect_identical(wrong(found), character())
    expect_setequal(found$check, checks)
    found
  }
  expect_clean(printed_counts(counts_text(n), sizes), c("percent", "total"))
  expect_clean(printed_counts(counts_text(n, 0), sizes), c("percent", "total"))
  by_row <- expect_clean(
    printed_counts(counts_text(n, of = function(x) matrix(rowSums(x), 3, nrow(x), TRUE)), sizes),
    c("percent", "total")
  )
  expect_identical(unique(of_check(by_row, "percent")$note), "of the row")
  unsized <- expect_clean(printed_counts(counts_text(n)), "percent")
  expect_identical(unique(unsized$note), "of those counted")
  # Three of a have no known site: first percentages of the others, then of all.
  n$site[1, "a"] <- 8
  missing <- expect_clean(printed_counts(counts_text(n), sizes), c("percent", "total"))
  expect_identical(missing$note[missing$cell == "counts[7, percent]"], "of those counted")
  n$site <- n$site - 2
  expect_clean(printed_counts(counts_text(n), sizes), c("percent", "total"))
  expect_clean(
    printed_counts(counts_text(n, of = function(x) matrix(sizes, 3, nrow(x))), sizes),
    c("percent", "total")
  )
})

test_that("a total column is of all, and the sum of the arms", {
  totals <- lapply(list(sex = sex, site = site), function(x) cbind(x, rowSums(x)))
  totals <- lapply(totals, function(x) {
    colnames(x)[[4]] <- ""
    x
  })
  counts <- counts_text(totals)
  found <- audit(printed_counts(counts, sizes))
  expect_identical(wrong(found), character())
  expect_identical(nrow(of_check(found, "percent")), 20L)
  # Two variables in three arms, five levels in all: the size of all is not printed.
  expect_identical(nrow(of_check(found, "total")), 11L)
  printed_size <- of_check(audit(printed_counts(counts, c(sizes, 184))), "total")
  expect_true(all(c("sex, all arms", "site, all arms") %in% printed_size$figure))
  expect_identical(printed_size$verdict, rep("exact", nrow(printed_size)))
  counts$n[[4]] <- "95"
  expect_setequal(
    wrong(audit(printed_counts(counts, sizes))), c("counts[4, n]", "counts[4, percent]")
  )
})

test_that("a wrong count, percentage or size is where it shows", {
  n <- list(sex = sex, site = site)
  right <- counts_text(n)
  counts <- right
  counts$percent[[2]] <- "61.8"
  found <- audit(printed_counts(counts, sizes))
  expect_identical(wrong(found), "counts[2, percent]")
  row <- found[found$cell == "counts[2, percent]", ]
  expect_equal(row$recomputed, 100 * 38 / 62)
  expect_identical(row$figure, "sex: female, b")
  counts <- right
  counts$n[[8]] <- "19"
  expect_setequal(
    wrong(audit(printed_counts(counts, sizes))), c("counts[8, percent]", "means[2, n]")
  )
  counts$percent <- ""
  expect_identical(wrong(audit(printed_counts(counts, sizes))), "means[2, n]")
  sizes[["b"]] <- 26
  found <- audit(printed_counts(right, sizes))
  expect_identical(unique(wrong(found)), "means[2, n]")
})

test_that("the sizes are those that fit, from whichever table", {
  n <- list(sex = sex, site = site)
  means <- rbind(sizes_text(sizes - 5, "followup"), sizes_text(sizes, "age"))
  found <- audit(printed_counts(counts_text(n), means = means))
  expect_identical(wrong(found), character())
  expect_setequal(of_check(found, "total")$cell, sprintf("means[%d, n]", 4:6))
  flow <- data.frame(step = "randomised", arm = names(sizes), n = as.character(sizes))
  found <- audit(printed_counts(counts_text(n), sizes - 5, flow = flow))
  expect_setequal(of_check(found, "total")$cell, sprintf("flow[%d, n]", 1:3))
})

test_that("levels that nobody printed, and variables of many answers, have no totals", {
  n <- list(sex = sex["female", , drop = FALSE], site = site[1:2, ])
  of_all <- function(x) matrix(sizes, 3, nrow(x))
  found <- audit(printed_counts(counts_text(n, of = of_all), sizes))
  expect_identical(found$check, rep("percent", 9))
  expect_identical(wrong(found), character())
  many <- list(signs = three(cough = c(40, 41, 39), fever = c(30, 35, 44)))
  found <- audit(printed_counts(counts_text(many, of = of_all), sizes))
  expect_identical(found$verdict, rep("exact", 6))
})

test_that("percentages of something that is not printed are not judged", {
  of_others <- function(x) matrix(c(143, 151, 187), 3, nrow(x))
  found <- audit(printed_counts(counts_text(list(sex = sex), of = of_others), sizes))
  expect_identical(unique(found$check), "total")
  expect_identical(nrow(audit(printed_counts(counts_text(list(sex = sex), of = of_others)))), 0L)
})

test_that("decimal commas and empty cells are read as they are", {
  counts <- counts_text(list(site = three(north = c(3, 9, 17), south = c(57, 53, 45))))
  counts$percent <- sub(".", ",", counts$percent, fixed = TRUE)
  found <- audit(printed_counts(counts, sizes))
  expect_identical(wrong(found), character())
  counts$n[[5]] <- ""
  counts$percent[[6]] <- ""
  found <- audit(printed_counts(counts, sizes))
  expect_identical(wrong(found), character())
  expect_false(any(c("counts[5, percent]", "counts[6, percent]") %in% found$cell))
})

test_that("percentages cut off are judged as such", {
  counts <- counts_text(list(sex = sex))
  counts$percent <- sprintf("%.1f", floor(10 * 100 * as.numeric(counts$n) / rep(sizes, 2)) / 10)
  printed <- printed_counts(counts, sizes)
  expect_gt(length(wrong(audit(printed))), 0)
  expect_identical(wrong(audit(printed, truncated = TRUE)), character())
})

# ---- Strata and those analysed ----

test_that("strata are as large as the counts say, where nobody is missing", {
  strata <- data.frame(
    outcome = "baseline", variable = "sex", level = rep(rownames(sex), each = 3),
    arm = rep(colnames(sex), 2), n = as.character(t(sex)), mean = "5.0", sd = "2.0"
  )
  means <- rbind(cbind(sizes_text(sizes), variable = "", level = "")[names(strata)], strata)
  found <- audit(printed_counts(counts_text(list(sex = sex)), means = means))
  expect_identical(of_check(found, "stratum")$verdict, rep("exact", 6))
  means$n[[5]] <- "37"
  found <- audit(printed_counts(counts_text(list(sex = sex)), means = means))
  expect_identical(wrong(of_check(found, "stratum")), "means[5, n]")
  means$n[[2]] <- "61"
  flow <- data.frame(step = "analysed", arm = names(sizes), n = as.character(sizes))
  found <- audit(printed_counts(counts_text(list(sex = sex)), means = means, flow = flow))
  expect_identical(of_check(found, "stratum")$verdict, rep("exact", 4))
})

test_that("those analysed are those of the model's outcome, unless other people are", {
  flow <- data.frame(step = "analysed", arm = names(sizes), n = as.character(sizes))
  analysed <- function(n) {
    found <- audit(printed_counts(counts_text(list(sex = sex)), n,
      flow = flow, design = c(model_outcome = "baseline")
    ))
    of_check(found, "analysed")$verdict
  }
  expect_identical(analysed(sizes), rep("exact", 3))
  expect_identical(analysed(sizes - c(0, 0, 9)), c("exact", "exact", "inconsistent"))
  expect_identical(analysed(sizes - 2), character())
})

# ---- The flow ----

flow_text <- function(steps, totals = TRUE) {
  rows <- lapply(names(steps), function(step) {
    n <- c(steps[[step]], if (totals) sum(steps[[step]]))
    data.frame(step = step, arm = c("a", "b", "c", "")[seq_along(n)], n = as.character(n))
  })
  do.call(rbind, rows)
}

audit_steps <- function(flow, design = NULL) {
  audit(published(list(
    design = data.frame(key = c("arms", names(design)), value = c("a; b; c", unname(design))),
    flow = flow
  )))
}

test_that("the flow adds up, by arm and in all", {
  flow <- flow_text(list(
    randomised = c(70, 70, 70), lost = c(6, 5, 7), moved = c(4, 3, 1), analysed = c(60, 62, 62)
  ))
  found <- audit_steps(flow, c(excluded = "moved"))
  expect_identical(table(found$check)[c("flow", "total")], table(rep(c("flow", "total"), each = 4)),
    ignore_attr = TRUE
  )
  expect_identical(wrong(found), character())
  flow$n[[6]] <- "8"
  expect_setequal(wrong(audit_steps(flow, c(excluded = "moved"))), c("flow[2, n]", "flow[8, n]"))
  # Without a word about those who moved nobody knows what should add up.
  expect_identical(unique(audit_steps(flow)$check), "total")
  stated <- audit_steps(flow, c(flow_sums = "randomised = lost + moved + analysed"))
  expect_identical(wrong(of_check(stated, "flow")), "flow[2, n]")
  two <- audit_steps(flow, c(flow_sums = "randomised = lost + began; began=moved + analysed"))
  expect_identical(unique(two$check), "total")
  totals <- audit_steps(flow[flow$arm == "", ], c(excluded = "moved"))
  expect_identical(totals$verdict, "exact")
})

test_that("those who are gone may be lost or excluded, but must be printed", {
  flow <- flow_text(list(randomised = c(70, 70, 70), moved = c(4, 3, 1), analysed = c(66, 67, 68)))
  found <- of_check(audit_steps(flow, c(excluded = "moved")), "flow")
  expect_identical(found$verdict, c("exact", "exact", "inconsistent", "inconsistent"))
  untold <- flow[flow$step != "moved", ]
  expect_identical(nrow(of_check(audit_steps(untold), "flow")), 0L)
  expect_identical(nrow(of_check(audit_steps(untold, c(lost = "moved")), "flow")), 0L)
})

test_that("an equation of the flow that is none is refused", {
  flow <- flow_text(list(randomised = c(70, 70, 70)))
  expect_error(audit_steps(flow, c(flow_sums = "randomised")), "flow_sums",
    class = "questrial_error_file"
  )
})

test_that("completion is tested from those lost and those randomised", {
  flow <- flow_text(list(randomised = c(70, 70, 70), lost = c(6, 5, 7), analysed = c(64, 65, 63)))
  tests <- count_test(outcome = "completion", statistic = "0.365", df = "2", p = "0.833")
  expected <- chisq.test(rbind(c(6, 5, 7), c(64, 65, 63)))
  audit_completion <- function(tests, design = NULL) {
    audit(published(list(
      design = data.frame(key = c("arms", names(design)), value = c("a; b; c", unname(design))),
      flow = flow, tests = tests
    )))
  }
  found <- audit_completion(tests)
  expect_equal(of_check(found, "chisq")$recomputed, unname(expected$statistic))
  expect_equal(of_check(found, "p")$recomputed, expected$p.value)
  expect_identical(wrong(found), character())
  tests$outcome <- "analysed"
  expect_equal(of_check(audit_completion(tests), "chisq")$recomputed, unname(expected$statistic))
  tests$outcome <- "completion"
  lost <- of_check(audit_completion(tests, c(lost = "lost; moved")), "chisq")
  expect_identical(nrow(lost), 0L)
})

# ---- Tests of counts ----

test_that("chi-square, its df and P are R's", {
  expected <- chisq.test(site)
  tests <- count_test(outcome = "site", statistic = "4.21", df = "4", p = "0.38")
  tests$statistic <- sprintf("%.2f", expected$statistic)
  tests$p <- sprintf("%.3f", expected$p.value)
  n <- list(sex = sex, site = site)
  found <- audit(printed_counts(counts_text(n), sizes, tests = tests))
  expect_identical(wrong(found), character())
  expect_equal(of_check(found, "chisq")$recomputed, unname(expected$statistic))
  expect_equal(of_check(found, "p")$recomputed, expected$p.value)
  tests$df <- "3"
  expect_identical(
    wrong(audit(printed_counts(counts_text(n), sizes, tests = tests))), "tests[1, df]"
  )
  # A P that goes with the printed statistic is right even if that is not.
  tests[c("statistic", "df", "p")] <- list("9.49", "4", "0.050")
  found <- audit(printed_counts(counts_text(n), sizes, tests = tests))
  expect_identical(wrong(found), "tests[1, statistic]")
  tests$statistic <- ""
  found <- audit(printed_counts(counts_text(n), sizes, tests = tests))
  expect_identical(wrong(found), "tests[1, p]")
  expect_equal(of_check(found, "chisq")$recomputed, expected$p.value)
  # Without counts the P still has to go with statistic and df.
  tests[c("outcome", "statistic")] <- list("school", "9.49")
  found <- audit(printed_counts(counts_text(n), sizes, tests = tests))
  expect_equal(of_check(found, "p")$recomputed, pchisq(9.49, 4, lower.tail = FALSE))
})

test_that("of a variable with one level printed the others are the rest of the arm", {
  tests <- count_test(statistic = "", df = "2", p = "0.99")
  n <- list(sex = sex["female", , drop = FALSE])
  found <- audit(printed_counts(
    counts_text(n, of = function(x) matrix(sizes, 3, nrow(x))), sizes,
    tests = tests
  ))
  expect_equal(of_check(found, "chisq")$recomputed, chisq.test(sex)$p.value)
  n <- list(site = site[1:2, ])
  tests$outcome <- "site"
  tests$df <- "4"
  tests$p <- sprintf("%.3f", chisq.test(site)$p.value)
  found <- audit(printed_counts(
    counts_text(n, of = function(x) matrix(sizes, 3, nrow(x))), sizes,
    tests = tests
  ))
  expect_equal(of_check(found, "chisq")$recomputed, chisq.test(site)$p.value)
  # Who is in no printed level may have another one, or none.
  tests$p <- "0.99"
  found <- audit(printed_counts(
    counts_text(n, of = function(x) matrix(sizes, 3, nrow(x))), sizes,
    tests = tests
  ))
  expect_identical(wrong(found), character())
  tests$df <- "2"
  found <- audit(printed_counts(
    counts_text(n, of = function(x) matrix(sizes, 3, nrow(x))), sizes,
    tests = tests
  ))
  expect_equal(of_check(found, "chisq")$recomputed, chisq.test(site[1:2, ])$p.value)
})

test_that("a test may be of two arms, of one level, or of arms in which there is something", {
  n <- list(sex = sex, site = site)
  recomputed <- function(tests, n) {
    of_check(audit(printed_counts(counts_text(n), sizes, tests = tests)), "chisq")$recomputed
  }
  pair <- count_test(outcome = "site", arm = "c", reference = "a", p = "0.99")
  expect_equal(recomputed(pair, n), chisq.test(site[, c("c", "a")])$p.value)
  level <- count_test(outcome = "site", level = "west", p = "0.99")
  expect_equal(
    recomputed(level, list(site = site - 2)),
    chisq.test(rbind(site["west", ] - 2, colSums(site[-3, ]) - 4))$p.value
  )
  rest <- rbind(site["west", ], sizes - site["west", ])
  expect_equal(recomputed(level, n), chisq.test(rest)$p.value)
  of_site <- function(...) recomputed(count_test(outcome = "site", p = "0.99", ...), n)
  expect_identical(of_site(variable = "sex"), numeric())
  expect_identical(of_site(arm = "c"), numeric())
  expect_identical(of_site(level = "east"), numeric())
  n$site <- n$site[, c("b", "c")]
  expect_equal(of_site(), chisq.test(site[, -1])$p.value)
})

test_that("a chi-square of 2 x 2 is taken with or without Yates's correction, and said which", {
  two <- sex[, c("a", "b")]
  note_of <- function(p) {
    tests <- count_test(p = p, arm = "b", reference = "a")
    printed <- printed_counts(counts_text(list(sex = sex)), sizes, tests = tests)
    found <- of_check(audit(printed), "chisq")
    expect_identical(found$verdict, "exact")
    found$note
  }
  expect_identical(note_of(sprintf("%.3f", chisq.test(two)$p.value)), "with Yates's correction")
  expect_identical(note_of(sprintf("%.3f", chisq.test(two, correct = FALSE)$p.value)), "")
})

test_that("Fisher's exact test is R's, for larger tables too", {
  recomputed <- function(outcome, ...) {
    tests <- count_test("fisher", outcome, p = "0.99", ...)
    n <- list(sex = sex, site = site)
    of_check(audit(printed_counts(counts_text(n), sizes, tests = tests)), "fisher")$recomputed
  }
  expect_equal(recomputed("sex"), fisher.test(sex)$p.value, tolerance = 1e-7)
  expect_equal(recomputed("site"), fisher.test(site, workspace = 2e6)$p.value, tolerance = 1e-7)
  two <- fisher.test(sex[, c("a", "b")])$p.value
  expect_equal(recomputed("sex", arm = "a", reference = "b"), two, tolerance = 1e-7)
})

# ---- Random tables ----

test_that("random tables, rounded by R, are never blamed", {
  random_counts <- function(n_levels) {
    sizes <- sample(15:90, 3)
    shares <- rexp(n_levels) + 0.2
    x <- vapply(sizes, function(size) drop(rmultinom(1, size, shares)), numeric(n_levels))
    dimnames(x) <- list(letters[seq_len(n_levels)], c("a", "b", "c"))
    x
  }
  set.seed(7)
  for (repeat_ in 1:60) {
    x <- random_counts(sample(2:4, 1))
    test <- suppressWarnings(chisq.test(x[rowSums(x) > 0, ], correct = FALSE))
    tests <- count_test(
      outcome = "x", statistic = sprintf("%.2f", test$statistic),
      df = as.character(test$parameter), p = sprintf("%.3f", test$p.value)
    )
    counts <- counts_text(list(x = x), sample(0:2, 1))
    found <- audit(printed_counts(counts, colSums(x), tests = tests))
    expect_identical(wrong(found), character())
  }
})

# ---- Counts that are not printed ----

test_that("a test is not recomputed from some of its arms unless df says that it is of them", {
  counts <- counts_text(list(site = site))
  hidden <- counts$arm == "b"
  counts$n[hidden] <- ""
  counts$percent[hidden] <- ""
  all <- chisq.test(site)
  others <- chisq.test(site[, c("a", "c")])
  tested <- function(x) {
    count_test(outcome = "site", statistic = sprintf("%.3f", x$statistic), df = x$parameter)
  }
  found <- audit(printed_counts(counts, sizes, tests = transform(tested(all), df = "4")))
  expect_identical(of_check(found, "chisq")$cell, character())
  expect_identical(wrong(found), character())
  found <- audit(printed_counts(counts, sizes, tests = transform(tested(others), df = "2")))
  expect_identical(of_check(found, "chisq")$verdict, "exact")
})

test_that("one level of several is not tested against the others where df is of all levels", {
  counts <- counts_text(list(site = site))
  test <- count_test(outcome = "site", df = "4",
    statistic = sprintf("%.3f", chisq.test(site)$statistic))
  found <- audit(printed_counts(counts[counts$level == "north", ], sizes, tests = test))
  expect_identical(of_check(found, "chisq")$cell, character())
})

test_that("a total column is not the sum of some of its arms", {
  total <- rowSums(site)
  counts <- rbind(
    counts_text(list(site = site)),
    data.frame(variable = "site", level = names(total), arm = "", n = total, percent = "")
  )
  counts$n[counts$arm == "b"] <- ""
  expect_identical(wrong(audit(printed_counts(counts, sizes))), character())
})

# ---- People without a level, and variables of other people ----

missing_tables <- function(sex_percent) {
  list(
    design = data.frame(key = "arms", value = "a; b"),
    counts = data.frame(
      variable = rep(c("sex", "well"), each = 4), level = c("f", "f", "m", "m", "no", "no", "yes",
        "yes"), arm = rep(c("a", "b"), 4),
      n = c("20", "30", "30", "29", "12", "15", "33", "40"),
      percent = c(sex_percent, "26.7", "27.3", "73.3", "72.7")
    ),
    means = data.frame(
      outcome = rep(c("age", "followup"), each = 2), arm = c("a", "b"),
      n = c("50", "60", "45", "55"), mean = "3.1"
    )
  )
}

test_that("one person without a level is no contradiction, whatever the percentages are of", {
  of_arm <- c("40.0", "50.0", "60.0", "48.3")
  of_row <- c("40.0", "60.0", "50.8", "49.2")
  for (percent in list(of_arm, of_row)) {
    found <- audit(published(missing_tables(percent)))
    expect_identical(found$cell[found$verdict == "inconsistent"], character())
  }
})

test_that("variables are of the people of the outcome that they fit", {
  found <- audit(published(missing_tables(c("40.0", "50.0", "60.0", "48.3"))))
  percents <- found[found$check == "percent", ]
  expect_equal(percents$recomputed[5:6], 100 * c(12 / 45, 15 / 55))
  wrong <- missing_tables(c("40.0", "50.0", "60.0", "48.3"))
  wrong$counts$n[[5]] <- "13"
  found <- audit(published(wrong))
  expect_true("counts[5, percent]" %in% found$cell[found$verdict == "inconsistent"])
})

test_that("a statistic that both chi-squares print is that whose P is printed", {
  n <- matrix(c(10, 10, 10, 11), 2)
  p_of <- function(correct) sprintf("%.3f", chisq.test(n, correct = correct)$p.value)
  for (p in c(p_of(TRUE), p_of(FALSE), "0.500")) {
    found <- audit(published(list(
      design = data.frame(key = "arms", value = "a; b"),
      counts = data.frame(
        variable = "sex", level = c("f", "m"), arm = c("a", "a", "b", "b"), n = as.character(n)
      ),
      tests = data.frame(
        test = "chisq", outcome = "sex", by = "arm", statistic = "0.0", df = "1", p = p
      )
    )))
    expect_identical("inconsistent" %in% found$verdict, p == "0.500")
  }
})

# Of a and b, `n` a list of matrices of counts with rows named by levels; outcomes with n by arm.
two_arms <- function(n, outcomes, percent = NULL, ...) {
  counts <- do.call(rbind, lapply(names(n), function(variable) {
    x <- n[[variable]]
    data.frame(
      variable = variable, level = rep(rownames(x), 2), arm = rep(c("a", "b"), each = nrow(x)),
      n = as.character(x)
    )
  }))
  counts$percent <- if (is.null(percent)) "" else percent
  published(list(
    design = data.frame(key = "arms", value = "a; b"), counts = counts,
    means = data.frame(
      outcome = rep(names(outcomes), each = 2), arm = c("a", "b"),
      n = as.character(unlist(outcomes)), mean = "3.1"
    ), ...
  ))
}

sex_of <- function(a, b) cbind(a = c(f = a[[1]], m = a[[2]]), b = c(b[[1]], b[[2]]))

test_that("percentages say how large an arm is before sums of levels do", {
  # One of b's three has no job, another one no follow-up.
  job <- cbind(a = c(x = 4, y = 0, z = 2), b = c(1, 0, 1))
  found <- audit(two_arms(list(job = job), list(age = c(6, 3), followup = c(6, 2)),
    c("67", "0", "33", "33", "0", "33")
  ))
  expect_identical(wrong(found), character())
  expect_equal(of_check(found, "percent")$recomputed[[4]], 100 / 3)
})

test_that("without percentages, people without a level are no contradiction", {
  n <- list(sex = sex_of(c(20, 30), c(25, 31)), job = sex_of(c(20, 29), c(30, 26)))
  expect_identical(wrong(audit(two_arms(n, list(age = c(50, 56), y = c(50, 56))))), character())
  n$job[["m", "a"]] <- 31
  found <- audit(two_arms(n, list(age = c(50, 56))))
  expect_identical(wrong(found), "means[1, n]")
})

test_that("a Table 1 of more people than are printed elsewhere is of those before some were lost", {
  n <- list(
    sex = sex_of(c(8, 6), c(7, 3)), job = sex_of(c(5, 9), c(4, 4)), y = sex_of(c(6, 7), c(2, 6))
  )
  outcomes <- list(y = c(13, 8), followup = c(13, 8))
  expect_identical(wrong(audit(two_arms(n, outcomes))), character())
})

test_that("one level is tested against the rest of an arm only if it is sure how large that is", {
  n <- matrix(c(11, 8), 1, dimnames = list("f", c("a", "b")))
  rest <- rbind(n, c(13, 12) - n)
  test <- suppressWarnings(chisq.test(rest, correct = FALSE))
  tests <- count_test(statistic = sprintf("%.3f", test$statistic), p = sprintf("%.4f", test$p.value))
  of <- function(...) audit(two_arms(list(sex = n), list(...), tests = tests))
  expect_identical(of_check(of(age = c(13, 12)), "chisq")$verdict, "exact")
  expect_identical(wrong(of(age = c(13, 12), baseline = c(11, 11))), character())
})

test_that("strata of an outcome that some lack may be of other people than Table 1", {
  # One of 50 has no job, another one no y: 49 of each.
  job <- cbind(a = c(x = 20, z = 29), b = c(30, 20))
  printed <- two_arms(list(job = job), list(age = c(50, 50), y = c(49, 50)))
  strata <- data.frame(
    outcome = "y", variable = "job", level = c("x", "z"), arm = "a", n = c("19", "29"),
    mean = "3.1", sd = ""
  )
  printed$means <- rbind(printed$means[names(strata)], strata)
  expect_identical(wrong(audit(published(unclass(printed)))), character())
})

test_that("a chi-square that Yates's correction makes 0 has P 1", {
  n <- sex_of(c(20, 30), c(21, 31))
  test <- chisq.test(n)
  expect_lt(max(abs(n - test$expected)), 0.5)
  expect_identical(sprintf("%.2f", test$statistic), "0.00")
  for (p in c("1.000", "1", "1.0", ">0.99")) {
    tests <- count_test(statistic = "0.00", df = "1", p = p)
    found <- audit(two_arms(list(sex = n), list(age = c(50, 52)), tests = tests))
    expect_identical(wrong(found), character())
    tests$statistic <- ""
    found <- audit(two_arms(list(sex = n), list(age = c(50, 52)), tests = tests))
    expect_identical(wrong(found), character())
  }
})

test_that("levels of as many as another table has, or of more than all tables, are no contradiction", {
  n <- list(sex = sex_of(c(8, 10), c(17, 19)), job = sex_of(c(9, 9), c(20, 16)))
  outcomes <- list(age = c(18, 35), baseline = c(17, 30), y = c(17, 31))
  expect_identical(wrong(audit(two_arms(n, outcomes))), character())
  n <- list(
    sex = sex_of(c(1, 7), c(2, 6)), job = sex_of(c(3, 4), c(1, 7)), well = sex_of(c(5, 2), c(5, 3))
  )
  outcomes <- list(baseline = c(8, 7), followup = c(7, 8), y = c(7, 8))
  expect_identical(wrong(audit(two_arms(n, outcomes))), character())
})

# ---- People whose number is not printed ----

test_that("percentages of an arm whose size is not printed may be of people without a level", {
  # One of 62 in b and five in c have no site, and nothing says how many there were.
  n <- list(site = site - rbind(0, 0, c(0, 1, 5)))
  counts <- counts_text(n, of = function(x) matrix(sizes, 3, nrow(x)))
  expect_identical(wrong(audit(printed_counts(counts))), character())
  # Nor does the n of those followed up.
  expect_identical(wrong(audit(printed_counts(counts, sizes - 9))), character())
  # No number of people has these.
  counts$percent[[2]] <- "41.5"
  expect_true("counts[2, percent]" %in% wrong(audit(printed_counts(counts))))
  expect_identical(wrong(audit(printed_counts(counts, sizes))), "counts[2, percent]")
})

test_that("of one printed level, percentages may be of those who have one", {
  n <- list(sex = sex["female", , drop = FALSE])
  known <- sizes - c(2, 0, 9)
  of_known <- counts_text(n, of = function(x) matrix(known, 3, 1))
  expect_identical(wrong(audit(printed_counts(of_known, sizes))), character())
  expect_identical(wrong(audit(printed_counts(of_known))), character())
  # 31 are 53.1% of nobody's number, and 50.0% of more than there are.
  for (percent in c("53.1", "50.0")) {
    of_known$percent[[1]] <- percent
    expect_identical(wrong(audit(printed_counts(of_known, sizes))), "counts[1, percent]")
  }
  # All of Table 1 may be of more than are printed elsewhere.
  n$job <- three(yes = c(12, 20, 31))
  before <- counts_text(n, of = function(x) matrix(sizes + 8, 3, 1))
  expect_identical(wrong(audit(printed_counts(before, sizes))), character())
})

test_that("a level of those of whom it is not known is in percentages and tests or not", {
  of_known <- function(x) matrix(colSums(x[1:2, ]), 3, 3)
  n <- rbind(sex - 2, "not known" = c(4, 4, 4))
  counts <- counts_text(list(sex = n), of = of_known)
  counts$percent[7:9] <- c("", "6.5", "")
  for (tested in list(n, n[1:2, ])) {
    test <- suppressWarnings(chisq.test(tested))
    tests <- count_test(
      statistic = sprintf("%.3f", test$statistic), p = sprintf("%.3f", test$p.value)
    )
    for (df in c("", as.character(test$parameter))) {
      found <- audit(printed_counts(counts, sizes, tests = cbind(tests, df = df)))
      expect_identical(wrong(found), character())
      expect_equal(of_check(found, "chisq")$recomputed, unname(test$statistic))
    }
  }
  expect_equal(of_check(found, "percent")$recomputed[[1]], 100 * 29 / 56)
  tests$statistic <- "9.999"
  tests$p <- ""
  counts$percent[[1]] <- "55.8"
  found <- audit(printed_counts(counts, sizes, tests = tests))
  expect_identical(wrong(found), c("counts[1, percent]", "tests[1, statistic]"))
})

test_that("levels that are not printed may be in a test, where nothing says that there are none", {
  test <- chisq.test(site)
  tests <- count_test(outcome = "site", statistic = sprintf("%.3f", test$statistic), p = "")
  counts <- counts_text(list(site = site), of = function(x) matrix(sizes, 3, 3))
  some <- counts[counts$level != "west", ]
  expect_identical(wrong(audit(printed_counts(some, tests = tests))), character())
  found <- audit(printed_counts(some, sizes, tests = tests))
  expect_identical(of_check(found, "chisq")$verdict, "exact")
  # All levels are printed, as percentages say.
  tests$statistic <- "9.999"
  expect_identical(wrong(audit(printed_counts(counts, tests = tests))), "tests[1, statistic]")
})

test_that("one level may be tested without a few who have none, not without many", {
  known <- sizes - c(1, 0, 3)
  n <- sex["female", , drop = FALSE]
  test <- chisq.test(rbind(n, known - n))
  tests <- count_test(statistic = sprintf("%.3f", test$statistic))
  counts <- counts_text(list(sex = n), of = function(x) matrix(sizes, 3, 1))
  for (p in c("", sprintf("%.4f", test$p.value))) {
    tests$p <- p
    expect_identical(wrong(audit(printed_counts(counts, sizes, tests = tests))), character())
    tests$statistic <- ""
  }
  tests[c("statistic", "p")] <- list("13.999", "")
  expect_identical(
    wrong(audit(printed_counts(counts, sizes, tests = tests))), "tests[1, statistic]"
  )
})

test_that("an arm with 0 where a variable makes no sense in it is in no test and no total", {
  without <- sex
  without[, "b"] <- 0
  test <- chisq.test(sex[, c("a", "c")], correct = FALSE)
  tests <- count_test(statistic = sprintf("%.3f", test$statistic), p = "")
  for (levels in list(1:2, 1)) {
    n <- list(sex = without[levels, , drop = FALSE])
    counts <- counts_text(n, of = function(x) matrix(sizes, 3, nrow(x)))
    counts$percent[counts$arm == "b"] <- ""
    found <- audit(printed_counts(counts, sizes, tests = tests))
    expect_identical(wrong(found), character())
    expect_identical(of_check(found, "chisq")$verdict, "exact")
  }
})

test_that("strata are not those of Table 1 where it is as large in one of the arms only", {
  strata <- data.frame(
    outcome = "y", variable = "sex", level = rep(rownames(sex), 3),
    arm = rep(colnames(sex), each = 2), n = as.character(sex + c(1, -1)), mean = "5.0", sd = "2.0"
  )
  all <- cbind(sizes_text(colSums(sex) + c(0, 4, 5), "y"), variable = "", level = "")
  printed <- function(means) printed_counts(counts_text(list(sex = sex)), means = means)
  means <- rbind(all[names(strata)], strata)
  expect_identical(wrong(audit(printed(means))), character())
  means$n[1:3] <- colSums(sex)
  expect_length(wrong(audit(printed(means))), 6)
})
