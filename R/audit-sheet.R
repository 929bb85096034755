# The printed tables of an audit laid out as they were printed, each a sheet: what table_layout()
# gives of a printed table, and `keys`, `verdict`, `allowed` and `proposed`, text matrices like
# `cells`: the name of a cell as in the audit, its worst verdict, the interval that its inputs
# allowed it and what a repair proposes in its place; "" where there is none.

# Tables with more rows are shown where something is inconsistent only.
drawn_rows <- 100L

audit_sheets <- function(audit, repair = NULL, tables = NULL, proposal = 1) {
  check_class(audit, "audit", "audit")
  printed <- attr(audit, "published")
  if (!is.null(tables)) {
    lapply(tables, check_choice, names(sheet_makers), "tables")
  }
  sheets <- lapply(sheet_makers[if (is.null(tables)) names(sheet_makers) else tables], function(f) {
    f(printed)
  })
  sheets <- Filter(function(sheet) nrow(sheet$cells) > 0, do.call(c, unname(sheets)))
  if (length(sheets) == 0 && !is.null(tables)) {
    qst_abort("no_data", sprintf(
      "Nothing is printed in %s. Ask for another of the `tables`, or leave the argument out.",
      enumerate(paste0(tables, ".csv"))
    ))
  }
  found <- cell_findings(audit)
  new <- proposed_tables(repair, proposal)
  sheets <- lapply(sheets, function(sheet) short_sheet(mark_sheet(sheet, found, new)))
  structure(list(sheets = sheets, audit = audit, repair = repair), class = "audit_sheets")
}

# ---- Verdicts ----

# A row a cell that was checked: the worst verdict, and the narrowest interval of the checks that
# came out so.
cell_findings <- function(audit) {
  worst <- order(-match(audit$verdict, audit_verdicts), audit$high - audit$low)
  rows <- worst[!duplicated(audit$cell[worst])]
  decimals <- printed_digits(audit$printed[rows])
  allowed <- allowed_text(audit$low[rows], audit$high[rows], decimals)
  data.frame(
    cell = audit$cell[rows], verdict = audit$verdict[rows],
    allowed = ifelse(allowed == audit$printed[rows], "", allowed)
  )
}

# The tables with a proposal put in; NULL where there is none.
proposed_tables <- function(repair, proposal) {
  if (is.null(repair)) {
    return(NULL)
  }
  check_class(repair, "repair", "repair")
  if (proposal %in% repair$proposal) repaired(repair, proposal)
}

# What differs from the print on a sheet of the printed and one of the repaired tables.
proposed_cells <- function(sheet, new) {
  if (is.null(new)) {
    return(matrix("", nrow(sheet$cells), ncol(sheet$cells)))
  }
  places <- regmatches(sheet$keys, regexec("^(.*)\\[(.*), (.*)\\]$", sheet$keys))
  text <- rep("", length(sheet$keys))
  at <- which(lengths(places) == 4)
  part <- function(k) vapply(places[at], `[[`, "", k)
  table <- part(2)
  for (name in unique(table)) {
    own <- table == name
    text[at[own]] <- as.matrix(new[[name]])[
      cbind(as.integer(part(3)[own]), match(part(4)[own], names(new[[name]])))
    ]
  }
  matrix(ifelse(text == sheet$cells, "", text), nrow(sheet$cells), ncol(sheet$cells))
}

mark_sheet <- function(sheet, found, new) {
  at <- match(sheet$keys, found$cell)
  beside <- function(values) {
    matrix(ifelse(is.na(at), "", values[at]), nrow(sheet$keys), ncol(sheet$keys))
  }
  sheet$verdict <- beside(found$verdict)
  sheet$allowed <- beside(found$allowed)
  sheet$proposed <- proposed_cells(sheet, new)
  sheet
}

# Of a long table the rows with something inconsistent or to be repaired, and their neighbours.
short_sheet <- function(sheet) {
  n <- nrow(sheet$cells)
  if (n <= drawn_rows) {
    return(sheet)
  }
  hit <- which(rowSums(sheet$verdict == "inconsistent" | sheet$proposed != "") > 0)
  shown <- utils::head(hit, drawn_rows / 4)
  block <- cumsum(sheet$indent == 0)
  rows <- unique(c(shown - 1, shown, shown + 1, match(block[shown], block)))
  rows <- sort(rows[rows >= 1 & rows <= n])
  if (any(sheet$indent > 0)) {
    rows <- rows[block[rows] %in% block[shown]]
  }
  sheet <- sheet_part(sheet, rows)
  sheet$notes <- c(sheet$notes, sprintf(
    "Shown are %d of %d rows: %s.", length(rows), n, short_words(length(shown), length(hit))
  ))
  sheet
}

short_words <- function(shown, all) {
  if (all == 0) {
    return("nothing in them is inconsistent")
  }
  which <- if (shown < all) sprintf("the first %d of %d", shown, all) else "those"
  paste(which, "with inconsistent figures, and their neighbours")
}

