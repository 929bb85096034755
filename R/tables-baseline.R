#' Table of baseline characteristics
#'
#' Table 1 of a trial: for each arm N and % of every category, mean and SD of
#' every number, in columns of their own, with the test statistic, its degrees
#' of freedom and P.
#'
#' Factors, character and logical columns are counted; numbers are summarised.
#' Percentages are of those with a value. The test of a factor is Pearson's
#' chi-squared without continuity correction, that of a number the F of a
#' one-way analysis of variance with pooled variance (with two arms the square
#' of Student's t): SPSS's CROSSTABS and ONEWAY. CONSORT advises against tests
#' of baseline differences in a randomised trial; `test = FALSE` leaves them
#' out and `smd = TRUE` shows the size of the imbalance instead.
#'
#' Categories of a factor that nobody has are shown with 0, take no part in the
#' test and are named in a note. An arm in which nobody has a value of a
#' characteristic (attendance in a control group) is left empty and out of the
#' test. Rows without arm are left out and counted in a note.
#'
#' @param formula `arm ~ sex + age`: the arm and the characteristics, in printed
#'   order; `.` for all other columns. `~ sex + age` makes one column of all,
#'   without tests.
#'   Only columns of `data`: transform them there.
#' @param data A data frame, one row a participant, or `imputations` of one: the table then shows
#'   the values that were observed, as a table of who took part should, and says so. Labels are
#'   the attribute `"label"` of a column, or its name.
#' @param within Named character vector: numbers to be shown also within the
#'   categories of a factor, as `c(score = "sex")`. A name may be repeated.
#' @param total Add columns for all arms together?
#' @param test Show statistic, df and P?
#' @param smd Show the standardised mean difference? For numbers the difference
#'   of means over the root of the mean variance, for factors the distance of
#'   Yang and Dalton (2012); with more than two arms the largest of all pairs.
#' @param missing Missing values as a note under the table, or as a row.
#' @param percent Percentages of the arm (`"column"`) or of the category
#'   (`"row"`).
#' @param labels Named character vector: printed labels, named by variable
#'   (`c(sex = "Gender")`), by category (`c(sexfemale = "Women")`, the name the
#'   term has in a model) or by arm (`c(armbalint = "Balint groups")`). Names
#'   that match nothing are ignored, so that one vector serves several tables.
#' @param digits Decimals, a named vector that may be given in part.
#' @param p_style,dialect How P values are printed and ties rounded: see
#'   [format_p()].
#' @param caption Printed above the table.
#' @return A [questrial_table] of class `baseline_table`, unrounded. One row a
#'   characteristic (`level` is `NA`) or category: `variable`, `within`,
#'   `level`, `label`, `kind` (`"factor"`, `"count"`, `"missing"` or `"mean"`);
#'   for each arm `n_<arm>`, `percent_<arm>`, `mean_<arm>`, `sd_<arm>`; `test`
#'   (`"chisq"` or `"F"`), `statistic`, `df`, `df.residual`, `p.value`, `smd`.
#' @section Errors:
#' `questrial_error_argument` for a column that is not there, is an expression
#' or cannot be counted or summarised; `questrial_error_no_data` for an empty
#' data frame or an arm without rows, which is named; `questrial_error_range`
#' for an infinite number, with its row.
#' @section Peers:
#' tableone shows no statistics and averages the SMD over pairs of arms;
#' gtsummary pastes N and % into one cell and shows the statistic only on
#' request. Both use Welch or Kruskal-Wallis tests or Yates' correction by
#' default; here tests are those of the classical table.
#' @references Yang D, Dalton JE. A unified approach to measuring the effect
#' size between two groups using SAS. SAS Global Forum 2012, paper 335.
#' @seealso [effects_table()], [write_table()], [questrial_table]
#' @examples
#' cars <- transform(mtcars, am = factor(am, labels = c("automatic", "manual")))
#' cars$gear <- factor(cars$gear)
#' baseline_table(am ~ gear + mpg + wt, cars, labels = c(gear = "Gears", mpg = "Miles/gallon"))
#' baseline_table(am ~ gear + mpg, cars, within = c(mpg = "gear"), test = FALSE, smd = TRUE)
#' @export
baseline_table <- function(formula, data, within = NULL, total = FALSE, test = TRUE, smd = FALSE,
                           missing = c("note", "row"), percent = c("column", "row"),
                           labels = NULL, digits = c(percent = 1, mean = 1, sd = 1, statistic = 3),
                           p_style = c("significant", "decimals"), dialect = c("r", "spss"),
                           caption = "Baseline characteristics") {
  imputed <- inherits(data, "imputations")
  data <- as.data.frame(check_data_frame(if (imputed) data$data else data))
  check_labels(labels)
  check_string(caption, "caption")
  options <- baseline_options(total, test, smd, missing, percent, digits, p_style, dialect)
  columns <- formula_columns(formula, data)
  options[c("test", "smd")] <- !is.null(columns$arm) & c(options$test, options$smd)
  within <- check_within(within, data)
  arm <- arm_factor(data, columns$arm)
  rows <- unlist(lapply(columns$others, function(name) {
    variable_rows(data, name, arm, within, labels, options)
  }), recursive = FALSE)
  arms <- arm_columns(arm, columns$arm, labels, options$total)
  table <- new_questrial_table(
    bind_rows(rows, arms$key),
    kind = "baseline",
    caption = caption,
    notes = c(
      if (imputed) "Values as observed; the imputed ones are for the analysis and not shown.",
      baseline_notes(data, columns, arm, labels, options),
      if (options$test) approximate_note(rows)
    )
  )
  structure(table, columns = NULL, arms = arms, options = options)
}

