#' Analysis of variance and of deviance, types I, II and III
#'
#' Tests of the terms of a model, or of models against one another.
#'
#' * Type I: each term given those before it, as [stats::anova()] of `lm` and
#'   `glm`.
#' * Type II: each term given all others that do not contain it.
#' * Type III: each term given all others, those that contain it too. What a main
#'   effect then means depends on the contrasts of the factors: with treatment
#'   contrasts it is the effect *at the reference level* of the other factor. Here
#'   Type III always uses sum-to-zero contrasts, so that a main effect is the
#'   effect averaged with equal weights over the levels of the other factors, as
#'   SPSS UNIANOVA and SAS print it, **whatever contrasts the fit has**. Numbers
#'   are not centred (nor are they in UNIANOVA): a factor that interacts with a
#'   number is compared where that number is 0; centre it if that is no
#'   question to ask.
#'
#' The tests are those of the hypothesis \eqn{L\beta = 0}{L b = 0}. For type III, L
#' holds the rows of S that belong to the term, where \eqn{X = X_0 S}{X = X0 S} and
#' \eqn{X_0}{X0} is the design in sum-to-zero contrasts. For type I and II,
#' \eqn{L = C_t - C_t V C_r'(C_r V C_r')^{-1} C_r}{L = Ct - Ct V Cr' (Cr V Cr')^-1 Cr}
#' picks the term's coefficients (t) given those that contain it or come later
#' (r). For linear models the sum of squares is
#' \eqn{(L\beta)'(L (X'WX)^{-1} L')^{-1} L\beta}{(Lb)' (L (X'WX)^-1 L')^-1 Lb}.
#'
#' @section Tests:
#' `"F"`: the default where the dispersion is estimated or `vcov` is of type CR. Sums of squares or
#' deviances over the dispersion (Pearson's, for families). `"LR"` (the default
#' otherwise) and `"Chisq"`: likelihood ratio, the difference of deviances over
#' the dispersion; each model is fitted again, a negative binomial one with the
#' same theta. `"Wald"`: from the covariance of the fit, the only one for fits with
#' Firth's penalty. `"none"`: no test.
#' With `vcov` the tests are Wald tests with that covariance, `"F"` or `"Wald"`
#' (chi-square); F of type CR2 has the small-sample degrees of freedom of
#' [wald_test()].
#'
#' @section Aliased coefficients:
#' Type I leaves them out; type II of a linear model compares fits with and
#' without the term, as car does. Type III with empty cells compares averages
#' over cells of which one does not exist: an error that says so.
#'
#' @param object A fit of [fit_glm()].
#' @param ... More fits of the same rows, to be compared in this order; then
#'   `type` has no meaning.
#' @param type `"I"`, `"II"` or `"III"`.
#' @param test `"F"`, `"LR"`, `"Chisq"`, `"Wald"` or `"none"`: see *Tests*.
#' @param vcov,cluster Which covariance, as in [linear_contrast()].
#' @return A data frame of class `anova`, a row a term, as from `lm`, `glm` or
#'   car's `Anova()`, with a heading that names the type, the test, the
#'   covariance and the numbers of rows.
#' @section Errors:
#' `questrial_error_argument` for fits of other rows and a test that does not
#' go with the fit; `questrial_error_singular` for type III with aliased
#' coefficients.
#' @section Peers:
#' `car::Anova(type = 3)` takes the contrasts that the fit has; only with
#' `contr.sum` (or `contr.helmert`, `contr.poly`) are they those of UNIANOVA and
#' of this function. `drop1()` refuses to drop main effects under interactions.
#' @examples
#' fit <- fit_glm(breaks ~ wool * tension, warpbreaks)
#' anova(fit)
#' anova(fit, type = "III")
#' anova(fit_glm(breaks ~ wool, warpbreaks), fit)
#' @export
anova.fit_glm <- function(object, ..., type = c("I", "II", "III"), test = NULL, vcov = NULL,
                          cluster = NULL) {
  type <- check_choice(type, c("I", "II", "III"), "type")
  others <- list(...)
  if (!all(vapply(others, inherits, logical(1), "fit_glm"))) {
    qst_abort("argument", "anova() compares fit_glm objects with each other only.")
  }
  robust <- !is.null(vcov) || !is.null(cluster)
  if (is.null(test) && asks_for_clusters(vcov, cluster)) {
    test <- "F"
  }
  test <- anova_test(object, test, type, robust)
  if (length(others) > 0) {
    check_no_covariance(robust)
    return(anova_between(c(list(object), others), test))
  }
  kind <- if (robust || test == "Wald") {
    "wald"
  } else if (is_linear(object)) {
    "squares"
  } else {
    "deviance"
  }
  if (type == "III") {
    check_all_cells(object)
  }
  switch(kind,
    squares = anova_squares(object, type, test),
    wald = anova_wald(object, type, test, vcov, cluster),
    deviance = anova_deviance(object, type, test)
  )
}

