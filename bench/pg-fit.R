# fit_glm() where the data lie, beside the same fit of the rows read: digits, bytes moved, and
# seconds, for which there is no bar: a fit goes to the data that the rows need not travel;
# and beside RPostgreSQL with lm() and clubSandwich. The table is synthetic.
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "bench.R"))

if (!pg_available() || !pg_can_start()) {
  cat("no libpq or no PostgreSQL server: nothing is compared\n")
  quit()
}

# A million visits of 17 columns in 200 centres.
make_visits <- function(con, n) {
  pg_exec(con, sprintf("CREATE TABLE visits AS SELECT *,
      10 + 2 * x1 + (arm = 'b')::int + effect + 4 * (random() - 0.5) AS y,
      random() < 1 / (1 + exp(-(x1 + x2 - 1 + effect))) AS well
    FROM (SELECT i::integer AS id, i * 1000003 AS barcode, (i %% 200)::integer AS centre,
      sin(i %% 200) AS effect, (ARRAY['a', 'b', 'c'])[1 + i %% 3] AS arm, i %% 7 < 3 AS treated,
      date '2020-01-01' + (i %% 1500)::integer AS day,
      timestamptz '2020-01-01' + i * interval '17 seconds' AS entered,
      random() AS x1, random() + 0.1 * random() AS x2, random() - 0.5 AS x3,
      (1 + i %% 7)::smallint AS s1, (1 + i %% 5)::smallint AS s2, (i %% 1000)::integer AS n1,
      round((1e4 * random())::numeric, 2) AS cost
      FROM generate_series(1, %.0f::bigint) AS i) made", n))
  pg_exec(con, "ANALYZE visits")
}

server <- pg_throwaway(c(shared_buffers = "512MB"))
con <- pg_connect(server$conninfo)
make_visits(con, 1e6)
table <- pg_table(con, "visits")
size <- pg_read(con, "SELECT sum(pg_column_size(v.*))::float8 AS bytes FROM visits v")$bytes

beside <- function(what, formula, family, types) {
  pulled <- function() {
    columns <- paste(c(all.vars(formula), "centre"), collapse = ", ")
    fit_glm(formula, pg_read(con, sprintf("SELECT %s FROM visits", columns)), family,
      cluster = ~centre)
  }
  there <- function() fit_glm(formula, table, family, cluster = ~centre)
  one <- there()
  two <- pulled()
  off <- max(abs(coef(one) / coef(two) - 1), vapply(types, function(type) {
    error <- sqrt(diag(vcov(two, type)))
    max(abs(vcov(one, type) - vcov(two, type)) / outer(error, error))
  }, 0))
  cat(sprintf(
    "%s: %d statements, %s bytes moved, %.3f%% of the table; off by %.1e at most\n", what,
    one$info$statements, format(one$info$bytes, big.mark = ","), 100 * one$info$bytes / size, off
  ))
  stopifnot(off < 1e-9, one$info$bytes < 0.01 * size)
  compare(sprintf("%s : read and fit", what),
    function() vcov(there(), "CR2"), function() vcov(pulled(), "CR2"), bar = NA, times = 3)
}

types <- c("HC0", "HC3", "CR0", "CR2")
beside("cells, n = 1e6", y ~ arm * treated, gaussian(), types)
beside("counts of two outcomes, n = 1e6", well ~ arm * treated, binomial(), types)
beside("moments, n = 1e6", y ~ arm + x1 + x2, gaussian(), types)
# Each step is a pass over the table, and CR2 asks for some hundred sums of each row.
beside("IRLS, n = 1e6", well ~ x1 + x2, binomial(), types)

if (requireNamespace("RPostgreSQL", quietly = TRUE) &&
  requireNamespace("clubSandwich", quietly = TRUE)) {
  pg_exec(con, "CREATE TABLE first_rows AS SELECT * FROM visits WHERE id <= 10000")
  some <- pg_table(con, "first_rows")
  peer <- DBI::dbConnect(RPostgreSQL::PostgreSQL(), host = server$folder, port = server$port,
    user = "postgres", dbname = "postgres")
  compare("moments, n = 1e4 : RPostgreSQL, lm, clubSandwich",
    function() vcov(fit_glm(y ~ arm + x1 + x2, some, cluster = ~centre), "CR2"),
    function() {
      rows <- DBI::dbGetQuery(peer, "SELECT y, arm, x1, x2, centre FROM first_rows")
      clubSandwich::vcovCR(lm(y ~ arm + x1 + x2, rows), rows$centre, "CR2")
    }, bar = NA, times = 3)
  DBI::dbDisconnect(peer)
}
pg_close(con)
server$stop()
