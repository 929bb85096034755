#' Effect sizes of our own trials and fits
#'
#' So that a trial analysed here becomes a row of a meta-analysis: `rbind()` puts it under the rows
#' that were read from papers.
#'
#' | result of | rows | `as` |
#' |---|---|---|
#' | [analyse()] | each arm against the reference | `SMD`, `MD` |
#' | [compare_arms()], [compare_summary()] of means | each contrast | `SMD`, `MD`, `ROM` |
#' | [compare_arms()], [compare_counts()] of two answers | each pair | `OR`, `RR`, `RD`, `PETO` |
#' | [compare_paired()] | each arm | `SMCR`, `SMCC`, `MC` |
#' | [cohens_d()], [hedges_g()], `pooled` or `z` | each contrast | `SMD`, `SMCC` |
#' | [fit_glm()], [pool()], [fit_gee()] | each coefficient of `term` | by family and link |
#'
#' The first name is usual. Means, SDs and numbers go through [effect_size()], so the row has the
#' variance of the others. A fit gives its coefficient and standard error: an adjusted `MD`
#' (identity link), `OR` (logit), `RR` (binomial, log link) or `IRR` (counts, log link). An adjusted
#' difference has a smaller error than an unadjusted one and may be pooled with it; an SMD cannot be
#' made of it, because its SD is not that of the people.
#'
#' After multiple imputation means have no SD of a sample: `MD` is the pooled difference with its
#' standard error, and `SMD` is refused.
#'
#' @param measure A result, see the table.
#' @param as The measure, see the table.
#' @param slab The name of the study, or one a row.
#' @param vtype The variance of a standardised difference, as in [effect_size()].
#' @param event For counts: the answer that is the event, by default the last.
#' @param term For fits: a coefficient, or a factor of the formula for all of its coefficients.
#' @param vcov,cluster For fits: which covariance, as in [summary.fit_glm()].
#' @param ... Nothing; an unknown argument is an error.
#' @return As of [effect_size()], with a column `contrast`.
#' @section Errors:
#' `questrial_error_argument`: a measure that the result cannot give, an unknown term.
#' @examples
#' trial <- analyse(balint_plan(), balint)
#' effect_size(trial, slab = "Synthetic trial")
#' effect_size(trial$model, term = "arm")
#' other <- effect_size("SMD", 111.9, 10.6, 155, 107.7, 12.7, 144, slab = "Other trial")
#' rbind(effect_size(trial, slab = "Synthetic trial")[1, ], other)
#' @name effect_size_of_results
NULL

#' @rdname effect_size_of_results
#' @export
effect_size.analysis <- function(measure, as = c("SMD", "MD"), slab = NULL, vtype = "LS", ...) {
  check_no_dots(...)
  as <- check_choice(as, c("SMD", "MD"), "as")
  plan <- measure$plan
  arms <- setdiff(measure$change$arm, plan$reference)
  wanted <- paste(arms, "-", plan$reference)
  contrasts <- measure$contrasts
  effect_size(contrasts[match(wanted, contrasts$contrast), ], as, slab, vtype)
}

#' @rdname effect_size_of_results
#' @export
effect_size.compare_arms <- function(measure, as = NULL, slab = NULL, vtype = "LS", event = NULL,
                                     ...) {
  check_no_dots(...)
  arms <- attr(measure, "arms")
  if (is.null(arms)) {
    qst_abort("argument", paste(
      "`measure` has lost the means of its arms. Take rows of a comparison by x[rows, ], and all",
      "its columns."
    ))
  }
  if (!is.data.frame(arms)) {
    return(effect_of_counts(measure, arms, as, slab, event))
  }
  as <- check_choice(if (is.null(as)) "SMD" else as, c("SMD", "MD", "ROM"), "as")
  if (!is.null(attr(measure, "m"))) {
    return(effect_of_pooled(measure, as, slab))
  }
  pairs <- do.call(rbind, pairs_compared(measure, arms$arm, NULL))
  of <- function(column, side) arms[[column]][match(pairs[, side], arms$arm)]
  result <- effect_size(as, of("mean", 1), of("sd", 1), of("n", 1), of("mean", 2), of("sd", 2),
    of("n", 2), vtype = vtype
  )
  named_effects(result, paste(pairs[, 1], "-", pairs[, 2]), slab)
}

