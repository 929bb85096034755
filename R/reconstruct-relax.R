# Which real numbers the printed figures leave open, before whole numbers are
# searched.
#
# In a linear model with an intercept and an indicator for each arm, residuals
# add up to zero within arms, so the model's estimates and the arms' shares of
# each level give the arms' means; with the SDs they give the t statistics.
# Estimates, standard errors and SDs are therefore varied together, as real
# numbers, until the largest miss (in half-widths of rounding) is as small as
# it gets. Above 1 no cohort exists.

# NULL without a model, else list(estimate, se, se_low, se_high, ss, ss_low,
# ss_high): where the least of the largest misses is, and ranges.
relax_figures <- function(figures, trial) {
  if (!any(figures$kind >= figure_codes[["estimate"]])) {
    return(NULL)
  }
  if (!is_tied(figures, trial)) {
    return(loose_centre(figures, trial))
  }
  problem <- relax_problem(figures, trial)
  u <- relaxed_centre(problem)
  # With numeric covariates this was said before whole numbers were chosen.
  if (length(trial$numeric) == 0) {
    check_relaxed(relaxed_misses(u, problem), problem)
  }
  at <- relaxed_parts(u, problem)
  c(
    list(estimate = at$estimate, se = at$se, ss = within_ss(at, problem)),
    se_ranges(problem), ss_range(u, problem)
  )
}

# A model, and the SDs of its outcome in all arms.
is_tied <- function(figures, trial) {
  model <- figures$kind >= figure_codes[["estimate"]]
  whole <- figures$outcome == outcome_codes[[trial$model_outcome]] & !model & figures$arm >= 0 &
    figures$covariate < 0 & figures$kind == figure_codes[["sd"]]
  any(model) && sum(whole) >= length(trial$arms)
}

# Where the outcome's SDs are not printed nothing ties the residual variance.
loose_centre <- function(figures, trial) {
  n_coef <- nrow(trial$terms) + 1L
  se <- coefficient_figures(figures, "se", n_coef)
  most <- sum(trial$sizes) * (diff(answer_range(trial)) * length(trial$instrument$items))^2
  list(
    estimate = middle_of(coefficient_figures(figures, "estimate", n_coef)),
    se = middle_of(se), se_low = se$low, se_high = se$high,
    ss = most / 2, ss_low = 0, ss_high = most
  )
}

# ---- Centre and ends ----
# Figures are all but linear in what is varied, so what they leave is a
# polytope, and Newton's method with a logarithmic barrier finds its centre and
# its ends (Boyd & Vandenberghe 2004, Convex Optimization, sections 8.5 and 11.3).

# Where figures go together best: the centre of ever narrower misses, and once
# all are below 1, of those below 1.
relaxed_centre <- function(problem, u = numeric(problem$n_free)) {
  # F is curved: along the edge of what it allows Newton's steps come to a halt.
  for (room in c(1.1, 1.001)) {
    for (round in 1:200) {
      worst <- max(abs(relaxed_misses(u, problem)))
      if (worst < 0.99) {
        return(relaxed_towards(u, 1, problem))
      }
      nearer <- relaxed_towards(u, worst * room, problem)
      if (max(abs(relaxed_misses(nearer, problem))) > 0.9999 * worst) {
        break
      }
      u <- nearer
    }
  }
  u
}

# Newton's steps to the least of -sum(log(1 - (miss / width)^2)) - sum(pull * u),
# from where all misses are a little below the width. They stay so, or one
# figure would outweigh the others beyond what solve() can tell apart.
relaxed_towards <- function(u, width, problem, pull = 0) {
  for (step in 1:40) {
    newton <- relaxed_newton(u, width, problem, pull)
    if (newton$decrement < 1e-4) {
      break
    }
    share <- 1 / (1 + sqrt(newton$decrement))
    while (max(abs(relaxed_misses(u + share * newton$step, problem))) >= (1 - 1e-6) * width) {
      share <- share / 2
    }
    u <- u + share * newton$step
  }
  u
}

