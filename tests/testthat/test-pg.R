test_that("the connector says whether it is there", {
  expect_type(pg_available(), "logical")
  expect_length(pg_available(), 1)
})
