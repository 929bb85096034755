#' Randomisation test that replays the allocation
#'
#' How often would the allocation alone have given a difference between the arms
#' as large as the one observed? The arms are allocated again and again, in the
#' way in which they were allocated, and the statistic is computed each time.
#'
#' | `statistic` | is | arms |
#' |---|---|---|
#' | `F` | F of the one-way analysis of variance | any |
#' | `difference` | mean of the second arm less mean of the first | two |
#' | `welch.t` | that difference over its Welch standard error | two |
#' | `welch.F` | Welch's F | any |
#' | `chisq` | Pearson's chi-square of answers by arm | any |
#' | a function | `statistic(outcome, arm)`, a number; large is extreme | any |
#'
#' All test the hypothesis that the treatment changes nobody's outcome. Where
#' arms may differ in variance and only their means are in question, the
#' studentised statistics `welch.t` and `welch.F` keep the level approximately,
#' `F` and `difference` do not (Janssen 1997, <doi:10.1016/S0167-7152(97)00043-6>;
#' Chung & Romano 2013, <doi:10.1214/13-AOS1090>).
#'
#' @section How arms are allocated again:
#' - Without `allocation`, arms are shuffled: within each stratum of `strata`,
#'   and whole clusters with `cluster`. Arms keep their sizes.
#' - With a list made by [allocate()], each replicate makes such a list anew:
#'   block sizes drawn again, ratio, strata, cut blocks and all. Rows (with `cluster`:
#'   clusters, by their first row) must stand in the order in which they
#'   entered; within each stratum the first takes the first place and so on.
#'   The observed arms are checked against the list. Rows without an outcome
#'   keep their place and have no part in the statistic. A replicate that leaves
#'   an arm empty is set aside, and counted.
#' - With a function of no argument, each replicate is what it returns: the arm
#'   of every row of `data`. It uses R's generator, started from `seed`.
#'
#' @section P value:
#' With b of m replicates as extreme as the observed statistic, P is
#' \eqn{(b + 1)/(m + 1)}{(b + 1)/(m + 1)}, which is never 0 and keeps the level
#' (Phipson & Smyth 2010, <doi:10.2202/1544-6115.1585>). Values that differ by
#' less than \eqn{10^{-10}}{1e-10} of the observed one plus 1 (for `difference`: plus the SD of the
#' outcome) are ties, and ties are extreme. `p.low` and `p.high` are the exact
#' (Clopper-Pearson) interval of the P that infinitely many replicates would
#' give. When there are at most 10,000 different shuffles, or `exact = TRUE`, all
#' are made instead, and P is exact. `alternative` matters for `difference` and
#' `welch.t`; two-sided compares absolute values.
#'
#' @section Covariates:
#' With `covariates` the outcome is replaced by its residuals on them, arms not
#' included. Under the hypothesis of no effect the residuals do not depend on
#' the allocation, so the test stays exact (Rosenbaum 2002,
#' <doi:10.1214/ss/1042727942>).
#'
#' @section Errors:
#' `questrial_error_argument`: among others a cluster in two arms or strata, a
#' row whose arm is not the one on the list (fields `row`, `value`), a function
#' that returns something else than arms; `questrial_error_no_data` as
#' [compare_arms()]; `questrial_error_range`: `exact = TRUE` with more than
#' \eqn{10^7}{10^7} shuffles.
#'
#' @inheritParams compare_arms
#' @param formula `outcome ~ arm`.
#' @param statistic See the table.
#' @param alternative `"two.sided"`, `"greater"` (second arm larger) or `"less"`.
#' @param covariates `NULL`, or a formula as `~ age + baseline`.
#' @param strata,cluster `NULL`, `~ column` (two columns are crossed), names of
#'   columns, or labels of the rows.
#' @param allocation `NULL`, a list made by [allocate()], or a function.
#' @param replicates Number of re-allocations; the statistic of each is kept, 8 bytes.
#' @param exact `TRUE` for all shuffles, `FALSE` for random ones, `NULL` for all if
#'   they are few.
#' @param conf.level Level of the interval of P.
#' @return A data frame of class `permutation_test` with one row: `contrast`, `estimate`
#'   (difference in means of two arms; with `covariates` of residuals), `statistic`,
#'   `p.value`, `p.low`, `p.high`, `extreme` (how many are), `replicates`,
#'   `undefined` (without a statistic). Attributes: `distribution` (the statistic of
#'   every replicate, in order), `how`, `seed`, `n_used`,
#'   `n_left_out`. `plot()` shows the distribution.
#' @seealso [compare_arms()] with `test = "permutation"` for all pairs of arms.
#'   `coin::oneway_test()` shuffles within strata; `ri2` replays designs
#'   declared with randomizr; neither knows of blocks of random size.
#' @examples
#' permutation_test(weight ~ group, PlantGrowth, seed = 1)
#'
#' # A trial of 60 whose list was sealed before:
#' sealed <- allocate(60, c("control", "treated"), seed = 20200901)
#' trial <- data.frame(arm = as.data.frame(sealed)$arm, baseline = rep(c(3, 5, 4), 20))
#' trial$score <- trial$baseline + (seq_len(60) * 7) %% 5 + (trial$arm == "treated")
#' permutation_test(score ~ arm, trial, "difference",
#'   covariates = ~baseline, allocation = sealed, seed = 1
#' )
#' @export
permutation_test <- function(formula, data,
                             statistic = c("F", "difference", "welch.t", "welch.F", "chisq"),
                             alternative = c("two.sided", "greater", "less"), covariates = NULL,
                             strata = NULL, cluster = NULL, allocation = NULL, replicates = 9999,
                             exact = NULL, conf.level = 0.95, seed = NULL, threads = NULL) {
  refuse_imputations(data, "data",
    "re-allocates arms that the imputations already used, and its P values cannot be pooled",
    "Use compare_arms(formula, imp), or fit_glm(formula, imp) with wald_test()."
  )
  how <- permutation_settings(statistic, alternative, exact, conf.level, allocation, cluster)
  check_replicates(replicates, most = 1e8)
  how$seed <- draw_seed(seed)
  how$threads <- threads_to_use(threads)
  rows <- permutation_rows(formula, data, how, covariates, strata, cluster)
  scheme <- permutation_scheme(rows, allocation)
  observed <- observed_statistic(rows, scheme, how)
  n_all <- n_shuffles(scheme)
  how$exact <- takes_all_shuffles(n_all, how)
  distribution <- if (how$exact) {
    .Call(C_qstr_permute_all, scheme, scheme$data, statistic_code(how$statistic), n_all)
  } else {
    random_statistics(rows, scheme, how, replicates)
  }
  permutation_result(rows, scheme, how, observed, distribution)
}

