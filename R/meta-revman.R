# The study data of RevMan's files: data rows of RevMan Web (CSV), analyses of RevMan 5 (CSV and the
# XML of an rm5 file). All become one data frame, by fill_revman().

#' Read and write RevMan's study data
#'
#' `read_revman()` reads the data of the analyses of a Cochrane review, a row for each study in an
#' analysis: the data rows that RevMan Web downloads (`...-data-rows.csv`), the analysis data that
#' RevMan 5 exports (`.csv`), or a review of RevMan 5 (`.rm5`). `write_revman()` writes data rows
#' (`.csv`) or a review with nothing but its studies and analyses (`.rm5`).
#'
#' What the file does not say is `NA`; nothing is guessed. Data rows do not name the effect
#' measure: it is taken from `...-overall-estimates-and-settings.csv` in the same folder, if that is
#' there. An `rm5` has all names; data rows have those of the outcomes.
#'
#' @param file The file, by its extension and first line.
#' @param x What `read_revman()` gives, or effect sizes made by [effect_size()] with their arms.
#' @return A data frame of class `revman`: `comparison` and `outcome` (numbers), `comparison_name`,
#'   `outcome_name`, `subgroup`, `study`, `year`, `type` (`dichotomous`, `continuous`, `generic` for
#'   inverse variance, `oe` for observed less expected events), `measure` (as [effect_size()] calls
#'   it where it does), `label1`, `label2`; of the arms `n1`, `mean1`, `sd1`, `n2`, `mean2`, `sd2`,
#'   `events1`, `events2`; of generic data `yi` (on the log scale for ratios) and `sei`; of
#'   observed less expected `oe` and `oe_var`. `write_revman()` gives `file`, invisibly.
#' @section Errors:
#' `questrial_error_file` for a file that is not of these kinds, with row and column for a cell that
#' is no number or cannot be (a negative count or SD, more events than people);
#' `questrial_error_no_data` when there are no studies; `questrial_error_package` for an `rm5`
#' without xml2.
#' @section Compared with meta:
#' `meta::read.rm5()` reads the same files of RevMan 5 into columns `event.e`, `mean.c` ..., with
#' RevMan's results beside. There cells that are no numbers become `NA`.
#' @examples
#' # Synthetic.
#' trials <- data.frame(
#'   study = c("Alpha 2019", "Beta 2021"), m1 = c(12, 11), s1 = c(3, 4), k1 = c(40, 55),
#'   m2 = c(10, 10.5), s2 = c(3, 3.5), k2 = c(41, 50)
#' )
#' es <- effect_size("MD", m1, s1, k1, m2, s2, k2, data = trials)
#' file <- tempfile(fileext = ".csv")
#' write_revman(es, file)
#' back <- read_revman(file)
#' back
#' effect_size("MD", mean1, sd1, n1, mean2, sd2, n2, data = back)
#' @export
read_revman <- function(file) {
  check_string(file, "file")
  if (!file.exists(file) || dir.exists(file)) {
    qst_abort("file", sprintf("There is no file %s. Check the path.", describe(file)))
  }
  rows <- if (tolower(tools::file_ext(file)) %in% c("rm5", "xml")) {
    read_rm5(file)
  } else {
    read_revman_csv(file)
  }
  if (length(rows) == 0 || nrow(rows) == 0) {
    qst_abort("no_data", sprintf("%s has no study in an analysis. Was it the right export?",
      describe(basename(file))))
  }
  structure(check_revman(rows), class = c("revman", "data.frame"))
}

revman_text <- c("comparison_name", "outcome_name", "subgroup", "study", "year", "type", "measure",
  "label1", "label2")
revman_numbers <- c("n1", "mean1", "sd1", "n2", "mean2", "sd2", "events1", "events2", "yi", "sei",
  "oe", "oe_var")

