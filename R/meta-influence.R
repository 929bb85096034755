#' How much a pool owes to single studies
#'
#' Every study left out in turn, studies added one after the other, and the measures
#' of influence of regression, all from one batch of fits in C.
#'
#' @section Measures of influence:
#' `rstudent` (the effect less what the other studies predict, over its standard
#' error), `dffits`, `cook.d`, `cov.r` (ratio of the determinants of the
#' covariances), `tau2.del` and `QE.del` (without the study), `hat`, `weight`
#' (percent) and a column `dfbetas.` for each coefficient, as Viechtbauer & Cheung
#' (2010) define them. `influential` marks a study with |dffits| above 3 sqrt(p / (k
#' - p)), a `cook.d` beyond the median of chi-square with p df, `hat` above 3 p / k
#' or a dfbetas beyond 1.
#'
#' @param fit,model A fit of [meta_analysis()].
#' @param order For `cumulative()`: numbers or texts to sort the studies by, one for
#'   each study used or each row of the data, or a column of `fit$studies` by its
#'   name; as they stand if not given.
#' @param ... Nothing else: a misspelt argument is an error.
#' @return A data frame that prints itself, with a row for each study (`study`, `k`,
#'   `estimate`, `std.error`, `statistic`, `df`, `p.value`, `conf.low`, `conf.high`,
#'   `tau2`, `I2`, `Q`, `Q.p`), or with the measures. Ratios are logarithms in it
#'   and ratios in print. `NA` where the rest cannot be fitted.
#' @section Errors:
#' `questrial_error_argument` for fits with moderators, which only `influence()`
#' takes, and for orders of another length; `questrial_error_no_data` for a single
#' study.
#' @section Peers:
#' The numbers of `metafor::leave1out()`, `cumul()` and `influence()`; those keep
#' going to a step of 1e-5 only. With subgroups the overall pool is meant.
#' @examples
#' trials <- data.frame(
#'   study = c("A", "B", "C", "D", "E"), yi = c(0.1, 0.5, 0.3, 0.8, 0.2),
#'   vi = c(0.04, 0.05, 0.02, 0.08, 0.03), year = c(2001, 1999, 2010, 2004, 2015)
#' )
#' fit <- meta_analysis(yi, vi, data = trials)
#' leave_one_out(fit)
#' cumulative(fit, order = trials$year)
#' influence(fit)
#' @export
leave_one_out <- function(fit) {
  check_refit(fit, "leave_one_out()", plain = TRUE)
  k <- fit$k
  kept <- !diag(nrow = k) > 0
  rows <- plain_frame(c(list(study = fit$studies$slab), refit_subsets(fit, kept)))
  few <- if (k < 4) {
    sprintf("With %d studies, one less leaves too few to tell a pool from a study.", k)
  }
  refit_table(rows, fit, "leave_one_out", "Left out", "Each study left out in turn", few)
}

#' @rdname leave_one_out
#' @export
cumulative <- function(fit, order = NULL) {
  check_refit(fit, "cumulative()", plain = TRUE)
  k <- fit$k
  by <- order_values(substitute(order), fit, parent.frame())
  rank <- if (is.null(by)) seq_len(k) else base::order(by)
  kept <- matrix(FALSE, k, k)
  for (j in seq_len(k)) {
    kept[rank[seq_len(j)], j] <- TRUE
  }
  rows <- plain_frame(c(list(study = fit$studies$slab[rank]), refit_subsets(fit, kept)))
  few <- if (k < 5) "With so few studies each step may be chance."
  refit_table(rows, fit, "cumulative", "Added", "One study after the other", few)
}

check_refit <- function(fit, what, plain) {
  if (!inherits(fit, "meta_analysis")) {
    qst_abort("argument", sprintf(
      "%s needs a fit of meta_analysis(), not %s.", what, describe(fit)
    ))
  }
  refuse_clusters(fit, what)
  if (plain && !is.null(fit$x)) {
    qst_abort("argument", sprintf(
      "%s has no answer with moderators. Fit without them, or take influence().", what
    ))
  }
  if (fit$k < 2) {
    qst_abort("no_data", sprintf("%s needs at least 2 studies, not %d.", what, fit$k))
  }
}

