# Changes that repair() may try: what may have gone wrong in print, and how often it does.

change_kinds <- c(
  "rows", "exchange", "labels", "reference", "transposed", "sign", "decimal", "digit", "person"
)

edit_rules <- c(take = 0L, add = 1L, follow = 2L)

# The core's plan: which changes each cell may have alone, and offers of several cells at once.
repair_plan <- function(tables, published, max_size, max_proposals) {
  is_open <- !is_derived(tables$cells, published)
  offers <- c(
    exchange_offers(tables, published, is_open), list(person_offers(tables, published, is_open)),
    label_offers(tables, published)
  )
  c(core_offers(tables, offers), list(
    allowed = lapply(allowed_changes(tables$cells), `&`, is_open),
    decimals = usual_decimals(tables$cells, published),
    weight = stats::setNames(rep(1, length(change_kinds)), change_kinds),
    max_size = as.integer(max_size), max_proposals = as.integer(max_proposals)
  ))
}

# Numbers that were not printed but worked out by whoever typed the tables are not changed.
is_derived <- function(cells, published) {
  source <- published$flow$source
  derived <- cells$table == "flow"
  derived[derived] <- source[cells$row[derived]] == "derived"
  derived
}

# ---- Changes of one cell ----

# Limits such as "<0.001" are a rule of the journal, and change only by their point.
allowed_changes <- function(cells) {
  is_number <- cells$kind %in% cell_kinds[c("count", "number")]
  people <- cells$column %in% c("n", "items")
  signed <- cells$column %in% c("estimate", "conf.low", "conf.high", "statistic") |
    (cells$table == "means" & cells$column == "mean")
  list(
    digit = is_number, transposed = is_number, sign = is_number & signed,
    decimal = (is_number | cells$kind %in% cell_kinds[c("below", "above")]) & !people
  )
}

# Decimals that at least four in five numbers of a column have (means: of an outcome), if these are
# three or more; else -1.
usual_decimals <- function(cells, published) {
  is_mean <- cells$table == "means"
  outcome <- rep("", nrow(cells))
  outcome[is_mean] <- published$means$outcome[cells$row[is_mean]]
  column <- match_groups(cells$table, cells$column, outcome)
  decimals <- ifelse(cells$kind %in% cell_kinds[c("label", "empty")], -1L, cells$decimals)
  n <- table(column, decimals)
  most <- max.col(n, "first")
  is_usual <- n[cbind(seq_along(most), most)] >= pmax(3, 0.8 * rowSums(n))
  usual <- as.integer(colnames(n))[most]
  ifelse(is_usual, usual, -1L)[column]
}

match_groups <- function(...) {
  key <- paste(..., sep = "\r")
  match(key, unique(key))
}

# ---- Offers: list(kind, edits), where edits has columns offer, cell, rule, from ----

new_offers <- function(kind, offer, cell, rule, from) {
  list(kind = kind, edits = data.frame(
    offer = offer, cell = cell, rule = rep_len(edit_rules[[rule]], length(cell)), from = from
  ))
}

core_offers <- function(tables, offers) {
  offers <- Filter(function(offer) nrow(offer$edits) > 0, offers)
  numbered <- lapply(offers, function(offer) match(offer$edits$offer, unique(offer$edits$offer)))
  n <- vapply(numbered, max, 0L)
  number <- unlist(Map(`+`, numbered, cumsum(n) - n))
  edits <- do.call(rbind, lapply(offers, `[[`, "edits"))
  kinds <- rep(match(vapply(offers, `[[`, "", "kind"), change_kinds), n)
  order <- order(number)
  sizes <- tabulate(number, sum(n))
  is_add <- edits$rule == edit_rules[["add"]]
  list(
    offers = list(kind = kinds - 1L, first = as.integer(cumsum(sizes) - sizes), n = sizes),
    edits = list(
      cell = as.integer(edits$cell - 1)[order], rule = as.integer(edits$rule)[order],
      from = as.integer(edits$from - !is_add)[order]
    )
  )
}

# ---- Exchanges ----

# Rows i and i + 1, i + 2, ... up to i + `most` of those in one group, in their order: a matrix of
# two columns.
pairs_within <- function(group, most = 5) {
  n <- length(group)
  order <- order(group)
  sorted <- group[order]
  pairs <- lapply(seq_len(min(most, max(n - 1, 0))), function(lag) {
    first <- which(sorted[seq_len(n - lag)] == sorted[seq_len(n - lag) + lag])
    cbind(order[first], order[first + lag])
  })
  do.call(rbind, c(list(matrix(0L, 0, 2)), pairs))
}

# Neighbours in a column, two levels in an arm, two arms in a row, as print has them side by side.
exchange_pairs <- function(table, name) {
  key <- function(...) do.call(match_groups, unname(table[c(...)]))
  arms <- function(...) ifelse(nzchar(table$arm), key(...), -seq_len(nrow(table)))
  pairs <- switch(name,
    flow = list(pairs_within(key("arm"), 1), pairs_within(arms("step"))),
    counts = list(pairs_within(key("variable", "arm")), pairs_within(arms("variable", "level"))),
    means = list(
      pairs_within(key("outcome", "variable", "arm")),
      pairs_within(arms("outcome", "variable", "level")),
      pairs_within(key("variable", "level", "arm"), 1)
    ),
    model = list(pairs_within(key("model"), 1)),
    list(pairs_within(rep(1L, nrow(table)), 1))
  )
  pairs <- do.call(rbind, pairs)
  pairs[!duplicated(as.numeric(pairs[, 1]) * nrow(table) + pairs[, 2]), , drop = FALSE]
}

row_columns <- list(
  counts = c("n", "percent"), means = c("mean", "sd"),
  tests = c("statistic", "df", "df_residual", "p", "estimate", "conf.low", "conf.high"),
  model = number_columns$model
)

