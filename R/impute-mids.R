# Trading completed data with mice, mitml, Amelia and whoever has a list of data frames.

#' Imputations to and from mice, and from others
#'
#' `as_mids()` makes what `mice::mice()` returns of [imputations][impute], so that
#' everything written for mice works: `mice::complete()`, `with()`,
#' `mice::pool()`, `mice::D1()`, its plots. `as_imputations()` goes the other
#' way, from mice and from the other forms in which completed data come:
#' * `mids` objects of mice;
#' * lists of completed data frames: `mitml.list` of mitml, `mild` of
#'   `mice::complete(x, "all")`, `imputationList` of mitools, a plain list;
#' * one long data frame as of `mice::complete(x, "long", include = TRUE)`;
#' * `amelia` objects.
#'
#' Going there and back gives the same data, the same imputed values in the same
#' places, methods, predictors and traces. What mice has no place for stays
#' behind: totals of questionnaires among the predictors, the groups of `by`, the
#' clusters. Columns that were computed afterwards ([score()],
#' [transform()][transform.imputations]) become imputed columns without a method.
#'
#' Which values were missing is known from a `mids`, an `amelia`, a long form with the
#' original data (`.imp` 0) or `data`. Then every completed data
#' set must have the observed values unchanged; where one has not, that is an error with
#' the row and the column, because the rows may have been sorted. Columns that
#' `data` does not have, and all columns without `data`, count as imputed where
#' the data sets differ. Values that mice imputed in place of observed ones (its
#' `where`) count as missing.
#'
#' @param imp [Imputations][impute].
#' @param x What is to become imputations.
#' @param data The data before imputation; `NULL` if there are none.
#' @param ... Arguments of methods.
#' @return `as_mids()`: an object of class `mids`. Its `loggedEvents` has the decisions of
#'   `imp$log` in words. `as_imputations()`: [imputations][impute]; they know what made
#'   them only as far as `x` says.
#' @section Errors:
#' `questrial_error_argument` for what is no data frame, other columns, types or levels;
#' `questrial_error_dimension` for other numbers of rows;
#' `questrial_error_values` for an observed value that was changed (fields `row`,
#' `column`, `value`); `questrial_error_package` without mice.
#' @seealso [pool()], which pools fits of completed data.
#' @examples
#' visits <- data.frame(before = c(10, 12, NA, 9), after = c(12, NA, 14, 13))
#' one <- transform(visits, before = c(10, 12, 11, 9), after = c(12, 13, 14, 13))
#' two <- transform(visits, before = c(10, 12, 12, 9), after = c(12, 11, 14, 13))
#' both <- as_imputations(list(one, two), data = visits)
#' both[[2]]
#' if (requireNamespace("mice", quietly = TRUE)) {
#'   mice::complete(as_mids(both), 2)
#' }
#' @export
as_mids <- function(imp) {
  check_imputations(imp)
  need_package("mice", "as_mids()")
  data <- plain_data_frame(imp$data)
  names <- names(data)
  predictors <- mids_predictors(imp$predictors, names)
  method <- stats::setNames(imp$method[names], names)
  method[is.na(method) | method %in% c("computed", "given")] <- ""
  blocks <- mice::make.blocks(data)
  structure(
    list(
      data = data, imp = mids_values(imp, data), m = imp$m, where = is.na(data), blocks = blocks,
      call = imp$call, nmis = colSums(is.na(data)), method = method,
      predictorMatrix = predictors, visitSequence = mids_visits(imp, names),
      formulas = mice::make.formulas(data, blocks, predictors), post = mice::make.post(data),
      blots = mice::make.blots(data, blocks), ignore = rep(FALSE, nrow(data)), seed = imp$seed,
      # mice goes on from here, with R's generator as it stands
      iteration = imp$iterations, lastSeedValue = get0(".Random.seed", globalenv()),
      chainMean = mids_traces(imp$means, imp, names),
      chainVar = mids_traces(imp$sds, imp, names)^2,
      loggedEvents = mids_log(imp$log), version = utils::packageVersion("mice"), date = Sys.Date()
    ),
    class = "mids"
  )
}

#' @rdname as_mids
#' @export
as_imputations <- function(x, ...) {
  UseMethod("as_imputations")
}

#' @export
as_imputations.default <- function(x, ...) {
  qst_abort("argument", sprintf(paste(
    "`x` must be a mids, a list of completed data frames, one long data frame or an amelia",
    "object, not %s."
  ), describe(x)))
}

#' @export
as_imputations.imputations <- function(x, ...) {
  x
}

