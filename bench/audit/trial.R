# SYNTHETIC trials whose data are known, and their tables as a journal prints them. Everything is
# computed by R's own stats (lm, chisq.test, fisher.test, t.test, aov), nothing by this package but
# the scores; sourced by bench/audit.R.
#
# random_trial(seed) gives list(tables, data, style, seed): `tables` is a named list of data frames
# of text, as published() takes it; `data` has a row a participant. With `late` some of these have
# no follow-up: Table 1 is of all who were randomised, the outcomes and the model of fewer.

trial_arms <- c("control", "talks", "letters", "films")
trial_variables <- c("sex", "school", "work", "home", "year", "site", "diet", "sport")
trial_levels <- c("first", "second", "third", "fourth")
trial_instruments <- c("jse-s", "phq-9", "gad-7", "care", "sas", "lcsas")

# Arguments fix what is otherwise drawn.
random_trial <- function(seed, n_arms = NULL, n_covariates = NULL, n_arm = NULL, late = FALSE) {
  set.seed(seed)
  style <- random_style(n_arms, n_covariates)
  repeat {
    data <- random_data(style, n_arm)
    data$analysed <- !late | stats::runif(nrow(data)) > 0.06
    if (is_estimable(data, style)) {
      break
    }
  }
  list(tables = trial_tables(data, style), data = data, style = style, seed = seed)
}

one_of <- function(...) {
  choices <- c(...)
  choices[[sample.int(length(choices), 1)]]
}

chance <- function(p) {
  stats::runif(1) < p
}

# ---- What is drawn once a trial ----

random_style <- function(n_arms, n_covariates) {
  arms <- if (is.null(n_arms)) one_of(2, 3, 3, 3, 3, 4) else n_arms
  covariates <- if (is.null(n_covariates)) one_of(2:8) else n_covariates
  variables <- sample(trial_variables, covariates)
  list(
    arms = trial_arms[seq_len(arms)], variables = variables,
    levels = stats::setNames(replicate(covariates, one_of(2, 2, 3, 3, 4)), variables),
    instrument = one_of(trial_instruments), skipped = one_of(0, 0, 0.01, 0.03),
    age = chance(0.3), outcome = one_of("change", "change", "change", "followup"),
    percent = one_of(0, 1, 1), mean = one_of(1, 1, 2), sd = one_of(1, 1, 2), change = one_of(0, 1),
    statistic = one_of(2, 3, 3), p = one_of(2, 3, 3), least = one_of(0.001, 0.001, 0),
    estimate = one_of(2, 3), model_statistic = one_of(2, 3), limits = one_of(2, 3),
    total = chance(0.3), unsigned = chance(0.25), comma = chance(0.1), minus = chance(0.3),
    test = one_of("student", "student", "welch"), difference = chance(0.4), paired = chance(0.2),
    yates = chance(0.3), fisher = chance(0.3), stratum = chance(0.6), interaction = chance(0.3),
    flow = one_of("all", "all", "total", "none"), completion = chance(0.5), alpha = chance(0.7),
    omnibus = chance(0.5)
  )
}

# ---- The participants ----

random_shares <- function(levels) {
  repeat {
    shares <- stats::rexp(levels) + 0.15
    if (min(shares / sum(shares)) > 0.06) {
      return(shares / sum(shares))
    }
  }
}

random_data <- function(style, n_arm) {
  arms <- length(style$arms)
  sizes <- if (is.null(n_arm)) {
    pmax(20, round(one_of(22:145) * stats::runif(arms, 0.93, 1.07)))
  } else {
    rep_len(n_arm, arms)
  }
  data <- data.frame(arm = factor(rep(style$arms, sizes), style$arms))
  n <- nrow(data)
  for (variable in style$variables) {
    levels <- trial_levels[seq_len(style$levels[[variable]])]
    data[[variable]] <- factor(
      sample(levels, n, replace = TRUE, prob = random_shares(length(levels))), levels
    )
  }
  data$age <- round(stats::rnorm(n, 45, 11))
  add_scores(data, style)
}

# Answers depend on a trait of the person, which arm, covariates and age move between visits.
add_scores <- function(data, style) {
  scale <- questrial::instrument(style$instrument)
  n <- nrow(data)
  moved <- function(size) {
    effects <- vapply(data[c("arm", style$variables)], function(x) {
      stats::rnorm(nlevels(x), 0, size)[as.integer(x)]
    }, numeric(n))
    rowSums(effects)
  }
  before <- stats::rnorm(n) + moved(0.2)
  after <- 0.6 * before + 0.8 * stats::rnorm(n) + moved(0.25) + 0.01 * (data$age - 45)
  data$baseline <- answered_score(before, scale, style)
  data$followup <- answered_score(after, scale, style)
  data$change <- data$followup - data$baseline
  attr(data, "alpha") <- c(
    baseline = attr(data$baseline, "alpha"), followup = attr(data$followup, "alpha")
  )
  data$baseline <- as.numeric(data$baseline)
  data$followup <- as.numeric(data$followup)
  data$change <- as.numeric(data$change)
  data
}

