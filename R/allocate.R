#' Random allocation, sealed
#'
#' Makes the list by which participants are allocated to arms, and a hash of it.
#' The hash can be published or registered before the first participant; the
#' list is shown at the end, and anyone can then verify that it is the one
#' promised (see [verify_allocation()]).
#'
#' @section Methods:
#' - `"block"`: permuted blocks. The size of each block is drawn from `block`
#'   with equal probability; in each block the ratio holds exactly. The last
#'   block is cut where the list ends, and is as balanced as its size lets it be.
#' - `"complete"`: the ratio holds over the whole list (of each stratum), in
#'   random order.
#' - `"simple"`: each place is drawn for itself; arms differ in size by chance.
#'
#' Strata are lists of their own. Random numbers come from Philox 4x32-10
#' (Salmon et al. 2011), addressed by stratum and block, and are ordered after
#' Fisher and Yates: the same seed gives the same list on every machine, for any
#' number of threads and under any `RNGkind()`.
#'
#' `groups` divides an arm further into the groups in which it will be treated
#' (Balint groups of 12 or 13, say): as few groups as the largest size allows,
#' as equal as possible, filled at random within each stratum.
#'
#' @section Sealed:
#' `print()` shows the hash, the method and how many places each arm has, not
#' who goes where, and not the seed. `as.data.frame()` opens the list.
#' `as.character()` gives the text whose SHA-256 is the hash: settings and seed,
#' an empty line, the list, columns separated by tabs, each line ended by one
#' line feed. `writeLines(as.character(x), con)` to a binary connection makes a
#' file that `sha256sum` agrees with. The seed is part of the text, so that even
#' a short list cannot be found by trying all lists against the hash; choose it
#' secret, or leave it to chance after `set.seed()` with a secret number or none.
#'
#' @param n Number of places; with strata the number in each stratum, one for
#'   all or one for each.
#' @param arms Names of the arms, at least two.
#' @param ratio Whole numbers, one for each arm (in their order or by name):
#'   `c(2, 1)` for two to one. Equal if `NULL`.
#' @param block Sizes of blocks, multiples of the ratio's sum. `NULL`: two, three
#'   and four times that sum.
#' @param strata `NULL`, names of strata, or a named list of factors' levels,
#'   which are crossed (`list(site = c("A", "B"), sex = c("f", "m"))`).
#' @param seed A whole number from 0 to 2^53; `NULL` takes it from R's generator.
#' @param ... Must be empty.
#' @param method See the section *Methods*.
#' @param groups `NULL` or a named list: for an arm the smallest and the largest
#'   size of its groups, as `list(balint = 12:13)`.
#' @return A data frame of class `allocation`: `sequence` (1, 2, ... in each
#'   stratum), `stratum`, `block` (NA with simple randomisation), `arm` (factor),
#'   with `groups` also `group` (numbered over strata, NA in other arms).
#'   Attributes `settings`, `seed` and `hash`. Taking rows or columns of it gives
#'   a plain data frame.
#' @section Errors:
#' `questrial_error_argument` for a block that is no multiple of the ratio's sum,
#' blocks with another method (which would be ignored), an arm whose size cannot
#' be made of groups of the sizes wanted, and unusable names.
#' @references
#' Fisher RA, Yates F (1938). *Statistical tables*. Durstenfeld R (1964),
#' Algorithm 235. Salmon JK et al. (2011), \doi{10.1145/2063384.2063405}. NIST
#' (2015), FIPS 180-4. CONSORT 2025, items 17 and 18.
#' @seealso The packages blockrand and randomizr make lists of the
#'   same kinds from R's generator, without seal.
#' @examples
#' sealed <- allocate(393, c("control", "balint", "narrative"), seed = 20200901)
#' sealed
#' verify_allocation(sealed, attr(sealed, "hash"))
#' head(as.data.frame(sealed))
#'
#' # Two to one, by site, and groups of 8 to 10 in the treated arm.
#' allocate(60, c("treated", "control"), ratio = c(2, 1),
#'   strata = list(site = c("Lille", "Paris")), groups = list(treated = 8:10), seed = 1)
#' @export
allocate <- function(n, arms, ratio = NULL, block = NULL, strata = NULL, seed = NULL, ...,
                     method = c("block", "complete", "simple"), groups = NULL) {
  check_no_dots(...)
  method <- check_choice(method, c("block", "complete", "simple"), "method")
  arms <- check_arm_names(arms, "arms", least = 2)
  ratio <- check_ratio(ratio, arms)
  strata <- stratum_names(strata)
  settings <- list(
    method = method, arms = arms, ratio = ratio,
    block = check_block(block, sum(ratio), method),
    strata = strata, n = check_places(n, strata), groups = check_groups(groups, arms)
  )
  seed <- draw_seed(seed)
  places <- make_allocation(settings, seed)
  structure(
    places,
    class = c("allocation", "data.frame"),
    settings = settings, seed = seed, hash = text_hash(sealed_text(places, settings, seed))
  )
}

