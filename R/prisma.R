# The PRISMA 2020 flow diagram: what was found, left out and included in a review. Its boxes have
# the columns of flow()'s, and are drawn by the same engine (diagram.R).

#' Flow of the studies of a review
#'
#' The PRISMA 2020 diagram as an object: records from databases and registers, optionally from
#' other methods and from a previous version of the review, down to the studies included. A number
#' that follows from others may be left out; one that is given must follow from them.
#'
#' @param databases Records found, whole numbers named by database: `c(PubMed = 812, Embase = 340)`.
#' @param registers The same for registers of trials.
#' @param removed Records removed before screening, named by reason (duplicates, ...).
#' @param screened,sought,assessed Records screened, reports sought for retrieval, reports assessed
#'   for eligibility; `NULL` computes them.
#' @param excluded Records excluded by title and abstract: a number, or numbers named by reason.
#' @param not_retrieved Reports that were not retrieved.
#' @param reasons Reports excluded after assessment, named by reason; `0` is kept.
#' @param included New studies included: a number, or `c(studies = 11, reports = 13)`. Reports
#'   must be those assessed less those excluded, of all methods together; studies may be fewer, or
#'   more, as one report may be of several. When `NULL` each report is one study.
#' @param other Other methods: a list with `identified` (named by method) and, like the
#'   arguments, `sought`, `not_retrieved`, `assessed` and `reasons`. `NULL` when there were none.
#' @param previous Studies of a previous version of the review: a number or
#'   `c(studies =, reports =)`. `NULL` for a new review.
#' @return An object of class `prisma_flow`: `$boxes`, data frame, a row a box: `id`, `column`
#'   (`databases`, `other` or `previous`), `stage`, `row`, `kind` (`main` or `side`), `label`, `n`;
#'   `$lines`, a row a line inside a box: `box`, `kind`, `label`, `n`. There are `print()` (text in
#'   80 columns), `plot()`, [flow_size()], [write_figure()], [alt_text()], `as.data.frame()`.
#' @section Errors:
#' `questrial_error_argument` for a count that is no whole number from 0, for reasons without
#' names, and for boxes that do not balance: the message names the box and the difference.
#' @section Compared with PRISMA2020:
#' That package draws from a template file of 40 numbers and does not add them up; here what follows
#' is computed, and a contradiction is an error. Both draw the same boxes.
#' @references
#' Page MJ et al. (2021) The PRISMA 2020 statement. BMJ 372:n71.
#' @seealso [flow()] for the participants of one trial.
#' @examples
#' # Synthetic.
#' x <- prisma_flow(
#'   databases = c(PubMed = 412, Embase = 287, PsycINFO = 96), registers = c(CENTRAL = 31),
#'   removed = c("Duplicates" = 214, "Marked as ineligible by automation tools" = 0),
#'   excluded = 540, not_retrieved = 4,
#'   reasons = c("No control group" = 31, "Other outcome" = 20, "Other population" = 5),
#'   included = c(studies = 11, reports = 12)
#' )
#' x
#' plot(x)
#' @export
prisma_flow <- function(databases, registers = NULL, removed = NULL, screened = NULL,
                        excluded = 0, sought = NULL, not_retrieved = 0, assessed = NULL,
                        reasons = NULL, included = NULL, other = NULL, previous = NULL) {
  found <- c(prisma_counts(databases, "databases"), prisma_counts(registers, "registers"))
  removed <- prisma_counts(removed, "removed")
  excluded <- counts_or_number(excluded, "excluded")
  main <- list(found = found, removed = removed, excluded = excluded)
  main$screened <- follows("Records screened", screened, sum(found) - sum(removed),
    "records identified less those removed")
  main$sought <- follows("Reports sought for retrieval", sought, main$screened - sum(excluded),
    "records screened less those excluded")
  main <- c(main, assess_reports("databases", main$sought, not_retrieved, assessed, reasons))
  other <- prisma_other(other)
  reports <- main$kept + if (is.null(other)) 0 else other$kept
  included <- studies_of(included, "included", reports)
  previous <- if (!is.null(previous)) studies_of(previous, "previous", NULL)
  new_prisma(main, other, included, previous)
}

# ---- Counts ----

prisma_counts <- function(x, arg) {
  if (is.null(x)) {
    return(integer())
  }
  ok <- is.numeric(x) && fully_named(x) && !anyNA(x) && all(x >= 0 & x == round(x))
  if (!ok) {
    qst_abort("argument", sprintf(
      "`%s` must be whole numbers from 0, each with its own name, not %s. %s", arg, describe(x),
      "For example c(\"Duplicates\" = 214)."
    ), value = x)
  }
  x
}

counts_or_number <- function(x, arg) {
  if (is.null(names(x))) check_count(x, arg) else prisma_counts(x, arg)
}

