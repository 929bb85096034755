test_that("the shipped cohort comes back as it was loaded, and so does its analysis", {
  con <- local_balint()
  cohort <- pg_cohort(con, "balint")
  expect_identical(cohort, plain_balint())
  expect_identical(pg_plan(con, "balint"), balint_plan())
  ours <- analyse(balint_plan(), cohort)
  theirs <- analyse(balint_plan(), balint)
  expect_identical(ours[names(ours) != "model"], theirs[names(theirs) != "model"])
  expect_identical(coef(ours$model), coef(theirs$model))
  expect_identical(vcov(ours$model), vcov(theirs$model))
})

test_that("long to wide is what reshape() makes of it", {
  con <- local_balint()
  long <- pg_read(con, "SELECT participant_no, variable, answer::float8 AS answer
    FROM questrial.answers JOIN questrial.variables USING (study_id, variable_no)")
  wide <- reshape(long, direction = "wide", idvar = "participant_no", timevar = "variable",
    v.names = "answer", sep = ":")
  wide <- wide[match(seq_len(392), wide$participant_no), ]
  cohort <- pg_cohort(con, "balint")
  for (column in setdiff(c(balint_plan()$baseline, balint_plan()$followup), c("t0_9", "t1_9"))) {
    expect_equal(cohort[[column]], wide[[paste0("answer:", column)]])
  }
})

test_that("what is entered and changed later is in the cohort", {
  con <- local_balint()
  pg_exec(con, "
    DELETE FROM questrial.answers WHERE participant_no = 3 AND variable_no = 9;
    UPDATE questrial.answers SET answer = 5 WHERE participant_no = 4 AND variable_no = 10;
    INSERT INTO questrial.participants VALUES (1, 500, 'S500', 2);
    INSERT INTO questrial.characteristics (study_id, participant_no, variable_no, kind, level_no)
      VALUES (1, 500, 4, 'level', 2)")
  want <- plain_balint()
  want$t0_1[[3]] <- NA
  want$t0_2[[4]] <- 5L
  want[393, ] <- NA
  want$id[[393]] <- "S500"
  want$arm[[393]] <- "balint"
  want$sex[[393]] <- "female"
  expect_identical(pg_cohort(con, "balint"), want)
})

test_that("a cohort is of one moment", {
  con <- local_balint()
  other <- local_second(con)
  before <- pg_cohort(con, "balint")
  inside <- pg_snapshot(con, {
    first <- pg_cohort(con, "balint")
    pg_exec(other, "UPDATE questrial.answers SET answer = 8 - answer")
    list(first, pg_cohort(con, "balint"))
  })
  expect_identical(inside, list(before, before))
  expect_false(identical(pg_cohort(con, "balint"), before))
})

test_that("views count who came and what was answered", {
  con <- local_balint()
  flow <- pg_read(con, "SELECT arm, visit, randomised::int AS n, attended::int AS came,
    missed::int AS missed FROM questrial.flow ORDER BY arm_no, visit_no")
  answered <- sapply(list(baseline = 9:28, followup = 29:48), function(columns) {
    rowSums(!is.na(balint[columns])) > 0
  })
  expect_equal(flow$came, as.vector(t(rowsum(answered + 0, as.integer(balint$arm)))))
  expect_equal(flow$n, rep(as.vector(table(balint$arm)), each = 2))
  expect_equal(flow$n - flow$came, flow$missed)
  complete <- pg_read(con, "SELECT variable, answered::int AS n, attended::int AS came
    FROM questrial.completeness ORDER BY visit_no, item_no")
  expect_identical(complete$variable, c(balint_plan()$baseline, balint_plan()$followup))
  expect_equal(complete$n, unname(colSums(!is.na(balint[complete$variable]))))
  expect_equal(complete$came, rep(unname(colSums(answered)), each = 20))
  list <- pg_read(con, "SELECT answer::int FROM questrial.answer_list
    WHERE participant = 'S001' AND visit = 'followup' AND item = 'jse_4'")
  expect_equal(list$answer, balint$t1_4[[1]])
})

test_that("the pivot refuses a value without a place, and a second one for a place", {
  pivot <- function(row, column, value, whole = c(1L, 0L)) {
    .Call(questrial:::C_qstr_pivot, row, column, value, 3L, whole)
  }
  expect_identical(pivot(c(3L, 1L), c(1L, 2L), c(7, 0.5)), list(c(NA, NA, 7L), c(0.5, NA, NA)))
  expect_identical(pivot(integer(), integer(), double()),
    list(rep(NA_integer_, 3), rep(NA_real_, 3)))
  expect_error(pivot(4L, 1L, 1), class = "questrial_error_argument")
  expect_error(pivot(NA_integer_, 1L, 1), class = "questrial_error_argument")
  expect_error(pivot(c(1L, 1L), c(1L, 1L), c(1, 2)), "second", class = "questrial_error_argument")
  fault <- tryCatch(pivot(c(1L, 2L), c(2L, 1L), c(1, 2.5)), questrial_error_range = identity)
  expect_identical(fault[c("row", "column", "value")], list(row = 2, column = 1, value = 2.5))
})