# ---- Arguments ----

baseline_options <- function(total, test, smd, missing, percent, digits, p_style, dialect) {
  list(
    total = check_flag(total, "total"),
    test = check_flag(test, "test"),
    smd = check_flag(smd, "smd"),
    missing = check_choice(missing, c("note", "row"), "missing"),
    percent = check_choice(percent, c("column", "row"), "percent"),
    digits = check_named_digits(digits),
    p_style = check_choice(p_style, c("significant", "decimals"), "p_style"),
    dialect = check_choice(dialect, c("r", "spss"), "dialect")
  )
}

check_named_digits <- function(digits) {
  all <- c(percent = 1, mean = 1, sd = 1, statistic = 3)
  check_digits(digits, length(digits))
  unknown <- setdiff(names(digits), names(all))
  if (is.null(names(digits)) || length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "`digits` must be named by %s, as in c(mean = 2).", enumerate(names(all), " or ")
    ), value = digits)
  }
  all[names(digits)] <- digits
  all
}

# The columns that a formula names: `arm` (or NULL) and `others`.
formula_columns <- function(formula, data) {
  if (!inherits(formula, "formula")) {
    qst_abort("argument", sprintf(
      "`formula` must be a formula such as arm ~ sex + age, not %s.", describe(formula)
    ))
  }
  terms <- stats::terms(formula, data = data)
  variables <- as.list(attr(terms, "variables"))[-1]
  check_plain_terms(terms, variables)
  names <- check_columns(data, vapply(variables, as.character, ""), "formula")
  arm <- seq_along(names) == attr(terms, "response")
  if (all(arm)) {
    qst_abort("argument", "`formula` names no characteristic. Write arm ~ sex + age.")
  }
  list(arm = if (any(arm)) names[arm], others = names[!arm])
}

check_plain_terms <- function(terms, variables) {
  plain <- vapply(variables, is.name, NA)
  products <- attr(terms, "term.labels")[attr(terms, "order") > 1]
  odd <- c(vapply(variables[!plain], deparse1, ""), products)
  if (length(odd) > 0) {
    qst_abort("argument", sprintf(
      "`formula`: %s is no column of the data. Add it to the data first.", enumerate(odd[[1]])
    ), value = odd)
  }
}

check_within <- function(within, data) {
  within <- unlist(within)
  if (is.null(within)) {
    return(character())
  }
  if (!is.character(within) || is.null(names(within))) {
    qst_abort("argument", sprintf(
      "`within` must be a named character vector such as c(score = \"sex\"), not %s.",
      describe(within)
    ))
  }
  check_columns(data, c(names(within), within), "within")
  numbers <- vapply(data[names(within)], is.numeric, NA)
  factors <- vapply(data[within], is_category, NA)
  if (!all(numbers & factors)) {
    at <- which(!(numbers & factors))[[1]]
    qst_abort("argument", sprintf(
      "`within`: `%s` must be a number and `%s` a factor. Turn them round or convert them.",
      names(within)[[at]], within[[at]]
    ))
  }
  within
}

# The arms as a factor, NA where unknown; one level when the formula has none.
arm_factor <- function(data, name) {
  if (is.null(name)) {
    return(factor(rep("all", nrow(data))))
  }
  arm <- as_category(if (is.numeric(data[[name]])) factor(data[[name]]) else data[[name]])
  if (nlevels(arm) < 2) {
    qst_abort("argument", sprintf(
      "`%s` has %d level and a table by arm needs two. Write ~ sex + age for a single group.",
      name, nlevels(arm)
    ), column = name)
  }
  empty <- levels(arm)[tabulate(arm, nlevels(arm)) == 0]
  if (length(empty) > 0) {
    qst_abort("no_data", sprintf(
      "`%s`: no row has the level %s. Drop it with droplevels() or look for the rows.",
      name, enumerate(empty)
    ), column = name, value = empty)
  }
  arm
}

