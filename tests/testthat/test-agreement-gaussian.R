# Oracle: lm() and its methods, on data sets of R's packages (inst/validation/datasets.R).

for (name in names(gaussian_models)) {
  test_that(paste("fit, residuals, diagnostics and predictions are those of lm:", name), {
    model <- gaussian_models[[name]]
    skip_without_data(model)
    ours <- our_fit(model)
    theirs <- peer_fit(model)
    expect_identical(names(coef(ours)), names(coef(theirs)))
    expect_agreement(suppressWarnings(compare_fits(ours, theirs, agreement_data(model))), name)
  })
}
