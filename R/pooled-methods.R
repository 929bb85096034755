# What a fit pooled over imputations answers.

#' Methods of pooled fits
#'
#' What a fit pooled over imputations answers: the fits that [pool()] and [fit_glm()] of
#' `imputations` give.
#'
#' @section Covariances:
#' With `vcov` of any type of [vcov.fit_glm()] each fit's covariance is of that type, and their mean
#' and the covariance between imputations make the total. The degrees of freedom are Barnard and
#' Rubin's, with those of that type for complete data: for `"CR2"` the mean over the
#' fits of Satterthwaite's, for each contrast by itself. A function is called with each fit; a list
#' of matrices has one for each. One matrix is an error: it has no part between imputations.
#'
#' @param object,x A pooled fit.
#' @param type For `vcov()`: a name as in [vcov.fit_glm()] or [fit_gee_methods]; by default that
#'   of the fits.
#' @param vcov,cluster Which covariance, as in [summary.fit_glm()], for each of the fits.
#' @param complete Keep rows and columns of aliased coefficients, as `NA`?
#' @param parm Names or numbers of coefficients; all by default.
#' @param level,conf.level Level of the intervals.
#' @param conf.int Add `conf.low` and `conf.high`?
#' @param exponentiate Give the exponential of estimate and interval (odds ratios, rate ratios)?
#'   `std.error`, `statistic` and `mc.error` stay those of the coefficient.
#' @param ... Nothing; an unknown argument is an error.
#' @return `coef()`: the pooled estimates, named, `NA` where aliased. `vcov()`: the total
#'   covariance. `confint()`: a matrix of limits by t on the pooled degrees of freedom. `tidy()`:
#'   one row a coefficient with `term`, `estimate`, `std.error`, `statistic`, `df`, `p.value`, if
#'   asked for `conf.low` and `conf.high`, then `fmi`, `riv`, `lambda` (see [pool()]) and `mc.error`
#'   (\eqn{\sqrt{B/m}}{sqrt(B / m)}, by how much the estimate would change if imputed again).
#'   `glance()`: one row with `m`, `nobs` (the fewest rows of a fit), `left.out` (the most), `fmi`
#'   (the largest), `efficiency` (of m imputations relative to infinitely many,
#'   \eqn{1 / (1 + fmi / m)}), `cv` and `m.needed` (see [imputations_needed()]).
#' @seealso [pool()], [imputations_needed()]
#' @examples
#' imp <- impute(airquality, m = 5, seed = 1)
#' pooled <- fit_glm(Ozone ~ Wind + Temp, imp)
#' summary(pooled)
#' summary(pooled, vcov = "CR2", cluster = ~ Month)
#' predict(pooled, data.frame(Wind = 10, Temp = c(60, 90)), interval = "confidence")
#' @name pooled_fit
NULL

# ---- Estimates and tables ----

#' @rdname pooled_fit
#' @export
vcov.pooled_fit <- function(object, type = NULL, cluster = NULL, complete = TRUE, ...) {
  check_no_dots(...)
  check_flag(complete, "complete")
  covariance <- fit_covariance(object, type, cluster)$matrix
  kept <- kept_terms(object)
  if (complete) covariance else covariance[kept, kept, drop = FALSE]
}

#' @rdname pooled_fit
#' @export
confint.pooled_fit <- function(object, parm, level = 0.95, vcov = NULL, cluster = NULL, ...) {
  confint.fit_glm(object, parm, level, vcov, cluster, ...)
}

#' @rdname pooled_fit
#' @exportS3Method generics::tidy
tidy.pooled_fit <- function(x, conf.int = FALSE, conf.level = 0.95, exponentiate = FALSE,
                            vcov = NULL, cluster = NULL, ...) {
  check_no_dots(...)
  check_flag(conf.int, "conf.int")
  check_flag(exponentiate, "exponentiate")
  check_number(conf.level, "conf.level", min = 0, max = 1)
  table <- pooled_estimates(x, fit_covariance(x, vcov, cluster))
  if (conf.int) {
    limits <- estimate_limits(table, conf.level)
    table <- data.frame(table[1:6], conf.low = limits[, 1], conf.high = limits[, 2], table[7:10])
  }
  if (exponentiate) exponentiated(table) else table
}

