# The parts of a run: its session and lock, reading with retries, the record, and the one write.

# ---- The session: an environment, as it is replaced when it was lost while reading ----

job_session <- function(description) {
  session <- new.env(parent = emptyenv())
  session$description <- description
  session
}

# Over a network a server that has gone without a word is given up after two minutes.
open_session <- function(session) {
  close_session(session)
  description <- session$description
  session$con <- tryCatch(
    pg_connect(description$database,
      application_name = substr(paste("questrial job", description$job), 1, 63),
      keepalives_idle = 60, keepalives_interval = 10, keepalives_count = 6,
      tcp_user_timeout = 120000
    ),
    questrial_error_argument = function(fault) {
      qst_abort("configuration", conditionMessage(fault))
    }
  )
  timeout <- sprintf("%.0fs", description$timeout)
  for (setting in c("statement_timeout", "idle_in_transaction_session_timeout")) {
    pg_read(session$con, "SELECT set_config($1, $2, false)", list(setting, timeout))
  }
  take_lock(session)
}

close_session <- function(session) {
  if (!is.null(session$con)) {
    pg_close(session$con)
    session$con <- NULL
  }
}

# The lock belongs to the session: whatever ends the one frees the other.
take_lock <- function(session) {
  name <- session$description$job
  taken <- pg_read(session$con,
    "SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS taken",
    list(paste("questrial job", name)))
  if (!taken$taken) {
    qst_abort("locked", sprintf(
      "Another run of the job `%s` has its lock. This one ends; start it again later.", name
    ))
  }
}

# ---- Reading ----

# On a new session: the data, the moment that they are of, and the last run that was done.
pull_job <- function(session) {
  open_session(session)
  con <- session$con
  description <- session$description
  pg_snapshot(con, {
    moment <- pg_read(con, "SELECT pg_current_snapshot()::text AS snapshot")
    plan <- if (!is.null(description$study)) job_plan(con, description)
    list(
      data = pull_data(con, description), snapshot = moment$snapshot, plan = plan,
      last = last_done(con, description$schema, description$job)
    )
  })
}

# A study that is not there, or a schema, is an error of configuration.
job_plan <- function(con, description) {
  tryCatch(
    pg_plan(con, description$study, schema = description$schema),
    questrial_error_argument = function(fault) {
      qst_abort("configuration", conditionMessage(fault))
    }
  )
}

pull_data <- function(con, description) {
  if (is.null(description$pull)) {
    pg_cohort(con, description$study, schema = description$schema)
  } else {
    check_data_frame(description$pull(con), "what `pull` returns", min_rows = 0L)
  }
}

last_done <- function(con, schema, job) {
  home_read(con, schema, paste(
    "SELECT data_hash, code_hash, plan_hash FROM @runs",
    "WHERE job = $1 AND status = 'done' ORDER BY run_id DESC LIMIT 1"
  ), list(job))
}

# `action` until it succeeds, fails for good, or failed `attempts` times. From the second time on
# the lock may still be that of our own lost session, which the server has not missed yet;
# `patient` says so of the first time.
retry_reading <- function(log, description, key, action, patient = FALSE) {
  for (attempt in seq_len(description$attempts)) {
    outcome <- tryCatch(list(value = action()), error = identity)
    if (!inherits(outcome, "error")) {
      return(outcome$value)
    }
    own_lock <- (patient || attempt > 1) && inherits(outcome, "questrial_error_locked")
    if (attempt == description$attempts || !(is_transient(outcome) || own_lock)) {
      stop(outcome)
    }
    wait <- back_off(attempt, key)
    log_event(log, "warning", "retry", sprintf(
      "%s Trying again on a new session.", logged_words(outcome)
    ), attempt = attempt, seconds = round(wait, 3), class = class(outcome)[[1]],
      sqlstate = logged_sqlstate(outcome))
    Sys.sleep(wait)
  }
}

# Seconds before the next attempt. The jitter is made of the run's key, as drawing it from R's
# generator would change what a seeded analysis draws.
back_off <- function(attempt, key) {
  jitter <- strtoi(substr(text_hash(paste(key, attempt)), 1, 7), 16) / 16^7
  min(30, 0.5 * 2^(attempt - 1)) * (0.5 + 0.5 * jitter)
}

