#' Compare an analysis with what was printed
#'
#' Puts every printed figure of a trial beside the same figure of an analysis
#' and says whether ours prints as theirs: rounded to the printed digits, by
#' either rule for ties.
#'
#' A statistic that is printed without sign is compared without: many journals
#' print |t|. Misprints that `repairs.csv` names are compared as printed or as
#' repaired, as [published()] was asked.
#'
#' @param analysis An [analyse()]d trial.
#' @param published The printed tables, a [published()].
#' @return A data frame of class `reproduction`, one row a printed figure:
#'   `table` (flow, counts, means, tests, model, alpha), `figure` (which row),
#'   `column`, `printed` (text), `ours` (double) and `verdict` (`same` or
#'   `differs`).
#' @section Errors:
#' `questrial_error_argument` when the tables name a variable, level or arm
#' that the analysis does not have.
#' @examples
#' printed <- published(system.file("extdata", "lemogne2020", package = "questrial"),
#'   repaired = TRUE
#' )
#' reproduce(analyse(balint_plan(), balint), printed)
#' @export
reproduce <- function(analysis, published) {
  check_class(analysis, "analysis", "analysis", maker = "analyse")
  check_class(published, "published", "published")
  rows <- droplevels(analysis_rows(analysis$data))
  figures <- rbind(
    reproduce_flow(published, analysis),
    reproduce_counts(published$counts, analysis, rows),
    reproduce_means(published$means, analysis, rows),
    reproduce_tests(published$tests, analysis, rows),
    reproduce_model(published$model, analysis),
    reproduce_alpha(published$alpha, analysis)
  )
  figures <- figures[nzchar(figures$printed), ]
  without_sign <- figures$column == "statistic" & printed_number(figures$printed) >= 0
  figures$ours[without_sign] <- abs(figures$ours[without_sign])
  figures$verdict <- ifelse(prints_as(figures$ours, figures$printed), "same", "differs")
  rownames(figures) <- NULL
  structure(figures, class = c("reproduction", "data.frame"))
}

# One row a printed cell of `columns`; `ours` is a list of such columns.
figures_of <- function(table, name, columns, ours) {
  figure <- printed_rows(table)
  long <- lapply(columns, function(column) {
    data.frame(
      table = rep(name, nrow(table)), figure = figure, column = rep(column, nrow(table)),
      printed = table[[column]], ours = as.double(ours[[column]])
    )
  })
  long <- do.call(rbind, long)
  long[order(rep(seq_len(nrow(table)), length(columns))), ]
}

# What names a row: its texts before the first number, or its term.
printed_rows <- function(table) {
  if ("term" %in% names(table)) {
    return(table$term)
  }
  numbers <- names(table) %in% c("n", "statistic", "items")
  words <- do.call(paste, table[seq_len(match(TRUE, numbers) - 1)])
  trimws(gsub(" +", " ", words))
}

# ---- One function a printed table ----

# Steps are named by the design: who is lost, who excluded, who has no baseline.
reproduce_flow <- function(published, analysis) {
  table <- published$flow[published$flow$source == "printed", ]
  data <- analysis$data
  who <- list(
    randomised = rep(TRUE, nrow(data)), analysed = data$set == "analysed",
    lost = data$set == "lost", excluded = data$set == "excluded",
    no_baseline = data$baseline_imputed
  )
  keys <- c("lost", "excluded", "no_baseline")
  names(who)[match(keys, names(who))] <- vapply(keys, function(key) {
    c(design_values(published, key), key)[[1]]
  }, "")
  n <- vapply(seq_len(nrow(table)), function(i) {
    sum(in_arm(data, analysis, table$arm[[i]]) & known_step(who, table$step[[i]]))
  }, 0)
  figures_of(table, "flow", "n", list(n = n))
}

known_step <- function(who, step) {
  if (is.null(who[[step]])) {
    qst_abort("argument", sprintf(
      "The printed flow has a step \"%s\"; known are %s.", step, enumerate(names(who), most = 9)
    ))
  }
  who[[step]]
}

reproduce_counts <- function(table, analysis, rows) {
  cells <- lapply(seq_len(nrow(table)), function(i) {
    values <- level_rows(rows, analysis, table$variable[[i]], "", table$arm[[i]])
    n <- sum(values[[table$variable[[i]]]] == known_level(rows, table, i), na.rm = TRUE)
    c(n, 100 * n / sum(!is.na(values[[table$variable[[i]]]])))
  })
  figures_of(table, "counts", c("n", "percent"), list(
    n = vapply(cells, `[[`, 0, 1), percent = vapply(cells, `[[`, 0, 2)
  ))
}

reproduce_means <- function(table, analysis, rows) {
  cells <- lapply(seq_len(nrow(table)), function(i) {
    inside <- level_rows(rows, analysis, table$variable[[i]], table$level[[i]], table$arm[[i]])
    x <- known_column(inside, table$outcome[[i]])
    c(length(x), mean(x), stats::sd(x))
  })
  figures_of(table, "means", c("n", "mean", "sd"), list(
    n = vapply(cells, `[[`, 0, 1), mean = vapply(cells, `[[`, 0, 2), sd = vapply(cells, `[[`, 0, 3)
  ))
}

reproduce_tests <- function(table, analysis, rows) {
  tests <- lapply(seq_len(nrow(table)), function(i) {
    unlist(repeat_test(table[i, ], analysis, rows)[c("statistic", "df", "df.residual", "p.value")])
  })
  printed <- c("statistic", "df", "df_residual", "p")
  ours <- lapply(stats::setNames(1:4, printed), function(k) vapply(tests, `[[`, 0, k))
  figures_of(table, "tests", printed, ours)
}

