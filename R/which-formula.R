#' Which formula gives a printed sample size?
#'
#' Computes the sample size by every formula in common use, with every rounding,
#' per arm and in total, with and without inflation for losses, and says which
#' give the number that was printed.
#'
#' @section Formulas:
#' With d = delta / sd and z the normal quantiles of the significance level and
#' of the power:
#' - the t test, exactly (as [sample_size()]), two-sided and one-sided;
#' - normal: 2 (z + z)^2 / d^2; the same plus z^2 / 4 (Guenther 1981); with z
#'   rounded to two decimals; with (z + z)^2 rounded to one decimal (Pocock 1983);
#' - Lehr's rule (1992): 16 / d^2 for 80% and 21 / d^2 for 90% power;
#' - the t test with d rounded to two decimals and to one, as read from tables
#'   (Cohen 1988);
#' - the Mann-Whitney test by its asymptotic efficiency, t test n times pi / 3;
#' - the t test for paired or single samples, as if taken for two;
#' - for two proportions: normal with pooled and with separate variances, each
#'   with and without continuity correction, arcsine, and Lehr's
#'   16 pbar (1 - pbar) / (p1 - p2)^2.
#'
#' @param n The printed number.
#' @param delta,sd,proportions,power,alpha What the paper says it was computed
#'   from; see [sample_size()]. `sd` is one number.
#' @param dropout Share of losses the paper allowed for; the number is then also
#'   divided by 1 - dropout and multiplied by 1 + dropout.
#' @return A data frame of class `which_formula`, one row for each formula, unit
#'   and inflation, those that give `n` first: `formula`, `unit` (per arm, total),
#'   `inflation`, `exact` (before rounding), `up` (rounded up), `rounding` (which of
#'   up, nearest and down gives `n`, NA if none), `gives` (logical). Totals are
#'   rounded in each arm, then added.
#' @section Errors:
#' `questrial_error_argument` as in [sample_size()].
#' @references
#' Guenther WC (1981), Am Stat 35, 243-244. Lehr R (1992), Stat Med 11, 1099-1102.
#' Pocock SJ (1983), *Clinical trials*, chapter 9. Noether GE (1987), J Am Stat
#' Assoc 82, 645-647.
#' @examples
#' # Lemogne et al. (2020) print 124 per group for 4.2, SD 11.7 and 80%. The exact
#' # number is 123; 124 is Lehr's rule.
#' which_formula(124, delta = 4.2, sd = 11.7)
#' @export
which_formula <- function(n, delta = NULL, sd = NULL, proportions = NULL, power = 0.8,
                          alpha = 0.05, dropout = 0) {
  check_number(n, "n", min = 1, whole = TRUE)
  check_share(power, "power")
  design <- sample_size(
    delta, sd,
    proportions = proportions, power = power, alpha = alpha, dropout = dropout
  )$design
  if (length(sd) > 1) {
    qst_abort("argument", "`sd` must be one number: these formulas know one SD only.")
  }
  formulas <- if (design$kind == "delta") {
    formulas_of_means(delta, sd, power, alpha)
  } else {
    formulas_of_proportions(proportions, power, alpha)
  }
  rows <- expand_formulas(formulas, design$dropout[[1]], n)
  structure(
    rows[order(match(rows$rounding, c("up", "nearest", "down")), rows$unit != "per arm"), ],
    row.names = seq_len(nrow(rows)), n = n, class = c("which_formula", "data.frame")
  )
}

# ---- n per arm, before rounding ----

z_values <- function(power, alpha, sides = 2) {
  stats::qnorm(c(alpha / sides, 1 - power), lower.tail = FALSE)
}

one_sample <- "t test, one sample"

formulas_of_means <- function(delta, sd, power, alpha) {
  d <- abs(delta / sd)
  z <- z_values(power, alpha)
  exact_t <- function(d, ...) {
    sample_size(d, 1, power = power, alpha = alpha, ...)$exact[[1]]
  }
  n_t <- exact_t(d)
  rounded <- round(d, 2:1)
  c(
    `t test, exact` = n_t,
    normal = 2 * sum(z)^2 / d^2,
    `normal + z^2 / 4` = 2 * sum(z)^2 / d^2 + z[[1]]^2 / 4,
    `normal, z to two decimals` = 2 * sum(round(z, 2))^2 / d^2,
    `normal, (z + z)^2 to one decimal` = 2 * round(sum(z)^2, 1) / d^2,
    lehr(power, alpha, 1 / d^2),
    stats::setNames(
      vapply(rounded[rounded > 0], exact_t, 0), sprintf("t test, d = %s", rounded[rounded > 0])
    ),
    `Mann-Whitney, t test * pi / 3` = n_t * pi / 3,
    `t test, one-sided` = exact_t(d, alternative = "one.sided"),
    `normal, one-sided` = 2 * sum(z_values(power, alpha, 1))^2 / d^2,
    stats::setNames(one_sample_t(d, power, alpha), one_sample)
  )
}

