lemogne <- function() {
  published(system.file("extdata", "lemogne2020", package = "questrial"))
}

# A mean of a table that contradicts its F.
found <- local({
  printed <- lemogne()
  printed$means$mean[[1]] <- "101.1"
  audit(printed)
})
fix <- repair(found)

test_that("every printed figure of the tables is on a sheet, at most once in its own table", {
  printed <- lemogne()
  sheets <- audit_sheets(audit(printed))$sheets
  keys <- unlist(lapply(sheets, function(sheet) sheet$keys[nzchar(sheet$keys)]))
  expect_identical(anyDuplicated(keys), 0L)
  wanted <- unlist(lapply(names(number_columns), function(name) {
    lapply(number_columns[[name]], function(column) {
      cell_name(name, which(nzchar(printed[[name]][[column]])), column)
    })
  }))
  expect_setequal(keys, c(wanted, cell_name("model", 2:9, "level"),
    cell_name("model", 2:9, "reference")))
  for (sheet in sheets) {
    at <- which(nzchar(sheet$keys))
    parts <- regmatches(sheet$keys[at], regexec("(\\w+)\\[(\\d+), (.*)\\]", sheet$keys[at]))
    text <- vapply(parts, function(part) printed[[part[[2]]]][[part[[4]]]][as.integer(part[[3]])],
      "")
    expect_identical(sheet$cells[at], text)
  }
})

test_that("a cell has its worst verdict, with the interval of that check", {
  checks <- data.frame(
    cell = c("a", "a", "b", "b"), printed = c("1.5", "1.5", "3", "3"), low = c(1, 2, 3, 2),
    high = c(2, 3, 3, 5), verdict = c("rounding", "inconsistent", "exact", "exact")
  )
  worst <- cell_findings(checks)
  worst <- worst[order(worst$cell), ]
  expect_identical(worst$verdict, c("inconsistent", "exact"))
  expect_identical(worst$allowed, c("2.00 to 3.00", ""))
})

test_that("verdicts, intervals and the first proposal stand at their cells", {
  sheets <- audit_sheets(found, fix)$sheets
  each <- function(part) unlist(lapply(sheets, `[[`, part))
  verdict <- each("verdict")[match(found$cell, each("keys"))]
  wrong <- found$verdict == "inconsistent"
  expect_true(any(wrong))
  expect_true(all(verdict[wrong] == "inconsistent"))
  first <- fix[fix$proposal == 1, ]
  expect_gt(nrow(first), 0)
  expect_identical(each("proposed")[match(first$cell, each("keys"))], first$repaired)
  # A reference is one label and printed in each row of its variable.
  others <- setdiff(each("keys")[nzchar(each("proposed"))], first$cell)
  expect_match(others, "^model.*reference")
})

test_that("nothing overlaps or leaves the page", {
  sheets <- audit_sheets(found, fix)
  for (width in c(120, 250)) {
    layout <- on_spare_device(picture_layout(sheets, width, 8))
    boxes <- layout$boxes
    expect_true(all(boxes$x0 >= 0 & boxes$x1 <= layout$width & boxes$y1 <= layout$height))
    pairs <- which(outer(boxes$y0, boxes$y1, "<") & outer(boxes$y1, boxes$y0, ">") &
      outer(boxes$x0, boxes$x1, "<") & outer(boxes$x1, boxes$x0, ">"), arr.ind = TRUE)
    expect_true(all(pairs[, 1] == pairs[, 2]))
    text <- layout$text
    wide <- on_spare_device(text_width(text$text, 8, TRUE))
    left <- text$x - wide * c(left = 0, centre = 0.5, right = 1)[text$just]
    expect_gte(min(left), 0)
    expect_lte(max((left + wide)[text$just != "left"]), layout$width)
    expect_true(all(text$y < layout$height))
  }
})

