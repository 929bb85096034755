#' Table of effects
#'
#' The coefficients of a fitted model as a journal prints them (Table 2 of a
#' trial): estimate, confidence interval, standard error, statistic and P, with
#' the reference categories, the numbers used and left out and the kind of
#' standard errors in the notes.
#'
#' Intervals and P values use Student's t with the residual degrees of freedom,
#' or those of each term where the covariance brings its own (then they are a
#' column). A coefficient that cannot be estimated because it is collinear with
#' others has an empty row and is named in a note.
#'
#' A fit pooled over imputations brings the degrees of freedom of each term and the fraction of
#' missing information (FMI) as columns; the notes add the number of imputations, the methods
#' by which was imputed, and the kind of standard errors: `vcov = "CR2"` keeps both.
#'
#' @param fit A model from [fit_glm()] or [stats::lm()], a [pooled_fit], or anything with
#'   `coef()`, `vcov()`, `df.residual()`, `nobs()` and `model.frame()`.
#' @param labels Named character vector: printed labels, named by variable
#'   (`c(sex = "Gender")`) or by term (`c(sexfemale = "Female gender")`). Names
#'   that match nothing are ignored, so that one vector serves several tables.
#'   Without it, the attribute `"label"` of a column, or its name.
#' @param vcov Which covariance, where not the model's own is wanted: for a fit of
#'   [fit_glm()] a name as in [vcov.fit_glm()] (`"HC3"`, `"CR2"`, ...), a matrix or
#'   a function; for other models a matrix. The notes say which.
#' @param conf.level Level of the intervals.
#' @param constant Where the constant stands: first, last or not at all.
#' @param digits Decimals of estimate, interval, SE and statistic.
#' @param p_style,dialect How P values are printed and ties rounded: see
#'   [format_p()].
#' @param caption Printed above the table.
#' @param cluster Clusters for `vcov` of type CR, as in [vcov.fit_glm()].
#' @return A [questrial_table] of class `effects_table`, one row a coefficient:
#'   `term`, `label`, `estimate`, `std.error`, `statistic`, `df`, `p.value`,
#'   `conf.low`, `conf.high`, and after imputation `fmi`, `riv`, `lambda` (see [pool()]), unrounded.
#' @section Errors:
#' `questrial_error_argument` for a `fit` without coefficients and for a
#' covariance matrix of the wrong size.
#' @section Peers:
#' gtsummary's `tbl_regression()` gives reference categories rows of their own
#' and shows neither statistic nor df by default, and after imputation drops robust
#' standard errors without a word; modelsummary puts models side
#' by side. Here there is one model a table, and the constant is shown.
#' @seealso [baseline_table()], [write_table()], [questrial_table]
#' @examples
#' cars <- transform(mtcars, cyl = factor(cyl), wt = wt * 453.6)
#' fit <- lm(mpg ~ cyl + wt, cars)
#' effects_table(fit, labels = c(wt = "Weight, kg", cyl = "Cylinders"))
#' @export
effects_table <- function(fit, labels = NULL, vcov = NULL, conf.level = 0.95,
                          constant = c("first", "last", "none"), digits = 3,
                          p_style = c("decimals", "significant"), dialect = c("r", "spss"),
                          caption = NULL, cluster = NULL) {
  check_labels(labels)
  check_number(conf.level, "conf.level", min = 0.01, max = 0.9999)
  check_number(digits, "digits", min = 0, max = 15, whole = TRUE)
  constant <- check_choice(constant, c("first", "last", "none"), "constant")
  p_style <- check_choice(p_style, c("decimals", "significant"), "p_style")
  dialect <- check_choice(dialect, c("r", "spss"), "dialect")
  covariance <- effect_covariance(fit, vcov, cluster)
  effects <- effect_estimates(fit, covariance, conf.level)
  if (is.null(caption)) {
    caption <- sprintf("Effects on %s", response_label(fit, labels))
  }
  check_string(caption, "caption")
  variables <- model_variables(fit, labels)
  effects$label <- term_labels(effects$term, variables, labels)
  effects <- place_constant(effects, constant)
  table <- new_questrial_table(
    effects[c(effect_columns, intersect(missing_costs, names(effects)))],
    kind = "effects",
    caption = caption,
    notes = effects_notes(fit, effects, variables, covariance),
    columns = effects_printed(effects, conf.level, digits, p_style, dialect)
  )
  structure(table, m = fits_pooled(fit))
}

effect_columns <- c(
  "term", "label", "estimate", "std.error", "statistic", "df", "p.value", "conf.low", "conf.high"
)

