# Files are written aside and renamed, so that an interrupted or failed write
# leaves the old file as it was and never half of a new one.
#
# `writer(path)` writes to the path it is given, in the folder of `file` (so
# that the rename stays on one file system) and with the same extension (so
# that writers which look at it do the same).
write_aside <- function(file, writer) {
  folder <- dirname(file)
  if (!dir.exists(folder)) {
    qst_abort("file", sprintf(
      "There is no folder %s to write %s into. Make it with dir.create().",
      describe(folder), describe(basename(file))
    ))
  }
  extension <- tools::file_ext(file)
  aside <- tempfile(".questrial-", folder, if (nzchar(extension)) paste0(".", extension) else "")
  on.exit(unlink(aside))
  writer(aside)
  if (!file.exists(aside) || !suppressWarnings(file.rename(aside, file))) {
    qst_abort("file", sprintf(
      "%s cannot be written. Check that it is not open elsewhere and that you may write there.",
      describe(file)
    ))
  }
  invisible(file)
}
