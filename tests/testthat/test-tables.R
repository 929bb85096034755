# The printed counts of Lemogne et al. (2020), Table 1, with the exchange of
# two cells repaired: 117, 125 and 120 students.
printed_counts <- list(
  gender = rbind(female = c(75, 72, 66), male = c(42, 53, 54)),
  parents = rbind(undergraduate = c(7, 10, 13), graduate = c(110, 115, 107)),
  living = rbind(alone = c(27, 40, 44), parents = c(57, 56, 59), neither = c(33, 29, 17)),
  specialty = rbind(surgery = c(24, 15, 27), medicine = c(82, 94, 79), other = c(11, 16, 14))
)

students <- function() {
  arms <- c("control", "balint", "narrative")
  data <- data.frame(arm = factor(rep(arms, c(117, 125, 120)), arms))
  for (name in names(printed_counts)) {
    counts <- printed_counts[[name]]
    data[[name]] <- factor(rep(rep(rownames(counts), 3), counts), rownames(counts))
  }
  data$score <- 110 + 10 * sin(seq_len(362))
  data
}

column_of <- function(table, heading) {
  format(table)[[which(names(format(table)) == heading)[[1]]]]
}

test_that("Table 1 of the trial comes out as printed", {
  table <- baseline_table(arm ~ gender + parents + living + specialty, students())
  shown <- format(table)
  heads <- is.na(table$level)
  expect_identical(column_of(table, "\u03c7\u00b2")[heads], c("2.148", "1.854", "9.493", "5.596"))
  expect_identical(column_of(table, "df")[heads], c("2", "2", "4", "4"))
  expect_identical(column_of(table, "P")[heads], c(".34", ".40", ".050", ".23"))
  expect_identical(unlist(shown[2, 2:7], use.names = FALSE),
    c("75", "64.1", "72", "57.6", "66", "55.0"))
  expect_identical(names(attr(shown, "spanners")),
    c("control (N\u00a0=\u00a0117)", "balint (N\u00a0=\u00a0125)", "narrative (N\u00a0=\u00a0120)"))
})

test_that("counts, means, SDs and tests are those of base R", {
  data <- students()
  data$score[c(3, 200, 201)] <- NA
  data$living[5] <- NA
  table <- baseline_table(arm ~ living + score, data)
  test <- chisq.test(table(data$living, data$arm), correct = FALSE)
  expect_equal(table$statistic[[1]], unname(test$statistic), tolerance = 1e-12)
  expect_equal(table$p.value[[1]], test$p.value, tolerance = 1e-12)
  anova <- anova(lm(score ~ arm, data))
  score <- table[table$variable == "score", ]
  expect_equal(score$statistic, anova$`F value`[[1]], tolerance = 1e-10)
  expect_identical(c(score$df, score$df.residual), as.numeric(anova$Df))
  expect_equal(score$p.value, anova$`Pr(>F)`[[1]], tolerance = 1e-10)
  balint <- data$score[data$arm == "balint"]
  expect_equal(score$mean_balint, mean(balint, na.rm = TRUE))
  expect_equal(score$sd_balint, sd(balint, na.rm = TRUE))
  expect_identical(score$n_balint, 123)
  expect_match(attr(table, "notes"), "living 1 (1, 0, 0); score 3 (1, 2, 0)", fixed = TRUE)
})

test_that("numbers are shown within the categories of a factor", {
  data <- students()
  table <- baseline_table(arm ~ score, data, within = c(score = "gender"))
  expect_identical(table$level, c(NA, "female", "male"))
  women <- data[data$gender == "female", ]
  expect_equal(table$mean_control[[2]], mean(women$score[women$arm == "control"]))
  expect_equal(table$statistic[[2]], anova(lm(score ~ arm, women))$`F value`[[1]])
  expect_identical(format(table)[[1]], c("score", "  gender: female", "  gender: male"))
  expect_error(baseline_table(arm ~ score, data, within = c(gender = "score")),
    "must be a number", class = "questrial_error_argument")
  expect_error(baseline_table(arm ~ score, data, within = "gender"),
    "named", class = "questrial_error_argument")
})

test_that("a change from counts to means starts a block with its own headings", {
  table <- baseline_table(arm ~ gender + score + parents, students())
  shown <- format(table)
  expect_identical(attr(shown, "subheadings"), c(4L, 6L))
  expect_identical(unlist(shown[4, ], use.names = FALSE),
    c("", "Mean", "SD", "Mean", "SD", "Mean", "SD", "F", "df", "P"))
  expect_identical(nrow(shown), nrow(table) + 2L)
})

