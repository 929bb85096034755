#' Read printed tables
#'
#' Reads the tables of a published trial from a folder of CSV files, as text,
#' so that the printed digits are kept: `.80` is not `.8`.
#'
#' @section The files:
#' Each is comma-separated UTF-8 with a head line. Cells may be empty; numbers
#' are written as printed (a point for decimals, P may be `<.001`). Empty `arm`
#' means all arms together; `within` and `level` name a subgroup.
#' * `design.csv`: `field`, `value`. Fields: `title`, `source`, `doi`,
#'   `instrument` (an id of [instruments()]), `scale`, `items_unanswered`,
#'   `outcome`, `reference` (arm), `baseline_missing` (how many analysed
#'   participants have none), `group_sizes_<arm>`, `statistics_absolute` (`yes`
#'   if t is printed without its sign).
#' * `flow.csv`: `step` (randomised, lost, excluded, analysed), `arm`, `n`,
#'   `origin` (`printed`, or `assumed` where the print does not say).
#' * `counts.csv`: `variable`, `level`, `arm`, `n`, `percent`.
#' * `means.csv`: `variable` (baseline, change, followup), `within`, `level`,
#'   `arm`, `n`, `mean`, `sd`.
#' * `tests.csv`: `test` (chisq, F, t, interaction, completion), `variable`,
#'   `within`, `level`, `arm`, `against`, `statistic`, `df`, `df.residual`,
#'   `p.value`, `place` (where it is printed). `F` with an `arm` compares the
#'   levels of `within` inside that arm; without one it compares the arms.
#' * `model.csv`: `label` (as printed), `variable`, `level`, `estimate`,
#'   `conf.low`, `conf.high`, `std.error`, `statistic`, `p.value`. The row
#'   without variable is the constant; the level of a variable that has no row
#'   is its reference category.
#' * `alpha.csv`: `visit`, `items`, `alpha`.
#' * `repairs.csv`, if there are misprints: `file`, `key` (the cells before the
#'   first number, with spaces between; empty ones left out), `column`,
#'   `printed`, `repaired`, `reason`.
#'
#' @param dir The folder.
#' @param repaired Put the repaired values in place of the misprints that
#'   `repairs.csv` names?
#' @return An object of class `published`: a list of data frames of text, named
#'   as the files, and `design`, a named character vector.
#' @section Errors:
#' `questrial_error_file` for a folder or file that is not there or cannot be
#' read, a column that is missing, and a cell that is no number where one
#' belongs; it names file, row and column.
#' @seealso [reproduce()], [reconstruct()]
#' @examples
#' dir <- system.file("extdata", "lemogne2020", package = "questrial")
#' printed <- published(dir)
#' printed
#' printed$alpha
#' published(dir, repaired = TRUE)$counts[24:29, ]
#' @export
published <- function(dir, repaired = FALSE) {
  check_string(dir, "dir")
  check_flag(repaired, "repaired")
  if (!dir.exists(dir)) {
    qst_abort("file", sprintf("There is no folder %s.", describe(dir)))
  }
  tables <- lapply(stats::setNames(nm = names(published_columns)), read_published, dir = dir)
  design <- tables$design
  tables$design <- stats::setNames(design$value, design$field)
  if (repaired) {
    tables <- repair_tables(tables)
  }
  structure(tables, class = "published", dir = dir, repaired = repaired)
}

# The columns of each file.
published_columns <- list(
  design = c("field", "value"),
  flow = c("step", "arm", "n", "origin"),
  counts = c("variable", "level", "arm", "n", "percent"),
  means = c("variable", "within", "level", "arm", "n", "mean", "sd"),
  tests = c(
    "test", "variable", "within", "level", "arm", "against", "statistic", "df", "df.residual",
    "p.value", "place"
  ),
  model = c(
    "label", "variable", "level", "estimate", "conf.low", "conf.high", "std.error", "statistic",
    "p.value"
  ),
  alpha = c("visit", "items", "alpha"),
  repairs = c("file", "key", "column", "printed", "repaired", "reason")
)

published_numbers <- c(
  "n", "percent", "mean", "sd", "statistic", "df", "df.residual", "p.value", "estimate",
  "conf.low", "conf.high", "std.error", "items", "alpha"
)

