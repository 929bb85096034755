#' A data frame's fingerprint
#'
#' SHA-256 of what a data frame holds: the names, the types and the values of
#' its columns, in their order. A report that prints it says which data it was
#' made from, and anyone who has them can tell whether they are the same.
#'
#' The hash does not depend on row names, on the machine's byte order, on the
#' encoding of texts, nor on how R stores a column inside. It does depend on
#' the order of rows and columns and on types: the integer 1 and the double 1
#' are different data, as are a factor and a text. The work is one pass over the
#' columns without a copy of any.
#'
#' @section The bytes that are hashed:
#' Any program can compute the same hash (FIPS 180-4) from these bytes.
#' *Whole* is a signed integer of 8 bytes, little-endian. *Text* is its length
#' in bytes as a whole, then its bytes in UTF-8; a missing text is the whole -1.
#'
#' 1. The text `questrial data 1`.
#' 2. The number of rows and the number of columns, two wholes.
#' 3. For each column its name (text), its type (text), and its values. The type
#'    is the words of `oldClass(x)`, the attribute `units` if there is one, and
#'    `typeof(x)`, separated by single spaces: `double`, `factor integer`,
#'    `ordered factor integer`, `Date double`, `difftime days double`.
#'    - `double`: 8 bytes each, IEEE 754, little-endian; -0 as 0, `NA` as
#'      0x7FF00000000007A2, any other NaN as 0x7FF8000000000000.
#'    - `integer`, `logical`: 4 bytes each, little-endian; `NA` as -2^31.
#'    - `character`: a text each.
#'    - factors: the number of levels (whole), the levels (texts), then the
#'      codes as `integer`.
#'
#' Other attributes (labels, time zones) are not hashed.
#'
#' @param data A data frame. Its columns must be numbers, logicals, texts,
#'   factors, or dates and times made of numbers.
#' @return One text: 64 hexadecimal digits.
#' @section Errors:
#' `questrial_error_argument` if `data` is no data frame or a column is a list,
#' a matrix or of another type; its field `column` names the column.
#' @seealso `digest::digest()` hashes R's own serialisation instead, which
#'   changes with row names and inner representation.
#' @examples
#' data_hash(data.frame(id = 1:3, score = c(98, NA, 112.5)))
#' @export
data_hash <- function(data) {
  check_data_frame(data, min_rows = 0L)
  Map(check_hashable, data, names(data))
  types <- vapply(data, column_type, "")
  .Call(
    C_qstr_hash_data, "questrial data 1", unclass(data), nrow(data), names(data), unname(types)
  )
}

check_hashable <- function(x, name) {
  simple <- typeof(x) %in% c("logical", "integer", "double", "character")
  if (!simple || !is.null(dim(x))) {
    what <- if (is.null(dim(x))) paste("of type", typeof(x)) else "a matrix"
    cure <- if (inherits(x, "POSIXlt")) "Turn it into as.POSIXct()." else "Unpack or drop it."
    qst_abort("argument", sprintf(
      "`data`: column `%s` is %s, which has no fingerprint. %s", name, what, cure
    ), column = name)
  }
}

column_type <- function(x) {
  paste(c(oldClass(x), attr(x, "units"), typeof(x)), collapse = " ")
}

# SHA-256 of a text's bytes in UTF-8.
text_hash <- function(text) {
  .Call(C_qstr_hash_text, text)
}
