# Printed numbers that no data can have, whatever the other figures are.

# The least and the greatest number that a column can hold. Cronbach's alpha has no least one: items
# keyed against one another take it below any bound.
possible_numbers <- rbind(
  percent = c(0, 100), I2 = c(0, 100), p = c(0, 1), alpha = c(-Inf, 1), sd = c(0, Inf),
  sem = c(0, Inf), std.error = c(0, Inf), Q = c(0, Inf), df = c(0, Inf), df_residual = c(0, Inf),
  square = c(0, Inf)
)

# A check for each number beyond them, and none for the others. Statistics of chi-square and F are
# sums of squares.
audit_possible <- function(tables, published) {
  cells <- tables$cells
  is_square <- cells$table == "tests" & cells$column == "statistic"
  tests <- published$tests$test[cells$row[is_square]]
  is_square[is_square] <- tests %in% c("chisq", "anova", "interaction")
  bounds <- match(ifelse(is_square, "square", cells$column), rownames(possible_numbers))
  low <- possible_numbers[bounds, 1]
  high <- possible_numbers[bounds, 2]
  value <- cell_values(tables, seq_along(bounds))
  outside <- which((value < low | value > high) & cells$kind %in% cell_kinds[c("number", "count",
    "below", "above")])
  specs <- lapply(outside, function(at) {
    new_check("bounds", at, integer(), check = "possible", par = c(low[[at]], high[[at]]),
      figure = cell_figure(published, cells$table[[at]], cells$row[[at]]),
      note = sprintf("cannot be %s", if (value[[at]] < low[[at]]) "below 0" else
        paste("above", high[[at]]))
    )
  })
  # What rounds to 0 or 100 may be that.
  if (length(specs) > 0) specs[contradictions(tables, specs)]
}

# What a row of a table is about, in words.
cell_figure <- function(published, table, row) {
  own <- lapply(published[[table]], `[[`, row)
  switch(table,
    counts = count_figure(own), means = mean_figure(published$means, row),
    tests = mean_test_figure(own), model = model_figure(published, row),
    alpha = own$outcome, sprintf("%s, row %d", table, row)
  )
}
