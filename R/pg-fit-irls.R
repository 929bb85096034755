# Generalised linear models in the database, where numbers of many values enter: iteratively
# reweighted least squares with one statement a step.

# Newton's decrement of the last step, in standard errors: the next one would be its square.
tol_step <- 1e-10
table_steps_max <- 50L

# Different responses beyond which they are not asked for one by one.
table_counts_max <- 1e4

fit_table_irls <- function(plan) {
  set <- sums_set_up(plan)
  set$y_centre <- 0
  check_irls_response(plan, set)
  plan$binary <- set$questions$response$kind == "integer"
  found <- iterate_sums(plan, set)
  irls_result(plan, found$set, found, ask_meats(plan, found$set, found))
}

check_irls_response <- function(plan, set) {
  at <- length(set$places$low)
  check_sums(
    data.frame(n = 1, lowest = set$places$low[[at]], highest = set$places$high[[at]]),
    list(kind = family_kind(plan$family), name = plan$variables[[1]]$name)
  )
}

# ---- Families in SQL ----

# Means and slopes (dmu / deta) of links, of {eta} and {mu}; and the link of {start}. {bound} is
# {eta} kept between two numbers, so that no sum is lost to overflow.

table_links <- list(
  identity = c(mu = "{eta}", slope = "1::float8", link = "{start}"),
  log = c(mu = "exp({bound})", slope = "{mu}", link = "ln({start})"),
  logit = c(
    mu = "1 / (1 + exp(-({bound})))", slope = "{mu} * (1 - {mu})",
    link = "ln({start} / (1 - {start}))"
  ),
  cloglog = c(
    mu = "1 - exp(-exp({bound}))", slope = "-(1 - {mu}) * ln(1 - {mu})",
    link = "ln(-ln(1 - {start}))"
  ),
  cauchit = c(
    mu = "0.5 + atan({eta}) / pi()", slope = "1 / (pi() * (1 + {eta} * {eta}))",
    link = "tan(pi() * ({start} - 0.5))"
  ),
  inverse = c(mu = "1 / {eta}", slope = "-{mu} * {mu}", link = "1 / {start}"),
  sqrt = c(mu = "{eta} * {eta}", slope = "2 * {eta}", link = "sqrt({start})"),
  `1/mu^2` = c(
    mu = "CASE WHEN {eta} > 0 THEN 1 / sqrt({eta}) ELSE -1 END",
    slope = "-0.5 * {mu} * {mu} * {mu}", link = "1 / ({start} * {start})"
  )
)

table_bounds <- list(log = c(-300, 300), logit = c(-30, 30), cloglog = c(-30, 3.5))

# Links whose slope is the variance: the working weight is that times the prior one.
canonical_links <- c(binomial = "logit", poisson = "log")

# Variances, unit deviances, whether a mean is one of the family, and means to start from, as glm()
# has them.
table_families <- list(
  gaussian = c(
    variance = "1::float8", deviance = "({y} - {mu}) * ({y} - {mu})", valid = "TRUE", start = "{y}"
  ),
  binomial = c(
    variance = "{mu} * (1 - {mu})", valid = "{mu} > 0 AND {mu} < 1",
    deviance = paste(
      "2 * (CASE WHEN {y} > 0 THEN {y} * ln({y} / {mu}) ELSE 0 END +",
      "CASE WHEN {y} < 1 THEN (1 - {y}) * ln((1 - {y}) / (1 - {mu})) ELSE 0 END)"
    ), start = "({y} + 0.5) / 2"
  ),
  poisson = c(
    variance = "{mu}", valid = "{mu} > 0",
    deviance = "2 * (CASE WHEN {y} > 0 THEN {y} * ln({y} / {mu}) ELSE 0 END - ({y} - {mu}))",
    start = "{y} + 0.1"
  ),
  Gamma = c(
    variance = "{mu} * {mu}", valid = "{mu} > 0",
    deviance = "-2 * (ln({y} / {mu}) - ({y} - {mu}) / {mu})", start = "{y}"
  ),
  inverse.gaussian = c(
    variance = "{mu} * {mu} * {mu}", valid = "{mu} > 0",
    deviance = "({y} - {mu}) * ({y} - {mu}) / ({y} * {mu} * {mu})", start = "{y}"
  ),
  negative_binomial = c(
    variance = "{mu} + {mu} * {mu} / {theta}", valid = "{mu} > 0",
    deviance = paste(
      "2 * (CASE WHEN {y} > 0 THEN {y} * ln({y} / {mu}) ELSE 0 END -",
      "({y} + {theta}) * ln(({y} + {theta}) / ({mu} + {theta})))"
    ), start = "{y} + CASE WHEN {y} = 0 THEN 1 / 6.0 ELSE 0 END"
  )
)

