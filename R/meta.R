#' Pool the effects of studies
#'
#' Fixed-effect and random-effects meta-analysis, with subgroups or moderators:
#' today's methods of Cochrane by default, those of RevMan 5.4 by a preset, all
#' solved to convergence in C.
#'
#' @section Methods:
#' `method` says how the variance between studies, tau2, is estimated: `"FE"`
#' (none), `"DL"` (DerSimonian-Laird), `"HE"` (Hedges), `"SJ"` (Sidik-Jonkman, from
#' the variance of the effects with divisor k), `"ML"`, `"REML"`, `"PM"`
#' (Paule-Mandel) and `"EB"` (empirical Bayes, which is the same number). For
#' two-by-two tables there are `"MH"` (Mantel-Haenszel, for OR, RR and RD) and
#' `"Peto"` (for OR and PETO), fixed-effect pools from the counts, in which studies
#' without events need no correction.
#'
#' `test = "HKSJ"` takes t with k - p degrees of freedom and the variance of
#' Hartung, Knapp, Sidik and Jonkman, that is the usual one times q = sum(w (y -
#' fitted)^2) / (k - p). There is no `max(1, q)`: RevMan has none, so with similar
#' effects the interval may be narrower than that of `test = "z"`, which a note then
#' says; `test = "adhoc"` is the version with `max(1, q)`. Fixed-effect pools are
#' always tested by z.
#'
#' `tau2.low` and `tau2.high` are the ends of the Q-profile interval. I2 = tau2 /
#' (tau2 + s2) and H2 = 1 + tau2 / s2 with the typical variance s2 of Higgins &
#' Thompson (2002); for fixed-effect pools and `preset = "revman5.4"` they are made
#' of Q.
#'
#' The prediction interval is the estimate plus or minus t sqrt(tau2 + SE^2), with
#' the k - p degrees of freedom of the HKSJ test, as RevMan since 2025 and metafor
#' have it, and with k - p - 1 where the test is z (Higgins, Thompson &
#' Spiegelhalter 2009).
#'
#' @section Presets:
#' `"revman5.4"`: DerSimonian-Laird, z, I2 from Cochran's Q, neither an interval of
#' tau2 nor a prediction interval. `"cochrane2025"`, what RevMan recommends since
#' January 2025: REML, HKSJ, Q-profile, prediction interval, I2 from tau2. A
#' `method` or `test` that is given goes before the preset.
#'
#' @param yi Effects: a column of `data` by its name, a numeric vector, a formula
#'   `yi ~ moderators`, or a data frame with columns `yi` and `vi`, such as
#'   [effect_size()] makes. Ratios on the log scale.
#' @param vi,sei Variances of the effects, or their standard errors; one of them.
#' @param slab Labels of the studies; by default column `study`, else the row names.
#' @param subgroup A column, vector or formula `~ g`: every subgroup is pooled by
#'   itself, with its own tau2, and the subgroups are compared.
#' @param moderators A formula, `~ x + z`: meta-regression.
#' @param data A data frame in which the other arguments are looked up.
#' @param method,test,preset See the sections.
#' @param conf.level Level of all intervals.
#' @param measure What the effects are, such as `"OR"` for log odds ratios, by which ratios are
#'   printed and drawn on their own scale. Effects of [effect_size()] or `escalc()` know it, unless
#'   merge() has made another data frame of them.
#' @param cluster Effects with the same value depend on one another: a column, vector or formula
#'   `~ study`. See [meta_cluster] for this and the next two.
#' @param rho Correlation of the errors of effects of a cluster, 0 unless given.
#' @param covariance Instead of `rho` the covariance matrix of the errors of all effects.
#' @return A list of class `meta_analysis`; see its elements by `names()`.
#'   `coefficients` and `vcov`; `tau2`, `se.tau2`; `studies`, a data frame with a
#'   row for each study used (`slab`, `yi`, `vi`, `weight` in percent, `conf.low`
#'   and `conf.high`, `subgroup`, `row`, the columns of the arms where they are
#'   known); `omitted`, what was left out and why; `k`, `df` (`NA`: normal), `Q`,
#'   `Q.df`, `Q.p`, `I2` (percent), `H2`, `tau2.low`, `tau2.high`, `pred.low`,
#'   `pred.high`; `subgroups`, a list of fits, with `subgroup.test`;
#'   `moderators.test` and `R2` (percent) where there are moderators; `notes`.
#'   `tidy()` gives the estimates, `glance()` one row about the fit.
#' @section Missing values:
#' Rows in which the effect, its variance or a moderator is missing are listed in
#' `omitted`. A missing subgroup counts in the overall pool only.
#' @section Errors:
#' `questrial_error_argument` for what cannot be read; `questrial_error_range` for a
#' negative variance, or one of 0 where a method needs its inverse (with its row);
#' `questrial_error_no_data` when no study is left; `questrial_error_singular` for
#' moderators that the studies cannot tell apart.
#' @section Peers:
#' `metafor::rma()` has `test = "z"` as default, leaves REML when a step is below
#' 1e-5 and reports the first digits of tau2 by it; with tighter `control` it gives
#' the same numbers. Its weights, I2, H2, Q-profile and likelihoods are ours. RevMan
#' 5.4 gives what the preset gives.
#' @examples
#' # Synthetic: five trials.
#' trials <- data.frame(
#'   study = c("A", "B", "C", "D", "E"), yi = c(0.1, 0.5, 0.3, 0.8, 0.2),
#'   vi = c(0.04, 0.05, 0.02, 0.08, 0.03), setting = c("ward", "ward", "clinic", "clinic", "ward")
#' )
#' meta_analysis(yi, vi, data = trials)
#' meta_analysis(yi, vi, data = trials, subgroup = setting)
#' meta_analysis(yi, vi, data = trials, preset = "revman5.4")
#' @export
meta_analysis <- function(yi, vi = NULL, sei = NULL, slab = NULL, subgroup = NULL,
                          moderators = NULL, data = NULL, method = "REML",
                          test = c("HKSJ", "z", "adhoc"), preset = NULL, conf.level = 0.95,
                          cluster = NULL, rho = NULL, covariance = NULL, measure = NULL) {
  call <- match.call()
  if (missing(yi)) {
    qst_abort("argument", "`yi`, the effects, is missing. Write meta_analysis(yi, vi, data = x).")
  }
  method <- if (missing(method)) NULL else method
  test <- if (missing(test)) NULL else test
  if (missing(cluster)) {
    spec <- meta_spec(method, test, preset, conf.level)
    refuse_cluster_words(rho, covariance)
  } else {
    spec <- meta_spec(NULL, NULL, preset, conf.level)
    spec <- cluster_spec(spec, method, test, rho, covariance)
  }
  input <- meta_input(call, data, parent.frame())
  input$measure <- measure_of(input$measure, measure)
  rows <- meta_rows(input, conf.level)
  fit <- if (missing(cluster)) {
    pool_studies(rows$studies, rows$x, spec, input$measure)
  } else {
    pool_clusters(rows, input, effect_clusters(input, call), spec)
  }
  fit$omitted <- rows$omitted
  fit$call <- call
  fit$terms <- input$terms
  fit$notes <- c(
    omitted_note(rows$omitted), if (missing(cluster)) label_note(rows$studies$slab), input$notes,
    fit$notes
  )
  if (!is.null(input$subgroup)) {
    fit <- add_subgroups(fit, levels(input$subgroup), spec)
  }
  fit
}

