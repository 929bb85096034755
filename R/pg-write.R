#' Write a data frame to a PostgreSQL server
#'
#' Makes a table of a data frame, or appends its rows to a table that is there. Values travel in the
#' server's binary format (`COPY`), doubles with every bit; what the table cannot hold without loss
#' is refused by column, row and value, and then nothing is written at all.
#'
#' @param con A connection made by [pg_connect()].
#' @param data A data frame; tibbles and data.tables too. Row names are not written.
#' @param table The table's name: `"visits"`, `"trial.visits"`, `c("trial", "visits")` or a
#'   `DBI::Id`. Capitals are kept.
#' @param append `FALSE` makes the table, and it is an error if there is one of that name; `TRUE`
#'   appends to the one that is there, column by column of the same name. Its columns that `data`
#'   does not have get their defaults.
#' @return How many rows the server took, invisibly: those of `data`, unless a trigger of the table
#'   drops some.
#' @details
#' It is one transaction, or a savepoint of [pg_transaction()]: an error in the last row, an
#' interrupt or a lost session leave neither rows nor table.
#'
#' A new table has these types:
#' logical boolean; integer integer; double double precision; integer64 bigint; character and factor
#' text; Date date; POSIXct timestamp with time zone; hms and difftime in seconds time; a list of
#' raw vectors bytea; a list of vectors of one type an array of that type, with the dimensions that
#' the vectors have. `NA` and `NULL` in a list are SQL's NULL, and so is a level of a factor
#' that is `NA`; `NaN` is not missing.
#'
#' Rows are appended to columns of the types smallint, integer, bigint, real, double precision,
#' numeric, boolean, text, varchar, char, citext, enums, uuid, json, jsonb, xml, date, time,
#' timestamp with or without time zone (which then is in UTC), bytea, domains over them, and arrays
#' of them. Numbers go to each of the number types if it holds them exactly; a double goes to
#' numeric by the fewest digits, 17 at most, that read back to it; texts go to numeric digit by
#' digit. A column of `NA` alone goes to any type. The server keeps microseconds: the time of a
#' clock is written as the nearest one (a double holds no more today), others must be whole
#' microseconds.
#'
#' Refused are: a `POSIXlt`, a difftime in other units, a matrix or data frame as a column, a list
#' of several types, columns of one name, values that are marked as missing by the user (haven),
#' tagged missing values, fractions of a `Date`, `NaN` where the type has none, texts that are not
#' UTF-8 or too long for the column.
#'
#' Labels of haven stay behind, and their codes are written; of factors the labels of the rows are.
#' A table has 1600 columns at most, and its rows must fit into 8 kB, which is about 1000 numbers:
#' write wider data as several tables, or long.
#'
#' RPostgres sends text and rewrites it on the server; RPostgreSQL cuts doubles to 15 digits. Both
#' take a fraction of a day, or a number with decimals for an integer column, without a word.
#' @section Errors:
#' `questrial_error_range` with `row`, `column` and `value` where a value cannot be held;
#' `questrial_error_type` with `column` where a type has no rule; `questrial_error_argument`;
#' `questrial_error_sql` with `sqlstate` where the server refuses, as by a constraint.
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' con <- pg_connect(server$conninfo)
#' pg_write(con, warpbreaks, "warpbreaks")
#' pg_write(con, head(warpbreaks, 2), "warpbreaks", append = TRUE)
#' pg_read(con, "SELECT count(*) FROM warpbreaks", bigint = "integer")
#' pg_close(con)
#' server$stop()
#' @export
pg_write <- function(con, data, table, append = FALSE) {
  check_connection(con)
  check_data_frame(data, min_rows = 0L)
  check_flag(append, "append")
  parts <- table_name_parts(table, "table")
  check_new_columns(names(data), "data")
  if (append && length(data) == 0) {
    qst_abort("argument", "`data` has no columns, so there is nothing to append. Name some.")
  }
  columns <- Map(writable_column, as.list(data), names(data))
  invisible(pg_transaction(con, {
    if (!append) {
      create_table(con, parts, columns)
      parts <- c(if (length(parts) == 1) creation_schema(con), parts)
    }
    columns <- aim_columns(columns, table_columns_of(con, parts, names(columns)))
    if (nrow(data) > 0) {
      say_why_no_table(copy_in(con, parts, columns, nrow(data)), parts)
    } else {
      0
    }
  }))
}

# ---- The table ----

create_table <- function(con, parts, columns) {
  types <- vapply(columns, new_type, "")
  sql <- sprintf("CREATE TABLE %s (%s)", table_sql(parts),
    paste(sql_name(names(columns)), types, recycle0 = TRUE, collapse = ", "))
  say_why_no_table(pg_exec(con, sql), parts, length(columns), paste(
    "append = TRUE appends to it; DROP TABLE, by pg_exec(), removes it."
  ))
}

# Evaluates `expr`, which makes or fills the table of that name (one or two parts), with cures for
# what the server refuses. `n_columns` and `if_there`, the cure where there is a table of that name
# already, are asked for where one is made.
say_why_no_table <- function(expr, parts, n_columns = NA, if_there = "") {
  table <- table_sql(parts)
  tryCatch(expr, questrial_error_sql = function(e) {
    words <- switch(e$sqlstate,
      `42P07` = sprintf("`table`: there is a table %s already. %s", table, if_there),
      `3F000` = sprintf("`table`: there is no schema %s. CREATE SCHEMA makes one.%s",
        sql_name(parts[[1]]), dot_cure(parts)),
      `54011` = sprintf(paste(
        "`data` has %d columns, and a table holds 1600 at most. Write it in several tables, or in",
        "long form."
      ), n_columns),
      `54000` = paste(
        sub("\n.*", "", conditionMessage(e)), "A row of a table holds 8 kB, about 1000 numbers,",
        "one of an index less. Write the data in several tables, or in long form."
      ),
      `42809` = sprintf(paste(
        "`table`: %s is a view or something else that takes no rows by COPY.",
        "Name the table beneath it, or give the view an INSTEAD OF INSERT trigger."
      ), table)
    )
    if (is.null(words)) {
      stop(e)
    }
    qst_abort("argument", words, value = table, sqlstate = e$sqlstate)
  })
}

