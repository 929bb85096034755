# Oracles: the stacked estimating equations differentiated numerically, the
# formulas of the papers written row by row, lm_lin() of estimatr.

synthetic_trial <- function(n = 180, seed = 3) {
  withr::local_seed(seed)
  data <- data.frame(
    arm = factor(sample(c("control", "low", "high"), n, TRUE), c("control", "low", "high")),
    age = rnorm(n, 40, 9), sex = factor(sample(c("f", "m"), n, TRUE)), w = runif(n, 0.5, 2),
    group = gl(n / 6, 6)
  )
  lift <- c(0, 0.4, 0.9)[data$arm] * (1 + (data$age - 40) / 20)
  data$score <- 5 * lift + data$age / 4 + 3 * (data$sex == "m") + rnorm(n, 0, 1 + data$age / 20)
  data$ill <- rbinom(n, 1, plogis(-0.5 + lift + (data$age - 40) / 12 + (data$sex == "m")))
  data$visits <- rpois(n, exp(0.4 + lift / 2 + (data$age - 40) / 40))
  data
}

# The sandwich of all estimating equations at once: scores of the coefficients
# and, for each arm, mu_a(x) - theta_a. Everything by central differences.
stacked_covariance <- function(fit, data, arm, family, cluster = seq_len(nrow(data))) {
  levels <- levels(data[[arm]])
  formula <- delete.response(terms(fit))
  x <- model.matrix(formula, data)
  sets <- lapply(levels, function(level) {
    set <- data
    set[[arm]] <- factor(level, levels)
    model.matrix(formula, set)
  })
  y <- fit$y
  weight <- if (is.null(weights(fit))) rep(1, length(y)) else weights(fit)
  p <- ncol(x)
  equations <- function(parameters) {
    beta <- parameters[1:p]
    eta <- drop(x %*% beta)
    mu <- family$linkinv(eta)
    score <- x * (weight * (y - mu) * family$mu.eta(eta) / family$variance(mu))
    means <- vapply(seq_along(levels), function(k) {
      weight * (family$linkinv(drop(sets[[k]] %*% beta)) - parameters[[p + k]])
    }, y)
    cbind(score, means)
  }
  theta <- vapply(sets, function(set) {
    weighted.mean(family$linkinv(drop(set %*% coef(fit))), weight)
  }, 0)
  at <- c(coef(fit), theta)
  derivative <- vapply(seq_along(at), function(j) {
    h <- 1e-4 * max(1, abs(at[[j]]))
    step <- replace(numeric(length(at)), j, h)
    (8 * colSums(equations(at + step) - equations(at - step)) -
      colSums(equations(at + 2 * step) - equations(at - 2 * step))) / (12 * h)
  }, numeric(length(at)))
  bread <- solve(derivative)
  meat <- crossprod(rowsum(equations(at), cluster))
  covariance <- bread %*% meat %*% t(bread)
  list(theta = theta, covariance = covariance[-(1:p), -(1:p)])
}

expect_stacked <- function(fit, data, family, ...) {
  want <- stacked_covariance(fit, data, "arm", family, ...)
  ours <- standardised_effects(fit, ~arm)
  expect_equal(attr(ours, "means")$estimate, want$theta, tolerance = 1e-8)
  expect_equal(attr(ours, "covariance"), want$covariance, tolerance = 1e-7, ignore_attr = TRUE)
  slope <- switch(family$family, gaussian = c(-1, 1, 0), c(-1, 1, 0))
  row <- ours[ours$measure == "difference", ][1, ]
  expect_equal(row$estimate, sum(slope * want$theta), tolerance = 1e-8)
  error <- sqrt(drop(slope %*% want$covariance %*% slope))
  expect_equal(row$std.error, error, tolerance = 1e-7)
  expect_equal(row$conf.low, row$estimate - qnorm(0.975) * error, tolerance = 1e-7)
  ours
}

test_that("the unconditional variance is that of the stacked equations", {
  data <- synthetic_trial()
  expect_stacked(fit_glm(score ~ arm + age + sex, data), data, gaussian())
  expect_stacked(fit_glm(score ~ arm * (age + sex), data), data, gaussian())
  expect_stacked(fit_glm(score ~ arm * poly(age, 2) + sex, data, weights = w), data, gaussian())
  fit <- fit_glm(score ~ arm * age, data, cluster = ~group)
  ours <- expect_stacked(fit, data, gaussian(), cluster = data$group)
  expect_output(print(ours), "30 clusters a random sample")
})

