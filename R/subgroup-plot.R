# The subgroup forest plot: text columns as wide as their text, and between them
# the estimates on a scale. Sizes are in mm; see diagram.R for measuring.

#' Forest plot of subgroup effects
#'
#' A line a level: label, numbers in each arm, the estimate as a square (its
#' area in proportion to the inverse variance) with its interval, the same in numbers, and
#' on each subgroup's line the P of the interaction. The diamond and the dashed line
#' are the overall effect, the solid line is no effect. Intervals that leave the
#' scale end in arrows. Long labels are wrapped, so nothing lies upon anything else.
#'
#' @param x A result of [subgroup_effects()].
#' @param labels Named character vector: what the subgroup variables are called,
#'   as in `c(sex = "Gender")`.
#' @param xlab Label of the axis; made of the contrast and the outcome when `NULL`.
#' @param xlim Ends of the axis, two numbers; chosen to show the estimates and most
#'   of the intervals when `NULL`.
#' @param digits Decimals of the numbers at the right.
#' @param fontsize Size of the type in points; when `NULL` up to 9, and down to 6.5 where
#'   the width would leave the scale less than a quarter.
#' @param newpage Begin a new page? `FALSE` draws into the current viewport.
#' @param ... Must be empty.
#' @return `x`, invisibly. [write_figure()] writes it to a file with the height it
#'   needs, [alt_text()] says it in words.
#' @examples
#' # Synthetic.
#' trial <- data.frame(id = 1:240, arm = gl(2, 1, 240, c("control", "course")))
#' trial$sex <- gl(2, 120, labels = c("female", "male"))
#' trial$score <- 50 + 3 * (trial$arm == "course" & trial$sex == "male") + 9 * sin(trial$id)
#' plot(subgroup_effects(fit_glm(score ~ arm, trial), ~arm, ~sex), labels = c(sex = "Gender"))
#' @export
plot.subgroup_table <- function(x, labels = NULL, xlab = NULL, xlim = NULL, digits = NULL,
                                fontsize = NULL, newpage = TRUE, ...) {
  check_no_dots(...)
  if (!is.null(fontsize)) {
    check_number(fontsize, "fontsize", min = 1)
  }
  check_labels(labels)
  lines <- forest_lines(x, labels, digits)
  axis <- forest_axis(x, xlab, xlim)
  if (check_flag(newpage, "newpage")) {
    grid::grid.newpage()
  }
  width <- grid::convertWidth(grid::unit(1, "npc"), "mm", valueOnly = TRUE)
  draw_forest(fit_forest(lines, width, fontsize), axis)
  invisible(x)
}

# ---- What is drawn ----

# A line each: `kind` (contrast, overall, subgroup, level), the texts of the columns
# and the numbers of the estimate.
forest_lines <- function(x, labels, digits) {
  if (is.null(digits)) {
    digits <- decimals_for(x$std.error)
  }
  check_number(digits, "digits", min = 0, max = 15, whole = TRUE)
  how <- attr(x, "how")
  blocks <- lapply(split(as.data.frame(x), factor_in_order(x$contrast)), function(rows) {
    head <- if (length(how$others) > 1) forest_line("contrast", rows$contrast[[1]])
    inside <- lapply(split(rows, factor_in_order(rows$subgroup)), forest_block, labels, digits)
    do.call(rbind, c(list(head), unname(inside)))
  })
  lines <- do.call(rbind, unname(blocks))
  names(lines)[match(c("n.arm", "n.reference"), names(lines))] <- c("first", "second")
  attr(lines, "headings") <- c(
    "Subgroup", if (length(how$others) > 1) "n arm" else paste("n", how$others),
    paste("n", how$reference),
    sprintf("%s (%s)", if (attr(x, "exponentiated")) "Ratio" else "Difference",
      percent_words(how$conf.level)
    ), "P interaction"
  )
  lines
}

