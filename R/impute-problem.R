# From the arguments of impute() to what the core reads: which columns are completed, how, and
# given which others.

# Everything about the model that does not depend on m: `variables` and `data` as the core reads
# them, `columns` (facts about the columns of the data), `targets` (those to be completed),
# `method`, `predictors` (0/1, a row a target) and `log`.
impute_problem <- function(data, method, predictors, by, cluster, instrument, model = NULL) {
  plan <- if (is.null(instrument)) NULL else item_plan(instrument, data)
  columns <- lapply(data, read_column)
  groups <- list(
    by = grouping_columns(by, data, "by"), cluster = grouping_columns(cluster, data, "cluster")
  )
  model <- model_plan(model, columns, cluster, instrument)
  asked <- asked_methods(method, columns)
  method <- choose_methods(asked, columns, c(plan$never, groups$cluster))
  method <- compatible_methods(method, asked, model)
  targets <- names(method)[nzchar(method)]
  check_can_complete(columns[targets])
  pool <- predictor_pool(columns, method, groups, plan)
  sets <- predictor_sets(predictors, targets, pool, columns, plan)
  sets <- compatible_sets(sets, model)
  check_model_complete(model, columns, method)
  used <- used_variables(sets, targets, names(data), plan, c(model$outcome, model$covariates))
  check_finite(columns[intersect(used, names(columns))])
  check_parts(plan$scores[intersect(used, names(plan$scores))], pool)
  group <- group_codes(groups$by, data, columns[targets])
  list(
    variables = core_variables(used, columns, method, sets, plan),
    data = list(
      n_rows = as.double(nrow(data)), visits = visit_order(targets, used, columns),
      group = group, cluster = cluster_codes(groups$cluster, data),
      outcome = if (!is.null(model)) core_outcome(model, used, columns)
    ),
    columns = columns, targets = targets, method = method, groups = groups,
    predictors = set_matrix(sets, used), n_groups = groups_visited(columns[targets], group),
    log = rbind(
      problem_log(columns, method, pool, sets, groups, plan),
      if (!is.null(model)) compatible_log(model, method)
    ),
    items = plan
  )
}

# ---- Columns ----

# What a column is to imputation: `kind`, where it is missing, its values as doubles or as codes of
# the levels that occur (`used`: which levels these are).
read_column <- function(x) {
  kind <- column_kind(x)
  missing <- missing_cells(x)
  column <- list(
    kind = kind, class = class(x)[[1]], integer = is.integer(x), n = length(missing),
    n_missing = sum(missing)
  )
  if (kind == "number") {
    column$x <- as.double(unclass(x))
    if (sum(is.na(column$x)) < column$n_missing) {
      column$x[missing] <- NA
    }
    column$constant <- column$n_missing < column$n && is_constant(column$x)
  } else if (kind %in% c("logical", "factor", "ordered")) {
    codes <- if (kind == "logical") as.integer(x) + 1L else as.integer(x)
    column$levels <- if (kind == "logical") c("FALSE", "TRUE") else levels(x)
    column$used <- which(tabulate(codes, length(column$levels)) > 0)
    column$x <- match(codes, column$used)
    column$constant <- length(column$used) < 2
  }
  column$identifier <- is_identifier(column)
  column
}

# A matrix of one column, as scale() makes, is a number too.
column_kind <- function(x) {
  plain <- is.null(dim(x)) || (length(dim(x)) == 2 && ncol(x) == 1 && !is.data.frame(x))
  if (!plain || is.list(x)) {
    "other"
  } else if (is.ordered(x)) {
    "ordered"
  } else if (is.factor(x)) {
    "factor"
  } else if (is.logical(x)) {
    "logical"
  } else if (is.character(x)) {
    "character"
  } else if (typeof(x) %in% c("integer", "double") && has_number_class(x)) {
    "number"
  } else {
    "other"
  }
}

# Dates, times and 64-bit integers are stored as numbers but are not read as such.
has_number_class <- function(x) {
  !is.object(x) || inherits(x, c("haven_labelled", "labelled", "AsIs"))
}

