# Multiple imputation: the call, the run and what comes out of it.

#' Multiple imputation
#'
#' Completes data `m` times by fully conditional specification (chained
#' equations; van Buuren 2007): missing values start as random observed ones; in each iteration
#' every incomplete column is drawn anew from its distribution given the others as they stand. The
#' loops are in C and threaded; what is drawn has an address (seed, imputation,
#' column, iteration, row), so imputation 7 is the same bits for any number of
#' threads, alone or among others, on this machine or on a worker.
#'
#' @section Methods:
#' | method | for | drawn from |
#' |---|---|---|
#' | `"pmm"` | numbers (default) | the observed values of the `donors` nearest rows |
#' | `"norm"` | numbers | Bayesian linear regression |
#' | `"logreg"` | two levels, logical (default) | Bayesian logistic regression |
#' | `"polyreg"` | factors (default) | multinomial logistic regression |
#' | `"polr"` | ordered factors (default) | proportional odds |
#' | `"mean"`, `"median"` | numbers | the observed mean, median |
#' | `"norm.predict"` | numbers | what linear regression predicts |
#' | `"sample"` | numbers, factors, logical | the observed values |
#' | `"none"` or `""` | all | left incomplete, and then no predictor |
#'
#' Predictive mean matching (`pmm`, Little 1988) is near by predictions: from drawn parameters for
#' the row with the missing value, from estimated ones for its donors. Logistic regression
#' has rows added that keep it finite under perfect prediction (White, Daniel & Royston 2010): here
#' with levels as frequent as observed, in mice with all levels equally frequent, which in small or
#' well predicted data draws levels towards each other; and mice draws no parameters for `polyreg`
#' and `polr`. Give
#' one method for all columns or name columns, as in `c(age = "norm", id = "none")`;
#' columns not named have the default. A column with a single observed value is completed with it
#' (`"constant"`).
#'
#' `mean`, `median`, `norm.predict` and `sample` are *single imputation*: they take
#' `m = 1`, and printed results say so, because standard errors from one completed data set are
#' too small.
#'
#' @section What predicts what:
#' By default every column predicts every other, but for: character columns, dates, lists and
#' matrices, which are carried along (an incomplete one is an error, because nothing says
#' how to complete it, unless its method is `"none"`); columns left incomplete; constants; names of
#' the rows (a complete factor with one row a level, or consecutive whole numbers);
#' the columns of `by` and `cluster`. Interactions of the analysis belong into the
#' imputation: with `by = ~ arm` each arm is completed by itself, which keeps every
#' interaction with it. The outcome of the analysis belongs into `data`, too.
#' Predictors that are constant or collinear among the rows at hand, or too many
#' for them, are left out. All of this is written into `imp$log`, one row a
#' decision: `variable`, `decision`, `predictor`, `visits` (how often, `NA` for
#' what was decided once), `of` (how many visits there were).
#'
#' @section Clusters:
#' With `cluster`, numbers are drawn from a model with a random intercept for each cluster
#' (`pmm` and `norm`); rows whose cluster is `NA` are on their own, as a control arm without
#' groups. So are factors of two levels (`logreg`), the effects being on the scale of log odds;
#' those of more are drawn without cluster effects, and the log says so. For numbers each draw
#' takes the ratio of the two variances from its posterior, coefficients and effects integrated
#' out, and then all the rest; the ratio of the standard deviations (between over within) has a
#' half-Cauchy prior of scale 1 (Gelman 2006), which is proper with few clusters. Cluster means
#' of the predictors that vary within clusters enter too, as a joint model wants it (Grund,
#' Luedtke & Robitzsch 2018), when there are ten observed clusters for each column. This is
#' what mice's `2l.pan` does with type 3 for all predictors (or, with fewer clusters, type 1),
#' but for its prior. `logreg` has no cluster means; coefficients and effects are drawn from
#' the normal approximation of their posterior given the variance of the effects, and that
#' variance given them, a few times in turn, its root having the same prior. With fewer than
#' two observed clusters there are no effects, and the log says so.
#'
#' @section Squares and interactions:
#' With a square or an interaction in the analysis, no regression of a covariate on the outcome is
#' right, and effects are drawn towards 0 or to each other. `model` names that analysis: a linear
#' (outcome a number) or logistic (two levels) model whose terms are columns, their powers and
#' products. Its covariates with missing values are then drawn as Bartlett et al. (2015) do:
#' a value is proposed by the covariate's regression on its other predictors, the outcome not
#' among them, and accepted with the likelihood that the model gives the outcome; levels are drawn
#' from the product of both. Numbers are drawn by `norm`, levels by `logreg` and
#' `polyreg`, and a missing outcome by the model itself. Lower-order parts of a product always
#' enter. Columns that are not in the model are imputed as without it; as predictors of
#' covariates they are taken to say nothing more about the outcome.
#'
#' @section Many workers:
#' `lapply` may be any function that is called as `lapply(X, FUN)` and returns
#' the list of what `FUN` returned: `parallel::mclapply`, `future.apply::future_lapply`,
#' `function(X, FUN) parallel::parLapply(cluster, X, FUN)`. Each imputation is one task, which
#' carries the columns it needs and uses one thread. Tasks may come back in any order and more
#' than once; a lost one is an error that names it. The bits are those of the plain call. On a
#' cluster with Slurm:
#'
#' ```
#' future::plan(future.batchtools::batchtools_slurm, workers = 50,
#'   resources = list(ncpus = 1, memory = "2G", walltime = 3600))
#' imp <- impute(data, m = 200, seed = 1, lapply = future.apply::future_lapply)
#' ```
#'
#' where the template of batchtools (`batchtools.slurm.tmpl`) starts R with
#' questrial in its library. Without future: `batchtools::batchMap()` over the numbers and
#' `reduceResultsList()` within a function of `X` and `FUN`.
#'
#' @param data A data frame, tibble or data.table with at least one row. `NA` and `NaN` are
#'   missing. Infinite values are an error where a model would need them.
#' @param m Number of imputations, 1 to 4096. White, Royston & Wood (2011): at least the
#'   percentage of incomplete rows.
#' @param method `NULL`, one method, or methods by name of the column; see *Methods*.
#' @param iterations Cycles through the columns, 1 to 65535.
#' @param donors How many of the nearest rows `pmm` draws from.
#' @param predictors `NULL`; a list of names of predictors by name of the column to be completed;
#'   or a matrix of 0 and 1 with a row a column to be completed, as mice's `predictorMatrix`.
#'   Columns without an entry have the default.
#' @param by `NULL`, or `~ column` or names of columns without missing values: their groups
#'   are completed each by itself.
#' @param seed A whole number from 0 to 2^53; `NULL` draws one from R's generator,
#'   so that [set.seed()] governs.
#' @param threads Number of threads; `NULL` for [qst_threads()]. It changes no result.
#' @param instrument `NULL`, or the questionnaires whose items are among the columns: items are
#'   then predicted by the items of their own scale and by the totals of the
#'   others, which are recomputed whenever an item changes; see [on_columns()].
#' @param cluster `NULL`, or `~ column` or names of columns: see *Clusters*.
#' @param lapply `NULL`, or a function: see *Many workers*.
#' @param model `NULL`, or the formula of the analysis, such as `y ~ arm * x + I(x^2)`, with which
#'   covariates are to be compatible: see *Squares and interactions*. Not together with `cluster`
#'   or `instrument`.
#' @return An object of class [imputations]: `length(imp)` is m, `imp[[i]]` a completed data frame
#'   with the columns of `data` and their types.
#' @section Errors:
#' `questrial_error_argument`: an unknown column, method or predictor, an
#' incomplete column that cannot be imputed, two columns of one name, `m > 1`
#' with single imputation; `questrial_error_no_data`: no rows, a column (or a group of `by`)
#' without any observed value; `questrial_error_range`: an infinite value;
#' `questrial_error_dimension`: more than 4096 variables; `questrial_error_worker`: `lapply` lost
#' imputations. Fields `column`, `row` and `value` say where.
#' @section Peers:
#' As `mice::mice()`: the same model, methods of the same name, its own random numbers. Differences:
#' all methods in C; columns are visited from the least to the most incomplete; of collinear
#' predictors the later ones are left out, at each visit, where mice has a ridge too;
#' one seed gives one result, whatever the number of workers. `future.apply` and
#' friends take the place of `futuremice()`.
#' @references
#' Bartlett JW, Seaman SR, White IR, Carpenter JR (2015) Multiple imputation of covariates by fully
#' conditional specification: accommodating the substantive model. *Statistical Methods in Medical
#' Research* 24:462-487. \doi{10.1177/0962280214521348}
#'
#' Gelman A (2006) Prior distributions for variance parameters in hierarchical models. *Bayesian
#' Analysis* 1:515-533. \doi{10.1214/06-BA117A}
#'
#' Grund S, Luedtke O, Robitzsch A (2018) Multiple imputation of missing data for multilevel models.
#' *Organizational Research Methods* 21:111-149. \doi{10.1177/1094428117703686}
#'
#' Little RJA (1988) Missing-data adjustments in large surveys. *Journal of Business & Economic
#' Statistics* 6:287-296. \doi{10.1080/07350015.1988.10509663}
#'
#' van Buuren S (2007) Multiple imputation of discrete and continuous data by fully conditional
#' specification. *Statistical Methods in Medical Research* 16:219-242.
#' \doi{10.1177/0962280206074463}
#'
#' White IR, Daniel R, Royston P (2010) Avoiding bias due to perfect prediction in multiple
#' imputation of incomplete categorical variables. *Computational Statistics & Data Analysis*
#' 54:2267-2275. \doi{10.1016/j.csda.2010.04.005}
#'
#' White IR, Royston P, Wood AM (2011) Multiple imputation using chained equations: issues and
#' guidance for practice. *Statistics in Medicine* 30:377-399. \doi{10.1002/sim.4067}
#' @seealso [imputations] for what can be done with the result.
#' @examples
#' imp <- impute(airquality, m = 5, seed = 1)
#' imp
#' head(imp[[1]])
#'
#' # Predictors of one column, and another method for another
#' impute(airquality,
#'   m = 2, seed = 1, method = c(Solar.R = "norm"),
#'   predictors = list(Ozone = c("Wind", "Temp"))
#' )
#'
#' # An interaction with a covariate that is incomplete
#' model <- Ozone ~ Wind * Temp + I(Solar.R^2)
#' imp <- impute(airquality, m = 5, seed = 1, model = model)
#' fit_glm(model, imp)
#' @export
impute <- function(data, m = 20, method = NULL, iterations = 10, donors = 5, predictors = NULL,
                   by = NULL, seed = NULL, threads = NULL, instrument = NULL, cluster = NULL,
                   lapply = NULL, model = NULL) {
  check_settings(m, iterations, donors)
  check_imputable_data(data)
  settings <- list(iterations = iterations, donors = donors, seed = draw_seed(seed))
  threads <- threads_to_use(threads)
  recipe <- list(
    method = method, predictors = predictors, by = by, cluster = cluster, instrument = instrument,
    model = model
  )
  problem <- do.call(impute_problem, c(list(data), recipe))
  check_single(problem$method, m)
  made <- run_imputations(problem, settings, 0, m, threads, lapply)
  finish_imputations(data, problem, made, settings, seq_len(m), recipe, match.call())
}

