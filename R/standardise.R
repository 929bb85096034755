#' Standardised effects of an arm: risk difference, risk ratio, odds ratio
#'
#' What would the mean outcome be if everybody were in one arm, and if everybody
#' were in another? Predictions of a fitted model are averaged over all rows with
#' the arm set (g-computation, standardisation), and the averages compared. For
#' a binary outcome that gives the marginal risk difference, risk ratio and odds
#' ratio that regulators ask for (FDA 2023), which the coefficient of a logistic
#' model is not.
#'
#' With \eqn{\mu_a(x)}{mu_a(x)} the prediction for covariates x in arm a,
#' \eqn{\theta_a = n^{-1}\sum_i \mu_a(x_i)}{theta_a = mean of mu_a(x_i)}. Ratios and
#' odds ratios are tested and have their intervals on the log scale. The
#' covariance of the \eqn{\theta_a}{theta_a} is by `variance`:
#'
#' * `"unconditional"`: mean product of the influence functions
#'   \eqn{\phi_{ia} = \mu_a(x_i) - \theta_a + J_a A^{-1} s_i}{phi_ia = mu_a(x_i) -
#'   theta_a + J_a A^-1 s_i},
#'   with \eqn{s_i} the score, A the mean of its negative derivative and
#'   \eqn{J_a}{J_a} the derivative of \eqn{\theta_a}{theta_a}: the sandwich of the stacked
#'   estimating equations. The rows are a random sample; the model may be wrong.
#'   With `cluster`, \eqn{\phi} is summed within clusters first.
#' * `"ye"`: Ye et al. (2023), from sample variances within arms,
#'   \eqn{n V_{aa} = \pi_a^{-1}S_a^2(y - \mu_a) + 2 S_a(y, \mu_a) - S^2(\mu_a)}{n V_aa =
#'   S_a(y - mu_a, y - mu_a) / pi_a + 2 S_a(y, mu_a) - S(mu_a, mu_a)} and
#'   \eqn{n V_{ab} = S_a(y, \mu_b) + S_b(y, \mu_a) - S(\mu_a, \mu_b)}{n V_ab = S_a(y, mu_b) +
#'   S_b(y, mu_a) - S(mu_a, mu_b)}. For simple randomisation, and models whose
#'   residuals add up to 0 in each arm (canonical link with the arm as a term);
#'   it is checked.
#' * `"ge"`: Ge et al. (2011), \eqn{J V J'} with V the covariance of the
#'   coefficients (the model's, or `vcov`). The covariates are held fixed: too
#'   small where effects differ between people, unless they are asked about as
#'   they are.
#'
#' @section Linear models, ANHECOVA:
#' Give the fit the interactions of the arm with all covariates,
#' `y ~ arm * (age + sex)`, and the standardised difference is that of Lin
#' (2013) and of ANHECOVA (Ye et al. 2022); the covariates need not be
#' centred. `"unconditional"` and `"ye"` then count the sampling of their means
#' too, which `estimatr::lm_lin()` does not (`"ge"` with `vcov = "HC2"` is the same).
#'
#' @param fit A fit of [fit_glm()] of any family, or one pooled over imputations.
#' @param arm The arm: its name, or `~ arm`.
#' @param reference The arm compared with; the first level when `NULL`.
#' @param measure Any of `"difference"`, `"ratio"`, `"odds.ratio"`; `NULL`: all that
#'   make sense for the family.
#' @param variance `"unconditional"`, `"ye"` or `"ge"`.
#' @param vcov Covariance of the coefficients for `"ge"`, as in [linear_contrast()].
#' @param cluster Clusters, for `"unconditional"` and `"ge"`.
#' @param conf.level,data As in [marginal_means()].
#' @return A data frame that prints as a table ([questrial_table]): `measure`,
#'   `contrast`, `estimate`, `std.error` (of the logarithm for ratios),
#'   `statistic`, `df`, `p.value`, `conf.low`, `conf.high`. Attributes `means` (a data
#'   frame of `arm`, `n`, `estimate`, `std.error`, `conf.low`, `conf.high`),
#'   `covariance` (of the means) and `variance`.
#' @section Missing values, weights:
#' Rows used are those of the fit. Of a fit pooled over imputations ([pool()]) each measure is found
#' in each completed data set and pooled on the scale of its test, ratios and odds ratios as
#' logarithms; columns `fmi`, `riv` and `lambda` are added. Predictions and scores are weighted by
#' the prior weights; `"ye"` takes none.
#' @section Errors:
#' `questrial_error_argument` for an arm that is not in the model, a variance
#' that does not go with the fit, and ratios of means that are not positive.
#' @section Peers:
#' beeca's `get_marginal_effect()` and RobinCar2's `robin_glm()` for `"ge"` and `"ye"`,
#' stdReg for `"unconditional"`; marginaleffects' `avg_comparisons()` is `"ge"`.
#' @references
#' FDA (2023) Adjusting for Covariates in Randomized Clinical Trials for Drugs
#' and Biological Products: Guidance for Industry.
#'
#' Ge M et al. (2011) Covariate-adjusted difference in proportions from clinical
#' trials using logistic regression and weighted risk differences. *Drug Inf J*
#' 45:481-493.
#'
#' Lin W (2013) Agnostic notes on regression adjustments to experimental data.
#' *Ann Appl Stat* 7:295-318.
#'
#' Ye T, Bannick M, Yi Y, Shao J (2023) Robust variance estimation for
#' covariate-adjusted unconditional treatment effect in randomized clinical
#' trials with binary outcomes. *Stat Theory Relat Fields* 7:159-163.
#'
#' Ye T, Shao J, Yi Y, Zhao Q (2022) Toward better practice of covariate
#' adjustment in analyzing randomized clinical trials. *J Am Stat Assoc*
#' 118:2370-2382.
#' @seealso [marginal_means()] for means, [noninferiority_test()]
#' @examples
#' # Synthetic: 200 participants, simple randomisation.
#' trial <- data.frame(id = 1:200, arm = factor(rep(c("control", "course"), 100)))
#' trial$age <- 40 + 15 * sin(trial$id)
#' trial$score <- 50 + 4 * (trial$arm == "course") + trial$age / 5 + 8 * cos(1.7 * trial$id)
#' fit <- fit_glm(score ~ arm * age, trial) # ANHECOVA
#' standardised_effects(fit, ~arm)
#' standardised_effects(fit, ~arm, variance = "ge", vcov = "HC2")
#' @export
standardised_effects <- function(fit, arm, reference = NULL, measure = NULL,
                                 variance = c("unconditional", "ye", "ge"), vcov = NULL,
                                 cluster = NULL, conf.level = 0.95, data = NULL) {
  check_fit(fit, makers = c("fit_glm", "pooled_fit"))
  variance <- check_choice(variance, c("unconditional", "ye", "ge"), "variance")
  measure <- check_measure(measure, fit)
  check_number(conf.level, "conf.level", min = 0, max = 1)
  asked <- fits_to_ask(fit, data)
  check_variance_arguments(variance, asked[[1]]$fit, vcov, cluster)
  arm <- column_name(arm, asked[[1]]$rows, "arm")
  levels <- arm_levels(asked[[1]]$fit, asked[[1]]$rows, arm)
  reference <- if (is.null(reference)) levels[[1]] else as.character(reference)
  check_choice(reference, as.character(levels), "reference")
  each <- lapply(asked, function(one) {
    averaged <- standardise(one$fit, one$rows, arm, levels)
    by <- switch(variance,
      ge = ge_covariance(averaged, asked_covariance(fit, one$number, vcov, cluster)),
      ye = ye_covariance(one$fit, averaged, as.character(one$rows[[arm]])),
      unconditional = influence_covariance(
        one$fit, averaged, asked_cluster(fit, one$number, cluster)
      )
    )
    list(mean = averaged$mean, covariance = by)
  })
  effects <- lapply(measure, standardised_rows, fit, each, reference, conf.level)
  means <- standardised_means(fit, each, conf.level, table(as.character(asked[[1]]$rows[[arm]])))
  standardised_table(do.call(rbind, effects), means, fit, variance, conf.level)
}

