# What the other scripts have in common. `here` is their folder, <library>/questrial/jobs: that
# library is used first, so no environment need name it.
start_job <- function(work, here) {
  .libPaths(c(dirname(dirname(here)), .libPaths()))
  if (!requireNamespace("questrial", quietly = TRUE)) {
    cat(sprintf(
      paste0(
        "{\"time\":\"%s\",\"level\":\"error\",\"event\":\"failed\",\"job\":null,\"study\":null,",
        "\"key\":null,\"pid\":%d,\"attempt\":null,\"rows\":null,\"seconds\":null,\"class\":null,",
        "\"sqlstate\":null,\"code\":78,\"message\":\"The package questrial or one that it ",
        "imports is not in R's libraries. Install it, or set R_LIBS.\"}\n"
      ),
      format(Sys.time(), "%Y-%m-%dT%H:%M:%OS3Z", tz = "UTC"), Sys.getpid()
    ), file = stderr())
    quit(status = 78)
  }
  quit(status = questrial::job_command(work))
}
