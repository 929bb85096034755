# TLS, with a certificate made for db.example.org by an authority of this test's own.

openssl <- function(...) {
  system2("openssl", c(...), stdout = FALSE, stderr = FALSE)
}

# A throw-away server that also listens on 127.0.0.1, with TLS. Returns what conninfo needs.
local_tls_server <- function(env = parent.frame()) {
  skip_if_not(nzchar(Sys.which("openssl")), "no openssl")
  skip_if_not(pg_available() && pg_can_start(), "no libpq or no PostgreSQL server")
  server <- pg_throwaway()
  withr::defer(server$stop(), envir = env)
  data <- file.path(server$folder, "data")
  key <- file.path(data, "server.key")
  certificate <- file.path(data, "server.crt")
  openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
    "/CN=db.example.org", "-addext", "subjectAltName=DNS:db.example.org", "-keyout", key, "-out",
    certificate)
  root <- withr::local_tempfile(.local_envir = env)
  file.copy(certificate, root)
  if (questrial:::is_root()) {
    system2("chown", c("postgres", key, certificate))
  }
  Sys.chmod(key, "0600")
  port <- 30000L + (Sys.getpid() + 7777L) %% 20000L
  cat(sprintf("ssl = on\nlisten_addresses = '127.0.0.1'\nport = %d\n", port), append = TRUE,
    file = file.path(data, "postgresql.conf"))
  server$restart()
  list(port = port, root = root)
}

test_that("verify-full takes the server that the certificate names, and no other", {
  server <- local_tls_server()
  connect <- function(host, ...) {
    pg_connect("hostaddr=127.0.0.1 user=postgres dbname=postgres", host = host,
      port = server$port, ...)
  }
  con <- suppressWarnings(connect("db.example.org", sslmode = "verify-full",
    sslrootcert = server$root))
  expect_output(print(con), "encrypted")
  pg_close(con)
  expect_error(connect("other.example.org", sslmode = "verify-full", sslrootcert = server$root),
    "does not match host name", class = "questrial_error_connection")
  expect_error(connect("db.example.org", sslmode = "verify-full", sslrootcert = "/nonexistent"),
    class = "questrial_error_connection")
})

test_that("a host that is not this machine is asked for its certificate unless that is refused", {
  skip_if_not(pg_available())
  for (mode in c("disable", "allow", "prefer", "require", "verify-ca")) {
    expect_error(pg_connect("host=db.example.org", sslmode = mode), "do not verify",
      class = "questrial_error_argument")
  }
  withr::local_envvar(PGSSLMODE = "require")
  expect_error(pg_connect("host=db.example.org"), "sslmode=require does not make sure",
    class = "questrial_error_argument")
  withr::local_envvar(PGHOST = "db.example.org")
  expect_error(pg_connect(), "sslmode=require does not make sure")
  expect_error(pg_connect(certificate = "no"), "`certificate` must be one of")
})

test_that("what the environment and a service say is judged alike", {
  skip_if_not(pg_available())
  withr::local_envvar(PGDATABASE = "postgresql://alice:Qz7secret@localhost/x")
  fault <- expect_error(pg_connect("host=/nonexistent"), "`dbname` holds a whole connection")
  expect_false(grepl("Qz7", conditionMessage(fault)))
  withr::local_envvar(PGDATABASE = NA)
  services <- withr::local_tempfile(lines = c("[far]", "host=db.example.org", "sslmode=prefer",
    "[near]", "host=/nonexistent", "user=alice:Qz7secret", "[old]", "host=db.example.org",
    "sslmode=require"))
  withr::local_envvar(PGSERVICEFILE = services)
  expect_error(pg_connect("service=old"), "sslmode=require does not make sure")
  fault <- expect_error(pg_connect(service = "near"), "`user` has a ':'")
  expect_false(grepl("Qz7", conditionMessage(fault)))
  expect_identical(Sys.getenv("PGSERVICE", NA), NA_character_)
})

test_that("a password of a password file is used, and what the server says is searched for it", {
  con <- local_pg()
  pg_exec(con, "CREATE ROLE carol LOGIN PASSWORD 'Qz7secret'")
  withr::defer(pg_exec(con, "DROP ROLE carol"))
  hba <- pg_read(con, "SELECT current_setting('hba_file') AS file")$file
  before <- readLines(hba)
  writeLines(c("local all carol scram-sha-256", before), hba)
  pg_exec(con, "SELECT pg_reload_conf()")
  withr::defer({
    writeLines(before, hba)
    pg_exec(con, "SELECT pg_reload_conf()")
  })
  passwords <- withr::local_tempfile(lines = "*:*:*:carol:Qz7secret")
  Sys.chmod(passwords, "0600")
  conninfo <- sub("user=[^ ]*", "user=carol", conninfo_to(con))
  Sys.sleep(0.5) # until the server has read its files again
  expect_error(pg_connect(conninfo), "no password supplied", class = "questrial_error_connection")
  carol <- pg_connect(conninfo, passfile = passwords)
  expect_identical(pg_read(carol, "SELECT current_user::text AS me")$me, "carol")
  fault <- expect_error(pg_exec(carol, "SELECT ('Qz7' || 'secret')::integer"))
  expect_match(conditionMessage(fault), "\"***\"", fixed = TRUE)
  pg_close(carol)
})