# A family with its link, where the server can say it.
family_sql <- function(family) {
  core <- core_family(family)
  link <- table_links[[core$link]]
  if (is.null(link)) {
    qst_abort("argument", sprintf(
      paste(
        "`family`: the server has no %s link for covariates of many values. Use another link, or",
        "read the columns with pg_read() and fit them."
      ), core$link
    ), value = core$link)
  }
  sql <- c(link, table_families[[core$name]])
  if (core$name == "gaussian" && core$link %in% c("log", "inverse")) {
    sql[["valid"]] <- if (core$link == "log") "TRUE" else "{eta} <> 0"
  }
  if (!is.null(core$theta)) {
    sql <- fill_in(sql, c(theta = sql_number(core$theta)))
  }
  sql
}

# Stages to `w`, the working weight, and `wr`, it times the working residual. With coefficients of
# NULL they are those of the starting means, and `wr` is of the working response less the offset.
irls_stages <- function(plan, set, coefficients) {
  sql <- family_sql(plan$family)
  offset <- set$questions$offset
  prior <- if (is.null(set$questions$weights)) "" else "{w0} * "
  if (is.null(coefficients)) {
    first <- c(start = sql[["start"]], eta = sql[["link"]])
    score <- sprintf("%s({eta}%s) + %s{slope} * ({y} - {mu}) / {v}", "{w} * ",
      if (is.null(offset)) "" else " - {off}", prior)
  } else {
    eta <- linear_sql(coefficients, set$design, set$places)
    first <- c(set$places$idx, eta = paste0(eta, if (!is.null(offset)) " + {off}"))
    score <- sprintf("CASE WHEN {ok} THEN %s{slope} * ({y} - {mu}) / {v} ELSE 0 END", prior)
  }
  weight <- sprintf("CASE WHEN {ok} THEN %s{slope} * {slope} / {v} ELSE 0 END", prior)
  core <- core_family(plan$family)
  if (identical(unname(canonical_links[core$name]), core$link)) {
    weight <- sprintf("%s{v}", prior)
    score <- if (is.null(coefficients)) score else sprintf("%s({y} - {mu})", prior)
  }
  c(
    first, bound = bound_sql(core$link), mu = sql[["mu"]], ok = sql[["valid"]],
    slope = sql[["slope"]], v = sql[["variance"]], w = weight, wr = score
  )
}

bound_sql <- function(link) {
  ends <- table_bounds[[link]]
  if (is.null(ends)) "{eta}" else sprintf("least(greatest({eta}, %s), %s)", ends[[1]], ends[[2]])
}

irls_values <- function(set) {
  values <- sums_values(set)
  values[["y"]] <- set$questions$response$sql
  if (!is.null(set$questions$offset)) {
    values[["off"]] <- set$questions$offset
  }
  names(values)[names(values) == "w"] <- "w0"
  values
}

prior_sql <- function(set, expression) {
  if (is.null(set$questions$weights)) expression else sprintf("{w0} * (%s)", expression)
}

# ---- Steps ----

# X'WX, the score, the deviance and the number of rows at coefficients. The last step has X'WX and
# the score by cluster too, and what else is to be known at the estimate.
ask_step <- function(plan, set, coefficients, last = FALSE) {
  k <- length(set$centre)
  sums <- c(
    product_sums(k, "{w}"), product_sums(k, "{wr}", pairs = FALSE), step_deviance(plan, set),
    "count(*)::float8", if (last) last_sums(plan, set)
  )
  by <- c(set$questions$discrete, if (last) plan$clusters)
  result <- ask_sums(plan, set$questions, irls_values(set),
    irls_stages(plan, set, coefficients), sums, by)
  groups <- grouped_sums(result, plan, set$questions, set$places, clusters = last)
  z <- set$design$z[groups$cell, , drop = FALSE]
  carrier <- set$design$carrier
  n_pairs <- nrow(carrier_pairs(k))
  products <- groups$sums[, seq_len(n_pairs), drop = FALSE]
  crosses <- groups$sums[, n_pairs + seq_len(k), drop = FALSE]
  rest <- groups$sums[, -seq_len(n_pairs + k), drop = FALSE]
  at <- list(
    gram = gram_from(z, carrier, products), score = score_from(z, carrier, crosses),
    deviance = sum(rest[, 1]), n = sum(rest[, 2])
  )
  if (!last) {
    return(at)
  }
  c(at, list(
    gram_by = gram_from(z, carrier, products, groups$unit),
    score_by = score_from(z, carrier, crosses, groups$unit), units = groups$units,
    pearson = sum(rest[, 3]), null.deviance = sum(rest[, 4]),
    logs = colSums(rest[, 5:8, drop = FALSE]),
    variances = c(min(result[[ncol(result) - 1]]), max(result[[ncol(result)]]))
  ))
}

