#' Shares of variance: eta squared, omega squared, epsilon squared
#'
#' From a fit, an analysis of variance, a comparison, or a printed F.
#'
#' With F on a and b degrees of freedom and N rows, partial
#' \deqn{\eta^2 = \frac{aF}{aF + b}, \quad
#'   \epsilon^2 = \frac{a(F - 1)}{aF + b}, \quad
#'   \omega^2 = \frac{a(F - 1)}{a(F - 1) + N}.}{
#'   eta2 = a F / (a F + b), epsilon2 = a (F - 1) / (a F + b),
#'   omega2 = a (F - 1) / (a (F - 1) + N).}
#' With a single factor partial and classical values are the same. All estimate
#' one population share, \eqn{\lambda/(\lambda + N)}{lambda / (lambda + N)} with
#' \eqn{\lambda}{lambda} the noncentrality of F (Steiger 2004,
#' <doi:10.1037/1082-989X.9.2.164>); \eqn{\eta^2}{eta2} is too large on average,
#' the others nearly unbiased. Negative estimates are not set to 0, which would
#' bring the bias back (Okada 2017, <doi:10.3758/s13428-016-0760-y>).
#'
#' @section Intervals:
#' The limits are those of \eqn{\lambda}{lambda}, at which the observed F is a quantile of
#' the two tails. An F test has one tail, so the *90%* interval excludes 0 exactly
#' when P < .05, and is the default; of a 95% interval this holds for P < .025. The alternative
#' `"greater"` gives the one-sided 95% interval, whose upper end is 1. A limit
#' that does not exist, because F is too small, is 0. \eqn{\lambda}{lambda} is exact for
#' designs whose covariates are fixed. Classical \eqn{\eta^2}{eta2} with several
#' terms (`partial = FALSE`) has no such interval and gets none.
#'
#' @section Peers:
#' `effectsize` divides \eqn{\lambda}{lambda} by \eqn{\lambda + b}{lambda + b} instead
#' of \eqn{\lambda + N}{lambda + N}, which is not the share of variance in the
#' population but larger; and for \eqn{\omega^2}{omega2} and
#' \eqn{\epsilon^2}{epsilon2} it looks for the noncentrality of an F made from the shrunken
#' estimate, so that its interval can include 0 although P < .05. The interval here is
#' one for the three, and agrees with the test.
#'
#' @param x A fit of [fit_glm()] (gaussian), `lm` or `aov`, a table of `anova()`, or a
#'   [compare_arms()] or [compare_summary()] with `test = "anova"`.
#' @param partial Variance of the other terms left out? Needs sums of squares of
#'   type I for `FALSE`.
#' @param f,df,df.residual Instead of `x`: a printed F and its degrees of freedom.
#' @param n Rows behind a printed F; `df + df.residual + 1`, which is right with a
#'   single factor, if `NULL`.
#' @param conf.level Level of the interval; `NULL`: 0.90, for `"greater"` 0.95.
#' @param alternative `"two.sided"` or `"greater"`.
#' @return A data frame of class `effect_size`: `term`, `estimate`, `conf.low`,
#'   `conf.high`, `df`, `df.residual`.
#' @section Errors:
#' `questrial_error_argument`: what has no F, both or none of `x` and `f`.
#' @seealso [cohens_d()], [cramers_v()].
#' @examples
#' eta_squared(fit_glm(weight ~ group, PlantGrowth))
#' omega_squared(compare_arms(weight ~ group, PlantGrowth, "anova"))
#' # Printed: F(2, 359) = 2.41
#' eta_squared(f = 2.41, df = 2, df.residual = 359)
#' @export
eta_squared <- function(x = NULL, partial = TRUE, f = NULL, df = NULL, df.residual = NULL,
                        n = NULL, conf.level = NULL, alternative = c("two.sided", "greater")) {
  check_flag(partial, "partial")
  rows <- f_rows(x, f, df, df.residual, n)
  estimate <- rows$df * rows$f / (rows$df * rows$f + rows$df.residual)
  if (!partial && nrow(rows) > 1) {
    if (anyNA(rows$ss)) {
      qst_abort("argument", paste(
        "Classical eta squared needs sums of squares that add up, those of type I.",
        "Use partial = TRUE."
      ))
    }
    rows$has_interval <- FALSE
    estimate <- rows$ss / rows$ss_total
  }
  name <- if (partial && nrow(rows) > 1) "Partial eta squared" else "Eta squared"
  variance_shares(rows, estimate, name, conf.level, alternative)
}

