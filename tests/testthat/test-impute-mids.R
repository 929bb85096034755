# nhanes2 of mice, completed by mice.
mice_nhanes <- function(m = 4, maxit = 3) {
  skip_if_not_installed("mice")
  mice::mice(mice::nhanes2, m = m, maxit = maxit, printFlag = FALSE, seed = 3)
}

# lattice opens a device to measure text.
drawn <- function(plot) {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  force(plot)
}

test_that("imputations of mice are the same data sets", {
  mids <- mice_nhanes()
  imp <- as_imputations(mids)
  expect_s3_class(imp, "imputations")
  expect_length(imp, 4)
  for (i in 1:4) {
    expect_identical(imp[[i]], mice::complete(mids, i))
  }
  expect_identical(imp$data, mice::nhanes2)
  expect_identical(names(imp$imputed), c("bmi", "hyp", "chl"))
  expect_identical(imp$method, mids$method)
  expect_equal(unname(imp$means["chl", , ]), unname(mids$chainMean["chl", , ]))
  expect_equal(unname(imp$sds["bmi", , ]), unname(sqrt(mids$chainVar["bmi", , ])))
})

test_that("there and back is the same", {
  mids <- mice_nhanes()
  imp <- as_imputations(mids)
  again <- as_mids(imp)
  expect_s3_class(again, "mids")
  same <- c("data", "m", "where", "blocks", "nmis", "method", "post", "blots", "ignore", "seed",
    "iteration", "chainMean", "version")
  for (part in same) {
    expect_equal(again[[part]], mids[[part]], info = part)
  }
  expect_equal(again$chainVar[-1, , ], mids$chainVar[-1, , ], tolerance = 1e-14)
  targets <- c("bmi", "hyp", "chl")
  expect_equal(again$imp[targets], mids$imp[targets])
  expect_equal(again$predictorMatrix[targets, ], mids$predictorMatrix[targets, ])
  expect_setequal(again$visitSequence, mids$visitSequence)
  expect_setequal(names(again), names(mids))
  back <- as_imputations(again)
  for (part in c("data", "imputed", "m", "method", "predictors", "iterations", "means")) {
    expect_identical(unclass(back)[[part]], unclass(imp)[[part]], info = part)
  }
})

test_that("mice works on what as_mids() makes", {
  mids <- mice_nhanes()
  again <- as_mids(as_imputations(mids))
  expect_identical(mice::complete(again, "long", TRUE), mice::complete(mids, "long", TRUE))
  fits <- with(again, lm(chl ~ age + bmi))
  want <- with(mids, lm(chl ~ age + bmi))
  expect_equal(summary(mice::pool(fits)), summary(mice::pool(want)))
  null <- with(again, lm(chl ~ age))
  expect_equal(mice::D1(fits, null)$result, mice::D1(want, with(mids, lm(chl ~ age)))$result)
  expect_output(print(again), "mids")
  expect_s3_class(drawn(plot(again)), "trellis")
  set.seed(1)
  more <- mice::mice.mids(as_mids(as_imputations(mids)), maxit = 1, printFlag = FALSE)
  expect_identical(more$iteration, 4)
})

test_that("events of mice are decisions, and back", {
  skip_if_not_installed("mice")
  data <- transform(mice::nhanes, twice = 2 * age, one = 1)
  mids <- suppressWarnings(mice::mice(data, m = 2, maxit = 1, printFlag = FALSE, seed = 1))
  imp <- as_imputations(mids)
  expect_identical(imp$log$predictor, mids$loggedEvents$out)
  expect_identical(imp$log$decision, mids$loggedEvents$meth)
  # Decided before the first cycle, so never counted.
  expect_identical(imp$log$visits, rep(NA_real_, nrow(mids$loggedEvents)))
  imp$seed <- NA
  expect_no_match(capture.output(print(imp)), "NA")
  events <- as_mids(imp)$loggedEvents
  expect_identical(events$out, mids$loggedEvents$out)
  expect_identical(names(events), names(mids$loggedEvents))
})

test_that("other shapes of the same data sets give the same imputations", {
  mids <- mice_nhanes()
  want <- as_imputations(mids)
  shapes <- list(
    as_imputations(mice::complete(mids, "long", include = TRUE)),
    as_imputations(mice::complete(mids, "all", include = TRUE)),
    as_imputations(mice::complete(mids, "all"), data = mice::nhanes2),
    as_imputations(unclass(mice::complete(mids, "all")), data = mice::nhanes2),
    as_imputations(
      structure(list(imputations = as.list(want)), class = "imputationList"), mice::nhanes2
    )
  )
  for (imp in shapes) {
    expect_identical(imp$imputed, want$imputed)
    expect_equal(imp$data, want$data, ignore_attr = "row.names")
    expect_identical(imp$m, want$m)
  }
  expect_identical(as_imputations(want), want)
  expect_output(print(shapes[[1]]), "hyp +given +8 +32.0")
})

test_that("the long form may come in any order of its rows", {
  mids <- mice_nhanes()
  long <- mice::complete(mids, "long", include = TRUE)
  set.seed(1)
  mixed <- long[order(long$.imp, sample(nrow(long))), ]
  ids <- mixed$.id[1:25]
  imp <- as_imputations(mixed)
  expect_equal(imp[[3]]$chl, mice::complete(mids, 3)$chl[ids])
  long$.id[30] <- 1
  expect_error(as_imputations(long), "same values", class = "questrial_error_argument")
  long$.imp[3] <- NA
  expect_error(as_imputations(long), "missing values", class = "questrial_error_argument")
  expect_error(as_imputations(mtcars), "no column `.imp`", class = "questrial_error_argument")
})