# ---- What is to be done ----

meta_methods <- c("FE", "DL", "HE", "SJ", "ML", "REML", "PM", "EB")
meta_fixed <- c("FE", "MH", "Peto")
meta_table_methods <- c("MH", "Peto")
meta_tests <- c("z", "HKSJ", "adhoc")

# NULL is what was not given: that of the preset, or of no preset, which is Cochrane's.
meta_spec <- function(method, test, preset, conf.level) {
  check_number(conf.level, "conf.level", min = 0, max = 1)
  old <- FALSE
  if (!is.null(preset)) {
    check_choice(preset, c("revman5.4", "cochrane2025"), "preset")
    old <- preset == "revman5.4"
  }
  method <- if (is.null(method)) if (old) "DL" else "REML" else method
  test <- if (is.null(test)) if (old) "z" else "HKSJ" else test
  check_meta_words(method, test)
  method <- check_choice(method, c(meta_methods, meta_table_methods), "method")
  test <- check_choice(test, meta_tests, "test")
  list(
    method = method, test = if (method %in% meta_fixed) "z" else test, preset = preset,
    conf.level = conf.level, from_q = old || method %in% meta_fixed, intervals = !old
  )
}

# The words of metafor and meta for what has another name here.
check_meta_words <- function(method, test) {
  ours <- c(knha = "HKSJ", hk = "HKSJ", CE = "FE", EE = "FE", common = "FE", fixed = "FE")
  for (given in list(method, test)) {
    if (is.character(given) && length(given) == 1 && given %in% names(ours)) {
      qst_abort("argument", sprintf(
        "\"%s\" is called \"%s\" here. Write that.", given, ours[[given]]
      ), value = given)
    }
  }
}

