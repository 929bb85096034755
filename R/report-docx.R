# The report as a Word document, by officer and flextable.

docx_report <- function(document, file) {
  page <- officer::prop_section(
    page_size = officer::page_size(
      8.27, 11.69, orient = if (isTRUE(document$landscape)) "landscape" else "portrait"
    ),
    page_margins = officer::page_mar(0.8, 0.8, 0.75, 0.75, 0.4, 0.4, 0)
  )
  template <- system.file("report", "template.docx", package = "questrial", mustWork = TRUE)
  docx <- officer::body_set_default_section(officer::read_docx(template), page)
  docx <- officer::set_doc_properties(docx, title = document$title, creator = document$generator)
  docx <- officer::body_add_par(docx, document$title, style = "heading 1")
  docx <- officer::body_add_par(docx, document$byline, style = "Normal")
  for (i in along_blocks(document$blocks)) {
    block <- document$blocks[[i]]
    docx <- docx_writers[[block$type]](docx, block)
  }
  print(docx, target = file)
}

docx_writers <- list(
  heading = function(docx, block) {
    officer::body_add_par(docx, block$text, style = sprintf("heading %d", block$level))
  },
  text = function(docx, block) {
    officer::body_add_par(docx, block$text, style = "Normal")
  },
  banner = function(docx, block) {
    docx_paragraph(docx, officer::ftext(block$text, officer::fp_text_lite(bold = TRUE)))
  },
  items = function(docx, block) {
    mark <- if (block$numbered) sprintf("%d.", seq_along(block$text)) else "\u2022"
    docx_lines(docx, paste(mark, block$text))
  },
  terms = function(docx, block) {
    for (i in seq_along(block$terms)) {
      docx <- docx_paragraph(
        docx, officer::ftext(paste0(block$terms[[i]], ". "), officer::fp_text_lite(bold = TRUE)),
        block$text[[i]]
      )
    }
    docx
  },
  table = function(docx, block) {
    docx <- docx_add_table(docx, table_layout(block$table), room = 6.65)
    officer::body_add_par(docx, "", style = "Normal")
  },
  sheet = function(docx, block) {
    docx_add_sheet(docx, block$sheet)
  },
  figure = function(docx, block) {
    path <- tempfile("figure", fileext = ".png")
    on.exit(unlink(path))
    size <- figure_size(block, "png")
    write_figure(block$figure, path, size[[1]], size[[2]], dpi = figure_dpi)
    # officer writes the alternative text into its XML as it is.
    image <- officer::external_img(
      path,
      width = size[[1]] / 25.4, height = size[[2]] / 25.4, alt = html_escape(block$alt)
    )
    docx <- docx_paragraph(docx, image)
    officer::body_add_par(docx, block$caption, style = "Image Caption")
  }
)

docx_paragraph <- function(docx, ...) {
  officer::body_add_fpar(docx, officer::fpar(...), style = "Normal")
}

docx_lines <- function(docx, lines) {
  for (line in lines) {
    docx <- officer::body_add_par(docx, line, style = "Normal")
  }
  docx
}
