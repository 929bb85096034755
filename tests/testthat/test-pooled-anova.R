# A table of one comparison beside c(F, df1, df2, p, riv) of mitml.
expect_as_mitml <- function(table, theirs, tolerance = 1e-8) {
  ours <- unlist(table[1, c("F", "Df", "Den Df", "Pr(>F)", "riv")])
  expect_equal(unname(ours), unname(drop(theirs$test)), tolerance = tolerance)
}

pairs_of_models <- list(
  nhanes2 = list(chl ~ age + bmi + hyp, chl ~ bmi),
  boys = list(hgt ~ age + reg + wgt, hgt ~ age + wgt),
  airquality = list(Ozone ~ Wind * Month + Temp, Ozone ~ Wind + Temp)
)

test_that("D1, D2 and D3 are those of mitml", {
  skip_if_not_installed("mice")
  skip_if_not_installed("mitml")
  for (name in names(pairs_of_models)) {
    mids <- mids_of(name)
    formulas <- pairs_of_models[[name]]
    large <- lm_of_each(formulas[[1]], mids)
    small <- lm_of_each(formulas[[2]], mids)
    ours <- lapply(formulas, fit_glm, from_mids(mids))
    theirs <- function(...) mitml::testModels(large, small, ...)
    df <- df.residual(large[[1]])
    expect_as_mitml(anova(ours[[2]], ours[[1]]), theirs(method = "D1", df.com = df))
    infinite <- lapply(ours, function(fit) pool(fit$fits, df.complete = Inf))
    expect_as_mitml(anova(infinite[[2]], infinite[[1]]), theirs(method = "D1"))
    expect_as_mitml(anova(ours[[2]], ours[[1]], method = "D2"), theirs(method = "D2"))
    expect_as_mitml(
      anova(pool(small), pool(large), method = "D2", use = "likelihood"),
      theirs(method = "D2", use = "likelihood")
    )
    expect_as_mitml(anova(ours[[2]], ours[[1]], method = "D3"), theirs(method = "D3"))
    expect_as_mitml(anova(pool(small), pool(large), method = "D3"), theirs(method = "D3"))
  }
})

test_that("D1 is that of mice with its degrees of freedom", {
  skip_if_not_installed("mice")
  skip_if_not_installed("mitml")
  mids <- mids_of("boys")
  large <- with(mids, glm(bmi > 17 ~ age + reg, family = binomial))
  small <- with(mids, glm(bmi > 17 ~ age, family = binomial))
  theirs <- mice::D1(large, small)
  table <- anova(pool(small, df.complete = 294), pool(large, df.complete = 294))
  expect_as_mitml(table, list(test = theirs$result))
})

test_that("D2 of glm is that of mitml", {
  skip_if_not_installed("mice")
  skip_if_not_installed("mitml")
  mids <- mids_of("nhanes2")
  large <- lapply(mice::complete(mids, "all"), function(data) {
    glm(hyp ~ bmi + chl, data, family = binomial)
  })
  small <- lapply(mice::complete(mids, "all"), function(data) glm(hyp ~ 1, data, family = binomial))
  for (use in c("wald", "likelihood")) {
    expect_as_mitml(
      anova(pool(small), pool(large), method = "D2", use = use),
      mitml::testModels(large, small, method = "D2", use = use)
    )
  }
})

# Meng & Rubin's D3 by their formulas, with likelihoods of R's own densities.
d3_by_hand <- function(large, small, log_density, q) {
  m <- length(large)
  ratio <- function(parameters) {
    mean(vapply(seq_len(m), function(i) {
      2 * (log_density(large[[i]], parameters(large, i)) -
        log_density(small[[i]], parameters(small, i)))
    }, 0))
  }
  each <- ratio(function(fits, i) coef(fits[[i]]))
  pooled <- ratio(function(fits, i) Reduce(`+`, lapply(fits, coef)) / m)
  riv <- (m + 1) / (q * (m - 1)) * (each - pooled)
  c(F = pooled / (q * (1 + riv)), riv = riv)
}

