# Synthetic: groups of unequal size and people on their own; x varies within and between groups.
grouped_data <- function(n_groups = 60, seed = 4) {
  set.seed(seed)
  sizes <- sample(4:12, n_groups, replace = TRUE)
  group <- c(rep(seq_len(n_groups), sizes), rep(NA, 40))
  in_group <- !is.na(group)
  x <- stats::rnorm(length(group)) + ifelse(in_group, stats::rnorm(n_groups)[group], 0)
  effect <- ifelse(in_group, stats::rnorm(n_groups, 0, 0.7)[group], 0)
  y <- 1 + 0.5 * x + effect + stats::rnorm(length(group))
  y[stats::runif(length(y)) < 0.3] <- NA
  y[which(group == 3)] <- NA
  data.frame(group, x, y)
}

test_that("imputed values spread about the predictions of a mixed model", {
  skip_if_not_installed("lme4")
  d <- grouped_data()
  d <- d[!is.na(d$group), ]
  imp <- impute(d, m = 400, iterations = 2, method = c(y = "norm"), cluster = ~group, seed = 8)
  d$mean_x <- stats::ave(d$x, d$group)
  fit <- lme4::lmer(y ~ x + mean_x + (1 | group), d)
  missing <- d[is.na(d$y), ]
  want <- stats::predict(fit, missing, allow.new.levels = TRUE)
  got <- imp$imputed$y
  spread <- apply(got, 1, stats::sd)
  # Four Monte Carlo errors, and what the prior and REML's fixed variances may differ by.
  expect_lt(max(abs(rowMeans(got) - want)), 4 * max(spread) / sqrt(400) + 0.05)
  variances <- as.data.frame(lme4::VarCorr(fit))$vcov
  unseen <- missing$group == 3
  expect_equal(mean(spread[!unseen]^2), variances[2], tolerance = 0.2)
  expect_equal(mean(spread[unseen]^2), sum(variances), tolerance = 0.2)
  same_group <- stats::cor(t(got[unseen, ]))
  icc <- variances[1] / sum(variances)
  expect_equal(mean(same_group[upper.tri(same_group)]), icc, tolerance = 0.35)
})

test_that("pooled estimates agree with those of mice's 2l.pan", {
  skip_on_cran()
  skip_if_not_installed("mice")
  skip_if_not_installed("pan")
  skip_if_not_installed("lme4")
  d <- mice::popmis[c("school", "popular", "sex", "texp", "teachpop")]
  pooled <- function(completed) {
    fits <- lapply(completed, \(one) lme4::lmer(popular ~ sex + texp + (1 | school), one))
    estimates <- sapply(fits, lme4::fixef)
    within <- rowMeans(sapply(fits, \(fit) diag(as.matrix(stats::vcov(fit)))))
    between <- apply(estimates, 1, stats::var)
    list(
      estimate = rowMeans(estimates), se = sqrt(within + (1 + 1 / length(fits)) * between)
    )
  }
  start <- mice::mice(d, maxit = 0)
  predictors <- start$predictorMatrix
  predictors["popular", ] <- c(-2, 0, 1, 1, 1)
  method <- replace(start$method, "popular", "2l.pan")
  set.seed(1)
  peer <- mice::mice(
    d, m = 30, maxit = 1, method = method, predictorMatrix = predictors, paniter = 100,
    printFlag = FALSE
  )
  want <- pooled(mice::complete(peer, "all"))
  for (one in c("norm", "pmm")) {
    imp <- impute(
      d, m = 40, iterations = 1, method = c(popular = one), cluster = "school", seed = 1
    )
    got <- pooled(as.list(imp))
    expect_lt(max(abs(got$estimate - want$estimate) / want$se), 0.3)
    expect_lt(max(abs(log(got$se / want$se))), log(1.2))
  }
})

test_that("any number of threads gives the same bits", {
  d <- grouped_data(20)
  d$x[c(3, 50, 90)] <- NA
  one <- impute(d, m = 4, iterations = 3, cluster = ~group, seed = 2, threads = 1)
  two <- impute(d, m = 4, iterations = 3, cluster = ~group, seed = 2, threads = 2)
  expect_identical(one$imputed, two$imputed)
  more <- update(impute(d, m = 2, iterations = 3, cluster = ~group, seed = 2), m = 4)
  expect_identical(more$imputed, one$imputed)
})

test_that("one observed group has no effects, and the log says so", {
  d <- grouped_data(20)
  d$group[d$group > 1] <- NA
  imp <- impute(d, m = 2, iterations = 2, cluster = ~group, seed = 2)
  expect_match(imp$log$decision, "no cluster effects: fewer than two", all = FALSE)
  plain <- impute(d[c("x", "y")], m = 2, iterations = 2, seed = 2)
  expect_identical(imp$imputed$y, plain$imputed$y)
})

test_that("people on their own are imputed without an effect", {
  d <- grouped_data()
  d$y <- d$y + ifelse(is.na(d$group), 0, 30)
  imp <- impute(d, m = 20, iterations = 2, method = c(y = "norm"), cluster = ~group, seed = 2)
  alone <- is.na(d$group[is.na(d$y)])
  expect_lt(max(imp$imputed$y[alone, ]), 15)
  expect_gt(min(imp$imputed$y[!alone & d$group[is.na(d$y)] != 3, ]), 15)
})
