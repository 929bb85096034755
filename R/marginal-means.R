#' Marginal means and their contrasts, with the weights named
#'
#' What a model predicts for each level of some variables, averaged over the
#' others in a way that is named in the printed result.
#'
#' * `"equal"`: each combination of their levels counts the same, numbers stand
#'   at their mean; averaged on the link scale.
#' * `"proportional"`: combinations count as often as they occur, numbers stand
#'   at their mean; averaged on the link scale.
#' * `"counterfactual"`: every row keeps its own values, with the levels asked for
#'   set in all; averaged on the response scale.
#'
#' `equal` and `proportional` use the reference grid of emmeans: factors, text,
#' logical variables, numbers within `factor()` and numbers of two different
#' values stand at each level; other numbers stand at their mean, from which
#' terms such as `poly(x, 2)` are built anew; the offset stands at its mean. The
#' frequencies are sums of prior weights (for `cbind()` responses numbers of trials;
#' emmeans counts rows there, and wherever the formula has no function in it). On
#' the response scale the mean of the linear predictor is transformed back, its
#' standard error multiplied by the derivative, and its interval transformed.
#'
#' `counterfactual` (g-computation) averages predictions over the rows that were
#' fitted, weighted by the prior weights. Variables after `|` are not set: each
#' of their levels is the average over its own rows. Standard errors are by the
#' delta method with the covariates held fixed; [standardised_effects()] has
#' the variances for a random sample, ratios and odds ratios.
#'
#' Tests and intervals use the degrees of freedom of the covariance: residual,
#' none (z) where the dispersion is known, Satterthwaite's for CR2.
#'
#' @section Contrasts:
#' `marginal_contrasts()` compares means within each level of the variables
#' after `|`, and adjusts within it too. A pair is the later level less the
#' earlier one, as in [compare_arms()] (emmeans calls that `revpairwise`).
#' `"reference"` takes each level less the reference. `"poly"` are the orthonormal
#' polynomials of [stats::contr.poly()] in the levels: a trend (linear), its
#' bend (quadratic), and so on; `scores` places the levels, as for doses or
#' numbers of sessions attended. With `type = "response"` contrasts under a log
#' link are ratios, under a logit link odds ratios, and differences of the
#' linear predictor under other links.
#'
#' `"tukey"` is the studentized range (for all pairs; conservative where the means
#' differ in precision, Hayter 1984, <doi:10.1214/aos/1176346392>), `"dunnett"`
#' and `"single-step"` the maximum of the correlated \eqn{|t|}; these and
#' `"bonferroni"` adjust intervals too. See [linear_contrast()].
#'
#' @section After imputation:
#' Of a pooled fit ([pool()]) each mean and contrast is asked of each completed data set and
#' pooled by Rubin's rules: on the link scale where means are averaged there (then transformed
#' back), as
#' it is for `"counterfactual"`. There is one reference grid: numbers stand at their mean, and
#' combinations count, over the rows of all completed data sets; counterfactual predictions are
#' averaged over the rows of each. Columns `fmi`, `riv` and `lambda` are added.
#' `emmeans()` of mice's `mira` gives the same estimates and standard errors for equal weights,
#' but tests with the degrees of freedom of the first fit (as of version 1.8.4) and takes the
#' frequencies of factors, for `weights = "proportional"`, from the first completed data set;
#' `emmeans()` of a pooled fit of ours has the degrees of freedom of Barnard and Rubin and the
#' frequencies of all.
#'
#' @section Not estimable:
#' A mean that rests on an empty cell is `NA`, with a note.
#'
#' @param fit A fit of [fit_glm()] or [fit_gee()], or one pooled over imputations.
#' @param specs The variables whose levels are wanted: `~ arm`,
#'   `~ arm + sex` (each combination), `~ arm | sex` (each arm within each sex),
#'   or their names.
#' @param weights How the other variables are averaged: see above.
#' @param at A named list of values: numbers at which variables stand instead,
#'   or the levels to use.
#' @param type `"response"`: means, probabilities, rates; `"link"`: the linear
#'   predictor.
#' @param vcov,cluster Which covariance, as in [linear_contrast()].
#' @param conf.level Level of the intervals.
#' @param data The data that were fitted. Needed only when they cannot be found
#'   again by the call of the fit and the formula has terms like `log(x)`; of a pooled fit
#'   imputations, or a list of its completed data sets.
#' @return `marginal_means()`: a data frame that prints as a table
#'   ([questrial_table]), a row for each combination of levels (the first
#'   variable fastest): the variables, `estimate`, `std.error`, `df`, `conf.low`,
#'   `conf.high`; attribute `weights`. `marginal_contrasts()`: the variables after
#'   `|`, `contrast`, `estimate`, `std.error`, `statistic`, `df`, `p.value`,
#'   `conf.low`, `conf.high`; for ratios `std.error` is of the logarithm.
#' @section Errors:
#' `questrial_error_argument` for a variable that is not in the model, a level
#' that was not fitted, and data that cannot be found or have changed.
#' @section Peers:
#' emmeans gives the same numbers for the same `weights`, but does not print
#' them; marginaleffects' `avg_predictions(variables = )` is `counterfactual`.
#' @examples
#' fit <- fit_glm(breaks ~ wool * tension, warpbreaks)
#' means <- marginal_means(fit, ~ tension | wool)
#' means
#' marginal_contrasts(means, "pairwise", adjust = "tukey")
#' marginal_contrasts(means, "poly")
#' @export
marginal_means <- function(fit, specs, weights = c("equal", "proportional", "counterfactual"),
                           at = list(), type = c("response", "link"), vcov = NULL, cluster = NULL,
                           conf.level = 0.95, data = NULL) {
  check_fit(fit, makers = c("fit_glm", "fit_gee", "pooled_fit"))
  weights <- check_choice(weights, c("equal", "proportional", "counterfactual"), "weights")
  type <- check_choice(type, c("response", "link"), "type")
  check_number(conf.level, "conf.level", min = 0, max = 1)
  specs <- read_specs(specs)
  asked <- fits_to_ask(fit, data)
  rows <- do.call(rbind, lapply(asked, `[[`, "rows"))
  places <- grid_levels(asked[[1]]$fit, rows, at, unlist(specs, use.names = FALSE))
  average <- if (weights == "counterfactual") {
    function(one) counterfactual_means(one$fit, one$rows, places, specs, at, type)
  } else {
    grid <- reference_grid(asked, rows, places, unlist(specs, use.names = FALSE), weights)
    function(one) grid_means(one$fit, grid)
  }
  each <- lapply(asked, function(one) {
    covariance <- asked_covariance(fit, one$number, vcov, cluster)
    c(average(one), list(covariance = covariance, fit = one$fit))
  })
  averaged <- list(
    each = each, fit = fit, specs = specs, weights = weights, type = type,
    conf.level = conf.level, levels = each[[1]]$levels, on_link = each[[1]]$on_link,
    offset = each[[1]]$offset
  )
  means_table(c(averaged, pool_answers(fit, each, identity)), places, at)
}