exchange_offers <- function(tables, published, is_open) {
  names <- intersect(c("flow", "counts", "means", "tests", "model", "alpha"), names(tables$at))
  offers <- lapply(names, function(name) {
    pairs <- exchange_pairs(published[[name]], name)
    cells <- lapply(number_columns[[name]], function(column) {
      pairs <- if (column == "n") pairs_of_n(pairs, published[[name]]) else pairs
      exchange_block("exchange", tables, pairs, name, column, is_open)
    })
    if (name == "model") {
      pairs <- pairs[!is_same_factor(published$model, pairs), , drop = FALSE]
    }
    c(cells, if (name %in% names(row_columns)) {
      list(exchange_block("rows", tables, pairs, name, row_columns[[name]], is_open))
    })
  })
  unlist(offers, recursive = FALSE)
}

# Outcomes side by side are of the same people, or nearly.
pairs_of_n <- function(pairs, table) {
  if (is.null(table$outcome)) {
    return(pairs)
  }
  pairs[table$outcome[pairs[, 1]] == table$outcome[pairs[, 2]], , drop = FALSE]
}

# Numbers of two rows of one factor exchanged are their labels exchanged.
is_same_factor <- function(model, pairs) {
  model$variable[pairs[, 1]] == model$variable[pairs[, 2]] & nzchar(model$level[pairs[, 1]])
}

# Every pair of rows with these columns exchanged, where something differs. Rows are more than one
# cell.
exchange_block <- function(kind, tables, pairs, name, columns, is_open) {
  a <- as.vector(tables$at[[name]][pairs[, 1], columns])
  b <- as.vector(tables$at[[name]][pairs[, 2], columns])
  offer <- rep(seq_len(nrow(pairs)), length(columns))
  keep <- which(!is.na(a) & !is.na(b) & is_open[a] & is_open[b])
  cells <- tables$cells
  differ <- cells$digits[a[keep]] != cells$digits[b[keep]] |
    cells$decimals[a[keep]] != cells$decimals[b[keep]]
  n_differ <- tabulate(offer[keep][differ], nrow(pairs))
  keep <- keep[n_differ[offer[keep]] >= if (kind == "rows") 2 else 1]
  new_offers(
    kind, rep(offer[keep], each = 2), as.vector(rbind(a[keep], b[keep])), "take",
    as.vector(rbind(b[keep], a[keep]))
  )
}

# ---- People ----

# One person counted at another level of a variable; percentages follow.
person_offers <- function(tables, published, is_open) {
  counts <- published$counts
  pairs <- pairs_within(match_groups(counts$variable, counts$arm), 9)
  pairs <- rbind(pairs, pairs[, 2:1])
  at <- tables$at$counts
  n <- matrix(at[pairs, "n"], ncol = 2)
  keep <- which(!is.na(n[, 1]) & !is.na(n[, 2]) & is_open[n[, 1]] & is_open[n[, 2]])
  keep <- keep[tables$cells$digits[n[keep, 1]] > 0]
  percent <- matrix(at[pairs[keep, ], "percent"], ncol = 2)
  follows <- match(percent, tables$checks$target)
  follows[is.na(percent)] <- NA
  offer <- rep(seq_along(keep), 2)
  followed <- which(!is.na(follows))
  moved <- new_offers(
    "person", offer, as.vector(n[keep, ]), "add", rep(c(-1, 1), each = length(keep))
  )
  after <- new_offers(
    "person", offer[followed], percent[followed], "follow", follows[followed]
  )
  list(kind = "person", edits = rbind(moved$edits, after$edits))
}

# ---- Labels ----

# All permutations of the labels of a variable in a model, of its reference too where it has a cell;
# beyond five labels exchanges of two.
label_offers <- function(tables, published) {
  model <- published$model
  variables <- paste(model$model, model$variable, sep = "\r")
  offers <- lapply(unique(variables), function(variable) {
    rows <- which(variables == variable)
    level <- cell_of(tables, "model", rows, "level")
    reference <- cell_of(tables, "model", rows[[1]], "reference")
    cells <- c(reference, level)
    list(
      permuted_labels("labels", cells, is.na(c(reference, level)) | seq_along(cells) == 1),
      permuted_labels("reference", cells, is.na(cells))
    )
  })
  unlist(offers, recursive = FALSE)
}

# `kind` "reference" moves the first of the cells, the reference; cells that are `fixed` stay.
permuted_labels <- function(kind, cells, fixed) {
  moving <- cells[!fixed]
  n <- length(moving)
  orders <- if (n > 5) exchanges_of(n) else permutations_of(n)
  moved <- orders != rep(seq_len(n), each = nrow(orders))
  wanted <- if (kind == "labels") TRUE else if (fixed[[1]]) FALSE else moved[, 1]
  at <- which(moved & wanted, arr.ind = TRUE)
  new_offers(kind, at[, 1], moving[at[, 2]], "take", moving[orders[at]])
}

# A row a permutation of 1 .. n, the identity first.
permutations_of <- function(n) {
  if (n < 2) {
    return(matrix(seq_len(n), 1))
  }
  shorter <- permutations_of(n - 1)
  do.call(rbind, lapply(seq_len(n), function(first) {
    cbind(first, matrix(setdiff(seq_len(n), first)[shorter], nrow(shorter)), deparse.level = 0)
  }))
}

exchanges_of <- function(n) {
  pairs <- utils::combn(n, 2)
  orders <- matrix(seq_len(n), ncol(pairs), n, byrow = TRUE)
  each <- seq_len(ncol(pairs))
  orders[cbind(each, pairs[1, ])] <- pairs[2, ]
  orders[cbind(each, pairs[2, ])] <- pairs[1, ]
  orders
}
