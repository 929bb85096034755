# Class pooled_fit: the fits of m completed data sets as one.

# `coefficients` (NA where aliased), `within`, `between` and `total` covariances of the default
# kind, `fits`, and what functions that look at a fit look for: terms, assign, contrasts,
# xlevels, family, n_used. `df.complete` is NULL (the fits' own) or a number; `imp` the
# imputations they were made of, if known.
new_pooled_fit <- function(fits, call, df.complete = NULL, imp = NULL, notes = NULL) {
  estimates <- unname(Map(fit_coefficients, fits, seq_along(fits)))
  check_same_coefficients(estimates)
  first <- fits[[1]]
  fit <- list(
    fits = fits, m = length(fits), coefficients = estimates[[1]], call = call,
    formula = tryCatch(stats::formula(first), error = function(e) NULL),
    terms = tryCatch(stats::terms(first), error = function(e) NULL),
    assign = fit_assign(first), contrasts = part_of(first, "contrasts"),
    xlevels = part_of(first, "xlevels"),
    family = tryCatch(stats::family(first), error = function(e) NULL),
    df.complete = df.complete, estimates = do.call(cbind, estimates),
    n_each = vapply(fits, count_used, 0), n_out_each = vapply(fits, count_left_out, 0),
    imp = imp, notes = c(notes, warn_of_bases(fits), levels_left_out(fits))
  )
  fit$n_used <- min(fit$n_each)
  class(fit) <- "pooled_fit"
  covariance <- pooled_covariance(fit)
  fit$coefficients[kept_terms(fit)] <- covariance$estimate
  fit$within <- covariance$within
  fit$between <- covariance$between
  fit$total <- covariance$matrix
  fit
}

# Terms such as poly(x, 2) whose columns are not the same functions in all fits; NULL if none.
warn_of_bases <- function(fits) {
  bases <- lapply(fits, function(fit) {
    terms <- tryCatch(stats::terms(fit), error = function(e) NULL)
    as.list(attr(terms, "predvars"))[-1]
  })
  differs <- vapply(seq_along(bases[[1]]), function(k) {
    !all(vapply(bases, function(basis) identical(basis[k], bases[[1]][k]), NA))
  }, NA)
  if (!any(differs)) {
    return(NULL)
  }
  names <- vapply(as.list(attr(stats::terms(fits[[1]]), "variables"))[-1], deparse1, "")
  text <- sprintf(
    paste(
      "Columns of %s are made anew in each completed data set, so their coefficients mean",
      "something else in each. Predictions hold; else fix the columns, as by raw = TRUE or knots."
    ), enumerate(names[differs])
  )
  qst_warn("basis", text, value = names[differs])
  text
}

# What fits of ours say of levels without rows; an arm whose rows have no cluster, for example.
levels_left_out <- function(fits) {
  unique(unlist(lapply(fits, function(fit) attr(part_of(fit, "model"), "notes"))))
}

# An element, or a slot's absence: S4 fits have no `$`.
part_of <- function(fit, name) {
  if (is.list(fit)) fit[[name]]
}

# The number of the term of each coefficient, 0 for the constant.
fit_assign <- function(fit) {
  assign <- part_of(fit, "assign")
  if (is.null(assign) && inherits(fit, "glm")) {
    assign <- attr(stats::model.matrix(fit), "assign")
  }
  if (is.numeric(assign)) assign
}

count_used <- function(fit) {
  n <- tryCatch(stats::nobs(fit), error = function(e) NA_real_)
  if (is.numeric(n) && length(n) == 1) as.double(n) else NA_real_
}

count_left_out <- function(fit) {
  as.double(length(part_of(fit, "na.action")))
}

# ---- Covariance ----

# What fit_covariance() gives, for a pooled fit. Beside it `estimate`, `within` and `between`
# of the kept coefficients' covariance, `fractions`, a function of a contrast matrix that
# gives riv, lambda, df and fmi, and `joint`, a function of contrasts and null values that
# tests them at once (D1).
pooled_covariance <- function(fit, vcov = NULL, cluster = NULL) {
  parts <- lapply(seq_len(fit$m), function(i) one_covariance(fit, i, vcov, cluster))
  rubin_covariance(fit$estimates, parts, fit$df.complete)
}