# ---- What is given ----

# yi, vi, slab, subgroup and model matrix of all rows. The arguments are expressions, evaluated in
# `data`, then where the call stands.
meta_input <- function(call, data, frame) {
  if (!is.null(data)) {
    check_data_frame(data)
  }
  get <- function(arg) meta_column(call[[arg]], data, frame, arg)
  yi <- get("yi")
  if (is.data.frame(yi)) {
    return(meta_input_frame(call, yi, data, frame))
  }
  moderators <- get("moderators")
  if (inherits(yi, "formula")) {
    if (length(yi) != 3 || !is.null(moderators)) {
      qst_abort("argument", paste(
        "A formula as `yi` has the effects on its left and the moderators on its right.",
        "Write yi ~ x, or leave the moderators to `moderators`."
      ))
    }
    moderators <- stats::formula(yi)[-2]
    environment(moderators) <- environment(yi)
    yi <- meta_column(yi[[2]], data, environment(yi), "yi")
  }
  finish_input(list(
    yi = yi, vi = get("vi"), sei = get("sei"), slab = get("slab"), subgroup = get("subgroup"),
    moderators = moderators, data = data, frame = frame, measure = attr(yi, "measure")
  ))
}

# A data frame in the place of `yi`: that of effect_size() or escalc(), which knows its columns.
meta_input_frame <- function(call, effects, data, frame) {
  if (!all(c("yi", "vi") %in% names(effects))) {
    qst_abort("argument", paste(
      "`yi` is a data frame without columns `yi` and `vi`.",
      "Name it and the columns: meta_analysis(effect, variance, data = x)."
    ))
  }
  if (!is.null(data) || !is.null(call$vi) || !is.null(call$sei)) {
    qst_abort("argument", paste(
      "The first argument is a data frame, and `data`, `vi` or `sei` is given too.",
      "Write meta_analysis(x), or meta_analysis(effect, variance, data = x)."
    ))
  }
  get <- function(arg) meta_column(call[[arg]], effects, frame, arg)
  measure <- attr(effects, "measure")
  finish_input(list(
    yi = effects$yi, vi = effects$vi, sei = NULL, slab = get("slab"), subgroup = get("subgroup"),
    moderators = get("moderators"), data = effects, frame = frame,
    measure = if (is.null(measure)) attr(effects$yi, "measure") else measure
  ))
}

# What the effects say they are, and what the user says.
measure_of <- function(known, measure) {
  if (is.null(measure)) {
    return(if (is.null(known)) "GEN" else known)
  }
  measure <- check_choice(measure, c(names(effect_measures), "IRR", "GEN"), "measure")
  if (!is.null(known) && known != "GEN" && known != measure) {
    qst_abort("argument", sprintf(
      "`measure` is \"%s\", but the effects were made as %s. Leave it out.", measure, known
    ), value = measure)
  }
  measure
}

meta_column <- function(expression, data, frame, arg) {
  if (is.null(expression)) {
    return(NULL)
  }
  tryCatch(eval(expression, data, frame), error = function(e) {
    if (inherits(e, "questrial_error")) {
      stop(e)
    }
    name <- if (is.name(expression)) as.character(expression) else deparse(expression)[[1]]
    qst_abort("argument", sprintf(
      "`%s`: %s cannot be found or computed (%s).%s", arg, name, conditionMessage(e),
      if (is.null(data)) {
        " Is `data = ` missing?"
      } else {
        suggest(name, names(data))
      }
    ))
  })
}

