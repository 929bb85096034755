#' @useDynLib questrial, .registration = TRUE, .fixes = "C_"
#' @importFrom graphics plot
#' @importFrom stats anova confint cooks.distance dfbeta dfbetas family fitted formula hatvalues
#' @importFrom stats influence logLik model.frame model.matrix nobs predict residuals rstandard
#' @importFrom stats rstudent simulate terms vcov weights
#' @keywords internal
"_PACKAGE"

# What is true of this process from load to unload.
process <- new.env(parent = emptyenv())

.onLoad <- function(libname, pkgname) {
  process$pid <- Sys.getpid()
  when_loaded("marginaleffects", register_marginaleffects)
  when_loaded("dbplyr", register_dbplyr)
}

# Methods for generics of a package that need not be there.
when_loaded <- function(package, register) {
  setHook(packageEvent(package, "onLoad"), register)
  if (isNamespaceLoaded(package)) {
    register()
  }
}

.onUnload <- function(libpath) {
  library.dynam.unload("questrial", libpath)
}
