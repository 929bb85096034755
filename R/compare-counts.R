# Comparing counts.

#' Compare counts
#'
#' Tests of a table of counts, answers in rows and arms in columns.
#' [compare_arms()] does the same from data.
#'
#' | `test` | tests | statistic | as in |
#' |---|---|---|---|
#' | `chisq` | equal shares in all arms | Pearson's chi-square | `chisq.test(correct = FALSE)` |
#' | `fisher` | the same, exactly | none | `fisher.test()` |
#' | `trend` | a linear trend | chi-square, df 1 | `prop.trend.test()` |
#' | `mcnemar` | equal margins of a square table | chi-square | `mcnemar.test(correct = FALSE)` |
#' | `cmh` | equal shares within strata | chi-square | `mantelhaen.test(correct = FALSE)` |
#'
#' `trend` is the test of Cochran (1954) and Armitage (1955), \eqn{N r^2}{N r^2} with r
#' the correlation of the scores of answers and arms, when there are two answers
#' or two arms; else Mantel's (1963) \eqn{(N - 1) r^2}{(N - 1) r^2}, SPSS's
#' linear-by-linear association. `mcnemar` takes the table of two measurements of
#' the same people; with more than two answers it is Bowker's test. `cmh` of two
#' answers and two arms gives the Mantel-Haenszel odds ratio of the second
#' answer in the second arm, with the interval of Robins, Breslow & Greenland (1986).
#'
#' Nothing is corrected for continuity unless `correct` asks for it; R's own tests
#' correct by default. `simulate` takes P of Pearson's chi-square from random
#' re-allocations with both margins kept, in each stratum of a table with three
#' dimensions, as [permutation_test()]; it is the cure for small expected counts when
#' Fisher's test is too long.
#'
#' @inheritParams compare_arms
#' @param table A matrix, table or data frame of counts: answers in rows, arms
#'   in columns; for `cmh` an array with strata as third dimension; for `mcnemar`
#'   square, first measurement in rows.
#' @param test The test; see the table.
#' @param scores For `trend`: `NULL` (1, 2, ...), numbers one an arm, or
#'   `list(answer = , arm = )`.
#' @param simulate For `chisq`: P from `replicates` re-allocations?
#' @return A data frame as of [compare_arms()]; for `cmh` of 2 x 2 tables `estimate` is the
#'   odds ratio, and `conf.low` and `conf.high` its interval.
#' @section Errors:
#' `questrial_error_argument`, `questrial_error_dimension`: what is no table of
#' counts, or has not the shape that the test needs; `questrial_error_no_data`:
#' a row or column of zeros.
#' @examples
#' # Gender in Table 1 of Lemogne et al. (2020):
#' compare_counts(rbind(female = c(75, 72, 66), male = c(42, 53, 54)))
#' compare_counts(rbind(better = c(10, 15, 22), not = c(20, 15, 8)), "trend")
#' compare_counts(UCBAdmissions, "cmh")
#' @export
compare_counts <- function(table, test = c("chisq", "fisher", "trend", "mcnemar", "cmh"),
                           adjust = "none", reference = NULL, correct = FALSE, scores = NULL,
                           conf.level = 0.95, simulate = FALSE, replicates = 9999, seed = NULL,
                           threads = NULL) {
  test <- match_test(test, c("chisq", "fisher", "trend", "mcnemar", "cmh"))
  how <- comparison(test, adjust, reference, conf.level, correct)
  check_count_options(how, NULL, scores, simulate, FALSE)
  stratified <- test == "cmh" || (simulate && length(dim(table)) == 3)
  counts <- if (stratified) counts_array(table) else counts_matrix(table)
  check_reference(how$reference, colnames(counts))
  how <- c(how, count_settings(scores, simulate, replicates, seed, threads))
  compare_tables(counts, how, sum(counts), NA)
}

# ---- Arguments ----

