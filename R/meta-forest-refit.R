# Forest plots of pools without each study, and of pools that grow.

#' @rdname forest
#' @export
forest.leave_one_out_table <- function(x, xlim = NULL, digits = NULL, fontsize = NULL, ...) {
  check_no_dots(...)
  refit_forest(x, "Study left out", xlim, digits, fontsize)
}

#' @rdname forest
#' @export
forest.cumulative_table <- function(x, xlim = NULL, digits = NULL, fontsize = NULL, ...) {
  check_no_dots(...)
  refit_forest(x, "Study added", xlim, digits, fontsize)
}

# A line a pool; the dashed line is that of all studies.
refit_forest <- function(x, head, xlim, digits, fontsize) {
  pool <- attr(x, "pool")
  scale <- shown_scale(pool)
  digits <- forest_digits(x$std.error^2, digits, scale)
  rows <- sheet_row("study", x$study, x$estimate, x$conf.low, x$conf.high,
    study = seq_len(nrow(x)))
  effect <- ifelse(is.na(x$estimate), "", printed_effect(scale$shown(x$estimate), digits, scale))
  title <- paste(c(strwrap(scale$name, 22), percent_words(pool$conf.level)), collapse = "\n")
  p <- sub("^([<>])", "\\1 ", format_p(x$p.value, leading_zero = TRUE))
  sheet <- list(
    head = head, rows = rows, arms = character(), lights = NULL,
    columns = list(
      k = sheet_column("k", format_number(x$k, 0)),
      effect = sheet_column("", effect),
      interval = sheet_column(title, bracket_text(x$conf.low, x$conf.high, digits, scale),
        tight = TRUE),
      p = sheet_column("P", p),
      heterogeneity = sheet_column("I\u00b2", ifelse(is.na(x$I2), "",
        paste0(format_number(x$I2, 0), "%")))
    ),
    graph = list(
      head = title, log = scale$log, scale = scale$inside,
      limits = graph_limits(rows, scale, xlim), null = scale$null, pooled = pool$estimate,
      favours = character()
    ),
    notes = sprintf("%s. Dashed: all studies, %s.", pool$words,
      printed_effect(scale$shown(pool$estimate), digits, scale))
  )
  said <- sprintf("%s: %s %s", x$study, effect, sheet$columns$interval$text)
  new_forest_plot(sheet, fontsize, sprintf("Forest plot, %s, %s. %s.", tolower(head), scale$name,
    paste(said, collapse = ". ")))
}

#' @rdname forest
#' @export
plot.leave_one_out_table <- function(x, newpage = TRUE, ...) {
  plot(forest(x, ...), newpage = newpage)
  invisible(x)
}

#' @rdname forest
#' @export
plot.cumulative_table <- plot.leave_one_out_table
