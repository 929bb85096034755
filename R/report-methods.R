# The methods of a trial in prose, with the references they cite.

# Cited as [@key] in the text of this file.
report_references <- c(
  consort = paste(
    "Hopewell S, Chan AW, Collins GS, et al. CONSORT 2025 statement: updated guideline for",
    "reporting randomised trials. BMJ 2025;389:e081123."
  ),
  alpha = paste(
    "Cronbach LJ. Coefficient alpha and the internal structure of tests.",
    "Psychometrika 1951;16:297-334."
  ),
  feldt = paste(
    "Feldt LS. The approximate sampling distribution of Kuder-Richardson reliability",
    "coefficient twenty. Psychometrika 1965;30:357-370."
  ),
  pearson = paste(
    "Pearson K. On the criterion that a given system of deviations from the probable can be",
    "reasonably supposed to have arisen from random sampling. Philosophical Magazine",
    "1900;50:157-175."
  ),
  student = "Student. The probable error of a mean. Biometrika 1908;6:1-25.",
  welch = paste(
    "Welch BL. The generalization of Student's problem when several different population",
    "variances are involved. Biometrika 1947;34:28-35."
  ),
  hedges = paste(
    "Hedges LV. Distribution theory for Glass's estimator of effect size and related",
    "estimators. Journal of Educational Statistics 1981;6:107-128."
  ),
  baseline = paste(
    "White IR, Thompson SG. Adjusting for partially missing baseline measurements in",
    "randomized trials. Statistics in Medicine 2005;24:993-1007."
  ),
  ancova = paste(
    "Vickers AJ, Altman DG. Analysing controlled trials with baseline and follow up",
    "measurements. BMJ 2001;323:1123-1124."
  ),
  holm = paste(
    "Holm S. A simple sequentially rejective multiple test procedure. Scandinavian Journal of",
    "Statistics 1979;6:65-70."
  ),
  welch.f = paste(
    "Welch BL. On the comparison of several mean values: an alternative approach.",
    "Biometrika 1951;38:330-336."
  ),
  cr2 = paste(
    "Pustejovsky JE, Tipton E. Small-sample methods for cluster-robust variance estimation and",
    "hypothesis testing in fixed effects models. Journal of Business and Economic Statistics",
    "2018;36:672-683."
  ),
  tarmos = paste(
    "Lee KJ, Tilling KM, Cornish RP, et al. Framework for the treatment and reporting of missing",
    "data in observational studies: the TARMOS framework. Journal of Clinical Epidemiology",
    "2021;134:79-88."
  ),
  fcs = paste(
    "White IR, Royston P, Wood AM. Multiple imputation using chained equations: issues and",
    "guidance for practice. Statistics in Medicine 2011;30:377-399."
  ),
  byarm = paste(
    "Sullivan TR, White IR, Salter AB, Ryan P, Lee KJ. Should multiple imputation be the method",
    "of choice for handling missing data in randomized trials? Statistical Methods in Medical",
    "Research 2018;27:2610-2626."
  ),
  items = paste(
    "Eekhout I, de Vet HCW, Twisk JWR, et al. Missing data in a multi-item instrument were best",
    "handled by multiple imputation at the item score level. Journal of Clinical Epidemiology",
    "2014;67:335-342."
  ),
  rubin = "Rubin DB. Multiple imputation for nonresponse in surveys. New York: Wiley; 1987.",
  barnard = paste(
    "Barnard J, Rubin DB. Small-sample degrees of freedom with multiple imputation. Biometrika",
    "1999;86:948-955."
  ),
  li = paste(
    "Li KH, Raghunathan TE, Rubin DB. Large-sample significance levels from multiply imputed data",
    "using moment-based statistics and an F reference distribution. Journal of the American",
    "Statistical Association 1991;86:1065-1073."
  ),
  r = paste(
    "R Core Team. R: a language and environment for statistical computing. Vienna: R Foundation",
    "for Statistical Computing."
  )
)

# Numbers the [@keys] in the order in which they come: the paragraphs, and the
# references in that order.
resolve_citations <- function(paragraphs) {
  pattern <- sprintf("\\[@(%s)\\]", paste(names(report_references), collapse = "|"))
  cited <- unique(unlist(regmatches(paragraphs, gregexpr(pattern, paragraphs))))
  for (i in seq_along(cited)) {
    paragraphs <- gsub(cited[[i]], sprintf("[%d]", i), paragraphs, fixed = TRUE)
  }
  keys <- substr(cited, 3, nchar(cited) - 1)
  list(paragraphs = paragraphs, references = unname(report_references[keys]))
}

