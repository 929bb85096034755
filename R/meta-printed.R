# From what a paper prints instead of means and SDs to the numbers that effect_size() works with.

#' The SD of changes from the SDs before and after
#'
#' `change_sd()` is \eqn{\sqrt{s_1^2 + s_2^2 - 2 r s_1 s_2}}{sqrt(s1^2 + s2^2 - 2 r s1 s2)};
#' `change_r()` is the correlation that the three SDs of another trial say, to be put in (Cochrane
#' Handbook 6.5.2.8). A correlation outside -1 to 1 says that the three do not go together: they are
#' of different people, or one of them is a standard error.
#'
#' @param sd1,sd2 SDs after and before, not below 0; of one length, or one for all.
#' @param r The correlation of before and after, from -1 to 1.
#' @param sd.change The SD of the changes.
#' @return A numeric vector; `NA` where a number is missing.
#' @section Errors:
#' `questrial_error_argument`: an SD below 0, r outside -1 to 1.
#' @seealso [effect_size()].
#' @examples
#' # One trial prints the SD of changes, another does not
#' r <- change_r(sd1 = 10.6, sd2 = 11.9, sd.change = 9.1)
#' change_sd(sd1 = 12.7, sd2 = 11.2, r)
#' @export
change_sd <- function(sd1, sd2, r) {
  check_sds(sd1, "sd1")
  check_sds(sd2, "sd2")
  check_numbers(r, "r")
  outside <- which(abs(r) > 1)
  if (length(outside) > 0) {
    qst_abort("argument", sprintf(
      "`r` must lie from -1 to 1; value %d is %s. Is it a percentage, or a slope?", outside[[1]],
      format(r[[outside[[1]]]])
    ), row = outside[[1]], value = r[[outside[[1]]]])
  }
  sqrt((sd1 - sd2)^2 + 2 * (1 - r) * sd1 * sd2)
}

#' @rdname change_sd
#' @export
change_r <- function(sd1, sd2, sd.change) {
  check_sds(sd1, "sd1")
  check_sds(sd2, "sd2")
  check_sds(sd.change, "sd.change")
  correlation_of_changes(sd1, sd2, sd.change)
}

correlation_of_changes <- function(sd1, sd2, sd.change) {
  (sd1^2 + sd2^2 - sd.change^2) / (2 * sd1 * sd2)
}

check_sds <- function(x, arg) {
  check_numbers(x, arg)
  below <- which(x < 0)
  if (length(below) > 0) {
    qst_abort("argument", sprintf(
      "`%s` must not be below 0; value %d is %s. Look it up in the paper.", arg, below[[1]],
      format(x[[below[[1]]]])
    ), row = below[[1]], value = x[[below[[1]]]])
  }
  x
}

# ---- What is given ----

# Arguments of effect_size() by what they are of.
spread_arguments <- c("se", "conf.low", "conf.high", "median", "q25.", "q75.", "min", "max")
comparison_arguments <- c(
  "t", "f", "p", "estimate", "std.error", "conf.low", "conf.high", "sd.change"
)
printed_arguments <- c(
  paste0(spread_arguments, 1), paste0(spread_arguments, 2), comparison_arguments, "direction"
)

# The values of an argument; NA where it is not given.
printed_value <- function(given, name, k) {
  value <- given[[name]]
  if (is.null(value)) rep(NA_real_, k) else value
}

first_known <- function(...) {
  Reduce(function(a, b) ifelse(is.na(a), b, a), list(...))
}

# Half the width of an interval in standard errors; normal where the degrees of freedom are unknown.
half_width <- function(conf.level, df) {
  df[is.na(df)] <- Inf
  width <- stats::qt((1 + conf.level) / 2, pmax(df, 1))
  ifelse(df < 1, NA_real_, width)
}

# ---- One arm: mean and SD from its SE, interval or quantiles ----

# list(n, mean, sd, from): `from` says what the SD was made of, NA where it was printed.
printed_arm <- function(given, arm, k, conf.level) {
  value <- function(name) printed_value(given, paste0(name, arm), k)
  n <- value("n")
  low <- value("conf.low")
  high <- value("conf.high")
  quantiles <- moments_of_quantiles(
    value("min"), value("q25."), value("median"), value("q75."), value("max"),
    ifelse(n < 1, NA, n)
  )
  spreads <- list(
    "SD" = value("sd"),
    "SE" = value("se") * sqrt(n),
    "interval of the mean" = sqrt(n) * (high - low) / (2 * half_width(conf.level, n - 1)),
    "median" = quantiles$sd
  )
  list(
    n = n, mean = first_known(value("mean"), (low + high) / 2, quantiles$mean),
    sd = do.call(first_known, unname(spreads)), from = first_source(spreads),
    is_skewed = quantiles$is_skewed & is.na(value("mean")) & !is.na(quantiles$mean)
  )
}

