#' Effects of an arm in subgroups, with interaction tests and a forest plot
#'
#' For each subgroup variable the model is fitted again with the interaction of
#' arm and subgroup; the effect of the arm is given in each level, with the
#' numbers of rows and a test of whether the effects differ.
#'
#' The interaction test is the one to read: a subgroup with P below .05 beside
#' one with P above it is no evidence of a difference (Assmann et al. 2000,
#' <doi:10.1016/S0140-6736(00)02039-0>). It tests that the coefficients of the
#' interaction are 0 for the arm in question, by F or chi-square with the
#' covariance that `vcov` asks for; the P of a single level is in the data frame,
#' but not printed. Effects and tests are on the scale of the linear
#' predictor: differences in means, log odds, log rates. P values are not
#' adjusted for the number of subgroups.
#'
#' Where the arm interacts with other variables too, the effect in a level is
#' averaged over its rows. Factors are cut at their levels; a number with more
#' than two values is refused, since where to cut it is a choice.
#'
#' @param fit A fit of [fit_glm()] with the arm as a term, or one pooled over imputations.
#' @param arm The arm: its name, or `~ arm`.
#' @param subgroups The subgroup variables: `~ sex + specialty` or their names.
#'   They need not be in the model; then their main effect is added too.
#' @param reference The arm compared with; the first level when `NULL`.
#' @param vcov,cluster Which covariance, as in [linear_contrast()].
#' @param conf.level Level of the intervals.
#' @param exponentiate Give odds, rate or mean ratios: the exponential of estimate
#'   and interval? `std.error` stays on the scale of the linear predictor.
#' @param data The data that were fitted, where the call of the fit does not
#'   find them.
#' @return A data frame that prints as a table ([questrial_table]), the overall
#'   effect first and then one row a level: `subgroup`, `level`, `contrast`,
#'   `n.arm`, `n.reference`, `estimate`, `std.error`, `statistic`, `df`, `p.value`,
#'   `conf.low`, `conf.high`, and on the first row of each subgroup
#'   `p.interaction`. For `plot()` see [plot.subgroup_table()].
#' @section Missing values:
#' Of a fit pooled over imputations the effects in the levels are found in each completed data set
#' and pooled ([pool()]), the interaction is tested by D1, and numbers are means over
#' the imputations where a subgroup was imputed. Otherwise a row without a value of a subgroup
#' variable is left out of that subgroup's fit only; a note says how many. A level without rows in
#' one of the arms is
#' `NA`, with a note.
#' @section Errors:
#' `questrial_error_argument` for unknown variables, a subgroup that is a number,
#' and data that are not found.
#' @section Peers:
#' SPSS: UNIANOVA once for each subgroup with EMMEANS; emmeans:
#' `contrast(emmeans(fit, ~ arm | sex))` and `joint_tests()` for each fit.
#' @examples
#' # Synthetic.
#' trial <- data.frame(id = 1:240, arm = gl(2, 1, 240, c("control", "course")))
#' trial$sex <- gl(2, 120, labels = c("female", "male"))
#' trial$site <- gl(3, 2, 240, c("north", "south", "west"))
#' trial$score <- 50 + 3 * (trial$arm == "course" & trial$sex == "male") + 9 * sin(trial$id)
#' fit <- fit_glm(score ~ arm + sex, trial)
#' effects <- subgroup_effects(fit, ~arm, ~ sex + site)
#' effects
#' plot(effects)
#' @export
subgroup_effects <- function(fit, arm, subgroups, reference = NULL, vcov = NULL, cluster = NULL,
                             conf.level = 0.95, exponentiate = FALSE, data = NULL) {
  check_fit(fit, makers = c("fit_glm", "pooled_fit"))
  check_number(conf.level, "conf.level", min = 0, max = 1)
  check_flag(exponentiate, "exponentiate")
  data <- subgroup_data(fit, data)
  arm <- column_name(arm, data[[1]], "arm")
  subgroups <- subgroup_names(subgroups, data, arm)
  asked <- fits_to_ask(fit, data_to_ask(fit, data))
  levels <- as.character(arm_levels(asked[[1]]$fit, asked[[1]]$rows, arm))
  reference <- if (is.null(reference)) levels[[1]] else as.character(reference)
  check_choice(reference, levels, "reference")
  how <- list(
    arm = arm, others = setdiff(levels, reference), reference = reference, vcov = vcov,
    cluster = cluster, conf.level = conf.level
  )
  overall <- level_effects(fit, NULL, how, data)
  parts <- lapply(subgroups, function(name) one_subgroup(fit, name, how, data))
  rows <- do.call(rbind, c(list(overall), lapply(parts, `[[`, "rows")))
  rows <- rows[order(match(rows$contrast, rows$contrast)), ]
  if (exponentiate) {
    rows <- exponentiated(rows)
  }
  notes <- c(
    interaction_note(fit, how), estimable_note(paste(rows$subgroup, rows$level), rows$estimate),
    if (exponentiate) "Estimates are exponentials.",
    # There is no column of it.
    sub(" FMI: .*", "", covariance_note(fit_covariance(fit, vcov, cluster), rows$df)),
    rows_text(fit),
    if (any(rows$n.arm != round(rows$n.arm))) "n: means over the imputations.",
    unlist(lapply(parts, `[[`, "note"))
  )
  subgroup_table(rows, fit, how, exponentiate, notes)
}

