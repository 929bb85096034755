# Other packages on fits of ours, against the same on lm() and glm().

friend_data <- local({
  data <- stats::na.omit(airquality)
  data$Month <- factor(data$Month)
  data$hot <- factor(data$Temp > 80, labels = c("no", "yes"))
  data$high <- as.integer(data$Ozone > 40)
  data
})

# Ours and its peer, by family. The data stand in the calls, where update() finds them.
friend_fits <- function(family) {
  formula <- if (grepl("binomial", family)) {
    high ~ Wind + hot + Month
  } else if (family == "inverse.gaussian") {
    # glm() diverges with Ozone.
    Temp ~ Wind * hot + Month
  } else {
    Ozone ~ Wind * hot + Month
  }
  environment(formula) <- globalenv()
  theirs <- if (family == "gaussian") {
    do.call("lm", list(formula, data = friend_data))
  } else {
    do.call("glm", list(
      formula, families_of_friends[[family]],
      data = friend_data, epsilon = 1e-15, maxit = 100
    ))
  }
  list(
    ours = do.call("fit_glm", list(formula, data = friend_data, family = families_of_friends[[family]])),
    theirs = theirs
  )
}

families_of_friends <- list(
  gaussian = gaussian(), binomial = binomial(), poisson = poisson(), Gamma = Gamma("log"),
  inverse.gaussian = inverse.gaussian("log"), quasipoisson = quasipoisson(),
  quasibinomial = quasibinomial("probit")
)

expect_same <- function(friend, fits, tolerance = 1e-6) {
  expect_equal(friend(fits$ours), friend(fits$theirs),
    tolerance = tolerance, ignore_attr = TRUE, label = deparse1(body(friend))
  )
}

