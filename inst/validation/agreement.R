# How far a fit of ours is from that of its peer: each function gives a named vector of
# largest relative differences, to be held against a limit or printed in a table.
# Needs datasets.R.

# Largest difference over `scale`; shape, names and NA must be the same, else Inf.
relative_difference <- function(got, want, scale = abs(want)) {
  if (!identical(dim(got), dim(want)) || !identical(is.na(c(got)), is.na(c(want)))) {
    return(Inf)
  }
  off <- abs(c(got) - c(want))
  known <- !is.na(off) & c(got) != c(want)
  max(0, (off / c(scale))[known])
}

same_names <- function(got, want) {
  identical(names(got), names(want)) && identical(dimnames(got), dimnames(want))
}

# Against a share of the largest value, for what is near 0 here and there.
overall_difference <- function(got, want, share = 1e-3) {
  if (length(want) == 0) {
    return(if (length(got) == 0) 0 else Inf)
  }
  if (!same_names(got, want)) {
    return(Inf)
  }
  relative_difference(got, want, pmax(abs(want), share * max(abs(want), na.rm = TRUE)))
}

# A coefficient near 0 is right if its error is small beside its standard error.
coefficient_difference <- function(got, want, covariance) {
  if (!same_names(got, want)) {
    return(Inf)
  }
  error <- sqrt(diag(as.matrix(covariance)))[names(want)]
  relative_difference(got, want, pmax(abs(want), 1e-2 * error))
}

# Against the product of both standard errors. Fixed effects of the clusters have none to
# speak of: theirs is rounding.
covariance_difference <- function(got, want) {
  if (!same_names(got, want)) {
    return(Inf)
  }
  error <- sqrt(abs(diag(want)))
  error <- pmax(error, 1e-6 * max(error, na.rm = TRUE))
  relative_difference(got, want, outer(error, error))
}

compare_estimates <- function(ours, theirs) {
  c(
    coefficients = coefficient_difference(coef(ours), coef(theirs), vcov(theirs)),
    covariance = covariance_difference(vcov(ours), vcov(theirs)),
    criterion = relative_difference(deviance(ours), deviance(theirs)),
    logLik = relative_difference(
      c(logLik(ours), AIC(ours), BIC(ours)), c(logLik(theirs), AIC(theirs), BIC(theirs))
    ),
    counts = abs(df.residual(ours) - df.residual(theirs)) + abs(nobs(ours) - nobs(theirs)),
    fitted = overall_difference(fitted(ours), fitted(theirs))
  )
}

# A residual of a row that is all but met is a difference of nearly equal numbers.
compare_residuals <- function(ours, theirs) {
  types <- c("deviance", "pearson", "working", "response", "partial")
  vapply(types, function(type) {
    got <- residuals(ours, type = type)
    want <- residuals(theirs, type = type)
    attr(want, "constant") <- attr(got, "constant") <- NULL
    overall_difference(got, want, share = 0.1)
  }, numeric(1))
}

compare_diagnostics <- function(ours, theirs) {
  c(
    leverage = overall_difference(hatvalues(ours), hatvalues(theirs)),
    cooks = overall_difference(cooks.distance(ours), cooks.distance(theirs)),
    rstandard = overall_difference(rstandard(ours), rstandard(theirs)),
    rstudent = overall_difference(rstudent(ours), rstudent(theirs))
  )
}

# For the fitted rows and for new data, the last rows of the data; lm() gives standard
# errors without names.
compare_predictions <- function(ours, theirs, data) {
  is_lm <- !inherits(theirs, "glm")
  types <- if (is_lm) c("response", "terms") else c("link", "response", "terms")
  aliased <- anyNA(coef(theirs))
  new <- utils::head(data[rev(seq_len(nrow(data))), ], 7)
  off <- unlist(lapply(types, function(type) {
    got <- predict(ours, type = type, se.fit = TRUE)
    want <- predict(theirs, type = type, se.fit = TRUE)
    c(prediction_difference(got, want), if (!aliased) {
      prediction_difference(
        predict(ours, new, type = type, se.fit = TRUE),
        predict(theirs, new, type = type, se.fit = TRUE)
      )
    })
  }))
  c(predictions = max(off))
}

prediction_difference <- function(got, want) {
  plain <- function(x) {
    attr(x, "constant") <- NULL
    x
  }
  max(
    overall_difference(plain(got$fit), plain(want$fit)),
    overall_difference(unname(plain(got$se.fit)), unname(plain(want$se.fit))),
    relative_difference(c(attr(got$fit, "constant"), 1), c(attr(want$fit, "constant"), 1))
  )
}

# All of them. `data` as agreement_data() gives it.
compare_fits <- function(ours, theirs, data) {
  c(
    compare_estimates(ours, theirs), compare_residuals(ours, theirs),
    compare_diagnostics(ours, theirs), compare_predictions(ours, theirs, data)
  )
}

# Coefficients must agree to 1e-7, everything else to 1e-6.
agreement_limits <- function(differences) {
  ifelse(names(differences) == "coefficients", 1e-7, 1e-6)
}

# ---- Robust covariances ----

