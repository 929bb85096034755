#' Covariances of the coefficients of a fit
#'
#' The covariance that the model assumes, or one that holds when rows have
#' variances of their own (`"HC0"` to `"HC3"`) or when rows of the same cluster
#' hang together (`"CR0"` to `"CR2"`). [summary()], [confint()], `tidy()`,
#' [wald_test()], [linear_contrast()], [marginal_means()] and [effects_table()] take
#' the same names as `vcov =` and name the choice in what they print.
#'
#' Each is a sandwich \eqn{B M B} with the bread \eqn{B = (X'WX)^{-1}}{B = (X'WX)^-1}
#' of the fit (working weights W and residuals r; for a linear model the
#' weights and \eqn{y - \hat y}{y - fitted}) and
#'
#' | type | meat M | peer |
#' |---|---|---|
#' | `HC0` | \eqn{\sum_i w_i^2 r_i^2 x_i x_i'}{sum w^2 r^2 x x'} | `vcovHC(type = "HC0")` |
#' | `HC1` | HC0 times n / (n - k) | `vcovHC(type = "HC1")`, Stata's `vce(robust)` |
#' | `HC2` | HC0 with \eqn{r_i^2 / (1 - h_i)}{r^2 / (1 - h)} | `vcovHC(type = "HC2")` |
#' | `HC3` | HC0 with \eqn{r_i^2 / (1 - h_i)^2}{r^2 / (1 - h)^2} | `vcovHC()` |
#' | `CR0` | \eqn{\sum_c s_c s_c'}{sum s s'} | `vcovCR(type = "CR0")` |
#' | `CR1` | CR0 times m / (m - 1) | `vcovCR(type = "CR1")`, `vcovCL(type = "HC0")` |
#' | `CR2` | CR0 with \eqn{s_c = X_c'W_c A_c r_c}{s = X'W A r} | `vcovCR(type = "CR2")` |
#'
#' with h the leverage of a row, \eqn{s_c = X_c'W_c r_c}{s = X'W r} the score of one
#' of m clusters, `vcovHC()` and `vcovCL()` of sandwich, `vcovCR()` of clubSandwich.
#'
#' `CR1` is not Stata's `vce(cluster)`, nor `vcovCL(type = "HC1")`: these
#' multiply by (n - 1) / (n - k) too and are called CR1S in clubSandwich. To
#' have them, multiply `CR1` by that.
#'
#' @section CR2 and its degrees of freedom:
#' The matrices A are those of Bell & McCaffrey (2002) and Pustejovsky & Tipton
#' (2018). The working model is what clubSandwich takes: equal variances for a
#' linear model, weighted or not; variances V(mu) over the prior weights for
#' the other families. Standard errors are then compared with Student's t on
#' Satterthwaite's degrees of freedom, one for each contrast (`tidy()$df`), as
#' `clubSandwich::coef_test()` does; with `CR0` and `CR1` on m - 1, which
#' clubSandwich calls naive; with `HC` and `"model"` on those of the residuals, or
#' by z where the dispersion is known.
#'
#' For a linear model A is found from an eigenproblem of k or 2k columns a
#' cluster, so clusters may be of any size; with variances that differ inside a
#' cluster its root is an integral over resolvents, taken to 14 digits (Hale,
#' Higham & Trefethen 2008). Nothing of the size of a cluster squared is formed.
#' Columns are made orthonormal first and eigenvalues are judged beside the
#' largest, so ill-conditioned columns and small fitted variances cost no digits;
#' clubSandwich drops eigenvalues below 1e-12 whatever their scale, and differs
#' there (as for `MASS::menarche`).
#'
#' @section Rows that do not count:
#' Rows of weight 0 count neither as rows nor as members of clusters. (sandwich
#' divides by the number of all rows and multiplies by that of the rows used, so
#' that for such an `lm` its HC covariances are too small.) A row of leverage 1
#' has residual 0 whatever its response was; HC2 and HC3 divide 0 by 0 there.
#' sandwich gives NaN or rounding noise; here such rows add nothing, as in CR2,
#' and a warning names them.
#'
#' @section Several ways of clustering:
#' With clusters `~ a + b` the covariance is that of a plus that of b less that of
#' their combinations, each with its own m / (m - 1) for `CR1` (Cameron, Gelbach &
#' Miller 2011), as `vcovCL(cluster = ~ a + b)` does it; t tests have one
#' degree of freedom less than the way with the fewest clusters. `CR2` is not
#' defined for this. The result may have negative eigenvalues, which a warning names.
#'
#' @param object A fit of [fit_glm()].
#' @param type `"model"`, `"HC0"`, `"HC1"`, `"HC2"`, `"HC3"`, `"CR0"`, `"CR1"` or `"CR2"`.
#' @param cluster For CR types: a formula (`~ group`, `~ a + b`) evaluated in the
#'   data of the fit, a vector with a value for each row of the data or each row
#'   used, or a list of such vectors. By default the `cluster` of the fit. A
#'   missing value is an error.
#' @param complete Keep rows and columns of aliased coefficients, as `NA`?
#' @param ... Nothing; an unknown argument is an error.
#' @return A symmetric matrix, named by coefficient.
#' @section Errors:
#' `questrial_error_argument` for a CR type without clusters, a missing cluster (`row`),
#' CR2 with two ways of clustering; `questrial_error_no_data` for fewer than two clusters.
#' @references
#' Bell RM, McCaffrey DF (2002) Bias reduction in standard errors for linear
#' regression with multi-stage samples. *Survey Methodology* 28:169-181.
#'
#' Cameron AC, Gelbach JB, Miller DL (2011) Robust inference with multiway
#' clustering. *J. Bus. Econ. Stat.* 29:238-249, <doi:10.1198/jbes.2010.07136>.
#'
#' Hale N, Higham NJ, Trefethen LN (2008) Computing A^alpha, log(A), and related
#' matrix functions by contour integrals. *SIAM J. Numer. Anal.* 46:2505-2523.
#'
#' Pustejovsky JE, Tipton E (2018) Small-sample methods for cluster-robust
#' variance estimation. *J. Bus. Econ. Stat.* 36:672-683,
#' <doi:10.1080/07350015.2016.1247004>.
#' @seealso [wald_test()] for joint tests, [wild_bootstrap()] for few clusters
#' @examples
#' fit <- fit_glm(weight ~ Diet * Time, ChickWeight, cluster = ~ Chick)
#' sqrt(diag(vcov(fit)))
#' sqrt(diag(vcov(fit, "CR2")))
#' summary(fit, vcov = "CR2")
#' vcov(fit_glm(mpg ~ wt, mtcars), "HC3")
#' @name vcov.fit_glm
#' @export
vcov.fit_glm <- function(object, type = "model", cluster = NULL, complete = TRUE, ...) {
  check_no_dots(...)
  check_choice(type, covariance_types, "type")
  check_flag(complete, "complete")
  covariance <- fit_covariance(object, type, cluster)$matrix
  kept <- kept_terms(object)
  if (complete) covariance else covariance[kept, kept, drop = FALSE]
}

