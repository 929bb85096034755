lemogne <- function() system.file("extdata", "lemogne2020", package = "questrial")

folder_with <- function(..., env = parent.frame()) {
  dir <- withr::local_tempdir(.local_envir = env)
  file.copy(list.files(lemogne(), full.names = TRUE), dir)
  changes <- list(...)
  for (file in names(changes)) {
    writeLines(changes[[file]], file.path(dir, file), useBytes = TRUE)
  }
  dir
}

test_that("printed digits are kept as text", {
  printed <- published(lemogne())
  expect_identical(printed$alpha$alpha, c("0.77", "0.80"))
  expect_identical(printed$means$sd[printed$means$arm == "balint"][[4]], "8.00")
  expect_output(print(printed), "36 counts, 15 means")
})

test_that("repairs replace what is misprinted and nothing else", {
  printed <- published(lemogne())
  repaired <- published(lemogne(), repaired = TRUE)
  changed <- printed$counts$n != repaired$counts$n
  expect_identical(
    repaired$counts$n[changed & printed$counts$level == "surgery"], "15"
  )
  expect_equal(sum(changed), 2)
  expect_identical(repaired$model$level[8:9], c("other", "medicine"))
  expect_identical(repaired$means, printed$means)
})

test_that("the printed specialty counts give 4.684, the repaired ones the printed 5.596", {
  statistic <- function(printed) {
    counts <- printed$counts[printed$counts$variable == "specialty", ]
    unname(chisq.test(xtabs(as.integer(n) ~ level + arm, counts), correct = FALSE)$statistic)
  }
  expect_equal(statistic(published(lemogne())), 4.6845, tolerance = 1e-4)
  expect_equal(statistic(published(lemogne(), repaired = TRUE)), 5.596, tolerance = 1e-4)
})

test_that("a value prints as what it rounds to, ties both ways", {
  expect_true(all(prints_as(c(0.265, 0.275, 0.27), "0.27")))
  expect_false(any(prints_as(c(0.2649, 0.2751, -0.27), "0.27")))
  expect_identical(prints_as(c(0.0009, 0.001), "<.001"), c(TRUE, FALSE))
  expect_true(prints_as(0.8049, ".80"))
  expect_true(prints_as(362, "362"))
})

test_that("what is no published trial is refused by file, row and column", {
  expect_error(published("no-such-folder"), "no folder", class = "questrial_error_file")
  expect_error(published(withr::local_tempdir()), "design.csv", class = "questrial_error_file")
  arm <- c("step,arm,n,source", "randomised,placebo,100,printed")
  expect_error(published(folder_with(flow.csv = arm)), "\"placebo\" is no arm",
    class = "questrial_error_file"
  )
  expect_error(published(folder_with(alpha.csv = c("outcome,items", "baseline,19"))), "`alpha`",
    class = "questrial_error_file"
  )
  word <- c("outcome,items,alpha", "baseline,19,good")
  expect_error(published(folder_with(alpha.csv = word)), "row 1 (line 2), column `alpha`: \"good\"",
    fixed = TRUE,
    class = "questrial_error_file"
  )
  expect_error(published(folder_with(alpha.csv = "")), class = "questrial_error_file")
  expect_error(published(folder_with(alpha.csv = c("outcome,items,alpha", "a,19,.7,x,y,z"))),
    class = "questrial_error_file"
  )
  latin <- c("outcome,items,alpha", "caf\xe9,19,.7")
  expect_error(published(folder_with(alpha.csv = latin)), "UTF-8", class = "questrial_error_file")
  repairs <- c("table,row,column,printed,repaired,reason", "alpha,1,alpha,.99,.77,x")
  expect_error(published(folder_with(repairs.csv = repairs), repaired = TRUE),
    "repairs.csv, row 1",
    class = "questrial_error_file"
  )
})

test_that("numbers are read as journals set them", {
  texts <- c("0,77", "\u22122.36", "<.001", "362", "x")
  expect_equal(printed_number(texts), c(0.77, -2.36, 0.001, 362, NA))
})

