# Oracles: pooling by hand (mice's pool.scalar of each quantity), emmeans on mice's mira, and the
# identity of pooling contrasts with contrasts of what is pooled.

# A made trial with missing outcome, covariate and answers, completed by mice.
pooled_trial <- local({
  made <- NULL
  function() {
    if (is.null(made)) {
      withr::with_seed(4, {
        n <- 120
        arm <- gl(3, 40, labels = c("usual", "group", "letter"))
        age <- rnorm(n, 40, 10)
        sex <- factor(sample(c("female", "male"), n, TRUE))
        score <- 50 + 4 * (arm == "group") + 0.2 * age + rnorm(n, 0, 8)
        well <- factor(ifelse(score + rnorm(n, 0, 8) > 60, "yes", "no"))
        before <- score + rnorm(n, 0, 9)
        data <- data.frame(arm, age, sex, before, score, well, g = factor(rep(1:12, 10)))
        data$score[sample(n, 20)] <- NA
        data$age[sample(n, 15)] <- NA
        data$sex[sample(n, 12)] <- NA
        data$well[sample(n, 10)] <- NA
      })
      mids <- mice::mice(data, m = 6, maxit = 3, seed = 3, printFlag = FALSE)
      made <<- list(mids = mids, imp = from_mids(mids))
    }
    made
  }
})

# mice's pooling of one quantity a data set.
by_hand <- function(estimate, error, df) {
  pooled <- mice::pool.scalar(estimate, error^2, n = df + 1, k = 1)
  list(estimate = pooled$qbar, std.error = sqrt(pooled$t), df = pooled$df, fmi = pooled$fmi)
}

# `ours` (a table of a pooled fit) beside the tables of the fits pooled row by row.
expect_pooled <- function(ours, each, ratio = FALSE, tolerance = 1e-8) {
  for (k in seq_len(nrow(ours))) {
    value <- vapply(each, function(one) one$estimate[[k]], 0)
    want <- by_hand(
      if (ratio) log(value) else value, vapply(each, function(one) one$std.error[[k]], 0),
      mean(vapply(each, function(one) one$df[[k]], 0))
    )
    if (ratio) {
      want$estimate <- exp(want$estimate)
    }
    for (name in names(want)) {
      expect_equal(ours[[name]][[k]], want[[name]], tolerance = tolerance,
        label = paste(name, k)
      )
    }
  }
}

test_that("a contrast of a pooled fit is the pooled contrast of the fits", {
  skip_if_not_installed("mice")
  trial <- pooled_trial()
  fit <- fit_glm(score ~ arm + age + sex, trial$imp, cluster = ~g)
  fits <- lapply(as.list(trial$imp), function(data) {
    fit_glm(score ~ arm + age + sex, data, cluster = ~g)
  })
  wanted <- c("armgroup - armletter", "2 * age = 1", "(Intercept) + sexmale")
  for (vcov in c("model", "HC3", "CR1", "CR2")) {
    ours <- linear_contrast(fit, wanted, vcov)
    expect_pooled(ours, lapply(fits, linear_contrast, wanted, vcov))
    expect_identical(attr(ours, "m"), 6L)
  }
  shown <- paste(capture.output(print(linear_contrast(fit, wanted, "CR2"))), collapse = " ")
  expect_match(shown, "CR2 by g \\(12 clusters\\).*pooled over 6 imputations.*FMI")
  half <- qt(0.975, ours$df) * ours$std.error
  expect_equal(ours$conf.low, ours$estimate - half)
  expect_equal(ours$p.value, 2 * pt(-abs(ours$statistic), ours$df))
})

