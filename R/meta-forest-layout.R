# Where everything of a forest plot stands: columns as wide as their text, what is
# left is the graph's. Sizes are in mm, x from the left and y from the top; see
# diagram.R for measuring. A sheet, which is what is laid out, is a list of
# * `rows`: data frame, one row a line of the plot: `kind` ("subgroup", "study",
#   "subtotal", "total", "prediction", "text" and "gap"), `label`, and on the scale of
#   the graph `estimate`, `low`, `high`, `weight` (NA where nothing is drawn);
# * `columns`: list, one element a column: `head`, `align` ("left", "right"), `arm` (which
#   of `arms` stands above it, or NA), `tight` (no gap before it?), `text` (one a row);
# * `head`: what stands above the labels; `arms`: what stands above the columns of each arm;
# * `graph`: list of `head`, `log`, `scale`, `limits`, `null`, `pooled` (x of the dashed line
#   or NA), `favours` (left and right of no effect; empty for none);
# * `lights`: NULL or a matrix of judgements, one row a line, one column a domain, in the words
#   of `tool`, which risk-of-bias.R describes; `notes`: paragraphs at the foot.

sheet_measures <- function(fontsize) {
  em <- fontsize * 25.4 / 72
  list(
    em = em, line = 1.25 * em, row = 1.38 * em, gap = 0.9 * em, wide_gap = 1.5 * em,
    light = 1.5 * em, graph = 14 * em, wanted = 17 * em, most = 46 * em, label = 12 * em,
    margin = em
  )
}

# The layout in `width` mm, or in more where the graph would not be wide enough:
# `width` and `height` say what it needs. Measures on the open device.
sheet_layout <- function(sheet, width, fontsize) {
  size <- sheet_measures(fontsize)
  columns <- measured_columns(sheet, fontsize)
  across <- sheet_across(sheet, columns, width, size, fontsize)
  heads <- sheet_heads(sheet, across, size, fontsize)
  down <- sheet_down(sheet, across, heads$height, size, fontsize)
  axis <- sheet_axis(sheet$graph, across, down$graph_bottom, size, fontsize)
  foot <- sheet_foot(sheet, across, max(down$bottom, axis$bottom), size, fontsize)
  text <- rbind(heads$text, down$text, axis$text, foot$text)
  list(
    text = text, columns = across$columns, rows = down$rows, rule = heads$height,
    arm_rules = heads$rules, axis = axis,
    marks = sheet_marks(sheet, down$rows, axis, size), lights = sheet_lights(sheet, down, across),
    tool = sheet$tool,
    width = across$width, height = foot$bottom, graph = across$graph,
    fontsize = fontsize, size = size,
    # Is the graph wide enough, with no label on more than two lines?
    roomy = diff(across$graph) >= 1.15 * size$graph && max(down$lines) <= 2
  )
}

# ---- Across the page ----

is_bold_row <- function(kind) {
  kind %in% c("subgroup", "subtotal", "total")
}

# Width of each column by its texts and heading, and of those under a long word.
measured_columns <- function(sheet, fontsize) {
  bold <- is_bold_row(sheet$rows$kind)
  texts <- vapply(sheet$columns, function(column) {
    max(0, text_width(column$text[bold], fontsize, TRUE),
      text_width(column$text[!bold], fontsize, FALSE))
  }, 1)
  heads <- vapply(sheet$columns, function(column) {
    max(0, text_width(strsplit(column$head, "\n", fixed = TRUE)[[1]], fontsize, TRUE))
  }, 1)
  # A heading on the right of a tight pair of columns stands above both.
  tight <- vapply(sheet$columns, function(column) column$tight, TRUE)
  wider <- pmax(heads - texts - ifelse(tight, c(0, utils::head(texts, -1)), 0), 0)
  width <- texts + ifelse(tight, 0, wider) + ifelse(c(tight[-1], FALSE), c(wider[-1], 0), 0)
  list(
    id = names(sheet$columns), width = width,
    arm = vapply(sheet$columns, function(column) column$arm, 1L),
    tight = tight
  )
}

