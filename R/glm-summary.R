# What a fit says of itself: summary, tidy(), print().

#' @export
summary.fit_glm <- function(object, ...) {
  check_no_dots(...)
  kept <- kept_terms(object)
  estimate <- object$coefficients[kept]
  error <- standard_errors(object)[kept]
  t <- estimate / error
  p <- 2 * stats::pt(abs(t), object$df.residual, lower.tail = FALSE)
  fit <- object[c(
    "call", "terms", "family", "deviance", "df.residual", "rank", "na.action", "notes", "n_used",
    "cov.unscaled"
  )]
  fit$coefficients <- cbind(
    Estimate = estimate, `Std. Error` = error, `t value` = t, `Pr(>|t|)` = p
  )
  fit$aliased <- !kept
  fit$df <- c(object$rank, object$df.residual, length(kept))
  fit$sigma <- sqrt(dispersion(object))
  fit$residuals <- stats::residuals(object)
  structure(c(fit, explained(object)), class = "summary.fit_glm")
}

# R squared and the F test of all terms but the constant, as summary.lm(): the
# total is about the mean if there is a constant, else about 0.
explained <- function(fit) {
  weights <- prior_weights(fit)
  constant <- attr(fit$terms, "intercept")
  value <- fit$fitted.values - if (is.null(fit$offset)) 0 else fit$offset
  centre <- if (constant) stats::weighted.mean(fit$fitted.values, weights) else 0
  if (constant && !is.null(fit$offset)) {
    value <- fit$fitted.values
  }
  of_model <- sum(weights * (value - centre)^2)
  df <- fit$rank - constant
  if (df == 0) {
    return(list(r.squared = 0, adj.r.squared = 0))
  }
  r_squared <- of_model / (of_model + fit$deviance)
  list(
    r.squared = r_squared,
    adj.r.squared = 1 - (1 - r_squared) * ((fit$n_used - constant) / fit$df.residual),
    fstatistic = c(
      value = of_model / df / dispersion(fit), numdf = df, dendf = fit$df.residual
    )
  )
}

left_out <- function(fit) {
  length(fit$na.action)
}

# "n = 362 rows used, 30 left out (missing values)" and the notes of the fit.
rows_text <- function(fit) {
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
  cat(strwrap(rows_text(x), width = 79), sep = "\n")
  invisible(x)
}

#' @export
print.summary.fit_glm <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  print_call(x)
  all_terms <- matrix(NA_real_, length(x$aliased), 4,
    dimnames = list(names(x$aliased), colnames(x$coefficients))
  )
  all_terms[!x$aliased, ] <- x$coefficients
  cat("Coefficients:\n")
  stats::printCoefmat(all_terms, digits = digits, na.print = "NA", ...)
  cat("\n")
  cat(strwrap(summary_text(x, digits), width = 79), sep = "\n")
  invisible(x)
}

summary_text <- function(x, digits) {
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
        f[["numdf"]], f[["dendf"]], format(f[["value"]], digits = digits),
        p_with_sign(p, digits)
      )
    },
    rows_text(x),
    if (any(x$aliased)) {
      sprintf(
        "Not estimable, given the terms before: %s.",
        enumerate(names(x$aliased)[x$aliased])
      )
    }
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
#' @param data,newdata Rows to add columns to: `data` defaults to the model
#'   frame, `newdata` to nothing.
#' @param ... Nothing; an unknown argument is an error.
#' @return Plain data frames. `tidy()`: one row a coefficient, aliased ones
#'   included: `term`, `estimate`, `std.error`, `statistic` (t), `df`,
#'   `p.value` and, if asked for, `conf.low`, `conf.high`. `glance()`: one row.
#'   `augment()`: the rows with `.fitted`, `.resid`, `.hat`, `.sigma`, `.cooksd`,
#'   `.std.resid` as broom has them, `NA` for rows that were not used; for
#'   `newdata` `.fitted`, and `.resid` of a linear model if the answer is there.
#' @examples
#' fit <- fit_glm(mpg ~ wt, mtcars)
#' if (requireNamespace("generics", quietly = TRUE)) {
#'   generics::tidy(fit, conf.int = TRUE)
#'   generics::glance(fit)
#' }
#' @name fit_glm_tidiers
#' @exportS3Method generics::tidy
tidy.fit_glm <- function(x, conf.int = FALSE, conf.level = 0.95, ...) {
  check_no_dots(...)
  check_flag(conf.int, "conf.int")
  error <- standard_errors(x)
  statistic <- x$coefficients / error
  table <- data.frame(
    term = names(x$coefficients), estimate = unname(x$coefficients), std.error = unname(error),
    statistic = unname(statistic), df = as.double(x$df.residual),
    p.value = unname(2 * stats::pt(abs(statistic), x$df.residual, lower.tail = FALSE))
  )
  if (conf.int) {
    limits <- stats::confint(x, level = conf.level)
    table$conf.low <- unname(limits[, 1])
    table$conf.high <- unname(limits[, 2])
  }
  table
}

#' @rdname fit_glm_tidiers
#' @exportS3Method generics::glance
glance.fit_glm <- function(x, ...) {
  check_no_dots(...)
  parts <- explained(x)
  f <- parts$fstatistic
  if (is.null(f)) {
    f <- c(value = NA, numdf = NA, dendf = NA)
  }
  data.frame(
    r.squared = parts$r.squared, adj.r.squared = parts$adj.r.squared,
    sigma = sqrt(dispersion(x)), statistic = f[["value"]],
    p.value = stats::pf(f[["value"]], f[["numdf"]], f[["dendf"]], lower.tail = FALSE),
    df = f[["numdf"]], logLik = as.numeric(stats::logLik(x)), AIC = stats::AIC(x),
    BIC = stats::BIC(x), deviance = x$deviance, df.residual = as.double(x$df.residual),
    nobs = stats::nobs(x), left.out = left_out(x), method = x$info$method
  )
}
