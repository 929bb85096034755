# Pooled rows without their studies: what k, Q, I2, estimate, interval and P say of one another.
# A printed number is a range here (interval arithmetic): list(value, low, high).

#' Check pooled results against themselves
#'
#' A review prints k, an estimate, its interval, I2, perhaps Q and P. Without the studies' data
#' these can still be held against one another, as far as rounding allows: a printed number is taken
#' for all numbers that print so, and a contradiction is called one only when none of them fits.
#'
#' The checks, each where the numbers it needs are printed:
#'
#' * `estimate`: the middle of the interval (on the log scale for ratios).
#' * `std.error` and `statistic`: of a normal interval. Nothing is printed to compare with.
#' * `p`: from the statistic by the normal distribution, or by t with k - 1 df when only that fits.
#' * `I2`: from Q and k, `100 max(0, (Q - k + 1) / Q)`; when they disagree, `k` is what Q and I2 ask
#'   for. (Where software took I2 from tau2, they need not agree.)
#' * `Q`: what I2 and k ask for, when Q is not printed. With an I2 of 0 it is at most `high`.
#' * `t.low` and `t.high`: the interval that the same standard error gives with t and k - 1 df,
#'   as HKSJ has it when its variance factor is 1, and whether it still excludes no effect.
#' * `n`: how many participants a standardised mean difference with this standard error needs at
#'   least, `(4 + d^2/2) / SE^2`: studies of two equal arms without heterogeneity. Unequal arms
#'   and heterogeneity need more; before against after in one group is another matter. A printed
#'   `n` below says that participants were counted twice, or that a standard error was taken for
#'   a standard deviation.
#'
#' @param data A data frame of text, as printed, a row a pool: some of the columns `k`,
#'   `estimate`, `conf.low`, `conf.high`, `I2` (percent), `Q`, `p`, `n` (participants), and
#'   `measure` (`"SMD"`, `"OR"`, ...; ratios and standardised differences are treated as such).
#'   Empty text or `NA` is not printed. Others name the row. Numbers are refused, since they have
#'   lost their digits: read with `colClasses = "character"`.
#' @param conf.level Level of the printed intervals.
#' @param truncated `TRUE` if numbers were cut off instead of rounded.
#' @return A data frame of class `pool_checks`, a row a check: `row`, `label`, `check`, `printed`
#'   (text, `NA` where nothing is), `recomputed`, `low`, `high` (what rounding allows), `verdict`
#'   (`exact`: the recomputed number prints as the printed one; `rounding`: another that rounding
#'   allows does; `inconsistent`: none does; `NA`: nothing to compare) and `note`.
#' @section Errors:
#' `questrial_error_argument` for columns of numbers and for text that is no number, with row and
#' column.
#' @section Compared with statcheck:
#' statcheck recomputes P from a test statistic and its df; it has no pools.
#' @references
#' Higgins JPT, Thompson SG (2002) Quantifying heterogeneity. Stat Med 21:1539. IntHout J et al.
#' (2014) The Hartung-Knapp-Sidik-Jonkman method. BMC Med Res Methodol 14:25.
#' @examples
#' file <- system.file("extdata", "pools.csv", package = "questrial")
#' pools <- read.csv(file, comment.char = "#", colClasses = "character")
#' checks <- check_pools(pools)
#' checks[checks$verdict %in% "inconsistent", ]
#' checks[checks$row == 3, ]
#' @export
check_pools <- function(data, conf.level = 0.95, truncated = FALSE) {
  data <- check_data_frame(data)
  check_flag(truncated, "truncated")
  check_number(conf.level, "conf.level", min = 0.5, max = 0.9999)
  known <- intersect(pool_columns, names(data))
  if (!any(c("estimate", "conf.low", "Q", "I2") %in% known)) {
    qst_abort("argument", sprintf(
      "`data` has none of the columns `estimate`, `conf.low`, `Q` and `I2`.%s Rename its columns.",
      nearest("estimate", names(data))
    ))
  }
  for (column in known) {
    check_printed_pool(data[[column]], column)
  }
  q <- stats::qnorm((1 + conf.level) / 2)
  labels <- pool_labels(data)
  checks <- lapply(seq_len(nrow(data)), function(i) {
    pool <- read_pool(data[i, , drop = FALSE], truncated)
    found <- do.call(rbind, as.list(pool_checks(pool, q)))
    if (is.null(found)) NULL else cbind(row = i, label = labels[[i]], found)
  })
  checks <- do.call(rbind, c(list(empty_pool_checks()), checks))
  structure(checks, class = c("pool_checks", "data.frame"), pools = nrow(data))
}

