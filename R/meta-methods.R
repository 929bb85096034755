# What can be asked of a meta_analysis.

# ---- As data frames ----

#' @exportS3Method generics::tidy
tidy.meta_analysis <- function(x, exponentiate = FALSE, ...) {
  check_no_dots(...)
  check_flag(exponentiate, "exponentiate")
  rows <- do.call(rbind, c(
    list(tidy_pool(x, NA_character_)), unname(Map(tidy_pool, x$subgroups, names(x$subgroups)))
  ))
  if (exponentiate) {
    columns <- c("estimate", "conf.low", "conf.high")
    rows[columns] <- exp(rows[columns])
  }
  rows
}

tidy_pool <- function(fit, subgroup) {
  estimate <- unname(fit$coefficients)
  error <- sqrt(diag(fit$vcov))
  statistic <- estimate / error
  half <- critical_value(fit) * error
  plain_frame(list(
    term = names(fit$coefficients), subgroup = rep(subgroup, fit$p), k = rep(fit$k, fit$p),
    estimate = estimate, std.error = unname(error), statistic = unname(statistic),
    df = rep_len(fit$df, fit$p), p.value = two_sided(unname(statistic), fit$df),
    conf.low = unname(estimate - half), conf.high = unname(estimate + half)
  ))
}

# A df that is missing is that of the normal distribution.
critical_value <- function(fit, level = fit$conf.level) {
  stats::qt((1 + level) / 2, ifelse(is.na(fit$df), Inf, fit$df))
}

two_sided <- function(statistic, df) {
  2 * stats::pt(-abs(statistic), ifelse(is.na(df), Inf, df))
}

#' @exportS3Method generics::glance
glance.meta_analysis <- function(x, ...) {
  check_no_dots(...)
  columns <- c(
    "k", "tau2", "tau2.low", "tau2.high", "I2", "H2", "Q", "Q.df", "Q.p", "pred.low", "pred.high",
    "method", "test"
  )
  plain_frame(unclass(x)[columns])
}

#' @export
coef.meta_analysis <- function(object, ...) {
  object$coefficients
}

#' @export
vcov.meta_analysis <- function(object, ...) {
  object$vcov
}

#' @export
nobs.meta_analysis <- function(object, ...) {
  object$k
}

#' @export
weights.meta_analysis <- function(object, ...) {
  stats::setNames(object$studies$weight, object$studies$slab)
}

# ---- On the console ----

#' @rdname meta_analysis
#' @param x A `meta_analysis`.
#' @param digits Decimals of effects.
#' @param ... Nothing else: a misspelt argument is an error.
#' @export
print.meta_analysis <- function(x, digits = 2, ...) {
  check_no_dots(...)
  check_digits(digits, 1L)
  scale <- effect_scale(x$measure)
  lines <- c(
    meta_title(x, scale), "", pool_lines(x, scale, digits), prediction_line(x, scale, digits),
    heterogeneity_lines(x), difference_line(x)
  )
  notes <- x$notes
  writeLines(c(lines, if (length(notes) > 0) c("", unlist(lapply(notes, wrap_text, width = 80)))))
  invisible(x)
}

meta_title <- function(x, scale) {
  how <- c(
    FE = "fixed effect", MH = "Mantel-Haenszel, fixed effect", Peto = "Peto, fixed effect"
  )
  model <- if (x$method %in% names(how)) how[[x$method]] else paste("random effects,", x$method)
  test <- c(
    z = "z", HKSJ = "HKSJ", adhoc = "HKSJ with max(1, q)",
    CR2 = "CR2 with Satterthwaite's degrees of freedom"
  )[[x$test]]
  c(
    sprintf("%s: meta-analysis of %s", scale$name, count_effects(x)),
    sprintf(
      "%s; %s%s", sentence_case(model), test,
      if (is.null(x$preset)) "" else sprintf("; preset %s", x$preset)
    )
  )
}

count_effects <- function(x) {
  if (is.null(x$n_clusters)) {
    return(count_studies(x$k))
  }
  sprintf(
    "%d %s in %d %s", x$k, if (x$k == 1) "effect" else "effects",
    x$n_clusters, if (x$n_clusters == 1) "cluster" else "clusters"
  )
}

count_studies <- function(k) {
  paste(k, if (k == 1) "study" else "studies")
}

