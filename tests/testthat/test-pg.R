test_that("the connector says whether it is there", {
  expect_type(pg_available(), "logical")
  expect_length(pg_available(), 1)
})

test_that("a throw-away server is stopped once and for all, and says so", {
  skip_if_not(pg_available() && pg_can_start(), "no libpq or no PostgreSQL server")
  server <- pg_throwaway()
  expect_output(print(server), "pg_connect")
  server$stop()
  expect_silent(server$stop())
  expect_false(dir.exists(server$folder))
  expect_output(print(server), "was stopped")
  for (call in server[c("restart", "kill")]) {
    expect_error(call(), "pg_throwaway", class = "questrial_error_connection")
  }
})

test_that("settings that a server does not take are an error with its log, and leave nothing", {
  skip_if_not(pg_available() && pg_can_start(), "no libpq or no PostgreSQL server")
  fault <- expect_error(pg_throwaway(c(nosuch = "1")), class = "questrial_error_connection")
  log <- regmatches(fault$message, regexec("\"nosuch\" in file \"([^\"]+)\"", fault$message))[[1]]
  expect_length(log, 2)
  expect_false(dir.exists(dirname(log[[2]])))
  expect_error(pg_throwaway("20"), "must have names", class = "questrial_error_argument")
})
