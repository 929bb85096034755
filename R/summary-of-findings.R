# The GRADE summary of findings, its numbers taken from the fits.

#' Summary of findings
#'
#' The GRADE table of a review, a row an outcome: participants and studies, the relative effect,
#' what it means for 1000 people, the certainty with its reasons, and the result in plain words. All
#' numbers come from the [meta_analysis()] of the outcome; judgements are the reviewer's.
#'
#' Risks without the intervention are those of `risk`, or else all events of the control arms over
#' all their participants. With the intervention they are `risk * RR`, for an odds ratio
#' `OR * o / (1 + OR * o)` with the odds o of the risk, and `risk + RD`; never below 0 or above 1.
#' The interval takes the risk without the intervention as known. A fit with `cluster` counts its
#' clusters as studies; its people are counted by several effects, so `participants` and `risk` are
#' not taken from it.
#'
#' The words follow GRADE's: high certainty "lowers", moderate "probably lowers", low "may lower",
#' very low "the evidence is very uncertain"; an interval that includes no effect is said to.
#' Whether an effect matters is for you to say: write your own `words` then.
#'
#' @param fits A list of [meta_analysis()] without moderators, named by outcome.
#' @param down How far certainty is lowered and why: a list named by outcome of whole numbers named
#'   by reason, `list(Death = c("Risk of bias: no blinding" = 1, "Imprecision" = 1))`. Outcomes left
#'   out are not lowered.
#' @param start `"high"` (randomised trials) or `"low"` (other studies), one or named by outcome.
#' @param risk Risks without the intervention, from 0 to 1, named by outcome.
#' @param participants Their numbers named by outcome, where the fit does not know the arms.
#' @param intervention What is compared, for the words.
#' @param words Text named by outcome, in place of ours.
#' @param caption Heading of the table.
#' @param digits Decimals of effects.
#' @return A [questrial_table] of class `findings_table`: `outcome`, `participants`, `studies`,
#'   `measure`, `estimate`, `conf.low`, `conf.high` (ratios as ratios), for 1000 people
#'   `risk.control`, `risk.treated`, `risk.low`, `risk.high`, `difference`, `diff.low`, `diff.high`,
#'   then `certainty`, `words` and the printed texts. Reasons are notes. [write_table()] writes HTML
#'   and Word.
#' @section Errors:
#' `questrial_error_argument` for what is no fit, names that are no outcome, and risks or levels out
#' of range.
#' @section Compared with GRADEpro:
#' There numbers are copied by hand or imported from RevMan; here they are those of the fit.
#' @references
#' Guyatt G et al. (2011) GRADE guidelines 1. J Clin Epidemiol 64:383. Santesso N et al. (2020)
#' GRADE guidelines 26: informative statements. J Clin Epidemiol 119:126.
#' @examples
#' # Synthetic.
#' trials <- data.frame(
#'   e1 = c(12, 8, 20), n1 = c(100, 80, 150), e2 = c(20, 11, 31), n2 = c(98, 82, 149)
#' )
#' es <- effect_size("RR", events1 = e1, n1 = n1, events2 = e2, n2 = n2, data = trials)
#' summary_of_findings(
#'   list(Relapse = meta_analysis(es)), down = list(Relapse = c("Imprecision: few events" = 1))
#' )
#' @export
summary_of_findings <- function(fits, down = NULL, start = "high", risk = NULL,
                                participants = NULL, intervention = "The intervention",
                                words = NULL, caption = "Summary of findings", digits = 2) {
  check_pooled_fits(fits)
  outcomes <- names(fits)
  check_by_outcome(down, "down", outcomes)
  check_by_outcome(risk, "risk", outcomes)
  check_by_outcome(participants, "participants", outcomes)
  check_by_outcome(words, "words", outcomes)
  check_risks(risk)
  check_digits(digits, 1L)
  check_string(intervention, "intervention")
  start <- check_start(start, outcomes)
  rows <- lapply(outcomes, function(outcome) {
    finding_row(outcome, fits[[outcome]], down[[outcome]], start[[outcome]], risk, participants)
  })
  rows <- do.call(rbind, rows)
  rows$words <- finding_words(rows, intervention)
  rows$words[match(names(words), outcomes)] <- unlist(words)
  reasons <- finding_reasons(down, outcomes)
  rows <- finding_texts(rows, reasons, digits)
  level <- unique(vapply(fits, function(fit) fit$conf.level, 0))
  heading <- function(text) {
    sprintf("%s (%s)", text, if (length(level) == 1) percent_words(level) else "CI")
  }
  columns <- list(
    table_column("Outcome", "outcome"), table_column("Participants (studies)", "people"),
    table_column(heading("Relative effect"), "relative"),
    table_column("Risk without", "without"), table_column(heading("Risk with"), "with"),
    table_column(heading("Difference"), "absolute"), table_column("Certainty", "certain"),
    table_column("In words", "words")
  )
  # Differences alone have neither a relative effect nor risks.
  empty <- Filter(function(name) all(rows[[name]] %in% c("", NA)), c("relative", "without", "with"))
  heads <- c(relative = 3L, without = 4L, with = 5L)[empty]
  risks <- setdiff(c("without", "with"), empty)
  new_questrial_table(rows, "findings", check_string(caption, "caption"),
    finding_notes(rows, reasons, risk),
    columns = columns[setdiff(seq_along(columns), heads)],
    spanners = if (length(risks) == 2) list("Of 1000 people" = risks)
  )
}

