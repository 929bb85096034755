#' Write CSV files in which to type the tables of a paper
#'
#' Writes the files that [published()] reads, with the columns they need, comments that say what
#' goes where, and a row for each figure that a paper with these arms, covariates and outcomes
#' usually prints. The cells to fill in are empty. Delete rows that the paper does not have, add
#' what it has besides; an empty cell is a figure that is not printed.
#'
#' The files are read as they are at any time, so [published()] and [audit()] may be called while
#' the typing goes on.
#'
#' @param dir Folder for the files; it is made if it is not there.
#' @param arms Names of the arms, the reference first.
#' @param covariates A named list: for each categorical covariate its levels, the reference of the
#'   regression first, as in `list(sex = c("male", "female"))`.
#' @param outcomes Names of the scores with a mean and SD. `baseline`, `followup` and `change` are
#'   known to be of one score; others are separate.
#' @return `dir`, invisibly.
#' @section Errors:
#' `questrial_error_file` when one of the files is there already: nothing is written then.
#' `questrial_error_argument` for arms, covariates and outcomes that are no names.
#' @section Compared with statcheck and scrutiny:
#' statcheck reads tests from the text of a PDF, scrutiny a data frame of means; neither has a form
#' for a paper's tables.
#' @examples
#' dir <- tempfile()
#' write_published_template(dir, c("control", "talks"), list(sex = c("male", "female")))
#' cat(readLines(file.path(dir, "counts.csv")), sep = "\n")
#' published(dir)
#' @export
write_published_template <- function(dir, arms, covariates = list(),
                                     outcomes = c("baseline", "followup", "change")) {
  check_string(dir, "dir")
  check_template_names(arms, "arms")
  check_template_names(outcomes, "outcomes")
  check_covariate_levels(covariates)
  tables <- template_tables(arms, covariates, outcomes)
  files <- file.path(dir, paste0(names(tables), ".csv"))
  there <- basename(files[file.exists(files)])
  if (length(there) > 0) {
    qst_abort("file", sprintf(
      "%s %s there already. Give another folder, so that nothing typed is lost.",
      enumerate(there, most = 20), if (length(there) == 1) "is" else "are"
    ), file = there)
  }
  if (!dir.exists(dir) && !dir.create(dir, recursive = TRUE, showWarnings = FALSE)) {
    qst_abort("file", sprintf("The folder %s cannot be made. Check that you may write there.",
      describe(dir)), file = dir)
  }
  for (name in names(tables)) {
    write_form(tables[[name]], name, file.path(dir, paste0(name, ".csv")))
  }
  invisible(dir)
}

check_template_names <- function(names, arg, least = 1) {
  ok <- is.character(names) && length(names) >= least && !anyNA(names) &&
    !anyDuplicated(names) && all(grepl("^[^;\r\n#]+$", names))
  if (!ok) {
    qst_abort("argument", sprintf(
      "`%s` must be %s names, each once and without a semicolon, `#` or line break, not %s.", arg,
      if (least > 1) "two or more" else "one or more",
      if (is.character(names)) enumerate(names) else describe(names)
    ), value = names)
  }
}

check_covariate_levels <- function(covariates) {
  if (!is.list(covariates) || (length(covariates) > 0 && is.null(names(covariates)))) {
    qst_abort("argument", sprintf(
      "`covariates` must be a list of levels by name, list(sex = c(\"male\", \"female\")), not %s.",
      describe(covariates)
    ))
  }
  if (length(covariates) > 0) {
    check_template_names(names(covariates), "covariates")
  }
  for (name in names(covariates)) {
    check_template_names(covariates[[name]], sprintf("covariates$%s", name), least = 2)
  }
}

# ---- Rows to fill in ----

template_tables <- function(arms, covariates, outcomes) {
  list(
    design = template_design(arms, outcomes),
    flow = template_rows(list(step = c("randomised", "lost", "analysed"), arm = c("", arms))),
    counts = template_counts(arms, covariates),
    means = template_rows(list(outcome = outcomes, arm = arms)),
    tests = template_tests(arms, covariates, outcomes),
    model = template_model(arms, covariates),
    alpha = template_rows(list(outcome = setdiff(outcomes, "change"))),
    power = data.frame(), pools = data.frame(), repairs = data.frame()
  )
}

