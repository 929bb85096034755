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

test_that("the generalised Q interval of tau2 has the published figures", {
  # Jackson, Turner, Rhodes & Viechtbauer (2014, BMC Med Res Methodol 14:103), examples 1 and 2.
  first <- data.frame(
    yi = c(
      0.0267, 0.8242, 0.3930, 2.4405, 2.1401, 1.2528, 2.4849, 0.3087, 1.4246, 0.1823, 1.1378,
      1.2321, 2.0695, 4.0237, 1.4383, 1.6021
    ),
    vi = c(
      0.1285, 0.0315, 0.0931, 2.0967, 1.0539, 0.1602, 1.0235, 0.0218, 0.5277, 0.0556, 0.3304,
      0.1721, 0.4901, 2.0200, 0.3399, 0.1830
    ),
    x = rep(0:1, c(10, 6))
  )
  second <- data.frame(
    yi = c(
      0.54, 0.4, 0.64, 0.365, 0.835, 0.02, 0.12, 0.085, 1.18, 0.08, 0.18, 0.325, 0.06, 0.715,
      0.065, 0.245, 0.24, 0.06, 0.19
    ),
    vi = c(
      0.0176, 0.019, 0.0906, 0.0861, 0.0063, 0.0126, 0.0126, 0.0041, 0.0759, 0.0126, 0.0104,
      0.0242, 0.0026, 0.2629, 0.0169, 0.0156, 0.0481, 0.0084, 0.0044
    ),
    x = c(
      1986, 1987, 1988, 1988, 1998, 1999, 2000, 2000, 2000, 2001, 2001, 2001, 2002, 2002, 2002,
      2002, 2003, 2003, 2003
    )
  )
  ends <- function(data, ...) {
    fit <- meta_analysis(yi, vi, moderators = ~x, data = data, method = "DL")
    unlist(confint(fit, "tau2", type = "GENQ", ...)[1, 3:4], use.names = FALSE)
  }
  expect_lt(max(abs(ends(first) - c(0.0029, 0.6907))), 1e-4)
  expect_lt(max(abs(ends(first, weights = 1 / sqrt(first$vi)) - c(0, 1.1245))), 1e-4)
  expect_lt(max(abs(ends(second) - c(0.0170, 0.1393))), 1e-4)
  expect_lt(max(abs(ends(second, weights = 1 / sqrt(second$vi)) - c(0.0180, 0.1375))), 1e-4)
})

test_that("Q has its tail probabilities at the ends of the generalised Q interval", {
  # Imhof (1961, Biometrika 48:419-426), the eigenvalues those of another matrix with the same.
  imhof <- function(q, lambda) {
    integrand <- function(u) {
      angle <- colSums(atan(outer(lambda, u))) / 2 - q * u / 2
      sin(angle) / (u * exp(colSums(log1p(outer(lambda, u)^2)) / 4))
    }
    0.5 + integrate(integrand, 0, Inf, rel.tol = 1e-9, subdivisions = 1e4)$value / pi
  }
  # Synthetic: seven studies, their variances over two orders of size.
  data <- data.frame(
    yi = c(0.1, 0.9, -0.4, 1.6, 0.5, 2.1, 0.3), vi = c(0.02, 0.1, 0.05, 0.4, 0.01, 0.9, 0.2)
  )
  fit <- meta_analysis(yi, vi, data = data)
  mean <- weighted.mean(data$yi, 1 / data$vi)
  q <- sum((data$yi - mean)^2 / data$vi)
  contrasts <- diag(1 / data$vi) - outer(1 / data$vi, 1 / data$vi) / sum(1 / data$vi)
  for (level in c(0.8, 0.95)) {
    rows <- confint(fit, "tau2", level = level, type = "GENQ")
    above <- vapply(c(rows$conf.low[[1]], rows$conf.high[[1]]), function(tau2) {
      lambda <- Re(eigen(contrasts %*% diag(data$vi + tau2))$values)
      imhof(q, lambda[1:6])
    }, 0)
    expect_equal(above, c(1 - level, 1 + level) / 2, tolerance = 1e-6)
    expect_equal(rows$conf.high[[2]], sqrt(rows$conf.high[[1]]))
  }
})

test_that("of equal variances, and of two studies, both intervals of tau2 are the same", {
  even <- meta_analysis(c(0.1, 0.9, -0.4, 1.6), rep(0.1, 4))
  two <- meta_analysis(c(0.1, 1.9), c(0.1, 0.3))
  none <- meta_analysis(rep(0.1, 4), c(0.1, 0.2, 0.1, 0.3))
  for (fit in list(even, two, none)) {
    expect_equal(
      confint(fit, "tau2", type = "GENQ"), confint(fit, "tau2"), tolerance = 1e-7
    )
  }
})

test_that("intervals of tau2 that cannot be are refused", {
  fit <- meta_analysis(c(0.1, 0.9, -0.4), c(0.1, 0.2, 0.1))
  expect_error(confint(fit, "tau2", type = "PL"), "one of", class = "questrial_error_argument")
  expect_error(confint(fit, type = "GENQ"), "parm", class = "questrial_error_argument")
  expect_error(confint(fit, "tau2", weights = 1:3), "GENQ", class = "questrial_error_argument")
  expect_error(confint(fit, "tau2", type = "GENQ", weights = c(1, 2)), "3 finite numbers")
  nested <- meta_analysis(
    c(0.1, 0.9, -0.4, 0.2), rep(0.1, 4), cluster = c("A", "A", "B", "C")
  )
  expect_error(confint(nested, "tau2"), "clusters", class = "questrial_error_argument")
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