read_specs <- function(specs) {
  if (is.character(specs) && length(specs) > 0 && !anyNA(specs)) {
    return(list(set = specs, by = character()))
  }
  if (!inherits(specs, "formula") || length(specs) != 2) {
    qst_abort("argument", sprintf(
      "`specs` must be a formula such as ~ arm or ~ arm | sex, not %s.", describe(specs)
    ))
  }
  right <- specs[[2]]
  bar <- is.call(right) && identical(right[[1]], quote(`|`))
  set <- all.vars(if (bar) right[[2]] else right)
  if (length(set) == 0) {
    qst_abort("argument", "`specs` names no variable. Name those whose means are wanted, as ~ arm.")
  }
  list(set = set, by = setdiff(if (bar) all.vars(right[[3]]), set))
}

# ---- The rows that were fitted, before the formula transformed them ----

raw_rows <- function(fit, data = NULL) {
  check_has_rows(fit, "Averages of predictions")
  frame <- fit$model
  variables <- all.vars(stats::delete.response(fit$terms))
  if (is.null(data) && all(variables %in% names(frame))) {
    return(frame[variables])
  }
  found <- if (is.null(data)) data_of_call(fit) else check_data_frame(data)
  at <- match(row.names(frame), row.names(found))
  rows <- found[at, intersect(variables, names(found)), drop = FALSE]
  same <- !anyNA(at) && tryCatch(
    same_frame(frame_of_data(fit, rows), frame),
    error = function(e) FALSE
  )
  if (!same) {
    qst_abort("argument", paste(
      "The data of this fit are not those that were fitted, or cannot be found by its call.",
      "Give them as `data`."
    ))
  }
  rows
}

