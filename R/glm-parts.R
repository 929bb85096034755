# Parts of a fit_glm object.

# Vectors are stored without names (making a million of them is slow) and get
# them, and their places for left-out rows, when they are asked for.
dress_rows <- function(fit, x) {
  names(x) <- row.names(fit$model)
  stats::naresid(fit$na.action, x)
}

# Least squares, with all that follows exactly.
is_linear <- function(fit) {
  fit$family$family == "gaussian" && fit$family$link == "identity"
}

prior_weights <- function(fit) {
  if (is.null(fit$weights)) rep(1, length(fit$residuals)) else fit$weights
}

# Of the last step of iteratively reweighted least squares: w (dmu/deta)^2 / V(mu).
working_weights <- function(fit) {
  prior <- prior_weights(fit)
  if (is_linear(fit)) {
    return(prior)
  }
  family <- fit$family
  prior * family$mu.eta(fit$linear.predictors)^2 / family$variance(fit$fitted.values)
}

kept_terms <- function(fit) {
  !is.na(fit$coefficients)
}

# Families whose variance is known up to nothing: normal quantiles, dispersion 1.
uses_t <- function(fit) {
  !fit$family$family %in% c("binomial", "poisson") &&
    !identical(core_family(fit$family)$name, "negative_binomial")
}

# 1, or Pearson's chi-square over its degrees of freedom.
dispersion <- function(fit) {
  if (!uses_t(fit)) {
    1
  } else if (fit$df.residual <= 0) {
    NaN
  } else if (is_linear(fit)) {
    fit$deviance / fit$df.residual
  } else if (!has_rows(fit)) {
    fit$pearson / fit$df.residual
  } else {
    weights <- working_weights(fit)
    used <- weights > 0
    sum((weights * fit$residuals^2)[used]) / fit$df.residual
  }
}

# As logLik.lm() and logLik.glm(): an estimated variance or theta is a parameter.
#' @export
logLik.fit_glm <- function(object, ...) {
  used <- prior_weights(object) > 0
  extra <- object$family$family %in% c("gaussian", "Gamma", "inverse.gaussian") ||
    !is.null(object$theta)
  structure(log_density(object, used),
    nall = length(used), nobs = sum(used), df = object$rank + extra, class = "logLik"
  )
}

log_density <- function(fit, used) {
  prior <- prior_weights(fit)[used]
  n <- length(prior)
  if (is_linear(fit)) {
    return(0.5 * (sum(log(prior)) - n * (log(2 * pi) + 1 - log(n) + log(fit$deviance))))
  }
  family <- fit$family
  trials <- if (family$family == "binomial") binomial_trials(fit, prior, used) else rep(1, n)
  aic <- family$aic(fit$y[used], trials, fit$fitted.values[used], prior, fit$deviance)
  counted <- if (family$family %in% c("gaussian", "Gamma", "inverse.gaussian")) 1 else 0
  counted - aic / 2
}

# What binomial()$aic() wants as n: trials of cbind() responses, else ones.
binomial_trials <- function(fit, prior, used) {
  if (NCOL(fit$model[[1]]) == 2) rowSums(fit$model[[1]])[used] else rep(1, length(prior))
}

# For step(), add1() and drop1(): as extractAIC.lm(), n log(RSS / n) + k edf, or
# as extractAIC.glm().
#' @export
extractAIC.fit_glm <- function(fit, scale = 0, k = 2, ...) {
  n <- fit$n_used
  edf <- n - fit$df.residual
  if (!is_linear(fit)) {
    density <- stats::logLik(fit)
    return(c(edf, -2 * as.numeric(density) + 2 * (attr(density, "df") - edf) + k * edf))
  }
  fit_part <- if (scale > 0) fit$deviance / scale - n else n * log(fit$deviance / n)
  c(edf, fit_part + k * edf)
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
  stats::napredict(object$na.action, fitted_values(object, "response"))
}

# NULL for a Gaussian without weights, as for lm(); else as for glm().
#' @export
weights.fit_glm <- function(object, type = c("prior", "working"), ...) {
  check_no_dots(...)
  type <- check_choice(type, c("prior", "working"), "type")
  if (type == "prior" && is.null(object$weights) && is_linear(object)) {
    return(NULL)
  }
  values <- if (type == "prior") prior_weights(object) else working_weights(object)
  if (is_linear(object)) stats::naresid(object$na.action, values) else dress_rows(object, values)
}

#' @export
residuals.fit_glm <- function(object,
                              type = c("deviance", "pearson", "working", "response", "partial"),
                              ...) {
  check_no_dots(...)
  types <- c("deviance", "pearson", "working", "response", "partial")
  type <- check_choice(type, types, "type")
  values <- raw_residuals(object, type)
  if (type == "partial") {
    names(values) <- row.names(object$model)
    return(stats::naresid(object$na.action, values + term_values(object)$fit))
  }
  dress_rows(object, values)
}

# Where a mean nearly meets its response the unit deviance is lost in the rounding of its terms, of
# which the root is 1e-8. The Pearson residual is its leading term there, and has no such loss.
deviance_residuals <- function(fit) {
  mean <- fit$fitted.values
  root <- sqrt(pmax(fit$family$dev.resids(fit$y, mean, prior_weights(fit)), 0))
  root <- ifelse(fit$y > mean, root, -root)
  off <- abs(fit$y - mean) / pmin(abs(mean), fit$family$variance(mean))
  ifelse(off < 5e-6, raw_residuals(fit, "pearson"), root)
}

# One a row fitted, without names.
raw_residuals <- function(fit, type) {
  mean <- fit$fitted.values
  family <- fit$family
  switch(type,
    deviance = if (is_linear(fit)) raw_residuals(fit, "pearson") else deviance_residuals(fit),
    pearson = if (is_linear(fit)) {
      if (is.null(fit$weights)) fit$residuals else sqrt(fit$weights) * fit$residuals
    } else {
      (fit$y - mean) * sqrt(prior_weights(fit) / family$variance(mean))
    },
    response = if (is_linear(fit)) fit$residuals else fit$y - mean,
    fit$residuals
  )
}
