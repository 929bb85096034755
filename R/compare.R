#' Compare the arms of a trial
#'
#' One row for each contrast of two arms, or for one test of all of them.
#' `compare_arms()` starts from data, `compare_summary()` from printed n, means
#' and SDs, `compare_counts()` from a printed table of counts.
#'
#' | `test` | compares | statistic | as in |
#' |---|---|---|---|
#' | `student` | pairs, variance of *the two arms* | t | `t.test(var.equal = TRUE)` |
#' | `welch` | pairs, separate variances | t | `t.test()` |
#' | `anova` | all arms, equal variances | F | `oneway.test(var.equal = TRUE)` |
#' | `welch.anova` | all arms, separate variances | F | `oneway.test()` |
#' | `permutation` | pairs, values re-allocated | the difference | |
#' | `chisq`, `fisher`, `trend`, `cmh` | counts, all arms | see [compare_counts()] | |
#'
#' Student's t has \eqn{n_1 + n_2 - 2}{n1 + n2 - 2} degrees of freedom; Welch's
#' those of Satterthwaite (Welch 1947, <doi:10.1093/biomet/34.1-2.28>). Welch's F
#' weights arms by \eqn{n/s^2}{n/s^2} (Welch 1951, <doi:10.1093/biomet/38.3-4.330>).
#'
#' With `reference` pairs are each other arm against it; without, all pairs. A
#' pair is the later level less the earlier one. For counts `reference` asks for
#' pairs instead of one test of all arms. For two measurements of the same people see
#' [compare_paired()].
#'
#' @section Effect size:
#' `g` is Hedges' g: the difference over the SD pooled over the two arms, times
#' the exact \eqn{J = \Gamma(m/2) / (\sqrt{m/2}\,\Gamma((m-1)/2))}{J =
#' gamma(m/2) / (sqrt(m/2) gamma((m-1)/2))} with \eqn{m = n_1 + n_2 - 2}
#' (Hedges & Olkin 1985, *Statistical Methods for Meta-Analysis*, p. 104). Its interval
#' comes from the noncentral t distribution (Cumming & Finch 2001,
#' <doi:10.1177/0013164401614002>): the noncentralities at which the observed
#' pooled t is a quantile of the two tails, times
#' \eqn{J\sqrt{1/n_1 + 1/n_2}}{J sqrt(1/n1 + 1/n2)}. It belongs to the pooled t for every `test`,
#' so it need not exclude 0 exactly when Welch's or the permutation P falls
#' below .05.
#'
#' @section Adjustment:
#' `"holm"`, `"bonferroni"`, `"hochberg"` and `"BH"` adjust the P values by
#' [stats::p.adjust()]; of them only `bonferroni` has intervals to match (level
#' \eqn{1 - (1 - c)/m}{1 - (1 - c)/m}), for the others a note says that intervals are not
#' adjusted. Three methods have P values and simultaneous intervals of their own:
#'
#' - `tukey`, for `student` and all pairs: the studentised range (Tukey 1953, Kramer
#'   1956), as [stats::TukeyHSD()];
#' - `dunnett`, for `student` and a `reference`: the multivariate t (Dunnett 1955,
#'   <doi:10.1080/01621459.1955.10501294>), as `multcomp::glht()`;
#' - `games-howell`, for `welch` and all pairs: the studentised range with Welch's
#'   df of each pair (Games & Howell 1976, <doi:10.3102/10769986001002113>).
#'
#' `tukey` and `dunnett` are defined with the variance pooled over **all** arms:
#' with them `std.error`, `statistic` and `df` use it, while unadjusted Student's t
#' uses that of the two arms. The note under the table says so. Dunnett's P values and
#' quantiles are computed by integration over the common arm and the common
#' variance, to about 10 digits; simulation has no part in it, so they do not change
#' from call to call. `g` is not adjusted and stays that of the two arms.
#'
#' @section Permutation:
#' P is \eqn{(b + 1)/(m + 1)}{(b + 1)/(m + 1)}, where b of m random re-allocations have an
#' absolute difference in means at least as large as the observed one (Phipson
#' & Smyth 2010, <doi:10.2202/1544-6115.1585>). Arms keep their sizes, in each stratum of
#' `strata`. [permutation_test()] replays other schemes, and tests all arms at
#' once. The same `seed` gives the same P for any number of threads.
#'
#' @section Missing values:
#' Rows where outcome or arm is missing are left out; how many is printed and
#' stands in `attr(x, "n_left_out")`.
#'
#' With `imputations` as `data`, `student` and `welch` are made in each completed data set and their
#' differences pooled by Rubin's rules, with Barnard and Rubin's degrees of freedom, of which those
#' with complete data are \eqn{n_1 + n_2 - 2}{n1 + n2 - 2} or Welch's; `anova` is D1 of the arm
#' in a linear model (see [pool()]); there are columns `fmi`, `riv` and `lambda` more, and the
#' attribute `m`. `g` is the mean over the imputations, with an interval from its large-sample
#' variance (Hedges & Olkin 1985, p. 86). Tests that give a P value but no estimate cannot be
#' pooled; the error says what to use instead.
#'
#' @section Errors:
#' `questrial_error_argument`: an unknown column, an outcome that does not fit
#' the test, an infinite value, fewer than two arms; `questrial_error_no_data`: an
#' arm or an answer without rows (field `value` names it), too few values;
#' `questrial_error_singular`: values that do not vary.
#'
#' @param formula `outcome ~ arm`.
#' @param data A data frame, or `imputations` of one: see *Missing values*.
#' @param test The test; see the table.
#' @param adjust `"none"`, `"holm"`, `"bonferroni"`, `"hochberg"`, `"BH"`, `"tukey"`,
#'   `"dunnett"` or `"games-howell"`.
#' @param reference An arm that the others are compared with.
#' @param conf.level Level of the intervals.
#' @param correct The continuity correction: Yates' for tables of 2 x 2, and those of the
#'   Cochran-Mantel-Haenszel and McNemar tests.
#' @param replicates Number of re-allocations.
#' @param seed A whole number from 0 to 2^53; without it R's generator gives
#'   one. Kept in `attr(x, "seed")`.
#' @param threads Number of threads; see [qst_threads()].
#' @param strata For `cmh`, `permutation` and simulated chi-square: `~ column` (several
#'   are crossed), names of columns, or labels of the rows.
#' @param scores,simulate See [compare_counts()].
#' @param na.level Counts only: is a missing answer an answer (`(missing)`), or is
#'   its row left out?
#' @return A data frame of class `compare_arms`: `contrast`, `estimate`
#'   (difference in means), `std.error`, `statistic`, `df`, `df.residual` (of the
#'   denominator of F), `p.value`, `conf.low`, `conf.high`, `g`, `g.low`, `g.high`;
#'   `NA` where a test has no such thing. Attributes `test`, `adjust`,
#'   `conf.level`, `n_used`, `n_left_out`, `arms` (data frame of `arm`, `n`,
#'   `mean`, `sd`, or the table of counts), `notes`.
#' @seealso [fit_glm()] for adjusted differences.
#' @examples
#' compare_arms(weight ~ group, PlantGrowth)
#' compare_arms(weight ~ group, PlantGrowth, "welch", reference = "ctrl", adjust = "holm")
#' compare_arms(weight ~ group, PlantGrowth, "welch.anova")
#' compare_arms(weight ~ group, PlantGrowth, adjust = "tukey")
#' compare_arms(weight ~ group, PlantGrowth, adjust = "dunnett", reference = "ctrl")
#' @export
compare_arms <- function(formula, data,
                         test = c(
                           "student", "welch", "anova", "welch.anova", "chisq", "fisher",
                           "permutation", "trend", "cmh"
                         ),
                         adjust = "none", reference = NULL, conf.level = 0.95, correct = FALSE,
                         replicates = 9999, seed = NULL, threads = NULL, strata = NULL,
                         scores = NULL, simulate = FALSE, na.level = FALSE) {
  how <- comparison(match_test(test, all_tests), adjust, reference, conf.level, correct)
  if (inherits(data, "imputations")) {
    return(compare_imputed(formula, data, how))
  }
  of_counts <- how$test %in% c("chisq", "fisher", "trend", "cmh")
  check_count_options(how, strata, scores, simulate, na.level)
  frame <- comparison_frame(formula, data, na.level, row_labels(strata, data, "strata"))
  check_reference(how$reference, levels(frame$arm))
  if (of_counts) {
    counts <- frame_counts(frame, how$test == "cmh" || simulate)
    how <- c(how, count_settings(scores, simulate, replicates, seed, threads))
    return(compare_tables(counts, how, frame$n_used, frame$n_left_out))
  }
  outcome <- numeric_outcome(frame$outcome, frame$name)
  if (how$test == "permutation") {
    return(compare_by_permutation(frame, outcome, how, replicates, seed, threads))
  }
  compare_moments(arm_moments(outcome, frame), how, frame$n_used, frame$n_left_out)
}

