# Checks of regression tables: each row's figures from one another, and the model as a whole
# against counts and means.

audit_model <- function(tables, published) {
  unlist(lapply(audited_models(published), function(model) {
    model <- found_ratio(tables, published, model)
    c(
      row_checks(tables, published, model), ols_checks(tables, published, model),
      error_checks(tables, published, model), ratio_checks(tables, published, model)
    )
  }), recursive = FALSE)
}

# ---- Models ----

# list(name, rows, outcome, family, is_ratio, level, n, errors, offset, limits) a model; `rows` are
# those of model.csv. Poisson models often have an offset or robust errors that no table shows, and
# limits of models of odds and rates are often those of the profile likelihood.
audited_models <- function(published) {
  name <- model_names(published)
  lapply(unique(name), function(own) {
    family <- model_key(published, "model_family", own, "gaussian")
    unsaid <- if (family == "poisson") "" else c("model", "no")
    list(
      name = own, rows = which(name == own),
      outcome = model_key(published, "model_outcome", own, ""), family = family,
      errors = model_key(published, "model_errors", own, unsaid[[1]]),
      offset = model_key(published, "model_offset", own, unsaid[[length(unsaid)]]),
      limits = model_key(published, "model_limits", own, if (family == "gaussian") "wald" else ""),
      is_ratio = model_key(published, "model_exponentiated", own, "no") == "yes", note = "",
      level = printed_number(model_key(published, "conf.level", own, "0.95")),
      n = printed_number(model_key(published, "model_n", own, ""))
    )
  })
}

# A key of the design, of the model named if it has one of its own.
model_key <- function(published, key, name, default) {
  values <- c(
    if (nzchar(name)) design_values(published, paste0(key, "_", name)),
    design_values(published, key), default
  )
  values[[1]]
}

# Rows of the outcome's mean by arm, everybody; NA where none is printed.
outcome_rows <- function(published, outcome, arms) {
  means <- published$means
  own <- which(means$outcome == outcome & means$variable == "" & means$level == "")
  own[match(arms, means$arm[own])]
}

# People of the model, as far as the tables say: model_n, or those with an outcome; NA.
model_people <- function(tables, published, model) {
  if (!is.na(model$n)) {
    return(model$n)
  }
  sum(outcome_n(published, model$outcome))
}

# ---- Rows ----

row_checks <- function(tables, published, model) {
  scale <- found_scale(tables, published, model)
  scale$note <- paste(c(scale$note, model$note)[nzchar(c(scale$note, model$note))], collapse = "; ")
  rows_under(tables, published, model, scale)
}

rows_under <- function(tables, published, model, scale) {
  printed <- published$model[model$rows, ]
  unsigned <- !prints_signs(
    printed_number(printed$statistic), printed_number(printed$estimate) - model$is_ratio
  )
  unlist(lapply(model$rows, function(row) {
    one_row(tables, published, row, scale, unsigned)
  }), recursive = FALSE)
}

# A row in words: as printed or, where that was not typed, "sex: female against male".
model_figure <- function(published, row) {
  row <- published$model[row, ]
  if (nzchar(row$term)) {
    return(row$term)
  }
  paste0(
    if (nzchar(row$variable)) row$variable else "Constant",
    if (nzchar(row$level)) paste0(": ", row$level),
    if (nzchar(row$reference)) paste(" against", row$reference)
  )
}

# Each figure is made of those before it: error, limits, statistic, P.
one_row <- function(tables, published, row, scale, unsigned) {
  columns <- c("estimate", "std.error", "conf.low", "conf.high", "statistic")
  cells <- vapply(columns, function(column) cell_of(tables, "model", row, column), 0L)
  inputs <- ifelse(is.na(cells), 1L, cells)
  check <- function(kind, target, used) {
    new_check(
      kind, target, ifelse(seq_along(inputs) %in% used, inputs, 1L),
      check = "regression row", par = c(scale$q, scale$df, scale$flags),
      without_sign = kind == "row_statistic" && unsigned,
      figure = model_figure(published, row), note = scale$note
    )
  }
  list(
    check("row_low", cells[["conf.low"]], 1:2), check("row_high", cells[["conf.high"]], 1:3),
    check("row_statistic", cells[["statistic"]], 1:4),
    check("row_p", cell_of(tables, "model", row, "p"), 1:5)
  )
}

