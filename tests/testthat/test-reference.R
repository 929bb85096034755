trial <- lossy_trial()

test_that("with all outcomes there nothing is imputed, with a warning", {
  whole <- trial[!is.na(trial$month3) & !is.na(trial$month6), ]
  expect_warning(
    imp <- impute_reference(whole, c("month3", "month6"), "arm", m = 2),
    class = "questrial_warning_nothing_missing"
  )
  expect_identical(imp[[2]], whole)
})

test_that("observed values stay, threads and the number of imputations change nothing", {
  imp <- impute_reference(trial, c("month3", "month6"), "arm", "usual", "before", "J2R",
    m = 6, seed = 4, iterations = 20, threads = 1)
  expect_identical(names(imp$imputed), c("month3", "month6"))
  seen <- !is.na(trial$month6)
  expect_identical(imp[[3]]$month6[seen], trial$month6[seen])
  expect_false(anyNA(imp[[3]]$month6))
  more <- impute_reference(trial, c("month3", "month6"), "arm", "usual", ~before, "J2R",
    m = 9, seed = 4, iterations = 20, threads = 2)
  expect_identical(lapply(more$imputed, function(x) x[, 1:6]), imp$imputed)
})

test_that("set.seed() governs where no seed is given", {
  withr::local_seed(8)
  one <- impute_reference(trial, "month6", "arm", m = 2)
  withr::local_seed(8)
  expect_identical(impute_reference(trial, "month6", "arm", m = 2)$imputed, one$imputed)
})

# One visit and arms alone: the mean of the lost is the mean of the observed in their own arm
# (MAR) or in the reference's, so the effect of J2R is the share observed times that of MAR.
test_that("with one visit estimates are those of the closed form", {
  m <- 2000
  seen <- !is.na(trial$month6)
  means <- tapply(trial$month6, trial$arm, mean, na.rm = TRUE)
  share <- mean(seen[trial$arm == "group"])
  spread <- stats::sd(trial$month6, na.rm = TRUE)
  effects <- function(method) {
    imp <- impute_reference(trial, "month6", "arm", "usual", method = method, m = m, seed = 1)
    by_set <- vapply(as.list(imp), function(data) {
      diff(tapply(data$month6, data$arm, mean)[c("usual", "group")])
    }, 0)
    c(mean = mean(by_set), error = stats::sd(by_set) / sqrt(m))
  }
  mar <- effects("MAR")
  expect_lt(abs(mar[["mean"]] - (means[["group"]] - means[["usual"]])), 4 * mar[["error"]])
  for (method in c("J2R", "CR", "CIR")) {
    jump <- effects(method)
    want <- share * (means[["group"]] - means[["usual"]])
    expect_lt(abs(jump[["mean"]] - want), 4 * jump[["error"]])
  }
  expect_gt(abs(share - 1) * abs(means[["group"]] - means[["usual"]]), 8 * jump[["error"]])
})

# What the help page says: Rubin's rules do not gain information from the reference arm.
test_that("standard errors under J2R are about those under missing at random", {
  withr::local_seed(4)
  n <- 400
  data <- data.frame(arm = gl(2, n / 2), x = stats::rnorm(n))
  data$y <- data$x + 0.5 * (data$arm == 2) + stats::rnorm(n)
  data$y[data$arm == 2 & stats::runif(n) < 0.3] <- NA
  error <- function(method) {
    imp <- impute_reference(data, "y", "arm", covariates = "x", method = method, m = 200, seed = 1)
    sqrt(diag(vcov(fit_glm(y ~ arm + x, imp))))[["arm2"]]
  }
  # B of 200 imputations has a relative error of sqrt(2 / 199), and is under a half of T.
  expect_lt(abs(error("J2R") / error("MAR") - 1), 0.05 + 2 * sqrt(2 / 199) / 4)
})

