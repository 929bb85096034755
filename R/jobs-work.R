# What jobs do with a study: each work gives tables to write, and what is to happen at the end of
# the transaction that writes them.

no_work <- list(parts = list(), finish = function() NULL)

do_work <- function(description, pulled) {
  work <- description$work
  if (is.function(work)) {
    return(own_work(work, pulled$data))
  }
  switch(work,
    score = score_work(pulled),
    analyse = analyse_work(pulled),
    report = report_work(pulled, description),
    audit = audit_work(pulled, description)
  )
}

own_work <- function(work, data) {
  parts <- work(data)
  if (is.data.frame(parts)) {
    parts <- list(result = parts)
  }
  named <- length(parts) > 0 && is.list(parts) && !is.null(names(parts)) &&
    all(nzchar(names(parts))) && !anyDuplicated(names(parts))
  if (!named || !all(vapply(parts, is.data.frame, NA))) {
    qst_abort("work", sprintf(paste(
      "The function of the job returned a value of class %s. Return a data frame, or a list of",
      "some with names."
    ), class(parts)[[1]]))
  }
  list(parts = parts, finish = no_work$finish)
}

# All scales at every visit that holds answers, one row a participant.
score_work <- function(pulled) {
  plan <- pulled$plan
  visits <- Filter(function(columns) length(columns) > 1, plan[c("baseline", "followup")])
  if (length(visits) == 0) {
    qst_abort("work", "The study's plan names scores that are already made. Nothing is to score.")
  }
  parts <- lapply(visits, function(columns) scores(pulled$data, plan$instrument, columns))
  who <- if (is.null(plan$id)) {
    data.frame(row = seq_len(nrow(pulled$data)))
  } else {
    pulled$data[plan$id]
  }
  list(parts = lapply(parts, function(part) cbind(who, part)), finish = no_work$finish)
}

analyse_work <- function(pulled) {
  list(
    parts = analysis_parts(analyse(pulled$plan, pulled$data)), finish = no_work$finish
  )
}

# The report is rendered first and put in its place last, just before COMMIT.
report_work <- function(pulled, description) {
  analysis <- analyse(pulled$plan, pulled$data)
  rendered <- tempfile("report", fileext = paste0(".", tools::file_ext(description$report)))
  report(analysis, rendered, published = printed_tables(description))
  about <- data.frame(
    file = basename(description$report), md5 = unname(tools::md5sum(rendered)),
    bytes = file.size(rendered)
  )
  finish <- function() {
    write_aside(description$report, function(path) file.copy(rendered, path))
    unlink(rendered)
  }
  list(parts = c(analysis_parts(analysis), list(report = about)), finish = finish)
}

printed_tables <- function(description) {
  if (!is.null(description$published)) {
    as_configuration(published(description$published, repaired = description$repaired))
  }
}

# Printed tables are no data of anyone, so what is wrong in them and the first figure that differs
# may be said.
audit_work <- function(pulled, description) {
  analysis <- analyse(pulled$plan, pulled$data)
  figures <- tryCatch(reproduce(analysis, printed_tables(description)),
    questrial_error_argument = function(fault) qst_abort("audit", conditionMessage(fault))
  )
  differs <- which(figures$verdict == "differs")
  if (length(differs) > 0) {
    first <- figures[differs[[1]], ]
    qst_abort("audit", sprintf(
      "%d of %d printed figures differ from the database's, the first in %s, %s, `%s`: %s, not %s.",
      length(differs), nrow(figures), first$table, first$figure, first$column,
      first$printed, format(first$ours, digits = 6)
    ), figures = figures)
  }
  list(parts = list(figures = as.data.frame(unclass(figures))), finish = no_work$finish)
}
