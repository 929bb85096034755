# Runs tests/testthat on the installed package, in two processes, and reports each
# test_that() block as one line of TAP. What testthat prints goes to stderr. The tests run
# in a copy, so that nothing is written into the source tree; a snapshot that
# is new or changed there fails.
Sys.setenv(NOT_CRAN = "true")
folder <- file.path("build", "test", "testthat")
unlink(folder, recursive = TRUE)
dir.create(dirname(folder), showWarnings = FALSE, recursive = TRUE)
file.copy("tests/testthat", dirname(folder), recursive = TRUE)

run_file <- function(file) {
  results <- as.data.frame(testthat::test_file(
    file,
    package = "questrial", load_package = "installed", reporter = "check",
    stop_on_failure = FALSE
  ))
  results[setdiff(names(results), "result")]
}

sink(stderr())
log <- file.path("build", "test", "testthat.log")
workers <- parallel::makePSOCKcluster(2, outfile = log)
files <- sort(list.files(folder, "^test-.*[.]R$", full.names = TRUE))
results <- do.call(rbind, parallel::clusterApplyLB(workers, normalizePath(files), run_file))
parallel::stopCluster(workers)
writeLines(readLines(log))
slow <- results[results$real > 10, ]
cat(sprintf("slow: %s: %s (%.0f s)\n", slow$file, slow$test, slow$real), sep = "")
sink()

snapshots <- function(root) {
  files <- list.files(file.path(root, "_snaps"), recursive = TRUE)
  stats::setNames(tools::md5sum(file.path(root, "_snaps", files)), files)
}
same <- identical(snapshots("tests/testthat"), snapshots(folder))

bad <- results$failed > 0 | results$error
outcome <- ifelse(bad, "not ok", "ok")
skip <- ifelse(results$skipped & !bad, " # SKIP", "")
lines <- sprintf("%s - %s: %s%s", outcome, results$file, gsub("#", "", results$test), skip)
lines <- c(lines, paste(if (same) "ok" else "not ok", "- snapshots are those in the repository"))
writeLines(c(sprintf("1..%d", length(lines)), lines))
