# Oracle: emmeans on lm; for counterfactual means predictions averaged one by one.

# Ours beside emmeans, for each of the specs and weights.
expect_as_emmeans <- function(ours, theirs, specs, at = NULL, weights = c("equal", "proportional"),
                              ..., tolerance = 1e-8) {
  for (weight in weights) {
    for (spec in specs) {
      label <- paste(deparse1(formula(ours)), deparse1(spec), weight)
      arguments <- c(list(theirs, spec, weights = weight, ...), if (!is.null(at)) list(at = at))
      grid <- suppressMessages(do.call(emmeans::emmeans, arguments))
      want <- as.data.frame(grid)
      got <- marginal_means(ours, spec, weight, at = if (is.null(at)) list() else at, ...)
      number <- intersect(c("emmean", "response", "prob", "rate"), names(want))
      limits <- names(want)[ncol(want) - 1:0]
      pairs <- list(
        estimate = number, std.error = "SE", df = "df", conf.low = limits[[1]],
        conf.high = limits[[2]]
      )
      for (name in names(pairs)) {
        expect_equal(got[[name]], want[[pairs[[name]]]], tolerance = tolerance, label = label)
      }
      expect_equal(
        as.character(got[[1]]), as.character(want[[1]]), label = label
      )
      expect_as_contrast(got, grid, label, tolerance)
    }
  }
}

expect_as_contrast <- function(means, grid, label, tolerance) {
  # emmeans counts contrasts that are not estimable in Holm's family, p.adjust() does not.
  for (adjust in c("tukey", "none", if (!anyNA(means$estimate)) "holm")) {
    # The same order as ours, and the other direction.
    want <- as.data.frame(emmeans::contrast(grid, "pairwise", adjust = adjust))
    got <- marginal_contrasts(means, "pairwise", adjust = adjust)
    value <- intersect(c("estimate", "odds.ratio", "ratio"), names(want))
    reversed <- if (value == "estimate") -want[[value]] else 1 / want[[value]]
    expect_equal(got$estimate, reversed, tolerance = tolerance, label = label)
    expect_equal(got$p.value, want$p.value, tolerance = 100 * tolerance, label = label)
    # On the ratio scale emmeans gives the standard error of the ratio.
    error <- if (value == "estimate") want$SE else want$SE / want[[value]]
    expect_equal(got$std.error, error, tolerance = tolerance, label = label)
  }
}

test_that("means over a grid are those of emmeans, with empty cells too", {
  skip_if_not_installed("emmeans")
  specs <- list(~wool, ~tension, ~ wool | tension, ~ tension | wool, ~ wool * tension)
  expect_as_emmeans(
    fit_glm(breaks ~ wool * tension, warpbreaks), lm(breaks ~ wool * tension, warpbreaks), specs
  )
  holed <- warpbreaks[-c(1:3, 10:18, 50), ]
  ours <- fit_glm(breaks ~ wool * tension, holed)
  theirs <- lm(breaks ~ wool * tension, holed)
  expect_true(anyNA(coef(ours)))
  expect_as_emmeans(ours, theirs, specs)
  expect_output(
    print(marginal_means(ours, ~ wool | tension)), "Not estimable, .*: `A M`"
  )
})

test_that("covariates stand at their means and terms are built anew from them", {
  skip_if_not_installed("emmeans")
  ours <- fit_glm(mpg ~ factor(cyl) * am + poly(hp, 2) + log(wt), mtcars)
  theirs <- lm(mpg ~ factor(cyl) * am + poly(hp, 2) + log(wt), mtcars)
  expect_as_emmeans(ours, theirs, list(~cyl, ~am, ~ cyl | am))
  expect_as_emmeans(ours, theirs, list(~cyl), at = list(hp = 200, cyl = c(4, 8)))
  expect_as_emmeans(ours, theirs, list(~hp), at = list(hp = c(100, 200, 250)))
})

