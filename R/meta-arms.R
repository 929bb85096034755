#' Trials of several arms in a meta-analysis
#'
#' A trial with two treatments and one control gives two rows that share their control. Put in as
#' they are, its participants count twice and the rows hang together. There are three ways out
#' (Cochrane Handbook 23.3.4):
#'
#' * `combine_arms()` makes one arm of several: `N = sum(n)`, `M = sum(n m) / N`,
#'   `S^2 = (sum((n - 1) s^2) + sum(n (m - M)^2)) / (N - 1)` (Handbook 6.5.2.10), events added. This
#'   is exact: what the people of all arms together would give.
#' * `split_control()` shares the control's people (and events) out among the rows of a study and
#'   makes the effects anew. The rows are then compared with nobody twice, but are still not
#'   independent, because the control's mean is the same.
#' * `shared_control_vcov()` keeps the rows and gives their covariance, for a model of dependent
#'   effects. Of rows i and j with one control it is (Gleser & Olkin 2009, *Handbook of Research
#'   Synthesis*, ch. 19):
#'
#' | measure | covariance |
#' |---|---|
#' | `MD` | `sd2^2 / n2` |
#' | `SMD` | `1 / n2 + yi yj / (2 N)`, N all people of the rows |
#' | `ROM` | `sd2^2 / (n2 mean2^2)` |
#' | `OR`, `RR`, `RD` | `1 / c + 1 / d`, `1 / c - 1 / n2`, `c d / n2^3` |
#'
#' @section Peers:
#' `dmetar::pool.groups()` joins two arms. `metafor::vcalc()` with `grp1`, `grp2`, `w1` and `w2`
#' makes covariances of the arms' sizes alone; for `MD` with one SD in all arms it has the same.
#'
#' @param n,mean,sd,events Numbers of people, means, SDs, numbers of events of the arms: columns of
#'   `data` by name, or vectors. Means and SDs, or events.
#' @param by Which arms become one: a column or vector of study names. Without, all.
#' @param data A data frame, one row an arm.
#' @param x A result of [effect_size()], one row a comparison, with its arms.
#' @param study Which rows share a control: the name of a column of `x`, or a vector.
#' @return `combine_arms()`: a data frame with `by`, `arms` (how many), `n`, and `mean` and `sd`, or
#'   `events`; `NA` where an arm has one. `split_control()`: as `x`, with smaller `n2` and new
#'   effects. `shared_control_vcov()`: a symmetric matrix named by the rows, `vi` in the diagonal.
#' @section Errors:
#' `questrial_error_argument`: an SD below 0, a size not above 0, rows of one study whose controls
#' differ, effects without arms.
#' @seealso [effect_size()], [effective_n()].
#' @examples
#' # Lemogne et al. (2020), Table 1: change by arm
#' arms <- data.frame(
#'   arm = c("balint", "narrative"), n = c(125, 120), mean = c(0.27, -0.57), sd = c(8, 8.76)
#' )
#' combine_arms(n, mean, sd, data = arms)
#' two <- effect_size("SMD", mean, sd, n, -2.36, 11.41, 117, data = arms, slab = "Lemogne 2020")
#' split_control(two)
#' shared_control_vcov(two)
#' @export
combine_arms <- function(n, mean, sd, events, by, data = NULL) {
  call <- match.call()
  env <- parent.frame()
  asked <- intersect(names(call), c("n", "mean", "sd", "events", "by"))
  given <- lapply(asked, function(arg) {
    study_value(call[[arg]], if (arg == "by") "slab" else arg, data, env)
  })
  names(given) <- asked
  given <- recycle_studies(given, data)
  check_arms_to_combine(given)
  group <- if (is.null(given$by)) rep("", length(given$n)) else given$by
  rows <- split(seq_along(group), factor(group, unique(group)))
  parts <- lapply(rows, function(at) combine_moments(lapply(given[setdiff(asked, "by")], `[`, at)))
  result <- do.call(rbind, parts)
  row.names(result) <- NULL
  if (is.null(given$by)) result else cbind(by = names(rows), result)
}