# Covariances of clusters have few degrees of freedom, also where the dispersion is known.
asks_for_clusters <- function(vcov, cluster) {
  !is.null(cluster) || (is.character(vcov) && any(startsWith(vcov, "CR")))
}

check_no_covariance <- function(robust) {
  if (robust) {
    qst_abort("argument", paste(
      "`vcov`: models side by side are compared by their sums of squares or deviances, which",
      "have no other covariance. Use wald_test() on the larger model."
    ))
  }
}

# The test as one of F, LR, Wald, none; NULL is the default of the fit.
anova_test <- function(fit, test, type, robust) {
  penalised <- isTRUE(is.finite(fit$info$log_det))
  if (is.null(test)) {
    return(if (uses_t(fit)) "F" else if (robust || penalised) "Wald" else "LR")
  }
  test <- check_choice(test, c("F", "LR", "Chisq", "Wald", "none"), "test")
  if (robust && test == "LR") {
    qst_abort("argument", paste(
      "`test`: a likelihood ratio has no other covariance.",
      "Use \"F\" or \"Wald\", or leave out `vcov`."
    ), value = test)
  }
  if (test == "Chisq") {
    test <- if (robust) "Wald" else "LR"
  }
  # The penalty of a smaller model is another one (Heinze & Schemper 2002).
  if (penalised && test %in% c("LR", "F")) {
    qst_abort("argument", sprintf(
      "`test`: deviances of fits with Firth's penalty do not compare, so there is no \"%s\". %s",
      test, "Use \"Wald\"."
    ), value = test)
  }
  # In a linear model both are the sum of squares over the residual variance.
  if (test == "Wald" && is_linear(fit) && !robust) "LR" else test
}

check_all_cells <- function(fit) {
  absent <- names(fit$coefficients)[!kept_terms(fit)]
  if (length(absent) > 0) {
    qst_abort("singular", sprintf(
      paste(
        "Type III compares averages over all cells, but %s cannot be estimated (no rows in a",
        "cell, or collinear columns). Use type = \"II\", or leave terms or levels out."
      ), enumerate(absent)
    ), value = absent)
  }
}

# ---- Hypotheses ----

# For each term (the intercept too, in type III) the matrix L, named.
term_hypotheses <- function(fit, type, covariance) {
  labels <- attr(fit$terms, "term.labels")
  if (type == "III") {
    sums <- sum_coding(fit)
    present <- sort(unique(sums$assign))
    rows <- lapply(present, function(k) sums$matrix[sums$assign == k, , drop = FALSE])
    return(stats::setNames(rows, c("(Intercept)", labels)[present + 1]))
  }
  kept <- kept_terms(fit)
  pick <- diag(length(kept))
  rows <- lapply(seq_along(labels), function(k) {
    term <- pick[kept & fit$assign == k, , drop = FALSE]
    given <- pick[kept & fit$assign %in% conditioned_on(fit, k, type), , drop = FALSE]
    given_others(term, given, covariance)
  })
  stats::setNames(rows, labels)
}

# The terms whose coefficients are in the way of term k: later ones (type I),
# or those that contain it (type II).
conditioned_on <- function(fit, k, type) {
  labels <- attr(fit$terms, "term.labels")
  if (type == "I") {
    return(seq_along(labels)[seq_along(labels) > k])
  }
  inside <- attr(fit$terms, "factors") > 0
  contains <- vapply(seq_along(labels), function(j) all(inside[inside[, k], j]), logical(1))
  setdiff(which(contains), k)
}

# The part of `term` that is uncorrelated with `given`.
given_others <- function(term, given, covariance) {
  if (nrow(given) == 0 || nrow(term) == 0) {
    return(term)
  }
  covariance[is.na(covariance)] <- 0
  cross <- term %*% covariance %*% t(given)
  spread <- given %*% covariance %*% t(given)
  if (rcond(spread) < .Machine$double.eps) {
    qst_abort("singular", paste(
      "The covariance has no inverse in the directions of other terms; there are too few clusters",
      "for them. Use type = \"III\", or vcov = \"CR1\" with fewer terms."
    ))
  }
  term - cross %*% solve(spread, given)
}

