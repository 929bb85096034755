# fit_glm() of a pg_table: what the call asks for, by which route it is answered, and the result.

# Combinations of covariates beyond which counting is no way to fit.
table_cells_max <- 1e5

# From the call to the fit; everything the server is asked is of one moment.
fit_table <- function(formula, table, call, family, action, contrasts, method, threads) {
  check_model_data(formula, list())
  check_table_action(action)
  plan <- table_plan(formula, table, call, family, method)
  plan$traffic <- new.env(parent = emptyenv())
  plan$traffic$statements <- 0L
  plan$traffic$bytes <- 0
  plan$contrasts <- contrasts
  plan$threads <- threads
  plan$must_be_complete <- identical(action, stats::na.fail) || identical(action, "na.fail")
  pg_snapshot(table$con, with_pushed_sums(table, switch(plan$route,
    cells = fit_cells(plan),
    moments = fit_table_moments(plan),
    irls = fit_table_irls(plan)
  )))
}

# A planner that thinks long sums cheaper here than there fetches the rows of a foreign table; one
# for which operators cost nothing does not. The setting is of this transaction, and put back.
with_pushed_sums <- function(table, expr) {
  if (!any(table$leaves$foreign)) {
    return(expr)
  }
  set <- function(value) {
    pg_read(table$con, "SELECT set_config('cpu_operator_cost', $1, true) AS value", list(value))
  }
  before <- pg_read(table$con, "SELECT current_setting('cpu_operator_cost') AS value")$value
  set("0")
  fit <- expr
  set(before)
  fit
}

check_table_action <- function(action) {
  known <- list(stats::na.omit, stats::na.exclude, stats::na.fail, "na.omit", "na.exclude",
    "na.fail")
  if (!is.null(action) && !any(vapply(known, identical, NA, action))) {
    qst_abort("argument", paste(
      "`na.action`: in a database it is na.omit, na.exclude or na.fail.",
      "Read the table with pg_read() for others."
    ))
  }
}

# ---- What is asked ----

# Functions that look at one row at a time, so that they can be asked of each combination of values
# that occurs: those that make factors, and those that make numbers.
discrete_functions <- c(
  "factor", "as.factor", "ordered", "as.ordered", "relevel", "droplevels", "interaction", "cut",
  "C", "as.character", "as.logical", "==", "!=", "<", "<=", ">", ">=", "&", "|", "!", "%in%",
  "cbind"
)
rowwise_functions <- c(
  discrete_functions, sql_arithmetic, names(sql_functions), "(", "I", "c", ":", "as.numeric",
  "as.integer", "as.double", "offset", "ifelse"
)

# A list: `table`, `scope`, `terms`, `variables` (a list of `expression`, `name`, `role`, `columns`,
# `discrete`), `expressions` of weights, offset, subset and cluster, `family`, `route`.
table_plan <- function(formula, table, call, family, method) {
  shell <- as.data.frame(
    stats::setNames(rep(list(logical()), nrow(table$columns)), table$columns$name),
    optional = TRUE
  )
  terms <- formula_terms(formula, shell)
  scope <- sql_scope(table$columns, environment(formula))
  plan <- list(
    table = table, scope = scope, terms = terms, formula = formula, call = call, family = family,
    method = method, expressions = table_expressions(call, scope)
  )
  check_known_variables(terms, table$columns$name)
  plan$variables <- table_variables(terms, scope)
  if (!is.null(plan$expressions$cluster)) {
    plan$expressions$cluster <- cluster_formula(plan$expressions$cluster, scope)
  }
  plan$clusters <- all.vars(plan$expressions$cluster)
  plan$subset <- if (!is.null(plan$expressions$subset)) {
    sql_condition(plan$expressions$subset, scope)
  }
  plan$route <- table_route(plan)
  plan
}

table_expressions <- function(call, scope) {
  expressions <- frame_expressions(call)
  wanted <- expressions[c("weights", "offset")]
  for (name in names(wanted)[!vapply(wanted, is.null, NA)]) {
    if (length(intersect(all.vars(wanted[[name]]), names(scope$kinds))) == 0) {
      qst_abort("argument", sprintf(
        "`%s` must be made of columns of the table, not %s.", name, deparse1(wanted[[name]])
      ))
    }
  }
  expressions
}

