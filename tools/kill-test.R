# Kills a job of the shipped cohort N times at random moments and looks at what is left:
#   Rscript tools/kill-test.R N [SEED [WORK]]
# Kinds: the backend terminated as an administrator does, the backend killed (the server then
# restarts by itself), R killed, the server killed as in a power cut and started again a moment
# later. What must hold after each: all results and one record of the run, or nothing; what the job
# said of itself is true; the next run completes and leaves the results of an undisturbed one; no
# step takes longer than a minute. Prints TAP, a line a moment, and a tally.
library(questrial)
if (!pg_available() || !pg_can_start()) {
  cat("1..1\nok 1 # SKIP no libpq or no PostgreSQL server\n")
  quit()
}

kinds <- c("backend terminated", "backend killed", "R killed", "server killed")
patience <- 60

# ---- A job in a process of its own, by the script that users run ----

job_folder <- tempfile("kill-test")
dir.create(job_folder)

write_job_file <- function(job, work, conninfo) {
  file <- file.path(job_folder, paste0(job, ".dcf"))
  writeLines(c(
    paste("job:", job), paste("work:", work), "study: balint", paste("database:", conninfo),
    "attempts: 8", "timeout: 30"
  ), file)
  file
}

start_script <- function(file, work) {
  at <- tempfile("run", job_folder)
  script <- system.file("jobs", paste0(work, ".R"), package = "questrial")
  system(sprintf(
    "{ %s/bin/Rscript --no-init-file %s --config %s > /dev/null 2> %s.log & echo $! > %s.pid; %s",
    R.home(), shQuote(script), shQuote(file), at, at,
    sprintf("wait $!; echo $? > %s.part; mv %s.part %s.code; } 2> /dev/null &", at, at, at)
  ))
  list(at = at, started = Sys.time())
}

# Lines that are complete; what is killed while it writes leaves a part of one.
log_of <- function(run) {
  file <- paste0(run$at, ".log")
  lines <- if (file.exists(file)) readLines(file, warn = FALSE) else character()
  lines[endsWith(lines, "}")]
}

has_said <- function(run, event) {
  any(grepl(sprintf("\"event\":\"%s\"", event), log_of(run), fixed = TRUE))
}

# Waits until `condition()`, but not for longer than anything may take.
wait_until <- function(condition, seconds = patience) {
  deadline <- Sys.time() + seconds
  while (!condition()) {
    if (Sys.time() > deadline) {
      return(FALSE)
    }
    Sys.sleep(0.002)
  }
  TRUE
}

ended <- function(run) file.exists(paste0(run$at, ".code"))

# The exit code, NA of a run that hung.
code_of <- function(run) {
  if (wait_until(function() ended(run))) scan(paste0(run$at, ".code"), quiet = TRUE) else NA
}

pid_of <- function(run) {
  file <- paste0(run$at, ".pid")
  wait_until(function() file.exists(file) && file.size(file) > 0)
  scan(file, quiet = TRUE)
}

complete_run <- function(file, work) {
  run <- start_script(file, work)
  list(run = run, code = code_of(run))
}

# How long the parts of a run took that was not disturbed, by what it said when.
parts_of <- function(run) {
  lines <- lapply(log_of(run), jsonlite::fromJSON)
  at <- as.POSIXct(vapply(lines, `[[`, "", "time"), "%Y-%m-%dT%H:%M:%OS", tz = "UTC")
  at <- stats::setNames(as.numeric(at), vapply(lines, `[[`, "", "event"))
  c(
    whole = at[["done"]] - as.numeric(run$started), session = at[["done"]] - at[["start"]],
    writing = at[["done"]] - at[["worked"]]
  )
}

# ---- What is in the database ----

with_database <- function(server, ask) {
  con <- NULL
  wait_until(function() {
    con <<- tryCatch(pg_connect(server$conninfo), error = function(e) NULL) # nolint: local
    !is.null(con)
  })
  on.exit(pg_close(con))
  ask(con)
}

