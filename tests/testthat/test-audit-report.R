lemogne_audit <- function() {
  audit(published(system.file("extdata", "lemogne2020", package = "questrial")))
}

read_page <- function(file) {
  paste(readLines(file, encoding = "UTF-8", warn = FALSE), collapse = "\n")
}

test_that("the page holds every inconsistent figure, all tables and the repair", {
  found <- lemogne_audit()
  file <- withr::local_tempfile(fileext = ".html")
  expect_identical(write_audit(found, file, repair(found), date = "2024-05-01"), file)
  page <- read_page(file)
  for (cell in unique(found$cell[found$verdict == "inconsistent"])) {
    expect_match(page, cell, fixed = TRUE)
  }
  for (caption in c("Participants", "Counts by arm", "Means by arm", "Tests", "Model")) {
    expect_match(page, sprintf("<caption>%s</caption>", caption), fixed = TRUE)
  }
  expect_match(page, "<del>surgery</del> \u2192 <ins>other</ins>", fixed = TRUE)
  n <- length(gregexpr("<td class=\"(qst-text )?qst-inconsistent\"", page)[[1]])
  expect_identical(n, length(unique(found$cell[found$verdict == "inconsistent"])))
  expect_no_match(page, "(src|href)=\"(http|//)")
})

test_that("the page is well formed and has the same bytes again", {
  skip_if_not_installed("xml2")
  found <- lemogne_audit()
  found$figure[[1]] <- "<b>&"
  files <- withr::local_tempfile(lines = "", fileext = ".html")
  write_audit(found, files, date = "2024-05-01")
  first <- read_page(files)
  write_audit(found, files, date = "2024-05-01")
  expect_identical(read_page(files), first)
  tables <- xml2::xml_find_all(xml2::read_html(files), "//table[contains(@class, 'qst-audit')]")
  for (table in tables) {
    rows <- xml2::xml_find_all(table, ".//tbody/tr")
    cells <- vapply(rows, function(row) length(xml2::xml_find_all(row, "./*")), 0L)
    heads <- xml2::xml_find_all(table, ".//thead/tr[last()]/*")
    expect_true(all(cells == length(heads)))
  }
})

test_that("tables that are fine say so, and proposals are not there", {
  found <- lemogne_audit()
  fine <- found[found$verdict != "inconsistent", ]
  file <- withr::local_tempfile(fileext = ".html")
  write_audit(fine, file, title = "Fine <tables>")
  page <- read_page(file)
  expect_match(page, "agrees with what is printed", fixed = TRUE)
  expect_match(page, "Fine &lt;tables&gt;", fixed = TRUE)
  expect_no_match(page, "Proposed repairs")
})

test_that("a Word document holds the cells, their colours and the proposals", {
  skip_if_not_installed("flextable")
  skip_if_not_installed("officer")
  found <- lemogne_audit()
  file <- withr::local_tempfile(fileext = ".docx")
  write_audit(found, file, repair(found))
  xml <- read_page(utils::unzip(file, "word/document.xml", exdir = withr::local_tempdir()))
  expect_match(xml, "5.596", fixed = TRUE)
  expect_match(xml, sub("#", "", audit_colours[["inconsistent"]]), fixed = TRUE)
  expect_match(xml, "\u2192 surgery", fixed = TRUE)
})

test_that("wrong arguments are named", {
  found <- lemogne_audit()
  expect_error(write_audit(found, "a.pdf"), "html or .docx", class = "questrial_error_argument")
  expect_error(write_audit(1, "a.html"), "audit", class = "questrial_error_argument")
  expect_error(write_audit(found, "a.html", repair = 1), "repair",
    class = "questrial_error_argument")
  expect_error(write_audit(found, "a.html", colour = 1), "colour",
    class = "questrial_error_argument")
})
