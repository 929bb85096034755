#' Participant flow of a trial
#'
#' The CONSORT diagram as an object: who was assessed, randomised, allocated,
#' lost and analysed, counted from the rows of the data themselves. Its boxes
#' must balance, or there is no object.
#'
#' Participants leave step by step, in the order of `steps`; who has left is not
#' counted again by a later step. What says who leaves (a *leave*) is one of
#'
#' * a one-sided formula, evaluated in `data`: `~ lost` or `~ is.na(score)`;
#' * the name of a column, or a vector with one value a row;
#' * a list of these named by reason, `c("Moved away" = ~ moved, "Ill" = ~ ill)`:
#'   who meets several reasons is counted under the first;
#' * for `enrolment` only, whole numbers named by reason, for people of whom
#'   the data have no rows.
#'
#' A logical value says whether the participant leaves; a factor or text is the
#' reason for leaving, and `NA` in it means that the participant stays. All
#' levels of a factor are kept, also reasons that nobody had. A missing
#' *logical* is an error, unless the participant has left before.
#'
#' @param data A data frame, one row a participant.
#' @param steps A named list in the order of the trial. Each name is the label
#'   of the box that is reached; each element is a leave (who does *not* reach
#'   it), or a [flow_step()] to say more.
#' @param by The arm: name of a column, or a formula `~ arm`. No missing arms
#'   among the randomised, no level without rows. Any number of arms; with one
#'   level nothing is randomised and the box says "Enrolled".
#' @param enrolment What happened before randomisation: a leave, a
#'   [flow_step()], or a named list of [flow_step()]s. `NULL` when the data
#'   begin with randomisation and no more is known.
#' @param allocation A named list of notes for the boxes of allocation:
#'   `list("Received allocated intervention" = ~ sessions > 0)`. Each is a
#'   formula, column or vector of `TRUE` and `FALSE`.
#' @param cluster The groups or clusters in which participants were treated, as
#'   name of a column or formula, to be counted with their sizes in every box
#'   (item 13a of the CONSORT extension to cluster trials). `NA` where there
#'   are none. Named, the name is what they are called:
#'   `c("Small groups" = "group")`.
#' @param id The name of a column with the participants' names, without
#'   duplicates; the rows' numbers when `NULL`.
#'
#' @return An object of class `flow`:
#' * `$boxes`: data frame, one row a box: `id`, `parent` (the box above),
#'   `stage`, `position` (its row in the diagram), `arm` (`NA` before
#'   randomisation), `kind` (`main`, or `side` for those who leave), `step` (the
#'   label without the arm), `label`, `n`, `groups` (number of clusters, `NA`
#'   without) and `reasons` (as text).
#' * `$lines`: data frame, one row a line inside a box: `box`, `kind` (`reason`,
#'   `note` or `clusters`), `label`, `n` and `detail` (the clusters' sizes).
#' * `$ids`: named list, for each box the participants in it.
#'
#' There are `print()` (text in 80 columns), [`plot()`][plot.flow] (also what
#' knitr prints), [flow_size()], `as.data.frame()` and `tidy()` (one row a box or line),
#' `nobs()` (the number of participants in the last boxes), [alt_text()] and
#' [write_figure()].
#'
#' @section Errors:
#' `questrial_error_argument` for an unknown column, a missing arm, a level of
#' the arm without participants, a duplicated `id`, a leave of the wrong length
#' or with missing values, and for boxes that do not balance: the number of a
#' box must be the sum of those that left it and went on, and each participant
#' must be in exactly one end box. The message names box, difference and ids.
#' `questrial_error_no_data` for data without rows.
#'
#' @section Compared with the consort package:
#' `consort_plot()` draws from columns of reasons as well. Here every box is
#' checked, reasons with n = 0 are kept, boxes that lose nobody may carry notes
#' (imputed baselines, attendance), clusters are counted in each box, the
#' numbers are there as data and can be compared with a model's `nobs()`, and
#' the drawing measures its text, so that boxes neither collide nor cut it.
#'
#' @references
#' Hopewell S et al. (2025) CONSORT 2025 statement. BMJ 389:e081123, item 22.
#' Campbell MK et al. (2012) CONSORT 2010 statement: extension to cluster
#' randomised trials. BMJ 345:e5661, item 13a.
#'
#' @examples
#' trial <- data.frame(
#'   arm = rep(c("control", "course"), c(60, 58)),
#'   lost = factor(rep(c("moved", NA, "ill", NA), c(2, 58, 3, 55)),
#'                 c("moved", "ill", "died")),
#'   baseline = rep(c(NA, 7), c(1, 117)),
#'   score = rep(c(NA, 8), c(4, 114))
#' )
#' x <- flow(
#'   trial,
#'   steps = list(
#'     "Followed up" = ~ lost,
#'     "Analysed" = flow_step(
#'       c("Score missing" = ~ is.na(score)),
#'       note = c("Baseline imputed" = ~ is.na(baseline))
#'     )
#'   ),
#'   by = ~ arm,
#'   enrolment = c("Declined" = 20, "Not eligible" = 12, "Other" = 0)
#' )
#' x
#' x$boxes
#' plot(x)
#' @export
flow <- function(data, steps, by, enrolment = NULL, allocation = NULL, cluster = NULL,
                 id = NULL) {
  data <- check_data_frame(data)
  before <- resolve_steps(enrolment_steps(enrolment), data, "enrolment")
  after <- resolve_steps(follow_steps(steps), data, "steps")
  trial <- list(
    ids = flow_participants(data, id),
    arm = data[[column_name(by, data, "by")]],
    cluster = flow_clusters(data, cluster)
  )
  start <- enrolment_boxes(trial, before, nrow(data))
  trial$arm <- check_arm(trial$arm, start$present, trial$ids)
  last <- length(start$boxes)
  start$boxes[[last]]$label <- split_label(start$boxes[[last]]$label, trial$arm)
  allocated <- flow_step(note = allocation, stage = "Allocation")
  allocated <- resolve_steps(list("Allocated" = allocated), data, "allocation")[[1]]
  arms <- lapply(levels(trial$arm), function(arm) {
    arm_boxes(trial, arm, start, allocated, after)
  })
  new_flow(c(start$boxes, unlist(arms, recursive = FALSE)), trial, levels(trial$arm))
}