covariance_types <- c("model", paste0("HC", 0:3), paste0("CR", 0:2))

# The covariance that `vcov =` asks for, and its degrees of freedom: a list of `matrix`
# (all coefficients, NA where aliased), `type`, `label` (for notes under tables; "" for
# the model's own), `df`, a function of a contrast matrix (a row a contrast, a column a
# coefficient) that gives each row's df, Inf for normal quantiles, `n_clusters` (one a
# way, or NULL) and, for CR2, `small_sample`, a function of a contrast matrix that gives
# trace and variance of their joint quadratic forms. A `cluster` given without a type asks
# for CR2.
fit_covariance <- function(fit, vcov = NULL, cluster = NULL) {
  if (inherits(fit, "pooled_fit")) {
    return(pooled_covariance(fit, vcov, cluster))
  }
  if (inherits(fit, "fit_gee")) {
    if (!is.null(cluster)) {
      qst_abort("argument", "`cluster`: a fit of fit_gee() has its clusters. Leave it out.")
    }
    return(gee_covariance(fit, vcov))
  }
  if (is.null(vcov)) {
    vcov <- if (is.null(cluster)) "model" else "CR2"
  }
  if (is.function(vcov) || is.matrix(vcov)) {
    return(given_covariance(fit, vcov))
  }
  type <- check_choice(vcov, covariance_types, "vcov")
  if (type != "model" && inherits(fit, "fit_table")) {
    return(table_covariance(fit, type, cluster))
  }
  if (type != "model") {
    check_has_rows(fit, "Robust covariances")
  }
  if (startsWith(type, "CR")) {
    return(cluster_covariance(fit, type, fit_clusters(fit, cluster)))
  }
  if (!is.null(cluster)) {
    qst_abort("argument", sprintf(
      "`cluster` is given, but \"%s\" does not look at clusters. Use \"CR2\", or leave it out.",
      type
    ), value = type)
  }
  if (type == "model") {
    return(plain_covariance(fit, dispersion(fit) * fit$cov.unscaled, "model", ""))
  }
  label <- sprintf("%s, robust to unequal variances", type)
  plain_covariance(fit, row_covariance(fit, type), type, label)
}

