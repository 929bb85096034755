# What R expressions say of columns, said in SQL.

# A scope: the columns of a pg_table (name, kind), the environment of the formula, and the texts
# that statements bind to $1, $2, ...
sql_scope <- function(columns, envir) {
  scope <- new.env(parent = emptyenv())
  scope$kinds <- stats::setNames(columns$kind, columns$name)
  scope$types <- stats::setNames(columns$type, columns$name)
  scope$folds <- stats::setNames(columns$folds, columns$name)
  scope$envir <- envir
  scope$texts <- list()
  scope
}

sql_bind <- function(scope, text) {
  at <- match(text, unlist(scope$texts))
  if (is.na(at)) {
    scope$texts <- c(scope$texts, list(text))
    at <- length(scope$texts)
  }
  sprintf("$%d::text", at)
}

sql_number <- function(x) {
  sprintf("%s::float8", ifelse(x < 0, sprintf("(%.17g)", x), sprintf("%.17g", x)))
}

# A list of `sql` and `kind`: "integer" (whole numbers), "number", "logical" or "text".
sql_of <- function(x, scope) {
  if (is.call(x)) {
    return(sql_call(x, scope))
  }
  if (is.symbol(x)) {
    name <- as.character(x)
    if (name %in% names(scope$kinds)) {
      return(sql_column(name, scope))
    }
    x <- get0(name, scope$envir)
  }
  sql_value(x, scope)
}

# Columns as they are grouped and compared: by their bytes, as R tells texts apart.
sql_columns <- function(names, scope) {
  paste0(sql_name(names), ifelse(scope$folds[names], "::text COLLATE \"C\"", ""), recycle0 = TRUE)
}

sql_column <- function(name, scope) {
  kind <- scope$kinds[[name]]
  quoted <- sql_columns(name, scope)
  switch(kind,
    integer = list(sql = sprintf("%s::float8", quoted), kind = "integer"),
    number = list(sql = sprintf("%s::float8", quoted), kind = "number"),
    logical = list(sql = quoted, kind = "logical"),
    text = list(sql = quoted, kind = "text"),
    enum = list(sql = sprintf("%s::text", quoted), kind = "text"),
    qst_abort("argument", sprintf(
      paste(
        "Column `%s` is of type %s, which is neither a number nor a factor.",
        "Make one of it in a view, or read the table with pg_read()."
      ), name, scope$types[[name]]
    ), column = name)
  )
}

sql_value <- function(x, scope) {
  if (length(x) != 1 || is.na(x) || !(is.numeric(x) || is.logical(x) || is.character(x))) {
    qst_abort("argument", sprintf(
      paste(
        "%s stands in an expression for the database, which takes columns of the table and",
        "single numbers, texts or TRUE and FALSE. Read the table with pg_read() for more."
      ), sentence_case(describe(x))
    ))
  }
  if (is.character(x)) {
    list(sql = sql_bind(scope, enc2utf8(x)), kind = "text")
  } else if (is.logical(x)) {
    list(sql = if (x) "TRUE" else "FALSE", kind = "logical")
  } else {
    list(sql = sql_number(x), kind = if (x == round(x)) "integer" else "number")
  }
}

sql_arithmetic <- c("+", "-", "*", "/", "^")
sql_functions <- c(
  log = "ln(%s)", exp = "exp(%s)", sqrt = "sqrt(%s)", abs = "abs(%s)", log2 = "ln(%s) / ln(2)",
  log10 = "ln(%s) / ln(10)", log1p = "ln(1 + %s)", floor = "floor(%s)", ceiling = "ceil(%s)"
)
sql_comparisons <- c("==" = "=", "!=" = "<>", "<" = "<", "<=" = "<=", ">" = ">", ">=" = ">=")
sql_logic <- c("&" = "AND", "&&" = "AND", "|" = "OR", "||" = "OR")

sql_call <- function(x, scope) {
  name <- if (is.symbol(x[[1]])) as.character(x[[1]]) else ""
  if (name %in% c("(", "I") && length(x) == 2) {
    sql_of(x[[2]], scope)
  } else if (name %in% sql_arithmetic) {
    sql_arithmetic_call(name, x, scope)
  } else if (name %in% names(sql_functions) && length(x) == 2) {
    inner <- sql_as_number(sql_of(x[[2]], scope))
    whole <- name %in% c("abs", "floor", "ceiling") && inner$kind == "integer"
    list(
      sql = sprintf("(%s)", sprintf(sql_functions[[name]], inner$sql)),
      kind = if (whole) "integer" else "number"
    )
  } else if (name %in% names(sql_comparisons)) {
    sql_comparison(name, x, scope)
  } else if (name %in% names(sql_logic)) {
    sides <- lapply(as.list(x)[-1], function(side) sql_condition(side, scope))
    list(sql = sprintf("(%s %s %s)", sides[[1]], sql_logic[[name]], sides[[2]]), kind = "logical")
  } else if (name == "!") {
    list(sql = sprintf("(NOT %s)", sql_condition(x[[2]], scope)), kind = "logical")
  } else if (name == "%in%") {
    sql_membership(x, scope)
  } else if (name == "is.na" && is.symbol(x[[2]])) {
    list(sql = sprintf("(NOT %s)", sql_present(sql_of(x[[2]], scope))), kind = "logical")
  } else {
    sql_refuse(x)
  }
}

