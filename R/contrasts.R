#' Contrasts of coefficients
#'
#' Estimates, tests and intervals of linear functions of a model's coefficients.
#'
#' A contrast is \eqn{c'\beta}{c'b}, its variance \eqn{c'Vc}{c'Vc} with V the
#' covariance that `vcov` asks for. It is tested against 0, or against the
#' number that stands on the right of `"a - b = 2"`, by t with the degrees of
#' freedom of that covariance (residual, or Satterthwaite's for CR2), by z where
#' the dispersion is known.
#'
#' @section Not estimable:
#' With aliased coefficients (an empty cell, collinear columns) not every
#' contrast has a value that is the same for all solutions of the normal
#' equations (Searle 1971, *Linear Models*, section 5.4). One that has none is
#' `NA`, with a note; aliased coefficients never count as 0 in silence.
#'
#' @section Adjustment:
#' `"bonferroni"` and `"single-step"` adjust intervals too; the other methods are
#' those of [stats::p.adjust()], have no simple interval, and a note says so.
#' `"single-step"` is the maximum of the correlated \eqn{|t|}, as multcomp's
#' default: the multivariate t integral is written as the mean, over directions,
#' of a radial F probability (Deák 1980, <doi:10.1007/BF01396375>; Genz & Bretz
#' 2009, *Computation of Multivariate Normal and t Probabilities*, section
#' 4.1.1) and taken over a fixed set of 40,000 directions, so that it repeats
#' exactly and errs by less than 0.0005. Where the contrasts differ in degrees
#' of freedom, the fewest are used.
#'
#' @param fit A fit of [fit_glm()] or [fit_gee()], or one pooled over imputations ([pool()]).
#' @param contrasts What to estimate: texts such as `"armbalint - armletter"`,
#'   `"2 * wt + hp = 0"` (one a contrast, with the names of coefficients; `=` and
#'   a right-hand side are optional), a list of vectors of numbers named by
#'   coefficient, one such vector, or a matrix with a row a contrast and columns
#'   named by coefficient. Coefficients that are not named count 0. Names of
#'   the list, of the texts or of the rows label the contrasts.
#' @param vcov Which covariance, as in [vcov()] of the fit: `"HC3"`, `"CR2"`, ...,
#'   a matrix or a function.
#' @param cluster The clusters, for `vcov` of type CR.
#' @param conf.level Level of the intervals.
#' @param adjust `"none"`, `"single-step"`, or a method of
#'   [stats::p.adjust()].
#' @param exponentiate Give the exponential of estimate and interval (odds
#'   ratios, rate ratios)? `std.error` stays on the scale of the coefficients.
#' @return A data frame that prints as a table ([questrial_table]): `contrast`,
#'   `estimate`, `std.error`, `statistic`, `df` (`Inf` for z), `p.value`,
#'   `conf.low`, `conf.high`; and `null.value` before them where one is not 0. Of a pooled fit
#'   also `fmi`, `riv` and `lambda` of each contrast, with Barnard and Rubin's `df`, and
#'   the attribute `m`. That is the pooled contrast of the fits, and the contrast of the pooled
#'   coefficients, which are the same.
#' @section Errors:
#' `questrial_error_argument` for a coefficient that the model does not have and
#' a text that is not linear in coefficients.
#' @section Peers:
#' multcomp's `glht()` and car's `linearHypothesis()` read the same texts. Here
#' the interval and the robust covariance need no second call.
#' @seealso [marginal_contrasts()], [equivalence_test()]
#' @examples
#' fit <- fit_glm(weight ~ feed, chickwts)
#' linear_contrast(fit, c("feedsoybean - feedlinseed", "feedsunflower = 50"))
#' linear_contrast(fit, list("oilseeds" = c(feedlinseed = 0.5, feedsunflower = 0.5)))
#' @export
linear_contrast <- function(fit, contrasts, vcov = NULL, cluster = NULL, conf.level = 0.95,
                            adjust = "none", exponentiate = FALSE) {
  check_fit(fit, makers = c("fit_glm", "fit_gee", "pooled_fit"))
  check_number(conf.level, "conf.level", min = 0, max = 1)
  check_choice(adjust, c(p_adjustments, "single-step"), "adjust")
  check_flag(exponentiate, "exponentiate")
  wanted <- contrast_matrix(contrasts, names(fit$coefficients))
  covariance <- fit_covariance(fit, vcov, cluster)
  kept <- kept_terms(fit)
  estimate <- drop(wanted$matrix[, kept, drop = FALSE] %*% fit$coefficients[kept])
  estimate[!estimable(fit, wanted$matrix)] <- NA
  rows <- linear_estimates(estimate, wanted$matrix, covariance, wanted$null)
  rows <- with_inference(rows, conf.level, adjust, wanted$matrix, covariance)
  nulls <- if (any(wanted$null != 0)) list(null.value = wanted$null)
  rows <- data.frame(c(list(contrast = rownames(wanted$matrix)), nulls, rows))
  if (exponentiate) {
    rows <- exponentiated(rows)
  }
  notes <- c(
    if (exponentiate) "Exponentials of the contrasts; SE is of the contrast itself.",
    estimable_note(rows$contrast, rows$estimate),
    adjustment_note(adjust, nrow(rows)), covariance_note(covariance, rows$df), rows_text(fit)
  )
  table <- estimates_table(rows, "contrast", "Linear contrasts", notes, conf.level)
  structure(table, exponentiated = exponentiate, m = fits_pooled(fit))
}