# ---- What is shown of a column ----

is_category <- function(column) {
  is.factor(column) || is.character(column) || is.logical(column)
}

as_category <- function(column) {
  if (is.logical(column)) {
    factor(column, levels = c(FALSE, TRUE))
  } else {
    as.factor(column)
  }
}

variable_label <- function(column, name, labels) {
  own <- attr(column, "label", exact = TRUE)
  if (name %in% names(labels)) {
    labels[[name]]
  } else if (is.character(own) && length(own) == 1) {
    own
  } else {
    name
  }
}

# A level goes by the name its term has in a model: variable and level.
level_label <- function(name, level, labels) {
  known <- match(paste0(name, level, recycle0 = TRUE), names(labels))
  ifelse(is.na(known), level, labels[known])
}

variable_rows <- function(data, name, arm, within, labels, options) {
  column <- data[[name]]
  if (is_category(column)) {
    rows <- factor_rows(column, name, arm, labels, options)
  } else if (is.numeric(column) && is.null(dim(column))) {
    rows <- number_rows(data, name, arm, within, labels, options)
  } else {
    qst_abort("argument", sprintf(
      "`%s` is %s and can be neither counted nor summarised. Make it a factor or a number.",
      name, describe(column)
    ), column = name)
  }
  if (options$missing == "row" && anyNA(column)) {
    rows <- c(rows, list(missing_row(column, name, arm, options)))
  }
  rows
}

factor_rows <- function(column, name, arm, labels, options) {
  categories <- as_category(column)
  counts <- count_table(categories, arm)
  shown <- if (options$total) cbind(counts, rowSums(counts)) else counts
  whole <- switch(options$percent,
    row = rowSums(counts), column = rep(colSums(shown), each = nrow(shown))
  )
  head <- table_row(name, variable_label(column, name, labels), "factor",
    test = test_counts(counts), smd = largest_smd(ncol(counts), function(i, j) {
      smd_counts(counts[, i], counts[, j])
    })
  )
  levels <- levels(categories)
  shown_levels <- level_label(name, levels, labels)
  c(list(head), lapply(seq_along(levels), function(k) {
    table_row(name, shown_levels[[k]], "count", level = levels[[k]],
      n = shown[k, ], percent = (100 * shown / whole)[k, ]
    )
  }))
}

number_rows <- function(data, name, arm, within, labels, options) {
  x <- finite_numbers(data[[name]], name)
  all <- number_row(x, arm, name, variable_label(data[[name]], name, labels), options)
  parts <- lapply(unname(within[names(within) == name]), function(by) {
    categories <- as_category(data[[by]])
    label <- variable_label(data[[by]], by, labels)
    lapply(levels(categories), function(level) {
      own <- which(categories == level)
      shown <- paste0(label, ": ", level_label(by, level, labels))
      number_row(x[own], arm[own], name, shown, options, level = level, within = by)
    })
  })
  c(list(all), unlist(parts, recursive = FALSE))
}

finite_numbers <- function(column, name) {
  infinite <- which(is.infinite(column))
  if (length(infinite) > 0) {
    qst_abort("range", sprintf(
      "`%s` is infinite in row %d. Correct it or make it NA.", name, infinite[[1]]
    ), column = name, row = infinite[[1]], value = column[[infinite[[1]]]])
  }
  as.numeric(column)
}

number_row <- function(x, arm, name, label, options, ...) {
  known <- !is.na(x) & !is.na(arm)
  groups <- split(x[known], arm[known])
  arms <- seq_along(groups)
  if (options$total) {
    groups <- c(groups, list(x[known]))
  }
  n <- lengths(groups, use.names = FALSE)
  mean <- vapply(groups, mean, 0, USE.NAMES = FALSE)
  sd <- vapply(groups, stats::sd, 0, USE.NAMES = FALSE)
  table_row(name, label, "mean", n = n, mean = mean, sd = sd, ...,
    test = test_means(n[arms], mean[arms], sd[arms]),
    smd = largest_smd(length(arms), function(i, j) {
      abs(mean[[i]] - mean[[j]]) / sqrt((sd[[i]]^2 + sd[[j]]^2) / 2)
    })
  )
}

missing_row <- function(column, name, arm, options) {
  n <- tabulate(arm[is.na(column)], nlevels(arm))
  table_row(name, "Missing, N", "missing", n = if (options$total) c(n, sum(n)) else n)
}

