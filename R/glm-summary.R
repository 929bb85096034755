# What a fit says of itself: summary, tidy(), print().

#' Summary of a fit
#'
#' Coefficients with standard errors, tests and what is known of the fit as a
#' whole, as [stats::summary.lm()] and [stats::summary.glm()] give it, with the
#' covariance named.
#'
#' With `vcov` other than the model's own, the F test of all terms (linear
#' models) is [wald_test()]'s with that covariance. Where degrees of freedom differ from
#' coefficient to coefficient they are a column.
#'
#' @param object A fit of [fit_glm()].
#' @param vcov Which covariance: a name as in [vcov.fit_glm()] (`"HC3"`, `"CR2"`,
#'   ...), a matrix, or a function of the fit such as `sandwich::vcovHC`. By
#'   default that of the model, also for a fit with clusters, which the print then
#'   says.
#' @param cluster Clusters for `vcov` of type CR, as in [vcov.fit_glm()]; alone it
#'   asks for `"CR2"`.
#' @param ... Nothing; an unknown argument is an error.
#' @return A list of class `summary.fit_glm` with the elements of `summary.lm()` or
#'   `summary.glm()` that other functions look for (`coefficients`, a matrix; `sigma`,
#'   `dispersion`, `df`, `r.squared`, `fstatistic`, `aliased`, `cov.unscaled`) and
#'   `vcov`, a list of `type` and `label`.
#' @seealso [vcov.fit_glm()] for what the names mean
#' @examples
#' fit <- fit_glm(weight ~ Diet + Time, ChickWeight, cluster = ~ Chick)
#' summary(fit)
#' summary(fit, vcov = "CR2")
#' @export
summary.fit_glm <- function(object, vcov = NULL, cluster = NULL, ...) {
  check_no_dots(...)
  covariance <- fit_covariance(object, vcov, cluster)
  fit <- object[intersect(c(
    "call", "terms", "family", "deviance", "null.deviance", "df.null", "df.residual", "rank",
    "na.action", "n_left_out", "notes", "n_used", "cov.unscaled", "cluster", "theta", "info"
  ), names(object))]
  kept <- kept_terms(object)
  fit$coefficients <- coefficient_matrix(fit_estimates(object, covariance)[kept, ])
  fit$aliased <- !kept
  fit$df <- c(object$rank, object$df.residual, length(kept))
  fit$dispersion <- dispersion(object)
  fit$sigma <- sqrt(fit$dispersion)
  fit$residuals <- if (has_rows(object)) stats::residuals(object)
  fit$vcov <- covariance[c("type", "label")]
  fit$linear <- is_linear(object)
  fit$aic <- if (!fit$linear) tryCatch(stats::AIC(object), error = function(e) NA_real_)
  overall <- if (fit$linear) explained(object, covariance)
  structure(c(fit, overall), class = "summary.fit_glm")
}

# Coefficients, standard errors, tests: what every print and table of a fit is made of.
fit_estimates <- function(fit, covariance) {
  error <- covariance_errors(covariance)
  statistic <- fit$coefficients / error
  df <- covariance_df(fit, covariance)
  data.frame(
    term = names(fit$coefficients), estimate = unname(fit$coefficients), std.error = unname(error),
    statistic = unname(statistic), df = df,
    p.value = unname(2 * stats::pt(abs(statistic), df, lower.tail = FALSE))
  )
}

# The lower and upper limits, two columns.
estimate_limits <- function(estimates, level) {
  half <- stats::qt((1 + level) / 2, estimates$df) * estimates$std.error
  cbind(estimates$estimate - half, estimates$estimate + half)
}

# As coef(summary(lm())); df in a column of its own where it differs.
coefficient_matrix <- function(estimates) {
  letter <- if (all(is.infinite(estimates$df))) "z" else "t"
  columns <- list(estimates$estimate, estimates$std.error)
  names(columns) <- c("Estimate", "Std. Error")
  if (length(unique(estimates$df)) > 1) {
    columns$df <- estimates$df
  }
  columns[[paste(letter, "value")]] <- estimates$statistic
  columns[[sprintf("Pr(>|%s|)", letter)]] <- estimates$p.value
  matrix <- do.call(cbind, columns)
  rownames(matrix) <- estimates$term
  matrix
}

