# Oracle: lm with the interaction, its contrasts by emmeans, its F by anova().

subgroup_trial <- function(n = 240) {
  trial <- data.frame(id = seq_len(n), arm = gl(2, 1, n, c("control", "course")))
  trial$sex <- gl(2, n / 2, labels = c("female", "male"))
  trial$site <- gl(3, 2, n, c("north", "south", "west"))
  trial$arm3 <- gl(3, 1, n, c("control", "low", "high"))
  trial$age <- 40 + 9 * cos(3 * trial$id)
  trial$score <- 50 + 3 * (trial$arm == "course" & trial$sex == "male") + 9 * sin(trial$id)
  trial$site[3:4] <- NA
  trial
}

test_that("effects and interaction tests are those of lm with the interaction", {
  skip_if_not_installed("emmeans")
  trial <- subgroup_trial()
  ours <- subgroup_effects(fit_glm(score ~ arm + sex + age, trial), ~arm, ~ sex + site)
  expect_identical(ours$subgroup, c("Overall", "sex", "sex", "site", "site", "site"))
  overall <- summary(lm(score ~ arm + sex + age, trial))$coefficients["armcourse", ]
  expect_equal(unlist(ours[1, c("estimate", "std.error", "statistic", "p.value")]), overall,
    ignore_attr = TRUE
  )
  by_site <- lm(score ~ arm * site + sex + age, trial)
  theirs <- emmeans::contrast(emmeans::emmeans(by_site, ~ arm | site), "revpairwise")
  theirs <- as.data.frame(theirs)
  rows <- ours[ours$subgroup == "site", ]
  expect_equal(rows$estimate, theirs$estimate, tolerance = 1e-9)
  expect_equal(rows$std.error, theirs$SE, tolerance = 1e-9)
  expect_equal(rows$p.value, theirs$p.value, tolerance = 1e-8)
  expect_equal(rows$p.interaction[[1]], anova(
    lm(score ~ arm + site + sex + age, trial), by_site
  )[["Pr(>F)"]][[2]], tolerance = 1e-8)
  expect_identical(is.na(rows$p.interaction), c(FALSE, TRUE, TRUE))
  counts <- table(trial$site, trial$arm)
  expect_identical(rows$n.arm, as.vector(counts[, "course"]))
  expect_identical(rows$n.reference, as.vector(counts[, "control"]))
  expect_match(attr(ours, "notes"), "site: 2 rows left out", all = FALSE)
})

test_that("contrasts of the fit are of no account, and several arms have a block each", {
  trial <- subgroup_trial()
  plain <- subgroup_effects(fit_glm(score ~ arm3 + age, trial), ~arm3, "sex", "low")
  sums <- fit_glm(score ~ arm3 + age, trial, contrasts = list(arm3 = "contr.sum"))
  expect_equal(subgroup_effects(sums, "arm3", ~sex, "low"), plain, tolerance = 1e-9)
  expect_identical(plain$contrast, rep(c("control - low", "high - low"), each = 3))
  both <- lm(score ~ arm3 * sex + age, trial)
  b <- coef(both)
  expect_equal(plain$estimate[plain$level == "male"], unname(c(
    -b[["arm3low"]] - b[["arm3low:sexmale"]],
    b[["arm3high"]] + b[["arm3high:sexmale"]] - b[["arm3low"]] - b[["arm3low:sexmale"]]
  )), tolerance = 1e-9)
  # The P of one contrast: its t test squared.
  t <- (b[["arm3high:sexmale"]] - b[["arm3low:sexmale"]]) / sqrt(sum(
    vcov(both)[c("arm3high:sexmale", "arm3low:sexmale"), c("arm3high:sexmale", "arm3low:sexmale")] *
      matrix(c(1, -1, -1, 1), 2)
  ))
  expect_equal(plain$p.interaction[[5]], 2 * pt(-abs(t), df.residual(both)), tolerance = 1e-8)
  expect_output(print(plain), "high - low")
})

test_that("an interaction that is in the model already is the one tested", {
  trial <- subgroup_trial()
  ours <- subgroup_effects(fit_glm(score ~ arm * sex + arm:age, trial), ~arm, ~sex)
  full <- lm(score ~ arm * sex + arm:age, trial)
  less <- lm(score ~ arm + sex + arm:age, trial)
  expect_equal(ours$p.interaction[[2]], anova(less, full)[["Pr(>F)"]][[2]], tolerance = 1e-8)
  # With age in the effect too, it is averaged over the rows of each level.
  b <- coef(full)
  age <- tapply(trial$age, trial$sex, mean)
  slope <- b[["armcourse:age"]] - b[["armcontrol:age"]]
  want <- b[["armcourse"]] + c(0, b[["armcourse:sexmale"]]) + slope * age
  expect_equal(ours$estimate[2:3], as.vector(want), tolerance = 1e-9)
})

