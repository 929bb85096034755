#' Run a job on a study's database
#'
#' Does a piece of work that is to happen again and again, unattended, and either happens whole or
#' not at all: reads a study in one snapshot, works on it, and writes the results together with one
#' record of the run in one transaction. Lines of JSON on stderr say what happens, and the code of
#' the process what came of it.
#'
#' In order, it takes a lock in the database, so that a second run of the same job ends at once;
#' reads the cohort ([pg_cohort()]) in one read-only snapshot; looks whether the last run of this
#' job had the same data, code and plan, and if so records that and ends; works; and writes.
#' What fails says so, and nothing of it is kept: killing R, the session or the server at any
#' moment leaves all results and one record, or none, and what was said to be done is on the
#' server's disk. Lock and transaction belong to the session, so the server clears up after an R
#' that was killed. (Where pgbouncer stands between, its mode must therefore be `session`.)
#'
#' A *reading* that fails for a reason that may pass (a lost session, a server that starts, no free
#' connection, a serialization failure: SQLSTATE 08xxx, 57P01 to 57P03, 53300, 40001, 40P01) is done
#' again in whole, on a new session and a new snapshot, after 0.5, 1, 2, 4, ... seconds, each up to
#' half shorter and 30 at most. A *write* is never done again. When the session is lost between the
#' COMMIT and its answer, the key of the run is looked up on a new session, after its lock has told
#' that the old one is over: the run is then known to be done or not.
#'
#' @section The file:
#' A job is a text file in Debian control format, as instruments are ([read_instrument()]): one
#' record of fields `name: value`.
#' * `job`: its name, which runs are found by; `work`: `score` (all scales of all visits, a row a
#'   participant), `analyse` ([analyse()] by the study's plan), `report` ([report()]) or `audit`
#'   ([reproduce()]: printed tables are set beside the database's cohort, and figures that differ
#'   are a refusal).
#' * `study`: its name in the database.
#' * `database`: as `conninfo` of [pg_connect()], without a password; empty: libpq's own rules
#'   (`PGHOST`, `PGSERVICE`, password file, ...); `schema`: that of [pg_install()] (questrial).
#' * `report`: the file that `report` writes; `published`: the folder of printed tables that `audit`
#'   reads and `report` shows, `repaired`: `yes` or `no`, see [published()]. Paths are relative to
#'   the job's file.
#' * `attempts`: how often to try to read (6); `timeout`: seconds after which the server ends a
#'   statement (600).
#'
#' @section Exit codes:
#' `inst/jobs/` holds scripts for cron and systemd that end with these codes (after BSD's
#' `sysexits.h`), and example files. Each logged line about an end has it as `code`.
#' | code | meaning |
#' |---|---|
#' | 0 | done, or nothing to do |
#' | 64 | wrong usage of the command line |
#' | 65 | the data were refused, or printed figures differ; nothing was written |
#' | 69 | the database cannot be reached |
#' | 70 | an error nobody foresaw |
#' | 73 | the results cannot be written |
#' | 75 | try again: another run has the lock, or the session was lost while writing |
#' | 77 | no permission |
#' | 78 | something is wrong with the configuration |
#'
#' @section The log:
#' One JSON object a line, on stderr, always with the keys `time` (UTC), `level` (info, warning,
#' error), `event`, `job`, `study`, `key` (of the run), `pid`, `attempt`, `rows`, `seconds`, `class`
#' (of a condition), `sqlstate`, `code` and `message`; `null` where a key means nothing. Events are
#' `start`, `retry`, `pulled`, `current`, `worked`, `warning`, `unknown`, `done`, `dry_run` and
#' `failed`. No line holds data or secrets: of errors that may quote data only class, place and
#' SQLSTATE are logged; [run_job()] called in R shows their words.
#'
#' @param file Path of the job's file. Or a function, for work of one's own: it is called with the
#'   cohort, and what it returns, a data frame or a list of data frames with names, is what is
#'   written.
#' @param ... Fields by name, in place of the file's; those of a job that is a function (`job`, its
#'   name, is required). With a function there may be a field `pull` too: a function of the
#'   connection, called inside the snapshot, that returns a data frame to work on.
#' @param dry_run Read and work, but write nothing.
#' @return An object of class `job_run`, invisibly: `job`, `status` (`"done"`, `"current"` for
#'   nothing to do, or `"dry_run"`), `key`, `run` (its number in the database, NA if none), and
#'   `results`, the data frames that were written. A job that failed is an error, logged and then
#'   raised as it was.
#' @seealso [last_success()]; [job_command()] for scripts. targets and batchtools order many tasks
#'   and keep results in files; this runs one, and what it promises is about its database.
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' alphas <- function(data) {
#'   scale <- instrument("jse-s")
#'   reliability(data, scale, columns = paste0("t0_", 1:20))$alpha
#' }
#' con <- pg_connect(server$conninfo)
#' pg_install(con)
#' run <- run_job(alphas,
#'   job = "alphas", database = server$conninfo, pull = function(con) balint
#' )
#' run
#' last_success(con)
#' pg_close(con)
#' server$stop()
#' @export
run_job <- function(file, ..., dry_run = FALSE) {
  check_flag(dry_run, "dry_run")
  key <- run_key()
  given <- list(...)
  speaker <- new.env(parent = emptyenv())
  speaker$log <- job_log(list(job = if (is.character(given$job)) given$job[[1]]), key)
  logging_conditions(speaker, {
    description <- job_description(file, given)
    speaker$log <- job_log(description, key)
    conduct_job(description, speaker$log, key, dry_run)
  })
}