# `makers` are the classes of fits that the question makes sense for, which are called as the
# functions that make them.
check_fit <- function(fit, arg = "fit", makers = "fit_glm") {
  if (!inherits(fit, makers)) {
    functions <- paste0(sub("pooled_fit", "pool", makers, fixed = TRUE), "()")
    qst_abort("argument", sprintf(
      "`%s` must be a result of %s, not %s.", arg, join_words(functions, " or "), describe(fit)
    ))
  }
  fit
}

# ---- Reading contrasts ----

# The contrasts as list(matrix, null): a row a contrast, named; a column a
# coefficient; and the number each is tested against.
contrast_matrix <- function(contrasts, coefficients) {
  if (is.character(contrasts) && length(contrasts) > 0) {
    return(text_contrasts(contrasts, coefficients))
  }
  if (is.numeric(contrasts) && !is.matrix(contrasts)) {
    contrasts <- list(contrasts)
  }
  rows <- if (is.matrix(contrasts) && is.numeric(contrasts) && nrow(contrasts) > 0) {
    lapply(seq_len(nrow(contrasts)), function(i) contrasts[i, ])
  } else if (is.list(contrasts) && length(contrasts) > 0) {
    contrasts
  } else {
    qst_abort("argument", sprintf(
      "`contrasts` must be texts, vectors of numbers or a matrix, not %s.", describe(contrasts)
    ))
  }
  matrix <- t(vapply(rows, one_contrast, coefficients, FUN.VALUE = 0 * seq_along(coefficients)))
  matrix <- matrix(matrix, length(rows), dimnames = list(NULL, coefficients))
  given <- if (is.matrix(contrasts)) rownames(contrasts) else names(contrasts)
  rownames(matrix) <- contrast_labels(matrix, given)
  list(matrix = matrix, null = numeric(nrow(matrix)))
}

# A vector of numbers, with names in any order or one for each coefficient.
one_contrast <- function(numbers, coefficients) {
  if (!is.numeric(numbers) || !all(is.finite(numbers))) {
    qst_abort("argument", sprintf(
      "`contrasts`: a contrast must be finite numbers, not %s.", describe(numbers)
    ))
  }
  if (is.null(names(numbers))) {
    if (length(numbers) != length(coefficients)) {
      qst_abort("argument", sprintf(
        "`contrasts`: %d numbers without names for %d coefficients. Name them by coefficient.",
        length(numbers), length(coefficients)
      ))
    }
    return(as.double(numbers))
  }
  check_coefficients(names(numbers), coefficients)
  row <- numeric(length(coefficients))
  row[match(names(numbers), coefficients)] <- numbers
  row
}

