# Fits against glm() and MASS::glm.nb() whose deviances stand still to the last
# digit. Where their steps shrink slowly (links that are not canonical) they
# stop at half the digits of a double; there ours are compared less closely. So
# are covariances, which glm() takes one step before the end.

exact_glm <- function(...) {
  suppressWarnings(stats::glm(..., control = stats::glm.control(1e-14, 200)))
}

expect_same_fit <- function(fit, glm, tolerance = 1e-9) {
  expect_equal(coef(fit), coef(glm), tolerance = tolerance)
  kept <- !is.na(coef(fit))
  expect_equal(fit$cov.unscaled[kept, kept], summary(glm)$cov.unscaled, tolerance = 1e-6)
  expect_equal(deviance(fit), deviance(glm), tolerance = 1e-10)
  expect_equal(fit$null.deviance, glm$null.deviance, tolerance = 1e-10)
  expect_equal(c(fit$rank, fit$df.residual), c(glm$rank, glm$df.residual))
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(glm)), tolerance = 1e-10)
  for (type in c("deviance", "pearson", "working", "response")) {
    expect_equal(residuals(fit, type), residuals(glm, type), tolerance = 10 * tolerance)
  }
}

test_that("canonical links agree with glm to ten digits", {
  infert <- datasets::infert
  warpbreaks <- datasets::warpbreaks
  quine <- MASS::quine
  insurance <- MASS::Insurance
  expect_same_fit(
    fit_glm(case ~ spontaneous + induced * age, infert, binomial()),
    exact_glm(case ~ spontaneous + induced * age, binomial(), infert)
  )
  expect_same_fit(
    fit_glm(breaks ~ wool * tension, warpbreaks, poisson()),
    exact_glm(breaks ~ wool * tension, poisson(), warpbreaks)
  )
  expect_same_fit(
    fit_glm(Days ~ Sex / (Age + Eth * Lrn), quine, poisson()),
    exact_glm(Days ~ Sex / (Age + Eth * Lrn), poisson(), quine), 1e-8
  )
  formula <- Claims ~ District + Group + Age + offset(log(Holders))
  expect_same_fit(
    fit_glm(formula, insurance, poisson()), exact_glm(formula, poisson(), insurance)
  )
})

test_that("other links agree with what glm reaches", {
  clotting <- data.frame(
    u = c(5, 10, 15, 20, 30, 40, 60, 80, 100), time = c(118, 58, 42, 35, 27, 25, 21, 19, 18)
  )
  families <- list(
    Gamma("log"), Gamma("identity"), Gamma(), inverse.gaussian(), inverse.gaussian("log"),
    inverse.gaussian("identity"), gaussian("log"), gaussian("inverse"), quasi("log", "mu^2"),
    poisson("sqrt")
  )
  for (family in families) {
    ours <- suppressWarnings(fit_glm(time ~ log(u), clotting, family))
    glm <- exact_glm(time ~ log(u), family, clotting)
    expect_equal(coef(ours), coef(glm), tolerance = 1e-7)
    expect_lte(deviance(ours), deviance(glm) * (1 + 1e-13))
  }
  for (link in c("probit", "cloglog", "cauchit")) {
    expect_same_fit(
      fit_glm(case ~ spontaneous + induced, datasets::infert, binomial(link)),
      exact_glm(case ~ spontaneous + induced, binomial(link), datasets::infert), 1e-7
    )
  }
})

test_that("theta of counts is that of glm.nb", {
  quine <- MASS::quine
  for (link in c("log", "sqrt")) {
    fit <- fit_glm(Days ~ Sex + Age * Lrn, quine, negative_binomial(link = link))
    nb <- eval(substitute(
      MASS::glm.nb(Days ~ Sex + Age * Lrn, quine,
        control = stats::glm.control(1e-12, 200), link = link
      ), list(link = link)
    ))
    expect_equal(fit$theta, nb$theta, tolerance = 1e-8)
    expect_equal(fit$theta.se, nb$SE.theta, tolerance = 1e-4)
    expect_equal(coef(fit), coef(nb), tolerance = 1e-7)
    kept <- !is.na(coef(fit))
    expect_equal(vcov(fit)[kept, kept], summary(nb)$cov.scaled, tolerance = 1e-6)
    expect_equal(logLik(fit), logLik(nb), tolerance = 1e-10, ignore_attr = TRUE)
    expect_equal(AIC(fit), AIC(nb), tolerance = 1e-10)
    expect_equal(residuals(fit), residuals(nb), tolerance = 1e-6)
  }
  expect_same_fit(
    fit_glm(Days ~ Sex + Age, quine, negative_binomial(theta = 1.3)),
    exact_glm(Days ~ Sex + Age, MASS::negative.binomial(1.3), quine), 1e-6
  )
})

test_that("counts without excess variance have no theta", {
  even <- data.frame(y = rep(3:4, 10), x = 1:20)
  warning <- expect_warning(
    fit_glm(y ~ x, even, negative_binomial()), "Use poisson",
    class = "questrial_warning_convergence"
  )
})

test_that("Firth's fit is that of brglm2 and of the endometrial cancer study", {
  skip_if_not_installed("brglm2")
  data(endometrial, package = "brglm2", envir = environment())
  fit <- fit_glm(HG ~ NV + PI + EH, endometrial, binomial(), method = "firth")
  br <- stats::glm(HG ~ NV + PI + EH, binomial(), endometrial,
    method = brglm2::brglmFit, type = "AS_mean", epsilon = 1e-12, maxit = 1000
  )
  expect_equal(coef(fit), coef(br), tolerance = 1e-9)
  expect_equal(vcov(fit), vcov(br), tolerance = 1e-8)
  # Heinze & Schemper (2002), Stat. Med. 21:2409-2419, section 3.
  expect_equal(round(unname(coef(fit)), 3), c(3.775, 2.929, -0.035, -2.604))
  warning <- expect_warning(
    fit_glm(HG ~ NV + PI + EH, endometrial, binomial()), "NV",
    class = "questrial_warning_separation"
  )
  expect_identical(warning$column, "NV")
})

test_that("strong effects are not taken for separation", {
  set.seed(5)
  strong <- data.frame(x = rnorm(2000), g = gl(4, 500))
  strong$y <- rbinom(2000, 1, plogis(12 * strong$x))
  expect_same_fit(
    expect_no_warning(fit_glm(y ~ x + g, strong, binomial())),
    exact_glm(y ~ x + g, binomial(), strong)
  )
})
