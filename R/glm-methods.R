# Methods of fit_glm objects, in the order: parts, inference, prediction,
# diagnostics, printing, other packages.

# ---- Parts of the fit ----

# Vectors are stored without names (making a million of them is slow) and get
# them, and their places for left-out rows, when they are asked for.
dress_rows <- function(fit, x) {
  names(x) <- row.names(fit$model)
  stats::naresid(fit$na.action, x)
}

prior_weights <- function(fit) {
  if (is.null(fit$weights)) rep(1, length(fit$residuals)) else fit$weights
}

kept_terms <- function(fit) {
  !is.na(fit$coefficients)
}

residual_variance <- function(fit) {
  if (fit$df.residual > 0) fit$deviance / fit$df.residual else NaN
}

#' @export
formula.fit_glm <- function(x, ...) {
  stats::formula(x$terms)
}

#' @export
terms.fit_glm <- function(x, ...) {
  x$terms
}

#' @export
family.fit_glm <- function(object, ...) {
  object$family
}

#' @export
model.frame.fit_glm <- function(formula, ...) {
  if (...length() == 0) {
    return(formula$model)
  }
  call <- formula$call
  kept <- match(c("formula", "data", "subset", "weights", "na.action", "offset"), names(call), 0L)
  frame_call <- call[c(1L, kept)]
  frame_call[[1L]] <- quote(stats::model.frame)
  frame_call$drop.unused.levels <- TRUE
  frame_call$formula <- formula$terms
  given <- list(...)
  frame_call[names(given)] <- given
  eval(frame_call, environment(formula$terms), parent.frame())
}

#' @export
model.matrix.fit_glm <- function(object, ...) {
  stats::model.matrix(object$terms, object$model, object$contrasts)
}

#' @export
nobs.fit_glm <- function(object, ...) {
  as.integer(object$n_used)
}

#' @export
fitted.fit_glm <- function(object, ...) {
  values <- object$fitted.values
  names(values) <- row.names(object$model)
  stats::napredict(object$na.action, values)
}

#' @export
weights.fit_glm <- function(object, type = c("prior", "working"), ...) {
  type <- check_choice(type, c("prior", "working"), "type")
  if (type == "prior" && is.null(object$weights)) {
    return(NULL)
  }
  stats::naresid(object$na.action, prior_weights(object))
}

#' @export
residuals.fit_glm <- function(object,
                              type = c("deviance", "pearson", "working", "response", "partial"),
                              ...) {
  check_no_dots(...)
  types <- c("deviance", "pearson", "working", "response", "partial")
  type <- check_choice(type, types, "type")
  raw <- object$residuals
  if (type == "partial") {
    names(raw) <- row.names(object$model)
    parts <- stats::naresid(object$na.action, raw + term_values(object)$fit)
    return(parts)
  }
  scaled <- type %in% c("deviance", "pearson") && !is.null(object$weights)
  dress_rows(object, if (scaled) sqrt(object$weights) * raw else raw)
}

# ---- Inference ----

#' @export
vcov.fit_glm <- function(object, complete = TRUE, ...) {
  check_no_dots(...)
  covariance <- residual_variance(object) * object$cov.unscaled
  if (complete) covariance else covariance[kept_terms(object), kept_terms(object), drop = FALSE]
}

#' @export
confint.fit_glm <- function(object, parm, level = 0.95, ...) {
  check_no_dots(...)
  check_number(level, "level", min = 0, max = 1)
  estimate <- object$coefficients
  if (missing(parm)) {
    parm <- names(estimate)
  } else if (is.numeric(parm)) {
    parm <- names(estimate)[parm]
  }
  check_terms(parm, names(estimate))
  tails <- c((1 - level) / 2, (1 + level) / 2)
  quantile <- stats::qt(tails, object$df.residual)
  limits <- estimate[parm] + outer(standard_errors(object)[parm], quantile)
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

standard_errors <- function(fit) {
  sqrt(residual_variance(fit) * diag(fit$cov.unscaled))
}

#' @export
logLik.fit_glm <- function(object, ...) {
  used <- prior_weights(object) > 0
  n <- sum(used)
  density <- 0.5 * (sum(log(prior_weights(object)[used])) -
    n * (log(2 * pi) + 1 - log(n) + log(object$deviance)))
  structure(density, nall = length(used), nobs = n, df = object$rank + 1, class = "logLik")
}

# For step(), add1() and drop1(), as extractAIC.lm(): n log(RSS / n) + k edf.
#' @export
extractAIC.fit_glm <- function(fit, scale = 0, k = 2, ...) {
  n <- fit$n_used
  edf <- n - fit$df.residual
  fit_part <- if (scale > 0) fit$deviance / scale - n else n * log(fit$deviance / n)
  c(edf, fit_part + k * edf)
}

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
  fit$sigma <- sqrt(residual_variance(object))
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
      value = of_model / df / residual_variance(fit), numdf = df, dendf = fit$df.residual
    )
  )
}

