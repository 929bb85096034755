# Leverage, influence and residual pictures of a fit_glm object.

#' Leverage and influence of rows
#'
#' What [stats::influence()] and its relatives say of fits of [stats::lm()] and [stats::glm()].
#'
#' Leverages are the diagonal of the hat matrix of the last weighted least
#' squares fit. `rstandard()` divides deviance residuals (or `type = "pearson"`)
#' by their standard deviation; `rstudent()` combines deviance and Pearson residuals
#' as [stats::rstudent()] does for glm (Williams 1987, *Appl. Stat.* 36:181-191); for a Gaussian
#' these are lm's. `dfbeta()` is the change of the coefficients when a row is left out, in one step
#' from the fit; `dfbetas()` the same over standard errors without the row. As in lm(), rows of
#' weight 0 are left out, and rows that `na.exclude` left out of the fit have
#' leverage 0.
#'
#' @param model A fit of [fit_glm()].
#' @param infl What `influence()` gives, if it is at hand.
#' @param type Residuals that are standardised.
#' @param do.coef Changes of coefficients too?
#' @param ... Nothing; an unknown argument is an error.
#' @return Named vectors, and from `dfbeta()` and `dfbetas()` matrices with a row for each row and a
#'   column for each coefficient. `influence()` gives a list of `hat`, `coefficients`,
#'   `sigma` (the residual standard deviation without the row) and residuals:
#'   `wt.res` of a Gaussian, else `dev.res` and `pear.res`.
#' @section Differences from lm:
#' `stats::dffits()` and `stats::covratio()` want a QR decomposition if they are not given the
#' influence: use `dffits(fit, infl = influence(fit))`.
#' @examples
#' fit <- fit_glm(mpg ~ wt + hp, mtcars)
#' head(sort(cooks.distance(fit), decreasing = TRUE), 3)
#' dffits(fit, infl = influence(fit))["Maserati Bora"]
#' @name fit_glm_influence
#' @export
influence.fit_glm <- function(model, do.coef = TRUE, ...) {
  check_no_dots(...)
  check_flag(do.coef, "do.coef")
  used <- prior_weights(model) > 0
  hat <- leverages(model)[used]
  deviance <- raw_residuals(model, "deviance")[used]
  deviance[abs(deviance) < 100 * .Machine$double.eps * stats::median(abs(deviance))] <- 0
  names(deviance) <- row.names(model$model)[used]
  result <- list(hat = hat)
  if (do.coef) {
    result$coefficients <- one_step_changes(model, used, hat, deviance)
  }
  result$sigma <- sigma_without(model, hat, deviance)
  result <- lapply(result, restore_rows, model$na.action)
  result$sigma[is.na(result$sigma)] <- sqrt(model$deviance / model$df.residual)
  result$hat[is.na(result$hat)] <- 0
  result$coefficients[is.na(result$coefficients)] <- 0
  result$wt.res <- stats::naresid(model$na.action, deviance)
  names(result$hat) <- names(result$sigma) <- names(result$wt.res)
  if (do.coef) {
    rownames(result$coefficients) <- names(result$wt.res)
  }
  if (is_linear(model)) {
    return(result)
  }
  names(result)[names(result) == "wt.res"] <- "dev.res"
  c(result, list(pear.res = used_rows(model, raw_residuals(model, "pearson"))))
}

restore_rows <- function(x, na_action) {
  stats::naresid(na_action, x)
}

# (X'WX)^-1 x_i sqrt(w_i) e_i / (1 - h_i), as lm.influence().
one_step_changes <- function(fit, used, hat, residual) {
  kept <- kept_terms(fit)
  x <- stats::model.matrix(fit)[used, kept, drop = FALSE]
  scaled <- ifelse(hat == 1, 0, residual / (1 - hat)) * sqrt(working_weights(fit)[used])
  changes <- (x * scaled) %*% fit$cov.unscaled[kept, kept, drop = FALSE]
  dimnames(changes) <- list(names(residual), names(fit$coefficients)[kept])
  changes
}

# The residual standard deviation of the fit without each row.
sigma_without <- function(fit, hat, residual) {
  taken <- ifelse(hat == 1, 0, residual^2 / (1 - hat))
  sqrt(pmax(sum(residual^2) - taken, 0) / (length(residual) - fit$rank - 1))
}

