# What DBI's own tests ask of a driver, and what they do not ask.

# Checks of DBItest that do not hold, each with its reason. The help page of Pg() has the same list,
# and each is run: one that holds again is to leave both lists.
not_as_dbi <- c(
  # The package is no driver first: its name does not begin with R.
  "package_name",
  # A number that an integer cannot hold is refused, not turned into NA.
  "connect_bigint_integer"
)

# A database, and a role that owns it and nothing else.
dbitest_conninfo <- function() {
  conninfo <- local_database()
  con <- pg_connect(conninfo)
  on.exit(pg_close(con))
  database <- pg_read(con, "SELECT current_database()::text")[[1]]
  try(pg_exec(con, "CREATE ROLE dbitest LOGIN"), silent = TRUE)
  pg_exec(con, sprintf("ALTER DATABASE %s OWNER TO dbitest", database))
  pg_exec(con, "ALTER SCHEMA public OWNER TO dbitest")
  sub("user=postgres", "user=dbitest", conninfo, fixed = TRUE)
}

# What each check of DBItest came to: a list of the check's name and its expectations.
dbitest_results <- function() {
  DBItest::make_context(Pg(), list(conninfo = dbitest_conninfo()),
    tweaks = DBItest::tweaks(
      constructor_name = "Pg", placeholder_pattern = "$1", dbitest_version = "1.7.3",
      date_cast = function(x) sprintf("date '%s'", x),
      time_cast = function(x) sprintf("time '%s'", x),
      timestamp_cast = function(x) sprintf("timestamp '%s'", x),
      is_null_check = function(x) sprintf("(%s::text IS NULL)", x),
      blob_cast = function(x) sprintf("(%s::bytea)", x)
    )
  )
  reporter <- testthat::ListReporter$new()
  testthat::with_reporter(reporter, DBItest::test_all(skip = character()))
  reporter$get_results()
}

expectations_of <- function(result, classes) {
  Filter(function(expectation) inherits(expectation, paste0("expectation_", classes)),
    result$results)
}

if (pg_available() && pg_can_start() && requireNamespace("DBItest", quietly = TRUE)) {
  for (result in dbitest_results()) {
    check <- sub(".*: ", "", result$test)
    bad <- expectations_of(result, c("failure", "error", "warning", "skip"))
    if (check %in% not_as_dbi) {
      test_that(paste(result$test, "does not hold, as the help page says"), {
        expect_gt(length(bad), 0)
      })
    } else {
      test_that(result$test, {
        expect_identical(vapply(bad, conditionMessage, ""), character())
      })
    }
  }
}

# What DBItest::test_stress() asks, which cannot be called in version 1.7.3.
test_that("fifty connections stand at once", {
  conninfo <- local_database()
  cons <- replicate(50, DBI::dbConnect(Pg(), conninfo))
  expect_true(all(vapply(cons, DBI::dbIsValid, NA)))
  for (con in cons) {
    DBI::dbDisconnect(con)
  }
  expect_false(any(vapply(cons, DBI::dbIsValid, NA)))
})

test_that("checks of DBItest that are left out are named in the help page", {
  skip_if_not_installed("questrial")
  page <- tools::Rd_db("questrial")[["Pg.Rd"]]
  skip_if(is.null(page), "installed without help pages")
  text <- paste(utils::capture.output(tools::Rd2txt(page, options = list(underline_titles = FALSE))),
    collapse = "\n")
  for (check in not_as_dbi) {
    expect_match(text, check, fixed = TRUE)
  }
})

test_that("a connection of DBI is one of pg_connect()", {
  con <- DBI::dbConnect(Pg(), local_database(), bigint = "numeric")
  expect_true(DBI::dbIsValid(con))
  expect_identical(DBI::dbGetQuery(con, "SELECT 2::bigint AS a"), data.frame(a = 2))
  expect_identical(pg_read(con, "SELECT 1 AS a"), data.frame(a = 1L))
  DBI::dbDisconnect(con)
  expect_false(pg_is_open(con))
  expect_error(DBI::dbGetQuery(con, "SELECT 1"), class = "questrial_error_connection")
  expect_warning(DBI::dbDisconnect(con), class = "questrial_warning_closed")
})

