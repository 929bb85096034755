# What randomisation tests and the bootstrap share.

# A label a row from ~ a + b (crossed), column names or a vector; NULL stays. An NA in any part is
# NA.
row_labels <- function(x, data, arg) {
  if (is.null(x)) {
    return(NULL)
  }
  if (inherits(x, "formula")) {
    check_known_variables(x, names(data), arg)
    x <- all.vars(x)
  }
  if (is.character(x) && length(x) != nrow(data)) {
    parts <- lapply(data[check_columns(data, x, arg)], as.character)
  } else {
    if (!is.atomic(x) || length(x) != nrow(data)) {
      qst_abort("argument", sprintf(
        "`%s` must be ~ column, names of columns or %d labels, one a row of the data, not %s.",
        arg, nrow(data), describe(x)
      ))
    }
    parts <- list(as.character(x))
  }
  labels <- do.call(paste, c(unname(parts), sep = ":"))
  labels[!stats::complete.cases(as.data.frame(parts))] <- NA
  labels
}

# Runs run(first, n) for replicates in pieces of about a second and binds what it gives, so that a
# long run shows how far it is. Replicates are numbered: the pieces change nothing.
in_pieces <- function(replicates, piece, label, run) {
  piece <- max(1, floor(piece))
  first <- seq(0, replicates - 1, by = piece)
  bar <- if (length(first) > 1 && interactive()) {
    cli::cli_progress_bar(label, total = length(first))
  }
  parts <- lapply(first, function(start) {
    part <- run(start, min(piece, replicates - start))
    if (!is.null(bar)) {
      cli::cli_progress_update(id = bar)
    }
    part
  })
  if (is.matrix(parts[[1]])) do.call(cbind, parts) else unlist(parts)
}

check_replicates <- function(replicates, least = 1, most = 2^32 - 1) {
  check_number(replicates, "replicates", min = least, max = most, whole = TRUE)
}

# Evaluates with R's generator started from `seed`, and leaves it as it was.
with_generator <- function(seed, code) {
  kept <- get0(".Random.seed", globalenv(), inherits = FALSE)
  on.exit(
    if (is.null(kept)) {
      suppressWarnings(rm(".Random.seed", envir = globalenv()))
    } else {
      assign(".Random.seed", kept, envir = globalenv())
    }
  )
  set.seed(seed %% .Machine$integer.max, "Mersenne-Twister", "Inversion", "Rejection")
  code
}
