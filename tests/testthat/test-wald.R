# Oracles: clubSandwich, car, anova of nested fits, and the t test for one equation.

chick_fit <- function() fit_glm(weight ~ Diet * Time, ChickWeight, cluster = ~Chick)

test_that("CR2 gives clubSandwich's HTZ", {
  skip_if_not_installed("clubSandwich")
  lm <- stats::lm(weight ~ Diet * Time, ChickWeight)
  vcov <- clubSandwich::vcovCR(lm, ChickWeight$Chick, "CR2")
  for (which in list(2:4, 6:8, 2:8, 5)) {
    constraint <- clubSandwich::constrain_zero(which, coef(lm))
    want <- clubSandwich::Wald_test(lm, constraint, vcov)
    got <- wald_test(chick_fit(), list(diag(8)[which, , drop = FALSE]), vcov = "CR2")
    expect_equal(got$statistic, want$Fstat, tolerance = 1e-7)
    expect_equal(got$df, want$df_num)
    expect_equal(got$df.residual, want$df_denom, tolerance = 1e-7)
    expect_equal(got$p.value, want$p_val, tolerance = 1e-6)
  }
  weights <- seq(0.5, 2, length.out = nrow(ChickWeight))
  lm <- stats::lm(weight ~ Diet * Time, ChickWeight, weights = weights)
  vcov <- clubSandwich::vcovCR(lm, ChickWeight$Chick, "CR2")
  want <- clubSandwich::Wald_test(lm, clubSandwich::constrain_zero(2:4, coef(lm)), vcov)
  fit <- fit_glm(weight ~ Diet * Time, ChickWeight, weights = weights)
  got <- wald_test(fit, "Diet", vcov = "CR2", cluster = ~Chick)
  expect_equal(got$df.residual, want$df_denom, tolerance = 1e-7)
  expect_equal(got$statistic, want$Fstat, tolerance = 1e-7)
})

test_that("CR1 is clubSandwich's naive F", {
  skip_if_not_installed("clubSandwich")
  lm <- stats::lm(weight ~ Diet * Time, ChickWeight)
  want <- clubSandwich::Wald_test(lm, clubSandwich::constrain_zero(2:4, coef(lm)),
    clubSandwich::vcovCR(lm, ChickWeight$Chick, "CR1"),
    test = "Naive-F"
  )
  got <- wald_test(chick_fit(), "Diet", vcov = "CR1")
  expect_equal(got$statistic, want$Fstat, tolerance = 1e-7)
  expect_equal(c(got$df.residual, got$p.value), c(49, want$p_val), tolerance = 1e-6)
})

test_that("equations and covariances are car's", {
  skip_if_not_installed("car")
  skip_if_not_installed("sandwich")
  lm <- stats::lm(mpg ~ wt + hp + factor(gear), mtcars)
  fit <- fit_glm(mpg ~ wt + hp + factor(gear), mtcars)
  for (equations in list("wt = 2", c("wt + hp = 0", "factor(gear)4 = factor(gear)5"))) {
    want <- car::linearHypothesis(lm, equations)
    got <- wald_test(fit, equations)
    expect_equal(got$statistic, want$F[[2]], tolerance = 1e-8)
    expect_equal(got$p.value, want[["Pr(>F)"]][[2]], tolerance = 1e-8)
    want <- car::linearHypothesis(lm, equations, vcov. = sandwich::vcovHC(lm, "HC3"))
    got <- wald_test(fit, equations, vcov = "HC3")
    expect_equal(got$statistic, want$F[[2]], tolerance = 1e-8)
  }
})

test_that("the model's own covariance gives the F test of nested fits", {
  fit <- fit_glm(mpg ~ wt + factor(gear), mtcars)
  want <- stats::anova(stats::lm(mpg ~ wt, mtcars), stats::lm(mpg ~ wt + factor(gear), mtcars))
  got <- wald_test(fit)
  expect_identical(got$hypothesis, c("wt", "factor(gear)"))
  expect_equal(got$statistic[[2]], want$F[[2]])
  expect_equal(got$p.value[[2]], want[["Pr(>F)"]][[2]])
})

