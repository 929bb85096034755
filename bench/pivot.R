# Answers from long to wide beside data.table's dcast().
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "bench.R"))
set.seed(1)

if (requireNamespace("data.table", quietly = TRUE)) {
  n_people <- 25000
  n_items <- 40
  long <- data.frame(
    person = rep(seq_len(n_people), each = n_items), item = rep(seq_len(n_items), n_people),
    answer = as.double(sample(1:7, n_people * n_items, TRUE))
  )
  long <- long[sample(nrow(long)), ]
  table <- data.table::as.data.table(long)
  whole <- rep(1L, n_items)
  compare("1e6 answers in any order to 40 columns",
    function() {
      .Call(questrial:::C_qstr_pivot, long$person, long$item, long$answer, n_people, whole)
    },
    function() data.table::dcast(table, person ~ item, value.var = "answer"), bar = 5, times = 5)
}
