funnel_studies <- function(k) {
  i <- seq_len(k)
  data.frame(study = paste("Study", i), yi = 0.4 + 0.3 * sin(i), vi = (1 + (7 * i) %% 11) / 100)
}

test_that("the funnel shows every study about the pooled effect", {
  skip_if_not_installed("ggplot2")
  fit <- meta_analysis(yi, vi, data = funnel_studies(12))
  figure <- funnel(fit)
  expect_equal(figure$data$effect, fit$studies$yi)
  expect_equal(figure$data$error, sqrt(fit$studies$vi))
  built <- ggplot2::ggplot_build(figure)$data
  lines <- Filter(function(layer) nrow(layer) == 3 && "linetype" %in% names(layer), built)[[1]]
  half <- qnorm(0.975) * max(abs(lines$y))
  expect_equal(sort(lines$x), fit$coefficients[[1]] + c(-half, 0, half))
  expect_match(alt_text(figure), "Funnel plot of 12 studies, Effect against standard error")
  file <- withr::local_tempfile(fileext = ".png")
  expect_silent(write_figure(figure, file, dpi = 50))
})

test_that("a contour is where the study's own P is at its level", {
  skip_if_not_installed("ggplot2")
  fit <- meta_analysis(yi, vi, data = funnel_studies(12))
  polygons <- Filter(function(layer) nrow(layer) == 4, ggplot2::ggplot_build(funnel(fit))$data)
  expect_length(polygons, 4)
  edge <- vapply(polygons[-1], function(polygon) max(polygon$x) / max(abs(polygon$y)), 1)
  expect_equal(2 * pnorm(-edge), c(0.01, 0.05, 0.1))
})

test_that("few studies are said aloud, and filled ones are open", {
  skip_if_not_installed("ggplot2")
  fit <- meta_analysis(yi, vi, data = funnel_studies(9))
  expect_match(funnel(fit)$labels$caption, "k < 10", fixed = TRUE)
  fit <- meta_analysis(yi, vi, data = funnel_studies(12))
  expect_no_match(funnel(fit)$labels$caption, "k < 10", fixed = TRUE)
  fit$studies$filled <- seq_len(12) > 10
  expect_match(funnel(fit)$labels$caption, "2 filled in", fixed = TRUE)
  expect_error(funnel(1), class = "questrial_error_argument")
})

test_that("funnels of ratios and of one study can be drawn", {
  skip_if_not_installed("ggplot2")
  counts <- data.frame(events1 = c(1, 9, 30), n1 = c(9, 50, 99), events2 = c(4, 20, 33),
    n2 = c(9, 50, 99))
  for (rows in list(1, 1:3)) {
    fit <- meta_analysis(effect_size("OR", data = counts[rows, ]))
    file <- withr::local_tempfile(fileext = ".svg")
    expect_silent(write_figure(funnel(fit, contours = FALSE), file))
    expect_silent(write_figure(funnel(fit), file))
  }
})

test_that("Baujat plots agree with metafor", {
  skip_if_not_installed("ggplot2")
  skip_if_not_installed("metafor")
  data <- funnel_studies(11)
  fit <- meta_analysis(yi, vi, data = data)
  figure <- baujat(fit)
  grDevices::pdf(NULL)
  theirs <- metafor::baujat(metafor::rma(yi, vi, data = data, method = "FE"))
  grDevices::dev.off()
  expect_equal(figure$data$heterogeneity, theirs$x, tolerance = 1e-8)
  expect_equal(figure$data$influence, theirs$y, tolerance = 1e-8)
  expect_equal(sum(figure$data$heterogeneity), fit$Q)
  expect_match(alt_text(figure), "Baujat plot of 11 studies")
  expect_error(baujat(meta_analysis(yi, vi, data = data[1:2, ])),
    class = "questrial_error_no_data")
  expect_error(baujat(1), class = "questrial_error_argument")
})

test_that("names in a Baujat plot lie neither on one another nor on points", {
  set.seed(1)
  x <- runif(40, 0, 145)
  y <- runif(40, 0, 92)
  wide <- runif(40, 8, 40)
  place <- free_places(x, y, wide, seq_len(40), c(145, 92))
  at <- which(!is.na(place$x))
  expect_gt(length(at), 10)
  for (i in at) {
    others <- setdiff(at, i)
    expect_true(all(place$x[others] >= place$x[[i]] + wide[[i]] - 1e-9 |
      place$x[others] + wide[others] <= place$x[[i]] + 1e-9 |
      abs(place$y[others] - place$y[[i]]) >= 3 - 1e-9))
    expect_false(any(x > place$x[[i]] & x < place$x[[i]] + wide[[i]] & abs(y - place$y[[i]]) < 1.5))
  }
})
