# An instrument as a text file in Debian control format: a record for the
# instrument, then one for each scale.

#' Instruments as text files
#'
#' `write_instrument()` writes an instrument to a text file that people can
#' read and edit, `read_instrument()` reads one and checks it.
#'
#' The file is in Debian control format (as read by [read.dcf()]): records
#' parted by empty lines, in them fields `name: value`, continued on lines
#' that begin with a space. The first record is the instrument:
#' * `instrument`: its id; `items`: names, parted by commas; `min`, `max`:
#'   the smallest and largest answer; these four are required;
#' * `step` (1 if not given); `reversed`: items by name or, where no item has
#'   that name, by number;
#' * texts: `title`, `source`, `missing_rule`, `licence`, `versions`.
#'
#' Each further record is a scale: `scale`, its name, is required; `items` (by
#' name or number; all if not given), `score` (`sum`, `mean`, `percent`),
#' `max_missing`, `multiply`, `key`, `source`, and the texts `higher` (what a
#' high score means), `cutoffs` and `note`. Files are UTF-8 and at most 1 MB.
#'
#' @param file Path of the text file.
#' @param x An instrument.
#' @return `read_instrument()`: an instrument, see [instruments()].
#'   `write_instrument()`: `file`, invisibly. It is written aside and renamed,
#'   so a failure leaves an older file as it was.
#' @section Errors:
#' `questrial_error_file` names the file, the line or record, the field and
#' the cure.
#' @examples
#' file <- tempfile(fileext = ".dcf")
#' write_instrument(new_instrument(3, 1, 5, reverse = 2, id = "short"), file)
#' cat(readLines(file), sep = "\n")
#' read_instrument(file)
#' @export
read_instrument <- function(file) {
  check_string(file, "file")
  records <- read_records(file)
  check_fields(records[[1]], file, "the first record", instrument_fields, required_fields)
  for (k in seq_along(records)[-1]) {
    where <- sprintf("record %d (a scale)", k)
    check_fields(records[[k]], file, where, scale_fields, "scale")
  }
  x <- withCallingHandlers(
    instrument_of(records, file),
    questrial_error_argument = function(fault) {
      abort_file(file, conditionMessage(fault))
    }
  )
  x
}

instrument_fields <- c(
  "instrument", "title", "items", "min", "max", "step", "reversed", "source",
  "missing_rule", "licence", "versions"
)
required_fields <- c("instrument", "items", "min", "max")
scale_fields <- c(
  "scale", "items", "score", "max_missing", "multiply", "higher", "cutoffs", "key", "source",
  "note"
)
scale_texts <- c("key", "source", "higher", "cutoffs", "note")

abort_file <- function(file, ...) {
  qst_abort("file", paste0("File ", describe(file), ": ", ...), file = file)
}

# ---- From a file to records: each a named character vector ----

read_records <- function(file) {
  records <- read_dcf_records(file)
  if (length(records) < 2) {
    abort_file(file, "there must be a record for the instrument and one for each scale, ",
      "parted by empty lines. See ?read_instrument for an example.")
  }
  records
}

read_dcf_records <- function(file) {
  lines <- read_lines(file)
  check_lines(lines, file)
  connection <- textConnection(lines, encoding = "bytes")
  on.exit(close(connection))
  table <- read.dcf(connection)
  lapply(seq_len(nrow(table)), function(k) {
    fields <- stats::setNames(table[k, ], colnames(table))
    gsub("[[:space:]]+", " ", enc2utf8(fields[!is.na(fields)]))
  })
}

max_file_bytes <- 2^20

read_lines <- function(file) {
  if (dir.exists(file)) {
    abort_file(file, "it is a folder. Name a file in it.")
  }
  if (!file.exists(file)) {
    abort_file(file, "there is no such file. Check the path and the working directory.")
  }
  size <- file.size(file)
  if (size > max_file_bytes) {
    abort_file(file, sprintf(
      "it has %.0f bytes, more than such a file can need (%.0f). Is it another file?",
      size, max_file_bytes
    ))
  }
  bytes <- readBin(file, "raw", size)
  if (any(bytes == 0)) {
    abort_file(file, "it is not text. Is it another file?")
  }
  text <- rawToChar(bytes)
  if (!validUTF8(text)) {
    abort_file(file, "it is not UTF-8. Save it in that encoding.")
  }
  Encoding(text) <- "UTF-8"
  lines <- strsplit(sub("^\ufeff", "", text), "\r\n|\n|\r")[[1]]
  sub("[[:space:]]+$", "", lines)
}

