# Sums of numbers in the database, and the designs they stand for.
#
# A cell is a combination of the discrete columns. A carrier is a product of numeric variables of
# the formula, or the constant 1. Within a cell each column of the design is a multiple of one
# carrier, so X'WX and the like follow from the sums of products of carriers in each cell (and
# cluster). Carriers are centred where the columns before theirs hold what that takes off: then the
# model is the same, and the coefficients asked for are a linear map of those found.

# What of a plan is asked in sums: SQL of numeric variables, response, weights and offset, and the
# condition that a row is used.
sums_questions <- function(plan) {
  scope <- plan$scope
  numbers <- list()
  for (variable in plan$variables) {
    if (!variable$discrete && variable$role == "covariate") {
      numbers[[variable$name]] <- sql_as_number(sql_of(variable$expression, scope))
    }
  }
  weights <- plan$expressions$weights
  questions <- list(
    numbers = numbers, response = response_question(plan), offset = offset_question(plan),
    weights = if (!is.null(weights)) sql_as_number(sql_of(weights, scope))$sql,
    discrete = discrete_columns(plan), carriers = carriers_of(plan$terms, names(numbers))
  )
  used <- unique(c(
    unlist(lapply(plan$variables, `[[`, "columns")), numeric_columns(plan), plan$clusters
  ))
  questions$present <- vapply(used, function(name) {
    if (scope$kinds[[name]] == "other") {
      sprintf("(%s IS NOT NULL)", sql_name(name))
    } else {
      sql_present(list(sql = sql_name(name), kind = scope$kinds[[name]]))
    }
  }, "")
  questions
}

response_question <- function(plan) {
  variable <- plan$variables[[attr(plan$terms, "response")]]
  value <- tryCatch(sql_of(variable$expression, plan$scope), questrial_error_argument = identity)
  if (inherits(value, "condition") || value$kind == "text") {
    qst_abort("argument", sprintf(
      paste(
        "The response `%s` must be a number or a condition such as I(x == \"yes\") where",
        "covariates have many values. Or read the columns with pg_read() and fit them."
      ), variable$name
    ), column = variable$name)
  }
  sql_as_number(value)
}

offset_question <- function(plan) {
  offsets <- Filter(function(variable) variable$role == "offset", plan$variables)
  expressions <- lapply(offsets, function(variable) variable$expression[[2]])
  expressions <- c(expressions, plan$expressions["offset"])
  expressions <- expressions[!vapply(expressions, is.null, NA)]
  if (length(expressions) > 0) {
    parts <- vapply(expressions, function(x) sql_as_number(sql_of(x, plan$scope))$sql, "")
    sprintf("(%s)", paste(parts, collapse = " + "))
  }
}

# The numeric variables of each carrier (none: the constant, which comes first), and the carrier of
# each term, the intercept's first.
carriers_of <- function(terms, numbers) {
  factors <- attr(terms, "factors")
  in_term <- if (length(factors) == 0) {
    list()
  } else {
    names <- vapply(as.list(attr(terms, "variables"))[-1], expression_text, "")
    lapply(seq_len(ncol(factors)), function(j) intersect(names[factors[, j] > 0], numbers))
  }
  each <- c(list(character()), in_term)
  unique <- unique(each)
  list(variables = unique, of_term = match(each, unique))
}

carrier_sql <- function(questions) {
  vapply(questions$carriers$variables[-1], function(names) {
    paste(vapply(questions$numbers[names], `[[`, "", "sql"), collapse = " * ")
  }, "")
}

carriers_whole <- function(questions) {
  vapply(questions$carriers$variables[-1], function(names) {
    all(vapply(questions$numbers[names], `[[`, "", "kind") == "integer")
  }, NA)
}

# ---- Statements in stages ----

