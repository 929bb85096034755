# fit_glm() beside lm(). Whole calls spend most of their time in model.frame()
# and model.matrix(), which are the same for both; the arithmetic is shown too.
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
data <- trial(1e6)

compare("fit_glm : lm, n = 1e6, 10 columns",
  function() fit_glm(formula, data), function() lm(formula, data), 1, 3)
small <- trial(400)
compare("fit_glm : lm, n = 400",
  function() for (i in 1:20) fit_glm(formula, small),
  function() for (i in 1:20) lm(formula, small), 0.5)

# An ill-conditioned design goes to QR, corrected in double-double: digits, not speed.
data <- data.frame(x = seq(0, 20, length.out = 1e5), y = rnorm(1e5))
powers <- y ~ x + I(x^2) + I(x^3) + I(x^4) + I(x^5)
compare("ill-conditioned, n = 1e5 : lm",
  function() fit_glm(powers, data), function() lm(powers, data), 0.1, 5)
