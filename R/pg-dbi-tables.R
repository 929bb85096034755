# Tables through DBI: what there is, reading, writing, removing. A name is a character string as it
# stands, SQL that is quoted already, or an Id of schema and table.

# ---- What there is ----

# Relations that hold rows: tables, partitioned and foreign ones, views, materialised views.
relations_sql <- "c.relkind IN ('r', 'p', 'f', 'v', 'm')"

setMethod("dbListTables", "PgConnection", function(conn, ...) {
  dbGetQuery(conn, paste(
    "SELECT c.relname::text FROM pg_catalog.pg_class c",
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE", relations_sql,
    "AND n.nspname <> 'pg_catalog' AND pg_catalog.pg_table_is_visible(c.oid)",
    "ORDER BY c.relname COLLATE \"C\""
  ))[[1]]
})

setMethod("dbListObjects", "PgConnection", function(conn, prefix = NULL, ...) {
  if (is.null(prefix)) {
    schemas <- dbGetQuery(conn, paste(
      "SELECT nspname::text FROM pg_catalog.pg_namespace",
      "WHERE nspname !~ '^pg_(toast|temp_)' ORDER BY nspname COLLATE \"C\""
    ))[[1]]
    return(objects_frame(
      c(lapply(dbListTables(conn), function(t) Id(table = t)), lapply(schemas, schema_id)),
      length(schemas)
    ))
  }
  schema <- schema_name(conn, prefix)
  tables <- dbGetQuery(conn, paste(
    "SELECT c.relname::text FROM pg_catalog.pg_class c",
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE", relations_sql,
    "AND n.nspname = $1 ORDER BY c.relname COLLATE \"C\""
  ), params = list(schema))[[1]]
  objects_frame(lapply(tables, function(t) Id(schema = schema, table = t)), 0)
})

schema_id <- function(schema) {
  Id(schema = schema)
}

# The last `n_prefixes` of the ids are schemas.
objects_frame <- function(ids, n_prefixes) {
  n <- length(ids)
  objects <- data.frame(is_prefix = seq_len(n) > n - n_prefixes)
  objects$table <- I(ids)
  objects[c("table", "is_prefix")]
}

schema_name <- function(conn, prefix) {
  id <- if (is.character(prefix) && !is(prefix, "SQL")) {
    Id(schema = prefix)
  } else {
    dbUnquoteIdentifier(conn, prefix)[[1]]
  }
  if (length(id@name) != 1) {
    qst_abort("argument", "`prefix` must name a schema, as in DBI::Id(schema = \"s\").")
  }
  id@name[[1]]
}

setMethod("dbExistsTable", c("PgConnection", "character"), function(conn, name, ...) {
  exists_relation(conn, name)
})

setMethod("dbExistsTable", c("PgConnection", "Id"), function(conn, name, ...) {
  exists_relation(conn, name)
})

exists_relation <- function(conn, name, temporary = FALSE) {
  found <- dbGetQuery(conn, paste(
    "SELECT count(*)::int4 FROM pg_catalog.pg_class c",
    "WHERE c.oid = pg_catalog.to_regclass($1)::oid AND", relations_sql
  ), params = list(in_temporary(quoted_table(conn, name), temporary)))
  found[[1]] > 0
}

setMethod("dbListFields", c("PgConnection", "character"), function(conn, name, ...) {
  list_columns(conn, name)
})

setMethod("dbListFields", c("PgConnection", "Id"), function(conn, name, ...) {
  list_columns(conn, name)
})

# Described, not run.
list_columns <- function(conn, name) {
  result <- dbSendQuery(conn, paste("SELECT * FROM", quoted_table(conn, name), "LIMIT 0"))
  on.exit(dbClearResult(result))
  dbColumnInfo(result)$name
}

# One table's name, quoted for SQL.
quoted_table <- function(conn, name) {
  if (is(name, "Id")) {
    return(dbQuoteIdentifier(conn, name))
  }
  if (!is.character(name) || length(name) != 1 || is.na(name)) {
    qst_abort("argument", sprintf(
      "`name` must be one table's name, not %s. A schema is named by DBI::Id(schema = , table = ).",
      describe(name)
    ))
  }
  dbQuoteIdentifier(conn, name)
}

# The same as an Id, which pg_write() takes.
table_id <- function(conn, name) {
  dbUnquoteIdentifier(conn, quoted_table(conn, name))[[1]]
}

# ---- Reading ----

setMethod("dbReadTable", c("PgConnection", "character"), function(conn, name, ...) {
  read_table(conn, name, ...)
})

setMethod("dbReadTable", c("PgConnection", "Id"), function(conn, name, ...) {
  read_table(conn, name, ...)
})

read_table <- function(conn, name, ..., row.names = FALSE, check.names = TRUE) {
  check_no_dots(...)
  check_flag(check.names, "check.names")
  row.names <- check_row_names(row.names)
  data <- dbGetQuery(conn, paste("SELECT * FROM", quoted_table(conn, name)))
  data <- sqlColumnToRownames(data, row.names)
  if (check.names) {
    names(data) <- make.names(names(data), unique = TRUE)
  }
  data
}

# TRUE, FALSE, NA (if there are any) or the name of their column, as in DBI::sqlColumnToRownames().
check_row_names <- function(row.names) {
  ok <- is.null(row.names) || (length(row.names) == 1 &&
    (is.logical(row.names) || (is.character(row.names) && !is.na(row.names))))
  if (!ok) {
    qst_abort("argument", sprintf(
      "`row.names` must be TRUE, FALSE, NA or the name of a column, not %s.", describe(row.names)
    ))
  }
  if (is.null(row.names)) FALSE else row.names
}