forest_line <- function(kind, label, n.arm = "", n.reference = "", numbers = "", p = "",
                        estimate = NA_real_, low = NA_real_, high = NA_real_, error = NA_real_) {
  data.frame(kind, label, n.arm, n.reference, numbers, p, estimate, low, high, error)
}

forest_block <- function(rows, labels, digits) {
  overall <- identical(rows$level, "All") && rows$subgroup[[1]] == "Overall"
  numbers <- sprintf("%s (%s)", format_number(rows$estimate, digits),
    format_ci(rows$conf.low, rows$conf.high, digits)
  )
  numbers[is.na(rows$estimate)] <- "not estimable"
  name <- rows$subgroup[[1]]
  if (name %in% names(labels)) {
    name <- labels[[name]]
  }
  levels <- forest_line(
    if (overall) "overall" else "level", if (overall) name else rows$level,
    format_number(rows$n.arm, 0), format_number(rows$n.reference, 0), numbers, "", rows$estimate,
    rows$conf.low, rows$conf.high, rows$std.error
  )
  if (overall) {
    return(levels)
  }
  rbind(forest_line("subgroup", name, p = format_p(rows$p.interaction[[1]])), levels)
}

# The scale: `scale` (log or not), `limits` on it, `label`.
forest_axis <- function(x, xlab, xlim) {
  log <- attr(x, "exponentiated")
  scale <- if (log) base::log else identity
  if (is.null(xlim)) {
    xlim <- forest_limits(scale(x$estimate), scale(x$conf.low), scale(x$conf.high))
  } else {
    ok <- is.numeric(xlim) && length(xlim) == 2 && all(is.finite(xlim)) && xlim[[1]] < xlim[[2]]
    if (!ok || (log && xlim[[1]] <= 0)) {
      qst_abort("argument", sprintf(
        "`xlim` must be two numbers, the lower first%s, not %s.",
        if (log) " and above 0" else "", paste(format(xlim), collapse = ", ")
      ))
    }
    xlim <- scale(xlim)
  }
  label <- if (is.null(xlab)) forest_label(x, attr(x, "how"), log) else check_string(xlab, "xlab")
  list(log = log, scale = scale, limits = xlim, label = label)
}

# Wide enough for no effect, all estimates, and intervals up to three times the
# typical reach.
forest_limits <- function(estimate, low, high) {
  known <- is.finite(estimate)
  if (!any(known)) {
    return(c(-1, 1))
  }
  reach <- 3 * stats::median((high - low)[known]) / 2
  range <- range(0, estimate[known], pmax(low, estimate - reach)[known],
    pmin(high, estimate + reach)[known]
  )
  range + c(-0.03, 0.03) * diff(range)
}

# Round values whose texts have room beside one another: list(at, text).
forest_ticks <- function(axis, width, fontsize) {
  for (n in 6:1) {
    ticks <- if (axis$log) ratio_ticks(exp(axis$limits), n) else pretty(axis$limits, n)
    at <- axis$scale(ticks)
    inside <- at >= axis$limits[[1]] - 1e-9 & at <= axis$limits[[2]] + 1e-9
    text <- tick_text(ticks[inside], axis$log)
    apart <- diff(at[inside]) / diff(axis$limits) * width
    if (all(apart > 1.3 * max(text_width(text, fontsize, FALSE)))) {
      break
    }
  }
  list(at = at[inside], text = text)
}

# Ratios each with the digits that it needs, other numbers with as many decimals as one another.
tick_text <- function(ticks, log) {
  if (log) vapply(ticks, format, "", digits = 6) else format(ticks, trim = TRUE)
}

