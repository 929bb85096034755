#' Screen effects before they are pooled
#'
#' Looks for the slips that reviews are known for and says why each is one and what to do. A finding
#' is a reason to open the paper, not a verdict.
#'
#' | finding | looks at |
#' |---|---|
#' | `SE as SD` | an SD below a third of the others', that times `sqrt(n)` is like them |
#' | `SD as SE` | an SD above three times the others', that over `sqrt(n)` is like them |
#' | `unlike SDs` | one arm's SD above three times the other's |
#' | `large effect` | a standardised difference beyond `large` |
#' | `opposite sign` | an interval beyond 0 on the other side than most of the weight |
#' | `mixed scales` | rows whose `better` differs, with no sign turned |
#' | `same numbers` | two rows with the same arms, in either order |
#' | `same control` | two rows with the same control and other treated arms |
#' | `same study` | one name twice with different arms |
#' | `more than randomised` | n above the number randomised |
#' | `many lost` | n below `1 - lost` of it |
#'
#' SDs are compared on one scale: within each level of `scale`, or for `MD` over all rows. Without
#' `scale`, other measures compare SDs relative to the larger of the arms' means.
#'
#' @param x A result of [effect_size()].
#' @param scale The instrument of each row: the name of a column of `x`, or a vector.
#' @param better Which end of each row's scale is the good one, `"high"` or `"low"`: the name of a
#'   column, or a vector.
#' @param randomised1,randomised2 Numbers randomised to the arms, as in a trial's flow: names of
#'   columns, or vectors.
#' @param large The size of a standardised difference above which it is a finding.
#' @param lost The share of the randomised above which it is a finding that they are not in `n`.
#' @return A data frame of class `effect_screen`, one row a finding: `row` (of `x`), `study`,
#'   `finding`, `why`, `cure`.
#' @section Errors:
#' `questrial_error_argument`: an unknown column, a word in `better` that is neither.
#' @seealso [effect_size()], [risk_of_bias()].
#' @examples
#' trials <- data.frame(
#'   study = c("One", "Two", "Three", "Four"), mean1 = c(21, 30, 24, 22), sd1 = c(5, 6, 0.8, 5),
#'   n1 = c(30, 52, 41, 30), mean2 = c(18, 29, 22, 18), sd2 = c(5, 6, 0.9, 5),
#'   n2 = c(32, 49, 40, 32)
#' )
#' screen_effects(effect_size("SMD", data = trials))
#' @export
screen_effects <- function(x, scale = NULL, better = NULL, randomised1 = NULL, randomised2 = NULL,
                           large = 2, lost = 0.2) {
  check_class(x, "effect_sizes", "x", "effect_size")
  check_number(large, "large", min = 0)
  check_number(lost, "lost", min = 0, max = 1)
  randomised <- list(
    screen_column(x, randomised1, "randomised1"), screen_column(x, randomised2, "randomised2")
  )
  parts <- list(
    screen_spread(x, screen_column(x, scale, "scale")), screen_arm_spreads(x),
    screen_large(x, large), screen_sign(x),
    screen_scales(x, screen_column(x, better, "better")), screen_twice(x),
    screen_flow(x, randomised, lost)
  )
  findings <- do.call(rbind, c(list(finding(integer(), "", "", "")), parts))
  findings <- findings[order(findings$row), ]
  study <- if ("study" %in% names(x)) as.character(x$study) else paste("Row", seq_len(nrow(x)))
  result <- data.frame(
    row = findings$row, study = study[findings$row], findings[c("finding", "why", "cure")]
  )
  row.names(result) <- NULL
  structure(result, class = c("effect_screen", "data.frame"), n_studies = nrow(x))
}

# A column of x by name, a vector, or NULL.
screen_column <- function(x, given, arg) {
  if (is.character(given) && length(given) == 1 && nrow(x) != 1) {
    check_columns(x, given, arg)
    given <- x[[given]]
  }
  if (!is.null(given) && length(given) != nrow(x)) {
    qst_abort("argument", sprintf(
      "`%s` has %d values for %d rows. Give the name of a column, or one value a row.",
      arg, length(given), nrow(x)
    ))
  }
  given
}

