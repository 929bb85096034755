# Rows made of estimates and errors by given rules: which rule does the audit find?

made_rows <- function(df, q = qt(0.975, df), decimals = 3, n = 5, scale = identity) {
  set.seed(1)
  b <- round(rnorm(n), decimals)
  s <- round(runif(n, 0.2, 0.8), decimals)
  p <- 2 * pt(-abs(b / s), df)
  fixed <- function(x) formatC(x, digits = decimals, format = "f")
  data.frame(
    term = "", variable = c("", paste0("x", seq_len(n - 1))), level = "", reference = "",
    estimate = fixed(scale(b)), conf.low = fixed(scale(b - q * s)),
    conf.high = fixed(scale(b + q * s)), std.error = fixed(s), statistic = fixed(b / s),
    p = ifelse(p < 0.001, "<0.001", fixed(p))
  )
}

audit_rows <- function(rows, ...) {
  keys <- c(arms = "a; b", ...)
  found <- audit(published(list(
    design = data.frame(key = names(keys), value = unname(keys)), model = rows
  )))
  expect_setequal(found$check, "regression row")
  found
}

wrong_rows <- function(found) {
  found$cell[found$verdict == "inconsistent"]
}

test_that("df of the people given are used, and nothing is said of them", {
  found <- audit_rows(made_rows(20), model_n = "25")
  expect_identical(wrong_rows(found), character())
  expect_setequal(found$note, "")
})

test_that("rows that follow other df are right, with a note", {
  found <- audit_rows(made_rows(12, decimals = 4), model_n = "205")
  expect_identical(wrong_rows(found), character())
  expect_setequal(found$note, "df found: 12, not 200")
  found <- audit_rows(made_rows(Inf), model_n = "35")
  expect_identical(wrong_rows(found), character())
  expect_match(found$note, "df found: ([0-9]+ to )?infinite, not 30")
  found <- audit_rows(made_rows(8, decimals = 4))
  expect_setequal(found$note, "df found: 8")
})

test_that("df are found to the unit, so that no row is wrong by a coarser one", {
  for (df in c(61, 177, 613)) {
    found <- audit_rows(made_rows(df, decimals = 7))
    expect_identical(wrong_rows(found), character())
    expect_setequal(found$note, sprintf("df found: %d", df))
  }
})

test_that("a misprint in one row is not explained by other df", {
  rows <- made_rows(20)
  rows$p[[2]] <- "0.999"
  found <- audit_rows(rows, model_n = "25")
  expect_identical(wrong_rows(found), "model[2, p]")
  rows$conf.low[[4]] <- "-9.999"
  expect_true("model[4, conf.low]" %in% wrong_rows(audit_rows(rows, model_n = "25")))
})

test_that("1.96 for the quantile is no misprint", {
  rows <- made_rows(Inf, q = 1.96, decimals = 5)
  expect_identical(wrong_rows(audit_rows(rows, model_family = "binomial")), character())
})

test_that("ratios go by logarithms, errors by either scale", {
  rows <- made_rows(Inf, scale = exp)
  keys <- c(model_family = "binomial", model_exponentiated = "yes")
  expect_identical(wrong_rows(audit_rows(rows, keys)), character())
  rows$std.error <- formatC(as.numeric(rows$std.error) * as.numeric(rows$estimate),
    digits = 3, format = "f"
  )
  found <- audit_rows(rows, keys)
  expect_identical(wrong_rows(found), character())
  expect_setequal(found$note, "errors are those of the ratios")
  rows$conf.high[[3]] <- "99.999"
  expect_identical(wrong_rows(audit_rows(rows, keys)), "model[3, conf.high]")
})

test_that("Wald's chi-square is known for what it is", {
  rows <- made_rows(Inf)
  rows$statistic <- formatC(as.numeric(rows$statistic)^2, digits = 3, format = "f")
  found <- audit_rows(rows, model_family = "binomial")
  expect_identical(wrong_rows(found), character())
  expect_setequal(found$note, "statistics are Wald's chi-square")
})

test_that("other levels of confidence are taken from the design", {
  rows <- made_rows(20, q = qt(0.95, 20))
  expect_identical(wrong_rows(audit_rows(rows, model_n = "25", conf.level = "0.90")), character())
  expect_gt(length(wrong_rows(audit_rows(rows, model_n = "25"))), 0)
})

