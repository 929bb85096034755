# Models on data sets, and how far two fits of them are apart: shared with the vignette
# on validation.
for (file in c("datasets.R", "agreement.R")) {
  source(system.file("validation", file, package = "questrial", mustWork = TRUE), local = TRUE)
}

# The data sets are in packages that need not be there.
skip_without_data <- function(model) {
  source <- model$call[[3]]
  if (source[[1]] == "as.data.frame") {
    source <- source[[2]]
  }
  skip_if_not_installed(as.character(source[[2]]))
}

expect_agreement <- function(differences, name) {
  limits <- agreement_limits(differences)
  expect_identical(anyDuplicated(names(differences)), 0L)
  for (k in seq_along(differences)) {
    expect_lte(differences[[k]], limits[[k]],
      label = paste("Difference from the peer in", names(differences)[[k]], "of", name)
    )
  }
}

# Fits once, when they are first asked for. What peers say of aliased terms and rows of
# weight 0 is left out.
quietly <- function(x) {
  suppressWarnings(suppressMessages(x))
}

fits_of <- function(model) {
  fits <- new.env()
  delayedAssign("ours", our_fit(model), assign.env = fits)
  delayedAssign("theirs", quietly(peer_fit(model)), assign.env = fits)
  delayedAssign("data", agreement_data(model), assign.env = fits)
  fits
}

# One test for the fit, one for what is asked of it, one for its robust covariances.
test_agreement <- function(models) {
  for (name in names(models)) {
    model <- models[[name]]
    fits <- fits_of(model)
    test_that(paste("fit, residuals, diagnostics and predictions are those of the peer:", name), {
      skip_without_data(model)
      expect_identical(names(coef(fits$ours)), names(coef(fits$theirs)))
      expect_agreement(quietly(compare_fits(fits$ours, fits$theirs, fits$data)), name)
    })

    test_that(paste("tests of terms are car's, marginal means those of emmeans:", name), {
      skip_without_data(model)
      skip_if_not_installed("car")
      skip_if_not_installed("emmeans")
      terms <- attr(terms(fits$theirs), "term.labels")
      expect_identical(attr(terms(fits$ours), "term.labels"), terms)
      if (length(terms) > 0) {
        expect_agreement(quietly(compare_terms(fits$ours, fits$theirs, model)), name)
      }
      expect_agreement(quietly(compare_means(fits$ours, fits$theirs, fits$data)), name)
    })

    test_that(paste("robust covariances are those of sandwich and clubSandwich:", name), {
      skip_without_data(model)
      skip_if_not_installed("sandwich")
      skip_if_not_installed("clubSandwich")
      expect_agreement(compare_rows(fits$ours, fits$theirs, model), name)
      if (!is.null(model$cluster)) {
        off <- compare_clusters(fits$ours, fits$theirs, fits$data, model$cluster)
        expect_agreement(quietly(off), name)
      }
    })
  }
}
