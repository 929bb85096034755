# Internal functions are looked at where what they promise cannot be seen from outside.
inside <- function(name) get(name, envir = asNamespace("questrial"))

# The lines that an expression writes to stderr, as objects.
log_lines <- function(expr) {
  lines <- capture.output(expr, type = "message")
  lapply(lines, jsonlite::fromJSON)
}

test_that("any text survives as JSON, whatever is in it", {
  skip_if_not_installed("jsonlite")
  texts <- c(
    "", "plain", "quote \" backslash \\ slash /", "tab\tnew line\nreturn\r",
    intToUtf8(1:31), intToUtf8(c(0x7f, 0x80, 0x2028, 0x2029)), "caf\u00e9",
    "\u0645\u0631\u062d\u0628\u0627", "\U1F600 \U10FFFF", "</script>", "{braces} `r 1 + 1` %d"
  )
  json <- inside("json_text")(texts)
  expect_identical(jsonlite::fromJSON(sprintf("[%s]", paste(json, collapse = ","))), texts)
  expect_true(all(grepl("^[ -~]*$", json)))
})

test_that("random texts survive as JSON", {
  skip_if_not_installed("jsonlite")
  withr::local_seed(1)
  codes <- setdiff(c(1:0x2ff, 0x2000:0x20ff, 0xfff0:0xffff, 0x1f600:0x1f64f), 0xd800:0xdfff)
  texts <- vapply(1:500, function(i) intToUtf8(sample(codes, sample(0:40, 1), TRUE)), "")
  json <- inside("json_text")(texts)
  expect_identical(jsonlite::fromJSON(sprintf("[%s]", paste(json, collapse = ","))), texts)
})

test_that("bytes that are no UTF-8 still make JSON", {
  skip_if_not_installed("jsonlite")
  json <- inside("json_text")("a\xffb\xc3")
  expect_match(jsonlite::fromJSON(sprintf("[%s]", json)), "^a.+b.+$")
})

test_that("numbers are exact to 15 digits and what is no number is null", {
  value <- inside("json_value")
  expect_identical(
    vapply(list(0, 1e15, 0.001, -2.5, 1 / 3, NA, NaN, Inf, NULL, TRUE), value, ""),
    c("0", "1000000000000000", "0.001", "-2.5", "0.333333333333333", "null", "null", "null",
      "null", "1")
  )
})

test_that("a line has all keys in their order, also in the C locale", {
  skip_if_not_installed("jsonlite")
  log <- inside("job_log")(list(job = "caf\u00e9", study = NULL), "k")
  line <- capture.output(
    inside("log_event")(log, "info", "start", "1 {2} \u00e9", rows = 3L),
    type = "message"
  )
  expect_length(line, 1)
  values <- jsonlite::fromJSON(line)
  expect_named(values, c(
    "time", "level", "event", "job", "study", "key", "pid", "attempt", "rows", "seconds", "class",
    "sqlstate", "code", "message"
  ))
  expect_identical(values$message, "1 {2} \u00e9")
  expect_identical(values$job, "caf\u00e9")
  expect_null(values$study)
  expect_match(values$time, "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d[.]\\d{3}Z$")
  skip_on_os("windows")
  withr::local_locale(LC_CTYPE = "C")
  again <- capture.output(
    inside("log_event")(log, "info", "start", "1 {2} \u00e9", rows = 3L),
    type = "message"
  )
  expect_identical(jsonlite::fromJSON(again)$message, "1 {2} \u00e9")
})

test_that("the words of an error that may quote data are not logged, its place is", {
  words <- inside("logged_words")
  fault <- tryCatch(
    score(data.frame(i1 = c(1, 77)), new_instrument("i1", 1, 5)),
    error = identity
  )
  expect_match(conditionMessage(fault), "77")
  expect_no_match(words(fault), "77")
  expect_match(words(fault), "row 2, column i1")
  secret <- function(x) stop("participant ", x)
  fault <- tryCatch(secret("S001"), error = identity)
  expect_no_match(words(fault), "S001")
  expect_match(words(fault), "in secret()", fixed = TRUE)
  warned <- tryCatch(warning("S001"), warning = identity)
  expect_no_match(words(warned), "S001")
})

test_that("long words are cut and lines stay lines", {
  fault <- tryCatch(
    inside("qst_abort")("usage", paste(c("a\nb", rep("x", 5000)), collapse = " ")),
    error = identity
  )
  expect_lte(nchar(inside("logged_words")(fault)), 1000)
  expect_no_match(inside("logged_words")(fault), "\n")
})

test_that("a log says of what roles were warned, and calls a warning one", {
  role <- structure(class = c("questrial_warning_role", "questrial_warning", "warning", "condition"),
    list(message = "The role me may do anything.", call = NULL))
  expect_identical(questrial:::logged_words(role), "The role me may do anything.")
  expect_match(questrial:::logged_words(simpleWarning("4711")), "^A warning[.] The words may hold")
})

test_that("what a server says of itself is logged, what it may say of data is not", {
  refused <- function(state, ...) {
    questrial:::logged_words(structure(
      class = c("questrial_error_sql", "questrial_error", "error", "condition"),
      list(message = "The server refused: S001.\n  line 1: SELECT 4711", call = NULL,
        sqlstate = state, ...)
    ))
  }
  for (state in c("42501", "40P01", "53100", "55P03", "57014")) {
    expect_identical(refused(state), "The server refused: S001.")
  }
  for (state in c("22P02", "23514", "P0001")) {
    expect_match(refused(state), "^The data were refused[.]")
  }
  expect_match(refused("23514", table = "answers"), "(table answers)", fixed = TRUE)
  expect_match(refused("42601"), "^The server refused a statement[.] The words may hold")
})
