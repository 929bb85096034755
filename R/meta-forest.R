# The forest plot of a meta-analysis: what its lines say. Where they stand is in
# meta-forest-layout.R, how they are drawn in meta-forest-draw.R.

#' Forest plot of a meta-analysis
#'
#' The forest plot of RevMan: a line a study with the numbers of each arm, its weight, its
#' effect with interval, and a square whose area goes with the weight; diamonds for subgroups and
#' for all; heterogeneity and tests below. Columns are as wide as their text, so nothing lies
#' upon anything else with any number of studies or length of names.
#'
#' What the columns are depends on what the fit knows of each study: mean, SD and total of each
#' arm; events and total; or else the effect with its standard error. Ratios stand on a
#' logarithmic axis. A subgroup or an analysis of a single study gets no diamond, since nothing was
#' pooled. The prediction interval, when the fit has one, is the bar below the diamond. An interval
#' that leaves the graph ends in an arrow.
#'
#' The type is as large as fits, from 9 points at 170 mm (more on wider devices) down to 7. When
#' not even 7 points fit, the plot is drawn smaller and a warning of class
#' `questrial_warning_dimension` says what size is needed; [forest_size()] says it beforehand, and
#' [write_figure()] takes it by itself.
#'
#' @param x A [meta_analysis()], or a result of [leave_one_out()] or [cumulative()], of which a line
#'   is the pool without, or with, the study that it names.
#' @param arms What the arms are called: the experimental one first.
#' @param favours What the left and the right of no effect mean, such as
#'   `c("Favours course", "Favours control")`. When `NULL` the axis says which side is lower and
#'   which higher with the experimental arm: which of them is better only you know. `character()`
#'   for nothing.
#' @param risk_of_bias A [risk_of_bias()], whose judgements stand as lights at the right of the
#'   study of the same name. Studies without one get none, and those that are not in the
#'   meta-analysis are named below the plot.
#' @param pooled_line Draw a dashed line at the pooled effect?
#' @param xlim Ends of the axis, on the scale that is printed (ratios as ratios); chosen to show all
#'   estimates and most of the intervals when `NULL`.
#' @param digits Decimals of effects and their intervals; when `NULL` two, or what
#'   the standard errors ask for.
#' @param fontsize Size of the type in points; chosen to fit when `NULL`.
#' @param ... For `plot()`: what `forest()` takes. Else must be empty.
#' @return `forest()` gives an object of class `forest_plot`, drawn when printed or plotted, written
#'   by [write_figure()], put in words by [alt_text()]. `plot()` draws it and returns `x`,
#'   invisibly.
#' @section Compared with RevMan, metafor and meta:
#' The columns, their order, the heading of the method and the lines below are RevMan's. Unlike
#' `metafor::forest()`, no place is given by hand. Unlike `meta::forest()`, the figure knows its
#' size. RevMan's labels "Favours \[experimental\]" are not assumed, because they are wrong
#' wherever more is better.
#' @section Errors:
#' `questrial_error_argument` for a wrong `x`, `arms`, `favours`, `risk_of_bias` or `xlim`.
#' @examples
#' # Synthetic.
#' studies <- data.frame(study = c("Adams 2001", "Brown 2005", "Clark 2012"),
#'   mean1 = c(52, 49, 55), sd1 = c(9, 10, 12), n1 = c(30, 45, 28),
#'   mean2 = c(48, 47, 50), sd2 = c(10, 9, 11), n2 = c(31, 44, 30))
#' fit <- meta_analysis(effect_size("SMD", mean1, sd1, n1, mean2, sd2, n2, data = studies))
#' plot(fit, favours = c("Favours control", "Favours course"))
#' forest_size(forest(fit))
#' @export
forest <- function(x, ...) {
  UseMethod("forest")
}

#' @export
forest.default <- function(x, ...) {
  qst_abort("argument", sprintf(
    "`x` must be a meta_analysis(), leave_one_out() or cumulative(), not %s.", describe(x)
  ))
}

