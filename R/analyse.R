#' Run the analysis of a trial
#'
#' Scores the answers, decides who is analysed, and runs what the plan names:
#' flow, reliability, baseline table, contrasts between arms, the adjusted
#' model, interactions, attendance. It then adds sensitivity analyses, each
#' marked as prespecified or not.
#'
#' With `method = "mi"` in the plan all randomised participants are analysed in their arms: missing
#' covariates, baseline and follow-up (single answers where the plan has them) are imputed by
#' [impute()], scores, change and outcome are made in each completed data set, and every part is
#' pooled: contrasts by [compare_arms()] of imputations, the model and its tests by [pool()], Table
#' 1 as observed. `$imputation` says what was missing in which arm and what imputing again would
#' change; the flow diagram says in each box for how many what was imputed, and nobody leaves it.
#' The analysis of complete cases is a sensitivity analysis, `complete.cases`; with `method =
#' "complete"` and `imputation` given, multiple imputation is one, `imputed`.
#'
#' Participants without a score at follow-up are *lost*; those of the others
#' without a covariate (or, if the plan says so, without a baseline score) are
#' *excluded*; the rest are *analysed*, and every part is made from the same
#' rows: the flow diagram's last boxes, the table's heads and the model's
#' `nobs()` are checked against one another.
#'
#' The sensitivity analyses, each the difference between an arm and the
#' reference unless said otherwise, are `unadjusted` (the plan's outcome
#' without covariates), `welch` (unequal variances), `holm` (all contrasts,
#' P values adjusted after Holm), `omnibus` and `omnibus.welch` (F over all
#' arms), `change`, `followup` and `ancova` (the three ways to use the
#' baseline, adjusted for the covariates), `baseline.observed` (without those
#' whose baseline score was missing), `all.followed` (everybody with a score at
#' follow-up, not adjusted for covariates that somebody lacks) and, if the plan
#' names the groups in which treatment was given, `clusters` (the planned model
#' with CR2 standard errors by group, see [vcov.fit_glm()]; who has no group
#' stands alone).
#'
#' @param plan An [analysis_plan()].
#' @param data Data frame, one row a participant, with the columns that the
#'   plan names.
#' @return An object of class `analysis`, a list:
#'   * `plan`, the plan; `data`, a data frame with the plan's columns and
#'     `baseline`, `followup`, `change`, `outcome`, `baseline_imputed` (logical) and
#'     `set` (factor: analysed, excluded, lost); `answers`, a data frame with the
#'     arm and the columns of both visits as they came; `data_hash`, the [data_hash()] of
#'     `data`; `synthetic`, the data's attribute of this name, which says how
#'     they were made if no participant stands behind them;
#'   * `flow`: a [flow()]; `completion`: [compare_counts()] of those lost;
#'   * `reliability`: list of two [reliability()], `baseline` and `followup`,
#'     or `NULL` where a visit is a ready-made score;
#'   * `imputation`: `NULL`, or a list that prints itself: `imputations` (with the columns of
#'     `data`), `missing` (a [missing_table()] by arm), `precision` (Monte Carlo error and
#'     fraction of missing information of the effects of the arm), `words`;
#'   * `baseline`: a [baseline_table()];
#'   * `change`: data frame of `n`, `mean`, `sd` of the outcome by arm, after imputation
#'     with pooled means, `std.error`, `df`, `conf.low`, `conf.high` and `fmi`;
#'   * `contrasts`: a [compare_arms()]; `model`: a [fit_glm()], or a [pooled_fit];
#'   * `interaction`, `attendance`: data frames of F tests;
#'   * `sensitivity`: data frame, one row a contrast of each analysis.
#' @seealso [report()] makes one page of it, [reproduce()] compares it with
#'   printed figures.
#' @examples
#' analysis <- analyse(balint_plan(), balint)
#' analysis
#' analysis$contrasts
#' @export
analyse <- function(plan, data) {
  check_class(plan, "analysis_plan", "plan")
  check_trial(plan, data)
  cohort <- trial_cohort(plan, data)
  imp <- if (!is.null(plan$imputation)) trial_imputations(plan, data, cohort)
  analysed <- if (imputes(plan)) imp else analysis_rows(cohort)
  model <- trial_model(plan, analysed)
  analysis <- list(
    plan = plan,
    data = cohort,
    answers = trial_answers(plan, cohort, data),
    data_hash = data_hash(data),
    synthetic = attr(data, "synthetic", exact = TRUE),
    flow = trial_flow(plan, cohort),
    completion = trial_completion(plan, cohort),
    reliability = trial_reliability(plan, data),
    imputation = trial_imputation(plan, imp, if (imputes(plan)) model else trial_model(plan, imp)),
    baseline = trial_baseline(plan, if (imputes(plan)) observed_cohort(cohort) else analysed),
    change = arm_summary(plan, analysed),
    contrasts = trial_contrasts(plan, analysed),
    model = model,
    interaction = trial_interaction(plan, analysed),
    attendance = trial_attendance(plan, analysed),
    sensitivity = trial_sensitivity(plan, list(cohort = cohort, rows = analysed, imp = imp))
  )
  check_counts_agree(analysis)
  structure(analysis, class = "analysis")
}

