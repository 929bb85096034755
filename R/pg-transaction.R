# ---- Statements that are run for what they do ----

#' Run a statement on a PostgreSQL server
#'
#' For statements that are run for what they do, not for rows: `CREATE`, `INSERT`, `UPDATE`, `SET`.
#'
#' @inheritParams pg_read
#' @param sql A statement, or without `params` several with semicolons between them, which then are
#'   one transaction.
#' @return How many rows the last statement touched, invisibly; `NA` where that means nothing.
#' @section Errors:
#' `questrial_error_sql` with `sqlstate` where the server refuses; `questrial_error_connection`
#' where the session is lost.
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' con <- pg_connect(server$conninfo)
#' pg_exec(con, "CREATE TABLE visits (id integer PRIMARY KEY, score real)")
#' pg_exec(con, "INSERT INTO visits VALUES ($1, $2)", list(1, 97.5))
#' pg_read(con, "SELECT * FROM visits", key = "id")
#' pg_close(con)
#' server$stop()
#' @export
pg_exec <- function(con, sql, params = list()) {
  handle <- pg_handle(con)
  sql <- enc2utf8(check_string(sql, "sql"))
  values <- parameter_values(params)
  invisible(pg_call(con, .Call(C_qstr_pg_run, handle, sql, values), sql))
}

# ---- Transactions ----

#' All or nothing, and one moment
#'
#' `pg_transaction()` evaluates an expression inside a transaction: what it writes is committed when
#' it ends, and undone where it fails or is interrupted. `pg_snapshot()` evaluates reads that all
#' see the database as it was at one moment, whatever others write meanwhile.
#'
#' @param con A connection made by [pg_connect()].
#' @param expr What to evaluate, in the environment it is written in.
#' @return What `expr` returns, visibly or not as it does. Which moment the last
#'   `pg_snapshot()` saw, in the server's words, is printed with the connection.
#' @details
#' A transaction inside another is a savepoint of it: it is undone alone where it fails and the
#' failure is caught. A statement that failed inside `expr` and was caught there leaves PostgreSQL's
#' transaction unusable: it is then undone and reported, where a plain `COMMIT` would report
#' success; put the statement that may fail in a `pg_transaction()` of its own.
#'
#' Where the session is lost or you interrupt while it commits, nobody can know whether it did: that
#' is `questrial_error_commit_unknown`. Every other error means that nothing was written.
#' @section Errors:
#' Those of `expr`; `questrial_error_sql`, `questrial_error_connection`,
#' `questrial_error_commit_unknown`; `questrial_error_transaction` where the transaction had been
#' ended or had failed behind its back.
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' con <- pg_connect(server$conninfo)
#' pg_exec(con, "CREATE TABLE visits (id integer PRIMARY KEY)")
#' pg_transaction(con, {
#'   pg_exec(con, "INSERT INTO visits VALUES (1)")
#'   pg_exec(con, "INSERT INTO visits VALUES (2)")
#' })
#' pg_snapshot(con, {
#'   first <- pg_read(con, "SELECT count(*) FROM visits", bigint = "integer")
#'   again <- pg_read(con, "SELECT count(*) FROM visits", bigint = "integer")
#' })
#' identical(first, again)
#' pg_close(con)
#' server$stop()
#' @export
pg_transaction <- function(con, expr) {
  check_connection(con)
  check_given(expr, "expr")
  in_level(con, "BEGIN", expr)
}

#' @rdname pg_transaction
#' @export
pg_snapshot <- function(con, expr) {
  check_connection(con)
  check_given(expr, "expr")
  if (in_transaction(con)) {
    check_in_snapshot(con)
    return(expr)
  }
  on.exit(con@state$in_snapshot <- FALSE)
  in_level(con, begin_reading, {
    con@state$snapshot <- read_snapshot(con)
    con@state$in_snapshot <- TRUE
    expr
  })
}

check_in_snapshot <- function(con) {
  if (!isTRUE(con@state$in_snapshot)) {
    qst_abort("transaction", paste(
      "pg_snapshot() inside pg_transaction(): one that has begun sees what others commit.",
      "Put pg_snapshot() outside, or read before the transaction."
    ))
  }
}