# w_i x_i' (X'WX)^-1 x_i; by QR where the fit was, since there the inverse has
# lost digits that the leverages need.
leverages <- function(fit) {
  weights <- working_weights(fit)
  leverage <- if (identical(fit$info$method, "QR")) {
    x <- stats::model.matrix(fit)[, kept_terms(fit), drop = FALSE]
    rowSums(qr.Q(qr(sqrt(weights) * x))^2)
  } else {
    inverse <- fit$cov.unscaled
    inverse[is.na(inverse)] <- 0
    design <- model_design(fit$terms, fit$model, fit$contrasts)
    weights * .Call(C_qstr_model_predict, design, NULL, inverse, threads_to_use(NULL))$quadratic
  }
  ifelse(leverage > 1 - 1e-12, 1, leverage)
}

used_rows <- function(fit, x) {
  names(x) <- row.names(fit$model)
  stats::naresid(fit$na.action, x[prior_weights(fit) > 0])
}

#' @rdname fit_glm_influence
#' @export
hatvalues.fit_glm <- function(model, infl = stats::influence(model, do.coef = FALSE), ...) {
  check_no_dots(...)
  infl$hat
}

#' @rdname fit_glm_influence
#' @export
cooks.distance.fit_glm <- function(model, infl = stats::influence(model, do.coef = FALSE), ...) {
  check_no_dots(...)
  residual <- if (is_linear(model)) infl$wt.res else infl$pear.res
  distance <- (residual / (1 - infl$hat))^2 * infl$hat / (dispersion(model) * model$rank)
  distance[is.infinite(distance)] <- NaN
  distance
}

#' @rdname fit_glm_influence
#' @export
rstandard.fit_glm <- function(model, infl = stats::influence(model, do.coef = FALSE),
                              type = c("deviance", "pearson"), ...) {
  check_no_dots(...)
  type <- check_choice(type, c("deviance", "pearson"), "type")
  residual <- if (is_linear(model)) {
    infl$wt.res
  } else if (type == "deviance") {
    infl$dev.res
  } else {
    infl$pear.res
  }
  standardised <- residual / sqrt(dispersion(model) * (1 - infl$hat))
  standardised[is.infinite(standardised)] <- NaN
  standardised
}

#' @rdname fit_glm_influence
#' @export
rstudent.fit_glm <- function(model, infl = stats::influence(model, do.coef = FALSE), ...) {
  check_no_dots(...)
  deviance <- if (is_linear(model)) infl$wt.res else infl$dev.res
  pearson <- if (is_linear(model)) infl$wt.res else infl$pear.res
  residual <- sign(deviance) * sqrt(deviance^2 + infl$hat * pearson^2 / (1 - infl$hat))
  residual[is.infinite(residual)] <- NaN
  if (model$family$family %in% c("binomial", "poisson")) residual else residual / infl$sigma
}

#' @rdname fit_glm_influence
#' @export
dfbeta.fit_glm <- function(model, infl = stats::influence(model), ...) {
  check_no_dots(...)
  infl$coefficients
}

#' @rdname fit_glm_influence
#' @export
dfbetas.fit_glm <- function(model, infl = stats::influence(model), ...) {
  check_no_dots(...)
  kept <- kept_terms(model)
  infl$coefficients / outer(infl$sigma, sqrt(diag(model$cov.unscaled)[kept]))
}

#' Two pictures of a fit: residuals against fitted values, and their quantiles
#'
#' Standardised residuals against fitted values show curvature and unequal
#' spread; their normal quantile plot shows tails. The three largest are
#' labelled by row name.
#'
#' @param x A fit of [fit_glm()].
#' @param ... Passed to [graphics::plot.default()].
#' @return `x`, invisibly.
#' @examples
#' plot(fit_glm(mpg ~ wt, mtcars))
#' @export
plot.fit_glm <- function(x, ...) {
  residual <- stats::rstandard(x)
  fitted <- stats::fitted(x)[names(residual)]
  before <- graphics::par(mfrow = c(1, 2), mar = c(4.5, 4.2, 1.5, 1))
  on.exit(graphics::par(before))
  graphics::plot(fitted, residual,
    xlab = "Fitted value", ylab = "Standardised residual", pch = 16,
    col = grDevices::adjustcolor("black", 0.5), ...
  )
  graphics::abline(h = 0, lty = 2)
  label_largest(fitted, residual)
  quantile <- stats::qqnorm(residual, plot.it = FALSE)$x
  graphics::plot(quantile, residual,
    xlab = "Normal quantile", ylab = "Standardised residual", pch = 16,
    col = grDevices::adjustcolor("black", 0.5), ...
  )
  graphics::abline(0, 1, lty = 2)
  label_largest(quantile, residual)
  invisible(x)
}