test_that("files that are not there are tables without rows", {
  dir <- folder_with()
  unlink(file.path(dir, c("alpha.csv", "repairs.csv")))
  expect_equal(nrow(published(dir)$alpha), 0)
  expect_s3_class(published(dir, repaired = TRUE), "published")
})

test_that("a list of data frames of text is read as its files would be", {
  printed <- published(lemogne())
  given <- published(lapply(unclass(printed), as.data.frame))
  expect_equal(given, printed, ignore_attr = TRUE)
  few <- published(list(
    design = data.frame(key = "arms", value = "a; b"),
    means = data.frame(outcome = "age", arm = c("a", "b"), mean = c("20.1", NA))
  ))
  expect_identical(few$means$mean, c("20.1", ""))
  expect_identical(few$means$sd, c("", ""))
  expect_equal(nrow(few$model), 0)
  expect_error(published(list(designs = data.frame(key = "arms", value = "a; b"))), "`designs`",
    class = "questrial_error_file"
  )
  numbers <- data.frame(outcome = "age", arm = "a", mean = 20.1)
  expect_error(published(list(means = numbers)), "column `mean`: It is not text",
    class = "questrial_error_file"
  )
})

test_that("a list of anything else says what to give", {
  design <- data.frame(key = "arms", value = "a; b")
  means <- data.frame(outcome = factor("age"), arm = factor(c("a", "b")), mean = c("20.1", "21"),
    sd = NA)
  read <- published(list(design = design, means = means))$means
  expect_identical(read$outcome, c("age", "age"))
  expect_identical(read$sd, c("", ""))
  for (given in list(design, list(design, means), list(design = design, means), list())) {
    expect_error(published(given), "list of data frames that are named",
      class = "questrial_error_argument")
  }
  numbers <- data.frame(outcome = "age", arm = "a", mean = 20.1)
  expect_error(published(list(design = design, means = numbers)), "colClasses")
  expect_error(published(list(
    design = data.frame(key = "arms", value = "a, b"), means = means
  )), "Separate arms by semicolons")
  expect_error(published(list(
    design = data.frame(key = "Arms", value = "a; b"), means = means
  )), "spelled `arms`")
})

test_that("tests that there are not, and t of one arm, say what to write", {
  refused <- function(pattern, test, ...) {
    tests <- data.frame(test = test, outcome = "age", p = ".04", ...)
    design <- data.frame(key = "arms", value = "a; b")
    expect_error(published(list(design = design, tests = tests)), pattern,
      class = "questrial_error_file")
  }
  refused("`student` for two arms", "t-test")
  refused("Write `paired`", "dependent t")
  refused("Write `chisq`", "Chi-squared")
  refused("Write `welch`", "unequal variances")
  refused("Write `anova`", "F")
  refused("Leave the row out", "Mann-Whitney U")
  refused("Leave the row out", "Cox")
  refused("column `reference`: It is empty", "student", arm = "b")
  refused("column `arm`: It is empty", "welch", reference = "b")
  refused("compared with itself", "student", arm = "b", reference = "b")
  printed <- published(list(
    design = data.frame(key = "arms", value = "a; b"),
    tests = data.frame(test = "student", outcome = "age", statistic = "2.10", df = "60", p = ".04")
  ))
  expect_identical(audit(printed)$verdict, "exact")
})

test_that("a table saved as a spreadsheet's own file is not passed over", {
  dir <- withr::local_tempdir()
  writeLines(c("key,value", "arms,a; b"), file.path(dir, "design.csv"))
  writeLines("of something else", file.path(dir, "notes.txt"))
  expect_s3_class(published(dir), "published")
  file.create(file.path(dir, "Means.xlsx"))
  expect_error(published(dir), "Save it as means.csv", class = "questrial_error_file")
  writeLines("outcome,arm,mean", file.path(dir, "means.csv"))
  expect_s3_class(published(dir), "published")
  expect_error(published(file.path(dir, "means.csv")), "is a file. Give the folder",
    class = "questrial_error_file")
})

# ---- Files as people write them ----

