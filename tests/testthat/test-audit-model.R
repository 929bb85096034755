# Synthetic trials, fitted by lm() and glm(), printed rounded.

audited_trial <- function(seed, n_arms = 3, n = 40) {
  set.seed(seed)
  n <- n_arms * n + seed %% 7
  data <- data.frame(
    arm = factor(sample(letters[seq_len(n_arms)], n, replace = TRUE)),
    sex = factor(sample(c("men", "women"), n, replace = TRUE)),
    school = factor(sample(c("one", "three", "two"), n, replace = TRUE, prob = c(5, 2, 1))),
    age = rnorm(n, 40, 9)
  )
  data$baseline <- rnorm(n, 100, 10)
  data$change <- as.integer(data$arm) + 2 * (data$sex == "men") - 4 * (data$school == "two") +
    0.1 * data$age - 0.2 * data$baseline + rnorm(n, 0, 8)
  data
}

fixed <- function(x, decimals) {
  formatC(x, digits = decimals, format = "f")
}

printed_counts_of <- function(data, variables) {
  do.call(rbind, lapply(variables, function(variable) {
    n <- table(data[[variable]], data$arm)
    data.frame(
      variable = variable, level = rep(rownames(n), ncol(n)), arm = rep(colnames(n), each = nrow(n)),
      n = as.character(n)
    )
  }))
}

printed_means_of <- function(data, outcomes, decimals) {
  groups <- c(split(data, data$arm), list(data))
  arms <- c(levels(data$arm), "")
  do.call(rbind, lapply(outcomes, function(outcome) {
    x <- lapply(groups, `[[`, outcome)
    data.frame(
      outcome = outcome, arm = arms, n = as.character(lengths(x)),
      mean = fixed(vapply(x, mean, 0), decimals), sd = fixed(vapply(x, sd, 0), decimals)
    )
  }))
}

printed_rows_of <- function(fit, decimals, labels, is_ratio = FALSE) {
  found <- summary(fit)$coefficients
  q <- if (inherits(fit, "glm")) qnorm(0.975) else qt(0.975, fit$df.residual)
  limits <- found[, 1] + outer(found[, 2], c(-q, q))
  scale <- if (is_ratio) exp else identity
  data.frame(
    term = rownames(found), labels, estimate = fixed(scale(found[, 1]), decimals),
    conf.low = fixed(scale(limits[, 1]), decimals), conf.high = fixed(scale(limits[, 2]), decimals),
    std.error = fixed(found[, 2], decimals), statistic = fixed(found[, 3], 2),
    p = ifelse(found[, 4] < 0.001, "<0.001", fixed(found[, 4], 3)), row.names = NULL
  )
}

row_labels <- function(data, variables, constant = TRUE) {
  rows <- lapply(variables, function(variable) {
    levels <- levels(data[[variable]])
    if (is.null(levels)) {
      return(data.frame(variable = variable, level = "", reference = ""))
    }
    data.frame(variable = variable, level = levels[-1], reference = levels[[1]])
  })
  rbind(data.frame(variable = "", level = "", reference = "")[constant, ], do.call(rbind, rows))
}

# A published() trial with one model.
printed_trial <- function(data, variables, decimals = 2, fit = NULL, ..., design = character()) {
  if (is.null(fit)) {
    fit <- lm(reformulate(variables, "change"), data)
  }
  factors <- setdiff(variables[vapply(data[variables], is.factor, NA)], "arm")
  numbers <- variables[vapply(data[variables], is.numeric, NA)]
  values <- c(arms = paste(levels(data$arm), collapse = "; "), model_outcome = "change")
  values[names(design)] <- design
  list(
    design = data.frame(key = names(values), value = unname(values)),
    counts = if (length(factors) > 0) printed_counts_of(data, factors),
    means = printed_means_of(data, c("change", numbers), decimals),
    model = printed_rows_of(fit, decimals, row_labels(data, variables), ...)
  )
}

audit_list <- function(tables) {
  audit(published(Filter(Negate(is.null), tables)))
}

wrong_cells <- function(tables) {
  found <- audit_list(tables)
  unique(found$cell[found$verdict == "inconsistent"])
}

