#' Bootstrap intervals
#'
#' Resamples rows, or whole clusters, with replacement within strata, and makes
#' intervals from the statistics of the samples.
#'
#' | `statistic` | of | `formula` |
#' |---|---|---|
#' | `mean`, `median`, `sd` | a variable | `~ y` |
#' | `difference` | means, each arm less the first | `y ~ arm` |
#' | `correlation` | Pearson's, of two variables | `~ x + y` |
#' | `alpha` | Cronbach's, of items | `~ a + b + c`, or none for all columns |
#' | `coefficients` | of the linear model | `y ~ arm + x` |
#' | a function | anything | none |
#'
#' Named statistics run in the C core; `data` may also be a numeric vector for
#' the first three. A function is called with the sample, `statistic(sample)`
#' (rows of a data frame or matrix, elements of a vector), or as [boot::boot()] does, with
#' the data and row numbers, if its second argument has no default. It returns
#' one or more numbers; their names become `term`.
#'
#' @section Intervals:
#' With \eqn{t_0}{t0} the observed statistic and \eqn{t^*_{(k)}}{t*(k)} those of m
#' samples in order:
#'
#' - `bca`: percentiles corrected for bias and acceleration (Efron 1987,
#'   <doi:10.2307/2289144>). The acceleration comes from the jackknife over
#'   units; in strata with \eqn{n_s}{n_s} units an influence \eqn{l}{l} counts as
#'   \eqn{l/n_s}{l/n_s} (Davison & Hinkley 1997, *Bootstrap Methods and their
#'   Application*, section 5.3). `boot::boot.ci()` leaves these weights out, so it differs when
#'   strata differ in size; without strata both agree.
#' - `percentile`, `basic` (\eqn{2 t_0}{2 t0} less percentiles), `normal`
#'   (\eqn{t_0}{t0} less bias, with the SD of the samples).
#' - `studentised` (bootstrap-t), for `mean` and `difference` without clusters and strata: from the
#'   quantiles of \eqn{(t^* - t_0)/e^*}{(t* - t0) / e*}, with \eqn{e}{e} the standard
#'   error from the variance of each arm.
#'
#' A percentile between two order statistics is interpolated on the scale of
#' normal quantiles (Davison & Hinkley, eq. 5.8), as `boot::boot.ci()` does. Samples
#' whose statistic agrees with \eqn{t_0}{t0} to \eqn{10^{-10}}{1e-10} do not count as below it.
#'
#' @section Strata and clusters:
#' `strata` keeps the number of units in each stratum. For `difference` arms
#' are strata too, since a trial's arms are not sizes of chance; not if a
#' cluster has rows in several arms. With `cluster`, clusters are drawn, and the
#' jackknife leaves out clusters: what is independent must be what is drawn.
#'
#' @section Errors:
#' `questrial_error_argument`: a statistic that does not fit the formula, a
#' cluster in two strata, a function that does not return numbers;
#' `questrial_error_no_data`: no complete row, a single unit;
#' `questrial_error_singular`: a statistic that the data do not have.
#'
#' @inheritParams permutation_test
#' @param data A data frame; or a numeric vector, or for a function any matrix.
#' @param statistic See the table.
#' @param formula Which columns; see the table. Rows where one of them is missing
#'   are left out. A function sees all rows.
#' @param type One or several of `"bca"`, `"percentile"`, `"basic"`, `"normal"`,
#'   `"studentised"`.
#' @param replicates Number of samples.
#' @return A data frame of class `boot_ci`, one row a term and type: `term`, `estimate`,
#'   `bias`, `std.error` (SD over samples), `conf.low`, `conf.high`, `type`. Attributes:
#'   `replicates` (matrix, a column a term), `jackknife`, `undefined` (samples without the
#'   statistic), `n_units`, `n_used`, `n_left_out`, `seed`, `conf.level`, `notes`.
#' @seealso [permutation_test()]; `vcov(fit, "CR2")` for clusters without resampling.
#' @examples
#' boot_ci(PlantGrowth, "difference", weight ~ group, seed = 1)
#' boot_ci(mtcars, "correlation", ~ mpg + wt, type = c("bca", "percentile"), seed = 1)
#' boot_ci(mtcars, function(d) c(ratio = mean(d$mpg) / mean(d$wt)), replicates = 999, seed = 1)
#' @export
boot_ci <- function(data, statistic, formula = NULL,
                    type = c("bca", "percentile", "basic", "normal", "studentised"),
                    conf.level = 0.95, strata = NULL, cluster = NULL, replicates = 9999,
                    seed = NULL, threads = NULL) {
  refuse_imputations(data, "data",
    "draws samples, and each sample must be imputed anew",
    paste(
      "Give the incomplete data and a `statistic` that imputes and pools, or use",
      "fit_glm(formula, imp), whose intervals hold what imputing leaves open."
    )
  )
  type <- check_boot_types(type, missing(type))
  check_number(conf.level, "conf.level", min = 0, max = 1)
  check_replicates(replicates, 19, 1e8)
  seed <- draw_seed(seed)
  threads <- threads_to_use(threads)
  problem <- if (is.function(statistic)) {
    caller_problem(data, statistic, formula)
  } else {
    named_problem(data, statistic, formula)
  }
  units <- boot_units(problem, strata, cluster)
  check_studentised(type, problem, units)
  samples <- if (is.function(statistic)) {
    caller_samples(problem, units, replicates, "bca" %in% type, seed)
  } else {
    core_samples(problem, units, replicates, "bca" %in% type, seed, threads)
  }
  if ("studentised" %in% type) {
    samples$errors <- studentised_errors(problem, units, replicates, seed, threads)
  }
  boot_result(problem, units, samples, type, conf.level, seed)
}