# ---- Means from the coefficients ----

# Where arms are a factor of a linear model, residuals sum to zero in each of them. The constant is
# that of covariates as they are or, if it fits no mean so, of centred ones: then, as where none is
# printed, arms are compared with the reference arm.
ols_checks <- function(tables, published, model) {
  if (model$family != "gaussian" || !is_whole_model(tables, published, model)) {
    return(NULL)
  }
  variables <- published$model$variable[model$rows]
  between <- ols_means(tables, published, model, design_values(published, "arms")[[1]])
  if (!"" %in% variables) {
    return(if (may_be_adjusted(published, model)) unless_adjusted(tables, between) else between)
  }
  whole <- ols_means(tables, published, model, NA)
  has_numbers <- any(!variables %in% c("", names(tables$margins)))
  is_off <- has_numbers && all(contradictions(tables, whole)) &&
    length(between) > 0 && !any(contradictions(tables, between))
  if (is_off) between else whole
}

# From the constant, or for arms beside `base` from its mean.
ols_means <- function(tables, published, model, base) {
  arms <- design_values(published, "arms")
  target <- cell_of(tables, "means", outcome_rows(published, model$outcome, c(arms, "")), "mean")
  has_arms <- "arm" %in% published$model$variable[model$rows]
  of_all <- arms_of_all(tables, published, model)
  is_sure <- of_all & (is.na(base) | (arms != base & of_all[match(base, arms)] %in% TRUE))
  others <- if (has_arms) which(is_sure)
  specs <- lapply(c(others, if (is.na(base) && all(of_all)) length(arms) + 1), function(k) {
    ols_check(tables, published, model, c(arms, "")[[k]], target[[k]], base)
  })
  specs[!vapply(specs, is.null, NA)]
}

# Of arms alone, without a constant, are other terms of the model not printed?
may_be_adjusted <- function(published, model) {
  all(published$model$variable[model$rows] == "arm")
}

# If any of the checks fails the model may be another one, of which some figures come near.
unless_adjusted <- function(tables, specs) {
  specs <- specs[!vapply(specs, is.null, NA)]
  if (length(specs) > 0 && !any(contradictions(tables, specs))) specs
}

# Which of some checks are contradicted?
contradictions <- function(tables, specs) {
  found <- .Call(C_qstr_audit, core_tables(with_checks(tables, specs)))
  found$verdict == match("inconsistent", audit_verdicts)
}

# Is each variable a factor with all of its levels but one in the rows, or a numeric covariate with
# printed means?
is_whole_model <- function(tables, published, model) {
  rows <- published$model[model$rows, ]
  variables <- unique(rows$variable[rows$variable != ""])
  is_whole <- vapply(variables, function(variable) {
    own <- model$rows[rows$variable == variable]
    if (variable %in% names(tables$margins)) {
      labels <- cell_of(tables, "model", own, "level")
      !anyNA(c(labels, reference_cell(tables, own))) &&
        length(own) == length(margin_levels(tables, published, variable)) - 1
    } else {
      length(own) == 1 && is_same_people(published, variable, model$outcome)
    }
  }, NA)
  all(is_whole) && sum(rows$variable == "") <= 1
}

# In which arms are those in the model the ones in the outcome's means? Where the model's n does
# not say so they must be everybody: where some lack the outcome, as many others may lack a
# covariate; and of how many the means are must be printed, unless the model has no covariates.
arms_of_all <- function(tables, published, model) {
  n <- outcome_n(published, model$outcome)
  variables <- published$model$variable[model$rows]
  if (!is.na(model$n) && !anyNA(n)) {
    n[] <- sum(n) == model$n
    return(n == 1)
  }
  (n >= tables$everybody(names(n))) %in% TRUE | all(variables %in% c("", "arm"))
}

# Is each covariate of as many people in each arm as the outcome is, as far as n is printed?
has_whole_covariates <- function(tables, published, model) {
  n <- outcome_n(published, model$outcome)
  of_all <- vapply(setdiff(published$model$variable[model$rows], c("", "arm")), function(variable) {
    margin <- tables$margins[[variable]]
    own <- if (is.null(margin)) {
      outcome_n(published, variable)
    } else {
      rowSums(matrix(exact_counts(tables, margin), nrow(margin)))
    }
    isTRUE(all(own == n))
  }, NA)
  !is.na(model$n) || all(of_all)
}

