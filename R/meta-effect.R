#' Effect sizes of studies and their variances
#'
#' One row a study: the effect `yi` and its sampling variance `vi`, from what was printed of the
#' arms. Arm 1 is the treated arm and arm 2 the control, so that an effect above 0 says that arm 1
#' has more; of one group measured twice (`MC`, `SMCC`, `SMCR`), 1 is after and 2 before.
#'
#' | `measure` | `yi` | `vi` |
#' |---|---|---|
#' | `MD` | `mean1 - mean2` | `sd1^2 / n1 + sd2^2 / n2` |
#' | `SMD` | Hedges' `g = J d`, `d = (mean1 - mean2) / s`, s pooled | see below |
#' | `ROM` | `log(mean1 / mean2)` | `sd1^2 / (n1 mean1^2) + sd2^2 / (n2 mean2^2)` |
#' | `MC` | mean change | `c^2 / n1`, `c^2 = sd1^2 + sd2^2 - 2 r sd1 sd2` |
#' | `SMCC` | J times mean change over c | `1 / n1 + yi^2 / (2 n1)` |
#' | `SMCR` | J times mean change over `sd2`, the SD before | `2 (1 - r) / n1 + yi^2 / (2 n1)` |
#' | `OR` | log odds ratio, `log(a d / (b c))` | `1 / a + 1 / b + 1 / c + 1 / d` |
#' | `RR` | log risk ratio, `log((a / n1) / (c / n2))` | `1 / a - 1 / n1 + 1 / c - 1 / n2` |
#' | `RD` | risk difference, `a / n1 - c / n2` | `a b / n1^3 + c d / n2^3` |
#' | `PETO` | log odds ratio of one step, `(a - E) / V` | `1 / V`, V hypergeometric |
#'
#' a and c are `events1` and `events2`, b and d the people without. J takes the small-sample bias
#' of d: exactly \eqn{\Gamma(m/2) / (\sqrt{m/2}\,\Gamma((m-1)/2))}{gamma(m/2) / (sqrt(m/2)
#' gamma((m-1)/2))} with m degrees of freedom (`correction = "exact"`), or as RevMan does
#' \eqn{1 - 3/(4N - 9)}{1 - 3 / (4 N - 9)}, \eqn{N = n_1 + n_2}{N = n1 + n2} (`"approximate"`).
#'
#' @section Variances of an SMD:
#' Programs differ in the variance of g, and so in weights, intervals and I2 from the same table
#' (Lin & Aloe 2021, <doi:10.1002/sim.8781>): say which one was used. With `A = 1 / n1 + 1 / n2`:
#'
#' | `vtype` | variance | J | usual in |
#' |---|---|---|---|
#' | `LS` | `A + g^2 / (2 N)` (Hedges 1982) | exact | metafor |
#' | `LS2` | `J^2 (A + d^2 / (2 N))` (Borenstein 2009) | exact | Comprehensive Meta-Analysis |
#' | `UB` | `A + g^2 (1 - (m - 2) / (m J^2))` (Hedges 1983) | exact | an option of metafor |
#' | `revman` | `A + g^2 / (2 (N - 3.94))` (Deeks & Higgins 2010) | approximate | RevMan |
#'
#' With 20 people in each arm and g = 0.8 the four are 0.1080, 0.1041, 0.1088 and 0.1089. For
#' `SMCC` and `SMCR` there are `LS` and `LS2`.
#'
#' @section What is printed instead:
#' Each row may report in its own way. What is missing in a row is made of the first of these that
#' it has; `yi.from` then says of what.
#'
#' | an arm has | its SD is |
#' |---|---|
#' | `se1` | `se1 sqrt(n1)` |
#' | `conf.low1`, `conf.high1`, of the mean | `sqrt(n1) (high - low) / (2 t)`, t of `n1 - 1` df |
#' | `median1`, `q25.1`, `q75.1` | the interquartile range over its expectation (Wan et al. 2014) |
#' | `median1`, `min1`, `max1` | the range over its expectation (Wan et al. 2014) |
#' | all five | both, weighted (Shi et al. 2020) |
#'
#' Medians become means after Luo et al. (2018), as in `metafor::conv.fivenum()`; a note names rows
#' that the test of Shi et al. (2023) calls skewed.
#'
#' | the arms are compared by | for a standardised difference | for a difference |
#' |---|---|---|
#' | `std.error` | `t = estimate / std.error` | SE |
#' | `conf.low`, `conf.high` | SE = half the width over t, of `n1 + n2 - 2` df | SE |
#' | `t` | `d = t sqrt(1 / n1 + 1 / n2)`, paired `t / sqrt(n1)` | `SE = abs(estimate / t)` |
#' | `f`, 1 df | `t = sqrt(f)` with the sign of the difference or of `direction` | as t |
#' | `p`, two-sided | t whose P it is, with that sign | as t |
#'
#' t must be that of the unadjusted comparison: one from an analysis of covariance has the smaller
#' error that the baseline leaves, and d from it would be too large. Give then the adjusted
#' `estimate` and the arms' SDs. For `OR`, `RR` and `PETO`, `estimate` and its interval are ratios,
#' `std.error` is that of the logarithm, and normal quantiles are used.
#'
#' Changes from baseline in two arms are `MD` or `SMD` of the arms' mean changes and SDs of changes;
#' [change_sd()] makes these of the SDs before and after. An SMD by SDs of changes and one by SDs
#' after treatment are not the same quantity: do not pool them (Cochrane Handbook 10.5.2).
#'
#' @section Pre-post rows:
#' One group measured twice has a variance that depends on the correlation of before and after.
#' Given as two groups it would have a wrong one, and so it is refused: rows with `paired` true, or
#' called pre-post, before-after, paired, one-group or single-arm in a column `paired` or `design`.
#' `MC`, `SMCC` and `SMCR` need `r`, or what gives it: `sd.change` or, but for `SMCR`, the paired t,
#' F, P or interval. `rbind()` puts rows of `SMCR` under those of `SMD`, `MC` under `MD`.
#'
#' @section Zero cells:
#' As in `metafor::escalc()`, `add` is added to all four cells of a table that has an empty one
#' (`to = "only0"`), of every table if one has (`"if0all"`), of every table (`"all"`) or of none.
#' `drop00 = TRUE` leaves out tables without an event in either arm, or without anything else.
#' Peto's odds ratio needs no correction: RevMan makes none, `to = "none"`.
#'
#' @section Missing values:
#' A row with a missing number has `NA` in `yi` and `vi`; one whose effect does not exist (an SD of
#' 0 to divide by, means of opposite sign for `ROM`) `NaN`, with a note.
#'
#' @section Peers:
#' `metafor::escalc()` has the same numbers to rounding (`n1i`, `m1i`, `sd1i`, `ai` there). It
#' standardises `SMCR` by its `sd1i`; here the SD before is `sd2`, because 1 is after.
#'
#' @param measure A name of the table.
#' @param mean1,sd1,n1,mean2,sd2,n2 Means, standard deviations and numbers of people: columns of
#'   `data` by name, or vectors. Those not given are taken from columns of these names, if
#'   `data` has them. `n` may be an effective number. Of one group `n1` is enough.
#' @param events1,events2 Numbers of people with the event; `n1` and `n2` are then all people.
#' @param r For `MC`, `SMCC`, `SMCR`: the correlation of before and after; one or one a row.
#' @param ... Nothing; an unknown argument is an error.
#' @param data A data frame, one row a study.
#' @param slab Names of the studies, a column or a vector; without, the column `study` if there is
#'   one.
#' @param paired Which rows are of one group measured twice; see below.
#' @param t,f,p The test of the comparison: t, F with 1 degree of freedom, two-sided P.
#' @param direction 1 where arm 1 has more and -1 where arm 2, for F and P without an estimate.
#' @param estimate,std.error,conf.low,conf.high The comparison as printed, its standard error and
#'   confidence limits.
#' @param sd.change The SD of the changes of one group.
#' @param se1,conf.low1,conf.high1,se2,conf.low2,conf.high2 Standard errors and confidence limits of
#'   the arms' means.
#' @param median1,q25.1,q75.1,min1,max1,median2,q25.2,q75.2,min2,max2 Quantiles of the arms.
#' @param conf.level Level of the intervals that are given.
#' @param vtype The variance of `SMD`, `SMCC` and `SMCR`; see below.
#' @param correction `"exact"`, `"approximate"` or `"none"` (Cohen's d): J; without, approximate
#'   for `vtype = "revman"`, else exact.
#' @param add,to,drop00 What is done about empty cells; see below.
#' @return A data frame of class `effect_sizes`: the columns of `data`, `study`, the arms under
#'   their names here, `yi.from` if anything but means, SDs and counts was used, `yi` and `vi`.
#'   Attributes `measure`, `vtype`, `notes`. Ratios (`ROM`,
#'   `OR`, `RR`, `PETO`) are logarithms.
#' @section Errors:
#' `questrial_error_argument`: an unknown measure or column, lengths that do not fit, an SD below 0,
#' more events than people (`row`, `value`), an argument the measure needs.
#' @seealso [effect_size_of_results] for trials analysed here; [combine_arms()] for trials of
#'   several arms; [screen_effects()] before pooling; [cohens_d()] for the noncentral interval of
#'   one trial's d.
#' @references
#' Luo D, Wan X, Liu J, Tong T (2018). *Stat. Methods Med. Res.* 27:1785-1805.
#'
#' Shi J, Luo D, Weng H, et al. (2020). *Res. Synth. Methods* 11:641-654.
#'
#' Shi J, Luo D, Wan X, et al. (2023). *Stat. Methods Med. Res.* 32:1338-1360.
#'
#' Wan X, Wang W, Liu J, Tong T (2014). *BMC Med. Res. Methodol.* 14:135.
#' @examples
#' trials <- data.frame(
#'   study = c("One", "Two"), m.t = c(21.2, 30.1), s.t = c(5.1, 6.3), n.t = c(30, 52),
#'   m.c = c(18.4, 29.0), s.c = c(4.8, 6.0), n.c = c(32, 49)
#' )
#' effect_size("SMD", m.t, s.t, n.t, m.c, s.c, n.c, data = trials)
#' # t of a comparison, P with its direction, a median with its quartiles
#' effect_size("SMD", t = c(-2.66, NA), p = c(NA, .02), direction = -1, n1 = 18, n2 = 18)
#' effect_size("MD", 21.2, 5.1, 30, median2 = 18, q25.2 = 15, q75.2 = 22, n2 = 32)
#' # One group before and after
#' effect_size("SMCR", mean1 = 24, sd1 = 6, n1 = 20, mean2 = 21, sd2 = 5, r = 0.6)
#' effect_size("OR", events1 = c(0, 8), n1 = c(20, 40), events2 = c(3, 15), n2 = c(21, 41))
#' @export
effect_size <- function(measure, ...) {
  UseMethod("effect_size")
}

