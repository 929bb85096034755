#' Generalised estimating equations
#'
#' Marginal models for outcomes that hang together in clusters: groups in which
#' a treatment was delivered, schools, people measured more than once. The
#' coefficients mean what those of [fit_glm()] with the same formula mean; a
#' working correlation of the rows of a cluster makes them more precise, and
#' their standard errors hold even if it is wrong (Liang & Zeger 1986).
#'
#' @section Method:
#' The coefficients solve \eqn{\sum_c D_c' V_c^{-1} (y_c - \mu_c) = 0}{sum D' V^-1 (y - mu) = 0}
#' with \eqn{V_c = \phi S_c R S_c}{V = phi S R S}, where S holds
#' \eqn{\sqrt{V(\mu) / w}}{sqrt(V(mu) / w)} and R is the working correlation:
#'
#' | `corstr` | correlation of two rows of a cluster |
#' |---|---|
#' | `"exchangeable"` | the same for all pairs |
#' | `"independence"` | 0; coefficients are those of [fit_glm()] |
#' | `"ar1"` | \eqn{\alpha^{|t_j - t_k|}}{alpha^|t_j - t_k|} for times \eqn{t}{t} |
#' | `"unstructured"` | one for each pair of times |
#'
#' Fisher scoring steps alternate with moment estimators until a step is below
#' 1e-10 standard errors. These are geepack's: with Pearson residuals
#' \eqn{e = (y - \mu) / \sqrt{V(\mu)}}{e = (y - mu) / sqrt(V(mu))}, the
#' dispersion is \eqn{\sum w e^2 / \sum w}{sum w e^2 / sum w}, and a correlation is
#' \eqn{\sum w_j w_k e_j e_k / (\phi \sum w_j w_k)}{sum w_j w_k e_j e_k / (phi sum w_j w_k)} over
#' its pairs; AR-1 is fitted to all lags by least squares. Nothing is taken off
#' for the coefficients (SAS's GENMOD does), and AR-1 is not estimated from
#' neighbours alone (as SAS does). A cluster of n rows costs O(n), whatever its
#' size, except for `"unstructured"`.
#'
#' @section Clusters and times:
#' Rows of a cluster need not stand together (geepack takes each run of equal
#' values for a cluster of its own, and says nothing). For `"ar1"` and
#' `"unstructured"`, `time` says which rows of a cluster are neighbours. Without
#' it a row's time is its place among the rows of its cluster in `data`, counted
#' before rows with missing values are left out, so that a missed visit keeps its
#' place; a visit without a row does not. Times are whole numbers, or a factor
#' with its levels in order. Rows of weight 0 belong to no cluster.
#'
#' @section Standard errors:
#' `summary()`, `confint()`, `vcov()`, `predict()` and `tidy()` take `vcov =`:
#'
#' | `vcov` | covariance |
#' |---|---|
#' | `"robust"` | Liang & Zeger's sandwich |
#' | `"KC"` | Kauermann & Carroll (2001): unbiased if the working covariance holds |
#' | `"MD"` | Mancl & DeRouen (2001): close to the jackknife, errs on the safe side |
#' | `"FG"` | Fay & Graubard (2001), their bound 0.75 |
#' | `"model"` | that of the working covariance, right only if it is |
#'
#' For a linear model with independence KC is CR2, and MD is CR3.
#' With fewer than about 50 clusters `"robust"` is too small; `"KC"` with
#' `df = "clusters"` kept its level best in the simulations of Li & Redden (2015).
#' Tests and intervals use Student's t with `df`: `"satterthwaite"` matches the
#' first two moments of the variance under the working covariance, one df a
#' contrast (Fay & Graubard 2001; Bell & McCaffrey 2002); `"clusters"` is the number
#' of clusters less that of coefficients, and what `"model"` has in any case;
#' `Inf` gives z tests, as geepack's. [linear_contrast()], [marginal_means()] and
#' [wald_test()] take the fit and the same `vcov`; joint tests have clusters less
#' coefficients as df.
#'
#' @section Missing values:
#' As in [fit_glm()]; a row with a missing cluster or time is left out too. GEE
#' is valid if data are missing completely at random.
#'
#' @inheritParams fit_glm
#' @param data A data frame (or list or environment) with its variables; the
#'   formula's environment is searched too.
#' @param family A family, as for [fit_glm()]; a negative binomial with its
#'   `theta`. The dispersion is always estimated.
#' @param cluster A formula with one variable, `~ group`, evaluated in `data`, or
#'   a vector of its length. Values name the clusters.
#' @param corstr The working correlation: see *Method*.
#' @param time For `"ar1"` and `"unstructured"`: a formula with one variable,
#'   `~ visit`, or a vector; see *Clusters and times*.
#' @return An object of class `fit_gee`. `print()`, `summary()`, [coef()],
#'   [vcov()], [confint()], [predict()], [fitted()], [residuals()], [nobs()] and the
#'   other extractors work on it, as do `tidy()` and `glance()` of broom. Element
#'   `correlation` is the working correlation (a number, `NULL` or a matrix),
#'   `dispersion` is \eqn{\phi}{phi}, `cluster_sizes` has the rows of each cluster.
#' @section Errors:
#' Those of [fit_glm()]; `questrial_error_argument` for times that are not whole
#' or come twice in a cluster, `questrial_error_no_data` for fewer than two
#' clusters, `questrial_error_singular` for an estimated correlation with which
#' no matrix is positive definite (geepack goes on). Not to converge within 100
#' iterations is a warning.
#' @section Peers:
#' `geepack::geeglm()`: same coefficients, correlation and robust covariance;
#' clusters must be sorted, no small-sample corrections, and for AR-1 its `waves`
#' do not change lags (neighbours in the data are one step apart). SAS PROC GENMOD
#' (REPEATED) and SPSS GENLIN: see *Method* for the moments.
#' @references
#' Fay MP, Graubard BI (2001). *Biometrics* 57:1198-1206.
#' Kauermann G, Carroll RJ (2001). *JASA* 96:1387-1396.
#' Li P, Redden DT (2015). *Stat Med* 34:281-296.
#' Liang K-Y, Zeger SL (1986). *Biometrika* 73:13-22.
#' Mancl LA, DeRouen TA (2001). *Biometrics* 57:126-134.
#' @examples
#' fit <- fit_gee(weight ~ Time * Diet, ChickWeight, cluster = ~ Chick)
#' summary(fit, vcov = "KC")
#' confint(fit, "Time", vcov = "MD")
#' @export
fit_gee <- function(formula, data, family = stats::gaussian(), cluster,
                    corstr = c("exchangeable", "independence", "ar1", "unstructured"),
                    weights = NULL, subset, na.action, offset, contrasts = NULL,
                    threads = NULL, time = NULL) {
  call <- match.call()
  family <- check_gee_family(family)
  choices <- c("exchangeable", "independence", "ar1", "unstructured")
  corstr <- check_choice(corstr, choices, "corstr")
  threads <- threads_to_use(threads)
  if (missing(data)) {
    data <- environment(formula)
  }
  check_model_data(formula, data)
  expressions <- frame_expressions(call)
  expressions$cluster <- gee_clusters(call, corstr, data, environment(formula))
  action <- if (missing(na.action)) NULL else na.action
  frame <- model_frame(formula, data, expressions, action, threads)
  build_gee(frame, call, family, corstr, contrasts, threads)
}