# The same of any estimates, a column an imputation (NA where aliased), each with a covariance
# as fit_covariance() gives it.
rubin_covariance <- function(estimates, parts, df.complete = NULL) {
  m <- ncol(estimates)
  kept <- !is.na(estimates[, 1])
  flat <- vapply(parts, function(part) as.vector(part$matrix[kept, kept]), numeric(sum(kept)^2))
  core <- .Call(
    C_qstr_pool, estimates[kept, , drop = FALSE], matrix(as.double(flat), sum(kept)^2)
  )
  full <- function(matrix) {
    terms <- rownames(estimates)
    result <- matrix(NA_real_, length(kept), length(kept), dimnames = list(terms, terms))
    result[kept, kept] <- matrix
    result
  }
  covariance <- list(
    m = m, matrix = full(core$total), type = parts[[1]]$type, label = pooled_label(parts[[1]], m),
    n_clusters = parts[[1]]$n_clusters, estimate = core$estimate, within = full(core$within),
    between = full(core$between), df_complete = complete_df_of(df.complete, parts),
    joint_complete = joint_complete_of(df.complete, parts)
  )
  covariance$fractions <- function(contrasts) {
    pooled_fractions(covariance, contrasts, m)
  }
  covariance$df <- function(contrasts) covariance$fractions(contrasts)$df
  covariance$joint <- function(contrasts, distance) {
    joint_of_pooled(covariance, contrasts, distance, m)
  }
  covariance
}

one_covariance <- function(fit, i, vcov, cluster) {
  one <- fit$fits[[i]]
  if (is.list(vcov)) {
    vcov <- given_for_fit(vcov, i, fit$m)
  } else if (is.matrix(vcov)) {
    qst_abort("argument", paste(
      "`vcov`: one matrix has no part between imputations. Give a function of a fit, or a list of",
      "matrices, one a fit."
    ))
  }
  if (is_own_fit(one)) {
    return(fit_covariance(one, vcov, cluster_of_rows(fit, i, cluster)))
  }
  if (!is.null(cluster)) {
    qst_abort("argument", sprintf(
      "`cluster` is for fits of fit_glm(), not of class %s. Give a function as `vcov`.",
      class(one)[[1]]
    ))
  }
  foreign_covariance(one, vcov, fit$estimates[, i], i)
}

given_for_fit <- function(vcov, i, m) {
  if (length(vcov) != m) {
    qst_abort("argument", sprintf(
      "`vcov` is a list of %d matrices for %d fits. Give one for each.", length(vcov), m
    ))
  }
  vcov[[i]]
}

# Clusters as a formula are looked up in the completed data themselves, which the call of a
# single fit may not find again.
cluster_of_rows <- function(fit, i, cluster) {
  one <- fit$fits[[i]]
  if (is.null(fit$imp) || !inherits(cluster, "formula")) {
    return(cluster)
  }
  data <- fit$imp[[i]]
  check_columns(data, all.vars(cluster), "cluster")
  rows <- match(row.names(one$model), row.names(data))
  lapply(data[all.vars(cluster)], function(x) x[rows])
}

pooled_label <- function(part, m) {
  own <- if (nzchar(part$label)) part$label else "from the model"
  over <- if (m < 2) "of a single imputation" else sprintf("pooled over %s", imputation_words(m))
  paste0(own, ", ", over)
}

# A function of a contrast matrix: the degrees of freedom of each row with complete data.
complete_df_of <- function(df.complete, parts) {
  if (!is.null(df.complete)) {
    return(function(contrasts) rep(as.double(df.complete), nrow(contrasts)))
  }
  function(contrasts) {
    each <- vapply(parts, function(part) as.double(part$df(contrasts)), numeric(nrow(contrasts)))
    rowMeans(matrix(each, nrow(contrasts)))
  }
}