test_that("driver and connection say what they are", {
  con <- local_pg()
  expect_false(DBI::dbIsReadOnly(Pg()))
  expect_false(DBI::dbIsReadOnly(con))
  pg_exec(con, "SET default_transaction_read_only = on")
  expect_true(DBI::dbIsReadOnly(con))
  info <- DBI::dbGetInfo(con)
  expect_identical(info$username, "postgres")
  expect_match(info$dbname, "^test")
  expect_output(print(Pg()), "PostgreSQL")
  expect_match(as.character(DBI::dbGetInfo(Pg())$client.version), "^[0-9]+[.]")
})

# ---- Results ----

test_that("a result stays open between fetches, and takes its rows as they are asked for", {
  con <- local_pg()
  result <- DBI::dbSendQuery(con, "SELECT i FROM generate_series(1, 100000) i")
  expect_false(DBI::dbHasCompleted(result))
  expect_identical(DBI::dbFetch(result, 3), data.frame(i = 1:3))
  expect_identical(DBI::dbFetch(result, 0), data.frame(i = integer()))
  expect_identical(DBI::dbFetch(result, 2), data.frame(i = 4:5))
  expect_equal(DBI::dbGetRowCount(result), 5)
  expect_output(print(result), "rows fetched: 5")
  expect_identical(DBI::dbFetch(result)$i, 6:100000)
  expect_true(DBI::dbHasCompleted(result))
  expect_output(print(result), "rows fetched: 100,000 (all)", fixed = TRUE)
  expect_identical(DBI::dbFetch(result), data.frame(i = integer()))
  DBI::dbClearResult(result)
  expect_output(print(result), "cleared")
  expect_error(DBI::dbFetch(result), class = "questrial_error_closed")
})

test_that("rows not yet fetched take no memory", {
  con <- local_pg()
  result <- DBI::dbSendQuery(con, "SELECT repeat('x', 1000) AS x FROM generate_series(1, 300000)")
  resident <- function() {
    line <- grep("^VmRSS", readLines("/proc/self/status"), value = TRUE)
    as.numeric(gsub("[^0-9]", "", line))
  }
  skip_if_not(file.exists("/proc/self/status"), "needs /proc")
  DBI::dbFetch(result, 1000)
  before <- resident()
  n <- 1000
  while (!DBI::dbHasCompleted(result)) {
    n <- n + nrow(DBI::dbFetch(result, 1000))
  }
  expect_identical(n, 300000)
  # The address sanitizer keeps what was freed, to see who reads it later.
  if (!grepl("asan", Sys.getenv("LD_PRELOAD"))) {
    expect_lt(resident() - before, 32 * 1024)
  }
  DBI::dbClearResult(result)
})

test_that("a query that is cleared half-way leaves the session usable", {
  con <- local_pg()
  for (i in 1:3) {
    result <- DBI::dbSendQuery(con, "SELECT generate_series(1, 1000000)")
    DBI::dbFetch(result, 10)
    DBI::dbClearResult(result)
    expect_identical(DBI::dbGetQuery(con, "SELECT 1 AS a")$a, 1L)
  }
})

test_that("rows yet to come keep a connection busy for all but DBI's next statement", {
  con <- local_pg()
  result <- DBI::dbSendQuery(con, "SELECT generate_series(1, 10) AS i")
  expect_error(pg_read(con, "SELECT 1"), class = "questrial_error_argument")
  expect_identical(DBI::dbFetch(result)$i, 1:10)
  expect_identical(pg_read(con, "SELECT 1 AS a")$a, 1L)
  expect_warning(DBI::dbListTables(con), class = "questrial_warning_closed")
  expect_false(DBI::dbIsValid(result))
})

