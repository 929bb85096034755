# Oracles: lm() and its methods, car and emmeans, on data sets of R's packages
# (inst/validation/datasets.R).

for (name in names(gaussian_models)) {
  test_that(paste("fit, residuals, diagnostics and predictions are those of lm:", name), {
    model <- gaussian_models[[name]]
    skip_without_data(model)
    ours <- our_fit(model)
    theirs <- peer_fit(model)
    expect_identical(names(coef(ours)), names(coef(theirs)))
    expect_agreement(suppressWarnings(compare_fits(ours, theirs, agreement_data(model))), name)
  })

  test_that(paste("tests of terms are those of lm and car, means those of emmeans:", name), {
    model <- gaussian_models[[name]]
    skip_without_data(model)
    skip_if_not_installed("car")
    skip_if_not_installed("emmeans")
    ours <- our_fit(model)
    theirs <- peer_fit(model)
    if (length(labels(theirs)) > 0) {
      # car says what it does about aliased terms and rows of weight 0.
      off <- suppressWarnings(suppressMessages(compare_terms(ours, theirs, model)))
      expect_agreement(off, name)
    }
    expect_agreement(compare_means(ours, theirs, agreement_data(model)), name)
  })
}
