# Failures of the server and of the session, as conditions.

# Evaluates `expr`, which calls the C library on the session of `con` with the statement `sql`;
# what fails on the server's side is raised with what the server said, notices are shown.
pg_call <- function(con, expr, sql = NULL) {
  result <- tryCatch(expr,
    questrial_error_server = function(e) raise_refusal(con, sql),
    questrial_error_connection = function(e) raise_loss(con, e)
  )
  show_notices(con)
  result
}

# ---- The server refused ----

raise_refusal <- function(con, sql) {
  failure <- .Call(C_qstr_pg_failure, con@state$handle)
  qst_abort("sql", refusal_in_words(failure, sql), sqlstate = failure$sqlstate,
    detail = failure$detail, hint = failure$hint, where = failure$where, schema = failure$schema,
    table = failure$table, column = failure$column, constraint = failure$constraint,
    position = if (failure$position > 0) failure$position else NA_integer_)
}

refusal_in_words <- function(failure, sql) {
  c(
    sprintf("The server refused: %s (SQLSTATE %s).", sub("[.]$", "", failure$message),
      failure$sqlstate),
    if (!is.null(sql) && failure$position > 0) show_position(sql, failure$position),
    if (nzchar(failure$detail)) failure$detail,
    if (nzchar(failure$where)) sprintf("Where: %s", failure$where),
    if (nzchar(failure$hint)) sprintf("Hint: %s", failure$hint),
    our_cure(failure, sql)
  )
}

# What the server cannot say of refusals that come from how this package sends statements. (A
# syntax error without a position is that of several statements at once.)
our_cure <- function(failure, sql) {
  is_several <- failure$position == 0 && !is.null(sql) && grepl(";", sql, fixed = TRUE)
  switch(failure$sqlstate,
    `25006` = "Reads cannot write; pg_exec() and pg_transaction() can, if role and server may.",
    `25P02` = paste(
      "An earlier statement failed and its error was caught.",
      "Put the one that may fail in a pg_transaction() of its own."
    ),
    `42703` = if (identical(substr(sql, failure$position, failure$position), "\"")) {
      "Double quotes are for names of columns and tables. Give a value as $1, in `params`."
    },
    `42601` = if (!is.null(sql) && grepl("^\\s*[[:alnum:]_.\"]+\\s*$", sql)) {
      sprintf("A table is read by SELECT * FROM %s.", trimws(sql))
    } else if (is_several) {
      "Send one statement at a time; pg_exec() without `params` takes several."
    } else if (!is.null(sql) && grepl("[?]|(^|[^:]):[[:alpha:]]", sql)) {
      "Values are written $1, $2, ... in the statement, whatever other drivers take."
    }
  )
}

# The line of the statement that the server points at, and a mark below it; long lines are cut.
show_position <- function(sql, position) {
  lines <- strsplit(paste0(sql, " "), "\n", fixed = TRUE)[[1]] # the end may be what is missing
  before <- substr(sql, 1, position - 1)
  line <- nchar(gsub("[^\n]", "", before)) + 1
  at <- min(position, nchar(sql) + 1) - sum(nchar(lines[seq_len(line - 1)]) + 1)
  text <- lines[[line]]
  from <- max(1, at - 50)
  shown <- sub("\\s+$", "", gsub("\t", " ", substr(text, from, from + 69)))
  c(sprintf("  line %d: %s", line, shown),
    paste0(strrep(" ", nchar(sprintf("  line %d: ", line)) + at - from), "^"))
}

# ---- The session is gone ----

raise_loss <- function(con, e) {
  failure <- .Call(C_qstr_pg_failure, con@state$handle)
  sqlstate <- if (nzchar(failure$sqlstate)) failure$sqlstate else "08006"
  words <- sub("[.\n]*$", ".", conditionMessage(e))
  qst_abort("connection", paste(
    if (grepl("^[a-z]", words)) paste("The session was lost:", words) else words,
    "Nothing connects again by itself: open another session with pg_connect()."
  ), sqlstate = sqlstate, detail = failure$detail, hint = failure$hint)
}

# ---- Notices ----

# What the server remarked during the last call, once, as messages of their own class.
show_notices <- function(con) {
  notices <- .Call(C_qstr_pg_notices, con@state$handle)
  if (nzchar(notices)) {
    for (notice in strsplit(notices, "\n", fixed = TRUE)[[1]]) {
      message(structure(class = c("questrial_message_server", "message", "condition"),
        list(message = paste0(notice, "\n"), call = NULL)))
    }
  }
}
