#' Read from a PostgreSQL server
#'
#' Runs a query and returns its rows. Values travel in the server's binary format and are decoded
#' straight into R's columns: each type exactly, by a rule you name, or with an error that names
#' column and row.
#'
#' @param con A connection made by [pg_connect()].
#' @param sql One statement. Values are written `$1`, `$2`, ... and given in `params`, never pasted.
#' @param params A list of values, one for each `$` number; each of length 1. `NA` and `NULL` are
#'   SQL's NULL. The server converts them to the types it finds in the statement.
#' @param key Names of columns that together must be unique and not missing. Rows are returned in
#'   their order (text in the order of its bytes). `NULL`: as the server sends them, which
#'   without an `ORDER BY` can differ from one run to the next.
#' @param bigint What 64-bit integers become: `"integer64"` of the package bit64, `"numeric"`
#'   (an error where a double is not exact), `"integer"` (an error beyond 32 bits) or `"character"`.
#' @param numeric What decimals become: `"double"`, the nearest one, with a warning that counts
#'   those that lose digits, or `"character"`.
#' @param infinity What `infinity` among dates and times is: an `"error"`, `"Inf"`, or `"NA"`.
#' @return A data frame, a row for each row and a column for each column of the result; what each
#'   type becomes is on the page [pg_types]. Columns of one name are kept, with the warning
#'   `questrial_warning_same_names`.
#' @details
#' Outside of a transaction the query runs in one of its own, `REPEATABLE READ READ ONLY`: a
#' statement that writes is refused (use [pg_exec()], or put it in [pg_transaction()]). An interrupt
#' (Ctrl-C) cancels the query on the server and returns; the connection can be used further.
#'
#' In RPostgres, `dbGetQuery()` reads text and rewrites it, changing some values in silence
#' (infinite dates, dates before Christ, `oid`, `money`).
#' @section Errors:
#' `questrial_error_sql` with `sqlstate`, `detail`, `hint`, `position` where the server refuses;
#' `questrial_error_connection` where the session is lost; `questrial_error_range` with `row` and
#' `column` where a value cannot be held; `questrial_error_key` with `row` where a key is missing
#' or not unique.
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' con <- pg_connect(server$conninfo)
#' pg_read(con, "SELECT x, x * x AS square FROM generate_series(1, $1) AS x", list(3), key = "x")
#' pg_close(con)
#' server$stop()
#' @export
pg_read <- function(con, sql, params = list(), key = NULL, bigint = "integer64",
                    numeric = "double", infinity = "error") {
  reading <- list(bigint = bigint, numeric = numeric, infinity = infinity)
  check_connection(con)
  check_string(sql, "sql")
  values <- parameter_values(params)
  data <- in_read_only(con, read_whole(con, sql, reading, values))
  if (is.null(key)) data else order_by_key(data, key)
}

read_whole <- function(con, sql, reading, values) {
  rows <- start_query(con, sql, reading, values)
  on.exit(stop_rows(rows))
  next_rows(rows, Inf)
}

start_query <- function(con, sql, reading, values) {
  statement <- prepare_statement(con, sql, reading)
  check_gives_rows(statement$names, sql)
  warn_of_same_names(statement$names)
  start_rows(con, statement, values)
}

check_gives_rows <- function(names, sql) {
  if (length(names) > 0) {
    return(invisible())
  }
  words <- gsub("(?s)--[^\n]*|/[*].*?[*]/", " ", sql, perl = TRUE)
  qst_abort("argument", if (!grepl("[^;[:space:]]", words)) {
    "`sql` holds no statement. Write a query, as in \"SELECT * FROM visits\"."
  } else if (grepl("^\\s*copy\\b", words, ignore.case = TRUE)) {
    "`sql` is a COPY. Give the query or SELECT * FROM the table alone: it is read by COPY anyway."
  } else if (grepl("^\\s*(begin|start|commit|rollback)\\b", words, ignore.case = TRUE)) {
    "`sql` begins or ends a transaction. Put what belongs together into pg_transaction()."
  } else {
    "`sql` is a statement that gives no rows. Run it with pg_exec()."
  })
}

