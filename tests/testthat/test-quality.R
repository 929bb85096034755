# Slow and obvious versions of each index, one person at a time.
slow_run <- function(x) {
  longest <- 0
  run <- 0
  for (j in seq_along(x)) {
    run <- if (is.na(x[j])) 0 else if (j > 1 && isTRUE(x[j] == x[j - 1])) run + 1 else 1
    longest <- max(longest, run)
  }
  as.integer(longest)
}

slow_even_odd <- function(x, reversed, top, scales) {
  x[reversed] <- top - x[reversed]
  half <- function(first) vapply(scales, function(s) mean(x[s[seq(first, length(s), 2)]],
    na.rm = TRUE), 0)
  first <- half(1)
  second <- half(2)
  there <- !is.nan(first) & !is.nan(second)
  if (sum(there) < 3 || sd(first[there]) == 0 || sd(second[there]) == 0) {
    return(NA_real_)
  }
  r <- cor(first[there], second[there])
  max(-1, 2 * r / (1 + r))
}

slow_distance <- function(m) {
  complete <- m[complete.cases(m), ]
  centre <- colMeans(complete)
  cov <- cov(complete)
  apply(m, 1, function(x) {
    on <- !is.na(x)
    if (!any(on)) NA else mahalanobis(x[on], centre[on], cov[on, on, drop = FALSE])
  })
}

iri_answers <- function(n, missing = 0.03) {
  set.seed(9)
  data <- as.data.frame(matrix(sample(0:4, 28 * n, TRUE), n))
  data[matrix(runif(28 * n) < missing, n)] <- NA
  data[3, ] <- 2
  data[4, ] <- NA
  data[7, ] <- data[12, ]
  data[40, ] <- data[12, ]
  names(data) <- instrument("iri")$items
  data
}

test_that("indices are those of slow versions", {
  data <- iri_answers(400)
  iri <- instrument("iri")
  got <- response_quality(data, iri)
  m <- as.matrix(data)
  scales <- lapply(iri$scales, `[[`, "items")
  expect_equal(got$missing, unname(rowMeans(is.na(m))), tolerance = 1e-14)
  expect_identical(got$longest_run, unname(apply(m, 1, slow_run)))
  expect_equal(got$variability, unname(apply(m, 1, sd, na.rm = TRUE)), tolerance = 1e-12)
  expect_equal(got$even_odd,
    unname(apply(m, 1, slow_even_odd, reversed = iri$reversed, top = 4, scales = scales)),
    tolerance = 1e-10)
  distance <- unname(slow_distance(m))
  expect_equal(got$mahalanobis, distance, tolerance = 1e-9)
  expect_equal(got$mahalanobis_p, pchisq(distance, rowSums(!is.na(m)), lower.tail = FALSE),
    tolerance = 1e-8)
  key <- do.call(paste, data)
  want <- as.integer(table(key)[key]) - 1L
  want[4] <- NA
  expect_identical(got$duplicates, want)
  expect_identical(got$duplicates[c(7, 12, 40)], c(2L, 2L, 2L))
  expect_identical(got$longest_run[3], 28L)
  expect_identical(got$variability[3], 0)
})

test_that("same bits for any threads, integers or doubles; row names are kept", {
  data <- iri_answers(70000)
  old <- options(questrial.threads = 1)
  on.exit(options(old))
  one <- response_quality(data, "iri")
  options(questrial.threads = 2)
  expect_identical(response_quality(data, "iri"), one)
  data[c(2, 9)] <- lapply(data[c(2, 9)], as.double)
  expect_identical(response_quality(data, "iri"), one)
  small <- data[c(5, 3, 12), ]
  expect_identical(rownames(response_quality(small, "iri")), c("5", "3", "12"))
})

test_that("what does not exist is NA", {
  x <- new_instrument(3, 1, 5)
  data <- data.frame(item_1 = c(1, NA, 2), item_2 = c(2, NA, 2), item_3 = NA)
  got <- response_quality(data, x)
  expect_identical(got$even_odd, rep(NA_real_, 3))
  expect_identical(got$variability, c(sqrt(0.5), NA, 0))
  expect_identical(is.na(got$mahalanobis), c(FALSE, TRUE, FALSE))
  expect_identical(got$duplicates, c(0L, NA, 0L))
  one <- response_quality(data[1, ], x)
  expect_identical(one$mahalanobis, NA_real_)
})

test_that("items that follow from others do not count twice", {
  set.seed(2)
  data <- data.frame(item_1 = sample(1:5, 50, TRUE), item_2 = sample(1:5, 50, TRUE))
  data$item_3 <- 6 - data$item_1
  data$item_4 <- 3
  got <- response_quality(data, new_instrument(4, 1, 5))
  pair <- as.matrix(data[1:2])
  want <- mahalanobis(pair, colMeans(pair), cov(pair))
  expect_equal(got$mahalanobis, want, tolerance = 1e-10)
  expect_equal(got$mahalanobis_p, pchisq(want, 2, lower.tail = FALSE), tolerance = 1e-9)
})

test_that("totals and overlapping scales stay out of even-odd", {
  half <- questrial:::item_halves(instrument("jse-s"))
  expect_identical(max(half), 5L)
  expect_identical(half[c(2, 4, 1, 7, 3, 6)], 0:5)
  expect_true(all(questrial:::item_halves(new_instrument(4, 1, 5)) == c(0, 1, 0, 1)))
})

test_that("faults are named", {
  x <- new_instrument(2, 1, 5)
  data <- data.frame(item_1 = c(1, 2), item_2 = c(2, 6))
  expect_error(response_quality(data, x), "`item_2`, row 2", class = "questrial_error_range")
  expect_error(response_quality(data, x, colums = 1), "Unknown", class = "questrial_error_argument")
  expect_error(response_quality(data[0, ], x), class = "questrial_error_no_data")
})
