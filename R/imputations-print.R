# Imputations as text and as data frames.

# One row a column of the data with missing values.
#' @rdname imputations
#' @exportS3Method generics::tidy
tidy.imputations <- function(x, ...) {
  check_no_dots(...)
  n_missing <- vapply(x$data, function(column) sum(missing_cells(column)), 0L)
  shown <- names(x$data)[n_missing > 0]
  method <- if (is.null(x$method)) {
    ifelse(shown %in% names(x$imputed), NA_character_, "")
  } else {
    x$method[shown]
  }
  n_predictors <- if (is.null(x$predictors)) NA_integer_ else rowSums(x$predictors)[shown]
  data.frame(
    variable = shown, method = unname(method), n.missing = unname(n_missing[shown]),
    p.missing = unname(n_missing[shown]) / nrow(x$data),
    n.predictors = rep_len(as.integer(n_predictors), length(shown))
  )
}

#' @rdname imputations
#' @exportS3Method generics::glance
glance.imputations <- function(x, ...) {
  check_no_dots(...)
  data.frame(
    m = x$m, iterations = if (is.null(x$iterations)) NA_real_ else as.double(x$iterations),
    nobs = nrow(x$data), n.complete = n_complete(x$data),
    n.missing = n_imputed(x), single = is_single(x),
    seed = if (is.null(x$seed)) NA_real_ else x$seed
  )
}

n_complete <- function(data) {
  sum(!Reduce(`|`, lapply(data, missing_cells)))
}

# Values a data set; those of columns computed from others are not counted again, and those with
# nothing to carry forward stay missing.
n_imputed <- function(x) {
  computed <- names(x$method)[x$method %in% "computed"]
  sum(vapply(x$imputed[setdiff(names(x$imputed), computed)], count_imputed, 0L))
}

count_imputed <- function(values) {
  sum(rowSums(!is.na(values)) > 0)
}

# Do analyses of it leave out what is not known of the missing values?
is_single <- function(x) {
  x$m == 1 && length(x$imputed) > 0
}

#' @export
print.imputations <- function(x, rows = 20, ...) {
  cat(imputations_title(x), sep = "\n")
  table <- tidy.imputations(x)
  runs <- if (nrow(table) > rows) method_runs(table) else seq_len(nrow(table))
  shown <- imputations_rows(table, runs)
  if (length(shown) > 0) {
    cat("", utils::head(shown, rows + 1), sep = "\n")
  }
  if (length(shown) > rows + 1) {
    cat(sprintf("... and %d more lines: generics::tidy(x) has all.\n", length(shown) - rows - 1))
  }
  notes <- imputations_notes(x)
  if (length(notes) > 0) {
    cat(notes, sep = "\n")
  }
  print_assumptions(x)
  invisible(x)
}

imputations_title <- function(x) {
  what <- if (is_single(x)) {
    "Single imputation"
  } else {
    sprintf("Multiple imputation: m = %d", x$m)
  }
  how <- c(
    what, if (!is.null(x$iterations)) count_words(x$iterations, "iteration"),
    if (isTRUE(is.finite(x$seed))) sprintf("seed %.0f", x$seed)
  )
  n <- nrow(x$data)
  complete <- n_complete(x$data)
  c(
    paste(how, collapse = ", "),
    strwrap(sprintf(
      "%s of %s, %s of them complete (%.1f%%); %s imputed in each completed data set.",
      count_words(n, "row"), count_words(length(x$data), "column"), count_text(complete),
      100 * complete / n, count_words(n_imputed(x), "value")
    ), 79)
  )
}

count_words <- function(n, noun) {
  sprintf("%s %s%s", count_text(n), noun, if (n == 1) "" else "s")
}

# Numbers the lines of a table that is too long: more than two columns one after the other with one
# method, the items of a questionnaire for example, are one line.
method_runs <- function(table) {
  method <- ifelse(is.na(table$method), "-", table$method)
  run <- cumsum(c(TRUE, method[-1] != method[-length(method)]))
  alone <- tabulate(run)[run] < 3 | method == ""
  cumsum(c(TRUE, run[-1] != run[-length(run)] | alone[-1]))
}

# A line of heads, then one for each run.
imputations_rows <- function(table, runs) {
  if (nrow(table) == 0) {
    return(character())
  }
  parts <- split(table, runs)
  column <- function(name, words) vapply(parts, function(part) words(part[[name]]), "")
  method <- column("method", function(method) if (method[[1]] %in% "") "as it is" else method[[1]])
  cells <- cbind(
    format(c("variable", column("variable", run_names))), format(c("method", method)),
    format(c("missing", column("n.missing", function(n) run_range(count_text(n), n))),
      justify = "right"),
    format(c("%", column("p.missing", function(p) run_range(sprintf("%.1f", 100 * p), p))),
      justify = "right"),
    format(c("predictors", column("n.predictors", function(n) {
      if (anyNA(n)) "-" else run_range(n, n)
    })), justify = "right")
  )
  paste0(" ", apply(cells, 1, paste, collapse = "  "))
}

