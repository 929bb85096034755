# What a job says while it runs: JSON objects, one a line, on stderr, always with the same keys.
# A line never holds a row of data nor a secret: errors of others are logged by class, place and
# SQLSTATE, not by their words (see `logged_words()`), and no text is ever evaluated.

log_keys <- c(
  "time", "level", "event", "job", "study", "key", "pid", "attempt", "rows", "seconds", "class",
  "sqlstate", "code", "message"
)

# A log is who is speaking: the values of the keys that are the same in each line.
job_log <- function(description, key) {
  list(
    job = description$job, study = description$study, key = key, pid = Sys.getpid()
  )
}

# `...` are values of other keys; what is not given is null.
log_event <- function(log, level, event, message, ...) {
  values <- c(
    list(time = utc_now(), level = level, event = event, message = message), log, list(...)
  )
  stopifnot(names(values) %in% log_keys)
  writeLines(json_line(values[log_keys], log_keys), stderr(), useBytes = TRUE)
}

utc_now <- function(now = Sys.time()) {
  format(now, "%Y-%m-%dT%H:%M:%OS3Z", tz = "UTC")
}

# ---- JSON (RFC 8259) ----

json_line <- function(values, names) {
  sprintf("{%s}", paste0(
    json_text(names), ":", vapply(values, json_value, ""), collapse = ","
  ))
}

json_value <- function(x) {
  if (length(x) == 0 || is.na(x)) {
    "null"
  } else if (is.character(x)) {
    json_text(x)
  } else if (is.finite(x)) {
    format(as.numeric(x), digits = 15, scientific = FALSE, trim = TRUE)
  } else {
    "null"
  }
}

# Of ASCII only, so that neither the locale nor what reads the log can garble it.
json_text <- function(x) {
  x <- iconv(enc2utf8(x), "UTF-8", "UTF-8", sub = "\ufffd")
  vapply(x, function(text) {
    paste0("\"", paste(json_characters(utf8ToInt(text)), collapse = ""), "\"")
  }, "", USE.NAMES = FALSE)
}

json_characters <- function(codes) {
  text <- character(length(codes))
  plain <- codes >= 0x20 & codes < 0x7f & !codes %in% utf8ToInt("\"\\")
  text[plain] <- vapply(codes[plain], intToUtf8, "")
  text[!plain] <- vapply(codes[!plain], json_escape, "")
  text
}

json_short <- c(`8` = "\\b", `9` = "\\t", `10` = "\\n", `12` = "\\f", `13` = "\\r",
  `34` = "\\\"", `92` = "\\\\")

# Above the basic plane as two surrogates.
json_escape <- function(code) {
  short <- json_short[as.character(code)]
  if (!is.na(short)) {
    short
  } else if (code < 0x10000) {
    sprintf("\\u%04x", code)
  } else {
    rest <- code - 0x10000
    sprintf("\\u%04x\\u%04x", 0xd800 + rest %/% 0x400, 0xdc00 + rest %% 0x400)
  }
}