first_source <- function(candidates) {
  known <- vapply(candidates, function(x) !is.na(x), logical(length(candidates[[1]])))
  known <- matrix(known, ncol = length(candidates))
  first <- max.col(cbind(known, TRUE), ties.method = "first")
  c(names(candidates), NA)[first]
}

# Mean after Luo et al. (2018, Stat. Methods Med. Res. 27:1785-1805, eqs. 7, 11, 15) and SD after
# Wan et al. (2014, BMC Med. Res. Methodol. 14:135, eqs. 9 and 16), from all five numbers after Shi
# et al. (2020, Res. Synth. Methods 11:641-654). Skewed says the test of Shi et al. (2023, Stat.
# Methods Med. Res. 32:1338-1360) at 5%.
moments_of_quantiles <- function(min, q25, median, q75, max, n) {
  by_range <- quantile_range(min, median, max, n)
  by_quartiles <- quantile_quartiles(q25, median, q75, n)
  by_both <- quantile_both(min, q25, median, q75, max, n)
  skewed <- first_known(by_both$is_skewed, by_quartiles$is_skewed, by_range$is_skewed)
  list(
    mean = first_known(by_both$mean, by_quartiles$mean, by_range$mean),
    sd = first_known(by_both$sd, by_quartiles$sd, by_range$sd), is_skewed = skewed %in% TRUE
  )
}

# Expected range and interquartile range of n standard normal values (Wan et al. 2014).
normal_range <- function(n) 2 * stats::qnorm((n - 0.375) / (n + 0.25))
normal_iqr <- function(n) 2 * stats::qnorm((0.75 * n - 0.125) / (n + 0.25))

quantile_range <- function(min, median, max, n) {
  weight <- 4 / (4 + n^0.75)
  skew <- abs(min + max - 2 * median) / (max - min)
  list(
    mean = weight * (min + max) / 2 + (1 - weight) * median, sd = (max - min) / normal_range(n),
    is_skewed = skew > 1.01 / log(n + 9) + 2.43 / (n + 1)
  )
}

quantile_quartiles <- function(q25, median, q75, n) {
  skew <- abs(q25 + q75 - 2 * median) / (q75 - q25)
  list(
    mean = (0.7 + 0.39 / n) * (q25 + q75) / 2 + (0.3 - 0.39 / n) * median,
    sd = (q75 - q25) / normal_iqr(n), is_skewed = skew > 2.65 / sqrt(n) - 6 / n^2
  )
}

quantile_both <- function(min, q25, median, q75, max, n) {
  of_range <- 2.2 / (2.2 + n^0.75)
  of_quartiles <- 0.7 - 0.72 / n^0.55
  weight <- 1 / (1 + 0.07 * n^0.6)
  skew <- pmax(
    2.65 * log(0.6 * n) / sqrt(n) * abs(min + max - 2 * median) / (max - min),
    abs(q25 + q75 - 2 * median) / (q75 - q25)
  )
  list(
    mean = of_range * (min + max) / 2 + of_quartiles * (q25 + q75) / 2 +
      (1 - of_range - of_quartiles) * median,
    sd = weight * (max - min) / normal_range(n) + (1 - weight) * (q75 - q25) / normal_iqr(n),
    is_skewed = skew > 3 / sqrt(n) - 40 / n^3
  )
}

# ---- The comparison: t and SE from t, F, P or an interval ----