test_that("marginal means and contrasts are those of the coefficients, and of emmeans", {
  skip_if_not_installed("mice")
  skip_if_not_installed("emmeans")
  trial <- pooled_trial()
  fit <- fit_glm(score ~ arm * sex + age, trial$imp)
  mira <- with(trial$mids, lm(score ~ arm * sex + age))
  for (spec in list(~arm, ~ arm | sex)) {
    ours <- marginal_means(fit, spec)
    grid <- emmeans::emmeans(mira, spec)
    theirs <- as.data.frame(grid)
    # emmeans takes the degrees of freedom of the first fit.
    expect_equal(ours$estimate, theirs$emmean, tolerance = 1e-8)
    expect_equal(ours$std.error, theirs$SE, tolerance = 1e-8)
    pairs <- as.data.frame(emmeans::contrast(grid, "revpairwise", adjust = "none"))
    got <- marginal_contrasts(ours)
    expect_equal(got$estimate, pairs$estimate, tolerance = 1e-8)
    expect_equal(got$std.error, pairs$SE, tolerance = 1e-8)
  }
  # No interaction with the others: the contrast is a coefficient.
  plain <- fit_glm(score ~ arm + sex + age, trial$imp)
  got <- marginal_contrasts(marginal_means(plain, ~arm), "reference")
  want <- linear_contrast(plain, c("armgroup", "armletter"))
  shared <- c("estimate", "std.error", "df", "p.value", "fmi", "riv", "lambda")
  expect_equal(as.data.frame(got)[shared], as.data.frame(want)[shared], tolerance = 1e-10)
  # Our own hooks of emmeans give Barnard and Rubin's degrees of freedom.
  hooked <- as.data.frame(emmeans::emmeans(fit, ~ arm | sex))
  ours <- marginal_means(fit, ~ arm | sex)
  expect_equal(hooked$emmean, ours$estimate, tolerance = 1e-8)
  expect_equal(hooked$SE, ours$std.error, tolerance = 1e-8)
  expect_equal(hooked$df, ours$df, tolerance = 1e-8)
})

test_that("means on the response scale are pooled on the link, counterfactual ones as they are", {
  skip_if_not_installed("mice")
  trial <- pooled_trial()
  fit <- fit_glm(well ~ arm + age, trial$imp, family = binomial())
  fits <- lapply(as.list(trial$imp), function(data) {
    fit_glm(well ~ arm + age, data, family = binomial())
  })
  ages <- unlist(lapply(as.list(trial$imp), `[[`, "age"))
  link <- marginal_means(fit, ~arm, type = "link")
  each <- lapply(fits, marginal_means, ~arm, type = "link", at = list(age = mean(ages)))
  expect_pooled(link, each)
  expect_equal(marginal_means(fit, ~arm)$estimate, plogis(link$estimate))
  expect_equal(marginal_means(fit, ~arm)$conf.high, plogis(link$conf.high))
  expect_pooled(
    marginal_means(fit, ~arm, "counterfactual"),
    lapply(fits, marginal_means, ~arm, "counterfactual")
  )
  odds <- marginal_contrasts(marginal_means(fit, ~arm), adjust = "none")
  expect_pooled(odds, lapply(fits, function(fit) {
    marginal_contrasts(marginal_means(fit, ~arm), adjust = "none")
  }), ratio = TRUE)
})

test_that("standardised effects are pooled on the scale of their tests", {
  skip_if_not_installed("mice")
  trial <- pooled_trial()
  fit <- fit_glm(well ~ arm + age + sex, trial$imp, family = binomial())
  for (variance in c("unconditional", "ye", "ge")) {
    ours <- standardised_effects(fit, ~arm, variance = variance)
    each <- lapply(fit$fits, standardised_effects, ~arm, variance = variance)
    for (measure in unique(ours$measure)) {
      rows <- function(x) as.data.frame(x)[x$measure == measure, ]
      expect_pooled(rows(ours), lapply(each, rows), ratio = measure != "difference")
    }
    expect_pooled(attr(ours, "means"), lapply(each, attr, "means"))
  }
})

