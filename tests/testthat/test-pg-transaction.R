local_table <- function(env = parent.frame()) {
  con <- local_pg(env)
  pg_exec(con, "CREATE TABLE t (i int PRIMARY KEY)")
  con
}

rows_of_t <- function(con) pg_read(con, "SELECT i FROM t", key = "i")$i

insert <- function(con, i) pg_exec(con, "INSERT INTO t VALUES ($1)", list(i))

test_that("a statement says how many rows it touched", {
  con <- local_table()
  expect_identical(pg_exec(con, "INSERT INTO t SELECT generate_series(1, 5)"), 5)
  expect_identical(pg_exec(con, "DELETE FROM t WHERE i > $1", list(3)), 2)
  expect_identical(pg_exec(con, "SET a.b = 'c'"), NA_real_)
  expect_identical(pg_exec(con, "DELETE FROM t WHERE i = 1; DELETE FROM t"), 2)
  expect_error(pg_exec(con, "INSERT INTO t VALUES (1); SELECT 1 / 0"),
    class = "questrial_error_sql")
  expect_identical(rows_of_t(con), integer())
})

test_that("a transaction is all or nothing", {
  con <- local_table()
  expect_identical(pg_transaction(con, {
    insert(con, 1)
    insert(con, 2)
    "done"
  }), "done")
  expect_error(pg_transaction(con, {
    insert(con, 3)
    stop("not so")
  }), "not so")
  expect_error(pg_transaction(con, {
    insert(con, 4)
    insert(con, 1)
  }), class = "questrial_error_sql")
  expect_identical(rows_of_t(con), 1:2)
  expect_false(questrial:::in_transaction(con))
  expect_invisible(pg_transaction(con, invisible(1)))
})

test_that("a transaction left by a jump is undone too", {
  con <- local_table()
  for (i in 1:2) {
    pg_transaction(con, {
      insert(con, i)
      next
    })
  }
  expect_identical(rows_of_t(con), integer())
})

test_that("a transaction inside another is undone alone", {
  con <- local_table()
  pg_transaction(con, {
    insert(con, 1)
    try(pg_transaction(con, {
      insert(con, 2)
      pg_transaction(con, insert(con, 3))
      insert(con, 1)
    }), silent = TRUE)
    pg_transaction(con, insert(con, 4))
    expect_output(print(con), "In a transaction")
  })
  expect_identical(rows_of_t(con), c(1L, 4L))
})

test_that("a failure caught inside is not committed as if it were well", {
  con <- local_table()
  expect_error(pg_transaction(con, {
    insert(con, 1)
    try(insert(con, 1), silent = TRUE)
  }), "undone", class = "questrial_error_transaction")
  expect_error(pg_transaction(con, {
    insert(con, 2)
    pg_exec(con, "ROLLBACK")
  }), "had been ended", class = "questrial_error_transaction")
  expect_identical(rows_of_t(con), integer())
})

test_that("what is checked at the end fails there, and nothing is written", {
  con <- local_table()
  pg_exec(con, "CREATE TABLE u (i int REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
  e <- expect_error(pg_transaction(con, pg_exec(con, "INSERT INTO u VALUES (1)")),
    class = "questrial_error_sql")
  expect_identical(e$sqlstate, "23503")
  expect_identical(pg_read(con, "SELECT * FROM u")$i, integer())
  expect_false(questrial:::in_transaction(con))
})

test_that("a session lost inside a transaction is the error that is seen", {
  con <- local_table()
  other <- pg_connect(pg_servers$one$conninfo)
  withr::defer(pg_close(other))
  expect_error(pg_transaction(con, {
    insert(con, 1)
    pg_read(other, "SELECT pg_terminate_backend($1)", list(con@state$info$backend))
    insert(con, 2)
  }), class = "questrial_error_connection")
})

test_that("a session lost while it commits leaves the outcome unknown", {
  con <- local_table()
  other <- pg_connect(pg_servers$one$conninfo)
  withr::defer(pg_close(other))
  e <- expect_error(pg_transaction(con, {
    insert(con, 1)
    pg_read(other, "SELECT pg_terminate_backend($1)", list(con@state$info$backend))
  }), class = "questrial_error_commit_unknown")
  expect_s3_class(e, "questrial_error_connection")
  expect_identical(e$sqlstate, "08007")
})

test_that("a result that was left open does not stop the transaction from being undone", {
  con <- local_table()
  expect_error(pg_transaction(con, {
    insert(con, 1)
    statement <- questrial:::prepare_statement(con, "SELECT generate_series(1, 100000)", list())
    rows <- questrial:::start_rows(con, statement, character())
    stop("left")
  }), "left")
  expect_identical(rows_of_t(con), integer())
})

test_that("reads of a snapshot are of one moment, and say which", {
  con <- local_table()
  writer <- pg_connect(sub("dbname=[a-z0-9]+", paste0("dbname=", con@state$info$dbname),
    pg_servers$one$conninfo))
  withr::defer(pg_close(writer))
  seen <- pg_snapshot(con, {
    first <- rows_of_t(con)
    insert(writer, 1)
    pg_snapshot(con, list(first, rows_of_t(con)))
  })
  expect_identical(seen, list(integer(), integer()))
  expect_identical(rows_of_t(con), 1L)
  moment <- questrial:::last_snapshot(con)
  expect_match(moment$snapshot, "^[0-9]+:[0-9]+:")
  expect_s3_class(moment$at, "POSIXct")
  expect_output(print(con), paste("Last snapshot:", moment$snapshot), fixed = TRUE)
  expect_error(pg_snapshot(con, insert(con, 2)), "read-only", class = "questrial_error_sql")
  expect_error(pg_transaction(con, pg_snapshot(con, 1)), class = "questrial_error_transaction")
  expect_false(questrial:::in_transaction(con))
})

test_that("a connection shows a transaction that was begun by hand", {
  con <- local_pg()
  expect_no_match(paste(capture.output(con), collapse = " "), "In a transaction")
  pg_exec(con, "BEGIN")
  expect_output(print(con), "In a transaction")
  pg_exec(con, "ROLLBACK")
})
