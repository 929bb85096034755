# Linear models in the database: one pass for places, one for moments, one for residuals, which
# corrects the coefficients once (as the corrected seminormal equations do: Bjorck 1987) and gives
# the sums of HC covariances.

# Shares of a column that the columns before it (or all others) leave unexplained: below the first
# its sums say too little of it; below the second, of what the rows themselves say, it is aliased.
tol_suspect <- 1e-6
tol_aliased <- 1e-9

fit_table_moments <- function(plan) {
  set <- sums_set_up(plan)
  moments <- ask_moments(plan, set)
  set <- choose_columns(plan, set, moments$gram)
  solved <- solve_sums(set, moments$gram, moments$score)
  rest <- ask_residuals(plan, set, solved)
  kept <- set$kept
  step <- numeric(length(kept))
  step[kept] <- solved$inverse %*% rest$score[kept]
  coefficients <- solved$coefficients + step
  moments$score_by <- moments$score_by - moments_times(moments$gram_by, coefficients)
  linear_result(plan, set, moments, solved, coefficients, rest, sum(step * rest$score))
}

# Questions, places, design and centring, which all passes use.
sums_set_up <- function(plan) {
  questions <- sums_questions(plan)
  if (!is.null(questions$weights)) {
    questions$positive <- sprintf("%s > 0", questions$weights)
  }
  design <- sums_design(plan, questions, ask_places(plan, questions))
  places <- index_cells(design$places, questions, plan$scope)
  centred <- centring(design, places, carriers_whole(questions))
  list(
    questions = questions, places = places, design = design, centre = centred$centre,
    map = centred$map, constant = centred$constant, y_centre = response_centre(
      questions, places, centred
    )
  )
}

response_centre <- function(questions, places, centred) {
  if (anyNA(centred$constant)) {
    return(0)
  }
  centre <- places$mean[[length(centred$centre)]]
  if (questions$response$kind == "integer") round(centre) else centre
}

# The columns of a statement: centred carriers h1, h2, ..., the response less offset and centre, and
# the weights.
sums_values <- function(set) {
  carriers <- carrier_sql(set$questions)
  offset <- set$questions$offset
  values <- c(
    stats::setNames(sprintf("%s - %s", carriers, sql_number(set$centre[-1])),
      sprintf("h%d", seq_along(carriers))),
    y = paste0(
      set$questions$response$sql, if (!is.null(offset)) paste(" -", offset),
      sprintf(" - %s", sql_number(set$y_centre))
    )
  )
  if (!is.null(set$questions$weights)) {
    values[["w"]] <- set$questions$weights
  }
  values
}

# ---- Moments ----

ask_moments <- function(plan, set) {
  k <- length(set$centre)
  w <- if (is.null(set$questions$weights)) "" else "{w}"
  paste_weight <- function(x) if (nzchar(w)) paste(w, "*", x) else x
  sums <- c(
    product_sums(k, w), product_sums(k, paste_weight("{y}"), pairs = FALSE),
    sprintf("sum(%s)", paste_weight("{y} * {y}")), "count(*)::float8",
    if (nzchar(w)) c("sum(ln({w}))", "min({w})", "max({w})")
  )
  result <- ask_sums(plan, set$questions, sums_values(set), NULL, sums,
    c(set$questions$discrete, plan$clusters))
  groups <- grouped_sums(result, plan, set$questions, set$places, clusters = TRUE)
  n_pairs <- nrow(carrier_pairs(k))
  z <- set$design$z[groups$cell, , drop = FALSE]
  carrier <- set$design$carrier
  products <- groups$sums[, seq_len(n_pairs), drop = FALSE]
  crosses <- groups$sums[, n_pairs + seq_len(k), drop = FALSE]
  last <- groups$sums[, -seq_len(n_pairs + k), drop = FALSE]
  list(
    gram = gram_from(z, carrier, products), score = score_from(z, carrier, crosses),
    gram_by = gram_from(z, carrier, products, groups$unit),
    score_by = score_from(z, carrier, crosses, groups$unit), units = groups$units,
    square = sum(last[, 1]), n = sum(last[, 2]), total = sum(products[, 1]),
    sum = sum(crosses[, 1]), log_weights = if (nzchar(w)) sum(last[, 3]) else 0
  )
}

# X_c'W X_c b for each cluster c.
moments_times <- function(gram_by, b) {
  size <- dim(gram_by)
  matrix(matrix(gram_by, size[[1]] * size[[2]], size[[3]]) %*% b, size[[1]], size[[2]])
}

# ---- Which columns can be told apart ----