check_class <- function(x, class, arg, maker = class) {
  check_given(x, arg)
  if (!inherits(x, class)) {
    qst_abort("argument", sprintf(
      "`%s` must be made by %s(), not %s.", arg, maker, describe(x)
    ))
  }
  x
}

# ---- The data before anything is computed ----

check_trial <- function(plan, data) {
  check_data_frame(data)
  columns <- unlist(plan[c(
    "arm", "id", "cluster", "covariates", "attendance", "subgroups", "baseline", "followup"
  )])
  check_columns(data, unique(columns), "plan")
  check_ids(plan, data)
  check_arms(plan, data)
}

check_ids <- function(plan, data) {
  if (is.null(plan$id)) {
    return(invisible())
  }
  ids <- data[[plan$id]]
  twice <- which(duplicated(ids))
  if (length(twice) > 0) {
    qst_abort("argument", sprintf(
      "Column `%s` holds %s twice, in rows %d and %d. Each participant has one row.",
      plan$id, describe(as.character(ids[[twice[[1]]]])),
      match(ids[[twice[[1]]]], ids), twice[[1]]
    ), row = twice[[1]], column = plan$id, value = ids[[twice[[1]]]])
  }
}

check_arms <- function(plan, data) {
  arm <- data[[plan$arm]]
  if (anyNA(arm)) {
    row <- which(is.na(arm))[[1]]
    qst_abort("argument", sprintf(
      "Column `%s` is missing in row %d. Everybody randomised has an arm.", plan$arm, row
    ), row = row, column = plan$arm)
  }
  present <- unique(as.character(arm))
  if (!plan$reference %in% present) {
    qst_abort("argument", sprintf(
      "No row of column `%s` is \"%s\", the reference. It holds %s.",
      plan$arm, plan$reference, enumerate(present)
    ), column = plan$arm)
  }
  if (length(present) < 2) {
    qst_abort("argument", sprintf(
      "Column `%s` holds one arm only, \"%s\". A comparison needs two.", plan$arm, present
    ), column = plan$arm)
  }
}

# ---- Who is analysed, with which scores ----