for (family in names(families_of_friends)) {
  test_that(paste("sandwich's covariances are those of the peer:", family), {
    skip_if_not_installed("sandwich")
    fits <- friend_fits(family)
    for (type in c("const", "HC", "HC0", "HC1", "HC2", "HC3", "HC4", "HC4m", "HC5")) {
      expect_same(function(fit) sandwich::vcovHC(fit, type = type), fits)
    }
    # Its clustered HC2 and HC3 are for lm and glm alone.
    for (type in c("HC0", "HC1")) {
      expect_same(function(fit) sandwich::vcovCL(fit, ~Day, type = type), fits)
    }
    expect_same(function(fit) sandwich::estfun(fit), fits)
    expect_identical(
      dimnames(sandwich::estfun(fits$ours)), dimnames(sandwich::estfun(fits$theirs))
    )
    expect_same(function(fit) sandwich::bread(fit), fits)
    expect_same(function(fit) sandwich::vcovCL(fit, ~ Day + Month, type = "HC0"), fits)
    expect_same(function(fit) sandwich::vcovHAC(fit), fits)
    expect_same(function(fit) sandwich::vcovOPG(fit), fits)
    # It leaves its choice of rows in an object of the package.
    withr::local_package("sandwich")
    if (family == "gaussian") {
      bootstrap <- function(fit) {
        withr::with_seed(1, sandwich::vcovBS(fit, R = 5))
      }
      expect_same(bootstrap, fits)
    }
  })

  test_that(paste("lmtest's tests are those of the peer:", family), {
    skip_if_not_installed("lmtest")
    skip_if_not_installed("sandwich")
    fits <- friend_fits(family)
    # coeftest() takes z for any glm(), we take t where the dispersion is estimated.
    df <- if (uses_t(fits$ours)) fits$ours$df.residual else Inf
    expect_equal(
      lmtest::coeftest(fits$ours), lmtest::coeftest(fits$theirs, df = df),
      tolerance = 1e-6, ignore_attr = TRUE
    )
    expect_equal(
      lmtest::coeftest(fits$ours, sandwich::vcovHC),
      lmtest::coeftest(fits$theirs, sandwich::vcovHC, df = df),
      tolerance = 1e-6, ignore_attr = TRUE
    )
    waldtest <- function(fit) {
      as.data.frame(lmtest::waldtest(fit, . ~ . - Month, vcov = sandwich::vcovHC, test = "F"))
    }
    expect_same(waldtest, fits)
    expect_same(function(fit) as.data.frame(lmtest::lrtest(fit, . ~ . - Month)), fits)
  })

  test_that(paste("car's hypotheses are those of the peer:", family), {
    skip_if_not_installed("car")
    fits <- friend_fits(family)
    hypotheses <- c("Wind = 0", "Month6 = Month7")
    for (test in c("F", "Chisq")) {
      wanted <- car::linearHypothesis(fits$theirs, hypotheses, test = test)
      got <- car::linearHypothesis(fits$ours, hypotheses, test = test)
      expect_equal(got[[test]], wanted[[test]], tolerance = 1e-6)
      expect_equal(got[[4]], wanted[[ncol(wanted)]], tolerance = 1e-6)
    }
    expect_same(function(fit) car::deltaMethod(fit, "Wind / Month6"), fits)
    expect_same(function(fit) suppressMessages(car::vif(fit)), fits)
    wanted <- car::Anova(fits$theirs, test.statistic = if (family == "gaussian") "F" else "Wald")
    got <- car::Anova(fits$ours, test.statistic = if (family == "gaussian") "F" else "Chisq")
    statistic <- if (family == "gaussian") c("F", "F value") else c("Chisq", "Chisq")
    expect_equal(
      stats::na.omit(got[[statistic[[1]]]]), stats::na.omit(wanted[[statistic[[2]]]]),
      tolerance = 1e-6, ignore_attr = TRUE
    )
  })

  test_that(paste("multcomp's hypotheses are those of the peer:", family), {
    skip_if_not_installed("multcomp")
    skip_if_not_installed("sandwich")
    fits <- friend_fits(family)
    parts <- c("coefficients", "sigma", "tstat")
    pairs <- function(fit) {
      compared <- multcomp::glht(fit, multcomp::mcp(Month = "Tukey"))
      unlist(summary(compared, test = multcomp::adjusted("holm"))$test[parts])
    }
    expect_same(pairs, fits)
    robust <- function(fit) {
      compared <- multcomp::glht(fit, "Wind = 0", vcov. = sandwich::vcovHC)
      unlist(summary(compared)$test[parts])
    }
    expect_same(robust, fits)
    df <- multcomp::glht(fits$ours, "Wind = 0")$df
    expect_equal(df, if (uses_t(fits$ours)) fits$ours$df.residual else 0)
  })

  test_that(paste("emmeans' means, contrasts and slopes are those of the peer:", family), {
    skip_if_not_installed("emmeans")
    skip_if_not_installed("sandwich")
    fits <- friend_fits(family)
    quiet <- function(x) suppressMessages(as.data.frame(x))
    # emmeans takes z for quasi families and the inverse Gaussian.
    same <- function(friend) {
      got <- friend(fits$ours)
      wanted <- friend(fits$theirs)
      columns <- intersect(names(got), names(wanted))
      if (!family %in% c("gaussian", "Gamma", "binomial", "poisson")) {
        inferential <- c("df", "df2", "lower.CL", "upper.CL", "t.ratio", "z.ratio", "p.value")
        columns <- setdiff(columns, inferential)
      }
      expect_equal(got[columns], wanted[columns], tolerance = 1e-6, ignore_attr = TRUE)
    }
    same(function(fit) quiet(emmeans::emmeans(fit, ~hot)))
    same(function(fit) quiet(emmeans::emmeans(fit, ~Month, type = "response")))
    same(function(fit) quiet(emmeans::emmeans(fit, ~hot, weights = "proportional")))
    same(function(fit) quiet(emmeans::emmeans(fit, ~hot, vcov. = sandwich::vcovHC)))
    same(function(fit) quiet(pairs(emmeans::emmeans(fit, ~Month))))
    same(function(fit) quiet(emmeans::emtrends(fit, ~hot, "Wind")))
    same(function(fit) quiet(emmeans::joint_tests(fit)))
  })

  test_that(paste("tidy(), glance() and augment() have broom's columns:", family), {
    skip_if_not_installed("broom")
    fits <- friend_fits(family)
    compare <- function(got, wanted) {
      expect_identical(setdiff(names(wanted), names(got)), character())
      columns <- setdiff(names(wanted), ".rownames")
      expect_equal(as.data.frame(got)[columns], as.data.frame(wanted)[columns],
        tolerance = 1e-6, ignore_attr = TRUE
      )
    }
    if (family == "gaussian" || !uses_t(fits$ours)) {
      compare(broom::tidy(fits$ours), broom::tidy(fits$theirs))
    }
    compare(broom::glance(fits$ours), broom::glance(fits$theirs))
    compare(broom::augment(fits$ours), broom::augment(fits$theirs))
    compare(
      broom::augment(fits$ours, data = friend_data), broom::augment(fits$theirs, data = friend_data)
    )
    new <- friend_data[3:9, ]
    compare(
      broom::augment(fits$ours, newdata = new, se_fit = TRUE),
      broom::augment(fits$theirs, newdata = new, se_fit = TRUE)
    )
  })

  test_that(paste("step(), drop1() and add1() are those of the peer:", family), {
    fits <- friend_fits(family)
    tests <- if (family == "gaussian") c("none", "F", "Chisq") else c("none", "F", "Chisq", "LRT")
    for (test in tests) {
      dropped <- function(fit) suppressWarnings(as.data.frame(drop1(fit, test = test)))
      expect_same(dropped, fits)
      added <- function(fit) suppressWarnings(as.data.frame(add1(fit, . ~ . + Solar.R, test = test)))
      expect_same(added, fits)
      expect_identical(names(dropped(fits$ours)), names(dropped(fits$theirs)))
      expect_identical(row.names(added(fits$ours)), row.names(added(fits$theirs)))
    }
    # Quasi families have no AIC to go by.
    if (is.na(AIC(fits$theirs))) {
      return()
    }
    expect_identical(
      names(coef(step(fits$ours, trace = 0))), names(coef(step(fits$theirs, trace = 0)))
    )
    if (requireNamespace("MASS", quietly = TRUE)) {
      expect_identical(
        names(coef(MASS::stepAIC(fits$ours, trace = 0))),
        names(coef(MASS::stepAIC(fits$theirs, trace = 0)))
      )
    }
  })

  test_that(paste("what insight reads is what it reads of the peer:", family), {
    skip_if_not_installed("insight")
    fits <- friend_fits(family)
    expect_same(function(fit) deparse1(insight::find_formula(fit)$conditional), fits)
    expect_same(function(fit) insight::find_predictors(fit), fits)
    expect_same(function(fit) insight::find_response(fit), fits)
    expect_same(function(fit) insight::get_varcov(fit), fits)
    expect_same(function(fit) insight::get_parameters(fit), fits)
    expect_same(function(fit) insight::n_obs(fit), fits)
    expect_same(function(fit) insight::model_info(fit)$link_function, fits)
  })
}

