# Bootstrap-t: standard errors of a mean or a difference in means, in the data and in each sample.

check_studentised <- function(type, problem, units) {
  if (!"studentised" %in% type) {
    return(invisible())
  }
  fits <- problem$statistic == "mean" || problem$statistic == "difference" && units$arms_are_strata
  if (!fits || units$clustered || units$stratified) {
    qst_abort("argument", paste(
      "type = \"studentised\" is for means and differences in means of people, without `strata`",
      "and `cluster`, because it needs a standard error of each sample. Use \"bca\"."
    ))
  }
}

# list(observed, replicates): standard errors, a row a term. Means of values and of their squares by
# arm are coefficients of indicators; the same seed draws the same samples for both.
studentised_errors <- function(problem, units, replicates, seed, threads) {
  arms <- if (is.null(problem$arms)) factor(rep("", problem$n_used)) else problem$arms
  y <- problem$columns[, ncol(problem$columns)]
  y <- y - mean(y)
  n <- tabulate(arms)
  indicators <- outer(as.integer(arms), seq_along(n), `==`) + 0
  run <- function(y) {
    columns <- list(cbind(indicators, y), units$unit, NULL)
    drawn <- in_pieces(replicates, 1e6 / length(n), "Standard errors", function(first, m) {
      .Call(
        C_qstr_boot, units$size, columns, 0L, as.double(c(first, m)), FALSE, seed, threads
      )$replicates
    })
    cbind(as.vector(rowsum(y, as.integer(arms)) / n), drawn)
  }
  variance <- pmax(run(y^2) - run(y)^2, 0) / (n - 1)
  errors <- if (length(n) == 1) {
    sqrt(variance)
  } else {
    sqrt(variance[-1, , drop = FALSE] + rep(variance[1, ], each = length(n) - 1))
  }
  list(observed = errors[, 1], replicates = errors[, -1, drop = FALSE])
}

# t_0 - e_0 times the quantiles of (t* - t_0) / e* (Efron 1979; Davison & Hinkley 1997, eq. 2.10).
studentised_limits <- function(observed, t, error, errors, alpha) {
  z <- (t - observed) / errors
  z <- z[is.finite(z)]
  if (length(z) < 2) {
    return(structure(c(NA_real_, NA_real_), notes = paste(
      "There is no studentised interval: the samples do not vary. Use another type."
    )))
  }
  quantiles <- normal_scale_quantiles(z, alpha)
  structure(observed - error * rev(quantiles), notes = attr(quantiles, "notes"))
}
