# permutation_test() and boot_ci() beside loops over aov() and boot::boot().
source("bench/bench.R")

set.seed(1)
trial <- data.frame(y = rnorm(362), arm = factor(rep(c("a", "b", "c"), c(117, 125, 120))))
aov_loop <- function(draw) {
  replicate(1000, {
    trial$arm <- factor(draw())
    summary(aov(y ~ arm, trial))[[1]][["F value"]][[1]]
  })
}
# The loop takes seconds for a tenth of the replicates, so that is what it runs.
compare("1e4 permutations of F, n = 362 : aov, a tenth",
  function() permutation_test(y ~ arm, trial, replicates = 1e4, seed = 1),
  function() aov_loop(function() sample(trial$arm)), 50, 11, 3)
strata <- rep(1:6, length.out = 362)
compare("the same within six strata",
  function() permutation_test(y ~ arm, trial, replicates = 1e4, strata = strata, seed = 1),
  function() aov_loop(function() stats::ave(as.integer(trial$arm), strata, FUN = sample)),
  50, 11, 3)

two <- droplevels(trial[trial$arm != "c", ])
if (requireNamespace("boot", quietly = TRUE)) {
  compare("9999 samples, difference in means, BCa : boot",
    function() boot_ci(two, "difference", y ~ arm, seed = 1),
    function() {
      of_rows <- function(d, i) {
        y <- d$y[i]
        arm <- d$arm[i] == "b"
        mean(y[arm]) - mean(y[!arm])
      }
      samples <- boot::boot(two, of_rows, 9999, strata = two$arm)
      boot::boot.ci(samples, type = "bca", L = boot::empinf(samples, type = "jack"))
    }, 10, 11, 3)
}