test_that("one equation is the t test", {
  for (type in c("model", "HC1", "CR0", "CR2")) {
    row <- tidy.fit_glm(chick_fit(), vcov = type)[5, ]
    test <- wald_test(chick_fit(), "Time", vcov = type)
    expect_equal(test$statistic, row$statistic^2)
    expect_equal(test$df.residual, row$df)
    expect_equal(test$p.value, row$p.value)
  }
})

test_that("equations that follow from others do not count twice", {
  fit <- chick_fit()
  once <- wald_test(fit, c("Diet2 = Diet3", "Diet3 = Diet4"), vcov = "CR2")
  twice <- wald_test(fit, c("Diet2 = Diet3", "Diet3 = Diet4", "Diet2 = Diet4"), vcov = "CR2")
  expect_equal(twice$statistic, once$statistic)
  expect_identical(twice$df, 2L)
})

test_that("more equations than clusters have no test", {
  fit <- fit_glm(mpg ~ wt + hp + qsec + drat, mtcars, cluster = ~cyl)
  got <- wald_test(fit, list(all = diag(5)[-1, ]), vcov = "CR0")
  expect_identical(got$hypothesis, "all")
  expect_true(is.na(got$statistic) && is.na(got$p.value))
  expect_match(paste(attr(got, "notes"), collapse = " "), "too few clusters")
})

test_that("aliased coefficients are left out of terms and refused in equations", {
  data <- transform(mtcars, twice = 2 * wt)
  fit <- fit_glm(mpg ~ wt + twice + factor(cyl):factor(gear), data)
  got <- wald_test(fit, "factor(cyl):factor(gear)")
  expect_match(paste(attr(got, "notes"), collapse = " "), "aliased and left out")
  expect_error(wald_test(fit, "twice"), "no coefficient of twice can be estimated")
  expect_error(wald_test(fit, "wt = twice"), "no unique value")
  expect_error(wald_test(fit, "nothing"), "no coefficient")
  expect_error(wald_test(fit_glm(mpg ~ 1, mtcars)), "no terms but the constant")
})

test_that("the F test of a robust summary is that of all terms", {
  fit <- chick_fit()
  want <- wald_test(fit, list(diag(8)[-1, ]), vcov = "CR2")
  f <- summary(fit, "CR2")$fstatistic
  expect_equal(unname(f), c(want$statistic, want$df, want$df.residual))
})

test_that("anova with CR2 tests each term as wald_test()", {
  fit <- chick_fit()
  table <- stats::anova(fit, type = "II", vcov = "CR2")
  want <- wald_test(fit, "Diet:Time", vcov = "CR2")
  expect_equal(table["Diet:Time", "F"], want$statistic)
  expect_equal(table["Diet:Time", "Den Df"], want$df.residual)
  expect_equal(table["Diet:Time", "Pr(>F)"], want$p.value)
  counts <- fit_glm(carb ~ wt + hp, mtcars, family = poisson(), cluster = ~gear)
  table <- stats::anova(counts, type = "II", vcov = "CR2")
  expect_equal(table["wt", "Pr(>F)"], wald_test(counts, "wt", vcov = "CR2")$p.value)
  expect_error(
    stats::anova(fit, fit_glm(weight ~ Time, ChickWeight), vcov = "CR2"), "Use wald_test",
    class = "questrial_error_argument"
  )
})

test_that("where the dispersion is known the test is chi-square", {
  skip_if_not_installed("sandwich")
  fit <- fit_glm(carb ~ wt + factor(gear), mtcars, family = poisson())
  glm <- stats::glm(carb ~ wt + factor(gear), poisson(), mtcars)
  variance <- sandwich::vcovHC(glm, "HC1")[3:4, 3:4]
  q <- drop(coef(glm)[3:4] %*% solve(variance, coef(glm)[3:4]))
  got <- wald_test(fit, "factor(gear)", vcov = "HC1")
  expect_equal(got$statistic, q / 2, tolerance = 1e-5)
  expect_equal(got$p.value, pchisq(q, 2, lower.tail = FALSE), tolerance = 1e-5)
  expect_identical(got$df.residual, Inf)
  expect_output(print(got), "factor\\(gear\\)")
})