pool_columns <- c("k", "estimate", "conf.low", "conf.high", "I2", "Q", "p", "n")

empty_pool_checks <- function() {
  data.frame(
    row = 0L, label = "", check = "", printed = "", recomputed = 0, low = 0, high = 0, verdict = "",
    note = ""
  )[0, ]
}

# ---- Reading ----

check_printed_pool <- function(text, column) {
  if (is.numeric(text)) {
    qst_abort("argument", sprintf(
      "Column `%s` holds numbers, whose printed digits are lost. %s", column,
      "Read the file with colClasses = \"character\"."
    ), column = column)
  }
  text <- as.character(text)
  text[is.na(text)] <- ""
  bad <- strange_pool(text, column)
  if (any(bad)) {
    row <- which(bad)[[1]]
    qst_abort("argument", sprintf(
      "Row %d, column `%s`: %s is no %s. Write it as it was printed, or leave it empty.", row,
      column, describe(text[[row]]), pool_content(column)
    ), row = row, column = column, value = text[[row]])
  }
}

# Which texts cannot stand in a column of pools.
strange_pool <- function(text, column) {
  printed <- nzchar(trimws(text))
  number <- printed_number(text)
  most <- switch(column, I2 = 100, p = 1, Inf)
  least <- if (column %in% c("I2", "p", "Q")) 0 else -Inf
  whole <- column %in% c("k", "n") & !grepl("^ *[0-9]+ *$", text)
  printed & (is.na(number) | whole | number < least | number > most)
}

pool_content <- function(column) {
  switch(column, k = , n = "whole number", I2 = "percentage", p = "P value", Q = "sum of squares",
    "number")
}

# The numbers of one row; NULL where nothing is printed.
read_pool <- function(row, truncated) {
  columns <- intersect(pool_columns, names(row))
  pool <- lapply(stats::setNames(nm = columns), function(column) {
    printed_range(as.character(row[[column]]), truncated && !column %in% c("k", "n"))
  })
  measure <- if ("measure" %in% names(row)) tolower(as.character(row$measure)) else ""
  ratio <- "^(or|rr|hr|irr|rom|peto|log ?odds|.*ratio.*)$"
  smd <- "^(smd|g|d|.*standardi[sz]ed.*|(hedges|cohen).*)$"
  pool$ratio <- grepl(ratio, measure)
  pool$smd <- grepl(smd, measure)
  pool
}

printed_range <- function(text, truncated) {
  text <- plain_printed(text)
  if (is.na(text)) {
    return(NULL)
  }
  value <- printed_number(text)
  bound <- substr(text, 1, 1)
  box <- switch(bound, "<" = c(0, value), ">" = c(value, Inf), printed_box(text, truncated))
  if (bound %in% c("<", ">")) {
    value <- NA_real_
  }
  list(value = value, low = box[[1]], high = box[[2]], text = text)
}

pool_labels <- function(data) {
  naming <- setdiff(names(data), c(pool_columns, "measure", "doi", "source", "software", "note"))
  parts <- lapply(data[naming], function(column) {
    text <- trimws(as.character(column))
    ifelse(is.na(text) | !nzchar(text), NA, text)
  })
  vapply(seq_len(nrow(data)), function(i) {
    words <- unlist(lapply(parts, `[[`, i))
    paste(words[!is.na(words)], collapse = ", ")
  }, "")
}

# ---- Checks ----

pool_checks <- function(pool, q) {
  interval <- pool_interval(pool, q)
  c(
    check_middle(pool, interval), check_statistic(interval), check_pool_p(pool, interval),
    check_heterogeneity(pool), check_t_interval(pool, interval), check_participants(pool, interval)
  )
}

