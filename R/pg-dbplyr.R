# dbplyr on our connections: SQL of PostgreSQL, as dbplyr writes it for RPostgres.

# dbplyr's methods for PostgreSQL ask a connection for no more than DBI's generics do, but the one
# that describes it.
register_dbplyr <- function(...) {
  dbplyr <- asNamespace("dbplyr")
  for (generic in dbplyr_generics) {
    method <- utils::getS3method(generic, "PqConnection", optional = TRUE, envir = dbplyr)
    if (!is.null(method)) {
      registerS3method(generic, "PgConnection", method, envir = dbplyr)
    }
  }
  registerS3method("db_connection_describe", "PgConnection", describe_connection, envir = dbplyr)
  registerS3method("sql_translation", "PgConnection", translate_for_pg, envir = dbplyr)
}

# Those that have a method for PostgreSQL in some version of dbplyr.
dbplyr_generics <- c(
  "dbplyr_edition", "dbplyr_fill0", "get_col_types", "sql_expr_matches", "sql_escape_date",
  "sql_escape_datetime", "sql_query_explain", "sql_query_insert",
  "sql_query_upsert", "sql_values_subquery", "sql_random", "supports_window_clause",
  "db_supports_table_alias_with_as"
)

# PostgreSQL's mean of whole numbers is a decimal number of 16 digits or more, R's is a double; the
# server rounds it to the nearest one, so that nothing is left to warn of.
translate_for_pg <- function(con) {
  known <- utils::getS3method("sql_translation", "PqConnection", envir = asNamespace("dbplyr"))(con)
  dbplyr::sql_variant(known$scalar, as_doubles(known$aggregate), as_doubles(known$window))
}

as_doubles <- function(translator) {
  known <- mget(c("mean", "sd", "var"), translator, inherits = TRUE)
  means <- lapply(known, function(translate) {
    function(x, na.rm = FALSE) dbplyr::build_sql("(", translate(x, na.rm), ")::float8")
  })
  dbplyr::sql_translator(.parent = translator, .funs = means)
}

describe_connection <- function(con, ...) {
  info <- dbGetInfo(con)
  sprintf("PostgreSQL %s [%s@%s:%s/%s]", info$db.version, info$username, info$host, info$port,
    info$dbname)
}