#' @rdname effect_size
#' @export
effect_size.default <- function(measure, mean1, sd1, n1, mean2, sd2, n2, events1, events2, r, ...,
                                data = NULL, slab, paired, t, f, p, direction, estimate, std.error,
                                conf.low, conf.high, sd.change, se1, conf.low1, conf.high1, median1,
                                q25.1, q75.1, min1, max1, se2, conf.low2, conf.high2, median2,
                                q25.2, q75.2, min2, max2, conf.level = 0.95,
                                vtype = c("LS", "LS2", "UB", "revman"), correction = NULL,
                                add = 1 / 2, to = c("only0", "if0all", "all", "none"),
                                drop00 = FALSE) {
  call <- match.call()
  check_no_dots(...)
  measure <- check_effect_measure(measure)
  how <- list(
    vtype = check_choice(vtype, c("LS", "LS2", "UB", "revman"), "vtype"), add = add,
    to = check_choice(to, c("only0", "if0all", "all", "none"), "to"), drop00 = drop00,
    conf.level = check_number(conf.level, "conf.level", min = 0, max = 1)
  )
  how$correction <- effect_correction(correction, how$vtype)
  if (!is.null(data)) {
    check_data_frame(data)
  }
  given <- study_values(call, data, parent.frame())
  check_needed(measure, given)
  check_pairing(measure, given)
  new_effect_sizes(measure, effect_rows(measure, given, how), data, given$slab, how)
}