# ---- Rows ----

table_row <- function(variable, label, kind, level = NA_character_, within = NA_character_,
                      n = NA_real_, percent = NA_real_, mean = NA_real_, sd = NA_real_,
                      test = no_test, smd = NA_real_) {
  list(
    words = c(variable, within, level, label, kind, test$test),
    arms = list(n = n, percent = percent, mean = mean, sd = sd),
    test = c(test$statistic, test$df, test$df.residual, test$p.value, smd),
    approximate = test$approximate
  )
}

no_test <- list(
  test = NA_character_, approximate = FALSE, statistic = NA_real_, df = NA_real_,
  df.residual = NA_real_, p.value = NA_real_
)

# The data frame of the rows, with four columns for each arm.
bind_rows <- function(rows, keys) {
  words <- do.call(rbind, lapply(rows, `[[`, "words"))
  test <- do.call(rbind, lapply(rows, `[[`, "test"))
  colnames(words) <- c("variable", "within", "level", "label", "kind", "test")
  colnames(test) <- c("statistic", "df", "df.residual", "p.value", "smd")
  arms <- lapply(seq_along(keys), function(k) {
    vapply(c("n", "percent", "mean", "sd"), function(what) {
      vapply(rows, function(row) as.numeric(rep_len(row$arms[[what]], length(keys))[[k]]), 0)
    }, numeric(length(rows)))
  })
  arms <- matrix(unlist(arms), length(rows))
  colnames(arms) <- paste(c("n", "percent", "mean", "sd"), rep(keys, each = 4), sep = "_")
  arms[is.nan(arms)] <- NA
  data.frame(words[, -6, drop = FALSE], arms, words[, 6, drop = FALSE], test, check.names = FALSE)
}

arm_columns <- function(arm, name, labels, total) {
  n <- tabulate(arm, nlevels(arm))
  label <- if (is.null(name)) "All" else level_label(name, levels(arm), labels)
  arms <- data.frame(key = levels(arm), label = label, n = n)
  if (!total) {
    return(arms)
  }
  all <- data.frame(key = make.unique(c(levels(arm), "total"))[nrow(arms) + 1], label = "Total",
    n = sum(n))
  rbind(arms, all)
}

# ---- Statistics ----

count_table <- function(categories, arm) {
  k <- nlevels(categories)
  cell <- as.integer(categories) + (as.integer(arm) - 1L) * k
  matrix(tabulate(cell, k * nlevels(arm)), k, nlevels(arm))
}

# Pearson's chi-squared of the categories and arms that have anybody.
test_counts <- function(counts) {
  counts <- counts[rowSums(counts) > 0, colSums(counts) > 0, drop = FALSE]
  if (any(dim(counts) < 2)) no_test else test_cells("chisq", compare_counts(counts))
}

# One-way analysis of variance of the arms that have anybody; an arm of one has
# no SD and adds nothing to the error.
test_means <- function(n, mean, sd) {
  used <- n > 0
  sd[n == 1] <- 0
  if (sum(used) < 2 || sum(n) <= sum(used) || all(sd[used] == 0)) {
    return(no_test)
  }
  test_cells("F", compare_summary(n[used], mean[used], sd[used], test = "anova"))
}

test_cells <- function(name, comparison) {
  cells <- unclass(comparison)[c("statistic", "df", "df.residual", "p.value")]
  c(list(test = name, approximate = length(attr(comparison, "notes")) > 0), cells)
}

largest_smd <- function(n_arms, smd) {
  if (n_arms < 2) {
    return(NA_real_)
  }
  each <- utils::combn(n_arms, 2, function(pair) smd(pair[[1]], pair[[2]]))
  if (all(is.na(each))) NA_real_ else max(each, na.rm = TRUE)
}

# Yang and Dalton (2012): Mahalanobis' distance of the two vectors of shares,
# the last category left out, by the mean of their multinomial covariances.
smd_counts <- function(count1, count2) {
  anybody <- count1 + count2 > 0
  share1 <- count1[anybody] / sum(count1)
  share2 <- count2[anybody] / sum(count2)
  if (length(share1) < 2) {
    return(if (sum(anybody) == 1) 0 else NA_real_)
  }
  spread <- (diag(share1) - outer(share1, share1) + diag(share2) - outer(share2, share2)) / 2
  spread <- spread[-1, -1, drop = FALSE]
  difference <- (share1 - share2)[-1]
  if (anyNA(spread) || rcond(spread) < 1e-12) {
    return(NA_real_)
  }
  sqrt(sum(difference * solve(spread, difference)))
}