# The coefficients in sum-to-zero contrasts as functions of those of the fit.
sum_coding <- function(fit) {
  if (length(fit$contrasts) == 0) {
    return(list(matrix = diag(length(fit$assign)), assign = fit$assign))
  }
  terms <- stats::delete.response(fit$terms)
  frame <- if (has_rows(fit)) fit$model else probe_frame(fit)
  x <- if (has_rows(fit)) {
    stats::model.matrix(fit)
  } else {
    stats::model.matrix(terms, frame, fit$contrasts)
  }
  centred <- stats::model.matrix(terms, frame, sum_contrasts(fit))
  decomposition <- qr(centred)
  matrix <- if (ncol(centred) == ncol(x) && decomposition$rank == ncol(x)) {
    qr.coef(decomposition, x)
  }
  if (is.null(matrix) || max(abs(centred %*% matrix - x)) > 1e-6 * max(abs(x))) {
    qst_abort("argument", paste(
      "Type III needs contrasts that span all levels of their factors. Fit again without",
      "`contrasts`, or with \"contr.sum\"."
    ))
  }
  list(matrix = matrix, assign = attr(centred, "assign"))
}

# Rows of all combinations of levels, with numbers of no pattern: what a change of coding does to
# columns does not depend on the rows, of which a fit of sums has none.
probe_frame <- function(fit) {
  variables <- as.list(fit$levels_frame)
  levels <- lapply(variables, function(x) if (is.logical(x)) c(FALSE, TRUE) else levels(x))
  levels <- levels[!vapply(levels, is.null, NA)]
  cells <- expand.grid(c(levels, list(`(row)` = seq_len(2 * length(fit$assign)))),
    stringsAsFactors = FALSE)
  for (name in names(variables)) {
    x <- variables[[name]]
    variables[[name]] <- if (is.factor(x)) {
      factor(cells[[name]], levels(x), ordered = is.ordered(x))
    } else if (is.logical(x)) {
      cells[[name]]
    } else {
      sin(match(name, names(variables)) * seq_len(nrow(cells))^1.5)
    }
  }
  frame <- as_frame(variables, .set_row_names(nrow(cells)), NULL)
  attr(frame, "terms") <- fit$terms
  frame
}

sum_contrasts <- function(fit) {
  if (length(fit$contrasts) > 0) lapply(fit$contrasts, function(contrast) "contr.sum")
}

# (Lb)' (L V L')^-1 Lb.
quadratic_test <- function(hypothesis, estimate, covariance) {
  if (nrow(hypothesis) == 0) {
    return(NA_real_)
  }
  kept <- !is.na(estimate)
  value <- hypothesis[, kept, drop = FALSE] %*% estimate[kept]
  spread <- quadratic_form(hypothesis, covariance)
  tryCatch(sum(value * solve(spread, value)), error = function(e) NA_real_)
}

# ---- Tables of one fit ----

anova_squares <- function(fit, type, test) {
  if (type == "I") {
    return(anova_sequential(fit, test))
  }
  terms <- if (all(kept_terms(fit))) {
    rows <- term_hypotheses(fit, type, fit$cov.unscaled)
    sums <- vapply(rows, quadratic_test, 0, fit$coefficients, fit$cov.unscaled)
    list(label = names(rows), df = vapply(rows, nrow, 1L), gain = sums)
  } else {
    # What is aliased given the terms before may be free once one of these is gone.
    term_deviances(fit, type)
  }
  df <- terms$df
  sums <- terms$gain
  table <- data.frame(
    `Sum Sq` = c(sums, fit$deviance), Df = c(df, fit$df.residual), check.names = FALSE,
    row.names = c(terms$label, "Residuals")
  )
  if (test == "F") {
    table[["F value"]] <- c(sums / df / dispersion(fit), NA)
    table[["Pr(>F)"]] <- f_tail(table[["F value"]], table$Df, fit$df.residual)
  } else if (test != "none") {
    table$Chisq <- c(sums / dispersion(fit), NA)
    table[["Pr(>Chisq)"]] <- chisq_tail(table$Chisq, table$Df)
  }
  anova_table(table, type_heading(fit, type))
}