# list(estimate, t, se, from) of a comparison with `df` degrees of freedom; `difference` is that of
# the means where both are known; `wanted` are the rows that need it. Ratios come as they are
# printed and leave as logarithms.
printed_comparison <- function(given, df, difference, wanted, k, conf.level, log = FALSE) {
  value <- function(name) printed_value(given, name, k)
  check_printed(given)
  scale <- if (log) base::log else identity
  width <- scale(value("conf.high")) - scale(value("conf.low"))
  errors <- list(
    "SE" = value("std.error"), "interval" = width / (2 * half_width(conf.level, df))
  )
  estimate <- first_known(
    difference, scale(value("estimate")), (scale(value("conf.high")) + scale(value("conf.low"))) / 2
  )
  se <- do.call(first_known, unname(errors))
  sign <- first_known(sign(ifelse(estimate == 0, NA, estimate)), sign(value("direction")))
  df[is.na(df)] <- Inf
  size <- list(
    "t" = abs(value("t")), "F" = sqrt(value("f")),
    "P" = stats::qt(value("p") / 2, pmax(df, 1), lower.tail = FALSE)
  )
  known_size <- do.call(first_known, unname(size))
  signed <- first_known(sign, sign(value("t"))) * known_size
  check_direction(signed, known_size, wanted)
  list(
    estimate = estimate, t = first_known(signed, estimate / se),
    se = first_known(se, abs(estimate) / known_size),
    from = first_known(first_source(errors), first_source(size)),
    is_contrary = !is.na(sign) & sign * value("t") < 0
  )
}

check_printed <- function(given) {
  p <- given[["p"]]
  zero <- which(p <= 0 | p > 1)
  if (length(zero) > 0) {
    qst_abort("argument", sprintf(
      paste(
        "`p` of row %d is %s, but an exact P lies above 0 and not above 1. If only a bound is",
        "printed (P < .001), give the bound: the effect then is the smallest that it allows."
      ), zero[[1]], format(p[[zero[[1]]]])
    ), row = zero[[1]], value = p[[zero[[1]]]])
  }
  below <- which(given[["f"]] < 0)
  if (length(below) > 0) {
    qst_abort("argument", sprintf(
      "`f` of row %d is %s, but F is not below 0. Is it a t?", below[[1]],
      format(given[["f"]][[below[[1]]]])
    ), row = below[[1]], value = given[["f"]][[below[[1]]]])
  }
}

check_direction <- function(signed, size, wanted) {
  unknown <- which(wanted & !is.na(size) & is.na(signed))
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      paste(
        "Row %d has an F or a P but nothing that says which arm had more.",
        "Give `direction`: 1 if arm 1, -1 if arm 2."
      ), unknown[[1]]
    ), row = unknown[[1]])
  }
}

# ---- Arms and comparison together ----

# What an effect of means can be made of: `shown`, the arms as far as they are known; `use`, the
# numbers for the core; yi and vi where they are printed as such; `from`, words; `notes`.
printed_means <- function(measure, given, k, conf.level) {
  paired <- is_change_measure(measure)
  if (!paired && has_summaries_only(given)) {
    return(complete_means(given, k))
  }
  one <- printed_arm(given, 1, k, conf.level)
  two <- printed_arm(given, 2, k, conf.level)
  if (paired) {
    two$n <- one$n
  }
  difference <- one$mean - two$mean
  df <- if (paired) one$n - 1 else one$n + two$n - 2
  wanted <- is.na(one$sd + two$sd)
  compared <- printed_comparison(given, df, difference, wanted, k, conf.level)
  shown <- data.frame(
    mean1 = one$mean, sd1 = one$sd, n1 = one$n, mean2 = two$mean, sd2 = two$sd, n2 = two$n,
    r = first_known(
      printed_value(given, "r", k),
      correlation_of_changes(one$sd, two$sd, printed_value(given, "sd.change", k))
    )
  )
  use <- use_comparison(measure, shown, compared, given, k)
  list(
    shown = shown, use = use$arms, yi = use$yi, vi = use$vi,
    from = first_known(use$from, arms_source(one$from, two$from)),
    notes = printed_notes(one, two, compared, use)
  )
}

means_summaries <- c("mean1", "sd1", "n1", "mean2", "sd2", "n2")

has_summaries_only <- function(given) {
  setequal(setdiff(names(given), c("slab", "paired")), means_summaries) &&
    !any(vapply(given[means_summaries], anyNA, NA))
}

# The common case: nothing has to be made of anything.
complete_means <- function(given, k) {
  arms <- plain_frame(c(
    lapply(given[means_summaries], as.double), list(r = rep(NA_real_, k))
  ))
  list(
    shown = arms, use = arms, yi = rep(NA_real_, k), vi = rep(NA_real_, k), from = rep("SD", k),
    notes = NULL
  )
}

