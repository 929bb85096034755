# Checks of means and standard deviations, and of the tests made of them.

audit_means <- function(tables, published) {
  index <- index_means(published)
  audit_mean_tests(tables, published, index)
}

# ---- Rows of means.csv by what they are of ----

# `rows(outcome, variable, level, arm)` gives row numbers, NA where nothing is printed; vectorised.
# `groups[[key]]` are the rows of an outcome by arm (within a level) or by level (within an arm),
# their keys those of group_key().
index_means <- function(published) {
  means <- published$means
  key <- do.call(paste, c(means[c("outcome", "variable", "level", "arm")], sep = "\r"))
  by_arm <- paste("arm", means$outcome, means$variable, means$level, sep = "\r")
  by_level <- paste("level", means$outcome, means$variable, means$arm, sep = "\r")
  arms <- which(means$arm != "")
  levels <- which(means$level != "")
  groups <- split(c(arms, levels), c(by_arm[arms], by_level[levels]))
  list(
    rows = function(outcome, variable = "", level = "", arm = "") {
      match(paste(outcome, variable, level, arm, sep = "\r"), key)
    },
    group = function(key) groups[match(key, names(groups))]
  )
}

group_key <- function(of, outcome, variable, within) {
  paste(of, outcome, variable, within, sep = "\r")
}

# n, mean and SD of some rows of means.csv, as a check's inputs.
sample_cells <- function(tables, rows) {
  as.vector(t(tables$at$means[rows, c("n", "mean", "sd"), drop = FALSE]))
}

# ---- Tests ----

audit_mean_tests <- function(tables, published, index) {
  tests <- published$tests
  tests$row <- seq_len(nrow(tests))
  pairs <- tests[tests$test == "student", ]
  signed <- prints_signs(tables, pairs, index)
  c(
    unlist(lapply(seq_len(nrow(pairs)), function(k) {
      pair_checks(tables, pairs[k, ], index, signed)
    }), recursive = FALSE),
    anova_checks(tables, tests[tests$test == "anova", ], index),
    f_checks(tables, tests[tests$test == "interaction", ])
  )
}

# Some print t without its sign. They do not if a t is negative where the difference is; a negative
# t elsewhere is wrong by either habit.
prints_signs <- function(tables, tests, index) {
  mean_of <- function(arm) {
    rows <- index$rows(tests$outcome, tests$variable, tests$level, arm)
    cell_values(tables, tables$at$means[rows, "mean"])
  }
  statistic <- cell_values(tables, tables$at$tests[tests$row, "statistic"])
  any(statistic < 0 & mean_of(tests$arm) < mean_of(tests$reference), na.rm = TRUE)
}

cell_values <- function(tables, at) {
  tables$cells$digits[at] / 10^tables$cells$decimals[at]
}

mean_test_figure <- function(test) {
  within <- if (nzchar(test$level)) sprintf(" (%s)", test$level) else ""
  what <- if (nzchar(test$reference)) {
    sprintf(", %s less %s", test$arm, test$reference)
  } else if (nzchar(test$by)) {
    sprintf(" by %s%s", test$by, if (nzchar(test$arm)) paste(",", test$arm) else "")
  } else {
    sprintf(", %s", test$arm)
  }
  paste0(test$outcome, what, within)
}

pair_checks <- function(tables, test, index, signed) {
  at <- tables$at$tests[test$row, ]
  rows <- index$rows(test$outcome, test$variable, test$level, c(test$arm, test$reference))
  inputs <- sample_cells(tables, rows)
  figure <- mean_test_figure(test)
  list(
    new_check("student", at[["statistic"]], inputs, without_sign = !signed, figure = figure),
    new_check("df", at[["df"]], inputs[c(1, 4)], par = -2, figure = figure),
    if (is.na(at[["statistic"]])) {
      new_check("student_p", at[["p"]], inputs, check = "student", figure = figure)
    },
    new_check("p_t", at[["p"]], at[c("statistic", "df")], check = "p", figure = figure)
  )
}

# Arms within a level of `variable` (or in all), or the levels of `by` within one arm.
anova_checks <- function(tables, tests, index) {
  key <- ifelse(
    tests$by == "arm", group_key("arm", tests$outcome, tests$variable, tests$level),
    group_key("level", tests$outcome, tests$by, tests$arm)
  )
  groups <- index$group(key)
  unlist(lapply(seq_len(nrow(tests)), function(k) {
    c(group_checks(tables, tests[k, ], groups[[k]]), f_checks(tables, tests[k, ]))
  }), recursive = FALSE)
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
      new_check("anova_p", at[["p"]], inputs, check = "anova", figure = figure)
    }
  )
}

f_checks <- function(tables, tests) {
  lapply(seq_len(nrow(tests)), function(k) {
    at <- tables$at$tests[tests$row[[k]], ]
    new_check("p_f", at[["p"]], at[c("statistic", "df", "df_residual")],
      check = "p", figure = mean_test_figure(tests[k, ])
    )
  })
}
