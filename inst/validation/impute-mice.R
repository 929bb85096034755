# What mice makes of the sets of impute.R with 200 imputations, into impute-mice.csv: half an
# hour of work, so the result is kept. Run in the folder of this file.
source("impute.R")

complete_by_mice <- function(data, m, iterations) {
  mice::mice(data, m = m, maxit = iterations, printFlag = FALSE, seed = 2026)
}

sets <- incomplete_sets()
rows <- lapply(names(sets), function(name) {
  imp <- complete_by_mice(sets[[name]]$data, 200, 10)
  pooled_rows(name, sets[[name]]$models, function(formula) {
    fits <- lapply(seq_len(imp$m), function(i) lm(formula, mice::complete(imp, i)))
    summary(mice::pool(fits))
  })
})
result <- cbind(do.call(rbind, rows), mice = as.character(utils::packageVersion("mice")))
utils::write.csv(result, "impute-mice.csv", row.names = FALSE)
