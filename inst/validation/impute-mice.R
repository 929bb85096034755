# What mice makes of the sets of impute.R with 200 imputations, into impute-mice.csv: half an
# hour of work, so the result is kept. Run in the folder of this file.
source("impute.R")

# mice adds pseudo-rows with equal shares of the levels to the data of a factor, which puts boys
# below five into the upper stages of puberty (G1: 82%, polr() itself 99%). So boys are also
# completed with ordered levels from polr() alone, fitted to a bootstrap sample.
mice.impute.plain_polr <- function(y, ry, x, wy = NULL, ...) {
  wy <- if (is.null(wy)) !ry else wy
  rows <- sample(which(ry), replace = TRUE)
  drawn <- data.frame(y = droplevels(y[rows]), x[rows, , drop = FALSE])
  varies <- vapply(drawn[-1], function(column) stats::sd(column) > 0, NA)
  formula <- stats::reformulate(names(drawn)[-1][varies], "y")
  fit <- tryCatch(suppressWarnings(MASS::polr(formula, drawn)), error = function(e) {
    suppressWarnings(nnet::multinom(formula, drawn, trace = FALSE))
  })
  chances <- stats::predict(fit, data.frame(x[wy, , drop = FALSE]), type = "probs")
  chances <- matrix(chances, nrow = sum(wy))
  levels <- levels(drawn$y)
  levels[apply(chances, 1, function(p) sample.int(length(levels), 1, prob = pmax(p, 0)))]
}

complete_by_mice <- function(data, plain) {
  method <- mice::make.method(data)
  method[plain & method == "polr"] <- "plain_polr"
  mice::mice(data, m = 200, maxit = 10, method = method, printFlag = FALSE, seed = 2026)
}

answers_of_mice <- function(name, set, plain) {
  imp <- complete_by_mice(set$data, plain)
  rows <- pooled_rows(name, set$models, function(formula) {
    fits <- lapply(seq_len(imp$m), function(i) lm(formula, mice::complete(imp, i)))
    summary(mice::pool(fits))
  })
  cbind(rows, pseudo.rows = !plain)
}

library(mice)
sets <- incomplete_sets()
rows <- lapply(names(sets), function(name) answers_of_mice(name, sets[[name]], FALSE))
rows <- do.call(rbind, c(rows, list(answers_of_mice("boys", sets$boys, TRUE))))
rows$mice <- as.character(utils::packageVersion("mice"))
utils::write.csv(rows, "impute-mice.csv", row.names = FALSE)