arms_source <- function(one, two) {
  ifelse(is.na(one) | is.na(two) | one == two, first_known(one, two), paste(one, "and", two))
}

# Rows whose arms do not suffice take the comparison: `arms` for the core, yi and vi as printed.
# `unit` is the SE of a difference of SD 1.
use_comparison <- function(measure, arms, compared, given, k) {
  paired <- is_change_measure(measure)
  unit <- sqrt(1 / arms$n1 + if (paired) 0 else 1 / arms$n2)
  change <- printed_value(given, "sd.change", k)
  spread <- paired & is.na(arms$r) & !is.na(change)
  arms$sd1[spread] <- change[spread]
  arms$sd2[spread] <- arms$r[spread] <- 0
  known <- !is.na(arms$sd1 + arms$sd2 + if (paired) arms$r else 0)
  by_means <- is.na(arms$mean1 - arms$mean2) & known & !is.na(compared$estimate)
  arms$mean1[by_means] <- compared$estimate[by_means]
  arms$mean2[by_means] <- 0
  use <- list(
    arms = arms, yi = rep(NA_real_, k), vi = rep(NA_real_, k), by_t = rep(FALSE, k),
    from = ifelse(spread, "SD of changes", ifelse(by_means, "difference and SDs", NA))
  )
  if (measure %in% c("MD", "MC")) {
    use_error(use, compared, !known | by_means)
  } else {
    use_t(use, measure, compared, unit, !known)
  }
}

# A difference with its SE is the effect.
use_error <- function(use, compared, wanted) {
  rows <- which(wanted & !is.na(compared$estimate) & !is.na(compared$se))
  use$yi[rows] <- compared$estimate[rows]
  use$vi[rows] <- compared$se[rows]^2
  use$from[rows] <- compared$from[rows]
  use
}

# t times the unit is d. Of changes with SDs before and after that are equal, their SD is
# sqrt(2 (1 - r)) times that before. ROM takes the SD that both arms then have (Handbook 6.5.2.3).
use_t <- function(use, measure, compared, unit, wanted) {
  scale <- if (measure == "SMCR") sqrt(2 * (1 - use$arms$r)) else 1
  d <- if (measure == "ROM") {
    abs(compared$estimate / (compared$t * unit))
  } else {
    compared$t * unit * scale
  }
  rows <- which(wanted & is.finite(d))
  if (measure == "ROM") {
    use$arms$sd1[rows] <- use$arms$sd2[rows] <- d[rows]
  } else {
    use$arms$mean1[rows] <- d[rows]
    use$arms$mean2[rows] <- 0
    use$arms$sd1[rows] <- 1
    use$arms$sd2[rows] <- if (measure == "SMCC") 0 else 1
  }
  if (measure == "SMCC") {
    use$arms$r[rows] <- 0
  }
  use$from[rows] <- compared$from[rows]
  use$by_t[rows] <- TRUE
  use
}

# Counts as printed, or a ratio or difference with its uncertainty.
printed_counts <- function(measure, given, k, conf.level) {
  arms <- as.data.frame(lapply(
    c(events1 = "events1", n1 = "n1", events2 = "events2", n2 = "n2"),
    function(name) printed_value(given, name, k)
  ))
  wanted <- rowSums(is.na(arms)) > 0
  unknown <- rep(NA_real_, k)
  compared <- printed_comparison(given, rep(Inf, k), unknown, wanted, k, conf.level,
    log = effect_scale(measure)$log
  )
  direct <- wanted & !is.na(compared$estimate + compared$se)
  list(
    shown = arms, use = arms, yi = ifelse(direct, compared$estimate, NA),
    vi = ifelse(direct, compared$se^2, NA),
    from = ifelse(direct, compared$from, ifelse(wanted, NA, "counts")),
    notes = NULL
  )
}

# ---- Notes ----

printed_notes <- function(one, two, compared, use) {
  c(
    study_rows_note(paste(
      "Row %s: the median is far from the middle of the quantiles; the data are skewed (Shi et al.",
      "2023) and mean and SD from them are rough."
    ), one$is_skewed | two$is_skewed),
    study_rows_note(
      "Row %s: t and the means disagree about which arm had more; the means decided.",
      use$by_t & compared$is_contrary
    )
  )
}

study_rows_note <- function(text, which) {
  rows <- which(which)
  if (length(rows) > 0) {
    sprintf(text, join_words(rows))
  }
}
