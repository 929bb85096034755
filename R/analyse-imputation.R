# Multiple imputation inside analyse(): who and what is imputed, and what is said of it.

# Everybody randomised, as imputations with the columns of the cohort: what is missing is imputed,
# and scores, change and outcome are made in each completed data set.
trial_imputations <- function(plan, data, cohort) {
  how <- plan$imputation
  items <- imputed_items(plan)
  used <- imputation_frame(plan, data, cohort, items)
  imp <- impute(used,
    m = how$m, iterations = how$iterations, donors = how$donors, seed = how$seed,
    method = how$method, by = if (how$by_arm) plan$arm,
    cluster = if (how$cluster) plan$cluster, instrument = if (length(items) > 0) items
  )
  for (visit in names(items)) {
    imp <- score(imp, visit, scale = plan$scale, name = visit)
  }
  carried <- setdiff(unlist(plan[c("id", "cluster", "attendance")]), names(imp$data))
  for (name in carried) {
    imp <- put_column(imp, name, cohort[[name]], NULL)
  }
  change <- function(data) data$followup - data$baseline
  imp <- set_column(imp, "change", change(imp$data), lapply(as.list(imp), change))
  outcome <- if (plan$outcome == "change") "change" else "followup"
  imp$data$outcome <- imp$data[[outcome]]
  imp$imputed$outcome <- imp$imputed[[outcome]]
  imp
}

# The visits whose answers are imputed, each the instrument on its columns.
imputed_items <- function(plan) {
  visits <- plan[c("baseline", "followup")]
  if (plan$imputation$level == "score") {
    return(list())
  }
  lapply(visits[lengths(visits) > 1], function(columns) on_columns(plan$instrument, columns))
}

# Arm, covariates, what helps to impute, and of each visit its answers or its score.
imputation_frame <- function(plan, data, cohort, items) {
  frame <- cohort[unique(c(
    plan$arm, imputation_covariates(plan), if (plan$imputation$cluster) plan$cluster
  ))]
  for (visit in c("baseline", "followup")) {
    if (visit %in% names(items)) {
      frame[plan[[visit]]] <- as.data.frame(data)[plan[[visit]]]
    } else {
      frame[[visit]] <- visit_score(plan, data, plan[[visit]])
    }
  }
  frame
}

# n, mean and SD of the outcome by arm, the means pooled.
imputed_summary <- function(plan, imp) {
  parts <- lapply(as.list(imp), function(data) {
    groups <- split(data$outcome, data[[plan$arm]])
    data.frame(
      arm = names(groups), n = lengths(groups), mean = vapply(groups, mean, 0),
      sd = vapply(groups, stats::sd, 0), row.names = NULL
    )
  })
  joined <- rubin_answer(lapply(parts, function(part) {
    single_answers(part$mean, part$sd / sqrt(part$n), part$n - 1)
  }))
  rows <- with_inference(
    linear_estimates(joined$estimate, joined$jacobian, joined$covariance), plan$conf.level
  )
  variance <- rowMeans(vapply(parts, function(part) part$sd^2, numeric(nrow(rows))))
  data.frame(
    parts[[1]][c("arm", "n")], mean = rows$estimate, sd = sqrt(variance),
    rows[c("std.error", "df", "conf.low", "conf.high", "fmi")]
  )
}

# ---- The part of the analysis ----

# The imputations with what a report says of them: what was missing in each arm, the model's
# Monte Carlo error.
trial_imputation <- function(plan, imp, model) {
  if (is.null(imp)) {
    return(NULL)
  }
  structure(
    list(
      imputations = imp, missing = imputation_missing(plan, imp),
      precision = imputation_precision(plan, model), words = imputing_words(plan)
    ),
    class = "trial_imputation"
  )
}

# A row a variable of the analysis that is missing for somebody, and the scores.
imputation_missing <- function(plan, imp) {
  shown <- unique(c(plan$covariates, plan$subgroups, "baseline", "followup"))
  data <- imp$data[unique(c(plan$arm, shown))]
  table <- missing_table(data, shown, by = plan$arm)
  table$variable <- label_of(plan, table$variable)
  scores <- c(baseline = "Score at baseline", followup = "Score at follow-up")
  at <- match(names(scores), shown)
  table$variable[at] <- scores
  attr(table, "caption") <- "Missing values of the randomised, by arm"
  attr(table, "notes") <- c(
    attr(table, "notes"),
    if (plan$imputation$level == "item") {
      "A score counts as missing where any of its answers is; the answers are imputed."
    }
  )
  table
}

# Monte Carlo error of each effect of the arm: what imputing again with another seed would change.
imputation_precision <- function(plan, model) {
  effects <- model_effects(plan, model)
  data.frame(
    contrast = paste(effects$arm, "-", plan$reference),
    effects[c("estimate", "std.error", "df", "p.value", "fmi", "riv", "lambda", "mc.error")],
    row.names = NULL
  )
}

precision_words <- function(precision, m) {
  if (m < 2) {
    return("From a single imputation the Monte Carlo error of the effects is not known.")
  }
  share <- max(precision$mc.error / precision$std.error)
  sprintf(
    paste(
      "The Monte Carlo error of the effects of the arm is at most %s, %s%% of their standard",
      "errors%s; at most %s%% of the information on them is missing (%d imputations)."
    ), format_number(max(precision$mc.error), 3), format_number(100 * share, 1),
    if (share > 0.1) ", which is more than a tenth: impute more often" else "",
    format_number(100 * max(precision$fmi), 1), m
  )
}

#' @export
print.trial_imputation <- function(x, ...) {
  imp <- x$imputations
  cat(strwrap(x$words, 79), sep = "\n")
  cat("\n")
  print(x$missing)
  cat("\n")
  cat(strwrap(precision_words(x$precision, imp$m), 79), sep = "\n")
  cat(sprintf("Seed %.0f. The data sets are $imputations.\n", imp$seed))
  invisible(x)
}