#' @rdname effect_size_of_results
#' @export
effect_size.compare_paired <- function(measure, as = c("SMCR", "SMCC", "MC"), slab = NULL,
                                       vtype = "LS", ...) {
  check_no_dots(...)
  as <- check_choice(as, c("SMCR", "SMCC", "MC"), "as")
  arms <- attr(measure, "arms")
  result <- effect_size(as, arms$mean.after, arms$sd.after, arms$n, arms$mean.before,
    arms$sd.before,
    r = arms$r, vtype = vtype
  )
  named_effects(result, measure$contrast, slab)
}

#' @rdname effect_size_of_results
#' @export
effect_size.effect_size <- function(measure, slab = NULL, vtype = "LS", ...) {
  check_no_dots(...)
  tests <- attr(measure, "tests")
  tests <- tests[match(measure$contrast, tests$contrast), ]
  type <- unique(measure$type)
  if (is.null(tests) || length(type) != 1 || !type %in% c("pooled", "z")) {
    qst_abort("argument", paste(
      "Only a d or g of type \"pooled\" or \"z\", as cohens_d() makes it, becomes a row of a",
      "meta-analysis.",
      "Make it of that type, or give n, means and SDs to effect_size()."
    ))
  }
  result <- if (type == "z") {
    effect_size("SMCC", t = tests$t, n1 = tests$df + 1, vtype = vtype)
  } else {
    # 1 / n1 + 1 / n2 = unit^2 and n1 + n2 = N have one solution but for the order of the arms.
    n <- tests$df + 2
    apart <- sqrt(pmax(n^2 - 4 * n / tests$unit^2, 0))
    effect_size("SMD", t = tests$t, n1 = (n + apart) / 2, n2 = (n - apart) / 2, vtype = vtype)
  }
  named_effects(result, measure$contrast, slab)
}

#' @rdname effect_size_of_results
#' @export
effect_size.fit_glm <- function(measure, term, slab = NULL, vcov = NULL, cluster = NULL, ...) {
  check_no_dots(...)
  coefficients <- stats::coef(measure)
  covariance <- fit_covariance(measure, vcov, cluster)
  terms <- term_coefficients(measure, if (missing(term)) NULL else term, names(coefficients))
  as <- measure_of_family(stats::family(measure))
  columns <- list(
    contrast = terms, yi = unname(coefficients[terms]),
    vi = unname(diag(covariance$matrix)[match(terms, names(coefficients))])
  )
  note <- if (nzchar(covariance$label)) covariance$label
  result <- structure(as.data.frame(columns),
    class = c("effect_sizes", "data.frame"), measure = as, notes = note
  )
  named_effects(result, terms, slab)
}

#' @rdname effect_size_of_results
#' @export
effect_size.pooled_fit <- effect_size.fit_glm

#' @rdname effect_size_of_results
#' @export
effect_size.fit_gee <- effect_size.fit_glm

# ---- Parts ----

# The columns study and contrast come first.
named_effects <- function(result, contrast, slab) {
  names <- if (is.null(slab)) NULL else rep_len(as.character(slab), nrow(result))
  first <- c(if (!is.null(names)) list(study = names), list(contrast = contrast))
  rest <- setdiff(names(result), names(first))
  result[names(first)] <- first
  result <- result[c(names(first), rest)]
  row.names(result) <- NULL
  result
}

effect_of_counts <- function(x, counts, as, slab, event) {
  as <- check_choice(if (is.null(as)) "OR" else as, c("OR", "RR", "RD", "PETO"), "as")
  if (nrow(counts) != 2) {
    qst_abort("argument", sprintf(
      "%s needs two answers, but there are %d. Join answers into two before comparing.",
      as, nrow(counts)
    ))
  }
  event <- if (is.null(event)) rownames(counts)[[2]] else event
  check_choice(event, rownames(counts), "event")
  pairs <- do.call(rbind, arm_pairs(colnames(counts), NULL))
  of <- function(side) unname(as.double(counts[event, pairs[, side]]))
  people <- function(side) unname(colSums(counts)[pairs[, side]])
  result <- effect_size(as, events1 = of(1), n1 = people(1), events2 = of(2), n2 = people(2))
  named_effects(result, paste(pairs[, 1], "-", pairs[, 2]), slab)
}