# A table of pools or coefficients in columns, ratios back on their own scale.
pool_lines <- function(x, scale, digits) {
  rows <- tidy.meta_analysis(x, exponentiate = scale$log && is.null(x$x))
  label <- ifelse(is.na(rows$subgroup), rows$term, paste0("  ", rows$subgroup))
  label[label == "overall"] <- "Overall"
  cells <- cbind(
    c("", label), c("k", rows$k),
    c(
      if (scale$log && !is.null(x$x)) "log" else scale$abbreviation,
      format_number(rows$estimate, digits)
    ),
    c(percent_words(x$conf.level), format_ci(rows$conf.low, rows$conf.high, digits)),
    c(if (anyNA(x$df)) "z" else "t", format_number(rows$statistic, 2)),
    c("P", format_p(rows$p.value))
  )
  aligned_lines(cells)
}

# Rows of a matrix of texts, the first column to the left, the others to the right.
aligned_lines <- function(cells) {
  widths <- apply(matrix(nchar(cells, "width"), nrow(cells)), 2, max)
  aligned <- vapply(seq_along(widths), function(j) {
    pad_text(cells[, j], widths[[j]], if (j == 1) "left" else "right")
  }, cells[, 1])
  sub(" +$", "", apply(matrix(aligned, nrow(cells)), 1, paste, collapse = "  "))
}

prediction_line <- function(x, scale, digits) {
  if (!is.na(x$pred.low)) {
    ends <- c(x$pred.low, x$pred.high)
    ends <- if (scale$log) exp(ends) else ends
    sprintf(
      "Prediction interval %s (t with %s df)", format_ci(ends[[1]], ends[[2]], digits),
      format_df(prediction_df(x))
    )
  }
}

heterogeneity_lines <- function(x) {
  if (x$k == x$p) {
    return(NULL)
  }
  tau <- if (!x$method %in% meta_fixed) {
    sprintf(
      "tau2 %s%s, tau %s", short_number(x$tau2), tau2_interval_words(x),
      short_number(sqrt(x$tau2))
    )
  }
  share <- if (!is.na(x$I2)) sprintf("I2 %s%%", format_number(x$I2, 0))
  q <- if (!is.na(x$Q)) {
    sprintf("Q %s, df %d, %s", format_number(x$Q, 2), x$Q.df, p_equals(x$Q.p))
  }
  parts <- c(tau, share, q)
  lines <- paste("Heterogeneity:", paste(parts, collapse = "; "))
  if (nchar(lines) > 80) {
    lines <- c(
      paste("Heterogeneity:", parts[[1]]), paste0("  ", paste(parts[-1], collapse = "; "))
    )
  }
  c("", lines, moderator_lines(x))
}

tau2_interval_words <- function(x) {
  if (!is.null(x$components)) {
    parts <- short_number(x$components)
    return(sprintf(" (between clusters %s, within %s)", parts[[1]], parts[[2]]))
  }
  if (is.na(x$tau2.low)) {
    return("")
  }
  sprintf(" (%s)", tau2_ends(x))
}

# Three significant digits, never as 1e-05.
short_number <- function(x) {
  text <- formatC(x, 3, format = "fg", flag = "#")
  ifelse(grepl("[.]", text), sub("[.]?0*$", "", text), text)
}

# "P = .034", "P <.001", "P >.99".
p_equals <- function(p) {
  text <- format_p(p)
  paste("P", if (grepl("^[<>]", text)) text else paste("=", text))
}

moderator_lines <- function(x) {
  test <- x$moderators.test
  if (!is.null(test)) {
    sprintf(
      "Moderators: %s %s, df %s, %s%s", if (is.na(test$df.residual)) "Q" else "F",
      format_number(test$statistic, 2),
      paste(stats::na.omit(c(test$df, test$df.residual)), collapse = " and "),
      p_equals(test$p.value),
      if (is.na(x$R2)) "" else sprintf("; R2 %s%%", format_number(x$R2, 0))
    )
  }
}

difference_line <- function(x) {
  test <- x$subgroup.test
  if (!is.null(test) && test$df > 0 && !is.na(test$Q)) {
    sprintf(
      "Subgroup differences: Q %s, df %d, %s", format_number(test$Q, 2), test$df,
      p_equals(test$p.value)
    )
  }
}

# ---- Weights, residuals, likelihood ----

