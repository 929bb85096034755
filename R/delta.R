#' Shift imputed values
#'
#' Imputation takes missing values to be like observed ones with the same
#' predictors (missing at random). `delta_adjust()` says otherwise: those who were lost
#' would have scored `delta` more than imputed. Observed values are never touched.
#'
#' * A number shifts all imputed values of the variable.
#' * Numbers with the names of arms, `c(balint = -3)` with `arm = "arm"`, shift those arms; an
#'   arm that is not named is not shifted.
#' * A formula, `~ -2 * sessions_missed`, is evaluated in each completed data set.
#' * A list with the names of variables has a delta of any of these kinds for each:
#'   `list(month6 = c(balint = -2), month12 = c(balint = -4))`. What is given for a visit is
#'   the whole shift at that visit; nothing is carried over from earlier ones (rbmi's
#'   `delta_template()` adds up `delta` times `dlag` over visits).
#'
#' @section Scores of questionnaires:
#' Impute the items (`impute(instrument = )`), [score()] the imputations, then shift the score:
#' a delta is a statement about the score, and an item cannot be shifted by it. A score is
#' imputed, and shifted, where any item it needs was missing, also for those who
#' left one item blank; `where` restricts the shift to the rows that are meant, as
#' `where = ~ lost`. Shifted values may lie outside the range of the score. They are not cut
#' off there, since the shift would then be smaller than the one stated.
#'
#' @section Two levels:
#' For logical columns and factors with two levels `delta` adds to the log-odds of the second level
#' (or of `TRUE`), so `log(0.5)` halves the odds. In each completed data set a
#' logistic model of the variable, fitted to the rows where it was observed with the
#' predictors of its imputation as covariates (if these are not known all other columns, but for
#' names of the rows and what the two levels were made of), gives the
#' probability \eqn{p_i} of each imputed value; an imputed value stands for a uniform
#' number below or above \eqn{p_i}, which is drawn, and is compared with
#' \eqn{\mathrm{expit}(\mathrm{logit}(p_i) + \delta)}{expit(logit(p_i) + delta)}.
#' So a delta of 0 changes nothing, and the larger delta, the more values are of the second level:
#' with the same `seed` the shifts are nested. Shifts of one variable in several calls add up, as
#' those of numbers do. Factors with more levels are refused, since there is
#' no single odds to shift: make the two levels that matter with `transform(imp, ...)`.
#'
#' @param imp Completed data sets: of [impute()], [impute_reference()] or [as_imputations()].
#' @param delta What is added: see above. In units of the variable; for two levels log-odds.
#' @param variable Name of the variable, or several. Not needed when `delta` is a list.
#' @param arm The column that says who was in which arm: a name or a formula `~ arm`.
#'   Needed where `delta` is named by arm.
#' @param where The rows that are shifted, all if `NULL`: a formula that is evaluated in each
#'   completed data set (`~ stopped == "yes"`), or a logical vector with a value for each row.
#' @param seed For two levels: a whole number from 0 to 2^53; `NULL` takes it from R's generator.
#' @param estimand What [estimand()] makes: attributes of the estimand that are not implied.
#' @return `imputations` with shifted values. `$adjustments` is a data frame, one row a shift:
#'   `variable`, `delta` (in words), `n` (values shifted in each completed data set), `mean` (mean
#'   shift of these). They are printed with the imputations, and so is `$estimand`.
#' @section Errors:
#' `questrial_error_argument` for a variable that was not imputed, an arm that is none, numbers
#' without names where there are several arms, items of an instrument, numbers that are 0 or 1
#' only, factors with more than two levels, a delta that is missing or infinite (`row`);
#' `questrial_error_no_data` when no
#' imputed value is shifted.
#' @section Peers:
#' In mice this is a `post` expression or a loop over `complete()`, with the danger of shifting
#' observed values; rbmi shifts in `analyse(delta = )`, for its own models only.
#' @references
#' Cro S, Morris TP, Kenward MG, Carpenter JR (2020) Sensitivity analysis for clinical trials with
#' missing continuous outcome data using controlled multiple imputation. *Stat. Med.* 39:2815-2842,
#' <doi:10.1002/sim.8569>.
#' @seealso [tipping_point()] for the delta that changes a conclusion.
#' @examples
#' trial <- data.frame(arm = gl(2, 50, labels = c("control", "course")), before = sin(1:100))
#' trial$after <- trial$before + 0.5 * (trial$arm == "course") + cos(3 * (1:100))
#' trial$after[seq(4, 100, 6)] <- NA
#' imp <- impute_reference(trial, "after", arm = "arm", reference = "control",
#'   covariates = "before", m = 5, seed = 1, method = "MAR"
#' )
#' delta_adjust(imp, c(course = -1), "after", arm = "arm")
#' delta_adjust(imp, ~ -0.5 * (before > 0), "after")$adjustments
#' @export
delta_adjust <- function(imp, delta, variable = NULL, arm = NULL, where = NULL, seed = NULL,
                         estimand = NULL) {
  check_imputations(imp)
  if (!is.null(arm)) {
    arm <- column_name(arm, imp$data, "arm")
  }
  deltas <- deltas_by_variable(imp, delta, variable)
  check_estimand(estimand)
  before <- imp
  for (name in names(deltas)) {
    check_shiftable(imp, name)
    check_delta(deltas[[name]], name, imp$data, arm)
    odds <- if (!is.numeric(imp$data[[name]])) shifted_odds(before, name, seed)
    imp <- shift_variable(imp, before, name, deltas[[name]], arm, where, odds)
  }
  new <- utils::tail(imp$adjustments, length(deltas))
  if (all(new$n == 0)) {
    qst_abort("no_data", sprintf(
      "No imputed value of %s is shifted: none lies where `delta` and `where` ask for it.",
      enumerate(names(deltas))
    ))
  }
  if (nrow(new) == nrow(imp$adjustments)) {
    imp$assumed <- stated_attribute(imp$estimand, "intercurrent")
  }
  # update() would make others without the shift.
  imp$recipe <- NULL
  imp$estimand <- fill_estimand(estimand, without_attribute(imp$estimand, "intercurrent"), list(
    population = sprintf("all %d rows of the data", nrow(imp$data)),
    treatment = treatment_words(imp$data, arm), variable = join_words(names(deltas)),
    intercurrent = adjustment_words(imp$adjustments, imp$assumed)
  ))
  imp
}