effect_of_pooled <- function(x, as, slab) {
  if (as != "MD") {
    qst_abort("argument", sprintf(
      paste(
        "%s needs the SD of a sample, which a comparison pooled over imputations has not.",
        "Use as = \"MD\"."
      ), as
    ))
  }
  result <- effect_size("MD", estimate = x$estimate, std.error = x$std.error)
  named_effects(result, x$contrast, slab)
}

# `term` is a coefficient, or a variable of the formula with all of its own.
term_coefficients <- function(fit, term, known) {
  if (is.character(term) && length(term) == 1 && !is.na(term)) {
    if (term %in% known) {
      return(term)
    }
    levels <- fit_levels(fit)[[term]]
    found <- intersect(paste0(term, levels), known)
    if (length(found) > 0) {
      return(found)
    }
  }
  qst_abort("argument", sprintf(
    "`term` must be a coefficient or a factor of the fit, not %s. The coefficients are %s.",
    describe(term), enumerate(known, most = 12)
  ), value = term)
}

fit_levels <- function(fit) {
  if (inherits(fit, "pooled_fit")) fit$fits[[1]]$xlevels else fit$xlevels
}

measure_of_family <- function(family) {
  name <- sub("^quasi", "", family$family)
  if (family$link == "identity" && name == "gaussian") {
    return("MD")
  }
  if (name == "binomial" && family$link == "logit") {
    return("OR")
  }
  if (family$link == "log") {
    counts <- grepl("poisson|negative", name, ignore.case = TRUE)
    return(if (name == "binomial") "RR" else if (counts) "IRR" else "ROM")
  }
  qst_abort("argument", sprintf(
    paste(
      "A coefficient of a %s model with link %s is no effect that is pooled.",
      "Use a logit or log link."
    ), family$family, family$link
  ))
}

# ---- Rows under rows ----

# Measures that may stand in one column, and what it is then.
bound_measures <- list(SMD = c("SMD", "SMCR"), MD = c("MD", "MC"), OR = c("OR", "PETO"))

#' @export
rbind.effect_sizes <- function(...) {
  parts <- Filter(Negate(is.null), list(...))
  strange <- !vapply(parts, inherits, TRUE, "effect_sizes")
  if (any(strange)) {
    qst_abort("argument", sprintf(
      "rbind() of effect sizes takes results of effect_size(), not %s (argument %d).",
      describe(parts[[which(strange)[[1]]]]), which(strange)[[1]]
    ))
  }
  measures <- unique(unlist(lapply(parts, attr, "measure")))
  measure <- bound_measure(measures)
  columns <- unique(unlist(lapply(parts, names)))
  columns <- c(setdiff(columns, c("yi", "vi")), "yi", "vi")
  rows <- lapply(parts, function(part) {
    part <- as.data.frame(unclass(part), optional = TRUE)
    part[setdiff(columns, names(part))] <- NA
    part[columns]
  })
  notes <- c(
    if (length(measures) > 1) {
      sprintf("Rows of %s are together: the variances are those of each.", join_words(measures))
    },
    unlist(lapply(parts, attr, "notes"))
  )
  result <- do.call(rbind, unname(rows))
  row.names(result) <- NULL
  structure(result,
    class = c("effect_sizes", "data.frame"), measure = measure, notes = notes,
    vtype = unlist(lapply(parts, attr, "vtype"))[1]
  )
}

bound_measure <- function(measures) {
  if (length(measures) == 1) {
    return(measures)
  }
  fits <- vapply(bound_measures, function(group) all(measures %in% group), TRUE)
  if (!any(fits)) {
    qst_abort("argument", sprintf(
      "Effects %s are different quantities and cannot stand in one column.%s", join_words(measures),
      if ("SMCC" %in% measures) {
        " An SMCC is in units of the SD of changes; use SMCR, which is in units of people's SD."
      } else {
        " Make them of one measure."
      }
    ), value = measures)
  }
  names(bound_measures)[fits]
}
