trial <- lossy_trial()
imp <- impute_reference(trial, c("month3", "month6"), "arm", "usual", "before", "MAR",
  m = 8, seed = 6, iterations = 20)

# The whole road by hand: shift each completed data set, fit with lm, pool by mice's formulas.
by_hand <- function(imp, at, formula, term, vcov = stats::vcov, level = 0.95) {
  lost <- is.na(imp$data$month6)
  fits <- lapply(as.list(imp), function(data) {
    for (arm in names(at)) {
      rows <- lost & data$arm == arm
      data$month6[rows] <- data$month6[rows] + at[[arm]]
    }
    stats::lm(formula, data)
  })
  q <- vapply(fits, function(fit) stats::coef(fit)[[term]], 0)
  u <- vapply(fits, function(fit) vcov(fit)[term, term], 0)
  m <- length(fits)
  total <- mean(u) + (1 + 1 / m) * stats::var(q)
  lambda <- (1 + 1 / m) * stats::var(q) / total
  complete <- stats::df.residual(fits[[1]])
  observed <- (complete + 1) / (complete + 3) * complete * (1 - lambda)
  df <- 1 / (lambda^2 / (m - 1) + 1 / observed)
  half <- stats::qt((1 + level) / 2, df) * sqrt(total)
  data.frame(
    estimate = mean(q), std.error = sqrt(total), statistic = mean(q) / sqrt(total), df = df,
    p.value = 2 * stats::pt(-abs(mean(q)) / sqrt(total), df), conf.low = mean(q) - half,
    conf.high = mean(q) + half
  )
}

test_that("a line is what shifting and fitting by hand gives", {
  model <- month6 ~ arm + before
  tip <- tipping_point(imp, model, "arm", list(group = c(-9, -2, 0, 5)))
  want <- lapply(tip$delta.group, function(delta) {
    by_hand(imp, list(group = delta), model, "armgroup")
  })
  expect_equal(generics::tidy(tip)[-1], do.call(rbind, want), tolerance = 1e-9)
  expect_identical(attr(tip, "exact"), 3L)
  robust <- tipping_point(imp, model, "arm", list(group = c(-9, 3)), vcov = "HC3")
  skip_if_not_installed("sandwich")
  want <- by_hand(imp, list(group = 3), model, "armgroup", sandwich::vcovHC)
  expect_equal(generics::tidy(robust)[2, -1], want, ignore_attr = "row.names", tolerance = 1e-9)
})

test_that("a grid is what shifting and fitting by hand gives", {
  model <- month6 ~ arm + before + month3
  tip <- tipping_point(imp, model, "arm", list(usual = c(-3, 0, 6), group = c(-9, 1)),
    conf.level = 0.9)
  expect_identical(nrow(tip), 6L)
  want <- lapply(seq_len(6), function(i) {
    at <- list(usual = tip$delta.usual[[i]], group = tip$delta.group[[i]])
    by_hand(imp, at, model, "armgroup", level = 0.9)
  })
  expect_equal(generics::tidy(tip)[-(1:2)], do.call(rbind, want), tolerance = 1e-9)
  expect_identical(attr(tip, "exact"), 6L)
})

test_that("clusters and their degrees of freedom stay", {
  clustered <- transform(trial, site = factor(rep(1:12, each = 10)))
  imp <- impute_reference(clustered, "month6", "arm", covariates = "before", m = 4, seed = 6)
  tip <- tipping_point(imp, month6 ~ arm + before, "arm", list(group = c(-4, 2)), vcov = "CR2",
    cluster = ~site)
  shifted <- delta_adjust(imp, c(group = -4), "month6", "arm")
  want <- generics::tidy(fit_glm(month6 ~ arm + before, shifted), vcov = "CR2", cluster = ~site)
  want <- want[want$term == "armgroup", ]
  expect_equal(tip$std.error[[1]], want$std.error, tolerance = 1e-9)
  expect_equal(tip$df[[1]], want$df, tolerance = 1e-9)
  expect_output(print(tip), "CR2 by site")
})

