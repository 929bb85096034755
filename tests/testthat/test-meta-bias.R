# Funnel asymmetry and trim and fill, against metafor and lm().

skip_if_not_installed("metafor")
skip_if_not_installed("metadat")

set_of <- function(name) getExportedValue("metadat", name)

# yi and vi of some data sets, of ratios and differences, of 9 to 70 studies.
bias_sets <- function() {
  bcg <- metafor::escalc("RR",
    ai = tpos, bi = tneg, ci = cpos, di = cneg, data = set_of("dat.bcg")
  )
  magnesium <- metafor::escalc("OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i,
    data = set_of("dat.egger2001"))
  stays <- metafor::escalc("SMD",
    m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i,
    data = set_of("dat.normand1999")
  )
  lapply(list(
    bcg = bcg, magnesium = magnesium, stays = stays, smoke = set_of("dat.hackshaw1998"),
    curtis = metafor::escalc("ROM",
      m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i,
      data = set_of("dat.curtis1998")
    )
  ), function(set) data.frame(yi = as.numeric(set$yi), vi = as.numeric(set$vi)))
}

test_that("Egger's test is regtest's, by regression and by meta-regression", {
  for (set in bias_sets()) {
    plain <- egger(meta_analysis(yi, vi, data = set))
    peer <- metafor::regtest(yi, vi, data = set, model = "lm")
    line <- summary(peer$fit)$coefficients
    expect_equal(
      c(plain$estimate, plain$std.error, plain$statistic, plain$p.value),
      unname(line[2, ]), tolerance = 1e-9
    )
    expect_equal(c(plain$limit, plain$limit.low, plain$limit.high),
      c(peer$est, peer$ci.lb, peer$ci.ub), tolerance = 1e-9)
    for (test in c("z", "HKSJ")) {
      fit <- metafor::rma(yi, vi, data = set, test = if (test == "z") "z" else "knha",
        control = list(threshold = 1e-12, maxiter = 1000))
      mixed <- egger(meta_analysis(yi, vi, data = set, test = test), "rma")
      peer <- metafor::regtest(fit)
      expect_equal(c(mixed$statistic, mixed$p.value, mixed$limit, mixed$limit.low),
        c(peer$zval, peer$pval, unname(peer$est), peer$ci.lb), tolerance = 1e-6)
    }
  }
})

test_that("Peters' test is the regression on 1/n with the weights of the events", {
  set <- set_of("dat.egger2001")
  fit <- meta_analysis(effect_size("OR",
    events1 = ai, n1 = n1i, events2 = ci, n2 = n2i, data = set
  ))
  ours <- peters(fit)
  n <- set$n1i + set$n2i
  events <- set$ai + set$ci
  peer <- summary(lm(fit$studies$yi ~ I(1 / n), weights = 1 / (1 / events + 1 / (n - events))))
  expect_equal(c(ours$estimate, ours$std.error, ours$statistic, ours$p.value),
    unname(peer$coefficients[2, ]), tolerance = 1e-9)
  expect_error(peters(meta_analysis(c(1, 2, 3), c(1, 1, 2))), "no counts of events",
    class = "questrial_error_argument")
})

test_that("trim and fill is metafor's, for each estimator, side and method", {
  for (set in bias_sets()) {
    for (method in c("FE", "DL", "REML")) {
      fit <- meta_analysis(yi, vi, data = set, method = method, test = "z")
      # At its default metafor leaves REML at five digits.
      control <- if (method == "REML") list(threshold = 1e-12, maxiter = 1000) else list()
      peer_fit <- metafor::rma(yi, vi, data = set, method = method, control = control)
      for (estimator in c("L0", "R0", "Q0")) {
        for (side in list(NULL, "left", "right")) {
          peer <- suppressWarnings(tryCatch(
            metafor::trimfill(peer_fit,
              side = side, estimator = estimator, maxiter = 50, control = control
            ),
            error = function(e) NULL
          ))
          if (is.null(peer)) {
            expect_error(trim_fill(fit, estimator, side), class = "questrial_error_not_converged")
            next
          }
          ours <- trim_fill(fit, estimator, side)
          expect_identical(ours$trim_fill$k0, as.numeric(peer$k0))
          expect_identical(ours$trim_fill$side, peer$side)
          expect_equal(ours$trim_fill$se.k0, peer$se.k0, tolerance = 1e-9)
          expect_equal(ours$trim_fill$p.value, as.numeric(peer$p.k0), tolerance = 1e-12)
          expect_equal(ours$coefficients[["overall"]], c(peer$beta), tolerance = 1e-6)
          expect_equal(ours$tau2, peer$tau2, tolerance = 1e-5)
          expect_equal(sort(ours$studies$yi), sort(as.numeric(peer$yi)), tolerance = 1e-6)
          expect_equal(sum(ours$studies$filled), peer$k0)
        }
      }
    }
  }
})

test_that("few studies, equal precision and other objects are told", {
  expect_error(egger(lm(1 ~ 1)), "meta_analysis", class = "questrial_error_argument")
  expect_error(egger(meta_analysis(c(1, 2), c(1, 1))), "at least 3", class = "questrial_error_no_data")
  flat <- meta_analysis(c(1, 2, 3, 5), rep(0.5, 4))
  expect_error(egger(flat), "equally precise", class = "questrial_error_singular")
  expect_error(egger(flat, "rma"), "equally precise", class = "questrial_error_singular")
  few <- egger(meta_analysis(c(1, 2, 3, 5), c(0.1, 0.2, 0.3, 0.5)))
  expect_match(attr(few, "notes"), "Fewer than ten studies")
  expect_output(print(few), "Egger's test of funnel asymmetry")
  filled <- trim_fill(meta_analysis(c(1, 2, 3, 5), c(0.1, 0.2, 0.3, 0.5)))
  expect_output(print(filled), "Fewer than ten studies \\(k = 4\\)")
  expect_error(egger(few), class = "questrial_error_argument")
})
