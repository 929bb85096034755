# Names of tables and columns, as SQL has them.

# "t", "schema.t", c(schema, table) or a DBI::Id: a character vector of one or two names.
table_name_parts <- function(name, arg = "name") {
  check_given(name, arg)
  parts <- if (inherits(name, "Id")) unname(name@name) else name
  if (is.character(name) && length(name) == 1 && !is.na(name)) {
    parts <- strsplit(paste0(name, "."), ".", fixed = TRUE)[[1]] # which keeps an empty last one
  }
  ok <- is.character(parts) && length(parts) %in% 1:2 && !anyNA(parts) && all(nzchar(parts))
  if (!ok) {
    qst_abort("argument", sprintf(paste(
      "`%s` must be a table's name, as in \"visits\", \"trial.visits\" or",
      "c(\"trial\", \"visits\"), not %s. A name with dots is given as DBI::Id(table = \"a.b\")."
    ), arg, describe(name)))
  }
  check_name_lengths(parts, arg)
}

# An identifier, quoted: capitals, blanks, quotes and reserved words are kept.
sql_name <- function(name) {
  sprintf("\"%s\"", gsub("\"", "\"\"", enc2utf8(name), fixed = TRUE))
}

# The name of a table, quoted.
table_sql <- function(parts) {
  paste(sql_name(parts), collapse = ".")
}

# Servers cut longer ones off, with no more than a notice.
check_name_lengths <- function(names, arg) {
  long <- names[nchar(enc2utf8(names), "bytes") > 63]
  if (length(long) > 0) {
    qst_abort("argument", sprintf(paste(
      "`%s`: the name `%s` has more than 63 bytes in UTF-8, where a server would cut it off.",
      "Give it a shorter one."
    ), arg, long[[1]]), value = long[[1]])
  }
  names
}

# Names of the columns of a table to be.
check_new_columns <- function(names, arg) {
  unnamed <- which(is.na(names) | !nzchar(names))
  if (length(unnamed) > 0) {
    qst_abort("argument", sprintf(
      "`%s`: column %d has no name. Name it with names(%s)[%d] <- \"...\".", arg, unnamed[[1]], arg,
      unnamed[[1]]
    ), column = unnamed[[1]])
  }
  twice <- unique(names[duplicated(names)])
  if (length(twice) > 0) {
    qst_abort("argument", sprintf(
      "`%s` has several columns named %s. Rename them, as with make.unique(names(%s)).", arg,
      enumerate(twice), arg
    ), column = twice)
  }
  check_name_lengths(names, arg)
}
