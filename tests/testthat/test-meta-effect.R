# Oracle: metafor::escalc() on the metadat data sets that have the columns.

expect_effect <- function(ours, peer) {
  expect_equal(ours$yi, as.numeric(peer$yi), tolerance = 1e-10)
  expect_equal(ours$vi, as.numeric(peer$vi), tolerance = 1e-10)
}

# Data sets of metadat with means, under the names of escalc().
metadat_means <- function() {
  rename <- function(d, names) stats::setNames(d[names], c("m1", "s1", "n1", "m2", "s2", "n2"))
  usual <- c("m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i")
  list(
    normand1999 = rename(metadat::dat.normand1999, usual),
    curtis1998 = rename(metadat::dat.curtis1998, usual),
    gibson2002 = rename(metadat::dat.gibson2002, usual),
    dagostino1998 = rename(
      metadat::dat.dagostino1998, c("mt", "sdt", "tnt", "mc", "sdc", "tnc")
    ),
    michael2013 = rename(metadat::dat.michael2013, c(
      "Brain_m", "Brain_s", "Brain_n", "No_brain_m", "No_brain_s", "No_brain_n"
    ))
  )
}

# With counts: events and people of both arms.
metadat_counts <- function() {
  take <- function(d, names) stats::setNames(d[names], c("a", "n1", "c", "n2"))
  usual <- c("ai", "n1i", "ci", "n2i")
  from <- c(
    "egger2001", "hahn2001", "laopaiboon2015", "lau1992", "lee2004", "li2007", "linde2005",
    "nielweise2007", "yusuf1985", "hine1989"
  )
  sets <- lapply(from, function(name) {
    take(getExportedValue("metadat", paste0("dat.", name)), usual)
  })
  names(sets) <- from
  bcg <- metadat::dat.bcg
  c(sets, list(
    bcg = data.frame(
      a = bcg$tpos, n1 = bcg$tpos + bcg$tneg, c = bcg$cpos, n2 = bcg$cpos + bcg$cneg
    ),
    damico2009 = take(metadat::dat.damico2009, c("xt", "nt", "xc", "nc")),
    collins1985a = take(metadat::dat.collins1985a, c("b.xti", "nti", "b.xci", "nci")),
    collins1985b = take(metadat::dat.collins1985b, c("pre.xti", "pre.nti", "pre.xci", "pre.nci")),
    cannon2006 = take(metadat::dat.cannon2006, c("ep1t", "nt", "ep1c", "nc")),
    hartmannboyce2018 = take(
      metadat::dat.hartmannboyce2018, c("x.nrt", "n.nrt", "x.ctrl", "n.ctrl")
    ),
    axfors2021 = take(metadat::dat.axfors2021, c(
      "hcq_arm_event", "hcq_arm_total", "control_arm_event", "control_arm_total"
    )),
    fine1993 = take(metadat::dat.fine1993, c("e1i", "nei", "c1i", "nci")),
    dorn2007 = take(metadat::dat.dorn2007, c("x.a", "n.a", "x.p", "n.p")),
    viechtbauer2021 = take(metadat::dat.viechtbauer2021, c("xTi", "nTi", "xCi", "nCi"))
  ))
}

test_that("means agree with escalc() on every data set that has them", {
  skip_if_not_installed("metafor")
  skip_if_not_installed("metadat")
  for (d in metadat_means()) {
    d <- d[!is.na(d$s1) | !is.na(d$m1), ]
    for (measure in c("MD", "SMD", "ROM")) {
      vtypes <- if (measure == "SMD") c("LS", "LS2", "UB") else "LS"
      for (vtype in vtypes) {
        expect_effect(
          effect_size(measure, m1, s1, n1, m2, s2, n2, data = d, vtype = vtype),
          suppressWarnings(metafor::escalc(measure,
            m1i = m1, sd1i = s1, n1i = n1, m2i = m2, sd2i = s2, n2i = n2, data = d, vtype = vtype
          ))
        )
      }
    }
  }
})