# ---- Arguments ----

# In the order of the core's enumeration; mean and difference are coefficients.
boot_statistics <- c("coefficients", "sd", "correlation", "alpha", "median", "mean", "difference")

check_boot_types <- function(type, is_default) {
  known <- c("bca", "percentile", "basic", "normal", "studentised")
  if (is_default) {
    return("bca")
  }
  bad <- setdiff(type, known)
  if (!is.character(type) || length(type) == 0 || length(bad) > 0) {
    qst_abort("argument", sprintf(
      "`type` must be one or several of %s, not %s.", enumerate(known, " or "),
      if (length(bad) > 0) describe(bad[[1]]) else describe(type)
    ), value = type)
  }
  unique(type)
}

# ---- Units, samples ----

# Units numbered stratum by stratum: the unit of each row, and how many a stratum has.
boot_units <- function(problem, strata, cluster) {
  data <- problem$data
  stratum <- row_labels(strata, data, "strata")[problem$row]
  cluster <- row_labels(cluster, data, "cluster")[problem$row]
  for (part in list(list(stratum, "strata"), list(cluster, "cluster"))) {
    if (anyNA(part[[1]])) {
      row <- problem$row[[which(is.na(part[[1]]))[[1]]]]
      qst_abort("argument", sprintf(
        "`%s` is missing in row %d. Complete it or leave the row out.", part[[2]], row
      ), row = row)
    }
  }
  unit <- if (is.null(cluster)) seq_along(problem$row) else match(cluster, unique(cluster))
  first <- which(!duplicated(unit))
  code <- boot_strata(problem, stratum, cluster, unit, first)
  order <- order(code[first])
  size <- tabulate(code[first])
  if (sum(size) < 2) {
    qst_abort("no_data", "There is a single unit to draw from; a bootstrap needs two.")
  }
  list(
    unit = match(unit, order), size = size, clustered = !is.null(cluster),
    arms_are_strata = attr(code, "arms"), stratified = !is.null(stratum)
  )
}

# Strata of the rows as codes; arms enter unless a cluster has rows in several.
boot_strata <- function(problem, stratum, cluster, unit, first) {
  arms <- problem$arms
  within_arm <- !is.null(arms) && all(arms == arms[first][unit])
  parts <- c(if (!is.null(stratum)) list(stratum), if (within_arm) list(as.character(arms)))
  label <- if (length(parts) == 0) rep("", length(unit)) else do.call(paste, c(parts, sep = "\r"))
  code <- match(label, unique(label))
  differs <- which(code != code[first][unit])
  if (length(differs) > 0) {
    k <- differs[[1]]
    qst_abort("argument", sprintf(
      paste(
        "Row %d is in another stratum than the first row of its cluster `%s`.",
        "A cluster is drawn as a whole, so it must lie in one stratum."
      ), problem$row[[k]], cluster[[k]]
    ), row = problem$row[[k]], value = cluster[[k]])
  }
  structure(code, arms = within_arm)
}

