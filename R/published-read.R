# The files of published tables: text separated by commas, semicolons or tabs, as people type it
# and spreadsheets save it. Rows are counted without comments and empty lines, as audit() and
# repairs.csv count them; lines as an editor does. A table keeps its lines as an attribute.

# Refuses what stands in a file (`name` without .csv) at a row, a column.
abort_printed <- function(name, message, row = NULL, column = NULL, value = NULL, line = NULL) {
  place <- c(
    paste0(name, ".csv"),
    if (!is.null(row)) paste0("row ", row, if (!is.null(line)) sprintf(" (line %d)", line)),
    if (is.null(row) && !is.null(line)) paste("line", line),
    if (!is.null(column)) sprintf("column `%s`", column)
  )
  qst_abort("file", sprintf("%s: %s", paste(place, collapse = ", "), message),
    file = paste0(name, ".csv"), row = row, column = column, value = value
  )
}

read_cells <- function(file, name) {
  lines <- logical_lines(file_lines(file, name), name)
  if (length(lines$text) == 0) {
    abort_printed(name, "The file is empty. Its first line must name the columns; see ?published.")
  }
  cells <- split_lines(lines, separator(lines$text[[1]], name), name)
  full <- rowSums(cells != "") > 0
  header <- cells[1, ]
  body <- cells[full, , drop = FALSE][-1, , drop = FALSE]
  named <- check_header(header, body, name)
  table <- as.data.frame(body[, named, drop = FALSE])
  names(table) <- header[named]
  structure(table, line = lines$line[full][-1])
}

# ---- Bytes to lines ----

file_lines <- function(file, name) {
  bytes <- tryCatch(readBin(file, "raw", file.size(file)), error = function(cnd) NULL,
    warning = function(cnd) NULL)
  if (is.null(bytes) || dir.exists(file)) {
    abort_printed(name, "The file cannot be opened. Check that it is a file that you may read.")
  }
  start <- as.integer(utils::head(bytes, 3))
  if (identical(start[1:2], c(255L, 254L)) || identical(start[1:2], c(254L, 255L))) {
    abort_printed(name, "The file is UTF-16. Save it as \"CSV UTF-8\".")
  }
  nul <- which(bytes == 0)
  if (length(nul) > 0) {
    line <- sum(bytes[seq_len(nul[[1]])] == 10) + 1L
    abort_printed(name, "There is a NUL byte, which is no text. Save the file as CSV again.",
      line = line
    )
  }
  if (identical(start, c(239L, 187L, 191L))) {
    bytes <- bytes[-(1:3)]
  }
  text <- rawToChar(bytes)
  Encoding(text) <- "UTF-8"
  check_utf8(text, name)
  strsplit(gsub("\r\n?", "\n", text), "\n", fixed = TRUE)[[1]]
}

check_utf8 <- function(text, name) {
  if (!validUTF8(text)) {
    lines <- strsplit(text, "\r\n|\r|\n", useBytes = TRUE)[[1]]
    line <- which(!validUTF8(lines))[[1]]
    abort_printed(name, sprintf(
      "%s is not UTF-8 but perhaps Latin-1 or Windows-1252. Save the file as \"CSV UTF-8\".",
      excerpt(iconv(lines[[line]], "latin1", "UTF-8"))
    ), line = line, value = lines[[line]])
  }
}

# Lines without comments and empty ones; those within one pair of quotes are joined.
logical_lines <- function(text, name) {
  quotes <- nchar(gsub("[^\"]", "", text))
  comment <- grepl("^[ \t]*\"?#", text)
  owner <- seq_along(text)
  open <- 0L
  for (line in which(comment | quotes > 0)) {
    inside <- open > 0
    if (inside || !comment[[line]]) {
      odd <- quotes[[line]] %% 2 == 1
      if (inside && odd) {
        owner[open:line] <- open
        comment[open:line] <- FALSE
      }
      open <- if (odd) if (inside) 0L else line else open
    }
  }
  if (open > 0) {
    abort_printed(name, sprintf(
      "A quote is opened in %s and never closed. Close it, or write it twice within quotes.",
      excerpt(text[[open]])
    ), line = open, value = text[[open]])
  }
  join_lines(text[!comment], owner[!comment])
}

join_lines <- function(text, owner) {
  first <- !duplicated(owner)
  joined <- text[first]
  for (line in unique(owner[!first])) {
    joined[owner[first] == line] <- paste(text[owner == line], collapse = "\n")
  }
  full <- grepl("[^ \t]", joined)
  list(text = joined[full], line = owner[first][full])
}

excerpt <- function(text) {
  describe(if (nchar(text) > 40) paste0(substr(text, 1, 37), "...") else text)
}

# ---- Lines to cells ----

# The mark that parts the header into most names of columns that there are.
separator <- function(header, name) {
  known <- published_columns[[name]]
  marks <- c(",", ";", "\t")
  found <- vapply(marks, function(mark) {
    cells <- strsplit(header, mark, fixed = TRUE)[[1]]
    sum(plain_cells(cells) %in% known)
  }, 0L)
  marks[[which.max(found)]]
}

