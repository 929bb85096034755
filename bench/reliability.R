# reliability() beside psych::alpha().
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "bench.R"))
set.seed(1)

if (!requireNamespace("psych", quietly = TRUE)) {
  cat("psych is not installed: nothing to compare with.\n")
  quit(status = 0)
}
data <- synthetic_answers(1e5, 20, 0.02, as.integer)
scale <- new_instrument(20, 1, 7)
alpha <- function() suppressWarnings(psych::alpha(data, warnings = FALSE))
pairwise <- reliability(data, scale, missing = "pairwise")
stopifnot(isTRUE(all.equal(pairwise$alpha$raw, alpha()$total$raw_alpha, tolerance = 1e-12)))
for (missing in c("listwise", "pairwise")) {
  compare(
    sprintf("1e5 x 20, 2%% missing, %s, psych::alpha", missing),
    function() reliability(data, scale, missing = missing), alpha,
    bar = 100, peer_times = 3
  )
}
