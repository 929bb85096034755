#' Audit the printed tables of a trial
#'
#' Recomputes every printed figure that follows from others and says whether it
#' can be right: exactly, only by rounding, or not at all.
#'
#' Figures that nothing can be, as a percentage above 100, a negative SD or a P above 1, are
#' inconsistent by themselves: `possible`.
#'
#' Each printed number stands for all that rounds to it, so what follows from
#' several is an interval, by interval arithmetic. A figure is called
#' inconsistent only when nothing that its inputs allow rounds to what is
#' printed: correctly rounded tables are never blamed.
#'
#' @section Counts:
#' * `flow`: all who were randomised are those lost, excluded and analysed (the steps that the
#'   design's keys `randomised`, `lost`, `excluded` and `analysed` name), if the flow has no other
#'   steps; or the equations of its key `flow_sums`, such as
#'   `randomised = lost + moved + analysed`, separated by semicolons.
#' * `total`: the levels of a variable add up to the arm, the arms to the total column. Which
#'   table says how large the arms are (means of which outcome, which step) is seen from what fits.
#' * `percent`: of the arm or, where people are missing, of those counted (without a level called
#'   missing, unknown or not known, if that fits), or of the row, whichever fits the most of a
#'   variable's percentages. People without a level are often nowhere counted: where one whole
#'   number of people fits all of a variable's percentages in an arm, they are left alone. For a
#'   variable of which one level is printed it may be up to a fifth less than the arm.
#' * `chisq`, `fisher`: the test of the printed counts; the others of the arm are added where one
#'   level is printed, or where df has a level more. A 2 x 2 table's chi-square may be with Yates's
#'   correction or without, and the note says so. Fisher's test of a large table may be left out.
#'   Where df, percentages or sizes do not tell that all levels are printed, a test that does not
#'   fit may be of others too and is left alone; so is one of a single level that fits if a few
#'   have no level, up to a twentieth of each arm or two people.
#' * `p` of a printed statistic: where the counts give that statistic, they say it more exactly.
#' * `stratum`, `analysed`: the same people, counted in two tables.
#'
#' @section Means and their tests:
#' * `student`, `welch`, `anova`: the statistic from n, mean and SD of the groups; `paired`: from
#'   the printed change or, without it, within what any correlation of the visits allows.
#' * `p`: from the statistic and its degrees of freedom or, where no statistic is printed, from the
#'   means and SDs. `df`: from the numbers of people. `difference`, `interval`: of two means.
#' * `change`: follow-up less baseline, its SD between the limits that any correlation allows.
#' * `total`: strata and arms, pooled, give the mean and SD of all.
#' * `sem`: of Cronbach's alpha and the SD. `grim`, `grimmer`: see [grim()]; only where
#'   the design gives the `grid`.
#'
#' @section Regression tables:
#' The figures of a row follow from its estimate and standard error, by the t distribution with as
#' many degrees of freedom as people less coefficients; if several rows follow other degrees of
#' freedom, statistics are Wald's chi-square or estimates ratios, the note says so. Limits of odds
#' and rates may be of the profile likelihood, as R gives them: where rows agree so, limits are
#' asked only to lie near those of estimate and standard error: within a fifth of half the
#' interval, or more where the error of the logarithm is above 0.4, as of few events; the design's
#' `model_limits` `wald` or `profile` (not asked at all) decides. Residuals of a linear model with
#' arms as a factor sum to zero in each, so the constant and the coefficients, times the shares of
#' their levels, give the arms' means: wrong labels show there. The outcome's standard deviations
#' and the group sizes bound the standard errors from below, and give them where the arm and one
#' covariate are all there is; not with `model_errors` `robust`. Models of odds and rates
#' (`model_family`: `binomial`, `poisson`) by arm alone follow from the counts and means; of rates,
#' only where the design says so: `model_offset` `no`, and for errors `model_errors` `model`.
#'
#' This is asked of models with every level of each factor in `counts.csv`, numeric covariates in
#' `means.csv`, and nobody left out, as the `n` of outcome and covariates say (or `model_n`): type
#' `n` wherever it is printed, if only at the head of a column. Of others rows are checked and
#' nothing else. Where only arms are printed, without a constant, and some figure does not follow
#' from the arms alone, the model is taken for one adjusted for terms that are not printed.
#'
#' @param published The printed tables, a [published()].
#' @param truncated `TRUE` if numbers were cut off instead of rounded; `NULL`: as the design's key
#'   `rounding` says.
#' @return A data frame of class `audit`, one row a check: `check` (its kind),
#'   `cell` (table, row and column of the figure recomputed), `printed` (text),
#'   `recomputed` (from the printed inputs taken at their word), `low`, `high` (what rounding of the
#'   inputs allows), `verdict` (`exact`, `rounding` or `inconsistent`), `figure` (in
#'   words) and `note`.
#' @examples
#' dir <- system.file("extdata", "lemogne2020", package = "questrial")
#' found <- audit(published(dir))
#' found[found$verdict == "inconsistent", ]
#' @export
audit <- function(published, truncated = NULL) {
  check_class(published, "published", "published")
  if (is.null(truncated)) {
    truncated <- identical(design_values(published, "rounding"), "truncated")
  }
  check_flag(truncated, "truncated")
  tables <- audit_tables(published, truncated)
  dress_audit(tables, .Call(C_qstr_audit, core_tables(tables)), published)
}

