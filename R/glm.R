#' Linear models, fitted with no digit less than lm
#'
#' Fits a linear model by (weighted) least squares. Formulas, `weights`,
#' `subset`, `na.action`, `offset` and `contrasts` mean what they mean in
#' [stats::lm()]; so do names of coefficients, `NA` for aliased ones, and the
#' methods.
#'
#' The estimate minimises \eqn{\sum_i w_i (y_i - o_i - x_i'\beta)^2}{sum w_i
#' (y_i - o_i - x_i'b)^2}; its covariance is
#' \eqn{\hat\sigma^2 (X'WX)^{-1}}{s^2 (X'WX)^-1} with
#' \eqn{\hat\sigma^2}{s^2} the weighted residual sum of squares over
#' \eqn{n - rank}{n - rank}; tests and intervals use Student's t with that
#' many degrees of freedom.
#'
#' @section Method:
#' The Gram matrix of the centred columns is formed in blocks of rows and
#' factored by Cholesky, and the solution is corrected once by its residuals
#' (corrected seminormal equations: Björck 1987, *Linear Algebra Appl.*
#' 88/89:31-48). When its condition is above 1e4, or a column is near the limit
#' of aliasing, Householder QR with the limited pivoting of `lm` is used instead
#' (tolerance 1e-7) and corrected in double-double arithmetic (Björck 1967,
#' *BIT* 7:257-278). `glance(fit)$method` says which one it was.
#' Results are the same bits for any number of threads.
#'
#' @section Missing values:
#' Rows with a missing value in any variable of the formula are left out, or
#' whatever `na.action` says; `print()` and `summary()` say how many. With
#' `na.exclude`, residuals and fitted values have their place for them.
#'
#' @section Differences from lm:
#' Families other than gaussian are an error so far. The response is one
#' column. `residuals()` has the types of `glm` and, like it, gives deviance
#' residuals by default, which are those of `lm` times the root of the
#' weights. Infinite values, a factor with one level and unknown variables
#' are errors that name them. No QR decomposition is kept. Functions that look
#' at the class choose their defaults as for any model but `lm`:
#' `sandwich::vcovCL()` takes type HC0, where it takes HC1 for `lm`.
#'
#' @param formula A formula, as in [stats::lm()].
#' @param data A data frame (or list or environment) with its variables; the
#'   formula's environment is searched too.
#' @param family `gaussian()`; other families are not fitted yet.
#' @param weights Prior weights, from 0, evaluated in `data`. Rows of weight 0
#'   are not used but have fitted values, as in `lm`.
#' @param subset Rows to use, evaluated in `data`.
#' @param na.action What to do with missing values, by default
#'   `getOption("na.action")`.
#' @param offset A known part of the linear predictor, evaluated in `data`; an
#'   `offset()` term of the formula is added to it.
#' @param contrasts A named list, as in [stats::lm()].
#' @param threads Number of threads; see [qst_threads()].
#' @return An object of class `fit_glm`, to be used through [summary()],
#'   [coef()], [vcov()], [confint()], [predict()], [anova()], [residuals()],
#'   [plot()] and the other methods of a linear model; `tidy()`, `glance()`
#'   and `augment()` of broom, `estfun()` and `bread()` of sandwich and
#'   `emmeans()` work on it.
#' @section Errors:
#' `questrial_error_argument` for a family that is not fitted, an unknown
#' variable, an infinite value (fields `row`, `column`, `value`), a factor with
#' one level; `questrial_error_no_data` when no row is left.
#' @seealso [stats::lm()]
#' @examples
#' fit <- fit_glm(mpg ~ wt + factor(cyl), mtcars)
#' summary(fit)
#' confint(fit)
#' predict(fit, data.frame(wt = 3, cyl = 6), interval = "confidence")
#' anova(fit)
#' @export
fit_glm <- function(formula, data, family = stats::gaussian(), weights = NULL, subset,
                    na.action, offset, contrasts = NULL, threads = NULL) {
  call <- match.call()
  family <- check_family(family)
  if (missing(data)) {
    data <- environment(formula)
  }
  check_model_data(formula, data)
  frame <- model_frame(call, formula, data, parent.frame())
  build_fit(frame, call, family, contrasts, threads)
}

# From the model frame to the fit; everything else of the call has been read.
build_fit <- function(frame, call, family, contrasts, threads) {
  terms <- attr(frame, "terms")
  response <- model_response(frame)
  x <- model_columns(terms, frame, contrasts)
  prior <- frame_weights(frame)
  shift <- frame_offset(frame)
  core <- fit_core(x, response, prior, shift, threads)
  names(core$coefficients) <- colnames(x)
  names(core$effects) <- colnames(x)
  dimnames(core$covariance) <- list(colnames(x), colnames(x))
  structure(
    list(
      coefficients = core$coefficients, residuals = core$residuals,
      fitted.values = core$fitted, effects = core$effects, cov.unscaled = core$covariance,
      rank = core$rank, df.residual = core$n_used - core$rank, deviance = core$deviance,
      n_used = core$n_used, weights = prior, offset = shift, family = family,
      assign = attr(x, "assign"), contrasts = attr(x, "contrasts"),
      xlevels = stats::.getXlevels(terms, frame), na.action = attr(frame, "na.action"),
      call = call, terms = terms, model = frame,
      info = list(method = core$method, condition = core$condition),
      notes = attr(frame, "notes")
    ),
    class = "fit_glm"
  )
}

check_family <- function(family) {
  if (is.character(family) && length(family) == 1) {
    family <- get(family, mode = "function", envir = asNamespace("stats"))
  }
  if (is.function(family)) {
    family <- family()
  }
  if (!inherits(family, "family")) {
    qst_abort("argument", sprintf(
      "`family` must be a family such as gaussian(), not %s.", describe(family)
    ))
  }
  if (family$family != "gaussian" || family$link != "identity") {
    qst_abort("argument", sprintf(
      "`family`: %s(link = \"%s\") is not fitted. Use gaussian(), or glm() for this model.",
      family$family, family$link
    ), value = family$family)
  }
  family
}

# ---- The core ----

fit_core <- function(x, response, weights, offset, threads, leverage = FALSE) {
  names <- c(colnames(x), "the response")
  withCallingHandlers(
    .Call(
      C_qstr_glm_fit, x, response, weights, offset, 1e-7, leverage, threads_to_use(threads)
    ),
    questrial_error_argument = function(e) rename_model_fault(e, names, rownames(x))
  )
}

# The core counts columns of the model matrix; users know names.
rename_model_fault <- function(fault, names, rows) {
  if (length(fault$column) != 1 || is.na(fault$column)) {
    return(invisible())
  }
  qst_abort("argument", sprintf(
    "`%s` is %s in row %s. Correct it or make it NA.",
    names[[fault$column]], format(fault$value), rows[[fault$row]]
  ), row = fault$row, column = names[[fault$column]], value = fault$value)
}
