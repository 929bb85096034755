#' ANCOVA, change score and follow-up score side by side
#'
#' The effect of the arm on an outcome that was measured before and after, by
#' the three analyses in use, on the same rows, with what each costs.
#'
#' * ANCOVA: follow-up adjusted for baseline. The change adjusted for baseline
#'   gives the same arm effect, since \eqn{y_1 - y_0}{y1 - y0} and \eqn{y_1}{y1} differ
#'   by a covariate of the model.
#' * Change: follow-up less baseline, not adjusted for baseline.
#' * Follow-up: baseline ignored.
#'
#' All three estimate the same effect in a randomised trial. With correlation
#' \eqn{\rho}{r} of baseline and follow-up within arms and equal SDs their variances
#' are as \eqn{1 - \rho^2 : 2(1 - \rho) : 1}{1 - r^2 : 2(1 - r) : 1} (Frison & Pocock 1992,
#' <doi:10.1002/sim.4780111304>), so that ANCOVA is never the worst; and it
#' corrects chance imbalance at baseline, which the others count as effect (or as
#' its opposite). FDA (2023), *Adjusting for Covariates in Randomized Clinical
#' Trials*, asks for adjustment for baseline, also when the outcome is the
#' change; so does EMA (2015). Without randomisation the three answer different
#' questions (Lord's paradox).
#'
#' @param data A data frame, one row a participant, or `imputations` of one: the fits of the
#'   completed data sets are then pooled, see [pool()], with columns `fmi`, `riv`, `lambda`.
#' @param baseline,followup Names of the columns with the two measurements.
#' @param arm The arm: name of a column, or `~ arm`.
#' @param covariates Further covariates of all three: names, or `~ sex + age`.
#' @param reference The arm compared with; the first level when `NULL`.
#' @param vcov,cluster Which covariance, as in [linear_contrast()], but no matrix, since
#'   there are three fits.
#' @param conf.level Level of the intervals.
#' @return A data frame that prints as a table ([questrial_table]), for each other
#'   arm the three analyses: `contrast`, `analysis` (`"ancova"`, `"change"`,
#'   `"followup"`), `estimate`, `std.error`, `statistic`, `df`, `p.value`,
#'   `conf.low`, `conf.high`, and `efficiency`: the variance of ANCOVA over that of
#'   the analysis, which is the share of participants that ANCOVA would need for
#'   the same precision. Attributes `correlation` (within arms), `slope` (of
#'   follow-up on baseline) and `fits`.
#' @section Missing values:
#' Rows with both measurements, the arm and all covariates are used in all three;
#' how many are left out is printed.
#' @section Errors:
#' `questrial_error_argument` for unknown or unfit columns;
#' `questrial_error_no_data` when no row is complete.
#' @seealso [fit_glm()], [sample_size()] with `correlation`
#' @examples
#' # Synthetic.
#' trial <- data.frame(id = 1:120, arm = gl(2, 60, labels = c("control", "course")))
#' trial$before <- 100 + 12 * sin(trial$id)
#' trial$after <- 40 + 0.6 * trial$before + 3 * (trial$arm == "course") + 9 * cos(2.3 * trial$id)
#' ancova_panel(trial, "before", "after", ~arm)
#' @export
ancova_panel <- function(data, baseline, followup, arm, covariates = NULL, reference = NULL,
                         vcov = NULL, cluster = NULL, conf.level = 0.95) {
  imputed <- inherits(data, "imputations")
  sets <- if (imputed) as.list(data) else list(check_data_frame(data))
  data <- sets[[1]]
  check_number(conf.level, "conf.level", min = 0, max = 1)
  check_numeric_column(data, baseline, "baseline")
  check_numeric_column(data, followup, "followup")
  arm <- column_name(arm, data, "arm")
  if (inherits(covariates, "formula")) {
    covariates <- all.vars(covariates)
  }
  covariates <- check_columns(data, as.character(covariates), "covariates")
  each <- lapply(sets, panel_rows, baseline, followup, arm, covariates, reference)
  frames <- lapply(each, `[[`, "frame")
  at <- each[[1]]$at
  if (inherits(cluster, "formula")) {
    cluster <- data[at, check_columns(data, all.vars(cluster), "cluster"), drop = FALSE]
  } else if (!is.null(cluster)) {
    cluster <- cluster[at]
  }
  fits <- panel_fits(frames, covariates, imputed)
  arms <- frames[[1]]$arm
  others <- levels(arms)[-1]
  parts <- lapply(names(fits), function(name) {
    panel_effects(fits[[name]], name, arms, vcov, cluster, conf.level)
  })
  table <- do.call(rbind, parts)
  table <- table[order(match(table$contrast, table$contrast)), ]
  ancova <- table$analysis == "ancova"
  best <- stats::setNames(table$std.error[ancova], table$contrast[ancova])
  table$efficiency <- unname((best[table$contrast] / table$std.error)^2)
  moments <- mean_moments(lapply(frames, within_arms))
  notes <- c(
    panel_notes(moments, baseline, covariates), covariance_note(
      fit_covariance(fits$ancova, vcov, cluster), table$df
    ),
    sprintf("%s rows used%s.", count_text(length(at)), left_out_text(nrow(data) - length(at)))
  )
  structure(
    panel_table(table, others, followup, conf.level, notes),
    correlation = moments$correlation, slope = fits$ancova$coefficients[["baseline"]],
    fits = fits, m = fits_pooled(fits$ancova)
  )
}

