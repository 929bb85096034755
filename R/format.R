#' Numbers, P values and intervals as text
#'
#' The one place where questrial rounds. Tables and printed results keep raw
#' doubles; these functions make the text that a journal prints.
#'
#' @section Ties:
#' A number half way between two printed ones is rounded by the rule that
#' `dialect` names.
#'
#' * `"r"`: what [sprintf()] does. The stored binary number is rounded
#'   correctly, and an exact tie goes to the even digit: 0.125 becomes 0.12,
#'   0.375 becomes 0.38, and 0.145, stored as a little less, becomes 0.14.
#' * `"spss"`: what SPSS, SAS, spreadsheets and most journals do. The number is
#'   read as a decimal of 15 significant digits, as R itself prints it, and a
#'   tie goes away from zero: 0.125 becomes 0.13, 0.145 becomes 0.15 and
#'   -0.125 becomes -0.13.
#'
#' The two differ at ties only. `round()` follows neither exactly. A negative
#' number that rounds to zero loses its sign: there is no -0.00.
#'
#' @section P values:
#' The P is rounded first. What is then below .001 is shown as `<.001`, and
#' what has become 1 as `>.99` or `>.999`: a P of .00099 is `<.001` with two
#' significant digits and `.001` with three decimals. Compare an unrounded P
#' with the level, never its text: .0499 prints as `.050`.
#'
#' @param x Numeric vector; any unit.
#' @param p Numeric vector of P values, from 0 to 1.
#' @param low,high Numeric vectors: the ends of the intervals. One is recycled
#'   to the length of the other.
#' @param digits Decimals, from 0 to 15: one number, or for `format_number()`
#'   one for each element of `x`.
#' @param style `"significant"`: two significant digits (.34, .050, .0012);
#'   `"decimals"`: three decimals (.340, .050, .001).
#' @param leading_zero Print 0.34 rather than .34?
#' @param dialect How ties are rounded: see *Ties*.
#' @param separator What stands between the ends of an interval. The default
#'   cannot be taken for a minus sign.
#' @param missing The text for `NA` and `NaN`, and for an interval with one end
#'   missing: empty, or for example an en dash.
#' @return A character vector of the length of the numbers, without names.
#' @section Errors:
#' `questrial_error_argument` when numbers are not numeric, when `digits` is
#' not whole or when the lengths do not fit; `questrial_error_range` when a P
#' lies outside 0 to 1, with its position.
#' @section Peers:
#' `scales::number()` and `formatC()` round as dialect `"r"`;
#' gtsummary's `style_pvalue()` compares with .001 before it rounds.
#' @examples
#' format_number(c(2.086, -0.001, NA), digits = 2)
#' format_number(0.125, 2, dialect = "spss")
#' format_p(c(.3417, .0499, .2314, .0002))
#' format_p(c(.00099, .0302), style = "decimals")
#' format_ci(-0.28, 4.641, digits = 3)
#' @export
format_number <- function(x, digits = 2, dialect = c("r", "spss"), missing = "") {
  check_numbers(x, "x")
  check_digits(digits, length(x))
  check_string(missing, "missing")
  dialect <- check_choice(dialect, c("r", "spss"), "dialect")
  text <- number_text(x, digits, dialect)
  text[is.na(x)] <- missing
  text
}

#' @rdname format_number
#' @export
format_p <- function(p, style = c("significant", "decimals"), leading_zero = FALSE,
                     dialect = c("r", "spss"), missing = "") {
  check_probabilities(p)
  check_flag(leading_zero, "leading_zero")
  style <- check_choice(style, c("significant", "decimals"), "style")
  dialect <- check_choice(dialect, c("r", "spss"), "dialect")
  decimals <- if (style == "decimals") rep(3, length(p)) else p_decimals(p, dialect)
  text <- number_text(p, decimals, dialect)
  rounded <- as.numeric(text)
  text[which(rounded < 0.001)] <- "<0.001"
  text[which(rounded == 1)] <- if (style == "decimals") ">0.999" else ">0.99"
  text[is.na(p)] <- missing
  if (leading_zero) text else sub("^([<>]?)0[.]", "\\1.", text)
}

