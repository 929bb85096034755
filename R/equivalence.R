#' Equivalence and non-inferiority tests of any effect
#'
#' `equivalence_test()` asks whether an effect lies between two margins
#' (two one-sided tests, TOST), `noninferiority_test()` whether it is not worse
#' than a margin. For coefficients and contrasts of a fit with any covariance,
#' contrasts of marginal means, standardised effects, comparisons of arms, or
#' any data frame with `estimate`, `std.error` and `df`.
#'
#' TOST (Schuirmann 1987, <doi:10.1007/BF01068419>): with margins L < U the effect is
#' equivalent at level \eqn{\alpha}{alpha} if both \eqn{t_L = (e - L)/s}{(e - L)/s} and
#' \eqn{t_U = (e - U)/s}{(e - U)/s} are beyond the one-sided critical value; P is the larger of
#' the two. That is the case exactly when the interval of level
#' \eqn{1 - 2\alpha}{1 - 2 alpha}, which is shown, lies within the margins.
#' Non-inferiority is one of the two tests: with `direction = "higher"` (more is
#' better) that of \eqn{e > -m}, with `"lower"` that of \eqn{e < m}; the interval of level
#' \eqn{1 - 2\alpha}{1 - 2 alpha} is to exclude the margin.
#'
#' Ratios (odds ratios, risk ratios, and what was given with `exponentiate`) are
#' tested on the log scale; their margins are ratios, such as 0.8 and 1.25.
#'
#' @param x A fit of [fit_glm()], also pooled over imputations (then `contrasts` says which
#' effects), or a result of [linear_contrast()], [marginal_contrasts()],
#'   [standardised_effects()], [subgroup_effects()], [compare_arms()], or a data
#'   frame with `estimate`, `std.error` and perhaps `df`. Adjusted P values play
#'   no part.
#' @param low,high The margins, one number or one for each effect. Without `low` they
#'   are symmetric: `-high`, for ratios `1 / high`.
#' @param margin The margin of non-inferiority: for differences the largest loss
#'   that is acceptable, above 0; for ratios the worst one that is acceptable
#'   (below 1 if higher is better, else above 1).
#' @param direction What is better: `"higher"` or `"lower"` values.
#' @param contrasts For a fit: as in [linear_contrast()], for example the name of
#'   a coefficient.
#' @param alpha Level of each one-sided test.
#' @param vcov,cluster For a fit: as in [linear_contrast()].
#' @return A data frame that prints as a table ([questrial_table]): the columns
#'   that name the effects, `estimate`, `std.error`, `df`, the margins (`low`,
#'   `high` or `margin`), `statistic.low`, `p.low`, `statistic.high`, `p.high` or
#'   `statistic`, then `p.value`, `conf.low`, `conf.high`, and the logical
#'   `equivalent` or `noninferior`.
#' @section Errors:
#' `questrial_error_argument` for margins in the wrong order or on the wrong side,
#' and for an `x` without estimates and standard errors.
#' @section Peers:
#' TOSTER's `tsum_TOST()` and `TOSTtwo()` take two groups; SAS: `PROC TTEST TOST`.
#' @examples
#' fit <- fit_glm(weight ~ feed, chickwts)
#' equivalence_test(fit, high = 60, contrasts = "feedsunflower")
#' pairs <- marginal_contrasts(marginal_means(fit, ~feed), "reference")
#' noninferiority_test(pairs, margin = 30)
#' @export
equivalence_test <- function(x, low = NULL, high, contrasts = NULL, alpha = 0.05, vcov = NULL,
                             cluster = NULL) {
  check_number(alpha, "alpha", min = 0, max = 0.5)
  effects <- effects_to_test(x, contrasts, vcov, cluster)
  rows <- effects$rows
  high <- check_margin(high, "high", nrow(rows))
  low <- if (is.null(low)) {
    ifelse(effects$ratio, 1 / high, -high)
  } else {
    check_margin(low, "low", nrow(rows))
  }
  check_margin_order(low, high, effects$ratio)
  on_scale <- function(margin) log_where(margin, effects$ratio)
  rows$low <- low
  rows$high <- high
  rows$statistic.low <- (effects$value - on_scale(low)) / rows$std.error
  rows$p.low <- stats::pt(rows$statistic.low, rows$df, lower.tail = FALSE)
  rows$statistic.high <- (effects$value - on_scale(high)) / rows$std.error
  rows$p.high <- stats::pt(rows$statistic.high, rows$df)
  rows$p.value <- pmax(rows$p.low, rows$p.high)
  rows <- with_one_sided_interval(rows, effects, alpha)
  rows$equivalent <- rows$p.value < alpha
  margins_table(rows, effects, alpha, "equivalent", c(
    sprintf("Two one-sided tests (TOST) at level %s each; P is the larger.", format(alpha)),
    verdict_note(rows, "equivalent", "Equivalence")
  ))
}

