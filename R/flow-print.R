# A participant flow as text and as data.

#' @importFrom stats nobs
#' @export
nobs.flow <- function(object, ...) {
  sum(last_boxes(object)$n)
}

# One row a box or line inside a box, in the order of the diagram.
#' @export
as.data.frame.flow <- function(x, row.names = NULL, optional = FALSE, ...) {
  boxes <- x$boxes
  head <- data.frame(
    box = boxes$id, stage = boxes$stage, arm = boxes$arm, kind = boxes$kind,
    label = boxes$label, n = boxes$n, detail = rep("", nrow(boxes))
  )
  of <- match(x$lines$box, boxes$id)
  inside <- data.frame(
    box = x$lines$box, stage = boxes$stage[of], arm = boxes$arm[of], kind = x$lines$kind,
    label = x$lines$label, n = as.integer(x$lines$n), detail = x$lines$detail
  )
  all <- rbind(head, inside)
  place <- order(match(all$box, boxes$id), seq_len(nrow(all)))
  all <- all[place, ]
  rownames(all) <- row.names
  all
}

#' @exportS3Method generics::tidy
tidy.flow <- function(x, ...) {
  check_no_dots(...)
  as.data.frame(x)
}

#' @export
print.flow <- function(x, ...) {
  cat(format(x, ...), sep = "\n")
  invisible(x)
}

#' @export
format.flow <- function(x, ...) {
  rows <- flow_rows(x)
  label_width <- min(max(nchar(rows$label, "width")), 40)
  blocks <- split_arms(x$arms, label_width)
  c(
    sprintf("Participant flow: %d in %d arm%s, %d at the end", started(x),
      length(x$arms), if (length(x$arms) == 1) "" else "s", nobs.flow(x)),
    unlist(lapply(seq_along(blocks), function(i) {
      c("", format_rows(rows, blocks[[i]], label_width, first = i == 1))
    })),
    "",
    sprintf("All boxes balance; each of %d participants is in one of %d end boxes.",
      x$boxes$n[[1]], sum(!x$boxes$id %in% x$boxes$parent))
  )
}

# How many entered the arms.
started <- function(x) {
  utils::tail(x$boxes$n[is.na(x$boxes$arm) & x$boxes$kind == "main"], 1)
}

# The table behind the text: one row a line of the diagram, with a count in
# each arm; the same line of several arms is one row.
flow_rows <- function(x) {
  long <- as.data.frame(x)
  position <- x$boxes$position[match(long$box, x$boxes$id)]
  head <- long$kind %in% c("main", "side")
  label <- ifelse(head, x$boxes$step[match(long$box, x$boxes$id)], long$label)
  key <- paste(position, long$kind, label, sep = "\r")
  first <- which(!duplicated(key))
  first <- first[order(position[first], !head[first])]
  counts <- vapply(c(NA, x$arms), function(arm) {
    of <- if (is.na(arm)) is.na(long$arm) else long$arm %in% arm
    long$n[of][match(key[first], key[of])]
  }, integer(length(first)))
  counts <- matrix(counts, length(first), dimnames = list(NULL, c("", x$arms)))
  indent <- 2 * (long$kind[first] == "side") + 4 * !head[first]
  list(
    stage = long$stage[first], label = paste0(strrep(" ", indent), label[first]),
    start = counts[, 1], arms = counts[, -1, drop = FALSE]
  )
}

short_arm <- function(arm) {
  ifelse(nchar(arm, "width") > 14, paste0(strtrim(arm, 12), ".."), arm)
}

# Arms that fit side by side in 80 columns.
split_arms <- function(arms, label_width) {
  room <- 80 - 11 - label_width - 7
  block <- 1
  used <- 0
  blocks <- integer(length(arms))
  for (i in seq_along(arms)) {
    used <- used + arm_width(arms[[i]])
    if (used > room && i > 1) {
      block <- block + 1
      used <- arm_width(arms[[i]])
    }
    blocks[[i]] <- block
  }
  split(arms, blocks)
}

arm_width <- function(arms) {
  pmax(nchar(short_arm(arms), "width"), 5) + 2
}

# One block of arms; the first also has the enrolment and the total.
format_rows <- function(rows, arms, label_width, first) {
  keep <- first | is.na(rows$start)
  width <- rep(arm_width(arms), each = nrow(rows$arms) + 1)
  counts <- ifelse(is.na(rows$arms), "", rows$arms)[, arms, drop = FALSE]
  total <- ifelse(is.na(rows$start), rowSums(rows$arms, na.rm = TRUE), rows$start)
  label <- rows$label
  cut <- nchar(label, "width") > label_width
  label[cut] <- paste0(strtrim(label[cut], label_width - 2), "..")
  stage <- ifelse(duplicated(rows$stage), "", strtrim(rows$stage, 10))
  body <- cbind(
    pad_left(c("", stage), 11), pad_left(c("", label), label_width),
    pad_right(rbind(short_arm(arms), counts), width),
    if (first) pad_right(c("total", total), 7)
  )
  sub(" +$", "", apply(body[c(TRUE, keep), , drop = FALSE], 1, paste, collapse = ""))
}

pad_left <- function(x, width) {
  paste0(x, strrep(" ", pmax(0, width - nchar(x, "width"))))
}

pad_right <- function(x, width) {
  x[] <- paste0(strrep(" ", pmax(0, width - nchar(x, "width"))), x)
  x
}

#' The numbers of a figure in words
#'
#' One or a few sentences for readers who cannot see the figure, to be given as
#' its alternative text (`fig.alt` of a knitr chunk, `alt` in HTML).
#'
#' @param x A [flow()] or a figure of this package
#'   (such as [plot_change()]).
#' @return One text.
#' @examples
#' trial <- data.frame(arm = rep(c("control", "course"), 10), lost = c(TRUE, rep(FALSE, 19)))
#' alt_text(flow(trial, list("Analysed" = ~ lost), by = "arm"))
#' @export
alt_text <- function(x) {
  UseMethod("alt_text")
}

#' @export
alt_text.default <- function(x) {
  qst_abort("argument", sprintf(
    "`x` must be a flow or a figure of this package, not %s.", describe(x)
  ))
}

#' @export
alt_text.flow <- function(x) {
  boxes <- x$boxes
  start <- boxes[is.na(boxes$arm), ]
  arms <- boxes[!is.na(boxes$arm), ]
  steps <- vapply(split(arms, arms$position), function(step) {
    sprintf("%s: %s.", step$step[[1]], paste(step$arm, step$n, collapse = ", "))
  }, "")
  paste(c(
    "Participant flow diagram.",
    paste0(paste(sprintf("%s: %d", start$label, start$n), collapse = "; "), "."), steps
  ), collapse = " ")
}

#' @export
alt_text.ggplot <- function(x) {
  ggplot2::get_alt_text(x)
}
