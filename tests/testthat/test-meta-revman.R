# Synthetic reviews in the layout of RevMan's files.
synthetic_rm5 <- function() {
  c(
    "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" standalone=\"no\"?>",
    "<COCHRANE_REVIEW REVMAN_VERSION=\"5\" TYPE=\"INTERVENTION\">",
    "<STUDIES_AND_REFERENCES><STUDIES><INCLUDED_STUDIES>",
    "<STUDY ID=\"STD-Alpha-1980\" NAME=\"Alpha 1980\" YEAR=\"1980\"/>",
    "<STUDY ID=\"STD-B_x00e9_ta\" NAME=\"B\xe9ta\" YEAR=\"1990\"><REFERENCE/></STUDY>",
    "</INCLUDED_STUDIES></STUDIES></STUDIES_AND_REFERENCES>",
    "<ANALYSES_AND_DATA><COMPARISON ID=\"CMP-001\" NO=\"1\"><NAME>Drug &amp; placebo</NAME>",
    "<DICH_OUTCOME EFFECT_MEASURE=\"PETO_OR\" NO=\"1\"><NAME>Death</NAME>",
    "<GROUP_LABEL_1>Drug</GROUP_LABEL_1><GROUP_LABEL_2>Placebo</GROUP_LABEL_2>",
    "<DICH_DATA EVENTS_1=\"49\" EVENTS_2=\"67\" O_E=\"0.0\" SE=\"0.2\" STUDY_ID=\"STD-Alpha-1980\"",
    " TOTAL_1=\"615\" TOTAL_2=\"624\" VAR=\"0.04\"/>",
    "<DICH_DATA EVENTS_1=\"5\" EVENTS_2=\"6\" STUDY_ID=\"STD-B_x00e9_ta\" TOTAL_1=\"50\"",
    " TOTAL_2=\"51\"><FOOTNOTE>x</FOOTNOTE></DICH_DATA></DICH_OUTCOME>",
    "<CONT_OUTCOME EFFECT_MEASURE=\"SMD\" NO=\"2\"><NAME>Score</NAME>",
    "<CONT_SUBGROUP NO=\"1\"><NAME>Young</NAME>",
    "<CONT_DATA MEAN_1=\"5.5\" MEAN_2=\"6.25\" SD_1=\"4.7\" SD_2=\"3.8\" SE=\"\"",
    " STUDY_ID=\"STD-MRC_x002d_1\" TOTAL_1=\"13\" TOTAL_2=\"14\"/></CONT_SUBGROUP></CONT_OUTCOME>",
    "<IV_OUTCOME EFFECT_MEASURE=\"HR\" NO=\"3\"><NAME>Relapse</NAME>",
    "<IV_DATA EFFECT_SIZE=\"0.5\" SE=\"0.25\" STUDY_ID=\"STD-Alpha-1980\" TOTAL_1=\"10\"",
    " TOTAL_2=\"12\"/></IV_OUTCOME></COMPARISON></ANALYSES_AND_DATA></COCHRANE_REVIEW>"
  )
}

# `lines` are bytes: Latin-1 where they say so.
file_of <- function(lines, extension, env = parent.frame(), name = NULL) {
  folder <- withr::local_tempdir(.local_envir = env)
  file <- file.path(folder, if (is.null(name)) paste0("review.", extension) else name)
  connection <- file(file, "wb")
  writeLines(lines, connection, useBytes = TRUE)
  close(connection)
  file
}

revman5_heading <- paste0(
  "Comparison Number,Outcome Number,Subgroup Number,Name,Data Type,Statistical Method,",
  "Effect Measure,Analysis Model,Events 1,Mean 1,SD 1,Total 1,Events 2,Mean 2,SD 2,Total 2,",
  "Effect Estimate,SE,P(Q),I\xb2(Q),Group Label 1,Group Label 2,Year of study"
)

synthetic_csv5 <- function() {
  c(
    revman5_heading,
    "1,0,0,Drug and placebo,,,,,,,,,,,,,,,,,,,",
    "1,1,0,\"Death, any\",DIC,MH,OR,Fixed,54,,,665,73,,,675,0.7,,0.1,0,Drug,Placebo,",
    "1,1,0,Alpha,,,,,49,0,0,\"1,615\",67,0,0,624,0.72,0.2,,,,,1980",
    "1,1,0,Beta,,,,,5,0,0,50,6,0,0,51,0.8,0.6,,,,,1990",
    "1,2,0,Score,CON,IV,SMD,Random,0,,,13,0,,,14,-0.1,,,,,,",
    "1,2,1,Young,CON,IV,SMD,Random,0,,,13,0,,,14,-0.1,,,,,,",
    "1,2,1,Gamma,,,,,0,5.5,4.7,13,0,6.25,3.8,14,-0.1,0.3,,,,,2001"
  )
}

