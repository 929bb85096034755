# A model that imputations are to be compatible with: from its formula to products of columns.

# list(outcome, covariates, products: each a vector of names, lower ones first; text), or NULL.
# Numbers enter the core less a constant, so with a product all parts of it enter; that spans the
# model or a little more.
model_plan <- function(model, columns, cluster, instrument) {
  if (is.null(model)) {
    return(NULL)
  }
  check_model(model, columns, cluster, instrument)
  terms <- stats::terms(model, data = no_rows(names(columns)))
  outcome <- model_outcome(model[[2]], columns)
  products <- model_products(terms)
  covariates <- unique(unlist(products))
  check_covariates(covariates, outcome, columns)
  check_powers(products, columns)
  list(
    outcome = outcome, covariates = covariates, products = with_parts(products),
    text = deparse1(model)
  )
}

# What `.` in a formula stands for is known from the names.
no_rows <- function(names) {
  columns <- stats::setNames(rep(list(logical()), length(names)), names)
  as.data.frame(columns, optional = TRUE)
}

check_model <- function(model, columns, cluster, instrument) {
  if (!inherits(model, "formula") || length(model) != 3) {
    qst_abort("argument", sprintf(
      "`model` must be a formula such as outcome ~ arm * baseline + I(age^2), not %s.",
      describe(model)
    ))
  }
  unknown <- setdiff(all.vars(model), c(names(columns), "."))
  if (length(unknown) > 0) {
    check_column_names(unknown, columns, "model")
  }
  other <- c(if (!is.null(cluster)) "cluster", if (!is.null(instrument)) "instrument")
  if (length(other) > 0) {
    qst_abort("argument", sprintf(
      "`model` does not go together with `%s`: the draws know of one only. Leave one of them out.",
      other[[1]]
    ))
  }
}

# A number (linear model) or two levels (logistic model).
model_outcome <- function(expression, columns) {
  name <- if (is.name(expression)) as.character(expression)
  column <- columns[[if (is.null(name)) "" else name]]
  is_number <- identical(column$kind, "number")
  has_levels <- isTRUE(column$kind %in% c("logical", "factor", "ordered"))
  if (!(is_number || (has_levels && length(column$used) == 2))) {
    qst_abort("argument", sprintf(paste(
      "`model`: the outcome %s must be a column of numbers (linear model), or of two levels",
      "(logistic model). Make the column first if it is computed."
    ), describe_code(expression)))
  }
  if (is_number && length(unique(stats::na.omit(column$x))) == 2) {
    qst_abort("argument", sprintf(paste(
      "`model`: the outcome `%s` is a number of two values, which a linear model would complete",
      "with numbers between and beyond them. Make it logical or a factor, for a logistic model."
    ), name), column = name)
  }
  name
}

describe_code <- function(expression) {
  sprintf("`%s`", deparse1(expression))
}

# ---- Products ----

# One vector of names a term; a name twice is a square.
model_products <- function(terms) {
  if (!is.null(attr(terms, "offset"))) {
    qst_abort("argument", "`model` has an offset, which the draws do not know. Leave it out.")
  }
  factors <- attr(terms, "factors")
  variables <- as.list(attr(terms, "variables"))[-1]
  lapply(seq_along(attr(terms, "term.labels")), function(k) {
    unlist(lapply(variables[factors[, k] > 0], product_names))
  })
}

product_names <- function(expression) {
  if (is.name(expression)) {
    return(as.character(expression))
  }
  head <- if (is.call(expression)) deparse1(expression[[1]]) else ""
  n <- length(expression)
  if (head %in% c("I", "(") && n == 2) {
    return(product_names(expression[[2]]))
  }
  if (head == "*" && n == 3) {
    return(c(product_names(expression[[2]]), product_names(expression[[3]])))
  }
  power <- if (head == "^" && n == 3) expression[[3]]
  if (is.numeric(power) && power %in% 1:6) {
    return(rep(product_names(expression[[2]]), power))
  }
  qst_abort("argument", sprintf(paste(
    "`model`: %s is not a column, a power or a product of columns, as I(age^2) and arm:age are.",
    "Make a column of it first, if nothing in it is missing."
  ), describe_code(expression)))
}

