# Completed data sets: the original data once, and for each variable its imputed values.

# `imputed` is a named list, one element a variable with missing values: a matrix with one
# row a missing value, in the order of the rows, and one column an imputation, of the
# column's own type; for a factor its integer codes. `...`: what else is known, of impute():
# `numbers` (which imputations these are), `method` and `predictors` (what was done),
# `iterations`, `donors`, `by`, `cluster`, `seed`, `means` and `sds` (arrays variable x
# iteration x imputation), `log`, `items`, `call`, `recipe` (what update() needs).
new_imputations <- function(data, imputed, m, ...) {
  structure(list(data = data, imputed = imputed, m = as.integer(m), ...), class = "imputations")
}

check_imputations <- function(imp) {
  if (!inherits(imp, "imputations")) {
    qst_abort("argument", sprintf(
      "`imp` must be the result of impute(), not %s. as_imputations() reads those of mice.",
      describe(imp)
    ))
  }
}

#' Completed data sets
#'
#' What [impute()] returns: the data once, and the imputed values of each
#' variable. There is no single completed data set to be had by averaging:
#' analyse each one and [pool()] the results, which is what
#' `fit_glm(formula, imp)` does.
#'
#' * `imp[[i]]`: completed data set `i`: `data` with its missing values filled, every
#'   column of its own type. `as.list(imp)`: all of them; so `lapply(imp, f)` works.
#' * `imp[i]`: some of the imputations, as an object of the same class.
#' * `length(imp)`: m. `print(imp, rows = 20)`: of more columns than `rows`, those one after the
#'   other with one method share a line.
#' * `as.data.frame(imp, i)`: as `imp[[i]]`; `as.data.frame(imp, "long")`: all below each
#'   other after two columns `.imp` (number of the imputation) and `.id` (number of the row).
#'   Plain `as.data.frame(imp)` is an error.
#' * `with(imp, expr)`: evaluates `expr` in each completed data set and returns the
#'   results as a list for [pool()].
#' * `update(imp, m = 50)`: more imputations: those that are there stay, the others are
#'   the ones that `impute(m = 50)` would have made with the same seed. With another number of
#'   `iterations` all are made anew.
#'
#' @section Values imputed:
#' Integer columns stay integer where every imputed value is whole (always with `pmm`),
#' else they become double. Attributes (levels, labels, units) are kept. Codes that a column of
#' class `haven_labelled_spss` declares as missing (`na_values`, `na_range`) are missing.
#'
#' @param x,object,data An object of class `imputations`.
#' @param i `[[`: one number of an imputation; `[`: numbers, negative numbers or logicals.
#' @param row.names `"long"` or the number of an imputation: the second argument says which
#'   data frame is wanted.
#' @param optional Nothing; it belongs to the generic.
#' @param expr An expression of columns, such as `lm(y ~ x)`.
#' @param m,iterations The new number of imputations and of iterations.
#' @param threads,lapply As in [impute()].
#' @param ... Nothing; an unknown argument is an error.
#' @return `summary()`: a data frame of class `summary.imputations`, one row a column that was
#'   imputed, or one a level of it: `variable`, `level` (`NA` for numbers), `n.observed`,
#'   `mean.observed` and `sd.observed` (of a level: its share, and no SD), `n.missing`,
#'   `mean.imputed` and `sd.imputed` over all imputations. They need not agree: rows with missing
#'   values may differ from the others. `tidy()`: a data frame, one row a column of the data with
#'   missing values: `variable`, `method` (`""`: left as it is), `n.missing`, `p.missing` (share of
#'   rows), `n.predictors`. `glance()`: one row: `m`, `iterations`, `nobs` (rows),
#'   `n.complete` (rows without missing values in the data), `n.missing` (values imputed in each
#'   data set), `single` (is it single imputation?), `seed`.
#' @section Errors:
#' `questrial_error_argument`: a number that is no imputation, `as.data.frame(imp)`, `update()`
#' of some of the imputations only.
#' @section Peers:
#' mice's `complete(imp, i)` is `imp[[i]]`, `complete(imp, "long")` is
#' `as.data.frame(imp, "long")`, `complete(imp, "all")` is `as.list(imp)`. Averaging
#' the completed data sets has no counterpart here.
#' @seealso [impute()], [pool()].
#' @examples
#' imp <- impute(airquality, m = 3, seed = 1)
#' length(imp)
#' head(imp[[2]])
#' with(imp, mean(Ozone))
#' imp <- update(imp, m = 5)
#' nrow(as.data.frame(imp, "long"))
#' @name imputations
NULL

#' @export
length.imputations <- function(x) {
  x$m
}

#' @rdname imputations
#' @export
`[[.imputations` <- function(x, i, ...) {
  check_no_dots(...)
  check_number(i, "i", min = 1, max = x$m, whole = TRUE)
  filled_data(x, i)
}

# Attributes of the data frame and of its columns are put back as they were, so no class takes part.
filled_data <- function(x, i) {
  kept <- attributes(x$data)
  columns <- unclass(x$data)
  for (name in names(x$imputed)) {
    columns[[name]] <- fill_missing(columns[[name]], x$imputed[[name]][, i])
  }
  attributes(columns) <- kept
  if (inherits(columns, "data.table") && requireNamespace("data.table", quietly = TRUE)) {
    # It notes where in memory a table lies, and warns of one that was made without it.
    data.table::copy(columns)
  } else {
    columns
  }
}