#' @export
anova.fit_glm <- function(object, ..., test = c("F", "none")) {
  test <- check_choice(test, c("F", "none"), "test")
  others <- list(...)
  is_fit <- vapply(others, inherits, logical(1), "fit_glm")
  if (!all(is_fit)) {
    qst_abort("argument", "anova() compares fit_glm objects with each other only.")
  }
  table <- if (length(others) > 0) anova_between(c(list(object), others)) else anova_within(object)
  if (test == "none") {
    table[["F value"]] <- table[["F"]] <- table[["Pr(>F)"]] <- NULL
  }
  table
}

# Terms in the order of the formula: effect j squared is what column j adds.
anova_within <- function(fit) {
  kept <- kept_terms(fit)
  assign <- fit$assign[kept]
  labels <- attr(fit$terms, "term.labels")
  present <- sort(unique(assign[assign > 0]))
  sums <- vapply(present, function(k) sum(fit$effects[kept][assign == k]^2), numeric(1))
  df <- vapply(present, function(k) sum(assign == k), integer(1))
  mean <- c(sums / df, residual_variance(fit))
  f <- c(sums / df / residual_variance(fit), NA)
  table <- data.frame(
    Df = c(df, fit$df.residual), `Sum Sq` = c(sums, fit$deviance), `Mean Sq` = mean,
    `F value` = f, `Pr(>F)` = stats::pf(f, c(df, NA), fit$df.residual, lower.tail = FALSE),
    check.names = FALSE, row.names = c(labels[present], "Residuals")
  )
  heading <- c(
    "Analysis of Variance Table\n", paste("Response:", deparse1(stats::formula(fit)[[2]]))
  )
  structure(table, heading = heading, class = c("anova", "data.frame"))
}

anova_between <- function(fits) {
  n <- vapply(fits, stats::nobs, integer(1))
  responses <- vapply(fits, function(fit) deparse1(stats::formula(fit)[[2]]), character(1))
  if (length(unique(n)) > 1 || length(unique(responses)) > 1) {
    qst_abort("argument", sprintf(
      paste(
        "These models cannot be compared: rows used are %s, responses %s.",
        "Fit all of them to the same rows, for instance after na.omit() on their variables."
      ), paste(n, collapse = ", "), paste(unique(responses), collapse = ", ")
    ))
  }
  df <- vapply(fits, stats::df.residual, numeric(1))
  rss <- vapply(fits, stats::deviance, numeric(1))
  largest <- which.min(df)
  added <- c(NA, -diff(df))
  gained <- c(NA, -diff(rss))
  f <- gained / added / (rss[[largest]] / df[[largest]])
  f[!is.na(added) & added == 0] <- NA
  table <- data.frame(
    Res.Df = df, RSS = rss, Df = added, `Sum of Sq` = gained, F = f,
    `Pr(>F)` = stats::pf(f, abs(added), df[[largest]], lower.tail = FALSE),
    check.names = FALSE
  )
  formulas <- vapply(fits, function(fit) deparse1(stats::formula(fit)), character(1))
  structure(table,
    heading = c(
      "Analysis of Variance Table\n",
      paste0("Model ", seq_along(fits), ": ", formulas, collapse = "\n")
    ),
    class = c("anova", "data.frame")
  )
}

# ---- Prediction ----

