# What the server has of a column, in its own words.
server_text <- function(con, table, column) {
  pg_read(con, sprintf("SELECT %s::text AS x FROM %s", sql_name(column), table))$x
}

written <- function(con, data, table = "t") {
  pg_write(con, data, table)
  pg_read(con, sprintf("SELECT * FROM %s", table))
}

every_kind <- function() {
  data <- data.frame(
    flag = c(TRUE, NA, FALSE), whole = c(1L, NA, -5L), x = c(pi, NA, NaN),
    words = c("a", NA, "\u00fc \u4e16 \U1F600"), day = as.Date(c("2024-02-29", NA, "0001-01-01")),
    moment = .POSIXct(c(1709210096.123456, NA, -2208988800), "UTC")
  )
  data$bytes <- list(as.raw(0:3), NULL, raw())
  data$counts <- list(1:3, NULL, integer())
  data$matrices <- list(matrix(1:4 / 3, 2), c(1, NA, NaN), array(0.5, c(1, 2, 3)))
  data$lists <- list(c("a", NA), character(), "\u00fc")
  data
}

test_that("every kind of column comes back as it was", {
  con <- local_pg()
  expect_identical(pg_write(con, every_kind(), "t"), 3)
  expect_identical(pg_read(con, "SELECT * FROM t"), every_kind())
})

test_that("a new table has the fitting types", {
  con <- local_pg()
  pg_write(con, every_kind(), "t")
  types <- pg_read(con, paste(
    "SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute",
    "WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum"
  ))
  expect_identical(types$name, names(every_kind()))
  expect_identical(types$type, c(
    "boolean", "integer", "double precision", "text", "date", "timestamp with time zone", "bytea",
    "integer[]", "double precision[]", "text[]"
  ))
})

test_that("times of day and 64-bit integers come back", {
  skip_if_not_installed("hms")
  skip_if_not_installed("bit64")
  con <- local_pg()
  data <- data.frame(time = hms::hms(c(0, 86400, 1.5, NA)))
  data$big <- bit64::as.integer64(c("9223372036854775807", "-9223372036854775807", "0", NA))
  data$bigs <- list(data$big, NULL, data$big[4], data$big[0])
  expect_identical(written(con, data), data)
  expect_identical(server_text(con, "t", "time"), c("00:00:00", "24:00:00", "00:00:01.5", NA))
  expect_identical(server_text(con, "t", "big"), c(
    "9223372036854775807", "-9223372036854775807", "0", NA
  ))
})

# ---- The server's own words ----

test_that("the server has what was written", {
  con <- local_pg()
  pg_write(con, every_kind(), "t")
  words <- function(column) server_text(con, "t", column)
  expect_identical(words("flag"), c("true", NA, "false"))
  expect_identical(words("x"), c("3.141592653589793", NA, "NaN"))
  expect_identical(words("day"), c("2024-02-29", NA, "0001-01-01"))
  expect_identical(words("moment"), c("2024-02-29 12:34:56.123456+00", NA, "1900-01-01 00:00:00+00"))
  expect_identical(words("bytes"), c("\\x00010203", NA, "\\x"))
  expect_identical(words("counts"), c("{1,2,3}", NA, "{}"))
  expect_identical(words("matrices"), c(
    "{{0.3333333333333333,1},{0.6666666666666666,1.3333333333333333}}", "{1,NULL,NaN}",
    "{{{0.5,0.5,0.5},{0.5,0.5,0.5}}}"
  ))
  expect_identical(words("lists"), c("{a,NULL}", "{}", "{\u00fc}"))
})

test_that("infinite and far dates and times are the server's", {
  con <- local_pg()
  data <- data.frame(
    day = structure(c(Inf, -Inf, -2440588, 2145042905), class = "Date"),
    moment = .POSIXct(c(Inf, -Inf, -210866803200, 253402300800), "UTC")
  )
  pg_write(con, data, "t")
  expect_identical(server_text(con, "t", "day"), c(
    "infinity", "-infinity", "4714-11-24 BC", "5874897-12-31"
  ))
  expect_identical(server_text(con, "t", "moment"), c(
    "infinity", "-infinity", "4714-11-24 00:00:00+00 BC", "10000-01-01 00:00:00+00"
  ))
  expect_identical(pg_read(con, "SELECT * FROM t", infinity = "Inf"), data)
})