# Adds `kept` to the set. A column nearly explained by those before it is put to the rows: what they
# leave of it is aliased if it is nothing, else the design is too ill-conditioned for sums.
choose_columns <- function(plan, set, gram) {
  p <- nrow(gram)
  scale <- sqrt(pmax(diag(gram), 0))
  pure <- set$design$carrier == 1
  largest <- c(1, pmax(abs(set$places$low), abs(set$places$high)))[set$design$carrier]
  total <- sum(set$places$n)
  kept <- !pure & scale <= 1e-13 * sqrt(total) * largest | scale == 0
  kept <- !kept
  for (j in which(kept)) {
    before <- which(kept & seq_len(p) < j)
    left <- unexplained(gram, scale, before, j)
    if (left > tol_suspect || (pure[[j]] && left > 1e-10)) {
      next
    }
    if (pure[[j]] && all(pure[before]) || ask_is_aliased(plan, set, gram, scale, before, j)) {
      kept[[j]] <- FALSE
    } else {
      ill_conditioned_abort(plan, set, j)
    }
  }
  set$kept <- kept
  check_all_told_apart(plan, set, gram, scale)
  check_map(set)
}

unexplained <- function(gram, scale, before, j) {
  if (length(before) == 0) {
    return(1)
  }
  correlation <- gram[c(before, j), c(before, j)] / outer(scale[c(before, j)], scale[c(before, j)])
  root <- tryCatch(chol(correlation), error = function(e) NULL)
  if (is.null(root)) 0 else root[length(root)]^2
}

# Asks for the sum of squares of column j less its regression on those before it.
ask_is_aliased <- function(plan, set, gram, scale, before, j) {
  weights <- numeric(length(scale))
  scaled <- gram[before, before, drop = FALSE] / outer(scale[before], scale[before])
  weights[before] <- solve(scaled, gram[before, j] / scale[before], tol = 0) / scale[before]
  weights[[j]] <- -1
  left <- c(set$places$idx, remains = linear_sql(weights, set$design, set$places))
  w <- if (is.null(set$questions$weights)) "" else " * {w}"
  result <- ask_sums(plan, set$questions, sums_values(set), left,
    sprintf("sum({remains} * {remains}%s)", w), set$questions$discrete)
  groups <- grouped_sums(result, plan, set$questions, set$places)
  sqrt(sum(groups$sums)) <= tol_aliased * scale[[j]]
}

check_all_told_apart <- function(plan, set, gram, scale) {
  kept <- set$kept
  if (!any(kept)) {
    qst_abort("argument", paste(
      "Every column of the model is 0 in all rows, so the database has nothing to estimate.",
      "Correct `formula`, or read the columns with pg_read() and fit them."
    ))
  }
  correlation <- gram[kept, kept, drop = FALSE] / outer(scale[kept], scale[kept])
  root <- tryCatch(chol(correlation), error = function(e) NULL)
  inflation <- if (is.null(root)) rep(Inf, sum(kept)) else diag(chol2inv(root))
  inflation[set$design$carrier[kept] == 1] <- inflation[set$design$carrier[kept] == 1] * 1e-3
  if (max(inflation) > 1 / tol_suspect) {
    ill_conditioned_abort(plan, set, which(kept)[[which.max(inflation)]])
  }
}

ill_conditioned_abort <- function(plan, set, j) {
  name <- set$design$names[[j]]
  qst_abort("ill_conditioned", sprintf(
    paste(
      "`%s` follows nearly from other columns of the model, so that sums formed in the database",
      "do not hold enough digits of it. Read the columns with pg_read() and fit them: fit_glm() of",
      "a data frame has a method for this."
    ), name
  ), column = name)
}

# Centring needs columns that are kept; a model in which it does not is for rows.
check_map <- function(set) {
  lost <- set$map[!set$kept, set$kept, drop = FALSE]
  if (any(lost != 0)) {
    qst_abort("ill_conditioned", paste(
      "A constant column of the model follows from numbers before it, which sums about means",
      "cannot show. Read the columns with pg_read() and fit them."
    ))
  }
  set
}

# ---- Solving ----

# Least squares (or a step of it) in the kept columns: coefficients (0 where aliased), the inverse
# of the Gram matrix and its Cholesky factor, both of the kept columns.
solve_sums <- function(set, gram, score) {
  kept <- set$kept
  scale <- sqrt(diag(gram)[kept])
  root <- chol(gram[kept, kept, drop = FALSE] / outer(scale, scale))
  inverse <- chol2inv(root) / outer(scale, scale)
  coefficients <- numeric(length(kept))
  coefficients[kept] <- backsolve(root, backsolve(root, score[kept] / scale, transpose = TRUE)) /
    scale
  list(
    coefficients = coefficients, inverse = inverse, root = root * rep(scale, each = length(scale))
  )
}

# ---- Residuals ----

