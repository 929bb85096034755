# What a pool owes to single studies, beside metafor solved to convergence.

con <- list(threshold = 1e-13, maxiter = 10000, tol = 1e-12)
tests <- c(z = "z", HKSJ = "knha", adhoc = "adhoc")

vaccines <- function() {
  metafor::escalc("RR",
    ai = tpos, bi = tneg, ci = cpos, di = cneg, data = metadat::dat.bcg,
    slab = paste(author, year)
  )
}

test_that("leaving out and adding up give metafor's pools", {
  skip_if_not_installed("metafor")
  data <- vaccines()
  same <- c(
    estimate = "estimate", std.error = "se", conf.low = "ci.lb", conf.high = "ci.ub",
    p.value = "pval", tau2 = "tau2", I2 = "I2", Q = "Q", Q.p = "Qp"
  )
  for (test in names(tests)) {
    for (method in c("REML", "DL", "PM", if (test == "z") "FE")) {
      fit <- meta_analysis(data, test = test, method = method)
      peer <- metafor::rma(yi, vi, data = data, method = method, test = tests[[test]], control = con)
      ours <- leave_one_out(fit)
      theirs <- metafor::leave1out(peer)
      shown <- if (method == "FE") same[names(same) != "tau2"] else same
      for (name in names(shown)) {
        expect_equal(ours[[name]], as.vector(theirs[[shown[[name]]]]), tolerance = 1e-6, info = name)
      }
      ours <- cumulative(fit, order = data$year)
      theirs <- metafor::cumul(peer, order = data$year)
      for (name in setdiff(names(shown), c("p.value", "Q.p"))) {
        expect_equal(ours[[name]], as.vector(theirs[[shown[[name]]]]), tolerance = 1e-6, info = name)
      }
      expect_identical(ours$study[[1]], fit$studies$slab[[which.min(data$year)]])
    }
  }
})

test_that("influence() has metafor's measures, with and without moderators", {
  skip_if_not_installed("metafor")
  data <- vaccines()
  measures <- c("rstudent", "dffits", "cook.d", "cov.r", "tau2.del", "QE.del", "hat", "weight")
  for (test in names(tests)) {
    for (mods in list(~1, ~ ablat + year)) {
      fit <- meta_analysis(data, test = test, moderators = mods)
      peer <- metafor::rma(
        yi, vi, mods = mods, data = data, test = tests[[test]], control = con
      )
      ours <- influence(fit)
      theirs <- influence(peer)
      for (name in measures) {
        expect_equal(ours[[name]], theirs$inf[[name]], tolerance = 1e-6, info = name)
      }
      expect_equal(ours[[ncol(ours) - 1]], theirs$dfbs[[fit$p]], tolerance = 1e-6)
      expect_true(all(ours$influential == theirs$is.infl))
      expect_equal(unname(rstandard(fit)), rstandard(peer)$z, tolerance = 1e-6)
    }
  }
})

test_that("tables without a study are pooled from the counts", {
  skip_if_not_installed("metafor")
  data <- transform(metadat::dat.bcg, n1 = tpos + tneg, n2 = cpos + cneg)
  odds <- effect_size("OR", events1 = tpos, n1 = n1, events2 = cpos, n2 = n2, data = data)
  ours <- leave_one_out(meta_analysis(odds, method = "MH"))
  theirs <- metafor::leave1out(
    metafor::rma.mh(ai = tpos, n1i = n1, ci = cpos, n2i = n2, data = data)
  )
  expect_equal(ours$estimate, theirs$estimate)
  expect_equal(ours$std.error, theirs$se)
  expect_equal(ours$Q, theirs$Q)
  expect_error(influence(meta_analysis(odds, method = "MH")), class = "questrial_error_argument")
})

test_that("few studies are said to be few, one is refused", {
  data <- data.frame(yi = c(1, 2, 4), vi = c(1, 2, 1), x = 1:3)
  fit <- meta_analysis(yi, vi, data = data)
  expect_match(attr(leave_one_out(fit), "notes"), "too few to tell")
  expect_match(attr(cumulative(fit), "notes"), "may be chance")
  expect_match(attr(influence(fit), "notes"), "fewer than 10", all = FALSE)
  expect_error(leave_one_out(meta_analysis(1, 1)), class = "questrial_error_no_data")
  expect_error(leave_one_out(meta_analysis(yi ~ x, vi, data = data)), "moderators")
  expect_error(leave_one_out(1), class = "questrial_error_argument")
  expect_error(cumulative(fit, order = 1:2), "3 studies")
  two <- leave_one_out(meta_analysis(1:2, c(1, 1)))
  expect_equal(two$estimate, c(2, 1))
  expect_equal(two$tau2, c(0, 0))
})

test_that("an order is of the rows of the data or of the studies", {
  data <- data.frame(study = letters[1:4], yi = c(1, NA, 3, 2), vi = 1, year = c(4, 3, 2, 1))
  fit <- meta_analysis(yi, vi, data = data)
  expect_identical(cumulative(fit, order = data$year)$study, c("d", "c", "a"))
  expect_identical(cumulative(fit, order = c(4, 2, 1))$study, c("d", "c", "a"))
  expect_identical(cumulative(fit, order = yi)$study, c("a", "d", "c"))
})

test_that("a batch gives each set's own fit", {
  set.seed(3)
  yi <- matrix(rnorm(60, 0.3, 0.6), 6)
  yi[1, 2] <- NA
  yi[, 3] <- NA
  yi[, 4] <- 1
  vi <- c(0.02, 0.05, 0.1, 0.1, 0.2, 0.3)
  for (method in c("REML", "DL", "SJ", "FE")) {
    rows <- meta_batch(yi, vi, method = method)
    for (j in c(1, 2, 4, 10)) {
      fit <- meta_analysis(yi[, j], vi, method = method)
      same <- c("estimate", "std.error", "df", "p.value", "conf.low", "conf.high")
      expect_equal(
        unlist(rows[j, same]), unlist(generics::tidy(fit)[same]), ignore_attr = TRUE
      )
      same <- c("k", "tau2", "I2", "Q", "Q.p", "tau2.low", "tau2.high")
      expect_equal(unlist(rows[j, same]), unlist(generics::glance(fit)[same]), ignore_attr = TRUE)
    }
    expect_identical(rows$outcome[[3]], "too_few")
    expect_true(is.na(rows$estimate[[3]]))
  }
  expect_identical(meta_batch(yi, vi, threads = 2), meta_batch(yi, vi, threads = 1))
  expect_error(meta_batch(yi, vi[-1]), "5 x 1")
  expect_error(meta_batch(yi, -vi), class = "questrial_error_range")
  expect_error(meta_batch("a", vi), "matrix of numbers")
})