test_that("texts of other encodings are converted, not copied", {
  con <- local_pg()
  latin <- "caf\xe9"
  Encoding(latin) <- "latin1"
  pg_write(con, data.frame(x = latin), "t")
  expect_identical(pg_read(con, "SELECT x, octet_length(x) AS n FROM t"), data.frame(
    x = "caf\u00e9", n = 5L
  ))
})

# ---- Frames ----

test_that("frames without rows and without columns are tables", {
  con <- local_pg()
  expect_identical(written(con, every_kind()[0, 1:6], "no_rows"), every_kind()[0, 1:6])
  expect_identical(pg_write(con, data.frame(), "nothing"), 0)
  expect_identical(pg_write(con, data.frame(row.names = 1:3), "no_columns"), 3)
  expect_identical(pg_read(con, "SELECT count(*)::int AS n FROM no_columns")$n, 3L)
})

test_that("tibbles and data.tables are data frames", {
  con <- local_pg()
  skip_if_not_installed("tibble")
  skip_if_not_installed("data.table")
  plain <- data.frame(a = 1:3, b = c("x", NA, "z"))
  expect_identical(written(con, tibble::as_tibble(plain), "a"), plain)
  expect_identical(written(con, data.table::as.data.table(plain), "b"), plain)
})

test_that("factors are written as their labels, a missing level as missing", {
  con <- local_pg()
  data <- data.frame(f = factor(c("b", NA, "a", "b")), g = addNA(factor(c("u", NA, "v", NA))))
  expect_identical(written(con, data), data.frame(f = c("b", NA, "a", "b"), g = c("u", NA, "v", NA)))
})

test_that("names are quoted", {
  con <- local_pg()
  pg_exec(con, "CREATE SCHEMA \"Trial 1\"")
  data <- stats::setNames(data.frame(1L, 2L, 3L), c("select", "A b", "say \"\u00fc\"; DROP TABLE t"))
  pg_write(con, data, c("Trial 1", "My \"table\""))
  expect_identical(pg_read(con, "SELECT * FROM \"Trial 1\".\"My \"\"table\"\"\""), data)
  pg_write(con, data, DBI::Id(schema = "Trial 1", table = "a.b"))
  pg_write(con, data, "public.t")
  expect_identical(pg_read(con, "SELECT * FROM \"Trial 1\".\"a.b\""), data)
  expect_identical(pg_read(con, "SELECT * FROM t"), data)
})

test_that("rows go to the table that was made, not to a temporary one of its name", {
  con <- local_pg()
  pg_exec(con, "CREATE TEMP TABLE t (x integer)")
  pg_write(con, data.frame(x = 1:3), "t")
  expect_identical(pg_read(con, "SELECT count(*)::int FROM public.t")[[1]], 3L)
  expect_identical(pg_read(con, "SELECT count(*)::int FROM pg_temp.t")[[1]], 0L)
})

test_that("more rows than one piece are all there, in order", {
  con <- local_pg()
  n <- 25001
  data <- data.frame(i = seq_len(n), t = as.character(seq_len(n)))
  data$l <- rep(list(1:2, NULL, 3L), length.out = n)
  expect_identical(pg_write(con, data, "t"), n)
  expect_identical(pg_read(con, "SELECT * FROM t", key = "i"), data)
})

# ---- Appending ----

test_that("rows are appended by the names of columns, the others get their defaults", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE t (id serial, a int2, b varchar(3) DEFAULT 'new', c numeric(6, 2))")
  pg_write(con, data.frame(c = c(1.25, NA), a = c(7, 8)), "t", append = TRUE)
  expect_identical(pg_read(con, "SELECT * FROM t"), data.frame(
    id = 1:2, a = 7:8, b = "new", c = c(1.25, NA)
  ))
})