#' One step of a participant flow
#'
#' Says more about a step of [flow()] than who leaves.
#'
#' @param leave Who leaves before the box is reached; see [flow()] for what it
#'   may be. `NULL` when nobody can leave and no box for leavers is wanted.
#' @param out The label of the box of those who leave. By default "Lost to
#'   follow-up"; "Excluded from analysis" at the stage Analysis, "Excluded" at
#'   Enrolment, and "Did not receive allocated intervention" at Allocation.
#' @param stage The label at the left of the diagram. By default "Analysis" for
#'   the last step and "Follow-up" for those before it.
#' @param note A named list of formulas, columns or vectors of `TRUE` and
#'   `FALSE`: lines in the box that count some of those who are in it, such as
#'   `c("Baseline imputed" = ~ is.na(baseline))`. Nobody leaves by a note.
#' @return An object of class `flow_step`, for the `steps` or `enrolment` of
#'   [flow()].
#' @examples
#' flow_step(~ lost, out = "Discontinued", stage = "Follow-up at 6 months")
#' @export
flow_step <- function(leave = NULL, out = NULL, stage = NULL, note = NULL) {
  if (!is.null(out)) {
    check_string(out, "out")
  }
  if (!is.null(stage)) {
    check_string(stage, "stage")
  }
  structure(list(leave = leave, out = out, stage = stage, note = note), class = "flow_step")
}

# ---- The arguments ----

# The name of a column given as text or as a formula `~ column`.
column_name <- function(x, data, arg) {
  if (inherits(x, "formula")) {
    if (length(x) != 2 || !is.name(x[[2]])) {
      qst_abort("argument", sprintf(
        "`%s` must name one column, as \"arm\" or ~ arm, not %s.", arg, deparse1(x)
      ))
    }
    x <- as.character(x[[2]])
  }
  check_columns(data, check_string(unname(x), arg), arg)
}

flow_participants <- function(data, id) {
  if (is.null(id)) {
    return(seq_len(nrow(data)))
  }
  ids <- data[[column_name(id, data, "id")]]
  bad <- is.na(ids) | duplicated(ids)
  if (any(bad)) {
    qst_abort("argument", sprintf(
      "`id` must name each participant once: %s in row %s is missing or a duplicate. %s",
      enumerate(ids[bad]), enumerate(which(bad)),
      "Keep one row a participant."
    ), row = which(bad), value = ids[bad])
  }
  ids
}

