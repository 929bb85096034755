# What is missing, as data: which variables together, and how much by arm. plot_missing() draws
# the shares of many columns.

#' Which values are missing, and how often together
#'
#' `missing_pattern()` counts the rows that miss the same variables;
#' `missing_table()` counts the missing values of each variable, by arm.
#'
#' Patterns tell whether people left for good (monotone: who misses a visit misses those after it)
#' or skipped single answers, which decides what can be done: see [impute()] and, when
#' missingness itself may depend on the answer, [delta_adjust()]. CONSORT 2025 (item 21c) asks
#' trials to describe both.
#'
#' @param data A data frame, one row a participant.
#' @param columns Names of the columns to look at; by default all.
#' @param by The arm or another group: name of a column or a formula `~ arm`; its values may not
#'   be missing.
#' @return `missing_pattern()`: a data frame of class `missing_pattern`, one row a pattern, the most
#'   frequent first: `n` (rows), `share` of all rows, `n_missing` (how many variables are missing)
#'   and `missing` (their names, separated by commas; `""` for complete rows). The attribute
#'   `"missing"` is the logical matrix of pattern by variable. Its `plot()` is a ggplot2 figure.
#'
#'   `missing_table()`: a [questrial_table], one row a variable: `n` (rows), `missing`, `percent`
#'   and, with `by`, the same for each group, as in `missing.control`.
#' @section Compared with mice:
#' `mice::md.pattern()` gives a matrix whose margins are in its names; here counts are columns.
#' @section Errors:
#' `questrial_error_argument` for unknown columns and missing groups.
#' @seealso [plot_missing()] for the shares of many columns by visit and arm.
#' @examples
#' missing_pattern(airquality)
#' missing_table(balint, c("living", "absences", "t0_1", "t1_1"), by = ~arm)
#' @export
missing_pattern <- function(data, columns = NULL) {
  missing <- missing_matrix(data, columns)
  key <- do.call(paste0, c(list(""), lapply(seq_len(ncol(missing)), function(j) +missing[, j])))
  first <- which(!duplicated(key))
  n <- tabulate(match(key, key[first]))
  patterns <- missing[first, , drop = FALSE]
  order <- order(-n, rowSums(patterns), key[first])
  patterns <- patterns[order, , drop = FALSE]
  rownames(patterns) <- NULL
  structure(
    data.frame(
      n = n[order], share = n[order] / nrow(missing), n_missing = as.integer(rowSums(patterns)),
      missing = apply(patterns, 1, function(is) paste(colnames(patterns)[is], collapse = ", "))
    ),
    class = c("missing_pattern", "data.frame"), missing = patterns
  )
}

# One logical column a variable.
missing_matrix <- function(data, columns) {
  check_data_frame(data)
  if (is.null(columns)) {
    columns <- names(data)
  } else {
    check_columns(data, columns)
  }
  missing <- vapply(columns, function(column) is.na(data[[column]]), logical(nrow(data)))
  matrix(missing, nrow(data), dimnames = list(NULL, columns))
}

#' @export
print.missing_pattern <- function(x, ...) {
  missing <- attr(x, "missing")
  total <- round(sum(x$n) / max(sum(x$share), 1e-300))
  cat(sprintf(
    "%d pattern%s of %d variable%s in %d rows; complete: %d (%s%%)\n\n", nrow(x),
    if (nrow(x) == 1) "" else "s", ncol(missing), if (ncol(missing) == 1) "" else "s", total,
    sum(x$n[x$n_missing == 0]), format_number(100 * sum(x$share[x$n_missing == 0]), 1)
  ))
  shown <- utils::head(x, 15)
  counts <- sprintf("%6d %6s%%  ", shown$n, format_number(100 * shown$share, 1))
  words <- ifelse(shown$n_missing == 0, "complete", paste("without", shown$missing))
  cat("  rows       %\n")
  for (k in seq_along(counts)) {
    lines <- strwrap(words[[k]], width = max(20, getOption("width") - nchar(counts[[k]])))
    blank <- strrep(" ", nchar(counts[[k]]))
    cat(paste0(c(counts[[k]], rep(blank, length(lines) - 1)), lines, "\n"), sep = "")
  }
  if (nrow(x) > nrow(shown)) {
    cat(sprintf("and %d more patterns in %d rows\n", nrow(x) - nrow(shown),
      sum(x$n) - sum(shown$n)))
  }
  invisible(x)
}

