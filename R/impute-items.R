# Questionnaires in multiple imputation: items by their own scale's items and other totals.

#' Tie an instrument to columns of the data
#'
#' An instrument whose items have the names of the columns that hold them: one
#' for each occasion when a questionnaire was given more than once. It can be
#' used wherever an instrument can, without `columns =`; in [impute()] it says
#' which columns are items.
#'
#' @section Items in multiple imputation:
#' A scale score is missing because some of its items are. Imputing the items
#' uses the answers that were given: with one of twenty items missing, the
#' score is known but for a twentieth. Imputing the score throws them away, and
#' needs more people for the same precision (Gottschall, West & Enders 2012);
#' leaving those people out, or taking the mean of the items they answered, is
#' biased when the items that are missing depend on the answers to others
#' (Eekhout et al. 2014).
#'
#' With every item as a predictor of every other a model soon has more
#' predictors than the data can carry: two occasions of twenty items and a
#' second questionnaire are sixty. `impute(data, instrument = ...)` takes as
#' predictors
#' * of an item: the other items of its own scale at the same occasion, the
#'   *totals* of all other scales and occasions, and the other variables;
#' * of any other variable: the totals, and the other variables.
#'
#' A total is no variable that is imputed. It is computed from the items as they
#' stand, at once, whenever one of them has been drawn anew; so no total is
#' ever stale. (In mice that is passive imputation, `~ I(q1 + q2 + q3)`: the
#' total must stand in the data, be visited after every one of its items, and
#' be taken out of the predictors of its own items by hand, else the chain runs
#' away; van Buuren 2018, section 6.4.) Totals are kept out of the data:
#' [score()] makes them from the completed items afterwards.
#'
#' An item's own scale is the one with the fewest items among those it belongs
#' to. A scale that holds another scale, such as a total beside its subscales,
#' is no predictor, because its subscales already are; nor is a total with the
#' item itself in it.
#'
#' Every value imputed for an item is an answer that the form offers: `pmm`
#' takes observed answers, and what `norm` draws is put within the declared
#' range and on its steps.
#'
#' The data should not hold a score of the items themselves: it would be imputed beside them and
#' no longer be their sum. A column that equals a score of the instrument is an error.
#'
#' An item that nobody answered cannot be imputed. It stays missing, enters no
#' total, and the log of the imputations says so; [score()] then treats it by
#' the scale's own rule for missing answers.
#'
#' @param instrument An [instrument()], the id of one, or [new_instrument()].
#' @param columns Names of the columns of the data, one for each item, in the
#'   order of the instrument's items.
#' @return An instrument, see [instruments()], whose items are `columns`.
#' @section Errors:
#' `questrial_error_dimension` for too few or too many columns,
#' `questrial_error_argument` for what is no name, or is one twice.
#' @references
#' Eekhout I, de Vet HCW, Twisk JWR, et al. (2014) Missing data in a multi-item instrument were best
#' handled by multiple imputation at the item score level. Journal of Clinical Epidemiology
#' 67:335-342. \doi{10.1016/j.jclinepi.2013.09.009}
#'
#' Gottschall AC, West SG, Enders CK (2012) A comparison of item-level and scale-level multiple
#' imputation for questionnaire batteries. Multivariate Behavioral Research 47:1-25.
#' \doi{10.1080/00273171.2012.640589}
#'
#' van Buuren S (2018) Flexible imputation of missing data, 2nd edition. Chapman & Hall.
#' \doi{10.1201/9780429492259}
#' @seealso [score()], which also scores imputations.
#' @examples
#' occasions <- list(
#'   t0 = on_columns("jse-s", paste0("t0_", 1:20)),
#'   t1 = on_columns("jse-s", paste0("t1_", 1:20))
#' )
#' summary(score(balint, occasions$t1) - score(balint, occasions$t0))
#'
#' students <- balint[setdiff(names(balint), c("id", "group", "absences"))]
#' imp <- impute(students, m = 2, iterations = 3, instrument = occasions, seed = 1)
#' imp <- transform(scores(imp), change = t1_total - t0_total)
#' fit_glm(change ~ arm, imp)
#' @export
on_columns <- function(instrument, columns) {
  instrument <- as_instrument(instrument)
  check_names(columns, "columns")
  instrument$items <- item_columns(NULL, instrument, columns)
  instrument
}

# ---- What `instrument =` of impute() means for a data frame ----

# `instrument`: an instrument, or a list of them with a name for each occasion. Gives
# * items: the instruments, by occasion ("" for a single one), their items named by columns
# * never: columns that nobody answered
# * scores: the totals, by name; each a list of `parts` (columns), `weights`, `constant`,
#   `occasion`, `scale`
# * predictors: for each answered item of a scale, the items and totals that predict it
# * outside: the totals, which predict all other variables
# * limits: for each item, c(min, max, step)
item_plan <- function(instrument, data) {
  items <- instruments_of(instrument)
  check_own_columns(items)
  for (one in items) {
    check_all_answers(one, data)
  }
  columns <- unlist(lapply(items, `[[`, "items"), use.names = FALSE)
  check_no_scores(items, data[setdiff(names(data), columns)], data)
  never <- columns[vapply(columns, function(name) all(is.na(data[[name]])), NA)]
  scores <- do.call(c, unname(Map(item_totals, items, names(items), list(never))))
  names(scores) <- utils::tail(make.unique(c(names(data), names(scores))), length(scores))
  list(
    items = items, never = never, scores = scores,
    predictors = join_lists(lapply(items, item_predictors, never, scores)),
    outside = names(scores), limits = join_lists(lapply(items, item_limits))
  )
}