# ---- Arguments ----

check_settings <- function(m, iterations, donors) {
  check_number(m, "m", min = 1, max = 4096, whole = TRUE)
  check_number(iterations, "iterations", min = 1, max = 65535, whole = TRUE)
  check_number(donors, "donors", min = 1, max = 1e6, whole = TRUE)
}

check_imputable_data <- function(data) {
  check_data_frame(data)
  if (length(data) == 0) {
    qst_abort("no_data", "`data` has no columns. Check the selection it came from.")
  }
  if (anyDuplicated(names(data)) || any(names(data) %in% c("", NA))) {
    qst_abort("argument", sprintf(
      "`data` has %s. Give each column a name of its own: names(data) <- make.unique(names(data)).",
      if (anyDuplicated(names(data))) {
        sprintf("two columns named `%s`", names(data)[[anyDuplicated(names(data))]])
      } else {
        "a column without a name"
      }
    ))
  }
}

# One value for a missing one is not drawn from its distribution: m of them would all be the same,
# or (sample) know nothing of the row.
check_single <- function(method, m) {
  single <- names(method)[method %in% single_methods]
  if (length(single) > 0 && m > 1) {
    qst_abort("argument", sprintf(paste(
      "\"%s\" (`%s`) is single imputation: %d of them say nothing about what is not known. Ask for",
      "m = 1, or use a method that draws from a model: %s."
    ), method[[single[[1]]]], single[[1]], m, "pmm, norm, logreg, polyreg or polr"))
  }
}

