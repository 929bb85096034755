# Arms compared in imputations: each completed data set by itself, the differences pooled.

# Means by Student's or Welch's t, or all of them by F; other tests say what to do instead.
compare_imputed <- function(formula, imp, how) {
  check_imputed_test(how)
  parts <- lapply(as.list(imp), function(data) {
    frame <- comparison_frame(formula, data)
    check_reference(how$reference, levels(frame$arm))
    outcome <- numeric_outcome(frame$outcome, frame$name)
    list(frame = frame, core = arm_moments(outcome, frame))
  })
  rows <- if (how$test == "anova") {
    imputed_f(formula, imp)
  } else {
    imputed_pairs(lapply(parts, function(part) part$core$moments), how)
  }
  frame <- parts[[1]]$frame
  notes <- c(
    if (imp$m == 1) {
      "Single imputation: standard errors take imputed values for observed ones and are too small."
    } else {
      sprintf("Pooled over %d imputations (Rubin's rules, df of Barnard and Rubin).", imp$m)
    },
    if (how$test != "anova") "g: mean over the imputations, large-sample variance."
  )
  result <- finish_comparison(
    rows, how, imputed_arms(parts), frame$n_used, frame$n_left_out, notes
  )
  structure(result, m = imp$m)
}

check_imputed_test <- function(how) {
  instead <- c(
    welch.anova = "test = \"anova\", or wald_test(fit_glm(formula, imp), vcov = \"HC3\")",
    permutation = "test = \"student\"",
    chisq = "wald_test(fit_glm(answer ~ arm, imp, family = binomial()))",
    fisher = "wald_test(fit_glm(answer ~ arm, imp, family = binomial(), method = \"firth\"))",
    trend = "wald_test(fit_glm(answer ~ as.numeric(arm), imp, family = binomial()))",
    cmh = "wald_test(fit_glm(answer ~ arm + stratum, imp, family = binomial()))"
  )
  if (how$test %in% names(instead)) {
    qst_abort("argument", sprintf(
      paste(
        "`test`: \"%s\" gives no estimate with a standard error, so its P values of several",
        "imputations cannot be pooled. Use %s."
      ), how$test, instead[[how$test]]
    ), value = how$test)
  }
  if (how$adjust %in% names(simultaneous_tests)) {
    qst_abort("argument", sprintf(
      paste(
        "`adjust`: \"%s\" is not defined for pooled pairs, which differ in degrees of freedom.",
        "Use marginal_contrasts(marginal_means(fit_glm(outcome ~ arm, imp), ~arm), adjust = ),",
        "or \"holm\"."
      ), how$adjust
    ), value = how$adjust)
  }
}

# Student's or Welch's difference, standard error and df of each pair are the answers of a
# completed data set.
imputed_pairs <- function(moments, how) {
  pairs <- arm_pairs(colnames(moments[[1]]), how$reference)
  tests <- lapply(moments, function(one) {
    lapply(pairs, function(pair) means_test(one[, pair], how$test))
  })
  values <- function(of, name) vapply(of, `[[`, 0, name)
  joined <- rubin_answer(lapply(tests, function(of) {
    single_answers(values(of, "estimate"), values(of, "std.error"), values(of, "df"))
  }))
  rows <- linear_estimates(joined$estimate, joined$jacobian, joined$covariance)
  rows <- with_inference(rows, row_level(how, length(pairs)))
  labels <- vapply(pairs, paste, "", collapse = " - ")
  first <- c("estimate", "std.error", "statistic", "df")
  last <- c("p.value", "conf.low", "conf.high")
  data.frame(
    contrast = labels, rows[first], df.residual = NA_real_, rows[last],
    imputed_g(moments, pairs, how$conf.level), rows[missing_costs]
  )
}

# Estimates that are asked for one by one: of what they share nothing is known or needed.
single_answers <- function(estimate, error, df) {
  list(
    estimate = estimate, jacobian = diag(length(estimate)),
    covariance = list(
      matrix = diag(error^2, length(error)), type = "model", label = "",
      df = function(contrasts) as.vector(contrasts %*% df)
    )
  )
}

# Hedges & Olkin (1985, p. 86): the large-sample variance of g.
imputed_g <- function(moments, pairs, level) {
  answers <- lapply(moments, function(one) {
    g <- vapply(pairs, function(pair) pair_g(one[, pair], level)[[1]], 0)
    n <- vapply(pairs, function(pair) one["n", pair], c(0, 0))
    variance <- colSums(1 / n) + g^2 / (2 * colSums(n))
    single_answers(g, sqrt(variance), rep(1e10, length(g)))
  })
  joined <- rubin_answer(answers)
  rows <- with_inference(
    linear_estimates(joined$estimate, joined$jacobian, joined$covariance), level
  )
  data.frame(g = rows$estimate, g.low = rows$conf.low, g.high = rows$conf.high)
}

# All arms at once: D1 of the coefficients of the arm in a linear model.
imputed_f <- function(formula, imp) {
  test <- wald_test(fit_glm(formula, imp))
  row <- comparison_row("all arms", as.list(test[c("statistic", "df", "df.residual", "p.value")]))
  row$riv <- test$riv
  row
}

# n, mean and SD of each arm: the means over the imputations, of the variance for the SD.
imputed_arms <- function(parts) {
  over <- function(what) rowMeans(vapply(parts, what, numeric(ncol(parts[[1]]$core$moments))))
  moments <- parts[[1]]$core$moments
  data.frame(
    arm = colnames(moments), n = moments["n", ],
    mean = over(function(part) part$core$moments["mean", ] + part$core$shift),
    sd = sqrt(over(function(part) {
      part$core$moments["ss", ] / (part$core$moments["n", ] - 1)
    })), row.names = NULL
  )
}