# Checks the lengths, makes one variance of vi and sei, and the model matrix.
finish_input <- function(given) {
  k <- length(given$yi)
  check_effects(given$yi)
  given$slab <- meta_labels(given, k)
  given$yi <- meta_numbers(given$yi, "yi", k)
  given$vi <- meta_variances(given, k)
  given$subgroup <- meta_subgroup(given, k)
  if (!is.null(given$moderators)) {
    given <- add_moderators(given, k)
  }
  given
}

check_effects <- function(x, arg = "yi") {
  if (!is.numeric(x) && !(is.logical(x) && all(is.na(x)))) {
    qst_abort("argument", sprintf(
      "`%s` must be numbers, not %s. Give a column of `data` by its name without quotes.",
      arg, describe(x)
    ))
  }
}

meta_numbers <- function(x, arg, k) {
  check_effects(x, arg)
  if (length(x) != k) {
    qst_abort("argument", sprintf(
      "`%s` has %d values, but there are %d effects. Give one for each.", arg, length(x), k
    ))
  }
  as.double(x)
}

meta_variances <- function(given, k) {
  if (is.null(given$vi) == is.null(given$sei)) {
    qst_abort("argument", paste(
      "Give either `vi`, the variances of the effects, or `sei`, their standard errors;",
      if (is.null(given$vi)) "neither is there." else "both are there."
    ))
  }
  arg <- if (is.null(given$vi)) "sei" else "vi"
  x <- meta_numbers(given[[arg]], arg, k)
  negative <- which(x < 0)
  if (length(negative) > 0) {
    at <- negative[[1]]
    qst_abort("range", sprintf(
      "`%s` of row %d is %s; a variance or standard error cannot be negative. Correct the row.",
      arg, at, format(x[[at]])
    ), row = at, value = x[[at]])
  }
  if (arg == "sei") x^2 else x
}

meta_labels <- function(given, k) {
  slab <- given$slab
  if (is.null(slab)) {
    slab <- if (!is.null(given$data$study)) given$data$study else attr(given$yi, "slab")
  }
  if (is.null(slab) && !is.null(given$data) && is.character(attr(given$data, "row.names"))) {
    slab <- row.names(given$data)
  }
  if (is.null(slab)) {
    return(paste("Study", seq_len(k)))
  }
  check_meta_length(slab, "slab", k)
  slab <- as.character(slab)
  slab[is.na(slab)] <- paste("Study", which(is.na(slab)))
  slab
}

check_meta_length <- function(x, arg, k) {
  if (!is.atomic(x) || length(x) != k) {
    qst_abort("argument", sprintf(
      "`%s` must have one value for each of the %d effects, not %s.%s", arg, k, describe(x),
      if (is.character(x)) " Give a column of `data` by its name without quotes." else ""
    ))
  }
}

# Levels in the order of a factor, else as they come.
meta_subgroup <- function(given, k) {
  x <- given$subgroup
  if (inherits(x, "formula")) {
    names <- all.vars(x)
    if (length(names) != 1 || length(x) != 2) {
      qst_abort("argument", "`subgroup` as a formula names one column, as in ~ setting.")
    }
    x <- meta_column(x[[2]], given$data, environment(x), "subgroup")
  }
  if (is.null(x)) {
    return(NULL)
  }
  check_meta_length(x, "subgroup", k)
  if (!is.null(given$moderators)) {
    qst_abort("argument", paste(
      "`subgroup` and `moderators` cannot both be given.",
      "Add the subgroup to the moderators: ~ x + group."
    ))
  }
  if (is.factor(x)) droplevels(x) else factor(x, unique(x[!is.na(x)]))
}

# The model matrix, without columns that the others give already.
add_moderators <- function(given, k) {
  moderators <- given$moderators
  if (!inherits(moderators, "formula") || length(moderators) != 2) {
    qst_abort("argument", sprintf(
      "`moderators` must be a formula with one side, as in ~ year + dose, not %s.",
      describe(moderators)
    ))
  }
  check_columns(
    as.list(given$data), setdiff(all.vars(moderators), unfound(moderators, given)), "moderators"
  )
  frame <- stats::model.frame(moderators, given$data, na.action = stats::na.pass)
  if (nrow(frame) != k) {
    qst_abort("argument", sprintf(
      "The moderators have %d rows, but there are %d effects. Give one value for each.",
      nrow(frame), k
    ))
  }
  given$terms <- list(
    terms = stats::terms(frame), xlevels = stats::.getXlevels(stats::terms(frame), frame)
  )
  given$x <- stats::model.matrix(stats::terms(frame), frame)
  rownames(given$x) <- NULL
  given$missing <- frame
  given
}