# ---- The run ----

# What the core makes of imputations first + 1 to first + n; NULL if nothing is to be completed.
# `spread` is the argument `lapply`: future.apply evaluates lapply(...) in the frame that called it,
# so no variable there may have that name.
run_imputations <- function(problem, settings, first, n, threads, spread) {
  if (!is.null(spread) && !is.function(spread)) {
    qst_abort("argument", sprintf(paste(
      "`lapply` must be a function called as lapply(X, FUN), such as future.apply::future_lapply,",
      "not %s."
    ), describe(spread)))
  }
  if (length(problem$targets) == 0 || n == 0) {
    return(NULL)
  }
  task <- imputation_task(problem$variables, problem$data, settings)
  parts <- if (is.null(spread)) {
    core_parts(task, first, n, threads, interactive())
  } else {
    numbers <- seq_len(n) + first
    given_parts(spread(numbers, task), numbers, settings$seed)
  }
  join_parts(parts)
}

# What makes imputation `number` (and the n - 1 after it) wherever it is called: all it needs is in
# its environment, and the environment above that is the package's.
imputation_task <- function(variables, data, settings) {
  force(variables)
  force(data)
  force(settings)
  function(number, n = 1, threads = 1L) {
    range <- list(
      iterations = as.integer(settings$iterations), donors = as.integer(settings$donors),
      first = as.integer(number - 1), n = as.integer(n), seed = settings$seed
    )
    made <- .Call(C_qstr_impute, variables, data, range, threads)
    list(number = number, seed = settings$seed, made = made)
  }
}

