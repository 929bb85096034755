# Pairs of arms with P values and intervals that hold together: Tukey-Kramer, Dunnett,
# Games-Howell.

# The test that each belongs to.
simultaneous_tests <- c(tukey = "student", dunnett = "student", `games-howell` = "welch")

check_simultaneous <- function(adjust, test, reference) {
  if (!adjust %in% names(simultaneous_tests)) {
    return(invisible())
  }
  if (test != simultaneous_tests[[adjust]]) {
    qst_abort("argument", sprintf(
      "adjust = \"%s\" belongs to test = \"%s\", not \"%s\".%s", adjust,
      simultaneous_tests[[adjust]], test,
      if (test == "welch") " Use adjust = \"games-howell\" or \"holm\"." else ""
    ), value = adjust)
  }
  if (adjust == "dunnett" && is.null(reference)) {
    qst_abort("argument", paste(
      "adjust = \"dunnett\" compares each arm with one. Say with `reference` which,",
      "or use \"tukey\" for all pairs."
    ))
  }
  if (adjust != "dunnett" && !is.null(reference)) {
    qst_abort("argument", sprintf(
      "adjust = \"%s\" is for all pairs, and `reference` asks for some. Use %s.", adjust,
      c(
        tukey = "\"dunnett\", or leave `reference` out",
        `games-howell` = "\"holm\" with `reference`"
      )[[adjust]]
    ))
  }
}

simultaneous_pairs <- function(moments, pairs, how) {
  k <- ncol(moments)
  level <- how$conf.level
  tests <- lapply(pairs, function(pair) {
    if (how$adjust == "games-howell") {
      means_test(moments[, pair], "welch")
    } else {
      pooled_test(moments, pair)
    }
  })
  statistic <- vapply(tests, function(test) abs(test$statistic), numeric(1))
  df <- vapply(tests, function(test) test$df, numeric(1))
  if (how$adjust == "dunnett") {
    n <- moments["n", ]
    others <- vapply(pairs, `[[`, character(1), 1)
    lambda <- sqrt(n[others] / (n[others] + n[[how$reference]]))
    p <- vapply(statistic, dunnett_tail, numeric(1), lambda = lambda, df = df[[1]])
    critical <- rep(dunnett_quantile(level, lambda, df[[1]]), length(pairs))
  } else {
    p <- stats::ptukey(statistic * sqrt(2), k, df, lower.tail = FALSE)
    critical <- stats::qtukey(level, k, df) / sqrt(2)
  }
  rows <- Map(function(pair, test, p, critical) {
    test$p.value <- p
    pair_row(moments[, pair], test, critical * test$std.error, level)
  }, pairs, tests, p, critical)
  do.call(rbind, rows)
}

# t of a pair with the variance of all arms.
pooled_test <- function(moments, pair) {
  means_test(moments, "anova")
  df <- sum(moments["n", ]) - ncol(moments)
  variance <- sum(moments["ss", ]) / df
  estimate <- moments[["mean", pair[[1]]]] - moments[["mean", pair[[2]]]]
  std.error <- sqrt(variance * sum(1 / moments["n", pair]))
  list(estimate = estimate, std.error = std.error, statistic = estimate / std.error, df = df)
}

simultaneous_note <- function(how, n_rows) {
  name <- c(tukey = "Tukey-Kramer", dunnett = "Dunnett", `games-howell` = "Games-Howell")
  variance <- if (how$adjust == "games-howell") {
    "separate variances, df of each pair"
  } else {
    "variance pooled over all arms"
  }
  sprintf(
    paste(
      "P values and intervals of the differences hold together for %d contrast%s (%s; %s);",
      "those of g do not."
    ),
    n_rows, if (n_rows == 1) "" else "s", name[[how$adjust]], variance
  )
}

# ---- Dunnett's distribution ----

# P(max |T_i| > t) of the t statistics of arms against one, which have correlations
# lambda_i lambda_j with lambda_i = sqrt(n_i / (n_i + n_0)). Given the common arm's z and the common
# s they are independent (Dunnett 1955, eq. 2.3); both are integrated over by the trapezoidal rule,
# which for such analytic and vanishing functions converges exponentially (Trefethen & Weideman
# 2014, doi:10.1137/130932132). The tail itself is summed, so that small P keep their digits.
dunnett_tail <- function(t, lambda, df) {
  rest <- sqrt(1 - lambda^2)
  grid <- dunnett_grid(max(lambda / rest), df)
  kinds <- unique(lambda)
  log_inside <- 0
  for (kind in kinds) {
    r <- sqrt(1 - kind^2)
    edge <- outer(kind * grid$z, t * grid$s, function(z, ts) {
      stats::pnorm((z - ts) / r) + stats::pnorm((-z - ts) / r)
    })
    log_inside <- log_inside + sum(lambda == kind) * log1p(-pmin(edge, 1))
  }
  sum(grid$z_weight * (-expm1(log_inside) %*% grid$s_weight))
}

# Points and weights for z, standard normal, and s, of which df s^2 is chi-square; `steep` says how
# fast the integrand may change with z.
dunnett_grid <- function(steep, df) {
  z <- seq(-9, 9, by = min(0.15, 0.5 / max(steep, 1)))
  weight <- stats::dnorm(z)
  grid <- list(z = z, z_weight = weight / sum(weight), s = 1, s_weight = 1)
  if (is.finite(df)) {
    ends <- log(c(
      stats::qchisq(1e-18, df), stats::qchisq(1e-18, df, lower.tail = FALSE)
    ) / df) / 2
    u <- seq(ends[[1]], ends[[2]], length.out = max(120, ceiling(diff(ends) / 0.05)))
    log_density <- df * u - df * exp(2 * u) / 2
    weight <- exp(log_density - max(log_density))
    grid$s <- exp(u)
    grid$s_weight <- weight / sum(weight)
  }
  grid
}

# Between the quantile of one t and Bonferroni's.
dunnett_quantile <- function(level, lambda, df) {
  if (length(lambda) == 1) {
    return(stats::qt((1 + level) / 2, df))
  }
  ends <- stats::qt(1 - (1 - level) / 2 / c(1, length(lambda)), df)
  excess <- function(t) log(dunnett_tail(t, lambda, df)) - log(1 - level)
  stats::uniroot(excess, ends + c(-1e-6, 1e-6), tol = 1e-10)$root
}
