# Leverage, influence and residual pictures of a fit_glm object.

# As in lm(), rows of weight 0 are left out here, and rows that na.exclude left
# out of the fit have no leverage.
#' @export
hatvalues.fit_glm <- function(model, ...) {
  leverage <- used_rows(model, leverages(model))
  leverage[is.na(leverage)] <- 0
  leverage
}

# w_i x_i' (X'WX)^-1 x_i; by QR where the fit was, since there the inverse has
# lost digits that the leverages need.
leverages <- function(fit) {
  x <- stats::model.matrix(fit)[, kept_terms(fit), drop = FALSE]
  weights <- working_weights(fit)
  leverage <- if (fit$info$method == "QR") {
    rowSums(qr.Q(qr(sqrt(weights) * x))^2)
  } else {
    covariance <- fit$cov.unscaled[kept_terms(fit), kept_terms(fit)]
    weights * rowSums((x %*% covariance) * x)
  }
  pmin(leverage, 1)
}

used_rows <- function(fit, x) {
  names(x) <- row.names(fit$model)
  stats::naresid(fit$na.action, x[prior_weights(fit) > 0])
}

#' @export
cooks.distance.fit_glm <- function(model, ...) {
  leverage <- stats::hatvalues(model)
  residual <- used_rows(model, sqrt(prior_weights(model)) * model$residuals)
  distance <- (residual / (1 - leverage))^2 * leverage / (dispersion(model) * model$rank)
  distance[is.infinite(distance)] <- NaN
  distance
}

#' @export
rstandard.fit_glm <- function(model, ...) {
  residual <- used_rows(model, sqrt(prior_weights(model)) * model$residuals)
  standardised <- residual / sqrt(dispersion(model) * (1 - stats::hatvalues(model)))
  standardised[is.infinite(standardised)] <- NaN
  standardised
}

# As rstudent.lm(): the variance is that without the row.
#' @export
rstudent.fit_glm <- function(model, ...) {
  standardised <- stats::rstandard(model)
  df <- model$df.residual
  standardised * sqrt((df - 1) / (df - standardised^2))
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
#' @exportS3Method generics::augment
augment.fit_glm <- function(x, data = stats::model.frame(x), newdata = NULL, ...) {
  check_no_dots(...)
  if (!is.null(newdata)) {
    newdata$.fitted <- unname(stats::predict(x, newdata))
    return(newdata)
  }
  at <- match(row.names(data), row.names(x$model))
  by_row <- function(values) unname(values[match(row.names(data), names(values))])
  data$.fitted <- x$fitted.values[at]
  data$.resid <- x$residuals[at]
  data$.hat <- by_row(stats::hatvalues(x))
  data$.cooksd <- by_row(stats::cooks.distance(x))
  data$.std.resid <- by_row(stats::rstandard(x))
  data
}