#' @export
hatvalues.meta_analysis <- function(model, ...) {
  refuse_clusters(model, "hatvalues()")
  w <- 1 / (model$studies$vi + model$tau2)
  x <- if (is.null(model$x)) matrix(1, model$k, 1) else model$x
  hat <- w * rowSums((x %*% solve(crossprod(x, w * x))) * x)
  stats::setNames(hat, model$studies$slab)
}

#' @export
fitted.meta_analysis <- function(object, ...) {
  fitted <- if (is.null(object$x)) {
    rep(object$coefficients[[1]], object$k)
  } else {
    drop(object$x %*% object$coefficients)
  }
  stats::setNames(fitted, object$studies$slab)
}

#' @export
residuals.meta_analysis <- function(object, ...) {
  stats::setNames(object$studies$yi, object$studies$slab) - fitted.meta_analysis(object)
}

# Over their own standard errors, the pool estimated with the study in it.
#' @export
rstandard.meta_analysis <- function(model, ...) {
  variance <- (model$studies$vi + model$tau2) * (1 - hatvalues.meta_analysis(model))
  residuals.meta_analysis(model) / sqrt(variance)
}

# The effect less what the other studies say of it.
#' @export
rstudent.meta_analysis <- function(model, ...) {
  rows <- influence.meta_analysis(model)
  stats::setNames(rows$rstudent, rows$study)
}

#' @export
cooks.distance.meta_analysis <- function(model, ...) {
  rows <- influence.meta_analysis(model)
  stats::setNames(rows$cook.d, rows$study)
}

#' @export
logLik.meta_analysis <- function(object, ...) {
  restricted <- object$method == "REML"
  structure(
    object$logLik[[if (restricted) "REML" else "ML"]],
    df = object$p + !object$method %in% meta_fixed,
    nobs = object$k - restricted * object$p, class = "logLik"
  )
}

# Two variances, between clusters and within.
#' @export
logLik.meta_cluster <- function(object, ...) {
  structure(
    object$logLik, df = object$p + 2L, nobs = object$k - (object$method == "REML") * object$p,
    class = "logLik"
  )
}

#' @export
update.meta_analysis <- function(object, ...) {
  call <- object$call
  if (is.null(call)) {
    qst_abort("argument", "A subgroup's pool has no call to update. Update the fit that it is of.")
  }
  given <- match.call(expand.dots = FALSE)$...
  unknown <- setdiff(names(given), names(formals(meta_analysis)))
  if (length(unknown) > 0 || is.null(names(given)) && length(given) > 0) {
    qst_abort("argument", sprintf(
      "update() changes arguments of meta_analysis() by name; %s is none.",
      if (length(unknown) > 0) enumerate(unknown) else "one without a name"
    ))
  }
  call[names(given)] <- given
  # As in stats::update(), NULL takes an argument away.
  eval(call[!vapply(as.list(call), is.null, NA)], parent.frame())
}

#' @rdname meta_analysis
#' @param object A `meta_analysis`.
#' @export
summary.meta_analysis <- function(object, ...) {
  check_no_dots(...)
  structure(list(fit = object), class = "summary.meta_analysis")
}

#' @export
print.summary.meta_analysis <- function(x, digits = 2, ...) {
  print.meta_analysis(x$fit, digits = digits, ...)
  studies <- x$fit$studies
  scale <- effect_scale(x$fit$measure)
  ratio <- if (scale$log) exp else identity
  cells <- cbind(
    c("Study", studies$slab), c(scale$abbreviation, format_number(ratio(studies$yi), digits)),
    c(
      percent_words(x$fit$conf.level),
      format_ci(ratio(studies$conf.low), ratio(studies$conf.high), digits)
    ),
    c("Weight", paste0(format_number(studies$weight, 1), "%"))
  )
  writeLines(c("", aligned_lines(cells)))
  invisible(x)
}

# ---- Intervals ----

