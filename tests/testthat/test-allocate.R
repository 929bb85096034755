# ---- A slow generator and shuffle, after the recipe in qst.h, in doubles ----

# Product of two 32-bit numbers as c(high, low), without losing a bit.
multiply <- function(a, b) {
  low <- (b %% 2^16) * a
  high <- (b %/% 2^16) * a + low %/% 2^16
  c(high %/% 2^16, (high %% 2^16) * 2^16 + low %% 2^16)
}
xor <- function(a, b) {
  parts <- function(x) as.integer(c(x %/% 2^16, x %% 2^16))
  sum(bitwXor(parts(a), parts(b)) * c(2^16, 1))
}
philox <- function(counter, key) {
  for (round in 1:10) {
    p0 <- multiply(3528531795, counter[1])
    p1 <- multiply(3449720151, counter[3])
    counter <- c(
      xor(xor(p1[1], counter[2]), key[1]), p1[2], xor(xor(p0[1], counter[4]), key[2]), p0[2]
    )
    key <- (key + c(2654435769, 3144134277)) %% 2^32
  }
  counter
}
stream <- function(seed, list, stratum, block) {
  state <- list2env(list(count = 0, left = numeric()))
  word <- function() {
    left <- state$left
    if (length(left) == 0) {
      counter <- c(state$count, block, stratum, 12 * 2^24 + list)
      left <- philox(counter, c(seed %% 2^32, seed %/% 2^32))
      assign("count", state$count + 1, envir = state)
    }
    assign("left", left[-1], envir = state)
    left[1]
  }
  function(n) {
    repeat {
      product <- multiply(word(), n)
      if (product[2] >= 2^32 %% n) {
        return(product[1])
      }
    }
  }
}
slow_shuffle <- function(below, x, wanted = length(x)) {
  for (i in seq_len(min(wanted, length(x) - 1))) {
    j <- i + below(length(x) - i + 1)
    x[c(i, j)] <- x[c(j, i)]
  }
  x[seq_len(wanted)]
}
slow_allocate <- function(n, ratio, sizes, seed, list = 0, stratum = 0) {
  set <- rep(seq_along(ratio), ratio)
  arm <- numeric()
  block <- numeric()
  while (length(arm) < n) {
    below <- stream(seed, list, stratum, length(unique(block)))
    m <- min(sizes[below(length(sizes)) + 1], n - length(arm))
    rest <- m %% length(set)
    places <- rep(set, m %/% length(set))
    if (rest > 0) {
      places <- c(places, slow_shuffle(below, set, rest))
    }
    arm <- c(arm, slow_shuffle(below, places))
    block <- c(block, rep(length(unique(block)) + 1, m))
  }
  data.frame(arm = arm, block = block)
}

test_that("the slow generator is Philox: known answers of Random123", {
  expect_identical(
    philox(c(0, 0, 0, 0), c(0, 0)), c(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8)
  )
  expect_identical(
    philox(c(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344), c(0xa4093822, 0x299f31d0)),
    c(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1)
  )
})

arms <- c("control", "balint", "narrative")

test_that("the list is that of the recipe, whoever computes it", {
  seed <- 2^52 + 20200901
  got <- as.data.frame(allocate(100, arms, c(2, 1, 3), c(6, 12), seed = seed))
  want <- slow_allocate(100, c(2, 1, 3), c(6, 12), seed)
  expect_identical(as.numeric(got$arm), want$arm)
  expect_equal(got$block, want$block)

  got <- as.data.frame(allocate(40, arms, seed = 5, method = "simple"))
  expect_identical(as.numeric(got$arm), slow_allocate(40, c(1, 1, 1), 1, 5)$arm)
  got <- as.data.frame(allocate(40, arms, seed = 5, method = "complete"))
  expect_identical(as.numeric(got$arm), slow_allocate(40, c(1, 1, 1), 40, 5)$arm)
  got <- as.data.frame(allocate(9, arms, seed = 5, strata = c("a", "b")))
  expect_identical(
    as.numeric(got$arm[got$stratum == "b"]),
    slow_allocate(9, c(1, 1, 1), c(6, 9, 12), 5, stratum = 1)$arm
  )
})

test_that("groups are filled by the recipe too", {
  got <- as.data.frame(allocate(
    393, arms, seed = 8, method = "complete", groups = list(balint = 11:13, narrative = 9:10)
  ))
  balint <- got$group[got$arm == "balint"]
  sizes <- rep(c(12, 11), c(10, 1))
  expect_equal(balint, slow_allocate(131, sizes, 131, 8, list = 2)$arm)
  expect_equal(range(table(got$group[got$arm == "narrative"])), 9:10)
  expect_true(all(is.na(got$group[got$arm == "control"])))
})

