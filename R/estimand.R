#' The estimand in its five attributes
#'
#' What a trial wants to know, in the words of ICH E9(R1): which treatment,
#' in whom, on what variable, what is made of events that happen on the way,
#' and by what summary treatments are compared. Results that rest on
#' assumptions about missing values ([delta_adjust()], [tipping_point()],
#' [impute_reference()]) carry one and print it, with the attributes that they imply
#' filled in; `estimand =` gives the rest.
#'
#' @param population Whom the question is about.
#' @param treatment The treatments that are compared.
#' @param variable The outcome of each person, with its time.
#' @param intercurrent Events after randomisation that change what an outcome means or whether
#'   there is one, each with its strategy (treatment policy, hypothetical, composite,
#'   while on treatment, principal stratum): a text, or a vector whose names are the events,
#'   `c("course stopped" = "treatment policy")`.
#' @param summary The population-level summary by which treatments are compared.
#' @return A data frame with five rows and the columns `attribute` and `value` (`NA` where
#'   nothing is stated), of classes `estimand_table` and [questrial_table], which prints
#'   as a table.
#' @section Errors:
#' `questrial_error_argument` for what is not text.
#' @section Peers:
#' rbmi leaves the estimand to the protocol; its `ancova` results do not say under which
#' assumption they hold.
#' @references
#' ICH (2019) E9(R1) *Addendum on estimands and sensitivity analysis in clinical trials*.
#' @examples
#' estimand(
#'   population = "students of the fourth year",
#'   treatment = "Balint group or no group",
#'   variable = "empathy after the course",
#'   intercurrent = c("course stopped" = "treatment policy"),
#'   summary = "difference in means"
#' )
#' @export
estimand <- function(population = NULL, treatment = NULL, variable = NULL, intercurrent = NULL,
                     summary = NULL) {
  given <- list(
    population = population, treatment = treatment, variable = variable,
    intercurrent = intercurrent, summary = summary
  )
  new_estimand(vapply(names(given), function(name) attribute_text(given[[name]], name), ""))
}

estimand_attributes <- c(
  population = "Population", treatment = "Treatment", variable = "Variable",
  intercurrent = "Intercurrent events", summary = "Summary"
)

# `values`: named by attribute, NA where nothing is stated.
new_estimand <- function(values) {
  data <- data.frame(
    attribute = names(estimand_attributes), value = unname(values[names(estimand_attributes)])
  )
  new_questrial_table(data, "estimand", "Estimand",
    notes = if (anyNA(values)) "Not stated: give estimand(...) as `estimand`.",
    columns = list(
      table_column("Attribute", "attribute", "attribute"), table_column("Value", "value", "stated")
    )
  )
}

attribute_text <- function(x, name) {
  if (is.null(x)) {
    return(NA_character_)
  }
  if (!is.character(x) || length(x) == 0 || anyNA(x)) {
    qst_abort("argument", sprintf("`%s` must be text, not %s.", name, describe(x)))
  }
  events <- names(x)
  if (!is.null(events)) {
    x <- ifelse(nzchar(events), paste0(events, ": ", x), x)
  }
  paste(x, collapse = "; ")
}

# What the user stated, else what was stated before, else what a method implies.
fill_estimand <- function(given, before, implied) {
  values <- unlist(implied)[names(estimand_attributes)]
  names(values) <- names(estimand_attributes)
  for (stated in list(before, check_estimand(given))) {
    if (!is.null(stated)) {
      there <- !is.na(stated$value)
      values[stated$attribute[there]] <- stated$value[there]
    }
  }
  new_estimand(values)
}

check_estimand <- function(x) {
  if (!is.null(x) && !inherits(x, "estimand_table")) {
    qst_abort("argument", sprintf(
      "`estimand` must be what estimand() makes, not %s.", describe(x)
    ))
  }
  x
}

# The estimand of a result without one attribute, which the next step states anew.
without_attribute <- function(estimand, attribute) {
  if (!is.null(estimand)) {
    estimand$value[estimand$attribute == attribute] <- NA_character_
  }
  estimand
}

stated_attribute <- function(estimand, attribute) {
  if (!is.null(estimand)) estimand$value[estimand$attribute == attribute]
}

# "balint, narrative or control"
treatment_words <- function(data, arm) {
  if (is.null(arm)) {
    return(NA_character_)
  }
  join_words(levels(droplevels(as.factor(data[[arm]]))), " or ")
}