# ---- Arguments ----

# A list of the data that were fitted, one for each of the fits to ask.
subgroup_data <- function(fit, data) {
  if (inherits(fit, "pooled_fit")) {
    data <- data_of_fits(fit, data)
    fits <- lapply(fit$fits, check_own_fit)
  } else {
    data <- list(if (!is.null(data)) check_data_frame(data))
    fits <- list(fit)
  }
  Map(function(fit, data) {
    data <- if (is.null(data)) data_of_call(fit) else data
    if (ncol(data) == 0) {
      qst_abort(
        "argument", "The data of this fit cannot be found by its call. Give them as `data`."
      )
    }
    data
  }, fits, data)
}

# As fits_to_ask() takes them.
data_to_ask <- function(fit, data) {
  if (inherits(fit, "pooled_fit")) data else data[[1]]
}

subgroup_names <- function(subgroups, data, arm) {
  if (inherits(subgroups, "formula") && length(subgroups) == 2) {
    subgroups <- all.vars(subgroups)
  }
  check_columns(data[[1]], subgroups, "subgroups")
  if (length(subgroups) == 0 || arm %in% subgroups) {
    qst_abort("argument", "`subgroups` must name columns other than the arm, as in ~ sex + site.")
  }
  for (name in subgroups) {
    if (is.numeric(data[[1]][[name]]) && length(level_names(data, name)) > 2) {
      qst_abort("argument", sprintf(
        "`subgroups`: `%s` is a number with many values. Cut it into a factor first, as by cut().",
        name
      ), column = name)
    }
  }
  unique(subgroups)
}

# The levels of a subgroup that anybody has, in any of the data.
level_names <- function(data, name) {
  values <- lapply(data, function(one) {
    value <- one[[name]]
    levels(if (is.factor(value)) droplevels(value) else factor(value))
  })
  all <- unique(unlist(values))
  known <- levels(data[[1]][[name]])
  if (is.null(known)) all else intersect(known, all)
}

# ---- One subgroup ----

one_subgroup <- function(fit, name, how, data) {
  levels <- level_names(data, name)
  data <- lapply(data, function(one) {
    one[[name]] <- factor(as.character(one[[name]]), levels)
    one
  })
  again <- with_interaction(fit, how$arm, name, data)
  lost <- fit$n_used - again$n_used
  note <- if (lost > 0) {
    sprintf("%s: %s rows left out for missing values of it.", name, count_text(lost))
  }
  list(rows = level_effects(again, name, how, data), note = note)
}

