# Designs: the columns of a model without the model matrix, as src/core/qst.h
# describes them under "Designs".

# The terms of a model over the evaluated variables of `frame`: a list of
# `n_rows` and `terms`, each term a list of parts, a part either `x` (numbers) or
# `codes` and `coding` (a factor and the columns of its levels). Attributes:
# `columns` (names), `assign` and `contrasts`, which are model.matrix()'s own (it is
# asked about a frame without rows), and `xlevels`, as stats::.getXlevels().
model_design <- function(terms, frame, contrasts = NULL) {
  values <- .subset(frame, seq_len(length(attr(terms, "variables")) - 1L))
  has_levels <- vapply(values, function(x) is.factor(x) || is.character(x), logical(1))
  response <- attr(terms, "response")
  values[response] <- list(double())
  has_levels[response] <- FALSE
  values <- lapply(values, code_variable)
  shell <- lapply(values, without_rows)
  attributes(shell) <- list(names = names(values), row.names = integer(), class = "data.frame")
  attr(shell, "terms") <- terms
  head <- stats::model.matrix(terms, shell, contrasts)
  codings <- factor_codings(shell, attr(head, "contrasts"))
  parts <- lapply(term_patterns(terms, names(codings)), function(pattern) {
    term_parts(pattern, values, codings)
  })
  if (attr(terms, "intercept") > 0) {
    parts <- c(list(list()), parts)
  }
  structure(
    list(n_rows = length(attr(frame, "row.names")), terms = unname(parts)),
    columns = colnames(head), assign = attr(head, "assign"), contrasts = attr(head, "contrasts"),
    xlevels = lapply(values[has_levels], levels)
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

without_rows <- function(x) {
  if (is.factor(x)) {
    structure(integer(), levels = levels(x), class = class(x), contrasts = attr(x, "contrasts"))
  } else if (is.matrix(x)) {
    matrix(0, 0, ncol(x), dimnames = list(NULL, colnames(x)))
  } else {
    double()
  }
}

# For each factor its two codings: by contrasts, and by all levels.
factor_codings <- function(shell, contrasts) {
  Map(function(column, how) {
    attr(column, "contrasts") <- how
    coding <- as.matrix(stats::contrasts(column))
    storage.mode(coding) <- "double"
    list(contrasts = unname(coding), levels = diag(nlevels(column)))
  }, .subset(shell, names(contrasts)), contrasts)
}

# What each term takes of each variable: 0 nothing, 1 contrasts, 2 all levels
# (for numbers both mean the same). Without an intercept the first factor has
# all levels; a response on the right side takes its term away. Both as model.matrix().
term_patterns <- function(terms, factors) {
  table <- attr(terms, "factors")
  if (length(table) == 0) {
    return(list())
  }
  response <- attr(terms, "response")
  if (response > 0) {
    table <- table[, table[response, ] == 0, drop = FALSE]
  }
  is_factor <- rownames(table) %in% factors
  if (attr(terms, "intercept") == 0) {
    first <- which(table > 0 & is_factor)
    table[utils::head(first, 1)] <- 2L
  }
  lapply(seq_len(ncol(table)), function(j) table[, j])
}

term_parts <- function(pattern, values, codings) {
  lapply(which(pattern > 0), function(i) {
    name <- names(values)[[i]]
    coding <- codings[[name]]
    if (is.null(coding)) {
      list(x = values[[i]])
    } else {
      list(codes = values[[i]], coding = coding[[pattern[[i]]]])
    }
  })
}