check_coefficients <- function(names, known) {
  unknown <- setdiff(names, known)
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "`contrasts`: the model has no coefficient %s.%s", enumerate(unknown),
      sub("columns", "coefficients", suggest(unknown[[1]], known))
    ), value = unknown)
  }
}

# Labels that were given, else the contrast in words: "b - 0.5 * a".
contrast_labels <- function(matrix, given) {
  words <- apply(matrix, 1, function(row) {
    used <- which(row != 0)
    if (length(used) == 0) {
      return("0")
    }
    size <- abs(row[used])
    text <- paste0(ifelse(size == 1, "", paste(signif(size, 4), "* ")), colnames(matrix)[used])
    sign <- ifelse(row[used] < 0, " - ", " + ")
    sign[[1]] <- if (row[[used[[1]]]] < 0) "-" else ""
    paste0(sign, text, collapse = "")
  })
  if (is.null(given)) words else ifelse(is.na(given) | given == "", words, given)
}

text_contrasts <- function(texts, coefficients) {
  forms <- t(vapply(texts, text_form, coefficients,
    FUN.VALUE = numeric(length(coefficients) + 1)
  ))
  given <- names(texts)
  labels <- if (is.null(given)) texts else ifelse(given == "", texts, given)
  list(
    matrix = matrix(forms[, -1], length(texts), dimnames = list(labels, coefficients)),
    null = -unname(forms[, 1])
  )
}

# "a - b = 2" as constant and coefficients of a - b - 2.
text_form <- function(text, coefficients) {
  sides <- strsplit(mark_coefficients(text, coefficients), "=+")[[1]]
  parsed <- tryCatch(lapply(sides, str2lang), error = function(e) NULL)
  if (!length(parsed) %in% 1:2) {
    qst_abort("argument", sprintf(
      "`contrasts`: \"%s\" is not a sum of coefficients, as in \"a - b\" or \"a = 0\".", text
    ), value = text)
  }
  forms <- lapply(parsed, linear_form, text, coefficients)
  if (length(forms) == 2) forms[[1]] - forms[[2]] else forms[[1]]
}

# Coefficients have names such as "factor(g)2:x", so they are found before the
# text is parsed, the longest first, and marked as symbols .b1, .b2, ...
mark_coefficients <- function(text, coefficients) {
  longest <- coefficients[order(-nchar(coefficients))]
  text <- gsub("`", "", text, fixed = TRUE)
  is_word <- function(char) grepl("^[[:alnum:]._]$", char)
  marked <- ""
  before <- ""
  while (nzchar(text)) {
    fits <- startsWith(text, longest) &
      !(is_word(before) & is_word(substr(longest, 1, 1))) &
      !(is_word(substring(text, nchar(longest) + 1, nchar(longest) + 1)) &
        is_word(substring(longest, nchar(longest))))
    name <- longest[fits][1]
    size <- if (is.na(name)) 1 else nchar(name)
    marked <- paste0(marked,
      if (is.na(name)) substr(text, 1, 1) else sprintf(" .b%d ", match(name, coefficients))
    )
    before <- substr(text, size, size)
    text <- substring(text, size + 1)
  }
  marked
}

