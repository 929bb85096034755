# An audit as a document, by the machinery of report(): HTML or Word.

#' Write an audit as a document
#'
#' An HTML page that loads nothing from elsewhere, or a Word document: how many checks came out how,
#' what is inconsistent with what its inputs allow, the proposed repairs, all printed tables with
#' their cells coloured by verdict, the checks by kind, and what an audit cannot say.
#'
#' The file is written aside and renamed. The same audit, date and version give the same HTML, byte
#' for byte. Tables of more than 100 rows are shown where something is inconsistent, as in
#' [plot.audit()].
#'
#' @param audit An [audit()].
#' @param file Where to write: a name that ends in `.html` (or `.htm`) or `.docx`. Word documents
#'   need the packages officer and flextable.
#' @param repair A [repair()] of the audit; its first proposal is shown in the tables. `NULL`: none.
#' @param title Title; by default that of the printed tables.
#' @param date Date of the document, a `Date` or text.
#' @param ... Nothing; an unknown argument is an error.
#' @return The path of the file, invisibly.
#' @section Errors:
#' As [report()].
#' @section Compared with statcheck:
#' Its HTML report lists tests found in the text of a paper; here the tables are shown as they were
#' printed, and cells are judged by what other cells allow.
#' @seealso [plot.audit()], [report()] for a trial whose data one has.
#' @examples
#' found <- audit(published(system.file("extdata", "lemogne2020", package = "questrial")))
#' file <- write_audit(found, tempfile(fileext = ".html"), date = "2024-05-01")
#' file.size(file)
#' @export
write_audit <- function(audit, file, repair = NULL, title = NULL, date = Sys.Date(), ...) {
  check_no_dots(...)
  check_class(audit, "audit", "audit")
  writer <- report_writer(check_string(file, "file"))
  title <- if (is.null(title)) audit_title(audit) else check_string(title, "title")
  document <- audit_document(audit, repair, title, check_date(date))
  write_aside(file, function(path) writer(document, path))
}

audit_document <- function(audit, repair, title, date) {
  sheets <- audit_sheets(audit, repair)$sheets
  sections <- c(
    list(list(heading_block("Summary"), items_block(audit_sentences(audit, repair)))),
    list(inconsistent_section(audit), repair_section(repair), sheets_section(sheets, repair)),
    list(
      list(heading_block("Checks"), table_block(summary.audit(audit))), limits_section(),
      audit_session(audit, date)
    )
  )
  list(
    title = title, language = "en", date = date, generator = generator(), style = audit_css(),
    landscape = TRUE, byline = sprintf("Audit made on %s by %s", date, generator()),
    blocks = number_blocks(Filter(Negate(is.null), do.call(c, sections)))
  )
}

# ---- Sections ----

audit_sentences <- function(audit, repair) {
  n <- verdict_counts(audit)
  c(
    verdict_words(audit),
    if (n[["inconsistent"]] == 0) {
      "Everything that could be recomputed agrees with what is printed."
    } else {
      paste(
        "A figure is inconsistent when nothing that the printed inputs allow, whatever was rounded",
        "away, rounds to it. Either it or one of those inputs is then misprinted."
      )
    },
    if (n[["inconsistent"]] > 0 && is.null(repair)) "No repair was looked for.",
    if (!is.null(attr(repair, "parts"))) {
      gsub("`", "", repair_words(repair, attr(repair, "parts"))[-1], fixed = TRUE)
    }
  )
}

inconsistent_section <- function(audit) {
  wrong <- inconsistent_rows(audit)
  if (nrow(wrong) == 0) {
    return(NULL)
  }
  most <- 50
  table <- inconsistent_table(utils::head(wrong, most))
  list(
    heading_block("What is inconsistent"), table_block(table),
    if (nrow(wrong) > most) {
      text_block(sprintf("%d more are not shown.", nrow(wrong) - most))
    }
  )
}

repair_section <- function(repair) {
  if (is.null(repair) || nrow(repair) == 0) {
    return(NULL)
  }
  list(
    heading_block("Proposed repairs"),
    text_block(
      "The smallest sets of changes after which every check holds. A repair is a hypothesis about",
      "what was meant: only the authors can confirm it."
    ),
    table_block(proposals_table(repair))
  )
}

