# score() beside base R and psych::scoreItems().
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "bench.R"))
set.seed(1)

reversed <- c(1, 3, 6, 7, 8, 11, 12, 14, 18, 19)
scale <- new_instrument(20, 1, 7, reverse = reversed)

# What a careful user writes; the missing rule of the instrument is not even in it.
base_r <- function(data) {
  data[reversed] <- 8 - data[reversed]
  rowMeans(data, na.rm = TRUE) * 20
}

for (type in c("integer", "double")) {
  data <- synthetic_answers(1e6, 20, 0.02, match.fun(paste0("as.", type)))
  few <- rowSums(is.na(data)) <= 4
  stopifnot(isTRUE(all.equal(score(data, scale)[few], base_r(data)[few], tolerance = 1e-14)))
  compare(
    sprintf("1e6 x 20 %s, 2%% missing, base R", type),
    function() score(data, scale), function() base_r(data),
    bar = 15
  )
}

if (requireNamespace("psych", quietly = TRUE)) {
  data <- data[seq_len(1e5), ]
  keys <- list(total = ifelse(seq_len(20) %in% reversed, paste0("-", names(data)), names(data)))
  compare(
    "1e5 x 20, 2% missing, psych::scoreItems", function() score(data, scale),
    function() suppressWarnings(psych::scoreItems(keys, data, min = 1, max = 7)),
    bar = 100, peer_times = 3
  )
}
