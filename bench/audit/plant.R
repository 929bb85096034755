# One error of a kind, planted in the tables of a synthetic trial (trial.R) at a place drawn among
# all places of that kind.
#
# plant(trial, kind, seed) gives list(tables, kind, places), `tables` with the error, `places` the
# cells in which they differ from `trial$tables`; NULL if the tables have no place for it.

plant <- function(trial, kind, seed) {
  set.seed(seed)
  tables <- plants[[kind]](trial$tables, trial$style)
  if (is.null(tables)) {
    return(NULL)
  }
  list(tables = tables, kind = kind, places = differing_cells(trial$tables, tables))
}

differing_cells <- function(truth, tables) {
  places <- lapply(names(truth), function(name) {
    differ <- which(as.matrix(truth[[name]]) != as.matrix(tables[[name]]), arr.ind = TRUE)
    data.frame(
      table = rep(name, nrow(differ)), row = differ[, 1],
      column = names(truth[[name]])[differ[, 2]],
      true = as.matrix(truth[[name]])[differ], planted = as.matrix(tables[[name]])[differ]
    )
  })
  data.frame(do.call(rbind, places), row.names = NULL)
}

# ---- Places ----

plant_columns <- list(
  flow = "n", counts = c("n", "percent"), means = c("n", "mean", "sd"),
  tests = c("statistic", "df", "df_residual", "p", "estimate", "conf.low", "conf.high"),
  model = c("estimate", "conf.low", "conf.high", "std.error", "statistic", "p"), alpha = "alpha"
)

# Every printed number, its text with a plain sign and point; limits such as "<0.001" apart.
number_places <- function(tables) {
  places <- lapply(intersect(names(plant_columns), names(tables)), function(name) {
    columns <- lapply(plant_columns[[name]], function(column) {
      text <- tables[[name]][[column]]
      rows <- which(nzchar(text) & !startsWith(text, "<"))
      data.frame(
        table = rep(name, length(rows)), row = rows, column = rep(column, length(rows)),
        text = plain_text(text[rows])
      )
    })
    do.call(rbind, columns)
  })
  do.call(rbind, places)
}

plain_text <- function(text) {
  sub(",", ".", sub("\u2212", "-", text), fixed = TRUE)
}

styled_text <- function(text, style) {
  if (style$comma) {
    text <- sub(".", ",", text, fixed = TRUE)
  }
  if (style$minus) sub("-", "\u2212", text, fixed = TRUE) else text
}

# Changes the text of one place drawn among those that `change()` can change; it gives the texts
# that are possible, none where there is no such error.
change_one <- function(tables, style, places, change) {
  for (k in sample.int(nrow(places))) {
    texts <- change(places$text[[k]])
    if (length(texts) > 0) {
      place <- places[k, ]
      tables[[place$table]][[place$column]][[place$row]] <- styled_text(one_of(texts), style)
      return(tables)
    }
  }
  NULL
}

digit_at <- function(text) {
  which(strsplit(text, "")[[1]] %in% 0:9)
}

is_natural <- function(text) {
  !grepl("^-?0[0-9]", text)
}

other_digits <- function(text) {
  texts <- lapply(digit_at(text), function(at) {
    vapply(setdiff(0:9, as.integer(substr(text, at, at))), function(digit) {
      substr(text, at, at) <- as.character(digit)
      text
    }, "")
  })
  Filter(is_natural, unlist(texts))
}

transposed_digits <- function(text) {
  at <- digit_at(text)
  texts <- vapply(seq_len(length(at) - 1), function(k) {
    two <- c(substr(text, at[[k]], at[[k]]), substr(text, at[[k + 1]], at[[k + 1]]))
    substr(text, at[[k]], at[[k]]) <- two[[2]]
    substr(text, at[[k + 1]], at[[k + 1]]) <- two[[1]]
    text
  }, "")
  Filter(is_natural, setdiff(texts, text))
}

other_sign <- function(text) {
  if (as.numeric(text) == 0) {
    character()
  } else if (startsWith(text, "-")) {
    substring(text, 2)
  } else {
    paste0("-", text)
  }
}

