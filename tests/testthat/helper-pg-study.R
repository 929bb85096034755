# A connection to a new database with the tables of a study's home.
local_home <- function(env = parent.frame()) {
  con <- local_pg(env)
  pg_install(con)
  con
}

# The same with the shipped cohort in it.
local_balint <- function(env = parent.frame()) {
  con <- local_home(env)
  pg_study(con, "balint", balint_plan(), balint)
  con
}

# What the cohort is besides its row names and what reconstruct() says of it.
plain_balint <- function() {
  plain <- as.data.frame(unclass(balint), stringsAsFactors = FALSE)
  attributes(plain)[c("seed", "attempts", "figures")] <- NULL
  attr(plain, "synthetic") <- attr(balint, "synthetic")
  plain
}

# The SQLSTATE with which the server refuses a statement; "" if it does not.
sqlstate_of <- function(con, sql, params = list()) {
  tryCatch(
    {
      pg_transaction(con, pg_exec(con, gsub("@", "questrial.", sql, fixed = TRUE), params))
      ""
    },
    questrial_error_sql = function(e) e$sqlstate
  )
}

# A second connection to the database of `con`, closed when the test ends.
local_second <- function(con, env = parent.frame()) {
  database <- pg_read(con, "SELECT current_database()::text AS name")$name
  second <- pg_connect(
    sub("dbname=postgres", paste0("dbname=", database), test_server()$conninfo)
  )
  withr::defer(if (pg_is_open(second)) pg_close(second), envir = env)
  second
}