# The first five proposals, a row a changed cell.
proposals_table <- function(repair) {
  rows <- as.data.frame(unclass(repair)[
    c("proposal", "change", "cell", "printed", "repaired", "share")
  ])
  rows <- rows[rows$proposal <= 5, ]
  more <- length(unique(repair$proposal)) - 5
  new_questrial_table(
    rows, "proposals", "Proposals",
    notes = c(
      "Share: weight of the evidence among the proposals found.",
      if (more > 0) sprintf("%d more proposals are not shown.", more)
    ),
    columns = c(
      Map(table_column, c("Proposal", "Change", "Cell", "Printed", "Proposed"),
        c("proposal", "change", "cell", "printed", "repaired"), USE.NAMES = FALSE),
      list(table_column("Share", "share", "number", digits = 2))
    )
  )
}

sheets_section <- function(sheets, repair) {
  said <- sprintf("%s %s", sheet_signs, audit_meanings)
  c(
    list(
      heading_block("The tables as printed"),
      text_block(
        paste0("Each figure that was checked has the colour and sign of its worst verdict: ",
          join_words(said), "."),
        "In small type stands what the other figures allow it to be, where that is more than what",
        "is printed. What has neither colour nor sign has nothing to be checked by.",
        if (NROW(repair) > 0) "Bold after an arrow: what the first proposal puts there."
      )
    ),
    lapply(sheets, function(sheet) list(type = "sheet", sheet = sheet))
  )
}

limits_section <- function() {
  list(
    heading_block("What this does not say"),
    items_block(c(
      paste(
        "An inconsistency is a slip of the pen, of a copy, of a program or of rounding in several",
        "steps until shown otherwise. It is no evidence of misconduct, and agreement is none of",
        "sound data."
      ),
      paste(
        "A check assumes what it names: the usual formula, the denominators printed, numbers",
        "rounded once. Another test than the one named, cases left out of one figure only, or",
        "weights give figures that contradict the others and are right."
      ),
      "Misprints that rounding hides, and figures with nothing to check them by, are not seen."
    ))
  )
}

audit_session <- function(audit, date) {
  list(
    heading_block("How to do it again"),
    terms_block(c(
      "Date" = date, "Package" = generator(),
      "R" = sprintf("%s on %s", R.version.string, R.version$platform),
      "Source" = paste0(published_source(attr(audit, "published")), ".")
    ))
  )
}

# ---- Sheets in HTML ----

sheet_signs <- c(exact = "=", rounding = "\u2248", inconsistent = "\u00d7")

audit_css <- function() {
  c(
    sprintf(".qst-table td.qst-%s{background:%s}", names(audit_colours), audit_colours),
    ".qst-audit{font-size:.8rem}.qst-audit th,.qst-audit td{padding:.18em .4em}",
    ".qst-audit tbody tr:not(:last-child) td{border-bottom:2px solid #fff}",
    ".qst-audit tbody td{border-left:2px solid #fff}",
    ".qst-table td.qst-inconsistent{outline:1.5px solid #1b1b1b;outline-offset:-2px;",
    "font-weight:600}",
    ".qst-audit .qst-sign{margin-right:.45em;font-weight:600}",
    ".qst-audit small{display:block;font-size:.82em;font-weight:normal}",
    ".qst-audit ins{text-decoration:none;font-weight:600}",
    "body{max-width:72rem}.qst-sheet{overflow-x:auto}",
    "@media print{.qst-audit td{print-color-adjust:exact;-webkit-print-color-adjust:exact}}"
  )
}

# Hyphens before numbers as minus signs, in all that stands in a cell.
sheet_minus <- function(sheet) {
  figures <- col(sheet$cells) %in% which(sheet$figures)
  for (part in c("cells", "proposed", "allowed")) {
    sheet[[part]][figures] <- gsub("-(?=[0-9.])", "\u2212", sheet[[part]][figures], perl = TRUE)
  }
  sheet
}

sheet_html <- function(sheet) {
  sheet <- sheet_minus(sheet)
  rows <- vapply(seq_len(nrow(sheet$cells)), sheet_row_html, "", sheet = sheet)
  c(
    "<div class=\"qst-sheet\">", "<table class=\"qst-table qst-audit\">",
    html_element("caption", sheet$caption), "<thead>", html_spanners(sheet), html_headings(sheet),
    "</thead>", "<tbody>", rows, "</tbody>", html_notes(sheet), "</table>", "</div>"
  )
}