#' @rdname missing_pattern
#' @param x A result of `missing_pattern()`.
#' @param most How many patterns to draw, the most frequent ones.
#' @param ... Nothing; an unknown argument is an error.
#' @export
plot.missing_pattern <- function(x, most = 20, ...) {
  need_ggplot2()
  check_no_dots(...)
  check_number(most, "most", min = 1, whole = TRUE)
  shown <- utils::head(seq_len(nrow(x)), most)
  missing <- attr(x, "missing")
  cells <- data.frame(
    line = rep(length(shown) + 1 - shown, ncol(missing)),
    column = rep(seq_len(ncol(missing)), each = length(shown)),
    what = ifelse(as.vector(missing[shown, ]), "missing", "observed")
  )
  # At most some 40 labels side by side.
  every <- ceiling(ncol(missing) / 40)
  at <- seq(1, ncol(missing), by = every)
  share <- format_number(100 * x$share[shown], 1)
  figure <- ggplot2::ggplot(cells, aes_of(x = "column", y = "line", fill = "what")) +
    ggplot2::geom_tile(colour = "white", linewidth = 0.3) +
    ggplot2::scale_fill_manual(NULL, values = c(observed = "#E3E9EF", missing = "#08306B")) +
    ggplot2::scale_x_continuous(breaks = at, labels = colnames(missing)[at], expand = c(0, 0),
      guide = ggplot2::guide_axis(angle = 45)) +
    ggplot2::scale_y_continuous(breaks = rev(seq_along(shown)), expand = c(0, 0),
      labels = sprintf("%d (%s%%)", x$n[shown], share)) +
    ggplot2::labs(x = NULL, y = "Rows with the pattern", caption = if (nrow(x) > most) {
      sprintf("The %d most frequent of %d patterns.", most, nrow(x))
    }, alt = sprintf("Patterns of missing values; complete: %d rows of %d.",
      sum(x$n[x$n_missing == 0]), sum(x$n))) +
    theme_questrial() +
    ggplot2::theme(panel.grid = ggplot2::element_blank())
  want_height(figure, 42 + 5 * length(shown))
}

#' @rdname missing_pattern
#' @export
missing_table <- function(data, columns = NULL, by = NULL) {
  missing <- missing_matrix(data, columns)
  table <- data.frame(variable = colnames(missing), n = nrow(missing), missing = colSums(missing))
  table$percent <- 100 * table$missing / nrow(missing)
  rownames(table) <- NULL
  shown <- list(
    table_column("Variable", "variable"), table_column("Missing", "missing"),
    table_column("%", "percent", "number", digits = 1)
  )
  spanners <- list()
  if (!is.null(by)) {
    group <- figure_groups(data, by, "by")
    spanners[[sprintf("All (n = %d)", nrow(missing))]] <- c("missing", "percent")
    for (level in levels(group)) {
      n <- sum(group == level)
      names <- paste0(c("n.", "missing.", "percent."), level)
      count <- colSums(missing[group == level, , drop = FALSE])
      table[names] <- list(n, count, 100 * count / n)
      shown <- c(shown, list(
        table_column("Missing", names[[2]]), table_column("%", names[[3]], "number", digits = 1)
      ))
      spanners[[sprintf("%s (n = %d)", level, n)]] <- names[-1]
    }
  }
  new_questrial_table(
    table, "missing", "Missing values", spanners = spanners, columns = shown,
    notes = sprintf("%d of %d rows are complete in these variables.",
      sum(rowSums(missing) == 0), nrow(missing))
  )
}
