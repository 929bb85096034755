#' Standardised differences: Cohen's d and Hedges' g
#'
#' From data, from a comparison, or from a printed t and n.
#'
#' | `type` | difference in means over | interval from | df |
#' |---|---|---|---|
#' | `pooled` | the SD pooled over the two arms | Student's t | \eqn{n_1 + n_2 - 2}{n1 + n2 - 2} |
#' | `average` | the root of the mean of both variances | Welch's t | Welch's |
#' | `glass` | the SD of the earlier arm (`reference`) | Welch's t | \eqn{n - 1}{n - 1} of it |
#' | `z` | the SD of the differences, paired | paired t | \eqn{n - 1}{n - 1} |
#' | `av` | the root of the mean of both variances, paired | paired t | \eqn{n - 1}{n - 1} |
#' | `rm` | the SD of the differences over root 2(1 - r), paired | paired t | \eqn{n - 1}{n - 1} |
#'
#' Without `type`: `z` for pairs, `average` for a comparison by Welch's test, else
#' `pooled`. `hedges_g()` is d times the exact \eqn{J}{J} of these degrees of freedom
#' (Hedges & Olkin 1985, p. 104).
#'
#' @section Intervals:
#' The limits are the noncentralities at which the observed t is a quantile of
#' the two tails, on the scale of d: so the interval of every type excludes 0
#' exactly when P of the t in the table, with the df there, is below one less the
#' level. `pooled` and `z` are exact for normal outcomes (for `pooled`, of equal
#' variances); `average` and `glass`
#' are as good as Welch's approximation (Delacre, Lakens, Ley, Liu & Leys 2021); `av`
#' and `rm` take the ratio of the SDs for known (Cousineau & Goulet-Pelletier 2021,
#' <doi:10.20982/tqmp.17.1.p051>).
#'
#' @section Peers:
#' `effectsize::cohens_d()` has `pooled`, `average` (`pooled_sd = FALSE`) and `z`; its
#' intervals agree with ours to the four digits or so of its optimiser.
#'
#' @inheritParams compare_arms
#' @param x A formula `outcome ~ arm`; or a result of [compare_arms()] or
#'   [compare_summary()] of means, or of [compare_paired()].
#' @param data A data frame, for a formula.
#' @param type See the table.
#' @param t,n Instead of `x`: a printed t, and n of both arms, `c(n1, n2)`, or of
#'   pairs.
#' @param alternative `"two.sided"`; `"greater"` or `"less"` for a limit on one side.
#' @return A data frame of class `effect_size`: `contrast`, `type`, `estimate`,
#'   `conf.low`, `conf.high`, `df`.
#' @section Errors:
#' `questrial_error_argument`: a type that does not fit what is given, both or none of
#' `x` and `t`; `questrial_error_singular`: no variation to standardise by.
#' @seealso [eta_squared()], [cramers_v()]; `g` of [compare_arms()].
#' @examples
#' cohens_d(weight ~ group, PlantGrowth, reference = "ctrl")
#' hedges_g(compare_arms(weight ~ group, PlantGrowth, "welch"))
#' # Printed: t(38) = 2.4 with 20 in each arm
#' cohens_d(t = 2.4, n = c(20, 20))
#' @export
cohens_d <- function(x = NULL, data = NULL, type = NULL, reference = NULL, t = NULL, n = NULL,
                     conf.level = 0.95, alternative = c("two.sided", "greater", "less")) {
  standardised_difference(x, data, type, reference, t, n, conf.level, alternative, FALSE)
}

#' @rdname cohens_d
#' @export
hedges_g <- function(x = NULL, data = NULL, type = NULL, reference = NULL, t = NULL, n = NULL,
                     conf.level = 0.95, alternative = c("two.sided", "greater", "less")) {
  standardised_difference(x, data, type, reference, t, n, conf.level, alternative, TRUE)
}

