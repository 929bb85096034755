# A small invented trial whose outcome at two visits is lost, also in gaps, for some.
lossy_trial <- function(n = 120, seed = 3) {
  withr::local_seed(seed)
  arm <- factor(rep(c("usual", "group", "letter"), length.out = n), c("usual", "group", "letter"))
  before <- stats::rnorm(n, 50, 8)
  own <- stats::rnorm(n, 0, 4)
  data <- data.frame(
    id = seq_len(n), arm = arm, before = before,
    month3 = 20 + 0.6 * before + own + 2 * (arm == "group") + stats::rnorm(n, 0, 3),
    month6 = 18 + 0.6 * before + own + 5 * (arm == "group") + stats::rnorm(n, 0, 3)
  )
  data$month6[seq(4, n, 5)] <- NA
  data$month3[seq(9, n, 15)] <- NA
  data$month3[7] <- NA
  data
}

# Completed data whose missing values are drawn from the observed ones: imputations without a model.
drawn_imputations <- function(data, m = 4, seed = 5) {
  withr::local_seed(seed)
  imputed <- lapply(data, function(x) {
    seen <- if (is.factor(x)) as.integer(x)[!is.na(x)] else x[!is.na(x)]
    matrix(sample(seen, sum(is.na(x)) * m, TRUE), sum(is.na(x)), m)
  })
  new_imputations(data, imputed[vapply(data, anyNA, NA)], m)
}