audit_verdicts <- c("exact", "rounding", "inconsistent")

dress_audit <- function(tables, found, published) {
  target <- tables$checks$target
  cells <- tables$cells[target, ]
  rows <- data.frame(
    check = tables$checks$check,
    cell = sprintf("%s[%d, %s]", cells$table, cells$row, cells$column),
    printed = cells$text, recomputed = found$value, low = found$low, high = found$high,
    verdict = c(NA, audit_verdicts)[found$verdict + 1L], figure = tables$checks$figure,
    note = chi_square_notes(tables, found)
  )
  shown <- which(!is.na(rows$verdict))
  rows <- rbind(rows[shown, ], audit_other(published, tables$truncated))
  structure(rows,
    row.names = seq_len(nrow(rows)), class = c("audit", "data.frame"), tables = tables,
    published = published
  )
}

# ---- Tables as cells, margins and checks ----

# list(cells, margins, everybody, checks, inputs, truncated). `cells` has a row a printed number or
# label: table, row, column, text, digits, decimals, kind; row 1 is the empty cell. `checks` has a
# row a check. Cells are counted from 1 here, from 0 in the core.
audit_tables <- function(published, truncated) {
  tables <- printed_cells(published)
  tables$truncated <- truncated
  specs <- c(
    audit_flow(tables, published), audit_counts(tables, published),
    audit_means(tables, published), audit_model(tables, published),
    audit_possible(tables, published)
  )
  with_checks(tables, specs)
}

# Puts in the checks of a list of new_check()s.
with_checks <- function(tables, specs) {
  specs <- unname(specs[!vapply(specs, is.null, NA)])
  inputs <- lapply(specs, `[[`, "inputs")
  column <- function(name, type) vapply(specs, `[[`, type, name)
  n <- unname(lengths(inputs))
  tables$inputs <- as.integer(unlist(inputs))
  tables$checks <- data.frame(
    check = column("check", ""), kind = column("kind", ""), target = column("target", 0L),
    first = as.integer(cumsum(n) - n), n = n, n_rows = column("n_rows", 0L),
    n_cols = column("n_cols", 0L), without_sign = column("without_sign", NA),
    par1 = column("par1", 0), par2 = column("par2", 0), par3 = column("par3", 0),
    figure = column("figure", ""), note = column("note", "")
  )
  tables
}

# One check; NULL when its target or an input is not printed. `kind` is the core's, `check` the
# user's word for it. `dims` are those of inputs that are a table, row by row.
new_check <- function(kind, target, inputs, check = kind, dims = c(0, 0), par = 0,
                      without_sign = FALSE, figure = "", note = "") {
  if (anyNA(c(target, inputs))) {
    return(NULL)
  }
  par <- rep_len(c(par, 0, 0, 0), 3)
  list(
    check = check, kind = kind, target = as.integer(target), inputs = inputs,
    n_rows = as.integer(dims[[1]]), n_cols = as.integer(dims[[2]]), without_sign = without_sign,
    par1 = par[[1]], par2 = par[[2]], par3 = par[[3]], figure = figure, note = note
  )
}

cell_kinds <- c(count = 0L, number = 1L, below = 2L, above = 3L, label = 4L, empty = 5L)

# Cells and margins. A column is of counts if its name says so; labels are the levels of model rows
# and, column `reference`, of the reference of each variable (at the first of its rows in a model).
printed_cells <- function(published) {
  empty <- list(
    table = "", row = 0L, column = "", text = "", digits = 0, decimals = 0L,
    kind = cell_kinds[["empty"]]
  )
  parts <- lapply(names(number_columns), function(name) {
    lapply(number_columns[[name]], number_cells, table = published[[name]], name = name)
  })
  cells <- join_cells(c(list(empty), unlist(parts, recursive = FALSE)))
  margins <- printed_margins(cells, published)
  at <- cell_places(cells, published)
  everybody <- most_people(cells, at, published$means)
  tables <- list(cells = cells, at = at, margins = margins, everybody = everybody)
  add_labels(tables, published)
}

join_cells <- function(parts) {
  fields <- stats::setNames(nm = names(parts[[1]]))
  list2DF(lapply(fields, function(field) unlist(lapply(parts, `[[`, field), use.names = FALSE)))
}

# A number of more decimals than a cell has is not read.
number_cells <- function(table, name, column) {
  rows <- which(nzchar(table[[column]]))
  text <- table[[column]][rows]
  decimals <- printed_digits(text)
  digits <- round(printed_number(text) * 10^decimals)
  readable <- decimals <= 15
  fractional <- if (name == "tests") table$test[rows] == "welch" else FALSE
  whole <- column %in% c("n", "k", "items", "df", "df_residual") & decimals == 0 & !fractional
  kind <- ifelse(whole, "count", "number")
  kind[startsWith(text, "<")] <- "below"
  kind[startsWith(text, ">")] <- "above"
  kind[!readable] <- "empty"
  list(
    table = rep(name, length(rows)), row = rows, column = rep(column, length(rows)), text = text,
    digits = ifelse(readable, digits, 0),
    decimals = ifelse(readable, as.integer(decimals), 0L), kind = unname(cell_kinds[kind])
  )
}

