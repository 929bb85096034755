# Parts of a fit_glm object.

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
