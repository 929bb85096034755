# An audit drawn: the printed tables, their cells coloured by verdict. Sizes are mm in proportion to
# the type, as in diagram.R.

#' Draw the printed tables with their verdicts
#'
#' Lays the tables out as they were printed (participants, counts and means by arm with their tests,
#' the model and so on) and colours each cell that was checked by its worst verdict: blue with `=`
#' where the printed digits follow, yellow with `~` where they follow within rounding, orange with a
#' cross, a frame and bold type where they cannot. Each has its sign and the last is darker, so that
#' nothing is said by colour alone. Below a figure, in smaller type, is what its inputs allow (left
#' out where that is the figure itself). With `repair`, what it puts in the place of a printed text
#' stands beside it, and the printed text is struck out.
#'
#' Pages are filled with as many tables as they hold. [write_figure()] draws all of them into one
#' picture of the height that they need. With many arms a table comes in parts; of a table of more
#' than 100 rows only inconsistent figures and their neighbours are drawn, and it says so.
#'
#' @param x An [audit()].
#' @param repair A [repair()] of the audit, whose first proposal is drawn, or `NULL`.
#' @param tables Which tables to draw, of `"flow"`, `"counts"`, `"means"`, `"tests"`, `"model"`,
#'   `"alpha"`, `"power"` and `"pools"`; `NULL` for all.
#' @param fontsize,newpage As in [plot.flow()]; without a new page all tables are drawn into one.
#' @param ... Nothing; an unknown argument is an error.
#' @return `x`, invisibly. [alt_text()] says the picture in words.
#' @seealso [write_audit()] for a document.
#' @examples
#' found <- audit(published(system.file("extdata", "lemogne2020", package = "questrial")))
#' plot(found, tables = "counts")
#' @export
plot.audit <- function(x, repair = NULL, tables = NULL, fontsize = NULL, newpage = TRUE, ...) {
  check_no_dots(...)
  sheets <- audit_sheets(x, repair, tables)
  if (length(sheets$sheets) == 0) {
    qst_abort("no_data", "The tables hold no figures to draw. Type some of what is printed first.")
  }
  if (check_flag(newpage, "newpage")) {
    for (page in sheet_pages(sheets, fontsize)) {
      draw_picture(page, fontsize, TRUE)
    }
  } else {
    draw_picture(sheets, fontsize, FALSE)
  }
  invisible(x)
}

#' @export
plot.audit_sheets <- function(x, fontsize = NULL, newpage = TRUE, ...) {
  check_no_dots(...)
  draw_picture(x, fontsize, newpage)
}

#' @export
alt_text.audit <- function(x) {
  wrong <- inconsistent_rows(x)
  paste(c(
    "The printed tables, each checked figure coloured by verdict.", verdict_words(x),
    if (nrow(wrong) > 0) {
      sprintf("Inconsistent: %s.", enumerate(unique(wrong$cell), most = 12))
    }
  ), collapse = " ")
}

#' @export
alt_text.audit_sheets <- function(x) {
  alt_text(x$audit)
}

# The sheets by pages of the open device, as many on each as it holds in readable type.
sheet_pages <- function(x, fontsize) {
  size <- grDevices::dev.size("cm") * 10
  heights <- vapply(x$sheets, function(sheet) {
    page <- replace(x, "sheets", list(list(sheet)))
    sizes <- if (is.null(fontsize)) c(9, 8, 7) else fontsize
    on_spare_device(fit_picture(page, size[[1]], size[[2]], sizes)$height)
  }, 0)
  page <- integer(length(heights))
  used <- Inf
  now <- 0L
  for (i in seq_along(heights)) {
    used <- used + heights[[i]]
    if (used > size[[2]]) {
      now <- now + 1L
      used <- heights[[i]]
    }
    page[[i]] <- now
  }
  lapply(split(x$sheets, page), function(sheets) replace(x, "sheets", list(sheets)))
}

# ---- Layout ----

audit_colours <- c(exact = "#D3E6F5", rounding = "#FBE7A1", inconsistent = "#F2A477")

audit_signs <- c(exact = "=", rounding = "~", inconsistent = "x")

audit_meanings <- c(
  exact = "follows from the others", rounding = "follows within rounding",
  inconsistent = "contradicts the others"
)

small_type <- 0.85