check_count <- function(x, arg) {
  check_number(x, arg, min = 0, max = 1e9, whole = TRUE)
}

# The number of a box that follows from others: computed, or given and then equal.
follows <- function(box, given, computed, of) {
  if (computed < 0) {
    qst_abort("argument", sprintf(
      "The flow does not balance at box \"%s\": %s are %d. %s", box, of, as.integer(computed),
      "No more can leave than were there: correct one of the numbers."
    ), box = box, difference = computed)
  }
  if (!is.null(given) && check_count(given, box) != computed) {
    qst_abort("argument", sprintf(
      "The flow does not balance at box \"%s\": %s are %d, but %d are given (difference %d). %s",
      box, of, as.integer(computed), as.integer(given), as.integer(given - computed),
      "Correct the number that is wrong."
    ), box = box, difference = given - computed)
  }
  computed
}

assess_reports <- function(column, sought, not_retrieved, assessed, reasons) {
  by <- if (column == "other") " (other methods)" else ""
  check_count(not_retrieved, "not_retrieved")
  reasons <- prisma_counts(reasons, "reasons")
  assessed <- follows(paste0("Reports assessed for eligibility", by), assessed,
    sought - not_retrieved, "reports sought less those not retrieved")
  kept <- follows(paste0("Reports excluded", by), NULL, assessed - sum(reasons),
    "reports assessed less those excluded")
  list(not_retrieved = not_retrieved, assessed = assessed, reasons = reasons, kept = kept)
}

prisma_other <- function(other) {
  if (is.null(other)) {
    return(NULL)
  }
  known <- c("identified", "sought", "not_retrieved", "assessed", "reasons")
  if (!is.list(other) || !fully_named(other) || !all(names(other) %in% known) ||
        is.null(other$identified)) {
    qst_abort("argument", sprintf(
      "`other` must be a list of %s, `identified` at least, not %s.", enumerate(known),
      if (is.list(other)) enumerate(names(other)) else describe(other)
    ))
  }
  found <- prisma_counts(other$identified, "other$identified")
  sought <- follows("Reports sought for retrieval (other methods)", other$sought, sum(found),
    "records identified from other methods")
  not_retrieved <- if (is.null(other$not_retrieved)) 0 else other$not_retrieved
  c(
    list(found = found, sought = sought),
    assess_reports("other", sought, not_retrieved, other$assessed, other$reasons)
  )
}

# c(studies, reports); `reports` is what they must be, NULL where it is not known. There may be
# fewer reports than studies, as one paper may report several.
studies_of <- function(x, arg, reports) {
  if (is.null(x)) {
    return(c(studies = reports, reports = NA))
  }
  if (is.null(names(x))) {
    x <- c(studies = check_count(x, arg), reports = if (is.null(reports)) NA else reports)
  }
  if (!setequal(names(x), c("studies", "reports"))) {
    qst_abort("argument", sprintf(
      "`%s` must be a number of studies or c(studies = , reports = ), not named %s.", arg,
      enumerate(names(x))
    ))
  }
  check_count(x[["studies"]], arg)
  if (!is.null(reports)) {
    follows("Reports of included studies", x[["reports"]], reports,
      "reports assessed less those excluded")
  }
  x[c("studies", "reports")]
}

# ---- The object ----

new_prisma <- function(main, other, included, previous) {
  boxes <- c(
    prisma_previous(previous), prisma_databases(main), prisma_methods(other),
    prisma_included(included, previous)
  )
  part <- function(name, type) vapply(boxes, function(box) box[[name]], type)
  lines <- lapply(boxes, function(box) {
    inside <- box$inside
    if (length(inside) == 0) {
      return(NULL)
    }
    data.frame(
      box = box$id, kind = if (is.null(box$notes)) "reason" else "note", label = names(inside),
      n = as.integer(inside), detail = ""
    )
  })
  none <- data.frame(box = "", kind = "", label = "", n = 0L, detail = "")[0, ]
  structure(list(
    boxes = data.frame(
      id = part("id", ""), column = part("column", ""), stage = part("stage", ""),
      row = part("row", 1), kind = part("kind", ""), label = part("label", ""),
      n = as.integer(part("n", 1))
    ),
    lines = do.call(rbind, c(list(none), lines))
  ), class = "prisma_flow")
}

prisma_box <- function(column, stage, row, kind, label, n, inside = NULL, notes = NULL) {
  list(id = paste(column, row, kind, sep = "."), column = column, stage = stage, row = row,
    kind = kind, label = label, n = n, inside = inside, notes = notes)
}

prisma_previous <- function(previous) {
  if (is.null(previous)) {
    return(NULL)
  }
  list(prisma_box("previous", "Identification", 1, "main",
    "Studies included in previous version of review", previous[["studies"]],
    reports_line("Reports of studies included in previous version", previous), notes = TRUE
  ))
}

