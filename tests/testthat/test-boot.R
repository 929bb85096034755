# Oracles: the statistics of the rows drawn, boot::boot.ci() with the same
# samples, exact distributions of tiny samples.

# Rows of each sample, as the core draws them from a single stratum.
drawn_rows <- function(n, replicates, seed) {
  .Call(questrial:::C_qstr_boot_draws, as.integer(n), 0, replicates, seed, 1L)
}

samples_of <- function(x) unname(attr(x, "replicates"))

test_that("samples have the statistics of their rows", {
  draws <- drawn_rows(32, 50, 3)
  over <- function(f) t(apply(draws, 2, function(rows) f(mtcars[rows, ])))
  ours <- function(statistic, formula) {
    samples_of(boot_ci(mtcars, statistic, formula, replicates = 50, seed = 3))
  }
  expect_equal(ours("mean", ~mpg), t(over(function(d) mean(d$mpg))), tolerance = 1e-12)
  expect_equal(ours("median", ~mpg), t(over(function(d) median(d$mpg))), tolerance = 1e-12)
  expect_equal(ours("sd", ~mpg), t(over(function(d) sd(d$mpg))), tolerance = 1e-12)
  expect_equal(ours("correlation", ~ mpg + wt), t(over(function(d) cor(d$mpg, d$wt))),
    tolerance = 1e-12
  )
  alpha <- function(d) {
    covariance <- cov(d[c("mpg", "drat", "qsec")])
    1.5 * (1 - sum(diag(covariance)) / sum(covariance))
  }
  expect_equal(ours("alpha", ~ mpg + drat + qsec), t(over(alpha)), tolerance = 1e-10)
  fits <- over(function(d) coef(lm(mpg ~ wt + poly(hp, 2, raw = TRUE), d)))
  expect_equal(ours("coefficients", mpg ~ wt + poly(hp, 2, raw = TRUE)), unname(fits),
    tolerance = 1e-8
  )
})

test_that("a difference has the arms as strata", {
  got <- boot_ci(PlantGrowth, "difference", weight ~ group, replicates = 200, seed = 3)
  by_arm <- split(PlantGrowth$weight, PlantGrowth$group)
  draws <- .Call(questrial:::C_qstr_boot_draws, c(10L, 10L, 10L), 0, 200, 3, 1L)
  means <- apply(draws, 2, function(rows) {
    tapply(PlantGrowth$weight[rows], rep(1:3, each = 10), mean)
  })
  expect_equal(samples_of(got), cbind(means[2, ] - means[1, ], means[3, ] - means[1, ]),
    tolerance = 1e-12
  )
  mean_of <- vapply(by_arm, mean, 0, USE.NAMES = FALSE)
  expect_equal(got$estimate, mean_of[2:3] - mean_of[[1]])
  expect_identical(got$term, c("trt1 - ctrl", "trt2 - ctrl"))
})

test_that("intervals are those of boot::boot.ci with the same samples", {
  skip_if_not_installed("boot")
  for (level in c(0.95, 0.8)) {
    got <- boot_ci(mtcars, "correlation", ~ mpg + wt,
      type = c("normal", "basic", "percentile", "bca"), conf.level = level, replicates = 999,
      seed = 2
    )
    of_rows <- function(d, i) cor(d$mpg[i], d$wt[i])
    peer <- boot::boot(mtcars, of_rows, R = 2)
    peer$t <- samples_of(got)
    peer$R <- 999
    jackknife <- vapply(1:32, function(i) of_rows(mtcars, -i), numeric(1))
    expect_equal(attr(got, "jackknife")[, 1], jackknife, tolerance = 1e-10)
    want <- boot::boot.ci(peer, level, c("norm", "basic", "perc", "bca"),
      L = mean(jackknife) - jackknife
    )
    limits <- rbind(
      want$normal[2:3], want$basic[4:5], want$percent[4:5], want$bca[4:5]
    )
    expect_equal(cbind(got$conf.low, got$conf.high), limits, tolerance = 1e-8)
  }
})