test_that("where the answers are not polynomials every delta is fitted", {
  tip <- tipping_point(imp, log(month6) ~ arm + before, "arm", list(group = c(-9, -2, 4)),
    variable = "month6")
  expect_identical(attr(tip, "exact"), NA_integer_)
  want <- lapply(tip$delta.group, function(delta) {
    by_hand(imp, list(group = delta), log(month6) ~ arm + before, "armgroup")
  })
  expect_equal(generics::tidy(tip)[-1], do.call(rbind, want), tolerance = 1e-9)
})

test_that("at the tipping delta P is the level, to full precision", {
  model <- month6 ~ arm + before
  tip <- tipping_point(imp, model, "arm", list(group = seq(-60, 60, 20)))
  tipping <- attr(tip, "tipping")
  expect_gte(nrow(tipping), 1)
  expect_lt(max(abs(tipping$p.value - 0.05)), 1e-9)
  nearest <- tipping$delta.group[[1]]
  expect_identical(nearest, tipping$delta.group[which.min(abs(tipping$delta.group))])
  inner <- by_hand(imp, list(group = nearest * (1 - 1e-6)), model, "armgroup")
  outer <- by_hand(imp, list(group = nearest * (1 + 1e-6)), model, "armgroup")
  expect_true((inner$p.value - 0.05) * (outer$p.value - 0.05) < 0)
  expect_output(print(tip), "lower\\s+than\\s+imputed")
})

test_that("with two arms shifts are found where none are given", {
  two <- droplevels(trial[trial$arm != "letter", ])
  imp <- impute_reference(two, "month6", "arm", covariates = "before", m = 5, seed = 2)
  tip <- tipping_point(imp, month6 ~ arm + before, ~arm)
  expect_identical(nrow(tip), 41L)
  expect_gte(nrow(attr(tip, "tipping")), 1)
  sds <- max(tip$delta.group) / attr(tip, "sd")
  expect_true(any(abs(sds - c(1, 2, 4, 8)) < 1e-12))
  by_arm <- split(two$month6, two$arm)
  pooled <- sqrt(sum(vapply(by_arm, function(x) {
    (sum(!is.na(x)) - 1) * stats::var(x, na.rm = TRUE)
  }, 0)) / (sum(!is.na(two$month6)) - 2))
  expect_equal(attr(tip, "sd"), pooled)
})

test_that("an arm may be text, logical or a number", {
  two <- trial[trial$arm != "letter", ]
  two$text <- as.character(two$arm)
  two$yes <- two$arm == "group"
  two$number <- as.integer(two$yes)
  tips <- lapply(c("text", "yes", "number"), function(arm) {
    imp <- impute_reference(two, "month6", arm, covariates = "before", m = 3, seed = 2,
      reference = if (arm == "text") "usual")
    model <- stats::reformulate(arm, "month6")
    tipping_point(imp, model, arm, if (arm == "text") list(group = c(-4, 2)) else c(-4, 2),
      term = if (arm == "text") "-textusual")
  })
  expect_equal(generics::tidy(tips[[2]])[-1], generics::tidy(tips[[3]])[-1])
  expect_identical(attr(tips[[1]], "effect"), "-textusual")
})

test_that("an effect that never changes is said to hold", {
  tip <- tipping_point(imp, month6 ~ arm + before, "arm", list(group = c(-0.01, 0.01)))
  expect_output(print(tip), "The conclusion holds at all shifts of arm group from -0.01 to 0.01")
  expect_match(tipping_words(tip)[[1]], "P (<|= )[.]")
})

