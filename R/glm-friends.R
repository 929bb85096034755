# What other packages ask of a fit_glm object; registered when they are loaded.

# ---- stats ----

# Terms of which nothing is left are no labels, as in lm.
#' @export
labels.fit_glm <- function(object, ...) {
  present <- sort(unique(object$assign[kept_terms(object)]))
  attr(object$terms, "term.labels")[present]
}

#' @importFrom stats case.names variable.names dummy.coef effects
#' @export
case.names.fit_glm <- function(object, full = FALSE, ...) {
  cases <- names(stats::residuals(object))
  if (full || is.null(object$weights)) cases else cases[stats::weights(object) != 0]
}

#' @export
variable.names.fit_glm <- function(object, full = FALSE, ...) {
  if (full) names(object$coefficients) else names(object$coefficients)[kept_terms(object)]
}

# It reads terms, contrasts, levels and coefficients, which are kept as lm keeps them.
#' @export
dummy.coef.fit_glm <- function(object, ...) {
  utils::getS3method("dummy.coef", "lm")(object, ...)
}

#' @export
effects.fit_glm <- function(object, ...) {
  object$effects
}

# ---- sandwich ----

# Rows of X times working weight and working residual, as estfun.lm(); for models
# other than the linear one over the dispersion, as estfun.glm().
#' @exportS3Method sandwich::estfun
estfun.fit_glm <- function(x, ...) {
  design <- stats::model.matrix(x)[, kept_terms(x), drop = FALSE]
  scores <- design * (working_weights(x) * x$residuals / score_dispersion(x))
  attr(scores, "assign") <- attr(scores, "contrasts") <- NULL
  stats::naresid(x$na.action, scores)
}

#' @exportS3Method sandwich::bread
bread.fit_glm <- function(x, ...) {
  kept <- kept_terms(x)
  x$cov.unscaled[kept, kept, drop = FALSE] * (x$n_used * score_dispersion(x))
}

# It cancels between bread and scores; sandwich takes the mean over the weights.
score_dispersion <- function(fit) {
  if (is_linear(fit) || !uses_t(fit)) {
    return(1)
  }
  weights <- working_weights(fit)
  sum((weights * fit$residuals)^2) / sum(weights)
}

# ---- emmeans ----

#' @exportS3Method emmeans::recover_data
recover_data.fit_glm <- function(object, ...) {
  emmeans::recover_data(
    object$call, stats::delete.response(object$terms), object$na.action,
    frame = object$model, pwts = stats::weights(object), ...
  )
}

# `vcov.` is what `vcov =` is elsewhere, so that "CR2" brings its degrees of freedom;
# the covariance is computed once and its df asked for contrast by contrast.
#' @exportS3Method emmeans::emm_basis
emm_basis.fit_glm <- function(object, trms, xlev, grid, vcov. = NULL, cluster = NULL, ...) {
  frame <- stats::model.frame(trms, grid, na.action = stats::na.pass, xlev = xlev)
  x <- stats::model.matrix(trms, frame, contrasts.arg = object$contrasts)
  covariance <- fit_covariance(object, vcov., cluster)
  kept <- kept_terms(object)
  list(
    X = x, bhat = unname(object$coefficients), nbasis = null_basis(object),
    V = covariance$matrix[kept, kept, drop = FALSE],
    dffun = function(k, dfargs) dfargs$df(matrix(k, 1)),
    dfargs = list(df = covariance$df),
    misc = emmeans::.std.link.labels(object$family, list())
  )
}

# Orthonormal basis of what the design cannot tell apart; NA means nothing, as
# emmeans (through estimability) asks for it. An aliased column less its regression
# on the kept ones is 0.
null_basis <- function(fit) {
  kept <- kept_terms(fit)
  if (all(kept)) {
    return(matrix(NA))
  }
  x <- stats::model.matrix(fit)[prior_weights(fit) > 0, , drop = FALSE]
  basis <- matrix(0, length(kept), sum(!kept))
  basis[kept, ] <- -qr.coef(qr(x[, kept, drop = FALSE]), x[, !kept, drop = FALSE])
  basis[!kept, ] <- diag(sum(!kept))
  qr.Q(qr(basis))
}

# ---- lmtest, multcomp ----

# Their default methods take t for a finite df.residual() of any model, or z for any
# model that is not an lm: here t where the dispersion is estimated, z where it is known.
reference_df <- function(fit) {
  if (uses_t(fit)) fit$df.residual else Inf
}

#' @exportS3Method lmtest::coeftest
coeftest.fit_glm <- function(x, vcov. = NULL, df = NULL, ...) {
  NextMethod(df = if (is.null(df)) reference_df(x) else df)
}

#' @exportS3Method lmtest::coefci
coefci.fit_glm <- function(x, parm = NULL, level = 0.95, vcov. = NULL, df = NULL, ...) {
  NextMethod(df = if (is.null(df)) reference_df(x) else df)
}

#' @exportS3Method multcomp::modelparm
modelparm.fit_glm <- function(model, coef. = stats::coef, vcov. = stats::vcov, df = NULL, ...) {
  covariance <- fit_covariance(model, vcov.)
  kept <- kept_terms(model)
  if (is.null(df)) {
    # 0 is how multcomp says z.
    df <- if (uses_t(model)) model$df.residual else 0
  }
  structure(
    list(
      coef = coef.(model)[kept], vcov = covariance$matrix[kept, kept, drop = FALSE], df = df,
      estimable = kept
    ),
    class = "modelparm"
  )
}

# ---- marginaleffects ----

# It looks models up by class in an option, and is not in Debian, so that it is in no
# field of DESCRIPTION either: its methods are registered when it is loaded.
register_marginaleffects <- function(...) {
  methods <- list(
    get_coef = marginal_coef, set_coef = marginal_set_coef, get_vcov = marginal_vcov,
    get_predict = marginal_predict
  )
  for (generic in names(methods)) {
    registerS3method(generic, "fit_glm", methods[[generic]],
      envir = asNamespace("marginaleffects")
    )
  }
  known <- getOption("marginaleffects_model_classes")
  options(marginaleffects_model_classes = unique(c(known, "fit_glm")))
}

# Aliased coefficients are left out: they have no derivative.
marginal_coef <- function(model, ...) {
  model$coefficients[kept_terms(model)]
}

marginal_set_coef <- function(model, coefs, ...) {
  model$coefficients[names(coefs)] <- coefs
  model
}

marginal_vcov <- function(model, vcov = NULL, ...) {
  if (is.null(vcov) || isTRUE(vcov)) {
    return(stats::vcov(model, complete = FALSE))
  }
  if (isFALSE(vcov)) {
    return(NULL)
  }
  kept <- kept_terms(model)
  fit_covariance(model, vcov)$matrix[kept, kept, drop = FALSE]
}

# `rowid` says which row of `newdata` an estimate belongs to.
marginal_predict <- function(model, newdata = NULL, type = "response", ...) {
  if (is.null(newdata)) {
    newdata <- stats::model.frame(model)
  }
  rowid <- if (is.null(newdata$rowid)) seq_len(nrow(newdata)) else newdata$rowid
  data.frame(rowid = rowid, estimate = unname(stats::predict(model, newdata, type = type)))
}
