# Checks of counts: the flow of participants, percentages, totals, tests of counts.

# ---- Printed cells ----

# Counts of people as printed, NA for what is none.
exact_counts <- function(tables, at) {
  digits <- tables$cells$digits[at]
  digits[digits < 0 | tables$cells$kind[at] != cell_kinds[["count"]]] <- NA
  digits
}

# Does a number round to what a cell prints? NA where either is missing.
rounds_to <- function(tables, value, at) {
  ends <- cell_ends(tables, at)
  value >= ends$low & value <= ends$high
}

# The least and the greatest number that print as some cells do, with a hair for ties.
cell_ends <- function(tables, at) {
  cells <- tables$cells
  unit <- 10^-cells$decimals[at]
  printed <- cells$digits[at] * unit
  hair <- 1e-6 * unit + 1e-11 * abs(printed)
  below <- cells$kind[at] == cell_kinds[["below"]]
  above <- cells$kind[at] == cell_kinds[["above"]]
  reach <- if (tables$truncated) c(0, 1) else c(0.5, 0.5)
  list(
    low = ifelse(below, 0, printed - reach[[1]] * unit * !above) - hair,
    high = ifelse(above, Inf, printed + reach[[2]] * unit * !below) + hair
  )
}

# ---- The flow of participants ----

# The sums that `flow_sums` of the design states, or that all who are randomised are lost, excluded
# or analysed, by arm and for all; and each step's arms add up to its total.
audit_flow <- function(tables, published) {
  flow <- published$flow
  columns <- unique(flow$arm)
  steps <- unique(flow$step)
  at <- matrix(NA_integer_, length(steps), length(columns), dimnames = list(steps, columns))
  rows <- rev(seq_len(nrow(flow)))
  at[cbind(match(flow$step, steps), match(flow$arm, columns))[rows, , drop = FALSE]] <-
    tables$at$flow[rows, "n"]
  c(
    unlist(lapply(flow_equations(published), equation_checks, at = at), recursive = FALSE),
    arm_sum_checks(at, design_values(published, "arms")),
    analysed_checks(tables, published, at)
  )
}

# list(whole, parts) an equation, of steps.
flow_equations <- function(published) {
  stated <- design_values(published, "flow_sums")
  if (length(stated) > 0) {
    return(lapply(strsplit(stated, "=", fixed = TRUE), read_equation))
  }
  steps <- unique(published$flow$step)
  gone <- c(
    intersect(steps_named(published, "lost"), c(steps, design_values(published, "lost"))),
    design_values(published, "excluded")
  )
  if (length(gone) == 0) {
    return(NULL)
  }
  parts <- c(gone, steps_named(published, "analysed"))
  whole <- steps_named(published, "randomised")
  # Steps that nobody named may be where others went.
  if (all(steps %in% c(whole, parts, design_values(published, "no_baseline")))) {
    list(list(whole = whole[[1]], parts = parts))
  }
}

# The steps of the flow that the design gives a key, or the step of that name.
steps_named <- function(published, key) {
  value <- design_values(published, key)
  if (length(value) == 0) key else value
}

read_equation <- function(sides) {
  if (length(sides) != 2) {
    qst_abort("file", paste(
      "design.csv: each of `flow_sums` must be one equation of steps of flow.csv, as",
      "randomised = lost + analysed. Separate several with semicolons."
    ))
  }
  list(whole = trimws(sides[[1]]), parts = trimws(strsplit(sides[[2]], "+", fixed = TRUE)[[1]]))
}

equation_checks <- function(equation, at) {
  steps <- c(equation$whole, equation$parts)
  unknown <- setdiff(steps, rownames(at))
  if (length(unknown) > 0) {
    return(NULL)
  }
  figure <- paste(equation$whole, "=", paste(equation$parts, collapse = " + "))
  lapply(seq_len(ncol(at)), function(column) {
    arm <- colnames(at)[[column]]
    new_check("sum", at[equation$whole, column], at[equation$parts, column],
      check = "flow", par = length(equation$parts),
      figure = if (nzchar(arm)) paste0(figure, ", ", arm) else figure
    )
  })
}