# A data frame with all columns in order; those that are not in `rows` are NA. Columns that do not
# belong to a row's type become NA: RevMan writes 0 there.
fill_revman <- function(rows, n) {
  filled <- data.frame(comparison = as.integer(rows$comparison), outcome = as.integer(rows$outcome))
  for (name in revman_text) {
    text <- if (is.null(rows[[name]])) rep(NA_character_, n) else trimws(rows[[name]])
    filled[[name]] <- ifelse(nzchar(text), text, NA)
  }
  for (name in revman_numbers) {
    filled[[name]] <- if (is.null(rows[[name]])) rep(NA_real_, n) else rows[[name]]
  }
  own <- list(
    dichotomous = c("n1", "n2", "events1", "events2"),
    continuous = c("n1", "mean1", "sd1", "n2", "mean2", "sd2"),
    generic = c("n1", "n2", "yi", "sei"),
    oe = c("n1", "n2", "events1", "events2", "oe", "oe_var")
  )
  for (type in names(own)) {
    filled[filled$type %in% type, setdiff(revman_numbers, own[[type]])] <- NA
  }
  filled
}

# What cannot be, by row and column.
check_revman <- function(rows) {
  whole <- c("n1", "n2", "events1", "events2")
  for (name in c(whole, "sd1", "sd2", "sei", "oe_var")) {
    refuse_revman(rows, name, which(rows[[name]] < 0), "is below 0")
  }
  for (arm in 1:2) {
    events <- paste0("events", arm)
    more <- which(rows[[events]] > rows[[paste0("n", arm)]])
    refuse_revman(rows, events, more, "are more events than people")
  }
  refuse_revman(rows, "study", which(is.na(rows$study)), "names no study")
  rows
}

refuse_revman <- function(rows, column, bad, why) {
  if (length(bad) > 0) {
    row <- bad[[1]]
    qst_abort("file", sprintf(
      "Study %d (%s) of the file, column `%s`: %s %s. Correct it in RevMan.", row,
      rows$study[[row]], column, format(rows[[column]][[row]], digits = 15), why
    ), row = row, column = column, value = rows[[column]][[row]])
  }
}

# Numbers as text, with or without commas between thousands; empty is NA.
revman_number <- function(text, column) {
  text <- trimws(text)
  grouped <- grepl("^-?[0-9]{1,3}(,[0-9]{3})+([.][0-9]*)?$", text)
  text[grouped] <- gsub(",", "", text[grouped])
  number <- suppressWarnings(as.numeric(text))
  number[is.nan(number) | is.infinite(number)] <- NA
  bad <- which(!is.na(text) & nzchar(text) & text != "NA" & is.na(number))
  if (length(bad) > 0) {
    qst_abort("file", sprintf(
      "Row %d, column `%s`: %s is no number. Correct the file, or export it anew.", bad[[1]],
      column, describe(text[[bad[[1]]]])
    ), row = bad[[1]], column = column, value = text[[bad[[1]]]])
  }
  number
}

# RevMan 5's codes and RevMan Web's words, as effect_size() calls them.
revman_measures <- c(
  "OR" = "OR", "RR" = "RR", "RD" = "RD", "PETO_OR" = "PETO", "MD" = "MD", "SMD" = "SMD",
  "Odds Ratio" = "OR", "Risk Ratio" = "RR", "Risk Difference" = "RD", "Peto Odds Ratio" = "PETO",
  "Mean Difference" = "MD", "Std. Mean Difference" = "SMD", "Hazard Ratio" = "HR", "HR" = "HR",
  "Rate Ratio" = "IRR"
)

revman_measure <- function(text) {
  known <- unname(revman_measures[text])
  ifelse(is.na(known), text, known)
}

# Effects as RevMan shows them, on the log scale where they are ratios.
revman_yi <- function(effect, measure) {
  ratio <- measure %in% c("OR", "RR", "PETO", "HR", "IRR", "ROM")
  effect[ratio] <- suppressWarnings(log(effect[ratio]))
  effect[is.infinite(effect)] <- NA
  effect
}

# ---- CSV ----

read_revman_csv <- function(file) {
  cells <- revman_cells(file)
  if ("Comparison Number" %in% names(cells)) {
    revman5_rows(cells)
  } else if ("Analysis group" %in% names(cells)) {
    revman_web_rows(cells, file)
  } else {
    qst_abort("file", sprintf(
      "%s has neither a column `Analysis group` nor `Comparison Number`. %s",
      describe(basename(file)), "Give the data rows of RevMan Web or the export of RevMan 5."
    ))
  }
}