# Cells without their blanks, quotes and line breaks.
plain_cells <- function(cells) {
  blanks <- "^[ \t\u00a0]+|[ \t\u00a0]+$"
  blank <- grepl("[ \t\u00a0]", cells)
  cells[blank] <- gsub(blanks, "", cells[blank])
  quoted <- startsWith(cells, "\"")
  inner <- gsub("\"\"", "\"", gsub("^\"|\"$", "", cells[quoted]), fixed = TRUE)
  cells[quoted] <- gsub(blanks, "", gsub("\n", " ", inner, fixed = TRUE))
  cells
}

# A matrix of cells, the header its first row.
split_lines <- function(lines, mark, name) {
  # strsplit() forgets a last empty cell but for the mark.
  cells <- strsplit(paste0(lines$text, mark), mark, fixed = TRUE)
  quoted <- grep("\"", lines$text, fixed = TRUE)
  quoted <- quoted[!grepl(plain_quotes(mark), lines$text[quoted], perl = TRUE)]
  cells[quoted] <- Map(split_quoted, lines$text[quoted], lines$line[quoted],
    MoreArgs = list(mark = mark, name = name))
  n <- length(cells[[1]])
  for (k in which(lengths(cells) > n)) {
    if (!any(nzchar(plain_cells(cells[[k]][-seq_len(n)])))) {
      cells[[k]] <- cells[[k]][seq_len(n)]
    }
  }
  check_row_lengths(lengths(cells), lines$line, mark, name)
  matrix(plain_cells(unlist(cells)), ncol = n, byrow = TRUE)
}

# A line in which quotes enclose whole cells and no marks, which may be split as if it had none.
plain_quotes <- function(mark) {
  cell <- sprintf("[ \t]*+(?:\"[^\"%s]*+\"[ \t]*+|[^\"%s]*+)", mark, mark)
  sprintf("^(?:%s%s)*+%s$", cell, mark, cell)
}

# Cells of a line with quotes: in quotes, with quotes within written twice, or without any.
split_quoted <- function(text, line, mark, name) {
  form <- sprintf("\\G[ \t]*(?:\"(?:[^\"]++|\"\")*+\"[ \t]*|[^\"%s]*)%s", mark, mark)
  text <- paste0(text, mark)
  at <- gregexpr(form, text, perl = TRUE)[[1]]
  read <- if (at[[1]] == 1) sum(attr(at, "match.length")) else 0
  if (read < nchar(text)) {
    abort_printed(name, sprintf(
      "A quote stands within the cell %s. Put the cell in quotes and write this one twice.",
      excerpt(substring(text, read + 1, nchar(text) - 1))
    ), line = line, value = text)
  }
  cells <- regmatches(text, list(at))[[1]]
  substr(cells, 1, nchar(cells) - 1)
}

check_row_lengths <- function(lengths, line, mark, name) {
  bad <- which(lengths != lengths[[1]])
  if (length(bad) > 0) {
    k <- bad[[1]]
    marks <- c(`,` = "commas", `;` = "semicolons", `\t` = "tabs")[[mark]]
    abort_printed(name, sprintf(
      "%s, but the header has %d. %s", cells_there(lengths[[k]]), lengths[[1]],
      if (lengths[[k]] < lengths[[1]]) {
        sprintf("Write the %s of empty cells too.", marks)
      } else {
        sprintf("Put a cell that has %s in it, as of decimals, in quotes.", marks)
      }
    ), row = k - 1L, line = line[[k]])
  }
}

cells_there <- function(n) {
  if (n == 1) "There is one cell" else sprintf("There are %d cells", n)
}

# Which columns have a name; one that has none must be empty.
check_header <- function(header, body, name) {
  named <- nzchar(header)
  filled <- which(!named & colSums(body != "") > 0)
  if (length(filled) > 0) {
    row <- which(nzchar(body[, filled[[1]]]))[[1]]
    abort_printed(name, sprintf(
      "Column %d has no name but holds %s. Name it in the first line, or empty it.", filled[[1]],
      describe(body[row, filled[[1]]])
    ), row = row, value = body[row, filled[[1]]])
  }
  check_printed_columns(header[named], name)
  named
}

# `note` and `source` may be added to each file; the columns that name a pool are free.
check_printed_columns <- function(columns, name) {
  twice <- columns[duplicated(columns)]
  if (length(twice) > 0) {
    abort_printed(name, sprintf(
      "Two columns are called `%s`. Keep one, or give the other its own name.", twice[[1]]
    ), column = twice[[1]])
  }
  known <- c(published_columns[[name]], "note", "source")
  unknown <- setdiff(columns, known)
  if (length(unknown) > 0 && name != "pools") {
    abort_printed(name, sprintf(
      "There is no such column here.%s Those there are: %s.", nearest(unknown[[1]], known),
      enumerate(known, most = 20)
    ), column = unknown[[1]])
  }
}