test_that("total, row percentages, missing rows and no tests are as asked", {
  data <- students()
  data$gender[1:2] <- NA
  table <- baseline_table(arm ~ gender, data, total = TRUE, missing = "row", percent = "row",
    test = FALSE)
  expect_identical(table$n_total, c(NA, 211, 149, 2))
  expect_equal(table$percent_control[[2]], 100 * 73 / 211)
  expect_equal(table$percent_total[[2]], 100)
  expect_identical(table$label[[4]], "Missing, N")
  expect_false(any(c("P", "df") %in% names(format(table))))
  expect_identical(attr(table, "notes"), "Percentages are of the category.")
})

test_that("the standardised mean difference follows its formulas", {
  data <- students()
  two <- droplevels(data[data$arm != "narrative", ])
  table <- baseline_table(arm ~ gender + score, two, smd = TRUE)
  p <- c(75 / 117, 72 / 125)
  expect_equal(table$smd[[1]], abs(diff(p)) / sqrt(sum(p * (1 - p)) / 2))
  m <- tapply(two$score, two$arm, mean)
  v <- tapply(two$score, two$arm, var)
  expect_equal(table$smd[[4]], unname(abs(diff(m)) / sqrt(mean(v))))
  three <- baseline_table(arm ~ score, data, smd = TRUE)$smd
  pairs <- vapply(levels(data$arm), function(out) {
    baseline_table(arm ~ score, droplevels(data[data$arm != out, ]), smd = TRUE)$smd
  }, 0)
  expect_identical(three, max(pairs))
})

test_that("a level without rows is shown as 0, left out of the test and named", {
  data <- students()
  data$gender <- factor(data$gender, c("female", "male", "other"))
  table <- baseline_table(arm ~ gender, data)
  expect_equal(table$statistic[[1]], 2.1479, tolerance = 1e-4)
  expect_identical(table$n_control[[4]], 0)
  expect_identical(attr(table, "notes"), "Nobody is in: other (gender).")
})

test_that("a chi-squared of few is marked as approximate", {
  data <- data.frame(arm = rep(c("a", "b"), each = 9), rare = rep(c("no", "yes"), c(16, 2)))
  expect_match(attr(baseline_table(arm ~ rare, data), "notes"), "below 5.*: rare[.]$")
  expect_length(attr(baseline_table(arm ~ rare, data, test = FALSE), "notes"), 0)
})

test_that("an arm that was not asked is empty, out of the test and named", {
  data <- students()
  counts <- rbind(none = c(69, 74), one = c(42, 40), more = c(14, 6))
  data$absences <- NA_character_
  data$absences[data$arm != "control"] <- rep(rep(rownames(counts), 2), counts)
  table <- baseline_table(arm ~ absences, data)
  shown <- format(table)
  expect_identical(unlist(shown[1, 8:10], use.names = FALSE), c("3.323", "2", ".19"))
  expect_true(all(shown[[2]] == ""))
  expect_identical(attr(table, "notes"), "No values: absences (control).")
})

test_that("odd columns make a table and no nonsense", {
  data <- students()[c(1:5, 118:122, 243:247), c("arm", "score")]
  data$one <- factor("same")
  data$none <- NA_real_
  data$empty <- NA
  data$constant <- 3
  data$flag <- data$score > 110
  data$text <- rep(c("a", "b", NA), 5)
  table <- baseline_table(arm ~ one + none + empty + constant + flag + text, data, smd = TRUE)
  untested <- table$variable %in% c("one", "none", "empty", "constant")
  expect_true(all(is.na(table$statistic[untested])))
  expect_false(any(grepl("NaN|NA", unlist(format(table)))))
  expect_identical(table$level[table$variable == "flag"], c(NA, "FALSE", "TRUE"))
  expect_output(print(table))
})

test_that("one group, a dot and labels of columns are understood", {
  data <- students()[c("gender", "score")]
  attr(data$score, "label") <- "Empathy"
  table <- baseline_table(~ ., data)
  expect_identical(table$n_all[[2]], 213)
  expect_identical(names(format(table)), c("Characteristic", "N", "%"))
  expect_true("Empathy" %in% table$label)
  labelled <- baseline_table(~ gender, data, labels = c(gender = "Sex", genderfemale = "Women"))
  expect_identical(labelled$label, c("Sex", "Women", "male"))
})