test_that("a session that the server ended is no longer valid, and stays so", {
  con <- local_pg()
  other <- pg_connect(pg_servers$one$conninfo)
  withr::defer(pg_close(other))
  result <- DBI::dbSendQuery(con, "SELECT i FROM generate_series(1, 3000000) i")
  DBI::dbFetch(result, 5)
  pid <- con@state$info$backend
  pg_read(other, "SELECT pg_terminate_backend($1)", list(pid))
  expect_error(DBI::dbFetch(result), class = "questrial_error_connection")
  expect_false(DBI::dbIsValid(con))
  expect_false(DBI::dbIsValid(result))
  DBI::dbClearResult(result)
  expect_error(DBI::dbGetQuery(con, "SELECT 1"), class = "questrial_error_connection")
})

test_that("an error while rows arrive is the server's, and the session goes on", {
  con <- local_pg()
  result <- DBI::dbSendQuery(con, "SELECT 1 / (5000 - i) AS a FROM generate_series(1, 6000) i")
  expect_identical(nrow(DBI::dbFetch(result, 10)), 10L)
  failure <- expect_error(DBI::dbFetch(result), class = "questrial_error_sql")
  expect_identical(failure$sqlstate, "22012")
  DBI::dbClearResult(result)
  expect_identical(DBI::dbGetQuery(con, "SELECT 1 AS a")$a, 1L)
})

test_that("statements with RETURNING give their rows and how many they touched", {
  con <- local_pg()
  DBI::dbExecute(con, "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, x text)")
  sql <- "INSERT INTO t (x) VALUES ($1) RETURNING id"
  result <- DBI::dbSendStatement(con, sql, params = list(c("a", NA, "c")))
  expect_equal(DBI::dbGetRowsAffected(result), 3)
  expect_identical(DBI::dbFetch(result, 2), data.frame(id = 1:2))
  expect_identical(DBI::dbFetch(result), data.frame(id = 3L))
  expect_true(DBI::dbHasCompleted(result))
  DBI::dbClearResult(result)
  expect_identical(DBI::dbGetQuery(con, sql, params = list("d")), data.frame(id = 4L))
  expect_identical(DBI::dbReadTable(con, "t")$x, c("a", NA, "c", "d"))
})

test_that("runs with several sets of values are one data frame, whatever the columns are", {
  con <- local_pg()
  pg_exec(con, "CREATE TYPE colour AS ENUM ('red', 'green')")
  got <- DBI::dbGetQuery(con, paste(
    "SELECT $1::int AS i, $2::colour AS f, $1::bigint AS big, '\\x01ff'::bytea AS b,",
    "ARRAY[$1, 2]::int[] AS a, '2020-02-29'::date AS d, '2020-02-29 12:00'::timestamptz AS s"
  ), params = list(c(3L, NA), c("green", "red")))
  expect_identical(got$i, c(3L, NA))
  expect_identical(got$f, factor(c("green", "red"), c("red", "green")))
  expect_s3_class(got$big, "integer64")
  expect_identical(as.character(got$big), c("3", NA))
  expect_identical(got$b, rep(list(as.raw(c(1, 255))), 2))
  expect_identical(got$a, list(c(3L, 2L), c(NA, 2L)))
  expect_identical(got$d, rep(as.Date("2020-02-29"), 2))
  expect_identical(format(got$s), rep("2020-02-29 12:00:00", 2))
})

test_that("several statements go at once without parameters only", {
  con <- local_pg()
  expect_error(DBI::dbExecute(con, "CREATE TABLE a (x int); CREATE TABLE b (x int)"),
    class = "questrial_error_sql")
  DBI::dbExecute(con, "CREATE TABLE a (x int); CREATE TABLE b (x int)", immediate = TRUE)
  expect_identical(DBI::dbListTables(con), c("a", "b"))
})