test_that("counts agree with escalc() on every data set that has them", {
  skip_if_not_installed("metafor")
  skip_if_not_installed("metadat")
  for (d in metadat_counts()) {
    for (measure in c("OR", "RR", "RD", "PETO")) {
      expect_effect(
        effect_size(measure, events1 = a, events2 = c, data = d),
        suppressWarnings(metafor::escalc(measure, ai = a, n1i = n1, ci = c, n2i = n2, data = d))
      )
    }
  }
})

test_that("empty cells are treated as escalc() does", {
  skip_if_not_installed("metafor")
  d <- data.frame(a = c(0, 3, 0, 10), n1 = 10, c = c(2, 4, 0, 10), n2 = 12)
  for (to in c("only0", "if0all", "all", "none")) {
    for (drop in c(TRUE, FALSE)) {
      for (measure in c("OR", "RR", "RD", "PETO")) {
        expect_effect(
          effect_size(measure,
            events1 = a, events2 = c, data = d, add = 0.25, to = to, drop00 = drop
          ),
          suppressWarnings(metafor::escalc(measure,
            ai = a, n1i = n1, ci = c, n2i = n2, data = d, add = 0.25, to = to, drop00 = drop
          ))
        )
      }
    }
  }
})

test_that("changes agree with escalc()", {
  skip_if_not_installed("metafor")
  d <- data.frame(m.b = c(50, 9), s.b = c(9, 2.1), m.a = c(54, 7), s.a = c(8, 2.5), n = c(40, 12))
  d$r <- c(0.7, 0.3)
  for (vtype in c("LS", "LS2")) {
    ours <- function(measure) {
      effect_size(measure, m.a, s.a, n, m.b, s.b, r = r, data = d, vtype = vtype)
    }
    expect_effect(ours("SMCC"), metafor::escalc("SMCC",
      m1i = m.a, sd1i = s.a, m2i = m.b, sd2i = s.b, ni = n, ri = r, data = d, vtype = vtype
    ))
    expect_effect(ours("SMCR"), metafor::escalc("SMCR",
      m1i = m.a, sd1i = s.b, m2i = m.b, ni = n, ri = r, data = d, vtype = vtype
    ))
  }
  expect_effect(
    effect_size("MC", m.a, s.a, n, m.b, s.b, r = r, data = d),
    metafor::escalc("MC", m1i = m.a, sd1i = s.a, m2i = m.b, sd2i = s.b, ni = n, ri = r, data = d)
  )
})

test_that("RevMan's SMD is its documented formula", {
  # Deeks & Higgins (2010), p. 7, on the arms of Buffel du Vaure et al. (2017), follow-up.
  n <- 155 + 144
  s <- sqrt((154 * 10.6^2 + 143 * 12.7^2) / (n - 2))
  g <- (111.9 - 107.7) / s * (1 - 3 / (4 * n - 9))
  x <- effect_size("SMD", 111.9, 10.6, 155, 107.7, 12.7, 144, vtype = "revman")
  expect_equal(x$yi, g, tolerance = 1e-14)
  expect_equal(x$vi, n / (155 * 144) + g^2 / (2 * (n - 3.94)), tolerance = 1e-14)
  expect_equal(attr(x, "measure"), "SMD")
})

test_that("columns are found by name, by vector and by their standard names", {
  d <- data.frame(
    study = c("One", "Two"), mean1 = c(7, 9), sd1 = 2, n1 = 8, mean2 = 4, sd2 = 4, n2 = 8, x = 1:2
  )
  by_default <- effect_size("MD", data = d)
  expect_named(by_default, c(names(d), "yi", "vi"))
  expect_equal(by_default$yi, c(3, 5))
  expect_equal(effect_size("MD", "mean1", data = d), by_default)
  expect_equal(effect_size("MD", mean1, sd1, n1, mean2, sd2, n2, data = d), by_default)
  expect_equal(effect_size("MD", data = d, slab = paste0("S", x))$study, c("S1", "S2"))
  expect_equal(effect_size("MD", d$mean1, 2, 8, 4, 4, 8)$yi, c(3, 5))
})

test_that("rows keep class and measure, columns that are not effects do not", {
  x <- effect_size("OR", events1 = c(1, 2), n1 = 10, events2 = c(2, 3), n2 = 10)
  expect_s3_class(x[2, ], "effect_sizes")
  expect_equal(attr(x[2, ], "measure"), "OR")
  expect_identical(class(x["yi"]), "data.frame")
  expect_type(x[, "yi"], "double")
})

