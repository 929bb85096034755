# Every printed figure of Lemogne et al. 2020 (doi:10.1186/s12909-020-02316-w) from the shipped
# cohort, by base R alone: nothing here calls the package but data(). Figures are typed from the
# paper; where it contradicts itself the repaired reading stands beside the printed one.

utils::data("balint", package = "questrial", envir = environment())
cohort <- as.data.frame(unclass(balint))

# Equal to the printed number within half a unit of its last digit.
expect_printed <- function(value, printed) {
  decimals <- if (grepl(".", printed, fixed = TRUE)) nchar(sub(".*[.]", "", printed)) else 0
  label <- sprintf("%s (printed %s)", format(value, digits = 8), printed)
  expect_true(abs(value - as.numeric(printed)) <= 0.5 * 10^-decimals, label = label)
}
expect_all_printed <- function(values, printed) {
  expect_identical(length(values), length(printed))
  for (k in seq_along(printed)) {
    expect_printed(values[[k]], printed[[k]])
  }
}

# The trial's scoring rule: reversed items 8 - x, 20 x mean of the answered items.
reversed <- c(1, 3, 6, 7, 8, 11, 12, 14, 18, 19)
keyed <- function(visit) {
  answers <- as.matrix(cohort[paste0(visit, "_", 1:20)])
  answers[, reversed] <- 8 - answers[, reversed]
  answers
}
cohort$before <- 20 * rowMeans(keyed("t0"), na.rm = TRUE)
cohort$after <- 20 * rowMeans(keyed("t1"), na.rm = TRUE)
lost <- is.nan(cohort$after)
analysed <- cohort[!lost & !is.na(cohort$living), ]
imputed <- is.nan(analysed$before)
analysed$before[imputed] <- mean(analysed$before[!imputed])
analysed$change <- analysed$after - analysed$before
arms <- c("control", "balint", "narrative")

test_that("the data are those described", {
  expect_identical(dim(balint), c(392L, 48L))
  expect_identical(levels(balint$arm), arms)
  expect_true(all(is.na(cohort$t0_9)) && all(is.na(cohort$t1_9)))
  raw <- unlist(cohort[grepl("^t[01]_", names(cohort))])
  expect_true(all(raw %in% c(1:7, NA)))
  expect_true(is.integer(balint$t0_1))
  expect_match(attr(balint, "synthetic"), "Synthetic")
  expect_identical(sum(lost), 17L)
  expect_identical(sum(is.na(cohort$living)), 13L)
  expect_identical(sum(imputed), 4L)
  expect_identical(as.integer(table(analysed$arm)), c(117L, 125L, 120L))
  expect_true(all(is.na(cohort$absences) == (cohort$arm == "control")))
  sizes <- table(cohort$group, cohort$arm)
  expect_true(all(sizes[sizes[, "balint"] > 0, "balint"] %in% 12:13))
  expect_true(all(sizes[sizes[, "narrative"] > 0, "narrative"] %in% 9:10))
  expect_true(all(is.na(cohort$group) == (cohort$arm == "control")))
})

test_that("Table 1: counts and percentages", {
  count <- function(variable, level, printed_n, printed_percent) {
    n <- tapply(analysed[[variable]] == level, analysed$arm, sum)
    n <- n[!is.na(n)]
    expect_identical(as.integer(n), as.integer(printed_n))
    expect_all_printed(100 * n / c(control = 117, balint = 125, narrative = 120)[names(n)],
      printed_percent)
  }
  count("sex", "male", c(42, 53, 54), c("35.9", "42.4", "45.0"))
  count("sex", "female", c(75, 72, 66), c("64.1", "57.6", "55.0"))
  count("parents", "undergraduate", c(7, 10, 13), c("6.0", "8.0", "10.8"))
  count("parents", "graduate", c(110, 115, 107), c("94.0", "92.0", "89.2"))
  count("living", "alone", c(27, 40, 44), c("23.1", "32.0", "36.7"))
  count("living", "with parents", c(57, 56, 59), c("48.7", "44.8", "49.2"))
  count("living", "neither", c(33, 29, 17), c("28.2", "23.2", "14.2"))
  # The paper prints 16 (12.8) and 15 (12.0) in the Balint column: exchanged.
  count("specialty", "surgery", c(24, 15, 27), c("20.5", "12.0", "22.5"))
  count("specialty", "medicine", c(82, 94, 79), c("70.1", "75.2", "65.8"))
  count("specialty", "other", c(11, 16, 14), c("9.4", "12.8", "11.7"))
  count("absences", "none", c(69, 74), c("55.2", "61.7"))
  count("absences", "one", c(42, 40), c("33.6", "33.3"))
  count("absences", "more than one", c(14, 6), c("11.2", "5.0"))
})

test_that("Table 1 and completion: chi-squares", {
  chisq <- function(x, arm, statistic, p) {
    test <- suppressWarnings(stats::chisq.test(table(x, droplevels(factor(arm))), correct = FALSE))
    expect_printed(test$statistic[[1]], statistic)
    expect_printed(test$p.value, p)
  }
  chisq(analysed$sex, analysed$arm, "2.148", "0.34")
  chisq(analysed$parents, analysed$arm, "1.854", "0.40")
  chisq(analysed$living, analysed$arm, "9.493", "0.050")
  chisq(analysed$specialty, analysed$arm, "5.596", "0.23")
  in_groups <- analysed[analysed$arm != "control", ]
  chisq(in_groups$absences, in_groups$arm, "3.323", "0.19")
  chisq(lost, cohort$arm, "1.585", "0.45")
})

