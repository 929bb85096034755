#' Sample size and power of a trial
#'
#' `sample_size()` says how many participants are needed, `power_of()` what power
#' given numbers have. Both describe the trial by the same arguments and print
#' the sentence that CONSORT 2025 asks for in its item 16a. What is not given
#' plays no part: with `delta` and `sd` alone it is the t test.
#'
#' @section Methods:
#' - **Two means** (`delta`, `sd`): the t test, exactly, by the noncentral t
#'   distribution; both tails count. With two SDs Welch's test, with
#'   Satterthwaite's degrees of freedom of the true variances.
#' - **Several means** (`means`, `sd`): one-way analysis of variance, by the
#'   noncentral F distribution.
#' - **Two proportions** (`proportions`): `method = "normal"` (pooled variance
#'   under the hypothesis, own variances under the alternative; that of
#'   [stats::power.prop.test()] with `strict = TRUE`), `"arcsine"` (Cohen's h),
#'   or `"continuity"` (the first with the correction of Casagrande, Pike and
#'   Smith 1978, for unequal arms Fleiss, Tytun and Ury 1980).
#' - **Baseline** (`correlation`): analysis of covariance multiplies the variance
#'   by 1 - r^2 and costs one degree of freedom (Borm et al. 2007); a change
#'   score (`analysis = "change"`) multiplies it by 2 (1 - r).
#' - **Clusters or therapy groups** (`cluster_size`, `icc`, `cluster_cv`): the
#'   variance of an arm's mean is multiplied by
#'   DE = 1 + (m (1 + cv^2) - 1) icc (Eldridge et al. 2006), and its degrees of
#'   freedom are its clusters less one. The arguments take one number for all
#'   arms or one for each: `cluster_size = c(1, 12.5), icc = c(0, 0.05)` is a trial
#'   with groups in the second arm only (Moerbeek and Wong 2008; Candlish et al.
#'   2018). The arms' degrees of freedom are joined by Satterthwaite's formula.
#' - **Clusters and baseline**: with one `correlation` groups are formed after
#'   randomisation, so that the baseline knows nothing of them: the factors are
#'   DE - r^2 and DE + 1 - 2 r. With `correlation = c(subject, cluster)` clusters
#'   exist at baseline with the same ICC and are randomised whole; then
#'   r = (m icc cluster + (1 - icc) subject) / DE is the correlation of their
#'   means, and the factors are DE (1 - r^2) (Teerenstra et al. 2012) and
#'   2 DE (1 - r). Where sizes vary, m (1 + cv^2) stands for m.
#' - **Losses** (`dropout`): numbers to be randomised are those to be analysed,
#'   divided by 1 - dropout. `n` of `power_of()` are the randomised.
#'
#' Numbers are rounded up, in the first arm first; others follow by `ratio`, and
#' clusters are whole. No arm gets fewer than two participants or clusters.
#'
#' @param delta Difference of two means, in the outcome's units.
#' @param sd Standard deviation of the outcome: one, or one for each of two arms.
#'   With `correlation` that of the follow-up score, which the baseline shares.
#' @param means Means of two or more arms; names become the arms'.
#' @param proportions Two proportions, between 0 and 1.
#' @param power Power wanted.
#' @param alpha Level of significance.
#' @param alternative `"two.sided"` or `"one.sided"` (not with `means`).
#' @param ratio Size of the second arm for each participant of the first; with
#'   `means` one number for each arm.
#' @param correlation Correlation of baseline and follow-up scores, or
#'   `c(subject, cluster)`; see the section *Methods*.
#' @param analysis With `correlation`: `"ancova"` or `"change"`.
#' @param icc Intracluster correlation, one or one for each arm.
#' @param cluster_size Mean number of participants analysed in a cluster, one or
#'   one for each arm; 1 where there are no clusters (`icc` and `cluster_cv` then
#'   mean nothing there).
#' @param cluster_cv Coefficient of variation of cluster sizes, one or one for
#'   each arm.
#' @param arms Names of the arms; by default control and treated, or those of
#'   `means`.
#' @param dropout Share of participants lost to the analysis, one or one for each
#'   arm.
#' @param method For proportions; see the section *Methods*.
#' @return `sample_size()`: class `sample_size`, a list of `n` (to be analysed in
#'   each arm), `recruit` (to be randomised), `clusters` (NA without), `exact` (`n`
#'   before rounding), `power` (at `n`), `target` (the power wanted), `design`
#'   (the arguments, one value for each arm). `power_of()`: class
#'   `power_of`, a list of `power`, `n`, `design`. `tidy()` gives one row for each
#'   arm, `as.data.frame()` the same.
#' @section Errors:
#' `questrial_error_argument`, naming the argument: an effect of zero, more than
#' one kind of effect, a share outside 0 to 1, an ICC without cluster size.
#' @references
#' Borm GF et al. (2007), J Clin Epidemiol 60, 1234-1238. Candlish J et al. (2018),
#' \doi{10.1186/s12874-018-0559-x}. Casagrande JT, Pike MC, Smith PG (1978),
#' Biometrics 34, 483-486. Cohen J (1988), *Statistical power analysis*. Eldridge
#' SM et al. (2006), Int J Epidemiol 35, 1292-1300. Fleiss JL, Tytun A, Ury HK
#' (1980), Biometrics 36, 343-346. Moerbeek M, Wong WK (2008), Stat Med 27,
#' 2850-2864. Teerenstra S et al. (2012), \doi{10.1002/sim.5352}.
#' @seealso [which_formula()] for a printed number. [stats::power.t.test()],
#'   [stats::power.anova.test()] and [stats::power.prop.test()] give the same
#'   where they apply; the first and the last leave out the far tail by default.
#'   In SAS: PROC POWER, TWOSAMPLEMEANS (TEST=DIFF, DIFF_SATT), ONEWAYANOVA,
#'   TWOSAMPLEFREQ.
#' @examples
#' # The trial of Lemogne et al. (2020) planned 124 in each arm.
#' sample_size(delta = 4.2, sd = 11.7)
#' power_of(n = c(125, 117), delta = 4.2, sd = 11.7)
#'
#' # What it would have needed with groups of 12 or 13 in one arm, a baseline
#' # score, and 10% lost.
#' sample_size(delta = 4.2, sd = 11.7, correlation = 0.6,
#'   cluster_size = c(1, 12.5), icc = c(0, 0.05), dropout = 0.1)
#'
#' sample_size(means = c(control = 0, balint = 3, narrative = 2), sd = 9.8)
#' sample_size(proportions = c(0.4, 0.55), method = "continuity")
#' @export
sample_size <- function(delta = NULL, sd = NULL, means = NULL, proportions = NULL,
                        power = 0.8, alpha = 0.05, alternative = c("two.sided", "one.sided"),
                        ratio = 1, correlation = NULL, analysis = c("ancova", "change"),
                        icc = 0, cluster_size = 1, cluster_cv = 0, arms = NULL, dropout = 0,
                        method = c("normal", "arcsine", "continuity")) {
  design <- trial_design(as.list(environment()))
  check_share(power, "power")
  if (power <= alpha) {
    qst_abort("argument", sprintf(
      "`power` must be above `alpha`, but is %s. Powers of 0.8 or 0.9 are usual.", power
    ), value = power)
  }
  exact <- solve_n(design, power)
  n <- round_up(design, exact[[1]])
  structure(
    list(
      n = n, recruit = ceiling_of(n / (1 - design$dropout)), clusters = clusters_of(design, n),
      exact = exact, power = design_power(design, n), target = power, design = design
    ),
    class = "sample_size"
  )
}

