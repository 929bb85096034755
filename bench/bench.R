# Ours beside a peer, in one run: median seconds, the ratio and the bar it must pass (NA: none).
library(questrial)

# `ours` and `peer` are functions; they take turns, so that both meet the same machine.
compare <- function(what, ours, peer, bar, times = 11, peer_times = times) {
  seconds <- function(run) system.time(run(), gcFirst = TRUE)[["elapsed"]]
  runs <- lapply(seq_len(times), function(k) {
    c(seconds(ours), if (k <= peer_times) seconds(peer) else NA)
  })
  medians <- apply(do.call(rbind, runs), 2, stats::median, na.rm = TRUE)
  ratio <- medians[[2]] / medians[[1]]
  verdict <- if (!is.na(bar)) sprintf("  bar %4g  %s", bar, if (ratio >= bar) "met" else "MISSED")
  cat(sprintf("%-46s ours %8.2f ms  peer %9.2f ms  ratio %7.1f%s\n", what,
    1e3 * medians[[1]], 1e3 * medians[[2]], ratio, paste0("", verdict)
  ))
  invisible(ratio)
}

# Synthetic answers 1 to 7 of one trait, with a share missing.
synthetic_answers <- function(n, k, missing, type) {
  trait <- stats::rnorm(n)
  answers <- lapply(seq_len(k), function(j) {
    x <- type(pmin(7, pmax(1, round(4 + trait + stats::rnorm(n)))))
    x[sample.int(n, missing * n)] <- NA
    x
  })
  stats::setNames(as.data.frame(answers), paste0("item_", seq_len(k)))
}

# ---- Memory: the peak of a process of its own, where Linux tells it ----

process_mib <- function(field) {
  line <- grep(field, readLines("/proc/self/status"), value = TRUE)
  as.double(gsub("[^0-9]", "", line)) / 1024
}

# How far the process grows above what it holds before the run.
peak_mib <- function(run) {
  gc()
  writeLines("5", "/proc/self/clear_refs")
  before <- process_mib("VmRSS")
  run()
  process_mib("VmHWM") - before
}

# Runs a script of this folder again with an argument; large blocks are to go back to the system
# when they are freed.
in_own_process <- function(script, argument, title) {
  if (file.exists("/proc/self/clear_refs")) {
    cat("\n", title, "\n", sep = "")
    here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
    invisible(system2(
      file.path(R.home("bin"), "Rscript"), c(file.path(here, script), argument),
      env = "MALLOC_MMAP_THRESHOLD_=65536"
    ))
  }
}
