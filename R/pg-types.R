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
    need_package("bit64", "Reading bigint as integer64")
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
    "how it reads depends on the server's locale. Cast it to numeric in the query: ::numeric"
  } else {
    "for which there is no rule. Cast it to text in the query: ::text"
  }
  qst_abort("type", sprintf(
    "Column `%s` is of type %s, %s%s.", names[[bad[[1]]]], type, cure,
    if (endsWith(type, "[]")) "[]" else ""
  ), column = names[[bad[[1]]]], value = type)
}

# ---- From raw columns to R's ----

# `raw` is a column as C hands it over: a logical, integer, double or character vector; bigint as
# integer64 in the 64 bits of doubles; dates, times and time stamps in days or seconds; a list of
# raw vectors; codes; or, of an array, list(values = <raw column of all elements>, n_dims = <of each
# row; NA: missing>, dims = <of all rows>). `rules` are those of column_rules(), `k` the column's
# place in them.
dress_column <- function(raw, rules, k) {
  if (rules$is_array[[k]]) {
    return(dress_arrays(raw, rules, k))
  }
  attributes_of <- column_attributes(rules, k)
  if (rules$as_codes[[k]]) {
    raw <- match(attr(raw, "texts"), rules$levels[[k]])[raw]
  }
  if (length(attributes_of) > 0) {
    attributes(raw) <- attributes_of
  }
  raw
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

# A list with a vector for each row, NULL where the array is missing; an R array where it has more
# dimensions than one. The server's last index runs fastest, R's first.
dress_arrays <- function(raw, rules, k) {
  rules$is_array[[k]] <- FALSE
  values <- dress_column(raw$values, rules, k)
  like <- attributes(values)
  attributes(values) <- NULL
  n_dims <- raw$n_dims
  n_dims[is.na(n_dims)] <- 0L
  of_row <- rep.int(seq_along(n_dims), n_dims)
  n_values <- vapply(rows_of_arrays(raw$dims, of_row, length(n_dims)), prod, 0)
  n_values[n_dims == 0] <- 0
  rows <- rows_of_arrays(values, rep.int(seq_along(n_dims), n_values), length(n_dims))
  if (length(like) > 0) {
    rows <- lapply(rows, `attributes<-`, like)
  }
  for (row in which(n_dims > 1)) {
    dims <- raw$dims[of_row == row]
    rows[[row]] <- shape_array(rows[[row]], dims)
  }
  rows[is.na(raw$n_dims)] <- list(NULL)
  rows
}

rows_of_arrays <- function(x, of_row, n_rows) {
  rows <- structure(of_row, levels = as.character(seq_len(n_rows)), class = "factor")
  unname(split(x, rows))
}

shape_array <- function(x, dims) {
  like <- attributes(x)
  order <- aperm(array(seq_along(x), rev(dims)))
  x <- x[order]
  attributes(x) <- c(like, list(dim = dims))
  x
}

# ---- What to say ----

# A value that has no place in R, as C names it: in which column and row, counted from 1.
abort_value <- function(kind, text, column, row, value = NULL) {
  qst_abort(kind, sprintf("Column `%s`, row %.0f: %s.", column, row, text),
    row = row, column = column, value = value
  )
}

# One warning for all columns with values that their doubles do not give back. `counts` has
# `n_rounded` and `first_rounded` (from 1) for each column.
warn_rounded <- function(names, rules, counts) {
  bad <- which(counts$n_rounded > 0)
  if (length(bad) == 0) {
    return(invisible())
  }
  places <- sprintf("`%s` (%.0f, first in row %.0f)", names[bad], counts$n_rounded[bad],
    counts$first_rounded[bad])
  cures <- c(
    numeric = "Read with numeric = \"character\", which keeps every digit",
    timestamp = "Cast the time stamps to text in the query: ::text"
  )
  qst_warn("rounded", sprintf(
    "Values with more digits than a double holds were rounded to the nearest one in %s. %s.",
    join_words(places), paste(cures[unique(rules$format[bad])], collapse = ". ")
  ), column = names[bad], n = counts$n_rounded[bad], row = counts$first_rounded[bad])
}
