# Synthetic findings, one for each credibility given.
findings_like <- function(credibility, study = paste("Study", seq_along(credibility)),
                        category = "A category", synthesis = "All together") {
  data.frame(study, finding = paste("Finding", seq_along(credibility)), credibility, category,
    synthesis)
}

test_that("boxes of the tree do not overlap, and each is in the middle of its own", {
  set.seed(3)
  for (n in c(1, 3, 11, 60)) {
    group <- sort(sample(max(1, n %/% 5), n, TRUE))
    x <- synthesis(findings_like(rep("U", n), category = paste("Category", group, strrep("x ", 40)),
      synthesis = paste("Synthesised", group %/% 3)))
    for (width in c(85, 170)) {
      layout <- on_spare_device(picture_layout(x, width, 8))
      expect_false(layout$broken)
      box <- layout$boxes
      expect_true(all(box$x1 <= width & box$y1 <= layout$height & box$y0 >= 0))
      for (column in split(box, box$level)) {
        column <- column[order(column$y0), ]
        expect_true(all(diff(column$y0) > utils::head(column$y1 - column$y0, -1)))
      }
      inside <- layout$lines$y
      at <- match(layout$lines$node, box$id)
      expect_true(all(inside > box$y0[at] & inside < box$y1[at]))
    }
  }
})

test_that("the tree is drawn and written", {
  x <- synthesis(findings_like(c("U", "C")))
  file <- withr::local_tempfile(fileext = ".png")
  write_figure(x, file, dpi = 50)
  expect_gt(file.size(file), 0)
  expect_error(plot(x, colour = 1), class = "questrial_error_argument")
})
