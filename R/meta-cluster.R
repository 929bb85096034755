# Effects that depend on one another: several of a study, or comparisons that share an arm.

#' Pool effects that depend on one another
#'
#' What `cluster` of [meta_analysis()] does, for studies that give several effects: scales of
#' one construct, later measurements, arms that share a control.
#'
#' @section Model:
#' The effects of a cluster vary about its mean, and the means of clusters about the pool:
#' variances `within` and `between` of the component `components`, whose sum is `tau2` (the
#' multilevel model of Konstantopoulos 2011). The errors of effects that come from the same
#' people go together too: `rho` is their correlation, the same for all (0.6 if nothing is
#' known; try others), or `covariance` the whole matrix, such as [shared_control_vcov()] makes.
#'
#' As neither is known well, `test = "CR2"`, the default with a cluster, takes standard errors
#' that hold if they are wrong, from the clusters' residuals (CR2 with the model's covariance),
#' and t with Satterthwaite's degrees of freedom, one for each coefficient (Pustejovsky & Tipton
#' 2018, <doi:10.1080/07350015.2016.1247004>; 2022, <doi:10.1007/s11121-021-01246-3>). Below
#' four degrees of freedom even these P values are too small, and a note says so. `test = "z"`
#' believes the model.
#'
#' `method` is `"REML"` or `"ML"`. Weights are the row sums of the inverse covariance. I2 is
#' tau2 over tau2 plus the typical variance, with all effects' covariances (Q too).
#'
#' @section Peers:
#' `metafor::rma.mv(yi, V, random = ~ 1 | cluster / effect)` followed by `robust(clubSandwich =
#' TRUE)`, with `V` of `vcalc()`: the same numbers to the digits at which its optimiser stops;
#' ours is solved to the end. `robumeta::robu()` has other weights.
#'
#' @name meta_cluster
#' @aliases cluster
#' @seealso [meta_analysis()], [shared_control_vcov()].
#' @examples
#' # Synthetic: two scales in each of five trials.
#' scales <- data.frame(
#'   study = rep(paste("Trial", 1:5), each = 2), yi = c(.2, .3, .5, .4, .1, .2, .6, .8, .3, .25),
#'   vi = c(.04, .05, .06, .05, .03, .03, .08, .07, .04, .05)
#' )
#' meta_analysis(yi, vi, data = scales, cluster = study, rho = 0.6)
NULL

# The part of meta_spec() that a cluster changes; NULL is what was not given.
cluster_spec <- function(spec, method, test, rho, covariance) {
  if (!is.null(spec$preset)) {
    qst_abort("argument", "A preset pools independent effects. Leave out `preset` or `cluster`.")
  }
  spec$method <- check_choice(if (is.null(method)) "REML" else method, c("REML", "ML"), "method")
  spec$test <- check_choice(if (is.null(test)) "CR2" else test, c("CR2", "z"), "test")
  if (!is.null(rho) && !is.null(covariance)) {
    qst_abort("argument", "`rho` and `covariance` are both given. Give one of them.")
  }
  spec$rho <- if (is.null(rho)) 0 else check_number(rho, "rho", min = -1, max = 1)
  spec$rho_given <- !is.null(rho)
  spec$covariance <- covariance
  spec
}

refuse_cluster_words <- function(rho, covariance) {
  if (!is.null(rho) || !is.null(covariance)) {
    qst_abort("argument", paste(
      "`rho` and `covariance` are of effects that depend on one another.",
      "Say by `cluster` which do."
    ))
  }
}

# Codes of the clusters of all rows, with their number.
effect_clusters <- function(input, call) {
  x <- meta_column(call$cluster, input$data, input$frame, "cluster")
  if (inherits(x, "formula")) {
    if (length(x) != 2 || length(all.vars(x)) != 1) {
      qst_abort("argument", "`cluster` as a formula names one column, as in ~ study.")
    }
    x <- meta_column(x[[2]], input$data, environment(x), "cluster")
  }
  check_meta_length(x, "cluster", length(input$yi))
  if (anyNA(x)) {
    at <- which(is.na(x))[[1]]
    qst_abort("argument", sprintf(
      "`cluster` of row %d is missing. Say to which study the effect belongs.", at
    ), row = at)
  }
  if (!is.null(input$subgroup)) {
    qst_abort("argument", paste(
      "Subgroups of dependent effects would be taken for independent of one another.",
      "Compare them by `moderators = ~ group`."
    ))
  }
  match(x, unique(x))
}

