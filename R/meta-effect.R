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
#' Programs differ in the variance of g, and so in weights, intervals and I2 from the same table:
#' say which one was used.
#'
#' | `vtype` | variance, `A = 1 / n1 + 1 / n2` | J | used by |
#' |---|---|---|---|
#' | `LS` | `A + g^2 / (2 N)` (Hedges 1982) | exact | metafor, usual |
#' | `LS2` | `J^2 (A + d^2 / (2 N))` (Borenstein 2009) | exact | metafor, optional |
#' | `UB` | `A + g^2 (1 - (m - 2) / (m J^2))` (Hedges 1983) | exact | metafor, optional |
#' | `revman` | `A + g^2 / (2 (N - 3.94))` (Deeks & Higgins 2010) | approximate | RevMan 5 |
#'
#' For `SMCC` and `SMCR` there are `LS` and `LS2`.
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
#' @param ... For later arguments; an unknown argument is an error.
#' @param data A data frame, one row a study.
#' @param slab Names of the studies, a column or a vector; without, the column `study` if there is
#'   one.
#' @param vtype The variance of `SMD`, `SMCC` and `SMCR`; see below.
#' @param correction `"exact"`, `"approximate"` or `"none"` (Cohen's d): J; without, approximate
#'   for `vtype = "revman"`, else exact.
#' @param add,to,drop00 What is done about empty cells; see below.
#' @return A data frame of class `effect_sizes`: the columns of `data`, `study`, the arms under
#'   their names here, `yi` and `vi`. Attributes `measure`, `vtype`, `notes`. Ratios (`ROM`,
#'   `OR`, `RR`, `PETO`) are logarithms.
#' @section Errors:
#' `questrial_error_argument`: an unknown measure or column, lengths that do not fit, an SD below 0,
#' more events than people (`row`, `value`), an argument the measure needs.
#' @seealso [cohens_d()] for the noncentral interval of one trial's d.
#' @examples
#' trials <- data.frame(
#'   study = c("One", "Two"), m.t = c(21.2, 30.1), s.t = c(5.1, 6.3), n.t = c(30, 52),
#'   m.c = c(18.4, 29.0), s.c = c(4.8, 6.0), n.c = c(32, 49)
#' )
#' effect_size("SMD", m.t, s.t, n.t, m.c, s.c, n.c, data = trials)
#' effect_size("OR", events1 = c(0, 8), n1 = c(20, 40), events2 = c(3, 15), n2 = c(21, 41))
#' @export
effect_size <- function(measure, ...) {
  UseMethod("effect_size")
}