# ---- Checks ----

check_pooled_fits <- function(fits) {
  ok <- is.list(fits) && !inherits(fits, "meta_analysis") && length(fits) > 0 &&
    fully_named(fits) && all(vapply(fits, inherits, NA, "meta_analysis"))
  if (!ok) {
    qst_abort("argument", sprintf(
      "`fits` must be a list of meta_analysis() results named by outcome, not %s. %s",
      describe(fits), "For example list(\"Relapse\" = fit)."
    ))
  }
  for (outcome in names(fits)) {
    if (!"overall" %in% names(fits[[outcome]]$coefficients)) {
      qst_abort("argument", sprintf(
        "`fits`: %s has moderators, so there is no one effect to show. Fit it without them.",
        describe(outcome)
      ))
    }
  }
}

check_by_outcome <- function(x, arg, outcomes) {
  if (is.null(x)) {
    return(invisible())
  }
  strange <- setdiff(names(x), outcomes)
  if (!fully_named(x) || length(strange) > 0) {
    qst_abort("argument", sprintf(
      "`%s` must be named by outcomes of `fits`%s.%s", arg,
      if (length(strange) > 0) sprintf(", and %s is none", enumerate(strange)) else "",
      if (length(strange) > 0) nearest(strange[[1]], outcomes) else " Name each element."
    ))
  }
}

check_risks <- function(risk) {
  ok <- is.null(risk) || (is.numeric(risk) && !anyNA(risk) && all(risk >= 0 & risk <= 1))
  if (!ok) {
    qst_abort("argument",
      "`risk` must be numbers from 0 to 1. Divide a risk per 1000 by 1000."
    )
  }
}

check_start <- function(start, outcomes) {
  if (is.null(names(start))) {
    check_choice(start, c("high", "low"), "start")
    return(stats::setNames(as.list(rep(start, length(outcomes))), outcomes))
  }
  check_by_outcome(start, "start", outcomes)
  all <- stats::setNames(as.list(rep("high", length(outcomes))), outcomes)
  all[names(start)] <- lapply(start, check_choice, c("high", "low"), "start")
  all
}

# ---- One outcome ----

certainty_levels <- c("High", "Moderate", "Low", "Very low")

finding_row <- function(outcome, fit, down, start, risk, participants) {
  scale <- effect_scale(fit$measure)
  back <- if (scale$log) exp else identity
  pooled <- tidy.meta_analysis(fit)[1, ]
  clusters <- fit$n_clusters
  arms <- if (is.null(clusters)) fit$studies
  own <- if (!is.null(arms$n1)) sum(arms$n1, arms$n2, na.rm = TRUE) else NA
  given <- if (outcome %in% names(participants)) participants[[outcome]] else own
  row <- data.frame(
    outcome = outcome, participants = as.numeric(given),
    studies = if (is.null(clusters)) fit$k else clusters, measure = fit$measure,
    estimate = back(pooled$estimate), conf.low = back(pooled$conf.low),
    conf.high = back(pooled$conf.high)
  )
  control <- control_risk(outcome, fit, risk)
  treated <- vapply(row[c("estimate", "conf.low", "conf.high")], risk_with, 0,
    risk = control, measure = fit$measure)
  per1000 <- 1000 * c(control, treated, treated - control)
  names(per1000) <- c("risk.control", "risk.treated", "risk.low", "risk.high", "difference",
    "diff.low", "diff.high")
  row <- cbind(row, as.list(per1000))
  row$certainty <- lowered_certainty(outcome, down, start)
  row
}

# All events over all participants of the control arms, unless a risk is given; unknown where
# effects in clusters would count people twice.
control_risk <- function(outcome, fit, risk) {
  if (!fit$measure %in% c("OR", "RR", "RD", "PETO")) {
    return(NA_real_)
  }
  if (outcome %in% names(risk)) {
    return(risk[[outcome]])
  }
  arms <- if (is.null(fit$n_clusters)) fit$studies
  if (is.null(arms$events2) || is.null(arms$n2)) {
    return(NA_real_)
  }
  sum(arms$events2) / sum(arms$n2)
}

