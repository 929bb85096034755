#' Linear and generalized linear models, with no digit less than lm and glm
#'
#' Fits a model by (weighted) least squares or maximum likelihood. Formulas,
#' `weights`, `subset`, `na.action`, `offset` and `contrasts` mean what they mean
#' in [stats::lm()] and [stats::glm()]; so do names of coefficients, `NA` for
#' aliased ones, responses of each family, and the methods.
#'
#' A linear model minimises \eqn{\sum_i w_i (y_i - o_i - x_i'\beta)^2}{sum w_i
#' (y_i - o_i - x_i'b)^2}. A generalized one maximises the likelihood of its
#' family, or the quasi-likelihood, with mean
#' \eqn{\mu_i = g^{-1}(o_i + x_i'\beta)}{mu_i = g^-1(o_i + x_i'b)} and variance
#' \eqn{\phi V(\mu_i) / w_i}{phi V(mu_i) / w_i}. The covariance of the
#' coefficients is \eqn{\hat\phi (X'WX)^{-1}}{phi (X'WX)^-1} with the working
#' weights \eqn{w_i (d\mu_i / d\eta_i)^2 / V(\mu_i)}{w_i (dmu_i / deta_i)^2 / V(mu_i)} at the
#' estimate. The dispersion \eqn{\phi}{phi} is 1 for binomial, Poisson and negative binomial models,
#' and tests and intervals use the normal distribution; else it is Pearson's
#' chi-square over \eqn{n - rank}{n - rank} (for a Gaussian the residual mean square), and they use
#' Student's t with that many degrees of freedom.
#'
#' @section Families:
#' | family | links (the first is usual) | response |
#' |---|---|---|
#' | `gaussian()` | identity, log, inverse | numbers |
#' | `binomial()`, `quasibinomial()` | logit, probit, cloglog, cauchit, log | see below |
#' | `poisson()`, `quasipoisson()` | log, identity, sqrt | counts |
#' | [negative_binomial()] | log, sqrt, identity | counts |
#' | `Gamma()` | inverse, identity, log | numbers above 0 |
#' | `inverse.gaussian()` | 1/mu^2, inverse, identity, log | numbers above 0 |
#' | `quasi()` | any of these | as the variance asks |
#'
#' A binomial response is `TRUE` and `FALSE`, 0 and 1, a factor or text with two
#' levels, of which the first is failure, `cbind(successes, failures)`, or a
#' share of successes with the number of trials as `weights`.
#'
#' @section Method:
#' The model matrix is never built: factors and their interactions stay codes,
#' other terms (`poly()`, splines, `I()` and so on) are columns that R evaluates.
#' The Gram matrix of the centred columns is formed in blocks of rows and
#' factored by Cholesky, and the solution is corrected once by its residuals
#' (corrected seminormal equations: Björck 1987, *Linear Algebra Appl.*
#' 88/89:31-48). When its condition is above 1e4, or a column is near the limit
#' of aliasing, Householder QR with the limited pivoting of `lm` is used instead
#' (tolerance 1e-8, a tenth of `lm`'s) and corrected in double-double arithmetic (Björck 1967,
#' *BIT* 7:257-278). `glance(fit)$method` says which one it was.
#' Other models than the linear one are fitted by iteratively reweighted least squares with
#' halved steps where the deviance would rise, until the deviance and the coefficients stand still:
#' the estimates are those of `glm` with an `epsilon` of 1e-14. Where `glm` would ask for starting
#' values, the mean response is one. Separation is looked for when the last steps do not shrink: a
#' direction of the coefficients that moves fitted means only towards the responses (Albert and
#' Anderson 1984, *Biometrika* 71:1-10) proves it, and names the coefficients.
#' Results are the same bits for any number of threads.
#'
#' Firth's method (`"firth"`) multiplies the likelihood of a logistic model by Jeffreys'
#' prior (Firth 1993, *Biometrika* 80:27-38): estimates are finite under
#' separation and less biased in small samples (Heinze and Schemper 2002, *Stat. Med.*
#' 21:2409-2419).
#'
#' @section Missing values:
#' Rows with a missing value in any variable of the formula, in the weights, the
#' offset or the clusters are left out, or whatever `na.action` says; `print()`
#' and `summary()` say how many. With `na.exclude`, residuals and fitted values
#' have their place for them.
#'
#' @section Differences from lm and glm:
#' * `residuals()` has the types of `glm` and, like it, gives deviance residuals
#'   by default, for every family; for a linear model they are those of `lm` times the root of
#'   the weights.
#' * `predict()` gives means by default, as for `lm`; for `glm` it gives linear predictors.
#' * Covariances are taken at the estimate; `glm` takes them one iteration before, so its standard
#'   errors may differ in the fifth digit. With `glm.control(epsilon = 1e-14)` they agree.
#' * A factor or text as binomial response must have two levels: that all but the first are
#'   successes, as in `glm`, is more often a mistake than meant.
#' * Infinite values, a factor with one level, several columns of one name and unknown
#'   variables are errors that name them. An `NA` in `subset` chooses no row.
#' * Starting values are not asked for: they are the data, as `glm` takes them by default.
#' * The response is one column. No QR decomposition is kept; [stats::influence()] of a fit stands
#'   in for [stats::lm.influence()].
#' * Functions that look at the class choose their defaults as for any model but
#'   `lm`: `sandwich::vcovCL()` takes type HC0, where it takes HC1 for `lm`.
#'
#' @param formula A formula, as in [stats::lm()].
#' @param data A data frame (or list or environment) with its variables; the
#'   formula's environment is searched too. Or `imputations`: the model is then fitted to each
#'   completed data set and pooled, see [pool()]; `weights`, `subset`, `offset` and `cluster` are
#'   evaluated in each. Or a [pg_table()]: the fit goes to the data, and only sums travel.
#' @param family A family, its function or its name; see below.
#' @param weights Prior weights, from 0, evaluated in `data`. Rows of weight 0
#'   are not used but have fitted values, as in `lm`.
#' @param subset Rows to use, evaluated in `data`.
#' @param na.action What to do with missing values, by default
#'   `getOption("na.action")`.
#' @param offset A known part of the linear predictor, evaluated in `data`; an
#'   `offset()` term of the formula is added to it.
#' @param contrasts A named list, as in [stats::lm()].
#' @param cluster Groups of rows whose answers hang together, as a formula
#'   (`~ group`, or `~ a + b` for two ways), a vector or a list of vectors,
#'   evaluated in `data`: kept for covariances that allow for them, as in
#'   `vcov(fit, type = "CR2")`.
#' @param threads Number of threads; see [qst_threads()].
#' @param method `"ml"`: (quasi-)likelihood, or `"firth"` for
#'   `binomial(link = "logit")`.
#' @return An object of class `fit_glm`, to be used through [summary()],
#'   [coef()], [vcov()], [confint()], [predict()], [anova()], [residuals()],
#'   [plot()], [simulate()] and the other methods of a linear model; `tidy()`, `glance()`
#'   and `augment()` of broom, `estfun()` and `bread()` of sandwich and
#'   `emmeans()` work on it. Of `imputations` a [pooled_fit].
#' @section Errors:
#' `questrial_error_argument` for a family or link that is not fitted, a response that the
#' family cannot have, an unknown variable, an infinite value (fields `row`, `column`, `value`), a
#' factor with one level; `questrial_error_no_data` when no row is left. Warnings, which
#' are also notes under printed results: `questrial_warning_separation` when a combination of terms
#' foretells a binomial response (or counts of zero) without error, so that its
#' coefficients have no finite estimate; `questrial_warning_convergence` when
#' iterations end without one.
#' @seealso [stats::lm()], [stats::glm()], [vcov.fit_glm()], [predict.fit_glm()],
#'   [simulate.fit_glm()], [influence.fit_glm()].
#' @examples
#' fit <- fit_glm(mpg ~ wt + factor(cyl), mtcars)
#' summary(fit)
#' confint(fit)
#' predict(fit, data.frame(wt = 3, cyl = 6), interval = "confidence")
#' anova(fit)
#'
#' fit_glm(cbind(ncases, ncontrols) ~ unclass(agegp), esoph, family = binomial())
#' fit_glm(count ~ spray, InsectSprays, family = quasipoisson())
#' @export
fit_glm <- function(formula, data, family = stats::gaussian(), weights = NULL, subset,
                    na.action, offset, contrasts = NULL, cluster = NULL, threads = NULL,
                    method = c("ml", "firth")) {
  call <- match.call()
  family <- check_family(family)
  method <- check_method(method, family)
  threads <- threads_to_use(threads)
  if (missing(data)) {
    data <- environment(formula)
  }
  action <- if (missing(na.action)) NULL else na.action
  if (inherits(data, "imputations")) {
    return(fit_imputations(formula, data, call, family, action, contrasts, method, threads))
  }
  if (inherits(data, "pg_table")) {
    return(fit_table(formula, data, call, family, action, contrasts, method, threads))
  }
  check_model_data(formula, data)
  frame <- model_frame(formula, data, frame_expressions(call), action, threads)
  build_fit(frame, call, family, contrasts, method, threads)
}

