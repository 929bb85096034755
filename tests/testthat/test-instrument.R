argument <- "questrial_error_argument"

test_that("the registry lists every instrument, and each can be had", {
  all <- instruments()
  expect_s3_class(all, "data.frame")
  expect_named(all, c("id", "title", "items", "range", "scales", "source"))
  expect_true(all(c("jse-s", "mbi-hss", "hads", "stai-y", "iri", "segue") %in% all$id))
  expect_false(anyNA(all))
  for (id in all$id) {
    x <- instrument(id)
    expect_identical(x$id, id)
    for (scale in x$scales) {
      expect_true(scale$key %in% c("seen", "partly seen", "to be confirmed"))
      expect_true(nzchar(scale$source))
    }
    expect_true(all(nchar(format(x)) <= 80))
  }
})

# From the published keys: number of reversed items, range of each score.
test_that("ranges of the scores are the published ones", {
  ends <- function(id, scale) questrial:::score_range(instrument(id), scale)
  expect_equal(ends("jse-s", "total"), c(20, 140))
  expect_equal(ends("jse-s", "perspective_taking"), c(10, 70))
  expect_equal(ends("jse-s-19", "total"), c(20, 140))
  expect_equal(ends("mbi-hss", "emotional_exhaustion"), c(0, 54))
  expect_equal(ends("mbi-hss", "personal_accomplishment"), c(0, 48))
  expect_equal(ends("mbi-gs", "cynicism"), c(0, 6))
  expect_equal(ends("sas", "raw"), c(20, 80))
  expect_equal(ends("sas", "index"), c(25, 100))
  expect_equal(ends("gad-7", "total"), c(0, 21))
  expect_equal(ends("phq-9", "total"), c(0, 27))
  expect_equal(ends("hads", "depression"), c(0, 21))
  expect_equal(ends("stai-y", "trait"), c(20, 80))
  expect_equal(ends("iri", "fantasy"), c(0, 28))
  expect_equal(ends("brs", "total"), c(1, 5))
  expect_equal(ends("care", "total"), c(10, 50))
  expect_equal(ends("lcsas", "total"), c(0, 36))
  expect_equal(ends("segue", "total"), c(0, 25))
})

test_that("Turkish STAI X is direct less inverted items plus its constants", {
  x <- instrument("stai-x-tr")
  set.seed(2)
  data <- as.data.frame(matrix(sample(1:4, 40 * 30, TRUE), 30))
  names(data) <- x$items
  for (part in list(list("state", 1:20, 50), list("trait", 21:40, 35))) {
    items <- data[part[[2]]]
    inverted <- x$reversed[part[[2]]]
    want <- rowSums(items[!inverted]) - rowSums(items[inverted]) + part[[3]]
    expect_equal(score(data, x, part[[1]]), want)
  }
})

test_that("print shows source and state of each key", {
  text <- paste(format(instrument("mbi-gs")), collapse = " ")
  expect_match(text, "Key to be confirmed")
  expect_match(text, "from memory")
  expect_output(print(instruments()), "jse-s-19")
  expect_lt(max(nchar(capture.output(print(instruments())))), 81)
})

test_that("new_instrument takes names or numbers", {
  x <- new_instrument(c("a", "b", "c"), 1, 5,
    reverse = "b", scales = list(one = c("a", "b"), two = 3), score = c(two = "mean", one = "sum"),
    max_missing = c(one = 0.5, two = 0)
  )
  expect_identical(x$reversed, c(FALSE, TRUE, FALSE))
  expect_identical(x$scales$one$items, 1:2)
  expect_identical(x$scales$two$score, "mean")
  expect_identical(x$scales$one$max_missing, 0.5)
  expect_identical(new_instrument(2, 0, 1)$items, c("item_1", "item_2"))
})

test_that("what makes no instrument is refused", {
  expect_error(new_instrument(c("a", "a"), 1, 5), "twice", class = argument)
  expect_error(new_instrument(0, 1, 5), "items", class = argument)
  expect_error(new_instrument(3, 5, 1), "above `min`", class = argument)
  expect_error(new_instrument(3, 1, 5.5), "whole number of steps", class = argument)
  expect_error(new_instrument(3, 1, Inf), "max", class = argument)
  expect_error(new_instrument(3, 1, NA), "max", class = argument)
  expect_error(new_instrument(3, 1, 5, reverse = 4), "`4` is no item", class = argument)
  expect_error(new_instrument(3, 1, 5, reverse = c(1, 1)), "twice", class = argument)
  expect_error(new_instrument(3, 1, 5, scales = list(1:3)), "name", class = argument)
  expect_error(new_instrument(3, 1, 5, scales = list(a = character())), "no items",
    class = argument
  )
  expect_error(new_instrument(3, 1, 5, scales = list(a = NULL)), "no items", class = argument)
  expect_error(new_instrument(3, 1, 5, score = "median"), "score of scale total", class = argument)
  expect_error(new_instrument(3, 1, 5, max_missing = 1), "below 1", class = argument)
  expect_error(new_instrument(3, 1, 5, max_missing = c(0.1, 0.2)), "one for each", class = argument)
  expect_error(new_instrument(3, 1, 5, mx_missing = 1), "Unknown argument", class = argument)
  expect_error(instrument("gad7"), "Did you mean `gad-7`", class = argument)
  expect_error(instrument("../instruments/gad-7"), class = argument)
})

