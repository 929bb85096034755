# A server that speaks PostgreSQL's protocol (version 3) wrongly, for test-pg-hostile.R:
# Rscript hostile-server.R PORT FILE, which gets its process id when it listens. What it does is
# named by the database that a client asks for; it serves one client after the other until it is
# killed.

int2 <- function(x) writeBin(as.integer(x), raw(), size = 2, endian = "big")
int4 <- function(x) writeBin(as.integer(x), raw(), endian = "big")
cstring <- function(x) c(charToRaw(x), as.raw(0))
message_of <- function(type, body = raw(), length = base::length(body) + 4) {
  c(charToRaw(type), int4(length), body)
}
text_field <- function(code, text) c(charToRaw(code), if (is.raw(text)) text else charToRaw(text),
  as.raw(0))
fault <- function(text, type = "E", severity = "FATAL") {
  message_of(type, c(text_field("S", severity), text_field("V", severity), text_field("C", "XX000"),
    text_field("M", text), as.raw(0)))
}
ready_in <- function(state) message_of("Z", charToRaw(state))
ready <- ready_in("I")
greeting <- c(message_of("R", int4(0)), message_of("K", c(int4(1), int4(2))), ready)
not_utf8 <- as.raw(c(0xff, 0xfe, 0x41, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0xf5))

# A column "x" of type `oid`, in binary.
described <- function(oid, count = 1) {
  message_of("T", c(int2(count), cstring("x"), int4(0), int2(0), int4(oid), int2(-1), int4(-1),
    int2(1)))
}
row_of <- function(bytes, length = base::length(bytes), count = 1) {
  message_of("D", c(int2(count), int4(length), bytes))
}
end_of_rows <- c(message_of("C", cstring("SELECT 1")), ready)

# ---- What it says instead of a greeting ----

openings <- list(
  garbage = as.raw(rep(c(0x13, 0x37, 0xff), 500)),
  closes = raw(),
  huge_length = message_of("R", int4(0), .Machine$integer.max),
  short_length = message_of("R", raw(), 1),
  negative_length = message_of("E", charToRaw("SFATAL"), -5),
  unknown_auth = message_of("R", int4(99)),
  short_auth = message_of("R", raw()),
  open_error = message_of("E", charToRaw("MNo end to this")),
  not_utf8_error = fault(not_utf8),
  long_error = fault(strrep("long ", 5000)),
  no_scram = message_of("R", c(int4(10), charToRaw("SCRAM"))),
  answer_first = c(message_of("D", raw(20)), ready)
)

# ---- What it says to a statement, once the session stands ----

# `shape` instead of the description of the result, or a row of a column of type `oid`.
answers <- list(
  honest = list(oid = 23, row_of(int4(7))),
  wrong_width = list(oid = 23, row_of(raw(5))),
  negative_width = list(oid = 23, row_of(raw(4), -2)),
  too_wide = list(oid = 23, row_of(raw(4), .Machine$integer.max)),
  too_many_fields = list(oid = 23, row_of(int4(1), count = 30000)),
  no_fields = list(oid = 23, row_of(int4(1), count = 0)),
  negative_count = list(oid = 23, row_of(int4(1), count = -1)),
  array_bomb = list(oid = 1007, row_of(c(int4(1), int4(0), int4(23), int4(.Machine$integer.max),
    int4(1)))),
  array_of_many_dimensions = list(oid = 1007, row_of(c(int4(1e9), int4(0), int4(23)))),
  numeric_bomb = list(oid = 1700, row_of(c(int2(32767), int2(32767), int2(0), int2(16383)))),
  not_utf8_text = list(oid = 25, row_of(not_utf8)),
  json_version = list(oid = 3802, row_of(as.raw(c(9, 0x7b, 0x7d)))),
  shape_of_many = list(shape = described(23, 30000)),
  shape_cut_off = list(shape = message_of("T", int2(1))),
  not_utf8_refusal = list(shape = c(fault(not_utf8, severity = "ERROR"), ready)),
  wrong_order = list(shape = c(row_of(int4(1)), end_of_rows)),
  closes_later = list(shape = raw(), closes = TRUE)
)