# People in the outcome's means, by arm; NA where that is not printed.
outcome_n <- function(published, outcome) {
  arms <- design_values(published, "arms")
  stats::setNames(printed_number(published$means$n[outcome_rows(published, outcome, arms)]), arms)
}

# The covariate's means are of as many people as the outcome's, as their printed n say.
is_same_people <- function(published, variable, outcome) {
  all((outcome_n(published, variable) == outcome_n(published, outcome)) %in% TRUE)
}

reference_cell <- function(tables, rows) {
  cell_of(tables, "model", rows[[1]], "reference")
}

ols_check <- function(tables, published, model, arm, target, base) {
  arms <- design_values(published, "arms")
  constant <- model$rows[published$model$variable[model$rows] == ""]
  from <- if (is.na(base)) {
    cell_of(tables, "model", constant, "estimate")
  } else {
    cell_of(tables, "means", outcome_rows(published, model$outcome, base), "mean")
  }
  n <- cell_of(tables, "means", outcome_rows(published, model$outcome, arms), "n")
  inputs <- lapply(setdiff(model$rows, constant), coefficient_inputs,
    tables = tables, published = published, arm = arm, base = base)
  column <- function(x) if (is.na(match(x, arms))) -1 else match(x, arms) - 1
  new_check(
    "ols_mean", target, c(ifelse(is.na(n), 1L, n), from, unlist(inputs)),
    check = "model mean", par = c(column(arm), length(arms), column(base)),
    figure = sprintf("Mean %s, %s", model$outcome, if (arm == "") "all arms" else arm)
  )
}

# A coefficient, its level or mean, and its reference or mean compared with.
coefficient_inputs <- function(row, tables, published, arm, base) {
  estimate <- cell_of(tables, "model", row, "estimate")
  variable <- published$model$variable[[row]]
  if (variable %in% names(tables$margins)) {
    name <- model_names(published)
    own <- which(name == name[[row]] & published$model$variable == variable)
    return(c(
      estimate, cell_of(tables, "model", row, "level"), reference_cell(tables, own)
    ))
  }
  mean_of <- function(arm) {
    cell_of(tables, "means", outcome_rows(published, variable, arm), "mean")
  }
  c(estimate, mean_of(arm), if (is.na(base)) 1L else mean_of(base))
}

# ---- Standard errors against group sizes ----

# Needs arms in the model, and the outcome's standard deviation in each.
error_checks <- function(tables, published, model) {
  rows <- published$model[model$rows, ]
  if (model$family != "gaussian" || model$errors != "model" || model$is_ratio ||
    !"arm" %in% rows$variable || may_be_adjusted(published, model) ||
    !is_whole_model(tables, published, model) || !all(arms_of_all(tables, published, model))) {
    return(NULL)
  }
  outcome <- outcome_rows(published, model$outcome, design_values(published, "arms"))
  inputs <- c(
    cell_of(tables, "means", outcome, "n"), cell_of(tables, "means", outcome, "sd"),
    unlist(lapply(model$rows[rows$variable != ""], error_inputs, tables, published))
  )
  df <- model_people(tables, published, model) - nrow(rows)
  q <- stats::qt(0.5 + model$level / 2, df)
  targets <- cumsum(rows$variable != "") - 1
  targets[rows$variable == ""] <- -1
  Map(function(row, target) {
    error <- cell_of(tables, "model", row, "std.error")
    limit <- cell_of(tables, "model", row, "conf.high")
    new_check(
      if (is.na(error)) "ols_limit" else "ols_error", if (is.na(error)) limit else error, inputs,
      check = "group sizes", par = c(target, length(outcome), q),
      figure = model_figure(published, row)
    )
  }, model$rows, targets)
}