sheet_row_html <- function(i, sheet) {
  verdict <- sheet$verdict[i, -1]
  class <- trimws(paste(
    ifelse(sheet$figures[-1], "", "qst-text"),
    ifelse(nzchar(verdict), paste0("qst-", verdict), "")
  ))
  sign <- ifelse(nzchar(verdict), sprintf(
    "<span class=\"qst-sign\" title=\"%s\">%s</span>", audit_meanings[verdict], sheet_signs[verdict]
  ), "")
  shown <- html_element("span", sheet$cells[i, -1])
  proposed <- sheet$proposed[i, -1]
  shown <- ifelse(nzchar(proposed), sprintf(
    "%s \u2192 %s", html_element("del", sheet$cells[i, -1]), html_element("ins", proposed)
  ), shown)
  allowed <- sheet$allowed[i, -1]
  small <- ifelse(nzchar(allowed), html_element("small", allowed), "")
  cells <- sprintf("<td%s>%s%s%s</td>", ifelse(nzchar(class), sprintf(" class=\"%s\"", class), ""),
    sign, shown, small)
  left <- sprintf(" scope=\"row\" style=\"padding-left:%.1fem\"", 1.2 * sheet$indent[[i]])
  paste0("<tr>", html_element("th", sheet$cells[i, 1], left), paste(cells, collapse = ""), "</tr>")
}

# ---- Sheets in Word ----

docx_add_sheet <- function(docx, sheet) {
  caption <- officer::fpar(
    officer::ftext(sheet$caption, caption_font()),
    fp_p = officer::fp_par(text.align = "left", padding.bottom = 4, keep_with_next = TRUE)
  )
  docx <- officer::body_add_fpar(docx, caption, style = "Table Caption")
  widths <- sheet_widths(sheet)
  scale <- min(1, 10.1 / sum(widths))
  table <- sheet_flextable(sheet_minus(sheet), 9 * scale)
  table <- flextable::padding(table, j = -1, padding.left = 2, padding.right = 2, part = "all")
  table <- flextable::set_table_properties(table, layout = "fixed", align = "left",
    opts_word = list(split = FALSE, keep_with_next = nrow(sheet$cells) <= 30))
  table <- flextable::width(table, width = widths * scale)
  docx <- flextable::body_add_flextable(docx, table, align = "left")
  officer::body_add_par(docx, "", style = "Normal")
}

# Inches, as flextable_widths(), of cells with all that stands in them.
sheet_widths <- function(sheet) {
  beside <- ifelse(sheet$proposed == "", "", paste(" \u2192", sheet$proposed))
  sign <- ifelse(sheet$verdict == "", "", "= ")
  line <- nchar(paste0(sign, sheet$cells, beside), "width")
  wide <- sheet
  wide$cells[] <- strrep("0", pmax(line, ceiling(small_type * nchar(sheet$allowed))))
  wide$cells[, 1] <- sheet$cells[, 1]
  widths <- flextable_widths(wide) - c(0, rep(0.06, length(sheet$headings) - 1))
  for (spanner in sheet$spanners) {
    word <- max(nchar(strsplit(spanner$text, " ", fixed = TRUE)[[1]], "width"))
    lacking <- max(0, 0.12 + 0.075 * word - sum(widths[spanner$columns]))
    widths[spanner$columns] <- widths[spanner$columns] + lacking / length(spanner$columns)
  }
  widths
}

sheet_flextable <- function(sheet, fontsize) {
  table <- flextable::fontsize(flextable_of(sheet), size = fontsize, part = "all")
  for (j in seq_along(sheet$headings)[-1]) {
    rows <- which(nzchar(sheet$keys[, j]))
    if (length(rows) > 0) {
      table <- flextable::compose(table, rows, j, sheet_paragraph(sheet, rows, j, fontsize))
    }
    for (verdict in names(audit_colours)) {
      own <- which(sheet$verdict[, j] == verdict)
      if (length(own) > 0) {
        table <- flextable::bg(table, own, j, bg = audit_colours[[verdict]])
      }
    }
  }
  table
}

# A sign, the printed text, what is proposed, and below what is allowed.
sheet_paragraph <- function(sheet, rows, j, fontsize) {
  verdict <- sheet$verdict[rows, j]
  proposed <- sheet$proposed[rows, j]
  allowed <- sheet$allowed[rows, j]
  type <- function(...) officer::fp_text(font.family = "Arial", ...)
  plain <- type(font.size = fontsize)
  bold <- type(font.size = fontsize, bold = TRUE)
  wrong <- verdict == "inconsistent"
  printed <- sheet$cells[rows, j]
  flextable::as_paragraph(
    flextable::as_chunk(ifelse(nzchar(verdict), paste0(sheet_signs[verdict], " "), ""), bold),
    flextable::as_chunk(ifelse(wrong, "", printed), plain),
    flextable::as_chunk(ifelse(wrong, printed, ""), bold),
    flextable::as_chunk(ifelse(nzchar(proposed), paste0(" \u2192 ", proposed), ""), bold),
    flextable::as_chunk(
      ifelse(nzchar(allowed), paste0("\n", allowed), ""), type(font.size = small_type * fontsize)
    )
  )
}