#' @rdname forest
#' @export
forest.meta_analysis <- function(x, arms = c("Experimental", "Control"), favours = NULL,
                                 risk_of_bias = NULL, pooled_line = TRUE, xlim = NULL,
                                 digits = NULL, fontsize = NULL, ...) {
  check_no_dots(...)
  check_two_texts(arms, "arms")
  check_flag(pooled_line, "pooled_line")
  scale <- shown_scale(x)
  digits <- forest_digits(x$studies$vi, digits, scale)
  rows <- sheet_rows(x, scale, digits)
  lights <- if (!is.null(risk_of_bias)) bias_lights(rows, risk_of_bias)
  sheet <- list(
    head = if (is.null(x$subgroups)) "Study" else "Study or subgroup",
    rows = rows, columns = sheet_columns(rows, x, scale, digits), arms = arms,
    graph = sheet_graph(x, rows, scale, xlim, favours, arms, pooled_line),
    lights = lights$judgements, tool = lights$tool,
    notes = c(method_note(x), unpooled_note(x), lights$notes)
  )
  new_forest_plot(sheet, fontsize, forest_alt(x, rows, scale, digits))
}

new_forest_plot <- function(sheet, fontsize, alt) {
  if (!is.null(fontsize)) {
    check_number(fontsize, "fontsize", min = 1)
  }
  structure(list(sheet = sheet, fontsize = fontsize, alt = alt), class = "forest_plot")
}

#' @rdname forest
#' @export
plot.meta_analysis <- function(x, newpage = TRUE, ...) {
  plot(forest(x, ...), newpage = newpage)
  invisible(x)
}

#' The size that a forest plot needs
#'
#' @param x A [forest()], or a [meta_analysis()] for its forest plot.
#' @param width The width in mm that there is: 170 is a journal's page.
#' @param height The height in mm that there is. Type is made smaller, down to 7 points, before
#'   more is asked for.
#' @return A named numeric vector, `width` and `height` in mm: more than there is where the columns
#'   or the lines need it.
#' @examples
#' # Synthetic.
#' studies <- data.frame(study = c("Adams", "Brown"), yi = c(0.2, 0.4), vi = c(0.04, 0.06))
#' forest_size(meta_analysis(yi, vi, data = studies))
#' @export
forest_size <- function(x, width = 170, height = 240) {
  if (inherits(x, "meta_analysis")) {
    x <- forest(x)
  }
  if (!inherits(x, "forest_plot")) {
    qst_abort("argument", sprintf(
      "`x` must be a forest() or a meta_analysis(), not %s.", describe(x)
    ))
  }
  check_number(width, "width", min = 10)
  check_number(height, "height", min = 10)
  layout <- on_spare_device(fit_forest_plot(x, width, height))
  c(width = ceiling(layout$width), height = ceiling(layout$height))
}

check_two_texts <- function(x, arg) {
  if (!is.character(x) || length(x) != 2 || anyNA(x)) {
    qst_abort("argument", sprintf("`%s` must be two texts, not %s.", arg, describe(x)))
  }
  x
}

# ---- Scale and numbers ----

# effect_scale() with the transformations to what is printed and back.
shown_scale <- function(x) {
  scale <- effect_scale(x$measure)
  scale$shown <- if (scale$log) exp else identity
  scale$inside <- if (scale$log) log else identity
  scale
}

# Two as in RevMan, fewer or more where the standard errors are large or tiny.
forest_digits <- function(vi, digits, scale) {
  if (!is.null(digits)) {
    return(check_number(digits, "digits", min = 0, max = 15, whole = TRUE))
  }
  error <- stats::median(sqrt(vi[is.finite(vi) & vi > 0]))
  if (scale$log || is.na(error)) {
    return(2)
  }
  if (error >= 100) 0 else if (error >= 10) 1 else max(2, -floor(log10(error)))
}

