#' Can a printed mean, or a mean and SD, be of whole scores?
#'
#' The mean of `n` scores on a grid (whole points, say) is a whole number of
#' steps divided by `n`, and so is not any number: `grim()` says whether some such
#' mean prints as the one given, `grimmer()` whether some such scores print as
#' the mean and standard deviation given.
#'
#' The answer is exact and no sample is searched for. Whole numbers have a
#' sum S and a sum of squares Q exactly if Q is as odd as S, not below the
#' least that S allows, and, for up to four of them, if a number made of Q and S is a square
#' (two), a norm of Eisenstein integers (three) or a sum of three squares (four).
#' Both ways of rounding a tie are allowed. The range of the scale is not used.
#'
#' Packages such as scrutiny test whole numbers and means of k items by the
#' necessary conditions of Anaya and Allard; their `items = k` is `step = 1/k`
#' here. Prorated scores, as 20 times the mean of 19 items, have `step = "20/19"`.
#' Scores of people who skipped items have finer steps: give the finest.
#'
#' @param mean,sd Printed means and standard deviations (divisor n - 1), best as text, which keeps
#'   the digits: `"5.20"`. A number has the digits that it is printed with, 5.2.
#' @param n Numbers of scores, whole.
#' @param step The step of the grid, a number or a text such as `"20/19"`: 1 for whole scores, 1/k
#'   for means of k whole items, 100 for percentages of people.
#' @param truncated `TRUE` if numbers were cut off instead of rounded.
#' @return A logical vector, one value a mean: `TRUE` if possible; `NA` where a value is missing or
#'   empty, or `n` is below 1 (`grimmer()`: below 2). Arguments of length 1 are repeated.
#' @references Brown & Heathers (2017), Social Psychological and Personality
#'   Science 8, 363-369; Anaya (2016), PeerJ Preprints 4:e2400v1.
#' @seealso [audit()], which makes these tests where the design gives the `grid`.
#' @examples
#' # 28 whole scores cannot have a mean of 5.19: 145/28 is 5.18, 146/28 is 5.21.
#' grim(c("5.19", "5.18"), 28)
#' # The same mean of a scale of three items.
#' grim("5.19", 28, step = 1 / 3)
#' grimmer("5.21", c("1.60", "1.61"), 28)
#' # Twenty times the mean of 19 items, as in the trial of Lemogne et al. (2020).
#' grim(c("0.88", "0.15", "-2.41"), c(69, 42, 14), step = "20/19")
#' @export
grim <- function(mean, n, step = 1, truncated = FALSE) {
  rows <- grim_rows(list(mean = mean, n = n, step = step), truncated)
  .Call(C_qstr_grim, rows$mean, NULL, rows$n, rows$step, truncated)
}

#' @rdname grim
#' @export
grimmer <- function(mean, sd, n, step = 1, truncated = FALSE) {
  rows <- grim_rows(list(mean = mean, sd = sd, n = n, step = step), truncated)
  .Call(C_qstr_grim, rows$mean, rows$sd, rows$n, rows$step, truncated)
}

# The arguments, checked, as long as the longest: cells for mean and SD.
grim_rows <- function(given, truncated) {
  check_flag(truncated, "truncated")
  size <- lengths(given)
  length <- if (any(size == 0)) 0 else max(size)
  strange <- which(size != 1 & size != length)
  if (length(strange) > 0) {
    qst_abort("argument", sprintf(
      "`%s` has %d values where %d are needed. Give one, or one for each mean.",
      names(given)[[strange[[1]]]], size[[strange[[1]]]], length
    ))
  }
  given <- lapply(given, rep_len, length)
  for (arg in intersect(names(given), c("mean", "sd"))) {
    given[[arg]] <- grim_cells(given[[arg]], arg)
  }
  given$n <- grim_sizes(given$n)
  given$step <- grim_step(given$step)
  given
}

grim_cells <- function(x, arg) {
  if (is.factor(x) || !(is.numeric(x) || is.character(x) || all(is.na(x)))) {
    qst_abort("argument", sprintf(
      "`%s` must be printed numbers, as text or numeric, not %s.", arg, describe(x)
    ))
  }
  text <- if (is.numeric(x)) {
    formatC(as.numeric(x), digits = 15, format = "fg", width = 1)
  } else {
    trimws(x)
  }
  text[is.na(x)] <- ""
  value <- printed_number(text)
  decimals <- as.integer(printed_digits(text))
  strange <- which(nzchar(text) & (is.na(value) | decimals > 15 |
    abs(value) * 10^pmin(decimals, 15) >= 1e15 | grepl("[<>]", text)))
  if (length(strange) > 0) {
    row <- strange[[1]]
    qst_abort("argument", sprintf(
      "`%s`, value %d: %s is no number as printed. Write it as it was, with at most 15 digits.",
      arg, row, describe(text[[row]])
    ), row = row, value = text[[row]])
  }
  empty <- !nzchar(text)
  digits <- ifelse(empty, 0, round(value * 10^decimals))
  kind <- ifelse(empty, cell_kinds[["empty"]], cell_kinds[["number"]])
  list(digits = as.numeric(digits), decimals = decimals, kind = as.integer(kind))
}

grim_sizes <- function(n) {
  if (!is.numeric(n) && !all(is.na(n))) {
    qst_abort("argument", sprintf("`n` must be whole numbers, not %s.", describe(n)))
  }
  strange <- which(!is.na(n) & (n < 0 | n != round(n) | n > 1e9))
  if (length(strange) > 0) {
    qst_abort("argument", sprintf(
      "`n`, value %d: %s is no number of people. Give whole numbers up to 1e9.",
      strange[[1]], format(n[[strange[[1]]]])
    ), row = strange[[1]], value = n[[strange[[1]]]])
  }
  as.numeric(n)
}

grim_step <- function(step) {
  value <- if (is.numeric(step)) as.numeric(step) else printed_step(as.character(step))
  strange <- which(!is.finite(value) | value <= 0)
  if (length(strange) > 0) {
    row <- strange[[1]]
    qst_abort("argument", sprintf(
      "`step`, value %d: %s is no step above 0. Write 1, 0.5 or \"20/19\".",
      row, describe(step[[row]])
    ), row = row, value = step[[row]])
  }
  value
}
