# Reading the call of a model: its variables, rows, weights, offset and clusters.

check_model_data <- function(formula, data) {
  if (!inherits(formula, "formula") || length(formula) != 3) {
    qst_abort("argument", sprintf(
      "`formula` must have two sides, as in y ~ x, not %s.%s",
      if (inherits(formula, "formula")) deparse1(formula) else describe(formula),
      if (is.data.frame(formula)) " It comes before `data`." else ""
    ))
  }
  refuse_imputations(
    data, "data", "fits one data frame", "Fit each and pool the fits: pool(with(imp, ...))."
  )
  if (inherits(data, "mids")) {
    qst_abort("argument", "`data` are imputations of mice. Give as_imputations(data).")
  }
  if (is.data.frame(data) || !(is.environment(data) || is.list(data))) {
    check_data_frame(data)
  }
}

# The arguments of a call that are evaluated in the data, unevaluated; NULL
# where one is not given.
frame_expressions <- function(call) {
  names <- c("weights", "offset", "subset", "cluster")
  stats::setNames(as.list(call)[names], names)
}

# The model frame: what stats::model.frame() makes of the same call, without
# copying a column that is complete (copies take longer than the fit), and with
# levels that have no rows dropped and noted. `expressions` are the calls of
# weights, offset, subset and cluster. Clusters become an attribute.
model_frame <- function(formula, data, expressions, na_action, threads) {
  terms <- formula_terms(formula, data)
  columns <- formula_variables(terms, data)
  predvars <- safe_predvars(terms, columns)
  columns <- lapply(columns, without_time)
  columns <- c(columns, model_extras(expressions, data, environment(formula)))
  row_names <- frame_row_names(columns, data)
  check_variables(columns, data)
  rows <- chosen_rows(expressions$subset, data, environment(formula), row_names, NROW(columns[[1]]))
  frame <- as_frame(columns, row_names, rows)
  attr(terms, "predvars") <- predvars
  attr(frame, "terms") <- terms
  scan <- scan_columns(frame, threads)
  kept <- leave_out_missing(frame, na_action_of(na_action, data), any(scan$missing))
  if (length(attr(kept, "row.names")) < length(attr(frame, "row.names"))) {
    scan <- scan_columns(kept, threads)
  }
  frame <- kept
  if (length(attr(frame, "row.names")) == 0) {
    qst_abort("no_data", sprintf(
      "No row is left of the %d: %s. Check `subset` and missing values.", NROW(columns[[1]]),
      if (is.null(attr(frame, "na.action"))) "`subset` chose none" else "all have missing values"
    ))
  }
  frame <- split_clusters(drop_empty_levels(frame, scan$empty))
  attr(attr(frame, "terms"), "dataClasses") <- vapply(frame, stats::.MFclass, "")
  frame
}

formula_terms <- function(formula, data) {
  if (inherits(formula, "terms")) {
    return(formula)
  }
  tryCatch(
    stats::terms(formula, data = data),
    error = function(e) qst_abort("argument", sprintf("`formula`: %s.", conditionMessage(e)))
  )
}

# ---- Variables ----

# The variables of the formula, evaluated where lm() evaluates them.
formula_variables <- function(terms, data) {
  variables <- attr(terms, "variables")
  wanted <- attr(terms, "predvars")
  columns <- tryCatch(
    eval(if (is.null(wanted)) variables else wanted, data, environment(terms)),
    error = function(e) variable_abort(terms, data, e)
  )
  names(columns) <- vapply(as.list(variables)[-1], expression_text, "")
  columns
}

expression_text <- function(x) {
  if (is.symbol(x)) as.character(x) else deparse1(x, width.cutoff = 500L)
}

# eval() would only say "object 'x' not found".
variable_abort <- function(terms, data, error) {
  if (grepl("object '.*' not found", conditionMessage(error))) {
    check_known_variables(terms, if (is.environment(data)) character() else names(data))
  }
  qst_abort("argument", sprintf(
    "`formula`: a variable cannot be made: %s. Correct the formula or the data.",
    sub("[.]$", "", conditionMessage(error))
  ))
}