#' @rdname meta_analysis
#' @param parm For `confint()`: coefficients, by name or number; `"tau2"` gives
#'   tau2, tau, I2 and H2.
#' @param level Level of the interval, that of the fit if not given.
#' @param type The interval of tau2: `"QP"`, the Q-profile, or `"GENQ"`, the generalised
#'   Q of Jackson (2013) and, with moderators, Jackson, Turner, Rhodes & Viechtbauer
#'   (2014): exact given the variances, as in metafor a fit by `method = "GENQ"` has it.
#' @param weights For `"GENQ"`, the weights in Q, one a study in the order of `studies`:
#'   1 / vi if not given; Jackson advises 1 / sqrt(vi) where much heterogeneity is
#'   expected.
#' @export
confint.meta_analysis <- function(object, parm, level = object$conf.level,
                                  type = c("QP", "GENQ"), weights = NULL, ...) {
  check_no_dots(...)
  check_number(level, "level", min = 0, max = 1)
  type <- check_choice(type, c("QP", "GENQ"), "type")
  if (!missing(parm) && identical(parm, "tau2")) {
    return(tau2_interval(object, level, type, weights))
  }
  if (type != "QP") {
    qst_abort("argument", "Coefficients have no interval by \"GENQ\". Ask for parm = \"tau2\".")
  }
  ends <- (1 + c(-1, 1) * level) / 2
  half <- critical_value(object, level) * sqrt(diag(object$vcov))
  table <- cbind(object$coefficients - half, object$coefficients + half)
  dimnames(table) <- list(
    names(object$coefficients), paste(format(100 * ends, trim = TRUE, digits = 3), "%")
  )
  if (missing(parm)) table else table[parm, , drop = FALSE]
}

tau2_interval <- function(fit, level, type, weights) {
  if (fit$method %in% meta_fixed) {
    qst_abort("argument", sprintf(
      "A %s pool has no tau2. Fit with method = \"REML\" for its interval.", fit$method
    ))
  }
  refuse_clusters(fit, "An interval of tau2")
  if (type == "QP" && !is.null(weights)) {
    qst_abort("argument", "The Q-profile has its own weights. Ask for type = \"GENQ\" with yours.")
  }
  spec <- meta_spec(fit$method, fit$test, NULL, level)
  core <- meta_core(matrix(fit$studies$yi), matrix(fit$studies$vi), fit$x, spec)
  ends <- switch(type,
    QP = c(core$tau2.low, core$tau2.high),
    GENQ = generalised_q_ends(fit, level, weights)
  )
  tau2 <- c(fit$tau2, ends)
  rows <- rbind(
    tau2 = tau2, tau = sqrt(tau2), I2 = 100 * tau2 / (tau2 + core$typical),
    H2 = 1 + tau2 / core$typical
  )
  plain_rows(rows, c("estimate", "conf.low", "conf.high"))
}

# Jackson (2013, Res Synth Methods 4:220-229): Q = y'Py, P = A - AX (X'AX)^-1 X'A with fixed weights
# A, is sum(lambda_i chi2_1) with the eigenvalues lambda of S P S, S^2 = V + tau2 I. P(Q > q) rises
# with tau2; the ends are where it is one half of 1 - level, and where it is 1 less that.
generalised_q_ends <- function(fit, level, weights) {
  v <- fit$studies$vi
  a <- generalised_q_weights(fit, weights)
  x <- if (is.null(fit$x)) matrix(1, fit$k, 1) else fit$x
  if (fit$k == fit$p) {
    return(c(NA_real_, NA_real_))
  }
  contrasts <- diag(a, fit$k) - (a * x) %*% solve(crossprod(x, a * x), t(a * x))
  q <- drop(fit$studies$yi %*% contrasts %*% fit$studies$yi)
  above <- function(tau2) {
    s <- sqrt(v + tau2)
    lambda <- eigen(s * t(s * contrasts), symmetric = TRUE, only.values = TRUE)$values
    .Call(C_qstr_quadratic_form, pmax(lambda[seq_len(fit$k - fit$p)], 0), q)[[2]]
  }
  start <- max(fit$tau2, mean(v))
  vapply(c(1 - level, 1 + level) / 2, function(p) where_reaches(above, p, start), 0)
}

generalised_q_weights <- function(fit, weights) {
  if (is.null(weights)) {
    weights <- 1 / fit$studies$vi
  }
  if (!is.numeric(weights) || length(weights) != fit$k || !all(is.finite(weights) & weights > 0)) {
    qst_abort("argument", sprintf(
      "`weights` of the generalised Q must be %d finite numbers above 0, one a study%s.", fit$k,
      if (any(fit$studies$vi == 0)) "; variances of 0 give none of their own" else ""
    ))
  }
  weights
}

# Where `rising`, of x >= 0, comes to `p`; 0 if it begins above. It comes to 1 nowhere.
where_reaches <- function(rising, p, start) {
  if (rising(0) >= p) {
    return(0)
  }
  if (p == 1) {
    return(Inf)
  }
  high <- start
  while (rising(high) < p) {
    high <- 2 * high
  }
  stats::uniroot(function(x) rising(x) - p, c(0, high), tol = 1e-10 * high)$root
}

