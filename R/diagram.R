# Boxes of measured text joined by arrows: the engine under the flow diagrams.
# It knows nothing of trials. All sizes are millimetres, x from the left and y
# from the top; everything but the width is in proportion to the type.
#
# A diagram is a list of
# * `nodes`: data frame, one row a box: `id`, `row` (boxes of one row share
#   their top and height), `x0`, `x1`, `align` ("left" or "centre"), `fill`;
# * `text`: data frame, one row a paragraph: `node`, `text` (wrapped where it
#   must), `tail` (kept in one piece, such as "(n = 4)"), `bold`, `bullet`;
# * `edges`: data frame: `from`, `to`, `out` (x at which the edge leaves the
#   lower side of `from`; NA: it leaves the right side), `into` (x at which it
#   meets the upper side of `to`; NA: it meets the left side);
# * `bands`: data frame of labels at the left: `label`, `from`, `to` (rows),
#   `x0`, `x1`.

# What things measure, in mm, for type of a given size in points.
diagram_measures <- function(fontsize) {
  em <- fontsize * 25.4 / 72
  list(
    em = em, line = 1.25 * em, pad_x = 0.75 * em, pad_y = 0.55 * em, gap = 1.7 * em,
    indent = 0.85 * em, arrow = 0.6 * em, stroke = 0.06 * fontsize
  )
}

# The rectangles, lines of text, polylines and bands of a diagram as data
# frames, the height it needs, and by how many mm the text that cannot be
# wrapped is too wide for its box (`lacking` > 0). Measures on the open device.
diagram_layout <- function(diagram, fontsize) {
  size <- diagram_measures(fontsize)
  nodes <- diagram$nodes
  lines <- lapply(seq_len(nrow(nodes)), function(i) {
    set_text(diagram$text[diagram$text$node == nodes$id[[i]], ], nodes[i, ], size, fontsize)
  })
  count <- vapply(lines, nrow, 1L)
  lacking <- max(unlist(lapply(lines, function(line) line$left + line$width - line$room)))
  rows <- row_places(nodes$row, count * size$line + 2 * size$pad_y, diagram$bands, size, fontsize)
  nodes$y0 <- rows$box_top[nodes$row]
  nodes$y1 <- nodes$y0 + rows$box_height[nodes$row]
  list(
    boxes = nodes, lines = do.call(rbind, Map(place_lines, lines, split_rows(nodes), list(size))),
    edges = edge_paths(diagram$edges, nodes), bands = band_places(diagram$bands, rows, size),
    height = rows$bottom, lacking = lacking, fontsize = fontsize, size = size
  )
}

split_rows <- function(data) {
  lapply(seq_len(nrow(data)), function(i) data[i, ])
}

# ---- Text ----

# Widths in mm of texts on the open device.
text_width <- function(text, fontsize, bold) {
  if (length(text) == 0) {
    return(numeric())
  }
  face <- if (bold) "bold" else "plain"
  grid::pushViewport(grid::viewport(gp = grid::gpar(fontsize = fontsize, fontface = face)),
    recording = FALSE)
  on.exit(grid::popViewport(recording = FALSE))
  grid::convertWidth(grid::stringWidth(text), "mm", valueOnly = TRUE)
}

# The paragraphs of one box broken into lines that fit its width.
set_text <- function(paragraphs, node, size, fontsize) {
  room <- node$x1 - node$x0 - 2 * size$pad_x
  set <- lapply(split_rows(paragraphs), function(p) {
    left <- if (p$bullet) size$indent else 0
    # A number stays with what it counts and with the sign before it: "< 5 mg".
    words <- strsplit(enc2utf8(p$text), "(?<![0-9:<>=\u2264\u2265]) +", perl = TRUE)[[1]]
    text <- wrap_words(words, p$tail, room - left, fontsize, p$bold)
    data.frame(
      node = node$id, text = as.vector(text), broken = attr(text, "broken"),
      width = text_width(text, fontsize, p$bold), left = left,
      room = room, bold = p$bold, bullet = p$bullet & seq_along(text) == 1
    )
  })
  do.call(rbind, set)
}

