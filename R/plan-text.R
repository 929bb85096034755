# A plan as text: a line for each part, its name and its values parted by tabs, so that it can be
# kept in a database, hashed and made again. The instrument stands there by the hash of its own
# text (see ?read_instrument).

# Parts that are no texts.
plan_types <- list(
  conf.level = "double", imputation.m = "double", imputation.iterations = "double",
  imputation.donors = "double", imputation.seed = "double", imputation.by_arm = "logical",
  imputation.cluster = "logical"
)

plan_text <- function(plan) {
  parts <- plan_parts(plan)
  lines <- vapply(names(parts), function(name) {
    paste(c(name, part_text(parts[[name]], name)), collapse = "\t")
  }, "")
  enc2utf8(paste0(c("questrial plan\t1", lines), "\n", collapse = ""))
}

# All parts side by side, those that are empty or NULL left out.
plan_parts <- function(plan) {
  how <- as.list(plan$imputation)
  parts <- c(
    list(instrument = text_hash(instrument_text(plan$instrument))),
    unclass(plan)[setdiff(names(plan), c("instrument", "imputation", "labels"))],
    named_parts(plan$labels, "labels"),
    prefixed(how[names(how) != "method"], "imputation."),
    named_parts(how$method, "imputation.method")
  )
  parts[lengths(parts) > 0]
}

prefixed <- function(x, prefix) {
  stats::setNames(x, paste0(prefix, names(x), recycle0 = TRUE))
}

# A named vector is two lines: its names, its values.
named_parts <- function(x, name) {
  stats::setNames(list(names(x), unname(x)), c(paste0(name, ".of"), name))
}

part_text <- function(x, name) {
  text <- if (is.numeric(x)) vapply(x, exact, "") else as.character(x)
  if (any(grepl("[\t\r\n]", text))) {
    qst_abort("argument", sprintf(
      "`plan`: its `%s` holds a tab or a line end, which its text cannot keep. Rename it.", name
    ))
  }
  text
}

# The plan of a text; `instrument` is the one that the text names.
plan_of_text <- function(text, instrument) {
  lines <- strsplit(strsplit(text, "\n", fixed = TRUE)[[1]], "\t", fixed = TRUE)
  parts <- lapply(lines, `[`, -1)
  names(parts) <- vapply(lines, `[[`, "", 1)
  if (!identical(parts[["questrial plan"]], "1")) {
    qst_abort("argument", "The text is no analysis plan of this version. Update the package.")
  }
  for (name in intersect(names(plan_types), names(parts))) {
    parts[[name]] <- as.vector(parts[[name]], plan_types[[name]])
  }
  plain <- !grepl("^imputation[.]|^labels|^instrument$|^questrial", names(parts))
  do.call(analysis_plan, c(
    parts[plain],
    list(
      instrument = instrument, labels = named_part(parts, "labels"),
      imputation = imputation_part(parts)
    )
  ))
}

named_part <- function(parts, name) {
  if (name %in% names(parts)) {
    stats::setNames(parts[[name]], parts[[paste0(name, ".of")]])
  }
}

imputation_part <- function(parts) {
  how <- parts[grepl("^imputation[.]", names(parts)) & !grepl("[.]method", names(parts))]
  if (length(how) == 0) {
    return(NULL)
  }
  names(how) <- sub("^imputation[.]", "", names(how))
  method <- named_part(parts, "imputation.method")
  if (is.null(method)) how else c(how, list(method = method))
}

# ---- Instruments ----

instrument_text <- function(x) {
  file <- tempfile(fileext = ".dcf")
  on.exit(unlink(file))
  write_instrument(x, file)
  paste0(read_lines(file), "\n", collapse = "")
}

instrument_of_text <- function(text) {
  file <- tempfile(fileext = ".dcf")
  on.exit(unlink(file))
  writeLines(enc2utf8(text), file, sep = "", useBytes = TRUE)
  read_instrument(file)
}