plain_rows <- function(rows, names) {
  frame <- plain_frame(c(list(term = row.names(rows)), lapply(seq_along(names), function(j) {
    unname(rows[, j])
  })))
  stats::setNames(frame, c("term", names))
}

#' @rdname meta_analysis
#' @param newdata A data frame with the moderators; the studies themselves if not
#'   given.
#' @export
predict.meta_analysis <- function(object, newdata = NULL, level = object$conf.level, ...) {
  check_no_dots(...)
  check_prediction_df(object)
  x <- prediction_matrix(object, newdata)
  estimate <- drop(x %*% object$coefficients)
  error <- sqrt(rowSums((x %*% object$vcov) * x))
  half <- critical_value(object, level)[[1]] * error
  columns <- list(
    estimate = unname(estimate), std.error = unname(error), conf.low = unname(estimate - half),
    conf.high = unname(estimate + half), pred.low = NA_real_, pred.high = NA_real_
  )
  if (has_prediction(object)) {
    wide <- stats::qt((1 + level) / 2, prediction_df(object)) * sqrt(object$tau2 + error^2)
    columns$pred.low <- unname(estimate - wide)
    columns$pred.high <- unname(estimate + wide)
  }
  as.data.frame(columns)
}

# Satterthwaite's are known for the coefficients only.
check_prediction_df <- function(fit) {
  if (fit$test == "CR2" && !is.null(fit$x)) {
    qst_abort("argument", paste(
      "Satterthwaite's degrees of freedom are those of the coefficients, not of a prediction.",
      "Centre the moderators where you predict and read the intercept, or fit with test = \"z\"."
    ))
  }
}

prediction_matrix <- function(fit, newdata) {
  if (is.null(fit$x)) {
    return(matrix(1, if (is.null(newdata)) 1L else nrow(newdata), 1))
  }
  if (is.null(newdata)) {
    return(fit$x)
  }
  check_columns(check_data_frame(newdata), all.vars(fit$terms$terms), "newdata")
  frame <- stats::model.frame(
    fit$terms$terms, newdata, na.action = stats::na.pass, xlev = fit$terms$xlevels
  )
  stats::model.matrix(fit$terms$terms, frame)[, names(fit$coefficients), drop = FALSE]
}

# ---- Comparing ----

#' @rdname meta_analysis
#' @export
anova.meta_analysis <- function(object, ...) {
  fits <- list(object, ...)
  if (length(fits) != 2 || !inherits(fits[[2]], "meta_analysis")) {
    qst_abort("argument", "anova() compares two fits of meta_analysis(). Give a second one.")
  }
  fits <- fits[order(vapply(fits, function(fit) fit$p, 0L))]
  lapply(fits, refuse_clusters, "anova()")
  check_nested_pools(fits[[1]], fits[[2]])
  logs <- lapply(fits, logLik.meta_analysis)
  statistic <- 2 * (as.numeric(logs[[2]]) - as.numeric(logs[[1]]))
  df <- fits[[2]]$p - fits[[1]]$p
  data.frame(
    model = c("small", "large"), df = vapply(logs, function(log) attr(log, "df"), 0),
    AIC = vapply(logs, stats::AIC, 0), logLik = vapply(logs, as.numeric, 0),
    statistic = c(NA, statistic), p.value = c(NA, stats::pchisq(statistic, df, lower.tail = FALSE)),
    tau2 = vapply(fits, function(fit) fit$tau2, 0)
  )
}

check_nested_pools <- function(small, large) {
  if (small$method != "ML" || large$method != "ML") {
    qst_abort("argument", paste(
      "Likelihoods of different moderators can be compared by ML only.",
      "Fit both with method = \"ML\"."
    ))
  }
  if (!identical(small$studies$yi, large$studies$yi)) {
    qst_abort("argument", sprintf(
      "The fits are of %d and %d studies. Fit both to the same rows.", small$k, large$k
    ))
  }
  of <- function(fit) if (is.null(fit$x)) matrix(1, fit$k, 1) else fit$x
  if (small$p == large$p || qr(cbind(of(large), of(small)))$rank > large$p) {
    qst_abort("argument", "The fits are not nested: one must have all moderators of the other.")
  }
}

