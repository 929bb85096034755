test_that("values are bound, never pasted", {
  con <- local_pg()
  hostile <- "'; DROP TABLE x; --"
  got <- pg_read(con, "SELECT $1::text AS a, $2::integer AS b, $3::float8 AS c, $4::boolean AS d",
    list(hostile, 7L, pi, TRUE))
  expect_identical(got, data.frame(a = hostile, b = 7L, c = pi, d = TRUE))
})

test_that("parameters reach the server as they are", {
  con <- local_pg()
  back <- function(x, type, ...) {
    pg_read(con, sprintf("SELECT $1::%s AS x", type), list(x), ...)$x
  }
  doubles <- c(0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0, Inf, -Inf)
  for (x in doubles) {
    expect_identical(back(x, "float8"), x)
  }
  expect_identical(back(NaN, "float8"), NaN)
  expect_identical(back(NA_real_, "float8"), NA_real_)
  expect_identical(back(NULL, "integer"), NA_integer_)
  expect_identical(back(NA, "boolean"), NA)
  expect_identical(back(factor("b", c("a", "b")), "text"), "b")
  expect_identical(back(as.raw(c(0, 255, 10)), "bytea"), list(as.raw(c(0, 255, 10))))
  days <- as.Date(c("2021-03-28", "1582-10-14", "9999-12-31", "0001-01-01")) + 0
  for (day in as.list(c(days, days[[4]] - 1, as.Date(Inf)))) {
    expect_identical(back(day, "date", infinity = "Inf"), day)
  }
  times <- .POSIXct(c(0, -1.5, 1616893200.123456, 253402300799, -62135596801), tz = "UTC")
  for (k in seq_along(times)) {
    expect_identical(back(times[k], "timestamptz"), times[k])
  }
  skip_if_not_installed("bit64")
  expect_identical(back(bit64::as.integer64("9007199254740993"), "bigint"),
    bit64::as.integer64("9007199254740993"))
})

test_that("parameters that mean nothing are refused", {
  con <- local_pg()
  expect_error(pg_read(con, "SELECT $1::int", list(a = 1)), "names",
    class = "questrial_error_argument")
  expect_error(pg_read(con, "SELECT $1::int", 1), "list", class = "questrial_error_argument")
  expect_error(pg_read(con, "SELECT $1::int", list(1:2)), "single value",
    class = "questrial_error_argument")
  expect_error(pg_read(con, "SELECT $1::int", list()), "takes 1",
    class = "questrial_error_argument")
  expect_error(pg_read(con, "SELECT 1", list(1)), "takes 0", class = "questrial_error_argument")
  expect_error(pg_read(mtcars, "SELECT 1"), "pg_connect", class = "questrial_error_argument")
})

test_that("rows by COPY and rows one by one are the same", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE t AS SELECT i, i / 7.0::float8 AS x, 'g' || i % 11 AS g,
    CASE WHEN i % 5 = 0 THEN NULL ELSE i % 2 = 0 END AS b, date '2020-01-01' + i AS d
    FROM generate_series(1, 3000) AS i")
  by_copy <- pg_read(con, "SELECT * FROM t ORDER BY i")
  expect_identical(pg_read(con, "SELECT * FROM t WHERE i > $1 ORDER BY i", list(0)), by_copy)
  expect_identical(by_copy$x, (1:3000) / 7)
  for (sql in c("TABLE t;", "SELECT * FROM t -- all of it", "  (SELECT * FROM t) ;\n",
    "WITH a AS (SELECT * FROM t) SELECT * FROM a", "SELECT * FROM t; -- and that is all")) {
    expect_identical(pg_read(con, sql, key = "i"), by_copy)
  }
  expect_identical(pg_read(con, "SHOW TimeZone")[[1]], "UTC")
  expect_identical(pg_read(con, "VALUES (1), (2)")[[1]], 1:2)
})

test_that("no rows keep their columns", {
  con <- local_pg()
  for (params in list(list(), list(1L))) {
    sql <- sprintf("SELECT 1 AS a, 'x'::text AS b, now()::date AS c WHERE %s = 0",
      if (length(params) > 0) "$1::int" else "1")
    expect_identical(pg_read(con, sql, params),
      data.frame(a = integer(), b = character(), c = as.Date(character())))
  }
  expect_error(pg_read(con, "CREATE TABLE t (i int)"), "pg_exec",
    class = "questrial_error_argument")
})

test_that("a query that is read cannot write", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE t (i int)")
  e <- expect_error(pg_read(con, "INSERT INTO t VALUES (1) RETURNING i"),
    class = "questrial_error_sql")
  expect_identical(e$sqlstate, "25006")
  expect_identical(pg_transaction(con, pg_read(con, "INSERT INTO t VALUES (1) RETURNING i"))$i, 1L)
})

