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

# ---- On a server ----

# A job of a function on data of R, in a new database with the tables of a study.
local_job_database <- function(env = parent.frame()) {
  conninfo <- local_database()
  con <- pg_connect(conninfo)
  withr::defer(if (pg_is_open(con)) pg_close(con), envir = env)
  pg_install(con)
  list(conninfo = conninfo, con = con)
}

few <- data.frame(id = c("S001", "S002"), x = c(1.5, NA))
count_rows <- function(data) data.frame(n = nrow(data), mean = mean(data$x, na.rm = TRUE))

# Runs it, and keeps what it logged.
logged_run <- function(..., work = count_rows, pull = function(con) few, job = "count") {
  result <- NULL
  lines <- capture.output(
    result <- suppressWarnings(
      tryCatch(run_job(work, ..., job = job, pull = pull), error = identity)
    ),
    type = "message"
  )
  list(result = result, log = lapply(lines, jsonlite::fromJSON))
}

events <- function(run) vapply(run$log, `[[`, "", "event")

runs_of <- function(con, job = "count") {
  pg_read(con, "SELECT status, count(*) AS n FROM questrial.runs WHERE job = $1 GROUP BY 1",
    list(job), key = "status", bigint = "integer")
}

test_that("a job leaves its results and one record; again there is nothing to do", {
  skip_if_not_installed("jsonlite")
  db <- local_job_database()
  first <- logged_run(database = db$conninfo)
  expect_s3_class(first$result, "job_run")
  expect_identical(first$result$status, "done")
  expect_identical(events(first), c("start", "pulled", "worked", "done"))
  expect_identical(
    pg_results(db$con, first$result$run, "result"), data.frame(n = 2L, mean = 1.5)
  )
  expect_output(print(first$result), "Job count, run 1\n.*written.*\n  result \\(1 x 2\\)")
  again <- logged_run(database = db$conninfo)
  expect_identical(again$result$status, "current")
  expect_output(print(again$result), "Nothing to do")
  expect_identical(events(again), c("start", "pulled", "current"))
  expect_identical(runs_of(db$con), data.frame(status = c("current", "done"), n = c(1L, 1L)))
})

test_that("other data, another function or another job is work to do", {
  skip_if_not_installed("jsonlite")
  db <- local_job_database()
  status <- function(...) logged_run(database = db$conninfo, ...)$result$status
  expect_identical(status(), "done")
  more <- transform(few, x = c(1.5, 2))
  expect_identical(status(pull = function(con) more), "done")
  expect_identical(status(), "done")
  expect_identical(status(), "current")
  expect_identical(status(work = function(data) data.frame(n = 0)), "done")
  expect_identical(status(job = "other"), "done")
})

test_that("a dry run writes nothing", {
  skip_if_not_installed("jsonlite")
  db <- local_job_database()
  run <- logged_run(database = db$conninfo, dry_run = TRUE)
  expect_identical(events(run), c("start", "pulled", "worked", "dry_run"))
  expect_identical(run$result$results$result$n, 2L)
  expect_output(print(run$result), "would be written")
  expect_identical(nrow(runs_of(db$con)), 0L)
})

test_that("while another session has the lock of the job, only that job ends at once", {
  skip_if_not_installed("jsonlite")
  db <- local_job_database()
  pg_read(db$con, "SELECT pg_advisory_lock(hashtextextended('questrial job count', 0))::text")
  run <- logged_run(database = db$conninfo)
  expect_s3_class(run$result, "questrial_error_locked")
  expect_identical(events(run), c("start", "failed"))
  expect_identical(run$log[[2]]$code, 75L)
  expect_identical(logged_run(database = db$conninfo, job = "other")$result$status, "done")
})

