# dplyr's verbs on our connections give what they give on the same data in memory.

skip_if_not_installed("dbplyr")
skip_if_not_installed("dplyr")

visits <- function(n = 300) {
  withr::local_seed(4)
  data <- data.frame(
    id = seq_len(n), site = sample(c("a", "b", "c", NA), n, TRUE),
    arm = sample(c("usual", "group"), n, TRUE), score = round(stats::rnorm(n, 50, 10), 2),
    count = stats::rpois(n, 3), day = as.Date("2024-01-01") + sample(400, n, TRUE),
    seen = sample(c(TRUE, FALSE), n, TRUE)
  )
  data$score[seq(7, n, 17)] <- NA
  data
}

sites <- data.frame(
  site = c("a", "b", "d"), city = c("Oslo", "K\u00f8benhavn", "Turku"), beds = c(10L, 250L, NA)
)

# The same question of the table and of the data frame; rows in the order of all their columns.
# Counts and ranks are bigint on the server.
expect_same <- function(remote, local, question) {
  got <- as.data.frame(dplyr::collect(question(remote)))
  want <- as.data.frame(question(local))
  sorted <- function(data) {
    data[] <- lapply(data, function(x) if (inherits(x, "integer64")) as.integer(x) else x)
    data <- data[do.call(order, unname(data)), , drop = FALSE]
    rownames(data) <- NULL
    data
  }
  expect_identical(names(got), names(want))
  expect_equal(sorted(got), sorted(want), tolerance = 1e-12)
}

local_visits <- function(env = parent.frame()) {
  con <- local_pg(env)
  DBI::dbWriteTable(con, "visits", visits())
  DBI::dbWriteTable(con, "sites", sites)
  con
}

test_that("verbs give what they give in memory", {
  con <- local_visits()
  remote <- dplyr::tbl(con, "visits")
  questions <- list(
    function(d) dplyr::filter(d, score > 55, arm == "group", !is.na(site)),
    function(d) dplyr::filter(d, site %in% c("a", "c") | is.na(site)),
    function(d) dplyr::select(d, id, s = score),
    function(d) dplyr::mutate(d, z = (score - 50) / 10, late = day > as.Date("2024-06-01")),
    function(d) dplyr::mutate(d, band = dplyr::case_when(
      score < 45 ~ "low", score < 55 ~ "middle", is.na(score) ~ "none", TRUE ~ "high"
    )),
    function(d) dplyr::mutate(d, arm = toupper(arm), n = nchar(arm), rest = count %% 2L),
    function(d) dplyr::distinct(d, site, arm),
    function(d) dplyr::count(d, site, seen),
    function(d) {
      dplyr::summarise(dplyr::group_by(d, arm, site), n = dplyr::n(), m = mean(score, na.rm = TRUE),
        s = sd(score, na.rm = TRUE), least = min(day, na.rm = TRUE), .groups = "drop")
    },
    function(d) dplyr::transmute(d, id, x = dplyr::coalesce(score, 0), y = ifelse(seen, 1, 2)),
    function(d) dplyr::union_all(dplyr::filter(d, count > 4), dplyr::filter(d, count < 1)),
    function(d) dplyr::arrange(dplyr::filter(d, count == 3), dplyr::desc(score))
  )
  for (question in questions) {
    expect_same(remote, visits(), question)
  }
})

test_that("means of whole numbers are doubles without a warning", {
  con <- local_visits()
  question <- function(d) {
    d <- dplyr::summarise(dplyr::group_by(d, arm), m = mean(count, na.rm = TRUE),
      s = sd(count, na.rm = TRUE), v = var(count, na.rm = TRUE))
    dplyr::mutate(d, share = m / 3)
  }
  expect_warning(expect_same(dplyr::tbl(con, "visits"), visits(), question), NA)
  over <- dplyr::mutate(dplyr::group_by(dplyr::tbl(con, "visits"), site), m = mean(count, na.rm = TRUE))
  expect_type(dplyr::collect(over)$m, "double")
})

