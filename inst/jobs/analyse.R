#!/usr/bin/env Rscript
# Analyses a study in the database by its plan and writes the results there.
# `--help` says how; cron.example and the systemd units beside it have it started.
file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[[1]])
here <- dirname(normalizePath(gsub("~+~", " ", file, fixed = TRUE)))
source(file.path(here, "start.R"))
start_job("analyse", here)
