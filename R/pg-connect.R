# ---- The class ----

#' A session with a PostgreSQL server
#'
#' What [pg_connect()] and `DBI::dbConnect(Pg(), ...)` return. Everything about it stands in the
#' environment `state`, so that copies of a connection are the same session.
#'
#' @slot state An environment: `handle`, the session of the C library; `info`, what it is and
#'   where, without any secret; `depth`, how many transactions are open inside each other.
#' @aliases PgConnection
#' @keywords internal
#' @import DBI
#' @import methods
#' @exportClass PgConnection
setClass("PgConnection", contains = "DBIConnection", slots = list(state = "environment"))

#' @rdname PgConnection-class
#' @param object A connection.
#' @export
setMethod("show", "PgConnection", function(object) {
  cat(describe_connection_in_words(object), sep = "\n")
})

#' @rdname PgConnection-class
#' @param x A connection.
#' @param ... Not used.
#' @export
format.PgConnection <- function(x, ...) {
  describe_connection_in_words(x)[[1]]
}

describe_connection_in_words <- function(con) {
  info <- con@state$info
  place <- if (startsWith(info$host, "/") || !nzchar(info$host)) {
    "this machine"
  } else {
    sprintf("%s:%s", info$host, info$port)
  }
  words <- sprintf("PostgreSQL %s: database %s on %s as %s%s", version_in_words(info$server),
    info$dbname, place, info$user, if (info$encrypted) ", encrypted" else "")
  if (!pg_is_open(con)) {
    words <- c(words, "The session has ended. Open another with pg_connect().")
  } else if (in_transaction(con)) {
    words <- c(words, "In a transaction.")
  }
  moment <- con@state$snapshot
  c(words, if (!is.null(moment)) {
    sprintf("Last snapshot: %s at %s UTC.", moment$snapshot, format(moment$at))
  })
}

# 150018 is 15.18.
version_in_words <- function(number) {
  sprintf("%d.%d", number %/% 10000L, number %% 10000L)
}

# ---- Opening and closing ----

#' Connect to a PostgreSQL server
#'
#' Opens one session by the rules of PostgreSQL's own library: what is not given comes from the
#' service file, the `PG*` environment variables and the password file.
#'
#' @param conninfo Where and as whom: `"host=db.example.org dbname=trial user=reader"`, or
#'   `"postgresql://reader@db.example.org/trial"`; `""` leaves it to the environment.
#' @param ... Further keywords of libpq, as in `connect_timeout = 5`; they win over `conninfo`.
#' @param certificate `"verify"`: a host that is not this machine must prove by its certificate
#'   that it is the one named (`sslmode=verify-full`). `"do not verify"` gives that up in words: the
#'   `sslmode` you ask for is then used, or `require`.
#' @return A connection for [pg_read()], [pg_exec()] and DBI's functions. It prints host, database
#'   and user, never a secret.
#' @details
#' The session speaks UTF-8 and its clock is UTC, whatever the server's defaults are. It must
#' stand within `connect_timeout` seconds (10), and you can interrupt the wait. That holds for all
#' that goes over the network to the server, certificates and passwords too, but not for finding
#' the address of a host's name: this the system does by its own limits, on Linux those of
#' `/etc/resolv.conf` (usually 10 s for each name server), and it cannot be interrupted. Where name
#' servers may be down, give `hostaddr` beside `host`.
#'
#' A session that is lost stays lost: every later call says so, and nothing connects again by
#' itself, as the transaction, the settings and the locks of the lost session would silently be gone
#' with it (RPostgres connects again). A process forked from this one cannot use it.
#' @section What is refused before anything is sent:
#' A connection string is read more strictly than libpq does it, which sends or prints a piece of
#' the password when one is written wrongly: `postgresql:/me:secret@host` is a database's name to
#' it, the tail of `me:sec@ret@host` a host's. Refused are words without `=`, keywords that do not
#' exist, `@` and `://` in hosts and databases, `:` in users, ports that are no number, and an `@`
#' or `/` in the password of a URI that is not written `%40` or `%2F`. No message repeats what was
#' given. A password is best left to the password file (`~/.pgpass`) or a service; one that is given
#' here is in no print, error, traceback, dump or saved object, and what the server says is
#' searched for it. (Objects that keep calls, as rlang's backtraces do, show your own code.)
#' @section Certificates:
#' libpq's own default takes any server for the one that was meant. Here a host other than a
#' socket, localhost, 127.0.0.0/8 and ::1 must prove itself, by the authorities of
#' `~/.postgresql/root.crt` or `sslrootcert`; libpq 16 and later take `sslrootcert = "system"`.
#' @section Errors:
#' `questrial_error_argument` where the settings cannot be used;
#' `questrial_error_connection` where no session can be opened, with the field `sqlstate` (`NA`
#' where no server answered); `questrial_error_no_libpq` where the package was built without libpq.
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' con <- pg_connect(server$conninfo)
#' con
#' pg_close(con)
#' server$stop()
#' @export
pg_connect <- function(conninfo = "", ..., certificate = "verify") {
  settings <- .Call(C_qstr_pg_conninfo, conninfo, list(...), sys.calls())
  on.exit(.Call(C_qstr_pg_conninfo_uncover, settings))
  forget_arguments(sys.frames(), lapply(seq_len(sys.nframe()), sys.function))
  need_libpq()
  settings <- connection_settings(settings, certificate)
  handle <- tryCatch(
    .Call(C_qstr_pg_open, settings),
    questrial_error_connection = raise_no_session
  )
  state <- new.env(parent = emptyenv())
  state$handle <- handle
  state$info <- .Call(C_qstr_pg_info, handle)
  state$depth <- 0L
  con <- new("PgConnection", state = state)
  pg_exec(con, session_defaults)
  warn_of_role(con)
  con
}

