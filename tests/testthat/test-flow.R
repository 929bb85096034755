# Data made for these tests; the counts of the first are those of the worked
# example (facts: 392 randomised, 17 lost, 13 without living status).
made_trial <- function() {
  n <- c(control = 130, balint = 131, narrative = 131)
  lost <- c(4, 5, 8)
  unknown <- c(9, 1, 3)
  state <- unlist(Map(function(n, l, u) rep(c("lost", "unknown", "in"), c(l, u, n - l - u)),
    n, lost, unknown))
  arm <- factor(rep(names(n), n), names(n))
  group <- rep(NA_character_, sum(n))
  group[arm == "balint"] <- paste("b", rep_len(1:10, 131))
  group[arm == "narrative"] <- paste("n", rep_len(1:13, 131))
  data.frame(
    id = sprintf("p%03d", seq_along(arm)), arm = arm, group = group, lost = state == "lost",
    living = ifelse(state == "unknown", NA, "alone"), baseline = c(NA, rep(100, 391))
  )
}

made_steps <- function() {
  list(
    "Followed up" = ~ lost,
    "Analysed" = flow_step(
      c("Living status missing" = ~ is.na(living)),
      note = c("Baseline imputed" = ~ is.na(baseline))
    )
  )
}

made_flow <- function(...) {
  flow(made_trial(), made_steps(), by = ~ arm, cluster = c("Small groups" = "group"),
    id = "id", ...)
}

# A random trial: arms, reasons with an unused level, and states that overlap.
random_trial <- function(n, arms) {
  reasons <- c("moved", "ill", "died", "other")
  arm <- factor(c(seq_len(arms), sample(arms, n - arms, TRUE)), labels = LETTERS[seq_len(arms)])
  data.frame(
    arm = arm, out = ifelse(runif(n) < 0.1, "protocol", NA),
    why = factor(ifelse(runif(n) < 0.3, sample(reasons[-3], n, TRUE), NA), reasons),
    a = runif(n) < 0.1, b = runif(n) < 0.2
  )
}

test_that("the worked example's counts come out", {
  x <- made_flow()
  main <- x$boxes[x$boxes$kind == "main", ]
  expect_identical(main$n[main$step == "Randomised"], 392L)
  expect_identical(main$n[main$step == "Allocated"], c(130L, 131L, 131L))
  expect_identical(x$boxes$n[x$boxes$label == "Lost to follow-up"], c(4L, 5L, 8L))
  expect_identical(x$boxes$n[x$boxes$label == "Excluded from analysis"], c(9L, 1L, 3L))
  expect_identical(main$n[main$step == "Analysed"], c(117L, 125L, 120L))
  expect_identical(nobs(x), 362L)
  expect_identical(main$groups[main$step == "Allocated"], c(NA, 10L, 13L))
  sizes <- x$lines$detail[x$lines$box == "balint: Allocated"]
  expect_identical(sizes, "13 to 14 each")
})

test_that("counts equal a slow count, participant by participant", {
  set.seed(20)
  for (trial in 1:25) {
    data <- random_trial(sample(12:90, 1), sample(1:6, 1))
    x <- flow(data, list(
      "Begun" = ~ out, "Followed up" = ~ why, "Analysed" = c("A" = ~ a, "B" = ~ b)
    ), by = "arm")
    ends <- vapply(seq_len(nrow(data)), function(i) {
      row <- data[i, ]
      end <- if (!is.na(row$out)) {
        "Lost to follow-up protocol"
      } else if (!is.na(row$why)) {
        paste("Lost to follow-up", row$why)
      } else if (row$a) {
        "Excluded from analysis A"
      } else if (row$b) {
        "Excluded from analysis B"
      } else {
        "Analysed"
      }
      paste(row$arm, end)
    }, "")
    long <- as.data.frame(x)
    ours <- long[long$kind == "reason" | long$label == "Analysed", ]
    of <- ifelse(ours$kind == "reason", paste(sub("^.: ", "", ours$box), ours$label), ours$label)
    of <- paste(ours$arm, sub("follow-up 1", "follow-up", of, fixed = TRUE))
    expect_identical(sum(ours$n), nrow(data))
    for (end in unique(c(ends, of))) {
      expect_identical(sum(ours$n[of == end]), sum(ends == end), label = end)
    }
  }
})

