#' Complier average causal effect
#'
#' What attending does to those who attend because they were assigned to, when
#' not all who were assigned attended. Assignment is the instrument:
#' the effect of assignment on the outcome over its effect on attendance,
#' by two-stage least squares (Angrist, Imbens & Rubin 1996), with standard errors
#' that hold for unequal variances or clusters, and Anderson & Rubin's (1949)
#' interval, which keeps its level however few attended.
#'
#' @section Method:
#' `received` is regressed on `assigned` and the covariates, then the outcome
#' on the fitted values and the covariates. Residuals are taken at `received`
#' itself; leverages and clusters are those of the second stage, as in
#' `estimatr::iv_robust()` and AER's `ivreg()` with sandwich. The first-stage F tests
#' `assigned` with the same covariance.
#'
#' The Anderson-Rubin interval holds the effects b for which `assigned` has
#' no significant coefficient in a regression of `outcome - b * received`. With
#' one instrument that is a quadratic inequality, solved exactly; when the
#' first stage is not significant at the same level, the set is unbounded, and
#' is said to be so. Its test of no effect is that of assignment on the outcome.
#'
#' @section What is assumed:
#' Assignment was random; it changes the outcome only through `received`; nobody
#' does the opposite of the assignment; one person's attendance does not change
#' another's outcome. If `received` is a number of sessions, the effect
#' is one a session, averaged over those whose number the assignment
#' changed (Angrist & Imbens 1995), and is that of each session only if all
#' count the same.
#'
#' @param formula `outcome ~ received | assigned`, with covariates on both sides
#'   of the bar: `outcome ~ received + x | assigned + x`. `received` is a number,
#'   a logical or a factor with two levels; `assigned` has two values, of which
#'   the larger (`TRUE`, second level) is assignment. For a trial of three arms
#'   choose two by `subset`.
#' @param data A data frame (or list or environment) with these variables.
#' @param weights,subset,na.action As in [fit_glm()].
#' @param cluster Clusters, as in [fit_glm()].
#' @param vcov `"model"`, `"HC0"` to `"HC3"`, `"CR0"` to `"CR2"`, as for
#'   [vcov.fit_glm()]; by default `"HC2"`, and `"CR2"` with Satterthwaite df if there are clusters.
#' @param conf.level Level of the intervals.
#' @return An object of class `cace` that prints itself: `effects`, a data frame with
#'   three rows (assignment on the outcome, assignment on `received`, and their
#'   ratio, the CACE) of `effect`, `estimate`, `std.error`, `statistic`, `df`,
#'   `p.value`, `conf.low`, `conf.high`; `coefficients` and `vcov` of the second
#'   stage; `first_stage` with `F` and df; `anderson_rubin` with `conf.low`,
#'   `conf.high` and `shape` (`"interval"`, `"rays"`: all but what lies between;
#'   `"line"`: all numbers). [coef()], [vcov()], [confint()], [nobs()], `tidy()` and `glance()`.
#' @section Missing values:
#' Rows with a missing value in any variable are left out, and counted.
#' @section Errors:
#' `questrial_error_argument` for a formula that has not one variable
#' received and one assigned; `questrial_error_singular` when the assignment or its
#' effect on `received` cannot be told from the covariates.
#' @section Peers:
#' `estimatr::iv_robust(y ~ d + x | z + x)` gives the same estimates and standard
#' errors (its `"stata"` is CR1 times (n - 1) / (n - k)); it has no
#' Anderson-Rubin interval. Stata: `ivregress 2sls`, `weakiv`. SPSS: 2SLS.
#' @references
#' Anderson TW, Rubin H (1949). *Ann Math Stat* 20:46-63.
#' Angrist JD, Imbens GW (1995). *JASA* 90:431-442.
#' Angrist JD, Imbens GW, Rubin DB (1996). *JASA* 91:444-455.
#' @examples
#' # Synthetic: half of those assigned attend, nobody else does.
#' set.seed(1)
#' trial <- data.frame(assigned = rep(0:1, 60), before = rnorm(120))
#' trial$attended <- trial$assigned * rbinom(120, 1, 0.5)
#' trial$score <- 50 + 3 * trial$attended + 2 * trial$before + rnorm(120)
#' cace(score ~ attended + before | assigned + before, trial)
#' @export
cace <- function(formula, data, weights = NULL, subset, na.action, cluster = NULL, vcov = NULL,
                 conf.level = 0.95) {
  call <- match.call()
  check_number(conf.level, "conf.level", min = 0, max = 1)
  roles <- cace_roles(formula)
  if (missing(data)) {
    data <- environment(formula)
  }
  check_model_data(formula, data)
  action <- if (missing(na.action)) NULL else na.action
  frame <- model_frame(roles$all, data, frame_expressions(call), action, threads_to_use(NULL))
  parts <- cace_parts(frame, roles)
  vcov <- if (!is.null(vcov)) vcov else if (is.null(parts$cluster)) "HC2" else "CR2"
  result <- c(
    list(call = call, formula = formula, names = roles$names, conf.level = conf.level),
    estimate_cace(parts, roles$names, vcov, conf.level)
  )
  structure(result, class = "cace")
}

