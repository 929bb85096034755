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
#' complete <- function(seed) {
#'   set.seed(seed)
#'   missing <- is.na(airquality$Ozone)
#'   transform(airquality, Ozone = replace(Ozone, missing, sample(Ozone[!missing], sum(missing))))
#' }
#' fits <- lapply(1:5, function(i) fit_glm(Ozone ~ Wind + Temp, complete(i)))
#' pooled <- pool(fits)
#' summary(pooled)
#' summary(pooled, vcov = "CR2", cluster = ~ Month)
#' confint(pooled)
#' @name pooled_fit
NULL

# ---- Fits of imputations ----

# What fit_glm() does with imputations: each argument is read in each completed data set.
fit_imputations <- function(formula, imp, call, family, action, contrasts, method, threads) {
  expressions <- frame_expressions(call)
  seen <- new.env(parent = emptyenv())
  fits <- lapply(seq_len(imp$m), function(i) {
    data <- imp[[i]]
    check_model_data(formula, data)
    one_call <- call
    one_call$data <- call("[[", call$data, i)
    collect_warnings(seen, {
      frame <- model_frame(formula, data, expressions, action, threads)
      build_fit(frame, one_call, family, contrasts, method, threads)
    })
  })
  notes <- c(if (imp$m < 2) warn_single(), warn_once(seen, imp$m))
  new_pooled_fit(fits, call, imp = imp, notes = notes)
}

warn_single <- function() {
  text <- paste(
    "Single imputation: standard errors take imputed values for observed ones and are too small.",
    "Impute with m above 1."
  )
  qst_warn("single_imputation", text)
  text
}

# Warnings of m fits are kept with how often each came, to be given once.
collect_warnings <- function(seen, expr) {
  withCallingHandlers(expr, questrial_warning = function(w) {
    key <- conditionMessage(w)
    before <- seen[[key]]
    seen[[key]] <- list(times = 1L + if (is.null(before)) 0L else before$times, condition = w)
    invokeRestart("muffleWarning")
  })
}

# The texts, each with the number of imputations.
warn_once <- function(seen, m) {
  notes <- vapply(ls(seen), function(key) {
    times <- seen[[key]]$times
    condition <- seen[[key]]$condition
    text <- if (times == m) key else sprintf("In %d of %d imputations: %s", times, m, key)
    condition$message <- text
    warning(condition)
    text
  }, "")
  unname(notes)
}

# ---- Methods ----

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
  fmi <- max(needed$fmi, na.rm = TRUE)
  data.frame(
    m = x$m, nobs = x$n_used, left.out = max(x$n_out_each), fmi = fmi,
    efficiency = 1 / (1 + fmi / x$m), cv = max(needed$cv, na.rm = TRUE),
    m.needed = max(needed$m.needed, na.rm = TRUE)
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
