# Risk of bias beside the studies of a forest plot.

# The judgements of risk_of_bias() for each line of the plot (a matrix, NA where there is no
# study), their tool, and notes: what letters and signs mean, what was assessed but is not in the
# plot. A study that was not assessed gets none.
bias_lights <- function(rows, assessed) {
  check_class(assessed, "risk_of_bias", "risk_of_bias")
  columns <- rob_columns(assessed)
  at <- match(rows$label, assessed$study)
  at[rows$kind != "study"] <- NA
  judgements <- vapply(columns, function(name) {
    as.character(assessed[[name]])[at]
  }, character(nrow(rows)))
  letters <- LETTERS[seq_along(columns)]
  judgements <- matrix(judgements, nrow(rows), dimnames = list(NULL, letters))
  strangers <- setdiff(assessed$study, rows$label[rows$kind == "study"])
  list(judgements = judgements, tool = rob_tool(assessed), notes = c(
    light_words(assessed, letters),
    if (length(strangers) > 0) {
      sprintf("Assessed but not in this meta-analysis: %s.", paste(strangers, collapse = "; "))
    }
  ))
}

light_words <- function(assessed, letters) {
  signs <- rob_legend(assessed)
  signs <- signs[nzchar(signs$sign), ]
  # A letter stays with what it stands for.
  c(
    sprintf("Risk of bias (%s): %s.", rob_tool(assessed)$name, paste0(
      "(", letters, ")\u00a0", attr(assessed, "labels")[rob_columns(assessed)], collapse = "; ")),
    sprintf("Signs: %s.", paste0(signs$sign, "\u00a0", signs$judgement, collapse = "; "))
  )
}
