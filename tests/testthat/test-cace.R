# Oracles: estimatr::iv_robust(), the ratio of two differences in means, and
# Anderson and Rubin's test inverted by root search.

# Synthetic trial in which some assigned do not attend and some others do.
attendance <- function(seed = 1, n = 160) {
  set.seed(seed)
  data <- data.frame(
    z = rep(0:1, n / 2), x = rnorm(n), group = rep(1:20, n / 20), w = runif(n, 0.5, 2)
  )
  data$d <- rbinom(n, 1, plogis(-1 + 2.5 * data$z))
  data$y <- 1 + 0.5 * data$d + data$x + rnorm(20)[data$group] + rnorm(n)
  data
}

test_that("estimates, standard errors, df and first-stage F are those of iv_robust", {
  skip_if_not_installed("estimatr")
  data <- attendance()
  order <- c("(Intercept)", "x", "d")
  types <- c(
    classical = "model", HC0 = "HC0", HC1 = "HC1", HC2 = "HC2", HC3 = "HC3", CR0 = "CR0",
    CR2 = "CR2"
  )
  for (type in names(types)) {
    for (weights in list(NULL, data$w)) {
      clusters <- if (startsWith(type, "CR")) data$group
      peer <- eval(bquote(estimatr::iv_robust(
        y ~ d + x | z + x, data,
        weights = .(weights), clusters = .(clusters), se_type = .(type), diagnostics = TRUE
      )))
      ours <- eval(bquote(cace(
        y ~ d + x | z + x, data,
        weights = .(weights), cluster = .(clusters), vcov = .(types[[type]])
      )))
      expect_equal(coef(ours)[order], peer$coefficients[order], tolerance = 1e-12)
      expect_equal(vcov(ours)[order, order], peer$vcov[order, order], tolerance = 1e-10)
      expect_equal(ours$effects$df[[3]], peer$df[["d"]], tolerance = 1e-9)
      expect_equal(ours$effects$p.value[[3]], peer$p.value[["d"]], tolerance = 1e-8)
      expect_equal(unname(confint(ours)[1, ]), c(peer$conf.low[["d"]], peer$conf.high[["d"]]))
      expect_equal(
        ours$first_stage[["F"]], peer$diagnostic_first_stage_fstatistic[["value"]],
        tolerance = 1e-10
      )
    }
  }
})

test_that("without covariates it is one difference in means over the other", {
  data <- attendance(2)
  result <- cace(y ~ d | z, data)
  difference <- function(v) mean(v[data$z == 1]) - mean(v[data$z == 0])
  expect_equal(result$effects$estimate[1:2], c(difference(data$y), difference(data$d)))
  expect_equal(result$effects$estimate[[3]], difference(data$y) / difference(data$d))
  welch <- t.test(data$y[data$z == 1], data$y[data$z == 0])
  expect_equal(result$effects$std.error[[1]], welch$stderr)
})

# F of the assignment in a regression of y - b d, less its critical value.
ar_excess <- function(b, data, type) {
  peer <- lm(I(y - b * d) ~ x + z, data)
  v <- if (type == "CR2") {
    clubSandwich::vcovCR(peer, data$group, "CR2")
  } else if (type == "model") {
    vcov(peer)
  } else {
    sandwich::vcovHC(peer, type)
  }
  df <- if (type == "CR2") {
    clubSandwich::coef_test(peer, v, test = "Satterthwaite")$df_Satt[[3]]
  } else {
    peer$df.residual
  }
  coef(peer)[["z"]]^2 / v[3, 3] - qf(0.9, 1, df)
}

test_that("the Anderson-Rubin interval ends where the test does", {
  skip_if_not_installed("sandwich")
  skip_if_not_installed("clubSandwich")
  data <- attendance(3)
  for (type in c("model", "HC1", "HC2", "CR2")) {
    result <- cace(
      y ~ d + x | z + x, data,
      cluster = if (type == "CR2") group, vcov = type, conf.level = 0.9
    )
    at <- result$effects$estimate[[3]]
    ends <- c(
      uniroot(ar_excess, c(at - 5, at), data, type, tol = 1e-10)$root,
      uniroot(ar_excess, c(at, at + 5), data, type, tol = 1e-10)$root
    )
    expect_identical(result$anderson_rubin$shape, "interval")
    expect_equal(unname(confint(result, "anderson-rubin")[1, ]), ends, tolerance = 1e-7)
  }
})