#' @rdname eta_squared
#' @export
omega_squared <- function(x = NULL, f = NULL, df = NULL, df.residual = NULL, n = NULL,
                          conf.level = NULL, alternative = c("two.sided", "greater")) {
  rows <- f_rows(x, f, df, df.residual, n)
  above <- rows$df * (rows$f - 1)
  name <- if (nrow(rows) > 1) "Partial omega squared" else "Omega squared"
  variance_shares(rows, above / (above + rows$n), name, conf.level, alternative)
}

#' @rdname eta_squared
#' @export
epsilon_squared <- function(x = NULL, f = NULL, df = NULL, df.residual = NULL, n = NULL,
                            conf.level = NULL, alternative = c("two.sided", "greater")) {
  rows <- f_rows(x, f, df, df.residual, n)
  estimate <- rows$df * (rows$f - 1) / (rows$df * rows$f + rows$df.residual)
  name <- if (nrow(rows) > 1) "Partial epsilon squared" else "Epsilon squared"
  variance_shares(rows, estimate, name, conf.level, alternative)
}

variance_shares <- function(rows, estimate, name, conf.level, alternative) {
  alternative <- check_choice(alternative, c("two.sided", "greater"), "alternative")
  conf.level <- share_level(conf.level, alternative)
  limits <- vapply(seq_len(nrow(rows)), function(k) {
    row <- rows[k, ]
    if (!row$has_interval) {
      return(c(NA_real_, NA_real_))
    }
    lambda <- noncentrality_limits(conf.level, alternative, function(lambda) {
      stats::pf(row$f, row$df, row$df.residual, lambda)
    })
    lambda_share(lambda, row$n)
  }, numeric(2))
  new_effect_size(
    data.frame(
      term = rows$term, estimate = estimate, conf.low = limits[1, ], conf.high = limits[2, ],
      df = rows$df, df.residual = rows$df.residual
    ),
    name, conf.level, alternative, share_note(conf.level, alternative, rows$has_interval)
  )
}

lambda_share <- function(lambda, n) {
  ifelse(is.infinite(lambda), 1, lambda / (lambda + n))
}

share_level <- function(conf.level, alternative) {
  if (is.null(conf.level)) {
    return(if (alternative == "two.sided") 0.9 else 0.95)
  }
  check_number(conf.level, "conf.level", min = 0, max = 1)
}

share_note <- function(conf.level, alternative, has_interval = TRUE) {
  if (!any(has_interval)) {
    return("Classical shares of several terms have no interval.")
  }
  tail <- if (alternative == "two.sided") (1 - conf.level) / 2 else 1 - conf.level
  sprintf("The lower limit is above 0 exactly when P < %s.", format(signif(tail, 6)))
}

# ---- Where F comes from ----

# One row a term: term, f, df, df.residual, n, ss, ss_total, has_interval.
f_rows <- function(x, f, df, df.residual, n) {
  if (is.null(x) == is.null(f)) {
    qst_abort("argument", paste(
      "Give either `x` (a fit, an anova table, a comparison) or a printed `f` with its",
      "degrees of freedom."
    ))
  }
  if (!is.null(f)) {
    return(printed_f(f, df, df.residual, n))
  }
  if (inherits(x, "compare_arms")) {
    return(comparison_f(x))
  }
  if (inherits(x, "htest")) {
    return(htest_f(x))
  }
  anova_f(x)
}

printed_f <- function(f, df, df.residual, n) {
  check_number(f, "f", min = 0)
  check_number(df, "df", min = 1)
  check_number(df.residual, "df.residual", min = 1)
  least <- df + df.residual + 1
  n <- if (is.null(n)) least else check_number(n, "n", min = least)
  data.frame(
    term = "F", f = f, df = df, df.residual = df.residual, n = n, ss = NA_real_,
    ss_total = NA_real_, has_interval = TRUE
  )
}

comparison_f <- function(x) {
  refuse_pooled_f(x)
  if (!identical(attr(x, "test"), "anova")) {
    qst_abort("argument", sprintf(
      "Test \"%s\" of the comparison has no F of pooled variance. Use test = \"anova\".",
      attr(x, "test")
    ))
  }
  rows <- printed_f(x$statistic, x$df, x$df.residual, NULL)
  rows$term <- x$contrast
  rows
}

