# Questionnaires: the registry, the object, and its text file.

#' Questionnaires: the registry and the object
#'
#' `instruments()` lists the questionnaires that the package knows,
#' `instrument()` gives one of them and `new_instrument()` makes one. An
#' instrument holds the items, the range of the answers, which items are
#' reversed, and the scales: which items, how their score is made, how many
#' answers may be missing. It never holds the wording of items, which belongs
#' to the questionnaires' owners.
#'
#' Each scale of the registry says where its key comes from and whether the
#' key was `"seen"` in that source, `"partly seen"`, or is still
#' `"to be confirmed"`; `print()` shows it. Compare the key with the form that
#' was really used: versions of one questionnaire differ in order and
#' direction of items (field `versions`).
#'
#' @section Scores:
#' Reversal is `min + max - x`, by the declared range. With \eqn{k} items in
#' the scale and \eqn{\bar x} the mean of a person's answers to them:
#' * `"sum"`: \eqn{k \bar x}, the sum when nothing is missing, else prorated;
#' * `"mean"`: \eqn{\bar x};
#' * `"percent"`: \eqn{100 (\bar x - min) / (max - min)}, the percent of
#'   maximum possible (POMP; Cohen et al. 1999).
#'
#' `multiply` multiplies the result (Zung's index is 1.25 times the sum). With
#' more than `max_missing` of a scale's items missing the score is `NA`; a
#' person without any answer has no score, whatever the rule.
#'
#' @param id Identifier of an instrument in the registry, such as `"jse-s"`.
#' @param items Names of the items, in the order of the form; or how many,
#'   which names them `item_1`, `item_2`, ...
#' @param min,max Smallest and largest answer that the form offers.
#' @param reverse Names or numbers of the items to be reversed.
#' @param scales Named list of the items (names or numbers) of each scale;
#'   by default one scale, `total`, of all items.
#' @param score How a scale is scored: `"sum"`, `"mean"` or `"percent"`; one
#'   for all scales, or a vector named by scale.
#' @param max_missing Share of a scale's items that may be missing, from 0 to
#'   below 1; one for all scales, or a vector named by scale.
#' @param ... Texts to be kept and shown: `id`, `title`, `source`, `key`
#'   (`"seen"`, `"partly seen"` or `"to be confirmed"`), `missing_rule`,
#'   `licence`, `versions`.
#' @param step Distance between neighbouring answers.
#' @param multiply Factor of the score; one for all scales, or a vector named
#'   by scale.
#' @return `instruments()`: a data frame with one row an instrument: `id`,
#'   `title`, `items` (how many), `range`, `scales`, `source`.
#'   `instrument()`, `new_instrument()`: an object of class `instrument`, a
#'   list of `id`, `title`, `items`, `min`, `max`, `step`, `reversed` (logical,
#'   one an item), `scales` (a named list; each with `items` by number,
#'   `score`, `max_missing`, `multiply`, `key`, `source`) and texts.
#' @section Errors:
#' `questrial_error_argument` names the argument and the item or scale.
#' @references Cohen P, Cohen J, Aiken LS, West SG (1999) The problem of units
#'   and the circumstance for POMP. Multivariate Behavioral Research
#'   34:315-346. \doi{10.1207/S15327906MBR3403_2}
#' @seealso [score()], [reliability()], [read_instrument()].
#' @examples
#' instruments()
#' instrument("gad-7")
#' new_instrument(4, 1, 5, reverse = 2)
#' new_instrument(c("calm", "tense", "glad", "sad"), 0, 3,
#'   reverse = c("calm", "glad"),
#'   scales = list(anxiety = 1:2, mood = c("glad", "sad")), score = "mean"
#' )
#' @export
instruments <- function() {
  known <- lapply(registry_ids(), instrument)
  text <- function(field) vapply(known, function(x) x[[field]], "")
  structure(
    data.frame(
      id = text("id"), title = text("title"),
      items = vapply(known, function(x) length(x$items), 0L),
      range = vapply(known, range_words, ""),
      scales = vapply(known, function(x) paste(names(x$scales), collapse = ", "), ""),
      source = text("source")
    ),
    class = c("instruments", "data.frame")
  )
}

#' @rdname instruments
#' @export
instrument <- function(id) {
  check_string(id, "id")
  known <- registry_ids()
  if (!id %in% known) {
    qst_abort("argument", sprintf(
      "There is no instrument %s in the registry.%s instruments() lists them all.",
      describe(id), nearest(id, known)
    ), value = id)
  }
  read_instrument(file.path(registry_folder(), paste0(id, ".dcf")))
}

registry_folder <- function() {
  system.file("instruments", package = "questrial", mustWork = TRUE)
}

registry_ids <- function() {
  sort(sub("[.]dcf$", "", list.files(registry_folder(), "[.]dcf$")), method = "radix")
}

