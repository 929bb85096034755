# Checks of counts: the flow of participants, percentages, totals, tests of counts.

audit_flow <- function(tables, published) {
  list()
}

audit_counts <- function(tables, published) {
  arms <- design_values(published, "arms")
  lapply(names(tables$margins)[-1], function(variable) {
    rows <- which(published$means$variable == "" & published$means$arm == arms[[1]])
    new_check("sum", cell_of(tables, "means", rows[[1]], "n"), tables$margins[[variable]][1, ],
      par = ncol(tables$margins[[variable]]), check = "total",
      figure = sprintf("%s, %s", variable, arms[[1]]))
  })
}
