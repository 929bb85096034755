# Questions that a pooled fit passes on to its fits, and their answers pooled by Rubin's rules.
#
# An answer is a list of `estimate`, a vector of the same quantities whoever is asked, on a
# scale on which they are about normal (log for ratios), and of what they vary by:
# `covariance`, as fit_covariance() gives it, of some coefficients, and `jacobian`, the
# derivatives of the estimates by these, a row an estimate. linear_estimates() makes rows of it.

# The fit, or the fits of a pooled one: each with the rows it was fitted to and its `number`.
# `data` are those that were fitted, where they cannot be found: of a pooled fit `imputations`
# or a list.
fits_to_ask <- function(fit, data) {
  if (!inherits(fit, "pooled_fit")) {
    return(list(list(fit = fit, rows = raw_rows(fit, data), number = 1L)))
  }
  completed <- data_of_fits(fit, data)
  lapply(seq_len(fit$m), function(i) {
    one <- check_own_fit(fit$fits[[i]])
    list(fit = one, rows = raw_rows(one, completed[[i]]), number = i)
  })
}

# Covariance and clusters of one of the fits that are asked.
asked_covariance <- function(fit, number, vcov, cluster) {
  if (inherits(fit, "pooled_fit")) {
    one_covariance(fit, number, vcov, cluster)
  } else {
    fit_covariance(fit, vcov, cluster)
  }
}

asked_cluster <- function(fit, number, cluster) {
  if (inherits(fit, "pooled_fit")) cluster_of_rows(fit, number, cluster) else cluster
}

# The number of imputations that a result carries; NULL where nothing was imputed.
fits_pooled <- function(fit) {
  if (inherits(fit, "pooled_fit")) fit$m
}

# A list: the data of each fit, or NULL where nobody knows them.
data_of_fits <- function(fit, data) {
  data <- if (is.null(data)) fit$imp else data
  if (is.null(data)) {
    return(vector("list", fit$m))
  }
  if (is.data.frame(data) || !(is.list(data) && length(data) == fit$m)) {
    qst_abort("argument", sprintf(
      "`data` must be the %d completed data sets of the fits, as imputations or a list, not %s.",
      fit$m, describe(data)
    ))
  }
  as.list(data)
}

check_own_fit <- function(fit) {
  if (!is_own_fit(fit)) {
    qst_abort("argument", sprintf(
      paste(
        "The pooled fits are of class %s, whose predictions are not asked for here.",
        "Use fit_glm(formula, imp), or emmeans on each fit."
      ), class(fit)[[1]]
    ))
  }
  fit
}

# The answers of `ask` to each of `asked`; as one where `fit` is pooled. What one of them
# cannot answer is NA.
pool_answers <- function(fit, asked, ask) {
  answers <- lapply(asked, ask)
  if (!inherits(fit, "pooled_fit")) {
    return(answers[[1]])
  }
  rubin_answer(answers, fit$df.complete)
}

rubin_answer <- function(answers, df.complete = NULL) {
  estimates <- do.call(cbind, lapply(answers, `[[`, "estimate"))
  known <- !is.na(rowSums(estimates))
  covariance <- rubin_covariance(
    estimates[known, , drop = FALSE], lapply(answers, answer_covariance, known), df.complete
  )
  list(
    estimate = replace(rowMeans(estimates), known, covariance$estimate),
    jacobian = diag(length(known))[, known, drop = FALSE], covariance = covariance
  )
}

# The covariance of the estimates of an answer that are `known`, and its degrees of freedom: one
# by one, and together as joint_test() has them.
answer_covariance <- function(answer, known) {
  jacobian <- answer$jacobian[known, , drop = FALSE]
  covariance <- answer$covariance
  small_sample <- function(contrasts) covariance$small_sample(contrasts %*% jacobian)
  list(
    matrix = quadratic_form(jacobian, covariance$matrix), type = covariance$type,
    label = covariance$label, n_clusters = covariance$n_clusters,
    df = function(contrasts) covariance$df(contrasts %*% jacobian),
    df_joint = covariance$df_joint,
    small_sample = if (!is.null(covariance$small_sample)) small_sample
  )
}