test_that("an outcome of two levels is shifted on the log-odds", {
  binary <- transform(trial, well = month6 > stats::median(month6, na.rm = TRUE))
  binary <- binary[c("arm", "before", "well")]
  drawn <- drawn_imputations(binary, m = 5)
  deltas <- c(-4, -1, 0, 1, 4)
  tip <- tipping_point(drawn, well ~ arm + before, "arm", list(group = deltas),
    family = stats::binomial(), seed = 3)
  expect_identical(attr(tip, "exact"), NA_integer_)
  expect_true(all(diff(tip$estimate) >= 0))
  one <- delta_adjust(drawn, c(group = 4), "well", "arm", seed = 3)
  want <- stats::coef(fit_glm(well ~ arm + before, one, stats::binomial()))
  expect_equal(tip$estimate[[5]], want[["armgroup"]])
  expect_match(capture.output(print(tip)), "log-odds", all = FALSE)
})

test_that("an earlier assumption is part of the estimand", {
  jumped <- impute_reference(trial, "month6", "arm", method = "J2R", m = 3, seed = 6)
  tip <- tipping_point(jumped, month6 ~ arm, "arm", list(group = c(-4, 2)),
    estimand = estimand(population = "invented people"))
  events <- stated_attribute(attr(tip, "estimand"), "intercurrent")
  expect_match(events, "jump to reference.*shifted: `month6` by delta in arm group")
  expect_identical(stated_attribute(attr(tip, "estimand"), "population"), "invented people")
})

test_that("results print in 80 columns and draw", {
  withr::local_options(width = 80)
  model <- month6 ~ arm + before
  line <- tipping_point(imp, model, "arm", list(group = seq(-30, 10, 2)))
  grid <- tipping_point(imp, model, "arm", list(usual = seq(-9, 9, 3), group = seq(-30, 10, 5)))
  expect_true(all(nchar(capture.output(print(line))) <= 80))
  expect_true(all(nchar(capture.output(print(grid))) <= 80))
  expect_output(print(grid), "of the 63 pairs of shifts")
  expect_output(print(line, rows = 3), "3 of 21 rows shown")
  skip_if_not_installed("ggplot2")
  for (figure in list(plot(line), plot(grid))) {
    expect_s3_class(figure, "ggplot")
    file <- withr::local_tempfile(fileext = ".pdf")
    expect_silent(write_figure(figure, file))
    expect_match(alt_text(figure), "The conclusion changes")
  }
})

test_that("what has no tipping point is refused", {
  bad <- function(..., class = "questrial_error_argument") {
    tryCatch(tipping_point(...), error = function(e) {
      expect_s3_class(e, class)
      conditionMessage(e)
    })
  }
  model <- month6 ~ arm
  expect_match(bad(trial, model, "arm"), "must be the result of impute")
  expect_match(bad(imp[1], model, "arm"), "single imputation")
  expect_match(bad(imp, model, "arms"), "Did you mean `arm`")
  expect_match(bad(imp, ~arm, "arm"), "`formula` must be a model")
  expect_match(bad(imp, month6 - month3 ~ arm, "arm"), "`variable` must say which")
  expect_match(bad(imp, model, "arm", -5:5), "since `arm` has 3 levels: list\\(letter")
  expect_match(bad(imp, model, "arm", list(-5:5)), "names of arms")
  expect_match(bad(imp, model, "arm", list(grup = -5:5)), "Did you mean `group`")
  expect_match(bad(imp, model, "arm", list(group = 3)), "two or more finite numbers")
  expect_match(bad(imp, model, "arm", list(group = c(-5, 5)), term = "armgrup"), "^`term`: ")
  expect_match(bad(imp, model, "arm", list(usual = c(-5, 5))), "`term` must say which effect")
  expect_match(bad(imp, model, "arm", list(group = c(-5, 5)), term = c("armgroup", "armletter")),
    "one effect")
  expect_match(bad(imp, model, "arm", variable = "month3"), "has no `month3`")
  expect_match(bad(imp, before ~ arm, "arm", list(group = c(-5, 5))), "has no imputed values")
  expect_match(bad(imp, model, "arm", list(group = c(-5, 5)), where = ~ before > 1e6,
    class = "questrial_error_no_data"), "Nobody in arm `group`")
})