check_arms_to_combine <- function(given) {
  is_counted <- !is.null(given$events)
  if (is.null(given$n) || (!is_counted && (is.null(given$mean) || is.null(given$sd)))) {
    qst_abort("argument", "Arms are combined from `n`, `mean` and `sd`, or from `n` and `events`.")
  }
  if (!is_counted) {
    check_sds(given$sd, "sd")
  }
  empty <- which(given$n <= 0)
  if (length(empty) > 0) {
    qst_abort("argument", sprintf(
      "`n` of row %d is %s, but a group has more than 0 people. Leave the arm out.", empty[[1]],
      format(given$n[[empty[[1]]]])
    ), row = empty[[1]])
  }
}

combine_moments <- function(arm) {
  total <- sum(arm$n)
  result <- data.frame(arms = length(arm$n), n = total)
  if (!is.null(arm$mean)) {
    result$mean <- sum(arm$n * arm$mean) / total
    within <- sum((arm$n - 1) * arm$sd^2)
    result$sd <- sqrt((within + sum(arm$n * (arm$mean - result$mean)^2)) / (total - 1))
  }
  if (!is.null(arm$events)) {
    result$events <- sum(arm$events)
  }
  result
}

#' @rdname combine_arms
#' @export
split_control <- function(x, study = "study") {
  check_class(x, "effect_sizes", "x", "effect_size")
  trial <- control_of_rows(x, study)
  rows <- stats::ave(rep(1, nrow(x)), trial, FUN = length)
  for (column in intersect(c("n2", "events2"), names(x))) {
    x[[column]] <- x[[column]] / rows
  }
  add_note(effects_anew(x), if (any(rows > 1)) {
    sprintf(
      "The control of %s was shared out among the rows.", join_words(unique(trial[rows > 1]))
    )
  })
}

#' @rdname combine_arms
#' @export
shared_control_vcov <- function(x, study = "study") {
  check_class(x, "effect_sizes", "x", "effect_size")
  trial <- control_of_rows(x, study)
  shared <- outer(trial, trial, `==`)
  covariance <- control_covariance(x, trial)
  result <- ifelse(shared, covariance, 0)
  diag(result) <- x$vi
  labels <- effect_labels(x)
  dimnames(result) <- list(labels, labels)
  result
}

# Study and contrast, and the number of the row where these are of several.
effect_labels <- function(x) {
  labels <- do.call(paste, c(unclass(x)[intersect(c("study", "contrast"), names(x))], sep = ": "))
  if (length(labels) == 0) {
    return(as.character(seq_len(nrow(x))))
  }
  several <- labels %in% labels[duplicated(labels)]
  labels[several] <- paste0(labels[several], " (row ", which(several), ")")
  labels
}

# What the control alone puts into two effects.
control_covariance <- function(x, trial) {
  measure <- attr(x, "measure")
  if (measure == "SMD") {
    people <- stats::ave(x$n1, trial, FUN = sum) + x$n2
    return(1 / x$n2 + outer(x$yi, x$yi) / (2 * people))
  }
  others <- x$n2 - x$events2
  share <- switch(measure,
    MD = x$sd2^2 / x$n2,
    ROM = x$sd2^2 / (x$n2 * x$mean2^2),
    OR = 1 / x$events2 + 1 / others,
    RR = 1 / x$events2 - 1 / x$n2,
    RD = x$events2 * others / x$n2^3,
    qst_abort("argument", sprintf(
      "`x` holds %s, which has no control that rows could share. Use MD, SMD, ROM, OR, RR or RD.",
      measure
    ))
  )
  matrix(share, nrow(x), nrow(x))
}

# The study of each row; rows of one must have the same control.
control_of_rows <- function(x, study) {
  if (is.character(study) && length(study) == 1) {
    check_columns(x, study, "study")
    study <- x[[study]]
  }
  trial <- as.character(study)
  if (length(trial) != nrow(x)) {
    qst_abort("argument", sprintf(
      "`study` has %d names for %d rows. Give one a row.", length(trial), nrow(x)
    ))
  }
  control <- intersect(c("mean2", "sd2", "events2", "n2"), names(x))
  if (length(control) < 2 || anyNA(x[control])) {
    qst_abort("argument", paste(
      "`x` has rows without the numbers of their control. Make its effects from means, SDs or",
      "counts."
    ))
  }
  key <- do.call(paste, x[control])
  differs <- which(key != key[match(trial, trial)])
  if (length(differs) > 0) {
    qst_abort("argument", sprintf(
      "Row %d is of %s but has another control. Give rows that share no control another `study`.",
      differs[[1]], describe(trial[[differs[[1]]]])
    ), row = differs[[1]])
  }
  trial
}