test_that("numbers go into every type that holds them", {
  con <- local_pg()
  skip_if_not_installed("bit64")
  types <- c("int2", "int4", "int8", "float4", "float8", "numeric", "numeric(9, 2)")
  columns <- list(5L, -7, bit64::as.integer64(9))
  for (type in types) {
    pg_exec(con, sprintf("CREATE TABLE t (x %s)", type))
    for (x in columns) {
      pg_write(con, data.frame(x = x), "t", append = TRUE)
    }
    expect_identical(pg_read(con, "SELECT x::float8 AS x FROM t")$x, c(5, -7, 9))
    pg_exec(con, "DROP TABLE t")
  }
})

test_that("texts go into the types that read them", {
  con <- local_pg()
  pg_exec(con, "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN short AS varchar(3)")
  pg_exec(con, paste(
    "CREATE TABLE t (t text, v varchar(3), c char(3), n name, e mood, d short, u uuid, j json,",
    "b jsonb, x xml, z numeric, es mood[], vs varchar(2)[])"
  ))
  row <- data.frame(t = "a", v = "\u00fc\u00fc\u00fc", c = "ab", n = "n", e = factor("ok"), d = "abc",
    u = "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", j = "{\"a\": 1}", b = "[1,  2]", x = "<a/>",
    z = "12345678901234567890.10")
  row$es <- list(c("ok", NA))
  row$vs <- list(c("ab", "\u00fc\u00fc"))
  pg_write(con, row, "t", append = TRUE)
  expect_identical(
    unlist(pg_read(con, "SELECT t.*::text FROM t")), c(t = paste0(
      "(a,\u00fc\u00fc\u00fc,\"ab \",n,ok,abc,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,\"{\"\"a\"\": 1}\",",
      "\"[1, 2]\",<a/>,12345678901234567890.10,\"{ok,NULL}\",\"{ab,\u00fc\u00fc}\")"
    ))
  )
})

test_that("what is missing all through goes into any type", {
  con <- local_pg()
  pg_exec(con, paste(
    "CREATE TABLE t (a int2, b text, c date, d timestamp, e time, f bytea, g int[], h jsonb,",
    "i numeric, j float8, k bool, l int8)"
  ))
  data <- as.data.frame(stats::setNames(rep(list(c(NA, NA)), 12), letters[1:12]))
  expect_identical(pg_write(con, data, "t", append = TRUE), 2)
  data$g <- list(NULL, NULL)
  data$f <- list(NULL, NULL)
  expect_identical(pg_write(con, data, "t", append = TRUE), 2)
  expect_identical(pg_read(con, "SELECT count(*)::int AS n FROM t WHERE t IS NULL")$n, 4L)
})

test_that("a clock's time is the nearest microsecond", {
  con <- local_pg()
  now <- Sys.time()
  pg_write(con, data.frame(at = now), "t")
  expect_lt(abs(as.numeric(pg_read(con, "SELECT at FROM t")$at) - as.numeric(now)), 6e-7)
  pg_exec(con, "CREATE TABLE wall (at timestamp)")
  pg_write(con, data.frame(at = as.POSIXct("2024-07-01 12:00", tz = "Europe/Berlin")), "wall", TRUE)
  expect_identical(server_text(con, "wall", "at"), "2024-07-01 10:00:00")
})

# ---- What is refused ----

refusal <- function(con, data, table = "t", append = TRUE) {
  e <- tryCatch(pg_write(con, data, table, append = append), questrial_error = identity)
  expect_s3_class(e, "questrial_error")
  e
}

