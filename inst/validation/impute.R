# Data sets with missing values, and the models asked of them once they are completed: by
# impute() in the tests and on the page `validation`, by mice in impute-mice.R.

# The sets of mice, datasets and psych whose packages are installed. What has no part in the
# models is left out, so that both complete the same variables from the same predictors.
incomplete_sets <- function() {
  has <- function(package) requireNamespace(package, quietly = TRUE)
  sets <- list(airquality = list(
    data = datasets::airquality,
    models = list(Ozone ~ Solar.R + Wind + Temp, Temp ~ Ozone + Month)
  ))
  if (has("mice")) {
    pupils <- mice::popmis[c("popular", "sex", "texp", "teachpop")]
    boys <- mice::boys[c("age", "hgt", "wgt", "hc", "gen", "phb", "tv", "reg")]
    sets$nhanes2 <- list(
      data = mice::nhanes2, models = list(chl ~ age + bmi, bmi ~ age + hyp)
    )
    sets$popmis <- list(data = pupils, models = list(popular ~ sex + texp))
    sets$boys <- list(
      data = boys, models = list(hc ~ age + reg, tv ~ age + hgt, wgt ~ hgt + hc)
    )
  }
  if (has("psych")) {
    sets$bfi <- list(data = five_factors(psych::bfi), models = list(
      rowMeans(cbind(N1, N2, N3, N4, N5)) ~ gender + age + education,
      rowMeans(cbind(E3, E4, E5)) ~ gender + age + N1
    ))
  }
  sets
}

five_factors <- function(bfi) {
  bfi$gender <- factor(bfi$gender)
  rownames(bfi) <- NULL
  as.data.frame(bfi)
}

# term, estimate and standard error of each model: `pooled(formula)` gives the pooled
# coefficients as a data frame with those columns.
pooled_rows <- function(set, models, pooled) {
  rows <- lapply(models, function(formula) {
    table <- pooled(formula)
    data.frame(
      set = set, model = paste(deparse(formula, width.cutoff = 200), collapse = " "),
      term = as.character(table$term), estimate = table$estimate, std.error = table$std.error
    )
  })
  do.call(rbind, rows)
}
