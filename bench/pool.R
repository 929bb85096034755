# fit_glm() of imputations beside as many single fits (bar: at most 1.2 times their time), and
# beside mice with its pool().
source("bench/bench.R")

# Synthetic: a score with a fifth missing, two numbers, a factor, 392 rows. The draws are
# not from a model of the data: only the time matters.
set.seed(1)
m <- 200
n <- 392
data <- data.frame(
  x = rnorm(n), z = rnorm(n), g = factor(sample(letters[1:5], n, TRUE)), id = factor(1:n %% 40)
)
data$y <- data$x + rnorm(n)
data$y[sample(n, n / 5)] <- NA
drawn <- matrix(rnorm(sum(is.na(data$y)) * m), ncol = m)
imp <- questrial:::new_imputations(data, list(y = drawn), m)
completed <- as.list(imp)

# The time of single fits, of which a pooled one may take 1.2 times.
compare(
  "200 fits pooled / 200 single fits", function() fit_glm(y ~ x + z + g, imp),
  function() for (one in completed) fit_glm(y ~ x + z + g, one), 1 / 1.2, 5
)
compare(
  "200 logistic fits pooled / single fits",
  function() fit_glm(y > 0 ~ x + z + g, imp, family = binomial()),
  function() for (one in completed) fit_glm(y > 0 ~ x + z + g, one, family = binomial()), 1 / 1.2, 5
)
compare(
  "200 fits pooled / lm and mice's pool()", function() fit_glm(y ~ x + z + g, imp),
  function() mice::pool(mice::as.mira(lapply(completed, function(one) lm(y ~ x + z + g, one)))), 1,
  3, 1
)
fits <- lapply(completed, function(one) lm(y ~ x + z + g, one))
compare(
  "pool() of 200 fits of lm / mice's pool()", function() pool(fits),
  function() mice::pool(mice::as.mira(fits)), 20, 3, 1
)
pooled <- fit_glm(y ~ x + z + g, imp, cluster = ~id)
compare(
  "CR2 of 200 fits pooled / of single fits", function() summary(pooled, vcov = "CR2"),
  function() for (fit in pooled$fits) summary(fit, vcov = "CR2"), 1 / 1.2, 3
)
