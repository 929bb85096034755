# What a report says of multiple imputation: CONSORT 2025, item 21c, and TARMOS.

imputation_section <- function(analysis) {
  imputation <- analysis$imputation
  if (is.null(imputation)) {
    return(NULL)
  }
  list(
    heading_block("Multiple imputation"),
    text_block(
      if (imputes(analysis$plan)) {
        "All analyses but that of complete cases are of all randomised, missing values imputed."
      } else {
        "As a sensitivity analysis, missing values of all randomised were imputed multiply."
      },
      imputed_counts_words(imputation$imputations),
      precision_words(imputation$precision, imputation$imputations$m),
      convergence_words(imputation$imputations)
    ),
    table_block(imputation$missing),
    table_block(imputation_methods_table(analysis)),
    table_block(precision_table(analysis))
  )
}

imputed_counts_words <- function(imp) {
  made <- imp$imputed[names(drawn_by(imp))]
  sprintf(
    "%s values of %s variables were imputed in each of %d data sets.",
    count_text(sum(vapply(made, nrow, 1L))), count_text(length(made)), imp$m
  )
}

# R-hat needs two imputations and four iterations or so.
convergence_words <- function(imp) {
  traces <- tryCatch(convergence(imp), questrial_error = function(e) NULL)
  r_hat <- stats::na.omit(traces$r_hat)
  if (length(r_hat) == 0) {
    return(NULL)
  }
  worst <- max(r_hat)
  sprintf(
    "The largest R-hat of the traces after %d iterations is %s%s.", imp$iterations,
    format_number(worst, 2),
    if (worst > 1.1) ", above 1.1: more iterations are needed" else ""
  )
}

# One row a method: how many variables it imputed, and how many values.
imputation_methods_table <- function(analysis) {
  imp <- analysis$imputation$imputations
  method <- drawn_by(imp)
  known <- split(names(method), factor_in_order(unname(method)))
  rows <- data.frame(
    method = unname(imputation_method_words[names(known)]), variables = unname(vapply(
      known, function(names) shortened_names(label_of(analysis$plan, names)), ""
    )),
    values = unname(vapply(known, function(names) {
      sum(vapply(imp$imputed[names], nrow, 1L))
    }, 1L))
  )
  rows$method[is.na(rows$method)] <- names(known)[is.na(rows$method)]
  new_questrial_table(rows,
    kind = "imputation_methods", caption = "What was imputed by which method",
    columns = list(
      table_column("Method", "method"), table_column("Variables", "variables"),
      table_column("Values", "values", "count")
    )
  )
}

imputation_method_words <- c(
  pmm = "predictive mean matching", norm = "Bayesian linear regression",
  logreg = "logistic regression", polyreg = "multinomial regression",
  polr = "proportional odds regression", sample = "random observed value"
)

# Items by their ends: "t0_1 to t0_20".
shortened_names <- function(names) {
  if (length(names) <= 4) {
    return(join_words(names))
  }
  sprintf("%s, %s, ... %s (%d)", names[[1]], names[[2]], names[[length(names)]], length(names))
}

precision_table <- function(analysis) {
  plan <- analysis$plan
  new_questrial_table(
    analysis$imputation$precision,
    kind = "precision", caption = "What imputing again would change: effects of the arm",
    notes = paste(
      "Monte Carlo error: the standard deviation over repeated imputation of the estimate.",
      "FMI: fraction of missing information."
    ),
    columns = list(
      table_column("Contrast", "contrast"),
      number_column(plan, "Estimate", "estimate", 2),
      number_column(plan, "SE", "std.error", 2),
      number_column(plan, "Monte Carlo error", "mc.error", 3),
      table_column("df", "df", "df"), fmi_column()
    )
  )
}

# ---- Methods ----

imputation_methods <- function(analysis) {
  plan <- analysis$plan
  imp <- analysis$imputation$imputations
  paste(c(
    if (imputes(plan)) {
      paste(
        "All randomised participants were analysed in the arm they were allocated to (CONSORT",
        "2025, item 21c [@consort]; described after TARMOS [@tarmos])."
      )
    } else {
      "Multiple imputation of all randomised was a sensitivity analysis (after TARMOS [@tarmos])."
    },
    "Missing values were taken to be missing at random, given what the imputation knows; this",
    "cannot be tested with the data.",
    sprintf(
      "%s were imputed %d times by chained equations [@fcs] with %d iterations%s.",
      sentence_case(imputed_words(plan)), imp$m, imp$iterations,
      if (plan$imputation$by_arm) {
        ", in each arm by itself, which keeps all interactions with the arm [@byarm]"
      } else {
        ""
      }
    ),
    predictor_words(plan), method_words(plan),
    if (plan$imputation$level == "item") "Scores were made from the imputed answers [@items].",
    if (plan$imputation$cluster) {
      "Numbers had a random intercept of the groups in which treatment was given."
    },
    "Estimates were pooled by Rubin's rules [@rubin] with the degrees of freedom of Barnard and",
    "Rubin [@barnard], tests of several coefficients by D1 [@li].",
    sprintf("The imputations were made by %s with seed %.0f.", generator(), imp$seed)
  ), collapse = " ")
}
