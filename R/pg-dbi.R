# The DBI driver: methods of DBI's generics over pg_connect() and its friends.

#' PostgreSQL through DBI
#'
#' `Pg()` is the driver, `DBI::dbConnect(Pg(), ...)` makes the same connection as [pg_connect()], so
#' that what is written for DBI, dbplyr among it, reads and writes through this package. Both ways
#' of working mix: `pg_read()`, `pg_write()` and `pg_transaction()` take a connection made by
#' `dbConnect()`, and DBI's functions one made by `pg_connect()`.
#'
#' @section Connecting:
#' `dbConnect(Pg(), conninfo = "", ..., bigint = "integer64", numeric = "double",
#' infinity = "error")` takes what [pg_connect()] takes; the last three say once for the connection
#' how DBI's functions read numbers of 64 bits, decimal numbers and infinite dates ([pg_read()]).
#' `dbGetInfo()` names host, port, database, user and versions, never a password; `dbIsReadOnly()`
#' asks the server. A session that was lost stays lost: `dbIsValid()` is `FALSE`, and every call
#' says so.
#'
#' @section Queries:
#' Values go to `$1`, `$2`, ... by position: `dbGetQuery(con, sql, params = list(1L, "a"))`, or
#' later by `dbBind()`; vectors of length n run the statement n times. `dbSendQuery()` leaves the
#' rows on the server: `dbFetch(result, n)` takes the next n in memory that does not grow with the
#' rows yet to come. One result is open at a time; the next statement closes it with a warning, as
#' DBI has it. `dbSendStatement()` is done when it returns; several statements separated by
#' semicolons need `immediate = TRUE` and have no parameters.
#'
#' @section Tables:
#' A name is a table's name as it stands, also with a dot in it; a schema is named by
#' `DBI::Id(schema = "s", table = "t")`. `dbWriteTable()` and `dbAppendTable()` write as
#' [pg_write()] does: all rows or none, doubles bit by bit, and values that a column cannot hold are
#' refused by row. `dbBegin()`, `dbCommit()`, `dbRollback()` and `dbWithTransaction()` are the same
#' transaction as that of [pg_transaction()], which inside of them is a savepoint.
#'
#' @section What is not as DBI says:
#' The package runs DBItest, the tests of DBI's specification. All of its checks hold but two:
#' \describe{
#'   \item{`package_name`}{The name of the package does not begin with R: it is no driver first.}
#'   \item{`connect_bigint_integer`}{`bigint = "integer"` refuses a number beyond 32 bits, naming
#'     its column and row; DBI would have it become `NA`.}
#' }
#'
#' @section Other drivers:
#' RPostgres and RPostgreSQL read and write through the same generics. Theirs reconnect, or answer
#' `NULL`, where a session was lost or a statement failed; here both are errors. Types are those of
#' [pg_read()]: enums are factors, arrays list columns, infinite dates an error by default.
#' @return `Pg()`: an object of class `PgDriver`, for `DBI::dbConnect()`.
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' con <- DBI::dbConnect(Pg(), server$conninfo)
#' DBI::dbWriteTable(con, "cars", mtcars, row.names = TRUE)
#' DBI::dbGetQuery(con, "SELECT cyl, avg(mpg) FROM cars WHERE hp > $1 GROUP BY cyl", list(100))
#'
#' result <- DBI::dbSendQuery(con, "SELECT * FROM cars ORDER BY row_names")
#' while (!DBI::dbHasCompleted(result)) {
#'   print(nrow(DBI::dbFetch(result, 10)))
#' }
#' DBI::dbClearResult(result)
#' DBI::dbDisconnect(con)
#' server$stop()
#' @import DBI
#' @import methods
#' @exportClass PgDriver PgResult
#' @exportMethod dbAppendTable dbBegin dbBind dbClearResult dbColumnInfo dbCommit dbConnect
#' @exportMethod dbCreateTable dbDataType dbDisconnect dbExistsTable dbFetch dbGetInfo dbGetRowCount
#' @exportMethod dbGetRowsAffected dbGetStatement dbHasCompleted dbIsReadOnly dbIsValid dbListFields
#' @exportMethod dbListObjects dbListTables dbQuoteIdentifier dbQuoteLiteral dbQuoteString
#' @exportMethod dbReadTable dbRemoveTable dbRollback dbSendQuery dbSendStatement dbUnloadDriver
#' @exportMethod dbWriteTable show
#' @aliases PgDriver-class PgResult-class dbAppendTable,PgConnection-method
#' @aliases dbBegin,PgConnection-method dbBind,PgResult-method dbClearResult,PgResult-method
#' @aliases dbColumnInfo,PgResult-method dbCommit,PgConnection-method dbConnect,PgDriver-method
#' @aliases dbCreateTable,PgConnection-method dbDataType,PgConnection-method
#' @aliases dbDataType,PgDriver-method dbDisconnect,PgConnection-method
#' @aliases dbExistsTable,PgConnection,Id-method dbExistsTable,PgConnection,character-method
#' @aliases dbFetch,PgResult-method dbGetInfo,PgConnection-method dbGetInfo,PgDriver-method
#' @aliases dbGetRowCount,PgResult-method dbGetRowsAffected,PgResult-method
#' @aliases dbGetStatement,PgResult-method dbHasCompleted,PgResult-method
#' @aliases dbIsReadOnly,PgConnection-method dbIsReadOnly,PgDriver-method
#' @aliases dbIsValid,PgConnection-method dbIsValid,PgDriver-method dbIsValid,PgResult-method
#' @aliases dbListFields,PgConnection,Id-method dbListFields,PgConnection,character-method
#' @aliases dbListObjects,PgConnection-method dbListTables,PgConnection-method
#' @aliases dbQuoteIdentifier,PgConnection,Id-method dbQuoteIdentifier,PgConnection,SQL-method
#' @aliases dbQuoteIdentifier,PgConnection,character-method dbQuoteLiteral,PgConnection-method
#' @aliases dbQuoteString,PgConnection,SQL-method dbQuoteString,PgConnection,character-method
#' @aliases dbReadTable,PgConnection,Id-method dbReadTable,PgConnection,character-method
#' @aliases dbRemoveTable,PgConnection,Id-method dbRemoveTable,PgConnection,character-method
#' @aliases dbRollback,PgConnection-method dbSendQuery,PgConnection,character-method
#' @aliases dbSendStatement,PgConnection,character-method dbUnloadDriver,PgDriver-method
#' @aliases dbWriteTable,PgConnection,Id,data.frame-method
#' @aliases dbWriteTable,PgConnection,character,data.frame-method show,PgDriver-method
#' @aliases show,PgResult-method
#' @export
Pg <- function() {
  new("PgDriver")
}

