#' Make a cohort that has the figures of printed tables
#'
#' Searches for whole-number answers, item by item, whose analysis gives the
#' printed figures at their printed precision: counts by arm, means and
#' standard deviations (by arm, and by a covariate's levels within arms), t
#' tests (of two arms, with pooled variance or Welch's, with the difference of
#' means; paired within an arm), F tests, the interaction of arm and a
#' covariate, one linear model of baseline, follow-up or change (estimates,
#' standard errors, t, intervals) and Cronbach's alphas; and numbers such as
#' age, whose means and SDs by arm are printed. The people are
#' invented; the result is for trying methods, teaching, and checking whether
#' printed figures can hold together, not for research on the people of the
#' trial.
#'
#' The rules of analysis are those of [analyse()]: the score is the number of
#' the instrument's items times the mean of the answered ones; who has no
#' baseline gets the mean baseline score of those analysed who have one; the
#' change is follow-up less baseline; SDs have n - 1.
#'
#' Before the search the figures that hang together through the model are
#' relaxed to real numbers and brought as near to what is printed as they go.
#' If some miss remains, no cohort exists, and an error of class
#' `questrial_error_argument` names figures that contradict one another.
#'
#' Of baseline, follow-up and change any may be printed, and the model may be
#' missing. Any other outcome of `means.csv` that has a mean and an SD in every
#' arm is taken for a number that each of those analysed has, whatever `n` says,
#' as baseline scores are: its means and SDs by arm and of all, F, t and Welch's t
#' of the arms are searched, and it may be a covariate of the model (a row of
#' `model.csv` without level). Its numbers are whole, or tenths, hundredths or
#' thousandths where whole ones do not have the figures, and none is below 0 in
#' an arm whose mean is above. Not searched are its means by the levels of a
#' covariate, limits of a difference of means, a second model, and a model that
#' is not linear or holds another numeric covariate, such as the baseline
#' score: [figures_met()] names them with `met` `NA`. Tests of counts
#' follow from the counts. Where `design.csv` names no `instrument`, its keys
#' `items`, `min` and `max` say how many items there are and the range of
#' their answers.
#'
#' @param published Tables as from [published()].
#' @param seed Whole number from 0 to 2^53; `NULL` draws one from R's
#'   generator, so that `set.seed()` governs. The same seed gives the same
#'   answers for any number of threads. (Other processors and compilers may
#'   find another cohort: where they fuse a multiplication with an addition,
#'   last bits differ.)
#' @param skip Share of participants who skip one more item, two more, ...,
#'   at each visit, besides items that were never asked. Without such
#'   participants all scores lie on one coarse grid, and figures printed with
#'   three digits can seldom be met; with three kinds of them sums of scores
#'   are fine enough for most. Where the first scores drawn do not meet the
#'   figures, later ones take a quarter as many such participants more each
#'   time. People of groups of up to 8 whose mean or SD is printed skip as many
#'   as their figures ask for. Of long questionnaires the last kinds are left
#'   out, whose sums would not be exact in 64 bits.
#' @param correlation Correlation of change and baseline that the search
#'   starts from and, where no follow-up scores are printed, keeps to.
#' @param attempts Searches with other random numbers before giving up; the
#'   last cohort is then returned with a warning of class
#'   `questrial_warning_convergence` that names the figures it misses.
#' @return A data frame of class `reconstruction`, one row a participant, all
#'   of those randomised: `id`, `arm` (factor, reference first), `group` (small
#'   group, `NA` where there was none), a factor for each variable of
#'   `counts.csv` (`NA` in arms without it), a number for each other outcome of
#'   `means.csv`, and `t0_1`, `t0_2`, ..., `t1_1`, ...: raw answers (before
#'   reversal) at baseline and follow-up. Those lost have covariates and numbers
#'   of somebody analysed in their arm.
#'   It says when printed that it is synthetic. [figures_met()] tells which
#'   figures it meets; the attributes `synthetic`, `seed` and `attempts` say
#'   how it was made.
#' @seealso [published()]; [balint], made by this function.
#' @examples
#' \donttest{
#' dir <- system.file("extdata", "lemogne2020", package = "questrial")
#' # As printed the tables contradict one another:
#' try(reconstruct(published(dir), seed = 1))
#' # cohort <- reconstruct(published(dir, repaired = TRUE), seed = 1) # some ten seconds
#' }
#' @export
reconstruct <- function(published, seed = NULL, skip = c(0.2, 0.1, 0.05), correlation = -0.42,
                        attempts = 5) {
  if (!inherits(published, "published")) {
    qst_abort("argument", sprintf(
      "`published` must be made by published(), not %s.", describe(published)
    ))
  }
  settings <- list(
    seed = draw_seed(seed), skip = check_skip(skip),
    correlation = check_number(correlation, "correlation", min = -0.99, max = 0.99),
    attempts = check_number(attempts, "attempts", min = 1, max = 1000, whole = TRUE)
  )
  published <- searched_tables(published)
  trial <- printed_trial(published)
  figures <- printed_figures(published, trial)
  trial <- with_numbers(trial, figures)
  centre <- relax_figures(figures, trial)
  if (interactive()) {
    cli::cli_progress_message("Searching for a cohort: seconds to a minute or two an attempt")
  }
  found <- search_cohort(trial, figures, centre, settings)
  warn_of_misses(found, figures)
  people <- add_the_lost(trial, found)
  answers <- fill_items(published, trial, people, settings)
  dress_cohort(published, trial, figures, found, people, answers, settings)
}

