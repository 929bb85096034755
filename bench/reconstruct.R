# How often reconstruct() meets every printed figure of random consistent tables, and how long it
# takes: SYNTHETIC trials of bench/audit/trial.R, 2 to 4 arms, 2 to 8 covariates, age in three of ten,
# and a regression table of all of them.
#
#     Rscript bench/reconstruct.R [number of tables, 200 unless told] [attempts, 1]
library(questrial)
source(file.path("bench", "audit", "trial.R"))

# Are all figures met, and in how many seconds of this process?
one_table <- function(trial, attempts) {
  printed <- published(trial$tables)
  seconds <- system.time({
    cohort <- tryCatch(
      suppressWarnings(reconstruct(printed, seed = trial$seed, attempts = attempts)),
      questrial_error = function(cnd) NULL
    )
  })
  met <- !is.null(cohort) && all(figures_met(cohort)$met, na.rm = TRUE)
  data.frame(
    seed = trial$seed, arms = length(trial$style$arms), covariates = length(trial$style$variables),
    age = trial$style$age, limits = trial$style$limits, met = met, seconds = seconds[["user.self"]]
  )
}

arguments <- as.integer(commandArgs(TRUE))
n_tables <- if (length(arguments) > 0) arguments[[1]] else 200L
attempts <- if (length(arguments) > 1) arguments[[2]] else 1L
rows <- do.call(rbind, lapply(seq_len(n_tables), function(seed) {
  one_table(random_trial(seed), attempts)
}))
print(rows, row.names = FALSE)
cat(sprintf(
  "%d tables: all figures met in %.1f%%; seconds: median %.1f, 90th percentile %.1f\n",
  nrow(rows), 100 * mean(rows$met), stats::median(rows$seconds),
  stats::quantile(rows$seconds, 0.9)
))