# One logical a row. The codes that a labelled column declares as missing are read here, so that
# the answer does not depend on which packages are loaded.
missing_cells <- function(x) {
  if (is.data.frame(x) || length(dim(x)) == 2) {
    return(unname(rowSums(is.na(x)) > 0))
  }
  if (is.list(x) && !inherits(x, "POSIXlt")) {
    return(logical(length(x)))
  }
  if (!inherits(x, "haven_labelled")) {
    return(is.na(x))
  }
  plain <- as.vector(unclass(x))
  declared <- plain %in% attr(x, "na_values")
  range <- attr(x, "na_range")
  if (length(range) == 2) {
    declared <- declared | (!is.na(plain) & plain >= range[[1]] & plain <= range[[2]])
  }
  is.na(plain) | declared
}

# Without a copy of the column, as columns may be long.
is_constant <- function(x) {
  min(x, na.rm = TRUE) == max(x, na.rm = TRUE)
}

# Names or numbers of the rows: each level once, or whole numbers that follow each other in any
# order (few such numbers may be ranks).
is_identifier <- function(column) {
  if (is.null(column$x) || column$n_missing > 0 || column$n < 3) {
    return(FALSE)
  }
  if (column$kind != "number") {
    return(length(column$used) == column$n)
  }
  if (column$n < 10) {
    return(FALSE)
  }
  ends <- range(column$x)
  diff(ends) == column$n - 1 && all(column$x == floor(column$x)) && !anyDuplicated(column$x)
}

column_words <- function(column) {
  switch(column$kind,
    number = "numbers", logical = "logical", character = "character",
    factor = , ordered = sprintf(
      "%s with %d level%s", if (column$kind == "ordered") "an ordered factor" else "a factor",
      length(column$used), if (length(column$used) == 1) "" else "s"
    ),
    sprintf("of class %s", column$class)
  )
}

# ---- Methods ----

single_methods <- c("mean", "median", "sample", "norm.predict")

# What a column can be completed by; the first is the default.
methods_for <- function(column) {
  n_levels <- length(column$used)
  if (column$kind == "number") {
    c("pmm", "norm", single_methods)
  } else if (column$kind %in% c("character", "other")) {
    character()
  } else if (n_levels <= 2) {
    c("logreg", "polyreg", "polr", "sample")
  } else if (column$kind == "ordered") {
    c("polr", "polyreg", "sample")
  } else {
    c("polyreg", "polr", "sample")
  }
}

# One method a column by name: "" where nothing is completed. `asked`: as asked_methods() says;
# `never`: columns that stay as they are, whatever is said for all.
choose_methods <- function(asked, columns, never) {
  incomplete <- vapply(columns, function(column) column$n_missing > 0, NA)
  found <- Map(function(column, name, incomplete) {
    if (!incomplete || name %in% never) "" else column_method(asked[name], column, name)
  }, columns, names(columns), incomplete)
  vapply(found, identity, "")
}

# The methods asked for, by column; NA: not asked for.
asked_methods <- function(method, columns) {
  known <- c("pmm", "norm", "logreg", "polyreg", "polr", single_methods, "none", "")
  asked <- stats::setNames(rep(NA_character_, length(columns)), names(columns))
  if (is.null(method)) {
    return(asked)
  }
  if (!is.character(method) || anyNA(method) || (is.null(names(method)) && length(method) != 1)) {
    qst_abort("argument", sprintf(paste(
      "`method` must be one method for all columns, or methods named by column, as in",
      "c(age = \"pmm\", sex = \"logreg\"), not %s."
    ), describe(method)))
  }
  unknown <- setdiff(method, known)
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "`method`: there is no method %s.%s The methods are %s.%s", describe(unknown[[1]]),
      nearest(unknown[[1]], known[nzchar(known)]),
      enumerate(known[nzchar(known)], " or ", most = Inf),
      if (startsWith(unknown[[1]], "2l.")) " For clusters give `cluster = `." else ""
    ), value = unknown[[1]])
  }
  if (is.null(names(method))) {
    asked[] <- method
  } else {
    asked[check_column_names(names(method), columns, "method")] <- method
  }
  asked
}

