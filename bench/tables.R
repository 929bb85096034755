# baseline_table() on 50 variables x 1e5 rows, beside what base R needs for the
# same counts, means, SDs and tests (table, chisq.test, tapply, oneway.test),
# and beside the package tableone where it is installed.
library(questrial)

n <- 1e5
set.seed(1)
numbers <- lapply(stats::setNames(1:25, paste0("x", 1:25)), function(i) rnorm(n))
factors <- lapply(stats::setNames(1:25, paste0("f", 1:25)), function(i) {
  factor(sample(letters[1:5], n, TRUE))
})
data <- data.frame(arm = factor(sample(c("a", "b", "c"), n, TRUE)), numbers, factors)

base_r <- function(data) {
  lapply(data[-1], function(x) {
    if (is.factor(x)) {
      counts <- table(x, data$arm)
      list(counts, proportions(counts, 2), chisq.test(counts, correct = FALSE))
    } else {
      list(tapply(x, data$arm, mean), tapply(x, data$arm, sd),
        oneway.test(x ~ data$arm, var.equal = TRUE))
    }
  })
}

seconds <- function(expression) {
  min(vapply(1:3, function(i) system.time(eval.parent(expression))[["elapsed"]], 0))
}

ours <- seconds(quote(baseline_table(arm ~ ., data)))
base <- seconds(quote(base_r(data)))
cat(sprintf("50 variables x 1e5 rows: baseline_table %.2f s, base R %.2f s, ratio %.1f\n",
  ours, base, base / ours))
if (requireNamespace("tableone", quietly = TRUE)) {
  peer <- seconds(quote(print(
    tableone::CreateTableOne(names(data)[-1], "arm", data), printToggle = FALSE
  )))
  cat(sprintf("tableone %.2f s, ratio %.1f\n", peer, peer / ours))
}