test_that("every participant is in exactly one end box, and boxes sum", {
  x <- made_flow()
  ends <- setdiff(x$boxes$id, x$boxes$parent)
  expect_setequal(unlist(x$ids[ends]), made_trial()$id)
  expect_identical(anyDuplicated(unlist(x$ids[ends])), 0L)
  for (id in unique(stats::na.omit(x$boxes$parent))) {
    below <- x$boxes[x$boxes$parent %in% id, ]
    expect_identical(sum(below$n), x$boxes$n[x$boxes$id == id])
  }
})

test_that("a box changed by hand is caught with box, difference and ids", {
  x <- made_flow()
  x$boxes$n[x$boxes$id == "balint: Analysed"] <- 124L
  error <- expect_error(plot(x), "Followed up.*difference 1", class = "questrial_error_argument")
  expect_identical(error$box, "balint: Followed up")
  y <- made_flow()
  y$ids[["balint: Analysed"]] <- y$ids[["balint: Analysed"]][-3]
  expect_error(flow_size(y), "in no end box", class = "questrial_error_argument")
})

test_that("the end of the flow is compared with a model", {
  x <- made_flow()
  expect_invisible(flow_check(x, 362))
  expect_invisible(flow_check(x, c(balint = 125, control = 117)))
  expect_error(flow_check(x, 375, "the adjusted model"), "362 .* the adjusted model used 375",
    class = "questrial_error_argument")
  expect_error(flow_check(x, c(control = 118)), "control", class = "questrial_error_argument")
})

test_that("reasons that nobody had are kept", {
  data <- data.frame(arm = c("a", "b"), why = factor(c("ill", NA), c("ill", "died")))
  x <- flow(data, list("Analysed" = ~ why), by = "arm")
  expect_identical(x$lines$label, c("ill", "died", "ill", "died"))
  expect_equal(x$lines$n, c(1, 0, 0, 0))
  expect_match(x$boxes$reasons[[3]], "died (n = 0)", fixed = TRUE)
})

test_that("enrolment is counted from numbers, from rows, and in several steps", {
  counts <- made_flow(enrolment = c("Declined" = 20, "Not eligible" = 0))
  expect_identical(counts$boxes$n[1:3], c(412L, 20L, 392L))
  rows <- data.frame(arm = c(NA, NA, "a", "b"), why = c("declined", "late", NA, NA))
  x <- flow(rows, list("Analysed" = NULL), by = "arm", enrolment = ~ why)
  expect_identical(x$boxes$n[1:3], c(4L, 2L, 2L))
  several <- flow(rows, list("Analysed" = NULL), by = "arm", enrolment = list(
    "Eligible" = flow_step(c("Too old" = 7)), "Randomised" = flow_step(~ why)
  ))
  expect_identical(several$boxes$n[1:5], c(11L, 7L, 4L, 2L, 2L))
  expect_identical(several$boxes$parent[2:5],
    c("Assessed for eligibility", "Assessed for eligibility", "Eligible", "Eligible"))
})

test_that("a step that loses nobody has no box for leavers, and notes lose nobody", {
  x <- flow(made_trial(), list("Analysed" = flow_step(note = list("Lost" = ~ lost))), by = "arm",
    allocation = list("Received" = ~ !lost))
  expect_false("side" %in% x$boxes$kind)
  expect_identical(nobs(x), 392L)
  expect_equal(x$lines$n, c(126, 4, 126, 5, 123, 8))
})

test_that("bad input is named", {
  data <- made_trial()
  refuse <- function(message, ...) {
    expect_error(flow(...), message, class = "questrial_error_argument")
  }
  refuse("no column `losst`.*Did you mean `lost`", data, list("Analysed" = ~ losst), "arm")
  refuse("no column `amr`", data, list("Analysed" = ~ lost), "amr")
  refuse("must name one column", data, list("Analysed" = ~ lost), arm ~ group)
  refuse("not known \\(NA\\) whether `p001`", data, list("Analysed" = ~ baseline < 1), "arm",
    id = "id")
  refuse("2 values for 392 rows", data, list("Analysed" = c(TRUE, FALSE)), "arm")
  refuse("Write a comparison", data, list("Analysed" = ~ baseline), "arm")
  refuse("must be a list, each element named", data, list(~ lost), "arm")
  refuse("must be a list, each element named", data, ~ lost, "arm")
  refuse("must be named", data, list("Analysed" = list(~ lost)), "arm")
  refuse("one-sided", data, list("Analysed" = arm ~ lost), "arm")
  refuse("whole numbers", data, list("Analysed" = ~ lost), "arm", enrolment = c("Declined" = 1.5))
  refuse("whole numbers", data, list("Analysed" = ~ lost), "arm", enrolment = 20)
  refuse("missing for 1 randomised participant: `1`",
    transform(data, arm = replace(arm, 1, NA)), list("Analysed" = ~ lost), "arm")
  refuse("nobody is in arm `other`. Drop the level",
    transform(data, arm = factor(arm, c(levels(arm), "other"))), list("Analysed" = ~ lost), "arm")
  refuse("`p002` in row `3`", transform(data, id = replace(id, 3, "p002")),
    list("Analysed" = ~ lost), "arm", id = "id")
  expect_error(flow(data[0, ], list("Analysed" = ~ lost), "arm"),
    class = "questrial_error_no_data")
  expect_error(flow("x", list("Analysed" = ~ lost), "arm"), class = "questrial_error_argument")
})