# ---- Reading ----

# The variable received, the one assigned, the covariates, and one formula of all.
cace_roles <- function(formula) {
  is_iv <- inherits(formula, "formula") && length(formula) == 3 &&
    is.call(formula[[3]]) && identical(formula[[3]][[1]], quote(`|`))
  if (!is_iv) {
    qst_abort("argument", sprintf(
      "`formula` must be outcome ~ received | assigned, not %s. Covariates stand on both sides.",
      if (inherits(formula, "formula")) deparse1(formula) else describe(formula)
    ))
  }
  sides <- lapply(as.list(formula[[3]])[2:3], function(side) {
    attr(stats::terms(stats::as.formula(call("~", side), environment(formula))), "term.labels")
  })
  received <- setdiff(sides[[1]], sides[[2]])
  assigned <- setdiff(sides[[2]], sides[[1]])
  if (length(received) != 1 || length(assigned) != 1) {
    qst_abort("argument", sprintf(
      paste(
        "`formula`: only before the bar are %s, only after it %s; each must be one variable.",
        "Write covariates on both sides, as in y ~ received + x | assigned + x."
      ), enumerate(received), enumerate(assigned)
    ))
  }
  covariates <- intersect(sides[[1]], sides[[2]])
  all <- stats::reformulate(c(received, assigned, covariates), formula[[2]])
  environment(all) <- environment(formula)
  list(
    all = all, covariates = covariates,
    names = c(
      outcome = deparse1(formula[[2]]), received = gsub("`", "", received),
      assigned = gsub("`", "", assigned)
    )
  )
}

# Response, assignment, what was received, the constant and covariates as columns.
cace_parts <- function(frame, roles) {
  response <- numeric_response(frame[[1]], roles$names[["outcome"]], stats::gaussian())
  common <- stats::reformulate(c("1", roles$covariates))
  environment(common) <- environment(roles$all)
  assigned <- two_values(frame, roles$names[["assigned"]])
  received <- amount_received(frame, roles$names[["received"]])
  columns <- stats::model.matrix(common, frame)
  list(
    y = response, z = assigned$code, d = received, columns = columns,
    weights = frame_weights(frame), cluster = attr(frame, "cluster"), labels = assigned$labels,
    left_out = length(attr(frame, "na.action"))
  )
}

two_values <- function(frame, name) {
  x <- variable_of(frame, name)
  known <- if (is.factor(x)) levels(x) else sort(unique(x))
  if (length(known) != 2) {
    qst_abort("argument", sprintf(
      "`%s`, the assignment, has %d values, %s. Choose two by `subset`.", name, length(known),
      enumerate(as.character(known))
    ), column = name)
  }
  list(code = as.double(x == known[[2]]), labels = as.character(known))
}

amount_received <- function(frame, name) {
  x <- variable_of(frame, name)
  if (is.character(x) || is.factor(x)) {
    return(two_values(frame, name)$code)
  }
  as.double(x)
}

variable_of <- function(frame, name) {
  x <- frame[[name]]
  if (is.null(x) || NCOL(x) != 1) {
    qst_abort("argument", sprintf(
      "`formula`: %s is not one variable. Compute it in the data first.", name
    ), column = name)
  }
  x
}

# ---- Estimation ----

# A linear model of a vector on the columns of a matrix, the last of which is of interest.
stage <- function(response, columns, parts) {
  data <- list(response = response, columns = columns)
  weights <- parts$weights
  cluster <- parts$cluster
  fit <- fit_glm(response ~ 0 + columns, data, weights = weights, cluster = cluster)
  if (is.na(fit$coefficients[[ncol(columns)]])) {
    qst_abort("singular", paste(
      "The effect of the last stage cannot be told from the covariates, or everybody received",
      "the same. Leave covariates out, or look at the assignment."
    ))
  }
  fit
}

last_contrast <- function(fit) {
  k <- length(fit$coefficients)
  matrix(as.double(seq_len(k) == k), 1)
}

