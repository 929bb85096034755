#' Write a printed table to a file
#'
#' The extension says the format:
#'
#' * `.docx`: a Word document with a real table (packages flextable and
#'   officer), ready to be pasted into a manuscript; landscape when wide.
#' * `.html`: one self-contained page, with the markup that screen readers
#'   need; nothing is loaded from elsewhere.
#' * `.tex`: a `table` environment to be read by `\\input`; needs the LaTeX
#'   package booktabs.
#' * `.md`: a pipe table. Headings over several columns are put before each.
#' * `.csv`: UTF-8, RFC 4180 quoting, without caption and notes. `raw = TRUE`
#'   writes the unrounded numbers under the names of the raw columns.
#'
#' The file is written aside and renamed, so that a failure leaves the old one.
#'
#' @param x A [questrial_table].
#' @param file Path of the file.
#' @param raw For `.csv`: raw numbers rather than printed text?
#' @return `file`, invisibly.
#' @section Errors:
#' `questrial_error_argument` for another extension, with the list of those
#' there are; `questrial_error_file` when the file cannot be written;
#' `questrial_error_package` when flextable or officer is needed and not there.
#' @section Peers:
#' gtsummary needs gt or flextable for every format; here only Word does.
#' @seealso [questrial_table]
#' @examples
#' table <- effects_table(lm(mpg ~ wt, mtcars))
#' file <- file.path(tempdir(), "table2.html")
#' write_table(table, file)
#' @export
write_table <- function(x, file, raw = FALSE) {
  check_table(x)
  check_string(file, "file")
  check_flag(raw, "raw")
  extension <- tolower(tools::file_ext(file))
  if (!extension %in% names(table_writers)) {
    qst_abort("argument", sprintf(
      "`file`: a table cannot be written to %s. The extension must be one of %s.",
      describe(basename(file)), enumerate(paste0(".", names(table_writers)), " or ")
    ), value = file)
  }
  if (raw && extension != "csv") {
    qst_abort("argument", "`raw` is for .csv files only. Leave it out or write a .csv file.")
  }
  write_aside(file, function(path) {
    if (raw) write_utf8(raw_csv(x), path) else table_writers[[extension]](x, path)
  })
}

check_table <- function(x) {
  if (!inherits(x, "questrial_table")) {
    qst_abort("argument", sprintf(
      "`x` must be a printed table, as baseline_table() makes, not %s.", describe(x)
    ))
  }
  x
}

table_writers <- list(
  docx = function(x, path) write_docx(x, path),
  html = function(x, path) write_utf8(html_page(x), path),
  csv = function(x, path) write_utf8(csv_lines(joined_headings(table_layout(x))), path),
  md = function(x, path) write_utf8(table_markdown(x), path),
  tex = function(x, path) write_utf8(table_latex(x), path)
)

# Bytes as they are, on every platform and in every locale.
write_utf8 <- function(lines, path) {
  connection <- file(path, "wb")
  on.exit(close(connection))
  writeLines(enc2utf8(lines), connection, useBytes = TRUE)
}

# ---- Parts ----

# Hyphens before numbers become minus signs, in columns of numbers only: a
# label or a date keeps its hyphens.
set_minus <- function(layout, minus = "\u2212") {
  for (j in which(layout$figures)) {
    layout$cells[, j] <- gsub("(^|[ <>])-(?=[0-9.I])", paste0("\\1", minus), layout$cells[, j],
      perl = TRUE)
  }
  layout
}

by_row <- function(cells, fun, ...) {
  vapply(seq_len(nrow(cells)), function(i) fun(cells[i, ], ...), "")
}

# One row of headings where a format has no spanners.
joined_headings <- function(layout) {
  for (spanner in layout$spanners) {
    layout$headings[spanner$columns] <- paste0(
      spanner$text, ", ", layout$headings[spanner$columns]
    )
  }
  layout$headings <- gsub("\u00a0", " ", layout$headings, fixed = TRUE)
  layout
}

