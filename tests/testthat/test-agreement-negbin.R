# Oracles: MASS::glm.nb() with its methods, sandwich, car and emmeans, on data sets of R's
# packages (inst/validation/datasets.R).
test_agreement(negbin_models)

test_that("theta and its standard error are those of glm.nb", {
  skip_if_not_installed("MASS")
  for (name in names(negbin_models)) {
    model <- negbin_models[[name]]
    skip_without_data(model)
    theirs <- quietly(peer_fit(model))
    ours <- our_fit(model)
    expect_equal(family(ours)$theta, theirs$theta, tolerance = 1e-6, label = name)
    expect_equal(ours$info$theta_se, as.numeric(theirs$SE.theta), tolerance = 1e-4, label = name)
  }
})
