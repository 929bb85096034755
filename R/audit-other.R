# What an audit says of figures that are no part of the graph of cells: sample sizes and the pooled
# rows of meta-analyses. Rows of audit(), made by which_formula() and check_pools().

audit_other <- function(published, truncated) {
  do.call(rbind, c(
    list(audit_pools(published, truncated)),
    lapply(seq_len(nrow(published$power)), audit_power, published = published,
      truncated = truncated)
  ))
}

# ---- Pooled rows ----

audit_pools <- function(published, truncated) {
  if (nrow(published$pools) == 0) {
    return(NULL)
  }
  level <- printed_number(model_key(published, "conf.level", "", "0.95"))
  found <- as.data.frame(unclass(check_pools(published$pools, level, truncated)))
  found <- found[!is.na(found$verdict), ]
  # Participants needed at least.
  found$high[found$check == "n"] <- Inf
  column <- ifelse(found$check == "interval", "conf.low", found$check)
  data.frame(
    check = rep("pool", nrow(found)), cell = sprintf("pools[%d, %s]", found$row, column),
    found[c("printed", "recomputed", "low", "high", "verdict")],
    figure = sprintf("%s, %s", ifelse(nzchar(found$label), found$label, "pool"), found$check),
    note = found$note
  )
}

# ---- Sample sizes ----

# One row for the sample size of a row of power.csv. It is exact if a formula gives it from the
# printed inputs, `rounding` if one does from others that print the same. What a study chose, power
# and significance level, is taken at its word.
audit_power <- function(row, published, truncated) {
  inputs <- power_inputs(published$power[row, ])
  if (is.null(inputs)) {
    return(NULL)
  }
  text <- published$power$n[[row]]
  n <- printed_number(text)
  formulas <- power_formulas(n, inputs$printed)
  if (is.null(formulas)) {
    return(NULL)
  }
  ends <- lapply(power_ends(inputs, truncated), function(end) {
    exact_by_formula(formulas, if (!is.null(end)) power_formulas(n, end))
  })
  formulas$low <- ends[[1]]
  formulas$high <- ends[[2]]
  within <- floor(formulas$low) <= n & n <= ceiling_of(formulas$high)
  verdict <- c(
    if (any(formulas$gives)) "exact", if (any(within, na.rm = TRUE)) "rounding", "inconsistent"
  )[[1]]
  candidates <- switch(verdict, exact = formulas$gives, rounding = which(within), TRUE)
  by <- formulas[candidates, ]
  by <- by[if (verdict == "inconsistent") which.min(abs(by$up - n)) else 1, ]
  data.frame(
    check = "power", cell = sprintf("power[%d, n]", row), printed = text, recomputed = by$exact,
    low = by$low, high = by$high, verdict = verdict, figure = paste("sample size", by$unit),
    note = power_note(verdict, by, formulas)
  )
}

# `printed` has the arguments of which_formula(), `text` what is rounded among them. NULL where
# nothing can be computed.
power_inputs <- function(row) {
  number <- lapply(row[number_columns$power], printed_number)
  if (is.na(number$n) || (is.na(number$delta) && is.na(number$p1))) {
    return(NULL)
  }
  given <- function(name, other) if (is.na(number[[name]])) other else number[[name]]
  printed <- list(power = given("power", 0.8), alpha = given("alpha", 0.05),
    dropout = given("dropout", 0))
  if (is.na(number$delta)) {
    printed$proportions <- sort(c(number$p1, number$p2))
    text <- unlist(row[c("p1", "p2")])[order(c(number$p1, number$p2))]
  } else {
    # Without SD, the difference is one of standard deviations.
    printed[c("delta", "sd")] <- list(abs(number$delta), given("sd", 1))
    text <- sub("^-", "", unlist(row[c("delta", "sd")]))
  }
  list(printed = printed, text = unname(text))
}

# The inputs within rounding that need fewest and most people: n falls with the difference and
# rises with the SD. NULL where two proportions may be equal.
power_ends <- function(inputs, truncated) {
  printed <- inputs$printed
  if (is.null(printed$proportions)) {
    delta <- printed_box(inputs$text[[1]], truncated)
    sd <- if (nzchar(inputs$text[[2]])) printed_box(inputs$text[[2]], truncated) else c(1, 1)
    ends <- list(c(delta[[2]], sd[[1]]), c(delta[[1]], sd[[2]]))
    return(lapply(ends, function(end) {
      utils::modifyList(printed, list(delta = end[[1]], sd = end[[2]]))
    }))
  }
  small <- printed_box(inputs$text[[1]], truncated)
  large <- pmin(printed_box(inputs$text[[2]], truncated), 1 - 1e-9)
  ends <- list(c(small[[1]], large[[2]]), c(small[[2]], large[[1]]))
  lapply(ends, function(end) {
    if (end[[1]] < end[[2]] - 1e-9) utils::modifyList(printed, list(proportions = end))
  })
}

# NULL for effects that no sample can show.
power_formulas <- function(n, inputs) {
  tryCatch(as.data.frame(unclass(do.call(which_formula, c(list(n), inputs)))),
    questrial_error_range = function(cnd) NULL)
}

# The exact numbers of other inputs by the same formulas; infinite where proportions may be equal.
# NA for a formula whose name has its rounded effect size.
exact_by_formula <- function(formulas, others) {
  if (is.null(others)) {
    return(rep(Inf, nrow(formulas)))
  }
  key <- function(rows) paste(rows$formula, rows$unit, rows$inflation)
  others$exact[match(key(formulas), key(others))]
}

power_note <- function(verdict, by, formulas) {
  words <- paste0(by$formula, ", ", by$unit,
    if (by$inflation != "none") sprintf(" (%s)", by$inflation))
  usual <- formulas$formula %in% c("t test, exact", "normal, pooled variance") &
    formulas$unit == by$unit & formulas$inflation == by$inflation
  rest <- if (formulas$formula[usual] != by$formula) {
    sprintf(" %s: %s.", formulas$formula[usual], format(formulas$up[usual], scientific = FALSE))
  }
  paste0(switch(verdict,
    exact = "By ", rounding = "Within rounding by ", inconsistent = "By no formula; nearest is "
  ), words, ".", rest)
}