reproduce_model <- function(table, analysis) {
  effects <- tidy.fit_glm(analysis$model, conf.int = TRUE, conf.level = analysis$plan$conf.level)
  variable <- ifelse(table$variable == "arm", analysis$plan$arm, table$variable)
  terms <- ifelse(nzchar(variable), paste0(variable, table$level), "(Intercept)")
  unknown <- setdiff(terms, effects$term)
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "The printed model has rows %s, which are no terms of the analysis's model (%s).",
      enumerate(unknown), enumerate(effects$term, most = 20)
    ))
  }
  effects$p <- effects$p.value
  columns <- c("estimate", "conf.low", "conf.high", "std.error", "statistic", "p")
  figures_of(table, "model", columns, effects[match(terms, effects$term), ])
}

reproduce_alpha <- function(table, analysis) {
  alpha <- lapply(table$outcome, function(visit) {
    reliability <- analysis$reliability[[visit]]
    if (is.null(reliability)) {
      qst_abort("argument", sprintf("The analysis has no reliability at visit \"%s\".", visit))
    }
    reliability$alpha
  })
  figures_of(table, "alpha", c("items", "alpha"), list(
    items = vapply(alpha, function(x) as.double(x$items), 0),
    alpha = vapply(alpha, function(x) x$raw, 0)
  ))
}

# ---- The tests again, by what the table calls them ----

repeat_test <- function(test, analysis, rows) {
  switch(test$test,
    chisq = if (test$outcome == "completion") {
      as.list(analysis$completion)
    } else {
      count_test(rows, analysis$plan, test$outcome)
    },
    anova = {
      inside <- level_rows(rows, analysis, test$variable, test$level, test$arm)
      one_way(inside, test$outcome, if (test$by == "arm") analysis$plan$arm else test$by)
    },
    student = contrast_test(analysis, test$arm, test$reference),
    interaction = interaction_test(analysis, sub("^arm:", "", test$by)),
    qst_abort("argument", sprintf(
      "The printed tests name a test %s; known are chisq, anova, student and interaction.",
      describe(test$test)
    ))
  )
}

# Arms in which the variable was not recorded take no part.
count_test <- function(rows, plan, variable) {
  counts <- table(known_column(rows, variable), rows[[plan$arm]])
  as.list(compare_counts(counts[, colSums(counts) > 0]))
}

one_way <- function(rows, outcome, by) {
  known_column(rows, by)
  as.list(compare_arms(trial_formula(outcome, by), rows, test = "anova"))
}

# The analysis may hold the contrast the other way round.
contrast_test <- function(analysis, arm, reference) {
  contrasts <- analysis$contrasts
  row <- match(
    c(sprintf("%s - %s", arm, reference), sprintf("%s - %s", reference, arm)), contrasts$contrast
  )
  if (all(is.na(row))) {
    qst_abort("argument", sprintf("The analysis does not compare %s with %s.", arm, reference))
  }
  test <- as.list(contrasts[stats::na.omit(row)[[1]], ])
  test$statistic <- test$statistic * if (is.na(row[[1]])) -1 else 1
  test
}

interaction_test <- function(analysis, subgroup) {
  row <- match(subgroup, analysis$plan$subgroups)
  if (is.na(row)) {
    qst_abort("argument", sprintf("The plan names no subgroup `%s`.", subgroup))
  }
  as.list(analysis$interaction[row, ])
}

# ---- Rows, columns and levels by their printed names ----

in_arm <- function(rows, analysis, arm) {
  if (!nzchar(arm)) {
    return(rep(TRUE, nrow(rows)))
  }
  arms <- rows[[analysis$plan$arm]]
  if (!arm %in% levels(arms)) {
    qst_abort("argument", sprintf(
      "The printed tables name an arm \"%s\"; the analysis has %s.", arm, enumerate(levels(arms))
    ))
  }
  arms == arm
}

level_rows <- function(rows, analysis, variable, level, arm) {
  inside <- in_arm(rows, analysis, arm)
  if (nzchar(level)) {
    inside <- inside & as.character(known_column(rows, variable)) %in% level
  }
  droplevels(rows[inside, , drop = FALSE])
}

known_column <- function(rows, variable) {
  if (is.null(rows[[variable]])) {
    qst_abort("argument", sprintf(
      "The printed tables name a variable `%s` that the analysis does not have.", variable
    ), column = variable)
  }
  rows[[variable]]
}

known_level <- function(rows, table, i) {
  present <- unique(as.character(known_column(rows, table$variable[[i]])))
  if (!table$level[[i]] %in% present) {
    qst_abort("argument", sprintf(
      "The printed tables name a level \"%s\" of `%s`; the analysis has %s.",
      table$level[[i]], table$variable[[i]], enumerate(stats::na.omit(present))
    ))
  }
  table$level[[i]]
}

#' @export
print.reproduction <- function(x, ...) {
  shown <- as.data.frame(x)
  shown$ours <- format_number(x$ours, pmax(printed_digits(x$printed), 0))
  lines <- split(shown, factor(shown$table, unique(shown$table)))
  for (name in names(lines)) {
    part <- lines[[name]]
    cat(name, "\n", sep = "")
    cat(sprintf(
      "  %-38s %-11s %9s %9s  %s\n", part$figure, part$column, part$printed, part$ours, part$verdict
    ), sep = "")
  }
  cat(reproduction_words(x), "\n", sep = "")
  invisible(x)
}

reproduction_words <- function(x) {
  sprintf("%d of %d printed figures reproduced.", sum(x$verdict == "same"), nrow(x))
}
