#' The command line of a job
#'
#' What the scripts in `system.file("jobs", package = "questrial")` call: reads the options, runs
#' the job, and gives the code with which the process is to end. A script of one's own is as short:
#'
#' ```r
#' quit(status = questrial::job_command(function(data) my_table(data)))
#' ```
#'
#' Options are `--config FILE` (the job's file, see [run_job()]), `--dry-run`, `--help`. Nothing but
#' JSON lines is written to stderr; warnings and messages of the work are lines of the log.
#' `score.R`, `analyse.R`, `report.R` and `audit.R` run jobs of that work; `cron.example` and
#' `questrial@.service` with `questrial@.timer` show how to have them started. The scripts find the
#' library that they are installed in by themselves and need no environment, directory or profile.
#'
#' @param work Name of the work, or a function as in [run_job()]. The job's file then needs no field
#'   `work`, and is refused if it names another.
#' @param arguments The words of the command line.
#' @return The exit code, an integer; see [run_job()].
#' @examplesIf requireNamespace("optparse", quietly = TRUE)
#' job_command("analyse", "--help")
#' @export
job_command <- function(work, arguments = commandArgs(trailingOnly = TRUE)) {
  speaker <- new.env(parent = emptyenv())
  speaker$log <- job_log(list(), NULL)
  tryCatch(
    {
      options <- logging_conditions(speaker, command_options(work, arguments))
      if (!is.null(options)) {
        suppressMessages(suppressWarnings(
          run_job(options$config, work = work, dry_run = options[["dry-run"]])
        ))
      }
      exit_codes[["done"]]
    },
    error = function(condition) exit_codes[[exit_name(condition)]],
    interrupt = function(condition) exit_codes[["interrupted"]]
  )
}

# NULL when help was asked for and given.
command_options <- function(work, arguments) {
  need_package("optparse", "The command line of a job")
  check_command_work(work)
  parser <- job_parser(work)
  options <- tryCatch(
    optparse::parse_args(parser, arguments, print_help_and_exit = FALSE),
    error = function(fault) {
      qst_abort("usage", paste0(
        sub("^Error in .* :\\s*", "", trimws(conditionMessage(fault))), ". See --help."
      ))
    }
  )
  if (options$help) {
    optparse::print_help(parser)
    return(NULL)
  }
  if (is.null(options$config)) {
    qst_abort("usage", "The option --config is missing: the job's file. See --help.")
  }
  options
}

# A fault of the script, which is as wrong for every job's file.
check_command_work <- function(work) {
  tryCatch(
    {
      check_given(work, "work")
      if (!is.function(work)) check_choice(work, job_works, "work")
    },
    questrial_error_argument = function(fault) qst_abort("usage", conditionMessage(fault))
  )
}

job_parser <- function(work) {
  does <- if (is.function(work)) {
    "Does its work on a study in the database."
  } else {
    switch(work,
      score = "Scores the questionnaires of a study in the database, a row a participant.",
      analyse = "Analyses a study in the database by its plan.",
      report = "Analyses a study in the database by its plan and writes the report.",
      audit = "Sets printed tables beside what a study in the database gives."
    )
  }
  optparse::OptionParser(
    usage = sprintf("Rscript %s --config FILE [--dry-run]", script_name()),
    option_list = list(
      optparse::make_option("--config", type = "character", metavar = "FILE",
        help = "the job's file: fields `name: value`, see ?questrial::run_job"),
      optparse::make_option("--dry-run", action = "store_true", default = FALSE,
        help = "read and work, but write nothing")
    ),
    description = paste0("\n", lines_of(
      paste(does, "Results and a record of the run are written together.")
    )),
    epilogue = lines_of(paste(
      "Exit status: 0 done or nothing to do, 64 usage, 65 data refused, 69 no database, 70 bug,",
      "73 cannot write, 75 try again, 77 no permission, 78 configuration."
    ))
  )
}

lines_of <- function(text) {
  paste(strwrap(text, 79), collapse = "\n")
}

# Of the script that R was started with.
script_name <- function() {
  script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
  if (length(script) == 0) "FILE.R" else basename(gsub("~+~", " ", script[[1]], fixed = TRUE))
}
