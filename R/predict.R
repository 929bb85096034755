#' Predictions of a fitted model
#'
#' @param object A fit of [fit_glm()].
#' @param newdata A data frame with the model's variables; without it the rows
#'   that were fitted.
#' @param type `"response"`: means, on the scale of the response; `"link"`: linear
#'   predictors (the same for a Gaussian with identity link); `"terms"`: what
#'   each term adds to the linear predictor, as in [stats::predict.lm()].
#' @param se.fit Standard errors too? Then the result is a list of `fit`,
#'   `se.fit`, `df` and `residual.scale`. On the response scale they are by the
#'   delta method.
#' @param interval `"confidence"` of the mean or `"prediction"` of a new
#'   answer (of a Gaussian with identity link): columns `fit`, `lwr`, `upr`. Means
#'   of other models have their interval on the scale of the link, transformed.
#' @param level Level of the interval.
#' @param weights Weights of the new answers, for `interval = "prediction"`;
#'   by default 1, or without `newdata` those of the fit.
#' @param vcov,cluster The covariance of the coefficients, as for [summary()] of a fit; by
#'   default the model's.
#' @param ... Nothing; an unknown argument is an error.
#' @return A named vector, a matrix or a list, as from [stats::predict.lm()]. Rows
#'   of `newdata` with missing values give `NA`. Intervals use Student's t where
#'   the model's dispersion is estimated, else the normal distribution.
#' @section Errors:
#' `questrial_error_argument` for a variable that is missing in `newdata`, a
#' factor level that the model has not seen, and an interval that the model
#' does not have.
#' @section Differences from predict.lm and predict.glm:
#' The default type is `"response"` for every family: what is asked of a
#' model most often are means, and it is the default of [stats::predict.lm()]; it
#' is not that of [stats::predict.glm()], which is `"link"`. There are
#' confidence intervals for all families, and a `vcov`. A fit with aliased coefficients
#' warns (`questrial_warning_singular`) when `newdata` is given.
#' @examples
#' fit <- fit_glm(mpg ~ wt, mtcars)
#' predict(fit, data.frame(wt = 2:4), interval = "prediction")
#' fit <- fit_glm(am ~ wt, mtcars, family = binomial())
#' predict(fit, data.frame(wt = 2:4), interval = "confidence")
#' predict(fit, data.frame(wt = 2:4), type = "link", se.fit = TRUE)
#' @export
predict.fit_glm <- function(object, newdata = NULL, type = c("response", "link", "terms"),
                            se.fit = FALSE, interval = c("none", "confidence", "prediction"),
                            level = 0.95, weights = NULL, vcov = NULL, cluster = NULL, ...) {
  check_no_dots(...)
  type <- check_choice(type, c("response", "link", "terms"), "type")
  interval <- check_choice(interval, c("none", "confidence", "prediction"), "interval")
  check_flag(se.fit, "se.fit")
  check_number(level, "level", min = 0, max = 1)
  check_prediction(object, type, interval)
  restore <- function(x) if (is.null(newdata)) stats::napredict(object$na.action, x) else x
  if (is.null(newdata) && type != "terms" && !se.fit && interval == "none") {
    return(restore(fitted_values(object, type)))
  }
  covariance <- fit_covariance(object, vcov, cluster)
  frame <- if (is.null(newdata)) object$model else new_frame(object, newdata)
  values <- if (type == "terms") {
    term_values(object, frame, covariance)
  } else {
    linear_values(object, frame, newdata, covariance)
  }
  if (interval != "none") {
    noise <- prediction_noise(object, newdata, interval, weights)
    values <- with_interval(object, values, frame, covariance, level, noise)
  }
  if (type == "response") {
    values <- on_response(object$family, values)
  }
  if (!se.fit) {
    return(restore(values$fit))
  }
  list(
    fit = restore(values$fit), se.fit = restore(values$se), df = object$df.residual,
    residual.scale = sqrt(dispersion(object))
  )
}

check_prediction <- function(fit, type, interval) {
  if (interval == "prediction" && !is_linear(fit)) {
    qst_abort("argument", sprintf(
      paste(
        "`interval`: %s(link = \"%s\") has no prediction interval.",
        "Use interval = \"confidence\", or simulate() for new answers."
      ), fit$family$family, fit$family$link
    ), value = interval)
  }
  if (interval != "none" && type == "terms" && !is_linear(fit)) {
    qst_abort("argument", "`interval`: terms have none here. Use `se.fit = TRUE`.")
  }
}

fitted_values <- function(fit, type) {
  value <- if (type == "link") fit$linear.predictors else fit$fitted.values
  names(value) <- row.names(fit$model)
  value
}

# The model's variables in new data; rows may miss some.
new_frame <- function(fit, newdata) {
  if (any(!kept_terms(fit))) {
    qst_warn("singular", sprintf(
      "Coefficients %s are aliased; predictions for new data may be misleading.",
      enumerate(names(fit$coefficients)[!kept_terms(fit)])
    ))
  }
  frame_of_data(fit, newdata)
}