# Lists one after the other, under their own names.
join_lists <- function(x) {
  do.call(c, unname(x))
}

instruments_of <- function(instrument) {
  if (inherits(instrument, "instrument") || (is_text(instrument) && is.null(names(instrument)))) {
    return(list(as_instrument(instrument)) |> stats::setNames(""))
  }
  items <- lapply(as.list(instrument), as_instrument)
  names <- if (is.null(names(items))) rep("", length(items)) else names(items)
  ids <- vapply(items, function(x) x$id, "")
  names[!nzchar(names)] <- ids[!nzchar(names)]
  if (length(items) == 0 || anyNA(names) || anyDuplicated(names) > 0) {
    qst_abort("argument", paste(
      "`instrument` must be an instrument, or a list of them with a name for each, each once:",
      "list(t0 = on_columns(...), t1 = on_columns(...))."
    ))
  }
  stats::setNames(items, names)
}

is_text <- function(x) {
  is.character(x) && length(x) == 1
}

check_own_columns <- function(items) {
  columns <- unlist(lapply(items, `[[`, "items"), use.names = FALSE)
  doubled <- unique(columns[duplicated(columns)])
  if (length(doubled) > 0) {
    qst_abort("argument", sprintf(
      "`instrument` has column %s as two items. Tie each item to a column of its own.",
      enumerate(doubled)
    ), column = doubled)
  }
}

# As score() checks them, items of no scale included.
check_all_answers <- function(instrument, data) {
  all <- seq_along(instrument$items)
  answers <- read_item_columns(data, instrument, all, NULL)
  rule <- list(items = all, score = "sum", multiply = 1, max_missing = 0)
  invisible(score_scale(answers, rule, count = FALSE))
}

# A score among the columns would be imputed beside its items and no longer be their score.
check_no_scores <- function(items, others, data) {
  others <- others[vapply(others, function(x) is.numeric(x) && is.null(dim(x)), NA)]
  for (k in seq_along(items)) {
    occasion <- names(items)[[k]]
    for (scale in names(items[[k]]$scales)) {
      total <- score(data, items[[k]], scale)
      same <- names(others)[vapply(others, same_score, NA, total)]
      if (length(same) > 0) {
        qst_abort("argument", sprintf(paste(
          "Column `%s` is the score of scale `%s`%s. Imputed beside its items it would not be",
          "theirs any more: leave it out of `data`, and make it from the result by score()."
        ), same[[1]], scale, if (nzchar(occasion)) sprintf(" at `%s`", occasion) else ""),
        column = same[[1]])
      }
    }
  }
}

# Equal wherever both are there, and not by chance.
same_score <- function(x, total) {
  both <- which(!is.na(x) & !is.na(total))
  length(unique(total[both])) >= 3 && all(abs(x[both] - total[both]) < 1e-6)
}

item_limits <- function(instrument) {
  limits <- c(instrument$min, instrument$max, instrument$step)
  stats::setNames(rep(list(limits), length(instrument$items)), instrument$items)
}

# Scales by the items that were answered; equal ones once.
answered_scales <- function(instrument, unanswered) {
  answered <- which(!instrument$items %in% unanswered)
  scales <- lapply(instrument$scales, function(scale) intersect(scale$items, answered))
  scales[lengths(scales) > 0 & !duplicated(lapply(scales, sort))]
}

# Of an item: those of its own scale, which is its smallest; the totals without it, unless they
# are made of its own scale's items; items of scales it belongs to that are in none of these.
item_predictors <- function(instrument, never, scores) {
  scales <- answered_scales(instrument, never)
  scales <- lapply(scales[order(lengths(scales))], function(members) instrument$items[members])
  items <- as.character(unique(unlist(scales, use.names = FALSE)))
  sets <- lapply(items, function(item) {
    holding <- Filter(function(members) item %in% members, scales)
    totals <- Filter(function(total) {
      !item %in% total$parts && !all(total$parts %in% holding[[1]])
    }, scores)
    in_totals <- unlist(lapply(totals, `[[`, "parts"))
    beside <- setdiff(unlist(holding[-1]), c(holding[[1]], in_totals))
    c(setdiff(holding[[1]], item), beside, names(totals))
  })
  stats::setNames(sets, items)
}

# The totals of scales that hold no other scale.
item_totals <- function(instrument, occasion, unanswered) {
  scales <- answered_scales(instrument, unanswered)
  holds_other <- vapply(seq_along(scales), function(i) {
    any(vapply(scales[-i], function(other) all(other %in% scales[[i]]), NA))
  }, NA)
  scales <- scales[!holds_other]
  if (length(scales) == 0) {
    return(list())
  }
  totals <- Map(function(members, name) {
    c(linear_score(instrument, name, members), list(occasion = occasion, scale = name))
  }, scales, names(scales))
  names(totals) <- total_names(occasion, names(scales))
  totals
}

# A scale's score as constant + sum of weight x answer, the items that nobody answered
# replaced by the mean of the others as score() does.
linear_score <- function(instrument, scale, members) {
  rule <- instrument$scales[[scale]]
  turned <- instrument$reversed[members]
  range <- instrument$max - instrument$min
  factor <- rule$multiply / length(members) *
    switch(rule$score, sum = length(rule$items), mean = 1, percent = 100 / range)
  shift <- if (rule$score == "percent") length(members) * instrument$min else 0
  list(
    parts = instrument$items[members], weights = ifelse(turned, -factor, factor),
    constant = factor * (sum(turned) * (instrument$min + instrument$max) - shift)
  )
}
