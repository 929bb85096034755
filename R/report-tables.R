# Tables that only the report prints.

number_column <- function(plan, heading, from, digits) {
  table_column(heading, from, "number", digits = digits, dialect = plan$dialect)
}

ci_column <- function(plan, from = c("conf.low", "conf.high"), of = "") {
  heading <- sprintf("%s%% CI%s", format(100 * plan$conf.level), of)
  table_column(heading, from, "ci", digits = 2, dialect = plan$dialect)
}

# One row a visit.
alpha_table <- function(analysis) {
  rows <- Map(function(visit, reliability) {
    cbind(
      visit = visit_label(visit), reliability$alpha,
      omega = reliability$omega$raw, sem = reliability$sem
    )
  }, names(analysis$reliability), analysis$reliability)
  plan <- analysis$plan
  new_questrial_table(
    do.call(rbind, unname(rows)),
    kind = "alpha",
    caption = sprintf("Cronbach's alpha of the scale %s, by visit", plan$scale),
    notes = c(
      "Persons who answered every item that anybody answered. Intervals after Feldt.",
      "SEM: standard error of measurement, in points of the score."
    ),
    columns = list(
      table_column("Visit", "visit"),
      number_column(plan, "Items", "items", 0),
      number_column(plan, "N", "n", 0),
      number_column(plan, "Alpha", "raw", 2),
      ci_column(plan, c("lower", "upper")),
      number_column(plan, "Standardised", "standardised", 2),
      number_column(plan, "Omega", "omega", 2),
      number_column(plan, "SEM", "sem", 2)
    )
  )
}

# One row an item used at any visit, the visits side by side.
items_by_visit <- function(analysis) {
  plan <- analysis$plan
  visits <- lapply(analysis$reliability, `[[`, "items")
  shown <- c(n = 0, mean = 2, sd = 2, item_rest = 2, alpha_dropped = 2)
  headings <- c("N", "Mean", "SD", "r", "Alpha without")
  used <- unique(unlist(lapply(visits, `[[`, "item")))
  items <- data.frame(item = intersect(plan$instrument$items, used))
  raw <- lapply(names(visits), function(visit) paste(visit, names(shown), sep = "."))
  for (k in seq_along(visits)) {
    items[raw[[k]]] <- visits[[k]][match(items$item, visits[[k]]$item), names(shown)]
  }
  new_questrial_table(
    items,
    kind = "items",
    caption = "Items of the questionnaire, by visit",
    notes = paste(
      "Mean and SD after reversal. r: correlation of the item with the rest of the scale.",
      "Alpha without: Cronbach's alpha of the other items."
    ),
    spanners = stats::setNames(raw, visit_label(names(visits))),
    columns = c(
      list(table_column("Item", "item")),
      unlist(lapply(raw, function(from) {
        Map(number_column, list(plan), headings, from, shown)
      }), recursive = FALSE, use.names = FALSE)
    )
  )
}

change_table <- function(analysis) {
  plan <- analysis$plan
  means <- analysis$change
  if (!imputes(plan)) {
    half <- stats::qt((1 + plan$conf.level) / 2, means$n - 1) * means$sd / sqrt(means$n)
    means$conf.low <- means$mean - half
    means$conf.high <- means$mean + half
  }
  new_questrial_table(
    means,
    kind = "change",
    caption = sprintf("%s: %s", outcome_label(plan), outcome_words(plan)),
    columns = list(
      table_column(label_of(plan, plan$arm), "arm"),
      number_column(plan, "N", "n", 0),
      number_column(plan, "Mean", "mean", 2),
      number_column(plan, "SD", "sd", 2),
      ci_column(plan)
    ),
    notes = if (imputes(plan)) pooled_table_note(analysis)
  )
}

pooled_table_note <- function(analysis) {
  sprintf(
    "Pooled over %d imputations (Rubin's rules; df of Barnard and Rubin).", analysis$model$m
  )
}

contrasts_table <- function(analysis) {
  plan <- analysis$plan
  new_questrial_table(
    as.data.frame(analysis$contrasts),
    kind = "contrasts",
    caption = sprintf("%s: differences between arms", outcome_label(plan)),
    notes = c(
      paste0(sentence_case(test_words(plan$test)), "; not adjusted for their number."),
      if (imputes(plan)) pooled_table_note(analysis)
    ),
    columns = list(
      table_column("Contrast", "contrast"),
      number_column(plan, "Difference", "estimate", 2),
      ci_column(plan),
      number_column(plan, "SE", "std.error", 2),
      number_column(plan, "t", "statistic", 3),
      table_column("df", "df", "df"),
      table_column("P", "p.value", "p", dialect = plan$dialect),
      number_column(plan, "Hedges g", "g", 2),
      ci_column(plan, c("g.low", "g.high"), " of g")
    )
  )
}

