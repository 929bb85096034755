# Tables on the console: plain text in columns, within a given width.

#' @rdname questrial_table
#' @export
print.questrial_table <- function(x, ...) {
  check_no_dots(...)
  layout <- table_layout(x)
  if (!l10n_info()[["UTF-8"]]) {
    layout <- plain_layout(layout)
  }
  writeLines(table_text(layout, getOption("width")))
  invisible(x)
}

plain_layout <- function(layout) {
  texts <- c("cells", "headings", "caption", "notes")
  layout[texts] <- lapply(layout[texts], plain_symbols)
  layout$spanners <- lapply(layout$spanners, function(spanner) {
    list(text = plain_symbols(spanner$text), columns = spanner$columns)
  })
  layout
}

# What our own headings and labels hold beyond ASCII, for consoles without it.
plain_symbols <- function(text) {
  text[] <- gsub("\u03c7\u00b2", "chi2", text, fixed = TRUE)
  text[] <- gsub("\u00a0", " ", text, fixed = TRUE)
  text[] <- gsub("\u00d7", "x", text, fixed = TRUE)
  text
}

table_text <- function(layout, width) {
  layout <- align_points(layout, " ")
  widths <- printed_widths(layout, width)
  panels <- lapply(split_columns(layout, widths, width), panel_text,
    layout = layout, widths = widths
  )
  apart <- unlist(lapply(panels, function(lines) c("", lines)))
  caption <- wrap_text(layout$caption, width)
  c(
    if (length(caption) > 0) c(caption, apart) else apart[-1],
    unlist(lapply(layout$notes, wrap_text, width = width))
  )
}

# ---- Widths ----

# Columns of numbers take what they need, other columns at most 40; the first
# takes what is left, but never less than 16.
printed_widths <- function(layout, width) {
  cells <- layout$cells
  cells[, 1] <- paste0(strrep("  ", layout$indent), cells[, 1])
  needed <- vapply(seq_along(layout$headings), function(j) {
    max(nchar(c(layout$headings[[j]], cells[, j]), "width"), 1)
  }, 0)
  wrapped <- !layout$figures
  needed[wrapped] <- pmin(needed[wrapped], 40)
  for (spanner in layout$spanners) {
    needed <- widen_for_spanner(needed, spanner)
  }
  needed[[1]] <- min(needed[[1]], max(16, width - sum(needed[-1] + 2)))
  needed
}

# A spanner is wrapped at spaces, so its columns must hold its longest word.
widen_for_spanner <- function(widths, spanner) {
  word <- max(nchar(strsplit(spanner$text, " ", fixed = TRUE)[[1]], "width"), 0)
  lacking <- max(word - span_width(widths, spanner$columns), 0)
  widths[spanner$columns] <- widths[spanner$columns] + ceiling(lacking / length(spanner$columns))
  widths
}

span_width <- function(widths, columns) {
  sum(widths[columns]) + 2 * (length(columns) - 1)
}

# The columns of each part of a table that is too wide: what names a row first,
# and columns under one spanner together where they fit.
split_columns <- function(layout, widths, width) {
  stub <- stub_columns(layout, widths, width)
  room <- width - span_width(widths, stub) - 2
  parts <- list()
  current <- integer()
  for (unit in column_units(layout, widths, room, stub)) {
    if (length(current) > 0 && span_width(widths, c(current, unit)) > room) {
      parts <- c(parts, list(current))
      current <- integer()
    }
    current <- c(current, unit)
  }
  lapply(c(parts, list(current)), function(columns) c(stub, columns))
}

# The first column, and words beside it before the first number, as the contrast beside its
# subgroup, if they leave half of the width to the numbers.
stub_columns <- function(layout, widths, width) {
  stub <- seq_len(max(match(TRUE, layout$figures, 2L) - 1L, 1L))
  if (span_width(widths, stub) <= width / 2) stub else 1L
}

