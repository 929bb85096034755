# Oracle: the model frame, terms and levels that lm() keeps.

expect_lm_frame <- function(call) {
  theirs <- eval(as.call(c(quote(stats::lm), call)), parent.frame())
  ours <- eval(as.call(c(quote(fit_glm), call)), parent.frame())
  label <- paste(vapply(call, deparse1, ""), collapse = ", ")
  want <- model.frame(theirs)
  got <- model.frame(ours)
  attr(got, "notes") <- NULL
  attr(got, "cluster") <- NULL
  # Ours leaves predvars and classes beside the formula, as lm() does, in other order.
  for (part in setdiff(names(attributes(want)), "terms")) {
    expect_identical(attr(got, part), attr(want, part), label = paste(label, part))
  }
  for (part in names(attributes(attr(want, "terms")))) {
    expect_equal(attr(attr(got, "terms"), part), attr(attr(want, "terms"), part),
      label = paste(label, part)
    )
  }
  expect_identical(as.list(got), as.list(want), label = label)
  expect_identical(ours$xlevels, theirs$xlevels, label = label)
  expect_identical(row.names(got), row.names(want), label = label)
  expect_identical(names(fitted(ours)), names(fitted(theirs)), label = label)
  expect_identical(names(residuals(ours)), names(residuals(theirs)), label = label)
  expect_identical(na.action(ours), na.action(theirs), label = label)
  invisible(ours)
}

test_that("the frame is that of lm", {
  air <- airquality
  air$Month <- factor(air$Month)
  air$wet <- air$Temp > 80
  air$day <- as.character(air$Day %% 3)
  calls <- list(
    list(mpg ~ wt + factor(cyl), quote(mtcars)),
    list(log(mpg) ~ poly(wt, 2) + splines::ns(hp, 3) + scale(qsec), quote(mtcars)),
    list(Ozone ~ Wind + Month, quote(air)),
    list(Ozone ~ poly(Wind, 2) * Month + wet, quote(air), na.action = quote(na.exclude)),
    list(Ozone ~ poly(Solar.R, 1, raw = TRUE) + day, quote(air), subset = quote(Temp > 60)),
    list(Ozone ~ Month, quote(air), subset = quote(Month != "9")),
    list(Ozone ~ Wind, quote(air), subset = quote(c(1:50, 70, 3))),
    list(Ozone ~ Wind, quote(air), subset = quote(-(1:20))),
    list(mpg ~ wt, quote(mtcars), subset = quote(c("Mazda RX4", "Fiat 128", "Valiant"))),
    list(Ozone ~ Wind, quote(air), weights = quote(Temp), offset = quote(Day / 10)),
    list(Ozone ~ Wind + offset(Temp), quote(air), weights = quote(Solar.R)),
    list(Ozone ~ Wind, quote(na.omit(air))),
    list(len ~ supp * ordered(dose), quote(ToothGrowth)),
    list(weight ~ feed, quote(chickwts), subset = quote(feed %in% c("casein", "soybean"))),
    list(Time ~ demand, quote(BOD)),
    list(dist ~ I(speed^2) - 1, quote(as.list(cars))),
    list(as.numeric(ldeaths) ~ as.numeric(mdeaths)),
    list(ldeaths ~ mdeaths)
  )
  for (call in calls) {
    expect_lm_frame(call)
  }
})

test_that("other na.actions do what they do for lm", {
  only_wind <- function(frame) frame[!is.na(frame$Wind), , drop = FALSE]
  air <- transform(airquality, Wind = replace(Wind, 3:5, NA))
  expect_lm_frame(list(Temp ~ Wind, quote(air), na.action = quote(only_wind)))
  expect_lm_frame(list(Temp ~ Wind, quote(air), na.action = "na.exclude"))
  expect_error(fit_glm(Temp ~ Wind, air, na.action = na.pass), "is NA in row 3",
    class = "questrial_error_argument"
  )
  expect_error(fit_glm(Temp ~ Wind, air, na.action = na.fail), "missing values in 3 rows",
    class = "questrial_error_argument"
  )
  before <- options(na.action = "na.exclude")
  on.exit(options(before))
  expect_lm_frame(list(Temp ~ Wind, quote(air)))
  expect_length(residuals(fit_glm(Temp ~ Wind, air)), 153)
})

