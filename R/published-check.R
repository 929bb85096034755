# Published tables after reading: cells of two numbers are parted, numbers made plain, and whatever
# cannot be one trial's tables is refused, by file, row, column and value.

# In one order, since each step needs what the one before makes sure of.
check_published <- function(tables) {
  tables <- plain_tables(part_cells(tables))
  check_design(tables)
  for (name in c("flow", "counts", "means", "tests")) {
    check_printed_arms(tables, name, "arm")
  }
  check_printed_arms(tables, "tests", "reference")
  check_printed_tests(tables)
  check_spellings(tables)
  check_rows_twice(tables)
  check_power_rows(tables)
  check_pool_rows(tables)
  check_repairs(tables)
  warn_near_names(tables)
  lapply(tables, function(table) structure(table, line = NULL))
}

abort_cell <- function(tables, name, row, column, message) {
  abort_printed(name, message, row = row, column = column, value = tables[[name]][[column]][[row]],
    line = attr(tables[[name]], "line")[row])
}

# ---- Two numbers in a cell ----

# `42 (35.9)`, `110.1 (11.9)` or `110.1 +- 11.9`, `2.63 (0.15 to 5.11)`: where the second number has
# a column of its own that is empty, it goes there.
part_cells <- function(tables) {
  tables <- part_column(tables, "counts", "n", "percent")
  tables <- part_column(tables, "means", "mean", "sd")
  for (name in c("tests", "model", "pools")) {
    tables <- part_column(tables, name, "estimate", c("conf.low", "conf.high"))
  }
  tables
}

part_column <- function(tables, name, column, others) {
  form <- "^(.*[^ (\\[]) *(?:[(\\[](.+)[)\\]]|(?:\u00b1|\\+/?-) *([^ ].*))$"
  text <- tables[[name]][[column]]
  rows <- grep(form, text, perl = TRUE)
  for (row in rows) {
    second <- part_second(sub(form, "\\2\\3", text[[row]], perl = TRUE), length(others))
    if (length(second) != length(others)) {
      next
    }
    if (any(nzchar(unlist(tables[[name]][row, others])))) {
      abort_cell(tables, name, row, column, sprintf(
        "%s holds what %s %s. Leave one number in the cell.", excerpt(text[[row]]),
        enumerate(others), if (length(others) > 1) "hold too" else "holds too"
      ))
    }
    tables[[name]][row, c(column, others)] <- c(sub(form, "\\1", text[[row]], perl = TRUE), second)
  }
  tables
}

# The two limits of an interval, parted by `to`, a semicolon, a comma or a dash.
part_second <- function(text, n) {
  text <- plain_typography(text)
  if (n == 1) {
    return(text)
  }
  text <- sub("^[0-9]+ *% *(CI|IC)?[:,]? +", "", text)
  for (mark in c(" *; *", " +(to|\u00e0|bis) +", ", +", " +- +", "(?<=[0-9])-(?=[-0-9.])", ",")) {
    parts <- strsplit(text, mark, perl = TRUE)[[1]]
    if (length(parts) == 2) {
      return(parts)
    }
  }
  character()
}

# ---- Numbers ----

whole_columns <- list(
  flow = "n", counts = "n", means = "n", alpha = c("items", "n"), power = "n", pools = c("k", "n")
)
share_columns <- list(power = c("p1", "p2", "power", "alpha", "dropout"))
# Where `<` and `>` may stand before a number.
bound_columns <- c("p", "statistic", "percent")

plain_tables <- function(tables) {
  decimal <- decimal_mark(tables)
  for (name in names(number_columns)) {
    for (column in number_columns[[name]]) {
      text <- tables[[name]][[column]]
      rows <- which(nzchar(text))
      whole <- column %in% whole_columns[[name]]
      plain <- plain_printed(text[rows], whole, column %in% share_columns[[name]], decimal)
      unsure <- !whole & length(decimal) == 0 & grepl(",", text[rows], fixed = TRUE)
      unsure[unsure] <- grepl(unsure_comma, plain_typography(text[rows][unsure]))
      check_plain(tables, name, column, rows, plain, unsure)
      tables[[name]][[column]][rows] <- plain
    }
  }
  tables
}

# The mark before decimals, from the numbers that tell: none if both are there, or neither.
decimal_mark <- function(tables) {
  cells <- unlist(lapply(names(number_columns), function(name) {
    tables[[name]][setdiff(number_columns[[name]], whole_columns[[name]])]
  }), use.names = FALSE)
  cells <- unique(cells)
  if (!any(grepl(",", cells, fixed = TRUE))) {
    return(".")
  }
  body <- number_parts(plain_typography(cells))$body
  tells <- function(mark, unsure) {
    any(grepl(sprintf("^[0-9 ']*[%s][0-9]+$", mark), body) & !grepl(unsure, body))
  }
  c(if (tells(",", unsure_comma)) ",", if (tells(".", unsure_point)) ".")
}