#' @export
picture_layout.audit_sheets <- function(x, width, fontsize, ...) {
  top <- 0
  layouts <- lapply(x$sheets, audit_sheet_layout, width = width, fontsize = fontsize)
  for (i in seq_along(layouts)) {
    layouts[[i]] <- lower_sheet(layouts[[i]], top)
    top <- layouts[[i]]$bottom
  }
  wide <- max(width, vapply(layouts, `[[`, 0, "width"))
  key <- audit_key(wide, top, fontsize, NROW(x$repair) > 0)
  parts <- c(layouts, list(key))
  all <- function(name) do.call(rbind, lapply(parts, `[[`, name))
  layout <- list(
    width = wide, height = key$bottom, fontsize = fontsize,
    broken = any(vapply(layouts, `[[`, NA, "broken")), text = all("text"), small = all("small"),
    boxes = all("boxes"), rules = all("rules"), strikes = all("strikes"),
    stroke = diagram_measures(fontsize)$stroke
  )
  c(layout, list(grobs = function(scale) audit_grobs(layout, scale)))
}

lower_sheet <- function(layout, by) {
  for (part in c("text", "small")) {
    layout[[part]]$y <- layout[[part]]$y + by
  }
  for (part in c("boxes", "rules", "strikes")) {
    upright <- intersect(c("y0", "y1", "sign_y"), names(layout[[part]]))
    layout[[part]][upright] <- layout[[part]][upright] + by
  }
  layout$bottom <- layout$bottom + by
  layout
}

# One sheet, from y = 0: text, small text, boxes, rules and strikes as data frames.
audit_sheet_layout <- function(sheet, width, fontsize) {
  size <- diagram_measures(fontsize)
  blocks <- cell_blocks(sheet, fontsize, size)
  columns <- column_places(sheet, blocks, width, fontsize, size)
  head <- sheet_head(sheet, columns, fontsize, size)
  rows <- row_heights(sheet, columns, size)
  y0 <- head$bottom + cumsum(rows) - rows
  cells <- sheet_cells(sheet, blocks, columns, y0, rows, size)
  labels <- sheet_labels(sheet, columns, y0, size)
  bottom <- head$bottom + sum(rows)
  notes <- sheet_notes(sheet, columns$width, bottom, fontsize, size)
  edges <- c(head$rule, head$bottom, bottom)
  rules <- data.frame(x0 = 0, x1 = columns$width, y0 = edges, y1 = edges)
  list(
    width = columns$width, bottom = notes$bottom + 1.2 * size$em, broken = columns$broken,
    text = rbind(head$text, labels, cells$text), small = rbind(cells$small, notes$text),
    boxes = cells$boxes, rules = rbind(rules, head$spans), strikes = cells$strikes
  )
}

# Widths in mm of the parts of each cell: the printed text, what is proposed and what was allowed.
cell_blocks <- function(sheet, fontsize, size) {
  measured <- function(text, type, bold) {
    matrix(text_width(as.vector(text), type, bold), nrow(text), ncol(text))
  }
  bold <- sheet$verdict == "inconsistent"
  printed <- measured(sheet$cells, fontsize, FALSE)
  printed[bold] <- text_width(sheet$cells[bold], fontsize, TRUE)
  proposed <- measured(sheet$proposed, fontsize, TRUE)
  allowed <- measured(sheet$allowed, small_type * fontsize, FALSE)
  proposed <- proposed + 0.5 * size$em * (sheet$proposed != "")
  sign <- 0.9 * size$em * (sheet$verdict != "")
  list(printed = printed, proposed = proposed, need = pmax(printed + proposed + sign, allowed))
}

# Where the columns are: x0, x1 (mm); `labels`, the first column broken into lines. It takes what
# the others leave.
column_places <- function(sheet, blocks, width, fontsize, size) {
  em <- size$em
  need <- apply(blocks$need, 2, max, 0) + 0.8 * em
  need <- pmax(need, longest_words(sheet$headings, fontsize) + 0.8 * em, 2.5 * em)
  over <- longest_words(vapply(sheet$spanners, `[[`, "", "text"), fontsize)
  for (k in seq_along(over)) {
    own <- sheet$spanners[[k]]$columns
    lacking <- over[[k]] + 0.8 * em - sum(need[own])
    need[own] <- need[own] + max(0, lacking) / length(own)
  }
  most <- max(10 * em, min(width - sum(need[-1]), 0.6 * width)) - 0.8 * em
  indent <- 1.2 * em * sheet$indent
  labels <- wrap_each(sheet$cells[, 1], most - indent, fontsize, FALSE)
  need[[1]] <- max(labels$width + indent, 4 * em) + 0.8 * em
  end <- cumsum(need)
  list(
    x0 = end - need, x1 = end, width = sum(need), labels = labels$lines, indent = indent,
    broken = labels$broken
  )
}

