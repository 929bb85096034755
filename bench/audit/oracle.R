# What rounding leaves visible: a slow second opinion on printed tables (trial.R, plant.R), written
# from the textbook identities among the figures and apart from the package's audit.
#
# oracle(tables) gives a row an identity: `identity`, the cell (`table`, `row`, `column`) and
# whether it `holds` for some real numbers that round to what is printed. The range of each side
# over the box of all such numbers is exact: identities that are monotone in each number have their
# extremes at corners, convex ones their greatest value there too and their least one by search in
# one dimension. An error is visible if some identity does not hold.

oracle <- function(tables) {
  tables <- lapply(tables, function(table) {
    table[] <- lapply(table, plain_text)
    as.list(table)
  })
  claims <- c(
    flow_claims(tables), count_claims(tables), mean_claims(tables), test_claims(tables),
    model_claims(tables), grim_claims(tables)
  )
  column <- function(name, type) vapply(claims, `[[`, type, name)
  data.frame(
    identity = column("identity", ""), table = column("table", ""), row = column("row", 0L),
    column = column("column", ""), holds = column("holds", NA)
  )
}

is_visible <- function(tables) {
  any(!oracle(tables)$holds)
}

# ---- Boxes: c(low, high) ----

number_box <- function(plain) {
  if (!nzchar(plain)) {
    return(c(NA, NA))
  }
  if (startsWith(plain, "<")) {
    return(c(0, as.numeric(substring(plain, 2))))
  }
  point <- regexpr(".", plain, fixed = TRUE)
  half <- if (point > 0) 0.5 * 10^(point - nchar(plain)) else 0.5
  as.numeric(plain) + c(-half, half)
}

count_box <- function(text) {
  n <- suppressWarnings(as.numeric(text))
  c(n, n)
}

is_count <- function(column, text) {
  column %in% c("n", "df", "df_residual") && !grepl(".", text, fixed = TRUE)
}

box_at <- function(tables, table, row, column) {
  text <- tables[[table]][[column]][[row]]
  if (is_count(column, text)) count_box(text) else number_box(text)
}

overlap <- function(a, b) {
  hair <- 1e-9 * max(1, abs(a[is.finite(a)]), abs(b[is.finite(b)]))
  a[[1]] <= b[[2]] + hair && b[[1]] <= a[[2]] + hair
}

magnitude <- function(box) {
  c(if (box[[1]] <= 0 && box[[2]] >= 0) 0 else min(abs(box)), max(abs(box)))
}

# `ranges`: one, or a list of several of which one must hold. NULL if a number is not printed.
claim <- function(identity, tables, table, row, column, ranges, unsigned = FALSE) {
  ranges <- if (is.list(ranges)) ranges else list(ranges)
  printed <- box_at(tables, table, row, column)
  if (anyNA(c(printed, unlist(ranges)))) {
    return(NULL)
  }
  if (unsigned) {
    ranges <- lapply(ranges, magnitude)
    printed <- magnitude(printed)
  }
  holds <- any(vapply(ranges, overlap, NA, printed))
  list(list(identity = identity, table = table, row = row, column = column, holds = holds))
}

corners <- function(boxes, f) {
  if (anyNA(unlist(boxes))) {
    return(c(NA, NA))
  }
  values <- apply(as.matrix(expand.grid(lapply(boxes, unique))), 1, function(x) f(unname(x)))
  range(values)
}

sum_boxes <- function(boxes) {
  c(sum(vapply(boxes, `[[`, 0, 1)), sum(vapply(boxes, `[[`, 0, 2)))
}

# ---- Where numbers stand ----

design_of <- function(tables, key) {
  trimws(strsplit(tables$design$value[tables$design$key == key], ";", fixed = TRUE)[[1]])
}

mean_at <- function(tables, outcome, arm, variable = "", level = "") {
  m <- tables$means
  which(m$outcome == outcome & m$arm == arm & m$variable == variable & m$level == level)
}

count_at <- function(tables, variable, level, arm) {
  counts <- tables$counts
  which(counts$variable == variable & counts$level == level & counts$arm == arm)
}

numbers_of <- function(tables, table, rows, column) {
  suppressWarnings(as.numeric(tables[[table]][[column]][rows]))
}

