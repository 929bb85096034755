# pg_read() and pg_stream() beside psql's binary COPY and RPostgreSQL, on a server of its own.
# The tables are synthetic.
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "bench.R"))

if (!pg_available() || !pg_can_start()) {
  cat("no libpq or no PostgreSQL server: nothing is compared\n")
  quit()
}

# A trial's answers: 27 columns, 20 of them items of a questionnaire with 2% missing.
make_answers <- function(con, n) {
  items <- sprintf(
    "CASE WHEN random() > 0.02 THEN 1 + floor(7 * random()) END::smallint AS item_%d", 1:20
  )
  pg_exec(con, sprintf("CREATE TABLE answers AS SELECT i::integer AS id,
    (ARRAY['control', 'balint', 'narrative'])[1 + i %% 3] AS arm, 'site ' || i %% 40 AS site,
    i %% 2 = 0 AS female, date '2021-01-01' + (i %% 900)::integer AS day,
    timestamptz '2021-01-01' + i * interval '1 minute' AS entered, 100 * random() AS total, %s
    FROM generate_series(1, %.0f) AS i", paste(items, collapse = ", "), n))
  pg_exec(con, "ANALYZE answers")
}

# A table of many types: 17 columns.
make_visits <- function(con, n) {
  pg_exec(con, sprintf("CREATE TABLE visits AS SELECT i::integer AS id, i * 1000003 AS barcode,
    'centre ' || i %% 200 AS centre, i %% 3 = 0 AS treated,
    date '2020-01-01' + (i %% 1500)::integer AS day,
    timestamptz '2020-01-01' + i * interval '17 seconds' AS entered,
    random() AS x1, 1e3 * random() AS x2, random() - 0.5 AS x3,
    CASE WHEN random() < 0.06 THEN NULL ELSE random() END AS x4,
    (1 + i %% 7)::smallint AS s1, (1 + i %% 5)::smallint AS s2, (1 + i %% 9)::smallint AS s3,
    (1 + i %% 4)::smallint AS s4, (i %% 100000)::integer AS n1, (i / 3)::integer AS n2,
    round((1e4 * random())::numeric, 2) AS cost
    FROM generate_series(1, %.0f::bigint) AS i", n))
  pg_exec(con, "ANALYZE visits")
}

psql_copy <- function(server, table) {
  run <- sprintf("psql -X -q -h %s -p %d -U postgres -c %s postgres > /dev/null", server$folder,
    server$port, shQuote(sprintf("COPY %s TO STDOUT (FORMAT binary)", table)))
  function() stopifnot(system(run) == 0)
}

rpostgresql_read <- function(server, table) {
  function() {
    peer <- DBI::dbConnect(RPostgreSQL::PostgreSQL(), host = server$folder, port = server$port,
      user = "postgres", dbname = "postgres")
    on.exit(DBI::dbDisconnect(peer))
    DBI::dbGetQuery(peer, sprintf("SELECT * FROM %s", table))
  }
}

all_of <- function(table) sprintf("SELECT * FROM %s", table)

# ---- Memory, in a process of its own that is told where the server is ----

arguments <- commandArgs(TRUE)
if ("memory" %in% arguments) {
  con <- pg_connect(arguments[[2]])
  ten <- "SELECT a.* FROM answers a, generate_series(1, 10)"
  for (chunk in c(1e4, 1e5)) {
    peak <- peak_mib(function() pg_stream(con, ten, nrow, chunk = chunk))
    cat(sprintf("pg_stream of ten times the rows by %.0f: %.1f MiB  bar 32\n", chunk, peak))
  }
  for (table in c("answers", "visits")) {
    pg_read(con, paste(all_of(table), "LIMIT 1000"))
    size <- utils::object.size(pg_read(con, all_of(table))) / 2^20
    peak <- peak_mib(function() pg_read(con, all_of(table)))
    cat(sprintf("%-10s result %4.0f MiB, peak %4.0f MiB: %.2f times  bar 2\n", table, size, peak,
      peak / as.double(size)))
  }
  quit()
}

server <- pg_throwaway(c(shared_buffers = "512MB"))
con <- pg_connect(server$conninfo)
make_answers(con, 1e6)
make_visits(con, 1e6)
# Else the server's own vacuum and checkpoint run beside the first reads, on one of the cores.
pg_exec(con, "VACUUM ANALYZE")
pg_exec(con, "CHECKPOINT")

for (table in c("answers", "visits")) {
  ours <- function() pg_read(con, all_of(table))
  compare(sprintf("pg_read 1e6 %s, psql binary COPY", table), ours, psql_copy(server, table),
    bar = 1 / 1.1)
  if (requireNamespace("RPostgreSQL", quietly = TRUE)) {
    compare(sprintf("pg_read 1e6 %s, RPostgreSQL", table), ours, rpostgresql_read(server, table),
      bar = 10, times = 3, peer_times = 1)
  }
}
in_own_process("pg.R", c("memory", shQuote(server$conninfo)), "Memory")
server$stop()