#' @rdname effect_size
#' @export
effect_size.default <- function(measure, mean1, sd1, n1, mean2, sd2, n2, events1, events2, r, ...,
                                data = NULL, slab, vtype = c("LS", "LS2", "UB", "revman"),
                                correction = NULL, add = 1 / 2,
                                to = c("only0", "if0all", "all", "none"), drop00 = FALSE) {
  call <- match.call()
  check_no_dots(...)
  measure <- check_choice(measure, names(effect_measures), "measure")
  how <- list(
    vtype = check_choice(vtype, c("LS", "LS2", "UB", "revman"), "vtype"), add = add,
    to = check_choice(to, c("only0", "if0all", "all", "none"), "to"), drop00 = drop00
  )
  how$correction <- effect_correction(correction, how$vtype)
  if (!is.null(data)) {
    check_data_frame(data)
  }
  given <- study_values(call, data, parent.frame())
  arms <- effect_arms(measure, given)
  new_effect_sizes(measure, arms, effect_of(measure, arms, how), data, given$slab, how)
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
    known <- list(name = "Effect", abbreviation = "Effect", log = FALSE)
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
  asked <- intersect(names(call), c(study_arm_columns, "r", "slab"))
  values <- lapply(asked, function(arg) study_value(call[[arg]], arg, data, env))
  names(values) <- asked
  by_name <- setdiff(intersect(study_arm_columns, names(data)), asked)
  values[by_name] <- lapply(by_name, function(arg) check_study_numbers(data[[arg]], arg))
  if (is.null(values$slab) && "study" %in% names(data)) {
    values$slab <- data$study
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
  if (arg == "slab") as.character(value) else check_study_numbers(value, arg)
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

# The numbers that the measure is made of, as a data frame.
effect_arms <- function(measure, given) {
  needed <- if (is_count_measure(measure)) {
    c("events1", "n1", "events2", "n2")
  } else if (is_change_measure(measure)) {
    c("mean1", "sd1", "mean2", "sd2", "n1")
  } else {
    c("n1", "mean1", "sd1", "n2", "mean2", "sd2")
  }
  missing <- setdiff(needed, names(given))
  if (length(missing) > 0) {
    qst_abort("argument", sprintf(
      "%s needs %s. Give columns of `data` or vectors.", measure, enumerate(missing, most = Inf)
    ), value = missing)
  }
  check_pairing(measure, given)
  as.data.frame(given[c(needed, if (is_change_measure(measure)) "r")])
}

# Pre-post rows need a correlation or say so.
check_pairing <- function(measure, given) {
  if (is_change_measure(measure) && is.null(given$r)) {
    qst_abort("argument", sprintf(
      paste(
        "%s is of one group measured twice and needs `r`, the correlation of before and after.",
        "If the paper does not print it, assume one (`r = 0.5`), say so, and try others."
      ), measure
    ))
  }
  if (!is_change_measure(measure) && !is.null(given$r)) {
    qst_abort("argument", sprintf(
      paste(
        "`r` is the correlation of one group measured twice, but %s compares two groups of",
        "different people. Use MC, SMCC or SMCR for pre-post rows."
      ), measure
    ))
  }
}

# ---- Effects ----

effect_of <- function(measure, arms, how) {
  if (is_count_measure(measure)) {
    return(.Call(C_qstr_effect_events, measure, how[c("add", "to", "drop00")], arms))
  }
  if (is_change_measure(measure)) {
    arms$n2 <- arms$n1
  } else {
    arms$r <- 0
  }
  vtype <- if (startsWith(measure, "S")) how$vtype else "LS"
  .Call(C_qstr_effect_means, measure, vtype, how$correction, arms)
}

new_effect_sizes <- function(measure, arms, effect, data, slab, how) {
  rows <- c(list(study = slab), arms, effect)
  rows <- rows[lengths(rows) > 0 | names(rows) != "study"]
  result <- if (is.null(data)) as.data.frame(rows) else as.data.frame(data)
  result[names(rows)] <- rows
  class(result) <- c("effect_sizes", "data.frame")
  attr(result, "measure") <- measure
  attr(result, "vtype") <- if (startsWith(measure, "S")) how$vtype
  attr(result, "notes") <- effect_notes(measure, arms, effect, how)
  result
}

effect_notes <- function(measure, arms, effect, how) {
  impossible <- which(is.nan(effect$yi))
  c(
    if (length(impossible) > 0) {
      sprintf("Row %s has no %s: the numbers do not allow one.", join_words(impossible), measure)
    },
    zero_cell_note(measure, arms, how)
  )
}

zero_cell_note <- function(measure, arms, how) {
  if (!is_count_measure(measure) || how$add == 0 || how$to == "none") {
    return(NULL)
  }
  empty <- arms$events1 == 0 | arms$events2 == 0 | arms$events1 == arms$n1 |
    arms$events2 == arms$n2
  rows <- if (how$to == "only0") which(empty) else seq_along(empty)
  if (length(rows) > 0 && any(empty, na.rm = TRUE) || how$to == "all") {
    sprintf("%s added to the four cells of %s because of empty cells (`to = \"%s\"`).",
      format(how$add), if (how$to == "only0") {
        sprintf("row %s", join_words(rows))
      } else {
        "every row"
      }, how$to)
  }
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
  for (name in c("measure", "vtype", "notes")) {
    attr(result, name) <- attr(x, name)
  }
  result
}

#' @export
print.effect_sizes <- function(x, digits = 3, ...) {
  check_no_dots(...)
  scale <- effect_scale(attr(x, "measure"))
  cat(sprintf("%s%s of %d studies\n\n", if (scale$log) "Log " else "", scale$name, nrow(x)))
  shown <- intersect(c("study", study_arm_columns, "r", "yi", "vi"), names(x))
  print(as.data.frame(x)[shown], digits = digits)
  notes <- attr(x, "notes")
  if (length(notes) > 0) {
    cat("\n", paste0(wrap_text(notes, 79), "\n"), sep = "")
  }
  invisible(x)
}
