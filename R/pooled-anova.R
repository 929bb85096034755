#' Tests of several coefficients of pooled fits: D1, D2, D3
#'
#' Analysis of variance types I, II and III of a fit pooled over imputations, and comparisons of
#' pooled fits with each other.
#'
#' | method | what is pooled | reference |
#' |---|---|---|
#' | `"D1"` | estimates and covariances: Wald's test | Li, Raghunathan & Rubin (1991) |
#' | `"D2"` | the m test statistics | Li, Meng, Raghunathan & Rubin (1991) |
#' | `"D3"` | likelihood ratios, at each fit's and at the pooled parameters | Meng & Rubin (1992) |
#'
#' With q equations \eqn{C\beta = 0}{C b = 0}, D1 is
#' \eqn{F = Q'(C \bar U C')^{-1} Q / (q (1 + r))}{F = Q' (C U C')^-1 Q / (q (1 + r))} with
#' \eqn{Q = C \bar\beta}{Q = C b} and the mean relative increase
#' \eqn{r = (1 + 1/m) tr\{CBC'(C \bar U C')^{-1}\} / q}{r = (1 + 1/m) tr(C B C' (C U C')^-1) / q}.
#' It takes that the missing values cost all q about the same share, which is what makes it stable
#' when m is small. Its denominator has Reiter's (2007) degrees of freedom where complete data have
#' finitely many, else those of Li et al. D1 takes every covariance; it is what [wald_test()] does
#' with pooled fits. D2 is the least precise, for want of anything but the statistics. D3 needs
#' likelihoods: fits of [fit_glm()], `lm` and `glm` by maximum likelihood, and does not depend on
#' how the parameters are written.
#'
#' @section One equation:
#' In tables of one fit a term with one coefficient is tested as in `summary()`: by F = t^2 with
#' Barnard and Rubin's degrees of freedom. Between models D1 keeps its own approximation also for
#' q = 1, as mitml does.
#'
#' @section CR2:
#' With `vcov = "CR2"` D1 is multiplied by \eqn{(\eta - q + 1)/\eta}{(eta - q + 1) / eta} and
#' its complete-data degrees of freedom are \eqn{\eta - q + 1}{eta - q + 1}, where
#' \eqn{\eta}{eta} is the mean over the fits of that of [wald_test()]: with nothing missing it
#' is that test. Simulations of this combination are not known to us.
#'
#' @section Peers:
#' `mitml::testModels()` gives the same D1 (with `df.com` the degrees of freedom
#' with complete data; without it they are infinite), the same D2, and for `lm` the same D3.
#' Reiter's formula has no value when q (m - 1) is at most 4 or complete data have few degrees of
#' freedom; mitml then returns what the formula gives, also below 0. Here the degrees of freedom
#' of Li et al. are then combined with those of the observed data as Barnard and Rubin do it for one
#' estimate.
#'
#' `mice::D1()` is mitml's with `df.com` of [mice::pool()]; for a logistic model these are the
#' residual ones, here they are infinite, see [pool()]. `mice::D3()` fits an intercept (and the
#' residual variance) again where Meng and Rubin's likelihood stands at the pooled parameters, so
#' that it differs a little; mitml follows them, as does this function.
#'
#' @param object A pooled fit.
#' @param ... More pooled fits, of the same imputations, to be compared in this order.
#' @param type `"I"`, `"II"` or `"III"`, as in [anova.fit_glm()], for one fit.
#' @param method `"D1"`, `"D2"` or `"D3"`; of one fit D1 only.
#' @param use For D2: `"wald"` or `"likelihood"` statistics of the fits.
#' @param vcov,cluster Which covariance, as in [summary.fit_glm()]; for D1 and Wald's D2.
#' @return A data frame of class `anova`: `Df`, `Den Df`, `F`, `Pr(>F)` and `riv`, the mean relative
#'   increase of variance; a row a term, or a row a comparison with the fit before. A negative
#'   `riv`, which D3 can give when little is missing, is taken as 0.
#' @section Errors:
#' `questrial_error_argument` for fits of different imputations or rows, for models of which none is
#' within the other, for D3 of fits without a likelihood.
#' @references
#' Li KH, Raghunathan TE, Rubin DB (1991) Large-sample significance levels from multiply imputed
#' data using moment-based statistics and an F reference distribution. *JASA* 86:1065-1073.
#'
#' Li KH, Meng XL, Raghunathan TE, Rubin DB (1991) Significance levels from repeated p-values with
#' multiply-imputed data. *Stat. Sin.* 1:65-92.
#'
#' Meng XL, Rubin DB (1992) Performing likelihood ratio tests with multiply-imputed data sets.
#' *Biometrika* 79:103-111.
#'
#' Reiter JP (2007) Small-sample degrees of freedom for multi-component significance tests with
#' multiple imputation for missing data. *Biometrika* 94:502-508.
#' @seealso [wald_test()], [pool()]
#' @examples
#' imp <- impute(airquality, m = 5, seed = 1)
#' large <- fit_glm(Ozone ~ Wind + factor(Month), imp)
#' small <- fit_glm(Ozone ~ Wind, imp)
#' anova(large, type = "II")
#' anova(small, large, method = "D3")
#' @export
anova.pooled_fit <- function(object, ..., type = c("I", "II", "III"),
                             method = c("D1", "D2", "D3"), use = c("wald", "likelihood"),
                             vcov = NULL, cluster = NULL) {
  type <- check_choice(type, c("I", "II", "III"), "type")
  method <- check_choice(method, c("D1", "D2", "D3"), "method")
  use <- check_choice(use, c("wald", "likelihood"), "use")
  others <- list(...)
  if (length(others) == 0) {
    return(pooled_anova_terms(object, type, method, vcov, cluster))
  }
  if (!all(vapply(others, inherits, NA, "pooled_fit"))) {
    qst_abort("argument", "anova() compares pooled fits with each other only.")
  }
  uses_likelihood <- method == "D3" || (method == "D2" && use == "likelihood")
  if (uses_likelihood) {
    check_no_covariance(!is.null(vcov) || !is.null(cluster))
  }
  fits <- c(list(object), others)
  check_same_imputations(fits)
  tests <- lapply(seq_along(others), function(k) {
    pair <- ordered_pair(fits[[k]], fits[[k + 1]])
    switch(if (uses_likelihood) paste(method, "likelihood") else method,
      D1 = compare_d1(pair, vcov, cluster),
      D2 = d2_test(wald_statistics(pair, vcov, cluster), extra_terms(pair)$df),
      `D2 likelihood` = d2_test(likelihood_ratios(pair)$each, likelihood_df(pair)),
      `D3 likelihood` = d3_test(pair)
    )
  })
  pooled_comparison(fits, tests, method, uses_likelihood, vcov, cluster)
}

