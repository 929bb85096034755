# Families: what the core fits, by R's family objects.

# A family as an object, from an object, a function or a name.
check_family <- function(family) {
  if (is.character(family) && length(family) == 1) {
    family <- family_by_name(family)
  }
  if (is.function(family)) {
    family <- family()
  }
  if (!inherits(family, "family")) {
    qst_abort("argument", sprintf(
      "`family` must be a family such as gaussian(), not %s.", describe(family)
    ))
  }
  core <- core_family(family)
  if (is.na(core$name) || !core$link %in% core_links) {
    qst_abort("argument", sprintf(
      "`family`: %s(link = \"%s\") is not fitted. Use glm() for this model.",
      family$family, family$link
    ), value = family$family)
  }
  family
}

family_by_name <- function(name) {
  known <- c(
    "gaussian", "binomial", "poisson", "Gamma", "inverse.gaussian", "quasi", "quasibinomial",
    "quasipoisson", "negative_binomial"
  )
  if (!name %in% known) {
    qst_abort("argument", sprintf(
      "`family`: there is no family \"%s\". Families are %s.", name, enumerate(known, most = 9)
    ), value = name)
  }
  if (name == "negative_binomial") negative_binomial else getExportedValue("stats", name)
}

core_links <- c(
  "identity", "log", "inverse", "sqrt", "1/mu^2", "logit", "probit", "cloglog", "cauchit"
)

core_names <- c(
  "gaussian", "binomial", "poisson", "Gamma", "inverse.gaussian", "negative_binomial"
)

# Name, link and theta as the core knows them; the name is NA for what it cannot
# fit. Quasi families are the family with their variance.
core_family <- function(family) {
  name <- family$family
  theta <- family$theta
  if (name == "quasi") {
    by_variance <- c(
      constant = "gaussian", `mu(1-mu)` = "binomial", mu = "poisson", `mu^2` = "Gamma",
      `mu^3` = "inverse.gaussian"
    )
    name <- unname(by_variance[family$varfun])
  } else if (startsWith(name, "Negative Binomial(")) {
    # Made by negative.binomial() of MASS.
    name <- "negative_binomial"
    theta <- get(".Theta", environment(family$variance))
  }
  if (isTRUE(startsWith(name, "quasi"))) {
    name <- substring(name, 6)
  }
  list(name = core_names[match(name, core_names)], link = family$link, theta = theta)
}

estimates_theta <- function(family) {
  core <- core_family(family)
  core$name == "negative_binomial" && is.null(core$theta)
}

# Where the core stops when theta grows without end.
theta_end <- 1e7

#' Negative binomial family
#'
#' Counts with variance \eqn{\mu + \mu^2 / \theta}{mu + mu^2 / theta}, for
#' [fit_glm()].
#'
#' With `theta = NULL` it is estimated together with the coefficients by maximum
#' likelihood, as `MASS::glm.nb()` does; the fit's `theta` is the estimate and
#' counts as a parameter in [logLik()]. With a number it is held fixed, as with
#' `MASS::negative.binomial()`. As \eqn{\theta}{theta} grows the family becomes
#' [stats::poisson()].
#'
#' @param theta The shape, above 0, or `NULL` to estimate it.
#' @param link `"log"`, `"sqrt"` or `"identity"`.
#' @return An object of class `family`, with `theta`.
#' @examples
#' fit <- fit_glm(breaks ~ wool + tension, warpbreaks, family = negative_binomial())
#' fit$theta
#' @export
negative_binomial <- function(theta = NULL, link = c("log", "sqrt", "identity")) {
  link <- check_choice(link, c("log", "sqrt", "identity"), "link")
  if (!is.null(theta)) {
    check_number(theta, "theta", min = .Machine$double.xmin, max = .Machine$double.xmax)
  }
  shape <- function() {
    if (is.null(theta)) {
      qst_abort("argument", "This family has no theta yet. Use that of a fit, family(fit).")
    }
    theta
  }
  structure(
    c(
      list(family = "negative_binomial", link = link, theta = theta),
      unclass(stats::make.link(link))[c("linkfun", "linkinv", "mu.eta", "valideta")],
      list(
        variance = function(mu) mu + mu^2 / shape(),
        dev.resids = function(y, mu, wt) {
          theta <- shape()
          2 * wt * (y * log(pmax(1, y) / mu) - (y + theta) * log((y + theta) / (mu + theta)))
        },
        aic = function(y, n, mu, wt, dev) {
          -2 * sum(wt * stats::dnbinom(y, size = shape(), mu = mu, log = TRUE))
        },
        validmu = function(mu) all(mu > 0),
        initialize = expression({
          n <- rep(1, nobs)
          mustart <- y + (y == 0) / 6
        })
      )
    ),
    class = "family"
  )
}