table_variables <- function(terms, scope) {
  expressions <- as.list(attr(terms, "variables"))[-1]
  roles <- rep("covariate", length(expressions))
  roles[attr(terms, "offset")] <- "offset"
  roles[attr(terms, "response")] <- "response"
  Map(function(expression, role) {
    columns <- intersect(all.vars(expression), names(scope$kinds))
    if (length(columns) == 0) {
      qst_abort("argument", sprintf(
        "`formula`: `%s` is no column of the table. Read the table to use variables of R.",
        deparse1(expression)
      ))
    }
    unknown <- setdiff(all_functions(expression), rowwise_functions)
    if (length(unknown) > 0) {
      sql_refuse(expression)
    }
    list(
      expression = expression, name = expression_text(expression), role = role, columns = columns,
      discrete = is_discrete(expression, scope)
    )
  }, expressions, roles)
}

all_functions <- function(expression) {
  setdiff(all.names(expression), all.names(expression, functions = FALSE))
}

# Does an expression make a factor (or TRUE and FALSE), rather than a number?
is_discrete <- function(expression, scope) {
  while (is.call(expression) && as.character(expression[[1]])[[1]] %in% c("(", "I")) {
    expression <- expression[[2]]
  }
  if (is.call(expression)) {
    return(as.character(expression[[1]])[[1]] %in% discrete_functions)
  }
  kind <- scope$kinds[[as.character(expression)]]
  if (kind == "other") {
    sql_column(as.character(expression), scope)
  }
  kind %in% c("logical", "text", "enum")
}

# `cluster` as ~ a + b of columns: also given as a column's name, bare or quoted, or by a variable
# that holds one of these.
cluster_formula <- function(expression, scope) {
  known <- names(scope$kinds)
  if (is.symbol(expression) && !as.character(expression) %in% known) {
    expression <- get0(as.character(expression), scope$envir, ifnotfound = expression)
  }
  if (is.character(expression)) {
    expression <- Reduce(function(a, b) call("+", a, b), lapply(expression, as.name))
  }
  if (is.call(expression) && identical(expression[[1]], quote(`~`)) && length(expression) == 2) {
    expression <- expression[[2]]
  }
  names <- all.vars(expression)
  others <- setdiff(all_functions(expression), c("+", "(", "factor", "as.factor"))
  if (!is.language(expression) || length(names) == 0 || length(others) > 0 ||
    length(setdiff(names, known)) > 0) {
    qst_abort("argument", sprintf(
      paste(
        "`cluster` must name columns of the table, as in ~ group, not %s. Make a column of",
        "anything else in a view."
      ), if (is.language(expression)) deparse1(expression) else describe(expression)
    ))
  }
  stats::reformulate(sprintf("`%s`", names), env = scope$envir)
}

# ---- By which route ----

# "cells" where all covariates have few values, by type or by what ANALYZE found; else "moments"
# for a linear model and "irls" for others.
table_route <- function(plan) {
  numeric <- numeric_columns(plan)
  n_distinct <- plan$table$columns$n_distinct[match(numeric, plan$table$columns$name)]
  whole <- plan$scope$kinds[numeric] == "integer"
  few <- whole & !is.na(n_distinct) & n_distinct > 0 & n_distinct <= 60
  if (all(few) && prod(n_distinct) <= 5000) {
    return("cells")
  }
  linear <- is_linear(list(family = plan$family))
  if (plan$method == "firth" || (!linear && estimates_theta(plan$family))) {
    qst_abort("argument", sprintf(
      paste(
        "%s cannot be fitted in the database with covariates of many values (%s).",
        "Read the columns with pg_read() and fit them."
      ), if (plan$method == "firth") "method = \"firth\"" else "An unknown theta",
      enumerate(numeric[!few])
    ))
  }
  if (linear) "moments" else "irls"
}

# Columns that enter as numbers: of covariates, weights and offsets.
numeric_columns <- function(plan) {
  of_variables <- lapply(plan$variables, function(variable) {
    if (!variable$discrete && variable$role != "response") variable$columns
  })
  extra <- all.vars(as.call(c(quote(c), unname(plan$expressions[c("weights", "offset")]))))
  intersect(unique(c(unlist(of_variables), extra)), names(plan$scope$kinds))
}

discrete_columns <- function(plan) {
  unique(as.character(unlist(lapply(plan$variables, function(variable) {
    if (variable$discrete && variable$role != "response") variable$columns
  }))))
}