# ---- Arguments ----

measures <- c("difference", "ratio", "odds.ratio")

check_measure <- function(measure, fit) {
  family <- fit$family$family
  if (is.null(measure)) {
    n <- if (family %in% c("binomial", "quasibinomial")) 3 else if (family == "gaussian") 1 else 2
    return(measures[seq_len(n)])
  }
  unknown <- setdiff(measure, measures)
  if (!is.character(measure) || length(measure) == 0 || length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "`measure` must be some of %s, not %s.", enumerate(measures),
      if (is.character(measure)) enumerate(unknown) else describe(measure)
    ), value = measure)
  }
  unique(measure)
}

check_variance_arguments <- function(variance, fit, vcov, cluster) {
  if (!is.null(vcov) && variance != "ge") {
    qst_abort("argument", sprintf(
      "`vcov` is of the coefficients, but variance = \"%s\" does not use it. Use \"ge\".", variance
    ))
  }
  if (variance == "ye" && (!is.null(fit$weights) || !is.null(cluster))) {
    qst_abort("argument", paste(
      "`variance`: \"ye\" is for single participants without weights or clusters.",
      "Use \"unconditional\"."
    ))
  }
}

arm_levels <- function(fit, rows, arm) {
  if (!arm %in% names(rows)) {
    qst_abort("argument", sprintf(
      "`arm`: the model has no variable `%s`. Fit it with the arm as a term.", arm
    ), column = arm)
  }
  place <- grid_levels(fit, rows[arm], list(), arm)[[arm]]
  if (place$kind != "factor" || length(place$values) < 2) {
    qst_abort("argument", sprintf(
      "`arm`: `%s` must be a factor of two or more levels. Use factor() on it and fit again.", arm
    ), column = arm)
  }
  place$values
}