test_that("the same holds for every family and link", {
  data <- synthetic_trial()
  expect_stacked(fit_glm(ill ~ arm + age + sex, data, family = binomial()), data, binomial())
  expect_stacked(fit_glm(ill ~ arm * age, data, family = binomial("probit")), data,
    binomial("probit")
  )
  data$twice <- 1 + (data$w > 1)
  fit <- fit_glm(ill ~ arm + sex, data, family = binomial("cloglog"), weights = twice)
  expect_stacked(fit, data, binomial("cloglog"))
  expect_stacked(fit_glm(visits ~ arm * sex + age, data, family = poisson()), data, poisson())
  data$score <- data$score - min(data$score) + 1
  expect_stacked(fit_glm(score ~ arm + age, data, family = Gamma("log")), data, Gamma("log"))
})

test_that("a logistic model without covariates gives the textbook's numbers", {
  data <- droplevels(subset(synthetic_trial(), arm != "low"))
  fit <- fit_glm(ill ~ arm, data, family = binomial())
  ours <- standardised_effects(fit, ~arm)
  p <- tapply(data$ill, data$arm, mean)
  n <- table(data$arm)
  expect_identical(ours$measure, c("difference", "ratio", "odds.ratio"))
  odds <- p / (1 - p)
  expect_equal(ours$estimate, unname(c(p[[2]] - p[[1]], p[[2]] / p[[1]], odds[[2]] / odds[[1]])))
  expect_equal(ours$std.error, sqrt(c(
    sum(p * (1 - p) / n), sum((1 - p) / (n * p)), sum(1 / (n * p * (1 - p)))
  )))
  ge <- standardised_effects(fit, ~arm, variance = "ge")
  expect_equal(ge$std.error, ours$std.error, tolerance = 1e-7)
  # Ye's sample variances have n - 1 where these have n.
  ye <- standardised_effects(fit, ~arm, "control", "difference", "ye")
  expect_equal(ye$std.error, sqrt(sum(p * (1 - p) / (n - 1))), tolerance = 1e-7)
})

test_that("Ge's variance is the delta method on the predictions", {
  data <- synthetic_trial()
  fit <- fit_glm(ill ~ arm + age + sex, data, family = binomial())
  ours <- standardised_effects(fit, ~arm, measure = "odds.ratio", variance = "ge")
  log_odds_ratio <- function(beta) {
    mean_in <- function(level) {
      set <- transform(data, arm = factor(level, levels(data$arm)))
      qlogis(mean(plogis(drop(model.matrix(~ arm + age + sex, set) %*% beta))))
    }
    mean_in("high") - mean_in("control")
  }
  b <- coef(fit)
  gradient <- vapply(seq_along(b), function(j) {
    step <- replace(numeric(length(b)), j, 1e-5)
    (log_odds_ratio(b + step) - log_odds_ratio(b - step)) / 2e-5
  }, 0)
  expect_equal(log(ours$estimate[[2]]), log_odds_ratio(b), tolerance = 1e-9)
  expect_equal(ours$std.error[[2]], sqrt(drop(gradient %*% vcov(fit) %*% gradient)),
    tolerance = 1e-6
  )
})

test_that("Ye's variance is the formula of the paper, and Welch's without covariates", {
  data <- synthetic_trial()
  fit <- fit_glm(score ~ arm * age + sex, data)
  n <- nrow(data)
  mu <- vapply(levels(data$arm), function(level) {
    predict(fit, transform(data, arm = level))
  }, numeric(n))
  share <- table(data$arm) / n
  want <- matrix(0, 3, 3)
  for (a in 1:3) {
    inside <- as.integer(data$arm) == a
    y <- data$score[inside]
    for (b in 1:3) {
      other <- as.integer(data$arm) == b
      want[a, b] <- if (a == b) {
        var(y - mu[inside, a]) / share[[a]] + 2 * cov(y, mu[inside, a]) - var(mu[, a])
      } else {
        cov(y, mu[inside, b]) + cov(data$score[other], mu[other, a]) - cov(mu[, a], mu[, b])
      }
    }
  }
  ours <- standardised_effects(fit, "arm", variance = "ye")
  expect_equal(attr(ours, "covariance"), want / n, tolerance = 1e-10, ignore_attr = TRUE)
  # Without covariates it is Welch's variance.
  plain <- standardised_effects(fit_glm(score ~ arm, data), ~arm, "low", variance = "ye")
  parts <- split(data$score, data$arm)
  errors <- vapply(parts, var, 0) / lengths(parts)
  expect_equal(plain$std.error, unname(sqrt(errors[c("control", "high")] + errors[["low"]])))
  expect_identical(plain$contrast, c("control - low", "high - low"))
})

