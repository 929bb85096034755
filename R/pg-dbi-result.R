# Results of DBI::dbSendQuery(): rows that stay with the server until they are fetched.

# `state` is an environment:
#   con         the connection
#   sql         the statement as it was given
#   statement   what the server says of it: names and types of its columns, of its parameters
#   waiting     values of the parameters, one list for each run still to come; NULL: none bound
#   rows        the run whose rows are arriving; NULL: none
#   kept        rows of a statement that was run to its end, not yet fetched; NULL: none
#   is_query    sent by dbSendQuery(): its rows come as they are fetched
#   is_open     FALSE once cleared
#   is_prepared the server still has the statement as the last it prepared
#   n_fetched, n_affected
setClass("PgResult", contains = "DBIResult", slots = c(state = "environment"))

setMethod("show", "PgResult", function(object) {
  state <- object@state
  cat(sprintf("A result of questrial's PostgreSQL driver%s\n",
    if (state$is_open) "" else ", cleared"))
  cat(sprintf("  SQL: %s\n", strtrim(gsub("\\s+", " ", state$sql), 70)))
  cat(sprintf("  rows fetched: %s%s\n", format(state$n_fetched, big.mark = ",", scientific = FALSE),
    if (is_complete(state)) " (all)" else ""))
})

# ---- Sending ----

setMethod("dbSendQuery", c("PgConnection", "character"), function(conn, statement, params = NULL,
                                                                 ..., immediate = FALSE) {
  check_no_dots(...)
  check_flag(immediate, "immediate")
  send_statement(conn, statement, params, is_query = TRUE)
})

setMethod("dbSendStatement", c("PgConnection", "character"), function(conn, statement,
                                                                     params = NULL, ...,
                                                                     immediate = FALSE) {
  check_no_dots(...)
  check_flag(immediate, "immediate")
  if (immediate && length(params) == 0) {
    return(send_at_once(conn, statement))
  }
  send_statement(conn, statement, params, is_query = FALSE)
})

send_statement <- function(con, sql, params, is_query) {
  check_string(sql, "statement")
  close_open_result(con, "another statement was sent")
  state <- new_result(con, sql, is_query)
  prepare_result(state)
  if (length(state$statement$parameters) == 0 && length(params) == 0) {
    state$waiting <- list(character())
  } else if (!is.null(params)) {
    state$waiting <- parameter_rows(state, params)
  }
  run_if_bound(state)
  con@state$result <- state
  new("PgResult", state = state)
}

# Several statements, or one, in the server's simple protocol: done when it returns.
send_at_once <- function(con, sql) {
  check_string(sql, "statement")
  close_open_result(con, "another statement was sent")
  state <- new_result(con, sql, FALSE)
  state$waiting <- list()
  state$n_affected <- pg_exec(con, sql)
  con@state$result <- state
  new("PgResult", state = state)
}

new_result <- function(con, sql, is_query) {
  state <- new.env(parent = emptyenv())
  state$con <- con
  state$sql <- as.character(sql)
  state$is_query <- is_query
  state$is_open <- TRUE
  state$n_fetched <- 0
  state$n_affected <- 0
  state
}

# The server keeps one prepared statement, the last: other calls may have come since.
prepare_result <- function(state) {
  state$statement <- prepare_statement(state$con, state$sql, state$con@state$reading)
  state$is_prepared <- TRUE
}

# Rows of a query wait at the server until they are fetched; everything else is done at once.
run_if_bound <- function(state) {
  if (is.null(state$waiting)) {
    return(invisible())
  }
  if (is_lazy(state)) {
    start_next(state)
  } else {
    state$kept <- fetch_waiting(state, Inf)
  }
}

is_lazy <- function(state) {
  state$is_query && length(state$statement$names) > 0
}

# ---- Parameters ----

setMethod("dbBind", "PgResult", function(res, params, ...) {
  state <- open_state(res)
  if (length(state$statement$parameters) == 0) {
    qst_abort("argument", "The statement has no parameters. Write $1, $2 where values are to go.")
  }
  stop_arriving(state)
  state$waiting <- parameter_rows(state, params)
  state$is_prepared <- FALSE
  state$n_fetched <- 0
  state$n_affected <- 0
  run_if_bound(state)
  invisible(res)
})

# Values of the parameters, one character vector for each run of the statement; NA is NULL.
parameter_rows <- function(state, params) {
  params <- as.list(params)
  check_params(params, length(state$statement$parameters))
  params <- factors_as_text(params, "params")
  columns <- lapply(params, parameter_texts)
  n <- unique(lengths(columns))
  if (length(n) > 1) {
    qst_abort("argument", sprintf(
      "`params` have lengths %s. Give one value for each run of the statement to all of them.",
      join_words(lengths(columns))
    ))
  }
  lapply(seq_len(n), function(i) vapply(columns, function(column) column[[i]], ""))
}

check_params <- function(params, n) {
  if (!is.null(names(params))) {
    qst_abort("argument", paste(
      "`params` must have no names, as $1 is its first element whatever it is called.",
      "Give them in order, through unname() if need be."
    ))
  }
  if (length(params) != n) {
    qst_abort("argument", sprintf(
      "`params` has %d elements, but the statement has %d parameter%s. Give one for each.",
      length(params), n, if (n == 1) "" else "s"
    ))
  }
}

parameter_texts <- function(values) {
  if (is.list(values) && !is.object(values)) {
    return(vapply(values, as_parameter, ""))
  }
  vapply(seq_along(values), function(i) as_parameter(values[i]), "")
}

