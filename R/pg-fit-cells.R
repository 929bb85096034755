# Fits from counts: each combination of covariates that occurs is one row with a frequency. The
# model frame is made of these rows as of any data; what the rows of a cell say beyond their mean is
# added to deviances and covariances.

fit_cells <- function(plan) {
  response <- cells_response(plan)
  cells <- ask_cells(plan, response)
  if (nrow(cells) > table_cells_max && response$grouped && !response$must_group) {
    response <- summed_response(plan)
    cells <- ask_cells(plan, response)
  }
  check_cell_number(cells, plan)
  frame <- cells_frame(plan, cells, response)
  kept <- attr(frame, "kept")
  n <- cells$n[kept]
  prior <- frame_weights(frame)
  prior <- if (is.null(prior)) rep(1, length(n)) else prior
  n_left_out <- sum(cells$n_rows) - sum(n)
  check_left_out(plan, n_left_out)
  frame[["(weights)"]] <- prior * n
  fit <- build_fit(frame, plan$call, plan$family, plan$contrasts, plan$method, plan$threads)
  cells_result(plan, fit, frame, list(
    n = n, own = fit$weights / n, within = cells$within[kept], pure = cells$pure[kept],
    logs = cells$logs[kept], grouped = response$grouped
  ), n_left_out)
}

check_cell_number <- function(cells, plan) {
  if (nrow(cells) > table_cells_max) {
    qst_abort("argument", sprintf(
      paste(
        "The covariates%s have more than %s combinations, which is no summary of the table.",
        "Leave out or join some, or read the columns with pg_read() and fit them."
      ), if (length(plan$clusters) > 0) " and clusters" else "", count_text(table_cells_max)
    ))
  }
  if (sum(cells$n) == 0) {
    qst_abort("no_data", sprintf(
      "No row of %s is left: %s. Check `subset` and missing values.",
      paste(plan$table$name, collapse = "."),
      if (nrow(cells) == 0) "`subset` chose none, or it is empty" else "all have missing values"
    ))
  }
}

# ---- The response ----

# By its values, where these are few (then everything follows as from rows), or by sums.
cells_response <- function(plan) {
  variable <- plan$variables[[attr(plan$terms, "response")]]
  counts <- core_family(plan$family)$name %in% c("binomial", "poisson", "negative_binomial")
  whole <- length(variable$columns) == 1 && is.symbol(variable$expression)
  # Numbers that may have fractions are often counts; the density of these is asked for.
  whole <- whole && plan$scope$kinds[[variable$columns]] %in%
    c("integer", if (!startsWith(plan$family$family, "quasi")) "number")
  must_group <- variable$discrete || estimates_theta(plan$family)
  if (must_group || (counts && whole)) {
    return(list(grouped = TRUE, must_group = must_group, columns = variable$columns))
  }
  summed_response(plan)
}

summed_response <- function(plan) {
  variable <- plan$variables[[attr(plan$terms, "response")]]
  value <- sql_as_number(sql_of(variable$expression, plan$scope))
  list(
    grouped = FALSE, columns = character(), sql = value$sql, present = sql_present(value),
    name = variable$name, kind = core_family(plan$family)$name,
    theta = core_family(plan$family)$theta
  )
}

# What a unit deviance holds of y alone, so that it can be summed: -2 log of the saturated density,
# up to a constant.
pure_parts <- c(
  poisson = "CASE WHEN {y} > 0 THEN 2 * {y} * ln({y}) ELSE 0 END",
  binomial = paste(
    "CASE WHEN {y} > 0 AND {y} < 1 THEN",
    "2 * ({y} * ln({y}) + (1 - {y}) * ln(1 - {y})) ELSE 0 END"
  ),
  Gamma = "CASE WHEN {y} > 0 THEN -2 * ln({y}) END",
  inverse.gaussian = "CASE WHEN {y} > 0 THEN 1 / {y} END",
  negative_binomial = paste(
    "CASE WHEN {y} > 0 THEN 2 * {y} * ln({y}) ELSE 0 END -",
    "CASE WHEN {y} >= 0 THEN 2 * ({y} + {theta}) * ln({y} + {theta}) END"
  )
)

# The same of a number in R.
pure_part <- function(response, y) {
  entropy <- function(p) ifelse(p > 0, p * log(p), 0)
  switch(response$kind,
    negative_binomial = 2 * (entropy(y) - entropy(y + response$theta)),
    poisson = 2 * entropy(y), binomial = 2 * (entropy(y) + entropy(1 - y)), Gamma = -2 * log(y),
    inverse.gaussian = 1 / y, 0
  )
}

# ---- The statement ----