risk_with <- function(effect, risk, measure) {
  odds <- effect * risk / (1 - risk)
  value <- switch(measure,
    RR = risk * effect, OR = , PETO = if (is.infinite(odds)) 1 else odds / (1 + odds),
    RD = risk + effect, NA_real_
  )
  min(max(value, 0), 1)
}

lowered_certainty <- function(outcome, down, start) {
  ok <- is.null(down) || (is.numeric(down) && fully_named(down) && all(down %in% 1:3))
  if (!ok) {
    qst_abort("argument", sprintf(
      "`down`, outcome %s: levels must be 1, 2 or 3, each named by its reason. %s",
      describe(outcome), "For example c(\"Imprecision\" = 1)."
    ))
  }
  certainty_levels[[min(if (start == "high") 1 + sum(down) else 3 + sum(down), 4)]]
}

# ---- Texts ----

finding_words <- function(rows, intervention) {
  null <- ifelse(vapply(rows$measure, function(m) effect_scale(m)$log, NA), 1, 0)
  up <- rows$estimate > null
  verb <- list(
    High = c("lowers", "raises"), Moderate = c("probably lowers", "probably raises"),
    Low = c("may lower", "may raise")
  )
  unsure <- rows$conf.low <= null & rows$conf.high >= null
  vapply(seq_len(nrow(rows)), function(i) {
    what <- paste0(tolower(substr(rows$outcome[[i]], 1, 1)), substring(rows$outcome[[i]], 2))
    if (rows$certainty[[i]] == "Very low") {
      return(sprintf("The evidence is very uncertain about %s.", what))
    }
    sprintf("%s %s %s%s.", intervention, verb[[rows$certainty[[i]]]][[1 + up[[i]]]], what,
      if (unsure[[i]]) "; the interval includes no effect" else "")
  }, "")
}

# Reasons in order of first use, each with its letter.
finding_reasons <- function(down, outcomes) {
  used <- lapply(stats::setNames(nm = outcomes), function(outcome) {
    levels <- down[[outcome]]
    if (is.null(levels)) {
      return(character())
    }
    sprintf("%s (down %d level%s)", names(levels), as.integer(levels),
      ifelse(levels == 1, "", "s"))
  })
  all <- unique(unlist(used, use.names = FALSE))
  list(all = all, of = lapply(used, function(reasons) letters_for(match(reasons, all))))
}

# a to z, then aa, ab ...
letters_for <- function(i) {
  first <- c("", letters)[1 + (i - 1) %/% 26]
  paste0(first, letters[1 + (i - 1) %% 26])
}

finding_texts <- function(rows, reasons, digits) {
  ratio <- vapply(rows$measure, function(m) effect_scale(m)$log, NA)
  short <- vapply(rows$measure, function(m) effect_scale(m)$abbreviation, "")
  number <- format_number(rows$estimate, digits)
  interval <- format_ci(rows$conf.low, rows$conf.high, digits)
  effect <- sprintf("%s %s (%s)", short, number, interval)
  whole <- function(x) format_number(x, 0)
  rows$people <- sprintf("%s (%d)", ifelse(is.na(rows$participants), "not stated",
    whole(rows$participants)), rows$studies)
  rows$relative <- ifelse(ratio, effect, "")
  rows$without <- whole(rows$risk.control)
  known <- !is.na(rows$risk.control)
  rows$with <- ifelse(known, sprintf("%s (%s)", whole(rows$risk.treated),
    format_ci(rows$risk.low, rows$risk.high, 0)), "")
  rows$absolute <- ifelse(known, sprintf("%s per 1000 (%s)", whole(rows$difference),
    format_ci(rows$diff.low, rows$diff.high, 0)), ifelse(ratio, "", effect))
  marks <- vapply(reasons$of, paste, "", collapse = ", ")
  rows$certain <- paste0(rows$certainty, ifelse(nzchar(marks), sprintf(" (%s)", marks), ""))
  rows
}

finding_notes <- function(rows, reasons, risk) {
  own <- setdiff(rows$outcome[!is.na(rows$risk.control)], names(risk))
  c(
    if (length(own) > 0) {
      sprintf("Risk without the intervention: all control arms together (%s).", join_words(own))
    },
    if (length(reasons$all) > 0) {
      sprintf("%s. %s.", letters_for(seq_along(reasons$all)), reasons$all)
    }
  )
}