#' @rdname sample_size
#' @param n Participants randomised: in each arm, or one number for the first arm,
#'   which others follow by `ratio`.
#' @export
power_of <- function(n, delta = NULL, sd = NULL, means = NULL, proportions = NULL,
                     alpha = 0.05, alternative = c("two.sided", "one.sided"), ratio = 1,
                     correlation = NULL, analysis = c("ancova", "change"), icc = 0,
                     cluster_size = 1, cluster_cv = 0, arms = NULL, dropout = 0,
                     method = c("normal", "arcsine", "continuity")) {
  design <- trial_design(as.list(environment()))
  n <- check_arm_sizes(n, design)
  power <- design_power(design, n * (1 - design$dropout))
  structure(list(power = power, n = n, design = design), class = "power_of")
}

# ---- The design: arguments checked, one value for each arm ----

trial_design <- function(given) {
  kind <- effect_kind(given)
  effect <- check_effect(given[[kind]], kind)
  n_arms <- if (kind == "means") length(effect) else 2L
  method <- check_choice(given$method, c("normal", "arcsine", "continuity"), "method")
  alternative <- check_choice(given$alternative, c("two.sided", "one.sided"), "alternative")
  design <- list(
    kind = kind, effect = effect, arms = arm_names(given$arms, given[[kind]], n_arms),
    sd = check_sd(given$sd, kind), alpha = check_share(given$alpha, "alpha"),
    sides = if (alternative == "two.sided") 2L else 1L,
    weights = arm_weights(given$ratio, n_arms),
    correlation = check_correlation(given$correlation, kind),
    analysis = check_choice(given$analysis, c("ancova", "change"), "analysis"),
    icc = per_arm(given$icc, "icc", n_arms, 0, 1),
    cluster_size = per_arm(given$cluster_size, "cluster_size", n_arms, 1, Inf),
    cluster_cv = per_arm(given$cluster_cv, "cluster_cv", n_arms, 0, Inf),
    dropout = per_arm(given$dropout, "dropout", n_arms, 0, 0.99),
    method = method
  )
  check_together(design)
}

