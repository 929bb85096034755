# pg_write() beside psql's COPY FROM STDIN of the same rows in binary, and RPostgreSQL.
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "bench.R"))
set.seed(1)

if (!pg_available() || !pg_can_start()) {
  cat("no libpq or no PostgreSQL server: nothing to compare\n")
  quit()
}
server <- pg_throwaway(c(shared_buffers = "256MB", max_wal_size = "8GB"))
con <- pg_connect(server$conninfo)

# Synthetic visits: an id, an arm, a day, a moment, answers with some missing, and scores.
synthetic_visits <- function(n, n_answers, n_scores) {
  visits <- data.frame(
    id = seq_len(n), arm = sample(c("control", "group", "single"), n, replace = TRUE),
    site = sample(sprintf("site %03d", 1:200), n, replace = TRUE),
    day = as.Date("2020-01-01") + sample.int(1500, n, replace = TRUE),
    moment = .POSIXct(1.6e9 + floor(1e8 * stats::runif(n)), "UTC"),
    late = stats::runif(n) < 0.1
  )
  scores <- replicate(n_scores, stats::rnorm(n), simplify = FALSE)
  names(scores) <- paste0("score_", seq_len(n_scores))
  answers <- if (n_answers > 0) {
    lapply(synthetic_answers(n, n_answers, 0.02, as.integer), identity)
  }
  cbind(visits, as.data.frame(scores), as.data.frame(answers)[seq_len(n), , drop = FALSE])
}

psql <- function(..., from = "", to = "") {
  bin <- Find(file.exists, c(Sys.glob("/usr/lib/postgresql/*/bin/psql"), Sys.which("psql")))
  status <- system2(bin, c("-qX", "-d", shQuote(server$conninfo),
    rbind("-c", shQuote(c(...)))), stdin = from, stdout = to)
  stopifnot(status == 0)
}

for (n_answers in c(0, 16)) {
  data <- synthetic_visits(1e6, n_answers, 5)
  rows <- tempfile()
  pg_write(con, data, "model")
  psql("COPY model TO STDOUT (FORMAT binary)", to = rows)
  what <- sprintf("1e6 x %d (%.0f MB in binary)", ncol(data), file.size(rows) / 1e6)
  ours <- function() {
    pg_exec(con, "DROP TABLE IF EXISTS ours")
    pg_write(con, data, "ours")
  }
  suppressMessages(compare(paste0(what, ", psql COPY FROM"), ours, function() {
    psql("SET client_min_messages = warning", "DROP TABLE IF EXISTS theirs",
      "CREATE TABLE theirs (LIKE model)", "COPY theirs FROM STDIN (FORMAT binary)", from = rows)
  }, bar = 1 / 1.5, times = 7))
  same <- pg_read(con, "SELECT count(*)::int AS n FROM (TABLE model EXCEPT ALL TABLE ours) AS d")
  stopifnot(same$n == 0)
  if (requireNamespace("RPostgreSQL", quietly = TRUE)) {
    other <- DBI::dbConnect(DBI::dbDriver("PostgreSQL"), host = server$folder, user = "postgres",
      dbname = "postgres")
    suppressMessages(compare(paste0(what, ", RPostgreSQL"), ours, function() {
      DBI::dbWriteTable(other, "old", data, overwrite = TRUE, row.names = FALSE)
    }, bar = 3, times = 2, peer_times = 1))
    DBI::dbDisconnect(other)
  }
  pg_exec(con, "DROP TABLE model")
  unlink(rows)
}
pg_close(con)
server$stop()
