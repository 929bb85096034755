# Conditions: every error and warning of the package is raised here.

# Raises an error of class questrial_error_<kind>. `...` become fields of the
# condition (row, column, value); the message names argument, place and cure.
qst_abort <- function(kind, message, ..., call = NULL) {
  stop(errorCondition(
    paste(message, collapse = "\n"),
    ...,
    class = c(paste0("questrial_error_", kind), "questrial_error"),
    call = call
  ))
}

qst_warn <- function(kind, message, ..., call = NULL) {
  warning(warningCondition(
    paste(message, collapse = "\n"),
    ...,
    class = c(paste0("questrial_warning_", kind), "questrial_warning"),
    call = call
  ))
}

# What the glue calls when the core failed; `at` is row, column and iteration
# counted from 1, NA where they mean nothing.
qst_core_abort <- function(kind, message, at, value) {
  qst_abort(kind, message, row = at[[1]], column = at[[2]], iteration = at[[3]], value = value)
}

# ---- Checks of arguments: each returns its value or says what is wrong ----

# Also an argument that its caller passed on without having been given it.
check_given <- function(x, arg) {
  if (missing(x)) {
    qst_abort("argument", sprintf("`%s` is missing. See the help page for what it is.", arg))
  }
}

check_data_frame <- function(data, arg = "data", min_rows = 1L) {
  check_given(data, arg)
  refuse_imputations(data, arg)
  if (!is.data.frame(data)) {
    qst_abort("argument", sprintf(
      "`%s` must be a data frame, not %s. Wrap a matrix in as.data.frame().",
      arg, describe(data)
    ))
  }
  if (nrow(data) < min_rows) {
    qst_abort("no_data", sprintf(
      "`%s` has %d rows; at least %d are needed. Check the filter or the file it came from.",
      arg, nrow(data), min_rows
    ))
  }
  data
}

# Where completed data sets would each give a result and nothing says how to pool them.
refuse_imputations <- function(data, arg, why = "looks at one data frame", cure = NULL) {
  if (inherits(data, "imputations")) {
    qst_abort("argument", sprintf(
      "`%s` are imputations, but this function %s. %s", arg, why, if (is.null(cure)) {
        paste(
          "Ask one of them (imp[[1]]), each (with(imp, ...)), or a model that is pooled:",
          "fit_glm(formula, imp)."
        )
      } else {
        cure
      }
    ))
  }
}

# `columns` must be names of columns of `data`; says which are missing and
# which existing name is near.
check_columns <- function(data, columns, arg = "columns") {
  if (!is.character(columns) || anyNA(columns)) {
    qst_abort("argument", sprintf("`%s` must be column names, not %s.", arg, describe(columns)))
  }
  missing <- setdiff(columns, names(data))
  if (length(missing) > 0) {
    qst_abort("argument", sprintf(
      "`%s`: there is no column %s in the data.%s", arg,
      enumerate(missing), suggest(missing[[1]], names(data))
    ), column = missing)
  }
  columns
}

check_choice <- function(x, choices, arg) {
  if (is.character(x) && identical(x, choices)) {
    return(choices[[1]])
  }
  if (!is.character(x) || length(x) != 1 || is.na(x) || !x %in% choices) {
    qst_abort("argument", sprintf(
      "`%s` must be one of %s, not %s.", arg, enumerate(choices, " or ", most = Inf), describe(x)
    ), value = x)
  }
  x
}

check_number <- function(x, arg, min = -Inf, max = Inf, whole = FALSE) {
  ok <- is.numeric(x) && length(x) == 1 && !is.na(x) && x >= min && x <= max
  if (!ok || (whole && x != round(x))) {
    qst_abort("argument", sprintf(
      "`%s` must be a single %snumber%s, not %s.", arg, if (whole) "whole " else "",
      if (is.finite(min) || is.finite(max)) sprintf(" from %s to %s", min, max) else "",
      describe(x)
    ), value = x)
  }
  x
}

check_flag <- function(x, arg) {
  if (!isTRUE(x) && !isFALSE(x)) {
    qst_abort("argument", sprintf("`%s` must be TRUE or FALSE, not %s.", arg, describe(x)))
  }
  x
}

check_string <- function(x, arg) {
  check_given(x, arg)
  if (!is.character(x) || length(x) != 1 || is.na(x)) {
    qst_abort("argument", sprintf("`%s` must be a single text, not %s.", arg, describe(x)))
  }
  x
}

# Printed labels, named by column, term or level.
check_labels <- function(labels) {
  ok <- is.null(labels) || (is.character(labels) && length(names(labels)) == length(labels))
  if (!ok) {
    qst_abort("argument", sprintf(
      "`labels` must be a character vector with names, as in c(sex = \"Gender\"), not %s.",
      describe(labels)
    ))
  }
  labels
}

# Arguments that a method does not know are an error, so that a misspelt one
# is not silently ignored.
check_no_dots <- function(...) {
  if (...length() > 0) {
    given <- ...names()
    qst_abort("argument", sprintf(
      "Unknown argument%s %s. See the help page for those there are.",
      if (...length() > 1) "s" else "",
      enumerate(if (is.null(given)) "without a name" else given)
    ))
  }
}

# A package of Suggests, asked for when it is needed.
need_package <- function(package, why) {
  if (!requireNamespace(package, quietly = TRUE)) {
    qst_abort("package", sprintf(
      "%s needs the package %s. Install it with install.packages(\"%s\").", why, package, package
    ))
  }
}

# ---- Words for messages ----

describe <- function(x) {
  if (is.null(x)) {
    "NULL"
  } else if (is.character(x) && length(x) == 1) {
    encodeString(x, quote = "\"")
  } else if (is.numeric(x) && length(x) == 1) {
    format(x, digits = 15)
  } else if (is.logical(x) && length(x) == 1) {
    format(x)
  } else if (is.function(x)) {
    "a function"
  } else {
    sprintf("%s of length %d", class(x)[[1]], length(x))
  }
}

# "`a`, `b` and `c`", cut after `most`.
enumerate <- function(x, last = " and ", most = 5) {
  quoted <- sprintf("`%s`", x)
  if (length(quoted) > most) {
    more <- sprintf("%d more", length(quoted) - most + 1)
    quoted <- c(quoted[seq_len(most - 1)], more)
  }
  join_words(quoted, last)
}

# "a, b and c"; "none" of nothing, so that a sentence stays one.
join_words <- function(x, last = " and ") {
  n <- length(x)
  if (n == 0) {
    "none"
  } else if (n == 1) {
    as.character(x)
  } else {
    paste0(paste(x[-n], collapse = ", "), last, x[[n]])
  }
}

sentence_case <- function(text) {
  paste0(toupper(substr(text, 1, 1)), substring(text, 2))
}

# " Did you mean `x`?" when a known name is near.
suggest <- function(name, known) {
  distance <- utils::adist(name, known, ignore.case = TRUE)
  if (length(known) > 0 && min(distance) <= max(1, nchar(name) %/% 3)) {
    sprintf(" Did you mean `%s`?", known[[which.min(distance)]])
  } else {
    sprintf(" The columns are %s.", enumerate(known))
  }
}
