#' Compare an analysis with what was printed
#'
#' Puts every printed figure of a trial beside the same figure of an analysis
#' and says whether ours prints as theirs: rounded to the printed digits, by
#' either rule for ties.
#'
#' A statistic that the publication prints without its sign (`design.csv` says
#' so) is compared without sign. Where the publication prints one figure twice
#' with different digits, at most one can be met; the other is marked
#' `printed twice`.
#'
#' @param analysis An [analyse()]d trial.
#' @param published The printed tables, a [published()].
#' @return A data frame of class `reproduction`, one row a printed figure:
#'   `table` (flow, counts, means, tests, model, alpha), `figure` (which row),
#'   `column`, `printed` (text), `ours` (double) and `verdict`: `same`,
#'   `differs`, `printed twice`.
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
    flow_figures(published$flow, analysis),
    count_figures(published$counts, analysis, rows),
    mean_figures(published$means, analysis, rows),
    test_figures(published$tests, analysis, rows, is_absolute(published)),
    model_figures(published$model, analysis, is_absolute(published)),
    alpha_figures(published$alpha, analysis)
  )
  figures <- figures[nzchar(figures$printed), ]
  figures$verdict <- ifelse(prints_as(figures$ours, figures$printed), "same", "differs")
  figures$verdict[printed_twice(figures)] <- "printed twice"
  rownames(figures) <- NULL
  structure(figures, class = c("reproduction", "data.frame"))
}

is_absolute <- function(published) {
  identical(unname(published$design["statistics_absolute"]), "yes")
}

# Figures that differ while another print of the same figure is met.
printed_twice <- function(figures) {
  key <- paste(figures$table, figures$figure, figures$column)
  met <- key[figures$verdict == "same"]
  figures$verdict == "differs" & key %in% met
}

# One row a printed cell of `columns`; `ours` is a list of such columns.
figures_of <- function(table, name, columns, ours) {
  figure <- if (name == "tests") test_names(table) else published_keys(table)
  long <- lapply(columns, function(column) {
    data.frame(
      table = rep(name, nrow(table)), figure = figure, column = rep(column, nrow(table)),
      printed = table[[column]], ours = as.double(ours[[column]])
    )
  })
  long <- do.call(rbind, long)
  long[order(rep(seq_len(nrow(table)), length(columns))), ]
}

test_names <- function(table) {
  parts <- table[c("test", "variable", "within", "level", "arm", "against")]
  trimws(gsub(" +", " ", do.call(paste, parts)))
}

# ---- One function a printed table ----

flow_figures <- function(table, analysis) {
  table <- table[table$origin == "printed", ]
  data <- analysis$data
  n <- vapply(seq_len(nrow(table)), function(i) {
    inside <- in_arm(data, analysis, table$arm[[i]])
    sum(inside & (table$step[[i]] == "randomised" | data$set == table$step[[i]]))
  }, 0)
  figures_of(table, "flow", "n", list(n = n))
}

count_figures <- function(table, analysis, rows) {
  cells <- lapply(seq_len(nrow(table)), function(i) {
    values <- level_rows(rows, analysis, table$variable[[i]], "", table$arm[[i]])
    n <- sum(values[[table$variable[[i]]]] == known_level(rows, table, i), na.rm = TRUE)
    c(n, 100 * n / sum(!is.na(values[[table$variable[[i]]]])))
  })
  figures_of(table, "counts", c("n", "percent"), list(
    n = vapply(cells, `[[`, 0, 1), percent = vapply(cells, `[[`, 0, 2)
  ))
}

mean_figures <- function(table, analysis, rows) {
  cells <- lapply(seq_len(nrow(table)), function(i) {
    inside <- level_rows(rows, analysis, table$within[[i]], table$level[[i]], table$arm[[i]])
    x <- known_column(inside, table$variable[[i]])
    c(length(x), mean(x), stats::sd(x))
  })
  figures_of(table, "means", c("n", "mean", "sd"), list(
    n = vapply(cells, `[[`, 0, 1), mean = vapply(cells, `[[`, 0, 2), sd = vapply(cells, `[[`, 0, 3)
  ))
}

test_figures <- function(table, analysis, rows, absolute) {
  tests <- lapply(seq_len(nrow(table)), function(i) {
    test <- unlist(repeat_test(table[i, ], analysis, rows)[test_columns])
    if (absolute) c(abs(test[1]), test[-1]) else test
  })
  ours <- lapply(stats::setNames(seq_along(test_columns), test_columns), function(k) {
    vapply(tests, `[[`, 0, k)
  })
  figures_of(table, "tests", test_columns, ours)
}

test_columns <- c("statistic", "df", "df.residual", "p.value")

model_figures <- function(table, analysis, absolute) {
  effects <- tidy.fit_glm(analysis$model, conf.int = TRUE, conf.level = analysis$plan$conf.level)
  terms <- ifelse(nzchar(table$variable), paste0(table$variable, table$level), "(Intercept)")
  terms[table$variable == "arm"] <- paste0(analysis$plan$arm, table$level[table$variable == "arm"])
  unknown <- setdiff(terms, effects$term)
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "The printed model has rows %s, which are no terms of the analysis's model (%s).",
      enumerate(unknown), enumerate(effects$term, most = 20)
    ))
  }
  effects <- effects[match(terms, effects$term), ]
  if (absolute) {
    effects$statistic <- abs(effects$statistic)
  }
  figures_of(table, "model", setdiff(names(table), c("label", "variable", "level")), effects)
}

alpha_figures <- function(table, analysis) {
  alpha <- lapply(table$visit, function(visit) {
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
  plan <- analysis$plan
  switch(test$test,
    chisq = count_test(rows, plan, test$variable),
    F = if (nzchar(test$arm)) {
      one_way(level_rows(rows, analysis, "", "", test$arm), test$variable, test$within)
    } else {
      one_way(level_rows(rows, analysis, test$within, test$level, ""), test$variable, plan$arm)
    },
    t = contrast_test(analysis, test$arm, test$against),
    interaction = interaction_test(analysis, test$within),
    completion = as.list(analysis$completion),
    qst_abort("argument", sprintf(
      "The printed tests name a test %s; known are chisq, F, t, interaction and completion.",
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
contrast_test <- function(analysis, arm, against) {
  contrasts <- analysis$contrasts
  row <- match(
    c(sprintf("%s - %s", arm, against), sprintf("%s - %s", against, arm)), contrasts$contrast
  )
  if (all(is.na(row))) {
    qst_abort("argument", sprintf("The analysis does not compare %s with %s.", arm, against))
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
  twice <- sum(x$verdict == "printed twice")
  words <- sprintf(
    "%d of %d printed figures reproduced.", sum(x$verdict == "same"), nrow(x) - twice
  )
  if (twice > 0) {
    words <- paste(words, sprintf(
      "%d more %s a second print of one of them, with other digits.",
      twice, if (twice == 1) "is" else "are"
    ))
  }
  words
}
