printed <- published(system.file("extdata", "lemogne2020", package = "questrial"), repaired = TRUE)
analysis <- analyse(balint_plan(), balint)

write_page <- function(..., what = analysis) {
  file <- withr::local_tempfile(fileext = ".html")
  report(what, file, date = "2024-05-01", ...)
  paste(readLines(file, encoding = "UTF-8"), collapse = "\n")
}

count <- function(pattern, text) {
  sum(gregexpr(pattern, text, perl = TRUE)[[1]] > 0)
}

# Patterns are slow in megabytes of figures.
without_figures <- function(page) gsub("base64,[^\"]+", "base64,", page, perl = TRUE)

whole_page <- write_page(published = printed)
page <- without_figures(whole_page)

# As prose shows a number.
minus <- function(x) sub("-", "\u2212", sprintf("%.2f", x), fixed = TRUE)

# What a browser shows, without the style and the figures.
shown <- xml2::xml_text(xml2::xml_find_first(xml2::read_html(page), "//body"))

test_that("every part of the analysis is on the page", {
  for (part in c(
    "Summary", "Protocol", "Participants", "Reliability", "Missing answers",
    "Participants at baseline", "Outcome by arm", "Contrasts between arms", "Adjusted model",
    "Interaction and attendance", "Sensitivity analyses", "Methods", "Deviations from the plan",
    "Printed figures beside ours", "References", "How to do it again"
  )) {
    expect_match(page, sprintf("<h2 id=\"part-\\d+\">%s", part))
  }
  expect_match(shown, "Table 1. ", fixed = TRUE)
  expect_match(shown, "Table 2. ", fixed = TRUE)
  expect_match(shown, analysis$data_hash, fixed = TRUE)
  expect_match(shown, as.character(packageVersion("questrial")), fixed = TRUE)
  expect_match(shown, R.version.string, fixed = TRUE)
})

test_that("the headline has the numbers of the contrasts", {
  contrasts <- analysis$contrasts
  expect_setequal(
    contrasts$contrast, c("balint - control", "narrative - control", "narrative - balint")
  )
  for (i in seq_len(3)) {
    arms <- strsplit(contrasts$contrast[[i]], " - ")[[1]]
    expect_match(shown, sprintf(
      "%.2f points %s in %s than in %s (95%% CI %s to %s; t(%d) = %s, P\u00a0",
      abs(contrasts$estimate[[i]]), if (contrasts$estimate[[i]] < 0) "lower" else "higher",
      arms[[1]], arms[[2]], minus(contrasts$conf.low[[i]]), minus(contrasts$conf.high[[i]]),
      as.integer(contrasts$df[[i]]), minus(contrasts$statistic[[i]])
    ), fixed = TRUE)
  }
})

test_that("the headline is that of the paper", {
  expect_match(shown, "2.63 points higher in balint than in control (95% CI 0.15 to 5.11",
    fixed = TRUE)
})

test_that("a lower mean is said to be lower, with a positive number", {
  turned <- analysis
  turned$contrasts$estimate <- -abs(turned$contrasts$estimate)
  said <- questrial:::contrast_sentences(turned)
  expect_match(said, "[0-9.]+ points lower in")
  expect_no_match(said, "\u2212[0-9.]+ points")
})

test_that("no printed figure is left out", {
  figures <- reproduce(analysis, printed)
  tables <- lapply(questrial:::reproduction_tables(figures), format)
  cells <- unlist(lapply(tables, function(table) {
    unlist(table[names(table) == "Printed"], use.names = FALSE)
  }))
  expect_setequal(names(tables), figures$table)
  expect_equal(sort(unname(cells[nzchar(cells)])), sort(figures$printed))
  for (table in tables) {
    expect_match(shown, table[[1]][[nrow(table)]], fixed = TRUE)
  }
  expect_match(shown, "Misprints of the publication", fixed = TRUE)
})

test_that("one differing figure marks its row", {
  figures <- reproduce(analysis, printed)
  figures$verdict <- replace(rep("same", nrow(figures)), figures$table == "means", "differs")
  verdicts <- lapply(questrial:::reproduction_tables(figures), `[[`, "verdict")
  expect_setequal(verdicts$means, "differs")
  expect_setequal(verdicts$counts, "same")
})

test_that("every printed figure is met", {
  expect_false("differs" %in% reproduce(analysis, printed)$verdict)
})

test_that("every sensitivity analysis is marked as prespecified or not", {
  planned <- analysis
  planned$plan$prespecified <- c("ancova", "holm")
  planned$sensitivity$prespecified <- planned$sensitivity$analysis %in% c("ancova", "holm")
  shown <- format(questrial:::sensitivity_table(planned))
  marks <- shown[["In the plan"]][nzchar(shown[["In the plan"]])]
  analyses <- unique(planned$sensitivity$analysis)
  expect_equal(marks == "prespecified", analyses %in% c("ancova", "holm"))
  expect_equal(unique(marks[marks != "prespecified"]), "not\u00a0prespecified")
  expect_match(questrial:::sensitivity_methods(planned$plan),
    "Prespecified among these: ancova and holm.", fixed = TRUE)
})

test_that("synthetic data are called so at the top", {
  banner <- regexpr("<p class=\"banner\" role=\"note\">Synthetic", page)
  expect_gt(banner, 0)
  expect_lt(banner, regexpr("<h2", page))
  real <- analysis
  real$synthetic <- NULL
  expect_null(questrial:::summary_section(real)[[1]])
})

