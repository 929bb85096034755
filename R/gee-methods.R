# What a fit_gee object answers.

#' Summaries and covariances of estimating equations
#'
#' @param object,x A fit of [fit_gee()].
#' @param vcov,type `"robust"`, `"KC"`, `"MD"`, `"FG"` or `"model"`: see
#'   *Standard errors* of [fit_gee()]; `vcov` may also be a matrix or a function
#'   of the fit.
#' @param df `"satterthwaite"`, `"clusters"` or a number, `Inf` for z tests.
#' @param complete Keep rows and columns of aliased coefficients, as `NA`?
#' @param parm Names or numbers of coefficients; all by default.
#' @param level,conf.level Level of the intervals.
#' @param conf.int Add `conf.low` and `conf.high`?
#' @param exponentiate Give `exp()` of estimates and limits? Standard errors
#'   stay those of the coefficients.
#' @param newdata A data frame with the model's variables; without it the rows
#'   that were fitted.
#' @param se.fit Standard errors too? Then the result is a list of `fit`,
#'   `se.fit` and `df`; those of the response by the delta method.
#' @param interval `"confidence"`: columns `fit`, `lwr`, `upr` for the mean, made
#'   on the scale of the link.
#' @param ... Nothing; an unknown argument is an error.
#' @return `summary()`: an object that prints itself, with `coefficients`, a matrix
#'   of estimate, standard error, df, t and p. `vcov()`: a matrix. `confint()`: a
#'   matrix of limits. `predict()`: a vector, a matrix or a list. `tidy()` and
#'   `glance()`: plain data frames.
#' @examples
#' fit <- fit_gee(weight ~ Time, ChickWeight, cluster = ~ Chick, corstr = "ar1", time = ~ Time)
#' summary(fit, vcov = "MD", df = "clusters")
#' predict(fit, data.frame(Time = c(0, 21)), interval = "confidence")
#' @name fit_gee_methods
NULL

#' @rdname fit_gee_methods
#' @export
summary.fit_gee <- function(object, vcov = NULL, df = "satterthwaite", ...) {
  check_no_dots(...)
  covariance <- gee_covariance(object, vcov, df)
  table <- gee_table(object, covariance)
  kept <- object[c(
    "call", "terms", "family", "corstr", "correlation", "dispersion", "n_used", "n_clusters",
    "cluster_sizes", "cluster", "rank", "df.residual", "na.action", "notes", "model", "info"
  )]
  kept$coefficients <- cbind(
    Estimate = table$estimate, `Std. Error` = table$std.error, df = table$df,
    `t value` = table$statistic, `Pr(>|t|)` = table$p.value
  )
  rownames(kept$coefficients) <- table$term
  kept$vcov <- covariance$matrix
  kept$type <- covariance$type
  kept$label <- covariance$label
  structure(kept, class = "summary.fit_gee")
}

gee_table <- function(fit, covariance) {
  error <- sqrt(diag(covariance$matrix))
  df <- covariance$df(diag(length(fit$coefficients)))
  df[!kept_terms(fit)] <- NA
  statistic <- fit$coefficients / error
  data.frame(
    term = names(fit$coefficients), estimate = unname(fit$coefficients),
    std.error = unname(error), statistic = unname(statistic), df = df,
    p.value = unname(2 * stats::pt(abs(statistic), df, lower.tail = FALSE))
  )
}

#' @export
print.fit_gee <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  print_call(x)
  cat("Coefficients:\n")
  print(x$coefficients, digits = digits)
  cat("\n")
  print_correlation(x, digits)
  cat(strwrap(c(gee_cluster_text(x), rows_text(x)), width = 79), sep = "\n")
  invisible(x)
}

#' @export
print.summary.fit_gee <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  print_call(x)
  cat("Coefficients:\n")
  stats::printCoefmat(
    x$coefficients,
    digits = digits, na.print = "NA", cs.ind = 1:2, tst.ind = 4, has.Pvalue = TRUE, ...
  )
  cat("\n")
  print_correlation(x, digits)
  few <- x$type == "robust" && x$n_clusters < 50
  lines <- c(
    sprintf("%s.", sentence_case(x$label)),
    if (few) "With few clusters robust ones are too small; vcov = \"KC\" corrects them.",
    gee_cluster_text(x), rows_text(x)
  )
  cat(strwrap(lines, width = 79), sep = "\n")
  invisible(x)
}

print_correlation <- function(fit, digits) {
  dispersion <- sprintf("Dispersion %s.", format(fit$dispersion, digits = digits))
  what <- if (is.null(fit$correlation)) {
    "independence"
  } else if (is.matrix(fit$correlation)) {
    "unstructured, below"
  } else {
    sprintf("%s, %s", fit$corstr, format(fit$correlation, digits = digits))
  }
  cat(sprintf("Working correlation: %s. %s\n", what, dispersion))
  if (is.matrix(fit$correlation)) {
    print(fit$correlation, digits = digits)
  }
}

gee_cluster_text <- function(fit) {
  sizes <- range(fit$cluster_sizes)
  sprintf(
    "%s clusters (%s) of %s rows.", count_text(fit$n_clusters), names(fit$cluster)[[1]],
    if (sizes[[1]] == sizes[[2]]) sizes[[1]] else sprintf("%d to %d", sizes[[1]], sizes[[2]])
  )
}

#' @rdname fit_gee_methods
#' @export
vcov.fit_gee <- function(object, type = NULL, complete = TRUE, ...) {
  check_no_dots(...)
  covariance <- gee_covariance(object, type)$matrix
  if (complete) covariance else covariance[kept_terms(object), kept_terms(object), drop = FALSE]
}

