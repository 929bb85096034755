# The report as one HTML page that loads nothing: style and figures are inside.

html_report <- function(document, file) {
  body <- vapply(
    along_blocks(document$blocks), function(i) html_block(document$blocks[[i]]), ""
  )
  page <- c(
    "<!DOCTYPE html>",
    sprintf("<html lang=\"%s\">", document$language),
    "<head>",
    "<meta charset=\"utf-8\">",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
    sprintf("<meta name=\"generator\" content=\"%s\">", html_escape(document$generator)),
    sprintf("<title>%s</title>", html_escape(document$title)),
    "<style>", table_css, report_style(), document$style, "</style>",
    "</head>",
    "<body>",
    "<a class=\"skip\" href=\"#report\">Skip to the report</a>",
    html_head(document),
    html_contents(document$blocks),
    "<main id=\"report\">", body, "</main>",
    "</body>",
    "</html>"
  )
  write_utf8(page, file)
}

report_style <- function() {
  readLines(system.file("report", "report.css", package = "questrial", mustWork = TRUE))
}

html_head <- function(document) {
  c(
    "<header>",
    sprintf("<h1>%s</h1>", html_escape(document$title)),
    sprintf("<p class=\"byline\">%s</p>", html_escape(document$byline)),
    "</header>"
  )
}

html_contents <- function(blocks) {
  sections <- Filter(function(block) block$type == "heading" && block$level == 2, blocks)
  c(
    "<nav aria-label=\"Contents\">", "<ul>",
    vapply(sections, function(section) {
      sprintf("<li><a href=\"#%s\">%s</a></li>", section$id, html_escape(section$text))
    }, ""),
    "</ul>", "</nav>"
  )
}

# One block, as one text.
html_block <- function(block) {
  paste(html_writers[[block$type]](block), collapse = "\n")
}

html_writers <- list(
  heading = function(block) {
    sprintf(
      "<h%d id=\"%s\">%s</h%d>", block$level, block$id, html_escape(block$text), block$level
    )
  },
  text = function(block) {
    sprintf("<p>%s</p>", html_escape(block$text))
  },
  banner = function(block) {
    sprintf("<p class=\"banner\" role=\"note\">%s</p>", html_escape(block$text))
  },
  items = function(block) {
    tag <- if (block$numbered) "ol" else "ul"
    c(
      sprintf("<%s class=\"%s\">", tag, block$role),
      sprintf("<li>%s</li>", html_escape(block$text)), sprintf("</%s>", tag)
    )
  },
  terms = function(block) {
    c(
      "<dl>",
      sprintf("<dt>%s</dt><dd>%s</dd>", html_escape(block$terms), html_escape(block$text)),
      "</dl>"
    )
  },
  table = function(block) {
    table_html(block$table)
  },
  sheet = function(block) {
    sheet_html(block$sheet)
  },
  figure = function(block) {
    type <- if (capabilities("cairo")) "svg" else "png"
    size <- figure_size(block, type)
    c(
      "<figure>",
      sprintf(
        "<img src=\"%s\" alt=\"%s\" width=\"%.0f\" height=\"%.0f\">",
        figure_uri(block$figure, type, size), html_escape(block$alt),
        96 / 25.4 * size[[1]], 96 / 25.4 * size[[2]]
      ),
      sprintf("<figcaption>%s</figcaption>", html_escape(block$caption)),
      "</figure>"
    )
  }
)

# ---- Figures ----

figure_uri <- function(figure, type, size) {
  path <- tempfile("figure", fileext = paste0(".", type))
  on.exit(unlink(path))
  write_figure(figure, path, size[[1]], size[[2]], dpi = figure_dpi)
  bytes <- readBin(path, "raw", file.size(path))
  if (type == "svg") {
    bytes <- charToRaw(stable_svg(rawToChar(bytes)))
  }
  mime <- c(svg = "image/svg+xml", png = "image/png")[[type]]
  sprintf("data:%s;base64,%s", mime, base64(bytes))
}

# cairo numbers its surfaces and images through the life of the process; with
# numbers of their own the same figure has the same bytes.
stable_svg <- function(svg) {
  at <- gregexpr("(?<=id=\"|#)(image|surface)[0-9]+", svg, perl = TRUE)
  ids <- regmatches(svg, at)[[1]]
  regmatches(svg, at) <- list(paste0("cairo", match(ids, unique(ids))))
  svg
}

# RFC 4648, section 4.
base64 <- function(bytes) {
  alphabet <- c(LETTERS, letters, 0:9, "+", "/")
  n_fill <- -length(bytes) %% 3
  octets <- matrix(c(as.integer(bytes), integer(n_fill)), 3)
  sextets <- rbind(
    octets[1, ] %/% 4L,
    octets[1, ] %% 4L * 16L + octets[2, ] %/% 16L,
    octets[2, ] %% 16L * 4L + octets[3, ] %/% 64L,
    octets[3, ] %% 64L
  )
  text <- alphabet[sextets + 1L]
  text[length(text) + 1L - seq_len(n_fill)] <- "="
  paste(text, collapse = "")
}