# One file of a trial of two arms, read; the table.
read_as <- function(name, lines, ...) {
  dir <- withr::local_tempdir()
  writeLines(c("key,value", "arms,a; b", ...), file.path(dir, "design.csv"))
  file <- file.path(dir, paste0(name, ".csv"))
  if (is.raw(lines)) writeBin(lines, file) else writeLines(lines, file, useBytes = TRUE)
  published(dir)[[name]]
}

expect_refused <- function(name, lines, pattern, ...) {
  expect_error(read_as(name, lines), pattern, fixed = TRUE, class = "questrial_error_file")
  fault <- tryCatch(read_as(name, lines), error = identity)
  for (field in ...names()) {
    expect_identical(fault[[field]], list(...)[[field]])
  }
}

counts_header <- "variable,level,arm,n,percent"

test_that("semicolons, tabs, BOM and line ends of all systems make no difference", {
  lines <- c(counts_header, "sex,male,a,42,35.9", "sex,female,a,75,64.1")
  plain <- read_as("counts", lines)
  expect_identical(plain$percent, c("35.9", "64.1"))
  expect_identical(read_as("counts", gsub(",", ";", lines)), plain)
  expect_identical(read_as("counts", gsub(",", "\t", lines)), plain)
  bytes <- function(end) charToRaw(paste0(lines, end, collapse = ""))
  expect_identical(read_as("counts", bytes("\r\n")), plain)
  expect_identical(read_as("counts", bytes("\r")), plain)
  bom <- c(as.raw(c(0xef, 0xbb, 0xbf)), bytes("\n"))
  expect_identical(read_as("counts", bom), plain)
  spaced <- c("# a comment", "", " variable , level,arm,n,percent,,", "sex , male,a, 42,35.9,,",
    ",,,,,,", "\"sex\",\"female\",a,\"75\",64.1,,")
  expect_identical(read_as("counts", spaced), plain)
})

test_that("European decimals and signs of journals are read digit for digit", {
  got <- read_as("means", c("outcome;arm;n;mean;sd", "age;a;1 042;-2,36;11,40",
    "age;b;1.042;\u22122,36;8,00"))
  expect_identical(got$n, c("1042", "1042"))
  expect_identical(got$mean, c("-2.36", "-2.36"))
  expect_identical(got$sd, c("11.40", "8.00"))
  got <- read_as("tests", c("test,outcome,statistic,p", "anova,age,F = 2.10,P = .03",
    "anova,x,\u00b728,p < .001", "anova,y,3.1*,1.2 \u00d7 10\u22125"))
  expect_identical(got$statistic, c("2.10", ".28", "3.1"))
  expect_identical(got$p, c(".03", "<.001", "0.000012"))
})

test_that("1,234 is what the other numbers of the paper say it is", {
  row <- function(mean, sd) {
    read_as("means", c("outcome;arm;mean;sd", sprintf("cost;a;%s;%s", mean, sd)))$mean
  }
  expect_identical(row("1,234", "11.9"), "1234")
  expect_identical(row("1,234", "11,9"), "1.234")
  expect_identical(row("1.234", "11,9"), "1234")
  expect_identical(row("1.234", "11.9"), "1.234")
  expect_identical(row("1,234.5", "11.9"), "1234.5")
  expect_error(row("1,234", "1,456"), "\"1,234\" may be 1.234 or 1234", fixed = TRUE,
    class = "questrial_error_file")
})

test_that("two numbers in a cell go to their columns", {
  expect_identical(
    unlist(read_as("counts", c(counts_header, "sex,male,a,42 (35.9%),"))[4:5], use.names = FALSE),
    c("42", "35.9")
  )
  means <- read_as("means", c("outcome,arm,mean,sd", "age,a,110.1 (11.9),",
    "age,b,-2.36 \u00b1 11.40,"))
  expect_identical(means$mean, c("110.1", "-2.36"))
  expect_identical(means$sd, c("11.9", "11.40"))
  forms <- c("2.63 (0.15 to 5.11)", "2.63 [0.15; 5.11]", "\"2.63 (95% CI, 0.15, 5.11)\"",
    "2.63 (0.15\u20135.11)", "2.63 (95 % CI: 0.15 - 5.11)")
  for (form in forms) {
    got <- read_as("tests", c("test,outcome,estimate,conf.low,conf.high",
      sprintf("student,x,%s,,", form)))
    expect_identical(unlist(got[c("estimate", "conf.low", "conf.high")], use.names = FALSE),
      c("2.63", "0.15", "5.11"))
  }
  expect_refused("counts", c(counts_header, "sex,male,a,42 (35.9),35.9"), "`percent` holds too",
    file = "counts.csv", row = 1L, column = "n", value = "42 (35.9)")
})

