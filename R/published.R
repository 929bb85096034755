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
  tables <- check_published(if (given) given_tables(dir) else folder_tables(dir))
  if (repaired) {
    tables <- check_published(repair_cells(tables))
  }
  structure(tables,
    dir = if (given) "." else normalizePath(dir), repaired = repaired, class = "published"
  )
}

# Columns in the order in which papers have them; all but the required ones are "" where a file
# has none.
published_columns <- list(
  design = c("key", "value"),
  flow = c("step", "arm", "n", "source"),
  counts = c("variable", "level", "arm", "n", "percent"),
  means = c("outcome", "variable", "level", "arm", "n", "mean", "sd"),
  tests = c(
    "test", "outcome", "by", "variable", "level", "arm", "reference", "statistic", "df",
    "df_residual", "p", "estimate", "conf.low", "conf.high"
  ),
  model = c(
    "model", "term", "variable", "level", "reference", "estimate", "conf.low", "conf.high",
    "std.error", "statistic", "p"
  ),
  alpha = c("outcome", "items", "n", "alpha", "sd", "sem"),
  power = c("n", "delta", "sd", "p1", "p2", "power", "alpha", "dropout"),
  pools = c("measure", "k", "n", "estimate", "conf.low", "conf.high", "p", "I2", "Q"),
  repairs = c("table", "row", "column", "printed", "repaired", "reason")
)

required_columns <- list(
  design = c("key", "value"), flow = c("step", "arm", "n"),
  counts = c("variable", "level", "arm", "n"), means = c("outcome", "arm", "mean"),
  tests = c("test", "outcome"), model = c("variable", "level", "reference", "estimate"),
  alpha = c("outcome", "alpha"), power = "n", pools = character(),
  repairs = c("table", "row", "column", "printed", "repaired")
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
  files <- paste0(names(published_columns), ".csv")
  there <- list.files(dir)
  if (!any(c("design.csv", "pools.csv", "power.csv") %in% there)) {
    qst_abort("file", sprintf(
      "There is no design.csv in %s. See ?published for the files a folder needs.", describe(dir)
    ))
  }
  odd <- grep("[.]csv$", setdiff(there, files), value = TRUE, ignore.case = TRUE)
  near <- vapply(odd, nearest, "", setdiff(files, there))
  if (any(nzchar(near))) {
    odd <- odd[nzchar(near)][[1]]
    qst_abort("file", sprintf("There is no use for a file %s.%s Rename it.", describe(odd),
      near[[odd]]), file = odd)
  }
  lapply(stats::setNames(nm = names(published_columns)), function(name) {
    if (paste0(name, ".csv") %in% there) {
      complete_table(read_cells(file.path(dir, paste0(name, ".csv")), name), name)
    } else {
      empty_printed(name)
    }
  })
}

given_tables <- function(given) {
  known <- names(published_columns)
  unknown <- setdiff(names(given), known)
  if (length(unknown) > 0) {
    qst_abort("file", sprintf(
      "There is no table %s.%s Those there are: %s.", enumerate(unknown),
      nearest(unknown[[1]], known), enumerate(known, most = 20)
    ))
  }
  lapply(stats::setNames(nm = known), function(name) {
    if (is.null(given[[name]])) {
      empty_printed(name)
    } else {
      complete_table(text_cells(given[[name]], name), name)
    }
  })
}

# Numbers are refused, since they have lost their digits.
text_cells <- function(table, name) {
  if (!is.data.frame(table)) {
    abort_printed(name, sprintf("A table must be a data frame, not %s.", describe(table)))
  }
  table <- as.data.frame(table)
  check_printed_columns(names(table), name)
  bad <- names(table)[!vapply(table, is.character, NA)]
  if (length(bad) > 0) {
    abort_printed(name, "It is not text, and a number has lost its digits. Give text as printed.",
      column = bad[[1]])
  }
  table[] <- lapply(table, function(column) {
    column[is.na(column)] <- ""
    trimws(enc2utf8(column))
  })
  table
}

complete_table <- function(table, name) {
  columns <- required_columns[[name]]
  missing <- setdiff(columns, names(table))
  if (length(missing) > 0) {
    abort_printed(name, sprintf(
      "There is no column %s. The first line without `#` must name %s.", enumerate(missing),
      enumerate(columns, most = 20)
    ), column = missing[[1]])
  }
  for (column in setdiff(published_columns[[name]], names(table))) {
    table[[column]] <- rep("", nrow(table))
  }
  rownames(table) <- NULL
  table
}

empty_printed <- function(name) {
  columns <- published_columns[[name]]
  as.data.frame(stats::setNames(rep(list(character()), length(columns)), columns))
}

# ---- Repairs ----

repair_cells <- function(tables) {
  repairs <- tables$repairs
  for (k in seq_len(nrow(repairs))) {
    repair <- repairs[k, ]
    row <- as.integer(repair$row)
    number <- repair$column %in% number_columns[[repair$table]]
    plain <- if (number) plain_printed(repair$printed) else repair$printed
    if (!tables[[repair$table]][[repair$column]][[row]] %in% c(plain, repair$printed)) {
      abort_cell(tables, "repairs", k, "printed", sprintf(
        "%s.csv does not print %s in row %s of column `%s`. Correct either.",
        repair$table, describe(repair$printed), repair$row, repair$column
      ))
    }
    tables[[repair$table]][[repair$column]][[row]] <- repair$repaired
  }
  tables
}

# ---- What is in them ----

# All values of a design key.
design_values <- function(tables, key) {
  value <- tables$design$value[tables$design$key == key]
  if (length(value) == 0) character() else trimws(strsplit(value[[1]], ";", fixed = TRUE)[[1]])
}

#' @export
print.published <- function(x, ...) {
  title <- paste(design_values(x, "title"), collapse = "; ")
  arms <- design_values(x, "arms")
  printed <- c(
    count = sum(nzchar(x$counts$n)), mean = sum(nzchar(x$means$mean)),
    test = sum(nzchar(x$tests$statistic) | nzchar(x$tests$p)),
    coefficient = sum(nzchar(x$model$estimate)), alpha = sum(nzchar(x$alpha$alpha)),
    `sample size` = sum(nzchar(x$power$n)), pool = nrow(x$pools)
  )
  printed <- printed[printed > 0]
  words <- sprintf("%d %s%s", printed, names(printed), ifelse(printed == 1, "", "s"))
  said <- c(
    if (nzchar(title)) title else "Printed tables of a trial",
    if (length(arms) > 0) sprintf("Arms: %s.", join_words(arms)),
    sprintf("Printed: %s.", if (length(words) > 0) join_words(words) else "nothing yet"),
    if (nrow(x$repairs) > 0) {
      sprintf("%d cells contradict the rest; they are %s.", nrow(x$repairs),
        if (isTRUE(attr(x, "repaired"))) "repaired here" else "as printed here")
    }
  )
  cat(unlist(lapply(said, wrap_text, getOption("width"))), sep = "\n")
  invisible(x)
}