# Greedy lines of words; a word wider than the line is cut between characters,
# and the result's attribute `broken` says that one was.
wrap_words <- function(words, tail, room, fontsize, bold) {
  whole <- length(words)
  words <- unlist(lapply(words, break_drawn_word, room = room, fontsize = fontsize, bold = bold))
  broken <- length(words) > whole
  words <- c(words, tail[nzchar(tail)])
  width <- text_width(words, fontsize, bold)
  space <- text_width("a a", fontsize, bold) - text_width("aa", fontsize, bold)
  line <- integer(length(words))
  used <- Inf
  now <- 0L
  for (i in seq_along(words)) {
    used <- used + space + width[[i]]
    if (used > room) {
      now <- now + 1L
      used <- width[[i]]
    }
    line[[i]] <- now
  }
  lines <- unname(vapply(split(words, line), paste, "", collapse = " "))
  structure(lines, broken = broken)
}

break_drawn_word <- function(word, room, fontsize, bold) {
  letters <- strsplit(word, "")[[1]]
  if (length(letters) < 2 || text_width(word, fontsize, bold) <= room) {
    return(word)
  }
  each <- text_width(letters, fontsize, bold)
  # Less than the room, since pieces are cut where the sum passes a multiple.
  part <- cumsum(each) %/% max(room - max(each), max(each))
  unname(vapply(split(letters, part), paste, "", collapse = ""))
}

# Lines at their place in a box: `x` is the left end, `y` the middle.
place_lines <- function(lines, box, size) {
  inner <- box$x1 - box$x0 - 2 * size$pad_x
  spare <- inner - lines$width - lines$left
  centred <- box$align == "centre" & lines$left == 0
  lines$x <- box$x0 + size$pad_x + lines$left + ifelse(centred, spare / 2, 0)
  top <- (box$y0 + box$y1 - nrow(lines) * size$line) / 2
  if (box$align != "centre") {
    top <- box$y0 + size$pad_y
  }
  lines$y <- top + (seq_len(nrow(lines)) - 0.5) * size$line
  lines
}

# ---- Rows and bands ----

# Tops and heights of the rows, and of the boxes in their middle: a row is
# higher than its boxes where the label of a band would be longer than the rows
# that it spans.
row_places <- function(row, need, bands, size, fontsize) {
  box_height <- as.vector(tapply(need, factor(row, seq_len(max(row))), max))
  height <- box_height
  label <- text_width(bands$label, fontsize, bold = TRUE) + 2 * size$pad_x
  for (i in seq_len(nrow(bands))) {
    span <- bands$from[[i]]:bands$to[[i]]
    # A band reaches into the gaps around it, but for the space between bands.
    outer <- size$gap - band_space(size)
    lacking <- label[[i]] - sum(height[span]) - (length(span) - 1) * size$gap - outer
    height[span] <- height[span] + max(0, lacking) / length(span)
  }
  edge <- size$gap / 2
  top <- edge + cumsum(c(0, utils::head(height + size$gap, -1)))
  list(
    top = top, height = height, box_top = top + (height - box_height) / 2,
    box_height = box_height, bottom = top[length(top)] + height[length(height)] + edge
  )
}

band_space <- function(size) {
  0.4 * size$em
}

band_places <- function(bands, rows, size) {
  reach <- (size$gap - band_space(size)) / 2
  bands$y0 <- rows$top[bands$from] - reach
  bands$y1 <- rows$top[bands$to] + rows$height[bands$to] + reach
  bands
}

# ---- Edges ----