relaxed_newton <- function(u, width, problem, pull) {
  miss <- relaxed_misses(u, problem) / width
  slopes <- vapply(seq_along(u), function(k) {
    nudge <- replace(numeric(length(u)), k, 1e-4)
    (relaxed_misses(u + nudge, problem) - relaxed_misses(u - nudge, problem)) / 2e-4
  }, miss) / width
  gradient <- crossprod(slopes, 2 * miss / (1 - miss^2)) - pull
  hessian <- crossprod(slopes, slopes * (2 * (1 + miss^2) / (1 - miss^2)^2))
  # Near the ends misses differ much in weight, which solve() would take for singular.
  step <- -solve(hessian + diag(1e-8, length(u)), gradient, tol = 1e-30)
  list(step = as.vector(step), decrement = -sum(gradient * step), hessian = hessian)
}

# Between which sums of squares within arms all figures can be met, and a
# little beyond: whether scores exist is soon known when covariates are found.
ss_range <- function(u, problem) {
  if (max(abs(relaxed_misses(u, problem))) >= 0.9999) {
    ss <- within_ss(relaxed_parts(u, problem), problem)
    return(list(ss_low = 0.999 * ss, ss_high = 1.001 * ss))
  }
  sd <- relaxed_parts(u, problem)$sd
  slope <- numeric(problem$n_free)
  slope[2 * problem$n_coef + seq_along(sd)] <- 2 * (problem$sizes - 1) * sd * problem$sd_half
  hessian <- relaxed_newton(u, 1, problem, 0)$hessian + diag(1e-8, length(u))
  slope <- slope / sqrt(sum(slope * solve(hessian, slope, tol = 1e-30)))
  ends <- vapply(c(-1, 1), function(sign) {
    for (pull in 10^(1:3)) {
      u <- relaxed_towards(u, 1, problem, sign * pull * slope)
    }
    within_ss(relaxed_parts(u, problem), problem)
  }, 0)
  beyond <- 0.02 * diff(ends)
  list(ss_low = ends[[1]] - beyond, ss_high = ends[[2]] + beyond)
}

within_ss <- function(x, problem) {
  sum((problem$sizes - 1) * x$sd^2)
}

# What the relaxation varies and what it must give: what a model ties together,
# and numeric covariates as long as they have no numbers.
relax_problem <- function(figures, trial) {
  tied <- is_tied(figures, trial)
  n_coef <- if (tied) nrow(trial$terms) + 1L else 0L
  model <- figures[tied & figures$kind >= figure_codes[["estimate"]], ]
  all <- figures[tied & figures$kind < figure_codes[["estimate"]] &
    figures$outcome == outcome_codes[[trial$model_outcome]], ]
  whole <- all$covariate < 0 & all$kind %in% figure_codes[of_arms]
  outcome <- all[whole, ]
  estimates <- coefficient_figures(model, "estimate", n_coef)
  ses <- coefficient_figures(model, "se", n_coef)
  sds <- if (tied) arm_figures(all, "sd", trial) else all
  numeric <- number_problem(figures, trial)
  if (!is.null(trial$numbers)) {
    numeric <- settled_problem(numeric, trial)
  }
  numeric$number_rows <- lapply(numeric$number_figures, group_rows)
  parts <- part_sds(all, trial)
  c(numeric, list(
    n_coef = n_coef, n_free = 2L * n_coef + nrow(sds) + 2L * length(numeric$number_mean),
    sizes = trial$sizes, shares = term_shares(trial),
    t_quantile = stats::qt(0.975, sum(trial$sizes) - n_coef),
    estimate = middle_of(estimates), estimate_half = half_of(estimates),
    se = middle_of(ses), se_half = half_of(ses), sd = middle_of(sds), sd_half = half_of(sds),
    model = model, model_middle = middle_of(model), model_half = half_of(model),
    model_at = cbind(model$level + 1, model$kind - figure_codes[["estimate"]] + 1),
    outcome = outcome, outcome_rows = group_rows(outcome),
    part_arm = vapply(parts, function(part) part$arm, 0L),
    part_value = vapply(parts, function(part) part$value, 0),
    part_half = vapply(parts, function(part) part$half, 0)
  ))
}