arm_sum_checks <- function(at, arms) {
  total <- match("", colnames(at))
  if (is.na(total) || !all(arms %in% colnames(at))) {
    return(NULL)
  }
  lapply(rownames(at), function(step) {
    new_check("sum", at[step, total], at[step, arms],
      check = "total", par = length(arms), figure = paste0(step, ", all arms")
    )
  })
}

# Those analysed are those in the means of the model's outcome, if they are so in half of the arms.
analysed_checks <- function(tables, published, at) {
  step <- match(steps_named(published, "analysed")[[1]], rownames(at))
  arms <- intersect(design_values(published, "arms"), colnames(at))
  means <- published$means
  outcome <- design_values(published, "model_outcome")
  rows <- which(means$outcome %in% outcome & means$variable == "" & means$level == "")
  sizes <- cell_of(tables, "means", rows[match(arms, means$arm[rows])], "n")
  analysed <- if (is.na(step)) rep(NA_integer_, length(arms)) else at[step, arms]
  is_same <- exact_counts(tables, sizes) == exact_counts(tables, analysed)
  if (2 * sum(is_same, na.rm = TRUE) >= length(arms)) {
    Map(new_check, "sum", sizes, analysed,
      check = "analysed", par = 1, figure = sprintf("n of %s, %s", outcome, arms)
    )
  }
}

# ---- Counts, percentages, totals ----

audit_counts <- function(tables, published) {
  if (nrow(published$counts) == 0) {
    return(count_test_checks(tables, published, NULL))
  }
  counted <- find_wholes(tables, published, counted_cells(tables, published))
  c(
    percent_checks(counted), level_sum_checks(counted), column_sum_checks(counted),
    stratum_size_checks(tables, published, counted),
    count_test_checks(tables, published, counted)
  )
}

# The rows of counts.csv: their cells (`n_at`, `percent_at`), the count `n`, which `group` (a
# variable in an arm) and which `line` (a level in all arms) they are of, and `sum`, all of the
# group, NA unless the variable has several levels and every one is counted there.
counted_cells <- function(tables, published) {
  counts <- published$counts
  at <- tables$at$counts
  rows <- data.frame(
    variable = counts$variable, level = counts$level, arm = counts$arm, n_at = at[, "n"],
    percent_at = at[, "percent"], n = exact_counts(tables, at[, "n"])
  )
  numbered <- function(...) {
    key <- paste(..., sep = "\r")
    match(key, unique(key))
  }
  rows <- rows[!duplicated(numbered(rows$variable, rows$level, rows$arm)), ]
  rows$group <- numbered(rows$variable, rows$arm)
  rows$line <- numbered(rows$variable, rows$level)
  n_levels <- tabulate(match(rows$variable[!duplicated(rows$line)], rows$variable), nrow(rows))
  rows$n_levels <- n_levels[match(rows$variable, rows$variable)]
  rows$is_missing <- is_missing_level(rows$level)
  rows$sum <- sums_by(rows$n, rows$group)
  rows$sum[tabulate(rows$group)[rows$group] < rows$n_levels | rows$n_levels == 1] <- NA
  rows
}

# Levels that are no level: people of whom it is not known.
is_missing_level <- function(level) {
  grepl(paste0(
    "^(missing|unknown|unspecified|n/?a$|not (available|given|known|recorded|reported|stated)",
    "|no (answer|data|information|response)|fehlend|unbekannt|keine angabe|inconnu|manquant",
    "|non renseign|desconocido|onbekend)"
  ), trimws(level), ignore.case = TRUE)
}

sums_by <- function(x, by) {
  as.vector(rowsum(as.numeric(x), by, reorder = FALSE))[match(by, unique(by))]
}

