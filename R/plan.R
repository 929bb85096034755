#' Plan the analysis of a trial
#'
#' Says what will be done with the answers of a randomised trial, before they
#' are looked at: who is compared with whom, on which score of which
#' questionnaire, adjusted for what, and how missing answers are dealt with.
#' The plan prints as a protocol and is run by [analyse()], which marks each
#' analysis that the plan does not name as not prespecified.
#'
#' @param arm Name of the column that holds the arm.
#' @param reference The arm that the others are compared with.
#' @param instrument An [instrument()] or the id of one in the registry.
#' @param baseline,followup Names of the columns that hold the raw answers at
#'   the two visits, in the instrument's item order; or the name of one column
#'   that holds a score already made.
#' @param scale The instrument's scale to analyse; by default its first.
#' @param outcome What is compared: `"change"` (follow-up minus baseline),
#'   `"followup"` (the follow-up score) or `"ancova"` (the follow-up score,
#'   adjusted for the baseline score).
#' @param covariates Names of the columns that the model is adjusted for, or a
#'   one-sided formula of them.
#' @param cluster Name of the column that holds the group in which the
#'   treatment was given, `NA` where there was none. Groups are counted in
#'   the flow diagram.
#' @param baseline_missing What is done with an analysed participant without
#'   a baseline score: `"mean"` gives it the mean of the analysed who have
#'   one, `"exclude"` leaves the participant out.
#' @param method `"complete"`: participants with a follow-up score and all
#'   covariates; `"mi"`: all randomised participants, with missing covariates, baseline and
#'   follow-up imputed multiply.
#' @param imputation How, a list with any of `m` (20 imputations), `iterations` (10), `donors` (5),
#'   `seed` (drawn when the plan is run, and kept, if not given), `level` (`"item"`: the answers are
#'   imputed and scored afterwards, where the visits are answers; or `"score"`), `by_arm` (`TRUE`:
#'   each arm by itself, as an analysis with interactions of the arm asks for), `cluster` (random
#'   intercepts of the groups; `TRUE` where there is a `cluster`), `auxiliary` (names of
#'   columns that help to impute and nothing else) and `method` (by column, as in [impute()]).
#'   With `method = "complete"` it asks for multiple imputation as a sensitivity
#'   analysis.
#' @param subgroups Names of columns whose interaction with the arm is tested;
#'   the baseline score is shown within their levels too.
#' @param attendance Name of a factor whose levels are compared inside each
#'   arm that has them (sessions missed, say); `NULL` for none.
#' @param id Name of the column that identifies participants; `NULL` if each
#'   row is one.
#' @param test Test between two arms: `"student"` (pooled variance) or
#'   `"welch"`.
#' @param prespecified Which of the sensitivity analyses that [analyse()] adds
#'   were planned; see there for their names.
#' @param dialect `"r"` or `"spss"`: how printed numbers are rounded, see
#'   [format_number()].
#' @param conf.level Level of the confidence intervals.
#' @param labels Named character vector: what tables and figures call the
#'   columns and, under the name `outcome`, the score.
#' @return An object of class `analysis_plan`.
#' @seealso [analyse()], [balint_plan()]
#' @examples
#' balint_plan()
#' @export
analysis_plan <- function(arm, reference, instrument, baseline, followup, scale = NULL,
                          outcome = c("change", "followup", "ancova"), covariates = NULL,
                          cluster = NULL, baseline_missing = c("mean", "exclude"),
                          method = c("complete", "mi"), imputation = NULL, subgroups = NULL,
                          attendance = NULL, id = NULL, test = c("student", "welch"),
                          prespecified = NULL, dialect = c("r", "spss"), conf.level = 0.95,
                          labels = NULL) {
  instrument <- as_instrument(instrument)
  plan <- list(
    arm = check_string(arm, "arm"),
    reference = check_string(reference, "reference"),
    instrument = instrument,
    scale = check_scale(instrument, scale),
    baseline = check_visit(baseline, instrument, "baseline"),
    followup = check_visit(followup, instrument, "followup"),
    outcome = check_choice(outcome, c("change", "followup", "ancova"), "outcome"),
    covariates = covariate_names(covariates),
    cluster = check_optional(cluster, "cluster"),
    baseline_missing = check_choice(baseline_missing, c("mean", "exclude"), "baseline_missing"),
    method = check_choice(method, c("complete", "mi"), "method"),
    subgroups = if (is.null(subgroups)) character() else check_names(subgroups, "subgroups"),
    attendance = check_optional(attendance, "attendance"),
    id = check_optional(id, "id"),
    test = check_choice(test, c("student", "welch"), "test"),
    dialect = check_choice(dialect, c("r", "spss"), "dialect"),
    conf.level = check_number(conf.level, "conf.level", min = 0.5, max = 1 - 1e-6),
    labels = check_labels(labels)
  )
  check_distinct(plan)
  plan$imputation <- plan_imputation(imputation, plan)
  plan$prespecified <- check_prespecified(prespecified, plan)
  structure(plan, class = "analysis_plan")
}

