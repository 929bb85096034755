# Oracles: enumeration of all allocations, aov(), oneway.test(), chisq.test(),
# and the allocation lists themselves.

two <- droplevels(subset(PlantGrowth, group != "trt2"))

# All ways to choose who of ten is in the second arm of five: 252.
ten <- data.frame(y = c(3, 1, 4, 1, 5, 9, 2, 6, 5, 8), arm = factor(rep(c("a", "b"), each = 5)))

all_differences <- function(y, n_second) {
  utils::combn(length(y), n_second, function(k) mean(y[k]) - mean(y[-k]))
}

test_that("few allocations are all made", {
  differences <- all_differences(ten$y, 5)
  got <- permutation_test(y ~ arm, ten, "difference")
  expect_equal(got$replicates, 252)
  expect_equal(sort(attr(got, "distribution")), sort(as.vector(differences)), tolerance = 1e-12)
  observed <- mean(ten$y[6:10]) - mean(ten$y[1:5])
  expect_equal(got$estimate, observed)
  expect_equal(got$p.value, mean(abs(differences) >= observed - 1e-9))
  expect_null(attr(got, "seed"))
  for (alternative in c("greater", "less")) {
    one_sided <- permutation_test(y ~ arm, ten, "difference", alternative)
    extreme <- if (alternative == "greater") {
      differences >= observed - 1e-9
    } else {
      differences <= observed + 1e-9
    }
    expect_equal(one_sided$p.value, mean(extreme))
  }
})

test_that("random re-allocations near the exact P", {
  exact <- permutation_test(y ~ arm, ten, "welch.t")
  random <- permutation_test(y ~ arm, ten, "welch.t", exact = FALSE, replicates = 99999, seed = 4)
  expect_equal(random$p.value, (random$extreme + 1) / 1e5)
  expect_lt(random$p.low, exact$p.value)
  expect_gt(random$p.high, exact$p.value)
  limits <- stats::binom.test(random$extreme, 99999)$conf.int
  expect_equal(c(random$p.low, random$p.high), as.vector(limits), tolerance = 1e-10)
})

test_that("statistics of the observed arms are those of aov, oneway.test and chisq.test", {
  statistic <- function(...) permutation_test(..., replicates = 9, seed = 1)$statistic
  f <- summary(aov(weight ~ group, PlantGrowth))[[1]][["F value"]][[1]]
  expect_equal(statistic(weight ~ group, PlantGrowth), f, tolerance = 1e-12)
  expect_equal(
    statistic(weight ~ group, PlantGrowth, "welch.F"),
    oneway.test(weight ~ group, PlantGrowth)$statistic[[1]], tolerance = 1e-12
  )
  expect_equal(
    statistic(weight ~ group, two, "welch.t"),
    -t.test(weight ~ group, two)$statistic[[1]], tolerance = 1e-12
  )
  data <- transform(mtcars, cyl = factor(cyl), am = factor(am))
  expect_equal(
    statistic(cyl ~ am, data, "chisq"),
    suppressWarnings(chisq.test(data$cyl, data$am))$statistic[[1]], tolerance = 1e-12
  )
})

test_that("a statistic of the caller sees the same re-allocations", {
  f <- function(y, arm) summary(aov(y ~ arm))[[1]][["F value"]][[1]]
  ours <- permutation_test(weight ~ group, PlantGrowth, replicates = 60, seed = 3)
  callers <- permutation_test(weight ~ group, PlantGrowth, f, replicates = 60, seed = 3)
  expect_equal(attr(ours, "distribution"), attr(callers, "distribution"), tolerance = 1e-10)
  expect_identical(ours$p.value, callers$p.value)
})

test_that("strata and clusters bind what is shuffled", {
  data <- transform(ten, stratum = rep(c("u", "v"), 5))
  # 3 and 2 of arm a, 2 and 3 of arm b: 10 times 10 allocations.
  got <- permutation_test(y ~ arm, data, "difference", strata = ~stratum)
  expect_equal(got$replicates, 100)
  arms <- list()
  watch <- function(y, arm) {
    arms[[length(arms) + 1]] <<- arm
    mean(y[arm == "b"])
  }
  permutation_test(y ~ arm, data, watch, strata = "stratum", replicates = 20, seed = 1)
  counts <- lapply(arms, function(arm) as.vector(table(arm, data$stratum)))
  expect_true(all(vapply(counts, identical, logical(1), counts[[1]])))

  clustered <- data.frame(
    y = c(5, 7, 1, 2, 9, 4, 4, 6, 8), group = rep(letters[1:5], c(2, 3, 1, 2, 1)),
    arm = factor(rep(c("x", "z", "x", "z", "x"), c(2, 3, 1, 2, 1)))
  )
  got <- permutation_test(y ~ arm, clustered, "difference", cluster = ~group)
  sums <- rowsum(clustered$y, clustered$group)
  n <- rowsum(rep(1, 9), clustered$group)
  want <- utils::combn(5, 2, function(k) sum(sums[k]) / sum(n[k]) - sum(sums[-k]) / sum(n[-k]))
  expect_equal(sort(attr(got, "distribution")), sort(as.vector(want)), tolerance = 1e-12)
})