# What a server said in libpq's verbose words, as in "FATAL:  3D000: database ...", then a hint,
# then a line on the server's source: the code goes into a field, that line away.
raise_no_session <- function(e) {
  words <- sub("\n[^\n]*[.]c:[0-9]+\\s*$", "", conditionMessage(e))
  code <- regmatches(words, regexec(":  ([0-9A-Z]{5}): ", words))[[1]]
  if (length(code) > 0) {
    words <- sub(code[[1]], ":  ", words, fixed = TRUE)
  }
  words <- sub("\\s+$", "", words)
  qst_abort("connection", c(words, no_session_cure(words, code[2])), sqlstate = code[2])
}

# What libpq's words leave open: what to change.
no_session_cure <- function(words, sqlstate) {
  what <- if (!is.na(sqlstate)) {
    sqlstate
  } else if (grepl("no password supplied", words, fixed = TRUE)) {
    "28P01"
  } else if (grepl("does not support SSL", words, fixed = TRUE)) {
    "no SSL"
  } else if (grepl("certificate", words, fixed = TRUE)) {
    "certificate"
  } else if (grepl("definition of service", words, fixed = TRUE)) {
    "no service"
  } else {
    "no server"
  }
  switch(what,
    `no server` = paste(
      "Start the server, or say where it is: host, port, or the environment variables PGHOST and",
      "PGPORT."
    ),
    `no service` = paste(
      "Add it to ~/.pg_service.conf, or say which file has it by the environment variable",
      "PGSERVICEFILE."
    ),
    `no SSL` = "Have it turned on in the server (ssl = on), so that the server can prove itself.",
    certificate = paste(
      "Name the server as its certificate does (host), and the file of the authority that signed",
      "it (sslrootcert)."
    ),
    `28000` = paste(
      "Connect as a role that the server admits from here: user, or the environment variable",
      "PGUSER."
    ),
    `28P01` = "Put its password into the password file (~/.pgpass, mode 0600).",
    `3D000` = "Name a database that is there: dbname, or the environment variable PGDATABASE.",
    `53300` = ,
    `57P03` = "Try again in a moment."
  )
}

need_libpq <- function() {
  if (!pg_available()) {
    qst_abort("no_libpq", paste(
      "This build of questrial has no PostgreSQL connector, as libpq was not found.",
      "Install it (Debian: libpq-dev; Homebrew: libpq) and install questrial again."
    ))
  }
}

# What every session is set to, whatever the server's defaults and the environment say.
session_defaults <- paste0(
  "SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; SET TimeZone = 'UTC'; ",
  "SET extra_float_digits = 3; SET bytea_output = 'hex'"
)

#' @rdname pg_connect
#' @param con A connection.
#' @details `pg_close()` ends the session; what a transaction has not committed is gone. To close
#'   one that is closed does nothing.
#' @export
pg_close <- function(con) {
  check_connection(con)
  .Call(C_qstr_pg_close, con@state$handle)
  con@state$depth <- 0L
  invisible()
}

#' @rdname pg_connect
#' @details `pg_is_open()` says whether a session can still be used, as far as is known without
#'   asking the server.
#' @export
pg_is_open <- function(con) {
  check_connection(con)
  .Call(C_qstr_pg_is_usable, con@state$handle)
}

# ---- What the other files ask of a connection ----

check_connection <- function(con) {
  check_given(con, "con")
  if (!is(con, "PgConnection")) {
    qst_abort("argument", sprintf(
      "`con` must be a connection made by pg_connect(), not %s.", describe(con)
    ))
  }
  con
}

# The C library's session; an error if it was closed.
pg_handle <- function(con) {
  check_connection(con)
  handle <- con@state$handle
  if (is_closed_handle(handle)) {
    qst_abort("connection", "The connection is closed. Open another with pg_connect().",
      sqlstate = "08003")
  }
  handle
}

# Closed by pg_close(), or read back from a file.
is_closed_handle <- function(handle) {
  identical(handle, new("externalptr"))
}