#' The analysis plan of the worked example
#'
#' What Lemogne et al. (2020) did: change of the empathy score, each arm with
#' each by Student's t test, a linear model adjusted for gender, parental
#' education, living status and specialty choice, gender by arm, change by
#' missed sessions, four missing baseline scores set to the mean.
#'
#' @return An [analysis_plan()] for [balint].
#' @references Lemogne C, Buffel du Vaure C, Hoertel N, et al. (2020) Balint
#'   groups and narrative medicine compared to a control condition in promoting
#'   students' empathy. BMC Medical Education 20:412.
#'   \doi{10.1186/s12909-020-02316-w}
#' @examples
#' balint_plan()
#' @export
balint_plan <- function() {
  analysis_plan(
    arm = "arm", reference = "control", id = "id",
    instrument = "jse-s", scale = "total",
    baseline = paste0("t0_", 1:20), followup = paste0("t1_", 1:20),
    outcome = "change", covariates = c("sex", "parents", "living", "specialty"),
    cluster = "group", baseline_missing = "mean", method = "complete",
    subgroups = "sex", attendance = "absences", test = "student", dialect = "spss",
    labels = c(
      outcome = "Empathy (JSPE-MS)", arm = "Arm", sex = "Gender",
      parents = "Parental education", living = "Living status",
      specialty = "Specialty choice", absences = "Absences", group = "small groups"
    )
  )
}

# ---- Checks of a plan's parts ----

check_optional <- function(x, arg) {
  if (is.null(x)) NULL else check_string(x, arg)
}

check_names <- function(x, arg) {
  if (!is.character(x) || length(x) == 0 || anyNA(x)) {
    qst_abort("argument", sprintf("`%s` must be names of columns, not %s.", arg, describe(x)))
  }
  if (anyDuplicated(x) > 0) {
    twice <- unique(x[duplicated(x)])
    qst_abort("argument", sprintf(
      "`%s` names %s twice. Name each column once.", arg, enumerate(twice)
    ), column = twice)
  }
  x
}

check_visit <- function(columns, instrument, arg) {
  check_names(columns, arg)
  n_items <- length(instrument$items)
  if (!length(columns) %in% c(1L, n_items)) {
    qst_abort("dimension", sprintf(
      "`%s` names %d columns, but %s has %d items. Name one column an item, in its order.",
      arg, length(columns), instrument$title, n_items
    ))
  }
  columns
}

covariate_names <- function(covariates) {
  if (is.null(covariates)) {
    return(character())
  }
  if (inherits(covariates, "formula")) {
    if (length(covariates) != 2) {
      qst_abort("argument", "`covariates` must be one-sided: ~ sex + age.")
    }
    terms <- stats::terms(covariates)
    if (any(attr(terms, "order") > 1)) {
      qst_abort("argument", "`covariates` cannot hold interactions; name them in `subgroups`.")
    }
    covariates <- attr(terms, "term.labels")
  }
  check_names(covariates, "covariates")
}

check_prespecified <- function(prespecified, plan) {
  known <- names(sensitivity_analyses())
  unknown <- setdiff(prespecified, known)
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "`prespecified` names %s, which analyse() does not know; it knows %s.",
      enumerate(unknown), enumerate(known, most = 20)
    ))
  }
  if ("clusters" %in% prespecified && is.null(plan$cluster)) {
    qst_abort("argument", paste(
      "`prespecified` names clusters, but the plan has no groups.",
      "Give their column as `cluster`."
    ))
  }
  absent <- setdiff(prespecified, sensitivity_names(plan))
  if (length(absent) > 0) {
    qst_abort("argument", sprintf(
      "`prespecified` names %s, which there is not with method = \"%s\"%s. Leave it out.",
      enumerate(absent), plan$method,
      if (is.null(plan$imputation)) " and without `imputation`" else ""
    ), value = absent)
  }
  as.character(prespecified)
}