# A coefficient, its level and reference or, of a numeric covariate, its standard deviations and
# means by arm; the empty cell for what there is not.
error_inputs <- function(row, tables, published) {
  estimate <- cell_of(tables, "model", row, "estimate")
  arms <- design_values(published, "arms")
  variable <- published$model$variable[[row]]
  if (variable %in% names(tables$margins)) {
    return(c(coefficient_inputs(row, tables, published, arms[[1]], NA), rep(1L, 2 * length(arms))))
  }
  means <- outcome_rows(published, variable, arms)
  cells <- c(
    cell_of(tables, "means", means, "sd"), cell_of(tables, "means", means, "mean")
  )
  c(estimate, 1L, 1L, ifelse(is.na(cells), 1L, cells))
}

# ---- Odds and rates ----

# Where arms are all there is in the model its coefficients are those of the counts (binomial; the
# outcome is a counted variable of two levels, or `variable: level` with the level modelled), or of
# the mean numbers of events (poisson, if the design says that there is no offset).
ratio_checks <- function(tables, published, model) {
  variables <- published$model$variable[model$rows]
  if (!model$family %in% c("binomial", "poisson") || model$offset != "no" ||
    !setequal(setdiff(variables, ""), "arm") ||
    is.na(reference_cell(tables, model$rows[variables == "arm"]))) {
    return(NULL)
  }
  if (model$family == "poisson") {
    rows <- outcome_rows(published, model$outcome, design_values(published, "arms"))
    pairs <- list(list(cell_of(tables, "means", rows, "mean"), cell_of(tables, "means", rows, "n")))
  } else {
    pairs <- event_pairs(tables, model$outcome)
  }
  choices <- lapply(pairs, ratio_rows, tables = tables, published = published, model = model)
  choices <- lapply(choices, without_own_limits, tables = tables, model = model)
  specs <- if (length(choices) == 2) {
    least_contradicted(tables, choices)
  } else {
    unlist(choices, recursive = FALSE)
  }
  if (may_be_adjusted(published, model)) unless_adjusted(tables, specs) else specs
}

# Cells of people with the event and without, by arm; both ways round if the level is not said.
event_pairs <- function(tables, outcome) {
  said <- trimws(strsplit(outcome, ":", fixed = TRUE)[[1]])
  margin <- if (length(said) > 0 && said[[1]] != "arm") tables$margins[[said[[1]]]]
  if (is.null(margin) || ncol(margin) != 2) {
    return(NULL)
  }
  first <- if (length(said) > 1) match(said[[2]], colnames(margin), 0L) else 1:2
  lapply(first[first > 0], function(k) list(unname(margin[, k]), unname(margin[, 3 - k])))
}

# Limits that are not said to be Wald's may be those of the profile likelihood, if any is not.
without_own_limits <- function(specs, tables, model) {
  specs <- specs[!vapply(specs, is.null, NA)]
  is_limit <- endsWith(vapply(specs, `[[`, "", "kind"), "_limit")
  may_be_own <- model$limits != "wald" && any(contradictions(tables, specs)[is_limit])
  if (may_be_own) specs[!is_limit] else specs
}

ratio_rows <- function(pair, tables, published, model) {
  kind <- if (model$family == "poisson") "log_rate" else "log_odds"
  reference <- reference_cell(tables, model$rows[published$model$variable[model$rows] == "arm"])
  par <- c(length(pair[[1]]), model$is_ratio, stats::qnorm(0.5 + model$level / 2))
  unlist(lapply(model$rows, function(row) {
    is_constant <- published$model$variable[[row]] == ""
    level <- if (is_constant) reference else cell_of(tables, "model", row, "level")
    check <- function(suffix, column) {
      new_check(
        paste0(kind, suffix), cell_of(tables, "model", row, column),
        c(level, reference, pair[[1]], pair[[2]]),
        check = "model of counts", par = par, figure = model_figure(published, row)
      )
    }
    by_error <- !model$is_ratio && !is.na(cell_of(tables, "model", row, "std.error"))
    list(
      check("", "estimate"),
      if (model$errors != "model") {
        NULL
      } else if (by_error) {
        check("_error", "std.error")
      } else {
        check("_limit", "conf.high")
      }
    )
  }), recursive = FALSE)
}

least_contradicted <- function(tables, choices) {
  bad <- vapply(choices, function(specs) sum(contradictions(tables, specs)), 0L)
  choices[[which.min(bad)]]
}