test_that("who has left may be unknown later", {
  data <- data.frame(arm = c("a", "a"), lost = c(TRUE, FALSE), y = c(NA, 2))
  x <- flow(data, list("Followed up" = ~ lost, "Analysed" = ~ y < 1), by = "arm")
  expect_identical(nobs(x), 1L)
  expect_identical(x$boxes$label[[1]], "Enrolled")
})

test_that("a flow prints in 80 columns, with any arms", {
  set.seed(1)
  long <- paste("The arm with the number", 1:6, "and a very long name indeed")
  data <- random_trial(200, 6)
  levels(data$arm) <- long
  for (x in list(made_flow(enrolment = c("Declined" = 3)),
                 flow(data, list("Analysed" = ~ why), "arm"))) {
    text <- format(x)
    expect_true(all(nchar(text, "width") <= 80))
    expect_output(print(x), "All boxes balance")
  }
  expect_match(format(made_flow()), "Analysed +117 +125 +120 +362", all = FALSE)
})

test_that("a flow is also a data frame and a sentence", {
  x <- made_flow()
  expect_identical(as.data.frame(x), tidy.flow(x))
  expect_named(tidy.flow(x), c("box", "stage", "arm", "kind", "label", "n", "detail"))
  expect_match(alt_text(x), "Analysed: control 117, balint 125, narrative 120.", fixed = TRUE)
  expect_error(alt_text(1), class = "questrial_error_argument")
})

# ---- Geometry ----

# What no diagram may do, from its layout as data.
expect_tidy_layout <- function(layout, width) {
  box <- layout$boxes
  inside <- function(x, low, high) all(x >= low - 1e-6 & x <= high + 1e-6)
  expect_true(inside(c(box$x0, box$x1, layout$bands$x0, layout$edges$x), 0, width))
  expect_true(inside(c(box$y0, box$y1, layout$bands$y0, layout$bands$y1), 0, layout$height))
  gap <- layout$size$em / 4
  for (i in seq_len(nrow(box) - 1)) {
    j <- seq(i + 1, nrow(box))
    apart <- box$x1[[i]] + gap <= box$x0[j] | box$x1[j] + gap <= box$x0[[i]] |
      box$y1[[i]] + gap <= box$y0[j] | box$y1[j] + gap <= box$y0[[i]]
    expect_true(all(apart), label = paste(box$id[[i]], "is apart"))
  }
  expect_true(all(layout$bands$x1 < min(box$x0)))
  bands <- layout$bands[order(layout$bands$y0), ]
  expect_true(all(utils::head(bands$y1, -1) < bands$y0[-1]))
  expect_text_inside(layout)
  expect_edges_clear(layout)
}

expect_text_inside <- function(layout) {
  line <- layout$lines
  box <- layout$boxes[match(line$node, layout$boxes$id), ]
  half <- layout$size$line / 2
  expect_true(all(line$x > box$x0 & line$x + line$width < box$x1))
  expect_true(all(line$y - half > box$y0 & line$y + half < box$y1))
}

# Segments are level or upright and cross no box.
expect_edges_clear <- function(layout) {
  for (edge in split(layout$edges, layout$edges$edge)) {
    for (k in seq_len(nrow(edge) - 1)) {
      a <- edge[k, ]
      b <- edge[k + 1, ]
      expect_true(abs(a$x - b$x) < 1e-6 || abs(a$y - b$y) < 1e-6)
      box <- layout$boxes
      crosses <- max(a$x, b$x) > box$x0 + 1e-6 & min(a$x, b$x) < box$x1 - 1e-6 &
        max(a$y, b$y) > box$y0 + 1e-6 & min(a$y, b$y) < box$y1 - 1e-6
      expect_false(any(crosses), label = edge$edge[[1]])
    }
  }
}

layout_at <- function(x, width, fontsize) {
  on_spare_device(flow_layout(x, width, fontsize))
}