reports_line <- function(label, studies) {
  if (is.na(studies[["reports"]])) NULL else stats::setNames(studies[["reports"]], label)
}

prisma_databases <- function(main) {
  box <- function(...) prisma_box("databases", ...)
  list(
    box("Identification", 1, "main", "Records identified", sum(main$found), main$found),
    box("Identification", 1, "side", "Records removed before screening", sum(main$removed),
      main$removed),
    box("Screening", 2, "main", "Records screened", main$screened),
    box("Screening", 2, "side", "Records excluded", sum(main$excluded),
      if (!is.null(names(main$excluded))) main$excluded),
    box("Screening", 3, "main", "Reports sought for retrieval", main$sought),
    box("Screening", 3, "side", "Reports not retrieved", main$not_retrieved),
    box("Screening", 4, "main", "Reports assessed for eligibility", main$assessed),
    box("Screening", 4, "side", "Reports excluded", sum(main$reasons), main$reasons)
  )
}

prisma_methods <- function(other) {
  if (is.null(other)) {
    return(NULL)
  }
  box <- function(...) prisma_box("other", ...)
  list(
    box("Identification", 1, "main", "Records identified", sum(other$found), other$found),
    box("Screening", 3, "main", "Reports sought for retrieval", other$sought),
    box("Screening", 3, "side", "Reports not retrieved", other$not_retrieved),
    box("Screening", 4, "main", "Reports assessed for eligibility", other$assessed),
    box("Screening", 4, "side", "Reports excluded", sum(other$reasons), other$reasons)
  )
}

prisma_included <- function(included, previous) {
  box <- function(row, label, reports, of) {
    prisma_box("databases", "Included", row, "main", label, of[["studies"]],
      reports_line(reports, of), notes = TRUE)
  }
  if (is.null(previous)) {
    return(list(box(5, "Studies included in review", "Reports of included studies", included)))
  }
  list(
    box(5, "New studies included in review", "Reports of new included studies", included),
    box(6, "Total studies included in review", "Reports of total included studies",
      included + previous)
  )
}

# ---- As text and data ----

#' @export
print.prisma_flow <- function(x, ...) {
  check_no_dots(...)
  writeLines(format(x))
  invisible(x)
}

#' @export
format.prisma_flow <- function(x, ...) {
  columns <- unique(x$boxes$column)
  c(
    "Flow of studies (PRISMA 2020)",
    unlist(lapply(columns, function(column) prisma_text(x, column, length(columns) > 1)))
  )
}

prisma_titles <- c(
  previous = "Previous studies", databases = "New studies via databases and registers",
  other = "New studies via other methods"
)

prisma_text <- function(x, column, titled) {
  boxes <- x$boxes[x$boxes$column == column, ]
  lines <- lapply(split_rows(boxes), function(box) {
    inside <- x$lines[x$lines$box == box$id, ]
    deep <- if (box$kind == "side") 4 else 2
    label <- c(
      paste0(strrep(" ", deep), box$label),
      if (nrow(inside) > 0) paste0(strrep(" ", deep + 4), inside$label)
    )
    n <- c(box$n, inside$n)
    cut <- nchar(label, "width") > 70
    label[cut] <- paste0(strtrim(label[cut], 68), "..")
    paste0(pad_left(label, 70), pad_right(format(n, trim = TRUE), 8))
  })
  c("", if (titled) prisma_titles[[column]], unlist(lines))
}

#' @export
as.data.frame.prisma_flow <- function(x, row.names = NULL, optional = FALSE, ...) {
  boxes <- x$boxes
  of <- match(x$lines$box, boxes$id)
  all <- rbind(
    data.frame(box = boxes$id, column = boxes$column, stage = boxes$stage, kind = boxes$kind,
      label = boxes$label, n = boxes$n),
    data.frame(box = x$lines$box, column = boxes$column[of], stage = boxes$stage[of],
      kind = x$lines$kind, label = x$lines$label, n = x$lines$n)
  )
  all <- all[order(match(all$box, boxes$id), seq_len(nrow(all))), ]
  rownames(all) <- row.names
  all
}

#' @exportS3Method generics::tidy
tidy.prisma_flow <- function(x, ...) {
  check_no_dots(...)
  as.data.frame(x)
}

#' @export
alt_text.prisma_flow <- function(x) {
  said <- vapply(unique(x$boxes$column), function(column) {
    boxes <- x$boxes[x$boxes$column == column, ]
    sprintf("%s: %s.", prisma_titles[[column]],
      paste(sprintf("%s %d", tolower(boxes$label), boxes$n), collapse = ", "))
  }, "")
  paste(c("PRISMA 2020 flow diagram.", said), collapse = " ")
}

