# impute() beside mice, one thread for both; memory; fits of many completed data sets.
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))),
  "bench.R"))
set.seed(1)

# Synthetic numbers of one trait, a tenth missing.
synthetic_numbers <- function(n, k) {
  trait <- stats::rnorm(n)
  as.data.frame(replicate(k, {
    x <- trait + stats::rnorm(n)
    x[sample.int(n, n / 10)] <- NA
    x
  }))
}

if ("memory" %in% commandArgs(TRUE)) {
  data <- synthetic_numbers(200000, 23)
  size <- as.double(utils::object.size(data)) / 2^20
  for (threads in 1:2) {
    result <- NULL
    peak <- peak_mib(function() {
      result <<- impute(data, m = 4, method = "norm", iterations = 2, seed = 1, threads = threads)
    })
    completed <- as.double(utils::object.size(result$imputed)) / 2^20
    cat(sprintf("%d worker%s: %.1f times one data set (%.0f MiB) a worker\n", threads,
      if (threads > 1) "s" else "", (peak - completed) / size / threads, size))
  }
  quit()
}

by_mice <- function(data, m, method) {
  function() mice::mice(data, m = m, maxit = 5, method = method, printFlag = FALSE, seed = 1)
}
by_us <- function(data, m, method) {
  function() impute(data, m, method, iterations = 5, seed = 1, threads = 1)
}

items <- synthetic_answers(392, 23, 0.1, as.integer)
numbers <- synthetic_numbers(20000, 23)
if (requireNamespace("mice", quietly = TRUE)) {
  compare("392 x 23, m = 20, 5 cycles, pmm : mice", by_us(items, 20, "pmm"),
    by_mice(items, 20, "pmm"), 100, 11, 1)
  # mice would take three minutes, so it makes two of the twenty.
  compare("20000 x 23, m = 20, 5 cycles, norm : mice, m = 2", by_us(numbers, 20, "norm"),
    by_mice(numbers, 2, "norm"), 6, 5, 1)
  compare("20000 x 23, m = 20, 5 cycles, pmm : mice, m = 2", by_us(numbers, 20, "pmm"),
    by_mice(numbers, 2, "pmm"), 6, 5, 1)
  kinds <- mice::boys[c("age", "hgt", "wgt", "gen", "phb", "reg")]
  compare("boys, m = 5, polr and polyreg among them : mice", function() {
    impute(kinds, 5, iterations = 5, seed = 1, threads = 1)
  }, function() {
    mice::mice(kinds, m = 5, maxit = 5, printFlag = FALSE, seed = 1)
  }, 10, 5, 1)

  imp <- impute(items, m = 200, iterations = 1, seed = 1)
  mids <- as_mids(imp)
  compare("200 fits of 392 rows, pooled : with() and pool() of mice",
    function() summary(fit_glm(item_1 ~ item_2 + item_3 + item_4, imp)),
    function() summary(mice::pool(with(mids, lm(item_1 ~ item_2 + item_3 + item_4)))), 1, 5, 3)
}

in_own_process("impute.R", "memory", "memory above the completed data, 200000 x 23, bar 2")
