#' Randomise from a sealed list in PostgreSQL
#'
#' `pg_seal()` stores the list that [allocate()] made, with its hash; `pg_randomise()` gives the
#' next place of it to a new participant and says which arm that is.
#'
#' @section Concealment:
#' Who randomises needs the right to call two functions (the role *randomiser* of [pg_home_sql()])
#' and none on the list. Places are taken one after the other, in the order of the list, under a
#' lock. The place is taken in one transaction and the arm told in the next, after the first has
#' committed: nobody can look at the next arm and roll back. Every place records who took it and
#' when. The functions run with their owner's rights and a search path of their own.
#'
#' The server recomputes the list's SHA-256 when it is stored and refuses a list with another hash
#' than that which was published. A participant stays in the arm of the place: the tables refuse
#' another.
#'
#' @inheritParams pg_study
#' @param con A connection made by [pg_connect()]: for `pg_seal()` as the owner of the schema, for
#'   `pg_randomise()` as a role that may randomise (the *randomiser* of [pg_home_sql()]).
#' @param study The study's name. It may have been loaded without rows.
#' @param allocation What [allocate()] made. Its arms must be the study's.
#' @return `pg_seal()`: the hash, invisibly. `pg_randomise()`: a data frame of one row:
#'   `participant`, `arm`, and `group` (`NA` in arms without groups).
#' @section Errors:
#' `questrial_error_argument` for a study or arms that are not there and for `pg_randomise()` inside
#' a transaction; `questrial_error_sql` with SQLSTATE 23505 if the study has a list or the
#' participant is there already, P0002 if there is no list or no place left.
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' con <- pg_connect(server$conninfo)
#' pg_install(con)
#' pg_study(con, "new", balint_plan(), balint[0, ])
#' sealed <- allocate(393, c("control", "balint", "narrative"))
#' pg_seal(con, "new", sealed)
#' pg_randomise(con, "new", "S001")
#' pg_close(con)
#' server$stop()
#' @export
pg_seal <- function(con, study, allocation, schema = "questrial") {
  check_allocation(allocation)
  study_id <- find_study(con, schema, study)
  places <- as.data.frame(allocation)
  arms <- home_read(con, schema, "SELECT arm_no, arm FROM @arms WHERE study_id = $1",
    list(study_id))
  unknown <- setdiff(levels(places$arm), arms$arm)
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "`allocation` has the arm%s %s, which study %s has not. Its arms are %s.",
      if (length(unknown) == 1) "" else "s", enumerate(unknown), describe(study),
      enumerate(arms$arm)
    ), value = unknown)
  }
  text <- sealed_text(places, attr(allocation, "settings"), attr(allocation, "seed"))
  pg_transaction(con, {
    home_exec(con, schema,
      "INSERT INTO @allocation_lists (study_id, hash, sealed) VALUES ($1, $2, $3)",
      list(study_id, attr(allocation, "hash"), text)
    )
    home_write(con, schema, data.frame(
      study_id = study_id, stratum = places$stratum, sequence = places$sequence,
      block = places$block, arm_no = arms$arm_no[match(places$arm, arms$arm)],
      group_no = if (is.null(places$group)) NA_integer_ else places$group
    ), "allocations")
  })
  invisible(attr(allocation, "hash"))
}

#' @rdname pg_seal
#' @param participant The name of the new participant.
#' @param stratum The participant's stratum, if the list has strata.
#' @export
pg_randomise <- function(con, study, participant, stratum = "all", schema = "questrial") {
  check_string(study, "study")
  check_string(participant, "participant")
  check_string(stratum, "stratum")
  check_home(con, schema)
  if (in_transaction(con)) {
    qst_abort("argument", paste(
      "pg_randomise() inside a transaction could be undone after the arm was seen.",
      "Call it outside of pg_transaction()."
    ))
  }
  say_why_no_place(
    home_exec(con, schema, "SELECT @take_place($1, $2, $3)", list(study, participant, stratum)),
    study, participant, stratum, schema
  )
  told <- home_read(con, schema, "SELECT arm, group_no FROM @told_arm($1, $2)",
    list(study, participant))
  data.frame(participant = participant, arm = told$arm, group = told$group_no)
}

# Evaluates `expr`, which takes a place, with cures for what the server refuses.
say_why_no_place <- function(expr, study, participant, stratum, schema) {
  tryCatch(expr, questrial_error_sql = function(e) {
    words <- if (e$sqlstate == "P0002" && grepl("has no allocation list", conditionMessage(e))) {
      sprintf("Study %s has no allocation list. pg_seal() stores one; or correct the study's name.",
        describe(study))
    } else if (e$sqlstate == "P0002") {
      sprintf(paste(
        "The list of study %s has no free place in stratum %s. Name a stratum of the list, if it",
        "has others; a list that is used up cannot be made longer."
      ), describe(study), describe(stratum))
    } else if (e$sqlstate == "23505") {
      sprintf(paste(
        "Participant %s of study %s has a place already. Give a new participant another name; the",
        "arm of this one is told by SELECT * FROM %s."
      ), describe(participant), describe(study),
      home_sql(schema, "@told_arm(study, participant)"))
    } else if (e$sqlstate == "23514") {
      sprintf("`participant` must be a name of 1 to 200 characters, not %s.",
        describe(participant))
    }
    if (is.null(words)) {
      stop(e)
    }
    qst_abort("sql", words, value = participant, sqlstate = e$sqlstate)
  })
}