check_gee_family <- function(family) {
  family <- check_family(family)
  core <- core_family(family)
  if (core$name == "negative_binomial" && is.null(core$theta)) {
    qst_abort("argument", paste(
      "`family`: estimating equations need a negative binomial with its theta.",
      "Give it, as in negative_binomial(theta = 2), or use poisson(): its dispersion is estimated."
    ))
  }
  family
}

# ---- Clusters and times ----

# What the frame is to keep of clusters: their values and, where the
# correlation asks for it, times.
gee_clusters <- function(call, corstr, data, envir) {
  if (is.null(call$cluster)) {
    qst_abort("argument", paste(
      "`cluster` says which rows belong together; it is missing.",
      "Give it as in cluster = ~ group, or use fit_glm() if no rows do."
    ))
  }
  cluster <- one_variable(call$cluster, "cluster", data, envir)
  if (!corstr %in% c("ar1", "unstructured")) {
    return(cluster)
  }
  time <- if (is.null(call$time)) {
    list(place_in_cluster(cluster[[1]]))
  } else {
    one_variable(call$time, "time", data, envir)
  }
  c(cluster, list(`(time)` = check_times(time[[1]])))
}

one_variable <- function(expression, name, data, envir) {
  value <- evaluate_argument(expression, name, data, envir)
  columns <- cluster_columns(value, data)
  if (length(columns) != 1) {
    qst_abort("argument", sprintf(
      "`%s` must name one variable, as in ~ group, not %d. Use interaction(a, b) to combine two.",
      name, length(columns)
    ), column = name)
  }
  names(columns) <- sub("^\\(cluster\\) (.*)$", "\\1", names(columns))
  columns
}

place_in_cluster <- function(cluster) {
  codes <- match(cluster, unique(cluster))
  order <- order(codes)
  place <- integer(length(codes))
  place[order] <- sequence(tabulate(codes))
  place[is.na(cluster)] <- NA
  place
}