#' @rdname as_mids
#' @export
as_imputations.mids <- function(x, ...) {
  check_no_dots(...)
  data <- x$data
  data[as.matrix(x$where)] <- NA
  imputed <- lapply(stats::setNames(nm = names(data)), function(name) {
    rows <- which(is.na(data[[name]]))
    drawn <- matrix(unlist(lapply(x$imp[[name]], plain_values)), ncol = x$m)
    drawn[match(rows, which(x$where[, name])), , drop = FALSE]
  })
  imputed <- imputed[!vapply(imputed, function(drawn) all(is.na(drawn)), NA)]
  targets <- names(imputed)
  predictors <- x$predictorMatrix[targets, , drop = FALSE]
  storage.mode(predictors) <- "integer"
  imported_imputations(data, imputed, x$m,
    method = x$method, predictors = predictors, iterations = x$iteration,
    seed = x$seed, means = own_traces(x$chainMean, targets),
    sds = own_traces(sqrt(x$chainVar), targets), log = own_log(x$loggedEvents), call = x$call
  )
}

#' @rdname as_mids
#' @export
as_imputations.list <- function(x, data = NULL, ...) {
  check_no_dots(...)
  original <- match("0", names(x))
  if (is.na(original)) {
    return(gather_completed(x, data))
  }
  gather_completed(x[-original], if (is.null(data)) x[[original]] else data)
}

#' @export
as_imputations.imputationList <- function(x, data = NULL, ...) {
  check_no_dots(...)
  gather_completed(x$imputations, data)
}

#' @export
as_imputations.amelia <- function(x, ...) {
  check_no_dots(...)
  data <- x$imputations[[1]]
  if (is.data.frame(data)) {
    data[x$missMatrix] <- NA
  }
  gather_completed(x$imputations, data)
}

#' @rdname as_mids
#' @param .imp,.id Names of the columns of the long form that number the imputations
#'   (0: the original data) and the rows.
#' @export
as_imputations.data.frame <- function(x, ..., .imp = ".imp", .id = ".id") {
  check_no_dots(...)
  check_columns(x, check_string(.imp, ".imp"), ".imp")
  check_string(.id, ".id")
  if (anyNA(x[[.imp]])) {
    qst_abort("argument", sprintf(
      "`%s` has missing values. Each row must say which imputation it belongs to.", .imp
    ), column = .imp)
  }
  as_imputations.list(split_long(as.data.frame(x), .imp, .id))
}

# ---- To mice ----

plain_data_frame <- function(data) {
  structure(lapply(unclass(data), codes_to_na),
    names = names(data), row.names = attr(data, "row.names"), class = "data.frame"
  )
}

# NA where a labelled column has a code for missing.
codes_to_na <- function(x) {
  x[missing_cells(x)] <- NA
  x
}

# For each column a data frame, its missing values by the imputations.
mids_values <- function(imp, data) {
  lapply(stats::setNames(nm = names(data)), function(name) {
    x <- data[[name]]
    missing <- which(is.na(x))
    drawn <- imp$imputed[[name]]
    values <- lapply(seq_len(imp$m), function(i) {
      (if (is.null(drawn)) x else fill_missing(x, drawn[, i]))[missing]
    })
    structure(values, names = seq_len(imp$m), row.names = attr(data, "row.names")[missing],
      class = "data.frame")
  })
}

mids_predictors <- function(predictors, names) {
  square <- matrix(0, length(names), length(names), dimnames = list(names, names))
  rows <- intersect(rownames(predictors), names)
  columns <- intersect(colnames(predictors), names)
  square[rows, columns] <- predictors[rows, columns]
  square
}

# What has traces first, then the others, as mice has them all.
mids_visits <- function(imp, names) {
  unique(c(intersect(rownames(imp$means), names), names))
}

# A row a column of the data, NaN for what was not drawn.
mids_traces <- function(traces, imp, names) {
  n <- if (is.null(traces)) 0L else dim(traces)[[2]]
  out <- array(NaN, c(length(names), n, imp$m), list(
    names, as.character(seq_len(n)), paste("Chain", seq_len(imp$m))
  ))
  known <- intersect(rownames(traces), names)
  out[known, , ] <- if (length(known) > 0) traces[known, , ]
  out
}

mids_log <- function(log) {
  if (length(log$variable) == 0) {
    return(NULL)
  }
  out <- if (is.null(log$predictor)) NA_character_ else log$predictor
  data.frame(
    it = 0, im = 0, dep = log$variable, meth = log$decision, out = ifelse(is.na(out), "", out)
  )
}

# ---- From mice ----

own_traces <- function(traces, targets) {
  known <- intersect(targets, rownames(traces))
  if (length(known) == 0 || dim(traces)[[2]] == 0) {
    return(NULL)
  }
  traces <- traces[known, , , drop = FALSE]
  dimnames(traces) <- list(
    variable = known, iteration = seq_len(dim(traces)[[2]]),
    imputation = seq_len(dim(traces)[[3]])
  )
  traces
}

