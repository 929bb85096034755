# How a baseline table looks: its notes, and its text in blocks of counts and
# means.

# ---- Notes ----

baseline_notes <- function(data, columns, arm, labels, options) {
  c(
    if (options$percent == "row") "Percentages are of the category.",
    if (options$missing == "note") missing_note(data, columns$others, arm, labels),
    absent_note(data, columns$others, arm, columns$arm, labels),
    empty_note(data, columns$others, labels),
    if (anyNA(arm)) sprintf("Left out: %d without %s.", sum(is.na(arm)), columns$arm)
  )
}

# "living status 13 (4, 5, 4)", in the order of the arms. An arm without any
# value was not asked: that is another note.
missing_note <- function(data, names, arm, labels) {
  n_missing <- missing_by_arm(data, names, arm)
  n_missing[absent_by_arm(n_missing, arm)] <- 0
  some <- rowSums(n_missing) > 0
  if (any(some)) {
    shown <- variable_labels(data, names[some], labels)
    by_arm <- apply(n_missing[some, , drop = FALSE], 1, paste, collapse = ", ")
    by_arm <- if (nlevels(arm) > 1) sprintf(" (%s)", by_arm) else ""
    each <- paste0(shown, " ", rowSums(n_missing)[some], by_arm)
    order <- if (nlevels(arm) > 1) ", in the order of the columns" else ""
    sprintf("Missing values%s: %s.", order, paste(each, collapse = "; "))
  }
}

absent_note <- function(data, names, arm, name, labels) {
  absent <- absent_by_arm(missing_by_arm(data, names, arm), arm)
  some <- rowSums(absent) > 0
  if (any(some)) {
    shown <- variable_labels(data, names[some], labels)
    arms <- apply(absent[some, , drop = FALSE], 1, function(here) {
      paste(level_label(name, levels(arm)[here], labels), collapse = ", ")
    })
    sprintf("No values: %s.", paste(sprintf("%s (%s)", shown, arms), collapse = "; "))
  }
}

approximate_note <- function(rows) {
  labels <- vapply(Filter(function(row) row$approximate, rows), function(row) row$words[[4]], "")
  if (length(labels) > 0) {
    sprintf(
      "Some expected counts are below 5, and chi-squared is approximate: %s.",
      paste(labels, collapse = ", ")
    )
  }
}

# Rows: variables; columns: arms.
missing_by_arm <- function(data, names, arm) {
  counts <- vapply(names, function(name) {
    tabulate(arm[is.na(data[[name]])], nlevels(arm))
  }, integer(nlevels(arm)))
  matrix(counts, length(names), nlevels(arm), byrow = TRUE)
}

absent_by_arm <- function(n_missing, arm) {
  n_missing == rep(tabulate(arm, nlevels(arm)), each = nrow(n_missing))
}

variable_labels <- function(data, names, labels) {
  vapply(names, function(name) variable_label(data[[name]], name, labels), "")
}

empty_note <- function(data, names, labels) {
  each <- unlist(lapply(names, function(name) {
    column <- data[[name]]
    if (!is.factor(column)) {
      return(NULL)
    }
    empty <- levels(column)[tabulate(column, nlevels(column)) == 0]
    if (length(empty) > 0) {
      shown <- paste(level_label(name, empty, labels), collapse = ", ")
      sprintf("%s (%s)", shown, variable_label(column, name, labels))
    }
  }))
  if (length(each) > 0) {
    sprintf("Nobody is in: %s.", paste(each, collapse = "; "))
  }
}

# ---- Printed form ----

#' @export
format.baseline_table <- function(x, ...) {
  check_no_dots(...)
  if (!all(c("variable", "level", "label", "kind") %in% names(x))) {
    return(format(as.data.frame(x)))
  }
  arms <- shown_arms(x)
  body <- cbind(baseline_label(x), do.call(cbind, arms$cells), baseline_tests(x))
  block <- baseline_block(x)
  heads <- baseline_headings(x, length(arms$label))
  starts <- which(c(FALSE, block[-1] != block[-length(block)]))
  rows <- order(c(seq_along(block), starts - 0.5))
  all <- rbind(body, do.call(rbind, heads[block[starts]]))[rows, , drop = FALSE]
  first <- if (length(block) > 0) block[[1]] else "count"
  shown <- as.data.frame(unname(all))
  names(shown) <- c("Characteristic", heads[[first]][-1])
  spanned <- lapply(seq_along(arms$label), function(k) 2 * k + 0:1)
  structure(shown,
    spanners = stats::setNames(spanned, arms$label),
    subheadings = which(rows > nrow(body))
  )
}

# Numbers and categories have different columns under each arm, so a change
# from one to the other is a new block with its own headings.
baseline_block <- function(x) {
  numbers <- unique(x$variable[x$kind == "mean"])
  ifelse(x$variable %in% numbers, "mean", "count")
}

baseline_label <- function(x) {
  inside <- !is.na(x$level) | x$kind %in% "missing"
  paste0(ifelse(inside, "  ", ""), ifelse(is.na(x$label), "", x$label))
}

# For each arm whose columns are still there: a label and a matrix of text.
shown_arms <- function(x) {
  arms <- attr(x, "arms")
  options <- attr(x, "options")
  own <- function(key) paste(c("n", "percent", "mean", "sd"), key, sep = "_")
  there <- vapply(arms$key, function(key) all(own(key) %in% names(x)), NA)
  arms <- arms[there, ]
  list(
    label = sprintf("%s (N\u00a0=\u00a0%d)", arms$label, arms$n),
    cells = lapply(arms$key, function(key) arm_cells(unclass(x)[own(key)], x$kind, options))
  )
}

arm_cells <- function(values, kind, options) {
  digits <- options$digits
  number <- function(x, digits) format_number(x, digits, options$dialect)
  is_mean <- kind == "mean"
  # A share of nobody has no percentage, and its 0 would look like an answer.
  values[[1]][kind == "count" & is.na(values[[2]])] <- NA
  cbind(
    ifelse(is_mean, number(values[[3]], digits[["mean"]]), number(values[[1]], 0)),
    ifelse(is_mean, number(values[[4]], digits[["sd"]]), number(values[[2]], digits[["percent"]]))
  )
}

baseline_tests <- function(x) {
  options <- attr(x, "options")
  dialect <- options$dialect
  shown <- baseline_test_columns(x)
  cells <- lapply(shown, function(column) {
    switch(column,
      statistic = format_number(x$statistic, options$digits[["statistic"]], dialect),
      df = format_df(x$df, x$df.residual),
      p.value = format_p(x$p.value, options$p_style, dialect = dialect),
      smd = format_number(x$smd, 2, dialect)
    )
  })
  matrix(as.character(unlist(cells)), nrow(x), length(shown))
}

baseline_test_columns <- function(x) {
  options <- attr(x, "options")
  wanted <- c(if (options$test) c("statistic", "df", "p.value"), if (options$smd) "smd")
  gone <- if (!"df.residual" %in% names(x)) "df"
  setdiff(intersect(wanted, names(x)), gone)
}

baseline_headings <- function(x, n_arms) {
  tests <- baseline_test_columns(x)
  head <- function(each, statistic) {
    shown <- c(statistic = statistic, df = "df", p.value = "P", smd = "SMD")
    c("", rep(each, n_arms), unname(shown[tests]))
  }
  list(count = head(c("N", "%"), "\u03c7\u00b2"), mean = head(c("Mean", "SD"), "F"))
}