sql_refuse <- function(x) {
  qst_abort("argument", sprintf(
    paste(
      "`%s` cannot be said in SQL: it may look at all rows. Write powers as I(x^2), make a column",
      "of it in a view, or read the table with pg_read() and fit that."
    ), deparse1(x)
  ), value = deparse1(x))
}

sql_as_number <- function(part) {
  if (part$kind == "text") {
    qst_abort("argument", sprintf(
      "%s is text where a number is needed. Correct the formula.", part$sql
    ))
  }
  if (part$kind == "logical") {
    part <- list(sql = sprintf("(%s)::int::float8", part$sql), kind = "integer")
  }
  part
}

sql_arithmetic_call <- function(name, x, scope) {
  sides <- lapply(as.list(x)[-1], function(side) sql_as_number(sql_of(side, scope)))
  whole <- all(vapply(sides, `[[`, "", "kind") == "integer") && name %in% c("+", "-", "*")
  kind <- if (whole) "integer" else "number"
  if (length(sides) == 1) {
    return(list(sql = sprintf("(%s %s)", name, sides[[1]]$sql), kind = kind))
  }
  if (name != "^") {
    return(list(sql = sprintf("(%s %s %s)", sides[[1]]$sql, name, sides[[2]]$sql), kind = kind))
  }
  # Small powers as products, which are exact for whole numbers.
  if (is.numeric(x[[3]]) && x[[3]] %in% 2:4) {
    power <- paste(rep(sides[[1]]$sql, x[[3]]), collapse = " * ")
    return(list(sql = sprintf("(%s)", power), kind = sides[[1]]$kind))
  }
  list(sql = sprintf("power(%s, %s)", sides[[1]]$sql, sides[[2]]$sql), kind = "number")
}

sql_comparison <- function(name, x, scope) {
  sides <- lapply(as.list(x)[-1], sql_of, scope)
  text <- vapply(sides, `[[`, "", "kind") == "text"
  if (any(text) && !(all(text) && name %in% c("==", "!="))) {
    qst_abort("argument", sprintf(
      "`%s`: texts can be compared with texts by == and != only.", deparse1(x)
    ), value = deparse1(x))
  }
  if (any(text)) {
    refuse_padded(x, scope)
  } else {
    sides <- lapply(lapply(sides, sql_as_number), sql_known)
  }
  list(
    sql = sprintf("(%s %s %s)", sides[[1]]$sql, sql_comparisons[[name]], sides[[2]]$sql),
    kind = "logical"
  )
}

# The server compares texts of a fixed width without the blanks they end in, R with them.
refuse_padded <- function(x, scope) {
  names <- intersect(all.vars(x), names(scope$types))
  padded <- names[grepl("^character\\(", scope$types[names])]
  if (length(padded) > 0) {
    qst_abort("argument", sprintf(
      paste(
        "`%s`: `%s` is of type %s, whose blanks at the end the server does not compare.",
        "Make text of it in a view (%s::text), or read the table with pg_read()."
      ), deparse1(x), padded[[1]], scope$types[[padded[[1]]]], sql_name(padded[[1]])
    ), column = padded[[1]])
  }
}

sql_condition <- function(x, scope) {
  part <- sql_of(x, scope)
  if (part$kind != "logical") {
    qst_abort("argument", sprintf(
      "`%s` is no condition. Compare it, as in x > 0.", deparse1(x)
    ), value = deparse1(x))
  }
  part$sql
}

sql_membership <- function(x, scope) {
  part <- sql_of(x[[2]], scope)
  values <- eval(x[[3]], scope$envir)
  if (length(values) == 0 || anyNA(values)) {
    qst_abort("argument", sprintf(
      "`%s`: there must be values to look for, none of them missing.", deparse1(x)
    ))
  }
  values <- if (is.factor(values)) as.character(values) else values
  if (part$kind == "text") {
    refuse_padded(x, scope)
  } else {
    part <- sql_known(sql_as_number(part))
  }
  wanted <- vapply(as.list(values), function(value) sql_value(value, scope)$sql, "")
  list(
    sql = sprintf(
      "(%1$s IS NOT NULL AND %1$s IN (%2$s))", part$sql, paste(wanted, collapse = ", ")
    ), kind = "logical"
  )
}

# A number of the server may be NaN, which R calls missing: NULL in its place.
sql_known <- function(part) {
  if (part$kind == "number") {
    part$sql <- sprintf("CASE WHEN %1$s <> 'NaN'::float8 THEN %1$s END", part$sql)
  }
  part
}

# The condition that a value is not missing.
sql_present <- function(part) {
  nan <- if (part$kind == "number") sprintf(" AND %s <> 'NaN'::float8", part$sql)
  sprintf("(%s IS NOT NULL%s)", part$sql, paste0("", nan))
}