# Adds what the percentages are shares of: the arm's `size` and its cell `size_at`, and `of`:
# "arm", "counted" (the sum of the levels: some people have none), "row" (the level in all arms),
# NA where nothing fits. `in_base`: is a level part of that sum? Not one of those whose level is
# missing, if that fits better. `is_whole`: the levels take in the whole arm, at least in half of
# the arms; `is_most`: in more of them; `is_told`: they do in all, or all percentages are of them,
# so that no level is left out. `all_fit`: each level of the group has a percentage, and it is of
# the arm; `fits_size`: in all arms.
find_wholes <- function(tables, published, counted) {
  in_arm <- counted$arm != ""
  line_sum <- sums_by(ifelse(in_arm, counted$n, 0), counted$line)
  fits <- function(whole) rounds_to(tables, 100 * counted$n / whole, counted$percent_at) %in% TRUE
  counted$in_base <- !counted$is_missing | !is_of_known(counted, fits)
  base <- sums_by(ifelse(counted$in_base, counted$n, 0), counted$group)
  base <- ifelse(is.na(counted$sum) | !counted$in_base, counted$sum, base)
  by_sum <- sums_by(fits(base), counted$group)
  by_row <- sums_by(fits(line_sum) & in_arm, counted$variable)
  n_percents <- sums_by(!is.na(counted$percent_at + counted$n), counted$variable)
  counted$n_percents <- n_percents
  told <- ifelse(by_row == n_percents, Inf, by_sum)
  sizes <- arm_sizes(size_candidates(tables, published), counted, fits, told)
  counted$size <- sizes$n
  counted$size_at <- sizes$at
  counted$n_printed <- sizes$n_printed
  counted[c("is_sure", "is_printed", "n_sizes")] <- sizes[c("is_sure", "is_printed", "n_sizes")]
  by_arm <- sums_by(fits(counted$size), counted$group)
  counted$of <- ifelse(is.na(counted$size) | by_sum > by_arm, "counted", "arm")
  best <- sums_by(
    ifelse(counted$of == "arm", fits(counted$size), fits(base)), counted$variable
  )
  counted$of[n_percents >= 4 & best < n_percents / 4] <- NA
  counted$of[by_row > best] <- "row"
  whole <- list(arm = counted$size, counted = base, row = line_sum)
  is_off <- Reduce(`|`, lapply(names(whole), function(of) {
    counted$of %in% of & !is.na(counted$percent_at + counted$n + whole[[of]]) & !fits(whole[[of]])
  }))
  counted$of[of_unprinted(tables, counted, is_off)] <- NA
  counted$all_fit <- by_arm == tabulate(counted$group)[counted$group]
  known <- in_arm & !is.na(counted$sum + counted$size)
  adds_up <- sums_by(known & counted$sum == counted$size, counted$variable)
  counted$is_whole <- counted$n_levels > 1 & 2 * adds_up >= sums_by(known, counted$variable)
  of_sum <- n_percents > 0 & sums_by(fits(base), counted$variable) == n_percents
  n_known <- sums_by(known, counted$variable)
  counted$is_most <- 2 * adds_up > n_known
  counted$is_told <- of_sum | (n_known > 0 & adds_up == n_known)
  of_size <- sums_by(fits(counted$size), counted$variable) == n_percents
  counted$fits_size <- of_size & (n_percents > 0 | !any(known) | any(counted$is_told & known))
  counted
}

# Are the percentages of a variable shares of those whose level is not missing?
is_of_known <- function(counted, fits) {
  known <- sums_by(ifelse(counted$is_missing, 0, counted$n), counted$group)
  others <- !counted$is_missing
  sums_by(others & fits(known), counted$variable) > sums_by(others & fits(counted$sum),
    counted$variable)
}

# Which rows have percentages that may be of people whose number is not printed (those without a
# level are nowhere counted, or Table 1 is of more than are printed elsewhere), though of nobody
# that is? Those of the groups with contradictions (`is_off`) in which one whole number fits all
# percentages. Of a group's only one nearly any number does: it may be of up to a fifth fewer than
# the arm; of any, if the arm's size is not printed; of more or fewer if others of the arm or
# variable are so too.
of_unprinted <- function(tables, counted, is_off) {
  shown <- !is.na(counted$percent_at + counted$n) & !counted$is_missing
  ends <- lapply(cell_ends(tables, counted$percent_at), `/`, 100)
  by_group <- function(x, default, most) {
    x[!shown] <- default
    as.vector(tapply(x, counted$group, most))[counted$group]
  }
  least <- by_group(ifelse(counted$n > 0, counted$n / ends$high, ends$low * Inf), 0, max)
  most <- by_group(ifelse(counted$n > 0, counted$n / pmax(ends$low, 0), Inf), Inf, min)
  whole <- pmax(ceiling(least), by_group(counted$n, 0, max))
  is_single <- sums_by(shown & counted$n > 0, counted$group) < 2
  of_fewer <- floor(pmin(most, counted$size)) >= pmax(whole, ceiling(0.8 * counted$size))
  fits <- whole <= most & (!is_single | is.na(counted$size) | of_fewer)
  is_more <- (is_off & counted$n / counted$size > ends$high & whole <= most) %in% TRUE
  is_fewer <- (is_off & counted$n / counted$size < ends$low & whole <= most) %in% TRUE
  fits[sums_by(is_more, counted$arm) > 1 & is_more] <- TRUE
  fits[sums_by(is_fewer, counted$variable) > 1 & is_fewer] <- TRUE
  sums_by(is_off, counted$group) > 0 & fits %in% TRUE
}

