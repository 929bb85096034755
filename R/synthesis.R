# Qualitative synthesis by meta-aggregation: findings, categories, synthesised findings and how much
# confidence they deserve (ConQual).

#' Synthesise qualitative findings
#'
#' Meta-aggregation as JBI describes it: findings of studies, each with its credibility, are
#' gathered in categories of like meaning, and categories in synthesised findings, whose confidence
#' is graded by ConQual.
#'
#' @section The grade:
#' Research begins at High, text and opinion at Low. *Dependability*: a study with 4 or 5 of the
#' five questions on it answered yes leaves the grade, 2 or 3 lower it by one level, 0 or 1 by two;
#' of the studies that contribute to a synthesised finding the level that most have counts, of a
#' tie the lower. *Credibility*: only unequivocal findings leave the grade; unequivocal and credible
#' ones lower it by one level, only credible by two, not supported ones among others by three, only
#' not supported by four. The grades are High, Moderate, Low and Very low.
#'
#' JBI does not aggregate findings that are not supported: they are kept in the object, counted,
#' and named in a note.
#'
#' @param findings A data frame, one row a finding, with the columns `study`, `finding` (its
#'   text), `credibility` (`"unequivocal"`, `"credible"` or its older name `"equivocal"`, `"not
#'   supported"` or `"unsupported"`; `"U"`, `"C"`, `"NS"` also), `category` and `synthesis` (the
#'   texts of the category and of the synthesised finding). A category belongs to one synthesised
#'   finding. No cell may be empty.
#' @param dependability How many of the five questions on dependability were answered yes, whole
#'   numbers from 0 to 5 named by study. `NULL` gives no grade.
#' @param type `"research"` or `"text and opinion"`: where the grade begins.
#' @param x,object A `synthesis`.
#' @param fontsize,newpage As in [plot.flow()].
#' @param row.names,optional Ignored; there for the generic function.
#' @param ... Must be empty.
#' @return An object of class `synthesis`:
#' * `$findings`: the findings in the order of their categories, `credibility` a factor;
#' * `$categories`: `category`, `synthesis`, `findings`, `studies` (numbers);
#' * `$synthesised`: a row a synthesised finding: `synthesis`, `categories`, `findings`, `studies`,
#'   `unequivocal`, `credible`, `not_supported` (numbers), `dependability` and `credibility` (levels
#'   down, from 0 to -4), `grade`;
#' * `$type`, `$notes`.
#'
#' `summary()` is the ConQual summary of findings as a [questrial_table], for [write_table()].
#' `plot()` draws the tree, [write_figure()] writes it, [alt_text()] says it.
#' @section Errors:
#' `questrial_error_argument` for columns that are missing, empty cells and unknown words (with row
#' and column), a category of two synthesised findings, and a study without dependability.
#' @references
#' Munn Z et al. (2014) Establishing confidence in the output of qualitative research synthesis: the
#' ConQual approach. BMC Med Res Methodol 14:108. Lockwood C, Munn Z, Porritt K (2015) Qualitative
#' research synthesis: meta-aggregation. Int J Evid Based Healthc 13:179.
#' @examples
#' # Synthetic.
#' findings <- data.frame(
#'   study = c("Alpha 2019", "Alpha 2019", "Beta 2021", "Gamma 2022"),
#'   finding = c("Sharing cases relieved", "The group felt safe", "Colleagues listened",
#'     "Time was hard to find"),
#'   credibility = c("U", "C", "U", "U"),
#'   category = c("Relief", "Safety of the group", "Safety of the group", "Obstacles"),
#'   synthesis = c(rep("Groups support those who take part", 3), "Groups need protected time")
#' )
#' x <- synthesis(findings, c("Alpha 2019" = 4, "Beta 2021" = 5, "Gamma 2022" = 3))
#' x
#' summary(x)
#' plot(x)
#' @export
synthesis <- function(findings, dependability = NULL, type = c("research", "text and opinion")) {
  findings <- check_findings(check_data_frame(findings, "findings"))
  type <- check_choice(type, c("research", "text and opinion"), "type")
  check_dependability(dependability, findings$study)
  parts <- split(findings, factor_in_order(findings$synthesis))
  synthesised <- do.call(rbind, lapply(unname(parts), grade_synthesis, dependability, type))
  categories <- lapply(unname(split(findings, factor_in_order(findings$category))), function(part) {
    data.frame(category = part$category[[1]], synthesis = part$synthesis[[1]],
      findings = nrow(part), studies = length(unique(part$study)))
  })
  structure(
    list(findings = findings, categories = do.call(rbind, categories), synthesised = synthesised,
      type = type, notes = synthesis_notes(findings, dependability)),
    class = "synthesis"
  )
}

