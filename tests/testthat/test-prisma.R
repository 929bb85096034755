# Synthetic counts.
made_prisma <- function(...) {
  told <- utils::modifyList(list(
    databases = c(PubMed = 412, Embase = 287), registers = c(CENTRAL = 31),
    removed = c(Duplicates = 214, "By automation" = 0), excluded = 430, not_retrieved = 4,
    reasons = c("No control group" = 31, "Other outcome" = 39),
    included = c(studies = 11, reports = 12)
  ), list(...))
  do.call(prisma_flow, told)
}

n_of <- function(x, label, column = "databases") {
  x$boxes$n[x$boxes$label == label & x$boxes$column == column]
}

test_that("what follows is computed", {
  x <- made_prisma()
  expect_identical(n_of(x, "Records identified"), 730L)
  expect_identical(n_of(x, "Records screened"), 516L)
  expect_identical(n_of(x, "Reports sought for retrieval"), 86L)
  expect_identical(n_of(x, "Reports assessed for eligibility"), 82L)
  expect_identical(n_of(x, "Reports excluded"), 70L)
  expect_identical(n_of(x, "Studies included in review"), 11L)
  expect_identical(x$lines$n[x$lines$label == "By automation"], 0L)
})

test_that("a number given is compared with what follows, and the box and difference are named", {
  expect_s3_class(made_prisma(screened = 516, sought = 86, assessed = 82), "prisma_flow")
  error <- expect_error(made_prisma(screened = 520),
    "\"Records screened\".* 516, but 520 are given .difference 4",
    class = "questrial_error_argument")
  expect_identical(error$difference, 4)
  expect_error(made_prisma(sought = 85), "Reports sought for retrieval.*difference -1",
    class = "questrial_error_argument")
  expect_error(made_prisma(assessed = 83), "assessed for eligibility",
    class = "questrial_error_argument")
  expect_error(made_prisma(included = c(studies = 11, reports = 13)),
    "Reports of included studies", class = "questrial_error_argument")
  expect_error(made_prisma(reasons = c(many = 100)), "Reports excluded.* -18",
    class = "questrial_error_argument")
  expect_error(made_prisma(removed = c(all = 731)), "No more can leave",
    class = "questrial_error_argument")
})

test_that("a report may be of several studies", {
  x <- made_prisma(included = c(studies = 13, reports = 12), previous = c(studies = 5, reports = 4))
  expect_identical(n_of(x, "Total studies included in review"), 18L)
  expect_identical(x$lines$n[x$lines$label == "Reports of total included studies"], 16L)
  expect_identical(n_of(made_prisma(included = 13), "Studies included in review"), 13L)
})

test_that("counts must be whole, from 0 and named", {
  expect_error(made_prisma(databases = c(PubMed = 1.5)), "whole numbers",
    class = "questrial_error_argument")
  expect_error(made_prisma(databases = 730), "own name", class = "questrial_error_argument")
  expect_error(made_prisma(reasons = c(a = -1)), class = "questrial_error_argument")
  expect_error(made_prisma(reasons = c(a = NA_real_)), class = "questrial_error_argument")
  expect_error(made_prisma(not_retrieved = -1), class = "questrial_error_argument")
  expect_error(made_prisma(included = c(trials = 3)), "studies = , reports",
    class = "questrial_error_argument")
  expect_error(made_prisma(other = list(found = 3)), "identified", class = "questrial_error_argument")
})

test_that("other methods and previous studies are added up", {
  x <- made_prisma(
    other = list(identified = c(Websites = 12, Citations = 8), not_retrieved = 2,
      reasons = c("Not a trial" = 15)),
    included = c(studies = 14, reports = 15), previous = c(studies = 20, reports = 24)
  )
  expect_identical(n_of(x, "Reports assessed for eligibility", "other"), 18L)
  expect_identical(n_of(x, "Total studies included in review"), 34L)
  expect_identical(x$lines$n[x$lines$label == "Reports of total included studies"], 39L)
  expect_error(made_prisma(other = list(identified = c(Websites = 3), reasons = c(a = 4))),
    "other methods", class = "questrial_error_argument")
})

test_that("text fits 80 columns, data has a row a box or line, and words say the numbers", {
  x <- made_prisma(reasons = stats::setNames(c(31, 39), c(strrep("long reason ", 12), "b")))
  expect_lte(max(nchar(format(x))), 80)
  expect_identical(nrow(as.data.frame(x)), nrow(x$boxes) + nrow(x$lines))
  expect_match(alt_text(x), "records screened 516")
})

test_that("boxes neither lie upon each other nor cut their text", {
  plain <- made_prisma()
  all <- made_prisma(other = list(identified = c(Websites = 3)), previous = 20,
    included = c(studies = 11, reports = 15),
    reasons = stats::setNames(c(31, 39), c("A reason that is told at quite some length", "b")))
  for (x in list(plain, all)) {
    for (width in c(85, 170)) {
      layout <- on_spare_device(picture_layout(x, width, 8))
      expect_false(layout$broken)
      expect_lte(layout$lacking, 1e-9)
      box <- layout$boxes
      expect_true(all(box$x1 <= layout$width & box$y1 <= layout$height))
      for (i in seq_len(nrow(box))) {
        over <- box$x0 < box$x1[[i]] & box$x1 > box$x0[[i]] & box$y0 < box$y1[[i]] &
          box$y1 > box$y0[[i]]
        expect_identical(which(over), i)
      }
    }
  }
})

test_that("it is drawn and written, and its size is told", {
  x <- made_prisma()
  size <- flow_size(x)
  expect_identical(size[["width"]], 170)
  # A width of no whole number of mm is not made wider than the device.
  expect_identical(on_spare_device(picture_layout(x, 177.8, 9))$width, 177.8)
  file <- withr::local_tempfile(fileext = ".png")
  write_figure(x, file, dpi = 50)
  expect_gt(file.size(file), 0)
  expect_error(plot(x, colour = 1), class = "questrial_error_argument")
})