test_that("parameters are checked", {
  con <- local_pg()
  ask <- function(params, sql = "SELECT $1::int, $2::int") DBI::dbGetQuery(con, sql, params = params)
  expect_error(ask(list(1L)), "1 elements, but the statement has 2 parameters")
  expect_error(ask(list(a = 1L, b = 2L)), "unname")
  expect_identical(unname(ask(c(1L, 2L))), unname(data.frame(1L, 2L)))
  expect_error(ask(list(1:2, 1:3)), "lengths 2 and 3")
  expect_error(ask(list(1L), "SELECT 1"), "0 parameters")
  expect_warning(ask(list(factor("a")), "SELECT $1::text"), class = "questrial_warning_factor")
})

test_that("columns are described before any row is read", {
  con <- local_pg()
  result <- DBI::dbSendQuery(con, "SELECT 1 AS a, 'x'::text AS b, now() AS c, 1::float8 AS d")
  info <- DBI::dbColumnInfo(result)
  expect_identical(info$name, c("a", "b", "c", "d"))
  expect_identical(info$type, c("integer", "character", "double", "double"))
  expect_identical(info$.class, c("integer", "character", "POSIXct", "numeric"))
  expect_identical(info$.typname,
    c("integer", "text", "timestamp with time zone", "double precision"))
  expect_identical(info$.oid, c(23, 25, 1184, 701))
  DBI::dbClearResult(result)
})

# ---- Transactions ----

test_that("transactions of DBI and of pg_transaction() are one", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE t (x int)")
  DBI::dbBegin(con)
  pg_write(con, data.frame(x = 1:3), "t", append = TRUE)
  expect_error(pg_transaction(con, {
    pg_exec(con, "DELETE FROM t")
    stop("no")
  }), "no")
  expect_identical(pg_read(con, "SELECT x FROM t", key = "x")$x, 1:3)
  DBI::dbRollback(con)
  expect_identical(nrow(DBI::dbReadTable(con, "t")), 0L)

  pg_transaction(con, {
    expect_error(DBI::dbBegin(con), class = "questrial_error_transaction")
    DBI::dbAppendTable(con, "t", data.frame(x = 7L))
  })
  expect_identical(DBI::dbReadTable(con, "t"), data.frame(x = 7L))
})

test_that("dbWithTransaction() keeps all or nothing", {
  con <- local_pg()
  expect_error(DBI::dbWithTransaction(con, {
    DBI::dbWriteTable(con, "t", data.frame(x = 1))
    DBI::dbExecute(con, "SELECT 1 / 0")
  }), class = "questrial_error_sql")
  expect_false(DBI::dbExistsTable(con, "t"))
  DBI::dbWithTransaction(con, DBI::dbWriteTable(con, "t", data.frame(x = 1)))
  expect_true(DBI::dbExistsTable(con, "t"))
})

# ---- Tables ----

test_that("names of tables are taken as they stand", {
  con <- local_pg()
  pg_exec(con, "CREATE SCHEMA s")
  names <- c("plain", "a.b", "Upper", "with \"quotes\"", "'; DROP TABLE plain; --", "\u00fcber")
  for (name in names) {
    DBI::dbWriteTable(con, name, data.frame(x = 1.5))
    DBI::dbAppendTable(con, name, data.frame(x = 2.5))
    expect_identical(DBI::dbReadTable(con, name), data.frame(x = c(1.5, 2.5)))
    expect_identical(DBI::dbListFields(con, name), "x")
  }
  expect_setequal(DBI::dbListTables(con), names)

  id <- DBI::Id(schema = "s", table = "a.b")
  expect_false(DBI::dbExistsTable(con, id))
  DBI::dbWriteTable(con, id, data.frame(y = "in s"))
  expect_identical(DBI::dbReadTable(con, id), data.frame(y = "in s"))
  expect_identical(DBI::dbListFields(con, id), "y")
  objects <- DBI::dbListObjects(con, DBI::Id(schema = "s"))
  expect_identical(objects$table[[1]], id)
  DBI::dbRemoveTable(con, id)
  expect_false(DBI::dbExistsTable(con, id))
  expect_true(DBI::dbExistsTable(con, "a.b"))
})