finding <- function(row, what, why, cure) {
  k <- length(row)
  data.frame(
    row = row, finding = rep_len(what, k), why = rep_len(why, k), cure = rep_len(cure, k)
  )
}

has_columns <- function(x, columns) all(columns %in% names(x))

# ---- Standard deviations ----

# Each SD over the median of the other rows on its scale; at least three rows are needed. An SE is
# sqrt(n) too small: times sqrt(n) it is like the others.
screen_spread <- function(x, scale) {
  if (!has_columns(x, c("sd1", "mean1", "n1", "sd2", "mean2"))) {
    return(NULL)
  }
  is_one_scale <- !is.null(scale) || attr(x, "measure") %in% c("MD", "MC")
  unit <- if (is_one_scale) 1 else pmax(abs(x$mean1), abs(x$mean2))
  group <- if (is.null(scale)) rep("all", nrow(x)) else as.character(scale)
  typical <- (x$sd1 + x$sd2) / 2 / unit
  usual <- others_median(typical, group)
  n <- if ("n2" %in% names(x)) (x$n1 + x$n2) / 2 else x$n1
  ratio <- typical / usual
  near <- function(r) !is.na(r) & r > 1 / 2.5 & r < 2.5
  small <- which(ratio < 1 / 3 & near(ratio * sqrt(n)))
  big <- which(ratio > 3 & near(ratio / sqrt(n)))
  rbind(
    finding(small, "SE as SD", sprintf(
      "SDs are 1/%.1f of what the others have; times the root of n (%.1f) they are like them",
      1 / ratio[small], sqrt(n[small])
    ), "Look for SE or SEM in the paper and give `se1` and `se2`."),
    finding(big, "SD as SE", sprintf(
      "SDs are %.1f times what the others have; over the root of n (%.1f) they are like them",
      ratio[big], sqrt(n[big])
    ), "If SDs were printed and taken for SEs, give them as `sd1` and `sd2`.")
  )
}

others_median <- function(value, group) {
  vapply(seq_along(value), function(i) {
    others <- value[group %in% group[[i]] & seq_along(value) != i & is.finite(value) & value > 0]
    if (length(others) < 2) NA_real_ else stats::median(others)
  }, 0)
}

screen_arm_spreads <- function(x) {
  if (!has_columns(x, c("sd1", "sd2")) || is_change_measure(attr(x, "measure"))) {
    return(NULL)
  }
  ratio <- pmax(x$sd1, x$sd2) / pmin(x$sd1, x$sd2)
  rows <- which(ratio > 3)
  finding(
    rows, "unlike SDs", sprintf("one arm's SD is %.1f times the other's", ratio[rows]),
    "See whether one of them is an SE, or the outcome is skewed."
  )
}

# ---- Effects ----

screen_large <- function(x, large) {
  if (!attr(x, "measure") %in% c("SMD", "SMCC", "SMCR")) {
    return(NULL)
  }
  rows <- which(abs(x$yi) > large)
  finding(
    rows, "large effect", sprintf(
      "%.2f SDs: treatments of people rarely move a mean that far", x$yi[rows]
    ), "Check that SDs are no SEs and that the groups are two, not one before and after."
  )
}

screen_sign <- function(x) {
  side <- sign(x$yi) * (abs(x$yi) > stats::qnorm(0.975) * sqrt(x$vi))
  known <- !is.na(side) & x$vi > 0
  if (sum(known) < 3) {
    return(NULL)
  }
  most <- sign(sum((sign(x$yi) / x$vi)[known]))
  rows <- which(known & side == -most)
  finding(
    rows, "opposite sign", sprintf(
      "%.2f, and its interval excludes 0 against most of the weight", x$yi[rows]
    ), "See whether high is bad on this scale or the arms are exchanged; if so turn the sign."
  )
}

