#' The shift at which a conclusion changes
#'
#' How far would those who were lost have to lie from what was imputed for them, until
#' the conclusion about an effect changes? Imputed outcomes of one arm (a line) or of
#' two arms (a grid) are shifted by `delta` as [delta_adjust()] does it, the model is fitted and
#' pooled at every delta, and the tipping delta is found to full precision.
#'
#' The conclusion is whether the effect differs from 0 at level `1 - conf.level`. It is
#' that of the imputations as they are at a delta of 0. A trial's conclusion is robust
#' where the tipping delta is implausible for those who were lost: judge it, do not
#' count it as passed (Cro and others 2020; White and others 2011).
#'
#' @section Method:
#' For a linear model the estimates of each completed data set are linear in delta and their
#' variances and the covariance between imputations quadratic, whatever `vcov` is: residuals
#' are linear in delta. So three fits a line and six a grid determine all of them, and
#' degrees of freedom stay what they are. One more fit must agree with that to
#' 1e-8, else (and for other families) the model is refitted at every delta. Roots of
#' \eqn{|t| - t_{1 - \alpha/2,\nu}}{|t| - t quantile} are then searched between neighbouring
#' deltas by [stats::uniroot()]. For two levels the shift is one of log-odds and imputed values
#' change one by one, so the tipping delta is where the last of them does.
#'
#' @inheritParams delta_adjust
#' @param formula The model, as for [fit_glm()].
#' @param arm The arm: the name of a column, or a formula `~ arm`. The first level is what
#'   the others are compared with.
#' @param delta The shifts. `NULL` (two arms only): of the arm that is not the first, as
#'   far as the conclusion changes, from 1 to 8 standard deviations to both sides. Numbers: these
#'   shifts of that arm. A list with the names of one or two arms: `list(balint = -10:0)` is a
#'   line, `list(control = -10:10, balint = -10:10)` a grid.
#' @param variable The variable that is shifted; by default the response, where that is a
#'   column.
#' @param term The effect that is concluded about: a coefficient, or what [linear_contrast()]
#'   takes, as `"armbalint - armnarrative"`. By default the coefficient of the shifted arm.
#' @param family,vcov,cluster As for [fit_glm()] and [linear_contrast()]: `vcov = "CR2"` is kept
#'   throughout.
#' @param conf.level Level of the intervals; 1 less it is the level of the tests.
#' @param seed For an outcome of two levels: as in [delta_adjust()], the same at every delta.
#' @return A data frame of class `tipping_point`, one row a delta: `delta.<arm>` for each shifted
#'   arm, `estimate`, `std.error`, `statistic`, `df`, `p.value`, `conf.low`, `conf.high`. Attributes
#'   `tipping`: the same columns at the tipping deltas, the nearest to 0 first (for a grid one row
#'   for each delta of the first arm where there is a tipping one of the second); `sd`: standard
#'   deviation of the observed outcomes within arms; `estimand`; `exact`: from how many fits all
#'   others were computed, `NA` where each was made. `print()` says the conclusion in words,
#'   `plot()` is a ggplot2 figure: the estimate with its interval by delta, or the P values of the
#'   grid with the line where they are the level.
#' @section Errors:
#' `questrial_error_argument` as in [delta_adjust()], and for a `delta` without the name of an arm
#' where there are several, more than two arms, a `term` that is none, a `variable` that the
#' formula has not, fewer than two imputations; `questrial_error_no_data` for an arm in which
#' nobody was lost.
#' @section Peers:
#' With rbmi and mice this is a loop by hand over a grid (`delta_template()` and `analyse()`, or
#' `post` and `with()`), and the tipping delta is read off the grid. Stata's `mimix` and SAS's
#' `PROC MI` with `MNAR ADJUST` likewise.
#' @references
#' Cro S, Morris TP, Kenward MG, Carpenter JR (2020) Sensitivity analysis for clinical trials with
#' missing continuous outcome data using controlled multiple imputation. *Stat. Med.* 39:2815-2842,
#' <doi:10.1002/sim.8569>.
#'
#' White IR, Horton NJ, Carpenter J, Pocock SJ (2011) Strategy for intention to treat analysis in
#' randomised trials with missing outcome data. *BMJ* 342:d40, <doi:10.1136/bmj.d40>.
#'
#' Yan X, Lee S, Li N (2009) Missing data handling methods in medical device clinical trials.
#' *J. Biopharm. Stat.* 19:1085-1098, <doi:10.1080/10543400903243009>.
#' @examples
#' trial <- data.frame(arm = balint$arm)
#' trial$before <- score(balint, "jse-s", columns = paste0("t0_", 1:20))
#' trial$after <- score(balint, "jse-s", columns = paste0("t1_", 1:20))
#' imp <- impute(trial, m = 10, seed = 1)
#' tip <- tipping_point(imp, after ~ arm + before, "arm", list(balint = seq(-30, 10, 2)))
#' tip
#' if (requireNamespace("ggplot2", quietly = TRUE)) plot(tip)
#' @export
tipping_point <- function(imp, formula, arm, delta = NULL, variable = NULL, term = NULL,
                          family = stats::gaussian(), vcov = NULL, cluster = NULL,
                          conf.level = 0.95, where = NULL, seed = NULL, estimand = NULL) {
  check_imputations(imp)
  check_number(conf.level, "conf.level", min = 0.5, max = 0.9999)
  check_estimand(estimand)
  if (imp$m < 2) {
    qst_abort("argument", "`imp` is a single imputation, which cannot be pooled. Impute more.")
  }
  arm <- column_name(arm, imp$data, "arm")
  variable <- tipping_variable(imp, formula, variable)
  shifts <- tipping_shifts(imp, arm, delta, variable, where)
  odds <- if (!is.numeric(imp$data[[variable]])) shifted_odds(imp, variable, seed)
  question <- list(
    imp = imp, formula = formula, arm = arm, variable = variable, arms = names(shifts),
    family = family, vcov = vcov, cluster = cluster, where = where, odds = odds,
    conf.level = conf.level, sd = within_sd(imp$data, variable, arm)
  )
  plain <- fit_shifted(question, 0 * seq_along(shifts))
  question$contrast <- tipping_contrast(plain, term, arm, question)
  answer <- tipping_answers(question, shifts, plain)
  if (is.null(shifts[[1]])) {
    shifts[[1]] <- tipping_range(answer, question)
  }
  new_tipping_point(question, answer, shifts, plain, estimand)
}

