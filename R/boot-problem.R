# What is to be bootstrapped: columns for the core, or the caller's function.

# ---- Named statistics ----

# What the core needs: columns, which kind, terms, and how its results become ours.
named_problem <- function(data, statistic, formula) {
  statistic <- check_choice(statistic, boot_statistics, "statistic")
  if (is.atomic(data) && is.null(dim(data))) {
    data <- vector_frame(data, statistic, formula)
    formula <- ~value
  }
  check_data_frame(data)
  if (is.null(formula) && statistic == "alpha") {
    formula <- stats::reformulate(sprintf("`%s`", names(data)))
  }
  frame <- boot_frame(data, statistic, formula)
  complete <- stats::complete.cases(frame)
  if (!any(complete)) {
    qst_abort("no_data", sprintf(
      "No row has %s.", if (ncol(frame) == 1) enumerate(names(frame)) else "all variables"
    ))
  }
  frame <- frame[complete, , drop = FALSE]
  check_finite_columns(frame, which(complete))
  c(
    list(
      statistic = statistic, data = data, row = which(complete),
      n_used = sum(complete), n_left_out = sum(!complete)
    ),
    if (statistic %in% c("difference", "coefficients")) {
      regression_columns(frame, statistic)
    } else {
      plain_columns(frame, statistic)
    }
  )
}

vector_frame <- function(x, statistic, formula) {
  if (!statistic %in% c("mean", "median", "sd") || !is.null(formula) ||
    !(is.numeric(x) || is.logical(x))) {
    qst_abort("argument", sprintf(
      paste(
        "`data` is %s, which serves for the mean, median or sd of numbers, without a formula.",
        "Give a data frame and a formula for statistic = \"%s\"."
      ), describe(x), statistic
    ))
  }
  data.frame(value = as.double(x))
}

boot_frame <- function(data, statistic, formula) {
  two_sided <- statistic %in% c("difference", "coefficients")
  if (!inherits(formula, "formula") || length(formula) != 2 + two_sided) {
    qst_abort("argument", sprintf(
      "statistic = \"%s\" needs a formula like %s, not %s.", statistic, boot_formula(statistic),
      if (inherits(formula, "formula")) deparse1(formula) else describe(formula)
    ))
  }
  check_known_variables(formula, names(data))
  frame <- tryCatch(
    stats::model.frame(formula, data, na.action = stats::na.pass, drop.unused.levels = FALSE),
    error = function(e) qst_abort("argument", sprintf("`formula`: %s.", conditionMessage(e)))
  )
  wanted <- switch(statistic, correlation = , difference = 2, alpha = NA, coefficients = NA, 1)
  least <- if (statistic == "coefficients") 1 else 2
  fits <- if (is.na(wanted)) ncol(frame) >= least else ncol(frame) == wanted
  if (!fits) {
    qst_abort("argument", sprintf(
      "statistic = \"%s\" needs a formula like %s, and %s has %d variable%s.", statistic,
      boot_formula(statistic), deparse1(formula), ncol(frame), if (ncol(frame) == 1) "" else "s"
    ))
  }
  frame
}

boot_formula <- function(statistic) {
  switch(statistic,
    difference = "y ~ arm", coefficients = "y ~ arm + x", correlation = "~ x + y",
    alpha = "~ item_1 + item_2 + item_3", "~ y"
  )
}

check_finite_columns <- function(frame, row) {
  for (name in names(frame)) {
    bad <- if (is.numeric(frame[[name]])) which(!is.finite(rowSums(as.matrix(frame[[name]]))))
    if (length(bad) > 0) {
      qst_abort("argument", sprintf(
        "`%s` is not finite in row %d. Correct it or make it NA.", name, row[[bad[[1]]]]
      ), row = row[[bad[[1]]]], column = name)
    }
  }
}

plain_columns <- function(frame, statistic) {
  numbers <- vapply(frame, function(x) (is.numeric(x) || is.logical(x)) && is.null(dim(x)), TRUE)
  if (!all(numbers)) {
    qst_abort("argument", sprintf(
      "`%s` is not a column of numbers, so it has no %s.", names(frame)[!numbers][[1]], statistic
    ), column = names(frame)[!numbers][[1]])
  }
  x <- as.matrix(data.frame(lapply(frame, as.double), check.names = FALSE))
  centre <- colMeans(x)
  # The core's sums keep their digits when values are near 0.
  columns <- cbind(1, sweep(x, 2, centre))
  shift <- if (statistic %in% c("mean", "median")) centre[[1]] else 0
  term <- switch(statistic,
    correlation = paste(names(frame), collapse = ", "), alpha = "alpha",
    paste0(statistic, "(", names(frame)[[1]], ")")
  )
  list(
    columns = unname(columns), terms = term, code = boot_code(statistic),
    finish = function(t) t + shift
  )
}

