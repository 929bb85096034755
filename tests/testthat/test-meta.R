# Pooling, beside metafor solved to convergence, and by hand.

rma_of <- function(yi, vi, method, test = "z", ...) {
  suppressWarnings(metafor::rma(yi, vi,
    method = method, test = test, ...,
    control = list(threshold = 1e-13, maxiter = 10000, tol = 1e-13, tau2.max = 1e6)
  ))
}

vaccine <- function() {
  metafor::escalc("RR",
    ai = tpos, bi = tneg, ci = cpos, di = cneg, data = metadat::dat.bcg,
    slab = paste(author, year)
  )
}

expect_as_rma <- function(fit, peer) {
  expect_equal(unname(coef(fit)), c(peer$beta), tolerance = 1e-6)
  expect_equal(unname(fit$vcov), unname(peer$vb), tolerance = 1e-6)
  expect_lt(abs(fit$tau2 - peer$tau2), 1e-5 * (1 + peer$tau2))
  expect_equal(fit$Q, peer$QE, tolerance = 1e-8)
  rows <- generics::tidy(fit)
  expect_equal(rows$conf.low, peer$ci.lb, tolerance = 1e-6)
  expect_equal(rows$conf.high, peer$ci.ub, tolerance = 1e-6)
  expect_equal(rows$p.value, peer$pval, tolerance = 1e-6)
}

test_that("all eight estimators are metafor's, with z and HKSJ, with and without moderators", {
  skip_if_not_installed("metafor")
  data <- vaccine()
  for (method in c("FE", "DL", "HE", "SJ", "ML", "REML", "PM", "EB")) {
    for (test in if (method == "FE") "z" else c("z", "HKSJ", "adhoc")) {
      word <- c(z = "z", HKSJ = "knha", adhoc = "adhoc")[[test]]
      fit <- meta_analysis(yi, vi, data = data, method = method, test = test)
      peer <- rma_of(data$yi, data$vi, method, word)
      expect_as_rma(fit, peer)
      expect_equal(fit$I2, peer$I2, tolerance = 1e-5)
      expect_equal(fit$H2, peer$H2, tolerance = 1e-5)
      fit <- meta_analysis(
        yi, vi, data = data, moderators = ~ ablat + year, method = method, test = test
      )
      peer <- rma_of(data$yi, data$vi, method, word, mods = ~ ablat + year, data = data)
      expect_as_rma(fit, peer)
    }
  }
})

test_that("a study keeps its row, its label and its weight; what is missing is named", {
  data <- data.frame(
    study = letters[1:5], yi = c(1, NA, 2, 3, 4), vi = c(1, 1, NA, 2, Inf)
  )
  fit <- meta_analysis(yi, vi, data = data, method = "FE")
  expect_identical(fit$studies$slab, c("a", "d"))
  expect_identical(fit$studies$row, c(1L, 4L))
  expect_equal(fit$studies$weight, c(200, 100) / 3)
  expect_identical(fit$omitted$row, c(2L, 3L, 5L))
  expect_match(fit$omitted$reason, "effect is missing|variance is missing|variance is infinite")
  expect_equal(unname(coef(fit)), 5 / 3)
  expect_equal(sqrt(fit$vcov[[1]]), sqrt(2 / 3))
})

test_that("subgroups are pools of their own", {
  data <- data.frame(
    yi = c(.1, .5, .3, .8, .2, .9), vi = c(4, 5, 2, 8, 3, 2) / 100, g = c("b", "a", "b", "a", "a", NA)
  )
  fit <- meta_analysis(yi, vi, data = data, subgroup = g)
  expect_named(fit$subgroups, c("b", "a"))
  alone <- meta_analysis(yi, vi, data = data[which(data$g == "a"), ])
  expect_equal(coef(fit$subgroups$a), coef(alone))
  expect_equal(fit$subgroups$a$tau2, alone$tau2)
  rows <- generics::tidy(fit)
  expect_identical(rows$subgroup, c(NA, "b", "a"))
  between <- (rows$estimate[2] - rows$estimate[3])^2 / sum(rows$std.error[2:3]^2)
  expect_equal(fit$subgroup.test$Q, between)
  expect_match(fit$notes, "In no subgroup, only in the overall pool: Study 6", all = FALSE)
})

test_that("mistakes are named", {
  data <- data.frame(effect = 1:3, variance = 1)
  expect_error(meta_analysis(data, effect, variance), class = "questrial_error_argument")
  expect_error(meta_analysis(effect, varianc, data = data), "Did you mean `variance`")
  expect_error(meta_analysis("effect", variance, data = data), "without quotes")
  expect_error(meta_analysis(effect, data = data), "Give either `vi`")
  expect_error(meta_analysis(effect, variance, data = data, test = "knha"), "HKSJ")
  expect_error(meta_analysis(effect, -variance, data = data), class = "questrial_error_range")
  expect_error(meta_analysis(NA, NA), class = "questrial_error_no_data")
  expect_error(meta_analysis(1:2, c(0, 1), method = "FE"), class = "questrial_error_range")
})