test_that("acceleration weighs the strata, as boot::boot.ci does not", {
  # The exact skewness of the difference of two means is that of Davison & Hinkley's formula.
  data <- data.frame(y = c(1, 2, 4, 9, 20, 3, 5, 5, 6, 8, 12, 30, 31), arm = rep(1:2, c(5, 8)))
  got <- boot_ci(data, "difference", y ~ arm, replicates = 199, seed = 1)
  third <- function(x) sum((x - mean(x))^3) / length(x)^3
  second <- function(x) sum((x - mean(x))^2) / length(x)^2
  by_arm <- split(data$y, data$arm)
  # Skewness of mean 2 - mean 1 under the bootstrap, over 6.
  want <- (third(by_arm[[2]]) - third(by_arm[[1]])) /
    (second(by_arm[[2]]) + second(by_arm[[1]]))^1.5 / 6
  jackknife <- split(attr(got, "jackknife")[, 1], data$arm)
  scaled <- unlist(lapply(jackknife, function(t) (mean(t) - t) * (length(t) - 1) / length(t)))
  expect_equal(sum(scaled^3) / (6 * sum(scaled^2)^1.5), want, tolerance = 1e-10)
  t <- samples_of(got)[, 1]
  bias <- qnorm(mean(t < got$estimate - 1e-9))
  z <- bias + qnorm(c(0.025, 0.975))
  level <- pnorm(bias + z / (1 - want * z))
  expect_equal(
    c(got$conf.low, got$conf.high),
    as.vector(questrial:::normal_scale_quantiles(t, level)), tolerance = 1e-10
  )
})

test_that("studentised intervals are those of boot::boot.ci with the same samples", {
  skip_if_not_installed("boot")
  two <- droplevels(subset(PlantGrowth, group != "trt1"))[-1, ]
  got <- boot_ci(two, "difference", weight ~ group,
    type = "studentised", conf.level = 0.9, replicates = 999, seed = 2
  )
  with_variance <- function(d, i) {
    y <- split(d$weight[i], d$group[i])
    c(mean(y[[2]]) - mean(y[[1]]), var(y[[1]]) / length(y[[1]]) + var(y[[2]]) / length(y[[2]]))
  }
  draws <- .Call(questrial:::C_qstr_boot_draws, c(9L, 10L), 0, 999, 2, 1L)
  peer <- boot::boot(two, with_variance, R = 2, strata = two$group)
  peer$t <- t(apply(draws, 2, function(i) with_variance(two, i)))
  peer$R <- 999
  want <- boot::boot.ci(peer, 0.9, "stud")$student[4:5]
  expect_equal(c(got$conf.low, got$conf.high), want, tolerance = 1e-8)
  one <- boot_ci(two$weight, "mean", type = c("studentised", "bca"), replicates = 999, seed = 1)
  expect_identical(one$type, c("studentised", "bca"))
  expect_error(boot_ci(mtcars, "sd", ~mpg, type = "studentised"), "is for means")
  expect_error(boot_ci(mtcars, "mean", ~mpg, type = "studentised", cluster = ~cyl), "is for means")
})

test_that("tiny samples have their exact distribution", {
  # Of the 27 samples of 0, 0, 3 the mean is k with the binomial chances of k threes.
  got <- samples_of(boot_ci(c(0, 0, 3), "mean", type = "percentile", replicates = 40000, seed = 5))
  share <- tabulate(round(got) + 1, 4) / 40000
  expect_true(all(abs(share - dbinom(0:3, 3, 1 / 3)) < 0.01))
})

test_that("clusters are drawn as a whole, within strata", {
  data <- data.frame(
    y = c(4, 6, 1, 9, 5, 2, 8, 7), group = c("a", "a", "b", "c", "c", "d", "e", "e"),
    site = rep(c("u", "v"), c(3, 5))
  )
  seen <- list()
  watch <- function(d, rows) {
    seen[[length(seen) + 1]] <<- d$group[rows]
    mean(d$y[rows])
  }
  got <- boot_ci(data, watch, cluster = ~group, strata = ~site, replicates = 50, seed = 1)
  expect_identical(attr(got, "n_units"), 5L)
  samples <- seen[2:51]
  whole <- vapply(samples, function(groups) {
    n <- table(factor(groups, letters[1:5])) / c(2, 1, 2, 1, 2)
    all(n == round(n)) && sum(n[1:2]) == 2 && sum(n[3:5]) == 3
  }, logical(1))
  expect_true(all(whole))
  named <- boot_ci(data, "mean", ~y, cluster = ~group, strata = ~site, replicates = 50, seed = 1)
  expect_equal(samples_of(named), samples_of(got), tolerance = 1e-12)
  expect_equal(named$conf.low, got$conf.low, tolerance = 1e-10)
  expect_error(boot_ci(data, "mean", ~y, cluster = ~group, strata = ~y), "one stratum")
})

