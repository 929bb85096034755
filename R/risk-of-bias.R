# Risk of bias of studies, as data. How another picture reads it:
# * `x` is a data frame, a row a study: `study` (unique text), the domains (factors, levels from
#   best to worst), `overall` (a factor, where there is one). `rob_columns(x)` names the domain
#   columns and `overall` in the order in which they are drawn; attr(x, "labels") says what each
#   column is called, named by it.
# * Rows are found by name: `x[match(slab, x$study), ]`; a study that is not there has NA.
# * `light_grobs(x0, y0, radius, judgement, rob_tool(x))` draws lights in native units; NA is an
#   empty light. `rob_legend(x)` gives the judgements that are there with sign and colour.

#' Risk of bias of the studies of a review
#'
#' Judgements by study and domain, checked to be spelled in the words of the tool, as a data frame
#' that can be subset, counted and drawn: as a traffic light, as bars by domain, or beside a
#' forest plot.
#'
#' The tools are RoB 2 (`"RoB2"`: Low, Some concerns, High; five domains), ROBINS-I (`"ROBINS-I"`:
#' Low, Moderate, Serious, Critical, No information; seven domains), the Cochrane tool of 2011
#' (`"RoB1"`: Low, Unclear, High; seven domains, of which a review may use some), or your own:
#' a list of `name`, `judgements` (from best to worst, named by the sign to draw, of `+ - ! ? x`)
#' and perhaps `domains` (labels named by column).
#'
#' Judgements are read without regard to capitals, and "Low risk" or "High risk of bias" are "Low"
#' and "High". An empty cell or `NA` is a domain that was not assessed. Where the tool says
#' that a study is at best as good as its worst domain (RoB 2, ROBINS-I), a study whose overall
#' judgement is better is named in a note.
#'
#' @param data A data frame, one row a study (more exactly, a result of one).
#' @param tool `"RoB2"`, `"ROBINS-I"`, `"RoB1"`, or a list as above.
#' @param study Name of the column with the studies' names, each once.
#' @param domains The columns of the domains, in order; named, the names are printed. When `NULL`
#'   those of the tool, called D1, D2 ... or by the domain's label.
#' @param overall Name of the column with the overall judgement; `NULL` when there is none.
#' @param weight The studies' weights for the summary: name of a numeric column from 0, or a
#'   `meta_analysis` that has all these studies. `NULL` counts each study as one.
#' @param x,object A `risk_of_bias`.
#' @param i,j,drop As for a data frame. The result stays a `risk_of_bias` as long as it has its
#'   studies and a domain.
#' @param row.names,optional Ignored; there for the generic function.
#' @param ... Must be empty.
#' @return A data frame of class `risk_of_bias`: `study`, the domains as factors under their names
#'   D1, D2 ... (or those of `domains`), `overall`, `weight`, then the other columns of `data`.
#'   Attributes: `tool`, `labels` (of the domains) and `notes`.
#'
#'   `summary()`: data frame with a row for each domain and judgement: `domain`, `label`,
#'   `judgement`, `n`, `percent` of the studies (of the weight, if there is one). `tidy()`: a row a
#'   study and domain: `study`, `domain`, `label`, `judgement`.
#' @section Errors:
#' `questrial_error_argument` for missing columns, a study named twice or not at all, and a
#' judgement that the tool does not know, with row, column and the nearest word.
#' @section Compared with robvis:
#' robvis looks at the first letter of a judgement, takes columns by position and drops the tool
#' from the data. Here misspelt judgements are errors, and a subset of the rows still knows its
#' tool, so that the lights beside a forest plot are matched by study and not by position.
#' @references
#' Sterne JAC et al. (2019) RoB 2. BMJ 366:l4898. Sterne JA et al. (2016) ROBINS-I. BMJ 355:i4919.
#' Higgins JPT et al. (2011) The Cochrane Collaboration's tool. BMJ 343:d5928.
#' @seealso [plot.risk_of_bias()]
#' @examples
#' # Synthetic.
#' judged <- data.frame(
#'   study = c("Alpha 2019", "Beta 2021", "Gamma 2022"),
#'   D1 = c("Low", "Low", "Some concerns"), D2 = c("Low", "Some concerns", "High"),
#'   D3 = "Low", D4 = c("Low", "High", "Low"), D5 = c("Low", "Low", NA),
#'   overall = c("Low", "High", "High")
#' )
#' x <- risk_of_bias(judged, "RoB2")
#' x
#' x[x$overall == "High", ]
#' summary(x)
#' plot(x)
#' @export
risk_of_bias <- function(data, tool = c("RoB2", "ROBINS-I", "RoB1"), study = "study",
                         domains = NULL, overall = "overall", weight = NULL) {
  data <- check_data_frame(data)
  tool <- resolve_rob_tool(tool)
  columns <- rob_domain_columns(data, tool, domains)
  check_columns(data, check_string(study, "study"), "study")
  if (!is.null(overall)) {
    overall <- find_overall(data, check_string(overall, "overall"), tool)
  }
  judged <- c(columns$from, overall)
  keys <- c(columns$keys, if (!is.null(overall)) "overall")
  x <- data.frame(study = check_studies(data[[study]], study))
  x[keys] <- lapply(judged, function(name) read_judgements(data[[name]], name, tool, x$study))
  x$weight <- rob_weight(weight, data, x$study)
  used <- c(study, judged, if (is.character(weight)) weight)
  x <- cbind(x, data[setdiff(names(data), c(used, names(x)))])
  labels <- c(columns$labels, overall = "Overall")[keys]
  structure(x,
    class = c("risk_of_bias", "data.frame"), tool = tool, labels = labels,
    notes = rob_notes(x, tool, columns$keys), row.names = seq_len(nrow(x))
  )
}

