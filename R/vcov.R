# Covariances of a fit_glm object, and the intervals made of them.

#' @export
vcov.fit_glm <- function(object, complete = TRUE, ...) {
  check_no_dots(...)
  covariance <- dispersion(object) * object$cov.unscaled
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
  sqrt(dispersion(fit) * diag(fit$cov.unscaled))
}

# The covariance that `vcov =` asks for, and its degrees of freedom: a list of
# `matrix` (all coefficients, NA where aliased), `type`, `label` (for notes under
# tables) and `df`, a function of a contrast matrix (a row a contrast, a column a
# coefficient) that gives each row's df, Inf for normal quantiles.
fit_covariance <- function(fit, vcov = NULL, cluster = NULL) {
  matrix <- if (is.null(vcov)) stats::vcov(fit) else vcov
  if (is.function(vcov)) {
    matrix <- vcov(fit)
  }
  list(
    matrix = matrix, type = if (is.null(vcov)) "model" else "custom", label = "",
    df = function(contrasts) rep(fit$df.residual, nrow(contrasts))
  )
}
