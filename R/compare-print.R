# What a comparison looks like.

finish_comparison <- function(rows, how, arms, n_used, n_left_out, notes = NULL) {
  if (how$adjust %in% simple_adjustments) {
    rows$p.value <- stats::p.adjust(rows$p.value, how$adjust)
  }
  row.names(rows) <- NULL
  structure(rows,
    class = c("compare_arms", "data.frame"), test = how$test, adjust = how$adjust,
    conf.level = how$conf.level, correct = how$correct, n_used = n_used,
    n_left_out = n_left_out, arms = arms, notes = c(adjust_note(how, nrow(rows)), notes)
  )
}

adjust_note <- function(how, n_rows) {
  if (how$adjust == "none") {
    return(if (n_rows > 1) sprintf("P values of %d contrasts, not adjusted.", n_rows))
  }
  if (how$adjust %in% names(simultaneous_tests)) {
    return(simultaneous_note(how, n_rows))
  }
  has_interval <- how$test %in% c("student", "welch")
  sprintf(
    "P values adjusted for %d contrast%s (%s)%s.", n_rows, if (n_rows == 1) "" else "s",
    how$adjust,
    if (!has_interval) {
      ""
    } else if (how$adjust == "bonferroni") {
      "; intervals of the differences too, those of g not"
    } else {
      "; intervals not, for which this method has none"
    }
  )
}

test_title <- function(test, correct, replicates, adjust = "none") {
  yates <- if (isTRUE(correct)) ", continuity correction" else ""
  switch(test,
    student = sprintf(
      "Student's t test (variance pooled over %s arms)",
      if (adjust %in% c("tukey", "dunnett")) "all" else "the two"
    ),
    welch = "Welch's t test (separate variances)",
    anova = "One-way analysis of variance",
    welch.anova = "Welch's analysis of variance (separate variances)",
    chisq = if (is.null(replicates)) {
      paste0("Pearson's chi-square", if (isTRUE(correct)) ", Yates' correction")
    } else {
      sprintf("Pearson's chi-square (P from %s re-allocations)", count_text(replicates))
    },
    trend = "Chi-square test of trend",
    mcnemar = paste0("McNemar's test", yates),
    cmh = paste0("Cochran-Mantel-Haenszel test", yates),
    paired = "Paired t test",
    fisher = "Fisher's exact test",
    permutation = sprintf(
      "Randomisation test of the difference in means (%s re-allocations)",
      count_text(replicates)
    )
  )
}

#' @export
format.compare_arms <- function(x, digits = 4, ...) {
  number <- function(v) {
    ifelse(is.na(v), "", trimws(formatC(v, digits = digits, format = "fg", flag = "#")))
  }
  both <- function(low, high) {
    ifelse(is.na(low), "", paste0("[", number(low), ", ", number(high), "]"))
  }
  level <- if (is.null(attr(x, "conf.level"))) 95 else 100 * attr(x, "conf.level")
  df <- ifelse(is.na(x$df.residual), plain_number(x$df),
    paste0(plain_number(x$df), ", ", plain_number(x$df.residual))
  )
  table <- data.frame(
    difference = number(x$estimate), CI = both(x$conf.low, x$conf.high),
    statistic = number(x$statistic), df = df,
    P = format_p(x$p.value),
    g = number(x$g), CI_g = both(x$g.low, x$g.high)
  )
  names(table) <- c(
    if (identical(attr(x, "test"), "cmh")) "odds ratio" else "difference",
    sprintf("%g%% CI", level), statistic_name(attr(x, "test")), "df", "P", "g",
    sprintf("%g%% CI of g", level)
  )
  table[vapply(table, function(column) any(nzchar(column)), logical(1))]
}

statistic_name <- function(test) {
  switch(if (is.null(test)) "none" else test,
    student = "t", welch = "t", anova = "F", welch.anova = "F", paired = "t", chisq = , trend = ,
    mcnemar = , cmh = "chi-square", "statistic"
  )
}

plain_number <- function(x) {
  ifelse(is.na(x), "", formatC(x, digits = 4, format = "fg", width = 1))
}

#' @export
print.compare_arms <- function(x, ...) {
  if (is.null(attr(x, "test"))) {
    return(invisible(print.data.frame(x)))
  }
  title <- test_title(attr(x, "test"), attr(x, "correct"), attr(x, "replicates"), attr(x, "adjust"))
  cat(title, "\n\n", sep = "")
  table <- as.matrix(format(x))
  rownames(table) <- x$contrast
  print(table, quote = FALSE, right = TRUE)
  n_left_out <- attr(x, "n_left_out")
  used <- sprintf(
    "n = %s%s.", count_text(attr(x, "n_used")),
    left_out_text(n_left_out)
  )
  seed <- attr(x, "seed")
  notes <- c(used, if (!is.null(seed)) sprintf("Seed %.0f.", seed), attr(x, "notes"))
  cat("\n")
  cat(strwrap(paste(notes, collapse = " "), width = 79), sep = "\n")
  invisible(x)
}

# Printed summaries do not say how many are missing.
left_out_text <- function(n) {
  if (is.na(n)) {
    ""
  } else {
    sprintf(", %s left out for missing values", if (n == 0) "none" else count_text(n))
  }
}

#' Tidy data frames from a comparison
#'
#' @param x A result of [compare_arms()].
#' @param ... Nothing; an unknown argument is an error.
#' @return A plain data frame: the rows for `tidy()`; `glance()` has one row
#'   with `test`, `adjust`, `nobs` and `left.out`.
#' @examples
#' if (requireNamespace("generics", quietly = TRUE)) {
#'   generics::tidy(compare_arms(weight ~ group, PlantGrowth))
#' }
#' @name compare_arms_tidiers
#' @exportS3Method generics::tidy
tidy.compare_arms <- function(x, ...) {
  check_no_dots(...)
  data.frame(lapply(stats::setNames(seq_along(x), names(x)), function(j) x[[j]]))
}

#' @rdname compare_arms_tidiers
#' @exportS3Method generics::glance
glance.compare_arms <- function(x, ...) {
  check_no_dots(...)
  data.frame(
    test = attr(x, "test"), adjust = attr(x, "adjust"), nobs = attr(x, "n_used"),
    left.out = attr(x, "n_left_out")
  )
}