run_names <- function(names) {
  short <- ifelse(nchar(names) > 32, paste0(substr(names, 1, 31), "~"), names)
  n <- length(short)
  if (n == 1) short else sprintf("%s to %s (%d)", substr(short[[1]], 1, 14),
    substr(short[[n]], 1, 14), n)
}

run_range <- function(text, values) {
  ends <- trimws(text[c(which.min(values), which.max(values))])
  if (ends[[1]] == ends[[2]]) ends[[1]] else paste(ends, collapse = "-")
}

imputations_notes <- function(x) {
  by <- if (!is.null(x$by)) sprintf("Completed by %s, each by itself.", enumerate(x$by))
  cluster <- if (!is.null(x$cluster)) cluster_note(x)
  nothing <- if (length(x$imputed) == 0) {
    sprintf("Nothing is missing that is to be imputed: all %d data sets are `data`.", x$m)
  }
  single <- if (is_single(x)) {
    paste(
      "Single imputation: standard errors from it take imputed values for observed ones and are",
      "too small."
    )
  }
  lines <- if (is.null(x$log)) character() else log_lines(x$log)
  shown <- utils::head(lines, 6)
  more <- length(lines) - length(shown)
  unlist(lapply(c(
    if (length(c(by, cluster, nothing, single, lines)) > 0) "",
    nothing, single, by, cluster, if (length(lines) > 0) "Decided on the way (x$log):"
  ), strwrap_or_blank)) |> c(
    unlist(lapply(shown, strwrap, width = 79, prefix = "   ", initial = " - ")),
    if (more > 0) sprintf(" - and %d more in x$log", more)
  )
}

cluster_note <- function(x) {
  codes <- cluster_codes(x$cluster, x$data)
  alone <- sum(is.na(codes))
  sprintf(
    "%s by %s%s.", count_words(length(unique(codes[!is.na(codes)])), "cluster"),
    enumerate(x$cluster),
    if (alone > 0) sprintf(", %s on %s own", count_words(alone, "row"),
      if (alone == 1) "its" else "their") else ""
  )
}

strwrap_or_blank <- function(text) {
  if (text == "") "" else strwrap(text, 79)
}

# ---- Summary ----

#' @rdname imputations
#' @export
summary.imputations <- function(object, ...) {
  check_no_dots(...)
  names <- names(object$imputed)
  parts <- lapply(names, function(name) {
    column <- object$data[[name]]
    moments_of(name, column[!missing_cells(column)], object$imputed[[name]])
  })
  structure(
    if (length(parts) > 0) do.call(rbind, parts) else data.frame(),
    class = c("summary.imputations", "data.frame"), m = object$m
  )
}

# Numbers are one row; each level of a factor or logical has one, its mean is its share.
moments_of <- function(name, observed, imputed) {
  if (is.factor(observed) || is.logical(observed)) {
    codes <- if (is.factor(observed)) seq_along(levels(observed)) else c(FALSE, TRUE)
    observed_codes <- if (is.factor(observed)) as.integer(observed) else observed
    share <- function(x) vapply(codes, function(code) mean(x == code), 0)
    moments <- list(share(observed_codes), NA_real_, share(imputed), NA_real_)
    level <- if (is.factor(observed)) levels(observed) else as.character(codes)
  } else {
    values <- as.double(unclass(observed))
    moments <- list(
      mean(values), stats::sd(values), mean(imputed), stats::sd(as.vector(imputed))
    )
    level <- NA_character_
  }
  data.frame(
    variable = name, level = level, n.observed = length(observed), mean.observed = moments[[1]],
    sd.observed = moments[[2]], n.missing = nrow(imputed), mean.imputed = moments[[3]],
    sd.imputed = moments[[4]]
  )
}

#' @export
print.summary.imputations <- function(x, digits = 4, ...) {
  if (is.null(attr(x, "m")) || nrow(x) == 0) {
    print.data.frame(x, digits = digits, ...)
    return(invisible(x))
  }
  number <- function(values) {
    ifelse(is.na(values), "", trimws(formatC(values, digits = digits, format = "fg", flag = "#")))
  }
  first <- !duplicated(x$variable)
  name <- ifelse(first, x$variable, "")
  level <- ifelse(is.na(x$level), "", paste0(" ", x$level))
  table <- cbind(
    n = ifelse(first, x$n.observed, ""), mean = number(x$mean.observed),
    SD = number(x$sd.observed), n = ifelse(first, x$n.missing, ""),
    mean = number(x$mean.imputed), SD = number(x$sd.imputed)
  )
  rownames(table) <- substr(paste0(name, level), 1, 24)
  cat(sprintf("Observed (left) and imputed values, %s; of levels the share\n\n",
    count_words(attr(x, "m"), "imputation")))
  print(table, quote = FALSE, right = TRUE)
  invisible(x)
}