check_skip <- function(skip) {
  if (!is.numeric(skip) || anyNA(skip) || any(skip < 0) || sum(skip) > 0.9 || length(skip) > 4) {
    qst_abort("argument", paste(
      "`skip` must be up to four shares that add up to at most 0.9: of those who skip",
      "one more item, two more, and so on."
    ))
  }
  as.double(skip)
}

#' Which printed figures a made cohort meets
#'
#' @param x A data frame made by [reconstruct()], such as [balint].
#' @return A data frame with a row for each figure: `figure` (in words),
#'   `printed` (text), `value` (what the cohort gives), `met` (does it round
#'   to what is printed? `NA`, as `value`, for figures that [reconstruct()] does
#'   not search).
#' @examples
#' head(figures_met(balint))
#' all(figures_met(balint)$met)
#' @export
figures_met <- function(x) {
  figures <- attr(x, "figures", exact = TRUE)
  if (is.null(figures)) {
    qst_abort("argument", sprintf(
      "`x` must be made by reconstruct() and not cut since, not %s.", describe(x)
    ))
  }
  figures
}

# ---- The trial that the tables describe ----

printed_trial <- function(published) {
  arms <- design_values(published, "arms")
  instrument <- printed_instrument(published)
  published$counts <- published$counts[published$counts$arm != "", ]
  variables <- unique(published$counts$variable)
  levels <- lapply(variables, function(variable) {
    unique(published$counts$level[published$counts$variable == variable])
  })
  names(levels) <- variables
  trial <- list(
    arms = arms, levels = levels, instrument = instrument,
    not_asked = as.integer(design_values(published, "items_not_asked")),
    sizes = analysed_sizes(published, arms),
    n_lone = flow_number(published, "no_baseline", ""),
    n_lost = vapply(arms, flow_number, 0, published = published, key = "lost"),
    n_excluded = vapply(arms, flow_number, 0, published = published, key = "excluded"),
    excluded_for = design_values(published, "excluded_for"),
    model_outcome = c(design_values(published, "model_outcome"), "change")[[1]]
  )
  trial$numeric <- numeric_names(published)
  trial$counts <- lapply(variables, count_matrix, published = published, trial = trial)
  names(trial$counts) <- variables
  trial$terms <- model_terms(published, trial)
  trial
}

