# Every data set of metadat that has the columns: all estimators, Q-profile, leave-one-out.

# Effects and variances of a set, by what its columns are.
metadat_effects <- function(name) {
  found <- new.env()
  utils::data(list = name, package = "metadat", envir = found)
  data <- found[[name]]
  has <- function(...) all(c(...) %in% names(data))
  measure <- if (has("yi", "vi")) {
    "GEN"
  } else if (has("m1i")) {
    if (name == "dat.curtis1998") "ROM" else "SMD"
  } else if (has("tpos")) {
    "RR"
  } else if (has("t1i")) {
    "IRR"
  } else if (has("ri")) {
    "ZCOR"
  } else if (has("mi")) {
    "AHW"
  } else {
    "OR"
  }
  columns <- list(
    GEN = c("yi", "vi"), SMD = c("m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i"),
    RR = c(ai = "tpos", bi = "tneg", ci = "cpos", di = "cneg"),
    IRR = c("x1i", "t1i", "x2i", "t2i"), ZCOR = c("ri", "ni"), AHW = c("ai", "mi", "ni"),
    OR = c("ai", "n1i", "ci", "n2i")
  )
  asked <- columns[[if (measure == "ROM") "SMD" else measure]]
  given <- as.list(data[asked])
  names(given) <- if (is.null(names(asked))) asked else names(asked)
  effects <- suppressWarnings(do.call(metafor::escalc, c(measure = measure, given)))
  keep <- !is.na(effects$yi) & !is.na(effects$vi)
  data.frame(yi = as.numeric(effects$yi), vi = effects$vi)[keep, ]
}

metadat_sets <- paste0("dat.", c(
  "anand1999", "assink2016", "bangertdrowns2004", "bcg", "begg1989", "berkey1998", "bonett2010",
  "colditz1994", "craft2003", "curtis1998", "egger2001", "gibson2002", "graves2010",
  "hackshaw1998", "hahn2001", "hart1999", "hine1989", "kalaian1996", "knapp2017",
  "konstantopoulos2011", "laopaiboon2015", "lau1992", "lee2004", "li2007", "linde2005",
  "michael2013", "molloy2014", "nielweise2007", "nielweise2008", "normand1999",
  "raudenbush1985", "riley2003", "tannersmith2016", "yusuf1985"
))

solved <- function(data, method, ...) {
  suppressWarnings(metafor::rma(data$yi, data$vi,
    method = method, ...,
    control = list(threshold = 1e-12, maxiter = 20000, tol = 1e-12, tau2.max = 1e4)
  ))
}

test_that("all estimators are metafor's on each set of metadat", {
  skip_if_not_installed("metafor")
  expect_gte(length(metadat_sets), 25)
  for (name in metadat_sets) {
    data <- metadat_effects(name)
    for (method in c("FE", "DL", "HE", "SJ", "ML", "REML", "PM", "EB")) {
      test <- if (method %in% c("REML", "DL")) "HKSJ" else "z"
      fit <- meta_analysis(yi, vi, data = data, method = method, test = test)
      peer <- solved(data, method, test = if (test == "z") "z" else "knha")
      info <- paste(name, method)
      rows <- generics::tidy(fit)
      expect_equal(
        unlist(rows[c("estimate", "std.error", "conf.low", "conf.high")]),
        c(peer$beta, peer$se, peer$ci.lb, peer$ci.ub),
        tolerance = 1e-6, ignore_attr = TRUE, info = info
      )
      expect_lt(abs(fit$tau2 - peer$tau2), 1e-5 * max(1, peer$tau2))
      expect_equal(c(fit$Q, fit$I2, fit$H2), c(peer$QE, peer$I2, peer$H2),
        tolerance = 1e-5, info = info
      )
    }
  }
})

test_that("the Q-profile is metafor's on each set of metadat", {
  skip_if_not_installed("metafor")
  for (name in metadat_sets) {
    data <- metadat_effects(name)
    fit <- meta_analysis(yi, vi, data = data)
    ends <- stats::confint(solved(data, "DL"), control = list(tol = 1e-10, tau2.max = 1e4))$random
    expect_equal(c(fit$tau2.low, fit$tau2.high), ends[1, 2:3],
      tolerance = 1e-4, ignore_attr = TRUE, info = name
    )
  }
})

test_that("leaving out is metafor's on each small set of metadat", {
  skip_if_not_installed("metafor")
  for (name in metadat_sets) {
    data <- metadat_effects(name)
    if (nrow(data) <= 20) {
      ours <- leave_one_out(meta_analysis(yi, vi, data = data))
      theirs <- metafor::leave1out(solved(data, "REML", test = "knha"))
      expect_equal(ours$estimate, theirs$estimate, tolerance = 1e-6, info = name)
      expect_equal(ours$conf.high, theirs$ci.ub, tolerance = 1e-6, info = name)
      expect_lt(max(abs(ours$tau2 - theirs$tau2)), 1e-5)
    }
  }
})
