# The sentences of a report, made from the plan and the results.

# Numbers in prose have a minus sign, not a hyphen.
report_number <- function(analysis, x, digits = 2) {
  gsub("-", "\u2212", format_number(x, digits, dialect = analysis$plan$dialect), fixed = TRUE)
}

# "P = .038", "P <.001", in one piece.
p_words <- function(analysis, p) {
  text <- format_p(p, dialect = analysis$plan$dialect)
  ifelse(grepl("^[<>]", text), paste0("P\u00a0", text), paste0("P\u00a0=\u00a0", text))
}

interval_words <- function(analysis, low, high, digits = 2) {
  sprintf(
    "%s%% CI %s to %s", format(100 * analysis$plan$conf.level),
    report_number(analysis, low, digits), report_number(analysis, high, digits)
  )
}

# F with both its df in brackets, then P.
f_words <- function(analysis, test) {
  sprintf(
    "F(%s) = %s, %s", format_df(test$df, test$df.residual),
    report_number(analysis, test$statistic), p_words(analysis, test$p.value)
  )
}

trial_arms <- function(analysis) {
  levels(analysis$data[[analysis$plan$arm]])
}

default_title <- function(analysis) {
  plan <- analysis$plan
  sprintf(
    "%s: %s compared with %s", outcome_label(plan),
    join_words(setdiff(trial_arms(analysis), plan$reference)), plan$reference
  )
}

# "change", as the subject of a sentence.
outcome_noun <- function(plan) {
  if (plan$outcome == "change") "change" else "score at follow-up"
}

# ---- Headline ----

# One sentence a contrast: which arm did better, by how much, how sure.
contrast_sentences <- function(analysis) {
  contrasts <- analysis$contrasts
  arms <- contrast_arms(contrasts$contrast, trial_arms(analysis))
  lower <- contrasts$estimate < 0
  sprintf(
    "The mean %s was %s points %s in %s than in %s (%s; t(%s) = %s, %s; Hedges\u00a0g\u00a0%s).",
    outcome_noun(analysis$plan), report_number(analysis, abs(contrasts$estimate)),
    ifelse(lower, "lower", "higher"), arms$first, arms$second,
    interval_words(analysis, contrasts$conf.low, contrasts$conf.high),
    format_df(contrasts$df), report_number(analysis, contrasts$statistic),
    p_words(analysis, contrasts$p.value), report_number(analysis, contrasts$g)
  )
}

# "a - b" back into arms: names may hold " - " themselves.
contrast_arms <- function(contrast, arms) {
  pairs <- expand.grid(first = arms, second = arms, stringsAsFactors = FALSE)
  pairs[match(contrast, paste(pairs$first, "-", pairs$second)), ]
}

adjusted_sentence <- function(analysis) {
  plan <- analysis$plan
  effects <- model_effects(plan, analysis$model)
  each <- sprintf(
    "%s %s (%s; %s)", effects$arm, report_number(analysis, effects$estimate),
    interval_words(analysis, effects$conf.low, effects$conf.high),
    p_words(analysis, effects$p.value)
  )
  sprintf(
    "In the linear model%s, the differences from %s were: %s.",
    if (length(plan$covariates) > 0) {
      paste(" adjusted for", join_words(in_sentence(label_of(plan, plan$covariates))))
    } else {
      ""
    },
    plan$reference, join_words(each)
  )
}

# A label inside a sentence: its first letter small, unless it is an acronym.
in_sentence <- function(label) {
  acronym <- grepl("^.[[:upper:]]", label)
  ifelse(acronym, label, paste0(tolower(substr(label, 1, 1)), substring(label, 2)))
}

# What a reader should hold against the headline.
omnibus_sentence <- function(analysis) {
  tests <- analysis$sensitivity
  omnibus <- tests[tests$analysis == "omnibus", ]
  holm <- tests[tests$analysis == "holm", ]
  if (nrow(holm) < 2) {
    return(NULL)
  }
  sprintf(
    "Over all arms at once %s; the smallest P of the %d contrasts is %s after Holm.",
    f_words(analysis, omnibus), nrow(holm),
    format_p(min(holm$p.value), dialect = analysis$plan$dialect)
  )
}

# ---- Participants ----

set_counts <- function(analysis) {
  table(analysis$data[[analysis$plan$arm]], analysis$data$set)
}

# "130 to control, 131 to balint and 131 to narrative"
arms_with_n <- function(n) {
  join_words(sprintf("%d to %s", as.integer(n), names(n)))
}

flow_sentences <- function(analysis) {
  n <- set_counts(analysis)
  if (imputes(analysis$plan)) {
    return(imputed_flow_sentences(analysis, n))
  }
  total <- colSums(n)
  paste(
    sprintf("%d participants were randomised: %s.", sum(n), arms_with_n(rowSums(n))),
    sprintf(
      "%d had no score at follow-up, %d others lacked a value that the plan needs, %d (%s%%) %s",
      total[["lost"]], total[["excluded"]], total[["analysed"]],
      report_number(analysis, 100 * total[["analysed"]] / sum(n), 1), "were analysed."
    ),
    completion_sentence(analysis),
    sprintf(
      "Every box of the diagram balances: %d = %d + %d + %d, and the last boxes hold the same %s",
      sum(n), total[["analysed"]], total[["excluded"]], total[["lost"]],
      "participants as the tables and the model."
    )
  )
}

# The sets are those of the complete cases.
imputed_flow_sentences <- function(analysis, n) {
  total <- colSums(n)
  paste(
    sprintf("%d participants were randomised: %s.", sum(n), arms_with_n(rowSums(n))),
    sprintf(
      "%d had no score at follow-up and %d others lacked a covariate; what they lack was imputed,",
      total[["lost"]], total[["excluded"]]
    ),
    "and all randomised were analysed.", completion_sentence(analysis),
    sprintf(
      "The last boxes of the diagram hold the same %d participants as the tables and the model.",
      sum(n)
    )
  )
}

completion_sentence <- function(analysis) {
  test <- analysis$completion
  if (sum(set_counts(analysis)[, "lost"]) == 0) {
    return(NULL)
  }
  sprintf(
    "Loss by arm: %s (chi-squared %s on %s df, %s).",
    join_words(sprintf("%s %d", trial_arms(analysis), set_counts(analysis)[, "lost"])),
    report_number(analysis, test$statistic, 3), format_df(test$df),
    p_words(analysis, test$p.value)
  )
}

missing_sentences <- function(analysis) {
  plan <- analysis$plan
  share <- function(columns) {
    report_number(analysis, 100 * mean(is.na(analysis$answers[columns])), 1)
  }
  paste(c(
    sprintf(
      "Of the answers of all randomised, %s%% are missing at baseline and %s%% at follow-up.",
      share(plan$baseline), share(plan$followup)
    ),
    imputed_sentence(analysis)
  ), collapse = " ")
}

imputed_sentence <- function(analysis) {
  n <- sum(analysis$data$baseline_imputed)
  if (n == 0 || imputes(analysis$plan)) {
    return(NULL)
  }
  sprintf(
    "%d analysed participants had no baseline score and were given the mean of the others.", n
  )
}
