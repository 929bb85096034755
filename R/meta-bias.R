# Small-study effects: tests of funnel asymmetry, trim and fill.

#' Tests of funnel asymmetry
#'
#' Do small studies find larger effects than large ones? Egger's regression of the effect on its
#' standard error, and Peters' on one over the number of people.
#'
#' `egger()` with `model = "lm"` is the test as Egger, Davey Smith, Schneider & Minder (1997,
#' <doi:10.1136/bmj.315.7109.629>) published it: the weighted regression of `yi` on its standard
#' error with weights `1 / vi` and a dispersion that is estimated, so t on k - 2 degrees of freedom.
#' The slope is the intercept of their figure. `model = "rma"` is the meta-regression on the
#' standard error with the heterogeneity and the test of the fit (Sterne & Egger 2005).
#'
#' The standard error of a log odds ratio depends on the odds ratio itself, so Egger's test finds
#' asymmetry there where there is none. `peters()` regresses the log odds ratio on `1 / n` instead,
#' with weights `s f / n`, s and f being those with and without the event in both arms (Peters,
#' Sutton, Jones, Abrams & Rushton 2006, <doi:10.1001/jama.295.6.676>). A standardised mean
#' difference has the same fault in a lesser degree; its note says so.
#'
#' Fewer than ten studies are too few to tell chance from asymmetry (Cochrane Handbook, 13.3.5.4);
#' the test is made, and says so.
#'
#' @section Peers:
#' `egger(fit, "lm")` is `metafor::regtest(model = "lm")` and `meta::metabias(method.bias =
#' "Egger")`; `egger(fit, "rma")` is regtest's default. `peters()` is
#' `meta::metabias(method.bias = "Peters")`; regtest with `predictor = "ninv"` has other weights,
#' `1 / vi`.
#'
#' @param fit A [meta_analysis()] without moderators; for `peters()` of odds ratios, risk ratios or
#'   risk differences whose events are known.
#' @param model `"lm"` or `"rma"`, see above.
#' @param x What `egger()` or `peters()` returned.
#' @param ... Nothing; an unknown argument is an error.
#' @return A data frame of class `asymmetry_test` with one row: `test`, `model`, `k`, `estimate`
#'   (the slope), `std.error`, `statistic`, `df` (`NA` where the test is normal), `p.value`, and the
#'   effect at a standard error of zero (Peters: in an endless study): `limit`, `limit.low`,
#'   `limit.high`, on the scale of `yi` (a log for ratios).
#' @section Errors:
#' `questrial_error_argument`: no such fit, moderators, no counts of events;
#' `questrial_error_no_data`: fewer than three studies; `questrial_error_singular`: all standard
#' errors or all effects are equal.
#' @seealso [funnel()], [trim_fill()].
#' @examples
#' trials <- data.frame(
#'   study = paste("Trial", 1:10),
#'   yi = c(0.9, 0.7, 0.62, 0.55, 0.5, 0.38, 0.4, 0.3, 0.25, 0.2),
#'   sei = c(0.45, 0.4, 0.33, 0.3, 0.26, 0.2, 0.18, 0.15, 0.1, 0.08)
#' )
#' fit <- meta_analysis(yi, sei = sei, slab = study, data = trials)
#' egger(fit)
#' trim_fill(fit)
#' @export
egger <- function(fit, model = c("lm", "rma")) {
  check_pool(fit)
  model <- check_choice(model, c("lm", "rma"), "model")
  studies <- unequal_studies(fit)
  sei <- sqrt(studies$vi)
  row <- if (model == "lm") {
    asymmetry_row("Egger", studies$yi, sei, 1 / studies$vi, fit$conf.level)
  } else {
    random_asymmetry_row(fit, sei)
  }
  new_asymmetry_test(row, fit, if (fit$measure %in% c("OR", "PETO")) {
    "Egger's test is too often significant for odds ratios; see peters()."
  } else if (fit$measure == "SMD") {
    "The standard error of an SMD holds the SMD itself, which makes a slope by itself."
  })
}

