# How the rows of a regression table are printed, where the tables do not say: found from the rows.

row_flags <- c(ratio = 1, ratio_se = 2, square = 4, own_limits = 8, near_limits = 16)

# list(q, df, flags, note): quantile of the limits, degrees of freedom of P, how errors and
# statistics are printed. People less coefficients give the df, unless at least two rows that
# contradict it agree with another (one, if the number of people is not sure or coefficients are
# left out): a misprint in one row must not be explained away. Another way of printing has nothing
# to be fitted, so one row is enough if it makes all rows agree.
found_scale <- function(tables, published, model) {
  expected <- expected_df(tables, published, model)
  first <- new_scale(model, if (is.na(expected)) Inf else expected)
  is_partial <- is.na(expected) || !"" %in% published$model$variable[model$rows] ||
    !all(arms_of_all(tables, published, model)) || !has_whole_covariates(tables, published, model)
  bad <- contradicted_rows(tables, published, model, list(first))
  printed <- printed_scales(published, model, first)
  if (bad > 0 && length(printed) > 0) {
    fits <- contradicted_rows(tables, published, model, printed)
    if (min(fits) == 0) {
      return(noted_scale(printed, fits, expected))
    }
  }
  if (bad < 2 - is_partial) {
    return(first)
  }
  rivals <- c(printed, df_scales(published, model, expected))
  fits <- contradicted_rows(tables, published, model, rivals)
  if (min(fits) > 0) {
    between <- between_scales(model, rivals, fits)
    rivals <- c(rivals, between)
    fits <- c(fits, contradicted_rows(tables, published, model, between))
  }
  if (bad - min(fits) < 2 - is_partial) {
    return(first)
  }
  noted_scale(rivals, fits, expected)
}

new_scale <- function(model, df, flags = 0, note = "", q = stats::qt(0.5 + model$level / 2, df)) {
  said <- c(ratio = model$is_ratio, own_limits = model$limits == "profile")
  list(q = q, df = df, flags = sum(row_flags[names(which(said))]) + flags, note = note)
}

# Rows that contradict themselves, or agree but nearly, and do not when their estimates are read as
# ratios, are ratios: so they are taken in models of odds or rates whose design does not say;
# elsewhere a note asks.
found_ratio <- function(tables, published, model) {
  rows <- published$model[model$rows, ]
  numbers <- printed_number(c(rows$estimate, rows$conf.low, rows$conf.high))
  if (model$is_ratio || any(numbers <= 0, na.rm = TRUE)) {
    return(model)
  }
  as_ratio <- model
  as_ratio$is_ratio <- TRUE
  bad <- function(model) {
    scale <- found_scale(tables, published, model)
    is_near <- scale$flags %/% row_flags[["near_limits"]] %% 2 == 1
    contradicted_rows(tables, published, model, list(scale)) + is_near
  }
  if (bad(model) == 0 || bad(as_ratio) > 0) {
    return(model)
  }
  # Limits of ratios that agree are not limits of coefficients that are only near.
  model$limits <- "wald"
  said <- nzchar(model_key(published, "model_exponentiated", model$name, ""))
  if (said || model$family == "gaussian") {
    model$note <- "agrees as a ratio: is model_exponentiated = yes in design.csv missing?"
    return(model)
  }
  as_ratio$note <- "taken for ratios: model_exponentiated = yes"
  as_ratio
}

# People less coefficients; Inf where P is of the normal distribution.
expected_df <- function(tables, published, model) {
  if (model$family != "gaussian") {
    return(Inf)
  }
  has_constant <- "" %in% published$model$variable[model$rows]
  df <- model_people(tables, published, model) - length(model$rows) - !has_constant
  if (is.na(df) || df < 1) NA else df
}