# Constant and coefficients of an expression that is linear in them.
linear_form <- function(expr, text, coefficients) {
  n <- length(coefficients)
  if (is.numeric(expr)) {
    return(c(expr, numeric(n)))
  }
  if (is.symbol(expr)) {
    at <- match(as.character(expr), sprintf(".b%d", seq_len(n)))
    if (is.na(at)) {
      check_coefficients(as.character(expr), coefficients)
    }
    return(replace(numeric(n + 1), at + 1, 1))
  }
  operator <- if (is.symbol(expr[[1]])) as.character(expr[[1]]) else ""
  parts <- if (operator %in% c("+", "-", "*", "/", "(")) {
    lapply(as.list(expr)[-1], linear_form, text, coefficients)
  }
  form <- combine_forms(operator, parts)
  if (is.null(form)) {
    qst_abort("argument", sprintf(
      paste(
        "`contrasts`: \"%s\" is not linear in the model's coefficients.",
        "Use +, -, numbers times coefficients, and the names that coef() gives."
      ), text
    ), value = text)
  }
  form
}

combine_forms <- function(operator, parts) {
  constant <- vapply(parts, function(part) all(part[-1] == 0), logical(1))
  if (operator == "(") {
    parts[[1]]
  } else if (operator %in% c("+", "-") && length(parts) == 1) {
    if (operator == "-") -parts[[1]] else parts[[1]]
  } else if (operator == "+") {
    parts[[1]] + parts[[2]]
  } else if (operator == "-") {
    parts[[1]] - parts[[2]]
  } else if (operator == "*" && any(constant)) {
    if (constant[[1]]) parts[[1]][[1]] * parts[[2]] else parts[[1]] * parts[[2]][[1]]
  } else if (operator == "/" && constant[[2]]) {
    parts[[1]] / parts[[2]][[1]]
  }
}

# ---- Estimates of linear functions ----

# Which rows of a contrast matrix have the same value for all solutions. The
# tolerance is relative to the size of the row.
estimable <- function(fit, contrasts) {
  basis <- null_basis(fit)
  if (anyNA(basis)) {
    return(rep(TRUE, nrow(contrasts)))
  }
  size <- pmax(sqrt(rowSums(contrasts^2)), .Machine$double.xmin)
  sqrt(rowSums((contrasts %*% basis)^2)) <= 1e-6 * size
}

# Estimates with what they are tested by. `jacobian` has their derivatives by
# the coefficients, a row an estimate; rows whose estimate is NA stay NA. After imputation
# also what missing values cost each.
linear_estimates <- function(estimate, jacobian, covariance, null = 0) {
  known <- !is.na(estimate)
  error <- rep(NA_real_, length(estimate))
  rows <- jacobian[known, , drop = FALSE]
  error[known] <- sqrt(diag(quadratic_form(rows, covariance$matrix)))
  result <- data.frame(
    estimate = unname(estimate), std.error = error, statistic = unname(estimate - null) / error,
    df = NA_real_
  )
  if (is.null(covariance$fractions)) {
    result$df[known] <- covariance$df(rows)
  } else {
    cost <- covariance$fractions(rows)
    result[missing_costs] <- NA_real_
    result[known, c("df", missing_costs)] <- cost[c("df", missing_costs)]
  }
  result
}

# Of a pooled estimate: the fraction of missing information, the relative increase of variance,
# and the share of the variance that is between imputations.
missing_costs <- c("fmi", "riv", "lambda")

# J V J'; aliased coefficients have no covariance and count 0 in J.
quadratic_form <- function(jacobian, covariance) {
  kept <- !is.na(diag(covariance))
  jacobian <- jacobian[, kept, drop = FALSE]
  jacobian %*% covariance[kept, kept, drop = FALSE] %*% t(jacobian)
}

p_adjustments <- c("none", "holm", "bonferroni", "hochberg", "hommel", "BH", "BY", "fdr")