sheet_part <- function(sheet, rows) {
  matrices <- intersect(c("cells", "keys", "verdict", "allowed", "proposed"), names(sheet))
  sheet[matrices] <- lapply(sheet[matrices], function(part) part[rows, , drop = FALSE])
  sheet$subheadings <- sheet$subheadings[rows]
  sheet$indent <- sheet$indent[rows]
  sheet
}

# ---- Sheets by table ----

# A column of a sheet: its heading, and which row of which printed table is in which of its rows
# (NA: none).
audit_column <- function(heading, name, column, table, rows, spanner = "") {
  text <- table[[column]][rows]
  shown <- !is.na(text) & nzchar(text)
  list(
    heading = heading, spanner = spanner, figures = column %in% number_columns[[name]],
    cells = ifelse(shown, text, ""), keys = ifelse(shown, cell_name(name, rows, column), "")
  )
}

cell_name <- function(table, row, column) {
  sprintf("%s[%d, %s]", table, as.integer(row), column)
}

# Columns in which nothing is printed are left out.
new_sheet <- function(caption, heading, labels, columns, indent = rep(0, length(labels))) {
  columns <- Filter(function(column) any(nzchar(column$cells)), columns)
  part <- function(name, type) vapply(columns, `[[`, type, name)
  all <- function(name) {
    matrix(as.character(unlist(lapply(columns, `[[`, name))), length(labels), length(columns))
  }
  spanner <- c("", part("spanner", ""))
  list(
    cells = cbind(labels, all("cells"), deparse.level = 0),
    keys = cbind(rep("", length(labels)), all("keys")),
    headings = c(heading, part("heading", "")),
    spanners = spanner_runs(
      lapply(stats::setNames(nm = unique(spanner[nzchar(spanner)])), function(text) {
        which(spanner == text)
      }), length(spanner)
    ),
    figures = c(FALSE, part("figures", NA)), subheadings = rep(FALSE, length(labels)),
    indent = indent, caption = caption, notes = character()
  )
}

# Sheets with a group of columns an arm, at most `most` arms each; `lines` are the rows (NA: a
# heading), `line` says in which row of the sheet each row of the table belongs, `after` are columns
# that follow the last arm.
arm_sheets <- function(caption, heading, labels, indent, name, table, line, columns, arms, most,
                       after = list()) {
  parts <- split(arms, ceiling(seq_along(arms) * ceiling(length(arms) / most) / length(arms)))
  lapply(seq_along(parts), function(k) {
    groups <- lapply(parts[[k]], function(arm) {
      own <- which(table$arm == arm)
      rows <- own[match(seq_along(labels), line[own])]
      Map(audit_column, names(columns), name, columns, list(table), list(rows),
        if (nzchar(arm)) arm else "All")
    })
    text <- if (length(parts) > 1) sprintf("%s (%d of %d)", caption, k, length(parts)) else caption
    new_sheet(text, heading, labels, indent = indent, columns = c(
      do.call(c, unname(groups)), if (k == length(parts)) after
    ))
  })
}

# The arms of a table, in the order of the design; all of them together where `all` says.
sheet_arms <- function(table, printed, all = "last") {
  arms <- c(intersect(design_values(printed, "arms"), table$arm), setdiff(table$arm, ""))
  total <- if ("" %in% table$arm) ""
  unique(if (all == "first") c(total, arms) else c(arms, total))
}

sheet_makers <- list(
  flow = function(printed) flow_sheets(printed),
  counts = function(printed) count_sheets(printed),
  means = function(printed) mean_sheets(printed),
  tests = function(printed) list(test_sheet(printed)),
  model = function(printed) model_sheets(printed),
  alpha = function(printed) list(other_sheet(printed, "alpha", "Reliability")),
  power = function(printed) list(other_sheet(printed, "power", "Sample size")),
  pools = function(printed) list(other_sheet(printed, "pools", "Pools"))
)

flow_sheets <- function(printed) {
  flow <- printed$flow
  steps <- unique(flow$step)
  arm_sheets("Participants", "", steps, rep(0, length(steps)), "flow", flow,
    match(flow$step, steps), c(n = "n"), sheet_arms(flow, printed, "first"), most = 8)
}

count_sheets <- function(printed) {
  counts <- printed$counts
  each <- paste(counts$variable, counts$level, sep = "\r")
  first <- which(!duplicated(each))
  first <- first[order(match(counts$variable[first], unique(counts$variable)))]
  variable <- counts$variable[first]
  new <- !duplicated(variable)
  at <- seq_along(first) + cumsum(new)
  heads <- at[new] - 1L
  labels <- character(length(first) + sum(new))
  labels[at] <- counts$level[first]
  labels[heads] <- variable[new]
  indent <- replace(rep(1, length(labels)), heads, 0)
  tests <- replace(rep(NA_integer_, length(labels)), heads, variable_tests(printed)[variable[new]])
  arm_sheets("Counts by arm", "", labels, indent, "counts", counts, at[match(each, each[first])],
    c(n = "n", "%" = "percent"), sheet_arms(counts, printed), most = 4,
    after = test_columns(printed, tests))
}