# Options that the test would ignore.
check_count_options <- function(how, strata, scores, simulate, na_level) {
  check_flag(simulate, "simulate")
  check_flag(na_level, "na.level")
  has_no_use <- c(
    strata = !is.null(strata) && !(how$test %in% c("cmh", "permutation") || simulate),
    scores = !is.null(scores) && how$test != "trend",
    simulate = simulate && how$test != "chisq",
    na.level = na_level && !how$test %in% c("chisq", "fisher", "cmh")
  )
  if (any(has_no_use)) {
    use <- c(
      strata = "\"cmh\" or \"permutation\", or simulate = TRUE", scores = "\"trend\"",
      simulate = "\"chisq\"", na.level = "\"chisq\", \"fisher\" or \"cmh\""
    )
    name <- names(which(has_no_use))[[1]]
    qst_abort("argument", sprintf(
      "`%s` has no meaning with test = \"%s\". It is for %s.", name, how$test, use[[name]]
    ))
  }
}

count_settings <- function(scores, simulate, replicates, seed, threads) {
  if (!simulate) {
    return(list(scores = scores))
  }
  check_replicates(replicates)
  list(
    scores = scores, simulate = TRUE, replicates = replicates, seed = draw_seed(seed),
    threads = threads_to_use(threads)
  )
}

# The counts of a comparison_frame(), with strata as third dimension if they are to be used.
frame_counts <- function(frame, with_strata) {
  answer <- answer_factor(frame$outcome)
  if (!with_strata || is.null(frame$stratum)) {
    return(table(answer, frame$arm))
  }
  table(answer, frame$arm, factor(frame$stratum, unique(frame$stratum)))
}

missing_as_level <- function(outcome) {
  answer <- if (is.factor(outcome)) outcome else factor(outcome)
  if (!anyNA(answer)) {
    return(answer)
  }
  levels(answer) <- c(levels(answer), "(missing)")
  answer[is.na(answer)] <- "(missing)"
  answer
}

answer_factor <- function(outcome) {
  answer <- if (is.factor(outcome)) outcome else factor(outcome)
  empty <- levels(answer)[tabulate(answer, nlevels(answer)) == 0]
  if (length(empty) > 0) {
    qst_abort("no_data", sprintf(
      "Answer %s has no rows. Use droplevels() if it is not to be counted.", enumerate(empty)
    ), value = empty)
  }
  if (nlevels(answer) < 2) {
    qst_abort("argument", sprintf(
      "There is a single answer, %s; a table needs two.", enumerate(levels(answer))
    ), value = levels(answer))
  }
  answer
}

# Answers x arms x strata; strata of fewer than two people say nothing and are left out.
counts_array <- function(table) {
  if (!is.numeric(table) || length(dim(table)) != 3) {
    qst_abort("argument", sprintf(
      paste(
        "`table` must be an array of counts with three dimensions (answers, arms, strata), not %s.",
        "As data: compare_arms(test = \"cmh\", strata = ~ site)."
      ), describe(table)
    ))
  }
  bad <- which(!(is.finite(table) & table >= 0 & table == round(table)), arr.ind = TRUE)
  if (nrow(bad) > 0) {
    qst_abort("argument", sprintf(
      "`table` has %s in row %d, column %d, stratum %d; counts are whole numbers from 0.",
      format(table[bad[1, , drop = FALSE]]), bad[1, 1], bad[1, 2], bad[1, 3]
    ), row = bad[[1, 1]], column = bad[[1, 2]], value = table[bad[1, , drop = FALSE]])
  }
  counts <- array(as.double(table), dim(table), dimnames(table))
  if (is.null(colnames(counts))) {
    colnames(counts) <- seq_len(ncol(counts))
  }
  check_margins(apply(counts, 1:2, sum))
  counts
}

