#' A PostgreSQL server of one's own, for trying things out
#'
#' Makes an empty database cluster in a temporary folder with `initdb` and starts a server on it
#' that listens on a Unix socket in that folder only. It is stopped, and the folder removed, by
#' `$stop()` or when R ends, also when R is killed. It runs without waiting for disks (`fsync` is
#' off): for examples, tests and vignettes, never for data that are to be kept.
#'
#' @param settings Server settings by name, as in `c(max_connections = "20")`.
#' @return A list of class `pg_throwaway`: `conninfo`, what [pg_connect()] takes; `folder`; `port`;
#'   and the functions `stop()`, `restart()` and `kill()` (the server dies as in a power cut, and
#'   `restart()` recovers it).
#' @section Errors:
#' `questrial_error_not_installed` where PostgreSQL's server programs are not found. They are looked
#' for in the environment variable `QST_PG_BIN`, beside `pg_config`, and where Debian has them.
#' A server refuses to run as root: it is then started as the user `postgres`.
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' con <- pg_connect(server$conninfo)
#' pg_read(con, "SELECT version()")
#' pg_close(con)
#' server$stop()
#' @export
pg_throwaway <- function(settings = NULL) {
  check_server_settings(settings)
  bin <- pg_programs()
  folder <- server_folder()
  started <- FALSE
  on.exit(if (!started) unlink(folder, recursive = TRUE))
  server <- list(folder = folder, port = 5432L)
  run <- function(...) run_server_program(bin, folder, ...)
  run("initdb", "-D", file.path(folder, "data"), "-A", "trust", "-U", "postgres", "--no-sync",
    "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions")
  write_server_settings(folder, settings)
  start <- function() {
    run("pg_ctl", "start", "-w", "-s", "-D", file.path(folder, "data"), "-l",
      file.path(folder, "log"))
    stop_with_r(bin, folder)
  }
  start()
  started <- TRUE
  assign(folder, TRUE, envir = throwaway_folders)
  server$conninfo <- sprintf("host=%s port=%d user=postgres dbname=postgres", folder, server$port)
  server$stop <- function() {
    if (!dir.exists(folder)) {
      return(invisible())
    }
    try(run("pg_ctl", "stop", "-s", "-m", "immediate", "-D", file.path(folder, "data")),
      silent = TRUE)
    unlink(folder, recursive = TRUE)
    invisible()
  }
  server$kill <- function() {
    check_server_folder(folder)
    run("pg_ctl", "stop", "-s", "-m", "immediate", "-D", file.path(folder, "data"))
    invisible()
  }
  server$restart <- function() {
    check_server_folder(folder)
    try(server$kill(), silent = TRUE)
    start()
    invisible()
  }
  structure(server, class = "pg_throwaway")
}

#' @rdname pg_throwaway
#' @details `pg_can_start()` says whether such a server can be started here.
#' @export
pg_can_start <- function() {
  .Platform$OS.type == "unix" && !is.null(find_pg_programs()) &&
    (!is_root() || nzchar(Sys.which("setpriv")))
}

#' @export
print.pg_throwaway <- function(x, ...) {
  cat(sprintf("A throw-away PostgreSQL server in %s%s\n", x$folder,
    if (dir.exists(x$folder)) "\npg_connect(server$conninfo)" else ", which was stopped"))
  invisible(x)
}

# Of the servers this process started: nothing is lost with them, whatever their role may do.
throwaway_folders <- new.env()

is_throwaway <- function(host) {
  nzchar(host) && exists(host, envir = throwaway_folders, inherits = FALSE)
}

# ---- Where the programs are ----

pg_programs <- function() {
  found <- find_pg_programs()
  if (is.null(found)) {
    qst_abort("not_installed", paste(
      "`pg_throwaway()`: the programs of a PostgreSQL server (initdb, pg_ctl) were not found.",
      "Install a server (Debian: postgresql), or set QST_PG_BIN to the folder they are in."
    ))
  }
  found
}