test_that("a weak first stage gives an unbounded set, and says so", {
  shapes <- character()
  for (seed in 1:12) {
    data <- attendance(seed, 80)
    set.seed(seed + 100)
    data$d <- rbinom(80, 1, 0.4 + 0.15 * data$z)
    result <- cace(y ~ d + x | z + x, data, vcov = "HC2", conf.level = 0.9)
    set <- result$anderson_rubin
    is_in <- function(b) ar_excess(b, data, "HC2") <= 0
    shapes <- c(shapes, set$shape)
    first_significant <- result$first_stage[["p.value"]] < 0.1
    expect_identical(set$shape == "interval", first_significant)
    expect_true(is_in(result$effects$estimate[[3]]))
    if (set$shape == "rays") {
      expect_false(is_in((set$conf.low + set$conf.high) / 2))
      expect_true(is_in(set$conf.low - 1e-6) && is_in(set$conf.high + 1e-6))
      expect_output(print(result), "below -?[0-9.]+ or above")
    } else if (set$shape == "line") {
      expect_true(all(vapply(c(-1e6, -10, 0, 10, 1e6), is_in, TRUE)))
      expect_output(print(result), "all numbers")
    }
  }
  expect_setequal(unique(shapes), c("interval", "rays", "line"))
})

test_that("factors, logicals and doses mean what they say", {
  data <- attendance(4)
  plain <- cace(y ~ d | z, data)
  data$arm <- factor(c("control", "group")[data$z + 1])
  data$came <- data$d == 1
  words <- cace(y ~ came | arm, data)
  expect_equal(words$effects[-1], plain$effects[-1])
  data$seen <- factor(c("no", "yes")[data$d + 1])
  expect_equal(cace(y ~ seen | arm, data)$effects[-1], plain$effects[-1])
  data$sessions <- 8 * data$d
  dose <- cace(y ~ sessions | arm, data)
  expect_equal(dose$effects$estimate[[3]], plain$effects$estimate[[3]] / 8)
  expect_equal(dose$anderson_rubin$conf.high, plain$anderson_rubin$conf.high / 8)
})

test_that("with perfect attendance it is the effect of assignment", {
  data <- attendance(5)
  data$d <- data$z
  result <- cace(y ~ d + x | z + x, data)
  expect_equal(result$effects$estimate[[3]], result$effects$estimate[[1]])
  expect_equal(result$effects$std.error[[3]], result$effects$std.error[[1]])
  expect_equal(
    unlist(result$anderson_rubin[1:2], use.names = FALSE),
    unlist(result$effects[1, c("conf.low", "conf.high")], use.names = FALSE)
  )
})

test_that("it prints in 80 columns what was done and assumed, with rows left out", {
  data <- attendance(6)
  data$d[data$z == 0] <- 0
  data$y[c(3, 7)] <- NA
  data$x[[9]] <- NA
  result <- cace(y ~ d + x | z + x, data, cluster = ~group)
  lines <- capture.output(print(result))
  expect_true(all(nchar(lines) <= 80))
  text <- paste(lines, collapse = " ")
  expect_match(text, "d on y (CACE)", fixed = TRUE)
  expect_match(text, "95% CI (Anderson-Rubin): ", fixed = TRUE)
  expect_match(text, "`d` by `z`: 0: 0 of 77; 1: [0-9]+ of 80; none without assignment")
  expect_match(text, "CR2 by group (20 clusters), Satterthwaite df", fixed = TRUE)
  expect_match(text, "Assumed: `z` was random and acts on `y` through `d` alone", fixed = TRUE)
  expect_match(text, "157 rows used, 3 left out for missing values.", fixed = TRUE)
  expect_identical(nobs(result), 157L)
  expect_identical(tidy.cace(result)$term, c("itt", "uptake", "cace"))
  expect_identical(glance.cace(result)$left.out, 3L)
})

test_that("what cannot be estimated is refused with its cure", {
  data <- attendance(7)
  argument <- "questrial_error_argument"
  expect_error(cace(y ~ d, data), "must be outcome ~ received | assigned", class = argument)
  expect_error(cace(y ~ d + x | z, data), "each must be one variable", class = argument)
  expect_error(cace(y ~ d | group, data), "has 20 values", class = argument)
  expect_error(cace(y ~ d:x | z, data), "is not one variable", class = argument)
  expect_error(cace(y ~ d | nowhere, data), "no variable `nowhere`", class = argument)
  data$same <- 1
  expect_error(cace(y ~ same | z, data), "cannot be told", class = "questrial_error_singular")
  result <- cace(y ~ d | z, data)
  expect_error(confint(result, level = 0.9), "Estimate again", class = argument)
})
