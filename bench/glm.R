# fit_glm() beside lm(): whole calls, from the data frame to the fit.
library(questrial)
source("bench/bench.R")

set.seed(1)
trial <- function(n) {
  data <- data.frame(
    f1 = factor(sample(3, n, TRUE)), f2 = factor(sample(3, n, TRUE)),
    f3 = factor(sample(4, n, TRUE)), f4 = factor(sample(2, n, TRUE)), x1 = rnorm(n), x2 = rnorm(n)
  )
  data$y <- with(data, as.integer(f1) + x1 + rnorm(n))
  data
}
formula <- y ~ f1 + f2 + f3 + f4 + x1 + x2

for (n in c(400, 1e4, 1e6)) {
  data <- trial(n)
  times <- if (n > 1e5) 3 else 20
  bench(sprintf("fit, n = %g, 4 factors and 2 numbers", n), list(
    fit_glm = function() fit_glm(formula, data), lm = function() lm(formula, data)
  ), times)
  bench(sprintf("the same with its summary"), list(
    fit_glm = function() summary(fit_glm(formula, data)),
    lm = function() summary(lm(formula, data))
  ), times)
}

x <- model.matrix(formula, data)
bench("the arithmetic alone, n = 1e6, 10 columns", list(
  `questrial, 2 threads` = function() questrial:::fit_core(x, data$y, NULL, NULL, 2),
  `questrial, 1 thread` = function() questrial:::fit_core(x, data$y, NULL, NULL, 1),
  .lm.fit = function() .lm.fit(x, data$y)
), 3)

# An ill-conditioned design goes to QR, corrected in double-double.
x <- cbind(1, outer(seq(0, 20, length.out = 1e5), 1:5, `^`))
y <- rnorm(1e5)
bench("ill-conditioned, n = 1e5, powers up to 5", list(
  questrial = function() questrial:::fit_core(x, y, NULL, NULL, 2),
  .lm.fit = function() .lm.fit(x, y)
), 3)
