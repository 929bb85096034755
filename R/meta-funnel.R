# Funnel plots: effects against their standard errors.

#' Funnel plot of a meta-analysis
#'
#' A point a study: its effect against its standard error, the small error at the top. The broken
#' lines hold 95% of the studies about the pooled effect when there is neither heterogeneity nor a
#' lack of small studies. With `contours` the shades are the studies' own P values against no
#' effect: where what is missing would have been significant, publication is not what hid it.
#'
#' Asymmetry has many causes, of which unpublished studies are one. With fewer than ten studies a
#' funnel plot cannot show it (Sterne et al. 2011), and the figure says so.
#'
#' @param x A [meta_analysis()], or what `trim_fill()` made of one, whose filled studies are then
#'   open circles.
#' @param contours Shade by P value (.1, .05, .01)? Without, the funnel alone.
#' @param ... Must be empty.
#' @return A ggplot2 figure. Its `data` has `slab`, `effect`, `error` and `filled`.
#' @section Compared with metafor:
#' The funnel of `metafor::funnel()`; the contours are those of its `refline = 0` with `level`, and
#' stand behind the funnel about the pooled effect instead of replacing it.
#' @section Errors:
#' `questrial_error_argument` when `x` is not a meta-analysis, `questrial_error_package` without
#' ggplot2.
#' @references Peters JL, Sutton AJ, Jones DR, Abrams KR, Rushton L (2008) Contour-enhanced
#' meta-analysis funnel plots. Journal of Clinical Epidemiology 61:991-996.
#'
#' Sterne JAC et al. (2011) Recommendations for examining and interpreting funnel plot asymmetry
#' in meta-analyses of randomised controlled trials. BMJ 343:d4002.
#' @examples
#' # Synthetic.
#' studies <- data.frame(study = LETTERS[1:12], yi = 0.3 + 0.2 * sin(1:12), vi = (1:12) / 100)
#' if (requireNamespace("ggplot2", quietly = TRUE)) funnel(meta_analysis(yi, vi, data = studies))
#' @export
funnel <- function(x, ...) {
  UseMethod("funnel")
}

#' @export
funnel.default <- function(x, ...) {
  qst_abort("argument", sprintf("`x` must be a meta_analysis(), not %s.", describe(x)))
}

#' @rdname funnel
#' @export
funnel.meta_analysis <- function(x, contours = TRUE, ...) {
  check_no_dots(...)
  need_ggplot2()
  check_flag(contours, "contours")
  points <- funnel_points(x)
  scale <- shown_scale(x)
  centre <- funnel_centre(x)
  notes <- paste(funnel_notes(x, points), collapse = " ")
  figure <- draw_funnel(points, centre, scale, contours) + ggplot2::labs(
    x = scale$name, y = "Standard error", caption = paste(strwrap(notes, 100), collapse = "\n"),
    alt = funnel_alt(points, centre, scale, notes)
  )
  want_height(figure, 110)
}

funnel_points <- function(x) {
  studies <- x$studies
  filled <- if (is.null(studies$filled)) FALSE else studies$filled
  data.frame(slab = studies$slab, effect = studies$yi, error = sqrt(studies$vi), filled)
}

# The pooled effect; of a regression or of a single study, the weighted mean.
funnel_centre <- function(x) {
  pooled <- pooled_effect(x)
  if (is.null(pooled)) stats::weighted.mean(x$studies$yi, 1 / x$studies$vi) else pooled$estimate
}

draw_funnel <- function(points, centre, scale, contours) {
  deepest <- 1.06 * max(points$error)
  half <- stats::qnorm(0.975) * deepest
  reach <- 1.06 * max(half, abs(points$effect - centre))
  sides <- range(centre + c(-reach, reach), if (contours) scale$null + c(-0.1, 0.1) * reach)
  edge <- data.frame(x = centre + c(-half, 0, half), y = c(deepest, 0, deepest))
  figure <- ggplot2::ggplot(points, aes_of(x = "effect", y = "error"))
  if (contours) {
    figure <- figure + contour_layer(sides, deepest, scale$null) + contour_scale()
  }
  figure +
    ggplot2::annotate("segment", x = centre, xend = centre, y = 0, yend = deepest,
      linewidth = 0.4, colour = "grey25") +
    ggplot2::geom_path(aes_of(x = "x", y = "y"), edge, linetype = "42", linewidth = 0.4,
      colour = "grey25") +
    ggplot2::geom_point(data = points[points$filled, ], shape = 21, size = 2, fill = "white",
      colour = "black", stroke = 0.6) +
    ggplot2::geom_point(data = points[!points$filled, ], shape = 21, size = 2,
      fill = questrial_colours(1), colour = "black", stroke = 0.4) +
    ggplot2::scale_y_reverse(limits = c(deepest, 0), expand = c(0, 0)) +
    effect_axis(sides, scale) +
    ggplot2::coord_cartesian(xlim = sides) +
    theme_questrial() +
    ggplot2::theme(panel.grid.major = ggplot2::element_blank(),
      plot.margin = ggplot2::margin(6, 12, 4, 4))
}

# The axis of effects; a ratio's has the ratios on its logarithm.
effect_axis <- function(sides, scale) {
  ticks <- if (scale$log) ratio_ticks(exp(sides), 6) else pretty(sides, 6)
  at <- scale$inside(ticks)
  inside <- at >= sides[[1]] & at <= sides[[2]]
  ggplot2::scale_x_continuous(breaks = at[inside], expand = c(0, 0),
    labels = tick_text(ticks[inside], scale$log))
}

# Triangles about no effect, each over the next: what is seen of one is where P lies between two
# levels.
contour_layer <- function(sides, deepest, null) {
  wide <- 2 * diff(sides)
  triangles <- lapply(seq_along(contour_shades), function(i) {
    half <- c(NA, stats::qnorm(c(0.995, 0.975, 0.95)))[[i]] * deepest
    x <- if (i == 1) null + c(-wide, -wide, wide, wide) else null + c(-half, 0, 0, half)
    data.frame(x, y = c(deepest, 0, 0, deepest), level = names(contour_shades)[[i]])
  })
  places <- do.call(rbind, triangles)
  places$level <- factor(places$level, rev(names(contour_shades)))
  lapply(split(places, factor_in_order(places$level)), function(place) {
    ggplot2::geom_polygon(aes_of(x = "x", y = "y", fill = "level"), place)
  })
}

contour_shades <- c("P < .01" = "grey93", "P .01 to .05" = "grey84", "P .05 to .10" = "grey72",
  "P > .10" = "white")

contour_scale <- function() {
  ggplot2::scale_fill_manual(
    name = "Against no effect:", values = contour_shades, breaks = rev(names(contour_shades)),
    guide = ggplot2::guide_legend(override.aes = list(colour = "grey40", linewidth = 0.3))
  )
}

# ---- Words ----

funnel_notes <- function(x, points) {
  k <- sum(!points$filled)
  c(
    "Broken lines: where 95% of studies would lie without heterogeneity.",
    if (any(points$filled)) sprintf("Open circles: %d filled in.", sum(points$filled)),
    if (k < 10) {
      sprintf("k = %d: with fewer than 10 studies (k < 10) asymmetry cannot be judged.", k)
    }
  )
}

funnel_alt <- function(points, centre, scale, notes) {
  said <- points[!points$filled, ]
  side <- sum(said$effect < centre)
  sprintf(
    "Funnel plot of %d studies, %s against standard error, about %s; %d left of it, %d right. %s",
    nrow(said), scale$name, printed_effect(scale$shown(centre), 2, scale), side, nrow(said) - side,
    notes
  )
}
