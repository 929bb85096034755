# Covariances of fit_glm() beside clubSandwich and sandwich, without the fit itself: synthetic rows.
source("bench/bench.R")
suppressMessages({
  library(clubSandwich)
  library(sandwich)
})

set.seed(1)
clustered <- function(n, m) {
  data <- data.frame(
    g = rep_len(seq_len(m), n), arm = factor(sample(3, n, TRUE)), x = rnorm(n), z = rnorm(n)
  )
  data$y <- data$x + rnorm(m)[data$g] + rnorm(n)
  data
}

data <- clustered(2e4, 1000)
ours <- fit_glm(y ~ arm + x + z, data, cluster = ~g)
theirs <- lm(y ~ arm + x + z, data)
compare("CR2 with Satterthwaite : clubSandwich, 2e4 rows, 1000 clusters",
  function() confint(ours, vcov = "CR2"),
  function() coef_test(theirs, vcovCR(theirs, data$g, "CR2")), 20, 11, 3)
compare("HTZ : clubSandwich, 2e4 rows, 1000 clusters",
  function() wald_test(ours, list(diag(5)[-1, ]), vcov = "CR2"),
  function() Wald_test(theirs, constrain_zero(2:5, coef(theirs)), vcovCR(theirs, data$g, "CR2")),
  20, 5, 1)

few <- clustered(4000, 8)
ours_few <- fit_glm(y ~ arm + x + z, few, cluster = ~g)
theirs_few <- lm(y ~ arm + x + z, few)
compare("CR2 with Satterthwaite : clubSandwich, 8 clusters of 500",
  function() confint(ours_few, vcov = "CR2"),
  function() coef_test(theirs_few, vcovCR(theirs_few, few$g, "CR2")), 20, 11, 1)

data <- clustered(1e5, 1000)
ours <- fit_glm(y ~ arm + x + z, data, cluster = ~g)
theirs <- lm(y ~ arm + x + z, data)
compare("HC3 : sandwich, 1e5 rows",
  function() vcov(ours, "HC3"), function() vcovHC(theirs, "HC3"), 5, 11, 3)
compare("CR1 : sandwich, 1e5 rows, 1000 clusters",
  function() vcov(ours, "CR1"), function() vcovCL(theirs, data$g, "HC0"), 1, 11, 3)

# A loop over refits is the peer that can be written down; its time is that of 20 replicates.
refits <- function() {
  for (i in 1:20) {
    signs <- sample(c(-1, 1), 8, TRUE)[few$g]
    few$again <- fitted(theirs_few) + signs * residuals(theirs_few)
    again <- lm(again ~ arm + x + z, few)
    vcovCL(again, few$g, "HC0")
  }
}
boot <- function() wild_bootstrap(ours_few, "x", replicates = 9999, weights = "webb", seed = 1)
compare("wild bootstrap, 9999 replicates : 20 refits with vcovCL", boot, refits, 5, 5, 3)