# All cells as text. RevMan 5 for Windows wrote Latin-1.
revman_cells <- function(file) {
  bytes <- readBin(file, "raw", file.size(file))
  if (any(bytes == 0)) {
    qst_abort("file", sprintf("%s is no text: it has a zero byte. Export it as CSV.",
      describe(basename(file))))
  }
  text <- rawToChar(bytes)
  text <- if (validUTF8(text)) enc2utf8_marked(text) else iconv(text, "latin1", "UTF-8")
  text <- sub("^\ufeff", "", text)
  connection <- textConnection(text, encoding = "UTF-8")
  on.exit(close(connection))
  fields <- utils::count.fields(connection, sep = ",", quote = "\"", comment.char = "",
    blank.lines.skip = TRUE)
  fields <- fields[!is.na(fields)]
  uneven <- which(fields != fields[1])
  if (length(fields) == 0 || length(uneven) > 0) {
    qst_abort("file", sprintf(
      "%s is no table of comma-separated values: %s. Export it anew, without other tables.",
      describe(basename(file)), if (length(fields) == 0) {
        "it is empty"
      } else {
        sprintf("line %d has %d cells and the first %d", uneven[[1]], fields[[uneven[[1]]]],
          fields[[1]])
      }
    ), row = if (length(uneven) > 0) uneven[[1]])
  }
  utils::read.csv(text = text, colClasses = "character", check.names = FALSE, na.strings = "",
    encoding = "UTF-8")
}

enc2utf8_marked <- function(text) {
  Encoding(text) <- "UTF-8"
  text
}

revman_column <- function(cells, name, number = FALSE) {
  if (is.null(cells[[name]])) {
    return(NULL)
  }
  text <- cells[[name]]
  text[is.na(text)] <- ""
  if (number) revman_number(text, name) else text
}

revman_web_names <- c(
  n1 = "Experimental N", mean1 = "Experimental mean", sd1 = "Experimental SD",
  n2 = "Control N", mean2 = "Control mean", sd2 = "Control SD", events1 = "Experimental cases",
  events2 = "Control cases", yi = "GIV Mean", sei = "GIV SE", oe = "O-E", oe_var = "Variance"
)

# The type is that of the cells that are filled.
revman_web_rows <- function(cells, file) {
  rows <- lapply(revman_web_names, function(name) revman_column(cells, name, number = TRUE))
  n <- nrow(cells)
  filled <- function(name) if (is.null(rows[[name]])) rep(FALSE, n) else !is.na(rows[[name]])
  rows$comparison <- revman_column(cells, "Analysis group", number = TRUE)
  rows$outcome <- revman_column(cells, "Analysis number", number = TRUE)
  rows$type <- ifelse(filled("mean1") | filled("mean2"), "continuous",
    ifelse(filled("oe"), "oe", ifelse(filled("events1") | filled("events2"), "dichotomous",
      ifelse(filled("yi"), "generic", ""))))
  rows$outcome_name <- revman_column(cells, "Analysis name")
  rows$subgroup <- revman_column(cells, "Subgroup")
  rows$study <- revman_column(cells, "Study")
  rows$year <- revman_column(cells, "Study year")
  rows <- add_settings(rows, file)
  fill_revman(rows, n)
}

# Effect measure and names from the settings that are downloaded with the data rows.
add_settings <- function(rows, file) {
  beside <- sub("data-rows[.]csv$", "overall-estimates-and-settings.csv", file)
  if (beside == file || !file.exists(beside)) {
    return(rows)
  }
  settings <- revman_cells(beside)
  at <- match(
    paste(rows$comparison, rows$outcome),
    paste(settings[["Analysis group"]], settings[["Analysis number"]])
  )
  of <- function(name) if (is.null(settings[[name]])) NULL else settings[[name]][at]
  rows$measure <- revman_measure(of("Effect measure"))
  rows$comparison_name <- of("Analysis group name")
  rows$label1 <- of("Experimental group label")
  rows$label2 <- of("Control group label")
  rows
}