test_that("rounded models are never blamed, and everything is checked", {
  for (seed in 1:8) {
    data <- audited_trial(seed, n_arms = 2 + seed %% 3)
    variables <- list(
      "arm", c("arm", "sex"), c("arm", "school", "age"), c("arm", "sex", "school", "baseline")
    )[[1 + seed %% 4]]
    found <- audit_list(printed_trial(data, variables, decimals = seed %% 4))
    expect_false(any(found$verdict == "inconsistent"))
    rows <- nrow(row_labels(data, variables))
    expect_equal(sum(found$check == "group sizes"), rows)
    expect_equal(sum(found$check == "regression row"), 4 * rows)
    expect_equal(sum(found$check == "model mean"), nlevels(data$arm) + 1)
    expect_true(all(found$note[found$check == "regression row"] == ""))
  }
})

test_that("P and limits are those of lm()", {
  data <- audited_trial(21)
  fit <- lm(change ~ arm + sex, data)
  found <- audit_list(printed_trial(data, c("arm", "sex"), decimals = 6))
  p <- found$recomputed[grepl("model.*, p]", found$cell)]
  expect_equal(p, unname(summary(fit)$coefficients[, 4]), tolerance = 0.05)
  low <- found$recomputed[grepl("conf.low", found$cell)]
  expect_equal(low, unname(confint(fit)[, 1]), tolerance = 1e-5)
  error <- found[found$check == "group sizes", ]
  expect_equal(error$low, unname(summary(fit)$coefficients[, 2]), tolerance = 1e-5)
  expect_equal(error$high, unname(summary(fit)$coefficients[, 2]), tolerance = 1e-5)
})

test_that("exchanged labels and another reference show in every arm's mean", {
  data <- audited_trial(3, n = 80)
  tables <- printed_trial(data, c("arm", "school"))
  tables$model$level[4:5] <- tables$model$level[5:4]
  wrong <- wrong_cells(tables)
  expect_true(all(sprintf("means[%d, mean]", 1:4) %in% wrong))
  expect_true("model[5, std.error]" %in% wrong)
  tables <- printed_trial(data, c("arm", "school"))
  tables$model$level[[5]] <- tables$model$reference[[5]]
  tables$model$reference[4:5] <- "two"
  expect_true(all(sprintf("means[%d, mean]", 1:4) %in% wrong_cells(tables)))
})

test_that("a misprint in a row is found in what follows from it", {
  tables <- printed_trial(audited_trial(4), c("arm", "sex"), decimals = 3)
  changed <- function(column, text) {
    tables$model[[column]][[2]] <- text
    wrong_cells(tables)
  }
  own <- function(column) sprintf("model[2, %s]", column)
  expect_identical(changed("p", "0.999"), own("p"))
  expect_true(own("conf.low") %in% changed("std.error", "0.123"))
  expect_true(own("statistic") %in% changed("estimate", "9.999"))
  expect_identical(changed("conf.high", "99.999"), own("conf.high"))
})

test_that("without a constant arms are compared with the reference arm", {
  tables <- printed_trial(audited_trial(5), c("arm", "sex", "age"))
  tables$model <- tables$model[-1, ]
  found <- audit_list(tables)
  expect_false(any(found$verdict == "inconsistent"))
  expect_identical(found$cell[found$check == "model mean"], c("means[2, mean]", "means[3, mean]"))
  tables$means$mean[[2]] <- "9.99"
  expect_true("means[2, mean]" %in% wrong_cells(tables))
})

test_that("a constant of centred covariates is no misprint", {
  data <- audited_trial(5)
  centred <- data
  centred$age <- data$age - mean(data$age)
  tables <- printed_trial(data, c("arm", "sex", "age"), fit = lm(change ~ arm + sex + age, centred))
  expect_identical(wrong_cells(tables), character())
  tables$means$mean[[2]] <- "9.99"
  expect_true("means[2, mean]" %in% wrong_cells(tables))
})