test_that("what cannot be written leaves the table that was there", {
  con <- local_pg()
  DBI::dbWriteTable(con, "t", data.frame(x = 1:2))
  expect_error(DBI::dbWriteTable(con, "t", data.frame(x = 1:2)),
    "there is a table \"t\" already. append = TRUE", class = "questrial_error_argument")
  expect_error(DBI::dbCreateTable(con, "t", c(x = "text")),
    "there is a table \"t\" already. dbAppendTable", class = "questrial_error_argument")
  expect_error(DBI::dbCreateTable(con, DBI::Id(schema = "nowhere", table = "t"), c(x = "text")),
    "no schema \"nowhere\"", class = "questrial_error_argument")
  expect_error(
    DBI::dbWriteTable(con, "t", data.frame(x = c(1, 2.5)), overwrite = TRUE,
      field.types = c(x = "int")),
    class = "questrial_error"
  )
  expect_identical(DBI::dbReadTable(con, "t"), data.frame(x = 1:2))
  DBI::dbWriteTable(con, "t", data.frame(y = "a"), overwrite = TRUE)
  expect_identical(DBI::dbReadTable(con, "t"), data.frame(y = "a"))
})

test_that("types of new columns are those that read back as they were written", {
  con <- local_pg()
  data <- data.frame(
    l = c(TRUE, NA), i = c(1L, NA), d = c(0.1, NaN), c = c("\u00e9", NA),
    day = as.Date(c("1905-03-01", NA)), at = .POSIXct(c(1e9 + 0.25, NA), "UTC")
  )
  data$raw <- list(as.raw(0:3), NULL)
  DBI::dbWriteTable(con, "t", data)
  expect_identical(DBI::dbReadTable(con, "t"), data)
  types <- DBI::dbDataType(con, data)
  expect_identical(names(types), names(data))
  expect_identical(types, DBI::dbDataType(Pg(), data))
})

# ---- Quoting ----

test_that("literals are read back as the values that they stand for", {
  con <- local_pg()
  values <- list(
    1L, -2L, NA_integer_, 0.1, -1 / 3, 1e-300, -0, Inf, NaN, "a'b\\c\"", "", NA_character_, TRUE, NA,
    as.Date("2020-02-29"), .POSIXct(1582934400.123456, "UTC")
  )
  for (value in values) {
    literal <- DBI::dbQuoteLiteral(con, value)
    got <- DBI::dbGetQuery(con, paste("SELECT", literal, "AS x"))$x
    if (is.na(value) && !identical(value, NaN)) {
      expect_true(is.na(got))
    } else {
      expect_identical(got, value)
    }
  }
  expect_identical(DBI::dbGetQuery(con, paste("SELECT 1 -", DBI::dbQuoteLiteral(con, -1L)))[[1]], 2L)
  raw <- DBI::dbQuoteLiteral(con, list(as.raw(c(0, 39, 92)), NULL))
  got <- DBI::dbGetQuery(con, paste("SELECT", raw[[1]], "AS a,", raw[[2]], "AS b"))
  expect_identical(got$a, list(as.raw(c(0, 39, 92))))
})

test_that("quoted text is one text, whatever the session thinks of backslashes", {
  con <- local_pg()
  texts <- c("\\", "\\'; DROP TABLE t; --", "a\\\\'", "E'", "\n\t\\n", "\u00fc")
  for (setting in c("on", "off")) {
    pg_exec(con, paste("SET escape_string_warning = off; SET standard_conforming_strings =", setting))
    got <- DBI::dbGetQuery(con, paste("SELECT", paste(DBI::dbQuoteString(con, texts), collapse = ",")))
    expect_identical(unlist(unname(got)), texts)
  }
})

test_that("invalid text is refused before it is quoted", {
  con <- local_pg()
  bad <- "a\xc0'; DROP TABLE t; --"
  Encoding(bad) <- "UTF-8"
  expect_error(DBI::dbQuoteString(con, bad), "not valid text")
  expect_error(DBI::dbQuoteIdentifier(con, bad), "not valid text")
  expect_error(DBI::dbQuoteLiteral(con, bad), "not valid text")
})
