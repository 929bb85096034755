piece_sizes <- function(n, chunk) {
  as.integer(c(rep(chunk, n %/% chunk), if (n %% chunk > 0) n %% chunk))
}

test_that("pieces together are the whole, whatever their size", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE t AS SELECT i, 'site ' || i % 13 AS site FROM generate_series(1, 1000) AS i")
  whole <- pg_read(con, "SELECT * FROM t ORDER BY i")
  for (chunk in c(1, 7, 250, 1000, 5000)) {
    for (params in list(list(), list(0))) {
      sql <- sprintf("SELECT * FROM t WHERE i > %s ORDER BY i", if (length(params)) "$1" else "0")
      pieces <- pg_stream(con, sql, identity, chunk = chunk, params = params)
      expect_identical(do.call(rbind, pieces), whole)
      expect_identical(vapply(pieces, nrow, 1L), piece_sizes(1000, chunk))
    }
  }
})

test_that("what the function returns is kept, but for NULL", {
  con <- local_pg()
  sums <- pg_stream(con, "SELECT generate_series(1, 10) AS x", function(rows) {
    if (rows$x[[1]] != 4) sum(rows$x)
  }, chunk = 3)
  expect_identical(sums, list(6L, 24L, 10L))
  expect_identical(pg_stream(con, "SELECT 1 AS x WHERE false", identity), list())
})

test_that("where the function fails, the query is cancelled and the session goes on", {
  con <- local_pg()
  expect_error(
    pg_stream(con, "SELECT generate_series(1, 1e9::bigint) AS x", function(rows) stop("enough")),
    "enough"
  )
  expect_identical(pg_read(con, "SELECT 1 AS x")$x, 1L)
  expect_false(questrial:::in_transaction(con))
})

test_that("the connection is busy until the end", {
  con <- local_pg()
  expect_error(
    pg_stream(con, "SELECT generate_series(1, 1000) AS x", function(rows) {
      pg_read(con, "SELECT 1")
    }, chunk = 10),
    "still reading", class = "questrial_error_argument"
  )
})

test_that("a result that was given up is never taken for a whole one", {
  con <- local_pg()
  pg_exec(con, "BEGIN")
  expect_error(
    pg_stream(con, "SELECT generate_series(1, 1000) AS x", function(rows) pg_close(con), chunk = 10),
    "given up"
  )
  con <- local_pg()
  try(silent = TRUE, pg_transaction(con, {
    result <- DBI::dbSendQuery(con, "SELECT generate_series(1, 1000) AS x")
    DBI::dbFetch(result, 10)
    stop("enough")
  }))
  expect_error(DBI::dbFetch(result), "given up", class = "questrial_error_argument")
  expect_false(DBI::dbHasCompleted(result))
})

test_that("a value that cannot be held is named by its row in the whole", {
  con <- local_pg()
  e <- expect_error(
    pg_stream(con, "SELECT CASE WHEN i = 35 THEN 'infinity' ELSE date '2020-01-01' END AS day
      FROM generate_series(1, 100) AS i", nrow, chunk = 10),
    class = "questrial_error_range"
  )
  expect_identical(e$row, 35)
})

test_that("arguments are checked before anything is sent", {
  con <- local_pg()
  expect_error(pg_stream(con, "SELECT 1", identity, chunk = 0), class = "questrial_error_argument")
  expect_error(pg_stream(con, "SET a.b = 'c'", identity), "pg_exec",
    class = "questrial_error_argument")
})

test_that("what is no function is refused by name", {
  con <- local_pg()
  expect_error(pg_stream(con, "SELECT 1", 3), "`fun` must be a function of one data frame, not 3",
    class = "questrial_error_argument")
})