# The sizes of the arms that the counts are of: n of an outcome's means or of a step of the flow,
# whichever fits the percentages of all variables best, or better those of one; where percentages
# do not tell, the sums of the levels. A sum above the size is a contradiction like a percentage
# that does not fit; one below it is not, for some people may have no level. `told`: how many
# percentages of the group fit whatever its size. A list by row of `counted`: `n` and its cell
# `at`, 0 where it is a sum of the arms that is not printed; `n_printed`, how often it is;
# `n_sizes`, how many numbers are printed for the arm; `is_printed`, whether the sum of levels is
# one of them; `is_sure`, whether no other size fits the variable as well.
arm_sizes <- function(candidates, counted, fits, told) {
  place <- match(counted$arm, colnames(candidates$n))
  first <- !duplicated(counted$group)
  n_groups <- sum(first)
  sum <- counted$sum
  score <- apply(candidates$n, 1, function(n) {
    size <- n[place]
    percents <- ifelse(is.infinite(told), 0, pmax(sums_by(fits(size), counted$group), told))
    is_sum <- (sum == size) %in% TRUE
    is_above <- (sum > size) %in% TRUE
    first * ((percents - is_above) * (1 + n_groups) + is_sum)
  })
  score <- matrix(score, nrow(counted))
  all <- which.max(colSums(score))
  own <- rowsum(score, counted$variable, reorder = FALSE)
  most <- apply(own, 1, max)
  best <- ifelse(own[, all] == most, all, max.col(own, "first"))
  variable <- match(counted$variable, rownames(own))
  at <- cbind(best[variable], place)
  list(
    n = candidates$n[at], at = candidates$at[at], n_printed = candidates$n_printed[at],
    is_sure = (rowSums(own == most) == 1)[variable],
    is_printed = paste(place, counted$sum) %in% paste(col(candidates$n), candidates$n),
    n_sizes = apply(candidates$n, 2, function(n) length(unique(n[!is.na(n)])))[place]
  )
}

# A row a candidate, of those with the same numbers the first, and no more than 50; a column an
# arm.
size_candidates <- function(tables, published) {
  means <- published$means
  overall <- which(means$variable == "" & means$level == "")
  what <- c(paste0("mean ", means$outcome[overall], recycle0 = TRUE),
    paste0("step ", published$flow$step, recycle0 = TRUE))
  arm <- c(means$arm[overall], published$flow$arm)
  cells <- c(tables$at$means[overall, "n"], tables$at$flow[, "n"])
  columns <- c(design_values(published, "arms"), "")
  at <- matrix(NA_integer_, max(1, length(unique(what))), length(columns),
    dimnames = list(NULL, columns)
  )
  at[cbind(match(what, unique(what)), match(arm, columns))] <- cells
  n <- at
  n[] <- exact_counts(tables, at)
  n_printed <- apply(n, 2, function(x) tabulate(match(x, x), length(x))[match(x, x)])
  n_printed <- matrix(n_printed, nrow(n))
  total <- length(columns)
  summed <- is.na(n[, total])
  n[summed, total] <- rowSums(n[summed, -total, drop = FALSE])
  at[summed, total] <- 0L
  kept <- utils::head(which(!duplicated(n)), 50)
  list(
    n = n[kept, , drop = FALSE], at = at[kept, , drop = FALSE],
    n_printed = n_printed[kept, , drop = FALSE]
  )
}

count_figure <- function(counted, with_level = TRUE) {
  sprintf(
    "%s%s, %s", counted$variable, if (with_level) paste0(": ", counted$level) else "",
    ifelse(counted$arm == "", "all arms", counted$arm)
  )
}