# ---- The record ----

# A UUID (RFC 9562, version 8) made of what no other run shares.
run_key <- function() {
  digits <- text_hash(paste(
    Sys.info()[["nodename"]], Sys.getpid(), tempdir(), format(Sys.time(), "%s %OS6"),
    paste(proc.time(), collapse = " ")
  ))
  sprintf(
    "%s-%s-8%s-8%s-%s", substr(digits, 1, 8), substr(digits, 9, 12), substr(digits, 13, 15),
    substr(digits, 16, 18), substr(digits, 19, 30)
  )
}

run_record <- function(description, pulled, key, began) {
  run <- list(
    job = description$job, key = key, study = description$study, started = began,
    exit_code = exit_codes[["done"]], plan = if (!is.null(pulled$plan)) plan_text(pulled$plan),
    data_hash = data_hash(pulled$data), code_hash = job_code_hash(description),
    snapshot = pulled$snapshot
  )
  run$status <- if (is_current(run, pulled$last, description)) "current" else "done"
  run
}

# The last run did this very work, and the file that it wrote is still there.
is_current <- function(run, last, description) {
  plan_hash <- if (is.null(run$plan)) NA_character_ else text_hash(run$plan)
  nrow(last) == 1 && identical(last$data_hash, run$data_hash) &&
    identical(last$code_hash, run$code_hash) && identical(last$plan_hash, plan_hash) &&
    (is.null(description$report) || file.exists(description$report))
}

# Of all that decides what comes out besides data and plan.
job_code_hash <- function(description) {
  work <- description$work
  code <- if (is.function(work)) deparse(work, control = c("digits17", "keepInteger")) else work
  printed <- list.files(as.character(description$published), "[.]csv$", full.names = TRUE)
  text_hash(paste(c(
    package_code_hash(), code, description$report, description$repaired, tools::md5sum(printed)
  ), collapse = "\n"))
}

# ---- The write: once, in one transaction ----

# The number of the run. Where the session is lost before COMMIT was sent nothing is there; where it
# is lost after, the run's key tells.
write_job <- function(session, log, run, work) {
  schema <- session$description$schema
  tryCatch(
    pg_transaction(session$con, {
      commit_for_good(session$con)
      number <- write_run(session$con, run, schema)
      write_results(session$con, number, work$parts, schema)
      work$finish()
      number
    }),
    questrial_error = function(fault) {
      if (inherits(fault, "questrial_error_commit_unknown")) {
        settle_commit(session, log, run, fault)
      } else if (is_transient(fault)) {
        abort_unwritten(fault)
      } else {
        stop(fault)
      }
    }
  )
}

# A server may be set to answer a COMMIT before it is on disk; a crash then loses what was said to
# be done.
commit_for_good <- function(con) {
  pg_read(con, paste(
    "SELECT set_config('synchronous_commit', 'on', true)",
    "WHERE current_setting('synchronous_commit') = 'off'"
  ))
}

abort_unwritten <- function(why) {
  qst_abort("lost_write", paste(
    "The session was lost while the results were written. Nothing of them was kept: the server",
    "undid it. Start the job again."
  ), sqlstate = why$sqlstate)
}

settle_commit <- function(session, log, run, why) {
  log_event(log, "warning", "unknown", paste(
    "The session was lost before COMMIT was answered. Looking up whether the run is there."
  ), class = class(why)[[1]], sqlstate = logged_sqlstate(why))
  look <- function() {
    open_session(session)
    home_read(session$con, session$description$schema,
      "SELECT run_id FROM @runs WHERE job = $1 AND key = $2", list(run$job, run$key)
    )$run_id
  }
  found <- tryCatch(
    retry_reading(log, session$description, run$key, look, patient = TRUE),
    error = function(fault) {
      qst_abort("commit_unknown", sprintf(paste(
        "It is not known whether run %s was committed, as the database could not be asked: %s",
        "Start the job again: it finds out, and does nothing if the run is there."
      ), run$key, logged_words(fault)))
    }
  )
  if (length(found) == 0) abort_unwritten(why) else found
}