# ---- Arguments ----

tipping_variable <- function(imp, formula, variable) {
  if (!inherits(formula, "formula") || length(formula) != 3) {
    qst_abort("argument", sprintf(
      "`formula` must be a model, as outcome ~ arm, not %s.", describe(formula)
    ))
  }
  if (is.null(variable)) {
    variable <- all.vars(formula[[2]])
    if (length(variable) != 1 || !variable %in% names(imp$data)) {
      qst_abort("argument", sprintf(
        "`variable` must say which variable is shifted; the response is %s.",
        deparse1(formula[[2]])
      ))
    }
  }
  check_columns(imp$data, check_string(variable, "variable"), "variable")
  # A score or change made of the variable earlier does not move with it.
  if (!variable %in% all.vars(stats::terms(formula, data = imp$data))) {
    qst_abort("argument", sprintf(
      "`variable`: %s has no `%s`, so no shift of it changes anything. Shift what is in the model.",
      deparse1(formula), variable
    ), column = variable)
  }
  check_shiftable(imp, variable)
  variable
}

# A list of deltas, named by arm; NULL within it where they are to be found.
tipping_shifts <- function(imp, arm, delta, variable, where) {
  levels <- arm_values(imp$data, arm)
  if (!is.list(delta)) {
    if (length(levels) != 2) {
      qst_abort("argument", sprintf(
        "`delta` must say which arm it is for, since `%s` has %d levels: list(%s = seq(-10, 10)).",
        arm, length(levels), levels[[length(levels)]]
      ))
    }
    delta <- stats::setNames(list(delta), levels[[2]])
  }
  if (is.null(names(delta)) || !length(delta) %in% 1:2) {
    qst_abort("argument", sprintf(
      "`delta` must be a list of one or two arms' deltas with the names of arms, not %s.",
      describe(delta)
    ))
  }
  check_delta_arms(names(delta), imp$data, arm, "delta")
  for (name in names(delta)) {
    check_tipping_deltas(delta[[name]], name, length(delta))
    check_lost(imp, variable, arm, name, where)
  }
  lapply(delta, function(x) if (!is.null(x)) sort(unique(as.double(x))))
}