htest_f <- function(x) {
  df <- unname(x$parameter)
  if (!identical(names(x$statistic), "F") || length(df) != 2 || any(df != round(df))) {
    qst_abort("argument", paste(
      "`x` is a test without an F of pooled variance.",
      "Use oneway.test(var.equal = TRUE), or a fit."
    ))
  }
  printed_f(unname(x$statistic), df[[1]], df[[2]], NULL)
}

anova_f <- function(x) {
  table <- if (inherits(x, "anova")) x else anova_of_fit(x)
  f <- grep("^F( value)?$", names(table))
  if (length(f) != 1 || !"Df" %in% names(table)) {
    qst_abort("argument", "The table has no column of F. Use anova(fit, test = \"F\").")
  }
  label <- trimws(rownames(table))
  residual <- which(label == "Residuals")
  kept <- which(!is.na(table[[f]]) & label != "(Intercept)")
  if (length(residual) != 1 || length(kept) == 0) {
    qst_abort("argument", "The table has no terms with F, or no single row of residuals.")
  }
  ss <- if ("Sum Sq" %in% names(table)) table[["Sum Sq"]] else rep(NA_real_, nrow(table))
  # Sums of squares of types II and III do not add up to the total.
  sequential <- !any(grepl("ype I{2,3}", attr(table, "heading"))) && names(table)[[1]] == "Df"
  data.frame(
    term = label[kept], f = table[[f]][kept], df = table$Df[kept],
    df.residual = table$Df[[residual]], n = sum(table$Df[c(kept, residual)]) + 1,
    ss = if (sequential) ss[kept] else NA_real_, ss_total = sum(ss), has_interval = TRUE
  )
}

# D1 is no ratio of sums of squares of any data.
refuse_pooled_f <- function(x) {
  if (inherits(x, "pooled_fit") || !is.null(attr(x, "m"))) {
    qst_abort("argument", paste(
      "`x` is pooled over imputations: its F (D1) is no ratio of sums of squares, so there is no",
      "share of variance. Report the contrasts, or the shares of each fit in `fits`."
    ))
  }
}

anova_of_fit <- function(x) {
  refuse_pooled_f(x)
  gaussian <- inherits(x, c("lm", "fit_glm")) && identical(stats::family(x)$family, "gaussian")
  if (!gaussian || inherits(x, "aovlist")) {
    qst_abort("argument", sprintf(
      "`x` must be a linear model, an anova table or a comparison, not %s.", describe(x)
    ))
  }
  stats::anova(x)
}

# ---- Limits of a noncentrality ----

# Where cdf(lambda), which falls, has the two tails; 0 where the central one is already below.
noncentrality_limits <- function(conf.level, alternative, cdf) {
  tail <- if (alternative == "two.sided") (1 - conf.level) / 2 else 1 - conf.level
  c(
    noncentrality_at(1 - tail, cdf),
    if (alternative == "two.sided") noncentrality_at(tail, cdf) else Inf
  )
}

noncentrality_at <- function(p, cdf) {
  # R warns where the last digits are in doubt; a limit needs far fewer.
  excess <- function(lambda) suppressWarnings(cdf(lambda)) - p
  if (excess(0) <= 0) {
    return(0)
  }
  high <- 1
  while (excess(high) > 0) {
    high <- 2 * high
    if (high > 1e12) {
      return(NA_real_)
    }
  }
  stats::uniroot(excess, c(0, high), tol = 1e-10 * high)$root
}

