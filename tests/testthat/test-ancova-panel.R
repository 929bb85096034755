# Oracle: three calls of lm; the law of Frison & Pocock in a sample that obeys it.

panel_trial <- function(n = 120) {
  trial <- data.frame(id = seq_len(n), arm = gl(3, 1, n, c("usual", "group", "letter")))
  trial$before <- 100 + 12 * sin(trial$id)
  trial$after <- 40 + 0.6 * trial$before + 3 * (trial$arm == "group") + 9 * cos(2.3 * trial$id)
  trial$sex <- gl(2, 3, n)
  trial$group <- gl(n / 6, 6)
  trial$after[c(4, 9)] <- NA
  trial
}

test_that("the three analyses are those of lm on the same rows", {
  trial <- panel_trial()
  ours <- ancova_panel(trial, "before", "after", ~arm, ~sex, conf.level = 0.9)
  models <- list(
    ancova = after ~ arm + sex + before, change = after - before ~ arm + sex,
    followup = after ~ arm + sex
  )
  for (name in names(models)) {
    theirs <- lm(models[[name]], trial)
    table <- summary(theirs)$coefficients[c("armgroup", "armletter"), ]
    rows <- ours[ours$analysis == name, ]
    expect_equal(rows$estimate, unname(table[, 1]), tolerance = 1e-10)
    expect_equal(rows$std.error, unname(table[, 2]), tolerance = 1e-10)
    expect_equal(rows$p.value, unname(table[, 4]), tolerance = 1e-9)
    expect_equal(rows$conf.low, unname(confint(theirs, level = 0.9)[2:3, 1]), tolerance = 1e-10)
  }
  change <- lm(after - before ~ arm + sex + before, trial)
  expect_equal(ours$estimate[ours$analysis == "ancova"], unname(coef(change)[2:3]))
  expect_equal(ours$efficiency[[2]], (ours$std.error[[1]] / ours$std.error[[2]])^2)
  expect_identical(unique(ours$contrast), c("group - usual", "letter - usual"))
})

test_that("correlation is that within arms, and efficiency what it foretells", {
  trial <- droplevels(subset(panel_trial(), arm != "letter" & !is.na(after)))
  ours <- ancova_panel(trial, "before", "after", "arm", reference = "group")
  residual <- lapply(trial[c("before", "after")], function(y) resid(lm(y ~ trial$arm)))
  expect_equal(attr(ours, "correlation"), cor(residual$before, residual$after))
  expect_identical(ours$contrast[[1]], "usual - group")
  # Equal SDs, correlation r and equal baselines by construction: efficiencies are
  # the law's but for degrees of freedom.
  n <- 400
  base <- scale(qr.resid(qr(cbind(1, gl(2, n / 2))), sin(1:n)))
  noise <- scale(qr.resid(qr(cbind(1, gl(2, n / 2), base)), cos(2 * (1:n)^1.5)))
  lawful <- data.frame(arm = gl(2, n / 2), before = c(base))
  lawful$after <- 0.6 * lawful$before + 0.8 * c(noise)
  ours <- ancova_panel(lawful, "before", "after", "arm")
  expect_equal(attr(ours, "correlation"), 0.6)
  df <- (n - 2) / (n - 3)
  expect_equal(ours$efficiency, c(1, 0.8 * df, 0.64 * df), tolerance = 1e-10)
})

test_that("rows left out are counted, and faults named", {
  trial <- panel_trial()
  expect_output(print(ancova_panel(trial, "before", "after", "arm")),
    "118 rows used, 2 left out for missing values"
  )
  refused <- function(code, message) {
    expect_error(code, message, class = "questrial_error_argument")
  }
  refused(ancova_panel(trial, "befor", "after", "arm"), "Did you mean `before`")
  refused(ancova_panel(trial, "sex", "after", "arm"), "must be numeric")
  refused(ancova_panel(trial, "before", "after", "arm", reference = "x"), "`reference` must be")
  refused(ancova_panel(trial[trial$arm == "group", ], "before", "after", "arm"), "single level")
  trial$after <- NA_real_
  expect_error(ancova_panel(trial, "before", "after", "arm"), "No row has all",
    class = "questrial_error_no_data"
  )
})

test_that("panels print within 80 columns", {
  withr::local_options(width = 80)
  shown <- capture.output(print(ancova_panel(panel_trial(), "before", "after", "arm", "sex")))
  expect_lte(max(nchar(shown)), 80)
  expect_match(shown, "FDA 2023", all = FALSE)
})
