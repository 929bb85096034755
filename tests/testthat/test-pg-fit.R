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
  expect_same_fit(t, d, I(k * 1) ~ arm + old, family = negative_binomial(theta = 1.5),
    cluster = ~site, types = every_type)
  for (family in list(Gamma(), Gamma("log"), inverse.gaussian("log"), quasi(variance = "mu^2"))) {
    both <- expect_same_fit(t, d, g ~ arm + old, family = family, cluster = ~site,
      types = every_type)
    if (!startsWith(family$family, "quasi")) {
      expect_equal(logLik(both$there), logLik(both$pulled), ignore_attr = TRUE)
    }
  }
})

test_that("texts that the server takes for equal are told apart as R does", {
  con <- local_pg()
  pg_exec(con, "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2',
    deterministic = false)")
  pg_exec(con, "CREATE TABLE d AS SELECT i % 7 * 1.5::float8 AS y, sin(i) AS x,
    ((ARRAY['a', 'A', 'b'])[1 + mod(i * i + i / 5, 3)] COLLATE loose) AS g
    FROM generate_series(1, 90) i; ANALYZE d")
  d <- pg_read(con, "SELECT * FROM d")
  t <- pg_table(con, "d")
  expect_same_fit(t, d, y ~ g, cluster = ~g, types = "HC3")
  expect_same_fit(t, d, y ~ g + x, types = "HC3")
  expect_same_fit(t, d, y ~ x, subset = g == "a")
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

test_that("linear models of numbers with many values are those of the rows", {
  con <- local_pg()
  t <- fit_table_of(con, 3000)
  d <- pg_read(con, "SELECT * FROM d")
  both <- expect_same_fit(t, d, y ~ arm * age + old, cluster = ~site, types = every_type)
  expect_identical(both$there$info$route, "moments")
  expect_equal(logLik(both$there), logLik(both$pulled), ignore_attr = TRUE)
  plain <- function(x) as.data.frame(unclass(x))
  expect_equal(
    plain(wald_test(both$there, vcov = "CR2")), plain(wald_test(both$pulled, vcov = "CR2"))
  )
  expect_equal(
    summary(both$there, vcov = "CR2")$fstatistic, summary(both$pulled, vcov = "CR2")$fstatistic
  )
  expect_equal(
    plain(linear_contrast(both$there, c("armb - armc", "armb:age + age"), vcov = "CR2")),
    plain(linear_contrast(both$pulled, c("armb - armc", "armb:age + age"), vcov = "CR2"))
  )
  expect_equal(
    predict(both$there, d[1:5, ], interval = "prediction"),
    predict(both$pulled, d[1:5, ], interval = "prediction"), tolerance = 1e-10
  )
  expect_same_fit(t, d, y ~ age + I(age^2) + log(age) + factor(items), types = "HC3")
  expect_same_fit(t, d, y ~ 0 + age + old:g, cluster = ~site, types = "CR2")
  expect_same_fit(t, d, y ~ 0 + arm + arm:age, types = "HC2")
  expect_same_fit(t, d, y ~ age + arm + I(2 * age + 1) + g, offset = items, types = "HC0")
  expect_same_fit(t, d, y ~ age + arm, weights = w, subset = g > 0.5, cluster = ~site,
    types = c("HC3", "CR1"))
  expect_same_fit(t, d, y ~ age, cluster = ~ site + items, types = "CR1")
  expect_same_fit(t, d, y ~ age + factor(arm, levels = c("c", "a")), types = "CR0",
    cluster = ~site)
  expect_error(
    vcov(fit_glm(y ~ age, t, weights = w, cluster = ~site), "CR2"), "CR2 with weights.*CR1"
  )
})

test_that("other models of numbers with many values are those of the rows", {
  con <- local_pg()
  t <- fit_table_of(con, 2000)
  d <- pg_read(con, "SELECT * FROM d")
  both <- expect_same_fit(t, d, s ~ arm * age + old, family = binomial(), cluster = ~site,
    types = every_type)
  expect_identical(both$there$info$route, "irls")
  expect_equal(logLik(both$there), logLik(both$pulled), ignore_attr = TRUE)
  plain <- function(x) as.data.frame(unclass(x))
  expect_equal(
    plain(wald_test(both$there, vcov = "CR2")), plain(wald_test(both$pulled, vcov = "CR2"))
  )
  expect_same_fit(t, d, k ~ age + offset(log(w)), family = poisson(), weights = w,
    cluster = ~site, types = c("HC3", "CR2"))
  for (family in list(Gamma("log"), inverse.gaussian("log"), gaussian("log"))) {
    both <- expect_same_fit(t, d, g ~ age + arm, family = family, types = "HC3")
    expect_equal(logLik(both$there), logLik(both$pulled), ignore_attr = TRUE)
  }
  both <- expect_same_fit(t, d, k ~ age, family = negative_binomial(2), types = "HC2")
  expect_equal(logLik(both$there), logLik(both$pulled), ignore_attr = TRUE)
  expect_same_fit(t, d, s ~ age, family = binomial("cloglog"), types = "HC0")
  expect_same_fit(t, d, k ~ age + old, family = poisson("sqrt"), types = "HC0")
  expect_error(fit_glm(s ~ age, t, family = binomial("probit")), "no probit link.*pg_read")
  expect_error(fit_glm(k ~ age, t, family = negative_binomial()), "unknown theta.*pg_read")
  expect_error(fit_glm(s ~ age, t, family = binomial(), method = "firth"), "firth.*pg_read")
  expect_error(fit_glm(k ~ age, t, family = binomial()), "from 0 to 1")
  expect_error(
    vcov(fit_glm(s ~ age + factor(site), t, family = binomial(), cluster = ~site), "CR2"),
    "depend on one cluster alone.*CR1"
  )
})

test_that("a number that foretells a response is found", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE apart AS SELECT i::float8 AS x, i > 20 AS y FROM generate_series(1, 40) i")
  expect_warning(
    fit <- fit_glm(y ~ x, pg_table(con, "apart"), family = binomial()), "Separation",
    class = "questrial_warning_separation"
  )
})

test_that("designs that sums cannot hold are refused with the cure, others have all their digits", {
  con <- local_pg()
  expect_lost <- function(...) {
    expect_error(..., "pg_read", class = "questrial_error_ill_conditioned")
  }
  # Longley's set: sums about means hold what raw sums do not.
  longley <- datasets::longley
  columns <- c("GNP.deflator", "GNP", "Unemployed", "Armed.Forces", "Population", "Year")
  values <- apply(as.matrix(longley[c("Employed", columns)]), 1, paste, collapse = ", ")
  pg_exec(con, sprintf(
    "CREATE TABLE longley (y float8, %s)", paste(sprintf("x%d float8", 1:6), collapse = ", ")
  ))
  pg_exec(con, sprintf(
    "INSERT INTO longley VALUES %s", paste(sprintf("(%s)", values), collapse = ", ")
  ))
  fit <- fit_glm(y ~ x1 + x2 + x3 + x4 + x5 + x6, pg_table(con, "longley"))
  pulled <- fit_glm(y ~ x1 + x2 + x3 + x4 + x5 + x6, pg_read(con, "SELECT * FROM longley"))
  expect_equal(coef(fit), coef(pulled), tolerance = 1e-10)
  expect_equal(vcov(fit), vcov(pulled), tolerance = 1e-9)
  # A polynomial of degree 10 over [-9, -3], as NIST's Filip.
  pg_exec(con, paste(
    "CREATE TABLE filip AS SELECT x, sin(x) AS y FROM (SELECT -9 + i * 6 / 81.0::float8 AS x",
    "FROM generate_series(0, 81) i) at"
  ))
  powers <- reformulate(c("x", sprintf("I(x^%d)", 2:10)), "y")
  expect_lost(fit_glm(powers, pg_table(con, "filip")))
  pg_exec(con, paste(
    "CREATE TABLE near AS SELECT x, x + 1e-6 * sin(7 * x) AS z, cos(x) AS y",
    "FROM (SELECT i::float8 AS x FROM generate_series(1, 100) i) at"
  ))
  expect_lost(fit_glm(y ~ x + z, pg_table(con, "near")))
  expect_lost(fit_glm(y > 0 ~ x + z, pg_table(con, "near"), family = binomial()))
  pg_exec(con, "INSERT INTO near VALUES ('Infinity', 1, 1)")
  expect_error(fit_glm(y ~ x, pg_table(con, "near")), "no sum can hold")
})

test_that("an analysis of deviance needs rows or two fits", {
  con <- local_pg()
  pg_write(con, warpbreaks, "w")
  fit <- fit_glm(breaks ~ tension + wool, pg_table(con, "w"), poisson())
  for (type in c("I", "II", "III")) {
    expect_error(anova(fit, type = type), "two fits", class = "questrial_error_no_rows")
  }
  pulled <- fit_glm(breaks ~ tension + wool, pg_read(con, "SELECT * FROM w"), poisson())
  smaller <- fit_glm(breaks ~ tension, pg_table(con, "w"), poisson())
  expect_equal(anova(smaller, fit)$Deviance, anova(update(pulled, . ~ tension), pulled)$Deviance)
  expect_equal(
    anova(fit, type = "II", test = "Wald")$Chisq, anova(pulled, type = "II", test = "Wald")$Chisq
  )
})