# ---- Terms of one fit ----

pooled_anova_terms <- function(fit, type, method, vcov, cluster) {
  if (method != "D1") {
    qst_abort("argument", sprintf(
      "`method`: \"%s\" compares two fits. Give both, or take \"D1\" for the terms of one.", method
    ), value = method)
  }
  single <- as_single_fit(fit)
  if (is.null(single$assign) || is.null(single$terms)) {
    qst_abort("argument", sprintf(
      "anova(): fits of class %s do not say which coefficients belong to a term. %s",
      class(fit$fits[[1]])[[1]], "Use wald_test() with names of coefficients."
    ))
  }
  if (type == "III") {
    check_all_cells(single)
  }
  covariance <- fit_covariance(fit, vcov, cluster)
  rows <- term_hypotheses(single, type, covariance$matrix)
  rows <- rows[vapply(rows, nrow, 1L) > 0]
  kept <- kept_terms(fit)
  tests <- lapply(rows, function(contrasts) {
    covariance$joint(contrasts, drop(contrasts[, kept, drop = FALSE] %*% fit$coefficients[kept]))
  })
  table <- test_table(tests, vapply(rows, nrow, 1L), names(rows))
  anova_table(table, c(
    type_heading(fit, type),
    if (fit$m < 2) "Wald tests." else "D1: Wald tests of pooled estimates.",
    covariance_note(covariance, numeric())
  ))
}

# The first fit with the pooled coefficients: the same design in all that does not depend on
# imputed values.
as_single_fit <- function(fit) {
  single <- fit$fits[[1]]
  if (is.list(single)) {
    single$coefficients <- fit$coefficients
    single$assign <- fit$assign
  }
  single
}

test_table <- function(tests, df, labels) {
  part <- function(name) vapply(tests, function(test) as.double(test[[name]]), 0)
  table <- data.frame(
    Df = df, `Den Df` = part("df.residual"), F = part("statistic"), check.names = FALSE,
    row.names = labels
  )
  table[["Pr(>F)"]] <- f_tail(table$F, table$Df, table[["Den Df"]])
  table$riv <- part("riv")
  table
}

# ---- Models side by side ----

