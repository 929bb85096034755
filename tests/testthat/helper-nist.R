# `nist`, `nist_anova`, digits_right(): shared with the validation vignette.
source(system.file("validation", "nist.R", package = "questrial", mustWork = TRUE), local = TRUE)
