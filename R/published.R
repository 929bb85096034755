#' Read the printed tables of a trial
#'
#' Reads the tables of a published trial from a folder of CSV files, as a person types them from
#' the PDF, and keeps every number with the digits that were printed. What rounding allows follows
#' from the digits: `"2.36"` stands for 2.355 to 2.365.
#'
#' @section How to type a paper:
#' 1. [write_published_template()] makes the files for the paper's arms, covariates and outcomes.
#' 2. Type what is printed where it is printed, digit for digit: `8.00` is not `8`. Leave a cell
#'    empty where nothing is printed; delete rows and files that the paper does not have.
#' 3. Call `published(dir)` and [audit()] as often as you like while typing: most of what is found
#'    first are slips of the typist.
#'
#' Files are text in UTF-8, separated by commas, semicolons or tabs (a spreadsheet's "CSV UTF-8").
#' The first line names the columns, in any order; lines that begin with `#` are comments, for the
#' source. Text with the separator in it stands in quotes. Columns `note` and `source` may be added
#' to each file. Names of variables, levels and arms are spelled the same in all files.
#'
#' @section Numbers:
#' Read as they are: `0,77` and `0.77`; `.05`; a typographic minus; `< .001`, `P = .03` and
#' `1.2 x 10-5`; `12.3%`; `1 234`, `1,234.5` and `1.234,5`; stars of significance. `1,234` is what
#' the other numbers of the paper say it is, and refused if they do not tell. `42 (35.9)` in `n` of
#' `counts.csv`, `110.1 (11.9)` in `mean` and `2.63 (0.15 to 5.11)` in `estimate` are parted, where
#' the columns for the second number are empty. Refused: `42/117`, `t(240) = 2.09`, `ns`, a dash
#' (it may stand for nothing or for 0).
#'
#' @section Files:
#' All may be missing but `design.csv`, which `pools.csv` and `power.csv` do without. Columns in
#' brackets may be missing.
#'
#' * `design.csv`, a row a fact: `key`, `value`; see below.
#' * `flow.csv`, a number of participants: `step`, `arm` (empty: all), `n`, (`source`: `printed`, or
#'   `derived` where the print does not say).
#' * `counts.csv`, a cell of counts: `variable`, `level`, `arm` (empty: the total column), `n`,
#'   (`percent`, of the arm).
#' * `means.csv`, a mean and SD: `outcome`, (`variable`, `level`: both empty for everybody, else the
#'   stratum, as `sex`, `female`), `arm` (empty: all arms together), (`n`), `mean`, (`sd`). Outcomes
#'   are `baseline`, `followup` and `change` of the score, or any other name (`age`).
#' * `tests.csv`, a test: `test`, `outcome`, (`by`, `variable`, `level`, `arm`, `reference`,
#'   `statistic`, `df`, `df_residual`: the second of F, `p`; of a difference of means `estimate`,
#'   `conf.low`, `conf.high`). The same test may be printed twice. `test` is one of
#'     - `chisq` and `fisher`: `outcome` is a variable of `counts.csv`, or `completion` (lost
#'       or not, of `flow.csv`), by arm;
#'     - `student` and `welch`: `outcome` in `arm` less that in `reference`, with pooled variance or
#'       without, of everybody or of the stratum `variable`, `level`;
#'     - `paired`: before against after within `arm`;
#'     - `anova`: `by` is `arm` (within the stratum, if one is named), or a variable within one
#'       `arm`;
#'     - `interaction`: `by` is `arm:sex`, say.
#' * `model.csv`, a coefficient, the intercept first: (`model`: its name, where there are several),
#'   (`term`: as printed), `variable` (`arm`, or one of `counts.csv`; empty: the intercept),
#'   `level`, `reference`, `estimate`, (`conf.low`, `conf.high`, `std.error`, `statistic`, `p`). A
#'   numeric covariate has the name it has in `means.csv` and no level.
#' * `alpha.csv`, a Cronbach's alpha: `outcome`, (`items`, `n`), `alpha`, (`sd`, `sem`: standard
#'   error of measurement).
#' * `power.csv`, a sample size: `n`, (`delta` and `sd`; or `p1` and `p2`; `power`, `alpha`,
#'   `dropout`), see [which_formula()]. Without `sd`, `delta` is standardised. Shares are written
#'   `0.8` or `80%`.
#' * `pools.csv`, a pooled result, see [check_pools()]: (`measure`, `k`, `n`, `estimate`,
#'   `conf.low`, `conf.high`, `p`, `I2`, `Q`), and what names it.
#' * `repairs.csv`, a misprint and its reading: `table`, `row` (without header and comments),
#'   `column`, `printed`, `repaired`, (`reason`).
#'
#' @section Keys of the design:
#' Several values are separated by semicolons.
#'
#' * `arms`, reference first: needed. `title`, `source`, `doi`, `note`: free text.
#' * `randomised`, `lost`, `excluded`, `analysed`, `no_baseline`: what `flow.csv` calls these steps;
#'   `flow_sums`: how they add up, as `randomised = lost + analysed`, where it is not that all who
#'   were randomised are lost, excluded or analysed. `excluded_for`: the covariate for want of which
#'   they were excluded.
#' * `model_outcome`; `model_family`: `gaussian` (as when it is missing), `binomial`, `poisson`;
#'   `model_exponentiated`: `yes` if estimates are ratios; `model_errors`: `robust`, or `model` (as
#'   when it is missing, but not of `poisson`); `model_offset`: `yes`, or `no` (alike);
#'   `model_limits`: `wald` (estimate and standard error's, as when it is missing, but not of
#'   `binomial` and `poisson`) or `profile`; `model_n`; `conf.level`: 0.95 when it is missing.
#'   `model_n_adjusted` is of the model called `adjusted`, and so are the others.
#' * `rounding`: `rounded`, or `truncated` for numbers cut off. `grid`: the step of the scores for
#'   [grim()], `1` or `20/19`, or `baseline 1; change 20/19`.
#' * `instrument`: its id, or a file in the folder; `items_not_asked`; `baseline_missing`: `mean` if
#'   it was put in; `groups_<arm>`: sizes of small groups. For [reconstruct()]. Without
#'   `instrument`, `items`, `min` and `max`: how many items, and the range of their answers.
#'
#' @param dir Folder of the files. The package brings two, in
#'   `system.file("extdata", package = "questrial")`: `lemogne2020`, and `buffel2017`, of which only
#'   the abstract. Or a list of data frames of text, named as the files are (a file that
#'   `instrument` names is then sought in the working directory).
#' @param repaired `TRUE` puts in the readings of `repairs.csv`: cells in
#'   which the tables contradict themselves, with what resolves it. Each is
#'   checked to be printed as the file says.
#' @return An object of class `published`: a list of data frames of text, `design`, `flow`,
#'   `counts`, `means`, `tests`, `model`, `alpha`, `power`, `pools` and `repairs`, each with all its
#'   columns (`""`: not printed). Numbers keep their digits and have a plain sign and point.
#'   Attributes `dir` and `repaired`.
#' @section Errors:
#' `questrial_error_file`, with `file`, `row`, `column` and `value`, for whatever is not one trial's
#' tables: text that is no number, rows with too few cells, unknown or doubled columns and keys,
#' arms and tests that there are not, one name in two spellings, a row twice, bytes that are no
#' UTF-8. The message names the line and says what to do.
#'
#' A warning, `questrial_warning_names`, where `tests.csv` or `model.csv` has an outcome, variable
#' or level that no other table has, but nearly: misspelt, it would not be held against what is
#' printed.
#' @section Compared with statcheck and scrutiny:
#' statcheck reads test results from the text of a PDF, and scrutiny data frames of means; both see
#' one figure at a time. Here a paper's tables are one object, so that they can be held against one
#' another.
#' @seealso [audit()], which recomputes what follows from other figures; [reconstruct()], which
#'   makes a cohort that has these figures.
#' @examples
#' dir <- system.file("extdata", "lemogne2020", package = "questrial")
#' printed <- published(dir)
#' printed
#' printed$model[8:9, c("term", "level", "reference", "estimate")]
#' published(dir, repaired = TRUE)$model[8:9, c("term", "level", "reference", "estimate")]
#'
#' # A few numbers need no files.
#' ages <- data.frame(
#'   outcome = "age", arm = c("control", "talks"), n = c("61", "64"),
#'   mean = c("20.1 (1.9)", "20,4 (2,1)")
#' )
#' design <- data.frame(key = "arms", value = "control; talks")
#' published(list(design = design, means = ages))$means[, c("arm", "n", "mean", "sd")]
#' @export
published <- function(dir, repaired = FALSE) {
  check_given(dir, "dir")
  check_flag(repaired, "repaired")
  given <- is.list(dir)
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
  if (file.exists(dir) && !dir.exists(dir)) {
    qst_abort("file", sprintf(
      "%s is a file. Give the folder that holds design.csv and the tables.", describe(dir)
    ))
  }
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
  check_workbooks(there)
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

# A table that is there only as a spreadsheet's own file would be passed over without a word.
check_workbooks <- function(there) {
  form <- "[.](xlsx?|xlsm|ods|numbers|tsv|txt)$"
  books <- grep(form, there, value = TRUE, ignore.case = TRUE)
  stem <- tolower(sub(form, "", books, ignore.case = TRUE))
  only <- books[stem %in% names(published_columns) & !paste0(stem, ".csv") %in% there]
  if (length(only) > 0) {
    qst_abort("file", sprintf(
      "%s is no CSV file and would not be read. Save it as %s.csv, \"CSV UTF-8\".",
      describe(only[[1]]), tolower(sub(form, "", only[[1]], ignore.case = TRUE))
    ), file = only[[1]])
  }
}

given_tables <- function(given) {
  known <- names(published_columns)
  if (is.data.frame(given) || is.null(names(given)) || !all(nzchar(names(given)))) {
    qst_abort("argument", sprintf(
      "`dir` is %s. Give a folder, or a list of data frames that are named, as in %s.",
      if (is.data.frame(given)) "one data frame" else "a list whose tables have no names",
      "list(design = ..., means = ...)"
    ))
  }
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

# Numbers are refused, since they have lost their digits; factors are text with another name.
text_cells <- function(table, name) {
  if (!is.data.frame(table)) {
    abort_printed(name, sprintf("A table must be a data frame, not %s.", describe(table)))
  }
  table <- as.data.frame(table)
  check_printed_columns(names(table), name)
  # A column where nothing is printed may be NA, which is logical in R.
  as_text <- vapply(table, function(column) is.factor(column) || all(is.na(column)), NA)
  table[as_text] <- lapply(table[as_text], as.character)
  bad <- names(table)[!vapply(table, is.character, NA)]
  if (length(bad) > 0) {
    abort_printed(name, paste(
      "It is not text, and a number has lost its digits (2.50 is 2.5 then). Give text as printed,",
      "\"2.50\"; read.csv() keeps it with colClasses = \"character\"."
    ), column = bad[[1]])
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
      sprintf("Cells that contradict the rest: %d, %s here.", nrow(x$repairs),
        if (isTRUE(attr(x, "repaired"))) "repaired" else "as printed")
    }
  )
  cat(unlist(lapply(said, wrap_text, getOption("width"))), sep = "\n")
  invisible(x)
}
