test_that("a table is described by its columns, with types and what they are to a model", {
  con <- local_pg()
  pg_exec(con, "CREATE TYPE arm AS ENUM ('placebo', 'drug')")
  pg_exec(con, "CREATE DOMAIN share AS numeric CHECK (value BETWEEN 0 AND 1)")
  pg_exec(con, "CREATE SCHEMA trial")
  pg_exec(con, paste(
    "CREATE TABLE trial.\"Visits\" (id bigint, arm arm, name varchar(20), done boolean, part share,",
    "at timestamptz, gone int)"
  ))
  pg_exec(con, "ALTER TABLE trial.\"Visits\" DROP COLUMN gone")
  for (name in list("trial.Visits", c("trial", "Visits"), DBI::Id(schema = "trial", table = "Visits"))) {
    table <- pg_table(con, name)
    expect_identical(table$name, c("trial", "Visits"))
    expect_identical(table$columns$name, c("id", "arm", "name", "done", "part", "at"))
    expect_identical(
      table$columns$kind, c("integer", "enum", "text", "logical", "number", "other")
    )
  }
  expect_output(print(table), "Table trial.Visits: 6 columns.*at \\(timestamp with time zone\\)")
  expect_error(pg_table(con, "trial.visits"), class = "questrial_error_argument")
  expect_error(pg_table(con, "a.b.c"), class = "questrial_error_argument")
  expect_error(pg_table(con, "my.table"), "DBI::Id\\(table = \"my.table\"\\)")
  expect_error(pg_table("visits"), "`con` must be a connection", class = "questrial_error_argument")
  pg_exec(con, "CREATE TABLE one (x int)")
  expect_output(print(pg_table(con, "one")), "1 column[.]")
  expect_error(pg_table(con, 1), "must be a table's name")
})

test_that("a partitioned table is one, unless partitions lie elsewhere", {
  con <- local_pg()
  pg_exec(con, paste(
    "CREATE TABLE p (id int, x int) PARTITION BY LIST (id);",
    "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);",
    "CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)"
  ))
  expect_identical(pg_table(con, "p")$leaves$name, "\"public\".\"p\"")
  expect_output(print(pg_table(con, "p")), "Partitioned table")
})

test_that("texts of a fixed width are not compared, as blanks at the end would be lost", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE padded (k char(3), y float8);
    INSERT INTO padded SELECT CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, i FROM
    generate_series(1, 20) i")
  expect_error(fit_glm(y ~ 1, pg_table(con, "padded"), subset = k == "a  "), "character\\(3\\)",
    class = "questrial_error_argument")
  expect_error(fit_glm(y ~ 1, pg_table(con, "padded"), subset = k %in% c("a  ", "b")),
    "padded|blanks", class = "questrial_error_argument")
})

test_that("a table has names and numbers of a data frame, and says how to get its rows", {
  con <- local_pg()
  pg_write(con, data.frame(name = letters, con = 1:26), "letters")
  t <- pg_table(con, "letters")
  expect_identical(names(t), c("name", "con"))
  expect_identical(colnames(t), names(t))
  expect_equal(c(dim(t), nrow(t), length(t)), c(26, 2, 26, 2))
  pg_exec(con, "DELETE FROM letters WHERE con > 20")
  expect_equal(nrow(t), 20)
  expect_identical(nrow(head(t)), 6L)
  expect_identical(names(head(t, 2)), names(t))
  expect_error(head(t, -1), "`n`", class = "questrial_error_argument")
  expect_output(str(t), "Table public.letters")
  for (refused in list(quote(t$x), quote(t[["x"]]), quote(t[[1]]), quote(t[1, ]),
    quote(summary(t)), quote(as.data.frame(t)), quote(lm(con ~ name, t)), quote(tail(t)),
    quote(with(t, con)))) {
    expect_error(eval(refused), "stay in the database.*pg_read.*public.letters",
      class = "questrial_error_no_rows")
  }
})

test_that("a table that is not there is named by its nearest; none takes a new column", {
  con <- local_pg()
  pg_exec(con, "CREATE TABLE mt (x int); CREATE SCHEMA away; CREATE TABLE away.far_off (x int)")
  expect_error(pg_table(con, "Mt"), "no table \"Mt\".*Did you mean `mt`",
    class = "questrial_error_argument")
  expect_error(pg_table(con, "far_of"), "Give c\\(\"schema\"", class = "questrial_error_argument")
  expect_error(pg_table(con, "pg_clas"), "Give c", class = "questrial_error_argument")
  t <- pg_table(con, "mt")
  expect_error(t$z <- 1, "A new column needs rows", class = "questrial_error_no_rows")
  expect_error(t[["z"]] <- 1, "A new column needs rows", class = "questrial_error_no_rows")
})