test_that("a level without an arm is NA with a note", {
  trial <- subgroup_trial()
  trial$where <- factor(ifelse(trial$id %in% c(2, 4), "rare", "usual"))
  ours <- subgroup_effects(fit_glm(score ~ arm, trial), ~arm, ~where)
  expect_identical(is.na(ours$estimate), c(FALSE, TRUE, FALSE))
  expect_match(attr(ours, "notes"), "`where rare`", all = FALSE)
  expect_identical(ours$p.interaction, rep(NA_real_, 3))
  # The other levels are still compared, whichever the first is.
  for (level in c("north", "west")) {
    holed <- trial[!(trial$site %in% level & trial$arm == "course"), ]
    ours <- subgroup_effects(fit_glm(score ~ arm, holed), ~arm, ~site)
    want <- lm(score ~ site + arm, holed[!is.na(holed$site), ])
    more <- lm(score ~ site * arm, holed[!is.na(holed$site), ])
    expect_equal(stats::na.omit(ours$p.interaction)[[1]], anova(want, more)[["Pr(>F)"]][[2]],
      tolerance = 1e-8
    )
  }
})

test_that("arguments that do not fit are refused by name", {
  trial <- subgroup_trial()
  fit <- fit_glm(score ~ arm, trial)
  refused <- function(code, message) {
    expect_error(code, message, class = "questrial_error_argument")
  }
  refused(subgroup_effects(fit, ~arm, ~gender), "no column `gender`")
  refused(subgroup_effects(fit, ~arm, ~age), "Cut it into a factor")
  refused(subgroup_effects(fit, ~arm, ~arm), "other than the arm")
  refused(subgroup_effects(fit, ~arm, ~sex, "none"), "`reference` must be one of")
  refused(subgroup_effects(fit, ~sex, ~site), "no variable `sex`")
})

test_that("the forest plot draws at any width, without one text upon another", {
  trial <- subgroup_trial()
  levels(trial$site)[[2]] <- "general practice with emergency care in the south of the country"
  effects <- subgroup_effects(fit_glm(score ~ arm, trial), ~arm, ~ sex + site)
  lines <- forest_lines(effects, c(sex = "Gender"), NULL)
  expect_identical(lines$label[lines$kind == "subgroup"], c("Gender", "site"))
  withr::local_pdf(NULL, width = 12, height = 8)
  grid::grid.newpage()
  expect_warning(fit_forest(lines, 60), "Make the device wider",
    class = "questrial_warning_dimension"
  )
  for (width in c(120, 170, 250)) {
    layout <- fit_forest(lines, width)
    size <- layout$fontsize
    labels <- text_width(unlist(layout$labels), size, TRUE)
    first <- layout$x$first - max(text_width(lines$first, size, FALSE))
    expect_lt(max(labels), layout$x$first)
    expect_lt(layout$x$first, layout$x$second)
    expect_lte(layout$x$numbers + max(text_width(lines$numbers, size, FALSE)), layout$width)
    expect_gt(first, 0)
    expect_gte(diff(layout$scale), 0.15 * width)
  }
  expect_identical(withVisible(plot(effects)), list(value = effects, visible = FALSE))
  plot(effects, xlim = c(-1, 1), xlab = "Points", labels = c(sex = "Gender"), fontsize = 7)
  expect_error(plot(effects, xlim = 3), "two numbers", class = "questrial_error_argument")
  file <- withr::local_tempfile(fileext = ".png")
  write_figure(effects, file, width = 120, dpi = 50)
  expect_gt(file.size(file), 1000)
  expect_match(alt_text(effects), "sex male: .*P of interaction: sex")
})

test_that("ratios have round ticks, whatever their range", {
  expect_true(all(c(0.9, 1, 1.1) %in% ratio_ticks(c(0.88, 1.23), 4)))
  expect_true(all(c(0.5, 1, 2, 5) %in% ratio_ticks(c(0.4, 6), 6)))
  expect_equal(ratio_ticks(c(0.001, 900), 6), 10^(-3:3))
  # Every other power where there is room for three only, 1 among them.
  expect_equal(ratio_ticks(c(0.001, 900), 4), 10^c(-2, 0, 2))
})

test_that("tables print within 80 columns", {
  withr::local_options(width = 80)
  effects <- subgroup_effects(fit_glm(score ~ arm3, subgroup_trial()), ~arm3, ~ sex + site)
  shown <- capture.output(print(effects))
  expect_lte(max(nchar(shown)), 80)
  expect_match(shown, "240 rows used", all = FALSE)
})
