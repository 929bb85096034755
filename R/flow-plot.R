# A participant flow as a diagram: which box goes where. The measuring and
# drawing is in diagram.R.

#' Draw a participant flow
#'
#' The CONSORT diagram in grid: any number of arms side by side, boxes as large
#' as their text, those who leave in boxes of their own beside the way down,
#' the stages at the left. The diagram fills the device, or the viewport it is
#' drawn in, and is laid out anew when that is resized.
#'
#' The type is as large as fits, between 7 points and 9 points at 170 mm (more
#' on wider devices). When not even 7 points fit, the diagram is drawn smaller
#' and a warning of class `questrial_warning_dimension` says what height is
#' needed; [flow_size()] says it beforehand, and [write_figure()] takes it by
#' itself.
#'
#' @param x A [flow()].
#' @param fontsize Size of the type in points; chosen to fit when `NULL`.
#' @param newpage Begin a new page? `FALSE` draws into the current viewport.
#' @param ... Must be empty.
#' @return `x`, invisibly.
#' @examples
#' trial <- data.frame(
#'   arm = rep(c("control", "low dose", "high dose"), each = 20),
#'   lost = rep(c("Moved away", rep(NA, 19)), 3)
#' )
#' plot(flow(trial, list("Analysed" = ~ lost), by = "arm"))
#' @export
plot.flow <- function(x, fontsize = NULL, newpage = TRUE, ...) {
  check_no_dots(...)
  if (!is.null(fontsize)) {
    check_number(fontsize, "fontsize", min = 1)
  }
  check_balance(x)
  if (check_flag(newpage, "newpage")) {
    grid::grid.newpage()
  }
  grid::grid.draw(grid::gTree(flow = x, fontsize = fontsize, cl = "questrial_flow"))
  invisible(x)
}

#' The size that a participant flow needs
#'
#' @param x A [flow()].
#' @param width The width in mm that there is: 170 is a journal's page.
#' @param fontsize The size of the type in points. When `NULL`, 8, or down to 7
#'   where 8 would cut words.
#' @return A named numeric vector, `width` and `height` in mm. The width is more
#'   than asked for when the arms cannot stand side by side in it.
#' @examples
#' trial <- data.frame(arm = rep(c("control", "course"), 10), lost = c(TRUE, rep(FALSE, 19)))
#' flow_size(flow(trial, list("Analysed" = ~ lost), by = "arm"))
#' @export
flow_size <- function(x, width = 170, fontsize = NULL) {
  check_flow(x)
  check_number(width, "width", min = 10)
  sizes <- if (is.null(fontsize)) c(8, 7.5, 7) else check_number(fontsize, "fontsize", min = 1)
  layout <- on_spare_device(fit_flow(x, width, Inf, sizes))
  c(width = layout$width, height = ceiling(layout$height))
}