all_tests <- c(
  "student", "welch", "anova", "welch.anova", "chisq", "fisher", "permutation", "trend", "cmh"
)

#' @rdname compare_arms
#' @param n,mean,sd Numbers of values, means and standard deviations, one an arm.
#' @param arm Names of the arms; by default those of `n` or `mean`, else numbers.
#' @examples
#'
#' # From the printed means and SDs of Lemogne et al. (2020), Table 1:
#' compare_summary(
#'   n = c(117, 125, 120), mean = c(-2.36, 0.27, -0.57), sd = c(11.41, 8.00, 8.76),
#'   arm = c("control", "balint", "narrative")
#' )
#' @export
compare_summary <- function(n, mean, sd, arm = NULL,
                            test = c("student", "welch", "anova", "welch.anova"),
                            adjust = "none", reference = NULL, conf.level = 0.95) {
  how <- comparison(match_test(test, all_tests[1:4]), adjust, reference, conf.level)
  check_summary(n, mean, sd)
  arm <- names_of_arms(arm, n, mean)
  check_reference(how$reference, arm)
  moments <- rbind(n = as.double(n), mean = mean, ss = (n - 1) * sd^2)
  colnames(moments) <- arm
  compare_moments(list(moments = moments, shift = 0), how, sum(n), NA)
}