# The fit with the subgroup, and its interaction with the arm, as terms.
with_interaction <- function(fit, arm, name, data) {
  if (inherits(fit, "pooled_fit")) {
    fits <- Map(function(one, data) with_interaction(one, arm, name, list(data)), fit$fits, data)
    return(new_pooled_fit(fits, fit$call, fit$df.complete, fit$imp))
  }
  added <- sprintf(". ~ . + %s + %s:%s", quoted(name), quoted(arm), quoted(name))
  formula <- stats::update(stats::formula(fit), stats::as.formula(added))
  call <- fit$call
  call[[1]] <- fit_glm
  call$formula <- formula
  call$data <- data[[1]]
  eval(call, environment(fit$terms))
}

# What one of the fits says of each level: numbers `n` by arm, and for each other arm the
# mean over the rows of the level of what setting the arm changes in the design.
level_parts <- function(one, fit, name, how) {
  rows <- one$rows
  weight <- prior_weights(one$fit)
  level <- if (is.null(name)) factor(rep("All", nrow(rows))) else factor(rows[[name]])
  design <- function(arm) predict_with(one$fit, rows, stats::setNames(list(arm), how$arm))$design
  base <- design(how$reference)
  changes <- lapply(stats::setNames(nm = how$others), function(other) {
    change <- rowsum((design(other) - base) * weight, level) / as.vector(rowsum(weight, level))
    change[levels(level), , drop = FALSE]
  })
  arms <- factor(as.character(rows[[how$arm]]), c(how$reference, how$others))
  list(
    fit = one$fit, level = level, n = unclass(table(level[weight > 0], arms[weight > 0])),
    changes = changes, covariance = asked_covariance(fit, one$number, how$vcov, how$cluster)
  )
}

# The effect of each other arm in each level, `name` NULL: in all rows.
level_effects <- function(fit, name, how, data) {
  parts <- lapply(fits_to_ask(fit, data_to_ask(fit, data)), level_parts, fit, name, how)
  counts <- lapply(parts, `[[`, "n")
  n <- if (length(counts) == 1) counts[[1]] else Reduce(`+`, counts) / length(counts)
  levels <- levels(parts[[1]]$level)
  tables <- lapply(how$others, function(other) {
    joined <- pool_answers(fit, parts, function(one) level_answer(one, other, how))
    rows <- linear_estimates(joined$estimate, joined$jacobian, joined$covariance)
    p <- if (!is.null(name)) interaction_p(fit, parts, name, other, how, !is.na(rows$estimate))
    data.frame(
      subgroup = if (is.null(name)) "Overall" else name, level = levels,
      contrast = paste(other, "-", how$reference),
      n.arm = n[, other], n.reference = n[, how$reference],
      with_inference(rows, how$conf.level),
      p.interaction = c(if (is.null(p)) NA_real_ else p, rep(NA, length(levels) - 1)),
      row.names = NULL
    )
  })
  do.call(rbind, tables)
}

level_answer <- function(one, other, how) {
  jacobian <- one$changes[[other]]
  estimate <- link_estimate(one$fit, jacobian)
  empty <- one$n[, other] == 0 | one$n[, how$reference] == 0
  estimate[!estimable(one$fit, jacobian) | empty] <- NA
  list(estimate = estimate, jacobian = jacobian, covariance = one$covariance)
}

# Are the effects the same in all levels that have one (`known`), as far as the interaction of
# arm and subgroup goes?
interaction_p <- function(fit, parts, name, other, how, known) {
  if (sum(known) < 2) {
    return(NA_real_)
  }
  differences <- lapply(parts, function(one) {
    jacobian <- one$changes[[other]][known, , drop = FALSE]
    jacobian[, !one$fit$assign %in% interaction_term(one$fit, how$arm, name)] <- 0
    sweep(jacobian[-1, , drop = FALSE], 2, jacobian[1, ])
  })
  used <- independent_rows(differences[[1]])
  joined <- pool_answers(fit, seq_along(parts), function(i) {
    jacobian <- differences[[i]][used, , drop = FALSE]
    list(
      estimate = link_estimate(parts[[i]]$fit, jacobian), jacobian = jacobian,
      covariance = parts[[i]]$covariance
    )
  })
  distance_test(joined$estimate, joined$jacobian, joined$covariance)$p.value
}

