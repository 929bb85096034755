# One throw-away server for each R process that runs tests: a new database in it for each test, so
# that no test sees another's tables.
pg_servers <- new.env()

test_server <- function() {
  testthat::skip_if_not(pg_available() && pg_can_start(), "no libpq or no PostgreSQL server")
  if (is.null(pg_servers$one)) {
    pg_servers$one <- pg_throwaway()
  }
  pg_servers$one
}

# conninfo of a new, empty database.
local_database <- function() {
  server <- test_server()
  pg_servers$count <- if (is.null(pg_servers$count)) 1 else pg_servers$count + 1
  name <- sprintf("test%d", pg_servers$count)
  con <- pg_connect(server$conninfo)
  on.exit(pg_close(con))
  pg_exec(con, sprintf("CREATE DATABASE %s", name))
  sub("dbname=postgres", paste0("dbname=", name), server$conninfo)
}

# A connection to a new database, closed when the test ends.
local_pg <- function(env = parent.frame()) {
  con <- pg_connect(local_database())
  withr::defer(if (pg_is_open(con)) pg_close(con), envir = env)
  con
}

# conninfo of another session to the same database.
conninfo_to <- function(con) {
  info <- con@state$info
  sprintf("host=%s port=%s user=%s dbname=%s", info$host, info$port, info$user, info$dbname)
}