# A function of q rows of contrasts: the degrees of freedom `df` that their joint test has with
# complete data, and by what `scale` its statistic is multiplied, which is for CR2 what it is in
# joint_test(), with the mean of eta over the fits.
joint_complete_of <- function(df.complete, parts) {
  function(contrasts) {
    if (!is.null(df.complete)) {
      return(list(df = as.double(df.complete), scale = 1))
    }
    if (!is.null(parts[[1]]$small_sample)) {
      eta <- mean(vapply(parts, hotelling_df, 0, contrasts))
      df <- eta - nrow(contrasts) + 1
      return(list(df = df, scale = df / eta))
    }
    each <- vapply(parts, function(part) {
      if (is.null(part$df_joint)) part$df(contrasts[1, , drop = FALSE]) else part$df_joint
    }, 0)
    list(df = mean(each), scale = 1)
  }
}

pooled_fractions <- function(covariance, contrasts, m) {
  variances <- function(matrix) diag(quadratic_form(contrasts, matrix))
  as.data.frame(.Call(
    C_qstr_pool_fractions, variances(covariance$within), variances(covariance$between), m,
    as.double(covariance$df_complete(contrasts))
  ))
}

# D1 of the equations C b = null, `distance` being C b - null and the rows of `contrasts`
# independent: statistic, df.residual and riv, NA where the covariance has no inverse. One
# equation is tested as a coefficient is, by t on Barnard and Rubin's df.
joint_of_pooled <- function(covariance, contrasts, distance, m) {
  test <- if (m < 2 || length(distance) == 1) {
    pooled_f(covariance, contrasts, distance)
  } else {
    pooled_d1(covariance, contrasts, distance, m)
  }
  if (!isTRUE(is.finite(test$statistic)) || !isTRUE(test$df.residual > 0)) {
    test[] <- NA_real_
  }
  test
}

# D1, with any number of equations.
pooled_d1 <- function(covariance, contrasts, distance, m) {
  complete <- covariance$joint_complete(contrasts)
  if (!isTRUE(complete$df > 0)) {
    return(list(statistic = NA_real_, riv = NA_real_, df.residual = NA_real_))
  }
  test <- .Call(
    C_qstr_pool_joint, as.double(distance), quadratic_form(contrasts, covariance$within),
    quadratic_form(contrasts, covariance$between), m, complete$df
  )
  test$statistic <- test$statistic * complete$scale
  test
}

# F with the total covariance itself: of one equation, or of a single imputation, whose joint test
# is that of its fit.
pooled_f <- function(covariance, contrasts, distance) {
  quadratic <- inverse_form(quadratic_form(contrasts, covariance$matrix), distance)
  if (length(distance) > 1) {
    complete <- covariance$joint_complete(contrasts)
    scale <- complete$scale / length(distance)
    return(list(statistic = quadratic * scale, riv = NA_real_, df.residual = complete$df))
  }
  loss <- covariance$fractions(contrasts)
  list(statistic = quadratic, riv = loss$riv, df.residual = loss$df)
}

# ---- Tables ----

# As fit_estimates(), and what the missing values cost.
pooled_estimates <- function(fit, covariance) {
  kept <- kept_terms(fit)
  cost <- covariance$fractions(diag(length(kept))[kept, , drop = FALSE])
  place <- function(x) replace(rep(NA_real_, length(kept)), kept, x)
  error <- covariance_errors(covariance)
  statistic <- fit$coefficients / error
  df <- place(cost$df)
  data.frame(
    term = names(fit$coefficients), estimate = unname(fit$coefficients), std.error = unname(error),
    statistic = unname(statistic), df = df,
    p.value = unname(2 * stats::pt(abs(statistic), df, lower.tail = FALSE)),
    fmi = place(cost$fmi), riv = place(cost$riv), lambda = place(cost$lambda),
    mc.error = if (fit$m < 2) NA_real_ else unname(sqrt(diag(covariance$between) / fit$m))
  )
}

