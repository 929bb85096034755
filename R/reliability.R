#' Reliability of a scale
#'
#' Cronbach's alpha with its interval, McDonald's omega, split-half
#' reliability, the standard error of measurement and what each item
#' contributes.
#'
#' Items are reversed by the key first, `min + max - x` by the declared range;
#' a key that seems wrong is said in words and never changed. Items that
#' nobody answered, or that everybody answered alike, say nothing about
#' reliability: they are left out and named.
#'
#' * **Alpha** (Cronbach 1951) from covariances (`raw`) and from correlations
#'   (`standardised`). The interval is Feldt's (1965): exact for normal,
#'   parallel items and complete answers; `df` are \eqn{n - 1} and
#'   \eqn{(n - 1)(k - 1)}. With `missing = "pairwise"` its n is that of the pair
#'   of items with the fewest answers, so it is rather too wide.
#' * **Omega** (McDonald 1999, eq. 6.20b), the share of the sum's variance that
#'   one common factor explains, from the maximum likelihood one-factor model,
#'   with that model's variance of the sum below the line: `raw` for the sum of
#'   the items, `standardised` for the sum of standardised items. It needs three
#'   items.
#' * **Split half**: items 1, 3, 5, ... against 2, 4, 6, ... of those used:
#'   `correlation`, `spearman_brown` (stepped up to the whole length) and
#'   `guttman` (lambda-4 of these halves).
#' * **SEM**, the standard error of measurement, in units of [score()]: the
#'   standard deviation of the score times \eqn{\sqrt{1 - \alpha}}. A person's
#'   change of less than \eqn{1.96 \sqrt 2} SEM may be noise.
#'
#' @section Differences from other software:
#' SPSS RELIABILITY deletes listwise, `psych::alpha()` pairwise: `missing`
#' chooses, so either number can be had. `psych::alpha()` with
#' `check.keys = TRUE` turns items around by the data; this function does not.
#' Its interval takes all rows as n even where answers are missing.
#' `psych::omega(nfactors = 1)` extracts by minimum residuals and divides by
#' the observed variance of the sum, so its `omega.tot` differs in the third
#' decimal when one factor does not fit; the omega here is that of a one-factor
#' confirmatory model (lavaan, SPSS, JASP, and `factanal(factors = 1)`).
#' `item_rest` is the corrected item-total correlation: SPSS "Corrected
#' Item-Total Correlation", psych `r.drop`; `alpha_dropped` is SPSS
#' "Cronbach's Alpha if Item Deleted", psych `raw_alpha` of `alpha.drop`.
#'
#' @inheritParams score
#' @param missing Which persons count: `"listwise"`, those who answered every
#'   item that anybody answered; `"pairwise"`, for each covariance those who
#'   answered both its items.
#' @param conf.level Level of alpha's interval.
#' @return An object of class `scale_reliability`, a list of
#'   * `alpha`: one-row data frame `raw`, `standardised`, `lower`, `upper`, `n`
#'     (persons), `items` (how many were used);
#'   * `omega`: one-row data frame `raw`, `standardised`;
#'   * `split_half`: one-row data frame `correlation`, `spearman_brown`,
#'     `guttman`;
#'   * `sem`: a number;
#'   * `items`: data frame with one row an item used: `item`, `n`, `mean`, `sd`
#'     (after reversal), `item_rest`, `alpha_dropped`;
#'   * `left_out`: data frame `item`, `reason`;
#'   * `notes`: what to look at, in words; and what was asked for.
#'
#'   `tidy()` gives one row a coefficient, `glance()` one row; `plot()` shows
#'   the items.
#' @section Errors:
#' As [score()]; `questrial_error_no_data` when fewer than two persons or two
#' items are left.
#' @references
#' Cronbach LJ (1951) Coefficient alpha and the internal structure of tests.
#' Psychometrika 16:297-334. \doi{10.1007/BF02310555}
#'
#' Feldt LS (1965) The approximate sampling distribution of Kuder-Richardson
#' reliability coefficient twenty. Psychometrika 30:357-370.
#' \doi{10.1007/BF02289499}
#'
#' McDonald RP (1999) Test theory: a unified treatment. Erlbaum.
#' @examples
#' # Synthetic answers: one trait behind five items, the third worded against it.
#' set.seed(1)
#' trait <- rnorm(200)
#' answers <- as.data.frame(lapply(1:5, function(k) {
#'   x <- findInterval(trait + rnorm(200), c(-1.5, -0.5, 0.5, 1.5)) + 1
#'   if (k == 3) 6 - x else x
#' }), col.names = paste0("q", 1:5))
#' reliability(answers, new_instrument(names(answers), 1, 5, reverse = "q3"))
#' reliability(answers, new_instrument(names(answers), 1, 5))$notes
#' @export
reliability <- function(data, instrument, scale = NULL, columns = NULL,
                        missing = c("listwise", "pairwise"), conf.level = 0.95) {
  instrument <- as_instrument(instrument)
  scale <- check_scale(instrument, scale)
  missing <- check_choice(missing, c("listwise", "pairwise"), "missing")
  check_number(conf.level, "conf.level", min = 0.5, max = 0.9999)
  answers <- read_answers(data, instrument, scale, columns)
  moments <- item_moments(answers, instrument$items[instrument$scales[[scale]]$items], missing)
  used <- usable_items(moments, missing)
  fit <- lapply(
    .Call(C_qstr_reliability_fit, moments$cov[used, used, drop = FALSE]),
    function(x) replace(x, is.nan(x), NA)
  )
  n <- min(moments$n[used, used])
  x <- list(
    alpha = data.frame(
      raw = fit$alpha, standardised = fit$alpha_standardised,
      alpha_interval(fit$alpha, n, sum(used), conf.level), n = n, items = sum(used)
    ),
    omega = data.frame(raw = fit$omega, standardised = fit$omega_standardised),
    split_half = data.frame(
      correlation = fit$half_correlation, spearman_brown = fit$spearman_brown,
      guttman = fit$guttman
    ),
    sem = sem_of(fit, instrument, scale, sum(used)),
    items = item_table(moments, used, fit),
    left_out = left_out_items(moments, used),
    title = instrument_name(instrument), scale = scale, missing = missing,
    conf.level = conf.level, rows = nrow(data)
  )
  x$notes <- reliability_notes(x, fit)
  structure(x, class = "scale_reliability")
}