test_that("without errors the limits are compared with group sizes", {
  data <- audited_trial(6, n = 80)
  tables <- printed_trial(data, c("arm", "school"))
  tables$model$std.error <- tables$model$statistic <- ""
  found <- audit_list(tables)
  expect_false(any(found$verdict == "inconsistent"))
  expect_identical(
    found$cell[found$check == "group sizes"], sprintf("model[%d, conf.high]", 2:5)
  )
  tables$model$level[4:5] <- tables$model$level[5:4]
  expect_true("model[5, conf.high]" %in% wrong_cells(tables))
})

test_that("signs left out of statistics are no misprint, one sign lost is", {
  tables <- printed_trial(audited_trial(7), c("arm", "school"))
  tables$model$statistic <- sub("-", "", tables$model$statistic)
  expect_identical(wrong_cells(tables), character())
  tables <- printed_trial(audited_trial(7), c("arm", "school"))
  negative <- which(startsWith(tables$model$statistic, "-"))
  expect_gt(length(negative), 1)
  row <- negative[[1]]
  tables$model$statistic[[row]] <- sub("-", "", tables$model$statistic[[row]])
  expect_identical(wrong_cells(tables), sprintf("model[%d, statistic]", row))
})

test_that("several models have their own keys, rows and references", {
  data <- audited_trial(8)
  first <- printed_trial(data, c("arm", "sex"))
  data$sex <- relevel(data$sex, "women")
  data$later <- data$change^2
  second <- printed_trial(data, c("arm", "sex"), fit = lm(later ~ arm + sex, data))
  first$means <- rbind(first$means, printed_means_of(data, "later", 2))
  first$model <- rbind(cbind(model = "main", first$model), cbind(model = "late", second$model))
  first$design <- rbind(first$design, data.frame(key = "model_outcome_late", value = "later"))
  found <- audit_list(first)
  expect_false(any(found$verdict == "inconsistent"))
  expect_equal(sum(found$check == "model mean"), 8)
  first$model$reference[[8]] <- "men"
  first$model$level[[8]] <- "women"
  wrong <- wrong_cells(first)
  expect_true("means[8, mean]" %in% wrong)
  expect_false(any(wrong %in% sprintf("means[%d, mean]", 1:4)))
})

test_that("models of other people, or with what is not tabulated, are checked by rows only", {
  tables <- printed_trial(audited_trial(9), c("arm", "sex", "age"))
  whole <- c("model mean", "group sizes")
  expect_true(all(whole %in% audit_list(tables)$check))
  fewer <- tables
  fewer$design <- rbind(fewer$design, data.frame(key = "model_n", value = "100"))
  expect_false(any(whole %in% audit_list(fewer)$check))
  unknown <- tables
  unknown$means <- unknown$means[unknown$means$outcome != "age", ]
  expect_false(any(whole %in% audit_list(unknown)$check))
  missing <- tables
  missing$counts$n[[1]] <- "1"
  expect_false("means[1, mean]" %in% wrong_cells(missing))
})

test_that("arms alone, without a constant, may be adjusted for what is not printed", {
  data <- audited_trial(5)
  whole <- printed_trial(data, c("arm", "sex", "baseline"))
  adjusted <- whole
  adjusted$model <- whole$model[2:3, ]
  expect_identical(wrong_cells(adjusted), character())
  alone <- printed_trial(data, "arm")
  alone$model <- alone$model[-1, ]
  expect_identical(wrong_cells(alone), character())
  alone$means$mean[[2]] <- "9.99"
  expect_false("means[2, mean]" %in% wrong_cells(alone))
})

# ---- Odds and rates ----

printed_events <- function(seed, family, decimals, is_ratio) {
  data <- audited_trial(seed, n = 60)
  data$event <- rbinom(nrow(data), 1, 0.2 + 0.15 * as.integer(data$arm))
  data$well <- factor(ifelse(data$event == 1, "yes", "no"))
  data$falls <- rpois(nrow(data), as.integer(data$arm))
  y <- if (family == "binomial") "event" else "falls"
  fit <- glm(reformulate("arm", y), family, data)
  rows <- printed_rows_of(fit, decimals, row_labels(data, "arm"), is_ratio)
  keys <- c(
    arms = "a; b; c", model_family = family, model_exponentiated = if (is_ratio) "yes" else "no",
    model_outcome = if (family == "binomial") "well" else "falls", model_offset = "no",
    model_errors = "model"
  )
  list(
    design = data.frame(key = names(keys), value = unname(keys)),
    counts = if (family == "binomial") printed_counts_of(data, "well"),
    means = if (family == "poisson") printed_means_of(data, "falls", decimals), model = rows
  )
}