revman5_names <- c(
  n1 = "Total 1", mean1 = "Mean 1", sd1 = "SD 1", n2 = "Total 2", mean2 = "Mean 2", sd2 = "SD 2",
  events1 = "Events 1", events2 = "Events 2", yi = "Effect Estimate", sei = "SE", oe = "O-E",
  oe_var = "Var"
)

# Lines of comparisons (outcome 0), outcomes and subgroups (with a data type) stand over those of
# their studies.
revman5_rows <- function(cells) {
  number <- function(name) revman_column(cells, name, number = TRUE)
  type <- revman_column(cells, "Data Type")
  group <- number("Subgroup Number")
  outcome <- number("Outcome Number")
  name <- revman_column(cells, "Name")
  if (is.null(type) || is.null(group) || is.null(outcome) || is.null(name)) {
    qst_abort("file", sprintf("The file lacks a column of %s. Export it anew with them.",
      enumerate(c("Outcome Number", "Subgroup Number", "Name", "Data Type"))))
  }
  typed <- nzchar(type)
  head <- !typed & outcome == 0
  last <- function(is) cummax(ifelse(is, seq_along(is), 0L))
  study <- which(!typed & outcome > 0)
  over <- last(typed & group == 0)[study]
  if (any(over == 0)) {
    qst_abort("file", sprintf("Row %d: a study stands before its outcome. Export the file anew.",
      study[over == 0][[1]]), row = study[over == 0][[1]])
  }
  within <- as.integer(ifelse(group[study] > 0, last(typed & group > 0)[study], NA))
  above <- last(head)[study]
  rows <- lapply(revman5_names, function(column) {
    value <- number(column)
    if (is.null(value)) NULL else value[study]
  })
  text <- function(column, at) {
    value <- revman_column(cells, column)
    if (is.null(value)) NULL else value[at]
  }
  rows$comparison <- number("Comparison Number")[study]
  rows$comparison_name <- name[as.integer(ifelse(above == 0, NA, above))]
  rows$outcome <- outcome[study]
  rows$outcome_name <- name[over]
  rows$subgroup <- name[within]
  rows$study <- name[study]
  rows$year <- text("Year of study", study)
  code <- c(D = "dichotomous", C = "continuous", I = "generic", G = "generic", P = "oe", O = "oe")
  rows$type <- unname(code[substr(type[over], 1, 1)])
  rows$measure <- revman_measure(text("Effect Measure", over))
  rows$label1 <- text("Group Label 1", over)
  rows$label2 <- text("Group Label 2", over)
  rows$yi <- revman_yi(rows$yi, rows$measure)
  fill_revman(rows, length(study))
}

# ---- rm5 ----

read_rm5 <- function(file) {
  need_package("xml2", "Reading an rm5 file")
  document <- tryCatch(xml2::read_xml(file, options = c("NOBLANKS", "NONET")), error = function(e) {
    qst_abort("file", sprintf("%s is no XML: %s. Save it anew in RevMan 5.",
      describe(basename(file)), sub("[.\\s]+$", "", conditionMessage(e), perl = TRUE)))
  })
  if (xml2::xml_name(document) != "COCHRANE_REVIEW") {
    qst_abort("file", sprintf("%s is XML of `%s`, not of a review of RevMan 5.",
      describe(basename(file)), xml2::xml_name(document)))
  }
  nodes <- xml2::xml_find_all(document, paste0(
    "//ANALYSES_AND_DATA//", c("DICH", "CONT", "IV", "IPD"), "_DATA", collapse = " | "
  ))
  if (length(nodes) == 0) {
    return(NULL)
  }
  rm5_rows(nodes, rm5_studies(document))
}