effect_kind <- function(given) {
  kinds <- c("delta", "means", "proportions")
  kind <- kinds[!vapply(given[kinds], is.null, NA)]
  if (length(kind) != 1) {
    qst_abort("argument", sprintf(
      "Give one of `delta`, `means` and `proportions`, not %s.",
      if (length(kind) == 0) "none" else enumerate(kind)
    ))
  }
  kind
}

check_effect <- function(x, kind) {
  usable <- is.numeric(x) && all(is.finite(x)) && switch(kind,
    delta = length(x) == 1 && x != 0,
    means = length(x) >= 2 && any(x != x[[1]]),
    proportions = length(x) == 2 && all(x > 0 & x < 1) && x[[1]] != x[[2]]
  )
  if (!usable) {
    qst_abort("argument", sprintf(
      "`%s` must be %s, not %s.", kind, switch(kind,
        delta = "a difference of two means other than 0",
        means = "two or more numbers that are not all the same",
        proportions = "two different numbers between 0 and 1"
      ), describe(x)
    ), value = x)
  }
  x
}

check_sd <- function(sd, kind) {
  if (kind == "proportions") {
    if (!is.null(sd)) {
      qst_abort("argument", "`sd` has no meaning with `proportions`. Leave it out.")
    }
    return(NULL)
  }
  most <- if (kind == "delta") 2 else 1
  if (!is.numeric(sd) || !length(sd) %in% seq_len(most) || !all(is.finite(sd) & sd > 0)) {
    qst_abort("argument", sprintf(
      "`sd` must be %s above 0, not %s.",
      if (most == 2) "one or two numbers" else "one number", describe(sd)
    ), value = sd)
  }
  sd
}

check_share <- function(x, arg) {
  if (!is.numeric(x) || length(x) != 1 || is.na(x) || x <= 0 || x >= 1) {
    qst_abort("argument", sprintf(
      "`%s` must be a number between 0 and 1, not %s. Write 0.05 for 5%%.", arg, describe(x)
    ), value = x)
  }
  x
}