# Means and covariances of the items by name.
item_moments <- function(answers, items, missing) {
  moments <- name_fault(
    .Call(
      C_qstr_item_moments, answers$columns, answers$reversed, answers$range,
      missing == "pairwise", threads_to_use(NULL)
    ),
    answers$columns
  )
  moments$items <- items
  moments
}

# Which items can be used: answered, and not by everybody alike.
usable_items <- function(moments, missing) {
  answered <- moments$is_answered
  n <- diag(moments$n)
  if (sum(answered) < 2) {
    qst_abort("no_data", sprintf(
      "Reliability needs at least two items that somebody answered; there is %d.%s",
      sum(answered), " Check `columns` and the filter of the data."
    ))
  }
  if (min(moments$n[answered, answered]) < 2) {
    qst_abort("no_data", no_rows_words(moments, missing))
  }
  used <- answered & n > 0 & !is.na(diag(moments$cov)) & diag(moments$cov) > 0
  if (sum(used) < 2) {
    qst_abort("no_data", sprintf(
      "Reliability needs at least two items with differing answers; %s everybody alike.",
      "the others were answered by"
    ))
  }
  used
}

no_rows_words <- function(moments, missing) {
  if (missing == "listwise") {
    return(sprintf(
      "Only %d persons answered all %d items. Use missing = \"pairwise\" or fewer items.",
      min(moments$n[moments$is_answered, moments$is_answered]), sum(moments$is_answered)
    ))
  }
  pair <- which(moments$n < 2 & outer(moments$is_answered, moments$is_answered, "&"),
    arr.ind = TRUE)[1, ]
  sprintf(
    "Less than two persons answered both %s. Leave one of the items out.",
    enumerate(unique(moments$items[pair]))
  )
}

# Feldt (1965): (1 - alpha) / (1 - estimate) follows F(n - 1, (n - 1)(k - 1)).
alpha_interval <- function(alpha, n, k, conf.level) {
  tail <- (1 - conf.level) / 2
  f <- stats::qf(c(1 - tail, tail), n - 1, (n - 1) * (k - 1))
  ends <- 1 - (1 - alpha) * f
  data.frame(lower = ends[[1]], upper = ends[[2]])
}