check_covariates <- function(covariates, outcome, columns) {
  if (outcome %in% covariates) {
    qst_abort("argument", sprintf(
      "`model`: `%s` stands on both sides. Leave it out on the right.", outcome
    ), column = outcome)
  }
  for (name in covariates) {
    if (!columns[[name]]$kind %in% c("number", "logical", "factor", "ordered")) {
      qst_abort("argument", sprintf(
        "`model`: `%s` is %s. Make it a number or a factor.", name, column_words(columns[[name]])
      ), column = name)
    }
  }
}

check_powers <- function(products, columns) {
  twice <- unique(unlist(lapply(products, function(product) product[duplicated(product)])))
  is_number <- vapply(columns[twice], function(column) column$kind == "number", NA)
  if (!all(is_number)) {
    name <- twice[!is_number][[1]]
    qst_abort("argument", sprintf(
      "`model` has a power of `%s`, which is %s. Name it once in a term.", name,
      column_words(columns[[name]])
    ), column = name)
  }
}

# All parts of all products, each once, shorter ones first; the empty one is the intercept.
with_parts <- function(products) {
  parts <- unlist(lapply(products, product_parts), recursive = FALSE)
  parts <- unique(c(list(character()), parts))
  parts[order(lengths(parts))]
}

product_parts <- function(product) {
  product <- sort(product)
  kept <- lapply(seq_len(2^length(product)) - 1, function(k) {
    bitwAnd(k, 2^(seq_along(product) - 1)) > 0
  })
  lapply(kept, function(which) product[which])
}

# ---- Methods and predictors ----

# Covariates and outcome are drawn from models, not matched.
compatible_methods <- function(method, asked, plan) {
  for (name in intersect(c(plan$outcome, plan$covariates), names(method)[nzchar(method)])) {
    drawn <- c(pmm = "norm", polr = "polyreg")
    if (is.na(asked[[name]]) && method[[name]] %in% names(drawn)) {
      method[[name]] <- drawn[[method[[name]]]]
    }
    if (!method[[name]] %in% c("norm", "logreg", "polyreg", "constant")) {
      qst_abort("argument", sprintf(paste(
        "`method`: `%s` is in `model`, where \"%s\" cannot be compatible. Take \"norm\",",
        "\"logreg\" or \"polyreg\", or leave it out of `method`."
      ), name, method[[name]]), column = name, value = method[[name]])
    }
  }
  method
}

# The outcome acts on its covariates through the model, and is predicted by it.
compatible_sets <- function(sets, plan) {
  if (is.null(plan)) {
    return(sets)
  }
  inside <- intersect(plan$covariates, names(sets))
  sets[inside] <- lapply(sets[inside], setdiff, plan$outcome)
  if (plan$outcome %in% names(sets)) {
    sets[[plan$outcome]] <- plan$covariates
  }
  sets
}

# No value of them may be missing and stay so.
check_model_complete <- function(plan, columns, method) {
  open <- Filter(function(name) {
    columns[[name]]$n_missing > 0 && !nzchar(method[[name]])
  }, c(plan$outcome, plan$covariates))
  if (length(open) > 0) {
    qst_abort("argument", sprintf(
      "`%s` is left incomplete but is in `model`. Give it a method, or take it out of the model.",
      open[[1]]
    ), column = open[[1]])
  }
}

compatible_log <- function(plan, method) {
  drawn <- intersect(plan$covariates, names(method)[!method %in% c("", "constant")])
  log_rows(drawn, sprintf("drawn to be compatible with %s", plan$text))
}

# ---- For the core ----

# Factors spread to their levels from the second on.
core_outcome <- function(plan, used, columns) {
  cells <- unlist(lapply(plan$products, product_cells, columns), recursive = FALSE)
  list(
    variable = match(plan$outcome, used),
    starts = as.integer(cumsum(c(0, vapply(cells, function(cell) length(cell$names), 0)))),
    factors = match(unlist(lapply(cells, `[[`, "names")), used),
    levels = as.integer(unlist(lapply(cells, `[[`, "levels")))
  )
}

product_cells <- function(product, columns) {
  levels <- lapply(columns[product], function(column) {
    if (column$kind == "number") 0L else seq_along(column$used)[-1]
  })
  grid <- expand.grid(unname(levels))
  lapply(seq_len(max(1, nrow(grid))), function(k) {
    list(names = product, levels = as.integer(unlist(grid[k, ])))
  })
}
