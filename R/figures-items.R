# Figures of answers: item profile and missing answers.

#' Plot the profile of a questionnaire's items
#'
#' The mean of each item with its confidence interval, items from the top in
#' the order of the form, by arm and visit. Reversed items are shown as they are
#' scored and marked "(R)"; an item without any answer is a gap that says so.
#'
#' @param data A data frame, one row a participant, with raw answers.
#' @param instrument An [instrument()] or the id of one in the registry.
#' @param columns The columns of the items in the instrument's order; by
#'   default the items' names. Several visits as a named list of such vectors.
#' @param by The arm or another group: name of a column or a formula; `NULL`
#'   for one profile of all.
#' @param conf.level Level of the confidence intervals (Student's t).
#' @return A ggplot2 figure. Its `data` has one row an item, visit and group:
#'   `item`, `visit`, `group`, `n`, `mean`, `low`, `high`.
#' @section Errors:
#' `questrial_error_argument` for unknown columns or missing groups,
#' `questrial_error_range` for an answer outside the instrument's range, with
#' column and row.
#' @examples
#' form <- new_instrument(4, 1, 5, reverse = 2)
#' answers <- as.data.frame(matrix(1 + (seq_len(120) * 7) %% 5, 30))
#' names(answers) <- form$items
#' answers$item_3 <- NA
#' if (requireNamespace("ggplot2", quietly = TRUE)) plot_items(answers, form)
#' @export
plot_items <- function(data, instrument, columns = NULL, by = NULL, conf.level = 0.95) {
  need_ggplot2()
  check_data_frame(data)
  instrument <- as_instrument(instrument)
  group <- figure_groups(data, by, "by")
  check_number(conf.level, "conf.level", min = 0.5, max = 0.9999)
  visits <- lapply(as_visits(columns), function(visit) {
    names <- item_columns(data, instrument, visit)
    check_item_columns(data, names, instrument)
    names
  })
  profile <- lapply(names(visits), function(visit) {
    cbind(visit = visit, item_means(data, instrument, visits[[visit]], group, conf.level))
  })
  profile <- do.call(rbind, profile)
  profile$visit <- factor(profile$visit, names(visits))
  draw_items(profile, instrument, percent_words(conf.level))
}

# Columns as a named list of visits.
as_visits <- function(columns) {
  if (!is.list(columns)) {
    return(list("all" = columns))
  }
  if (length(columns) == 0 || !fully_named(columns)) {
    qst_abort("argument", paste(
      "`columns`: each visit of the list needs a name of its own.",
      "For example list(before = c(...), after = c(...))."
    ))
  }
  columns
}

# Means of the scored answers, one row an item and group.
item_means <- function(data, instrument, columns, group, conf.level) {
  items <- lapply(seq_along(columns), function(j) {
    answers <- scored_answers(data[[columns[[j]]]], columns[[j]], instrument, j)
    means <- lapply(split(answers, group), mean_interval, conf.level = conf.level)
    cbind(item = instrument$items[[j]], group = levels(group), do.call(rbind, means))
  })
  items <- do.call(rbind, items)
  items$item <- factor(items$item, instrument$items)
  items$group <- factor(items$group, levels(group))
  rownames(items) <- NULL
  items
}

scored_answers <- function(answers, column, instrument, j) {
  check_answers(answers, column)
  outside <- which(answers < instrument$min | answers > instrument$max)
  if (length(outside) > 0) {
    qst_abort("range", sprintf(
      "Column `%s` has an answer of %s in row %d, outside %s to %s. Correct it or make it NA.",
      column, format(answers[[outside[[1]]]]), outside[[1]], instrument$min, instrument$max
    ), column = column, row = outside[[1]], value = answers[[outside[[1]]]])
  }
  if (instrument$reversed[[j]]) instrument$min + instrument$max - answers else as.numeric(answers)
}