counts_matrix <- function(table) {
  refuse_imputations(table, "table", "compares printed counts", "See compare_arms(formula, imp).")
  counts <- as.matrix(table)
  if (!is.numeric(counts) || length(dim(counts)) != 2) {
    qst_abort("argument", sprintf(
      "`table` must be a matrix or data frame of counts, not %s.", describe(table)
    ))
  }
  bad <- which(!(is.finite(counts) & counts >= 0 & counts == round(counts)), arr.ind = TRUE)
  if (nrow(bad) > 0) {
    qst_abort("argument", sprintf(
      "`table` has %s in row %d, column %d; counts are whole numbers from 0.",
      format(counts[bad[1, 1], bad[1, 2]]), bad[1, 1], bad[1, 2]
    ), row = bad[[1, 1]], column = bad[[1, 2]], value = counts[bad[1, 1], bad[1, 2]])
  }
  storage.mode(counts) <- "double"
  if (is.null(colnames(counts))) {
    colnames(counts) <- seq_len(ncol(counts))
  }
  check_margins(counts)
}

check_margins <- function(counts) {
  if (nrow(counts) < 2 || ncol(counts) < 2) {
    qst_abort("dimension", sprintf(
      "A table of %d x %d cannot be tested: answers in rows, arms in columns, two of each.",
      nrow(counts), ncol(counts)
    ))
  }
  row <- which(rowSums(counts) == 0)
  column <- which(colSums(counts) == 0)
  if (length(row) + length(column) > 0) {
    qst_abort("no_data", sprintf(
      "%s %d of the table holds zeros only. Leave it out.",
      if (length(row) > 0) "Row" else "Column", c(row, column)[[1]]
    ))
  }
  counts
}

# ---- Tests ----

compare_tables <- function(counts, how, n_used, n_left_out) {
  tables <- if (is.null(how$reference)) {
    list(`all arms` = counts)
  } else {
    pairs <- arm_pairs(colnames(counts), how$reference)
    names <- vapply(pairs, paste, character(1), collapse = " - ")
    stats::setNames(lapply(pairs, function(pair) counts_of_pair(counts, pair)), names)
  }
  tests <- lapply(tables, counts_test, how = how)
  rows <- do.call(rbind, Map(comparison_row, names(tables), tests))
  result <- finish_comparison(rows, how, counts, n_used, n_left_out, low_note(tests))
  if (isTRUE(how$simulate)) {
    attr(result, "seed") <- how$seed
    attr(result, "replicates") <- how$replicates
  }
  result
}

# Columns of a matrix or array, the earlier arm first.
counts_of_pair <- function(counts, pair) {
  if (length(dim(counts)) == 3) counts[, rev(pair), , drop = FALSE] else counts[, rev(pair)]
}

counts_test <- function(counts, how) {
  if (length(dim(counts)) == 3) {
    return(if (isTRUE(how$simulate)) simulated_test(counts, how) else stratified_test(counts, how))
  }
  if (how$test == "cmh") {
    qst_abort("argument", paste(
      "test = \"cmh\" compares within strata. Say with `strata` which column holds them,",
      "or use \"chisq\"."
    ))
  }
  if (how$test == "mcnemar") {
    return(mcnemar_test(counts, how))
  }
  # In a pair of arms an answer may be nobody's.
  counts <- counts[rowSums(counts) > 0, , drop = FALSE]
  check_margins(counts)
  switch(how$test,
    fisher = list(p.value = fisher_p(counts)),
    trend = trend_test(counts, how$scores),
    if (isTRUE(how$simulate)) {
      simulated_test(counts, how)
    } else {
      .Call(C_qstr_compare_chisq, matrix(as.double(counts), nrow(counts)), how$correct)
    }
  )
}

# N r^2 of Cochran and Armitage, (N - 1) r^2 of Mantel when both dimensions are longer than 2.
trend_test <- function(counts, scores) {
  if (!is.list(scores)) {
    scores <- list(arm = scores)
  }
  answer <- trend_scores(scores$answer, nrow(counts), "answer")
  arm <- trend_scores(scores$arm, ncol(counts), "arm")
  n <- sum(counts)
  answer <- answer - sum(answer * rowSums(counts)) / n
  arm <- arm - sum(arm * colSums(counts)) / n
  cross <- sum(counts * outer(answer, arm))
  r2 <- cross^2 / (sum(answer^2 * rowSums(counts)) * sum(arm^2 * colSums(counts)))
  list(statistic = (if (min(dim(counts)) == 2) n else n - 1) * r2, df = 1)
}