boxes_of <- function(tables, table, rows, column) {
  lapply(rows, function(row) box_at(tables, table, row, column))
}

# n, means and SDs of some rows of means.csv, as boxes.
groups_of <- function(tables, rows) {
  list(
    n = numbers_of(tables, "means", rows, "n"), mean = boxes_of(tables, "means", rows, "mean"),
    sd = lapply(boxes_of(tables, "means", rows, "sd"), pmax, 0)
  )
}

arm_n <- function(tables, outcome = tables$means$outcome[[1]]) {
  arms <- design_of(tables, "arms")
  vapply(arms, function(arm) {
    numbers_of(tables, "means", mean_at(tables, outcome, arm)[1], "n")
  }, 0)
}

# ---- Flow and counts ----

flow_claims <- function(tables) {
  flow <- tables$flow
  n <- numbers_of(tables, "flow", seq_len(length(flow$n)), "n")
  model_n <- arm_n(tables, design_of(tables, "model_outcome"))
  balanced <- lapply(which(flow$step == "randomised"), function(row) {
    parts <- flow$arm == flow$arm[[row]] & flow$step != "randomised"
    claim("flow", tables, "flow", row, "n", rep(sum(n[parts]), 2))
  })
  totals <- lapply(which(flow$arm == ""), function(row) {
    parts <- n[flow$step == flow$step[[row]] & flow$arm != ""]
    if (length(parts) > 0) claim("flow total", tables, "flow", row, "n", rep(sum(parts), 2))
  })
  analysed <- lapply(which(flow$step == "analysed"), function(row) {
    arm <- flow$arm[[row]]
    here <- if (arm == "") sum(model_n) else model_n[[arm]]
    claim("analysed", tables, "flow", row, "n", rep(here, 2))
  })
  unlist(c(balanced, totals, analysed), recursive = FALSE)
}

count_claims <- function(tables) {
  counts <- tables$counts
  n <- numbers_of(tables, "counts", seq_len(length(counts$n)), "n")
  baseline <- tables$means$outcome[[1]]
  claims <- lapply(seq_len(length(counts$n)), function(row) {
    here <- counts$variable == counts$variable[[row]] & counts$arm == counts$arm[[row]]
    all <- numbers_of(tables, "means", mean_at(tables, baseline, counts$arm[[row]])[1], "n")
    percent <- lapply(c(all, sum(n[here])), function(of) rep(100 * n[[row]] / of, 2))
    first <- which(here)[[1]] == row
    arms <- counts$variable == counts$variable[[row]] & counts$level == counts$level[[row]] &
      counts$arm != ""
    stratum <- which(tables$means$variable == counts$variable[[row]] &
      tables$means$level == counts$level[[row]] & tables$means$arm == counts$arm[[row]])
    c(
      claim("percent", tables, "counts", row, "percent", percent),
      if (first) claim("levels", tables, "counts", row, "n", rep(all - sum(n[here]) + n[[row]], 2)),
      if (counts$arm[[row]] == "") {
        claim("total", tables, "counts", row, "n", rep(sum(n[arms]), 2))
      },
      if (length(stratum) > 0) {
        claim("stratum n", tables, "means", stratum[[1]], "n", rep(n[[row]], 2))
      }
    )
  })
  unlist(claims, recursive = FALSE)
}

# ---- Means and SDs ----

# Least and greatest sum of squares between groups: convex in the means, and its least value over a
# box is that over a common centre of the distances from the groups' intervals.
between_range <- function(groups) {
  at <- function(means) {
    sum(groups$n * (means - sum(groups$n * means) / sum(groups$n))^2)
  }
  away <- function(centre) {
    gap <- vapply(groups$mean, function(box) max(box[[1]] - centre, centre - box[[2]], 0), 0)
    sum(groups$n * gap^2)
  }
  span <- range(unlist(groups$mean))
  least <- if (Reduce(max, lapply(groups$mean, `[[`, 1)) <=
                 Reduce(min, lapply(groups$mean, `[[`, 2))) {
    0
  } else {
    stats::optimize(away, span, tol = 1e-12 * max(1, abs(span)))$objective * (1 - 1e-9)
  }
  c(least, corners(groups$mean, at)[[2]])
}

within_range <- function(groups) {
  sum_boxes(Map(function(n, sd) (n - 1) * sd^2, groups$n, groups$sd))
}