check_same_imputations <- function(fits) {
  m <- vapply(fits, `[[`, 0L, "m")
  if (length(unique(m)) > 1) {
    qst_abort("argument", sprintf(
      "These fits are of %s imputations. Compare fits of the same ones.",
      join_words(unique(m))
    ), value = m)
  }
  if (m[[1]] < 2) {
    qst_abort("argument", "D1 to D3 need two imputations. Impute with m above 1.")
  }
  rows <- lapply(fits, `[[`, "n_each")
  responses <- vapply(fits, response_name, "")
  if (length(unique(rows)) > 1 || length(unique(responses)) > 1) {
    qst_abort("argument", sprintf(
      "These models cannot be compared: rows used are %s, responses %s. Fit the same rows.",
      join_words(vapply(fits, function(fit) count_text(fit$n_used), "")),
      join_words(unique(responses))
    ))
  }
}

# The larger of two models, which has more coefficients, second.
ordered_pair <- function(a, b) {
  rank <- function(fit) sum(kept_terms(fit))
  if (rank(a) == rank(b)) {
    qst_abort("argument", sprintf(
      "These models have %d coefficients each, so neither is within the other.", rank(a)
    ))
  }
  pair <- if (rank(a) < rank(b)) list(a, b) else list(b, a)
  stats::setNames(pair, c("small", "large"))
}

# The coefficients that only the larger model has, as contrasts.
extra_terms <- function(pair) {
  small <- names(pair$small$coefficients)[kept_terms(pair$small)]
  kept <- kept_terms(pair$large)
  large <- names(pair$large$coefficients)
  lost <- setdiff(small, large[kept])
  if (length(lost) > 0) {
    qst_abort("argument", sprintf(
      paste(
        "The larger model has no coefficient %s, so Wald's test cannot lead to the smaller.",
        "Use method = \"D3\" if the smaller is within it all the same."
      ), enumerate(lost)
    ), value = lost)
  }
  added <- which(kept & !large %in% small)
  list(contrasts = diag(length(large))[added, , drop = FALSE], at = added, df = length(added))
}

compare_d1 <- function(pair, vcov, cluster) {
  extra <- extra_terms(pair)
  covariance <- fit_covariance(pair$large, vcov, cluster)
  test <- pooled_d1(
    covariance, extra$contrasts, pair$large$coefficients[extra$at], pair$large$m
  )
  c(test, df = extra$df)
}

# ---- D2 ----

# Chi-squares of the extra coefficients in each fit.
wald_statistics <- function(pair, vcov, cluster) {
  extra <- extra_terms(pair)
  vapply(seq_len(pair$large$m), function(i) {
    covariance <- one_covariance(pair$large, i, vcov, cluster)$matrix
    inverse_form(covariance[extra$at, extra$at, drop = FALSE], pair$large$estimates[extra$at, i])
  }, 0)
}

# Li, Meng, Raghunathan & Rubin (1991, eq. 2.2 and 2.17).
d2_test <- function(statistics, q) {
  m <- length(statistics)
  riv <- (1 + 1 / m) * stats::var(sqrt(pmax(statistics, 0)))
  list(
    statistic = (mean(statistics) / q - (m + 1) / (m - 1) * riv) / (1 + riv), riv = riv,
    df.residual = q^(-3 / m) * (m - 1) * (1 + 1 / riv)^2, df = q
  )
}

# ---- D3 ----

likelihood_df <- function(pair) {
  sum(kept_terms(pair$large)) - sum(kept_terms(pair$small))
}

# Meng & Rubin (1992, eq. 1.3 to 1.5): mean ratio at each fit's own estimates and at the pooled.
d3_test <- function(pair) {
  q <- likelihood_df(pair)
  m <- pair$large$m
  ratios <- likelihood_ratios(pair)
  riv <- max((m + 1) / (q * (m - 1)) * (mean(ratios$each) - mean(ratios$pooled)), 0)
  t <- q * (m - 1)
  df <- if (t > 4) {
    4 + (t - 4) * (1 + (1 - 2 / t) / riv)^2
  } else {
    t * (1 + 1 / q) * (1 + 1 / riv)^2 / 2
  }
  list(statistic = mean(ratios$pooled) / (q * (1 + riv)), riv = riv, df.residual = df, df = q)
}

likelihood_ratios <- function(pair) {
  small <- pooled_likelihoods(pair$small)
  large <- pooled_likelihoods(pair$large)
  list(each = 2 * (large$each - small$each), pooled = 2 * (large$pooled - small$pooled))
}

