# What other packages ask of a fit_glm object; registered when they are loaded.

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
