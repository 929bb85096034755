#' Wald tests of several coefficients at once
#'
#' F tests of linear hypotheses about the coefficients of a fit, with any of its
#' covariances.
#'
#' With \eqn{Q = (C\hat\beta - c)'(CVC')^{-1}(C\hat\beta - c)}{Q = (Cb - c)'(CVC')^-1 (Cb - c)}
#' for q independent equations \eqn{C\beta = c}{Cb = c} and the covariance V that `vcov` asks for,
#'
#' * `"model"`, `"HC0"` to `"HC3"`, a matrix or a function: F = Q / q on q and the
#'   residual degrees of freedom; on q and infinitely many (that is, chi-square of
#'   Q) where the dispersion is known;
#' * `"CR0"`, `"CR1"`: F = Q / q on q and m - 1, m clusters (the fewest of several
#'   ways). This is clubSandwich's `"Naive-F"`, and rejects too often with few clusters;
#' * `"CR2"`: Hotelling's \eqn{T^2}{T-squared} with degrees of freedom
#'   \eqn{\eta}{eta} matched to the variances of V's elements under the working
#'   model, \eqn{F = (\eta - q + 1) / (\eta q) Q}{F = (eta - q + 1) / (eta q) Q}
#'   on q and \eqn{\eta - q + 1}{eta - q + 1} (Pustejovsky & Tipton 2018, eq. 11
#'   and 12; clubSandwich's `"HTZ"`). For one equation this is the t test on
#'   Satterthwaite's degrees of freedom;
#' * of a fit pooled over imputations: D1 (Li, Raghunathan & Rubin 1991) of the mean covariance of
#'   that type, with Reiter's (2007) degrees of freedom; one equation by the t test of
#'   its contrast. See [pool()].
#'
#' @param fit A fit of [fit_glm()] or [fit_gee()], or one pooled over imputations.
#' @param hypothesis What is tested to be 0. Texts name terms of the formula (all their
#'   coefficients), coefficients, or equations of them such as `"armbalint = armletter"` or
#'   `"wt + hp = 2"`; what one character vector names is tested at once. A matrix has
#'   a row for each equation and columns named by coefficient. A list of these
#'   gives a test each. By default each term of the formula is tested by itself.
#' @param vcov,cluster Which covariance, as in [summary.fit_glm()].
#' @return A data frame that prints as a table ([questrial_table]), one row a
#'   test: `hypothesis`, `statistic` (F), `df` (q), `df.residual` (`Inf` for
#'   chi-square), `p.value`, and after imputation `riv`. `NA` where V has no inverse in the
#'   directions tested, as with more equations than clusters.
#' @section Not estimable:
#' Aliased coefficients of a term are left out of its test. An equation that involves
#' one is an error.
#' @section Errors:
#' `questrial_error_argument` for an unknown name, or an equation without a unique value.
#' @section Peers:
#' `car::linearHypothesis()` reads the same equations, and tests with the degrees of
#' freedom of the residuals whatever the covariance; `clubSandwich::Wald_test()`
#' takes matrices. By default each term is tested as in `car::Anova(type = 3)`,
#' with the contrasts of the fit.
#' @references
#' Pustejovsky JE, Tipton E (2018) Small-sample methods for cluster-robust
#' variance estimation. *J. Bus. Econ. Stat.* 36:672-683,
#' <doi:10.1080/07350015.2016.1247004>.
#' @seealso [linear_contrast()] for estimates, [anova()] for models side by side
#' @examples
#' fit <- fit_glm(weight ~ Diet + Time, ChickWeight, cluster = ~ Chick)
#' wald_test(fit, vcov = "CR2")
#' wald_test(fit, c("Diet2 = Diet3", "Diet3 = Diet4"), vcov = "CR2")
#' @export
wald_test <- function(fit, hypothesis = NULL, vcov = NULL, cluster = NULL) {
  check_fit(fit, makers = c("fit_glm", "fit_gee", "pooled_fit"))
  covariance <- fit_covariance(fit, vcov, cluster)
  wanted <- read_hypotheses(fit, hypothesis)
  tests <- lapply(wanted, function(one) {
    joint_test(fit, one$matrix, one$null, covariance)
  })
  rows <- data.frame(hypothesis = names(wanted), do.call(rbind, tests), row.names = NULL)
  notes <- c(
    wald_note(covariance),
    unlist(lapply(wanted, `[[`, "note")),
    if (anyNA(rows$p.value)) {
      "NA: the covariance has no inverse in the directions tested; there are too few clusters."
    },
    rows_text(fit)
  )
  columns <- list(
    table_column("Hypothesis", "hypothesis"), table_column("F", "statistic", "number", digits = 2),
    table_column("df", c("df", "df.residual"), "df"), table_column("P", "p.value", "p")
  )
  new_questrial_table(rows, "wald", "Wald tests", notes, columns = columns)
}

wald_note <- function(covariance) {
  sprintf(
    "Covariance: %s; %s.", if (nzchar(covariance$label)) covariance$label else "from the model",
    if (isTRUE(covariance$m > 1)) {
      "D1 (Li, Raghunathan and Rubin 1991)"
    } else if (identical(covariance$type, "CR2")) {
      "Hotelling's T-squared (HTZ)"
    } else {
      "F = Q / q"
    }
  )
}

# ---- The test ----

# F of C b = null; a data frame of one row.
joint_test <- function(fit, contrasts, null, covariance) {
  independent <- independent_rows(contrasts)
  null <- rep_len(null, nrow(contrasts))[independent]
  contrasts <- contrasts[independent, , drop = FALSE]
  kept <- kept_terms(fit)
  distance <- drop(contrasts[, kept, drop = FALSE] %*% fit$coefficients[kept]) - null
  distance_test(distance, contrasts, covariance)
}

