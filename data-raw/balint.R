# Makes data/balint.rda again from the printed tables in inst/extdata/lemogne2020.
# Run in the package's folder with the package installed: Rscript data-raw/balint.R
# Takes half a minute. The same bytes come out again where R and compiler are those of Debian 12
# on x86-64; compilers that fuse multiplications and additions may find another cohort.
library(questrial)

printed <- published("inst/extdata/lemogne2020", repaired = TRUE)
balint <- reconstruct(printed, seed = 5)
stopifnot(all(figures_met(balint)$met))
dir.create("data", showWarnings = FALSE)
save(balint, file = "data/balint.rda", version = 2, compress = "xz")