# All combinations, the first slowest.
template_rows <- function(values) {
  rev(expand.grid(rev(values), stringsAsFactors = FALSE))
}

template_design <- function(arms, outcomes) {
  rows <- c(
    title = "", arms = paste(arms, collapse = "; "), randomised = "randomised", lost = "lost",
    analysed = "analysed", rounding = "rounded", conf.level = "0.95",
    model_outcome = if ("change" %in% outcomes) "change" else outcomes[[length(outcomes)]],
    model_family = "gaussian", model_exponentiated = "no", instrument = "", grid = ""
  )
  data.frame(key = names(rows), value = unname(rows))
}

template_counts <- function(arms, covariates) {
  do.call(rbind, c(list(data.frame()), lapply(names(covariates), function(variable) {
    template_rows(list(variable = variable, level = covariates[[variable]], arm = arms))
  })))
}

template_tests <- function(arms, covariates, outcomes) {
  test <- function(test, outcome, by = "", arm = "", reference = "") {
    data.frame(test = test, outcome = outcome, by = by, arm = arm, reference = reference)
  }
  rows <- lapply(names(covariates), test, test = "chisq", by = "arm")
  for (outcome in outcomes) {
    rows <- c(rows, if (length(arms) > 2) list(test("anova", outcome, "arm")),
      lapply(arms[-1], test, test = "student", outcome = outcome, by = "", reference = arms[[1]]))
  }
  do.call(rbind, c(list(data.frame()), rows))
}

template_model <- function(arms, covariates) {
  factors <- c(list(arm = arms), covariates)
  rows <- lapply(names(factors), function(variable) {
    levels <- factors[[variable]]
    data.frame(term = levels[-1], variable = rep(variable, length(levels) - 1),
      level = levels[-1], reference = rep(levels[[1]], length(levels) - 1))
  })
  do.call(rbind, c(
    list(data.frame(term = "Constant", variable = "", level = "", reference = "")), rows
  ))
}

# ---- Writing ----

# What a form says above its columns.
template_words <- list(
  design = c(
    "A row a fact. Name the paper in `title`. Several values are separated by semicolons.",
    "grid: step of the scores, as 1 or 20/19, if their means shall be tested for being possible."
  ),
  flow = "Numbers of participants. An empty arm is everybody.",
  counts = c(
    "A row for each number in the table of participants. An empty arm is the total column.",
    "`42 (35.9)` may stand in n as it is."
  ),
  means = c(
    "Means and SDs. An empty arm is everybody; variable and level name a stratum (sex, female).",
    "`110.1 (11.9)` may stand in mean as it is."
  ),
  tests = c(
    "A row a test: chisq, fisher, student, welch, paired, anova or interaction.",
    "chisq and anova have by = arm; student and welch are arm less reference (estimate: that)."
  ),
  model = c(
    "A row a coefficient. A numeric covariate has its name in `variable` and no level.",
    "model: its name, where there are several. `2.63 (0.15 to 5.11)` may stand in estimate."
  ),
  alpha = "Cronbach's alpha; sem is the standard error of measurement.",
  power = c(
    "A row a sample size: n, from delta and sd or from p1 and p2; power and dropout as 80%.",
    "Without sd, delta is a standardised difference."
  ),
  pools = "A row a pooled result of a meta-analysis. Columns that name it may be added.",
  repairs = "Misprints found: table, row (without header and comments), column, printed, repaired."
)

write_form <- function(table, name, file) {
  columns <- published_columns[[name]]
  cells <- lapply(stats::setNames(nm = columns), function(column) {
    if (is.null(table[[column]])) rep("", nrow(table)) else table[[column]]
  })
  rows <- do.call(paste, c(lapply(cells, quote_cells), sep = ","))
  comments <- c(
    template_words[[name]],
    "Type numbers as printed, all digits; leave a cell empty where nothing is printed. ?published"
  )
  lines <- c(paste("#", comments), paste(columns, collapse = ","), rows[nzchar(rows)])
  write_aside(file, function(path) {
    con <- file(path, "wb")
    on.exit(close(con))
    writeLines(enc2utf8(lines), con, useBytes = TRUE)
  })
}

quote_cells <- function(cells) {
  special <- grepl("[\",;\t]|^ | $", cells)
  cells[special] <- sprintf("\"%s\"", gsub("\"", "\"\"", cells[special], fixed = TRUE))
  cells
}