screen_scales <- function(x, better) {
  if (is.null(better)) {
    return(NULL)
  }
  better <- as.character(better)
  wrong <- which(!is.na(better) & !better %in% c("high", "low"))
  if (length(wrong) > 0) {
    qst_abort("argument", sprintf(
      "`better` of row %d is %s. Say \"high\" or \"low\".", wrong[[1]],
      describe(better[[wrong[[1]]]])
    ), row = wrong[[1]])
  }
  usual <- if (sum(better == "low", na.rm = TRUE) > sum(better == "high", na.rm = TRUE)) {
    "low"
  } else {
    "high"
  }
  rows <- which(better != usual)
  finding(
    rows, "mixed scales", sprintf("%s is better here, %s in most rows", better[rows], usual),
    "Turn the sign of both means (or of `yi`), once, and say so."
  )
}

# ---- The same people twice ----

screen_twice <- function(x) {
  if (is_change_measure(attr(x, "measure"))) {
    return(NULL)
  }
  one <- arm_keys(x, 1)
  two <- arm_keys(x, 2)
  if (is.null(one) || is.null(two)) {
    return(NULL)
  }
  pair <- ifelse(is.na(one) | is.na(two), NA, ifelse(one < two, paste(one, two), paste(two, one)))
  same <- earlier_row(pair)
  control <- earlier_row(two)
  control[!is.na(same)] <- NA
  study <- earlier_row(if ("study" %in% names(x)) as.character(x$study) else NA)
  study[!is.na(same) | !is.na(control)] <- NA
  with <- function(row) sprintf("row %d", row[!is.na(row)])
  rbind(
    finding(which(!is.na(same)), "same numbers", paste("all arms are those of", with(same)),
      "If it is one trial in two papers, keep one."
    ),
    finding(which(!is.na(control)), "same control", paste("the control is that of", with(control)),
      "Its people count twice: combine_arms(), split_control() or shared_control_vcov()."
    ),
    finding(which(!is.na(study)), "same study", paste("the name is that of", with(study)),
      "Rows of the same people are dependent: choose one or give `cluster`."
    )
  )
}

arm_keys <- function(x, arm) {
  columns <- intersect(paste0(c("n", "mean", "sd", "events"), arm), names(x))
  if (length(columns) < 2) {
    return(NULL)
  }
  ifelse(rowSums(is.na(x[columns])) > 0, NA, do.call(paste, as.data.frame(x)[columns]))
}

# The first row before each that has the same key, else NA.
earlier_row <- function(key) {
  first <- match(key, key)
  ifelse(is.na(key) | first == seq_along(key), NA_integer_, first)
}

# ---- Numbers against the flow ----

screen_flow <- function(x, randomised, lost) {
  do.call(rbind, lapply(1:2, function(arm) {
    n <- x[[paste0("n", arm)]]
    entered <- randomised[[arm]]
    if (is.null(n) || is.null(entered)) {
      return(NULL)
    }
    above <- which(n > entered)
    gone <- which(n < (1 - lost) * entered)
    rbind(
      finding(above, "more than randomised", sprintf(
        "arm %d has %s people of %s randomised", arm, format(n[above]), format(entered[above])
      ), "Look up the flow of the trial; visits or eyes may have been counted."),
      finding(gone, "many lost", sprintf(
        "arm %d has %s people of %s randomised", arm, format(n[gone]), format(entered[gone])
      ), "Say in the risk of bias how missing outcomes were dealt with.")
    )
  }))
}

#' @export
print.effect_screen <- function(x, ...) {
  check_no_dots(...)
  if (!has_columns(x, c("study", "finding", "why", "cure"))) {
    return(invisible(print.data.frame(x)))
  }
  cat(sprintf(
    "Screen of %d effects: %s\n", attr(x, "n_studies"),
    if (nrow(x) == 0) "nothing found" else sprintf("%d to look at", nrow(x))
  ))
  for (i in seq_len(nrow(x))) {
    head <- sprintf("%s (row %d): %s", x$study[[i]], x$row[[i]], x$finding[[i]])
    text <- paste0(sentence_case(x$why[[i]]), ". ", x$cure[[i]])
    writeLines(c("", strwrap(head, 79), strwrap(text, 79, indent = 2, exdent = 2)))
  }
  invisible(x)
}