# " Did you mean `x`?" or nothing.
nearest <- function(name, known) {
  near <- suggest(name, known)
  if (startsWith(near, " Did")) near else ""
}

#' @rdname instruments
#' @export
new_instrument <- function(items, min, max, reverse = NULL, scales = NULL,
                           score = c("sum", "mean", "percent"), max_missing = 0.2, ...,
                           step = 1, multiply = 1) {
  score <- if (identical(score, score_kinds)) score_kinds[[1]] else score
  items <- check_items(items)
  texts <- check_texts(...)
  members <- if (is.null(scales)) list(total = seq_along(items)) else scales
  check_scale_names(members)
  check_range(min, max, step)
  scales <- lapply(members, function(x) {
    item_numbers(if (is.null(x)) character() else x, items, "scales")
  })
  rules <- list(score = score, max_missing = max_missing, multiply = multiply)
  rules <- Map(per_scale, rules, names(rules), MoreArgs = list(scales = names(scales)))
  structure(
    list(
      id = texts$id, title = texts$title, items = items,
      min = as.double(min), max = as.double(max), step = as.double(step),
      reversed = seq_along(items) %in% item_numbers(reverse, items, "reverse"),
      scales = lapply(names(scales), function(name) {
        c(list(items = scales[[name]]), check_rule(lapply(rules, `[[`, name), name),
          texts[c("key", "source")])
      }) |> stats::setNames(names(scales)),
      source = texts$source, missing_rule = texts$missing_rule,
      licence = texts$licence, versions = texts$versions
    ),
    class = "instrument"
  )
}

# ---- Checks of what an instrument is made of ----

check_items <- function(items) {
  if (is.numeric(items) && length(items) == 1) {
    check_number(items, "items", min = 1, max = 1e5, whole = TRUE)
    return(paste0("item_", seq_len(items)))
  }
  if (!is.character(items) || length(items) == 0 || anyNA(items) || any(!nzchar(items))) {
    qst_abort("argument", sprintf(
      "`items` must be names of items, or how many there are, not %s.", describe(items)
    ))
  }
  if (anyDuplicated(items) > 0) {
    qst_abort("argument", sprintf(
      "`items` names %s twice. Give each item a name of its own.",
      enumerate(unique(items[duplicated(items)]))
    ))
  }
  items
}

check_range <- function(min, max, step) {
  check_number(min, "min", min = -1e6, max = 1e6)
  check_number(max, "max", min = -1e6, max = 1e6)
  check_number(step, "step", min = 1e-6, max = 1e6)
  n_steps <- (max - min) / step
  if (max <= min || abs(n_steps - round(n_steps)) > 1e-6 || n_steps > 2^20) {
    qst_abort("argument", sprintf(
      "`max` (%s) must lie a whole number of steps of %s above `min` (%s).",
      format(max), format(step), format(min)
    ), value = max)
  }
}

check_scale_names <- function(scales) {
  names <- names(scales)
  ok <- is.list(scales) && length(scales) > 0 && !is.null(names) && all(nzchar(names)) &&
    anyDuplicated(names) == 0
  if (!ok) {
    qst_abort("argument", paste(
      "`scales` must be a list with a name for each scale, each once:",
      "list(anxiety = 1:7, depression = 8:14)."
    ))
  }
}

# Items by name or number to numbers.
item_numbers <- function(x, items, arg) {
  if (is.null(x)) {
    return(integer())
  }
  at <- if (is.character(x)) {
    match(x, items)
  } else if (is.numeric(x)) {
    match(x, seq_along(items))
  } else {
    rep(NA_integer_, length(x))
  }
  if (anyNA(at) || anyDuplicated(at) > 0 || length(at) == 0) {
    fault <- if (anyNA(at)) x[is.na(at)] else x[duplicated(at)]
    qst_abort("argument", sprintf(
      "`%s`: %s. Name items of the instrument (%s), or give numbers from 1 to %d, each once.",
      arg, if (length(x) == 0) {
        "there are no items"
      } else {
        paste(enumerate(as.character(fault)), if (anyNA(at)) "is no item" else "stands twice")
      }, enumerate(items, most = 3), length(items)
    ), value = fault)
  }
  at
}

# One value for all scales, or one by name for each.
per_scale <- function(x, arg, scales) {
  if (length(x) == 1 && is.null(names(x))) {
    return(stats::setNames(rep(list(x[[1]]), length(scales)), scales))
  }
  if (length(x) != length(scales) || !setequal(names(x), scales)) {
    qst_abort("argument", sprintf(
      "`%s` must be one value, or one for each scale by name (%s).", arg, enumerate(scales)
    ))
  }
  as.list(x)[scales]
}

score_kinds <- c("sum", "mean", "percent")

