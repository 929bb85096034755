# meta_analysis() beside metafor's rma(): one fit (bar: 10 times as fast), and a thousand REML fits
# with HKSJ at once (bar: 50 times).
source("bench/bench.R")

# Synthetic: 13 studies with variances of the size of trials'.
set.seed(1)
k <- 13
data <- data.frame(study = paste("Study", seq_len(k)), vi = stats::rchisq(k, 3) / 15)
data$yi <- stats::rnorm(k, 0.3, sqrt(data$vi + 0.05))
sets <- matrix(stats::rnorm(k * 1000, 0.3, sqrt(data$vi + 0.05)), k)
rma <- function(yi, vi) suppressWarnings(metafor::rma(yi, vi, test = "knha"))

for (i in 1:20) meta_analysis(yi, vi, data = data) # compiled by then
compare(
  "100 fits of 13 studies / rma()",
  function() for (i in 1:100) meta_analysis(yi, vi, data = data),
  function() for (i in 1:100) rma(data$yi, data$vi), 10, 5
)
compare(
  "1000 sets at once, one thread / loop over rma()",
  function() meta_batch(sets, data$vi, threads = 1),
  function() for (j in 1:1000) rma(sets[, j], data$vi), 50, 3, 1
)
fit <- meta_analysis(yi, vi, data = data)
peer <- rma(data$yi, data$vi)
compare(
  "leave_one_out() / leave1out()", function() leave_one_out(fit),
  function() suppressWarnings(metafor::leave1out(peer)), 10, 5
)
compare(
  "influence() / influence()", function() influence(fit),
  function() suppressWarnings(stats::influence(peer)), 10, 5
)
