#!/usr/bin/env Rscript
# Sets printed tables beside what a study in the database gives; differences are refused.
# `--help` says how; cron.example and the systemd units beside it have it started.
file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[[1]])
here <- dirname(normalizePath(gsub("~+~", " ", file, fixed = TRUE)))
source(file.path(here, "start.R"))
start_job("audit", here)