# Variables of a formula that are not columns, but stand where the formula was written.
unfound <- function(formula, given) {
  names <- setdiff(all.vars(formula), names(given$data))
  Filter(function(name) exists(name, environment(formula)), names)
}

# ---- Which studies are used ----

# list(studies, x, omitted).
meta_rows <- function(input, conf.level) {
  reason <- omission_reasons(input)
  used <- which(is.na(reason))
  if (length(used) == 0) {
    qst_abort("no_data", sprintf(
      "No study is left: none of %d rows has effect and variance. Check `yi` and `vi`.",
      length(reason)
    ))
  }
  left <- which(!is.na(reason))
  list(
    studies = study_rows(input, used, conf.level),
    x = used_columns(input$x, used),
    omitted = plain_frame(list(row = left, slab = input$slab[left], reason = reason[left]))
  )
}

omission_reasons <- function(input) {
  reason <- rep(NA_character_, length(input$yi))
  complete <- if (is.null(input$x)) TRUE else stats::complete.cases(input$missing)
  if (all(is.finite(input$yi)) && all(is.finite(input$vi)) && all(complete)) {
    return(reason)
  }
  for (name in names(input$missing)) {
    reason[!stats::complete.cases(input$missing[[name]])] <- paste(name, "is missing")
  }
  reason[is.infinite(input$vi)] <- "the variance is infinite"
  reason[is.na(input$vi)] <- "the variance is missing"
  reason[is.infinite(input$yi)] <- "the effect is infinite"
  reason[is.na(input$yi)] <- "the effect is missing"
  reason
}

meta_arm_columns <- c("events1", "n1", "mean1", "sd1", "events2", "n2", "mean2", "sd2")

study_rows <- function(input, used, conf.level) {
  yi <- input$yi[used]
  vi <- input$vi[used]
  half <- stats::qnorm((1 + conf.level) / 2) * sqrt(vi)
  group <- if (is.null(input$subgroup)) NA_character_ else as.character(input$subgroup)[used]
  arms <- meta_arm_columns[meta_arm_columns %in% names(input$data)]
  plain_frame(c(
    list(
      slab = input$slab[used], yi = yi, vi = vi, weight = rep(NA_real_, length(used)),
      conf.low = yi - half, conf.high = yi + half, subgroup = rep_len(group, length(used)),
      row = used
    ),
    lapply(unclass(input$data)[arms], function(column) column[used])
  ))
}

# data.frame() takes longer than a fit.
plain_frame <- function(columns) {
  attr(columns, "row.names") <- .set_row_names(length(columns[[1]]))
  class(columns) <- "data.frame"
  columns
}

# Columns that the studies used can tell apart, in the order of the formula.
used_columns <- function(x, used) {
  if (is.null(x)) {
    return(NULL)
  }
  kept <- x[used, , drop = FALSE]
  qr <- qr(kept)
  structure(
    kept[, sort(qr$pivot[seq_len(qr$rank)]), drop = FALSE],
    aliased = colnames(x)[sort(qr$pivot[-seq_len(qr$rank)])]
  )
}

# ---- The fit ----

# Quantiles for the Q-profile interval, a row for each number of degrees of freedom.
meta_quantiles <- function(k, conf.level) {
  tails <- c((1 - conf.level) / 2, (1 + conf.level) / 2)
  matrix(stats::qchisq(rep(tails, each = k), seq_len(k)), k)
}

# The core's answer for the sets of effects in the columns of `y`.
meta_core <- function(y, v, x, spec, intervals = spec$intervals, threads = 1L) {
  .Call(
    C_qstr_meta_fits, y, v, x,
    c(match(spec$method, meta_methods) - 1L, match(spec$test, meta_tests) - 1L, 1000L),
    if (intervals) meta_quantiles(nrow(y), spec$conf.level), threads
  )
}