pool_check <- function(check, printed, range, verdict = NA_character_, note = "") {
  data.frame(
    check = check, printed = if (is.null(printed)) NA_character_ else printed$text,
    recomputed = range$value, low = range$low, high = range$high, verdict = verdict, note = note
  )
}

# exact, rounding or inconsistent; `range` is what was recomputed, `printed` a printed range.
pool_verdict <- function(range, printed) {
  hair <- 1e-9 * max(1, abs(range$value), na.rm = TRUE)
  if (isTRUE(range$value >= printed$low - hair && range$value <= printed$high + hair)) {
    "exact"
  } else if (range$low <= printed$high + hair && range$high >= printed$low - hair) {
    "rounding"
  } else {
    "inconsistent"
  }
}

monotone <- function(range, fun) {
  both <- sort(c(fun(range$low), fun(range$high)))
  list(value = fun(range$value), low = both[[1]], high = both[[2]])
}

# Middle, standard error and statistic on the scale of the test, each a range. The middle is
# what estimate and interval both allow.
pool_interval <- function(pool, q) {
  if (is.null(pool$conf.low) || is.null(pool$conf.high)) {
    return(NULL)
  }
  scale <- if (pool$ratio) function(x) log(pmax(x, 0)) else identity
  low <- monotone(pool$conf.low, scale)
  high <- monotone(pool$conf.high, scale)
  if (!all(is.finite(c(low$value, high$value))) || low$value >= high$value) {
    wrong <- if (all(is.finite(c(low$value, high$value)))) {
      "The limits are in the wrong order."
    } else {
      "A ratio and its limits are above 0."
    }
    return(list(wrong = wrong))
  }
  middle <- range_of(low, high, function(a, b) (a + b) / 2)
  centre <- if (is.null(pool$estimate)) middle else meet(monotone(pool$estimate, scale), middle)
  se <- list(
    value = (high$value - low$value) / (2 * q), low = max(0, high$low - low$high) / (2 * q),
    high = (high$high - low$low) / (2 * q)
  )
  ends <- c(centre$low / se$low, centre$low / se$high, centre$high / se$low, centre$high / se$high)
  list(
    middle = middle, centre = centre, se = se, q = q,
    z = list(value = centre$value / se$value, low = min(ends), high = max(ends))
  )
}

range_of <- function(a, b, fun) {
  list(value = fun(a$value, b$value), low = fun(a$low, b$low), high = fun(a$high, b$high))
}

# The part of `a` that `b` allows; `a` when none is.
meet <- function(a, b) {
  low <- max(a$low, b$low)
  high <- min(a$high, b$high)
  if (low > high) a else list(value = a$value, low = low, high = high)
}

check_middle <- function(pool, interval) {
  if (!is.null(interval$wrong)) {
    none <- list(value = NA_real_, low = NA_real_, high = NA_real_)
    text <- list(text = sprintf("%s to %s", pool$conf.low$text, pool$conf.high$text))
    return(list(pool_check("interval", text, none, "inconsistent", interval$wrong)))
  }
  if (is.null(interval) || is.null(pool$estimate)) {
    return(NULL)
  }
  middle <- if (pool$ratio) monotone(interval$middle, exp) else interval$middle
  verdict <- pool_verdict(middle, pool$estimate)
  note <- if (verdict == "inconsistent") {
    sprintf("The interval is not symmetric%s.", if (pool$ratio) " on the log scale" else "")
  } else {
    ""
  }
  list(pool_check("estimate", pool$estimate, middle, verdict, note))
}

check_statistic <- function(interval) {
  if (is.null(interval$se)) {
    return(NULL)
  }
  list(pool_check("std.error", NULL, interval$se), pool_check("statistic", NULL, interval$z))
}

