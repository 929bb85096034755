#' Number of threads in use
#'
#' Says how many threads the C core uses when a function's `threads` argument
#' is `NULL`, and why. Results are the same bits for any number.
#'
#' The number is `getOption("questrial.threads")` or, without it, the cores of
#' this machine up to two; never more than the cores or than the environment
#' variable `OMP_THREAD_LIMIT`, two while CRAN's check limit is on, and one in
#' a forked child (as in [parallel::mclapply()]) unless the option is set.
#'
#' @return An object of class `qst_threads` that prints itself; its `n` is the
#'   number.
#' @examples
#' qst_threads()
#' options(questrial.threads = 1)
#' qst_threads()$n
#' options(questrial.threads = NULL)
#' @export
qst_threads <- function() {
  wanted <- getOption("questrial.threads")
  forked <- Sys.getpid() != process$pid
  limits <- thread_limits()
  default <- if (forked) 1 else 2
  asked <- if (is.null(wanted)) {
    default
  } else {
    check_number(wanted, "option questrial.threads", min = 1, whole = TRUE)
  }
  structure(
    list(
      n = as.integer(min(asked, limits)), option = wanted, forked = forked, limits = limits
    ),
    class = "qst_threads"
  )
}

# What no request can exceed, named by its reason.
thread_limits <- function() {
  cores <- parallel_cores()
  omp <- suppressWarnings(as.integer(Sys.getenv("OMP_THREAD_LIMIT")))
  check <- tolower(Sys.getenv("_R_CHECK_LIMIT_CORES_")) %in% c("true", "warn", "error")
  limits <- c(cores = cores, OMP_THREAD_LIMIT = omp, `CRAN's limit` = if (check) 2L)
  limits[!is.na(limits) & limits >= 1]
}

# Asked once a session: detectCores() starts a shell, which takes longer than a small fit.
parallel_cores <- function() {
  if (is.null(process$cores)) {
    cores <- parallel::detectCores()
    process$cores <- if (is.na(cores)) 1L else cores
  }
  process$cores
}

# The number a function uses for its argument `threads`.
threads_to_use <- function(threads) {
  if (is.null(threads)) {
    return(qst_threads()$n)
  }
  check_number(threads, "threads", min = 1, max = 1024, whole = TRUE)
  as.integer(min(threads, thread_limits()))
}

#' @export
print.qst_threads <- function(x, ...) {
  why <- if (!is.null(x$option)) {
    sprintf("options(questrial.threads = %s)", x$option)
  } else if (x$forked) {
    "a forked process uses one"
  } else {
    "the default is up to two"
  }
  limits <- paste(sprintf("%s %d", names(x$limits), x$limits), collapse = ", ")
  cat(sprintf("questrial uses %d thread%s: %s (limits: %s)\n",
    x$n, if (x$n == 1) "" else "s", why, limits))
  invisible(x)
}