check_effect_measure <- function(measure) {
  if (!is.character(measure)) {
    qst_abort("argument", sprintf(
      paste(
        "`measure` must be one of %s, or a result that an effect can be taken from (analyse(),",
        "compare_arms(), compare_paired(), fit_glm()), not %s."
      ), enumerate(names(effect_measures), " or ", most = Inf), describe(measure)
    ))
  }
  check_choice(measure, names(effect_measures), "measure")
}

# ---- Measures ----

# What prints and pictures say of each: name, abbreviation, whether yi is a logarithm.
effect_measures <- list(
  MD = list(name = "Mean difference", abbreviation = "MD", log = FALSE),
  SMD = list(name = "Standardised mean difference", abbreviation = "SMD", log = FALSE),
  ROM = list(name = "Ratio of means", abbreviation = "ROM", log = TRUE),
  MC = list(name = "Mean change", abbreviation = "MC", log = FALSE),
  SMCC = list(name = "Standardised mean change", abbreviation = "SMCC", log = FALSE),
  SMCR = list(name = "Standardised mean change", abbreviation = "SMCR", log = FALSE),
  OR = list(name = "Odds ratio", abbreviation = "OR", log = TRUE),
  RR = list(name = "Risk ratio", abbreviation = "RR", log = TRUE),
  RD = list(name = "Risk difference", abbreviation = "RD", log = FALSE),
  PETO = list(name = "Peto odds ratio", abbreviation = "Peto OR", log = TRUE)
)

