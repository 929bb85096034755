# Baujat plots: which studies make the heterogeneity and which move the pool.

#' Baujat plot of a meta-analysis
#'
#' A point a study: across, what it adds to heterogeneity; up, how far the pooled effect moves
#' when it is left out. Studies at the top right are the ones to look at.
#'
#' Both are computed as Baujat et al. (2002) did, with inverse-variance weights \eqn{w_i = 1 / v_i}
#' and their mean \eqn{\hat\mu}: across, the study's part of Cochran's Q,
#' \eqn{w_i (y_i - \hat\mu)^2}; up, \eqn{(\hat\mu - \hat\mu_{-i})^2} over the variance of
#' \eqn{\hat\mu_{-i}}.
#'
#' @param x A [meta_analysis()] of at least three studies.
#' @param ... Must be empty.
#' @return A ggplot2 figure. Its `data` has `slab`, `heterogeneity` and `influence`.
#' @section Compared with metafor:
#' `metafor::baujat()` of a fit with `method = "FE"` (of one with random effects it takes the
#' weights with tau2, by which heterogeneity hides its own causes). A name that
#' finds no room beside its point is left out, those of the least influential studies first.
#' @section Errors:
#' `questrial_error_argument` when `x` is not a meta-analysis, `questrial_error_no_data` with fewer
#' than three studies, `questrial_error_package` without ggplot2.
#' @references Baujat B, Mahe C, Pignon JP, Hill C (2002) A graphical method for exploring
#' heterogeneity in meta-analyses. Statistics in Medicine 21:2641-2652.
#' @examples
#' # Synthetic.
#' studies <- data.frame(study = LETTERS[1:12], yi = 0.3 + 0.2 * sin(1:12), vi = (1:12) / 100)
#' if (requireNamespace("ggplot2", quietly = TRUE)) baujat(meta_analysis(yi, vi, data = studies))
#' @export
baujat <- function(x, ...) {
  UseMethod("baujat")
}

#' @export
baujat.default <- function(x, ...) {
  qst_abort("argument", sprintf("`x` must be a meta_analysis(), not %s.", describe(x)))
}

#' @rdname baujat
#' @export
baujat.meta_analysis <- function(x, ...) {
  check_no_dots(...)
  refuse_clusters(x, "A Baujat plot")
  need_ggplot2()
  if (x$k < 3) {
    qst_abort("no_data", sprintf(
      "`x` has %d of the 3 studies that a Baujat plot needs. Look at the forest plot.", x$k
    ))
  }
  points <- baujat_points(x$studies)
  limits <- 1.06 * c(max(points$heterogeneity, 1e-12), max(points$influence, 1e-12))
  figure <- ggplot2::ggplot(points, aes_of(x = "heterogeneity", y = "influence")) +
    ggplot2::geom_point(shape = 21, size = 2, fill = questrial_colours(1), colour = "black",
      stroke = 0.4) +
    baujat_labels(points, limits) +
    ggplot2::scale_x_continuous(limits = c(0, limits[[1]]), expand = c(0.02, 0)) +
    ggplot2::scale_y_continuous(limits = c(0, limits[[2]]), expand = c(0.03, 0)) +
    ggplot2::labs(x = "Part of Cochran's Q", y = "Influence on the pooled effect",
      alt = baujat_alt(points)) +
    theme_questrial()
  want_height(figure, 110)
}

# Baujat et al. (2002): sums over all studies give those without each.
baujat_points <- function(studies) {
  w <- 1 / studies$vi
  mean <- stats::weighted.mean(studies$yi, w)
  without <- (sum(w * studies$yi) - w * studies$yi) / (sum(w) - w)
  data.frame(slab = studies$slab, heterogeneity = w * (studies$yi - mean)^2,
    influence = (mean - without)^2 * (sum(w) - w))
}

# Names beside their points, the most telling study first; one that finds no place free
# is left out.
baujat_labels <- function(points, limits) {
  panel <- c(145, 92)
  long <- nchar(points$slab) > 32
  name <- ifelse(long, paste0(substr(points$slab, 1, 30), "\u2026"), points$slab)
  x <- points$heterogeneity / limits[[1]] * panel[[1]]
  y <- points$influence / limits[[2]] * panel[[2]]
  wide <- on_spare_device(text_width(name, 7.5, FALSE))
  far <- points$heterogeneity / limits[[1]] + points$influence / limits[[2]]
  places <- free_places(x, y, wide, order(-far), panel)
  named <- data.frame(name, heterogeneity = places$x / panel[[1]] * limits[[1]],
    influence = places$y / panel[[2]] * limits[[2]])[!is.na(places$x), ]
  ggplot2::geom_text(aes_of(label = "name"), named, size = 7.5 / ggplot2::.pt, hjust = 0)
}

# Left ends and middles (mm) of texts `wide` and 3 mm high at the right, left, upper or lower side
# of their points, off all points, one another and the panel's edge; NA where there is no room.
free_places <- function(x, y, wide, order, panel) {
  taken <- cbind(x - 1, x + 1, y - 1, y + 1)
  place <- data.frame(x = rep(NA_real_, length(x)), y = NA_real_)
  for (i in order) {
    left <- x[[i]] + c(1.6, -1.6 - wide[[i]], -wide[[i]] / 2, -wide[[i]] / 2)
    middle <- y[[i]] + c(0, 0, 3, -3)
    for (k in seq_along(left)) {
      box <- c(left[[k]], left[[k]] + wide[[i]], middle[[k]] + c(-1.5, 1.5))
      meets <- taken[, 1] < box[[2]] & taken[, 2] > box[[1]] & taken[, 3] < box[[4]] &
        taken[, 4] > box[[3]]
      inside <- box[[1]] >= 0 && box[[2]] <= panel[[1]] && middle[[k]] >= 0 &&
        middle[[k]] <= panel[[2]]
      if (inside && !any(meets)) {
        taken <- rbind(taken, box)
        place[i, ] <- c(left[[k]], middle[[k]])
        break
      }
    }
  }
  place
}

baujat_alt <- function(points) {
  most <- points[order(-points$influence), ][seq_len(min(3, nrow(points))), ]
  sprintf("Baujat plot of %d studies. The most influential: %s.", nrow(points),
    paste(sprintf("%s (part of Q %s, influence %s)", most$slab,
      format_number(most$heterogeneity, 2), format_number(most$influence, 2)), collapse = "; "))
}
