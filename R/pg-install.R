#' A study's home in PostgreSQL
#'
#' Makes or updates the tables in which studies, their answers, sealed allocations and results live,
#' by numbered migrations that come with the package. Each migration that the database lacks is
#' applied in a transaction of its own and recorded with its SHA-256, while a lock keeps a second
#' `pg_install()` waiting. What is there already is compared with its recorded hash first.
#'
#' @section The tables:
#' All stand in one schema. The server itself refuses what the study does not allow, whatever
#' program writes: an answer outside the instrument's range or between its steps, an item that is
#' not asked at that visit, a second answer, a visit twice, an arm of another study, a level that a
#' factor does not have, a value of another kind than its column, results without a run. Comments
#' on tables and columns (`\d+` in psql) say what they hold.
#'
#' * `studies` (with the analysis plan), `arms`, `participants`;
#' * `variables`, `variable_levels`, `characteristics`: the columns of the wide table, and what is
#'   known of participants besides arm and answers;
#' * `instruments`, `items`, `permitted_answers`; `schedule` (the visits planned), `questions` (what
#'   is asked when), `visits` (those that took place), `answers`, one row each, as given;
#' * `allocation_lists`, `allocations`: see [pg_randomise()];
#' * `runs`, `results`: see [pg_save()];
#' * `history`: what was corrected;
#' * views: `flow` (who came to which visit, by arm), `completeness` (how many answered each item),
#'   `answer_list`, `estimates`, `last_success`, `corrections`.
#'
#' `answers` and `characteristics` are partitioned by study: a study that [pg_study()] loads has its
#' own partition (`answers_1`), one that another program writes needs none.
#'
#' @section Corrections:
#' Every change and removal (`UPDATE`, `DELETE`) of a participant, a visit, a characteristic or an
#' answer leaves a row in `history`, written by the server itself, whatever program corrects: the
#' row as it was and as it became, when, which role had logged in, and the reason, if the session
#' said one by `SET questrial.reason = 'typing error, see form'`. So do changes of the names of
#' arms, planned visits, columns and levels. `TRUNCATE`, which could leave no history, is refused.
#' The view `corrections` shows them with names, the old and the new value. Who owns the tables
#' could still tamper with it, by removing a table or partition (`DROP`, `DETACH`), a trigger or
#' rows of `history`: let nobody enter data as the owner. Then the tables say of each answer who
#' entered it (`entered`, `entered_by`) and who changed it since, as good clinical practice asks.
#'
#' @section Roles:
#' `pg_home_sql()` gives the SQL for four roles without login, to be granted to people: a *reader*
#' reads all but the lists of allocations; an *analyst* is a reader who may save runs and results;
#' *entry* may add characteristics, visits and answers, not change them, and is blind to arms; a
#' *randomiser* may take the next place of a sealed list and is told its arm, without a look at the
#' list. Their names are that of the schema with an ending: `questrial_reader`, `questrial_analyst`,
#' `questrial_entry`, `questrial_randomiser`. Roles belong to the whole server, so they are not made
#' unasked, and two databases of one server need schemas of two names if both are to have roles.
#'
#' @param con A connection made by [pg_connect()], to a server of version 13 or later. Its role must
#'   be allowed to create a schema in the database, or own the schema, which may be an empty one.
#' @param schema Name of the schema, of at most 63 bytes (52 if it is to have roles).
#' @param dry_run `TRUE`: say what would be applied, and change nothing.
#' @return `pg_install()`: a data frame of class `pg_migrations`, one row a migration: `number`,
#'   `migration` (its name), `hash`, `status` (`"was there"`, `"applied"`, `"would be applied"`).
#'   `pg_home_sql()`: the statements, one text of class `pg_sql` that prints itself, for [pg_exec()]
#'   or psql.
#' @section Errors:
#' `questrial_error_migration` if a migration in the database was made by a newer version of the
#' package, or has another hash than that of the package (somebody edited it), or if the schema
#' holds tables of others; nothing is changed then. `questrial_error_sql` if the server refuses a
#' statement: the migration that it belongs to is not applied, earlier ones are.
#' @seealso [pg_study()] loads a study, [pg_cohort()] reads one.
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' con <- pg_connect(server$conninfo)
#' pg_install(con, dry_run = TRUE)
#' pg_install(con)
#' pg_close(con)
#' server$stop()
#' @export
pg_install <- function(con, schema = "questrial", dry_run = FALSE) {
  check_schema(schema)
  check_flag(dry_run, "dry_run")
  if (!dry_run) {
    unlock <- lock_install(con, schema)
    on.exit(unlock())
  }
  files <- migration_files()
  there <- applied_migrations(con, schema)
  check_migrations(files, there, schema)
  missing <- !files$number %in% there$number
  if (!dry_run) {
    if (nrow(there) == 0) {
      make_schema(con, schema)
    }
    for (k in which(missing)) {
      apply_migration(con, schema, files[k, ])
    }
  }
  files$status <- ifelse(missing, if (dry_run) "would be applied" else "applied", "was there")
  structure(
    files[c("number", "migration", "hash", "status")],
    schema = schema, class = c("pg_migrations", "data.frame")
  )
}