#' @rdname fit_gee_methods
#' @export
confint.fit_gee <- function(object, parm, level = 0.95, vcov = NULL, df = "satterthwaite", ...) {
  check_no_dots(...)
  check_number(level, "level", min = 0, max = 1)
  table <- gee_table(object, gee_covariance(object, vcov, df))
  if (missing(parm)) {
    parm <- table$term
  } else if (is.numeric(parm)) {
    parm <- table$term[parm]
  }
  check_terms(parm, table$term)
  table <- table[match(parm, table$term), ]
  tails <- c((1 - level) / 2, (1 + level) / 2)
  limits <- table$estimate + table$std.error * outer(table$df, tails, function(df, p) {
    stats::qt(p, df)
  })
  dimnames(limits) <- list(parm, paste(format(100 * tails, trim = TRUE, digits = 3), "%"))
  limits
}

#' @rdname fit_gee_methods
#' @export
predict.fit_gee <- function(object, newdata = NULL, type = c("response", "link"), se.fit = FALSE,
                            interval = c("none", "confidence"), level = 0.95, vcov = NULL,
                            df = "satterthwaite", ...) {
  check_no_dots(...)
  type <- check_choice(type, c("response", "link"), "type")
  interval <- check_choice(interval, c("none", "confidence"), "interval")
  check_flag(se.fit, "se.fit")
  check_number(level, "level", min = 0, max = 1)
  restore <- function(x) if (is.null(newdata)) stats::napredict(object$na.action, x) else x
  covariance <- gee_covariance(object, vcov, df)
  frame <- if (is.null(newdata)) object$model else new_frame(object, newdata)
  values <- linear_values(object, frame, newdata, covariance)
  df_rows <- if (se.fit || interval != "none") covariance$df(frame_matrix(object, frame))
  if (interval == "confidence") {
    half <- stats::qt((1 + level) / 2, df_rows) * values$se
    values$fit <- cbind(fit = values$fit, lwr = values$fit - half, upr = values$fit + half)
  }
  if (type == "response") {
    values <- on_response(object$family, values)
  }
  if (!se.fit) {
    return(restore(values$fit))
  }
  list(fit = restore(values$fit), se.fit = restore(values$se), df = df_rows)
}

#' @export
fitted.fit_gee <- function(object, ...) {
  values <- object$fitted.values
  names(values) <- row.names(object$model)
  stats::napredict(object$na.action, values)
}

#' @export
residuals.fit_gee <- function(object, type = c("pearson", "response", "working", "deviance"),
                              ...) {
  check_no_dots(...)
  type <- check_choice(type, c("pearson", "response", "working", "deviance"), "type")
  raw <- object$y - object$fitted.values
  weights <- prior_weights(object)
  value <- switch(type,
    response = raw,
    working = object$residuals,
    pearson = raw * sqrt(weights / object$family$variance(object$fitted.values)),
    deviance = sign(raw) * sqrt(pmax(
      object$family$dev.resids(object$y, object$fitted.values, weights), 0
    ))
  )
  dress_rows(object, value)
}

#' @export
nobs.fit_gee <- function(object, ...) {
  object$n_used
}

#' @export
formula.fit_gee <- function(x, ...) {
  stats::formula(x$terms)
}

#' @export
terms.fit_gee <- function(x, ...) {
  x$terms
}

#' @export
family.fit_gee <- function(object, ...) {
  object$family
}

#' @export
weights.fit_gee <- function(object, ...) {
  if (is.null(object$weights)) NULL else stats::naresid(object$na.action, object$weights)
}

#' @export
df.residual.fit_gee <- function(object, ...) {
  object$df.residual
}

#' @export
model.frame.fit_gee <- function(formula, ...) {
  check_no_dots(...)
  formula$model
}

#' @export
model.matrix.fit_gee <- function(object, ...) {
  stats::model.matrix(object$terms, object$model, object$contrasts)
}

#' @rdname fit_gee_methods
#' @exportS3Method generics::tidy
tidy.fit_gee <- function(x, conf.int = FALSE, conf.level = 0.95, exponentiate = FALSE,
                         vcov = NULL, df = "satterthwaite", ...) {
  check_no_dots(...)
  check_flag(conf.int, "conf.int")
  check_flag(exponentiate, "exponentiate")
  check_number(conf.level, "conf.level", min = 0, max = 1)
  table <- gee_table(x, gee_covariance(x, vcov, df))
  if (conf.int) {
    half <- stats::qt((1 + conf.level) / 2, table$df) * table$std.error
    table$conf.low <- table$estimate - half
    table$conf.high <- table$estimate + half
  }
  if (exponentiate) {
    scaled <- intersect(c("estimate", "conf.low", "conf.high"), names(table))
    table[scaled] <- exp(table[scaled])
  }
  table
}

#' @rdname fit_gee_methods
#' @exportS3Method generics::glance
glance.fit_gee <- function(x, ...) {
  check_no_dots(...)
  data.frame(
    corstr = x$corstr, correlation = if (length(x$alpha) == 1) x$alpha else NA_real_,
    dispersion = x$dispersion, n.clusters = x$n_clusters,
    min.cluster.size = min(x$cluster_sizes), max.cluster.size = max(x$cluster_sizes),
    df.residual = x$df.residual, nobs = stats::nobs(x), left.out = left_out(x),
    iterations = x$info$iterations, converged = x$info$converged
  )
}