# One polyline an edge, each segment level or upright. Edges that leave one
# box and enter the next row elsewhere turn half-way between the rows.
edge_paths <- function(edges, nodes) {
  paths <- lapply(split_rows(edges), function(edge) {
    from <- nodes[match(edge$from, nodes$id), ]
    to <- nodes[match(edge$to, nodes$id), ]
    middle <- (to$y0 + to$y1) / 2
    points <- if (is.na(edge$out)) {
      list(x = c(from$x1, to$x0), y = c(middle, middle))
    } else if (is.na(edge$into)) {
      list(x = c(edge$out, edge$out, to$x0), y = c(from$y1, middle, middle))
    } else if (edge$out == edge$into) {
      list(x = c(edge$out, edge$into), y = c(from$y1, to$y0))
    } else {
      turn <- (from$y1 + to$y0) / 2
      list(x = c(edge$out, edge$out, edge$into, edge$into), y = c(from$y1, turn, turn, to$y0))
    }
    data.frame(edge = paste(edge$from, edge$to, sep = " > "), from = edge$from, to = edge$to,
      x = points$x, y = points$y)
  })
  do.call(rbind, paths)
}

# ---- Drawing ----

diagram_colours <- c(
  line = "grey25", text = "grey10", main = "white", side = "grey96", band = "#DCE6F0",
  band_text = "#1F3A5F"
)

# The grobs of a layout with its `width`, in a viewport whose units are its
# millimetres.
diagram_grobs <- function(layout, scale = 1) {
  parts <- list(
    band_grobs(layout, scale), edge_grobs(layout, scale), box_grobs(layout, scale),
    text_grobs(layout, scale)
  )
  grid::gTree(children = do.call(grid::gList, parts), vp = picture_viewport(layout, scale),
    name = "diagram")
}

rect_grob <- function(places, fill, colour, stroke) {
  grid::rectGrob(
    x = grid::unit(places$x0, "native"), y = grid::unit(places$y1, "native"),
    width = grid::unit(places$x1 - places$x0, "native"),
    height = grid::unit(places$y0 - places$y1, "native"), just = c("left", "bottom"),
    gp = grid::gpar(fill = fill, col = colour, lwd = stroke)
  )
}

box_grobs <- function(layout, scale) {
  fill <- unname(diagram_colours[layout$boxes$fill])
  rect_grob(layout$boxes, fill, diagram_colours[["line"]], layout$size$stroke * scale * 96 / 72)
}

band_grobs <- function(layout, scale) {
  bands <- layout$bands
  if (is.null(bands)) {
    return(grid::nullGrob())
  }
  label <- grid::textGrob(
    bands$label, grid::unit((bands$x0 + bands$x1) / 2, "native"),
    grid::unit((bands$y0 + bands$y1) / 2, "native"), rot = 90,
    gp = grid::gpar(fontsize = layout$fontsize * scale, fontface = "bold",
      col = diagram_colours[["band_text"]])
  )
  grid::gTree(children = grid::gList(rect_grob(bands, diagram_colours[["band"]], NA, 0), label))
}

edge_grobs <- function(layout, scale) {
  edges <- layout$edges
  if (is.null(edges)) {
    return(grid::nullGrob())
  }
  grid::polylineGrob(
    grid::unit(edges$x, "native"), grid::unit(edges$y, "native"),
    id = match(edges$edge, unique(edges$edge)),
    arrow = grid::arrow(25, grid::unit(layout$size$arrow * scale, "mm"), type = "closed"),
    gp = grid::gpar(col = diagram_colours[["line"]], fill = diagram_colours[["line"]],
      lwd = layout$size$stroke * scale * 96 / 72, linejoin = "mitre")
  )
}

text_grobs <- function(layout, scale) {
  lines <- layout$lines
  bullets <- lines[lines$bullet, ]
  text <- grid::textGrob(
    lines$text, grid::unit(lines$x, "native"), grid::unit(lines$y, "native"),
    just = c("left", "centre"),
    gp = grid::gpar(fontsize = layout$fontsize * scale, col = diagram_colours[["text"]],
      fontface = ifelse(lines$bold, "bold", "plain"))
  )
  if (nrow(bullets) == 0) {
    return(text)
  }
  bullet <- grid::circleGrob(
    grid::unit(bullets$x - 0.55 * layout$size$em, "native"), grid::unit(bullets$y, "native"),
    r = grid::unit(0.14 * layout$size$em * scale, "mm"),
    gp = grid::gpar(fill = diagram_colours[["text"]], col = NA)
  )
  grid::gTree(children = grid::gList(text, bullet))
}