rm5_rows <- function(nodes, studies) {
  above <- function(kind) {
    xml2::xml_find_first(nodes, sprintf("ancestor::*[%s][1]", kind))
  }
  outcome <- above("contains(name(), '_OUTCOME')")
  group <- above("contains(name(), '_SUBGROUP')")
  comparison <- above("name() = 'COMPARISON'")
  child <- function(node, name) xml2::xml_text(xml2::xml_find_first(node, name))
  attribute <- c(
    n1 = "TOTAL_1", mean1 = "MEAN_1", sd1 = "SD_1", n2 = "TOTAL_2", mean2 = "MEAN_2", sd2 = "SD_2",
    events1 = "EVENTS_1", events2 = "EVENTS_2", sei = "SE", oe = "O_E", oe_var = "VAR"
  )
  rows <- lapply(attribute, function(name) rm5_number(nodes, name))
  code <- c(DICH = "dichotomous", CONT = "continuous", IV = "generic", IPD = "oe")
  rows$type <- unname(code[sub("_DATA$", "", xml2::xml_name(nodes))])
  measure <- xml2::xml_attr(outcome, "EFFECT_MEASURE")
  named <- child(outcome, "EFFECT_MEASURE")
  rows$measure <- revman_measure(ifelse(is.na(measure) | measure == "", named, measure))
  shown <- revman_yi(rm5_number(nodes, "EFFECT_SIZE"), rows$measure)
  entered <- rm5_number(nodes, "ESTIMATE")
  rows$yi <- ifelse(is.na(entered), shown, entered)
  rows$comparison <- as.integer(rm5_number(comparison, "NO"))
  rows$outcome <- as.integer(rm5_number(outcome, "NO"))
  rows$comparison_name <- child(comparison, "NAME")
  rows$outcome_name <- child(outcome, "NAME")
  rows$subgroup <- child(group, "NAME")
  rows$label1 <- child(outcome, "GROUP_LABEL_1")
  rows$label2 <- child(outcome, "GROUP_LABEL_2")
  id <- xml2::xml_attr(nodes, "STUDY_ID")
  at <- match(id, studies$id)
  rows$study <- ifelse(is.na(at), rm5_name(id), studies$name[at])
  rows$year <- studies$year[at]
  fill_revman(rows, length(nodes))
}

rm5_number <- function(nodes, name) {
  text <- xml2::xml_attr(nodes, name)
  revman_number(ifelse(is.na(text), "", text), name)
}

rm5_studies <- function(document) {
  nodes <- xml2::xml_find_all(document, "//STUDIES//STUDY")
  list(
    id = xml2::xml_attr(nodes, "ID"), name = xml2::xml_attr(nodes, "NAME"),
    year = xml2::xml_attr(nodes, "YEAR")
  )
}

# The name in an id: "STD-MRC_x002d_1" is MRC-1.
rm5_name <- function(id) {
  vapply(sub("^STD-", "", id), function(one) {
    code <- regmatches(one, gregexpr("_x[0-9a-fA-F]{4}_", one))[[1]]
    for (escaped in unique(code)) {
      letter <- intToUtf8(strtoi(substr(escaped, 3, 6), 16))
      one <- gsub(escaped, letter, one, fixed = TRUE)
    }
    one
  }, "", USE.NAMES = FALSE)
}

rm5_id <- function(name) {
  vapply(enc2utf8(name), function(one) {
    letters <- utf8ToInt(one)
    plain <- letters %in% utf8ToInt(paste0(c(LETTERS, base::letters, 0:9, "."), collapse = ""))
    paste0("STD-", paste(ifelse(plain, intToUtf8(letters, multiple = TRUE),
      sprintf("_x%04x_", letters)), collapse = ""))
  }, "", USE.NAMES = FALSE)
}

# ---- Writing ----

#' @rdname read_revman
#' @export
write_revman <- function(x, file) {
  x <- check_revman(as_revman(x))
  extension <- tolower(tools::file_ext(check_string(file, "file")))
  if (!extension %in% c("csv", "rm5")) {
    qst_abort("argument", sprintf("`file` must end in .csv or .rm5, not %s.",
      describe(basename(file))), value = file)
  }
  lines <- if (extension == "csv") revman_web_lines(x) else rm5_lines(x)
  write_aside(file, function(path) write_utf8(lines, path))
}

