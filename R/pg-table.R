#' A table that stays in its database
#'
#' Names a table, view or partitioned table for [fit_glm()], which then goes to the data: the
#' server forms sums, and only these travel. Nothing is read but the catalogue.
#'
#' @param con A connection of [pg_connect()].
#' @param table The table: `"visits"`, `"trial.visits"`, `c("schema", "table")` or a
#'   [DBI::Id()]. Without a schema the search path finds it. Names are taken as they
#'   are written: `"Visits"` is not `"visits"`.
#' @return An object of class `pg_table`: where the table is, its columns with their types (a data
#'   frame, `$columns`) and, if partitions of it lie on other servers, these partitions
#'   (`$leaves`). It is good for as long as `con` is.
#' @section Fits:
#' `fit_glm(formula, pg_table(con, "t"), family, weights, subset, offset, cluster)` gives what
#' `fit_glm(formula, pg_read(con, "SELECT * FROM t"), ...)` gives, to 9 digits or better, with
#' three differences: methods that need rows (residuals, fitted values, plots) are refused;
#' variables are columns of the table and what SQL can say of them; and sums of numbers with
#' fractions are made by the server in double precision, in its own order, so that the last digits
#' may differ between runs. Sums of whole numbers are exact.
#'
#' *Variables.* Boolean, text and enum columns are factors, whole numbers become factors by
#' `factor()`. Numbers may be written with `+ - * / ^`, `log()`, `exp()`, `sqrt()`, `abs()` and
#' `I()`. `poly()`, splines and others that look at all rows to make one value are refused:
#' write powers with `I(x^2)`, or read the table. `subset` may compare columns with numbers and
#' texts (`==`, `<`, `%in%`, `is.na()`, `&`, `|`, `!`), and names values of R.
#'
#' *What travels.* If all covariates have few values, the server counts: one row for each
#' combination of covariates (and cluster) that occurs, with the number of rows, the sum of the
#' response and its squares about the mean. Any model follows from those. Numbers with many values
#' enter by moments about their means, one set for each combination of factors (and cluster): one
#' pass over the table for their place, one for a linear model and one for its HC covariances; one
#' pass a step of iteratively reweighted least squares for others, of which the last has the sums
#' by cluster too, and one each for HC and CR2. The server may share the rows of each pass out among
#' parallel workers.
#' All passes see one moment of the database ([pg_snapshot()]).
#'
#' *Tests.* `anova()` has types I to III of linear models and Wald tests of others; likelihood
#' ratios need two fits. Clusters are columns: `cluster = ~ site`, `site` or `"site"`.
#'
#' *Digits.* Moments cannot hold what nearly collinear columns say. Where less than nine digits
#' would be left the fit is refused: read the columns and fit them here, where `fit_glm()`
#' has a better method. Numbers far from 0 are another matter: moments are taken about means, so
#' that the database keeps the coefficient of a number that varies by less than a part in 1e8 of
#' its size, where a fit of rows, which takes numbers as they are, may find it aliased (`NA`), and
#' `lm()` does from a part in 1e7 on.
#'
#' *Several servers.* If partitions are foreign tables (`postgres_fdw`), each partition is asked
#' for its own sums in one statement (`UNION ALL`), which the servers of the partitions work out by
#' themselves; settings need no change. Row security of the parent is honoured by not doing so.
#' @section As a data frame:
#' `names()` gives the columns, `nrow()` and `dim()` count the rows there, and `head()` reads the
#' first that come. What needs the rows (`$` of a column, `summary()`, `lm()`) raises
#' `questrial_error_no_rows`, which says how to read them. `$con`, `$name`, `$kind`, `$rows`,
#' `$columns` and `$leaves` are parts of the object, even where a column has such a name.
#' @seealso [fit_glm()], [vcov.fit_glm()]
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' con <- pg_connect(server$conninfo)
#' pg_write(con, warpbreaks, "warpbreaks")
#' fit <- fit_glm(breaks ~ wool * tension, pg_table(con, "warpbreaks"), family = poisson())
#' summary(fit)
#' pg_close(con)
#' server$stop()
#' @export
pg_table <- function(con, table) {
  check_connection(con)
  quoted <- table_sql(table_name_parts(table, "table"))
  found <- pg_read(con, table_query, list(quoted))
  if (nrow(found) == 0 || is.na(found$schema)) {
    qst_abort("argument", sprintf(
      "`table`: there is no table %s that this session can see. %s",
      quoted, missing_table_cure(con, table)
    ), value = quoted)
  }
  structure(list(
    con = con, name = c(found$schema, found$table), kind = found$kind, rows = found$rows,
    columns = table_columns(con, quoted), leaves = table_leaves(con, quoted, found)
  ), class = "pg_table")
}

