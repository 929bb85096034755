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
  check_balance(x)
  draw_picture(x, fontsize, newpage)
}

#' The size that a flow diagram needs
#'
#' @param x A [flow()] or [prisma_flow()].
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
  if (!inherits(x, "prisma_flow")) {
    check_flow(x)
  }
  picture_size(x, width, fontsize)
}

check_flow <- function(x, arg = "x") {
  if (!inherits(x, "flow")) {
    qst_abort("argument", sprintf("`%s` must be a flow(), not %s.", arg, describe(x)))
  }
  check_balance(x)
}

#' @exportS3Method knitr::knit_print
knit_print.flow <- function(x, ...) {
  plot(x)
}

#' @export
picture_layout.flow <- function(x, width, fontsize, ...) {
  layout <- flow_layout(check_flow(x), width, fontsize)
  c(layout, list(
    broken = any(layout$lines$broken), grobs = function(scale) diagram_grobs(layout, scale)
  ))
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