core_samples <- function(problem, units, replicates, with_jackknife, seed, threads) {
  y <- problem$columns[, ncol(problem$columns)]
  columns <- list(problem$columns, units$unit, if (problem$statistic == "median") order(y))
  run <- function(first, n, with_jackknife = FALSE) {
    .Call(
      C_qstr_boot, units$size, columns, problem$code, as.double(c(first, n)), with_jackknife,
      seed, threads
    )
  }
  once <- run(0, 1, with_jackknife)
  drawn <- in_pieces(replicates, 1e8 / (sum(units$size) * 4), "Resampling", function(first, n) {
    run(first, n)$replicates
  })
  list(
    observed = problem$finish(matrix(once$observed)), replicates = problem$finish(drawn),
    jackknife = if (with_jackknife) problem$finish(once$jackknife)
  )
}

# ---- Intervals ----

boot_result <- function(problem, units, samples, type, conf.level, seed) {
  if (anyNA(samples$observed)) {
    qst_abort("singular", sprintf(
      "The data have no %s: values that do not vary, or too few.",
      if (problem$statistic == "function") "statistic" else problem$statistic
    ))
  }
  parts <- lapply(seq_along(samples$observed), function(k) {
    boot_rows(
      term_samples(problem$terms[[k]], samples, k), units$size, type, conf.level
    )
  })
  replicates <- t(samples$replicates)
  colnames(replicates) <- problem$terms
  structure(
    do.call(rbind, parts),
    class = c("boot_ci", "data.frame"), replicates = replicates,
    jackknife = if (!is.null(samples$jackknife)) {
      jackknife <- t(samples$jackknife)
      colnames(jackknife) <- problem$terms
      jackknife
    },
    undefined = colSums(!is.finite(replicates)), statistic = problem$statistic,
    n_units = sum(units$size), n_used = problem$n_used, n_left_out = problem$n_left_out,
    seed = seed, conf.level = conf.level, how = describe_units(units),
    notes = unique(unlist(lapply(parts, attr, "notes")))
  )
}

# The samples of one term that have the statistic.
term_samples <- function(term, samples, k) {
  t <- samples$replicates[k, ]
  finite <- is.finite(t)
  if (sum(finite) < 2) {
    qst_abort("singular", sprintf("No sample has the statistic `%s`.", term))
  }
  list(
    term = term, observed = samples$observed[[k]], t = t[finite],
    jackknife = if (!is.null(samples$jackknife)) samples$jackknife[k, ],
    error = samples$errors$observed[k], errors = samples$errors$replicates[k, finite]
  )
}

boot_rows <- function(one, stratum_size, type, level) {
  t <- one$t
  observed <- one$observed
  alpha <- c((1 - level) / 2, (1 + level) / 2)
  found <- lapply(type, function(kind) {
    switch(kind,
      bca = bca_limits(observed, t, one$jackknife, stratum_size, alpha),
      percentile = normal_scale_quantiles(t, alpha),
      basic = 2 * observed - rev(normal_scale_quantiles(t, alpha)),
      normal = 2 * observed - mean(t) + stats::qnorm(alpha) * stats::sd(t),
      studentised = studentised_limits(observed, t, one$error, one$errors, alpha)
    )
  })
  limits <- vapply(found, as.vector, numeric(2))
  rows <- data.frame(
    term = one$term, estimate = observed, bias = mean(t) - observed, std.error = stats::sd(t),
    conf.low = limits[1, ], conf.high = limits[2, ], type = type, row.names = NULL
  )
  structure(rows, notes = unlist(lapply(found, attr, "notes")))
}

# Efron (1987), eq. 2.3, with the acceleration of the section Intervals.
bca_limits <- function(observed, t, jackknife, stratum_size, alpha) {
  slack <- 1e-10 * (abs(observed) + stats::sd(t))
  bias <- stats::qnorm(mean(t < observed - slack))
  influence <- unlist(Map(
    function(values, n) (mean(values) - values) * (n - 1) / n,
    split(jackknife, rep(seq_along(stratum_size), stratum_size)), stratum_size
  ))
  acceleration <- sum(influence^3) / (6 * sum(influence^2)^1.5)
  if (!is.finite(bias) || !is.finite(acceleration)) {
    return(structure(c(NA_real_, NA_real_), notes = sprintf(
      "There is no BCa interval: %s. Use another type.",
      if (is.finite(bias)) "leaving units out changes nothing" else "all samples lie on one side"
    )))
  }
  z <- bias + stats::qnorm(alpha)
  normal_scale_quantiles(t, stats::pnorm(bias + z / (1 - acceleration * z)))
}