#' Confidence intervals of coefficients
#'
#' Wald intervals: estimate and standard error, with Student's t on the degrees
#' of freedom of the covariance, or normal quantiles where the dispersion is known.
#'
#' For families other than gaussian `confint()` of a `glm` gives profile likelihood
#' intervals; these are those of `confint.default()`, and hold with robust covariances too.
#'
#' @param object A fit of [fit_glm()].
#' @param parm Names or numbers of coefficients; all by default.
#' @param level Level of the intervals.
#' @param vcov,cluster Which covariance, as in [summary.fit_glm()].
#' @param ... Nothing; an unknown argument is an error.
#' @return A matrix, one row a coefficient, with columns lower and upper limit,
#'   named by their percentage.
#' @examples
#' fit <- fit_glm(mpg ~ wt + hp, mtcars)
#' confint(fit)
#' confint(fit, "wt", vcov = "HC3")
#' @export
confint.fit_glm <- function(object, parm, level = 0.95, vcov = NULL, cluster = NULL, ...) {
  check_no_dots(...)
  check_number(level, "level", min = 0, max = 1)
  terms <- names(object$coefficients)
  if (missing(parm)) {
    parm <- terms
  } else if (is.numeric(parm)) {
    parm <- terms[parm]
  }
  check_terms(parm, terms)
  estimates <- fit_estimates(object, fit_covariance(object, vcov, cluster))
  limits <- estimate_limits(estimates[match(parm, terms), ], level)
  tails <- c((1 - level) / 2, (1 + level) / 2)
  dimnames(limits) <- list(parm, paste(format(100 * tails, trim = TRUE, digits = 3), "%"))
  limits
}

check_terms <- function(parm, known) {
  unknown <- setdiff(parm, known)
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "`parm`: the model has no coefficient %s.%s", enumerate(unknown),
      sub("columns", "coefficients", suggest(unknown[[1]], known))
    ), value = unknown)
  }
}

# R squared and the F test of all terms but the constant, as summary.lm(): the
# total is about the mean if there is a constant, else about 0.
explained <- function(fit, covariance = NULL) {
  constant <- attr(fit$terms, "intercept")
  of_model <- if (has_rows(fit)) {
    squares_of_model(fit, constant)
  } else {
    sum(fit$effects[fit$assign > 0]^2)
  }
  df <- fit$rank - constant
  if (df == 0) {
    return(list(r.squared = 0, adj.r.squared = 0))
  }
  r_squared <- of_model / (of_model + fit$deviance)
  list(
    r.squared = r_squared,
    adj.r.squared = 1 - (1 - r_squared) * ((fit$n_used - constant) / fit$df.residual),
    fstatistic = if (is.null(covariance) || covariance$type == "model") {
      c(value = of_model / df / dispersion(fit), numdf = df, dendf = fit$df.residual)
    } else {
      robust_f(fit, covariance)
    }
  )
}

squares_of_model <- function(fit, constant) {
  weights <- prior_weights(fit)
  value <- fit$fitted.values - if (is.null(fit$offset)) 0 else fit$offset
  centre <- if (constant) stats::weighted.mean(fit$fitted.values, weights) else 0
  if (constant && !is.null(fit$offset)) {
    value <- fit$fitted.values
  }
  sum(weights * (value - centre)^2)
}

# All terms but the constant at once; NA where the covariance has no such test.
robust_f <- function(fit, covariance) {
  wanted <- kept_terms(fit) & !(fit$assign == 0)
  test <- joint_test(fit, diag(length(wanted))[wanted, , drop = FALSE], 0, covariance)
  c(value = test$statistic, numdf = test$df, dendf = test$df.residual)
}

left_out <- function(fit) {
  if (is.null(fit$n_left_out)) length(fit$na.action) else fit$n_left_out
}

# "n = 362 rows used, 30 left out (missing values)" and the notes of the fit.
rows_text <- function(fit) {
  if (inherits(fit, "pooled_fit")) {
    return(pooled_rows_text(fit))
  }
  n_zero <- nrow_of(fit) - fit$n_used
  parts <- c(
    sprintf("%s rows used", count_text(fit$n_used)),
    if (left_out(fit) > 0) sprintf("%s left out for missing values", count_text(left_out(fit))),
    if (n_zero > 0) sprintf("%s of weight 0", count_text(n_zero))
  )
  c(paste0(paste(parts, collapse = ", "), "."), fit$notes)
}