# ---- Tools ----

# `judgements` from best to worst, then those outside of the order; `at_least`: is a study at best
# as good as its worst domain?
rob_tools <- list(
  "RoB2" = list(
    name = "RoB 2", at_least = TRUE, judgements = c("Low", "Some concerns", "High"),
    signs = c("+", "!", "-"), colours = c("#009E73", "#F0E442", "#D55E00"),
    domains = c(
      D1 = "Randomisation process", D2 = "Deviations from intended interventions",
      D3 = "Missing outcome data", D4 = "Measurement of the outcome",
      D5 = "Selection of the reported result"
    )
  ),
  "ROBINS-I" = list(
    name = "ROBINS-I", at_least = TRUE,
    judgements = c("Low", "Moderate", "Serious", "Critical", "No information"),
    signs = c("+", "-", "x", "!", "?"),
    colours = c("#009E73", "#F0E442", "#E69F00", "#D55E00", "#BDD7EE"),
    domains = c(
      D1 = "Confounding", D2 = "Selection of participants",
      D3 = "Classification of interventions", D4 = "Deviations from intended interventions",
      D5 = "Missing data", D6 = "Measurement of outcomes",
      D7 = "Selection of the reported result"
    )
  ),
  "RoB1" = list(
    name = "Cochrane tool of 2011", at_least = FALSE, judgements = c("Low", "Unclear", "High"),
    signs = c("+", "?", "-"), colours = c("#009E73", "#F0E442", "#D55E00"),
    domains = c(
      D1 = "Random sequence generation", D2 = "Allocation concealment",
      D3 = "Blinding of participants and personnel", D4 = "Blinding of outcome assessment",
      D5 = "Incomplete outcome data", D6 = "Selective reporting", D7 = "Other bias"
    )
  )
)

resolve_rob_tool <- function(tool) {
  if (!is.list(tool)) {
    return(rob_tools[[check_choice(tool, names(rob_tools), "tool")]])
  }
  judgements <- tool$judgements
  ok <- is.character(judgements) && length(judgements) %in% 2:6 && !anyNA(judgements) &&
    !anyDuplicated(fold_judgement(judgements))
  if (!ok) {
    qst_abort("argument", sprintf(
      "`tool$judgements` must be two to six different texts from best to worst, not %s. %s",
      describe(judgements), "For example c(\"+\" = \"Low\", \"-\" = \"High\")."
    ))
  }
  signs <- names(judgements)
  if (is.null(signs)) {
    n <- length(judgements)
    signs <- list(c("+", "-"), c("+", "?", "-"), c("+", "-", "x", "!"))[n - 1]
    signs <- if (n <= 4) signs[[1]] else c("+", "-", "x", "!", "?", "")[seq_len(n)]
  }
  list(
    name = check_string(if (is.null(tool$name)) "Own tool" else tool$name, "tool$name"),
    at_least = FALSE, judgements = unname(judgements), signs = check_signs(signs),
    colours = grDevices::colorRampPalette(c("#009E73", "#F0E442", "#D55E00"))(length(judgements)),
    domains = check_labels(tool$domains)
  )
}

check_signs <- function(signs) {
  known <- c("+", "-", "!", "?", "x", "")
  if (!all(signs %in% known)) {
    qst_abort("argument", sprintf(
      "`tool$judgements` must be named by signs of %s, not %s.", enumerate(known[1:5], " and "),
      enumerate(setdiff(signs, known))
    ))
  }
  signs
}

# ---- Columns ----

