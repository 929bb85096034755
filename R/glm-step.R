# One term dropped or added, for step() and MASS::stepAIC() too.

# The tables are those of lm where the model is linear, of glm otherwise; the models
# are fitted again by update(), so that terms of `scope` may need new variables. What
# step() passes on in the dots (`trace`) is of no use here, as in stats.
#' @importFrom stats add1 drop1
#' @export
drop1.fit_glm <- function(object, scope, scale = 0, test = c("none", "F", "Chisq", "LRT"), k = 2,
                          ...) {
  dropped <- if (missing(scope)) {
    stats::drop.scope(object)
  } else if (is.character(scope)) {
    scope
  } else {
    labels(stats::terms(stats::update.formula(stats::formula(object), scope)))
  }
  known <- attr(object$terms, "term.labels")
  unknown <- setdiff(dropped, known)
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "`scope`: the model has no term %s. Its terms are %s.",
      enumerate(unknown), enumerate(known, most = 9)
    ), value = unknown)
  }
  single_terms(object, dropped, "-", scale, test, k)
}

#' @export
add1.fit_glm <- function(object, scope, scale = 0, test = c("none", "F", "Chisq", "LRT"), k = 2,
                         ...) {
  added <- scope
  if (!is.character(scope)) {
    added <- stats::add.scope(object, stats::update.formula(stats::formula(object), scope))
  }
  if (length(added) == 0) {
    qst_abort("argument", "`scope` has no term that the model lacks.")
  }
  single_terms(object, added, "+", scale, test, k)
}

single_terms <- function(object, scope, sign, scale, test, k) {
  test <- check_choice(test, c("none", "F", "Chisq", "LRT"), "test")
  fits <- c(list(object), lapply(scope, refit_term, fit = object, sign = sign))
  rank <- vapply(fits, function(fit) as.double(fit$rank), numeric(1))
  deviance <- vapply(fits, stats::deviance, numeric(1))
  direction <- if (sign == "-") -1 else 1
  rows <- data.frame(
    df = direction * c(NA, rank[-1] - rank[[1]]), deviance = deviance,
    change = -direction * c(NA, deviance[-1] - deviance[[1]]),
    fit_part = aic_part(object, deviance, scale)
  )
  rows$aic <- rows$fit_part + k * rank
  if (!is_linear(object)) {
    rows$aic <- rows$aic + stats::extractAIC(object, k = k)[[2]] - rows$aic[[1]]
  }
  # F is about what the larger of the two models leaves.
  rows$left <- if (sign == "-") object$df.residual else vapply(fits, stats::df.residual, numeric(1))
  rows$noise <- (if (sign == "-") deviance[[1]] else deviance) / rows$left
  table <- cbind(single_term_columns(object, rows, scale), single_term_test(object, rows, test))
  structure(table,
    row.names = c("<none>", scope), class = c("anova", "data.frame"),
    heading = c(
      if (sign == "-") "Single term deletions" else "Single term additions", "\nModel:",
      deparse(stats::formula(object)), if (scale > 0) paste("\nscale: ", format(scale), "\n")
    )
  )
}

single_term_columns <- function(object, rows, scale) {
  if (!is_linear(object)) {
    table <- data.frame(Df = rows$df, Deviance = rows$deviance, AIC = rows$aic)
    # Quasi families have none.
    return(if (all(is.na(rows$aic))) table[1:2] else table)
  }
  table <- data.frame(
    Df = rows$df, `Sum of Sq` = rows$change, RSS = rows$deviance, AIC = rows$aic,
    check.names = FALSE
  )
  names(table)[[4]] <- if (scale > 0) "Cp" else "AIC"
  table
}

single_term_test <- function(object, rows, test) {
  if (test == "none") {
    return(data.frame(row.names = seq_len(nrow(rows))))
  }
  if (test == "F") {
    f <- rows$change / rows$df / rows$noise
    p <- stats::pf(f, rows$df, rows$left, lower.tail = FALSE)
    return(data.frame(`F value` = f, `Pr(>F)` = p, check.names = FALSE))
  }
  ratio <- c(NA, abs(rows$fit_part[-1] - rows$fit_part[[1]]))
  p <- stats::pchisq(ratio, rows$df, lower.tail = FALSE)
  if (is_linear(object)) {
    return(data.frame(`Pr(>Chi)` = p, check.names = FALSE))
  }
  table <- data.frame(ratio, `Pr(>Chi)` = p, check.names = FALSE)
  names(table)[[1]] <- if (uses_t(object)) "scaled dev." else "LRT"
  table
}

# As step() does it: the call, evaluated where the formula was made.
refit_term <- function(term, fit, sign) {
  call <- stats::update(fit, stats::as.formula(paste("~ .", sign, term)), evaluate = FALSE)
  refit <- eval(call, environment(stats::formula(fit)))
  if (refit$n_used != fit$n_used) {
    qst_abort("argument", sprintf(
      "With `%s` %s rows would be used, not %s: missing values. Leave these rows out of all fits.",
      term, count_text(refit$n_used), count_text(fit$n_used)
    ), value = term)
  }
  refit
}

# Minus twice the log-likelihood but for a constant, with the dispersion of the fit.
aic_part <- function(fit, deviance, scale) {
  n <- fit$n_used
  if (!is_linear(fit)) {
    deviance / (if (scale > 0) scale else dispersion(fit))
  } else if (scale > 0) {
    deviance / scale - n
  } else {
    n * log(deviance / n)
  }
}