# About n round ratios: evenly spaced in a short range, else 1, 2 and 5 times powers
# of ten, these powers alone, or every other of them and so on, always with 1.
ratio_ticks <- function(limits, n) {
  if (limits[[2]] / limits[[1]] < 4) {
    ticks <- pretty(limits, n)
    return(ticks[ticks > 0])
  }
  powers <- 10^seq(floor(log10(limits[[1]])), ceiling(log10(limits[[2]])))
  ticks <- sort(as.vector(outer(c(1, 2, 5), powers)))
  if (sum(ticks >= limits[[1]] & ticks <= limits[[2]]) <= n + 1) {
    return(ticks)
  }
  step <- max(1, ceiling((log10(limits[[2]]) - log10(limits[[1]])) / n))
  powers[round(log10(powers)) %% step == 0]
}

forest_label <- function(x, how, log) {
  sprintf("%s in %s%s", if (log) "Ratio" else "Difference", attr(x, "response"),
    if (length(how$others) == 1) {
      sprintf(" (%s %s %s)", how$others, if (log) "/" else "-", how$reference)
    } else {
      ""
    }
  )
}

# ---- Where it stands ----

# The layout of the first size of type that leaves the scale a quarter of the width.
fit_forest <- function(lines, width, fontsize = NULL) {
  sizes <- if (is.null(fontsize)) seq(9, 6.5, by = -0.5) else fontsize
  for (size in sizes) {
    layout <- forest_layout(lines, width - 0.4 * size, size)
    if (diff(layout$scale) >= 0.25 * width) {
      break
    }
  }
  if (diff(layout$scale) < 0.12 * width) {
    qst_warn("dimension", sprintf(
      "The texts leave %.0f of %.0f mm for the estimates. Make the device wider.",
      max(0, diff(layout$scale)), width
    ), width = width)
  }
  layout
}

# Columns at their measured widths, what is left is the scale's; labels that would
# leave it less than a third of the width are wrapped.
forest_layout <- function(lines, width, fontsize) {
  em <- fontsize * 25.4 / 72
  headings <- attr(lines, "headings")
  bold <- lines$kind %in% c("contrast", "overall", "subgroup")
  texts <- list(lines$first, lines$second, lines$numbers, lines$p)
  shown <- vapply(texts, function(text) any(nzchar(text)), logical(1))
  # A heading is broken at its blanks, so that narrow columns stay narrow.
  heads <- lapply(headings[-1], function(text) {
    if (startsWith(text, "n ") || text == "P interaction") gsub(" ", "\n", text) else text
  })
  wide <- mapply(function(text, head) {
    max(text_width(text, fontsize, FALSE), text_width(strsplit(head, "\n")[[1]], fontsize, TRUE))
  }, texts, heads)
  wide[!shown] <- 0
  gap <- 1.6 * em
  indent <- ifelse(lines$kind == "level", em, 0)
  room <- max(0.67 * width - sum(wide) - gap * (sum(shown) + 1), 0.18 * width, 8 * em)
  # A line that names a contrast has the whole width.
  is_level <- lines$kind != "contrast"
  labels <- Map(function(text, is_bold, left, inside) {
    wrap_to_width(text, if (inside) room - left else width, fontsize, is_bold)
  }, lines$label, bold, indent, is_level)
  label_width <- max(
    unlist(Map(function(text, is_bold, left) {
      left + max(text_width(text, fontsize, is_bold))
    }, labels[is_level], bold[is_level], indent[is_level])),
    text_width(headings[[1]], fontsize, TRUE)
  )
  first <- label_width + gap
  right <- width - wide[[4]]
  numbers <- right - (if (shown[[4]]) gap else 0) - wide[[3]]
  second <- first + wide[[1]] + gap
  list(
    lines = lines, labels = labels, bold = bold, indent = indent, em = em, width = width,
    fontsize = fontsize,
    heads = c(headings[[1]], heads), shown = shown,
    # Right ends of the columns of n, left ends of the others.
    x = list(first = first + wide[[1]], second = second + wide[[2]], numbers = numbers, p = right),
    scale = c(second + wide[[2]] + gap, numbers - gap),
    height = pmax(lengths(labels), 1) * 1.25 * em + 0.45 * em,
    head = max(lengths(strsplit(unlist(heads[shown]), "\n"))) * 1.25 * em + 0.7 * em
  )
}

