# Who is allocated again in a randomisation test, and how.

# ---- Rows ----

# The rows that entered, in their order: with a list all of them, else those that can be used.
permutation_rows <- function(formula, data, how, covariates, strata, cluster) {
  frame <- comparison_frame(formula, data)
  outcome <- rep(NA_real_, nrow(data))
  answers <- NULL
  if (statistic_label(how$statistic) == "chisq") {
    answers <- answer_factor(frame$outcome)
    outcome[frame$row] <- as.integer(answers)
  } else {
    outcome[frame$row] <- finite_outcome(frame, "Use statistic = \"chisq\"")
  }
  if (!is.null(covariates)) {
    outcome <- covariate_residuals(outcome, covariates, data, answers)
  }
  stratum <- row_labels(strata, data, "strata")
  cluster <- row_labels(cluster, data, "cluster")
  known <- !is.na(frame$all_arms) & !(if (is.null(stratum)) FALSE else is.na(stratum)) &
    !(if (is.null(cluster)) FALSE else is.na(cluster))
  used <- known & !is.na(outcome)
  entered <- if (is.null(how$allocation)) used else entered_rows(known)
  list(
    outcome = outcome[entered], used = used[entered], arm = frame$all_arms[entered],
    stratum = stratum[entered], cluster = cluster[entered], row = which(entered),
    n_rows = nrow(data), answers = answers, name = frame$name, n_used = sum(used),
    n_left_out = sum(!used), stratified = !is.null(strata), clustered = !is.null(cluster)
  )
}

# With a list every row stands for a place.
entered_rows <- function(known) {
  if (!all(known)) {
    row <- which(!known)[[1]]
    qst_abort("argument", sprintf(
      paste(
        "Row %d has no arm, stratum or cluster, so its place on the list is not known.",
        "Complete it, or leave out those who were never allocated."
      ), row
    ), row = row)
  }
  known
}

covariate_residuals <- function(outcome, covariates, data, answers) {
  if (!is.null(answers)) {
    qst_abort("argument", paste(
      "`covariates` need a numeric outcome.", "Use strata = for an adjusted chi-square."
    ))
  }
  if (!inherits(covariates, "formula") || length(covariates) != 2) {
    qst_abort("argument", sprintf(
      "`covariates` must be a formula without left side, as ~ age + baseline, not %s.",
      describe(covariates)
    ))
  }
  check_known_variables(covariates, names(data))
  frame <- stats::model.frame(covariates, data, na.action = stats::na.pass)
  complete <- stats::complete.cases(frame) & !is.na(outcome)
  if (!any(complete)) {
    qst_abort("no_data", "No row has the outcome, the arm and all `covariates`.")
  }
  x <- stats::model.matrix(attr(frame, "terms"), frame[complete, , drop = FALSE])
  residuals <- rep(NA_real_, length(outcome))
  residuals[complete] <- stats::lm.fit(x, outcome[complete])$residuals
  residuals
}

# ---- The scheme: units, stratum by stratum, in the order of entry ----

# As the core wants it (the first four parts), with what the units bring along as `data` and the
# unit of each row.
permutation_scheme <- function(rows, allocation) {
  settings <- if (inherits(allocation, "allocation")) attr(allocation, "settings")
  stratum <- stratum_codes(rows, settings)
  cluster <- if (rows$clustered) match(rows$cluster, unique(rows$cluster)) else seq_along(rows$arm)
  first_row <- which(!duplicated(cluster))
  check_within_clusters(rows, cluster, first_row, stratum)
  order <- order(stratum[first_row])
  first_row <- first_row[order]
  unit <- match(cluster, order)
  arms <- if (is.null(settings)) levels(rows$arm) else settings$arms
  arm <- match(as.character(rows$arm), arms)
  scheme <- list(
    arm = arm[first_row], n_arms = length(arms),
    stratum_size = tabulate(stratum[first_row], max(stratum)), lists = NULL,
    data = unit_data(rows, unit, length(first_row)), unit = unit, arms = arms,
    first_row = first_row
  )
  if (!is.null(settings)) {
    scheme["lists"] <- list(allocation_lists(settings, scheme$stratum_size))
    check_places_taken(rows, scheme, allocation)
  }
  scheme
}