check_pool_p <- function(pool, interval) {
  if (is.null(interval$z) || is.null(pool$p)) {
    return(NULL)
  }
  p <- p_range(interval$z, function(z) 2 * stats::pnorm(-abs(z)))
  verdict <- pool_verdict(p, pool$p)
  note <- ""
  if (verdict == "inconsistent" && !is.null(pool$k) && pool$k$value > 1) {
    df <- pool$k$value - 1
    # A t interval is wider by the ratio of quantiles at the same standard error.
    wider <- stats::qt(stats::pnorm(interval$q), df) / interval$q
    t <- monotone(interval$z, function(z) z * wider)
    by_t <- p_range(t, function(t) 2 * stats::pt(-abs(t), df))
    if (pool_verdict(by_t, pool$p) != "inconsistent") {
      p <- by_t
      verdict <- pool_verdict(by_t, pool$p)
      note <- sprintf("By t with %d df, not by the normal distribution.", as.integer(df))
    }
  }
  list(pool_check("p", pool$p, p, verdict, note))
}

# P falls with |z|, which is 0 where the range holds 0.
p_range <- function(z, tail) {
  least <- if (z$low <= 0 && z$high >= 0) 0 else min(abs(c(z$low, z$high)))
  list(value = tail(z$value), low = tail(max(abs(c(z$low, z$high)))), high = tail(least))
}

# ---- Heterogeneity ----

# I2 = 100 max(0, (Q - df) / Q) (Higgins and Thompson 2002).
i2_of <- function(Q, df) {
  ifelse(Q > 0, 100 * pmax(0, (Q - df) / Q), 0)
}

check_heterogeneity <- function(pool) {
  if (is.null(pool$I2)) {
    return(if (!is.null(pool$Q) && !is.null(pool$k)) {
      list(pool_check("I2", NULL, monotone(pool$Q, function(Q) i2_of(Q, pool$k$value - 1))))
    })
  }
  if (is.null(pool$Q)) {
    return(if (!is.null(pool$k) && pool$k$value > 1) list(implied_q(pool)))
  }
  if (is.null(pool$k)) {
    return(list(implied_k(pool)))
  }
  i2 <- monotone(pool$Q, function(Q) i2_of(Q, pool$k$value - 1))
  verdict <- pool_verdict(i2, pool$I2)
  if (verdict != "inconsistent") {
    return(list(pool_check("I2", pool$I2, i2, verdict)))
  }
  list(
    pool_check("I2", pool$I2, i2, verdict,
      "From Q and k. Only an I2 that was made from tau2 may differ."),
    implied_k(pool)
  )
}

# Q = df / (1 - I2); an I2 that prints as 0 only bounds it.
implied_q <- function(pool) {
  df <- pool$k$value - 1
  of <- function(i2) df / (1 - pmin(i2, 100) / 100)
  if (pool$I2$value == 0) {
    return(pool_check("Q", NULL, list(value = df, low = 0, high = of(pool$I2$high)),
      note = "At most, since I2 is 0."))
  }
  low <- max(pool$I2$low, 0)
  pool_check("Q", NULL, list(value = of(pool$I2$value), low = of(low), high = of(pool$I2$high)))
}

# k = 1 + Q (1 - I2).
implied_k <- function(pool) {
  of <- function(Q, i2) 1 + Q * (1 - pmin(pmax(i2, 0), 100) / 100)
  range <- list(
    value = of(pool$Q$value, pool$I2$value), low = of(pool$Q$low, pool$I2$high),
    high = of(pool$Q$high, pool$I2$low)
  )
  if (pool$I2$value == 0) {
    range$low <- range$value
    range$high <- Inf
  }
  verdict <- NA_character_
  if (!is.null(pool$k)) {
    verdict <- if (range$low <= pool$k$value && pool$k$value <= range$high) {
      "rounding"
    } else {
      "inconsistent"
    }
  }
  pool_check("k", pool$k, range, verdict, "The number of effects that Q and I2 ask for.")
}

# ---- What t and n would say ----