# Wald's chi-square for z, errors of the ratios for those of their logarithms, 1.96 for 1.95996;
# limits of the profile likelihood, as R gives them of odds and rates, near those of Wald.
printed_scales <- function(published, model, first) {
  rows <- published$model[model$rows, ]
  statistic <- printed_number(rows$statistic)
  may <- c(
    square = any(!is.na(statistic)) && !any(statistic < 0, na.rm = TRUE),
    ratio_se = model$is_ratio && any(nzchar(rows$std.error)),
    near_limits = model$limits == "" && any(nzchar(rows$conf.low))
  )
  words <- c(
    square = "statistics are Wald's chi-square", ratio_se = "errors are those of the ratios",
    near_limits = "limits are only near Wald's: of the profile likelihood?"
  )
  ways <- expand.grid(lapply(may, function(x) c(FALSE, if (x) TRUE)))
  lapply(which(rowSums(ways) > 0), function(k) {
    own <- names(may)[unlist(ways[k, ])]
    new_scale(model, first$df, sum(row_flags[own]), paste(words[own], collapse = "; "))
  })
}

# Other degrees of freedom: all up to 60, then some, then infinite ones, with 1.96 if so rounded.
df_scales <- function(published, model, expected) {
  most <- max(1000, 2 * expected[is.finite(expected)])
  some <- unique(round(exp(seq(log(60), log(most), length.out = 60))))
  near <- if (is.finite(expected)) expected + seq(-20, 20) else NULL
  df <- sort(unique(c(seq_len(60), some, near[near > 0], 10 * most, 100 * most)))
  c(
    lapply(c(df, Inf), function(df) new_scale(model, df)),
    if (model$level == 0.95) list(new_scale(model, Inf, q = 1.96))
  )
}

# Each right row fits an interval of df about the true one, so that the fewest contradictions are
# next to the fewest tried: all df from there to the neighbours, or 200 of them.
between_scales <- function(model, scales, fits) {
  df <- vapply(scales, `[[`, 0, "df")
  tried <- sort(unique(df[is.finite(df)]))
  best <- match(unique(df[fits == min(fits)]), tried)
  best[is.na(best)] <- length(tried)
  near <- lapply(best, function(k) {
    ends <- tried[c(max(1, k - 1), min(length(tried), k + 1))]
    round(seq(ends[[1]], ends[[2]], length.out = min(200, diff(ends) + 1)))
  })
  lapply(setdiff(unlist(near), tried), function(df) new_scale(model, df))
}

# For each scale, in how many rows a figure contradicts the others.
contradicted_rows <- function(tables, published, model, scales) {
  if (length(scales) == 0) {
    return(integer())
  }
  tables <- with_checks(tables, rows_under(tables, published, model, scales[[1]]))
  n <- nrow(tables$checks)
  scale <- rep(seq_along(scales), each = n)
  tables$checks <- tables$checks[rep(seq_len(n), length(scales)), ]
  tables$checks$par1 <- vapply(scales, `[[`, 0, "q")[scale]
  tables$checks$par2 <- vapply(scales, `[[`, 0, "df")[scale]
  tables$checks$par3 <- vapply(scales, `[[`, 0, "flags")[scale]
  verdict <- .Call(C_qstr_audit, core_tables(tables))$verdict
  bad <- verdict == match("inconsistent", audit_verdicts)
  row <- tables$cells$row[tables$checks$target]
  tabulate(scale[bad & !duplicated(data.frame(scale, row, bad))], length(scales))
}

# The best rival, with what it says of the print; of several df the nearest to that expected.
noted_scale <- function(rivals, fits, expected) {
  best <- rivals[fits == min(fits)]
  df <- vapply(best, `[[`, 0, "df")
  aim <- if (is.finite(expected)) abs(1 / df - 1 / expected) else -df
  scale <- best[[order(nzchar(vapply(best, `[[`, "", "note")), -aim, decreasing = TRUE)[[1]]]]
  if (!nzchar(scale$note)) {
    scale$note <- paste0(
      "df found: ", fitting_df_words(df), if (!is.na(expected)) sprintf(", not %g", expected)
    )
  }
  scale
}

fitting_df_words <- function(df) {
  ends <- ifelse(is.finite(range(df)), sprintf("%g", range(df)), "infinite")
  if (min(df) == max(df)) ends[[1]] else paste(ends[[1]], "to", ends[[2]])
}