# "1,000,000", never "1e+06".
count_text <- function(n) {
  format(n, big.mark = ",", scientific = FALSE)
}

nrow_of <- function(fit) {
  if (is.null(fit$model)) length(fit$residuals) - excluded(fit) else nrow(fit$model)
}

# Residuals of a summary have places for rows that na.exclude left out.
excluded <- function(fit) {
  if (inherits(fit$na.action, "exclude")) length(fit$na.action) else 0L
}

print_call <- function(fit) {
  cat("Call:\n")
  cat(strwrap(deparse1(fit$call), width = 76, exdent = 2), sep = "\n")
  cat("\n")
}

#' @export
print.fit_glm <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  print_call(x)
  cat("Coefficients:\n")
  print(x$coefficients, digits = digits)
  cat("\n")
  cat(strwrap(c(rows_text(x), cluster_text(x)), width = 79), sep = "\n")
  invisible(x)
}

# "Clusters: 125 of `group`."
cluster_text <- function(fit) {
  if (!is.null(fit$cluster)) {
    n <- vapply(fit$cluster, function(x) length(unique(x)), 1L)
    sprintf("Clusters: %s.", join_words(sprintf("%s of %s", count_text(n), names(n))))
  }
}

#' @export
print.summary.fit_glm <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  print_call(x)
  all_terms <- matrix(NA_real_, length(x$aliased), ncol(x$coefficients),
    dimnames = list(names(x$aliased), colnames(x$coefficients))
  )
  all_terms[!x$aliased, ] <- x$coefficients
  if ("df" %in% colnames(all_terms)) {
    all_terms[, "df"] <- round(all_terms[, "df"], 1)
  }
  cat("Coefficients:\n")
  stats::printCoefmat(all_terms,
    digits = digits, na.print = "NA", cs.ind = 1:2, tst.ind = ncol(all_terms) - 1, ...
  )
  cat("\n")
  cat(strwrap(summary_text(x, digits), width = 79), sep = "\n")
  invisible(x)
}

summary_text <- function(x, digits) {
  c(
    errors_text(x),
    if (x$linear) linear_text(x, digits) else deviance_text(x, digits),
    rows_text(x),
    if (any(x$aliased)) {
      sprintf(
        "Not estimable, given the terms before: %s.",
        enumerate(names(x$aliased)[x$aliased])
      )
    }
  )
}

errors_text <- function(x) {
  if (nzchar(x$vcov$label)) {
    return(sprintf("Standard errors: %s.", x$vcov$label))
  }
  if (!is.null(x$cluster)) {
    paste(
      "Standard errors: the model's own, as if rows were independent.",
      cluster_text(x), "vcov = \"CR2\" allows for them."
    )
  }
}

linear_text <- function(x, digits) {
  f <- x$fstatistic
  c(
    sprintf(
      "Residual standard error %s on %s degrees of freedom.",
      format(x$sigma, digits = digits), format(x$df.residual)
    ),
    if (!is.null(f)) {
      p <- stats::pf(f[["value"]], f[["numdf"]], f[["dendf"]], lower.tail = FALSE)
      sprintf(
        "R squared %s, adjusted %s; F(%s, %s) = %s, p %s.",
        format(x$r.squared, digits = digits), format(x$adj.r.squared, digits = digits),
        f[["numdf"]], format(f[["dendf"]], digits = digits), format(f[["value"]], digits = digits),
        p_with_sign(p, digits)
      )
    }
  )
}

deviance_text <- function(x, digits) {
  number <- function(value) format(value, digits = max(5L, digits + 1L))
  c(
    sprintf(
      "%s family, %s link; dispersion %s%s.",
      sentence_case(gsub("_", " ", x$family$family)), x$family$link,
      if (x$dispersion == 1) "" else "estimated as ", number(x$dispersion)
    ),
    if (!is.null(x$theta)) sprintf("Theta %s.", number(x$theta)),
    sprintf(
      "Null deviance %s on %s degrees of freedom, residual deviance %s on %s.",
      number(x$null.deviance), format(x$df.null), number(x$deviance), format(x$df.residual)
    ),
    sprintf(
      "%s%s iterations.", if (is.na(x$aic)) "" else sprintf("AIC %s; ", number(x$aic)),
      format(x$info$iterations)
    )
  )
}

