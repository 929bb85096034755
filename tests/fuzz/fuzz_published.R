# Damages the files of printed tables and reads them: they must be read, with a warning where a name
# is nearly another, or refused by an error of the package's own, and what was read must be audited
# without any other error.
#
# Rscript tests/fuzz/fuzz_published.R SECONDS [SEED]: prints how many inputs there were and stops at
# those that failed, each named by its seed. `make test` runs a few.

fuzz_published <- function(seeds, seconds = Inf, seed_folder = "tests/fuzz/published") {
  start <- proc.time()[["elapsed"]]
  folders <- c(
    system.file("extdata", c("lemogne2020", "buffel2017"), package = "questrial"), seed_folder
  )
  failed <- character()
  for (seed in seeds) {
    if (proc.time()[["elapsed"]] - start > seconds) {
      break
    }
    fault <- fuzz_once(seed, folders[[1 + seed %% length(folders)]])
    if (!is.null(fault)) {
      failed <- c(failed, sprintf("seed %d: %s", seed, fault))
    }
  }
  structure(failed, runs = if (length(seeds) > 0) match(seed, seeds) else 0L)
}

# NULL, or what went wrong.
fuzz_once <- function(seed, folder) {
  set.seed(seed)
  dir <- tempfile("fuzz")
  dir.create(dir)
  on.exit(unlink(dir, recursive = TRUE))
  file.copy(list.files(folder, full.names = TRUE), dir)
  victims <- sample(list.files(dir, full.names = TRUE), sample(2, 1))
  for (file in victims) {
    bytes <- readBin(file, "raw", file.size(file))
    for (k in seq_len(sample(3, 1))) {
      bytes <- mutations[[sample(length(mutations), 1)]](bytes)
    }
    writeBin(bytes, file)
  }
  tryCatch(
    {
      printed <- withCallingHandlers(
        questrial::published(dir, repaired = seed %% 3 == 0),
        questrial_warning_names = function(cnd) invokeRestart("muffleWarning")
      )
      utils::capture.output(print(printed), print(questrial::audit(printed)))
      NULL
    },
    questrial_error_file = function(cnd) if (nchar(conditionMessage(cnd)) < 20) "short message",
    error = function(cnd) paste(class(cnd)[[1]], conditionMessage(cnd)),
    warning = function(cnd) paste("warning", conditionMessage(cnd))
  )
}

# ---- Damage: bytes to bytes ----

at_random <- function(bytes) sample(length(bytes) + 1, 1) - 1

put_in <- function(bytes, more) append(bytes, more, at_random(bytes))

# Cells as people may type them, and worse.
odd_cells <- c(
  "", "-", "NA", "1,234", "\"1,234\"", "12.3%", "42 (35.9)", "110.1 \u00b1 11.9", "<.001",
  "P = .03", "\u22122.36", "1e9", "1.5e-300", "99999999999999999999", "-0", "0", "0.0", "Inf",
  "NaN", "TRUE", "0x10", "\"", "\"\"", "a\"b", "#", ";", "control", "Control", "sex", "female",
  "baseline", "change", "chisq", "student", "interaction", "\u00e9\u0301", "\U1f600", "%s%d",
  "\\", "$1", "[", "1 000", "1.000.000,5", "=1+1", "NULL", "999999", "1", "2", ".5", "(3)", "3)"
)

mutations <- list(
  flip = function(bytes) {
    at <- sample(max(1, length(bytes)), 1)
    bytes[at] <- as.raw(sample(0:255, 1))
    bytes
  },
  cut = function(bytes) bytes[seq_len(at_random(bytes))],
  delete = function(bytes) {
    from <- at_random(bytes)
    bytes[-(from + seq_len(sample(12, 1)))]
  },
  mark = function(bytes) put_in(bytes, charToRaw(sample(c(",", "\n", "\"", "\r", ";", "#"), 1))),
  bytes = function(bytes) put_in(bytes, as.raw(sample(0:255, sample(4, 1)))),
  bom = function(bytes) c(as.raw(c(0xef, 0xbb, 0xbf)), bytes),
  twice = function(bytes) c(bytes, bytes),
  nothing = function(bytes) raw(),
  cell = function(bytes) {
    marks <- which(bytes %in% charToRaw(",\n"))
    if (length(marks) < 2) {
      return(bytes)
    }
    k <- sample(length(marks) - 1, 1)
    cell <- charToRaw(sample(odd_cells, 1))
    c(bytes[seq_len(marks[[k]])], cell, bytes[marks[[k + 1]]:length(bytes)])
  },
  rows = function(bytes) {
    lines <- strsplit(rawToChar(bytes[bytes != 0]), "\n", fixed = TRUE, useBytes = TRUE)[[1]]
    if (length(lines) == 0) {
      return(bytes)
    }
    lines <- sample(lines, sample(length(lines) + 2, 1), replace = TRUE)
    charToRaw(paste0(lines, "\n", collapse = ""))
  },
  semicolons = function(bytes) {
    bytes[bytes == charToRaw(",")] <- charToRaw(";")
    bytes
  },
  long = function(bytes) put_in(bytes, rep(charToRaw("ab,\""), 5000))
)

if (!interactive() && sys.nframe() == 0L) {
  given <- as.numeric(commandArgs(trailingOnly = TRUE))
  first <- if (length(given) > 1) given[[2]] else as.numeric(Sys.time()) %% 1e6
  failed <- fuzz_published(floor(first) + seq_len(1e6), given[[1]])
  cat(sprintf("fuzz published: %d inputs, %d failed\n", attr(failed, "runs"), length(failed)))
  writeLines(utils::head(failed, 20))
  quit(status = as.integer(length(failed) > 0))
}