# ---- Arguments ----

match_test <- function(test, choices) {
  if (is.character(test) && length(test) > 1) test <- test[[1]]
  check_choice(test, choices, "test")
}

# How to compare, as one value.
comparison <- function(test, adjust, reference, conf.level, correct = FALSE) {
  if (is.numeric(reference)) {
    reference <- as.character(reference)
  }
  check_choice(adjust, c("none", simple_adjustments, names(simultaneous_tests)), "adjust")
  check_simultaneous(adjust, test, reference)
  check_number(conf.level, "conf.level", min = 0, max = 1)
  check_flag(correct, "correct")
  list(
    test = test, adjust = adjust, reference = reference, conf.level = conf.level,
    correct = correct
  )
}

simple_adjustments <- c("holm", "bonferroni", "hochberg", "BH")

check_reference <- function(reference, arms) {
  if (length(arms) < 2) {
    qst_abort("argument", sprintf(
      "There is a single arm, %s; a comparison needs two. Check the filter on the data.",
      enumerate(arms)
    ), value = arms)
  }
  if (!is.null(reference)) {
    check_choice(reference, arms, "reference")
  }
}

# The two variables of `outcome ~ arm`, complete rows (the stratum known too), arms as a factor.
comparison_frame <- function(formula, data, na_level = FALSE, stratum = NULL) {
  if (!inherits(formula, "formula") || length(formula) != 3 ||
    length(all.vars(formula[[3]])) != 1) {
    qst_abort("argument", paste(
      "`formula` must be outcome ~ arm with one variable on the right.",
      "For adjusted differences use fit_glm()."
    ))
  }
  check_data_frame(data)
  check_known_variables(formula, names(data))
  frame <- tryCatch(
    stats::model.frame(formula, data, na.action = stats::na.pass),
    error = function(e) qst_abort("argument", sprintf("`formula`: %s.", conditionMessage(e)))
  )
  if (ncol(frame) != 2) {
    qst_abort("argument", "`formula` must be outcome ~ arm with two different variables.")
  }
  if (na_level) {
    frame[[1]] <- missing_as_level(frame[[1]])
  }
  complete <- stats::complete.cases(frame) & !(if (is.null(stratum)) FALSE else is.na(stratum))
  if (!any(complete)) {
    qst_abort("no_data", sprintf(
      "No row has both `%s` and `%s`.", names(frame)[[1]], names(frame)[[2]]
    ))
  }
  list(
    outcome = frame[[1]][complete], name = names(frame)[[1]],
    arm = comparison_arms(frame[[2]], complete, names(frame)[[2]]),
    stratum = stratum[complete], all_arms = as.factor(frame[[2]]), row = which(complete),
    n_used = sum(complete), n_left_out = sum(!complete)
  )
}