check_t_interval <- function(pool, interval) {
  if (is.null(interval$se) || is.null(pool$k) || pool$k$value < 2) {
    return(NULL)
  }
  df <- pool$k$value - 1
  t <- stats::qt(stats::pnorm(interval$q), df)
  back <- if (pool$ratio) exp else identity
  centre <- interval$centre
  se <- interval$se
  low <- list(value = centre$value - t * se$value, low = centre$low - t * se$high,
    high = centre$high - t * se$low)
  high <- list(value = centre$value + t * se$value, low = centre$low + t * se$low,
    high = centre$high + t * se$high)
  excludes <- function(a, b) a > 0 || b < 0
  null <- if (pool$ratio) 1 else 0
  printed <- excludes(pool$conf.low$value - null, pool$conf.high$value - null)
  note <- if (!printed) {
    ""
  } else if (excludes(low$value, high$value)) {
    sprintf("By t with %d df the interval still excludes no effect.", as.integer(df))
  } else {
    sprintf("By t with %d df the interval includes no effect; the printed one does not.",
      as.integer(df))
  }
  list(
    pool_check("t.low", NULL, monotone(low, back), note = note),
    pool_check("t.high", NULL, monotone(high, back), note = note)
  )
}

# Var d = 1/n1 + 1/n2 + d^2/(2N) (Hedges 1981), with n1 = n2 = N/2 summed over studies of one
# effect: 1/SE^2 = N / (4 + d^2/2). Anything else needs more participants.
check_participants <- function(pool, interval) {
  if (is.null(interval$se) || !pool$smd || interval$se$low <= 0) {
    return(NULL)
  }
  need <- function(d, se) (4 + d^2 / 2) / se^2
  ends <- abs(c(interval$centre$low, interval$centre$high))
  least <- if (interval$centre$low < 0 && interval$centre$high > 0) 0 else min(ends)
  most <- max(ends)
  fewest <- "Participants needed at least, in two equal arms."
  range <- list(
    value = need(interval$centre$value, interval$se$value), low = need(least, interval$se$high),
    high = need(most, interval$se$low)
  )
  if (is.null(pool$n)) {
    return(list(pool_check("n", NULL, range, note = fewest)))
  }
  n <- pool$n$value
  verdict <- if (n >= range$value) "exact" else if (n >= range$low) "rounding" else "inconsistent"
  note <- if (verdict == "inconsistent") {
    "Needed at least: were participants counted twice, or an SE taken for an SD?"
  } else {
    fewest
  }
  list(pool_check("n", pool$n, range, verdict, note))
}

# ---- Printing ----

#' @rdname check_pools
#' @param x A `pool_checks`.
#' @param ... Must be empty.
#' @export
print.pool_checks <- function(x, ...) {
  check_no_dots(...)
  if (!all(names(empty_pool_checks()) %in% names(x))) {
    print(structure(x, class = "data.frame"))
    return(invisible(x))
  }
  counts <- table(factor(x$verdict, c("exact", "rounding", "inconsistent")))
  pools <- length(unique(x$row))
  cat(sprintf("%d check%s of %d pool%s: %s\n", nrow(x), if (nrow(x) == 1) "" else "s", pools,
    if (pools == 1) "" else "s", paste(counts, names(counts), collapse = ", ")))
  for (row in unique(x$row)) {
    print_pool(x[x$row == row, ])
  }
  invisible(x)
}

print_pool <- function(x) {
  cat("\n")
  writeLines(strwrap(sprintf("%d. %s", x$row[[1]], x$label[[1]]), getOption("width"), exdent = 3))
  number <- function(value) {
    digits <- if (is.na(value) || abs(value) >= 0.01) 4 else 2
    text <- format(signif(value, digits), trim = TRUE, drop0trailing = TRUE)
    ifelse(is.na(value), "", text)
  }
  recomputed <- vapply(x$recomputed, number, "")
  range <- ifelse(is.na(x$low), "", sprintf("(%s to %s)", vapply(x$low, number, ""),
    vapply(x$high, number, "")))
  printed <- ifelse(is.na(x$printed), "", paste("printed", x$printed))
  verdict <- ifelse(is.na(x$verdict), "", x$verdict)
  line <- paste0("   ", pad_left(x$check, 10), pad_left(recomputed, 10), pad_left(range, 24), " ",
    pad_left(printed, 16), " ", verdict)
  writeLines(sub(" +$", "", line))
  writeLines(strwrap(unique(x$note[nzchar(x$note)]), getOption("width"), indent = 3, exdent = 3))
}