test_that("Ge's variance with HC2 and interactions is Lin's estimator", {
  skip_if_not_installed("estimatr")
  skip_if_not_installed("sandwich")
  data <- droplevels(subset(synthetic_trial(), arm != "low"))
  fit <- fit_glm(score ~ arm * (age + sex), data)
  ours <- standardised_effects(fit, ~arm, variance = "ge", vcov = sandwich::vcovHC(fit, "HC2"))
  lin <- estimatr::lm_lin(score ~ arm, ~ age + sex, data)
  theirs <- summary(lin)$coefficients["armhigh", ]
  expect_equal(ours$estimate, theirs[["Estimate"]], tolerance = 1e-10)
  expect_equal(ours$std.error, theirs[["Std. Error"]], tolerance = 1e-10)
  expect_equal(ours$p.value, theirs[["Pr(>|t|)"]], tolerance = 1e-8)
})

test_that("ratios are tested on the log scale", {
  data <- synthetic_trial()
  fit <- fit_glm(score ~ arm + age, data)
  ours <- standardised_effects(fit, ~arm, measure = c("ratio", "difference"))
  theta <- attr(ours, "means")$estimate
  slope <- c(-1 / theta[[1]], 1 / theta[[2]], 0)
  error <- sqrt(drop(slope %*% attr(ours, "covariance") %*% slope))
  expect_identical(ours$measure, rep(c("ratio", "difference"), each = 2))
  expect_equal(ours$estimate[[1]], theta[[2]] / theta[[1]])
  expect_equal(ours$std.error[[1]], error)
  expect_equal(ours$conf.low[[1]], theta[[2]] / theta[[1]] * exp(-qnorm(0.975) * error))
  expect_equal(ours$p.value[[1]], 2 * pnorm(-abs(log(theta[[2]] / theta[[1]]) / error)))
  expect_error(standardised_effects(fit, ~arm, measure = "odds.ratio"), "does not exist",
    class = "questrial_error_argument"
  )
})

test_that("what does not go together is refused", {
  data <- synthetic_trial()
  fit <- fit_glm(score ~ arm + age, data)
  refused <- function(code, message) {
    expect_error(code, message, class = "questrial_error_argument")
  }
  refused(standardised_effects(fit, ~arms), "Did you mean `arm`")
  refused(standardised_effects(fit, ~age), "must be a factor")
  refused(standardised_effects(fit, ~arm, "none"), "`reference` must be one of")
  refused(standardised_effects(fit, ~arm, measure = "rr"), "`measure` must be some of")
  refused(standardised_effects(fit, ~arm, vcov = "HC2"), "does not use it")
  weighted <- fit_glm(score ~ arm + age, data, weights = w)
  refused(standardised_effects(weighted, ~arm, variance = "ye"), "without weights")
  through_zero <- fit_glm(score ~ 0 + age + arm:age, data)
  refused(standardised_effects(through_zero, ~arm, variance = "ye"), "add up to 0")
})

test_that("effects print within 80 columns with their variance", {
  withr::local_options(width = 80)
  data <- synthetic_trial()
  fit <- fit_glm(score ~ arm * age, data)
  for (variance in c("unconditional", "ye", "ge")) {
    shown <- capture.output(print(standardised_effects(fit, ~arm, variance = variance)))
    expect_lte(max(nchar(shown)), 80)
    expect_match(paste(shown, collapse = " "), "Standardised means: .* in control, .* 180 rows used")
  }
})