test_that("quotes hold marks, quotes and line ends", {
  got <- read_as("counts", c(counts_header, "\"sex, or \"\"gender\"\"\",\"m", "f\",a,1,",
    "# between", "x,y,b,2,"))
  expect_identical(got$variable, c("sex, or \"gender\"", "x"))
  expect_identical(got$level, c("m f", "y"))
  expect_refused("counts", c(counts_header, "sex,\"male,a,1,", "x,y,b,2,"), "line 2")
  expect_refused("counts", c(counts_header, "sex,5\" to 6\",a,1,"), "A quote stands within")
})

test_that("numbers that are none say what to do, with file, row, column and value", {
  word <- function(n) c(counts_header, "sex,male,a,1,", "", sprintf("sex,male,b,%s,", n))
  expect_refused("counts", word("few"), "counts.csv, row 2 (line 4), column `n`: \"few\"",
    file = "counts.csv", row = 2L, column = "n", value = "few")
  expect_refused("counts", word("-"), "Leave the cell empty")
  expect_refused("counts", word("42/117"), "before the stroke")
  expect_refused("counts", word("42.5"), "no whole number")
  expect_refused("counts", word("-3"), "no whole number")
  expect_refused("counts", word("<5"), "only a bound")
  expect_refused("counts", word("0x1A"), "no whole number")
  expect_refused("means", c("outcome,arm,mean", "age,a,Inf"), "no number")
  expect_refused("tests", c("test,outcome,statistic", "student,x,t(240) = 2.086"),
    "in its own column")
  expect_refused("tests", c("test,outcome,p", "student,x,ns"), "no number")
  expect_refused("means", c("outcome,arm,mean", "age,a,1234567890123456789"), "no number")
})

test_that("headers and rows that contradict themselves are refused", {
  expect_refused("counts", c("variable,level,arm,n,n", "x,y,a,1,2"), "Two columns are called `n`")
  expect_refused("counts", c("variable,level,arm,N", "x,y,a,1"), "Did you mean `n`?")
  expect_refused("counts", c("variable,level,arm,n,", "x,y,a,1,9"), "Column 5 has no name")
  expect_refused("counts", c("variable,level,arm", "x,y,a"), "no column `n`")
  expect_refused("counts", c(counts_header, "sex,male,a,42"), "There are 4 cells")
  expect_refused("counts", c(counts_header, "sex,male,a,42,35,9"), "There are 6 cells")
  expect_refused("counts", character(), "empty")
  expect_refused("counts", "# only this", "empty")
  expect_equal(nrow(read_as("counts", counts_header)), 0)
  expect_named(read_as("means", "outcome,arm,mean"),
    c("outcome", "arm", "mean", "variable", "level", "n", "sd"))
  twice <- c(counts_header, "sex,male,a,1,", "sex,male,a,2,")
  expect_refused("counts", twice, "in row 1 already", row = 2L)
  expect_refused("counts", c(counts_header, "sex,Male,a,1,", "sex,male,b,2,"), "Spell it the same")
  expect_refused("counts", c(counts_header, "sex,male,A,1,"), "Did you mean `a`?")
  expect_refused("tests", c("test,outcome", "studnt,x"), "Did you mean `student`?")
})

test_that("bytes that are no text are refused by line", {
  header <- charToRaw(paste0(counts_header, "\n"))
  expect_refused("counts", c(header, charToRaw("x\n"), as.raw(0)), "line 3: There is a NUL byte")
  expect_refused("counts", c(header, charToRaw("caf"), as.raw(0xe9)), "line 2: \"caf\u00e9\" is not")
  expect_refused("counts", as.raw(c(0xff, 0xfe, 0x61, 0)), "UTF-16")
  dir <- folder_with()
  unlink(file.path(dir, "counts.csv"))
  dir.create(file.path(dir, "counts.csv"))
  expect_error(published(dir), "cannot be opened", class = "questrial_error_file")
})

