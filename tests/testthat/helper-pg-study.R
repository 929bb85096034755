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

# The roles of the home of a connection, quoted. Roles belong to the server, on which other tests
# have databases: they are dropped when the test ends.
local_roles <- function(con, schema = "questrial", env = parent.frame()) {
  roles <- c("reader", "analyst", "entry", "randomiser")
  quoted <- sprintf("\"%s_%s\"", gsub("\"", "\"\"", schema, fixed = TRUE), roles)
  drop <- paste(sprintf("DROP OWNED BY %s; DROP ROLE %s;", quoted, quoted), collapse = "\n")
  pg_exec(con, pg_home_sql(schema))
  withr::defer(pg_exec(con, paste("RESET ROLE;", drop)), envir = env)
  stats::setNames(quoted, roles)
}

# A frame with a column of every type that is kept, and a plan for it.
every_type <- function() {
  data.frame(
    code = factor(c("b", "a", "c", "d"), c("d", "c", "b", "a", "unused")),
    who = c("x", "y", "x", "y"),
    score0 = c(1.5, NaN, NA, -0.1),
    score1 = c(1L, NA, 3L, -4L),
    sick = c(TRUE, NA, FALSE, TRUE),
    note = c("it's \"so\"\\", "", NA, "\u00e9\u4e2d"),
    born = as.Date(c("1970-01-01", NA, "1899-12-31", "2024-02-29")),
    seen = .POSIXct(c(0, NA, 1.25, -86400.5), tz = "UTC"),
    local = .POSIXct(c(1e9, 2, NA, 3), tz = "Europe/Paris"),
    grade = factor(c("low", NA, "high", "low"), c("high", "low", "none"), ordered = TRUE),
    big = c(2^53 + 2, .Machine$double.xmin, Inf, 1 / 3),
    a1 = c(0, 0.1, NA, 0.3), a2 = c(0.2, 0.3, 0.5, NA), b1 = c(NA, NA, NA, NA_real_),
    b2 = c(0.4, 0.5, 0.1, 0)
  )
}

every_plan <- function(...) {
  scale <- new_instrument(2, 0, 0.5, step = 0.1, id = "tenths")
  analysis_plan(
    arm = "who", reference = "y", instrument = scale, baseline = c("a1", "a2"),
    followup = c("b1", "b2"), id = "code", ...
  )
}