test_that("blocks are balanced, the ratio holds, strata are separate lists", {
  sealed <- allocate(
    c(61, 40, 25, 33), c("a", "b"), ratio = c(b = 2, a = 1), seed = 3,
    strata = list(site = c("Lille", "Paris"), sex = c("f", "m"))
  )
  list <- as.data.frame(sealed)
  expect_identical(unique(list$stratum), c("Lille:f", "Lille:m", "Paris:f", "Paris:m"))
  expect_identical(as.vector(table(list$stratum)), c(61L, 40L, 25L, 33L))
  for (stratum in split(list, list$stratum)) {
    expect_identical(stratum$sequence, seq_len(nrow(stratum)))
    counts <- table(stratum$block, stratum$arm)
    whole <- counts[-nrow(counts), , drop = FALSE]
    expect_true(all(whole[, "b"] == 2 * whole[, "a"]))
    expect_true(all(rowSums(whole) %in% c(6, 9, 12)))
    expect_lte(abs(sum(counts[, "b"]) - 2 * sum(counts[, "a"])), 2)
  }
})

test_that("each order of a block comes equally often", {
  list <- as.data.frame(allocate(4 * 6000, c("a", "b"), block = 4, seed = 1))
  orders <- tapply(as.character(list$arm), list$block, paste, collapse = "")
  expect_length(unique(orders), 6)
  expect_gt(stats::chisq.test(table(orders))$p.value, 0.001)
})

test_that("set.seed() governs when there is no seed, and RNGkind() does not matter with one", {
  set.seed(4)
  first <- allocate(60, arms)
  set.seed(4)
  expect_identical(allocate(60, arms), first)
  expect_false(identical(attr(allocate(60, arms), "hash"), attr(first, "hash")))
  old <- RNGkind("Wichmann-Hill", "Box-Muller", "Rounding") |> suppressWarnings()
  on.exit(suppressWarnings(do.call(RNGkind, as.list(old))))
  expect_identical(allocate(60, arms, seed = attr(first, "seed")), first)
})

test_that("the hash is that of the text, by another program", {
  skip_if_not_installed("digest")
  sealed <- allocate(30, c("témoin", "balint"), seed = 11, strata = c("é", "è"))
  file <- tempfile()
  on.exit(unlink(file))
  con <- file(file, "wb", encoding = "UTF-8")
  writeLines(as.character(sealed), con, useBytes = TRUE)
  close(con)
  expect_identical(digest::digest(file, "sha256", file = TRUE), attr(sealed, "hash"))
  expect_identical(sum(as.character(sealed) == ""), 1L)
})

test_that("verifying finds a changed list, another hash and another seed", {
  sealed <- allocate(30, c("a", "b"), seed = 11)
  hash <- attr(sealed, "hash")
  expect_identical(verify_allocation(sealed, toupper(hash)), c(hash = TRUE, seed = TRUE))
  changed <- sealed
  changed$arm[1:2] <- rev(changed$arm[1:2])
  changed$arm[3] <- setdiff(c("a", "b"), as.character(changed$arm[3]))
  expect_identical(verify_allocation(changed, hash), c(hash = FALSE, seed = FALSE))
  other <- allocate(30, c("a", "b"), seed = 12)
  expect_identical(verify_allocation(other, hash), c(hash = FALSE, seed = TRUE))
  forged <- sealed
  attr(forged, "seed") <- 12
  expect_identical(verify_allocation(forged, hash), c(hash = FALSE, seed = FALSE))
  expect_error(verify_allocation(as.data.frame(sealed), hash), "opened",
    class = "questrial_error_argument")
  expect_error(verify_allocation(sealed, "abc"), "64 hex", class = "questrial_error_argument")
})

test_that("printing keeps the seal", {
  sealed <- allocate(12, c("control", "treated"), seed = 918273)
  text <- paste(capture.output(print(sealed)), collapse = "\n")
  expect_match(text, attr(sealed, "hash"), fixed = TRUE)
  expect_match(text, "Permuted blocks of 4, 6 or 8, ratio 1:1", fixed = TRUE)
  expect_false(grepl("918273", text, fixed = TRUE))
  expect_identical(class(sealed[1:3, ]), "data.frame")
  expect_identical(nrow(sealed[1:3, ]), 3L)
  expect_identical(sealed[, "arm"], sealed$arm)
  expect_lte(max(nchar(strsplit(text, "\n")[[1]])), 80)
})

test_that("what cannot be meant is refused", {
  refuse <- function(call, text) {
    expect_error(call, text, class = "questrial_error_argument")
  }
  refuse(allocate(0, arms), "`n`")
  refuse(allocate(10.5, arms), "`n`")
  refuse(allocate(c(10, 20), arms), "`n`")
  refuse(allocate(10, "a"), "`arms`")
  refuse(allocate(10, 2), "`arms`")
  refuse(allocate(10, c("a", "a")), "`arms`")
  refuse(allocate(10, c("a", "b\tc")), "`arms`")
  refuse(allocate(10, arms, ratio = 1:2), "`ratio`")
  refuse(allocate(10, arms, ratio = c(control = 1, balint = 1, other = 2)), "`ratio` is named")
  refuse(allocate(10, arms, block = c(3, 4)), "`block`: 4 is no multiple of 3")
  refuse(allocate(10, arms, block = 3, method = "simple"), "no meaning with method")
  refuse(allocate(10, arms, method = "urn"), "`method`")
  refuse(allocate(10, arms, strata = c("a", "a")), "`strata`")
  refuse(allocate(10, arms, sed = 3), "`sed`")
  refuse(allocate(10, arms, groups = list(other = 3)), "`groups`")
  refuse(allocate(30, arms, groups = list(balint = 7:8)), "10 places of arm `balint`")
})