# Means and SDs that numeric covariates may have, arms x covariates, the
# figures they must give, and their columns in the model (1: none).
number_problem <- function(figures, trial) {
  rows <- figures[figures$variable %in% trial$numeric, ]
  of_arm <- function(kind, part) {
    values <- vapply(trial$numeric, function(name) {
      part(arm_figures(rows[rows$variable == name, ], kind, trial, name))
    }, numeric(length(trial$arms)))
    matrix(values, length(trial$arms))
  }
  codes <- length(trial$levels) + seq_along(trial$numeric) - 1L
  list(
    number_mean = of_arm("mean", middle_of), number_mean_middle = of_arm("mean", middle_of),
    number_mean_half = of_arm("mean", half_of),
    number_sd = of_arm("sd", middle_of), number_sd_half = of_arm("sd", half_of),
    number_figures = lapply(trial$numeric, function(name) rows[rows$variable == name, ]),
    number_term = match(codes, trial$terms$covariate, 0) + 1,
    decided = match(unique(trial$terms$covariate[trial$terms$covariate >= 0]), codes)
  )
}

# Those they have, once they have numbers.
settled_problem <- function(problem, trial) {
  arm <- rep(seq_along(trial$sizes), trial$sizes)
  for (k in seq_along(trial$numeric)) {
    x <- trial$numbers[, k] * trial$units[[k]]
    problem$number_mean[, k] <- tapply(x, arm, mean)
    problem$number_sd[, k] <- tapply(x, arm, stats::sd)
  }
  problem$number_mean_half[] <- problem$number_sd_half[] <- 0
  problem$number_figures <- list()
  problem
}

# The figures of one kind for each arm as a whole, in the order of the arms.
arm_figures <- function(outcome, kind, trial, name = trial$model_outcome) {
  rows <- outcome[outcome$kind == figure_codes[[kind]] & outcome$covariate < 0, ]
  at <- match(seq_along(trial$arms) - 1L, rows$arm)
  if (anyNA(at)) {
    qst_abort("no_data", sprintf(
      "means.csv holds no %s of `%s` for arm %s. The search needs it: add the row.",
      toupper(kind), name, describe(trial$arms[[which(is.na(at))[[1]]]])
    ))
  }
  rows[at, ]
}

coefficient_figures <- function(model, kind, n_coef) {
  rows <- model[model$kind == figure_codes[[kind]], ]
  at <- match(seq_len(n_coef) - 1L, rows$level)
  if (anyNA(at)) {
    qst_abort("no_data", sprintf(
      "model.csv, row %d: the column `%s` is empty. A model needs estimates and standard errors.",
      which(is.na(at))[[1]], if (kind == "se") "std.error" else kind
    ))
  }
  rows[at, ]
}

# Share of each arm in each term: arms x coefficients; NA for a numeric one.
term_shares <- function(trial) {
  shares <- matrix(1, length(trial$arms), nrow(trial$terms) + 1)
  for (k in seq_len(nrow(trial$terms))) {
    term <- trial$terms[k, ]
    shares[, k + 1] <- if (term$covariate < 0) {
      seq_along(trial$arms) == term$level + 1
    } else if (term$covariate >= length(trial$levels)) {
      NA
    } else {
      trial$counts[[term$covariate + 1]][term$level + 1, ] / trial$sizes
    }
  }
  shares
}

# The SD of an arm that follows from means and SDs printed for all levels of a
# covariate within it: list of arm, value, half.
part_sds <- function(outcome, trial) {
  parts <- list()
  for (covariate in unique(outcome$covariate[outcome$covariate >= 0])) {
    for (arm in seq_along(trial$arms)) {
      counts <- trial$counts[[covariate + 1]][, arm]
      rows <- outcome[outcome$covariate == covariate & outcome$arm == arm - 1L, ]
      mean <- rows[rows$kind == figure_codes[["mean"]], ]
      sd <- rows[rows$kind == figure_codes[["sd"]], ]
      at <- match(seq_along(counts) - 1L, mean$level)
      if (!anyNA(at) && identical(mean$level, sd$level)) {
        parts <- c(parts, list(pooled_sd(counts, mean[at, ], sd[at, ], arm)))
      }
    }
  }
  parts
}

