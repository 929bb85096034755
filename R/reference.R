#' Impute outcomes as if people had moved to the reference arm
#'
#' Multiple imputation of an outcome at one or more visits under an assumption about those
#' who stopped: that from then on they did as the reference arm does
#' (Carpenter, Roger & Kenward 2013), or, for comparison, as their own arm does.
#'
#' The outcomes of a person are taken as multivariate normal. Their means at each visit
#' are linear in arm and covariates, \eqn{\mu_{iv} = \alpha_{av} + x_i'\beta_v}{mu = alpha + x'b},
#' and they have an unstructured covariance. What is assumed of visits after the person stopped,
#' given the visits before, is the regression of the reference arm, centred
#'
#' | method | before | after | in words |
#' |---|---|---|---|
#' | `"MAR"` | own means | own means | went on as in the own arm (missing at random) |
#' | `"J2R"` | own means | reference's means | jump to reference: the effect is lost |
#' | `"CR"` | reference's means | reference's means | copy reference: never was in another arm |
#' | `"CIR"` | own means | own last mean before + the reference's changes | copy increments: kept |
#'
#' with means at the person's own covariates. `"MAR"` has its own arm's regression. A person
#' with no visit before has the reference's means under the last three. In the reference arm all
#' four are the same.
#'
#' Missing values with an observed one after them (gaps) are imputed at random in the own arm
#' whatever the method; with `ice` so are all missing values before the event.
#' (rbmi has gaps under the means of the method, which differs for `"CR"`.)
#'
#' @section Method:
#' Parameters are drawn by data augmentation (Schafer 1997, section 5.4) under the prior
#' \eqn{|\Sigma|^{-(K+1)/2}}{|Sigma|^-((K+1)/2)} for K visits, each imputation by a chain of
#' its own with `iterations` cycles, from persons with at least one outcome. Outcomes after
#' the event in `ice` do not inform the parameters, except in the reference arm; they stay in
#' the completed data, and missing ones are drawn given them. For a single visit the draw is
#' exact: Bayesian linear regression, as `norm` in mice. With `by_arm = FALSE` arms have intercepts
#' of their own and share covariates' slopes and the covariance, which is rbmi's
#' default; with `by_arm = TRUE` each arm's model is estimated from that arm alone, as Carpenter,
#' Roger and Kenward have it.
#'
#' @section Which variance:
#' Rubin's rules of `fit_glm(formula, imp)` give, under the last three methods, about the standard
#' error of the analysis under missing at random. That is larger than the standard
#' deviation of the estimate in repeated trials, which gets *smaller* the more is
#' imputed, since imputed values borrow the reference arm's: with 400 simulated people and 30% of
#' one arm lost, 0.112 by Rubin's rules, as under missing at random, and 0.080 in repeated trials.
#' Cro, Carpenter & Kenward (2019) call
#' Rubin's information-anchored, since missing values do not add information; intervals
#' cover more than they say (Bartlett 2023). rbmi offers both: Rubin's with
#' `method_bayes()`, the frequentist one with `method_condmean()` (jackknife or
#' bootstrap) and `method_bmlmi()`. Here it is Rubin's.
#'
#' @param data A data frame, one row a person.
#' @param outcomes Names of the outcome's columns, in the order of the visits. A baseline
#'   measurement belongs to `covariates`.
#' @param arm The arm: a column's name, or a formula `~ arm`. Not missing.
#' @param reference The reference arm: a level of `arm`; by default its first.
#' @param covariates Names of baseline columns, or a one-sided formula (`~ before + sex`); `NULL`
#'   for none. Numbers, factors and text, not missing: a missing baseline value may be replaced
#'   by the mean of the others, since arms were formed at random
#'   (White & Thompson 2005).
#' @param method `"MAR"`, `"J2R"`, `"CR"` or `"CIR"`: see above.
#' @param m Number of imputations, from 1 to 4096.
#' @param ice Name of a column that says from which visit the assumption holds: a
#'   number (1 is the first of `outcomes`) or the name of the outcome; missing for those without an
#'   event, for whom everything is imputed at random. By default it holds for everybody after the
#'   last visit observed.
#' @param by_arm A model for each arm by itself? See *Method*.
#' @param iterations Cycles of data augmentation before each imputation. 100 are plenty unless most
#'   values are missing.
#' @param seed A whole number from 0 to 2^53; `NULL` takes it from R's generator.
#' @param threads Number of threads; the bits are the same for any. `NULL`: see [qst_threads()].
#' @param estimand What [estimand()] makes: attributes of the estimand that are not implied.
#' @return `imputations`, as from [impute()], in which the outcomes are completed. Other columns
#'   stay as they are. `$estimand` is printed with them.
#' @section Errors:
#' `questrial_error_argument` for unknown columns or arms, missing arms and covariates (`row`), an
#' outcome that is not a number or infinite, a visit that nobody in some arm has (`column`);
#' `questrial_error_no_data` and `questrial_error_singular` for fewer rows than the model
#' needs and for collinear outcomes. A warning of class `questrial_warning_nothing_missing` when
#' all outcomes are there.
#' @section Peers:
#' rbmi: `draws(method_bayes())`, `impute(references = )`, `analyse()`, `pool()`, with long data and
#' Stan or an MCMC of its own; Stata's `mimix`; SAS's macros of Roger. Here the data stay wide and
#' the result is like any other imputation.
#' @references
#' Bartlett JW (2023) Reference-based multiple imputation: what is the right variance and how to
#' estimate it. *Stat. Biopharm. Res.* 15:178-186, <doi:10.1080/19466315.2021.1983455>.
#'
#' Carpenter JR, Roger JH, Kenward MG (2013) Analysis of longitudinal trials with protocol
#' deviation. *J. Biopharm. Stat.* 23:1352-1371, <doi:10.1080/10543406.2013.834911>.
#'
#' Cro S, Carpenter JR, Kenward MG (2019) Information-anchored sensitivity analysis: theory and
#' application. *J. R. Stat. Soc. A* 182:623-645, <doi:10.1111/rssa.12423>.
#'
#' Schafer JL (1997) *Analysis of Incomplete Multivariate Data*. Chapman & Hall.
#'
#' White IR, Thompson SG (2005) Adjusting for partially missing baseline measurements in randomized
#' trials. *Stat. Med.* 24:993-1007, <doi:10.1002/sim.1981>.
#' @seealso [delta_adjust()], [tipping_point()]
#' @examples
#' trial <- data.frame(arm = balint$arm, sex = balint$sex)
#' trial$before <- score(balint, "jse-s", columns = paste0("t0_", 1:20))
#' trial$before[is.na(trial$before)] <- mean(trial$before, na.rm = TRUE)
#' trial$after <- score(balint, "jse-s", columns = paste0("t1_", 1:20))
#' imp <- impute_reference(trial, "after", "arm", "control", ~ before + sex,
#'   method = "J2R", m = 10, seed = 1
#' )
#' imp
#' fit_glm(after ~ arm + before + sex, imp)
#' @export
impute_reference <- function(data, outcomes, arm, reference = NULL, covariates = NULL,
                             method = c("MAR", "J2R", "CR", "CIR"), m = 20, ice = NULL,
                             by_arm = FALSE, iterations = 100, seed = NULL, threads = NULL,
                             estimand = NULL) {
  call <- match.call()
  check_data_frame(data)
  method <- check_choice(method, c("MAR", "J2R", "CR", "CIR"), "method")
  check_number(m, "m", min = 1, max = 4096, whole = TRUE)
  check_number(iterations, "iterations", min = 1, max = 1e6, whole = TRUE)
  check_flag(by_arm, "by_arm")
  check_estimand(estimand)
  y <- reference_outcomes(data, outcomes)
  arm <- column_name(arm, data, "arm")
  group <- reference_arms(data, arm)
  reference <- reference_level(group, reference)
  check_seen_by_arm(y, group)
  x <- reference_covariates(data, covariates, arm)
  if (!is.null(ice)) {
    ice <- column_name(ice, data, "ice")
  }
  kept <- kept_visits(data, y, ice)
  seed <- draw_seed(seed)
  parts <- list(
    y, x, as.integer(group), nlevels(group), match(reference, levels(group)), kept, by_arm
  )
  number <- match(method, c("MAR", "J2R", "CR", "CIR")) - 1L
  values <- reference_values(parts, number, iterations, m, seed, threads)
  imp <- new_imputations(data, split_by_visit(values, y), m,
    method = reference_methods(data, y, method), iterations = as.integer(iterations), seed = seed,
    call = call
  )
  imp$estimand <- fill_estimand(estimand, NULL, list(
    population = sprintf("all %d rows of the data", nrow(data)),
    treatment = join_words(levels(group), " or "), variable = join_words(outcomes),
    intercurrent = reference_words(method, reference, ice)
  ))
  imp
}