# What read.dcf() would misread in silence or without a place.
check_lines <- function(lines, file) {
  field <- ifelse(grepl("^[A-Za-z_]+:", lines), sub(":.*", "", lines), NA)
  blank <- !nzchar(lines)
  continued <- grepl("^[ \t]", lines) & c(FALSE, !blank[-length(blank)])[seq_along(lines)]
  wrong <- which(!blank & is.na(field) & !continued)
  if (length(wrong) > 0) {
    abort_file(file, sprintf(
      "line %d is neither `field: value` nor the continuation of one: %s.",
      wrong[[1]], describe(substr(lines[[wrong[[1]]]], 1, 40))
    ))
  }
  record <- cumsum(blank)
  twice <- which(!is.na(field) & duplicated(paste(record, field)))
  if (length(twice) > 0) {
    abort_file(file, sprintf(
      "line %d: the record has field `%s` twice. Keep one, or part the records by an empty line.",
      twice[[1]], field[[twice[[1]]]]
    ))
  }
}

check_fields <- function(record, file, where, known, required) {
  absent <- setdiff(required, names(record)[nzchar(record)])
  if (length(absent) > 0) {
    abort_file(file, sprintf("%s has no field %s. Add it.", where, enumerate(absent)))
  }
  unknown <- setdiff(names(record), known)
  if (length(unknown) > 0) {
    abort_file(file, sprintf(
      "%s has the unknown field `%s`.%s Known are %s.", where, unknown[[1]],
      nearest(unknown[[1]], known), enumerate(known, most = 20)
    ))
  }
}

# ---- From records to an instrument ----

instrument_of <- function(records, file) {
  head <- records[[1]]
  scales <- records[-1]
  items <- split_names(head[["items"]])
  number <- function(record, field, default) read_number(record, field, default, file)
  names <- vapply(scales, `[[`, "", "scale")
  texts <- as.list(head[intersect(names(head), c(
    "title", "source", "missing_rule", "licence", "versions"
  ))])
  rule <- function(read) stats::setNames(lapply(scales, read), names)
  x <- do.call(new_instrument, c(list(
    items = items, min = number(head, "min"), max = number(head, "max"),
    reverse = item_tokens(field_or(head, "reversed", NULL), items),
    scales = rule(function(s) item_tokens(field_or(s, "items", head[["items"]]), items)),
    score = rule(function(s) field_or(s, "score", "sum")),
    max_missing = rule(function(s) number(s, "max_missing", 0.2)),
    multiply = rule(function(s) number(s, "multiply", 1)),
    step = number(head, "step", 1), id = head[["instrument"]]
  ), texts))
  x$scales <- Map(add_scale_texts, x$scales, scales)
  x
}

field_or <- function(record, field, default) {
  if (field %in% names(record)) record[[field]] else default
}

add_scale_texts <- function(scale, record) {
  texts <- record[intersect(scale_texts, names(record))]
  scale[names(texts)] <- as.list(texts)
  check_choice(scale$key, key_states, sprintf("key of scale %s", record[["scale"]]))
  scale
}

split_names <- function(text) {
  trimws(strsplit(text, ",", fixed = TRUE)[[1]])
}

# Tokens are names of items; what is none may be a number.
item_tokens <- function(text, items) {
  if (is.null(text)) {
    return(NULL)
  }
  tokens <- split_names(text)
  numbers <- !tokens %in% items & grepl("^[0-9]{1,6}$", tokens)
  at <- as.integer(tokens[numbers])
  tokens[numbers] <- ifelse(at %in% seq_along(items), items[at], tokens[numbers])
  tokens
}

read_number <- function(record, field, default, file) {
  if (!field %in% names(record)) {
    return(default)
  }
  text <- record[[field]]
  value <- if (grepl("^[-+]?[0-9]*[.]?[0-9]+$", text)) as.numeric(text) else NA
  if (is.na(value)) {
    abort_file(file, sprintf(
      "field `%s` must be a number such as 7 or 0.2 (with a point), not %s.", field, describe(text)
    ))
  }
  value
}

# ---- From an instrument to a file ----