order_values <- function(expression, fit, frame) {
  by <- eval(expression, fit$studies, frame)
  if (is.null(by)) {
    return(NULL)
  }
  n_rows <- max(fit$studies$row, fit$omitted$row)
  if (!is.atomic(by) || !length(by) %in% c(fit$k, n_rows)) {
    qst_abort("argument", sprintf(
      "`order` must have a value for each of the %d studies, not %s.", fit$k, describe(by)
    ))
  }
  if (length(by) == fit$k) by else by[fit$studies$row]
}

# ---- Refitting ----

fit_spec <- function(fit) {
  meta_spec(fit$method, fit$test, fit$preset, fit$conf.level)
}

# The pools of the studies kept in each column of `kept`, a column each of the result.
refit_subsets <- function(fit, kept) {
  spec <- fit_spec(fit)
  if (spec$method %in% meta_table_methods) {
    return(refit_tables(fit, kept, spec))
  }
  y <- matrix(fit$studies$yi, fit$k, ncol(kept))
  y[!kept] <- NaN
  batch_rows(meta_core(y, matrix(fit$studies$vi), NULL, spec, FALSE), spec)
}

# Rows of the core's answer for pools without moderators.
batch_rows <- function(core, spec) {
  estimate <- core$b[1, ]
  error <- sqrt(core$vcov[1, ])
  df <- core$k - 1
  fitted <- core$outcome == 0L
  t <- spec$test != "z" & df > 0
  tail <- (1 + spec$conf.level) / 2
  half <- ifelse(t, stats::qt(tail, pmax(df, 1)), stats::qnorm(tail)) * error
  statistic <- estimate / error
  p <- 2 * ifelse(t, stats::pt(-abs(statistic), pmax(df, 1)), stats::pnorm(-abs(statistic)))
  from_q <- pmax(0, (core$Q - df) / core$Q)
  share <- if (spec$from_q) from_q else core$tau2 / (core$tau2 + core$typical)
  list(
    k = core$k, estimate = estimate, std.error = error, statistic = statistic,
    df = ifelse(t, df, NA_real_), p.value = p, conf.low = estimate - half,
    conf.high = estimate + half, tau2 = core$tau2,
    I2 = ifelse(fitted & (df == 0 | core$Q == 0), 0, 100 * share), Q = core$Q,
    Q.p = ifelse(df > 0, stats::pchisq(core$Q, pmax(df, 1), lower.tail = FALSE), NA_real_)
  )
}

refit_tables <- function(fit, kept, spec) {
  rows <- lapply(seq_len(ncol(kept)), function(j) {
    tryCatch(
      {
        one <- pool_studies(fit$studies[kept[, j], ], NULL, spec, fit$measure)
        c(tidy_pool(one, NA)[refit_columns], unclass(one)[c("tau2", "I2", "Q", "Q.p")])
      },
      questrial_error_no_data = function(e) c(k = sum(kept[, j]), tau2 = 0)
    )
  })
  names <- c(refit_columns, "tau2", "I2", "Q", "Q.p")
  stats::setNames(lapply(names, function(name) {
    vapply(rows, function(row) if (is.null(row[name][[1]])) NA_real_ else as.double(row[[name]]), 0)
  }), names)
}

refit_columns <- c(
  "k", "estimate", "std.error", "statistic", "df", "p.value", "conf.low", "conf.high"
)

refit_table <- function(rows, fit, kind, heading, caption, notes) {
  scale <- effect_scale(fit$measure)
  unfit <- is.na(rows$estimate)
  notes <- c(notes, if (any(unfit)) {
    sprintf("No pool: %s.", join_words(rows$study[unfit]))
  })
  ratio <- if (scale$log) "ratio" else "number"
  # What their forest plots need beyond the rows.
  attr(rows, "pool") <- list(
    measure = fit$measure, conf.level = fit$conf.level, estimate = fit$coefficients[[1]],
    words = pool_words(fit)
  )
  new_questrial_table(
    rows, kind, sprintf("%s: %s, %s", scale$name, tolower(caption), pool_words(fit)), notes,
    columns = list(
      table_column(heading, "study"), table_column("k", "k"),
      table_column(scale$abbreviation, "estimate", ratio, digits = 2),
      table_column(
        percent_words(fit$conf.level), c("conf.low", "conf.high"),
        if (scale$log) "ratio_ci" else "ci", digits = 2
      ),
      table_column("P", "p.value", "p"), table_column("tau2", "tau2", "number", digits = 3),
      table_column("I2 %", "I2", "number", digits = 0)
    )
  )
}