#' Cramer's V
#'
#' From data, counts, a chi-square test, or a printed chi-square.
#'
#' \eqn{V = \sqrt{\chi^2/(n m)}}{V = sqrt(chi2 / (n m))}, m one less than the smaller number of
#' rows or columns; for 2 x 2 tables |phi|. V is too large on average, above all in
#' large tables of few people; `unbiased` gives Bergsma's (2013,
#' <doi:10.1016/j.jkss.2012.10.002>) correction.
#'
#' @section Intervals:
#' From the noncentral chi-square distribution:
#' \eqn{\sqrt{\lambda/(n m)}}{sqrt(lambda / (n m))} at the noncentralities
#' \eqn{\lambda}{lambda} at which the observed chi-square is a quantile of the two
#' tails, at most 1. The test has one tail, so the *90%* interval excludes 0 exactly when P of
#' chi-square (without Yates' correction) is below .05, and is the default; see [eta_squared()].
#' It is an interval of the population's V, so it is the same with `unbiased`.
#' `effectsize::cramers_v()` makes the interval of its adjusted V from a chi-square that is
#' shrunken first, which can include 0 although P < .05; and Smithson (2003) adds the degrees of
#' freedom to \eqn{\lambda}{lambda}, which never lets it include 0.
#'
#' @inheritParams eta_squared
#' @param x A formula `answer ~ arm`; a table or matrix of counts; a [compare_arms()] or
#'   [compare_counts()] of counts; or a result of [chisq.test()].
#' @param data A data frame, for a formula.
#' @param unbiased Bergsma's correction?
#' @param chisq,n,dim Instead of `x`: a printed chi-square, the number of people, and the
#'   numbers of rows and columns.
#' @return A data frame of class `effect_size`: `contrast`, `estimate`, `conf.low`,
#'   `conf.high`, `df`.
#' @section Errors:
#' As [compare_counts()]; `questrial_error_argument` for a printed chi-square larger
#' than its table allows.
#' @examples
#' cramers_v(rbind(female = c(75, 72, 66), male = c(42, 53, 54)))
#' cramers_v(chisq = 9.1, n = 120, dim = c(3, 2), unbiased = TRUE)
#' @export
cramers_v <- function(x = NULL, data = NULL, unbiased = FALSE, chisq = NULL, n = NULL, dim = NULL,
                      conf.level = NULL, alternative = c("two.sided", "greater")) {
  check_flag(unbiased, "unbiased")
  alternative <- check_choice(alternative, c("two.sided", "greater"), "alternative")
  conf.level <- share_level(conf.level, alternative)
  if (is.null(x) == is.null(chisq)) {
    qst_abort("argument", paste(
      "Give either `x` (data or counts) or a printed `chisq` with `n` and `dim`."
    ))
  }
  part <- if (is.null(x)) printed_chisq(chisq, n, dim) else counted_chisq(x, data)
  lambda <- noncentrality_limits(conf.level, alternative, function(lambda) {
    stats::pchisq(part$chisq, part$df, lambda)
  })
  m <- min(part$dim) - 1
  limits <- pmin(1, sqrt(lambda / (part$n * m)))
  estimate <- if (unbiased) bergsma_v(part) else sqrt(part$chisq / (part$n * m))
  new_effect_size(
    data.frame(
      contrast = "all arms", estimate = estimate, conf.low = limits[[1]],
      conf.high = limits[[2]], df = part$df
    ),
    if (unbiased) "Cramer's V, bias corrected" else "Cramer's V", conf.level, alternative,
    share_note(conf.level, alternative)
  )
}

printed_chisq <- function(chisq, n, dim) {
  check_number(chisq, "chisq", min = 0)
  check_number(n, "n", min = 2)
  if (!is.numeric(dim) || length(dim) != 2 || any(dim < 2) || any(dim != round(dim))) {
    qst_abort("argument", sprintf(
      "`dim` must be the numbers of rows and columns, as c(3, 2), not %s.", describe(dim)
    ))
  }
  if (chisq > n * (min(dim) - 1) * (1 + 1e-9)) {
    qst_abort("argument", sprintf(
      "`chisq` is %s, but a %d x %d table of %s people allows %s at most. Is `n` right?",
      format(chisq), dim[[1]], dim[[2]], count_text(n), format(n * (min(dim) - 1))
    ), value = chisq)
  }
  list(chisq = chisq, n = n, dim = dim, df = prod(dim - 1))
}

counted_chisq <- function(x, data) {
  counts <- if (inherits(x, "formula")) {
    attr(compare_arms(x, data, "chisq"), "arms")
  } else if (inherits(x, "htest")) {
    x$observed
  } else if (inherits(x, "compare_arms")) {
    attr(x, "arms")
  } else {
    x
  }
  if (is.null(counts) || is.data.frame(counts) && inherits(x, "compare_arms")) {
    qst_abort("argument", "`x` is not a test of counts. Give a table, or a chi-square test.")
  }
  counts <- counts_matrix(counts)
  test <- compare_counts(counts)
  list(chisq = test$statistic, n = sum(counts), dim = dim(counts), df = test$df)
}

# Bergsma (2013), section 3.
bergsma_v <- function(part) {
  n <- part$n
  phi2 <- max(0, part$chisq / n - prod(part$dim - 1) / (n - 1))
  sizes <- part$dim - (part$dim - 1)^2 / (n - 1)
  sqrt(phi2 / (min(sizes) - 1))
}