# Words for what went wrong, in the order of the core's outcomes.
meta_outcomes <- c(
  "too_few", "aliased", "no_weight", "not_converged", "not_finite"
)

check_outcome <- function(core, studies, x, spec) {
  outcome <- core$outcome
  if (outcome == 0L) {
    return(invisible())
  }
  word <- meta_outcomes[[outcome]]
  if (word == "no_weight") {
    at <- which(studies$vi == 0)[[1]]
    qst_abort("range", sprintf(
      "The variance of %s (row %d) is 0: %s would give it infinite weight. %s",
      studies$slab[[at]], studies$row[[at]], spec$method,
      "Correct the row, or leave it out."
    ), row = studies$row[[at]], value = 0)
  }
  switch(word,
    too_few = qst_abort("no_data", sprintf(
      "%d studies cannot give %d coefficients. Take fewer moderators.", nrow(studies), ncol(x)
    )),
    aliased = qst_abort("singular", paste(
      "The moderators cannot be told apart by these studies and their weights.",
      "Take fewer of them."
    )),
    not_converged = qst_abort("convergence", sprintf(
      "%s did not converge in 1000 steps. Take method = \"PM\" or \"DL\".", spec$method
    )),
    qst_abort("range", paste(
      "The variances are too far apart to be weighed against one another.",
      "Check the units of `yi` and `vi`."
    ))
  )
}

study_core <- function(studies, x, spec) {
  core <- meta_core(matrix(studies$yi), matrix(studies$vi), x, spec)
  check_outcome(core, studies, x, spec)
  core$weight <- 1 / (studies$vi + core$tau2)
  core$Q.df <- core$k - nrow(core$b)
  core
}

pool_studies <- function(studies, x, spec, measure) {
  core <- if (spec$method %in% meta_table_methods) {
    table_core(studies, x, spec, measure)
  } else {
    study_core(studies, x, spec)
  }
  names <- if (is.null(x)) "overall" else colnames(x)
  p <- length(names)
  k <- core$k
  studies$weight <- 100 * core$weight / sum(core$weight)
  fit <- c(
    list(
      coefficients = stats::setNames(core$b[, 1], names),
      vcov = matrix(core$vcov, p, p, dimnames = list(names, names)),
      tau2 = core$tau2, se.tau2 = core$se.tau2, method = spec$method, test = spec$test,
      preset = spec$preset, measure = measure, conf.level = spec$conf.level, studies = studies,
      omitted = NULL, k = k, df = if (spec$test == "z" || k == p) NA_real_ else as.double(k - p),
      Q = core$Q, Q.df = core$Q.df, Q.p = q_p_value(core$Q, core$Q.df)
    ),
    heterogeneity(core, spec),
    list(
      tau2.low = core$tau2.low, tau2.high = core$tau2.high, pred.low = NA_real_,
      pred.high = NA_real_, subgroups = NULL, subgroup.test = NULL, notes = character(),
      call = NULL, p = p, scale = core$scale, typical = core$typical, bounded = core$bounded,
      logLik = c(ML = core$logLik, REML = core$logLik.reml), x = x
    )
  )
  class(fit) <- "meta_analysis"
  fit <- if (is.null(x)) add_prediction(fit, spec) else add_moderator_test(fit, spec)
  fit$notes <- fit_notes(fit)
  fit
}

# ---- Two-by-two tables ----

# As study_core(), from the counts of events.
table_core <- function(studies, x, spec, measure) {
  check_table_pool(studies, x, spec$method, measure)
  columns <- lapply(studies[c("events1", "n1", "events2", "n2")], as.double)
  kind <- if (spec$method == "Peto") "Peto" else measure
  if (kind == "RD" && identical(spec$preset, "revman5.4")) {
    kind <- "RD.revman"
  }
  kinds <- c("OR", "RR", "RD", "RD.revman", "Peto")
  pooled <- .Call(
    C_qstr_meta_tables, columns[[1]], columns[[2]], columns[[3]], columns[[4]],
    match(kind, kinds) - 1L
  )
  none <- NA_real_
  counted <- counted_tables(columns, kind)
  list(
    b = matrix(pooled$estimate), vcov = pooled$variance, k = nrow(studies), tau2 = 0,
    se.tau2 = none, tau2.low = none, tau2.high = none, typical = none, scale = none,
    bounded = FALSE, logLik = none, logLik.reml = none, weight = pooled$weight,
    Q = if (kind == "Peto") {
      pooled$Q
    } else {
      sum(((studies$yi - pooled$estimate)^2 / studies$vi)[counted])
    },
    Q.df = max(as.integer(if (kind == "Peto") pooled$k else sum(counted)) - 1L, 0L)
  )
}