# A score of answers, of which a share was skipped: the mean of the others stands in. Alpha is that
# of the complete ones.
answered_score <- function(trait, scale, style) {
  n <- length(trait)
  items <- scale$scales[[1]]$items
  k <- length(items)
  middle <- stats::runif(k, 0.35, 0.65) * (scale$max - scale$min) + scale$min
  steps <- (scale$max - scale$min) / 6
  answers <- outer(trait * steps, stats::runif(k, 0.6, 1.2)) +
    steps * 1.3 * matrix(stats::rnorm(n * k), n) + rep(middle, each = n)
  answers <- pmin(pmax(round(answers), scale$min), scale$max)
  answers[stats::runif(n * k) < style$skipped] <- NA
  for (i in which(rowSums(is.na(answers)) > 0.2 * k)) {
    answers[i, is.na(answers[i, ])] <- round(middle[is.na(answers[i, ])])
  }
  complete <- stats::var(answers[stats::complete.cases(answers), , drop = FALSE])
  alpha <- k / (k - 1) * (1 - sum(diag(complete)) / sum(complete))
  structure(rowMeans(answers, na.rm = TRUE) * k, alpha = alpha)
}

model_formula <- function(style) {
  terms <- c("arm", style$variables, if (style$age) "age")
  stats::reformulate(terms, style$outcome)
}

# Every level in every trial, a model with a residual, and no constant scores.
is_estimable <- function(data, style) {
  data <- data[data$analysed, ]
  counted <- vapply(data[style$variables], function(x) min(table(x)) >= 2, NA)
  x <- stats::model.matrix(model_formula(style), data)
  all(counted) && qr(x)$rank == ncol(x) && nrow(x) - ncol(x) >= 10 &&
    all(tapply(data$change, data$arm, stats::sd) > 0)
}

# ---- Numbers as a journal sets them ----

printed <- function(x, decimals, style) {
  text <- formatC(x, digits = decimals, format = "f")
  text <- sub("^-(0[.]?0*)$", "\\1", text)
  if (style$comma) {
    text <- sub(".", ",", text, fixed = TRUE)
  }
  if (style$minus) {
    text <- sub("^-", "\u2212", text)
  }
  ifelse(is.na(x), "", text)
}

printed_statistic <- function(x, decimals, style) {
  printed(if (style$unsigned) abs(x) else x, decimals, style)
}

printed_p <- function(p, style) {
  decimals <- style$p
  least <- if (decimals == 2 && style$least > 0) 0.01 else style$least
  text <- printed(p, decimals, style)
  below <- !is.na(p) & p < least
  text[below] <- paste0("<", printed(least, decimals, style))
  text
}

# ---- The tables ----

trial_tables <- function(data, style) {
  losses <- if (all(data$analysed)) {
    stats::rbinom(length(style$arms), 12, 0.4)
  } else {
    as.vector(tapply(!data$analysed, data$arm, sum))
  }
  analysed <- data[data$analysed, ]
  tables <- list(
    design = design_table(style), flow = flow_table(analysed, losses, style),
    counts = counts_table(data, style), means = means_table(data, analysed, style),
    tests = tests_table(data, analysed, losses, style), model = model_table(analysed, style),
    alpha = alpha_table(data, style)
  )
  tables[!vapply(tables, is.null, NA)]
}

design_table <- function(style) {
  values <- c(
    title = "A synthetic trial", arms = paste(style$arms, collapse = "; "),
    instrument = style$instrument, model_outcome = style$outcome, lost = "lost",
    if (style$skipped == 0) c(grid = "1")
  )
  data.frame(key = names(values), value = unname(values))
}

flow_table <- function(data, losses, style) {
  analysed <- as.vector(table(data$arm))
  steps <- list(randomised = analysed + losses, lost = losses, analysed = analysed)
  rows <- lapply(names(steps), function(step) {
    data.frame(
      step = step, arm = c("", style$arms), n = c(sum(steps[[step]]), steps[[step]]),
      source = "printed"
    )
  })
  rows <- do.call(rbind, rows)
  rows$n <- as.character(rows$n)
  switch(style$flow,
    all = rows, total = rows[rows$arm == "", ], none = rows[0, ]
  )
}