# Terms in the order of the formula: effect j squared is what column j adds.
anova_sequential <- function(fit, test) {
  kept <- kept_terms(fit)
  assign <- fit$assign[kept]
  labels <- attr(fit$terms, "term.labels")
  present <- sort(unique(assign[assign > 0]))
  sums <- vapply(present, function(k) sum(fit$effects[kept][assign == k]^2), numeric(1))
  df <- vapply(present, function(k) sum(assign == k), integer(1))
  table <- data.frame(
    Df = c(df, fit$df.residual), `Sum Sq` = c(sums, fit$deviance),
    `Mean Sq` = c(sums / df, dispersion(fit)), check.names = FALSE,
    row.names = c(labels[present], "Residuals")
  )
  if (test == "F") {
    table[["F value"]] <- c(sums / df / dispersion(fit), NA)
    table[["Pr(>F)"]] <- f_tail(table[["F value"]], table$Df, fit$df.residual)
  } else if (test != "none") {
    table[["Pr(>Chi)"]] <- chisq_tail(c(sums / dispersion(fit), NA), table$Df)
  }
  anova_table(table, c(
    "Analysis of Variance Table\n", paste("Response:", response_name(fit))
  ))
}

anova_wald <- function(fit, type, test, vcov, cluster) {
  covariance <- fit_covariance(fit, vcov, cluster)
  rows <- term_hypotheses(fit, type, covariance$matrix)
  table <- data.frame(Df = vapply(rows, nrow, 1L), row.names = names(rows))
  if (test == "F") {
    tests <- do.call(rbind, lapply(rows, joint_test, fit = fit, null = 0, covariance = covariance))
    if (!is.null(covariance$n_clusters)) {
      table[["Den Df"]] <- tests$df.residual
    }
    table$F <- tests$statistic
    table[["Pr(>F)"]] <- tests$p.value
  } else {
    table$Chisq <- vapply(rows, quadratic_test, 0, fit$coefficients, covariance$matrix)
    table[["Pr(>Chisq)"]] <- chisq_tail(table$Chisq, table$Df)
  }
  anova_table(table, c(type_heading(fit, type), covariance_note(covariance, numeric())))
}

# Differences of deviances; each model without a term is fitted again.
anova_deviance <- function(fit, type, test) {
  if (!has_rows(fit)) {
    qst_abort("no_rows", paste(
      "An analysis of deviance fits parts of the model to the rows, which this fit has not.",
      "Compare two fits, as in anova(smaller, larger), or ask for test = \"Wald\"."
    ))
  }
  removed <- term_deviances(fit, type)
  table <- data.frame(Df = removed$df, Deviance = removed$gain, row.names = removed$label)
  if (type == "I") {
    table <- rbind(`NULL` = NA, table)
    table[["Resid. Df"]] <- removed$residual_df
    table[["Resid. Dev"]] <- removed$residual_deviance
  }
  anova_table(
    with_deviance_test(table, test, dispersion(fit), fit$df.residual, uses_t(fit)),
    if (type == "I") deviance_heading(fit) else type_heading(fit, type)
  )
}

with_deviance_test <- function(table, test, scale, df.residual, estimated) {
  if (test == "F") {
    table$F <- table$Deviance / table$Df / scale
    table$F[table$Df %in% 0] <- NA
    table[["Pr(>F)"]] <- f_tail(table$F, abs(table$Df), if (estimated) df.residual else Inf)
  } else if (test != "none") {
    table[["Pr(>Chi)"]] <- chisq_tail(table$Deviance / scale, abs(table$Df))
    table[["Pr(>Chi)"]][table$Df %in% 0] <- NA
  }
  table
}

# What each term takes away from the deviance, and with how many df.
term_deviances <- function(fit, type) {
  labels <- attr(fit$terms, "term.labels")
  coding <- if (type == "III") sum_contrasts(fit) else fit$contrasts
  design <- model_design(fit$terms, fit$model, coding)
  constant <- attr(fit$terms, "intercept")
  fit_with <- function(terms) deviance_with(fit, design, terms, constant)
  if (type == "I") {
    steps <- lapply(seq(0, length(labels)), function(k) fit_with(seq_len(k)))
    residual <- vapply(steps, `[[`, 0, "deviance")
    df <- vapply(steps, `[[`, 0, "df.residual")
    return(list(
      label = labels, df = -diff(df), gain = -diff(residual), residual_df = df,
      residual_deviance = residual
    ))
  }
  parts <- lapply(seq_along(labels), function(k) {
    given <- if (type == "II") conditioned_on(fit, k, type) else integer()
    others <- setdiff(seq_along(labels), c(k, given))
    with <- fit_with(sort(c(others, k)))
    without <- fit_with(others)
    c(without$df.residual - with$df.residual, without$deviance - with$deviance)
  })
  list(
    label = labels, df = vapply(parts, `[[`, 0, 1), gain = vapply(parts, `[[`, 0, 2)
  )
}

