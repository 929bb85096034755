test_that("every part counts the same participants", {
  data <- invented_trial()
  analysis <- analyse(invented_plan(), data)
  expect_equal(as.vector(table(analysis$data$set)), c(84, 2, 4))
  expect_equal(nobs(analysis$model), 84)
  expect_equal(sum(analysis$change$n), 84)
  expect_equal(nobs(analysis$flow), 84)
})

test_that("scores, sets and imputed baselines are those made by hand", {
  data <- invented_trial()
  analysis <- analyse(invented_plan(), data)
  baseline <- rowSums(data[paste0("a", 1:5)])
  followup <- rowSums(data[paste0("b", 1:5)])
  analysed <- !is.na(followup) & !is.na(data$age)
  imputed <- analysed & is.na(baseline)
  baseline[imputed] <- mean(baseline[analysed], na.rm = TRUE)
  expect_equal(analysis$data$change, followup - baseline)
  expect_identical(analysis$data$baseline_imputed, imputed)
  expect_identical(analysis$data$set == "analysed", analysed)
})

test_that("the parts are those of lm, t.test and anova on the same rows", {
  analysis <- analyse(invented_plan(), invented_trial())
  rows <- analysis$data[analysis$data$set == "analysed", ]
  fit <- lm(change ~ arm + sex + age, rows)
  expect_equal(coef(analysis$model), coef(fit), tolerance = 1e-10)
  expect_equal(vcov(analysis$model), vcov(fit), tolerance = 1e-10)
  by_hand <- t.test(rows$change[rows$arm == "group"], rows$change[rows$arm == "usual"],
    var.equal = TRUE
  )
  ours <- analysis$contrasts[analysis$contrasts$contrast == "group - usual", ]
  expect_equal(ours$statistic, unname(by_hand$statistic), tolerance = 1e-10)
  expect_equal(ours$p.value, by_hand$p.value, tolerance = 1e-10)
  interaction <- anova(lm(change ~ arm + sex, rows), lm(change ~ arm * sex, rows))
  expect_equal(analysis$interaction$statistic, interaction$F[[2]], tolerance = 1e-8)
  expect_equal(analysis$interaction$df.residual, interaction$Res.Df[[2]])
})

test_that("groups of treatment are allowed for in a sensitivity analysis", {
  skip_if_not_installed("clubSandwich")
  data <- invented_trial()
  data$therapist <- ifelse(data$arm == "group", rep(1:6, 15), NA)
  analysis <- analyse(invented_plan(cluster = "therapist"), data)
  ours <- analysis$sensitivity[analysis$sensitivity$analysis == "clusters", ]
  rows <- analysis$data[analysis$data$set == "analysed", ]
  alone <- is.na(rows$therapist)
  rows$therapist[alone] <- 100 + seq_len(sum(alone))
  fit <- lm(change ~ arm + sex + age, rows)
  want <- clubSandwich::coef_test(fit, "CR2", cluster = rows$therapist)[2:3, ]
  expect_equal(ours$std.error, want$SE, tolerance = 1e-7)
  expect_equal(ours$df, want$df_Satt, tolerance = 1e-7)
  expect_equal(ours$p.value, want$p_Satt, tolerance = 1e-7)
  expect_error(
    invented_plan(prespecified = "clusters"), "names clusters.*`cluster`",
    class = "questrial_error_argument"
  )
})

test_that("sensitivity analyses are those done by hand, and marked", {
  analysis <- analyse(invented_plan(prespecified = "ancova"), invented_trial())
  sensitivity <- analysis$sensitivity
  expect_setequal(sensitivity$analysis, sensitivity_names(invented_plan()))
  expect_identical(unique(sensitivity$analysis[sensitivity$prespecified]), "ancova")
  rows <- analysis$data[analysis$data$set == "analysed", ]
  ancova <- summary(lm(followup ~ arm + sex + age + baseline, rows))$coefficients
  ours <- sensitivity[sensitivity$analysis == "ancova", ]
  expect_equal(ours$estimate, unname(ancova[2:3, 1]), tolerance = 1e-9)
  expect_equal(ours$p.value, unname(ancova[2:3, 4]), tolerance = 1e-8)
  welch <- oneway.test(change ~ arm, rows)
  ours <- sensitivity[sensitivity$analysis == "omnibus.welch", ]
  expect_equal(ours$statistic, unname(welch$statistic), tolerance = 1e-10)
  expect_equal(unlist(ours[c("df", "df.residual")], use.names = FALSE),
    unname(welch$parameter),
    tolerance = 1e-10
  )
  expect_equal(unique(sensitivity$n[sensitivity$analysis == "all.followed"]), 86)
  expect_equal(unique(sensitivity$n[sensitivity$analysis == "baseline.observed"]), 82)
})

