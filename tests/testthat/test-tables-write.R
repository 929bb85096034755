# Labels that each format could take for something else.
hostile <- c(
  "<script>alert('x')</script> & \"quoted\"",
  "5% of $100 #1 {a_b} ^2 ~ \\newline | pipe `code` *star* [link](x)",
  "line\nbreak,\ttab; comma",
  "\u00e9t\u00e9 na\u00efve \u2265 \u4e2d\u6587 \U0001F600",
  paste(rep("a very long label", 12), collapse = " "),
  strrep("unbroken", 20)
)
cleaned <- gsub("[\n\t]+", " ", hostile)

hostile_table <- function() {
  data <- data.frame(
    arm = rep(c("a | b & <c>", "d"), each = 60), level = factor(rep(hostile, 20), hostile),
    score = cos(1:120)
  )
  names(data)[[3]] <- hostile[[1]]
  baseline_table(arm ~ ., data, caption = hostile[[1]], total = TRUE, smd = TRUE)
}

written <- function(table, extension, ...) {
  file <- withr::local_tempfile(fileext = paste0(".", extension))
  write_table(table, file, ...)
  readLines(file, encoding = "UTF-8")
}

test_that("HTML holds every text unchanged and nothing else runs", {
  skip_if_not_installed("xml2")
  lines <- written(hostile_table(), "html")
  expect_false(any(grepl("<script", lines, fixed = TRUE)))
  page <- xml2::read_html(paste(lines, collapse = "\n"))
  expect_identical(xml2::xml_text(xml2::xml_find_all(page, "//caption")), cleaned[[1]])
  labels <- xml2::xml_text(xml2::xml_find_all(page, "//tbody//th"))
  expect_true(all(cleaned %in% labels))
  expect_length(xml2::xml_find_all(page, "//script | //link | //img"), 0)
})

test_that("HTML has the markup that a screen reader needs", {
  skip_if_not_installed("xml2")
  page <- xml2::read_html(paste(written(hostile_table(), "html"), collapse = "\n"))
  count <- function(path) length(xml2::xml_find_all(page, path))
  expect_identical(count("//thead//th[@scope='col']"), 11L)
  expect_identical(count("//thead//th[@scope='colgroup']"), 3L)
  expect_identical(count("//tbody//th[@scope='row']"), 8L)
  widths <- vapply(xml2::xml_find_all(page, "//tbody/tr"), xml2::xml_length, 0L)
  expect_identical(unique(widths), 11L)
  expect_identical(count("//html[@lang]"), 1L)
})

test_that("CSV is read back as it was", {
  table <- hostile_table()
  file <- withr::local_tempfile(fileext = ".csv")
  write_table(table, file)
  back <- read.csv(file, check.names = FALSE, fileEncoding = "UTF-8", colClasses = "character",
    strip.white = FALSE)
  expect_identical(trimws(back[[1]]), table_layout(table)$cells[, 1])
  expect_identical(names(back)[[2]], "a | b & <c> (N = 60), N")
})

test_that("raw CSV keeps every bit", {
  table <- effects_table(lm(mpg ~ wt + hp, mtcars))
  file <- withr::local_tempfile(fileext = ".csv")
  write_table(table, file, raw = TRUE)
  expect_identical(read.csv(file), as.data.frame(table))
  html <- withr::local_tempfile(fileext = ".html")
  expect_error(write_table(table, html, raw = TRUE), ".csv", class = "questrial_error_argument")
})

test_that("Markdown has as many cells in every row", {
  lines <- written(hostile_table(), "md")
  rows <- lines[startsWith(lines, "|")]
  bars <- lengths(regmatches(rows, gregexpr("(?<!\\\\)\\|", rows, perl = TRUE)))
  expect_identical(unique(bars), 12L)
  expect_length(rows, 11)
  expect_true(any(grepl("&lt;script>", rows, fixed = TRUE)))
})

