# Single imputation by an earlier value of the same person.

#' Carry earlier values forward: single imputation
#'
#' Puts an earlier value of the same row in the place of a missing one: the last
#' observed (LOCF) or that of the baseline (BOCF). It is there for sensitivity analyses that a
#' protocol asks for, and to redo what others did.
#'
#' **What it assumes.** That nobody who was lost has changed since: that the value carried is
#' what would have been measured, exactly. This is no cautious choice: it may favour either
#' arm, depends on who is lost when, and as a single value for each missing one it makes standard
#' errors too small and P values too small (Molenberghs et al. 2004; National Research Council
#' 2010, recommendation 10). Use [impute()] for the analysis, and
#' [delta_adjust()] to ask what would follow if those who were lost did worse.
#'
#' @param data A data frame with one row a person.
#' @param columns Names of columns in the order of time, the baseline first; or a list of
#'   such vectors, one for each item: `Map(c, paste0("t0_", 1:20), paste0("t1_", 1:20))`.
#' @param direction `"forward"`: the last observed value; `"baseline"`: that of the first column.
#' @return [Imputations][impute] with `m = 1`, marked as single imputation wherever they are
#'   printed; `x[[1]]` is the completed data frame. What has no earlier value stays missing.
#' @section Errors:
#' `questrial_error_argument` for columns that are not there, stand in two places, or differ in
#' type or levels.
#' @references
#' Molenberghs G, Thijs H, Jansen I, et al. (2004) Analyzing incomplete longitudinal clinical trial
#' data. Biostatistics 5:445-464. \doi{10.1093/biostatistics/kxh001}
#'
#' National Research Council (2010) The prevention and treatment of missing data in clinical trials.
#' National Academies Press. \doi{10.17226/12955}
#' @seealso [impute()] with its methods `mean` and `median`, the other single imputations.
#' @examples
#' visits <- data.frame(week0 = c(10, 12, NA), week4 = c(12, NA, 14), week8 = c(NA, NA, 13))
#' carry_forward(visits, c("week0", "week4", "week8"))[[1]]
#' carry_forward(visits, c("week0", "week4", "week8"), "baseline")[[1]]
#' @export
carry_forward <- function(data, columns, direction = c("forward", "baseline")) {
  check_data_frame(data)
  direction <- check_choice(direction, c("forward", "baseline"), "direction")
  series <- if (is.list(columns)) columns else list(columns)
  check_series(series, data)
  imputed <- list()
  for (names in series) {
    imputed <- c(imputed, carried_values(lapply(unclass(data)[names], codes_to_na), direction))
  }
  imported_imputations(data, imputed, 1L,
    method = stats::setNames(
      ifelse(names(data) %in% names(imputed), direction, ""), names(data)
    ),
    call = match.call()
  )
}

# Of each column after the first what stands in its missing places; as `imputed` holds it.
carried_values <- function(columns, direction) {
  from <- columns[[1]]
  imputed <- list()
  for (name in names(columns)[-1]) {
    missing <- which(is.na(columns[[name]]))
    imputed[[name]] <- matrix(plain_values(from)[missing], ncol = 1)
    if (direction == "forward") {
      columns[[name]][missing] <- from[missing]
      from <- columns[[name]]
    }
  }
  imputed[!vapply(imputed, function(values) all(is.na(values)), NA)]
}

check_series <- function(series, data) {
  for (names in series) {
    check_columns(data, check_names(names, "columns"))
    kinds <- lapply(unclass(data)[names], function(x) list(is.numeric(x), levels(x)))
    if (length(unique(kinds)) > 1 || length(names) < 2) {
      qst_abort("argument", sprintf(
        "`columns`: %s must be two or more columns of one type and the same levels.",
        enumerate(names)
      ), column = names)
    }
  }
  all <- unlist(series)
  if (anyDuplicated(all) > 0) {
    qst_abort("argument", sprintf(
      "`columns` has %s in two places. Name each column once.",
      enumerate(unique(all[duplicated(all)]))
    ), column = unique(all[duplicated(all)]))
  }
}
