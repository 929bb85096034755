# From printed figures to people: the search, those not analysed, the items,
# the data frame.

search_cohort <- function(trial, figures, centre, settings) {
  values <- number_figures(figures, trial)
  of_scores <- figures$outcome != of_numbers
  start <- start_matrix(figures, trial)
  figures <- rbind(
    figures[of_scores, ], followup_figures(figures, start, settings$correlation)
  )
  units <- coefficient_units(trial)
  scale <- ifelse(figures$kind %in% figure_codes[of_slopes], units[figures$level + 1], 1)
  codes <- c("kind", "outcome", "arm", "reference", "covariate", "level")
  terms <- rbind(as.integer(trial$terms$covariate), as.integer(trial$terms$level))
  model <- if (is.null(centre)) {
    matrix(0, 0, 4)
  } else {
    cbind(centre$estimate, centre$se, centre$se_low, centre$se_high) * units
  }
  range <- answer_range(trial)
  found <- .Call(
    C_qstr_reconstruct_search, as.integer(trial$sizes),
    cbind(level_matrix(trial), trial$numbers),
    as.integer(lengths(trial$levels)),
    c(
      n_asked(trial), range, length(trial$instrument$items), trial$n_lone, settings$correlation,
      outcome_codes[[trial$model_outcome]],
      if (is.null(centre)) c(0, 0, 1) else c(centre$ss, centre$ss_low, centre$ss_high),
      stats::qt(0.975, sum(trial$sizes) - nrow(trial$terms) - 1), settings$attempts
    ),
    settings$skip, start,
    t(as.matrix(figures[codes])), rbind(figures$low, figures$high) * rep(scale, each = 2), terms,
    model, settings$seed
  )
  values[of_scores] <- (found$values / scale)[seq_len(sum(of_scores))]
  found$values <- values
  found
}

# Where no follow-up score is printed, its SD is kept within 3% of what the
# SDs of baseline and change and their correlation give: else the search,
# which has no reason to keep them together, would let them drift apart.
followup_figures <- function(figures, start, correlation) {
  if (any(figures$outcome == outcome_codes[["followup"]])) {
    return(NULL)
  }
  rows <- lapply(seq_len(nrow(start)), function(arm) {
    sds <- start[arm, c(2, 4)]
    sd <- sqrt(sum(sds^2) + 2 * correlation * prod(sds))
    row <- figure_row("SD of followup", "sd", "0", "followup", arm = arm - 1L)
    row$low <- 0.97 * sd
    row$high <- 1.03 * sd
    row
  })
  do.call(rbind, rows)
}

n_asked <- function(trial) {
  length(trial$instrument$items) - length(trial$not_asked)
}

answer_range <- function(trial) {
  c(trial$instrument$min, trial$instrument$max)
}

# Levels of each covariate (counted from 0, -1: none), people arm by arm, in
# the order of the counts; the search shuffles them.
level_matrix <- function(trial) {
  level <- vapply(trial$counts, function(counts) {
    unlist(lapply(seq_along(trial$arms), function(arm) {
      if (sum(counts[, arm]) == 0) {
        rep(-1L, trial$sizes[[arm]])
      } else {
        rep(seq_len(nrow(counts)) - 1L, counts[, arm])
      }
    }))
  }, integer(sum(trial$sizes)))
  matrix(as.integer(level), sum(trial$sizes))
}

# Means and SDs of baseline and change by arm. What is not printed follows
# from what is: of baseline, follow-up and change two give the third, their SDs
# with the correlation; else the middle of the scale, a sixth of its range.
start_matrix <- function(figures, trial) {
  column <- function(outcome, kind) {
    own <- figures[figures$outcome == outcome_codes[[outcome]] & figures$covariate < 0 &
      figures$kind == figure_codes[[kind]], ]
    middle_of(own)[match(seq_along(trial$arms) - 1L, own$arm)]
  }
  value <- function(kind) {
    vapply(names(outcome_codes), column, numeric(length(trial$arms)), kind = kind)
  }
  means <- matrix(value("mean"), length(trial$arms), dimnames = list(NULL, names(outcome_codes)))
  sds <- matrix(value("sd"), length(trial$arms), dimnames = list(NULL, names(outcome_codes)))
  range <- answer_range(trial) * length(trial$instrument$items)
  sd <- first_known(sds[, "baseline"], sds[, "followup"], sds[, "change"], diff(range) / 6)
  baseline <- first_known(
    means[, "baseline"], means[, "followup"] - means[, "change"], means[, "followup"], mean(range)
  )
  cbind(
    baseline, sd,
    first_known(means[, "change"], means[, "followup"] - baseline, 0),
    first_known(sds[, "change"], sd * sqrt(2 * (1 - 0.6)))
  )
}