# One column cannot be two things at once, nor be called as analyse() calls
# what it makes.
check_distinct <- function(plan) {
  kept <- unlist(plan[c("arm", "id", "cluster", "covariates", "attendance", "subgroups")])
  taken <- intersect(kept, c("baseline", "followup", "change", "outcome", "set"))
  if (length(taken) > 0) {
    qst_abort("argument", sprintf(
      "analyse() makes a column %s of its own. Give yours another name.", enumerate(taken)
    ))
  }
  roles <- unlist(plan[c("arm", "id", "cluster", "covariates", "baseline", "followup")])
  twice <- unique(roles[duplicated(roles)])
  if (length(twice) > 0) {
    qst_abort("argument", sprintf(
      "The plan gives column %s two roles. Each column has one.", enumerate(twice)
    ))
  }
}

# ---- Words ----

# What tables call a column.
label_of <- function(plan, column) {
  known <- column %in% names(plan$labels)
  column[known] <- plan$labels[column[known]]
  unname(column)
}

outcome_label <- function(plan) {
  title <- plan$instrument$title
  if ("outcome" %in% names(plan$labels)) {
    plan$labels[["outcome"]]
  } else if (is.na(title)) {
    "Score"
  } else {
    title
  }
}

outcome_words <- function(plan) {
  switch(plan$outcome,
    change = "change of the score (follow-up minus baseline)",
    followup = "score at follow-up",
    ancova = "score at follow-up, adjusted for the score at baseline"
  )
}

# The protocol, one entry a paragraph: named character vector.
protocol <- function(plan) {
  c(
    "Outcome" = sprintf("%s: %s.", outcome_label(plan), outcome_words(plan)),
    "Score" = sentence_case(score_words(plan$instrument, plan$scale)),
    "Comparison" = sprintf(
      "Arms (column \"%s\"), each with each by %s; \"%s\" is the reference of the model.",
      plan$arm, test_words(plan$test), plan$reference
    ),
    "Model" = model_words(plan),
    "Interaction" = if (length(plan$subgroups) > 0) {
      sprintf("Arm by %s, tested by F.", join_words(label_of(plan, plan$subgroups)))
    },
    "Attendance" = if (!is.null(plan$attendance)) {
      sprintf("Outcome by %s inside each arm, tested by F.", label_of(plan, plan$attendance))
    },
    "Groups" = if (!is.null(plan$cluster)) {
      sprintf(
        paste(
          "Treatment was given in groups (column \"%s\"); the flow diagram counts them,",
          "and a sensitivity analysis allows for them."
        ), plan$cluster
      )
    },
    "Missing" = missing_words(plan),
    "Imputation" = if (!is.null(plan$imputation)) imputing_words(plan),
    "Also planned" = if (length(plan$prespecified) > 0) join_words(plan$prespecified),
    "Numbers" = sprintf(
      "%s%% intervals; printed in the dialect \"%s\".", format(100 * plan$conf.level), plan$dialect
    )
  )
}

test_words <- function(test) {
  switch(test,
    student = "Student's t test (pooled variance)",
    welch = "Welch's t test"
  )
}

model_words <- function(plan) {
  adjusted <- c(plan$covariates, if (plan$outcome == "ancova") "baseline score")
  sprintf("Linear model on the arm%s.", if (length(adjusted) == 0) {
    ", not adjusted"
  } else {
    paste(", adjusted for", join_words(label_of(plan, adjusted)))
  })
}

missing_words <- function(plan) {
  if (imputes(plan)) {
    return(paste(
      "All randomised participants are analysed in the arm they were allocated to. What is missing",
      "is imputed multiply, taking it to be missing at random given what the imputation knows;",
      "the analysis of complete cases stands beside it."
    ))
  }
  paste(
    "Participants without a score at follow-up or without a covariate are left out",
    "(complete cases). A missing baseline score",
    switch(plan$baseline_missing,
      mean = "is set to the mean of the analysed who have one.",
      exclude = "excludes the participant."
    )
  )
}

#' @export
print.analysis_plan <- function(x, ...) {
  cat("Analysis plan\n")
  entries <- protocol(x)
  for (name in names(entries)) {
    text <- strwrap(entries[[name]], width = 80 - 14)
    cat(sprintf("  %-12s%s\n", c(name, rep("", length(text) - 1)), text), sep = "")
  }
  invisible(x)
}
