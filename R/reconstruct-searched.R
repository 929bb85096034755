# Which of the printed figures the search can seek. The rest is kept aside and
# named in the statement of figures, with NA for whether it is met.

# The tables with what is searched; attribute `unsearched`: data frame figure, printed.
searched_tables <- function(published) {
  model <- published$model
  is_first <- model$model == model$model[1]
  numeric <- numeric_names(published)
  keep <- list(
    means = published$means$outcome %in% names(outcome_codes) |
      (published$means$outcome %in% numeric & published$means$variable == ""),
    tests = vapply(seq_len(nrow(published$tests)), is_searched_test, NA, published, numeric),
    model = is_first & is_searched_model(published, model[is_first, ], numeric)
  )
  aside <- rbind(
    aside_rows(published$means[!keep$means, ], c("mean", "sd"), function(row) {
      paste0(" of ", row$outcome, of_whom(row))
    }),
    tests_aside(published$tests, keep$tests),
    aside_rows(model[!keep$model, ], c("estimate", "std.error"), function(row) {
      paste0(" of ", row$term, if (row$model != "") paste0(", ", row$model))
    })
  )
  for (table in names(keep)) {
    published[[table]] <- published[[table]][keep[[table]], ]
  }
  attr(published, "unsearched") <- aside
  published
}

# Counts follow exactly, so tests of counts hold or not whatever is searched.
of_counts <- c("chisq", "fisher")

is_searched_test <- function(k, published, numeric) {
  row <- published$tests[k, ]
  if (row$outcome %in% numeric) {
    return(is_test_of_arms(row) && row$variable == "" && row$statistic != "")
  }
  known <- c("anova", "student", "welch", "paired", "interaction")
  if (!row$test %in% known || !row$outcome %in% names(outcome_codes) || row$statistic == "") {
    return(FALSE)
  }
  variables <- unique(published$counts$variable)
  switch(row$test,
    interaction = has_full_cells(published, sub("^arm:", "", row$by)),
    anova = row$by == "arm" || row$by %in% variables,
    TRUE
  )
}

is_test_of_arms <- function(row) {
  (row$test == "anova" && row$by == "arm") || row$test %in% c("student", "welch")
}

# With an empty cell an interaction has fewer degrees of freedom.
has_full_cells <- function(published, variable) {
  own <- published$counts[published$counts$variable == variable & published$counts$arm != "", ]
  nrow(own) == 0 || all(printed_number(own$n) > 0)
}

# A linear model of levels and numeric covariates, with estimates and standard errors.
is_searched_model <- function(published, model, numeric) {
  family <- c(design_values(published, "model_family"), "gaussian")[[1]]
  outcome <- c(design_values(published, "model_outcome"), "change")[[1]]
  unknown <- setdiff(published$means$outcome, numeric)
  nrow(model) > 1 && family == "gaussian" && outcome %in% names(outcome_codes) &&
    all(model$level[-1] != "" | !model$variable[-1] %in% unknown) &&
    all(model$estimate != "" & model$std.error != "") && model$variable[[1]] == ""
}

tests_aside <- function(tests, searched) {
  tests$statistic <- ifelse(tests$statistic == "", tests$p, tests$statistic)
  rbind(
    aside_rows(tests[!searched & !tests$test %in% of_counts, ], "statistic", function(row) {
      paste0(": ", tested_words(row))
    }),
    aside_rows(tests[searched, ], c("conf.low", "conf.high"), function(row) {
      paste0(": ", tested_words(row))
    })
  )
}

# Rows figure, printed of those columns of a table that are printed.
aside_rows <- function(table, columns, words) {
  rows <- lapply(seq_len(nrow(table)), function(k) {
    row <- table[k, ]
    printed <- vapply(columns, function(column) row[[column]], "")
    data.frame(figure = paste0(columns, words(row)), printed = unname(printed))[printed != "", ]
  })
  do.call(rbind, c(list(data.frame(figure = character(), printed = character())), rows))
}
