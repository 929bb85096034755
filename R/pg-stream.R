#' Read from a PostgreSQL server in pieces
#'
#' For results that memory cannot hold: rows are handed to a function `chunk` at a time and
#' forgotten, in the same memory however many there are.
#'
#' @inheritParams pg_read
#' @param fun A function of one data frame, called with the rows in the server's order: give the
#'   query an `ORDER BY` where the order matters.
#' @param chunk How many rows a data frame has; the last may have fewer. `fun` is not called
#'   where there are no rows.
#' @return A list of what `fun` returned, without `NULL`s.
#' @details
#' The query runs in one transaction that cannot write, so that all pieces are of one moment. The
#' connection is busy until the end: `fun` needs another one for queries of its own. Where `fun`
#' fails or is interrupted, the query is cancelled on the server. DBI's `dbFetch(n)` does the same
#' with a loop of your own.
#' @section Errors:
#' Those of [pg_read()] and of `fun`.
#' @examplesIf pg_available() && pg_can_start()
#' server <- pg_throwaway()
#' con <- pg_connect(server$conninfo)
#' sums <- pg_stream(con, "SELECT x FROM generate_series(1, 10) AS x", function(rows) {
#'   sum(rows$x)
#' }, chunk = 4)
#' unlist(sums)
#' pg_close(con)
#' server$stop()
#' @export
pg_stream <- function(con, sql, fun, chunk = 1e5, params = list(), bigint = "integer64",
                      numeric = "double", infinity = "error") {
  reading <- list(bigint = bigint, numeric = numeric, infinity = infinity)
  check_connection(con)
  check_string(sql, "sql")
  check_given(fun, "fun")
  if (!is.function(fun)) {
    qst_abort("argument", sprintf(
      "`fun` must be a function of one data frame, not %s.", describe(fun)
    ))
  }
  check_number(chunk, "chunk", min = 1, max = .Machine$integer.max, whole = TRUE)
  values <- parameter_values(params)
  in_read_only(con, stream_rows(con, sql, reading, values, fun, chunk))
}

stream_rows <- function(con, sql, reading, values, fun, chunk) {
  rows <- start_query(con, sql, reading, values)
  on.exit(stop_rows(rows))
  progress <- if (interactive()) cli::cli_progress_bar("Rows read", total = NA)
  results <- list()
  n_bytes <- 0
  while (!rows_at_end(rows)) {
    part <- next_rows(rows, chunk)
    n_bytes <- n_bytes + 8 * nrow(part) * length(part)
    result <- if (nrow(part) > 0) fun(part)
    if (!is.null(result)) {
      results[[length(results) + 1]] <- result
    }
    part <- NULL
    n_bytes <- collect_garbage(n_bytes)
    if (!is.null(progress)) {
      cli::cli_progress_update(set = rows_fetched(rows), id = progress)
    }
  }
  results
}

# R lets tens of MiB of pieces that nobody needs pile up before it looks for them.
collect_garbage <- function(n_bytes) {
  if (n_bytes < 4 * 2^20) {
    return(n_bytes)
  }
  gc(full = FALSE)
  0
}
