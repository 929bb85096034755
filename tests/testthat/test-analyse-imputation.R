# Oracle: the same steps by hand, with mice's pooling.

imputed_trial <- local({
  kept <- list()
  function(method = "mi", ...) {
    key <- paste(method, deparse1(list(...)))
    if (is.null(kept[[key]])) {
      data <- invented_trial()
      data$b3[c(20, 33, 47)] <- NA
      data$therapist <- ifelse(data$arm == "group", rep(1:6, 15), NA)
      plan <- invented_plan(
        method = method, imputation = list(m = 6, iterations = 3, seed = 5, cluster = FALSE, ...),
        cluster = "therapist"
      )
      kept[[key]] <<- list(plan = plan, data = data, analysis = analyse(plan, data))
    }
    kept[[key]]
  }
})

test_that("everybody randomised is analysed, from scores made in each completed data set", {
  skip_if_not_installed("mice")
  trial <- imputed_trial()
  analysis <- trial$analysis
  expect_equal(nobs(analysis$model), 90)
  expect_equal(nobs(analysis$flow), 90)
  expect_equal(sum(analysis$change$n), 90)
  columns <- c("arm", "sex", "age", paste0("a", 1:5), paste0("b", 1:5))
  instrument <- new_instrument(5, 1, 5)
  imp <- impute(trial$data[columns],
    m = 6, iterations = 3, seed = 5, by = "arm",
    instrument = list(
      baseline = on_columns(instrument, paste0("a", 1:5)),
      followup = on_columns(instrument, paste0("b", 1:5))
    )
  )
  sets <- lapply(as.list(imp), function(data) {
    data$change <- rowSums(data[paste0("b", 1:5)]) - rowSums(data[paste0("a", 1:5)])
    data
  })
  fits <- lapply(sets, function(data) lm(change ~ arm + sex + age, data))
  want <- summary(mice::pool(fits))
  expect_equal(unname(coef(analysis$model)), want$estimate, tolerance = 1e-10)
  expect_equal(unname(sqrt(diag(vcov(analysis$model)))), want$std.error, tolerance = 1e-10)
  expect_equal(generics::tidy(analysis$model)$df, want$df, tolerance = 1e-6)
  means <- vapply(sets, function(data) tapply(data$change, data$arm, mean), c(0, 0, 0))
  expect_equal(analysis$change$mean, unname(rowMeans(means)))
  tests <- lapply(sets, function(data) compare_arms(change ~ arm, data))
  expect_equal(
    analysis$contrasts$estimate, rowMeans(vapply(tests, `[[`, c(0, 0, 0), "estimate"))
  )
  full <- lapply(sets, function(data) lm(change ~ arm * sex, data))
  additive <- lapply(sets, function(data) lm(change ~ arm + sex, data))
  d1 <- mice::D1(mice::as.mira(full), mice::as.mira(additive))$result
  expect_equal(analysis$interaction$statistic, d1[[1]], tolerance = 1e-8)
})

test_that("boxes lose nobody and say for how many what was imputed", {
  trial <- imputed_trial()
  lines <- trial$analysis$flow$lines
  count <- function(label) sum(lines$n[lines$label == label])
  expect_equal(count("Lost to follow-up"), 4)
  expect_equal(count("Score at follow-up imputed"), 4)
  expect_equal(count("Score at baseline imputed"), 2)
  expect_equal(count("age imputed"), 2)
  expect_equal(count("No score or covariate imputed"), 82)
  expect_false(any(trial$analysis$flow$boxes$kind == "side"))
})