# ---- Arguments ----

reference_outcomes <- function(data, outcomes) {
  check_columns(data, outcomes, "outcomes")
  if (length(outcomes) == 0 || anyDuplicated(outcomes)) {
    qst_abort("argument", sprintf(
      "`outcomes` must name each visit's column once, not %s.", enumerate(outcomes)
    ))
  }
  y <- vapply(outcomes, function(name) {
    as.double(check_numeric_column(data, name, "outcomes"))
  }, numeric(nrow(data)))
  y <- matrix(y, nrow(data), dimnames = list(NULL, outcomes))
  if (!anyNA(y)) {
    qst_warn("nothing_missing", sprintf(
      "No value of %s is missing: all completed data sets are `data`.", enumerate(outcomes)
    ))
  }
  y
}

reference_arms <- function(data, arm) {
  group <- data[[arm]]
  if (anyNA(group)) {
    qst_abort("argument", sprintf(
      "`arm`: `%s` is missing in row %s. Everybody was in some arm: complete it.",
      arm, enumerate(which(is.na(group)))
    ), row = which(is.na(group)), column = arm)
  }
  group <- droplevels(as.factor(group))
  if (nlevels(group) < 2) {
    qst_abort("argument", sprintf(
      "`arm`: `%s` has only the level `%s`. Reference-based imputation needs two arms.",
      arm, levels(group)
    ), column = arm)
  }
  group
}

