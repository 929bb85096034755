# Figures with ggplot2, in one visual language.

#' The look of the figures
#'
#' `theme_questrial()` is the ggplot2 theme of the package's figures: plain
#' axes, light lines across the direction that is read, the legend above, type
#' of 8 points and more. `questrial_colours()` are the colours of Okabe and Ito,
#' which people with colour-blindness can tell apart.
#'
#' @param base_size Size of the type in points; axis labels are 0.9 of it.
#' @param n How many colours; more than seven are taken from a scale made for
#'   many.
#' @return A ggplot2 theme; a character vector of colours.
#' @references Okabe M, Ito K (2008) Color universal design.
#'   <https://jfly.uni-koeln.de/color/>
#' @examples
#' questrial_colours(3)
#' if (requireNamespace("ggplot2", quietly = TRUE)) {
#'   ggplot2::ggplot(mtcars, ggplot2::aes(wt, mpg)) +
#'     ggplot2::geom_point(colour = questrial_colours(1)) +
#'     theme_questrial()
#' }
#' @export
theme_questrial <- function(base_size = 9) {
  need_ggplot2()
  check_number(base_size, "base_size", min = 1)
  small <- ggplot2::element_text(size = ggplot2::rel(0.9), colour = "grey20")
  ggplot2::theme_minimal(base_size = base_size) + ggplot2::theme(
    axis.text = small, axis.title = ggplot2::element_text(size = ggplot2::rel(1)),
    axis.line = ggplot2::element_line(colour = "grey40", linewidth = 0.3),
    axis.ticks = ggplot2::element_line(colour = "grey40", linewidth = 0.3),
    panel.grid.minor = ggplot2::element_blank(),
    panel.grid.major = ggplot2::element_line(colour = "grey92", linewidth = 0.3),
    strip.text = ggplot2::element_text(face = "bold", size = ggplot2::rel(1), hjust = 0),
    legend.position = "top", legend.justification = "left", legend.text = small,
    legend.title = small, legend.key.size = ggplot2::unit(1.1, "lines"),
    legend.margin = ggplot2::margin(0, 0, 0, 0), legend.box.spacing = ggplot2::unit(3, "pt"),
    plot.caption = ggplot2::element_text(hjust = 0, colour = "grey30", size = ggplot2::rel(0.9)),
    plot.caption.position = "plot", plot.title.position = "plot",
    plot.margin = ggplot2::margin(4, 6, 4, 4)
  )
}