check_times <- function(time) {
  if (is.factor(time)) {
    return(time)
  }
  known <- is.numeric(time) && all(time == round(time), na.rm = TRUE)
  if (!known) {
    bad <- if (is.numeric(time)) which(time != round(time))[[1]] else NA
    qst_abort("argument", sprintf(
      "`time` must be whole numbers or a factor with its levels in order, not %s.%s",
      describe(if (is.na(bad)) time else time[[bad]]),
      " Number the visits 1, 2, 3, or use factor(levels = )."
    ), row = bad)
  }
  time
}

# Codes for the core: distances between codes are those between times for AR-1.
time_codes <- function(time, corstr) {
  if (is.null(time)) {
    return(list(codes = NULL, n = 0L, labels = NULL))
  }
  if (corstr == "unstructured") {
    known <- if (is.factor(time)) levels(droplevels(time)) else sort(unique(time))
    return(list(codes = match(time, known), n = length(known), labels = as.character(known)))
  }
  steps <- as.numeric(time)
  steps <- steps - min(steps) + 1
  if (max(steps) > 1e6) {
    qst_abort("argument", sprintf(
      "`time` spans %s steps; at most a million make sense. Count in larger units.",
      count_text(max(steps))
    ))
  }
  list(codes = as.integer(steps), n = as.integer(max(steps)), labels = NULL)
}

# ---- The fit ----

build_gee <- function(frame, call, family, corstr, contrasts, threads) {
  terms <- attr(frame, "terms")
  response <- read_response(frame, family, frame_weights(frame))
  shift <- frame_offset(frame)
  design <- model_columns(terms, frame, contrasts)
  groups <- attr(frame, "cluster")
  cluster <- groups[[1]]
  if (anyNA(groups)) {
    qst_abort("argument", "`cluster` or `time` is missing in rows that `na.action` kept.")
  }
  start <- fit_core(
    design, response$y, response$weights, shift, family, "ml", threads, frame
  )
  fit <- list(
    family = family, weights = response$weights, y = response$y, offset = shift,
    assign = attr(design, "assign"), contrasts = attr(design, "contrasts"),
    xlevels = attr(design, "xlevels"), cluster = groups, corstr = corstr,
    na.action = attr(frame, "na.action"), call = call, terms = terms, model = frame,
    notes = attr(frame, "notes")
  )
  fit <- c(fit, cluster_counts(cluster, fit$weights, names(groups)[[1]]))
  core <- with_gee_errors(solve_gee(fit, design, start, threads), frame)
  finish_gee(fit, core, attr(design, "columns"))
}

cluster_counts <- function(cluster, weights, name) {
  counted <- if (is.null(weights)) rep(TRUE, length(cluster)) else weights > 0
  known <- unique(cluster[counted])
  sizes <- tabulate(match(cluster[counted], known), length(known))
  if (length(known) < 2) {
    qst_abort("no_data", sprintf(
      "All rows used are of one cluster, `%s` = %s. Two are needed, and many make sense.",
      name, format(known[[1]])
    ), column = name)
  }
  list(
    n_used = sum(counted), n_clusters = length(known),
    cluster_sizes = stats::setNames(sizes, as.character(known))
  )
}

# The arguments that both entries of the core share. Clusters that have rows of
# weight 0 only get a code of their own, which then has no rows.
gee_arguments <- function(fit, design) {
  codes <- match(fit$cluster[[1]], unique(fit$cluster[[1]]))
  time <- time_codes(fit$cluster[["(time)"]], fit$corstr)
  list(
    model = design, family = core_family(fit$family),
    rows = list(fit$y, fit$weights, fit$offset, codes, time$codes), corstr = fit$corstr,
    counts = c(max(codes), time$n)
  )
}

solve_gee <- function(fit, design, start, threads) {
  given <- gee_arguments(fit, design)
  .Call(
    C_qstr_gee_fit, given$model, given$family, given$rows, given$corstr, given$counts,
    start$linear, is.na(start$coefficients), c(1e-10, 100), threads
  )
}

# The core counts rows; users know clusters and names of rows.
with_gee_errors <- function(expr, frame) {
  cluster <- function(e) format(attr(frame, "cluster")[[1]][[e$row]])
  withCallingHandlers(
    expr,
    questrial_error_singular = function(e) {
      gee_abort("singular", if (is.na(e$row)) {
        conditionMessage(e)
      } else {
        sprintf("the working correlation of cluster %s is not positive definite", cluster(e))
      }, e)
    },
    questrial_error_convergence = function(e) gee_abort("convergence", conditionMessage(e), e),
    questrial_error_argument = function(e) {
      if (grepl("same time", conditionMessage(e))) {
        qst_abort("argument", sprintf(
          "Cluster %s has two rows at the same time, the second is row %s. Correct `time`.",
          cluster(e), row.names(frame)[[e$row]]
        ), row = e$row)
      }
    }
  )
}