# Whose effects make Q: not tables without an event, or without anything else, of which only a
# correction makes an effect. RevMan counts them for RD.
counted_tables <- function(columns, kind) {
  events <- columns[[1]] + columns[[3]]
  kind == "RD.revman" | (events > 0 & events < columns[[2]] + columns[[4]])
}

check_table_pool <- function(studies, x, method, measure) {
  measures <- if (method == "MH") c("OR", "RR", "RD") else c("OR", "PETO")
  if (!measure %in% measures) {
    qst_abort("argument", sprintf(
      "method = \"%s\" pools %s, not %s. Make the effects by effect_size(\"%s\", ...).",
      method, join_words(measures, " or "), measure, measures[[1]]
    ), value = measure)
  }
  check_columns(studies, c("events1", "n1", "events2", "n2"), "yi")
  if (!is.null(x)) {
    qst_abort("argument", sprintf(
      "method = \"%s\" has no moderators. Take subgroups, or method = \"REML\".", method
    ))
  }
}

q_p_value <- function(q, df) {
  if (df > 0) stats::pchisq(q, df, lower.tail = FALSE) else NA_real_
}

# I2 (percent) and H2.
heterogeneity <- function(core, spec) {
  df <- core$Q.df
  if (df <= 0) {
    return(list(I2 = 0, H2 = 1))
  }
  if (spec$from_q) {
    q <- core$Q
    return(list(I2 = if (isTRUE(q > 0)) 100 * max(0, (q - df) / q) else 0 * q, H2 = q / df))
  }
  list(
    I2 = 100 * core$tau2 / (core$tau2 + core$typical), H2 = 1 + core$tau2 / core$typical
  )
}

prediction_df <- function(fit) {
  if (anyNA(fit$df)) fit$k - fit$p - 1 else fit$df
}

has_prediction <- function(fit) {
  !fit$method %in% meta_fixed && !identical(fit$preset, "revman5.4") && prediction_df(fit) > 0
}

add_prediction <- function(fit, spec) {
  if (has_prediction(fit)) {
    half <- stats::qt((1 + spec$conf.level) / 2, prediction_df(fit)) *
      sqrt(fit$tau2 + fit$vcov[[1]])
    fit$pred.low <- fit$coefficients[[1]] - half
    fit$pred.high <- fit$coefficients[[1]] + half
  }
  fit
}

# ---- Moderators ----

# All coefficients but the intercept, chi-square or F.
add_moderator_test <- function(fit, spec) {
  tested <- names(fit$coefficients) != "(Intercept)"
  if (any(tested) && any(diag(fit$vcov) > 0)) {
    b <- fit$coefficients[tested]
    q <- sum(b * solve(fit$vcov[tested, tested, drop = FALSE], b))
    m <- length(b)
    fit$moderators.test <- if (is.na(fit$df)) {
      list(
        statistic = q, df = m, df.residual = NA_real_,
        p.value = stats::pchisq(q, m, lower.tail = FALSE)
      )
    } else {
      list(
        statistic = q / m, df = m, df.residual = fit$df,
        p.value = stats::pf(q / m, m, fit$df, lower.tail = FALSE)
      )
    }
  }
  fit$R2 <- explained_share(fit, spec)
  fit
}

# The share of tau2 that the moderators take away (Raudenbush 1994), in percent.
explained_share <- function(fit, spec) {
  if (!"(Intercept)" %in% names(fit$coefficients) || spec$method == "FE" || fit$k == fit$p) {
    return(NA_real_)
  }
  studies <- fit$studies
  alone <- meta_core(matrix(studies$yi), matrix(studies$vi), NULL, spec, FALSE)$tau2
  if (is.na(alone)) NA_real_ else if (alone == 0) 0 else max(0, 100 * (1 - fit$tau2 / alone))
}

