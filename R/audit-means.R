# Checks of means and standard deviations; those of the tests made of them are in audit-tests.R.

audit_means <- function(tables, published) {
  index <- index_means(published)
  c(
    audit_mean_tests(tables, published, index), audit_totals(tables, published, index),
    audit_changes(tables, published, index), audit_alphas(tables, published, index),
    audit_grids(tables, published)
  )
}

# ---- Rows of means.csv by what they are of ----

# `rows(outcome, variable, level, arm)` gives row numbers, NA where nothing is printed; vectorised.
# `group(key)` gives the rows of an outcome by arm (within a level) or by level (within an arm), a
# list; its keys are those of group_key(), all of them in `keys`.
index_means <- function(published) {
  means <- published$means
  key <- do.call(paste, c(means[c("outcome", "variable", "level", "arm")], sep = "\r"))
  arms <- which(means$arm != "")
  levels <- which(means$level != "")
  groups <- split(c(arms, levels), c(
    group_key("arm", means$outcome, means$variable, means$level)[arms],
    group_key("level", means$outcome, means$variable, means$arm)[levels]
  ))
  list(
    rows = function(outcome, variable = "", level = "", arm = "") {
      match(paste(outcome, variable, level, arm, sep = "\r", recycle0 = TRUE), key)
    },
    group = function(key) unname(groups[match(key, names(groups))])
  )
}

group_key <- function(of, outcome, variable, within) {
  paste(of, outcome, variable, within, sep = "\r", recycle0 = TRUE)
}

# n, mean and SD of some rows of means.csv, as a check's inputs.
sample_cells <- function(tables, rows) {
  as.vector(t(tables$at$means[rows, c("n", "mean", "sd"), drop = FALSE]))
}

cell_values <- function(tables, at) {
  tables$cells$digits[at] / 10^tables$cells$decimals[at]
}

# Who a row of means.csv is about, in words.
mean_figure <- function(means, row) {
  level <- means$level[[row]]
  arm <- means$arm[[row]]
  sprintf("%s%s, %s", means$outcome[[row]], if (nzchar(level)) sprintf(" (%s)", level) else "",
    if (nzchar(arm)) arm else "all arms")
}

# ---- Parts into totals ----

# Arms into all arms together, and levels into everybody of an arm, where no part is missing.
audit_totals <- function(tables, published, index) {
  means <- published$means
  arms <- design_values(published, "arms")
  of_arms <- which(means$arm == "")
  parts <- index$group(group_key(
    "arm", means$outcome[of_arms], means$variable[of_arms], means$level[of_arms]
  ))
  c(
    unlist(Map(function(total, parts) {
      if (all(arms %in% means$arm[parts])) {
        total_checks(tables, means, total, parts)
      }
    }, of_arms, parts), recursive = FALSE, use.names = FALSE),
    unlist(lapply(setdiff(means$variable, ""), level_totals,
      tables = tables, means = means, index = index
    ), recursive = FALSE)
  )
}

level_totals <- function(tables, means, variable, index) {
  totals <- which(means$variable == "")
  parts <- index$group(group_key("level", means$outcome[totals], variable, means$arm[totals]))
  given <- which(lengths(parts) > 0)
  unlist(lapply(given, function(k) {
    if (is_everybody(tables, means, totals[[k]], parts[[k]])) {
      total_checks(tables, means, totals[[k]], parts[[k]])
    }
  }), recursive = FALSE)
}

# Levels are everybody if their people add up; or, so that a misprinted n is seen, if they are all
# the levels of Table 1 and nobody there has none.
is_everybody <- function(tables, means, total, parts) {
  n <- cell_values(tables, tables$at$means[c(total, parts), "n"])
  margin <- tables$margins[[means$variable[[parts[[1]]]]]]
  isTRUE(n[[1]] == sum(n[-1])) || (
    is.matrix(margin) && setequal(means$level[parts], colnames(margin)) &&
      is_counted(tables, margin, means$arm[[total]])
  )
}

# Does everybody in an arm, or in all for "", have a level? In most arms it must be so: where some
# people have none, as many as in another table may be others.
is_counted <- function(tables, margin, arm) {
  arms <- if (nzchar(arm)) intersect(arm, rownames(margin)) else rownames(margin)
  n <- rowSums(matrix(exact_counts(tables, margin), nrow(margin)))
  is_all <- n == tables$everybody(rownames(margin))
  all(arms %in% rownames(margin)[is_all]) && 2 * sum(is_all, na.rm = TRUE) > nrow(margin)
}

