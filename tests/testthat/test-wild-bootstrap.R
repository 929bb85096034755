# Oracle: the bootstrap done the slow way, by refits with lm() and sums over clusters.

pairs_data <- function() {
  set.seed(3)
  data <- data.frame(g = rep(1:8, c(3, 5, 4, 6, 3, 4, 7, 5)), x = rnorm(37))
  data$z <- data$g %% 2
  data$y <- 1 + 0.4 * data$x + rnorm(8)[data$g] + rnorm(37)
  data
}

slow_t <- function(data, y, null) {
  data$y <- y
  fit <- stats::lm(y ~ x + z, data)
  x <- stats::model.matrix(fit)
  bread <- solve(crossprod(x))
  scores <- rowsum(x * stats::residuals(fit), data$g)
  variance <- bread %*% crossprod(scores) %*% bread * 8 / 7
  (coef(fit)[["x"]] - null) / sqrt(variance[2, 2])
}

all_signs <- function(m) as.matrix(expand.grid(rep(list(c(1, -1)), m)))

test_that("all sign patterns are those of refits, with and without the hypothesis", {
  data <- pairs_data()
  fit <- fit_glm(y ~ x + z, data, cluster = ~g)
  signs <- all_signs(8)
  for (impose in c(TRUE, FALSE)) {
    from <- if (impose) stats::lm(y ~ z, data, offset = 0.1 * x) else stats::lm(y ~ x + z, data)
    null <- if (impose) 0.1 else coef(from)[["x"]]
    want <- apply(signs, 1, function(sign) {
      slow_t(data, stats::fitted(from) + sign[data$g] * stats::residuals(from), null)
    })
    got <- wild_bootstrap(fit, "x = 0.1", replicates = 300, impose_null = impose)
    expect_equal(attr(got, "bootstrap"), want, tolerance = 1e-9)
    t <- slow_t(data, data$y, 0.1)
    expect_equal(got$statistic, t)
    expect_equal(got$p.value, mean(abs(want) >= abs(t) * (1 - 1e-9)))
    expect_equal(got$replicates, 256)
  }
})

test_that("random patterns give the P value of all of them", {
  fit <- fit_glm(y ~ x + z, pairs_data(), cluster = ~g)
  exact <- wild_bootstrap(fit, "x", replicates = 256)$p.value
  # With one replicate short of all, patterns are drawn.
  drawn <- vapply(1:40, function(seed) {
    wild_bootstrap(fit, "x", replicates = 255, seed = seed)$p.value
  }, 0)
  expect_lt(abs(mean(drawn) - exact), 4 * sqrt(exact * (1 - exact) / (40 * 255)) + 1 / 256)
})

test_that("the seed decides, the threads do not", {
  fit <- fit_glm(weight ~ Diet + Time, ChickWeight, cluster = ~Chick)
  one <- wild_bootstrap(fit, "Diet3", replicates = 999, seed = 7, threads = 1)
  expect_identical(wild_bootstrap(fit, "Diet3", replicates = 999, seed = 7, threads = 2), one)
  set.seed(1)
  first <- wild_bootstrap(fit, "Diet3", replicates = 99)
  set.seed(1)
  expect_identical(wild_bootstrap(fit, "Diet3", replicates = 99), first)
  webb <- wild_bootstrap(fit, "Diet3", replicates = 999, weights = "webb", seed = 7)
  expect_false(identical(attr(webb, "bootstrap"), attr(one, "bootstrap")))
  expect_lt(abs(webb$p.value - one$p.value), 0.02)
})

test_that("the interval holds what is not rejected", {
  fit <- fit_glm(weight ~ Diet + Time, ChickWeight, cluster = ~Chick)
  got <- wild_bootstrap(fit, "Diet3", replicates = 999, conf.int = TRUE, seed = 5)
  p <- function(value) {
    wild_bootstrap(fit, sprintf("Diet3 = %.10f", value), replicates = 999, seed = 5)$p.value
  }
  width <- got$conf.high - got$conf.low
  expect_gte(p(got$conf.low + 1e-3 * width), 0.05)
  expect_lt(p(got$conf.low - 1e-3 * width), 0.05)
  expect_gte(p(got$conf.high - 1e-3 * width), 0.05)
  expect_lt(p(got$conf.high + 1e-3 * width), 0.05)
})

test_that("too few patterns for the level give an interval without end", {
  data <- pairs_data()
  data <- data[data$g <= 4, ]
  fit <- fit_glm(y ~ x, data, cluster = ~g)
  got <- wild_bootstrap(fit, "x", conf.int = TRUE)
  expect_identical(c(got$conf.low, got$conf.high), c(-Inf, Inf)) # P is at least 2 / 16
})

test_that("what it cannot do is an error", {
  fit <- fit_glm(mpg ~ wt, mtcars)
  expect_error(wild_bootstrap(fit, "wt"), "need clusters")
  expect_error(wild_bootstrap(fit, "wt", ~ cyl + gear), "one way of clustering")
  expect_error(wild_bootstrap(fit, c("wt", "hp"), ~cyl), "single text")
  expect_error(wild_bootstrap(fit, "hp", ~cyl), "no coefficient `hp`")
  counts <- fit_glm(carb ~ wt, mtcars, family = poisson(), cluster = ~cyl)
  expect_error(wild_bootstrap(counts, "wt"), "for linear models, not poisson")
})
