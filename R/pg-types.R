#' What PostgreSQL's types become in R
#'
#' Values travel in the server's binary format, and none is changed in silence: it is exact, or
#' follows a rule that the caller names, or is refused by an error that names column, row and cure.
#' The same rules hold for [pg_read()], [pg_stream()] and queries by way of DBI.
#'
#' - `boolean`: logical.
#' - `smallint`, `integer`: integer. -2147483648 is refused: R marks missing integers with it.
#' - `bigint`: by `bigint`. `"integer64"`: the class of the package bit64, whose smallest value is
#'   refused; `"numeric"`: refused where a double is not exact; `"integer"`: refused beyond 32 bits;
#'   `"character"`.
#' - `oid`, `xid`, `cid`: double; they are unsigned.
#' - `real`: double, widened exactly, so that `0.1::real` is 0.100000001490116.
#' - `double precision`: double, bit for bit.
#' - `numeric`: by `numeric`. `"double"`: the nearest one, with one warning that counts those whose
#'   digits the double does not give back; `"character"`: every digit.
#' - `date`: `Date`, also before Christ and after the year 9999; infinity by `infinity`.
#' - `timestamp`, `timestamptz`: `POSIXct` in UTC. Microseconds are exact until the year 2242; after
#'   that one warning counts those that a double cannot hold. Infinity by `infinity`.
#' - `time`: `difftime` in seconds, of class `hms` too; 24:00 is 86400.
#' - `time with time zone`: character, with its offset: `"12:00:00+02"`.
#' - `interval`: character, ISO 8601, as in `"P1Y2M-3DT4H5M6.5S"`: months, days and time are three
#'   things.
#' - `text`, `varchar`, `char(n)`, `name`, `citext`, `json`, `jsonb`, `xml`, `uuid`, `"char"`:
#'   character, checked to be UTF-8.
#' - Enums: factor with all levels in the server's order.
#' - `bytea`: list of raw vectors; NULL is `NULL`.
#' - Arrays of all these: list of vectors, and of R's arrays with the same indices where they have
#'   more dimensions than one; NULL is `NULL`. An array that does not count from 1 is refused.
#' - Domains: as what they are made of.
#' - `void`: logical, always `NA`.
#' - `money` is refused, because its text depends on the server's locale: cast it, `::numeric`.
#' - Any other type is refused: cast it in the query, `::text`.
#'
#' SQL's NULL is `NA`. NaN stays NaN, infinite numbers stay infinite. `infinity` among dates and
#' times is an `"error"` unless you ask for `"Inf"` or `"NA"`.
#'
#' @section Differences from other drivers:
#' RPostgres and RPostgreSQL read text. They return 44 AD for 44 BC, a wrong date for the year 10000
#' (or fail), a number of their own for infinite dates, negative numbers for large `oid`s, and 0 or
#' text for `money`; `numeric` is rounded without a word; arrays and enums are text.
#' @section Errors:
#' `questrial_error_type` (no rule for a type) with `column` and `value`, the type;
#' `questrial_error_range` (a value that cannot be held) and `questrial_error_protocol` (bytes that
#' are not of the type, text that is not UTF-8) with `column` and `row`.
#' `questrial_warning_rounded` with `column`, `n` and `row`, the first one, of each such column.
#' @examplesIf pg_available() && pg_can_start() && requireNamespace("bit64", quietly = TRUE)
#' server <- pg_throwaway()
#' con <- pg_connect(server$conninfo)
#' sql <- "SELECT 2::int8 ^ 53 + 1 AS rounded_by_sql, 9007199254740993 AS exact,
#'   date '0044-03-15 BC' AS ides, ARRAY[[1, 2], [3, 4]] AS square"
#' str(pg_read(con, sql))
#' pg_read(con, "SELECT date 'infinity' AS due", infinity = "Inf")
#' pg_close(con)
#' server$stop()
#' @name pg_types
#' @keywords database
NULL

# Which rule decodes a column of PostgreSQL, and what its raw values become in R.