pooled_sd <- function(n, mean, sd, arm) {
  m <- middle_of(mean)
  s <- middle_of(sd)
  ss <- sum((n - 1) * s^2) + sum(n * (m - sum(n * m) / sum(n))^2)
  value <- sqrt(ss / (sum(n) - 1))
  list(arm = arm, value = value, half = sum((n - 1) * s * half_of(sd)) / ((sum(n) - 1) * value))
}

# ---- Misses ----

middle_of <- function(rows) (rows$low + rows$high) / 2
half_of <- function(rows) (rows$high - rows$low) / 2

relaxed_parts <- function(u, problem) {
  k <- seq_len(problem$n_coef)
  n <- seq_along(problem$number_mean)
  at <- 2 * problem$n_coef + length(problem$sd)
  x <- list(
    estimate = problem$estimate + u[k] * problem$estimate_half,
    se = problem$se + u[problem$n_coef + k] * problem$se_half,
    sd = problem$sd + u[2 * problem$n_coef + seq_along(problem$sd)] * problem$sd_half,
    number_mean = problem$number_mean + u[at + n] * problem$number_mean_half,
    number_sd = problem$number_sd + u[at + length(n) + n] * problem$number_sd_half
  )
  if (problem$n_coef > 0 && length(problem$decided) == 1 && !is.na(problem$decided)) {
    x$se <- decided_ses(x, problem)
  }
  x
}

# With one covariate, a numeric one, its means and SDs decide X'X: that of the
# arms' means plus its scatter within arms, which also decides what its
# coefficient explains there.
decided_ses <- function(x, problem) {
  n <- problem$sizes
  j <- problem$number_term[[problem$decided]]
  scatter <- sum((n - 1) * x$number_sd[, problem$decided]^2)
  gram <- crossprod(model_means(x, problem) * sqrt(n))
  gram[j, j] <- gram[j, j] + scatter
  left <- within_ss(x, problem) - x$estimate[[j]]^2 * scatter
  sqrt(diag(solve(gram, tol = 1e-30)) * max(left, 0) / (sum(n) - problem$n_coef))
}

# Means of the model's columns: arms x coefficients.
model_means <- function(x, problem) {
  means <- problem$shares
  for (k in which(problem$number_term > 1)) {
    means[, problem$number_term[[k]]] <- x$number_mean[, k]
  }
  means
}

# Misses of all figures, in half-widths.
relaxed_misses <- function(u, problem) {
  x <- relaxed_parts(u, problem)
  reach <- problem$t_quantile * x$se
  values <- cbind(x$estimate, x$se, x$estimate / x$se, x$estimate - reach, x$estimate + reach)
  model <- (values[problem$model_at] - problem$model_middle) / problem$model_half
  outcome <- (outcome_values(x, problem) - problem$outcome_rows$middle) / problem$outcome_rows$half
  implied <- (x$sd[problem$part_arm] - problem$part_value) / problem$part_half
  numbers <- lapply(seq_along(problem$number_rows), function(k) {
    number_misses(x$number_mean[, k], x$number_sd[, k], k, problem)
  })
  c(model, outcome, implied, unlist(numbers))
}

# Figures in units of the outcome a unit of the covariate.
of_slopes <- c("estimate", "se", "low", "high")

# Figures that follow from the arms' sizes, means and SDs.
of_arms <- c("mean", "sd", "t", "welch", "difference", "paired", "f_arms")

# Those of problem$outcome.
outcome_values <- function(x, problem) {
  means <- if (problem$n_coef > 0) model_means(x, problem) %*% x$estimate
  group_values(problem$sizes, as.vector(means), x$sd, problem$outcome_rows)
}

