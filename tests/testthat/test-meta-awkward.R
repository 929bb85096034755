# Sets that reviews have and formulas do not like.

test_that("tables without events make no heterogeneity of a Mantel-Haenszel pool", {
  skip_if_not_installed("metafor")
  tables <- data.frame(
    events1 = c(0, 0, 5, 10, 20), n1 = c(20, 20, 30, 40, 20), events2 = c(0, 3, 8, 15, 20),
    n2 = c(20, 20, 30, 40, 20)
  )
  for (measure in c("OR", "RR", "RD")) {
    ours <- meta_analysis(effect_size(measure, data = tables), method = "MH")
    peer <- suppressWarnings(metafor::rma.mh(
      ai = events1, n1i = n1, ci = events2, n2i = n2, data = tables, measure = measure
    ))
    expect_equal(
      c(ours$coefficients[[1]], ours$vcov[[1]], ours$Q, ours$Q.p, ours$I2),
      c(peer$beta[[1]], peer$vb[[1]], peer$QE, peer$QEp, peer$I2), tolerance = 1e-8
    )
  }
  rows <- leave_one_out(meta_analysis(effect_size("RR", data = tables), method = "MH"))
  expect_lt(max(rows$Q), 5)
  one <- meta_analysis(effect_size("OR", data = tables[c(1, 3), ]), method = "MH")
  expect_identical(c(one$Q.df, one$I2, one$Q.p), c(0, 0, NA))
  revman <- meta_analysis(
    effect_size("RD", data = tables), method = "MH", preset = "revman5.4"
  )
  expect_identical(revman$Q.df, 4L)
})

test_that("funnels of pools of tables are those of their effects", {
  skip_if_not_installed("metafor")
  trials <- data.frame(
    events1 = c(4, 6, 3, 62, 33, 180), n1 = c(123, 306, 231, 13598, 5069, 1541),
    events2 = c(11, 29, 11, 248, 47, 372), n2 = c(139, 303, 220, 12867, 5808, 1451)
  )
  effects <- effect_size("OR", data = trials)
  tables <- meta_analysis(effects, method = "MH")
  inverse <- meta_analysis(effects, method = "FE")
  expect_equal(egger(tables, "rma")$p.value, egger(inverse, "rma")$p.value)
  peer <- metafor::trimfill(metafor::rma(effects$yi, effects$vi, method = "FE"))
  ours <- trim_fill(tables)
  expect_equal(ours$trim_fill$k0, peer$k0)
  expect_equal(unname(ours$coefficients), c(peer$beta), tolerance = 1e-8)
})

test_that("equal effects are answered or refused by name", {
  fit <- meta_analysis(rep(0.3, 4), c(.04, .05, .06, .07), subgroup = c("a", "a", "b", "b"))
  expect_identical(fit$subgroup.test$Q, NA_real_)
  expect_match(fit$notes, "No test of subgroup differences.*in a and b", all = FALSE)
  expect_no_match(capture.output(print(fit)), "Subgroup differences: Q")
  for (refused in list(influence, egger, rstudent)) {
    expect_error(refused(fit), "effects.* are equal", class = "questrial_error_singular")
  }
  expect_identical(trim_fill(fit)$trim_fill$k0, 0)
  line <- meta_analysis(0.1 + 0.2 * 1:5, rep(0.1, 5), moderators = ~ I(1:5))
  expect_equal(unname(line$coefficients), c(0.1, 0.2))
  pair <- meta_analysis(c(0.1, 0.6), c(0.04, 0.05))
  expect_no_match(pair$notes, "HKSJ standard error")
  expect_null(hksj_notes(list(test = "HKSJ", scale = 0.999, df = 9)))
  expect_match(hksj_notes(list(test = "HKSJ", scale = 0.98, df = 9)), "is 0.99 of")
})

test_that("names in quotes and arms of nobody are refused with their cure, without warnings", {
  trials <- data.frame(study = c("A", "B"), yi = c(0.1, 0.2), vi = c(0.1, 0.1), g = c("x", "y"))
  expect_error(meta_analysis("yi", "vi", data = trials), "`yi` must be numbers.*without quotes")
  expect_error(meta_analysis(yi, vi, data = trials, subgroup = "g"), "`subgroup`.*without quotes")
  expect_no_warning(
    expect_error(effect_size("SMD", 21, 5, 0, 18, 5, 10), class = "questrial_error_argument")
  )
})

test_that("filled studies are pooled by the preset of the fit", {
  trials <- data.frame(
    yi = c(0.9, 0.7, 0.62, 0.55, 0.5, 0.38, 0.4, 0.1),
    vi = c(0.3, 0.16, 0.1, 0.09, 0.07, 0.04, 0.03, 0.01)
  )
  filled <- trim_fill(meta_analysis(yi, vi, data = trials, preset = "revman5.4"))
  expect_gt(filled$trim_fill$k0, 0)
  expect_equal(filled$I2, 100 * max(0, (filled$Q - filled$Q.df) / filled$Q))
  expect_identical(c(filled$pred.low, filled$tau2.low), c(NA_real_, NA_real_))
})

test_that("update() says what it does with an argument without a name", {
  fit <- meta_analysis(c(0.1, 0.6), c(0.04, 0.05))
  expect_error(update(fit, "DL"), "one without a name", class = "questrial_error_argument")
})