# The rows used of a covariance matrix, checked against the variances and the clusters.
used_covariance <- function(covariance, input, codes, used) {
  if (is.null(covariance)) {
    return(NULL)
  }
  k <- length(input$yi)
  if (!is.matrix(covariance) || !is.numeric(covariance) || !all(dim(covariance) == k)) {
    qst_abort("argument", sprintf(
      "`covariance` must be a %d x %d matrix of numbers, not %s.", k, k, describe(covariance)
    ))
  }
  covariance <- covariance[used, used, drop = FALSE]
  storage.mode(covariance) <- "double"
  near <- 1e-8 * max(abs(covariance))
  faults <- list(
    "is not symmetric" = abs(covariance - t(covariance)) > near,
    "has other variances than `vi` on its diagonal" =
      diag(abs(diag(covariance) - input$vi[used]) > near, length(used)),
    "joins effects of different clusters" =
      outer(codes[used], codes[used], "!=") & abs(covariance) > near
  )
  for (fault in names(faults)) {
    at <- which(is.na(faults[[fault]]) | faults[[fault]] == 1, arr.ind = TRUE)
    if (length(at) > 0) {
      qst_abort("argument", sprintf(
        "`covariance` %s (rows %d and %d). Correct it, or give `rho`.", fault,
        used[at[[1, 1]]], used[at[[1, 2]]]
      ), row = used[at[[1, 1]]])
    }
  }
  covariance
}

pool_clusters <- function(rows, input, codes, spec) {
  studies <- rows$studies
  used <- studies$row
  cluster <- match(codes[used], unique(codes[used]))
  core <- .Call(
    C_qstr_meta_cluster, studies$yi, studies$vi, rows$x, cluster,
    c(max(cluster), as.integer(spec$method == "ML"), 1000L), spec$rho,
    used_covariance(spec$covariance, input, codes, used)
  )
  check_cluster_outcome(core, studies, rows$x, spec)
  studies$weight <- 100 * core$weights / sum(core$weights)
  studies$cluster <- cluster
  new_cluster_fit(core, studies, rows$x, spec, input$measure)
}

check_cluster_outcome <- function(core, studies, x, spec) {
  if (identical(meta_outcomes[core$outcome], "no_weight")) {
    qst_abort("singular", paste(
      "The covariance of the effects is not positive definite, or a variance is 0.",
      "Check `vi`, `rho` and `covariance`."
    ))
  }
  if (core$outcome == 4L) {
    qst_abort("convergence", sprintf(
      "%s did not converge in 1000 steps. Check `vi` and `covariance`, or take method = \"%s\".",
      spec$method, setdiff(c("REML", "ML"), spec$method)
    ))
  }
  check_outcome(core, studies, x, spec)
  if (spec$test == "CR2" && anyNA(core$robust)) {
    qst_abort("no_data", paste(
      "All effects are of one cluster, and robust standard errors need several.",
      "Leave out `cluster`, or take test = \"z\"."
    ))
  }
}

new_cluster_fit <- function(core, studies, x, spec, measure) {
  names <- if (is.null(x)) "overall" else colnames(x)
  p <- length(names)
  k <- nrow(studies)
  robust <- spec$test == "CR2"
  tau2 <- core$between + core$within
  vcov <- if (robust) core$robust else core$vcov
  fit <- list(
    coefficients = stats::setNames(core$b, names),
    vcov = matrix(vcov, p, p, dimnames = list(names, names)),
    tau2 = tau2, se.tau2 = NA_real_, method = spec$method, test = spec$test, preset = NULL,
    measure = measure, conf.level = spec$conf.level, studies = studies, omitted = NULL, k = k,
    df = if (robust) core$df else rep(NA_real_, p), Q = core$Q, Q.df = k - p,
    Q.p = q_p_value(core$Q, k - p), I2 = 100 * tau2 / (tau2 + core$typical),
    H2 = 1 + tau2 / core$typical, tau2.low = NA_real_, tau2.high = NA_real_, pred.low = NA_real_,
    pred.high = NA_real_, subgroups = NULL, subgroup.test = NULL, notes = character(),
    call = NULL, p = p, components = c(between = core$between, within = core$within),
    n_clusters = max(studies$cluster), rho = spec$rho, logLik = core$logLik, x = x
  )
  class(fit) <- c("meta_cluster", "meta_analysis")
  if (is.null(x)) {
    fit <- add_prediction(fit, spec)
  }
  fit$notes <- cluster_notes(fit, spec)
  fit
}

cluster_notes <- function(fit, spec) {
  c(
    if (is.null(spec$covariance)) {
      sprintf(
        "Errors of effects of a cluster %s.",
        if (spec$rho != 0) {
          sprintf("are taken to correlate by %s", format(spec$rho))
        } else if (spec$rho_given) {
          "are taken for independent"
        } else {
          "are taken for independent; give `rho` if they come from the same people"
        }
      )
    },
    if (any(fit$df < 4, na.rm = TRUE)) {
      "Fewer than four degrees of freedom: P is too small even so (Tipton 2015)."
    }
  )
}

# What is made for independent effects is not given dependent ones.
refuse_clusters <- function(fit, what) {
  if (inherits(fit, "meta_cluster")) {
    qst_abort("argument", sprintf(
      "%s takes effects for independent, and those of `fit` come in clusters. %s", what,
      "Pool one effect a study for it."
    ))
  }
}
