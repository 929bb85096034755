#' Load a study into PostgreSQL
#'
#' Puts a study's plan, its instrument and a wide data frame (one row a participant, as [analyse()]
#' takes it) into the tables that [pg_install()] made. All is written in one transaction, then read
#' back by [pg_cohort()] and compared with what was given, and only then committed: what differs in
#' a single value, type or level is not loaded.
#'
#' Answers, the columns that the plan names as `baseline` and `followup`, become one row each, as
#' they were given. A visit took place if a participant has any value of it. The plan's `id` and
#' `arm` are kept with the participants; every other column, whether the plan names it or not, is a
#' characteristic. Numbers, logicals, texts, factors, dates (`Date`) and times (`POSIXct`, to the
#' microsecond) can be kept, with the order of factors' levels. The attribute `synthetic` of the
#' data is kept, row names are not. A data frame without rows makes a study that has yet to begin:
#' its columns say what will be known of participants, the levels of its arm which arms there are.
#'
#' The answers are checked against the study's visits and the instrument's range by the server, all
#' at once, before they become part of the table: a million take some seconds. Until all is
#' committed others can read, but who enters data waits.
#'
#' @param con A connection made by [pg_connect()] as the owner of the schema, who called
#'   [pg_install()].
#' @param study A short name for the study, new in the database.
#' @param plan An [analysis_plan()]. Its instrument must have an `id`.
#' @param data A data frame with the columns that the plan names.
#' @param schema Name of the schema that [pg_install()] made.
#' @return Invisibly a list of class `pg_study`: `study`, how many `participants`, `visits` and
#'   `answers`, and `data_hash`, the [data_hash()] of `data`.
#' @section Errors:
#' * `questrial_error_range` for an answer that the instrument does not permit (fields `row`,
#'   `column`, `value`);
#' * `questrial_error_argument` for a column that the tables cannot hold exactly and for a study
#'   that is there already;
#' * `questrial_error_migration` where [pg_install()] has not been called;
#' * `questrial_error_sql` if the server refuses a row.
#'
#' Nothing is written then.
#' @seealso [pg_plan()] and [pg_cohort()] give plan and data back.
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' con <- pg_connect(server$conninfo)
#' pg_install(con)
#' pg_study(con, "balint", balint_plan(), balint)
#' pg_read(con, "SELECT * FROM questrial.flow ORDER BY arm_no, visit_no")
#' analyse(pg_plan(con, "balint"), pg_cohort(con, "balint"))$contrasts
#' pg_close(con)
#' server$stop()
#' @export
pg_study <- function(con, study, plan, data, schema = "questrial") {
  check_new_study(study)
  check_class(plan, "analysis_plan", "plan")
  check_instrument_id(plan$instrument)
  check_study_data(plan, data)
  data <- as.data.frame(data)
  variables <- study_variables(plan, data)
  check_home(con, schema)
  counts <- pg_transaction(con, {
    lock_entry(con, schema)
    study_id <- insert_study(con, schema, study, plan, data)
    insert_variables(con, schema, study_id, variables, data)
    insert_participants(con, schema, study_id, plan, data)
    insert_characteristics(con, schema, study_id, variables, data)
    instrument_id <- insert_instrument(con, schema, plan$instrument)
    questions <- insert_questions(con, schema, study_id, plan, variables, instrument_id)
    visits <- insert_visits(con, schema, study_id, plan, data)
    answers <- insert_answers(con, schema, study_id, questions, plan, data)
    check_loaded(read_cohort(con, schema, study_id), data)
    list(visits = visits, answers = answers)
  })
  invisible(structure(
    c(list(study = study, participants = nrow(data)), counts, data_hash = data_hash(data)),
    class = "pg_study"
  ))
}

check_new_study <- function(study) {
  if (!nzchar(check_string(study, "study"))) {
    qst_abort("argument", "`study` is an empty text. Give the study a short name.")
  }
}

check_instrument_id <- function(instrument) {
  if (length(instrument$id) == 0 || is.na(instrument$id)) {
    qst_abort("argument", paste(
      "The instrument of `plan` has no id, by which the tables name it. Make the plan with",
      "new_instrument(..., id = )."
    ))
  }
}

#' @export
print.pg_study <- function(x, ...) {
  cat(sprintf(
    "Study %s: %d participants, %d visits, %.0f answers\nSHA-256 of the data %s\n",
    x$study, x$participants, x$visits, x$answers, x$data_hash
  ))
  invisible(x)
}

