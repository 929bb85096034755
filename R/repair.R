#' Repair printed tables that contradict themselves
#'
#' Looks for the smallest sets of changes after which no check of an [audit()] is inconsistent, and
#' ranks them by how much speaks for each.
#'
#' A change is one thing that goes wrong in print: a `digit`; two neighbouring digits `transposed`;
#' a `sign`; the point a place off (`decimal`); two cells exchanged (`exchange`: neighbours in a
#' column, or two arms in a row) or two rows of several figures (`rows`); a `person` counted at
#' another level, percentages along with the counts; the `labels` of a variable's rows in a model,
#' or these and its `reference`, permuted. Sets of one change are tried first, then of two, up to
#' `max_size`. Inconsistent figures that no change has in common are repaired apart.
#'
#' All sets of the smallest size are found. The `share` of each is its weight among them: a change
#' is the likelier, the fewer changes of its kind these tables allow, and a set the likelier, the
#' closer every figure that any of the sets touches then lies to what it is recomputed as.
#' Sets that come to the same tables are one. A proposal is a reading of the print, not of the
#' trial: only its authors can say what was meant.
#'
#' @param audit An [audit()].
#' @param max_size Most changes in one proposal (of each part of the tables): 1 to 4.
#' @param max_proposals How many proposals are kept, the likeliest first.
#' @param threads Threads to use; the result is the same for any number.
#' @return A data frame of class `repair`, one row a cell that changes: `proposal` (its rank),
#'   `change` (see above), `cell` (`counts[23, n]`), `printed`, `repaired` (texts), `size` (changes
#'   in the proposal), `share`. No rows if nothing is inconsistent or nothing repairs it; what is
#'   left then stands in attribute `parts`, a data frame with a row a part: `cell` (its first
#'   inconsistent figure), `checks`, `size` (`NA`: not repaired), `found` (how many sets of that
#'   size repair it), `more` (`TRUE`: there are even more).
#' @seealso [repaired()], which puts a proposal in.
#' @examples
#' dir <- system.file("extdata", "lemogne2020", package = "questrial")
#' repair(audit(published(dir)))
#' @export
repair <- function(audit, max_size = 3, max_proposals = 20, threads = NULL) {
  check_class(audit, "audit", "audit")
  if (is.null(attr(audit, "tables"))) {
    qst_abort("argument", "`audit` has lost its tables. Give it as audit() returned it.")
  }
  check_number(max_size, "max_size", min = 1, max = 4, whole = TRUE)
  check_number(max_proposals, "max_proposals", min = 1, max = 1000, whole = TRUE)
  threads <- threads_to_use(threads)
  tables <- attr(audit, "tables")
  plan <- repair_plan(tables, attr(audit, "published"), max_size, max_proposals)
  found <- .Call(C_qstr_repair, core_tables(tables), plan, threads)
  dress_repair(found, audit, max_size, max_proposals)
}

dress_repair <- function(found, audit, max_size, max_proposals) {
  tables <- attr(audit, "tables")
  published <- attr(audit, "published")
  changes <- as.data.frame(found$rows)
  joint <- joint_proposals(found$proposals, max_proposals)
  chosen <- lapply(seq_along(joint$sets), function(rank) {
    own <- which(changes$proposal %in% joint$sets[[rank]])
    cbind(changes[own, ], rank = rep(rank, length(own)))
  })
  rows <- do.call(rbind, c(list(cbind(changes[0, ], rank = integer())), chosen))
  sizes <- vapply(chosen, function(set) nrow(unique(set[c("proposal", "change")])), 0L)
  cells <- tables$cells[rows$cell, ]
  result <- data.frame(
    proposal = rows$rank, change = rows$kind, cell = cell_names(cells), printed = cells$text,
    repaired = repaired_text(rows, cells, tables, published), size = sizes[rows$rank],
    share = joint$share[rows$rank]
  )
  differ <- which(result$printed != result$repaired)
  structure(result[differ, ],
    row.names = seq_along(differ), class = c("repair", "data.frame"),
    parts = repair_parts(found$parts, tables), audit = audit, max_size = max_size,
    at = rows$cell[differ], number = paste(rows$proposal, rows$change)[differ]
  )
}

