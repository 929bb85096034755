# What is computed in every completed data set: scores, and columns made from columns.

#' @rdname score
#' @export
score.imputations <- function(data, instrument, scale = NULL, columns = NULL, name = NULL, ...) {
  check_no_dots(...)
  chosen <- imputed_instrument(data, instrument, columns)
  scale <- check_scale(chosen$instrument, scale)
  add_scores(data, chosen, scale, columns, name)
}

#' @rdname score
#' @export
scores.imputations <- function(data, instrument = NULL, columns = NULL, name = NULL, ...) {
  check_no_dots(...)
  known <- names(data$items$items)
  if (is.null(instrument) && identical(known, "")) {
    instrument <- data$items$items[[1]]
  }
  if (!is.null(instrument)) {
    chosen <- imputed_instrument(data, instrument, columns)
    return(add_scores(data, chosen, names(chosen$instrument$scales), columns, name))
  }
  if (length(known) == 0 || !is.null(columns) || !is.null(name)) {
    qst_abort("argument", paste(
      "`instrument` must say what is scored:",
      "without it only the instruments of impute(instrument = ) are, under their own names."
    ))
  }
  for (one in known) {
    data <- scores(data, one)
  }
  data
}

#' Compute columns in every completed data set
#'
#' `transform()` for [imputations][impute]: each expression is computed in every
#' completed data set, and its value becomes a column: a change score,
#' `transform(imp, change = t1_total - t0_total)`, a sum, a category. As in
#' [base::transform()] the expressions see the columns of the data and not one
#' another.
#'
#' A value counts as observed where it can be computed from the data as they
#' were and is the same in all completed data sets; elsewhere it counts as
#' imputed. So a change score is imputed where either score was, and a column
#' less its mean is imputed everywhere, because the mean differs between
#' imputations. (In mice such a column is made by `complete()` into the long
#' form and `as.mids()` back, where a value that was made from imputed ones is
#' taken for observed.)
#'
#' Columns made after imputation did not help to impute: a model with a
#' product or a square of imputed variables, made here, is biased towards no
#' interaction (von Hippel 2009; Seaman, Bartlett & White 2012). Impute by arm
#' (`by = ~ arm`) when the model has products with the arm.
#'
#' @param _data [Imputations][impute].
#' @param ... Expressions with names: `name = expression`. Values are one a
#'   row, or one for all.
#' @return The imputations with the new columns; a column that exists is
#'   replaced.
#' @section Errors:
#' `questrial_error_argument` for an expression without a name or whose value is no
#' column, or factors whose levels differ between imputations;
#' `questrial_error_dimension` for values of another length.
#' @references
#' Seaman SR, Bartlett JW, White IR (2012) Multiple imputation of missing covariates with non-linear
#' effects and interactions: an evaluation of statistical methods. BMC Medical Research Methodology
#' 12:46. \doi{10.1186/1471-2288-12-46}
#'
#' von Hippel PT (2009) How to impute interactions, squares, and other transformed variables.
#' Sociological Methodology 39:265-291. \doi{10.1111/j.1467-9531.2009.01215.x}
#' @seealso [score()] for scores of questionnaires.
#' @examples
#' visits <- data.frame(before = c(10, 12, NA, 9), after = c(12, NA, 14, 13))
#' both <- carry_forward(visits, c("before", "after"))
#' transform(both, change = after - before)[[1]]
#' @export
transform.imputations <- function(`_data`, ...) {
  expressions <- substitute(list(...))
  envir <- parent.frame()
  names <- names(expressions)[-1]
  if (length(expressions) > 1 && (is.null(names) || !all(nzchar(names)))) {
    qst_abort("argument",
      "Each expression needs a name: transform(imp, change = after - before).")
  }
  compute <- function(data) eval(expressions, data, envir)
  completed <- lapply(seq_len(`_data`$m), function(i) compute(`_data`[[i]]))
  # With missing values among its arguments an expression may fail, or warn.
  original <- tryCatch(suppressWarnings(compute(`_data`$data)), error = function(e) NULL)
  n <- nrow(`_data`$data)
  for (name in names) {
    values <- lapply(completed, function(values) whole_column(values[[name]], name, n))
    `_data` <- set_column(`_data`, name, original[[name]], values)
  }
  `_data`
}

# ---- Which instrument, which column ----

# `instrument`, with the name it has among those of impute(instrument = ) as `prefix`. Its id
# will do for a name, unless it was given more than once or `columns` are.
imputed_instrument <- function(imp, instrument, columns) {
  known <- imp$items$items
  if (is_text(instrument) && length(known) > 0) {
    ids <- vapply(known, function(x) x$id, "")
    at <- which(names(known) == instrument)
    if (length(at) == 0 && is.null(columns)) {
      at <- which(ids %in% instrument)
    }
    if (length(at) > 1) {
      qst_abort("argument", sprintf(
        "`instrument`: %s was imputed as %s. Name one of them.",
        describe(instrument), enumerate(names(known)[at])
      ), value = instrument)
    }
    if (length(at) == 1) {
      return(list(instrument = known[[at]], prefix = names(known)[[at]]))
    }
  }
  list(instrument = as_instrument(instrument), prefix = "")
}

