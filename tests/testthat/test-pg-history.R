read_corrections <- function(con) {
  pg_read(con, "SELECT participant, table_name, visit, variable, old_value, new_value, is_removed,
    changed_by, reason FROM questrial.corrections ORDER BY history_id")
}

test_that("a correction leaves what stood there, who changed it, when and why", {
  con <- local_home()
  pg_study(con, "every", every_plan(), every_type())
  before <- Sys.time()
  pg_exec(con, "SET questrial.reason = 'form of 3 May'")
  pg_exec(con, "UPDATE questrial.answers SET answer = 0.5 WHERE participant_no = 1
    AND variable_no = 12")
  pg_exec(con, "RESET questrial.reason")
  pg_exec(con, "UPDATE questrial.characteristics SET level_no = 2 WHERE participant_no = 1
    AND level_no = 2; UPDATE questrial.characteristics SET level_no = 1 WHERE participant_no = 1
    AND level_no = 2")
  pg_exec(con, "UPDATE questrial.characteristics SET number = 'NaN' WHERE participant_no = 4
    AND variable_no = 11")
  pg_exec(con, "DELETE FROM questrial.answers WHERE participant_no = 2 AND variable_no = 12")
  pg_exec(con, "UPDATE questrial.participants SET arm_no = 2 WHERE participant_no = 1")
  kept <- read_corrections(con)
  expect_identical(kept$participant, c("b", "b", "d", "a", "b"))
  expect_identical(kept$table_name,
    c("answers", "characteristics", "characteristics", "answers", "participants"))
  expect_identical(kept$visit, c("baseline", NA, NA, "baseline", NA))
  expect_identical(kept$variable, c("a1", "grade", "big", "a1", NA))
  expect_identical(kept$old_value, c("0", "low", "0.3333333333333333", "0.1", "b, x"))
  expect_identical(kept$new_value, c("0.5", "high", "NaN", NA, "b, y"))
  expect_identical(kept$is_removed, c(FALSE, FALSE, FALSE, TRUE, FALSE))
  expect_identical(kept$reason, c("form of 3 May", NA, NA, NA, NA))
  expect_identical(unique(kept$changed_by), "postgres")
  changed <- pg_read(con, "SELECT changed FROM questrial.history")$changed
  expect_true(all(changed > before - 1 & changed < Sys.time() + 1))
})

test_that("a whole row can be put back as it was", {
  con <- local_home()
  pg_study(con, "every", every_plan(), every_type())
  hash <- data_hash(pg_cohort(con, "every"))
  pg_exec(con, "DELETE FROM questrial.characteristics WHERE participant_no = 3;
    DELETE FROM questrial.answers WHERE participant_no = 3; DELETE FROM questrial.visits
    WHERE participant_no = 3")
  expect_false(data_hash(pg_cohort(con, "every")) == hash)
  for (table in c("visits", "characteristics", "answers")) {
    pg_exec(con, sprintf("INSERT INTO questrial.%s SELECT r.* FROM questrial.history,
      jsonb_populate_record(NULL::questrial.%s, before) r WHERE table_name = '%s'",
      table, table, table))
  }
  expect_identical(data_hash(pg_cohort(con, "every")), hash)
})

test_that("no session can make the history less exact than what stood there", {
  con <- local_home()
  pg_study(con, "every", every_plan(), every_type())
  pg_exec(con, "SET extra_float_digits = -15; SET DateStyle = 'German'")
  pg_exec(con, "UPDATE questrial.characteristics SET number = 1 WHERE participant_no = 4
    AND variable_no = 11")
  expect_identical(read_corrections(con)$old_value, "0.3333333333333333")
})

test_that("corrections have the name of who was removed, not of who has the number now", {
  con <- local_home()
  pg_study(con, "every", every_plan(), every_type())
  name <- pg_read(con, "SELECT participant FROM questrial.participants
    WHERE participant_no = 3")$participant
  for (table in c("answers", "characteristics", "visits", "participants")) {
    pg_exec(con, sprintf("DELETE FROM questrial.%s WHERE participant_no = 3", table))
  }
  pg_exec(con, "INSERT INTO questrial.participants VALUES (1, 3, 'another', 1)")
  expect_identical(unique(read_corrections(con)$participant), name)
  pg_exec(con, "UPDATE questrial.participants SET participant = 'third' WHERE participant_no = 3")
  renamed <- tail(read_corrections(con), 1)
  expect_identical(renamed$participant, "third")
  expect_identical(sub(",.*", "", c(renamed$old_value, renamed$new_value)), c("another", "third"))
})

test_that("what is undone or loaded leaves no history; nobody's role can write it", {
  con <- local_balint()
  roles <- local_roles(con)
  expect_error(pg_transaction(con, {
    pg_exec(con, "DELETE FROM questrial.answers")
    stop("no")
  }), "no")
  expect_identical(nrow(read_corrections(con)), 0L)
  # Who may correct answers cannot write, change or remove what is kept of it.
  pg_exec(con, sprintf("GRANT UPDATE ON questrial.answers TO %s", roles[["entry"]]))
  pg_exec(con, sprintf("SET ROLE %s", roles[["entry"]]))
  expect_identical(sqlstate_of(con, "UPDATE @answers SET answer = 8 - answer
    WHERE participant_no = 1 AND variable_no = 9"), "")
  for (sql in c("INSERT INTO @history DEFAULT VALUES", "DELETE FROM @history",
    "UPDATE @history SET reason = 'none'", "SELECT * FROM @history", "SELECT * FROM @corrections",
    "SELECT @keep_history()", "INSERT INTO @answers (study_id, participant_no, variable_no, visit_no,
      instrument_id, answer, entered_by) VALUES (1, 1, 9, 1, 1, 1, 'somebody')")) {
    expect_identical(sqlstate_of(con, sql), "42501", label = sql)
  }
  pg_exec(con, sprintf("SET ROLE %s", roles[["reader"]]))
  kept <- read_corrections(con)
  expect_identical(kept$participant, "S001")
  expect_identical(8 - as.numeric(kept$old_value), as.numeric(kept$new_value))
})

test_that("no table with a history can be emptied without one", {
  con <- local_balint()
  tables <- c("participants", "visits", "characteristics", "answers", "arms", "schedule",
    "variables", "variable_levels")
  parts <- c("answers_1", "answers_other", "characteristics_1", "characteristics_other")
  for (table in c(tables, parts, "studies")) {
    expect_identical(sqlstate_of(con, sprintf("TRUNCATE @%s CASCADE", table)), "23001",
      label = table)
  }
  expect_error(pg_exec(con, "TRUNCATE questrial.answers_1"),
    "TRUNCATE of \"answers_1\" would leave no history.*DELETE removes rows and keeps them",
    class = "questrial_error_sql")
  expect_identical(data_hash(pg_cohort(con, "balint")), data_hash(balint))
})

test_that("names that were changed are kept", {
  con <- local_home()
  pg_study(con, "every", every_plan(), every_type())
  pg_exec(con, "UPDATE questrial.variable_levels SET level = 'least' WHERE level = 'low';
    UPDATE questrial.arms SET arm = 'z' WHERE arm = 'x';
    UPDATE questrial.schedule SET visit = 'start' WHERE visit = 'baseline';
    UPDATE questrial.variables SET variable = 'class' WHERE variable = 'grade'")
  kept <- read_corrections(con)
  expect_identical(kept$table_name, c("variable_levels", "arms", "schedule", "variables"))
  expect_identical(kept$old_value, c("low", "x", "baseline", "grade"))
  expect_identical(kept$new_value, c("least", "z", "start", "class"))
  expect_identical(kept$participant, rep(NA_character_, 4))
  expect_identical(kept$variable, c("class", NA, NA, "class"))
})