test_that("boxes, text and arrows never collide, on any device and with any arms", {
  set.seed(5)
  for (arms in 1:6) {
    data <- random_trial(150, arms)
    x <- flow(data, list("Begun treatment" = ~ out, "Followed up" = ~ why,
      "Analysed" = c("Outcome missing" = ~ a, "Withdrew consent" = ~ b)), by = "arm",
    enrolment = c("Not meeting inclusion criteria" = 10, "Declined" = 4), cluster = "why")
    for (width in c(85, 170, 330)) {
      for (fontsize in c(7, 8 * width / 170)) {
        layout <- layout_at(x, width, fontsize)
        expect_tidy_layout(layout, layout$width)
        expect_true(layout$width == width || (arms > 3 && width < 170))
      }
    }
  }
})

test_that("long labels, long words and other scripts stay inside their boxes", {
  labels <- c(
    paste(rep("unforgettable", 12), collapse = " "), strrep("Donaudampfschifffahrt", 6),
    "\u5931\u8bbf\u539f\u56e0\u4e0d\u660e\u786e\u7684\u53c2\u4e0e\u8005",
    "\u00e9tudiants perdus de vue"
  )
  data <- data.frame(arm = rep(labels, 5), why = rep(c(labels, NA), each = 4))
  x <- flow(data, list("Analysed" = ~ why), by = "arm")
  layout <- suppressWarnings(layout_at(x, 170, 7))
  suppressWarnings(expect_text_inside(layout))
  expect_true(any(layout$lines$broken))
  said <- vapply(split(layout$lines$text, layout$lines$node), paste, "", collapse = "")
  whole <- gsub(" ", "", labels[[2]])
  expect_match(gsub(" ", "", said), whole, fixed = TRUE, all = FALSE)
})

test_that("numbers stay with their units and signs", {
  data <- data.frame(arm = rep(c("5 mg", "\u2265 10 mg"), 4), why = "Less than 12 months of age")
  lines <- layout_at(flow(data, list("Analysed" = ~ why), "arm"), 60, 7)$lines$text
  expect_true(all(grepl("12 months", grep("12", lines, value = TRUE))))
  expect_false(any(grepl("([0-9]|\u2265)$", lines)))
})

test_that("the engine joins boxes side by side, as other diagrams need", {
  diagram <- list(
    nodes = data.frame(id = c("a", "b", "c"), row = c(1, 1, 2), x0 = c(20, 90, 20),
      x1 = c(80, 150, 80), align = "left", fill = c("main", "side", "main")),
    text = data.frame(node = c("a", "b", "c"), text = c("Identified", "Removed", "Screened"),
      tail = "(n = 1)", bold = FALSE, bullet = FALSE),
    edges = data.frame(from = c("a", "a"), to = c("b", "c"), out = c(NA, 50), into = c(NA, 50)),
    bands = data.frame(label = "Identification", x0 = 1, x1 = 6, from = 1L, to = 2L)
  )
  layout <- on_spare_device(diagram_layout(diagram, 8))
  expect_tidy_layout(layout, 170)
  expect_identical(layout$edges$x[1:2], c(80, 90))
})

test_that("flow_size() says what a device needs, and too small a one is warned of", {
  x <- made_flow()
  size <- flow_size(x)
  expect_identical(size[["width"]], 170)
  expect_gt(flow_size(x, fontsize = 12)[["height"]], size[["height"]])
  expect_error(flow_size(1), class = "questrial_error_argument")
  file <- withr::local_tempfile(fileext = ".pdf")
  expect_silent(write_figure(x, file))
  warned <- expect_warning(write_figure(x, file, height = 30), "needs 170 x .* mm",
    class = "questrial_warning_dimension")
  expect_gt(warned$height, 30)
  expect_gt(flow_size(x, width = 30)[["width"]], 30)
})

test_that("a flow without reasons, notes or leavers is drawn", {
  data <- data.frame(arm = c("a", "b"), lost = c(TRUE, FALSE))
  for (steps in list(list("Analysed" = ~ lost), list("Analysed" = NULL))) {
    file <- withr::local_tempfile(fileext = ".pdf")
    expect_silent(write_figure(flow(data, steps, "arm"), file))
  }
})

test_that("the user's device stays theirs", {
  file <- withr::local_tempfile(fileext = ".pdf")
  grDevices::pdf(file)
  mine <- grDevices::dev.cur()
  flow_size(made_flow())
  write_figure(made_flow(), withr::local_tempfile(fileext = ".png"))
  expect_identical(grDevices::dev.cur(), mine)
  grDevices::dev.off()
})
