# The sections of a report: each a list of blocks, or NULL where the trial has
# no such part.

# ---- Before the data ----

summary_section <- function(analysis) {
  headline <- c(contrast_sentences(analysis), adjusted_sentence(analysis))
  list(
    if (!is.null(analysis$synthetic)) banner_block(synthetic_words(analysis)),
    heading_block("Summary"),
    items_block(c(headline, omnibus_sentence(analysis)))
  )
}

# The data's own words on how they were made.
synthetic_words <- function(analysis) {
  own <- analysis$synthetic
  paste(
    if (is.character(own)) own else "Synthetic data: no participant stands behind any row.",
    "Nothing here is evidence about a treatment."
  )
}

protocol_section <- function(analysis) {
  list(heading_block("Protocol"), terms_block(unlist(protocol(analysis$plan))))
}

# ---- Participants and answers ----

flow_section <- function(analysis) {
  list(
    heading_block("Participants"),
    text_block(flow_sentences(analysis)),
    figure_block(analysis$flow, "Flow of the participants through the trial.")
  )
}

reliability_section <- function(analysis) {
  visits <- analysis$reliability
  if (length(visits) == 0) {
    return(NULL)
  }
  plan <- analysis$plan
  profile <- plot_items(
    analysis$answers, plan$instrument,
    columns = visit_columns(plan, names(visits)), by = plan$arm,
    conf.level = plan$conf.level
  )
  notes <- reliability_remarks(visits)
  list(
    heading_block("Reliability of the questionnaire"),
    table_block(alpha_table(analysis)),
    if (length(notes) > 0) items_block(notes),
    figure_block(profile, "Mean of each item by arm and visit, with intervals."),
    table_block(items_by_visit(analysis))
  )
}

# What reliability() remarks, once if both visits have it.
reliability_remarks <- function(visits) {
  notes <- lapply(visits, `[[`, "notes")
  shared <- Reduce(intersect, notes)
  own <- Map(function(visit, note) {
    sprintf("%s: %s", visit_label(visit), setdiff(note, shared))
  }, names(visits), notes)
  gsub("`", "", c(shared, unlist(own, use.names = FALSE)), fixed = TRUE)
}

missing_section <- function(analysis) {
  plan <- analysis$plan
  columns <- visit_columns(plan, c("baseline", "followup"))
  list(
    heading_block("Missing answers"),
    text_block(missing_sentences(analysis)),
    if (length(unique(lengths(columns))) == 1) {
      figure_block(
        plot_missing(analysis$answers, columns, by = plan$arm),
        "Share of missing answers by visit, item and arm, of all randomised."
      )
    }
  )
}

# The visits' columns under the names that figures show.
visit_columns <- function(plan, visits) {
  stats::setNames(plan[visits], visit_label(visits))
}

visit_label <- function(visit) {
  c(baseline = "Baseline", followup = "Follow-up")[visit]
}

baseline_section <- function(analysis) {
  list(
    heading_block("Participants at baseline"),
    table_block(analysis$baseline, main = TRUE)
  )
}

# ---- Results ----

outcome_section <- function(analysis) {
  plan <- analysis$plan
  observed <- if (imputes(plan)) {
    stats::na.omit(analysis$imputation$imputations$data[c(plan$arm, "outcome")])
  } else {
    analysis_rows(analysis$data)
  }
  figure <- plot_change(
    observed, "outcome", plan$arm,
    labels = c(outcome = paste0(outcome_label(plan), ", ", outcome_noun(plan))),
    conf.level = plan$conf.level
  )
  list(
    heading_block("Outcome by arm"),
    figure_block(figure, paste0(
      sentence_case(outcome_words(plan)),
      if (imputes(plan)) {
        ": every participant with all answers observed, with their mean by arm and its interval."
      } else {
        ": every participant analysed, with the mean of each arm and its interval."
      }
    )),
    table_block(change_table(analysis))
  )
}

contrasts_section <- function(analysis) {
  list(
    heading_block("Contrasts between arms"),
    table_block(contrasts_table(analysis))
  )
}

model_section <- function(analysis) {
  plan <- analysis$plan
  table <- effects_table(
    analysis$model,
    labels = plan$labels, conf.level = plan$conf.level, dialect = plan$dialect
  )
  figure <- plot_coefficients(
    analysis$model,
    labels = plan$labels, reference = TRUE, conf.level = plan$conf.level
  )
  list(
    heading_block("Adjusted model"),
    table_block(table, main = TRUE),
    figure_block(figure, "Effects in the adjusted model, with intervals.")
  )
}

tests_section <- function(analysis) {
  if (is.null(analysis$interaction) && is.null(analysis$attendance)) {
    return(NULL)
  }
  list(
    heading_block("Interaction and attendance"),
    table_block(tests_table(analysis))
  )
}

sensitivity_section <- function(analysis) {
  list(
    heading_block("Sensitivity analyses"),
    text_block(
      "What the analysis would have said with another test, another use of the baseline",
      "or other participants. Each row says whether the plan named it."
    ),
    table_block(sensitivity_table(analysis))
  )
}

# ---- How it was done ----

methods_section <- function(methods) {
  blocks <- Map(function(name, text) {
    list(heading_block(name, level = 3), text_block(text))
  }, names(methods$paragraphs), methods$paragraphs)
  c(list(heading_block("Methods")), do.call(c, unname(blocks)))
}

deviations_section <- function(deviations) {
  list(
    heading_block("Deviations from the plan"),
    if (length(deviations) > 0) {
      items_block(deviations)
    } else {
      text_block(
        "None was declared. Whatever was done beyond the plan is marked as not prespecified above."
      )
    }
  )
}

published_section <- function(analysis, published) {
  if (is.null(published)) {
    return(NULL)
  }
  figures <- reproduce(analysis, published)
  repaired <- isTRUE(attr(published, "repaired")) && nrow(published$repairs) > 0
  c(
    list(
      heading_block("Printed figures beside ours"),
      text_block(
        paste0("Source: ", published_source(published), "."), reproduction_words(figures),
        "Each is compared at the digits in which it was printed; none is left out."
      )
    ),
    if (repaired) list(table_block(repairs_table(published$repairs))),
    lapply(unname(reproduction_tables(figures)), table_block)
  )
}

published_source <- function(published) {
  c(design_values(published, "title"), "printed tables")[[1]]
}

references_section <- function(methods) {
  list(
    heading_block("References"),
    items_block(methods$references, numbered = TRUE, role = "references")
  )
}

seed_words <- function(analysis) {
  if (is.null(analysis$imputation)) {
    return("none was needed: no step of this analysis draws random numbers")
  }
  sprintf(
    "%.0f, of the imputations; the same bits for any number of threads",
    analysis$imputation$imputations$seed
  )
}

session_section <- function(analysis, date) {
  list(
    heading_block("How to do it again"),
    terms_block(c(
      "Date" = date,
      "Package" = generator(),
      "R" = sprintf("%s on %s", R.version.string, R.version$platform),
      "Seed" = seed_words(analysis),
      "Data" = sprintf(
        "%d participants; SHA-256 %s", nrow(analysis$data), analysis$data_hash
      )
    ))
  )
}
