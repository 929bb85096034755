# Seeds: the core's random numbers start from a whole number from 0 to 2^53.

# The seed a function uses for its argument `seed`. NULL takes it from R's
# generator, so that set.seed() governs; a number leaves that generator alone.
# Two draws, because a uniform number of R's default generator has 32 bits only.
draw_seed <- function(seed) {
  if (!is.null(seed)) {
    return(as.double(check_number(seed, "seed", min = 0, max = 2^53, whole = TRUE)))
  }
  parts <- floor(stats::runif(2) * c(2^26, 2^27))
  parts[[1]] * 2^27 + parts[[2]]
}