test_that("small methods of stats are those of lm", {
  data <- transform(friend_data, w = rep(0:2, 37), Wind2 = 2 * Wind)
  ours <- fit_glm(Ozone ~ Wind + Wind2 + hot * Month, data, weights = w)
  theirs <- lm(Ozone ~ Wind + Wind2 + hot * Month, data, weights = w)
  for (friend in list(labels, case.names, variable.names, stats::df.residual, stats::deviance)) {
    expect_equal(friend(ours), friend(theirs))
  }
  expect_equal(case.names(ours, full = TRUE), case.names(theirs, full = TRUE))
  expect_setequal(variable.names(ours, full = TRUE), variable.names(theirs, full = TRUE))
  expect_equal(unclass(dummy.coef(ours)), unclass(dummy.coef(theirs)))
  expect_equal(
    stats::expand.model.frame(ours, ~Solar.R), stats::expand.model.frame(theirs, ~Solar.R),
    ignore_attr = TRUE
  )
})

test_that("emmeans finds no mean where a cell is empty, as on lm", {
  skip_if_not_installed("emmeans")
  data <- warpbreaks[!(warpbreaks$wool == "A" & warpbreaks$tension == "H"), ]
  ours <- emmeans::emmeans(fit_glm(breaks ~ wool * tension, data), ~ wool | tension)
  theirs <- emmeans::emmeans(lm(breaks ~ wool * tension, data), ~ wool | tension)
  expect_equal(as.data.frame(ours), as.data.frame(theirs), ignore_attr = TRUE)
  expect_equal(as.data.frame(pairs(ours)), as.data.frame(pairs(theirs)), ignore_attr = TRUE)
})

# The package is not in Debian: its methods are called as it would call them.
test_that("marginaleffects' hooks give what a slope needs", {
  data <- transform(friend_data, Wind2 = 2 * Wind)
  fit <- fit_glm(Ozone ~ Wind + Wind2 + hot, data)
  beta <- marginal_coef(fit)
  expect_equal(beta, coef(lm(Ozone ~ Wind + hot, data)))
  expect_equal(marginal_vcov(fit), vcov(lm(Ozone ~ Wind + hot, data)))
  expect_null(marginal_vcov(fit, FALSE))
  moved <- marginal_set_coef(fit, beta + c(0, 1, 0))
  expect_warning(before <- marginal_predict(fit, data[1:5, ]), "Wind2")
  after <- suppressWarnings(marginal_predict(moved, data[1:5, ]))
  expect_equal(after$estimate - before$estimate, data$Wind[1:5])
  expect_equal(before$rowid, 1:5)
  fit <- fit_glm(Ozone ~ Wind + hot, data)
  expect_equal(marginal_predict(fit)$estimate, unname(fitted(fit)))
})

test_that("emmeans takes our covariances by name, with their degrees of freedom", {
  skip_if_not_installed("emmeans")
  skip_if_not_installed("sandwich")
  skip_if_not_installed("clubSandwich")
  fits <- friend_fits("gaussian")
  same <- function(got, wanted) {
    expect_equal(as.data.frame(got), as.data.frame(wanted), tolerance = 1e-8, ignore_attr = TRUE)
  }
  means <- function(...) suppressMessages(emmeans::emmeans(...))
  same(
    means(fits$ours, ~hot, vcov. = "HC3"), means(fits$theirs, ~hot, vcov. = sandwich::vcovHC)
  )
  clustered <- as.data.frame(pairs(means(fits$ours, ~Month, vcov. = "CR2", cluster = ~Day)))
  covariance <- clubSandwich::vcovCR(fits$theirs, cluster = friend_data$Day, type = "CR2")
  wanted <- as.data.frame(pairs(means(fits$theirs, ~Month, vcov. = as.matrix(covariance))))
  expect_equal(clustered$SE, wanted$SE, tolerance = 1e-8)
  # Month 6 less month 5 is one coefficient.
  tests <- clubSandwich::coef_test(fits$theirs, vcov = covariance, test = "Satterthwaite")
  expect_equal(clustered$df[[1]], tests["Month6", "df_Satt"], tolerance = 1e-8)
})