test_that("ratios are known for ratios where the design does not say", {
  # From glm() of synthetic counts: 31 of 60 against 18 of 62, Wald's limits.
  fit <- glm(cbind(c(31, 18), c(29, 44)) ~ factor(c("b", "a")), family = binomial)
  row <- coef(summary(fit))[2, ]
  ratio <- exp(row[[1]] + c(0, -1, 1) * qnorm(0.975) * row[[2]])
  rows <- data.frame(
    variable = "arm", level = "b", reference = "a", estimate = sprintf("%.2f", ratio[[1]]),
    conf.low = sprintf("%.2f", ratio[[2]]), conf.high = sprintf("%.2f", ratio[[3]]),
    p = sprintf("%.3f", row[[4]])
  )
  found <- audit_rows(rows, model_family = "binomial")
  expect_length(wrong_rows(found), 0)
  expect_match(found$note, "taken for ratios")
  expect_match(found$figure, "arm: b against a", fixed = TRUE)
  # What the design says is believed, and asked about.
  for (found in list(
    audit_rows(rows, model_family = "binomial", model_exponentiated = "no"), audit_rows(rows)
  )) {
    expect_gt(length(wrong_rows(found)), 0)
    expect_match(found$note, "is model_exponentiated = yes")
  }
  # A misprint of coefficients that are no ratios is none of ratios either.
  rows$p <- "0.900"
  expect_no_match(audit_rows(rows, model_family = "binomial")$note, "ratio")
})

test_that("limits of the profile likelihood are not blamed on odds, wrong ones are", {
  withr::local_seed(5)
  for (n in c(60, 90, 140)) {
    data <- data.frame(
      arm = factor(rep(c("a", "b"), n / 2)), sex = factor(sample(c("f", "m"), n, TRUE)),
      site = factor(sample(c("x", "y", "z"), n, TRUE))
    )
    data$y <- stats::rbinom(n, 1, stats::plogis(-0.8 + 0.9 * (data$arm == "b")))
    fit <- glm(y ~ arm + sex + site, binomial, data)
    limits <- exp(suppressMessages(confint(fit)))
    each <- coef(summary(fit))
    rows <- data.frame(
      variable = c("", "arm", "sex", "site", "site"), level = c("", "b", "m", "y", "z"),
      reference = c("", "a", "f", "x", "x"), estimate = sprintf("%.2f", exp(each[, 1])),
      conf.low = sprintf("%.2f", limits[, 1]), conf.high = sprintf("%.2f", limits[, 2]),
      p = sprintf("%.3f", each[, 4])
    )
    keys <- c(model_family = "binomial", model_exponentiated = "yes")
    expect_length(wrong_rows(audit_rows(rows, keys)), 0)
    rows$conf.high[[2]] <- sprintf("%.2f", 1.5 * limits[2, 2])
    expect_gt(length(wrong_rows(audit_rows(rows, keys))), 0)
    rows$statistic <- sprintf("%.2f", each[, 3])
    expect_length(wrong_rows(audit_rows(rows, c(keys, model_limits = "profile"))), 0)
  }
})

test_that("limits of the profile likelihood are not blamed in small trials either", {
  withr::local_seed(3)
  for (repeated in 1:30) {
    arm <- factor(rep(c("a", "b"), sample(8:14, 2)))
    y <- stats::rbinom(length(arm), 1, ifelse(arm == "a", 0.25, 0.6))
    if (min(table(arm, y)) < 2) {
      next
    }
    fit <- glm(y ~ arm, binomial)
    limits <- suppressMessages(confint(fit))
    each <- coef(summary(fit))
    rows <- data.frame(
      variable = c("", "arm"), level = c("", "b"), reference = c("", "a"),
      estimate = sprintf("%.3f", each[, 1]), conf.low = sprintf("%.2f", limits[, 1]),
      conf.high = sprintf("%.2f", limits[, 2])
    )
    expect_identical(wrong_rows(audit_rows(rows, model_family = "binomial")), character())
    # A width that no such error has.
    rows$p <- sprintf("%.4f", 2 * stats::pnorm(-abs(each[, 1] / each[, 2]) * 1.3))
    expect_gt(length(wrong_rows(audit_rows(rows, model_family = "binomial"))), 0)
  }
})