test_that("errors of the server say where in the statement, and keep its words", {
  con <- local_pg()
  e <- expect_error(pg_read(con, "SELECT 1,\n  nowhere FROM pg_class"),
    class = "questrial_error_sql")
  expect_identical(e$sqlstate, "42703")
  expect_identical(e$position, 13L)
  expect_match(conditionMessage(e), "line 2:   nowhere FROM pg_class\n            ^", fixed = TRUE)
  for (sql in c("SELECT (\n", "SELECT (\n\n", "SELECT (\r\n", "SELECT '\u00fc' +\n")) {
    e <- expect_error(pg_exec(con, sql), "end of input", class = "questrial_error_sql")
    expect_identical(e$sqlstate, "42601")
  }
  pg_exec(con, "CREATE TABLE t (i int CONSTRAINT positive CHECK (i > 0))")
  e <- expect_error(pg_exec(con, "INSERT INTO t VALUES ($1)", list(-1)),
    class = "questrial_error_sql")
  expect_identical(e[c("sqlstate", "table", "constraint")],
    list(sqlstate = "23514", table = "t", constraint = "positive"))
  for (n in c(1, 1e4)) { # at the first row, and after many
    e <- expect_error(
      pg_read(con, sprintf("SELECT 1 / (%.0f - i) FROM generate_series(1, 20000) AS i", n)),
      class = "questrial_error_sql"
    )
    expect_identical(e$sqlstate, "22012")
  }
  expect_identical(pg_read(con, "SELECT 1 AS x")$x, 1L)
})

test_that("a value that cannot be held names its column and row, and the session goes on", {
  con <- local_pg()
  sql <- "SELECT i AS a, CASE WHEN i = 2999 THEN 'infinity' ELSE date '2020-01-01' END AS day
    FROM generate_series(1, 100000) AS i WHERE i > %s"
  for (k in 1:2) {
    e <- expect_error(
      pg_read(con, sprintf(sql, c("0", "$1")[[k]]), list(0)[seq_len(k - 1)]), "`day`",
      class = "questrial_error_range"
    )
    expect_identical(e[c("row", "column")], list(row = 2999, column = "day"))
    expect_identical(pg_read(con, "SELECT 1 AS x")$x, 1L)
  }
})

test_that("rows come in the order of the key, in C's order of texts", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE t (g text, n bigint, x int)")
  pg_exec(con, "INSERT INTO t VALUES ('b', 5, 1), ('a', -3, 2), ('B', 4294967296, 3),
    ('a', -4294967297, 4), ('\u00e4', 2147483648, 5), ('a', 9223372036854775807, 6),
    ('a', -9223372036854775807, 7), ('a', 0, 8)")
  got <- pg_read(con, "SELECT * FROM t", key = c("g", "n"))
  expect_identical(got$x, c(3L, 7L, 4L, 2L, 8L, 6L, 1L, 5L))
  expect_identical(got, pg_read(con, "SELECT * FROM t ORDER BY g COLLATE \"C\", n"))
  expect_identical(pg_read(con, "SELECT * FROM t", key = "n"),
    pg_read(con, "SELECT * FROM t ORDER BY n"))
})

test_that("keys that are missing, twice or unknown are refused", {
  con <- local_pg()
  read <- function(values, key = "k") {
    pg_read(con, sprintf("SELECT * FROM (VALUES %s) AS v (k, l)", values), key = key)
  }
  e <- expect_error(read("(1, 1), (NULL, 2)"), class = "questrial_error_key")
  expect_identical(e$row, 2L)
  e <- expect_error(read("(3, 1), (1, 2), (3, 3)"), class = "questrial_error_key")
  expect_identical(e$row, c(1L, 3L))
  expect_identical(read("(3, 1), (1, 2), (3, 0)", c("k", "l"))$l, c(2L, 0L, 1L))
  expect_error(read("(1, 1)", "m"), class = "questrial_error_argument")
  expect_error(read("(ARRAY[1], 1)"), class = "questrial_error_key")
  e <- expect_error(read("(1::bigint, 1), (NULL, 2)"), class = "questrial_error_key")
  expect_identical(nrow(pg_read(con, "SELECT 1 AS k WHERE false", key = "k")), 0L)
})