#' @rdname pg_install
#' @export
pg_home_sql <- function(schema = "questrial") {
  check_schema(schema)
  endings <- c("reader", "analyst", "entry", "randomiser")
  roles <- check_role_names(paste(enc2utf8(schema), endings, sep = "_"))
  sql <- paste0(read_lines(sql_file("roles.sql")), "\n", collapse = "")
  for (role in roles) {
    mark <- sub("^.*_", "@role_", role)
    sql <- gsub(mark, sql_name(role), sql, fixed = TRUE)
  }
  as_sql(home_sql(schema, gsub("@schema", sql_name(schema), sql, fixed = TRUE)))
}

# The server would cut them to one and the same name.
check_role_names <- function(roles) {
  longest <- roles[[which.max(nchar(roles, "bytes"))]]
  if (nchar(longest, "bytes") > 63) {
    qst_abort("argument", sprintf(paste(
      "`schema` is too long for roles: %s would have %d bytes, of which a server keeps 63.",
      "Name a `schema` of at most 52 bytes."
    ), describe(longest), nchar(longest, "bytes")), value = longest)
  }
  roles
}

#' @export
print.pg_migrations <- function(x, ...) {
  cat(sprintf("Schema %s\n", attr(x, "schema")))
  cat(sprintf("  %03d-%-12s %-17s SHA-256 %s...\n", x$number, x$migration, x$status,
    substr(x$hash, 1, 16)), sep = "")
  invisible(x)
}