test_that("what a column cannot hold is named by column, row and value", {
  con <- local_pg()
  pg_exec(con, paste(
    "CREATE TABLE t (i2 int2, i4 int4, i8 int8, f4 float4, n numeric(5, 1), v varchar(3), d date,",
    "s timestamp(3), h time, u uuid, e text[])"
  ))
  expect_cell <- function(data, value, reason) {
    e <- refusal(con, data)
    expect_s3_class(e, "questrial_error_range")
    expect_identical(e$row, 2)
    expect_identical(e$column, names(data))
    expect_identical(e$value, value)
    expect_match(conditionMessage(e), sprintf("column `%s`, row 2", names(data)), fixed = TRUE)
    expect_match(conditionMessage(e), reason, fixed = TRUE)
  }
  expect_cell(data.frame(i2 = c(1L, 40000L)), 40000L, "-32768 to 32767")
  expect_cell(data.frame(i4 = c(1, 1.5)), 1.5, "not whole")
  expect_cell(data.frame(i4 = c(1, NaN)), NaN, "NaN")
  expect_cell(data.frame(i8 = c(1, 2^63)), 2^63, "8 bytes")
  expect_cell(data.frame(f4 = c(0.5, 0.1)), 0.1, "single precision")
  expect_cell(data.frame(n = c(0.1, 0.25)), 0.25, "1 digits")
  expect_cell(data.frame(v = c("abc", "abcd")), "abcd", "4 characters")
  expect_cell(data.frame(v = c("abc", "a\xe9")), "a\xe9", "UTF-8")
  expect_cell(data.frame(d = as.Date(c(1, 1.5), origin = "1970-01-01")),
    as.Date(1.5, origin = "1970-01-01"), "whole day")
  expect_cell(data.frame(s = .POSIXct(c(0.001, 0.0001), "UTC")), .POSIXct(0.0001, "UTC"), "digits")
  expect_cell(data.frame(s = .POSIXct(c(0, 1e14), "UTC")), .POSIXct(1e14, "UTC"), "294276")
  expect_cell(data.frame(h = as.difftime(c(1, -1), units = "secs")),
    as.difftime(-1, units = "secs"), "86400")
  expect_cell(data.frame(u = c(NA, "x")), "x", "UUID")
  data <- data.frame(row.names = 1:2)
  data$e <- list("a", c("b", "\xff"))
  expect_cell(data, c("b", "\xff"), "UTF-8")
  expect_identical(pg_read(con, "SELECT count(*)::int AS n FROM t")$n, 0L)
})

test_that("a label that an enum does not have is named", {
  con <- local_pg()
  pg_exec(con, "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE t (m mood)")
  pg_write(con, data.frame(m = factor(c("ok", NA), c("never", "ok"))), "t", append = TRUE)
  e <- refusal(con, data.frame(m = c("ok", NA, "glad")))
  expect_identical(e[c("row", "column", "value")], list(row = 3L, column = "m", value = "glad"))
  expect_match(conditionMessage(e), "`sad` and `ok`", fixed = TRUE)
})

test_that("columns that have no type are refused with the cure", {
  con <- local_pg()
  expect_column <- function(x, cure) {
    data <- data.frame(row.names = seq_along(x))
    data$x <- x
    e <- refusal(con, data, append = FALSE)
    expect_s3_class(e, "questrial_error_type")
    expect_identical(e$column, "x")
    expect_match(conditionMessage(e), cure, fixed = TRUE)
  }
  expect_column(as.POSIXlt(c("2024-01-01", NA), tz = "UTC"), "as.POSIXct()")
  expect_column(as.difftime(c(1, 2), units = "hours"), "units = \"hours\"")
  expect_column(complex(2), "as.character()")
  expect_column(numeric_version(c("1.0", "2.0")), "as.character()")
  expect_column(as.raw(1:2), "as.character()")
  expect_column(list(1L, "a"), "one type")
  expect_column(list(1L, 1), "one type")
  expect_column(list(1L, list(1)), "one type")
  expect_column(list(list(1), list(2)), "vectors")
  expect_column(list(NULL, NULL), "append")
  e <- refusal(con, data.frame(x = I(matrix(1:4, 2))), append = FALSE)
  expect_match(conditionMessage(e), "is a matrix", fixed = TRUE)
})