find_pg_programs <- function() {
  configured <- if (nzchar(Sys.which("pg_config"))) {
    tryCatch(system2("pg_config", "--bindir", stdout = TRUE), error = function(e) NULL)
  }
  debian <- sort(Sys.glob("/usr/lib/postgresql/*/bin"), decreasing = TRUE)
  places <- c(Sys.getenv("QST_PG_BIN"), configured, dirname(Sys.which("initdb")), debian)
  Find(function(place) nzchar(place) && file.exists(file.path(place, "initdb")), places)
}

# ---- Running them ----

is_root <- function() {
  .Platform$OS.type == "unix" && identical(unname(Sys.info()[["effective_user"]]), "root")
}

# Short, as the path of a socket may have 107 bytes; of the user the server runs as.
server_folder <- function() {
  folder <- tempfile("pg", if (nchar(tempdir()) < 60 && !is_root()) tempdir() else "/tmp")
  dir.create(folder, mode = "0700")
  if (is_root()) {
    system2("chown", c("postgres", folder))
    Sys.chmod(folder, "0755")
  }
  folder
}

check_server_folder <- function(folder) {
  if (!dir.exists(folder)) {
    qst_abort("connection", paste(
      "The throw-away server was stopped, and its folder is gone.",
      "Start another with pg_throwaway()."
    ))
  }
}

as_server_user <- function(program) {
  if (!is_root()) {
    return(shQuote(program))
  }
  paste("setpriv --reuid=postgres --regid=postgres --clear-groups", shQuote(program))
}

# What is loaded into R before all else, such as a sanitizer, is not for the server.
alone <- "unset LD_PRELOAD; "

# In the folder of the server, as its user may not enter ours.
run_server_program <- function(bin, folder, program, ...) {
  command <- sprintf("%scd %s && %s %s > %s 2>&1 < /dev/null", alone, shQuote(folder),
    as_server_user(file.path(bin, program)), paste(shQuote(c(...)), collapse = " "),
    shQuote(file.path(folder, "program.log")))
  if (system2("sh", c("-c", shQuote(command))) != 0) {
    logs <- file.path(folder, c("program.log", "log"))
    said <- unlist(lapply(logs[file.exists(logs)], readLines, warn = FALSE))
    qst_abort("connection", c(sprintf("`pg_throwaway()`: %s failed:", program), said))
  }
}

check_server_settings <- function(settings) {
  if (length(settings) > 0 && !all(nzchar(names(settings)), length(names(settings)) > 0)) {
    qst_abort("argument", sprintf(
      "`settings` must have names, as in c(max_connections = \"20\"), not %s.", describe(settings)
    ))
  }
}

write_server_settings <- function(folder, settings) {
  settings <- c(c(
    unix_socket_directories = folder, listen_addresses = "", fsync = "off",
    synchronous_commit = "off", full_page_writes = "off", max_wal_size = "4GB"
  ), settings)
  settings <- settings[!duplicated(names(settings), fromLast = TRUE)]
  cat(sprintf("%s = '%s'\n", names(settings), gsub("'", "''", settings)), sep = "",
    file = file.path(folder, "data", "postgresql.conf"), append = TRUE)
}

# A shell that outlives R if need be, and then stops the server and removes its folder. What waits
# to be buried by its parent (Z) is dead.
stop_with_r <- function(bin, folder) {
  data <- file.path(folder, "data")
  command <- sprintf(paste(
    "%5$strap '' INT HUP; pid=$(head -n 1 %1$s/postmaster.pid);",
    "lives() { kill -0 $1 2>/dev/null && ! grep -qs '^State:.*Z' /proc/$1/status; };",
    "while lives %2$d; do lives $pid || exit 0; sleep 1; done;",
    "cd %3$s && %4$s stop -s -m immediate -D %1$s; rm -rf %3$s"
  ), shQuote(data), Sys.getpid(), shQuote(folder), as_server_user(file.path(bin, "pg_ctl")),
    alone)
  system2("sh", c("-c", shQuote(command)), wait = FALSE, stdout = FALSE, stderr = FALSE,
    stdin = "/dev/null")
}