# In pieces of about half a second if it is watched, so that one sees how far it is.
core_parts <- function(task, first, n, threads, watched) {
  if (!watched || n <= threads) {
    return(list(task(first + 1, n, threads)$made))
  }
  cli::cli_progress_bar("Imputing", total = n)
  parts <- list()
  done <- 0
  size <- threads
  while (done < n) {
    size <- min(size, n - done)
    took <- system.time(
      parts[[length(parts) + 1]] <- task(first + done + 1, size, threads)$made
    )[["elapsed"]]
    done <- done + size
    cli::cli_progress_update(set = done)
    size <- threads * max(1, floor(0.5 / (took / size + 1e-4) / threads))
  }
  parts
}

# The parts in the order of their numbers, whatever order they came in, each once.
given_parts <- function(results, numbers, seed) {
  came <- vapply(seq_along(results), function(k) result_number(results[[k]], seed), 0)
  lost <- setdiff(numbers, came)
  if (!is.list(results) || length(lost) > 0) {
    abort_lost(results, lost)
  }
  lapply(match(numbers, came), function(k) results[[k]]$made)
}

# NA for what is not a result of this run.
result_number <- function(result, seed) {
  ok <- is.list(result) && identical(names(result), c("number", "seed", "made")) &&
    identical(result$seed, seed)
  if (ok) as.double(result$number) else NA_real_
}