test_that("values that a survey declares as missing are not written as values", {
  skip_if_not_installed("haven")
  con <- local_pg()
  labelled <- haven::labelled_spss(c(1, 2, 99, NA), na_values = 99, na_range = c(-9, -1))
  e <- refusal(con, data.frame(x = labelled), append = FALSE)
  expect_identical(e[c("row", "value")], list(row = 3L, value = 99))
  expect_match(conditionMessage(e), "haven::zap_missing()", fixed = TRUE)
  ranged <- haven::labelled_spss(c(1, -5), na_range = c(-9, -1))
  expect_identical(refusal(con, data.frame(x = ranged), append = FALSE)$row, 2L)
  tagged <- data.frame(x = c(1, haven::tagged_na("a")))
  expect_match(conditionMessage(refusal(con, tagged, append = FALSE)), "tag \"a\"", fixed = TRUE)
  fine <- data.frame(x = haven::labelled(c(1, 2), c(no = 1, yes = 2)))
  expect_identical(written(con, fine), data.frame(x = c(1, 2)))
})

test_that("a column of another type than the table's is refused with the cure", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE t (i int, t text, d date, a int[], v interval, b bool)")
  expect_mismatch <- function(data, cure) {
    e <- refusal(con, data)
    expect_s3_class(e, "questrial_error_type")
    expect_match(conditionMessage(e), cure, fixed = TRUE)
  }
  expect_mismatch(data.frame(i = "1"), "as.numeric()")
  expect_mismatch(data.frame(i = TRUE), "as.numeric()")
  expect_mismatch(data.frame(t = 1), "as.character()")
  expect_mismatch(data.frame(d = "2024-01-01"), "as.Date()")
  expect_mismatch(data.frame(b = 1L), "as.logical()")
  expect_mismatch(data.frame(a = 1L), "list of vectors")
  expect_mismatch(data.frame(v = "1 day"), "type interval")
  data <- data.frame(row.names = 1)
  data$i <- list(1:2)
  expect_mismatch(data, "as.numeric()")
})

test_that("tables and columns that are not there, or twice, are named", {
  con <- local_pg()
  pg_write(con, data.frame(score = 1), "t")
  expect_match(conditionMessage(refusal(con, data.frame(a = 1), append = FALSE)), "append = TRUE")
  expect_match(conditionMessage(refusal(con, data.frame(a = 1), "u")), "append = FALSE")
  expect_match(conditionMessage(refusal(con, data.frame(scor = 1))), "Did you mean `score`?")
  expect_match(conditionMessage(refusal(con, data.frame(a = 1, a = 2, check.names = FALSE))),
    "several columns named `a`")
  expect_match(conditionMessage(refusal(con, stats::setNames(data.frame(1), ""))), "no name")
  expect_match(conditionMessage(refusal(con, data.frame(row.names = 1:2))), "no columns")
  expect_match(conditionMessage(refusal(con, data.frame(1), strrep("\u00fc", 32))), "63 bytes")
  for (bad in list(1, NA_character_, "", "a.b.c", "a..b", "a.", letters[1:3], DBI::Id(a = "a", b = "b", c = "c"))) {
    expect_match(conditionMessage(refusal(con, data.frame(a = 1), bad)), "a table's name")
  }
})

# ---- All or nothing ----

test_that("an error in a late row leaves neither rows nor table", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE t (i int CHECK (i < 30000), x float8)")
  e <- refusal(con, data.frame(i = c(seq_len(25000), 0.5)))
  expect_identical(e$row, 25001)
  e <- refusal(con, data.frame(i = seq_len(30000)))
  expect_s3_class(e, "questrial_error_sql")
  expect_identical(e$sqlstate, "23514")
  expect_identical(pg_read(con, "SELECT count(*)::int AS n FROM t")$n, 0L)
  refusal(con, data.frame(t = c(rep("a", 25000), "\xff")), "new", append = FALSE)
  expect_true(is.na(pg_read(con, "SELECT to_regclass('new')::text AS t")$t))
})

test_that("inside a transaction a failed write is undone alone", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE t (i int)")
  pg_transaction(con, {
    pg_write(con, data.frame(i = 1L), "t", append = TRUE)
    refusal(con, data.frame(i = c(2, 2.5)))
    pg_write(con, data.frame(i = 3L), "t", append = TRUE)
  })
  expect_identical(pg_read(con, "SELECT i FROM t ORDER BY i")$i, c(1L, 3L))
})