check_known_variables <- function(formula, columns, arg = "formula") {
  wanted <- setdiff(all.vars(formula), c(columns, "."))
  found <- vapply(wanted, exists, logical(1), envir = environment(formula))
  if (!all(found)) {
    missing <- wanted[!found]
    cure <- if (length(columns) > 0) suggest(missing[[1]], columns) else " Was `data` forgotten?"
    qst_abort("argument", sprintf(
      "`%s`: there is no variable %s in the data.%s", arg, enumerate(missing), cure
    ), column = missing)
  }
}

# As model.frame(): how to make poly(), ns(), scale() and so on of new data.
safe_predvars <- function(terms, columns) {
  predvars <- attr(terms, "predvars")
  if (is.null(predvars)) {
    predvars <- attr(terms, "variables")
    for (i in seq_along(columns)) {
      predvars[[i + 1L]] <- stats::makepredictcall(columns[[i]], predvars[[i + 1L]])
    }
  }
  predvars
}

# A time series is its values, as in model.frame().
without_time <- function(x) {
  if (!is.null(attr(x, "tsp"))) {
    attr(x, "tsp") <- NULL
    class(x) <- setdiff(oldClass(x), "ts")
  }
  x
}

# Weights, offset and clusters, evaluated in the data; named "(weights)" and so on.
model_extras <- function(expressions, data, envir) {
  values <- lapply(c(weights = "weights", offset = "offset"), function(name) {
    evaluate_argument(expressions[[name]], name, data, envir)
  })
  names(values) <- c("(weights)", "(offset)")
  c(
    values[!vapply(values, is.null, logical(1))],
    cluster_columns(evaluate_argument(expressions$cluster, "cluster", data, envir), data)
  )
}

evaluate_argument <- function(expression, name, data, envir) {
  if (is.null(expression)) {
    return(NULL)
  }
  tryCatch(eval(expression, data, envir), error = function(e) {
    qst_abort("argument", sprintf(
      "`%s` cannot be evaluated: %s.", name, sub("[.]$", "", conditionMessage(e))
    ), column = name)
  })
}

# Clusters as a formula (~ group, ~ a + b), a vector or a list of vectors.
cluster_columns <- function(cluster, data) {
  if (is.null(cluster)) {
    return(NULL)
  }
  if (inherits(cluster, "formula")) {
    check_known_variables(
      cluster, if (is.environment(data)) character() else names(data), "cluster"
    )
    cluster <- formula_variables(stats::terms(cluster), data)
  } else if (!is.list(cluster)) {
    cluster <- list(cluster = cluster)
  }
  stats::setNames(as.list(cluster), sprintf("(cluster) %s", names(cluster)))
}

split_clusters <- function(frame) {
  is_cluster <- startsWith(names(frame), "(cluster) ")
  if (!any(is_cluster)) {
    return(frame)
  }
  cluster <- .subset(frame, is_cluster)
  names(cluster) <- sub("(cluster) ", "", names(cluster), fixed = TRUE)
  kept <- attributes(frame)
  kept$names <- kept$names[!is_cluster]
  kept$cluster <- as_frame(cluster, attr(frame, "row.names"), NULL)
  frame <- .subset(frame, !is_cluster)
  attributes(frame) <- kept
  frame
}

# Names of rows as data frames keep them: NULL or a short form for 1 .. n.
frame_row_names <- function(columns, data) {
  if (is.data.frame(data)) {
    return(.row_names_info(data, 0L))
  }
  response <- columns[[1]]
  if (is.matrix(response)) rownames(response) else names(response)
}

check_variables <- function(columns, data) {
  for (name in names(columns)) {
    check_variable_type(columns[[name]], name)
  }
  lengths <- vapply(columns, NROW, numeric(1))
  n <- if (is.data.frame(data)) nrow(data) else lengths[[1]]
  wrong <- which(lengths != n)
  if (length(wrong) > 0) {
    names <- sub("^[(](weights|offset|cluster)[)].*", "\\1", names(columns)[c(wrong[[1]], 1)])
    qst_abort("argument", sprintf(
      "Variable lengths differ: `%s` has %s values, %s %s. Take all of them from one data frame.",
      names[[1]], lengths[[wrong[[1]]]],
      if (is.data.frame(data)) "the data have" else paste0("`", names[[2]], "` has"), n
    ), column = names[[1]])
  }
  if (anyDuplicated(names(data)) > 0) {
    check_single_columns(names(columns), names(data))
  }
}

