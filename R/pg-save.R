#' Keep results in PostgreSQL with where they come from
#'
#' `pg_save()` writes the tables of an analysis and one record of the run, in one transaction: all
#' of it is there afterwards, or nothing. `pg_runs()` lists the runs, `pg_results()` reads the
#' tables of one back.
#'
#' The record says who (the role that logged in, the client's address, the application's name),
#' when (start by the client's clock, end by the server's), what (the job, the plan as text and its
#' SHA-256, the [data_hash()] of the data, the SHA-256 of the package's installed code, the seed of
#' an imputation), with which versions (package, R, libpq, server) and from which moment of the
#' database (snapshot, transaction, system identifier).
#'
#' With `study`, the study is read again in the same transaction, at `REPEATABLE READ` unless it is
#' inside a [pg_transaction()] of yours, and must still have the hash of the data that were
#' analysed: so the snapshot of the record is a moment at which the database held exactly these
#' data. Without it the data came from elsewhere, and the hash is all that is known of them.
#'
#' @inheritParams pg_study
#' @param con A connection made by [pg_connect()]: for `pg_save()` as a role that may write runs
#'   (the *analyst* of [pg_home_sql()]), to read them as a *reader*.
#' @param analysis What [analyse()] made.
#' @param study The study that [pg_cohort()] read, or `NULL` for data from elsewhere.
#' @param job What kind of run this is.
#' @param key A name of this piece of work, or `NULL`. A second run that is done with the same job
#'   and key is refused, so a repetition cannot be counted twice.
#' @return `pg_save()`: the number of the run, invisibly.
#'
#'   `pg_runs()`: a data frame of class `pg_runs`, newest first, with a column for each of the table
#'   `runs`; `study` instead of its number; hashes, versions and numbers as text, `started` and
#'   `finished` in UTC.
#'
#'   `pg_results()`: a named list of data frames, or one of them if `part` is given: those parts of
#'   the analysis that are tables (`change`, `contrasts`, `model` with its confidence intervals,
#'   `interaction`, `attendance`, `sensitivity`, `completion`, `baseline`, `flow`, `flow.lines`,
#'   `reliability`), every number bit for bit.
#' @section Errors:
#' `questrial_error_changed` if the study's data are no longer those that were analysed;
#' `questrial_error_sql` with SQLSTATE 23505 if this job and key are done already;
#' `questrial_error_argument` for a run, study or part that there is not.
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' con <- pg_connect(server$conninfo)
#' pg_install(con)
#' pg_study(con, "balint", balint_plan(), balint)
#' run <- pg_save(con, analyse(pg_plan(con, "balint"), pg_cohort(con, "balint")), "balint")
#' pg_runs(con)
#' pg_results(con, run, "contrasts")
#' pg_read(con, "SELECT contrast, estimate, conf_low, conf_high FROM questrial.estimates
#'   WHERE part = 'contrasts' ORDER BY row_no")
#' pg_close(con)
#' server$stop()
#' @export
pg_save <- function(con, analysis, study = NULL, job = "analyse", key = NULL,
                    schema = "questrial") {
  check_class(analysis, "analysis", "analysis", "analyse")
  check_string(job, "job")
  check_optional(key, "key")
  run <- analysis_run(analysis, job, key)
  check_home(con, schema)
  is_outermost <- !in_transaction(con)
  number <- pg_transaction(con, {
    if (is_outermost) {
      pg_exec(con, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    }
    if (!is.null(study)) {
      run$study <- study
      check_unchanged(con, schema, study, analysis)
    }
    number <- write_run(con, run, schema)
    write_results(con, number, analysis_parts(analysis), schema)
    number
  })
  invisible(number)
}

check_unchanged <- function(con, schema, study, analysis) {
  now <- data_hash(read_cohort(con, schema, find_study(con, schema, study)))
  if (now != analysis$data_hash) {
    qst_abort("changed", sprintf(
      paste(
        "The data of study %s are not those that were analysed: their hash is %s..., it was %s...",
        "Read them again with pg_cohort(), analyse them, and save that."
      ), describe(study), substr(now, 1, 12), substr(analysis$data_hash, 1, 12)
    ), value = now)
  }
}

# ---- What is kept of an analysis ----

# The record of a run, by names of columns of the table runs; `study` is its name.
analysis_run <- function(analysis, job, key) {
  list(
    job = job, key = key, status = "done", started = Sys.time(),
    plan = plan_text(analysis$plan), data_hash = analysis$data_hash,
    code_hash = package_code_hash(), seed = analysis$imputation$imputations$seed
  )
}

# The parts of an analysis that are tables: a named list of plain data frames.
analysis_parts <- function(analysis) {
  completed <- analysis$completion
  Filter(Negate(is.null), list(
    change = analysis$change,
    contrasts = plain_table(analysis$contrasts),
    model = model_table(analysis$model, analysis$plan$conf.level),
    interaction = analysis$interaction, attendance = analysis$attendance,
    sensitivity = analysis$sensitivity,
    completion = if (!is.null(completed)) plain_table(completed),
    baseline = plain_table(analysis$baseline),
    flow = plain_table(analysis$flow$boxes), flow.lines = plain_table(analysis$flow$lines),
    reliability = reliability_table(analysis$reliability)
  ))
}

# Without class and notes.
plain_table <- function(x) {
  data.frame(lapply(unclass(x), as.vector), check.names = FALSE)
}

model_table <- function(model, conf.level) {
  tidied <- if (inherits(model, "pooled_fit")) tidy.pooled_fit else tidy.fit_glm
  plain_table(tidied(model, conf.int = TRUE, conf.level = conf.level))
}

reliability_table <- function(visits) {
  do.call(rbind, unname(Map(function(x, visit) {
    data.frame(visit = visit, tidy.scale_reliability(x))
  }, visits, names(visits))))
}

# SHA-256 of the package's code as it is installed, functions and library.
package_code_hash <- function() {
  folders <- file.path(getNamespaceInfo("questrial", "path"), c("R", "libs"))
  files <- sort(list.files(folders, full.names = TRUE, recursive = TRUE), method = "radix")
  text_hash(paste(basename(files), tools::md5sum(files), collapse = "\n"))
}

libpq_version <- function() {
  number <- .Call(C_qstr_pg_version)
  sprintf("%d.%d", number %/% 10000L, number %% 10000L)
}

# ---- Writing ----

# Inserts the record and gives its number. `run` has some of the columns by name, of which `job`,
# `status` and `started` are needed; versions are added, `finished` where it is no longer running.
write_run <- function(con, run, schema = "questrial") {
  run$study_id <- if (!is.null(run$study)) find_study(con, schema, run$study)
  run$study <- NULL
  run$plan_hash <- if (!is.null(run$plan)) text_hash(run$plan)
  run <- c(run, list(
    package_version = questrial_version(), r_version = as.character(getRversion()),
    libpq_version = libpq_version()
  ))
  run <- Filter(Negate(is.null), run)
  # A client's clock may be ahead of the server's.
  end <- "CASE WHEN $%d::text <> 'running' THEN greatest(clock_timestamp(), $%d::timestamptz) END"
  pg_transaction(con, home_read(con, schema, sprintf(
    "INSERT INTO @runs (%s, finished) VALUES (%s, %s) RETURNING run_id",
    paste(names(run), collapse = ", "), paste0("$", seq_along(run), collapse = ", "),
    sprintf(end, match("status", names(run)), match("started", names(run)))
  ), unname(run))$run_id)
}

# `parts` is a named list of data frames.
write_results <- function(con, number, parts, schema = "questrial") {
  cells <- do.call(rbind, unname(Map(table_cells, parts, names(parts), seq_along(parts))))
  home_write(con, schema, cbind(run_id = rep(number, NROW(cells)), cells), "results")
}

# A row for each cell of a table, its columns those of the table results but run_id.
table_cells <- function(table, part, part_no) {
  cells <- lapply(seq_along(table), function(j) {
    x <- if (is.factor(table[[j]])) as.character(table[[j]]) else table[[j]]
    type <- typeof(x)
    is_text <- type == "character"
    n <- length(x)
    data.frame(
      part = rep(part, n), part_no = rep(part_no, n), row_no = seq_len(n),
      column_no = rep(j, n), name = rep(names(table)[[j]], n), type = rep(type, n),
      number = if (is_text) rep(NA_real_, n) else as.double(x),
      text = if (is_text) x else rep(NA_character_, n)
    )
  })
  do.call(rbind, cells)
}

# ---- Reading ----

#' @rdname pg_save
#' @export
pg_runs <- function(con, schema = "questrial") {
  check_home(con, schema)
  runs <- home_read(con, schema, paste(
    "SELECT run_id, job, key, study, status, started, finished, exit_code, message,",
    "session_user_name, host(client_address) AS client_address, application, plan_hash, data_hash,",
    "code_hash, seed::float8 AS seed, package_version, r_version, libpq_version, server_version,",
    "snapshot::text AS snapshot, transaction::text AS transaction,",
    "system_identifier::text AS system_identifier",
    "FROM @runs LEFT JOIN (SELECT study_id, study FROM @studies) s USING (study_id)",
    "ORDER BY run_id DESC"
  ))
  structure(runs, class = c("pg_runs", "data.frame"))
}

#' @export
print.pg_runs <- function(x, ...) {
  shown <- data.frame(
    run = x$run_id, job = x$job, study = ifelse(is.na(x$study), "", x$study), status = x$status,
    finished = format(x$finished, "%Y-%m-%d %H:%M"), by = x$session_user_name,
    data = substr(x$data_hash, 1, 8), code = substr(x$code_hash, 1, 8)
  )
  print(shown, row.names = FALSE, right = FALSE)
  invisible(x)
}

#' @rdname pg_save
#' @param run The number of a run; by default the last one that has results.
#' @param part The name of one table, or `NULL` for all.
#' @export
pg_results <- function(con, run = NULL, part = NULL, schema = "questrial") {
  check_optional(part, "part")
  check_home(con, schema)
  run <- if (is.null(run)) {
    last_run_with_results(con, schema)
  } else {
    check_number(run, "run", min = 1, whole = TRUE)
  }
  cells <- home_read(con, schema, paste(
    "SELECT part, row_no, column_no, name, type, number, text FROM @results WHERE run_id = $1",
    "ORDER BY part_no, column_no, row_no"
  ), list(run))
  if (nrow(cells) == 0) {
    qst_abort("argument", sprintf(
      "There are no results of run %.0f. pg_runs() lists the runs.", run
    ), value = run)
  }
  parts <- lapply(split(cells, factor(cells$part, unique(cells$part))), cells_table)
  if (is.null(part)) {
    return(parts)
  }
  if (!part %in% names(parts)) {
    qst_abort("argument", sprintf(
      "Run %.0f has no part %s.%s It has %s.", run, describe(part), nearest(part, names(parts)),
      enumerate(names(parts), most = Inf)
    ), value = part)
  }
  parts[[part]]
}

cells_table <- function(cells) {
  columns <- lapply(split(cells, cells$column_no), function(column) {
    values <- if (column$type[[1]] == "character") column$text else column$number
    as.vector(values, column$type[[1]])
  })
  names <- cells$name[!duplicated(cells$column_no)]
  data.frame(stats::setNames(columns, names), check.names = FALSE)
}

last_run_with_results <- function(con, schema) {
  last <- home_read(con, schema, "SELECT max(run_id) AS run FROM @results")$run
  if (is.na(last)) {
    qst_abort("no_data", paste(
      "There are no results of any run. Save an analysis with pg_save(), or run a job."
    ))
  }
  as.double(last)
}