# F tests: interaction, then attendance inside each arm.
tests_table <- function(analysis) {
  plan <- analysis$plan
  attendance <- analysis$attendance
  if (!is.null(attendance)) {
    attendance$term <- sprintf(
      "%s, in %s", label_of(plan, plan$attendance), attendance$arm
    )
  }
  shown <- c("term", "statistic", "df", "df.residual", "p.value")
  new_questrial_table(
    rbind(analysis$interaction[shown], attendance[shown]),
    kind = "tests",
    caption = "Interaction and attendance",
    notes = if (imputes(plan)) paste(pooled_table_note(analysis), "F: D1."),
    columns = list(
      table_column("Term", "term"),
      number_column(plan, "F", "statistic", 3),
      table_column("df", c("df", "df.residual"), "df"),
      table_column("P", "p.value", "p", dialect = plan$dialect)
    )
  )
}

# Each analysis is a row of words with its contrasts indented below it.
sensitivity_table <- function(analysis) {
  plan <- analysis$plan
  results <- analysis$sensitivity
  heads <- results[!duplicated(results$analysis), ]
  numbers <- setdiff(names(results), c("analysis", "description", "prespecified", "contrast"))
  heads[numbers] <- NA
  heads$label <- heads$description
  heads$planned <- ifelse(heads$prespecified, "prespecified", "not\u00a0prespecified")
  results$label <- paste0("  ", results$contrast)
  results$planned <- ""
  all <- rbind(heads, results)
  new_questrial_table(
    all[order(match(all$analysis, heads$analysis)), ],
    kind = "sensitivity",
    caption = "Sensitivity analyses",
    notes = c(
      "Statistic: t, or F where there are two df.",
      if (!is.null(plan$imputation)) "Rows of all randomised are pooled over the imputations."
    ),
    columns = list(
      table_column("Analysis", "label"),
      table_column("In the plan", "planned"),
      number_column(plan, "N", "n", 0),
      number_column(plan, "Difference", "estimate", 2),
      ci_column(plan),
      number_column(plan, "Statistic", "statistic", 2),
      table_column("df", c("df", "df.residual"), "df"),
      table_column("P", "p.value", "p", dialect = plan$dialect)
    )
  )
}

# ---- Printed figures ----

printed_table_words <- c(
  flow = "participant flow", counts = "counts", means = "means", tests = "tests",
  model = "adjusted model", alpha = "Cronbach's alpha"
)

# One table for each printed one: every figure beside ours.
reproduction_tables <- function(figures) {
  figures <- as.data.frame(figures)
  digits <- pmax(printed_digits(figures$printed), 0)
  figures$shown <- format_number(figures$ours, digits, dialect = "spss")
  parts <- split(figures, factor(figures$table, unique(figures$table)))
  lapply(parts, function(part) {
    caption <- paste("Printed figures beside ours:", printed_table_words[[part$table[[1]]]])
    wide <- length(unique(part$column)) <= 4
    if (wide) figures_side_by_side(part, caption) else figures_in_rows(part, caption)
  })
}

figures_in_rows <- function(part, caption) {
  new_questrial_table(
    part,
    kind = "reproduction", caption = caption,
    columns = list(
      table_column("Row", "figure"), table_column("Figure", "column"),
      table_column("Printed", "printed"), table_column("Ours", "shown"),
      table_column("Verdict", "verdict")
    )
  )
}

# The figures of a printed row in one row: under each heading printed and ours.
figures_side_by_side <- function(part, caption) {
  rows <- data.frame(figure = unique(part$figure))
  figures <- unique(part$column)
  raw <- lapply(stats::setNames(nm = figures), function(figure) {
    paste(figure, c("printed", "shown"), sep = ".")
  })
  for (figure in figures) {
    of <- part[part$column == figure, ]
    rows[raw[[figure]]] <- of[match(rows$figure, of$figure), c("printed", "shown")]
  }
  rows$verdict <- ifelse(
    rows$figure %in% part$figure[part$verdict != "same"], "differs", "same"
  )
  new_questrial_table(
    rows,
    kind = "reproduction", caption = caption, spanners = raw,
    columns = c(
      list(table_column("Row", "figure")),
      unlist(lapply(raw, function(from) {
        Map(table_column, c("Printed", "Ours"), from)
      }), recursive = FALSE, use.names = FALSE),
      list(table_column("Verdict", "verdict"))
    )
  )
}

# The misprints of the publication, and what stands in their place.
repairs_table <- function(repairs) {
  new_questrial_table(
    repairs,
    kind = "repairs",
    caption = "Misprints of the publication, repaired before the comparison",
    columns = list(
      table_column("Table", "table"),
      table_column("Row", "row"),
      table_column("Column", "column"),
      table_column("Printed", "printed"),
      table_column("Repaired", "repaired"),
      table_column("Reason", "reason")
    )
  )
}
