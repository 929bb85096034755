# Methods for levels beside those of mice, on data of mice. Rubin's rules are written out here, so
# that no other part of the package is tested.
pool_by_hand <- function(completed, ask) {
  answers <- lapply(completed, ask)
  estimates <- vapply(answers, `[[`, answers[[1]]$estimate, "estimate")
  variances <- vapply(answers, `[[`, answers[[1]]$variance, "variance")
  between <- apply(estimates, 1, stats::var)
  list(estimate = rowMeans(estimates),
       std.error = sqrt(rowMeans(variances) + (1 + 1 / length(completed)) * between))
}

shares_of <- function(variable) {
  function(data) {
    p <- c(prop.table(table(data[[variable]])))
    list(estimate = p, variance = p * (1 - p) / nrow(data))
  }
}

coefficients_of <- function(formula) {
  function(data) {
    fit <- stats::lm(formula, data)
    list(estimate = stats::coef(fit), variance = diag(stats::vcov(fit)))
  }
}

# Within 0.3 standard errors, which themselves are within 20 %. Monte Carlo error of a difference of
# pooled estimates is below 0.1 of a standard error with the numbers of imputations here.
expect_as <- function(ours, theirs, ask) {
  got <- pool_by_hand(as.list(ours), ask)
  want <- pool_by_hand(theirs, ask)
  expect_lt(max(abs(got$estimate - want$estimate) / want$std.error), 0.3)
  expect_lt(max(abs(log(got$std.error / want$std.error))), log(1.2))
}

# One factor of boys with missing values; its predictors have none.
one_factor <- function(variable) {
  data <- mice::boys[c("age", "hgt", "wgt", variable)]
  data[stats::complete.cases(data[c("age", "hgt", "wgt")]), ]
}

test_that("logreg agrees with mice on nhanes2", {
  skip_if_not_installed("mice")
  data <- mice::nhanes2
  ours <- impute(data, m = 200, iterations = 5, seed = 3)
  mids <- mice::mice(data, m = 100, maxit = 5, seed = 1, printFlag = FALSE)
  theirs <- mice::complete(mids, "all")
  expect_as(ours, theirs, shares_of("hyp"))
  expect_as(ours, theirs, coefficients_of(chl ~ hyp + age + bmi))
  expect_true("hyp" %in% ours$log$variable) # nobody of the youngest has hypertension
})

test_that("polr agrees with mice on boys", {
  skip_if_not_installed("mice")
  for (variable in c("gen", "phb")) {
    data <- one_factor(variable)
    ours <- impute(data, m = 200, iterations = 1, seed = 3)
    mids <- mice::mice(data, m = 40, maxit = 1, seed = 1, printFlag = FALSE)
    theirs <- mice::complete(mids, "all")
    expect_identical(ours$method[[variable]], "polr")
    expect_as(ours, theirs, shares_of(variable))
    level <- stats::as.formula(paste0("as.integer(", variable, ") ~ age + hgt"))
    expect_as(ours, theirs, coefficients_of(level))
  }
})

# mice::mice(method = "polyreg") draws levels at the estimates, which leaves their uncertainty out.
# Estimates of bootstrap samples have it.
complete_by_bootstrap <- function(data, m) {
  seen <- !is.na(data$reg)
  lapply(seq_len(m), function(i) {
    sample <- data[sample(which(seen), replace = TRUE), ]
    fit <- nnet::multinom(reg ~ age + hgt + wgt, sample, trace = FALSE)
    p <- predict(fit, data[!seen, ], type = "probs")
    data$reg[!seen] <- apply(p, 1, function(row) sample(colnames(p), 1, prob = row))
    data
  })
}

test_that("polyreg agrees with multinomial regressions of bootstrap samples", {
  skip_if_not_installed("mice")
  skip_if_not_installed("nnet")
  data <- one_factor("reg")
  data <- data[!is.na(data$reg), ]
  set.seed(4)
  data$reg[stats::rbinom(nrow(data), 1, stats::plogis((data$age - 12) / 3)) == 1] <- NA
  ours <- impute(data, m = 200, iterations = 1, seed = 3)
  theirs <- complete_by_bootstrap(data, 200)
  expect_identical(ours$method[["reg"]], "polyreg")
  expect_as(ours, theirs, shares_of("reg"))
  expect_as(ours, theirs, coefficients_of(hgt ~ reg + age))
})

test_that("levels nobody has are never imputed, and one level is", {
  data <- data.frame(
    x = stats::qnorm(stats::ppoints(60)),
    y = factor(rep(c("a", "c", NA), 20), levels = c("a", "b", "c")),
    z = factor(rep(c(NA, "q"), 30), levels = c("p", "q"))
  )
  imp <- impute(data, m = 10, iterations = 2, seed = 1)
  for (completed in as.list(imp)) {
    expect_setequal(as.character(completed$y), c("a", "c"))
    expect_setequal(as.character(completed$z), "q")
  }
  expect_true("z" %in% imp$log$variable)
})

test_that("logreg has cluster effects, polyreg says that it has none", {
  set.seed(3)
  group <- rep(1:40, each = 30)
  effect <- stats::qnorm(stats::ppoints(40))[group]
  x <- stats::rnorm(1200)
  d <- data.frame(
    x = x, group = factor(group),
    y = factor(stats::rbinom(1200, 1, stats::plogis(1.5 * effect + x))),
    z = factor(sample(c("a", "b", "c"), 1200, TRUE))
  )
  full <- d
  d$y[stats::rbinom(1200, 1, 0.5) == 1] <- NA
  d$z[1:20] <- NA
  imp <- impute(d, m = 20, iterations = 2, cluster = ~group, seed = 5, predictors = list(y = "x"))
  # The between-cluster spread of shares is that of the full data; without effects it would shrink.
  spread <- function(data) stats::sd(tapply(as.integer(data$y), data$group, mean))
  imputed <- vapply(as.list(imp), spread, 0)
  alone <- impute(d[c("x", "y")], m = 20, iterations = 2, seed = 5)
  without <- vapply(as.list(alone), function(data) spread(cbind(data, group = d$group)), 0)
  expect_equal(mean(imputed), spread(full), tolerance = 0.1)
  expect_lt(mean(without), 0.8 * spread(full))
  expect_match(imp$log$decision, "polyreg has none", all = FALSE)
  expect_false("y" %in% imp$log$variable)
  expect_identical(
    impute(d, m = 3, iterations = 2, cluster = ~group, seed = 5, threads = 1)$imputed,
    impute(d, m = 3, iterations = 2, cluster = ~group, seed = 5, threads = 2)$imputed
  )
})
