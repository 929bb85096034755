#' Pool fits of completed data sets
#'
#' Rubin's rules: the fits of m completed data sets as one fit, whose standard errors
#' hold for what the imputations do not agree on. [fit_glm()] of `imputations` fits and
#' pools at once.
#'
#' With estimates \eqn{Q_i} and covariances \eqn{U_i}, i = 1 to m,
#'
#' * the estimate is the mean \eqn{\bar Q}{Q} of the \eqn{Q_i},
#' * its covariance is \eqn{T = \bar U + (1 + 1/m) B}{T = U + (1 + 1/m) B}, the mean of the
#'   \eqn{U_i} (within) and the covariance of the \eqn{Q_i} (between, divisor m - 1),
#' * `riv`, the relative increase of the variance, is
#'   \eqn{r = (1 + 1/m) B / \bar U}{r = (1 + 1/m) B / U}, `lambda` the share
#'   \eqn{(1 + 1/m) B / T},
#' * `df` are those of Barnard & Rubin (1999):
#'   \eqn{1/\nu = \lambda^2/(m - 1) + 1/(\frac{\nu_c + 1}{\nu_c + 3} \nu_c (1 - \lambda))}{
#'   1/df = lambda^2 / (m - 1) + 1 / ((c + 1) / (c + 3) c (1 - lambda))} with
#'   \eqn{\nu_c}{c} the degrees of freedom with complete data,
#' * `fmi`, the fraction of missing information, is
#'   \eqn{(r + 2 / (\nu + 3)) / (r + 1)}{(r + 2 / (df + 3)) / (r + 1)}.
#'
#' @section Degrees of freedom with complete data:
#' What the tests of each fit use: of `lm`, of [fit_glm()] and of `glm` with an estimated
#' dispersion those of the residuals; infinitely many, that is z, where the
#' variance is known (binomial, Poisson and negative binomial families); for [fit_gee()]
#' Satterthwaite's; for `coxph`, `survreg`, `polr`, `geeglm` and others without `df.residual()`
#' infinitely many. With `vcov = "CR2"` they are the mean over the fits of Satterthwaite's, contrast
#' by contrast. `df.complete` sets them, for fits of [fit_glm()] with imputations too:
#' `pool(pooled$fits, df.complete = 100)`.
#'
#' `mice::pool()` takes the residual degrees of freedom for every model (for `coxph` events less
#' coefficients), also where the test with complete data is z. Barnard and Rubin start from
#' the t distribution that complete data would have, and Stata's `mi estimate` and SAS's MIANALYZE
#' take z there as here. `df.complete = df.residual(fits[[1]])` gives mice's figures. mice keeps
#' `lambda` above 0.0001 when it computes `df`; here nothing is cut off.
#'
#' @section Columns that depend on imputed values:
#' `poly(x, 2)`, splines without given knots and `scale(x)` are made anew in each completed data set
#' where x was imputed, so that their coefficients mean something else in each. A warning
#' (`questrial_warning_basis`) says so. [predict()] and D3 of [anova.pooled_fit()] do not depend on
#' it; for coefficients and D1 fix the columns: `poly(x, 2, raw = TRUE)`,
#' `ns(x, knots =, Boundary.knots =)`.
#'
#' @param fits A list of fits: of [fit_glm()], [fit_gee()], [stats::lm()], [stats::glm()] or
#'   anything else with `coef()` and `vcov()`, one a completed data set; also
#'   what `with(imp, ...)` gives, here or in mice (`mira`).
#' @param df.complete Degrees of freedom with complete data, a number from 1 (`Inf`
#'   for z); by default those of the fits.
#' @return An object of class `pooled_fit` with the methods of a fit: [coef()], [vcov()],
#'   [confint()], [predict()], [anova()], [summary()], `tidy()`, `glance()` and the questions
#'   that [wald_test()], [linear_contrast()] and others put to a fit. `fits` are kept in it.
#' @section Errors:
#' `questrial_error_argument` for fewer than two fits, for fits with other
#' coefficients or another order of them (`row`: which fit, `column`: which coefficient), for
#' coefficients that are aliased in some fits only, for a `vcov()` that does not go with `coef()`,
#' and for completed data sets given instead of fits: imputations are never averaged.
#' `questrial_error_range` for an estimate or variance that is not finite.
#' @references
#' Barnard J, Rubin DB (1999) Small-sample degrees of freedom with multiple imputation.
#' *Biometrika* 86:948-955, <doi:10.1093/biomet/86.4.948>.
#'
#' Rubin DB (1987) *Multiple Imputation for Nonresponse in Surveys*. Wiley.
#' @seealso [fit_glm()], [pooled_fit] for its methods, [imputations_needed()]
#' @examples
#' imp <- impute(airquality, m = 5, seed = 1)
#' pooled <- pool(with(imp, lm(Ozone ~ Wind + Temp)))
#' pooled
#' # The same, and every covariance of fit_glm():
#' pooled <- fit_glm(Ozone ~ Wind + Temp, imp)
#' confint(pooled, vcov = "HC3")
#' @export
pool <- function(fits, df.complete = NULL) {
  call <- match.call()
  imp <- attr(fits, "imp")
  fits <- read_fits(fits)
  check_df_complete(df.complete)
  if (length(fits) < 2) {
    qst_abort("argument", sprintf(
      "`fits` has %d fit%s; pooling needs at least two. Look at the fit itself, or impute more.",
      length(fits), if (length(fits) == 1) "" else "s"
    ), value = length(fits))
  }
  new_pooled_fit(fits, call, df.complete, imp)
}