test_that("an interrupt leaves nothing and the connection usable", {
  con <- local_pg()
  pg_exec(con, paste(
    "CREATE TABLE t (i int); CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS",
    "$$ BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END $$;",
    "CREATE TRIGGER nap BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION nap()"
  ))
  setTimeLimit(elapsed = 1, transient = TRUE)
  expect_error(pg_write(con, data.frame(i = seq_len(1e5)), "t", append = TRUE), "elapsed time")
  setTimeLimit()
  expect_identical(pg_read(con, "SELECT count(*)::int AS n FROM t")$n, 0L)
})

test_that("a killed backend leaves nothing and says so", {
  con <- local_pg()
  other <- pg_connect(sub("dbname=[^ ]*", paste0("dbname=", con@state$info$dbname),
    test_server()$conninfo))
  pg_exec(other, "CREATE TABLE t (i int CHECK (pg_terminate_backend(pg_backend_pid())))")
  e <- refusal(con, data.frame(i = seq_len(1e5)))
  expect_s3_class(e, "questrial_error_connection")
  expect_false(pg_is_open(con))
  expect_identical(pg_read(other, "SELECT count(*)::int AS n FROM t")$n, 0L)
  pg_close(other)
})

test_that("what is no UUID is not to be rounded", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE u (id uuid)")
  expect_error(pg_write(con, data.frame(id = "1"), "u", append = TRUE),
    "Correct it, or give the table a column of type text", class = "questrial_error_range")
})

test_that("labels of haven stay behind, their codes are written", {
  skip_if_not_installed("haven")
  con <- local_pg()
  data <- data.frame(id = 1:3)
  data$q <- haven::labelled(c(1, 2, NA), c(no = 1, yes = 2), label = "Question 1")
  pg_write(con, data, "q")
  expect_identical(pg_read(con, "SELECT * FROM q", key = "id"), data.frame(id = 1:3, q = c(1, 2, NA)))
})

test_that("tables that cannot be made or filled are refused with what to do instead", {
  con <- local_pg()
  one <- data.frame(x = 1)
  refused <- function(text, ...) {
    failure <- expect_error(pg_write(con, ...), text, class = "questrial_error_argument")
    expect_match(failure$sqlstate, "^[0-9A-Z]{5}$")
  }
  refused("no schema \"my\".*CREATE SCHEMA.*DBI::Id.table = \"my.table\"", one, "my.table")
  refused("no table \"my\".\"table\" to append to.*DBI::Id", one, "my.table", append = TRUE)
  refused("no table \"t\" to append to. append = FALSE makes one[.]$", one, "t", append = TRUE)
  wide <- as.data.frame(matrix(1, 1, 1601))
  refused("has 1601 columns, and a table holds 1600", wide, "wide")
  pg_exec(con, "CREATE TABLE base (x float8); CREATE VIEW seen AS SELECT x FROM base;
    CREATE MATERIALIZED VIEW stored AS SELECT x FROM base")
  refused("\"seen\" is a view", one, "seen", append = TRUE)
  refused("\"stored\" is a view", one, "stored", append = TRUE)
  pg_exec(con, "CREATE FUNCTION pass_on() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO base VALUES (NEW.x); RETURN NEW; END';
    CREATE TRIGGER pass_on INSTEAD OF INSERT ON seen FOR EACH ROW EXECUTE FUNCTION pass_on()")
  pg_write(con, one, "seen", append = TRUE)
  expect_identical(pg_read(con, "SELECT * FROM base"), one)
})

test_that("a row that is too big is refused with what to do", {
  con <- local_pg()
  wide <- as.data.frame(matrix(1 / 3, 2, 1500))
  fault <- expect_error(pg_write(con, wide, "wide"), "row is too big.*several tables, or in long",
    class = "questrial_error_argument")
  expect_identical(fault$sqlstate, "54000")
})