# The effects of the arms that x now has.
effects_anew <- function(x) {
  arms <- x[setdiff(names(x), c("yi", "vi", "yi.from"))]
  how <- attr(x, "how")
  if (is.null(how)) {
    qst_abort("argument", "`x` is bound of several measures. Do this before rbind().")
  }
  do.call(effect_size, c(list(attr(x, "measure"), data = arms), how))
}

add_note <- function(x, note) {
  attr(x, "notes") <- c(attr(x, "notes"), note)
  x
}

# ---- Group-delivered trials ----

#' Trials that treat or allocate groups
#'
#' People of one group, ward or school are alike, so a trial that allocates or treats groups knows
#' less than its number of people says. `effective_n()` divides people by the design effect
#' `1 + ((1 + cv^2) size - 1) icc`, where cv is the coefficient of variation of the groups' sizes
#' (Cochrane Handbook 23.1.4; Eldridge, Ashby & Kerry 2006, <doi:10.1093/ije/dyl129>). Events
#' are divided by it too; means and SDs stay.
#'
#' Where treatment is given in groups but the control is not (partially nested), only arm 1 has
#' groups: `size2 = 1`. The correlation within groups (ICC) is hardly ever printed:
#' `icc_sensitivity()` makes the effects and the pool for several.
#'
#' @param n People, or events, of an arm.
#' @param size Mean number of people in a group; 1 is no group.
#' @param icc Intraclass correlation, from 0 to 1.
#' @param cv Coefficient of variation of the groups' sizes.
#' @param x A result of [effect_size()], with its arms.
#' @param size1,size2 Mean group sizes in arm 1 and arm 2: one, or one a row; 1 for no groups.
#' @param ... To [meta_analysis()].
#' @return `effective_n()`: numbers, not rounded, of the length of `n`. `icc_sensitivity()`: a data
#'   frame, one row an ICC: `icc`, `k`, `estimate`, `std.error`, `conf.low`, `conf.high`, `tau2`,
#'   `I2`.
#' @section Errors:
#' `questrial_error_argument`: an ICC outside 0 to 1, a group of less than one.
#' @seealso [combine_arms()].
#' @examples
#' # 75 people in wards of 15
#' effective_n(75, size = 15, icc = 0.05)
#' x <- effect_size("SMD", c(7, 9, 8), 3, c(40, 75, 22), c(6, 7, 7), 3, c(41, 75, 20))
#' icc_sensitivity(x, size1 = c(1, 15, 1), size2 = c(1, 15, 1))
#' @export
effective_n <- function(n, size, icc, cv = 0) {
  check_numbers(n, "n")
  check_unit_share(icc, "icc")
  check_numbers(size, "size")
  small <- which(size < 1)
  if (length(small) > 0) {
    qst_abort("argument", sprintf(
      "`size` %d is %s, but a group has at least 1 person. Give 1 where there are no groups.",
      small[[1]], format(size[[small[[1]]]])
    ), row = small[[1]])
  }
  check_numbers(cv, "cv")
  n / (1 + ((1 + ifelse(size == 1, 0, cv)^2) * size - 1) * icc)
}

check_unit_share <- function(x, arg) {
  check_numbers(x, arg)
  outside <- which(x < 0 | x > 1)
  if (length(outside) > 0) {
    qst_abort("argument", sprintf(
      "`%s` must lie from 0 to 1; value %d is %s. Is it a percentage?", arg, outside[[1]],
      format(x[[outside[[1]]]])
    ), row = outside[[1]], value = x[[outside[[1]]]])
  }
  x
}

#' @rdname effective_n
#' @export
icc_sensitivity <- function(x, size1, size2 = 1, icc = c(0, 0.01, 0.02, 0.05, 0.1, 0.2), ...) {
  check_class(x, "effect_sizes", "x", "effect_size")
  rows <- lapply(icc, function(rho) {
    for (arm in 1:2) {
      size <- if (arm == 1) size1 else size2
      for (column in intersect(paste0(c("n", "events"), arm), names(x))) {
        x[[column]] <- effective_n(x[[column]], size, rho)
      }
    }
    fit <- meta_analysis(effects_anew(x), ...)
    overall <- tidy_pool(fit, NA_character_)[c("estimate", "std.error", "conf.low", "conf.high")]
    data.frame(icc = rho, k = fit$k, overall, tau2 = fit$tau2, I2 = fit$I2)
  })
  do.call(rbind, rows)
}