pool_words <- function(fit) {
  paste(fit$method, c(z = "z", HKSJ = "HKSJ", adhoc = "HKSJ with max(1, q)")[[fit$test]],
    sep = ", "
  )
}

# ---- Influence ----

#' @rdname leave_one_out
#' @export
influence.meta_analysis <- function(model, ...) {
  check_no_dots(...)
  check_refit(model, "influence()", plain = FALSE)
  if (model$method %in% meta_table_methods) {
    qst_abort("argument", sprintf(
      "influence() is of weighted effects, not of %s. Take leave_one_out(), or method = \"FE\".",
      model$method
    ))
  }
  if (any(diag(model$vcov) == 0)) {
    qst_abort("singular", paste(
      "All effects are equal, so the HKSJ error is 0 and nothing can be measured by it.",
      "Fit with test = \"z\"."
    ))
  }
  parts <- influence_parts(model)
  rows <- influence_rows(model, parts)
  influence_table(rows, model)
}

# The fits without each study, with the model matrix of all.
influence_parts <- function(fit) {
  k <- fit$k
  x <- if (is.null(fit$x)) matrix(1, k, 1, dimnames = list(NULL, "overall")) else fit$x
  y <- matrix(fit$studies$yi, k, k)
  diag(y) <- NaN
  core <- meta_core(y, matrix(fit$studies$vi), x, fit_spec(fit), FALSE)
  scale <- switch(fit$test, z = rep(1, k), HKSJ = core$scale, adhoc = pmax(1, core$scale))
  scale[core$outcome == 0L & core$k == fit$p] <- 1
  list(x = x, core = core, scale = scale, lost = core$outcome != 0L)
}

influence_rows <- function(fit, parts) {
  k <- fit$k
  x <- parts$x
  core <- parts$core
  vi <- fit$studies$vi
  b <- core$b
  estimate <- fit$coefficients
  predicted <- rowSums(x * t(b))
  error <- vapply(seq_len(k), function(i) {
    sum(x[i, ] * (matrix(core$vcov[, i], fit$p) %*% x[i, ]))
  }, 0)
  without <- sqrt(parts$scale * (vi + core$tau2) + error)
  hat <- unname(hatvalues.meta_analysis(fit))
  cook <- vapply(seq_len(k), function(i) {
    moved <- estimate - b[, i]
    sum(moved * solve(fit$vcov, moved))
  }, 0)
  ratio <- vapply(seq_len(k), function(i) {
    det(matrix(core$vcov[, i], fit$p)) / det(fit$vcov)
  }, 0)
  rows <- list(
    study = fit$studies$slab, rstudent = (fit$studies$yi - predicted) / without,
    dffits = (drop(x %*% estimate) - predicted) / sqrt(parts$scale * hat * (core$tau2 + vi)),
    cook.d = cook, cov.r = ratio, tau2.del = core$tau2, QE.del = core$Q, hat = hat,
    weight = fit$studies$weight
  )
  with_flags(c(rows, dfbetas_of(fit, parts)), fit)
}

# The move of each coefficient over its error at the tau2 without the study.
dfbetas_of <- function(fit, parts) {
  moved <- vapply(seq_len(fit$k), function(i) {
    if (parts$lost[[i]]) {
      return(rep(NA_real_, fit$p))
    }
    w <- 1 / (fit$studies$vi + parts$core$tau2[[i]])
    error <- parts$scale[[i]] * diag(solve(crossprod(parts$x, w * parts$x)))
    (fit$coefficients - parts$core$b[, i]) / sqrt(error)
  }, numeric(fit$p))
  moved <- matrix(moved, fit$p)
  stats::setNames(
    lapply(seq_len(fit$p), function(j) moved[j, ]), paste0("dfbetas.", colnames(parts$x))
  )
}