same_frame <- function(again, frame) {
  plain <- function(x) if (is.factor(x)) as.character(x) else unclass(x)
  all(vapply(names(again), function(name) {
    isTRUE(all.equal(plain(again[[name]]), plain(frame[[name]]), check.attributes = FALSE))
  }, logical(1)))
}

# A data frame of what the call names; without `data` the variables are in the
# environment of the formula.
data_of_call <- function(fit) {
  envir <- environment(fit$terms)
  found <- tryCatch(eval(fit$call$data, envir), error = function(e) NULL)
  if (is.data.frame(found)) {
    return(found)
  }
  variables <- all.vars(stats::delete.response(fit$terms))
  values <- mget(variables, if (is.environment(found)) found else envir,
    ifnotfound = list(NULL), inherits = TRUE
  )
  values <- Filter(function(x) NROW(x) >= nrow(fit$model), if (is.list(found)) found else values)
  if (length(unique(vapply(values, NROW, 1L))) != 1) {
    return(data.frame())
  }
  as.data.frame(values[intersect(names(values), variables)])
}

# ---- Where each variable stands ----

# For each variable of the terms a list of `values` (levels, or one number),
# `kind`: "factor" (levels, also numbers made a factor in the formula or of two
# values), "number", "matrix" (means of columns), or "offset" (nowhere else).
grid_levels <- function(fit, rows, at, wanted) {
  check_at(at, names(rows))
  in_terms <- all.vars(stats::reformulate(c("1", attr(fit$terms, "term.labels"))))
  made_factor <- unlist(lapply(setdiff(names(fit$model), names(rows)), function(name) {
    if (is.factor(fit$model[[name]])) all.vars(str2lang(name))
  }))
  places <- lapply(stats::setNames(nm = names(rows)), function(name) {
    one_place(rows[[name]], name, at[[name]], name %in% made_factor, name %in% in_terms)
  })
  unknown <- setdiff(wanted, names(rows))
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "`specs`: the model has no variable %s.%s", enumerate(unknown),
      sub("columns", "variables", suggest(unknown[[1]], names(rows)))
    ), column = unknown)
  }
  places
}

one_place <- function(x, name, given, made_factor, in_terms) {
  if (is.matrix(x) && ncol(x) > 1) {
    return(list(kind = "matrix", values = if (is.null(given)) colMeans(x) else given))
  }
  distinct <- if (is.factor(x)) levels(droplevels(x)) else sort(unique(as.vector(x)))
  if (!in_terms) {
    return(list(kind = "offset", values = if (is.numeric(x)) mean(x) else distinct[[1]]))
  }
  if (!is.numeric(x) || made_factor || (length(distinct) <= 2 && is.null(given))) {
    return(list(kind = "factor", values = chosen_levels(distinct, given, name)))
  }
  list(kind = "number", values = if (is.null(given)) mean(x) else given)
}

chosen_levels <- function(levels, given, name) {
  unknown <- setdiff(as.character(given), as.character(levels))
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "`at`: %s is not a level of `%s`, which has %s.", enumerate(unknown), name,
      enumerate(levels)
    ), column = name, value = unknown)
  }
  if (is.null(given)) levels else levels[as.character(levels) %in% as.character(given)]
}

check_at <- function(at, known) {
  if (!is.list(at) || (length(at) > 0 && is.null(names(at)))) {
    qst_abort("argument", sprintf(
      "`at` must be a list named by variable, as in list(age = 40), not %s.", describe(at)
    ))
  }
  unknown <- setdiff(names(at), known)
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "`at`: the model has no variable %s.%s", enumerate(unknown),
      sub("columns", "variables", suggest(unknown[[1]], known))
    ), column = unknown)
  }
}

# A level as a value of the variable's own class.
as_value <- function(level, like) {
  if (is.factor(like)) factor(level, levels(like), ordered = is.ordered(like)) else level
}

# ---- Means over the reference grid ----

