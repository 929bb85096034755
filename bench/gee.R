# fit_gee() beside geepack: both to 1e-10, clusters sorted, as geepack needs them.
source("bench/bench.R")

set.seed(1)
clusters <- function(n_clusters, size) {
  data <- data.frame(id = rep(seq_len(n_clusters), each = size))
  n <- nrow(data)
  data$x1 <- rnorm(n)
  data$x2 <- rnorm(n)
  data$arm <- factor(1 + data$id %% 3)
  eta <- 0.3 * data$x1 + 0.5 * rnorm(n_clusters)[data$id]
  data$y <- eta + rnorm(n)
  data$yes <- as.numeric(runif(n) < plogis(eta))
  data
}
control <- geepack::geese.control(epsilon = 1e-10, maxit = 100)
beside <- function(what, data, formula, family, corstr, bar, times = 3) {
  compare(
    what, function() summary(fit_gee(formula, data, family, ~id, corstr)),
    function() {
      geepack::geeglm(formula, family, data, id = id, corstr = corstr, control = control)
    }, bar, times
  )
}

small <- clusters(2000, 5)
beside("gaussian, exchangeable, 2000 x 5", small, y ~ x1 + x2 + arm, gaussian(), "exchangeable", 5)
beside("logistic, exchangeable, 2000 x 5", small, yes ~ x1 + x2 + arm, binomial(), "exchangeable", 5)
beside("logistic, AR-1, 2000 x 5", small, yes ~ x1 + x2 + arm, binomial(), "ar1", 5)
# geepack inverts each working correlation: its time grows with the cube of the cluster.
large <- clusters(20, 150)
beside(
  "logistic, exchangeable, 20 x 150", large, yes ~ x1 + x2 + arm, binomial(), "exchangeable", 20, 1
)