test_that("the page loads nothing from elsewhere", {
  sources <- regmatches(page, gregexpr("(src|href)=\"[^\"]{0,30}", page))[[1]]
  expect_true(all(grepl("^(src=\"data:image/(svg\\+xml|png);base64,|href=\"#)", sources)))
  expect_no_match(page, "<script|<link|<iframe|@import|url\\(")
})

test_that("the page can be read by machines that read aloud", {
  html <- xml2::read_html(page)
  expect_equal(xml2::xml_attr(xml2::xml_find_first(html, "/html"), "lang"), "en")
  expect_length(xml2::xml_find_all(html, "//h1"), 1)
  expect_true(all(nchar(xml2::xml_attr(xml2::xml_find_all(html, "//img"), "alt")) > 20))
  expect_length(xml2::xml_find_all(html, "//table[not(caption)]"), 0)
  expect_length(xml2::xml_find_all(html, "//figure[not(figcaption)]"), 0)
  ids <- xml2::xml_attr(xml2::xml_find_all(html, "//*[@id]"), "id")
  links <- xml2::xml_attr(xml2::xml_find_all(html, "//a[@href]"), "href")
  expect_equal(anyDuplicated(ids), 0)
  expect_true(all(sub("#", "", links) %in% ids))
})

test_that("hostile text is shown, not obeyed", {
  hostile <- "<script>alert(\"x\")</script> & 'y' <b>"
  plan <- balint_plan()
  plan$labels[c("outcome", "sex", "arm", "absences")] <- hostile
  data <- balint
  levels(data$living)[[1]] <- "<i>with</i> & \"parents\""
  text <- without_figures(
    write_page(what = analyse(plan, data), title = hostile, deviations = hostile)
  )
  expect_no_match(text, "<script|<i>|<b>")
  expect_match(text, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp;", fixed = TRUE)
  back <- xml2::xml_text(xml2::xml_find_first(xml2::read_html(text), "//h1"))
  expect_equal(back, hostile)
})

test_that("the same analysis and date give the same bytes and leave the user's device", {
  grDevices::pdf(NULL)
  mine <- grDevices::dev.cur()
  again <- write_page(published = printed)
  expect_identical(again, whole_page)
  expect_equal(grDevices::dev.cur(), mine)
  grDevices::dev.off(mine)
})

test_that("another extension, a bad date and bad deviations are errors", {
  expect_error(report(analysis, "report.pdf"), "\\.html or \\.docx",
    class = "questrial_error_argument")
  expect_error(report(analysis, "report"), class = "questrial_error_argument")
  expect_error(report(list(), "report.html"), class = "questrial_error_argument")
  expect_error(report(analysis, tempfile(fileext = ".html"), date = "yesterday"), "one date",
    class = "questrial_error_argument")
  expect_error(report(analysis, tempfile(fileext = ".html"), deviations = 3), "sentences",
    class = "questrial_error_argument")
  expect_error(report(analysis, tempfile(fileext = ".html"), dates = "2024-05-01"),
    class = "questrial_error_argument")
  expect_error(report(analysis, file.path(tempfile(), "report.html")),
    class = "questrial_error_file")
})

test_that("a report that fails leaves the old file and nothing beside it", {
  folder <- withr::local_tempdir()
  file <- file.path(folder, "report.html")
  writeLines("the old report", file)
  broken <- analysis
  broken$flow <- "not a flow"
  expect_error(report(broken, file))
  expect_equal(readLines(file), "the old report")
  expect_equal(list.files(folder, all.files = TRUE, no.. = TRUE), "report.html")
})

test_that("base64 is that of RFC 4648, section 10", {
  encode <- function(text) questrial:::base64(charToRaw(text))
  expect_equal(
    vapply(c("f", "fo", "foo", "foob", "fooba", "foobar"), encode, "", USE.NAMES = FALSE),
    c("Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy")
  )
  expect_equal(questrial:::base64(as.raw(c(251, 255, 254))), "+//+")
})

test_that("citations are numbered in order and listed once", {
  cited <- questrial:::resolve_citations(c("B [@holm].", "A [@alpha], again [@holm], [@nobody]."))
  expect_equal(cited$paragraphs, c("B [1].", "A [2], again [1], [@nobody]."))
  expect_match(cited$references, "Holm|Cronbach")
  expect_length(cited$references, 2)
  expect_no_match(shown, "[@", fixed = TRUE)
})

test_that("a Word report opens and holds every table", {
  skip_if_not_installed("officer")
  skip_if_not_installed("flextable")
  file <- withr::local_tempfile(fileext = ".docx")
  report(analysis, file, published = printed, date = "2024-05-01")
  content <- officer::docx_summary(officer::read_docx(file))
  tables <- content[content$content_type == "table cell", ]
  expect_equal(length(unique(tables$doc_index)), count("<table", page))
  cells <- sub("\u2212", "-", gsub("[\u2007 ]", "", tables$text))
  expect_true(all(reproduce(analysis, printed)$printed %in% cells))
  expect_true("Sensitivity analyses" %in% content$text)
})

test_that("the demonstration reproduces every printed figure", {
  skip_on_cran()
  out <- withr::local_tempfile(fileext = ".html")
  script <- system.file("jobs", "demo.R", package = "questrial")
  text <- suppressWarnings(system2(
    file.path(R.home("bin"), "Rscript"), shQuote(c(script, "--out", out)),
    stdout = TRUE, stderr = TRUE
  ))
  expect_null(attr(text, "status"))
  expect_match(text, "^(\\d+) of \\1 printed figures reproduced", all = FALSE)
  expect_true(all(nchar(text[!startsWith(text, "Report")]) <= 100))
  expect_gt(file.size(out), 1e5)
})