# ---- Arguments ----

# In the order of the core's enumeration.
permutation_statistics <- c("F", "difference", "welch.t", "welch.F", "chisq")

statistic_code <- function(statistic) {
  match(statistic, permutation_statistics) - 1L
}

permutation_settings <- function(statistic, alternative, exact, conf.level, allocation, cluster) {
  if (!is.function(statistic)) {
    statistic <- check_choice(statistic, permutation_statistics, "statistic")
  }
  alternative <- check_choice(alternative, c("two.sided", "greater", "less"), "alternative")
  if (alternative != "two.sided" && !has_direction(statistic_label(statistic))) {
    qst_abort("argument", sprintf(
      paste(
        "`alternative` = \"%s\" has no meaning for this statistic, which has no sign.",
        "Use statistic = \"difference\" or \"welch.t\"."
      ), alternative
    ))
  }
  if (!is.null(exact)) {
    check_flag(exact, "exact")
  }
  check_number(conf.level, "conf.level", min = 0, max = 1)
  if (!is.null(cluster) && isTRUE(grepl("^welch", statistic_label(statistic)))) {
    qst_abort("argument", paste(
      "A Welch statistic takes rows for independent, which rows of a cluster are not.",
      "Use statistic = \"difference\" or \"F\" with `cluster`."
    ))
  }
  check_allocation_argument(allocation, cluster, exact)
  list(
    statistic = statistic, alternative = alternative, exact = exact, conf.level = conf.level,
    allocation = allocation
  )
}

