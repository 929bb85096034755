# What a plan says of missing values: imputed how, and in which words.

imputation_defaults <- list(
  m = 20, iterations = 10, donors = 5, seed = NULL, level = NULL, by_arm = TRUE, cluster = NULL,
  auxiliary = character(), method = NULL
)

# The settings of multiple imputation, complete and checked; NULL where nothing is imputed.
plan_imputation <- function(imputation, plan) {
  if (plan$method == "complete" && is.null(imputation)) {
    return(NULL)
  }
  unknown <- setdiff(names(imputation), names(imputation_defaults))
  if (length(unknown) > 0 || (length(imputation) > 0 && !fully_named(imputation))) {
    qst_abort("argument", sprintf(
      "`imputation` must be a list named by %s, not %s.",
      enumerate(names(imputation_defaults), most = 20),
      if (length(unknown) > 0) enumerate(unknown) else describe(imputation)
    ), value = unknown)
  }
  how <- imputation_defaults
  how[names(imputation)] <- imputation
  check_settings(how$m, how$iterations, how$donors)
  check_flag(how$by_arm, "imputation$by_arm")
  has_items <- any(lengths(plan[c("baseline", "followup")]) > 1)
  how$level <- imputation_level(how$level, has_items)
  how$cluster <- if (is.null(how$cluster)) {
    !is.null(plan$cluster)
  } else {
    check_flag(how$cluster, "imputation$cluster")
  }
  if (how$cluster && is.null(plan$cluster)) {
    qst_abort("argument", paste(
      "`imputation$cluster` is TRUE, but the plan has no groups. Give their column as `cluster`."
    ))
  }
  how
}

imputation_level <- function(level, has_items) {
  if (is.null(level)) {
    return(if (has_items) "item" else "score")
  }
  check_choice(level, c("item", "score"), "imputation$level")
  if (level == "item" && !has_items) {
    qst_abort("argument", paste(
      "`imputation$level` is \"item\", but the plan names ready-made scores. Use \"score\",",
      "or name the items as `baseline` and `followup`."
    ), value = level)
  }
  level
}

# ---- Words ----

imputes <- function(plan) {
  plan$method == "mi"
}

# The protocol's paragraph: what is imputed, from what, how, how often.
imputing_words <- function(plan) {
  how <- plan$imputation
  paste(c(
    sprintf(
      "Missing values (%s) are imputed %d times by chained equations, %d iterations%s%s.",
      imputed_words(plan), how$m, how$iterations,
      if (how$by_arm) ", each arm by itself" else "",
      if (is.null(how$seed)) "" else sprintf(", seed %.0f", how$seed)
    ),
    predictor_words(plan), method_words(plan),
    if (how$cluster) "Scores and answers of people in one group share a random intercept.",
    "Results are pooled by Rubin's rules with the degrees of freedom of Barnard and Rubin."
  ), collapse = " ")
}

imputed_words <- function(plan) {
  covariates <- if (length(plan$covariates) > 0) "covariates"
  scores <- if (plan$imputation$level == "item") "single answers" else "scores"
  join_words(c(covariates, sprintf("%s at baseline and follow-up", scores)))
}

predictor_words <- function(plan) {
  others <- in_sentence(label_of(plan, imputation_covariates(plan)))
  others <- if (length(others) > 0) paste(" and", join_words(others)) else ""
  if (plan$imputation$level == "item") {
    sprintf(
      paste(
        "An answer is predicted by the other answers of its own scale at that visit, the %s%s;",
        "totals are recomputed whenever an answer is drawn."
      ), if (length(plan$instrument$scales) > 1) {
        "totals of the other scales and of the other visit"
      } else {
        "total of the other visit"
      }, others
    )
  } else {
    sprintf("Each is predicted by all others: the scores of both visits%s.", others)
  }
}

method_words <- function(plan) {
  own <- plan$imputation$method
  paste0(
    sprintf(
      "Numbers are drawn by predictive mean matching (%d donors), factors of two levels by ",
      plan$imputation$donors
    ),
    "logistic, of several by multinomial, ordered ones by proportional odds regression",
    if (length(own) > 0) sprintf(" (but %s)", join_words(paste(names(own), "by", own))), "."
  )
}

# Of what a participant is known beside the visits.
imputation_covariates <- function(plan) {
  unique(c(
    if (!plan$imputation$by_arm) plan$arm, plan$covariates, plan$subgroups,
    plan$imputation$auxiliary
  ))
}
