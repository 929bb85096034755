# Designs: the columns of a model without the model matrix, as src/core/qst.h
# describes them under "Designs".

# The terms of a model over the evaluated variables of `frame`: a list of
# `n_rows` and `terms`, each term a list of parts, a part either `x` (numbers) or
# `codes` and `coding` (a factor and the columns of its levels). Attributes:
# `columns` (names), `assign` and `contrasts` as model.matrix() has them, and
# `xlevels` as stats::.getXlevels(). (model.matrix() itself takes longer than a
# small fit.)
model_design <- function(terms, frame, contrasts = NULL) {
  values <- .subset(frame, seq_len(length(attr(terms, "variables")) - 1L))
  has_levels <- vapply(values, function(x) is.factor(x) || is.character(x), logical(1))
  response <- attr(terms, "response")
  values[response] <- list(double())
  has_levels[response] <- FALSE
  values <- lapply(values, code_variable)
  is_factor <- vapply(values, is.factor, logical(1))
  if (!is.null(contrasts)) {
    check_given_contrasts(contrasts, names(values), names(values)[is_factor])
  }
  chosen <- chosen_contrasts(values[is_factor], contrasts)
  codings <- Map(coding_matrix, chosen, lapply(values[names(chosen)], levels))
  patterns <- term_patterns(terms, is_factor)
  parts <- lapply(patterns, term_parts, values, codings)
  names <- lapply(patterns, term_columns, values, codings)
  has_constant <- attr(terms, "intercept") > 0
  structure(
    list(
      n_rows = length(attr(frame, "row.names")),
      terms = c(if (has_constant) list(list()), unname(parts))
    ),
    columns = c(if (has_constant) "(Intercept)", unlist(names, use.names = FALSE)),
    assign = c(if (has_constant) 0L, rep(as.integer(names(patterns)), lengths(names))),
    contrasts = if (any(is_factor)) chosen, xlevels = lapply(values[has_levels], levels)
  )
}

# A model matrix as a design.
dense_design <- function(x) {
  storage.mode(x) <- "double"
  structure(list(n_rows = nrow(x), terms = list(list(list(x = x)))), columns = colnames(x))
}

# Text and logicals as factors, as model.matrix() takes them; other numbers as doubles.
code_variable <- function(x) {
  if (is.character(x)) {
    factor(x)
  } else if (is.logical(x)) {
    structure(as.integer(x) + 1L, levels = c("FALSE", "TRUE"), class = "factor")
  } else if (is.factor(x) || is.double(x)) {
    x
  } else {
    storage.mode(x) <- "double"
    x
  }
}

# ---- Contrasts ----

# For each factor the name of a contrast function or a matrix: from the argument,
# the factor or the options.
chosen_contrasts <- function(factors, given) {
  usual <- as.character(getOption("contrasts"))
  chosen <- lapply(factors, function(x) {
    own <- attr(x, "contrasts")
    if (is.null(own)) usual[[1L + is.ordered(x)]] else own
  })
  for (name in intersect(names(given), names(factors))) {
    chosen[[name]] <- attr(set_contrasts(factors[[name]], given[[name]]), "contrasts")
  }
  single <- names(factors)[vapply(factors, nlevels, integer(1)) < 2]
  if (length(single) > 0) {
    single_level_abort(single, levels(factors[[single[[1]]]]))
  }
  chosen
}

# As lm(), a variable that is not in the model is a warning only, for update().
check_given_contrasts <- function(given, variables, factors) {
  if (!is.list(given)) {
    qst_abort("argument", sprintf(
      "`contrasts` must be a list, as in list(arm = \"contr.sum\"), not %s.", describe(given)
    ))
  }
  unknown <- setdiff(names(given), variables)
  if (length(unknown) > 0) {
    qst_warn("contrasts", sprintf(
      "`contrasts`: there is no %s in the model; ignored.", enumerate(unknown)
    ), column = unknown)
  }
  numeric <- setdiff(names(given), c(unknown, factors))
  if (length(numeric) > 0) {
    qst_abort("argument", sprintf(
      "`contrasts`: %s is no factor. Use factor() in the formula.", enumerate(numeric)
    ), column = numeric)
  }
}

# A factor of no rows carries them; R checks and completes a matrix.
set_contrasts <- function(x, how) {
  shell <- structure(integer(), levels = levels(x), class = oldClass(x))
  tryCatch(
    if (is.matrix(how)) {
      stats::contrasts(shell, ncol(how)) <- how
    } else {
      stats::contrasts(shell) <- how
    },
    error = function(e) qst_abort("argument", sprintf("`contrasts`: %s.", conditionMessage(e)))
  )
  shell
}

single_level_abort <- function(names, level) {
  level <- if (length(level) == 0) "none" else level
  qst_abort("argument", sprintf(
    paste(
      "%s has a single level, \"%s\", in the rows used, so nothing can be compared.",
      "Leave it out of the formula or check `subset` and missing values."
    ), enumerate(names), level
  ), column = names, value = level)
}

coding_matrix <- function(how, levels) {
  if (is.character(how)) {
    how <- get(how, mode = "function")(levels)
  }
  how <- as.matrix(how)
  storage.mode(how) <- "double"
  how
}

# ---- Terms ----

# What each term takes of each variable: 0 nothing, 1 contrasts, 2 all levels
# (for numbers both mean the same); named by the number of the term. Without an
# intercept the first factor has all levels; a response on the right side
# takes its term away. Both as model.matrix().
term_patterns <- function(terms, is_factor) {
  table <- attr(terms, "factors")
  if (length(table) == 0) {
    return(list())
  }
  numbers <- seq_len(ncol(table))
  response <- attr(terms, "response")
  if (response > 0 && any(table[response, ] > 0)) {
    qst_warn("response", "The response is on the right side of the formula too; left out there.")
    numbers <- numbers[table[response, ] == 0]
  }
  if (attr(terms, "intercept") == 0) {
    first <- which(table > 0 & is_factor & col(table) %in% numbers)
    table[utils::head(first, 1)] <- 2L
  }
  stats::setNames(lapply(numbers, function(j) table[, j]), numbers)
}

term_parts <- function(pattern, values, codings) {
  lapply(which(pattern > 0), function(i) {
    name <- names(values)[[i]]
    coding <- codings[[name]]
    if (is.null(coding)) {
      list(x = values[[i]])
    } else {
      list(
        codes = values[[i]], coding = if (pattern[[i]] == 1) coding else diag(nlevels(values[[i]]))
      )
    }
  })
}

# Names of a term's columns, the first variable's running fastest.
term_columns <- function(pattern, values, codings) {
  names <- NULL
  for (i in which(pattern > 0)) {
    name <- names(values)[[i]]
    labels <- paste0(name, part_labels(values[[i]], pattern[[i]], codings[[name]]))
    names <- if (is.null(names)) labels else as.vector(outer(names, labels, paste, sep = ":"))
  }
  names
}

# What a variable's columns are called after its name: a level, a contrast, a
# column of a matrix, or a number.
part_labels <- function(x, pattern, coding) {
  if (is.factor(x) && pattern == 2) {
    levels(x)
  } else if (is.factor(x)) {
    if (is.null(colnames(coding))) seq_len(ncol(coding)) else colnames(coding)
  } else if (NCOL(x) == 1) {
    ""
  } else {
    if (is.null(colnames(x))) seq_len(ncol(x)) else colnames(x)
  }
}