# The complete rows under fixed names: outcome columns, arm (reference first) and
# covariates x1, x2, ...; `at` their places.
panel_rows <- function(data, baseline, followup, arm, covariates, reference) {
  used <- data[c(baseline, followup, arm, covariates)]
  at <- which(stats::complete.cases(used))
  if (length(at) == 0) {
    qst_abort("no_data", sprintf(
      "No row has all of %s. Check the columns.", enumerate(names(used))
    ))
  }
  group <- droplevels(factor(used[[arm]][at]))
  if (nlevels(group) < 2) {
    qst_abort("argument", sprintf(
      "`arm`: `%s` has a single level in the complete rows. Two are needed.", arm
    ), column = arm)
  }
  if (!is.null(reference)) {
    check_choice(as.character(reference), levels(group), "reference")
    group <- stats::relevel(group, as.character(reference))
  }
  frame <- data.frame(
    baseline = used[[baseline]][at], followup = used[[followup]][at], arm = group
  )
  frame$change <- frame$followup - frame$baseline
  frame[sprintf("x%d", seq_along(covariates))] <- used[at, covariates, drop = FALSE]
  list(frame = frame, at = at)
}

panel_fits <- function(frames, covariates, imputed) {
  terms <- c("arm", sprintf("x%d", seq_along(covariates)))
  treatment <- list(arm = "contr.treatment")
  fit <- function(outcome, terms) {
    formula <- stats::reformulate(terms, outcome)
    fits <- lapply(frames, function(frame) fit_glm(formula, frame, contrasts = treatment))
    if (imputed) new_pooled_fit(fits, sys.call()) else fits[[1]]
  }
  list(
    ancova = fit("followup", c(terms, "baseline")), change = fit("change", terms),
    followup = fit("followup", terms)
  )
}

panel_effects <- function(fit, name, arm, vcov, cluster, conf.level) {
  terms <- paste0("arm", levels(arm)[-1])
  picks <- lapply(terms, function(term) stats::setNames(1, term))
  rows <- linear_contrast(fit, picks, vcov, cluster, conf.level)
  rows <- as.data.frame(rows)
  rows$contrast <- paste(levels(arm)[-1], "-", levels(arm)[[1]])
  data.frame(contrast = rows$contrast, analysis = name, rows[names(rows) != "contrast"])
}

# Correlation and SDs of the two measurements within arms, pooled.
within_arms <- function(frame) {
  centred <- function(x) x - stats::ave(x, frame$arm)
  before <- centred(frame$baseline)
  after <- centred(frame$followup)
  df <- nrow(frame) - nlevels(frame$arm)
  list(
    correlation = sum(before * after) / sqrt(sum(before^2) * sum(after^2)),
    sd = sqrt(c(sum(before^2), sum(after^2)) / df)
  )
}

# Over imputations: of correlations as Fisher's z, of SDs as variances.
mean_moments <- function(moments) {
  correlations <- vapply(moments, `[[`, 0, "correlation")
  variances <- vapply(moments, function(one) one$sd^2, c(0, 0))
  list(correlation = tanh(mean(atanh(correlations))), sd = sqrt(rowMeans(variances)))
}

panel_notes <- function(moments, baseline, covariates) {
  r <- moments$correlation
  c(
    paste(
      "ANCOVA: the same effect whether follow-up or change is the outcome. Regulators ask for",
      "it: adjust for baseline (FDA 2023), also for a change."
    ),
    sprintf(
      paste(
        "Correlation of baseline and follow-up within arms %s, SDs %s and %s. With equal SDs,",
        "efficiency is expected to be %s for change and %s for follow-up."
      ), format_number(r, 2), format(moments$sd[[1]], digits = 3),
      format(moments$sd[[2]], digits = 3), format_number((1 + r) / 2, 2), format_number(1 - r^2, 2)
    ),
    if (length(covariates) > 0) sprintf("All adjusted for %s.", join_words(covariates))
  )
}

panel_table <- function(table, others, followup, conf.level, notes) {
  caption <- sprintf("Effect of the arm on %s", followup)
  first <- c(if (length(others) > 1) c(contrast = "Contrast"), analysis = "Analysis")
  shown <- estimates_table(table, "ancova_panel", caption, notes, conf.level, first)
  attr(shown, "columns") <- c(attr(shown, "columns"), list(
    table_column("Efficiency", "efficiency", "number", digits = 2)
  ))
  if (length(others) == 1) {
    attr(shown, "caption") <- sprintf("%s (%s)", attr(shown, "caption"), table$contrast[[1]])
  }
  shown
}