# ---- Means ----

# Predictions of each row in each arm (`mu`, rows by arms), their means and the
# derivatives of these by the coefficients (arms by coefficients).
standardise <- function(fit, rows, arm, levels) {
  weight <- prior_weights(fit) / sum(prior_weights(fit))
  parts <- lapply(levels, function(level) {
    predicted <- predict_with(fit, rows, stats::setNames(list(level), arm))
    if (!all(estimable(fit, predicted$design[weight > 0, , drop = FALSE]))) {
      qst_abort("singular", sprintf(
        "Predictions in arm `%s` rest on coefficients that are aliased. Simplify the model.", level
      ), value = level)
    }
    slope <- weight * fit$family$mu.eta(predicted$link)
    list(mu = fit$family$linkinv(predicted$link), jacobian = colSums(predicted$design * slope))
  })
  mu <- vapply(parts, `[[`, numeric(length(weight)), "mu")
  colnames(mu) <- as.character(levels)
  jacobian <- do.call(rbind, lapply(parts, `[[`, "jacobian"))
  list(mu = mu, mean = colSums(weight * mu), jacobian = jacobian, weight = weight)
}

# ---- Covariances of the means: list(matrix, df, label), as fit_covariance() ----

ge_covariance <- function(averaged, covariance) {
  label <- if (nzchar(covariance$label)) covariance$label else "from the model"
  list(
    matrix = quadratic_form(averaged$jacobian, covariance$matrix),
    df = function(contrasts) covariance$df(contrasts %*% averaged$jacobian),
    label = sprintf("Ge et al. (2011), covariates held fixed, covariance of coefficients %s", label)
  )
}