# Types whose oids are the same on every server: oid, oid of the array of them, the server's name,
# and how they are sent (a name of QST_PG_FORMAT_LIST in src/pg/column.h).
pg_builtin_types <- utils::read.table(
  col.names = c("oid", "array_oid", "type", "format"),
  colClasses = c("numeric", "numeric", "character", "character"),
  text = '
  16 1000 boolean bool
  17 1001 bytea bytea
  18 1002 \'"char"\' char
  19 1003 name text
  20 1016 bigint int8
  21 1005 smallint int2
  23 1007 integer int4
  25 1009 text text
  26 1028 oid oid
  28 1011 xid oid
  29 1012 cid oid
  114 199 json text
  142 143 xml text
  700 1021 real float4
  701 1022 "double precision" float8
  705 NA unknown text
  1042 1014 character text
  1043 1015 "character varying" text
  1082 1182 date date
  1083 1183 "time without time zone" time
  1114 1115 "timestamp without time zone" timestamp
  1184 1185 "timestamp with time zone" timestamp
  1186 1187 interval interval
  1266 1270 "time with time zone" timetz
  1700 1231 numeric numeric
  2275 1263 cstring text
  2278 NA void void
  2950 2951 uuid uuid
  3802 3807 jsonb jsonb
  '
)

# ---- Rules ----

# How each column is decoded. `columns` has `name` and `oid` (doubles); `look_up` is a function that
# takes SQL without parameters and returns its rows, called at most once, and only for types that
# differ between servers (enums, domains, arrays of them). Returns a list: `type`, `format`,
# `is_array`, `element_oid`, `as_codes` (texts become integer codes from 1 with the attribute
# "texts") and `levels` with an element for each column; `bigint`, `numeric`, `infinity` for all.
column_rules <- function(columns, look_up, bigint = "integer64", numeric = "double",
                         infinity = "error") {
  types <- known_types()
  others <- setdiff(columns$oid, types$oid)
  if (length(others) > 0) {
    types <- add_catalogue_types(types, look_up(catalogue_query(others)), others)
  }
  rules <- lapply(types, `[`, match(columns$oid, types$oid))
  refuse_types(columns$name, rules)
  rules$as_codes <- !vapply(rules$levels, is.null, NA)
  rules$bigint <- check_choice(bigint, c("integer64", "numeric", "integer", "character"), "bigint")
  rules$numeric <- check_choice(numeric, c("double", "character"), "numeric")
  rules$infinity <- check_choice(infinity, c("error", "Inf", "NA"), "infinity")
  if ("int8" %in% rules$format && bigint == "integer64") {
    need_package("bit64", "Reading bigint, unless with bigint = \"numeric\" or \"character\",")
  }
  rules
}

# The types that are the same everywhere, and arrays of them: parallel vectors.
known_types <- function() {
  scalars <- pg_builtin_types
  arrays <- scalars[!is.na(scalars$array_oid), ]
  list(
    oid = c(scalars$oid, arrays$array_oid),
    type = c(scalars$type, paste0(arrays$type, "[]")),
    format = c(scalars$format, arrays$format),
    is_array = rep(c(FALSE, TRUE), c(nrow(scalars), nrow(arrays))),
    element_oid = c(rep(0, nrow(scalars)), arrays$oid),
    levels = vector("list", nrow(scalars) + nrow(arrays))
  )
}