# Without rows there is nothing to analyse yet, but the arms must be known.
check_study_data <- function(plan, data) {
  check_data_frame(data, min_rows = 0L)
  if (nrow(data) > 0) {
    return(check_trial(plan, data))
  }
  roles <- c("arm", "id", "cluster", "covariates", "attendance", "subgroups")
  check_columns(data, unique(unlist(plan[c(roles, "baseline", "followup")])), "plan")
  arm <- data[[plan$arm]]
  if (!is.factor(arm) || !plan$reference %in% levels(arm)) {
    qst_abort("argument", sprintf(
      "`data` has no rows; its column `%s` must then be a factor with the arms as levels, among %s",
      plan$arm, sprintf("them %s.", describe(plan$reference))
    ), column = plan$arm)
  }
}

# ---- The columns ----

# What each column is: number, name, role, kind, type, time zone; see the table variables.
study_variables <- function(plan, data) {
  answers <- unlist(Filter(function(columns) length(columns) > 1, plan[c("baseline", "followup")]))
  role <- rep("characteristic", ncol(data))
  role[names(data) %in% answers] <- "answer"
  role[names(data) %in% plan$id] <- "id"
  role[names(data) == plan$arm] <- "arm"
  check_unique_columns(data)
  Map(check_hashable, data, names(data))
  kind <- mapply(kept_kind, data, names(data), role, USE.NAMES = FALSE)
  zones <- vapply(data, function(x) {
    zone <- attr(x, "tzone")
    if (is.null(zone)) NA_character_ else zone[[1]]
  }, "", USE.NAMES = FALSE)
  variables <- data.frame(
    variable_no = seq_along(data), variable = names(data), role = role, kind = kind,
    type = vapply(data, column_type, "", USE.NAMES = FALSE),
    time_zone = ifelse(kind %in% "moment", zones, NA)
  )
  for (k in seq_along(data)) {
    check_kept(data[[k]], variables[k, ])
  }
  variables
}

check_unique_columns <- function(data) {
  twice <- unique(names(data)[duplicated(names(data))])
  if (length(twice) > 0) {
    qst_abort("argument", sprintf(
      "`data` has %s twice. Give each column a name of its own.", enumerate(twice)
    ), column = twice)
  }
}

# How a characteristic is kept; NA for other roles.
kept_kind <- function(x, name, role) {
  kinds <- c(
    "factor integer" = "level", "ordered factor integer" = "level", "double" = "number",
    "integer" = "number", "logical" = "truth", "character" = "text", "Date double" = "day",
    "Date integer" = "day", "POSIXct POSIXt double" = "moment", "POSIXct POSIXt integer" = "moment"
  )
  type <- column_type(x)
  plain <- c("factor integer", "ordered factor integer", "double", "integer", "character")
  known <- switch(role,
    characteristic = names(kinds), answer = c("double", "integer"), plain
  )
  if (!type %in% known) {
    qst_abort("argument", sprintf(
      "`data`: column `%s` (%s) is of the type %s, which is not kept. Turn it into one of %s.",
      name, role, describe(type), enumerate(known, " or ", most = Inf)
    ), column = name)
  }
  if (role == "characteristic") kinds[[type]] else NA_character_
}

# What will be read from the text, number, ... that is written is the column itself.
check_kept <- function(x, variable) {
  code <- if (is.factor(x)) unclass(x)
  value <- if (variable$role %in% c("id", "arm") && !is.factor(x)) {
    as.character(x)
  } else if (is.null(code)) {
    x
  } else {
    code
  }
  kept <- typed_column(as.vector(unclass(value)), variable, levels(x))
  if (!identical(kept, x) || anyNA(levels(x))) {
    qst_abort("argument", sprintf(
      "`data`: column `%s` cannot be kept exactly: %s", variable$variable, paste(
        "it has attributes besides levels and time zone, a missing level, or numbers that lose",
        "digits as text. Remove them first."
      )
    ), column = variable$variable)
  }
  if (variable$kind %in% c("day", "moment")) {
    check_time(x, variable)
  }
}

# Whole days and microseconds are what the server can hold.
check_time <- function(x, variable) {
  ticks <- unclass(x) * if (variable$kind == "day") 1 else 1e6
  wrong <- which(!is.na(x) & (!is.finite(ticks) | ticks != round(ticks)))
  if (length(wrong) > 0) {
    qst_abort("argument", sprintf(
      "`data`: column `%s` holds in row %d %s. Round it.", variable$variable, wrong[[1]],
      if (variable$kind == "day") "a part of a day" else "less than microseconds"
    ), column = variable$variable, row = wrong[[1]])
  }
}

# ---- Writing ----

home_write <- function(con, schema, data, table) {
  if (!is.null(data) && nrow(data) > 0) {
    pg_write(con, data, c(schema, table), append = TRUE)
  }
}