# F of independent equations whose left sides less the right are `distance`.
distance_test <- function(distance, contrasts, covariance) {
  df <- length(distance)
  if (!is.null(covariance$joint)) {
    test <- covariance$joint(contrasts, distance)
    return(data.frame(
      statistic = test$statistic, df = df, df.residual = test$df.residual,
      p.value = stats::pf(test$statistic, df, test$df.residual, lower.tail = FALSE),
      riv = test$riv
    ))
  }
  quadratic <- inverse_form(quadratic_form(contrasts, covariance$matrix), distance)
  if (is.null(covariance$small_sample)) {
    several <- df > 1 && !is.null(covariance$df_joint)
    df_residual <- if (several) covariance$df_joint else covariance$df(contrasts[1, , drop = FALSE])
    statistic <- quadratic / df
  } else {
    eta <- hotelling_df(covariance, contrasts)
    df_residual <- eta - df + 1
    statistic <- quadratic / df * max(df_residual / eta, 0)
  }
  if (!is.finite(statistic) || !isTRUE(df_residual > 0)) {
    statistic <- df_residual <- NA_real_
  }
  data.frame(
    statistic = statistic, df = df, df.residual = df_residual,
    p.value = stats::pf(statistic, df, df_residual, lower.tail = FALSE)
  )
}

# Rows of C of which none follows from those before it.
independent_rows <- function(contrasts) {
  decomposed <- qr(t(contrasts))
  sort(decomposed$pivot[seq_len(decomposed$rank)])
}

# x' A^-1 x, NA if A is singular beside its diagonal.
inverse_form <- function(a, x) {
  scale <- sqrt(diag(a))
  if (!all(is.finite(scale) & scale > 0)) {
    return(NA_real_)
  }
  correlation <- eigen(a / outer(scale, scale), symmetric = TRUE)
  if (min(correlation$values) < 1e-12 * length(x)) {
    return(NA_real_)
  }
  sum(crossprod(correlation$vectors, x / scale)^2 / correlation$values)
}

# Pustejovsky & Tipton (2018, eq. 11): q (q + 1) over the summed variances of
# V's elements, in coordinates in which its expectation is the identity.
hotelling_df <- function(covariance, contrasts) {
  q <- nrow(contrasts)
  expected <- covariance$small_sample(contrasts)$trace
  parts <- eigen(expected, symmetric = TRUE)
  if (!all(is.finite(parts$values)) || min(parts$values) <= 1e-12 * max(parts$values)) {
    return(NA_real_)
  }
  root <- parts$vectors %*% (t(parts$vectors) / sqrt(parts$values))
  q * (q + 1) / sum(covariance$small_sample(root %*% contrasts)$variance)
}

# ---- Reading hypotheses ----

# A named list of list(matrix, null, note).
read_hypotheses <- function(fit, hypothesis) {
  if (is.null(hypothesis)) {
    hypothesis <- as.list(attr(fit$terms, "term.labels"))
    if (length(hypothesis) == 0) {
      qst_abort("argument", "The model has no terms but the constant. Name it: \"(Intercept)\".")
    }
  } else if (!is.list(hypothesis)) {
    hypothesis <- list(hypothesis)
  }
  wanted <- lapply(hypothesis, read_hypothesis, fit = fit)
  given <- names(hypothesis)
  labels <- vapply(wanted, `[[`, "", "label")
  names(wanted) <- if (is.null(given)) labels else ifelse(given == "", labels, given)
  wanted
}

read_hypothesis <- function(hypothesis, fit) {
  note <- NULL
  if (is.character(hypothesis) && length(hypothesis) > 0) {
    parts <- lapply(hypothesis, read_text_hypothesis, fit = fit)
    wanted <- list(
      matrix = do.call(rbind, lapply(parts, `[[`, "matrix")),
      null = unlist(lapply(parts, `[[`, "null"))
    )
    note <- unlist(lapply(parts, `[[`, "note"))
    label <- paste(hypothesis, collapse = ", ")
  } else {
    wanted <- contrast_matrix(hypothesis, names(fit$coefficients))
    label <- paste(rownames(wanted$matrix), collapse = ", ")
    check_estimable(fit, wanted$matrix, label)
  }
  list(matrix = wanted$matrix, null = wanted$null, note = note, label = label)
}

# A term of the formula, or an equation.
read_text_hypothesis <- function(text, fit) {
  number <- match(text, attr(fit$terms, "term.labels"))
  if (is.na(number)) {
    wanted <- contrast_matrix(text, names(fit$coefficients))
    check_estimable(fit, wanted$matrix, text)
    return(wanted)
  }
  of_term <- fit$assign == number
  kept <- of_term & kept_terms(fit)
  if (!any(kept)) {
    qst_abort("argument", sprintf(
      "`hypothesis`: no coefficient of %s can be estimated, given the terms before it.", text
    ), value = text)
  }
  list(
    matrix = diag(length(kept))[kept, , drop = FALSE], null = numeric(sum(kept)),
    note = if (any(of_term & !kept)) {
      sprintf("%s: %d of %d coefficients are aliased and left out.", text, sum(of_term & !kept),
        sum(of_term))
    }
  )
}

check_estimable <- function(fit, contrasts, label) {
  if (!all(estimable(fit, contrasts))) {
    qst_abort("argument", sprintf(
      paste(
        "`hypothesis`: %s has no unique value, because coefficients are aliased (%s).",
        "Leave these out."
      ), label, enumerate(names(fit$coefficients)[!kept_terms(fit)])
    ), value = label)
  }
  if (all(contrasts == 0)) {
    qst_abort("argument", sprintf("`hypothesis`: %s involves no coefficient.", label))
  }
}
