#!/usr/bin/env Rscript
# The worked example from raw answers to the report. Prints each figure that
# the paper printed beside ours, then writes the report. `--help` says how.

usage <- "Usage: Rscript demo.R [--out FILE]

Analyses the shipped synthetic cohort after the plan of Lemogne et al. (2020),
prints every printed figure of the paper beside ours, and writes the report.

  --out FILE   where to write the report, .html or .docx [trial-report.html]
  --help       this text

Exit status: 0 all figures are reproduced, 1 one is not, 64 wrong usage.
"

read_arguments <- function(arguments) {
  if (identical(arguments, "--help")) {
    cat(usage)
    quit(status = 0)
  }
  if (length(arguments) == 0) {
    return("trial-report.html")
  }
  out <- sub("^--out=", "", arguments[[length(arguments)]])
  separate <- length(arguments) == 2 && arguments[[1]] == "--out"
  joined <- length(arguments) == 1 && startsWith(arguments, "--out=")
  if (!separate && !joined) {
    cat(usage, file = stderr())
    quit(status = 64)
  }
  out
}

out <- read_arguments(commandArgs(trailingOnly = TRUE))
library(questrial)

analysis <- analyse(balint_plan(), balint)
printed <- published(system.file("extdata", "lemogne2020", package = "questrial"), repaired = TRUE)
figures <- reproduce(analysis, printed)

cat(
  "The trial of Lemogne et al. (2020), DOI 10.1186/s12909-020-02316-w\n",
  "The cohort is synthetic: made from the printed tables, no participant stands behind it.\n",
  "Misprints repaired before the comparison:\n",
  sprintf(
    "  %-6s row %2s  %-9s %9s -> %s\n", printed$repairs$table, printed$repairs$row,
    printed$repairs$column, printed$repairs$printed, printed$repairs$repaired
  ),
  "\nFigure, printed, ours, verdict\n",
  sep = ""
)
print(figures)

report(analysis, out, published = printed)
cat(sprintf("Report: %s (%.0f kB)\n", normalizePath(out), file.size(out) / 1024))
quit(status = if (any(figures$verdict == "differs")) 1 else 0)