# Ratios beyond 100 need no decimals to be read.
printed_effect <- function(value, digits, scale) {
  digits <- rep(digits, length(value))
  if (scale$log) {
    digits <- ifelse(!is.na(value) & abs(value) >= 100, pmin(digits, 0), digits)
  }
  text <- format_number(ifelse(is.finite(value), value, NA), digits)
  ifelse(is.infinite(value), as.character(value), text)
}

bracket_text <- function(low, high, digits, scale) {
  ends <- lapply(list(low, high), function(end) printed_effect(scale$shown(end), digits, scale))
  ifelse(is.na(low) | is.na(high), "", sprintf("[%s, %s]", ends[[1]], ends[[2]]))
}

# As many decimals as the numbers have, at most two, or as many as the smallest needs.
decimals_of <- function(x) {
  known <- x[is.finite(x)]
  small <- abs(known[known != 0])
  most <- if (length(small) == 0) 0 else min(15, max(2, 1 - floor(log10(min(small)))))
  for (digits in seq(0, most)) {
    if (all(abs(known - round(known, digits)) <= 1e-9 * abs(known))) {
      break
    }
  }
  digits
}

# ---- Rows ----

# Estimate, interval and test of the pooled effect; NULL when nothing was pooled or the pool
# is a regression.
pooled_effect <- function(fit) {
  if (fit$k < 2 || length(fit$coefficients) != 1) {
    return(NULL)
  }
  overall <- tidy.meta_analysis(fit)[1, ]
  if (!is.finite(overall$estimate) || !is.finite(overall$conf.low)) {
    return(NULL)
  }
  overall
}

sheet_row <- function(kind, label = "", estimate = NA_real_, low = NA_real_, high = NA_real_,
                      weight = NA_real_, study = NA_integer_, group = NA_character_) {
  data.frame(kind, label, estimate, low, high, weight, study, group)
}

# The lines of the plot. `study` is the row of fit$studies, `group` the subgroup.
sheet_rows <- function(fit, scale, digits) {
  studies <- fit$studies
  every <- sheet_row("study", studies$slab, studies$yi, studies$conf.low, studies$conf.high,
    studies$weight, seq_len(nrow(studies)))
  if (is.null(fit$subgroups)) {
    body <- every
  } else {
    blocks <- lapply(names(fit$subgroups), function(name) {
      inside <- every[studies$subgroup %in% name, ]
      subgroup_rows(fit$subgroups[[name]], name, inside, scale)
    })
    outside <- every[is.na(studies$subgroup), ]
    body <- do.call(rbind, c(blocks, if (nrow(outside) > 0) {
      list(sheet_row("subgroup", "In no subgroup"), outside, sheet_row("gap"))
    }))
  }
  rows <- rbind(body, sheet_row("gap"), total_rows(fit, scale))
  row.names(rows) <- NULL
  rows
}

subgroup_rows <- function(fit, name, inside, scale) {
  pooled <- pooled_effect(fit)
  inside$group <- name
  head <- sheet_row("subgroup", name, group = name)
  if (is.null(pooled)) {
    return(rbind(head, inside, sheet_row("gap")))
  }
  rbind(
    head, inside,
    sheet_row("subtotal", sprintf("Subtotal (%s)", percent_words(fit$conf.level)), pooled$estimate,
      pooled$conf.low, pooled$conf.high, sum(inside$weight), group = name),
    events_row(fit, name), sheet_row("text", c(heterogeneity_line(fit), overall_line(pooled))),
    sheet_row("gap")
  )
}

total_rows <- function(fit, scale) {
  pooled <- pooled_effect(fit)
  if (is.null(pooled)) {
    why <- if (fit$k < 2) {
      "One study: nothing is pooled"
    } else {
      c(heterogeneity_line(fit), moderator_line(fit$moderators.test))
    }
    return(rbind(sheet_row("text", why), difference_row(fit)))
  }
  level <- percent_words(fit$conf.level)
  predicted <- is.finite(fit$pred.low) && is.finite(fit$pred.high)
  rbind(
    sheet_row("total", sprintf("Total (%s)", level), pooled$estimate, pooled$conf.low,
      pooled$conf.high, sum(fit$studies$weight)),
    if (predicted) {
      sheet_row("prediction", sub("CI", "prediction interval", level), NA, fit$pred.low,
        fit$pred.high)
    },
    events_row(fit, NA_character_),
    sheet_row("text", c(heterogeneity_line(fit), overall_line(pooled))), difference_row(fit)
  )
}