#' @rdname read_instrument
#' @export
write_instrument <- function(x, file) {
  if (!inherits(x, "instrument")) {
    qst_abort("argument", sprintf("`x` must be an instrument, not %s.", describe(x)))
  }
  check_string(file, "file")
  if (is.na(x$id)) {
    qst_abort("argument", "`x` has no id to name it by. Make it with new_instrument(..., id = ).")
  }
  check_writable(c(x$items, names(x$scales)))
  records <- c(list(instrument_record(x)), Map(scale_record, x$scales, names(x$scales),
    MoreArgs = list(items = x$items)))
  write_aside(file, function(path) {
    lines <- unlist(lapply(records, function(record) c(field_lines(record), "")))
    connection <- file(path, "wb")
    on.exit(close(connection))
    writeLines(utils::head(enc2utf8(lines), -1), connection, useBytes = TRUE)
  })
}

# Names that the file's commas and trimming would change.
check_writable <- function(names) {
  wrong <- names[grepl(",|^\\s|\\s$|\n|\\s\\s", names)]
  if (length(wrong) > 0) {
    qst_abort("argument", sprintf(
      "`x`: the name %s has a comma, or blanks that a text file does not keep. Rename it.",
      describe(wrong[[1]])
    ), value = wrong)
  }
}

instrument_record <- function(x) {
  reversed <- x$items[x$reversed]
  c(
    instrument = x$id, title = x$title, items = paste(x$items, collapse = ", "),
    min = exact(x$min), max = exact(x$max), step = if (x$step != 1) exact(x$step),
    reversed = if (length(reversed) > 0) paste(reversed, collapse = ", "),
    source = x$source, missing_rule = x$missing_rule, licence = x$licence, versions = x$versions
  )
}

scale_record <- function(scale, name, items) {
  texts <- unlist(scale[intersect(scale_texts, names(scale))])
  c(
    scale = name, items = paste(items[scale$items], collapse = ", "), score = scale$score,
    max_missing = exact(scale$max_missing),
    multiply = if (scale$multiply != 1) exact(scale$multiply), texts
  )
}

# A number in as many digits as it needs to come back the same.
exact <- function(x) {
  short <- format(x, digits = 15, scientific = FALSE)
  if (as.numeric(short) == x) short else format(x, digits = 17, scientific = FALSE)
}

field_lines <- function(record) {
  record <- record[!is.na(record)]
  text <- paste0(names(record), ": ", gsub("[[:space:]]+", " ", record))
  unlist(lapply(text, strwrap, width = 79, exdent = 1))
}

# ---- Printing ----

#' @export
format.instrument <- function(x, ...) {
  head <- sprintf("%s%s", instrument_name(x), if (is.na(x$id)) "" else sprintf(" [%s]", x$id))
  reversed <- x$items[x$reversed]
  facts <- c(
    sprintf("%d items, answers %s", length(x$items), range_words(x)),
    if (length(reversed) > 0) paste("Reversed:", paste(reversed, collapse = ", ")),
    if (!is.na(x$missing_rule)) paste("Missing answers:", x$missing_rule),
    if (!is.na(x$versions)) paste("Versions:", x$versions),
    if (!is.na(x$licence)) paste("Licence:", x$licence),
    if (!is.na(x$source)) paste("Source:", x$source)
  )
  scales <- lapply(names(x$scales), format_scale, x = x)
  c(strwrap(head, 78, exdent = 4), strwrap(facts, 78, indent = 2, exdent = 4), unlist(scales))
}

format_scale <- function(name, x) {
  scale <- x$scales[[name]]
  items <- if (length(scale$items) < length(x$items)) {
    paste("Items:", paste(x$items[scale$items], collapse = ", "))
  }
  c(
    strwrap(sprintf("Scale %s: %s", name, sub("[.]$", "", score_words(x, name))), 78),
    strwrap(c(
      items, paste0("Key ", scale$key, if (!is.na(scale$source)) paste0(": ", scale$source)),
      if (!is.null(scale$higher)) paste("Higher means:", scale$higher),
      if (!is.null(scale$cutoffs)) paste("Cut-offs:", scale$cutoffs),
      if (!is.null(scale$note)) paste("Note:", scale$note)
    ), 78, indent = 2, exdent = 4)
  )
}

#' @export
print.instrument <- function(x, ...) {
  cat(format(x), sep = "\n")
  invisible(x)
}

#' @export
print.instruments <- function(x, ...) {
  shown <- as.data.frame(unclass(x))[c("id", "title", "items", "range", "scales")]
  cut <- function(text, n) ifelse(nchar(text) > n, paste0(substr(text, 1, n - 3), "..."), text)
  shown$title <- cut(shown$title, 30)
  shown$scales <- cut(shown$scales, 22)
  print(shown, row.names = FALSE, right = FALSE)
  cat("instrument(id) shows one, with the source and state of its keys.\n")
  invisible(x)
}