missing_table_cure <- function(con, table) {
  if (is.character(table) && length(table) == 1 && grepl(".", table, fixed = TRUE)) {
    return(sprintf("A name with a dot in it is given as DBI::Id(table = %s).", describe(table)))
  }
  parts <- table_name_parts(table, "table")
  near <- nearest(parts[[length(parts)]], pg_read(con, seen_query)$table)
  if (nzchar(near)) trimws(near) else "Give c(\"schema\", \"table\")."
}

# ---- The catalogue ----

table_query <- paste(
  "SELECT n.nspname::text AS schema, c.relname::text AS table, c.relkind::text AS kind,",
  "  c.reltuples::float8 AS rows, c.relrowsecurity AS guarded",
  "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
  "WHERE c.oid = pg_catalog.to_regclass($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
)

# Tables that a name without a schema finds, but those of the server itself.
seen_query <- paste(
  "SELECT c.relname::text AS table FROM pg_catalog.pg_class c",
  "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_catalog.pg_table_is_visible(c.oid)",
  "  AND c.relnamespace <> 'pg_catalog'::regnamespace ORDER BY 1"
)

# `n_distinct` is what ANALYZE found, NA where it did not look. `folds`: texts that differ, as in
# capitals, may be equal to the server (citext, and collations since server 12).
columns_query <- paste(
  "SELECT a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,",
  "  b.typname::text AS base, b.typtype::text AS sort,",
  "  s.n_distinct::float8 AS n_distinct, b.typname = 'citext' OR coalesce(",
  "    pg_catalog.to_jsonb(l) ->> 'collisdeterministic' = 'false', false) AS folds",
  "FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid",
  "JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid",
  "END JOIN pg_catalog.pg_class c ON c.oid = a.attrelid",
  "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
  "LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation",
  "LEFT JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname",
  "  AND s.attname = a.attname AND s.inherited = (c.relkind = 'p')",
  "WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped",
  "ORDER BY a.attnum"
)

table_columns <- function(con, quoted) {
  columns <- pg_read(con, columns_query, list(quoted))
  columns$kind <- model_kind(columns$base, columns$sort)
  columns[c("name", "type", "kind", "n_distinct", "folds")]
}

# What a column is to a model: "logical", "text", "enum", "integer", "number" or "other".
model_kind <- function(base, sort) {
  known <- c(
    bool = "logical", int2 = "integer", int4 = "integer", int8 = "integer", float4 = "number",
    float8 = "number", numeric = "number", text = "text", varchar = "text", bpchar = "text",
    name = "text", citext = "text"
  )
  kind <- unname(known[base])
  kind[sort == "e"] <- "enum"
  ifelse(is.na(kind), "other", kind)
}

leaves_query <- paste(
  "SELECT n.nspname::text AS schema, c.relname::text AS table, c.relkind = 'f' AS foreign,",
  "  pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable",
  "FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1)) p",
  "JOIN pg_catalog.pg_class c ON c.oid = p.relid",
  "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE p.isleaf ORDER BY 1, 2"
)