# Two visits without gaps: with the parameters at their maximum likelihood the mean of the lost at
# the second is their regression on the first, centred as the method says.
test_that("with two visits mean imputations are those of known parameters", {
  n <- 6000
  withr::local_seed(11)
  arm <- factor(rep(c("usual", "group"), n / 2), c("usual", "group"))
  covariate <- stats::rnorm(n)
  first <- 10 + covariate + 2 * (arm == "group") + stats::rnorm(n)
  second <- 12 + covariate + 5 * (arm == "group") + 0.5 * (first - 10 - covariate -
    2 * (arm == "group")) + stats::rnorm(n)
  data <- data.frame(arm, covariate, first, second)
  lost <- arm == "group" & stats::runif(n) < 0.4
  data$second[lost] <- NA
  x <- data$covariate[lost]
  own <- cbind(12 + x, 17 + x)
  usual <- cbind(10 + x, 12 + x)
  truth <- list(
    MAR = 17 + x + 0.5 * (data$first[lost] - own[, 1]),
    J2R = 12 + x + 0.5 * (data$first[lost] - own[, 1]),
    CR = 12 + x + 0.5 * (data$first[lost] - usual[, 1]),
    CIR = own[, 1] + usual[, 2] - usual[, 1] + 0.5 * (data$first[lost] - own[, 1])
  )
  for (method in names(truth)) {
    imp <- impute_reference(data, c("first", "second"), "arm", "usual", "covariate", method,
      m = 40, seed = 2, by_arm = method == "CR")
    off <- rowMeans(imp$imputed$second) - truth[[method]]
    # Parameters have errors of about 1 / sqrt(3000), imputed values of 1 / sqrt(40).
    expect_lt(abs(mean(off)), 5 * sqrt(4 / (n / 2)))
    expect_lt(abs(stats::cor(off, data$first[lost])), 0.1)
    expect_lt(abs(stats::sd(off) - 1 / sqrt(40)), 0.02)
  }
})

test_that("gaps and values before the event are imputed at random", {
  gaps <- trial[!is.na(trial$month6) & trial$arm != "letter", ]
  one <- function(method, ...) {
    impute_reference(gaps, c("month3", "month6"), "arm", "usual", "before", method,
      m = 3, seed = 4, ...)$imputed
  }
  expect_identical(one("J2R"), one("MAR"))
  expect_identical(one("CR"), one("MAR"))
  gaps$stopped <- NA
  expect_identical(one("CIR", ice = "stopped"), one("MAR"))
})

test_that("visits after an event are told by number or by name", {
  data <- trial
  data$number <- ifelse(is.na(data$month6), 2, NA)
  data$name <- ifelse(is.na(data$month6), "month6", NA)
  one <- function(ice) {
    impute_reference(data, c("month3", "month6"), "arm", "usual", "before", "J2R",
      m = 2, seed = 4, ice = ice)
  }
  expect_identical(one("number")$imputed, one(~name)$imputed)
  expect_match(stated_attribute(one("name")$estimand, "intercurrent"), "from `name` on")
  data$number[5] <- 3
  expect_error(
    one("number"), "`ice`: row 5 has \"3\", which is no visit", class = "questrial_error_argument"
  )
})

test_that("an estimand says what is assumed of those who stop", {
  imp <- impute_reference(trial, "month6", "arm", method = "J2R", m = 2, seed = 1,
    estimand = estimand(summary = "difference in means"))
  expect_match(stated_attribute(imp$estimand, "intercurrent"), "jump to reference")
  expect_identical(stated_attribute(imp$estimand, "summary"), "difference in means")
  expect_output(print(imp), "as if moved to arm\\s+usual")
})

test_that("what the model cannot do is refused", {
  bad <- function(..., data = trial, class = "questrial_error_argument") {
    tryCatch(impute_reference(data, ..., m = 2, seed = 1), error = function(e) {
      expect_s3_class(e, class)
      conditionMessage(e)
    })
  }
  visits <- c("month3", "month6")
  expect_match(bad("month9", "arm"), "no column `month9`")
  expect_match(bad(c("month6", "month6"), "arm"), "each visit's column once")
  expect_match(bad("arm", "arm"), "must be numeric")
  expect_match(bad(visits, "arm", "grup"), "`grup` is no arm. Did you mean `group`")
  expect_match(bad(visits, "arm", covariates = c("before", "arm")), "`arm` is the arm")
  expect_match(bad(visits, "arm", by_arm = 2), "`by_arm` must be TRUE or FALSE")
  data <- transform(trial, before = replace(before, 4, NA))
  expect_match(bad(visits, "arm", covariates = "before", data = data), "missing in row `4`")
  data <- transform(trial, arm = replace(arm, 8, NA))
  expect_match(bad(visits, "arm", data = data), "`arm` is missing in row `8`")
  data <- transform(trial, month6 = replace(month6, arm == "group", NA))
  expect_match(bad(visits, "arm", data = data), "nobody in arm `group` has a value of `month6`")
  data <- transform(trial, month6 = replace(month6, 2, Inf))
  expect_match(bad(visits, "arm", data = data), "infinite")
  expect_match(bad(visits, "arm", data = trial[trial$arm == "group", ]), "two arms")
  expect_match(bad(visits, "arm", covariates = "before", by_arm = TRUE, data = trial[1:12, ],
    class = "questrial_error_no_data"), "rows with both outcomes.*fewer covariates")
  data <- transform(trial, month9 = month3 + month6)
  expect_match(bad(c(visits, "month9"), "arm", data = data, class = "questrial_error_singular"),
    "linear functions")
})