test_that("odds and rates by arm give their models, whichever level is modelled", {
  for (seed in 2:5) {
    tables <- printed_events(seed, c("binomial", "poisson")[[1 + seed %% 2]], 1 + seed %% 3, seed > 3)
    found <- audit_list(tables)
    expect_false(any(found$verdict == "inconsistent"))
    expect_equal(sum(found$check == "model of counts"), 6)
  }
})

test_that("an adjusted odds ratio that comes near the counts' own is not blamed", {
  tables <- printed_events(3, "binomial", 3, FALSE)
  tables$model <- tables$model[-1, ]
  tables$model$estimate[[2]] <- paste0(tables$model$estimate[[2]], "5")
  tables$model$estimate[[1]] <- "0.123"
  tables$model[c("std.error", "conf.low", "conf.high", "statistic", "p")] <- ""
  expect_identical(wrong_cells(tables), character())
})

test_that("rates may have an offset and robust errors unless the design says that they have none", {
  tables <- printed_events(3, "poisson", 2, FALSE)
  said <- tables$design
  tables$model$estimate <- c("0.31", "1.52", "2.93")
  tables$model$std.error <- c("0.91", "0.92", "0.93")
  tables$model[c("conf.low", "conf.high", "statistic", "p")] <- ""
  expect_true("model[1, std.error]" %in% wrong_cells(tables))
  tables$design <- said[said$key != "model_errors", ]
  expect_true("model[1, estimate]" %in% wrong_cells(tables))
  expect_false("model[1, std.error]" %in% wrong_cells(tables))
  tables$design <- said[said$key != "model_offset", ]
  expect_identical(wrong_cells(tables), character())
})

test_that("robust errors are not held against group sizes", {
  tables <- printed_trial(audited_trial(5), c("arm", "sex"))
  tables$model$std.error <- "0.01"
  tables$model[c("conf.low", "conf.high", "statistic", "p")] <- ""
  expect_true("model[2, std.error]" %in% wrong_cells(tables))
  tables$design <- rbind(tables$design, data.frame(key = "model_errors", value = "robust"))
  expect_identical(wrong_cells(tables), character())
})

test_that("a coefficient beside the wrong arm is found", {
  for (family in c("binomial", "poisson")) {
    tables <- printed_events(3, family, 2, TRUE)
    tables$model$level[2:3] <- tables$model$level[3:2]
    expect_true(all(c("model[2, estimate]", "model[3, estimate]") %in% wrong_cells(tables)))
  }
  tables <- printed_events(3, "binomial", 2, FALSE)
  tables$design$value[tables$design$key == "model_outcome"] <- "well: no"
  expect_true("model[1, estimate]" %in% wrong_cells(tables))
})

# ---- People who lack a covariate ----

# Some in arm a lack the outcome, as many others the school: the model has neither.
lacking_trial <- function(seed, n_lacking = 1) {
  data <- audited_trial(seed, n = 12)
  of_a <- which(data$arm == "a")
  lacks_outcome <- seq_along(data$arm) %in% of_a[seq_len(n_lacking)]
  lacks_school <- seq_along(data$arm) %in% of_a[n_lacking + seq_len(n_lacking)]
  complete <- data[!lacks_outcome & !lacks_school, ]
  variables <- c("arm", "school")
  tables <- printed_trial(data, variables, fit = lm(change ~ arm + school, complete))
  tables$counts <- printed_counts_of(data[!lacks_school, ], "school")
  tables$means <- rbind(
    printed_means_of(data[!lacks_outcome, ], "change", 2), printed_means_of(data, "age", 2)
  )
  tables
}

test_that("as many without outcome as without covariate are not taken for the same people", {
  for (seed in 1:5) {
    for (n in 1:3) {
      expect_identical(wrong_cells(lacking_trial(seed, n)), character())
    }
  }
})

