# The sensitivity analyses of a trial: what the plan's analysis would have
# said with another test, another outcome, other rows. See analyse().

# name = list(words, function(plan, on) giving a contrast table, the method that has it, if only
# one). `on` has `rows`, those of the planned analysis: complete cases, or imputations; `cohort`,
# all participants with missing values; and `imp`, the imputations, if there are any. Long because
# it is a list of analyses, one after the other.
sensitivity_analyses <- function() {
  list(
    unadjusted = list(
      "Outcome as planned, not adjusted",
      function(plan, on) arm_effects(plan, on$rows, "outcome", character())
    ),
    welch = list(
      "Welch's t test (unequal variances)",
      function(plan, on) trial_contrasts(plan, on$rows, test = "welch")
    ),
    holm = list(
      "All contrasts, P adjusted after Holm",
      function(plan, on) trial_contrasts(plan, on$rows, adjust = "holm")
    ),
    omnibus = list(
      "All arms at once, F",
      function(plan, on) trial_contrasts(plan, on$rows, test = "anova")
    ),
    omnibus.welch = list(
      "All arms at once, Welch's F",
      function(plan, on) trial_contrasts(plan, on$rows, test = "welch.anova"),
      "complete"
    ),
    change = list(
      "Change score, adjusted",
      function(plan, on) arm_effects(plan, on$rows, "change", plan$covariates)
    ),
    followup = list(
      "Score at follow-up, adjusted",
      function(plan, on) arm_effects(plan, on$rows, "followup", plan$covariates)
    ),
    ancova = list(
      "Score at follow-up, adjusted for baseline too (ANCOVA)",
      function(plan, on) {
        arm_effects(plan, on$rows, "followup", c(plan$covariates, "baseline"))
      }
    ),
    baseline.observed = list(
      "Without those whose baseline score was missing",
      function(plan, on) {
        arm_effects(plan, on$rows[!on$rows$baseline_imputed, ], "outcome", adjustment(plan))
      },
      "complete"
    ),
    all.followed = list(
      "Everybody followed up, without covariates that somebody lacks",
      function(plan, on) all_followed(plan, on$cohort),
      "complete"
    ),
    complete.cases = list(
      "Complete cases, without multiple imputation, model as planned",
      function(plan, on) {
        arm_effects(plan, analysis_rows(on$cohort), "outcome", adjustment(plan))
      },
      "mi"
    ),
    imputed = list(
      "Everybody randomised, missing values imputed multiply, model as planned",
      function(plan, on) {
        arm_effects(plan, on$imp, "outcome", adjustment(plan))
      },
      "complete"
    ),
    clusters = list(
      "Model as planned, standard errors that allow for the groups (CR2)",
      function(plan, on) {
        arm_effects(plan, on$rows, "outcome", adjustment(plan), treatment_groups(plan, on$rows))
      }
    )
  )
}

# Those that a plan can have: without groups nothing allows for them, without imputations there
# are none to analyse.
sensitivity_names <- function(plan) {
  known <- sensitivity_analyses()
  of_other_method <- vapply(known, function(one) {
    length(one) > 2 && one[[3]] != plan$method
  }, NA)
  setdiff(names(known)[!of_other_method], c(
    if (is.null(plan$cluster)) "clusters", if (is.null(plan$imputation)) "imputed"
  ))
}

trial_sensitivity <- function(plan, on) {
  analyses <- sensitivity_analyses()
  tables <- lapply(sensitivity_names(plan), function(name) {
    analysis <- analyses[[name]]
    table <- analysis[[2]](plan, on)
    data.frame(
      analysis = name, description = analysis[[1]],
      prespecified = name %in% plan$prespecified, sensitivity_columns(plan, table),
      row.names = NULL
    )
  })
  do.call(rbind, tables)
}

# The columns that tests and models have in common; df.residual is NA but for F.
sensitivity_columns <- function(plan, table) {
  columns <- c(
    "contrast", "estimate", "std.error", "statistic", "df", "df.residual", "p.value",
    "conf.low", "conf.high", "n", if (!is.null(plan$imputation)) "fmi"
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
  rows <- model_effects(plan, fit, clusters)
  rows$contrast <- sprintf("%s - %s", rows$arm, plan$reference)
  rows$n <- stats::nobs(fit)
  rows
}

# The rows of the arms in a fit, single or pooled, with the arm's name.
model_effects <- function(plan, fit, clusters = NULL) {
  tidied <- if (inherits(fit, "pooled_fit")) tidy.pooled_fit else tidy.fit_glm
  effects <- tidied(fit, conf.int = TRUE, conf.level = plan$conf.level, cluster = clusters)
  frame <- if (inherits(fit, "pooled_fit")) fit$fits[[1]]$model else fit$model
  others <- setdiff(levels(frame[[plan$arm]]), plan$reference)
  effects <- effects[match(paste0(quoted(plan$arm), others), effects$term), ]
  effects$arm <- others
  effects
}

# The groups in which treatment was given; who was treated alone stands alone.
treatment_groups <- function(plan, rows) {
  rows <- if (inherits(rows, "imputations")) rows$data else rows
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