# ---- HTML ----

# One table without a page around it; the rules of `table_css` must be there.
table_html <- function(x) {
  layout <- set_minus(align_points(table_layout(x), "\u2007"))
  c(
    "<table class=\"qst-table\">",
    if (length(layout$caption) > 0) html_element("caption", layout$caption),
    "<thead>", html_spanners(layout), html_headings(layout), "</thead>",
    "<tbody>", vapply(seq_len(nrow(layout$cells)), html_row, "", layout = layout), "</tbody>",
    html_notes(layout),
    "</table>"
  )
}

html_escape <- function(text) {
  text <- gsub("&", "&amp;", text, fixed = TRUE)
  text <- gsub("<", "&lt;", text, fixed = TRUE)
  text <- gsub(">", "&gt;", text, fixed = TRUE)
  gsub("\"", "&quot;", text, fixed = TRUE)
}

# `attributes` are ours and trusted; `text` is not.
html_element <- function(tag, text, attributes = "") {
  sprintf("<%s%s>%s</%s>", tag, attributes, html_escape(text), tag)
}

html_spanners <- function(layout) {
  if (length(layout$spanners) == 0) {
    return(character())
  }
  cells <- rep("<td></td>", length(layout$headings))
  for (spanner in layout$spanners) {
    span <- sprintf(" scope=\"colgroup\" colspan=\"%d\"", length(spanner$columns))
    cells[spanner$columns] <- ""
    text <- html_element("span", spanner$text)
    cells[spanner$columns[[1]]] <- sprintf("<th%s>%s</th>", span, text)
  }
  paste0("<tr class=\"qst-spanners\">", paste(cells, collapse = ""), "</tr>")
}

html_headings <- function(layout) {
  cells <- html_element("th", layout$headings, html_class(layout, " scope=\"col\""))
  paste0("<tr>", paste(cells, collapse = ""), "</tr>")
}

html_class <- function(layout, scope) {
  paste0(scope, ifelse(layout$figures, "", " class=\"qst-text\""))
}

html_row <- function(i, layout) {
  scope <- c(" scope=\"row\"", rep("", length(layout$headings) - 1))
  class <- if (layout$subheadings[[i]]) " class=\"qst-subheading\"" else ""
  if (layout$indent[[i]] > 0) {
    scope[[1]] <- sprintf(" scope=\"row\" style=\"padding-left:%.1fem\"", 1.2 * layout$indent[[i]])
  }
  tag <- c("th", rep("td", length(scope) - 1))
  cells <- html_element(tag, layout$cells[i, ], html_class(layout, scope))
  cells[[1]] <- if (nzchar(layout$cells[i, 1])) cells[[1]] else "<td></td>"
  paste0("<tr", class, ">", paste(cells, collapse = ""), "</tr>")
}

html_notes <- function(layout) {
  if (length(layout$notes) == 0) {
    return(character())
  }
  span <- sprintf(" colspan=\"%d\"", length(layout$headings))
  rows <- paste0("<tr>", html_element("td", layout$notes, span), "</tr>")
  c("<tfoot>", rows, "</tfoot>")
}

