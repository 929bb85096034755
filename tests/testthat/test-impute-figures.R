imp <- impute(airquality, m = 6, iterations = 8, seed = 1)

test_that("traces are moments of the imputed values after the last cycle", {
  traces <- attr(convergence(imp), "traces")
  last <- traces[traces$iteration == 8, ]
  for (variable in c("Ozone", "Solar.R")) {
    values <- imp$imputed[[variable]]
    of <- function(statistic) {
      last$value[last$variable == variable & last$statistic == statistic]
    }
    expect_equal(of("mean"), unname(colMeans(values)), tolerance = 1e-12)
    expect_equal(of("sd"), unname(apply(values, 2, stats::sd)), tolerance = 1e-12)
  }
  expect_equal(nrow(traces), 2 * 2 * 6 * 8)
})

test_that("R-hat is that of the halves of the chains", {
  set.seed(1)
  chains <- matrix(stats::rnorm(7 * 3), 7)
  halves <- list(
    chains[1:3, 1], chains[1:3, 2], chains[1:3, 3], chains[5:7, 1], chains[5:7, 2], chains[5:7, 3]
  )
  within <- mean(vapply(halves, stats::var, 0))
  between <- 3 * stats::var(vapply(halves, mean, 0))
  expect_equal(questrial:::r_hat(chains), sqrt((2 / 3 * within + between / 3) / within))
  expect_identical(questrial:::r_hat(chains[, 1, drop = FALSE]), NA_real_)
  expect_identical(questrial:::r_hat(chains[1:3, ]), NA_real_)
  expect_identical(questrial:::r_hat(matrix(1, 8, 2)), NA_real_)
  apart <- chains + rep(c(0, 10, 20), each = 7)
  expect_gt(questrial:::r_hat(apart), 3)
})

test_that("convergence prints, and says what to do about chains that differ", {
  expect_output(print(convergence(imp)), "6 imputations over 8 cycles")
  one <- impute(airquality, m = 1, iterations = 1, seed = 1)
  expect_output(print(convergence(one)), "1 imputation over 1 cycle\n", fixed = TRUE)
  table <- convergence(imp)
  table$r_hat[[1]] <- 1.5
  expect_output(print(table), "above 1.1 for `Ozone`")
  expect_error(convergence(airquality), class = "questrial_error_argument")
})

test_that("figures show the imputations", {
  skip_if_not_installed("ggplot2")
  expect_s3_class(plot(imp), "ggplot")
  densities <- plot(imp, "densities")$data
  expect_setequal(densities$imputation, 0:6)
  area <- tapply(densities$density, densities[c("variable", "imputation")], function(y) sum(y))
  step <- tapply(densities$value, densities$variable, function(x) diff(x[1:2]))
  expect_equal(as.vector(area) * rep(as.vector(step), 7), rep(1, 14), tolerance = 0.01)
  expect_s3_class(plot(imp, "pattern"), "ggplot")
  expect_error(plot(imp, "density"), class = "questrial_error_argument")
  expect_error(plot(imp, "densities", "Wind"), "has no imputed values")
})

test_that("shares of levels are those of the imputed codes", {
  skip_if_not_installed("ggplot2")
  data <- data.frame(x = c(1:20), f = factor(rep(c("a", "b", NA, "c"), 5)), l = c(TRUE, FALSE))
  data$l[c(3, 8, 9)] <- NA
  imp <- impute(data, m = 3, seed = 1)
  shares <- plot(imp, "densities", c("f", "l"))$data
  expect_equal(
    shares$share[shares$variable == "f" & shares$imputation == 2],
    as.vector(table(factor(imp$imputed$f[, 2], 1:3))) / 5
  )
  expect_equal(
    shares$share[shares$variable == "l" & shares$imputation == 1],
    c(mean(!imp$imputed$l[, 1]), mean(imp$imputed$l[, 1]))
  )
})