# One row a decision; `visits` counts how often it is in mice's list, NA before the first cycle.
own_log <- function(events) {
  if (is.null(events)) {
    return(NULL)
  }
  key <- paste(events$dep, events$meth, events$out, sep = "\r")
  first <- !duplicated(key)
  data.frame(
    variable = events$dep[first], decision = events$meth[first],
    predictor = ifelse(events$out == "", NA, events$out)[first],
    visits = ifelse(events$it[first] == 0, NA_real_, as.double(table(factor(key, unique(key))))),
    of = NA_real_
  )
}

# ---- From lists of data frames ----

imported_imputations <- function(data, imputed, m, ...) {
  new_imputations(data, imputed, m, numbers = seq_len(m), ...)
}

split_long <- function(x, .imp, .id) {
  parts <- split(x, factor(x[[.imp]], unique(x[[.imp]])))
  ids <- parts[[1]][[.id]]
  lapply(parts, function(part) {
    if (!is.null(ids)) {
      part <- in_order_of(part, part[[.id]], ids, .id)
    }
    part <- part[setdiff(names(part), c(.imp, .id))]
    attr(part, "row.names") <- row_numbers(ids, nrow(part))
    part
  })
}

row_numbers <- function(ids, n) {
  if (is.null(ids)) {
    seq_len(n)
  } else if (is.numeric(ids) && all(ids == round(ids))) {
    as.integer(ids)
  } else {
    as.character(ids)
  }
}

in_order_of <- function(part, own, ids, .id) {
  if (anyDuplicated(ids) > 0 || !setequal(own, ids) || length(own) != length(ids)) {
    qst_abort("argument", sprintf(
      "`%s` must have the same values in every imputation, each once. Number the rows 1, 2, ...",
      .id
    ), column = .id)
  }
  part[match(ids, own), , drop = FALSE]
}

gather_completed <- function(completed, data) {
  if (!is.null(data)) {
    check_data_frame(data)
  }
  check_completed(completed, data)
  names <- names(completed[[1]])
  m <- length(completed)
  imp <- imported_imputations(if (is.null(data)) completed[[1]] else data, list(), m)
  for (name in names) {
    values <- unname(lapply(completed, `[[`, name))
    imp <- if (name %in% names(data)) {
      put_column(imp, name, data[[name]], imputed_values(data[[name]], values, name), "given")
    } else {
      set_column(imp, name, values[[1]], values, "given")
    }
  }
  imp
}

check_completed <- function(completed, data) {
  if (length(completed) == 0) {
    qst_abort("argument", "There is no completed data set. Give a list of one or more.")
  }
  like <- if (is.null(data)) completed[[1]] else data
  for (i in seq_along(completed)) {
    one <- completed[[i]]
    if (!is.data.frame(one)) {
      qst_abort("argument", sprintf(
        "Completed data set %d is no data frame but %s. Leave it out or make it anew.",
        i, describe(one)
      ))
    }
    if (nrow(one) != nrow(like)) {
      qst_abort("dimension", sprintf(
        "Completed data set %d has %d rows, the data have %d. Each must have all rows in order.",
        i, nrow(one), nrow(like)
      ), value = nrow(one))
    }
    check_completed_names(names(one), names(completed[[1]]), names(data), i)
  }
}

check_completed_names <- function(names, first, original, i) {
  absent <- setdiff(c(first, original), names)
  if (length(absent) > 0 || anyDuplicated(names) > 0) {
    qst_abort("argument", sprintf(
      "Completed data set %d has %s. All must have the same columns, each once.", i,
      if (length(absent) > 0) {
        sprintf("no column %s", enumerate(absent))
      } else {
        sprintf("two columns %s", enumerate(unique(names[duplicated(names)])))
      }
    ), column = absent)
  }
}

# Of each completed data set what stands where `x` is missing; the rest must be `x`.
imputed_values <- function(x, values, name) {
  missing <- missing_cells(x)
  for (i in seq_along(values)) {
    same <- as.vector(values[[i]]) == as.vector(x)
    changed <- which(!missing & (is.na(same) | !same))
    if (length(changed) > 0) {
      row <- changed[[1]]
      qst_abort("values", sprintf(paste(
        "Column `%s`, row %d: observed is %s, but completed data set %d has %s.",
        "Keep the rows in the order of the data and observed values as they were."
      ), name, row, format(x[[row]]), i, format(values[[i]][[row]])),
      row = row, column = name, value = values[[i]][[row]])
    }
  }
  drawn <- lapply(values, function(value) values_like(x, value[missing], name))
  matrix(unlist(drawn), sum(missing), length(values))
}

# As `imputed` of imputations holds the values of a column like `x`.
values_like <- function(x, value, name) {
  if (!is.factor(x)) {
    return(as.vector(value))
  }
  codes <- match(as.vector(value), levels(x))
  unknown <- is.na(codes) & !is.na(value)
  if (any(unknown)) {
    qst_abort("argument", sprintf(
      "Column `%s` was completed with %s, which is no level of it. Add the level to the data.",
      name, describe(as.vector(value)[unknown][[1]])
    ), column = name)
  }
  codes
}