test_that("facts of the design are known and sensible", {
  design <- function(...) published(list(design = data.frame(key = c("arms", names(c(...))),
    value = c("a; b", c(...)))))
  expect_s3_class(design(rounding = "truncated", groups_a = "9; 10", conf.level = ".9",
    grid = "baseline 1; change 20/19", flow_sums = "in = out + on; on = a + b"), "published")
  for (bad in list(c(instrumnt = "x"), c(rounding = "cut"), c(conf.level = "95"), c(arms = "c"),
    c(model_family = "normal"), c(groups_c = "12"), c(grid = "19 items"),
    c(flow_sums = "a + b"))) {
    expect_error(design(bad), "row 2", class = "questrial_error_file")
  }
  expect_error(published(list(design = data.frame(key = "arms", value = "a;;b"))), "own",
    class = "questrial_error_file")
  expect_error(published(list(counts = data.frame(variable = "x", level = "y", arm = "", n = "1"))),
    "no key `arms`", class = "questrial_error_file")
})

test_that("misprints and sizes are checked for what they refer to", {
  repair <- function(...) {
    published(list(
      alpha = data.frame(outcome = "x", alpha = "0.77"),
      repairs = utils::modifyList(data.frame(
        table = "alpha", row = "1", column = "alpha", printed = "0,77", repaired = "0,79"
      ), list(...))
    ), repaired = TRUE)
  }
  expect_identical(repair()$alpha$alpha, "0.79")
  for (bad in list(list(table = "alfa"), list(row = "2"), list(row = "x"), list(column = "beta"),
    list(printed = "0.78"), list(repaired = "high"))) {
    expect_error(do.call(repair, bad), class = "questrial_error_file")
  }
  power <- function(...) published(list(power = data.frame(n = "100", ...)))$power
  expect_identical(power(p1 = "0.5%", p2 = "12%", power = "80%")$p1, "0.005")
  expect_error(power(delta = "1", p1 = ".1", p2 = ".2"), "Means and proportions",
    class = "questrial_error_file")
  expect_error(power(p1 = "30", p2 = "40"), "between 0 and 1", class = "questrial_error_file")
  expect_error(power(delta = "0"), "difference of 0", class = "questrial_error_file")
  expect_error(published(list(pools = data.frame(k = "3", I2 = "101"))), "percentage",
    class = "questrial_error_file")
})

# ---- Templates ----

test_that("a template is read as it is, and no typed file is overwritten", {
  dir <- file.path(withr::local_tempdir(), "paper")
  covariates <- list(sex = c("male", "female"), `site, "x"` = c("a", "b", "c"))
  write_published_template(dir, c("control", "talks"), covariates)
  printed <- published(dir)
  expect_equal(nrow(printed$counts), 2 * 2 + 3 * 2)
  expect_setequal(printed$counts$variable, names(covariates))
  expect_identical(printed$model$level, c("", "talks", "female", "b", "c"))
  expect_equal(nrow(audit(printed)), 0)
  expect_output(print(printed), "nothing yet")
  for (file in list.files(dir, full.names = TRUE)) {
    name <- sub("[.]csv$", "", basename(file))
    expect_match(readLines(file)[[1]], "^# ")
    expect_named(printed[[name]], published_columns[[name]])
  }
  before <- tools::md5sum(list.files(dir, full.names = TRUE))
  unlink(file.path(dir, "flow.csv"))
  expect_error(write_published_template(dir, c("x", "y")), "there already",
    class = "questrial_error_file")
  expect_false(file.exists(file.path(dir, "flow.csv")))
  expect_identical(before[names(before) != file.path(dir, "flow.csv")],
    tools::md5sum(list.files(dir, full.names = TRUE)))
  for (arms in list("a;b", c("a", "a"), 1, character())) {
    expect_error(write_published_template(tempfile(), arms), class = "questrial_error_argument")
  }
  expect_error(write_published_template(tempfile(), "a", list(sex = "male")), "two or more",
    class = "questrial_error_argument")
})