as_revman <- function(x) {
  if (inherits(x, "revman")) {
    return(fill_revman(x, nrow(x)))
  }
  if (!inherits(x, "effect_sizes")) {
    qst_abort("argument", sprintf(
      "`x` must come from read_revman() or effect_size(), not %s.", describe(x)
    ))
  }
  rows <- as.list(as.data.frame(x))
  measure <- attr(x, "measure")
  n <- nrow(x)
  rows$study <- if (is.null(x$study)) paste("Study", seq_len(n)) else as.character(x$study)
  rows$comparison <- rep(1L, n)
  rows$outcome <- rep(1L, n)
  rows$measure <- rep(measure, n)
  type <- if (is_count_measure(measure)) "dichotomous" else "continuous"
  arms <- if (type == "dichotomous") rows$events1 else rows$mean1
  rows$type <- rep(if (is.null(arms) || is_change_measure(measure)) "generic" else type, n)
  rows$sei <- sqrt(rows$vi)
  rows[c("outcome_name", "year", "subgroup")] <- lapply(rows[c("outcome_name", "year", "subgroup")],
    function(column) if (is.null(column)) rep(NA_character_, n) else as.character(column))
  fill_revman(rows[intersect(names(rows), c("comparison", "outcome", revman_text,
    revman_numbers))], n)
}

# As few digits as give the same double back.
number_cell <- function(x) {
  x <- as.numeric(x)
  text <- sprintf("%.15g", x)
  more <- which(suppressWarnings(as.numeric(text)) != x)
  text[more] <- sprintf("%.17g", x[more])
  ifelse(is.na(x), "", text)
}

revman_web_lines <- function(x) {
  headings <- c(
    "Analysis group", "Analysis number", "Analysis name", "Subgroup", "Applicability", "Study",
    "Study year", "GIV Mean", "GIV SE", "Experimental mean", "Experimental SD",
    "Experimental cases", "Experimental N", "Control mean", "Control SD", "Control cases",
    "Control N", "O-E", "Variance", "Weight", "Mean", "CI start", "CI end", "Footnotes"
  )
  cells <- stats::setNames(rep(list(rep("", nrow(x))), length(headings)), headings)
  for (name in names(revman_web_names)) {
    cells[[revman_web_names[[name]]]] <- number_cell(x[[name]])
  }
  text <- c("Analysis group" = "comparison", "Analysis number" = "outcome",
    "Analysis name" = "outcome_name", "Subgroup" = "subgroup", "Study" = "study",
    "Study year" = "year")
  for (heading in names(text)) {
    cells[[heading]] <- clean_text(x[[text[[heading]]]])
  }
  quoted <- lapply(cells, function(cell) {
    needs <- grepl("[\",]|^ | $", cell)
    ifelse(needs, paste0("\"", gsub("\"", "\"\"", cell, fixed = TRUE), "\""), cell)
  })
  c(paste(headings, collapse = ","), do.call(paste, c(unname(quoted), sep = ",")))
}

# ---- Writing rm5 ----

xml_cell <- function(text) {
  text <- clean_text(text)
  for (pair in list(c("&", "&amp;"), c("<", "&lt;"), c(">", "&gt;"), c("\"", "&quot;"))) {
    text <- gsub(pair[[1]], pair[[2]], text, fixed = TRUE)
  }
  text
}

rm5_lines <- function(x) {
  if (anyNA(x$type)) {
    qst_abort("argument", sprintf(
      "`x`: row %d has no `type`, so it cannot be written to an rm5. Say what its data are.",
      which(is.na(x$type))[[1]]
    ), row = which(is.na(x$type))[[1]])
  }
  studies <- x[!duplicated(x$study), ]
  c(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
    "<COCHRANE_REVIEW REVMAN_VERSION=\"5\" STAGE=\"R\" TYPE=\"INTERVENTION\">",
    "<STUDIES_AND_REFERENCES>", "<STUDIES>", "<INCLUDED_STUDIES>",
    sprintf("<STUDY DATA_SOURCE=\"PUB\" ID=\"%s\" NAME=\"%s\" YEAR=\"%s\"/>",
      rm5_id(studies$study), xml_cell(studies$study), xml_cell(studies$year)),
    "</INCLUDED_STUDIES>", "</STUDIES>", "</STUDIES_AND_REFERENCES>",
    "<ANALYSES_AND_DATA>",
    unlist(lapply(split(x, x$comparison), rm5_comparison)),
    "</ANALYSES_AND_DATA>", "</COCHRANE_REVIEW>"
  )
}