# at[[table]][row, column]: the number of a cell, NA where nothing is printed.
cell_places <- function(cells, published) {
  own <- split(seq_along(cells$table), factor(cells$table, names(number_columns)))
  places <- lapply(names(number_columns), function(name) {
    columns <- c(number_columns[[name]], if (name == "model") c("level", "reference"))
    at <- matrix(NA_integer_, nrow(published[[name]]), length(columns),
      dimnames = list(NULL, columns)
    )
    at[cbind(cells$row[own[[name]]], match(cells$column[own[[name]]], columns))] <- own[[name]]
    at
  })
  stats::setNames(places, names(number_columns))
}

# Cells of some rows in a column of a table; NA where nothing is printed.
cell_of <- function(tables, name, rows, column) {
  tables$at[[name]][rows, column]
}

# For each variable that is counted by arm, a matrix of cells, arms by levels; for the arms their
# number. The empty cell stands where no count is printed.
printed_margins <- function(cells, published) {
  arms <- design_values(published, "arms")
  counts <- published$counts
  counted <- which(cells$table == "counts" & cells$column == "n")
  counts$at <- rep_len(1L, nrow(counts))
  counts$at[cells$row[counted]] <- counted
  rows <- which(counts$arm %in% arms)
  margins <- lapply(split(rows, factor(counts$variable[rows], unique(counts$variable[rows]))),
    function(rows) {
      levels <- unique(counts$level[rows])
      margin <- matrix(1L, length(arms), length(levels), dimnames = list(arms, levels))
      margin[cbind(match(counts$arm[rows], arms), match(counts$level[rows], levels))] <-
        counts$at[rows]
      margin
    })
  c(list(arm = max(1L, length(arms))), margins)
}

# A function of arms: the most people that any overall mean of theirs is of. Two figures of fewer
# people may be of different ones, though these are as many.
most_people <- function(cells, at, means) {
  overall <- which(means$variable == "" & means$level == "")
  n <- exact_counts(list(cells = cells), at$means[overall, "n"])
  function(arms) vapply(arms, function(arm) max(0, n[means$arm[overall] == arm], na.rm = TRUE), 0)
}

margin_levels <- function(tables, published, variable) {
  if (variable == "arm") {
    design_values(published, "arms")
  } else {
    colnames(tables$margins[[variable]])
  }
}

# Labels of the models' rows; a reference at the first row of its variable in each model, that which
# no row has where none is printed. A level that is not counted gets no label.
add_labels <- function(tables, published) {
  model <- published$model
  margin <- match(model$variable, names(tables$margins))
  labels <- lapply(unique(model$variable[!is.na(margin)]), function(variable) {
    rows <- which(model$variable == variable)
    all <- margin_levels(tables, published, variable)
    first <- rows[!duplicated(model_names(published)[rows])]
    list(
      row = c(rows, first), column = rep(c("level", "reference"), lengths(list(rows, first))),
      text = c(model$level[rows], model$reference[first]),
      level = match(c(model$level[rows], reference_levels(published, rows, first, all)), all)
    )
  })
  add_label_cells(tables, labels, model$variable)
}

# A model's name for each row of model.csv.
model_names <- function(published) {
  name <- published$model$model
  if (is.null(name)) rep("", nrow(published$model)) else name
}

reference_levels <- function(published, rows, first, all) {
  vapply(first, function(k) {
    own <- rows[model_names(published)[rows] == model_names(published)[[k]]]
    left <- setdiff(all, published$model$level[own])
    printed <- published$model$reference[[k]]
    if (nzchar(printed) || length(left) != 1) printed else left
  }, "")
}

add_label_cells <- function(tables, labels, variable) {
  column <- function(name) unlist(lapply(labels, `[[`, name))
  is_known <- !is.na(column("level"))
  row <- column("row")[is_known]
  if (length(row) == 0) {
    return(tables)
  }
  cells <- data.frame(
    table = "model", row = row, column = column("column")[is_known],
    text = column("text")[is_known], digits = column("level")[is_known] - 1,
    decimals = match(variable[row], names(tables$margins)) - 1L, kind = cell_kinds[["label"]]
  )
  places <- cbind(row, match(cells$column, colnames(tables$at$model)))
  tables$at$model[places] <- nrow(tables$cells) + seq_along(row)
  tables$cells <- rbind(tables$cells, cells)
  tables
}

# As the core wants them: counted from 0.
core_tables <- function(tables) {
  checks <- tables$checks
  checks$target <- checks$target - 1L
  margins <- lapply(tables$margins, function(margin) {
    if (is.matrix(margin)) matrix(margin - 1L, nrow(margin)) else margin
  })
  list(
    cells = tables$cells[c("digits", "decimals", "kind")], checks = as.list(checks),
    inputs = tables$inputs - 1L, margins = unname(margins), truncated = tables$truncated
  )
}