test_that("data may be a list, an environment, a tibble or nothing", {
  want <- coef(fit_glm(mpg ~ wt, mtcars))
  expect_identical(coef(fit_glm(mpg ~ wt, as.list(mtcars))), want)
  expect_identical(coef(fit_glm(mpg ~ wt, list2env(as.list(mtcars)))), want)
  expect_identical(unname(coef(fit_glm(mtcars$mpg ~ mtcars$wt))), unname(want))
  expect_identical(unname(coef(fit_glm(mtcars[["mpg"]] ~ mtcars[, "wt"]))), unname(want))
  mpg <- mtcars$mpg
  wt <- mtcars$wt
  expect_identical(coef(fit_glm(mpg ~ wt)), want)
  tibble_like <- structure(mtcars, class = c("tbl_df", "tbl", "data.frame"))
  expect_identical(coef(fit_glm(mpg ~ wt, tibble_like)), want)
  wrapper <- function(formula, rows, w) {
    shift <- rows$hp / 100
    fit_glm(formula, data = rows, weights = w, offset = shift)
  }
  environment(wrapper) <- environment()
  formula_here <- function() {
    w <- mtcars$hp
    f <- mpg ~ wt
    fit_glm(f, mtcars, weights = w)
  }
  expect_equal(coef(formula_here()), coef(lm(mpg ~ wt, mtcars, weights = hp)), tolerance = 1e-12)
})

test_that("dates and times are numbers, as in lm", {
  data <- transform(mtcars,
    day = as.Date("2026-01-01") + seq_len(32), wait = as.difftime(hp, units = "mins"),
    at = as.POSIXct("2026-01-01", tz = "UTC") + 3600 * seq_len(32)
  )
  for (formula in list(mpg ~ wait + wt, mpg ~ day)) {
    expect_equal(coef(fit_glm(formula, data)), coef(lm(formula, data)), tolerance = 1e-7)
  }
  expect_equal(fitted(fit_glm(mpg ~ at, data)), fitted(lm(mpg ~ I(as.numeric(at) - 1.767e9), data)),
    tolerance = 1e-7
  )
})

test_that("clusters are kept for the rows used", {
  data <- transform(mtcars, school = rep(letters[1:4], 8), class = gl(8, 4))
  data$school[[5]] <- NA
  data$wt[[9]] <- NA
  fit <- fit_glm(mpg ~ wt, data, cluster = ~school)
  expect_identical(fit$cluster$school, data$school[-c(5, 9)])
  expect_identical(row.names(fit$cluster), row.names(fit$model))
  expect_identical(names(model.frame(fit)), c("mpg", "wt"))
  expect_identical(nobs(fit), 30L)
  expect_output(print(fit), "2 left out for missing values")
  two <- fit_glm(mpg ~ wt, data, cluster = ~ school + class, subset = hp > 100)
  expect_named(two$cluster, c("school", "class"))
  expect_identical(nrow(two$cluster), nobs(two))
  by_vector <- fit_glm(mpg ~ wt, data, cluster = school)
  expect_identical(by_vector$cluster[[1]], fit$cluster[[1]])
  expect_null(fit_glm(mpg ~ wt, data)$cluster)
  expect_error(fit_glm(mpg ~ wt, data, cluster = ~schol), "Did you mean `school`",
    class = "questrial_error_argument"
  )
  expect_error(fit_glm(mpg ~ wt, data, cluster = 1:3), "`cluster` has 3 values",
    class = "questrial_error_argument"
  )
})

# ---- Bad input ----

expect_refused <- function(expr, pattern, column = NULL) {
  error <- expect_error(expr, pattern, class = "questrial_error_argument")
  if (!is.null(column)) {
    expect_identical(error$column, column)
  }
}

