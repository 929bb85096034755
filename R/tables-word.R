# Tables as flextables, for Word and for documents made by knitr.

#' @rdname questrial_table
#' @exportS3Method flextable::as_flextable
as_flextable.questrial_table <- function(x, ...) {
  check_no_dots(...)
  need_package("flextable", "A flextable")
  layout <- table_layout(x)
  table <- flextable_of(layout)
  if (length(layout$caption) > 0) {
    table <- flextable_caption(table, layout$caption)
  }
  table
}

# Without a numbering of its own a caption stops save_as_docx() outside knitr.
flextable_caption <- function(table, caption) {
  text <- flextable::as_paragraph(flextable::as_chunk(caption, props = caption_font()))
  number <- officer::run_autonum(
    seq_id = "tab", post_label = ". ", bkm = NULL, prop = caption_font()
  )
  flextable::set_caption(table, text, autonum = number)
}

caption_font <- function() {
  officer::fp_text(bold = TRUE, font.size = 10, font.family = "Arial")
}

flextable_of <- function(layout) {
  layout <- set_minus(align_points(layout, "\u2007"))
  table <- flextable_header(flextable_cells(layout), layout)
  if (length(layout$notes) > 0) {
    table <- flextable::add_footer_lines(table, layout$notes)
  }
  flextable_style(table, layout)
}

flextable_cells <- function(layout) {
  data <- as.data.frame(layout$cells)
  names(data) <- flextable_keys(layout)
  table <- flextable::flextable(data)
  flextable::set_header_labels(table, values = as.list(
    stats::setNames(layout$headings, names(data))
  ))
}

# Headings may repeat, flextable's keys may not.
flextable_keys <- function(layout) {
  sprintf("column%d", seq_along(layout$headings))
}

flextable_header <- function(table, layout) {
  if (length(layout$spanners) == 0) {
    return(table)
  }
  owner <- rep(0, length(layout$headings))
  for (k in seq_along(layout$spanners)) {
    owner[layout$spanners[[k]]$columns] <- k
  }
  runs <- rle(owner)
  texts <- c("", vapply(layout$spanners, `[[`, "", "text"))
  flextable::add_header_row(table, values = texts[runs$values + 1], colwidths = runs$lengths)
}

# Horizontal rules only, as in a journal: heavy above and below, light under
# headings and spanners.
flextable_style <- function(table, layout) {
  table <- flextable::border_remove(table)
  table <- flextable_rules(table, layout)
  table <- flextable::font(table, fontname = "Arial", part = "all")
  table <- flextable::fontsize(table, size = 9, part = "all")
  table <- flextable::fontsize(table, size = 8, part = "footer")
  table <- flextable::padding(table, padding.top = 1.5, padding.bottom = 1.5,
    padding.left = 3, padding.right = 3, part = "all")
  table <- flextable::padding(table, i = which(layout$indent > 0), j = 1, padding.left = 14)
  table <- flextable::padding(table, i = which(layout$subheadings), padding.top = 8)
  table <- flextable_align(table, layout)
  table <- flextable::set_table_properties(table, layout = "fixed", align = "left")
  table <- flextable::height_all(table, 0.17)
  flextable::width(table, width = flextable_widths(layout))
}

flextable_rules <- function(table, layout) {
  heavy <- officer::fp_border(width = 1.25)
  light <- officer::fp_border(width = 0.5)
  table <- flextable::hline_top(table, border = heavy, part = "header")
  table <- flextable::hline_bottom(table, border = light, part = "header")
  table <- flextable::hline_bottom(table, border = heavy, part = "body")
  for (spanner in layout$spanners) {
    table <- flextable::hline(table, i = 1, j = spanner$columns, border = light, part = "header")
  }
  flextable::hline(table, i = which(layout$subheadings), border = light, part = "body")
}

flextable_align <- function(table, layout) {
  table <- flextable::align(table, j = which(!layout$figures), align = "left", part = "all")
  table <- flextable::align(table, j = which(layout$figures), align = "right", part = "body")
  table <- flextable::align(table, j = which(layout$figures), align = "right", part = "header")
  if (length(layout$spanners) > 0) {
    table <- flextable::align(table, i = 1, align = "center", part = "header")
  }
  table <- flextable::valign(table, valign = "bottom", part = "header")
  table <- flextable::valign(table, valign = "top", part = "body")
  flextable::align(table, align = "left", part = "footer")
}

# Inches, from the number of characters at 9 points; labels wrap at 2.2.
flextable_widths <- function(layout) {
  longest <- vapply(seq_along(layout$headings), function(j) {
    max(nchar(c(layout$headings[[j]], layout$cells[, j]), "width"))
  }, 0)
  width <- 0.17 + 0.068 * longest
  pmin(width, ifelse(layout$figures, Inf, 2.2))
}

# Wide tables turn the page.
write_docx <- function(x, path) {
  need_package("flextable", "A Word document")
  need_package("officer", "A Word document")
  layout <- table_layout(x)
  document <- officer::body_set_default_section(officer::read_docx(), docx_section(layout))
  print(docx_add_table(document, layout), target = path)
  invisible(path)
}

# Adds caption and table, no wider than `room` inches. The caption is a
# paragraph of Word's own style, for flextable would number it, and every
# file's table would be Table 1.
docx_add_table <- function(document, layout, room = Inf) {
  if (length(layout$caption) > 0) {
    left <- officer::fp_par(text.align = "left", padding.bottom = 4, keep_with_next = TRUE)
    caption <- officer::fpar(officer::ftext(layout$caption, caption_font()), fp_p = left)
    document <- officer::body_add_fpar(document, caption, style = "Table Caption")
  }
  table <- shrink_flextable(flextable_of(layout), flextable_widths(layout), room)
  flextable::body_add_flextable(document, table, align = "left")
}

# Narrower columns in smaller type; flextable::fit_to_width() may never end.
shrink_flextable <- function(table, widths, room) {
  if (sum(widths) <= room) {
    return(table)
  }
  scale <- room / sum(widths)
  table <- flextable::fontsize(table, size = round(9 * scale, 1), part = "all")
  flextable::width(table, width = widths * scale)
}

docx_section <- function(layout) {
  wide <- sum(flextable_widths(layout)) > 6.6
  officer::prop_section(
    page_size = officer::page_size(8.27, 11.69, if (wide) "landscape" else "portrait"),
    page_margins = officer::page_mar(top = 0.8, bottom = 0.8, left = 0.8, right = 0.8)
  )
}

#' @exportS3Method knitr::knit_print
knit_print.questrial_table <- function(x, ...) {
  if (knitr::is_html_output(excludes = c("markdown", "gfm"))) {
    raw_block(c("<style>", table_css, "</style>", table_html(x)), "html")
  } else if (knitr::is_latex_output()) {
    raw_block(table_latex(x), "latex", needs_booktabs())
  } else if (knitr::pandoc_to("docx") && requireNamespace("flextable", quietly = TRUE)) {
    knitr::knit_print(as_flextable.questrial_table(x))
  } else {
    knitr::asis_output(paste(c("", table_markdown(x), ""), collapse = "\n"))
  }
}

# Pandoc passes a raw block on as it is. Four marks, since with collapse = TRUE
# knitr joins what ends with three and source code that begins with three.
raw_block <- function(lines, format, meta = NULL) {
  block <- c("", sprintf("````{=%s}", format), lines, "````", "")
  knitr::asis_output(paste(block, collapse = "\n"), meta = meta)
}

needs_booktabs <- function() {
  if (requireNamespace("rmarkdown", quietly = TRUE)) {
    list(rmarkdown::latex_dependency("booktabs"))
  }
}