# ---- What is shifted by what ----

# A list of deltas, named by variable.
deltas_by_variable <- function(imp, delta, variable) {
  if (!is.list(delta)) {
    if (is.null(variable)) {
      qst_abort("argument", "`variable` must say which variable is shifted, as in \"score\".")
    }
    check_columns(imp$data, variable, "variable")
    return(stats::setNames(rep(list(delta), length(variable)), variable))
  }
  if (is.null(names(delta)) || !is.null(variable)) {
    qst_abort("argument", paste(
      "`delta` as a list has a delta for each variable, with the variables' names, and stands",
      "for `variable`: delta = list(month6 = -2, month12 = -4)."
    ))
  }
  check_columns(imp$data, names(delta), "delta")
  delta
}

check_shiftable <- function(imp, name) {
  if (is.null(imp$imputed[[name]]) || nrow(imp$imputed[[name]]) == 0) {
    qst_abort("argument", sprintf(
      "`%s` has no imputed values, so there is nothing to shift. %s.", name,
      if (length(imp$imputed) == 0) "Nothing was imputed" else
        sprintf("Imputed are %s", enumerate(names(imp$imputed)))
    ), column = name)
  }
  if (name %in% instrument_items(imp)) {
    qst_abort("argument", sprintf(
      "`%s` is an item; a delta belongs to the score. Shift that: delta_adjust(score(imp, ...)).",
      name
    ), column = name)
  }
  x <- imp$data[[name]]
  if (is.factor(x) && nlevels(x) != 2) {
    qst_abort("argument", sprintf(
      paste(
        "`%s` has %d levels, so there is no single odds to shift.",
        "Make two of them with transform(imp, ...)."
      ), name, nlevels(x)
    ), column = name)
  }
  if (is.numeric(x) && all(x %in% c(0, 1, NA)) && all(imp$imputed[[name]] %in% c(0, 1, NA))) {
    qst_abort("argument", sprintf(
      paste(
        "`%s` is a number, 0 or 1, and shifted it would be neither. Make it logical or a factor,",
        "before impute() or with transform(imp, ...): then a delta adds to the log-odds."
      ), name
    ), column = name)
  }
  if (!is.factor(x) && !is.numeric(x) && !is.logical(x)) {
    qst_abort("argument", sprintf(
      "`%s` must be numbers, logical or a factor with two levels, not %s.", name, describe(x)
    ), column = name)
  }
}