check_single_columns <- function(wanted, columns) {
  twice <- intersect(wanted, columns[duplicated(columns)])
  if (length(twice) > 0) {
    qst_abort("argument", sprintf(
      "The data have several columns %s. Rename all but one.", enumerate(twice)
    ), column = twice)
  }
}

check_variable_type <- function(x, name) {
  if (is.numeric(x) || is.logical(x) || is.factor(x) || is.character(x)) {
    return(invisible(x))
  }
  is_time <- is.double(x) || is.integer(x)
  if (is_time && !inherits(x, "integer64")) {
    return(invisible(x))
  }
  kind <- if (is.function(x)) {
    "a function, so the data have no variable of that name"
  } else if (is.null(x)) {
    "NULL, so the data have no variable of that name"
  } else {
    sprintf("%s, not numbers, a factor or text", describe(x))
  }
  qst_abort("argument", sprintf(
    "Variable `%s` is %s. Correct the formula or the data.", name, kind
  ), column = name)
}

# ---- Rows ----

# Numbers of the rows that `subset` chooses, NULL for all. NA chooses none.
chosen_rows <- function(subset, data, envir, row_names, n) {
  chosen <- evaluate_argument(subset, "subset", data, envir)
  if (is.null(chosen)) {
    return(NULL)
  }
  if (is.logical(chosen)) {
    if (length(chosen) != n) {
      qst_abort("argument", sprintf(
        "`subset` has %d values for %d rows. Use a condition on the data's columns.",
        length(chosen), n
      ))
    }
    return(which(chosen))
  }
  if (is.character(chosen)) {
    chosen <- match(chosen, row_names)
  }
  if (!is.numeric(chosen) || anyNA(chosen) || any(abs(chosen) > n)) {
    qst_abort("argument", sprintf(
      "`subset` must be a condition, or numbers or names of the %d rows, not %s.", n,
      describe(chosen)
    ))
  }
  seq_len(n)[chosen]
}

as_frame <- function(columns, row_names, rows) {
  n <- NROW(columns[[1]])
  compact <- length(row_names) != n
  if (is.null(rows)) {
    row_names <- if (compact) .set_row_names(n) else row_names
  } else {
    columns <- lapply(columns, take_rows, rows)
    row_names <- if (compact) rows else row_names[rows]
    if (is.unsorted(rows, strictly = TRUE) && anyDuplicated(rows) > 0) {
      row_names <- make.unique(as.character(row_names))
    }
  }
  attributes(columns) <- list(names = names(columns), class = "data.frame", row.names = row_names)
  columns
}

take_rows <- function(x, rows) {
  if (is.matrix(x)) x[rows, , drop = FALSE] else x[rows]
}

na_action_of <- function(na_action, data) {
  if (is.null(na_action)) {
    stored <- attr(data, "na.action")
    na_action <- if (is.null(stored) || is.numeric(stored)) getOption("na.action") else stored
  }
  if (is.null(na_action)) {
    stats::na.pass
  } else if (identical(na_action, "na.omit")) {
    stats::na.omit
  } else {
    match.fun(na_action)
  }
}

# What `na_action` makes of the frame. The usual ones are done here, because
# stats copies all columns even if nothing is missing.
leave_out_missing <- function(frame, na_action, any_missing) {
  kind <- if (identical(na_action, stats::na.omit)) {
    "omit"
  } else if (identical(na_action, stats::na.exclude)) {
    "exclude"
  } else if (identical(na_action, stats::na.fail)) {
    "fail"
  }
  if (is.null(kind)) {
    kept <- tryCatch(na_action(frame), error = function(e) {
      qst_abort("argument", sprintf("`na.action`: %s.", conditionMessage(e)))
    })
    return(keep_attributes(kept, frame))
  }
  if (!any_missing) {
    return(frame)
  }
  out <- which(!stats::complete.cases(frame))
  if (kind == "fail") {
    row <- attr(frame, "row.names")[[out[[1]]]]
    qst_abort("argument", sprintf(
      "There are missing values in %d row%s, the first in row %s, and `na.action` is na.fail.",
      length(out), if (length(out) == 1) "" else "s", row
    ), row = out[[1]])
  }
  names(out) <- attr(frame, "row.names")[out]
  class(out) <- kind
  rows <- seq_along(attr(frame, "row.names"))[-out]
  kept <- as_frame(.subset(frame, seq_along(frame)), .row_names_info(frame, 0L), rows)
  attr(kept, "terms") <- attr(frame, "terms")
  attr(kept, "na.action") <- out
  keep_attributes(kept, frame)
}

