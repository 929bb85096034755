# fit_glm() beside lm(), glm() and collapse; seconds by rows; memory.
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "bench.R"))
set.seed(1)

# A trial of four factors (3, 3, 4 and 2 levels) and two numbers.
trial <- function(n) {
  level <- function(k) factor(sample.int(k, n, TRUE))
  data <- data.frame(
    arm = level(3), site = level(3), age = level(4), sex = level(2), before = stats::rnorm(n),
    stress = stats::rnorm(n)
  )
  data$after <- with(data, as.integer(arm) + before + stats::rnorm(n))
  data$well <- as.double(stats::runif(n) < stats::plogis(with(data, before - as.integer(arm) / 2)))
  data
}
linear <- after ~ arm + site + age + sex + before + stress
logistic <- update(linear, well ~ .)
data <- trial(1e6)

if ("memory" %in% commandArgs(TRUE)) {
  cat(sprintf(
    "gaussian %.0f MiB, logistic %.0f MiB\n", peak_mib(function() fit_glm(linear, data)),
    peak_mib(function() fit_glm(logistic, data, binomial()))
  ))
  quit()
}

stopifnot(isTRUE(all.equal(coef(fit_glm(linear, data)), coef(lm(linear, data)), tolerance = 1e-10)))
compare("gaussian, n = 1e6 : lm",
  function() fit_glm(linear, data), function() lm(linear, data),
  bar = 20, peer_times = 3)
if (requireNamespace("collapse", quietly = TRUE)) {
  compare("gaussian, n = 1e6 : model.matrix + collapse::flm",
    function() fit_glm(linear, data),
    function() collapse::flm(data$after, stats::model.matrix(linear, data)),
    bar = 6, peer_times = 3)
}
compare("logistic, n = 1e6 : glm",
  function() fit_glm(logistic, data, binomial()), function() glm(logistic, binomial(), data),
  bar = 25, peer_times = 1)

small <- trial(400)
compare("gaussian, n = 400 : lm",
  function() for (i in 1:20) fit_glm(linear, small),
  function() for (i in 1:20) lm(linear, small),
  bar = 0.5)
compare("logistic, n = 400 : glm",
  function() for (i in 1:20) fit_glm(logistic, small, binomial()),
  function() for (i in 1:20) glm(logistic, binomial(), small),
  bar = 0.5)

# An ill-conditioned design goes to QR, corrected in double-double: digits, not speed.
powers <- data.frame(x = seq(0, 20, length.out = 1e5), y = stats::rnorm(1e5))
compare("ill-conditioned, n = 1e5 : lm",
  function() fit_glm(y ~ poly(x, 5, raw = TRUE), powers),
  function() lm(y ~ poly(x, 5, raw = TRUE), powers),
  bar = 0.1, times = 5)

# Time is to be linear in the rows.
cat("\n      rows  gaussian ns/row  logistic ns/row\n")
for (n in 10^(4:7)) {
  data <- trial(n)
  per_row <- vapply(list(stats::gaussian(), stats::binomial()), function(family) {
    formula <- if (family$family == "gaussian") linear else logistic
    seconds <- replicate(5, system.time(fit_glm(formula, data, family))[["elapsed"]])
    1e9 * stats::median(seconds) / n
  }, double(1))
  cat(sprintf("%10.0f  %15.0f  %15.0f\n", n, per_row[[1]], per_row[[2]]))
}

in_own_process("glm.R", "memory", "peak memory above the data, n = 1e6, bar 64 MiB")