#' @rdname equivalence_test
#' @export
noninferiority_test <- function(x, margin, direction = c("higher", "lower"), contrasts = NULL,
                                alpha = 0.025, vcov = NULL, cluster = NULL) {
  check_number(alpha, "alpha", min = 0, max = 0.5)
  direction <- check_choice(direction, c("higher", "lower"), "direction")
  effects <- effects_to_test(x, contrasts, vcov, cluster)
  rows <- effects$rows
  margin <- check_margin(margin, "margin", nrow(rows))
  limit <- noninferiority_limit(margin, direction, effects$ratio)
  rows$margin <- margin
  rows$statistic <- (effects$value - limit) / rows$std.error
  rows$p.value <- stats::pt(rows$statistic, rows$df, lower.tail = direction == "lower")
  rows <- with_one_sided_interval(rows, effects, alpha)
  rows$noninferior <- rows$p.value < alpha
  margins_table(rows, effects, alpha, "noninferior", c(
    sprintf("One-sided test at level %s; %s values are better.", format(alpha), direction),
    verdict_note(rows, "noninferior", "Non-inferiority")
  ))
}

# ---- Arguments ----

# The effects as list(rows, value, ratio, notes): `rows` with what names them,
# estimate, std.error and df; `value` the estimate on the scale of the tests.
effects_to_test <- function(x, contrasts, vcov, cluster) {
  if (inherits(x, c("fit_glm", "fit_gee", "pooled_fit"))) {
    if (is.null(contrasts)) {
      qst_abort("argument", paste(
        "`contrasts` must say which effect of the fit is tested, as in",
        "contrasts = \"armcourse\"."
      ))
    }
    x <- linear_contrast(x, contrasts, vcov, cluster)
  } else if (!is.null(contrasts) || !is.null(vcov) || !is.null(cluster)) {
    qst_abort("argument", paste(
      "`contrasts`, `vcov` and `cluster` go with a fit; the effects in `x` have their own."
    ))
  }
  if (!is.data.frame(x) || !all(c("estimate", "std.error") %in% names(x)) || nrow(x) == 0) {
    qst_abort("argument", sprintf(
      "`x` must be a fit or have the columns `estimate` and `std.error`, not %s.", describe(x)
    ))
  }
  plain <- as.data.frame(x)
  ratio <- are_ratios(x)
  before <- names(plain)[seq_len(match("estimate", names(plain)) - 1)]
  names <- setdiff(before, c("null.value", "n.arm", "n.reference"))
  rows <- data.frame(c(as.list(plain[names]), list(
    estimate = plain$estimate, std.error = plain$std.error,
    df = if (is.null(plain$df)) Inf else plain$df
  )), check.names = FALSE)
  notes <- attr(x, "notes")
  list(
    rows = rows, value = log_where(rows$estimate, ratio), ratio = ratio,
    notes = notes[!startsWith(as.character(notes), "P values")], named_by = names
  )
}