abort_lost <- function(results, lost) {
  said <- Filter(function(result) inherits(result, c("try-error", "condition")), results)
  said <- if (length(said) == 0) {
    ""
  } else if (inherits(said[[1]], "condition")) {
    sprintf(" A task said: %s.", conditionMessage(said[[1]]))
  } else {
    sprintf(" A task said: %s", trimws(said[[1]]))
  }
  qst_abort("worker", sprintf(paste(
    "`lapply` gave no result for imputation%s %s.%s It must call FUN for each element and return a",
    "list of what FUN returns, in any order. Call impute() again: what is made does not depend on",
    "where."
  ), if (length(lost) == 1) "" else "s", join_words(utils::head(lost, 10)), said), value = lost)
}

# ---- Joining ----

join_parts <- function(parts) {
  if (length(parts) == 1) {
    return(parts[[1]])
  }
  column <- function(name) lapply(parts, `[[`, name)
  c(
    list(
      imputed = do.call(Map, c(list(cbind), column("imputed"))),
      mean = Reduce(join_traces, column("mean")), sd = Reduce(join_traces, column("sd"))
    ),
    add_counts(parts)[c("left_out", "decided")]
  )
}

# Imputations are the last dimension.
join_traces <- function(a, b) {
  n <- dim(a)
  names <- dimnames(a)
  if (!is.null(names)) {
    names[[3]] <- c(names[[3]], dimnames(b)[[3]])
  }
  array(c(a, b), c(n[1:2], n[[3]] + dim(b)[[3]]), names)
}

add_counts <- function(parts) {
  list(
    left_out = Reduce(`+`, lapply(parts, `[[`, "left_out")),
    decided = Reduce(`+`, lapply(parts, `[[`, "decided")),
    of = Reduce(`+`, lapply(parts, `[[`, "of"))
  )
}

# ---- The result ----

# Dresses what the core made of the imputations `numbers` (NULL: nothing was missing).
finish_imputations <- function(data, problem, made, settings, numbers, recipe, call) {
  used <- names(problem$variables)
  targets <- problem$targets
  values <- Map(typed_values, made$imputed[match(targets, used)], problem$columns[targets])
  visits <- length(numbers) * settings$iterations * problem$n_groups[used]
  counts <- if (!is.null(made)) named_counts(made, used, unname(visits))
  new_imputations(
    data, stats::setNames(values, targets), length(numbers),
    numbers = numbers, method = problem$method, predictors = problem$predictors,
    iterations = settings$iterations, donors = settings$donors, by = problem$groups$by,
    cluster = problem$groups$cluster, seed = settings$seed,
    means = named_traces(made$mean, targets, used, numbers),
    sds = named_traces(made$sd, targets, used, numbers),
    log = rbind(problem$log, if (!is.null(counts)) counted_log(counts)),
    items = problem$items, call = call, recipe = recipe, decided_before = problem$log,
    counts = counts
  )
}

named_counts <- function(made, used, of) {
  dimnames(made$left_out) <- list(used, used)
  rownames(made$decided) <- used
  list(left_out = made$left_out, decided = made$decided, of = of)
}

named_traces <- function(traces, targets, used, numbers) {
  if (is.null(traces)) {
    return(NULL)
  }
  traces <- traces[match(targets, used), , , drop = FALSE]
  dimnames(traces) <- list(
    variable = targets, iteration = seq_len(dim(traces)[[2]]), imputation = numbers
  )
  traces
}

# Doubles and codes of the core as values of the column's own type.
typed_values <- function(values, column) {
  if (column$kind == "logical") {
    values[] <- column$used[values] == 2
    storage.mode(values) <- "logical"
  } else if (column$kind != "number") {
    values[] <- column$used[values]
    storage.mode(values) <- "integer"
  } else if (column$integer && all(values == round(values) & abs(values) < 2^31)) {
    storage.mode(values) <- "integer"
  }
  values
}
