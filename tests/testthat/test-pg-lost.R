# Sessions that end otherwise than by pg_close(), and statements that are stopped.

# Starts `code` in another R, with `con` a session of its own to `conninfo`; what it prints goes to
# the file whose name is returned. The file's first line is its process id.
start_r <- function(code, conninfo, env = parent.frame()) {
  script <- withr::local_tempfile(.local_envir = env)
  out <- withr::local_tempfile(.local_envir = env)
  writeLines(c("suppressWarnings({library(questrial)",
    sprintf("con <- pg_connect(%s)})", deparse1(conninfo)), "cat(Sys.getpid(), '\\n')", code), script)
  system2(file.path(R.home("bin"), "Rscript"), c("--no-init-file", script), wait = FALSE,
    stdout = out, stderr = out)
  out
}

wait_until <- function(test, seconds = 60) {
  until <- Sys.time() + seconds
  while (!isTRUE(test()) && Sys.time() < until) {
    Sys.sleep(0.05)
  }
  isTRUE(test())
}

n_sleeping <- function(con) {
  pg_read(con, "SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active'
    AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()")$n
}

test_that("Ctrl-C stops a statement within a second, on the server too, and the session goes on", {
  con <- local_pg()
  for (call in c("pg_read(con, 'SELECT pg_sleep(20)')", "pg_exec(con, 'SELECT pg_sleep(20)')",
    "pg_read(con, 'SELECT pg_sleep($1)', list(20))")) {
    out <- start_r(sprintf(
      "tryCatch(%s, interrupt = function(e) cat('stopped\\n'))
       print(pg_read(con, 'SELECT 42 AS x')$x)", call
    ), conninfo_to(con))
    expect_true(wait_until(function() n_sleeping(con) == 1), info = call)
    started <- Sys.time()
    tools::pskill(as.integer(readLines(out, 1)), tools::SIGINT)
    expect_true(wait_until(function() any(readLines(out) == "stopped")), info = call)
    expect_lt(as.numeric(Sys.time() - started, units = "secs"), 3) # a second, and a busy machine
    expect_identical(n_sleeping(con), 0L, info = call)
    expect_true(wait_until(function() any(readLines(out) == "[1] 42")), info = call)
  }
})

test_that("a transaction interrupted while it commits is not said to be undone", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE t (x int)")
  pg_exec(con, "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(20); RETURN NULL; END $$")
  pg_exec(con, "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION slow()")
  out <- start_r("fault <- tryCatch(pg_transaction(con, pg_exec(con, 'INSERT INTO t VALUES (1)')),
    error = identity)
    cat(class(fault)[[1]], pg_read(con, 'SELECT 42 AS x')$x, '\\n')", conninfo_to(con))
  commits <- "SELECT count(*)::int FROM pg_stat_activity WHERE query = 'COMMIT' AND
    wait_event = 'PgSleep'"
  expect_true(wait_until(function() pg_read(con, commits)[[1]] == 1))
  tools::pskill(as.integer(readLines(out, 1)), tools::SIGINT)
  expect_true(wait_until(function() {
    any(trimws(readLines(out)) == "questrial_error_commit_unknown 42")
  }))
})

test_that("a flood of notices can be stopped", {
  con <- local_pg()
  out <- start_r("invisible(suppressMessages(tryCatch(pg_exec(con, \"DO $$ BEGIN LOOP RAISE NOTICE
    'pg_sleep'; END LOOP; END $$\"), interrupt = function(e) cat('stopped\\n'))))", conninfo_to(con))
  expect_true(wait_until(function() n_sleeping(con) == 1))
  tools::pskill(as.integer(readLines(out, 1)), tools::SIGINT)
  expect_true(wait_until(function() any(readLines(out) == "stopped"), 20))
  expect_true(wait_until(function() n_sleeping(con) == 0, 20))
})

test_that("a session that the server ended stays lost, with all that it held", {
  con <- local_pg()
  other <- pg_connect(conninfo_to(con))
  withr::defer(pg_close(other))
  pg_exec(con, "SET statement_timeout = '7s'; SELECT pg_advisory_lock(7)")
  pid <- pg_read(con, "SELECT pg_backend_pid() AS pid")$pid
  pg_read(other, "SELECT pg_terminate_backend($1)", list(pid))
  first <- expect_error(pg_read(con, "SELECT 1"), class = "questrial_error_connection")
  expect_match(conditionMessage(first), "^The session was lost: .*pg_connect\\(\\)[.]$")
  expect_identical(first$sqlstate, "57P01")
  for (k in 1:3) {
    expect_error(pg_read(con, "SELECT 1"), class = "questrial_error_connection")
    expect_error(pg_exec(con, "SELECT 1"), class = "questrial_error_connection")
    expect_error(pg_transaction(con, 1), class = "questrial_error_connection")
  }
  expect_false(pg_is_open(con))
  expect_output(print(con), "has ended")
})

test_that("a session lost inside a transaction does not say that it was committed", {
  con <- local_pg()
  other <- pg_connect(conninfo_to(con))
  withr::defer(pg_close(other))
  pg_exec(con, "CREATE TABLE t (x integer)")
  expect_error(pg_transaction(con, {
    pg_exec(con, "INSERT INTO t VALUES (1)")
    pid <- pg_read(con, "SELECT pg_backend_pid() AS pid")$pid
    pg_read(other, "SELECT pg_terminate_backend($1)", list(pid))
    "done"
  }), class = "questrial_error_connection")
  expect_identical(pg_read(other, "SELECT count(*)::int AS n FROM t")$n, 0L)
})

test_that("a forked child cannot use a session, nor end it", {
  skip_on_os("windows")
  con <- local_pg()
  child <- parallel::mcparallel({
    fault <- tryCatch(pg_read(con, "SELECT 1"), error = identity)
    pg_close(con)
    c(class(fault)[[1]], conditionMessage(fault))
  })
  said <- parallel::mccollect(child)[[1]]
  expect_identical(said[[1]], "questrial_error_connection")
  expect_match(said[[2]], "forked from")
  expect_identical(pg_read(con, "SELECT 42 AS x")$x, 42L)
})

# A query whose rows are still to be read.
begun_query <- function(con) {
  start_query(con, "SELECT generate_series(1, 100000) AS x",
    list(bigint = "integer64", numeric = "double", infinity = "error"), NULL)
}

test_that("a forked child cannot fetch its parent's rows, and loses none of them by ending", {
  skip_on_os("windows")
  con <- local_pg()
  rows <- begun_query(con)
  first <- next_rows(rows, 10)$x
  child <- parallel::mcparallel({
    fault <- tryCatch(next_rows(rows, 10), error = identity)
    stop_rows(rows)
    rm(rows)
    gc()
    c(class(fault)[[1]], conditionMessage(fault))
  })
  said <- parallel::mccollect(child)[[1]]
  expect_identical(said[[1]], "questrial_error_connection")
  expect_match(said[[2]], "forked from")
  expect_identical(c(first, next_rows(rows, Inf)$x), 1:100000)
})

test_that("rows left unread are not taken for a transaction", {
  con <- local_pg()
  begun_query(con)
  gc()
  expect_false(in_transaction(con))
  expect_identical(pg_read(con, "SHOW transaction_read_only")[[1]], "on")
})