# Width in mm of the longest word of each text, in bold.
longest_words <- function(text, fontsize) {
  words <- strsplit(text, " ", fixed = TRUE)
  width <- text_width(unlist(words), fontsize, TRUE)
  of <- factor(rep(seq_along(words), lengths(words)), seq_along(words))
  as.vector(tapply(width, of, max, default = 0))
}

# Texts broken into lines no wider than `room` mm: `lines` (a list), `width` of each (that of `room`
# where it is broken), `broken` (is a word cut?).
wrap_each <- function(text, room, fontsize, bold) {
  lines <- as.list(text)
  width <- text_width(text, fontsize, bold)
  room <- rep_len(room, length(text))
  long <- which(width > room + 1e-6)
  set <- lapply(long, function(i) {
    words <- strsplit(enc2utf8(text[[i]]), " +", perl = TRUE)[[1]]
    wrap_words(words, "", room[[i]] + 1e-6, fontsize, bold)
  })
  lines[long] <- lapply(set, as.vector)
  width[long] <- room[long]
  list(lines = lines, width = width, broken = any(vapply(set, attr, NA, "broken")))
}

# Lines of several texts as text to be drawn: `x` and `just` for each text, `y` of its first line.
drawn_lines <- function(lines, x, y, just, bold, size) {
  n <- lengths(lines)
  below <- sequence(n) - 1
  drawn_text(unlist(lines), rep(rep_len(x, length(n)), n),
    rep(rep_len(y, length(n)), n) + below * size$line, rep(rep_len(just, length(n)), n), bold)
}

row_heights <- function(sheet, columns, size) {
  second <- rowSums(sheet$allowed != "") > 0
  pmax(1.5 * size$em + second * 1.05 * size$em, lengths(columns$labels) * size$line + 0.3 * size$em)
}

# Caption, spanners and headings; `rule` is the y above them, `bottom` that below.
sheet_head <- function(sheet, columns, fontsize, size) {
  em <- size$em
  rule <- 1.7 * em
  spans <- sheet_spans(sheet, columns, rule, fontsize, size)
  set <- wrap_each(sheet$headings, columns$x1 - columns$x0 - 0.8 * em, fontsize, TRUE)$lines
  high <- max(lengths(set), 1)
  at <- ifelse(sheet$figures, columns$x1 - 0.4 * em, columns$x0 + 0.4 * em)
  y <- spans$bottom + (high - lengths(set) + 0.6) * size$line
  headings <- drawn_lines(set, at, y, ifelse(sheet$figures, "right", "left"), TRUE, size)
  list(
    text = rbind(drawn_text(sheet$caption, 0.4 * em, 0.8 * em, "left", TRUE), spans$text, headings),
    spans = spans$rules, rule = rule, bottom = spans$bottom + high * size$line + 0.2 * em
  )
}

# The headings over several columns, each with a rule below.
sheet_spans <- function(sheet, columns, top, fontsize, size) {
  if (length(sheet$spanners) == 0) {
    return(list(bottom = top))
  }
  edge <- 0.3 * size$em
  x0 <- vapply(sheet$spanners, function(spanner) columns$x0[[min(spanner$columns)]] + edge, 0)
  x1 <- vapply(sheet$spanners, function(spanner) columns$x1[[max(spanner$columns)]] - edge, 0)
  set <- wrap_each(vapply(sheet$spanners, `[[`, "", "text"), x1 - x0, fontsize, TRUE)$lines
  high <- max(lengths(set))
  under <- top + high * size$line + 0.2 * size$em
  y <- top + (high - lengths(set) + 0.6) * size$line
  list(
    text = drawn_lines(set, (x0 + x1) / 2, y, "centre", TRUE, size),
    rules = data.frame(x0 = x0, x1 = x1, y0 = under, y1 = under), bottom = under + 0.1 * size$em
  )
}

sheet_labels <- function(sheet, columns, y0, size) {
  drawn_lines(columns$labels, 0.4 * size$em + columns$indent, y0 + 0.75 * size$em, "left", FALSE,
    size)
}

