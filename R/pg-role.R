#' What the role of a connection may do, and the SQL for one that may only read
#'
#' A read-only transaction does not make a role harmless: inside one, a superuser can still run
#' programs on the server. `pg_role()` lists what the role of a connection may do beyond reading;
#' [pg_connect()] warns, once for each role and server, where that reaches the whole server.
#' `pg_reader_sql()` writes the SQL that makes a role which can read the tables named, and nothing
#' else.
#'
#' @param con A connection made by [pg_connect()].
#' @return `pg_role()`: a data frame of class `pg_role`, a row for each power with the columns
#'   `power`, `held` (`TRUE` or `FALSE`), `reach` (`"server"`, `"database"`) and `lets` (what it
#'   lets the role do). For a superuser all powers are held.
#' @section Warnings:
#' `questrial_warning_role` from [pg_connect()], with the field `powers`. Where such a role is
#' meant, as for an administrator, silence it by its class:
#' `suppressWarnings(pg_connect(...), classes = "questrial_warning_role")`.
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' con <- pg_connect(server$conninfo)
#' pg_role(con)
#' pg_reader_sql("analyst", c("trial.answers", "trial.visits"), database = "study")
#' pg_close(con)
#' server$stop()
#' @export
pg_role <- function(con) {
  role <- read_role(con)
  powers <- role_powers
  powers$held <- vapply(powers$column, function(column) isTRUE(role[[column]]), TRUE) |
    isTRUE(role$superuser)
  structure(powers[c("power", "held", "reach", "lets")], role = role$role,
    class = c("pg_role", "data.frame"))
}

role_powers <- data.frame(
  column = c("superuser", "programs", "files_out", "files_in", "write_all", "make_roles",
    "bypass", "replicate", "make_databases", "owner", "writes", "creates"),
  power = c("superuser", "pg_execute_server_program", "pg_write_server_files",
    "pg_read_server_files", "pg_write_all_data", "createrole", "bypassrls", "replication",
    "createdb", "owner of tables", "writes tables", "creates tables"),
  reach = c(rep("server", 9), rep("database", 3)),
  lets = c("do anything", "run programs on the server", "write files of the server",
    "read files of the server", "change every table", "make and change roles",
    "read rows that policies hide", "copy the whole server", "make databases",
    "change and drop tables", "change rows", "make tables in a schema")
)

# Memberships count also where the role would first have to SET ROLE.
read_role <- function(con) {
  member <- function(of) {
    sprintf(paste(
      "EXISTS (SELECT FROM pg_catalog.pg_roles g WHERE g.rolname = '%s'",
      "AND pg_catalog.pg_has_role(g.oid, 'MEMBER'))"
    ), of)
  }
  tables <- paste(
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
    "WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND n.nspname !~ '^(pg_|information_schema$)'"
  )
  pg_read(con, paste(
    "SELECT r.rolname::text AS role, r.rolsuper AS superuser, r.rolcreaterole AS make_roles,",
    "r.rolcreatedb AS make_databases, r.rolbypassrls AS bypass, r.rolreplication AS replicate,",
    member("pg_execute_server_program"), "AS programs,",
    member("pg_write_server_files"), "AS files_out,",
    member("pg_read_server_files"), "AS files_in,",
    member("pg_write_all_data"), "AS write_all,",
    "EXISTS (SELECT", tables, "AND pg_catalog.pg_has_role(c.relowner, 'MEMBER')) AS owner,",
    "EXISTS (SELECT", tables, "AND pg_catalog.has_table_privilege(c.oid,",
    "'INSERT, UPDATE, DELETE, TRUNCATE')) AS writes,",
    "EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_'",
    "AND pg_catalog.has_schema_privilege(n.oid, 'CREATE')) AS creates",
    "FROM pg_catalog.pg_roles r WHERE r.rolname = current_user"
  ))
}

#' @export
print.pg_role <- function(x, ...) {
  cat(sprintf("Role %s%s\n", attr(x, "role"),
    if (any(x$held)) " may, beyond reading:" else " may only read what it was granted."))
  for (i in which(x$held)) {
    cat(sprintf("  %-26s %s\n", x$power[[i]], x$lets[[i]]))
  }
  invisible(x)
}

# ---- The warning of pg_connect() ----

warned_roles <- new.env()

# Once for each role and server in a session of R; a throw-away server has nothing to lose.
warn_of_role <- function(con) {
  info <- con@state$info
  place <- paste(info$host, info$port, info$user)
  if (is.null(warned_roles[[place]]) && !is_throwaway(info$host)) {
    assign(place, TRUE, envir = warned_roles)
    role <- pg_role(con)
    warn_of_powers(role[role$held & role$reach == "server", ], attr(role, "role"))
  }
}

warn_of_powers <- function(held, role) {
  if (nrow(held) > 0) {
    may <- if ("superuser" %in% held$power) "do anything on the server" else join_words(held$lets)
    qst_warn("role", sprintf(paste(
      "The role %s may %s, which no reading needs. Connect as one that may only read;",
      "pg_reader_sql() writes the SQL that makes it, pg_role() lists what a role may do."
    ), role, may), powers = held$power)
  }
}

# ---- A role that can only read ----

#' @rdname pg_role
#' @param role The name of the role that is to be made.
#' @param tables Tables or views it shall read, with their schemas: `"trial.answers"`. A view gives
#'   some rows or columns of a table.
#' @param database The database they are in.
#' @return `pg_reader_sql()`: one text of class `pg_sql` that prints itself, to be run with psql or
#'   [pg_exec()] by the owner of the tables or a superuser. It has no password: set it with psql's
#'   `\password`, which sends a hash, or let the server authenticate otherwise.
#' @details The SQL also takes from `PUBLIC`, which every role belongs to, the rights to make
#'   temporary tables in the database and tables in the schema `public` (servers before 15 grant
#'   them). Roles that need these are to be granted them by name.
#' @export
pg_reader_sql <- function(role, tables, database) {
  name <- sql_name(check_name_lengths(check_string(role, "role"), "role"))
  base <- sql_name(check_name_lengths(check_string(database, "database"), "database"))
  parts <- lapply(tables, table_name_parts, arg = "tables")
  if (length(parts) == 0 || any(lengths(parts) != 2)) {
    qst_abort("argument", paste(
      "`tables` must name at least one table, each with its schema, as in \"trial.answers\":",
      "without it, the search_path of whoever runs the SQL would decide."
    ))
  }
  schemas <- unique(sql_name(vapply(parts, `[[`, "", 1)))
  as_sql(c(
    sprintf("CREATE ROLE %s LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;", name),
    sprintf("ALTER ROLE %s SET default_transaction_read_only = on;", name),
    sprintf("REVOKE CREATE, TEMPORARY ON DATABASE %s FROM PUBLIC;", base),
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC;",
    sprintf("GRANT CONNECT ON DATABASE %s TO %s;", base, name),
    sprintf("GRANT USAGE ON SCHEMA %s TO %s;", schemas, name),
    sprintf("GRANT SELECT ON %s TO %s;", vapply(parts, table_sql, ""), name)
  ))
}

# Statements to be read before they are run.
as_sql <- function(statements) {
  structure(paste(statements, collapse = "\n"), class = "pg_sql")
}

#' @export
print.pg_sql <- function(x, ...) {
  cat(x, "\n", sep = "")
  invisible(x)
}