trial_cohort <- function(plan, data) {
  kept <- c("id", "arm", "cluster", "covariates", "attendance", "subgroups")
  cohort <- as.data.frame(data)[unique(unlist(plan[kept]))]
  cohort[[plan$arm]] <- reference_first(plan, data[[plan$arm]])
  cohort$baseline <- visit_score(plan, data, plan$baseline)
  cohort$followup <- visit_score(plan, data, plan$followup)
  cohort$set <- analysis_set(plan, cohort)
  check_analysed(plan, cohort)
  cohort$baseline_imputed <- is.na(cohort$baseline) & cohort$set == "analysed" &
    plan$baseline_missing == "mean"
  observed <- cohort$baseline[cohort$set == "analysed"]
  cohort$baseline[cohort$baseline_imputed] <- mean(observed, na.rm = TRUE)
  cohort$change <- cohort$followup - cohort$baseline
  cohort$outcome <- if (plan$outcome == "change") cohort$change else cohort$followup
  cohort
}

# What figures of the answers need: the arm, and both visits as they came.
trial_answers <- function(plan, cohort, data) {
  cbind(cohort[plan$arm], as.data.frame(data)[unlist(plan[c("baseline", "followup")])])
}

# The reference first, the others in their order; arms without rows are gone.
reference_first <- function(plan, arm) {
  arm <- droplevels(as.factor(arm))
  stats::relevel(arm, ref = plan$reference)
}

visit_score <- function(plan, data, columns) {
  if (length(columns) > 1) {
    return(score(data, plan$instrument, scale = plan$scale, columns = columns))
  }
  value <- data[[columns]]
  if (!is.numeric(value)) {
    qst_abort("argument", sprintf(
      "Column `%s` must hold scores, not %s.", columns, describe(value)
    ), column = columns)
  }
  as.double(value)
}

analysis_set <- function(plan, cohort) {
  needed <- c(plan$covariates, if (plan$baseline_missing == "exclude") "baseline")
  complete <- stats::complete.cases(cohort[c("followup", needed)])
  set <- ifelse(is.na(cohort$followup), "lost", ifelse(complete, "analysed", "excluded"))
  factor(set, c("analysed", "excluded", "lost"))
}

check_analysed <- function(plan, cohort) {
  n <- table(cohort[[plan$arm]], cohort$set)[, "analysed"]
  if (any(n < 2)) {
    qst_abort("no_data", sprintf(
      "Arm \"%s\" has %d participants with a score at follow-up and all covariates. %s",
      names(n)[n < 2][[1]], n[n < 2][[1]], "At least two an arm are needed."
    ))
  }
}

analysis_rows <- function(cohort) {
  droplevels(cohort[cohort$set == "analysed", , drop = FALSE])
}

# Everybody, with the scores that were observed.
observed_cohort <- function(cohort) {
  cohort$baseline[cohort$baseline_imputed] <- NA
  cohort
}

# ---- The parts ----

trial_flow <- function(plan, cohort) {
  if (imputes(plan)) {
    return(imputed_flow(plan, cohort))
  }
  imputed <- list("Baseline score missing, set to the mean" = cohort$baseline_imputed)
  flow(cohort,
    steps = list(
      "Followed up" = flow_step(cohort$set == "lost"),
      "Analysed" = flow_step(
        exclusion_reason(plan, cohort),
        note = if (any(cohort$baseline_imputed)) imputed
      )
    ),
    by = plan$arm, id = plan$id, cluster = flow_groups(plan)
  )
}

flow_groups <- function(plan) {
  if (!is.null(plan$cluster)) {
    stats::setNames(plan$cluster, label_of(plan, plan$cluster))
  }
}

# Nobody leaves: the boxes say who was followed up and for how many what was imputed.
imputed_flow <- function(plan, cohort) {
  cohort <- observed_cohort(cohort)
  absent <- lapply(cohort[c(plan$covariates, "baseline", "followup")], is.na)
  labels <- c(label_of(plan, plan$covariates), "Score at baseline", "Score at follow-up")
  imputed <- stats::setNames(absent, sprintf("%s imputed", labels))
  anybody <- Reduce(`|`, absent)
  flow(cohort,
    steps = list(
      "Follow-up" = flow_step(note = list(
        "With a score at follow-up" = !absent$followup,
        "Lost to follow-up" = absent$followup
      )),
      "Analysed" = flow_step(note = c(
        stats::setNames(list(!anybody), if (plan$imputation$level == "item") {
          "No score or covariate imputed"
        } else {
          "Nothing imputed"
        }),
        imputed[vapply(absent, any, NA)]
      ))
    ),
    by = plan$arm, id = plan$id, cluster = flow_groups(plan)
  )
}