warn_of_same_names <- function(names) {
  twice <- unique(names[duplicated(names)])
  if (length(twice) > 0) {
    qst_warn("same_names", sprintf(paste(
      "`sql` gives several columns named %s, of which $ and [[ find the first.",
      "Name them apart in the query, with AS."
    ), enumerate(twice)), column = twice)
  }
}

# ---- Statements and their rows: what pg_read(), pg_stream() and DBI's results stand on ----

# Parses a statement. `reading` holds bigint, numeric and infinity. Types that servers number
# differently are looked up in between, which replaces the prepared statement by that query's.
prepare_statement <- function(con, sql, reading) {
  handle <- pg_handle(con)
  sql <- enc2utf8(sql)
  prepare <- function() pg_call(con, .Call(C_qstr_pg_prepare, handle, sql), sql)
  shape <- prepare()
  look_up <- function(query) read_catalogue(con, query)
  rules <- do.call(column_rules, c(list(shape[c("name", "oid")], look_up), reading))
  if (!all(shape$oid %in% c(pg_builtin_types$oid, pg_builtin_types$array_oid))) {
    prepare()
  }
  list(sql = sql, names = shape$name, oids = shape$oid, parameters = shape$params,
    tables = shape$table, rules = rules)
}

# Rows of the server's catalogue, by a query of types that are known without it.
read_catalogue <- function(con, query) {
  statement <- prepare_statement(con, query, list())
  rows <- start_rows(con, statement, character())
  on.exit(stop_rows(rows))
  next_rows(rows, Inf)
}

# Sends a statement off that was prepared last. `values`: texts to bind, NA is NULL.
start_rows <- function(con, statement, values) {
  if (length(values) != length(statement$parameters)) {
    qst_abort("argument", sprintf(
      "`params` has %d values, but the statement takes %d. Give one for each $ number.",
      length(values), length(statement$parameters)
    ))
  }
  copy <- copy_around(statement)
  sent <- if (is.null(copy)) statement$sql else copy
  handle <- pg_call(con, sql = sent,
    expr = .Call(C_qstr_pg_start, pg_handle(con), values, copy, statement$rules))
  list(con = con, statement = statement, handle = handle, sent = sent)
}

# The binary COPY of a query's rows, which costs libpq half of what its rows one by one do; NULL
# where there are parameters, which COPY does not take, or the statement may be no single query.
copy_around <- function(statement) {
  sql <- sub("[;[:space:]]+$", "", statement$sql)
  is_query <- grepl("^[[:space:](]*(select|with|values|table)\\b", sql, ignore.case = TRUE)
  if (is_query && length(statement$parameters) == 0 && !grepl(";", sql, fixed = TRUE)) {
    paste0("COPY (", sql, "\n) TO STDOUT (FORMAT binary)")
  }
}

# Up to `n` rows more, as a data frame.
next_rows <- function(rows, n) {
  before <- rows_fetched(rows)
  n <- if (is.finite(n)) n else -1
  fetched <- with_column_names(rows$statement, pg_call(rows$con, sql = rows$sent,
    expr = .Call(C_qstr_pg_fetch, rows$handle, n)))
  frame_of_rows(rows$statement, fetched, rows_fetched(rows) - before, before)
}

# What a value could not be held says which column by its number: the name says more.
with_column_names <- function(statement, expr) {
  tryCatch(expr, questrial_error = function(e) {
    if (is.null(e$column) || !is.numeric(e$column) || is.na(e$column)) {
      stop(e)
    }
    name <- statement$names[[e$column]]
    e$message <- sprintf("Column `%s`, row %s: %s", name, format(e$row, big.mark = ""), e$message)
    e$column <- name
    stop(e)
  })
}

frame_of_rows <- function(statement, fetched, n, before) {
  columns <- dress_columns(fetched, statement$names, statement$rules, before)
  names(columns) <- statement$names
  attr(columns, "row.names") <- .set_row_names(n)
  class(columns) <- "data.frame"
  columns
}