# What the rows of a study will refer to is held for it: attaching a partition needs that, and two
# sessions that both had written first would wait for each other.
lock_entry <- function(con, schema) {
  home_exec(con, schema, paste(
    "LOCK TABLE @variables, @variable_levels, @participants, @questions, @permitted_answers,",
    "@visits IN SHARE ROW EXCLUSIVE MODE"
  ))
}

# Rows that are in the table refer to others one by one, 20 us a reference; those of a table that
# becomes a part of it are checked by one join. So a study is loaded into a table of its own.
make_partition <- function(con, schema, table, study_id) {
  partition <- sprintf("%s_%d", table, study_id)
  home_exec(con, schema, sprintf(
    "CREATE TABLE @%s (LIKE @%s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS)",
    partition, table
  ))
  partition
}

attach_partition <- function(con, schema, table, study_id) {
  home_exec(con, schema, sprintf(
    paste(
      "ALTER TABLE @%1$s ATTACH PARTITION @%1$s_%2$d FOR VALUES IN (%2$d); ANALYZE @%1$s_%2$d;",
      "CREATE TRIGGER not_truncated BEFORE TRUNCATE ON @%1$s_%2$d EXECUTE FUNCTION",
      "@refuse_truncate()"
    ), table, study_id
  ))
}

insert_study <- function(con, schema, study, plan, data) {
  there <- home_read(con, schema, "SELECT study FROM @studies WHERE study = $1", list(study))
  if (nrow(there) > 0) {
    qst_abort("argument", sprintf(
      "There is a study %s in the schema %s already. Give this one another name.",
      describe(study), describe(schema)
    ), value = study)
  }
  text <- plan_text(plan)
  synthetic <- attr(data, "synthetic", exact = TRUE)
  home_read(con, schema, paste(
    "INSERT INTO @studies (study, plan, plan_hash, synthetic) VALUES ($1, $2, $3, $4)",
    "RETURNING study_id"
  ), list(study, text, text_hash(text), if (is.null(synthetic)) NA else synthetic))$study_id
}

insert_variables <- function(con, schema, study_id, variables, data) {
  home_write(con, schema, cbind(study_id = study_id, variables), "variables")
  with_levels <- which(variables$role != "arm" & vapply(data, is.factor, NA))
  levels <- lapply(with_levels, function(k) {
    level <- levels(data[[k]])
    data.frame(study_id = rep(study_id, length(level)), variable_no = rep(k, length(level)),
      level_no = seq_along(level), level = level)
  })
  home_write(con, schema, do.call(rbind, levels), "variable_levels")
}

insert_participants <- function(con, schema, study_id, plan, data) {
  arm <- as.factor(data[[plan$arm]])
  home_write(con, schema, data.frame(
    study_id = study_id, arm_no = seq_along(levels(arm)), arm = levels(arm),
    is_reference = levels(arm) == plan$reference
  ), "arms")
  rows <- seq_len(nrow(data))
  id <- if (is.null(plan$id)) rows else data[[plan$id]]
  if (anyNA(id)) {
    row <- which(is.na(id))[[1]]
    qst_abort("argument", sprintf(
      "Column `%s` is missing in row %d. Everybody randomised has a name.", plan$id, row
    ), row = row, column = plan$id)
  }
  home_write(con, schema, data.frame(
    study_id = rep(study_id, length(rows)), participant_no = rows, participant = as.character(id),
    arm_no = as.integer(arm)
  ), "participants")
}

insert_characteristics <- function(con, schema, study_id, variables, data) {
  partition <- make_partition(con, schema, "characteristics", study_id)
  for (k in which(variables$role == "characteristic")) {
    # NaN is a number that is there.
    x <- data[[k]]
    here <- which(!is.na(x) | (is.double(x) & is.nan(x)))
    kind <- variables$kind[[k]]
    value <- if (kind == "level") as.integer(x) else x
    rows <- data.frame(
      study_id = rep(study_id, length(here)), participant_no = here,
      variable_no = rep(k, length(here)), kind = rep(kind, length(here)), value = value[here]
    )
    names(rows)[[5]] <- if (kind == "level") "level_no" else kind
    home_write(con, schema, rows, partition)
  }
  attach_partition(con, schema, "characteristics", study_id)
}