draw_items <- function(profile, instrument, level) {
  k <- nlevels(profile$group)
  visits <- nlevels(profile$visit)
  step <- if (k > 1) min(0.24, 0.6 / (k - 1)) else 0
  profile$place <- length(instrument$items) + 1 - as.integer(profile$item) -
    step * (as.integer(profile$group) - (k + 1) / 2)
  empty <- unanswered(profile, instrument)
  marks <- ifelse(instrument$reversed, " (R)", "")
  figure <- ggplot2::ggplot(profile, aes_of(x = "mean", y = "place", colour = "group")) +
    item_bands(length(instrument$items)) +
    ggplot2::geom_linerange(aes_of(xmin = "low", xmax = "high"), linewidth = 0.5, na.rm = TRUE) +
    ggplot2::geom_point(aes_of(shape = "group"), size = 1.5, na.rm = TRUE) +
    ggplot2::geom_text(aes_of(x = "x", y = "place", label = "text"), empty, size = 2.8,
      colour = "grey35", fontface = "italic", inherit.aes = FALSE) +
    ggplot2::scale_y_continuous(breaks = rev(seq_along(instrument$items)),
      labels = paste0(instrument$items, marks), expand = c(0, 0.6)) +
    ggplot2::scale_x_continuous(limits = c(instrument$min, instrument$max),
      breaks = answer_breaks(instrument)) +
    ggplot2::scale_colour_manual(NULL, values = questrial_colours(k)) +
    ggplot2::scale_shape_manual(NULL, values = rep_len(c(16, 17, 15, 18, 8, 4, 3), k)) +
    ggplot2::labs(x = sprintf("Mean answer as scored (%s)", level), y = NULL,
      caption = items_caption(instrument), alt = items_alt(profile, empty)) +
    theme_questrial() +
    ggplot2::theme(axis.text.y = ggplot2::element_text(hjust = 0),
      panel.grid.major.y = ggplot2::element_blank())
  figure <- one_group_quiet(figure, k)
  if (visits > 1) {
    figure <- figure + ggplot2::facet_wrap("visit", nrow = 1)
  }
  want_height(figure, 28 + length(instrument$items) * max(4, 2.2 * k))
}

# A light band behind every second item, so that its groups read as one.
item_bands <- function(k) {
  band <- seq(k - 1, 0.5, by = -2)
  ggplot2::annotate("rect", xmin = -Inf, xmax = Inf, ymin = band - 0.5, ymax = band + 0.5,
    fill = "grey96")
}

answer_breaks <- function(instrument) {
  answers <- seq(instrument$min, instrument$max, by = instrument$step)
  if (length(answers) <= 11) answers else ggplot2::waiver()
}

# A legend of one group says nothing.
one_group_quiet <- function(figure, k) {
  if (k > 1) figure else figure + ggplot2::theme(legend.position = "none")
}

# Items that nobody answered at a visit, with what is written in their gap.
unanswered <- function(profile, instrument) {
  n <- stats::aggregate(n ~ item + visit, profile, sum)
  n <- n[n$n == 0, ]
  data.frame(
    visit = n$visit, item = n$item, place = length(instrument$items) + 1 - as.integer(n$item),
    x = rep((instrument$min + instrument$max) / 2, nrow(n)), text = rep("no answers", nrow(n))
  )
}

items_caption <- function(instrument) {
  if (any(instrument$reversed)) {
    sprintf("(R): reversed, shown as scored (%s minus the answer).",
      format(instrument$min + instrument$max))
  }
}

items_alt <- function(profile, empty) {
  means <- stats::aggregate(mean ~ group + visit, profile, function(x) range(x, na.rm = TRUE))
  said <- sprintf("%s%s: item means from %s to %s", means$group,
    if (nlevels(profile$visit) > 1) paste0(", ", means$visit) else "",
    format_number(means$mean[, 1], 2), format_number(means$mean[, 2], 2))
  paste0(
    "Mean of each item with interval. ", paste(said, collapse = "; "), ".",
    if (nrow(empty) > 0) sprintf(" No answers to %s.", enumerate(unique(empty$item)))
  )
}

# ---- Missing answers ----