warn_of_misses <- function(found, figures) {
  excess <- pmax(figures$low - found$values, found$values - figures$high) / half_of(figures)
  excess[is.nan(excess)] <- Inf
  if (found$info[[1]] == 1 && all(excess <= 0)) {
    return(invisible())
  }
  missed <- order(-excess)[seq_len(sum(excess > 0))]
  qst_warn("convergence", c(
    sprintf(
      "No cohort with all figures was found in %d attempts; the last one misses %d of %d.",
      found$info[[2]], length(missed), nrow(figures)
    ),
    sprintf("* %s", utils::head(figures$figure[missed], 5)),
    "Raise `attempts`, raise `skip`, or look for a misprint among these figures."
  ), figures = figures$figure[missed])
}

# ---- People who were randomised but not analysed ----

# The lost have the baseline and the covariates of somebody analysed in their
# arm, the excluded both visits but no level of one covariate. Data frame with
# one row a participant: arm, columns of levels and of numbers, answered and
# total at both visits.
add_the_lost <- function(trial, found) {
  people <- data.frame(
    arm = rep(seq_along(trial$arms), trial$sizes), found$level,
    answered0 = found$answered[, 1], answered1 = found$answered[, 2],
    total0 = found$total[, 1], total1 = found$total[, 2]
  )
  covariates <- c(names(trial$levels), trial$numeric)
  names(people)[1 + seq_along(covariates)] <- covariates
  extra <- lapply(seq_along(trial$arms), function(arm) {
    n_lost <- trial$n_lost[[arm]]
    n <- n_lost + trial$n_excluded[[arm]]
    copies <- people[spread_rows(people, arm, n), ]
    lost <- seq_len(n) <= n_lost
    copies[lost, c("answered1", "total1")] <- 0L
    copies[!lost, trial$excluded_for] <- if (any(trial$excluded_for %in% trial$numeric)) NA else -1L
    copies
  })
  people <- rbind(people, do.call(rbind, extra))
  rownames(people) <- NULL
  people
}

# n people with a baseline, spread evenly over an arm.
spread_rows <- function(people, arm, n) {
  rows <- which(people$arm == arm & people$answered0 > 0)
  rows[floor(length(rows) * (seq_len(n) - 0.5) / max(n, 1)) + 1]
}

# ---- Items ----

fill_items <- function(published, trial, people, settings) {
  alphas <- published$alpha
  alpha <- vapply(c("baseline", "followup"), function(outcome) {
    text <- alphas$alpha[alphas$outcome == outcome]
    if (length(text) == 0) {
      return(c(NaN, NaN))
    }
    printed_number(text[[1]]) + c(-1, 1) * printed_half(text[[1]])
  }, c(0, 0))
  .Call(
    C_qstr_reconstruct_items, cbind(people$answered0, people$answered1),
    cbind(people$total0, people$total1), c(n_asked(trial), answer_range(trial)),
    as.double(alpha), settings$seed
  )
}

# Raw answers in the instrument's item order: reversed items back to what was
# ticked, items never asked NA.
raw_answers <- function(keyed, trial, prefix) {
  instrument <- trial$instrument
  n_items <- length(instrument$items)
  asked <- setdiff(seq_len(n_items), trial$not_asked)
  raw <- matrix(NA_integer_, nrow(keyed), n_items)
  raw[, asked] <- keyed
  reversed <- which(instrument$reversed)
  raw[, reversed] <- as.integer(sum(answer_range(trial))) - raw[, reversed]
  colnames(raw) <- paste0(prefix, seq_len(n_items))
  as.data.frame(raw)
}

