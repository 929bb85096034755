# An audit as text: how many checks came out how, then what is inconsistent.

#' Look at an audit
#'
#' An [audit()] prints its counts first and then what is inconsistent, each figure with what was
#' printed and what its inputs allow; `summary()` counts verdicts by kind of check.
#'
#' A verdict is about a figure and what it was computed from together: when the two contradict each
#' other, either may be the misprint. `[` keeps an audit an audit as long as it has the columns
#' that say which figure got which verdict.
#'
#' @param x,object An [audit()].
#' @param n How many inconsistent figures are printed at most.
#' @param i,j,drop Rows and columns, as for a data frame.
#' @param ... Nothing; an unknown argument is an error.
#' @return `print()`: `x`, invisibly. `summary()`: a [questrial_table] with a row a kind of check
#'   (`check`, `exact`, `rounding`, `inconsistent`, `checks`), the last one for all. `[`: an audit,
#'   a data frame, or a vector.
#' @seealso [plot.audit()] draws the tables with these verdicts, [write_audit()] writes them.
#' @examples
#' found <- audit(published(system.file("extdata", "lemogne2020", package = "questrial")))
#' found
#' summary(found)
#' found[found$check == "total", ]
#' @name print.audit
NULL

#' @rdname print.audit
#' @export
print.audit <- function(x, n = 20, ...) {
  check_no_dots(...)
  check_number(n, "n", min = 0, whole = TRUE)
  width <- getOption("width")
  cat(wrap_text(audit_title(x), width), wrap_text(verdict_words(x), width), sep = "\n")
  if (nrow(x) == 0 && nrow(attr(x, "tables")$checks) == 0) {
    cat(wrap_text(unchecked_words, width), sep = "\n")
  }
  wrong <- inconsistent_rows(x)
  if (nrow(wrong) > 0) {
    shown <- utils::head(wrong, n)
    words <- inconsistent_words(shown)
    lines <- Map(strwrap, words, width = width, indent = (row(words) - 1) * 2, exdent = 4)
    cat("", unlist(lines), "", sep = "\n")
    more <- nrow(wrong) - nrow(shown)
    cat(wrap_text(paste(
      if (more > 0) sprintf("%d more are not shown: print(x, n = %d).", more, nrow(wrong)),
      blame_words
    ), width), sep = "\n")
  }
  invisible(x)
}

#' @rdname print.audit
#' @export
summary.audit <- function(object, ...) {
  check_no_dots(...)
  by <- table(factor(object$check, unique(object$check)), factor(object$verdict, audit_verdicts))
  counts <- rbind(unclass(by), All = colSums(by))
  rows <- data.frame(check = rownames(counts), counts, checks = rowSums(counts), row.names = NULL)
  new_questrial_table(rows, "audit_summary", "Checks by kind and verdict", columns = c(
    list(table_column("Check", "check")),
    Map(table_column, c("Exact", "Rounding", "Inconsistent", "All"), c(audit_verdicts, "checks"),
      "count", USE.NAMES = FALSE)
  ))
}

#' @rdname print.audit
#' @export
`[.audit` <- function(x, i, j, drop) {
  result <- NextMethod()
  if (!is.data.frame(result)) {
    return(result)
  }
  if (all(audit_columns %in% names(result))) {
    kept <- c("tables", "published")
    attributes(result)[kept] <- attributes(x)[kept]
    return(result)
  }
  attributes(result)[c("tables", "published")] <- NULL
  class(result) <- "data.frame"
  result
}

audit_columns <- c(
  "check", "cell", "printed", "recomputed", "low", "high", "verdict", "figure", "note"
)

audit_title <- function(audit) {
  title <- design_values(attr(audit, "published"), "title")
  if (length(title) > 0) paste0("Audit of ", title[[1]]) else "Audit of printed tables"
}

verdict_counts <- function(audit) {
  table(factor(audit$verdict, audit_verdicts))
}

# "61 checks of 52 printed figures: 48 exact, 9 within rounding, 4 inconsistent."
verdict_words <- function(audit) {
  n <- verdict_counts(audit)
  figures <- length(unique(audit$cell))
  sprintf(
    "%s of %s: %d exact, %d within rounding, %d inconsistent.", count_words(nrow(audit), "check"),
    count_words(figures, "printed figure"), n[["exact"]], n[["rounding"]], n[["inconsistent"]]
  )
}

blame_words <- paste(
  "A figure is inconsistent with what it was computed from: either may be the misprint.",
  "repair() looks for it."
)

unchecked_words <- paste(
  "No figure that is typed follows from others, so there was nothing to check.",
  "?audit says what follows from what; names must be the same in all files."
)

inconsistent_rows <- function(audit) {
  audit[which(audit$verdict == "inconsistent"), ]
}

# "tests[4, p], p: specialty by arm", "printed 0.23, recomputed 0.321": two texts a row.
inconsistent_words <- function(rows) {
  table <- inconsistent_table(rows)
  same <- table$recomputed == table$allowed
  rbind(
    paste0(table$cell, ", ", table$check, ifelse(nzchar(table$figure), ": ", ""), table$figure),
    paste0(
      "printed ", table$printed, ", recomputed ", table$recomputed,
      ifelse(same | !nzchar(table$allowed), "", paste(", allowed", table$allowed)),
      ifelse(nzchar(rows$note), paste0(" (", rows$note, ")"), "")
    )
  )
}

# What is inconsistent, for the report.
inconsistent_table <- function(rows) {
  decimals <- printed_digits(rows$printed)
  shown <- data.frame(
    cell = rows$cell, check = rows$check, figure = rows$figure,
    printed = rows$printed, recomputed = recomputed_text(rows$recomputed, decimals),
    allowed = allowed_text(rows$low, rows$high, decimals)
  )
  notes <- unique(rows$note[nzchar(rows$note)])
  new_questrial_table(shown, "inconsistent", "What is inconsistent", notes, columns = Map(
    table_column, c("Cell", "Check", "Figure", "Printed", "Recomputed", "Allowed"), names(shown),
    USE.NAMES = FALSE
  ))
}

# Recomputed numbers with one digit more than the `decimals` that are printed, since rounding is
# what is in question.
recomputed_text <- function(x, decimals) {
  whole <- decimals == 0 & x == round(x)
  text <- number_text(x, ifelse(whole %in% TRUE, 0, pmin(decimals + 1, 15)), "r")
  lost <- which(x != 0 & abs(x) < 0.5 * 10^-(decimals + 1))
  text[lost] <- formatC(x[lost], digits = 1, format = "g")
  text[is.na(x)] <- ""
  text
}

# "2.355 to 2.365", "4.6845", "at least 3".
allowed_text <- function(low, high, decimals) {
  from <- recomputed_text(low, decimals)
  to <- recomputed_text(high, decimals)
  text <- ifelse(from == to, from, paste(from, "to", to))
  text <- ifelse(is.finite(low), text, paste("at most", to))
  text <- ifelse(is.finite(high), text, paste("at least", from))
  ifelse(is.finite(low) | is.finite(high), text, "")
}
