# Risk of bias drawn: lights by study and domain, and bars by domain. Sizes are mm in proportion to
# the type, as in diagram.R.

#' Draw risk of bias
#'
#' `type = "traffic"`: a row a study and a light a domain, green, yellow and red of the colours
#' of Okabe and Ito, each with its sign, so that nothing is said by colour alone. `type =
#' "summary"`: a bar a domain, as long as the share of the studies with each judgement, or of the
#' weight when the object has weights.
#'
#' The drawing measures its text: long names are wrapped, and the type is as large as fits, as in
#' [plot.flow()]. A picture of 60 studies is about 300 mm high; `write_figure()` takes the height
#' it needs, and `per_page` begins a new page after so many studies.
#'
#' @param x A [risk_of_bias()].
#' @param type `"traffic"` or `"summary"`.
#' @param per_page For `"traffic"`: how many studies a page; `Inf` draws all on one. Needs
#'   `newpage = TRUE`.
#' @param fontsize,newpage,... As in [plot.flow()].
#' @return `x`, invisibly. [write_figure()] writes it to a file (`type` can be given there),
#'   [alt_text()] says the summary in words.
#' @section Compared with robvis:
#' `rob_traffic_light()` and `rob_summary()` draw the same; the colours there need
#' `colour = "colourblind"`, and many studies overplot unless the device is enlarged by hand.
#' @examples
#' # Synthetic.
#' judged <- data.frame(
#'   study = c("Alpha 2019", "Beta 2021"), "Sequence" = c("Low", "High"), "Blinding" = "Unclear"
#' )
#' x <- risk_of_bias(judged, "RoB1", domains = c("Sequence", "Blinding"))
#' plot(x)
#' plot(x, type = "summary")
#' @export
plot.risk_of_bias <- function(x, type = c("traffic", "summary"), per_page = Inf, fontsize = NULL,
                              newpage = TRUE, ...) {
  check_no_dots(...)
  type <- check_choice(type, c("traffic", "summary"), "type")
  check_number(per_page, "per_page", min = 1)
  check_data_frame(unclass_frame(x), "x")
  page <- if (type == "traffic") (seq_len(nrow(x)) - 1) %/% per_page else rep(0, nrow(x))
  if (max(page) > 0 && !check_flag(newpage, "newpage")) {
    qst_abort("argument", "`per_page` needs pages to turn. Leave out `newpage = FALSE`.")
  }
  for (rows in split(seq_len(nrow(x)), page)) {
    draw_picture(x[rows, ], fontsize, newpage, type = type)
  }
  invisible(x)
}

#' @exportS3Method knitr::knit_print
knit_print.risk_of_bias <- function(x, ...) {
  plot(x)
}

#' @export
alt_text.risk_of_bias <- function(x) {
  counts <- summary(x)
  said <- vapply(split(counts, factor(counts$domain, rob_columns(x))), function(rows) {
    rows <- rows[rows$n > 0, ]
    sprintf("%s: %s.", rows$label[[1]], paste(rows$judgement, rows$n, collapse = ", "))
  }, "")
  paste(c(sprintf("Risk of bias of %d studies by %s.", nrow(x), rob_tool(x)$name), said),
    collapse = " ")
}

#' @export
picture_layout.risk_of_bias <- function(x, width, fontsize, type = "traffic", ...) {
  if (type == "traffic") traffic_layout(x, width, fontsize) else bars_layout(x, width, fontsize)
}

# ---- Traffic light ----

