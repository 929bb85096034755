# Printed numbers: the one place where the text of a number becomes its digits. Journals set the
# same number in many ways; plain_printed() gives it in one: `<` or `>` or nothing, `-` or nothing,
# digits, a point and digits. All printed digits stay, the typography does not.

plain_form <- "^[<>]?-?([0-9]+([.][0-9]+)?|[.][0-9]+)$"

# Thousands are grouped by threes; `1,234` may be either of two numbers.
grouped_forms <- c(
  "^[0-9]{1,3}([ '][0-9]{3})+([.,][0-9]+)?$", "^[0-9]{1,3}(,[0-9]{3})+[.][0-9]+$",
  "^[0-9]{1,3}([.][0-9]{3})+,[0-9]+$", "^[0-9]{1,3}(,[0-9]{3}){2,}$",
  "^[0-9]{1,3}([.][0-9]{3}){2,}$"
)
unsure_comma <- "^[<>]?-?[1-9][0-9]{0,2},[0-9]{3}$"
unsure_point <- "^[<>]?-?[1-9][0-9]{0,2}[.][0-9]{3}$"

# NA where a text is no number. `whole`: a count, in which `1,234` and `1.234` have thousands;
# `share`: `5%` is 0.05; `decimal`: the marks that `1,234` and `1.234` may have before decimals
# elsewhere. More than 15 digits are none that were printed, nor any that a double holds.
plain_printed <- function(text, whole = FALSE, share = FALSE, decimal = c(",", ".")) {
  plain <- text
  simple <- grepl("^-?[0-9]*,[0-9]+$", text) & !grepl(unsure_comma, text)
  plain[simple] <- sub(",", ".", text[simple], fixed = TRUE)
  unsure <- whole | !"." %in% decimal
  odd <- which(!grepl(plain_form, plain) | (unsure & grepl(unsure_point, plain)))
  if (length(odd) > 0) {
    parts <- number_parts(plain_typography(text[odd]))
    body <- plain_exponent(plain_groups(parts$body, whole, decimal))
    body <- ifelse(share & parts$percent, move_point(body, 2), body)
    plain[odd] <- ifelse(is.na(body), NA, paste0(parts$relation, parts$sign, body))
  }
  long <- which(nchar(plain) > 15)
  significant <- nchar(gsub("[^0-9]", "", sub("^[^1-9]*", "", plain[long])))
  plain[long[significant > 15 | nchar(plain[long]) > 40]] <- NA
  plain[!grepl(plain_form, plain)] <- NA
  plain
}

# Blanks, minus signs, middle dots and relations as a keyboard has them.
plain_typography <- function(text) {
  text <- gsub("[\u200b\ufeff\u00ad\u2060]", "", enc2utf8(text))
  text <- gsub("[\u00a0\u2000-\u200a\u202f\u3000\t]", " ", text)
  text <- gsub("[\u2010-\u2015\u2212\uff0d\ufe63]", "-", text)
  text <- chartr("\u00b7\u2019", ".'", text)
  trimws(gsub("\u2264|<=", "<", gsub("\u2265|>=", ">", text)))
}

# `P = .03`, `< .001`, `-2.36`, `12.3%`, `2.63**` in parts; body is NA where they are none.
number_parts <- function(text) {
  text <- sub("^[A-Za-z\u0370-\u03ff]{1,6}[0-9\u00b2]? *([<>=])", "\\1", text)
  relation <- sub("^([<>]?).*$", "\\1", text)
  text <- sub("^[<>=]+ *", "", text)
  text <- sub(" *[*\u2020\u2021\u00a7]+$", "", text)
  percent <- endsWith(text, "%")
  text <- sub(" *%$", "", text)
  sign <- ifelse(startsWith(text, "-"), "-", "")
  list(
    relation = relation, sign = sign, percent = percent, body = sub("^[-+] *", "", text)
  )
}