reference_level <- function(group, reference) {
  if (is.null(reference)) {
    return(levels(group)[[1]])
  }
  reference <- as.character(reference)
  if (length(reference) != 1 || !reference %in% levels(group)) {
    qst_abort("argument", sprintf(
      "`reference`: %s is no arm.%s", enumerate(reference),
      suggest_level(reference[[1]], levels(group))
    ), value = reference)
  }
  reference
}

check_seen_by_arm <- function(y, group) {
  for (level in levels(group)) {
    empty <- colSums(!is.na(y[group == level, , drop = FALSE])) == 0
    if (any(empty)) {
      name <- colnames(y)[[which(empty)[[1]]]]
      qst_abort("argument", sprintf(
        paste(
          "`outcomes`: nobody in arm `%s` has a value of `%s`, so its mean there is unknown.",
          "Leave the visit or the arm out."
        ), level, name
      ), column = name, value = level)
    }
  }
}

# Columns of a model matrix without the constant, aliased ones left out.
reference_covariates <- function(data, covariates, arm) {
  if (is.null(covariates)) {
    return(matrix(0, nrow(data), 0))
  }
  if (!inherits(covariates, "formula")) {
    check_columns(data, covariates, "covariates")
    covariates <- stats::reformulate(sprintf("`%s`", covariates))
  } else {
    check_columns(data, setdiff(all.vars(covariates), "."), "covariates")
  }
  if (arm %in% all.vars(covariates)) {
    qst_abort("argument", sprintf(
      "`covariates`: `%s` is the arm, which the model has already. Leave it out.", arm
    ), column = arm)
  }
  check_covariates_there(data, all.vars(covariates))
  x <- stats::model.matrix(covariates, stats::model.frame(covariates, data))
  kept <- qr(cbind(1, x[, -1, drop = FALSE]))
  columns <- sort(kept$pivot[seq_len(kept$rank)])
  unname(x[, columns[columns > 1], drop = FALSE])
}