#' @rdname egger
#' @export
peters <- function(fit) {
  check_pool(fit)
  studies <- unequal_studies(fit)
  counts <- c("events1", "n1", "events2", "n2")
  if (!fit$measure %in% c("OR", "RR", "RD", "PETO") || !all(counts %in% names(studies))) {
    qst_abort("argument", paste(
      "`fit` has no counts of events, from which Peters' test takes its weights.",
      "Make its effects by effect_size(\"OR\", events1 = , n1 = , events2 = , n2 = )."
    ))
  }
  n <- studies$n1 + studies$n2
  events <- studies$events1 + studies$events2
  row <- asymmetry_row("Peters", studies$yi, 1 / n, events * (n - events) / n, fit$conf.level)
  new_asymmetry_test(row, fit, NULL)
}

check_pool <- function(fit) {
  if (!inherits(fit, "meta_analysis")) {
    qst_abort("argument", sprintf("`fit` must be a meta_analysis(), not %s.", describe(fit)))
  }
  refuse_clusters(fit, "A test or picture of funnels")
  if (!identical(names(fit$coefficients), "overall")) {
    qst_abort("argument", paste(
      "`fit` has moderators, and a funnel is that of one pooled effect.",
      "Fit the studies without `moderators`."
    ))
  }
}

enough_studies <- function(fit) {
  if (fit$k < 3) {
    qst_abort("no_data", sprintf(
      "`fit` pools %d %s, and a line through them needs at least 3. Report the forest plot alone.",
      fit$k, if (fit$k == 1) "study" else "studies"
    ))
  }
  fit$studies
}

unequal_studies <- function(fit) {
  studies <- enough_studies(fit)
  if (all(studies$yi == studies$yi[[1]])) {
    qst_abort("singular", paste(
      "All effects of `fit` are equal: their funnel has no width, and so no asymmetry.",
      "There is nothing to test."
    ))
  }
  studies
}

# ---- The regressions ----

asymmetry_row <- function(test, yi, x, weights, conf.level) {
  used <- weights > 0
  line <- summary(stats::lm(yi ~ x, weights = weights, subset = used))
  if (nrow(line$coefficients) < 2) {
    flat_funnel()
  }
  df <- line$df[[2]]
  half <- stats::qt((1 + conf.level) / 2, df) * line$coefficients[1, 2]
  asymmetry_parts(test, "lm", sum(used), line$coefficients, df, half)
}

random_asymmetry_row <- function(fit, sei) {
  studies <- data.frame(yi = fit$studies$yi, vi = fit$studies$vi, sei = sei)
  if (diff(range(sei)) <= 1e-12 * max(sei)) {
    flat_funnel()
  }
  line <- tidy.meta_analysis(meta_analysis(studies$yi, studies$vi,
    moderators = ~sei, data = studies, method = inverse_method(fit), test = fit$test,
    conf.level = fit$conf.level
  ))
  estimates <- cbind(line$estimate, line$std.error, line$statistic, line$p.value)
  half <- (line$conf.high[[1]] - line$conf.low[[1]]) / 2
  asymmetry_parts("Egger", "rma", nrow(studies), estimates, line$df[[2]], half)
}

asymmetry_parts <- function(test, model, k, lines, df, half) {
  data.frame(
    test = test, model = model, k = k, estimate = lines[2, 1], std.error = lines[2, 2],
    statistic = lines[2, 3], df = df, p.value = lines[2, 4], limit = lines[1, 1],
    limit.low = lines[1, 1] - half, limit.high = lines[1, 1] + half, row.names = NULL
  )
}

flat_funnel <- function() {
  qst_abort("singular", paste(
    "All studies of `fit` are equally precise, so no line can be drawn against their precision.",
    "Such studies have no small-study effect to test."
  ))
}

few_studies_note <- function(k) {
  if (k < 10) {
    sprintf("Fewer than ten studies (k = %d) cannot tell asymmetry from chance.", k)
  }
}

new_asymmetry_test <- function(row, fit, note) {
  structure(row,
    class = c("asymmetry_test", "data.frame"), notes = c(few_studies_note(row$k), note),
    measure = fit$measure, conf.level = fit$conf.level
  )
}