wrap_to_width <- function(text, room, fontsize, bold) {
  words <- strsplit(text, " ", fixed = TRUE)[[1]]
  lines <- character()
  current <- ""
  for (word in words) {
    longer <- if (nzchar(current)) paste(current, word) else word
    if (nzchar(current) && text_width(longer, fontsize, bold) > room) {
      lines <- c(lines, current)
      current <- word
    } else {
      current <- longer
    }
  }
  c(lines, current)
}

# Head, lines, axis with its label: the height in mm of a layout.
forest_height <- function(layout) {
  sum(layout$height) + layout$head + 4.2 * layout$em
}

# ---- Drawing ----

draw_forest <- function(layout, axis) {
  grid::pushViewport(grid::viewport(
    width = grid::unit(layout$width, "mm"), height = grid::unit(forest_height(layout), "mm"),
    gp = grid::gpar(fontsize = layout$fontsize, col = "black", lineheight = 1.05)
  ))
  on.exit(grid::popViewport())
  top <- forest_height(layout)
  y <- top - layout$head - cumsum(layout$height) + layout$height / 2
  bottom <- y[[length(y)]] - layout$height[[length(y)]] / 2
  place <- function(value) {
    layout$scale[[1]] + (value - axis$limits[[1]]) / diff(axis$limits) * diff(layout$scale)
  }
  draw_forest_heads(layout, top)
  draw_forest_axis(layout, axis, place, bottom, top - layout$head)
  draw_forest_texts(layout, y)
  draw_forest_estimates(layout, axis, place, y)
}

mm <- function(x) {
  grid::unit(x, "mm")
}

draw_text <- function(text, x, y, just, bold = FALSE) {
  if (length(text) > 0) {
    grid::grid.text(text, mm(x), mm(y),
      just = just, gp = grid::gpar(fontface = if (bold) "bold" else "plain")
    )
  }
}

draw_forest_heads <- function(layout, top) {
  rule <- top - layout$head + 0.2 * layout$em
  heads <- layout$heads
  base <- rule + 0.4 * layout$em
  draw_text(heads[[1]], 0, base, c("left", "bottom"), TRUE)
  draw_text(heads[[2]], layout$x$first, base, c("right", "bottom"), TRUE)
  draw_text(heads[[3]], layout$x$second, base, c("right", "bottom"), TRUE)
  draw_text(heads[[4]], layout$x$numbers, base, c("left", "bottom"), TRUE)
  if (layout$shown[[4]]) {
    draw_text(heads[[5]], layout$x$p, base, c("left", "bottom"), TRUE)
  }
  grid::grid.lines(mm(c(0, layout$width)), mm(c(rule, rule)),
    gp = grid::gpar(col = "grey40", lwd = 0.8)
  )
}

draw_forest_texts <- function(layout, y) {
  lines <- layout$lines
  for (i in seq_along(y)) {
    bold <- layout$bold[[i]]
    draw_text(paste(layout$labels[[i]], collapse = "\n"), layout$indent[[i]], y[[i]],
      c("left", "centre"), bold
    )
  }
  draw_text(lines$first, layout$x$first, y, c("right", "centre"))
  draw_text(lines$second, layout$x$second, y, c("right", "centre"))
  draw_text(lines$numbers, layout$x$numbers, y, c("left", "centre"))
  draw_text(lines$p, layout$x$p, y, c("left", "centre"))
}

