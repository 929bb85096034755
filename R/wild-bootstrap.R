#' Wild cluster bootstrap
#'
#' P value, and if asked for a confidence interval, of one linear hypothesis
#' about the coefficients of a linear model with few clusters.
#'
#' The statistic is t with a CR1 standard error. Its distribution is that over
#' data made anew: fitted values, plus the residuals of each cluster times one
#' random number of mean 0 and variance 1. With `impose_null` both come from the model in
#' which the hypothesis holds, which is what Cameron, Gelbach & Miller (2008) recommend. Nothing
#' is refitted: t is a function of each cluster's scores (Roodman et al. 2019), so a
#' replicate costs a few operations a cluster.
#'
#' With m clusters there are 2^m patterns of signs. If these are not more than
#' `replicates`, all of them are taken, and the P value is the share whose |t| is
#' at least that of the data; otherwise the data count as one more replicate, (1 +
#' count) / (1 + replicates), so that no P value is 0 (Phipson & Smyth 2010). With
#' fewer than about ten clusters there are few patterns, and `"webb"` gives six
#' values instead of two.
#'
#' The interval holds the values whose test, with the same random numbers, has P
#' of at least 1 - `conf.level`. A side on which every value has is infinite.
#'
#' @param fit A fit of [fit_glm()] with family gaussian.
#' @param term A coefficient, or an equation such as `"armbalint = armletter"` or `"wt = -5"`.
#' @param cluster The clusters, one way, as in [vcov.fit_glm()]; by default those of the fit.
#' @param replicates How many.
#' @param weights What residuals are multiplied by: `"rademacher"` (-1 or 1) or
#'   `"webb"` (plus or minus the roots of 1/2, 1 and 3/2).
#' @param impose_null Resample from the model in which the hypothesis holds?
#' @param conf.int Find the interval by inverting the test?
#' @param conf.level Its level.
#' @param seed,threads See [permutation_test()]: a whole number (by default from R's
#'   generator), and the number of threads, on which nothing depends.
#' @return A data frame of one row that prints as a table ([questrial_table]):
#'   `term`, `estimate`, `std.error` (CR1), `statistic`, `p.value`, `conf.low`,
#'   `conf.high` (`NA` without `conf.int`), `replicates`. Attribute `"bootstrap"`:
#'   the replicates of t; `"seed"`: the seed used.
#' @section Errors:
#' `questrial_error_argument` for a fit of another family, several ways of
#' clustering, or more than one hypothesis.
#' @section Peers:
#' Stata's `boottest` and fwildclusterboot's `boottest()` compute the same; for a
#' full enumeration P values agree exactly but for ties.
#' @references
#' Cameron AC, Gelbach JB, Miller DL (2008) Bootstrap-based improvements for inference
#' with clustered errors. *Rev. Econ. Stat.* 90:414-427, <doi:10.1162/rest.90.3.414>.
#'
#' Phipson B, Smyth GK (2010) Permutation P-values should never be zero. *Stat.
#' Appl. Genet. Mol. Biol.* 9:39, <doi:10.2202/1544-6115.1585>.
#'
#' Roodman D, MacKinnon JG, Nielsen MO, Webb MD (2019) Fast and wild: bootstrap
#' inference in Stata using boottest. *Stata J.* 19:4-60,
#' <doi:10.1177/1536867X19830877>.
#'
#' Webb MD (2023) Reworking wild bootstrap-based inference for clustered errors.
#' *Can. J. Econ.* 56:839-858, <doi:10.1111/caje.12661>.
#' @examples
#' fit <- fit_glm(weight ~ Diet + Time, ChickWeight, cluster = ~ Chick)
#' wild_bootstrap(fit, "Diet3", replicates = 999, seed = 1)
#' wild_bootstrap(fit, "Diet2 = Diet3", replicates = 999, conf.int = TRUE, seed = 1)
#' @export
wild_bootstrap <- function(fit, term, cluster = NULL, replicates = 9999,
                           weights = c("rademacher", "webb"), impose_null = TRUE,
                           conf.int = FALSE, conf.level = 0.95, seed = NULL, threads = NULL) {
  if (inherits(fit, "pooled_fit")) {
    refuse_pooled("The wild bootstrap",
      "its P values have no standard error by which they could be pooled",
      "Use wald_test(fit, term, vcov = \"CR2\"), which is made for few clusters"
    )
  }
  check_fit(fit)
  check_wild_fit(fit)
  weights <- check_choice(weights, c("rademacher", "webb"), "weights")
  check_flag(impose_null, "impose_null")
  check_flag(conf.int, "conf.int")
  check_number(conf.level, "conf.level", min = 0.5, max = 0.9999)
  check_number(replicates, "replicates", min = 9, max = 1e8, whole = TRUE)
  wanted <- one_hypothesis(fit, term)
  columns <- single_way(fit_clusters(fit, cluster))
  plan <- wild_plan(fit, wanted, columns[[1]], replicates, weights, impose_null, seed, threads)
  test <- wild_p_value(plan, wanted$null)
  limits <- if (conf.int) wild_limits(plan, 1 - conf.level) else c(NA_real_, NA_real_)
  rows <- data.frame(
    term = term, estimate = plan$estimate, std.error = plan$std.error,
    statistic = (plan$estimate - wanted$null) / plan$std.error, p.value = test$p.value,
    conf.low = limits[[1]], conf.high = limits[[2]], replicates = plan$replicates
  )
  structure(
    wild_table(rows, wild_notes(fit, plan, columns, weights, impose_null), conf.int, conf.level),
    bootstrap = test$t, seed = plan$seed
  )
}