events_row <- function(fit, group) {
  if (has_events(fit$studies)) sheet_row("events", "Total events", group = group)
}

difference_row <- function(fit) {
  test <- fit$subgroup.test
  if (is.null(test) || !is.finite(test$Q)) {
    return(NULL)
  }
  sheet_row("text", sprintf("Test for subgroup differences: Chi\u00b2 = %s, df = %s (%s)",
    format_number(test$Q, 2), format_number(test$df, 0), p_statement(test$p.value)))
}

p_statement <- function(p) {
  text <- format_p(p, leading_zero = TRUE)
  ifelse(grepl("^[<>]", text), paste("P", sub("^([<>])", "\\1 ", text)), paste("P =", text))
}

heterogeneity_line <- function(fit) {
  tau2 <- if (!fit$method %in% meta_fixed && is.finite(fit$tau2)) {
    sprintf("Tau\u00b2 = %s; ", significant_text(fit$tau2))
  }
  sprintf("%s: %sChi\u00b2 = %s, df = %s (%s); I\u00b2 = %s%%",
    if (is.null(fit$moderators.test)) "Heterogeneity" else "Residual heterogeneity",
    if (is.null(tau2)) "" else tau2, format_number(fit$Q, 2), format_number(fit$Q.df, 0),
    p_statement(fit$Q.p), format_number(fit$I2, 0))
}

# Two decimals, more where these would show only zeros.
significant_text <- function(x) {
  digits <- if (x >= 1000) 0 else if (x >= 0.00005) max(2, -floor(log10(x))) else 2
  format_number(x, digits)
}

overall_line <- function(pooled) {
  df <- pooled$df
  normal <- is.na(df) || is.infinite(df)
  sprintf("Test for overall effect: %s = %s%s (%s)", if (normal) "Z" else "t",
    format_number(abs(pooled$statistic), 2),
    if (normal) "" else sprintf(", df = %s", format(round(df, 1))), p_statement(pooled$p.value))
}

# Of a regression, whose effects have no one pool.
moderator_line <- function(test) {
  if (is.null(test)) {
    return("Nothing is pooled")
  }
  normal <- is.na(test$df.residual)
  sprintf("Test of moderators: %s = %s, df = %s (%s)", if (normal) "Chi\u00b2" else "F",
    format_number(test$statistic, 2),
    if (normal) test$df else paste(test$df, test$df.residual, sep = ", "),
    p_statement(test$p.value))
}

method_line <- function(fit) {
  way <- switch(fit$method, MH = "M-H", Peto = "Peto", "IV")
  effects <- if (fit$method %in% meta_fixed) "Fixed" else "Random"
  sprintf("%s, %s, %s", way, effects, percent_words(fit$conf.level))
}

# ---- Columns ----

has_events <- function(studies) {
  all(c("events1", "n1", "events2", "n2") %in% names(studies))
}

has_means <- function(studies) {
  all(c("mean1", "sd1", "n1", "mean2", "sd2", "n2") %in% names(studies))
}

sheet_column <- function(head, text, arm = NA_integer_, align = "right", tight = FALSE) {
  list(head = head, text = text, arm = arm, align = align, tight = tight)
}

