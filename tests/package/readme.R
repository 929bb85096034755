# Runs the R code blocks of README.md in order, as a reader would, in a
# throw-away folder. Prints TAP: one test a block.
lines <- readLines("README.md")
begins <- which(lines == "```r")
ends <- which(lines == "```")
blocks <- lapply(begins, function(from) {
  lines[(from + 1):(min(ends[ends > from]) - 1)]
})

run_block <- function(code, place) {
  tryCatch(
    {
      for (expression in parse(text = code)) {
        shown <- withVisible(eval(expression, place))
        if (shown$visible) print(shown$value)
      }
      "ok"
    },
    error = function(condition) {
      message("README.md: ", conditionMessage(condition))
      "not ok"
    }
  )
}

folder <- tempfile("readme")
dir.create(folder)
setwd(folder)
sink(stderr())
place <- new.env(parent = globalenv())
outcomes <- vapply(blocks, run_block, "", place = place)
sink()
cat(sprintf("1..%d\n", length(blocks)))
cat(sprintf("%s %d - README.md, line %d\n", outcomes, seq_along(blocks), begins), sep = "")
