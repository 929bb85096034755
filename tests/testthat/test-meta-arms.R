# Three invented arms with whole numbers, so that everything can be counted anew from the people.
people <- list(a = c(3, 5, 8, 4), b = c(9, 7, 12, 10, 7), c = c(1, 6, 2))
arm_table <- data.frame(
  arm = names(people), study = c("S", "S", "T"), n = lengths(people),
  mean = vapply(people, mean, 0), sd = vapply(people, stats::sd, 0), row.names = NULL
)

test_that("combined arms are the people of all of them", {
  both <- unlist(people[1:2])
  x <- combine_arms(n, mean, sd, by = study, data = arm_table)
  expect_identical(x$by, c("S", "T"))
  expect_equal(x$n, c(9, 3))
  expect_equal(x$mean, c(mean(both), mean(people$c)))
  expect_equal(x$sd, c(stats::sd(both), stats::sd(people$c)))
  all <- combine_arms(n, mean, sd, data = arm_table)
  expect_equal(all$sd, stats::sd(unlist(people)))
  expect_equal(combine_arms(c(10, 12), events = c(3, 4)), data.frame(arms = 2L, n = 22, events = 7))
})

test_that("arms that cannot be combined are refused", {
  expect_error(combine_arms(c(3, 4), mean = 1), "`mean` and `sd`",
    class = "questrial_error_argument"
  )
  expect_error(combine_arms(c(3, 0), 1, 1), "`n` of row 2 is 0", class = "questrial_error_argument")
  expect_error(combine_arms(3, 1, -1), "`sd` must not be below 0",
    class = "questrial_error_argument"
  )
})

two_rows <- effect_size("SMD", c(0.27, -0.57, 1), c(8, 8.76, 9), c(125, 120, 50),
  c(-2.36, -2.36, 0), c(11.41, 11.41, 8), c(117, 117, 60),
  slab = c("L", "L", "M")
)

test_that("a control that is split has half the people in each row", {
  x <- split_control(two_rows)
  expect_equal(x$n2, c(58.5, 58.5, 60))
  expect_equal(x$yi[[1]], effect_size("SMD", 0.27, 8, 125, -2.36, 11.41, 58.5)$yi)
  expect_equal(x$vi[[3]], two_rows$vi[[3]])
  expect_match(attr(x, "notes"), "The control of L was shared out")
  counts <- effect_size("OR", events1 = c(3, 5), n1 = 20, events2 = 8, n2 = 24, slab = "S")
  split <- split_control(counts)
  expect_equal(split$events2, c(4, 4))
  expect_equal(split$yi, counts$yi)
  revman <- split_control(effect_size("SMD", 1, 2, 30, 0, 2, 30, slab = "S", vtype = "revman"))
  expect_identical(attr(revman, "vtype"), "revman")
})

test_that("covariances of rows with one control are those of the control", {
  v <- shared_control_vcov(two_rows)
  expect_equal(diag(v), two_rows$vi, ignore_attr = TRUE)
  expect_equal(v[1, 2], 1 / 117 + prod(two_rows$yi[1:2]) / (2 * 362))
  expect_equal(v[1, 3], 0)
  expect_identical(rownames(v), c("L (row 1)", "L (row 2)", two_rows$study[[3]]))
  expect_identical(colnames(v), rownames(v))
  named <- two_rows
  named$contrast <- c("a", "b", "a")
  expect_identical(rownames(shared_control_vcov(named))[1:2], c("L: a", "L: b"))
  counts <- effect_size("RD", events1 = c(3, 5), n1 = 20, events2 = 8, n2 = 24, slab = "S")
  expect_equal(shared_control_vcov(counts)[1, 2], 8 / 24 * 16 / 24 / 24)
})

test_that("with one SD everywhere covariances are those of vcalc()", {
  skip_if_not_installed("metafor")
  d <- data.frame(
    study = c("A", "A", "B"), mean1 = c(3, 4, 5), sd1 = 2, n1 = c(20, 31, 40), mean2 = c(2, 2, 3),
    sd2 = 2, n2 = c(25, 25, 44), arm = c("x", "y", "x"), control = "c"
  )
  x <- effect_size("MD", data = d)
  peer <- metafor::vcalc(vi, study,
    grp1 = arm, grp2 = control, w1 = n1, w2 = n2, data = as.data.frame(x)
  )
  expect_equal(unname(shared_control_vcov(x)), unname(peer), tolerance = 1e-12)
})

test_that("rows of one study must have one control", {
  wrong <- two_rows
  wrong$mean2[[2]] <- 0
  expect_error(shared_control_vcov(wrong), "Row 2 is of \"L\" but has another control",
    class = "questrial_error_argument"
  )
  no_arms <- effect_size("SMD", t = c(2, 1), n1 = 20, n2 = 20, slab = "S")
  expect_error(split_control(no_arms), "without the numbers", class = "questrial_error_argument")
  expect_error(split_control(two_rows, "trial"), "no column `trial`",
    class = "questrial_error_argument"
  )
  change <- effect_size("SMCR", 24, 6, 20, 21, 5, r = 0.6, slab = "S")
  change$n2 <- 20
  expect_error(shared_control_vcov(change), "no control that rows could share",
    class = "questrial_error_argument"
  )
})

test_that("effective numbers are the people over the design effect", {
  # Cochrane Handbook 23.1.4: 63 of 295 and 84 of 330 children, classes of 29.8, ICC 0.02.
  expect_equal(
    round(effective_n(c(63, 295, 84, 330), 29.8, 0.02), 1), c(40.0, 187.2, 53.3, 209.4)
  )
  expect_equal(effective_n(60, size = c(1, 15), icc = 0.05), c(60, 60 / 1.7))
  expect_equal(effective_n(60, 15, 0.05, cv = 0.4), 60 / (1 + (1.16 * 15 - 1) * 0.05))
  expect_equal(effective_n(60, 1, 0.05, cv = 0.4), 60)
  expect_error(effective_n(60, 15, 5), "`icc` must lie from 0 to 1",
    class = "questrial_error_argument"
  )
  expect_error(effective_n(60, 0, 0.1), "at least 1 person", class = "questrial_error_argument")
})

test_that("the pool is made for several correlations within groups", {
  x <- effect_size("SMD", c(7, 9, 8), 3, c(40, 75, 22), c(6, 7, 7), 3, c(41, 75, 20))
  sensitivity <- icc_sensitivity(x, size1 = c(1, 15, 1), icc = c(0, 0.1))
  expect_equal(sensitivity$estimate[[1]], unname(stats::coef(meta_analysis(x))))
  nested <- x
  nested$n1 <- effective_n(x$n1, c(1, 15, 1), 0.1)
  nested <- effect_size("SMD", data = nested[setdiff(names(nested), c("yi", "vi"))])
  expect_equal(sensitivity$estimate[[2]], unname(stats::coef(meta_analysis(nested))))
  expect_named(sensitivity, c(
    "icc", "k", "estimate", "std.error", "conf.low", "conf.high", "tau2", "I2"
  ))
})