moved_point <- function(text) {
  decimals <- nchar(sub("^[^.]*[.]?", "", text))
  number <- as.numeric(text)
  if (decimals == 0 || number == 0) {
    return(character())
  }
  c(sprintf("%.*f", decimals - 1, number * 10), sprintf("%.*f", decimals + 1, number / 10))
}

# Numbers that have a sign: differences, coefficients, and statistics unless printed without.
signed_places <- function(tables, style) {
  places <- number_places(tables)
  change <- places$table == "means" & places$column == "mean"
  change[change] <- tables$means$outcome[places$row[change]] == "change"
  pair <- places$table == "tests"
  pair[pair] <- tables$tests$test[places$row[pair]] %in% c("student", "welch", "paired")
  limit <- places$column %in% c("estimate", "conf.low", "conf.high")
  statistic <- places$column == "statistic" & !style$unsigned
  places[change | ((pair | places$table == "model") & (limit | statistic)), ]
}

# ---- Exchanges ----

# Pairs of rows of a table: next to one another in a column (`keys` but the last are the same), or
# two arms in a row.
row_pairs <- function(tables, name) {
  table <- tables[[name]]
  n <- nrow(table)
  if (n < 2) {
    return(NULL)
  }
  if (name %in% c("tests", "model")) {
    return(cbind(seq_len(n - 1), seq_len(n - 1) + 1))
  }
  keys <- switch(name, counts = c("variable", "level"), means = c("outcome", "variable", "level"),
    flow = "step")
  item <- do.call(paste, c(table[keys], sep = "\r"))
  outer <- if (name == "flow") "" else do.call(paste, c(table[utils::head(keys, -1)], sep = "\r"))
  pairs <- t(utils::combn(n, 2))
  a <- pairs[, 1]
  b <- pairs[, 2]
  same_row <- item[a] == item[b] & nzchar(table$arm[a]) & nzchar(table$arm[b])
  number <- match(item, unique(item))
  beside <- table$arm[a] == table$arm[b] & abs(number[a] - number[b]) == 1
  same_column <- beside & (if (name == "flow") TRUE else outer[a] == outer[b])
  pairs[same_row | same_column, , drop = FALSE]
}

exchange <- function(table, pair, columns) {
  for (column in columns) {
    table[[column]][pair] <- table[[column]][rev(pair)]
  }
  table
}

exchange_cells <- function(tables, style) {
  places <- lapply(intersect(names(plant_columns), names(tables)), function(name) {
    pairs <- row_pairs(tables, name)
    if (is.null(pairs) || nrow(pairs) == 0) {
      return(NULL)
    }
    columns <- lapply(plant_columns[[name]], function(column) {
      text <- tables[[name]][[column]]
      differ <- nzchar(text[pairs[, 1]]) & nzchar(text[pairs[, 2]]) &
        text[pairs[, 1]] != text[pairs[, 2]]
      data.frame(
        table = rep(name, sum(differ)), column = rep(column, sum(differ)),
        first = pairs[differ, 1], second = pairs[differ, 2]
      )
    })
    do.call(rbind, columns)
  })
  places <- do.call(rbind, places)
  place <- places[sample.int(nrow(places), 1), ]
  tables[[place$table]] <- exchange(
    tables[[place$table]], c(place$first, place$second), place$column
  )
  tables
}

# All numbers of two rows: counts with their percentages, means with their SDs, rows of the model.
exchange_rows <- function(tables, style) {
  columns <- list(counts = c("n", "percent"), means = c("mean", "sd"), model = plant_columns$model)
  places <- lapply(names(columns), function(name) {
    pairs <- if (name == "counts") level_pairs(tables$counts) else row_pairs(tables, name)
    data.frame(table = rep(name, nrow(pairs)), first = pairs[, 1], second = pairs[, 2])
  })
  places <- do.call(rbind, places)
  for (k in sample.int(nrow(places))) {
    place <- places[k, ]
    table <- exchange(
      tables[[place$table]], c(place$first, place$second), columns[[place$table]]
    )
    if (!identical(table, tables[[place$table]])) {
      tables[[place$table]] <- table
      return(tables)
    }
  }
  NULL
}