# Covariate and level of each term but the intercept, counted from 0; -1: arm;
# numeric covariates are counted on, and have level 0.
model_terms <- function(published, trial) {
  rows <- seq_len(nrow(published$model))[-1]
  terms <- lapply(rows, function(k) {
    row <- published$model[k, ]
    where <- sprintf("model.csv, row %d", k)
    if (row$level == "" && row$variable %in% trial$numeric) {
      number <- length(trial$levels) + match(row$variable, trial$numeric) - 1L
      return(data.frame(covariate = number, level = 0L))
    }
    data.frame(
      covariate = if (row$variable == "arm") -1L else covariate_code(trial, row$variable, where),
      level = level_code(trial, row$variable, row$level, where)
    )
  })
  do.call(rbind, c(list(data.frame(covariate = integer(), level = integer())), terms))
}

# The questionnaire: an id of the registry, a file beside the tables, or only a
# number of items and the range of their answers.
printed_instrument <- function(published) {
  id <- design_values(published, "instrument")
  file <- file.path(attr(published, "dir"), id)
  if (length(id) == 0) {
    plain <- vapply(c("items", "min", "max"), function(key) {
      c(printed_number(design_values(published, key)), NA)[[1]]
    }, 0)
    if (anyNA(plain)) {
      qst_abort("no_data", paste(
        "design.csv names no questionnaire. Give the key `instrument`, or the keys `items`,",
        "`min` and `max`: how many items, and the range of their answers."
      ))
    }
    return(new_instrument(plain[["items"]], plain[["min"]], plain[["max"]]))
  }
  if (length(id) == 1 && file.exists(file)) read_instrument(file) else instrument(id)
}

flow_number <- function(published, key, arm) {
  step <- design_values(published, key)
  n <- published$flow$n[published$flow$step %in% step & published$flow$arm == arm]
  if (length(n) == 0) 0 else printed_number(n[[1]])
}

# People analysed in each arm: those a mean is printed for, or who are counted.
analysed_sizes <- function(published, arms) {
  means <- published$means
  means <- means[means$variable == "" & means$n != "", ]
  means <- means[order(-match(means$outcome, names(outcome_codes))), ]
  counts <- published$counts
  vapply(arms, function(arm) {
    n <- printed_number(means$n[means$arm == arm])
    own <- counts[counts$arm == arm, ]
    n <- c(n, sum(printed_number(own$n[own$variable == own$variable[1]])))
    if (is.na(n[[1]]) || n[[1]] < 2) {
      qst_abort("no_data", sprintf(
        "Nothing printed says how many are analysed in arm %s. Fill in `n` of means.csv.",
        describe(arm)
      ))
    }
    as.integer(n[[1]])
  }, 0L)
}

# Levels x arms; an arm without any row of the variable has none of it.
count_matrix <- function(variable, published, trial) {
  rows <- published$counts[published$counts$variable == variable & published$counts$arm != "", ]
  counts <- matrix(0, length(trial$levels[[variable]]), length(trial$arms),
    dimnames = list(trial$levels[[variable]], trial$arms))
  counts[cbind(rows$level, rows$arm)] <- printed_number(rows$n)
  wrong <- which(colSums(counts) != 0 & colSums(counts) != trial$sizes)
  if (length(wrong) > 0) {
    arm <- trial$arms[[wrong[[1]]]]
    qst_abort("dimension", sprintf(
      "counts.csv: `%s` counts %d people in arm %s, but %d are analysed. Correct the counts.",
      variable, sum(counts[, arm]), describe(arm), trial$sizes[[arm]]
    ), column = variable, value = sum(counts[, arm]))
  }
  counts
}

# ---- Figures as the search wants them ----

outcome_codes <- c(baseline = 0L, followup = 1L, change = 2L)
of_numbers <- 3L
figure_codes <- c(
  mean = 0L, sd = 1L, f_arms = 2L, f_levels = 3L, t = 4L, f_interaction = 5L, welch = 6L,
  paired = 7L, difference = 8L, estimate = 9L, se = 10L, ratio = 11L, low = 12L, high = 13L
)

# One row a figure: words, printed text, codes (counted from 0, -1: none) and
# the range that rounds to what is printed; `variable` is the outcome's name or,
# where the outcome's code is `of_numbers`, that of a numeric covariate.
printed_figures <- function(published, trial) {
  rows <- c(
    lapply(seq_len(nrow(published$means)), mean_figures, published = published, trial = trial),
    lapply(seq_len(nrow(published$tests)), test_figure, published = published, trial = trial),
    lapply(seq_len(nrow(published$model)), model_figures, published = published, trial = trial)
  )
  do.call(rbind, rows)
}