test_that("LaTeX escapes what it would take for commands", {
  lines <- written(hostile_table(), "tex")
  row <- grep("of \\$100", lines, fixed = TRUE, value = TRUE)
  expect_match(row, "5\\% of \\$100 \\#1 \\{a\\_b\\} \\textasciicircum{}2 \\textasciitilde{}",
    fixed = TRUE)
  expect_match(row, "\\textbackslash{}newline \\textbar{} pipe", fixed = TRUE)
  body <- grep(" & ", lines, fixed = TRUE, value = TRUE)
  cells <- lengths(regmatches(body, gregexpr("(?<!\\\\)&", body, perl = TRUE)))
  expect_identical(unique(cells[!grepl("multicolumn|caption", body)]), 10L)
})

test_that("LaTeX compiles", {
  skip_on_cran()
  found <- nzchar(Sys.which(c("lualatex", "kpsewhich")))
  skip_if(!all(found) || length(system2("kpsewhich", "booktabs.sty", stdout = TRUE)) == 0,
    "no LaTeX with booktabs")
  folder <- withr::local_tempdir()
  withr::local_dir(folder)
  write_table(hostile_table(), "table.tex")
  writeLines(c(
    "\\documentclass{article}", "\\usepackage{booktabs}", "\\begin{document}",
    "\\input{table.tex}", "\\end{document}"
  ), "page.tex")
  log <- system2("lualatex", c("-interaction=nonstopmode", "page.tex"), stdout = TRUE,
    stderr = TRUE)
  expect_false(any(grepl("^!", log)))
  expect_true(file.exists("page.pdf"))
})

test_that("Word holds caption, cells and notes", {
  skip_if_not_installed("flextable")
  skip_if_not_installed("officer")
  file <- withr::local_tempfile(fileext = ".docx")
  write_table(hostile_table(), file)
  content <- officer::docx_summary(officer::read_docx(file))
  expect_true(cleaned[[1]] %in% content$text[content$content_type == "paragraph"])
  expect_true(all(cleaned %in% content$text[content$content_type == "table cell"]))
})

test_that("a flextable has the table's rows, headings and notes", {
  skip_if_not_installed("flextable")
  table <- flextable::as_flextable(effects_table(lm(mpg ~ factor(cyl), mtcars)))
  expect_s3_class(table, "flextable")
  expect_identical(flextable::nrow_part(table, "body"), 3L)
  expect_identical(flextable::nrow_part(table, "footer"), 3L)
  file <- withr::local_tempfile(fileext = ".docx")
  flextable::save_as_docx(table, path = file)
  expect_gt(file.size(file), 0)
})

test_that("minus signs are true ones in figures and hyphens stay in labels", {
  table <- effects_table(lm(mpg ~ wt, mtcars), labels = c(wt = "Weight, -5 to -7"))
  html <- paste(written(table, "html"), collapse = "\n")
  expect_match(html, "Weight, -5 to -7", fixed = TRUE)
  expect_match(html, "\u22125.344", fixed = TRUE)
  expect_match(html, "\u22126.486 to \u22124.203", fixed = TRUE)
  expect_match(paste(written(table, "csv"), collapse = "\n"), ",-5.344,", fixed = TRUE)
})

test_that("every part of a wide table says what its rows are", {
  withr::local_options(width = 50)
  means <- marginal_means(fit_glm(mpg ~ vs + wt + g, transform(mtcars, g = factor(gear))), ~ g | vs)
  shown <- capture.output(print(marginal_contrasts(means, "reference")))
  heads <- grep("^vs  +Contrast", shown)
  expect_gt(length(heads), 1)
  for (head in heads) {
    expect_match(shown[head + 2], "^[0-9.]+ +4 - 3 ")
  }
})

test_that("the console keeps within 80 columns", {
  withr::local_options(width = 80)
  shown <- capture.output(print(hostile_table()))
  expect_lte(max(nchar(shown, "width")), 80)
  narrow <- withr::with_options(list(width = 40), capture.output(print(hostile_table())))
  expect_lte(max(nchar(narrow, "width")), 40)
  squeezed <- function(text) gsub("[^[:alnum:]]", "", paste(text, collapse = ""))
  expect_true(grepl(squeezed(hostile[[5]]), squeezed(sub("  +[0-9].*", "", shown)), fixed = TRUE))
})