percent_checks <- function(counted) {
  of <- counted[!is.na(counted$percent_at) & !is.na(counted$of), ]
  in_arm <- counted$arm != ""
  groups <- split(counted$n_at, counted$group)
  bases <- split(ifelse(counted$in_base, counted$n_at, NA), counted$group)
  lines <- split(counted$n_at[in_arm], factor(counted$line[in_arm], seq_len(max(counted$line))))
  arms <- split(counted$size_at[in_arm], counted$variable[in_arm])
  wholes <- lapply(seq_len(nrow(of)), function(k) {
    switch(of$of[[k]],
      arm = if (of$size_at[[k]] == 0) unique(arms[[of$variable[[k]]]]) else of$size_at[[k]],
      counted = others_of(of[k, ], groups, bases),
      row = if (of$arm[[k]] == "") NA else setdiff(lines[[of$line[[k]]]], of$n_at[[k]])
    )
  })
  Map(new_check, "percent", of$percent_at, Map(c, of$n_at, wholes),
    par = as.numeric(of$of != "arm"), figure = count_figure(of),
    note = c(arm = "", counted = "of those counted", row = "of the row")[of$of]
  )
}

# The other cells of the sum that a percentage is a share of.
others_of <- function(row, groups, bases) {
  if (is.na(row$sum)) {
    return(NA)
  }
  cells <- if (row$in_base) bases[[row$group]] else groups[[row$group]]
  setdiff(cells[!is.na(cells)], row$n_at)
}

# The levels add up to the arm, as far as the tables tell that they must.
level_sum_checks <- function(counted) {
  groups <- counted[!duplicated(counted$group) & !is.na(counted$sum) & counted$n_levels > 1, ]
  groups <- groups[which(
    groups$is_whole & groups$size_at > 0 & groups$sum > 0 & !may_differ(groups)
  ), ]
  levels <- split(counted$n_at, counted$group)[groups$group]
  Map(new_check, "sum", groups$size_at, levels,
    check = "total", par = lengths(levels), figure = count_figure(groups, FALSE)
  )
}

# Where may the levels be of other people than the arm's size? Of fewer, without those who have no
# level, where percentages are of them, or are all of the arm and right, or do not tell (of the
# row, or none); of more, before some were lost, where percentages or most variables say so, or
# another table. But where the size is printed once (and for more people, nothing else) and the
# variables agree on another one, it is more likely a misprint. All arms together are as each of
# them.
may_differ <- function(groups) {
  key <- paste(groups$arm, groups$size)
  variables <- function(compare) {
    vapply(which(!duplicated(key)), function(k) {
      sum(compare(groups$sum[groups$arm == groups$arm[[k]]], groups$size[[k]]) %in% TRUE)
    }, 0L)[match(key, unique(key))]
  }
  more_above <- variables(`>`) > variables(`==`)
  same <- paste(groups$arm, groups$sum, groups$size, groups$is_whole)
  n_same <- tabulate(match(same, same), nrow(groups))[match(same, same)]
  is_misprint <- groups$n_printed == 1 & n_same > 1 &
    2 * n_same > sums_by(groups$is_whole, groups$arm)
  is_unsaid <- groups$of %in% "counted" | groups$n_percents == 0
  of_fewer <- groups$sum < groups$size &
    (groups$all_fit | groups$of %in% c("row", NA) | (is_unsaid & !is_misprint))
  is_said <- (groups$of %in% "counted" | more_above) & !(is_misprint & groups$n_sizes == 1)
  of_more <- groups$sum > groups$size & (is_said | groups$is_printed)
  differs <- (of_fewer | of_more) %in% TRUE
  differs | (groups$arm == "" & groups$variable %in% groups$variable[differs])
}

# The arms add up to the total column; an arm that has no rows of a variable has no part in it.
column_sum_checks <- function(counted) {
  total <- counted[counted$arm == "" & !is.na(counted$n_at), ]
  arms <- counted[counted$arm != "", ]
  printed <- arms[!is.na(arms$n_at), ]
  cells <- unname(split(printed$n_at, printed$line)[as.character(total$line)])
  first <- !duplicated(arms$group)
  n_arms <- tabulate(match(arms$variable[first], total$variable), nrow(total))
  n_arms <- n_arms[match(total$variable, total$variable)]
  is_complete <- n_arms > 0 & lengths(cells) == n_arms
  total <- total[is_complete, ]
  cells <- cells[is_complete]
  Map(new_check, "sum", total$n_at, cells,
    check = "total", par = lengths(cells), figure = count_figure(total)
  )
}