# Names of columns, each once.
check_column_names <- function(given, columns, arg) {
  unknown <- setdiff(given, names(columns))
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "`%s`: there is no column %s in the data.%s", arg, enumerate(unknown),
      suggest(unknown[[1]], names(columns))
    ), column = unknown)
  }
  if (anyDuplicated(given)) {
    qst_abort("argument", sprintf(
      "`%s` names `%s` twice. Name each column once.", arg, given[[anyDuplicated(given)]]
    ), column = given[[anyDuplicated(given)]])
  }
  given
}

# The method of an incomplete column.
column_method <- function(asked, column, name) {
  if (asked %in% c("", "none")) {
    return("")
  }
  possible <- methods_for(column)
  if (length(possible) == 0) {
    abort_not_imputable(column, name)
  }
  if (is.na(asked)) {
    return(if (isTRUE(column$constant)) "constant" else possible[[1]])
  }
  if (!asked %in% possible) {
    qst_abort("argument", sprintf(
      paste(
        "`method`: `%s` is %s, which \"%s\" cannot complete. It can be %s; to choose for some",
        "columns only, name them: method = c(%s = \"%s\")."
      ), name, column_words(column), asked, enumerate(possible, " or ", most = Inf),
      name_text(name), possible[[1]]
    ), column = name, value = asked)
  }
  if (isTRUE(column$constant)) "constant" else unname(asked)
}

name_text <- function(name) {
  if (make.names(name) == name) name else sprintf("`%s`", name)
}

abort_not_imputable <- function(column, name) {
  cure <- if (column$kind == "character") {
    sprintf("Make it a factor if its texts are categories: data$%s <- factor(data$%s)",
      name_text(name), name_text(name))
  } else {
    "Make it a number, a factor or a logical"
  }
  qst_abort("argument", sprintf(
    "`%s` is %s and has %s, which cannot be imputed. %s; or leave it as it is: %s.",
    name, column_words(column), count_words(column$n_missing, "missing value"), cure,
    sprintf("method = c(%s = \"none\")", name_text(name))
  ), column = name)
}

# ---- Can it be done? ----

check_can_complete <- function(columns) {
  for (name in names(columns)) {
    column <- columns[[name]]
    if (column$n_missing == column$n) {
      qst_abort("no_data", sprintf(paste(
        "`%s` has no observed value in %d row%s, so nothing says what the missing ones are.",
        "Leave the column out of the data, or as it is: method = c(%s = \"none\")."
      ), name, column$n, if (column$n == 1) "" else "s", name_text(name)), column = name)
    }
  }
}

check_finite <- function(columns) {
  for (name in names(columns)) {
    x <- columns[[name]]$x
    suspect <- is.double(x) && !is.finite(sum(x, na.rm = TRUE))
    row <- if (suspect) match(TRUE, is.infinite(x)) else NA
    if (!is.na(row)) {
      qst_abort("range", sprintf(paste(
        "`%s` is %s in row %d. A model needs finite numbers: correct it, or make it NA to have it",
        "imputed."
      ), name, describe(x[[row]]), row), row = row, column = name, value = x[[row]])
    }
  }
}

# A total follows its items, so all of them must be complete or completed.
check_parts <- function(scores, pool) {
  for (name in names(scores)) {
    open <- Filter(function(part) pool[[part]] == "incomplete", scores[[name]]$parts)
    if (length(open) > 0) {
      qst_abort("argument", sprintf(paste(
        "`%s` is left incomplete but is part of the total `%s`. Give it a method, or take it out",
        "of the instrument."
      ), open[[1]], name), column = open[[1]])
    }
  }
}

# ---- Groups and clusters ----

# Names of columns from ~ a + b or from themselves.
grouping_columns <- function(x, data, arg) {
  if (is.null(x)) {
    return(NULL)
  }
  if (inherits(x, "formula")) {
    if (length(x) != 2) {
      qst_abort("argument", sprintf("`%s` must be one-sided: ~ column.", arg))
    }
    x <- all.vars(x)
  }
  if (!is.character(x) || length(x) == 0) {
    qst_abort("argument", sprintf(
      "`%s` must be ~ column or names of columns, not %s.", arg, describe(x)
    ))
  }
  check_columns(data, unique(x), arg)
}