sheet_columns <- function(rows, fit, scale, digits) {
  shown <- scale$shown(rows$estimate)
  weights <- ifelse(is.na(rows$weight), "", paste0(format_number(rows$weight, 1), "%"))
  c(
    study_columns(rows, fit$studies, scale, digits),
    list(
      weight = sheet_column("Weight", weights),
      effect = sheet_column("", ifelse(is.na(shown), "", printed_effect(shown, digits, scale))),
      # The heading of both stands above the longer.
      interval = sheet_column(effect_head(fit, scale),
        bracket_text(rows$low, rows$high, digits, scale), tight = TRUE)
    )
  )
}

effect_head <- function(fit, scale) {
  paste(c(strwrap(scale$name, 22), method_line(fit)), collapse = "\n")
}

study_columns <- function(rows, studies, scale, digits) {
  if (has_events(studies)) {
    kinds <- list(events = "Events", n = "Total")
  } else if (has_means(studies)) {
    kinds <- list(mean = "Mean", sd = "SD", n = "Total")
  } else {
    return(c(estimate_columns(rows, studies, scale), total_columns(rows, studies)))
  }
  do.call(c, lapply(1:2, function(arm) arm_set(rows, studies, kinds, arm)))
}

arm_set <- function(rows, studies, kinds, arm) {
  columns <- lapply(names(kinds), function(kind) {
    values <- studies[[paste0(kind, arm)]]
    digits <- decimals_of(unlist(studies[paste0(kind, 1:2)]))
    text <- study_cells(rows, format_number(values, digits))
    if (kind == "n") {
      text <- sum_cells(text, rows, values, c("subtotal", "total"), digits)
    } else if (kind == "events") {
      text <- sum_cells(text, rows, values, "events", digits)
    }
    sheet_column(kinds[[kind]], text, arm)
  })
  stats::setNames(columns, paste0(names(kinds), arm))
}

study_cells <- function(rows, text) {
  cells <- text[rows$study]
  ifelse(is.na(cells), "", cells)
}

# Sums over the studies of a subgroup's line, or over all of them.
sum_cells <- function(text, rows, values, kinds, digits) {
  group_of <- rows$group[match(seq_along(values), rows$study)]
  for (i in which(rows$kind %in% kinds)) {
    inside <- is.na(rows$group[[i]]) | group_of %in% rows$group[[i]]
    text[[i]] <- format_number(sum(values[inside]), digits)
  }
  text
}

# What was given where no arms are known: a ratio's logarithm, and the standard error.
estimate_columns <- function(rows, studies, scale) {
  error <- sqrt(studies$vi)
  digits <- max(2, min(4, -floor(log10(stats::median(error[error > 0])))))
  columns <- list(error = sheet_column("SE", study_cells(rows, format_number(error, digits))))
  if (scale$log) {
    text <- study_cells(rows, format_number(studies$yi, digits))
    columns <- c(list(log = sheet_column(sprintf("log %s", scale$abbreviation), text)), columns)
  }
  columns
}

total_columns <- function(rows, studies) {
  if (all(c("n1", "n2") %in% names(studies))) {
    c(
      arm_set(rows, studies, list(n = "Total"), 1),
      arm_set(rows, studies, list(n = "Total"), 2)
    )
  }
}

# ---- The graph ----

sheet_graph <- function(fit, rows, scale, xlim, favours, arms, pooled_line) {
  pooled <- pooled_effect(fit)
  c(list(
    head = effect_head(fit, scale), log = scale$log, scale = scale$inside,
    limits = graph_limits(rows, scale, xlim), null = scale$null,
    pooled = if (pooled_line && !is.null(pooled)) pooled$estimate else NA_real_,
    favours = favour_words(favours, arms, fit$studies)
  ))
}

# Limits given on the printed scale, or chosen: as forest_limits(), with all diamonds, and neither
# side of no effect less than three fifths of the other, so that both can be labelled.
graph_limits <- function(rows, scale, xlim) {
  if (!is.null(xlim)) {
    return(given_limits(xlim, scale))
  }
  drawn <- rows[is.finite(rows$low) & is.finite(rows$high) & rows$kind != "prediction", ]
  limits <- forest_limits(drawn$estimate - scale$null, drawn$low - scale$null,
    drawn$high - scale$null)
  pools <- rows[rows$kind %in% c("subtotal", "total", "prediction"), c("low", "high")] - scale$null
  limits <- range(limits, pool_limits(pools, limits))
  limits <- range(limits, -0.6 * limits)
  scale$null + limits + c(-0.02, 0.02) * diff(limits)
}

