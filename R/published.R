#' Read the printed tables of a trial
#'
#' Reads the tables of a published trial from a folder of CSV files and keeps
#' every cell as the text that was printed, so that the number of digits is
#' not lost. What rounding allows follows from the digits: `"2.36"` stands
#' for 2.355 to 2.365.
#'
#' The folder holds these files; lines that begin with `#` are comments and
#' name the source. All but `design.csv` may be missing, and columns in brackets.
#'
#' * `design.csv`, a row a fact: `key`, `value`.
#' * `flow.csv`, a number of participants: `step`, `arm` (empty: all), `n`,
#'   (`source`: `printed`, or `derived` where the print does not say).
#' * `counts.csv`, a cell of counts: `variable`, `level`, `arm` (empty: the total
#'   column), `n`, (`percent`).
#' * `means.csv`, a mean and SD: `outcome`, (`variable`, `level`: both empty for
#'   everybody), `arm` (empty: all arms together), (`n`), `mean`, (`sd`).
#' * `tests.csv`, a test: `test`, `outcome`, (`by`, `variable`, `level`, `arm`,
#'   `reference`, `statistic`, `df`, `df_residual`, `p`, and of a difference of
#'   means `estimate`, `conf.low`, `conf.high`).
#' * `model.csv`, a coefficient, the intercept first: (`model`: its name, where
#'   there are several), (`term`: as printed), `variable`, `level`, `reference`,
#'   `estimate`, (`conf.low`, `conf.high`, `std.error`, `statistic`, `p`). A
#'   numeric covariate has the name it has in `means.csv` and no level.
#' * `alpha.csv`, a Cronbach's alpha: `outcome`, (`items`, `n`), `alpha`, (`sd`,
#'   `sem`: standard error of measurement).
#' * `power.csv`, a sample size: `n`, (`delta`, `sd`, `p1`, `p2`, `power`, `alpha`,
#'   `dropout`).
#' * `pools.csv`, a row of a meta-analysis: see [check_pools()].
#' * `repairs.csv`, a misprint: `table`, `row`, `column`, `printed`, `repaired`,
#'   (`reason`).
#'
#' Outcomes of `means.csv` are `baseline`, `followup`, `change`, or any other
#' name. Tests are `chisq` and `fisher` (`outcome` by arm, of counts), `anova`
#' (`by` is `arm` within a level of `variable`, or a variable within one `arm`),
#' `student` and `welch` (`arm` less `reference`, with pooled variance or
#' without), `paired` (within `arm`) and `interaction` (`by` is `arm:sex`, say).
#' Keys of the design that [reconstruct()] needs are `arms` (reference first),
#' `instrument` (its id, or a file in the folder), `items_not_asked`,
#' `model_outcome`, the `flow.csv` steps called `lost`, `excluded` (without the
#' covariate `excluded_for`) and `no_baseline`, and the sizes of small groups,
#' `groups_<arm>`; several values are separated by semicolons.
#'
#' @param dir Folder of the files. The package brings one,
#'   `system.file("extdata", "lemogne2020", package = "questrial")`. Or a list of
#'   data frames of text, named as the files are (a file that `instrument` names
#'   is then sought in the working directory).
#' @param repaired `TRUE` puts in the readings of `repairs.csv`: cells in
#'   which the tables contradict themselves, with what resolves it. Each is
#'   checked to be printed as the file says.
#' @return An object of class `published`: a list of data frames of text,
#'   `design`, `flow`, `counts`, `means`, `tests`, `model`, `alpha`, `power`, `pools` and
#'   `repairs`, each with all its columns (`""`: not printed); attributes `dir` and `repaired`.
#' @seealso [reconstruct()], which makes a cohort that has these figures.
#' @examples
#' dir <- system.file("extdata", "lemogne2020", package = "questrial")
#' printed <- published(dir)
#' printed
#' printed$model[8:9, c("term", "level", "reference", "estimate")]
#' published(dir, repaired = TRUE)$model[8:9, c("term", "level", "reference", "estimate")]
#' @export
published <- function(dir, repaired = FALSE) {
  check_given(dir, "dir")
  check_flag(repaired, "repaired")
  given <- is.list(dir) && !is.null(names(dir))
  tables <- if (given) given_tables(dir) else folder_tables(dir)
  if (repaired) {
    tables <- repair_cells(tables)
  }
  check_published(tables)
  structure(tables,
    dir = if (given) "." else normalizePath(dir), repaired = repaired, class = "published"
  )
}