test_that("an allocation list is replayed, blocks, ratio, strata and all", {
  sealed <- allocate(14, c("a", "b"),
    ratio = c(1, 2), block = c(3, 6), seed = 8, strata = c("u", "v")
  )
  places <- as.data.frame(sealed)
  # Eleven of u and nine of v have entered, in turn; two have no outcome.
  entered <- rbind(places[1:11, ], places[14 + 1:9, ])
  entered <- entered[order(entered$sequence), ]
  entered$y <- (seq_len(20) * 7) %% 11
  entered$y[c(4, 9)] <- NA
  rownames(entered) <- NULL
  arms <- list()
  watch <- function(y, arm) {
    arms[[length(arms) + 1]] <<- arm
    sum(y[arm == "b"])
  }
  got <- permutation_test(y ~ arm, entered, watch,
    strata = ~stratum, allocation = sealed, replicates = 400, seed = 1
  )
  expect_identical(c(attr(got, "n_used"), attr(got, "n_left_out")), c(18L, 2L))
  expect_identical(as.character(arms[[1]]), as.character(entered$arm[!is.na(entered$y)]))
  # The first three of a stratum are a block, or its first half: of 1:2 lists with blocks of 3 one
  # is `a`; of blocks of 6 it is as hypergeometric as this.
  u <- which(entered$stratum[!is.na(entered$y)] == "u")[1:2]
  n_a <- vapply(arms[-1], function(arm) sum(arm[u] == "a"), numeric(1))
  # Both of the first two are `a`: never in a block of 3, in 1 of 15 blocks of 6.
  expect_lt(abs(mean(n_a == 2) - 1 / 30), 4 * sqrt(1 / 30 / 399))

  simple <- allocate(20, c("a", "b"), method = "simple", seed = 2)
  data <- data.frame(y = seq_len(20), arm = as.data.frame(simple)$arm)
  drawn <- permutation_test(y ~ arm, data, function(y, arm) sum(arm == "a"),
    allocation = simple, replicates = 500, seed = 1
  )
  expect_gt(length(unique(attr(drawn, "distribution"))), 5)
  expect_error(
    permutation_test(y ~ arm, entered[20:1, ], strata = ~stratum, allocation = sealed),
    "Sort the data by order of entry"
  )
})

test_that("replays of fixed blocks and of clusters near their exact P", {
  sealed <- allocate(8, c("a", "b"), block = 4, seed = 3)
  data <- data.frame(
    y = c(9, 2, 4, 7, 30, 36, 31, 39), arm = as.data.frame(sealed)$arm, block = rep(1:2, each = 4)
  )
  exact <- permutation_test(y ~ arm, data, "difference", strata = ~block)
  expect_equal(exact$replicates, 36)
  replayed <- permutation_test(y ~ arm, data, "difference", allocation = sealed, seed = 1)
  expect_lt(replayed$p.low, exact$p.value)
  expect_gt(replayed$p.high, exact$p.value)
  expect_equal(sort(unique(round(attr(replayed, "distribution"), 9))),
    sort(unique(round(attr(exact, "distribution"), 9)))
  )

  sealed <- allocate(7, c("a", "b"), method = "complete", ratio = c(3, 4), seed = 6)
  rows <- rep(1:7, c(2, 3, 1, 2, 4, 2, 1))
  data <- data.frame(
    y = (seq_along(rows) * 5) %% 11, arm = as.data.frame(sealed)$arm[rows], group = letters[rows]
  )
  exact <- permutation_test(y ~ arm, data, "difference", cluster = ~group)
  expect_equal(exact$replicates, 35)
  replayed <- permutation_test(y ~ arm, data, "difference",
    cluster = ~group, allocation = sealed, seed = 1
  )
  expect_lt(replayed$p.low, exact$p.value)
  expect_gt(replayed$p.high, exact$p.value)
  expect_output(print(replayed), "List of 7 clusters made anew")
  # As many values as clusters, but one cluster has none and another two.
  data$y[c(2, 4, 5, 8, 10, 11, 12, 15)] <- NA
  gaps <- permutation_test(y ~ arm, data, "difference",
    cluster = ~group, allocation = sealed, seed = 1
  )
  expect_identical(attr(gaps, "n_used"), 7L)
  means <- tapply(data$y, data$arm, mean, na.rm = TRUE)
  expect_equal(gaps$statistic, means[["b"]] - means[["a"]])
})

