# compare_arms() beside t.test(), oneway.test() and a permutation loop in R.
library(questrial)
source("bench/bench.R")

set.seed(1)
data <- data.frame(y = rnorm(1e6), arm = factor(sample(c("a", "b", "c"), 1e6, TRUE)))
bench("three t tests, n = 1e6", list(
  compare_arms = function() compare_arms(y ~ arm, data),
  t.test = function() {
    by_arm <- split(data$y, data$arm)
    utils::combn(3, 2, function(k) {
      t.test(by_arm[[k[[1]]]], by_arm[[k[[2]]]], var.equal = TRUE)$p.value
    })
  }
), 5)
bench("Welch's F, n = 1e6", list(
  compare_arms = function() compare_arms(y ~ arm, data, "welch.anova"),
  oneway.test = function() oneway.test(y ~ arm, data)
), 5)

small <- data[1:242, ]
small$arm <- factor(rep(c("a", "b"), c(125, 117)))
bench("9999 re-allocations of 242 values", list(
  compare_arms = function() compare_arms(y ~ arm, small, "permutation", seed = 1),
  `loop in R` = function() {
    observed <- abs(mean(small$y[1:125]) - mean(small$y[126:242]))
    replicate(9999, {
      chosen <- sample.int(242, 125)
      abs(mean(small$y[chosen]) - mean(small$y[-chosen])) >= observed
    })
  }
), 5)
