# Looking at imputations: have the chains mixed, and do imputed values look like data?

#' Have the chains of an imputation converged?
#'
#' Each imputation is a chain of cycles. `convergence()` follows the mean and the standard deviation
#' of each variable's imputed values through the cycles and compares the chains by R-hat.
#'
#' R-hat is the square root of (W (n - 1) / n + B / n) / W with the variance W within and B between
#' chains of n cycles, each chain cut into two halves (Gelman and Rubin 1992; split as in Gelman et
#' al. 2013, section 11.4). Near 1 the chains cannot be told apart; above 1.1 look at the traces and
#' ask [impute()] for more `iterations`. With few cycles R-hat itself is uncertain: its purpose
#' here is to find chains that drift. `NA`: one chain, fewer than four cycles, or values that do not
#' vary, as those of single imputation. Factors are followed by their codes.
#'
#' @param imp The result of [impute()].
#' @return A data frame of class `convergence`, one row a variable and statistic (`"mean"`, `"sd"`):
#'   `variable`, `statistic`, `r_hat`, `first` and `last` (averages over the imputations in the
#'   first and the last cycle). The attribute `"traces"` has all values: `variable`, `statistic`,
#'   `imputation`, `iteration`, `value`. Its `plot()` draws them.
#' @section Compared with mice:
#' `mice::convergence()` gives R-hat anew for each iteration, of whole chains.
#' @section Errors:
#' `questrial_error_argument` for what is no result of `impute()` or has no traces, as data of
#' another package.
#' @references
#' Gelman A, Rubin DB (1992) Inference from iterative simulation using multiple sequences.
#' *Statistical Science* 7:457-472, <doi:10.1214/ss/1177011136>.
#'
#' Gelman A, Carlin JB, Stern HS, Dunson DB, Vehtari A, Rubin DB (2013) *Bayesian Data Analysis*,
#' 3rd ed. CRC Press.
#' @examples
#' imp <- impute(airquality, m = 5, seed = 1)
#' convergence(imp)
#' if (requireNamespace("ggplot2", quietly = TRUE)) plot(convergence(imp))
#' @export
convergence <- function(imp) {
  check_imputations(imp)
  traces <- chain_traces(imp)
  key <- factor_in_order(paste(traces$variable, traces$statistic, sep = "\r"))
  rows <- lapply(split(traces, key), function(trace) {
    chains <- matrix(trace$value, ncol = imp$m)
    data.frame(
      variable = trace$variable[[1]], statistic = trace$statistic[[1]], r_hat = r_hat(chains),
      first = mean(chains[1, ]), last = mean(chains[nrow(chains), ])
    )
  })
  result <- do.call(rbind, rows)
  result <- result[order(match(result$variable, result$variable)), ]
  rownames(result) <- NULL
  structure(result, class = c("convergence", "data.frame"), traces = traces)
}

# Long: one row a variable, statistic, imputation and iteration.
chain_traces <- function(imp) {
  if (is.null(imp$means) || dim(imp$means)[[2]] == 0) {
    qst_abort("argument", paste(
      "`imp` has no traces: it was not made by cycles of impute().",
      "Look at plot(imp, \"densities\") instead."
    ))
  }
  parts <- lapply(list(mean = imp$means, sd = imp$sds), function(values) {
    at <- expand.grid(
      iteration = seq_len(dim(values)[[2]]), imputation = seq_len(dim(values)[[3]]),
      variable = dimnames(values)[[1]], stringsAsFactors = FALSE
    )
    data.frame(at[3:1], value = as.vector(aperm(values, c(2, 3, 1))))
  })
  traces <- rbind(
    cbind(statistic = "mean", parts$mean), cbind(statistic = "sd", parts$sd)
  )
  traces[!is.na(traces$value), c("variable", "statistic", "imputation", "iteration", "value")]
}

# Of a matrix with one column a chain, each cut into halves.
r_hat <- function(chains) {
  half <- nrow(chains) %/% 2
  if (half < 2 || ncol(chains) < 2) {
    return(NA_real_)
  }
  late <- nrow(chains) - half + seq_len(half)
  halves <- cbind(chains[seq_len(half), ], chains[late, ])
  within <- mean(apply(halves, 2, stats::var))
  between <- half * stats::var(colMeans(halves))
  if (!is.finite(within) || within <= 0) {
    return(NA_real_)
  }
  sqrt((within * (half - 1) / half + between / half) / within)
}