plain_groups <- function(body, whole, decimal) {
  grouped <- grepl(paste(grouped_forms, collapse = "|"), body)
  last <- sub("^.*[0-9]([., '])[0-9]+$", "\\1", body)
  first <- sub("^[0-9]+([., ']).*$", "\\1", body)
  # What groups comes first; a mark that comes after another one is the decimal one.
  groups <- ifelse(first == "." & grouped, "[.]", ifelse(grouped, "[, ']", ""))
  for (group in setdiff(unique(groups), "")) {
    own <- groups == group
    keep <- own & last != first & last %in% c(".", ",")
    tail <- ifelse(keep, paste0(".", sub("^.*[.,]", "", body)), "")
    head <- ifelse(keep, sub("[.,][0-9]+$", "", body), body)
    body <- ifelse(own, paste0(gsub(group, "", head), tail), body)
  }
  thousands <- (grepl(unsure_comma, body) & (whole | !"," %in% decimal)) |
    (grepl(unsure_point, body) & (whole | !"." %in% decimal))
  body <- ifelse(thousands & !grouped, gsub("[.,]", "", body), body)
  body <- sub(",", ".", body, fixed = TRUE)
  sub("^([0-9]+)[.]$", "\\1", body)
}

# 1.2e-5 and 1.2 x 10-5 in full. A positive power says nothing of the digits behind it: no number.
plain_exponent <- function(body) {
  form <- "^([0-9]+[.]?[0-9]*|[.][0-9]+) *(e|E|[x\u00d7] *10\\^?) *- *([0-9]{1,2})$"
  powers <- grepl(form, body)
  if (any(powers)) {
    by <- as.integer(sub(form, "\\3", body[powers]))
    body[powers] <- move_point(sub(form, "\\1", body[powers]), by)
  }
  ifelse(grepl("^([0-9]+([.][0-9]+)?|[.][0-9]+)$", body), body, NA)
}

# Moves the point `by` places to the left, as text, so that no digit is lost.
move_point <- function(body, by) {
  digits <- sub(".", "", body, fixed = TRUE)
  decimals <- ifelse(grepl(".", body, fixed = TRUE), nchar(sub(".*[.]", "", body)), 0) + by
  lacking <- pmax(0, decimals + 1 - nchar(digits))
  digits <- paste0(strrep("0", ifelse(is.na(lacking), 0, lacking)), digits)
  whole <- nchar(digits) - decimals
  moved <- paste0(substr(digits, 1, whole), ".", substring(digits, whole + 1))
  ifelse(is.na(body), NA, ifelse(decimals == 0, digits, moved))
}

# The number a printed text stands for; the bound of `< .001`. NA if it is none.
printed_number <- function(text) {
  as.numeric(sub("^[<>]", "", plain_printed(text)))
}

printed_digits <- function(text) {
  plain <- plain_printed(text)
  ifelse(grepl(".", plain, fixed = TRUE), nchar(sub(".*[.]", "", plain)), 0)
}

# Half a unit of the last printed digit.
printed_half <- function(text) {
  0.5 * 10^-printed_digits(text)
}

# Does a value print as `text`? Ties may be rounded both ways (whatever rule the
# printer had); a hair is for the machine.
prints_as <- function(value, text) {
  text <- plain_printed(text)
  number <- printed_number(text)
  hair <- 1e-9 * pmax(1, abs(value))
  ifelse(
    rep_len(startsWith(text, "<"), length(value)), value < number - hair,
    ifelse(rep_len(startsWith(text, ">"), length(value)), value > number + hair,
      abs(value - number) <= printed_half(text) + hair)
  )
}

# All numbers that print as `text`: c(low, high).
printed_box <- function(text, truncated) {
  value <- printed_number(text)
  if (truncated) {
    unit <- 2 * printed_half(text)
    sort(c(value, value + if (startsWith(text, "-")) -unit else unit))
  } else {
    value + c(-1, 1) * printed_half(text)
  }
}