# Of a measure of effect_size(), or of any other: list(name, log, abbreviation, null), where null
# is no effect on the scale of yi.
effect_scale <- function(measure) {
  known <- effect_measures[[measure]]
  if (is.null(known)) {
    known <- if (identical(measure, "IRR")) {
      list(name = "Rate ratio", abbreviation = "IRR", log = TRUE)
    } else {
      list(name = "Effect", abbreviation = "Effect", log = FALSE)
    }
  }
  c(known, null = 0)
}

is_count_measure <- function(measure) {
  measure %in% c("OR", "RR", "RD", "PETO")
}

is_change_measure <- function(measure) {
  measure %in% c("MC", "SMCC", "SMCR")
}

effect_correction <- function(correction, vtype) {
  if (is.null(correction)) {
    return(if (vtype == "revman") "approximate" else "exact")
  }
  check_choice(correction, c("exact", "approximate", "none"), "correction")
}

# ---- Arguments: columns of `data` by name, or vectors ----

study_arm_columns <- c("mean1", "sd1", "n1", "mean2", "sd2", "n2", "events1", "events2")

# The values of the arguments of `call` that describe studies, evaluated in `data` and then in
# `env`; arms that are not given are columns of that name.
study_values <- function(call, data, env) {
  asked <- intersect(names(call), c(study_arm_columns, "r", "slab", "paired", printed_arguments))
  values <- lapply(asked, function(arg) study_value(call[[arg]], arg, data, env))
  names(values) <- asked
  by_name <- setdiff(intersect(study_arm_columns, names(data)), asked)
  values[by_name] <- lapply(by_name, function(arg) check_study_numbers(data[[arg]], arg))
  if (is.null(values$slab) && "study" %in% names(data)) {
    values$slab <- data$study
  }
  if (is.null(values$paired)) {
    design <- intersect(c("paired", "design"), names(data))
    values$paired <- if (length(design) > 0) says_paired(data[[design[[1]]]])
  }
  recycle_studies(values, data)
}