test_that("joins give what they give in memory", {
  con <- local_visits()
  for (join in list(dplyr::inner_join, dplyr::left_join, dplyr::right_join, dplyr::full_join,
    dplyr::semi_join, dplyr::anti_join)) {
    got <- as.data.frame(dplyr::collect(
      join(dplyr::tbl(con, "visits"), dplyr::tbl(con, "sites"), by = "site", na_matches = "never")
    ))
    want <- join(visits(), sites, by = "site", na_matches = "never")
    expect_equal(got[order(got$id, got$site), ], want[order(want$id, want$site), ],
      ignore_attr = "row.names")
  }
})

test_that("window functions give what they give in memory", {
  con <- local_visits()
  remote <- dplyr::tbl(con, "visits")
  expect_same(remote, visits(), function(d) {
    dplyr::ungroup(dplyr::mutate(dplyr::group_by(d, arm), r = dplyr::row_number(id)))
  })
  expect_same(remote, visits(), function(d) {
    dplyr::ungroup(dplyr::filter(dplyr::group_by(d, arm), id == max(id, na.rm = TRUE)))
  })
  local <- visits()
  got <- dplyr::collect(dplyr::mutate(dbplyr::window_order(dplyr::group_by(remote, arm), id),
    before = dplyr::lag(count), total = cumsum(count)))
  got <- got[order(got$id), ]
  want <- dplyr::mutate(dplyr::group_by(local, arm), before = dplyr::lag(count),
    total = cumsum(count))
  expect_identical(got$before, want$before)
  expect_identical(as.integer(got$total), want$total)
})

test_that("copy_to(), compute() and collect() keep what they are given", {
  con <- local_visits()
  copied <- dplyr::copy_to(con, sites, "copied", indexes = list("site"))
  expect_identical(as.data.frame(dplyr::collect(dplyr::arrange(copied, site))), sites)
  expect_error(dplyr::copy_to(con, sites, "copied"))
  dplyr::copy_to(con, sites[1:2, ], "copied", overwrite = TRUE)
  expect_identical(nrow(DBI::dbReadTable(con, "copied")), 2L)

  many <- dplyr::compute(dplyr::filter(dplyr::tbl(con, "visits"), count > 3))
  expect_identical(nrow(dplyr::collect(many)), sum(visits()$count > 3))
  named <- dplyr::compute(dplyr::count(dplyr::tbl(con, "visits"), arm), "counted", temporary = FALSE)
  expect_true(DBI::dbExistsTable(con, "counted"))
  expect_identical(sum(as.numeric(dplyr::collect(named)$n)), 300)
  expect_warning(head <- dplyr::collect(dplyr::tbl(con, "visits"), n = 5), "5 results")
  expect_identical(nrow(head), 5L)
})

test_that("the SQL is PostgreSQL's, and the connection is described without secrets", {
  con <- local_visits()
  lazy <- dplyr::filter(dplyr::tbl(con, "visits"), grepl("^a", site))
  expect_match(as.character(dbplyr::sql_render(lazy)), "~ \\('\\^a'")
  expect_output(dplyr::explain(lazy), "Seq Scan")
  shown <- paste(utils::capture.output(print(dplyr::tbl(con, "visits"))), collapse = "\n")
  expect_match(shown, "PostgreSQL [0-9.]+ +\\[postgres@")
  expect_match(shown, "visits")
})

test_that("rows can be inserted, updated and deleted where they are", {
  con <- local_visits()
  remote <- dplyr::tbl(con, "sites")
  pg_exec(con, "CREATE UNIQUE INDEX ON sites (site)")
  more <- dplyr::copy_to(con, data.frame(site = "e", city = "Oulu", beds = 5L), "more")
  dplyr::rows_insert(remote, more, by = "site", in_place = TRUE, conflict = "ignore")
  expect_identical(nrow(dplyr::collect(remote)), 4L)
  gone <- dplyr::copy_to(con, data.frame(site = "a"), "gone")
  dplyr::rows_delete(remote, gone, by = "site", in_place = TRUE, unmatched = "ignore")
  expect_identical(sort(dplyr::collect(remote)$site), c("b", "d", "e"))
})