traffic_layout <- function(x, width, fontsize) {
  size <- diagram_measures(fontsize)
  em <- size$em
  columns <- rob_columns(x)
  headings <- replace(columns, columns == "overall", "Overall")
  cell <- pmax(2.3 * em, text_width(headings, fontsize, TRUE) + 0.8 * em)
  most <- max(8 * em, width - sum(cell) - em)
  names <- set_names(x$study, most, fontsize)
  name_width <- max(names$width, 4 * em) + em
  width <- max(width, name_width + sum(cell))
  # What is left widens the cells, up to twice.
  cell <- cell * min(2, (width - name_width) / sum(cell))
  middle <- name_width + cumsum(cell) - cell / 2
  row_height <- pmax(2.1 * em, names$lines * size$line + 0.5 * em)
  head <- 2.2 * em
  bottom <- head + cumsum(row_height)
  y <- bottom - row_height / 2
  legend <- rob_key(x, min(width, max(name_width + sum(cell), 60 * em)),
    bottom[[length(bottom)]] + em, fontsize, with_domains = TRUE)
  lights <- data.frame(
    x = rep(middle, each = nrow(x)), y = rep(y, length(columns)),
    judgement = unlist(lapply(columns, function(name) as.character(x[[name]])))
  )
  text <- rbind(
    drawn_text(headings, middle, head / 2, "centre", TRUE), place_names(names, y, size), legend$text
  )
  layout <- list(
    width = width, height = legend$bottom, fontsize = fontsize, broken = names$broken, text = text,
    bands = row_bands(bottom - row_height, bottom, name_width + sum(cell)),
    lights = rbind(lights, legend$lights), radius = 0.82 * em, stroke = size$stroke
  )
  c(layout, list(grobs = function(scale) traffic_grobs(layout, rob_tool(x), scale)))
}

# Names of studies broken into lines of at most `most` mm: `of` (list of lines), `lines` (their
# number), `width`, `broken`.
set_names <- function(study, most, fontsize) {
  set <- lapply(study, function(name) {
    words <- strsplit(enc2utf8(name), " +", perl = TRUE)[[1]]
    wrap_words(words, "", most, fontsize, FALSE)
  })
  list(
    of = lapply(set, as.vector), lines = lengths(set),
    width = max(text_width(unlist(set), fontsize, FALSE)),
    broken = any(vapply(set, attr, NA, "broken"))
  )
}

place_names <- function(names, y, size) {
  parts <- Map(function(lines, y) {
    at <- y + (seq_along(lines) - (length(lines) + 1) / 2) * size$line
    drawn_text(lines, 0.3 * size$em, at, "left", FALSE)
  }, names$of, y)
  do.call(rbind, parts)
}

drawn_text <- function(text, x, y, just, bold) {
  n <- length(text)
  data.frame(text = text, x = rep_len(x, n), y = rep_len(y, n), just = rep_len(just, n),
    bold = rep_len(bold, n))
}

# Every other row is shaded.
row_bands <- function(top, bottom, width) {
  shaded <- seq_along(top) %% 2 == 1
  data.frame(x0 = 0, x1 = width, y0 = top[shaded], y1 = bottom[shaded])
}

# The judgements with their lights and, if asked for, what the domains are called; begins at y =
# `top`. Items flow from left to right and are wrapped.
rob_key <- function(x, width, top, fontsize, with_domains) {
  size <- diagram_measures(fontsize)
  em <- size$em
  legend <- rob_legend(x)
  at <- flow_items(text_width(legend$judgement, fontsize, FALSE) + 3.2 * em, width)
  y <- top + (at$line - 0.5) * 2 * em
  lights <- data.frame(x = at$x + 1.1 * em, y = y, judgement = legend$judgement)
  lights$judgement[lights$judgement == "Not assessed"] <- NA
  text <- drawn_text(legend$judgement, at$x + 2.3 * em, y, "left", FALSE)
  bottom <- max(y) + 1.2 * em
  if (with_domains) {
    labels <- attr(x, "labels")[setdiff(rob_columns(x), "overall")]
    said <- sprintf("%s: %s", names(labels), labels)
    at <- flow_items(text_width(said, fontsize, FALSE) + 1.2 * em, width)
    y <- bottom + (at$line - 0.5) * size$line
    text <- rbind(text, drawn_text(said, at$x + 0.3 * em, y, "left", FALSE))
    bottom <- max(y) + em
  }
  list(lights = lights, text = text, bottom = bottom)
}

