# Oracles: anova() of stats; car::Anova(), for type III on fits with contr.sum;
# differences of residual sums of squares.

expect_table <- function(ours, theirs, columns, tolerance = 1e-8) {
  ours <- as.data.frame(ours)
  theirs <- as.data.frame(theirs)[rownames(ours), ]
  for (name in columns) {
    # Ours and theirs may name the column otherwise: "F" and "F value".
    at <- match(substr(name, 1, 5), substr(names(theirs), 1, 5))
    expect_equal(ours[[name]], theirs[[at]], tolerance = tolerance, label = name)
  }
}

two_way <- warpbreaks[-c(1:3, 12, 30:36, 50), ]

test_that("types II and III are those of car with sum-to-zero contrasts", {
  skip_if_not_installed("car")
  formulas <- list(
    mpg ~ wt * factor(cyl) * factor(am) + hp + qsec:factor(am),
    mpg ~ factor(gear) * factor(vs) + poly(hp, 2), log(mpg) ~ hp + wt + I(wt^2),
    mpg ~ factor(cyl) + factor(am):hp
  )
  for (formula in formulas) {
    ours <- fit_glm(formula, mtcars, weights = disp)
    factors <- names(ours$contrasts)
    sum_contrasts <- lapply(setNames(nm = factors), function(x) "contr.sum")
    sums <- lm(formula, mtcars,
      weights = disp, contrasts = if (length(factors) > 0) sum_contrasts
    )
    columns <- c("Sum Sq", "Df", "F value", "Pr(>F)")
    plain <- lm(formula, mtcars, weights = disp)
    expect_table(anova(ours, type = "II"), car::Anova(plain, type = 2), columns)
    expect_table(anova(ours, type = "III"), car::Anova(sums, type = 3), columns)
    # Contrasts given in the call are of no account to type III.
    if (length(factors) > 0) {
      other <- lapply(setNames(nm = factors), function(x) "contr.SAS")
      again <- fit_glm(formula, mtcars, weights = disp, contrasts = other)
      expect_table(anova(again, type = "III"), car::Anova(sums, type = 3), columns)
    }
  }
})

test_that("a type III main effect compares unweighted means", {
  # The slow obvious version: the residual sum of squares that is added when the
  # cell means are held to equal row averages.
  cells <- tapply(two_way$breaks, two_way[c("wool", "tension")], mean)
  n <- table(two_way[c("wool", "tension")])
  difference <- mean(cells["A", ]) - mean(cells["B", ])
  squares <- difference^2 / sum(1 / n / 9)
  table <- anova(fit_glm(breaks ~ wool * tension, two_way), type = "III")
  expect_equal(table["wool", "Sum Sq"], squares, tolerance = 1e-10)
  expect_match(attr(table, "heading"), "type III \\(sum-to-zero", all = FALSE)
})

test_that("robust tests are those of car with the same covariance", {
  skip_if_not_installed("car")
  skip_if_not_installed("sandwich")
  ours <- fit_glm(breaks ~ wool * tension, two_way)
  plain <- lm(breaks ~ wool * tension, two_way)
  sums <- lm(breaks ~ wool * tension, two_way,
    contrasts = list(wool = "contr.sum", tension = "contr.sum")
  )
  v <- sandwich::vcovHC(plain, "HC1")
  v_sums <- sandwich::vcovHC(sums, "HC1")
  columns <- c("Df", "F", "Pr(>F)")
  expect_table(anova(ours, type = "II", vcov = v),
    suppressMessages(car::Anova(plain, type = 2, vcov. = v)), columns
  )
  expect_table(anova(ours, type = "III", vcov = v),
    suppressMessages(car::Anova(sums, type = 3, vcov. = v_sums)), columns
  )
  chisq <- anova(ours, type = "III", vcov = v, test = "Wald")
  expect_equal(chisq$Chisq, anova(ours, type = "III", vcov = v)$F * chisq$Df)
})

test_that("type I from the covariance is type I from the effects", {
  fit <- fit_glm(mpg ~ wt * factor(cyl) + hp, mtcars)
  table <- anova(fit)
  wald <- anova(fit, vcov = vcov(fit))
  expect_equal(wald$F, table[["F value"]][-nrow(table)], tolerance = 1e-8)
})

test_that("empty cells: type II as car, type III says why not", {
  skip_if_not_installed("car")
  holed <- warpbreaks[-(10:18), ]
  ours <- fit_glm(breaks ~ wool * tension, holed)
  theirs <- suppressMessages(car::Anova(lm(breaks ~ wool * tension, holed), type = 2))
  expect_table(anova(ours, type = "II"), theirs, c("Sum Sq", "Df", "F value", "Pr(>F)"))
  expect_error(anova(ours, type = "III"), "`woolB:tensionM` cannot be estimated",
    class = "questrial_error_singular"
  )
})

strict <- glm.control(epsilon = 1e-14, maxit = 50)
families <- list(
  logit = list(case ~ education * induced + age, binomial(), infert),
  probit = list(case ~ age + spontaneous + factor(induced), binomial("probit"), infert),
  counts = list(breaks ~ wool * tension, poisson(), two_way),
  gamma = list(mpg ~ factor(gear) * vs + log(hp), Gamma("log"), mtcars),
  quasi = list(breaks ~ tension * wool, quasipoisson(), two_way)
)