check_tipping_deltas <- function(x, name, n_arms) {
  found <- is.null(x) && n_arms == 1
  if (!found && (!is.numeric(x) || length(x) < 2 || !all(is.finite(x)))) {
    qst_abort("argument", sprintf(
      "`delta` of arm %s must be two or more finite numbers, not %s.", name, describe(x)
    ), value = x)
  }
}

check_lost <- function(imp, variable, arm, level, where) {
  data <- imp[[1]]
  rows <- missing_cells(imp$data[[variable]]) & rows_where(where, data) &
    as.character(data[[arm]]) == level
  if (!any(rows)) {
    qst_abort("no_data", sprintf(
      "Nobody in arm `%s` has an imputed value of `%s`%s: there is nothing to shift.",
      level, variable, if (is.null(where)) "" else " where `where` asks for it"
    ), value = level)
  }
}

# Of the observed values, pooled over arms; NA where they are no numbers.
within_sd <- function(data, variable, arm) {
  value <- data[[variable]]
  if (!is.numeric(value)) {
    return(NA_real_)
  }
  parts <- split(value, data[[arm]])
  squares <- vapply(parts, function(x) sum((x - mean(x, na.rm = TRUE))^2, na.rm = TRUE), 0)
  sqrt(sum(squares) / (sum(!is.na(value) & !is.na(data[[arm]])) - length(parts)))
}

# The effect as a row of a contrast matrix, named.
tipping_contrast <- function(fit, term, arm, question) {
  if (is.null(term)) {
    levels <- arm_values(question$imp$data, arm)
    shifted <- setdiff(question$arms, levels[[1]])
    if (length(shifted) == 0 && length(levels) == 2) {
      shifted <- levels[[2]]
    }
    term <- paste0(arm, shifted)
    if (length(levels) == 2 && arm %in% names(fit$coefficients)) {
      term <- arm # coded as a number
    }
    if (length(shifted) != 1 || !term %in% names(fit$coefficients)) {
      qst_abort("argument", sprintf(
        "`term` must say which effect is concluded about. The coefficients are %s.",
        enumerate(names(fit$coefficients))
      ))
    }
  }
  contrast <- withCallingHandlers(
    contrast_matrix(term, names(fit$coefficients)),
    questrial_error = function(e) {
      e$message <- sub("^`contrasts`", "`term`", conditionMessage(e))
      stop(e)
    }
  )
  if (nrow(contrast$matrix) != 1 || any(contrast$null != 0)) {
    qst_abort("argument", sprintf(
      "`term` must be one effect that is compared with 0, not %s.", enumerate(term)
    ))
  }
  if (!isTRUE(estimable(fit, contrast$matrix))) {
    qst_abort("argument", sprintf(
      "`term`: %s cannot be estimated from these data.", enumerate(rownames(contrast$matrix))
    ))
  }
  contrast$matrix
}

# ---- Answers ----

# The pooled fit with the arms of the question shifted.
fit_shifted <- function(question, at) {
  imp <- question$imp
  if (any(at != 0)) {
    delta <- stats::setNames(at, question$arms)
    imp <- shift_variable(imp, imp, question$variable, delta, question$arm, question$where,
      question$odds)
  }
  fit_glm(question$formula, imp, family = question$family)
}

# Estimate, within, between variance and complete df of the effect.
effect_parts <- function(fit, question) {
  covariance <- fit_covariance(fit, question$vcov, question$cluster)
  contrast <- question$contrast
  kept <- kept_terms(fit)
  used <- contrast[, kept, drop = FALSE]
  form <- function(matrix) as.double(used %*% matrix[kept, kept] %*% t(used))
  c(
    estimate = as.double(used %*% fit$coefficients[kept]), within = form(covariance$within),
    between = form(covariance$between), df = as.double(covariance$df_complete(contrast))
  )
}