setClass("PgDriver", contains = "DBIDriver")

# DBI's functions that need no method of ours: a driver passes them on.

#' @export
DBI::Id

#' @export
DBI::dbCanConnect

#' @export
DBI::dbExecute

#' @export
DBI::dbGetQuery

#' @export
DBI::dbUnquoteIdentifier

#' @export
DBI::dbWithTransaction

# ---- The driver ----

setMethod("show", "PgDriver", function(object) {
  cat("The PostgreSQL driver of questrial\nDBI::dbConnect(Pg(), conninfo)\n")
})

setMethod("dbConnect", "PgDriver", function(drv, conninfo = "", ..., bigint = "integer64",
                                            numeric = "double", infinity = "error") {
  con <- pg_connect(conninfo, ...)
  con@state$reading <- list(bigint = bigint, numeric = numeric, infinity = infinity)
  con
})

setMethod("dbGetInfo", "PgDriver", function(dbObj, ...) {
  list(
    driver.version = utils::packageVersion("questrial"),
    client.version = numeric_version(version_in_words(.Call(C_qstr_pg_version)))
  )
})

setMethod("dbIsValid", "PgDriver", function(dbObj, ...) {
  pg_available()
})

setMethod("dbIsReadOnly", "PgDriver", function(dbObj, ...) {
  FALSE
})

setMethod("dbUnloadDriver", "PgDriver", function(drv, ...) {
  invisible(TRUE)
})

setMethod("dbDataType", "PgDriver", function(dbObj, obj, ...) {
  data_type(obj)
})

# ---- A connection ----

setMethod("dbDisconnect", "PgConnection", function(conn, ...) {
  if (!pg_is_open(conn)) {
    qst_warn("closed", "The connection is closed already. There is nothing to do.")
    return(invisible(TRUE))
  }
  close_open_result(conn, "the connection is being closed")
  pg_close(conn)
  invisible(TRUE)
})

setMethod("dbIsValid", "PgConnection", function(dbObj, ...) {
  pg_is_open(dbObj)
})

setMethod("dbGetInfo", "PgConnection", function(dbObj, ...) {
  info <- dbObj@state$info
  list(
    dbname = info$dbname, username = info$user, host = info$host, port = info$port,
    db.version = version_in_words(info$server)
  )
})

setMethod("dbIsReadOnly", "PgConnection", function(dbObj, ...) {
  dbGetQuery(dbObj, "SHOW transaction_read_only")[[1]] == "on"
})

setMethod("dbDataType", "PgConnection", function(dbObj, obj, ...) {
  data_type(obj)
})

