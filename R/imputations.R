# Completed data sets: the original data once, and for each variable its imputed values.

# `imputed` is a named list, one element a variable with missing values: a matrix with one
# row a missing value, in the order of the rows, and one column an imputation, of the
# column's own type; for a factor its integer codes.
new_imputations <- function(data, imputed, m, ...) {
  structure(list(data = data, imputed = imputed, m = as.integer(m), ...), class = "imputations")
}

#' @export
length.imputations <- function(x) {
  x$m
}

#' @export
`[[.imputations` <- function(x, i, ...) {
  check_number(i, "i", min = 1, max = x$m, whole = TRUE)
  data <- x$data
  for (name in names(x$imputed)) {
    data[[name]] <- fill_missing(data[[name]], x$imputed[[name]][, i])
  }
  data
}

fill_missing <- function(x, values) {
  missing <- which(is.na(x))
  if (is.factor(x)) {
    values <- levels(x)[values]
  }
  x[missing] <- values
  x
}

#' @export
as.list.imputations <- function(x, ...) {
  lapply(seq_len(x$m), function(i) x[[i]])
}
