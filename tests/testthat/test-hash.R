# The bytes of the help page, put together by base R alone.
whole <- function(x) {
  unlist(lapply(x, function(one) {
    c(writeBin(as.integer(one), raw(), endian = "little"), as.raw(rep(if (one < 0) 255 else 0, 4)))
  }))
}
text <- function(x) {
  unlist(lapply(enc2utf8(x), function(one) {
    if (is.na(one)) whole(-1) else c(whole(length(charToRaw(one))), charToRaw(one))
  }))
}
doubles <- function(x) {
  bytes <- matrix(writeBin(x + 0, raw(), endian = "little"), 8)
  bytes[, is.na(x)] <- as.raw(c(0, 0, 0, 0, 0, 0, 0xf8, 0x7f))
  bytes[, is.na(x) & !is.nan(x)] <- as.raw(c(0xa2, 0x07, 0, 0, 0, 0, 0xf0, 0x7f))
  as.vector(bytes)
}
values <- function(x) {
  switch(typeof(x),
    character = text(x),
    double = doubles(as.double(x)),
    c(
      if (is.factor(x)) c(whole(nlevels(x)), text(levels(x))),
      writeBin(as.integer(unclass(x)), raw(), endian = "little")
    )
  )
}
slow_hash <- function(data, types) {
  columns <- Map(function(x, name, type) c(text(name), text(type), values(x)),
    data, names(data), types)
  bytes <- c(text("questrial data 1"), whole(dim(data)), unlist(columns, use.names = FALSE))
  digest::digest(bytes, "sha256", serialize = FALSE)
}

mixed <- function() {
  data.frame(
    id = c(3L, NA, 1L),
    x = c(1.5, NaN, NA),
    ok = c(TRUE, NA, FALSE),
    name = c("Zoë", NA, ""),
    arm = factor(c("b", "a", NA), levels = c("b", "a", "none")),
    dose = factor(c("low", "high", "low"), levels = c("low", "high"), ordered = TRUE),
    day = as.Date(c("2020-09-01", NA, "1969-12-31")),
    stay = as.difftime(c(1, 2.5, NA), units = "days")
  )
}

test_that("the hash is that of the bytes the help page tells", {
  skip_if_not_installed("digest")
  types <- c("integer", "double", "logical", "character", "factor integer",
    "ordered factor integer", "Date double", "difftime days double")
  expect_identical(data_hash(mixed()), slow_hash(mixed(), types))
  long <- data.frame(x = seq(-1, 1, length.out = 10007), k = rep(1:9, length.out = 10007))
  expect_identical(data_hash(long), slow_hash(long, c("double", "integer")))
})

test_that("what is not content does not matter", {
  data <- data.frame(id = 1:100, x = c(0, 99:1), name = "é")
  named <- data
  row.names(named) <- paste0("r", 1:100)
  named$id <- c(data$id)
  named$id[[1]] <- 1L # no longer the compact sequence
  named$x[[1]] <- -0
  named$name <- rep(iconv("é", "UTF-8", "latin1"), 100)
  expect_identical(data_hash(named), data_hash(data))
})

test_that("every part of the content matters", {
  data <- mixed()
  changed <- list(
    data, rev(data), data[3:1, ], data[-1], data[0, ], setNames(data, LETTERS[1:8]),
    transform(data, id = as.double(id)), transform(data, x = c(1.5, NA, NaN)),
    transform(data, arm = factor(arm, levels = c("a", "b", "none"))),
    transform(data, arm = as.character(arm)), transform(data, name = c("Zoë", "", NA)),
    transform(data, dose = factor(dose, ordered = FALSE)),
    transform(data, stay = as.difftime(unclass(stay), units = "hours"))
  )
  expect_identical(anyDuplicated(vapply(changed, data_hash, "")), 0L)
})

test_that("hashing copies no column", {
  data <- data.frame(id = seq_len(1e6), x = 0.5)
  skip_if_not(capabilities("profmem"))
  log <- tempfile()
  on.exit(unlink(log))
  Rprofmem(log, threshold = 1e5)
  data_hash(data)
  Rprofmem(NULL)
  large <- grep("^new page", readLines(log), value = TRUE, invert = TRUE)
  expect_identical(large, character(0))
})

test_that("a column without a fingerprint is named", {
  expect_error(data_hash(1:3), "`data`", class = "questrial_error_argument")
  data <- data.frame(id = 1:2)
  data$parts <- list(1, 2)
  error <- expect_error(data_hash(data), "`parts` is of type list", class = "questrial_error")
  expect_identical(error$column, "parts")
  data$parts <- matrix(1:4, 2)
  expect_error(data_hash(data), "`parts` is a matrix", class = "questrial_error_argument")
  data$parts <- as.POSIXlt(c("2020-09-01", "2020-09-02"), tz = "UTC")
  expect_error(data_hash(data), "as.POSIXct", class = "questrial_error_argument")
})