# ---- Subgroups ----

add_subgroups <- function(fit, levels, spec) {
  group <- fit$studies$subgroup
  levels <- intersect(levels, group)
  fits <- lapply(stats::setNames(levels, levels), function(level) {
    pool_subgroup(fit, which(group == level), spec)
  })
  fit$subgroups <- Filter(Negate(is.null), fits)
  fit$subgroup.test <- difference_test(fit$subgroups)
  fit$notes <- c(
    fit$notes,
    subgroup_notes(
      fit$subgroups, setdiff(levels, names(fit$subgroups)), fit$studies$slab[is.na(group)]
    )
  )
  fit
}

# NULL where the tables of a subgroup have too few events.
pool_subgroup <- function(fit, rows, spec) {
  studies <- fit$studies[rows, , drop = FALSE]
  row.names(studies) <- NULL
  tryCatch(
    {
      one <- pool_studies(studies, NULL, spec, fit$measure)
      one$omitted <- fit$omitted[0, ]
      one
    },
    questrial_error_no_data = function(e) NULL
  )
}

# Q between the subgroups, each by the variance of its own pool (Borenstein & Higgins 2013).
difference_test <- function(fits) {
  estimate <- vapply(fits, function(one) one$coefficients[[1]], 0)
  weight <- 1 / vapply(fits, function(one) one$vcov[[1]], 0)
  q <- sum(weight * (estimate - sum(weight * estimate) / sum(weight))^2)
  df <- length(fits) - 1L
  if (any(weight == Inf)) {
    return(list(Q = NA_real_, df = df, p.value = NA_real_))
  }
  list(Q = q, df = df, p.value = q_p_value(q, df))
}

subgroup_notes <- function(fits, lost, without) {
  single <- names(fits)[vapply(fits, function(one) one$k == 1L, NA)]
  equal <- names(fits)[vapply(fits, function(one) one$vcov[[1]] == 0, NA)]
  c(
    if (length(without) > 0) {
      sprintf("In no subgroup, only in the overall pool: %s.", join_words(without))
    },
    if (length(lost) > 0) {
      sprintf("Too few events for a pool of its own: %s.", join_words(lost))
    },
    if (length(single) > 0) {
      sprintf("One study is no pool: %s.", join_words(single))
    },
    if (length(equal) > 0) {
      sprintf(
        "No test of subgroup differences: all effects are equal in %s. Take test = \"z\".",
        join_words(equal)
      )
    }
  )
}

# ---- Notes ----

omitted_note <- function(omitted) {
  if (nrow(omitted) > 0) {
    sprintf(
      "Left out: %s.", join_words(sprintf("%s (%s)", omitted$slab, omitted$reason))
    )
  }
}

label_note <- function(slab) {
  if (anyDuplicated(slab) > 0) {
    sprintf(
      "More than one row is called %s: effects of the same people are not independent.",
      join_words(unique(slab[duplicated(slab)]))
    )
  }
}

fit_notes <- function(fit) {
  aliased <- attr(fit$x, "aliased")
  random <- !fit$method %in% meta_fixed
  c(
    if (length(aliased) > 0) {
      sprintf("Left out, because the other moderators give it: %s.", join_words(aliased))
    },
    if (fit$k == fit$p) {
      if (fit$k == 1) {
        "One study: its own effect, nothing is pooled."
      } else {
        "As many coefficients as studies: heterogeneity cannot be estimated."
      }
    },
    if (any(fit$studies$vi == 0)) {
      "A variance is 0: no Q, I2 or interval of tau2."
    },
    if (random && fit$k > fit$p) hksj_notes(fit)
  )
}

hksj_notes <- function(fit) {
  if (fit$test != "HKSJ") {
    return(NULL)
  }
  if (fit$scale == 0) {
    return("All effects are equal: the HKSJ interval has no width. Take test = \"z\".")
  }
  c(
    if (round(sqrt(fit$scale), 2) < 1) {
      sprintf(
        "The HKSJ standard error is %.2f of that of z: similar effects may narrow it by chance.",
        sqrt(fit$scale)
      )
    },
    if (fit$df == 1) {
      "t with 1 degree of freedom: the interval can hardly exclude anything."
    }
  )
}