test_that("an rm5 is read with its names, types and encoding", {
  skip_if_not_installed("xml2")
  x <- read_revman(file_of(synthetic_rm5(), "rm5"))
  expect_identical(x$study, c("Alpha 1980", "B\u00e9ta", "MRC-1", "Alpha 1980"))
  expect_identical(x$year, c("1980", "1990", NA, "1980"))
  expect_identical(x$type, c("dichotomous", "dichotomous", "continuous", "generic"))
  expect_identical(x$measure, c("PETO", "PETO", "SMD", "HR"))
  expect_identical(x$outcome, c(1L, 1L, 2L, 3L))
  expect_identical(x$outcome_name, c("Death", "Death", "Score", "Relapse"))
  expect_identical(unique(x$comparison_name), "Drug & placebo")
  expect_identical(x$subgroup, c(NA, NA, "Young", NA))
  expect_identical(x$label1, c("Drug", "Drug", NA, NA))
  expect_identical(x$events1, c(49, 5, NA, NA))
  expect_identical(x$n2, c(624, 51, 14, 12))
  expect_identical(x$mean2, c(NA, NA, 6.25, NA))
  expect_identical(x$sei, c(NA, NA, NA, 0.25))
  expect_equal(x$yi, c(NA, NA, NA, log(0.5)))
})

test_that("an export of RevMan 5 is read, in Latin-1 and in UTF-8 with a mark", {
  latin <- read_revman(file_of(synthetic_csv5(), "csv"))
  utf8 <- iconv(synthetic_csv5(), "latin1", "UTF-8")
  utf8[[1]] <- paste0("\ufeff", utf8[[1]])
  expect_identical(read_revman(file_of(enc2utf8(utf8), "csv")), latin)
  expect_identical(latin$study, c("Alpha", "Beta", "Gamma"))
  expect_identical(latin$outcome_name, c("Death, any", "Death, any", "Score"))
  expect_identical(latin$comparison_name, rep("Drug and placebo", 3))
  expect_identical(latin$subgroup, c(NA, NA, "Young"))
  expect_identical(latin$n1, c(1615, 50, 13))
  expect_identical(latin$mean1, c(NA, NA, 5.5))
  expect_identical(latin$measure, c("OR", "OR", "SMD"))
  plain <- read_revman(file_of(synthetic_csv5()[1:5], "csv"))
  expect_identical(plain$subgroup, c(NA_character_, NA_character_))
  headless <- read_revman(file_of(synthetic_csv5()[c(1, 3:5)], "csv"))
  expect_identical(headless$comparison_name, c(NA_character_, NA_character_))
})

test_that("data rows of RevMan Web take their measure from the settings beside", {
  rows <- c(
    paste0("Analysis group,Analysis number,Analysis name,Subgroup,Study,Study year,GIV Mean,",
      "GIV SE,Experimental mean,Experimental SD,Experimental cases,Experimental N,Control mean,",
      "Control SD,Control cases,Control N,O-E,Variance"),
    "1,1,Score,,Alpha,2001,,,5.5,4.7,,13,6.25,3.8,,14,,",
    "1,2,Death,,Beta,2002,,,,,3,20,,,4,21,,",
    "1,3,Relapse,,Beta,2002,-0.5,0.2,,,,,,,,,,",
    "1,4,Events,,Beta,2002,,,,,3,20,,,4,21,-1.5,2.25"
  )
  alone <- read_revman(file_of(rows, "csv"))
  expect_identical(alone$type, c("continuous", "dichotomous", "generic", "oe"))
  expect_true(all(is.na(alone$measure)))
  expect_identical(alone$yi[[3]], -0.5)
  file <- file_of(rows, "csv", name = "CD1-data-rows.csv")
  writeLines(c(
    "Analysis group,Analysis number,Analysis group name,Effect measure,Experimental group label",
    "1,1,Drug v placebo,Std. Mean Difference,Drug", "1,2,Drug v placebo,Risk Ratio,Drug"
  ), file.path(dirname(file), "CD1-overall-estimates-and-settings.csv"))
  beside <- read_revman(file)
  expect_identical(beside$measure, c("SMD", "RR", NA, NA))
  expect_identical(beside$comparison_name[1:2], rep("Drug v placebo", 2))
})