# ---- Arguments ----

# Names that may stand in a line of text: unique, not empty, without tab or line end.
check_arm_names <- function(x, arg, least = 1) {
  usable <- is.character(x) && !anyNA(x) && all(nzchar(x)) && !any(grepl("[\t\r\n]", x))
  if (!usable || length(x) < least || anyDuplicated(x)) {
    qst_abort("argument", sprintf(
      "`%s` must be at least %d different names without tabs or line ends, not %s.",
      arg, least, describe(x)
    ), value = x)
  }
  enc2utf8(x)
}

check_counts <- function(x, arg, lengths) {
  usable <- is.numeric(x) && length(x) %in% lengths && all(is.finite(x))
  if (!usable || any(x < 1 | x > .Machine$integer.max | x != round(x))) {
    qst_abort("argument", sprintf(
      "`%s` must be %s whole numbers of at least 1, not %s.", arg,
      paste(unique(range(lengths)), collapse = " to "), describe(x)
    ), value = x)
  }
  as.integer(x)
}

check_ratio <- function(ratio, arms) {
  if (is.null(ratio)) {
    return(rep(1L, length(arms)))
  }
  if (!is.null(names(ratio))) {
    if (!setequal(names(ratio), arms)) {
      qst_abort("argument", sprintf(
        "`ratio` is named %s, but the arms are %s. Use the arms' names or none.",
        enumerate(names(ratio)), enumerate(arms)
      ))
    }
    ratio <- ratio[arms]
  }
  check_counts(ratio, "ratio", length(arms))
}

check_block <- function(block, sum_of_ratio, method) {
  if (method != "block") {
    if (!is.null(block)) {
      qst_abort("argument", sprintf(
        "`block` has no meaning with method = \"%s\". Leave it out or use method = \"block\".",
        method
      ))
    }
    return(NULL)
  }
  if (is.null(block)) {
    return(sum_of_ratio * 2:4)
  }
  block <- sort(unique(check_counts(block, "block", seq_len(1000))))
  wrong <- block[block %% sum_of_ratio != 0]
  if (length(wrong) > 0) {
    qst_abort("argument", sprintf(
      "`block`: %d is no multiple of %d, the sum of the ratio. Use %s, say.",
      wrong[[1]], sum_of_ratio, paste(sum_of_ratio * 2:3, collapse = " and ")
    ), value = wrong[[1]])
  }
  block
}

stratum_names <- function(strata) {
  if (is.null(strata)) {
    return("all")
  }
  if (is.list(strata)) {
    crossed <- expand.grid(rev(unclass(strata)), stringsAsFactors = FALSE)
    strata <- do.call(paste, c(unname(rev(crossed)), sep = ":"))
  }
  check_arm_names(as.character(strata), "strata")
}