check_rule <- function(rule, scale) {
  of <- function(arg) sprintf("%s of scale %s", arg, scale)
  check_choice(rule$score, score_kinds, of("score"))
  check_number(rule$max_missing, of("max_missing"), min = 0, max = 1)
  check_number(rule$multiply, of("multiply"), min = -1e6, max = 1e6)
  if (rule$max_missing == 1 || rule$multiply == 0) {
    qst_abort("argument", sprintf(
      "Scale %s: `max_missing` must be below 1 and `multiply` not 0.", scale
    ))
  }
  rule
}

key_states <- c("seen", "partly seen", "to be confirmed")

check_texts <- function(...) {
  given <- list(...)
  known <- list(
    id = NA_character_, title = NA_character_, source = NA_character_,
    key = "to be confirmed", missing_rule = NA_character_, licence = NA_character_,
    versions = NA_character_
  )
  unknown <- setdiff(if (is.null(names(given))) rep("", length(given)) else names(given),
    names(known))
  if (length(unknown) > 0) {
    qst_abort("argument", sprintf(
      "Unknown argument %s. The texts an instrument can have are %s.",
      enumerate(unknown), enumerate(names(known), most = 10)
    ))
  }
  Map(check_text, given, names(given))
  texts <- utils::modifyList(known, given)
  check_choice(texts$key, key_states, "key")
  texts
}

check_text <- function(x, arg) {
  if (!is.character(x) || length(x) != 1) {
    qst_abort("argument", sprintf("`%s` must be a single text, not %s.", arg, describe(x)))
  }
}

# An instrument, or the id of one.
as_instrument <- function(x) {
  if (inherits(x, "instrument")) {
    return(check_intact(x))
  }
  if (!is.character(x)) {
    qst_abort("argument", sprintf(
      "`instrument` must be an instrument or the id of one, not %s. See instruments().",
      describe(x)
    ))
  }
  instrument(x)
}

# An instrument is a list that anybody can change.
check_intact <- function(x) {
  number <- vapply(x[c("min", "max", "step")], function(value) {
    is.numeric(value) && length(value) == 1 && is.finite(value)
  }, NA)
  members <- lapply(x$scales, `[[`, "items")
  ok <- all(number) && is.character(x$items) && is.logical(x$reversed) &&
    length(x$reversed) == length(x$items) && length(members) > 0 &&
    all(lengths(members) > 0) && all(unlist(members) %in% seq_along(x$items))
  if (!ok) {
    qst_abort("argument", paste(
      "`instrument` is not as new_instrument() or instrument() made it.",
      "Make it anew instead of changing its parts."
    ))
  }
  x
}

# The name of a scale of `instrument`; NULL means its first.
check_scale <- function(instrument, scale) {
  known <- names(instrument$scales)
  if (is.null(scale)) {
    return(known[[1]])
  }
  check_string(scale, "scale")
  if (!scale %in% known) {
    qst_abort("argument", sprintf(
      "`scale`: %s has no scale %s.%s Its scales are %s.", instrument_name(instrument),
      describe(scale), nearest(scale, known), enumerate(known)
    ), value = scale)
  }
  scale
}

# ---- Words ----

instrument_name <- function(x) {
  if (!is.na(x$title)) x$title else if (!is.na(x$id)) x$id else "the instrument"
}

range_words <- function(x) {
  step <- if (x$step == 1) "" else paste(" by", format(x$step))
  paste0(format(x$min), " to ", format(x$max), step)
}

# How many items of a scale may be missing. The small excess is for shares
# such as 0.15 whose product with a count falls short of the whole number.
n_missing_max <- function(scale) {
  as.integer(min(floor(scale$max_missing * length(scale$items) + 1e-9), length(scale$items) - 1))
}

# The smallest and largest score of a scale.
score_range <- function(instrument, scale) {
  rule <- instrument$scales[[scale]]
  ends <- switch(rule$score,
    sum = length(rule$items) * c(instrument$min, instrument$max),
    mean = c(instrument$min, instrument$max),
    percent = c(0, 100)
  )
  sort(ends * rule$multiply)
}

# One sentence on how a scale is scored.
score_words <- function(instrument, scale) {
  rule <- instrument$scales[[scale]]
  k <- length(rule$items)
  how <- switch(rule$score,
    sum = "sum of", mean = "mean of", percent = "percent of maximum possible over"
  )
  ends <- format(score_range(instrument, scale), trim = TRUE)
  n_reversed <- sum(instrument$reversed[rule$items])
  limit <- n_missing_max(rule)
  paste0(
    how, sprintf(" %d item%s", k, if (k == 1) "" else "s"),
    if (rule$multiply != 1) paste(" times", format(rule$multiply)),
    ", ", ends[[1]], " to ", ends[[2]],
    if (n_reversed > 0) sprintf(", %d reversed", n_reversed),
    if (limit == 0) {
      "; NA with any answer missing"
    } else {
      sprintf("; up to %d missing answer%s replaced by the person's mean", limit,
        if (limit == 1) "" else "s")
    }, "."
  )
}
