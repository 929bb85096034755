# A job's description: a text file in Debian control format, as the instruments are, or an R
# function with the same fields as arguments. What is wrong in it is an error of configuration.

job_works <- c("score", "analyse", "report", "audit")

job_fields <- c(
  "job", "work", "study", "database", "schema", "report", "published", "repaired", "attempts",
  "timeout"
)

# A list of the fields with their defaults, checked; `given` overrides what the file says.
job_description <- function(file, given = list()) {
  check_named_once(given)
  fields <- as_configuration({
    check_given(file, "file")
    if (is.function(file)) list(work = file) else read_job(file)
  })
  if (!is.null(fields$work) && !is.null(given$work) && !identical(fields$work, given$work)) {
    qst_abort("configuration", sprintf(
      "The job `%s` is of work %s, but %s was to be run. Use the script of that work.",
      fields$job, describe(fields$work), describe(given$work)
    ))
  }
  fields[names(given)] <- given
  as_configuration(check_job(fields))
}

check_named_once <- function(given) {
  names <- names(given)
  if (length(given) > 0 && (is.null(names) || !all(nzchar(names)) || anyDuplicated(names) > 0)) {
    qst_abort("configuration", paste(
      "Fields of a job are given by name, each once. Write them as in study = \"balint\"."
    ))
  }
}

# Errors about the description, whatever their kind, with their words. A line that is no field is
# not quoted: it may be anything.
as_configuration <- function(expr) {
  tryCatch(expr, questrial_error = function(fault) {
    words <- conditionMessage(fault)
    qst_abort("configuration", sub("(line [0-9]+ is neither .*): \".*$", "\\1.", words))
  })
}

# ---- From a file ----

read_job <- function(file) {
  check_string(file, "file")
  records <- read_dcf_records(file)
  if (length(records) != 1) {
    abort_file(file, "a job is one record, so no empty line may part its fields.")
  }
  check_fields(records[[1]], file, "the job", job_fields, "job")
  fields <- as.list(records[[1]])
  for (name in intersect(names(fields), c("attempts", "timeout"))) {
    fields[[name]] <- read_number(records[[1]], name, NULL, file)
  }
  for (name in intersect(names(fields), c("report", "published"))) {
    fields[[name]] <- beside_file(fields[[name]], file)
  }
  if (!is.null(fields$repaired)) {
    yes <- check_choice(fields$repaired, c("yes", "no"), "repaired") == "yes"
    fields$repaired <- yes
  }
  fields
}

# Relative paths start where the job's file is, not where cron happened to start R.
beside_file <- function(path, file) {
  absolute <- grepl("^(/|~|[A-Za-z]:)", path)
  if (absolute) path else file.path(normalizePath(dirname(file)), path)
}

# ---- Checks ----

check_job <- function(fields) {
  unknown <- setdiff(names(fields), c(job_fields, "pull"))
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "A job has no field `%s`.%s Its fields are %s.", unknown[[1]],
      nearest(unknown[[1]], job_fields), enumerate(job_fields, most = Inf)
    ))
  }
  defaults <- list(
    database = "", schema = "questrial", repaired = FALSE, attempts = 6, timeout = 600
  )
  fields <- c(fields, defaults[setdiff(names(defaults), names(fields))])
  check_job_name(fields$job)
  check_number(fields$attempts, "attempts", 1, 20, whole = TRUE)
  check_number(fields$timeout, "timeout", 1, 86400)
  check_flag(fields$repaired, "repaired")
  check_job_database(fields$database)
  check_work(fields)
  fields
}

check_job_database <- function(database) {
  if (grepl("password|://[^/]*:[^/]*@", check_string(database, "database"), ignore.case = TRUE)) {
    qst_abort("argument", paste(
      "`database` of a job holds no password. Put it into the password file (~/.pgpass, mode",
      "0600), or name a service (service=study) of pg_service.conf."
    ))
  }
}

check_job_name <- function(name) {
  if (is.null(name) || !grepl("^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$", check_string(name, "job"))) {
    qst_abort("argument", sprintf(
      "`job` must be a name of letters, digits, `_`, `.` and `-`, 63 at most, not %s.",
      describe(name)
    ))
  }
}

# What each work needs beside the study.
check_work <- function(fields) {
  if (is.null(fields$work)) {
    qst_abort("argument", sprintf(
      "The job `%s` has no field `work`. It is one of %s.", fields$job, enumerate(job_works, " or ")
    ))
  }
  if (!is.function(fields$work)) {
    check_choice(fields$work, job_works, "work")
  }
  if (!is.null(fields$pull) && !(is.function(fields$pull) && is.function(fields$work))) {
    qst_abort("argument", "`pull` must be a function, and is for jobs whose work is one too.")
  }
  needed <- c(
    if (is.null(fields$pull)) "study",
    if (identical(fields$work, "report")) "report",
    if (identical(fields$work, "audit")) "published"
  )
  for (name in needed) {
    if (is.null(fields[[name]])) {
      qst_abort("argument", sprintf(
        "The job `%s` has no field `%s`. Say %s.", fields$job, name, switch(name,
          study = "which study of the database it is about",
          report = "to which file the report is written (.html or .docx)",
          published = "in which folder the printed tables are (see ?published)"
        )
      ))
    }
    check_string(fields[[name]], name)
  }
}