# A statement over the used rows of each leaf. `values` are named SQL of columns; each of `stages`
# is named SQL that says {name} for what comes before; `sums` are the aggregates, by the columns
# `by`. On this server each stage is worked out once a row; a foreign server gets one plain
# aggregate, which is all it can be sent.
ask_sums <- function(plan, questions, values, stages, sums, by,
                     where = where_used(plan, questions)) {
  ask_leaves(plan, function(leaf, foreign) {
    groups <- stats::setNames(sql_columns(by, plan$scope), sprintf("g%d", seq_along(by)))
    ask <- if (foreign) plain_sums else staged_sums
    ask(leaf, where, c(groups, values), stages, sums, length(by))
  })
}

where_used <- function(plan, questions) {
  paste(c(plan$subset, questions$present, questions$positive), collapse = " AND ")
}

plain_sums <- function(leaf, where, values, stages, sums, n_by) {
  # It would be said three times wherever the linear predictor is said once.
  stages[names(stages) == "bound"] <- "{eta}"
  values <- c(values, stages)
  for (i in seq_along(values)[-1]) {
    values[[i]] <- fill_in(values[[i]], values[seq_len(i - 1)])
  }
  statement_of(fill_in(sums, values), values[seq_len(n_by)], names(values)[seq_len(n_by)],
    sprintf("%s WHERE %s", leaf, where))
}

# OFFSET keeps the planner from repeating a column in each sum that names it. Its 0 is quoted: then
# it is a constant at once, and the planner may share the rows out among parallel workers.
staged_sums <- function(leaf, where, values, stages, sums, n_by) {
  thin <- thin_stages(stages, sums)
  stages <- thin$stages
  from <- sprintf("(SELECT %s FROM %s WHERE %s OFFSET '0') q",
    paste(sprintf("%s AS %s", values, names(values)), collapse = ", "), leaf, where)
  known <- stats::setNames(names(values), names(values))
  for (level in stage_levels(stages)) {
    columns <- sprintf("%s AS %s", fill_in(stages[level], known), names(stages)[level])
    from <- sprintf("(SELECT *, %s FROM %s OFFSET '0') q", paste(columns, collapse = ", "), from)
    known[names(stages)[level]] <- names(stages)[level]
  }
  by <- names(values)[seq_len(n_by)]
  statement_of(fill_in(thin$sums, known), by, by, from)
}

# A subquery of its own costs more than what is said once: that is put where it is said, and what
# is not said at all is left out.
thin_stages <- function(stages, sums) {
  times_said <- function(i) {
    rest <- c(stages[-seq_len(i)], sums)
    said <- gregexpr(sprintf("{%s}", names(stages)[[i]]), rest, fixed = TRUE)
    sum(lengths(regmatches(rest, said)))
  }
  for (i in rev(seq_along(stages))) {
    if (times_said(i) == 0) {
      stages <- stages[-i]
    }
  }
  for (name in names(stages)) {
    i <- match(name, names(stages))
    if (times_said(i) == 1) {
      later <- seq_along(stages) > i
      stages[later] <- fill_in(stages[later], stages[i])
      sums <- fill_in(sums, stages[i])
      stages <- stages[-i]
    }
  }
  list(stages = stages, sums = sums)
}

# Numbers of the stages that can be worked out side by side, in order: a level says nothing of its
# own names.
stage_levels <- function(stages) {
  level <- 1L
  levels <- integer(length(stages))
  for (i in seq_along(stages)) {
    own <- names(stages)[levels == level]
    says <- vapply(sprintf("{%s}", own), grepl, NA, x = stages[[i]], fixed = TRUE)
    if (any(says)) {
      level <- level + 1L
    }
    levels[[i]] <- level
  }
  split(seq_along(stages), levels)
}

statement_of <- function(sums, by, names, from) {
  columns <- c(sprintf("%s AS %s", by, names), sprintf("%s AS s%d", sums, seq_along(sums)))
  group <- if (length(by) > 0) sprintf("GROUP BY %s", paste(by, collapse = ", "))
  sprintf("SELECT %s FROM %s %s", paste(columns, collapse = ", "), from, paste0("", group))
}

