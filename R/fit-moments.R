#' A linear model from n, means and covariances alone
#'
#' Fits what [fit_glm()] would fit to the rows, from their number, means and
#' covariance matrix: to check or extend a published regression whose data are
#' not there. The result is a fit without rows.
#'
#' With \eqn{m} the means and S the covariances (divisor \eqn{n - 1}{n - 1}), the cross
#' products about the mean are \eqn{(n-1)S}{(n - 1) S}, about 0
#' \eqn{(n-1)S + n m m'}{(n - 1) S + n m m'} (models without a constant). They are scaled
#' to correlations and factored by Cholesky; coefficients, their covariance, sums
#' of squares and tests follow exactly, since least squares depends on the rows
#' through these numbers only. What was printed with few digits is known to few
#' digits, and so is what follows from it.
#'
#' Printed correlations with standard deviations sd are the covariance
#' `correlations * outer(sd, sd)`. Means and covariances must come from the same
#' complete rows; a matrix of pairwise covariances may not be one of any data.
#'
#' @param formula `y ~ a + b`, or `y ~ .`, or without a constant `y ~ 0 + a`. Each term is
#'   a name of `mean`: a factor enters as its indicators, a product as a variable
#'   named as the formula names it (`a:b`).
#' @param n Number of rows.
#' @param mean Named vector of means.
#' @param cov Their covariance matrix, with the same names.
#' @return A fit of class `fit_glm` (and `fit_moments`): [coef()], [vcov()],
#'   [confint()], [summary()], `tidy()`, `glance()`, [anova()], [linear_contrast()],
#'   [wald_test()], [equivalence_test()] and [predict()] with `newdata` work.
#'   Methods that need rows (residuals, robust covariances, marginal means, ...) raise
#'   `questrial_error_no_rows`.
#' @section Errors:
#' `questrial_error_argument` for terms without a mean, a matrix that is not a
#' covariance matrix, n too small; `questrial_error_singular` for a variable that
#' follows from those before it.
#' @section Peers:
#' SPSS: REGRESSION with MATRIX IN; emmeans' `qdrg()` needs the fit already.
#' @examples
#' used <- mtcars[c("mpg", "wt", "hp")]
#' fit <- fit_moments(mpg ~ wt + hp, nrow(used), colMeans(used), cov(used))
#' summary(fit)
#' all.equal(coef(fit), coef(lm(mpg ~ wt + hp, mtcars)))
#' linear_contrast(fit, "wt = -3")
#' @export
fit_moments <- function(formula, n, mean, cov) {
  call <- match.call()
  check_moments(n, mean, cov)
  terms <- moment_terms(formula, names(mean))
  labels <- attr(terms, "term.labels")
  response <- deparse1(attr(terms, "variables")[[2]])
  constant <- attr(terms, "intercept") > 0
  cov <- cov[names(mean), names(mean)]
  if (n <= length(labels) + constant) {
    qst_abort("argument", sprintf(
      "`n` = %s is too small for %d coefficients.", format(n), length(labels) + constant
    ), value = n)
  }
  solved <- solve_moments(n, mean, cov, labels, response, constant)
  coefficients <- names(solved$coefficients)
  structure(
    c(solved, list(
      rank = length(coefficients), df.residual = as.double(n - length(coefficients)),
      df.null = as.double(n - constant), n_used = n, family = stats::gaussian(),
      assign = c(if (constant) 0L, seq_along(labels)), terms = terms, call = call,
      info = list(method = "moments", condition = solved$condition),
      notes = "Fitted from n, means and covariances; there are no rows."
    )),
    class = c("fit_moments", "fit_rowless", "fit_glm")
  )
}

# ---- Arguments ----

check_moments <- function(n, mean, cov) {
  check_number(n, "n", min = 2, whole = TRUE)
  known <- names(mean)
  if (!is.numeric(mean) || is.null(known) || anyDuplicated(known) > 0 || !all(is.finite(mean))) {
    qst_abort("argument", sprintf(
      "`mean` must be finite numbers with different names, not %s.", describe(mean)
    ))
  }
  square <- is.matrix(cov) && is.numeric(cov) && all(is.finite(cov)) &&
    all(known %in% rownames(cov)) && all(known %in% colnames(cov))
  if (!square) {
    qst_abort("argument", paste(
      "`cov` must be a matrix of finite numbers whose rows and columns have the names of `mean`."
    ))
  }
  cov <- cov[known, known]
  if (any(abs(cov - t(cov)) > 1e-8 * sqrt(outer(abs(diag(cov)), abs(diag(cov))))) ||
    any(diag(cov) < 0)) {
    qst_abort("argument", paste(
      "`cov` is not symmetric or has a negative variance, so it is no covariance matrix."
    ))
  }
}

moment_terms <- function(formula, known) {
  if (!inherits(formula, "formula") || length(formula) != 3) {
    qst_abort("argument", sprintf(
      "`formula` must have two sides, as in y ~ a + b, not %s.", describe(formula)
    ))
  }
  shell <- as.data.frame(stats::setNames(as.list(numeric(length(known))), known), optional = TRUE)
  terms <- stats::terms(formula, data = shell)
  if (!is.null(attr(terms, "offset"))) {
    qst_abort("argument", "`formula` has an offset. Subtract it from the response's moments.")
  }
  wanted <- c(deparse1(formula[[2]]), attr(terms, "term.labels"))
  unknown <- setdiff(wanted, known)
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "`formula`: `mean` and `cov` have no %s.%s", enumerate(unknown),
      sub("The columns are", "They have", suggest(unknown[[1]], known))
    ), column = unknown)
  }
  terms
}