#' @rdname pooled_fit
#' @exportS3Method generics::glance
glance.pooled_fit <- function(x, vcov = NULL, cluster = NULL, ...) {
  check_no_dots(...)
  table <- pooled_estimates(x, fit_covariance(x, vcov, cluster))
  needed <- needed_table(table, x$m, 0.05, 0.95)
  # Of a single imputation none is known.
  largest <- function(values) if (all(is.na(values))) NA_real_ else max(values, na.rm = TRUE)
  fmi <- largest(table$fmi)
  data.frame(
    m = x$m, nobs = x$n_used, left.out = max(x$n_out_each), fmi = fmi,
    efficiency = 1 / (1 + fmi / x$m), cv = largest(needed$cv), m.needed = largest(needed$m.needed)
  )
}

#' @export
nobs.pooled_fit <- function(object, ...) {
  as.integer(object$n_used)
}

#' @export
formula.pooled_fit <- function(x, ...) {
  x$formula
}

#' @export
terms.pooled_fit <- function(x, ...) {
  x$terms
}

#' @export
family.pooled_fit <- function(object, ...) {
  object$family
}

#' @export
labels.pooled_fit <- function(object, ...) {
  labels(as_single_fit(object))
}

# Of fit_glm() with imputations the call is made again; a list of fits has none of its own.
#' @export
update.pooled_fit <- function(object, formula., ..., evaluate = TRUE) {
  if (is.null(object$call$data)) {
    refuse_pooled(
      "update()", "the fits were given as a list", "Update each of `fits` and pool() them again"
    )
  }
  call <- object$call
  if (!missing(formula.)) {
    call$formula <- stats::update.formula(stats::formula(object), formula.)
  }
  extras <- match.call(expand.dots = FALSE)$...
  call[names(extras)] <- extras
  if (evaluate) eval(call, parent.frame()) else call
}

# ---- Predictions ----

#' @rdname pooled_fit
#' @section Predictions:
#' The linear predictors of each fit and their variances are pooled row by row, with Barnard and
#' Rubin's degrees of freedom, and the limits brought to the scale of the response; a mean of
#' predicted probabilities over imputations is something else. So `poly()` and splines, whose
#' columns depend on the imputed values, are predicted rightly. Without `newdata` there is nothing
#' to predict: each imputation has rows of its own; take a completed data set, `imp[[1]]`, or one
#' of the `fits`. `type = "response"` has standard errors by the delta method.
#' @param newdata A data frame with the model's variables.
#' @param se.fit Standard errors too? Then the result is a list of `fit`, `se.fit` and `df`, one a
#'   row.
#' @param interval `"confidence"`: columns `fit`, `lwr`, `upr` for the mean.
#' @export
predict.pooled_fit <- function(object, newdata = NULL, type = c("response", "link"), se.fit = FALSE,
                               interval = c("none", "confidence"), level = 0.95, vcov = NULL,
                               cluster = NULL, ...) {
  check_no_dots(...)
  type <- check_choice(type, c("response", "link"), "type")
  interval <- check_choice(interval, c("none", "confidence"), "interval")
  check_flag(se.fit, "se.fit")
  check_number(level, "level", min = 0, max = 1)
  if (is.null(newdata)) {
    refuse_pooled(
      "predict() without `newdata`", "each imputation has rows of its own",
      "Give `newdata`, for instance imp[[1]], or predict from one of `fits`"
    )
  }
  values <- pooled_linear_values(object, newdata, vcov, cluster)
  if (interval == "confidence") {
    half <- stats::qt((1 + level) / 2, values$df) * values$se
    values$fit <- cbind(fit = values$fit, lwr = values$fit - half, upr = values$fit + half)
  }
  if (type == "response" && !is.null(object$family)) {
    values <- on_response(object$family, values)
  }
  if (se.fit) {
    list(fit = values$fit, se.fit = values$se, df = values$df)
  } else {
    values$fit
  }
}

# Linear predictors pooled row by row: fit, se and df, NA in rows that miss a variable.
pooled_linear_values <- function(fit, newdata, vcov, cluster) {
  each <- lapply(seq_len(fit$m), function(i) linear_values_of(fit, i, newdata, vcov, cluster))
  column <- function(name) {
    matrix(vapply(each, `[[`, numeric(nrow(newdata)), name), nrow(newdata))
  }
  estimate <- column("fit")
  within <- rowMeans(column("se")^2)
  between <- if (fit$m < 2) 0 * within else rowSums((estimate - rowMeans(estimate))^2) / (fit$m - 1)
  complete <- if (is.null(fit$df.complete)) rowMeans(column("df")) else fit$df.complete + 0 * within
  loss <- .Call(C_qstr_pool_fractions, within, between, fit$m, complete)
  named <- function(x) stats::setNames(x, row.names(newdata))
  list(
    fit = named(rowMeans(estimate)), se = named(sqrt(within + (1 + 1 / fit$m) * between)),
    df = named(loss$df)
  )
}