# ---- Findings ----

credibility_levels <- c("unequivocal", "credible", "not supported")

credibility_words <- c(
  "unequivocal" = 1L, "u" = 1L, "credible" = 2L, "equivocal" = 2L, "c" = 2L,
  "not supported" = 3L, "unsupported" = 3L, "ns" = 3L
)

check_findings <- function(findings) {
  columns <- c("study", "finding", "credibility", "category", "synthesis")
  check_columns(findings, columns, "findings")
  for (column in columns) {
    text <- trimws(as.character(findings[[column]]))
    empty <- which(is.na(text) | !nzchar(text))
    if (length(empty) > 0) {
      qst_abort("argument", sprintf(
        "`findings`, row %d, column `%s` is empty. Each finding needs all five.", empty[[1]], column
      ), row = empty[[1]], column = column)
    }
    findings[[column]] <- text
  }
  at <- credibility_words[tolower(gsub("[_ ]+", " ", findings$credibility))]
  if (anyNA(at)) {
    row <- which(is.na(at))[[1]]
    qst_abort("argument", sprintf(
      "`findings`, row %d: %s is no credibility.%s Write %s.", row,
      describe(findings$credibility[[row]]),
      nearest(findings$credibility[[row]], names(credibility_words)),
      enumerate(credibility_levels, " or ")
    ), row = row, column = "credibility", value = findings$credibility[[row]])
  }
  findings$credibility <- factor(credibility_levels[at], credibility_levels)
  check_categories(findings)
  place <- order(as.integer(factor_in_order(findings$synthesis)),
    as.integer(factor_in_order(findings$category)))
  findings <- findings[place, c(columns, setdiff(names(findings), columns))]
  rownames(findings) <- NULL
  findings
}

check_categories <- function(findings) {
  first <- match(findings$category, findings$category)
  other <- which(findings$synthesis != findings$synthesis[first])
  if (length(other) > 0) {
    row <- other[[1]]
    qst_abort("argument", sprintf(
      "`findings`, row %d: category %s belongs to %s here and to %s in row %d. %s", row,
      describe(findings$category[[row]]), describe(findings$synthesis[[row]]),
      describe(findings$synthesis[[first[[row]]]]), first[[row]],
      "Put each category under one synthesised finding."
    ), row = row, column = "category")
  }
}

check_dependability <- function(dependability, study) {
  if (is.null(dependability)) {
    return(invisible())
  }
  ok <- is.numeric(dependability) && fully_named(dependability) &&
    all(dependability %in% 0:5)
  if (!ok) {
    qst_abort("argument", paste(
      "`dependability` must be whole numbers from 0 to 5, each named by its study.",
      "For example c(\"Alpha 2019\" = 4)."
    ), value = dependability)
  }
  missing <- setdiff(study, names(dependability))
  if (length(missing) > 0) {
    qst_abort("argument", sprintf(
      "`dependability` lacks study %s.%s Name every study that has findings.", enumerate(missing),
      nearest(missing[[1]], names(dependability))
    ), value = missing)
  }
}

# ---- The grade (Munn et al. 2014, tables 2 and 3) ----

conqual_grades <- c("High", "Moderate", "Low", "Very low")

grade_synthesis <- function(part, dependability, type) {
  counts <- table(part$credibility)
  studies <- unique(part$study)
  down <- if (is.null(dependability)) NA_integer_ else common_level(dependability[studies])
  credible <- credibility_level(counts)
  start <- if (type == "research") 1L else 3L
  data.frame(
    synthesis = part$synthesis[[1]], categories = length(unique(part$category)),
    findings = nrow(part), studies = length(studies), unequivocal = counts[[1]],
    credible = counts[[2]], not_supported = counts[[3]], dependability = down,
    credibility = credible, grade = conqual_grades[pmin(start - down - credible, 4L)]
  )
}

