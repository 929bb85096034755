# Oracle: lm on the rows that the moments are of.

moments_of <- function(data) {
  list(n = nrow(data), mean = colMeans(data), cov = cov(data))
}

test_that("fits from moments are those of lm on the rows", {
  cars <- mtcars[c("mpg", "wt", "hp", "qsec", "vs")]
  cars[["wt:vs"]] <- cars$wt * cars$vs
  sets <- list(
    list(mpg ~ wt + hp + qsec, cars), list(mpg ~ wt + vs + wt:vs, cars), list(mpg ~ 1, cars),
    list(qsec ~ 0 + wt + vs, cars), list(Employed ~ ., longley), list(Fertility ~ ., swiss)
  )
  for (set in sets) {
    m <- moments_of(set[[2]])
    ours <- fit_moments(set[[1]], m$n, m$mean, m$cov)
    rows <- set[[2]][!grepl(":", names(set[[2]]))]
    theirs <- lm(set[[1]], rows)
    near <- if (identical(set[[2]], longley)) 1e-8 else 1e-10
    expect_equal(coef(ours), coef(theirs), tolerance = near)
    expect_equal(vcov(ours), vcov(theirs), tolerance = near)
    expect_equal(confint(ours), confint(theirs), tolerance = near, ignore_attr = TRUE)
    expect_equal(deviance(ours), deviance(theirs), tolerance = near)
    expect_identical(nobs(ours), nobs(theirs))
    expect_equal(as.numeric(logLik(ours)), as.numeric(logLik(theirs)), tolerance = near)
    parts <- c("coefficients", "sigma", "r.squared", "adj.r.squared", "fstatistic")
    expect_equal(summary(ours)[parts], summary(theirs)[parts],
      tolerance = 10 * near, ignore_attr = TRUE
    )
    if (length(coef(theirs)) > 1) {
      expect_equal(as.matrix(anova(ours)), as.matrix(anova(theirs)), tolerance = 10 * near)
    }
    expect_equal(predict(ours, head(rows)), predict(theirs, head(rows)), tolerance = near)
  }
})

test_that("what needs no rows works on them", {
  m <- moments_of(mtcars)
  ours <- fit_moments(mpg ~ wt + hp, m$n, m$mean, m$cov)
  rows <- fit_glm(mpg ~ wt + hp, mtcars)
  expect_equal(as.data.frame(linear_contrast(ours, "wt - 2 * hp = 1")),
    as.data.frame(linear_contrast(rows, "wt - 2 * hp = 1")), tolerance = 1e-10
  )
  expect_equal(as.matrix(anova(ours, type = "III")), as.matrix(anova(rows, type = "III")),
    tolerance = 1e-10
  )
  expect_equal(as.data.frame(wald_test(ours)), as.data.frame(wald_test(rows)), tolerance = 1e-10)
  expect_equal(coef(update(ours, . ~ . - hp)), coef(update(rows, . ~ . - hp)), tolerance = 1e-10)
  smaller <- update(ours, . ~ . - hp)
  expect_equal(anova(smaller, ours)[["Pr(>F)"]][[2]], summary(rows)$coefficients["hp", 4])
  skip_if_not_installed("generics")
  expect_equal(generics::glance(ours)$AIC, AIC(rows))
})

test_that("what needs rows says so", {
  m <- moments_of(mtcars)
  fit <- fit_moments(mpg ~ wt + hp, m$n, m$mean, m$cov)
  needs <- list(
    residuals, fitted, predict, model.frame, model.matrix, hatvalues, cooks.distance, rstandard,
    rstudent, influence, simulate, plot, weights, function(fit) vcov(fit, "HC3"),
    function(fit) summary(fit, vcov = "HC1"), function(fit) marginal_means(fit, ~wt),
    function(fit) standardised_effects(fit, ~wt)
  )
  for (method in needs) {
    expect_error(method(fit), "need the rows", class = "questrial_error_no_rows")
  }
})

test_that("moments that cannot be are refused", {
  m <- moments_of(mtcars[c("mpg", "wt", "hp")])
  refused <- function(code, message) {
    expect_error(code, message, class = "questrial_error_argument")
  }
  refused(fit_moments(mpg ~ wt + disp, m$n, m$mean, m$cov), "no `disp`")
  refused(fit_moments(mpg ~ wt + log(hp), m$n, m$mean, m$cov), "no `log\\(hp\\)`")
  refused(fit_moments(mpg ~ wt + offset(hp), m$n, m$mean, m$cov), "has an offset")
  refused(fit_moments(mpg ~ wt + hp, 3, m$mean, m$cov), "too small")
  refused(fit_moments(mpg ~ wt, m$n, unname(m$mean), m$cov), "different names")
  refused(fit_moments(mpg ~ wt, m$n, m$mean, m$cov[1:2, 1:2]), "names of `mean`")
  wrong <- m$cov
  wrong[1, 2] <- 0
  refused(fit_moments(mpg ~ wt, m$n, m$mean, wrong), "not symmetric")
  wrong[2, 1] <- wrong[1, 2] <- 2 * sqrt(wrong[1, 1] * wrong[2, 2])
  refused(fit_moments(mpg ~ wt, m$n, m$mean, wrong), "beyond its variance")
  double <- moments_of(transform(mtcars, twice = 2 * wt))
  expect_error(fit_moments(mpg ~ wt + twice, double$n, double$mean, double$cov),
    "`twice` does not vary, or follows", class = "questrial_error_singular"
  )
})

test_that("prints say that there are no rows", {
  m <- moments_of(mtcars)
  fit <- fit_moments(mpg ~ wt + hp, m$n, m$mean, m$cov)
  shown <- capture.output(print(fit), print(summary(fit)), print(anova(fit)))
  expect_lte(max(nchar(shown)), 80)
  expect_match(shown, "Fitted from n, means and covariances", all = FALSE)
})