# Contrasts of factors, coefficients of poly() and so on outlive missing rows.
keep_attributes <- function(kept, frame) {
  for (i in seq_along(kept)) {
    wanted <- attributes(frame[[i]])
    wanted <- wanted[setdiff(names(wanted), c("names", "dim", "dimnames"))]
    lost <- setdiff(names(wanted), names(attributes(kept[[i]])))
    for (name in lost) {
      attr(kept[[i]], name) <- wanted[[name]]
    }
  }
  kept
}

# Which columns have missing values, and the empty levels of each factor.
scan_columns <- function(frame, threads) {
  is_text <- vapply(frame, is.character, logical(1))
  is_factor <- vapply(frame, is.factor, logical(1))
  missing <- logical(length(frame))
  missing[is_text] <- vapply(.subset(frame, is_text), anyNA, logical(1))
  found <- .Call(C_qstr_columns_scan, .subset(frame, !is_text), threads)
  missing[!is_text] <- found$missing
  factors <- .subset(frame, is_factor)
  ends <- cumsum(vapply(factors, nlevels, integer(1)))
  empty <- Map(function(column, end) {
    levels <- levels(column)
    levels[!found$seen[end - length(levels) + seq_along(levels)]]
  }, factors, ends)
  list(missing = missing, empty = empty[lengths(empty) > 0])
}

drop_empty_levels <- function(frame, empty) {
  notes <- character()
  for (name in names(empty)) {
    column <- frame[[name]]
    # As model.frame() does it: contrasts set on the factor do not outlive a level.
    levels <- setdiff(levels(column), empty[[name]])
    frame[[name]] <- factor(column, levels, ordered = is.ordered(column))
    notes <- c(notes, sprintf(
      "No rows with %s at %s: left out.", name, enumerate(empty[[name]])
    ))
  }
  attr(frame, "notes") <- notes
  frame
}

# ---- Columns, weights and offset ----

model_columns <- function(terms, frame, contrasts) {
  design <- model_design(terms, frame, contrasts)
  if (length(attr(design, "columns")) == 0) {
    qst_abort("argument", "`formula` has no term on its right side. Use y ~ 1 for a mean.")
  }
  design
}

frame_weights <- function(frame) {
  weights <- .subset2(frame, "(weights)")
  if (is.null(weights)) {
    return(NULL)
  }
  if (!is.numeric(weights) || is.matrix(weights)) {
    qst_abort("argument", sprintf(
      "`weights` must be a vector of numbers, not %s.", describe(weights)
    ))
  }
  if (!(min(weights) >= 0 && max(weights) < Inf)) {
    bad <- which(!(is.finite(weights) & weights >= 0))
    qst_abort("argument", sprintf(
      "`weights` is %s in row %s; weights are finite and not below 0.",
      format(weights[[bad[[1]]]]), row.names(frame)[[bad[[1]]]]
    ), row = bad[[1]], value = weights[[bad[[1]]]])
  }
  as.double(weights)
}

# The offset() terms of the formula and the argument, added up; NULL without.
frame_offset <- function(frame) {
  places <- attr(attr(frame, "terms"), "offset")
  parts <- c(.subset(frame, places), list(.subset2(frame, "(offset)")))
  parts <- parts[!vapply(parts, is.null, logical(1))]
  if (length(parts) == 0) {
    return(NULL)
  }
  numeric <- vapply(parts, function(x) is.numeric(x) && NCOL(x) == 1, logical(1))
  if (!all(numeric)) {
    qst_abort("argument", sprintf(
      "The offset must be a vector of numbers, not %s.", describe(parts[!numeric][[1]])
    ))
  }
  shift <- Reduce(`+`, lapply(parts, as.double))
  if (!all(is.finite(range(shift)))) {
    bad <- which(!is.finite(shift))
    qst_abort("argument", sprintf(
      "The offset is %s in row %s; it must be finite.",
      format(shift[[bad[[1]]]]), row.names(frame)[[bad[[1]]]]
    ), row = bad[[1]], value = shift[[bad[[1]]]])
  }
  shift
}
