# Checks of tests of means: t of two groups or of changes, F, their degrees of freedom and P.

audit_mean_tests <- function(tables, published, index) {
  tests <- published$tests
  tests$row <- seq_len(nrow(tests))
  pairs <- tests[tests$test %in% c("student", "welch"), ]
  paired <- tests[tests$test == "paired", ]
  unsigned <- !signs_of_t(tables, pairs, paired, index)
  level <- interval_level(published)
  rows_of <- function(tests, outcome, arm) {
    index$rows(outcome, tests$variable, tests$level, arm)
  }
  sides <- cbind(rows_of(pairs, pairs$outcome, pairs$arm), rows_of(pairs, pairs$outcome,
    pairs$reference))
  visits <- vapply(c("change", "baseline", "followup"), function(outcome) {
    rows_of(paired, outcome, paired$arm)
  }, integer(nrow(paired)))
  visits <- matrix(visits, ncol = 3)
  each <- function(tests, rows, checks_of) {
    unlist(Map(function(test, k) {
      checks_of(tables, test, rows[k, ], unsigned, level)
    }, row_list(tests), seq_len(nrow(tests))), recursive = FALSE, use.names = FALSE)
  }
  c(
    each(pairs, sides, pair_checks), each(paired, visits, paired_checks),
    anova_checks(tables, tests[tests$test == "anova", ], index),
    f_checks(tables, tests[tests$test == "interaction", ])
  )
}

# The rows of a data frame as lists: much faster to take apart one by one.
row_list <- function(data) {
  lapply(seq_len(nrow(data)), function(k) lapply(data, `[[`, k))
}

interval_level <- function(published) {
  level <- printed_number(design_values(published, "conf.level"))
  if (length(level) == 1 && !is.na(level) && level > 0 && level < 1) level else 0.95
}

signs_of_t <- function(tables, pairs, paired, index) {
  mean_of <- function(tests, arm) {
    rows <- index$rows(tests$outcome, tests$variable, tests$level, arm)
    cell_values(tables, tables$at$means[rows, "mean"])
  }
  statistic <- cell_values(tables, tables$at$tests[c(pairs$row, paired$row), "statistic"])
  prints_signs(statistic, c(
    mean_of(pairs, pairs$arm) - mean_of(pairs, pairs$reference), mean_of(paired, paired$arm)
  ))
}

# Some print t without its sign: none is negative then. Whether a negative t agrees with its effect
# is not asked, for a wrong mean would turn the habit of the whole table; but where more t are
# positive though their effect is negative, it is the negative t that is the misprint.
prints_signs <- function(statistic, effect) {
  negative <- sum(statistic < 0, na.rm = TRUE)
  negative > 0 && negative >= sum(statistic > 0 & effect < 0, na.rm = TRUE)
}

mean_test_figure <- function(test) {
  within <- if (nzchar(test$level)) sprintf(" (%s)", test$level) else ""
  arm <- if (nzchar(test$arm)) sprintf(", %s", test$arm) else ""
  what <- if (nzchar(test$reference)) {
    sprintf("%s less %s", arm, test$reference)
  } else if (nzchar(test$by)) {
    sprintf(" by %s%s", test$by, arm)
  } else {
    arm
  }
  paste0(test$outcome, what, within)
}

# ---- t ----

# The statistic and its P, the limits and the difference itself. `kind` is that of the statistic,
# `inputs` what is printed of the groups, `means` those whose difference is estimated.
t_checks <- function(at, kind, inputs, means, unsigned, level, figure) {
  inputs <- c(inputs, if (kind != "paired" && !is.na(at[["estimate"]])) at[["estimate"]])
  limit <- function(column, side) {
    new_check(paste0(kind, "_limit"), at[[column]], inputs,
      check = "interval", par = c(level, side), figure = figure
    )
  }
  list(
    new_check(kind, at[["statistic"]], inputs, without_sign = unsigned, figure = figure),
    if (is.na(at[["statistic"]])) {
      new_check(paste0(kind, "_p"), at[["p"]], inputs, check = "p", figure = figure)
    },
    new_check("p_t", at[["p"]], at[c("statistic", "df")], check = "p", figure = figure),
    new_check("sum", at[["estimate"]], means, par = 1, check = "difference", figure = figure),
    limit("conf.low", -1), limit("conf.high", 1)
  )
}

pair_checks <- function(tables, test, rows, unsigned, level) {
  at <- tables$at$tests[test$row, ]
  inputs <- sample_cells(tables, rows)
  figure <- mean_test_figure(test)
  df <- if (test$test == "welch") {
    new_check("welch_df", at[["df"]], inputs, check = "df", figure = figure)
  } else {
    new_check("df", at[["df"]], inputs[c(1, 4)], par = -2, figure = figure)
  }
  c(t_checks(at, test$test, inputs, inputs[c(2, 5)], unsigned, level, figure), list(df))
}

# Of the change that is printed; or of two visits by everybody, whose correlation is not known.
# `rows` are those of change, baseline and follow-up.
paired_checks <- function(tables, test, rows, unsigned, level) {
  at <- tables$at$tests[test$row, ]
  figure <- mean_test_figure(test)
  inputs <- sample_cells(tables, rows[[1]])
  means <- inputs[[2]]
  if (anyNA(inputs)) {
    inputs <- sample_cells(tables, rows[2:3])
    means <- inputs[c(5, 2)]
    if (!all(cell_values(tables, inputs[c(1, 4)]) %in% tables$everybody(test$arm))) {
      inputs[] <- NA
    }
  }
  c(
    t_checks(at, "paired", inputs, means, unsigned, level, figure),
    list(new_check("df", at[["df"]], inputs[[1]], par = -1, figure = figure))
  )
}

# ---- F ----

# Arms within a level of `variable` (or in all), or the levels of `by` within one arm.
anova_checks <- function(tables, tests, index) {
  key <- ifelse(
    tests$by == "arm", group_key("arm", tests$outcome, tests$variable, tests$level),
    group_key("level", tests$outcome, tests$by, tests$arm)
  )
  groups <- index$group(key)
  c(
    unlist(Map(function(test, rows) group_checks(tables, test, rows), row_list(tests), groups),
      recursive = FALSE, use.names = FALSE),
    f_checks(tables, tests)
  )
}

group_checks <- function(tables, test, rows) {
  at <- tables$at$tests[test$row, ]
  if (length(rows) < 2) {
    return(NULL)
  }
  inputs <- sample_cells(tables, rows)
  figure <- mean_test_figure(test)
  sizes <- inputs[3 * seq_along(rows) - 2]
  list(
    new_check("anova", at[["statistic"]], inputs, figure = figure),
    new_check("df", at[["df"]], integer(), par = length(rows) - 1, figure = figure),
    new_check("df", at[["df_residual"]], sizes, par = -length(rows), figure = figure),
    if (is.na(at[["statistic"]])) {
      new_check("anova_p", at[["p"]], inputs, check = "p", figure = figure)
    }
  )
}

f_checks <- function(tables, tests) {
  lapply(row_list(tests), function(test) {
    at <- tables$at$tests[test$row, ]
    new_check("p_f", at[["p"]], at[c("statistic", "df", "df_residual")],
      check = "p", figure = mean_test_figure(test)
    )
  })
}