# "391 rows used in each of 20 imputations.", and the notes of the fit.
pooled_rows_text <- function(fit) {
  range_text <- function(n) paste(count_text(unique(n)), collapse = " to ")
  rows <- if (!anyNA(fit$n_each)) {
    sprintf("%s rows used in %s", range_text(range(fit$n_each)),
      if (fit$m == 1) "1 imputation" else paste("each of", imputation_words(fit$m)))
  } else {
    sprintf("Fits of %s", imputation_words(fit$m))
  }
  out <- if (any(fit$n_out_each > 0)) {
    sprintf(", %s left out for missing values", range_text(range(fit$n_out_each)))
  }
  c(paste0(rows, out, "."), fit$notes)
}

# What summary.fit_glm() says of clusters that its standard errors do not look at.
pooled_cluster_text <- function(fit, covariance) {
  clusters <- part_of(fit$fits[[1]], "cluster")
  if (inherits(fit$fits[[1]], "fit_glm") && !is.null(clusters) && covariance$type == "model") {
    paste(
      "They are as if rows were independent.", cluster_text(fit$fits[[1]]),
      "vcov = \"CR2\" allows for them."
    )
  }
}

imputation_words <- function(m) {
  sprintf("%s imputation%s", count_text(m), if (m == 1) "" else "s")
}

# ---- Print and summary ----

#' @export
print.pooled_fit <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  print_call(x)
  cat("Coefficients:\n")
  print(x$coefficients, digits = digits)
  cat("\n")
  clusters <- if (inherits(x$fits[[1]], "fit_glm")) cluster_text(x$fits[[1]])
  cat(strwrap(c(pooled_rows_text(x), clusters, repeat_text(x)), width = 79), sep = "\n")
  invisible(x)
}

#' @rdname pooled_fit
#' @export
summary.pooled_fit <- function(object, vcov = NULL, cluster = NULL, ...) {
  check_no_dots(...)
  covariance <- fit_covariance(object, vcov, cluster)
  table <- pooled_estimates(object, covariance)
  structure(
    list(
      call = object$call, coefficients = pooled_matrix(table), aliased = !kept_terms(object),
      m = object$m, vcov = covariance[c("type", "label")], family = object$family,
      text = c(
        covariance_note(covariance, table$df), pooled_cluster_text(object, covariance),
        pooled_rows_text(object),
        repeat_text(object, table)
      )
    ),
    class = "summary.pooled_fit"
  )
}

# As coef(summary(lm())), with the fraction of missing information and df.
pooled_matrix <- function(table) {
  letter <- if (all(is.infinite(table$df[!is.na(table$df)]))) "z" else "t"
  matrix <- as.matrix(table[c("estimate", "std.error", "fmi", "df", "statistic", "p.value")])
  dimnames(matrix) <- list(table$term, c(
    "Estimate", "Std. Error", "fmi", "df", paste(letter, "value"), sprintf("Pr(>|%s|)", letter)
  ))
  matrix
}

#' @export
print.summary.pooled_fit <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  print_call(x)
  table <- x$coefficients
  table[, "df"] <- round(table[, "df"], 1)
  table[, "fmi"] <- round(table[, "fmi"], 3)
  cat("Coefficients:\n")
  stats::printCoefmat(table, digits = digits, na.print = "NA", cs.ind = 1:2, tst.ind = 5, ...)
  cat("\n")
  lines <- x$text
  if (any(x$aliased)) {
    lines <- c(lines, sprintf(
      "Not estimable, given the terms before: %s.", enumerate(names(x$aliased)[x$aliased])
    ))
  }
  cat(strwrap(lines, width = 79), sep = "\n")
  invisible(x)
}

# ---- How many imputations ----

