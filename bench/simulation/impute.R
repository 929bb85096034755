# Coverage of pooled intervals by method and mechanism, in synthetic trials whose coefficients are
# known; the result is kept for the vignette. In the project's root:
#   Rscript bench/simulation/impute.R [replicates, 2000] [file]
library(questrial)

n <- 400
effects <- c(arm = 0.5, x = 0.5)

# ---- One trial: v is the variable to be imputed, z a complete one that goes with the outcome ----

baseline <- function() {
  data.frame(arm = rep(0:1, length.out = n), x = stats::rnorm(n))
}

outcome <- function(data, of_v) {
  data$y <- effects[["arm"]] * data$arm + effects[["x"]] * data$x + of_v + stats::rnorm(n)
  data$z <- data$y + stats::rnorm(n)
  data
}

with_number <- function() {
  data <- baseline()
  data$v <- data$x / 2 + stats::rnorm(n)
  outcome(data, data$v / 2)
}

with_levels <- function(slopes) {
  data <- baseline()
  latent <- outer(data$x, slopes) - log(-log(matrix(stats::runif(n * length(slopes)), n)))
  level <- max.col(latent)
  data$v <- factor(letters[level])
  outcome(data, c(0, 0.5, 1)[level])
}

# Proportional odds of v given all the others, so that these may not depend on it.
with_order <- function() {
  data <- outcome(baseline(), 0)
  latent <- with(data, (arm + x + y) / 2) + stats::rlogis(n)
  data$v <- cut(latent, c(-Inf, -1, 0.5, 2, Inf), letters[1:4], ordered_result = TRUE)
  data
}

# ---- Missing: about a third of v and a seventh of y ----

mechanisms <- list(
  MCAR = function(z, centre, slope) rep(stats::plogis(centre), length(z)),
  MAR = function(z, centre, slope) stats::plogis(centre + slope * z)
)

make_missing <- function(data, probability, also_y) {
  data$v[stats::runif(n) < probability(data$z, -0.8, 0.5)] <- NA
  if (also_y) {
    data$y[stats::runif(n) < probability(data$z, -2, 0.4)] <- NA
  }
  data
}

# ---- What is asked: the coefficients that made the data ----

linear <- list(formula = y ~ arm + x + v, family = stats::gaussian())
upper <- list(formula = I(v >= "c") ~ arm + x + y, family = stats::binomial())
number <- list(make = with_number, truth = c(effects, v = 0.5), model = linear, also_y = TRUE)
settings <- list(
  norm = c(number, list(method = "norm")),
  pmm = c(number, list(method = "pmm")),
  logreg = list(
    make = function() with_levels(c(0, 0.5)), truth = c(effects, vb = 0.5), model = linear,
    also_y = TRUE, method = c(v = "logreg", y = "norm")
  ),
  polyreg = list(
    make = function() with_levels(c(0, 0.5, -0.5)), truth = c(effects, vb = 0.5, vc = 1),
    model = linear, also_y = TRUE, method = c(v = "polyreg", y = "norm")
  ),
  polr = list(
    make = with_order, truth = c(arm = 0.5, x = 0.5, y = 0.5), model = upper, also_y = FALSE,
    method = "polr"
  ),
  `mean (single)` = c(number, list(method = "mean", m = 1)),
  `complete cases` = c(number, list(method = NULL))
)

answer <- function(setting, data, seed) {
  model <- setting$model
  if (is.null(setting$method)) {
    fit <- fit_glm(model$formula, data, model$family)
  } else if (setting$method[[1]] == "mean") {
    fit <- fit_glm(model$formula, impute(data, 1, "mean", seed = seed)[[1]], model$family)
  } else {
    imp <- impute(data, 20, setting$method, iterations = 5, seed = seed, threads = 1)
    fit <- fit_glm(model$formula, imp, model$family)
  }
  table <- generics::tidy(fit, conf.int = TRUE)
  at <- match(names(setting$truth), table$term)
  cbind(
    estimate = table$estimate[at], error = table$std.error[at],
    covered = table$conf.low[at] <= setting$truth & setting$truth <= table$conf.high[at]
  )
}

replicate_of <- function(setting, mechanism, k) {
  set.seed(k)
  answer(setting, make_missing(setting$make(), mechanism, setting$also_y), seed = k)
}

# A row a coefficient. The Monte Carlo error is that of the coverage and of the relative bias.
summarise <- function(name, mechanism, replicates) {
  setting <- settings[[name]]
  runs <- parallel::mclapply(seq_len(replicates), function(k) {
    replicate_of(setting, mechanisms[[mechanism]], k)
  }, mc.cores = 2)
  runs <- simplify2array(runs)
  estimates <- runs[, "estimate", ]
  covered <- rowMeans(runs[, "covered", ])
  empirical <- apply(estimates, 1, stats::sd)
  data.frame(
    method = name, mechanism = mechanism, term = names(setting$truth), truth = setting$truth,
    replicates = replicates,
    bias_percent = 100 * (rowMeans(estimates) / setting$truth - 1),
    bias_mc_error = 100 * empirical / abs(setting$truth) / sqrt(replicates),
    coverage_percent = 100 * covered,
    coverage_mc_error = 100 * sqrt(covered * (1 - covered) / replicates),
    mean_std_error = rowMeans(runs[, "error", ]), empirical_sd = empirical
  )
}

given <- commandArgs(TRUE)
replicates <- if (length(given) > 0) as.integer(given[[1]]) else 2000L
file <- if (length(given) > 1) given[[2]] else "inst/validation/impute-simulation.csv"
rows <- lapply(names(settings), function(name) {
  both <- lapply(names(mechanisms), function(mechanism) {
    table <- summarise(name, mechanism, replicates)
    print(table[c("method", "mechanism", "term", "bias_percent", "coverage_percent")],
      digits = 4, row.names = FALSE)
    table
  })
  do.call(rbind, both)
})
table <- do.call(rbind, rows)
number <- vapply(table, is.double, NA)
table[number] <- lapply(table[number], signif, 5)
utils::write.csv(table, file, row.names = FALSE)