figure_row <- function(figure, kind, printed, outcome = "change", arm = -1L, reference = -1L,
                       covariate = -1L, level = 0L, sign = 1) {
  middle <- sign * abs(printed_number(printed))
  half <- printed_half(printed)
  data.frame(
    figure = figure, printed = printed, kind = figure_codes[[kind]],
    variable = outcome, outcome = match(outcome, names(outcome_codes), of_numbers + 1L) - 1L,
    arm = arm, reference = reference,
    covariate = covariate, level = level, low = middle - half, high = middle + half
  )
}

arm_code <- function(trial, arm) {
  if (arm == "") -1L else match(arm, trial$arms) - 1L
}

covariate_code <- function(trial, variable, where) {
  if (variable == "") {
    return(-1L)
  }
  code <- match(variable, names(trial$levels))
  if (is.na(code)) {
    qst_abort("file", sprintf(
      "%s: `%s` is not counted in counts.csv.%s", where, variable,
      suggest(variable, names(trial$levels))
    ), column = variable)
  }
  code - 1L
}

level_code <- function(trial, variable, level, where) {
  levels <- if (variable == "arm") trial$arms else trial$levels[[variable]]
  code <- if (variable == "") 1L else match(level, levels)
  if (is.na(code)) {
    qst_abort("file", sprintf(
      "%s: `%s` has no level %s. It has %s.", where, variable, describe(level), enumerate(levels)
    ), value = level)
  }
  code - 1L
}

of_whom <- function(row) {
  paste0(if (row$level != "") paste0(", ", row$level), if (row$arm != "") paste0(", ", row$arm))
}

mean_figures <- function(k, published, trial) {
  row <- published$means[k, ]
  where <- sprintf("means.csv, row %d", k)
  at <- list(
    outcome = row$outcome, arm = arm_code(trial, row$arm),
    covariate = covariate_code(trial, row$variable, where),
    level = level_code(trial, row$variable, row$level, where)
  )
  words <- paste0("of ", row$outcome, of_whom(row))
  sign <- if (printed_number(row$mean) < 0) -1 else 1
  rbind(
    do.call(figure_row, c(list(paste("mean", words), "mean", row$mean, sign = sign), at)),
    if (row$sd != "") do.call(figure_row, c(list(paste("SD", words), "sd", row$sd), at))
  )
}

test_figure <- function(k, published, trial) {
  row <- published$tests[k, ]
  where <- sprintf("tests.csv, row %d", k)
  words <- tested_words(row)
  figure <- if (row$test %in% c("student", "welch")) {
    pair_figures(row, words, published, trial)
  } else if (row$test == "paired") {
    figure_row(words, "paired", row$statistic, row$outcome, arm = arm_code(trial, row$arm),
      sign = statistic_sign(row, signed_mean(published, row$outcome, row$arm)))
  } else if (row$test == "interaction") {
    figure_row(words, "f_interaction", row$statistic, row$outcome,
      covariate = covariate_code(trial, sub("^arm:", "", row$by), where))
  } else if (row$by == "arm") {
    figure_row(words, "f_arms", row$statistic, row$outcome,
      covariate = covariate_code(trial, row$variable, where),
      level = level_code(trial, row$variable, row$level, where))
  } else {
    figure_row(words, "f_levels", row$statistic, row$outcome, arm = arm_code(trial, row$arm),
      covariate = covariate_code(trial, row$by, where))
  }
  figure[1, ] <- narrow_by_p(figure[1, ], row)
  figure
}

tested_words <- function(row) {
  paste0(row$test, " of ", row$outcome, if (row$by != "") paste0(" by ", row$by), of_whom(row),
    if (row$reference != "") paste0(" less ", row$reference))
}