# The last coefficient of a stage with its test and interval.
stage_effect <- function(fit, covariance, name, conf.level) {
  k <- length(fit$coefficients)
  error <- sqrt(covariance$matrix[k, k])
  df <- covariance$df(last_contrast(fit))
  statistic <- fit$coefficients[[k]] / error
  half <- stats::qt((1 + conf.level) / 2, df) * error
  data.frame(
    effect = name, estimate = fit$coefficients[[k]], std.error = error, statistic = statistic,
    df = df, p.value = 2 * stats::pt(abs(statistic), df, lower.tail = FALSE),
    conf.low = fit$coefficients[[k]] - half, conf.high = fit$coefficients[[k]] + half
  )
}

estimate_cace <- function(parts, names, vcov, conf.level) {
  with_z <- cbind(parts$columns, parts$z)
  reduced <- stage(parts$y, with_z, parts)
  first <- stage(parts$d, with_z, parts)
  second <- second_stage(parts, first)
  fits <- list(reduced, first, second)
  covariances <- lapply(fits, fit_covariance, vcov = vcov)
  labels <- c(
    sprintf("%s on %s (ITT)", names[["assigned"]], names[["outcome"]]),
    sprintf("%s on %s", names[["assigned"]], names[["received"]]),
    sprintf("%s on %s (CACE)", names[["received"]], names[["outcome"]])
  )
  effects <- do.call(rbind, Map(stage_effect, fits, covariances, labels, conf.level))
  row.names(effects) <- NULL
  columns <- c(colnames(parts$columns), names[["received"]])
  kept <- fits[[3]]$n_used
  list(
    effects = effects, coefficients = stats::setNames(second$coefficients, columns),
    vcov = structure(covariances[[3]]$matrix, dimnames = list(columns, columns)),
    first_stage = c(
      F = effects$statistic[[2]]^2, df = 1, df.residual = effects$df[[2]],
      p.value = effects$p.value[[2]]
    ),
    anderson_rubin = anderson_rubin(fits, covariances, parts, vcov, conf.level),
    received = received_by_arm(parts), label = covariances[[3]]$label,
    type = covariances[[3]]$type, df.residual = second$df.residual, n_used = kept,
    left_out = parts$left_out
  )
}

# Least squares on the first stage's fitted values has the coefficients and
# the bread; residuals are those at what was received.
second_stage <- function(parts, first) {
  fit <- stage(parts$y, cbind(parts$columns, first$fitted.values), parts)
  b <- replace(fit$coefficients, is.na(fit$coefficients), 0)
  fit$fitted.values <- drop(cbind(parts$columns, parts$d) %*% b)
  fit$residuals <- parts$y - fit$fitted.values
  fit$deviance <- sum(prior_weights(fit) * fit$residuals^2)
  fit
}

# All b with (p_y - b p_d)^2 <= F (v_yy - 2 b v_yd + b^2 v_dd), where p are the
# coefficients of the assignment in the stages of outcome and received, v their
# covariances, and v_yd comes from the stage of y + scale d, since a sandwich is
# a quadratic form in the residuals.
anderson_rubin <- function(fits, covariances, parts, vcov, conf.level) {
  last <- function(fit, covariance) {
    k <- length(fit$coefficients)
    covariance$matrix[k, k]
  }
  v_y <- last(fits[[1]], covariances[[1]])
  v_d <- last(fits[[2]], covariances[[2]])
  scale <- if (v_d > 0) sqrt(v_y / v_d) else 1
  both <- stage(parts$y + scale * parts$d, cbind(parts$columns, parts$z), parts)
  v_yd <- (last(both, fit_covariance(both, vcov)) - v_y - scale^2 * v_d) / (2 * scale)
  p_y <- unname(utils::tail(fits[[1]]$coefficients, 1))
  p_d <- unname(utils::tail(fits[[2]]$coefficients, 1))
  bound <- stats::qf(conf.level, 1, covariances[[1]]$df(last_contrast(fits[[1]])))
  quadratic_set(p_d^2 - bound * v_d, p_y * p_d - bound * v_yd, p_y^2 - bound * v_y)
}

# The b with a b^2 - 2 h b + c <= 0.
quadratic_set <- function(a, h, c) {
  inside <- h^2 - a * c
  if (a < 0 && inside <= 0) {
    return(list(conf.low = -Inf, conf.high = Inf, shape = "line"))
  }
  larger <- h + (if (h < 0) -1 else 1) * sqrt(max(inside, 0))
  roots <- sort(c(larger / a, c / larger))
  list(
    conf.low = roots[[1]], conf.high = roots[[2]], shape = if (a > 0) "interval" else "rays"
  )
}

