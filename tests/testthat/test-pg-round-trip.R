# Random values of each type, written and read back: no difference. What could differ without
# identical() seeing it (the sign of 0, NA and NaN) is compared as bytes.
n_random <- 1e5

round_trip <- function(x, type = NULL, numeric = "double") {
  con <- local_pg()
  data <- data.frame(row.names = seq_along(x))
  data$i <- seq_along(x)
  data$x <- x
  if (!is.null(type)) {
    pg_exec(con, sprintf("CREATE TABLE t (i int, x %s)", type))
  }
  pg_write(con, data, "t", append = !is.null(type))
  pg_read(con, "SELECT * FROM t", key = "i", numeric = numeric)$x
}

bits <- function(x) {
  writeBin(unclass(x), raw())
}

random_bytes <- function(n) {
  as.raw(sample.int(256, n, replace = TRUE) - 1)
}

# Every pattern of 64 bits is as likely, but that all NaN are one: reading makes them so, lest one be
# taken for NA.
random_doubles <- function(n) {
  x <- readBin(random_bytes(8 * n), "double", n)
  x[is.na(x)] <- NaN
  x[seq_len(6)] <- c(0, -0, Inf, -Inf, NaN, 4.9e-324)
  x
}

with_missing <- function(x, share = 0.05) {
  x[stats::runif(length(x)) < share] <- NA
  x
}

test_that("doubles come back with every bit", {
  set.seed(1)
  x <- random_doubles(n_random)
  expect_true(identical(bits(round_trip(x)), bits(x)))
  x <- with_missing(stats::rnorm(n_random))
  expect_true(identical(bits(round_trip(x)), bits(x)))
})

test_that("doubles come back from numeric, by value", {
  set.seed(2)
  x <- random_doubles(n_random)
  expect_true(identical(round_trip(x, "numeric"), x + 0))
  cents <- round(stats::rnorm(n_random, 0, 1e5), 2)
  expect_identical(round_trip(cents, "numeric(20, 2)"), cents)
})

test_that("integers, logicals and 64-bit integers come back", {
  skip_if_not_installed("bit64")
  set.seed(3)
  whole <- with_missing(sample.int(.Machine$integer.max, n_random, replace = TRUE) *
    sample(c(-1L, 1L), n_random, replace = TRUE))
  expect_identical(round_trip(whole), whole)
  expect_identical(round_trip(whole, "int8")[seq_len(3)], bit64::as.integer64(whole[seq_len(3)]))
  small <- as.integer(whole %% 65536L - 32768L)
  expect_identical(round_trip(small, "int2"), small)
  flags <- with_missing(stats::runif(n_random) < 0.5)
  expect_identical(round_trip(flags), flags)
  big <- structure(readBin(random_bytes(8 * n_random), "double", n_random), class = "integer64")
  expect_identical(bits(round_trip(big)), bits(big))
})

test_that("decimals come back digit by digit", {
  set.seed(4)
  digits <- function(n) vapply(n, function(k) paste(sample.int(10, k, TRUE) - 1L, collapse = ""), "")
  n <- 2e4
  before <- sub("^0+(?=.)", "", digits(sample.int(40, n, TRUE)), perl = TRUE)
  after <- digits(sample.int(40, n, TRUE))
  x <- paste0(sample(c("", "-"), n, TRUE), before, ".", after)
  x <- sub("^-(?=[0.]+$)", "", x, perl = TRUE) # numeric has no -0
  expect_identical(round_trip(x, "numeric", numeric = "character"), x)
})

test_that("dates and times come back", {
  set.seed(5)
  day <- as.Date(with_missing(floor(stats::runif(n_random, -2440588, 2145042905))),
    origin = "1970-01-01")
  expect_identical(round_trip(day), day)
  recent <- with_missing(floor(stats::runif(n_random, -2e9, 4e9) * 1e6) / 1e6)
  recent <- .POSIXct(recent, "UTC")
  expect_identical(round_trip(recent), recent)
  expect_identical(round_trip(recent, "timestamp"), recent)
  far <- .POSIXct(floor(stats::runif(n_random, -210866803200, 9224318015999)), "UTC")
  expect_identical(round_trip(far), far)
  time <- structure(floor(stats::runif(n_random, 0, 86400) * 1e6) / 1e6, units = "secs",
    class = c("hms", "difftime"))
  expect_identical(round_trip(time), time)
})

# Of every plane, without NUL and surrogates.
random_texts <- function(n) {
  characters <- c(1:0x7ff, sample(c(0x800:0xd7ff, 0xe000:0xffff), 5000), 0x10000 + 0:500, 0x10ffff)
  characters <- intToUtf8(characters, multiple = TRUE)
  vapply(sample.int(13, n, replace = TRUE) - 1L, function(k) {
    paste(sample(characters, k, replace = TRUE), collapse = "")
  }, "")
}

test_that("texts and factors come back", {
  set.seed(6)
  texts <- with_missing(random_texts(n_random))
  expect_true(identical(round_trip(texts), texts))
  labels <- factor(sample(letters, n_random, replace = TRUE))
  expect_identical(round_trip(labels), as.character(labels))
  con <- local_pg()
  pg_exec(con, sprintf("CREATE TYPE letter AS ENUM (%s); CREATE TABLE t (i int, x letter)",
    paste0("'", rev(letters), "'", collapse = ", ")))
  pg_write(con, data.frame(i = seq_along(labels), x = labels), "t", append = TRUE)
  expect_identical(pg_read(con, "SELECT x FROM t ORDER BY i")$x, factor(labels, rev(letters)))
})

test_that("bytes, UUIDs and arrays come back", {
  set.seed(7)
  n <- n_random
  bytes <- split(random_bytes(5 * n), sample.int(n, 5 * n, replace = TRUE))
  bytes <- unname(bytes)
  bytes[sample.int(length(bytes), 100)] <- list(NULL)
  expect_identical(round_trip(bytes), bytes)
  hex <- vapply(seq_len(2e4), function(k) paste(format(random_bytes(16)), collapse = ""), "")
  uuid <- sub("^(.{8})(.{4})(.{4})(.{4})(.{12})$", "\\1-\\2-\\3-\\4-\\5", hex)
  expect_identical(round_trip(uuid, "uuid"), uuid)
  x <- with_missing(random_doubles(5 * n))
  arrays <- unname(split(x, sample.int(n, 5 * n, replace = TRUE)))
  back <- round_trip(arrays)
  expect_identical(lengths(back), lengths(arrays))
  expect_true(identical(bits(unlist(back)), bits(unlist(arrays))))
  shapes <- lapply(seq_len(2e4), function(k) {
    dims <- sample.int(3, sample(2:4, 1), replace = TRUE)
    array(sample.int(1000, prod(dims)), dims)
  })
  expect_identical(round_trip(shapes), shapes)
})