# The partitions to ask one by one, quoted, with `foreign`: the table itself unless some of its
# partitions lie elsewhere. Then a full aggregate of each can be left to its server, which a
# partial one of the whole cannot.
table_leaves <- function(con, quoted, found) {
  itself <- table_sql(c(found$schema, found$table))
  whole <- data.frame(name = itself, foreign = found$kind == "f")
  if (found$kind != "p" || found$guarded) {
    return(whole)
  }
  leaves <- pg_read(con, leaves_query, list(quoted))
  if (!any(leaves$foreign) || !all(leaves$readable)) {
    return(whole)
  }
  data.frame(
    name = paste(sql_name(leaves$schema), sql_name(leaves$table), sep = "."),
    foreign = leaves$foreign
  )
}

#' @export
print.pg_table <- function(x, ...) {
  kinds <- c(
    r = "Table", p = "Partitioned table", v = "View", m = "Materialized view", f = "Foreign table"
  )
  n_foreign <- sum(x$leaves$foreign)
  about <- c(
    sprintf("%d column%s", nrow(x$columns), if (nrow(x$columns) == 1) "" else "s"),
    if (x$rows > 0) sprintf("about %s rows", count_text(x$rows)),
    if (n_foreign > 0 && x$kind == "p") sprintf("%d partitions on other servers", n_foreign)
  )
  cat(sprintf("%s %s: %s.\n", kinds[[x$kind]], paste(x$name, collapse = "."),
    paste(about, collapse = ", ")))
  cat(strwrap(paste(sprintf("%s (%s)", x$columns$name, x$columns$type), collapse = ", "),
    width = 79), sep = "\n")
  invisible(x)
}

# ---- As a data frame, so far as a table that stays can be one ----

#' @export
names.pg_table <- function(x) x$columns$name

# Counted anew each time: rows may come and go.
#' @export
dim.pg_table <- function(x) {
  rows <- pg_read(x$con, sprintf("SELECT count(*)::float8 AS n FROM %s", table_sql(x$name)))$n
  c(rows, nrow(x$columns))
}

#' @export
dimnames.pg_table <- function(x) list(NULL, names(x))

#' @export
length.pg_table <- function(x) nrow(x$columns)

#' @importFrom utils str
#' @export
str.pg_table <- function(object, ...) print(object)

#' @importFrom utils head
#' @export
head.pg_table <- function(x, n = 6L, ...) {
  check_number(n, "n", min = 0, whole = TRUE)
  pg_read(x$con, sprintf("SELECT * FROM %s LIMIT %.0f", table_sql(x$name), n))
}

#' @export
`$.pg_table` <- function(x, name) x[[name]]

#' @export
`[[.pg_table` <- function(x, i, ...) {
  if (is.character(i) && i %in% names(unclass(x))) {
    return(.subset2(x, i))
  }
  refuse_table(x, if (is.character(i)) sprintf("The column `%s`", i) else "A column")
}

#' @export
`[.pg_table` <- function(x, ...) refuse_table(x, "A part of it")

#' @export
as.data.frame.pg_table <- function(x, ...) refuse_table(x, "A data frame")

#' @export
summary.pg_table <- function(object, ...) refuse_table(object, "A summary")

#' @importFrom utils tail
#' @export
tail.pg_table <- function(x, ...) refuse_table(x, "Its end, of an order that you name,")

#' @export
with.pg_table <- function(data, expr, ...) refuse_table(data, "An expression")

#' @export
`$<-.pg_table` <- function(x, name, value) refuse_table(x, "A new column")

#' @export
`[[<-.pg_table` <- function(x, i, value) refuse_table(x, "A new column")

refuse_table <- function(table, what) {
  name <- paste(table$name, collapse = ".")
  qst_abort("no_rows", sprintf(
    paste(
      "%s needs rows, and those of %s stay in the database; fit_glm() goes to them.",
      "For anything else read what is needed: pg_read(con, \"SELECT ... FROM %s\")."
    ), what, name, name
  ))
}