check_plain <- function(tables, name, column, rows, plain, unsure) {
  if (any(unsure)) {
    row <- rows[unsure][[1]]
    text <- plain_typography(tables[[name]][[column]][[row]])
    abort_cell(tables, name, row, column, sprintf(
      "%s may be %s or %s. Write the one it is, with a point or without a mark.", describe(text),
      sub(",", ".", text), sub(",", "", text)
    ))
  }
  form <- if (column %in% whole_columns[[name]]) {
    "^[0-9]+$"
  } else if (column %in% bound_columns) {
    ""
  } else {
    "^[^<>]"
  }
  bad <- is.na(plain) | !grepl(form, plain)
  if (any(bad)) {
    row <- rows[bad][[1]]
    text <- tables[[name]][[column]][[row]]
    abort_cell(tables, name, row, column, sprintf(
      "%s is no %s. %s", excerpt(text), if (form == "^[0-9]+$") "whole number" else "number",
      number_cure(text)
    ))
  }
}

number_cure <- function(text) {
  text <- plain_typography(text)
  if (grepl("^([-.]+|n[./ ]?[arsd][.]?|none|not .*|inf|nan)$", text, ignore.case = TRUE)) {
    "Leave the cell empty where no number is printed (a dash may stand for 0: then write 0)."
  } else if (grepl("[(\\[]", text)) {
    "Write each number of the cell in its own column (n, percent; mean, sd; statistic, df)."
  } else if (grepl("/", text, fixed = TRUE)) {
    "Write the number before the stroke; the other one is an arm's `n`."
  } else if (grepl("^[<>]", text)) {
    "Leave the cell empty where only a bound is printed."
  } else {
    "Write it as it was printed, one number to a cell."
  }
}

# ---- Design ----

# Keys, and what their values must look like ("" is anything).
design_keys <- c(
  title = "", source = "", doi = "", note = "", arms = "", instrument = "", items_not_asked = "",
  items = "^[0-9]+$", min = "^-?[0-9]+$", max = "^-?[0-9]+$",
  baseline_missing = "", randomised = "", lost = "", excluded = "", excluded_for = "",
  no_baseline = "", analysed = "", flow_sums = "^([^=;]+=[^=;]+(;|$))*$",
  grid = "^(([^;]+ )? *[0-9]+([.][0-9]+)?(/[0-9]+)? *(; *|$))*$",
  rounding = "^(rounded|truncated)$",
  conf.level = "^0?[.][0-9]+$", model_outcome = "", model_family = "^(gaussian|binomial|poisson)$",
  model_exponentiated = "^(yes|no)$", model_n = "^[0-9]+$", model_errors = "^(model|robust)$",
  model_offset = "^(yes|no)$", model_limits = "^(wald|profile)$"
)
model_keys <- c("conf.level", grep("^model_", names(design_keys), value = TRUE))

check_design <- function(tables) {
  arms <- design_values(tables, "arms")
  armed <- c("flow", "counts", "means", "tests", "model")
  if (length(arms) == 0 && any(vapply(tables[armed], nrow, 0L) > 0)) {
    said <- match("arms", tolower(tables$design$key))
    if (!is.na(said) && tables$design$key[[said]] != "arms") {
      abort_cell(tables, "design", said, "key", "This key is spelled `arms`. Correct it.")
    }
    abort_printed("design",
      "There is no key `arms`. Name the arms, reference first, separated by semicolons.")
  }
  if (any(!nzchar(arms)) || anyDuplicated(arms)) {
    abort_printed("design", sprintf(
      "`arms` are %s. Give each arm one name of its own.", enumerate(arms, most = 20)
    ), column = "value", value = arms)
  }
  known <- c(
    names(design_keys), paste0("groups_", arms),
    outer(model_keys, setdiff(tables$model$model, ""), paste, sep = "_")
  )
  keys <- tables$design$key
  unknown <- which(!keys %in% known)
  if (length(unknown) > 0) {
    row <- unknown[[1]]
    abort_cell(tables, "design", row, "key", sprintf(
      "There is no key %s.%s Those there are: %s.", describe(keys[[row]]),
      nearest(keys[[row]], known), enumerate(known, most = 40)
    ))
  }
  check_design_values(tables, keys)
}