# Puts SQL in place of {name}.
fill_in <- function(templates, values) {
  for (name in rev(names(values))) {
    templates <- gsub(sprintf("{%s}", name), sprintf("(%s)", values[[name]]), templates,
      fixed = TRUE)
  }
  templates
}

# Products of carriers h1, h2, ... (h0 is 1) with `by` ("" or SQL), all pairs or each.
product_sums <- function(n_carriers, by = "", pairs = TRUE) {
  h <- c("", sprintf("{h%d}", seq_len(n_carriers - 1)))
  first <- if (pairs) carrier_pairs(n_carriers)[, 1] else seq_len(n_carriers)
  second <- if (pairs) carrier_pairs(n_carriers)[, 2] else rep(1, n_carriers)
  vapply(seq_along(first), function(k) {
    factors <- c(by, h[[first[[k]]]], h[[second[[k]]]])
    factors <- factors[nzchar(factors)]
    if (length(factors) == 0) {
      "count(*)::float8"
    } else {
      sprintf("sum(%s)", paste(factors, collapse = " * "))
    }
  }, "")
}

# Products of two carriers each, in the order of carrier_pairs(): stages, and how each is said ("":
# the constant, which is 1).
pair_stages <- function(n_carriers) {
  pairs <- carrier_pairs(n_carriers)
  both <- which(pairs[, 1] > 1)
  stats::setNames(
    sprintf("{h%d} * {h%d}", pairs[both, 1] - 1, pairs[both, 2] - 1), sprintf("p%d", both)
  )
}

pair_names <- function(n_carriers) {
  pairs <- carrier_pairs(n_carriers)
  names <- sprintf("{p%d}", seq_len(nrow(pairs)))
  single <- pairs[, 1] == 1
  names[single] <- c("", sprintf("{h%d}", seq_len(n_carriers - 1)))
  names
}

# Pairs of carriers a <= b, a row each.
carrier_pairs <- function(n_carriers) {
  index <- which(upper.tri(diag(n_carriers), diag = TRUE), arr.ind = TRUE)
  unname(index)
}

# ---- First pass: cells, numbers of rows, and where the numbers lie ----

# A list: `cells` (a data frame of the discrete columns), `n` and `totals` (used rows of each, and
# their sums), `n_left_out`, `mean`, `low`, `high` of carriers, response and weights.
ask_places <- function(plan, questions) {
  y <- questions$response$sql
  if (!is.null(questions$offset)) {
    y <- sprintf("%s - %s", y, questions$offset)
  }
  numbers <- c(carrier_sql(questions), y, questions$weights, questions$response$sql)
  used <- paste(questions$present, collapse = " AND ")
  # Of rows that are not used nothing is worked out: they may hold what has no logarithm.
  values <- c(used = used, stats::setNames(
    sprintf("CASE WHEN %s THEN %s END", used, numbers), sprintf("v%d", seq_along(numbers))
  ))
  sums <- c("count(*)::float8", "(count(*) FILTER (WHERE {used}))::float8", sprintf(
    "%s({v%d})", rep(c("sum", "min", "max"), each = length(numbers)), seq_along(numbers)
  ))
  where <- if (is.null(plan$subset)) "TRUE" else plan$subset
  result <- ask_sums(plan, questions, values, NULL, sums, questions$discrete, where)
  places_of(plan, questions, named_groups(result, questions$discrete, plan$scope), length(numbers))
}

places_of <- function(plan, questions, result, n_values) {
  n_by <- length(questions$discrete)
  n <- result[[n_by + 2]]
  n_left_out <- sum(result[[n_by + 1]]) - sum(n)
  check_left_out(plan, n_left_out)
  result <- result[n > 0, , drop = FALSE]
  if (nrow(result) == 0) {
    check_cell_number(data.frame(n_rows = numeric(), n = numeric()), plan)
  }
  cells <- result[seq_len(n_by)]
  key <- row_key(cells)
  values <- function(part) as.matrix(result[n_by + 2 + (part - 1) * n_values + seq_len(n_values)])
  n <- result[[n_by + 2]]
  first <- !duplicated(key)
  places <- list(
    cells = cells[first, , drop = FALSE], keys = key[first], n_left_out = n_left_out,
    n = as.vector(rowsum(n, key, reorder = FALSE)),
    totals = rowsum(values(1), key, reorder = FALSE), mean = colSums(values(1)) / sum(n),
    low = apply(values(2), 2, min), high = apply(values(3), 2, max)
  )
  check_sum_places(places, questions)
  places
}