# The statistic, and the difference of means where it is printed.
pair_figures <- function(row, words, published, trial) {
  difference <- signed_mean(published, row$outcome, row$arm) -
    signed_mean(published, row$outcome, row$reference)
  at <- list(outcome = row$outcome, arm = arm_code(trial, row$arm),
    reference = arm_code(trial, row$reference), sign = statistic_sign(row, difference))
  kind <- if (row$test == "student") "t" else "welch"
  rbind(
    do.call(figure_row, c(list(words, kind, row$statistic), at)),
    if (row$estimate != "") {
      at$sign <- if (printed_number(row$estimate) < 0) -1 else 1
      do.call(figure_row, c(list(paste("difference,", words), "difference", row$estimate), at))
    }
  )
}

# Printed without sign, a statistic has that of the means.
statistic_sign <- function(row, difference) {
  if (printed_number(row$statistic) < 0 || isTRUE(difference < 0)) -1 else 1
}

# NA where no mean of the whole arm is printed.
signed_mean <- function(published, outcome, arm) {
  means <- published$means
  own <- means$mean[means$outcome == outcome & means$arm == arm & means$variable == ""]
  if (length(own) == 0) NA_real_ else printed_number(own[[1]])
}

# The statistic must give the printed P value too. An empty overlap (P wrongly
# rounded) leaves the statistic as printed.
narrow_by_p <- function(figure, row) {
  df <- printed_number(c(row$df, row$df_residual))
  if (row$p == "" || anyNA(df[[1]]) || is.na(printed_number(row$p)) || grepl("^[<>]", row$p) ||
    row$test == "welch") {
    return(figure)
  }
  p <- pmin(1, pmax(0, printed_number(row$p) + c(1, -1) * printed_half(row$p)))
  bounds <- if (row$test %in% c("student", "paired")) {
    stats::qt(p / 2, df[[1]], lower.tail = FALSE)
  } else {
    stats::qf(p, df[[1]], df[[2]], lower.tail = FALSE)
  }
  overlap(figure, bounds)
}

# The part of a figure's range whose absolute value lies in `bounds`.
overlap <- function(figure, bounds) {
  bounds <- if (figure$high < 0) {
    -rev(bounds)
  } else if (figure$low < 0) {
    c(-1, 1) * bounds[[2]]
  } else {
    bounds
  }
  low <- max(figure$low, bounds[[1]])
  high <- min(figure$high, bounds[[2]])
  if (low < high) {
    figure$low <- low
    figure$high <- high
  }
  figure
}

model_figures <- function(k, published, trial) {
  row <- published$model[k, ]
  sign <- if (isTRUE(printed_number(row$estimate) < 0)) -1 else 1
  one <- function(what, kind, text, sign = 1) {
    if (text == "") {
      return(NULL)
    }
    figure_row(paste(what, "of", row$term), kind, text, level = k - 1L, sign = sign)
  }
  signed <- function(text) if (text != "" && printed_number(text) < 0) -1 else 1
  ratio <- one("t", "ratio", row$statistic, ratio_sign(row))
  if (!is.null(ratio) && row$p != "" && !grepl("^[<>]", row$p)) {
    p <- pmin(1, pmax(0, printed_number(row$p) + c(1, -1) * printed_half(row$p)))
    ratio <- overlap(ratio, stats::qt(p / 2, model_df(published, trial), lower.tail = FALSE))
  }
  rbind(
    one("estimate", "estimate", row$estimate, sign), one("SE", "se", row$std.error), ratio,
    one("lower limit", "low", row$conf.low, signed(row$conf.low)),
    one("upper limit", "high", row$conf.high, signed(row$conf.high))
  )
}

# Printed without sign, t has that of the estimate, be it of -0.00; where this
# is printed as 0.00, that of the interval's middle.
ratio_sign <- function(row) {
  value <- function(column) printed_number(row[[column]])
  middle <- if (isTRUE(value("estimate") == 0)) value("conf.low") + value("conf.high") else NA
  has_minus <- startsWith(plain_typography(c(row$estimate, row$statistic)), "-")
  if (any(has_minus) || isTRUE(middle < 0)) -1 else 1
}

model_df <- function(published, trial) {
  sum(trial$sizes) - nrow(published$model)
}