# The constants belong to 5% two-sided and to 80 and 90% power; van Belle (2008),
# Statistical rules of thumb, section 2.1.
lehr <- function(power, alpha, unit) {
  constant <- c(`0.8` = 16, `0.9` = 21)[as.character(power)]
  if (alpha != 0.05 || is.na(constant)) {
    return(NULL)
  }
  stats::setNames(constant * unit, sprintf("Lehr's rule, %d / d^2", constant))
}

one_sample_t <- function(d, power, alpha) {
  lack <- function(n) {
    critical <- stats::qt(alpha / 2, n - 1, lower.tail = FALSE)
    ncp <- d * sqrt(n)
    stats::pt(critical, n - 1, ncp, lower.tail = FALSE) + stats::pt(-critical, n - 1, ncp) - power
  }
  high <- 4 + 2 * (sum(z_values(power, alpha)) / d)^2
  if (lack(2) >= 0) 2 else stats::uniroot(lack, c(2, high), tol = 1e-9, extendInt = "upX")$root
}

formulas_of_proportions <- function(p, power, alpha) {
  z <- z_values(power, alpha)
  difference <- abs(diff(p))
  middle <- mean(p) * (1 - mean(p))
  pooled <- (z[[1]] * sqrt(2 * middle) + z[[2]] * sqrt(sum(p * (1 - p))))^2 / difference^2
  separate <- sum(z)^2 * sum(p * (1 - p)) / difference^2
  corrected <- function(n) n / 4 * (1 + sqrt(1 + 4 / (n * difference)))^2
  c(
    `normal, pooled variance` = pooled,
    `normal, separate variances` = separate,
    `pooled, continuity correction` = corrected(pooled),
    `separate, continuity correction` = corrected(separate),
    `arcsine` = 2 * (sum(z) / (2 * diff(asin(sqrt(p)))))^2,
    lehr(power, alpha, middle / difference^2)
  )
}

# ---- Units, inflation, rounding ----

expand_formulas <- function(formulas, dropout, n) {
  inflation <- c(none = 1)
  if (dropout > 0) {
    inflation <- c(
      inflation, `/ (1 - dropout)` = 1 / (1 - dropout), `* (1 + dropout)` = 1 + dropout
    )
  }
  rows <- expand.grid(
    formula = names(formulas), unit = c("per arm", "total"), inflation = names(inflation),
    stringsAsFactors = FALSE
  )
  # One sample has no arms to add up.
  rows <- rows[!(rows$formula == one_sample & rows$unit == "total"), ]
  per_arm <- unname(formulas[rows$formula] * inflation[rows$inflation])
  arms <- ifelse(rows$unit == "total", 2, 1)
  rows$exact <- arms * per_arm
  rows$up <- arms * ceiling_of(per_arm)
  rows$rounding <- NA_character_
  rows$rounding[arms * floor(per_arm) == n] <- "down"
  rows$rounding[arms * round(per_arm) == n] <- "nearest"
  rows$rounding[rows$up == n] <- "up"
  rows$gives <- !is.na(rows$rounding)
  rows
}

#' @export
print.which_formula <- function(x, ...) {
  found <- unique(x$formula[x$gives])
  cat(strwrap(sprintf(
    "The printed number %s is given by %s.", format(attr(x, "n")),
    if (length(found) == 0) "none of these formulas" else join_words(found, " or ")
  ), width = 80), "", sep = "\n")
  # What does not give the number is shown per arm and without inflation only.
  shown <- x[x$gives | (x$unit == "per arm" & x$inflation == "none"), ]
  columns <- list(
    ifelse(shown$gives, "*", ""), shown$formula, shown$unit, shown$inflation,
    format(sprintf("%.2f", shown$exact), justify = "right"), format(shown$up),
    ifelse(shown$gives, shown$rounding, "")
  )
  names(columns) <- c(" ", names(shown)[1:6])
  if (all(shown$inflation == "none")) {
    columns$inflation <- NULL
  }
  print(format(data.frame(columns, check.names = FALSE), justify = "left"), row.names = FALSE)
  invisible(x)
}