# ---- Reading fits ----

# A plain list of fits.
read_fits <- function(fits) {
  if (inherits(fits, "imputations") || inherits(fits, "mids") || is_data_sets(fits)) {
    qst_abort("argument", paste(
      "`fits` are completed data sets. They are never averaged: fit each, as in",
      "fit_glm(formula, imp) or lapply(as.list(imp), ...), and pool the fits."
    ))
  }
  if (inherits(fits, "mira")) {
    fits <- fits$analyses
  }
  if (!is.list(fits) || !is.null(fits$coefficients)) {
    qst_abort("argument", sprintf(
      "`fits` must be a list of fits, one a completed data set, not %s.",
      if (is.list(fits)) "a single fit" else describe(fits)
    ))
  }
  lapply(seq_along(fits), function(i) fits[[i]])
}

is_data_sets <- function(x) {
  is.data.frame(x) || (is.list(x) && length(x) > 0 && is.data.frame(x[[1]]))
}

check_df_complete <- function(df.complete) {
  if (!is.null(df.complete)) {
    check_number(df.complete, "df.complete", min = 1)
  }
}

# ---- One fit ----

is_own_fit <- function(fit) {
  inherits(fit, c("fit_glm", "fit_gee"))
}

# Estimates as a named vector. Mixed models keep fixed effects elsewhere, ordinal ones their
# thresholds, and matrices of coefficients have one column an outcome.
fit_coefficients <- function(fit, number) {
  value <- tryCatch(
    if (inherits(fit, "merMod")) {
      stats::coef(summary(fit))[, "Estimate"]
    } else if (inherits(fit, "lme")) {
      fit$coefficients$fixed
    } else if (inherits(fit, "polr")) {
      c(fit$coefficients, fit$zeta)
    } else {
      stats::coef(fit)
    },
    error = function(e) NULL
  )
  if (inherits(fit, "multinom") && is.matrix(value)) {
    labels <- paste(rep(rownames(value), each = ncol(value)), colnames(value), sep = ":")
    value <- stats::setNames(as.vector(t(value)), labels)
  }
  if (!is.numeric(value) || !is.null(dim(value)) || is.null(names(value)) || length(value) == 0) {
    qst_abort("argument", sprintf(
      "Fit %d: coef() of a %s gives no named vector of numbers. Give fits that have one.",
      number, class(fit)[[1]]
    ), row = number)
  }
  value
}

# The names and places of coefficients must be those of the first fit.
check_same_coefficients <- function(estimates) {
  first <- estimates[[1]]
  for (i in seq_along(estimates)[-1]) {
    one <- estimates[[i]]
    if (!identical(names(one), names(first))) {
      refuse_other_names(names(one), names(first), i)
    }
    differs <- which(is.na(one) != is.na(first))
    if (length(differs) > 0) {
      name <- names(first)[[differs[[1]]]]
      in_first <- is.na(first[[name]])
      qst_abort("argument", sprintf(
        paste(
          "Coefficient `%s` is aliased (NA) in fit %d but not in fit %d. Leave a term out, or",
          "join levels that have no rows in some imputations."
        ), name, if (in_first) 1L else i, if (in_first) i else 1L
      ), row = i, column = name)
    }
  }
}

refuse_other_names <- function(names, first, number) {
  odd <- c(setdiff(names, first), setdiff(first, names))
  what <- if (length(odd) == 0) {
    "has its coefficients in another order than fit 1"
  } else if (odd[[1]] %in% first) {
    sprintf("has no coefficient `%s`, which fit 1 has", odd[[1]])
  } else {
    sprintf("has a coefficient `%s`, which fit 1 has not", odd[[1]])
  }
  qst_abort("argument", sprintf(
    paste(
      "Fit %d %s. Fit the same model to each data set; a level without rows in one of them",
      "is left out of its fit."
    ), number, what
  ), row = number, column = if (length(odd) > 0) odd[[1]] else NA_character_)
}

