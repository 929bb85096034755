# Analysis of variance and of deviance.

#' @export
anova.fit_glm <- function(object, ..., test = c("F", "none")) {
  test <- check_choice(test, c("F", "none"), "test")
  others <- list(...)
  is_fit <- vapply(others, inherits, logical(1), "fit_glm")
  if (!all(is_fit)) {
    qst_abort("argument", "anova() compares fit_glm objects with each other only.")
  }
  table <- if (length(others) > 0) anova_between(c(list(object), others)) else anova_within(object)
  if (test == "none") {
    table[["F value"]] <- table[["F"]] <- table[["Pr(>F)"]] <- NULL
  }
  table
}

# Terms in the order of the formula: effect j squared is what column j adds.
anova_within <- function(fit) {
  kept <- kept_terms(fit)
  assign <- fit$assign[kept]
  labels <- attr(fit$terms, "term.labels")
  present <- sort(unique(assign[assign > 0]))
  sums <- vapply(present, function(k) sum(fit$effects[kept][assign == k]^2), numeric(1))
  df <- vapply(present, function(k) sum(assign == k), integer(1))
  mean <- c(sums / df, dispersion(fit))
  f <- c(sums / df / dispersion(fit), NA)
  table <- data.frame(
    Df = c(df, fit$df.residual), `Sum Sq` = c(sums, fit$deviance), `Mean Sq` = mean,
    `F value` = f, `Pr(>F)` = stats::pf(f, c(df, NA), fit$df.residual, lower.tail = FALSE),
    check.names = FALSE, row.names = c(labels[present], "Residuals")
  )
  heading <- c(
    "Analysis of Variance Table\n", paste("Response:", deparse1(stats::formula(fit)[[2]]))
  )
  structure(table, heading = heading, class = c("anova", "data.frame"))
}

anova_between <- function(fits) {
  n <- vapply(fits, stats::nobs, integer(1))
  responses <- vapply(fits, function(fit) deparse1(stats::formula(fit)[[2]]), character(1))
  if (length(unique(n)) > 1 || length(unique(responses)) > 1) {
    qst_abort("argument", sprintf(
      paste(
        "These models cannot be compared: rows used are %s, responses %s.",
        "Fit all of them to the same rows, for instance after na.omit() on their variables."
      ), paste(n, collapse = ", "), paste(unique(responses), collapse = ", ")
    ))
  }
  df <- vapply(fits, stats::df.residual, numeric(1))
  rss <- vapply(fits, stats::deviance, numeric(1))
  largest <- which.min(df)
  added <- c(NA, -diff(df))
  gained <- c(NA, -diff(rss))
  f <- gained / added / (rss[[largest]] / df[[largest]])
  f[!is.na(added) & added == 0] <- NA
  table <- data.frame(
    Res.Df = df, RSS = rss, Df = added, `Sum of Sq` = gained, F = f,
    `Pr(>F)` = stats::pf(f, abs(added), df[[largest]], lower.tail = FALSE),
    check.names = FALSE
  )
  formulas <- vapply(fits, function(fit) deparse1(stats::formula(fit)), character(1))
  structure(table,
    heading = c(
      "Analysis of Variance Table\n",
      paste0("Model ", seq_along(fits), ": ", formulas, collapse = "\n")
    ),
    class = c("anova", "data.frame")
  )
}