# Two levels of a variable in an arm, or two arms in a row.
level_pairs <- function(counts) {
  pairs <- t(utils::combn(nrow(counts), 2))
  a <- pairs[, 1]
  b <- pairs[, 2]
  arms <- nzchar(counts$arm[a]) & nzchar(counts$arm[b])
  levels <- counts$arm[a] == counts$arm[b] | (counts$level[a] == counts$level[b] & arms)
  pairs[counts$variable[a] == counts$variable[b] & levels, , drop = FALSE]
}

# ---- People and labels ----

# Somebody counted in another level of the variable; percentages follow.
move_person <- function(tables, style) {
  counts <- tables$counts
  pairs <- level_pairs(counts)
  pairs <- rbind(pairs, pairs[, 2:1])
  n <- as.integer(counts$n)
  within <- counts$arm[pairs[, 1]] == counts$arm[pairs[, 2]] & nzchar(counts$arm[pairs[, 1]])
  pairs <- pairs[within & n[pairs[, 1]] > 0, , drop = FALSE]
  pair <- pairs[sample.int(nrow(pairs), 1), ]
  n[pair] <- n[pair] + c(-1L, 1L)
  all <- sum(n[counts$variable == counts$variable[pair[[1]]] & counts$arm == counts$arm[pair[[1]]]])
  tables$counts$n[pair] <- as.character(n[pair])
  tables$counts$percent[pair] <- printed(100 * n[pair] / all, style$percent, style)
  tables
}

model_variables <- function(model) {
  variables <- model$variable[nzchar(model$level)]
  split(which(nzchar(model$level)), factor(variables, unique(variables)))
}

# Levels of a variable set beside other rows of the model; the reference stays.
permute_labels <- function(tables, style) {
  rows <- Filter(function(rows) length(rows) > 1, model_variables(tables$model))
  if (length(rows) == 0) {
    return(NULL)
  }
  rows <- rows[[sample.int(length(rows), 1)]]
  repeat {
    order <- sample.int(length(rows))
    if (any(order != seq_along(rows))) {
      break
    }
  }
  tables$model$level[rows] <- tables$model$level[rows[order]]
  tables
}

# Another reference category named, and the level that it was in its place.
change_reference <- function(tables, style) {
  rows <- model_variables(tables$model)
  rows <- rows[[sample.int(length(rows), 1)]]
  row <- rows[[sample.int(length(rows), 1)]]
  was <- tables$model$reference[[row]]
  tables$model$reference[rows] <- tables$model$level[[row]]
  tables$model$level[[row]] <- was
  tables
}

on_numbers <- function(change, places = function(tables, style) number_places(tables)) {
  function(tables, style) change_one(tables, style, places(tables, style), change)
}

plants <- list(
  digit = on_numbers(other_digits), transposed = on_numbers(transposed_digits),
  sign = on_numbers(other_sign, signed_places), decimal = on_numbers(moved_point),
  exchange = exchange_cells, rows = exchange_rows, person = move_person, labels = permute_labels,
  reference = change_reference
)

# ---- Are repaired tables the true ones? ----

# Labels of two rows of the model exchanged are their numbers exchanged: rows are put in order.
same_tables <- function(tables, truth) {
  all(vapply(names(truth), function(name) {
    columns <- c(
      if (name == "model") c("variable", "level", "reference"), plant_columns[[name]]
    )
    columns <- intersect(columns, names(truth[[name]]))
    ours <- comparable_table(tables[[name]], name, columns)
    identical(ours, comparable_table(truth[[name]], name, columns))
  }, NA))
}

comparable_table <- function(table, name, columns) {
  cells <- plain_text(as.matrix(table[columns]))
  dim(cells) <- c(nrow(table), length(columns))
  if (name == "model") cells[order(table$variable, table$level), ] else cells
}
