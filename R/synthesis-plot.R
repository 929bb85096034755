# The tree of a synthesis: findings at the left, categories, synthesised findings at the right, each
# box in the middle of those it is made of.

#' @rdname synthesis
#' @export
plot.synthesis <- function(x, fontsize = NULL, newpage = TRUE, ...) {
  check_no_dots(...)
  draw_picture(x, fontsize, newpage)
}

#' @exportS3Method knitr::knit_print
knit_print.synthesis <- function(x, ...) {
  plot(x)
}

#' @export
picture_layout.synthesis <- function(x, width, fontsize, ...) {
  size <- diagram_measures(fontsize)
  columns <- tree_columns(width, size)
  nodes <- tree_nodes(x, columns)
  text <- tree_text(x, nodes)
  lines <- lapply(seq_len(nrow(nodes)), function(i) {
    set_text(text[text$node == nodes$id[[i]], ], nodes[i, ], size, fontsize)
  })
  need <- vapply(lines, nrow, 1L) * size$line + 2 * size$pad_y
  nodes <- tree_places(nodes, need, size)
  placed <- Map(place_lines, lines, split_rows(nodes), list(size))
  layout <- list(
    boxes = nodes, lines = do.call(rbind, placed), edges = tree_edges(nodes),
    width = width, height = max(nodes$y1) + 0.5 * size$em, fontsize = fontsize, size = size
  )
  c(layout, list(
    broken = any(layout$lines$broken), grobs = function(scale) diagram_grobs(layout, scale)
  ))
}

tree_columns <- function(width, size) {
  between <- min(2.2 * size$em, 0.05 * width)
  room <- width - 2 * between - 0.4 * size$em
  wide <- room * c(finding = 0.44, category = 0.27, synthesis = 0.29)
  x0 <- 0.2 * size$em + cumsum(c(0, wide[1:2] + between))
  data.frame(level = names(wide), x0 = x0, x1 = x0 + wide)
}

# A row a box: `level`, `id`, `parent` (the id at its right), `x0`, `x1`. The headings have no
# parent and are first.
tree_nodes <- function(x, columns) {
  category <- match(x$findings$category, x$categories$category)
  synthesis <- match(x$categories$synthesis, x$synthesised$synthesis)
  nodes <- rbind(
    data.frame(level = columns$level, id = paste("heading", columns$level), parent = "",
      fill = "band"),
    data.frame(level = "finding", id = paste("finding", seq_along(category)),
      parent = paste("category", category), fill = "main"),
    data.frame(level = "category", id = paste("category", seq_along(synthesis)),
      parent = paste("synthesis", synthesis), fill = "side"),
    data.frame(level = "synthesis", id = paste("synthesis", seq_len(nrow(x$synthesised))),
      parent = "", fill = "main")
  )
  at <- match(nodes$level, columns$level)
  nodes$x0 <- columns$x0[at]
  nodes$x1 <- columns$x1[at]
  nodes$align <- ifelse(nodes$fill == "band", "centre", "left")
  nodes
}

tree_text <- function(x, nodes) {
  grade <- x$synthesised$grade
  text <- c(
    "Findings", "Categories", "Synthesised findings", finding_text(x$findings),
    x$categories$category, x$synthesised$synthesis
  )
  head <- data.frame(
    node = nodes$id, text = text, tail = "",
    bold = nodes$fill == "band" | nodes$level == "synthesis", bullet = FALSE
  )
  graded <- data.frame(
    node = nodes$id[nodes$level == "synthesis" & nodes$fill != "band"],
    text = ifelse(is.na(grade), "Not graded", paste("ConQual:", tolower(grade))), tail = "",
    bold = FALSE, bullet = FALSE
  )
  rbind(head, graded)
}

# Boxes from the top: a box with what it is made of at its left takes the height of the larger.
tree_places <- function(nodes, need, size) {
  nodes$y0 <- 0
  nodes$y1 <- 0
  heading <- nodes$fill == "band"
  top <- 0.3 * size$em
  nodes$y0[heading] <- top
  nodes$y1[heading] <- top + max(need[heading])
  gap <- c(finding = 0.5, category = 1, synthesis = 1.8) * size$em
  place <- function(nodes, i, top) {
    below <- which(nodes$parent == nodes$id[[i]])
    inside <- vapply(below, tree_height, 0, nodes = nodes, need = need, gap = gap)
    height <- tree_height(i, nodes, need, gap)
    if (length(below) > 0) {
      apart <- gap[[nodes$level[[below[[1]]]]]]
      start <- top + (height - sum(inside) - apart * (length(below) - 1)) / 2
      tops <- start + cumsum(c(0, utils::head(inside + apart, -1)))
      for (k in seq_along(below)) {
        nodes <- place(nodes, below[[k]], tops[[k]])
      }
    }
    nodes$y0[[i]] <- top + (height - need[[i]]) / 2
    nodes$y1[[i]] <- nodes$y0[[i]] + need[[i]]
    nodes
  }
  top <- max(nodes$y1) + size$em
  for (i in which(nodes$level == "synthesis" & !heading)) {
    nodes <- place(nodes, i, top)
    top <- top + tree_height(i, nodes, need, gap) + gap[["synthesis"]]
  }
  nodes
}

# The height of a box and all at its left.
tree_height <- function(i, nodes, need, gap) {
  below <- which(nodes$parent == nodes$id[[i]])
  if (length(below) == 0) {
    return(need[[i]])
  }
  inside <- vapply(below, tree_height, 0, nodes = nodes, need = need, gap = gap)
  max(need[[i]], sum(inside) + gap[[nodes$level[[below[[1]]]]]] * (length(below) - 1))
}

tree_edges <- function(nodes) {
  from <- nodes[nzchar(nodes$parent), ]
  to <- nodes[match(from$parent, nodes$id), ]
  turn <- from$x1 + 0.4 * (to$x0 - from$x1)
  low <- (from$y0 + from$y1) / 2
  high <- (to$y0 + to$y1) / 2
  data.frame(
    edge = rep(from$id, 4), x = c(from$x1, turn, turn, to$x0), y = c(low, low, high, high)
  )
}