# The model with some of its terms.
deviance_with <- function(fit, design, terms, constant) {
  kept <- c(if (constant > 0) 1L, terms + constant)
  if (length(kept) == length(design$terms)) {
    return(list(deviance = fit$deviance, df.residual = fit$df.residual))
  }
  weights <- if (is.null(fit$weights)) rep(1, length(fit$y)) else fit$weights
  if (length(kept) == 0) {
    shift <- if (is.null(fit$offset)) numeric(length(fit$y)) else fit$offset
    mean <- fit$family$linkinv(shift)
    deviance <- sum(fit$family$dev.resids(fit$y, mean, weights))
    return(list(deviance = deviance, df.residual = as.double(fit$n_used)))
  }
  part <- list(n_rows = design$n_rows, terms = design$terms[kept])
  core <- fit_core(part, fit$y, fit$weights, fit$offset, fit$family, "ml", threads_to_use(NULL),
    fit$model
  )
  list(deviance = core$deviance, df.residual = as.double(core$n_used - core$rank))
}

# ---- Fits against each other ----

anova_between <- function(fits, test) {
  check_same_rows(fits)
  if (test == "Wald") {
    qst_abort("argument", paste(
      "Models are compared by their deviances, not by Wald tests.",
      "Use wald_test() on the larger one."
    ), value = test)
  }
  df <- vapply(fits, stats::df.residual, numeric(1))
  deviance <- vapply(fits, stats::deviance, numeric(1))
  largest <- fits[[which.min(df)]]
  linear <- is_linear(largest)
  table <- data.frame(
    `Resid. Df` = df, `Resid. Dev` = deviance, Df = c(NA, -diff(df)),
    Deviance = c(NA, -diff(deviance)), check.names = FALSE
  )
  table <- with_deviance_test(table, test, dispersion(largest), min(df), uses_t(largest))
  if (linear) {
    names(table)[1:4] <- c("Res.Df", "RSS", "Df", "Sum of Sq")
  }
  formulas <- vapply(fits, function(fit) deparse1(stats::formula(fit)), character(1))
  anova_table(table, c(
    sprintf("Analysis of %s Table\n", if (linear) "Variance" else "Deviance"),
    paste0("Model ", seq_along(fits), ": ", formulas, collapse = "\n")
  ))
}

check_same_rows <- function(fits) {
  n <- vapply(fits, stats::nobs, integer(1))
  responses <- vapply(fits, response_name, character(1))
  if (length(unique(n)) > 1 || length(unique(responses)) > 1) {
    qst_abort("argument", sprintf(
      paste(
        "These models cannot be compared: rows used are %s, responses %s.",
        "Fit all of them to the same rows, for instance after na.omit() on their variables."
      ), paste(n, collapse = ", "), paste(unique(responses), collapse = ", ")
    ))
  }
  families <- vapply(fits, function(fit) paste(fit$family$family, fit$family$link), "")
  if (length(unique(families)) > 1) {
    qst_abort("argument", sprintf(
      "These models cannot be compared: their families and links are %s. Fit them alike.",
      enumerate(unique(families))
    ))
  }
}

# ---- Parts of tables ----

response_name <- function(fit) {
  deparse1(stats::formula(fit)[[2]])
}

f_tail <- function(f, df, df_residual) {
  stats::pf(f, df, df_residual, lower.tail = FALSE)
}

chisq_tail <- function(x, df) {
  stats::pchisq(x, df, lower.tail = FALSE)
}

type_heading <- function(fit, type) {
  c(
    sprintf(
      "Tests of type %s%s\n", type,
      if (type == "III") " (sum-to-zero contrasts, numbers not centred)" else ""
    ),
    paste("Response:", response_name(fit)), paste(rows_text(fit), collapse = " ")
  )
}

deviance_heading <- function(fit) {
  c(
    "Analysis of Deviance Table\n",
    sprintf("Model: %s, link: %s%s\n", fit$family$family, fit$family$link,
      if (is.null(fit$theta)) "" else sprintf(", theta held at %s", format(fit$theta, digits = 4))
    ),
    sprintf("Response: %s\n", response_name(fit)), "Terms added sequentially (first to last)\n"
  )
}

anova_table <- function(table, heading) {
  heading <- vapply(heading, function(line) {
    if (nchar(line) > 79) paste(strwrap(line, 79), collapse = "\n") else line
  }, "", USE.NAMES = FALSE)
  structure(table, heading = heading, class = c("anova", "data.frame"))
}