flow_clusters <- function(data, cluster) {
  if (is.null(cluster)) {
    return(NULL)
  }
  called <- if (is.null(names(cluster))) "Clusters" else names(cluster)[[1]]
  if (is.list(cluster)) {
    cluster <- cluster[[1]]
  }
  list(of = data[[column_name(cluster, data, "cluster")]], called = called)
}

# Arms of the randomised as a factor; those who were not have none.
check_arm <- function(arm, present, ids) {
  missing <- present & is.na(arm)
  if (any(missing)) {
    qst_abort("argument", sprintf(
      "`by`: the arm is missing for %d randomised participant%s: %s. %s", sum(missing),
      if (sum(missing) == 1) "" else "s", enumerate(ids[missing]),
      "Complete it, or let them leave by `enrolment`."
    ), row = which(missing))
  }
  arm <- if (is.factor(arm)) arm else factor(arm)
  empty <- setdiff(levels(arm), levels(factor(arm[present])))
  if (length(empty) > 0 || nlevels(arm) == 0) {
    qst_abort("argument", sprintf(
      "`by`: nobody is in arm %s. Drop the level with droplevels(), or check who leaves.",
      enumerate(empty)
    ), value = empty)
  }
  arm
}

follow_steps <- function(steps) {
  if (!is.list(steps) || inherits(steps, "flow_step") || length(steps) == 0 ||
        !fully_named(steps)) {
    qst_abort("argument", sprintf(
      "`steps` must be a list, each element named by the box that is reached, not %s. %s",
      describe(steps), "For example list(\"Analysed\" = ~ is.na(score))."
    ))
  }
  last <- length(steps)
  Map(as_flow_step, steps, c(rep("Follow-up", last - 1), "Analysis"))
}

enrolment_steps <- function(enrolment) {
  several <- is.list(enrolment) && !inherits(enrolment, "flow_step") &&
    any(vapply(enrolment, inherits, NA, "flow_step"))
  if (is.null(enrolment)) {
    return(list())
  }
  if (!several) {
    enrolment <- list("Randomised" = enrolment)
  } else if (!fully_named(enrolment)) {
    qst_abort("argument", paste(
      "`enrolment`: each step of the list must be named by the box that is reached.",
      "For example list(\"Eligible\" = flow_step(...), \"Randomised\" = flow_step(...))."
    ))
  }
  lapply(enrolment, as_flow_step, stage = "Enrolment")
}

fully_named <- function(x) {
  !is.null(names(x)) && !anyNA(names(x)) && all(nzchar(names(x))) && !anyDuplicated(names(x))
}

as_flow_step <- function(x, stage) {
  if (!inherits(x, "flow_step")) {
    x <- flow_step(x)
  }
  if (is.null(x$stage)) {
    x$stage <- stage
  }
  if (is.null(x$out)) {
    x$out <- switch(x$stage,
      Enrolment = "Excluded",
      Allocation = "Did not receive allocated intervention",
      Analysis = "Excluded from analysis",
      "Lost to follow-up"
    )
  }
  x
}

# ---- Who leaves, from formulas to numbers ----

# Each step with its leave and notes evaluated. `leave` becomes a list of
# `reason` (one integer a row: 0 stays, j leaves by reason j, NA unknown),
# `reasons` (their labels, NULL for one without a name) and `unseen` (how many
# left by each reason without a row in the data).
resolve_steps <- function(steps, data, arg) {
  labels <- names(steps)
  resolved <- lapply(seq_along(steps), function(i) {
    step <- steps[[i]]
    where <- sprintf("`%s`, step \"%s\"", arg, labels[[i]])
    step$label <- labels[[i]]
    step$where <- where
    step$leave <- resolve_leave(step$leave, data, where, arg == "enrolment")
    step$note <- resolve_notes(step$note, data, where)
    step
  })
  stats::setNames(resolved, labels)
}

resolve_leave <- function(leave, data, where, counts_allowed) {
  if (is.null(leave)) {
    return(NULL)
  }
  if (is.numeric(leave) && counts_allowed) {
    return(resolve_counts(leave, nrow(data), where))
  }
  if (is.list(leave)) {
    return(resolve_reasons(leave, data, where))
  }
  value <- row_values(leave, data, where)
  if (is.logical(value)) {
    return(list(reason = as.integer(value), reasons = NULL, unseen = 0L))
  }
  if (!is.factor(value) && !is.character(value)) {
    qst_abort("argument", sprintf(
      "%s: who leaves must be TRUE or FALSE, or a reason as text or factor, not %s. %s",
      where, describe(value), "Write a comparison, such as ~ lost == 1."
    ))
  }
  value <- if (is.factor(value)) value else factor(value, exclude = c(NA, ""))
  reason <- as.integer(value)
  reason[is.na(reason)] <- 0L
  list(reason = reason, reasons = levels(value), unseen = integer(nlevels(value)))
}