row_key <- function(columns) {
  if (length(columns) == 0) rep("", nrow(columns)) else do.call(paste, c(columns, sep = "\r"))
}

check_sum_places <- function(places, questions) {
  labels <- c(
    vapply(questions$carriers$variables[-1], paste, "", collapse = ":"), "the response",
    if (!is.null(questions$weights)) "`weights`", "the response"
  )
  bad <- which(!is.finite(places$low) | !is.finite(places$high) |
    pmax(abs(places$low), abs(places$high)) > 1e75)
  if (length(bad) > 0) {
    qst_abort("argument", sprintf(
      "%s has values from %s to %s, which no sum can hold. Correct them or make them NULL.",
      sentence_start(labels[[bad[[1]]]]), format(places$low[[bad[[1]]]]),
      format(places$high[[bad[[1]]]])
    ))
  }
  if (!is.null(questions$weights) && places$low[[length(labels) - 1]] < 0) {
    qst_abort("argument", sprintf(
      "`weights` is %s in a row; weights are finite and not below 0.",
      format(places$low[[length(labels) - 1]])
    ))
  }
}

# ---- The design ----

# A list: `z` (cells x p, what multiplies the carrier), `carrier` of each column (1: the constant),
# `assign`, `names`, `contrasts`, `xlevels`, `frame`, and the places without cells in which a
# variable is missing, as where factor(x, levels = ) leaves a value out.
sums_design <- function(plan, questions, places) {
  variables <- lapply(plan$variables, function(variable) {
    if (variable$discrete && variable$role != "response") {
      eval(variable$expression, places$cells, environment(plan$formula))
    } else {
      rep(1, nrow(places$cells))
    }
  })
  names(variables) <- vapply(plan$variables, `[[`, "", "name")
  frame <- as_frame(variables, .set_row_names(nrow(places$cells)), NULL)
  complete <- stats::complete.cases(frame)
  if (!all(complete)) {
    places$n_left_out <- places$n_left_out + sum(places$n[!complete])
    check_left_out(plan, places$n_left_out)
    places[c("keys", "n")] <- lapply(places[c("keys", "n")], `[`, complete)
    places$cells <- places$cells[complete, , drop = FALSE]
    places$totals <- places$totals[complete, , drop = FALSE]
    places$mean <- colSums(places$totals) / sum(places$n)
    frame <- as_frame(variables, .set_row_names(length(complete)), which(complete))
    attr(frame, "row.names") <- .set_row_names(sum(complete))
  }
  frame <- drop_empty_levels(frame, scan_columns(frame, plan$threads)$empty)
  design <- model_columns(plan$terms, frame, plan$contrasts)
  assign <- attr(design, "assign")
  list(
    z = expand_design(design), carrier = questions$carriers$of_term[assign + 1], assign = assign,
    contrasts = attr(design, "contrasts"), xlevels = attr(design, "xlevels"), frame = frame,
    places = places, names = attr(design, "columns")
  )
}