#' @export
print.convergence <- function(x, ...) {
  traces <- attr(x, "traces")
  cat(sprintf("Chains of %s over %s\n\n", count_words(max(traces$imputation, 0), "imputation"),
    count_words(max(traces$iteration, 0), "cycle")))
  shown <- as.data.frame(x)
  shown$r_hat <- format_number(x$r_hat, 3)
  shown[c("first", "last")] <- lapply(x[c("first", "last")], signif, 4)
  print(shown, row.names = FALSE)
  bad <- unique(x$variable[which(x$r_hat > 1.1)])
  if (length(bad) > 0) {
    writeLines(strwrap(sprintf(
      "\nR-hat is above 1.1 for %s. Look at plot(), and impute with more `iterations`.",
      enumerate(bad)
    ), width = min(80, getOption("width"))))
  }
  invisible(x)
}

#' @rdname convergence
#' @param x A result of `convergence()`.
#' @param variables Names of the variables to draw; by default the six with the largest R-hat.
#' @param ... Nothing; an unknown argument is an error.
#' @export
plot.convergence <- function(x, variables = NULL, ...) {
  need_ggplot2()
  check_no_dots(...)
  if (is.null(variables)) {
    worst <- unique(x$variable[order(-ifelse(is.na(x$r_hat), 0, x$r_hat))])
    variables <- unique(x$variable)[unique(x$variable) %in% utils::head(worst, 6)]
  }
  check_imputed_variables(variables, unique(x$variable))
  traces <- attr(x, "traces")
  traces <- traces[traces$variable %in% variables, ]
  traces$variable <- factor(traces$variable, variables)
  traces$statistic <- factor(traces$statistic, c("mean", "sd"), c("mean", "SD"))
  traces$imputation <- factor(traces$imputation)
  figure <- ggplot2::ggplot(traces, aes_of(x = "iteration", y = "value", group = "imputation")) +
    ggplot2::geom_line(linewidth = 0.25, alpha = 0.7, colour = questrial_colours(1)) +
    ggplot2::facet_wrap(~ variable + statistic, scales = "free_y", ncol = 4,
      labeller = ggplot2::label_wrap_gen(multi_line = FALSE)) +
    ggplot2::scale_x_continuous(breaks = whole_breaks) +
    ggplot2::labs(x = "Cycle", y = NULL, alt = convergence_alt(x, variables),
      caption = "A line an imputation: mean and SD of its imputed values.") +
    theme_questrial()
  want_height(figure, 24 + 34 * ceiling(length(variables) / 2))
}

whole_breaks <- function(limits) {
  unique(floor(pretty(limits, 4)))
}

convergence_alt <- function(x, variables) {
  worst <- x[x$variable %in% variables & !is.na(x$r_hat), ]
  sprintf("Traces of imputed values of %s.%s", enumerate(variables, most = 6),
    if (nrow(worst) > 0) sprintf(" Largest R-hat %s.", format_number(max(worst$r_hat), 2)) else "")
}

check_imputed_variables <- function(variables, known) {
  if (!is.character(variables) || length(variables) == 0 || anyNA(variables)) {
    qst_abort("argument", sprintf(
      "`variables` must name imputed variables, not %s.", describe(variables)
    ))
  }
  unknown <- setdiff(variables, known)
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "`variables`: `%s` has no imputed values.%s Imputed are %s.", unknown[[1]],
      suggest(unknown[[1]], known), enumerate(known)
    ), value = unknown[[1]])
  }
}

# ---- Imputed beside observed ----

#' Look at imputations
#'
#' Three figures: the traces of the chains, the distribution of imputed beside observed values,
#' and the pattern of what was missing.
#'
#' Imputed values need not look like the observed ones: under missing at random they differ as far
#' as their predictors differ. A difference that nobody can explain is the sign to look for
#' (Abayomi, Gelman & Levy 2008).
#'
#' @param x The result of [impute()].
#' @param type `"traces"` (see [convergence()]), `"densities"` or `"pattern"` (see
#'   [missing_pattern()]).
#' @param variables Names of imputed variables to draw; by default up to nine.
#' @param ... Nothing; an unknown argument is an error.
#' @return A ggplot2 figure. For densities its `data` has `variable`, `imputation` (0: observed),
#'   `value` and `density` (for factors `share`, in a figure of bars).
#' @references Abayomi K, Gelman A, Levy M (2008) Diagnostics for multivariate imputations.
#'   *J. R. Stat. Soc. C* 57:273-291, <doi:10.1111/j.1467-9876.2007.00613.x>.
#' @examples
#' imp <- impute(airquality, m = 5, seed = 1)
#' if (requireNamespace("ggplot2", quietly = TRUE)) plot(imp, "densities")
#' @export
plot.imputations <- function(x, type = c("traces", "densities", "pattern"), variables = NULL,
                             ...) {
  need_ggplot2()
  check_no_dots(...)
  switch(check_choice(type, c("traces", "densities", "pattern"), "type"),
    traces = plot(convergence(x), variables),
    densities = plot_imputed(x, variables),
    pattern = plot(missing_pattern(x$data, variables))
  )
}