step_deviance <- function(plan, set) {
  unit <- family_sql(plan$family)[["deviance"]]
  unit <- sprintf("CASE WHEN {ok} THEN %s ELSE 'Infinity'::float8 END", unit)
  sprintf("sum(%s)", prior_sql(set, unit))
}

# Pearson's chi-square, the deviance of the mean alone, sums for the density, and the smallest and
# largest working variance.
last_sums <- function(plan, set) {
  phi <- if (is.null(set$questions$weights)) "{v}" else "{v} / {w0}"
  mean <- sql_number(set$places$mean[[length(set$places$mean)]])
  null <- if (has_closed_null(plan, set)) {
    fill_in(family_sql(plan$family)[["deviance"]], c(mu = mean))
  } else {
    "0::float8"
  }
  c(
    "sum({wr} * {wr} / {w}) FILTER (WHERE {w} > 0)", sprintf("sum(%s)", null),
    density_sums(plan, set), sprintf("min(%s)", phi), sprintf("max(%s)", phi)
  )
}

# Is the mean of the response that of the model of a constant?
has_closed_null <- function(plan, set) {
  attr(plan$terms, "intercept") > 0 && is.null(set$questions$offset) &&
    is.null(set$questions$weights)
}

# Fisher's scoring with halved steps where the deviance would rise. A list of the set with its
# columns chosen, `coefficients` (of centred columns), the last `step`, `solved` and `iterations`.
# Steps shrink as their squares do, times what the last one showed: the one thought to be the last
# brings all that is asked of it.
iterate_sums <- function(plan, set) {
  at <- ask_step(plan, set, NULL)
  set <- choose_columns(plan, set, at$gram)
  b <- solve_sums(set, at$gram, at$score)$coefficients
  at <- ask_step(plan, set, b)
  n <- 1L
  stuck <- FALSE
  size <- 1
  repeat {
    solved <- solve_sums(set, at$gram, at$score)
    step <- solved$coefficients
    before <- size
    size <- step_size(plan, at, step)
    ended <- size <= tol_step || stuck || n >= table_steps_max
    if (ended && !is.null(at$units)) {
      break
    }
    if (stuck || n >= table_steps_max) {
      at <- ask_step(plan, set, b, last = TRUE)
      next
    }
    tried <- halve_steps(plan, set, b, step, at, last = size * (size / before)^2 <= tol_step)
    b <- tried$b
    at <- tried$at
    stuck <- tried$stuck
    n <- n + 1L
  }
  check_all_told_apart(plan, set, at$gram, sqrt(diag(at$gram)))
  list(
    set = set, coefficients = b + step, step = step, at = at, solved = solved, iterations = n,
    converged = size <= 1e-6,
    moving = set$design$names[set$kept & abs(step) > 1e-3 * pmax(1, abs(b))]
  )
}

# Newton's decrement, in standard errors.
step_size <- function(plan, at, step) {
  sqrt(sum(step * at$score)) / plan_scale(plan, at)
}

# Of standard errors when the dispersion is one; else of the deviance.
plan_scale <- function(plan, at) {
  if (uses_t(plan)) sqrt(at$deviance / at$n) else 1
}

halve_steps <- function(plan, set, b, step, at, last) {
  for (halvings in 0:12) {
    new <- b + step / 2^halvings
    there <- ask_step(plan, set, new, last)
    if (is.finite(there$deviance) &&
      there$deviance <= at$deviance + 1e-9 * (abs(at$deviance) + 0.1)) {
      return(list(b = new, at = there, stuck = FALSE))
    }
  }
  list(b = b, at = at, stuck = TRUE)
}

# ---- HC ----

ask_meats <- function(plan, set, found) {
  kept <- set$kept
  k <- length(set$centre)
  full <- matrix(0, length(kept), length(kept))
  full[kept, kept] <- found$solved$inverse
  stages <- c(irls_stages(plan, set, found$coefficients),
    room = sprintf("1 - {w} * (%s)", quadratic_sql(full, set$design, set$places)),
    meat_stages(k, "{wr}"))
  result <- ask_sums(plan, set$questions, irls_values(set), stages, meat_sums(k),
    set$questions$discrete)
  groups <- grouped_sums(result, plan, set$questions, set$places)
  meats_from(set, set$design$z[groups$cell, , drop = FALSE], groups$sums)
}

# ---- Null model and log density ----