# What looks like a schema may be the first half of a name.
dot_cure <- function(parts) {
  if (length(parts) == 1) {
    return("")
  }
  sprintf(" A name with a dot in it is written DBI::Id(table = %s).",
    describe(paste(parts, collapse = ".")))
}

# Where a table is made that is named without its schema. To look for it by its bare name could find
# a temporary one of that name, which comes first.
creation_schema <- function(con) {
  read_catalogue(con, "SELECT pg_catalog.current_schema()::text AS name")$name
}

# What the table's columns of those names are: parallel lists of name, type, format, is_array,
# element_oid, levels (of enums) and limit.
table_columns_of <- function(con, parts, names) {
  sql <- sprintf("SELECT * FROM %s LIMIT 0", table_sql(parts))
  shape <- tryCatch(pg_call(con, .Call(C_qstr_pg_prepare, pg_handle(con), enc2utf8(sql)), sql),
    questrial_error_sql = function(e) {
      if (e$sqlstate == "42P01") {
        qst_abort("argument", sprintf(
          "`table`: there is no table %s to append to. append = FALSE makes one.%s",
          table_sql(parts), dot_cure(parts)
        ), value = table_sql(parts), sqlstate = e$sqlstate)
      }
      stop(e)
    })
  at <- match(names, shape$name)
  if (anyNA(at)) {
    unknown <- names[is.na(at)]
    qst_abort("argument", sprintf(
      "`data` has the column %s, which the table %s has not.%s", enumerate(unknown),
      table_sql(parts), suggest(unknown[[1]], shape$name)
    ), column = unknown)
  }
  types <- known_types()
  others <- setdiff(shape$oid[at], types$oid)
  if (length(others) > 0) {
    types <- add_catalogue_types(types, read_catalogue(con, catalogue_query(others)), others)
  }
  found <- lapply(types, `[`, match(shape$oid[at], types$oid))
  found$limit <- as.integer(mapply(limit_of, found$format, shape$typmod[at]))
  found
}

# The characters of a varchar, the digits after the point of a numeric or of seconds; NA: no limit.
# (As the server packs them: numerictypmodin() keeps the scale in 11 bits with a sign.)
limit_of <- function(format, typmod) {
  if (typmod < 0 || is.na(format)) {
    return(NA_integer_)
  }
  switch(format,
    text = typmod - 4L,
    numeric = bitwXor(bitwAnd(typmod - 4L, 2047L), 1024L) - 1024L,
    time = ,
    timestamp = typmod,
    NA_integer_
  )
}

# ---- Rows ----

# So many at once that calls cost nothing, so few that views on their texts cost little memory.
copy_piece <- 10000

copy_in <- function(con, parts, columns, n) {
  handle <- pg_handle(con)
  sql <- sprintf("COPY %s%s FROM STDIN (FORMAT binary)", table_sql(parts),
    if (length(columns) > 0) sprintf(" (%s)", paste(sql_name(names(columns)), collapse = ", "))
    else "")
  values <- lapply(columns, `[[`, "values")
  targets <- lapply(columns, `[[`, "target")
  pg_call(con, .Call(C_qstr_pg_copy_begin, handle, enc2utf8(sql)), sql)
  if (interactive()) {
    cli::cli_progress_bar("Writing", total = n)
  }
  for (first in seq(0, n - 1, by = copy_piece)) {
    tryCatch(
      pg_call(con, .Call(C_qstr_pg_copy_rows, handle, values, targets, first,
        min(copy_piece, n - first))),
      questrial_error_range = function(e) refuse_cell(e, columns)
    )
    if (interactive()) {
      cli::cli_progress_update(set = first)
    }
  }
  pg_call(con, .Call(C_qstr_pg_copy_end, handle))
}

# What C says of a cell by numbers, with the names, the value and the cure.
refuse_cell <- function(e, columns) {
  column <- columns[[e$column]]
  value <- if (is.list(column$given)) column$given[[e$row]] else column$given[e$row]
  qst_abort("range", sprintf(
    "`data`, column `%s`, row %.0f: %s does not fit %s: %s. %s", names(columns)[[e$column]], e$row,
    describe(value), column$type, conditionMessage(e), cell_cure(column, conditionMessage(e))
  ), row = e$row, column = names(columns)[[e$column]], value = value)
}

cell_cure <- function(column, reason) {
  if (grepl("tag", reason, fixed = TRUE)) {
    return("Make it plain NA with haven::zap_missing().")
  }
  switch(column$target$format,
    float4 = "Give the table a column of type double precision.",
    date = "Cut off times of day, as in floor(x), and make NaN NA.",
    time = ,
    timestamp = "Round it, as in .POSIXct(round(as.numeric(x), 6)), and make NaN NA.",
    text = if (grepl("characters", reason, fixed = TRUE)) {
      "Shorten it, or give the table a wider column."
    } else {
      "Convert it from its encoding with iconv(x, from, \"UTF-8\")."
    },
    int2 = ,
    int4 = ,
    int8 = ,
    float8 = ,
    numeric = "Round or correct it, or give the table a column of a wider type.",
    "Correct it, or give the table a column of type text."
  )
}
