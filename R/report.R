#' Report a trial on one page
#'
#' Writes everything that [analyse()] found as one document: an HTML page that
#' loads nothing from elsewhere, or a Word document. It holds the headline, the
#' protocol, the participant flow, the questionnaire's reliability, missing
#' answers, the baseline table, the outcome with every participant, contrasts,
#' the adjusted model, interaction and attendance, sensitivity analyses marked
#' as prespecified or not, the methods in prose with references, deviations
#' from the plan, printed figures beside ours, and what is needed to do it
#' again: versions, seed, a hash of the data.
#'
#' The text is made from the plan and the results; no number is typed. Tables
#' are those of the analysis, so they can be had one by one with
#' [write_table()]. The file is written aside and renamed: when something
#' fails, an older report stays as it was. The same analysis, date and version
#' of questrial and R give the same HTML, byte for byte; Word documents hold
#' the time at which they were written.
#'
#' `rmarkdown::render()` with a template is the usual way to such a report;
#' here no pandoc is needed, and nothing in the page is left to be filled in.
#'
#' @param analysis An [analyse()]d trial.
#' @param file Where to write: a name that ends in `.html` (or `.htm`) or
#'   `.docx`. Word documents need the packages officer and flextable.
#' @param published Printed figures to set beside ours, from [published()]; the
#'   report then holds the whole of [reproduce()]. `NULL` for none.
#' @param title Title; by default made of the outcome and the arms.
#' @param deviations Character vector: departures from the plan, a sentence
#'   each. Left out, the report says that none was declared.
#' @param date Date of the report, a `Date` or text. Pass one to have the same
#'   bytes again tomorrow.
#' @param ... Nothing; an unknown argument is an error.
#' @return The path of the file, invisibly.
#' @section Errors:
#' `questrial_error_argument` for a wrong argument or another extension,
#' `questrial_error_file` when the file cannot be written,
#' `questrial_error_package` when officer or flextable is missing.
#' @references Hopewell S, Chan AW, Collins GS, et al. (2025) CONSORT 2025
#'   statement: updated guideline for reporting randomised trials. BMJ
#'   389:e081123.
#' @seealso [analyse()], [reproduce()], [write_table()]
#' @examples
#' analysis <- analyse(balint_plan(), balint)
#' file <- report(analysis, tempfile(fileext = ".html"), date = "2024-05-01")
#' file.size(file)
#' @export
report <- function(analysis, file, published = NULL, title = NULL, deviations = NULL,
                   date = Sys.Date(), ...) {
  check_no_dots(...)
  check_class(analysis, "analysis", "analysis")
  writer <- report_writer(check_string(file, "file"))
  if (!is.null(published)) {
    check_class(published, "published", "published")
  }
  title <- if (is.null(title)) default_title(analysis) else check_string(title, "title")
  document <- report_document(
    analysis, title, published, check_deviations(deviations), check_date(date)
  )
  write_aside(file, function(path) writer(document, path))
}

# The function that writes a document to a path, by the file's extension.
report_writer <- function(file) {
  switch(tolower(tools::file_ext(file)),
    html = ,
    htm = html_report,
    docx = {
      need_package("officer", "A report in Word")
      need_package("flextable", "A report in Word")
      docx_report
    },
    qst_abort("argument", sprintf(
      "`file` must end in .html or .docx, not %s. The extension says what is written.",
      describe(basename(file))
    ), value = file)
  )
}

check_deviations <- function(deviations) {
  if (!is.null(deviations) && (!is.character(deviations) || anyNA(deviations))) {
    qst_abort("argument", sprintf(
      "`deviations` must be sentences in a character vector, not %s.", describe(deviations)
    ))
  }
  deviations
}

check_date <- function(date) {
  text <- tryCatch(format(as.Date(date), "%Y-%m-%d"), error = function(e) NA)
  if (length(text) != 1 || is.na(text)) {
    qst_abort("argument", sprintf(
      "`date` must be one date, as \"2024-05-01\", not %s.", describe(date)
    ), value = date)
  }
  text
}

# ---- The document: a title and blocks, the same for every format ----

report_document <- function(analysis, title, published, deviations, date) {
  methods <- resolve_citations(method_paragraphs(analysis))
  sections <- list(
    summary_section(analysis),
    protocol_section(analysis),
    flow_section(analysis),
    reliability_section(analysis),
    missing_section(analysis),
    imputation_section(analysis),
    baseline_section(analysis),
    outcome_section(analysis),
    contrasts_section(analysis),
    model_section(analysis),
    tests_section(analysis),
    sensitivity_section(analysis),
    methods_section(methods),
    deviations_section(deviations),
    published_section(analysis, published),
    references_section(methods),
    session_section(analysis, date)
  )
  blocks <- number_blocks(Filter(Negate(is.null), do.call(c, sections)))
  list(
    title = title, language = "en", date = date, generator = generator(), blocks = blocks,
    byline = sprintf("Report made on %s by %s", date, generator())
  )
}

generator <- function() {
  paste("questrial", utils::packageVersion("questrial"))
}

# seq_along() with a progress bar in interactive sessions.
along_blocks <- function(blocks, frame = parent.frame()) {
  if (interactive()) {
    cli::cli_progress_along(blocks, "Writing the report", .envir = frame)
  } else {
    seq_along(blocks)
  }
}

heading_block <- function(text, level = 2) {
  list(type = "heading", text = text, level = level)
}

text_block <- function(...) {
  list(type = "text", text = paste(...))
}

banner_block <- function(text) {
  list(type = "banner", text = text)
}

items_block <- function(text, numbered = FALSE, role = "plain") {
  list(type = "items", text = text, numbered = numbered, role = role)
}

terms_block <- function(text) {
  list(type = "terms", terms = names(text), text = unname(text))
}

# `main` tables are numbered as a paper's own, the others S1, S2, ...
table_block <- function(table, main = FALSE) {
  list(type = "table", table = table, main = main)
}

# A flow() or a ggplot.
figure_block <- function(figure, caption) {
  list(type = "figure", figure = figure, caption = caption, alt = alt_text(figure))
}

# Of bitmaps.
figure_dpi <- 200

# Width and height in mm of a figure that fills an A4 page's width.
figure_size <- function(block, type) {
  needed_size(block$figure, 170, type, figure_dpi)
}

# Anchors, and the numbers of tables and figures in the order in which they come.
number_blocks <- function(blocks) {
  type <- vapply(blocks, `[[`, "", "type")
  main <- vapply(blocks, function(block) isTRUE(block$main), NA)
  labels <- rep("", length(blocks))
  labels[main] <- sprintf("Table %d. ", seq_len(sum(main)))
  other <- type == "table" & !main
  labels[other] <- sprintf("Table S%d. ", seq_len(sum(other)))
  labels[type == "figure"] <- sprintf("Figure %d. ", seq_len(sum(type == "figure")))
  for (i in seq_along(blocks)) {
    blocks[[i]]$id <- sprintf("part-%d", i)
    if (type[[i]] == "table") {
      attr(blocks[[i]]$table, "caption") <-
        paste0(labels[[i]], attr(blocks[[i]]$table, "caption"))
    }
    if (type[[i]] == "figure") {
      blocks[[i]]$caption <- paste0(labels[[i]], blocks[[i]]$caption)
    }
  }
  blocks
}