test_that("Mantel-Haenszel and Peto pools are metafor's", {
  skip_if_not_installed("metafor")
  sets <- list(metadat::dat.bcg, metadat::dat.yusuf1985[1:8, ])
  names(sets[[2]])[match(c("ai", "n1i", "ci", "n2i"), names(sets[[2]]))] <-
    c("tpos", "n1", "cpos", "n2")
  sets[[1]] <- transform(sets[[1]], n1 = tpos + tneg, n2 = cpos + cneg)
  for (data in sets) {
    for (measure in c("OR", "RR", "RD", "PETO")) {
      effects <- effect_size(
        measure, events1 = tpos, n1 = n1, events2 = cpos, n2 = n2, data = data
      )
      fit <- meta_analysis(effects, method = if (measure == "PETO") "Peto" else "MH")
      counts <- list(ai = data$tpos, n1i = data$n1, ci = data$cpos, n2i = data$n2)
      peer <- suppressWarnings(if (measure == "PETO") {
        do.call(metafor::rma.peto, counts)
      } else {
        do.call(metafor::rma.mh, c(counts, measure = measure))
      })
      expect_equal(unname(coef(fit)), unname(peer$beta[[1]]), tolerance = 1e-12)
      expect_equal(sqrt(fit$vcov[[1]]), peer$se, tolerance = 1e-12)
      expect_equal(fit$Q, peer$QE, tolerance = 1e-10)
      expect_equal(fit$I2, peer$I2, tolerance = 1e-10)
      expect_equal(unname(weights(fit)), unname(c(stats::weights(peer))), tolerance = 1e-12)
    }
  }
})

test_that("tables are pooled only where there are tables", {
  data <- data.frame(e1 = c(0, 2, 3), e2 = c(0, 4, 5), n = 20, g = c("a", "b", "b"))
  odds <- effect_size("OR", events1 = e1, n1 = n, events2 = e2, n2 = n, data = data)
  fit <- meta_analysis(odds, method = "MH", subgroup = g)
  expect_named(fit$subgroups, "b")
  expect_match(fit$notes, "Too few events for a pool of its own: a", all = FALSE)
  expect_error(meta_analysis(odds[1, ], method = "MH"), class = "questrial_error_no_data")
  expect_error(meta_analysis(yi, vi, data = odds, method = "MH"), "effect_size")
  expect_error(meta_analysis(odds, method = "MH", moderators = ~g), "has no moderators")
})

test_that("awkward studies get an answer with a note", {
  one <- meta_analysis(0.3, 0.04)
  expect_equal(c(coef(one), sqrt(one$vcov[[1]]), one$tau2), c(0.3, 0.2, 0), ignore_attr = TRUE)
  expect_true(is.na(one$df) && is.na(one$pred.low))
  expect_match(one$notes, "nothing is pooled")
  two <- meta_analysis(c(0.1, 0.9), c(0.04, 0.04))
  expect_match(two$notes, "1 degree of freedom", all = FALSE)
  equal <- meta_analysis(c(1, 1, 1), c(0.1, 0.2, 0.3))
  expect_identical(equal$tau2, 0)
  expect_identical(equal$vcov[[1]], 0)
  expect_match(equal$notes, "All effects are equal", all = FALSE)
  zero <- meta_analysis(c(1, 2, 4), c(0, 1, 2))
  expect_true(zero$tau2 > 0 && is.na(zero$I2) && is.na(zero$tau2.low))
  expect_match(zero$notes, "A variance is 0", all = FALSE)
  twice <- meta_analysis(1:3, c(1, 1, 1), slab = c("a", "b", "a"))
  expect_match(twice$notes, "called a: effects of the same people", all = FALSE)
  for (fit in list(one, two, equal, zero, twice)) {
    expect_output(print(fit), "meta-analysis of")
  }
})

test_that("a change of units changes nothing else", {
  yi <- c(0.2, 0.9, 0.4, 1.1)
  vi <- c(0.05, 0.1, 0.03, 0.2)
  here <- meta_analysis(yi, vi)
  for (power in c(-300, 300)) {
    there <- meta_analysis(yi * 2^power, vi * 4^power)
    expect_identical(coef(there), coef(here) * 2^power)
    expect_identical(there$tau2, here$tau2 * 4^power)
    expect_identical(there$I2, here$I2)
  }
})

test_that("moderators that say the same are left out by name, too many are refused", {
  data <- data.frame(yi = c(1, 3, 2, 5), vi = 1, x = 1:4, twice = 2 * (1:4), g = letters[1:4])
  fit <- meta_analysis(yi, vi, data = data, moderators = ~ x + twice)
  expect_named(coef(fit), c("(Intercept)", "x"))
  expect_match(fit$notes, "twice", all = FALSE)
  full <- meta_analysis(yi, vi, data = data, moderators = ~g)
  expect_match(full$notes, "As many coefficients as studies", all = FALSE)
  expect_error(
    meta_analysis(yi, vi, data = data, moderators = ~x, subgroup = g), "cannot both be given"
  )
  data$x[[2]] <- NA
  expect_identical(meta_analysis(yi ~ x, vi, data = data)$omitted$reason, "x is missing")
})

test_that("what the effects are can be said, but not against what they say", {
  trials <- data.frame(events1 = c(5, 9, 12), n1 = 40, events2 = c(10, 14, 20), n2 = 40)
  odds <- effect_size("OR", data = trials)
  merged <- merge(odds, data.frame(events1 = c(5, 9, 12), town = c("A", "B", "C")))
  expect_identical(meta_analysis(yi, vi, data = merged, measure = "OR")$measure, "OR")
  expect_identical(meta_analysis(yi, vi, data = merged)$measure, "GEN")
  expect_error(meta_analysis(odds, measure = "RR"), "were made as OR",
    class = "questrial_error_argument")
  expect_error(meta_analysis(odds, measure = "odds"), "measure",
    class = "questrial_error_argument")
})
