# Makes data/balint.rda again from the printed tables in inst/extdata/lemogne2020.
# Run in the package's folder with the package installed: Rscript data-raw/balint.R
# Takes ten seconds. The cohort shipped is kept as the search before the present one made it: its
# figures stand in vignettes and tests. The present one gives other people with the same printed
# figures.
library(questrial)

printed <- published("inst/extdata/lemogne2020", repaired = TRUE)
balint <- reconstruct(printed, seed = 5)
stopifnot(all(figures_met(balint)$met))
save(balint, file = file.path(tempdir(), "balint.rda"), version = 2, compress = "xz")