# Names of the columns that are items of the instruments of impute().
instrument_items <- function(imp) {
  unlist(lapply(imp$items$items, `[[`, "items"), use.names = FALSE)
}

check_delta <- function(delta, name, data, arm) {
  if (inherits(delta, "formula")) {
    if (length(delta) != 2) {
      qst_abort("argument", sprintf(
        "`delta` of %s must be a formula without a left side, as ~ -2 * missed, not %s.",
        name, deparse1(delta)
      ))
    }
    return(invisible(delta))
  }
  if (!is.numeric(delta) || length(delta) == 0 || !all(is.finite(delta))) {
    qst_abort("argument", sprintf(
      "`delta` of %s must be a number, numbers with the names of arms, or a formula, not %s.",
      name, describe(delta)
    ), value = delta)
  }
  if (is.null(names(delta))) {
    if (length(delta) > 1) {
      qst_abort("argument", sprintf(
        "`delta` of %s has %d numbers without names. Say which arm each is for: c(%s = %s).",
        name, length(delta), if (is.null(arm)) "arm" else as.character(arm_values(data, arm)[[1]]),
        format(delta[[1]])
      ))
    }
    return(invisible(delta))
  }
  check_delta_arms(names(delta), data, arm, "delta")
}

# As text, whatever the column is.
arm_values <- function(data, arm) {
  levels(droplevels(as.factor(data[[arm]])))
}

check_delta_arms <- function(names, data, arm, arg) {
  if (is.null(arm)) {
    qst_abort("argument", sprintf(
      "`%s` is named by %s, so `arm` must say which column has the arms, as in arm = \"arm\".",
      arg, enumerate(names)
    ))
  }
  known <- arm_values(data, arm)
  unknown <- setdiff(names, known)
  if (length(unknown) > 0 || anyDuplicated(names)) {
    odd <- c(unknown, names[duplicated(names)])[[1]]
    qst_abort("argument", sprintf(
      "`%s`: `%s` is %s column `%s`.%s", arg, odd,
      if (length(unknown) > 0) "no level of" else "named twice among the levels of", arm,
      suggest_level(odd, known)
    ), value = odd)
  }
}

suggest_level <- function(name, known) {
  sub("The columns are", "Its levels are", suggest(name, known), fixed = TRUE)
}

# ---- Shifting ----

# Deltas and rows are evaluated in the completed data as they were `before`: so shifts of
# several visits do not depend on their order. `odds` as of shifted_odds(), for two levels.
shift_variable <- function(imp, before, name, delta, arm, where, odds) {
  missing <- which(missing_cells(imp$data[[name]]))
  shifts <- vapply(seq_len(imp$m), function(i) {
    data <- before[[i]]
    shift <- delta_in_rows(delta, data, arm, name)
    rows <- rows_where(where, data)
    ifelse(rows, shift, 0)[missing]
  }, numeric(length(missing)))
  shifts <- matrix(shifts, length(missing))
  values <- imp$imputed[[name]]
  if (is.null(odds)) {
    imp$imputed[[name]] <- shift_numbers(values, shifts)
  } else {
    imp$imputed[[name]] <- odds(values, shifts)
    imp$unshifted[[name]] <- note_unshifted(before, name, shifts, imp$imputed[[name]])
  }
  imp$adjustments <- rbind(imp$adjustments, data.frame(
    variable = name, delta = delta_words(delta, where), n = as.integer(max(colSums(shifts != 0))),
    mean = if (any(shifts != 0)) mean(shifts[shifts != 0]) else 0
  ))
  imp
}