# Records of a job, how many cells its results have, and their hash; cells that belong to no record.
left_of <- function(server, job) {
  with_database(server, function(con) {
    pg_read(con, "
      SELECT
        (SELECT count(*) FROM questrial.runs WHERE job = $1 AND status = 'done') AS done,
        (SELECT count(*) FROM questrial.runs WHERE job = $1 AND status <> 'done') AS other,
        (SELECT md5(coalesce(string_agg(concat_ws('|', part, row_no, column_no, name, number, text),
           E'\n' ORDER BY part, row_no, column_no), ''))
         FROM questrial.results JOIN questrial.runs USING (run_id) WHERE job = $1) AS results,
        (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') AS locks
    ", list(job), bigint = "numeric")
  })
}

# ---- Killing ----

backend_pid <- function(server) {
  with_database(server, function(con) {
    pg_read(con, "SELECT pid FROM pg_stat_activity
      WHERE application_name LIKE 'questrial job%'")$pid
  })
}

# TRUE if there was something to kill.
strike <- function(kind, run, server) {
  switch(kind,
    "backend terminated" = with_database(server, function(con) {
      any(pg_read(con, "SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity
        WHERE application_name LIKE 'questrial job%'")$done)
    }),
    "backend killed" = any(tools::pskill(backend_pid(server), 9)),
    "R killed" = !ended(run) && tools::pskill(pid_of(run), 9),
    "server killed" = {
      running <- !ended(run)
      server$kill()
      Sys.sleep(runif(1, 0, 2))
      server$restart()
      running
    }
  )
}

# Half of the moments are spread over the whole run, half over the writing at its end.
wait_for_moment <- function(run, kind, usual) {
  if (runif(1) < 0.5) {
    wait_until(function() has_said(run, "worked") || ended(run))
    Sys.sleep(runif(1, 0, 1.2 * usual[["writing"]]))
  } else if (grepl("backend", kind)) {
    wait_until(function() has_said(run, "start") || ended(run))
    Sys.sleep(runif(1, 0, usual[["session"]]))
  } else {
    Sys.sleep(runif(1, 0, usual[["whole"]]))
  }
}

# ---- A moment: list of the outcome and what is wrong ----

kill_once <- function(job, kind, server, reference, work) {
  file <- write_job_file(job, work, server$conninfo)
  run <- start_script(file, work)
  wait_for_moment(run, kind, reference$usual)
  struck <- strike(kind, run, server)
  code <- code_of(run)
  left <- left_of(server, job)
  again <- complete_run(file, work)
  after <- left_of(server, job)
  nothing <- left$done == 0 && left$results == reference$nothing
  everything <- left$done == 1 && left$results == reference$results
  wrong <- c(
    if (is.na(code)) "hung",
    if (!nothing && !everything) "half of it is there",
    if (identical(code, 0) && !everything) "said done, is not",
    if (everything && !code %in% c(0, 137) && !has_said(run, "unknown")) "is done, said failed",
    if (!code %in% c(0, 69, 75, 137)) sprintf("ended with %s", code),
    if (!identical(again$code, 0)) sprintf("the next run ended with %s", again$code),
    if (after$done != 1 || after$results != reference$results) "the next run left something else",
    if (after$other != everything) "the next run did not see what was there",
    if (after$locks > 0) "a lock is held"
  )
  if (length(wrong) > 0) {
    message(paste(readLines(paste0(run$at, ".log")), collapse = "\n"))
    message(paste(readLines(paste0(again$run$at, ".log")), collapse = "\n"))
  }
  list(
    kind = kind, struck = struck, left = if (everything) "all" else "none", code = code,
    settled = has_said(run, "unknown"), retried = has_said(run, "retry"), wrong = wrong,
    usual = if (!struck && everything) {
      parts_of(run)
    } else if (left$done == 0 && identical(again$code, 0)) {
      parts_of(again$run)
    }
  )
}

# An undisturbed run: its results and how long its parts take.
reference_run <- function(server, work) {
  nothing <- left_of(server, "none")$results
  once <- complete_run(write_job_file("reference", work, server$conninfo), work)
  left <- left_of(server, "reference")
  stopifnot(identical(once$code, 0), left$done == 1, left$results != nothing)
  list(results = left$results, nothing = nothing, usual = parts_of(once$run))
}

# ---- All moments ----

arguments <- commandArgs(trailingOnly = TRUE)
n <- as.integer(arguments[[1]])
seed <- if (length(arguments) > 1) as.integer(arguments[[2]]) else as.integer(Sys.time()) %% 1e5
work <- if (length(arguments) > 2) arguments[[3]] else "analyse"
set.seed(seed)
server <- pg_throwaway(c(restart_after_crash = "on"))
with_database(server, function(con) {
  pg_install(con)
  pg_study(con, "balint", balint_plan(), balint)
})
reference <- reference_run(server, work)
message(sprintf("seed %d, work %s; an undisturbed run takes %.2f s, its writing %.3f s",
  seed, work, reference$usual[["whole"]], reference$usual[["writing"]]))
cat(sprintf("1..%d\n", n))
outcomes <- list()
for (i in seq_len(n)) {
  kind <- kinds[[(i - 1) %% length(kinds) + 1]]
  # A run that was over before the blow is no moment, unless it went wrong; the machine's pace
  # changes, so moments are drawn from what the last undisturbed run took.
  for (try in 1:10) {
    outcome <- kill_once(sprintf("kill-%d-%d", i, try), kind, server, reference, work)
    if (!is.null(outcome$usual)) {
      reference$usual <- outcome$usual
    }
    if (outcome$struck || length(outcome$wrong) > 0) {
      break
    }
  }
  outcomes[[i]] <- outcome
  cat(sprintf("%s %d - %s%s, exit code %s: %s%s\n",
    if (length(outcome$wrong) == 0) "ok" else "not ok", i, outcome$kind,
    if (outcome$struck) "" else " (was over)", outcome$code, outcome$left,
    paste0(", ", outcome$wrong, recycle0 = TRUE, collapse = "")))
}
server$stop()
unlink(job_folder, recursive = TRUE)
tally <- do.call(rbind, lapply(outcomes, function(x) {
  data.frame(
    kind = if (x$struck) x$kind else paste(x$kind, "(was over)"), left = x$left, code = x$code,
    settled = x$settled, retried = x$retried, wrong = length(x$wrong) > 0
  )
}))
message(paste(capture.output({
  print(addmargins(table(tally$kind, tally$left)))
  print(table(tally$kind, paste("exit", tally$code)))
}), collapse = "\n"))
message(sprintf("%d tried to read again, %d looked up whether COMMIT had landed, %d wrong",
  sum(tally$retried), sum(tally$settled), sum(tally$wrong)))
quit(status = any(tally$wrong))