table_css <- c(
  ".qst-table{border-collapse:collapse;margin:1.5em 0;font-size:0.95em;line-height:1.35;",
  "font-variant-numeric:tabular-nums lining-nums;border-bottom:0}",
  ".qst-table caption{text-align:left;font-weight:600;padding:0 0 .5em;color:inherit}",
  ".qst-table thead{background:none}",
  ".qst-table th,.qst-table td{padding:.18em .55em;text-align:right;vertical-align:top;",
  "font-weight:normal;white-space:nowrap;border:0;background:none}",
  ".qst-table th:first-child,.qst-table .qst-text{text-align:left;white-space:normal;",
  "overflow-wrap:break-word}",
  ".qst-table th:first-child{padding-left:0;min-width:9em;overflow-wrap:anywhere}",
  ".qst-table thead tr:first-child>*{border-top:1.5px solid currentColor;padding-top:.4em}",
  ".qst-table thead tr:last-child>*{border-bottom:.75px solid currentColor;",
  "padding-bottom:.35em;vertical-align:bottom}",
  ".qst-table .qst-spanners th{text-align:center;white-space:normal;vertical-align:bottom;",
  "position:relative}",
  ".qst-table .qst-spanners span{display:inline-block;max-width:7.5em}",
  ".qst-table .qst-spanners th::after{content:\"\";position:absolute;left:.5em;right:.4em;",
  "bottom:0;border-bottom:.75px solid currentColor}",
  ".qst-table tbody tr:first-child>*{padding-top:.4em}",
  ".qst-table tbody tr:last-child>*{border-bottom:1.5px solid currentColor;padding-bottom:.4em}",
  ".qst-table .qst-subheading>*{padding-top:.9em;border-bottom:.75px solid currentColor}",
  ".qst-table tfoot td{text-align:left;white-space:normal;font-size:.86em;padding:.15em 0}",
  ".qst-table tfoot tr:first-child td{padding-top:.5em}"
)

html_page <- function(x) {
  title <- c(as.character(attr(x, "caption")), "Table")[[1]]
  c(
    "<!DOCTYPE html>",
    "<html lang=\"en\">",
    "<head>",
    "<meta charset=\"utf-8\">",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
    html_element("title", clean_text(title)),
    "<style>",
    "body{font-family:\"Helvetica Neue\",Arial,\"Liberation Sans\",sans-serif;margin:2em;",
    "color:#111;background:#fff}",
    table_css,
    "</style>",
    "</head>",
    "<body>",
    table_html(x),
    "</body>",
    "</html>"
  )
}

# ---- CSV ----

# RFC 4180: quotes around what needs them, doubled within.
csv_lines <- function(layout) {
  layout$cells[, 1] <- paste0(strrep("  ", layout$indent), layout$cells[, 1])
  rows <- rbind(layout$headings, layout$cells)
  odd <- grepl("[\",\r\n]|^ | $", rows)
  rows[odd] <- sprintf("\"%s\"", gsub("\"", "\"\"", rows[odd], fixed = TRUE))
  by_row(rows, paste, collapse = ",")
}

raw_csv <- function(x) {
  data <- as.data.frame(x)
  cells <- vapply(data, function(column) {
    text <- if (is.double(column)) sprintf("%.17g", column) else clean_text(column)
    text[is.na(column)] <- ""
    text
  }, character(nrow(data)))
  cells <- matrix(cells, nrow(data), ncol(data))
  csv_lines(list(headings = names(data), cells = cells, indent = rep(0, nrow(data))))
}

# ---- Markdown ----

table_markdown <- function(x) {
  layout <- joined_headings(set_minus(table_layout(x)))
  lead <- strrep("&nbsp;", 4 * layout$indent)
  cells <- layout$cells
  cells[] <- markdown_escape(cells)
  cells[, 1] <- paste0(lead, cells[, 1])
  row <- function(text) paste0("| ", paste(text, collapse = " | "), " |")
  c(
    if (length(layout$caption) > 0) c(paste0("**", markdown_escape(layout$caption), "**"), ""),
    row(markdown_escape(layout$headings)),
    row(ifelse(layout$figures, "---:", ":---")),
    by_row(cells, row),
    if (length(layout$notes) > 0) c("", paste0(markdown_escape(layout$notes), "  "))
  )
}

markdown_escape <- function(text) {
  text <- gsub("([\\\\`*_{}\\[\\]#|~^$])", "\\\\\\1", text, perl = TRUE)
  text <- gsub("&", "&amp;", text, fixed = TRUE)
  gsub("<", "&lt;", text, fixed = TRUE)
}

# ---- LaTeX ----