standardised_difference <- function(x, data, type, reference, t, n, conf.level, alternative,
                                    corrected) {
  alternative <- check_choice(alternative, c("two.sided", "greater", "less"), "alternative")
  check_number(conf.level, "conf.level", min = 0, max = 1)
  if (is.null(x) == is.null(t)) {
    qst_abort("argument", paste(
      "Give either `x` (a formula or a comparison) or a printed `t` with `n`."
    ))
  }
  parts <- if (!is.null(t)) {
    printed_t(t, n, type)
  } else if (inherits(x, "compare_paired")) {
    paired_parts(x, check_d_type(type, c("z", "av", "rm")))
  } else {
    arm_parts(x, data, reference, type)
  }
  rows <- do.call(rbind, lapply(parts, d_row, conf.level, alternative, corrected))
  result <- new_effect_size(
    rows, if (corrected) "Hedges' g" else "Cohen's d", conf.level, alternative
  )
  # What effect_size() needs besides.
  attr(result, "tests") <- do.call(rbind, lapply(parts, function(part) {
    as.data.frame(part[c("contrast", "t", "df", "unit")])
  }))
  result
}

# ---- Standardised differences ----

check_d_type <- function(type, choices) {
  if (is.null(type)) choices[[1]] else check_choice(type, choices, "type")
}

# Each part: contrast, type, t with its df, and the unit by which t becomes d.
printed_t <- function(t, n, type) {
  check_number(t, "t")
  if (!is.numeric(n) || !length(n) %in% 1:2 || !all(is.finite(n) & n >= 1 & n == round(n))) {
    qst_abort("argument", sprintf(
      "`n` must be the numbers of both arms, c(n1, n2), or the number of pairs, not %s.",
      describe(n)
    ))
  }
  paired <- length(n) == 1
  type <- check_d_type(type, if (paired) "z" else "pooled")
  df <- if (paired) n - 1 else sum(n) - 2
  check_number(df, if (paired) "n - 1" else "n1 + n2 - 2", min = 1)
  list(list(
    contrast = if (paired) "after - before" else "arm 2 - arm 1", type = type, t = t, df = df,
    unit = sqrt(sum(1 / n))
  ))
}

paired_parts <- function(x, type) {
  arms <- attr(x, "arms")
  lapply(seq_len(nrow(x)), function(k) {
    arm <- arms[k, ]
    sd_change <- x$std.error[[k]] * sqrt(arm$n)
    unit <- switch(type,
      z = 1,
      av = sd_change / sqrt((arm$sd.before^2 + arm$sd.after^2) / 2),
      rm = sqrt(2 * (1 - arm$r))
    )
    if (is.na(unit) || !is.finite(unit)) {
      qst_abort("singular", sprintf(
        "`%s` has no d of type \"%s\", because one of the measurements does not vary. Use \"z\".",
        x$contrast[[k]], type
      ))
    }
    list(
      contrast = x$contrast[[k]], type = type, t = x$statistic[[k]], df = x$df[[k]],
      unit = unit / sqrt(arm$n)
    )
  })
}

arm_parts <- function(x, data, reference, type) {
  if (inherits(data, "imputations") || !is.null(attr(x, "m"))) {
    qst_abort("argument", paste(
      "`x` is pooled over imputations, and the noncentral t that gives d its interval is that of",
      "one data set. Use compare_arms(formula, imp), whose `g` is pooled."
    ))
  }
  if (inherits(x, "formula")) {
    x <- compare_arms(x, data, "student", reference = reference)
  }
  if (inherits(x, "htest")) {
    qst_abort("argument", paste(
      "A result of t.test() does not hold the numbers of people.",
      "Give `t` and `n`, or the data as outcome ~ arm."
    ))
  }
  arms <- if (inherits(x, "compare_arms")) attr(x, "arms")
  if (!is.data.frame(arms)) {
    qst_abort("argument", sprintf(
      paste(
        "`x` must be outcome ~ arm or a comparison of means (compare_arms(), compare_summary(),",
        "compare_paired()), not %s."
      ), describe(x)
    ))
  }
  usual <- if (identical(attr(x, "test"), "welch")) "average" else "pooled"
  known <- unique(c(usual, "pooled", "average", "glass"))
  type <- check_d_type(type, known)
  moments <- rbind(n = arms$n, mean = arms$mean, ss = (arms$n - 1) * arms$sd^2)
  moments["ss", arms$n == 1] <- 0
  colnames(moments) <- arms$arm
  lapply(pairs_compared(x, arms$arm, reference), function(pair) arm_part(moments[, pair], type))
}

