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
    residual.scale = sqrt(dispersion(object))
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
  noise <- if (interval == "prediction") dispersion(fit) / weights else 0
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
  error <- sqrt(dispersion(object) / prior_weights(object))
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
