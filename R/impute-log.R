# What was decided without being asked for: a data frame in words, one row a decision.

# What is known before the first draw.
problem_log <- function(columns, method, pool, sets, groups, plan) {
  rbind(
    pool_log(columns, pool, sets, method),
    level_log(columns, method),
    constant_log(columns, method),
    if (!is.null(groups$cluster)) cluster_log(method)
  )
}

log_rows <- function(variable, decision, predictor = NA_character_, visits = NA_real_,
                     of = NA_real_) {
  n <- length(variable)
  list2DF(list(
    variable = as.character(variable), decision = rep_len(as.character(decision), n),
    predictor = rep_len(predictor, n), visits = rep_len(visits, n), of = rep_len(of, n)
  ))
}

# Columns that predict nothing unless they were asked for; of constants that are completed
# constant_log() tells.
pool_log <- function(columns, pool, sets, method) {
  out <- names(pool)[pool != "" & !names(pool) %in% unlist(sets) & method != "constant"]
  words <- c(
    by = "no predictor: groups are completed each by itself",
    cluster = "no predictor: cluster",
    character = "carried along, no predictor: character",
    other = "carried along, no predictor: of class %s",
    never = "left incomplete, no predictor: nobody answered",
    incomplete = "left incomplete, no predictor",
    constant = "no predictor: all values are the same",
    identifier = "no predictor: names of the rows"
  )
  decision <- words[pool[out]]
  classed <- pool[out] == "other"
  decision[classed] <- sprintf(
    words[["other"]], vapply(columns[out[classed]], `[[`, "", "class")
  )
  log_rows(out, decision)
}

level_log <- function(columns, method) {
  unused <- lapply(columns, function(column) {
    column$levels[setdiff(seq_along(column$levels), column$used)]
  })
  affected <- names(columns)[lengths(unused) > 0 & nzchar(method)]
  words <- vapply(affected, function(name) {
    kind <- if (columns[[name]]$kind == "logical") "value" else "level"
    sprintf(
      "%s%s %s never occur%s, and %s never imputed", kind,
      if (length(unused[[name]]) == 1) "" else "s", enumerate(unused[[name]]),
      if (length(unused[[name]]) == 1) "s" else "",
      if (length(unused[[name]]) == 1) "is" else "are"
    )
  }, "")
  log_rows(affected, words)
}

constant_log <- function(columns, method) {
  log_rows(names(method)[method == "constant"], "only one value is observed: it is imputed")
}

cluster_log <- function(method) {
  without <- names(method)[nzchar(method) & !method %in% c("pmm", "norm", "logreg", "constant")]
  log_rows(without, sprintf("no cluster effects: %s has none", method[without]))
}

# ---- What the core counted ----

decision_words <- c(
  few_donors = "fewer observed values than donors: all are donors",
  few_rows = "too few rows for all predictors: some or all left out",
  separated = "perfectly predicted in part: estimated with augmented rows",
  not_converged = "search for the mode not ended: its last step was used",
  no_effects = "no cluster effects: fewer than two clusters are observed, or too few rows",
  one_value = "only one value is observed: it is imputed"
)

# `counts`: matrices `left_out` and `decided`, and `of`: how many visits each variable had.
counted_log <- function(counts) {
  left <- which(counts$left_out > 0, arr.ind = TRUE)
  left <- left[order(left[, 1], left[, 2]), , drop = FALSE]
  names <- rownames(counts$left_out)
  decided <- which(counts$decided > 0, arr.ind = TRUE)
  decided <- decided[order(decided[, 1], decided[, 2]), , drop = FALSE]
  rbind(
    log_rows(
      names[left[, 1]], "predictor left out as constant, collinear or too many for the rows",
      names[left[, 2]], as.double(counts$left_out[left]), counts$of[left[, 1]]
    ),
    log_rows(
      names[decided[, 1]], unname(decision_words[colnames(counts$decided)[decided[, 2]]]),
      NA_character_, as.double(counts$decided[decided]), counts$of[decided[, 1]]
    )
  )
}

# One line a decision: what was decided alike of several variables, or of one about several
# predictors, is one line.
log_lines <- function(log) {
  often <- ifelse(is.na(log$visits), "", sprintf(" (%s)", visits_text(log$visits, log$of)))
  about <- ifelse(is.na(log$predictor), "", log$predictor)
  lines <- gather(list2DF(list(
    variable = log$variable, decision = log$decision, about = about, often = often
  )), "variable")
  lines <- gather(lines, "about")
  predictors <- vapply(lines$about, function(names) {
    if (identical(names, "")) "" else paste0(": ", enumerate(names, most = 4))
  }, "")
  variables <- vapply(lines$variable, enumerate, "", most = 4)
  paste0(variables, ": ", lines$decision, predictors, lines$often, recycle0 = TRUE)
}

# Joins rows that differ in column `name` only, which becomes a list of its values.
gather <- function(rows, name) {
  others <- rows[setdiff(names(rows), name)]
  key <- do.call(paste, c(lapply(others, function(x) {
    if (is.list(x)) vapply(x, paste, "", collapse = "\r") else x
  }), sep = "\n"))
  first <- !duplicated(key)
  joined <- rows[first, , drop = FALSE]
  joined[[name]] <- unname(split(rows[[name]], factor(key, key[first])))
  joined
}

visits_text <- function(visits, of) {
  known <- ifelse(visits == of, "always", sprintf("%.0f of %.0f visits", visits, of))
  ifelse(is.na(of), sprintf("%.0f time%s", visits, ifelse(visits == 1, "", "s")), known)
}