# ---- Estimates ----

effect_estimates <- function(fit, covariance, conf.level) {
  if (inherits(fit, c("fit_glm", "pooled_fit"))) {
    estimates <- if (inherits(fit, "pooled_fit")) pooled_estimates else fit_estimates
    effects <- estimates(fit, covariance)
    effects[c("conf.low", "conf.high")] <- estimate_limits(effects, conf.level)
    return(effects)
  }
  estimate <- stats::coef(fit)
  error <- sqrt(diag(covariance$matrix))
  df <- rep(if (normal_theory(fit)) stats::df.residual(fit) else Inf, length(estimate))
  half <- stats::qt((1 + conf.level) / 2, df) * error
  data.frame(
    term = names(estimate), estimate = unname(estimate), std.error = unname(error),
    statistic = unname(estimate / error), df = df,
    p.value = unname(2 * stats::pt(-abs(estimate / error), df)),
    conf.low = unname(estimate - half), conf.high = unname(estimate + half)
  )
}

# list(matrix, label) as of fit_covariance(), for models of others too.
effect_covariance <- function(fit, vcov, cluster) {
  if (inherits(fit, c("fit_glm", "pooled_fit"))) {
    return(fit_covariance(fit, vcov, cluster))
  }
  estimate <- tryCatch(stats::coef(fit), error = function(e) NULL)
  if (!is.numeric(estimate) || length(estimate) == 0 || is.null(names(estimate))) {
    qst_abort("argument", sprintf(
      "`fit` must be a fitted model with coefficients, not %s. Give a result of fit_glm() or lm().",
      describe(fit)
    ))
  }
  covariance <- if (is.null(vcov)) stats::vcov(fit) else vcov
  ok <- is.matrix(covariance) && is.numeric(covariance) && all(dim(covariance) == length(estimate))
  if (!ok || !is.null(cluster)) {
    qst_abort("argument", sprintf(
      paste(
        "`vcov` must be a %1$d by %1$d matrix, one row a coefficient, not %2$s.",
        "Names and `cluster` are for fits of fit_glm()."
      ), length(estimate), describe(covariance)
    ))
  }
  list(matrix = covariance, label = if (is.null(vcov)) "" else "from the covariance matrix given")
}

# Binomial and Poisson models know their dispersion and are tested by z.
normal_theory <- function(fit) {
  !inherits(fit, "glm") ||
    !grepl("^(binomial|poisson|Negative Binomial)", stats::family(fit)$family)
}

place_constant <- function(effects, constant) {
  is_constant <- effects$term == "(Intercept)"
  order <- switch(constant,
    first = c(which(is_constant), which(!is_constant)),
    last = c(which(!is_constant), which(is_constant)),
    none = which(!is_constant)
  )
  effects[order, , drop = FALSE]
}

# ---- Labels and references ----

# For each variable of the model its label, what its terms are called in
# coef() and how these are shown; `levels` is NULL for numbers.
model_variables <- function(fit, labels) {
  frame <- model_frame_of(fit)
  written <- rownames(attr(stats::terms(fit), "factors"))
  names <- sub("^`(.*)`$", "\\1", written)
  # lm() keeps the backticks of `my arm` in coef(), our fits do not.
  first <- if (inherits(fit, "pooled_fit")) fit$fits[[1]] else fit
  called <- if (is_own_fit(first)) names else written
  lapply(which(names %in% names(frame)[-1]), function(i) {
    name <- names[[i]]
    variable_terms(frame[[name]], name, called[[i]], labels, fit$contrasts[[name]])
  })
}

# Of a pooled fit the first fit's, whose variables and levels are those of all.
model_frame_of <- function(fit) {
  if (inherits(fit, "fit_table")) {
    return(fit$levels_frame)
  }
  stats::model.frame(if (inherits(fit, "pooled_fit")) fit$fits[[1]] else fit)
}

# `called`: what the variable is called in coef().
variable_terms <- function(column, name, called, labels, contrast) {
  label <- variable_label(column, name, labels)
  levels <- if (is_category(column)) levels(as_category(column))
  if (!are_indicators(contrast, levels)) {
    levels <- NULL
  }
  list(
    label = label,
    levels = if (!is.null(levels)) level_label(name, levels, labels),
    terms = paste0(called, levels),
    shown = if (is.null(levels)) label else paste0(label, ": ", levels)
  )
}