# ---- Least squares from moments ----

solve_moments <- function(n, mean, cov, labels, response, constant) {
  about_zero <- if (constant) 0 else n * outer(mean, mean)
  products <- (n - 1) * cov + about_zero
  size <- sqrt(diag(products))
  total <- products[[response, response]]
  x <- size[labels]
  root <- moment_root(products[labels, labels, drop = FALSE] / outer(x, x), labels)
  score <- products[labels, response] / (x * sqrt(total))
  part <- if (length(labels) > 0) forwardsolve(t(root), score) else numeric()
  left <- 1 - sum(part^2)
  if (!isTRUE(left >= -1e-10)) {
    qst_abort("argument", sprintf(
      "`cov` is no covariance matrix of any data: `%s` would be explained beyond its variance.",
      response
    ))
  }
  slope <- if (length(labels) > 0) backsolve(root, part) * sqrt(total) / x else numeric()
  inverse <- if (length(labels) > 0) chol2inv(root) / outer(x, x) else matrix(0, 0, 0)
  result <- list(
    coefficients = stats::setNames(slope, labels), effects = stats::setNames(
      part * sqrt(total), labels
    ), cov.unscaled = inverse, deviance = total * max(left, 0), null.deviance = total,
    condition = if (length(labels) > 0) kappa(root, exact = TRUE) else 1
  )
  if (constant) {
    result <- add_constant(result, n, mean[labels], mean[[response]])
  }
  dimnames(result$cov.unscaled) <- rep(list(names(result$coefficients)), 2)
  result
}

# Cholesky's factor of a correlation matrix; names what follows from what is before.
moment_root <- function(correlation, labels) {
  p <- nrow(correlation)
  root <- correlation * 0
  for (j in seq_len(p)) {
    before <- seq_len(j - 1)
    root[before, j] <- if (j > 1) {
      forwardsolve(t(root[before, before, drop = FALSE]), correlation[before, j])
    }
    left <- correlation[[j, j]] - sum(root[before, j]^2)
    if (!isTRUE(left > 1e-14)) {
      qst_abort("singular", sprintf(
        "`%s` does not vary, or follows from the terms before it. Leave it out.", labels[[j]]
      ), column = labels[[j]])
    }
    root[j, j] <- sqrt(left)
  }
  root
}

add_constant <- function(result, n, centre, response) {
  slope <- result$coefficients
  inverse <- result$cov.unscaled
  cross <- -drop(inverse %*% centre)
  corner <- 1 / n + sum(centre * drop(inverse %*% centre))
  result$cov.unscaled <- rbind(c(corner, cross), cbind(cross, inverse))
  result$coefficients <- c(`(Intercept)` = response - sum(slope * centre), slope)
  result$effects <- c(`(Intercept)` = sqrt(n) * response, result$effects)
  result
}

#' @export
logLik.fit_moments <- function(object, ...) {
  n <- object$n_used
  structure(-n / 2 * (log(2 * pi) + 1 - log(n) + log(object$deviance)),
    nall = n, nobs = n, df = object$rank + 1, class = "logLik"
  )
}

# ---- Without rows: of fit_moments() and of tables in a database ----

has_rows <- function(fit) {
  !inherits(fit, "fit_rowless")
}

check_has_rows <- function(fit, what) {
  if (!has_rows(fit)) {
    qst_abort("no_rows", sprintf("%s need the rows, but %s", what, if (inherits(fit, "fit_table")) {
      "these stayed in the database. Read them with pg_read() and fit_glm() the data frame."
    } else {
      "this fit was made of n, means and covariances. Use fit_glm()."
    }))
  }
}

#' @export
predict.fit_rowless <- function(object, newdata = NULL, ...) {
  if (is.null(newdata)) {
    check_has_rows(object, "Predictions without `newdata`")
  }
  NextMethod()
}

#' @export
residuals.fit_rowless <- function(object, ...) check_has_rows(object, "Residuals")

#' @export
fitted.fit_rowless <- function(object, ...) check_has_rows(object, "Fitted values")

#' @export
weights.fit_rowless <- function(object, ...) check_has_rows(object, "Weights")

#' @export
model.frame.fit_rowless <- function(formula, ...) check_has_rows(formula, "Model frames")

#' @export
model.matrix.fit_rowless <- function(object, ...) check_has_rows(object, "Model matrices")

#' @export
hatvalues.fit_rowless <- function(model, ...) check_has_rows(model, "Leverages")

#' @export
cooks.distance.fit_rowless <- function(model, ...) check_has_rows(model, "Cook's distances")

#' @export
rstandard.fit_rowless <- function(model, ...) check_has_rows(model, "Residuals")

#' @export
rstudent.fit_rowless <- function(model, ...) check_has_rows(model, "Residuals")

#' @export
influence.fit_rowless <- function(model, ...) check_has_rows(model, "Influence measures")

#' @export
simulate.fit_rowless <- function(object, nsim = 1, seed = NULL, ...) {
  check_has_rows(object, "Simulations")
}

#' @export
plot.fit_rowless <- function(x, ...) check_has_rows(x, "Residual pictures")

#' @exportS3Method generics::augment
augment.fit_rowless <- function(x, ...) check_has_rows(x, "Columns beside the data")

#' @exportS3Method sandwich::estfun
estfun.fit_rowless <- function(x, ...) check_has_rows(x, "Scores")

#' @exportS3Method emmeans::recover_data
recover_data.fit_rowless <- function(object, ...) check_has_rows(object, "Marginal means")