# A level that never occurs, or only where the outcome is missing, is not dropped in silence.
comparison_arms <- function(arm, complete, name) {
  arm <- if (is.factor(arm)) arm else factor(arm)
  used <- arm[complete]
  empty <- levels(used)[tabulate(used, nlevels(used)) == 0]
  if (length(empty) > 0) {
    absent <- tabulate(arm, nlevels(arm))[levels(arm) == empty[[1]]] == 0
    qst_abort("no_data", sprintf(
      "Arm %s of `%s` has no rows%s. Use droplevels() if it is not to be compared.",
      enumerate(empty), name, if (absent) "" else " with an outcome"
    ), column = name, value = empty)
  }
  used
}

numeric_outcome <- function(outcome, name, cure = "Use test = \"chisq\" or \"fisher\"") {
  if (!is.numeric(outcome) && !is.logical(outcome)) {
    qst_abort("argument", sprintf(
      "`%s` is not a number, so it has no mean. %s for categories.", name, cure
    ), column = name)
  }
  as.double(outcome)
}

# Numbers of a comparison_frame(); infinite ones are an error.
finite_outcome <- function(frame, cure, missing_ok = FALSE) {
  outcome <- numeric_outcome(frame$outcome, frame$name, cure)
  bad <- which(!is.finite(outcome) & !(missing_ok & is.na(outcome)))
  if (length(bad) > 0) {
    row <- frame$row[[bad[[1]]]]
    qst_abort("argument", sprintf(
      "`%s` is %s in row %d. Correct it or make it NA.", frame$name, format(outcome[bad[[1]]]), row
    ), row = row, column = frame$name, value = outcome[bad[[1]]])
  }
  outcome
}

check_summary <- function(n, mean, sd) {
  if (!is.numeric(n) || !is.numeric(mean) || !is.numeric(sd) ||
    length(n) < 2 || length(mean) != length(n) || length(sd) != length(n)) {
    qst_abort("argument", sprintf(
      "`n`, `mean` and `sd` must be numbers, one for each of two or more arms, not %d, %d and %d.",
      length(n), length(mean), length(sd)
    ))
  }
  bad <- which(!(is.finite(n) & n >= 1 & n == round(n) & is.finite(mean) & is.finite(sd) & sd >= 0))
  if (length(bad) > 0) {
    k <- bad[[1]]
    qst_abort("argument", sprintf(
      paste(
        "Arm %d has n = %s, mean = %s, sd = %s: n must be a whole number from 1, the mean a",
        "number, the SD not below 0."
      ), k, format(n[[k]]), format(mean[[k]]), format(sd[[k]])
    ), row = k)
  }
}

names_of_arms <- function(arm, n, mean) {
  if (is.null(arm)) {
    arm <- if (!is.null(names(n))) names(n) else names(mean)
  }
  if (is.null(arm)) {
    arm <- seq_along(n)
  }
  if (length(arm) != length(n) || anyNA(arm) || anyDuplicated(arm) > 0) {
    qst_abort("argument", sprintf(
      "`arm` must be %d different names, not %s.", length(n), describe(arm)
    ))
  }
  as.character(arm)
}

# ---- Means ----