#' Predictions of a fitted model
#'
#' @param object A fit of [fit_glm()].
#' @param newdata A data frame with the model's variables; without it the rows
#'   that were fitted.
#' @param type `"response"` and `"link"` (the same for these models), or
#'   `"terms"`: what each term adds to the mean, as in [stats::predict.lm()].
#' @param se.fit Standard errors too? Then the result is a list of `fit`,
#'   `se.fit`, `df` and `residual.scale`.
#' @param interval `"confidence"` of the mean or `"prediction"` of a new
#'   answer: columns `fit`, `lwr`, `upr`.
#' @param level Level of the interval.
#' @param weights Weights of the new answers, for `interval = "prediction"`;
#'   by default 1, or without `newdata` those of the fit.
#' @param ... Nothing; an unknown argument is an error.
#' @return A named vector, a matrix or a list, as from [stats::predict.lm()]. Rows
#'   of `newdata` with missing values give `NA`.
#' @section Errors:
#' `questrial_error_argument` for a variable that is missing in `newdata` or a
#' factor level that the model has not seen.
#' @section Differences from predict.lm:
#' The default type is `"response"`, as there. A fit with aliased coefficients
#' warns (`questrial_warning_singular`) when `newdata` is given.
#' @examples
#' fit <- fit_glm(mpg ~ wt, mtcars)
#' predict(fit, data.frame(wt = 2:4), interval = "prediction")
#' @export
predict.fit_glm <- function(object, newdata = NULL, type = c("response", "link", "terms"),
                            se.fit = FALSE, interval = c("none", "confidence", "prediction"),
                            level = 0.95, weights = NULL, ...) {
  check_no_dots(...)
  type <- check_choice(type, c("response", "link", "terms"), "type")
  interval <- check_choice(interval, c("none", "confidence", "prediction"), "interval")
  check_flag(se.fit, "se.fit")
  check_number(level, "level", min = 0, max = 1)
  rows <- prediction_rows(object, newdata)
  values <- if (type == "terms") term_values(object, rows$x) else linear_values(object, rows)
  fit <- values$fit
  if (interval != "none") {
    weights <- prediction_weights(object, newdata, weights)
    fit <- with_interval(object, values, interval, level, weights)
  }
  restore <- function(x) if (is.null(newdata)) stats::napredict(object$na.action, x) else x
  if (!se.fit) {
    return(restore(fit))
  }
  list(
    fit = restore(fit), se.fit = restore(values$se), df = object$df.residual,
    residual.scale = sqrt(residual_variance(object))
  )
}

# Model matrix and offset of the rows to predict.
prediction_rows <- function(fit, newdata) {
  if (is.null(newdata)) {
    offset <- if (is.null(fit$offset)) 0 else fit$offset
    return(list(x = stats::model.matrix(fit), offset = offset))
  }
  if (any(!kept_terms(fit))) {
    qst_warn("singular", sprintf(
      "Coefficients %s are aliased; predictions for new data may be misleading.",
      enumerate(names(fit$coefficients)[!kept_terms(fit)])
    ))
  }
  terms <- stats::delete.response(fit$terms)
  frame <- new_frame(fit, terms, newdata)
  list(
    x = stats::model.matrix(terms, frame, contrasts.arg = fit$contrasts),
    offset = new_offset(fit, frame, newdata)
  )
}

new_frame <- function(fit, terms, newdata) {
  check_data_frame(newdata, "newdata", min_rows = 0)
  variables <- all.vars(terms)
  known <- vapply(variables, exists, logical(1), envir = environment(terms))
  check_columns(newdata, variables[!known], "newdata")
  frame <- tryCatch(
    stats::model.frame(terms, newdata, na.action = stats::na.pass, xlev = fit$xlevels),
    error = function(e) qst_abort("argument", sprintf("`newdata`: %s.", conditionMessage(e)))
  )
  classes <- attr(terms, "dataClasses")
  if (!is.null(classes)) {
    tryCatch(stats::.checkMFClasses(classes, frame), error = function(e) {
      qst_abort("argument", sprintf("`newdata`: %s.", conditionMessage(e)))
    })
  }
  frame
}

# Offsets of the formula and of the argument, evaluated in the new data.
new_offset <- function(fit, frame, newdata) {
  offset <- stats::model.offset(frame)
  given <- fit$call$offset
  if (!is.null(given)) {
    offset <- (if (is.null(offset)) 0 else offset) +
      eval(given, newdata, environment(fit$terms))
  }
  if (is.null(offset)) 0 else offset
}

linear_values <- function(fit, rows) {
  kept <- kept_terms(fit)
  x <- rows$x[, kept, drop = FALSE]
  covariance <- stats::vcov(fit, complete = FALSE)
  value <- drop(x %*% fit$coefficients[kept]) + rows$offset
  list(fit = value, se = stats::setNames(sqrt(rowSums((x %*% covariance) * x)), names(value)))
}

# Terms about their means in the fitted data; the constant is an attribute.
term_values <- function(fit, x = stats::model.matrix(fit)) {
  kept <- kept_terms(fit)
  constant <- 0
  if (attr(fit$terms, "intercept") > 0) {
    means <- colMeans(stats::model.matrix(fit))
    x <- sweep(x, 2, means)
    constant <- sum(means[kept] * fit$coefficients[kept])
  }
  covariance <- stats::vcov(fit)
  labels <- attr(fit$terms, "term.labels")
  one_term <- function(k) {
    columns <- which(kept & fit$assign == k)
    part <- x[, columns, drop = FALSE]
    cbind(
      part %*% fit$coefficients[columns],
      sqrt(rowSums((part %*% covariance[columns, columns, drop = FALSE]) * part))
    )
  }
  both <- lapply(seq_along(labels), one_term)
  bind <- function(j) {
    parts <- vapply(both, function(part) part[, j], numeric(nrow(x)))
    matrix(parts, nrow(x), dimnames = list(rownames(x), labels))
  }
  list(fit = structure(bind(1), constant = constant), se = bind(2))
}