with_flags <- function(rows, fit) {
  p <- fit$p
  k <- fit$k
  dfbetas <- rows[startsWith(names(rows), "dfbetas.")]
  far <- Reduce(`|`, lapply(dfbetas, function(d) abs(d) > 1))
  flags <- abs(rows$dffits) > 3 * sqrt(p / (k - p)) |
    stats::pchisq(rows$cook.d, p) > 0.5 | rows$hat > 3 * p / k | far
  plain_frame(c(rows, list(influential = !is.na(flags) & flags)))
}

influence_table <- function(rows, fit) {
  number <- function(name, heading = name, digits = 2) {
    table_column(heading, name, "number", digits = digits)
  }
  new_questrial_table(
    rows, "influence", sprintf("Influence of single studies: %s", pool_words(fit)),
    c(
      if (any(rows$influential)) {
        sprintf("Influential: %s.", join_words(rows$study[rows$influential]))
      },
      if (fit$k < 10) "With fewer than 10 studies a flag is easily chance.",
      if (anyNA(rows$rstudent)) "Without a study that has no measures nothing can be fitted."
    ),
    columns = list(
      table_column("Study", "study"), number("rstudent"), number("dffits"),
      number("cook.d", "Cook's d"), number("cov.r"), number("tau2.del", "tau2", 3), number("hat")
    )
  )
}

# ---- Many sets ----

#' Many meta-analyses at once
#'
#' Pools each column of a matrix of effects, in C and on several threads: for
#' simulations and resampling, where a loop over single fits would take minutes.
#'
#' @param yi Matrix of effects, a row for each study, a column for each set; `NA`
#'   leaves the study out of that set.
#' @param vi Their variances: a matrix of the same shape, or a vector, one for each
#'   study.
#' @param method,test,conf.level As in [meta_analysis()].
#' @param threads Number of threads; `NULL`: see [qst_threads()]. The numbers are
#'   the same.
#' @return A data frame with a row for each set: `k`, `estimate`, `std.error`,
#'   `statistic`, `df`, `p.value`, `conf.low`, `conf.high`, `tau2`, `I2`, `Q`,
#'   `Q.p`, `tau2.low`, `tau2.high` (Q-profile) and `outcome`: `"fitted"`, or why
#'   the row is `NA`.
#' @section Errors:
#' `questrial_error_argument` for shapes that do not fit, `questrial_error_range`
#' for a negative variance, with its row and column.
#' @section Peers:
#' A loop over `metafor::rma(yi[, j], vi[, j])`; here a set takes some microseconds.
#' @examples
#' # Synthetic: does the interval keep its promise with 6 studies and tau2 = 0.1?
#' set.seed(1)
#' vi <- c(0.02, 0.05, 0.1, 0.1, 0.2, 0.3)
#' yi <- matrix(rnorm(6 * 2000, 0.5, sqrt(vi + 0.1)), 6)
#' pools <- meta_batch(yi, vi)
#' mean(pools$conf.low < 0.5 & pools$conf.high > 0.5)
#' @export
meta_batch <- function(yi, vi, method = "REML", test = c("HKSJ", "z", "adhoc"),
                       conf.level = 0.95, threads = NULL) {
  spec <- meta_spec(method, if (missing(test)) NULL else test, NULL, conf.level)
  if (spec$method %in% meta_table_methods) {
    qst_abort("argument", "meta_batch() pools effects, not tables. Take method = \"FE\".")
  }
  yi <- batch_matrix(yi, "yi")
  vi <- batch_matrix(vi, "vi")
  if (nrow(vi) != nrow(yi) || !ncol(vi) %in% c(1L, ncol(yi))) {
    qst_abort("argument", sprintf(
      "`vi` is %d x %d, but `yi` %d x %d. Give a variance for each effect, or one for each study.",
      nrow(vi), ncol(vi), nrow(yi), ncol(yi)
    ))
  }
  core <- meta_core(yi, vi, NULL, spec, threads = threads_to_use(threads))
  plain_frame(c(
    batch_rows(core, spec), core[c("tau2.low", "tau2.high")],
    list(outcome = c("fitted", meta_outcomes)[core$outcome + 1L])
  ))
}

batch_matrix <- function(x, arg) {
  if (!is.numeric(x) || length(dim(x)) > 2) {
    qst_abort("argument", sprintf("`%s` must be a matrix of numbers, not %s.", arg, describe(x)))
  }
  x <- as.matrix(x)
  storage.mode(x) <- "double"
  x
}