gee_abort <- function(kind, what, fault) {
  qst_abort(kind, sprintf(
    "The equations cannot be solved: %s. Use corstr = \"independence\", whose robust %s",
    what, "standard errors hold for any correlation."
  ), value = fault$value)
}

finish_gee <- function(fit, core, columns) {
  if (!core$converged) {
    qst_warn("convergence", sprintf(
      paste(
        "The estimating equations did not converge in %d iterations.",
        "Try corstr = \"independence\", or look for a coefficient without bounds."
      ), core$iterations
    ))
  }
  names(core$coefficients) <- columns
  dimnames(core$bread) <- list(columns, columns)
  mu <- fit$family$linkinv(core$linear)
  rank <- sum(!is.na(core$coefficients))
  structure(
    c(
      list(
        coefficients = core$coefficients, cov.unscaled = core$bread, dispersion = core$phi,
        correlation = named_correlation(fit, core$correlation), alpha = core$correlation,
        linear.predictors = core$linear, fitted.values = mu,
        residuals = (fit$y - mu) / fit$family$mu.eta(core$linear), rank = rank,
        df.residual = fit$n_clusters - rank
      ),
      fit, list(info = core[c("iterations", "converged")])
    ),
    class = "fit_gee"
  )
}

# A number, NULL, or a matrix named by times.
named_correlation <- function(fit, alpha) {
  if (fit$corstr == "independence") {
    return(NULL)
  }
  if (fit$corstr != "unstructured") {
    return(alpha)
  }
  labels <- time_codes(fit$cluster[["(time)"]], fit$corstr)$labels
  matrix <- diag(length(labels))
  matrix[upper.tri(matrix)] <- alpha
  matrix[lower.tri(matrix)] <- t(matrix)[lower.tri(matrix)]
  dimnames(matrix) <- list(labels, labels)
  matrix
}

# ---- Covariances ----

# The covariance and degrees of freedom of a fit: a list as of
# fit_covariance(); joint tests have `df_joint`, unless df were given.
gee_covariance <- function(fit, vcov = NULL, df = "satterthwaite") {
  type <- if (is.null(vcov)) "robust" else vcov
  of_clusters <- function(contrasts) rep(as.double(fit$df.residual), nrow(contrasts))
  words <- sprintf("%s clusters", count_text(fit$n_clusters))
  if (is.function(type) || is.matrix(type)) {
    matrix <- if (is.function(type)) type(fit) else type
    return(list(matrix = matrix, type = "custom", label = "given covariance", df = of_clusters))
  }
  type <- check_choice(type, c("robust", "KC", "MD", "FG", "model"), "vcov")
  df <- check_gee_df(df)
  of_type <- if (is.numeric(df)) {
    function(contrasts) rep(df, nrow(contrasts))
  } else if (df == "clusters" || type == "model") {
    of_clusters
  } else {
    function(contrasts) sandwich_core(fit, type, contrasts)$df
  }
  matrix <- if (type == "model") {
    fit$dispersion * fit$cov.unscaled
  } else {
    sandwich_core(fit, type, matrix(0, 0, length(fit$coefficients)))$covariance
  }
  dimnames(matrix) <- dimnames(fit$cov.unscaled)
  list(
    matrix = matrix, type = type,
    label = sprintf("%s, %s, %s", gee_covariance_words[[type]], words, df_words(df, type)),
    df = of_type, df_joint = if (is.numeric(df)) df else as.double(fit$df.residual)
  )
}

gee_covariance_words <- c(
  robust = "robust standard errors", KC = "Kauermann-Carroll standard errors",
  MD = "Mancl-DeRouen standard errors", FG = "Fay-Graubard standard errors",
  model = "standard errors of the working model"
)

check_gee_df <- function(df) {
  if (is.numeric(df)) {
    check_number(df, "df", min = .Machine$double.xmin)
  } else {
    check_choice(df, c("satterthwaite", "clusters"), "df")
  }
}

df_words <- function(df, type) {
  if (is.numeric(df)) {
    if (is.finite(df)) sprintf("df = %s", format(df)) else "z tests"
  } else if (df == "clusters" || type == "model") {
    "df of clusters less coefficients"
  } else {
    "Satterthwaite df"
  }
}

sandwich_core <- function(fit, type, contrasts) {
  storage.mode(contrasts) <- "double"
  contrasts[is.na(contrasts)] <- 0
  given <- gee_arguments(fit, model_columns(fit$terms, fit$model, fit$contrasts))
  .Call(
    C_qstr_gee_sandwich, given$model, given$family, given$rows, given$corstr, given$counts,
    list(fit$coefficients, fit$alpha),
    match(type, c("robust", "KC", "MD", "FG")) - 1L, contrasts, threads_to_use(NULL)
  )
}