# A function of a matrix of deltas (a row a place, a column an arm) that gives the parts there, a
# row a place; attribute `exact` as documented.
tipping_answers <- function(question, shifts, plain) {
  known <- new.env(parent = emptyenv())
  refit <- function(at) {
    parts <- vector("list", nrow(at))
    for (i in cli::cli_progress_along(parts, "Fitting shifted data")) {
      key <- paste(format(at[i, ], digits = 17), collapse = " ")
      if (is.null(known[[key]])) {
        fit <- if (all(at[i, ] == 0)) plain else fit_shifted(question, at[i, ])
        assign(key, effect_parts(fit, question), known)
      }
      parts[[i]] <- known[[key]]
    }
    do.call(rbind, parts)
  }
  linear <- is.numeric(question$imp$data[[question$variable]]) &&
    question$family$family == "gaussian" && question$family$link == "identity"
  exact <- if (linear) quadratic_answers(refit, question$sd, length(shifts))
  structure(list(ask = if (is.null(exact)) refit else exact), exact = attr(exact, "n_fits"))
}

# The parts are polynomials of degree 2 in the shifts, in units of `scale`: found from as many
# fits as they have coefficients, NULL if another fit is not on them.
quadratic_answers <- function(refit, scale, n_arms) {
  scale <- if (is.finite(scale) && scale > 0) scale else 1
  places <- if (n_arms == 1) {
    cbind(c(0, 1, -1))
  } else {
    cbind(c(0, 1, -1, 0, 0, 1), c(0, 0, 0, 1, -1, 1))
  }
  terms <- function(at) {
    at <- at / scale
    if (n_arms == 1) {
      cbind(1, at, at^2)
    } else {
      cbind(1, at, at^2, at[, 1] * at[, 2])
    }
  }
  known <- refit(places * scale)
  coefficients <- solve(terms(places * scale), known)
  ask <- function(at) {
    parts <- terms(at) %*% coefficients
    parts[, c("within", "between")] <- pmax(parts[, c("within", "between")], 0)
    parts
  }
  other <- rbind(scale * c(1.7, -0.6)[seq_len(n_arms)])
  want <- refit(other)
  size <- pmax(apply(abs(known), 2, max), abs(want))
  if (any(abs(ask(other) - want) > 1e-8 * size)) {
    return(NULL)
  }
  structure(ask, n_fits = nrow(places))
}

# Inference at each place: Rubin's rules on the parts.
tipping_rows <- function(at, answer, question) {
  parts <- answer$ask(at)
  m <- question$imp$m
  fractions <- .Call(
    C_qstr_pool_fractions, parts[, "within"], parts[, "between"], m, as.double(parts[, "df"])
  )
  estimate <- unname(parts[, "estimate"])
  error <- sqrt(unname(parts[, "within"] + (1 + 1 / m) * parts[, "between"]))
  df <- fractions$df
  half <- stats::qt((1 + question$conf.level) / 2, df) * error
  deltas <- stats::setNames(as.data.frame(at), paste0("delta.", question$arms))
  data.frame(deltas,
    estimate = estimate, std.error = error, statistic = estimate / error, df = df,
    p.value = 2 * stats::pt(-abs(estimate / error), df), conf.low = estimate - half,
    conf.high = estimate + half, check.names = FALSE
  )
}

# Above 0 where the effect differs from 0 at the level.
evidence <- function(rows, question) {
  abs(rows$statistic) - stats::qt((1 + question$conf.level) / 2, rows$df)
}

# ---- Roots ----

# Deltas of one arm (the place `which` of `fixed`) between `grid` points where the conclusion
# changes.
tipping_roots <- function(grid, fixed, which, answer, question) {
  at <- matrix(fixed, length(grid), length(fixed), byrow = TRUE)
  at[, which] <- grid
  side <- evidence(tipping_rows(at, answer, question), question) > 0
  one <- function(x) {
    fixed[which] <- x
    evidence(tipping_rows(rbind(fixed), answer, question), question)
  }
  vapply(which(diff(side) != 0), function(i) {
    stats::uniroot(one, grid[i + 0:1], tol = 1e-12 * max(abs(grid)))$root
  }, 0)
}

# Between the deltas asked for: finer where answers cost nothing.
search_grid <- function(deltas, answer) {
  if (is.null(attr(answer, "exact"))) {
    return(deltas)
  }
  sort(unique(c(deltas, seq(min(deltas), max(deltas), length.out = 401))))
}

# As far as the conclusion changes, in steps of a twentieth of the way.
tipping_range <- function(answer, question) {
  unit <- if (is.finite(question$sd) && question$sd > 0) question$sd else 1
  for (far in c(1, 2, 4, 8)) {
    deltas <- seq(-far, far, length.out = 41) * unit
    if (length(tipping_roots(search_grid(deltas, answer), 0, 1, answer, question)) > 0) {
      break
    }
  }
  deltas
}