table_latex <- function(x) {
  layout <- set_minus(align_points(table_layout(x), "\u2007"))
  cells <- layout$cells
  cells[] <- latex_escape(cells)
  cells[, 1] <- paste0(latex_indent(layout), cells[, 1])
  row <- function(text) paste0(paste(text, collapse = " & "), " \\\\")
  body <- by_row(cells, row)
  under <- layout$subheadings
  body[under] <- paste0("\\addlinespace\n", body[under], "\n\\midrule")
  c(
    "\\begin{table}[htbp]",
    "\\centering",
    if (length(layout$caption) > 0) {
      sprintf("\\caption{%s}\\smallskip", latex_escape(layout$caption))
    },
    "\\small",
    "\\setlength{\\tabcolsep}{4pt}",
    sprintf("\\begin{tabular}{%s}", latex_columns(layout)),
    "\\toprule",
    latex_spanners(layout),
    row(latex_escape(layout$headings)),
    "\\midrule",
    body,
    "\\bottomrule",
    "\\end{tabular}",
    latex_notes(layout),
    "\\end{table}"
  )
}

latex_escape <- function(text) {
  text <- gsub("\\", "\001", text, fixed = TRUE)
  text <- gsub("([{}#$%&_])", "\\\\\\1", text, perl = TRUE)
  for (k in seq_along(latex_words)) {
    text <- gsub(names(latex_words)[[k]], latex_words[[k]], text, fixed = TRUE)
  }
  text
}

# In this order. A bracket or an asterisk at the start of a row would be taken
# for an argument of the line break before it.
latex_words <- c(
  "\001" = "\\textbackslash{}",
  "~" = "\\textasciitilde{}", "^" = "\\textasciicircum{}",
  "<" = "\\textless{}", ">" = "\\textgreater{}", "|" = "\\textbar{}",
  "[" = "{[}", "*" = "{*}",
  "\u03c7\u00b2" = "$\\chi^2$", "\u2212" = "$-$", "\u00d7" = "$\\times$",
  "\u2007" = "\\phantom{0}", "\u00a0" = "~"
)

# Labels longer than about a third of a line are wrapped.
latex_wraps <- function(layout) {
  max(nchar(layout$cells[, 1], "width"), 0) > 32
}

latex_columns <- function(layout) {
  first <- if (latex_wraps(layout)) "p{0.32\\linewidth}" else "l"
  paste0("@{}", first, paste(ifelse(layout$figures, "r", "l")[-1], collapse = ""), "@{}")
}

latex_indent <- function(layout) {
  if (latex_wraps(layout)) {
    sprintf("\\raggedright\\leftskip=%dem ", layout$indent)
  } else {
    ifelse(layout$indent > 0, sprintf("\\hspace*{%dem}", layout$indent), "")
  }
}

latex_spanners <- function(layout) {
  if (length(layout$spanners) == 0) {
    return(character())
  }
  cells <- rep("", length(layout$headings))
  drop <- integer()
  rules <- character()
  for (spanner in layout$spanners) {
    columns <- spanner$columns
    text <- paste(latex_escape(wrap_text(spanner$text, 7 * length(columns))), collapse = "\\\\")
    cells[columns[[1]]] <- sprintf(
      "\\multicolumn{%d}{c}{\\shortstack{%s}}", length(columns), text
    )
    drop <- c(drop, columns[-1])
    rules <- c(rules, sprintf("\\cmidrule(lr){%d-%d}", min(columns), max(columns)))
  }
  c(
    paste0(paste(cells[setdiff(seq_along(cells), drop)], collapse = " & "), " \\\\"),
    paste(rules, collapse = " ")
  )
}

latex_notes <- function(layout) {
  if (length(layout$notes) == 0) {
    return(character())
  }
  notes <- paste(latex_escape(layout$notes), collapse = "\\par ")
  sprintf("\\par\\smallskip\\begin{minipage}{\\linewidth}\\footnotesize %s\\end{minipage}", notes)
}
