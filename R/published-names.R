# Names that only tests.csv or model.csv have. Nothing printed elsewhere is held against such a row.
# It may be right so, as of an outcome that is tested and nowhere described; but a name that is
# nearly another table's is more likely misspelt, and would lose its checks without a word.

warn_near_names <- function(tables) {
  strays <- do.call(rbind, lapply(claimed_names(tables), near_names))
  if (length(strays) > 0) {
    first <- utils::head(strays, 3)
    qst_warn("names", sprintf(
      "%s%s Correct the name, or leave it if nothing else is printed of it.",
      paste(first$message, collapse = " "),
      if (nrow(strays) > 3) sprintf(" So have %d others.", nrow(strays) - 3) else ""
    ), name = strays$text)
  }
}

# list(place, text, known) for each column of names: the texts that stand there and, by text or for
# all, the names that other tables have for such a thing.
claimed_names <- function(tables) {
  tests <- tables$tests
  model <- tables$model
  described <- unique(c(tables$counts$variable, tables$means$variable))
  outcomes <- c("completion", described, tables$means$outcome, tables$flow$step)
  variables <- c("arm", described, tables$means$outcome)
  by <- unique(unlist(strsplit(tests$by, ":", fixed = TRUE)))
  c(
    list(
      claim_names("tests", "outcome", tests$outcome, outcomes),
      claim_names("tests", "by", by, variables),
      claim_names("tests", "variable", tests$variable, variables),
      claim_names("model", "variable", model$variable, variables)
    ),
    level_claims(tables, "tests", "level", ifelse(nzchar(tests$variable), tests$variable,
      tests$outcome)),
    level_claims(tables, "model", "level", model$variable),
    level_claims(tables, "model", "reference", model$variable)
  )
}

claim_names <- function(table, column, text, known) {
  list(table = table, column = column, text = setdiff(text, ""), known = unique(known))
}

# Levels are those that their variable has elsewhere; `of` is the variable in each row.
level_claims <- function(tables, table, column, of) {
  levels <- c(tables$counts$level, tables$means$level, design_values(tables, "arms"))
  owner <- c(tables$counts$variable, tables$means$variable,
    rep("arm", length(design_values(tables, "arms"))))
  lapply(setdiff(of, ""), function(variable) {
    claim_names(table, column, tables[[table]][[column]][of == variable], levels[owner == variable])
  })
}

# Names that differ in their numbers (pain 1, pain 2) are names of different things, and short ones
# (BMI, BDI) are near to too many.
near_names <- function(claim) {
  known <- setdiff(claim$known, "")
  stray <- setdiff(claim$text, known)
  stray <- stray[nchar(stray) > 3]
  bare <- function(name) gsub("[0-9]+", "0", name)
  near <- vapply(stray, function(name) nearest(name, known[bare(known) != bare(name)]), "")
  stray <- stray[nzchar(near)]
  if (length(stray) > 0) {
    data.frame(text = stray, message = sprintf("%s.csv, column `%s`: no other table has %s.%s",
      claim$table, claim$column, vapply(stray, describe, ""), near[nzchar(near)]))
  }
}