# The left and right ends of label, columns, graph and lights.
sheet_across <- function(sheet, columns, width, size, fontsize) {
  columns <- widen_arms(columns, sheet$arms, size, fontsize)
  new_arm <- c(TRUE, !mapply(identical, columns$arm[-1], utils::head(columns$arm, -1)))
  before <- ifelse(columns$tight, 0.45 * size$em, ifelse(new_arm, size$wide_gap, size$gap))
  lights <- if (is.null(sheet$lights)) 0 else ncol(sheet$lights) * size$light + size$gap
  fixed <- sum(columns$width + before) + size$wide_gap + lights + size$margin
  label <- label_room(sheet, width - fixed, size, fontsize)
  graph <- min(max(width - fixed - label, size$graph), size$most)
  x1 <- label + cumsum(before + columns$width)
  graph_from <- (if (length(x1) > 0) x1[[length(x1)]] else label) + size$wide_gap
  lights_from <- graph_from + graph + size$margin
  list(
    label = label, graph = c(graph_from, graph_from + graph),
    columns = data.frame(id = columns$id, x0 = x1 - columns$width, x1 = x1, arm = columns$arm),
    lights = lights_from + (seq_len(max(0, ncol(sheet$lights))) - 0.5) * size$light,
    width = lights_from + lights
  )
}

# Columns of an arm together are at least as wide as the longest word above them.
widen_arms <- function(columns, arms, size, fontsize) {
  for (arm in seq_along(arms)) {
    under <- which(columns$arm == arm)
    if (length(under) > 0) {
      has <- sum(columns$width[under]) + (length(under) - 1) * size$gap
      word <- max(text_width(strsplit(arms[[arm]], " ", fixed = TRUE)[[1]], fontsize, TRUE))
      lacking <- max(0, min(word, 16 * size$em) - has)
      columns$width[under] <- columns$width[under] + lacking / length(under)
    }
  }
  columns
}

# Labels get the room they want, unless the graph would be narrow.
label_room <- function(sheet, room, size, fontsize) {
  rows <- sheet$rows[!sheet$rows$kind %in% c("text", "subgroup"), ]
  bold <- is_bold_row(rows$kind)
  widths <- c(text_width(rows$label[bold], fontsize, TRUE),
    text_width(rows$label[!bold], fontsize, FALSE) + row_indent(rows$kind[!bold], size))
  wanted <- max(widths, text_width(sheet$head, fontsize, TRUE)) + 0.01
  min(wanted, max(room - size$wanted, size$label))
}

row_indent <- function(kind, size) {
  ifelse(kind == "study", 0.6 * size$em, 0)
}

# ---- Headings ----

sheet_heads <- function(sheet, across, size, fontsize) {
  columns <- across$columns
  arms <- arm_heads(sheet, across, size, fontsize)
  low <- lapply(sheet$columns, function(column) strsplit(column$head, "\n", fixed = TRUE)[[1]])
  graph <- strsplit(sheet$graph$head, "\n", fixed = TRUE)[[1]]
  in_columns <- max(1, lengths(low[!is.na(columns$arm)]))
  above <- max(0, vapply(arms, function(arm) length(arm$text), 1L))
  count <- max(in_columns + above, lengths(low), length(graph), 0L)
  height <- count * size$line + 0.5 * size$em
  # The last line of every heading stands on the rule.
  lines_at <- function(n, up = 0) height - 0.5 * size$em - (up + n - seq_len(n) + 0.5) * size$line
  text <- c(
    list(placed_text(sheet$head, 0, lines_at(1), "left", TRUE, fontsize, "label")),
    Map(function(lines, i) {
      by <- sheet$columns[[i]]$align
      x <- if (by == "right") columns$x1[[i]] else columns$x0[[i]]
      placed_text(lines, x, lines_at(length(lines)), by, TRUE, fontsize, columns$id[[i]])
    }, low, seq_along(low)),
    lapply(arms, function(arm) {
      placed_text(arm$text, arm$x, lines_at(length(arm$text), in_columns), "centre", TRUE,
        fontsize, "arm")
    }),
    list(placed_text(graph, mean(across$graph), lines_at(length(graph)), "centre", TRUE, fontsize,
      "graph")), list(light_heads(sheet, across, lines_at, fontsize))
  )
  rules <- do.call(rbind, lapply(arms, function(arm) {
    data.frame(x0 = arm$x0, x1 = arm$x1, y = height - 0.5 * size$em - in_columns * size$line)
  }))
  list(text = do.call(rbind, unname(text)), rules = rules, height = height)
}

arm_heads <- function(sheet, across, size, fontsize) {
  heads <- lapply(seq_along(sheet$arms), function(arm) {
    under <- across$columns[which(across$columns$arm == arm), ]
    if (nrow(under) == 0) {
      return(NULL)
    }
    x <- c(min(under$x0), max(under$x1))
    words <- strsplit(sheet$arms[[arm]], " ", fixed = TRUE)[[1]]
    text <- as.vector(wrap_words(words, "", diff(x) + 0.01, fontsize, TRUE))
    list(text = text, x = mean(x), x0 = x[[1]], x1 = x[[2]])
  })
  Filter(Negate(is.null), heads)
}

