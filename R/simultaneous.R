# P values and critical values of several estimates at once.

adjusts_intervals <- c("bonferroni", "single-step", "tukey", "dunnett")

# list(p.value, critical) for the rows of linear_estimates().
simultaneous <- function(rows, conf.level, adjust, jacobian, covariance, means = NULL) {
  t <- abs(rows$statistic)
  n <- nrow(rows)
  alone <- 2 * stats::pt(t, rows$df, lower.tail = FALSE)
  if (n < 2 && adjust != "tukey") {
    adjust <- "none"
  }
  switch(adjust,
    tukey = list(
      p.value = stats::ptukey(sqrt(2) * t, means, rows$df, lower.tail = FALSE),
      critical = stats::qtukey(conf.level, means, rows$df) / sqrt(2)
    ),
    dunnett = ,
    `single-step` = within_bounds(
      single_step(t, min(rows$df), conf.level, jacobian, covariance$matrix), alone
    ),
    list(
      p.value = stats::p.adjust(alone, adjust),
      critical = {
        tail <- (1 - conf.level) / 2 / if (adjust == "bonferroni") n else 1
        stats::qt(tail, rows$df, lower.tail = FALSE)
      }
    )
  )
}

# The largest |t| is never less likely than one of them, nor likelier than Bonferroni's bound.
within_bounds <- function(method, alone) {
  method$p.value <- pmin(pmax(method$p.value, alone), length(alone) * alone, 1)
  method
}

# With u a uniform direction, r the rank of the correlation and m(u) the largest
# |t| in direction u for radius 1, P(max|T| > t) is the mean over u of
# P(F(r, df) > t^2 / (r m(u)^2)).
single_step <- function(t, df, conf.level, jacobian, covariance) {
  quadratic <- quadratic_form(jacobian, covariance)
  reach <- squared_reach(stats::cov2cor(quadratic))
  upper <- function(t) {
    mean(stats::pf(t^2 / (reach$rank * reach$values), reach$rank, df, lower.tail = FALSE))
  }
  # Between the critical values of one test and of Bonferroni's.
  ends <- stats::qt((1 - conf.level) / 2 / c(1, length(t)), df, lower.tail = FALSE)
  critical <- stats::uniroot(function(t) upper(t) - (1 - conf.level),
    ends * c(0.999, 1.001), tol = 1e-9
  )$root
  list(p.value = vapply(t, upper, numeric(1)), critical = critical)
}

# m(u)^2 over fixed directions: equal angles in the plane, else normal quantiles
# of an additive recurrence with the generalised golden ratio, and their mirror
# images in each axis's sign.
squared_reach <- function(correlation, n = 40000) {
  eigen <- eigen(correlation, symmetric = TRUE)
  kept <- eigen$values > 1e-9 * eigen$values[[1]]
  rank <- sum(kept)
  root <- eigen$vectors[, kept, drop = FALSE] %*% diag(sqrt(eigen$values[kept]), rank)
  if (rank == 1) {
    direction <- matrix(1)
  } else if (rank == 2) {
    angle <- pi * (seq_len(n) - 0.5) / n
    direction <- cbind(cos(angle), sin(angle))
  } else {
    golden <- stats::uniroot(function(x) x^(rank + 1) - x - 1, c(1, 2), tol = 1e-15)$root
    fraction <- (outer(seq_len(n), golden^-seq_len(rank)) + 0.5) %% 1
    normal <- stats::qnorm(fraction)
    direction <- normal / sqrt(rowSums(normal^2))
  }
  largest <- do.call(pmax, as.data.frame(abs(direction %*% t(root))))
  list(rank = rank, values = largest^2)
}