# Which estimates are exponentials of what is tested.
are_ratios <- function(x) {
  if ("measure" %in% names(x)) {
    return(x$measure %in% c("ratio", "odds.ratio"))
  }
  rep(isTRUE(attr(x, "exponentiated")), nrow(x))
}

log_where <- function(x, ratio) {
  x[ratio] <- log(x[ratio])
  x
}

check_margin <- function(margin, arg, n) {
  if (!is.numeric(margin) || !length(margin) %in% c(1, n) || !all(is.finite(margin))) {
    qst_abort("argument", sprintf(
      "`%s` must be a number, or one for each of the %d effects, not %s.", arg, n, describe(margin)
    ))
  }
  rep_len(as.double(margin), n)
}

check_margin_order <- function(low, high, ratio) {
  bad <- which(!(low < high) | (ratio & low <= 0))
  if (length(bad) > 0) {
    qst_abort("argument", sprintf(
      "`low` must be below `high`%s, not %s and %s.",
      if (ratio[[bad[[1]]]]) " and above 0 for ratios" else "",
      format(low[[bad[[1]]]]), format(high[[bad[[1]]]])
    ), value = c(low[[bad[[1]]]], high[[bad[[1]]]]))
  }
}

# The margin on the scale of the tests.
noninferiority_limit <- function(margin, direction, ratio) {
  wrong <- if (direction == "higher") ratio & !(margin > 0 & margin < 1) else ratio & margin <= 1
  wrong <- wrong | (!ratio & margin <= 0)
  if (any(wrong)) {
    k <- which(wrong)[[1]]
    qst_abort("argument", sprintf(
      "`margin` must be %s, not %s.",
      if (!ratio[[k]]) {
        "the largest acceptable loss, above 0"
      } else if (direction == "higher") {
        "a ratio below 1, since higher values are better"
      } else {
        "a ratio above 1, since lower values are better"
      }, format(margin[[k]])
    ), value = margin[[k]])
  }
  ifelse(ratio, suppressWarnings(log(margin)), if (direction == "higher") -margin else margin)
}

# ---- The result ----

with_one_sided_interval <- function(rows, effects, alpha) {
  half <- stats::qt(alpha, rows$df, lower.tail = FALSE) * rows$std.error
  back <- function(x) ifelse(effects$ratio, exp(x), x)
  rows$conf.low <- back(effects$value - half)
  rows$conf.high <- back(effects$value + half)
  rows
}

verdict_note <- function(rows, column, word) {
  shown <- rows[[column]]
  if (anyNA(shown)) {
    shown[is.na(shown)] <- FALSE
  }
  sprintf(
    "%s %s.", word,
    if (nrow(rows) == 1) {
      if (shown) "shown" else "not shown, which is not proof of the opposite"
    } else {
      sprintf("shown for %d of %d; where not, that is no proof of the opposite", sum(shown),
        nrow(rows)
      )
    }
  )
}

margins_table <- function(rows, effects, alpha, verdict, notes) {
  digits <- decimals_for(rows$std.error)
  number <- function(heading, name) table_column(heading, name, "number", digits = digits)
  title <- c(equivalent = "Equivalence", noninferior = "Non-inferiority")[[verdict]]
  margins <- if (verdict == "equivalent") {
    list(table_column("Margins", c("low", "high"), "ci", digits = digits))
  } else {
    list(number("Margin", "margin"))
  }
  columns <- c(
    lapply(effects$named_by, function(name) table_column(sentence_case(name), name)),
    list(
      number("Estimate", "estimate"),
      table_column(percent_words(1 - 2 * alpha), c("conf.low", "conf.high"), "ci", digits = digits)
    ),
    margins,
    list(table_column("P", "p.value", "p"), table_column(sentence_case(verdict), verdict, "flag"))
  )
  new_questrial_table(rows, "margins", paste("Test of", tolower(title)), c(notes, effects$notes),
    columns = columns
  )
}