test_that("a console without UTF-8 shows our symbols in ASCII", {
  withr::local_locale(LC_CTYPE = "C")
  data <- data.frame(arm = rep(c("a", "b"), 20), level = rep(c("c", "d"), each = 20))
  data$score <- 1:40
  shown <- paste(collapse = "\n", capture.output({
    print(baseline_table(arm ~ level, data))
    print(effects_table(lm(score ~ arm * level, data)))
  }))
  expect_match(shown, "chi2", fixed = TRUE)
  expect_match(shown, "arm: b x level: d", fixed = TRUE)
  expect_false(grepl("<U+", shown, fixed = TRUE))
})

test_that("files are the same bytes in a locale without UTF-8", {
  for (extension in c("html", "csv", "md", "tex")) {
    here <- written(hostile_table(), extension)
    there <- withr::with_locale(c(LC_CTYPE = "C"), written(hostile_table(), extension))
    expect_identical(there, here)
  }
})

test_that("points stand under one another", {
  expect_identical(pad_decimals(c(".34", ".050", "<.001", ""), " "),
    c(".34 ", ".050", "<.001", ""))
  expect_identical(pad_decimals(c("2", "12.5"), " "), c("2  ", "12.5"))
  expect_identical(pad_decimals(c("2", "2, 359"), " "), c("2", "2, 359"))
})

test_that("a document gets the form that it can use", {
  skip_if_not_installed("knitr")
  table <- effects_table(lm(mpg ~ wt, mtcars))
  knitted <- function(to) {
    withr::with_options(list(knitr.in.progress = TRUE), {
      old <- knitr::opts_knit$get("rmarkdown.pandoc.to")
      on.exit(knitr::opts_knit$set(rmarkdown.pandoc.to = old))
      knitr::opts_knit$set(rmarkdown.pandoc.to = to)
      paste(knitr::knit_print(table), collapse = "\n")
    })
  }
  expect_match(knitted("html"), "````{=html}", fixed = TRUE)
  expect_match(knitted("latex"), "\\toprule", fixed = TRUE)
  expect_match(knitted("markdown"), "| Term |", fixed = TRUE)
})

test_that("files are refused by name and left as they were", {
  table <- effects_table(lm(mpg ~ wt, mtcars))
  expect_error(write_table(table, "table.xlsx"), ".docx`, `.html`, `.csv`, `.md` or `.tex",
    fixed = TRUE, class = "questrial_error_argument")
  expect_error(write_table(table, "table"), class = "questrial_error_argument")
  expect_error(write_table(mtcars, "table.html"), "printed table",
    class = "questrial_error_argument")
  folder <- withr::local_tempdir()
  expect_error(write_table(table, file.path(folder, "no", "t.html")),
    class = "questrial_error_file")
  file <- file.path(folder, "old.html")
  writeLines("old", file)
  broken <- structure(table, columns = "no columns")
  expect_error(write_table(broken, file))
  expect_identical(readLines(file), "old")
  expect_identical(list.files(folder, all.files = TRUE, no.. = TRUE), "old.html")
})

test_that("tables of no rows and of other kinds are written too", {
  empty <- effects_table(lm(mpg ~ wt, mtcars))[0, ]
  for (extension in c("html", "csv", "md", "tex")) {
    expect_gt(length(written(empty, extension)), 0)
  }
  other <- new_questrial_table(
    data.frame(what = c("a", "b"), low = c(-1, NA), p.value = c(.02, .5)), "other",
    caption = "Other", notes = "A note.", spanners = list(Both = c("low", "p.value"))
  )
  expect_identical(format(other)$low, c("-1.00", ""))
  expect_output(print(other), "Both")
  expect_match(written(other, "md")[[3]], "Both, low", fixed = TRUE)
})
