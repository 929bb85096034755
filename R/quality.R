#' Signs of careless answering
#'
#' One row a person with the usual indices of answer quality. They are hints
#' for a look at the questionnaire, not rules for exclusion.
#'
#' * `missing`: share of the items without an answer.
#' * `longest_run`: most equal answers side by side, in the order of the
#'   instrument's items (which should be that of the form) and before reversal;
#'   a missing answer ends a run. (`careless::longstring()`.)
#' * `variability`: standard deviation of the person's answers before reversal.
#'   (`careless::irv()`.)
#' * `even_odd`: consistency of two halves, items 1, 3, ... and 2, 4, ... of
#'   each scale, after reversal: correlation of the halves' means over the
#'   scales, stepped up to \eqn{2 r / (1 + r)}. Scales that hold another scale (a
#'   total) or share items with an earlier one are left out; three scales are
#'   needed. (`careless::evenodd()`, of the same sign as \eqn{r}.)
#' * `mahalanobis`: squared distance of the answers from the means of all
#'   persons, with the covariances of those who answered everything;
#'   `mahalanobis_p`, its upper tail in the chi-squared distribution on as many
#'   degrees of freedom as items were answered. A person who skipped items has
#'   the distance of the others. (`psych::outlier()` counts skipped items as
#'   average, so its distances of incomplete persons are too small.)
#' * `duplicates`: how many other persons gave exactly the same answers, missing
#'   ones included; `NA` for a person without any.
#'
#' @inheritParams score
#' @param ... Not used.
#' @return A data frame with one row a person, in the order and with the row
#'   names of `data`. Indices that do not exist are `NA`.
#' @section Errors:
#' As [score()].
#' @references
#' Johnson JA (2005) Ascertaining the validity of individual protocols from
#' web-based personality inventories. Journal of Research in Personality
#' 39:103-129. \doi{10.1016/j.jrp.2004.09.009}
#'
#' Meade AW, Craig SB (2012) Identifying careless responses in survey data.
#' Psychological Methods 17:437-455. \doi{10.1037/a0028085}
#' @examples
#' set.seed(1)
#' answers <- as.data.frame(matrix(sample(0:3, 14 * 30, TRUE), 30))
#' answers[7, ] <- 2
#' quality <- response_quality(answers, "hads", columns = names(answers))
#' quality[5:8, ]
#' @export
response_quality <- function(data, instrument, ..., columns = NULL) {
  check_no_dots(...)
  instrument <- as_instrument(instrument)
  answers <- read_item_columns(data, instrument, seq_along(instrument$items), columns)
  half <- item_halves(instrument)
  found <- name_fault(
    .Call(
      C_qstr_answer_quality, answers$columns, answers$reversed, answers$range, half,
      2 * ((max(half) + 1) %/% 2), threads_to_use(NULL)
    ),
    answers$columns
  )
  same <- .Call(C_qstr_duplicate_rows, answers$columns, answers$reversed, answers$range)
  same[found$answered == 0] <- NA
  data.frame(
    missing = 1 - found$answered / length(instrument$items),
    longest_run = found$longest_run, variability = found$variability,
    even_odd = found$even_odd, mahalanobis = found$distance,
    mahalanobis_p = stats::pchisq(found$distance, found$distance_df, lower.tail = FALSE),
    duplicates = same, row.names = attr(data, "row.names")
  )
}

# The half-scale of each item: 2 g and 2 g + 1 for the scale number g from 0,
# -1 for items of none.
item_halves <- function(instrument) {
  members <- lapply(instrument$scales, `[[`, "items")
  half <- rep(-1L, length(instrument$items))
  g <- 0L
  for (k in seq_along(members)) {
    items <- members[[k]]
    holds <- vapply(members[-k], function(other) all(other %in% items), NA)
    if (length(items) >= 2 && !any(holds) && all(half[items] < 0)) {
      half[items] <- 2L * g + (seq_along(items) - 1L) %% 2L
      g <- g + 1L
    }
  }
  half
}