tipping_places <- function(shifts, answer, question) {
  last <- length(shifts)
  grid <- search_grid(shifts[[last]], answer)
  if (last == 1) {
    roots <- tipping_roots(grid, 0, 1, answer, question)
    return(cbind(roots[order(abs(roots))]))
  }
  places <- lapply(shifts[[1]], function(first) {
    roots <- tipping_roots(grid, c(first, 0), 2, answer, question)
    cbind(rep(first, length(roots)), roots)
  })
  unname(do.call(rbind, places))
}

# ---- The result ----

new_tipping_point <- function(question, answer, shifts, plain, estimand) {
  at <- unname(as.matrix(expand.grid(shifts)))
  rows <- tipping_rows(at, answer, question)
  places <- tipping_places(shifts, answer, question)
  tipping <- if (nrow(places) > 0) tipping_rows(places, answer, question) else rows[0, ]
  plain_row <- tipping_rows(rbind(0 * seq_along(shifts)), answer, question)
  covariance <- fit_covariance(plain, question$vcov, question$cluster)
  effect <- rownames(question$contrast)
  implied <- list(
    population = sprintf("all %d rows of the data", nrow(question$imp$data)),
    treatment = treatment_words(question$imp$data, question$arm), variable = question$variable,
    intercurrent = adjustment_words(data.frame(variable = question$variable,
      delta = sprintf("delta in arm %s", join_words(question$arms))),
    stated_attribute(question$imp$estimand, "intercurrent")),
    summary = sprintf("coefficient `%s` of %s", effect, deparse1(question$formula))
  )
  structure(rows,
    class = c("tipping_point", "data.frame"), tipping = tipping, plain = plain_row,
    effect = effect, variable = question$variable, arms = question$arms, sd = question$sd,
    exact = if (is.null(attr(answer, "exact"))) NA_integer_ else attr(answer, "exact"),
    conf.level = question$conf.level, n_lost = lost_counts(question),
    label = variable_label(question$imp$data[[question$variable]], question$variable, NULL),
    notes = c(
      sub(" FMI: .*$", "", covariance_note(covariance, plain_row$df)), rows_text(plain)
    ),
    estimand = fill_estimand(
      estimand, without_attribute(question$imp$estimand, "intercurrent"), implied
    )
  )
}

lost_counts <- function(question) {
  data <- question$imp[[1]]
  lost <- missing_cells(question$imp$data[[question$variable]]) & rows_where(question$where, data)
  vapply(question$arms, function(level) sum(lost & as.character(data[[question$arm]]) == level), 0L)
}

# ---- In words ----

# The conclusion, and the nearest shift that changes it.
tipping_words <- function(x) {
  plain <- attr(x, "plain")
  level <- 1 - attr(x, "conf.level")
  holds <- plain$p.value < level
  p <- format_p(plain$p.value)
  p <- paste(if (grepl("^[<>]", p)) "P" else "P =", p)
  now <- sprintf("As imputed, %s is %s (%s %s, %s): %s.", attr(x, "effect"),
    format_number(plain$estimate, 2), percent_words(attr(x, "conf.level")),
    format_ci(plain$conf.low, plain$conf.high), p,
    if (holds) sprintf("different from 0 at level %s", format(level)) else
      sprintf("not different from 0 at level %s", format(level)))
  c(now, if (length(attr(x, "arms")) == 1) line_words(x) else grid_words(x))
}

line_words <- function(x) {
  arm <- attr(x, "arms")
  tipping <- attr(x, "tipping")
  column <- paste0("delta.", arm)
  if (nrow(tipping) == 0) {
    return(sprintf("The conclusion holds at all shifts of arm %s from %s to %s%s.", arm,
      format_each(min(x[[column]])), format_each(max(x[[column]])), unit_words(x)))
  }
  deltas <- tipping[[column]]
  nearest <- c(deltas[deltas < 0][1], deltas[deltas >= 0][1])
  nearest <- nearest[!is.na(nearest)]
  nearest <- nearest[order(abs(nearest))]
  first <- sprintf(
    "The conclusion changes when those lost in arm %s (n = %d) would have %s %s than imputed%s.",
    arm, attr(x, "n_lost"), if (is.na(attr(x, "sd"))) "been" else "scored",
    distance_words(nearest[[1]], x), sd_words(nearest[[1]], x)
  )
  c(first, if (length(nearest) > 1) {
    sprintf("In the other direction it changes at %s%s.", distance_words(nearest[[2]], x),
      sd_words(nearest[[2]], x))
  })
}

