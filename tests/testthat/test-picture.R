small_flow <- function() {
  trial <- data.frame(arm = rep(c("control", "course"), 10), lost = c(TRUE, rep(FALSE, 19)))
  flow(trial, list("Analysed" = ~lost), by = "arm")
}

test_that("a picture too large for its device is drawn smaller and says what it needs", {
  grDevices::pdf(NULL, width = 2, height = 1)
  withr::defer(grDevices::dev.off())
  warned <- expect_warning(plot(small_flow()), "needs", class = "questrial_warning_dimension")
  expect_gt(warned$height, 25.4)
})

test_that("measuring leaves the device as it was, also after an error", {
  before <- grDevices::dev.list()
  size <- picture_size(small_flow(), 170, NULL)
  expect_named(size, c("width", "height"))
  expect_error(on_spare_device(stop("no")), "no")
  expect_identical(grDevices::dev.list(), before)
})

test_that("the size of the type is the largest that fits", {
  fit <- function(height) on_spare_device(fit_picture(small_flow(), 170, height, c(9, 8, 7)))
  tall <- fit(Inf)
  expect_identical(tall$fontsize, 9)
  expect_identical(fit(tall$height - 1)$fontsize, 8)
  expect_identical(fit(10)$fontsize, 7)
})
