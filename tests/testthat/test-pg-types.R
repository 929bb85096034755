# ---- The truth table: what each driver is known to get wrong, and the rest of each type ----

one <- function(con, expression, ...) pg_read(con, paste("SELECT", expression, "AS x"), ...)$x

utc <- function(text) as.POSIXct(text, tz = "UTC")

test_that("logicals and whole numbers come as they are", {
  con <- local_pg()
  expect_identical(one(con, "true"), TRUE)
  expect_identical(one(con, "NULL::bool"), NA)
  expect_identical(one(con, "(-32768)::int2"), -32768L)
  expect_identical(one(con, "2147483647"), .Machine$integer.max)
  expect_identical(one(con, "-2147483647"), -.Machine$integer.max)
  expect_identical(one(con, "NULL::int4"), NA_integer_)
  expect_identical(one(con, "3000000000::oid"), 3e9)
  expect_identical(one(con, "4294967295::oid"), 4294967295)
  expect_identical(one(con, "'7'::xid"), 7)
})

test_that("an integer that R marks missing ones with is refused by name", {
  con <- local_pg()
  error <- expect_error(
    pg_read(con, "SELECT i AS score FROM (VALUES (1), (-2147483648), (3)) AS t (i)"),
    class = "questrial_error_range"
  )
  expect_match(conditionMessage(error), "`score`, row 2")
  expect_match(conditionMessage(error), "-2147483648")
  expect_match(conditionMessage(error), "::int8")
  expect_identical(error$row, 2)
  expect_identical(error$column, "score")
  expect_identical(one(con, "(-2147483648)::int8", bigint = "numeric"), -2^31)
})

test_that("bigint is exact by the rule that was named", {
  skip_if_not_installed("bit64")
  con <- local_pg()
  past <- "9007199254740993::int8"
  expect_identical(bit64::as.character.integer64(one(con, past)), "9007199254740993")
  expect_s3_class(one(con, past), "integer64")
  expect_identical(bit64::as.character.integer64(one(con, "9223372036854775807")),
    "9223372036854775807")
  expect_true(bit64::is.na.integer64(one(con, "NULL::int8")))
  expect_error(one(con, "(-9223372036854775808)::int8"), "-9223372036854775808",
    class = "questrial_error_range")
  expect_identical(one(con, "9007199254740992::int8", bigint = "numeric"), 2^53)
  expect_error(one(con, past, bigint = "numeric"), "9007199254740993",
    class = "questrial_error_range")
  expect_identical(one(con, "7::int8", bigint = "integer"), 7L)
  expect_error(one(con, "2147483648::int8", bigint = "integer"), "2147483648",
    class = "questrial_error_range")
  expect_identical(one(con, "(-9223372036854775808)::int8", bigint = "character"),
    "-9223372036854775808")
  expect_identical(one(con, "NULL::int8", bigint = "character"), NA_character_)
})

test_that("floating point keeps its bits; NA is no NaN", {
  con <- local_pg()
  expect_identical(one(con, "0.1::float8"), 0.1)
  expect_identical(one(con, "0.1::float4"), 0.100000001490116119384765625)
  expect_identical(one(con, "'-0'::float8"), -0)
  expect_identical(1 / one(con, "'-0'::float8"), -Inf)
  expect_identical(one(con, "'Infinity'::float8"), Inf)
  expect_identical(one(con, "'-Infinity'::float4"), -Inf)
  expect_identical(one(con, "5e-324::float8"), 5e-324)
  nan <- one(con, "'NaN'::float8")
  expect_true(is.nan(nan))
  missing <- one(con, "NULL::float8")
  expect_true(is.na(missing) && !is.nan(missing))
})