per_arm <- function(x, arg, n_arms, min, max) {
  usable <- is.numeric(x) && length(x) %in% c(1, n_arms) && !anyNA(x)
  if (!usable || any(x < min | x > max | is.infinite(x))) {
    qst_abort("argument", sprintf(
      "`%s` must be one number or one for each of the %d arms, %s, not %s.", arg, n_arms,
      if (is.finite(max)) sprintf("from %s to %s", min, max) else sprintf("at least %s", min),
      describe(x)
    ), value = x)
  }
  rep(as.double(x), length.out = n_arms)
}

arm_names <- function(arms, effect, n_arms) {
  if (is.null(arms)) {
    arms <- names(effect)
  }
  if (is.null(arms)) {
    arms <- if (n_arms == 2) c("control", "treated") else paste("arm", seq_len(n_arms))
  }
  if (length(arms) != n_arms) {
    qst_abort("argument", sprintf("`arms` must be %d names, not %s.", n_arms, describe(arms)))
  }
  check_arm_names(arms, "arms", least = 2)
}

# Sizes of the arms for each participant of the first.
arm_weights <- function(ratio, n_arms) {
  if (n_arms == 2 && length(ratio) == 1) {
    ratio <- c(1, ratio)
  }
  ratio <- per_arm(ratio, "ratio", n_arms, 1e-6, 1e6)
  ratio / ratio[[1]]
}

check_correlation <- function(x, kind) {
  if (is.null(x)) {
    return(NULL)
  }
  if (kind == "proportions") {
    qst_abort("argument", "`correlation` is for means, not for `proportions`. Leave it out.")
  }
  if (!is.numeric(x) || !length(x) %in% 1:2 || anyNA(x) || any(abs(x) >= 1)) {
    qst_abort("argument", sprintf(
      "`correlation` must be one number or c(subject, cluster) between -1 and 1, not %s.",
      describe(x)
    ), value = x)
  }
  x
}

check_together <- function(design) {
  clustered <- design$cluster_size > 1
  if (!any(clustered) && any(design$icc > 0 | design$cluster_cv > 0)) {
    qst_abort("argument", paste(
      "`icc` or `cluster_cv` is above 0, but there are no clusters.",
      "Give `cluster_size`, or leave them out."
    ))
  }
  if (design$kind == "means" && design$sides == 1) {
    qst_abort("argument", "`means` has no one-sided test. Leave `alternative` out.")
  }
  uneven <- length(unique(design$cluster_size)) > 1 || length(unique(design$icc)) > 1
  if (uneven && design$kind == "means") {
    qst_abort("argument", paste(
      "`means` needs the same `cluster_size` and `icc` in all arms.",
      "Plan the contrast that matters by `delta` instead."
    ))
  }
  if (length(design$correlation) == 2 && !all(clustered)) {
    qst_abort("argument", paste(
      "`correlation` of clusters needs clusters in all arms.",
      "Give the correlation of subjects alone, or `cluster_size`."
    ))
  }
  design
}

check_arm_sizes <- function(n, design) {
  n_arms <- length(design$arms)
  if (is.numeric(n) && length(n) == 1) {
    n <- n * design$weights
  }
  n <- per_arm(n, "n", n_arms, 2, 1e15)
  if (length(n) != n_arms || any(n * (1 - design$dropout) < 2 * design$cluster_size)) {
    qst_abort("argument", paste(
      "`n` leaves an arm with fewer than two participants or clusters to analyse.",
      "Enlarge it, or make clusters smaller."
    ), value = n)
  }
  stats::setNames(n, design$arms)
}

# ---- Power ----

# Power with n analysed in each arm; n may be fractional.
design_power <- function(design, n) {
  switch(design$kind,
    delta = power_of_t(design, n),
    means = power_of_f(design, n),
    proportions = power_of_z(design, n)
  )
}