# The score is made of the answers given as if all items had been answered.
sem_of <- function(fit, instrument, scale, n_used) {
  rule <- instrument$scales[[scale]]
  per_sum <- switch(rule$score,
    sum = length(rule$items) / n_used, mean = 1 / n_used,
    percent = 100 / (instrument$max - instrument$min) / n_used
  )
  sqrt(fit$total_variance * (1 - fit$alpha)) * per_sum * abs(rule$multiply)
}

item_table <- function(moments, used, fit) {
  data.frame(
    item = moments$items[used], n = diag(moments$n)[used], mean = moments$mean[used],
    sd = sqrt(diag(moments$cov)[used]), item_rest = fit$item_rest,
    alpha_dropped = fit$alpha_dropped
  )
}

left_out_items <- function(moments, used) {
  reason <- ifelse(moments$is_answered, "everybody gave the same answer", "nobody answered it")
  data.frame(item = moments$items[!used], reason = reason[!used])
}

reliability_notes <- function(x, fit) {
  against <- x$items$item[!is.na(x$items$item_rest) & x$items$item_rest < 0]
  one <- length(against) == 1
  c(
    if (nrow(x$left_out) > 0) {
      sprintf("Item %s was left out: %s.", x$left_out$item, x$left_out$reason)
    },
    if (length(against) > 0) sprintf(
      "Item%s %s run%s against the others: is the key right for this form? (nothing was reversed)",
      if (one) "" else "s", enumerate(against, most = 20), if (one) "s" else ""
    ),
    if (is.na(x$alpha$raw)) {
      "The sum of the items does not vary, so there is no reliability to speak of."
    },
    if (isTRUE(x$alpha$raw < 0)) paste(
      "Alpha is below 0: on average the items are negatively related, so it is no share of",
      "variance. Most often items that should be reversed are not, or the other way round."
    ),
    if (!is.na(fit$heywood)) sprintf(
      "Omega: the one-factor model leaves no variance to item `%s` alone; do not rely on it.",
      x$items$item[[fit$heywood]]
    ),
    if (x$alpha$items < 3) "Omega needs three items.",
    if (x$alpha$items >= 3 && !fit$omega_converged) {
      "Omega: the one-factor model did not converge; do not rely on it."
    }
  )
}

# ---- Printing ----

#' @export
format.scale_reliability <- function(x, ...) {
  number <- function(value) ifelse(is.na(value), "-", sprintf("%.3f", value))
  row <- function(label, ...) sprintf("  %-22s %s", label, paste0(..., collapse = ""))
  items <- data.frame(
    item = x$items$item, n = format(x$items$n, scientific = FALSE),
    mean = number(x$items$mean), sd = number(x$items$sd),
    `item-rest r` = number(x$items$item_rest),
    `alpha if dropped` = number(x$items$alpha_dropped), check.names = FALSE
  )
  width <- getOption("width")
  on.exit(options(width = width))
  options(width = 80)
  c(
    strwrap(sprintf("Reliability of %s, scale %s", x$title, x$scale), 80, exdent = 2),
    strwrap(who_words(x), 80, exdent = 2), "",
    row("alpha", number(x$alpha$raw), sprintf(
      "  (%s%% interval %s to %s)", format(100 * x$conf.level), number(x$alpha$lower),
      number(x$alpha$upper)
    )),
    row("alpha, standardised", number(x$alpha$standardised)),
    row("omega", number(x$omega$raw)),
    row("split half (odd, even)", number(x$split_half$spearman_brown), " Spearman-Brown, ",
      number(x$split_half$guttman), " Guttman"),
    row("SEM", format(x$sem, digits = 3), " points of the score"), "",
    utils::capture.output(print(items, row.names = FALSE)),
    unlist(lapply(x$notes, strwrap, width = 80, initial = "! ", prefix = "  "))
  )
}

who_words <- function(x) {
  whole <- function(n) format(n, scientific = FALSE)
  if (x$missing == "listwise") {
    sprintf(
      "%d items, %s of %s persons with all of them answered (listwise)", x$alpha$items,
      whole(x$alpha$n), whole(x$rows)
    )
  } else {
    sprintf(
      "%d items, %s persons, at least %s for each pair of items (pairwise)", x$alpha$items,
      whole(x$rows), whole(x$alpha$n)
    )
  }
}

