# The sensitivity analyses of a trial: what the plan's analysis would have
# said with another test, another outcome, other rows. See analyse().

# name = list(words, function(plan, cohort, rows) giving a contrast table)
sensitivity_analyses <- function() {
  list(
    unadjusted = list(
      "Outcome as planned, not adjusted",
      function(plan, cohort, rows) arm_effects(plan, rows, "outcome", character())
    ),
    welch = list(
      "Welch's t test (unequal variances)",
      function(plan, cohort, rows) trial_contrasts(plan, rows, test = "welch")
    ),
    holm = list(
      "All contrasts, P adjusted after Holm",
      function(plan, cohort, rows) trial_contrasts(plan, rows, adjust = "holm")
    ),
    omnibus = list(
      "All arms at once, F",
      function(plan, cohort, rows) trial_contrasts(plan, rows, test = "anova")
    ),
    omnibus.welch = list(
      "All arms at once, Welch's F",
      function(plan, cohort, rows) trial_contrasts(plan, rows, test = "welch.anova")
    ),
    change = list(
      "Change score, adjusted",
      function(plan, cohort, rows) arm_effects(plan, rows, "change", plan$covariates)
    ),
    followup = list(
      "Score at follow-up, adjusted",
      function(plan, cohort, rows) arm_effects(plan, rows, "followup", plan$covariates)
    ),
    ancova = list(
      "Score at follow-up, adjusted for baseline too (ANCOVA)",
      function(plan, cohort, rows) {
        arm_effects(plan, rows, "followup", c(plan$covariates, "baseline"))
      }
    ),
    baseline.observed = list(
      "Without those whose baseline score was missing",
      function(plan, cohort, rows) {
        arm_effects(plan, rows[!rows$baseline_imputed, ], "outcome", adjustment(plan))
      }
    ),
    all.followed = list(
      "Everybody followed up, without covariates that somebody lacks",
      function(plan, cohort, rows) all_followed(plan, cohort)
    ),
    clusters = list(
      "Model as planned, standard errors that allow for the groups (CR2)",
      function(plan, cohort, rows) {
        arm_effects(plan, rows, "outcome", adjustment(plan), treatment_groups(plan, rows))
      }
    )
  )
}

# Without groups nothing allows for them.
sensitivity_names <- function(cluster = "any") {
  known <- names(sensitivity_analyses())
  if (is.null(cluster)) setdiff(known, "clusters") else known
}

trial_sensitivity <- function(plan, cohort) {
  rows <- analysis_rows(cohort)
  analyses <- sensitivity_analyses()
  tables <- lapply(sensitivity_names(plan$cluster), function(name) {
    analysis <- analyses[[name]]
    table <- analysis[[2]](plan, cohort, rows)
    data.frame(
      analysis = name, description = analysis[[1]],
      prespecified = name %in% plan$prespecified, sensitivity_columns(table),
      row.names = NULL
    )
  })
  do.call(rbind, tables)
}

# The columns that tests and models have in common; df.residual is NA but for F.
sensitivity_columns <- function(table) {
  columns <- c(
    "contrast", "estimate", "std.error", "statistic", "df", "df.residual", "p.value",
    "conf.low", "conf.high", "n"
  )
  if (is.null(table$n)) {
    table$n <- attr(table, "n_used")
  }
  missing <- setdiff(columns, names(table))
  table[missing] <- NA_real_
  as.data.frame(table)[columns]
}

adjustment <- function(plan) {
  setdiff(trial_terms(plan), plan$arm)
}

# Each arm against the reference in a linear model; `clusters` asks for CR2.
arm_effects <- function(plan, rows, outcome, covariates, clusters = NULL) {
  fit <- fit_glm(trial_formula(outcome, c(plan$arm, covariates)), rows)
  effects <- tidy.fit_glm(fit,
    conf.int = TRUE, conf.level = plan$conf.level, cluster = clusters
  )
  others <- setdiff(levels(rows[[plan$arm]]), plan$reference)
  effects <- effects[match(paste0(quoted(plan$arm), others), effects$term), ]
  effects$contrast <- sprintf("%s - %s", others, plan$reference)
  effects$n <- stats::nobs(fit)
  effects
}

# The groups in which treatment was given; who was treated alone stands alone.
treatment_groups <- function(plan, rows) {
  group <- as.character(rows[[plan$cluster]])
  alone <- is.na(group)
  group[alone] <- sprintf("alone %d", seq_len(sum(alone)))
  group
}

# Those lost have no outcome in any analysis; everybody else has one here. The
# baseline of those who lack it is set as planned.
all_followed <- function(plan, cohort) {
  followed <- cohort[cohort$set != "lost", , drop = FALSE]
  if (plan$baseline_missing == "mean") {
    followed$baseline[is.na(followed$baseline)] <- mean(followed$baseline, na.rm = TRUE)
  }
  followed$change <- followed$followup - followed$baseline
  followed$outcome <- if (plan$outcome == "change") followed$change else followed$followup
  complete <- vapply(plan$covariates, function(column) !anyNA(followed[[column]]), NA)
  terms <- c(plan$covariates[complete], if (plan$outcome == "ancova") "baseline")
  arm_effects(plan, droplevels(followed), "outcome", terms)
}
