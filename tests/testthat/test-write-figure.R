small_flow <- function() {
  trial <- data.frame(arm = c("control", "course"), lost = rep(c(TRUE, FALSE), c(2, 18)))
  flow(trial, list("Analysed" = ~ lost), by = "arm")
}

test_that("figures are written whole or not at all", {
  x <- small_flow()
  for (type in c("pdf", "svg", "png")) {
    file <- withr::local_tempfile(fileext = paste0(".", type))
    expect_identical(write_figure(x, file), file)
    expect_gt(file.size(file), 3000)
  }
  expect_error(write_figure(x, "x.bmp"), "must end in .pdf", class = "questrial_error_argument")
  expect_error(write_figure(1, file), class = "questrial_error_argument")
  expect_error(write_figure(x, file, width = "wide"), class = "questrial_error_argument")
  expect_error(write_figure(x, file.path(tempdir(), "none", "x.pdf")),
    class = "questrial_error_file")
})

# Width and height in dots: two numbers of four bytes in a PNG's header.
png_size <- function(file) {
  readBin(readBin(file, "raw", 24)[17:24], "integer", 2, endian = "big")
}

test_that("a figure has the size that was asked for, or that it needs", {
  file <- withr::local_tempfile(fileext = ".png")
  write_figure(small_flow(), file, width = 127, height = 101.6, dpi = 50)
  expect_identical(png_size(file), c(250L, 200L))
  write_figure(small_flow(), file, dpi = 100)
  needs <- flow_size(small_flow())[["height"]] / 25.4 * 100
  expect_lt(abs(png_size(file)[[2]] - needs), 0.1 * needs)
})

test_that("a failed drawing leaves the old file as it was", {
  skip_if_not_installed("ggplot2")
  file <- withr::local_tempfile(fileext = ".pdf")
  writeLines("old", file)
  before <- grDevices::dev.cur()
  broken <- ggplot2::ggplot(mtcars, ggplot2::aes(x = stop("no such thing"))) +
    ggplot2::geom_bar()
  expect_error(write_figure(broken, file))
  expect_identical(readLines(file), "old")
  expect_identical(grDevices::dev.cur(), before)
  expect_identical(list.files(dirname(file), "^[.]questrial-", all.files = TRUE), character())
})

test_that("any ggplot2 figure can be written and said", {
  skip_if_not_installed("ggplot2")
  file <- withr::local_tempfile(fileext = ".svg")
  figure <- ggplot2::ggplot(mtcars, ggplot2::aes(wt, mpg)) + ggplot2::geom_point()
  write_figure(figure, file, width = 100)
  expect_match(readLines(file, 2)[[2]], "width='283.46pt'|283", all = FALSE)
})