#' @export
print.scale_reliability <- function(x, ...) {
  cat(format(x), sep = "\n")
  invisible(x)
}

# ---- Data ----

#' @exportS3Method generics::tidy
tidy.scale_reliability <- function(x, ...) {
  check_no_dots(...)
  estimates <- c(
    alpha = x$alpha$raw, alpha.standardised = x$alpha$standardised, omega = x$omega$raw,
    omega.standardised = x$omega$standardised, spearman.brown = x$split_half$spearman_brown,
    guttman = x$split_half$guttman, sem = x$sem
  )
  only_alpha <- function(end) c(end, rep(NA_real_, length(estimates) - 1))
  data.frame(
    term = names(estimates), estimate = unname(estimates),
    conf.low = only_alpha(x$alpha$lower), conf.high = only_alpha(x$alpha$upper)
  )
}

#' @exportS3Method generics::glance
glance.scale_reliability <- function(x, ...) {
  check_no_dots(...)
  data.frame(
    alpha = x$alpha$raw, conf.low = x$alpha$lower, conf.high = x$alpha$upper,
    omega = x$omega$raw, sem = x$sem, items = x$alpha$items, nobs = x$alpha$n,
    missing = x$missing
  )
}

#' @export
nobs.scale_reliability <- function(object, ...) {
  object$alpha$n
}

# ---- Plot ----

#' Plot the items of a reliability analysis
#'
#' One line an item: its correlation with the rest of the scale, and alpha
#' without it beside alpha of the whole scale (dashed). An item left of zero,
#' drawn as a cross, or right of alpha weakens the scale.
#'
#' @param x A [reliability()].
#' @param ... Not used.
#' @return `x`, invisibly; with ggplot2 installed the figure, a ggplot2 object,
#'   invisibly.
#' @examples
#' set.seed(1)
#' trait <- rnorm(100)
#' answers <- as.data.frame(lapply(1:6, function(k) {
#'   pmin(5, pmax(1, round(3 + trait + rnorm(100))))
#' }), col.names = paste0("q", 1:6))
#' plot(reliability(answers, new_instrument(names(answers), 1, 5)))
#' @export
plot.scale_reliability <- function(x, ...) {
  check_no_dots(...)
  if (!requireNamespace("ggplot2", quietly = TRUE)) {
    plot_items_base(x)
    return(invisible(x))
  }
  figure <- item_figure(x)
  print(figure)
  invisible(figure)
}

item_panels <- c("Correlation with the rest", "Alpha without the item")

item_figure <- function(x) {
  items <- x$items
  points <- data.frame(
    item = factor(rep(items$item, 2), rev(items$item)),
    panel = factor(rep(item_panels, each = nrow(items)), item_panels),
    value = c(items$item_rest, items$alpha_dropped),
    against = rep(items$item_rest < 0, 2)
  )
  marks <- data.frame(panel = factor(item_panels, item_panels), at = c(0, x$alpha$raw))
  figure <- ggplot2::ggplot(points, aes_of(x = "value", y = "item")) +
    ggplot2::geom_vline(
      data = marks, aes_of(xintercept = "at"), linetype = "22", linewidth = 0.3,
      colour = "grey40"
    ) +
    ggplot2::geom_point(
      aes_of(shape = "against"), size = 2, colour = questrial_colours(1), na.rm = TRUE,
      show.legend = FALSE
    ) +
    ggplot2::scale_shape_manual(values = c(`FALSE` = 16, `TRUE` = 4)) +
    ggplot2::facet_wrap("panel", scales = "free_x") +
    ggplot2::labs(x = NULL, y = NULL) +
    theme_questrial() +
    ggplot2::theme(panel.spacing = ggplot2::unit(1.5, "lines"))
  want_height(figure, 25 + 4.5 * nrow(items))
}

plot_items_base <- function(x) {
  old <- graphics::par(mfrow = c(1, 2), mar = c(3, 4, 2.5, 1))
  on.exit(graphics::par(old))
  draw <- function(value, mark, title) {
    graphics::dotchart(rev(value), rev(x$items$item), xlim = range(value, mark, na.rm = TRUE),
      main = title, cex.main = 0.9, pch = 16)
    graphics::abline(v = mark, lty = 2)
  }
  draw(x$items$item_rest, 0, item_panels[[1]])
  draw(x$items$alpha_dropped, x$alpha$raw, item_panels[[2]])
}