linear_values_of <- function(fit, i, newdata, vcov, cluster) {
  one <- fit$fits[[i]]
  if (!is_own_fit(one)) {
    return(foreign_linear_values(one, newdata, vcov))
  }
  covariance <- one_covariance(fit, i, vcov, cluster)
  frame <- if (i == 1) new_frame(one, newdata) else frame_of_data(one, newdata)
  values <- linear_values(one, frame, newdata, covariance)
  values$df <- numeric(nrow(newdata)) + NA
  known <- !is.na(values$fit)
  if (any(known)) {
    contrasts <- frame_matrix(one, frame[known, , drop = FALSE])
    contrasts[, !kept_terms(one)] <- 0
    values$df[known] <- covariance$df(contrasts)
  }
  values
}

foreign_linear_values <- function(one, newdata, vcov) {
  if (!inherits(one, "lm") || !is.null(vcov)) {
    qst_abort("argument", sprintf(
      "predict(): fits of class %s%s do not say the variance of a prediction. Use fit_glm().",
      class(one)[[1]], if (is.null(vcov)) "" else " with `vcov`"
    ))
  }
  value <- stats::predict(one, newdata, type = if (inherits(one, "glm")) "link" else "response",
    se.fit = TRUE
  )
  list(fit = value$fit, se = value$se.fit, df = rep(complete_df(one), nrow(newdata)))
}

# ---- What has no pooled answer ----

refuse_pooled <- function(what, why, cure) {
  qst_abort("pooled", sprintf("%s of a pooled fit: %s. %s.", what, why, cure))
}

# Of the rows of one completed data set.
refuse_rows <- function(what) {
  refuse_pooled(
    what, "each imputation has rows of its own",
    "Ask one of the fits, as in fit$fits[[1]], or all of them with lapply()"
  )
}

# Of a likelihood: the mean of log likelihoods is none.
refuse_likelihood <- function(what) {
  refuse_pooled(
    what, "likelihoods of completed data sets do not add up to one of the observed data",
    "Compare models by anova(small, large, method = \"D3\")"
  )
}

#' @rdname pooled_fit
#' @section What has no pooled answer:
#' Errors of class `questrial_error_pooled` that say what to do instead: `fitted()`,
#' `residuals()`, `weights()`, `model.frame()`, `model.matrix()`, `hatvalues()`, `cooks.distance()`
#' and the other measures of influence, `simulate()`, `plot()`, `augment()`, `estfun()` and
#' `bread()` belong to the rows of one completed data set; `logLik()`, `AIC()`, `BIC()` and
#' `deviance()` have no counterpart (the mean of log likelihoods is none); `df.residual()` is not
#' one number.
#' @export
fitted.pooled_fit <- function(object, ...) refuse_rows("fitted()")

#' @export
residuals.pooled_fit <- function(object, ...) refuse_rows("residuals()")

#' @export
weights.pooled_fit <- function(object, ...) refuse_rows("weights()")

#' @export
model.frame.pooled_fit <- function(formula, ...) refuse_rows("model.frame()")

#' @export
model.matrix.pooled_fit <- function(object, ...) refuse_rows("model.matrix()")

#' @export
influence.pooled_fit <- function(model, ...) refuse_rows("influence()")

#' @export
hatvalues.pooled_fit <- function(model, ...) refuse_rows("hatvalues()")

#' @export
cooks.distance.pooled_fit <- function(model, ...) refuse_rows("cooks.distance()")

#' @export
rstandard.pooled_fit <- function(model, ...) refuse_rows("rstandard()")

#' @export
rstudent.pooled_fit <- function(model, ...) refuse_rows("rstudent()")

#' @export
dfbeta.pooled_fit <- function(model, ...) refuse_rows("dfbeta()")

#' @export
dfbetas.pooled_fit <- function(model, ...) refuse_rows("dfbetas()")