check_places <- function(n, strata) {
  n <- check_counts(n, "n", c(1, length(strata)))
  stats::setNames(rep(n, length.out = length(strata)), strata)
}

check_groups <- function(groups, arms) {
  if (is.null(groups)) {
    return(NULL)
  }
  if (!is.list(groups) || is.null(names(groups)) || !all(names(groups) %in% arms)) {
    qst_abort("argument", sprintf(
      "`groups` must be a list named by arms (%s), as list(%s = 12:13).",
      enumerate(arms), arms[[length(arms)]]
    ))
  }
  lapply(groups, function(sizes) range(check_counts(sizes, "groups", seq_len(1000))))
}

# ---- The list ----

make_allocation <- function(settings, seed) {
  parts <- lapply(seq_along(settings$strata), function(stratum) {
    allocate_stratum(settings, seed, stratum)
  })
  places <- do.call(rbind, parts)
  if (!is.null(settings$groups)) {
    places$group <- number_groups(places)
  }
  places
}

allocate_stratum <- function(settings, seed, stratum) {
  n <- settings$n[[stratum]]
  sizes <- switch(settings$method, block = settings$block, complete = n, simple = 1L)
  drawn <- draw_list(n, settings$ratio, sizes, seed, 0, stratum)
  places <- data.frame(
    sequence = seq_len(n),
    stratum = settings$strata[[stratum]],
    block = if (settings$method == "simple") NA_integer_ else drawn$block,
    arm = factor(settings$arms[drawn$arm], levels = settings$arms)
  )
  for (arm in names(settings$groups)) {
    sizes <- group_sizes(sum(places$arm == arm), settings$groups[[arm]], arm)
    # Who goes into which group is a complete allocation of the arm's places to
    # the groups, in the ratio of their sizes; list 0 made the arms.
    drawn <- draw_list(sum(sizes), sizes, sum(sizes), seed, match(arm, settings$arms), stratum)
    places$group[places$arm == arm] <- drawn$arm
  }
  places
}

draw_list <- function(n, ratio, sizes, seed, list, stratum) {
  .Call(C_qstr_allocate_list, n, ratio, as.integer(sizes), seed, list, stratum - 1)
}

# As few groups as the largest size allows, as equal as possible.
group_sizes <- function(n, limits, arm) {
  n_groups <- ceiling(n / limits[[2]])
  if (n == 0 || n_groups * limits[[1]] > n) {
    qst_abort("argument", sprintf(
      paste(
        "`groups`: the %d places of arm `%s` cannot be divided into groups of %d to %d.",
        "Allow other sizes, or change `n`."
      ),
      n, arm, limits[[1]], limits[[2]]
    ), value = n)
  }
  as.integer(n %/% n_groups + (seq_len(n_groups) <= n %% n_groups))
}

# Groups were numbered in each stratum; here an arm's groups get one numbering.
number_groups <- function(places) {
  stratum <- match(places$stratum, unique(places$stratum))
  code <- stratum * (nrow(places) + 1) + places$group
  as.integer(stats::ave(code, places$arm, FUN = function(x) match(x, sort(unique(x)))))
}

# ---- The seal ----

# What is hashed; see the help page. The lines are joined in UTF-8.
sealed_text <- function(places, settings, seed) {
  paste0(sealed_lines(places, settings, seed), "\n", collapse = "")
}

sealed_lines <- function(places, settings, seed) {
  groups <- vapply(settings$groups, paste, "", collapse = " to ")
  fields <- list(
    `questrial allocation` = "1",
    seed = sprintf("%.0f", seed),
    method = settings$method,
    arms = settings$arms,
    ratio = settings$ratio,
    block = settings$block,
    strata = settings$strata,
    n = settings$n,
    groups = if (length(groups) > 0) paste(names(groups), groups)
  )
  head <- Map(function(name, values) paste(c(name, values), collapse = "\t"), names(fields), fields)
  columns <- lapply(places, function(x) ifelse(is.na(x), "", as.character(x)))
  rows <- do.call(paste, c(unname(columns), sep = "\t"))
  enc2utf8(c(unlist(head, use.names = FALSE), "", paste(names(places), collapse = "\t"), rows))
}