test_that("sequential deviances are those of anova.glm", {
  for (name in names(families)) {
    case <- families[[name]]
    data <- case[[3]]
    ours <- fit_glm(case[[1]], data, family = case[[2]])
    theirs <- glm(case[[1]], case[[2]], data, control = strict)
    for (test in c("F", "Chisq")) {
      want <- suppressWarnings(anova(theirs, test = test))
      got <- anova(ours, test = test)
      expect_identical(rownames(got), rownames(want))
      expect_equal(as.matrix(got[, 1:4]), as.matrix(want[, 1:4]), tolerance = 1e-8)
      expect_equal(got[[ncol(got)]], want[[ncol(want)]], tolerance = 1e-6, label = name)
    }
    got <- anova(update(ours, . ~ 1), ours, test = "Chisq")
    want <- anova(update(theirs, . ~ 1), theirs, test = "Chisq")
    expect_equal(got[[5]], want[[5]], tolerance = 1e-6, label = name)
  }
  expect_identical(anova(ours, ours, test = "Chisq")[["Pr(>Chi)"]], c(NA_real_, NA_real_))
})

test_that("likelihood ratio, Wald and F tests of types II and III are those of car", {
  skip_if_not_installed("car")
  for (name in names(families)) {
    case <- families[[name]]
    data <- case[[3]]
    ours <- fit_glm(case[[1]], data, family = case[[2]])
    factors <- lapply(ours$contrasts, function(x) "contr.sum")
    fits <- list(
      II = glm(case[[1]], case[[2]], data, control = strict),
      III = glm(case[[1]], case[[2]], data, control = strict, contrasts = factors)
    )
    # car's F takes an estimated dispersion where it is known; ours does not.
    for (test in c("LR", "Wald", if (uses_t(ours)) "F")) {
      for (type in c("II", "III")) {
        want <- car::Anova(fits[[type]], type = type, test.statistic = test)
        want <- want[setdiff(rownames(want), "Residuals"), ]
        got <- anova(ours, type = type, test = test)
        got <- got[intersect(rownames(want), rownames(got)), ]
        expect_gte(nrow(got), length(attr(terms(ours), "term.labels")))
        expect_equal(got[[ncol(got)]], want[rownames(got), ncol(want)], tolerance = 1e-5,
          label = paste(name, test, type)
        )
      }
    }
  }
})

test_that("negative binomial models are tested with theta held, as by MASS and car", {
  skip_if_not_installed("MASS")
  skip_if_not_installed("car")
  ours <- fit_glm(breaks ~ wool * tension, two_way, family = "negative_binomial")
  # It warns that it alternates once more than so strict a limit lets it end.
  theirs <- suppressWarnings(
    MASS::glm.nb(breaks ~ wool * tension, two_way, control = strict)
  )
  want <- suppressWarnings(anova(theirs))
  got <- anova(ours)
  expect_equal(got[["Pr(>Chi)"]], want[["Pr(>Chi)"]], tolerance = 1e-5)
  expect_match(attr(got, "heading"), "theta held at", all = FALSE)
  for (test in c("LR", "Wald")) {
    want <- car::Anova(theirs, type = 2, test.statistic = test)
    got <- anova(ours, type = "II", test = test)
    expect_equal(got[[ncol(got)]], want[[ncol(want)]], tolerance = 1e-5, label = test)
  }
})

test_that("penalised fits have Wald tests only", {
  fit <- fit_glm(case ~ education + age, infert, family = binomial(), method = "firth")
  table <- anova(fit, type = "II")
  expect_identical(names(table), c("Df", "Chisq", "Pr(>Chisq)"))
  expect_equal(table["age", "Chisq"], (coef(fit)[["age"]]^2 / vcov(fit)["age", "age"]))
  for (test in c("LR", "Chisq", "F")) {
    expect_error(anova(fit, test = test), "Use \"Wald\"", class = "questrial_error_argument")
  }
  expect_error(anova(update(fit, . ~ 1), fit), "wald_test", class = "questrial_error_argument")
})

test_that("chi-square tests divide by the residual variance, as in anova.lm", {
  fit <- fit_glm(mpg ~ wt + factor(cyl), mtcars)
  theirs <- anova(lm(mpg ~ wt + factor(cyl), mtcars), test = "Chisq")
  expect_equal(anova(fit, test = "Chisq")[["Pr(>Chi)"]][1:2],
    pchisq(theirs[["Sum Sq"]][1:2] / theirs[["Mean Sq"]][3], 1:2, lower.tail = FALSE)
  )
  expect_null(anova(fit, test = "none")[["F value"]])
})

test_that("what cannot be tested is refused", {
  fit <- fit_glm(breaks ~ wool * tension, two_way)
  refused <- function(code, message) {
    expect_error(code, message, class = "questrial_error_argument")
  }
  refused(anova(fit, type = "IV"), "`type` must be one of")
  refused(anova(fit, test = "Rao"), "`test` must be one of")
  refused(anova(fit, test = "LR", vcov = vcov(fit)), "no other covariance")
  refused(anova(fit, 3), "with each other only")
  one <- matrix(c(-1, 0, 1), 3)
  short <- fit_glm(breaks ~ wool + tension, two_way, contrasts = list(tension = one))
  refused(anova(short, type = "III"), "needs contrasts that span all levels")
})

test_that("tables print within 80 columns with the rows used", {
  withr::local_options(width = 80)
  fit <- fit_glm(Ozone ~ Solar.R + Wind + Temp + factor(Month), airquality)
  shown <- capture.output(print(anova(fit, type = "III")))
  expect_lte(max(nchar(shown)), 80)
  expect_match(shown, "111 rows used, 42 left out for missing values", all = FALSE)
})
