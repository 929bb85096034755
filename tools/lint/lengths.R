# One line a function of the folder's R files: length, "explained" or "-", place, name.
folder <- commandArgs(trailingOnly = TRUE)[[1]]

lengths_of <- function(file) {
  lines <- readLines(file)
  code <- parse(file, keep.source = TRUE)
  spans <- utils::getSrcref(code)
  for (k in seq_along(code)) {
    expression <- code[[k]]
    is_function <- is.call(expression) && identical(expression[[1]], as.name("<-")) &&
      is.call(expression[[3]]) && identical(expression[[3]][[1]], as.name("function"))
    if (is_function) {
      from <- as.integer(spans[[k]])[[1]]
      to <- as.integer(spans[[k]])[[3]]
      above <- utils::tail(which(!startsWith(lines[seq_len(from - 1)], "#")), 1)
      comment <- lines[seq_len(from - 1) > max(0, above)]
      why <- if (any(grepl("Long because", comment))) "explained" else "-"
      cat(to - from + 1, why, sprintf("%s:%d", file, from), deparse1(expression[[2]]), "\n")
    }
  }
}

invisible(lapply(list.files(folder, "[.]R$", full.names = TRUE), lengths_of))