# The data frame without rows that a statement would give.
empty_rows <- function(statement) {
  handle <- .Call(C_qstr_pg_no_rows, statement$rules)
  frame_of_rows(statement, .Call(C_qstr_pg_fetch, handle, -1), 0L, 0)
}

rows_at_end <- function(rows) {
  .Call(C_qstr_pg_progress, rows$handle)[[1]] == 1
}

rows_fetched <- function(rows) {
  .Call(C_qstr_pg_progress, rows$handle)[[2]]
}

# How many rows the statement touched; NA where that means nothing.
rows_touched <- function(rows) {
  .Call(C_qstr_pg_progress, rows$handle)[[3]]
}

# Ends a result, read or not: the server stops sending. A lost session has nothing to end.
stop_rows <- function(rows) {
  tryCatch(.Call(C_qstr_pg_stop, rows$handle), questrial_error_connection = function(e) NULL)
  invisible()
}

# ---- Parameters ----

# The values of a list, as the texts that are bound.
parameter_values <- function(params) {
  if (!is.list(params) || is.data.frame(params)) {
    qst_abort("argument", sprintf(
      "`params` must be a list of values for $1, $2, ..., not %s. Wrap it in list().",
      describe(params)
    ))
  }
  if (!is.null(names(params))) {
    qst_abort("argument", paste(
      "`params` must have no names, as $1 is its first value whatever it is called.",
      "Give the values in the order of their $ numbers, through unname() if need be."
    ))
  }
  vapply(seq_along(params), function(k) {
    as_parameter(params[[k]], sprintf("params[[%d]]", k))
  }, "")
}

# One value as the text that the server reads back to the same value.
as_parameter <- function(x, arg = "params") {
  if (is.null(x)) {
    return(NA_character_)
  }
  if (is.raw(x)) {
    return(paste0("\\x", paste(format(x), collapse = "")))
  }
  if (inherits(x, "POSIXlt")) {
    x <- as.POSIXct(x)
  }
  if (is.list(x) && length(x) == 1) {
    x <- x[[1]]
    return(as_parameter(x, arg))
  }
  if (!is.atomic(x) || length(x) != 1) {
    qst_abort("argument", sprintf(
      "`%s` must be a single value, not %s.%s", arg, describe(x),
      if (is.atomic(x)) " Give an array as text, \"{1,2,3}\", to = ANY($1)." else ""
    ))
  }
  if (is.na(x) && !is.nan(unclass(x))) NA_character_ else enc2utf8(value_text(x))
}

value_text <- function(x) {
  if (inherits(x, "integer64")) {
    as.character(x)
  } else if (inherits(x, "Date")) {
    date_text(x)
  } else if (inherits(x, "POSIXct")) {
    time_text(unclass(x))
  } else if (inherits(x, "difftime")) {
    clock_text(as.double(x, units = "secs"))
  } else if (is.logical(x)) {
    if (x) "true" else "false"
  } else if (is.double(x)) {
    double_text(x)
  } else {
    as.character(x)
  }
}

# The fewest digits that are read back as the same double, so that 0.1 is equal to numeric's 0.1;
# whole numbers without an exponent, so that they are integers too.
double_text <- function(x) {
  if (is.finite(x) && abs(x) <= 2^53 && x == trunc(x)) {
    sprintf("%.0f", x)
  } else if (is.finite(x)) {
    texts <- sprintf("%.*g", 15:17, x)
    texts[match(x, as.double(texts))]
  } else if (is.nan(x)) {
    "NaN"
  } else if (x > 0) {
    "Infinity"
  } else {
    "-Infinity"
  }
}

# What both time and interval read: hours, minutes, seconds to the microsecond.
clock_text <- function(seconds) {
  micros <- round(abs(seconds) * 1e6)
  whole <- micros %/% 1e6
  sprintf("%s%02.0f:%02.0f:%02.0f.%06.0f", if (seconds < 0) "-" else "", whole %/% 3600,
    whole %/% 60 %% 60, whole %% 60, micros %% 1e6)
}

