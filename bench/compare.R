# compare_arms() beside t.test(), oneway.test() and a randomisation loop in R.
source("bench/bench.R")

set.seed(1)
data <- data.frame(y = rnorm(1e6), arm = factor(sample(c("a", "b", "c"), 1e6, TRUE)))
compare("three t tests : t.test, n = 1e6",
  function() compare_arms(y ~ arm, data),
  function() {
    by_arm <- split(data$y, data$arm)
    utils::combn(3, 2, function(k) {
      t.test(by_arm[[k[[1]]]], by_arm[[k[[2]]]], var.equal = TRUE)$p.value
    })
  }, 1, 5)
compare("Welch's F : oneway.test, n = 1e6",
  function() compare_arms(y ~ arm, data, "welch.anova"),
  function() oneway.test(y ~ arm, data), 2, 5)

small <- data.frame(y = rnorm(242), arm = factor(rep(c("a", "b"), c(125, 117))))
compare("9999 re-allocations of 242 : loop in R",
  function() compare_arms(y ~ arm, small, "permutation", seed = 1),
  function() {
    observed <- abs(mean(small$y[1:125]) - mean(small$y[126:242]))
    replicate(9999, {
      chosen <- sample.int(242, 125)
      abs(mean(small$y[chosen]) - mean(small$y[-chosen])) >= observed
    })
  }, 10, 5)