fill_missing <- function(x, values) {
  kept <- attributes(x)
  missing <- which(missing_cells(x))
  x <- unclass(x)
  x[missing] <- values
  attributes(x) <- kept
  x
}

#' @rdname imputations
#' @export
`[.imputations` <- function(x, i, ...) {
  check_no_dots(...)
  if (missing(i)) {
    return(x)
  }
  at <- if (is.character(i)) NA else seq_len(x$m)[i]
  if (anyNA(at) || length(at) == 0 || anyDuplicated(at)) {
    qst_abort("argument", sprintf(paste(
      "`i` must say which of the imputations 1 to %d are wanted, each once, not %s.",
      "A completed data set is imp[[i]]."
    ), x$m, describe(i)), value = i)
  }
  x$numbers <- numbers_of(x)[at]
  x$imputed <- lapply(x$imputed, function(values) values[, at, drop = FALSE])
  x$means <- x$means[, , at, drop = FALSE]
  x$sds <- x$sds[, , at, drop = FALSE]
  if (!is.null(x$unshifted)) {
    x$unshifted <- lapply(x$unshifted, lapply, function(values) values[, at, drop = FALSE])
  }
  x$m <- length(at)
  x
}

numbers_of <- function(x) {
  if (is.null(x$numbers)) seq_len(x$m) else x$numbers
}

#' @export
as.list.imputations <- function(x, ...) {
  lapply(seq_len(x$m), function(i) filled_data(x, i))
}

#' @rdname imputations
#' @export
as.data.frame.imputations <- function(x, row.names = NULL, optional = FALSE, ...) {
  check_no_dots(...)
  if (identical(row.names, "long")) {
    return(long_data(x))
  }
  if (is.null(row.names)) {
    abort_averaging(x)
  }
  x[[check_number(row.names, "row.names", min = 1, max = x$m, whole = TRUE)]]
}

#' @export
mean.imputations <- function(x, ...) {
  abort_averaging(x)
}

abort_averaging <- function(x) {
  qst_abort("argument", sprintf(paste(
    "There %s, and averaging would make the imputed values look observed. Fit each and pool",
    "(fit_glm(formula, imp), or pool(with(imp, ...))); one of them is imp[[1]], all below each",
    "other as.data.frame(imp, \"long\")."
  ), if (x$m == 1) "is one completed data set" else sprintf("are %d completed data sets", x$m)))
}

long_data <- function(x) {
  n <- nrow(x$data)
  plain <- lapply(as.list(x), function(data) as.data.frame(data, stringsAsFactors = FALSE))
  data.frame(
    .imp = rep(numbers_of(x), each = n), .id = rep(seq_len(n), x$m), do.call(rbind, plain),
    check.names = FALSE, row.names = NULL
  )
}

#' @rdname imputations
#' @export
with.imputations <- function(data, expr, ...) {
  check_no_dots(...)
  call <- substitute(expr)
  caller <- parent.frame()
  results <- lapply(seq_len(data$m), function(i) eval(call, filled_data(data, i), caller))
  structure(results, class = c("imputation_results", "list"), call = call, imp = data)
}

#' @export
print.imputation_results <- function(x, ...) {
  call <- paste(deparse(attr(x, "call"), width.cutoff = 60), collapse = "\n")
  cat(sprintf("Results of %d completed data sets: %s\n\n", length(x), call))
  print(unclass(x)[[1]])
  if (length(x) > 1) {
    cat(sprintf("\n(the first; the others are x[[2]] to x[[%d]]; pool(x) pools fits)\n", length(x)))
  }
  invisible(x)
}

#' @rdname imputations
#' @importFrom stats update
#' @export
update.imputations <- function(object, m = object$m, iterations = object$iterations,
                               threads = NULL, lapply = NULL, ...) {
  check_no_dots(...)
  recipe <- object$recipe
  if (is.null(recipe) || !is.null(object$adjustments)) {
    qst_abort("argument", paste(
      "These imputations were not made by impute(), or were changed since (by score(), transform()",
      "or delta_adjust()). Update first and change then, or call impute() with the `m` wanted."
    ))
  }
  if (!identical(as.integer(numbers_of(object)), seq_len(object$m))) {
    qst_abort("argument", paste(
      "These are some of the imputations that were made, so more of them cannot be told from",
      "those left out. Update the whole object."
    ))
  }
  check_settings(m, iterations, object$donors)
  kept <- if (iterations == object$iterations) min(m, object$m) else 0
  if (kept == m) {
    return(object[seq_len(m)])
  }
  problem <- do.call(impute_problem, c(list(object$data), recipe))
  check_single(problem$method, m)
  settings <- list(iterations = iterations, donors = object$donors, seed = object$seed)
  made <- run_imputations(problem, settings, kept, m - kept, threads_to_use(threads), lapply)
  numbers <- seq_len(m - kept) + kept
  fresh <- finish_imputations(object$data, problem, made, settings, numbers, recipe, object$call)
  if (kept == 0) fresh else join_imputations(object, fresh)
}

# The imputations of `first`, then those of `second`, which were made by the same recipe.
join_imputations <- function(first, second) {
  all <- first
  all$m <- first$m + second$m
  all$numbers <- seq_len(all$m)
  if (length(first$imputed) == 0) {
    return(all)
  }
  all$imputed <- Map(cbind, first$imputed, second$imputed)
  all$means <- join_traces(first$means, second$means)
  all$sds <- join_traces(first$sds, second$sds)
  all$counts <- add_counts(list(first$counts, second$counts))
  all$log <- rbind(first$decided_before, counted_log(all$counts))
  all
}
