# Whole numbers for numeric covariates, such as age: means.csv has their means
# and SDs by arm, tests.csv perhaps their F or t, model.csv a row without level.
#
# Sums and sums of squares of whole numbers decide all these figures but those
# of the model, which need the arms' means. So the figures are relaxed together
# with those of the model, sums near to the relaxed means are tried, nearest
# first, then sums of squares, and last people who have them.
most_sums <- 30000
most_squares <- 300
most_tried <- 5
most_number <- 1e6 # QST_MOST_NUMBER

# Other variables whose means and SDs are printed for every arm.
numeric_names <- function(published) {
  means <- published$means[published$means$variable == "", ]
  # NA is not printed.
  means <- means[which(is_number(printed_number(means$mean), printed_number(means$sd), 1)), ]
  arms <- design_values(published, "arms")
  taken <- c(names(outcome_codes), published$counts$variable, "id", "arm", "group")
  names <- setdiff(unique(means$outcome), taken)
  Filter(function(name) all(arms %in% means$arm[means$outcome == name]), names)
}

# Are numbers of such a mean and SD small enough for the search, as multiples of `unit`?
is_number <- function(mean, sd, unit) {
  (abs(mean) + 10 * sd) / unit < most_number
}

# The trial with `numbers`, one row for each person analysed, arm by arm, and a
# column for each numeric covariate: whole numbers, of `units`.
with_numbers <- function(trial, figures) {
  trial$units <- rep(1, length(trial$numeric))
  if (length(trial$numeric) == 0) {
    trial$numbers <- matrix(0L, sum(trial$sizes), 0)
    return(trial)
  }
  problem <- relax_problem(figures, trial)
  u <- relaxed_centre(problem)
  check_relaxed(relaxed_misses(u, problem), problem)
  found <- list(problem = problem, u = u)
  numbers <- matrix(0L, sum(trial$sizes), length(trial$numeric))
  for (k in seq_along(trial$numeric)) {
    found <- whole_number(k, found$u, found$problem)
    numbers[, k] <- found$numbers
    trial$units[[k]] <- found$unit
  }
  trial$numbers <- numbers
  trial
}

# Numbers of covariate k: whole ones, tenths, ... whichever meet its figures
# first; if none do, the nearest.
whole_number <- function(k, u, problem) {
  best <- NULL
  fits <- function(unit) all(is_number(problem$number_mean[, k], problem$number_sd[, k], unit))
  units <- Filter(fits, 10^-(0:3))
  for (unit in units) {
    for (sums in likely_sums(k, u, problem, unit)) {
      found <- try_sums(sums, k, u, problem, unit)
      if (is.null(best) || found$worst < best$worst) {
        best <- found
      }
      if (best$worst < 1) {
        return(best)
      }
    }
  }
  if (is.null(best)) {
    sums <- round(relaxed_parts(u, problem)$number_mean[, k] * problem$sizes / min(units))
    best <- try_sums(sums, k, u, problem, min(units))
  }
  best
}

# Numbers with these sums in the arms, and the largest miss of the figures then.
try_sums <- function(sums, k, u, problem, unit) {
  n <- problem$sizes
  problem$number_mean[, k] <- sums * unit / n
  problem$number_mean_half[, k] <- 0
  u <- relaxed_centre(problem, u)
  worst <- max(abs(relaxed_misses(u, problem)))
  squares <- best_squares(sums, k, relaxed_parts(u, problem)$number_sd[, k], problem, unit)
  numbers <- lapply(seq_along(n), function(arm) numbers_with(n[[arm]], sums[[arm]], squares[[arm]]))
  sds <- vapply(numbers, stats::sd, 0) * unit
  own <- max(abs(number_misses(problem$number_mean[, k], sds, k, problem)))
  list(
    problem = problem, u = u, unit = unit, numbers = unlist(numbers), worst = max(worst, own)
  )
}

number_misses <- function(mean, sd, k, problem) {
  own <- problem$number_rows[[k]]
  (group_values(problem$sizes, mean, sd, own) - own$middle) / own$half
}

# ---- Sums ----

# Sums for each arm that round to the printed means, those nearest to the
# relaxed ones first, if there are SDs with which all can hold.
likely_sums <- function(k, u, problem, unit) {
  n <- problem$sizes
  mean <- relaxed_parts(u, problem)$number_mean[, k]
  reach <- problem$number_mean_half[, k] * (1 - 1e-4)
  most <- max(1, floor(most_sums^(1 / length(n))))
  each <- lapply(seq_along(n), function(arm) {
    ends <- problem$number_mean_middle[arm, k] + c(-1, 1) * reach[[arm]]
    ends <- round_inward(ends * n[[arm]] / unit)
    whole_near(ends, mean[[arm]] * n[[arm]] / unit, most)
  })
  if (min(lengths(each)) == 0) {
    return(list())
  }
  sums <- as.matrix(expand.grid(each))
  means <- sweep(sums * unit, 2, n, "/")
  away <- colSums(((t(means) - mean) / problem$number_mean_half[, k])^2)
  away[room_within(means, k, problem) < 0] <- NA
  nearest <- utils::head(order(away, na.last = NA), most_tried)
  lapply(nearest, function(row) unname(sums[row, ]))
}

round_inward <- function(ends) c(ceiling(ends[[1]]), floor(ends[[2]]))

# At most so many whole numbers between two ends (by steps), the nearest to `centre` first.
whole_near <- function(ends, centre, most, by = 1) {
  if (ends[[1]] > ends[[2]]) {
    return(numeric())
  }
  n_steps <- floor((ends[[2]] - ends[[1]]) / by)
  middle <- min(max(round((centre - ends[[1]]) / by), 0), n_steps)
  steps <- seq(max(0, middle - most), min(n_steps, middle + most))
  values <- ends[[1]] + by * steps
  utils::head(values[order(abs(values - centre))], most)
}