resolve_counts <- function(counts, n_rows, where) {
  ok <- fully_named(counts) && !anyNA(counts) && all(counts >= 0 & counts == round(counts))
  if (!ok) {
    qst_abort("argument", sprintf(
      "%s: counts must be whole numbers from 0, each named by its reason. %s", where,
      "For example c(\"Declined\" = 20, \"Not eligible\" = 12)."
    ), value = counts)
  }
  list(reason = integer(n_rows), reasons = names(counts), unseen = as.integer(counts))
}

resolve_reasons <- function(leave, data, where) {
  meets <- resolve_notes(leave, data, where)
  reason <- integer(nrow(data))
  for (j in rev(seq_along(meets))) {
    reason[is.na(meets[[j]]) & reason == 0L] <- NA
    reason[which(meets[[j]])] <- j
  }
  list(reason = reason, reasons = names(meets), unseen = integer(length(meets)))
}

# A named list of logical vectors, for reasons and notes.
resolve_notes <- function(notes, data, where) {
  if (inherits(notes, "formula") || (length(notes) > 0 && !fully_named(notes))) {
    qst_abort("argument", sprintf(
      "%s: the elements of the list must be named, each by its own text. %s", where,
      "For example c(\"Moved away\" = ~ moved)."
    ))
  }
  lapply(stats::setNames(nm = names(notes)), function(name) {
    value <- row_values(notes[[name]], data, where)
    if (!is.logical(value)) {
      qst_abort("argument", sprintf(
        "%s: \"%s\" must be TRUE or FALSE for each row, not %s. Write a comparison.",
        where, name, describe(value)
      ))
    }
    value
  })
}

# One value a row from a formula, the name of a column, or a vector.
row_values <- function(x, data, where) {
  if (inherits(x, "formula")) {
    x <- evaluate_formula(x, data, where)
  } else if (is.character(x) && length(x) == 1 && nrow(data) != 1) {
    x <- data[[check_columns(data, x, where)]]
  }
  if (length(x) != nrow(data)) {
    qst_abort("argument", sprintf(
      "%s: %d values for %d rows of the data. Give one value a row.",
      where, length(x), nrow(data)
    ))
  }
  x
}

evaluate_formula <- function(formula, data, where) {
  if (length(formula) != 2) {
    qst_abort("argument", sprintf(
      "%s: the formula must be one-sided, not %s. Write ~ and then the condition.",
      where, deparse1(formula)
    ))
  }
  around <- environment(formula)
  is_value <- function(name) {
    any(vapply(c("numeric", "logical", "character"), exists, NA, x = name, envir = around))
  }
  check_columns(data, Filter(Negate(is_value), all.vars(formula)), where)
  tryCatch(
    eval(formula[[2]], data, around),
    error = function(e) {
      qst_abort("argument", sprintf(
        "%s: `%s` cannot be evaluated in the data: %s", where, deparse1(formula[[2]]),
        conditionMessage(e)
      ))
    }
  )
}

# ---- Boxes ----

# From those assessed to those randomised: the boxes, and who is left.
enrolment_boxes <- function(trial, steps, n_rows) {
  present <- rep(TRUE, n_rows)
  unseen <- sum(unlist(lapply(steps, function(step) step$leave$unseen)))
  first <- if (length(steps) > 0) "Assessed for eligibility" else "Randomised"
  start <- new_box(trial, list(label = first, stage = "Enrolment"), "main", NULL, present, unseen)
  walk_steps(trial, steps, start, present, unseen)
}

arm_boxes <- function(trial, arm, start, allocated, steps) {
  before <- start$boxes[[length(start$boxes)]]
  present <- start$present & !is.na(trial$arm) & trial$arm == arm
  box <- new_box(trial, allocated, "main", before, present, 0L, arm = arm)
  box$label <- if (nlevels(trial$arm) > 1) paste("Allocated to", arm) else arm
  walk_steps(trial, steps, box, present, 0L)$boxes
}

# The last box before the arms: "Randomised", unless the user named it.
split_label <- function(label, arm) {
  if (label == "Randomised" && nlevels(arm) == 1) "Enrolled" else label
}

