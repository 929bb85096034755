local_server <- function(settings = NULL, env = parent.frame()) {
  testthat::skip_if_not(pg_available() && pg_can_start(), "no libpq or no PostgreSQL server")
  server <- pg_throwaway(settings)
  withr::defer(server$stop(), envir = env)
  server
}

# ---- Connection strings, good and broken ----

# Texts that a password of `secret` may come in. Hosts are folders, so that no name is looked up.
conninfo_forms <- function(server, secret) {
  quoted <- sprintf("'%s'", gsub("(['\\\\])", "\\\\\\1", secret))
  escaped <- utils::URLencode(secret, reserved = TRUE)
  folder <- utils::URLencode(server$folder, reserved = TRUE)
  c(
    sprintf("host=%s port=%d user=alice password=%s dbname=study", server$folder, server$port,
      quoted),
    sprintf("user=alice dbname=study application_name='a b' password = %s host=%s", quoted,
      server$folder),
    sprintf("postgresql://alice:%s@%s:%d/study", escaped, folder, server$port),
    sprintf("postgres://alice:%s@%s/study?connect_timeout=3&application_name=x", escaped, folder),
    sprintf("postgresql:///study?user=alice&password=%s&host=%s", escaped, folder)
  )
}

# One slip of the keyboard, anywhere.
mistype <- function(text) {
  at <- sample(nchar(text), 1)
  symbol <- sample(strsplit("@/:?#%&=' \\;,[]ax0", "")[[1]], 1)
  before <- substr(text, 1, at - 1)
  here <- substr(text, at, at)
  after <- substring(text, at + 1)
  switch(sample(5, 1),
    paste0(before, after),
    paste0(before, symbol, here, after),
    paste0(before, symbol, after),
    paste0(before, substr(after, 1, 1), here, substring(after, 2)),
    substr(text, 1, at)
  )
}

new_secret <- function() {
  word <- function() paste(sample(c(letters, LETTERS, 0:9), 9, replace = TRUE), collapse = "")
  paste0(word(), sample(c("@", "/", "'", " ", "=", "%", ":", "\\", "?", "&"), 1), word())
}

# Five letters in a row of a secret, which may be seen nowhere.
fragments <- function(secret) {
  words <- regmatches(secret, gregexpr("[A-Za-z0-9]{5,}", secret))[[1]]
  unlist(lapply(words, function(word) substring(word, 1:(nchar(word) - 4), 5:nchar(word))))
}

holds <- function(text, pieces) {
  all_text <- paste(text, collapse = " ")
  any(vapply(pieces, grepl, TRUE, all_text, fixed = TRUE, useBytes = TRUE))
}

# A user that has swallowed the password is a user: "postgresql://alicesecret@localhost".
is_in_user <- function(text, secret) {
  user <- regmatches(text, regexec("^postgres(ql)?://([^:@/]*)@", text))[[1]]
  length(user) > 0 && holds(user[[3]], fragments(secret))
}

test_that("no piece of a password is seen in errors or in the server's log, however mistyped", {
  withr::local_seed(20)
  server <- local_server(c(log_connections = "on", log_line_prefix = "%u %d %a "))
  leaks <- said <- character()
  kinds <- c()
  for (round in 1:400) {
    secret <- new_secret()
    for (text in vapply(conninfo_forms(server, secret), mistype, "")) {
      if (!is_in_user(text, secret)) {
        fault <- tryCatch(pg_connect(text, connect_timeout = 3), error = identity)
        if (holds(c(format(fault), unlist(lapply(fault, format))), fragments(secret))) {
          leaks <- c(leaks, text)
        }
        kinds <- c(kinds, class(fault)[[1]])
        said <- c(said, fragments(secret))
      }
    }
  }
  expect_identical(leaks, character())
  expect_gt(sum(kinds == "questrial_error_argument"), 600)
  expect_gt(sum(kinds == "questrial_error_connection"), 600)
  log <- readLines(file.path(server$folder, "log"), warn = FALSE)
  expect_match(log, "alice study", all = FALSE)
  expect_false(holds(log, unique(said)))
})