counts_table <- function(data, style) {
  rows <- lapply(style$variables, function(variable) {
    n <- table(data[[variable]], data$arm)
    if (style$total) {
      n <- cbind(n, rowSums(n))
    }
    data.frame(
      variable = variable, level = rep(rownames(n), each = ncol(n)),
      arm = rep(c(style$arms, if (style$total) ""), nrow(n)), n = as.character(t(n)),
      percent = printed(100 * as.vector(t(n) / colSums(n)), style$percent, style)
    )
  })
  do.call(rbind, rows)
}

mean_row <- function(x, outcome, style, variable = "", level = "", arm = "") {
  extra <- if (outcome == "change") style$change else 0
  data.frame(
    outcome = outcome, variable = variable, level = level, arm = arm, n = as.character(length(x)),
    mean = printed(mean(x), style$mean + extra, style),
    sd = printed(stats::sd(x), style$sd + extra, style)
  )
}

means_table <- function(data, analysed, style) {
  outcomes <- c("baseline", "followup", "change", if (style$age) "age")
  rows <- lapply(outcomes, function(outcome) {
    own <- if (outcome %in% c("followup", "change")) analysed else data
    by_arm <- lapply(style$arms, function(arm) {
      mean_row(own[[outcome]][own$arm == arm], outcome, style, arm = arm)
    })
    c(by_arm, if (style$total) list(mean_row(own[[outcome]], outcome, style)))
  })
  do.call(rbind, c(unlist(rows, recursive = FALSE), stratum_means(data, style)))
}

# The first covariate's strata, by arm; a stratum of fewer than two has no SD and is not printed.
stratum_means <- function(data, style) {
  if (!style$stratum) {
    return(NULL)
  }
  variable <- style$variables[[1]]
  cells <- expand.grid(arm = style$arms, level = levels(data[[variable]]), stringsAsFactors = FALSE)
  lapply(seq_len(nrow(cells)), function(k) {
    x <- data$baseline[data$arm == cells$arm[[k]] & data[[variable]] == cells$level[[k]]]
    if (length(x) >= 2) {
      mean_row(x, "baseline", style, variable, cells$level[[k]], cells$arm[[k]])
    }
  })
}

test_columns <- c(
  "test", "outcome", "by", "variable", "level", "arm", "reference", "statistic", "df",
  "df_residual", "p", "estimate", "conf.low", "conf.high"
)

test_row <- function(style, test, outcome, statistic, p, df = "", df_residual = "", ...) {
  row <- as.list(stats::setNames(rep("", length(test_columns)), test_columns))
  given <- list(
    test = test, outcome = outcome, df = as.character(df), df_residual = as.character(df_residual),
    statistic = if (is.na(statistic)) "" else printed_statistic(statistic, style$statistic, style),
    p = printed_p(p, style), ...
  )
  row[names(given)] <- given
  as.data.frame(row)
}

tests_table <- function(data, analysed, losses, style) {
  baseline <- lapply(style$variables, function(v) count_test(table(data[[v]], data$arm), v, style))
  numbers <- lapply(c("baseline", if (style$age) "age"), anova_by_arm, data, style)
  rows <- c(
    baseline, numbers, if (style$omnibus) list(anova_by_arm(style$outcome, analysed, style)),
    stratum_tests(data, style), pair_tests(analysed, style),
    if (style$paired) paired_tests(analysed, style),
    if (style$interaction) list(interaction_test(analysed, style)),
    if (style$completion && style$flow == "all") list(completion_test(analysed, losses, style))
  )
  data.frame(do.call(rbind, rows), row.names = NULL)
}

# Pearson's chi-square, with Yates' correction where the trial's programme makes it and the table is
# 2 x 2; Fisher's exact test where a cell is small, if the trial uses it.
count_test <- function(n, outcome, style) {
  expected <- outer(rowSums(n), colSums(n)) / sum(n)
  if (style$fisher && min(expected) < 5 && length(n) <= 6) {
    return(test_row(style, "fisher", outcome, NA, stats::fisher.test(n)$p.value, by = "arm"))
  }
  test <- suppressWarnings(stats::chisq.test(n, correct = style$yates && all(dim(n) == 2)))
  test_row(style, "chisq", outcome, test$statistic, test$p.value, df = test$parameter, by = "arm")
}

completion_test <- function(data, losses, style) {
  n <- rbind(as.vector(table(data$arm)), losses)
  if (sum(losses) == 0) {
    return(NULL)
  }
  test <- suppressWarnings(stats::chisq.test(n, correct = style$yates && ncol(n) == 2))
  test_row(style, "chisq", "completion", test$statistic, test$p.value,
    df = test$parameter, by = "arm"
  )
}