# What is wanted of groups: `column` of the values, of arm `i`, or all of them
# (NA), against arm `j`; lists are quicker than data frames.
group_rows <- function(figures) {
  list(
    i = ifelse(figures$arm < 0, NA, figures$arm + 1), j = pmax(figures$reference, 0) + 1,
    column = match(figures$kind, figure_codes[of_arms]),
    middle = middle_of(figures), half = half_of(figures)
  )
}

# Figures of groups of these sizes, means and SDs; all arms together stand
# behind the last.
group_values <- function(n, m, sd, rows) {
  if (length(rows$i) == 0) {
    return(numeric())
  }
  all <- sum(n * m) / sum(n)
  between <- sum(n * (m - all)^2)
  within <- sum((n - 1) * sd^2)
  n <- c(n, sum(n))
  m <- c(m, all)
  sd <- c(sd, sqrt((within + between) / (n[length(n)] - 1)))
  i <- rows$i
  i[is.na(i)] <- length(n)
  j <- rows$j
  pooled <- ((n[i] - 1) * sd[i]^2 + (n[j] - 1) * sd[j]^2) / (n[i] + n[j] - 2)
  k <- length(n) - 1
  values <- cbind(
    mean = m[i], sd = sd[i], t = (m[i] - m[j]) / sqrt(pooled * (1 / n[i] + 1 / n[j])),
    welch = (m[i] - m[j]) / sqrt(sd[i]^2 / n[i] + sd[j]^2 / n[j]), difference = m[i] - m[j],
    paired = m[i] / (sd[i] / sqrt(n[i])),
    f_arms = (between / (k - 1)) / (within / (n[[k + 1]] - k))
  )
  values[cbind(seq_along(i), rows$column)]
}

check_relaxed <- function(misses, problem) {
  if (max(abs(misses)) <= 1.02) {
    return(invisible())
  }
  names <- c(
    problem$model$figure, problem$outcome$figure,
    rep("SD implied by the levels of a covariate", length(problem$part_arm)),
    unlist(lapply(problem$number_figures, function(rows) rows$figure))
  )
  worst <- order(-abs(misses))
  worst <- utils::head(worst[abs(misses[worst]) > 1], 5)
  qst_abort("argument", c(
    sprintf(
      paste(
        "`published`: no cohort can have all figures; at best some are off by %.2f units of their",
        "last digit, of which rounding explains 0.50."
      ), max(abs(misses)) / 2
    ),
    sprintf("* %s", names[worst]),
    "Look for a misprint among these and the counts, and write it to repairs.csv."
  ), figures = names[worst], value = max(abs(misses)))
}

# Where the search may leave each standard error. An estimate must round to
# what is printed, and so must its ratio to the standard error and the ends of
# its interval; how much room that leaves it depends on the standard error.
# Kept are those that leave any.
se_ranges <- function(problem) {
  ranges <- vapply(seq_len(problem$n_coef) - 1L, function(level) {
    rows <- problem$model[problem$model$level == level, ]
    printed <- rows[rows$kind == figure_codes[["se"]], ]
    se <- seq(printed$low, printed$high, length.out = 2001)
    room <- estimate_room(se, rows, problem$t_quantile)
    if (max(room) <= 0) c(printed$low, printed$high) else range(se[room > 0])
  }, c(0, 0))
  list(se_low = ranges[1, ], se_high = ranges[2, ])
}

estimate_room <- function(se, rows, t_quantile) {
  low <- rep(-Inf, length(se))
  high <- rep(Inf, length(se))
  for (k in seq_len(nrow(rows))) {
    row <- rows[k, ]
    kind <- names(figure_codes)[figure_codes == row$kind]
    scale <- if (kind == "ratio") se else 1
    shift <- switch(kind, low = 1, high = -1, 0) * t_quantile * se
    if (kind != "se") {
      low <- pmax(low, row$low * scale + shift)
      high <- pmin(high, row$high * scale + shift)
    }
  }
  high - low
}