# P values and intervals of `rows`, adjusted over those that have an estimate.
# `means` is how many means the contrasts compare, for Tukey's method.
with_inference <- function(rows, conf.level, adjust = "none", jacobian = NULL,
                           covariance = NULL, means = NULL) {
  known <- !is.na(rows$std.error)
  method <- simultaneous(rows[known, ], conf.level, adjust, jacobian[known, , drop = FALSE],
    covariance, means
  )
  rows[c("p.value", "conf.low", "conf.high")] <- NA_real_
  rows$p.value[known] <- method$p.value
  half <- method$critical * rows$std.error[known]
  rows$conf.low[known] <- rows$estimate[known] - half
  rows$conf.high[known] <- rows$estimate[known] + half
  rows[c(setdiff(names(rows), missing_costs), intersect(missing_costs, names(rows)))]
}

exponentiated <- function(rows) {
  columns <- intersect(c("null.value", "estimate", "conf.low", "conf.high"), names(rows))
  rows[columns] <- lapply(rows[columns], exp)
  rows
}

# ---- Tables and notes ----

# A result as a printed table: `first` columns as they are, then the numbers
# with decimals that show two digits of the smallest standard error.
estimates_table <- function(rows, kind, caption, notes, conf.level,
                            first = c(contrast = "Contrast"), shown = c(estimate = "Estimate")) {
  row.names(rows) <- NULL
  digits <- decimals_for(rows$std.error)
  number <- function(name, heading, digits) {
    table_column(heading, name, "number", digits = digits)
  }
  statistic <- if (all(is.infinite(stats::na.omit(rows$df)))) "z" else "t"
  columns <- c(
    Map(function(name, heading) table_column(heading, name), names(first), first),
    list(
      number(names(shown), shown, digits),
      table_column(percent_words(conf.level), c("conf.low", "conf.high"), "ci", digits = digits),
      number("std.error", "SE", digits)
    ),
    if ("null.value" %in% names(rows)) list(number("null.value", "Null", digits)),
    list(number("statistic", statistic, 2)),
    if (statistic == "t") list(table_column("df", "df", "df")),
    list(table_column("P", "p.value", "p")),
    if ("fmi" %in% names(rows)) list(fmi_column())
  )
  new_questrial_table(rows, kind, caption, notes[nzchar(notes)], columns = unname(columns))
}

fmi_column <- function() {
  table_column("FMI", "fmi", "number", digits = 2)
}

decimals_for <- function(error) {
  smallest <- suppressWarnings(min(error[is.finite(error) & error > 0]))
  if (is.infinite(smallest)) 3 else max(smallest < 100, min(10, 1 - floor(log10(smallest))))
}

covariance_note <- function(covariance, df) {
  df <- stats::na.omit(df)
  label <- if (!nzchar(covariance$label)) "from the model" else covariance$label
  label <- sub("^(standard errors )?", "", label)
  tested <- if (isTRUE(covariance$m > 1)) {
    paste0(
      " (Rubin's rules; df of Barnard and Rubin)",
      if (length(df) > 0) ". FMI: fraction of missing information"
    )
  } else if (length(df) == 0 || grepl("df", label)) {
    ""
  } else if (all(is.infinite(df))) {
    "; z tests"
  } else if (length(unique(df)) == 1) {
    sprintf("; t tests on %s degrees of freedom", format_df(df[[1]]))
  } else {
    "; t tests on the degrees of freedom shown"
  }
  sprintf("Standard errors%s %s%s.", if (startsWith(label, "from ")) "" else ":", label, tested)
}

adjustment_note <- function(adjust, n) {
  if (adjust == "none") {
    return(if (n > 1) sprintf("P values and intervals of %d contrasts, not adjusted.", n))
  }
  sprintf(
    "P values adjusted for %d contrast%s (%s); intervals %s.", n, if (n == 1) "" else "s", adjust,
    if (adjust %in% adjusts_intervals) "too" else "not, for which this method has none"
  )
}

estimable_note <- function(labels, estimate) {
  absent <- labels[is.na(estimate)]
  if (length(absent) > 0) {
    sprintf("Not estimable, for want of rows that tell it apart: %s.", enumerate(absent))
  }
}