# With the degrees of freedom of the residuals, or z.
plain_covariance <- function(fit, matrix, type, label) {
  df <- if (uses_t(fit)) as.double(fit$df.residual) else Inf
  list(matrix = matrix, type = type, label = label, df = function(contrasts) {
    rep(df, nrow(contrasts))
  })
}

covariance_errors <- function(covariance) {
  variance <- diag(covariance$matrix)
  names(variance) <- rownames(covariance$matrix)
  variance[which(variance < 0)] <- NaN
  sqrt(variance)
}

# The df of each coefficient, which CR2 has found beside its covariance.
covariance_df <- function(fit, covariance) {
  if (!is.null(covariance$coefficient_df)) {
    return(covariance$coefficient_df)
  }
  p <- length(fit$coefficients)
  df <- rep(NA_real_, p)
  kept <- kept_terms(fit)
  df[kept] <- covariance$df(diag(p)[kept, , drop = FALSE])
  df
}

# ---- Given by the user ----

given_covariance <- function(fit, vcov) {
  by_function <- is.function(vcov)
  matrix <- if (by_function) vcov(fit) else vcov
  what <- if (by_function) "the result of `vcov`" else "`vcov`"
  plain_covariance(fit, check_covariance(fit, matrix, what), "custom", sprintf(
    "from the covariance %s given", if (by_function) "function" else "matrix"
  ))
}

# All coefficients, or those that are not aliased; by name if there are names.
check_covariance <- function(fit, matrix, what) {
  kept <- kept_terms(fit)
  terms <- names(fit$coefficients)
  sizes <- c(length(terms), sum(kept))
  ok <- is.matrix(matrix) && is.numeric(matrix) && nrow(matrix) == ncol(matrix) &&
    nrow(matrix) %in% sizes
  if (!ok) {
    qst_abort("argument", sprintf(
      "%s must be a %2$d by %2$d matrix, one row a coefficient, not %3$s.",
      sentence_start(what), sizes[[1]],
      if (is.matrix(matrix)) paste(dim(matrix), collapse = " by ") else describe(matrix)
    ))
  }
  expected <- if (nrow(matrix) == length(terms)) terms else terms[kept]
  given <- rownames(matrix)
  if (!is.null(given) && !identical(given, expected)) {
    if (!setequal(given, expected) || !identical(given, colnames(matrix))) {
      qst_abort("argument", sprintf(
        "%s is named by %s, but the coefficients are %s. Give it their names or none.",
        sentence_start(what), enumerate(given), enumerate(expected)
      ), value = given)
    }
    matrix <- matrix[expected, expected, drop = FALSE]
  }
  full <- matrix(NA_real_, length(terms), length(terms), dimnames = list(terms, terms))
  full[kept, kept] <- if (nrow(matrix) == length(terms)) matrix[kept, kept] else matrix
  check_symmetric(full[kept, kept, drop = FALSE], what)
  full
}

check_symmetric <- function(matrix, what) {
  if (!all(is.finite(matrix))) {
    qst_abort("argument", sprintf(
      "%s holds values that are not finite. Only aliased coefficients may have them.",
      sentence_start(what)
    ))
  }
  if (max(abs(matrix - t(matrix))) > 1e-8 * max(abs(matrix))) {
    qst_abort("argument", sprintf(
      "%s is not symmetric, so it is no covariance.", sentence_start(what)
    ))
  }
}

sentence_start <- function(text) {
  if (startsWith(text, "`")) text else sentence_case(text)
}

# ---- What the core reads of a fit ----

sandwich_parts <- function(fit) {
  weights <- if (is_linear(fit)) fit$weights else working_weights(fit)
  list(
    model_design(fit$terms, fit$model, fit$contrasts), weights, as.double(fit$residuals),
    fit$cov.unscaled
  )
}

# Of the responses, up to a constant; NULL: equal, which is what clubSandwich
# takes for lm with weights too.
working_variances <- function(fit) {
  if (is_linear(fit)) {
    return(NULL)
  }
  prior <- prior_weights(fit)
  variances <- fit$family$variance(fit$fitted.values) / prior
  at_end <- which(prior > 0 & !(variances > 0 & is.finite(variances)))
  if (length(at_end) > 0) {
    qst_abort("argument", sprintf(
      paste(
        "CR2 needs a variance above 0 in each row; the fit predicts %s in row %s.",
        "Use \"CR1\", or method = \"firth\" for separated data."
      ), format(fit$fitted.values[[at_end[[1]]]]), row.names(fit$model)[[at_end[[1]]]]
    ), row = at_end[[1]], value = fit$fitted.values[[at_end[[1]]]])
  }
  variances
}