add_scores <- function(imp, chosen, scales, columns, name) {
  if (is.null(name)) {
    name <- total_names(chosen$prefix, scales)
  }
  check_new_names(name, imp$data, length(scales))
  for (i in seq_along(scales)) {
    imp <- add_score(imp, name[[i]], chosen$instrument, scales[[i]], columns)
  }
  imp
}

# What the scores of an occasion are called.
total_names <- function(occasion, scales) {
  paste0(if (nzchar(occasion)) paste0(occasion, "_"), scales)
}

check_new_names <- function(name, data, n) {
  check_names(name, "name")
  if (length(name) != n) {
    qst_abort("dimension", sprintf(
      "`name` has %d name%s, but there are %d scores. Give a name to each.",
      length(name), if (length(name) == 1) "" else "s", n
    ))
  }
  there <- intersect(name, names(data))
  if (length(there) > 0) {
    qst_abort("argument", sprintf(
      "The data have a column %s already. Say with `name` what the score is to be called.",
      enumerate(there)
    ), column = there)
  }
}

# Rows with an imputed item are scored once an imputation, the others once.
add_score <- function(imp, name, instrument, scale, columns) {
  x <- score(imp$data, instrument, scale, columns)
  items <- item_columns(imp$data, instrument, columns)[instrument$scales[[scale]]$items]
  drawn <- intersect(items, names(imp$imputed))
  rows <- which(Reduce(`|`, lapply(unclass(imp$data)[drawn], is.na), rep(FALSE, length(x))))
  x[rows] <- NA
  if (length(rows) == 0) {
    return(put_column(imp, name, x, NULL))
  }
  completed <- lapply(unclass(imp$data)[items], function(item) rep(item[rows], imp$m))
  for (item in drawn) {
    completed[[item]][is.na(completed[[item]])] <- as.vector(imp$imputed[[item]])
  }
  completed <- as.data.frame(completed, optional = TRUE)
  scored <- matrix(NA_real_, sum(is.na(x)), imp$m)
  scored[match(rows, which(is.na(x))), ] <- name_imputed_fault(
    score(completed, instrument, scale, columns), rows, instrument
  )
  put_column(imp, name, x, scored)
}

# Completed data sets of `rows` were scored one below the other.
name_imputed_fault <- function(expr, rows, instrument) {
  tryCatch(expr, questrial_error_range = function(fault) {
    at <- as.integer(fault$row) - 1L
    row <- rows[[at %% length(rows) + 1L]]
    qst_abort("range", sprintf(
      "Column `%s`, row %d: %s, imputed in imputation %d, is no answer of %s. %s",
      fault$column, row, format(fault$value), at %/% length(rows) + 1L,
      instrument_name(instrument),
      "Impute it with impute(instrument = ), which keeps range and steps."
    ), row = row, column = fault$column, value = fault$value)
  })
}

# ---- A new column of imputations ----

# `x` with NA where values are imputed, `drawn` those values, one column an imputation. What is
# missing in all of them is not imputed at all. More imputations would lack the column, or have it
# as a predictor: update() has no recipe for that.
put_column <- function(imp, name, x, drawn, method = "computed") {
  imp$recipe <- NULL
  imp$data[[name]] <- x
  imp$imputed[[name]] <- if (!all(is.na(drawn))) drawn
  imp$method <- c(imp$method[setdiff(names(imp$method), name)], stats::setNames(
    if (is.null(imp$imputed[[name]])) "" else method, name
  ))
  imp
}

# `original`: the values computed from the data before imputation, or NULL; `values`: a list
# of those of each completed data set.
set_column <- function(imp, name, original, values, method = "computed") {
  check_same_kind(values, name)
  x <- values[[1]]
  known <- rep(FALSE, length(x))
  if (length(original) %in% c(1L, length(x))) {
    known <- Reduce(`&`, lapply(values, function(value) {
      same <- as.vector(value) == as.vector(original)
      !is.na(same) & same
    }))
  }
  x[!known] <- NA
  drawn <- vapply(values, function(value) plain_values(value)[!known], plain_values(x)[!known])
  drawn <- matrix(drawn, sum(!known), imp$m)
  put_column(imp, name, x, drawn, method)
}

# As `imputed` of imputations holds them.
plain_values <- function(x) {
  if (is.factor(x)) as.integer(x) else as.vector(x)
}

whole_column <- function(value, name, n) {
  if (!is.atomic(value) || is.null(value) || !is.null(dim(value))) {
    qst_abort("argument", sprintf(
      "`%s` must be a column of plain values, not %s.", name, describe(value)
    ), column = name)
  }
  if (!length(value) %in% c(1L, n)) {
    qst_abort("dimension", sprintf(
      "`%s` has %d values for %d rows. Write an expression that gives one a row, or one for all.",
      name, length(value), n
    ), column = name)
  }
  if (length(value) == n) value else rep(value, n)
}

check_same_kind <- function(values, name) {
  kinds <- lapply(values, function(x) list(class(x), levels(x)))
  if (length(unique(kinds)) > 1) {
    qst_abort("argument", sprintf(
      "`%s` has other levels or another type in some imputations. %s", name,
      "Use the same break points or levels in all of them."
    ), column = name)
  }
}
