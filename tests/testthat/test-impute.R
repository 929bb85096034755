test_that("data without missing values give m identical copies, and that is said", {
  imp <- impute(mtcars, m = 3, seed = 1)
  expect_length(imp, 3)
  expect_identical(as.list(imp), list(mtcars, mtcars, mtcars))
  expect_match(capture.output(print(imp)), "Nothing is missing that is to be imputed",
    all = FALSE)
  expect_identical(generics::glance(imp)$n.missing, 0L)
  expect_identical(impute(mtcars[1, ], m = 1, seed = 1)[[1]], mtcars[1, ])
  expect_length(update(imp, m = 5), 5)
})