merged_mean <- function(groups) {
  sum_boxes(Map(function(n, box) n * box / sum(groups$n), groups$n, groups$mean))
}

merged_sd <- function(groups) {
  sqrt((between_range(groups) + within_range(groups)) / (sum(groups$n) - 1))
}

is_whole <- function(groups) {
  length(groups$n) > 0 && !anyNA(unlist(groups))
}

merge_claims <- function(identity, tables, whole, parts) {
  groups <- groups_of(tables, parts)
  if (length(whole) != 1 || !is_whole(groups)) {
    return(NULL)
  }
  c(
    claim(paste(identity, "n"), tables, "means", whole, "n", rep(sum(groups$n), 2)),
    claim(paste(identity, "mean"), tables, "means", whole, "mean", merged_mean(groups)),
    claim(paste(identity, "sd"), tables, "means", whole, "sd", merged_sd(groups))
  )
}

mean_claims <- function(tables) {
  arms <- design_of(tables, "arms")
  c(
    unlist(lapply(unique(tables$means$outcome), function(outcome) {
      parts <- unlist(lapply(arms, mean_at, tables = tables, outcome = outcome))
      merge_claims("arms", tables, mean_at(tables, outcome, ""), parts)
    }), recursive = FALSE),
    unlist(lapply(arms, strata_claims, tables = tables), recursive = FALSE),
    unlist(lapply(c(arms, ""), change_claims, tables = tables), recursive = FALSE)
  )
}

# Strata all of whose levels are printed make up their arm.
strata_claims <- function(tables, arm) {
  strata <- which(tables$means$variable != "" & tables$means$arm == arm)
  variables <- unique(tables$means$variable[strata])
  claims <- lapply(variables, function(variable) {
    levels <- unique(tables$counts$level[tables$counts$variable == variable])
    rows <- strata[tables$means$variable[strata] == variable]
    outcome <- tables$means$outcome[rows[[1]]]
    if (setequal(tables$means$level[rows], levels)) {
      merge_claims("strata", tables, mean_at(tables, outcome, arm), rows)
    }
  })
  unlist(claims, recursive = FALSE)
}

# Change is follow-up less baseline of the same people.
change_claims <- function(tables, arm) {
  rows <- lapply(c("baseline", "followup", "change"), function(outcome) {
    mean_at(tables, outcome, arm)
  })
  if (any(lengths(rows) != 1)) {
    return(NULL)
  }
  rows <- unlist(rows)
  x <- groups_of(tables, rows)
  if (length(unique(x$n)) > 1) {
    return(NULL)
  }
  difference <- x$mean[[2]] - rev(x$mean[[1]])
  apart <- c(magnitude(x$sd[[2]] - rev(x$sd[[1]]))[[1]], x$sd[[1]][[2]] + x$sd[[2]][[2]])
  c(
    claim("change", tables, "means", rows[[3]], "mean", difference),
    claim("change sd", tables, "means", rows[[3]], "sd", apart)
  )
}

# ---- Tests ----

is_unsigned <- function(tables, table) {
  !any(startsWith(tables[[table]]$statistic, "-"))
}

test_claims <- function(tables) {
  rows <- seq_len(length(tables$tests$test))
  unlist(lapply(rows, function(row) {
    test <- lapply(tables$tests, `[[`, row)
    c(
      switch(test$test,
        chisq = chisq_claims(tables, row, test), fisher = fisher_claims(tables, row, test),
        anova = anova_claims(tables, row, test), student = , welch = pair_claims(tables, row, test),
        paired = paired_claims(tables, row, test),
        interaction = interaction_claims(tables, row, test)
      ),
      p_claims(tables, row, test)
    )
  }), recursive = FALSE)
}

# P that belongs to a range of statistics: it falls as they grow.
p_range <- function(statistic, df, df_residual, test) {
  statistic <- magnitude(statistic)
  tail <- switch(test,
    chisq = function(x) stats::pchisq(x[[1]], x[[2]], lower.tail = FALSE),
    anova = , interaction = function(x) stats::pf(x[[1]], x[[2]], x[[3]], lower.tail = FALSE),
    function(x) 2 * stats::pt(-x[[1]], x[[2]])
  )
  boxes <- c(list(statistic, df), if (test %in% c("anova", "interaction")) list(df_residual))
  corners(boxes, tail)
}