ask_cells <- function(plan, response) {
  columns <- unique(c(
    discrete_columns(plan), numeric_columns(plan), plan$clusters, response$columns
  ))
  result <- ask_table(plan, cells_statement(plan, columns, response))
  result <- named_groups(result[-1], columns, plan$scope)
  if (response$grouped) {
    result$n <- result$n_rows
    result$within <- result$pure <- result$logs <- 0
    return(result)
  }
  check_sums(result, response)
  result[[response$name]] <- result$total / result$n
  result$pure <- result$pure - result$n * pure_part(response, result[[response$name]])
  result$logs <- result$logs - result$n * log(pmax(result[[response$name]], 0))
  result
}

# Rows come in a defined order, so that sums over cells are repeatable.
cells_statement <- function(plan, columns, response) {
  groups <- sprintf("g%d", seq_along(columns))
  sums <- c("count(*)::float8 AS n_rows", if (!response$grouped) response_sums(response))
  where <- if (!is.null(plan$subset)) sprintf("WHERE %s", plan$subset)
  named <- sql_columns(columns, plan$scope)
  by <- if (length(columns) > 0) sprintf("GROUP BY %s", paste(named, collapse = ", "))
  leaves <- plan$table$leaves$name
  parts <- sprintf("SELECT %d AS leaf, %s FROM %s %s %s", seq_along(leaves),
    paste(c(sprintf("%s AS %s", named, groups), sums), collapse = ", "), leaves,
    paste(where, collapse = " "), paste(by, collapse = " "))
  sprintf("SELECT * FROM (%s) cells ORDER BY %s LIMIT %.0f", paste(parts, collapse = " UNION ALL "),
    paste(seq_len(length(columns) + 1), collapse = ", "), table_cells_max + 1)
}

response_sums <- function(response) {
  y <- response$sql
  filter <- sprintf("FILTER (WHERE %s)", response$present)
  pure <- if (response$kind %in% names(pure_parts)) pure_parts[[response$kind]] else "0"
  theta <- if (is.null(response$theta)) "" else sql_number(response$theta)
  pure <- fill_in(pure, c(y = y, theta = theta))
  positive <- response$kind %in% c("Gamma", "inverse.gaussian")
  logs <- if (positive) sprintf("CASE WHEN %1$s > 0 THEN ln(%1$s) END", y) else "0"
  c(
    sprintf("(count(*) %s)::float8 AS n", filter),
    sprintf("sum(%s) %s AS total", y, filter),
    sprintf("regr_sxx(%1$s, %1$s) %2$s AS within", y, filter),
    sprintf("(sum(%s) %s)::float8 AS pure", pure, filter),
    sprintf("(sum(%s) %s)::float8 AS logs", logs, filter),
    sprintf("min(%s) %s AS lowest", y, filter), sprintf("max(%s) %s AS highest", y, filter)
  )
}

# What a response may be, as check_response_range() has it of rows.
check_sums <- function(cells, response) {
  filled <- cells$n > 0
  low <- min(cells$lowest[filled], Inf)
  high <- max(cells$highest[filled], -Inf)
  rule <- if (any(filled) && !all(is.finite(c(low, high)))) {
    "it must be finite"
  } else if (response$kind %in% c("poisson", "negative_binomial") && low < 0) {
    "counts are not below 0"
  } else if (response$kind == "binomial" && (low < 0 || high > 1)) {
    "a binomial response is from 0 to 1"
  } else if (response$kind %in% c("Gamma", "inverse.gaussian") && low <= 0) {
    sprintf("a %s response is above 0", response$kind)
  }
  if (!is.null(rule)) {
    qst_abort("argument", sprintf(
      "The response `%s` has values from %s to %s; %s. Correct them or make them NULL.",
      response$name, format(low), format(high), rule
    ), column = response$name)
  }
}

# ---- The frame ----

# The model frame of the cells; attribute `kept`: which of them it holds.
cells_frame <- function(plan, cells, response) {
  filled <- which(cells$n > 0)
  data <- cells[filled, , drop = FALSE]
  row.names(data) <- NULL
  formula <- plan$formula
  attributes_of <- environment(formula)
  formula <- stats::formula(plan$terms)
  if (!response$grouped) {
    formula[[2]] <- as.name(response$name)
  }
  environment(formula) <- attributes_of
  expressions <- plan$expressions
  expressions["subset"] <- list(NULL)
  frame <- model_frame(formula, data, expressions, stats::na.omit, plan$threads)
  omitted <- attr(frame, "na.action")
  attr(frame, "kept") <- if (is.null(omitted)) filled else filled[-omitted]
  attr(frame, "na.action") <- NULL
  frame
}

# ---- The result ----