# Under treatment contrasts and their like a coefficient belongs to the level
# it is named by. Others may look so: the sum contrast of a factor with levels
# 1 and 2 is called 1 too.
are_indicators <- function(contrast, levels) {
  if (is.null(contrast) || is.null(levels)) {
    return(TRUE)
  }
  if (is.character(contrast)) {
    contrast <- match.fun(contrast)(levels)
  }
  all(contrast %in% c(0, 1), colSums(contrast) == 1, colnames(contrast) %in% levels)
}

term_labels <- function(terms, variables, labels) {
  known <- c("Constant", unlist(lapply(variables, `[[`, "shown")))
  names(known) <- c("(Intercept)", unlist(lapply(variables, `[[`, "terms")))
  known[names(labels)] <- labels
  vapply(terms, function(term) {
    label <- label_term(term, known)
    if (is.null(label)) term else label
  }, "", USE.NAMES = FALSE)
}

# A term is known, or a known one, a colon and a term: levels may themselves
# hold colons, so every beginning is tried. NULL when none fits.
label_term <- function(term, known) {
  if (term %in% names(known)) {
    return(known[[term]])
  }
  for (head in names(known)[startsWith(term, paste0(names(known), ":"))]) {
    rest <- label_term(substring(term, nchar(head) + 2), known)
    if (!is.null(rest)) {
      return(paste(known[[head]], "\u00d7", rest))
    }
  }
  NULL
}

# The one level of a factor that has no coefficient of its own while all
# others have: other contrasts than treatment's have no reference.
reference_note <- function(variables, terms) {
  references <- vapply(variables, function(variable) {
    absent <- variable$levels[!variable$terms %in% terms]
    if (length(absent) == 1) sprintf("%s (%s)", absent, variable$label) else NA_character_
  }, "")
  references <- references[!is.na(references)]
  if (length(references) > 0) {
    sprintf(
      "Reference categor%s: %s.",
      if (length(references) == 1) "y" else "ies", paste(references, collapse = ", ")
    )
  }
}

# ---- Caption and notes ----

response_label <- function(fit, labels) {
  frame <- model_frame_of(fit)
  variable_label(frame[[1]], names(frame)[[1]], labels)
}

effects_notes <- function(fit, effects, variables, covariance) {
  collinear <- effects$label[is.na(effects$estimate)]
  c(
    reference_note(variables, effects$term),
    rows_note(fit),
    covariance_note(covariance, effects$df),
    if (inherits(fit, c("fit_glm", "pooled_fit"))) fit$notes,
    if (length(collinear) > 0) {
      sprintf("Not estimable, collinear with others: %s.", paste(collinear, collapse = ", "))
    }
  )
}

rows_note <- function(fit) {
  if (inherits(fit, "pooled_fit")) {
    return(imputed_rows_note(fit))
  }
  left_out <- length(stats::na.action(fit))
  sprintf(
    "n = %d used; %s left out for missing values.", as.integer(stats::nobs(fit)),
    if (left_out == 0) "none" else left_out
  )
}

# How many were imputed how: CONSORT 2025 (item 21c) asks for it under the table too.
imputed_rows_note <- function(fit) {
  how <- imputed_by(fit$imp)
  paste(c(pooled_rows_text(fit)[[1]], how), collapse = " ")
}

# "Imputed by chained equations (pmm and polyreg)."
imputed_by <- function(imp) {
  if (is.null(imp$method)) {
    return(NULL)
  }
  used <- sort(unique(unname(drawn_by(imp))))
  if (length(used) > 0) sprintf("Imputed by chained equations (%s).", join_words(used))
}

# The methods, by name, of the variables that were drawn, not computed from those.
drawn_by <- function(imp) {
  used <- imp$method[intersect(names(imp$imputed), names(imp$method))]
  used[!used %in% c("", "none", "score", "computed")]
}

effects_printed <- function(effects, conf.level, digits, p_style, dialect) {
  number <- function(heading, from) {
    table_column(heading, from, "number", digits = digits, dialect = dialect)
  }
  columns <- list(
    table_column("Term", "label"),
    number("Estimate", "estimate"),
    table_column(sprintf("%s%% CI", format(100 * conf.level)), c("conf.low", "conf.high"), "ci",
      digits = digits, dialect = dialect),
    number("SE", "std.error"),
    number(if (all(is.infinite(effects$df))) "z" else "t", "statistic"),
    table_column("df", "df", "df"),
    table_column("P", "p.value", "p", style = p_style, dialect = dialect)
  )
  if ("fmi" %in% names(effects)) {
    columns <- c(columns, list(fmi_column()))
  }
  headings <- vapply(columns, `[[`, "", "heading")
  if (length(unique(effects$df)) > 1) columns else columns[headings != "df"]
}