plot_imputed <- function(imp, variables) {
  if (is.null(variables)) {
    variables <- utils::head(names(imp$imputed), 9)
  }
  check_imputed_variables(variables, names(imp$imputed))
  is_number <- vapply(imp$data[variables], is.numeric, NA)
  if (any(is_number) && !all(is_number)) {
    qst_warn("argument", sprintf(
      "Numbers and categories do not share a figure: %s left out. Name %s in `variables` alone.",
      enumerate(variables[!is_number]), if (sum(!is_number) == 1) "it" else "them"
    ))
    variables <- variables[is_number]
  }
  if (any(is_number)) plot_densities(imp, variables) else plot_shares(imp, variables)
}

# The bandwidth is that of the observed values, so that curves differ by their data only.
value_densities <- function(imp, variable) {
  observed <- imp$data[[variable]][!is.na(imp$data[[variable]])]
  imputed <- imp$imputed[[variable]]
  width <- if (length(observed) > 1) stats::bw.nrd0(observed) else 1
  range <- range(observed, imputed) + c(-3, 3) * width
  curve <- function(values, imputation) {
    density <- stats::density(values, bw = width, from = range[[1]], to = range[[2]], n = 256)
    data.frame(variable = variable, imputation = imputation, value = density$x,
      density = density$y)
  }
  curves <- lapply(seq_len(ncol(imputed)), function(i) curve(imputed[, i], i))
  do.call(rbind, c(list(curve(observed, 0L)), curves))
}

plot_densities <- function(imp, variables) {
  curves <- do.call(rbind, lapply(variables, value_densities, imp = imp))
  curves$variable <- factor(curves$variable, variables)
  curves$what <- factor(curves$imputation == 0, c(TRUE, FALSE), c("observed", "imputed"))
  # The more lines, the fainter, and the observed one upon them.
  faint <- max(0.2, min(0.8, 8 / imp$m))
  figure <- ggplot2::ggplot(curves, aes_of(x = "value", y = "density", group = "imputation",
    colour = "what", linewidth = "what")) +
    ggplot2::geom_line(data = curves[curves$imputation > 0, ], alpha = faint) +
    ggplot2::geom_line(data = curves[curves$imputation == 0, ]) +
    ggplot2::facet_wrap("variable", scales = "free") +
    ggplot2::scale_colour_manual(NULL, values = c(observed = "black",
      imputed = questrial_colours(1))) +
    ggplot2::scale_linewidth_manual(NULL, values = c(observed = 0.7, imputed = 0.25)) +
    ggplot2::labs(x = NULL, y = "Density", caption = "A blue line an imputation.",
      alt = sprintf("Densities of observed and imputed values of %s.", enumerate(variables))) +
    theme_questrial()
  want_height(figure, 28 + 42 * ceiling(length(variables) / 3))
}

# The levels of a factor, or the two values of a logical column.
value_shares <- function(imp, variable) {
  x <- imp$data[[variable]]
  levels <- if (is.factor(x)) levels(x) else c("FALSE", "TRUE")
  share <- function(values, imputation) {
    codes <- if (is.logical(values)) values + 1L else as.integer(values)
    counts <- tabulate(codes, length(levels))
    data.frame(variable = variable, imputation = imputation, value = levels,
      share = counts / sum(counts))
  }
  imputed <- imp$imputed[[variable]]
  shares <- lapply(seq_len(ncol(imputed)), function(i) share(imputed[, i], i))
  do.call(rbind, c(list(share(x[!is.na(x)], 0L)), shares))
}

plot_shares <- function(imp, variables) {
  shares <- do.call(rbind, lapply(variables, value_shares, imp = imp))
  shares$variable <- factor(shares$variable, variables)
  shares$value <- factor_in_order(shares$value)
  shares$percent <- 100 * shares$share
  observed <- shares[shares$imputation == 0, ]
  figure <- ggplot2::ggplot(shares, aes_of(x = "value", y = "percent")) +
    ggplot2::geom_col(data = observed, fill = "grey80", width = 0.7) +
    ggplot2::geom_point(data = shares[shares$imputation > 0, ], colour = questrial_colours(1),
      shape = 1, size = 1.4, stroke = 0.4) +
    ggplot2::facet_wrap("variable", scales = "free_x") +
    ggplot2::scale_y_continuous(limits = c(0, NA), expand = c(0, 0, 0.05, 0)) +
    ggplot2::labs(x = NULL, y = "Percent",
      caption = "Bars: observed values. Rings: imputed values, one an imputation.",
      alt = sprintf("Shares of observed and imputed levels of %s.", enumerate(variables))) +
    theme_questrial() +
    ggplot2::theme(panel.grid.major.x = ggplot2::element_blank())
  want_height(figure, 28 + 46 * ceiling(length(variables) / 3))
}