# Where an outcome is of everybody in the arm and a variable takes in the whole arm, as in most
# arms, so are its strata.
stratum_size_checks <- function(tables, published, counted) {
  means <- published$means
  rows <- which(means$variable != "" & means$level != "" & !is.na(tables$at$means[, "n"]))
  key <- function(...) paste(..., sep = "\r")
  line <- match(
    key(means$variable, means$level, means$arm)[rows],
    key(counted$variable, counted$level, counted$arm)
  )
  all <- match(
    key(means$outcome, "", "", means$arm)[rows],
    key(means$outcome, means$variable, means$level, means$arm)
  )
  n <- exact_counts(tables, tables$at$means[all, "n"])
  is_whole <- which(counted$is_most[line] & counted$sum[line] == counted$size[line] &
    n == counted$size[line] &
    n == tables$everybody(means$arm[rows]))
  rows <- rows[is_whole]
  Map(new_check, "sum", tables$at$means[rows, "n"], counted$n_at[line[is_whole]],
    check = "stratum", par = 1,
    figure = sprintf("n of %s, %s", means$outcome[rows], count_figure(counted[line[is_whole], ]))
  )
}

# ---- Tests of counts ----

count_test_checks <- function(tables, published, counted) {
  tests <- published$tests
  rows <- which(tests$test %in% c("chisq", "fisher") & tests$by %in% c("", "arm"))
  margins <- match(tests$outcome, names(tables$margins)[-1]) + 1L
  with_missing <- counted$variable[counted$is_missing | (counted$sum < counted$size) %in% TRUE]
  unlist(lapply(rows, function(row) {
    test <- lapply(tests, `[[`, row)
    test$margin <- margins[[row]]
    at <- tables$at$tests[row, ]
    own <- counted[counted$variable == test$outcome, ]
    some_missing <- any(own$is_missing) || length(setdiff(with_missing, test$outcome)) > 0
    of <- tested_tables(tables, published, test, at, own, some_missing)
    figure <- paste0(
      test$outcome, if (nzchar(test$level)) paste0(" (", test$level, ")"), " by ",
      if (nzchar(test$reference)) paste0(test$arm, ", ", test$reference) else "arm"
    )
    checks_of <- if (test$test == "fisher") fisher_checks else chi_square_checks
    choices <- lapply(of$tables, checks_of, at = at, figure = figure)
    rests <- Filter(function(counts) counts$form == "totals" && !is.na(test$margin), of$tables)
    if (length(choices) == 1 && of$is_sure && length(rests) == 0) {
      return(choices[[1]])
    }
    bad <- vapply(choices, function(specs) sum(contradictions(tables, specs)), 0L)
    if (length(bad) > 0 && min(bad) > 0) {
      of$is_sure <- of$is_sure && !any(vapply(rests, rest_may_lack, NA, tables, at))
    }
    if (length(bad) > 0 && (of$is_sure || min(bad) == 0)) {
      choices[[which.min(bad)]]
    } else {
      checks_of(NULL, at, figure)
    }
  }), recursive = FALSE)
}

fisher_checks <- function(counts, at, figure) {
  list(table_check("fisher", at[["p"]], counts, "fisher", figure))
}

chi_square_checks <- function(counts, at, figure) {
  list(
    table_check("chisq", at[["statistic"]], counts, "chisq", figure),
    table_check("chisq_df", at[["df"]], counts, "df", figure),
    if (is.null(counts)) {
      new_check("p_chisq", at[["p"]], at[c("statistic", "df")], check = "p", figure = figure)
    } else if (is.na(at[["statistic"]])) {
      table_check("chisq_p", at[["p"]], counts, "chisq", figure)
    } else {
      table_check("chisq_p", at[["p"]], counts, "p", figure, at[["statistic"]])
    }
  )
}

# As the core numbers them.
table_forms <- c("levels", "totals", "others")