# ---- Drawing ----

#' @rdname prisma_flow
#' @param x A `prisma_flow`.
#' @param fontsize,newpage,... As in [plot.flow()].
#' @export
plot.prisma_flow <- function(x, fontsize = NULL, newpage = TRUE, ...) {
  check_no_dots(...)
  draw_picture(x, fontsize, newpage)
}

#' @exportS3Method knitr::knit_print
knit_print.prisma_flow <- function(x, ...) {
  plot(x)
}

#' @export
picture_layout.prisma_flow <- function(x, width, fontsize, ...) {
  size <- diagram_measures(fontsize)
  columns <- prisma_columns(x, width, size)
  # The template's own words need boxes ten letters wide.
  narrow <- min(columns$x1 - columns$x0)
  if (narrow < 10 * size$em) {
    width <- ceiling(width * 10 * size$em / narrow)
  }
  layout <- diagram_layout(prisma_diagram(x, width, fontsize), fontsize)
  if (layout$lacking > 0) {
    width <- ceiling(width + 4 * nrow(columns) * layout$lacking)
    layout <- diagram_layout(prisma_diagram(x, width, fontsize), fontsize)
  }
  layout$width <- width
  c(layout, list(
    broken = any(layout$lines$broken), grobs = function(scale) diagram_grobs(layout, scale)
  ))
}

# A column of boxes each, with that of the boxes beside it: `x0`, `x1`, `way` (the way down) and
# the same of the side boxes.
prisma_columns <- function(x, width, size) {
  em <- size$em
  columns <- unique(x$boxes$column)
  shares <- c(previous = 0.55, databases = 1, other = 1)[columns]
  left <- 2.7 * em
  between <- 1.3 * em
  room <- width - left - 0.2 * em - between * (length(columns) - 1)
  wide <- pmin(room * shares / sum(shares), 60 * em * shares)
  x0 <- left + cumsum(c(0, utils::head(wide + between, -1)))
  half <- ifelse(columns == "previous", wide, (wide - 1.6 * em) / 2)
  data.frame(column = columns, x0 = x0, x1 = x0 + half, way = x0 + half / 2,
    side0 = x0 + wide - half, side1 = x0 + wide)
}

prisma_diagram <- function(x, width, fontsize) {
  size <- diagram_measures(fontsize)
  columns <- prisma_columns(x, width, size)
  titled <- as.integer(nrow(columns) > 1)
  place <- columns[match(x$boxes$column, columns$column), ]
  side <- x$boxes$kind == "side"
  nodes <- data.frame(
    id = x$boxes$id, row = x$boxes$row + titled, x0 = ifelse(side, place$side0, place$x0),
    x1 = ifelse(side, place$side1, place$x1), align = "left", fill = x$boxes$kind
  )
  text <- flow_text(x)
  if (titled) {
    titles <- prisma_titles[columns$column]
    nodes <- rbind(data.frame(id = paste("title", columns$column), row = 1, x0 = columns$x0,
      x1 = columns$side1, align = "centre", fill = "band"), nodes)
    text <- rbind(data.frame(node = paste("title", columns$column), text = unname(titles),
      tail = "", bold = TRUE, bullet = FALSE), text)
  }
  stages <- unique(x$boxes$stage)
  rows <- lapply(stages, function(stage) range(x$boxes$row[x$boxes$stage == stage]) + titled)
  em <- size$em
  list(
    nodes = nodes, text = text, edges = prisma_edges(x$boxes, columns),
    bands = data.frame(label = stages, x0 = 0.2 * em, x1 = 2 * em,
      from = vapply(rows, min, 1), to = vapply(rows, max, 1))
  )
}

# Down from box to box of a column, across to the boxes beside it, from other methods to the new
# studies, and from the previous studies to the total.
prisma_edges <- function(boxes, columns) {
  way <- stats::setNames(columns$way, columns$column)
  edge <- function(from, to, out, into) data.frame(from = from, to = to, out = out, into = into)
  side <- boxes[boxes$kind == "side", ]
  across <- edge(sub("side$", "main", side$id), side$id, NA, NA)
  down <- lapply(intersect(c("databases", "other"), columns$column), function(column) {
    main <- boxes$id[boxes$column == column & boxes$kind == "main"]
    n <- length(main)
    edge(main[-n], main[-1], way[[column]], way[[column]])
  })
  included <- boxes$id[boxes$row == 5]
  joined <- if ("other" %in% columns$column) {
    edge("other.4.main", included, way[["other"]], way[["databases"]])
  }
  total <- if ("previous" %in% columns$column) {
    edge("previous.1.main", "databases.6.main", way[["previous"]], NA)
  }
  do.call(rbind, c(list(across), down, list(joined, total)))
}