test_that("a baseline may exclude, and a score may be ready-made", {
  data <- invented_trial()
  analysis <- analyse(invented_plan(baseline_missing = "exclude"), data)
  expect_equal(nobs(analysis$model), 82)
  data$before <- rowSums(data[paste0("a", 1:5)])
  data$after <- rowSums(data[paste0("b", 1:5)])
  ready <- analyse(invented_plan(baseline = "before", followup = "after"), data)
  expect_equal(coef(ready$model), coef(analyse(invented_plan(), data)$model))
  expect_length(ready$reliability, 0)
})

test_that("the way back to the planned outcome is open for all three", {
  data <- invented_trial()
  for (outcome in c("change", "followup", "ancova")) {
    analysis <- analyse(invented_plan(outcome = outcome), data)
    expect_s3_class(analysis, "analysis")
    expect_identical("baseline" %in% names(coef(analysis$model)), outcome == "ancova")
  }
})

test_that("bad data are refused by what, where and cure", {
  plan <- invented_plan()
  data <- invented_trial()
  expect_error(analyse(plan, data[setdiff(names(data), "a3")]), "`a3`",
    class = "questrial_error_argument"
  )
  expect_error(analyse(plan, data[0, ]), class = "questrial_error_no_data")
  expect_error(analyse(plan, data[0]), "columns are none", class = "questrial_error_argument")
  endless <- data
  endless$age[[20]] <- Inf
  expect_error(analyse(plan, endless), "`age`", class = "questrial_error")
  expect_error(analyse(plan, as.list(data)), "data frame", class = "questrial_error_argument")
  twice <- data
  twice$id[[5]] <- 2L
  expect_error(analyse(plan, twice), "\"2\" twice, in rows 2 and 5",
    class = "questrial_error_argument"
  )
  no_arm <- data
  no_arm$arm[[3]] <- NA
  expect_error(analyse(plan, no_arm), "row 3", class = "questrial_error_argument")
  expect_error(analyse(plan, data[data$arm == "usual", ]), "one arm only",
    class = "questrial_error_argument"
  )
  expect_error(analyse(plan, data[data$arm != "usual", ]), "\"usual\", the reference",
    class = "questrial_error_argument"
  )
  nine <- data
  nine$b2[[20]] <- 9L
  expect_error(analyse(plan, nine), "`b2`.*20.*9|9.*`b2`.*20", class = "questrial_error_range")
  text <- data
  text$b2 <- as.character(text$b2)
  expect_error(analyse(plan, text), "`b2`", class = "questrial_error_argument")
  lost <- data
  lost[lost$arm == "group", paste0("b", 1:5)] <- NA
  expect_error(analyse(plan, lost), "Arm \"group\" has 0", class = "questrial_error_no_data")
  expect_error(analyse(data, plan), "`plan` must be made by analysis_plan",
    class = "questrial_error_argument"
  )
})

test_that("unused arms and levels go, characters and tibbles come in", {
  data <- invented_trial()
  levels(data$arm) <- c(levels(data$arm), "never")
  data$sex <- as.character(data$sex)
  analysis <- analyse(invented_plan(), data)
  expect_identical(levels(analysis$data$arm), c("usual", "group", "letter"))
  skip_if_not_installed("tibble")
  same <- analyse(invented_plan(), tibble::as_tibble(data))
  expect_equal(coef(same$model), coef(analysis$model))
})