test_that("variables that cannot be used are refused by name", {
  data <- mtcars
  data$parts <- lapply(seq_len(32), identity)
  data$z <- complex(32, data$wt, data$hp)
  data$when <- as.POSIXlt("2026-01-01", tz = "UTC")
  expect_refused(fit_glm(mpg ~ parts, data), "`parts` is list of length 32", "parts")
  expect_refused(fit_glm(parts ~ mpg, data), "`parts` is list", "parts")
  expect_refused(fit_glm(mpg ~ z, data), "`z` is complex", "z")
  expect_refused(fit_glm(mpg ~ when, data), "`when` is", "when")
  expect_refused(fit_glm(mpg ~ t, data), "`t` is a function, so the data have no variable", "t")
  expect_refused(fit_glm(mpg ~ log, data), "`log` is a function", "log")
  expect_refused(fit_glm(mpg ~ log(nosuch), data), "no variable `nosuch`", "nosuch")
  expect_refused(fit_glm(mpg ~ poly(wt, 40), data), "cannot be made: 'degree' must be less than")
  expect_refused(fit_glm(mpg ~ wt + nosuch(hp), data), "could not find function \"nosuch\"")
  expect_refused(fit_glm(mpg ~ I(wt[-1]), data), "`I\\(wt\\[-1\\]\\)` has 31 values")
  expect_refused(fit_glm(mpg ~ ., list2env(mtcars)), "'\\.' in formula")
})

test_that("names, rows and weights that cannot be used are refused", {
  twice <- cbind(mtcars, wt = 1)
  expect_refused(fit_glm(mpg ~ wt, twice), "several columns `wt`", "wt")
  expect_error(fit_glm(mpg ~ hp, twice), NA)
  expect_refused(fit_glm(mpg ~ wt, mtcars, subset = c(TRUE, FALSE)), "2 values for 32 rows")
  expect_refused(fit_glm(mpg ~ wt, mtcars, subset = 40), "numbers or names of the 32 rows")
  expect_refused(fit_glm(mpg ~ wt, mtcars, subset = "Trabant"), "numbers or names of the 32 rows")
  expect_refused(fit_glm(mpg ~ wt, mtcars, subset = list(1)), "must be a condition")
  expect_refused(fit_glm(mpg ~ wt, mtcars, weights = letters[1:32][gl(26, 1, 32)]), "vector of num")
  expect_refused(fit_glm(mpg ~ wt, mtcars, weights = cbind(hp, hp)), "vector of numbers")
  expect_refused(fit_glm(mpg ~ wt, mtcars, weights = wgt), "`weights` cannot be evaluated")
  expect_refused(fit_glm(mpg ~ wt, mtcars, cluster = ~geer), "`cluster`: there is no variable")
  expect_refused(fit_glm(mpg ~ wt, mtcars, offset = cbind(hp, hp)), "offset must be a vector")
  expect_refused(fit_glm(mpg ~ wt + offset(factor(cyl)), mtcars), "offset must be a vector")
  expect_refused(fit_glm(mpg ~ wt, mtcars, offset = 1:3), "`offset` has 3 values")
  expect_refused(fit_glm(mpg ~ 0, mtcars), "no term on its right side")
  expect_refused(fit_glm(mpg ~ wt, as.matrix(mtcars)), "must be a data frame")
  expect_refused(fit_glm(mpg ~ wt, 3), "must be a data frame")
  expect_refused(fit_glm(mpg ~ wt, mtcars, contrasts = list(wt = "contr.sum")), "is no factor", "wt")
  expect_error(fit_glm(mpg ~ wt, mtcars[0]), class = "questrial_error_argument")
  expect_refused(fit_glm(mpg ~ wt, mtcars, contrasts = "contr.sum"), "must be a list")
  expect_refused(
    fit_glm(weight ~ feed, chickwts, contrasts = list(feed = matrix(1, 2, 1))),
    "wrong number of contrast matrix rows"
  )
  expect_warning(fit_glm(mpg ~ wt + mpg, mtcars), class = "questrial_warning_response")
  fit <- fit_glm(mpg ~ wt, mtcars, subset = replace(hp > 100, 3, NA))
  expect_identical(nobs(fit), sum(replace(mtcars$hp > 100, 3, FALSE)))
})
