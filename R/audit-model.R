# Checks of a regression table.

audit_model <- function(tables, published) {
  list()
}