total_checks <- function(tables, means, total, parts) {
  at <- tables$at$means
  inputs <- sample_cells(tables, parts)
  figure <- mean_figure(means, total)
  without_sd <- inputs
  without_sd[3 * seq_along(parts)] <- 1L
  list(
    new_check("sum", at[total, "n"], at[parts, "n"],
      par = length(parts), check = "total", figure = figure
    ),
    new_check("pooled_mean", at[total, "mean"], without_sd, check = "total", figure = figure),
    new_check("pooled_sd", at[total, "sd"], inputs, check = "total", figure = figure)
  )
}

# ---- Before and after ----

# The three n must be the same: then those measured twice are all who were measured once.
audit_changes <- function(tables, published, index) {
  means <- published$means
  after <- which(means$outcome == "change")
  visits <- lapply(c("baseline", "followup"), function(visit) {
    index$rows(visit, means$variable[after], means$level[after], means$arm[after])
  })
  n <- lapply(c(list(after), visits), function(rows) {
    cell_values(tables, tables$at$means[rows, "n"])
  })
  same <- which(n[[1]] == n[[2]] & n[[1]] == n[[3]])
  unlist(lapply(same, function(k) {
    change_checks(tables, means, after[[k]], visits[[1]][[k]], visits[[2]][[k]])
  }), recursive = FALSE)
}

change_checks <- function(tables, means, change, before, after) {
  at <- tables$at$means
  figure <- mean_figure(means, change)
  list(
    new_check("sum", at[change, "mean"], at[c(after, before), "mean"],
      par = 1, check = "change", figure = figure
    ),
    new_check("change_sd", at[change, "sd"], sample_cells(tables, c(before, after)),
      check = "change", figure = figure, note = "bounds of any correlation of the visits"
    )
  )
}

# ---- Reliability ----

# The SD is alpha.csv's own, or else that of all arms together.
audit_alphas <- function(tables, published, index) {
  alpha <- published$alpha
  if (!"sem" %in% colnames(tables$at$alpha)) {
    return(NULL)
  }
  lapply(seq_len(nrow(alpha)), function(row) {
    at <- tables$at$alpha[row, ]
    sd <- at[["sd"]]
    if (is.na(sd)) {
      sd <- tables$at$means[index$rows(alpha$outcome[[row]]), "sd"]
    }
    new_check("sem", at[["sem"]], c(sd, at[["alpha"]]),
      figure = sprintf("SEM, %s", alpha$outcome[[row]])
    )
  })
}

# ---- Grids of scores ----

# GRIM and GRIMMER where the design gives the step of scores and they can tell anything: where
# the means that n such scores can have lie farther apart than printed ones.
audit_grids <- function(tables, published) {
  means <- published$means
  step <- grid_steps(published)[means$outcome]
  at <- tables$at$means
  n <- cell_values(tables, at[, "n"])
  unit <- 10^-tables$cells$decimals[at[, "mean"]]
  unlist(lapply(which(step / n > unit), function(row) {
    figure <- mean_figure(means, row)
    list(
      new_check("grim", at[row, "mean"], at[row, "n"], par = step[[row]], figure = figure),
      new_check("grimmer", at[row, "sd"], at[row, c("n", "mean")],
        par = step[[row]], figure = figure
      )
    )
  }), recursive = FALSE)
}

# The step of each outcome: `1`, `20/19`, or `baseline 1; change 20/19`.
grid_steps <- function(published) {
  outcomes <- unique(published$means$outcome)
  grid <- design_values(published, "grid")
  named <- grepl("[^ ] +[^ ]", grid)
  steps <- stats::setNames(rep(NA_real_, length(outcomes)), outcomes)
  if (any(!named)) {
    steps[] <- printed_step(grid[!named][[1]])
  }
  own <- sub(" +[^ ]+$", "", grid[named])
  known <- own %in% outcomes
  steps[own[known]] <- printed_step(sub("^.* ", "", grid[named]))[known]
  steps
}

# "20/19" as a number; NA if it is none above 0.
printed_step <- function(text) {
  parts <- strsplit(text, "/", fixed = TRUE)
  step <- vapply(parts, function(part) {
    numbers <- printed_number(trimws(part))
    if (length(numbers) == 2) numbers[[1]] / numbers[[2]] else numbers[[1]]
  }, 0)
  ifelse(is.finite(step) & step > 0, step, NA_real_)
}