p_claims <- function(tables, row, test) {
  df <- box_at(tables, "tests", row, "df")
  residual <- box_at(tables, "tests", row, "df_residual")
  if (test$test == "fisher" || is.na(df[[1]]) || any(df <= 0) || any(residual <= 0, na.rm = TRUE)) {
    return(NULL)
  }
  statistic <- box_at(tables, "tests", row, "statistic")
  claim("p", tables, "tests", row, "p", p_range(statistic, df, residual, test$test))
}

# Levels by arms.
counted <- function(tables, variable) {
  arms <- design_of(tables, "arms")
  if (variable == "completion") {
    n <- vapply(c("lost", "analysed"), function(step) {
      at <- match(paste(step, arms), paste(tables$flow$step, tables$flow$arm))
      numbers_of(tables, "flow", at, "n")
    }, numeric(length(arms)))
    return(t(n))
  }
  levels <- unique(tables$counts$level[tables$counts$variable == variable])
  vapply(arms, function(arm) {
    rows <- vapply(levels, function(level) count_at(tables, variable, level, arm)[1], 0L)
    numbers_of(tables, "counts", rows, "n")
  }, numeric(length(levels)))
}

chisq_of <- function(n, yates) {
  expected <- outer(rowSums(n), colSums(n)) / sum(n)
  off <- abs(n - expected)
  if (yates) {
    off <- off - min(0.5, off)
  }
  sum(off^2 / expected)
}

chisq_claims <- function(tables, row, test) {
  n <- counted(tables, test$outcome)
  if (anyNA(n) || any(rowSums(n) == 0) || any(colSums(n) == 0)) {
    return(NULL)
  }
  df <- (nrow(n) - 1) * (ncol(n) - 1)
  values <- chisq_of(n, FALSE)
  if (df == 1) {
    values <- c(values, chisq_of(n, TRUE))
  }
  c(
    claim("chisq", tables, "tests", row, "statistic", lapply(values, rep, 2)),
    claim("df", tables, "tests", row, "df", c(df, df)),
    claim("p of counts", tables, "tests", row, "p", lapply(values, function(x) {
      rep(stats::pchisq(x, df, lower.tail = FALSE), 2)
    }))
  )
}

fisher_claims <- function(tables, row, test) {
  n <- counted(tables, test$outcome)
  if (anyNA(n)) {
    return(NULL)
  }
  claim("fisher", tables, "tests", row, "p", rep(stats::fisher.test(n)$p.value, 2))
}

anova_claims <- function(tables, row, test) {
  rows <- unlist(lapply(design_of(tables, "arms"), function(arm) {
    mean_at(tables, test$outcome, arm, test$variable, test$level)
  }))
  groups <- groups_of(tables, rows)
  if (!is_whole(groups)) {
    return(NULL)
  }
  k <- length(rows)
  df <- c(k - 1, sum(groups$n) - k)
  f <- between_range(groups) / df[[1]] / rev(within_range(groups) / df[[2]])
  c(
    claim("F", tables, "tests", row, "statistic", f),
    claim("df", tables, "tests", row, "df", rep(df[[1]], 2)),
    claim("df residual", tables, "tests", row, "df_residual", rep(df[[2]], 2)),
    claim("p of means", tables, "tests", row, "p",
      p_range(f, rep(df[[1]], 2), rep(df[[2]], 2), "anova"))
  )
}

# Standard error of a difference; x: s1, s2.
pair_error <- function(x, n, pooled) {
  if (pooled) {
    sqrt(sum((n - 1) * x^2) / (sum(n) - 2) * sum(1 / n))
  } else {
    sqrt(sum(x^2 / n))
  }
}

# Welch's df depends on the ratio of the two variances of means and has its maximum n1 + n2 - 2.
welch_df_range <- function(sd, n) {
  ratio <- c((sd[[1]][[1]] / sd[[2]][[2]])^2, (sd[[1]][[2]] / sd[[2]][[1]])^2) * n[[2]] / n[[1]]
  df <- function(r) (1 + r)^2 / (r^2 / (n[[1]] - 1) + 1 / (n[[2]] - 1))
  at_ends <- vapply(ratio, df, 0)
  top <- (n[[1]] - 1) / (n[[2]] - 1)
  c(min(at_ends), if (ratio[[1]] <= top && top <= ratio[[2]]) sum(n) - 2 else max(at_ends))
}