# Named by heading, one paragraph each.
method_paragraphs <- function(analysis) {
  plan <- analysis$plan
  c(
    "Design and participants" = design_methods(analysis),
    "Outcome" = outcome_methods(plan),
    "Analysis" = analysis_methods(plan),
    "Missing data" = missing_methods(analysis),
    "Sensitivity analyses" = sensitivity_methods(plan),
    "Software" = software_methods(plan)
  )
}

design_methods <- function(analysis) {
  n <- rowSums(set_counts(analysis))
  plan <- analysis$plan
  paste(
    sprintf(
      "This was a randomised trial with %d arms: %s. It is reported after CONSORT 2025 [@consort].",
      length(n), arms_with_n(n)
    ),
    if (!is.null(plan$cluster)) {
      paste(
        "Treatment was given in groups; the planned analysis takes the participants to be",
        "independent, and a sensitivity analysis allows for the groups."
      )
    }
  )
}

outcome_methods <- function(plan) {
  paste(
    sprintf("The outcome was %s: %s.", outcome_label(plan), outcome_words(plan)),
    sentence_case(score_words(plan$instrument, plan$scale)),
    if (max(lengths(plan[c("baseline", "followup")])) > 1) {
      paste(
        "Its reliability was estimated at each visit by Cronbach's alpha [@alpha] with the",
        "interval of Feldt [@feldt]."
      )
    }
  )
}

analysis_methods <- function(plan) {
  test <- if (plan$test == "student") {
    "Student's t test with a pooled variance [@student]"
  } else {
    "Welch's t test [@welch]"
  }
  paste(
    "Categories at baseline were compared between arms by Pearson's chi-squared test without",
    "correction [@pearson], scores by analysis of variance.",
    sprintf("Arms were compared pair by pair with %s;", test),
    "effect sizes are Hedges' g [@hedges].",
    sprintf("The effect of the arm was also estimated by a linear model%s.", adjusted_words(plan)),
    subgroup_methods(plan),
    if (!is.null(plan$attendance)) {
      sprintf(
        "Inside each arm with such records, the outcome was compared by %s with an F test.",
        in_sentence(label_of(plan, plan$attendance))
      )
    },
    sprintf("Intervals are at %s%%; tests are two-sided.", format(100 * plan$conf.level))
  )
}

adjusted_words <- function(plan) {
  adjusted <- c(
    label_of(plan, plan$covariates), if (plan$outcome == "ancova") "the score at baseline"
  )
  if (length(adjusted) == 0) {
    return("")
  }
  paste0(
    " with ", plan$reference, " as the reference, adjusted for ", join_words(in_sentence(adjusted))
  )
}

subgroup_methods <- function(plan) {
  if (length(plan$subgroups) == 0) {
    return(NULL)
  }
  sprintf(
    "Whether the effect differed by %s was tested by the F of the interaction, %s.",
    join_words(in_sentence(label_of(plan, plan$subgroups))),
    "in a model of arm, subgroup and their product"
  )
}

missing_methods <- function(analysis) {
  if (imputes(analysis$plan)) {
    return(imputation_methods(analysis))
  }
  paste(
    missing_words(analysis$plan), imputed_sentence(analysis),
    if (!is.null(analysis$imputation)) imputation_methods(analysis),
    if (analysis$plan$baseline_missing == "mean") {
      paste(
        "In a randomised trial this does not bias the comparison of the arms, because the arm",
        "plays no part in it [@baseline]."
      )
    }
  )
}

sensitivity_methods <- function(plan) {
  planned <- plan$prespecified
  paste(
    "Beside the planned analysis stand the score at follow-up and the analysis of covariance,",
    "which is the more precise use of the baseline [@ancova]; Welch's t test, which does not",
    "assume equal variances [@welch]; P values adjusted for the number of contrasts after Holm",
    if (imputes(plan)) {
      "[@holm]; one test of all arms by F; and the analysis of complete cases."
    } else {
      paste(
        "[@holm]; one test of all arms by F and by Welch's F [@welch.f]; the analysis without",
        "those whose baseline score was missing, and that of everybody followed up."
      )
    },
    if (!is.null(plan$cluster)) {
      paste(
        "One more has standard errors that allow for the groups, of the type CR2 with",
        "Satterthwaite's degrees of freedom [@cr2]."
      )
    },
    if (length(planned) == 0) {
      "None of these was prespecified."
    } else if (setequal(planned, sensitivity_names(plan))) {
      "All of these were prespecified."
    } else {
      sprintf("Prespecified among these: %s.", join_words(planned))
    }
  )
}

software_methods <- function(plan) {
  sprintf(
    "%s in R %s [@r]. Numbers are kept unrounded and rounded for print only%s.",
    paste("The analysis was made with", generator()), getRversion(),
    if (plan$dialect == "spss") ", ties away from zero as SPSS does" else ""
  )
}