prediction_weights <- function(fit, newdata, weights) {
  if (!is.null(weights)) {
    weights
  } else if (is.null(newdata)) {
    prior_weights(fit)
  } else {
    1
  }
}

with_interval <- function(fit, values, interval, level, weights) {
  noise <- if (interval == "prediction") residual_variance(fit) / weights else 0
  half <- stats::qt((1 + level) / 2, fit$df.residual) * sqrt(values$se^2 + noise)
  if (is.matrix(values$fit)) {
    return(list(fit = values$fit, lwr = values$fit - half, upr = values$fit + half))
  }
  cbind(fit = values$fit, lwr = values$fit - half, upr = values$fit + half)
}

#' @export
simulate.fit_glm <- function(object, nsim = 1, seed = NULL, ...) {
  check_no_dots(...)
  state <- keep_seed(seed)
  on.exit(state$restore())
  error <- sqrt(residual_variance(object) / prior_weights(object))
  value <- object$fitted.values
  draws <- replicate(nsim, value + stats::rnorm(length(value), sd = error), simplify = FALSE)
  draws <- as.data.frame(draws, col.names = paste0("sim_", seq_len(nsim)))
  row.names(draws) <- row.names(object$model)
  structure(draws, seed = state$seed)
}

# As in stats: with a seed the generator is put back afterwards, and what is
# needed to repeat the draws is kept.
keep_seed <- function(seed) {
  if (!exists(".Random.seed", envir = .GlobalEnv, inherits = FALSE)) {
    stats::runif(1)
  }
  before <- get(".Random.seed", envir = .GlobalEnv)
  if (is.null(seed)) {
    return(list(seed = before, restore = function() NULL))
  }
  set.seed(seed)
  list(
    seed = structure(seed, kind = as.list(RNGkind())),
    restore = function() assign(".Random.seed", before, envir = .GlobalEnv)
  )
}

# ---- Diagnostics ----

# As in lm(), rows of weight 0 are left out here, and rows that na.exclude left
# out of the fit have no leverage.
#' @export
hatvalues.fit_glm <- function(model, ...) {
  x <- stats::model.matrix(model)
  fit <- fit_core(x, model$fitted.values, model$weights, NULL, NULL, leverage = TRUE)
  leverage <- used_rows(model, pmin(fit$leverage, 1))
  leverage[is.na(leverage)] <- 0
  leverage
}

used_rows <- function(fit, x) {
  names(x) <- row.names(fit$model)
  stats::naresid(fit$na.action, x[prior_weights(fit) > 0])
}

#' @export
cooks.distance.fit_glm <- function(model, ...) {
  leverage <- stats::hatvalues(model)
  residual <- used_rows(model, sqrt(prior_weights(model)) * model$residuals)
  distance <- (residual / (1 - leverage))^2 * leverage / (residual_variance(model) * model$rank)
  distance[is.infinite(distance)] <- NaN
  distance
}

#' @export
rstandard.fit_glm <- function(model, ...) {
  residual <- used_rows(model, sqrt(prior_weights(model)) * model$residuals)
  standardised <- residual / sqrt(residual_variance(model) * (1 - stats::hatvalues(model)))
  standardised[is.infinite(standardised)] <- NaN
  standardised
}

# As rstudent.lm(): the variance is that without the row.
#' @export
rstudent.fit_glm <- function(model, ...) {
  standardised <- stats::rstandard(model)
  df <- model$df.residual
  standardised * sqrt((df - 1) / (df - standardised^2))
}

#' Two pictures of a fit: residuals against fitted values, and their quantiles
#'
#' Standardised residuals against fitted values show curvature and unequal
#' spread; their normal quantile plot shows tails. The three largest are
#' labelled by row name.
#'
#' @param x A fit of [fit_glm()].
#' @param ... Passed to [graphics::plot.default()].
#' @return `x`, invisibly.
#' @examples
#' plot(fit_glm(mpg ~ wt, mtcars))
#' @export
plot.fit_glm <- function(x, ...) {
  residual <- stats::rstandard(x)
  fitted <- stats::fitted(x)[names(residual)]
  before <- graphics::par(mfrow = c(1, 2), mar = c(4.5, 4.2, 1.5, 1))
  on.exit(graphics::par(before))
  graphics::plot(fitted, residual,
    xlab = "Fitted value", ylab = "Standardised residual", pch = 16,
    col = grDevices::adjustcolor("black", 0.5), ...
  )
  graphics::abline(h = 0, lty = 2)
  label_largest(fitted, residual)
  quantile <- stats::qqnorm(residual, plot.it = FALSE)$x
  graphics::plot(quantile, residual,
    xlab = "Normal quantile", ylab = "Standardised residual", pch = 16,
    col = grDevices::adjustcolor("black", 0.5), ...
  )
  graphics::abline(0, 1, lty = 2)
  label_largest(quantile, residual)
  invisible(x)
}