test_that("a reading whose session is lost is done again whole on a new session", {
  skip_if_not_installed("jsonlite")
  db <- local_job_database()
  tried <- 0
  pids <- integer()
  pull <- function(con) {
    tried <<- tried + 1
    pids <<- c(pids, pg_read(con, "SELECT pg_backend_pid() AS pid")$pid)
    if (tried < 3) {
      pg_read(con, "SELECT pg_terminate_backend(pg_backend_pid())")
    }
    few
  }
  run <- logged_run(database = db$conninfo, pull = pull)
  expect_identical(run$result$status, "done")
  expect_identical(events(run), c("start", "retry", "retry", "pulled", "worked", "done"))
  expect_identical(run$log[[2]]$sqlstate, "57P01")
  expect_identical(run$log[[2]]$attempt, 1L)
  expect_length(unique(pids), 3)
  tried <- -5
  run <- logged_run(database = db$conninfo, pull = pull, job = "never", attempts = 2)
  expect_s3_class(run$result, "questrial_error_connection")
  expect_identical(run$log[[length(run$log)]]$code, 69L)
})

test_that("a reading that is refused for good is not done again", {
  skip_if_not_installed("jsonlite")
  db <- local_job_database()
  run <- logged_run(database = db$conninfo, pull = function(con) pg_read(con, "SELECT 1 / 0"))
  expect_identical(events(run), c("start", "failed"))
  expect_identical(run$log[[2]]$sqlstate, "22012")
  expect_identical(run$log[[2]]$code, 65L)
  run <- logged_run(database = db$conninfo, pull = function(con) pg_read(con, "SELECT 1 FROM no"))
  expect_identical(run$log[[2]]$code, 78L)
})

test_that("a connection string that is refused is an error of configuration", {
  skip_if_not_installed("jsonlite")
  skip_if_not(pg_available(), "no libpq")
  for (database in c("host=/nonexistent nonsense=1", "postgresql:/u@h/d", "host")) {
    run <- logged_run(database = database, attempts = 1)
    expect_identical(run$log[[length(run$log)]]$code, 78L, info = database)
  }
  run <- logged_run(database = "host=/nonexistent", attempts = 2)
  expect_identical(events(run), c("start", "retry", "failed"))
  expect_identical(run$log[[3]]$code, 69L)
})