# One column of the diagram: who is there, who leaves at each step, who is left.
walk_steps <- function(trial, steps, box, present, unseen) {
  boxes <- list(box)
  for (step in steps) {
    gone <- leavers(step$leave, present, step$where, trial$ids)
    if (!is.null(step$leave)) {
      boxes <- c(boxes, list(
        new_box(trial, step, "side", box, gone, sum(step$leave$unseen), box$arm)
      ))
    }
    present <- present & !gone
    unseen <- unseen - sum(step$leave$unseen)
    box <- new_box(trial, step, "main", box, present, unseen, box$arm)
    boxes <- c(boxes, list(box))
  }
  list(boxes = boxes, present = present)
}

leavers <- function(leave, present, where, ids) {
  if (is.null(leave)) {
    return(rep(FALSE, length(present)))
  }
  unknown <- present & is.na(leave$reason)
  if (any(unknown)) {
    qst_abort("argument", sprintf(
      "%s: it is not known (NA) whether %s left. Say it, for example by `x %%in%% TRUE`.",
      where, enumerate(ids[unknown])
    ), row = which(unknown))
  }
  present & leave$reason > 0L
}

# How many left by each reason, those without rows included.
reason_lines <- function(leave, gone) {
  if (is.null(leave$reasons)) {
    return(NULL)
  }
  n <- tabulate(leave$reason[gone], length(leave$reasons)) + leave$unseen
  data.frame(kind = "reason", label = leave$reasons, n = n, detail = "")
}

note_lines <- function(step, present) {
  if (length(step$note) == 0) {
    return(NULL)
  }
  n <- vapply(step$note, function(meets) sum(meets & present, na.rm = TRUE), 1L)
  data.frame(kind = "note", label = names(step$note), n = unname(n), detail = "")
}

# The clusters of those present, with the range of their sizes.
cluster_lines <- function(cluster, present) {
  sizes <- table(factor(cluster$of[present]))
  if (length(sizes) == 0) {
    return(NULL)
  }
  data.frame(kind = "clusters", label = cluster$called, n = length(sizes),
    detail = paste(paste(unique(range(sizes)), collapse = " to "), "each"))
}

# The box that a step reaches (`main`) or lets people leave to (`side`), below
# the box `above`. `rows` says who is in it; `unseen` how many more are,
# without rows in the data.
new_box <- function(trial, step, kind, above, rows, unseen, arm = NA) {
  main <- kind == "main"
  label <- if (main) step$label else step$out
  clusters <- if (main && !is.na(arm)) cluster_lines(trial$cluster, rows)
  # A main box is drawn below the box of those who left before it.
  down <- if (main && !is.null(step$leave)) 2L else 1L
  list(
    id = paste0(if (!is.na(arm)) paste0(arm, ": "), label),
    parent = if (is.null(above)) NA else above$id, stage = step$stage,
    position = if (is.null(above)) 1L else above$position + down,
    arm = arm, kind = kind, step = label, label = label,
    n = sum(rows) + as.integer(unseen), unseen = as.integer(unseen), rows = which(rows),
    lines = if (main) rbind(clusters, note_lines(step, rows)) else reason_lines(step$leave, rows)
  )
}

# ---- The object and what must hold of it ----

new_flow <- function(boxes, trial, arms) {
  part <- function(name, type) vapply(boxes, function(box) box[[name]], type)
  id <- make.unique(part("id", ""), sep = " ")
  boxes <- relink(boxes, id)
  lines <- lapply(seq_along(boxes), function(i) {
    inside <- boxes[[i]]$lines
    if (is.null(inside)) NULL else cbind(box = id[[i]], inside)
  })
  none <- data.frame(box = "", kind = "", label = "", n = 0L, detail = "")[0, ]
  x <- structure(
    list(
      boxes = data.frame(
        id = id, parent = as.character(unlist(lapply(boxes, `[[`, "parent"))),
        stage = part("stage", ""), position = part("position", 1L),
        arm = as.character(unlist(lapply(boxes, `[[`, "arm"))),
        kind = part("kind", ""), step = part("step", ""), label = part("label", ""),
        n = part("n", 1L),
        groups = vapply(boxes, box_groups, 1L), reasons = vapply(boxes, box_reasons, "")
      ),
      lines = do.call(rbind, c(list(none), lines)),
      ids = stats::setNames(lapply(boxes, function(box) trial$ids[box$rows]), id),
      unseen = stats::setNames(part("unseen", 1L), id),
      arms = arms
    ),
    class = "flow"
  )
  check_balance(x)
}

