# Draws the layout of a forest plot (meta-forest-layout.R) as a picture (picture.R).

forest_colours <- c(
  text = "grey10", line = "grey25", faint = "grey60", square = "#7FB2D6", diamond = "grey10",
  bar = "grey55"
)

#' @rdname forest
#' @param newpage Begin a new page? `FALSE` draws into the current viewport.
#' @export
plot.forest_plot <- function(x, newpage = TRUE, ...) {
  check_no_dots(...)
  draw_picture(x, x$fontsize, newpage)
}

#' @export
print.forest_plot <- function(x, ...) {
  plot(x)
}

#' @exportS3Method knitr::knit_print
knit_print.forest_plot <- function(x, ...) {
  plot(x)
}

#' @export
picture_layout.forest_plot <- function(x, width, fontsize, ...) {
  layout <- sheet_layout(x$sheet, width, fontsize)
  c(layout, list(broken = !layout$roomy, grobs = function(scale) sheet_grobs(layout, scale)))
}

# The layout by which a figure gets its size: type of 8 points, less where a page of
# `height` mm or the graph would be too small.
fit_forest_plot <- function(x, width, height = 240) {
  sizes <- if (is.null(x$fontsize)) c(8, 7.5, 7) else x$fontsize
  fit_picture(x, width, height, sizes)
}

sheet_grobs <- function(layout, scale = 1) {
  grid::grobTree(
    rule_grobs(layout, scale), mark_grobs(layout, scale), row_lights(layout, scale),
    placed_text_grob(layout, scale), vp = picture_viewport(layout, scale), name = "forest"
  )
}

native <- function(x) {
  grid::unit(x, "native")
}

segment_grob <- function(x0, y0, x1, y1, scale, width = 1, colour = "line", type = "solid",
                         arrow = NULL) {
  if (length(x0) == 0) {
    return(grid::nullGrob())
  }
  col <- forest_colours[[colour]]
  grid::segmentsGrob(native(x0), native(y0), native(x1), native(y1), arrow = arrow,
    gp = grid::gpar(col = col, fill = col, lwd = width * scale, lty = type, lineend = "butt")
  )
}

placed_text_grob <- function(layout, scale) {
  text <- layout$text
  grid::textGrob(text$text, native(text$x), native(text$y), just = c("left", "centre"),
    gp = grid::gpar(fontsize = layout$fontsize * scale, col = forest_colours[["text"]],
      fontface = ifelse(text$bold, "bold", "plain"))
  )
}

# The rules under the headings, the axis, and the lines at no effect and at the pool.
rule_grobs <- function(layout, scale) {
  axis <- layout$axis
  top <- layout$rule
  shown <- function(x) x[is.finite(x) & x >= axis$ends[[1]] & x <= axis$ends[[2]]]
  null <- shown(axis$null)
  pooled <- shown(axis$pooled)
  arms <- layout$arm_rules
  tick <- 0.35 * layout$size$em
  grid::grobTree(
    segment_grob(0, top, layout$width, top, scale, 1, "line"),
    segment_grob(arms$x0, arms$y, arms$x1, arms$y, scale, 0.6, "faint"),
    segment_grob(null, rep(top, length(null)), null, rep(axis$y, length(null)), scale, 1),
    segment_grob(pooled, rep(top, length(pooled)), pooled, rep(axis$y, length(pooled)), scale, 0.8,
      "line", "33"),
    segment_grob(axis$ends[[1]], axis$y, axis$ends[[2]], axis$y, scale, 1),
    segment_grob(axis$ticks, rep(axis$y, length(axis$ticks)), axis$ticks,
      rep(axis$y + tick, length(axis$ticks)), scale, 1)
  )
}

