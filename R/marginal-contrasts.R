#' @rdname marginal_means
#' @param means A result of [marginal_means()].
#' @param method `"pairwise"`, `"reference"` or `"poly"`: see *Contrasts*.
#' @param reference The level compared with; the first when `NULL`. For several
#'   variables their levels with a blank between.
#' @param adjust `"none"`, `"tukey"` (pairwise), `"dunnett"` (reference),
#'   `"single-step"` or a method of [stats::p.adjust()].
#' @param scores Numbers at which the levels lie, for `"poly"`; 1, 2, ... when
#'   `NULL`.
#' @export
marginal_contrasts <- function(means, method = c("pairwise", "reference", "poly"),
                               reference = NULL, adjust = "none", conf.level = NULL,
                               scores = NULL) {
  averaged <- attr(means, "averaged")
  if (is.null(averaged) || nrow(means) == 0) {
    qst_abort("argument", sprintf(
      "`means` must be a result of marginal_means(), not %s.", describe(means)
    ))
  }
  method <- check_choice(method, c("pairwise", "reference", "poly"), "method")
  check_choice(adjust, c(p_adjustments, "single-step", adjustment_of[[method]]), "adjust")
  conf.level <- if (is.null(conf.level)) averaged$conf.level else conf.level
  check_number(conf.level, "conf.level", min = 0, max = 1)
  by <- averaged$specs$by
  # The rows that are still there, in groups.
  shown <- as.integer(row.names(means))
  key <- do.call(paste, c(list(""), averaged$levels[shown, by, drop = FALSE], sep = "\r"))
  groups <- split(shown, factor_in_order(key))
  tables <- lapply(groups, group_contrasts, averaged, method, reference, adjust, conf.level, scores)
  rows <- do.call(rbind, tables)
  marginal_contrasts_table(rows, averaged, adjust, conf.level, length(groups))
}

adjustment_of <- list(pairwise = "tukey", reference = "dunnett", poly = character())

factor_in_order <- function(x) {
  factor(x, unique(x))
}

# The contrasts of the means `at`, which share the levels after the bar.
group_contrasts <- function(at, averaged, method, reference, adjust, conf.level, scores) {
  set <- averaged$levels[at, averaged$specs$set, drop = FALSE]
  labels <- do.call(paste, lapply(unname(set), as.character))
  weights <- contrast_weights(labels, method, reference, scores)
  joined <- pool_answers(averaged$fit, averaged$each, function(one) {
    means_contrasts(one, weights, at, averaged$on_link)
  })
  rows <- linear_estimates(joined$estimate, joined$jacobian, joined$covariance)
  rows <- with_inference(rows, conf.level, adjust, joined$jacobian, joined$covariance, length(at))
  by <- averaged$levels[rep(at[[1]], nrow(rows)), averaged$specs$by, drop = FALSE]
  data.frame(by, contrast = rownames(weights), rows, check.names = FALSE, row.names = NULL)
}

# The answer of one fit: its means `at`, combined by the rows of `weights`.
means_contrasts <- function(one, weights, at, on_link) {
  # A contrast of means that are NA elsewhere is 0 times NA: leave those out.
  combine <- function(values) {
    t(apply(weights, 1, function(w) {
      colSums(w[w != 0] * values[at[w != 0], , drop = FALSE])
    }))
  }
  jacobian <- matrix(combine(one$jacobian), nrow(weights))
  estimate <- drop(combine(matrix(one$estimate)))
  if (on_link) {
    # What two means leave open may cancel in their difference, as offsets do.
    estimate <- link_estimate(one$fit, jacobian)
    estimate[!estimable(one$fit, jacobian)] <- NA
  }
  list(estimate = estimate, jacobian = jacobian, covariance = one$covariance)
}

# A row a contrast, a column a mean.
contrast_weights <- function(labels, method, reference, scores) {
  k <- length(labels)
  if (k < 2) {
    qst_abort("argument", sprintf(
      "There is a single mean, %s; a contrast needs two. Name another variable in `specs`.",
      enumerate(labels)
    ))
  }
  if (method == "poly") {
    return(poly_weights(k, scores))
  }
  if (method == "reference") {
    reference <- check_choice(
      if (is.null(reference)) labels[[1]] else as.character(reference), labels, "reference"
    )
  }
  pairs <- arm_pairs(labels, if (method == "reference") reference)
  weights <- t(vapply(pairs, function(pair) {
    (labels == pair[[1]]) - (labels == pair[[2]])
  }, numeric(k)))
  rownames(weights) <- vapply(pairs, paste, "", collapse = " - ")
  weights
}

poly_weights <- function(k, scores) {
  scores <- if (is.null(scores)) seq_len(k) else scores
  if (!is.numeric(scores) || length(scores) != k || anyDuplicated(scores) > 0) {
    qst_abort("argument", sprintf(
      "`scores` must be %d different numbers, one a level, not %s.", k, describe(scores)
    ))
  }
  weights <- t(stats::contr.poly(k, scores))
  degrees <- c("linear", "quadratic", "cubic", "quartic")
  rownames(weights) <- c(degrees, sprintf("degree %d", seq_len(k)[-(1:4)]))[seq_len(k - 1)]
  weights
}

marginal_contrasts_table <- function(rows, averaged, adjust, conf.level, n_groups) {
  scale <- contrast_scale(averaged)
  if (scale$exponentiate) {
    rows <- exponentiated(rows)
  }
  by <- averaged$specs$by
  labels <- do.call(paste, c(list(rows$contrast), lapply(rows[by], function(x) paste("|", x))))
  per_group <- nrow(rows) %/% n_groups
  notes <- c(
    scale$note, means_note(averaged), estimable_note(labels, rows$estimate),
    adjustment_note(adjust, per_group),
    if (n_groups > 1 && adjust != "none") sprintf("Adjusted within each %s.", join_words(by)),
    covariance_note(averaged$covariance, rows$df), rows_text(averaged$fit)
  )
  first <- c(stats::setNames(by, by), contrast = "Contrast")
  response <- deparse1(stats::formula(averaged$fit)[[2]])
  table <- estimates_table(rows, "contrast",
    sprintf("Contrasts of marginal means of %s", response), notes, conf.level, first,
    c(estimate = scale$heading)
  )
  structure(table, exponentiated = scale$exponentiate, m = fits_pooled(averaged$fit))
}

means_note <- function(averaged) {
  sprintf("Means averaged with weights: %s.", averaged$weights)
}

# Differences, or with type = "response" ratios where the link makes them.
contrast_scale <- function(averaged) {
  link <- averaged$fit$family$link
  plain <- list(exponentiate = FALSE, heading = "Difference", note = NULL)
  if (!averaged$on_link || link == "identity") {
    return(plain)
  }
  if (averaged$type == "response" && link %in% c("log", "logit")) {
    return(list(
      exponentiate = TRUE, heading = if (link == "log") "Ratio" else "Odds ratio",
      note = "Ratios; SE is of their logarithm."
    ))
  }
  plain$note <- sprintf("Differences of the linear predictor (link %s).", link)
  plain
}