test_that("a function is called as boot does, or with the sample", {
  a <- boot_ci(mtcars, function(d) c(one = mean(d$mpg), two = max(d$wt)), replicates = 99, seed = 1)
  b <- boot_ci(mtcars, function(d, i) c(mean(d$mpg[i]), max(d$wt[i])), replicates = 99, seed = 1)
  expect_identical(samples_of(a), samples_of(b))
  expect_identical(a$term, c("one", "two"))
  expect_identical(b$term, c("statistic1", "statistic2"))
  vector <- boot_ci(mtcars$mpg, mean, replicates = 99, seed = 1)
  expect_equal(vector$estimate, mean(mtcars$mpg))
})

test_that("seed, threads, missing rows", {
  one <- boot_ci(PlantGrowth, "difference", weight ~ group, seed = 7, threads = 1)
  expect_identical(one, boot_ci(PlantGrowth, "difference", weight ~ group, seed = 7, threads = 2))
  set.seed(4)
  first <- boot_ci(mtcars$mpg, "mean", replicates = 99)
  set.seed(4)
  expect_identical(first, boot_ci(mtcars$mpg, "mean", replicates = 99))
  gap <- boot_ci(c(NA, mtcars$mpg), "mean", replicates = 99, seed = 1)
  expect_identical(c(attr(gap, "n_used"), attr(gap, "n_left_out")), c(32L, 1L))
})

test_that("what cannot be done is said", {
  expect_error(boot_ci(mtcars, "variance", ~mpg), "`statistic` must be one of")
  expect_error(boot_ci(mtcars, "mean"), "needs a formula like ~ y")
  expect_error(boot_ci(mtcars, "correlation", ~mpg), "has 1 variable")
  expect_error(boot_ci(mtcars, "mean", ~mgp), "mpg")
  expect_error(boot_ci(mtcars$mpg, "correlation"), "Give a data frame")
  expect_error(boot_ci(iris, "mean", ~Species), "not a column of numbers")
  expect_error(boot_ci(mtcars, "mean", ~mpg, type = "BCa"), "`type` must be")
  expect_error(boot_ci(mtcars, "mean", ~mpg, replicates = 5), "from 19")
  expect_error(boot_ci(mtcars, mean, ~mpg), "no meaning when `statistic` is a function")
  expect_error(boot_ci(mtcars, function(d) "a"), "must return numbers")
  expect_error(boot_ci(mtcars, "mean", ~mpg, cluster = rep(1, 32)), "single unit")
  expect_error(boot_ci(mtcars, "mean", ~mpg, strata = c(NA, rep(1, 31))), "row 1")
  expect_error(boot_ci(mtcars, "coefficients", mpg ~ wt + I(2 * wt)), "cannot be told")
  expect_error(boot_ci(data.frame(x = 1, y = 1:4), "correlation", ~ x + y), "do not vary")
  expect_error(boot_ci(transform(mtcars, mpg = mpg / (mpg != 21)), "mean", ~mpg), "row 1")
  none <- boot_ci(c(1, 1, 1, 1), "mean", replicates = 99, seed = 1)
  expect_true(is.na(none$conf.low))
  expect_output(print(none), "no BCa interval")
  expect_output(print(boot_ci(1:9, "mean", conf.level = 0.999, replicates = 99, seed = 1)),
    "most extreme sample"
  )
})

test_that("it prints in 80 columns and tidies", {
  got <- boot_ci(mtcars, "coefficients", mpg ~ wt,
    type = c("bca", "basic"), replicates = 99, seed = 1
  )
  expect_true(all(nchar(capture.output(print(got))) <= 80))
  skip_if_not_installed("generics")
  expect_identical(class(generics::tidy(got)), "data.frame")
  expect_identical(generics::glance(got)$replicates, 99L)
})