test_that("what was read goes into effect_size() and meta_analysis()", {
  skip_if_not_installed("metadat")
  skip_if_not_installed("metafor")
  d <- metadat::dat.normand1999
  names(d) <- sub("^(n|m|sd)([12])i$", "\\1\\2", names(d))
  es <- effect_size("SMD", m1, sd1, n1, m2, sd2, n2, data = d)
  theirs <- metafor::escalc("SMD", n1i = n1, m1i = m1, sd1i = sd1, n2i = n2, m2i = m2, sd2i = sd2,
    data = d)
  extensions <- c("csv", if (requireNamespace("xml2", quietly = TRUE)) "rm5")
  for (extension in extensions) {
    file <- file_of("", extension)
    write_revman(es, file)
    back <- read_revman(file)
    again <- effect_size("SMD", mean1, sd1, n1, mean2, sd2, n2, data = back)
    expect_equal(again$yi, as.vector(theirs$yi), tolerance = 1e-12)
    expect_equal(again$vi, as.vector(theirs$vi), tolerance = 1e-12)
  }
})

test_that("a review goes round without a change", {
  skip_if_not_installed("xml2")
  x <- read_revman(file_of(synthetic_rm5(), "rm5"))
  x$mean1[[3]] <- 1 / 3
  x$study[[3]] <- "Mr. \"Quote\" & <Sons>, \u4e2d 1999"
  x$year[[3]] <- "1999"
  file <- file_of("", "rm5")
  write_revman(x, file)
  expect_identical(read_revman(file), x)
  rows <- file_of("", "csv")
  write_revman(x, rows)
  back <- read_revman(rows)
  kept <- setdiff(names(x), c("comparison_name", "measure", "label1", "label2"))
  expect_identical(back[kept], x[kept])
})

test_that("cells that are no numbers or cannot be are named by row and column", {
  lines <- synthetic_csv5()
  here <- environment()
  worse <- function(from, to) {
    file_of(sub(from, to, lines, fixed = TRUE, useBytes = TRUE), "csv", env = here)
  }
  error <- expect_error(read_revman(worse("49,0,0", "4q9,0,0")), "Row 3, column `Events 1`",
    class = "questrial_error_file")
  expect_identical(error$row, 3L)
  error <- expect_error(read_revman(worse("5,0,0,50", "51,0,0,50")), "Beta.*more events than",
    class = "questrial_error_file")
  expect_identical(error$column, "events1")
  expect_error(read_revman(worse("5.5,4.7", "5.5,-4.7")), "`sd1`: -4.7 is below 0",
    class = "questrial_error_file")
  expect_error(read_revman(worse("49,0,0", "49,0")), "line 4 has 22 cells",
    class = "questrial_error_file")
  expect_error(read_revman(file_of(lines[c(1, 4)], "csv")), "before its outcome",
    class = "questrial_error_file")
  expect_error(read_revman(file_of(lines[1:3], "csv")), "no study",
    class = "questrial_error_no_data")
})

test_that("files of other kinds are refused", {
  expect_error(read_revman("nowhere.csv"), "no file", class = "questrial_error_file")
  expect_error(read_revman(file_of("a,b\n1,2", "csv")), "Analysis group",
    class = "questrial_error_file")
  expect_error(read_revman(file_of(character(), "csv")), class = "questrial_error_file")
  binary <- withr::local_tempfile(fileext = ".csv")
  writeBin(as.raw(c(1, 0, 2)), binary)
  expect_error(read_revman(binary), "zero byte", class = "questrial_error_file")
  skip_if_not_installed("xml2")
  expect_error(read_revman(file_of("<COCHRANE_REVIEW>", "rm5")), "no XML",
    class = "questrial_error_file")
  expect_error(read_revman(file_of("<html/>", "rm5")), "`html`", class = "questrial_error_file")
  expect_error(read_revman(file_of("<COCHRANE_REVIEW/>", "rm5")),
    class = "questrial_error_no_data")
  secret <- file_of("secret", "txt")
  entity <- c("<?xml version=\"1.0\"?>",
    sprintf("<!DOCTYPE r [<!ENTITY e SYSTEM \"file://%s\">]>", secret),
    sub("Death", "&e;", iconv(synthetic_rm5()[-1], "latin1", "UTF-8"), fixed = TRUE))
  x <- read_revman(file_of(enc2utf8(entity), "rm5"))
  expect_false(any(grepl("secret", x$outcome_name)))
})

test_that("only what can be written is", {
  file <- withr::local_tempfile(fileext = ".txt")
  x <- read_revman(file_of(synthetic_csv5(), "csv"))
  expect_error(write_revman(x, file), "[.]csv or [.]rm5", class = "questrial_error_argument")
  expect_error(write_revman(mtcars, "a.csv"), "effect_size", class = "questrial_error_argument")
  x$events1[[1]] <- 1e6
  expect_error(write_revman(x, "a.csv"), "more events", class = "questrial_error_file")
  out <- capture.output(print(x))
  expect_lte(max(nchar(out)), 80)
  expect_match(out[[3]], "1.1 Death, any .dichotomous, OR, 2 studies.")
})