check_covariates_there <- function(data, names) {
  for (name in names) {
    missing <- which(is.na(data[[name]]))
    if (length(missing) > 0) {
      qst_abort("argument", sprintf(
        paste(
          "`covariates`: `%s` is missing in row %s. Complete it first: a baseline value by the",
          "mean of the others, or by impute() of the baseline columns."
        ), name, enumerate(missing)
      ), row = missing, column = name)
    }
  }
}

# How many visits of each row come before the assumption holds.
kept_visits <- function(data, y, ice) {
  if (is.null(ice)) {
    return(as.integer(apply(!is.na(y), 1, function(seen) max(0, which(seen)))))
  }
  visit <- data[[ice]]
  if (is.factor(visit) || is.character(visit)) {
    number <- match(as.character(visit), colnames(y))
    bad <- which(is.na(number) & !is.na(visit))
  } else {
    number <- visit
    bad <- which(!is.na(visit) & !visit %in% seq_len(ncol(y)))
  }
  if (length(bad) > 0) {
    qst_abort("argument", sprintf(
      paste(
        "`ice`: row %d has %s, which is no visit. Give its number from 1 to %d, the name of its",
        "outcome, or NA for no event."
      ), bad[[1]], describe(as.character(visit[[bad[[1]]]])), ncol(y)
    ), row = bad, value = visit[bad])
  }
  as.integer(ifelse(is.na(number), ncol(y), number - 1))
}

# ---- The core ----

# A column an imputation: the missing outcomes, visit by visit.
reference_values <- function(parts, method, iterations, m, seed, threads) {
  outcomes <- colnames(parts[[1]])
  n_missing <- sum(is.na(parts[[1]]))
  threads <- threads_to_use(threads)
  run <- function(first, n) {
    settings <- list(method, iterations, first, n, seed)
    .Call(C_qstr_reference_impute, parts, settings, n_missing, threads)
  }
  tryCatch(
    in_pieces(m, 5e6 * threads / (1 + n_missing * iterations), "Imputing", run),
    questrial_error_no_data = function(e) {
      refuse_reference(e, "no_data", outcomes, "Use fewer covariates or visits, or by_arm = FALSE.")
    },
    questrial_error_singular = function(e) {
      cure <- "Leave out a visit that others determine, or a covariate."
      refuse_reference(e, "singular", outcomes, cure)
    }
  )
}

refuse_reference <- function(error, kind, outcomes, cure) {
  at <- if (is.na(error$column)) {
    ""
  } else {
    sprintf(" (visit %d is `%s`)", error$column, outcomes[[error$column]])
  }
  qst_abort(kind, sprintf(
    "%s%s. %s", sub("[.]$", "", sentence_case(conditionMessage(error))), at, cure
  ), column = error$column, value = error$value)
}

split_by_visit <- function(values, y) {
  n <- colSums(is.na(y))
  last <- cumsum(n)
  imputed <- lapply(seq_along(n), function(v) {
    values[seq_len(n[[v]]) + last[[v]] - n[[v]], , drop = FALSE]
  })
  names(imputed) <- colnames(y)
  imputed[n > 0]
}

# One name a column of the data, "" where nothing is done.
reference_methods <- function(data, y, method) {
  methods <- stats::setNames(rep("", length(data)), names(data))
  methods[colnames(y)[colSums(is.na(y)) > 0]] <- method
  methods
}

reference_words <- function(method, reference, ice) {
  since <- if (is.null(ice)) "after the last visit observed" else sprintf("from `%s` on", ice)
  if (method == "MAR") {
    return(paste(
      "treatment stopped or lost: hypothetical, unobserved outcomes as if the person had gone on",
      "like others in the arm (missing at random)"
    ))
  }
  how <- c(
    J2R = "as if moved to arm %s (jump to reference)",
    CR = "as if always in arm %s (copy reference)",
    CIR = "with the changes of arm %s added to the effect so far (copy increments in reference)"
  )[[method]]
  sprintf("treatment stopped or lost: treatment policy, unobserved outcomes %s %s",
    since, sprintf(how, reference))
}
