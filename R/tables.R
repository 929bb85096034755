#' Printed tables
#'
#' [baseline_table()], [effects_table()] and the other tables of questrial are
#' data frames of raw numbers that print as a journal's table. This page says
#' what they have in common.
#'
#' The columns hold unrounded doubles, so a table can be computed with, sorted
#' and filtered: `x[x$p.value < 0.05, ]` is again a table. What is shown is
#' made by `format()`: a data frame of text with the printed headings. `print()`
#' wraps long labels and splits a table that is wider than the console into
#' parts that repeat the labels. `as.data.frame()` gives the plain data frame.
#'
#' In a document made by knitr the table becomes HTML, LaTeX (needs the LaTeX
#' package booktabs), a Word table (needs the R package flextable) or Markdown,
#' as the output asks. `flextable::as_flextable()` gives a flextable to style
#' further, [write_table()] a file.
#'
#' @param x A printed table, of class `questrial_table`.
#' @param i,j Rows and columns, as for a data frame. Columns that are left out
#'   are not printed, and without any column that is, the raw ones are; a
#'   single column is dropped to a vector as usual.
#' @param drop As for a data frame.
#' @param row.names,optional Ignored; there for the generic function.
#' @param ... Nothing; an unknown argument is an error.
#' @return `format()`: a data frame of character columns, one a printed column
#'   and named by its heading (headings may repeat). `print()`: `x`, invisibly.
#'   `as.data.frame()` and `tidy()` (of generics): the raw numbers, without class.
#'   `[`: a table, or a vector when one column was dropped.
#' @seealso [write_table()], [format_number()]
#' @examples
#' fit <- lm(mpg ~ wt + factor(cyl), mtcars)
#' table <- effects_table(fit)
#' format(table)
#' table[table$p.value < 0.01, ]
#' as.data.frame(table)$estimate
#' @name questrial_table
NULL

# Every printed table is made here. `columns` are table_column()s in printed
# order; `spanners` a named list, heading over the names of raw columns.
new_questrial_table <- function(data, kind, caption = NULL, notes = character(),
                                spanners = list(), columns = default_columns(data)) {
  structure(
    data,
    class = c(paste0(kind, "_table"), "questrial_table", "data.frame"),
    caption = caption,
    notes = notes,
    spanners = spanners,
    columns = columns
  )
}

# One printed column: its heading, the raw columns it is made of and how.
table_column <- function(heading, from, as = "text", ...) {
  list(heading = heading, from = from, as = as, options = list(...))
}

cell_formats <- list(
  text = function(x) {
    text <- as.character(x)
    text[is.na(text)] <- ""
    text
  },
  number = function(x, ...) format_number(x, ...),
  p = function(x, ...) format_p(x, ...),
  ci = function(low, high, ...) format_ci(low, high, ...),
  ratio = function(x, ...) format_number(exp(x), ...),
  ratio_ci = function(low, high, ...) format_ci(exp(low), exp(high), ...),
  df = function(...) format_df(...),
  count = function(x) count_cells(x),
  flag = function(x) ifelse(is.na(x), "", ifelse(x, "yes", "no")),
  attribute = function(x) unname(estimand_attributes[x]),
  shift = function(x) format_each(x),
  stated = function(x) ifelse(is.na(x), "not stated", x)
)

# Numbers of people; means over imputations may have a tenth.
count_cells <- function(n) {
  format_number(n, if (all(n == round(n), na.rm = TRUE)) 0 else 1)
}

# "353", "206.4", or "2, 359" for the two of an F test; no df without end.
format_df <- function(df, residual = rep(NA_real_, length(df))) {
  one <- function(x) {
    text <- number_text(x, ifelse(!is.finite(x) | abs(x - round(x)) < 1e-6, 0, 1), "r")
    # A pooled estimate that the imputations agree on has any number.
    text[which(x >= 1e5)] <- ">99999"
    text[is.na(x) | is.infinite(x)] <- ""
    text
  }
  both <- nzchar(one(df)) & nzchar(one(residual))
  paste0(one(df), ifelse(both, ", ", ""), one(residual))
}

default_columns <- function(data) {
  lapply(names(data), function(name) {
    as <- if (name == "p.value") "p" else if (is.double(data[[name]])) "number" else "text"
    table_column(name, name, as)
  })
}

#' @rdname questrial_table
#' @export
format.questrial_table <- function(x, ...) {
  check_no_dots(...)
  columns <- printed_columns(x)
  if (length(columns) == 0) {
    return(format(as.data.frame(x)))
  }
  cells <- lapply(columns, function(column) {
    values <- unname(unclass(x)[column$from])
    do.call(cell_formats[[column$as]], c(values, column$options))
  })
  names(cells) <- vapply(columns, `[[`, "", "heading")
  structure(
    cells,
    class = "data.frame", row.names = seq_len(nrow(x)),
    spanners = printed_spanners(x, columns)
  )
}

# Those whose raw columns are still there.
printed_columns <- function(x) {
  Filter(function(column) all(column$from %in% names(x)), attr(x, "columns"))
}