# Parents named by the ids made unique: a box hangs from the nearest main box
# before it with its parent's old id.
relink <- function(boxes, id) {
  old <- vapply(boxes, function(box) box$id, "")
  main <- vapply(boxes, function(box) box$kind == "main", NA)
  for (i in seq_along(boxes)) {
    above <- which(old[seq_len(i - 1)] == boxes[[i]]$parent & main[seq_len(i - 1)])
    if (length(above) > 0) {
      boxes[[i]]$parent <- id[[max(above)]]
    }
  }
  boxes
}

box_groups <- function(box) {
  clusters <- box$lines$n[box$lines$kind == "clusters"]
  if (length(clusters) == 0) NA_integer_ else as.integer(clusters)
}

box_reasons <- function(box) {
  reason <- box$lines[box$lines$kind == "reason", ]
  paste(sprintf("%s (n = %d)", reason$label, as.integer(reason$n)), collapse = "; ")
}

# Each box: what came in is what went on and what left, and each participant
# is in exactly one end box. Also called before drawing, since a user may
# have edited the object.
check_balance <- function(x) {
  boxes <- x$boxes
  for (i in seq_len(nrow(boxes))) {
    below <- which(boxes$parent == boxes$id[[i]])
    if (length(below) > 0) {
      check_sum(x, boxes$id[[i]], sum(boxes$n[below]), boxes$id[below])
    }
    reasons <- x$lines$n[x$lines$box == boxes$id[[i]] & x$lines$kind == "reason"]
    if (length(reasons) > 0) {
      check_sum(x, boxes$id[[i]], sum(reasons), boxes$id[[i]])
    }
  }
  check_ends(x)
  x
}

check_sum <- function(x, id, below, children) {
  n <- x$boxes$n[[match(id, x$boxes$id)]]
  difference <- n - below
  if (difference == 0) {
    return(invisible())
  }
  inside <- x$ids[[id]]
  listed <- unlist(x$ids[children])
  odd <- unique(c(setdiff(inside, listed), setdiff(listed, inside), listed[duplicated(listed)]))
  qst_abort("argument", sprintf(
    "The flow does not balance at box \"%s\": %d are in it and %d are accounted for %s %d%s. %s",
    id, n, below, "(difference", difference,
    if (length(odd) > 0) sprintf("; ids %s)", enumerate(odd)) else ")",
    "Change the steps, not the numbers."
  ), box = id, difference = difference, ids = odd)
}

check_ends <- function(x) {
  ends <- setdiff(x$boxes$id, x$boxes$parent)
  found <- unlist(x$ids[ends], use.names = FALSE)
  all <- x$ids[[1]]
  counted <- lengths(x$ids) + x$unseen
  wrong <- x$boxes$id[counted[x$boxes$id] != x$boxes$n]
  odd <- unique(c(setdiff(all, found), found[duplicated(found)]))
  if (length(odd) > 0 || length(wrong) > 0) {
    qst_abort("argument", sprintf(
      "The flow does not balance: %s. Change the steps, not the numbers.",
      if (length(odd) > 0) {
        sprintf("%s are in no end box or in two", enumerate(odd))
      } else {
        sprintf("the number of box %s is not that of its ids", enumerate(wrong))
      }
    ), box = wrong, ids = odd)
  }
}

# Does the flow end with the participants a model or table used? `n` is one
# number, or one an arm, named; `what` is said in the message.
flow_check <- function(x, n, what = "the model") {
  ends <- last_boxes(x)
  ours <- if (is.null(names(n))) sum(ends$n) else stats::setNames(ends$n, ends$arm)[names(n)]
  if (anyNA(ours) || any(ours != n)) {
    of <- if (is.null(names(n))) "" else sprintf(" (%s)", paste(names(n), collapse = ", "))
    qst_abort("argument", sprintf(
      "The flow ends with %s participants%s, but %s used %s. %s",
      paste(ours, collapse = ", "), of, what, paste(n, collapse = ", "),
      "Let those who were left out leave by a step of the flow."
    ), difference = ours - n)
  }
  invisible(x)
}

# The last main box of each arm.
last_boxes <- function(x) {
  main <- x$boxes[x$boxes$kind == "main" & !is.na(x$boxes$arm), ]
  main[!main$id %in% x$boxes$parent, ]
}