# ---- Objects, calls and frames ----

secret <- "Qz7!xW@4pL"

test_that("no object shows or keeps a secret", {
  server <- local_server()
  con <- pg_connect(sprintf("host=%s user=postgres password=%s", server$folder, secret))
  withr::defer(pg_close(con))
  raw_text <- function(object) {
    bytes <- serialize(object, NULL)
    rawToChar(bytes[bytes != 0])
  }
  for (text in list(utils::capture.output(print(con), str(con), con), format(con),
    utils::capture.output(str(as.list(con@state)), dput(as.list(con@state))), raw_text(con),
    raw_text(as.list(con@state, all.names = TRUE)))) {
    expect_false(holds(text, secret))
  }
  back <- unserialize(serialize(con, NULL))
  expect_false(pg_is_open(back))
  expect_error(pg_read(back, "SELECT 1"), class = "questrial_error_connection")
})

# What R -f does with `code`: all it prints, and the frames it dumps, decompressed.
run_and_dump <- function(code) {
  folder <- withr::local_tempdir()
  script <- file.path(folder, "script.R")
  writeLines(c("options(error = quote({traceback(2); dump.frames('frames', TRUE); q('no', 1)}))",
    "library(questrial)", code), script)
  home <- setwd(folder)
  on.exit(setwd(home))
  output <- suppressWarnings(system2(file.path(R.home("bin"), "Rscript"),
    c("--no-init-file", "script.R"), stdout = TRUE, stderr = TRUE))
  dump <- file.path(folder, "frames.rda")
  bytes <- if (file.exists(dump)) {
    stream <- gzfile(dump, "rb")
    on.exit(close(stream), add = TRUE)
    readBin(stream, "raw", 1e7)
  }
  list(output = output, has_dump = file.exists(dump), dump = rawToChar(bytes[bytes != 0]))
}

test_that("tracebacks and dumped frames do not show a password written in the call", {
  skip_if_not(pg_available())
  calls <- c(
    sprintf("pg_connect('host=/nonexistent user=alice password=%s')", secret),
    sprintf("pg_connect('host=/nonexistent user=alice passwordd=%s')", secret),
    sprintf("pg_connect('postgresql:/alice:%s@localhost/x')", secret),
    sprintf("suppressWarnings(pg_connect(host = '/nonexistent', password = '%s'))", secret),
    sprintf("f <- function(pw = '%s') pg_connect(paste0('host=/no password=', pw)); f()", secret),
    sprintf("invisible(lapply(1:3, function(i) pg_connect(hots = 'h', password = '%s')))", secret),
    sprintf("do.call(pg_connect, list('host=/nonexistent', password = '%s'))", secret),
    sprintf("DBI::dbConnect(Pg(), 'host=/nonexistent', password = '%s')", secret),
    sprintf("DBI::dbConnect(Pg(), 'host=/nonexistent passwordd=%s')", secret)
  )
  for (code in calls) {
    seen <- run_and_dump(code)
    expect_true(seen$has_dump, info = code)
    expect_match(seen$output, "pg_connect|dbConnect", all = FALSE, info = code)
    expect_false(holds(seen$output, c(secret, "Qz7", "4pL")), info = code)
    if (!startsWith(code, "f <-")) { # there the password is a variable of the user's own frame
      expect_false(holds(seen$dump, c(secret, "Qz7", "4pL")), info = code)
    }
  }
})

test_that("the code of a caller is as it was after an error", {
  skip_if_not(pg_available())
  connect <- function() pg_connect("host=/nonexistent password=Qz7!xW@4pL")
  for (k in 1:4) { # byte-compiled from the third call on
    calls <- NULL
    withCallingHandlers(
      expect_error(connect(), class = "questrial_error_connection"),
      questrial_error = function(e) calls <<- vapply(sys.calls(), deparse1, "")
    )
    expect_false(holds(calls, "Qz7"))
  }
  expect_match(deparse1(body(connect)), "password=Qz7!xW@4pL", fixed = TRUE)
})