# Text is set at the right end of a column of figures and at the left of one of words; a sign at the
# other end.
sheet_cells <- function(sheet, blocks, columns, y0, rows, size) {
  em <- size$em
  at <- which(sheet$cells != "" & col(sheet$cells) > 1, arr.ind = TRUE)
  i <- at[, 1]
  j <- at[, 2]
  right <- sheet$figures[j]
  y <- y0[i] + 0.75 * em
  verdict <- sheet$verdict[at]
  wide <- blocks$printed[at]
  beside <- blocks$proposed[at]
  start <- ifelse(right, columns$x1[j] - 0.4 * em - wide - beside, columns$x0[j] + 0.4 * em)
  bold <- verdict == "inconsistent"
  text <- drawn_text(sheet$cells[at], ifelse(right, start + wide, start), y,
    ifelse(right, "right", "left"), bold)
  new <- nzchar(sheet$proposed[at])
  text <- rbind(text, drawn_text(sheet$proposed[at][new], (start + wide + beside)[new], y[new],
    "right", TRUE))
  allowed <- nzchar(sheet$allowed[at])
  small <- drawn_text(sheet$allowed[at][allowed], (columns$x1[j] - 0.4 * em)[allowed],
    (y + 1.1 * em)[allowed], "right", FALSE)
  checked <- nzchar(verdict)
  boxes <- data.frame(
    x0 = columns$x0[j] + 0.1 * em, x1 = columns$x1[j] - 0.1 * em, y0 = y0[i] + 0.07 * em,
    y1 = y0[i] + rows[i] - 0.07 * em, sign_x = ifelse(right, columns$x0[j], columns$x1[j] - em) +
      0.5 * em, sign_y = y, verdict = verdict
  )[checked, ]
  strikes <- data.frame(x0 = start, x1 = start + wide, y0 = y, y1 = y)[new, ]
  list(text = text, small = small, boxes = boxes, strikes = strikes)
}

sheet_notes <- function(sheet, width, bottom, fontsize, size) {
  lines <- unlist(wrap_each(sheet$notes, width - size$em, small_type * fontsize, FALSE)$lines)
  y <- bottom + (seq_along(lines) - 0.2) * size$line
  list(
    text = drawn_text(as.character(lines), 0.4 * size$em, y, "left", FALSE),
    bottom = bottom + length(lines) * size$line
  )
}

# What colours and types mean, at the foot.
audit_key <- function(width, top, fontsize, repaired) {
  size <- diagram_measures(fontsize)
  em <- size$em
  said <- c(
    audit_meanings, "not coloured: nothing to check it by", "small type: what the others allow",
    if (repaired) "struck out: printed; bold beside it: proposed"
  )
  swatch <- seq_along(said) <= length(audit_meanings)
  wide <- text_width(said, fontsize, FALSE) + ifelse(swatch, 3, 0) * em + 1.5 * em
  at <- flow_items(wide, width - 0.4 * em)
  at$x <- at$x + 0.4 * em
  y <- top + (at$line - 0.3) * 1.6 * em
  boxes <- data.frame(
    x0 = at$x, x1 = at$x + 2.2 * em, y0 = y - 0.65 * em, y1 = y + 0.65 * em,
    sign_x = at$x + 1.1 * em, sign_y = y, verdict = audit_verdicts[seq_along(said)]
  )[swatch, ]
  list(
    text = drawn_text(said, at$x + ifelse(swatch, 2.7, 0) * em, y, "left", FALSE),
    boxes = boxes, bottom = max(y) + em
  )
}

# ---- Drawing ----

audit_grobs <- function(layout, scale) {
  boxes <- layout$boxes
  wrong <- boxes$verdict == "inconsistent"
  stroke <- layout$stroke * scale * 96 / 72
  parts <- list(
    rect_grob(boxes, unname(audit_colours[boxes$verdict]), NA, 0),
    rect_grob(boxes[wrong, ], NA, diagram_colours[["line"]], 1.6 * stroke),
    verdict_grobs(boxes, layout$fontsize * 25.4 / 72 * scale),
    line_grob(layout$rules, diagram_colours[["line"]], stroke),
    drawn_text_grobs(layout$text, layout$fontsize, scale),
    if (nrow(layout$small) > 0) {
      drawn_text_grobs(layout$small, small_type * layout$fontsize, scale)
    },
    line_grob(layout$strikes, diagram_colours[["text"]], 1.6 * stroke)
  )
  grid::gTree(children = do.call(grid::gList, parts), vp = picture_viewport(layout, scale),
    name = "audit")
}

line_grob <- function(lines, colour, stroke) {
  if (NROW(lines) == 0) {
    return(grid::nullGrob())
  }
  grid::segmentsGrob(
    grid::unit(lines$x0, "native"), grid::unit(lines$y0, "native"), grid::unit(lines$x1, "native"),
    grid::unit(lines$y1, "native"), gp = grid::gpar(col = colour, lwd = stroke)
  )
}

# The signs of the verdicts, drawn as lines of an em.
verdict_grobs <- function(boxes, em) {
  signs <- lapply(audit_verdicts, function(verdict) {
    own <- boxes[boxes$verdict == verdict, ]
    if (nrow(own) > 0) sign_grob(audit_signs[[verdict]], own$sign_x, own$sign_y, 0.45 * em)
  })
  do.call(grid::grobTree, Filter(Negate(is.null), signs))
}
