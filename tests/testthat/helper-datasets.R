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
  for (part in names(differences)) {
    expect_lte(differences[[part]], limits[[match(part, names(differences))]],
      label = paste("Difference from the peer in", part, "of", name)
    )
  }
}