test_that("a function allocates", {
  got <- permutation_test(y ~ arm, ten, "difference",
    allocation = function() sample(ten$arm), replicates = 2000, seed = 5
  )
  exact <- permutation_test(y ~ arm, ten, "difference")
  expect_lt(got$p.low, exact$p.value)
  expect_gt(got$p.high, exact$p.value)
  set.seed(1)
  before <- .Random.seed
  again <- permutation_test(y ~ arm, ten, "difference",
    allocation = function() sample(ten$arm), replicates = 2000, seed = 5
  )
  expect_identical(.Random.seed, before)
  expect_identical(got, again)
  expect_error(
    permutation_test(y ~ arm, ten, allocation = function() rep("c", 10)),
    "must return an arm", class = "questrial_error_argument"
  )
})

test_that("covariates leave their residuals", {
  data <- transform(ten, x = c(1, 2, 3, 1, 2, 5, 1, 4, 3, 4))
  residuals <- residuals(lm(y ~ x, data))
  got <- permutation_test(y ~ arm, data, "difference", covariates = ~x)
  expect_equal(
    sort(attr(got, "distribution")), sort(as.vector(all_differences(residuals, 5))),
    tolerance = 1e-10
  )
  data$x[2] <- NA
  fewer <- permutation_test(y ~ arm, data, "difference", covariates = ~x)
  expect_identical(c(attr(fewer, "n_used"), attr(fewer, "n_left_out")), c(9L, 1L))
})

test_that("the seed decides, threads and pieces do not", {
  test <- function(...) permutation_test(weight ~ group, PlantGrowth, replicates = 3000, ...)
  one <- test(seed = 7, threads = 1)
  expect_identical(one, test(seed = 7, threads = 2))
  expect_false(identical(one$extreme, test(seed = 8)$extreme) &&
    identical(attr(one, "distribution"), attr(test(seed = 8), "distribution")))
  set.seed(3)
  first <- test()
  set.seed(3)
  expect_identical(first, test())
  pieces <- questrial:::in_pieces(10, 3, "Counting", function(first, n) first + seq_len(n))
  expect_identical(pieces, as.numeric(1:10))
})

test_that("what cannot be done is said", {
  expect_error(permutation_test(y ~ arm, ten, "t"), "`statistic` must be one of")
  expect_error(permutation_test(weight ~ group, PlantGrowth, "difference"), "needs two arms")
  expect_error(permutation_test(y ~ arm, ten, alternative = "less"), "has no sign")
  expect_error(permutation_test(y ~ arm, ten, "welch.t", cluster = ~y), "independent")
  expect_error(permutation_test(y ~ arm, ten, cluster = rep(1:2, 5)), "same|another arm")
  expect_error(permutation_test(y ~ arm, ten, strata = ~site), "site")
  expect_error(permutation_test(y ~ arm, ten, strata = 1:3), "10 labels")
  expect_error(permutation_test(y ~ arm, ten, covariates = y ~ arm), "without left side")
  expect_error(permutation_test(y ~ arm, ten, allocation = 3), "made by allocate()", fixed = TRUE)
  expect_error(permutation_test(weight ~ group, PlantGrowth, exact = TRUE), "shuffles")
  expect_error(permutation_test(y ~ arm, transform(ten, y = 1)), "does not vary")
  expect_error(permutation_test(y ~ arm, transform(ten, y = y / (y != 9))), "row 6")
  expect_error(
    permutation_test(y ~ arm, ten, function(y, arm) arm, replicates = 3), "single number"
  )
  sealed <- allocate(6, c("a", "b"), seed = 1)
  expect_error(permutation_test(y ~ arm, ten, allocation = sealed), "has 6 places")
  expect_error(permutation_test(y ~ arm, ten, allocation = sealed, exact = TRUE), "another scheme")
})

test_that("it prints, tidies and plots", {
  got <- permutation_test(y ~ arm, ten, "difference")
  text <- capture.output(print(got))
  expect_match(text[[1]], "Exact randomisation test of the difference in means")
  expect_true(all(nchar(text) <= 80))
  expect_match(paste(text, collapse = " "), "252 allocations are as extreme")
  skip_if_not_installed("generics")
  expect_identical(generics::tidy(got)$p.value, got$p.value)
  expect_identical(generics::glance(got)$nobs, 10L)
  file <- tempfile(fileext = ".pdf")
  grDevices::pdf(file)
  expect_identical(plot(got), got)
  grDevices::dev.off()
  expect_gt(file.size(file), 1000)
})