# ---- Files ----

test_that("every instrument survives the way through a file", {
  file <- tempfile(fileext = ".dcf")
  for (id in instruments()$id) {
    write_instrument(instrument(id), file)
    expect_identical(read_instrument(file), instrument(id))
  }
})

test_that("odd instruments survive it too", {
  file <- tempfile()
  x <- new_instrument(c("2", "1", "na\u00efve item", "a:b"), -1.5, 0.1,
    step = 0.1, reverse = c("1", "a:b"), scales = list(`one scale` = 4:2, b = 1),
    score = c(`one scale` = "percent", b = "mean"), max_missing = 1 / 3, multiply = pi,
    id = "odd", title = paste(rep("long", 60), collapse = " "), source = "x: y, z", key = "seen"
  )
  write_instrument(x, file)
  expect_identical(read_instrument(file), x)
  expect_identical(nrow(read.dcf(file)), 3L)
  expect_error(write_instrument(new_instrument("a,b", 1, 2, id = "x"), file), "comma")
  expect_error(write_instrument(new_instrument(2, 1, 2), file), "no id", class = argument)
  expect_error(write_instrument(x, "no/such/folder/x"), class = "questrial_error_file")
})

refused <- function(lines, pattern) {
  file <- tempfile("hostile-")
  writeLines(lines, file)
  fault <- expect_error(read_instrument(file), class = "questrial_error_file")
  expect_match(conditionMessage(fault), pattern)
  expect_match(conditionMessage(fault), "hostile-", fixed = TRUE)
}

test_that("a file that is no instrument is refused by place and cure", {
  good <- c("instrument: x", "items: a, b", "min: 1", "max: 5", "", "scale: total")
  file <- tempfile()
  writeLines(good, file)
  expect_identical(read_instrument(file)$items, c("a", "b"))
  with <- function(line, at) replace(good, at, line)

  refused(character(), "record")
  refused("", "record")
  refused(good[1:4], "one for each scale")
  refused(with("just some text", 2), "line 2 is neither")
  refused(c("  begins indented", good), "line 1")
  refused(c(good[1:4], "min: 2", good[5:6]), "line 5: the record has field `min` twice")
  refused(good[-3], "no field `min`")
  refused(with("min:", 3), "no field `min`")
  refused(with("min: one", 3), "field `min` must be a number")
  refused(with("max: 1e400", 4), "field `max` must be a number")
  refused(with("max: 5,5", 4), "with a point")
  refused(with("max: 0", 4), "above `min`")
  refused(with("items: a, a", 2), "twice")
  refused(with("items: a,, b", 2), "items")
  refused(c(good, "itms: a"), "unknown field `itms`.*Did you mean `items`")
  refused(c(good, "items: a, c"), "`c` is no item")
  refused(c(good, "score: total"), "score of scale")
  refused(c(good, "max_missing: 2"), "max_missing")
  refused(c(good, "key: sure"), "key of scale total")
  refused(c(good, "", "scale: total"), "each once")
  refused(c(good, "", "items: a"), "record 3.*no field `scale`")
  refused(c(good[1:4], "reversed: 3", good[5:6]), "`3` is no item")
})

test_that("files that are not text are refused", {
  file <- tempfile("hostile-")
  expect_error(read_instrument(file), "no such file", class = "questrial_error_file")
  expect_error(read_instrument(tempdir()), "is a folder", class = "questrial_error_file")
  writeBin(as.raw(c(105, 0, 58, 255)), file)
  expect_error(read_instrument(file), "not text", class = "questrial_error_file")
  writeBin(as.raw(c(105, 58, 32, 255, 254, 10)), file)
  expect_error(read_instrument(file), "UTF-8", class = "questrial_error_file")
  writeBin(raw(2^20 + 1), file)
  expect_error(read_instrument(file), "bytes", class = "questrial_error_file")
  expect_error(read_instrument(7), "single text", class = argument)
})