check_method <- function(method, family) {
  method <- check_choice(method, c("ml", "firth"), "method")
  if (method == "firth" && !(family$family == "binomial" && family$link == "logit")) {
    qst_abort("argument", sprintf(
      "`method`: \"firth\" is for binomial(link = \"logit\"), not %s(link = \"%s\"). Use \"ml\".",
      family$family, family$link
    ), value = method)
  }
  method
}

# From the model frame to the fit; everything else of the call has been read.
build_fit <- function(frame, call, family, contrasts, method, threads) {
  terms <- attr(frame, "terms")
  prior <- frame_weights(frame)
  response <- read_response(frame, family, prior)
  shift <- frame_offset(frame)
  design <- model_columns(terms, frame, contrasts)
  core <- fit_core(design, response$y, response$weights, shift, family, method, threads, frame)
  columns <- attr(design, "columns")
  names(core$coefficients) <- columns
  names(core$effects) <- columns
  dimnames(core$covariance) <- list(columns, columns)
  fit <- list(
    coefficients = core$coefficients, residuals = core$residuals,
    fitted.values = core$fitted, linear.predictors = core$linear, effects = core$effects,
    cov.unscaled = core$covariance, rank = core$rank, df.residual = core$n_used - core$rank,
    df.null = core$n_used - as.double(attr(terms, "intercept") > 0),
    deviance = core$deviance, n_used = core$n_used, weights = response$weights,
    y = response$y, offset = shift, family = family, assign = attr(design, "assign"),
    contrasts = attr(design, "contrasts"), xlevels = attr(design, "xlevels"),
    cluster = attr(frame, "cluster"), na.action = attr(frame, "na.action"), call = call,
    terms = terms, model = frame, info = core$info, notes = attr(frame, "notes")
  )
  class(fit) <- "fit_glm"
  if (estimates_theta(family)) {
    fit$theta <- core$info$theta
    fit$theta.se <- core$info$theta_se
    fit$family <- negative_binomial(fit$theta, family$link)
  }
  fit$null.deviance <- null_deviance(fit, threads)
  warn_of_fit(fit)
}