group_codes <- function(by, data, targets) {
  if (is.null(by)) {
    return(NULL)
  }
  labels <- row_labels(by, data, "by")
  row <- match(NA, labels)
  if (!is.na(row)) {
    without <- by[vapply(unclass(data)[by], function(x) missing_cells(x)[[row]], NA)][[1]]
    qst_abort("argument", sprintf(paste(
      "`by`: %s is missing in row %d, so it is not known in which group the row is to be",
      "completed. Complete it, leave the row out, or leave `by` out and have it imputed."
    ), enumerate(without), row), row = row, column = without)
  }
  known <- unique(labels)
  codes <- match(labels, known)
  for (name in names(targets)) {
    empty <- which(tabulate(codes[!is.na(targets[[name]]$x)], length(known)) == 0)
    if (length(empty) > 0) {
      abort_empty_group(name, by, known[[empty[[1]]]])
    }
  }
  codes
}

abort_empty_group <- function(name, by, level) {
  qst_abort("no_data", sprintf(paste(
    "`%s` has no observed value where %s is %s, so it cannot be completed there by itself. Leave",
    "`by` out or join groups; where `%s` does not exist for a group, leave it as it is:",
    "method = c(%s = \"none\")."
  ), name, enumerate(by), describe(level), name, name_text(name)), column = name, value = level)
}

# In how many groups each target has missing values.
groups_visited <- function(targets, group) {
  vapply(targets, function(column) {
    if (is.null(group)) 1 else as.double(length(unique(group[is.na(column$x)])))
  }, 0)
}

# A row without a cluster is on its own.
cluster_codes <- function(cluster, data) {
  if (is.null(cluster)) {
    return(NULL)
  }
  labels <- row_labels(cluster, data, "cluster")
  match(labels, unique(labels[!is.na(labels)]))
}

# ---- Predictors ----

# Why a column is in no set of predictors by default; "" where it is in all of them.
predictor_pool <- function(columns, method, groups, plan) {
  reasons <- Map(function(column, name) {
    if (name %in% groups$by) {
      "by"
    } else if (name %in% groups$cluster) {
      "cluster"
    } else if (column$kind %in% c("character", "other")) {
      column$kind
    } else if (name %in% plan$never) {
      "never"
    } else if (column$n_missing > 0 && !nzchar(method[[name]])) {
      "incomplete"
    } else if (column$constant) {
      "constant"
    } else if (column$identifier) {
      "identifier"
    } else {
      ""
    }
  }, columns, names(columns))
  vapply(reasons, identity, "")
}

# The names of the predictors of each target.
predictor_sets <- function(predictors, targets, pool, columns, plan) {
  usable <- names(pool)[pool == ""]
  asked <- asked_predictors(predictors, targets, columns, pool, plan)
  items <- names(plan$predictors)
  outside <- if (is.null(plan$outside)) names(plan$scores) else plan$outside
  stats::setNames(lapply(targets, function(target) {
    if (isTRUE(columns[[target]]$constant)) {
      return(character())
    }
    if (!is.null(asked[[target]])) {
      return(asked[[target]])
    }
    scale <- if (target %in% items) plan$predictors[[target]] else outside
    setdiff(c(setdiff(usable, items), intersect(scale, c(usable, names(plan$scores)))), target)
  }), targets)
}

# `predictors` as a list of names; those not usable are an error.
asked_predictors <- function(predictors, targets, columns, pool, plan) {
  if (is.null(predictors)) {
    return(list())
  }
  sets <- if (is.matrix(predictors)) {
    matrix_sets(predictors, columns, plan)
  } else {
    listed_sets(predictors, columns)
  }
  for (target in intersect(names(sets), targets)) {
    check_predictors(sets[[target]], target, columns, pool, plan)
  }
  sets
}

matrix_sets <- function(predictors, columns, plan) {
  known <- c(columns, plan$scores)
  if (is.null(rownames(predictors)) || is.null(colnames(predictors))) {
    qst_abort("argument", paste(
      "`predictors` is a matrix without names. Its rows must be named by the columns to be",
      "completed, its columns by their predictors."
    ))
  }
  check_column_names(rownames(predictors), columns, "predictors")
  check_column_names(colnames(predictors), known, "predictors")
  bad <- which(!predictors %in% c(0, 1))
  if (length(bad) > 0) {
    at <- arrayInd(bad[[1]], dim(predictors))
    qst_abort("argument", sprintf(paste(
      "`predictors` has %s where 0 or 1 must stand (row `%s`, column `%s`). For clusters give",
      "`cluster = `."
    ), describe(predictors[[bad[[1]]]]), rownames(predictors)[[at[[1]]]],
    colnames(predictors)[[at[[2]]]]), value = predictors[[bad[[1]]]])
  }
  targets <- rownames(predictors)
  stats::setNames(lapply(targets, function(target) {
    setdiff(colnames(predictors)[predictors[target, ] == 1], target)
  }), targets)
}