test_that("complete cases stand beside imputations, and the other way round", {
  mi <- imputed_trial()$analysis
  plain <- analyse(invented_plan(cluster = "therapist"), imputed_trial()$data)
  effects <- function(analysis, name) {
    rows <- analysis$sensitivity[analysis$sensitivity$analysis == name, ]
    rows[c("estimate", "std.error", "df", "p.value")]
  }
  rows <- grep("^arm", names(coef(plain$model)))
  own <- generics::tidy(plain$model)[rows, c("estimate", "std.error", "df", "p.value")]
  expect_equal(effects(mi, "complete.cases"), own, ignore_attr = TRUE)
  complete <- imputed_trial("complete")$analysis
  expect_equal(coef(complete$model), coef(plain$model))
  pooled <- generics::tidy(mi$model)[rows, c("estimate", "std.error", "df", "p.value")]
  expect_equal(effects(complete, "imputed"), pooled, ignore_attr = TRUE)
  expect_setequal(mi$sensitivity$analysis, sensitivity_names(mi$plan))
  clusters <- linear_contrast(mi$model, c("armgroup", "armletter"),
    cluster = treatment_groups(mi$plan, mi$imputation$imputations)
  )
  expect_equal(effects(mi, "clusters")$std.error, clusters$std.error)
  expect_equal(effects(mi, "clusters")$df, clusters$df)
})

test_that("the part on imputation prints what was missing and what imputing again would change", {
  analysis <- imputed_trial()$analysis
  lines <- capture.output(print(analysis$imputation))
  expect_true(all(nchar(lines) <= 80))
  text <- paste(lines, collapse = " ")
  expect_match(text, "Missing values of the randomised, by arm")
  expect_match(text, "Monte Carlo error")
  expect_match(text, "Seed 5")
  precision <- analysis$imputation$precision
  own <- generics::tidy(analysis$model)
  expect_equal(precision$mc.error, own$mc.error[match(c("armgroup", "armletter"), own$term)])
  expect_output(print(analysis), "90 analysed, imputed 6 times")
  expect_true(all(nchar(capture.output(print(analysis))) <= 80))
})

test_that("scores may be imputed instead of answers", {
  analysis <- imputed_trial("mi", level = "score")$analysis
  expect_equal(nobs(analysis$model), 90)
  expect_equal(sum(is.na(analysis$imputation$imputations$data$followup)), 4)
  expect_match(analysis$imputation$words, "the scores of both visits")
})

test_that("a report describes the imputation", {
  analysis <- imputed_trial()$analysis
  skip_if_not_installed("ggplot2")
  file <- withr::local_tempfile(fileext = ".html")
  report(analysis, file, date = "2024-05-01")
  page <- gsub("<[^>]*>", " ", paste(readLines(file), collapse = " "))
  page <- gsub("\\s+", " ", page)
  for (words in c(
    "Multiple imputation", "item 21c", "TARMOS", "imputed 6 times by chained equations",
    "with seed 5", "Monte Carlo error", "Missing values of the randomised, by arm",
    "predictive mean matching", "Complete cases", "Barnard J, Rubin DB", "pooled over 6 imputations",
    "the same bits for any number of threads"
  )) {
    expect_match(page, words, fixed = TRUE)
  }
  again <- withr::local_tempfile(fileext = ".html")
  report(analysis, again, date = "2024-05-01")
  expect_identical(readLines(file), readLines(again))
  beside <- withr::local_tempfile(fileext = ".html")
  report(imputed_trial("complete")$analysis, beside, date = "2024-05-01")
  expect_match(paste(readLines(beside), collapse = " "), "As a sensitivity analysis")
})

test_that("a trial without missing values is analysed as it is, imputed or not", {
  data <- invented_trial()
  data <- data[stats::complete.cases(data), ]
  plan <- function(...) invented_plan(imputation = list(m = 3, iterations = 2, seed = 1), ...)
  complete <- analyse(plan(), data)
  mi <- analyse(plan(method = "mi"), data)
  expect_null(complete$completion)
  expect_equal(coef(mi$model), coef(complete$model), tolerance = 1e-12)
  expect_equal(vcov(mi$model), vcov(complete$model), tolerance = 1e-12)
  expect_equal(mi$contrasts$estimate, complete$contrasts$estimate)
  expect_output(print(mi$imputation), "Monte Carlo error")
})

test_that("a plan with a single imputation says what is not known", {
  data <- invented_trial()
  plan <- invented_plan(method = "mi", imputation = list(m = 1, iterations = 2, seed = 5))
  analysis <- suppressWarnings(analyse(plan, data))
  expect_match(capture.output(print(analysis$imputation)), "single imputation", all = FALSE)
})
