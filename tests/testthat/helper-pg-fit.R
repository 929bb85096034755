# Synthetic rows made by the server from hashes of their numbers, the same in every run: clusters
# in two covariates of few values, one number with fractions, and responses of several kinds.
fit_rows_sql <- paste(
  "SELECT i AS id, 1 + (h1 * 24)::int AS site,",
  "  CASE WHEN mod(i, 97) = 0 THEN NULL ELSE (ARRAY['a', 'b', 'c'])[1 + mod(i, 3)] END AS arm,",
  "  h2 < 0.4 AS old, CASE WHEN mod(i, 83) = 0 THEN 'NaN' ELSE 40 + 20 * (h3 - 0.5) END::float8 AS age,",
  "  (h4 * 7)::int AS items, 1 + mod(i, 3) AS w,",
  "  CASE WHEN mod(i, 71) = 0 THEN NULL ELSE",
  "    120 + 2 * (mod(i, 3)) + 0.05 * h3 + sin((h1 * 24)::int) + 4 * (h5 - 0.5) END::float8 AS y,",
  "  (h5 * 4 * exp(0.3 * (mod(i, 3)) + h3 - 0.5 + 0.3 * sin((h1 * 24)::int)))::int AS k,",
  "  h5 < 1 / (1 + exp(-(h3 - 0.5 + 0.5 * sin((h1 * 24)::int) + 0.5 * (mod(i, 3)) - 0.3))) AS s,",
  "  0.1 + h5 * exp(h3 + 0.2 * (mod(i, 3))) AS g",
  "FROM (SELECT i,",
  paste(sprintf(
    "(('x' || substr(md5(i::text || 'h%1$d'), 1, 7))::bit(28)::int / 268435456.0)::float8 AS h%1$d",
    1:5
  ), collapse = ", "),
  "FROM generate_series(1, %d) i) hashed"
)

fit_table_of <- function(con, n, name = "d") {
  pg_exec(con, sprintf("CREATE TABLE %s AS %s", name, sprintf(fit_rows_sql, n)))
  pg_exec(con, sprintf("ANALYZE %s", name))
  pg_table(con, name)
}

# The same fit of the table and of the rows read: same names, numbers of rows, and to `tolerance`
# same coefficients, deviances and covariances.
expect_same_fit <- function(table, rows, ..., types = NULL, tolerance = 1e-9) {
  dots <- as.list(substitute(list(...)))[-1]
  here <- parent.frame()
  there <- eval(as.call(c(quote(fit_glm), dots, list(data = table))), here)
  pulled <- eval(as.call(c(quote(fit_glm), dots, list(data = rows))), here)
  same <- function(a, b) testthat::expect_equal(a, b, tolerance = tolerance, ignore_attr = TRUE)
  testthat::expect_identical(names(coef(there)), names(coef(pulled)))
  testthat::expect_identical(is.na(coef(there)), is.na(coef(pulled)))
  counts <- c("n_used", "df.residual", "df.null", "rank", "assign")
  testthat::expect_equal(unclass(there)[counts], unclass(pulled)[counts])
  testthat::expect_equal(there$n_left_out, length(pulled$na.action))
  same(coef(there), coef(pulled))
  same(c(deviance(there), there$null.deviance), c(deviance(pulled), pulled$null.deviance))
  for (type in c("model", types)) {
    error <- sqrt(diag(vcov(pulled, type)))
    same(vcov(there, type) / outer(error, error), vcov(pulled, type) / outer(error, error))
  }
  if ("CR2" %in% types) {
    same(summary(there, vcov = "CR2")$coefficients, summary(pulled, vcov = "CR2")$coefficients)
  }
  invisible(list(there = there, pulled = pulled))
}

# What a fit asks, as EXPLAIN (VERBOSE) has it.
explained_fit <- function(con, fit) {
  asked <- new.env()
  asked$plans <- list()
  note <- function(con, sql, texts) {
    if (!grepl("^EXPLAIN", sql)) {
      plan <- questrial:::read_bound(con, paste("EXPLAIN (VERBOSE, COSTS OFF)", sql), texts)
      asked$plans <- c(asked$plans, list(plan[[1]]))
    }
  }
  suppressMessages(trace("read_bound", bquote(.(note)(con, sql, texts)), print = FALSE,
    where = asNamespace("questrial")))
  on.exit(suppressMessages(untrace("read_bound", where = asNamespace("questrial"))))
  list(fit = force(fit), plans = asked$plans)
}