# What clusters and a baseline score make of the variance of an arm's mean. With
# DE and B the design effects of follow-up and baseline means and C their
# covariance, all for variance 1: DE - C^2 / B after adjustment, DE + B - 2 C for
# the change.
variance_factor <- function(design) {
  m <- ifelse(design$cluster_size > 1, design$cluster_size * (1 + design$cluster_cv^2), 1)
  follow_up <- 1 + (m - 1) * design$icc
  r <- design$correlation
  if (is.null(r)) {
    return(follow_up)
  }
  at_baseline <- length(r) == 2
  baseline <- if (at_baseline) follow_up else 1
  covariance <- if (at_baseline) m * design$icc * r[[2]] + (1 - design$icc) * r[[1]] else r
  switch(design$analysis,
    ancova = follow_up - covariance^2 / baseline,
    change = follow_up + baseline - 2 * covariance
  )
}

n_covariates <- function(design) {
  if (is.null(design$correlation) || design$analysis == "change") 0 else 1
}

power_of_t <- function(design, n) {
  variance <- design$sd^2 * variance_factor(design) / n
  units <- n / design$cluster_size
  pooled <- length(design$sd) == 1 && all(design$cluster_size == 1)
  df <- if (pooled) sum(units) - 2 else sum(variance)^2 / sum(variance^2 / (units - 1))
  df <- df - n_covariates(design)
  ncp <- abs(design$effect) / sqrt(sum(variance))
  critical <- stats::qt(design$alpha / design$sides, df, lower.tail = FALSE)
  near <- stats::pt(critical, df, ncp, lower.tail = FALSE)
  if (design$sides == 2) near + stats::pt(-critical, df, ncp) else near
}

power_of_f <- function(design, n) {
  effective <- n / variance_factor(design)
  deviation <- design$effect - stats::weighted.mean(design$effect, effective)
  ncp <- sum(effective * deviation^2) / design$sd^2
  df_between <- length(n) - 1
  df_within <- sum(n / design$cluster_size) - length(n) - n_covariates(design)
  critical <- stats::qf(design$alpha, df_between, df_within, lower.tail = FALSE)
  stats::pf(critical, df_between, df_within, ncp, lower.tail = FALSE)
}

power_of_z <- function(design, n) {
  effective <- n / variance_factor(design)
  scale <- if (design$method == "arcsine") arcsine_scale else proportion_scale
  test <- scale(design$effect, effective)
  z <- stats::qnorm(design$alpha / design$sides, lower.tail = FALSE)
  needed <- z * test$se_null
  if (design$method == "continuity") {
    needed <- needed + sum(1 / effective) / 2
  }
  near <- stats::pnorm((test$effect - needed) / test$se)
  if (design$sides == 2) near + stats::pnorm((-test$effect - needed) / test$se) else near
}

# The effect and its standard errors, under the hypothesis and under the truth.
proportion_scale <- function(p, n) {
  pooled <- stats::weighted.mean(p, n)
  list(
    effect = abs(diff(p)), se_null = sqrt(pooled * (1 - pooled) * sum(1 / n)),
    se = sqrt(sum(p * (1 - p) / n))
  )
}

# Cohen's h (1988, chapter 6); the variance does not depend on the proportion.
arcsine_scale <- function(p, n) {
  se <- sqrt(sum(1 / n))
  list(effect = abs(diff(2 * asin(sqrt(p)))), se_null = se, se = se)
}

# ---- Sample size ----

# Arms' sizes, fractional, at which the power is reached; at least two
# participants or clusters in each.
solve_n <- function(design, power) {
  lack <- function(first) design_power(design, first * design$weights) - power
  low <- max(2 * design$cluster_size / design$weights)
  if (is.finite(lack(low)) && lack(low) >= 0) {
    return(stats::setNames(low * design$weights, design$arms))
  }
  high <- 2 * low
  while (high < 1e12 && lack(high) < 0) {
    low <- high
    high <- 2 * high
  }
  if (high >= 1e12) {
    qst_abort("range", paste(
      "No number of participants below 1e12 reaches this power.",
      "Check `delta` against `sd`; the effect is too small."
    ))
  }
  first <- stats::uniroot(lack, c(low, high), tol = 1e-12 * high)$root
  stats::setNames(first * design$weights, design$arms)
}