study_value <- function(expression, arg, data, env) {
  value <- tryCatch(eval(expression, data, env), error = function(e) {
    qst_abort("argument", sprintf(
      "`%s` cannot be found: %s. Give a column of `data` or a vector.", arg, conditionMessage(e)
    ))
  })
  if (is.character(value) && length(value) == 1 && value %in% names(data)) {
    value <- data[[value]]
  }
  switch(arg,
    slab = as.character(value),
    paired = says_paired(value),
    check_study_numbers(value, arg)
  )
}

# 1 for rows of one group measured twice, in words or as TRUE.
says_paired <- function(x) {
  if (is.logical(x) || is.numeric(x)) {
    return(as.double(x %in% TRUE | x %in% 1))
  }
  words <- "^(pre.?post|pre.?test|before.?(and.?)?after|paired|(one|single).?(group|arm))"
  as.double(grepl(words, as.character(x), ignore.case = TRUE))
}

check_study_numbers <- function(x, arg) {
  check_numbers(x, arg)
  as.double(x)
}

# One value stands for all studies.
recycle_studies <- function(values, data) {
  lengths <- lengths(values)
  k <- if (is.null(data)) max(lengths, 0L) else nrow(data)
  wrong <- names(values)[!lengths %in% c(1L, k)]
  if (length(wrong) > 0) {
    qst_abort("argument", sprintf(
      "`%s` has %d values for %d studies. Give one a study, or one for all.",
      wrong[[1]], lengths[[wrong[[1]]]], k
    ))
  }
  lapply(values, rep_len, k)
}

# ---- Checks ----

needed_arguments <- function(measure) {
  if (is_count_measure(measure)) {
    c("events1", "n1", "events2", "n2")
  } else if (is_change_measure(measure)) {
    c("mean1", "sd1", "n1", "mean2", "sd2")
  } else {
    c("mean1", "sd1", "n1", "mean2", "sd2", "n2")
  }
}

check_needed <- function(measure, given) {
  needed <- needed_arguments(measure)
  missing <- setdiff(needed, names(given))
  if (length(missing) > 0 && !any(printed_arguments %in% names(given))) {
    qst_abort("argument", sprintf(
      paste(
        "%s needs %s. Give columns of `data` or vectors, or what is printed instead (`t`, `p`,",
        "`conf.low`, `se1`, `median1` and others)."
      ), measure, enumerate(missing, most = Inf)
    ), value = missing)
  }
}

# Pre-post rows need a correlation or say so.
check_pairing <- function(measure, given) {
  known <- c("r", "sd.change", "t", "f", "p", "std.error", "conf.low")
  if (is_change_measure(measure) && !any(known %in% names(given))) {
    qst_abort("argument", sprintf(
      paste(
        "%s is of one group measured twice and needs `r`, the correlation of before and after,",
        "or `sd.change` or the paired `t`. If the paper prints none of them, assume one",
        "(`r = 0.5`), say so, and try others."
      ), measure
    ))
  }
  refuse_paired_rows(measure, given)
  if (!is_change_measure(measure) && !is.null(given[["r"]])) {
    qst_abort("argument", sprintf(
      paste(
        "`r` is the correlation of one group measured twice, but %s compares two groups of",
        "different people. Use MC, SMCC or SMCR for pre-post rows."
      ), measure
    ))
  }
}

refuse_paired_rows <- function(measure, given) {
  rows <- which(given$paired == 1)
  if (!is_change_measure(measure) && length(rows) > 0) {
    qst_abort("argument", sprintf(
      paste(
        "Row %s is pre-post: one group measured twice. %s takes the rows for two groups of",
        "different people, which gives a wrong variance (by 2 (1 - r) at least) and a comparison",
        "without a control. Use MC, SMCC or SMCR with `r` for such rows, and bind them by rbind()."
      ), join_words(rows), measure
    ), row = rows[[1]])
  }
}

# ---- Effects ----

effect_of <- function(measure, arms, how) {
  if (is_count_measure(measure)) {
    return(.Call(C_qstr_effect_events, measure, how[c("add", "to", "drop00")], arms))
  }
  if (!is_change_measure(measure)) {
    arms$r <- 0
  }
  vtype <- if (startsWith(measure, "S")) how$vtype else "LS"
  .Call(C_qstr_effect_means, measure, vtype, how$correction, arms)
}

