# What a job's end means to the program that started it: codes after sysexits.h (BSD), which
# systemd, cron wrappers and mail systems know.

exit_codes <- c(
  done = 0L, usage = 64L, refused = 65L, unavailable = 69L, bug = 70L, unwritten = 73L,
  again = 75L, permission = 77L, configuration = 78L, interrupted = 130L
)

# By class, the first that fits; of SQL and of connections the SQLSTATE decides before.
exit_of_class <- c(
  questrial_error_usage = "usage",
  questrial_error_configuration = "configuration",
  questrial_error_locked = "again",
  questrial_error_lost_write = "again",
  questrial_error_commit_unknown = "again",
  questrial_error_file = "unwritten",
  questrial_error_package = "configuration",
  questrial_error_no_libpq = "configuration",
  questrial_error_not_installed = "configuration",
  questrial_error_conninfo = "configuration",
  questrial_error_migration = "configuration",
  questrial_error_connection = "unavailable",
  questrial_error_sql = "bug",
  questrial_error = "refused",
  interrupt = "interrupted"
)

# SQLSTATEs of PostgreSQL (its manual, appendix A), by pattern, the first that fits.
exit_of_sqlstate <- c(
  "^(42501|28...)$" = "permission",
  "^(3D000|3F000|42P01|42703|42883)$" = "configuration",
  "^(22|23|P0001|44)" = "refused",
  "^(25006|53100|54|58030)" = "unwritten",
  "^(40|55|57014|57P05|25P03)" = "again",
  "^(08|57P|53)" = "unavailable"
)

# The name of the exit code that a condition stands for.
exit_name <- function(condition) {
  by_class <- exit_of_class[inherits(condition, names(exit_of_class), which = TRUE) > 0]
  if (!class(condition)[[1]] %in% paste0("questrial_error_", c("sql", "connection"))) {
    return(c(unname(by_class), "bug")[[1]])
  }
  by_state <- exit_of_sqlstate[vapply(
    names(exit_of_sqlstate), grepl, NA, x = sqlstate_of(condition)
  )]
  c(unname(by_state), unname(by_class), "bug")[[1]]
}

sqlstate_of <- function(condition) {
  state <- condition$sqlstate
  if (is.character(state) && length(state) == 1 && !is.na(state)) state else ""
}

# As the log has it: NULL if there is none.
logged_sqlstate <- function(condition) {
  state <- sqlstate_of(condition)
  if (nzchar(state)) state
}

# May the same reading succeed a moment later? Serialization and deadlocks, a session or server
# that is gone or starting up, and no free connection.
is_transient <- function(condition) {
  state <- sqlstate_of(condition)
  grepl("^(40001|40P01|08...|57P0[123]|53300)$", state) ||
    (inherits(condition, "questrial_error_connection") && state == "")
}

# ---- What may be logged of a condition ----

# Those whose words are about what was configured, files, printed tables or where the database is,
# not about data.
speaking_classes <- c(paste0("questrial_error_", c(
  "usage", "configuration", "connection", "locked", "lost_write", "commit_unknown", "package",
  "no_libpq", "not_installed", "conninfo", "migration", "file", "audit", "work"
)), "questrial_warning_role")

# SQLSTATEs of which the server's first line names objects, limits or states of the server: no
# permission, undone by others, out of means, not now, stopped, broken.
speaking_states <- "^(42501|40|53|54|55|57|58)"

# Any other condition may carry values of the data in its words (an answer out of range, a key
# that is there twice), so only its class and place are told.
logged_words <- function(condition) {
  if (inherits(condition, speaking_classes)) {
    return(clip_words(conditionMessage(condition)))
  }
  if (inherits(condition, "interrupt")) {
    return("Interrupted.")
  }
  is_sql <- inherits(condition, "questrial_error_sql")
  if (is_sql && grepl(speaking_states, sqlstate_of(condition))) {
    return(clip_words(sub("\n.*$", "", conditionMessage(condition))))
  }
  place <- condition_place(condition)
  sprintf(
    "%s%s. The words may hold data and are not logged: run_job() in R shows them.",
    if (is_sql && exit_name(condition) != "refused") {
      "The server refused a statement"
    } else if (inherits(condition, "questrial_error")) {
      "The data were refused"
    } else if (inherits(condition, "warning")) {
      "A warning"
    } else {
      "An error"
    },
    if (nzchar(place)) paste0(" (", place, ")") else ""
  )
}

# Names of columns, tables, constraints and functions and numbers of rows: no values.
condition_place <- function(condition) {
  place <- c(
    row = place_row(condition$row), column = place_name(condition$column),
    table = place_name(condition$table), constraint = place_name(condition$constraint),
    `in` = place_call(conditionCall(condition))
  )
  paste(sprintf("%s %s", names(place), place)[nzchar(place)], collapse = ", ")
}

place_row <- function(row) {
  if (is.numeric(row) && length(row) > 0 && !is.na(row[[1]])) {
    format(row[[1]], scientific = FALSE)
  } else {
    ""
  }
}

place_name <- function(name) {
  if (is.character(name) && length(name) > 0 && !is.na(name[[1]])) name[[1]] else ""
}

# The name of the function, never its arguments.
place_call <- function(call) {
  if (is.call(call) && is.name(call[[1]])) paste0(as.character(call[[1]]), "()") else ""
}

clip_words <- function(text, most = 1000) {
  text <- gsub("[[:space:]]+", " ", text)
  if (nchar(text) > most) paste0(substr(text, 1, most - 3), "...") else text
}
