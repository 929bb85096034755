#' Score a questionnaire
#'
#' `score()` gives one scale of every row, `scores()` all scales of an
#' instrument; of [imputations][impute] they score every completed data set.
#'
#' Answers are read straight from the columns, once and without a copy; only
#' the result takes memory. Reversed items become `min + max - x` by the
#' range that the instrument declares. (`psych::scoreItems()` and
#' `psych::reverse.code()` reverse by the range observed unless told
#' otherwise, so one unused answer category shifts every score;
#' `psych::scoreItems()` also replaces missing answers by the item's median
#' of all persons, unless `impute = "none"`.) Missing answers are treated by
#' the scale's own rule, see [instruments()]; a person with too few answers
#' gets `NA`.
#'
#' An answer outside the range or between the steps is an error, never
#' silently used: recode codes such as 9 or 99 for "no answer" to `NA` first.
#' Labelled columns (haven) count as the numbers they hold, user-missing codes
#' included, which are out of range and so found.
#'
#' @section Imputations:
#' The score becomes a column of the data, so that a model can follow at once.
#' A person none of whose items was imputed has the same score everywhere, and
#' it counts as observed. A person with imputed items has the score of the
#' completed answers, another one in each imputation, and it counts as imputed:
#' the scale's rule for missing answers is not used for what was imputed. It
#' remains for items that nobody answered, see [on_columns()].
#'
#' [transform()][transform.imputations] makes changes and other sums of scores.
#'
#' @param data A data frame with one row a person, or [imputations][impute] of one. Item
#'   columns hold numbers; a column that is `NA` for everybody may be of any of
#'   R's number types or logical.
#' @param instrument An [instrument()], the id of one, or [new_instrument()].
#'   For imputations made with [impute()]'s `instrument =` also a name in that list, or the id
#'   of one there, which stands for its columns; `scores()` without it scores them all.
#' @param scale Name of the scale; by default the instrument's first.
#' @param columns Names of the columns of `data` in the order of the
#'   instrument's items; by default the item names, see [on_columns()].
#' @param name Names of the new columns: one for `score()`, one a scale for `scores()`. By
#'   default the scale's name, behind the name in [impute()]'s list (`t0_total`) if
#'   `instrument` is one.
#' @param ... Arguments of methods.
#' @return Of a data frame, `score()`: a numeric vector, one value a row; `scores()`: a data
#'   frame with two columns a scale: its score, and `<scale>_answered`, how
#'   many of its items were answered. Of imputations: the imputations with the scores as
#'   further columns.
#' @section Errors:
#' `questrial_error_range` for an answer that cannot be (fields `row`,
#' `column`, `value`), `questrial_error_argument` for missing, doubled or
#' non-numeric columns, and for a new column that exists; `questrial_error_no_data` for no rows.
#' @seealso [reliability()], [response_quality()].
#' @examples
#' answers <- data.frame(q1 = c(1, 4, NA), q2 = c(5, 2, 3), q3 = c(2, 4, 4))
#' short <- new_instrument(c("q1", "q2", "q3"), 1, 5, reverse = "q2", max_missing = 0.34)
#' score(answers, short)
#' scores(answers, short)
#' @export
score <- function(data, instrument, scale = NULL, columns = NULL, ...) {
  UseMethod("score")
}

#' @export
score.default <- function(data, instrument, scale = NULL, columns = NULL, ...) {
  check_no_dots(...)
  instrument <- as_instrument(instrument)
  scale <- check_scale(instrument, scale)
  answers <- read_answers(data, instrument, scale, columns)
  score_scale(answers, instrument$scales[[scale]], count = FALSE)$score
}

#' @rdname score
#' @export
scores <- function(data, instrument, columns = NULL, ...) {
  UseMethod("scores")
}

#' @export
scores.default <- function(data, instrument, columns = NULL, ...) {
  check_no_dots(...)
  instrument <- as_instrument(instrument)
  names <- names(instrument$scales)
  parts <- lapply(names, function(scale) {
    answers <- read_answers(data, instrument, scale, columns)
    part <- score_scale(answers, instrument$scales[[scale]], count = TRUE)
    stats::setNames(part, c(scale, paste0(scale, "_answered")))
  })
  as.data.frame(do.call(c, parts), optional = TRUE)
}

