#' Compare two measurements of the same people
#'
#' The paired t test of the differences after less before, over everybody or in
#' each arm, with the moments that effect sizes are made of.
#'
#' Users of `t.test(after, before, paired = TRUE)` get the same t, df, P and interval. A
#' change within an arm is no effect of treatment: compare the changes, or better
#' the scores adjusted for baseline, between arms ([compare_arms()], [fit_glm()]).
#'
#' `g` is \eqn{J\,\bar{d}/s_d}{J mean(d) / sd(d)}, Hedges' correction with n - 1 degrees of
#' freedom; its noncentral interval excludes 0 exactly when P is below the level.
#' It is standardised by the SD of the differences, which grows smaller as the two measurements
#' correlate, so do not compare it with a g between arms; for that use
#' `cohens_d(x, type = "av")` or `"rm"`.
#'
#' @inheritParams compare_arms
#' @param before,after Names of the two columns.
#' @param arm `NULL`, or the name of a column: one row an arm.
#' @return A data frame of class `compare_paired`, columns as of [compare_arms()];
#'   attribute `arms` has `n`, the means, SDs and correlation.
#' @section Errors:
#' As [compare_arms()].
#' @seealso [cohens_d()] for the other standardisers.
#' @examples
#' wide <- data.frame(
#'   first = sleep$extra[sleep$group == 1], second = sleep$extra[sleep$group == 2]
#' )
#' compare_paired(wide, "first", "second")
#' cohens_d(compare_paired(wide, "first", "second"), type = "av")
#' @export
compare_paired <- function(data, before, after, arm = NULL, adjust = "none", conf.level = 0.95) {
  check_data_frame(data)
  columns <- c(check_string(before, "before"), check_string(after, "after"))
  check_columns(data, columns[[1]], "before")
  check_columns(data, columns[[2]], "after")
  check_choice(adjust, c("none", simple_adjustments), "adjust")
  how <- comparison("paired", adjust, NULL, conf.level)
  pairs <- data[columns]
  for (name in columns) {
    pairs[[name]] <- finite_outcome(
      list(outcome = pairs[[name]], name = name, row = seq_len(nrow(data))),
      "Use compare_counts(test = \"mcnemar\")", missing_ok = TRUE
    )
  }
  arms <- paired_arms(data, arm)
  complete <- stats::complete.cases(pairs) & !is.na(arms)
  if (!any(complete)) {
    qst_abort("no_data", sprintf("No row has both `%s` and `%s`.", before, after))
  }
  level <- row_level(how, nlevels(arms))
  parts <- lapply(levels(arms), function(one) {
    paired_row(pairs[complete & arms == one, ], one, level, conf.level)
  })
  moments <- do.call(rbind, lapply(parts, `[[`, "moments"))
  rows <- do.call(rbind, lapply(parts, `[[`, "row"))
  result <- finish_comparison(rows, how, moments, sum(complete), sum(!complete))
  class(result) <- c("compare_paired", class(result))
  result
}

paired_arms <- function(data, arm) {
  if (is.null(arm)) {
    return(factor(rep("", nrow(data))))
  }
  as.factor(data[[check_columns(data, check_string(arm, "arm"), "arm")]])
}

# The row of the result, and the moments of both measurements.
paired_row <- function(pairs, arm, level, g_level) {
  n <- nrow(pairs)
  where <- if (nzchar(arm)) sprintf(" of arm `%s`", arm) else ""
  if (n < 2) {
    qst_abort("no_data", sprintf(
      "%d pair%s%s is too few for a t test; two are needed.", n, if (n == 1) "" else "s", where
    ), value = arm)
  }
  change <- pairs[[2]] - pairs[[1]]
  error <- stats::sd(change) / sqrt(n)
  if (error <= 1e-14 * mean(abs(unlist(pairs)))) {
    qst_abort("singular", sprintf(
      "All differences%s are equal, so there is no error to test by.", where
    ), value = arm)
  }
  t <- mean(change) / error
  half <- stats::qt((1 + level) / 2, n - 1) * error
  row <- comparison_row(
    paste0(names(pairs)[[2]], " - ", names(pairs)[[1]], if (nzchar(arm)) paste0(", ", arm)),
    list(
      estimate = mean(change), std.error = error, statistic = t, df = n - 1,
      conf.low = mean(change) - half, conf.high = mean(change) + half
    )
  )
  row[c("g", "g.low", "g.high")] <-
    hedges_j(n - 1) / sqrt(n) * c(t, noncentral_limits(t, n - 1, g_level))
  list(row = row, moments = data.frame(
    arm = arm, n = n, mean.before = mean(pairs[[1]]), sd.before = stats::sd(pairs[[1]]),
    mean.after = mean(pairs[[2]]), sd.after = stats::sd(pairs[[2]]),
    r = if (all(vapply(pairs, stats::sd, 0) > 0)) stats::cor(pairs[[1]], pairs[[2]]) else NA_real_
  ))
}
