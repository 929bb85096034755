test_that("a connection says where and as whom, and when it has ended", {
  con <- local_pg()
  expect_output(print(con), "^PostgreSQL [0-9.]+: database test[0-9]+ on this machine as postgres$")
  expect_true(pg_is_open(con))
  pg_close(con)
  expect_false(pg_is_open(con))
  expect_output(print(con), "The session has ended")
  expect_silent(pg_close(con))
  e <- expect_error(pg_read(con, "SELECT 1"), class = "questrial_error_connection")
  expect_match(conditionMessage(e), "pg_connect\\(\\)\\.$")
})

test_that("a session is in UTF-8 and UTC whatever the database's defaults are", {
  conninfo <- local_database()
  con <- pg_connect(conninfo)
  for (setting in c("timezone = 'Europe/Berlin'", "datestyle = 'German'", "bytea_output = 'escape'",
    "extra_float_digits = -3", "intervalstyle = 'sql_standard'")) {
    pg_exec(con, sprintf("ALTER DATABASE %s SET %s", con@state$info$dbname, setting))
  }
  pg_close(con)
  con <- pg_connect(conninfo)
  withr::defer(pg_close(con))
  shown <- vapply(c("TimeZone", "DateStyle", "client_encoding", "IntervalStyle"), function(name) {
    pg_read(con, "SELECT current_setting($1) AS x", list(name))$x
  }, "")
  expect_equal(unname(shown), c("UTC", "ISO, YMD", "UTF8", "iso_8601"))
  expect_equal(pg_read(con, "SELECT 0.1::float8::text AS x")$x, "0.1")
})

test_that("a database in another encoding is read as UTF-8", {
  con <- local_pg()
  pg_exec(con, "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
  withr::defer(pg_exec(con, "DROP DATABASE latin"))
  latin <- pg_connect(sub("dbname=[a-z0-9]+", "dbname=latin", pg_servers$one$conninfo))
  withr::defer(pg_close(latin), priority = "first")
  text <- pg_read(latin, "SELECT $1::text AS x, chr(252) AS y", list("\u00e4\u00f6"))
  expect_identical(text, data.frame(x = "\u00e4\u00f6", y = "\u00fc"))
  expect_error(pg_read(latin, "SELECT $1::text", list("\u4e2d")), class = "questrial_error_sql")
})

test_that("a saved connection is a closed one", {
  con <- local_pg()
  file <- withr::local_tempfile()
  saveRDS(con, file)
  again <- readRDS(file)
  expect_false(pg_is_open(again))
  expect_error(pg_exec(again, "SELECT 1"), class = "questrial_error_connection")
  expect_true(pg_is_open(con))
})

test_that("a forked process is refused, and leaves the session alone", {
  skip_on_os("windows")
  con <- local_pg()
  job <- parallel::mcparallel({
    said <- tryCatch(pg_read(con, "SELECT 1"), error = conditionMessage)
    open <- pg_is_open(con)
    pg_close(con)
    list(said = said, open = open)
  })
  child <- parallel::mccollect(job)[[1]]
  expect_match(child$said, "forked")
  expect_false(child$open)
  expect_identical(pg_read(con, "SELECT 1 AS x")$x, 1L)
})

test_that("where no session can be opened the error says why", {
  skip_if_not(pg_available())
  folder <- withr::local_tempdir()
  expect_error(pg_connect(sprintf("host=%s", folder)), "No such file",
    class = "questrial_error_connection")
  con <- local_pg()
  gone <- sub("dbname=[a-z0-9]+", "dbname=gone", pg_servers$one$conninfo)
  e <- expect_error(pg_connect(gone), "does not exist", class = "questrial_error_connection")
})

test_that("a server that takes a call and says nothing is given up", {
  skip_if_not(pg_available())
  for (port in 54321:54340) {
    listener <- tryCatch(serverSocket(port), error = function(e) NULL)
    if (!is.null(listener)) {
      break
    }
  }
  withr::defer(close(listener))
  expect_error(
    pg_connect("host=127.0.0.1 dbname=x user=y sslmode=disable", port = port, connect_timeout = 1),
    "no answer", class = "questrial_error_connection"
  )
})

test_that("a lost session stays lost, with its SQLSTATE", {
  con <- local_pg()
  other <- pg_connect(pg_servers$one$conninfo)
  withr::defer(pg_close(other))
  backend <- pg_read(con, "SELECT pg_backend_pid() AS pid")$pid
  pg_exec(con, "SET application_name = 'before'")
  pg_read(other, "SELECT pg_terminate_backend($1)", list(backend))
  e <- expect_error(pg_read(con, "SELECT 1"), class = "questrial_error_connection")
  expect_identical(e$sqlstate, "57P01")
  expect_false(pg_is_open(con))
  e <- expect_error(pg_read(con, "SELECT 1"), "lost", class = "questrial_error_connection")
  expect_identical(e$sqlstate, "08006")
  expect_error(pg_transaction(con, 1), class = "questrial_error_connection")
  expect_output(print(con), "The session has ended")
})

test_that("what the server remarks is shown once", {
  con <- local_pg()
  expect_message(pg_exec(con, "DO $$ BEGIN RAISE NOTICE 'so'; RAISE WARNING 'and so'; END $$"),
    "NOTICE: so", class = "questrial_message_server") |>
    expect_message("WARNING: and so")
  expect_silent(pg_exec(con, "SELECT 1"))
})

test_that("what keeps a session from being opened comes with what to change", {
  conninfo <- test_server()$conninfo
  refused <- function(...) {
    e <- expect_error(pg_connect(...), class = "questrial_error_connection")
    sub("^.*\n", "", conditionMessage(e))
  }
  expect_match(refused(paste0("host=", tempdir())), "^Start the server, or say where it is")
  expect_match(refused(conninfo, dbname = "nowhere"), "^Name a database that is there")
  expect_match(refused(conninfo, user = "nobody"), "^Connect as a role that the server admits")
  expect_match(refused(conninfo, host = "localhost", port = 1), "^Start the server")
  expect_match(refused("service=nowhere"), "^Add it to ~/.pg_service.conf")
})

test_that("an argument that was not given is named, the first one first", {
  con <- local_pg()
  expect_missing <- function(expr, name) {
    expect_error(expr, sprintf("^`%s` is missing", name), class = "questrial_error_argument")
  }
  expect_missing(pg_read(), "con")
  expect_missing(pg_read(con), "sql")
  expect_missing(pg_stream(con), "sql")
  expect_missing(pg_stream(con, "SELECT 1"), "fun")
  expect_missing(pg_exec(con), "sql")
  expect_missing(pg_write(con), "data")
  expect_missing(pg_write(con, mtcars), "table")
  expect_missing(pg_transaction(con), "expr")
  expect_missing(pg_snapshot(con), "expr")
  expect_missing(pg_table(con), "table")
  expect_missing(pg_cohort(con), "study")
  expect_missing(pg_save(con), "analysis")
  expect_missing(pg_seal(con, "trial"), "allocation")
})