# The grid, the same for all fits that are asked: its rows as data, to which mean each
# belongs (`cell`) and with which share. `rows` are those of all of them.
reference_grid <- function(asked, rows, places, specs, weights) {
  kinds <- vapply(places, `[[`, "", "kind")
  values <- lapply(places, `[[`, "values")
  grid <- expand.grid(values[kinds != "matrix"], KEEP.OUT.ATTRS = FALSE, stringsAsFactors = FALSE)
  share <- if (weights == "equal") {
    rep(1, nrow(grid))
  } else {
    weight <- unlist(lapply(asked, function(one) prior_weights(one$fit)))
    count <- cell_counts(weight, rows, grid, names(grid)[kinds[names(grid)] == "factor"])
    other <- cell_index(grid, values, setdiff(names(grid), specs))
    stats::ave(count, other, FUN = sum)
  }
  offsets <- lapply(asked, function(one) if (is.null(one$fit$offset)) 0 else one$fit$offset)
  list(
    data = grid_rows(grid, places, rows), cell = cell_index(grid, values, specs), share = share,
    levels = expand.grid(values[specs], KEEP.OUT.ATTRS = FALSE, stringsAsFactors = FALSE),
    offset = mean(unlist(offsets))
  )
}

grid_means <- function(fit, grid) {
  design <- design_rows(fit, grid$data)
  jacobian <- rowsum(design * grid$share, grid$cell) / drop(rowsum(grid$share, grid$cell))
  estimate <- link_estimate(fit, jacobian) + grid$offset
  estimate[!estimable(fit, jacobian)] <- NA
  list(
    levels = grid$levels, estimate = estimate, jacobian = jacobian, on_link = TRUE,
    offset = grid$offset
  )
}

link_estimate <- function(fit, design) {
  kept <- kept_terms(fit)
  drop(design[, kept, drop = FALSE] %*% fit$coefficients[kept])
}

# The grid as data: factors of the levels fitted, matrices at their means.
grid_rows <- function(grid, places, rows) {
  data <- grid
  for (name in names(places)) {
    if (places[[name]]$kind == "matrix") {
      data[[name]] <- matrix(places[[name]]$values, nrow(grid), ncol(rows[[name]]), byrow = TRUE,
        dimnames = list(NULL, colnames(rows[[name]]))
      )
    } else {
      data[[name]] <- as_value(data[[name]], rows[[name]])
    }
  }
  data
}

design_rows <- function(fit, rows) {
  frame_matrix(fit, frame_of_data(fit, rows))
}

# Which combination of the named variables a row of the grid has, counted with
# the first variable fastest.
cell_index <- function(grid, values, names) {
  index <- rep(1L, nrow(grid))
  step <- 1L
  for (name in names) {
    index <- index + step * (match(grid[[name]], values[[name]]) - 1L)
    step <- step * length(values[[name]])
  }
  index
}

# How often the levels of a row of the grid occur together in the data.
cell_counts <- function(weight, rows, grid, factors) {
  if (length(factors) == 0) {
    return(rep(1, nrow(grid)))
  }
  key <- function(data) do.call(paste, c(lapply(unname(data[factors]), as.character), sep = "\r"))
  sums <- tapply(weight, key(rows), sum)
  count <- unname(sums[key(grid)])
  count[is.na(count)] <- 0
  if (any(count > 0)) as.vector(count) else rep(1, nrow(grid))
}

# ---- Means over the rows ----

counterfactual_means <- function(fit, rows, places, specs, at, type) {
  values <- lapply(places[unlist(specs, use.names = FALSE)], `[[`, "values")
  levels <- expand.grid(values, KEEP.OUT.ATTRS = FALSE, stringsAsFactors = FALSE)
  fixed <- at[setdiff(names(at), names(values))]
  for (name in names(fixed)) {
    rows[[name]] <- as_value(rep_len(one_value(fixed[[name]], name), nrow(rows)), rows[[name]])
  }
  parts <- lapply(seq_len(nrow(levels)), function(i) {
    one_counterfactual(fit, rows, levels[i, , drop = FALSE], specs, type)
  })
  jacobian <- do.call(rbind, lapply(parts, `[[`, "gradient"))
  estimate <- vapply(parts, `[[`, 0, "estimate")
  list(levels = levels, estimate = estimate, jacobian = jacobian, on_link = type == "link")
}

one_value <- function(value, name) {
  if (length(value) != 1) {
    qst_abort("argument", sprintf(
      "`at`: `%s` has %d values; with weights = \"counterfactual\" it is set to one in all rows.",
      name, length(value)
    ), column = name)
  }
  value
}

