# How often audit() is right and repair() finds the truth, in synthetic trials whose tables are
# correctly rounded or have one planted error; the result is kept for the vignette. In the project's
# root:
#   Rscript bench/audit.R [trials, 1000] [file]
# Each trial is audited as it is, and again with an error of each of `per_trial` of the kinds, in
# turn. An error is visible if the second opinion of bench/audit/oracle.R finds an identity among
# the printed figures that no numbers that round to them meet.
library(questrial)
for (part in c("trial", "plant", "oracle")) {
  source(file.path("bench", "audit", paste0(part, ".R")))
}

kinds <- names(plants)
per_trial <- 3

seconds_of <- function(expression) {
  system.time(expression)[["elapsed"]]
}

# In each seventh trial some people have no follow-up.
trial_of <- function(seed) {
  random_trial(seed, late = seed %% 7 == 0)
}

inconsistent <- function(audit) {
  audit$verdict == "inconsistent"
}

# A row a table: NA where the question does not arise.
table_row <- function(seed, kind, tables, truth) {
  seconds <- seconds_of(audit <- audit(published(tables)))
  found <- any(inconsistent(audit))
  row <- data.frame(
    seed = seed, kind = kind, visible = is_visible(tables), found = found, checks = nrow(audit),
    first = NA, proposed = NA, rivals = NA, seconds = seconds, repair_seconds = NA
  )
  if (found && kind != "none") repaired_row(row, audit, truth) else row
}

# Is the truth the first proposal, or one of them? `rivals`: how many there are.
repaired_row <- function(row, audit, truth) {
  row$repair_seconds <- seconds_of(repair <- repair(audit))
  proposals <- unique(repair$proposal)
  true <- vapply(proposals, function(k) same_tables(repaired(repair, proposal = k), truth), NA)
  row$first <- length(true) > 0 && true[[1]]
  row$proposed <- any(true)
  row$rivals <- length(proposals)
  row
}

rows_of <- function(seed) {
  trial <- trial_of(seed)
  own <- kinds[(seed * per_trial + seq_len(per_trial)) %% length(kinds) + 1]
  planted <- lapply(own, function(kind) {
    error <- plant(trial, kind, seed)
    if (!is.null(error)) table_row(seed, kind, error$tables, trial$tables)
  })
  do.call(rbind, c(list(table_row(seed, "none", trial$tables, trial$tables)), planted))
}

# Per cent with its Monte Carlo error; an error of 0 would say too much of few tables, so that half
# a table is added to either side (Agresti & Coull 1998 add two).
percentage <- function(x) {
  x <- x[!is.na(x)]
  if (length(x) == 0) {
    return(c(NA, NA))
  }
  p <- (sum(x) + 0.5) / (length(x) + 1)
  c(100 * mean(x), 100 * sqrt(p * (1 - p) / length(x)))
}

summary_row <- function(rows, kind) {
  own <- if (kind == "all") rows[rows$kind != "none", ] else rows[rows$kind == kind, ]
  visible <- own$visible
  found <- percentage(if (kind == "none") own$found else own$found[visible])
  first <- percentage(own$first[visible])
  data.frame(
    kind = kind, tables = nrow(own), visible = sum(visible), found = sum(own$found & visible),
    found_percent = found[[1]], found_mc_error = found[[2]],
    first_percent = first[[1]], first_mc_error = first[[2]],
    proposed_percent = percentage(own$proposed[visible])[[1]],
    unexplained = sum(own$found & !visible),
    audit_seconds = stats::median(own$seconds),
    repair_seconds = stats::median(own$repair_seconds, na.rm = TRUE)
  )
}

given <- commandArgs(TRUE)
trials <- if (length(given) > 0) as.integer(given[[1]]) else 1000L
file <- if (length(given) > 1) given[[2]] else "inst/validation/audit.csv"
rows <- do.call(rbind, parallel::mclapply(seq_len(trials), rows_of, mc.cores = 2))
table <- do.call(rbind, lapply(c("none", kinds, "all"), summary_row, rows = rows))
number <- vapply(table, is.double, NA)
table[number] <- lapply(table[number], signif, 4)
print(table[c("kind", "tables", "visible", "found_percent", "first_percent", "unexplained")])
utils::write.csv(table, file, row.names = FALSE)