test_that("numeric is the nearest double, and digits that it loses are told once", {
  con <- local_pg()
  expect_identical(one(con, "1234.50::numeric(10,2)"), 1234.5)
  expect_identical(one(con, "'NaN'::numeric"), NaN)
  expect_identical(one(con, "'Infinity'::numeric"), Inf)
  expect_identical(one(con, "'-Infinity'::numeric"), -Inf)
  expect_identical(one(con, "NULL::numeric"), NA_real_)
  expect_identical(one(con, "0.1::numeric"), 0.1)
  expect_no_warning(one(con, "123456789012345::numeric"))
  warning <- expect_warning(
    x <- pg_read(con, "
      SELECT 1.5 AS a, n AS b, n * 2 AS c
      FROM (VALUES (1.0), (123456789012345678901234567890.5), (0.33333333333333333333)) AS t (n)"),
    class = "questrial_warning_rounded"
  )
  expect_identical(x$b, c(1, 123456789012345678901234567890.5, 1 / 3))
  expect_match(conditionMessage(warning), "`b` (2, first in row 2)", fixed = TRUE)
  expect_match(conditionMessage(warning), "`c` (2, first in row 2)", fixed = TRUE)
  expect_no_match(conditionMessage(warning), "`a`")
  expect_match(conditionMessage(warning), "numeric = \"character\"", fixed = TRUE)
  expect_identical(warning$n, c(2, 2))
})

test_that("numeric as text has every digit", {
  con <- local_pg()
  hundred <- paste(rep("1234567890", 10), collapse = "")
  expect_identical(one(con, paste0(hundred, ".50::numeric"), numeric = "character"),
    paste0(hundred, ".50"))
  expect_identical(one(con, "'NaN'::numeric", numeric = "character"), "NaN")
  expect_identical(one(con, "NULL::numeric", numeric = "character"), NA_character_)
  expect_error(one(con, "10::numeric ^ 400"), "too large for a double",
    class = "questrial_error_range")
})

test_that("money is refused with its cure, alone and in arrays", {
  con <- local_pg()
  expect_error(one(con, "'1234.5'::money"), "type money.*::numeric", class = "questrial_error_type")
  expect_error(one(con, "ARRAY['1234.5'::money]"), "::numeric\\[\\]",
    class = "questrial_error_type")
  expect_identical(one(con, "'1234.5'::money::numeric"), 1234.5)
})

test_that("dates are right before Christ and after the year 9999", {
  con <- local_pg()
  expect_identical(one(con, "'2024-02-29'::date"), as.Date("2024-02-29"))
  expect_identical(one(con, "'1582-10-10'::date"), as.Date("1582-10-10"))
  expect_equal(as.numeric(one(con, "'10000-01-01'::date")), 2932897)
  expect_identical(one(con, "NULL::date"), as.Date(NA))
  ides <- as.POSIXlt(one(con, "'0044-03-15 BC'::date"))
  expect_identical(c(ides$year + 1900, ides$mon + 1, ides$mday), c(-43, 3, 15))
  ends <- pg_read(con, "
    SELECT d, (d - '1970-01-01'::date) AS days
    FROM (VALUES ('4713-01-01 BC'::date), ('5874897-12-31'::date)) AS t (d)")
  expect_identical(as.numeric(ends$d), as.numeric(ends$days))
})

test_that("infinite dates and times follow the rule that was named", {
  con <- local_pg()
  sql <- "SELECT d AS seen FROM (VALUES ('2020-01-01'::date), ('infinity'), ('-infinity')) AS t (d)"
  error <- expect_error(pg_read(con, sql), class = "questrial_error_range")
  expect_match(conditionMessage(error), "`seen`, row 2: the date is infinity")
  expect_match(conditionMessage(error), "infinity = \"Inf\"", fixed = TRUE)
  expect_identical(as.numeric(pg_read(con, sql, infinity = "Inf")$seen), c(18262, Inf, -Inf))
  expect_identical(pg_read(con, sql, infinity = "NA")$seen, as.Date(c("2020-01-01", NA, NA)))
  for (type in c("timestamp", "timestamptz")) {
    value <- sprintf("'-infinity'::%s", type)
    expect_error(one(con, value), "-infinity", class = "questrial_error_range")
    expect_identical(as.numeric(one(con, value, infinity = "Inf")), -Inf)
    expect_identical(as.numeric(one(con, value, infinity = "NA")), NA_real_)
  }
})

test_that("time stamps are UTC whatever the time zone of R or of the session", {
  con <- local_pg()
  withr::local_envvar(TZ = "Europe/Berlin")
  expect_identical(one(con, "'2021-03-28 02:30'::timestamp"), utc("2021-03-28 02:30:00"))
  expect_identical(one(con, "'2021-03-28 02:30+02'::timestamptz"), utc("2021-03-28 00:30:00"))
  pg_exec(con, "SET TimeZone = 'America/New_York'")
  expect_identical(one(con, "'2021-03-28 02:30+02'::timestamptz"), utc("2021-03-28 00:30:00"))
  expect_identical(one(con, "NULL::timestamptz"), utc(NA))
  expect_identical(
    as.numeric(one(con, "'2021-01-01 00:00:00.123456'::timestamp")), 1609459200.123456
  )
})

test_that("microseconds that a double cannot hold are told", {
  con <- local_pg()
  expect_no_warning(one(con, "'3000-01-01 00:00:00.5'::timestamp"))
  warning <- expect_warning(
    x <- one(con, "'3000-01-01 00:00:00.000001'::timestamp"), class = "questrial_warning_rounded"
  )
  expect_match(conditionMessage(warning), "::text")
  expect_equal(as.numeric(x), 32503680000, tolerance = 1e-15)
})

test_that("times of day, with and without zone", {
  con <- local_pg()
  time <- one(con, "'12:34:56.789'::time")
  expect_identical(unclass(time), structure(45296.789, units = "secs"))
  expect_s3_class(time, c("hms", "difftime"), exact = TRUE)
  expect_identical(as.numeric(one(con, "'24:00'::time"), units = "secs"), 86400)
  expect_identical(one(con, "'12:00:00+02'::timetz"), "12:00:00+02")
  expect_identical(one(con, "'01:02:03.5-03:30'::timetz"), "01:02:03.5-03:30")
})

test_that("intervals are ISO 8601 and keep months, days and time apart", {
  con <- local_pg()
  expect_identical(one(con, "'1 year 2 mons -3 days 04:05:06.789'::interval"),
    "P1Y2M-3DT4H5M6.789S")
  expect_identical(one(con, "'0'::interval"), "PT0S")
  expect_identical(one(con, "'-00:00:00.000001'::interval"), "PT-0.000001S")
  expect_identical(one(con, "NULL::interval"), NA_character_)
})

test_that("texts of every kind come as UTF-8", {
  con <- local_pg()
  text <- "Gr\u00f6\u00dfe \u6f22\u5b57 \U0001f642"
  got <- one(con, sprintf("'%s'::text", text))
  expect_identical(got, text)
  expect_identical(Encoding(got), "UTF-8")
  expect_identical(one(con, "''::text"), "")
  expect_identical(one(con, "'ab'::char(4)"), "ab  ")
  expect_identical(one(con, "'ab'::varchar(4)"), "ab")
  expect_identical(one(con, "'ab'::name"), "ab")
  expect_identical(one(con, "'a'::\"char\""), "a")
  expect_identical(one(con, "'{\"a\": [1,  2]}'::json"), "{\"a\": [1,  2]}")
  expect_identical(one(con, "'{\"a\": [1,  2]}'::jsonb"), "{\"a\": [1, 2]}")
  expect_identical(one(con, "'<a>1</a>'::xml"), "<a>1</a>")
  expect_identical(one(con, "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid"),
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
  expect_identical(pg_read(con, "SELECT 'a'::text AS x UNION ALL SELECT NULL")$x, c("a", NA))
})

# A connection to a new database in another encoding.
local_encoding <- function(con, encoding, env = parent.frame()) {
  name <- paste0("in_", tolower(encoding))
  pg_exec(con, sprintf(
    "CREATE DATABASE %s ENCODING '%s' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0", name, encoding
  ))
  withr::defer(pg_exec(con, paste("DROP DATABASE", name)), envir = env)
  other <- pg_connect(sub("dbname=postgres", paste0("dbname=", name), test_server()$conninfo))
  withr::defer(pg_close(other), envir = env)
  other
}

# The server checks what it sends, unless it was told not to.
test_that("text that is not UTF-8 is refused by column and row", {
  other <- local_encoding(local_pg(), "SQL_ASCII")
  pg_exec(other, "SET client_encoding = 'SQL_ASCII'")
  error <- expect_error(
    pg_read(other, "SELECT 'fine' AS x UNION ALL SELECT convert_from('\\x61ff', 'SQL_ASCII')"),
    class = "questrial_error_protocol"
  )
  expect_match(conditionMessage(error), "`x`, row 2: byte 2 of a text, 0xff")
  expect_identical(one(other, "'still usable'"), "still usable")
})

test_that("a server in another encoding converts to UTF-8", {
  other <- local_encoding(local_pg(), "LATIN1")
  expect_identical(one(other, "chr(252)"), "\u00fc")
})

test_that("enums are factors with all levels in the server's order", {
  con <- local_pg()
  pg_exec(con, "CREATE TYPE severity AS ENUM ('none', 'mild', 'severe')")
  pg_exec(con, "ALTER TYPE severity ADD VALUE 'moderate' BEFORE 'severe'")
  levels <- c("none", "mild", "moderate", "severe")
  sql <- "SELECT x FROM (VALUES ('severe'::severity), (NULL), ('none')) AS t (x)"
  expect_identical(pg_read(con, sql)$x, factor(c("severe", NA, "none"), levels))
  expect_identical(one(con, "ARRAY['mild', NULL]::severity[]"),
    list(factor(c("mild", NA), levels)))
  none <- pg_read(con, paste(sql, "WHERE false"))$x
  expect_identical(none, factor(character(), levels))
})

test_that("domains are read as what they are made of", {
  con <- local_pg()
  pg_exec(con, "CREATE DOMAIN percent AS int CHECK (VALUE BETWEEN 0 AND 100)")
  pg_exec(con, "CREATE DOMAIN top_percent AS percent CHECK (VALUE > 90)")
  pg_exec(con, "CREATE DOMAIN pair AS int[] CHECK (cardinality(VALUE) = 2)")
  expect_identical(one(con, "7::percent"), 7L)
  expect_identical(one(con, "95::top_percent"), 95L)
  expect_identical(one(con, "ARRAY[95, NULL]::top_percent[]"), list(c(95L, NA)))
  expect_identical(one(con, "ARRAY[1, 2]::pair"), list(c(1L, 2L)))
  expect_error(one(con, "ARRAY[ARRAY[1, 2]::pair]"), "::text", class = "questrial_error_type")
  pg_exec(con, "CREATE TYPE side AS ENUM ('left', 'right')")
  pg_exec(con, "CREATE DOMAIN known_side AS side NOT NULL")
  expect_identical(one(con, "'right'::known_side"), factor("right", c("left", "right")))
})

test_that("types of extensions are read where they are text, else refused", {
  con <- local_pg()
  there <- pg_read(con, "SELECT name FROM pg_available_extensions")$name
  skip_if_not(all(c("citext", "hstore") %in% there), "extensions citext and hstore")
  pg_exec(con, "CREATE EXTENSION citext; CREATE EXTENSION hstore")
  expect_identical(one(con, "'Ab'::citext"), "Ab")
  expect_identical(one(con, "ARRAY['Ab'::citext, NULL]"), list(c("Ab", NA)))
  expect_error(one(con, "'a=>1'::hstore"), "type hstore.*::text", class = "questrial_error_type")
})

test_that("bytes are a list of raw vectors", {
  con <- local_pg()
  sql <- "SELECT x FROM (VALUES ('\\x00ff'::bytea), (''), (NULL)) AS t (x)"
  expect_identical(pg_read(con, sql)$x, list(as.raw(c(0, 255)), raw(), NULL))
})

test_that("arrays are lists of vectors, of R arrays where they have more dimensions", {
  con <- local_pg()
  sql <- "SELECT x FROM (VALUES ('{1,NULL,3}'::int4[]), ('{}'), (NULL)) AS t (x)"
  expect_identical(pg_read(con, sql)$x, list(c(1L, NA, 3L), integer(), NULL))
  expect_identical(one(con, "ARRAY[[1, 2, 3], [4, 5, 6]]"),
    list(matrix(1:6, nrow = 2, byrow = TRUE)))
  cube <- one(con, "'{{{1,2},{3,4}},{{5,6},{7,8}}}'::int8[]", bigint = "numeric")[[1]]
  expect_identical(dim(cube), c(2L, 2L, 2L))
  expect_identical(cube[2, 1, 2], 6)
  expect_identical(one(con, "ARRAY['a', NULL]"), list(c("a", NA)))
  expect_identical(one(con, "ARRAY['2020-01-01'::date]"), list(as.Date("2020-01-01")))
  expect_identical(one(con, "ARRAY[true, false]"), list(c(TRUE, FALSE)))
  expect_identical(one(con, "ARRAY['\\x01'::bytea, NULL]"), list(list(as.raw(1), NULL)))
  expect_identical(one(con, "ARRAY[1.5, 'NaN']::numeric[]"), list(c(1.5, NaN)))
  expect_identical(one(con, "ARRAY['2020-01-01 12:00'::timestamp]"),
    list(utc("2020-01-01 12:00:00")))
  day <- one(con, "'{{2020-01-01},{2020-01-02}}'::date[]")[[1]]
  expect_identical(dim(day), c(2L, 1L))
  expect_s3_class(day, "Date")
})

test_that("an array that counts from elsewhere is refused with its cure", {
  con <- local_pg()
  expect_error(one(con, "'[0:1]={1,2}'::int4[]"), "counts from 0", class = "questrial_error_range")
  expect_identical(one(con, "('[0:1]={1,2}'::int4[])[:]"), list(1:2))
})

test_that("void is missing; types without a rule are refused by name", {
  con <- local_pg()
  expect_identical(one(con, "pg_sleep(0)"), NA)
  for (type in c("point", "inet", "int4range", "tsvector", "bit(3)", "pg_lsn", "regclass")) {
    sql <- sprintf("SELECT 1 AS a, NULL::%s AS place", type)
    error <- expect_error(pg_read(con, sql), class = "questrial_error_type")
    expect_match(conditionMessage(error), "`place` is of type")
    expect_match(conditionMessage(error), "::text")
    expect_identical(error$column, "place")
  }
  expect_error(one(con, "ROW(1, 'a')"), "type record", class = "questrial_error_type")
  expect_identical(one(con, "'10.0.0.1'::inet::text"), "10.0.0.1/32")
})

test_that("rules are checked", {
  con <- local_pg()
  expect_error(one(con, "1", bigint = "double"), "`bigint`", class = "questrial_error_argument")
  expect_error(one(con, "1", numeric = "exact"), "`numeric`", class = "questrial_error_argument")
  expect_error(one(con, "1", infinity = "NULL"), "`infinity`", class = "questrial_error_argument")
})

test_that("no rows still have their types", {
  con <- local_pg()
  none <- pg_read(con, "
    SELECT true AS a, 1 AS b, 0.5::float8 AS c, 'x'::text AS d, now() AS e, '{1}'::int4[] AS f,
      '\\x00'::bytea AS g, now()::date AS h WHERE false")
  expect_identical(nrow(none), 0L)
  expect_identical(none$a, logical())
  expect_identical(none$b, integer())
  expect_identical(none$c, numeric())
  expect_identical(none$d, character())
  expect_s3_class(none$e, "POSIXct")
  expect_identical(none$f, list())
  expect_identical(none$g, list())
  expect_identical(none$h, as.Date(character()))
})

# ---- Round trips: 1e5 random values of each type that the server writes, against its own text ----

n_random <- 1e5

# `expression` is SQL with random() in it, over generate_series; every tenth value is NULL. Returns
# the values as read, `x`, and what `shown` (SQL over x) says of them, `text`.
random_values <- function(con, expression, shown = "x::text", ...) {
  pg_exec(con, "SELECT setseed(0.25)")
  pg_read(con, sprintf(
    "SELECT x, %s AS text FROM (
       SELECT CASE WHEN i %% 10 = 0 THEN NULL ELSE %s END AS x
       FROM generate_series(1, %d) AS i OFFSET 0) AS t", shown, expression, n_random
  ), ...)
}

expect_same_text <- function(got, shown_by_server) {
  expect_identical(sum(is.na(got)), as.integer(n_random / 10))
  expect_identical(got, shown_by_server)
}

# NA of texts where the value is missing.
unless_missing <- function(x, text) {
  text[is.na(x)] <- NA
  text
}

# The bits of doubles (of singles), in hexadecimal.
hex_bits <- function(x, size = 8L) {
  bytes <- matrix(as.character(writeBin(x, raw(), size = size, endian = "big")), nrow = size)
  unless_missing(x, do.call(paste0, split(bytes, row(bytes))))
}

# ISO dates, with "BC" as the server writes it.
iso_date <- function(x) {
  parts <- as.POSIXlt(x)
  year <- parts$year + 1900
  unless_missing(x, sprintf(
    "%04.0f-%02d-%02d%s", ifelse(year > 0, year, 1 - year), parts$mon + 1L, parts$mday,
    ifelse(year > 0, "", " BC")
  ))
}

# Seconds of a day as 12:34:56.5.
iso_time <- function(seconds) {
  micros <- round(seconds * 1e6)
  whole <- micros %/% 1e6
  fraction <- sub("[.]?0*$", "", sprintf(".%06.0f", micros %% 1e6))
  sprintf("%02.0f:%02.0f:%02.0f%s", whole %/% 3600, whole %/% 60 %% 60, whole %% 60, fraction)
}

iso_timestamp <- function(x) {
  micros <- round((as.numeric(x) - floor(as.numeric(x))) * 1e6)
  whole <- floor(as.numeric(x)) + micros %/% 1e6
  days <- structure(whole %/% 86400, class = "Date")
  date <- iso_date(days)
  time <- iso_time(whole %% 86400 + micros %% 1e6 / 1e6)
  unless_missing(x, paste0(sub(" BC", "", date), " ", time, ifelse(grepl("BC", date), " BC", "")))
}

test_that("random whole numbers and logicals come back", {
  con <- local_pg()
  r <- random_values(con, "random() < 0.5")
  expect_same_text(unless_missing(r$x, tolower(r$x)), r$text)
  r <- random_values(con, "floor(random() * 65536 - 32768)::int2")
  expect_same_text(as.character(r$x), r$text)
  r <- random_values(con, "floor(random() * 4294967295 - 2147483647)::int4")
  expect_same_text(unless_missing(r$x, sprintf("%d", r$x)), r$text)
  r <- random_values(con, "floor(random() * 4294967296)::int8::oid")
  expect_same_text(unless_missing(r$x, sprintf("%.0f", r$x)), r$text)
})

test_that("random bigints come back by each rule", {
  skip_if_not_installed("bit64")
  con <- local_pg()
  any <- "((random() * 4294967296 - 2147483648)::int8 << 32) + (random() * 4294967295)::int8"
  r <- random_values(con, any)
  expect_same_text(unless_missing(r$x, bit64::as.character.integer64(r$x)), r$text)
  r <- random_values(con, any, bigint = "character")
  expect_same_text(r$x, r$text)
  r <- random_values(con, "(random() * 9007199254740992)::int8", bigint = "numeric")
  expect_same_text(unless_missing(r$x, sprintf("%.0f", r$x)), r$text)
  r <- random_values(con, "(random() * 2147483647)::int8", bigint = "integer")
  expect_same_text(unless_missing(r$x, sprintf("%d", r$x)), r$text)
})

test_that("random floats come back bit for bit", {
  con <- local_pg()
  wide <- "((random() - 0.5) * 10 ^ (600 * random() - 300))"
  r <- random_values(con, wide, "encode(float8send(x), 'hex')")
  expect_same_text(hex_bits(r$x), r$text)
  r <- random_values(con, "((random() - 0.5) * 10 ^ (70 * random() - 35))::float4",
    "encode(float4send(x), 'hex')")
  expect_same_text(hex_bits(r$x, 4L), r$text)
})

# The server makes a double of a numeric by strtod() of its text, which rounds correctly.
test_that("random numerics become the nearest double", {
  con <- local_pg()
  small <- "round((random() * 10 ^ floor(12 * random()))::numeric, floor(4 * random())::int)"
  expect_no_warning(r <- random_values(con, small, "encode(float8send(x::float8), 'hex')"))
  expect_same_text(hex_bits(r$x), r$text)
  large <- "((random() - 0.5)::numeric * (random()::numeric + 1) * 10::numeric ^
    floor(40 * random() - 20)::int)"
  expect_warning(r <- random_values(con, large, "encode(float8send(x::float8), 'hex')"),
    class = "questrial_warning_rounded")
  expect_same_text(hex_bits(r$x), r$text)
  r <- random_values(con, large, numeric = "character")
  expect_same_text(r$x, r$text)
})

# A numeric is told as rounded where its double, cast back by way of as many digits, differs.
test_that("numerics are told as rounded exactly where digits are lost", {
  con <- local_pg()
  sql <- sprintf("
    SELECT x, x::text AS text
    FROM (SELECT round(random()::numeric + random()::numeric / 1e15, 12 + i %% 7) AS x
          FROM generate_series(1, %d) AS i OFFSET 0) AS t", n_random / 10)
  warning <- expect_warning(r <- pg_read(con, sql), class = "questrial_warning_rounded")
  digits <- sub("0+$", "", sub("^0?[.]0*", "", r$text))
  back <- gsub("[.]|e.*", "", sprintf("%.*e", nchar(digits) - 1L, r$x))
  expect_identical(warning$n, as.numeric(sum(back != digits)))
  expect_identical(warning$row, as.numeric(which(back != digits)[[1]]))
})

test_that("random dates and times come back", {
  con <- local_pg()
  r <- random_values(con, "('4713-01-01 BC'::date + floor(random() * 6000000)::int)")
  expect_same_text(iso_date(r$x), r$text)
  r <- random_values(con, "('4713-01-01 BC'::date + floor(random() * 2147483493)::int)",
    "(x - '1970-01-01'::date)")
  expect_identical(as.numeric(r$x), as.numeric(r$text))
  r <- random_values(con, "('00:00'::time + random() * interval '24 hours')")
  expect_same_text(unless_missing(r$x, iso_time(as.numeric(r$x))), r$text)
})

test_that("random time stamps come back to the microsecond", {
  con <- local_pg()
  until_2240 <- "('1800-01-01'::timestamp + floor(random() * 1.388e16) * interval '1 us')"
  r <- random_values(con, until_2240)
  expect_same_text(iso_timestamp(r$x), r$text)
  old <- "('4713-01-01 BC'::timestamp + floor(random() * 5e11) * interval '1 s')"
  r <- random_values(con, old)
  expect_same_text(iso_timestamp(r$x), r$text)
  r <- random_values(con, paste0("(", until_2240, " AT TIME ZONE 'UTC')"))
  expect_same_text(unless_missing(r$x, paste0(iso_timestamp(r$x), "+00")), r$text)
})

test_that("random values that are texts in R are the server's", {
  con <- local_pg()
  expressions <- c(
    "('00:00'::time + random() * interval '24 hours')::timetz AT TIME ZONE
      make_interval(mins => floor(random() * 1800 - 900)::int)",
    "make_interval(floor(random() * 9 - 4)::int, floor(random() * 40 - 20)::int, 0,
      floor(random() * 3 - 1)::int, floor(random() * 3 - 1)::int, 0, random() * 100 - 50)",
    "gen_random_uuid()",
    "jsonb_build_object('a', random(), 'b', ARRAY[i, i + 1])",
    "json_build_object('a', random(), 'b', ARRAY[i, i + 1])",
    "chr(floor(random() * 127)::int + 1)::\"char\"",
    "repeat(chr(floor(random() * 55000)::int + 1), i % 20)",
    "(random()::text || i)::varchar(15)"
  )
  for (expression in expressions) {
    r <- random_values(con, expression)
    expect_same_text(r$x, r$text)
  }
})

test_that("random bytes and the bytes of random texts come back", {
  con <- local_pg()
  hex <- function(x) {
    vapply(x, function(b) if (is.null(b)) NA_character_ else paste(b, collapse = ""), "")
  }
  r <- random_values(con, "decode(left(md5(random()::text), 2 * (i % 17)), 'hex')",
    "encode(x, 'hex')")
  expect_same_text(hex(r$x), r$text)
  r <- random_values(con, "repeat(chr(floor(random() * 55000)::int + 1), i % 20)",
    "encode(convert_to(x, 'UTF8'), 'hex')")
  bytes <- lapply(r$x, function(x) if (is.na(x)) NULL else charToRaw(x))
  expect_same_text(hex(bytes), r$text)
})

test_that("random enums and arrays come back", {
  con <- local_pg()
  pg_exec(con, "CREATE TYPE grade AS ENUM ('d', 'c', 'b', 'a')")
  r <- random_values(con, "(ARRAY['a', 'b', 'c', 'd'])[1 + floor(random() * 4)::int]::grade")
  expect_identical(levels(r$x), c("d", "c", "b", "a"))
  expect_same_text(as.character(r$x), r$text)
  as_server <- function(x) {
    vapply(x, function(a) {
      if (is.null(a)) NA_character_ else paste0("{", paste(a, collapse = ","), "}")
    }, "")
  }
  r <- random_values(con, "(ARRAY[i, floor(random() * 1000)::int, NULL, -i])[1:i % 5]",
    "replace(x::text, 'NULL', 'NA')")
  expect_same_text(as_server(r$x), r$text)
  r <- random_values(con, "ARRAY[[i, 2 * i, NULL], [floor(random() * 1000)::int, -i, 7]]",
    "translate(replace(x::text, 'NULL', 'NA'), '{}', '')")
  flat <- lapply(r$x, function(a) if (!is.null(a)) as.vector(t(a)))
  expect_same_text(gsub("[{}]", "", as_server(flat)), r$text)
  expect_identical(dim(r$x[[1]]), c(2L, 3L))
})