ye_covariance <- function(fit, averaged, arm) {
  mu <- averaged$mu
  inside <- lapply(colnames(mu), function(level) arm == level)
  check_unbiased(fit, averaged, inside)
  n <- nrow(mu)
  moment <- function(a, x, y) stats::cov(x[inside[[a]]], y[inside[[a]]])
  k <- ncol(mu)
  matrix <- matrix(0, k, k)
  for (a in seq_len(k)) {
    for (b in seq_len(k)) {
      matrix[a, b] <- if (a == b) {
        residual <- fit$y - mu[, a]
        moment(a, residual, residual) * n / sum(inside[[a]]) + 2 * moment(a, fit$y, mu[, a]) -
          stats::var(mu[, a])
      } else {
        moment(a, fit$y, mu[, b]) + moment(b, fit$y, mu[, a]) - stats::cov(mu[, a], mu[, b])
      }
    }
  }
  list(
    matrix = matrix / n, df = normal_df,
    label = "Ye et al. (2023), robust, rows a random sample"
  )
}

normal_df <- function(contrasts) {
  rep(Inf, nrow(contrasts))
}

# Ye's variance is for models whose residuals add up to 0 in each arm.
check_unbiased <- function(fit, averaged, inside) {
  for (k in seq_along(inside)) {
    residual <- (fit$y - averaged$mu[, k])[inside[[k]]]
    if (abs(mean(residual)) > 1e-6 * max(1e-300, stats::sd(fit$y))) {
      qst_abort("argument", sprintf(
        paste(
          "`variance`: \"ye\" needs residuals that add up to 0 in each arm, but in `%s` their mean",
          "is %s. Use the canonical link with the arm as a term, or \"unconditional\"."
        ), colnames(averaged$mu)[[k]], format(mean(residual), digits = 3)
      ))
    }
  }
}

influence_covariance <- function(fit, averaged, cluster) {
  kept <- kept_terms(fit)
  x <- stats::model.matrix(fit)[, kept, drop = FALSE]
  score <- x * score_weights(fit)
  information <- crossprod(x, x * observed_weights(fit))
  own <- averaged$weight * sweep(averaged$mu, 2, averaged$mean)
  influence <- own + score %*% solve(information, t(averaged$jacobian[, kept, drop = FALSE]))
  groups <- if (!is.null(cluster) || !is.null(fit$cluster)) fit_clusters(fit, cluster)
  if (length(groups) > 1) {
    qst_abort("argument", "`cluster`: standardised effects take one way of clustering, not two.")
  }
  if (length(groups) == 1) {
    influence <- rowsum(influence, as.character(groups[[1]]))
  }
  list(
    matrix = crossprod(influence), df = normal_df,
    label = sprintf(
      "unconditional sandwich, %s a random sample",
      if (length(groups) == 1) sprintf("%d clusters", nrow(influence)) else "rows"
    )
  )
}

# d log density / d eta, up to the dispersion.
score_weights <- function(fit) {
  if (is_linear(fit)) {
    return(prior_weights(fit) * (fit$y - fit$fitted.values))
  }
  family <- fit$family
  slope <- family$mu.eta(fit$linear.predictors) / family$variance(fit$fitted.values)
  prior_weights(fit) * (fit$y - fit$fitted.values) * slope
}

# Minus its derivative by eta, as observed: the expected one less a term that is
# 0 under the canonical link.
observed_weights <- function(fit) {
  if (is_linear(fit)) {
    return(prior_weights(fit))
  }
  family <- fit$family
  slope <- function(eta) family$mu.eta(eta) / family$variance(family$linkinv(eta))
  eta <- fit$linear.predictors
  # Central differences with Richardson's correction: about 12 digits.
  h <- 1e-3 * pmax(1, abs(eta))
  difference <- function(h) (slope(eta + h) - slope(eta - h)) / (2 * h)
  bend <- (4 * difference(h / 2) - difference(h)) / 3
  bend[!is.finite(bend)] <- 0
  residual <- fit$y - fit$fitted.values
  prior_weights(fit) * (family$mu.eta(eta) * slope(eta) - residual * bend)
}