cell_names <- function(cells) {
  sprintf("%s[%d, %s]", cells$table, cells$row, cells$column)
}

repair_parts <- function(parts, tables) {
  data.frame(
    cell = cell_names(tables$cells[tables$checks$target[parts$check], ]), checks = parts$n_checks,
    size = ifelse(parts$size == 0, NA_integer_, parts$size), found = parts$n_found,
    more = parts$is_more
  )
}

# One proposal of each part makes one for the tables; the likeliest first.
joint_proposals <- function(proposals, most) {
  sets <- list(integer())
  share <- 1
  for (part in unique(proposals$part)) {
    own <- which(proposals$part == part)
    pairs <- expand.grid(own = own, set = seq_along(sets))
    weight <- share[pairs$set] * proposals$share[pairs$own]
    kept <- utils::head(order(-weight), most)
    sets <- Map(c, sets[pairs$set[kept]], pairs$own[kept])
    share <- weight[kept]
  }
  if (length(proposals$part) == 0) list(sets = list(), share = numeric()) else list(
    sets = unname(sets), share = share
  )
}

# ---- Text ----

# A new number in the manner of the cell's own; a level for a label.
repaired_text <- function(rows, cells, tables, published) {
  text <- character(nrow(rows))
  label <- rows$cell_kind == cell_kinds[["label"]]
  text[label] <- vapply(which(label), function(k) {
    variable <- names(tables$margins)[[rows$decimals[[k]] + 1]]
    margin_levels(tables, published, variable)[[rows$digits[[k]] + 1]]
  }, "")
  text[!label] <- number_as(rows[!label, ], cells$text[!label])
  text
}

# Mark, sign and zero before the point as in the printed text `like`.
number_as <- function(rows, like) {
  text <- sprintf("%.*f", rows$decimals, abs(rows$digits) / 10^rows$decimals)
  bare <- grepl("^[^0-9.,]*[.,]", like)
  text[bare] <- sub("^0[.]", ".", text[bare])
  minus <- ifelse(grepl("\u2212", like), "\u2212", ifelse(grepl("\u2013", like), "\u2013", "-"))
  limit <- c("", "<", ">")[match(rows$cell_kind, cell_kinds[c("number", "below", "above")], 1)]
  text <- paste0(limit, ifelse(rows$digits < 0, minus, ""), text)
  ifelse(grepl(",", like, fixed = TRUE), sub(".", ",", text, fixed = TRUE), text)
}

# ---- Put in ----

#' Printed tables with a repair put in
#'
#' @param repair A [repair()].
#' @param proposal Which of its proposals.
#' @return The [published()] tables with that proposal's changes; its table `repairs` lists them
#'   and its attribute `repaired` is `TRUE`.
#' @examples
#' dir <- system.file("extdata", "lemogne2020", package = "questrial")
#' found <- repair(audit(published(dir)))
#' audit(repaired(found))
#' @export
repaired <- function(repair, proposal = 1) {
  check_class(repair, "repair", "repair")
  check_number(proposal, "proposal", min = 1, whole = TRUE)
  audit <- attr(repair, "audit")
  own <- which(repair$proposal == proposal)
  if (length(own) == 0) {
    qst_abort("argument", sprintf(
      "`repair` has no proposal %d. It has %d.", proposal, max(0, repair$proposal)
    ), value = proposal)
  }
  cells <- attr(audit, "tables")$cells[attr(repair, "at")[own], ]
  changes <- data.frame(
    table = cells$table, row = cells$row, column = cells$column, printed = cells$text,
    repaired = repair$repaired[own], reason = repair$change[own]
  )
  put_in(attr(audit, "published"), spread_references(changes, attr(audit, "published")$model))
}