check_wild_fit <- function(fit) {
  if (!is_linear(fit)) {
    qst_abort("argument", sprintf(
      paste(
        "`fit`: the wild bootstrap is for linear models, not %s(link = \"%s\").",
        "Use vcov = \"CR2\"."
      ), fit$family$family, fit$family$link
    ), value = fit$family$family)
  }
}

one_hypothesis <- function(fit, term) {
  check_string(term, "term")
  wanted <- contrast_matrix(term, names(fit$coefficients))
  check_estimable(fit, wanted$matrix, term)
  wanted
}

single_way <- function(columns) {
  if (length(columns) > 1) {
    qst_abort("argument", sprintf(
      "`cluster`: the wild bootstrap takes one way of clustering, not %s. Name one.",
      enumerate(names(columns))
    ), value = names(columns))
  }
  columns
}

# Everything that does not depend on the hypothetical value.
wild_plan <- function(fit, wanted, cluster, replicates, weights, impose_null, seed, threads) {
  parts <- sandwich_parts(fit)
  threads <- threads_to_use(threads)
  scores <- .Call(
    C_qstr_vcov_scores, parts[[1]], parts[[2]], parts[[3]], parts[[4]], cluster,
    drop(wanted$matrix), threads
  )
  m <- nlevels(cluster)
  all_signs <- weights == "rademacher" && 2^m <= replicates
  kept <- kept_terms(fit)
  list(
    scores = scores$scores, shares = scores$shares, direction = scores$direction, m = m,
    estimate = sum(wanted$matrix[, kept] * fit$coefficients[kept]),
    std.error = sqrt(sum((scores$scores %*% scores$direction)^2) * m / (m - 1)),
    weights = if (all_signs) 2L else match(weights, c("rademacher", "webb")) - 1L,
    replicates = if (all_signs) 2^m else as.double(replicates), all_signs = all_signs,
    impose_null = impose_null, seed = if (all_signs) NA_real_ else draw_seed(seed),
    threads = threads
  )
}

# |t| that agree to rounding are equal: patterns that mirror each other tie.
wild_p_value <- function(plan, null) {
  distance <- plan$estimate - null
  scores <- plan$scores
  if (plan$impose_null) {
    scores <- scores + plan$shares * (distance / sum(plan$direction^2))
  }
  t <- .Call(
    C_qstr_vcov_wild, scores, plan$shares, plan$direction, plan$weights, plan$replicates,
    if (plan$all_signs) 0 else plan$seed, plan$threads
  ) * sqrt((plan$m - 1) / plan$m)
  n_extreme <- sum(abs(t) >= abs(distance / plan$std.error) * (1 - 1e-9), na.rm = TRUE)
  p <- if (plan$all_signs) n_extreme / length(t) else (1 + n_extreme) / (1 + length(t))
  list(p.value = p, t = t)
}

wild_limits <- function(plan, alpha) {
  vapply(c(-1, 1), function(side) wild_limit(plan, alpha, side), 0)
}

# The value at which P falls to alpha, by bisection: P is a step function.
wild_limit <- function(plan, alpha, side) {
  beyond <- function(steps) {
    wild_p_value(plan, plan$estimate + side * steps * plan$std.error)$p.value < alpha - 1e-9
  }
  inside <- 0
  outside <- 2
  while (!beyond(outside)) {
    inside <- outside
    outside <- 2 * outside
    if (outside > 2^12) {
      return(side * Inf)
    }
  }
  while (outside - inside > 1e-5 * outside) {
    middle <- (inside + outside) / 2
    if (beyond(middle)) outside <- middle else inside <- middle
  }
  plan$estimate + side * (inside + outside) / 2 * plan$std.error
}

wild_notes <- function(fit, plan, columns, weights, impose_null) {
  c(
    sprintf(
      "Wild bootstrap by %s, %s weights%s, hypothesis %simposed; t with CR1 standard errors.",
      cluster_words(columns), c(rademacher = "Rademacher", webb = "Webb")[[weights]],
      if (plan$all_signs) {
        sprintf(", all %s patterns of signs", count_text(plan$replicates))
      } else {
        sprintf(
          ", %s replicates, seed %s", count_text(plan$replicates), format(plan$seed, digits = 16)
        )
      }, if (impose_null) "" else "not "
    ),
    rows_text(fit)
  )
}

wild_table <- function(rows, notes, conf.int, conf.level) {
  digits <- decimals_for(rows$std.error)
  number <- function(heading, from, digits) table_column(heading, from, "number", digits = digits)
  columns <- c(
    list(table_column("Term", "term"), number("Estimate", "estimate", digits)),
    if (conf.int) {
      list(table_column(percent_words(conf.level), c("conf.low", "conf.high"), "ci",
        digits = digits))
    },
    list(
      number("SE", "std.error", digits), number("t", "statistic", 2),
      table_column("P", "p.value", "p")
    )
  )
  new_questrial_table(rows, "wild_bootstrap", "Wild cluster bootstrap", notes, columns = columns)
}