# ---- Measures ----

# g(theta) and its derivative for each measure.
measure_scale <- function(measure, mean) {
  at_end <- switch(measure,
    difference = FALSE, ratio = mean <= 0, odds.ratio = mean <= 0 | mean >= 1
  )
  if (any(at_end)) {
    qst_abort("argument", sprintf(
      "`measure`: \"%s\" of a mean of %s in arm `%s` does not exist. Use \"difference\".",
      measure, format(mean[at_end][[1]]), names(mean)[at_end][[1]]
    ), value = mean[at_end][[1]])
  }
  switch(measure,
    difference = list(value = mean, slope = 1 + 0 * mean),
    ratio = list(value = log(mean), slope = 1 / mean),
    odds.ratio = list(value = stats::qlogis(mean), slope = 1 / (mean * (1 - mean)))
  )
}

standardised_rows <- function(measure, fit, each, reference, conf.level) {
  joined <- pool_answers(fit, each, function(one) measure_answer(measure, one, reference))
  others <- setdiff(names(each[[1]]$mean), reference)
  sign <- if (measure == "difference") "-" else "/"
  rows <- data.frame(
    measure = measure, contrast = paste(others, sign, reference),
    linear_estimates(joined$estimate, joined$jacobian, joined$covariance)
  )
  rows <- with_inference(rows, conf.level)
  if (measure == "difference") rows else exponentiated(rows)
}

# Each arm against the reference on the scale of the measure.
measure_answer <- function(measure, one, reference) {
  scale <- measure_scale(measure, one$mean)
  arms <- names(scale$value)
  contrasts <- t(vapply(setdiff(arms, reference), function(arm) {
    (arms == arm) - (arms == reference)
  }, numeric(length(arms))))
  list(
    estimate = drop(contrasts %*% scale$value), jacobian = contrasts %*% diag(scale$slope),
    covariance = one$covariance
  )
}

standardised_means <- function(fit, each, conf.level, counts) {
  arms <- names(each[[1]]$mean)
  joined <- pool_answers(fit, each, function(one) {
    list(estimate = one$mean, jacobian = diag(length(arms)), covariance = one$covariance)
  })
  rows <- data.frame(
    arm = arms, n = as.integer(counts[arms]),
    linear_estimates(joined$estimate, joined$jacobian, joined$covariance)
  )
  rows <- with_inference(rows, conf.level)
  structure(
    rows[setdiff(names(rows), c("statistic", "p.value"))], covariance = joined$covariance
  )
}

standardised_table <- function(rows, means, fit, variance, conf.level) {
  by <- attr(means, "covariance")
  attr(means, "covariance") <- NULL
  what <- if (fit$family$family == "binomial") "risks" else "means"
  digits <- decimals_for(means$std.error)
  notes <- c(
    sprintf("Standardised %s: %s.", what, paste(sprintf("%s (%s) in %s",
      format_number(means$estimate, digits),
      format_ci(means$conf.low, means$conf.high, digits), means$arm
    ), collapse = ", ")),
    "Predictions averaged over all rows with the arm set (g-computation).",
    if (any(rows$measure != "difference")) "SE of ratios is of their logarithm.",
    sprintf("Variance: %s; %s.", by$label, if (all(is.infinite(rows$df))) {
      "z tests"
    } else {
      "t tests on the degrees of freedom shown"
    }),
    if (!is.null(by$fractions)) "FMI: fraction of missing information.",
    rows_text(fit)
  )
  table <- estimates_table(rows, "effects_of_arm",
    sprintf("Standardised effects on %s", response_name(fit)), notes, conf.level,
    first = c(measure = "Measure", contrast = "Contrast")
  )
  # P and interval say what the statistic would, in less room.
  columns <- Filter(function(column) column$from[[1]] != "statistic", attr(table, "columns"))
  structure(table,
    columns = columns, means = means, covariance = by$matrix, variance = variance,
    m = fits_pooled(fit)
  )
}