test_that("an interrupted read leaves a session that can be used, and no query behind", {
  con <- local_pg()
  other <- pg_connect(pg_servers$one$conninfo)
  withr::defer(pg_close(other))
  pid <- con@state$info$backend
  for (sql in c("SELECT pg_sleep(60)", "SELECT a FROM generate_series(1, 1e9::bigint) AS a")) {
    took <- system.time(expect_error({
      setTimeLimit(elapsed = 0.3, transient = TRUE)
      pg_read(con, sql)
    }, "time limit"))[["elapsed"]]
    setTimeLimit()
    expect_lt(took, 10)
    state <- pg_read(other, "SELECT state FROM pg_stat_activity WHERE pid = $1", list(pid))$state
    expect_identical(state, "idle")
    expect_identical(pg_read(con, "SELECT 1 AS x")$x, 1L)
  }
})

test_that("a result that nobody ended is given up before the next statement", {
  con <- local_pg()
  for (sql in c("SELECT i FROM generate_series(1, 1000000) AS i",
    "SELECT i FROM generate_series($1::int, 1000000) AS i")) {
    statement <- questrial:::prepare_statement(con, sql, list())
    rows <- questrial:::start_rows(con, statement, rep("1", length(statement$parameters)))
    expect_identical(questrial:::next_rows(rows, 3)$i, 1:3)
    expect_identical(questrial:::next_rows(rows, 2)$i, 4:5)
    expect_error(pg_exec(con, "SELECT 1"), "still reading", class = "questrial_error_argument")
    rm(rows)
    gc()
    expect_identical(pg_read(con, "SELECT 1 AS x")$x, 1L)
  }
})

test_that("COPY as a statement is refused and leaves the session usable", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE t AS SELECT generate_series(1, 100000) AS i")
  for (sql in c("COPY t FROM STDIN", "COPY t TO STDOUT")) {
    expect_error(pg_exec(con, sql), "pg_write", class = "questrial_error_argument")
    expect_identical(pg_read(con, "SELECT count(*) AS n FROM t", bigint = "integer")$n, 100000L)
  }
})

test_that("columns of one name are kept, with a warning", {
  con <- local_pg()
  warning <- expect_warning(
    got <- pg_read(con, "SELECT 1 AS a, 2 AS b, 3 AS a"), class = "questrial_warning_same_names"
  )
  expect_identical(warning$column, "a")
  expect_identical(unlist(unname(got)), c(1L, 2L, 3L))
  expect_warning(
    pg_stream(con, "SELECT 1 AS a, 3 AS a FROM generate_series(1, 4)", nrow, chunk = 2),
    class = "questrial_warning_same_names"
  )
})

test_that("what this package's way to send statements makes the server refuse has its cure", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE t (x integer PRIMARY KEY)")
  expect_error(pg_read(con, "INSERT INTO t VALUES (1) RETURNING x"), "25006.*pg_exec\\(\\)")
  expect_error(pg_read(con, "SELECT 1; SELECT 2"), "one statement at a time")
  expect_error(pg_transaction(con, {
    try(pg_exec(con, "SELECT 1/0"), silent = TRUE)
    pg_read(con, "SELECT 1")
  }), "25P02.*pg_transaction\\(\\) of its own")
  for (place in c("?", ":x")) {
    expect_error(pg_read(con, paste("SELECT x FROM t WHERE x =", place), list(1)), "written \\$1")
  }
  syntax <- expect_error(pg_read(con, "SELEC 1;"), class = "questrial_error_sql")
  expect_no_match(conditionMessage(syntax), "one statement")
})

test_that("what is no query is refused with what to do instead", {
  con <- local_pg()
  refused <- function(sql, words, ...) {
    expect_error(pg_read(con, sql, ...), words, class = "questrial_error_argument")
  }
  for (empty in c("", " ; ", "-- nothing", "/* nothing\n */")) {
    refused(empty, "holds no statement")
  }
  refused("copy pg_class TO STDOUT", "Give the query or SELECT \\* FROM the table")
  refused("BEGIN", "Put what belongs together into pg_transaction")
  refused("CREATE TABLE t (x int)", "Run it with pg_exec")
  refused("SELECT $1::int", "must be a single value, not a function[.]$", list(mean))
  refused("SELECT $1::int", "Give an array as text, .* to = ANY", list(1:2))
  pg_exec(con, "CREATE TABLE visits (grp text)")
  expect_error(pg_read(con, "visits"), "SELECT \\* FROM visits[.]$", class = "questrial_error_sql")
  expect_error(pg_read(con, "SELECT * FROM visits WHERE grp = \"care\""),
    "Double quotes are for names", class = "questrial_error_sql")
  unknown <- expect_error(pg_read(con, "SELECT care FROM visits"), class = "questrial_error_sql")
  expect_no_match(conditionMessage(unknown), "Double quotes")
})
