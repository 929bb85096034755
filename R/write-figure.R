#' Write a figure to a file
#'
#' Draws a [flow()], a [forest()], another picture of this package or a ggplot2 figure into
#' a PDF, SVG or PNG file. The file is written aside and renamed, so that a failure leaves
#' the old one as it was.
#'
#' The files come from cairo where R has it, so that all of Unicode can be
#' written; an SVG has its letters as outlines and looks the same with other
#' fonts.
#'
#' @param x A [flow()], a [forest()], a [meta_analysis()] or a result of
#'   [subgroup_effects()] (their forest plots), [prisma_flow()], [risk_of_bias()],
#'   [synthesis()], an [audit()] or a figure made with ggplot2.
#' @param file The file; its extension is `pdf`, `svg` or `png`.
#' @param width,height Size in mm. A journal's page is 170 mm wide and its
#'   column 85: without `width` it is 170, or more where the columns of a forest
#'   plot need it. Without `height`, a flow gets what it needs on the device, as
#'   [flow_size()] says it for PDF, the package's other figures what their
#'   lines need, and any ggplot2 figure 0.62 of the width.
#' @param dpi Dots per inch of a PNG.
#' @param ... What `plot()` of `x` takes beyond, such as `type = "summary"`.
#' @return `file`, invisibly.
#' @section Errors:
#' `questrial_error_argument` for another extension or a size that is not a
#' number, `questrial_error_file` when the file cannot be written.
#' @examples
#' trial <- data.frame(arm = rep(c("control", "course"), 10), lost = c(TRUE, rep(FALSE, 19)))
#' file <- tempfile(fileext = ".pdf")
#' write_figure(flow(trial, list("Analysed" = ~ lost), by = "arm"), file)
#' file.size(file) > 0
#' @export
write_figure <- function(x, file, width = NULL, height = NULL, dpi = 300, ...) {
  if (inherits(x, c("meta_analysis", "leave_one_out_table", "cumulative_table"))) {
    return(write_figure(forest(x, ...), file, width, height, dpi))
  }
  if (inherits(x, "audit")) {
    return(write_figure(audit_sheets(x, ...), file, width, height, dpi))
  }
  if (!inherits(x, c(picture_classes, "subgroup_table", "ggplot"))) {
    qst_abort("argument", sprintf(
      "`x` must be a flow(), subgroup_effects(), %s or a ggplot2 figure, not %s.",
      "meta_analysis(), prisma_flow(), risk_of_bias(), synthesis(), audit()", describe(x)
    ))
  }
  type <- check_extension(check_string(file, "file"))
  check_number(dpi, "dpi", min = 30, max = 2400)
  size <- written_size(x, width, height, type, dpi, list(...))
  write_aside(file, function(path) {
    open <- function() open_device(type, path, size[[1]] / 25.4, size[[2]] / 25.4, dpi)
    on_spare_device(
      if (inherits(x, "ggplot")) draw_ggplot(x) else plot(x, newpage = FALSE, ...), open
    )
  })
}

# Width and height in mm, as given or as needed.
written_size <- function(x, width, height, type, dpi, told) {
  wide <- if (is.null(width)) 170 else check_number(width, "width", min = 10, max = 5000)
  if (!is.null(height)) {
    check_number(height, "height", min = 10, max = 5000)
  }
  needs <- if (is.null(width) || is.null(height)) needed_size(x, wide, type, dpi, told)
  c(if (is.null(width)) needs[[1]] else width, if (is.null(height)) needs[[2]] else height)
}

# Into the page that there is.
draw_ggplot <- function(x) {
  need_package("ggplot2", "Drawing this figure")
  grid::grid.draw(ggplot2::ggplotGrob(x))
}

check_extension <- function(file) {
  type <- tolower(tools::file_ext(file))
  if (!type %in% c("pdf", "svg", "png")) {
    qst_abort("argument", sprintf(
      "`file` must end in .pdf, .svg or .png, not %s.", describe(basename(file))
    ), value = file)
  }
  type
}

# Measured on the kind of device that will draw it, since their fonts differ.
needed_size <- function(x, width, type, dpi, told = list()) {
  if (inherits(x, "ggplot")) {
    wanted <- attr(x, "height")
    return(c(width, if (is.null(wanted)) 0.62 * width else wanted))
  }
  file <- tempfile(fileext = paste0(".", type))
  on.exit(unlink(file))
  open <- function() open_device(type, file, width / 25.4, width / 25.4, dpi)
  ceiling(on_spare_device(drawn_size(x, width, told), open))
}

# In mm, on the open device. Printed tables and forest plots ask for more width where they need it;
# a forest plot takes smaller type before it is higher than a page.
drawn_size <- function(x, width, told) {
  if (inherits(x, "forest_plot")) {
    layout <- fit_forest_plot(x, width)
    return(c(max(width, layout$width), layout$height))
  }
  if (inherits(x, "audit_sheets")) {
    layout <- fit_picture(x, width, Inf, c(8, 7.5, 7), told)
    return(c(max(width, layout$width), layout$height))
  }
  c(width, if (inherits(x, picture_classes)) {
    fit_picture(x, width, Inf, c(8, 7.5, 7), told)$height
  } else {
    forest_height(fit_forest(forest_lines(x, NULL, NULL), width))
  })
}

# Opens the best device there is for a type; sizes in inches.
open_device <- function(type, path, width, height, dpi) {
  cairo <- capabilities("cairo")
  switch(type,
    pdf = if (cairo) {
      grDevices::cairo_pdf(path, width, height)
    } else {
      grDevices::pdf(path, width, height)
    },
    svg = grDevices::svg(path, width, height),
    png = grDevices::png(path, width, height, units = "in", res = dpi,
      type = if (cairo) "cairo" else getOption("bitmapType"))
  )
}