# ---- Writing ----

setMethod("dbWriteTable", c("PgConnection", "character", "data.frame"), function(conn, name, value,
                                                                                ...) {
  write_table_as(conn, name, value, ...)
})

setMethod("dbWriteTable", c("PgConnection", "Id", "data.frame"), function(conn, name, value, ...) {
  write_table_as(conn, name, value, ...)
})

# All in one transaction, or in a savepoint of the one that is open.
write_table_as <- function(conn, name, value, ..., row.names = FALSE, overwrite = FALSE,
                           append = FALSE, field.types = NULL, temporary = FALSE) {
  check_no_dots(...)
  check_write_flags(overwrite, append, temporary)
  value <- sqlRownamesToColumn(value, check_row_names(row.names))
  value[] <- lapply(value, as_writable)
  check_field_types(field.types, value, append)
  close_open_result(conn, "a table is being written")
  pg_transaction(conn, {
    if (overwrite) {
      remove_table(conn, name, temporary = temporary, fail_if_missing = FALSE)
    }
    if (!append || !exists_relation(conn, name)) {
      create_for(conn, name, value, field.types, temporary)
    }
    pg_write(conn, value, table_id(conn, name), append = TRUE)
  })
  invisible(TRUE)
}

create_for <- function(conn, name, value, field.types, temporary) {
  types <- data_type(value)
  types[names(field.types)] <- field.types
  create_dbi_table(conn, name, types, temporary,
    "append = TRUE appends to it, overwrite = TRUE replaces it.")
}

create_dbi_table <- function(conn, name, types, temporary, if_there) {
  columns <- paste(dbQuoteIdentifier(conn, names(types)), types, collapse = ", ")
  sql <- sprintf("CREATE %sTABLE %s (%s)", if (temporary) "TEMPORARY " else "",
    quoted_table(conn, name), columns)
  parts <- unname(table_id(conn, name)@name)
  say_why_no_table(dbExecute(conn, sql), parts, length(types), if_there)
}

check_write_flags <- function(overwrite, append, temporary) {
  check_flag(overwrite, "overwrite")
  check_flag(append, "append")
  check_flag(temporary, "temporary")
  if (overwrite && append) {
    qst_abort("argument", "`overwrite` and `append` are both TRUE. Choose one of them.")
  }
}

check_field_types <- function(types, value, append) {
  if (is.null(types)) {
    return(invisible())
  }
  if (append) {
    qst_abort("argument", paste(
      "`field.types` are those of a new table, but rows are to be appended. Leave out one of",
      "`append` and `field.types`."
    ))
  }
  check_columns(value, names(check_types(types, "field.types")), "field.types")
}

check_types <- function(types, arg) {
  named <- is.character(types) && !anyNA(types) && length(names(types)) == length(types)
  if (!named || anyDuplicated(names(types)) > 0) {
    qst_abort("argument", sprintf(
      "`%s` must be types named by column, as in c(id = \"bigint\"), not %s.", arg, describe(types)
    ))
  }
  types
}

# The temporary table of that name, also where there is a permanent one.
in_temporary <- function(table, temporary) {
  if (temporary) paste0("pg_temp.", table) else as.character(table)
}

setMethod("dbAppendTable", "PgConnection", function(conn, name, value, ..., row.names = NULL) {
  check_no_dots(...)
  if (!is.null(row.names)) {
    qst_abort("argument", paste(
      "`row.names` must be NULL: appending has no row names. Put them into a column:",
      "DBI::sqlRownamesToColumn()."
    ))
  }
  id <- table_id(conn, name)
  value <- factors_as_text(check_data_frame(value, "value", min_rows = 0L), "value")
  value[] <- lapply(value, as_writable)
  close_open_result(conn, "rows are being appended")
  pg_write(conn, value, id, append = TRUE)
  nrow(value)
})

# DBI wants a warning where text takes the place of a factor.
factors_as_text <- function(values, arg) {
  factors <- vapply(values, is.factor, NA)
  if (any(factors)) {
    qst_warn("factor", sprintf(
      "Factors in `%s` are sent as their labels. Use as.character() to say so.", arg
    ))
    values[factors] <- lapply(values[factors], as.character)
  }
  values
}

setMethod("dbCreateTable", "PgConnection", function(conn, name, fields, ..., row.names = NULL,
                                                    temporary = FALSE) {
  check_no_dots(...)
  check_flag(temporary, "temporary")
  if (!is.null(row.names)) {
    qst_abort("argument", "`row.names` must be NULL: a table has no row names. Leave it out.")
  }
  types <- check_types(if (is.data.frame(fields)) data_type(fields) else fields, "fields")
  create_dbi_table(conn, name, types, temporary,
    "dbAppendTable() appends to it, dbRemoveTable() removes it.")
  invisible(TRUE)
})

setMethod("dbRemoveTable", c("PgConnection", "character"), function(conn, name, ...) {
  remove_table(conn, name, ...)
})

setMethod("dbRemoveTable", c("PgConnection", "Id"), function(conn, name, ...) {
  remove_table(conn, name, ...)
})

remove_table <- function(conn, name, ..., temporary = FALSE, fail_if_missing = TRUE) {
  check_no_dots(...)
  check_flag(temporary, "temporary")
  check_flag(fail_if_missing, "fail_if_missing")
  if (fail_if_missing || exists_relation(conn, name, temporary)) {
    dbExecute(conn, paste("DROP TABLE", in_temporary(quoted_table(conn, name), temporary)))
  }
  invisible(TRUE)
}