stratum_codes <- function(rows, settings) {
  if (is.null(settings)) {
    single <- rep(1L, length(rows$arm))
    return(if (rows$stratified) match(rows$stratum, unique(rows$stratum)) else single)
  }
  if (!rows$stratified) {
    if (length(settings$strata) > 1) {
      qst_abort("argument", sprintf(
        "The list has %d strata (%s). Say with `strata` which column holds them.",
        length(settings$strata), enumerate(settings$strata)
      ))
    }
    return(rep(1L, length(rows$arm)))
  }
  code <- match(rows$stratum, settings$strata)
  if (anyNA(code)) {
    k <- which(is.na(code))[[1]]
    qst_abort("argument", sprintf(
      "Row %d is of stratum `%s`, which the list does not have. Its strata are %s.",
      rows$row[[k]], rows$stratum[[k]], enumerate(settings$strata)
    ), row = rows$row[[k]], value = rows$stratum[[k]])
  }
  code
}

check_within_clusters <- function(rows, cluster, first_row, stratum) {
  differs <- rows$arm != rows$arm[first_row][cluster] | stratum != stratum[first_row][cluster]
  if (any(differs)) {
    k <- which(differs)[[1]]
    qst_abort("argument", sprintf(
      paste(
        "Row %d is in another arm or stratum than the first row of its cluster `%s`.",
        "A cluster is allocated as a whole; leave `cluster` out if people were allocated."
      ), rows$row[[k]], rows$cluster[[k]]
    ), row = rows$row[[k]], value = rows$cluster[[k]])
  }
}

# Number, sum and sum of squares of each unit's values, less their mean; or answers.
unit_data <- function(rows, unit, n_units) {
  if (!is.null(rows$answers)) {
    if (rows$clustered) {
      qst_abort("argument", paste(
        "statistic = \"chisq\" is for people, not for clusters.",
        "Compare the clusters' shares with statistic = \"difference\"."
      ))
    }
    answer <- integer(n_units)
    answer[unit] <- as.integer(rows$outcome)
    return(list(answer, nlevels(rows$answers)))
  }
  y <- rows$outcome[rows$used]
  y <- y - mean(y)
  sum_by_unit <- function(x) {
    sums <- numeric(n_units)
    by_unit <- rowsum(x, unit[rows$used])
    sums[as.integer(rownames(by_unit))] <- by_unit
    sums
  }
  if (!rows$clustered && all(rows$used)) {
    order <- order(unit)
    return(list(rep(1, n_units), y[order], y[order]^2))
  }
  list(sum_by_unit(rep(1, length(y))), sum_by_unit(y), sum_by_unit(y^2))
}

allocation_lists <- function(settings, stratum_size) {
  present <- seq_along(stratum_size)
  n <- unname(settings$n[present])
  short <- which(stratum_size > n)
  if (length(short) > 0) {
    k <- short[[1]]
    qst_abort("argument", sprintf(
      "The list has %d places%s, and %d entered. Is it the list of this trial?",
      n[[k]], in_stratum(settings, k), stratum_size[[k]]
    ), value = stratum_size[[k]])
  }
  sizes <- lapply(n, function(places) {
    as.integer(switch(settings$method, block = settings$block, complete = places, simple = 1L))
  })
  list(as.integer(n), settings$ratio, sizes, present - 1L)
}

in_stratum <- function(settings, k) {
  if (length(settings$strata) > 1) sprintf(" in stratum `%s`", settings$strata[[k]]) else ""
}

# The list says who should have got what; another order of rows is the usual reason for a mismatch.
check_places_taken <- function(rows, scheme, allocation) {
  places <- as.data.frame(allocation)
  settings <- attr(allocation, "settings")
  stratum <- rep(seq_along(scheme$stratum_size), scheme$stratum_size)
  place <- sequence(scheme$stratum_size)
  wanted <- match(
    paste(settings$strata[stratum], place), paste(places$stratum, places$sequence)
  )
  differs <- which(settings$arms[scheme$arm] != as.character(places$arm[wanted]) |
    is.na(scheme$arm))
  if (length(differs) > 0) {
    k <- differs[[1]]
    row <- rows$row[[scheme$first_row[[k]]]]
    qst_abort("argument", sprintf(
      paste(
        "Row %d is in arm `%s`, but place %d of the list%s says `%s`.",
        "Sort the data by order of entry, and keep those without an outcome."
      ), row, as.character(rows$arm[[scheme$first_row[[k]]]]), place[[k]],
      in_stratum(settings, stratum[[k]]), as.character(places$arm[[wanted[[k]]]])
    ), row = row, value = as.character(rows$arm[[scheme$first_row[[k]]]]))
  }
}