# Heading -> positions of the printed columns below it.
printed_spanners <- function(x, columns) {
  from <- lapply(columns, `[[`, "from")
  positions <- lapply(attr(x, "spanners"), function(raw) {
    which(vapply(from, function(names) any(names %in% raw), NA))
  })
  positions[lengths(positions) > 0]
}

#' @rdname questrial_table
#' @export
`[.questrial_table` <- function(x, i, j, drop) {
  result <- NextMethod()
  if (is.data.frame(result)) {
    own <- setdiff(names(attributes(x)), c("names", "row.names"))
    attributes(result)[own] <- attributes(x)[own]
  }
  result
}

#' @rdname questrial_table
#' @export
as.data.frame.questrial_table <- function(x, row.names = NULL, optional = FALSE, ...) {
  attributes(x) <- list(
    names = names(x), row.names = attr(x, "row.names"), class = "data.frame"
  )
  x
}

#' @rdname questrial_table
#' @exportS3Method generics::tidy
tidy.questrial_table <- function(x, ...) {
  check_no_dots(...)
  as.data.frame(x)
}

# ---- What every writer writes ----

# The table as text: `cells` (matrix), `headings`, `spanners` (list of text and
# columns, each an unbroken run), `figures` (columns of numbers, set flush
# right), `subheadings` (rows that are headings within the table), `indent`
# (levels, by row), `caption`, `notes`.
table_layout <- function(x) {
  shown <- format(x)
  cells <- vapply(shown, function(column) clean_text(column), character(nrow(shown)))
  cells <- matrix(cells, nrow(shown), length(shown))
  subheadings <- seq_len(nrow(cells)) %in% attr(shown, "subheadings")
  first <- if (ncol(cells) > 0) cells[, 1] else character()
  cells[, seq_len(min(1, ncol(cells)))] <- gsub("^ +| +$", "", first, perl = TRUE)
  list(
    cells = cells,
    headings = clean_text(names(shown)),
    spanners = spanner_runs(attr(shown, "spanners"), length(shown)),
    figures = figure_columns(cells[!subheadings, , drop = FALSE]),
    subheadings = subheadings,
    indent = (nchar(first) - nchar(sub("^ +", "", first, perl = TRUE))) %/% 2,
    caption = clean_text(as.character(attr(x, "caption"))),
    notes = clean_text(as.character(attr(x, "notes")))
  )
}

# Line breaks, tabs and other control characters would break every format.
# (Patterns on labels are Perl's or fixed throughout: others turn what is not
# ASCII into <U+...> in locales without UTF-8.)
clean_text <- function(text) {
  text <- iconv(enc2utf8(as.character(text)), "UTF-8", "UTF-8", sub = "\uFFFD")
  text[is.na(text)] <- ""
  gsub("[[:cntrl:]\u2028\u2029]+", " ", text, perl = TRUE)
}

# A spanner whose columns are not neighbours is printed over each run of them.
spanner_runs <- function(spanners, n_columns) {
  owner <- rep(NA_integer_, n_columns)
  for (k in seq_along(spanners)) {
    owner[spanners[[k]]] <- k
  }
  runs <- rle(ifelse(is.na(owner), -seq_len(n_columns), owner))
  last <- cumsum(runs$lengths)
  named <- which(runs$values > 0)
  lapply(named, function(run) {
    list(
      text = clean_text(names(spanners)[[runs$values[[run]]]]),
      columns = seq(last[[run]] - runs$lengths[[run]] + 1, last[[run]])
    )
  })
}

# Columns of nothing but numbers, P values, intervals and pairs of df.
figure_columns <- function(cells) {
  number <- "[<>]?-?(\\d+([.]\\d+)?|[.]\\d+|Inf)"
  pattern <- sprintf("^(%s((, | to )%s)?)?$", number, number)
  if (ncol(cells) == 0) {
    return(logical())
  }
  matched <- matrix(grepl(pattern, cells), nrow(cells), ncol(cells))
  c(FALSE, colSums(!matched[, -1, drop = FALSE]) == 0)
}

# Blanks after the decimals of a column of single numbers, so that the points
# stand under one another when it is set flush right. Blocks between
# subheadings are aligned each for itself.
align_points <- function(layout, blank) {
  block <- cumsum(layout$subheadings)
  for (j in which(layout$figures)) {
    for (rows in split(which(!layout$subheadings), block[!layout$subheadings])) {
      layout$cells[rows, j] <- pad_decimals(layout$cells[rows, j], blank)
    }
  }
  layout
}

pad_decimals <- function(text, blank) {
  single <- grepl("^[<>]?-?\\d*([.]\\d+)?$", text) & nzchar(text)
  decimals <- ifelse(grepl(".", text, fixed = TRUE), nchar(sub("^[^.]*", "", text)), 0)
  if (!any(single) || any(nzchar(text) & !single)) {
    return(text)
  }
  lacking <- ifelse(single, max(decimals[single]) - decimals, 0)
  paste0(text, strrep(blank, lacking))
}