score_scale <- function(answers, rule, count) {
  kind <- match(rule$score, score_kinds) - 1
  name_fault(
    .Call(
      C_qstr_scale_score, answers$columns, answers$reversed, answers$range,
      c(kind, rule$multiply, n_missing_max(rule)), count, threads_to_use(NULL)
    ),
    answers$columns
  )
}

# ---- From a data frame to the columns of a scale ----

# The columns of one scale.
read_answers <- function(data, instrument, scale, columns) {
  read_item_columns(data, instrument, instrument$scales[[scale]]$items, columns)
}

# The columns of items by number, as they stand in `data`, with what the core
# must know of them.
read_item_columns <- function(data, instrument, members, columns) {
  check_data_frame(data)
  names <- item_columns(data, instrument, columns)[members]
  check_item_columns(data, names, instrument)
  columns <- unclass(data)[match(names, names(data))]
  Map(check_answers, columns, names)
  list(
    columns = columns, reversed = instrument$reversed[members],
    range = c(
      instrument$min, instrument$step, round((instrument$max - instrument$min) / instrument$step)
    )
  )
}

# The column of each item of the instrument, by name.
item_columns <- function(data, instrument, columns) {
  if (is.null(columns)) {
    return(instrument$items)
  }
  if (!is.character(columns) || anyNA(columns)) {
    qst_abort("argument", sprintf(
      "`columns` must be column names, not %s.",
      if (is.character(columns)) "names with NA among them" else describe(columns)
    ))
  }
  if (length(columns) != length(instrument$items)) {
    qst_abort("dimension", sprintf(
      "`columns` names %d columns, but %s has %d items. Name one column an item, in its order.",
      length(columns), instrument_name(instrument), length(instrument$items)
    ))
  }
  if (anyDuplicated(columns) > 0) {
    qst_abort("argument", sprintf(
      "`columns` names %s twice. Name a column of its own for each item.",
      enumerate(unique(columns[duplicated(columns)]))
    ))
  }
  columns
}

check_item_columns <- function(data, names, instrument) {
  absent <- setdiff(names, names(data))
  if (length(absent) > 0) {
    qst_abort("argument", sprintf(
      "There is no column %s in the data for %s.%s %s", enumerate(absent),
      instrument_name(instrument), suggest(absent[[1]], names(data)),
      "Name the columns that hold the items, in the instrument's order, in `columns`."
    ), column = absent)
  }
  doubled <- intersect(names, names(data)[duplicated(names(data))])
  if (length(doubled) > 0) {
    qst_abort("argument", sprintf(
      "The data have more than one column %s. Rename or remove the others.", enumerate(doubled)
    ), column = doubled)
  }
}

check_answers <- function(x, name) {
  cure <- answers_cure(x)
  if (!is.null(cure)) {
    qst_abort("argument", sprintf(
      "Column `%s` must hold the answers as numbers, not %s. %s", name, kind_of(x), cure
    ), column = name)
  }
}

kind_of <- function(x) {
  if (is.factor(x)) {
    "a factor"
  } else if (is.character(x)) {
    "text"
  } else if (is.logical(x)) {
    "TRUE and FALSE"
  } else {
    sprintf("an object of class %s", class(x)[[1]])
  }
}

# What to do about a column that does not hold numbers; NULL if it does. A
# logical column without any value is an item that nobody answered.
answers_cure <- function(x) {
  if (is.factor(x)) {
    "Turn its labels into the numbers of the key, e.g. match(x, c(\"never\", \"often\"))."
  } else if (is.character(x)) {
    "Look for words and decimal commas in it, then use as.numeric()."
  } else if (is.logical(x)) {
    if (any(x, na.rm = TRUE) || !all(x, na.rm = TRUE)) "Use as.integer()."
  } else if (!is.null(dim(x)) || inherits(x, "integer64") || !is.numeric(x)) {
    "Use a plain numeric column."
  }
}

# The core counts columns; people have names for them.
name_fault <- function(expr, columns) {
  tryCatch(expr, questrial_error_range = function(fault) {
    column <- names(columns)[[fault$column]]
    qst_abort("range", sprintf(
      "Column `%s`, row %s: %s. Correct it, or make it NA if it stands for \"no answer\".",
      column, format(fault$row, big.mark = ""), conditionMessage(fault)
    ), row = fault$row, column = column, value = fault$value)
  })
}