# Moments as the core wants them: rows n, mean less shift, ss; a column an arm.
arm_moments <- function(outcome, frame) {
  core <- withCallingHandlers(
    .Call(C_qstr_compare_moments, outcome, frame$arm),
    questrial_error_argument = function(e) {
      row <- frame$row[[e$row]]
      qst_abort("argument", sprintf(
        "`%s` is %s in row %d. Correct it or make it NA.", frame$name, format(e$value), row
      ), row = row, column = frame$name, value = e$value)
    }
  )
  dimnames(core$moments) <- list(c("n", "mean", "ss"), levels(frame$arm))
  core
}

compare_moments <- function(core, how, n_used, n_left_out) {
  moments <- core$moments
  arms <- data.frame(
    arm = colnames(moments), n = moments["n", ], mean = moments["mean", ] + core$shift,
    sd = sqrt(moments["ss", ] / (moments["n", ] - 1)), row.names = NULL
  )
  rows <- if (how$test %in% c("anova", "welch.anova")) {
    comparison_row("all arms", means_test(moments, how$test))
  } else {
    pairs <- arm_pairs(colnames(moments), how$reference)
    if (how$adjust %in% names(simultaneous_tests)) {
      simultaneous_pairs(moments, pairs, how)
    } else {
      level <- row_level(how, length(pairs))
      do.call(rbind, lapply(pairs, function(pair) {
        compare_pair(moments[, pair], how$test, level, how$conf.level)
      }))
    }
  }
  finish_comparison(rows, how, arms, n_used, n_left_out)
}

# Each pair as c(later, earlier).
arm_pairs <- function(arms, reference) {
  if (!is.null(reference)) {
    return(lapply(setdiff(arms, reference), function(arm) c(arm, reference)))
  }
  utils::combn(arms, 2, FUN = rev, simplify = FALSE)
}

row_level <- function(how, n_rows) {
  if (how$adjust == "bonferroni") 1 - (1 - how$conf.level) / n_rows else how$conf.level
}

means_test <- function(moments, test) {
  arms <- colnames(moments)
  withCallingHandlers(
    .Call(C_qstr_compare_means, moments, test),
    questrial_error_no_data = function(e) {
      k <- if (is.na(e$row)) which.min(moments["n", ]) else e$row
      qst_abort("no_data", sprintf(
        "Arm `%s` has %d value%s, too few for this test.", arms[[k]], moments["n", k],
        if (moments["n", k] == 1) "" else "s"
      ), value = arms[[k]])
    },
    questrial_error_singular = function(e) {
      k <- if (is.na(e$row)) seq_along(arms) else e$row
      qst_abort("singular", sprintf(
        "The values of %s do not vary, so there is no error to test by.", enumerate(arms[k])
      ), value = arms[k])
    }
  )
}

compare_pair <- function(moments, test, level, g_level) {
  result <- means_test(moments, test)
  half <- stats::qt((1 + level) / 2, result$df) * result$std.error
  pair_row(moments, result, half, g_level)
}

# A row with its interval and g.
pair_row <- function(moments, result, half, g_level) {
  result$conf.low <- result$estimate - half
  result$conf.high <- result$estimate + half
  row <- comparison_row(paste(colnames(moments), collapse = " - "), result)
  row[c("g", "g.low", "g.high")] <- pair_g(moments, g_level)
  row
}

comparison_row <- function(contrast, result) {
  part <- function(name) if (is.null(result[[name]])) NA_real_ else result[[name]]
  row <- data.frame(
    contrast = contrast, estimate = part("estimate"), std.error = part("std.error"),
    statistic = part("statistic"), df = part("df"), df.residual = part("df.residual"),
    p.value = part("p.value"), conf.low = part("conf.low"), conf.high = part("conf.high"),
    g = NA_real_, g.low = NA_real_, g.high = NA_real_
  )
  if (is.na(row$p.value) && !is.na(row$statistic)) {
    row$p.value <- upper_tail(row)
  }
  row
}

# t has an estimate, F a second df, chi-square neither.
upper_tail <- function(row) {
  if (!is.na(row$estimate)) {
    2 * stats::pt(abs(row$statistic), row$df, lower.tail = FALSE)
  } else if (!is.na(row$df.residual)) {
    stats::pf(row$statistic, row$df, row$df.residual, lower.tail = FALSE)
  } else {
    stats::pchisq(row$statistic, row$df, lower.tail = FALSE)
  }
}