#' Two presets side by side
#'
#' What RevMan 5.4 printed and what Cochrane recommends since 2025, from the same
#' effects and variances, and what changes.
#'
#' @param fit A fit of [meta_analysis()] without moderators; its subgroups are not
#'   looked at.
#' @return A data frame of class `preset_comparison` with a row for each preset:
#'   `preset`, `method`, `test`, `estimate`, `std.error`, `statistic`, `df`,
#'   `p.value`, `conf.low`, `conf.high`, `tau2`, `tau2.low`, `tau2.high`, `I2`, `Q`,
#'   `Q.p`, `pred.low`, `pred.high`. Ratios are logarithms in it and ratios in
#'   print. RevMan's variance of an SMD is a matter of [effect_size()].
#' @section Errors:
#' `questrial_error_argument` for what is no pool of studies.
#' @section Peers:
#' `meta::settings.meta("RevMan5")` changes the settings of a session; here both are
#' seen at once.
#' @examples
#' trials <- data.frame(yi = c(0.1, 0.5, 0.3), vi = c(0.04, 0.05, 0.02))
#' compare_presets(meta_analysis(yi, vi, data = trials))
#' @export
compare_presets <- function(fit) {
  if (!inherits(fit, "meta_analysis") || !is.null(fit$x)) {
    qst_abort("argument", sprintf(
      "`fit` must be a fit of meta_analysis() without moderators, not %s.", describe(fit)
    ))
  }
  refuse_clusters(fit, "A preset")
  presets <- c("revman5.4", "cochrane2025")
  rows <- lapply(presets, function(preset) {
    one <- pool_studies(
      fit$studies, NULL, meta_spec(NULL, NULL, preset, fit$conf.level), fit$measure
    )
    columns <- c("tau2", "tau2.low", "tau2.high", "I2", "Q", "Q.p", "pred.low", "pred.high")
    data.frame(
      preset = preset, method = one$method, test = one$test,
      tidy_pool(one, NA)[c(
        "estimate", "std.error", "statistic", "df", "p.value", "conf.low", "conf.high"
      )], unclass(one)[columns]
    )
  })
  structure(
    do.call(rbind, rows), class = c("preset_comparison", "data.frame"), measure = fit$measure,
    k = fit$k, conf.level = fit$conf.level
  )
}

#' @export
print.preset_comparison <- function(x, digits = 2, ...) {
  check_no_dots(...)
  scale <- effect_scale(attr(x, "measure"))
  ratio <- if (scale$log) exp else identity
  interval <- function(low, high) format_ci(ratio(low), ratio(high), digits, missing = "-")
  cells <- rbind(
    c("", "RevMan 5.4", "Cochrane 2025"), c("Variance between studies", x$method),
    c("Interval by", x$test), c(scale$abbreviation, format_number(ratio(x$estimate), digits)),
    c(percent_words(attr(x, "conf.level")), interval(x$conf.low, x$conf.high)),
    c("P", format_p(x$p.value)), c("tau2", short_number(x$tau2)),
    c("  interval", ifelse(is.na(x$tau2.low), "-", tau2_ends(x))),
    c("I2", paste0(format_number(x$I2, 0), "%")),
    c("Prediction interval", interval(x$pred.low, x$pred.high))
  )
  writeLines(c(
    sprintf("%s: %s by two presets", scale$name, count_studies(attr(x, "k"))), "",
    aligned_lines(cells), "", wrap_text(preset_verdict(x), 80)
  ))
  invisible(x)
}

tau2_ends <- function(x) {
  paste(short_number(x$tau2.low), "to", short_number(x$tau2.high))
}

# What changes between the two, in a sentence.
preset_verdict <- function(x) {
  alpha <- 1 - attr(x, "conf.level")
  significant <- x$p.value < alpha
  wide <- (x$conf.high - x$conf.low)[[2]] / (x$conf.high - x$conf.low)[[1]]
  conclusion <- if (is.na(wide)) {
    "One of the intervals cannot be made."
  } else if (significant[[1]] == significant[[2]]) {
    sprintf("%s at the level %s by both.",
      if (significant[[1]]) "Significant" else "Not significant", format(round(alpha, 6))
    )
  } else {
    sprintf("Significant by %s only.", c("RevMan 5.4", "Cochrane 2025")[significant])
  }
  paste(conclusion, if (!is.na(wide)) {
    sprintf("The interval of Cochrane 2025 is %s times as wide.", format_number(wide, 2))
  })
}