unit_words <- function(x) {
  if (is.na(attr(x, "sd"))) " of the log-odds" else ""
}

distance_words <- function(delta, x) {
  sprintf("%s%s %s", format_each(signif(abs(delta), 3)),
    if (is.na(attr(x, "sd"))) " on the log-odds" else " points",
    if (delta < 0) "lower" else "higher")
}

sd_words <- function(delta, x) {
  sd <- attr(x, "sd")
  if (is.na(sd)) "" else sprintf(", %s SD of `%s`", format_number(abs(delta) / sd, 1),
    attr(x, "variable"))
}

grid_words <- function(x) {
  arms <- attr(x, "arms")
  holds <- attr(x, "plain")$p.value < 1 - attr(x, "conf.level")
  changed <- (x$p.value < 1 - attr(x, "conf.level")) != holds
  tipping <- attr(x, "tipping")
  places <- tipping[paste0("delta.", arms)]
  where <- sprintf("The conclusion changes at %d of the %d pairs of shifts.", sum(changed), nrow(x))
  if (nrow(tipping) == 0) {
    return(where)
  }
  nearest <- places[which.min(abs(places[[1]]) + abs(places[[2]])), ]
  c(where, sprintf("The nearest is %s in arm %s with %s in arm %s.",
    signed(signif(nearest[[1]], 3)), arms[[1]], signed(signif(nearest[[2]], 3)), arms[[2]]))
}

#' @rdname tipping_point
#' @export
print.tipping_point <- function(x, rows = 11, ...) {
  check_number(rows, "rows", min = 1, whole = TRUE)
  cat(strwrap(tipping_words(x), getOption("width") - 1), sep = "\n")
  cat("\n")
  print(tipping_table(x, rows))
  cat("\n")
  print(attr(x, "estimand"))
  invisible(x)
}

# Some of the rows, evenly spaced, as a table: of a line all shifts, of a grid those at which
# the conclusion changes.
tipping_table <- function(x, rows) {
  arms <- attr(x, "arms")
  is_line <- length(arms) == 1 || nrow(attr(x, "tipping")) == 0
  all <- if (is_line) tidy.tipping_point(x) else attr(x, "tipping")
  shown <- unique(round(seq(1, nrow(all), length.out = min(rows, nrow(all)))))
  plain <- all[shown, ]
  caption <- sprintf("%s by shift of imputed `%s`%s", attr(x, "effect"), attr(x, "variable"),
    if (is_line) "" else ", where the conclusion changes")
  digits <- decimals_for(plain$std.error)
  columns <- c(
    lapply(arms, function(arm) {
      table_column(paste("Shift in", arm), paste0("delta.", arm), "shift")
    }),
    list(
      table_column("Estimate", "estimate", "number", digits = digits),
      table_column(percent_words(attr(x, "conf.level")), c("conf.low", "conf.high"), "ci",
        digits = digits),
      table_column("P", "p.value", "p")
    )
  )
  notes <- c(
    attr(x, "notes"),
    if (length(shown) < nrow(all)) sprintf("%d of %d rows shown.", length(shown), nrow(all))
  )
  new_questrial_table(plain, "tipping", caption, notes, columns = columns)
}

#' @rdname tipping_point
#' @param x A result of `tipping_point()`.
#' @param rows How many rows are printed.
#' @param ... Nothing; an unknown argument is an error.
#' @exportS3Method generics::tidy
tidy.tipping_point <- function(x, ...) {
  check_no_dots(...)
  attributes(x) <- list(
    names = names(x), row.names = attr(x, "row.names"), class = "data.frame"
  )
  x
}

# ---- Pictures ----

#' @rdname tipping_point
#' @export
plot.tipping_point <- function(x, ...) {
  check_no_dots(...)
  need_ggplot2()
  if (length(attr(x, "arms")) == 1) draw_tipping_line(x) else draw_tipping_grid(x)
}