# Table 1 of those analysed; the baseline score within each subgroup too.
trial_baseline <- function(plan, rows) {
  variables <- unique(c(plan$covariates, plan$subgroups, plan$attendance, "baseline"))
  within <- stats::setNames(plan$subgroups, rep("baseline", length(plan$subgroups)))
  factors <- !vapply(rows[plan$subgroups], is.numeric, NA)
  table <- baseline_table(trial_formula(plan$arm, variables), rows,
    within = if (any(factors)) within[factors],
    labels = c(plan$labels, baseline = outcome_label(plan)), dialect = plan$dialect
  )
  if (imputes(plan)) {
    attr(table, "notes") <- c("All randomised, values as observed.", attr(table, "notes"))
  }
  table
}

# Why somebody with a follow-up score is not analysed: the first covariate
# that is missing, in the plan's order.
exclusion_reason <- function(plan, cohort) {
  needed <- c(plan$covariates, if (plan$baseline_missing == "exclude") "baseline")
  if (length(needed) == 0) {
    return(NULL)
  }
  reason <- rep(NA_character_, nrow(cohort))
  for (column in needed) {
    absent <- is.na(cohort[[column]]) & is.na(reason) & cohort$set == "excluded"
    reason[absent] <- sprintf("%s missing", label_of(plan, column))
  }
  factor(reason, sprintf("%s missing", label_of(plan, needed)))
}

# NULL where nobody was lost: there is nothing to compare.
trial_completion <- function(plan, cohort) {
  if (!any(cohort$set == "lost")) {
    return(NULL)
  }
  compare_counts(table(cohort[[plan$arm]], cohort$set == "lost"))
}

trial_reliability <- function(plan, data) {
  visits <- plan[c("baseline", "followup")]
  lapply(visits[lengths(visits) > 1], function(columns) {
    reliability(data, plan$instrument,
      scale = plan$scale, columns = columns, conf.level = plan$conf.level
    )
  })
}

arm_summary <- function(plan, rows) {
  if (inherits(rows, "imputations")) {
    return(imputed_summary(plan, rows))
  }
  groups <- split(rows$outcome, rows[[plan$arm]])
  data.frame(
    arm = names(groups), n = lengths(groups), mean = vapply(groups, mean, 0),
    sd = vapply(groups, stats::sd, 0), row.names = NULL
  )
}

# `outcome ~ arm + ...` with the plan's names.
trial_formula <- function(outcome, terms) {
  stats::reformulate(vapply(terms, quoted, ""), as.name(outcome))
}

quoted <- function(name) deparse(as.name(name), backtick = TRUE)

trial_contrasts <- function(plan, rows, test = plan$test, adjust = "none") {
  compare_arms(trial_formula("outcome", plan$arm), rows,
    test = test, adjust = adjust, conf.level = plan$conf.level
  )
}

trial_terms <- function(plan, outcome = plan$outcome) {
  c(plan$arm, plan$covariates, if (outcome == "ancova") "baseline")
}

# The call shows the formula, not how it was put together.
trial_model <- function(plan, rows) {
  fit <- fit_glm(trial_formula("outcome", trial_terms(plan)), rows)
  fit$call$formula <- stats::formula(fit)
  fit
}

# One row an F test of arm by subgroup, with nothing else in the model.
trial_interaction <- function(plan, rows) {
  tests <- lapply(plan$subgroups, function(subgroup) {
    label <- sprintf("%s by %s", label_of(plan, plan$arm), label_of(plan, subgroup))
    terms <- stats::reformulate(sprintf("%s * %s", quoted(plan$arm), quoted(subgroup)), "outcome")
    full <- fit_glm(terms, rows)
    if (inherits(full, "pooled_fit")) {
      return(pooled_f_test(full, label))
    }
    additive <- fit_glm(trial_formula("outcome", c(plan$arm, subgroup)), rows)
    f_test(stats::anova(additive, full), label)
  })
  do.call(rbind, tests)
}