check_flow <- function(x, arg = "x") {
  if (!inherits(x, "flow")) {
    qst_abort("argument", sprintf("`%s` must be a flow(), not %s.", arg, describe(x)))
  }
  check_balance(x)
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

#' @exportS3Method knitr::knit_print
knit_print.flow <- function(x, ...) {
  plot(x)
}

# Called by grid each time the diagram is drawn or its device resized.
#' @importFrom grid makeContent
#' @export
makeContent.questrial_flow <- function(x) {
  width <- grid::convertWidth(grid::unit(1, "npc"), "mm", valueOnly = TRUE)
  height <- grid::convertHeight(grid::unit(1, "npc"), "mm", valueOnly = TRUE)
  # At 170 mm up to 9 points, on a slide more; never planned below 7.
  most <- max(9, min(18, round(9 * width / 170, 1)))
  sizes <- if (is.null(x$fontsize)) c(seq(most, 7.5, by = -0.5), 7) else x$fontsize
  layout <- fit_flow(x$flow, width, height, sizes)
  scale <- min(1, height / layout$height, width / layout$width)
  if (scale < 0.999) {
    qst_warn("dimension", sprintf(
      "The flow diagram needs %.0f x %.0f mm (width x height) for type of %g points, not %s. %s",
      layout$width, ceiling(layout$height), layout$fontsize,
      sprintf("%.0f x %.0f", width, height), "It is drawn smaller; make the device larger."
    ), width = layout$width, height = layout$height)
  }
  grid::setChildren(x, grid::gList(diagram_grobs(layout, scale)))
}

# The layout of the first size that fits and cuts no word, or of the last.
fit_flow <- function(x, width, height, sizes) {
  for (size in sizes) {
    layout <- flow_layout(x, width, size)
    if (layout$height <= height && layout$width <= width && !any(layout$lines$broken)) {
      break
    }
  }
  layout
}

# The layout of a flow in `width` mm, or in more when not even the numbers fit;
# measures on the open device.
flow_layout <- function(x, width, fontsize) {
  size <- diagram_measures(fontsize)
  layout <- diagram_layout(flow_diagram(x, width, size), fontsize)
  if (layout$lacking > 0) {
    width <- ceiling(width + length(x$arms) * layout$lacking + size$em)
    layout <- diagram_layout(flow_diagram(x, width, size), fontsize)
  }
  layout$width <- width
  layout
}

# ---- From boxes of a trial to nodes of a diagram ----

flow_diagram <- function(x, width, size) {
  columns <- flow_columns(x$arms, width, size)
  nodes <- flow_nodes(x$boxes, columns)
  list(
    nodes = nodes, text = flow_text(x), edges = flow_edges(x$boxes, nodes, columns),
    bands = flow_bands(x$boxes, columns$band)
  )
}

# Where things stand: `band` the x of the stage labels, `start` the column
# before randomisation, `arms` the columns of the arms. `way` is the x of the
# way down, `side` where the boxes of those who leave begin.
flow_columns <- function(arms, width, size) {
  k <- length(arms)
  em <- size$em
  margin <- 0.2 * em
  left <- 2.7 * em
  # Narrow columns get tighter distances, so that words need not be cut.
  tight <- (width - left) / k < 16 * em
  between <- if (tight) 0.7 * em else 1.2 * em
  way <- if (tight) 0.7 * em else 1.3 * em
  room <- width - left - margin
  each <- min((room - (k - 1) * between) / k, 32 * em)
  all_arms <- k * each + (k - 1) * between
  left <- left + (room - all_arms) / 2
  middle <- left + all_arms / 2
  x0 <- left + (seq_len(k) - 1) * (each + between)
  arm <- data.frame(x0 = x0, x1 = x0 + each, way = x0 + way, side = x0 + way + 1.2 * em)
  half <- min(11 * em, middle - left)
  start <- data.frame(x0 = middle - half, x1 = middle + half, way = middle,
    side = middle + 1.3 * em)
  start$end <- min(max(arm$x1[[k]], start$x1), start$side + 32 * em)
  list(band = c(x0 = left - 2.5 * em, x1 = left - 0.7 * em), start = start,
    arms = cbind(arm, end = arm$x1), arm_names = arms)
}

flow_nodes <- function(boxes, columns) {
  place <- rbind(columns$start, columns$arms)
  place <- place[match(boxes$arm, c(NA, columns$arm_names)), ]
  side <- boxes$kind == "side"
  data.frame(
    id = boxes$id, row = boxes$position,
    x0 = ifelse(side, place$side, place$x0), x1 = ifelse(side, place$end, place$x1),
    align = ifelse(side, "left", "centre"), fill = boxes$kind
  )
}

# The paragraphs of each box: its label with n, then its lines.
flow_text <- function(x) {
  head <- data.frame(
    node = x$boxes$id, text = x$boxes$label, tail = sprintf("(n = %d)", x$boxes$n),
    bold = x$boxes$kind == "main", bullet = FALSE
  )
  lines <- x$lines
  clusters <- lines$kind == "clusters"
  inside <- data.frame(
    node = lines$box,
    text = ifelse(clusters, paste0(lines$label, ": ", lines$n), lines$label),
    tail = sprintf("(%s)", ifelse(clusters, lines$detail, paste("n =", lines$n))),
    bold = rep(FALSE, nrow(lines)), bullet = lines$kind == "reason"
  )
  rbind(head, inside)
}

flow_edges <- function(boxes, nodes, columns) {
  below <- boxes[!is.na(boxes$parent), ]
  parent <- boxes[match(below$parent, boxes$id), ]
  ways <- c(columns$start$way, columns$arms$way)
  way_of <- function(arm) ways[match(arm, c(NA, columns$arm_names))]
  splits <- is.na(parent$arm) & !is.na(below$arm)
  node <- nodes[match(below$id, nodes$id), ]
  data.frame(
    from = below$parent, to = below$id, out = way_of(parent$arm),
    into = ifelse(below$kind == "side", NA,
      ifelse(splits, (node$x0 + node$x1) / 2, way_of(below$arm)))
  )
}

# A stage spans the rows of its boxes.
flow_bands <- function(boxes, band) {
  stages <- unique(boxes$stage)
  data.frame(
    label = stages, x0 = band[["x0"]], x1 = band[["x1"]],
    from = vapply(stages, function(s) min(boxes$position[boxes$stage == s]), 1L),
    to = vapply(stages, function(s) max(boxes$position[boxes$stage == s]), 1L)
  )
}
