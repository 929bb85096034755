#' Is the PostgreSQL connector there?
#'
#' The connector is built when the library libpq is found while the package is
#' installed; all else works without it.
#'
#' @return `TRUE` or `FALSE`.
#' @examples
#' pg_available()
#' @export
pg_available <- function() {
  .Call(C_qstr_pg_version) > 0L
}