# Places of items of some widths in lines: `x` and `line`.
flow_items <- function(item, width) {
  line <- integer(length(item))
  x <- numeric(length(item))
  now <- 1L
  used <- 0
  for (i in seq_along(item)) {
    if (used > 0 && used + item[[i]] > width) {
      now <- now + 1L
      used <- 0
    }
    line[[i]] <- now
    x[[i]] <- used
    used <- used + item[[i]]
  }
  list(x = x, line = line)
}

traffic_grobs <- function(layout, tool, scale) {
  parts <- grid::gList(
    rect_grob(layout$bands, "grey95", NA, 0),
    light_grobs(layout$lights$x, layout$lights$y, layout$radius, layout$lights$judgement, tool,
      scale),
    drawn_text_grobs(layout$text, layout$fontsize, scale)
  )
  grid::gTree(children = parts, vp = picture_viewport(layout, scale), name = "risk_of_bias")
}

drawn_text_grobs <- function(text, fontsize, scale) {
  grid::textGrob(
    text$text, grid::unit(text$x, "native"), grid::unit(text$y, "native"),
    hjust = c(left = 0, centre = 0.5, right = 1)[text$just], vjust = 0.5,
    gp = grid::gpar(fontsize = fontsize * scale, fontface = ifelse(text$bold, "bold", "plain"),
      col = diagram_colours[["text"]])
  )
}

# Lights at native places: a disc in the judgement's colour with its sign. `radius` is in mm
# before `scale`. Signs are drawn as lines (and a dot), since fonts set them at any height.
light_grobs <- function(x, y, radius, judgement, tool, scale = 1) {
  at <- match(judgement, tool$judgements)
  fill <- ifelse(is.na(at), "white", tool$colours[at])
  sign <- ifelse(is.na(at), "", tool$signs[at])
  r <- radius * scale
  disc <- grid::circleGrob(
    grid::unit(x, "native"), grid::unit(y, "native"), grid::unit(r, "mm"),
    gp = grid::gpar(fill = fill, col = ifelse(is.na(at), "grey60", "grey25"), lwd = 0.5)
  )
  signs <- lapply(setdiff(unique(sign), ""), function(s) {
    sign_grob(s, x[sign == s], y[sign == s], r)
  })
  grid::gTree(children = do.call(grid::gList, c(list(disc), signs)), name = "lights")
}

# The strokes of a sign in radii from the middle of the disc: x0, y0, x1, y1, upwards.
sign_strokes <- list(
  "+" = rbind(c(-0.5, 0, 0.5, 0), c(0, -0.5, 0, 0.5)),
  "-" = rbind(c(-0.5, 0, 0.5, 0)),
  "x" = rbind(c(-0.4, -0.4, 0.4, 0.4), c(-0.4, 0.4, 0.4, -0.4)),
  "=" = rbind(c(-0.5, 0.22, 0.5, 0.22), c(-0.5, -0.22, 0.5, -0.22)),
  "~" = rbind(c(-0.55, -0.2, -0.2, 0.2), c(-0.2, 0.2, 0.2, -0.2), c(0.2, -0.2, 0.55, 0.2)),
  "!" = rbind(c(0, -0.08, 0, 0.62), c(0, -0.62, 0, -0.32))
)

sign_grob <- function(sign, x, y, r) {
  if (sign == "?") {
    return(grid::textGrob("?", grid::unit(x, "native"), grid::unit(y, "native"),
      gp = grid::gpar(fontsize = 1.7 * r * 72 / 25.4, fontface = "bold", col = "black")))
  }
  strokes <- sign_strokes[[sign]]
  from <- rep(seq_along(x), each = nrow(strokes))
  place <- function(at, offset) grid::unit(at[from], "native") + grid::unit(r * offset, "mm")
  grid::segmentsGrob(
    place(x, strokes[, 1]), place(y, strokes[, 2]), place(x, strokes[, 3]), place(y, strokes[, 4]),
    gp = grid::gpar(col = "black", lwd = 0.32 * r * 96 / 25.4, lineend = "butt")
  )
}