test_that("text, logical variables, prior weights and offsets are read as by emmeans", {
  skip_if_not_installed("emmeans")
  cars <- transform(mtcars, g = factor(gear), v = vs == 1, ch = letters[carb])
  cars$mpg[3] <- NA
  ours <- fit_glm(mpg ~ g * v + ch + offset(qsec), cars, weights = hp)
  theirs <- lm(mpg ~ g * v + ch + offset(qsec), cars, weights = hp)
  expect_as_emmeans(ours, theirs, list(~g, ~ ch | v))
  shown <- paste(capture.output(print(marginal_means(ours, ~g, "proportional"))), collapse = " ")
  expect_match(shown, "Weights: proportional, over the levels of v and ch.")
  expect_match(shown, "Offset at its mean, 17.8")
  expect_match(shown, "31 rows used, 1 left out for missing values.")
})

test_that("sum contrasts change nothing", {
  skip_if_not_installed("emmeans")
  ours <- fit_glm(uptake ~ Type * Treatment + sqrt(conc) + I(conc^2), CO2,
    contrasts = list(Type = "contr.sum", Treatment = "contr.helmert")
  )
  theirs <- lm(uptake ~ Type * Treatment + sqrt(conc) + I(conc^2), CO2)
  expect_as_emmeans(ours, theirs, list(~Type, ~ Type | Treatment))
})

test_that("probabilities, rates and their ratios are those of emmeans", {
  skip_if_not_installed("emmeans")
  # The covariance of glm() is that of the step before its last.
  strict <- glm.control(epsilon = 1e-14, maxit = 50)
  near <- 1e-6
  cars <- transform(mtcars, gear = factor(gear), time = sqrt(qsec), many = carb + 3)
  specs <- list(~gear, ~vs, ~ gear | vs)
  expect_as_emmeans(
    fit_glm(am ~ vs + poly(hp, 2) + carb, cars, family = binomial()),
    glm(am ~ vs + poly(hp, 2) + carb, binomial(), cars, control = strict), list(~vs),
    type = "response", tolerance = near
  )
  expect_as_emmeans(
    fit_glm(vs ~ wt + gear, cars, family = binomial("probit")),
    glm(vs ~ wt + gear, binomial("probit"), cars, control = strict), list(~gear), type = "link", tolerance = near
  )
  expect_as_emmeans(
    fit_glm(carb ~ gear * vs + wt + offset(log(time)), cars, family = poisson()),
    glm(carb ~ gear * vs + wt + offset(log(time)), poisson(), cars, control = strict), specs,
    type = "response", tolerance = near
  )
  for (type in c("response", "link")) {
    expect_as_emmeans(
      fit_glm(mpg ~ gear + vs * sqrt(wt), cars, family = Gamma("log"), weights = many),
      glm(mpg ~ gear + vs * sqrt(wt), Gamma("log"), cars, weights = many, control = strict), specs,
      type = type, tolerance = near
    )
  }
  # Without ratios: under the inverse link contrasts are of the linear predictor.
  expect_as_emmeans(
    fit_glm(mpg ~ gear + wt, cars, family = Gamma()),
    glm(mpg ~ gear + wt, Gamma(), cars, control = strict), list(~gear), type = "link", tolerance = near
  )
  expect_as_emmeans(
    fit_glm(cbind(carb, many) ~ gear + wt, cars, family = binomial()),
    glm(cbind(carb, many) ~ gear + wt, binomial(), cars, control = strict), list(~gear),
    weights = "equal", type = "response", tolerance = near
  )
})