# The number of the instrument, which other studies may have brought already.
insert_instrument <- function(con, schema, instrument) {
  text <- instrument_text(instrument)
  home_exec(con, schema, paste(
    "INSERT INTO @instruments (instrument, min, max, step, definition, definition_hash)",
    "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (definition_hash) DO NOTHING"
  ), unname(c(
    list(instrument$id), lapply(instrument[c("min", "max", "step")], exact),
    list(text, text_hash(text))
  )))
  id <- home_read(con, schema,
    "SELECT instrument_id FROM @instruments WHERE definition_hash = $1", list(text_hash(text))
  )$instrument_id
  there <- home_read(con, schema,
    "SELECT item_no FROM @items WHERE instrument_id = $1", list(id))
  if (nrow(there) == 0) {
    home_write(con, schema, data.frame(
      instrument_id = id, item_no = seq_along(instrument$items), item = instrument$items,
      is_reversed = instrument$reversed
    ), "items")
    home_exec(con, schema, paste(
      "INSERT INTO @permitted_answers (instrument_id, min, max, step, step_no, answer)",
      "SELECT instrument_id, min, max, step, k, min + k * step FROM @instruments,",
      "generate_series(0, ((max - min) / step)::integer) k WHERE instrument_id = $1"
    ), list(id))
  }
  id
}

# What is asked when, with its column: a data frame as the table questions.
insert_questions <- function(con, schema, study_id, plan, variables, instrument_id) {
  visits <- plan[c("baseline", "followup")]
  home_write(con, schema, data.frame(
    study_id = study_id, visit_no = seq_along(visits), visit = names(visits)
  ), "schedule")
  asked <- lapply(which(lengths(visits) > 1), function(visit) {
    columns <- visits[[visit]]
    data.frame(
      study_id = study_id, variable_no = match(columns, variables$variable), visit_no = visit,
      instrument_id = instrument_id, item_no = seq_along(columns)
    )
  })
  questions <- do.call(rbind, unname(asked))
  home_write(con, schema, questions, "questions")
  questions
}

# How many visits took place.
insert_visits <- function(con, schema, study_id, plan, data) {
  came <- lapply(1:2, function(visit) {
    columns <- plan[c("baseline", "followup")][[visit]]
    there <- Reduce(`|`, lapply(data[columns], function(x) !is.na(x)))
    data.frame(study_id = rep(study_id, sum(there)), participant_no = which(there),
      visit_no = rep(visit, sum(there)))
  })
  visits <- do.call(rbind, came)
  home_write(con, schema, visits, "visits")
  nrow(visits)
}

# How many answers were given.
insert_answers <- function(con, schema, study_id, questions, plan, data) {
  partition <- make_partition(con, schema, "answers", study_id)
  rows <- if (!is.null(questions)) answer_rows(con, schema, questions, plan, data)
  home_write(con, schema, rows, partition)
  attach_partition(con, schema, "answers", study_id)
  NROW(rows)
}

# A row for each answer that was given.
answer_rows <- function(con, schema, questions, plan, data) {
  permitted <- home_read(con, schema,
    "SELECT answer::float8 AS answer FROM @permitted_answers WHERE instrument_id = $1",
    list(questions$instrument_id[[1]])
  )$answer
  columns <- data[questions$variable_no]
  Map(check_permitted, columns, names(columns),
    MoreArgs = list(permitted = permitted, instrument = plan$instrument))
  given <- unname(lapply(columns, function(x) which(!is.na(x))))
  of <- rep(seq_along(columns), lengths(given))
  rows <- c(
    lapply(questions[c("study_id", "variable_no", "visit_no", "instrument_id")], `[`, of),
    list(participant_no = unlist(given), answer = unlist(Map(function(x, here) {
      as.double(x[here])
    }, columns, given), use.names = FALSE))
  )
  # Participant by participant, as the server's index has them.
  by_person <- order(rows$participant_no, method = "radix")
  as.data.frame(lapply(rows, `[`, by_person))
}

# The server would refuse it as well; here it is known in which row and column it stands.
check_permitted <- function(x, column, permitted, instrument) {
  wrong <- which(!is.na(x) & !x %in% permitted)
  if (length(wrong) > 0) {
    row <- wrong[[1]]
    qst_abort("range", sprintf(
      "Column `%s` holds %s in row %d; %s permits %s. Correct the answer, or make it missing.",
      column, format(x[[row]], digits = 17), row, instrument_name(instrument),
      answers_words(instrument)
    ), row = row, column = column, value = x[[row]])
  }
}

# Says of steps of 1, too, that there is nothing in between.
answers_words <- function(instrument) {
  words <- range_words(instrument)
  if (instrument$step == 1) paste(words, "by 1") else words
}

check_loaded <- function(loaded, data) {
  if (data_hash(loaded) != data_hash(data)) {
    differ <- names(data)[!mapply(identical, loaded, data)]
    qst_abort("argument", sprintf(
      "`data`: column %s is not the same when it is read back, so nothing was loaded. %s",
      enumerate(differ), "Leave it out, or turn it into plain numbers or texts."
    ), column = differ)
  }
}