# Sums over rows in place of sums over cells. `cells` holds, for each cell, n, the weight of each
# of its rows, and what its rows add to sums of squares about its mean, to the deviance and to logs.
cells_result <- function(plan, fit, frame, cells, n_left_out) {
  used <- fit$weights > 0
  n_used <- sum(cells$n[used])
  added <- if (family_kind(fit$family) == "gaussian") cells$within else cells$pure
  added <- sum((cells$own * added)[used])
  fit$deviance <- fit$deviance + added
  fit$null.deviance <- fit$null.deviance + added
  fit$df.residual <- n_used - fit$rank
  fit$df.null <- n_used - as.double(attr(fit$terms, "intercept") > 0)
  fit$n_used <- n_used
  parts <- fit[c(
    "coefficients", "effects", "cov.unscaled", "rank", "df.residual", "df.null", "deviance",
    "null.deviance", "n_used", "family", "assign", "contrasts", "xlevels", "cluster", "info",
    "notes", "theta", "theta.se"
  )]
  parts$cells <- c(cells, list(
    design = expand_design(model_design(fit$terms, frame, fit$contrasts)),
    residual = as.double(fit$residuals), working = cell_weights(fit) / cells$n,
    slope = fit$family$mu.eta(fit$linear.predictors),
    variance = fit$family$variance(fit$fitted.values) / cells$own
  ))
  parts$pearson <- cells_pearson(fit, parts$cells, used)
  parts$log_density <- cells_density(fit, cells, used)
  parts$terms <- plan$terms
  attr(parts$terms, "dataClasses") <- attr(fit$terms, "dataClasses")
  parts$levels_frame <- levels_frame(frame)
  parts$n_left_out <- n_left_out
  parts$info$route <- "cells"
  new_table_fit(plan, parts)
}

family_kind <- function(family) {
  core_family(family)$name
}

cell_weights <- function(fit) {
  if (is_linear(fit)) fit$weights else working_weights(fit)
}

# Pearson's chi-square over all rows.
cells_pearson <- function(fit, cells, used) {
  of_means <- cells$working * cells$n * cells$residual^2
  sum((of_means + cells$within / cells$variance)[used])
}

# Log density of the rows; NA where sums do not tell it.
cells_density <- function(fit, cells, used) {
  n <- sum(cells$n[used])
  family <- fit$family
  kind <- family_kind(family)
  if (startsWith(family$family, "quasi")) {
    return(NA_real_)
  }
  own <- cells$own[used]
  if (kind == "gaussian") {
    return(0.5 * (sum(cells$n[used] * log(own)) - n * (log(2 * pi) + 1 - log(n) +
      log(fit$deviance))))
  }
  y <- fit$y[used]
  mean <- fit$fitted.values[used]
  frequency <- cells$n[used]
  if (kind == "binomial") {
    if (!cells$grouped) {
      return(if (all(cells$pure[used] == 0)) sum_binary(y, mean, own * frequency) else NA_real_)
    }
    trials <- round(own)
    return(sum(frequency * own / pmax(trials, 1) *
      stats::dbinom(round(trials * y), trials, mean, log = TRUE)))
  }
  if (!cells$grouped && kind %in% c("poisson", "negative_binomial")) {
    return(NA_real_)
  }
  aic <- family$aic(y, rep(1, length(y)), mean, own * frequency, fit$deviance)
  counted <- if (kind %in% c("Gamma", "inverse.gaussian")) 1 else 0
  counted - aic / 2 + sum((own * cells$logs)[used]) * log_share(kind, fit, own * frequency)
}

# Log density of responses 0 and 1 by their share.
sum_binary <- function(y, mean, weights) {
  sum(weights * (ifelse(y > 0, y * log(mean), 0) + ifelse(y < 1, (1 - y) * log1p(-mean), 0)))
}

# What a log density takes of log(y).
log_share <- function(kind, fit, weights) {
  switch(kind, Gamma = sum(weights) / fit$deviance - 1, inverse.gaussian = -1.5, 0)
}

# The model matrix of a design, with the names and order of its columns.
expand_design <- function(design) {
  blocks <- lapply(design$terms, function(term) {
    block <- matrix(1, design$n_rows, 1)
    for (part in term) {
      x <- if (is.null(part$codes)) {
        as.matrix(part$x)
      } else {
        part$coding[as.integer(part$codes), , drop = FALSE]
      }
      block <- block[, rep(seq_len(ncol(block)), ncol(x)), drop = FALSE] *
        x[, rep(seq_len(ncol(x)), each = ncol(block)), drop = FALSE]
    }
    block
  })
  matrix <- do.call(cbind, blocks)
  dimnames(matrix) <- list(NULL, attr(design, "columns"))
  matrix
}