# The moment that a transaction sees: the server's name for it, and its clock.
read_snapshot <- function(con) {
  now <- read_catalogue(con, sprintf("SELECT %s::text AS snapshot, now() AS at",
    if (con@state$info$server >= 130000L) "pg_current_snapshot()" else "txid_current_snapshot()"))
  list(snapshot = now$snapshot, at = now$at)
}

# The moment of the last pg_snapshot(), or NULL.
last_snapshot <- function(con) {
  check_connection(con)@state$snapshot
}

# ---- Their parts ----

in_transaction <- function(con) {
  .Call(C_qstr_pg_info, pg_handle(con))$transaction != "I"
}

begin_reading <- "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

# Reads inside the transaction that is open, else in one of its own that cannot write.
in_read_only <- function(con, expr) {
  if (in_transaction(con)) expr else in_level(con, begin_reading, expr)
}

# Evaluates `expr` on a level of its own, which is undone where it fails.
in_level <- function(con, begin, expr) {
  level <- begin_level(con, begin)
  done <- FALSE
  on.exit(if (!done) roll_back(con, level))
  value <- withVisible(expr)
  commit_level(con, level)
  done <- TRUE
  if (value$visible) value$value else invisible(value$value)
}

# A transaction, or a savepoint of the one that is open. A level is the number of those around it.
begin_level <- function(con, begin) {
  if (in_transaction(con)) {
    con@state$depth <- max(con@state$depth, 1L)
    pg_exec(con, sprintf("SAVEPOINT %s", savepoint_name(con@state$depth)))
  } else {
    con@state$depth <- 0L
    pg_exec(con, begin)
  }
  con@state$depth <- con@state$depth + 1L
  con@state$depth - 1L
}

savepoint_name <- function(level) {
  sprintf("questrial_%d", level)
}

commit_level <- function(con, level) {
  check_can_commit(con)
  if (level > 0L) {
    pg_exec(con, sprintf("RELEASE SAVEPOINT %s", savepoint_name(level)))
  } else {
    tryCatch(pg_exec(con, "COMMIT"), questrial_error_connection = raise_unknown_commit,
      interrupt = raise_interrupted_commit)
  }
  con@state$depth <- level
}

# COMMIT of a failed transaction succeeds, and undoes it.
check_can_commit <- function(con) {
  state <- .Call(C_qstr_pg_info, pg_handle(con))$transaction
  if (state == "E") {
    qst_abort("transaction", paste(
      "A statement failed inside the transaction and its error was caught, so all of it is undone.",
      "Put the statement that may fail in a pg_transaction() of its own."
    ))
  }
  if (state == "I") {
    qst_abort("transaction", paste(
      "The transaction had been ended by a COMMIT or ROLLBACK inside of it.",
      "Leave both to pg_transaction()."
    ))
  }
}

# The wish to stop may have come to the server before the end of the COMMIT or after it.
raise_interrupted_commit <- function(e) {
  qst_abort("commit_unknown", paste(
    "The transaction was interrupted while it committed: whether it was written is not known.",
    "Look for its rows before writing them again."
  ), sqlstate = "08007")
}

raise_unknown_commit <- function(e) {
  stop(errorCondition(paste(
    "The session was lost while it committed: whether the transaction was written is not known.",
    "Look for its rows before writing them again.", conditionMessage(e)
  ), class = c("questrial_error_commit_unknown", class(e)), sqlstate = "08007", call = NULL))
}

# What is lost is undone by the server; no failure here may hide the one that led here.
roll_back <- function(con, level) {
  con@state$depth <- level
  if (!pg_is_open(con)) {
    return(invisible())
  }
  .Call(C_qstr_pg_abandon, con@state$handle)
  if (!in_transaction(con)) {
    return(invisible())
  }
  sql <- if (level > 0L) {
    name <- savepoint_name(level)
    sprintf("ROLLBACK TO SAVEPOINT %s; RELEASE SAVEPOINT %s", name, name)
  } else {
    "ROLLBACK"
  }
  tryCatch(pg_exec(con, sql), questrial_error = function(e) NULL)
  invisible()
}
