test_that("the option and the argument say how many threads", {
  withr::local_options(questrial.threads = 1)
  expect_identical(qst_threads()$n, 1L)
  expect_output(print(qst_threads()), "options(questrial.threads = 1)", fixed = TRUE)
  withr::local_options(questrial.threads = 1.5)
  expect_error(qst_threads(), "whole number", class = "questrial_error_argument")
})

test_that("CRAN's limit and OMP_THREAD_LIMIT cap the number", {
  withr::local_options(questrial.threads = 64)
  withr::local_envvar(OMP_THREAD_LIMIT = "1")
  expect_identical(qst_threads()$n, 1L)
})

test_that("a forked child uses one thread", {
  skip_on_os("windows")
  n <- parallel::mclapply(1:2, function(i) qst_threads()$n, mc.cores = 2)
  expect_identical(n, list(1L, 1L))
})
