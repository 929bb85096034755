# A table over three servers: a partition here and one on each of two others.

local_shards <- function(n, env = parent.frame()) {
  con <- local_pg(env)
  pg_exec(con, paste(
    "CREATE EXTENSION postgres_fdw;",
    "CREATE TABLE d (shard int, id int, site int, arm text, old boolean, age float8, items int,",
    "  w int, y float8, k int, s boolean, g float8) PARTITION BY LIST (shard);",
    "CREATE TABLE d0 PARTITION OF d FOR VALUES IN (0)"
  ))
  fit_table_of(con, n, "rows")
  pg_exec(con, "INSERT INTO d SELECT 0, * FROM rows WHERE id % 3 = 0")
  for (shard in 1:2) {
    server <- shard_server(env)
    there <- pg_connect(server$conninfo)
    fit_table_of(there, n, "rows")
    pg_exec(there, sprintf(
      "CREATE TABLE d AS SELECT %1$d AS shard, * FROM rows WHERE id %% 3 = %1$d", shard
    ))
    pg_close(there)
    pg_exec(con, sprintf(
      paste(
        "CREATE SERVER s%1$d FOREIGN DATA WRAPPER postgres_fdw",
        "  OPTIONS (host '%2$s', port '%3$d', dbname 'postgres');",
        "CREATE USER MAPPING FOR CURRENT_USER SERVER s%1$d OPTIONS (user 'postgres');",
        "CREATE FOREIGN TABLE d%1$d PARTITION OF d FOR VALUES IN (%1$d) SERVER s%1$d",
        "  OPTIONS (table_name 'd')"
      ), shard, server$folder, server$port
    ))
  }
  con
}

shard_server <- function(env) {
  server <- pg_throwaway()
  withr::defer(server$stop(), envir = env)
  server
}

test_that("shards work out their own sums, and the fit is that of all rows", {
  con <- local_shards(36000)
  t <- pg_table(con, "d")
  expect_identical(t$leaves$foreign, c(FALSE, TRUE, TRUE))
  expect_output(print(t), "2 partitions on other servers")
  d <- pg_read(con, "SELECT * FROM d")
  size <- pg_read(con, "SELECT sum(pg_column_size(d.*))::float8 AS bytes FROM d")$bytes
  types <- c("HC3", "CR0", "CR2")
  expect_pushed <- function(traced) {
    for (plan in traced$plans) {
      expect_length(grep("Foreign Scan", plan), 2)
      expect_length(grep("Relations: Aggregate on \\(public.d[12]", plan), 2)
      expect_length(grep("Remote SQL: SELECT.*(count|sum)\\(", plan), 2)
    }
  }
  traced <- explained_fit(con, expect_same_fit(t, d, y ~ old, cluster = ~site, types = types))
  expect_pushed(traced)
  expect_identical(traced$fit$there$info$statements, 1L)
  expect_lt(traced$fit$there$info$bytes, 0.01 * size)
  traced <- explained_fit(con,
    expect_same_fit(t, d, y ~ old + age, cluster = ~site, subset = items > 0, types = types)
  )
  expect_pushed(traced)
  expect_lt(traced$fit$there$info$bytes, 0.01 * size)
  traced <- explained_fit(con,
    expect_same_fit(t, d, s ~ old + age, family = binomial(), cluster = ~site, types = types)
  )
  expect_identical(traced$fit$there$info$route, "irls")
  expect_pushed(traced)
  expect_same_fit(t, d, s ~ arm, family = binomial(), cluster = ~site, types = types)
})