# Columns that a table must have; those of optional_columns are "" where a file has none.
published_columns <- list(
  design = c("key", "value"),
  flow = c("step", "arm", "n"),
  counts = c("variable", "level", "arm", "n"),
  means = c("outcome", "arm", "mean"),
  tests = c("test", "outcome"),
  model = c("variable", "level", "reference", "estimate"),
  alpha = c("outcome", "alpha"),
  power = "n",
  pools = character(),
  repairs = c("table", "row", "column", "printed", "repaired")
)

optional_columns <- list(
  design = character(),
  flow = "source",
  counts = "percent",
  means = c("variable", "level", "n", "sd"),
  tests = c(
    "by", "variable", "level", "arm", "reference", "statistic", "df", "df_residual", "p",
    "estimate", "conf.low", "conf.high"
  ),
  model = c("model", "term", "conf.low", "conf.high", "std.error", "statistic", "p"),
  alpha = c("items", "n", "sd", "sem"),
  power = c("delta", "sd", "p1", "p2", "power", "alpha", "dropout"),
  pools = c("k", "estimate", "conf.low", "conf.high", "I2", "Q", "p", "n", "measure"),
  repairs = "reason"
)

# Columns of printed numbers: the cells of an audit.
number_columns <- list(
  flow = "n", counts = c("n", "percent"), means = c("n", "mean", "sd"),
  tests = c("statistic", "df", "df_residual", "p", "estimate", "conf.low", "conf.high"),
  model = c("estimate", "conf.low", "conf.high", "std.error", "statistic", "p"),
  alpha = c("items", "n", "alpha", "sd", "sem"),
  power = c("n", "delta", "sd", "p1", "p2", "power", "alpha", "dropout"),
  pools = c("k", "estimate", "conf.low", "conf.high", "I2", "Q", "p", "n")
)

folder_tables <- function(dir) {
  check_string(dir, "dir")
  if (!dir.exists(dir)) {
    qst_abort("file", sprintf(
      "There is no folder %s. Give the folder that holds design.csv and the tables.",
      describe(dir)
    ))
  }
  if (!file.exists(file.path(dir, "design.csv"))) {
    qst_abort("file", sprintf(
      "There is no design.csv in %s. See ?published for the files a folder needs.", describe(dir)
    ))
  }
  lapply(stats::setNames(nm = names(published_columns)), function(name) {
    file <- file.path(dir, paste0(name, ".csv"))
    if (file.exists(file)) complete_table(read_cells(file), name) else empty_printed(name)
  })
}

given_tables <- function(given) {
  unknown <- setdiff(names(given), names(published_columns))
  if (length(unknown) > 0) {
    qst_abort("file", sprintf(
      "There is no table %s. Those there are: %s.", enumerate(unknown),
      enumerate(names(published_columns), most = 20)
    ))
  }
  lapply(stats::setNames(nm = names(published_columns)), function(name) {
    if (is.null(given[[name]])) {
      empty_printed(name)
    } else {
      complete_table(text_cells(given[[name]], name), name)
    }
  })
}

# Numbers are refused, since they have lost their digits.
text_cells <- function(table, name) {
  table <- as.data.frame(table)
  bad <- names(table)[!vapply(table, is.character, NA)]
  if (length(bad) > 0) {
    qst_abort("file", sprintf(
      "Table `%s`: column %s is not text, and a number has lost its digits. Give text as printed.",
      name, enumerate(bad)
    ), column = bad)
  }
  table[] <- lapply(table, function(column) {
    column[is.na(column)] <- ""
    trimws(column)
  })
  table
}

complete_table <- function(table, name) {
  columns <- published_columns[[name]]
  missing <- setdiff(columns, names(table))
  if (length(missing) > 0) {
    qst_abort("file", sprintf(
      "%s.csv has no column %s. Its first line without `#` must name %s.",
      name, enumerate(missing), enumerate(columns, most = 20)
    ), column = missing)
  }
  table[setdiff(optional_columns[[name]], names(table))] <- rep("", nrow(table))
  rownames(table) <- NULL
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

empty_printed <- function(name) {
  columns <- c(published_columns[[name]], optional_columns[[name]])
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
  for (name in names(number_columns)) {
    for (column in number_columns[[name]]) {
      check_printed_numbers(tables[[name]][[column]], name, column)
    }
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
