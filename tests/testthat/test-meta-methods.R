# Methods of meta_analysis, beside metafor's.

bcg_trials <- function() {
  metafor::escalc("RR",
    ai = tpos, bi = tneg, ci = cpos, di = cneg, data = metadat::dat.bcg,
    slab = paste(author, year)
  )
}

tight <- list(threshold = 1e-13, maxiter = 10000, tol = 1e-12)

test_that("likelihoods, residuals, predictions and intervals of tau2 are metafor's", {
  skip_if_not_installed("metafor")
  data <- bcg_trials()
  new <- data.frame(ablat = c(10, 40), year = c(1950, 1960))
  for (method in c("ML", "REML", "DL", "FE")) {
    fit <- meta_analysis(
      yi ~ ablat + year, vi, data = data, method = method, test = if (method == "FE") "z" else "HKSJ"
    )
    peer <- metafor::rma(yi, vi,
      mods = ~ ablat + year, data = data, method = method,
      test = if (method == "FE") "z" else "knha", control = tight
    )
    expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(peer)), tolerance = 1e-8)
    expect_equal(AIC(fit), AIC(peer), tolerance = 1e-8)
    expect_equal(BIC(fit), BIC(peer), tolerance = 1e-8)
    expect_equal(residuals(fit), residuals(peer), tolerance = 1e-7, ignore_attr = TRUE)
    expect_equal(fitted(fit), fitted(peer), tolerance = 1e-7, ignore_attr = TRUE)
    expect_equal(hatvalues(fit), hatvalues(peer), tolerance = 1e-7, ignore_attr = TRUE)
    expect_equal(weights(fit), weights(peer), tolerance = 1e-7, ignore_attr = TRUE)
    theirs <- predict(peer, newmods = as.matrix(new))
    ours <- predict(fit, new)
    expect_equal(ours$estimate, theirs$pred, tolerance = 1e-7)
    expect_equal(ours$std.error, theirs$se, tolerance = 1e-7)
    expect_equal(ours$conf.low, theirs$ci.lb, tolerance = 1e-7)
    if (method != "FE") {
      expect_equal(ours$pred.high, theirs$pi.ub, tolerance = 1e-7)
      expect_equal(fit$R2, peer$R2, tolerance = 1e-6)
      expect_equal(fit$moderators.test$statistic, peer$QM, tolerance = 1e-7)
      expect_equal(fit$moderators.test$p.value, peer$QMp, tolerance = 1e-7)
      interval <- confint(peer, control = list(tol = 1e-12))$random
      expect_equal(as.matrix(confint(fit, "tau2")[-1]), interval, tolerance = 1e-6, ignore_attr = TRUE)
    }
  }
})

test_that("prediction intervals follow the test: t(k - 1) for HKSJ, t(k - 2) for z", {
  skip_if_not_installed("metafor")
  data <- bcg_trials()
  fit <- meta_analysis(data)
  peer <- metafor::rma(yi, vi, data = data, test = "knha", control = tight)
  expect_equal(fit$pred.low, predict(peer)$pi.lb, tolerance = 1e-7)
  expect_equal(predict(fit)$pred.low, fit$pred.low)
  z <- meta_analysis(data, test = "z")
  half <- qt(0.975, 11) * sqrt(z$tau2 + z$vcov[[1]])
  expect_equal(z$pred.high, coef(z)[[1]] + half)
  expect_true(is.na(meta_analysis(data[1:2, ], test = "z")$pred.low))
  expect_true(is.na(meta_analysis(data, preset = "revman5.4")$pred.low))
})

test_that("anova() compares nested fits by ML only", {
  skip_if_not_installed("metafor")
  data <- bcg_trials()
  small <- meta_analysis(yi, vi, data = data, method = "ML")
  large <- update(small, moderators = ~ablat)
  table <- anova(large, small)
  peer <- metafor::anova.rma(
    metafor::rma(yi, vi, mods = ~ablat, data = data, method = "ML", control = tight),
    metafor::rma(yi, vi, data = data, method = "ML", control = tight)
  )
  expect_equal(table$statistic[[2]], peer$LRT, tolerance = 1e-7)
  expect_equal(table$p.value[[2]], peer$pval, tolerance = 1e-6)
  expect_error(anova(small, update(small, method = "REML")), "by ML only")
  expect_error(anova(small), "second one")
  expect_error(anova(large, update(small, moderators = ~year)), "not nested")
})

test_that("update() changes what is named and refuses the rest", {
  data <- data.frame(yi = c(1, 2, 4), vi = c(1, 2, 1))
  fit <- meta_analysis(yi, vi, data = data)
  expect_identical(update(fit, method = "DL")$method, "DL")
  expect_error(update(fit, methods = "DL"), "methods")
})

test_that("tidy() and confint() have the interval that is asked for", {
  data <- data.frame(yi = c(1, 2, 4), vi = c(1, 2, 1))
  fit <- meta_analysis(yi, vi, data = data, method = "FE")
  expect_equal(c(confint(fit)), 2.4 + c(-1, 1) * qnorm(0.975) * sqrt(0.4))
  expect_equal(c(confint(fit, level = 0.8)), 2.4 + c(-1, 1) * qnorm(0.9) * sqrt(0.4))
  expect_error(confint(fit, "tau2"), "has no tau2")
  rows <- generics::tidy(fit, exponentiate = TRUE)
  expect_equal(rows$estimate, exp(2.4))
  expect_equal(rows$std.error, sqrt(0.4))
})

test_that("presets are put side by side, with what changes", {
  skip_if_not_installed("metafor")
  # Synthetic: three similar trials; t with 2 df takes their significance away.
  data <- data.frame(yi = c(0.55, 0.3, 0.7), vi = c(0.03, 0.05, 0.08))
  table <- compare_presets(meta_analysis(yi, vi, data = data))
  old <- metafor::rma(yi, vi, data = data, method = "DL")
  expect_equal(table$estimate[[1]], old$beta[[1]])
  expect_equal(table$conf.low[[1]], old$ci.lb)
  expect_true(is.na(table$tau2.low[[1]]) && is.na(table$pred.low[[1]]))
  expect_equal(table$I2[[1]], max(0, 100 * (old$QE - 2) / old$QE))
  new <- metafor::rma(yi, vi, data = data, test = "knha", control = tight)
  expect_equal(table$conf.low[[2]], new$ci.lb, tolerance = 1e-6)
  expect_output(print(table), "Cochrane 2025")
  expect_error(compare_presets(1), class = "questrial_error_argument")
})

test_that("a fit prints within 80 columns, ratios as ratios", {
  data <- data.frame(
    study = c("A long name of a study that is long", "B"), yi = log(c(2, 4)), vi = c(0.1, 0.2),
    g = c("x", "y")
  )
  attr(data, "measure") <- "OR"
  fit <- meta_analysis(data, subgroup = g, method = "FE")
  text <- capture.output(print(fit))
  expect_match(text[[1]], "Odds ratio: meta-analysis of 2 studies")
  expect_true(any(grepl("2.52", text)))
  expect_true(all(nchar(text) <= 80))
  expect_true(all(nchar(capture.output(print(summary(fit)))) <= 80))
})

test_that("what is printed of much heterogeneity stays within 80 columns", {
  studies <- data.frame(yi = c(-35.51, 12.3, -231.7, 188.4), vi = c(1.31, 6.45, 4.58, 16.06))
  text <- capture.output(print(meta_analysis(yi, vi, data = studies)))
  expect_lte(max(nchar(text)), 80)
  expect_match(text, "^  I2 .*; Q .*df 3, P <.001$", all = FALSE)
})