# `from` the columns of the data, `keys` what they become, `labels` what they are called.
rob_domain_columns <- function(data, tool, domains) {
  if (is.null(domains) && length(tool$domains) > 0) {
    return(tool_columns(data, tool))
  }
  if (length(domains) == 0) {
    qst_abort("argument",
      "`domains` must name the columns of the domains, since the tool brings none."
    )
  }
  check_columns(data, unname(domains), "domains")
  labels <- if (is.null(names(domains))) domains else names(domains)
  labels <- ifelse(nzchar(labels), labels, domains)
  known <- labels %in% names(tool$domains)
  labels[known] <- tool$domains[labels[known]]
  own <- all(grepl("^D[0-9]+$", domains)) && !anyDuplicated(domains)
  keys <- if (own) unname(domains) else paste0("D", seq_along(domains))
  list(from = unname(domains), keys = keys, labels = stats::setNames(labels, keys))
}

# The tool's domains by D1 or by label; "Selective.reporting" of read.csv() is one.
tool_columns <- function(data, tool) {
  fold <- function(text) gsub("[^a-z0-9]", "", tolower(text))
  at <- match(fold(names(tool$domains)), fold(names(data)))
  by_label <- match(fold(tool$domains), fold(names(data)))
  at <- ifelse(is.na(at), by_label, at)
  if (anyNA(at)) {
    lacking <- is.na(at)
    qst_abort("argument", sprintf(
      "`data` has no column for domain %s of %s. %s",
      enumerate(sprintf("%s: %s", names(tool$domains), tool$domains)[lacking], most = 8),
      tool$name, "Name the columns there are by `domains`."
    ), column = names(tool$domains)[lacking])
  }
  list(from = names(data)[at], keys = names(tool$domains), labels = tool$domains)
}

# RoB 1 has no overall judgement, so its absence is none of the user's errors.
find_overall <- function(data, overall, tool) {
  at <- match(tolower(overall), tolower(names(data)))
  if (is.na(at) && overall == "overall" && !tool$at_least) {
    return(NULL)
  }
  if (is.na(at)) {
    qst_abort("argument", sprintf(
      "`overall`: there is no column `%s` in the data.%s overall = NULL if there is none.",
      overall, nearest(overall, names(data))
    ), column = overall)
  }
  names(data)[[at]]
}

check_studies <- function(study, column) {
  study <- trimws(as.character(study))
  bad <- is.na(study) | !nzchar(study) | duplicated(study)
  if (any(bad)) {
    row <- which(bad)[[1]]
    qst_abort("argument", sprintf(
      "`study`: row %d of column `%s` is %s, %s. %s", row, column, describe(study[[row]]),
      if (study[[row]] %in% c(NA, "")) "no name" else "a name that was there before",
      "Name each study once, with the outcome where a study has several."
    ), row = row, column = column, value = study[[row]])
  }
  study
}

rob_weight <- function(weight, data, study) {
  if (is.null(weight)) {
    return(NULL)
  }
  if (inherits(weight, "meta_analysis")) {
    at <- match(study, weight$studies$slab)
    value <- weight$studies$weight[at]
  } else {
    value <- data[[check_columns(data, check_string(weight, "weight"), "weight")]]
  }
  bad <- !is.numeric(value) | is.na(value) | is.infinite(value)
  bad <- bad | (!bad & value < 0)
  if (any(bad)) {
    qst_abort("argument", sprintf(
      "`weight`: study %s has no weight from 0 up. Give each study one, or leave those out.",
      enumerate(study[bad])
    ), row = which(bad))
  }
  value
}

# ---- Judgements ----

# "Low risk of bias" and "low" are the same judgement.
fold_judgement <- function(text) {
  text <- tolower(trimws(gsub("[\\s_]+", " ", text, perl = TRUE)))
  sub(" risk( of bias)?$", "", text)
}

read_judgements <- function(value, column, tool, study) {
  text <- trimws(as.character(value))
  text[!nzchar(text)] <- NA
  at <- match(fold_judgement(text), fold_judgement(tool$judgements))
  unknown <- which(!is.na(text) & is.na(at))
  if (length(unknown) > 0) {
    row <- unknown[[1]]
    qst_abort("argument", sprintf(
      "Row %d (%s), column `%s`: %s is no judgement of %s.%s %s", row, study[[row]], column,
      describe(text[[row]]), tool$name, nearest(text[[row]], tool$judgements),
      sprintf("Write %s, or NA.", enumerate(tool$judgements, " or ", most = 6))
    ), row = row, column = column, value = text[[row]])
  }
  factor(tool$judgements[at], tool$judgements)
}

# Studies judged better overall than in their worst domain.
rob_notes <- function(x, tool, domains) {
  if (!tool$at_least || is.null(x$overall)) {
    return(character())
  }
  ranked <- setdiff(tool$judgements, "No information")
  rank <- function(judgement) match(judgement, ranked)
  worst <- suppressWarnings(do.call(pmax, c(lapply(x[domains], rank), na.rm = TRUE)))
  better <- which(rank(x$overall) < worst)
  if (length(better) == 0) {
    return(character())
  }
  sprintf("Judged better overall than in the worst domain, against the rule of %s: %s.",
    tool$name, join_words(x$study[better]))
}