# Davison & Hinkley (1997), eq. 5.8.
normal_scale_quantiles <- function(t, alpha) {
  m <- length(t)
  t <- sort(t)
  at <- (m + 1) * alpha
  k <- floor(at + 1e-9)
  inside <- pmin(pmax(k, 1), m - 1)
  ends <- stats::qnorm(cbind(inside, inside + 1) / (m + 1))
  share <- (stats::qnorm(alpha) - ends[, 1]) / (ends[, 2] - ends[, 1])
  share <- ifelse(k < 1, 0, ifelse(k >= m, 1, ifelse(abs(at - k) < 1e-9, 0, share)))
  found <- t[inside] + share * (t[inside + 1] - t[inside])
  if (any(k < 1 | at > m)) {
    attr(found, "notes") <- "A limit is the most extreme sample: take more replicates."
  }
  found
}

describe_units <- function(units) {
  what <- if (units$clustered) {
    sprintf("%s clusters drawn", count_text(sum(units$size)))
  } else {
    "Rows drawn"
  }
  strata <- if (length(units$size) > 1) {
    sprintf(
      " within %s", if (units$arms_are_strata && !units$stratified) {
        "arms"
      } else {
        sprintf("%d strata", length(units$size))
      }
    )
  } else {
    ""
  }
  paste0(what, " with replacement", strata, ".")
}

#' @export
print.boot_ci <- function(x, digits = 4, ...) {
  if (is.null(attr(x, "replicates"))) {
    return(invisible(print.data.frame(x)))
  }
  number <- function(v) trimws(formatC(v, digits = digits, format = "fg", flag = "#"))
  m <- nrow(attr(x, "replicates"))
  cat(sprintf("Bootstrap intervals (%s samples)\n\n", count_text(m)))
  table <- cbind(
    estimate = number(x$estimate), bias = formatC(x$bias, digits = 2, format = "g"),
    SE = number(x$std.error),
    ifelse(is.na(x$conf.low), "", paste0("[", number(x$conf.low), ", ", number(x$conf.high), "]")),
    type = x$type
  )
  colnames(table)[[4]] <- sprintf("%g%% CI", 100 * attr(x, "conf.level"))
  rownames(table) <- x$term
  print(table, quote = FALSE, right = TRUE)
  undefined <- max(attr(x, "undefined"))
  notes <- c(
    attr(x, "how"),
    if (undefined > 0) {
      sprintf("%s samples have no such statistic and were set aside.", count_text(undefined))
    },
    attr(x, "notes"),
    sprintf("n = %s%s.", count_text(attr(x, "n_used")), left_out_text(attr(x, "n_left_out"))),
    sprintf("Seed %.0f.", attr(x, "seed"))
  )
  cat("\n")
  cat(strwrap(paste(notes, collapse = " "), width = 79), sep = "\n")
  invisible(x)
}

#' Tidy data frames from bootstrap intervals
#'
#' @param x A result of [boot_ci()].
#' @param ... Nothing; an unknown argument is an error.
#' @return A plain data frame: the rows for `tidy()`; `glance()` has one row with `replicates`,
#'   `units`, `nobs` and `left.out`.
#' @examples
#' if (requireNamespace("generics", quietly = TRUE)) {
#'   generics::tidy(boot_ci(mtcars$mpg, "median", replicates = 999, seed = 1))
#' }
#' @name boot_ci_tidiers
#' @exportS3Method generics::tidy
tidy.boot_ci <- function(x, ...) {
  check_no_dots(...)
  data.frame(lapply(stats::setNames(seq_along(x), names(x)), function(j) x[[j]]))
}

#' @rdname boot_ci_tidiers
#' @exportS3Method generics::glance
glance.boot_ci <- function(x, ...) {
  check_no_dots(...)
  data.frame(
    replicates = nrow(attr(x, "replicates")), units = attr(x, "n_units"),
    nobs = attr(x, "n_used"), left.out = attr(x, "n_left_out")
  )
}