#' @rdname egger
#' @export
print.asymmetry_test <- function(x, ...) {
  check_no_dots(...)
  digits <- decimals_for(x$std.error)
  level <- percent_words(attr(x, "conf.level"))
  columns <- list(
    table_column("k", "k", "count"), table_column("Slope", "estimate", "number", digits = digits),
    table_column("SE", "std.error", "number", digits = digits),
    table_column(if (is.na(x$df)) "z" else "t", "statistic", "number", digits = 2),
    table_column("df", "df", "df"), table_column("P", "p.value", "p"),
    table_column("Limit", "limit", "number", digits = digits),
    table_column(level, c("limit.low", "limit.high"), "ci", digits = digits)
  )
  if (is.na(x$df)) {
    columns <- columns[-5]
  }
  caption <- sprintf(
    "%s test of funnel asymmetry (%s)", c(Egger = "Egger's", Peters = "Peters'")[[x$test]],
    if (x$model == "lm") "weighted regression" else "meta-regression"
  )
  print(new_questrial_table(as.data.frame(x), "asymmetry", caption, c(
    sprintf(
      "Limit: the effect %s.",
      if (x$test == "Peters") "in an endless study" else "at a standard error of zero"
    ),
    attr(x, "notes")
  ), columns = columns))
  invisible(x)
}

# ---- Trim and fill ----

#' Trim and fill
#'
#' How many studies would have to be added for the funnel to be symmetric, and what the pool would
#' be with them (Duval & Tweedie 2000, <doi:10.1111/j.0006-341X.2000.00455.x>).
#'
#' The studies farthest out on the fuller side are trimmed until the ranks of the rest are
#' symmetric, then all are put back with their mirror images about the trimmed pool. A way to see
#' how much the pool depends on such studies, not a corrected estimate: heterogeneity alone can
#' make studies to fill (Peters and others 2007, <doi:10.1002/sim.2889>).
#'
#' @param fit A [meta_analysis()] without moderators and without `cluster`.
#' @param estimator How the number of missing studies is estimated: `"L0"`, `"R0"` or `"Q0"`.
#' @param side The side on which studies are missing, `"left"` or `"right"`; by default the one
#'   that the slope of a meta-regression on the standard error points at.
#' @param x What `trim_fill()` returned.
#' @param ... Nothing; an unknown argument is an error.
#' @return The [meta_analysis()] of the studies and the filled ones, of class `trim_fill` too, with
#'   `studies$filled` and the list `trim_fill`: `k0`, `se.k0` (`NaN` where the formula has none),
#'   `side`, `estimator`, and `p.value` (of no missing study; `"R0"` only). [funnel()] shows the
#'   filled studies.
#' @section Errors:
#' `questrial_error_argument`: no such fit; `questrial_error_no_data`: fewer than three studies;
#' `questrial_error_not_converged`: trimming goes round in a circle, which few studies with equal
#' ranks can do.
#' @section Peers:
#' `metafor::trimfill()`, whose numbers it gives.
#' @seealso [egger()], [funnel()].
#' @inherit egger examples
#' @export
trim_fill <- function(fit, estimator = c("L0", "R0", "Q0"), side = NULL) {
  check_pool(fit)
  estimator <- check_choice(estimator, c("L0", "R0", "Q0"), "estimator")
  studies <- enough_studies(fit)
  side <- if (is.null(side)) emptier_side(fit) else check_choice(side, c("left", "right"), "side")
  turn <- if (side == "right") -1 else 1
  order <- order(turn * studies$yi)
  trimmed <- trim_studies(turn * studies$yi[order], studies$vi[order], fit, estimator)
  outer <- order[rev(seq_along(order))[seq_len(trimmed$k0)]]
  mirrored <- 2 * turn * trimmed$centre - studies$yi[rev(outer)]
  filled <- refit_studies(
    fit, c(studies$yi, mirrored), c(studies$vi, studies$vi[rev(outer)]),
    c(as.character(studies$slab), sprintf("Filled %d", seq_len(trimmed$k0)))
  )
  filled$studies$filled <- seq_len(filled$k) > fit$k
  filled$trim_fill <- list(
    k0 = trimmed$k0, se.k0 = trimmed$se, side = side, estimator = estimator,
    p.value = if (estimator == "R0") 0.5^(trimmed$k0 + 1) else NA_real_
  )
  filled$notes <- c(few_studies_note(fit$k), filled$notes)
  class(filled) <- c("trim_fill", class(filled))
  filled
}

