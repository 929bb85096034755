# Oracle: stats::model.matrix(), whose names, assign and contrasts a design has,
# and whose columns it stands for.

# A slow reader of designs: every column of every term.
expand_design <- function(design) {
  expand_part <- function(part) {
    if (is.null(part$codes)) {
      matrix(as.vector(part$x), design$n_rows)
    } else {
      part$coding[as.integer(part$codes), , drop = FALSE]
    }
  }
  multiply <- function(left, right) {
    pairs <- expand.grid(left = seq_len(ncol(left)), right = seq_len(ncol(right)))
    left[, pairs$left, drop = FALSE] * right[, pairs$right, drop = FALSE]
  }
  expand_term <- function(term) {
    Reduce(multiply, lapply(term, expand_part), matrix(1, design$n_rows, 1))
  }
  do.call(cbind, lapply(design$terms, expand_term))
}

expect_model_matrix <- function(formula, data, contrasts = NULL) {
  label <- deparse1(formula)
  frame <- stats::model.frame(formula, data, drop.unused.levels = TRUE)
  terms <- attr(frame, "terms")
  want <- suppressWarnings(stats::model.matrix(terms, frame, contrasts))
  design <- suppressWarnings(questrial:::model_design(terms, frame, contrasts))
  expect_identical(attr(design, "columns"), colnames(want), label = label)
  expect_identical(attr(design, "assign"), attr(want, "assign"), label = label)
  expect_identical(attr(design, "contrasts"), attr(want, "contrasts"), label = label)
  expect_equal(attr(design, "xlevels"), as.list(stats::.getXlevels(terms, frame)),
    ignore_attr = "names", label = label
  )
  expect_identical(names(attr(design, "xlevels")), as.character(names(stats::.getXlevels(
    terms, frame
  ))), label = label)
  expect_equal(expand_design(design), unname(want),
    ignore_attr = TRUE, tolerance = 0, label = label
  )
}

test_that("designs of numbers are model matrices", {
  z <- as.matrix(mtcars[c("qsec", "drat")])
  formulas <- list(
    mpg ~ 1, mpg ~ wt, mpg ~ ., mpg ~ . - wt, mpg ~ 0 + wt, mpg ~ wt - 1, mpg ~ log(wt) + I(hp^2),
    mpg ~ wt * hp, mpg ~ (wt + hp + qsec)^3, mpg ~ wt:hp, mpg ~ wt %in% hp, mpg ~ poly(wt, 3),
    mpg ~ poly(wt, hp, degree = 2), mpg ~ poly(wt, 2, raw = TRUE) * hp, mpg ~ scale(wt) + z,
    mpg ~ z:poly(hp, 2), mpg ~ z * wt, mpg ~ z[, 1, drop = FALSE] + offset(log(hp)) + qsec,
    mpg ~ splines::ns(wt, 3), mpg ~ splines::bs(wt, df = 5):hp, mpg ~ exp(wt / 10) + sqrt(hp),
    log(mpg) ~ wt + offset(hp / 100) + offset(qsec), mpg ~ wt + mpg, mpg ~ as.integer(hp) + wt,
    mpg ~ I(as.Date("2026-01-01") + hp)
  )
  for (formula in formulas) {
    expect_model_matrix(formula, mtcars)
  }
})

test_that("designs of factors are model matrices", {
  formulas <- list(
    breaks ~ wool, breaks ~ wool + tension, breaks ~ wool * tension, breaks ~ wool:tension,
    breaks ~ 0 + wool, breaks ~ 0 + wool + tension, breaks ~ 0 + wool:tension,
    breaks ~ tension %in% wool, breaks ~ wool / tension, breaks ~ wool + wool:tension,
    breaks ~ 0 + wool / tension, breaks ~ wool * tension - wool, breaks ~ tension:wool + tension,
    breaks ~ (tension == "L") * wool, breaks ~ 0 + (tension == "L"), breaks ~ as.character(wool),
    breaks ~ interaction(wool, tension), breaks ~ relevel(tension, "M"), breaks ~ ordered(tension),
    breaks ~ C(tension, sum) + C(wool, helmert), breaks ~ as.integer(tension) * wool
  )
  for (formula in formulas) {
    expect_model_matrix(formula, warpbreaks)
  }
  for (formula in list(
    mpg ~ factor(cyl) * wt, mpg ~ 0 + wt + factor(cyl), mpg ~ 0 + wt:factor(cyl),
    mpg ~ wt + wt:factor(cyl), mpg ~ cut(wt, 3) * factor(gear) * hp, mpg ~ factor(cyl):poly(wt, 2),
    mpg ~ 0 + poly(wt, 2):factor(cyl) + factor(gear), mpg ~ (factor(cyl) + factor(am) + wt)^2,
    mpg ~ factor(cyl):factor(gear):wt, factor(cyl) ~ factor(gear) + wt, am == 1 ~ factor(cyl) + wt,
    cbind(am, vs) ~ factor(cyl), mpg ~ factor(cyl) + offset(hp) + factor(gear):factor(am)
  )) {
    expect_model_matrix(formula, mtcars)
  }
})

test_that("contrasts come from the argument, the factor or the options", {
  data <- warpbreaks
  own <- matrix(c(1, -1, 0, 0.5, 0.5, -1), 3, dimnames = list(NULL, c("LM", "H")))
  for (contrasts in list(
    list(tension = "contr.sum"), list(tension = contr.helmert), list(tension = own),
    list(tension = own[, 1, drop = FALSE]), list(wool = contr.sum(2), tension = contr.poly(3)),
    list(tension = contr.treatment(3, base = 2))
  )) {
    expect_model_matrix(breaks ~ wool * tension, data, contrasts)
    expect_model_matrix(breaks ~ 0 + wool + tension, data, contrasts)
  }
  stats::contrasts(data$tension) <- own
  stats::contrasts(data$wool) <- "contr.sum"
  expect_model_matrix(breaks ~ wool * tension, data)
  expect_model_matrix(breaks ~ wool * tension, data, list(wool = "contr.helmert"))
  before <- options(contrasts = c("contr.sum", "contr.helmert"))
  on.exit(options(before))
  expect_model_matrix(breaks ~ wool * ordered(tension), warpbreaks)
})

test_that("a model matrix is a design", {
  x <- stats::model.matrix(mpg ~ wt * factor(cyl), mtcars)
  design <- questrial:::dense_design(x)
  expect_equal(expand_design(design), unname(x), ignore_attr = TRUE)
  expect_identical(attr(design, "columns"), colnames(x))
})