test_that("effects in subgroups are those of each imputation, pooled", {
  skip_if_not_installed("mice")
  trial <- pooled_trial()
  fit <- fit_glm(score ~ arm + age, trial$imp)
  ours <- subgroup_effects(fit, ~arm, ~ sex + well)
  each <- lapply(as.list(trial$imp), function(data) {
    subgroup_effects(fit_glm(score ~ arm + age, data), ~arm, ~ sex + well, data = data)
  })
  expect_pooled(ours, each)
  expect_equal(ours$n.arm, rowMeans(vapply(each, function(one) one$n.arm + 0, ours$n.arm)))
  # With one equation the test of interaction is that of the coefficient.
  one <- fit_glm(score ~ arm * sex + age, trial$imp)
  tested <- linear_contrast(one, "armgroup:sexmale")
  at <- ours$subgroup == "sex" & ours$contrast == "group - usual"
  expect_equal(ours$p.interaction[at][[1]], tested$p.value, tolerance = 1e-8)
  path <- withr::local_tempfile(fileext = ".png")
  write_figure(ours, path, 170, 90)
  expect_gt(file.size(path), 5000)
})

test_that("interactions of several coefficients are tested as Wald's test does, CR2 included", {
  data <- lossy_trial()
  data$site <- factor(rep(c("a", "b", "c"), each = 40))
  clinic <- rep(1:24, length.out = 120)
  imp <- drawn_imputations(data)
  both <- fit_glm(month6 ~ arm * site + before, imp)
  terms <- c("armgroup:siteb", "armgroup:sitec")
  for (type in c("model", "CR2")) {
    of <- if (type == "CR2") clinic
    ours <- subgroup_effects(
      fit_glm(month6 ~ arm + site + before, imp), ~arm, ~site, vcov = type, cluster = of
    )
    got <- ours$p.interaction[ours$subgroup == "site" & ours$contrast == "group - usual"][[1]]
    expect_equal(got, wald_test(both, terms, vcov = type, cluster = of)$p.value, tolerance = 1e-8)
  }
})

test_that("Wald tests of pooled fits are D1", {
  skip_if_not_installed("mice")
  trial <- pooled_trial()
  fit <- fit_glm(score ~ arm + age + sex, trial$imp)
  got <- wald_test(fit)
  full <- with(trial$mids, lm(score ~ arm + age + sex))
  without <- with(trial$mids, lm(score ~ age + sex))
  want <- mice::D1(full, without)$result
  expect_equal(got$statistic[[1]], want[[1]], tolerance = 1e-8)
  expect_equal(got$df[[1]], want[[2]])
  expect_output(print(got), "D1")
  expect_equal(got$p.value[[2]], linear_contrast(fit, "age")$p.value, tolerance = 1e-10)
})

test_that("margins are tested with pooled errors", {
  skip_if_not_installed("mice")
  fit <- fit_glm(score ~ arm + age, pooled_trial()$imp)
  one <- linear_contrast(fit, "armgroup")
  got <- equivalence_test(fit, high = 12, contrasts = "armgroup")
  expect_equal(got$p.value, pt((one$estimate - 12) / one$std.error, one$df), tolerance = 1e-10)
  worse <- noninferiority_test(fit, margin = 2, contrasts = "armgroup")
  expect_equal(worse$p.value,
    pt((one$estimate + 2) / one$std.error, one$df, lower.tail = FALSE), tolerance = 1e-10
  )
  expect_match(paste(attr(got, "notes"), collapse = " "), "pooled over 6 imputations")
})

test_that("arms of imputations are compared by hand, with either t", {
  skip_if_not_installed("mice")
  trial <- pooled_trial()
  for (test in c("student", "welch")) {
    ours <- compare_arms(score ~ arm, trial$imp, test, reference = "usual")
    each <- lapply(as.list(trial$imp), function(data) {
      compare_arms(score ~ arm, data, test, reference = "usual")
    })
    expect_pooled(ours, each)
    expect_equal(ours$g, rowMeans(vapply(each, `[[`, c(0, 0), "g")))
  }
  f <- compare_arms(score ~ arm, trial$imp, "anova")
  want <- mice::D1(with(trial$mids, lm(score ~ arm)), with(trial$mids, lm(score ~ 1)))$result
  expect_equal(f$statistic, want[[1]], tolerance = 1e-8)
  arms <- attr(ours, "arms")
  means <- vapply(as.list(trial$imp), function(data) tapply(data$score, data$arm, mean), 1:3 + 0)
  expect_equal(arms$mean, unname(rowMeans(means)))
  expect_output(print(ours), "Pooled over 6 imputations")
})

