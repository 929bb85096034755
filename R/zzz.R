#' @useDynLib questrial, .registration = TRUE, .fixes = "C_"
#' @keywords internal
"_PACKAGE"

# What is true of this process from load to unload.
process <- new.env(parent = emptyenv())

.onLoad <- function(libname, pkgname) {
  process$pid <- Sys.getpid()
}

.onUnload <- function(libpath) {
  library.dynam.unload("questrial", libpath)
}