table_check <- function(kind, target, counts, check, figure, statistic = integer()) {
  if (!is.null(counts)) {
    new_check(kind, target, c(as.vector(t(counts$at)), statistic),
      check = check, dims = dim(counts$at), par = match(counts$form, table_forms) - 1,
      figure = figure
    )
  }
}

# The tables that a test may be of, list(tables, is_sure): is it one of them? A table is list(at,
# form): cells, levels by arms; the form says whether the last row holds totals, or all rows but
# the first are one level. None if it is not printed.
tested_tables <- function(tables, published, test, at, own, some_missing) {
  of <- if (is.na(test$margin)) {
    list(tables = list(step_counts(tables, published, test$outcome)), is_sure = TRUE)
  } else {
    sizes <- ifelse(own$is_sure & own$fits_size, own$size_at, NA)
    sizes <- sizes[match(design_values(published, "arms"), own$arm)]
    cells <- t(tables$margins[[test$margin]])
    level_tables(tables, test, at, cells, sizes, any(own$is_told), some_missing)
  }
  of$tables <- c(of$tables, lapply(of$tables, without_empty_arms, tables))
  of$tables <- lapply(of$tables, tested_arms, tables, published, test, at)
  of$tables <- of$tables[!vapply(of$tables, is.null, NA)]
  of
}

# An arm in which a variable makes no sense may be printed with 0; its people are no rest then.
without_empty_arms <- function(counts, tables) {
  n <- matrix(exact_counts(tables, counts$at), nrow(counts$at))
  is_empty <- colSums(utils::head(n, -1) != 0) %in% 0
  if (counts$form == "totals" && any(is_empty)) {
    counts$is_empty <- is_empty
    counts
  }
}

tested_arms <- function(counts, tables, published, test, at) {
  if (is.null(counts)) {
    return(NULL)
  }
  pair <- setdiff(c(test$arm, test$reference), "")
  arms <- colnames(counts$at)
  listed <- published$counts$arm[published$counts$variable == test$outcome]
  compared <- if (length(pair) > 0) pair else arms[arms %in% listed | !any(arms %in% listed)]
  compared <- setdiff(compared, arms[counts$is_empty %in% TRUE])
  kept <- intersect(compared, arms[colSums(is.na(counts$at)) == 0])
  is_of_all <- length(kept) == length(compared)
  if (length(kept) > 1 && (is_of_all || is_of_some_arms(tables, at, counts, length(kept)))) {
    counts$at <- counts$at[, kept, drop = FALSE]
    counts
  }
}

# Arms without rows are not in a test. Others have no counts because a variable makes no sense in
# them, or because they are not printed: df must say that the test was of the rest only.
is_of_some_arms <- function(tables, at, counts, n_arms) {
  df <- exact_counts(tables, at[["df"]])
  counts$form == "levels" && df %in% ((nrow(counts$at) - 1) * (n_arms - 1))
}

# Those who reached a step of the flow, or were lost (`completion`), and those who did not.
step_counts <- function(tables, published, outcome) {
  step <- if (outcome == "completion") steps_named(published, "lost") else outcome
  arms <- design_values(published, "arms")
  flow <- published$flow
  cells_of <- function(step) {
    rows <- which(flow$step == step)
    tables$at$flow[rows[match(arms, flow$arm[rows])], "n"]
  }
  # Lost at several steps: their sum is not printed.
  at <- if (length(step) == 1) {
    rbind(cells_of(step), cells_of(steps_named(published, "randomised")[[1]]))
  } else {
    matrix(NA_integer_, 2, length(arms))
  }
  colnames(at) <- arms
  list(at = at, form = "totals")
}

