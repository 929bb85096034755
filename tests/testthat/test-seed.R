test_that("a given seed is used as it is and leaves R's generator alone", {
  set.seed(1)
  before <- .Random.seed
  expect_identical(draw_seed(20L), 20)
  expect_identical(draw_seed(2^53), 2^53)
  expect_identical(.Random.seed, before)
})

test_that("without a seed set.seed() governs", {
  set.seed(1)
  first <- draw_seed(NULL)
  second <- draw_seed(NULL)
  set.seed(1)
  expect_identical(draw_seed(NULL), first)
  expect_false(first == second)
  expect_true(first >= 0 && first < 2^53 && first == round(first))
})

test_that("what is no seed is refused by name", {
  for (bad in list(-1, 1.5, NA_real_, 2^54, "1", c(1, 2), Inf)) {
    expect_error(draw_seed(bad), "`seed`", class = "questrial_error_argument")
  }
})