column_units <- function(layout, widths, room, stub) {
  owner <- seq_along(widths)
  for (spanner in layout$spanners) {
    if (span_width(widths, spanner$columns) <= room) {
      owner[spanner$columns] <- spanner$columns[[1]]
    }
  }
  split(seq_along(widths)[-stub], owner[-stub])
}

# ---- Lines ----

panel_text <- function(columns, layout, widths) {
  total <- span_width(widths, columns)
  rule <- strrep("-", total)
  rows <- lapply(seq_len(nrow(layout$cells)), function(i) {
    row_text(layout$cells[i, columns], widths[columns], layout$figures[columns],
      indent = layout$indent[[i]])
  })
  subheading <- layout$subheadings
  rows[subheading] <- lapply(rows[subheading], function(lines) c("", lines))
  c(
    rule,
    spanner_text(layout, columns, widths),
    row_text(layout$headings[columns], widths[columns], layout$figures[columns]),
    rule,
    unlist(rows),
    rule
  )
}

# One row of the table, as many lines as its longest cell needs.
row_text <- function(cells, widths, figures, indent = 0) {
  lead <- strrep("  ", indent)
  wrapped <- Map(wrap_text, cells, pmax(widths - 2 * indent * (seq_along(cells) == 1), 8))
  wrapped[[1]] <- paste0(lead, wrapped[[1]])
  height <- max(lengths(wrapped), 1)
  padded <- Map(function(lines, width, figure) {
    pad_text(c(lines, rep("", height - length(lines))), width, if (figure) "right" else "left")
  }, wrapped, widths, figures)
  sub(" +$", "", do.call(paste, c(unname(padded), sep = "  ")), perl = TRUE)
}

# The headings over groups of columns, with a rule under each.
spanner_text <- function(layout, columns, widths) {
  spanners <- Filter(function(s) any(s$columns %in% columns), layout$spanners)
  if (length(spanners) == 0) {
    return(character())
  }
  starts <- c(0, cumsum(widths[columns] + 2))
  blocks <- lapply(spanners, function(spanner) {
    own <- which(columns %in% spanner$columns)
    width <- span_width(widths[columns], own)
    list(start = starts[[own[[1]]]], width = width, lines = wrap_text(spanner$text, width))
  })
  height <- max(vapply(blocks, function(block) length(block$lines), 0L))
  vapply(seq_len(height + 1), function(line) spanner_line(blocks, line, height), "")
}

spanner_line <- function(blocks, line, height) {
  text <- ""
  for (block in blocks) {
    lines <- c(rep("", height - length(block$lines)), block$lines)
    piece <- c(lines, strrep("-", block$width))[[line]]
    text <- paste0(pad_text(text, block$start, "left"), pad_text(piece, block$width, "centre"))
  }
  sub(" +$", "", text, perl = TRUE)
}

pad_text <- function(text, width, side) {
  lacking <- pmax(width - nchar(text, "width"), 0)
  left <- switch(side, left = 0, right = lacking, centre = lacking %/% 2)
  paste0(strrep(" ", left), text, strrep(" ", lacking - left))
}

# Lines of at most `width`, broken at spaces and, within words that are longer,
# anywhere. Always at least one line.
wrap_text <- function(text, width) {
  words <- unlist(strsplit(text, " ", fixed = TRUE))
  words <- unlist(lapply(words[nzchar(words)], break_word, width = width))
  lines <- ""
  for (word in words) {
    last <- length(lines)
    longer <- if (nzchar(lines[[last]])) paste(lines[[last]], word) else word
    if (nchar(longer, "width") <= width) {
      lines[[last]] <- longer
    } else {
      lines <- c(lines, word)
    }
  }
  lines
}

break_word <- function(word, width) {
  if (nchar(word, "width") <= width) {
    return(word)
  }
  characters <- strsplit(word, "")[[1]]
  piece <- (cumsum(nchar(characters, "width")) - 1) %/% max(width - 1, 1)
  vapply(split(characters, piece), paste, "", collapse = "")
}