test_that("many arms come in parts, each arm once", {
  arms <- paste("Arm", 1:10)
  counts <- expand.grid(arm = arms, level = c("yes", "no"), variable = "any", n = "10",
    stringsAsFactors = FALSE)
  printed <- published(list(
    design = data.frame(key = "arms", value = paste(arms, collapse = "; ")), counts = counts
  ))
  sheets <- count_sheets(printed)
  shown <- lapply(sheets, function(sheet) vapply(sheet$spanners, `[[`, "", "text"))
  expect_identical(unlist(shown), arms)
  expect_lte(max(lengths(shown)), 4)
})

test_that("of a long table only what is inconsistent is drawn, and it says so", {
  n <- 4e4
  printed <- published(list(
    design = data.frame(key = "arms", value = "a; b"),
    counts = data.frame(
      variable = rep(paste0("v", seq_len(n / 4)), each = 4), level = c("yes", "yes", "no", "no"),
      arm = c("a", "b"), n = "10"
    )
  ))
  key <- "counts[20001, n]"
  wrong <- data.frame(
    check = "sum", cell = key, printed = "10", recomputed = 12, low = 12, high = 12,
    verdict = "inconsistent", figure = "", note = ""
  )
  large <- structure(wrong, class = c("audit", "data.frame"), published = printed)
  sheet <- audit_sheets(large)$sheets[[1]]
  expect_lte(nrow(sheet$cells), 4)
  expect_true(key %in% sheet$keys)
  expect_match(sheet$notes, "of 30000 rows")
  none <- audit_sheets(large[0, ])
  fine <- none$sheets[[1]]
  expect_identical(nrow(fine$cells), 0L)
  expect_match(fine$notes, "nothing")
  expect_silent(on_spare_device(picture_layout(none, 170, 8)))
})

test_that("pictures are written, and pages turned", {
  file <- withr::local_tempfile(fileext = ".png")
  write_figure(found, file, dpi = 100, repair = fix, tables = c("counts", "model"))
  expect_gt(file.size(file), 0)
  pages <- withr::local_tempdir()
  grDevices::png(file.path(pages, "%d.png"), 600, 600)
  plot(found, repair = fix, tables = c("counts", "means", "model"))
  grDevices::dev.off()
  expect_gt(length(list.files(pages)), 1)
  expect_match(alt_text(found), "inconsistent")
  expect_error(plot(found, tables = "count"), "tables", class = "questrial_error_argument")
  expect_error(plot(found, colour = 1), "colour", class = "questrial_error_argument")
  expect_error(plot(found, repair = 1), "repair", class = "questrial_error_argument")
})

test_that("the colours of the verdicts differ in grey and for the colour-blind", {
  light <- grDevices::convertColor(t(grDevices::col2rgb(audit_colours)) / 255, "sRGB", "Lab")[, 1]
  expect_gt(light[[1]] - light[[3]], 10)
  expect_gt(light[[2]] - light[[3]], 10)
  expect_identical(anyDuplicated(audit_signs), 0L)
})

test_that("tables that are not printed have no sheet, pools have their names", {
  printed <- published(list(
    design = data.frame(key = "arms", value = "a; b"),
    pools = data.frame(review = "Alpha", outcome = "sleep", k = "3", Q = "4.0", I2 = "50")
  ))
  sheets <- audit_sheets(audit(printed))$sheets
  expect_identical(lengths(list(sheets)), 1L)
  expect_identical(sheets[[1]]$cells[1, 1], "Alpha, sleep")
})

test_that("what is not printed cannot be drawn, and says so", {
  empty <- audit(published(list(
    design = data.frame(key = "arms", value = "a; b"),
    counts = data.frame(variable = "sex", level = "f", arm = "a", n = "3")
  )))
  expect_error(plot(empty, tables = "model"), "Nothing is printed in `model.csv`",
    class = "questrial_error_no_data")
  nothing <- audit(published(list(design = data.frame(key = "arms", value = "a; b"))))
  expect_error(plot(nothing), "no figures to draw", class = "questrial_error_no_data")
})