# The pairs of the comparison's rows; all of them after a test of all arms.
pairs_compared <- function(x, arms, reference) {
  if (is.null(reference) && !identical(x$contrast, "all arms")) {
    ordered <- expand.grid(later = arms, earlier = arms, stringsAsFactors = FALSE)
    row <- match(x$contrast, paste(ordered$later, "-", ordered$earlier))
    return(lapply(row, function(k) c(ordered$later[[k]], ordered$earlier[[k]])))
  }
  arm_pairs(arms, reference)
}

arm_part <- function(moments, type) {
  test <- means_test(moments, if (type == "pooled") "student" else "welch")
  n <- moments["n", ]
  variance <- moments["ss", ] / (n - 1)
  sd <- switch(type,
    pooled = test$std.error / sqrt(sum(1 / n)),
    average = sqrt(mean(variance)),
    glass = sqrt(variance[[2]])
  )
  list(
    contrast = paste(colnames(moments), collapse = " - "), type = type, t = test$statistic,
    df = if (type == "glass") n[[2]] - 1 else test$df, unit = test$std.error / sd
  )
}

d_row <- function(part, conf.level, alternative, corrected) {
  scale <- part$unit * (if (corrected) hedges_j(part$df) else 1)
  level <- if (alternative == "two.sided") conf.level else 2 * conf.level - 1
  limits <- scale * noncentral_limits(part$t, part$df, level)
  data.frame(
    contrast = part$contrast, type = part$type, estimate = scale * part$t,
    conf.low = if (alternative == "less") -Inf else limits[[1]],
    conf.high = if (alternative == "greater") Inf else limits[[2]], df = part$df
  )
}

# ---- The result ----

new_effect_size <- function(rows, name, conf.level, alternative, notes = NULL) {
  row.names(rows) <- NULL
  structure(rows,
    class = c("effect_size", "data.frame"), name = name, conf.level = conf.level,
    alternative = alternative, notes = notes
  )
}

#' @export
print.effect_size <- function(x, digits = 3, ...) {
  if (is.null(attr(x, "name"))) {
    return(invisible(print.data.frame(x)))
  }
  number <- function(v) {
    text <- trimws(formatC(v, digits = digits, format = "fg", flag = "#"))
    ifelse(is.infinite(v), format(v), text)
  }
  cat(attr(x, "name"), "\n\n", sep = "")
  interval <- ifelse(
    is.na(x$conf.low), "", paste0("[", number(x$conf.low), ", ", number(x$conf.high), "]")
  )
  table <- cbind(estimate = number(x$estimate), interval, if ("type" %in% names(x)) x$type)
  colnames(table) <- c(
    "estimate", sprintf("%g%% CI", 100 * attr(x, "conf.level")), if (ncol(table) > 2) "type"
  )
  rownames(table) <- x[[1]]
  print(table, quote = FALSE, right = TRUE)
  notes <- c(
    if (attr(x, "alternative") != "two.sided") "The interval has one limit.", attr(x, "notes")
  )
  if (length(notes) > 0) {
    cat("\n")
    cat(strwrap(paste(notes, collapse = " "), width = 79), sep = "\n")
  }
  invisible(x)
}

#' Tidy data frame of effect sizes
#'
#' @param x A result of [cohens_d()], [eta_squared()] or [cramers_v()] and the like.
#' @param ... Nothing; an unknown argument is an error.
#' @return A plain data frame, the rows of `x`.
#' @examples
#' if (requireNamespace("generics", quietly = TRUE)) {
#'   generics::tidy(cohens_d(t = 2.4, n = c(20, 20)))
#' }
#' @exportS3Method generics::tidy
tidy.effect_size <- function(x, ...) {
  check_no_dots(...)
  data.frame(lapply(stats::setNames(seq_along(x), names(x)), function(j) x[[j]]))
}