# Hedges' g of the first column less the second, with its interval. NA with
# fewer than 2 degrees of freedom, where J is not defined, or without variance.
pair_g <- function(moments, level) {
  n <- moments["n", ]
  df <- sum(n) - 2
  pooled <- sqrt(sum(moments["ss", ]) / df)
  if (df < 2 || pooled == 0) {
    return(c(NA_real_, NA_real_, NA_real_))
  }
  unit <- sqrt(sum(1 / n))
  j <- hedges_j(df)
  t <- (moments[["mean", 1]] - moments[["mean", 2]]) / (pooled * unit)
  j * unit * c(t, noncentral_limits(t, df, level))
}

# Hedges' correction, exactly; there is none with fewer than 2 degrees of freedom.
hedges_j <- function(df) {
  if (df < 2) NA_real_ else exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / sqrt(df / 2)
}

# The noncentralities at which t is the upper and the lower tail's quantile.
noncentral_limits <- function(t, df, level) {
  tails <- c((1 + level) / 2, (1 - level) / 2)
  # pt() warns where its last digits are in doubt; a limit needs far fewer.
  excess <- function(ncp, p) suppressWarnings(stats::pt(t, df, ncp)) - p
  reach <- 10 + 2 * abs(t)
  vapply(tails, function(p) {
    ends <- c(excess(t - reach, p), excess(t + reach, p))
    if (anyNA(ends) || prod(sign(ends)) >= 0) {
      return(NA_real_)
    }
    stats::uniroot(excess, t + c(-reach, reach), p = p, tol = 1e-10)$root
  }, numeric(1))
}

# ---- Permutation ----

compare_by_permutation <- function(frame, outcome, how, replicates, seed, threads) {
  check_replicates(replicates)
  seed <- draw_seed(seed)
  threads <- threads_to_use(threads)
  core <- arm_moments(outcome, frame)
  pairs <- arm_pairs(levels(frame$arm), how$reference)
  rows <- lapply(pairs, function(pair) {
    row <- comparison_row(
      paste(pair, collapse = " - "),
      list(
        estimate = core$moments[["mean", pair[[1]]]] - core$moments[["mean", pair[[2]]]],
        p.value = pair_permutation_p(outcome, frame, pair, replicates, seed, threads)
      )
    )
    row[c("g", "g.low", "g.high")] <- pair_g(core$moments[, pair], how$conf.level)
    row
  })
  core$moments["ss", ] <- pmax(core$moments["ss", ], 0)
  arms <- data.frame(
    arm = levels(frame$arm), n = core$moments["n", ], mean = core$moments["mean", ] + core$shift,
    sd = sqrt(core$moments["ss", ] / (core$moments["n", ] - 1)), row.names = NULL
  )
  result <- finish_comparison(do.call(rbind, rows), how, arms, frame$n_used, frame$n_left_out)
  attr(result, "seed") <- seed
  attr(result, "replicates") <- replicates
  if (!is.null(frame$stratum)) {
    attr(result, "notes") <- c(
      sprintf("Arms shuffled within %d strata.", length(unique(frame$stratum))),
      attr(result, "notes")
    )
  }
  result
}

# Of a difference in means that re-allocations of the two arms alone would give.
pair_permutation_p <- function(outcome, frame, pair, replicates, seed, threads) {
  chosen <- frame$arm %in% pair
  rows <- list(
    outcome = outcome[chosen], used = rep(TRUE, sum(chosen)),
    arm = factor(frame$arm[chosen], rev(pair)), stratum = frame$stratum[chosen],
    stratified = !is.null(frame$stratum), clustered = FALSE
  )
  scheme <- permutation_scheme(rows, NULL)
  how <- list(statistic = "difference", seed = seed, threads = threads)
  observed <- permuted_statistics(rows, scheme, how, 0, 1, given = scheme$arm)
  extreme <- random_statistics(rows, scheme, how, replicates, function(drawn) {
    sum(is_extreme(drawn, observed, "two.sided", stats::sd(rows$outcome)))
  })
  (sum(extreme) + 1) / (replicates + 1)
}
