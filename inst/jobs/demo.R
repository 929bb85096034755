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

# A table's figures in aligned columns, headed by its name.
print_figures <- function(figures) {
  widths <- c(50, 16, 16)
  cell <- function(text, width) formatC(substr(text, 1, width), width = -width)
  cat("\n", figures$table[[1]], "\n", sep = "")
  cat(sprintf(
    "  %s%s%s%s\n", cell(c("", figures$figure), widths[[1]]),
    cell(c("printed", figures$printed), widths[[2]]), cell(c("ours", figures$ours), widths[[3]]),
    c("verdict", figures$verdict)
  ), sep = "")
}

out <- read_arguments(commandArgs(trailingOnly = TRUE))
library(questrial)

analysis <- analyse(balint_plan(), balint)
printed <- published(system.file("extdata", "lemogne2020", package = "questrial"))
figures <- reproduce(analysis, printed)

cat("The trial of Lemogne et al. (2020), rebuilt from its printed tables (synthetic data)\n")
for (part in split(figures, factor(figures$table, unique(figures$table)))) {
  print_figures(as.data.frame(part))
}
same <- sum(figures$verdict == "same")
cat(sprintf("\n%d of %d printed figures reproduced\n", same, nrow(figures)))

report(analysis, out, published = printed)
cat(sprintf("Report: %s (%.0f kB)\n", normalizePath(out), file.size(out) / 1024))
quit(status = if (same == nrow(figures)) 0 else 1)
