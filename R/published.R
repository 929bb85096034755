#' Read the printed tables of a trial
#'
#' Reads the tables of a published trial from a folder of CSV files and keeps
#' every cell as the text that was printed, so that the number of digits is
#' not lost. What rounding allows follows from the digits: `"2.36"` stands
#' for 2.355 to 2.365.
#'
#' The folder holds these files; lines that begin with `#` are comments and
#' name the source. `model.csv`, `alpha.csv` and `repairs.csv` may be missing.
#'
#' * `design.csv`, a row a fact: `key`, `value`.
#' * `flow.csv`, a number of participants: `step`, `arm` (empty: all), `n`,
#'   `source` (`printed`, or `derived` where the print does not say).
#' * `counts.csv`, a cell of counts: `variable`, `level`, `arm`, `n`, `percent`.
#' * `means.csv`, a mean and SD: `outcome`, `variable`, `level` (both empty:
#'   everybody), `arm`, `n`, `mean`, `sd`.
#' * `tests.csv`, a test: `test`, `outcome`, `by`, `variable`, `level`, `arm`,
#'   `reference`, `statistic`, `df`, `df_residual`, `p`.
#' * `model.csv`, a coefficient, the intercept first: `term` (as printed),
#'   `variable`, `level`, `reference`, `estimate`, `conf.low`, `conf.high`,
#'   `std.error`, `statistic`, `p`.
#' * `alpha.csv`, a Cronbach's alpha: `outcome`, `items`, `alpha`.
#' * `repairs.csv`, a misprint: `table`, `row`, `column`, `printed`, `repaired`,
#'   `reason`.
#'
#' Outcomes are `baseline`, `followup` and `change`. Tests are `chisq`
#' (`outcome` by arm, of counts), `anova` (`by` is `arm` within a level of
#' `variable`, or a variable within one `arm`), `student` (`arm` less
#' `reference`, pooled variance) and `interaction` (`by` is `arm:sex`, say).
#' Keys of the design that [reconstruct()] needs are `arms` (reference first),
#' `instrument` (its id, or a file in the folder), `items_not_asked`,
#' `model_outcome`, the `flow.csv` steps called `lost`, `excluded` (without the
#' covariate `excluded_for`) and `no_baseline`, and the sizes of small groups,
#' `groups_<arm>`; several values are separated by semicolons.
#'
#' @param dir Folder of the files. The package brings one,
#'   `system.file("extdata", "lemogne2020", package = "questrial")`.
#' @param repaired `TRUE` puts in the readings of `repairs.csv`: cells in
#'   which the tables contradict themselves, with what resolves it. Each is
#'   checked to be printed as the file says.
#' @return An object of class `published`: a list of data frames of text,
#'   `design`, `flow`, `counts`, `means`, `tests`, `model`, `alpha` and
#'   `repairs`; attributes `dir` and `repaired`.
#' @seealso [reconstruct()], which makes a cohort that has these figures.
#' @examples
#' dir <- system.file("extdata", "lemogne2020", package = "questrial")
#' printed <- published(dir)
#' printed
#' printed$model[8:9, c("term", "level", "reference", "estimate")]
#' published(dir, repaired = TRUE)$model[8:9, c("term", "level", "reference", "estimate")]
#' @export
published <- function(dir, repaired = FALSE) {
  check_string(dir, "dir")
  check_flag(repaired, "repaired")
  if (!dir.exists(dir)) {
    qst_abort("file", sprintf(
      "There is no folder %s. Give the folder that holds design.csv and the tables.",
      describe(dir)
    ))
  }
  tables <- lapply(names(published_columns), read_printed, dir = dir)
  names(tables) <- names(published_columns)
  if (repaired) {
    tables <- repair_cells(tables)
  }
  check_published(tables)
  structure(tables, dir = normalizePath(dir), repaired = repaired, class = "published")
}

published_columns <- list(
  design = c("key", "value"),
  flow = c("step", "arm", "n", "source"),
  counts = c("variable", "level", "arm", "n", "percent"),
  means = c("outcome", "variable", "level", "arm", "n", "mean", "sd"),
  tests = c(
    "test", "outcome", "by", "variable", "level", "arm", "reference", "statistic", "df",
    "df_residual", "p"
  ),
  model = c(
    "term", "variable", "level", "reference", "estimate", "conf.low", "conf.high", "std.error",
    "statistic", "p"
  ),
  alpha = c("outcome", "items", "alpha"),
  repairs = c("table", "row", "column", "printed", "repaired", "reason")
)

read_printed <- function(name, dir) {
  columns <- published_columns[[name]]
  file <- file.path(dir, paste0(name, ".csv"))
  if (!file.exists(file)) {
    if (name %in% c("model", "alpha", "repairs")) {
      return(empty_printed(columns))
    }
    qst_abort("file", sprintf(
      "There is no %s.csv in %s. See ?published for the files a folder needs.", name, describe(dir)
    ))
  }
  table <- read_cells(file)
  missing <- setdiff(columns, names(table))
  if (length(missing) > 0) {
    qst_abort("file", sprintf(
      "%s.csv has no column %s. Its first line without `#` must name %s.",
      name, enumerate(missing), enumerate(columns, most = 20)
    ), column = missing)
  }
  table
}