# Takes the lock and returns what gives it back. Inside a transaction of the caller's it is the
# transaction's, as a failed one would let nothing be given back.
lock_install <- function(con, schema) {
  lock <- list(sprintf("questrial install %s", schema))
  if (in_transaction(con)) {
    pg_exec(con, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", lock)
    return(function() NULL)
  }
  pg_exec(con, "SELECT pg_advisory_lock(hashtextextended($1, 0))", lock)
  function() {
    if (pg_is_open(con)) {
      pg_exec(con, "SELECT pg_advisory_unlock(hashtextextended($1, 0))", lock)
    }
  }
}

# ---- Migrations: of the package, of the database ----

sql_file <- function(name) {
  system.file("sql", name, package = "questrial", mustWork = TRUE)
}

# The files in order: number, name, text and hash. Line ends do not count.
migration_files <- function() {
  files <- sort(list.files(sql_file(""), "^[0-9]{3}-.*[.]sql$"), method = "radix")
  texts <- vapply(files, function(file) paste0(read_lines(sql_file(file)), "\n", collapse = ""), "")
  data.frame(
    number = as.integer(substr(files, 1, 3)),
    migration = sub("^[0-9]{3}-(.*)[.]sql$", "\\1", files),
    text = unname(texts), hash = vapply(texts, text_hash, "", USE.NAMES = FALSE)
  )
}

# No rows where the schema is not there or empty.
applied_migrations <- function(con, schema) {
  found <- pg_read(con, paste(
    "SELECT c.relname::text AS name FROM pg_catalog.pg_class c",
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1"
  ), list(schema))
  if (nrow(found) == 0) {
    return(data.frame(number = integer(), migration = character(), hash = character()))
  }
  if (!"migrations" %in% found$name) {
    qst_abort("migration", sprintf(
      "The schema %s holds tables that are not questrial's (%s). Name another `schema`.",
      describe(schema), enumerate(sort(found$name, method = "radix"))
    ))
  }
  home_read(con, schema, "SELECT number, migration, hash FROM @migrations ORDER BY number")
}

check_migrations <- function(files, there, schema) {
  newer <- setdiff(there$number, files$number)
  if (length(newer) > 0) {
    qst_abort("migration", sprintf(
      "The schema %s has migration %d, which this version of questrial does not know. %s",
      describe(schema), max(newer), "Update the package."
    ), value = newer)
  }
  at <- match(there$number, files$number)
  edited <- at[files$hash[at] != there$hash]
  if (length(edited) > 0) {
    qst_abort("migration", sprintf(
      paste(
        "Migration %d (%s) is not the one that was applied to the schema %s: its hash is another.",
        "Install the questrial that made the schema, or one that only adds migrations to it."
      ), files$number[[edited[[1]]]], files$migration[[edited[[1]]]], describe(schema)
    ), value = files$number[edited])
  }
}

make_schema <- function(con, schema) {
  there <- pg_read(con, "SELECT 1 FROM pg_namespace WHERE nspname = $1", list(schema))
  pg_transaction(con, {
    if (nrow(there) == 0) {
      pg_exec(con, paste("CREATE SCHEMA", sql_name(schema)))
    }
    home_exec(con, schema, paste(read_lines(sql_file("migrations.sql")), collapse = "\n"))
  })
}

# Functions keep the search_path of this moment: the schema, the temporary one last.
apply_migration <- function(con, schema, migration) {
  path <- pg_read(con, "SELECT current_setting('search_path') AS path")$path
  pg_transaction(con, {
    pg_exec(con, sprintf("SET LOCAL search_path = %s, pg_temp", sql_name(schema)))
    pg_exec(con, migration$text)
    # A transaction of the caller's goes on.
    pg_exec(con, "SELECT set_config('search_path', $1, true)", list(path))
    home_exec(con, schema,
      "INSERT INTO @migrations (number, migration, hash, package_version) VALUES ($1, $2, $3, $4)",
      list(migration$number, migration$migration, migration$hash, questrial_version())
    )
  })
}

# ---- What all that use the home share ----

check_schema <- function(schema) {
  check_string(schema, "schema")
  if (!nzchar(schema) || nchar(enc2utf8(schema), "bytes") > 63 || grepl("^pg_|@", schema)) {
    qst_abort("argument", sprintf(
      "`schema` must be a name of at most 63 bytes that does not begin with pg_, not %s.",
      describe(schema)
    ), value = schema)
  }
  schema
}

# `@table` is that table of the schema.
home_sql <- function(schema, sql) {
  gsub("@", paste0(sql_name(schema), "."), sql, fixed = TRUE)
}

home_read <- function(con, schema, sql, params = list(), ...) {
  pg_read(con, home_sql(schema, sql), params, bigint = "numeric", ...)
}

home_exec <- function(con, schema, sql, params = list()) {
  pg_exec(con, home_sql(schema, sql), params)
}

questrial_version <- function() {
  as.character(utils::packageVersion("questrial"))
}

# The schema is there and as new as the package.
check_home <- function(con, schema) {
  check_schema(schema)
  files <- migration_files()
  there <- applied_migrations(con, schema)
  if (!all(files$number %in% there$number)) {
    qst_abort("migration", sprintf(
      "The schema %s %s. Run pg_install(con%s) first.", describe(schema),
      if (nrow(there) == 0) "is not in this database" else "is older than the package",
      if (schema == "questrial") "" else sprintf(", schema = %s", describe(schema))
    ))
  }
  check_migrations(files, there, schema)
}
