#' Read a study from PostgreSQL
#'
#' `pg_cohort()` makes the wide data frame of a study, one row a participant, that [analyse()]
#' takes: the same columns in the same order, with the same types, levels and missing values that
#' [pg_study()] was given. `pg_plan()` gives the study's analysis plan. All is read at one moment
#' ([pg_snapshot()]), so a cohort never shows half of what somebody else is writing.
#'
#' @inheritParams pg_study
#' @param con A connection made by [pg_connect()], as a role that may read the schema (the *reader*
#'   of [pg_home_sql()]).
#' @param study The study's name.
#' @return `pg_cohort()`: a data frame; its [data_hash()] is that of the data loaded as long as
#'   nobody changed or added rows. The attribute `synthetic` says, if it is there, how the data were
#'   made. `pg_plan()`: an [analysis_plan()].
#' @section Errors:
#' `questrial_error_argument` if there is no such study; `questrial_error_migration` where
#' [pg_install()] has not been called; `questrial_error_sql` if the role may not read the tables.
#' @seealso [pg_save()]
#' @inherit pg_study examples
#' @export
pg_cohort <- function(con, study, schema = "questrial") {
  pg_snapshot(con, read_cohort(con, schema, find_study(con, schema, study)))
}

#' @rdname pg_cohort
#' @export
pg_plan <- function(con, study, schema = "questrial") {
  study_plan(con, study, schema)$plan
}

# The number of a study.
find_study <- function(con, schema, study) {
  check_string(study, "study")
  check_home(con, schema)
  known <- home_read(con, schema, "SELECT study_id, study FROM @studies ORDER BY study")
  at <- match(study, known$study)
  if (is.na(at)) {
    qst_abort("argument", sprintf(
      "There is no study %s in the schema %s.%s It holds %s.", describe(study), describe(schema),
      nearest(study, known$study), enumerate(known$study)
    ), value = study)
  }
  known$study_id[[at]]
}

# The plan and the text of it.
study_plan <- function(con, study, schema = "questrial") {
  study_id <- find_study(con, schema, study)
  text <- home_read(con, schema, "SELECT plan FROM @studies WHERE study_id = $1",
    list(study_id))$plan
  hash <- sub("^.*\ninstrument\t([0-9a-f]{64})\n.*$", "\\1", text)
  definition <- home_read(con, schema,
    "SELECT definition FROM @instruments WHERE definition_hash = $1", list(hash))$definition
  list(plan = plan_of_text(text, instrument_of_text(definition)), text = text)
}

# ---- The wide table ----

read_cohort <- function(con, schema, study_id) {
  read <- function(...) home_read(con, schema, paste(...), list(study_id))
  variables <- read("SELECT * FROM @variables WHERE study_id = $1 ORDER BY variable_no")
  people <- read(
    "SELECT participant_no, participant, arm FROM @participants",
    "JOIN @arms USING (study_id, arm_no) WHERE study_id = $1 ORDER BY participant_no"
  )
  levels <- read(
    "SELECT variable_no, level FROM @variable_levels WHERE study_id = $1",
    "ORDER BY variable_no, level_no"
  )
  arms <- read("SELECT arm FROM @arms WHERE study_id = $1 ORDER BY arm_no")
  columns <- read_columns(con, schema, study_id, variables, people)
  cohort <- lapply(seq_len(nrow(variables)), function(k) {
    of <- if (variables$role[[k]] == "arm") {
      arms$arm
    } else {
      levels$level[levels$variable_no == variables$variable_no[[k]]]
    }
    typed_column(columns[[k]], variables[k, ], of)
  })
  cohort <- structure(
    stats::setNames(cohort, variables$variable),
    row.names = .set_row_names(nrow(people)), class = "data.frame"
  )
  synthetic <- read("SELECT synthetic FROM @studies WHERE study_id = $1")$synthetic
  attr(cohort, "synthetic") <- if (!is.na(synthetic)) synthetic
  cohort
}

# The values of each column as they are kept, in the order of `people`.
read_columns <- function(con, schema, study_id, variables, people) {
  columns <- vector("list", nrow(variables))
  columns[variables$role == "id"] <- list(people$participant)
  columns[variables$role == "arm"] <- list(people$arm)
  answers <- which(variables$role == "answer")
  if (length(answers) > 0) {
    columns[answers] <- read_answer_columns(con, schema, study_id, variables[answers, ], people)
  }
  for (kind in unique(stats::na.omit(variables$kind))) {
    at <- which(variables$kind %in% kind)
    columns[at] <- read_kind(con, schema, study_id, variables[at, ], people)
  }
  columns
}

# The study's number, an integer, stands in the statement itself: without parameters it is read
# faster, and answers are many.
read_answer_columns <- function(con, schema, study_id, variables, people) {
  long <- home_read(con, schema, sprintf(
    "SELECT participant_no, variable_no, answer FROM @answers WHERE study_id = %d", study_id
  ))
  .Call(
    C_qstr_pivot, match(long$participant_no, people$participant_no),
    match(long$variable_no, variables$variable_no), long$answer, nrow(people),
    as.integer(variables$type == "integer")
  )
}

# Characteristics of one kind: a list of the columns.
read_kind <- function(con, schema, study_id, variables, people) {
  kind <- variables$kind[[1]]
  long <- home_read(con, schema, sprintf(
    "SELECT participant_no, variable_no, %s AS value FROM @characteristics
     WHERE study_id = %d AND kind = '%s'", if (kind == "level") "level_no" else kind, study_id, kind
  ))
  row <- match(long$participant_no, people$participant_no)
  lapply(variables$variable_no, function(number) {
    here <- which(long$variable_no == number)
    long$value[replace(rep(NA_integer_, nrow(people)), row[here], here)]
  })
}

# A column as R had it, from its values as they are kept: texts of ids and arms, codes of levels,
# else numbers, logicals or texts. `levels` are those of a factor.
typed_column <- function(values, variable, levels) {
  type <- variable$type
  if (endsWith(type, "factor integer")) {
    code <- if (is.character(values)) match(values, levels) else as.integer(values)
    class <- if (startsWith(type, "ordered")) c("ordered", "factor") else "factor"
    return(structure(code, levels = as.character(levels), class = class))
  }
  mode <- sub("^.* ", "", type)
  values <- as.vector(unclass(values), mode)
  switch(
    if (is.na(variable$kind)) "plain" else variable$kind,
    day = structure(values, class = "Date"),
    moment = {
      zone <- if (!is.na(variable$time_zone)) variable$time_zone
      structure(values, class = c("POSIXct", "POSIXt"), tzone = zone)
    },
    values
  )
}