check_design_values <- function(tables, keys) {
  # The key of a single model has the rule of its common one.
  base <- vapply(keys, function(key) {
    of_model <- model_keys[startsWith(key, paste0(model_keys, "_"))]
    if (key %in% names(design_keys) || length(of_model) == 0) key else of_model[[1]]
  }, "")
  form <- design_keys[base]
  bad <- which(!is.na(form) & !mapply(grepl, form, tables$design$value))
  if (length(bad) > 0) {
    row <- bad[[1]]
    abort_cell(tables, "design", row, "value", sprintf(
      "`%s` is %s. Write %s.", keys[[row]], describe(tables$design$value[[row]]),
      switch(base[[row]], rounding = "`rounded` or `truncated`", conf.level = "a share, as 0.95",
        model_family = "`gaussian`, `binomial` or `poisson`", model_n = "a whole number",
        model_errors = "`model` or `robust`", model_limits = "`wald` or `profile`",
        grid = "a step, as 1 or 20/19, or outcomes with theirs, as baseline 1; change 20/19",
        flow_sums = "sums of steps, as randomised = lost + analysed, separated by semicolons",
        "`yes` or `no`")
    ))
  }
}

# ---- Names ----

check_printed_arms <- function(tables, name, column) {
  arms <- design_values(tables, "arms")
  strange <- which(!tables[[name]][[column]] %in% c(arms, ""))
  if (length(strange) > 0) {
    row <- strange[[1]]
    text <- tables[[name]][[column]][[row]]
    abort_cell(tables, name, row, column, sprintf(
      "%s is no arm; design.csv names %s.%s", describe(text), enumerate(arms, most = 20),
      if (length(arms) == 1 && text %in% trimws(strsplit(arms, "[,/|]")[[1]])) {
        " Separate arms by semicolons there."
      } else {
        nearest(text, arms)
      }
    ))
  }
}

printed_tests <- c(
  "chisq", "fisher", "student", "welch", "paired", "anova", "interaction"
)

check_printed_tests <- function(tables) {
  strange <- which(!tables$tests$test %in% printed_tests)
  if (length(strange) > 0) {
    row <- strange[[1]]
    text <- tables$tests$test[[row]]
    near <- nearest(text, printed_tests)
    abort_cell(tables, "tests", row, "test", sprintf(
      "%s is none of the tests %s.%s", describe(text), enumerate(printed_tests, most = 20),
      if (nzchar(near)) near else test_cure(text)
    ))
  }
  check_two_groups(tables)
}

# Tests by the names that papers give them.
test_cure <- function(text) {
  named <- function(form) grepl(form, text, ignore.case = TRUE)
  other <- " Leave the row out: nothing that is printed gives another test."
  if (named("wilcox|mann|whitney|kruskal|mcnemar|signed|rank|friedman|mixed|ancova|^ *U *$")) {
    other
  } else if (named("pair|depend|within")) {
    " Write `paired`."
  } else if (named("chi|\u03c7|x2|x\u00b2|pearson")) {
    " Write `chisq`."
  } else if (named("welch|unequal")) {
    " Write `welch`."
  } else if (named("^ *t *$|t[ .-]?test|independent|two[ -]sample")) {
    " Write `student` for two arms, `welch` if their variances may differ, `paired` within an arm."
  } else if (named("^ *F *$|variance")) {
    " Write `anova`."
  } else {
    other
  }
}

# A t of an arm and nothing else would be compared with nothing, and nobody would notice. (One
# without arms, of other groups, still has a P that follows from it.)
check_two_groups <- function(tables) {
  tests <- tables$tests
  of_two <- tests$test %in% c("student", "welch")
  for (column in c("arm", "reference")) {
    other <- setdiff(c("arm", "reference"), column)
    bare <- which(of_two & !nzchar(tests[[column]]) & nzchar(tests[[other]]))
    if (length(bare) > 0) {
      abort_cell(tables, "tests", bare[[1]], column, sprintf(
        "It is empty, but `%s` compares two arms. Name the one that %s is compared with.",
        tests$test[[bare[[1]]]], describe(tests[[other]][[bare[[1]]]])
      ))
    }
  }
  same <- which(of_two & nzchar(tests$arm) & tests$arm == tests$reference)
  if (length(same) > 0) {
    abort_cell(tables, "tests", same[[1]], "reference",
      "An arm is compared with itself here. Name the other arm.")
  }
}

# A name that is spelled in two ways (Female, female) would be taken for two.
check_spellings <- function(tables) {
  variables <- named_cells(tables, list(
    counts = "variable", means = c("outcome", "variable"), tests = c("outcome", "variable"),
    model = "variable"
  ))
  refuse_two_spellings(tables, variables)
  levels <- named_cells(tables, list(
    counts = "level", means = "level", tests = "level", model = c("level", "reference")
  ))
  refuse_two_spellings(tables, levels)
}

# Names with their places; `of` is the variable that a level is of.
named_cells <- function(tables, columns) {
  of <- function(name, column, n) {
    if (column %in% c("level", "reference")) tables[[name]]$variable else rep("", n)
  }
  parts <- lapply(names(columns), function(name) {
    lapply(columns[[name]], function(column) {
      text <- tables[[name]][[column]]
      data.frame(
        text = text, of = of(name, column, length(text)), table = rep(name, length(text)),
        column = rep(column, length(text)), row = seq_along(text)
      )
    })
  })
  cells <- do.call(rbind, unlist(parts, recursive = FALSE))
  cells[nzchar(cells$text) & !duplicated(cells[c("text", "of")]), ]
}