# ---- Fetching ----

# `...`: dbGetQuery() gives both halves of its work all that it was given.
setMethod("dbFetch", "PgResult", function(res, n = -1, ...) {
  state <- open_state(res)
  state$is_prepared <- FALSE
  n <- check_n(n)
  if (is.null(state$waiting)) {
    qst_abort("argument", "The statement's parameters have no values. Call dbBind() first.")
  }
  if (length(state$statement$names) == 0) {
    qst_warn("no_rows", "The statement gives no rows. Ask dbGetRowsAffected() what it did.")
    return(data.frame())
  }
  rows <- if (is_lazy(state)) fetch_waiting(state, n) else take_kept(state, n)
  state$n_fetched <- state$n_fetched + nrow(rows)
  rows
})

check_n <- function(n) {
  n <- check_number(n, "n", min = -1, whole = is.finite(n))
  if (n == -1) Inf else n
}

# Up to `n` rows of the runs still to come, one run after the other.
fetch_waiting <- function(state, n) {
  parts <- list()
  left <- n
  while (left > 0 && start_next(state)) {
    part <- fetch_arriving(state, left)
    left <- left - nrow(part)
    parts[[length(parts) + 1]] <- part
  }
  join_frames(parts, empty_rows(state$statement))
}

# Whether there is a run whose rows arrive, or one that could be started.
start_next <- function(state) {
  if (is.null(state$rows) && length(state$waiting) > 0) {
    if (!state$is_prepared) {
      prepare_result(state)
    }
    state$rows <- start_rows(state$con, state$statement, state$waiting[[1]])
    state$waiting <- state$waiting[-1]
  }
  !is.null(state$rows)
}

fetch_arriving <- function(state, n) {
  part <- next_rows(state$rows, n)
  if (rows_at_end(state$rows)) {
    touched <- rows_touched(state$rows)
    state$n_affected <- state$n_affected + if (state$is_query || is.na(touched)) 0 else touched
    state$rows <- NULL
  }
  part
}

take_kept <- function(state, n) {
  n <- min(n, nrow(state$kept))
  taken <- state$kept[seq_len(n), , drop = FALSE]
  state$kept <- state$kept[seq_len(nrow(state$kept)) > n, , drop = FALSE]
  rownames(taken) <- NULL
  taken
}

# The frames have the same columns; `none` is what no frame at all is.
join_frames <- function(parts, none) {
  if (length(parts) <= 1) {
    return(if (length(parts) == 1) parts[[1]] else none)
  }
  columns <- lapply(seq_along(none), function(j) {
    values <- do.call(c, lapply(parts, function(part) unclass(part[[j]])))
    attributes(values) <- attributes(none[[j]])
    values
  })
  structure(columns, names = names(none), class = "data.frame",
    row.names = .set_row_names(sum(vapply(parts, nrow, 1L))))
}

# ---- What is known of a result ----

setMethod("dbIsValid", "PgResult", function(dbObj, ...) {
  dbObj@state$is_open && pg_is_open(dbObj@state$con)
})

setMethod("dbGetStatement", "PgResult", function(res, ...) {
  open_state(res)$sql
})

setMethod("dbHasCompleted", "PgResult", function(res, ...) {
  is_complete(open_state(res))
})

setMethod("dbGetRowCount", "PgResult", function(res, ...) {
  open_state(res)$n_fetched
})

setMethod("dbGetRowsAffected", "PgResult", function(res, ...) {
  state <- open_state(res)
  if (is.null(state$waiting)) NA_integer_ else state$n_affected
})

setMethod("dbColumnInfo", "PgResult", function(res, ...) {
  statement <- open_state(res)$statement
  empty <- empty_rows(statement)
  data.frame(
    name = names(empty), type = vapply(empty, typeof, "", USE.NAMES = FALSE),
    .class = vapply(empty, function(x) class(x)[[1]], "", USE.NAMES = FALSE),
    .typname = statement$rules$type, .oid = statement$oids
  )
})

is_complete <- function(state) {
  !is.null(state$waiting) && length(state$waiting) == 0 && is.null(state$rows) &&
    NROW(state$kept) == 0
}

open_state <- function(res) {
  state <- res@state
  if (!state$is_open) {
    qst_abort("closed", "The result has been cleared. Send the query again: dbSendQuery().")
  }
  if (!pg_is_open(state$con)) {
    qst_abort("connection", "The result's connection is closed. Connect again: dbConnect().")
  }
  state
}

# ---- The end of a result ----

setMethod("dbClearResult", "PgResult", function(res, ...) {
  if (!res@state$is_open) {
    qst_warn("closed", "The result has been cleared already. There is nothing to do.")
  } else {
    clear_result(res@state)
  }
  invisible(TRUE)
})

clear_result <- function(state) {
  state$is_open <- FALSE
  state$con@state$result <- NULL
  stop_arriving(state)
  state$waiting <- list()
  state$kept <- NULL
}

stop_arriving <- function(state) {
  if (!is.null(state$rows) && pg_is_open(state$con)) {
    stop_rows(state$rows)
  }
  state$rows <- NULL
}

# A connection has one result at a time; `why` ends the sentence that says so.
close_open_result <- function(con, why) {
  state <- con@state$result
  if (!is.null(state)) {
    clear_result(state)
    qst_warn("closed", sprintf(
      "A result was still open and is closed, as %s. Close it with dbClearResult().", why
    ))
  }
}