#' How many imputations are enough
#'
#' Imputed again with other random numbers, standard errors come out otherwise. Von Hippel (2020)
#' says how many imputations keep that small.
#'
#' The variance between imputations is known from m of them, so that over repetitions the standard
#' error of a pooled estimate has a coefficient of variation of about
#' \eqn{\lambda / \sqrt{2 (m - 1)}}{lambda / sqrt(2 (m - 1))}, with \eqn{\lambda}{lambda} the
#' share of the variance that is due to missing values; so
#' \eqn{m = 1 + (\lambda / cv)^2 / 2}{m = 1 + (lambda / cv)^2 / 2} imputations bring it to
#' `cv`. The share is itself known roughly when m is small: its interval is that of its
#' logit with standard error \eqn{\sqrt{2 / m}}{sqrt(2 / m)} (Harel 2007), and `m.needed` is for its
#' upper end, as in the second stage of von Hippel's rule. At `cv` = 0.05 the second digit of a
#' standard error may differ.
#'
#' Von Hippel writes the fraction of missing information, which in large samples is
#' \eqn{\lambda}{lambda}. In small ones `fmi` of [pool()] is larger, however little is missing; it
#' is what howManyImputations takes.
#'
#' @param fit A [pooled_fit].
#' @param cv The coefficient of variation that is small enough, above 0.
#' @param conf.level Level of the interval of lambda.
#' @param vcov,cluster Which covariance, as in [summary.fit_glm()].
#' @return A data frame, one row a coefficient: `term`, `lambda` and its limits `lambda.low` and
#'   `lambda.high`, `mc.error` (Monte Carlo standard error of the estimate,
#'   \eqn{\sqrt{B/m}}{sqrt(B / m)}), `cv` and `cv.high` (those of the standard error with the m
#'   at hand, for `lambda` and `lambda.high`) and `m.needed` (at least 2).
#' @references
#' Harel O (2007) Inferences on missing information under multiple imputation and two-stage
#' multiple imputation. *Stat. Methodol.* 4:75-89.
#'
#' von Hippel PT (2020) How many imputations do you need? A two-stage calculation using a
#' quadratic rule. *Sociol. Methods Res.* 49:699-718, <doi:10.1177/0049124117747303>.
#' @seealso [pool()], [fit_glm()]
#' @examples
#' imp <- impute(airquality, m = 5, seed = 1)
#' imputations_needed(fit_glm(Ozone ~ Wind + Temp, imp))
#' @export
imputations_needed <- function(fit, cv = 0.05, conf.level = 0.95, vcov = NULL, cluster = NULL) {
  check_fit(fit, makers = "pooled_fit")
  check_number(cv, "cv", min = 0)
  check_number(conf.level, "conf.level", min = 0, max = 1)
  table <- pooled_estimates(fit, fit_covariance(fit, vcov, cluster))
  needed_table(table, fit$m, cv, conf.level)
}

needed_table <- function(table, m, cv, conf.level) {
  lambda <- table$lambda
  reach <- stats::qnorm((1 + conf.level) / 2) * sqrt(2 / m)
  high <- stats::plogis(stats::qlogis(lambda) + reach)
  data.frame(
    term = table$term, lambda = lambda,
    lambda.low = stats::plogis(stats::qlogis(lambda) - reach), lambda.high = high,
    mc.error = table$mc.error, cv = lambda / sqrt(2 * (m - 1)),
    cv.high = high / sqrt(2 * (m - 1)), m.needed = pmax(ceiling(1 + (high / cv)^2 / 2), 2)
  )
}

# By how much standard errors would change, and how many imputations are enough.
repeat_text <- function(fit, table = pooled_estimates(fit, default_covariance(fit))) {
  if (fit$m < 2) {
    return(NULL)
  }
  needed <- needed_table(table, fit$m, 0.05, 0.95)
  worst <- needed[which.max(needed$lambda), ]
  if (nrow(worst) == 0 || worst$lambda == 0) {
    return(NULL)
  }
  now <- sprintf(
    "m = %d: imputed again, standard errors would differ by about %s%% (coefficient of variation)",
    fit$m, format(signif(100 * worst$cv, 2))
  )
  if (worst$m.needed <= fit$m) {
    return(sprintf("%s. That is enough (von Hippel 2020).", now))
  }
  sprintf(
    "%s, perhaps %s%%; %s imputations keep that below 5%% (von Hippel 2020).", now,
    format(signif(100 * worst$cv.high, 2)), count_text(worst$m.needed)
  )
}

default_covariance <- function(fit) {
  pooled_covariance(fit)
}