# What is taken off each carrier (0 for the constant) and off the response, and the map from the
# columns of centred carriers to those asked for: X = X_centred %*% map.
centring <- function(design, places, whole) {
  pure <- design$carrier == 1
  p <- length(pure)
  part_of <- vapply(seq_len(p), function(j) {
    share_of(design$z, which(pure & seq_len(p) < j), design$z[, j], p)
  }, numeric(p))
  part_of <- matrix(part_of, p, p)
  n_carriers <- max(design$carrier)
  centre <- c(0, places$mean[seq_along(whole)])
  centre[c(FALSE, whole)] <- round(centre[c(FALSE, whole)])
  for (a in seq_len(n_carriers)[-1]) {
    if (anyNA(part_of[, design$carrier == a])) {
      centre[[a]] <- 0
    }
  }
  map <- diag(p)
  for (j in which(!pure & centre[design$carrier] != 0)) {
    map[, j] <- map[, j] + centre[[design$carrier[[j]]]] * part_of[, j]
  }
  constant <- share_of(design$z, which(pure), rep(1, nrow(design$z)), p)
  list(centre = centre, map = map, constant = constant)
}

# How a column over cells is a combination of those numbered `from`; NA if it is none.
share_of <- function(z, from, column, p) {
  shares <- rep(NA_real_, p)
  if (length(from) > 0) {
    solved <- qr.coef(qr(z[, from, drop = FALSE], tol = 1e-9), column)
    solved[is.na(solved)] <- 0
    if (max(abs(z[, from, drop = FALSE] %*% solved - column)) < 1e-9) {
      shares[] <- 0
      shares[from] <- zapsmall(solved, 12)
    }
  }
  shares
}

# ---- From sums to matrices ----

# Where the sum of the product of carriers a and b stands.
pair_index <- function(n_carriers) {
  pairs <- carrier_pairs(n_carriers)
  index <- matrix(0L, n_carriers, n_carriers)
  index[pairs] <- seq_len(nrow(pairs))
  index[pairs[, 2:1, drop = FALSE]] <- seq_len(nrow(pairs))
  index
}

# X'WX of each of the groups `by` (or of all) as an array (groups x p x p) or matrix, from the sums
# (a row a cell, `z` aligned with them).
gram_from <- function(z, carrier, sums, by = NULL, n_carriers = max(carrier)) {
  index <- pair_index(n_carriers)
  columns <- lapply(seq_len(ncol(z)), function(j) {
    products <- z[, j] * z * sums[, index[carrier[[j]], carrier], drop = FALSE]
    if (is.null(by)) colSums(products) else rowsum(products, by, reorder = FALSE)
  })
  if (is.null(by)) {
    return(matrix(unlist(columns), ncol(z)))
  }
  aperm(array(unlist(columns), c(nrow(columns[[1]]), ncol(z), ncol(z))), c(1, 2, 3))
}

# X'Wr from the sums of carriers times it.
score_from <- function(z, carrier, sums, by = NULL) {
  products <- z * sums[, carrier, drop = FALSE]
  if (is.null(by)) colSums(products) else rowsum(products, by, reorder = FALSE)
}

# ---- What SQL makes of coefficients ----

# Numbers that differ from cell to cell, as SQL over the stage {idx}.
cell_sql <- function(values, places) {
  if (all(values == values[[1]])) {
    return(sql_number(values[[1]]))
  }
  all_values <- numeric(prod(lengths(places$levels)))
  all_values[places$at] <- values
  sprintf("('{%s}'::float8[])[{idx}]", paste(sprintf("%.17g", all_values), collapse = ","))
}

# The stage {idx}: the number of a row's cell among all combinations of levels; NULL without
# discrete columns. Adds `levels` and `at`, the numbers of the cells, to the places.
index_cells <- function(places, questions, scope) {
  places$levels <- lapply(places$cells, unique)
  if (prod(lengths(places$levels)) > table_cells_max) {
    qst_abort("argument", sprintf(
      paste(
        "The factors have %s combinations of levels, more than a statement can hold.",
        "Leave out or join some, or read the columns with pg_read() and fit them."
      ), count_text(prod(lengths(places$levels)))
    ))
  }
  stride <- 1
  terms <- "1"
  places$at <- rep(1, nrow(places$cells))
  for (i in seq_along(places$cells)) {
    levels <- places$levels[[i]]
    code <- match(places$cells[[i]], levels) - 1
    places$at <- places$at + stride * code
    if (length(levels) > 1) {
      name <- questions$discrete[[i]]
      terms <- c(terms, case_sql(levels, sprintf("{g%d}", i), stride, name, scope))
    }
    stride <- stride * length(levels)
  }
  places$idx <- if (length(places$cells) > 0) c(idx = paste(terms, collapse = " + "))
  places
}