test_that("Table 1: baseline scores", {
  baseline <- function(rows, means, sds, f, p) {
    by_arm <- split(rows$before, rows$arm)
    expect_all_printed(vapply(by_arm, mean, 0), means)
    expect_all_printed(vapply(by_arm, stats::sd, 0), sds)
    test <- stats::anova(stats::lm(before ~ arm, rows))
    expect_printed(test$`F value`[[1]], f)
    expect_printed(test$`Pr(>F)`[[1]], p)
    test$Df
  }
  expect_equal(baseline(analysed, c("110.1", "111.0", "110.7"), c("11.9", "9.1", "9.3"),
    "0.277", "0.76"), c(2, 359))
  expect_equal(baseline(analysed[analysed$sex == "female", ], c("111.8", "112.3", "113.0"),
    c("11.8", "8.6", "8.0"), "0.270", "0.76"), c(2, 210))
  expect_equal(baseline(analysed[analysed$sex == "male", ], c("107.0", "109.3", "108.0"),
    c("11.5", "9.5", "10.2"), "0.594", "0.55"), c(2, 146))
})

test_that("change scores and their t tests", {
  change <- split(analysed$change, analysed$arm)
  expect_all_printed(vapply(change, mean, 0), c("-2.36", "0.27", "-0.57"))
  expect_all_printed(vapply(change, stats::sd, 0), c("11.41", "8.00", "8.76"))
  student <- function(a, b, statistic, p, df) {
    test <- stats::t.test(change[[a]], change[[b]], var.equal = TRUE)
    expect_printed(test$statistic[[1]], statistic)
    expect_printed(test$p.value, p)
    expect_equal(test$parameter[[1]], df)
  }
  student("balint", "control", "2.086", "0.038", 240)
  # The abstract's 1.355; the text's 1.354 contradicts the rest.
  student("narrative", "control", "1.355", "0.18", 235)
  student("balint", "narrative", "0.784", "0.43", 243)
})

test_that("attendance and interaction", {
  balint_arm <- analysed[analysed$arm == "balint", ]
  change <- split(balint_arm$change, balint_arm$absences)
  expect_all_printed(vapply(change, mean, 0), c("0.88", "0.15", "-2.41"))
  expect_all_printed(vapply(change, stats::sd, 0), c("7.67", "8.42", "8.28"))
  expect_identical(as.integer(lengths(change)), c(69L, 42L, 14L))
  test <- stats::anova(stats::lm(change ~ absences, balint_arm))
  expect_all_printed(c(test$`F value`[[1]], test$`Pr(>F)`[[1]]), c("0.993", "0.37"))
  expect_equal(test$Df, c(2, 122))
  test <- stats::anova(
    stats::lm(change ~ arm + sex, analysed), stats::lm(change ~ arm * sex, analysed)
  )
  expect_all_printed(c(test$F[[2]], test$`Pr(>F)`[[2]]), c("1.099", "0.33"))
  expect_equal(c(test$Df[[2]], test$Res.Df[[2]]), c(2, 356))
})

test_that("Cronbach's alphas on 19 items", {
  alpha <- function(visit) {
    items <- keyed(visit)[, -9]
    items <- items[stats::complete.cases(items), ]
    k <- ncol(items)
    k / (k - 1) * (1 - sum(apply(items, 2, stats::var)) / stats::var(rowSums(items)))
  }
  expect_printed(alpha("t0"), "0.77")
  expect_printed(alpha("t1"), "0.80")
})

test_that("Table 2: all nine rows", {
  # Printed labels: reference medicine, rows surgery and other; repaired: reference surgery, rows
  # other and medicine.
  analysed$specialty <- factor(analysed$specialty, c("surgery", "other", "medicine"))
  fit <- stats::lm(change ~ arm + sex + parents + living + specialty, analysed)
  expect_equal(fit$df.residual, 353)
  table <- summary(fit)$coefficients
  expect_identical(rownames(table), c(
    "(Intercept)", "armbalint", "armnarrative", "sexfemale", "parentsundergraduate",
    "livingalone", "livingneither", "specialtyother", "specialtymedicine"
  ))
  limits <- stats::confint(fit)
  expect_all_printed(table[, 1], c(
    "-5.142", "2.673", "2.181", "1.455", "1.672", "-0.191", "2.098", "1.835", "1.470"))
  expect_all_printed(limits[, 1], c(
    "-8.187", "0.258", "-0.280", "-0.553", "-1.901", "-2.477", "-0.452", "-1.897", "-1.125"))
  expect_all_printed(limits[, 2], c(
    "-2.097", "5.088", "4.641", "3.463", "5.246", "2.095", "4.649", "5.566", "4.066"))
  expect_all_printed(table[, 2], c(
    "1.548", "1.228", "1.251", "1.021", "1.817", "1.162", "1.297", "1.897", "1.320"))
  # Statistics are printed without sign.
  expect_all_printed(abs(table[, 3]), c(
    "3.321", "2.176", "1.743", "1.425", "0.920", "0.165", "1.618", "0.967", "1.114"))
  expect_all_printed(table[, 4], c(
    "0.001", "0.030", "0.082", "0.155", "0.358", "0.869", "0.107", "0.334", "0.266"))
})