# How much the SDs of the arms, that of all and F leave for the sum of squares
# within arms, for each row of means; negative: nothing.
room_within <- function(means, k, problem) {
  n <- problem$sizes
  total <- sum(n)
  all <- as.vector(means %*% n) / total
  between <- as.vector((means - all)^2 %*% n)
  sd <- problem$number_sd[, k] + outer(problem$number_sd_half[, k], c(-1, 1))
  low <- rep(sum((n - 1) * pmax(sd[, 1], 0)^2), nrow(means))
  high <- rep(sum((n - 1) * sd[, 2]^2), nrow(means))
  rows <- problem$number_figures[[k]]
  rows <- rows[rows$arm < 0, ]
  for (row in split(rows, seq_len(nrow(rows)))) {
    if (row$kind == figure_codes[["sd"]]) {
      low <- pmax(low, (total - 1) * row$low^2 - between)
      high <- pmin(high, (total - 1) * row$high^2 - between)
    } else if (row$kind == figure_codes[["f_arms"]]) {
      ratio <- between * (total - length(n)) / (length(n) - 1)
      low <- pmax(low, ratio / row$high)
      high <- pmin(high, ratio / max(row$low, 0))
    }
  }
  high - low
}

# ---- Sums of squares ----

# Those of the sums' parity that suit all figures best, near to the relaxed SDs.
best_squares <- function(sums, k, sd, problem, unit) {
  n <- problem$sizes
  most <- max(1, floor(most_squares^(1 / length(n))))
  mean <- sums * unit / n
  each <- lapply(seq_along(n), function(arm) {
    squares <- function(sd) (n[[arm]] - 1) * (sd / unit)^2 + sums[[arm]]^2 / n[[arm]]
    middle <- problem$number_sd[arm, k]
    reach <- problem$number_sd_half[arm, k] * (1 - 1e-4)
    ends <- round_inward(squares(pmax(middle + c(-1, 1) * reach, 0)))
    ends[[1]] <- ends[[1]] + (ends[[1]] - sums[[arm]]) %% 2
    found <- whole_near(ends, squares(sd[[arm]]), most, by = 2)
    if (length(found) == 0) round(squares(sd[[arm]])) else found
  })
  grid <- as.matrix(expand.grid(each))
  worst <- apply(grid, 1, function(squares) {
    sds <- sqrt(pmax((squares - sums^2 / n) / (n - 1), 0)) * unit
    max(abs(number_misses(mean, sds, k, problem)))
  })
  grid[which.min(worst), ]
}

# ---- People ----

# n whole numbers with this sum and, if there are any, sum of squares: like a
# gamma distribution where the mean is above 0, so that none is below.
numbers_with <- function(n, sum, squares) {
  mean <- sum / n
  variance <- max(squares - sum^2 / n, 0) / (n - 1)
  least <- if (mean > 0) 0 else -Inf
  p <- (seq_len(n) - 0.5) / n
  x <- if (variance > 0 && mean > 0) {
    stats::qgamma(p, mean^2 / variance, scale = variance / mean)
  } else {
    stats::qnorm(p)
  }
  x <- mean + (x - mean(x)) * sqrt(variance) / stats::sd(x)
  x <- with_sum(pmax(round(x), least), sum, least)
  as.integer(with_squares(x, squares, least))
}

# One more or less for people spread evenly, until the sum holds.
with_sum <- function(x, sum, least) {
  while (sum(x) != sum) {
    sign <- if (sum(x) < sum) 1 else -1
    open <- which(x + sign >= least)
    times <- min(abs(sum - sum(x)), length(open))
    at <- open[floor(length(open) * (seq_len(times) - 0.5) / times) + 1]
    x[at] <- x[at] + sign
  }
  x
}

# One more for one and one less for another, who differ by d, change the sum
# of squares by 2 d + 2.
with_squares <- function(x, squares, least) {
  repeat {
    lack <- squares - sum(x^2)
    values <- sort(unique(x))
    twice <- values %in% x[duplicated(x)]
    gain <- 2 * outer(values, values, "-") + 2
    gain[diag(!twice, length(values)) == 1] <- NA
    gain[, values - 1 < least] <- NA
    left <- abs(lack - gain)
    if (lack == 0 || all(is.na(left)) || min(left, na.rm = TRUE) >= abs(lack)) {
      return(x)
    }
    at <- arrayInd(which.min(left), dim(left))
    up <- which(x == values[[at[[1]]]])[[1]]
    down <- setdiff(which(x == values[[at[[2]]]]), up)[[1]]
    x[c(up, down)] <- x[c(up, down)] + c(1, -1)
  }
}

# ---- For the search and after it ----

# What one unit of each coefficient's numbers is worth.
coefficient_units <- function(trial) {
  k <- trial$terms$covariate + 1 - length(trial$levels)
  c(1, ifelse(k > 0, trial$units[pmax(k, 1)], 1))
}

# What the numbers give for the figures of numeric covariates, one after the other.
number_figures <- function(figures, trial) {
  n <- trial$sizes
  arm <- rep(seq_along(n), n)
  values <- rep(NA_real_, nrow(figures))
  for (k in seq_along(trial$numeric)) {
    own <- figures$variable == trial$numeric[[k]]
    x <- trial$numbers[, k] * trial$units[[k]]
    values[own] <- group_values(
      n, as.vector(tapply(x, arm, mean)), as.vector(tapply(x, arm, stats::sd)),
      group_rows(figures[own, ])
    )
  }
  values
}