row_covariance <- function(fit, type) {
  number <- match(type, paste0("HC", 0:3)) - 1L
  parts <- sandwich_parts(fit)
  result <- .Call(
    C_qstr_vcov_rows, parts[[1]], parts[[2]], parts[[3]], parts[[4]], number, threads_to_use(NULL)
  )
  if (result$n_full > 0) {
    qst_warn("leverage", sprintf(
      "%s: row %s%s has leverage 1, so its residual is 0 whatever its response; it adds nothing.",
      type, row.names(fit$model)[[result$first_full]],
      if (result$n_full > 1) sprintf(" (and %d more)", result$n_full - 1) else ""
    ), row = result$first_full)
  }
  dimnames(result$covariance) <- dimnames(fit$cov.unscaled)
  result$covariance
}

# ---- Clusters ----

# A data frame of factors, one a way, aligned with the rows of the model frame; rows
# of weight 0 are NA in it and have no levels of their own.
fit_clusters <- function(fit, cluster) {
  if (is.null(cluster)) {
    cluster <- fit$cluster
  }
  if (is.null(cluster)) {
    qst_abort("argument", paste(
      "CR covariances need clusters. Give `cluster`, here or to fit_glm(), as in",
      "cluster = ~ group."
    ))
  }
  n <- nrow(fit$model)
  columns <- cluster_values(fit, cluster)
  used <- prior_weights(fit) > 0
  for (name in names(columns)) {
    columns[[name]] <- cluster_factor(fit, columns[[name]], name, used, n)
  }
  check_nested(columns)
  columns
}

cluster_values <- function(fit, cluster) {
  if (inherits(cluster, "formula")) {
    names <- all.vars(cluster)
    return(stats::setNames(lapply(names, cluster_variable, fit = fit), names))
  }
  if (!is.list(cluster)) {
    return(list(cluster = cluster))
  }
  if (is.null(names(cluster))) {
    names(cluster) <- paste0("cluster", if (length(cluster) > 1) seq_along(cluster))
  }
  as.list(cluster)
}

# A variable of the data that the fit was made of, in the rows it used.
cluster_variable <- function(name, fit) {
  if (name %in% names(fit$model)) {
    return(fit$model[[name]])
  }
  envir <- environment(fit$terms)
  data <- tryCatch(eval(fit$call$data, envir), error = function(e) NULL)
  value <- if (name %in% names(data)) data[[name]] else get0(name, envir)
  if (is.null(value)) {
    qst_abort("argument", sprintf(
      paste(
        "`cluster`: there is no variable `%s` in the data of the fit.",
        "Give the vector itself, or `cluster` to fit_glm()."
      ), name
    ), column = name)
  }
  rows <- row.names(fit$model)
  if (is.data.frame(data)) {
    return(value[match(rows, row.names(data))])
  }
  value[suppressWarnings(as.integer(rows))]
}

cluster_factor <- function(fit, x, name, used, n) {
  omitted <- fit$na.action
  if (length(x) == n + length(omitted) && length(omitted) > 0) {
    x <- x[-omitted]
  }
  if (is.null(x) || !is.null(dim(x)) || length(x) != n) {
    qst_abort("argument", sprintf(
      "`cluster`: %s has %d values, but the fit used %d rows%s.", name, length(x), n,
      if (length(omitted) > 0) sprintf(" of %d", n + length(omitted)) else ""
    ))
  }
  missing <- which(is.na(x) & used)
  if (length(missing) > 0) {
    rows <- row.names(fit$model)[missing]
    qst_abort("argument", sprintf(
      paste(
        "`cluster`: %s is missing in row%s %s.",
        "Give each row that stands alone a cluster of its own, or leave it out of the fit."
      ), name, if (length(rows) > 1) "s" else "", enumerate(rows)
    ), row = missing, column = name)
  }
  x <- code_clusters(x, used)
  if (nlevels(x) < 2) {
    qst_abort("no_data", sprintf(
      "`cluster`: all rows have the same %s, \"%s\". At least two clusters are needed.",
      name, levels(x)
    ), column = name)
  }
  x
}

# A factor in order of appearance; factor() would sort, which takes longer than the covariance.
code_clusters <- function(x, used) {
  values <- unique(x[used])
  codes <- match(x, values)
  codes[!used] <- NA
  structure(codes, levels = as.character(values), class = "factor")
}