#' @rdname theme_questrial
#' @export
questrial_colours <- function(n = 7) {
  check_number(n, "n", min = 1, whole = TRUE)
  okabe_ito <- c("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
  if (n <= length(okabe_ito)) okabe_ito[seq_len(n)] else grDevices::hcl.colors(n, "Dark 3")
}

need_ggplot2 <- function() {
  need_package("ggplot2", "Drawing this figure")
}

# aes() from names of columns: aes_of(x = "arm").
aes_of <- function(...) {
  do.call(ggplot2::aes, lapply(list(...), as.name))
}

# The height in mm that a figure wants, for write_figure().
want_height <- function(figure, height) {
  attr(figure, "height") <- height
  figure
}

# ---- Checks and groups ----

check_numeric_column <- function(data, column, arg) {
  check_columns(data, check_string(column, arg), arg)
  value <- data[[column]]
  if (!is.numeric(value)) {
    qst_abort("argument", sprintf(
      "`%s`: column `%s` must be numeric, not %s. Score the answers first.",
      arg, column, describe(value)
    ), column = column)
  }
  if (any(is.infinite(value))) {
    qst_abort("argument", sprintf(
      "`%s`: column `%s` is infinite in row %s. Give a number or NA.",
      arg, column, enumerate(which(is.infinite(value)))
    ), column = column, row = which(is.infinite(value)))
  }
  value
}

# The groups as a factor without empty levels; one group when `by` is NULL.
figure_groups <- function(data, by, arg) {
  if (is.null(by)) {
    return(factor(rep("all", nrow(data))))
  }
  group <- data[[column_name(by, data, arg)]]
  if (anyNA(group)) {
    qst_abort("argument", sprintf(
      "`%s`: the group is missing in row %s. Complete it or leave these rows out.",
      arg, enumerate(which(is.na(group)))
    ), row = which(is.na(group)))
  }
  droplevels(as.factor(group))
}

# n, mean and confidence interval by Student's t; NA where n < 2.
mean_interval <- function(value, conf.level) {
  value <- value[!is.na(value)]
  n <- length(value)
  half <- if (n < 2) {
    NA_real_
  } else {
    stats::qt((1 + conf.level) / 2, n - 1) * stats::sd(value) / sqrt(n)
  }
  mean <- if (n == 0) NA_real_ else mean(value)
  data.frame(n = n, mean = mean, low = mean - half, high = mean + half)
}

percent_words <- function(conf.level) {
  sprintf("%s%% CI", format(100 * conf.level))
}

# ---- Change by arm ----

#' Plot a change, or any outcome, by arm with every participant
#'
#' One point a participant, side by side where they would lie upon each other,
#' with the mean and its confidence interval in each arm.
#'
#' The points stand at their exact height; sideways they are spread by a fixed
#' rule (van der Corput's sequence times the density), so that the figure is
#' the same each time and its width shows where values are common. The interval
#' is Student's t of each arm alone. Participants without a value are counted
#' under the figure.
#'
#' @param data A data frame, one row a participant.
#' @param outcome Name of the numeric column to show.
#' @param arm The arm: name of a column, or a formula `~ arm`.
#' @param labels Named character vector: what the outcome is called,
#'   `c(change = "Change of empathy")`. Without it the column's attribute
#'   `"label"`, or its name.
#' @param conf.level Level of the confidence intervals.
#' @return A ggplot2 figure. Its `data` has `arm`, `value` and the place of each
#'   point; [alt_text()] gives its numbers in words.
#' @section Errors:
#' `questrial_error_argument` for unknown columns, an outcome that is not
#' numeric, and a missing arm; `questrial_error_no_data` when no participant
#' has a value; `questrial_error_package` without ggplot2.
#' @section Compared with ggplot2:
#' `geom_jitter()` moves points by chance and `stat_summary()` needs Hmisc for
#' intervals; ggbeeswarm's `geom_quasirandom()` spreads as here.
#' @examples
#' trial <- data.frame(arm = gl(3, 40, labels = c("control", "course", "book")))
#' trial$change <- round(8 * sin(1:120) + as.integer(trial$arm))
#' if (requireNamespace("ggplot2", quietly = TRUE)) plot_change(trial, "change", "arm")
#' @export
plot_change <- function(data, outcome, arm, labels = NULL, conf.level = 0.95) {
  need_ggplot2()
  check_data_frame(data)
  value <- check_numeric_column(data, outcome, "outcome")
  group <- figure_groups(data, arm, "arm")
  check_number(conf.level, "conf.level", min = 0.5, max = 0.9999)
  label <- variable_label(value, outcome, check_labels(labels))
  seen <- !is.na(value)
  if (!any(seen)) {
    qst_abort("no_data", sprintf(
      "`outcome`: no row has a value of `%s`. Check how it was made.", outcome
    ), column = outcome)
  }
  points <- data.frame(arm = group, value = value)[seen, ]
  points$place <- as.integer(points$arm) + unsplit(
    lapply(split(points$value, points$arm), swarm_offset), points$arm
  )
  means <- lapply(split(points$value, points$arm), mean_interval, conf.level = conf.level)
  means <- cbind(arm = factor(levels(group), levels(group)), do.call(rbind, means))
  means$place <- seq_len(nrow(means))
  draw_change(points, means, label, sum(!seen), percent_words(conf.level))
}

draw_change <- function(points, means, label, unseen, level) {
  size <- if (nrow(points) > 2000) 0.3 else if (nrow(points) > 600) 0.7 else 1.1
  caption <- sprintf("Points: participants. Boxes: mean and %s.%s", level,
    if (unseen > 0) sprintf("\n%d without a value not shown.", unseen) else "")
  numbers <- sprintf("%s: n = %d, mean %s (%s)", means$arm, means$n,
    format_number(means$mean, 2), format_ci(means$low, means$high, 2))
  figure <- ggplot2::ggplot(points, aes_of(x = "place", y = "value")) +
    ggplot2::geom_hline(yintercept = if (spans_zero(points$value)) 0 else numeric(),
      linetype = "22", linewidth = 0.3, colour = "grey40") +
    ggplot2::geom_point(aes_of(colour = "arm"), size = size, shape = 16, alpha = 0.55) +
    ggplot2::geom_crossbar(aes_of(x = "place", y = "mean", ymin = "low", ymax = "high"), means,
      width = 0.24, fill = "#FFFFFFB0", colour = "grey10", linewidth = 0.45, fatten = 2,
      na.rm = TRUE, inherit.aes = FALSE) +
    ggplot2::scale_colour_manual(values = questrial_colours(nrow(means)), guide = "none") +
    ggplot2::scale_x_continuous(breaks = means$place, limits = c(0.5, nrow(means) + 0.5),
      labels = sprintf("%s\nn = %d", means$arm, means$n), expand = c(0, 0)) +
    ggplot2::labs(x = NULL, y = label, caption = caption, alt = paste0(
      label, " by arm, one point a participant, with mean and ", level, ". ",
      paste(numbers, collapse = "; "), "."
    )) +
    theme_questrial() +
    ggplot2::theme(panel.grid.major.x = ggplot2::element_blank())
  want_height(figure, 90)
}

spans_zero <- function(value) {
  min(value) < 0 && max(value) > 0
}

# Places from -0.4 to 0.4: van der Corput's sequence in the order of the
# values, as wide as their density.
swarm_offset <- function(value) {
  n <- length(value)
  if (n < 2) {
    return(numeric(n))
  }
  estimate <- stats::density(value)
  height <- stats::approx(estimate$x, estimate$y, value)$y
  spread <- numeric(n)
  spread[order(value)] <- van_der_corput(n) - 0.5
  0.8 * spread * height / max(height)
}

# The first n fractions whose binary digits are those of 1, 2, ... mirrored.
van_der_corput <- function(n) {
  left <- seq_len(n)
  fraction <- numeric(n)
  weight <- 0.5
  while (any(left > 0)) {
    fraction <- fraction + weight * (left %% 2)
    left <- left %/% 2
    weight <- weight / 2
  }
  fraction
}

# ---- Coefficients ----

#' Plot the coefficients of a model with their intervals
#'
#' Estimates and confidence intervals of a fit's terms, a factor's levels
#' under its name, a line at no effect, the numbers at the right.
#'
#' @param fit A model from [fit_glm()] or [stats::lm()], or anything that
#'   [effects_table()] takes.
#' @param labels Named character vector: what variables (`c(sex = "Gender")`)
#'   or terms are called, as in [effects_table()].
#' @param reference Show reference categories as rows without an interval?
#' @param vcov,cluster Standard errors other than the model's own, as in
#'   [effects_table()]; the note under the figure says which.
#' @param conf.level Level of the intervals.
#' @param digits Decimals of the numbers at the right.
#' @return A ggplot2 figure without the constant. Its `data` has a row a line:
#'   `label`, `estimate`, `conf.low`, `conf.high` and `kind` (`heading`,
#'   `reference` or `term`).
#' @section Errors:
#' `questrial_error_argument` for a `fit` without coefficients or with nothing
#' but a constant, and for `labels` without names.
#' @section Compared with modelsummary:
#' `modelplot()` lists all terms alike; here levels stand under their factor,
#' with the reference where asked, and the numbers are printed beside.
#' @examples
#' fit <- lm(mpg ~ factor(cyl) + wt, mtcars)
#' if (requireNamespace("ggplot2", quietly = TRUE)) {
#'   plot_coefficients(fit, c("factor(cyl)" = "Cylinders", wt = "Weight"), reference = TRUE)
#' }
#' @export
plot_coefficients <- function(fit, labels = NULL, reference = FALSE, vcov = NULL,
                              conf.level = 0.95, digits = 2, cluster = NULL) {
  need_ggplot2()
  check_labels(labels)
  check_flag(reference, "reference")
  check_number(conf.level, "conf.level", min = 0.5, max = 0.9999)
  check_number(digits, "digits", min = 0, max = 15, whole = TRUE)
  covariance <- effect_covariance(fit, vcov, cluster)
  effects <- place_constant(effect_estimates(fit, covariance, conf.level), "none")
  if (nrow(effects) == 0) {
    qst_abort("argument", "`fit` has only a constant. Plot a model with terms.")
  }
  variables <- model_variables(fit, labels)
  effects$label <- term_labels(effects$term, variables, labels)
  rows <- coefficient_rows(effects, variables, reference, labels)
  rows$place <- rev(seq_len(nrow(rows)))
  rows$numbers <- coefficient_numbers(rows, digits)
  notes <- c(
    rows_note(fit), if (nzchar(covariance$label)) covariance_note(covariance, effects$df)
  )
  draw_coefficients(rows, response_label(fit, labels), notes, percent_words(conf.level))
}

# The lines of the figure: a factor's levels under a heading, then what is
# left (interactions, and terms the formula made in other ways).
coefficient_rows <- function(effects, variables, reference, labels) {
  blocks <- lapply(variables, function(variable) {
    found <- match(variable$terms, effects$term)
    if (length(variable$levels) == 0 || all(is.na(found))) {
      return(coefficient_block(effects[stats::na.omit(found), ]))
    }
    inside <- effects[stats::na.omit(found), ]
    named <- intersect(inside$term, names(labels))
    inside$label <- variable$levels[!is.na(found)]
    inside$label[match(named, inside$term)] <- labels[named]
    absent <- if (reference && sum(is.na(found)) == 1) variable$levels[is.na(found)]
    rbind(
      coefficient_block(data.frame(label = variable$label), "heading"),
      coefficient_block(data.frame(label = sprintf("%s (reference)", absent)), "reference"),
      coefficient_block(inside)
    )
  })
  rest <- effects[!effects$term %in% unlist(lapply(variables, `[[`, "terms")), ]
  rows <- rbind(do.call(rbind, blocks), coefficient_block(rest))
  under <- unlist(lapply(blocks, function(block) {
    block$kind[1] %in% "heading" & seq_along(block$kind) > 1
  }))
  rows$label <- paste0(ifelse(c(under, rep(FALSE, nrow(rest))), "    ", ""), rows$label)
  rows
}

coefficient_block <- function(effects, kind = "term") {
  n <- nrow(effects)
  value <- function(name) if (kind == "term") effects[[name]] else rep(NA_real_, n)
  data.frame(
    label = effects$label, estimate = value("estimate"), conf.low = value("conf.low"),
    conf.high = value("conf.high"), kind = rep(kind, n)
  )
}

coefficient_numbers <- function(rows, digits) {
  text <- sprintf("%s (%s)", format_number(rows$estimate, digits),
    format_ci(rows$conf.low, rows$conf.high, digits))
  ifelse(!is.na(rows$estimate), text, ifelse(rows$kind == "term", "not estimable", ""))
}

draw_coefficients <- function(rows, response, notes, level) {
  terms <- rows[rows$kind == "term" & !is.na(rows$estimate), ]
  reference <- rows[rows$kind == "reference", ]
  said <- paste(trimws(terms$label), terms$numbers, collapse = "; ")
  figure <- ggplot2::ggplot(rows, aes_of(x = "estimate", y = "place")) +
    ggplot2::geom_vline(xintercept = 0, linewidth = 0.4, colour = "grey40") +
    ggplot2::geom_linerange(aes_of(xmin = "conf.low", xmax = "conf.high"), terms,
      linewidth = 0.6, colour = questrial_colours(1)) +
    ggplot2::geom_point(data = terms, size = 2, colour = questrial_colours(1)) +
    ggplot2::geom_point(ggplot2::aes(x = 0), reference, size = 2, shape = 21, fill = "white",
      colour = "grey40") +
    ggplot2::scale_y_continuous(breaks = rows$place, labels = rows$label,
      limits = c(0.5, nrow(rows) + 0.5), expand = c(0, 0),
      sec.axis = ggplot2::dup_axis(labels = rows$numbers)) +
    ggplot2::labs(x = sprintf("%s: estimate (%s)", response, level), y = NULL,
      caption = paste(strwrap(notes, width = 90), collapse = "\n"),
      alt = sprintf("Coefficients with %s for %s: %s.", level, response, said)) +
    theme_questrial() +
    ggplot2::theme(
      panel.grid.major.y = ggplot2::element_blank(), axis.line.y = ggplot2::element_blank(),
      axis.ticks.y = ggplot2::element_blank(), axis.text.y = ggplot2::element_text(hjust = 0),
      axis.text.y.right = ggplot2::element_text(hjust = 0), axis.title.y = ggplot2::element_blank()
    )
  want_height(figure, 24 + 5.5 * nrow(rows))
}