# Whole numbers stay integers where shifts are whole.
shift_numbers <- function(values, shifts) {
  shifted <- values + shifts
  if (is.integer(values) && all(abs(shifted) <= .Machine$integer.max & shifted == round(shifted))) {
    storage.mode(shifted) <- "integer"
  }
  shifted
}

# One number a row of the data.
delta_in_rows <- function(delta, data, arm, name) {
  n <- nrow(data)
  if (inherits(delta, "formula")) {
    shift <- eval(delta[[2]], data, environment(delta))
    ok <- (is.numeric(shift) || is.logical(shift)) && length(shift) %in% c(1, n)
    if (!ok) {
      qst_abort("argument", sprintf(
        "`delta` of %s: %s must give one number, or one a row (%d), not %s.",
        name, deparse1(delta), n, describe(shift)
      ))
    }
    shift <- rep_len(as.double(shift), n)
  } else if (is.null(names(delta))) {
    shift <- rep(as.double(delta), n)
  } else {
    shift <- unname(delta[as.character(data[[arm]])])
    shift[!as.character(data[[arm]]) %in% names(delta)] <- 0
  }
  bad <- which(!is.finite(shift))
  if (length(bad) > 0) {
    qst_abort("argument", sprintf(
      "`delta` of %s is %s in row %d. Give a finite number for each row.",
      name, format(shift[[bad[[1]]]]), bad[[1]]
    ), row = bad[[1]], value = shift[[bad[[1]]]])
  }
  shift
}

rows_where <- function(where, data) {
  n <- nrow(data)
  if (is.null(where)) {
    return(rep(TRUE, n))
  }
  rows <- if (inherits(where, "formula") && length(where) == 2) {
    eval(where[[2]], data, environment(where))
  } else {
    where
  }
  if (!is.logical(rows) || length(rows) != n || anyNA(rows)) {
    qst_abort("argument", sprintf(
      "`where` must be TRUE or FALSE for each of the %d rows, or such a formula, not %s.",
      n, if (is.logical(rows) && length(rows) == n) "missing somewhere" else describe(rows)
    ))
  }
  rows
}

# ---- Two levels ----

# The values before any shift, what they were shifted by since, and what that made of them: shifts
# of log-odds add up only if all of them start from the values that were drawn with the model's
# probabilities.
unshifted_values <- function(imp, name) {
  values <- imp$imputed[[name]]
  kept <- imp$unshifted[[name]]
  # They are no more what was shifted if transform() made others.
  if (identical(kept$now, values)) kept else list(values = values, shifts = 0, now = values)
}

note_unshifted <- function(before, name, shifts, now) {
  kept <- unshifted_values(before, name)
  list(values = kept$values, shifts = kept$shifts + shifts, now = now)
}

# A function of values (codes, or logical) and shifts that draws them anew with shifted log-odds.
shifted_odds <- function(imp, name, seed) {
  seed <- draw_seed(seed)
  is_factor <- is.factor(imp$data[[name]])
  n <- nrow(imp$imputed[[name]])
  probability <- vapply(seq_len(imp$m), function(i) imputed_probability(imp, name, i), numeric(n))
  probability <- matrix(probability, n)
  number <- match(name, names(imp$imputed))
  first <- unshifted_values(imp, name)
  second <- (if (is_factor) first$values == 2 else first$values) + 0L
  function(values, shifts) {
    drawn <- .Call(C_qstr_delta_shift, second, probability, first$shifts + shifts, number, seed)
    moved <- shifts != 0
    values[moved] <- if (is_factor) drawn[moved] + 1L else drawn[moved] == 1L
    values
  }
}