# The number of the term that is the product of the two variables.
interaction_term <- function(fit, arm, name) {
  inside <- attr(fit$terms, "factors") > 0
  variables <- lapply(seq_len(ncol(inside)), function(j) {
    all.vars(str2lang(paste(rownames(inside)[inside[, j]], collapse = "+")))
  })
  which(vapply(variables, setequal, NA, c(arm, name)))
}

# ---- The table ----

interaction_note <- function(fit, how) {
  sprintf(
    "Each subgroup: the model with its interaction with %s. P of interaction by %s.", how$arm,
    if (inherits(fit, "pooled_fit")) {
      "D1"
    } else if (uses_t(fit)) {
      "F"
    } else {
      "Wald's chi-square"
    }
  )
}

subgroup_table <- function(rows, fit, how, exponentiate, notes) {
  digits <- decimals_for(rows$std.error)
  heading <- if (exponentiate) "Ratio" else "Difference"
  columns <- list(
    table_column("Subgroup", "subgroup"), table_column("Level", "level"),
    table_column(if (length(how$others) > 1) "arm" else how$others, "n.arm", "count"),
    table_column(how$reference, "n.reference", "count"),
    table_column(heading, "estimate", "number", digits = digits),
    table_column(percent_words(how$conf.level), c("conf.low", "conf.high"), "ci", digits = digits),
    table_column("P interaction", "p.interaction", "p")
  )
  caption <- sprintf("Effect of %s on %s in subgroups", how$arm, response_name(fit))
  table <- new_questrial_table(rows, "subgroup", caption, notes,
    spanners = list(n = c("n.arm", "n.reference")), columns = columns
  )
  structure(table,
    how = how[c("arm", "others", "reference", "conf.level")], exponentiated = exponentiate,
    response = response_name(fit), m = fits_pooled(fit)
  )
}

# A line for each subgroup with the P of its interaction, its levels indented
# below; with several contrasts a block for each.
#' @export
format.subgroup_table <- function(x, ...) {
  shown <- NextMethod()
  cells <- as.data.frame(unclass(shown), check.names = FALSE, stringsAsFactors = FALSE)
  names(cells) <- names(shown)
  if (!all(c("Subgroup", "Level") %in% names(cells)) || nrow(cells) == 0) {
    return(shown)
  }
  contrast <- factor_in_order(x$contrast)
  blocks <- lapply(split(seq_len(nrow(x)), contrast), function(i) {
    parts <- split(cells[i, ], factor_in_order(x$subgroup[i]))
    do.call(rbind, unname(lapply(parts, stub_block)))
  })
  if (length(blocks) > 1) {
    blocks <- Map(function(block, name) {
      head <- block[1, ]
      head[] <- ""
      head$Subgroup <- name
      rbind(head, block)
    }, blocks, levels(contrast))
  }
  starts <- cumsum(c(1, vapply(blocks, nrow, 1L)))[seq_along(blocks)]
  lines <- do.call(rbind, unname(blocks))
  row.names(lines) <- NULL
  level <- match("Level", names(lines))
  structure(lines[-level],
    subheadings = if (length(blocks) > 1) starts,
    spanners = lapply(attr(shown, "spanners"), function(at) at - (at > level))
  )
}

# The lines of one subgroup; the overall effect is a line by itself.
stub_block <- function(block) {
  if (identical(block$Level, "All") && block$Subgroup[[1]] == "Overall") {
    return(block)
  }
  head <- block[1, ]
  head[names(head) != "Subgroup"] <- ""
  if ("P interaction" %in% names(block)) {
    head[["P interaction"]] <- block[["P interaction"]][[1]]
    block[["P interaction"]] <- ""
  }
  block$Subgroup <- paste0("  ", block$Level)
  rbind(head, block)
}