#' @export
simulate.pooled_fit <- function(object, nsim = 1, seed = NULL, ...) refuse_rows("simulate()")

#' @export
plot.pooled_fit <- function(x, ...) refuse_rows("plot()")

#' @exportS3Method generics::augment
augment.pooled_fit <- function(x, ...) refuse_rows("augment()")

#' @exportS3Method sandwich::estfun
estfun.pooled_fit <- function(x, ...) refuse_rows("estfun()")

#' @exportS3Method sandwich::bread
bread.pooled_fit <- function(x, ...) refuse_rows("bread()")

#' @export
logLik.pooled_fit <- function(object, ...) refuse_likelihood("logLik(), AIC() or BIC()")

#' @export
deviance.pooled_fit <- function(object, ...) refuse_likelihood("deviance()")

#' @export
extractAIC.pooled_fit <- function(fit, scale, k = 2, ...) refuse_likelihood("step()")

#' @export
df.residual.pooled_fit <- function(object, ...) {
  refuse_pooled(
    "df.residual()", "degrees of freedom differ from coefficient to coefficient",
    "See tidy(fit)$df or summary(fit)"
  )
}

# ---- emmeans ----

# The rows of all imputations, so that the reference grid has their mean numbers and weights.
# (emmeans itself averages numbers row by row, and levels are those of the first imputation.)
#' @exportS3Method emmeans::recover_data
recover_data.pooled_fit <- function(object, data = NULL, ...) {
  each <- lapply(seq_len(object$m), function(i) {
    one <- object$fits[[i]]
    rows <- if (!is.null(data) || is.null(object$imp)) {
      data
    } else {
      completed <- object$imp[[i]]
      completed[match(row.names(one$model), row.names(completed)), , drop = FALSE]
    }
    emmeans::recover_data(one, data = rows, ...)
  })
  if (is.character(each[[1]])) {
    return(each[[1]])
  }
  all_rows <- do.call(rbind, each)
  kept <- attributes(each[[1]])
  kept$row.names <- attr(all_rows, "row.names")
  attributes(all_rows) <- kept
  all_rows
}

#' @exportS3Method emmeans::emm_basis
emm_basis.pooled_fit <- function(object, trms, xlev, grid, vcov. = NULL, cluster = NULL, ...) {
  basis <- emmeans::emm_basis(object$fits[[1]], trms, xlev, grid, ...)
  covariance <- fit_covariance(object, vcov., cluster)
  kept <- kept_terms(object)
  basis$bhat <- unname(object$coefficients)
  basis$V <- covariance$matrix[kept, kept, drop = FALSE]
  basis$dffun <- function(k, dfargs) dfargs$df(matrix(k, 1))
  basis$dfargs <- list(df = covariance$df)
  basis
}

# ---- lmtest, multcomp ----

# Their default methods would take z, for want of a single number of degrees of freedom.
#' @exportS3Method lmtest::coeftest
coeftest.pooled_fit <- function(x, vcov. = NULL, ...) {
  table <- pooled_estimates(x, fit_covariance(x, vcov.))
  matrix <- pooled_matrix(table)[, -(3:4), drop = FALSE]
  structure(matrix,
    class = "coeftest", method = "t test of coefficients, Barnard-Rubin df", df = table$df
  )
}

#' @exportS3Method lmtest::coefci
coefci.pooled_fit <- function(x, parm = NULL, level = 0.95, vcov. = NULL, ...) {
  if (is.null(parm)) {
    parm <- names(x$coefficients)
  }
  stats::confint(x, parm, level, vcov = vcov.)
}

# One number for all contrasts, so the fewest; 0 is how multcomp says z.
#' @exportS3Method multcomp::modelparm
modelparm.pooled_fit <- function(model, coef. = stats::coef, vcov. = stats::vcov, df = NULL, ...) {
  covariance <- fit_covariance(model, if (!identical(vcov., stats::vcov)) vcov.)
  kept <- kept_terms(model)
  if (is.null(df)) {
    fewest <- min(covariance_df(model, covariance), na.rm = TRUE)
    df <- if (is.finite(fewest)) max(floor(fewest), 1) else 0
  }
  structure(
    list(
      coef = coef.(model)[kept], vcov = covariance$matrix[kept, kept, drop = FALSE], df = df,
      estimable = kept
    ),
    class = "modelparm"
  )
}
