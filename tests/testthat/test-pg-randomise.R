local_list <- function(con, ...) {
  pg_study(con, "new", balint_plan(), balint[0, ])
  sealed <- allocate(12, levels(balint$arm), ...)
  pg_seal(con, "new", sealed)
  sealed
}

test_that("places are given in the order of the list, each once, until there are none", {
  con <- local_home()
  sealed <- as.data.frame(local_list(con, seed = 1, groups = list(balint = 2:4)))
  given <- do.call(rbind, lapply(sprintf("P%02d", 1:12), pg_randomise, con = con, study = "new"))
  expect_identical(given$arm, as.character(sealed$arm))
  expect_identical(given$group, sealed$group)
  fault <- tryCatch(pg_randomise(con, "new", "P13"), error = identity)
  expect_identical(fault$sqlstate, "P0002")
  cohort <- pg_cohort(con, "new")
  expect_identical(cohort$arm, sealed$arm)
  expect_identical(cohort$id, sprintf("P%02d", 1:12))
  who <- pg_read(con, "SELECT DISTINCT given_by FROM questrial.allocations")
  expect_identical(who$given_by, "postgres")
})

test_that("strata are lists of their own", {
  con <- local_home()
  sealed <- as.data.frame(local_list(con, seed = 4, strata = c("Lille", "Paris")))
  of <- function(stratum) as.character(sealed$arm[sealed$stratum == stratum])
  first <- pg_randomise(con, "new", "L1", "Lille")
  second <- pg_randomise(con, "new", "P1", "Paris")
  third <- pg_randomise(con, "new", "L2", "Lille")
  expect_identical(c(first$arm, third$arm), of("Lille")[1:2])
  expect_identical(second$arm, of("Paris")[[1]])
  fault <- tryCatch(pg_randomise(con, "new", "X", "Rome"), error = identity)
  expect_identical(fault$sqlstate, "P0002")
})

test_that("somebody who is randomised already is refused, and no place is lost", {
  con <- local_home()
  sealed <- as.data.frame(local_list(con, seed = 5))
  pg_randomise(con, "new", "A")
  fault <- tryCatch(pg_randomise(con, "new", "A"), error = identity)
  expect_identical(fault$sqlstate, "23505")
  expect_identical(pg_randomise(con, "new", "B")$arm, as.character(sealed$arm[[2]]))
})

test_that("nobody sees an arm that can still be rolled back", {
  con <- local_home()
  local_list(con, seed = 6)
  expect_error(pg_transaction(con, pg_randomise(con, "new", "A")), "could be undone",
    class = "questrial_error_argument")
  state <- sqlstate_of(con, "SELECT @take_place('new', 'A'); SELECT * FROM @told_arm('new', 'A')")
  expect_identical(state, "25001")
  expect_equal(nrow(pg_cohort(con, "new")), 0)
  # Nor inside a savepoint of the transaction that took it.
  state <- tryCatch(pg_transaction(con, {
    pg_transaction(con, pg_exec(con, "SELECT questrial.take_place('new', 'A')"))
    pg_read(con, "SELECT * FROM questrial.told_arm('new', 'A')")
  }), questrial_error_sql = function(e) e$sqlstate)
  expect_identical(state, "25001")
})

test_that("no refusal shows the arm of the place that would have been next", {
  con <- local_home()
  local_list(con, seed = 9)
  for (name in list(NA, "", strrep("x", 1e5), "A")) {
    if (identical(name, "A")) {
      pg_randomise(con, "new", "A")
    }
    fault <- tryCatch(pg_exec(con, "SELECT questrial.take_place('new', $1)", list(name)),
      error = identity)
    expect_s3_class(fault, "questrial_error_sql")
    expect_no_match(paste(conditionMessage(fault), fault$detail, fault$hint),
      "Failing row|control|balint|narrative")
  }
})

test_that("a second caller waits for the first and gets the next place", {
  con <- local_home()
  sealed <- as.data.frame(local_list(con, seed = 7))
  other <- local_second(con)
  pg_exec(other, "SET lock_timeout = '300ms'")
  pg_transaction(con, {
    pg_exec(con, "SELECT questrial.take_place('new', 'A')")
    fault <- tryCatch(pg_randomise(other, "new", "B"), error = identity)
  })
  expect_identical(fault$sqlstate, "55P03")
  expect_identical(pg_randomise(other, "new", "B")$arm, as.character(sealed$arm[[2]]))
  first <- pg_read(con, "SELECT arm FROM questrial.told_arm('new', 'A')")
  expect_identical(first$arm, as.character(sealed$arm[[1]]))
})

test_that("a list is that of its hash, of the study's arms, and one", {
  con <- local_home()
  sealed <- local_list(con, seed = 8)
  kept <- pg_read(con, "SELECT hash, sealed FROM questrial.allocation_lists")
  expect_identical(kept$hash, attr(sealed, "hash"))
  expect_identical(questrial:::text_hash(kept$sealed), kept$hash)
  expect_identical(
    sqlstate_of(con, "UPDATE @allocation_lists SET sealed = sealed || ' '"), "23514"
  )
  expect_identical(sqlstate_of(con, "UPDATE @allocations SET arm_no = 9"), "23503")
  pg_randomise(con, "new", "A")
  expect_identical(sqlstate_of(con,
    "UPDATE @participants SET arm_no = arm_no % 3 + 1 WHERE participant = 'A'"), "23503")
  expect_identical(
    sqlstate_of(con, "UPDATE @allocations SET given = NULL WHERE sequence = 1"), "23514"
  )
  fault <- tryCatch(pg_seal(con, "new", sealed), error = identity)
  expect_identical(fault$sqlstate, "23505")
  expect_error(pg_seal(con, "new", allocate(6, c("control", "placebo"), seed = 1)),
    "has the arm `placebo`", class = "questrial_error_argument")
  expect_error(pg_seal(con, "new", as.data.frame(sealed)), class = "questrial_error_argument")
  tampered <- sealed
  tampered$arm[] <- "balint"
  pg_study(con, "other", balint_plan(), balint[0, ])
  fault <- tryCatch(pg_seal(con, "other", tampered), error = identity)
  expect_identical(fault$sqlstate, "23514")
  expect_identical(fault$constraint, "allocation_lists_seal")
})

test_that("a refusal says what to do, and shows none of the server's own lines", {
  con <- local_home()
  local_list(con, seed = 3)
  pg_randomise(con, "new", "A")
  fault_of <- function(...) {
    fault <- tryCatch(pg_randomise(con, ...), questrial_error_sql = identity)
    expect_no_match(conditionMessage(fault), "Where:|PL/pgSQL|The server refused")
    fault
  }
  expect_match(conditionMessage(fault_of("old", "B")), "\"old\" has no allocation list. pg_seal")
  again <- fault_of("new", "A")
  expect_match(conditionMessage(again), "\"A\" of study \"new\" has a place already.*told_arm")
  expect_match(conditionMessage(fault_of("new", "")), "1 to 200 characters")
  expect_match(conditionMessage(fault_of("new", "B", "Rome")), "stratum \"Rome\".*Name a stratum")
})