# A reference stands at every row of its variable.
spread_references <- function(changes, model) {
  for (k in which(changes$column == "reference")) {
    row <- changes$row[[k]]
    rest <- setdiff(which(
      model$variable == model$variable[[row]] & model$reference == changes$printed[[k]]
    ), row)
    more <- changes[rep(k, length(rest)), ]
    more$row <- rest
    changes <- rbind(changes, more)
  }
  changes
}

put_in <- function(published, changes) {
  for (k in seq_len(nrow(changes))) {
    change <- changes[k, ]
    published[[change$table]][[change$column]][[change$row]] <- change$repaired
  }
  changes$row <- as.character(changes$row)
  rownames(changes) <- NULL
  published$repairs <- rbind(
    if (isTRUE(attr(published, "repaired"))) published$repairs, changes
  )
  attr(published, "repaired") <- TRUE
  published
}

# ---- Print ----

#' @export
print.repair <- function(x, n = 3, ...) {
  check_no_dots(...)
  check_number(n, "n", min = 0, whole = TRUE)
  parts <- attr(x, "parts")
  width <- getOption("width")
  if (is.null(parts)) {
    print.data.frame(x)
    return(invisible(x))
  }
  cat(wrap_text(repair_words(x, parts), width), sep = "\n")
  shown <- seq_len(min(n, max(0, x$proposal)))
  for (proposal in shown) {
    cat("\n", sprintf("Proposal %d%s\n", proposal, share_words(x, proposal)), sep = "")
    lines <- change_words(x, proposal)
    cat(unlist(lapply(lines, strwrap, width = width, indent = 2, exdent = 4)), sep = "\n")
  }
  more <- max(0, x$proposal) - length(shown)
  if (more > 0) {
    cat("\n", sprintf("%s more: print(x, n = %d).\n", count_words(more, "proposal"),
      max(x$proposal)), sep = "")
  }
  invisible(x)
}

repair_words <- function(x, parts) {
  if (nrow(parts) == 0) {
    return("Nothing to repair: no figure is inconsistent.")
  }
  lost <- which(is.na(parts$size))
  most <- attr(x, "max_size")
  sets <- if (most == 1) "change" else sprintf("set of up to %d changes", most)
  c(
    sprintf("%s %s inconsistent.", count_words(sum(parts$checks), "check"),
      if (sum(parts$checks) == 1) "is" else "are"),
    if (length(lost) > 0) {
      sprintf("No %s repairs what is wrong at %s.", sets, enumerate(parts$cell[lost]))
    },
    vapply(which(!is.na(parts$size)), function(k) rival_words(parts[k, ], nrow(parts) > 1), "")
  )
}

# How many sets of changes repair a part.
rival_words <- function(part, is_one_of_several) {
  place <- if (is_one_of_several) sprintf(" (what is wrong at %s)", part$cell) else ""
  change <- count_words(part$size, "change")
  if (part$found == 1) {
    sprintf("One set of %s, and no smaller or other of that size, repairs it%s.", change, place)
  } else {
    sprintf("%s%d sets of %s repair it%s; none of fewer does.",
      if (part$more) "At least " else "", part$found, change, place)
  }
}

share_words <- function(x, proposal) {
  own <- match(proposal, x$proposal)
  sprintf(" (%s, share %s):", count_words(x$size[[own]], "change"),
    number_text(x$share[[own]], 3, "r"))
}

# "rows: counts[23, n] 16 -> 15, ...", a text a change.
change_words <- function(x, proposal) {
  own <- which(x$proposal == proposal)
  number <- attr(x, "number")[own]
  vapply(unique(number), function(one) {
    rows <- own[number == one]
    paste0(x$change[[rows[[1]]]], ": ", paste(
      x$cell[rows], x$printed[rows], "->", x$repaired[rows], collapse = ", "
    ))
  }, "")
}