# By label.
has_direction <- function(statistic) {
  statistic %in% c("difference", "welch.t")
}

statistic_label <- function(statistic) {
  if (is.function(statistic)) "function" else statistic
}

check_allocation_argument <- function(allocation, cluster, exact) {
  if (is.null(allocation)) {
    return(invisible())
  }
  if (is.function(allocation)) {
    if (!is.null(cluster)) {
      qst_abort("argument", paste(
        "`cluster` has no meaning with a function, which allocates rows.",
        "Let the function give all rows of a cluster the same arm."
      ))
    }
  } else {
    check_allocation(allocation)
  }
  if (isTRUE(exact)) {
    qst_abort("argument", paste(
      "`exact` = TRUE lists all shuffles, and `allocation` asks for another scheme.",
      "Leave one of them out."
    ))
  }
}

# ---- Statistics ----

# One a column of `given`, or of re-allocations first, first + 1, ...
permuted_statistics <- function(rows, scheme, how, first, n, given = NULL) {
  if (!is.function(how$statistic)) {
    return(.Call(
      C_qstr_permute, scheme, scheme$data, statistic_code(how$statistic), given, first, n,
      how$seed, how$threads
    ))
  }
  if (is.null(given)) {
    given <- .Call(C_qstr_permute_arms, scheme, first, n, how$seed, how$threads)
  }
  unit <- scheme$unit[rows$used]
  outcome <- rows$outcome[rows$used]
  apply(given, 2, function(arm) {
    value <- how$statistic(outcome, factor(scheme$arms[arm[unit]], scheme$arms))
    if (!is.numeric(value) || length(value) != 1) {
      qst_abort("argument", sprintf(
        "`statistic` must return a single number, not %s.", describe(value)
      ))
    }
    as.double(value)
  })
}

observed_statistic <- function(rows, scheme, how) {
  if (has_direction(statistic_label(how$statistic)) && scheme$n_arms != 2) {
    qst_abort("argument", sprintf(
      "statistic = \"%s\" needs two arms, and there are %d (%s). Use \"F\", or a subset.",
      how$statistic, scheme$n_arms, enumerate(scheme$arms)
    ), value = scheme$n_arms)
  }
  observed <- permuted_statistics(rows, scheme, how, 0, 1, given = matrix(scheme$arm))
  if (is.nan(observed) || is.na(observed)) {
    qst_abort("singular", sprintf(
      paste(
        "The statistic of the observed arms does not exist: `%s` does not vary, or an arm has",
        "too few values. Look at the data by arm."
      ), rows$name
    ))
  }
  observed
}

# What `keep` makes of each piece, in order.
random_statistics <- function(rows, scheme, how, replicates, keep = identity) {
  run <- function(first, n) {
    given <- if (is.function(how$allocation)) given_arms(rows, scheme, how$allocation, n)
    keep(permuted_statistics(rows, scheme, how, first, n, given))
  }
  if (is.function(how$allocation)) {
    with_generator(how$seed, in_pieces(replicates, 1000, "Re-allocating", run))
  } else {
    piece <- if (is.function(how$statistic)) 1000 else min(1e6, 2e8 / length(scheme$arm))
    in_pieces(replicates, piece, "Re-allocating", run)
  }
}

given_arms <- function(rows, scheme, allocation, n) {
  given <- vapply(seq_len(n), function(k) {
    arm <- allocation()
    code <- match(as.character(arm), scheme$arms)
    if (length(arm) != rows$n_rows || anyNA(code)) {
      qst_abort("argument", sprintf(
        "`allocation` must return an arm (%s) for each of the %d rows, not %s.",
        enumerate(scheme$arms), rows$n_rows, describe(arm)
      ))
    }
    code[rows$row[scheme$first_row]]
  }, integer(length(scheme$arm)))
  matrix(given, ncol = n)
}