# On the side where there is room; one that would touch a larger one's label
# goes without.
label_largest <- function(x, residual) {
  largest <- utils::head(order(-abs(residual)), 3)
  height <- graphics::strheight("X") * 1.2
  touches <- vapply(seq_along(largest), function(k) {
    any(abs(residual[largest[seq_len(k - 1)]] - residual[[largest[[k]]]]) < height)
  }, logical(1))
  largest <- largest[!touches]
  middle <- mean(range(x, na.rm = TRUE))
  graphics::text(x[largest], residual[largest], names(residual)[largest],
    pos = ifelse(x[largest] > middle, 2, 4), cex = 0.8, xpd = NA
  )
}

#' @rdname fit_glm_tidiers
#' @param type.predict Scale of `.fitted` for models with a link, as in broom: the
#'   linear predictor or the mean.
#' @param type.residuals Residuals to add, for models with a link.
#' @param se_fit Add `.se.fit`?
#' @param interval Add `.lower` and `.upper` of the mean or of a new answer?
#' @exportS3Method generics::augment
augment.fit_glm <- function(x, data = stats::model.frame(x), newdata = NULL,
                            type.predict = c("link", "response"),
                            type.residuals = c("deviance", "pearson"), se_fit = FALSE,
                            interval = c("none", "confidence", "prediction"), conf.level = 0.95,
                            ...) {
  check_no_dots(...)
  type.predict <- check_choice(type.predict, c("link", "response"), "type.predict")
  type.residuals <- check_choice(type.residuals, c("deviance", "pearson"), "type.residuals")
  interval <- check_choice(interval, c("none", "confidence", "prediction"), "interval")
  check_flag(se_fit, "se_fit")
  table <- with_row_names(if (is.null(newdata)) data else newdata)
  prediction <- stats::predict(x, newdata,
    type = type.predict, se.fit = se_fit, interval = interval, level = conf.level
  )
  added <- prediction_columns(prediction, se_fit)
  if (is.null(newdata)) {
    added <- cbind(added, row_measures(x, type.residuals)[row.names(added), ])
    added <- added[match(row.names(data), row.names(added)), ]
    return(cbind(table, added, row.names = NULL))
  }
  if (is_linear(x) && all(all.vars(stats::formula(x)[[2]]) %in% names(newdata))) {
    answer <- eval(stats::formula(x)[[2]], newdata, environment(x$terms))
    added$.resid <- unname(answer) - added$.fitted
  }
  cbind(table, added, row.names = NULL)
}

# Row names that say something, as a column.
with_row_names <- function(table) {
  if (.row_names_info(table) > 0) {
    table <- cbind(.rownames = row.names(table), table)
  }
  table
}

# What predict() gave, as columns; its row names stay.
prediction_columns <- function(prediction, se_fit) {
  fit <- if (se_fit) prediction$fit else prediction
  columns <- if (is.matrix(fit)) {
    data.frame(.fitted = fit[, "fit"], .lower = fit[, "lwr"], .upper = fit[, "upr"])
  } else {
    data.frame(.fitted = fit)
  }
  if (se_fit) {
    columns$.se.fit <- unname(prediction$se.fit)
  }
  columns
}

# Rows by name, measures NA for those without weight.
row_measures <- function(fit, type) {
  influence <- stats::influence(fit, do.coef = FALSE)
  residual <- stats::residuals(fit, if (is_linear(fit)) "response" else type)
  at <- match(names(residual), names(influence$hat))
  standardised <- if (is_linear(fit)) stats::rstandard(fit) else stats::rstandard(fit, type = type)
  data.frame(
    .resid = unname(residual), .hat = unname(influence$hat[at]),
    .sigma = unname(influence$sigma[at]), .cooksd = unname(stats::cooks.distance(fit)[at]),
    .std.resid = unname(standardised[at]), row.names = names(residual)
  )
}