test_that("without the data before imputation what differs counts as imputed", {
  one <- data.frame(x = c(1, 2, 3), f = factor(c("a", "b", "a")))
  two <- data.frame(x = c(1, 5, 3), f = factor(c("a", "b", "b"), c("a", "b")))
  imp <- as_imputations(list(one, two))
  expect_identical(imp$data$x, c(1, NA, 3))
  expect_identical(as.list(imp), list(one, two))
  one$g <- factor("u")
  two$g <- factor("v")
  expect_error(as_imputations(list(one, two)), "`g`.*levels", class = "questrial_error_argument")
})

test_that("mitml's and Amelia's objects are read", {
  mids <- mice_nhanes()
  completed <- mice::complete(mids, "all")
  amelia <- structure(list(
    imputations = structure(completed, class = c("mi", "list")), m = 4,
    missMatrix = is.na(mice::nhanes2)
  ), class = "amelia")
  expect_identical(as_imputations(amelia)$imputed, as_imputations(mids)$imputed)
  skip_if_not_installed("mitml")
  set.seed(2)
  data(studentratings, package = "mitml", envir = environment())
  small <- studentratings[1:120, ]
  utils::capture.output(
    jomo <- mitml::panImpute(small, formula = ReadDis + SES ~ ReadAchiev + (1 | ID), n.burn = 50,
      n.iter = 5, m = 2)
  )
  list <- mitml::mitmlComplete(jomo)
  imp <- as_imputations(list, data = small)
  for (i in 1:2) {
    expect_equal(imp[[i]], list[[i]][names(small)], ignore_attr = TRUE)
  }
  expect_identical(is.na(imp$data$SES), is.na(small$SES))
})

test_that("a changed observed value is named", {
  data <- data.frame(x = c(1, NA, 3), f = factor(c("a", NA, "b")))
  good <- data.frame(x = c(1, 2, 3), f = factor(c("a", "a", "b")))
  bad <- good
  bad$x[3] <- 4
  fault <- tryCatch(as_imputations(list(good, bad), data), questrial_error_values = identity)
  expect_identical(fault[c("row", "column", "value")], list(row = 3L, column = "x", value = 4))
  expect_match(conditionMessage(fault), "data set 2")
  bad <- good
  bad$f[1] <- "b"
  expect_error(as_imputations(list(bad), data), "`f`, row 1", class = "questrial_error_values")
  bad$f <- factor(c("a", "c", "b"))
  expect_error(as_imputations(list(bad), data), "no level", class = "questrial_error_argument")
})

test_that("lists that are no completed data sets are refused", {
  data <- data.frame(x = c(1, NA))
  refused <- function(x, pattern, kind = "argument", ...) {
    expect_error(as_imputations(x, ...), pattern, class = paste0("questrial_error_", kind))
  }
  refused(list(), "no completed")
  refused(list(data.frame(x = 1:2), 3), "no data frame")
  refused(list(data.frame(x = 1:2), data.frame(x = 1:3)), "3 rows", "dimension")
  refused(list(data.frame(x = 1:2), data.frame(y = 1:2)), "no column")
  refused(list(data.frame(y = 1:2)), "no column", data = data)
  refused(1:3, "must be a mids")
  expect_error(as_mids(data), "impute", class = "questrial_error_argument")
})

test_that("values that nobody imputed stay missing on the way", {
  skip_if_not_installed("mice")
  only <- mice::quickpred(mice::nhanes2, exclude = c("bmi", "hyp"))
  mids <- mice::mice(mice::nhanes2, m = 2, maxit = 1, printFlag = FALSE, seed = 1,
    method = c("", "", "", "pmm"), predictorMatrix = only
  )
  imp <- as_imputations(mids)
  expect_named(imp$imputed, "chl")
  expect_identical(imp[[2]], mice::complete(mids, 2))
  expect_identical(mice::complete(as_mids(imp), 2), imp[[2]])
  where <- mice::make.where(mice::nhanes2)
  where[1:5, "chl"] <- TRUE
  over <- mice::mice(mice::nhanes2, m = 2, maxit = 1, printFlag = FALSE, seed = 1, where = where)
  expect_identical(as_imputations(over)[[1]], mice::complete(over, 1))
})

test_that("computed columns go along", {
  imp <- transform(as_imputations(mice_nhanes()), risk = chl / bmi)
  mids <- as_mids(imp)
  expect_identical(mice::complete(mids, 3), imp[[3]])
  expect_identical(unname(mids$method["risk"]), "")
  expect_output(print(imp), "risk +computed")
})

test_that("what impute() makes goes to mice and back", {
  skip_if_not_installed("mice")
  data <- transform(mice::nhanes2, old = age == "60-99")
  data$old[3:4] <- NA
  imp <- impute(data, m = 3, iterations = 4, seed = 1, method = c(bmi = "norm"))
  mids <- as_mids(imp)
  for (i in 1:3) {
    expect_equal(mice::complete(mids, i), imp[[i]])
  }
  expect_identical(dim(mids$chainMean), c(5L, 4L, 3L))
  back <- as_imputations(mids)
  for (part in c("data", "imputed", "m", "method", "predictors", "iterations", "means")) {
    expect_equal(unclass(back)[[part]], unclass(imp)[[part]], info = part)
  }
  expect_s3_class(drawn(plot(mids)), "trellis")
  expect_s3_class(drawn(mice::densityplot(mids)), "trellis")
})