# The model frame of other data, without the response.
frame_of_data <- function(fit, newdata) {
  terms <- stats::delete.response(fit$terms)
  check_data_frame(newdata, "newdata", min_rows = 0)
  variables <- all.vars(terms)
  known <- vapply(variables, exists, logical(1), envir = environment(terms))
  check_columns(newdata, variables[!known], "newdata")
  frame <- tryCatch(
    stats::model.frame(terms, newdata, na.action = stats::na.pass, xlev = fit$xlevels),
    error = function(e) qst_abort("argument", sprintf("`newdata`: %s.", conditionMessage(e)))
  )
  classes <- attr(terms, "dataClasses")
  if (!is.null(classes)) {
    tryCatch(stats::.checkMFClasses(classes, frame), error = function(e) {
      qst_abort("argument", sprintf("`newdata`: %s.", conditionMessage(e)))
    })
  }
  frame
}

# Offsets of the rows to predict: of the formula and of the argument, which is
# evaluated in new data.
rows_offset <- function(fit, frame, newdata) {
  if (is.null(newdata)) {
    return(if (is.null(fit$offset)) 0 else fit$offset)
  }
  offset <- stats::model.offset(frame)
  given <- fit$call$offset
  if (!is.null(given)) {
    offset <- (if (is.null(offset)) 0 else offset) +
      eval(given, newdata, environment(fit$terms))
  }
  if (is.null(offset)) 0 else offset
}

# Linear predictors and their standard errors, NA in rows that miss a variable.
linear_values <- function(fit, frame, newdata, covariance) {
  complete <- stats::complete.cases(frame)
  used <- if (all(complete)) frame else frame[complete, , drop = FALSE]
  zero <- function(x) replace(x, is.na(x), 0)
  both <- .Call(
    C_qstr_model_predict, model_design(attr(frame, "terms"), used, fit$contrasts),
    zero(fit$coefficients), zero(covariance$matrix), threads_to_use(NULL)
  )
  place <- function(x) {
    all_rows <- rep(NA_real_, length(complete))
    all_rows[complete] <- x
    stats::setNames(all_rows, row.names(frame))
  }
  list(
    fit = place(both$eta) + rows_offset(fit, frame, newdata),
    se = place(sqrt(pmax(both$quadratic, 0)))
  )
}

frame_matrix <- function(fit, frame) {
  stats::model.matrix(attr(frame, "terms"), frame, contrasts.arg = fit$contrasts)
}

# Terms about their means in the fitted data; the constant is an attribute.
term_values <- function(fit, frame = fit$model, covariance = fit_covariance(fit)) {
  x <- frame_matrix(fit, frame)
  kept <- kept_terms(fit)
  constant <- 0
  if (attr(fit$terms, "intercept") > 0) {
    means <- colMeans(stats::model.matrix(fit))
    x <- sweep(x, 2, means)
    constant <- sum(means[kept] * fit$coefficients[kept])
  }
  labels <- attr(fit$terms, "term.labels")
  one_term <- function(k) {
    columns <- which(kept & fit$assign == k)
    part <- x[, columns, drop = FALSE]
    cbind(
      part %*% fit$coefficients[columns],
      sqrt(rowSums((part %*% covariance$matrix[columns, columns, drop = FALSE]) * part))
    )
  }
  both <- lapply(seq_along(labels), one_term)
  bind <- function(j) {
    parts <- vapply(both, function(part) part[, j], numeric(nrow(x)))
    matrix(parts, nrow(x), dimnames = list(rownames(x), labels))
  }
  list(fit = structure(bind(1), constant = constant), se = bind(2))
}

# Variance that a new answer adds to that of its mean.
prediction_noise <- function(fit, newdata, interval, weights) {
  if (interval == "confidence") {
    return(0)
  }
  if (is.null(weights)) {
    weights <- if (is.null(newdata)) prior_weights(fit) else 1
  }
  if (!is.numeric(weights) || !all(weights >= 0)) {
    qst_abort("argument", sprintf(
      "`weights` must be numbers from 0, not %s.", describe(weights)
    ))
  }
  dispersion(fit) / weights
}

with_interval <- function(fit, values, frame, covariance, level, noise) {
  df <- if (covariance$type == "model" || is.matrix(values$fit)) {
    if (uses_t(fit)) fit$df.residual else Inf
  } else {
    contrasts <- frame_matrix(fit, frame)
    contrasts[, !kept_terms(fit)] <- 0
    covariance$df(contrasts)
  }
  half <- stats::qt((1 + level) / 2, df) * sqrt(values$se^2 + noise)
  values$fit <- if (is.matrix(values$fit)) {
    list(fit = values$fit, lwr = values$fit - half, upr = values$fit + half)
  } else {
    cbind(fit = values$fit, lwr = values$fit - half, upr = values$fit + half)
  }
  values
}