pair_claims <- function(tables, row, test) {
  rows <- c(
    mean_at(tables, test$outcome, test$arm), mean_at(tables, test$outcome, test$reference)
  )
  x <- groups_of(tables, rows)
  if (length(rows) != 2 || !is_whole(x)) {
    return(NULL)
  }
  pooled <- test$test == "student"
  df <- if (pooled) rep(sum(x$n) - 2, 2) else welch_df_range(x$sd, x$n)
  boxes <- c(x$mean, x$sd)
  t <- corners(boxes, function(v) (v[[1]] - v[[2]]) / pair_error(v[3:4], x$n, pooled))
  limit <- function(sign) {
    corners(c(boxes, list(df)), function(v) {
      v[[1]] - v[[2]] + sign * stats::qt(0.975, v[[5]]) * pair_error(v[3:4], x$n, pooled)
    })
  }
  error <- corners(x$sd, function(v) pair_error(v, x$n, pooled))
  c(
    claim("t", tables, "tests", row, "statistic", t, is_unsigned(tables, "tests")),
    claim("df", tables, "tests", row, "df", df),
    claim("p of means", tables, "tests", row, "p", p_range(t, df, NULL, test$test)),
    claim("difference", tables, "tests", row, "estimate", x$mean[[1]] - rev(x$mean[[2]])),
    claim("lower limit", tables, "tests", row, "conf.low", limit(-1)),
    claim("upper limit", tables, "tests", row, "conf.high", limit(1)),
    interval_claims(tables, "tests", row, df, error)
  )
}

# An estimate is the middle of its interval, and t the estimate over its standard error.
interval_claims <- function(tables, table, row, df, error) {
  box <- function(column) box_at(tables, table, row, column)
  if (anyNA(c(box("conf.low"), box("conf.high"), box("estimate")))) {
    return(NULL)
  }
  half <- (box("conf.high") - rev(box("conf.low"))) / 2
  quantile <- range(stats::qt(0.975, df))
  ratio <- function(boxes) corners(boxes, function(v) v[[1]] / v[[2]])
  unsigned <- is_unsigned(tables, table)
  c(
    claim("middle", tables, table, row, "estimate", (box("conf.low") + box("conf.high")) / 2),
    if (all(error > 0)) {
      claim("ratio", tables, table, row, "statistic", ratio(list(box("estimate"), error)), unsigned)
    },
    if (all(half > 0)) {
      claim("width", tables, table, row, "statistic",
        corners(list(box("estimate"), quantile, half), function(v) v[[1]] * v[[2]] / v[[3]]),
        unsigned)
    }
  )
}

paired_claims <- function(tables, row, test) {
  x <- groups_of(tables, mean_at(tables, test$outcome, test$arm))
  if (!is_whole(x) || x$sd[[1]][[1]] <= 0) {
    return(NULL)
  }
  df <- rep(x$n - 1, 2)
  t <- corners(c(x$mean, x$sd), function(v) v[[1]] / v[[2]] * sqrt(x$n))
  c(
    claim("paired t", tables, "tests", row, "statistic", t, is_unsigned(tables, "tests")),
    claim("df", tables, "tests", row, "df", df),
    claim("p of means", tables, "tests", row, "p", p_range(t, df, NULL, "paired"))
  )
}

# F itself does not follow from what is printed; its degrees of freedom do if every cell has people.
interaction_claims <- function(tables, row, test) {
  n <- counted(tables, sub(".*:", "", test$by))
  all <- sum(arm_n(tables, test$outcome))
  if (anyNA(n) || any(n == 0) || !all(same_people(tables, test$outcome))) {
    return(NULL)
  }
  c(
    claim("df", tables, "tests", row, "df", rep(prod(dim(n) - 1), 2)),
    claim("df residual", tables, "tests", row, "df_residual", rep(all - length(n), 2))
  )
}

# ---- The model ----

