# A server that says anything (hostile-server.R): an error each time, in time, and R goes on.

hostile <- new.env()

# Starts it once for this file; it is killed when the file ends.
hostile_port <- function() {
  skip_if_not(pg_available() && .Platform$OS.type == "unix")
  if (is.null(hostile$port)) {
    port <- 30000L + Sys.getpid() %% 20000L
    ready <- withr::local_tempfile()
    system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", test_path("hostile-server.R"), port,
      ready), wait = FALSE, stdout = FALSE, stderr = FALSE)
    for (k in 1:300) {
      if (file.exists(ready) && file.size(ready) > 0) break
      Sys.sleep(0.1)
    }
    skip_if_not(file.exists(ready), "the hostile server did not start")
    hostile$port <- port
    hostile$pid <- as.integer(readLines(ready))
    assign(sprintf("127.0.0.1 %d eve", port), TRUE, envir = questrial:::warned_roles)
    withr::defer(tools::pskill(hostile$pid, tools::SIGKILL), teardown_env())
  }
  hostile$port
}

# What a session with that scene comes to; `limit` in seconds.
fault_of <- function(scene, limit = 60) {
  conninfo <- sprintf(paste(
    "host=127.0.0.1 port=%d user=eve dbname=%s sslmode=disable gssencmode=disable",
    "connect_timeout=%d password=Qz7secret"
  ), hostile_port(), scene, if (scene == "silent") 1L else 30L)
  tryCatch({
    con <- pg_connect(conninfo)
    on.exit(pg_close(con))
    setTimeLimit(elapsed = limit, transient = TRUE)
    on.exit(setTimeLimit(), add = TRUE)
    pg_read(con, "SELECT x FROM t WHERE y = $1", list(1))
  }, error = identity)
}

expect_fault <- function(scene, class, words = NULL) {
  fault <- fault_of(scene)
  expect_s3_class(fault, class)
  expect_true(validUTF8(conditionMessage(fault)), info = scene)
  expect_match(conditionMessage(fault), if (is.null(words)) "." else words, info = scene)
}

test_that("a greeting that is none is an error of the connection", {
  for (scene in c("garbage", "closes", "huge_length", "short_length", "negative_length",
    "unknown_auth", "short_auth", "open_error", "not_utf8_error", "long_error", "no_scram",
    "answer_first", "drips")) {
    expect_fault(scene, "questrial_error_connection")
  }
})

test_that("a server that says nothing is waited for as long as connect_timeout says", {
  expect_fault("silent", "questrial_error_connection", "no answer from the server within 1 s")
})

test_that("a password that a server sends back is not shown", {
  expect_fault("echo", "questrial_error_connection", "your password is \\*\\*\\*")
})

test_that("an honest answer of that server is read, so that its other ones are what is wrong", {
  expect_identical(fault_of("honest"), data.frame(x = 7L))
})

test_that("rows that do not fit their description are an error", {
  for (scene in c("wrong_width", "negative_width", "too_wide", "too_many_fields", "no_fields",
    "negative_count", "array_bomb", "array_of_many_dimensions", "numeric_bomb", "not_utf8_text",
    "json_version", "wrong_order", "not_utf8_refusal", "closes_later")) {
    expect_fault(scene, "questrial_error")
  }
})

test_that("a server that never ends or never answers can be left", {
  for (scene in c("notices", "shape_cut_off", "shape_of_many", "mute")) {
    started <- Sys.time()
    fault <- fault_of(scene, limit = 2)
    expect_match(conditionMessage(fault), "time limit|closed the connection", info = scene)
    expect_lt(as.numeric(Sys.time() - started, units = "secs"), 30)
  }
})