# ---- Statements ----

# Asks each leaf and binds the rows (`limit` of them); `select` gives the SQL of one leaf.
ask_leaves <- function(plan, select, limit = NULL) {
  leaves <- plan$table$leaves
  parts <- vapply(seq_len(nrow(leaves)), function(i) {
    select(leaves$name[[i]], leaves$foreign[[i]])
  }, "")
  whole <- paste(parts, collapse = " UNION ALL ")
  ask_table(plan, if (is.null(limit)) whole else sprintf("%s LIMIT %.0f", whole, limit))
}

# What SQL says of numbers that cannot be (the logarithm of 0, an overflow) is a fault of the model.
ask_table <- function(plan, sql) {
  result <- tryCatch(
    read_bound(plan$table$con, sql, plan$scope$texts),
    questrial_error_sql = function(e) {
      if (isTRUE(e$sqlstate %in% c("2201E", "2201F", "22003", "22012", "22P03"))) {
        qst_abort("argument", sprintf(
          paste(
            "A value of the model cannot be computed in the database: %s.",
            "Leave its rows out by `subset`, or correct the formula."
          ), sub("[.]$", "", conditionMessage(e))
        ))
      }
      stop(e)
    }
  )
  plan$traffic$statements <- plan$traffic$statements + 1L
  plan$traffic$bytes <- plan$traffic$bytes + wire_bytes(result)
  result
}

# What a result takes on the wire: 7 bytes a row, 4 and its value a field.
wire_bytes <- function(result) {
  of_values <- vapply(result, function(x) {
    if (is.character(x)) sum(nchar(x, "bytes")) else 8 * length(x)
  }, 0)
  nrow(result) * (7 + 4 * length(result)) + sum(of_values, na.rm = TRUE)
}

# Of the texts of a scope a statement takes those it names, numbered anew.
read_bound <- function(con, sql, texts) {
  places <- gregexpr("[$][0-9]+::text", sql)
  named <- regmatches(sql, places)[[1]]
  used <- unique(named)
  regmatches(sql, places) <- list(sprintf("$%d::text", match(named, used)))
  numbers <- as.integer(gsub("[^0-9]", "", used))
  pg_read(con, sql, texts[numbers], bigint = "numeric")
}

# The columns of a GROUP BY as the statement names them (g1, g2, ...), back under their own names
# and as R has them.
named_groups <- function(result, columns, scope) {
  for (i in seq_along(columns)) {
    value <- result[[i]]
    if (scope$kinds[[columns[[i]]]] == "integer" && is.double(value) &&
      all(is.na(value) | abs(value) < .Machine$integer.max)) {
      value <- as.integer(value)
    }
    result[[i]] <- value
  }
  names(result)[seq_along(columns)] <- columns
  result
}

# ---- The result ----

# What all routes share; `parts` are a fit's components as build_fit() makes them.
new_table_fit <- function(plan, parts) {
  parts$call <- plan$call
  parts$info$statements <- plan$traffic$statements
  parts$info$bytes <- plan$traffic$bytes
  if (is.na(parts$log_density) && !startsWith(plan$family$family, "quasi")) {
    parts$notes <- c(parts$notes, paste(
      "No log-likelihood (nor AIC): the responses have too many different values to be asked for",
      "one by one, or are no counts, or the levels of a factor leave rows out."
    ))
  }
  structure(parts, class = c("fit_table", "fit_rowless", "fit_glm"))
}

# The variables of a frame with their levels and no rows.
levels_frame <- function(frame) {
  is_text <- vapply(frame, is.character, NA)
  frame[is_text] <- lapply(frame[is_text], factor)
  frame[0, , drop = FALSE]
}

check_left_out <- function(plan, n_left_out) {
  if (plan$must_be_complete && n_left_out > 0) {
    qst_abort("argument", sprintf(
      "There are missing values in %s rows, and `na.action` is na.fail.", count_text(n_left_out)
    ))
  }
}

# ---- Methods that need no rows ----

#' @export
logLik.fit_table <- function(object, ...) {
  extra <- object$family$family %in% c("gaussian", "Gamma", "inverse.gaussian") ||
    !is.null(object$theta)
  structure(object$log_density,
    nall = object$n_used, nobs = object$n_used, df = object$rank + extra, class = "logLik"
  )
}