listed_sets <- function(predictors, columns) {
  if (!is.list(predictors) || is.data.frame(predictors) || is.null(names(predictors))) {
    qst_abort("argument", sprintf(paste(
      "`predictors` must be a list named by columns to be completed, as in",
      "list(bmi = c(\"age\", \"sex\")), or a matrix of 0 and 1 with names, not %s."
    ), describe(predictors)))
  }
  check_column_names(names(predictors), columns, "predictors")
  lapply(predictors, function(set) if (is.null(set)) character() else set)
}

check_predictors <- function(set, target, columns, pool, plan) {
  if (!is.character(set)) {
    qst_abort("argument", sprintf(
      "`predictors`: for `%s` names of columns are needed, not %s.", target, describe(set)
    ), column = target)
  }
  check_column_names(set, c(columns, plan$scores), sprintf("predictors$%s", name_text(target)))
  if (target %in% set) {
    qst_abort("argument", sprintf(
      "`predictors`: `%s` cannot predict itself. Leave it out of its own predictors.", target
    ), column = target)
  }
  unusable <- set[pool[set] %in% c("character", "other", "never", "incomplete")]
  if (length(unusable) > 0) {
    name <- unusable[[1]]
    why <- if (pool[[name]] %in% c("incomplete", "never")) {
      "it keeps its missing values. Give it a method."
    } else {
      sprintf(
        "it is %s. Make it a number or a factor, or leave it out.", column_words(columns[[name]])
      )
    }
    qst_abort("argument", sprintf(
      "`predictors`: `%s` cannot predict `%s`: %s", name, target, why
    ), column = name)
  }
}

# Columns in their order, then scores: what is completed, what predicts it, and parts of scores.
used_variables <- function(sets, targets, columns, plan, modelled = NULL) {
  named <- unique(c(targets, unlist(sets), modelled))
  scores <- intersect(names(plan$scores), named)
  parts <- unlist(lapply(plan$scores[scores], `[[`, "parts"))
  used <- c(intersect(columns, c(named, parts)), scores)
  if (length(used) > 4096) {
    qst_abort("dimension", sprintf(paste(
      "%s variables take part; up to 4096 can. Leave columns out of `data`, or name fewer",
      "`predictors`."
    ), count_text(length(used))))
  }
  used
}

set_matrix <- function(sets, used) {
  t(vapply(sets, function(set) as.integer(used %in% set), integer(length(used)))) |>
    matrix(length(sets), length(used), dimnames = list(names(sets), used))
}

# ---- For the core ----

# The least incomplete first: with a monotone pattern one cycle is then enough (van Buuren 2018,
# Flexible Imputation of Missing Data, section 4.3).
visit_order <- function(targets, used, columns) {
  n_missing <- vapply(columns[targets], `[[`, 0L, "n_missing")
  match(targets[order(n_missing)], used)
}

core_variables <- function(used, columns, method, sets, plan) {
  stats::setNames(lapply(used, function(name) {
    score <- plan$scores[[name]]
    column <- columns[[name]]
    limits <- plan$limits[[name]]
    list(
      x = column$x, n_levels = length(column$used),
      method = if (is.null(score)) core_method(method[[name]]) else "score",
      predictors = match(sets[[name]], used),
      limits = if (is.null(limits)) rep(NA_real_, 3) else as.double(limits),
      constant = if (is.null(score)) 0 else as.double(score$constant),
      parts = match(score$parts, used), weights = as.double(score$weights)
    )
  }), used)
}

# A constant is drawn from its one value.
core_method <- function(method) {
  if (method == "constant") {
    "sample"
  } else if (method == "") {
    "none"
  } else {
    method
  }
}