# Tells of warnings, and of the error that ends the run, before R does with them what it does.
logging_conditions <- function(speaker, expr) {
  tell <- function(level, event, condition, code = NULL) {
    log_event(speaker$log, level, event, logged_words(condition),
      class = class(condition)[[1]], sqlstate = logged_sqlstate(condition), code = code
    )
  }
  fail <- function(condition) {
    tell("error", "failed", condition, exit_codes[[exit_name(condition)]])
  }
  withCallingHandlers(expr,
    warning = function(condition) tell("warning", "warning", condition),
    error = fail, interrupt = fail
  )
}

conduct_job <- function(description, log, key, dry_run) {
  began <- Sys.time()
  log_event(log, "info", "start", "Started.")
  session <- job_session(description)
  on.exit(close_session(session))
  pulled <- retry_reading(log, description, key, function() pull_job(session))
  log_event(log, "info", "pulled", "Read in one snapshot.",
    rows = nrow(pulled$data), seconds = seconds_since(began)
  )
  run <- run_record(description, pulled, key, began)
  work <- if (run$status == "done") do_work(description, pulled) else no_work
  if (run$status == "done") {
    log_event(log, "info", "worked", "Worked on it.", rows = rows_of(work$parts),
      seconds = seconds_since(began)
    )
  }
  number <- if (!dry_run) write_job(session, log, run, work)
  outcome <- structure(
    list(
      job = run$job, status = run$status, dry_run = dry_run, key = key, run = number,
      results = work$parts
    ),
    class = "job_run"
  )
  log_event(log, "info", if (dry_run) "dry_run" else run$status, run_words(outcome),
    rows = rows_of(work$parts), seconds = seconds_since(began),
    code = exit_codes[["done"]]
  )
  invisible(outcome)
}

rows_of <- function(parts) {
  sum(vapply(parts, nrow, 0L))
}

seconds_since <- function(began) {
  round(as.numeric(difftime(Sys.time(), began, units = "secs")), 3)
}

run_words <- function(x) {
  tables <- sprintf("%d table%s", length(x$results), if (length(x$results) == 1) "" else "s")
  if (x$status == "current") {
    "Nothing to do: data, code and plan are those of the last run."
  } else if (x$dry_run) {
    sprintf("A dry run: %s would be written.", tables)
  } else {
    sprintf("Done: %s and the record of the run were written.", tables)
  }
}

#' @export
print.job_run <- function(x, ...) {
  cat(sprintf("Job %s%s\n", x$job, if (is.null(x$run)) "" else sprintf(", run %.0f", x$run)))
  cat(run_words(x), "\n", sep = "")
  if (length(x$results) > 0) {
    size <- vapply(x$results, function(part) sprintf("%d x %d", nrow(part), ncol(part)), "")
    cat(strwrap(paste(sprintf("%s (%s)", names(size), size), collapse = ", "), 78, 2, 2),
      sep = "\n"
    )
  }
  invisible(x)
}

#' When did a job last succeed?
#'
#' A job that no longer runs says nothing, so somebody has to ask: the time of the last run that was
#' done or found nothing to do. Failed runs do not count; they are in the log.
#'
#' A monitoring system asks the same without R, by the view `last_success`. This gives the seconds
#' since the last success, and no row if there never was one:
#'
#'     SELECT extract(epoch FROM age) FROM questrial.last_success WHERE job = 'nightly'
#'
#' @param con A connection made by [pg_connect()].
#' @param schema Name of the schema, see [pg_install()].
#' @param job Names of jobs; by default all that ever succeeded.
#' @return A data frame, one row a job: `job`, `finished` (POSIXct, UTC; `NA` if never) and `age`
#'   (difftime in seconds, by the server's clock).
#' @seealso [run_job()]
#' @inherit run_job examples
#' @export
last_success <- function(con, job = NULL, schema = "questrial") {
  check_connection(con)
  check_home(con, schema)
  found <- home_read(con, schema,
    "SELECT job, finished, extract(epoch FROM age)::float8 AS age FROM @last_success",
    key = "job"
  )
  if (!is.null(job)) {
    found <- found[match(check_names(job, "job"), found$job), ]
    found$job <- job
  }
  found$age <- as.difftime(found$age, units = "secs")
  rownames(found) <- NULL
  found
}
