# Pictures laid out by measured text: they fill the device or the viewport they are drawn in and
# are laid out anew when it is resized. A class of pictures has a method of picture_layout() and is
# named in `picture_classes`; plot() calls draw_picture(), and write_figure() knows it then.

picture_classes <- c(
  "flow", "prisma_flow", "risk_of_bias", "forest_plot", "synthesis", "audit_sheets"
)

# The layout of `x` in `width` mm for type of `fontsize` points, measured on the open device: a
# list with `width` (more where it cannot be done in less), `height`, `fontsize`, `broken` (is a
# word cut?) and `grobs`, a function of a scale that gives what is drawn. `...` is what plot()
# was told beyond.
picture_layout <- function(x, width, fontsize, ...) {
  UseMethod("picture_layout")
}

draw_picture <- function(x, fontsize, newpage, ...) {
  if (!is.null(fontsize)) {
    check_number(fontsize, "fontsize", min = 1)
  }
  if (check_flag(newpage, "newpage")) {
    grid::grid.newpage()
  }
  grid::grid.draw(
    grid::gTree(picture = x, fontsize = fontsize, told = list(...), cl = "questrial_picture")
  )
  invisible(x)
}

# Called by grid each time the picture is drawn or its device resized.
#' @importFrom grid makeContent
#' @export
makeContent.questrial_picture <- function(x) {
  width <- grid::convertWidth(grid::unit(1, "npc"), "mm", valueOnly = TRUE)
  height <- grid::convertHeight(grid::unit(1, "npc"), "mm", valueOnly = TRUE)
  # At 170 mm up to 9 points, on a slide more; never planned below 7.
  most <- max(9, min(18, round(9 * width / 170, 1)))
  sizes <- if (is.null(x$fontsize)) c(seq(most, 7.5, by = -0.5), 7) else x$fontsize
  layout <- fit_picture(x$picture, width, height, sizes, x$told)
  scale <- min(1, height / layout$height, width / layout$width)
  if (scale < 0.999) {
    qst_warn("dimension", sprintf(
      "The picture needs %.0f x %.0f mm (width x height) for type of %g points, not %s. %s",
      layout$width, ceiling(layout$height), layout$fontsize,
      sprintf("%.0f x %.0f", width, height), "It is drawn smaller; make the device larger."
    ), width = layout$width, height = layout$height)
  }
  grid::setChildren(x, grid::gList(layout$grobs(scale)))
}

# The layout of the first size that fits and cuts no word, or of the last.
fit_picture <- function(x, width, height, sizes, told = list()) {
  for (size in sizes) {
    layout <- do.call(picture_layout, c(list(x, width, size), told))
    if (layout$height <= height && layout$width <= width && !layout$broken) {
      break
    }
  }
  layout
}

# Width and height in mm for a picture `width` mm wide, on a spare device.
picture_size <- function(x, width, fontsize) {
  check_number(width, "width", min = 10)
  sizes <- if (is.null(fontsize)) c(8, 7.5, 7) else check_number(fontsize, "fontsize", min = 1)
  layout <- on_spare_device(fit_picture(x, width, Inf, sizes))
  c(width = layout$width, height = ceiling(layout$height))
}

# A viewport whose units are the millimetres of a picture, y from the top.
picture_viewport <- function(layout, scale) {
  grid::viewport(
    width = grid::unit(layout$width * scale, "mm"),
    height = grid::unit(layout$height * scale, "mm"),
    xscale = c(0, layout$width), yscale = c(layout$height, 0)
  )
}

# Evaluates `code`, which measures text, on a device of its own that `open`
# opens, and gives the user's device back.
on_spare_device <- function(code, open = open_no_file) {
  before <- grDevices::dev.cur()
  open()
  ours <- grDevices::dev.cur()
  on.exit({
    grDevices::dev.off(ours)
    if (before > 1) {
      grDevices::dev.set(before)
    }
  })
  # Else grid would begin a page, and a drawing one too many, when it measures.
  grid::grid.newpage()
  code
}

# Cairo knows the widths of all of Unicode, pdf() those of Latin letters.
open_no_file <- function() {
  if (capabilities("cairo")) grDevices::cairo_pdf(nullfile()) else grDevices::pdf(NULL)
}