rm5_comparison <- function(x) {
  c(
    sprintf("<COMPARISON ID=\"CMP-%03d\" NO=\"%d\">", x$comparison[[1]], x$comparison[[1]]),
    rm5_child("NAME", x$comparison_name[[1]]),
    unlist(lapply(split(x, x$outcome), rm5_outcome)), "</COMPARISON>"
  )
}

rm5_child <- function(tag, text) {
  sprintf("<%s>%s</%s>", tag, xml_cell(text), tag)
}

rm5_outcome <- function(x) {
  code <- c(dichotomous = "DICH", continuous = "CONT", generic = "IV", oe = "IPD")[[x$type[[1]]]]
  measure <- x$measure[[1]]
  measure <- if (measure %in% "PETO") "PETO_OR" else measure
  grouped <- split(x, factor_in_order(ifelse(is.na(x$subgroup), "", x$subgroup)))
  inside <- lapply(seq_along(grouped), function(i) {
    rows <- rm5_data(grouped[[i]], code)
    if (!nzchar(names(grouped)[[i]])) {
      return(rows)
    }
    c(sprintf("<%s_SUBGROUP NO=\"%d\">", code, i), rm5_child("NAME", names(grouped)[[i]]), rows,
      sprintf("</%s_SUBGROUP>", code))
  })
  c(
    sprintf("<%s_OUTCOME EFFECT_MEASURE=\"%s\" ID=\"CMP-%03d.%02d\" NO=\"%d\">", code,
      xml_cell(measure), x$comparison[[1]], x$outcome[[1]], x$outcome[[1]]),
    rm5_child("NAME", x$outcome_name[[1]]), rm5_child("GROUP_LABEL_1", x$label1[[1]]),
    rm5_child("GROUP_LABEL_2", x$label2[[1]]), unlist(inside), sprintf("</%s_OUTCOME>", code)
  )
}

rm5_data <- function(x, code) {
  attribute <- c(
    EVENTS_1 = "events1", EVENTS_2 = "events2", MEAN_1 = "mean1", MEAN_2 = "mean2", SD_1 = "sd1",
    SD_2 = "sd2", ESTIMATE = "yi", SE = "sei", O_E = "oe", VAR = "oe_var", TOTAL_1 = "n1",
    TOTAL_2 = "n2"
  )
  cells <- lapply(names(attribute), function(name) {
    value <- number_cell(x[[attribute[[name]]]])
    ifelse(nzchar(value), sprintf(" %s=\"%s\"", name, value), "")
  })
  sprintf("<%s_DATA STUDY_ID=\"%s\"%s/>", code, rm5_id(x$study), do.call(paste0, cells))
}

# ---- Printing ----

#' @export
print.revman <- function(x, ...) {
  check_no_dots(...)
  if (!all(c("comparison", "outcome", "study", "type") %in% names(x))) {
    print(as.data.frame(x))
    return(invisible(x))
  }
  key <- paste(x$comparison, x$outcome, sep = ".")
  cat(sprintf("RevMan data: %d rows of %d studies in %d analyses\n\n", nrow(x),
    length(unique(x$study)), length(unique(key))))
  for (rows in split(seq_len(nrow(x)), factor_in_order(key))) {
    one <- x[rows, ]
    name <- one$outcome_name[[1]]
    name <- if (is.null(name) || is.na(name)) "" else paste0(name, " ")
    what <- c(one$type[[1]], if (!is.null(one$measure)) one$measure[[1]],
      sprintf("%d studies", nrow(one)))
    writeLines(strwrap(sprintf("%s %s(%s)", key[rows[[1]]], name,
      paste(what[!is.na(what)], collapse = ", ")), getOption("width"), exdent = 4))
  }
  invisible(x)
}