# The next whole number, where 123.0000000001 counts as 123.
ceiling_of <- function(x) {
  ceiling(x - 1e-9 * abs(x))
}

round_up <- function(design, first) {
  n <- ceiling_of(ceiling_of(first) * design$weights)
  clusters <- ceiling_of(n / design$cluster_size)
  stats::setNames(ceiling_of(clusters * design$cluster_size), design$arms)
}

clusters_of <- function(design, n) {
  clusters <- floor(n / design$cluster_size + 1e-9)
  clusters[design$cluster_size == 1] <- NA
  clusters
}

# ---- Words and tables ----

#' @export
print.sample_size <- function(x, ...) {
  print_plan(x, sample_size_text(x))
}

#' @export
print.power_of <- function(x, ...) {
  print_plan(x, power_text(x))
}

print_plan <- function(x, text) {
  cat(strwrap(text, width = 80), "", sep = "\n")
  print(as.data.frame(x), row.names = FALSE, digits = 5)
  invisible(x)
}

# The sentences of CONSORT 2025, item 16a.
sample_size_text <- function(x) {
  design <- x$design
  text <- sprintf(
    "To detect %s with %s power %s, %s are needed%s.", effect_text(design), percent(x$target),
    test_text(design), arms_text(x$n), allowance_text(design)
  )
  if (any(design$dropout > 0)) {
    lost <- join_words(unique(percent(design$dropout)))
    text <- paste(text, sprintf(
      "Allowing for %s lost, %s are to be randomised.", lost, arms_text(x$recruit)
    ))
  }
  paste(text, sprintf("Power at these numbers is %s.", percent(x$power, 1)))
}

power_text <- function(x) {
  design <- x$design
  lost <- if (any(design$dropout > 0)) {
    sprintf(", of whom %s are lost", join_words(unique(percent(design$dropout))))
  }
  sprintf(
    "With %s%s, the power to detect %s %s is %s%s.", arms_text(x$n), paste(lost, collapse = ""),
    effect_text(design), test_text(design), percent(x$power, 1), allowance_text(design)
  )
}

effect_text <- function(design) {
  shown <- format_each(design$effect)
  spread <- join_words(format_each(design$sd))
  switch(design$kind,
    delta = sprintf("a difference of %s (SD %s)", shown, spread),
    means = sprintf("differences between means of %s (SD %s)", join_words(shown), spread),
    proportions = sprintf("a difference between proportions of %s", join_words(shown))
  )
}

test_text <- function(design) {
  baseline <- design$correlation
  test <- if (!is.null(baseline) && design$analysis == "ancova") {
    "an analysis of covariance"
  } else {
    switch(design$kind,
      delta = if (length(design$sd) == 2) "Welch's t test" else "a t test",
      means = "an analysis of variance",
      proportions = switch(design$method,
        normal = "a test of proportions",
        arcsine = "a test of proportions on the arcsine scale",
        continuity = "a test of proportions with continuity correction"
      )
    )
  }
  sprintf(
    "by %s%s at the%s %s level", test,
    if (!is.null(baseline) && design$analysis == "change") " of the change" else "",
    if (design$kind == "means") "" else c(" one-sided", " two-sided")[[design$sides]],
    percent(design$alpha)
  )
}

arms_text <- function(n) {
  total <- format(sum(n), big.mark = ",")
  if (length(unique(n)) == 1) {
    return(sprintf("%s participants per arm (%s in all)", format(n[[1]], big.mark = ","), total))
  }
  each <- join_words(paste(format(n, big.mark = ",", trim = TRUE), names(n)))
  sprintf("%s participants (%s in all)", each, total)
}