test_that("D3 of families without dispersion is by their densities", {
  skip_if_not_installed("mice")
  imp <- from_mids(mids_of("airquality"))
  poisson_density <- function(fit, b) {
    mean <- exp(drop(model.matrix(fit) %*% b))
    sum(dpois(fit$y, mean, log = TRUE))
  }
  large <- fit_glm(round(Ozone) ~ Wind + Temp + Solar.R, imp, family = poisson())
  small <- fit_glm(round(Ozone) ~ Wind, imp, family = poisson())
  table <- anova(small, large, method = "D3")
  by_hand <- d3_by_hand(large$fits, small$fits, poisson_density, 2)
  expect_equal(unlist(table[1, c("F", "riv")]), by_hand, tolerance = 1e-10)
  logistic_density <- function(fit, b) {
    p <- plogis(drop(model.matrix(fit) %*% b))
    sum(dbinom(fit$y, 1, p, log = TRUE))
  }
  large <- fit_glm(Ozone > 40 ~ Wind + Temp, imp, family = binomial())
  small <- fit_glm(Ozone > 40 ~ 1, imp, family = binomial())
  table <- anova(small, large, method = "D3")
  by_hand <- d3_by_hand(large$fits, small$fits, logistic_density, 2)
  expect_equal(unlist(table[1, c("F", "riv")]), by_hand, tolerance = 1e-10)
})

test_that("the likelihood of each family at its own estimates is logLik()", {
  set.seed(2)
  data <- data.frame(x = rnorm(40), w = sample(1:3, 40, TRUE))
  data$y <- rgamma(40, 2, 2 / exp(0.5 * data$x))
  data$n <- rnbinom(40, 2, mu = exp(1 + data$x))
  data$s <- rbinom(40, 5, plogis(data$x))
  fits <- list(
    fit_glm(y ~ x, data, weights = w), lm(y ~ x, data, weights = w),
    glm(y ~ x, data, family = Gamma("log")),
    fit_glm(y ~ x, data, family = Gamma("log"), weights = w, offset = x / 10),
    fit_glm(y ~ x, data, family = inverse.gaussian("log"), weights = w),
    fit_glm(n ~ x, data, family = negative_binomial(), weights = w),
    fit_glm(cbind(s, 5 - s) ~ x, data, family = binomial()),
    fit_glm(s / 5 ~ x, data, family = binomial("probit"), weights = rep(5, 40)),
    fit_glm(n ~ x, data, family = poisson("sqrt"), weights = w)
  )
  for (fit in fits) {
    parts <- likelihood_parts(fit, 1L)
    ours <- log_density_at(parts, coef(fit), parts$dispersion, parts$theta)
    expect_equal(ours, as.numeric(logLik(fit)), tolerance = 1e-10)
  }
})

test_that("terms are tested by D1, one coefficient by its t", {
  skip_if_not_installed("mice")
  skip_if_not_installed("mitml")
  mids <- mids_of("boys")
  fit <- fit_glm(hgt ~ age + reg + wgt, from_mids(mids))
  table <- anova(fit, type = "II")
  large <- lm_of_each(hgt ~ age + reg + wgt, mids)
  small <- lm_of_each(hgt ~ age + wgt, mids)
  theirs <- mitml::testModels(large, small, df.com = df.residual(large[[1]]))
  expect_equal(table["reg", "F"], theirs$test[[1]], tolerance = 1e-9)
  expect_equal(table["reg", "Den Df"], theirs$test[[3]], tolerance = 1e-9)
  t <- summary(fit)$coefficients["age", ]
  expect_equal(table["age", "F"], t[["t value"]]^2)
  expect_equal(table["age", "Den Df"], t[["df"]])
  expect_equal(table["age", "Pr(>F)"], t[["Pr(>|t|)"]])
})

test_that("type III does not depend on the contrasts of the fit", {
  skip_if_not_installed("mice")
  imp <- from_mids(mids_of("airquality"))
  a <- anova(fit_glm(Ozone ~ Wind * Month, imp), type = "III")
  b <- anova(fit_glm(Ozone ~ Wind * Month, imp, contrasts = list(Month = "contr.sum")), type = "III")
  expect_equal(a, b, tolerance = 1e-8)
})