# The same pool of other studies.
refit_studies <- function(fit, yi, vi, slab = NULL) {
  new <- meta_analysis(yi, vi,
    slab = slab, method = inverse_method(fit), test = fit$test, preset = fit$preset,
    conf.level = fit$conf.level
  )
  new$measure <- fit$measure
  new
}

# Filled studies and lines through a funnel have no tables.
inverse_method <- function(fit) {
  if (fit$method %in% meta_table_methods) "FE" else fit$method
}

emptier_side <- function(fit) {
  sei <- sqrt(fit$studies$vi)
  slope <- random_asymmetry_row(fit, sei)$estimate
  if (slope < 0) "right" else "left"
}

# Duval & Tweedie 2000, section 3: with the k0 largest left out the rest is pooled, all are ranked
# by their distance from that pool, and the ranks of those above it tell the next k0. `yi` rises.
trim_studies <- function(yi, vi, fit, estimator) {
  k <- length(yi)
  seen <- k0 <- 0
  repeat {
    kept <- seq_len(k - k0)
    centre <- refit_studies(fit, yi[kept], vi[kept])$coefficients[["overall"]]
    ranks <- rank(abs(yi - centre), ties.method = "first")
    missing <- missing_studies(ranks, yi > centre, yi < centre, estimator)
    if (missing$k0 == k0) {
      return(list(k0 = k0, se = missing$se, centre = centre))
    }
    if (missing$k0 %in% seen) {
      qst_abort("not_converged", sprintf(
        "Trimming goes round between %d and %d studies. Use another `estimator`.", k0, missing$k0
      ))
    }
    k0 <- missing$k0
    seen <- c(seen, k0)
  }
}

# The estimators of the number of missing studies and their standard errors: Duval & Tweedie 2000,
# equations (5) to (7) and (14) to (16).
missing_studies <- function(ranks, above, below, estimator) {
  k <- length(ranks)
  sum_ranks <- sum(ranks[above])
  k0 <- switch(estimator,
    R0 = k - max(ranks[below], 0) - 1,
    L0 = (4 * sum_ranks - k * (k + 1)) / (2 * k - 1),
    Q0 = k - 1 / 2 - root_or_nan(2 * k^2 - 4 * sum_ranks + 1 / 4)
  )
  if (is.nan(k0)) {
    qst_abort("not_converged",
      "Q0 has no value here, as too few studies lie below the pool. Use another `estimator`."
    )
  }
  variance <- (k * (k + 1) * (2 * k + 1) + 10 * k0^3 + 27 * k0^2 + 17 * k0 - 18 * k * k0^2 -
    18 * k * k0 + 6 * k^2 * k0) / 24
  se <- switch(estimator,
    R0 = sqrt(2 * max(0, k0) + 2),
    L0 = 4 * root_or_nan(variance) / (2 * k - 1),
    Q0 = 2 * root_or_nan(variance) / sqrt((k - 1 / 2)^2 - k0 * (2 * k - k0 - 1))
  )
  list(k0 = max(0, round(k0)), se = max(0, se))
}

# Without R's warning: a standard error that does not exist is reported as such.
root_or_nan <- function(x) if (x < 0) NaN else sqrt(x)

#' @rdname trim_fill
#' @export
print.trim_fill <- function(x, ...) {
  check_no_dots(...)
  found <- x$trim_fill
  cat(sprintf(
    "Trim and fill (%s): %d %s filled on the %s%s\n\n", found$estimator, found$k0,
    if (found$k0 == 1) "study" else "studies", found$side,
    if (is.na(found$se.k0)) "" else sprintf(" (SE %s)", format_number(found$se.k0, 2))
  ))
  NextMethod()
}