#' Plot what is missing
#'
#' Either the share of missing answers for each column, by group and visit, or
#' the pattern: every participant as a line across the columns, the most
#' complete at the bottom.
#'
#' The pattern of more than 400 rows is summed up: participants are sorted
#' within their group by how much and what is missing, and neighbours share a
#' line whose shade is the share missing among them. So it is as quick and as
#' legible for 100,000 rows as for 400.
#'
#' @param data A data frame, one row a participant.
#' @param columns Names of the columns to look at; several visits as a named
#'   list of such vectors, the same length and order each.
#' @param by The arm or another group: name of a column or a formula.
#' @param show `"share"` or `"pattern"`.
#' @return A ggplot2 figure. Its `data` has `visit`, `group`, `column`, `n` and
#'   `missing` (a share); for the pattern `line` as well.
#' @section Errors:
#' `questrial_error_argument` for unknown columns, visits of different length,
#' and missing groups.
#' @section Compared with naniar and visdat:
#' `vis_miss()` draws every cell and refuses large data; here visits stand side
#' by side, groups apart, and large data are summed up.
#' @examples
#' trial <- data.frame(arm = rep(c("control", "course"), 20), q1 = c(NA, 1), q2 = 2)
#' if (requireNamespace("ggplot2", quietly = TRUE)) {
#'   plot_missing(trial, c("q1", "q2"), by = "arm")
#'   plot_missing(trial, c("q1", "q2"), by = "arm", show = "pattern")
#' }
#' @export
plot_missing <- function(data, columns, by = NULL, show = c("share", "pattern")) {
  need_ggplot2()
  check_data_frame(data)
  group <- figure_groups(data, by, "by")
  show <- check_choice(show, c("share", "pattern"), "show")
  visits <- check_visits(as_visits(columns), data)
  label <- column_labels(visits)
  line <- if (show == "share") group else pattern_lines(data, unlist(visits), group)
  cells <- lapply(names(visits), function(visit) {
    cbind(visit = visit, missing_shares(data, visits[[visit]], line))
  })
  cells <- do.call(rbind, cells)
  cells$visit <- factor(cells$visit, names(visits))
  if (show == "share") {
    cells$group <- factor(cells$line, levels(group))
    draw_missing_share(cells, label)
  } else {
    cells$group <- factor(sub("\r.*", "", cells$line), levels(group))
    cells$line <- as.integer(sub(".*\r", "", cells$line))
    draw_missing_pattern(cells, label, nrow(data))
  }
}

check_visits <- function(visits, data) {
  lapply(visits, check_columns, data = data)
  if (length(unique(lengths(visits))) > 1 || length(visits[[1]]) == 0) {
    qst_abort("argument", sprintf(
      "`columns` must name as many columns at each visit, not %s. Use NA columns for gaps.",
      paste(lengths(visits), collapse = " and ")
    ))
  }
  visits
}

# What the columns are called under the figure: "t0_1" and "t1_1" are both "1"
# when all of a visit begin alike and all visits are left the same labels.
column_labels <- function(visits) {
  short <- lapply(visits, function(columns) {
    sub("^.*[^0-9](?=[0-9]+$)", "", columns, perl = TRUE)
  })
  beginnings <- Map(function(columns, rest) {
    unique(substring(columns, 1, nchar(columns) - nchar(rest)))
  }, visits, short)
  fit <- all(lengths(beginnings) == 1) && all(vapply(short, identical, NA, short[[1]]))
  if (fit) short[[1]] else visits[[1]]
}

# One row a line and column: how many cells, and the share missing.
missing_shares <- function(data, columns, line) {
  counts <- as.vector(table(line))
  shares <- vapply(columns, function(column) {
    as.vector(rowsum(as.integer(is.na(data[[column]])), line, reorder = TRUE)) / counts
  }, numeric(length(counts)))
  data.frame(
    line = rep(levels(line), length(columns)),
    column = rep(seq_along(columns), each = length(counts)), n = rep(counts, length(columns)),
    missing = as.vector(shares)
  )
}

# Each participant's line as a factor "group\rnumber": sorted by what is
# missing, at most some 400 lines in all.
pattern_lines <- function(data, columns, group) {
  missing <- lapply(data[columns], is.na)
  total <- Reduce(`+`, missing)
  sorted <- do.call(order, c(list(as.integer(group), total), unname(missing)))
  each <- ceiling(nrow(data) / 400)
  place <- integer(nrow(data))
  place[sorted] <- unlist(lapply(tabulate(group), function(n) (seq_len(n) - 1L) %/% each + 1L))
  factor(paste(group, place, sep = "\r"))
}

missing_scale <- function(...) {
  ggplot2::scale_fill_gradient("Missing", low = "#F2F5F8", high = "#08306B",
    limits = c(0, 1), labels = function(x) paste0(100 * x, "%"), ...,
    guide = ggplot2::guide_colourbar(barwidth = 9, barheight = 0.5, ticks = FALSE, title.vjust = 1))
}

# A participant's cell is missing or not; a line of several has a share.
pattern_scale <- function(each) {
  if (each > 1) {
    return(missing_scale())
  }
  ggplot2::scale_fill_gradient(NULL, low = "#F2F5F8", high = "#08306B", limits = c(0, 1),
    breaks = c(0, 1), labels = c("present", "missing"), guide = "legend")
}

