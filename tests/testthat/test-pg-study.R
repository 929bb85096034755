test_that("every type, level and missing value comes back as it was", {
  con <- local_home()
  data <- every_type()
  loaded <- pg_study(con, "every", every_plan(), data)
  expect_identical(pg_cohort(con, "every"), data)
  expect_identical(loaded$data_hash, data_hash(data))
  expect_output(print(loaded), "Study every: 4 participants, 8 visits, 10 answers")
  expect_identical(pg_plan(con, "every"), every_plan())
})

test_that("data frames of other kinds come back as plain ones", {
  con <- local_home()
  skip_if_not_installed("data.table")
  pg_study(con, "fast", every_plan(), data.table::as.data.table(every_type()))
  expect_identical(pg_cohort(con, "fast"), every_type())
  skip_if_not_installed("tibble")
  pg_study(con, "tidy", every_plan(), tibble::as_tibble(every_type()))
  expect_identical(pg_cohort(con, "tidy"), every_type())
})

test_that("scores that are ready-made are characteristics, and visits took place with them", {
  con <- local_home()
  plan <- analysis_plan(
    arm = "who", reference = "x", instrument = new_instrument(2, 0, 1, id = "two"),
    baseline = "score0", followup = "score1"
  )
  pg_study(con, "scores", plan, every_type())
  expect_identical(pg_cohort(con, "scores"), every_type())
  flow <- pg_read(con, "SELECT arm, visit, randomised::int AS n, attended::int AS came
    FROM questrial.flow ORDER BY arm_no, visit_no")
  expect_identical(flow$came, c(1L, 2L, 1L, 1L))
  expect_identical(unique(flow$n), 2L)
})

test_that("instruments are shared by what they are, not by name", {
  con <- local_home()
  pg_study(con, "one", every_plan(), every_type())
  pg_study(con, "two", every_plan(), every_type())
  other <- every_plan()
  other$instrument$reversed[[1]] <- TRUE
  pg_study(con, "three", other, every_type())
  n <- pg_read(con, "SELECT count(*)::int AS n FROM questrial.instruments")$n
  expect_identical(n, 2L)
  expect_identical(pg_plan(con, "three"), other)
})

test_that("plans of any kind come back", {
  con <- local_home()
  plans <- list(
    every_plan(method = "mi", imputation = list(m = 3, seed = 2^53 - 1, by_arm = FALSE,
      auxiliary = c("note", "big"), method = c(grade = "polr"))),
    every_plan(outcome = "ancova", covariates = c("sick", "grade"), conf.level = 0.9 + 1e-10,
      labels = c(sick = "Was ill: yes = 1", outcome = "\u00c9chelle"))
  )
  for (k in seq_along(plans)) {
    pg_study(con, paste0("p", k), plans[[k]], every_type())
    expect_identical(pg_plan(con, paste0("p", k)), plans[[k]])
  }
})

test_that("what cannot be kept exactly is refused by name, and nothing is written", {
  con <- local_home()
  refused <- function(change, text, class = "questrial_error_argument", plan = every_plan()) {
    data <- change(every_type())
    expect_error(pg_study(con, "bad", plan, data), text, class = class)
    n <- pg_read(con, "SELECT count(*)::int AS n FROM questrial.studies")$n
    expect_identical(n, 0L)
  }
  set <- function(column, value) function(data) replace(data, column, list(value))
  refused(set("note", I(list(1, 2, 3, 4))), "`note`")
  refused(set("note", structure(1:4, class = "difftime", units = "days")), "`note`.*not kept")
  refused(set("note", structure(1:4, label = "Number")), "`note` cannot be kept exactly")
  refused(set("born", structure(c(0.5, 1, 2, 3), class = "Date")), "row 1 a part of a day")
  refused(set("seen", .POSIXct(c(0, 1e-7, 2, 3), tz = "UTC")), "row 2 less than microseconds")
  refused(set("born", structure(c(1, Inf, 2, 3), class = "Date")), "row 2")
  refused(set("note", addNA(factor(c("u", NA, "v", "u")))), "`note` cannot be kept exactly")
  refused(set("who", c(1 / 3, 1, 1, 1)), "`who` cannot be kept exactly",
    plan = every_plan() |> replace("reference", "1"))
  refused(set("a1", c("1", "2", "3", "4")), "`a1` .answer. is of the type \"character\"")
  refused(function(data) stats::setNames(data, replace(names(data), 6, "big")), "`big` twice")
  refused(set("code", factor(c("a", "b", NA, "c"))), "missing in row 3")
  tabbed <- every_plan(labels = c(sick = "a\tb"))
  refused(identity, "`labels` holds a tab", plan = tabbed)
  nameless <- every_plan()
  nameless$instrument$id <- NA_character_
  refused(identity, "The instrument of `plan` has no id", plan = nameless)
})

test_that("an answer that the instrument does not permit is named by row, column and value", {
  con <- local_home()
  for (bad in c(0.6, -0.1, 0.15, 0.1 + 0.2)) {
    data <- replace(every_type(), "a2", list(c(0.2, bad, 0.5, NA)))
    fault <- tryCatch(pg_study(con, "bad", every_plan(), data), error = identity)
    expect_s3_class(fault, "questrial_error_range")
    expect_identical(fault[c("row", "column", "value")], list(row = 2L, column = "a2", value = bad))
  }
  expect_match(conditionMessage(fault), "`a2` holds 0.30000000000000004 in row 2; tenths permits")
})

test_that("a study has one name, and a name that nobody has is refused", {
  con <- local_balint()
  expect_error(pg_study(con, "balint", balint_plan(), balint), "There is a study \"balint\"",
    class = "questrial_error_argument")
  expect_error(pg_cohort(con, "ballint"), "Did you mean `balint`.*It holds `balint`",
    class = "questrial_error_argument")
})

test_that("a study that is yet to begin has columns, arms and no rows", {
  con <- local_home()
  pg_study(con, "new", balint_plan(), balint[0, ])
  expect_identical(pg_cohort(con, "new"), plain_balint()[0, ])
  expect_error(
    pg_study(con, "bad", balint_plan(), replace(balint[0, ], "arm", list(character()))),
    "must then be a factor", class = "questrial_error_argument"
  )
})

# ---- What the server refuses, whoever writes ----

# `$first` is the first participant's answer to the first item, `$sex` the same person's sex.
forbidden <- list(
  "an answer above the range" = c("23503", "UPDATE @answers SET answer = 8 WHERE $first"),
  "an answer below the range" = c("23503", "UPDATE @answers SET answer = 0 WHERE $first"),
  "an answer between two steps" = c("23503", "UPDATE @answers SET answer = 3.5 WHERE $first"),
  "no number for an answer" = c("23503", "UPDATE @answers SET answer = 'NaN' WHERE $first"),
  "NULL for an answer" = c("23502", "UPDATE @answers SET answer = NULL WHERE $first"),
  "a second answer to an item" = c("23505",
    "INSERT INTO @answers SELECT * FROM @answers WHERE $first"),
  "an answer without a visit" = c("23503",
    "DELETE FROM @visits WHERE study_id = 1 AND participant_no = 1"),
  "an answer at another visit than it is asked" = c("23503",
    "UPDATE @answers SET visit_no = 2 WHERE $first"),
  "an answer to another study's question" = c("23503",
    "UPDATE @answers SET study_id = 2 WHERE $first"),
  "an answer of nobody" = c("23503", "UPDATE @answers SET participant_no = 999 WHERE $first"),
  "an answer in a column that is none of answers" = c("23503",
    "UPDATE @answers SET variable_no = 4 WHERE $first"),
  "an answer by another instrument" = c("23503",
    "UPDATE @answers SET instrument_id = 2 WHERE $first"),
  "a visit twice" = c("23505",
    "INSERT INTO @visits SELECT * FROM @visits WHERE study_id = 1 AND participant_no = 1 AND
    visit_no = 1"),
  "a visit that is not planned" = c("23503", "INSERT INTO @visits VALUES (1, 1, 3)"),
  "a planned visit twice" = c("23505", "INSERT INTO @schedule VALUES (1, 3, 'baseline')"),
  "an item asked twice at a visit" = c("23505",
    "UPDATE @questions SET item_no = 2 WHERE study_id = 1 AND visit_no = 2 AND item_no = 1"),
  "a question about an item that there is not" = c("23503",
    "UPDATE @questions SET item_no = 99 WHERE study_id = 1 AND visit_no = 2 AND item_no = 1"),
  "an arm of another study" = c("23503", "UPDATE @participants SET arm_no = 3 WHERE study_id = 2"),
  "an arm twice" = c("23505", "INSERT INTO @arms VALUES (1, 4, 'balint', false)"),
  "two references" = c("23505", "UPDATE @arms SET is_reference = true WHERE study_id = 1"),
  "no arm" = c("23502",
    "UPDATE @participants SET arm_no = NULL WHERE study_id = 1 AND participant_no = 1"),
  "a participant twice" = c("23505", "INSERT INTO @participants VALUES (1, 999, 'S001', 1)"),
  "a participant without a name" = c("23514", "INSERT INTO @participants VALUES (1, 999, '', 1)"),
  "a participant of no study" = c("23503", "INSERT INTO @participants VALUES (9, 1, 'S001', 1)"),
  "a study twice" = c("23505",
    "INSERT INTO @studies (study, plan, plan_hash) SELECT study, plan, plan_hash FROM @studies
    WHERE study_id = 1"),
  "a plan that is not that of its hash" = c("23514", "UPDATE @studies SET plan = plan || ' '"),
  "a level that there is not" = c("23503", "UPDATE @characteristics SET level_no = 3 WHERE $sex"),
  "a number for a factor" = c("23514",
    "UPDATE @characteristics SET level_no = NULL, number = 1 WHERE $sex"),
  "two values at once" = c("23514", "UPDATE @characteristics SET number = 1 WHERE $sex"),
  "another kind than the column's" = c("23503",
    "UPDATE @characteristics SET kind = 'number', number = 1, level_no = NULL WHERE $sex"),
  "a characteristic twice" = c("23505",
    "INSERT INTO @characteristics SELECT * FROM @characteristics WHERE $sex"),
  "a column twice" = c("23505",
    "INSERT INTO @variables VALUES (1, 99, 'sex', 'characteristic', 'number', 'double')"),
  "a second column of names" = c("23505",
    "UPDATE @variables SET role = 'id', kind = NULL WHERE study_id = 1 AND role = 'arm'"),
  "a range that steps do not fill" = c("23514",
    "UPDATE @instruments SET max = 7.5 WHERE instrument_id = 1"),
  "a new range under answers" = c("23503",
    "UPDATE @instruments SET max = 9 WHERE instrument_id = 1"),
  "a permitted answer above the range" = c("23514",
    "INSERT INTO @permitted_answers VALUES (1, 1, 7, 1, 7, 8)"),
  "a permitted answer between steps" = c("23514",
    "INSERT INTO @permitted_answers VALUES (1, 1, 7, 1, 2, 3.5)"),
  "a permitted answer by another range" = c("23503",
    "INSERT INTO @permitted_answers VALUES (1, 0, 8, 1, 8, 8)"),
  "an instrument that is not that of its hash" = c("23514",
    "UPDATE @instruments SET definition = definition || ' '"),
  "an item twice" = c("23505", "INSERT INTO @items VALUES (1, 21, 'jse_1', false)"),
  "to forget somebody with answers" = c("23503",
    "DELETE FROM @participants WHERE study_id = 1 AND participant_no = 1")
)

test_that("the server refuses what the study does not allow", {
  con <- local_balint()
  # Study 2 has two arms and another instrument.
  pg_study(con, "every", every_plan(), every_type())
  person <- "study_id = 1 AND participant_no = 1"
  expect_identical(
    sqlstate_of(con, paste("UPDATE @answers SET answer = 7 WHERE variable_no = 9 AND", person)), ""
  )
  for (what in names(forbidden)) {
    case <- forbidden[[what]]
    sql <- gsub("$first", paste(person, "AND variable_no = 9"), case[[2]], fixed = TRUE)
    sql <- gsub("$sex", paste(person, "AND variable_no = 4"), sql, fixed = TRUE)
    expect_identical(sqlstate_of(con, sql), case[[1]], label = what)
  }
  expect_identical(nrow(pg_cohort(con, "balint")), 392L)
})

test_that("a study needs a name", {
  con <- local_pg()
  expect_error(pg_study(con, "", balint_plan(), balint), "`study` is an empty text",
    class = "questrial_error_argument")
  expect_error(pg_study(con, NA, balint_plan(), balint), "not NA", class = "questrial_error_argument")
})

test_that("an answer between two steps is told what the steps are", {
  con <- local_pg()
  pg_install(con)
  balint$t0_3[[5]] <- 2.5
  expect_error(pg_study(con, "halves", balint_plan(), balint), "holds 2.5 in row 5; .* 1 to 7 by 1[.]",
    class = "questrial_error_range")
})

test_that("what is loaded is checked when it becomes a part of the table, and written to as one", {
  con <- local_balint()
  expect_identical(
    sqlstate_of(con, "UPDATE @answers_1 SET answer = 8 WHERE participant_no = 1"), "23503"
  )
  expect_identical(
    sqlstate_of(con, "INSERT INTO @answers_1 SELECT 2, 1, 1, 1, 1, 1"), "23514"
  )
  part <- questrial:::make_partition(con, "questrial", "answers", 2L)
  attach <- function(row) {
    tryCatch(pg_transaction(con, {
      pg_exec(con, sprintf("INSERT INTO questrial.%s VALUES (%s)", part, row))
      questrial:::attach_partition(con, "questrial", "answers", 2L)
      ""
    }), questrial_error_sql = function(e) e$sqlstate)
  }
  expect_identical(attach("1, 1, 9, 1, 1, 1"), "23514")
  expect_identical(attach("2, 1, 9, 1, 1, 1"), "23503")
})

test_that("a study that another program writes needs no partition and is refused the same", {
  con <- local_balint()
  for (table in c("arms", "variables", "variable_levels", "participants", "characteristics",
    "schedule", "questions", "visits", "answers")) {
    if (table == "arms") {
      pg_exec(con, "INSERT INTO questrial.studies (study, plan, plan_hash, synthetic)
        SELECT 'copy', plan, plan_hash, synthetic FROM questrial.studies")
    }
    names <- pg_read(con, sprintf("SELECT * FROM questrial.%s LIMIT 0", table)) |> names()
    pg_exec(con, sprintf("INSERT INTO questrial.%s SELECT 2, %s FROM questrial.%s", table,
      paste(names[-1], collapse = ", "), table))
  }
  expect_identical(pg_cohort(con, "copy"), pg_cohort(con, "balint"))
  expect_identical(sqlstate_of(con, "UPDATE @answers SET answer = 8 WHERE study_id = 2"), "23503")
  expect_identical(
    sqlstate_of(con, "DELETE FROM @visits WHERE study_id = 2 AND participant_no = 1"), "23503"
  )
})

test_that("a study waits for those who enter data, so that neither waits for the other for ever", {
  con <- local_home()
  pg_study(con, "every", every_plan(), every_type())
  other <- local_second(con)
  pg_exec(other, "BEGIN; UPDATE questrial.visits SET day = '2024-01-01' WHERE participant_no = 1")
  pg_exec(con, "SET lock_timeout = '100ms'")
  expect_identical(
    expect_error(pg_study(con, "two", every_plan(), every_type()))$sqlstate, "55P03"
  )
  pg_exec(other, "COMMIT")
  pg_study(con, "two", every_plan(), every_type())
  expect_identical(pg_cohort(con, "two"), every_type())
})