# Sums of squared residuals, X'We, and the meats of HC covariances.
ask_residuals <- function(plan, set, solved) {
  kept <- set$kept
  k <- length(set$centre)
  full <- matrix(0, length(kept), length(kept))
  full[kept, kept] <- solved$inverse
  w <- if (is.null(set$questions$weights)) "1::float8" else "{w}"
  stages <- c(
    set$places$idx,
    e = sprintf("{y} - (%s)", linear_sql(solved$coefficients, set$design, set$places)),
    we = if (is.null(set$questions$weights)) "{e}" else "{w} * {e}",
    room = sprintf("1 - %s * (%s)", w, quadratic_sql(full, set$design, set$places)),
    meat_stages(k, "{we}")
  )
  sums <- c("sum({we} * {e})", product_sums(k, "{we}", pairs = FALSE), meat_sums(k))
  result <- ask_sums(plan, set$questions, sums_values(set), stages, sums, set$questions$discrete)
  groups <- grouped_sums(result, plan, set$questions, set$places)
  z <- set$design$z[groups$cell, , drop = FALSE]
  list(
    deviance = sum(groups$sums[, 1]),
    score = score_from(z, set$design$carrier, groups$sums[, 1 + seq_len(k), drop = FALSE]),
    meats = meats_from(set, z, groups$sums[, -seq_len(1 + k), drop = FALSE])
  )
}

# Stages and sums for HC0, HC2 and HC3 of the score `we` of rows and their `room`, 1 less the
# leverage; a row of leverage 1 adds nothing, and is counted.
meat_stages <- function(k, we) {
  c(
    pair_stages(k), m0 = sprintf("%1$s * %1$s", we),
    m2 = "CASE WHEN {room} > 1e-10 THEN {m0} / {room} END", m3 = "{m2} / {room}"
  )
}

meat_sums <- function(k) {
  each <- outer(pair_names(k), c("{m0}", "{m2}", "{m3}"), function(pair, by) {
    ifelse(nzchar(pair), sprintf("sum(%s * %s)", by, pair), sprintf("sum(%s)", by))
  })
  c(each, "(count(*) FILTER (WHERE {room} <= 1e-10))::float8")
}

meats_from <- function(set, z, sums) {
  sums[is.na(sums)] <- 0
  n_pairs <- nrow(carrier_pairs(length(set$centre)))
  each <- lapply(0:2, function(i) {
    gram_from(z, set$design$carrier, sums[, i * n_pairs + seq_len(n_pairs), drop = FALSE])
  })
  list(HC0 = each[[1]], HC1 = each[[1]], HC2 = each[[2]], HC3 = each[[3]],
    n_full = sum(sums[, 3 * n_pairs + 1]))
}

# ---- The result ----

linear_result <- function(plan, set, moments, solved, coefficients, rest, gained) {
  deviance <- max(rest$deviance - gained, 0) # of a perfect fit both are rounding errors
  constant <- attr(plan$terms, "intercept")
  centre <- if (constant > 0) moments$sum / moments$total else -set$y_centre
  null <- moments$square - 2 * centre * moments$sum + centre^2 * moments$total
  # What the centre of the response was, its columns get back.
  coefficients <- coefficients + set$y_centre * ifelse(is.na(set$constant), 0, set$constant)
  parts <- sums_result(plan, set, moments, solved, coefficients, rest$meats)
  parts$deviance <- deviance
  parts$null.deviance <- null
  n <- moments$n
  parts$log_density <- 0.5 * (moments$log_weights - n * (log(2 * pi) + 1 - log(n) + log(deviance)))
  parts$info <- list(method = "moments", route = "moments", converged = TRUE, iterations = 1L)
  new_table_fit(plan, parts)
}

# What linear models and others share; coefficients are of centred columns. The map from kept
# columns to kept columns is inverted for what is asked for.
sums_result <- function(plan, set, moments, solved, coefficients, meats) {
  kept <- set$kept
  # A column is centred by those before it, so the map is triangular.
  back <- backsolve(set$map[kept, kept, drop = FALSE], diag(sum(kept)))
  names <- set$design$names
  estimates <- stats::setNames(rep(NA_real_, length(kept)), names)
  estimates[kept] <- back %*% coefficients[kept]
  effects <- stats::setNames(numeric(length(kept)), names)
  effects[kept] <- solved$root %*% coefficients[kept]
  bread <- matrix(NA_real_, length(kept), length(kept), dimnames = list(names, names))
  bread[kept, kept] <- back %*% solved$inverse %*% t(back)
  terms <- plan$terms
  attr(terms, "dataClasses") <- vapply(set$design$frame, stats::.MFclass, "")
  list(
    coefficients = estimates, effects = effects, cov.unscaled = bread, rank = sum(kept),
    df.residual = moments$n - sum(kept),
    df.null = moments$n - as.double(attr(terms, "intercept") > 0), n_used = moments$n,
    family = plan$family, assign = set$design$assign, contrasts = set$design$contrasts,
    xlevels = set$design$xlevels,
    cluster = if (length(plan$clusters) > 0) moments$units, notes = attr(set$design$frame, "notes"),
    terms = terms, levels_frame = levels_frame(set$design$frame),
    n_left_out = set$places$n_left_out,
    sums = list(
      back = back, inverse = solved$inverse,
      meats = lapply(meats, function(x) if (is.matrix(x)) x[kept, kept, drop = FALSE] else x),
      gram = if (length(plan$clusters) > 0) moments$gram_by[, kept, kept, drop = FALSE],
      score = if (length(plan$clusters) > 0) moments$score_by[, kept, drop = FALSE],
      weighted = !is.null(set$questions$weights)
    )
  )
}
