# Effects in clusters, against metafor's rma.mv() and clubSandwich.

skip_if_not_installed("metafor")
skip_if_not_installed("clubSandwich")

# Both optimise; ours to the end, rma.mv() until the likelihood changes by 1e-10 of itself.
peer_fit <- function(V, mods, random, data) {
  metafor::rma.mv(data$yi, V, mods = mods, random = random, data = data,
    control = list(rel.tol = 1e-10, iter.max = 500, eval.max = 1000))
}

expect_same_fit <- function(ours, peer, cluster) {
  expect_gte(ours$logLik, as.numeric(logLik(peer)) - 1e-9)
  expect_equal(unname(ours$components), peer$sigma2, tolerance = 1e-4)
  expect_equal(unname(ours$coefficients), c(peer$beta), tolerance = 1e-5)
  expect_equal(c(ours$Q, ours$Q.df, ours$Q.p), c(peer$QE, peer$k - peer$p, peer$QEp), tolerance = 1e-8)
  robust <- metafor::robust(peer, cluster = cluster, clubSandwich = TRUE)
  expect_equal(c(ours$vcov), c(robust$vb), tolerance = 1e-4)
  expect_equal(ours$df, robust$dfs, tolerance = 1e-4)
}

test_that("schools in districts are rma.mv's, with and without correlated errors", {
  schools <- metadat::dat.konstantopoulos2011
  schools$since <- schools$year - 1990
  for (rho in c(0, 0.5)) {
    V <- metafor::vcalc(vi, cluster = district, obs = study, data = schools, rho = rho)
    for (mods in list(~1, ~since)) {
      peer <- peer_fit(V, mods, ~ 1 | district / study, schools)
      ours <- meta_analysis(yi, vi, data = schools, cluster = district, rho = rho,
        moderators = if (length(all.vars(mods)) == 1) mods)
      expect_same_fit(ours, peer, schools$district)
    }
  }
  by_matrix <- meta_analysis(yi, vi, data = schools, cluster = ~district, covariance = V,
    moderators = ~since)
  expect_equal(by_matrix$coefficients, ours$coefficients, tolerance = 1e-10)
  model <- meta_analysis(yi, vi, data = schools, cluster = district, test = "z")
  peer <- peer_fit(schools$vi, ~1, ~ 1 | district / study, schools)
  expect_equal(sqrt(model$vcov[[1]]), peer$se, tolerance = 1e-5)
  expect_equal(unname(weights(model)), unname(weights(peer, type = "rowsum")), tolerance = 1e-5)
  ml <- meta_analysis(yi, vi, data = schools, cluster = district, method = "ML")
  peer <- metafor::rma.mv(yi, vi, random = ~ 1 | district / study, data = schools, method = "ML",
    control = list(rel.tol = 1e-10))
  expect_equal(unname(ml$components), peer$sigma2, tolerance = 1e-4)
  expect_equal(ml$logLik, as.numeric(logLik(peer)), tolerance = 1e-9)
})

test_that("delinquency effects with unequal clusters are rma.mv's, rows in any order", {
  set <- metadat::dat.assink2016
  set$overt <- as.numeric(set$deltype == "overt")
  V <- metafor::vcalc(vi, cluster = study, obs = esid, data = set, rho = 0.6)
  peer <- peer_fit(V, ~ year + overt, ~ 1 | study / esid, set)
  ours <- meta_analysis(yi, vi, data = set, cluster = study, rho = 0.6, moderators = ~ year + overt)
  expect_same_fit(ours, peer, set$study)
  mixed <- set[order(set$yi), ]
  again <- meta_analysis(yi, vi, data = mixed, cluster = study, rho = 0.6,
    moderators = ~ year + overt)
  expect_equal(again$vcov, ours$vcov, tolerance = 1e-8)
  expect_equal(again$df, ours$df, tolerance = 1e-8)
})

