# Where pg_connect() connects to: settings that are judged before anything is sent, and kept where
# no object of R shows them.

# The settings as the C library holds them, once it finds that they can be used; `settings` is what
# C_qstr_pg_conninfo made of pg_connect()'s arguments.
connection_settings <- function(settings, certificate) {
  check_choice(certificate, c("verify", "do not verify"), "certificate")
  service <- .Call(C_qstr_pg_conninfo_service, settings)
  why <- with_service(service, {
    .Call(C_qstr_pg_conninfo_ready, settings, certificate == "do not verify")
  })
  if (nzchar(why)) {
    qst_abort("argument", sprintf(
      "Nothing was sent, as the settings of the connection cannot be used: %s.", why
    ))
  }
  settings
}

# libpq names what a service file says only for the service of the environment.
with_service <- function(service, expr) {
  if (!is.null(service)) {
    before <- Sys.getenv("PGSERVICE", NA)
    on.exit(if (is.na(before)) Sys.unsetenv("PGSERVICE") else Sys.setenv(PGSERVICE = before))
    Sys.setenv(PGSERVICE = service)
  }
  expr
}

# Takes what was given to pg_connect() and DBI::dbConnect() out of the frames of their calls: a
# frame that dump.frames() keeps would hold it. From the innermost frame outwards, as long as they
# are ours; a pg_connect() farther out may still be reading its arguments.
forget_arguments <- function(frames, functions) {
  for (i in rev(seq_along(frames))) {
    is_first <- i == length(frames)
    if (!is_first && (identical(functions[[i]], pg_connect) || !is_of_connector(functions[[i]]))) {
      break
    }
    given <- c("conninfo", "...")
    rm(list = given[vapply(given, exists, TRUE, envir = frames[[i]], inherits = FALSE)],
      envir = frames[[i]])
  }
}

# A function of this package, or one of DBI's generics, which have an environment of their own.
is_of_connector <- function(f) {
  home <- environment(f)
  is_generic <- !is.null(home) && exists(".Generic", home, inherits = FALSE)
  identical(home, topenv()) || (is_generic && identical(topenv(home), asNamespace("DBI")))
}