# The deviance of the constant (and the offset) alone.
table_null_deviance <- function(plan, set, at) {
  if (has_closed_null(plan, set)) {
    return(at$null.deviance)
  }
  plan$clusters <- character()
  alone <- set
  alone$centre <- 0
  alone$kept <- TRUE
  alone$design$z <- matrix(1, nrow(set$design$z), 1)
  alone$design$carrier <- 1L
  alone$design$names <- "(Intercept)"
  alone$questions$carriers <- list(variables = list(character()), of_term = 1L)
  if (attr(plan$terms, "intercept") == 0) {
    return(ask_step(plan, alone, 0)$deviance)
  }
  iterate_sums(plan, alone)$at$deviance
}

# Sums of prior weights times log(y), log(mu) and 1.
density_sums <- function(plan, set) {
  logs <- family_kind(plan$family) %in% c("Gamma", "inverse.gaussian")
  each <- c(if (logs) c("ln({y})", "ln({mu})") else rep("0::float8", 2), "1::float8")
  c(sprintf("sum(%s)", prior_sql(set, each)), if (!is.null(set$questions$weights)) {
    "sum(ln({w0}))"
  } else {
    "0::float8"
  })
}

# As logLik() of the rows; NA where the family has none or it cannot be told from sums.
irls_density <- function(plan, set, deviance, logs, n) {
  family <- plan$family
  if (startsWith(family$family, "quasi")) {
    return(NA_real_)
  }
  spread <- deviance / logs[[3]]
  switch(family_kind(family),
    gaussian = 0.5 * (logs[[4]] - n * (log(2 * pi) + 1 - log(n) + log(deviance))),
    Gamma = {
      shape <- 1 / spread
      ratio <- deviance / 2 + logs[[1]] - logs[[2]] + logs[[3]]
      (shape - 1) * logs[[1]] - shape * ratio - shape * (logs[[2]] + logs[[3]] * log(spread)) -
        logs[[3]] * lgamma(shape)
    },
    inverse.gaussian = -0.5 * (logs[[3]] * (log(spread * 2 * pi) + 1) + 3 * logs[[1]]),
    if (family_kind(family) == "binomial" && plan$binary && is.null(set$questions$weights)) {
      -deviance / 2
    } else {
      count_density(plan, set, deviance, n)
    }
  )
}

# Of counts, what does not depend on the mean follows from how often each occurs: the density of a
# response at its own value, of which the deviance takes off.
count_density <- function(plan, set, deviance, n) {
  counts <- ask_counts(plan, set)
  # Too many to be counts; or rows that a factor's levels leave out.
  if (nrow(counts) > table_counts_max || sum(counts$n) != n) {
    return(NA_real_)
  }
  core <- core_family(plan$family)
  size <- if (core$name == "binomial") counts$weight else 1
  y <- counts$y * size
  if (max(abs(y - round(y)), abs(size - round(size))) > 1e-7) {
    return(NA_real_)
  }
  own <- switch(core$name,
    binomial = stats::dbinom(round(y), round(size), counts$y, log = TRUE),
    poisson = counts$weight * stats::dpois(y, y, log = TRUE),
    counts$weight * stats::dnbinom(y, size = core$theta, mu = y, log = TRUE)
  )
  sum(counts$n * own) - deviance / 2
}

# How often each response (and weight) occurs.
ask_counts <- function(plan, set) {
  weight <- if (is.null(set$questions$weights)) "1::float8" else set$questions$weights
  ask_leaves(plan, function(leaf, foreign) {
    sprintf(
      "SELECT %1$s AS y, %2$s AS weight, count(*)::float8 AS n FROM %3$s WHERE %4$s GROUP BY %5$s",
      set$questions$response$sql, weight, leaf, where_used(plan, set$questions),
      paste(c(set$questions$response$sql, set$questions$weights), collapse = ", ")
    )
  }, limit = table_counts_max + 1)
}

# ---- The result ----

irls_result <- function(plan, set, found, meats) {
  at <- found$at
  at$score_by <- at$score_by - moments_times(at$gram_by, found$step)
  parts <- sums_result(plan, set, at, found$solved, found$coefficients, meats)
  parts$deviance <- at$deviance
  parts$null.deviance <- table_null_deviance(plan, set, at)
  parts$pearson <- at$pearson
  parts$log_density <- irls_density(plan, set, parts$deviance, at$logs, parts$n_used)
  parts$info <- list(
    method = "IRLS", route = "irls", converged = found$converged, iterations = found$iterations,
    # Where a coefficient runs off, what its steps gain vanishes, but not the steps.
    separated = if (family_kind(plan$family) %in% c("binomial", "poisson")) found$moving
  )
  if (length(plan$clusters) == 1) {
    parts$sums$nodes <- ask_nodes(plan, set, found, parts$sums)
  }
  warn_of_fit(new_table_fit(plan, parts))
}
