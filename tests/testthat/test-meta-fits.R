same_effect <- function(x, y) {
  expect_equal(x$yi, y$yi, tolerance = 1e-12)
  expect_equal(x$vi, y$vi, tolerance = 1e-12)
}

plants <- compare_arms(weight ~ group, PlantGrowth, reference = "ctrl")
moments <- function(arm) {
  x <- PlantGrowth$weight[PlantGrowth$group == arm]
  list(mean(x), stats::sd(x), length(x))
}
by_hand <- function(measure, ...) {
  one <- lapply(c("trt1", "trt2"), moments)
  two <- moments("ctrl")
  part <- function(i) vapply(one, `[[`, 0, i)
  effect_size(measure, part(1), part(2), part(3), two[[1]], two[[2]], two[[3]], ...)
}

test_that("a comparison of means becomes the rows of its moments", {
  for (measure in c("SMD", "MD", "ROM")) {
    same_effect(effect_size(plants, measure), by_hand(measure))
  }
  same_effect(effect_size(plants, vtype = "revman"), by_hand("SMD", vtype = "revman"))
  x <- effect_size(plants, slab = "Plants")
  expect_identical(names(x)[1:2], c("study", "contrast"))
  expect_identical(x$contrast, c("trt1 - ctrl", "trt2 - ctrl"))
  expect_equal(x$yi, plants$g)
  same_effect(effect_size(plants[2, ]), x[2, ])
})

test_that("d and g become the same rows", {
  expected <- by_hand("SMD")
  same_effect(effect_size(cohens_d(plants, type = "pooled")), expected)
  same_effect(effect_size(hedges_g(plants, type = "pooled")), expected)
  uneven <- effect_size(cohens_d(t = 2.4, n = c(12, 31)))
  same_effect(uneven, effect_size("SMD", t = 2.4, n1 = 12, n2 = 31))
  same_effect(effect_size(cohens_d(t = 2.4, n = 12)), effect_size("SMCC", t = 2.4, n1 = 12))
  expect_error(effect_size(cohens_d(plants, type = "glass")), "type \"pooled\"",
    class = "questrial_error_argument"
  )
})

test_that("a paired comparison keeps its correlation", {
  d <- data.frame(b = c(8, 12, 7, 15, 10, 9, 13), a = c(10, 13, 9, 15, 14, 10, 12))
  x <- compare_paired(d, "b", "a")
  for (measure in c("SMCR", "SMCC", "MC")) {
    same_effect(effect_size(x, measure), effect_size(measure, mean(d$a), stats::sd(d$a), 7,
      mean(d$b), stats::sd(d$b),
      r = stats::cor(d$a, d$b)
    ))
  }
})

test_that("counts become ratios with the event that is asked for", {
  table <- cbind(treated = c(no = 5, yes = 15), control = c(9, 12))
  x <- compare_counts(table)
  control_first <- effect_size(x)
  same_effect(control_first, effect_size("OR", events1 = 12, n1 = 21, events2 = 15, n2 = 20))
  same_effect(effect_size(x, "RR", event = "no"),
    effect_size("RR", events1 = 9, n1 = 21, events2 = 5, n2 = 20)
  )
  expect_error(effect_size(x, event = "maybe"), "`event` must be one of",
    class = "questrial_error_argument"
  )
  expect_error(effect_size(compare_counts(rbind(table, 3))), "two answers",
    class = "questrial_error_argument"
  )
})

test_that("an analysed trial becomes rows against its reference", {
  trial <- analyse(balint_plan(), balint)
  x <- effect_size(trial, slab = "Synthetic")
  expect_identical(x$contrast, c("balint - control", "narrative - control"))
  # Printed moments of the trial (Lemogne et al. 2020, Table 1), which the cohort has to rounding.
  printed <- effect_size("SMD", c(0.27, -0.57), c(8, 8.76), c(125, 120), -2.36, 11.41, 117)
  expect_equal(x$yi, printed$yi, tolerance = 0.005)
  adjusted <- effect_size(trial$model, term = "arm")
  expect_equal(adjusted$yi, unname(stats::coef(trial$model)[2:3]))
  expect_equal(adjusted$vi, unname(diag(stats::vcov(trial$model))[2:3]))
  expect_identical(attr(adjusted, "measure"), "MD")
})

test_that("the measure of a fit follows its family and link", {
  fit <- fit_glm(am ~ wt, mtcars, family = binomial())
  x <- effect_size(fit, term = "wt")
  expect_identical(attr(x, "measure"), "OR")
  expect_equal(x$vi, stats::vcov(fit)["wt", "wt"])
  robust <- effect_size(fit, term = "wt", vcov = "HC0")
  expect_equal(robust$vi, vcov(fit, type = "HC0")["wt", "wt"])
  expect_identical(
    attr(effect_size(fit_glm(carb ~ wt, mtcars, family = poisson()), term = "wt"), "measure"),
    "IRR"
  )
  expect_error(effect_size(fit), "The coefficients are", class = "questrial_error_argument")
  expect_error(effect_size(fit_glm(am ~ wt, mtcars, family = binomial("probit")), term = "wt"),
    "link probit",
    class = "questrial_error_argument"
  )
})

test_that("imputed comparisons give differences only", {
  gone <- PlantGrowth
  gone$weight[c(3, 14)] <- NA
  imp <- impute(gone, m = 3, seed = 1)
  x <- compare_arms(weight ~ group, imp, reference = "ctrl")
  expect_equal(effect_size(x, "MD")$vi, x$std.error^2)
  expect_error(effect_size(x), "pooled over imputations", class = "questrial_error_argument")
})

test_that("rows of trials and of papers stand under one another", {
  ours <- effect_size(plants, slab = "Plants")
  printed <- effect_size("SMD", t = 2, n1 = 20, n2 = 20, slab = "Printed")
  both <- rbind(ours, printed)
  expect_s3_class(both, "effect_sizes")
  expect_identical(both$study, c("Plants", "Plants", "Printed"))
  expect_equal(both$yi, c(ours$yi, printed$yi))
  expect_identical(attr(both, "measure"), "SMD")
  change <- effect_size("SMCR", 24, 6, 20, 21, 5, r = 0.6, slab = "Pre-post")
  mixed <- rbind(ours, change)
  expect_identical(attr(mixed, "measure"), "SMD")
  expect_match(attr(mixed, "notes"), "Rows of SMD and SMCR are together")
  expect_error(rbind(ours, effect_size("SMCC", t = 2, n1 = 20)), "use SMCR",
    class = "questrial_error_argument"
  )
  expect_error(rbind(ours, data.frame(yi = 1)), "takes results of effect_size",
    class = "questrial_error_argument"
  )
})

test_that("what is no result is refused", {
  expect_error(effect_size(mtcars), "`measure` must be one of", class = "questrial_error_argument")
})
