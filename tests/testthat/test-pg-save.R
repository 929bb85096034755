saved <- new.env()

# The analysis of the shipped cohort, made once.
balint_analysis <- function() {
  if (is.null(saved$analysis)) {
    saved$analysis <- analyse(balint_plan(), balint)
  }
  saved$analysis
}

test_that("results come back bit for bit, with the record of who, when and what", {
  con <- local_balint()
  analysis <- balint_analysis()
  expect_error(pg_results(con), "no results of any run", class = "questrial_error_no_data")
  before <- Sys.time()
  run <- pg_save(con, analysis, "balint", key = "first")
  results <- pg_results(con, run)
  expect_identical(results, questrial:::analysis_parts(analysis))
  expect_identical(pg_results(con), results)
  expect_identical(pg_results(con, run, "sensitivity"), analysis$sensitivity)
  expect_identical(results$contrasts$estimate, analysis$contrasts$estimate)
  expect_identical(results$model$estimate, unname(coef(analysis$model)))
  expect_identical(results$flow$n, analysis$flow$boxes$n)

  record <- pg_runs(con)
  expect_equal(nrow(record), 1)
  expect_identical(record$run_id, run)
  expect_identical(unlist(record[c("job", "key", "study", "status")], use.names = FALSE),
    c("analyse", "first", "balint", "done"))
  expect_identical(record$session_user_name, "postgres")
  expect_identical(record$data_hash, data_hash(balint))
  expect_identical(record$plan_hash, questrial:::text_hash(questrial:::plan_text(balint_plan())))
  expect_match(record$code_hash, "^[0-9a-f]{64}$")
  expect_identical(record$package_version, as.character(packageVersion("questrial")))
  expect_identical(record$r_version, as.character(getRversion()))
  expect_true(record$started >= before && record$finished >= record$started)
  server <- pg_read(con, "SELECT current_setting('server_version') AS version,
    (pg_control_system()).system_identifier::text AS id, pg_current_snapshot()::text AS now")
  expect_identical(record$server_version, server$version)
  expect_identical(record$system_identifier, server$id)
  expect_match(record$snapshot, "^[0-9]+:[0-9]+:")
  expect_output(print(record), "analyse +balint +done")

  plan <- pg_read(con, "SELECT plan FROM questrial.runs")$plan
  expect_identical(plan, questrial:::plan_text(balint_plan()))
  tidy <- pg_read(con, "SELECT contrast, estimate, std_error, p_value, conf_low, conf_high
    FROM questrial.estimates WHERE part = 'contrasts' ORDER BY row_no")
  expect_identical(tidy$conf_low, analysis$contrasts$conf.low)
  expect_identical(tidy$contrast, analysis$contrasts$contrast)
})

test_that("every value of a cell is kept: NA, NaN, infinities, logicals, texts", {
  con <- local_home()
  part <- data.frame(
    number = c(NaN, NA, Inf, -Inf, -0, 1 / 3), whole = c(NA, 1:5),
    is = c(TRUE, NA, FALSE, NA, NA, NA),
    text = c(NA, "", "NA", "a\tb\n", "\u00e9", "'"), `odd name` = 1:6, check.names = FALSE
  )
  parts <- list(zeta = part, alpha = part[0, 1:2], beta = part[2, 4:5])
  parts$beta <- data.frame(as.list(parts$beta), check.names = FALSE)
  run <- questrial:::write_run(con, list(job = "j", status = "done", started = Sys.time()))
  questrial:::write_results(con, run, parts)
  back <- pg_results(con, run)
  expect_identical(back, parts[c("zeta", "beta")])
  expect_identical(1 / back$zeta$number[[5]], -Inf)
  expect_error(pg_results(con, run, "alpha"), "has no part \"alpha\".*It has `zeta` and `beta`",
    class = "questrial_error_argument")
  expect_error(pg_results(con, 99), "no results of run 99", class = "questrial_error_argument")
})

test_that("data that are no longer those analysed are refused", {
  con <- local_balint()
  pg_exec(con, "UPDATE questrial.answers SET answer = 8 - answer
    WHERE participant_no = 1 AND variable_no = 9")
  expect_error(pg_save(con, balint_analysis(), "balint"), "not those that were analysed",
    class = "questrial_error_changed")
  expect_equal(nrow(pg_runs(con)), 0)
  pg_save(con, balint_analysis())
  expect_identical(pg_runs(con)$study, NA_character_)
})

test_that("the snapshot of a record is one at which the data had their hash", {
  con <- local_balint()
  other <- local_second(con)
  # A change that others commit while pg_save() reads is not seen, and not hidden: the record's
  # snapshot is older than it.
  run <- pg_save(con, balint_analysis(), "balint")
  pg_exec(other, "UPDATE questrial.answers SET answer = 8 - answer")
  later <- pg_read(con, "SELECT bool_and(NOT pg_visible_in_snapshot(
      pg_current_xact_id_if_assigned(), snapshot)) AS unseen,
    (SELECT bool_and(NOT pg_visible_in_snapshot(xmin::text::xid8, (SELECT snapshot
      FROM questrial.runs))) FROM questrial.answers) AS newer FROM questrial.runs")
  expect_true(later$newer)
})

test_that("a key is done once; other runs of it may fail or find nothing to do", {
  con <- local_balint()
  analysis <- balint_analysis()
  pg_save(con, analysis, "balint", key = "k")
  fault <- tryCatch(pg_save(con, analysis, "balint", key = "k"), error = identity)
  expect_s3_class(fault, "questrial_error_sql")
  expect_identical(fault$sqlstate, "23505")
  expect_identical(fault$constraint, "runs_key_done_once")
  pg_save(con, analysis, "balint", job = "report", key = "k")
  expect_equal(nrow(pg_runs(con)), 2)
  for (status in c("failed", "current")) {
    questrial:::write_run(con,
      list(job = "analyse", key = "k", status = status, started = Sys.time()))
  }
  last <- pg_read(con, "SELECT job, finished FROM questrial.last_success ORDER BY job")
  expect_identical(last$job, c("analyse", "report"))
  expect_identical(last$finished[[1]], max(pg_runs(con)$finished))
})

test_that("a run and its results are there together or not at all", {
  con <- local_home()
  write <- function(parts) {
    pg_transaction(con, {
      run <- questrial:::write_run(con, list(job = "j", status = "done", started = Sys.time()))
      questrial:::write_results(con, run, parts)
    })
  }
  expect_error(write(list(a = data.frame(x = 1), b = data.frame(x = complex(1)))))
  expect_error(pg_transaction(con, {
    write(list(a = data.frame(x = 1)))
    stop("no")
  }), "no")
  expect_equal(nrow(pg_runs(con)), 0)
  left <- pg_read(con, "SELECT count(*)::int AS n FROM questrial.results")$n
  expect_identical(left, 0L)
})

test_that("the server refuses records and results that cannot be", {
  con <- local_home()
  refused <- c(
    "INSERT INTO @results VALUES (99, 'p', 1, 1, 1, 'x', 'double', 1)" = "23503",
    "INSERT INTO @runs (job, status, started) VALUES ('j', 'done', now())" = "23514",
    "INSERT INTO @runs (job, status, started, finished) VALUES ('j', 'running', now(), now())" =
      "23514",
    "INSERT INTO @runs (job, status, started) VALUES ('j', 'perhaps', now())" = "23514",
    "INSERT INTO @runs (job, status, started, finished)
      VALUES ('j', 'done', now(), now() - interval '1 s')" = "23514",
    "INSERT INTO @runs (job, status, started, data_hash) VALUES ('j', 'running', now(), 'x')" =
      "23514",
    "INSERT INTO @runs (job, status, started, study_id) VALUES ('j', 'running', now(), 7)" =
      "23503",
    "INSERT INTO @runs (job, status, started, plan) VALUES ('j', 'running', now(), 'p')" = "23514"
  )
  for (sql in names(refused)) {
    expect_identical(sqlstate_of(con, sql), refused[[sql]], label = sql)
  }
  run <- questrial:::write_run(con, list(job = "j", status = "running", started = Sys.time()))
  cell <- "INSERT INTO @results VALUES (%.0f, 'p', 1, 1, 1, 'x', '%s', %s)"
  expect_identical(sqlstate_of(con, sprintf(cell, run, "double", "NULL, 'text'")), "23514")
  expect_identical(sqlstate_of(con, sprintf(cell, run, "character", "1")), "23514")
  expect_identical(sqlstate_of(con, sprintf(cell, run, "double", "1")), "")
  expect_identical(sqlstate_of(con, sprintf(cell, run, "double", "1")), "23505")
})

test_that("an analysis with imputations is kept with its seed", {
  con <- local_home()
  plan <- balint_plan()
  plan <- do.call(analysis_plan, utils::modifyList(
    unclass(plan)[setdiff(names(plan), c("imputation", "prespecified", "method"))],
    list(method = "mi", imputation = list(m = 2, iterations = 2, seed = 11, level = "score"))
  ))
  analysis <- analyse(plan, balint)
  run <- pg_save(con, analysis)
  expect_identical(pg_runs(con)$seed, 11)
  expect_identical(pg_results(con, run), questrial:::analysis_parts(analysis))
})