test_that("wrong input to baseline_table() is named", {
  data <- students()
  argument <- "questrial_error_argument"
  expect_error(baseline_table(arm ~ sex, data), "sex", class = argument)
  expect_error(baseline_table(arm ~ log(score), data), "log(score)", fixed = TRUE, class = argument)
  expect_error(baseline_table(arm ~ gender:score, data), "gender:score", class = argument)
  expect_error(baseline_table("arm", data), "formula", class = argument)
  expect_error(baseline_table(arm ~ 1, data), "no characteristic", class = argument)
  expect_error(baseline_table(arm ~ score, data[data$arm == "control", ]), "`balint`",
    class = "questrial_error_no_data")
  expect_error(baseline_table(arm ~ score, droplevels(data[data$arm == "control", ])),
    "1 level", class = argument)
  expect_error(baseline_table(arm ~ score, data[0, ]), class = "questrial_error_no_data")
  expect_error(baseline_table(arm ~ score, data, digits = 2), "named", class = argument)
  data$when <- as.Date("2020-01-01") + seq_len(362)
  data$list <- as.list(seq_len(362))
  expect_error(baseline_table(arm ~ list, data), "`list`", class = argument)
  expect_error(baseline_table(arm ~ when, data), "`when`", class = argument)
  infinite <- transform(data, score = replace(score, 9, Inf))
  error <- expect_error(baseline_table(arm ~ score, infinite), "row 9",
    class = "questrial_error_range")
  expect_identical(error$row, 9L)
  data$arm[7] <- NA
  expect_match(attr(baseline_table(arm ~ score, data), "notes"), "Left out: 1 without arm.")
})

test_that("Table 2 holds lm's numbers and says what they refer to", {
  data <- students()
  data$score[1:3] <- NA
  fit <- lm(score ~ arm + gender + living, data)
  table <- effects_table(fit, labels = c(armbalint = "Balint groups", gender = "Sex"))
  expect_equal(table$estimate, unname(coef(fit)))
  expect_equal(table$std.error, unname(summary(fit)$coefficients[, 2]))
  expect_equal(table$p.value, unname(summary(fit)$coefficients[, 4]))
  expect_equal(cbind(table$conf.low, table$conf.high), unname(confint(fit)))
  expect_identical(table$label,
    c("Constant", "Balint groups", "arm: narrative", "Sex: male", "living: parents",
      "living: neither"))
  expect_identical(attr(table, "notes"), c(
    "Reference categories: control (arm), female (Sex), alone (living).",
    "n = 359 used; 3 left out for missing values.",
    "Standard errors from the model; t tests on 353 degrees of freedom."
  ))
  expect_identical(names(format(table)), c("Term", "Estimate", "95% CI", "SE", "t", "P"))
})

test_that("fits of fit_glm() and lm() give the same Table 2", {
  data <- students()
  data$score[1:3] <- NA
  formula <- score ~ arm * gender + living
  ours <- effects_table(fit_glm(formula, data))
  theirs <- effects_table(lm(formula, data))
  expect_equal(as.data.frame(ours), as.data.frame(theirs), tolerance = 1e-10)
  expect_identical(attr(ours, "notes"), attr(theirs, "notes"))
  data$living <- factor(data$living, c("alone", "parents", "neither", "boat"))
  expect_match(attr(effects_table(fit_glm(formula, data)), "notes"), "boat", all = FALSE)
})

test_that("variables whose names need backticks are labelled as others are", {
  data <- data.frame(y = sin(1:30), check = cos(1:30), arm = gl(3, 10, labels = c("a", "b", "c d")))
  names(data)[2:3] <- c("pre-score", "the arm")
  formula <- y ~ `the arm` * `pre-score`
  want <- c(
    "Constant", "the arm: b", "the arm: c d", "pre-score", "the arm: b \u00d7 pre-score",
    "the arm: c d \u00d7 pre-score"
  )
  imp <- new_imputations(data, list(), 2)
  pooled <- suppressWarnings(list(
    fit_glm(formula, imp), pool(lapply(1:2, function(i) lm(formula, data)))
  ))
  for (fit in c(list(fit_glm(formula, data), lm(formula, data)), pooled)) {
    table <- effects_table(fit)
    expect_identical(table$label, want)
    expect_match(attr(table, "notes"), "Reference category: a (the arm).", fixed = TRUE, all = FALSE)
  }
})

test_that("the constant stands where it is asked for", {
  fit <- lm(mpg ~ wt, mtcars)
  expect_identical(effects_table(fit, constant = "last")$term, c("wt", "(Intercept)"))
  expect_identical(effects_table(fit, constant = "none")$term, "wt")
  expect_identical(effects_table(lm(mpg ~ 1, mtcars))$label, "Constant")
})