model_claims <- function(tables) {
  outcome <- design_of(tables, "model_outcome")
  df <- sum(arm_n(tables, outcome)) - length(tables$model$estimate)
  if (is.na(df) || df < 1) {
    return(NULL)
  }
  rows <- lapply(seq_len(length(tables$model$estimate)), row_claims, tables = tables, df = df)
  c(
    unlist(rows, recursive = FALSE),
    ols_claims(tables, outcome),
    if (all(same_people(tables, outcome))) error_claims(tables, outcome, df)
  )
}

# Are those of Table 1 the people of the outcome, arm by arm?
same_people <- function(tables, outcome) {
  arm_n(tables) == arm_n(tables, outcome)
}

row_claims <- function(tables, row, df) {
  box <- function(column) box_at(tables, "model", row, column)
  error <- box("std.error")
  if (anyNA(error) || error[[2]] <= 0) {
    return(NULL)
  }
  error[[1]] <- max(error[[1]], 1e-12)
  quantile <- stats::qt(0.975, df)
  half <- (box("conf.high") - rev(box("conf.low"))) / 2
  t <- corners(list(box("estimate"), error), function(v) v[[1]] / v[[2]])
  df <- c(df, df)
  estimate <- box("estimate")
  limits <- list(box("conf.low"), box("conf.high"))
  of_width <- function(boxes, t) {
    if (!anyNA(half) && half[[1]] > 0) {
      claim("row width", tables, "model", row, "statistic",
        corners(boxes, function(v) quantile * t(v)), is_unsigned(tables, "model"))
    }
  }
  c(
    of_width(c(limits, list(estimate)), function(v) 2 * v[[3]] / (v[[2]] - v[[1]])),
    of_width(limits, function(v) (v[[2]] + v[[1]]) / (v[[2]] - v[[1]])),
    claim("row low", tables, "model", row, "conf.low", estimate - rev(quantile * error)),
    claim("row high", tables, "model", row, "conf.high", estimate + quantile * error),
    claim("row error", tables, "model", row, "std.error", half / quantile),
    claim("row ratio", tables, "model", row, "statistic", t, is_unsigned(tables, "model")),
    claim("row p", tables, "model", row, "p", p_range(box("statistic"), df, NULL, "t")),
    claim("row p of ratio", tables, "model", row, "p", p_range(t, df, NULL, "t")),
    claim("row middle", tables, "model", row, "estimate", (box("conf.low") + box("conf.high")) / 2)
  )
}

# The residuals of each arm sum to zero: its mean is the constant, its coefficient, and those of the
# covariates in the shares of their levels.
ols_claims <- function(tables, outcome) {
  claims <- lapply(c(design_of(tables, "arms"), ""), function(arm) {
    row <- mean_at(tables, outcome, arm)
    same <- same_people(tables, outcome)
    if (length(row) == 1 && isTRUE(if (arm == "") all(same) else same[[arm]])) {
      claim("ols", tables, "means", row, "mean", ols_range(tables, arm))
    }
  })
  unlist(claims, recursive = FALSE)
}

ols_range <- function(tables, arm) {
  model <- tables$model
  parts <- lapply(seq_len(length(model$estimate)), function(row) {
    estimate <- box_at(tables, "model", row, "estimate")
    if (model$variable[[row]] == "") {
      estimate
    } else if (model$level[[row]] == "") {
      mean <- boxes_of(tables, "means", mean_at(tables, model$variable[[row]], arm), "mean")
      if (length(mean) == 1) corners(list(estimate, mean[[1]]), prod) else c(NA, NA)
    } else {
      estimate * share_of(tables, model$variable[[row]], model$level[[row]], arm)
    }
  })
  sum_boxes(parts)
}

share_of <- function(tables, variable, level, arm) {
  n <- if (variable == "arm") arm_n(tables) else NULL
  if (variable == "arm") {
    return(if (arm == "") n[[level]] / sum(n) else as.numeric(level == arm))
  }
  n <- counted(tables, variable)
  rownames(n) <- unique(tables$counts$level[tables$counts$variable == variable])
  if (arm == "") sum(n[level, ]) / sum(n) else n[level, arm] / sum(n[, arm])
}