# The level that most studies have; of a tie the lower.
common_level <- function(yes) {
  level <- ifelse(yes >= 4, 0L, ifelse(yes >= 2, -1L, -2L))
  counts <- table(factor(level, c(-2L, -1L, 0L)))
  c(-2L, -1L, 0L)[[which.max(counts)]]
}

credibility_level <- function(counts) {
  has <- counts > 0
  if (has[[3]]) {
    if (has[[1]] || has[[2]]) -3L else -4L
  } else if (has[[2]]) {
    if (has[[1]]) -1L else -2L
  } else {
    0L
  }
}

synthesis_notes <- function(findings, dependability) {
  lost <- findings$credibility == "not supported"
  c(
    if (is.null(dependability)) "Not graded, since `dependability` was not given.",
    if (any(lost)) {
      sprintf("Not supported by an illustration, so not to be aggregated by JBI's rules: %s.",
        paste(sprintf("\"%s\" (%s)", findings$finding[lost], findings$study[lost]),
          collapse = "; "))
    }
  )
}

# ---- Table, text, data ----

#' @rdname synthesis
#' @export
summary.synthesis <- function(object, ...) {
  check_no_dots(...)
  table <- object$synthesised
  down <- function(levels) {
    ifelse(is.na(levels), "not assessed", ifelse(levels == 0, "unchanged",
      sprintf("down %d level%s", -levels, ifelse(levels == -1, "", "s"))))
  }
  table$made_of <- sprintf("%d findings of %d studies", table$findings, table$studies)
  table$made_of <- gsub("\\b1 (finding|studie)s", "1 \\1", table$made_of)
  table$made_of <- sub("1 studie$", "1 study", table$made_of)
  table$kinds <- sprintf("%s (U %d, C %d, NS %d)", down(table$credibility), table$unequivocal,
    table$credible, table$not_supported)
  table$depends <- down(table$dependability)
  new_questrial_table(table, "synthesis", "Synthesised findings (ConQual)",
    c(
      sprintf("Type: %s. U unequivocal, C credible, NS not supported.", object$type), object$notes
    ),
    columns = list(
      table_column("Synthesised finding", "synthesis"), table_column("Made of", "made_of"),
      table_column("Dependability", "depends"), table_column("Credibility", "kinds"),
      table_column("ConQual", "grade", "stated")
    ))
}

#' @rdname synthesis
#' @export
print.synthesis <- function(x, ...) {
  check_no_dots(...)
  cat(sprintf("Qualitative synthesis: %d findings of %d studies\n", nrow(x$findings),
    length(unique(x$findings$study))))
  say <- function(text, indent) {
    writeLines(strwrap(text, getOption("width"), indent = indent, exdent = indent + 2))
  }
  for (i in seq_len(nrow(x$synthesised))) {
    one <- x$synthesised[i, ]
    cat("\n")
    say(sprintf("%s [%s]", one$synthesis, if (is.na(one$grade)) "not graded" else one$grade), 0)
    for (category in x$categories$category[x$categories$synthesis == one$synthesis]) {
      say(category, 2)
      inside <- x$findings[x$findings$category == category, ]
      for (text in finding_text(inside)) {
        say(text, 4)
      }
    }
  }
  if (length(x$notes) > 0) {
    cat("\n")
    say(x$notes, 0)
  }
  invisible(x)
}

finding_text <- function(findings) {
  sprintf("%s (%s, %s)", findings$finding, findings$study,
    c("U", "C", "NS")[as.integer(findings$credibility)])
}

#' @rdname synthesis
#' @export
as.data.frame.synthesis <- function(x, row.names = NULL, optional = FALSE, ...) {
  x$findings
}

#' @exportS3Method generics::tidy
tidy.synthesis <- function(x, ...) {
  check_no_dots(...)
  x$findings
}

#' @export
alt_text.synthesis <- function(x) {
  said <- sprintf("%s: %d findings in %d categories, %s.", x$synthesised$synthesis,
    x$synthesised$findings, x$synthesised$categories,
    ifelse(is.na(x$synthesised$grade), "not graded", paste("graded", tolower(x$synthesised$grade))))
  paste(c("Tree of findings, categories and synthesised findings.", said), collapse = " ")
}