trend_scores <- function(scores, n, of) {
  if (is.null(scores)) {
    return(seq_len(n))
  }
  if (!is.numeric(scores) || length(scores) != n || !all(is.finite(scores)) ||
    length(unique(scores)) < 2) {
    qst_abort("argument", sprintf(
      "`scores` must have %d numbers, one an %s and not all equal, not %s.", n, of,
      describe(scores)
    ))
  }
  scores
}

mcnemar_test <- function(counts, how) {
  if (nrow(counts) != ncol(counts)) {
    qst_abort("dimension", sprintf(
      paste(
        "test = \"mcnemar\" needs a square table, the same answers at both measurements, not",
        "%d x %d. Tabulate factors with the same levels."
      ), nrow(counts), ncol(counts)
    ))
  }
  if (all(counts == t(counts))) {
    # mcnemar.test() gives NaN where nobody changed.
    return(list(statistic = 0, df = nrow(counts) * (nrow(counts) - 1) / 2))
  }
  test <- stats::mcnemar.test(counts, correct = how$correct)
  list(statistic = unname(test$statistic), df = unname(test$parameter))
}

stratified_test <- function(counts, how) {
  kept <- apply(counts, 3, sum) > 1
  counts <- counts[, , kept, drop = FALSE]
  test <- tryCatch(
    stats::mantelhaen.test(counts, correct = how$correct, conf.level = how$conf.level),
    error = function(e) {
      qst_abort("singular", paste(
        "The strata do not tell the arms apart: in each all are in one arm or gave one answer.",
        "Use coarser strata."
      ))
    }
  )
  estimate <- if (is.null(test$estimate)) NA_real_ else unname(test$estimate)
  limits <- if (is.null(test$conf.int)) c(NA_real_, NA_real_) else as.vector(test$conf.int)
  list(
    estimate = estimate, statistic = unname(test$statistic), df = unname(test$parameter),
    p.value = test$p.value, conf.low = limits[[1]], conf.high = limits[[2]]
  )
}

# Rows from counts, re-allocated within strata.
simulated_test <- function(counts, how) {
  cells <- as.data.frame(as.table(unname(counts)))
  row <- rep(seq_len(nrow(cells)), cells$Freq)
  stratum <- if (length(dim(counts)) == 3) as.character(cells[[3]])[row]
  rows <- list(
    outcome = as.integer(cells[[1]])[row], used = rep(TRUE, length(row)), arm = cells[[2]][row],
    stratum = stratum, stratified = !is.null(stratum), clustered = FALSE,
    answers = factor(cells[[1]])
  )
  scheme <- permutation_scheme(rows, NULL)
  how$statistic <- "chisq"
  observed <- permuted_statistics(rows, scheme, how, 0, 1, given = scheme$arm)
  extreme <- random_statistics(rows, scheme, how, how$replicates, function(drawn) {
    sum(is_extreme(drawn, observed, "greater", 1))
  })
  list(statistic = observed, p.value = (sum(extreme) + 1) / (how$replicates + 1))
}

fisher_p <- function(counts) {
  tryCatch(
    stats::fisher.test(counts, workspace = 2e6)$p.value,
    error = function(e) {
      qst_abort("memory", paste(
        "Fisher's exact test of this table needs more memory than it is given.",
        "Use test = \"chisq\" with simulate = TRUE."
      ))
    }
  )
}

low_note <- function(tests) {
  n_low <- vapply(tests, function(test) max(0, attr(test, "n_low")), numeric(1))
  if (any(n_low > 0)) {
    sprintf(
      "%d cell%s with an expected count below 5: chi-square is approximate; see test = \"fisher\".",
      max(n_low), if (max(n_low) == 1) "" else "s"
    )
  }
}