# Deviance of the constant (and the offset) alone. For a Gaussian it is what
# the effects add up to; otherwise as in glm().
null_deviance <- function(fit, threads) {
  constant <- attr(fit$terms, "intercept") > 0
  if (is_linear(fit)) {
    return(fit$deviance + sum(fit$effects[!constant | fit$assign > 0]^2))
  }
  if (constant && !is.null(fit$offset)) {
    design <- list(n_rows = length(fit$y), terms = list(list()))
    core <- fit_core(design, fit$y, fit$weights, fit$offset, fit$family, "ml", threads, fit$model)
    return(core$deviance)
  }
  mean <- NULL
  if (!constant) {
    shift <- if (is.null(fit$offset)) 0 else fit$offset
    mean <- rep_len(fit$family$linkinv(shift), length(fit$y))
  }
  .Call(C_qstr_glm_deviance, fit$y, fit$weights, mean, core_family(fit$family), threads)
}

# ---- The core ----

# What src/glue/r_glm.c makes of a design and its response. `threads` is what
# threads_to_use() gave.
fit_core <- function(design, y, weights, offset, family, method, threads, frame) {
  control <- list(
    firth = method == "firth", tol_alias = 1e-7, tol_deviance = 1e-8, n_steps_max = 100L
  )
  core <- withCallingHandlers(
    .Call(C_qstr_glm_fit, design, y, weights, offset, core_family(family), control, threads),
    questrial_error_argument = function(e) rename_model_fault(e, design, frame)
  )
  if (length(core$linear) == 0) {
    core$linear <- core$fitted
  }
  core$info$separated <- attr(design, "columns")[core$separated]
  core
}

# The core counts columns of the design; users know names.
rename_model_fault <- function(fault, design, frame) {
  if (length(fault$column) != 1 || is.na(fault$column)) {
    return(invisible())
  }
  name <- c(attr(design, "columns"), "the response")[[fault$column]]
  qst_abort("argument", sprintf(
    "`%s` is %s in row %s. Correct it or make it NA.",
    name, format(fault$value), row.names(frame)[[fault$row]]
  ), row = fault$row, column = name, value = fault$value)
}

# ---- What may have gone wrong ----

# Warnings of a fit, which are notes under its tables too.
warn_of_fit <- function(fit) {
  separated <- fit$info$separated
  if (length(separated) > 0) {
    numbers <- fit$assign[match(separated, names(fit$coefficients))]
    terms <- unique(c("(Intercept)", attr(fit$terms, "term.labels"))[numbers + 1])
    fit <- note_warning(fit, "separation", sprintf(
      paste(
        "Separation: %s foretell%s the response without error in some rows, so %s no finite",
        "estimate: %s. %s"
      ), enumerate(terms), if (length(terms) == 1) "s" else "",
      if (length(separated) == 1) "this coefficient has" else "these coefficients have",
      enumerate(separated),
      if (fit$family$link == "logit") {
        "Use method = \"firth\", or leave it out."
      } else {
        "Leave it out or join levels."
      }
    ), column = terms)
  }
  if (isTRUE(fit$theta >= theta_end)) {
    return(note_warning(fit, "convergence", paste(
      "Theta has no finite estimate: the counts vary no more than Poisson counts do.",
      "Use poisson()."
    )))
  }
  if (!fit$info$converged && length(separated) == 0) {
    fit <- note_warning(fit, "convergence", sprintf(
      paste(
        "No convergence in %d steps: the coefficients are not those of greatest likelihood.",
        "Scale the variables, or use fewer terms or another link."
      ), fit$info$iterations
    ))
  }
  fit
}

note_warning <- function(fit, kind, text, ...) {
  qst_warn(kind, text, ...)
  fit$notes <- c(fit$notes, text)
  fit
}