test_that("statistics without sign are known where a negative estimate rounds to 0", {
  row <- data.frame(
    term = c("Constant", "b", "c"), variable = c("", "arm", "arm"), level = c("", "b", "c"),
    reference = c("", "a", "a"), estimate = c("3.0", "0.0", "2.0"),
    conf.low = c("2.02", "-1.02", "1.02"), conf.high = c("3.98", "0.94", "3.98"),
    statistic = c("6.00", "0.08", "5.00")
  )
  row$statistic[[3]] <- "4.00"
  row$conf.high[[3]] <- "2.98"
  tables <- list(design = data.frame(key = "arms", value = "a; b; c"), model = row)
  expect_identical(wrong_cells(tables), character())
  tables$model$statistic[1:2] <- c("-6.00", "-0.08")
  expect_identical(wrong_cells(tables), "model[1, statistic]")
})

test_that("where some of an arm lack the outcome, the means of the other arms are still checked", {
  data <- audited_trial(4)
  lost <- match("a", data$arm)
  variables <- c("arm", "school")
  tables <- printed_trial(data, variables, fit = lm(change ~ arm + school, data[-lost, ]))
  tables$counts <- printed_counts_of(data, "school")
  tables$means <- rbind(
    printed_means_of(data[-lost, ], "change", 2), printed_means_of(data, "age", 2)
  )
  found <- audit_list(tables)
  expect_identical(
    found$figure[found$check == "model mean"], c("Mean change, b", "Mean change, c")
  )
  tables$model$level[4:5] <- tables$model$level[5:4]
  expect_identical(wrong_cells(tables), c("means[2, mean]", "means[3, mean]"))
})

test_that("means without n may be of others than the model", {
  for (seed in 1:3) {
    tables <- lacking_trial(seed, 2)
    tables$means$n <- ""
    expect_identical(wrong_cells(tables), character())
  }
  data <- audited_trial(4)
  lacks <- seq_len(nrow(data)) %in% c(3, 9, 20)
  tables <- printed_trial(data, c("arm", "age"), fit = lm(change ~ arm + age, data[!lacks, ]))
  of_age <- tables$means$outcome == "age"
  tables$means[of_age, ] <- printed_means_of(data[!lacks, ], "age", 2)
  tables$means$n[of_age] <- ""
  expect_identical(wrong_cells(tables), character())
})

# ---- Small trials ----

test_that("limits of the profile likelihood are not held against Wald's of the counts", {
  tables <- printed_events(2, "binomial", 2, TRUE)
  tables$model$std.error <- tables$model$statistic <- tables$model$p <- ""
  n <- matrix(as.numeric(tables$counts$n), 2)
  fit <- glm(t(n[2:1, ]) ~ factor(1:3), binomial)
  tables$model[c("conf.low", "conf.high")] <- fixed(exp(suppressMessages(confint(fit))), 2)
  expect_identical(wrong_cells(tables), character())
  tables$design <- rbind(tables$design, data.frame(key = "model_limits", value = "wald"))
  expect_gt(length(wrong_cells(tables)), 0)
})

test_that("errors of glm() are those of its last step but one", {
  # R 4.2.2: summary() of 7 of 8 against 5 of 12 gives 1.2211 for sqrt(1/7 + 1/1 + 1/5 + 1/7).
  y <- list(a = rep(c("yes", "no"), c(5, 7)), b = rep(c("yes", "no"), c(7, 1)))
  data <- data.frame(arm = factor(rep(names(y), lengths(y))), well = factor(unlist(y)))
  fit <- glm(well ~ arm, binomial, data)
  tables <- list(
    design = data.frame(
      key = c("arms", "model_family", "model_outcome"), value = c("a; b", "binomial", "well: yes")
    ),
    counts = printed_counts_of(data, "well"),
    model = printed_rows_of(fit, 6, row_labels(data, "arm"))
  )
  tables$model[c("conf.low", "conf.high", "statistic", "p")] <- ""
  exact <- sqrt(1 / 7 + 1 + 1 / 5 + 1 / 7)
  expect_gt(abs(as.numeric(tables$model$std.error[[2]]) / exact - 1), 1e-6)
  expect_identical(wrong_cells(tables), character())
  tables$model$std.error[[2]] <- "1.2195"
  expect_identical(wrong_cells(tables), "model[2, std.error]")
})
