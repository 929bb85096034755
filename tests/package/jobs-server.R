# A server with the shipped cohort in it for tests/package/jobs.sh: writes its conninfo to the file
# named first and lives until that file is gone.
library(questrial)
file <- commandArgs(trailingOnly = TRUE)[[1]]
server <- pg_throwaway()
con <- pg_connect(server$conninfo)
pg_install(con)
pg_study(con, "balint", balint_plan(), balint)
pg_exec(con, "CREATE ROLE stranger LOGIN")
pg_close(con)
writeLines(server$conninfo, paste0(file, ".part"))
file.rename(paste0(file, ".part"), file)
while (file.exists(file)) {
  Sys.sleep(0.1)
}
server$stop()
