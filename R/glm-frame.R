# Reading the call of a model: its variables, rows, weights and offset.

check_model_data <- function(formula, data) {
  if (!inherits(formula, "formula") || length(formula) != 3) {
    qst_abort("argument", sprintf(
      "`formula` must have two sides, as in y ~ x, not %s.%s",
      if (inherits(formula, "formula")) deparse1(formula) else describe(formula),
      if (is.data.frame(formula)) " It comes before `data`." else ""
    ))
  }
  if (is.environment(data)) {
    return(check_known_variables(formula, character()))
  }
  if (is.list(data) && !is.data.frame(data)) {
    return(check_known_variables(formula, names(data)))
  }
  check_data_frame(data)
  check_known_variables(formula, names(data))
}

# model.frame() would only say "object 'x' not found".
check_known_variables <- function(formula, columns) {
  wanted <- setdiff(all.vars(formula), c(columns, "."))
  found <- vapply(wanted, exists, logical(1), envir = environment(formula))
  if (!all(found)) {
    missing <- wanted[!found]
    cure <- if (length(columns) > 0) suggest(missing[[1]], columns) else " Was `data` forgotten?"
    qst_abort("argument", sprintf(
      "`formula`: there is no variable %s in the data.%s", enumerate(missing), cure
    ), column = missing)
  }
}

# As in lm(): the arguments that lie in the data are evaluated there, by the
# caller's call. Levels without rows are dropped, and noted.
model_frame <- function(call, formula, data, envir) {
  kept <- match(c("formula", "data", "subset", "weights", "na.action", "offset"), names(call), 0L)
  frame_call <- call[c(1L, kept)]
  frame_call[[1L]] <- quote(stats::model.frame)
  frame_call$drop.unused.levels <- FALSE
  frame <- tryCatch(eval(frame_call, envir), error = function(e) {
    qst_abort("argument", sprintf(
      "The model's variables cannot be found: %s.", conditionMessage(e)
    ))
  })
  if (nrow(frame) == 0) {
    qst_abort("no_data", sprintf(
      "No row is left of the %d: %s. Check `subset` and missing values.", NROW(data),
      if (is.null(attr(frame, "na.action"))) "`subset` chose none" else "all have missing values"
    ))
  }
  drop_empty_levels(frame)
}

drop_empty_levels <- function(frame) {
  notes <- character()
  for (name in names(frame)[vapply(frame, is.factor, logical(1))]) {
    column <- frame[[name]]
    empty <- levels(column)[tabulate(column, nlevels(column)) == 0]
    if (length(empty) > 0) {
      # As model.frame() does it: contrasts set on the factor do not outlive a level.
      frame[[name]] <- factor(column, setdiff(levels(column), empty), ordered = is.ordered(column))
      notes <- c(notes, sprintf("No rows with %s at %s: left out.", name, enumerate(empty)))
    }
  }
  attr(frame, "notes") <- notes
  frame
}

model_response <- function(frame) {
  # model.response() would name each value, which takes longer than the fit.
  response <- frame[[1]]
  name <- names(frame)[[1]]
  if (is.factor(response) || is.character(response)) {
    qst_abort("argument", sprintf(
      "The response `%s` is text or a factor. A gaussian model needs numbers.", name
    ), column = name)
  }
  if (!is.null(dim(response)) && ncol(response) > 1) {
    qst_abort("argument", sprintf(
      "The response `%s` has %d columns. Fit them one at a time.", name, ncol(response)
    ), column = name)
  }
  as.double(response)
}

model_columns <- function(terms, frame, contrasts) {
  x <- tryCatch(
    stats::model.matrix(terms, frame, contrasts),
    error = function(e) one_level_abort(frame, conditionMessage(e))
  )
  if (ncol(x) == 0) {
    qst_abort("argument", "`formula` has no term on its right side. Use y ~ 1 for a mean.")
  }
  storage.mode(x) <- "double"
  x
}

one_level_abort <- function(frame, message) {
  n_levels <- vapply(frame, function(x) {
    if (is.factor(x) || is.character(x) || is.logical(x)) length(unique(x)) else 2L
  }, integer(1))
  single <- names(frame)[n_levels < 2]
  if (length(single) == 0) {
    qst_abort("argument", sprintf("The columns of the model cannot be made: %s.", message))
  }
  value <- as.character(frame[[single[[1]]]][[1]])
  qst_abort("argument", sprintf(
    paste(
      "%s has a single level, \"%s\", in the rows used, so nothing can be compared.",
      "Leave it out of the formula or check `subset` and missing values."
    ), enumerate(single), value
  ), column = single, value = value)
}

frame_weights <- function(frame) {
  weights <- stats::model.weights(frame)
  if (is.null(weights)) {
    return(NULL)
  }
  if (!is.numeric(weights)) {
    qst_abort("argument", sprintf("`weights` must be numbers, not %s.", describe(weights)))
  }
  bad <- which(!(is.finite(weights) & weights >= 0))
  if (length(bad) > 0) {
    qst_abort("argument", sprintf(
      "`weights` is %s in row %s; weights are finite and not below 0.",
      format(weights[[bad[[1]]]]), row.names(frame)[[bad[[1]]]]
    ), row = bad[[1]], value = weights[[bad[[1]]]])
  }
  as.double(weights)
}

frame_offset <- function(frame) {
  shift <- stats::model.offset(frame)
  if (is.null(shift)) {
    return(NULL)
  }
  bad <- which(!is.finite(shift))
  if (length(bad) > 0) {
    qst_abort("argument", sprintf(
      "The offset is %s in row %s; it must be finite.",
      format(shift[[bad[[1]]]]), row.names(frame)[[bad[[1]]]]
    ), row = bad[[1]], value = shift[[bad[[1]]]])
  }
  as.double(shift)
}