draw_forest_axis <- function(layout, axis, place, bottom, top) {
  em <- layout$em
  ticks <- forest_ticks(axis, diff(layout$scale), layout$fontsize)
  at <- place(ticks$at)
  line <- grid::gpar(col = "grey40", lwd = 0.8)
  grid::grid.segments(mm(at), mm(bottom), mm(at), mm(top),
    gp = grid::gpar(col = "grey92", lwd = 0.8)
  )
  grid::grid.segments(mm(place(0)), mm(bottom), mm(place(0)), mm(top), gp = line)
  overall <- axis$scale(layout$lines$estimate[layout$lines$kind == "overall"])
  if (length(overall) == 1 && is.finite(overall)) {
    grid::grid.segments(mm(place(overall)), mm(bottom), mm(place(overall)), mm(top),
      gp = grid::gpar(col = questrial_colours(1), lwd = 0.8, lty = "22")
    )
  }
  grid::grid.lines(mm(layout$scale), mm(c(bottom, bottom)), gp = line)
  grid::grid.segments(mm(at), mm(bottom), mm(at), mm(bottom - 0.4 * em), gp = line)
  draw_text(ticks$text, at, bottom - 0.7 * em, c("centre", "top"))
  # The label may be wider than the scale: it is kept inside the page.
  size <- text_width(axis$label, layout$fontsize, FALSE)
  middle <- min(max(mean(layout$scale), size / 2), layout$width - size / 2)
  draw_text(axis$label, middle, bottom - 2.3 * em, c("centre", "top"))
}

draw_forest_estimates <- function(layout, axis, place, y) {
  lines <- layout$lines
  known <- which(is.finite(lines$estimate))
  low <- axis$scale(lines$low)
  high <- axis$scale(lines$high)
  middle <- axis$scale(lines$estimate)
  levels <- lines$kind[known] == "level"
  precision <- 1 / lines$error[known]
  side <- layout$em * pmax(0.3, precision / max(precision[levels], 0))
  colour <- questrial_colours(1)
  for (k in seq_along(known)) {
    i <- known[[k]]
    if (lines$kind[[i]] == "overall") {
      draw_diamond(place(c(low[[i]], middle[[i]], high[[i]])), y[[i]], 0.45 * layout$em, colour)
    } else {
      draw_interval(low[[i]], high[[i]], axis, place, y[[i]], colour, layout$em)
      if (middle[[i]] >= axis$limits[[1]] && middle[[i]] <= axis$limits[[2]]) {
        grid::grid.rect(mm(place(middle[[i]])), mm(y[[i]]), mm(side[[k]]), mm(side[[k]]),
          gp = grid::gpar(fill = colour, col = NA)
        )
      }
    }
  }
}

draw_diamond <- function(x, y, half, colour) {
  grid::grid.polygon(mm(x[c(1, 2, 3, 2)]), mm(y + c(0, half, 0, -half)),
    gp = grid::gpar(fill = colour, col = NA)
  )
}

draw_interval <- function(low, high, axis, place, y, colour, em) {
  limits <- axis$limits
  if (high < limits[[1]] || low > limits[[2]]) {
    return(invisible())
  }
  cut <- c(low < limits[[1]], high > limits[[2]])
  arrow <- if (any(cut)) {
    grid::arrow(
      length = mm(0.6 * em), type = "closed",
      ends = if (all(cut)) "both" else if (cut[[1]]) "first" else "last"
    )
  }
  grid::grid.lines(mm(place(c(max(low, limits[[1]]), min(high, limits[[2]])))), mm(c(y, y)),
    arrow = arrow, gp = grid::gpar(col = colour, fill = colour, lwd = 1.4, lineend = "butt")
  )
}

#' @export
alt_text.subgroup_table <- function(x) {
  digits <- decimals_for(x$std.error)
  said <- sprintf("%s %s: %s (%s)", x$subgroup, x$level, format_number(x$estimate, digits),
    format_ci(x$conf.low, x$conf.high, digits)
  )
  tested <- !is.na(x$p.interaction)
  sprintf("Forest plot. %s. %s. P of interaction: %s.", attr(x, "caption"),
    paste(said, collapse = "; "),
    paste(x$subgroup[tested], format_p(x$p.interaction[tested]), collapse = ", ")
  )
}