draw_missing_share <- function(cells, label) {
  cells$text <- ifelse(cells$missing > 0, format_number(100 * cells$missing, 0), "")
  cells$text[cells$missing > 0 & cells$missing < 0.005] <- "<1"
  cells$ink <- ifelse(cells$missing > 0.45, "white", "grey20")
  row <- interaction_rows(cells)
  cells$row <- row
  figure <- ggplot2::ggplot(cells, aes_of(x = "column", y = "row", fill = "missing")) +
    ggplot2::geom_tile(colour = "white", linewidth = 0.4)
  if (length(label) <= 25) {
    figure <- figure + ggplot2::geom_text(aes_of(label = "text", colour = "ink"), size = 2.5) +
      ggplot2::scale_colour_identity() +
      ggplot2::labs(caption = "Numbers: percentage missing; empty where nothing is.")
  }
  figure <- figure + missing_axes(label) + missing_scale() +
    ggplot2::scale_y_discrete(limits = rev) +
    ggplot2::labs(alt = missing_alt(cells))
  if (nlevels(cells$visit) > 1) {
    figure <- figure + ggplot2::facet_wrap("visit", ncol = 1)
  }
  want_height(figure, 34 + 9 * nlevels(cells$visit) + 6 * nlevels(cells$visit) * nlevels(row))
}

# Rows of the share: the groups with their numbers.
interaction_rows <- function(cells) {
  n <- cells$n[match(levels(cells$group), cells$group)]
  factor(cells$group, labels = sprintf("%s (n = %d)", levels(cells$group), n))
}

draw_missing_pattern <- function(cells, label, n) {
  each <- ceiling(n / 400)
  # At most some 24 labels side by side.
  every <- ceiling(length(label) * nlevels(cells$visit) / 24)
  label[(seq_along(label) - 1) %% every != 0] <- ""
  figure <- ggplot2::ggplot(cells, aes_of(x = "column", y = "line", fill = "missing")) +
    ggplot2::geom_raster() + missing_axes(label) +
    pattern_scale(each) +
    ggplot2::scale_y_continuous(expand = c(0, 0), labels = function(y) y * each) +
    ggplot2::labs(
      y = "Participants, the most complete below",
      caption = if (each > 1) sprintf("Each line is up to %d participants alike.", each),
      alt = missing_alt(cells)
    ) +
    ggplot2::facet_grid(group ~ visit, scales = "free_y", space = "free_y")
  want_height(hide_single_strips(figure, cells), 120)
}

# Strips that would only say "all".
hide_single_strips <- function(figure, cells) {
  blank <- ggplot2::element_blank()
  if (nlevels(cells$visit) == 1) {
    figure <- figure + ggplot2::theme(strip.text.x = blank)
  }
  if (nlevels(cells$group) == 1) {
    figure <- figure + ggplot2::theme(strip.text.y = blank)
  }
  figure
}

missing_axes <- function(label) {
  upright <- max(nchar(label)) > 3
  list(
    ggplot2::scale_x_continuous(breaks = seq_along(label), labels = label, expand = c(0, 0)),
    ggplot2::labs(x = NULL, y = NULL),
    theme_questrial(),
    ggplot2::theme(
      panel.grid.major = ggplot2::element_blank(), axis.line = ggplot2::element_blank(),
      axis.ticks = ggplot2::element_blank(),
      axis.text.x = ggplot2::element_text(angle = if (upright) 90 else 0,
        hjust = if (upright) 1 else 0.5, vjust = 0.5)
    )
  )
}

missing_alt <- function(cells) {
  total <- vapply(split(cells, cells$visit), function(at) {
    stats::weighted.mean(at$missing, at$n)
  }, 0)
  said <- sprintf("%s%s%%", if (length(total) > 1) paste0(names(total), " ") else "",
    format_number(100 * total, 1))
  all_gone <- tapply(cells$missing, list(cells$column, cells$visit), min) == 1
  paste0("Missing answers by column", if (nlevels(cells$group) > 1) " and group", ". In all ",
    paste(said, collapse = ", "), " missing.",
    if (any(all_gone)) {
      sprintf(" Nobody answered column %s.", enumerate(which(rowSums(all_gone) > 0)))
    })
}