# Days since 1970-01-01 as the server writes them, years before Christ and infinity too.
date_text <- function(days) {
  days <- unclass(days)
  if (is.infinite(days)) {
    return(if (days > 0) "infinity" else "-infinity")
  }
  paste0(day_text(floor(days)), if (is_before_christ(days)) " BC")
}

# Seconds since 1970, in UTC, to the microsecond.
time_text <- function(seconds) {
  if (is.infinite(seconds)) {
    return(if (seconds > 0) "infinity" else "-infinity")
  }
  days <- floor(seconds / 86400)
  micros <- round((seconds - days * 86400) * 1e6)
  if (micros == 86400e6) {
    days <- days + 1
    micros <- 0
  }
  whole <- micros %/% 1e6
  sprintf("%s %02d:%02d:%02d.%06d+00%s", day_text(days), as.integer(whole %/% 3600),
    as.integer(whole %/% 60 %% 60), as.integer(whole %% 60), as.integer(micros %% 1e6),
    if (is_before_christ(days)) " BC" else "")
}

# There is no year 0 in SQL: it is 1 BC.
day_text <- function(days) {
  date <- as.POSIXlt(.Date(days))
  year <- date$year + 1900
  sprintf("%04.0f-%02d-%02d", if (year < 1) 1 - year else year, date$mon + 1L, date$mday)
}

is_before_christ <- function(days) {
  as.POSIXlt(.Date(floor(days)))$year + 1900 < 1
}

# ---- The order of rows ----

# The rows in the order of the key, which must be there and unique.
order_by_key <- function(data, key) {
  parts <- lapply(data[check_columns(data, key, "key")], key_part)
  check_no_missing_key(parts, key)
  order <- do.call(base::order, c(unname(unlist(parts, recursive = FALSE)), method = "radix"))
  check_unique_key(parts, key, order)
  if (!is.unsorted(order)) {
    return(data)
  }
  for (j in seq_along(data)) {
    values <- unclass(data[[j]])[order]
    attributes(values) <- attributes(data[[j]])
    data[[j]] <- values
  }
  data
}

# Vectors whose order is that of the column: one, or of 64-bit integers the two halves.
key_part <- function(x) {
  if (inherits(x, "integer64")) {
    return(int64_halves(x))
  }
  if (!is.atomic(x)) {
    qst_abort("key", "A list cannot be a key. Name columns of single values.")
  }
  list(if (is.character(x)) x else as.vector(unclass(x)))
}

# The high 32 bits with their sign and the low ones without, as doubles. What R takes for NA is
# the bits 1000...0; both halves of NA together are those and 0.
int64_halves <- function(x) {
  halves <- as.double(readBin(writeBin(unclass(x), raw()), "integer", 2 * length(x)))
  low <- halves[c(TRUE, FALSE)]
  high <- halves[c(FALSE, TRUE)]
  missing <- is.na(high) & low %in% 0
  high[is.na(high)] <- -2^31
  low[is.na(low)] <- -2^31
  high[missing] <- NA
  list(high, low + (low < 0) * 2^32)
}

check_no_missing_key <- function(parts, key) {
  for (k in seq_along(parts)) {
    row <- match(TRUE, is.na(parts[[k]][[1]]))
    if (!is.na(row)) {
      qst_abort("key", sprintf(
        "`key`: column `%s` is missing in row %d. Leave such rows out in the query.", key[[k]], row
      ), row = row, column = key[[k]])
    }
  }
}

check_unique_key <- function(parts, key, order) {
  n <- length(order)
  same <- rep(TRUE, max(n - 1L, 0L))
  for (part in unlist(parts, recursive = FALSE)) {
    sorted <- part[order]
    same <- same & sorted[-1] == sorted[-n]
  }
  at <- match(TRUE, same)
  if (!is.na(at)) {
    rows <- sort(order[at + 0:1])
    qst_abort("key", sprintf(
      "`key`: rows %d and %d have the same %s. Name more columns, or count them in the query.",
      rows[[1]], rows[[2]], enumerate(key)
    ), row = rows, column = key)
  }
}