# A file that is no comma-separated UTF-8 is refused whole, whatever of it
# could be read.
read_cells <- function(file) {
  refuse <- function(cnd) {
    qst_abort("file", sprintf(
      "%s.csv cannot be read as comma-separated text (%s).",
      tools::file_path_sans_ext(basename(file)), conditionMessage(cnd)
    ))
  }
  if (!all(validUTF8(readLines(file, warn = FALSE)))) {
    refuse(simpleCondition("it is not UTF-8"))
  }
  tryCatch(
    utils::read.csv(
      file, colClasses = "character", comment.char = "#", na.strings = character(),
      strip.white = TRUE, check.names = FALSE, encoding = "UTF-8"
    ),
    error = refuse, warning = refuse
  )
}

empty_printed <- function(columns) {
  as.data.frame(stats::setNames(rep(list(character()), length(columns)), columns))
}

# ---- Repairs ----

repair_cells <- function(tables) {
  repairs <- tables$repairs
  for (k in seq_len(nrow(repairs))) {
    repair <- repairs[k, ]
    row <- suppressWarnings(as.integer(repair$row))
    printed <- tables[[repair$table]][[repair$column]][row]
    if (length(printed) != 1 || is.na(printed) || printed != repair$printed) {
      qst_abort("file", sprintf(
        "repairs.csv, row %d: %s.csv does not print %s in row %s of column `%s`. Correct either.",
        k, repair$table, describe(repair$printed), repair$row, repair$column
      ), row = k)
    }
    tables[[repair$table]][[repair$column]][row] <- repair$repaired
  }
  tables
}

# ---- Checks ----

check_published <- function(tables) {
  arms <- design_values(tables, "arms")
  if (length(arms) < 2) {
    qst_abort("file", "design.csv names fewer than two `arms`. Separate them with semicolons.")
  }
  for (name in c("flow", "counts", "means", "tests")) {
    check_printed_arms(tables[[name]], name, arms)
  }
  numbers <- list(
    flow = "n", counts = c("n", "percent"), means = c("n", "mean", "sd"),
    tests = c("statistic", "df", "df_residual", "p"),
    model = c("estimate", "conf.low", "conf.high", "std.error", "statistic", "p"),
    alpha = c("items", "alpha")
  )
  for (name in names(numbers)) {
    for (column in numbers[[name]]) {
      check_printed_numbers(tables[[name]][[column]], name, column)
    }
  }
  outcomes <- c("baseline", "followup", "change")
  strange <- which(!tables$means$outcome %in% outcomes)
  if (length(strange) > 0) {
    qst_abort("file", sprintf(
      "means.csv, row %d: outcome %s is none of %s.", strange[[1]],
      describe(tables$means$outcome[[strange[[1]]]]), enumerate(outcomes)
    ), row = strange[[1]])
  }
}

check_printed_arms <- function(table, name, arms) {
  strange <- which(!table$arm %in% c(arms, ""))
  if (length(strange) > 0) {
    row <- strange[[1]]
    qst_abort("file", sprintf(
      "%s.csv, row %d: %s is no arm; design.csv names %s.",
      name, row, describe(table$arm[[row]]), enumerate(arms)
    ), row = row, value = table$arm[[row]])
  }
}

check_printed_numbers <- function(text, name, column) {
  strange <- which(nzchar(text) & is.na(printed_number(text)))
  if (length(strange) > 0) {
    row <- strange[[1]]
    qst_abort("file", sprintf(
      "%s.csv, row %d, column `%s`: %s is no number. Write it as it was printed.",
      name, row, column, describe(text[[row]])
    ), row = row, column = column, value = text[[row]])
  }
}

# ---- Printed numbers ----

# The number a printed text stands for: signs and decimal marks as journals
# set them. NA if it is none.
printed_number <- function(text) {
  plain <- gsub("\u2212|\u2013", "-", text)
  plain <- sub("^[<>=]+ *", "", sub(",", ".", plain, fixed = TRUE))
  suppressWarnings(as.numeric(plain))
}

printed_digits <- function(text) {
  ifelse(grepl("[.,]", text), nchar(sub(".*[.,]", "", text)), 0)
}

# Half a unit of the last printed digit.
printed_half <- function(text) {
  0.5 * 10^-printed_digits(text)
}

# Does a value print as `text`? Ties may be rounded both ways (whatever rule the
# printer had); a hair is for the machine.
prints_as <- function(value, text) {
  below <- rep_len(startsWith(text, "<"), length(value))
  hair <- 1e-9 * pmax(1, abs(value))
  ifelse(
    below, value < printed_number(text) - hair,
    abs(value - printed_number(text)) <= printed_half(text) + hair
  )
}

# All values of a design key.
design_values <- function(tables, key) {
  value <- tables$design$value[tables$design$key == key]
  if (length(value) == 0) character() else trimws(strsplit(value[[1]], ";", fixed = TRUE)[[1]])
}

#' @export
print.published <- function(x, ...) {
  title <- design_values(x, "title")
  cat(if (length(title) > 0) title else "Printed tables of a trial", "\n", sep = "")
  cat(sprintf(
    "Arms: %s. Printed: %d counts, %d means, %d tests, %d coefficients, %d alphas.\n",
    join_words(design_values(x, "arms")), nrow(x$counts), nrow(x$means), nrow(x$tests),
    nrow(x$model), nrow(x$alpha)
  ))
  if (nrow(x$repairs) > 0) {
    cat(sprintf(
      "%d cells contradict the rest; they are %s.\n", nrow(x$repairs),
      if (isTRUE(attr(x, "repaired"))) "repaired here" else "as printed here"
    ))
  }
  invisible(x)
}