boot_code <- function(statistic) {
  match(statistic, boot_statistics[1:5], nomatch = 1L) - 1L
}

# Least squares on the orthogonal columns Q of X = QR, whose cross-products are near the identity in
# every sample; then R b = what the core gives.
regression_columns <- function(frame, statistic) {
  if (statistic == "difference") {
    check_difference(frame)
    frame[[2]] <- as.factor(frame[[2]])
  }
  y <- stats::model.response(frame)
  if (!(is.numeric(y) || is.logical(y)) || !is.null(dim(y))) {
    qst_abort("argument", sprintf("`%s` is not a column of numbers.", names(frame)[[1]]))
  }
  arms <- if (statistic == "difference") frame[[2]]
  x <- stats::model.matrix(attr(frame, "terms"), frame,
    contrasts.arg = if (!is.null(arms)) stats::setNames(list("contr.treatment"), names(frame)[[2]])
  )
  factors <- qr(x)
  if (factors$rank < ncol(x)) {
    qst_abort("singular", sprintf(
      "The coefficient of %s cannot be told from the others. Leave it out of the formula.",
      enumerate(colnames(x)[factors$pivot[-seq_len(factors$rank)]])
    ))
  }
  keep <- if (is.null(arms)) seq_len(ncol(x)) else seq_len(ncol(x))[-1]
  scale <- sqrt(nrow(x))
  list(
    columns = unname(cbind(qr.Q(factors) * scale, as.double(y))),
    terms = if (is.null(arms)) colnames(x) else paste(levels(arms)[-1], "-", levels(arms)[[1]]),
    code = 0L, arms = arms,
    finish = function(t) (backsolve(qr.R(factors), t) * scale)[keep, , drop = FALSE]
  )
}

check_difference <- function(frame) {
  arm <- frame[[2]]
  if (is.factor(arm)) {
    comparison_arms(arm, rep(TRUE, length(arm)), names(frame)[[2]])
  }
  check_reference(NULL, unique(as.character(arm)))
}

# ---- The caller's statistics ----

caller_problem <- function(data, statistic, formula) {
  if (!is.null(formula)) {
    qst_abort("argument", paste(
      "`formula` has no meaning when `statistic` is a function.",
      "Let the function choose the columns."
    ))
  }
  n <- NROW(data)
  if (n < 2) {
    qst_abort("no_data", sprintf(
      "`data` has %d row%s; a bootstrap needs two.", n, if (n == 1) "" else "s"
    ))
  }
  arguments <- formals(args(statistic))
  takes_rows <- length(arguments) >= 2 && names(arguments)[[2]] != "..." &&
    !nzchar(as.character(arguments)[[2]])
  of_rows <- function(rows) {
    value <- if (takes_rows) {
      statistic(data, rows)
    } else if (is.null(dim(data))) {
      statistic(data[rows])
    } else {
      statistic(data[rows, , drop = FALSE])
    }
    if (!is.numeric(value) || length(value) == 0) {
      qst_abort("argument", sprintf("`statistic` must return numbers, not %s.", describe(value)))
    }
    value
  }
  observed <- of_rows(seq_len(n))
  list(
    statistic = "function", data = if (is.data.frame(data)) data else data.frame(row = seq_len(n)),
    row = seq_len(n), n_used = n, n_left_out = 0L, of_rows = of_rows, observed = observed,
    terms = if (is.null(names(observed))) {
      if (length(observed) == 1) "statistic" else paste0("statistic", seq_along(observed))
    } else {
      names(observed)
    },
    finish = function(t) t
  )
}

caller_samples <- function(problem, units, replicates, with_jackknife, seed) {
  rows_of_unit <- split(seq_along(units$unit), units$unit)
  run <- function(chosen) {
    value <- problem$of_rows(unlist(rows_of_unit[chosen], use.names = FALSE))
    if (length(value) != length(problem$observed)) {
      qst_abort("argument", sprintf(
        "`statistic` returned %d numbers for a sample, and %d for all rows.", length(value),
        length(problem$observed)
      ))
    }
    as.double(value)
  }
  n_terms <- length(problem$observed)
  several <- function(chosen) {
    matrix(vapply(chosen, run, numeric(n_terms)), nrow = n_terms)
  }
  drawn <- in_pieces(replicates, 200, "Resampling", function(first, n) {
    draws <- .Call(C_qstr_boot_draws, units$size, first, n, seed, 1L)
    several(lapply(seq_len(n), function(k) draws[, k]))
  })
  list(
    observed = as.double(problem$observed), replicates = drawn,
    jackknife = if (with_jackknife) several(lapply(seq_len(sum(units$size)), function(k) -k))
  )
}
