# Imputations of the package mice as ours.
from_mids <- function(mids) {
  filled <- mids$imp[vapply(mids$imp, NROW, 1L) > 0]
  imputed <- lapply(filled, function(values) {
    columns <- lapply(values, function(x) if (is.factor(x)) as.integer(x) else x)
    matrix(unlist(columns), length(columns[[1]]))
  })
  new_imputations(mids$data, imputed, mids$m)
}

# Imputed by mice, made once a session.
mids_of <- local({
  kept <- list()
  function(name, m = 5) {
    key <- paste(name, m)
    if (is.null(kept[[key]])) {
      data <- switch(name,
        nhanes2 = mice::nhanes2,
        boys = utils::head(mice::boys[c("age", "hgt", "wgt", "bmi", "hc", "reg")], 300),
        airquality = transform(airquality, Month = factor(Month))
      )
      kept[[key]] <<- mice::mice(data, m = m, maxit = 3, seed = 11, printFlag = FALSE)
    }
    kept[[key]]
  }
})

# The same model fitted by lm() to each completed data set, a plain list.
lm_of_each <- function(formula, mids) {
  lapply(unname(mice::complete(mids, "all")), function(data) lm(formula, data))
}