# The printed levels, without or with those of people whose level is missing; a level against the
# others, or with all that are not printed as one more, where the test is of one, only one is
# printed or df says so. It is sure that the test is one of them where df or the counts tell that
# all levels are printed, or nothing tells that some people have no level: they would not be in the
# rest.
level_tables <- function(tables, test, at, cells, sizes, is_told, some_missing) {
  cells[cells == 1L] <- NA
  # Of a subgroup no counts are printed.
  if (!test$variable %in% c("", test$outcome) || (nzchar(test$level) &&
    !test$level %in% rownames(cells))) {
    return(NULL)
  }
  levels <- cells[!is_missing_level(rownames(cells)), , drop = FALSE]
  with_rest <- function(cells) list(at = rbind(cells, sizes), form = "totals")
  if (nzchar(test$level)) {
    level <- cells[test$level, , drop = FALSE]
    others <- levels[rownames(levels) != test$level, , drop = FALSE]
    against <- list(at = rbind(level, others), form = "others")
    return(list(
      tables = list(if (nrow(others) > 0) against else with_rest(level), with_rest(level)),
      is_sure = is_told || (!some_missing && nrow(others) == 0)
    ))
  }
  df <- exact_counts(tables, at[["df"]])
  n_arms <- if (nzchar(test$reference)) 2 else sum(colSums(is.na(cells)) == 0)
  df_is_of <- function(n_levels) df %in% ((n_levels - 1) * (n_arms - 1))
  is_all <- nrow(levels) > 1 && (is_told || df_is_of(nrow(levels)))
  has_rest <- df_is_of(nrow(levels) + 1) || (is.na(df) && !is_told)
  rest_is_sure <- !some_missing && !anyNA(sizes) && nrow(levels) == 1
  plain <- function(cells) list(list(at = cells, form = "levels"))
  list(
    tables = c(
      if (is_all || (nrow(levels) > 1 && is.na(df))) plain(levels),
      if (nrow(levels) < nrow(cells) && (is.na(df) || df_is_of(nrow(cells)))) plain(cells),
      if (has_rest) list(with_rest(levels))
    ),
    is_sure = is_all || (has_rest && rest_is_sure)
  )
}

# Could the chi-square of a level and the rest of each arm be right if some people, up to a
# twentieth of the arm and two of a small one, had no level? They would be in no rest. From a grid
# of how many those may be; Fisher's test is not looked at.
rest_may_lack <- function(counts, tables, at) {
  n <- exact_counts(tables, counts$at[1, ])
  size <- exact_counts(tables, counts$at[2, ])
  k <- length(n)
  most <- pmin(pmax(2, floor(size / 20)), size - n)
  if (nrow(counts$at) != 2 || k > 8 || anyNA(most) || any(most < 0)) {
    return(TRUE)
  }
  ways <- lapply(most, function(most) unique(round(seq(0, most, length.out = 4))))
  known <- size - t(as.matrix(expand.grid(ways)))
  p <- sum(n) / colSums(known)
  expected <- known * rep(p, each = k)
  chi_square <- function(correction) {
    off <- pmax(abs(n - expected) - correction, 0)
    colSums(off^2 / expected) / (1 - p)
  }
  found <- range(chi_square(0), if (k == 2) chi_square(0.5), finite = TRUE)
  is_p <- is.na(at[["statistic"]])
  ends <- cell_ends(tables, at[[if (is_p) "p" else "statistic"]])
  if (is_p) {
    found <- rev(stats::pchisq(found, k - 1, lower.tail = FALSE))
  }
  is.na(ends$low) || (found[[1]] <= ends$high && found[[2]] >= ends$low)
}

# Which chi-square of a 2 x 2 table it was that came near to the printed one.
chi_square_notes <- function(tables, found) {
  checks <- tables$checks
  rows <- which(checks$kind %in% c("chisq", "chisq_p") & checks$n == 4 & checks$n_rows == 2 &
    !is.na(found$value))
  n <- matrix(exact_counts(tables, tables$inputs[outer(1:4, checks$first[rows], `+`)]), 4)
  totals <- checks$par1[rows] == 1
  n[3:4, totals] <- n[3:4, totals] - n[1:2, totals]
  pearson <- colSums(n) * (n[1, ] * n[4, ] - n[2, ] * n[3, ])^2 /
    ((n[1, ] + n[2, ]) * (n[3, ] + n[4, ]) * (n[1, ] + n[3, ]) * (n[2, ] + n[4, ]))
  plain <- ifelse(
    checks$kind[rows] == "chisq", pearson, stats::pchisq(pearson, 1, lower.tail = FALSE)
  )
  corrected <- abs(found$value[rows] - plain) > 1e-8 * (1e-6 + plain)
  checks$note[rows[corrected]] <- "with Yates's correction"
  checks$note
}
