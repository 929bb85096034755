# Synthetic: y depends on the square of x, which is missing more often where y is large.
quadratic_data <- function(n = 3000, seed = 6) {
  set.seed(seed)
  z <- stats::rnorm(n)
  x <- 0.5 * z + stats::rnorm(n)
  y <- 1 + x + 0.5 * x^2 + 0.5 * z + stats::rnorm(n, 0, 2)
  x[stats::runif(n) < stats::plogis(-0.8 + 0.3 * y)] <- NA
  data.frame(y, x, z)
}

# The largest distance from the truth, in standard errors.
distance <- function(formula, imp, truth, ...) {
  rows <- generics::tidy(fit_glm(formula, imp, ...))
  max(abs(rows$estimate - truth) / rows$std.error)
}

test_that("the effect of a square survives; by plain regressions it does not", {
  d <- quadratic_data()
  model <- y ~ x + I(x^2) + z
  truth <- c(1, 1, 0.5, 0.5)
  expect_lt(distance(model, impute(d, m = 20, seed = 1, model = model), truth), 3.5)
  expect_gt(distance(model, impute(d, m = 20, seed = 1, method = "norm"), truth), 5)
})

test_that("so does an interaction in a logistic model, with a factor and outcomes missing too", {
  set.seed(3)
  n <- 3000
  d <- data.frame(
    arm = factor(sample(c("control", "treated"), n, TRUE)),
    living = factor(sample(c("alone", "family", "shared"), n, TRUE)), x = stats::rnorm(n)
  )
  model <- y ~ arm * x + living
  truth <- c(-0.5, 0.6, 0.7, 0.8, -0.5, 0.6)
  eta <- drop(stats::model.matrix(stats::update(model, NULL ~ .), d) %*% truth)
  d$y <- factor(stats::rbinom(n, 1, stats::plogis(eta)), labels = c("no", "yes"))
  yes <- d$y == "yes"
  d$x[stats::runif(n) < ifelse(yes, 0.4, 0.1)] <- NA
  d$living[stats::runif(n) < ifelse(yes, 0.1, 0.3)] <- NA
  d$y[stats::runif(n) < 0.1] <- NA
  imp <- impute(d, m = 10, seed = 2, model = model)
  expect_identical(imp$method[c("x", "living", "y")], c(
    x = "norm", living = "polyreg", y = "logreg"
  ))
  expect_lt(distance(model, imp, truth, family = stats::binomial()), 3.5)
})

test_that("threads and update() change no bit", {
  d <- quadratic_data(100)
  d$z[c(3, 9)] <- NA
  d$`a factor` <- factor(rep(1:4, 25))
  model <- y ~ . + z * x + I(x^2)
  one <- impute(d, m = 4, iterations = 3, seed = 1, model = model, threads = 1)
  expect_identical(
    impute(d, m = 4, iterations = 3, seed = 1, model = model, threads = 2)$imputed, one$imputed
  )
  few <- impute(d, m = 2, iterations = 3, seed = 1, model = model)
  expect_identical(update(few, m = 4)$imputed, one$imputed)
})

test_that("the log names the model; groups are completed each by itself", {
  d <- quadratic_data(200)
  d$arm <- factor(rep(c("a", "b"), 100))
  imp <- impute(d, m = 2, iterations = 2, seed = 1, model = y ~ x + I(x^2), by = ~arm)
  expect_match(
    imp$log$decision[imp$log$variable %in% "x"],
    "drawn to be compatible with y ~ x + I(x^2)", fixed = TRUE, all = FALSE
  )
  expect_identical(unname(imp$predictors["x", c("y", "z")]), c(0L, 1L))
})

test_that("products come with all their parts", {
  terms <- stats::terms(y ~ a * b + I(a^2 * c))
  parts <- with_parts(model_products(terms))
  expect_identical(parts[[1]], character())
  expect_setequal(vapply(parts[-1], paste, "", collapse = " "), c(
    "a", "b", "c", "a b", "a a", "a c", "a a c"
  ))
})

test_that("models the draws do not know are refused, with the cure", {
  d <- quadratic_data(50)
  d$text <- rep(c("a", "b"), 25)
  d$group <- factor(rep(c("a", "b"), 25))
  refuse <- function(...) {
    expect_error(impute(d, m = 2, seed = 1, ...), class = "questrial_error_argument")
  }
  expect_match(conditionMessage(refuse(model = ~x)), "must be a formula such as")
  expect_match(conditionMessage(refuse(model = y ~ log(x))), "not a column, a power or a product")
  expect_match(conditionMessage(refuse(model = y ~ x + nothing)), "no column")
  expect_match(conditionMessage(refuse(model = log(y) ~ x)), "must be a column of numbers")
  expect_match(conditionMessage(refuse(model = y ~ x + text)), "Make it a number or a factor")
  expect_match(conditionMessage(refuse(model = y ~ x + I(y^2))), "stands on both sides")
  expect_match(conditionMessage(refuse(model = y ~ x + I(group^2))), "power of `group`")
  expect_match(conditionMessage(refuse(model = y ~ x + offset(z))), "has an offset")
  d$event <- rep(c(0L, 1L, NA), length.out = 50)
  expect_match(conditionMessage(refuse(model = event ~ x)), "`event` is a number of two values")
  expect_match(conditionMessage(refuse(model = y ~ x, cluster = "group")), "`cluster`")
  expect_match(
    conditionMessage(refuse(model = y ~ x, method = c(x = "pmm"))), "\"pmm\" cannot be compatible"
  )
  expect_match(
    conditionMessage(refuse(model = y ~ x, method = c(x = "none"))), "left incomplete"
  )
})