check_nested <- function(columns) {
  for (name in names(columns)) {
    for (other in setdiff(names(columns), name)) {
      if (nlevels(combined_clusters(columns[c(name, other)])) == nlevels(columns[[name]])) {
        qst_warn("cluster", sprintf(
          paste(
            "`cluster`: each `%s` lies within one `%s`, so these are no two ways.",
            "Clusters of `%s` alone allow for both."
          ), name, other, other
        ), column = name)
        return(invisible())
      }
    }
  }
}

# The combinations of several ways that occur, as one factor.
combined_clusters <- function(columns) {
  codes <- as.double(columns[[1]])
  for (column in columns[-1]) {
    codes <- (codes - 1) * nlevels(column) + as.double(column)
  }
  code_clusters(codes, !is.na(codes))
}

cluster_words <- function(columns) {
  ways <- vapply(names(columns), function(name) {
    n <- nlevels(columns[[name]])
    sprintf("%s (%s clusters)", name, count_text(n))
  }, "")
  join_words(unname(ways))
}

cluster_covariance <- function(fit, type, columns) {
  n_clusters <- vapply(columns, nlevels, 1L)
  label <- sprintf("%s by %s", type, cluster_words(columns))
  matrix <- if (length(columns) > 1) {
    multiway_covariance(fit, type, columns)
  } else {
    each <- if (type == "CR2") diag(length(fit$coefficients))
    parts <- cluster_core(fit, type, columns[[1]], each)
    parts$covariance
  }
  dimnames(matrix) <- dimnames(fit$cov.unscaled)
  result <- list(matrix = matrix, type = type, n_clusters = n_clusters)
  if (type != "CR2") {
    df <- min(n_clusters) - 1
    result$label <- sprintf("%s, t on %s df", label, format(df))
    result$df <- function(contrasts) rep(as.double(df), nrow(contrasts))
    return(result)
  }
  result$label <- sprintf("%s, Satterthwaite df", label)
  result$coefficient_df <- ifelse(kept_terms(fit), satterthwaite(parts), NA)
  result$df <- function(contrasts) {
    satterthwaite(cluster_core(fit, type, columns[[1]], contrasts))
  }
  result$small_sample <- function(contrasts) {
    cluster_core(fit, type, columns[[1]], contrasts, joint = TRUE)[c("trace", "variance")]
  }
  result
}

cluster_core <- function(fit, type, cluster, contrasts = NULL, joint = FALSE) {
  number <- match(type, paste0("CR", 0:2)) - 1L
  if (is.null(contrasts)) {
    contrasts <- matrix(0, 0, length(fit$coefficients))
  }
  storage.mode(contrasts) <- "double"
  if (inherits(fit, "fit_table")) {
    return(table_cluster_core(fit, type, cluster, contrasts, joint))
  }
  parts <- sandwich_parts(fit)
  .Call(
    C_qstr_vcov_clusters, parts[[1]], parts[[2]], parts[[3]], parts[[4]], cluster,
    if (type == "CR2") working_variances(fit), number, contrasts, joint, threads_to_use(NULL)
  )
}

# 2 E^2 / Var of the estimated variance under the working model; NaN for a
# contrast that no cluster says anything of.
satterthwaite <- function(parts) {
  2 * diag(parts$trace)^2 / diag(parts$variance)
}

# Cameron, Gelbach & Miller (2011, eq. 2.13): the covariances of all
# combinations of ways, those of an odd number added, of an even one taken off.
multiway_covariance <- function(fit, type, columns) {
  if (type == "CR2") {
    qst_abort("argument", sprintf(
      "\"CR2\" is defined for one way of clustering, not for %d. Use \"CR1\".", length(columns)
    ), value = type)
  }
  total <- 0
  for (size in seq_along(columns)) {
    for (chosen in utils::combn(length(columns), size, simplify = FALSE)) {
      cluster <- combined_clusters(columns[chosen])
      total <- total - (-1)^size * cluster_core(fit, type, cluster)$covariance
    }
  }
  warn_indefinite(total[kept_terms(fit), kept_terms(fit), drop = FALSE], type)
  total
}

warn_indefinite <- function(covariance, type) {
  values <- eigen(covariance, symmetric = TRUE, only.values = TRUE)$values
  negative <- values[values < -1e-10 * max(values)]
  if (length(negative) > 0) {
    qst_warn("indefinite", sprintf(
      paste(
        "The %s covariance of several ways has %d negative eigenvalue%s (%s);",
        "contrasts in that direction have no standard error. Use one way of clustering."
      ), type, length(negative), if (length(negative) > 1) "s" else "",
      paste(format(negative, digits = 3), collapse = ", ")
    ), value = negative)
  }
}