mean_sheets <- function(printed) {
  means <- printed$means
  each <- mean_names(means)
  first <- which(!duplicated(each))
  first <- first[order(match(means$outcome[first], unique(means$outcome)))]
  within <- nzchar(means$level[first])
  labels <- ifelse(within, sprintf("%s: %s", means$variable[first], means$level[first]),
    means$outcome[first])
  tests <- outcome_tests(printed)[each[first]]
  arm_sheets("Means by arm", "", labels, as.numeric(within), "means", means,
    match(each, each[first]), c(n = "n", Mean = "mean", SD = "sd"), sheet_arms(means, printed),
    most = 3, after = test_columns(printed, tests))
}

mean_names <- function(rows) {
  paste(rows$outcome, rows$variable, rows$level, sep = "\r")
}

test_columns <- function(printed, rows) {
  Map(audit_column, c("Statistic", "df", "df", "P"), "tests",
    c("statistic", "df", "df_residual", "p"), list(printed$tests), list(unname(rows)))
}

# The row of the first test of a variable over the arms, by variable.
variable_tests <- function(printed) {
  tests <- printed$tests
  own <- which(tests$test %in% c("chisq", "fisher") & tests$by %in% c("", "arm") &
    tests$outcome %in% printed$counts$variable)
  own <- own[!duplicated(tests$outcome[own])]
  stats::setNames(own, tests$outcome[own])
}

# The same of means: F over the arms, or t where there are two.
outcome_tests <- function(printed) {
  tests <- printed$tests
  two <- length(design_values(printed, "arms")) == 2
  over_arms <- tests$by == "arm" & !nzchar(tests$arm) | two & tests$test %in% c("student", "welch")
  each <- mean_names(tests)
  own <- which(tests$test %in% c("anova", "student", "welch") & over_arms &
    each %in% mean_names(printed$means))
  own <- own[!duplicated(each[own])]
  stats::setNames(own, each[own])
}

# The tests that stand with no counts or means, and intervals of those that do.
test_sheet <- function(printed) {
  tests <- printed$tests
  elsewhere <- c(variable_tests(printed), outcome_tests(printed))
  rows <- setdiff(seq_len(nrow(tests)), elsewhere[!nzchar(tests$estimate[elsewhere])])
  new_sheet("Tests", "", test_labels(tests[rows, ]), Map(
    audit_column, c("Estimate", "from", "to", "Statistic", "df", "df", "P"), "tests",
    c("estimate", "conf.low", "conf.high", "statistic", "df", "df_residual", "p"), list(tests),
    list(rows), replace(rep("", 7), 2:3, interval_heading(printed))
  ))
}

interval_heading <- function(printed) {
  level <- c(design_values(printed, "conf.level"), "0.95")[[1]]
  sprintf("%s%% CI", format(100 * printed_number(level)))
}

# "change: balint - control (student)"
test_labels <- function(tests) {
  who <- ifelse(nzchar(tests$reference), paste(tests$arm, "-", tests$reference), tests$arm)
  by <- ifelse(nzchar(tests$by), paste("by", tests$by), "")
  within <- ifelse(nzchar(tests$level), paste("within", tests$level), "")
  said <- paste(by, within, who)
  said <- gsub(" +", " ", trimws(said), perl = TRUE)
  sprintf("%s%s%s (%s)", tests$outcome, ifelse(nzchar(said), ": ", ""), said, tests$test)
}

model_sheets <- function(printed) {
  model <- printed$model
  interval <- interval_heading(printed)
  lapply(unique(model$model), function(name) {
    rows <- which(model$model == name)
    term <- ifelse(nzchar(model$term[rows]), model$term[rows], model$variable[rows])
    new_sheet(trimws(paste("Model", name)), "Term", term, Map(
      audit_column,
      c("Level", "Reference", "Estimate", "from", "to", "SE", "Statistic", "P"), "model",
      c("level", "reference", "estimate", "conf.low", "conf.high", "std.error", "statistic", "p"),
      list(model), list(rows), c("", "", "", interval, interval, "", "", "")
    ))
  })
}

# A table that has no arms: what is no number names the row.
other_sheet <- function(printed, name, caption) {
  table <- printed[[name]]
  numbers <- intersect(number_columns[[name]], names(table))
  words <- Filter(function(column) any(nzchar(table[[column]])), setdiff(names(table), numbers))
  rows <- seq_len(nrow(table))
  labels <- if (name == "pools") {
    pool_labels(table)
  } else if (length(words) > 0) {
    table[[words[[1]]]]
  } else {
    as.character(rows)
  }
  headings <- ifelse(numbers %in% names(other_headings), other_headings[numbers], numbers)
  over <- ifelse(numbers %in% c("conf.low", "conf.high"), interval_heading(printed), "")
  new_sheet(caption, "", labels, Map(
    audit_column, headings, name, numbers, list(table), list(rows), over
  ))
}

other_headings <- c(
  estimate = "Estimate", conf.low = "from", conf.high = "to", p = "P", sd = "SD", sem = "SEM",
  items = "Items", alpha = "Alpha", delta = "Difference", p1 = "P1", p2 = "P2", power = "Power",
  dropout = "Dropout"
)