# The covariance of one fit that is not ours, as fit_covariance() gives it: `matrix` of all
# coefficients, `type`, `label` and `df`.
foreign_covariance <- function(fit, vcov, estimate, number) {
  if (!is.null(vcov) && !is.function(vcov)) {
    qst_abort("argument", sprintf(
      "`vcov`: %s is for fits of fit_glm(), not of class %s. Give a function, as sandwich::vcovHC.",
      describe(vcov), class(fit)[[1]]
    ), value = vcov)
  }
  value <- if (is.null(vcov)) stats::vcov(fit) else vcov(fit)
  matrix <- conforming_covariance(as.matrix(value), estimate, number)
  df <- complete_df(fit)
  list(
    matrix = matrix, type = if (is.null(vcov)) "model" else "custom",
    label = if (!is.null(vcov)) {
      "from the covariance function given"
    } else if (inherits(fit, "cace")) {
      fit$label
    } else {
      ""
    },
    df = function(contrasts) rep(df, nrow(contrasts))
  )
}

# Rows and columns in the order of the coefficients, NA where aliased; what belongs to no
# coefficient, as a scale parameter's, is left out.
conforming_covariance <- function(matrix, estimate, number) {
  wanted <- names(estimate)
  full <- matrix(NA_real_, length(wanted), length(wanted), dimnames = list(wanted, wanted))
  kept <- which(!is.na(estimate))
  names <- rownames(matrix)
  at <- if (is.null(names) && nrow(matrix) == length(kept)) {
    seq_along(kept)
  } else {
    match(wanted[kept], names)
  }
  if (anyNA(at) || nrow(matrix) != ncol(matrix)) {
    qst_abort("argument", sprintf(
      paste(
        "Fit %d: its covariance (%s) has no row for coefficient `%s`.",
        "Give a `vcov` function whose rows are named as coef()."
      ), number, paste(dim(matrix), collapse = " x "), wanted[kept][which(is.na(at))[1]]
    ), row = number, column = wanted[kept][which(is.na(at))[1]])
  }
  full[kept, kept] <- matrix[at, at]
  full
}

# What the tests of a fit of another package use: z where the variance is known.
complete_df <- function(fit) {
  family <- tryCatch(stats::family(fit)$family, error = function(e) "")
  known <- is.character(family) &&
    grepl("^(binomial|poisson|negative.binomial)", family[[1]], ignore.case = TRUE)
  if (known || inherits(fit, c("gee", "geeglm", "polr", "survreg"))) {
    return(Inf)
  }
  df <- tryCatch(stats::df.residual(fit), error = function(e) NULL)
  ok <- is.numeric(df) && length(df) == 1 && !is.na(df) && df > 0
  if (ok) as.double(df) else Inf
}

# ---- Fits of imputations ----

# What fit_glm() does with imputations: each argument is read in each completed data set.
fit_imputations <- function(formula, imp, call, family, action, contrasts, method, threads) {
  expressions <- frame_expressions(call)
  seen <- new.env(parent = emptyenv())
  bar <- if (interactive()) cli::cli_progress_bar("Fitting", total = imp$m)
  fits <- lapply(seq_len(imp$m), function(i) {
    data <- imp[[i]]
    one_call <- call
    one_call$data <- call("[[", call$data, i)
    fit <- of_imputation(i, seen, {
      check_model_data(formula, data)
      frame <- model_frame(formula, data, expressions, action, threads)
      build_fit(frame, one_call, family, contrasts, method, threads)
    })
    if (!is.null(bar)) {
      cli::cli_progress_update(id = bar)
    }
    fit
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

# Warnings of m fits are kept with how often each came, to be given once; an error says in which
# imputation it is (the first one's is most often that of all).
of_imputation <- function(i, seen, expr) {
  withCallingHandlers(expr,
    questrial_warning = function(w) {
      key <- conditionMessage(w)
      before <- seen[[key]]
      seen[[key]] <- list(times = 1L + if (is.null(before)) 0L else before$times, condition = w)
      invokeRestart("muffleWarning")
    },
    questrial_error = function(e) {
      if (i > 1) {
        e$message <- sprintf("In imputation %d: %s", i, conditionMessage(e))
        stop(e)
      }
    }
  )
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