test_that("pre-post rows need a correlation or say so", {
  expect_error(effect_size("SMCC", 7, 2, 8, 4, 4), "needs `r`", class = "questrial_error_argument")
  expect_error(effect_size("SMD", 7, 2, 8, 4, 4, 8, r = 0.5), "pre-post",
    class = "questrial_error_argument"
  )
})

test_that("what is wrong is named", {
  expect_error(effect_size("SND"), "`measure` must be one of", class = "questrial_error_argument")
  expect_error(effect_size("SMD", 1, 2, 3), "SMD needs `mean2`, `sd2` and `n2`",
    class = "questrial_error_argument"
  )
  expect_error(effect_size("MD", 1, c(2, -2), 3, 4, 5, 6), "`sd1` of row 2 is -2",
    class = "questrial_error_argument"
  )
  expect_error(effect_size("MD", 1:2, c(2, 2, 2), 3, 4, 5, 6), "`mean1` has 2 values for 3",
    class = "questrial_error_argument"
  )
  expect_error(effect_size("MD", nowhere, data = data.frame(study = 1)), "`mean1` cannot be found",
    class = "questrial_error_argument"
  )
  expect_error(effect_size("OR", events1 = 5, n1 = 4, events2 = 1, n2 = 4), "`events1` of row 1",
    class = "questrial_error_argument"
  )
  expect_error(effect_size("MD", 1, 2, 3, 4, 5, 6, wrong = 1), "Unknown argument",
    class = "questrial_error_argument"
  )
})

test_that("rows without an effect and corrected rows are noted", {
  x <- effect_size("SMD", c(7, NA, 7), c(2, 2, 0), 8, 4, c(4, 4, 0), 8)
  expect_identical(is.nan(x$yi), c(FALSE, FALSE, TRUE))
  expect_true(is.na(x$yi[[2]]))
  expect_match(attr(x, "notes"), "Row 3: no SMD")
  y <- effect_size("OR", events1 = c(0, 2), n1 = 10, events2 = 3, n2 = 10)
  expect_match(attr(y, "notes"), "0.5 added to the four cells of row 1")
  expect_output(print(y), "Log odds ratio of 2 studies")
  expect_output(print(effect_size("PETO", events1 = 1, n1 = 9, events2 = 3, n2 = 10)),
    "Log Peto odds ratio")
})

test_that("means are printed with the decimals they were given", {
  x <- effect_size("MD", c(141.93, 12.5), c(20.1, 3), 30, c(150, 14), 20, 31)
  out <- capture.output(print(x))
  expect_match(out[[4]], "141.93 +20.1 +30 +150 +20 +31")
  expect_match(out[[5]], "12.50 +3.0 +30 +14 +20 +31")
})

test_that("each measure has a scale", {
  expect_equal(
    effect_scale("OR"), list(name = "Odds ratio", abbreviation = "OR", log = TRUE, null = 0)
  )
  expect_false(effect_scale("GEN")$log)
})

test_that("pre-post rows in a table of two arms are refused", {
  d <- data.frame(mean1 = c(7, 9), sd1 = 2, n1 = 8, mean2 = 4, sd2 = 4, n2 = 8)
  d$design <- c("RCT", "pre-post")
  expect_error(effect_size("SMD", data = d), "Row 2 is pre-post",
    class = "questrial_error_argument"
  )
  expect_error(effect_size("MD", data = d[1, ], paired = TRUE), "Row 1 is pre-post",
    class = "questrial_error_argument"
  )
  expect_equal(nrow(effect_size("SMCR", data = d, r = 0.6)), 2)
})

test_that("printed tests of the worked example give its effects", {
  # Huang et al. (2020), 18 an arm: t of emotional exhaustion and depersonalisation.
  x <- effect_size("SMD", t = c(-2.662, -2.433, 1.013, 0.367), n1 = 18, n2 = 18)
  expect_equal(round(x$yi, 3), c(-0.868, -0.793, 0.330, 0.120))
})