shift_title <- function(x, arm) {
  unit <- if (is.na(attr(x, "sd"))) "log-odds" else "points"
  sprintf("Shift of imputed %s in arm %s (%s)", attr(x, "label"), arm, unit)
}

draw_tipping_line <- function(x) {
  column <- paste0("delta.", attr(x, "arms"))
  rows <- tidy.tipping_point(x)
  tipping <- attr(x, "tipping")
  inside <- seq_len(min(nrow(tipping), 2))
  marks <- data.frame(delta = tipping[[column]][inside], estimate = tipping$estimate[inside])
  marks$text <- signed(signif(marks$delta, 3))
  marks$top <- if (nrow(marks) > 0) max(rows$conf.high) else numeric()
  plain <- attr(x, "plain")
  blue <- questrial_colours(1)
  caption <- sprintf("Line: estimate, band: %s. Open point: as imputed.%s",
    percent_words(attr(x, "conf.level")),
    if (nrow(marks) > 0) " Dashed: the conclusion changes." else " The conclusion does not change.")
  figure <- ggplot2::ggplot(rows, aes_of(x = column, y = "estimate")) +
    ggplot2::geom_hline(yintercept = 0, linewidth = 0.4, colour = "grey40") +
    ggplot2::geom_ribbon(aes_of(ymin = "conf.low", ymax = "conf.high"), fill = blue, alpha = 0.18) +
    ggplot2::geom_line(colour = blue, linewidth = 0.7) +
    ggplot2::geom_vline(aes_of(xintercept = "delta"), marks, linetype = "42", linewidth = 0.4) +
    ggplot2::geom_label(aes_of(x = "delta", y = "top", label = "text"), marks, size = 2.8,
      label.size = 0, fill = "white", vjust = 1) +
    ggplot2::geom_point(data = plain, ggplot2::aes(x = 0), shape = 21, size = 2, fill = "white",
      colour = blue) +
    ggplot2::labs(x = shift_title(x, attr(x, "arms")), y = sprintf("Estimate of %s",
      attr(x, "effect")), caption = caption, alt = paste(tipping_words(x), collapse = " ")) +
    theme_questrial()
  want_height(figure, 85)
}

draw_tipping_grid <- function(x) {
  arms <- attr(x, "arms")
  columns <- paste0("delta.", arms)
  rows <- tidy.tipping_point(x)
  level <- 1 - attr(x, "conf.level")
  ends <- sort(unique(c(0, 0.001, 0.01, level, 0.1, 0.5, 1)))
  rows$class <- cut(rows$p.value, ends, include.lowest = TRUE, labels = p_classes(ends))
  colours <- c(
    grDevices::hcl.colors(sum(ends < level) + 1, "Blues")[seq_len(sum(ends < level))],
    grDevices::hcl.colors(sum(ends >= level) + 1, "Oranges")[sum(ends >= level):2]
  )
  figure <- ggplot2::ggplot(rows, aes_of(x = columns[[1]], y = columns[[2]])) +
    ggplot2::geom_tile(aes_of(fill = "class", colour = "class"), linewidth = 0.2) +
    ggplot2::geom_contour(aes_of(z = "p.value"), breaks = level, colour = "black",
      linewidth = 0.6) +
    ggplot2::annotate("point", x = 0, y = 0, shape = 21, size = 2.2, fill = "white") +
    ggplot2::scale_fill_manual("P", values = colours, aesthetics = c("fill", "colour"),
      drop = FALSE, guide = ggplot2::guide_legend(nrow = 1)) +
    ggplot2::scale_x_continuous(expand = c(0, 0)) +
    ggplot2::scale_y_continuous(expand = c(0, 0)) +
    ggplot2::labs(x = shift_title(x, arms[[1]]), y = shift_title(x, arms[[2]]),
      caption = sprintf("P of %s. Line: P = %s. Open point: as imputed.", attr(x, "effect"),
        format_p(level)), alt = paste(tipping_words(x), collapse = " ")) +
    theme_questrial()
  want_height(figure, 120)
}

# "<.001", ".001 to .01", ...
p_classes <- function(ends) {
  text <- sub("^0[.]", ".", format_each(ends))
  text <- paste(utils::head(text, -1), "to", text[-1])
  replace(text, 1, sub("^0 to ", "below ", text[[1]]))
}
