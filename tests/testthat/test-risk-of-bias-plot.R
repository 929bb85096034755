# Synthetic judgements.
studies <- function(k) {
  data.frame(study = paste("A study with a rather long name by many authors", seq_len(k)),
    D1 = "Low", D2 = "High", D3 = NA, D4 = "Some concerns", D5 = "Low", overall = "High")
}

test_that("lights stand in the middle of their columns and legends stay inside", {
  for (k in c(1, 3, 11, 60)) {
    x <- risk_of_bias(studies(k))
    for (width in c(85, 170)) {
      layout <- on_spare_device(picture_layout(x, width, 8))
      expect_identical(nrow(layout$lights), 6L * as.integer(k) + 4L)
      expect_true(all(layout$lights$x + layout$radius <= layout$width))
      expect_gt(min(diff(sort(unique(layout$lights$y)))), 2 * layout$radius - 1e-9)
      expect_false(layout$broken)
      text <- layout$text
      wide <- on_spare_device(text_width(text$text, 8, FALSE))
      expect_true(all((text$x + wide * (text$just == "left"))[text$just == "left"] <= width))
      expect_lt(max(text$y), layout$height)
      bars <- on_spare_device(picture_layout(x, width, 8, type = "summary"))
      expect_true(all(bars$bars$x1 <= width))
      expect_lt(max(bars$text$y), bars$height)
    }
  }
})

test_that("pictures are written, over pages too", {
  x <- risk_of_bias(studies(4))
  x$weight <- 1:4
  file <- withr::local_tempfile(fileext = ".png")
  write_figure(x, file, dpi = 50)
  expect_gt(file.size(file), 0)
  write_figure(x, file, dpi = 50, type = "summary")
  expect_gt(file.size(file), 0)
  expect_error(write_figure(x, file, type = "bars"), "`type`", class = "questrial_error_argument")
  pages <- withr::local_tempdir()
  grDevices::png(file.path(pages, "%d.png"))
  plot(x, per_page = 2)
  grDevices::dev.off()
  expect_length(list.files(pages), 2)
  expect_error(plot(x, per_page = 2, newpage = FALSE), "pages", class = "questrial_error_argument")
  expect_error(plot(x, colour = 1), "colour", class = "questrial_error_argument")
})

test_that("the question mark of a light is not smaller than type of 7 points", {
  radius <- 0.6 * diagram_measures(7)$em
  grobs <- light_grobs(0, 0, radius, "Unclear", rob_tools[["RoB1"]])$children
  sizes <- unlist(lapply(grobs, function(grob) if (inherits(grob, "text")) grob$gp$fontsize))
  expect_gte(sizes, 7)
})