case_sql <- function(levels, value, stride, name, scope) {
  shown <- switch(scope$kinds[[name]],
    text = , enum = vapply(as.character(levels), function(level) sql_bind(scope, level), ""),
    logical = "",
    integer = sprintf("%.0f", levels),
    sql_number(levels)
  )
  if (scope$kinds[[name]] == "enum") {
    value <- paste0(value, "::text")
  }
  # postgres_fdw does not send a CASE that compares a boolean.
  if (is.logical(levels)) {
    shown <- sprintf(ifelse(levels, "%s", "NOT %s"), value)
    value <- ""
  }
  numbers <- stride * (seq_along(levels) - 1)
  sprintf("CASE %s %s END", value,
    paste(sprintf("WHEN %s THEN %.0f", shown, numbers), collapse = " "))
}

# The linear predictor of coefficients of centred columns.
linear_sql <- function(coefficients, design, places) {
  parts <- vapply(seq_len(max(design$carrier)), function(a) {
    of_a <- design$carrier == a
    values <- drop(design$z[, of_a, drop = FALSE] %*% coefficients[of_a])
    if (all(values == 0)) {
      return("")
    }
    paste0(cell_sql(values, places), if (a > 1) sprintf(" * {h%d}", a - 1))
  }, "")
  parts <- parts[nzchar(parts)]
  if (length(parts) == 0) "0::float8" else paste(parts, collapse = " + ")
}

# The quadratic form x'Mx of the centred columns.
quadratic_sql <- function(matrix, design, places) {
  parts <- apply(carrier_pairs(max(design$carrier)), 1, function(pair) {
    of_a <- design$carrier == pair[[1]]
    of_b <- design$carrier == pair[[2]]
    values <- rowSums((design$z[, of_a, drop = FALSE] %*% matrix[of_a, of_b, drop = FALSE]) *
      design$z[, of_b, drop = FALSE])
    values <- values * if (pair[[1]] == pair[[2]]) 1 else 2
    if (all(values == 0)) {
      return("")
    }
    h <- pair[pair > 1] - 1
    paste0(cell_sql(values, places), paste(sprintf(" * {h%d}", h), collapse = ""))
  })
  paste(parts[nzchar(parts)], collapse = " + ")
}

# ---- Answers by group ----

# Columns of sums as a matrix with the number of the cell and of the cluster unit of each row;
# `units` are the combinations of clusters. Rows of one cell and unit (of several partitions) are
# added; those of cells that are not in the design are left out.
grouped_sums <- function(result, plan, questions, places, clusters = FALSE) {
  n_by <- length(questions$discrete)
  n_clusters <- if (clusters) length(plan$clusters) else 0
  result <- named_groups(result, c(questions$discrete, plan$clusters)[seq_len(n_by + n_clusters)],
    plan$scope)
  cell <- match(row_key(result[seq_len(n_by)]), places$keys)
  unit_columns <- result[n_by + seq_len(n_clusters)]
  unit_key <- if (n_clusters > 0) row_key(unit_columns) else rep("", nrow(result))
  sums <- as.matrix(result[-seq_len(n_by + n_clusters)])
  if (n_by + n_clusters == 0) {
    sums <- as.matrix(result)
  }
  in_design <- !is.na(cell) & !is.na(sums[, 1])
  order <- order(unit_key, cell, method = "radix")
  order <- order[in_design[order]]
  both <- paste(cell, unit_key)[order]
  first <- order[!duplicated(both)]
  unit <- match(unit_key[first], unique(unit_key[first]))
  list(
    sums = unname(rowsum(sums[order, , drop = FALSE], both, reorder = FALSE)), cell = cell[first],
    unit = unit, units = unit_columns[first[!duplicated(unit)], , drop = FALSE]
  )
}