# Pools are shown whole, unless one would squeeze all else.
pool_limits <- function(pools, limits) {
  far <- 2 * diff(limits)
  range(pmax(pools$low, limits[[1]] - far), pmin(pools$high, limits[[2]] + far), limits,
    na.rm = TRUE)
}

given_limits <- function(xlim, scale) {
  ok <- is.numeric(xlim) && length(xlim) == 2 && all(is.finite(xlim)) && xlim[[1]] < xlim[[2]]
  if (!ok || (scale$log && xlim[[1]] <= 0)) {
    qst_abort("argument", sprintf(
      "`xlim` must be two numbers, the lower first%s, not %s.",
      if (scale$log) " and above 0" else "", paste(format(xlim), collapse = ", ")
    ))
  }
  scale$inside(xlim)
}

favour_words <- function(favours, arms, studies) {
  if (!is.null(favours)) {
    return(if (length(favours) == 0) character() else check_two_texts(favours, "favours"))
  }
  if (has_events(studies) || has_means(studies)) {
    sprintf(c("Lower with %s", "Higher with %s"), mid_sentence(arms[[1]]))
  } else {
    character()
  }
}

mid_sentence <- function(text) {
  # A name such as CBT stays as it is.
  if (grepl("^[A-Z][a-z]", text)) paste0(tolower(substr(text, 1, 1)), substring(text, 2)) else text
}

# ---- Notes and words ----

# As RevMan says it since 2025: by what tau2 and the intervals of pools were made.
method_note <- function(fit) {
  if (fit$method %in% meta_fixed || fit$k == fit$p) {
    return(NULL)
  }
  tau2 <- c(
    DL = "DerSimonian-Laird", HE = "Hedges", SJ = "Sidik-Jonkman", ML = "maximum likelihood",
    REML = "restricted maximum likelihood", PM = "Paule-Mandel", EB = "empirical Bayes"
  )
  intervals <- c(
    HKSJ = "Hartung-Knapp-Sidik-Jonkman", adhoc = "Hartung-Knapp-Sidik-Jonkman with max(1, q)",
    CR2 = "CR2 with Satterthwaite's degrees of freedom"
  )
  by <- if (fit$test != "z") sprintf("; intervals of pools by %s", intervals[[fit$test]])
  sprintf("Tau\u00b2 by %s%s.", tau2[[fit$method]], if (is.null(by)) "" else by)
}

unpooled_note <- function(fit) {
  omitted <- fit$omitted
  if (is.null(omitted) || nrow(omitted) == 0) {
    return(NULL)
  }
  sprintf("Not pooled: %s.", paste(sprintf("%s (%s)", omitted$slab, omitted$reason),
    collapse = "; "))
}

#' @export
alt_text.forest_plot <- function(x) {
  x$alt
}

#' @export
alt_text.meta_analysis <- function(x) {
  alt_text(forest(x))
}

# The lines of the plot one after another.
forest_alt <- function(fit, rows, scale, digits) {
  pooled <- rows$kind %in% c("study", "subtotal", "total")
  said <- rows$label
  said[pooled] <- sprintf("%s: %s %s", rows$label, printed_effect(scale$shown(rows$estimate),
    digits, scale), bracket_text(rows$low, rows$high, digits, scale))[pooled]
  predicted <- rows$kind == "prediction"
  said[predicted] <- paste(said, bracket_text(rows$low, rows$high, digits, scale))[predicted]
  said <- said[!rows$kind %in% c("gap", "events")]
  sprintf("Forest plot of %s, %s, %s. %s.", count_studies(fit$k), scale$name, method_line(fit),
    paste(said, collapse = ". "))
}
