every_type <- c(paste0("HC", 0:3), paste0("CR", 0:2))

test_that("fits of counted cells are those of the rows", {
  con <- local_pg()
  t <- fit_table_of(con, 3000)
  d <- pg_read(con, "SELECT * FROM d")
  both <- expect_same_fit(t, d, y ~ arm * old + factor(site), cluster = ~site, types = every_type)
  expect_identical(both$there$info$route, "cells")
  expect_equal(logLik(both$there), logLik(both$pulled), ignore_attr = TRUE)
  expect_same_fit(t, d, s ~ arm + old, family = binomial(), cluster = ~site, types = every_type)
  expect_same_fit(t, d, s ~ arm, family = binomial("probit"), cluster = ~site, types = every_type)
  both <- expect_same_fit(t, d, k ~ arm + old + items + I(items^2), family = poisson(),
    cluster = ~site, types = every_type)
  expect_equal(logLik(both$there), logLik(both$pulled), ignore_attr = TRUE)
  expect_same_fit(t, d, cbind(k, items) ~ arm, family = quasibinomial(), cluster = ~site,
    types = every_type)
  both <- expect_same_fit(t, d, k ~ arm + old, family = negative_binomial(), cluster = ~site,
    types = every_type)
  expect_equal(both$there$theta, both$pulled$theta)
  for (family in list(Gamma(), Gamma("log"), inverse.gaussian("log"), quasi(variance = "mu^2"))) {
    both <- expect_same_fit(t, d, g ~ arm + old, family = family, cluster = ~site,
      types = every_type)
    if (!startsWith(family$family, "quasi")) {
      expect_equal(logLik(both$there), logLik(both$pulled), ignore_attr = TRUE)
    }
  }
})

test_that("weights, offsets, subsets, codings and several ways of clustering are those of rows", {
  con <- local_pg()
  t <- fit_table_of(con, 2000)
  d <- pg_read(con, "SELECT * FROM d")
  expect_same_fit(t, d, y ~ arm + old, weights = w, cluster = ~site, types = every_type)
  expect_same_fit(t, d, log(y) ~ relevel(factor(arm), "c") + items,
    subset = (old | items > 2) & arm %in% c("a", "c") & !is.na(age), cluster = ~site,
    types = every_type)
  least <- 3
  expect_same_fit(t, d, k ~ arm + offset(log(w)), family = poisson(), subset = items >= least)
  expect_same_fit(t, d, y ~ 0 + arm:old, offset = items)
  expect_same_fit(t, d, y ~ arm * old, contrasts = list(arm = "contr.sum"))
  expect_same_fit(t, d, y ~ arm, cluster = ~ site + items, types = "CR1")
  expect_same_fit(t, d, y ~ factor(items) + items + old)
  expect_same_fit(t, d, y ~ 1)
})

test_that("separation and aliasing are found where the data lie", {
  con <- local_pg()
  t <- fit_table_of(con, 500)
  expect_warning(
    fit <- fit_glm(old ~ I(items > 8 | old) + arm, t, family = binomial()), "Separation",
    class = "questrial_warning_separation"
  )
  expect_match(fit$notes, "Separation")
  fit <- fit_glm(old ~ I(items > 8 | old) + arm, t, family = binomial(), method = "firth")
  expect_true(all(is.finite(coef(fit))))
})

test_that("tables and questions that need no rows work, others are refused with what to do", {
  con <- local_pg()
  t <- fit_table_of(con, 2000)
  d <- pg_read(con, "SELECT * FROM d")
  both <- expect_same_fit(t, d, y ~ arm + old, cluster = ~site)
  there <- both$there
  pulled <- both$pulled
  expect_equal(confint(there, vcov = "CR2"), confint(pulled, vcov = "CR2"))
  expect_equal(generics::tidy(there, vcov = "HC3"), generics::tidy(pulled, vcov = "HC3"))
  expect_equal(generics::glance(there), generics::glance(pulled), tolerance = 1e-10)
  plain <- function(x) as.data.frame(unclass(x))
  expect_equal(
    plain(linear_contrast(there, "armb - armc", vcov = "CR2")),
    plain(linear_contrast(pulled, "armb - armc", vcov = "CR2"))
  )
  expect_equal(plain(wald_test(there, vcov = "CR2")), plain(wald_test(pulled, vcov = "CR2")))
  expect_equal(plain(effects_table(there)), plain(effects_table(pulled)))
  new <- data.frame(arm = c("a", "c"), old = TRUE)
  expect_equal(
    predict(there, new, interval = "confidence"), predict(pulled, new, interval = "confidence")
  )
  expect_output(print(summary(there, vcov = "CR2")), "CR2 by site .* clusters")
  expect_output(print(there), "rows used, .* left out for missing values")
  back <- unserialize(serialize(there, NULL))
  expect_equal(vcov(back, "CR2"), vcov(there, "CR2"))
  for (refused in list(residuals, fitted, weights, model.frame, model.matrix, plot, simulate,
    hatvalues, predict, generics::augment)) {
    expect_error(refused(there), "stayed in the database.*pg_read", class = "questrial_error_no_rows")
  }
  expect_error(vcov(there, "CR2", cluster = ~old), "Give it there")
  expect_error(vcov(fit_glm(y ~ arm, t), "CR2"), "need clusters")
})

test_that("what cannot be asked of a database is refused by name, with the cure", {
  con <- local_pg()
  t <- fit_table_of(con, 200)
  expect_error(fit_glm(y ~ poly(items, 2), t), "poly.*pg_read", class = "questrial_error_argument")
  expect_error(fit_glm(y ~ splines::ns(age), t), "ns.*I\\(x\\^2\\)")
  expect_error(fit_glm(y ~ armm, t), "no variable `armm`.*Did you mean")
  expect_error(fit_glm(y ~ arm, t, subset = substr(arm, 1, 1) == "a"), "cannot be said in SQL")
  expect_error(fit_glm(y ~ arm, t, subset = arm < "b"), "== and != only")
  expect_error(fit_glm(y ~ arm, t, subset = items), "no condition")
  expect_error(fit_glm(y ~ arm, t, cluster = ~nothing), "`cluster` must name columns")
  expect_error(fit_glm(y ~ arm, t, subset = items > 100), class = "questrial_error_no_data")
  expect_error(fit_glm(y ~ arm, t, na.action = na.pass), "na.omit, na.exclude or na.fail")
  expect_error(fit_glm(y ~ arm, t, na.action = na.fail), "missing values in .* rows")
  expect_error(fit_glm(g ~ arm, t, subset = arm == "zzz'; DROP TABLE d"), "No row")
  expect_error(fit_glm(I(-g) ~ arm, t, family = Gamma()), "Gamma response is above 0")
  expect_error(fit_glm(log(items) ~ arm, t), "logarithm of zero", class = "questrial_error_argument")
  pg_exec(con, "CREATE TABLE dates (y int, at date)")
  expect_error(fit_glm(y ~ at, pg_table(con, "dates")), "type date.*view")
})