# Different shuffles: a multinomial number a stratum.
n_shuffles <- function(scheme) {
  stratum <- rep(seq_along(scheme$stratum_size), scheme$stratum_size)
  sizes <- table(stratum, scheme$arm)
  round(exp(sum(lfactorial(scheme$stratum_size)) - sum(lfactorial(sizes))))
}

takes_all_shuffles <- function(n_all, how) {
  can <- is.null(how$allocation) && !is.function(how$statistic)
  if (isTRUE(how$exact) && (!can || n_all > 1e7)) {
    qst_abort(if (can) "range" else "argument", sprintf(
      "`exact` = TRUE %s. Use random re-allocations: exact = FALSE.",
      if (can) {
        sprintf("would need %.3g shuffles, more than 10,000,000", n_all)
      } else {
        "needs a named statistic"
      }
    ), value = n_all)
  }
  can && if (is.null(how$exact)) n_all <= 1e4 else how$exact
}

# Which are as extreme as `observed`; see the section P value. NA where there is no statistic.
is_extreme <- function(statistic, observed, alternative, unit) {
  slack <- 1e-10 * (abs(observed) + unit)
  switch(alternative,
    two.sided = abs(statistic) >= abs(observed) - slack,
    greater = statistic >= observed - slack,
    less = statistic <= observed + slack
  )
}

# ---- The result ----

permutation_result <- function(rows, scheme, how, observed, distribution) {
  y <- rows$outcome[rows$used]
  unit <- if (identical(how$statistic, "difference")) stats::sd(y) else 1
  directed <- has_direction(statistic_label(how$statistic))
  alternative <- if (directed) how$alternative else "greater"
  extreme <- is_extreme(distribution, observed, alternative, unit)
  n_none <- sum(is.na(extreme))
  b <- sum(extreme, na.rm = TRUE)
  m <- length(extreme) - n_none
  limits <- if (how$exact) c(b, b) / m else binomial_limits(b, m, how$conf.level)
  means <- if (is.null(rows$answers) && scheme$n_arms == 2) {
    diff(vapply(1:2, function(k) mean(y[scheme$arm[scheme$unit[rows$used]] == k]), numeric(1)))
  } else {
    NA_real_
  }
  structure(
    data.frame(
      contrast = if (scheme$n_arms == 2) paste(rev(scheme$arms), collapse = " - ") else "all arms",
      estimate = means, statistic = observed,
      p.value = if (how$exact) b / m else (b + 1) / (m + 1),
      p.low = limits[[1]], p.high = limits[[2]], extreme = b,
      replicates = length(distribution), undefined = n_none
    ),
    class = c("permutation_test", "data.frame"), distribution = distribution,
    how = describe_scheme(rows, scheme, how), statistic = statistic_label(how$statistic),
    alternative = alternative, exact = how$exact, conf.level = how$conf.level,
    seed = if (!how$exact) how$seed, n_used = rows$n_used, n_left_out = rows$n_left_out,
    n_units = length(scheme$arm)
  )
}

# Clopper & Pearson (1934) for b of m.
binomial_limits <- function(b, m, level) {
  tail <- (1 - level) / 2
  c(
    if (b == 0) 0 else stats::qbeta(tail, b, m - b + 1),
    if (b == m) 1 else stats::qbeta(1 - tail, b + 1, m - b)
  )
}

describe_scheme <- function(rows, scheme, how) {
  units <- if (rows$clustered) sprintf("%s clusters", count_text(length(scheme$arm))) else "people"
  within <- if (rows$stratified) {
    sprintf(" within %d strata", sum(scheme$stratum_size > 0))
  } else {
    ""
  }
  if (is.function(how$allocation)) {
    "Arms allocated by a function."
  } else if (is.null(how$allocation)) {
    sprintf("Arms shuffled among %s%s.", units, within)
  } else {
    sprintf("List of %s made anew: %s.", units, lower_first(describe_method(how$allocation)))
  }
}

lower_first <- function(text) {
  paste0(tolower(substr(text, 1, 1)), substring(text, 2))
}