#' Verify a sealed allocation list
#'
#' Says whether a list is the one whose hash was given before, and whether its
#' own seed and settings make it again.
#'
#' @param allocation What [allocate()] made.
#' @param hash The hash that was published or registered: 64 hexadecimal digits.
#' @return Two logical values: `hash` (the SHA-256 of the list as it is now is
#'   `hash`) and `seed` (the seed and the settings give exactly this list).
#'   `stopifnot(verify_allocation(x, hash))` stops unless both hold.
#' @section Errors:
#' `questrial_error_argument` if `allocation` was not made by [allocate()] or was
#' opened by `as.data.frame()`, or if `hash` is no SHA-256.
#' @examples
#' sealed <- allocate(24, c("control", "treated"), seed = 7)
#' published <- attr(sealed, "hash")
#' verify_allocation(sealed, published)
#' sealed$arm[1:2] <- "treated"
#' verify_allocation(sealed, published)
#' @export
verify_allocation <- function(allocation, hash) {
  check_allocation(allocation)
  hash <- tolower(check_string(hash, "hash"))
  if (!grepl("^[0-9a-f]{64}$", hash)) {
    qst_abort("argument", sprintf(
      "`hash` must be 64 hexadecimal digits, not %s. Give the whole SHA-256.", describe(hash)
    ))
  }
  settings <- attr(allocation, "settings")
  seed <- attr(allocation, "seed")
  places <- as.data.frame(allocation)
  again <- make_allocation(settings, seed)
  c(
    hash = text_hash(sealed_text(places, settings, seed)) == hash,
    seed = identical(sealed_text(places, settings, seed), sealed_text(again, settings, seed))
  )
}

check_allocation <- function(x) {
  check_given(x, "allocation")
  if (!inherits(x, "allocation") || is.null(attr(x, "settings"))) {
    qst_abort("argument", sprintf(
      "`allocation` must be made by allocate() and not yet opened, not %s.", describe(x)
    ))
  }
}

#' @export
as.character.allocation <- function(x, ...) {
  sealed_lines(as.data.frame(x), attr(x, "settings"), attr(x, "seed"))
}

#' @export
as.data.frame.allocation <- function(x, row.names = NULL, optional = FALSE, ...) {
  attributes(x)[c("settings", "seed", "hash")] <- NULL
  class(x) <- "data.frame"
  x
}

#' @export
`[.allocation` <- function(x, ...) {
  as.data.frame(x)[...]
}

#' @export
print.allocation <- function(x, ...) {
  places <- as.data.frame(x)
  counts <- table(factor(places$stratum, unique(places$stratum)), places$arm)
  cat(sprintf("Sealed allocation of %d places\n%s\n\n", nrow(places), describe_method(x)))
  rows <- if (nrow(counts) == 1) "places" else rownames(counts)
  print(matrix(counts, nrow(counts), dimnames = list(rows, colnames(counts))))
  cat(sprintf("\nSHA-256 %s\nOpen with as.data.frame().\n", attr(x, "hash")))
  invisible(x)
}

describe_method <- function(x) {
  settings <- attr(x, "settings")
  how <- switch(settings$method,
    block = sprintf("Permuted blocks of %s", join_words(settings$block, " or ")),
    complete = "Complete randomisation",
    simple = "Simple randomisation"
  )
  groups <- vapply(names(settings$groups), function(arm) {
    sprintf("; groups of %s in %s", paste(settings$groups[[arm]], collapse = " to "), arm)
  }, "")
  sprintf(
    "%s, ratio %s%s%s", how, paste(settings$ratio, collapse = ":"),
    if (length(settings$strata) > 1) sprintf(", %d strata", length(settings$strata)) else "",
    paste(groups, collapse = "")
  )
}