# Of the second level in the rows where it was imputed, by a logistic model of the others.
imputed_probability <- function(imp, name, i) {
  predictors <- delta_predictors(imp, name)
  data <- with_totals(imp[[i]], predictors, imp$items$scores)
  missing <- missing_cells(imp$data[[name]])
  data[predictors] <- lapply(unclass(data)[predictors], join_unseen, !missing)
  data$.second <- if (is.factor(data[[name]])) as.integer(data[[name]]) == 2 else data[[name]]
  formula <- stats::reformulate(
    if (length(predictors) == 0) "1" else sprintf("`%s`", predictors), ".second"
  )
  # Jeffreys' prior keeps probabilities off 0 and 1 where levels are separated. Aliased columns
  # are no harm: what is predicted was imputed with them.
  suppressWarnings({
    fit <- fit_glm(formula, data[!missing, ], stats::binomial(), method = "firth")
    unname(stats::predict(fit, data[missing, ], type = "response"))
  })
}

# Levels without an observed row have no effect of their own, as when the values were drawn: they
# are taken for the first level.
join_unseen <- function(x, seen) {
  if (is.factor(x)) {
    x[!x %in% x[seen]] <- levels(droplevels(x[seen]))[[1]]
  }
  x
}

# Totals of questionnaires predict while impute() runs, and are no columns after it.
with_totals <- function(data, predictors, scores) {
  for (name in setdiff(predictors, names(data))) {
    score <- scores[[name]]
    items <- do.call(cbind, unclass(data)[score$parts])
    data[[name]] <- score$constant + as.vector(items %*% score$weights)
  }
  data
}

delta_predictors <- function(imp, name) {
  used <- imp$predictors
  if (!is.null(used) && name %in% rownames(used)) {
    return(colnames(used)[used[name, ] == 1])
  }
  completed <- unclass(imp[[1]])
  columns <- lapply(completed, read_column)
  second <- columns[[name]]$x == max(columns[[name]]$x)
  usable <- vapply(columns, function(column) {
    !is.null(column$x) && column$n_missing == 0 && !column$constant && !column$identifier &&
      !settles(column$x, column$kind, second)
  }, NA)
  setdiff(names(columns)[usable], name)
}

# Is the column what the two levels were made of, so that it leaves no odds to shift?
settles <- function(x, kind, second) {
  if (kind == "number") {
    return(max(x[second]) < min(x[!second]) || max(x[!second]) < min(x[second]))
  }
  all(tabulate(x[second], max(x)) == 0 | tabulate(x[!second], max(x)) == 0)
}

# ---- Words ----

delta_words <- function(delta, where) {
  words <- if (inherits(delta, "formula")) {
    deparse1(delta[[2]])
  } else if (is.null(names(delta))) {
    signed(delta)
  } else {
    join_words(sprintf("%s in arm %s", signed(delta), names(delta)))
  }
  if (inherits(where, "formula")) {
    words <- sprintf("%s where %s", words, deparse1(where[[2]]))
  } else if (!is.null(where)) {
    words <- paste(words, "in some rows")
  }
  words
}

# "+3", "-0.5", "0"
signed <- function(x) {
  ifelse(x > 0, paste0("+", format_each(x)), format_each(x))
}


# For the estimand: what is made of missing outcomes, `assumed` before any shift.
adjustment_words <- function(adjustments, assumed) {
  if (is.null(assumed) || is.na(assumed)) {
    assumed <- "lost to follow-up: treatment policy, unobserved outcomes as imputed"
  }
  shifts <- sprintf("`%s` by %s", adjustments$variable, adjustments$delta)
  sprintf("%s, then shifted: %s", assumed, paste(shifts, collapse = "; "))
}

# What print.imputations() adds: shifts, and the estimand they belong to.
print_assumptions <- function(x) {
  adjustments <- x$adjustments
  if (!is.null(adjustments)) {
    cat("\nNot missing at random:\n")
    lines <- sprintf("`%s` shifted by %s: %d imputed value%s, by %s on average.",
      adjustments$variable, adjustments$delta, adjustments$n, ifelse(adjustments$n == 1, "", "s"),
      format_each(adjustments$mean))
    cat(strwrap(lines, 79, prefix = "   ", initial = " - "), sep = "\n")
  }
  if (!is.null(x$estimand)) {
    cat("\n")
    print(x$estimand)
  }
}