anova_row <- function(x, group, outcome, style, ...) {
  fit <- summary(stats::aov(x ~ group))[[1]]
  test_row(style, "anova", outcome, fit[["F value"]][[1]], fit[["Pr(>F)"]][[1]],
    df = fit[["Df"]][[1]], df_residual = fit[["Df"]][[2]], ...
  )
}

anova_by_arm <- function(outcome, data, style) {
  anova_row(data[[outcome]], data$arm, outcome, style, by = "arm")
}

# Arms within each stratum all of whose means are printed.
stratum_tests <- function(data, style) {
  if (!style$stratum) {
    return(NULL)
  }
  variable <- style$variables[[1]]
  lapply(levels(data[[variable]]), function(level) {
    own <- data[data[[variable]] == level, ]
    if (min(table(own$arm)) >= 2) {
      anova_row(own$baseline, own$arm, "baseline", style,
        by = "arm", variable = variable, level = level
      )
    }
  })
}

pair_tests <- function(data, style) {
  pairs <- utils::combn(style$arms, 2, simplify = FALSE)
  lapply(pairs, function(pair) pair_test(pair[[2]], pair[[1]], data, style))
}

pair_test <- function(arm, reference, data, style) {
  x <- data[[style$outcome]]
  test <- stats::t.test(
    x[data$arm == arm], x[data$arm == reference], var.equal = style$test == "student"
  )
  df <- if (style$test == "student") test$parameter else printed(test$parameter, 1, style)
  limits <- printed(test$conf.int, style$mean, style)
  difference <- if (style$difference) {
    list(
      estimate = printed(test$estimate[[1]] - test$estimate[[2]], style$mean, style),
      conf.low = limits[[1]], conf.high = limits[[2]]
    )
  }
  do.call(test_row, c(
    list(style, style$test, style$outcome, test$statistic, test$p.value,
      df = df, arm = arm, reference = reference
    ), difference
  ))
}

paired_tests <- function(data, style) {
  lapply(style$arms, function(arm) {
    test <- stats::t.test(data$change[data$arm == arm])
    test_row(style, "paired", "change", test$statistic, test$p.value,
      df = test$parameter, arm = arm
    )
  })
}

interaction_test <- function(data, style) {
  variable <- style$variables[[1]]
  both <- stats::lm(stats::reformulate(paste0("arm * ", variable), style$outcome), data)
  main <- stats::lm(stats::reformulate(paste0("arm + ", variable), style$outcome), data)
  fit <- stats::anova(main, both)
  if (is.na(fit$F[[2]])) {
    return(NULL)
  }
  test_row(style, "interaction", style$outcome, fit$F[[2]], fit[["Pr(>F)"]][[2]],
    df = fit$Df[[2]], df_residual = fit$Res.Df[[2]], by = paste0("arm:", variable)
  )
}

model_table <- function(data, style) {
  fit <- stats::lm(model_formula(style), data)
  found <- summary(fit)$coefficients
  limits <- stats::confint(fit)
  labels <- lapply(c("arm", style$variables), function(variable) {
    levels <- levels(data[[variable]])
    data.frame(variable = variable, level = levels[-1], reference = levels[[1]])
  })
  labels <- rbind(
    data.frame(variable = "", level = "", reference = ""), do.call(rbind, labels),
    if (style$age) data.frame(variable = "age", level = "", reference = "")
  )
  data.frame(
    term = c("Constant", trimws(paste(labels$variable, labels$level))[-1]), labels,
    estimate = printed(found[, 1], style$estimate, style),
    conf.low = printed(limits[, 1], style$limits, style),
    conf.high = printed(limits[, 2], style$limits, style),
    std.error = printed(found[, 2], style$estimate, style),
    statistic = printed_statistic(found[, 3], style$model_statistic, style),
    p = printed_p(found[, 4], style), row.names = NULL
  )
}

alpha_table <- function(data, style) {
  if (!style$alpha) {
    return(NULL)
  }
  alpha <- attr(data, "alpha")
  data.frame(
    outcome = names(alpha),
    items = as.character(length(questrial::instrument(style$instrument)$scales[[1]]$items)),
    alpha = printed(alpha, 2, style)
  )
}

# ---- As a folder ----

write_trial <- function(trial, dir) {
  dir.create(dir, showWarnings = FALSE, recursive = TRUE)
  for (name in names(trial$tables)) {
    utils::write.csv(trial$tables[[name]], file.path(dir, paste0(name, ".csv")), row.names = FALSE)
  }
  invisible(dir)
}