received_by_arm <- function(parts) {
  used <- if (is.null(parts$weights)) rep(TRUE, length(parts$z)) else parts$weights > 0
  arms <- lapply(0:1, function(code) parts$d[used & parts$z == code])
  data.frame(
    assigned = parts$labels, n = lengths(arms), mean = vapply(arms, mean, 0),
    none = vapply(arms, function(d) sum(d == 0), 0L), binary = all(parts$d %in% 0:1)
  )
}

# ---- Methods ----

#' @export
print.cace <- function(x, ...) {
  check_no_dots(...)
  table <- estimates_table(
    x$effects, "cace", sprintf("Complier average causal effect on %s", x$names[["outcome"]]),
    cace_notes(x), x$conf.level, c(effect = "Effect")
  )
  print(table)
  invisible(x)
}

cace_notes <- function(x) {
  f <- x$first_stage
  c(
    sprintf("%s (Anderson-Rubin): %s.", sentence_case(percent_words(x$conf.level)), ar_text(x)),
    sprintf(
      "First stage: F(1, %s) = %s%s", format_df(f[["df.residual"]]), format_number(f[["F"]], 1),
      if (f[["F"]] < 10) "; below 10, so trust Anderson-Rubin's interval only." else "."
    ),
    received_text(x),
    sprintf("Two-stage least squares; %s.", if (nzchar(x$label)) x$label else "equal variances"),
    sprintf(
      paste(
        "Assumed: `%s` was random and acts on `%s` through `%s` alone; nobody does the opposite",
        "of the assignment; one person's `%s` does not change another's outcome."
      ), x$names[["assigned"]], x$names[["outcome"]], x$names[["received"]], x$names[["received"]]
    ),
    sprintf(
      "%s rows used%s.", count_text(x$n_used),
      if (x$left_out > 0) {
        sprintf(", %s left out for missing values", count_text(x$left_out))
      } else {
        ""
      }
    )
  )
}

ar_text <- function(x) {
  set <- x$anderson_rubin
  digits <- decimals_for(x$effects$std.error)
  switch(set$shape,
    interval = format_ci(set$conf.low, set$conf.high, digits),
    rays = sprintf(
      "below %s or above %s", format_number(set$conf.low, digits),
      format_number(set$conf.high, digits)
    ),
    line = "all numbers; the assignment says too little of what was received"
  )
}

received_text <- function(x) {
  arms <- x$received
  each <- if (arms$binary[[1]]) {
    sprintf("%d of %d", arms$n - arms$none, arms$n)
  } else {
    sprintf("mean %s, n %d", format_number(arms$mean, 2), arms$n)
  }
  one_sided <- if (arms$none[[1]] == arms$n[[1]]) {
    "; none without assignment, so the effect is that in those who received it"
  } else {
    ""
  }
  sprintf(
    "`%s` by `%s`: %s%s.", x$names[["received"]], x$names[["assigned"]],
    paste(sprintf("%s: %s", arms$assigned, each), collapse = "; "), one_sided
  )
}

#' @export
coef.cace <- function(object, ...) {
  object$coefficients
}

#' @export
vcov.cace <- function(object, ...) {
  object$vcov
}

#' @export
nobs.cace <- function(object, ...) {
  as.integer(object$n_used)
}

#' @export
formula.cace <- function(x, ...) {
  x$formula
}

#' @export
confint.cace <- function(object, parm = c("wald", "anderson-rubin"), level = NULL, ...) {
  check_no_dots(...)
  parm <- check_choice(parm, c("wald", "anderson-rubin"), "parm")
  if (!is.null(level) && level != object$conf.level) {
    qst_abort("argument", "`level` is set by `conf.level` of cace(). Estimate again with it.")
  }
  limits <- if (parm == "wald") object$effects[3, ] else object$anderson_rubin
  tails <- c(1 - object$conf.level, 1 + object$conf.level) / 2
  matrix(
    c(limits$conf.low, limits$conf.high), 1,
    dimnames = list(object$names[["received"]], paste(100 * tails, "%"))
  )
}

#' @exportS3Method generics::tidy
tidy.cace <- function(x, ...) {
  check_no_dots(...)
  data.frame(term = c("itt", "uptake", "cace"), x$effects[-1])
}

#' @exportS3Method generics::glance
glance.cace <- function(x, ...) {
  check_no_dots(...)
  set <- x$anderson_rubin
  data.frame(
    nobs = stats::nobs(x), left.out = x$left_out, vcov = x$type,
    first.stage.F = x$first_stage[["F"]], first.stage.df = x$first_stage[["df.residual"]],
    ar.low = set$conf.low, ar.high = set$conf.high, ar.shape = set$shape
  )
}