test_that("with nothing missing, tests are those of a fit", {
  fit <- fit_glm(weight ~ Diet * Time, ChickWeight, cluster = ~ Chick)
  pooled <- pool(list(fit, fit, fit))
  for (vcov in c("HC2", "CR1", "CR2")) {
    ours <- anova(pooled, type = "III", vcov = vcov)
    single <- wald_test(fit, "Diet:Time", vcov = vcov)
    expect_equal(ours["Diet:Time", "F"], single$statistic, tolerance = 1e-10)
    df <- single$df.residual
    expect_equal(ours["Diet:Time", "Den Df"], (df + 1) / (df + 3) * df, tolerance = 1e-8)
  }
})

test_that("models that cannot be compared are refused", {
  skip_if_not_installed("mice")
  imp <- from_mids(mids_of("nhanes2"))
  a <- fit_glm(chl ~ bmi, imp)
  b <- fit_glm(chl ~ age + hyp, imp)
  expect_error(anova(a, b), "no coefficient `bmi`", class = "questrial_error_argument")
  expect_error(anova(a, a), "neither is within", class = "questrial_error_argument")
  expect_error(anova(a, fit_glm(bmi ~ chl + age, imp)), "responses chl and bmi")
  expect_error(anova(a, pool(b$fits[1:3])), "5 and 3 imputations")
  expect_error(anova(a, lm(chl ~ bmi, mice::nhanes2)), "pooled fits with each other")
  expect_error(anova(a, method = "D3"), "compares two fits")
  expect_error(anova(a, b, method = "D3", vcov = "HC3"), class = "questrial_error_argument")
  firth <- lapply(list(hyp ~ bmi, hyp ~ bmi + chl), fit_glm, imp,
    family = binomial(), method = "firth"
  )
  expect_error(anova(firth[[1]], firth[[2]], method = "D3"), "Firth's penalty")
})

test_that("several models are compared in turn, in either order", {
  skip_if_not_installed("mice")
  imp <- from_mids(mids_of("nhanes2"))
  fits <- lapply(list(chl ~ 1, chl ~ bmi, chl ~ bmi + age), fit_glm, imp)
  table <- anova(fits[[1]], fits[[2]], fits[[3]])
  expect_identical(row.names(table), c("1 - 2", "2 - 3"))
  expect_equal(table[2, 3], anova(fits[[3]], fits[[2]])[1, 3])
  text <- capture.output(print(table))
  expect_match(text, "Model 3: chl ~ bmi \\+ age", all = FALSE)
  expect_match(text, "25 rows used in each of 5", all = FALSE)
  expect_true(all(nchar(text) <= 80))
})

test_that("the joint test of a single imputation is that of its fit", {
  imp <- drawn_imputations(lossy_trial(), m = 1)
  single <- suppressWarnings(fit_glm(month6 ~ before + arm, imp))
  expect_no_match(capture.output(print(anova(single))), "D1")
  # What imputing again would change is not known, and not nothing.
  expect_silent(at_a_glance <- glance.pooled_fit(single))
  expect_identical(at_a_glance$m.needed, NA_real_)
  expect_true(all(is.na(tidy.pooled_fit(single)$mc.error)))
  own <- fit_glm(month6 ~ before + arm, imp[[1]])
  terms <- c("armgroup", "armletter")
  clinic <- rep(1:12, length.out = 120)
  for (type in c("model", "HC3", "CR2")) {
    of <- if (type == "CR2") clinic
    pooled <- wald_test(single, terms, vcov = type, cluster = of)
    test <- wald_test(own, terms, vcov = type, cluster = of)
    columns <- c("statistic", "df", "df.residual", "p.value")
    expect_equal(as.list(pooled)[columns], as.list(test)[columns])
    how <- if (type == "CR2") "HTZ" else "F = Q / q"
    expect_match(capture.output(print(pooled)), how, all = FALSE, fixed = TRUE)
  }
})
