# Roles belong to the server, not to a database: each test drops the ones it makes.
as_role <- function(conninfo, role) {
  sub("user=[^ ]*", paste0("user=", role), conninfo)
}

local_study <- function(env = parent.frame()) {
  con <- local_pg(env)
  pg_exec(con, "CREATE SCHEMA trial")
  pg_exec(con, "CREATE TABLE trial.answers AS SELECT 1 AS id, 5 AS t0_1")
  pg_exec(con, "CREATE TABLE trial.names AS SELECT 1 AS id, 'x' AS name")
  con
}

powers_of <- function(con) {
  role <- pg_role(con)
  role$power[role$held]
}

test_that("the role that the SQL makes reads its tables and can do nothing else", {
  con <- local_study()
  sql <- pg_reader_sql("the \"reader\"", c("trial.answers"), con@state$info$dbname)
  pg_exec(con, sql)
  conninfo <- sprintf("%s user='the \"reader\"'", sub("user=[^ ]* ", "", conninfo_to(con)))
  reader <- expect_no_warning(pg_connect(conninfo))
  withr::defer(pg_close(reader))
  expect_identical(pg_read(reader, "SELECT * FROM trial.answers"), data.frame(id = 1L, t0_1 = 5L))
  expect_identical(powers_of(reader), character())
  expect_output(print(pg_role(reader)), "may only read what it was granted")
  refused <- function(sql) {
    expect_identical(expect_error(pg_exec(reader, sql), class = "questrial_error_sql")$sqlstate,
      "42501")
  }
  refused("SELECT * FROM trial.names")
  pg_exec(reader, "SET default_transaction_read_only = off") # a role may undo that for itself
  refused("INSERT INTO trial.answers VALUES (2, 3)")
  refused("UPDATE trial.answers SET t0_1 = 1")
  refused("TRUNCATE trial.answers")
  refused("CREATE TABLE public.mine (x integer)")
  refused("CREATE TABLE trial.mine (x integer)")
  refused("CREATE TEMPORARY TABLE mine (x integer)")
  refused("CREATE SCHEMA mine")
  refused("COPY (SELECT 1) TO PROGRAM 'cat'")
  refused("SELECT pg_catalog.pg_read_file('/etc/passwd')")
  refused("CREATE ROLE other")
  pg_exec(con, "DROP OWNED BY \"the \"\"reader\"\"\"; DROP ROLE \"the \"\"reader\"\"\"")
})

test_that("what a role may do beyond reading is told", {
  con <- local_study()
  pg_exec(con, "CREATE ROLE runner LOGIN CREATEDB; GRANT pg_execute_server_program TO runner")
  pg_exec(con, "CREATE ROLE maker LOGIN; GRANT USAGE, CREATE ON SCHEMA trial TO maker")
  withr::defer({
    pg_exec(con, "DROP OWNED BY maker; DROP ROLE maker")
    pg_exec(con, "DROP ROLE runner")
  })
  expect_true(all(pg_role(con)$held))
  runner <- pg_connect(as_role(conninfo_to(con), "runner"))
  withr::defer(pg_close(runner), priority = "first")
  expect_setequal(powers_of(runner), c("pg_execute_server_program", "createdb"))
  expect_output(print(pg_role(runner)), "run programs on the server")
  maker <- pg_connect(as_role(conninfo_to(con), "maker"))
  withr::defer(pg_close(maker), priority = "first")
  expect_identical(powers_of(maker), "creates tables")
  pg_exec(maker, "CREATE TABLE trial.mine (x integer)")
  expect_setequal(powers_of(maker), c("owner of tables", "writes tables", "creates tables"))
})

test_that("a role that reaches the whole server is warned of, once", {
  con <- local_study()
  pg_exec(con, "CREATE ROLE runner2 LOGIN; GRANT pg_execute_server_program TO runner2")
  withr::defer(pg_exec(con, "DROP ROLE runner2"))
  info <- con@state$info
  # The server is this process's own, which no warning is given for: hide that.
  folders <- questrial:::throwaway_folders
  rm(list = info$host, envir = folders)
  withr::defer(assign(info$host, TRUE, envir = folders))
  connect <- function(role) pg_close(pg_connect(as_role(conninfo_to(con), role)))
  warned <- expect_warning(connect("runner2"), class = "questrial_warning_role")
  expect_identical(warned$powers, "pg_execute_server_program")
  expect_match(conditionMessage(warned), "role runner2 may run programs on the server")
  expect_no_warning(connect("runner2"))
  expect_warning(connect(info$user), "may do anything on the server")
})

test_that("the SQL for a reader names everything in full", {
  sql <- pg_reader_sql("r", c("a.t", "a.v", "b.t"), "d")
  expect_output(print(sql), "GRANT SELECT ON \"a\".\"v\" TO \"r\";", fixed = TRUE)
  expect_length(gregexpr("GRANT USAGE", sql)[[1]], 2)
  expect_error(pg_reader_sql("r", "t", "d"), "each with its schema")
  expect_error(pg_reader_sql("r", character(), "d"), class = "questrial_error_argument")
  expect_error(pg_reader_sql(strrep("x", 64), "a.t", "d"), "63 bytes")
})