# SE_j^2 = s^2 [(X'X)^-1]_jj is least when nothing else is in the model, and s^2 when the terms
# explain most: their contributions in step (Minkowski's inequality).
error_claims <- function(tables, outcome, df) {
  arms <- unlist(lapply(design_of(tables, "arms"), mean_at, tables = tables, outcome = outcome))
  groups <- groups_of(tables, arms)
  if (!is_whole(groups)) {
    return(NULL)
  }
  model <- tables$model
  terms <- split(seq_len(length(model$estimate))[-1], model$variable[-1])
  explained <- sum(vapply(terms, explained_most, 0, tables = tables))
  residual <- between_range(groups)[[1]] + within_range(groups)[[1]] - explained^2
  if (is.na(residual) || residual <= 0) {
    return(NULL)
  }
  sigma <- sqrt(residual / df)
  claims <- lapply(which(model$level != ""), function(row) {
    n <- vapply(c(model$level[[row]], model$reference[[row]]), function(level) {
      share_of(tables, model$variable[[row]], level, "") * sum(groups$n)
    }, 0)
    claim("error", tables, "model", row, "std.error", c(sigma * sqrt(sum(1 / n)), Inf))
  })
  unlist(claims, recursive = FALSE)
}

# The greatest root of the sum of squares of a variable's contribution.
explained_most <- function(tables, rows) {
  variable <- tables$model$variable[[rows[[1]]]]
  estimates <- boxes_of(tables, "model", rows, "estimate")
  if (tables$model$level[[rows[[1]]]] == "") {
    arms <- unlist(lapply(design_of(tables, "arms"), mean_at, tables = tables, outcome = variable))
    groups <- groups_of(tables, arms)
    squares <- between_range(groups)[[2]] + within_range(groups)[[2]]
    return(max(abs(estimates[[1]])) * sqrt(squares))
  }
  shares <- vapply(tables$model$level[rows], function(level) {
    share_of(tables, variable, level, "")
  }, 0)
  n <- sum(arm_n(tables))
  corners(estimates, function(b) sqrt(n * max(0, sum(shares * b^2) - sum(shares * b)^2)))[[2]]
}

# ---- GRIM and GRIMMER on whole scores ----

grim_claims <- function(tables) {
  if (!"grid" %in% tables$design$key) {
    return(NULL)
  }
  rows <- which(tables$means$outcome %in% c("baseline", "followup", "change"))
  unlist(lapply(rows, whole_claims, tables = tables), recursive = FALSE)
}

# Brown & Heathers (2017), and for the SD Anaya (2016): whole numbers have a whole sum S and a whole
# sum of squares Q of S's parity, at least that of the most even ones.
whole_claims <- function(tables, row) {
  n <- numbers_of(tables, "means", row, "n")
  mean <- box_at(tables, "means", row, "mean")
  sd <- pmax(box_at(tables, "means", row, "sd"), 0)
  if (is.na(n) || n < 2) {
    return(NULL)
  }
  sums <- seq(ceiling(n * mean[[1]] - 1e-7), length.out = max(0, 1 +
    floor(n * mean[[2]] + 1e-7) - ceiling(n * mean[[1]] - 1e-7)))
  grimmer <- any(vapply(sums, has_squares, NA, n = n, sd = sd))
  at <- function(identity, column, holds) {
    list(identity = identity, table = "means", row = row, column = column, holds = holds)
  }
  list(
    at("grim", "mean", length(sums) > 0), at("grimmer", "sd", length(sums) == 0 || grimmer)
  )
}

has_squares <- function(sum, n, sd) {
  q <- (n - 1) * sd^2 + sum^2 / n
  even <- floor(sum / n)
  most_even <- n * even^2 + (sum - n * even) * (2 * even + 1)
  low <- max(ceiling(q[[1]] - 1e-7), most_even)
  low <- low + (low - sum) %% 2
  low <= q[[2]] + 1e-7 && (n > 4 || any(vapply(seq(low, q[[2]] + 1e-7, 2), is_reached, NA, sum, n)))
}

# Have n whole numbers, few, this sum and this sum of squares?
is_reached <- function(squares, sum, n) {
  if (n == 1) {
    return(sum^2 == squares)
  }
  spread <- sqrt(max(0, (squares - sum^2 / n) * (n - 1) / n))
  last <- seq(ceiling(sum / n - spread - 1e-9), length.out = max(0, 1 +
    floor(sum / n + spread + 1e-9) - ceiling(sum / n - spread - 1e-9)))
  any(vapply(last, function(x) is_reached(squares - x^2, sum - x, n - 1), NA))
}