light_heads <- function(sheet, across, lines_at, fontsize) {
  if (is.null(sheet$lights)) {
    return(NULL)
  }
  rbind(
    placed_text(colnames(sheet$lights), across$lights, lines_at(1), "centre", TRUE,
      fontsize, "lights"),
    placed_text("Risk of bias", mean(across$lights), lines_at(1, 1), "centre", TRUE, fontsize,
      "lights")
  )
}

# Texts with their left end `x` and middle `y`; `at` is where `align` holds them.
placed_text <- function(text, at, y, align, bold, fontsize, column, row = NA_integer_) {
  if (length(text) == 0) {
    return(NULL)
  }
  width <- text_width(text, fontsize, bold)
  x <- at - width * c(left = 0, centre = 0.5, right = 1)[[align]]
  data.frame(text, x, y, width, bold, column, row)[nzchar(text), ]
}

# ---- Down the page ----

sheet_down <- function(sheet, across, top, size, fontsize) {
  rows <- sheet$rows
  bold <- is_bold_row(rows$kind)
  left <- row_indent(rows$kind, size)
  # Text and the names of subgroups have the room of all columns.
  room <- ifelse(rows$kind %in% c("text", "subgroup"), across$graph[[1]] - size$gap, across$label)
  lines <- row_lines(rows$label, room - left, bold, fontsize)
  more <- 1.05 * size$line * (lengths(lines) - 1)
  height <- ifelse(rows$kind == "gap", 0.6 * size$em, size$row + more)
  from <- top + 0.35 * size$em
  y1 <- from + cumsum(height)
  y0 <- y1 - height
  i <- rep(seq_along(lines), lengths(lines))
  y <- y0[i] + (size$row - size$line) / 2 + (sequence(lengths(lines)) - 0.5) * size$line
  labels <- lapply(c(TRUE, FALSE), function(heavy) {
    at <- bold[i] == heavy
    placed_text(unlist(lines)[at], left[i][at], y[at], "left", heavy, fontsize, "label", i[at])
  })
  # Numbers stand on the first line of a label, and so do squares.
  y <- y0 + size$row / 2
  drawn <- which(is.finite(rows$estimate) | !is.na(rows$low) | rows$kind == "study")
  list(
    rows = data.frame(kind = rows$kind, y0 = y0, y1 = y1, y = y),
    text = rbind(do.call(rbind, labels), cell_text(sheet, across, y, fontsize)),
    lines = lengths(lines)[rows$kind != "text"],
    graph_bottom = y1[[max(drawn, 1)]] + 0.2 * size$em, bottom = y1[[length(y1)]]
  )
}

# The lines of each label; only those that are too wide need be wrapped.
row_lines <- function(labels, room, bold, fontsize) {
  labels <- enc2utf8(labels)
  width <- numeric(length(labels))
  width[bold] <- text_width(labels[bold], fontsize, TRUE)
  width[!bold] <- text_width(labels[!bold], fontsize, FALSE)
  lines <- as.list(labels)
  for (i in which(width > room)) {
    # A number stays with the sign before it.
    words <- strsplit(labels[[i]], "(?<![<>=]) +(?![<>=])", perl = TRUE)[[1]]
    lines[[i]] <- as.vector(wrap_words(words, "", room[[i]], fontsize, bold[[i]]))
  }
  lines
}

cell_text <- function(sheet, across, y, fontsize) {
  bold <- is_bold_row(sheet$rows$kind)
  cells <- lapply(seq_along(sheet$columns), function(i) {
    column <- sheet$columns[[i]]
    x <- if (column$align == "right") across$columns$x1[[i]] else across$columns$x0[[i]]
    place <- function(rows, bold) {
      placed_text(column$text[rows], x, y[rows], column$align, bold, fontsize,
        across$columns$id[[i]], rows)
    }
    rbind(place(which(bold), TRUE), place(which(!bold), FALSE))
  })
  do.call(rbind, cells)
}

# ---- The axis ----

