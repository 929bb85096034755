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
    df = rep(fit$df, fit$p), p.value = two_sided(unname(statistic), fit$df),
    conf.low = unname(estimate - half), conf.high = unname(estimate + half)
  ))
}

critical_value <- function(fit, level = fit$conf.level) {
  if (is.na(fit$df)) stats::qnorm((1 + level) / 2) else stats::qt((1 + level) / 2, fit$df)
}

two_sided <- function(statistic, df) {
  if (is.na(df)) {
    2 * stats::pnorm(-abs(statistic))
  } else {
    2 * stats::pt(-abs(statistic), df)
  }
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
  test <- c(z = "z", HKSJ = "HKSJ", adhoc = "HKSJ with max(1, q)")[[x$test]]
  c(
    sprintf("%s: meta-analysis of %s", scale$name, count_studies(x$k)),
    sprintf(
      "%s; %s%s", sentence_case(model), test,
      if (is.null(x$preset)) "" else sprintf("; preset %s", x$preset)
    )
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
    c(if (is.na(x$df)) "z" else "t", format_number(rows$statistic, 2)),
    c("P", format_p(rows$p.value))
  )
  widths <- apply(nchar(cells, "width"), 2, max)
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
      "Prediction interval %s (t with %d df)", format_ci(ends[[1]], ends[[2]], digits),
      as.integer(prediction_df(x))
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
  c("", paste0("Heterogeneity: ", paste(parts, collapse = "; ")), moderator_lines(x))
}

tau2_interval_words <- function(x) {
  if (is.na(x$tau2.low)) {
    return("")
  }
  sprintf(" (%s to %s)", short_number(x$tau2.low), short_number(x$tau2.high))
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
  if (!is.null(test) && test$df > 0) {
    sprintf(
      "Subgroup differences: Q %s, df %d, %s", format_number(test$Q, 2), test$df,
      p_equals(test$p.value)
    )
  }
}