# D1 of the last term of the formula.
pooled_f_test <- function(fit, term) {
  test <- wald_test(fit, utils::tail(attr(fit$terms, "term.labels"), 1))
  data.frame(term = term, test[c("statistic", "df", "df.residual", "p.value")])
}

# The last row of anova() of two nested fits.
f_test <- function(table, term) {
  last <- nrow(table)
  data.frame(
    term = term, statistic = table$F[[last]], df = table$Df[[last]],
    df.residual = table$Res.Df[[last]], p.value = table[["Pr(>F)"]][[last]]
  )
}

# Inside each arm in which the factor has at least two levels.
trial_attendance <- function(plan, rows) {
  if (is.null(plan$attendance)) {
    return(NULL)
  }
  if (inherits(rows, "imputations")) {
    return(imputed_attendance(plan, rows))
  }
  tests <- lapply(levels(rows[[plan$arm]]), function(arm) {
    inside <- droplevels(rows[rows[[plan$arm]] == arm & !is.na(rows[[plan$attendance]]), ])
    if (nrow(inside) == 0 || length(unique(inside[[plan$attendance]])) < 2) {
      return(NULL)
    }
    test <- compare_arms(trial_formula("outcome", plan$attendance), inside, test = "anova")
    data.frame(arm = arm, test[c("statistic", "df", "df.residual", "p.value")])
  })
  do.call(rbind, tests)
}

# The same by D1; attendance itself is not imputed, since an arm may have none.
imputed_attendance <- function(plan, imp) {
  data <- imp$data
  tests <- lapply(levels(data[[plan$arm]]), function(arm) {
    inside <- which(data[[plan$arm]] == arm & !is.na(data[[plan$attendance]]))
    if (length(unique(data[[plan$attendance]][inside])) < 2) {
      return(NULL)
    }
    formula <- trial_formula("outcome", plan$attendance)
    fits <- lapply(as.list(imp), function(data) fit_glm(formula, droplevels(data[inside, ])))
    data.frame(arm = arm, pooled_f_test(pool(fits), arm)[-1])
  })
  do.call(rbind, tests)
}

# Rows of the flow's last boxes, of the table's heads and of the model are one
# and the same, or nothing is returned.
check_counts_agree <- function(analysis) {
  flow_check(analysis$flow, stats::nobs(analysis$model), "the model")
  by_arm <- stats::setNames(analysis$change$n, analysis$change$arm)
  flow_check(analysis$flow, by_arm, "the summary by arm")
}

#' @export
print.analysis <- function(x, ...) {
  cat(sprintf(
    "Analysis of %d participants in %d arms, %d analysed%s\n\n",
    nrow(x$data), nlevels(x$data[[x$plan$arm]]), stats::nobs(x$model),
    if (imputes(x$plan)) sprintf(", imputed %d times", x$model$m) else ""
  ))
  cat(outcome_label(x$plan), ": ", outcome_words(x$plan), "\n", sep = "")
  means <- x$change
  cat(sprintf(
    "  %-12s n %4d   mean %7s   SD %6s\n", means$arm, means$n,
    format_number(means$mean, 2), format_number(means$sd, 2)
  ), sep = "")
  cat("\nContrasts\n")
  print(x$contrasts)
  cat("\nAdjusted model\n")
  print(effects_table(x$model, labels = x$plan$labels))
  parts <- names(Filter(Negate(is.null), unclass(x)))
  cat("\n")
  cat(strwrap(paste0("Parts: $", paste(parts, collapse = " $")), 79), sep = "\n")
  invisible(x)
}