# ---- Bars ----

bars_layout <- function(x, width, fontsize) {
  size <- diagram_measures(fontsize)
  em <- size$em
  columns <- rob_columns(x)
  labels <- set_names(unname(attr(x, "labels")[columns]), 0.45 * width, fontsize)
  left <- labels$width + em
  right <- width - 1.8 * em
  row_height <- pmax(1.9 * em, labels$lines * size$line + 0.5 * em)
  bottom <- cumsum(row_height) + 0.4 * em
  y <- bottom - row_height / 2
  shares <- bar_parts(summary(x), columns, y, left, right, em)
  axis <- bottom[[length(bottom)]] + 0.3 * em
  ticks <- left + (right - left) * seq(0, 1, 0.25)
  what <- if (is.null(x$weight)) "Share of the studies" else "Share of the weight"
  key <- rob_key(x, width, axis + 4 * em, fontsize, with_domains = FALSE)
  layout <- list(
    width = width, height = key$bottom, fontsize = fontsize, broken = labels$broken,
    bars = shares, axis = data.frame(x = ticks, y = axis), radius = 0.82 * em,
    lights = key$lights, tick = 0.4 * em, stroke = size$stroke,
    text = rbind(
      place_names(labels, y, size),
      drawn_text(sprintf("%d%%", seq(0, 100, 25)), ticks, axis + 1.2 * em, "centre", FALSE),
      drawn_text(what, (left + right) / 2, axis + 2.7 * em, "centre", FALSE), key$text
    ),
    percents = bar_percents(shares, fontsize)
  )
  c(layout, list(grobs = function(scale) bars_grobs(layout, rob_tool(x), scale)))
}

bar_parts <- function(counts, columns, y, left, right, em) {
  parts <- lapply(seq_along(columns), function(i) {
    rows <- counts[counts$domain == columns[[i]], ]
    end <- cumsum(rows$percent) / 100
    data.frame(
      x0 = left + (right - left) * c(0, utils::head(end, -1)), x1 = left + (right - left) * end,
      y0 = y[[i]] - 0.7 * em, y1 = y[[i]] + 0.7 * em,
      judgement = rows$judgement, percent = rows$percent
    )
  })
  parts <- do.call(rbind, parts)
  parts[parts$percent > 0, ]
}

# Percentages inside the parts that have room for them.
bar_percents <- function(parts, fontsize) {
  text <- sprintf("%.0f%%", parts$percent)
  fits <- text_width(text, 0.85 * fontsize, FALSE) * 1.25 < parts$x1 - parts$x0
  drawn_text(text[fits], ((parts$x0 + parts$x1) / 2)[fits], ((parts$y0 + parts$y1) / 2)[fits],
    "centre", FALSE)
}

bars_grobs <- function(layout, tool, scale) {
  fill <- tool$colours[match(layout$bars$judgement, tool$judgements)]
  fill[is.na(fill)] <- "white"
  stroke <- layout$stroke * scale * 96 / 72
  axis <- layout$axis
  lines <- grid::segmentsGrob(
    grid::unit(c(axis$x[[1]], axis$x), "native"), grid::unit(axis$y[[1]], "native"),
    grid::unit(c(axis$x[[5]], axis$x), "native"),
    grid::unit(axis$y[[1]] + c(0, rep(layout$tick, 5)), "native"),
    gp = grid::gpar(col = diagram_colours[["line"]], lwd = stroke)
  )
  parts <- grid::gList(
    rect_grob(layout$bars, fill, diagram_colours[["line"]], stroke), lines,
    light_grobs(layout$lights$x, layout$lights$y, layout$radius, layout$lights$judgement, tool,
      scale),
    drawn_text_grobs(layout$percents, 0.85 * layout$fontsize, scale),
    drawn_text_grobs(layout$text, layout$fontsize, scale)
  )
  grid::gTree(children = parts, vp = picture_viewport(layout, scale), name = "risk_of_bias")
}