test_that("interactions, collinear terms and other contrasts are labelled truly", {
  data <- students()
  fit <- lm(score ~ arm * gender, data)
  expect_identical(effects_table(fit)$label[[5]], "arm: balint \u00d7 gender: male")
  data$twice <- data$score
  data$copy <- data$score
  collinear <- suppressWarnings(effects_table(lm(score ~ twice + copy, data)))
  expect_identical(format(collinear)$Estimate[[3]], "")
  expect_match(attr(collinear, "notes"), "collinear with others: copy", all = FALSE)
  sums <- lm(score ~ gender, data, contrasts = list(gender = "contr.sum"))
  expect_false(any(grepl("Reference", attr(effects_table(sums), "notes"))))
  expect_identical(effects_table(sums)$label[[2]], "gender1")
  data$two <- factor(data$gender, labels = c("1", "2"))
  sums <- effects_table(lm(score ~ two, data, contrasts = list(two = "contr.sum")))
  expect_identical(sums$label[[2]], "two1")
  expect_length(attr(sums, "notes"), 2)
  last <- effects_table(lm(score ~ arm, data, contrasts = list(arm = "contr.SAS")))
  expect_match(attr(last, "notes")[[1]], "Reference category: narrative (arm).", fixed = TRUE)
  colons <- transform(data, gender = factor(gender, labels = c("f", "a:b")))
  expect_identical(effects_table(lm(score ~ gender * arm, colons))$label[[5]],
    "gender: a:b \u00d7 arm: balint")
})

test_that("a binomial model is tested by z and a given covariance is used", {
  binary <- glm(am ~ wt, binomial, mtcars)
  table <- effects_table(binary)
  expect_equal(table$p.value, unname(summary(binary)$coefficients[, 4]))
  expect_true("z" %in% names(format(table)))
  fit <- lm(mpg ~ wt, mtcars)
  given <- effects_table(fit, vcov = 4 * vcov(fit))
  expect_equal(given$std.error, 2 * effects_table(fit)$std.error)
  expect_match(attr(given, "notes"), "covariance matrix given", all = FALSE)
  expect_error(effects_table(fit, vcov = diag(3)), "2 by 2", class = "questrial_error_argument")
  expect_error(effects_table(mtcars), "`fit`", class = "questrial_error_argument")
  expect_error(effects_table(NULL), "`fit`", class = "questrial_error_argument")
  expect_error(effects_table(fit, labels = "Weight"), "character vector",
    class = "questrial_error_argument"
  )
})

test_that("rows and columns are taken as from a data frame", {
  table <- effects_table(lm(mpg ~ wt + hp, mtcars))
  part <- table[table$term != "hp", ]
  expect_s3_class(part, "effects_table")
  expect_identical(attr(part, "notes"), attr(table, "notes"))
  expect_identical(nrow(format(part)), 2L)
  expect_type(table[, "estimate"], "double")
  expect_identical(names(format(table[c("label", "estimate")])), c("Term", "Estimate"))
  plain <- as.data.frame(table)
  expect_identical(class(plain), "data.frame")
  expect_null(attr(plain, "notes"))
  expect_identical(names(attributes(plain)), c("names", "row.names", "class"))
  expect_identical(nrow(format(table[0, ])), 0L)
})

test_that("a part of a baseline table still prints", {
  table <- baseline_table(arm ~ gender + score, students())
  expect_identical(nrow(format(table[0, ])), 0L)
  expect_output(print(table[0, ]), "Characteristic")
  one_arm <- table[c("variable", "level", "label", "kind", "n_control", "percent_control",
    "mean_control", "sd_control")]
  expect_identical(names(format(one_arm)), c("Characteristic", "N", "%"))
  some <- table[table$p.value < 1, ]
  expect_identical(some$label, c("gender", NA, NA, "score"))
  expect_identical(format(some)[[1]], c("gender", "", "", "", "score"))
  no_labels <- table[c("variable", "n_control")]
  expect_identical(names(format(no_labels)), c("variable", "n_control"))
  expect_output(print(no_labels), "n_control")
  no_residual <- table[setdiff(names(table), "df.residual")]
  expect_false("df" %in% names(format(no_residual)))
  effects <- effects_table(lm(mpg ~ wt, mtcars))
  expect_output(print(effects[c("term", "df")]), "(Intercept)", fixed = TRUE)
})
