
test_that("a server that refuses a session says why by its SQLSTATE", {
  conninfo <- local_database()
  refused <- function(conninfo) {
    expect_error(pg_connect(conninfo), class = "questrial_error_connection")
  }
  fault <- refused(sub("dbname=[^ ]*", "dbname=nowhere", conninfo))
  expect_identical(fault$sqlstate, "3D000")
  expect_match(conditionMessage(fault), "FATAL:  database \"nowhere\" does not exist\nName a database")
  expect_identical(refused(sub("user=[^ ]*", "user=nobody", conninfo))$sqlstate, "28000")
  expect_identical(refused("host=/nonexistent")$sqlstate, NA_character_)
})
