tables_of <- function(con, schema = "questrial") {
  pg_read(con, "SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n
    ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v')
    AND NOT c.relispartition ORDER BY 1",
    list(schema))$name
}

test_that("what is missing is applied, once, and recorded with its hash", {
  con <- local_pg()
  planned <- pg_install(con, dry_run = TRUE)
  expect_true(all(planned$status == "would be applied"))
  expect_length(tables_of(con), 0)
  first <- pg_install(con)
  expect_true(all(first$status == "applied"))
  expect_equal(first$number, seq_len(nrow(first)))
  expect_true(all(pg_install(con)$status == "was there"))
  recorded <- pg_read(con, "SELECT number, hash, package_version, applied_by
    FROM questrial.migrations ORDER BY number")
  expect_identical(recorded$hash, first$hash)
  expect_true(all(recorded$applied_by == "postgres"))
  expect_true(all(recorded$package_version == as.character(packageVersion("questrial"))))
  expect_output(print(first), "001-study +applied +SHA-256")
})

test_that("the hash of a migration is the SHA-256 of its file", {
  skip_if(Sys.which("sha256sum") == "")
  files <- list.files(system.file("sql", package = "questrial"), "^[0-9].*sql$", full.names = TRUE)
  sums <- sub(" .*", "", system2("sha256sum", shQuote(files), stdout = TRUE))
  con <- local_pg()
  expect_identical(pg_install(con, dry_run = TRUE)$hash, sums)
})

test_that("only those that are missing are applied", {
  con <- local_home()
  pg_exec(con, "DELETE FROM questrial.migrations WHERE number = 4;
    DROP VIEW questrial.flow, questrial.completeness, questrial.answer_list, questrial.estimates,
    questrial.last_success")
  expect_error(pg_cohort(con, "any"), "older than the package. Run pg_install",
    class = "questrial_error_migration")
  again <- pg_install(con)
  expect_identical(again$status, ifelse(again$number == 4, "applied", "was there"))
  expect_true("flow" %in% tables_of(con))
})

test_that("an edited and a newer migration are refused and nothing is changed", {
  con <- local_home()
  pg_exec(con, "UPDATE questrial.migrations SET hash = repeat('0', 64) WHERE number = 2")
  expect_error(pg_install(con), "Migration 2 .allocation. is not the one that was applied",
    class = "questrial_error_migration")
  con <- local_home()
  pg_exec(con, "INSERT INTO questrial.migrations VALUES (999, 'later', repeat('0', 64), '9.9')")
  expect_error(pg_install(con), "has migration 999.*Update the package",
    class = "questrial_error_migration")
  expect_error(pg_cohort(con, "any"), "has migration 999", class = "questrial_error_migration")
})

test_that("a schema that others use is left alone; an empty one is taken", {
  con <- local_pg()
  pg_exec(con, "CREATE SCHEMA theirs; CREATE TABLE theirs.things (i int); CREATE SCHEMA \"My own\"")
  expect_error(pg_install(con, "theirs"), "holds tables that are not questrial's .`things`",
    class = "questrial_error_migration")
  expect_identical(tables_of(con, "theirs"), "things")
  pg_install(con, "My own")
  expect_true("studies" %in% tables_of(con, "My own"))
  expect_error(pg_study(con, "s", balint_plan(), balint), "is not in this database. Run pg_install",
    class = "questrial_error_migration")
  for (bad in list("", "pg_mine", "a@b", strrep("x", 64), NA_character_)) {
    expect_error(pg_install(con, bad), "`schema` must be", class = "questrial_error_argument")
  }
})

test_that("a migration that fails leaves nothing of itself", {
  con <- local_home()
  bad <- data.frame(number = 77L, migration = "bad", hash = strrep("a", 64),
    text = "CREATE TABLE half (i int); SELECT 1 / 0;")
  state <- tryCatch(questrial:::apply_migration(con, "questrial", bad),
    questrial_error_sql = function(e) e$sqlstate)
  expect_identical(state, "22012")
  expect_false("half" %in% tables_of(con))
  expect_equal(nrow(pg_read(con, "SELECT 1 FROM questrial.migrations WHERE number = 77")), 0)
})

test_that("an installation inside a transaction leaves its search path as it was", {
  con <- local_pg()
  path <- function() pg_read(con, "SELECT current_setting('search_path') AS path")$path
  for (given in c("\"$user\", public", "\"a, b\", pg_catalog", "")) {
    pg_exec(con, "SELECT set_config('search_path', $1, false)", list(given))
    pg_transaction(con, {
      pg_install(con, paste("in", given))
      expect_identical(path(), given)
    })
    expect_identical(path(), given)
  }
})

test_that("a second installation waits for the first", {
  con <- local_pg()
  other <- local_second(con)
  pg_exec(other, "SELECT pg_advisory_lock(hashtextextended('questrial install questrial', 0))")
  pg_exec(con, "SET lock_timeout = '200ms'")
  state <- tryCatch(pg_install(con), questrial_error_sql = function(e) e$sqlstate)
  expect_identical(state, "55P03")
  expect_length(tables_of(con), 0)
  pg_close(other)
  expect_true(all(pg_install(con)$status == "applied"))
  held <- pg_read(con, "SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory'
    AND pid = pg_backend_pid()")
  expect_equal(held$n, 0)
})

test_that("an installation that fails in a transaction of the caller's leaves no lock", {
  con <- local_pg()
  pg_exec(con, "CREATE SCHEMA questrial; CREATE TABLE questrial.migrations (x int)")
  expect_error(pg_transaction(con, pg_install(con)), class = "questrial_error_sql")
  locks <- "SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND pid =
    pg_backend_pid()"
  expect_identical(pg_read(con, locks)[[1]], 0L)
})

test_that("every table and view says what it holds", {
  con <- local_home()
  silent <- pg_read(con, "SELECT c.relname::text AS name FROM pg_class c
    WHERE c.relnamespace = 'questrial'::regnamespace AND c.relkind IN ('r', 'p', 'v')
    AND obj_description(c.oid, 'pg_class') IS NULL")
  expect_identical(silent$name, character())
})

# ---- Roles ----

test_that("each role can do what it is for and no more", {
  con <- local_balint()
  pg_seal(con, "balint", allocate(30, levels(balint$arm), seed = 1))
  expect_output(print(pg_home_sql()), "\nCREATE ROLE \"questrial_reader\" NOLOGIN;\n",
    fixed = TRUE)
  local_roles(con)
  as_role <- function(role, sql) {
    pg_exec(con, sprintf("SET ROLE questrial_%s", role))
    on.exit(pg_exec(con, "RESET ROLE"))
    sqlstate_of(con, sql)
  }
  tables <- tables_of(con)
  reads <- function(role) {
    can <- vapply(tables, function(table) {
      as_role(role, sprintf("SELECT * FROM @%s LIMIT 1", table)) == ""
    }, NA)
    tables[can]
  }
  secret <- c("allocation_lists", "allocations")
  expect_setequal(reads("reader"), setdiff(tables, secret))
  expect_setequal(reads("analyst"), setdiff(tables, secret))
  blind <- c("instruments", "items", "permitted_answers", "variables", "variable_levels",
    "schedule", "questions", "visits", "answers", "migrations")
  expect_setequal(reads("entry"), blind)
  expect_setequal(reads("randomiser"), "migrations")

  run <- "INSERT INTO @runs (job, status, started) VALUES ('j', 'running', now())"
  expect_identical(as_role("reader", run), "42501")
  expect_identical(as_role("entry", run), "42501")
  expect_identical(as_role("analyst", run), "")
  expect_identical(as_role("analyst", "DELETE FROM @results"), "42501")
  expect_identical(as_role("analyst", "UPDATE @answers SET answer = 1"), "42501")

  expect_identical(as_role("entry", "SELECT arm_no FROM @participants"), "42501")
  expect_identical(as_role("entry", "SELECT participant FROM @participants"), "")
  sex <- "INSERT INTO @characteristics (study_id, participant_no, variable_no, kind, level_no)
    VALUES (1, 1, 4, 'level', 1)"
  expect_identical(as_role("entry", sex), "23505")
  lost <- match(TRUE, is.na(balint$t1_1) & rowSums(!is.na(balint[paste0("t1_", 1:20)])) == 0)
  expect_identical(as_role("entry", sprintf(
    "INSERT INTO @visits (study_id, participant_no, visit_no) SELECT study_id, %d, 2 FROM @studies;
    INSERT INTO @answers (study_id, participant_no, variable_no, visit_no, instrument_id, answer)
    SELECT study_id, %d, variable_no, 2, instrument_id, 3 FROM @questions
    WHERE visit_no = 2 AND item_no = 1", lost, lost
  )), "")
  expect_equal(pg_cohort(con, "balint")$t1_1[[lost]], 3L)

  take <- "SELECT @take_place('balint', 'new')"
  for (role in c("reader", "analyst", "entry")) {
    expect_identical(as_role(role, take), "42501")
  }
  expect_identical(as_role("randomiser", take), "")
  expect_identical(as_role("randomiser", "SELECT arm FROM @told_arm('balint', 'new')"), "")
})

test_that("roles are named after any schema, each after its own", {
  con <- local_pg()
  schemas <- c("2024", "a-b", "a_b", "\u00e9'\"\\1 x.y", "two\nlines; x", strrep("n", 52))
  roles <- c("reader", "analyst", "entry", "randomiser")
  for (schema in schemas) {
    pg_install(con, schema)
    local_roles(con, schema)
    reads <- pg_read(con, "SELECT rolname::text AS role FROM pg_roles WHERE NOT rolcanlogin
      AND has_table_privilege(oid, $1::regclass, 'SELECT') AND rolname !~ '^pg_' ORDER BY 1",
      list(paste0(questrial:::sql_name(schema), ".answers")))$role
    expect_setequal(reads, paste(schema, c("analyst", "entry", "reader"), sep = "_"))
  }
  # Roles belong to the server, where other tests make theirs: those with rights in this database.
  there <- pg_read(con, "SELECT DISTINCT rolname::text AS role FROM pg_roles
    JOIN pg_shdepend d ON refobjid = pg_roles.oid AND refclassid = 'pg_authid'::regclass
    JOIN pg_database b ON b.oid = d.dbid AND datname = current_database()
    WHERE deptype = 'a'")$role
  expect_setequal(there, as.vector(outer(schemas, roles, paste, sep = "_")))
  expect_error(pg_home_sql(strrep("n", 53)), "too long for roles.*at most 52 bytes",
    class = "questrial_error_argument")
})

test_that("functions with their owner's rights look at no table of the caller", {
  con <- local_balint()
  pg_seal(con, "balint", allocate(12, levels(balint$arm), seed = 2))
  pg_exec(con, "CREATE TEMP TABLE allocation_lists AS SELECT 99 AS study_id;
    CREATE TEMP TABLE studies (study_id int, study text);
    CREATE SCHEMA evil; CREATE TABLE evil.studies (study_id int, study text);
    SET search_path = pg_temp, evil")
  place <- pg_randomise(con, "balint", "P1")
  expect_identical(place$arm, as.character(allocate(12, levels(balint$arm), seed = 2)$arm[[1]]))
  settings <- pg_read(con, "SELECT proname::text AS name, prosecdef, proconfig[1] AS path
    FROM pg_proc WHERE pronamespace = 'questrial'::regnamespace ORDER BY 1")
  expect_identical(settings$name[!settings$prosecdef], "refuse_truncate")
  expect_identical(unique(settings$path), "search_path=questrial, pg_temp")
})