# On the side where there is room; one that would touch a larger one's label
# goes without.
label_largest <- function(x, residual) {
  largest <- utils::head(order(-abs(residual)), 3)
  height <- graphics::strheight("X") * 1.2
  touches <- vapply(seq_along(largest), function(k) {
    any(abs(residual[largest[seq_len(k - 1)]] - residual[[largest[[k]]]]) < height)
  }, logical(1))
  largest <- largest[!touches]
  middle <- mean(range(x, na.rm = TRUE))
  graphics::text(x[largest], residual[largest], names(residual)[largest],
    pos = ifelse(x[largest] > middle, 2, 4), cex = 0.8, xpd = NA
  )
}

# ---- Printing ----

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

# ---- Other packages, registered when they are loaded ----

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
#'   `augment()`: the rows with `.fitted`, `.resid`, `.hat`, `.cooksd`,
#'   `.std.resid`; for `newdata` `.fitted` only.
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
    sigma = sqrt(residual_variance(x)), statistic = f[["value"]],
    p.value = stats::pf(f[["value"]], f[["numdf"]], f[["dendf"]], lower.tail = FALSE),
    df = f[["numdf"]], logLik = as.numeric(stats::logLik(x)), AIC = stats::AIC(x),
    BIC = stats::BIC(x), deviance = x$deviance, df.residual = as.double(x$df.residual),
    nobs = stats::nobs(x), left.out = left_out(x), method = x$info$method
  )
}

#' @rdname fit_glm_tidiers
#' @exportS3Method generics::augment
augment.fit_glm <- function(x, data = stats::model.frame(x), newdata = NULL, ...) {
  check_no_dots(...)
  if (!is.null(newdata)) {
    newdata$.fitted <- unname(stats::predict(x, newdata))
    return(newdata)
  }
  at <- match(row.names(data), row.names(x$model))
  by_row <- function(values) unname(values[match(row.names(data), names(values))])
  data$.fitted <- x$fitted.values[at]
  data$.resid <- x$residuals[at]
  data$.hat <- by_row(stats::hatvalues(x))
  data$.cooksd <- by_row(stats::cooks.distance(x))
  data$.std.resid <- by_row(stats::rstandard(x))
  data
}

#' @exportS3Method sandwich::estfun
estfun.fit_glm <- function(x, ...) {
  design <- stats::model.matrix(x)[, kept_terms(x), drop = FALSE]
  scores <- design * (prior_weights(x) * x$residuals)
  attr(scores, "assign") <- attr(scores, "contrasts") <- NULL
  scores
}

#' @exportS3Method sandwich::bread
bread.fit_glm <- function(x, ...) {
  kept <- kept_terms(x)
  x$cov.unscaled[kept, kept, drop = FALSE] * x$n_used
}

#' @exportS3Method emmeans::recover_data
recover_data.fit_glm <- function(object, ...) {
  emmeans::recover_data(
    object$call, stats::delete.response(object$terms), object$na.action,
    frame = object$model, pwts = stats::weights(object), ...
  )
}

#' @exportS3Method emmeans::emm_basis
emm_basis.fit_glm <- function(object, trms, xlev, grid, ...) {
  frame <- stats::model.frame(trms, grid, na.action = stats::na.pass, xlev = xlev)
  x <- stats::model.matrix(trms, frame, contrasts.arg = object$contrasts)
  list(
    X = x, bhat = object$coefficients, nbasis = null_basis(object),
    V = stats::vcov(object, complete = FALSE),
    dffun = function(k, dfargs) dfargs$df, dfargs = list(df = object$df.residual), misc = list()
  )
}

# Orthonormal basis of what the design cannot tell apart; NA means nothing, as
# emmeans (through estimability) asks for it.
null_basis <- function(fit) {
  if (all(kept_terms(fit))) {
    return(matrix(NA))
  }
  decomposition <- qr(t(stats::model.matrix(fit)))
  qr.Q(decomposition, complete = TRUE)[, -seq_len(decomposition$rank), drop = FALSE]
}