# ---- The data frame ----

dress_cohort <- function(published, trial, figures, found, people, answers, settings) {
  levels <- lapply(stats::setNames(nm = names(trial$levels)), function(name) {
    levels <- trial$levels[[name]]
    factor(levels[match(people[[name]] + 1L, seq_along(levels))], levels)
  })
  numbers <- Map(function(x, unit) x * unit, people[trial$numeric], trial$units)
  cohort <- cbind(
    data.frame(id = NA_character_, arm = factor(trial$arms[people$arm], trial$arms), group = NA),
    as.data.frame(c(levels, numbers)),
    raw_answers(answers$baseline, trial, "t0_"), raw_answers(answers$followup, trial, "t1_")
  )
  cohort <- cohort[random_order(nrow(cohort), settings$seed), ]
  cohort$id <- sprintf("S%03d", seq_len(nrow(cohort)))
  cohort$group <- small_groups(published, cohort$arm)
  rownames(cohort) <- NULL
  structure(cohort,
    synthetic = paste(
      "Synthetic: made by reconstruct() from printed tables alone.",
      "Nobody of the trial gave these answers."
    ),
    seed = settings$seed, attempts = found$info[[2]],
    figures = all_figures(published, figures, found, answers),
    class = c("reconstruction", "data.frame")
  )
}

# A permutation that depends on the seed only: the order of hashes.
random_order <- function(n, seed) {
  keys <- vapply(sprintf("%.0f/%d", seed, seq_len(n)), function(text) {
    .Call(C_qstr_hash_text, text)
  }, "")
  order(keys, method = "radix")
}

# Members of an arm in groups of the printed sizes, as equal as can be.
small_groups <- function(published, arm) {
  group <- rep(NA_character_, length(arm))
  for (name in levels(arm)) {
    sizes <- printed_number(design_values(published, paste0("groups_", name)))
    members <- which(arm == name)
    if (length(sizes) > 0) {
      n_groups <- ceiling(length(members) / max(sizes))
      number <- sort(rep_len(seq_len(n_groups), length(members)))
      group[members] <- sprintf("%s %02d", name, number)
    }
  }
  factor(group)
}

# What the cohort gives for each figure searched, and the alphas.
all_figures <- function(published, figures, found, answers) {
  searched <- data.frame(
    figure = figures$figure, printed = figures$printed, value = found$values,
    met = !is.nan(found$values) & found$values >= figures$low & found$values <= figures$high
  )
  alphas <- published$alpha
  value <- answers$alpha[match(alphas$outcome, c("baseline", "followup"))]
  aside <- attr(published, "unsearched", exact = TRUE)
  rbind(searched, data.frame(
    figure = sprintf("alpha at %s", alphas$outcome), printed = alphas$alpha, value = value,
    met = abs(value - printed_number(alphas$alpha)) <= printed_half(alphas$alpha)
  ), data.frame(aside, value = rep(NA_real_, nrow(aside)), met = rep(NA, nrow(aside))))
}

#' @export
print.reconstruction <- function(x, n = 6, ...) {
  cat(sprintf(
    "Synthetic cohort, %d rows: made from printed tables alone, no real answers.\n", nrow(x)
  ))
  figures <- attr(x, "figures", exact = TRUE)
  if (!is.null(figures)) {
    cat(sprintf(
      "It meets %d of %d printed figures%s; see figures_met().\n",
      sum(figures$met, na.rm = TRUE), sum(!is.na(figures$met)),
      if (anyNA(figures$met)) sprintf(" (%d were not searched)", sum(is.na(figures$met))) else ""
    ))
  }
  print.data.frame(utils::head(as.data.frame(x), n), ...)
  if (nrow(x) > n) {
    cat(sprintf("... and %d more rows\n", nrow(x) - n))
  }
  invisible(x)
}

#' @export
as.data.frame.reconstruction <- function(x, ...) {
  class(x) <- "data.frame"
  x
}