test_that("what is printed says clusters, and what cannot be fitted says why", {
  scales <- data.frame(
    study = rep(paste("Trial", 1:5), each = 2), part = rep(0:1, 5),
    yi = c(.2, .3, .5, .4, .1, .2, .6, .8, .3, .25),
    vi = c(.04, .05, .06, .05, .03, .03, .08, .07, .04, .05)
  )
  fit <- meta_analysis(yi, vi, data = scales, cluster = study, rho = 0.6)
  expect_output(print(fit), "10 effects in 5 clusters")
  expect_output(print(fit), "correlate by 0.6")
  expect_match(meta_analysis(yi, vi, data = scales, cluster = study)$notes[[1]], "give `rho`")
  expect_identical(
    meta_analysis(yi, vi, data = scales, cluster = study, rho = 0)$notes[[1]],
    "Errors of effects of a cluster are taken for independent."
  )
  expect_equal(nrow(generics::glance(fit)), 1)
  wrong <- function(code, class, words) {
    expect_error(code, words, class = paste0("questrial_error_", class))
  }
  wrong(meta_analysis(yi, vi, data = scales, rho = 0.5), "argument", "Say by `cluster`")
  wrong(meta_analysis(yi, vi, data = scales, cluster = stdy), "argument", "Did you mean `study`")
  wrong(meta_analysis(yi, vi, data = scales, cluster = study, preset = "revman5.4"), "argument",
    "independent")
  wrong(meta_analysis(yi, vi, data = scales, cluster = study, subgroup = part), "argument",
    "moderators = ~ group")
  wrong(meta_analysis(yi, vi, data = scales, cluster = study, covariance = diag(10)), "argument",
    "diagonal")
  joined <- diag(scales$vi)
  joined[1, 10] <- joined[10, 1] <- 0.01
  wrong(meta_analysis(yi, vi, data = scales, cluster = study, covariance = joined), "argument",
    "different clusters \\(rows 10 and 1\\)")
  wrong(meta_analysis(yi, vi, data = scales, cluster = rep(1, 10)), "no_data", "of one cluster")
  wrong(meta_analysis(yi, vi, data = scales, cluster = study, rho = 1.5), "argument", "rho")
  wrong(meta_analysis(yi, vi, data = scales, cluster = c(NA, study[-1])), "argument", "row 1")
  wrong(update(fit, cluster = NULL), "argument", "Say by `cluster`")
  expect_s3_class(update(fit, cluster = NULL, rho = NULL), "meta_analysis", exact = TRUE)
  wrong(egger(fit), "argument", "come in clusters")
  wrong(
    check_cluster_outcome(list(outcome = 4L), fit$studies, NULL, list(method = "REML")),
    "convergence", "method = \"ML\""
  )
  scales$yi[[3]] <- NA
  expect_equal(meta_analysis(yi, vi, data = scales, cluster = study)$k, 9)
})

test_that("scoring that overshoots near the top of the likelihood converges", {
  skip_if_not_installed("metafor")
  file <- system.file("extdata", "normand1999.csv", package = "questrial")
  stroke <- read.csv(file, comment.char = "#")
  stroke$town <- sub("-.*", "", stroke$study)
  effects <- effect_size("SMD", data = stroke)
  ours <- meta_analysis(effects, cluster = town, rho = 0)
  rows <- cbind(as.data.frame(effects), id = seq_len(nrow(effects)))
  peer <- metafor::rma.mv(yi, vi, random = ~ 1 | town / id, data = rows)
  expect_equal(unname(ours$coefficients), c(peer$b), tolerance = 1e-5)
  expect_equal(ours$tau2, sum(peer$sigma2), tolerance = 1e-5)
  expect_lte(max(nchar(capture.output(print(ours)))), 80)
})

test_that("what takes effects for independent refuses clusters by name", {
  schools <- metadat::dat.konstantopoulos2011
  fit <- meta_analysis(yi, vi, data = schools, cluster = district)
  for (refused in list(
    leave_one_out, cumulative, influence, hatvalues, rstandard, compare_presets, baujat,
    function(fit) confint(fit, "tau2")
  )) {
    expect_error(refused(fit), "come in clusters", class = "questrial_error_argument")
  }
  expect_lte(max(nchar(capture.output(print(fit)))), 80)
  findings <- summary_of_findings(list(Score = fit))
  expect_equal(findings$studies, 11)
  expect_true(is.na(findings$participants))
})

test_that("likelihoods and predictions of clusters are rma.mv's", {
  schools <- metadat::dat.konstantopoulos2011
  schools$since <- schools$year - 1990
  peer <- peer_fit(schools$vi, ~since, ~ 1 | district / study, schools)
  fit <- meta_analysis(yi, vi, data = schools, cluster = district, moderators = ~since, test = "z")
  expect_equal(c(logLik(fit)), c(logLik(peer)), tolerance = 1e-8)
  expect_equal(attributes(logLik(fit))[c("df", "nobs")], attributes(logLik(peer))[c("df", "nobs")])
  at <- predict(peer, newmods = c(0, 10, 4))
  ours <- predict(fit, data.frame(since = c(0, 10, 4)))
  expect_equal(unname(as.matrix(ours[1:4])), cbind(at$pred, at$se, at$ci.lb, at$ci.ub),
    tolerance = 1e-5)
  expect_error(
    predict(update(fit, test = "CR2"), data.frame(since = 0)), "Satterthwaite",
    class = "questrial_error_argument"
  )
})
