# Fits of tables beside those of their rows: tests, densities, clusters, plans.

test_that("tests of type III in sum-to-zero contrasts need no rows", {
  con <- local_pg()
  t <- fit_table_of(con, 1500)
  d <- pg_read(con, "SELECT * FROM d")
  for (model in list(y ~ arm * old + factor(items > 3), y ~ arm * age * old, y ~ 0 + arm + arm:age)) {
    there <- fit_glm(model, t, cluster = ~site)
    pulled <- fit_glm(model, d, cluster = ~site)
    plain <- function(x) as.data.frame(unclass(x))
    expect_equal(plain(anova(there, type = "III")), plain(anova(pulled, type = "III")))
    expect_equal(
      plain(anova(there, type = "III", vcov = "CR2")),
      plain(anova(pulled, type = "III", vcov = "CR2"))
    )
  }
  expect_equal(
    anova(fit_glm(s ~ arm * age, t, binomial()), type = "III", test = "Wald")$Chisq,
    anova(fit_glm(s ~ arm * age, d, binomial()), type = "III", test = "Wald")$Chisq
  )
})

test_that("the density of counts is known however they are stored, and where not, that is noted", {
  con <- local_pg()
  pg_exec(con, sprintf(paste(
    "CREATE TABLE d AS SELECT *, k::float8 AS kd, 1 + mod(id, 5) AS n,",
    "  (k %% (2 + mod(id, 5)))::float8 / (1 + mod(id, 5)) AS share FROM (%s) made"
  ), sprintf(fit_rows_sql, 800)))
  t <- pg_table(con, "d")
  d <- pg_read(con, "SELECT * FROM d")
  for (model in list(k ~ age, kd ~ age, kd ~ arm)) {
    for (family in list(poisson(), negative_binomial(1.5))) {
      both <- expect_same_fit(t, d, model, family = family)
      expect_equal(logLik(both$there), logLik(both$pulled), ignore_attr = TRUE)
      expect_equal(AIC(both$there), AIC(both$pulled))
    }
  }
  both <- expect_same_fit(t, d, share ~ age, family = binomial(), weights = n)
  expect_equal(logLik(both$there), logLik(both$pulled), ignore_attr = TRUE)
  fit <- fit_glm(kd ~ age + factor(arm, levels = c("c", "a")), t, poisson())
  expect_identical(as.double(logLik(fit)), NA_real_)
  expect_match(fit$notes, "No log-likelihood")
  expect_length(fit_glm(kd ~ age, t, quasipoisson())$notes, 0)
})

test_that("rows that a factor's levels leave out count for nothing", {
  con <- local_pg()
  t <- fit_table_of(con, 400)
  d <- pg_read(con, "SELECT * FROM d")
  expect_same_fit(t, d, k ~ age + factor(arm, levels = c("c", "a")), family = poisson())
  expect_same_fit(t, d, y ~ age + factor(arm, levels = c("c", "a")))
})

test_that("clusters are columns, by formula, name or text, and bear their name", {
  con <- local_pg()
  t <- fit_table_of(con, 400)
  of_site <- "site"
  for (model in list(y ~ arm, y ~ age)) {
    fit <- fit_glm(model, t, cluster = ~site)
    for (same in list(
      fit_glm(model, t, cluster = site), fit_glm(model, t, cluster = "site"),
      fit_glm(model, t, cluster = of_site), fit_glm(model, t, cluster = ~ factor(site))
    )) {
      expect_equal(vcov(same, "CR2"), vcov(fit, "CR2"))
      expect_output(print(summary(same, vcov = "CR2")), "CR2 by site ")
    }
    expect_error(fit_glm(model, t, cluster = ~ I(site %% 2)), "must name columns.*view")
    expect_error(fit_glm(model, t, cluster = 1:400), "must name columns")
    expect_error(fit_glm(model, t, cluster = ~1), "must name columns")
  }
})

test_that("a perfect fit has no deviance below 0", {
  con <- local_pg()
  for (k in c(2, 5, 7)) {
    pg_exec(con, sprintf(paste(
      "CREATE TABLE d%1$d AS SELECT (i %% 2)::text AS g, sin(%1$d * i) AS x,",
      "CASE WHEN i %% 2 = 0 THEN 1.5 ELSE 3 END AS y FROM generate_series(1, 6) i"
    ), k))
    expect_silent(fit <- fit_glm(y ~ g + x, pg_table(con, sprintf("d%d", k))))
    expect_gte(deviance(fit), 0)
  }
})

test_that("numbers far from 0 keep their digits", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE d AS SELECT (i % 97)::float8 AS x, 1e9 + (i % 97)::float8 AS far,
    sin(i) AS y FROM generate_series(1, 300) i")
  t <- pg_table(con, "d")
  near <- coef(fit_glm(y ~ x, t))
  far <- coef(fit_glm(y ~ far, t))
  expect_equal(far[["far"]], near[["x"]], tolerance = 1e-12)
  expect_equal(far[["(Intercept)"]], near[["(Intercept)"]] - 1e9 * near[["x"]], tolerance = 1e-12)
})

test_that("the server may share the rows of each statement out among workers", {
  con <- local_pg()
  t <- fit_table_of(con, 2000)
  pg_exec(con, "SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0;
    SET parallel_tuple_cost = 0")
  for (model in list(y ~ arm + age, s ~ age, k ~ arm)) {
    family <- if (identical(model[[2]], quote(s))) binomial() else gaussian()
    traced <- explained_fit(con, fit_glm(model, t, family, cluster = ~site))
    for (plan in traced$plans) {
      expect_length(grep("Partial (Hash|Group)?Aggregate", plan), 1)
    }
  }
})

test_that("a response that never varies has no finite coefficients, which is said", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE d AS SELECT i::float8 AS x, 0 AS k, true AS b, i % 3 = 0 AS s
    FROM generate_series(1, 30) i")
  t <- pg_table(con, "d")
  for (asked in list(list(k ~ x, poisson()), list(b ~ x, binomial()))) {
    expect_warning(fit_glm(asked[[1]], t, asked[[2]]), "Separation: `\\(Intercept\\)` foretells",
      class = "questrial_warning_separation")
  }
  expect_no_warning(fit_glm(s ~ I(1e-9 * x), t, binomial()))
})

test_that("a model of nothing but 0 is refused by class", {
  con <- local_pg()
  pg_write(con, cars, "cars")
  table <- pg_table(con, "cars")
  for (family in list(gaussian(), poisson())) {
    expect_error(fit_glm(dist ~ 0 + I(speed * 0), table, family = family), "is 0 in all rows",
      class = "questrial_error_argument")
  }
})