sheet_axis <- function(graph, across, y, size, fontsize) {
  ends <- across$graph
  place <- function(value) {
    ends[[1]] + (value - graph$limits[[1]]) / diff(graph$limits) * diff(ends)
  }
  ticks <- forest_ticks(graph, diff(ends), fontsize)
  at <- place(ticks$at)
  half <- text_width(ticks$text, fontsize, FALSE) / 2
  middle <- pmin(pmax(at, ends[[1]] - size$gap + half), ends[[2]] + size$gap - half)
  text <- placed_text(ticks$text, middle, rep(y + 0.5 * size$em + size$line / 2, length(at)),
    "centre", FALSE, fontsize, "axis")
  if (length(graph$favours) > 0) {
    below <- y + 0.6 * size$em + size$line
    text <- rbind(text, favour_text(graph, place(graph$null), ends, below, size, fontsize))
  }
  list(
    place = place, y = y, ticks = at, ends = ends, limits = graph$limits, text = text,
    null = place(graph$null), pooled = place(graph$pooled),
    bottom = max(text$y) + size$line / 2
  )
}

# What each side of no effect means: in the middle of its side, or where that is too narrow one
# above the other over the whole graph.
favour_text <- function(graph, null, ends, top, size, fontsize) {
  ends <- ends + c(-1, 1) * size$gap
  edges <- list(c(ends[[1]], null - 0.4 * size$em), c(null + 0.4 * size$em, ends[[2]]))
  words <- strsplit(graph$favours, " ", fixed = TRUE)
  lines <- Map(function(words, edge) {
    wrap_words(words, "", max(diff(edge), 0.1), fontsize, FALSE)
  }, words, edges)
  narrow <- vapply(lines, function(set) attr(set, "broken") || length(set) > 2, TRUE)
  down <- c(0, 0)
  align <- c("centre", "centre")
  at <- vapply(edges, mean, 1)
  if (any(narrow)) {
    lines <- lapply(words, wrap_words, "", diff(ends), fontsize, FALSE)
    down <- c(0, length(lines[[1]]))
    align <- c("left", "right")
    at <- ends
  }
  do.call(rbind, Map(function(lines, at, down, align) {
    y <- top + (down + seq_along(lines) - 0.5) * size$line
    placed_text(as.vector(lines), at, y, align, FALSE, fontsize, "axis")
  }, lines, at, down, align))
}

# ---- Marks and lights ----

# What is drawn of each row: `shape` (square, diamond or bar) at `x0`, `x`, `x1`, whether
# its ends are cut, and the `side` of a square, whose area goes with the weight.
sheet_marks <- function(sheet, rows, axis, size) {
  shapes <- c(study = "square", subtotal = "diamond", total = "diamond", prediction = "bar")
  shape <- unname(shapes[rows$kind])
  known <- which(!is.na(shape) & !is.na(sheet$rows$low) & !is.na(sheet$rows$high))
  values <- sheet$rows[known, ]
  largest <- max(values$weight[shape[known] == "square"], 0, na.rm = TRUE)
  side <- 1.15 * size$em * sqrt(pmax(values$weight, 0) / max(largest, 1e-300))
  limits <- axis$limits
  inside <- function(value) axis$place(pmin(pmax(value, limits[[1]]), limits[[2]]))
  data.frame(
    row = known, shape = shape[known], x0 = inside(values$low), x = axis$place(values$estimate),
    x1 = inside(values$high), cut_low = values$low < limits[[1]],
    cut_high = values$high > limits[[2]],
    outside = values$low > limits[[2]] | values$high < limits[[1]],
    shown = values$estimate >= limits[[1]] & values$estimate <= limits[[2]],
    side = pmax(ifelse(is.na(side), 0.5 * size$em, side), 0.3 * size$em), y = rows$y[known]
  )
}

sheet_lights <- function(sheet, down, across) {
  if (is.null(sheet$lights)) {
    return(NULL)
  }
  at <- which(!is.na(sheet$lights), arr.ind = TRUE)
  data.frame(row = at[, 1], domain = at[, 2], x = across$lights[at[, 2]],
    y = down$rows$y[at[, 1]], judgement = sheet$lights[at])
}

# Paragraphs over the whole width.
sheet_foot <- function(sheet, across, top, size, fontsize) {
  if (length(sheet$notes) == 0) {
    return(list(text = NULL, bottom = top + 0.3 * size$em))
  }
  lines <- unlist(lapply(sheet$notes, function(note) {
    as.vector(wrap_words(strsplit(enc2utf8(note), " +")[[1]], "", across$width, fontsize, FALSE))
  }))
  top <- top + 0.2 * size$em
  list(
    text = placed_text(lines, 0, top + (seq_along(lines) - 0.5) * size$line, "left", FALSE,
      fontsize, "foot"),
    bottom = top + length(lines) * size$line + 0.3 * size$em
  )
}