# The type a column of such values is created with; of a data frame, one for each column.
data_type <- function(x) {
  if (is.data.frame(x)) {
    return(vapply(x, data_type, ""))
  }
  if (is.null(x)) {
    qst_abort("argument", "`obj` is NULL, which has no type. Give values of the type in question.")
  }
  if (inherits(x, "blob")) "bytea" else new_type(writable_column(as_writable(x), "obj"))
}

# What DBI's drivers write and pg_write() wants said more clearly: times that are not in seconds,
# and the lists that POSIXlt are.
as_writable <- function(x) {
  if (inherits(x, "POSIXlt")) {
    x <- as.POSIXct(x)
  } else if (inherits(x, "difftime")) {
    units(x) <- "secs"
  }
  x
}

# ---- Transactions ----

setMethod("dbBegin", "PgConnection", function(conn, ...) {
  close_open_result(conn, "a transaction begins")
  if (in_transaction(conn)) {
    qst_abort("transaction", paste(
      "dbBegin(): a transaction is open already, and DBI's do not nest. Use pg_transaction(),",
      "which inside of another is a savepoint."
    ))
  }
  begin_level(conn, "BEGIN")
  conn@state$begun <- TRUE
  invisible(TRUE)
})

setMethod("dbCommit", "PgConnection", function(conn, ...) {
  end_begun(conn, "dbCommit()", commit_level)
})

setMethod("dbRollback", "PgConnection", function(conn, ...) {
  end_begun(conn, "dbRollback()", roll_back)
})

end_begun <- function(con, caller, end) {
  close_open_result(con, "its transaction ends")
  check_begun(con, caller)
  end(con, 0L)
  con@state$begun <- FALSE
  invisible(TRUE)
}

# What pg_transaction() began is its own to end.
check_begun <- function(con, caller) {
  if (!in_transaction(con)) {
    con@state$begun <- FALSE
  }
  if (!isTRUE(con@state$begun) || con@state$depth != 1L) {
    qst_abort("transaction", sprintf(
      "%s: no transaction of dbBegin() is open here. Call dbBegin() before it.", caller
    ))
  }
}

# ---- Quoting ----

setMethod("dbQuoteIdentifier", c("PgConnection", "character"), function(conn, x, ...) {
  if (anyNA(x)) {
    qst_abort("argument", "`x` has a missing name. Remove it.")
  }
  SQL(sql_name(as_utf8(x)), names = names(x))
})

setMethod("dbQuoteIdentifier", c("PgConnection", "SQL"), function(conn, x, ...) {
  x
})

setMethod("dbQuoteIdentifier", c("PgConnection", "Id"), function(conn, x, ...) {
  SQL(paste(dbQuoteIdentifier(conn, unname(x@name)), collapse = "."))
})

setMethod("dbQuoteString", c("PgConnection", "character"), function(conn, x, ...) {
  SQL(quote_texts(x), names = names(x))
})

setMethod("dbQuoteString", c("PgConnection", "SQL"), function(conn, x, ...) {
  x
})

setMethod("dbQuoteLiteral", "PgConnection", function(conn, x, ...) {
  if (is(x, "SQL")) {
    return(x)
  }
  SQL(sql_literals(x), names = names(x))
})

# A backslash begins an escape or does not by a setting of the session; E'' is read alike under
# both. Invalid bytes could hide a quote from the server (CVE-2025-1094), so they are refused.
quote_texts <- function(x) {
  text <- gsub("'", "''", as_utf8(x), fixed = TRUE)
  quoted <- sprintf("'%s'", text)
  escape <- grepl("\\", text, fixed = TRUE)
  quoted[escape] <- sprintf(" E'%s'", gsub("\\", "\\\\", text[escape], fixed = TRUE))
  quoted[is.na(x)] <- "NULL"
  quoted
}

as_utf8 <- function(x) {
  x <- enc2utf8(x)
  bad <- which(!validUTF8(x))
  if (length(bad) > 0) {
    qst_abort("argument", sprintf(
      "Element %d of `x` is not valid text in UTF-8. Say what its encoding is: iconv().", bad[[1]]
    ), row = bad[[1]])
  }
  x
}

# Numbers and times carry their type, so that they are read as what they are: 0.1 alone would be a
# decimal number, not the double.
sql_literals <- function(x) {
  if (is.factor(x)) {
    x <- as.character(x)
  }
  if (is.character(x) || length(x) == 0) {
    return(quote_texts(as.character(x)))
  }
  texts <- parameter_texts(x)
  if (is.logical(x) || (is.integer(x) && !is.object(x))) {
    texts <- ifelse(startsWith(texts, "-"), sprintf("(%s)", texts), texts) # "1 --1" is a comment
    return(ifelse(is.na(texts), "NULL", texts))
  }
  paste0(quote_texts(texts), "::", if (is.list(x)) "bytea" else data_type(x))
}