mark_grobs <- function(layout, scale) {
  marks <- layout$marks
  squares <- marks[marks$shape == "square", ]
  do.call(grid::grobTree, c(
    list(square_grob(squares[squares$shown, ], scale), whisker_grob(squares, layout, scale)),
    lapply(which(marks$shape == "diamond"), function(i) diamond_grob(marks[i, ], layout)),
    lapply(which(marks$shape == "bar"), function(i) bar_grob(marks[i, ], layout, scale))
  ))
}

square_grob <- function(squares, scale) {
  if (nrow(squares) == 0) {
    return(grid::nullGrob())
  }
  side <- grid::unit(squares$side * scale, "mm")
  grid::rectGrob(native(squares$x), native(squares$y), side, side,
    gp = grid::gpar(fill = forest_colours[["square"]], col = forest_colours[["line"]],
      lwd = 0.5 * scale)
  )
}

# Intervals, with an arrow where one goes on outside the graph.
whisker_grob <- function(squares, layout, scale) {
  head <- grid::arrow(25, grid::unit(0.5 * layout$size$em * scale, "mm"), type = "closed")
  inside <- squares[!squares$outside, ]
  low <- inside[inside$cut_low, ]
  high <- inside[inside$cut_high, ]
  beyond <- squares[squares$outside, ]
  above <- beyond$cut_high
  end <- ifelse(above, layout$graph[[2]], layout$graph[[1]])
  from <- end + ifelse(above, -1, 1) * layout$size$em
  # The mark of the estimate itself, seen inside the square.
  shown <- inside[inside$shown, ]
  tick <- 0.28 * layout$size$em
  grid::grobTree(
    segment_grob(inside$x0, inside$y, inside$x1, inside$y, scale, 1.2, "text"),
    segment_grob(inside$x0[inside$cut_low] + 0.6 * layout$size$em, low$y, low$x0, low$y, scale, 1.2,
      "text", arrow = head),
    segment_grob(high$x1 - 0.6 * layout$size$em, high$y, high$x1, high$y, scale, 1.2, "text",
      arrow = head),
    segment_grob(from, beyond$y, end, beyond$y, scale, 1.2, "text", arrow = head),
    segment_grob(shown$x, shown$y - tick, shown$x, shown$y + tick, scale, 1.2, "text")
  )
}

diamond_grob <- function(mark, layout) {
  half <- 0.48 * layout$size$em
  middle <- min(max(mark$x, layout$graph[[1]]), layout$graph[[2]])
  grid::polygonGrob(native(c(mark$x0, middle, mark$x1, middle)),
    native(mark$y + c(0, -half, 0, half)),
    gp = grid::gpar(fill = forest_colours[["diamond"]], col = NA)
  )
}

bar_grob <- function(mark, layout, scale) {
  half <- 0.16 * layout$size$em
  ends <- c(mark$x0, mark$x1)[!c(mark$cut_low, mark$cut_high)]
  head <- grid::arrow(25, grid::unit(0.5 * layout$size$em * scale, "mm"), type = "closed")
  cut <- c(mark$x0, mark$x1)[c(mark$cut_low, mark$cut_high)]
  inward <- c(1, -1)[c(mark$cut_low, mark$cut_high)] * 0.6 * layout$size$em
  grid::grobTree(
    rect_grob(data.frame(x0 = mark$x0, x1 = mark$x1, y0 = mark$y - half, y1 = mark$y + half),
      forest_colours[["bar"]], forest_colours[["line"]], 0.5 * scale),
    segment_grob(ends, rep(mark$y - 2.2 * half, length(ends)), ends,
      rep(mark$y + 2.2 * half, length(ends)), scale, 1.2),
    segment_grob(cut + inward, rep(mark$y, length(cut)), cut, rep(mark$y, length(cut)), scale, 1.2,
      arrow = head)
  )
}

row_lights <- function(layout, scale) {
  lights <- layout$lights
  if (is.null(lights) || nrow(lights) == 0) {
    return(grid::nullGrob())
  }
  light_grobs(lights$x, lights$y, 0.6 * layout$size$em, lights$judgement, layout$tool, scale)
}
