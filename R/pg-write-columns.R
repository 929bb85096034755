# Which columns of a data frame can be written, as what, and into what.

# The kinds of columns: how C reads them ("" as they are stored: int or double), the type of a new
# table's column, the formats (names of QST_PG_FORMAT_LIST) they can be written to, and the cure
# where a column of the table needs this kind and has another.
write_kinds <- utils::read.table(
  header = TRUE, row.names = 1, colClasses = "character", text = '
  kind      source type                       formats                                  cure
  logical   int    boolean                    "bool"                                   as.logical
  integer   int    integer                    "int2 int4 int8 float4 float8 numeric"   as.numeric
  double    double "double precision"         "int2 int4 int8 float4 float8 numeric"   as.numeric
  integer64 int64  bigint                     "int2 int4 int8 float4 float8 numeric"   as.numeric
  text      bytes  text                       "text jsonb uuid numeric"                as.character
  Date      ""     date                       "date"                                   as.Date
  POSIXct   ""     "timestamp with time zone" "timestamp"                              as.POSIXct
  time      ""     time                       "time"                                   hms::as_hms
  bytes     bytes  bytea                      "bytea"                                  blob::as_blob
')

# A column as it will be sent: `kind`, `is_list` (of elements of that kind), the `values` for C, and
# those `given`, for messages.
writable_column <- function(x, name) {
  kind <- if (is_plain_list(x)) list_kind(x, name) else vector_kind(x, name)
  is_list <- is_plain_list(x) && !identical(kind, "bytes")
  list(name = name, kind = kind, is_list = is_list, given = x,
    values = if (kind == "text" && !is_list) in_utf8(x) else x)
}

new_type <- function(column) {
  if (column$kind == "nothing") {
    qst_abort("type", sprintf(paste(
      "`data$%s` is a list of nothing, which has no type. Make the table first, with pg_exec(),",
      "and append to it."
    ), column$name), column = column$name)
  }
  paste0(write_kinds[column$kind, "type"], if (column$is_list) "[]")
}

# ---- What a column is ----

is_plain_list <- function(x) {
  is.list(x) && !is.data.frame(x) && !inherits(x, "POSIXlt")
}

# Classes that say no more than what a column is stored as.
bare_classes <- c("AsIs", "haven_labelled", "haven_labelled_spss", "labelled", "vctrs_vctr",
  "noquote", "character", "integer", "double", "numeric", "logical")

vector_kind <- function(x, name) {
  refuse_shape(x, name)
  if (is.factor(x)) {
    "text"
  } else if (inherits(x, "integer64")) {
    "integer64"
  } else if (inherits(x, "Date") && is.numeric(unclass(x))) {
    "Date"
  } else if (inherits(x, "POSIXct") && is.numeric(unclass(x))) {
    "POSIXct"
  } else if (inherits(x, "difftime")) {
    check_seconds(x, name)
    "time"
  } else if (all(oldClass(x) %in% bare_classes) && typeof(x) %in% bare_kinds) {
    check_user_missing(x, name)
    sub("character", "text", typeof(x), fixed = TRUE)
  } else {
    refuse_column(name, sprintf("is of class %s, for which there is no type",
      enumerate(class(x))), "Convert it, as with as.character(), as.numeric() or unclass()")
  }
}

bare_kinds <- c("logical", "integer", "double", "character")

refuse_shape <- function(x, name) {
  if (is.data.frame(x) || length(dim(x)) > 1) {
    refuse_column(name, sprintf("is a %s", if (is.data.frame(x)) "data frame" else "matrix"),
      "Make its columns columns of `data`")
  }
  if (inherits(x, "POSIXlt")) {
    refuse_column(name, "is a POSIXlt, a list of parts of times", "Convert it with as.POSIXct()")
  }
}

check_seconds <- function(x, name) {
  if (!identical(attr(x, "units"), "secs")) {
    refuse_column(name, sprintf("is a difftime in %s", attr(x, "units")), paste(
      "For a time of day use hms::as_hms(); for a duration write a number that says its unit,",
      "as.numeric(x, units = \"hours\")"
    ))
  }
}

# What SPSS keeps as a value that means missing: `na_values`, `na_range` of haven.
check_user_missing <- function(x, name) {
  values <- attr(x, "na_values")
  range <- attr(x, "na_range")
  if (is.null(values) && is.null(range)) {
    return(invisible())
  }
  bare <- as.vector(unclass(x))
  bad <- !is.na(bare) & (bare %in% values |
    (length(range) == 2 & bare >= c(range, NA, NA)[[1]] & bare <= c(range, NA, NA)[[2]]))
  if (any(bad, na.rm = TRUE)) {
    row <- which(bad)[[1]]
    refuse_column(name, sprintf("has %s in row %d, declared as missing: it would become a value",
      describe(bare[[row]]), row), paste(
        "Make such values NA with haven::zap_missing(), or keep them and drop the declaration with",
        "haven::zap_labels()"
      ), row = row, value = bare[[row]])
  }
}

refuse_column <- function(name, what, cure, ...) {
  qst_abort("type", sprintf("`data$%s` %s. %s.", name, what, cure), column = name, ...)
}

# ---- Lists ----

# The kind of all elements that are not NULL; "nothing" where all are.
list_kind <- function(x, name) {
  if (!all(oldClass(x) %in% c("AsIs", "list", "blob", "vctrs_list_of", "vctrs_vctr"))) {
    refuse_column(name, sprintf("is a list of class %s, for which there is no type",
      enumerate(class(x))), "Unclass it, or convert it with as.character()")
  }
  sorts <- vapply(x, element_sort, "")
  known <- which(sorts != "NULL")
  if (length(known) == 0) {
    return("nothing")
  }
  one <- sorts[[known[[1]]]]
  other <- known[sorts[known] != one]
  if (length(other) > 0) {
    refuse_column(name, sprintf("is a list of %s, but row %d is of type %s", one, other[[1]],
      sorts[[other[[1]]]]), "Make all elements of one type; NULL is a missing one",
      row = other[[1]], value = x[[other[[1]]]])
  }
  if (one == "raw") "bytes" else element_kind(x[[known[[1]]]], name)
}

element_sort <- function(x) {
  if (is.object(x)) class(x)[[1]] else typeof(x)
}

element_kind <- function(x, name) {
  if (is.list(x) || inherits(x, "difftime")) {
    refuse_column(name, sprintf("is a list of %s", element_sort(x)),
      "Elements must be vectors of numbers, texts, dates or times")
  }
  dim(x) <- NULL
  vector_kind(x, name)
}

# ---- Texts ----

# Texts that are marked are converted by C, others are sent as they are if the locale is UTF-8. Of
# another locale are those that it can read; C refuses the rest unless they are UTF-8.
in_utf8 <- function(x) {
  if (l10n_info()[["UTF-8"]]) {
    return(x)
  }
  if (is.factor(x)) {
    levels(x) <- in_utf8(levels(x))
    return(x)
  }
  native <- which(Encoding(x) == "unknown")
  read <- iconv(x[native], "", "UTF-8")
  x[native] <- ifelse(is.na(read), x[native], read)
  x
}

# ---- What they go into ----

# Each column with its `target`, what C must know of the table's column of its name, and the
# `type` of that for messages.
aim_columns <- function(columns, found) {
  aimed <- lapply(seq_along(columns), function(k) aim_column(columns[[k]], found, k))
  stats::setNames(aimed, names(columns))
}

aim_column <- function(column, found, k) {
  column$type <- found$type[[k]]
  column <- check_aim(column, found, k)
  check_labels_of(column, found$levels[[k]])
  source <- write_kinds[column$kind, "source"]
  first <- if (column$is_list) Find(Negate(is.null), column$given) else column$values
  column$target <- list(
    source = if (nzchar(source)) source else if (is.double(first)) "double" else "int",
    format = found$format[[k]], is_array = found$is_array[[k]],
    element_oid = found$element_oid[[k]], limit = found$limit[[k]]
  )
  column
}

# The column if its target can hold its kind.
check_aim <- function(column, found, k) {
  format <- found$format[[k]]
  kinds <- rownames(write_kinds)[formats_of(format)]
  if (length(kinds) == 0) {
    qst_abort("type", sprintf(paste(
      "The table's column `%s` is of type %s, which cannot be written to. Write a text to another",
      "column, and fill this one from it with pg_exec()."
    ), column$name, column$type), column = column$name, value = column$type)
  }
  column <- fit_nothing(column, found$is_array[[k]], kinds)
  if (column$kind %in% kinds && column$is_list == found$is_array[[k]]) {
    return(column)
  }
  cure <- if (found$is_array[[k]]) {
    "Make it a list of vectors of that type"
  } else {
    sprintf("Convert it, as with %s()", write_kinds[kinds[[1]], "cure"])
  }
  refuse_column(column$name, sprintf("is a %s%s, but the table's column is of type %s",
    if (column$is_list) "list of " else "", column$kind, column$type), cure)
}

formats_of <- function(format) {
  vapply(strsplit(write_kinds$formats, " ", fixed = TRUE), function(x) format %in% x, NA)
}

# What is missing all through fits any type.
fit_nothing <- function(column, is_array, kinds) {
  is_nothing <- column$kind == "nothing" ||
    (column$kind == "logical" && !column$is_list && all(is.na(column$values)))
  if (is_nothing && !(column$kind %in% kinds && !is_array)) {
    n <- length(column$given)
    column$kind <- kinds[[1]]
    column$is_list <- is_array
    column$values <- if (is_array) {
      vector("list", n)
    } else {
      rep(if (write_kinds[column$kind, "source"] == "bytes") NA_character_ else NA, n)
    }
  }
  column
}

# Labels that an enum does not have; the server would name neither the row nor the others.
check_labels_of <- function(column, labels) {
  if (is.null(labels) || column$is_list) {
    return(invisible())
  }
  texts <- as.character(column$given)
  bad <- which(!is.na(texts) & !texts %in% labels)
  if (length(bad) > 0) {
    qst_abort("range", sprintf(
      "`data`, column `%s`, row %d: %s is no label of %s, which has %s. Correct it, or ALTER TYPE.",
      column$name, bad[[1]], describe(texts[[bad[[1]]]]), column$type, enumerate(labels)
    ), row = bad[[1]], column = column$name, value = texts[[bad[[1]]]])
  }
}