permutation_title <- function(x) {
  name <- switch(attr(x, "statistic"),
    F = "F of the analysis of variance", difference = "the difference in means",
    welch.t = "Welch's t", welch.F = "Welch's F", chisq = "Pearson's chi-square",
    "a statistic of the caller"
  )
  sprintf(
    "%s test of %s", if (attr(x, "exact")) "Exact randomisation" else "Randomisation", name
  )
}

#' @export
print.permutation_test <- function(x, digits = 4, ...) {
  if (is.null(attr(x, "distribution")) || nrow(x) != 1) {
    return(invisible(print.data.frame(x)))
  }
  number <- function(value) trimws(formatC(value, digits = digits, format = "fg", flag = "#"))
  cat(permutation_title(x), "\n\n", sep = "")
  cat(sprintf(
    "%s: statistic %s, P %s%s\n", x$contrast, number(x$statistic),
    if (x$p.value < 0.001) "" else "= ", format_p(x$p.value)
  ))
  cat("\n")
  cat(strwrap(paste(permutation_notes(x), collapse = " "), width = 79), sep = "\n")
  invisible(x)
}

permutation_notes <- function(x) {
  exact <- attr(x, "exact")
  c(
    sprintf(
      "%s of %s %s as extreme as observed%s.", count_text(x$extreme), count_text(x$replicates),
      if (exact) "allocations are" else "re-allocations were",
      if (exact) "" else sprintf(
        "; %g%% interval of the P of all of them %s", 100 * attr(x, "conf.level"),
        paste(format_p(c(x$p.low, x$p.high)), collapse = " to ")
      )
    ),
    attr(x, "how"),
    if (has_direction(attr(x, "statistic"))) {
      sprintf("Alternative: %s.", sub(".", "-", attr(x, "alternative"), fixed = TRUE))
    },
    if (x$undefined > 0) {
      sprintf("%s replicates left an arm empty and were set aside.", count_text(x$undefined))
    },
    sprintf("n = %s%s.", count_text(attr(x, "n_used")), left_out_text(attr(x, "n_left_out"))),
    if (!is.null(attr(x, "seed"))) sprintf("Seed %.0f.", attr(x, "seed"))
  )
}

#' Tidy data frames and pictures of a randomisation test
#'
#' @param x A result of [permutation_test()].
#' @param ... For `plot()` arguments of [graphics::hist()]; for the others nothing.
#' @return `tidy()` and `glance()` plain data frames of one row; `plot()` draws
#'   the distribution of the statistic with the observed value and returns `x`.
#' @examples
#' plot(permutation_test(weight ~ group, PlantGrowth, seed = 1))
#' @name permutation_test_methods
NULL

#' @rdname permutation_test_methods
#' @export
plot.permutation_test <- function(x, ...) {
  values <- attr(x, "distribution")
  values <- values[is.finite(values)]
  settings <- list(
    x = values, breaks = 50, col = "grey85", border = "white", main = permutation_title(x),
    xlab = sprintf("Statistic of %s allocations", count_text(x$replicates)),
    xlim = range(values, x$statistic)
  )
  do.call(graphics::hist, utils::modifyList(settings, list(...)))
  marks <- if (attr(x, "alternative") == "two.sided") c(1, -1) * x$statistic else x$statistic
  colour <- questrial_colours(2)[[2]]
  graphics::abline(v = marks, col = colour, lwd = 2, lty = seq_along(marks))
  graphics::mtext(
    sprintf("observed %s, P %s", format(x$statistic, digits = 4), format_p(x$p.value)),
    side = 3, line = 0, cex = 0.9, col = colour
  )
  invisible(x)
}

#' @rdname permutation_test_methods
#' @exportS3Method generics::tidy
tidy.permutation_test <- function(x, ...) {
  check_no_dots(...)
  data.frame(lapply(stats::setNames(seq_along(x), names(x)), function(j) x[[j]]))
}

#' @rdname permutation_test_methods
#' @exportS3Method generics::glance
glance.permutation_test <- function(x, ...) {
  check_no_dots(...)
  data.frame(
    test = attr(x, "statistic"), exact = attr(x, "exact"), replicates = x$replicates,
    nobs = attr(x, "n_used"), left.out = attr(x, "n_left_out")
  )
}