test_that("the panel of three analyses is pooled", {
  skip_if_not_installed("mice")
  trial <- pooled_trial()
  ours <- ancova_panel(trial$imp, "before", "score", ~arm, ~sex, vcov = "HC3")
  each <- lapply(as.list(trial$imp), ancova_panel, "before", "score", ~arm, ~sex, vcov = "HC3")
  expect_pooled(ours, each)
  expect_output(print(ours), "pooled over 6 imputations")
})

test_that("tables of pooled fits drop nothing of what their numbers are", {
  skip_if_not_installed("mice")
  trial <- pooled_trial()
  fit <- fit_glm(score ~ arm + age + sex, trial$imp)
  table <- effects_table(fit, vcov = "CR2", cluster = ~g, labels = c(age = "Age, years"))
  notes <- paste(attr(table, "notes"), collapse = " ")
  expect_match(notes, "6 imputations")
  expect_match(notes, "CR2 by g \\(12 clusters\\)")
  expect_match(notes, "Barnard and Rubin")
  expect_true(all(c("df", "fmi", "riv", "lambda") %in% names(table)))
  expect_equal(table$std.error, unname(sqrt(diag(vcov(fit, "CR2", ~g)))))
  for (type in c("md", "html", "tex")) {
    path <- withr::local_tempfile(fileext = paste0(".", type))
    write_table(table, path)
    expect_match(paste(readLines(path), collapse = " "), "6 imputations")
  }
  base <- baseline_table(arm ~ sex + age, trial$imp)
  expect_match(paste(attr(base, "notes"), collapse = " "), "as observed.*Missing values")
  plain <- baseline_table(arm ~ sex + age, trial$mids$data)
  expect_equal(as.data.frame(base), as.data.frame(plain))
})

test_that("what cannot be asked of imputations is refused with a reason and a cure", {
  skip_if_not_installed("mice")
  trial <- pooled_trial()
  fit <- fit_glm(score ~ arm + age, trial$imp, cluster = ~g)
  refused <- function(expr, words) {
    expect_error(expr, words, class = "questrial_error")
  }
  refused(wild_bootstrap(fit, "age"), "no standard error.*wald_test")
  refused(permutation_test(score ~ arm, trial$imp), "cannot be pooled.*compare_arms")
  refused(boot_ci(trial$imp, "mean", ~score), "imputed anew")
  for (test in c("welch.anova", "permutation", "chisq", "fisher", "trend")) {
    refused(compare_arms(well ~ arm, trial$imp, test), "cannot be pooled.*Use")
  }
  refused(compare_arms(score ~ arm, trial$imp, adjust = "tukey"), "marginal_contrasts")
  refused(cohens_d(score ~ arm, trial$imp), "`g` is pooled")
  refused(hedges_g(compare_arms(score ~ arm, trial$imp)), "`g` is pooled")
  refused(eta_squared(compare_arms(score ~ arm, trial$imp, "anova")), "share of variance")
  refused(cramers_v(well ~ arm, trial$imp), "cannot be pooled|imputations")
  refused(plot_change(trial$imp, "score", "arm"), "imputations")
  refused(fit_gee(score ~ arm, trial$imp, cluster = ~g), "pool.with.imp")
  refused(cace(score ~ age | arm, trial$imp), "pool.with.imp")
  expect_output(print(summary(pool(with(trial$imp, cace(score ~ age | sex))))), "HC2, robust")
  refused(compare_counts(trial$imp), "compare_arms")
  pooled_lm <- pool(with(trial$mids, lm(score ~ arm)))
  expect_equal(
    linear_contrast(pooled_lm, "armgroup")$std.error,
    sqrt(vcov(pooled_lm)[["armgroup", "armgroup"]])
  )
  refused(marginal_means(pooled_lm, ~arm), "class lm.*fit_glm")
  log_fit <- pool(lapply(as.list(trial$imp), function(data) fit_glm(score ~ log(age), data)))
  refused(marginal_means(log_fit, ~age, data = trial$mids$data), "6 completed data sets")
})