# From the scale of the link. A link that falls, as 1/mu, turns the limits over.
on_response <- function(family, values) {
  if (family$link == "identity") {
    return(values)
  }
  eta <- values$fit
  centre <- if (is.matrix(eta)) eta[, "fit"] else eta
  values$se <- values$se * abs(family$mu.eta(centre))
  values$fit[] <- family$linkinv(as.vector(eta))
  if (is.matrix(eta)) {
    limits <- values$fit[, c("lwr", "upr"), drop = FALSE]
    values$fit[, "lwr"] <- pmin(limits[, 1], limits[, 2])
    values$fit[, "upr"] <- pmax(limits[, 1], limits[, 2])
  }
  values
}

#' New responses of a fitted model
#'
#' Draws responses from the fitted distribution, as [stats::simulate()] does for
#' [stats::glm()]: the same numbers with the same seed for Gaussian, binomial,
#' Poisson and Gamma models.
#'
#' A Gamma response has the shape of greatest likelihood (as in
#' `MASS::gamma.shape()`) times the weight; an inverse Gaussian one, for which
#' [stats::glm()] needs another package, the dispersion over the weight, drawn
#' by the transformation of Michael, Schucany and Haas (1976, *Am. Stat.*
#' 30:88-90). A binomial one is what it was: a factor, two columns, or shares of
#' `weights` trials.
#'
#' @param object A fit of [fit_glm()].
#' @param nsim How many responses.
#' @param seed A seed for [set.seed()]; the generator is put back afterwards.
#' @param ... Nothing; an unknown argument is an error.
#' @return A data frame with columns `sim_1`, `sim_2`, ... and a row for each row
#'   fitted; attribute `seed`.
#' @section Errors:
#' `questrial_error_argument` for quasi families, which have no distribution,
#' and for binomial models whose weights are not whole.
#' @examples
#' fit <- fit_glm(count ~ spray, InsectSprays, family = poisson())
#' head(simulate(fit, 2, seed = 1))
#' @export
simulate.fit_glm <- function(object, nsim = 1, seed = NULL, ...) {
  check_no_dots(...)
  check_number(nsim, "nsim", min = 1, whole = TRUE)
  state <- keep_seed(seed)
  on.exit(state$restore())
  draws <- draw_responses(object, nsim)
  if (!is.list(draws)) {
    draws <- split(draws, rep(seq_len(nsim), each = length(object$fitted.values)))
  }
  names(draws) <- paste0("sim_", seq_len(nsim))
  structure(draws,
    class = "data.frame", row.names = attr(object$model, "row.names"), seed = state$seed
  )
}

draw_responses <- function(fit, nsim) {
  mean <- fit$fitted.values
  n <- length(mean) * nsim
  prior <- prior_weights(fit)
  switch(fit$family$family,
    gaussian = mean + stats::rnorm(n, sd = sqrt(dispersion(fit) / prior)),
    poisson = stats::rpois(n, mean),
    binomial = draw_binomial(fit, nsim, prior),
    Gamma = {
      shape <- gamma_shape(fit, prior) * prior
      stats::rgamma(n, shape = shape, rate = shape / mean)
    },
    inverse.gaussian = draw_inverse_gaussian(n, mean, prior / dispersion(fit)),
    negative_binomial = stats::rnbinom(n, size = fit$family$theta, mu = mean),
    qst_abort("argument", sprintf(
      "simulate(): %s has a variance but no distribution to draw from.", fit$family$family
    ))
  )
}

# stats has this for the fields of a glm.
draw_binomial <- function(fit, nsim, prior) {
  if (any(prior %% 1 != 0)) {
    qst_abort("argument", "simulate(): the weights are not whole, so trials cannot be drawn.")
  }
  fields <- list(fitted.values = fit$fitted.values, prior.weights = prior, model = fit$model)
  stats::binomial()$simulate(fields, nsim)
}

# The shape a of greatest likelihood given the means, rows with shape w a:
# sum w (log(w a) + 1 + log(y / mu) - y / mu - digamma(w a)) = 0, which falls in a.
gamma_shape <- function(fit, prior) {
  used <- prior > 0
  w <- prior[used]
  ratio <- (fit$y / fit$fitted.values)[used]
  score <- function(log_shape) {
    shape <- w * exp(log_shape)
    sum(w * (log(shape) + 1 + log(ratio) - ratio - digamma(shape)))
  }
  exp(stats::uniroot(score, c(-10, 10), extendInt = "yes", tol = 1e-12)$root)
}

draw_inverse_gaussian <- function(n, mean, lambda) {
  half <- mean * stats::rnorm(n)^2 / (2 * lambda)
  small <- mean * (1 + half - sqrt(half * (2 + half)))
  ifelse(stats::runif(n) <= mean / (mean + small), small, mean^2 / small)
}

# As in stats: with a seed the generator is put back afterwards, and what is
# needed to repeat the draws is kept.
keep_seed <- function(seed) {
  if (!exists(".Random.seed", envir = .GlobalEnv, inherits = FALSE)) {
    stats::runif(1)
  }
  before <- get(".Random.seed", envir = .GlobalEnv)
  if (is.null(seed)) {
    return(list(seed = before, restore = function() NULL))
  }
  set.seed(seed)
  list(
    seed = structure(seed, kind = as.list(RNGkind())),
    restore = function() assign(".Random.seed", before, envir = .GlobalEnv)
  )
}
