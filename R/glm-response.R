# The response of each family.

# `y` (doubles) and prior weights (NULL: ones), as family$initialize of stats
# makes them: successes of a binomial response become a share and its trials.
read_response <- function(frame, family, weights) {
  response <- .subset2(frame, 1)
  name <- names(frame)[[1]]
  kind <- core_family(family)$name
  if (kind == "binomial") {
    binomial_response(response, name, weights, frame, quasi = family$family != "binomial")
  } else {
    y <- numeric_response(response, name, family)
    check_response_range(y, kind, name, frame)
    list(y = y, weights = weights)
  }
}

numeric_response <- function(response, name, family) {
  if (is.factor(response) || is.character(response)) {
    qst_abort("argument", sprintf(
      "The response `%s` is text or a factor. A %s model needs numbers%s.", name, family$family,
      if (length(unique(response)) == 2) "; for two levels use family = binomial()" else ""
    ), column = name)
  }
  if (NCOL(response) > 1) {
    qst_abort("argument", sprintf(
      "The response `%s` has %d columns. Fit them one at a time.", name, ncol(response)
    ), column = name)
  }
  as.double(response)
}

# Where the variance is not positive, the mean cannot be.
check_response_range <- function(y, kind, name, frame) {
  if (kind %in% c("poisson", "negative_binomial") && min(y) < 0) {
    response_abort(y < 0, y, name, frame, "counts are not below 0")
  } else if (kind %in% c("Gamma", "inverse.gaussian") && min(y) <= 0) {
    response_abort(y <= 0, y, name, frame, sprintf("a %s response is above 0", kind))
  }
}

response_abort <- function(bad, y, name, frame, rule) {
  row <- which(bad)[[1]]
  qst_abort("argument", sprintf(
    "The response `%s` is %s in row %s; %s. Correct it or make it NA.", name, format(y[[row]]),
    row.names(frame)[[row]], rule
  ), row = row, column = name, value = y[[row]])
}

binomial_response <- function(response, name, weights, frame, quasi) {
  if (NCOL(response) == 2) {
    return(trials_response(response, name, weights, frame, quasi))
  }
  if (NCOL(response) > 2) {
    qst_abort("argument", sprintf(
      "The response `%s` has %d columns; two are needed: successes and failures.", name,
      ncol(response)
    ), column = name)
  }
  if (is.factor(response) || is.character(response)) {
    return(list(y = two_levels(response, name), weights = weights))
  }
  y <- as.double(response)
  if (min(y) < 0 || max(y) > 1) {
    response_abort(y < 0 | y > 1, y, name, frame, "a binomial response is from 0 to 1")
  }
  if (!quasi && (!is.null(weights) || !is_binary(y))) {
    warn_parts(if (is.null(weights)) y else weights * y, "successes")
  }
  list(y = y, weights = weights)
}

# Of numbers from 0 to 1, whether all are one of both, as far as warn_parts() minds.
is_binary <- function(y) {
  sum(y) - sum(y * y) < 5e-4
}

# The first level is failure, as in glm(); but more than two levels are an error.
two_levels <- function(response, name) {
  if (is.character(response)) {
    response <- factor(response)
  }
  if (nlevels(response) > 2) {
    qst_abort("argument", sprintf(
      paste(
        "The response `%s` has %d levels, %s. A binomial model needs two.",
        "Use a condition such as %s."
      ), name, nlevels(response), enumerate(levels(response)),
      sprintf("%s == \"%s\"", name, levels(response)[[nlevels(response)]])
    ), column = name, value = levels(response))
  }
  as.double(as.integer(response) != 1L)
}

trials_response <- function(response, name, weights, frame, quasi) {
  successes <- as.double(response[, 1])
  trials <- successes + as.double(response[, 2])
  smallest <- pmin(successes, trials - successes)
  if (min(smallest) < 0) {
    response_abort(
      smallest < 0, smallest, name, frame, "numbers of successes and failures are not below 0"
    )
  }
  if (!quasi) {
    warn_parts(response, "counts")
  }
  list(
    y = ifelse(trials == 0, 0, successes / trials),
    weights = if (is.null(weights)) trials else weights * trials
  )
}

warn_parts <- function(counts, what) {
  if (any(abs(counts - round(counts)) > 1e-3)) {
    qst_warn("counts", sprintf(
      "Numbers of %s are not whole in a binomial model. Is quasibinomial() meant?", what
    ))
  }
}