# The mean prediction with the levels set, and its derivative.
one_counterfactual <- function(fit, rows, level, specs, type) {
  inside <- rep(TRUE, nrow(rows))
  for (name in specs$by) {
    inside <- inside & as.character(rows[[name]]) == as.character(level[[name]])
  }
  weight <- prior_weights(fit) * inside
  if (sum(weight) == 0) {
    return(list(estimate = NA_real_, gradient = rep(NA_real_, length(fit$coefficients))))
  }
  predicted <- predict_with(fit, rows, level[specs$set])
  weight <- weight / sum(weight)
  value <- if (type == "link") predicted$link else fit$family$linkinv(predicted$link)
  slope <- if (type == "link") 1 else fit$family$mu.eta(predicted$link)
  gradient <- colSums(predicted$design * (weight * slope))
  known <- estimable(fit, predicted$design[weight > 0, , drop = FALSE])
  list(estimate = if (all(known)) sum(weight * value) else NA_real_, gradient = gradient)
}

# Design and linear predictor of the rows with some variables set.
predict_with <- function(fit, rows, level) {
  for (name in names(level)) {
    rows[[name]] <- as_value(rep(level[[name]], nrow(rows)), rows[[name]])
  }
  design <- design_rows(fit, rows)
  offset <- if (is.null(fit$offset)) 0 else fit$offset
  list(design = design, link = link_estimate(fit, design) + offset)
}

# ---- The table of means ----

means_table <- function(averaged, places, at) {
  rows <- linear_estimates(averaged$estimate, averaged$jacobian, averaged$covariance)
  rows <- with_inference(rows, averaged$conf.level)
  rows <- rows[setdiff(names(rows), c("statistic", "p.value"))]
  if (averaged$on_link && averaged$type == "response") {
    rows <- means_on_response(rows, averaged$fit$family)
  }
  rows <- data.frame(averaged$levels, rows, check.names = FALSE)
  labels <- do.call(paste, lapply(averaged$levels, as.character))
  notes <- c(
    weights_notes(averaged, places), estimable_note(labels, rows$estimate),
    covariance_note(averaged$covariance, rows$df), rows_text(averaged$fit)
  )
  first <- stats::setNames(nm = names(averaged$levels))
  response <- deparse1(stats::formula(averaged$fit)[[2]])
  table <- estimates_table(rows, "means", sprintf("Marginal means of %s", response), notes,
    averaged$conf.level, first, c(estimate = "Mean")
  )
  structure(table,
    weights = averaged$weights, averaged = averaged, m = fits_pooled(averaged$fit)
  )
}

means_on_response <- function(rows, family) {
  low <- family$linkinv(rows$conf.low)
  high <- family$linkinv(rows$conf.high)
  rows$std.error <- abs(family$mu.eta(rows$estimate)) * rows$std.error
  rows$estimate <- family$linkinv(rows$estimate)
  rows$conf.low <- pmin(low, high)
  rows$conf.high <- pmax(low, high)
  rows
}

weights_notes <- function(averaged, places) {
  specs <- unlist(averaged$specs, use.names = FALSE)
  others <- places[setdiff(names(places), specs)]
  kinds <- vapply(others, `[[`, "", "kind")
  if (averaged$weights == "counterfactual") {
    return(sprintf(
      "Weights: counterfactual: predictions averaged over the rows%s with %s set in each; %s.",
      if (length(averaged$specs$by) > 0) {
        sprintf(" of each %s", join_words(averaged$specs$by))
      } else {
        ""
      },
      join_words(averaged$specs$set),
      "covariates held fixed"
    ))
  }
  factors <- names(others)[kinds == "factor" & lengths(lapply(others, `[[`, "values")) > 1]
  numbers <- names(others)[kinds == "number"]
  at <- vapply(others[numbers], function(place) {
    paste(format(place$values, digits = 4), collapse = ", ")
  }, "")
  c(
    if (length(factors) > 0) {
      sprintf("Weights: %s, over the levels of %s.", averaged$weights, join_words(factors))
    } else {
      sprintf("Weights: %s; there is no other factor.", averaged$weights)
    },
    if (length(numbers) > 0) sprintf("At %s.", join_words(paste(numbers, "=", at))),
    if (averaged$offset != 0) {
      sprintf("Offset at its mean, %s.", format(averaged$offset, digits = 4))
    }
  )
}