# What the catalogue says of types, of what they are made of, and of that in turn: a row a type, or
# a row a label of an enum.
catalogue_query <- function(oids) {
  sprintf("
    WITH RECURSIVE reached AS (
      SELECT oid FROM pg_catalog.pg_type WHERE oid IN (%s)
      UNION
      SELECT part.oid FROM reached
        JOIN pg_catalog.pg_type AS whole ON whole.oid = reached.oid
        CROSS JOIN LATERAL (VALUES (whole.typelem), (whole.typbasetype)) AS part (oid)
        WHERE part.oid <> 0)
    SELECT t.oid, pg_catalog.format_type(t.oid, NULL) AS type, t.typtype = 'e' AS is_enum,
      t.typbasetype AS base, t.typelem AS element, i.proname = 'array_in' AS is_array,
      s.proname = 'citextsend' AS is_text, e.enumlabel::text AS label
    FROM reached
      JOIN pg_catalog.pg_type AS t USING (oid)
      JOIN pg_catalog.pg_proc AS i ON i.oid = t.typinput
      LEFT JOIN pg_catalog.pg_proc AS s ON s.oid = t.typsend
      LEFT JOIN pg_catalog.pg_enum AS e ON e.enumtypid = t.oid
    ORDER BY t.oid, e.enumsortorder", paste(sprintf("%.0f", oids), collapse = ", "))
}

# `types` and those of `oids`, in the light of the catalogue's rows; a type without a rule has NA as
# its format.
add_catalogue_types <- function(types, rows, oids) {
  for (oid in oids) {
    found <- resolve_type(oid, types, rows)
    types <- Map(c, types, found[names(types)])
  }
  types
}

resolve_type <- function(oid, types, rows) {
  if (oid %in% types$oid) {
    return(lapply(types, `[`, match(oid, types$oid)))
  }
  of_type <- rows[rows$oid == oid, ]
  one <- of_type[1, ]
  found <- list(oid = oid, type = one$type, format = NA_character_, is_array = FALSE,
    element_oid = 0, levels = list(NULL))
  if (is.na(one$oid)) {
    found$type <- sprintf("with oid %.0f", oid)
  } else if (one$is_enum) {
    found$format <- "text"
    found$levels <- list(of_type$label)
  } else if (one$base != 0) {
    base <- resolve_type(one$base, types, rows)
    found <- replace(base, c("oid", "type"), found[c("oid", "type")])
  } else if (one$is_array) {
    element <- resolve_type(one$element, types, rows)
    found[c("format", "levels")] <- element[c("format", "levels")]
    found$is_array <- TRUE
    found$element_oid <- one$element
    found$format[element$is_array] <- NA # of a domain over arrays
  } else if (isTRUE(one$is_text)) {
    found$format <- "text"
  }
  found
}

refuse_types <- function(names, rules) {
  bad <- which(is.na(rules$format))
  if (length(bad) == 0) {
    return(invisible())
  }
  type <- rules$type[[bad[[1]]]]
  cure <- if (grepl("^money", type)) {
    "whose text depends on the server's locale. Cast it to numeric in the query: ::numeric"
  } else {
    "for which there is no rule. Cast it to text in the query: ::text"
  }
  qst_abort("type", sprintf(
    "Column `%s` is of type %s, %s%s.", names[[bad[[1]]]], type, cure,
    if (endsWith(type, "[]")) "[]" else ""
  ), column = names[[bad[[1]]]], value = type)
}

# ---- From raw columns to R's ----

# `fetched` is what C hands over: `columns`, and `counts` with a column for each: how many values
# were rounded, the first such row (0: none), how many were infinite, the first of them. `before` is
# the number of rows that came earlier.
dress_columns <- function(fetched, names, rules, before = 0) {
  warn_rounded(names, rules, fetched$counts, before)
  Map(dress_column, fetched$columns, seq_along(names), MoreArgs = list(rules = rules))
}

# `raw` is a logical, integer, double or character vector; bigint as integer64 in the 64 bits of
# doubles; dates, times and time stamps in days or seconds; a list of raw vectors; or, of arrays, a
# list of such vectors, NULL where an array is missing. `k` is the column's place in `rules`.
dress_column <- function(raw, k, rules) {
  like <- column_attributes(rules, k)
  if (!rules$is_array[[k]]) {
    return(dress_vector(raw, like, attr(raw, "texts")))
  }
  texts <- attr(raw, "texts")
  attr(raw, "texts") <- NULL
  if (is.null(like)) {
    return(raw)
  }
  lapply(raw, function(x) if (!is.null(x)) dress_vector(x, c(like, list(dim = dim(x))), texts))
}

# `texts` are what the codes in `x` stand for, in another order than levels.
dress_vector <- function(x, like, texts) {
  if (is.null(like)) {
    return(x)
  }
  if (!is.null(texts)) {
    codes <- match(texts, like$levels)
    if (anyNA(codes)) {
      qst_abort("type", sprintf(
        "The enum label %s was added to its type while it was read. Read again.",
        describe(texts[is.na(codes)][[1]])
      ), value = texts[is.na(codes)][[1]])
    }
    x <- codes[x]
  }
  attributes(x) <- like
  x
}

column_attributes <- function(rules, k) {
  if (rules$as_codes[[k]]) {
    return(list(levels = rules$levels[[k]], class = "factor"))
  }
  switch(rules$format[[k]],
    int8 = if (rules$bigint == "integer64") list(class = "integer64"),
    date = list(class = "Date"),
    time = list(units = "secs", class = c("hms", "difftime")),
    timestamp = list(class = c("POSIXct", "POSIXt"), tzone = "UTC")
  )
}

# ---- What to say ----

# One warning for all columns with values that their doubles do not give back.
warn_rounded <- function(names, rules, counts, before) {
  bad <- which(counts[1, ] > 0)
  if (length(bad) == 0) {
    return(invisible())
  }
  n <- counts[1, bad]
  first <- counts[2, bad] + before
  places <- sprintf("`%s` (%.0f, first in row %.0f)", names[bad], n, first)
  cures <- c(
    numeric = "Read with numeric = \"character\", which keeps every digit",
    timestamp = "Cast the time stamps to text in the query: ::text"
  )
  qst_warn("rounded", sprintf(
    "Values with more digits than a double holds were rounded to the nearest one in %s. %s.",
    join_words(places), paste(cures[unique(rules$format[bad])], collapse = ". ")
  ), column = names[bad], n = n, row = first)
}