# ---- Serving ----

read_int4 <- function(client) readBin(client, "integer", endian = "big")

# The name of the database in the client's first message.
first_message <- function(client) {
  body <- readBin(client, "raw", read_int4(client) - 4)
  body[body == 0] <- as.raw(10)
  texts <- strsplit(rawToChar(body[-(1:4)]), "\n")[[1]]
  texts[match("database", texts) + 1]
}

# Types of messages up to one that awaits an answer.
next_request <- function(client) {
  types <- ""
  repeat {
    type <- readBin(client, "raw", 1)
    if (length(type) == 0 || type == charToRaw("X")) {
      return(NULL)
    }
    readBin(client, "raw", read_int4(client) - 4)
    types <- paste0(types, rawToChar(type))
    if (rawToChar(type) %in% c("Q", "S")) {
      return(types)
    }
  }
}

# What an honest server would say; `shape` and `rows` are not.
answer <- function(request, shape, rows, state) {
  if (grepl("Q", request)) {
    return(c(message_of("C", cstring("SET")), ready_in(state)))
  }
  c(
    if (grepl("P", request)) message_of("1"),
    if (grepl("B", request)) message_of("2"),
    if (grepl("D", request) && !grepl("B", request)) message_of("t", c(int2(1), int4(23))),
    if (grepl("D", request)) shape,
    if (grepl("E", request)) rows,
    ready_in(state)
  )
}

# Until long after any client should have left.
again_and_again <- function(client, bytes, seconds, pause = 0) {
  until <- Sys.time() + seconds
  while (Sys.time() < until) {
    writeBin(bytes, client)
    Sys.sleep(pause)
  }
}

echo_password <- function(client) {
  writeBin(message_of("R", int4(3)), client)
  readBin(client, "raw", 1)
  password <- readBin(client, "raw", read_int4(client) - 4)
  writeBin(fault(c(charToRaw("your password is "), password[password != 0])), client)
}

serve_statements <- function(client, name) {
  writeBin(greeting, client)
  n <- n_plain <- 0
  while (!is.null(request <- next_request(client))) {
    n <- n + 1
    n_plain <- n_plain + grepl("Q", request) # settings, BEGIN, COMMIT
    scene <- if (n > 1) answers[[name]] # the first statement sets the session up
    if (n > 1 && name == "mute") {
      Sys.sleep(9)
    } else if (n > 1 && name == "notices") {
      again_and_again(client, rep(fault("nothing at all", "N", "NOTICE"), 50), 9)
    } else if (isTRUE(scene$closes)) {
      return()
    } else if (!is.null(scene$shape) && grepl("P", request)) {
      writeBin(scene$shape, client)
    } else {
      oid <- if (is.null(scene$oid)) 23 else scene$oid
      rows <- c(scene[[2]], message_of("C", cstring("SELECT 1")))
      writeBin(answer(request, described(oid), rows, if (n_plain == 2) "T" else "I"), client)
    }
  }
}

serve <- function(client) {
  name <- first_message(client)
  if (name == "silent") {
    Sys.sleep(2)
  } else if (name == "drips") {
    again_and_again(client, as.raw(82), 2, 0.1)
  } else if (name == "echo") {
    echo_password(client)
  } else if (name %in% names(openings)) {
    writeBin(openings[[name]], client)
    Sys.sleep(0.2)
  } else {
    serve_statements(client, name)
  }
}

listening <- serverSocket(as.integer(commandArgs(TRUE)[[1]]))
writeLines(as.character(Sys.getpid()), commandArgs(TRUE)[[2]])
repeat {
  client <- socketAccept(listening, blocking = TRUE, open = "r+b", timeout = 100)
  try(serve(client), silent = TRUE)
  close(client)
}