refuse_two_spellings <- function(tables, cells) {
  alike <- paste(cells$of, gsub("[ _]+", " ", tolower(cells$text)), sep = "\r")
  second <- which(duplicated(alike))
  if (length(second) > 0) {
    second <- second[[1]]
    first <- cells[match(alike[[second]], alike), ]
    again <- cells[second, ]
    abort_cell(tables, again$table, again$row, again$column, sprintf(
      "%s is %s in %s.csv, row %d. Spell it the same everywhere.", describe(again$text),
      describe(first$text), first$table, first$row
    ))
  }
}

# ---- Rows ----

row_names <- list(
  design = "key", flow = c("step", "arm"), counts = c("variable", "level", "arm"),
  means = c("outcome", "variable", "level", "arm"),
  model = c("model", "term", "variable", "level")
)

# A test may be printed twice, in a table and in the text: audit() looks at both.
check_rows_twice <- function(tables) {
  for (name in names(row_names)) {
    naming <- tables[[name]][row_names[[name]]]
    names_of <- do.call(paste, c(naming, sep = "\r"))
    second <- which(duplicated(names_of))
    if (length(second) > 0) {
      row <- second[[1]]
      words <- unlist(naming[row, , drop = FALSE])
      abort_printed(name, sprintf(
        "%s is in row %d already. Delete one of the two, or correct its name.",
        join_words(sprintf("%s %s", names(words), vapply(words, describe, "")), ", "),
        match(names_of[[row]], names_of)
      ), row = row, value = unname(words), line = attr(tables[[name]], "line")[row])
    }
  }
}

# A sample size is of means (delta, sd) or of proportions (p1, p2).
check_power_rows <- function(tables) {
  power <- tables$power
  number <- lapply(power[number_columns$power], printed_number)
  of_means <- !is.na(number$delta)
  of_shares <- !is.na(number$p1) | !is.na(number$p2)
  refuse <- function(bad, column, message) {
    if (any(bad)) {
      abort_cell(tables, "power", which(bad)[[1]], column, message)
    }
  }
  refuse(!is.na(number$n) & number$n < 1, "n", "A sample has one person at least. Correct it.")
  refuse(of_means & of_shares, "delta",
    "Means and proportions are given. Leave either delta and sd, or p1 and p2.")
  refuse(of_means & number$delta == 0, "delta", "A difference of 0 needs no sample. Correct it.")
  refuse(number$sd %in% 0 | (!is.na(number$sd) & number$sd < 0), "sd",
    "A standard deviation is above 0. Correct it.")
  refuse(of_shares & is.na(number$p1 + number$p2), "p1", "One proportion is missing. Give both.")
  for (column in share_columns$power) {
    share <- number[[column]]
    refuse(!is.na(share) & (share < 0 | share >= 1 | (share == 0 & column != "dropout")), column,
      "A share lies between 0 and 1. Write it so, or with its percent sign.")
  }
  refuse(of_shares & number$p1 == number$p2, "p1", "The proportions are equal. Correct one.")
}

check_pool_rows <- function(tables) {
  for (column in number_columns$pools) {
    strange <- which(strange_pool(tables$pools[[column]], column))
    if (length(strange) > 0) {
      row <- strange[[1]]
      abort_cell(tables, "pools", row, column, sprintf(
        "%s is no %s. Write it as it was printed, or leave it empty.",
        describe(tables$pools[[column]][[row]]), pool_content(column)
      ))
    }
  }
}

check_repairs <- function(tables) {
  repairs <- tables$repairs
  for (row in seq_len(nrow(repairs))) {
    table <- repairs$table[[row]]
    if (!table %in% setdiff(names(tables), "repairs")) {
      abort_cell(tables, "repairs", row, "table", sprintf(
        "There is no table %s.%s", describe(table), nearest(table, names(tables))
      ))
    }
    if (!repairs$column[[row]] %in% names(tables[[table]])) {
      abort_cell(tables, "repairs", row, "column", sprintf(
        "%s.csv has no column %s.%s", table, describe(repairs$column[[row]]),
        nearest(repairs$column[[row]], names(tables[[table]]))
      ))
    }
    at <- suppressWarnings(as.numeric(repairs$row[[row]]))
    if (!at %in% seq_len(nrow(tables[[table]]))) {
      abort_cell(tables, "repairs", row, "row", sprintf(
        "%s.csv has %d rows and no row %s. Count without the header and comments.", table,
        nrow(tables[[table]]), describe(repairs$row[[row]])
      ))
    }
  }
}
