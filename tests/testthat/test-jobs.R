inside <- function(name) get(name, envir = asNamespace("questrial"))

sql_error <- function(state) {
  structure(
    list(message = "words", call = NULL, sqlstate = state),
    class = c("questrial_error_sql", "questrial_error", "error", "condition")
  )
}

class_error <- function(kind, state = NULL) {
  structure(
    list(message = "words", call = NULL, sqlstate = state),
    class = c(paste0("questrial_error_", kind), "questrial_error", "error", "condition")
  )
}

test_that("each kind of failure has its code of sysexits.h", {
  code <- function(condition) inside("exit_codes")[[inside("exit_name")(condition)]]
  kinds <- c(
    usage = 64, configuration = 78, locked = 75, lost_write = 75, commit_unknown = 75, file = 73,
    connection = 69, package = 78, no_libpq = 78, range = 65, argument = 65, audit = 65, work = 65
  )
  for (kind in names(kinds)) {
    expect_equal(code(class_error(kind)), kinds[[kind]], info = kind)
  }
  states <- c(
    "42501" = 77, "28P01" = 77, "3D000" = 78, "42P01" = 78, "23514" = 65, "22003" = 65,
    "25006" = 73, "53100" = 73, "40001" = 75, "40P01" = 75, "55P03" = 75, "57014" = 75,
    "08006" = 69, "57P01" = 69, "57P03" = 69, "53300" = 69, "42601" = 70, "XX000" = 70
  )
  for (state in names(states)) {
    expect_equal(code(sql_error(state)), states[[state]], info = state)
  }
  expect_equal(code(simpleError("x")), 70)
  expect_equal(code(class_error("connection", "28P01")), 77)
})

test_that("only readings that may pass are tried again", {
  retried <- function(state) inside("is_transient")(sql_error(state))
  for (state in c("40001", "40P01", "08000", "08006", "57P01", "57P02", "57P03", "53300")) {
    expect_true(retried(state), info = state)
  }
  for (state in c("57014", "42P01", "23505", "53200", "53100", "28P01", "57P04", "")) {
    expect_false(retried(state), info = state)
  }
  expect_true(inside("is_transient")(class_error("connection")))
  expect_false(inside("is_transient")(class_error("connection", "28P01")))
  expect_false(inside("is_transient")(simpleError("x")))
})

test_that("the wait grows, is capped, differs between runs and leaves R's generator alone", {
  withr::local_seed(7)
  seed <- .Random.seed
  waits <- vapply(1:12, inside("back_off"), 0, key = "a")
  caps <- pmin(30, 0.5 * 2^(0:11))
  expect_true(all(waits <= caps & waits >= caps / 2))
  expect_false(any(waits == vapply(1:12, inside("back_off"), 0, key = "b")))
  expect_identical(.Random.seed, seed)
})

test_that("keys of runs are UUIDs and none comes twice", {
  keys <- replicate(200, inside("run_key")())
  expect_true(all(grepl("^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$", keys)))
  expect_false(anyDuplicated(keys) > 0)
})

# ---- The file ----

job_file <- function(..., env = parent.frame()) {
  file <- withr::local_tempfile(fileext = ".dcf", .local_envir = env)
  writeLines(c(...), file)
  file
}

test_that("a job's file is read with its defaults, and paths start where it is", {
  file <- job_file("job: nightly", "work: report", "study: s", "report: out/page.html")
  job <- inside("job_description")(file)
  expect_identical(job$job, "nightly")
  expect_identical(job$report, file.path(normalizePath(dirname(file)), "out/page.html"))
  expect_equal(job[c("database", "attempts", "timeout", "repaired")], list(
    database = "", attempts = 6, timeout = 600, repaired = FALSE
  ))
  job <- inside("job_description")(file, list(study = "t", attempts = 2))
  expect_identical(job$study, "t")
  expect_equal(job$attempts, 2)
})

test_that("a wrong file is an error of configuration that says what and where", {
  refused <- function(pattern, ..., given = list()) {
    expect_error(
      inside("job_description")(job_file(..., env = parent.frame()), given), pattern,
      class = "questrial_error_configuration"
    )
  }
  refused("no field `job`", "work: analyse", "study: s")
  refused("no field `work`", "job: n", "study: s")
  refused("no field `study`", "job: n", "work: analyse")
  refused("no field `report`", "job: n", "work: report", "study: s")
  refused("no field `published`", "job: n", "work: audit", "study: s")
  refused("Did you mean `study`", "job: n", "work: analyse", "studdy: s")
  refused("name of letters", "job: a b", "work: analyse", "study: s")
  refused("`attempts` must be", "job: n", "work: analyse", "study: s", "attempts: 0")
  refused("must be a number", "job: n", "work: analyse", "study: s", "attempts: many")
  refused("one record", "job: n", "work: analyse", "study: s", "", "job: m")
  refused("other work|was to be run", "job: n", "work: report", "study: s", "report: x.html",
    given = list(work = "analyse"))
  expect_error(inside("job_description")("no/such/file.dcf"), "no such file",
    class = "questrial_error_configuration")
})

test_that("a password in a job is refused and not repeated", {
  for (database in c("host=h password=hunter2", "postgresql://u:hunter2@h/d")) {
    fault <- expect_error(
      inside("job_description")(job_file("job: n", "work: analyse", "study: s",
        paste("database:", database))),
      "password file", class = "questrial_error_configuration"
    )
    expect_no_match(conditionMessage(fault), "hunter2")
  }
  fault <- expect_error(inside("job_description")(job_file("job: n", "hunter2")), "line 2 is neither")
  expect_no_match(conditionMessage(fault), "hunter2")
})

test_that("the examples that are shipped can be read", {
  job <- inside("job_description")(system.file("jobs", "example.dcf", package = "questrial"))
  expect_identical(job$work, "analyse")
})