# HC0 to HC3 against sandwich; with clusters CR0 to CR2 and Satterthwaite's degrees of
# freedom against clubSandwich.
compare_rows <- function(ours, theirs, model) {
  # sandwich counts rows of weight 0, and divides 0 by 0 where a row is met exactly.
  if (any(weights(ours) == 0, na.rm = TRUE)) {
    model$call$subset <- bquote(.(model$call$weights) > 0)
    theirs <- peer_fit(model)
  }
  has_met_row <- any(hatvalues(theirs) > 1 - 1e-8)
  types <- c("HC0", "HC1", if (!has_met_row) c("HC2", "HC3"))
  kept <- !is.na(coef(ours))
  vapply(types, function(type) {
    covariance_difference(
      vcov(ours, type = type)[kept, kept, drop = FALSE], sandwich::vcovHC(theirs, type = type)
    )
  }, numeric(1))
}

compare_clusters <- function(ours, theirs, data, cluster) {
  types <- c("CR0", "CR1", "CR2")
  groups <- data[row.names(model.frame(theirs)), all.vars(cluster)]
  wanted <- lapply(types, function(type) {
    clubSandwich::vcovCR(theirs, cluster = groups, type = type)
  })
  names(wanted) <- types
  off <- vapply(types, function(type) {
    want <- wanted[[type]]
    covariance_difference(
      vcov(ours, type = type, cluster = cluster),
      matrix(want, nrow(want), dimnames = dimnames(want))
    )
  }, numeric(1))
  tests <- clubSandwich::coef_test(theirs, vcov = wanted$CR2, test = "Satterthwaite")
  df <- generics::tidy(ours, vcov = "CR2", cluster = cluster)$df
  free <- tests$SE > 1e-6 * max(tests$SE)
  c(off, satterthwaite = relative_difference(df[!is.na(coef(ours))][free], tests$df_Satt[free]))
}

# ---- Tests of terms, marginal means ----

# The peer again with sum-to-zero contrasts, which its type III needs.
peer_with_sums <- function(model) {
  before <- options(contrasts = c("contr.sum", "contr.poly"))
  on.exit(options(before))
  model$call$contrasts <- NULL
  peer_fit(model)
}

# Statistics by the name of the term; F where the dispersion is estimated, else
# likelihood ratios.
term_statistics <- function(table) {
  known <- c("F value", "F values", "F", "LR Chisq", "LR", "Chisq", "Deviance")
  column <- intersect(known, names(table))
  statistics <- stats::setNames(table[[column[[1]]]], trimws(row.names(table)))
  statistics <- statistics[!names(statistics) %in% c("NULL", "Residuals", "(Intercept)")]
  statistics[!is.na(statistics)]
}

compare_terms <- function(ours, theirs, model) {
  known <- agreement_family(model) %in% c("binomial", "poisson", "negative_binomial")
  test <- if (known) "LR" else "F"
  by_car <- function(fit, type) {
    if (!inherits(fit, "glm")) {
      return(term_statistics(car::Anova(fit, type = type)))
    }
    term_statistics(car::Anova(fit, type = type, test.statistic = test))
  }
  got <- list(
    typeI = term_statistics(anova(ours, test = test)),
    typeII = term_statistics(anova(ours, type = "II", test = test))
  )
  wanted <- list(
    typeI = term_statistics(anova(theirs, test = if (known) "Chisq" else "F")),
    typeII = by_car(theirs, 2)
  )
  if (!anyNA(coef(theirs))) {
    got$typeIII <- term_statistics(anova(ours, type = "III", test = test))
    wanted$typeIII <- by_car(peer_with_sums(model), 3)
  }
  vapply(names(got), function(type) {
    relative_difference(
      got[[type]][names(wanted[[type]])], wanted[[type]], pmax(abs(wanted[[type]]), 1e-3)
    )
  }, numeric(1))
}

# Means of the levels of each factor that is a plain variable: estimate, standard error
# and interval against emmeans.
compare_means <- function(ours, theirs, data) {
  frame <- model.frame(theirs)
  # It does not find the rows of every subset, and the weights only where it finds all.
  found <- if (nrow(frame) < nrow(data)) list(data = data[row.names(frame), ])
  # emmeans would undo a transformation of the answer, too.
  type <- if (inherits(theirs, "glm")) "response" else "link"
  is_factor <- vapply(frame, function(x) is.factor(x) || is.character(x), logical(1))
  factors <- intersect(names(frame)[is_factor], all.vars(delete.response(terms(theirs))))
  # Its proportions are of rows, ours of prior weights.
  weightings <- c("equal", if (is.null(ours$weights)) "proportional")
  off <- unlist(lapply(factors, function(factor) {
    vapply(weightings, function(weights) {
      got <- marginal_means(ours, factor, weights = weights)
      # Nested terms are means over all levels, too.
      arguments <- list(theirs, factor, weights = weights, type = type, nesting = NULL)
      arguments <- c(arguments, found)
      want <- as.data.frame(suppressMessages(do.call(emmeans::emmeans, arguments)))
      # emmeans takes z for quasi families.
      compared <- if (identical(unique(got$df), unique(want$df))) 1:4 else 1:2
      max(vapply(compared, function(k) {
        relative_difference(
          got[[c("estimate", "std.error", "conf.low", "conf.high")[[k]]]],
          want[[c(2, 3, 5, 6)[[k]]]]
        )
      }, numeric(1)))
    }, numeric(1))
  }))
  c(means = if (length(off) > 0) max(off))
}