# A file that may be missing reads as a table without rows; design and counts
# or means are what a published table is.
read_published <- function(name, dir) {
  file <- file.path(dir, paste0(name, ".csv"))
  columns <- published_columns[[name]]
  if (!file.exists(file)) {
    if (name == "design") {
      qst_abort("file", sprintf("%s holds no design.csv, so it is no published trial.",
        describe(dir)))
    }
    empty <- rep(list(character()), length(columns))
    return(as.data.frame(stats::setNames(empty, columns)))
  }
  table <- read_cells(file)
  missing <- setdiff(columns, names(table))
  if (length(missing) > 0) {
    qst_abort("file", sprintf(
      "%s has no column %s. Its head line must name %s.", describe(file),
      enumerate(missing), enumerate(columns, most = 20)
    ), column = missing)
  }
  check_cells(table[columns], name, file)
}

read_cells <- function(file) {
  tryCatch(
    utils::read.csv(file,
      colClasses = "character", na.strings = character(), strip.white = TRUE,
      check.names = FALSE, encoding = "UTF-8", blank.lines.skip = TRUE
    ),
    error = function(cnd) unreadable(file, cnd),
    warning = function(cnd) unreadable(file, cnd)
  )
}

unreadable <- function(file, cnd) {
  qst_abort("file", sprintf(
    "%s cannot be read as comma-separated text (%s).", describe(file), conditionMessage(cnd)
  ))
}

check_cells <- function(table, name, file) {
  if (!all(vapply(table, function(column) all(validUTF8(column)), NA))) {
    qst_abort("file", sprintf("%s is not UTF-8. Save it as UTF-8.", describe(file)))
  }
  for (column in intersect(published_numbers, names(table))) {
    bad <- which(is.na(printed_number(table[[column]])) & nzchar(table[[column]]))
    if (length(bad) > 0) {
      value <- table[[column]][[bad[[1]]]]
      qst_abort("file", sprintf(
        "%s, row %d, column %s: %s is no number. Write it as printed, with a decimal point.",
        describe(file), bad[[1]], column, describe(value)
      ), row = bad[[1]], column = column, value = value)
    }
  }
  table
}

# ---- Printed numbers ----

# The value of a printed number; "<.001" is .001, anything else NA.
printed_number <- function(text) {
  number <- grepl("^<?[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)$", text)
  value <- rep(NA_real_, length(text))
  value[number] <- as.double(sub("^<", "", text[number]))
  value
}

printed_digits <- function(text) {
  ifelse(grepl(".", text, fixed = TRUE), nchar(sub("^[^.]*[.]", "", text)), 0L)
}

# Does a value print as `text`? Half a unit of the last digit either way, ties
# both ways (whatever rule the printer rounded by), a hair for the machine.
prints_as <- function(value, text) {
  below <- rep_len(startsWith(text, "<"), length(value))
  half <- 0.5 * 10^-printed_digits(text)
  hair <- 1e-9 * pmax(1, abs(value))
  ifelse(below, value < printed_number(text) - hair, abs(value - printed_number(text)) <= half + hair)
}

# ---- Repairs ----

repair_tables <- function(tables) {
  for (i in seq_len(nrow(tables$repairs))) {
    repair <- tables$repairs[i, ]
    row <- which(published_keys(tables[[repair$file]]) == repair$key)
    if (length(row) != 1 || tables[[repair$file]][[repair$column]][row] != repair$printed) {
      qst_abort("file", sprintf(
        "repairs.csv, row %d: %s.csv has no row %s with %s in column %s.", i,
        repair$file, describe(repair$key), describe(repair$printed), repair$column
      ), row = i)
    }
    tables[[repair$file]][[repair$column]][row] <- repair$repaired
  }
  tables
}

# What names a row: its cells before the first number; the printed label of a
# model's row.
published_keys <- function(table) {
  if ("label" %in% names(table)) {
    return(table$label)
  }
  before <- seq_len(match(TRUE, names(table) %in% published_numbers) - 1)
  keys <- do.call(paste, table[before])
  trimws(gsub(" +", " ", keys))
}

#' @export
print.published <- function(x, ...) {
  cat("Printed tables of a trial", if (attr(x, "repaired")) ", misprints repaired", "\n", sep = "")
  title <- paste0(x$design["title"], ". ", x$design["source"], ".")
  cat(strwrap(title, 78, initial = "  ", prefix = "  "), sep = "\n")
  n <- vapply(x[setdiff(names(x), "design")], nrow, 0L)
  cat(sprintf("  %-10s%4d rows\n", names(n), n), sep = "")
  invisible(x)
}