# What the number allows for beyond effect and test.
allowance_text <- function(design) {
  parts <- character()
  if (!is.null(design$correlation)) {
    parts <- sprintf("a correlation with baseline of %s", join_words(design$correlation))
  }
  grouped <- design$cluster_size > 1
  if (any(grouped)) {
    where <- if (all(grouped)) "" else paste(" in", design$arms)
    each <- unique(sprintf(
      "clusters of %s with an intracluster correlation of %s%s",
      format_each(design$cluster_size), format_each(design$icc), where
    )[grouped])
    parts <- c(parts, each)
  }
  if (length(parts) == 0) "" else paste(", given", join_words(parts))
}

format_each <- function(x) {
  vapply(x, format, "", digits = 4)
}

percent <- function(x, digits = 3) {
  shown <- if (digits == 1) sprintf("%.1f", 100 * x) else format_each(round(100 * x, digits))
  paste0(shown, "%")
}

# ---- Picture ----

#' The power curve of a trial
#'
#' Power against the number of participants, with the numbers planned marked.
#'
#' @param x What [sample_size()] or [power_of()] gave.
#' @param ... Passed to [plot()]: titles, limits, `col`.
#' @return Invisibly the data frame that was drawn: `n` (analysed in all), `power`.
#' @examples
#' plot(sample_size(delta = 4.2, sd = 11.7))
#' plot(power_of(c(125, 117), delta = 4.2, sd = 11.7, cluster_size = c(12.5, 1), icc = 0.05))
#' @export
plot.sample_size <- function(x, ...) {
  plot_power(x$design, x$n, x$power, ...)
}

#' @rdname plot.sample_size
#' @export
plot.power_of <- function(x, ...) {
  plot_power(x$design, x$n * (1 - x$design$dropout), x$power, ...)
}

plot_power <- function(design, n, power, xlab = "Participants analysed in all", ylab = "Power",
                       xlim = c(0, 2 * sum(n)), ylim = c(0, 1), las = 1, bty = "n", ...) {
  fewest <- max(2 * design$cluster_size / n)
  shares <- seq(min(max(fewest, 0.1), 1), 2, length.out = 200)
  curve <- data.frame(
    n = shares * sum(n),
    power = vapply(shares, function(share) design_power(design, share * n), 0)
  )
  graphics::plot(
    curve,
    type = "l", xlab = xlab, ylab = ylab, xlim = xlim, ylim = ylim, las = las, bty = bty, ...
  )
  graphics::segments(c(sum(n), 0), c(0, power), sum(n), power, lty = 3)
  graphics::points(sum(n), power, pch = 19)
  graphics::text(
    sum(n), power, sprintf("%s at %s", percent(power, 1), format(round(sum(n)))), adj = c(-0.1, 1.6)
  )
  invisible(curve)
}

#' @export
as.data.frame.sample_size <- function(x, row.names = NULL, optional = FALSE, ...) {
  rows <- data.frame(arm = x$design$arms, exact = unname(x$exact), n = unname(x$n))
  if (any(x$design$cluster_size > 1)) {
    rows$clusters <- unname(x$clusters)
  }
  if (any(x$design$dropout > 0)) {
    rows$recruit <- unname(x$recruit)
  }
  rows$power <- x$power
  rows
}

#' @export
as.data.frame.power_of <- function(x, row.names = NULL, optional = FALSE, ...) {
  data.frame(arm = x$design$arms, n = unname(x$n), power = x$power)
}

#' @exportS3Method generics::tidy
tidy.sample_size <- function(x, ...) {
  check_no_dots(...)
  as.data.frame(x)
}

#' @exportS3Method generics::tidy
tidy.power_of <- function(x, ...) {
  check_no_dots(...)
  as.data.frame(x)
}