# list(arms, yi, vi, from, notes) of all rows.
effect_rows <- function(measure, given, how) {
  k <- length(given[[1]])
  printed <- if (is_count_measure(measure)) {
    printed_counts(measure, given, k, how$conf.level)
  } else {
    printed_means(measure, given, k, how$conf.level)
  }
  effect <- effect_of(measure, printed$use, how)
  direct <- !is.na(printed$yi)
  effect$yi[direct] <- printed$yi[direct]
  effect$vi[direct] <- printed$vi[direct]
  shown <- needed_arguments(measure)
  if (is_change_measure(measure) && any(!is.na(printed$shown$r))) {
    shown <- c(shown, "r")
  }
  c(effect, list(
    arms = printed$shown[shown], from = printed$from,
    notes = c(printed$notes, effect_notes(measure, printed$use, effect, how))
  ))
}

new_effect_sizes <- function(measure, rows, data, slab, how) {
  plain <- all(rows$from %in% c("SD", "counts", NA))
  columns <- c(
    if (length(slab) > 0) list(study = slab), rows$arms, if (!plain) list(yi.from = rows$from),
    rows[c("yi", "vi")]
  )
  result <- if (is.null(data)) as.data.frame(columns) else as.data.frame(data)
  result[names(columns)] <- columns
  structure(result,
    class = c("effect_sizes", "data.frame"), measure = measure,
    vtype = if (startsWith(measure, "S")) how$vtype, notes = rows$notes, how = how
  )
}

effect_notes <- function(measure, arms, effect, how) {
  c(
    study_rows_note(
      sprintf("Row %%s: no %s, the numbers do not allow one.", measure), is.nan(effect$yi)
    ),
    if (is_count_measure(measure)) zero_cell_note(arms, how)
  )
}

zero_cell_note <- function(arms, how) {
  empty <- arms$events1 == 0 | arms$events2 == 0 | arms$events1 == arms$n1 |
    arms$events2 == arms$n2
  if (how$add == 0 || how$to == "none" || !(any(empty, na.rm = TRUE) || how$to == "all")) {
    return(NULL)
  }
  sprintf(
    "%s added to the four cells of %s (`to = \"%s\"`).", format(how$add),
    if (how$to == "only0") paste("row", join_words(which(empty))) else "every row", how$to
  )
}

#' @export
`[.effect_sizes` <- function(x, ...) {
  result <- NextMethod()
  if (!is.data.frame(result)) {
    return(result)
  }
  if (!all(c("yi", "vi") %in% names(result))) {
    class(result) <- "data.frame"
    return(result)
  }
  for (name in c("measure", "vtype", "notes", "how")) {
    attr(result, name) <- attr(x, name)
  }
  result
}

#' @export
print.effect_sizes <- function(x, digits = 3, ...) {
  check_no_dots(...)
  scale <- effect_scale(attr(x, "measure"))
  rows <- if (anyDuplicated(x$study)) paste(nrow(x), "rows") else count_studies(nrow(x))
  name <- if (scale$name == "Peto odds ratio") scale$name else lower_first(scale$name)
  cat(sprintf("%s of %s\n\n", if (scale$log) paste("Log", name) else scale$name, rows))
  shown <- intersect(c("study", "contrast", study_arm_columns, "r", "yi", "vi"), names(x))
  cells <- as.data.frame(x)[shown]
  cells[] <- lapply(cells, as_given, digits)
  print(cells)
  notes <- attr(x, "notes")
  if (length(notes) > 0) {
    cat("\n", paste0(wrap_text(notes, 79), "\n"), sep = "")
  }
  invisible(x)
}

# Numbers with `digits` significant digits, but with the decimals they have, up to two.
as_given <- function(x, digits) {
  if (!is.double(x)) {
    return(x)
  }
  few <- Filter(function(n) isTRUE(all.equal(round(x, n), x, tolerance = 1e-9)), 0:1)
  format(x, digits = digits, nsmall = c(few, 2)[[1]])
}
