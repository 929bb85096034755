# The same bits for 1, 2 and 7 threads, and in a forked child.

thread_data <- local({
  n <- 20000
  data <- data.frame(
    x = cos(3 * seq_len(n)), g = gl(5, 10, n), h = gl(3, 1, n), group = rep(seq_len(400), 50)
  )
  signal <- sin(seq_len(n)) + data$x
  transform(data, y = signal, high = as.integer(signal > 0.5), count = floor(exp(signal)))
})

thread_models <- list(
  gaussian = list(y ~ x * g + h, gaussian()), binomial = list(high ~ x * g + h, binomial()),
  poisson = list(count ~ x + g + h, poisson()), Gamma = list(count + 1 ~ x + g, Gamma("log")),
  negbin = list(count ~ x + g, negative_binomial())
)

parts_of_fit <- function(model, threads) {
  fit <- fit_glm(model[[1]], thread_data, family = model[[2]], threads = threads)
  c(
    unclass(fit)[c("coefficients", "cov.unscaled", "residuals", "fitted.values", "deviance")],
    list(
      HC3 = vcov(fit, type = "HC3"), CR2 = vcov(fit, type = "CR2", cluster = ~group),
      df = generics::tidy(fit, vcov = "CR2", cluster = ~group)$df
    )
  )
}

for (name in names(thread_models)) {
  test_that(paste("threads do not change a bit:", name), {
    skip_on_cran()
    skip_if_not_installed("generics")
    model <- thread_models[[name]]
    one <- parts_of_fit(model, 1)
    expect_identical(parts_of_fit(model, 2), one)
    expect_identical(parts_of_fit(model, 7), one)
    skip_on_os("windows")
    children <- parallel::mclapply(1:2, function(i) parts_of_fit(model, 2), mc.cores = 2)
    expect_identical(children, list(one, one))
  })
}