# ---- Reading the object ----

rob_tool <- function(x) {
  attr(x, "tool")
}

# Domain columns that are still there, then `overall`.
rob_columns <- function(x) {
  intersect(names(attr(x, "labels")), names(x))
}

# The judgements of the tool with their signs and colours; one that was not assessed last, if any.
rob_legend <- function(x) {
  tool <- rob_tool(x)
  legend <- data.frame(judgement = tool$judgements, sign = tool$signs, colour = tool$colours)
  if (anyNA(unlist(lapply(rob_columns(x), function(name) x[[name]])))) {
    legend <- rbind(legend, data.frame(judgement = "Not assessed", sign = "", colour = "white"))
  }
  legend
}

#' @rdname risk_of_bias
#' @export
`[.risk_of_bias` <- function(x, i, j, drop) {
  result <- NextMethod()
  if (!is.data.frame(result)) {
    return(result)
  }
  if (!"study" %in% names(result) || !any(names(attr(x, "labels")) %in% names(result))) {
    class(result) <- "data.frame"
    attributes(result)[c("tool", "labels", "notes")] <- NULL
    return(result)
  }
  attr(result, "tool") <- attr(x, "tool")
  attr(result, "labels") <- attr(x, "labels")
  domains <- setdiff(rob_columns(result), "overall")
  attr(result, "notes") <- rob_notes(unclass_frame(result), attr(x, "tool"), domains)
  class(result) <- class(x)
  result
}

unclass_frame <- function(x) {
  attributes(x) <- list(names = names(x), row.names = attr(x, "row.names"), class = "data.frame")
  x
}

#' @rdname risk_of_bias
#' @export
as.data.frame.risk_of_bias <- function(x, row.names = NULL, optional = FALSE, ...) {
  unclass_frame(x)
}

#' @rdname risk_of_bias
#' @export
summary.risk_of_bias <- function(object, ...) {
  check_no_dots(...)
  legend <- rob_legend(object)$judgement
  weight <- if (is.null(object$weight)) rep(1, nrow(object)) else object$weight
  parts <- lapply(rob_columns(object), function(name) {
    judgement <- as.character(object[[name]])
    judgement <- factor(ifelse(is.na(judgement), "Not assessed", judgement), legend)
    share <- as.vector(tapply(weight, judgement, sum, default = 0))
    data.frame(
      domain = name, label = attr(object, "labels")[[name]], judgement = legend,
      n = tabulate(judgement, length(legend)), percent = 100 * share / sum(weight)
    )
  })
  do.call(rbind, parts)
}

#' @exportS3Method generics::tidy
tidy.risk_of_bias <- function(x, ...) {
  check_no_dots(...)
  parts <- lapply(rob_columns(x), function(name) {
    data.frame(study = x$study, domain = name, label = attr(x, "labels")[[name]],
      judgement = as.character(x[[name]]))
  })
  long <- do.call(rbind, parts)
  long[order(match(long$study, x$study)), ]
}

#' @rdname risk_of_bias
#' @export
print.risk_of_bias <- function(x, ...) {
  check_no_dots(...)
  columns <- rob_columns(x)
  legend <- rob_legend(x)
  signs <- vapply(columns, function(name) {
    sign <- legend$sign[match(x[[name]], legend$judgement)]
    ifelse(is.na(x[[name]]), ".", sign)
  }, character(nrow(x)))
  signs <- matrix(signs, nrow(x))
  columns[columns == "overall"] <- "Overall"
  width <- pmax(nchar(columns), 2) + 2
  room <- max(16, getOption("width") - sum(width))
  study <- ifelse(nchar(x$study, "width") > room, paste0(strtrim(x$study, room - 2), ".."), x$study)
  lead <- pad_left(c("", study), max(nchar(study, "width"), 5))
  cells <- pad_right(rbind(columns, signs), rep(width, each = nrow(x) + 1))
  shown <- legend[legend$judgement != "Not assessed", ]
  key <- paste(shown$sign, shown$judgement)
  cat(sprintf("Risk of bias by %s: %d stud%s\n\n", rob_tool(x)$name, nrow(x),
    if (nrow(x) == 1) "y" else "ies"))
  writeLines(paste0(lead, apply(cells, 1, paste, collapse = "")))
  labels <- attr(x, "labels")[setdiff(rob_columns(x), "overall")]
  writeLines(c("", strwrap(paste(key, collapse = ", ")),
    if (nrow(shown) < nrow(legend)) ". not assessed",
    strwrap(paste(sprintf("%s: %s", names(labels), labels), collapse = "; "),
      getOption("width")),
    strwrap(attr(x, "notes"), getOption("width"))
  ))
  invisible(x)
}