test_that("counterfactual probabilities are predictions averaged, by the delta method", {
  cars <- transform(mtcars, g = factor(cyl))
  fit <- fit_glm(vs ~ g + wt, subset(cars, cyl != 8), family = binomial())
  ours <- marginal_means(fit, ~g, "counterfactual")
  theirs <- glm(vs ~ g + wt, binomial(), subset(cars, cyl != 8))
  mean_of <- function(level, beta) {
    set <- transform(subset(cars, cyl != 8), g = factor(level, c("4", "6")))
    mean(plogis(drop(model.matrix(~ g + wt, set) %*% beta)))
  }
  b <- coef(fit)
  for (k in 1:2) {
    level <- c("4", "6")[[k]]
    expect_equal(ours$estimate[[k]], mean_of(level, coef(theirs)), tolerance = 1e-5)
    gradient <- vapply(seq_along(b), function(j) {
      h <- 1e-5
      (mean_of(level, replace(b, j, b[[j]] + h)) - mean_of(level, replace(b, j, b[[j]] - h))) /
        (2 * h)
    }, 0)
    error <- sqrt(drop(gradient %*% vcov(fit) %*% gradient))
    expect_equal(ours$std.error[[k]], error, tolerance = 1e-6)
  }
  difference <- marginal_contrasts(ours)
  expect_equal(difference$estimate, diff(ours$estimate))
  expect_identical(difference$df, Inf)
})

test_that("contrasts with a reference and polynomials are those of emmeans", {
  skip_if_not_installed("emmeans")
  ours <- marginal_means(fit_glm(breaks ~ wool * tension, warpbreaks), ~ tension | wool)
  grid <- emmeans::emmeans(lm(breaks ~ wool * tension, warpbreaks), ~ tension | wool)
  got <- marginal_contrasts(ours, "reference", "M")
  want <- as.data.frame(emmeans::contrast(grid, "trt.vs.ctrl", ref = 2, adjust = "none"))
  expect_equal(got$estimate, want$estimate, tolerance = 1e-10)
  expect_equal(got$p.value, want$p.value, tolerance = 1e-10)
  got <- marginal_contrasts(ours, "poly")
  want <- as.data.frame(emmeans::contrast(grid, "poly"))
  expect_equal(got$statistic, want$t.ratio, tolerance = 1e-10)
  expect_identical(got$contrast[1:2], c("linear", "quadratic"))
  interval <- confint(emmeans::contrast(grid, "revpairwise", adjust = "tukey"))
  got <- marginal_contrasts(ours, adjust = "tukey")
  expect_equal(got$conf.low, interval$lower.CL, tolerance = 1e-6)
})

test_that("a linear trend is the regression on the scores", {
  # Equal numbers and no covariate: the trend is that of the means.
  dose <- factor(ToothGrowth$dose)
  fit <- fit_glm(len ~ dose, data.frame(len = ToothGrowth$len, dose))
  trend <- marginal_contrasts(marginal_means(fit, ~dose), "poly", scores = c(0.5, 1, 2))
  slope <- coef(lm(len ~ I(ToothGrowth$dose), ToothGrowth))[[2]]
  expect_equal(trend$estimate[[1]] / sqrt(sum((c(0.5, 1, 2) - 3.5 / 3)^2)), slope)
})

test_that("Dunnett's critical value is that of the multivariate t", {
  skip_if_not_installed("mvtnorm")
  fit <- fit_glm(y ~ arm, data.frame(arm = gl(3, 8), y = sin(1:24)))
  rows <- marginal_contrasts(marginal_means(fit, ~arm), "reference", adjust = "dunnett")
  critical <- (rows$conf.high - rows$estimate) / rows$std.error
  withr::local_seed(1)
  want <- mvtnorm::qmvt(0.95,
    df = 21, corr = matrix(c(1, 0.5, 0.5, 1), 2), tail = "both.tails"
  )$quantile
  expect_equal(critical, rep(want, 2), tolerance = 1e-3)
})