#' @rdname format_number
#' @export
format_ci <- function(low, high, digits = 2, separator = " to ", dialect = c("r", "spss"),
                      missing = "") {
  if (length(low) != length(high) && length(low) != 1 && length(high) != 1) {
    qst_abort("argument", sprintf(
      "`low` has %d values and `high` %d. Give as many of one as of the other, or one.",
      length(low), length(high)
    ))
  }
  check_digits(digits, 1L)
  check_string(separator, "separator")
  low_text <- format_number(low, digits, dialect, missing)
  high_text <- format_number(high, digits, dialect, missing)
  if (length(low) == 0 || length(high) == 0) {
    return(character())
  }
  text <- paste0(low_text, separator, high_text)
  text[is.na(low) | is.na(high)] <- missing
  text
}

# ---- Checks ----

# Logical NA passes: that is what a column with nothing in it is.
check_numbers <- function(x, arg) {
  if (!is.numeric(x) && !(is.logical(x) && all(is.na(x)))) {
    qst_abort("argument", sprintf("`%s` must be numbers, not %s.", arg, describe(x)))
  }
  x
}

check_digits <- function(digits, n) {
  ok <- is.numeric(digits) && length(digits) %in% c(1L, n) && !anyNA(digits) &&
    all(digits >= 0 & digits <= 15 & digits == round(digits))
  if (!ok) {
    qst_abort("argument", sprintf(
      "`digits` must be whole numbers from 0 to 15, one or %d of them, not %s.",
      n, describe(digits)
    ), value = digits)
  }
  digits
}

check_probabilities <- function(p) {
  check_numbers(p, "p")
  outside <- which(p < 0 | p > 1)
  if (length(outside) > 0) {
    at <- outside[[1]]
    qst_abort("range", sprintf(
      "`p` must lie from 0 to 1; value %d is %s. Was a statistic given for a P value?",
      at, describe(p[[at]])
    ), row = at, value = p[[at]])
  }
  p
}

# ---- Rounding ----

# The text of each number, NA for NA, without the minus of -0.00.
number_text <- function(x, digits, dialect) {
  rounded <- if (dialect == "spss") round_half_away(x, digits) else as.numeric(x)
  text <- sub("^-(0[.0]*)$", "\\1", sprintf("%.*f", as.integer(digits), rounded))
  text[is.na(x)] <- NA
  text
}

# |x| = whole * 10^(exponent - 14), with `whole` of 15 digits: the decimal that
# a reader sees, exact as a double because it is below 2^53.
decimal_parts <- function(x) {
  text <- sprintf("%.14e", abs(x))
  list(
    whole = as.numeric(sub(".", "", substr(text, 1, 16), fixed = TRUE)),
    exponent = as.integer(substring(text, 18))
  )
}

# Every step is exact: with N < 2^53 a whole number, N / unit cannot be rounded
# up to the next whole number, so floor() sees the true quotient. Beyond 16
# dropped digits the result is zero in any case, and 10^22 is the last exact
# power.
round_half_away <- function(x, digits) {
  result <- as.numeric(x)
  finite <- is.finite(result)
  digits <- rep_len(digits, length(result))[finite]
  parts <- decimal_parts(result[finite])
  dropped <- 14 - parts$exponent - digits
  unit <- 10^pmin(pmax(dropped, 0), 20)
  kept <- floor((parts$whole + unit / 2) / unit)
  rounded <- sign(result[finite]) * kept / 10^digits
  result[finite] <- ifelse(dropped > 0, rounded, result[finite])
  result
}

# Decimals that show two significant digits of p after rounding: .0996 becomes
# .10 and not .100.
p_decimals <- function(p, dialect) {
  decimals <- rep(2, length(p))
  shown <- which(p > 1e-10)
  decimals[shown] <- 1 - decimal_parts(p[shown])$exponent
  rounded <- as.numeric(number_text(p[shown], decimals[shown], dialect))
  decimals[shown] <- 1 - decimal_parts(rounded)$exponent
  pmin(pmax(decimals, 0), 15)
}