test_that("a session lost before COMMIT leaves nothing, and the write is not done again", {
  skip_if_not_installed("jsonlite")
  db <- local_job_database()
  pg_exec(db$con, "
    CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END';
    CREATE TRIGGER die BEFORE INSERT ON questrial.results EXECUTE FUNCTION die()")
  run <- logged_run(database = db$conninfo)
  expect_s3_class(run$result, "questrial_error_lost_write")
  expect_identical(events(run), c("start", "pulled", "worked", "failed"))
  expect_identical(run$log[[4]]$code, 75L)
  expect_identical(nrow(runs_of(db$con)), 0L)
  pg_exec(db$con, "DROP TRIGGER die ON questrial.results")
  expect_identical(logged_run(database = db$conninfo)$result$status, "done")
})

test_that("a COMMIT without answer that did not land is found out and said", {
  skip_if_not_installed("jsonlite")
  db <- local_job_database()
  pg_exec(db$con, "
    CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END';
    CREATE CONSTRAINT TRIGGER die AFTER INSERT ON questrial.runs
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()")
  run <- logged_run(database = db$conninfo)
  expect_s3_class(run$result, "questrial_error_lost_write")
  expect_identical(events(run), c("start", "pulled", "worked", "unknown", "failed"))
  expect_identical(nrow(runs_of(db$con)), 0L)
})

# A server that waits for a copy that does not exist has committed, but does not answer. (The job
# sees to it that it waits: the server of tests is set not to.)
test_that("a COMMIT without answer that landed is found out and is a success", {
  skip_if_not_installed("jsonlite")
  skip_on_os("windows")
  db <- local_job_database()
  pg_exec(db$con, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
  reload <- function() pg_read(db$con, "SELECT pg_reload_conf()")
  withr::defer({
    pg_exec(db$con, "ALTER SYSTEM RESET synchronous_standby_names")
    reload()
  })
  reload()
  child <- parallel::mcparallel(logged_run(database = db$conninfo))
  killed <- FALSE
  deadline <- Sys.time() + 30
  while (!killed && Sys.time() < deadline) {
    Sys.sleep(0.05)
    killed <- any(pg_read(db$con, "SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity
      WHERE wait_event = 'SyncRep' AND datname = current_database()")$done)
  }
  expect_true(killed)
  run <- parallel::mccollect(child, timeout = 30)[[1]]
  expect_identical(events(run), c("start", "pulled", "worked", "unknown", "done"))
  expect_identical(runs_of(db$con), data.frame(status = "done", n = 1L))
  expect_identical(pg_results(db$con, run$result$run, "result")$n, 2L)
})

test_that("neither log nor record repeats what the work or the server say of the data", {
  skip_if_not_installed("jsonlite")
  db <- local_job_database()
  said <- function(...) {
    run <- logged_run(database = db$conninfo, ...)
    paste(unlist(run$log), collapse = " ")
  }
  expect_no_match(said(work = function(data) stop("S001 answered 7")), "S001")
  expect_no_match(said(pull = function(con) pg_read(con, "SELECT 'S001'::int")), "S001")
  warned <- said(work = function(data) {
    warning("S001 answered 7")
    data.frame(n = 1)
  })
  expect_no_match(warned, "S001")
  expect_match(warned, "simpleWarning")
})

test_that("what a function returns must be tables", {
  skip_if_not_installed("jsonlite")
  db <- local_job_database()
  for (wrong in list(1, NULL, list(few), list(a = 1), list(a = few, a = few))) {
    run <- logged_run(database = db$conninfo, work = function(data) wrong)
    expect_s3_class(run$result, "questrial_error_work")
  }
  run <- logged_run(database = db$conninfo, work = function(data) list(a = few, b = few))
  expect_named(pg_results(db$con, run$result$run), c("a", "b"))
})

test_that("last_success() asks for pg_install()", {
  expect_error(last_success(local_pg()), "pg_install\\(con\\)", class = "questrial_error_migration")
})

test_that("last_success() knows runs that were done or had nothing to do", {
  skip_if_not_installed("jsonlite")
  db <- local_job_database()
  expect_identical(nrow(last_success(db$con)), 0L)
  logged_run(database = db$conninfo)
  logged_run(database = db$conninfo, work = function(data) stop("no"), job = "failing")
  found <- last_success(db$con)
  expect_identical(found$job, "count")
  expect_s3_class(found$finished, "POSIXct")
  expect_true(found$age >= 0 && found$age < 600)
  expect_identical(units(found$age), "secs")
  before <- found$finished
  logged_run(database = db$conninfo)
  expect_gt(as.numeric(last_success(db$con)$finished), as.numeric(before))
  both <- last_success(db$con, c("failing", "count"))
  expect_identical(both$job, c("failing", "count"))
  expect_identical(is.na(both$finished), c(TRUE, FALSE))
})

test_that("the command line gives codes, and help without a word on stderr", {
  skip_if_not_installed("optparse")
  skip_if_not_installed("jsonlite")
  help <- capture.output(code <- job_command("analyse", "--help"))
  expect_match(help, "--dry-run", all = FALSE)
  expect_lte(max(nchar(help, "width")), 80)
  expect_identical(code, 0L)
  for (wrong in list(character(), "--config", "--nonsense", c("--config", "x", "y"))) {
    lines <- capture.output(code <- job_command("analyse", wrong), type = "message")
    expect_identical(code, 64L)
    expect_identical(jsonlite::fromJSON(lines)$code, 64L)
  }
  for (nothing in list(quote(job_command()), quote(job_command("analyze", "--help")))) {
    lines <- capture.output(code <- eval(nothing), type = "message")
    expect_identical(code, 64L)
    expect_match(jsonlite::fromJSON(lines)$message, "^`work` (is missing|must be one of)")
  }
})

test_that("a job without a file, or with a folder for one, is an error of configuration", {
  wrong <- function(expr, words) {
    capture.output(type = "message", {
      expect_error(expr, words, class = "questrial_error_configuration")
    })
  }
  wrong(run_job(), "`file` is missing")
  wrong(run_job("."), "it is a folder")
  wrong(run_job(identity, "balint"), "by name")
  wrong(run_job(identity, job = "a", job = "b"), "each once")
  wrong(run_job(identity, conninfo = ""), "no field `conninfo`. Its fields are .*`database`")
})