# "= 0.0123", "< 2e-16".
p_with_sign <- function(p, digits) {
  text <- format.pval(p, digits = digits)
  if (is.na(p) || !startsWith(text, "<")) paste("=", text) else sub("^< *", "< ", text)
}

#' Tidy data frames from a fit
#'
#' Methods for the generics `tidy()`, `glance()` and `augment()` of the
#' packages generics and broom.
#'
#' @param x A fit of [fit_glm()].
#' @param conf.int Add `conf.low` and `conf.high`?
#' @param conf.level Level of the interval.
#' @param exponentiate Give the exponential of estimate and interval (odds ratios,
#'   rate ratios)? `std.error` and `statistic` stay those of the coefficient.
#' @param vcov,cluster Which covariance, as in [summary.fit_glm()].
#' @param data,newdata Rows to add columns to: `data` defaults to the model
#'   frame, `newdata` to nothing.
#' @param ... Nothing; an unknown argument is an error.
#' @return Plain data frames. `tidy()`: one row a coefficient, aliased ones
#'   included: `term`, `estimate`, `std.error`, `statistic` (t, or z where `df` is `Inf`), `df`,
#'   `p.value` and, if asked for, `conf.low`, `conf.high`. `glance()`: one row; for families other
#'   than gaussian with `null.deviance`, `df.null` and without R squared and F.
#'   `augment()`: the rows with `.fitted`, `.resid`, `.hat`, `.sigma`, `.cooksd`,
#'   `.std.resid` as broom has them, `NA` for rows that were not used; for
#'   `newdata` `.fitted`, and `.resid` of a linear model if the answer is there.
#' @examples
#' fit <- fit_glm(mpg ~ wt, mtcars)
#' if (requireNamespace("generics", quietly = TRUE)) {
#'   generics::tidy(fit, conf.int = TRUE)
#'   generics::tidy(fit, vcov = "HC3")
#'   generics::glance(fit)
#' }
#' @name fit_glm_tidiers
#' @exportS3Method generics::tidy
tidy.fit_glm <- function(x, conf.int = FALSE, conf.level = 0.95, exponentiate = FALSE,
                         vcov = NULL, cluster = NULL, ...) {
  check_no_dots(...)
  check_flag(conf.int, "conf.int")
  check_flag(exponentiate, "exponentiate")
  check_number(conf.level, "conf.level", min = 0, max = 1)
  table <- fit_estimates(x, fit_covariance(x, vcov, cluster))
  if (conf.int) {
    table[c("conf.low", "conf.high")] <- estimate_limits(table, conf.level)
  }
  if (exponentiate) exponentiated(table) else table
}

#' @rdname fit_glm_tidiers
#' @exportS3Method generics::glance
glance.fit_glm <- function(x, ...) {
  check_no_dots(...)
  own <- if (is_linear(x)) glance_linear(x) else glance_deviance(x)
  data.frame(own,
    logLik = as.numeric(stats::logLik(x)), AIC = stats::AIC(x), BIC = stats::BIC(x),
    deviance = x$deviance, df.residual = as.double(x$df.residual), nobs = stats::nobs(x),
    left.out = left_out(x), method = x$info$method
  )
}

glance_linear <- function(fit) {
  parts <- explained(fit)
  f <- parts$fstatistic
  if (is.null(f)) {
    f <- c(value = NA, numdf = NA, dendf = NA)
  }
  data.frame(
    r.squared = parts$r.squared, adj.r.squared = parts$adj.r.squared,
    sigma = sqrt(dispersion(fit)), statistic = f[["value"]],
    p.value = stats::pf(f[["value"]], f[["numdf"]], f[["dendf"]], lower.tail = FALSE),
    df = f[["numdf"]]
  )
}

glance_deviance <- function(fit) {
  data.frame(null.deviance = fit$null.deviance, df.null = fit$df.null)
}