# Log likelihoods of each data set, at its own estimates and at the means of all parameters:
# coefficients, dispersion, theta.
pooled_likelihoods <- function(fit) {
  parts <- Map(likelihood_parts, fit$fits, seq_len(fit$m))
  mean_of <- function(name) mean(vapply(parts, `[[`, 0, name))
  pooled <- fit$coefficients
  list(
    each = vapply(seq_len(fit$m), function(i) {
      one <- parts[[i]]
      log_density_at(one, fit$estimates[, i], one$dispersion, one$theta)
    }, 0),
    pooled = vapply(parts, function(one) {
      log_density_at(one, pooled, mean_of("dispersion"), mean_of("theta"))
    }, 0)
  )
}

# What the likelihood of a fit by maximum likelihood is made of. `dispersion` is its estimate of
# greatest likelihood, or for Gamma what logLik() takes, the mean deviance.
likelihood_parts <- function(fit, number) {
  penalised <- inherits(fit, "fit_glm") && isTRUE(is.finite(fit$info$log_det))
  family <- if (inherits(fit, c("fit_glm", "lm"))) stats::family(fit)
  none <- is.null(family) || inherits(fit, "geeglm") || startsWith(family$family, "quasi")
  if (none || penalised) {
    qst_abort("argument", sprintf(
      paste(
        "\"D3\" needs the likelihood of fit_glm(), lm() or glm(); fit %d is %s. Use \"D1\", or",
        "\"D2\"."
      ), number, if (penalised) "by Firth's penalty" else paste("of class", class(fit)[[1]])
    ), row = number)
  }
  frame <- stats::model.frame(fit)
  weights <- stats::weights(fit)
  y <- if (is.null(fit$y)) stats::model.response(frame) else fit$y
  weights <- if (is.null(weights)) rep(1, length(y)) else as.double(weights)
  used <- weights > 0
  offset <- if (is.null(fit$offset)) numeric(length(y)) else as.double(fit$offset)
  trials <- if (family$family == "binomial") binomial_trials(fit, weights[used], used) else NULL
  list(
    x = stats::model.matrix(fit)[used, , drop = FALSE], y = as.double(y)[used],
    weights = weights[used], offset = offset[used], trials = trials, family = family,
    dispersion = likelihood_dispersion(fit, family, weights[used]),
    theta = if (is.null(fit$theta)) NA_real_ else fit$theta
  )
}

# The residual sum of squares or deviance over the rows; inverse.gaussian() and Gamma() count
# weights as rows.
likelihood_dispersion <- function(fit, family, weights) {
  if (family$family %in% c("Gamma", "inverse.gaussian")) {
    stats::deviance(fit) / sum(weights)
  } else {
    stats::deviance(fit) / length(weights)
  }
}

# The log likelihood that logLik() gives, at any parameters.
log_density_at <- function(parts, coefficients, dispersion, theta) {
  kept <- !is.na(coefficients)
  eta <- drop(parts$x[, kept, drop = FALSE] %*% coefficients[kept]) + parts$offset
  mean <- parts$family$linkinv(eta)
  y <- parts$y
  w <- parts$weights
  family <- sub("[ (].*", "", parts$family$family)
  switch(family,
    gaussian = 0.5 * (sum(log(w)) - length(y) * log(2 * pi * dispersion) -
      sum(w * (y - mean)^2) / dispersion),
    inverse.gaussian = -0.5 * sum(w * (log(2 * pi * dispersion) + 3 * log(y) +
      (y - mean)^2 / (dispersion * mean^2 * y))),
    Gamma = sum(w * stats::dgamma(y, 1 / dispersion, scale = mean * dispersion, log = TRUE)),
    negative_binomial = ,
    Negative = sum(w * stats::dnbinom(y, size = theta, mu = mean, log = TRUE)),
    # The dispersion is 1: the family knows its likelihood.
    -0.5 * parts$family$aic(
      y, if (is.null(parts$trials)) rep(1, length(y)) else parts$trials, mean, w, NULL
    )
  )
}

# ---- The table ----

pooled_comparison <- function(fits, tests, method, uses_likelihood, vcov, cluster) {
  labels <- sprintf("%d - %d", seq_along(tests), seq_along(tests) + 1L)
  table <- test_table(tests, vapply(tests, function(test) as.integer(test$df), 1L), labels)
  formulas <- vapply(fits, function(fit) deparse1(stats::formula(fit)), "")
  words <- c(
    D1 = "Wald tests of pooled estimates", D2 = "pooled test statistics",
    D3 = "pooled likelihood ratios"
  )
  anova_table(table, c(
    sprintf("Comparison of pooled fits: %s, %s\n", method, words[[method]]),
    paste0("Model ", seq_along(fits), ": ", formulas), pooled_rows_text(fits[[1]])[[1]],
    if (!uses_likelihood) covariance_note(fit_covariance(fits[[1]], vcov, cluster), numeric())
  ))
}