test_that("counterfactual means are predictions averaged", {
  cars <- transform(mtcars, g = factor(gear))
  fit <- fit_glm(mpg ~ g * hp + factor(cyl) + offset(qsec), cars, weights = wt)
  ours <- marginal_means(fit, ~g, "counterfactual")
  want <- vapply(levels(cars$g), function(level) {
    weighted.mean(predict(fit, transform(cars, g = level)), cars$wt)
  }, numeric(1))
  expect_equal(ours$estimate, unname(want), tolerance = 1e-12)
  gradient <- t(vapply(levels(cars$g), function(level) {
    set <- transform(cars, g = factor(level, levels(cars$g)))
    apply(model.matrix(~ g * hp + factor(cyl), set), 2, weighted.mean, cars$wt)
  }, coef(fit)))
  error <- sqrt(diag(gradient %*% vcov(fit) %*% t(gradient)))
  expect_equal(ours$std.error, unname(error), tolerance = 1e-10)
  within <- marginal_means(fit, ~ g | cyl, "counterfactual", at = list(hp = 150))
  inside <- cars[cars$cyl == 6, ]
  want <- weighted.mean(predict(fit, transform(inside, g = "5", hp = 150)), inside$wt)
  expect_equal(within$estimate[within$g == "5" & within$cyl == 6], want, tolerance = 1e-12)
  pairs <- marginal_contrasts(ours)
  expect_equal(pairs$estimate[[1]], ours$estimate[[2]] - ours$estimate[[1]], tolerance = 1e-12)
})

test_that("filtered means are contrasted as they stand", {
  means <- marginal_means(fit_glm(breaks ~ wool * tension, warpbreaks), ~ tension | wool)
  kept <- means[means$wool == "B", ]
  all <- marginal_contrasts(means)
  expect_equal(marginal_contrasts(kept)$estimate, all$estimate[all$wool == "B"])
})

test_that("data that are gone or changed are asked for", {
  cars <- mtcars
  fit <- fit_glm(mpg ~ factor(cyl) + log(wt), cars)
  want <- marginal_means(fit, ~cyl)
  kept <- cars
  cars$wt <- cars$wt + 1
  expect_error(marginal_means(fit, ~cyl), "Give them as `data`",
    class = "questrial_error_argument"
  )
  expect_equal(marginal_means(fit, ~cyl, data = kept)$estimate, want$estimate)
  from_here <- local({
    y <- mtcars$mpg
    g <- mtcars$cyl
    fit_glm(y ~ factor(g), subset = g > 4)
  })
  want <- tapply(mtcars$mpg, mtcars$cyl, mean)[-1]
  expect_equal(marginal_means(from_here, ~g)$estimate, as.vector(want))
})

test_that("arguments that do not fit are refused by name", {
  fit <- fit_glm(breaks ~ wool * tension, warpbreaks)
  refused <- function(code, message) {
    expect_error(code, message, class = "questrial_error_argument")
  }
  refused(marginal_means(fit, ~wol), "Did you mean `wool`")
  refused(marginal_means(fit, breaks ~ wool), "must be a formula such as")
  refused(marginal_means(fit, ~1), "names no variable")
  refused(marginal_means(fit, ~wool, at = list(tension = "X")), "`X` is not a level")
  refused(marginal_means(fit, ~wool, at = list(nosuch = 1)), "no variable `nosuch`")
  refused(marginal_means(fit, ~wool, at = 3), "named by variable")
  refused(marginal_contrasts(warpbreaks), "result of marginal_means")
  means <- marginal_means(fit, ~tension)
  refused(marginal_contrasts(means, "reference", "X"), "`reference` must be one of")
  refused(marginal_contrasts(means, "pairwise", adjust = "dunnett"), "`adjust` must be")
  refused(marginal_contrasts(means, "poly", scores = 1:2), "3 different numbers")
  refused(marginal_contrasts(means[1, ]), "single mean")
})

test_that("means and contrasts print within 80 columns", {
  withr::local_options(width = 80)
  fit <- fit_glm(Ozone ~ Solar.R + Wind + Temp + factor(Month), airquality)
  for (weights in c("equal", "proportional", "counterfactual")) {
    means <- marginal_means(fit, ~Month, weights)
    shown <- capture.output(print(means), print(marginal_contrasts(means, adjust = "tukey")))
    expect_lte(max(nchar(shown)), 80)
    expect_match(shown, paste0("[Ww]eights: ", weights), all = FALSE)
    expect_identical(attr(means, "weights"), weights)
  }
})
