# Synthetic studies: means of two arms, or events of two arms.
mean_studies <- function(k, names = paste("Study", seq_len(k))) {
  i <- seq_len(k)
  data.frame(
    study = names, mean1 = 50 + 6 * sin(i) + 3, sd1 = 9 + cos(i), n1 = 15 + (37 * i) %% 90,
    mean2 = 50 + 4 * cos(3 * i), sd2 = 10 - sin(2 * i), n2 = 16 + (31 * i) %% 90
  )
}

event_studies <- function(k, names = paste("Study", seq_len(k))) {
  i <- seq_len(k)
  data.frame(study = names, events1 = (7 * i) %% 13, n1 = 20 + (37 * i) %% 90,
    events2 = 3 + (5 * i) %% 17, n2 = 21 + (31 * i) %% 90)
}

long_names <- function(k) {
  paste(rep_len(c("Adams", "van der Westhuizen & Papadopoulos",
    "Balint-Kurti, Oyelaran-Fitzgerald and the CONNECT-2 study group",
    "Rindfleischetikettierungs\u00fcberwachungsaufgaben\u00fcbertragungsgesetzgeber"
  ), k), seq_len(k))
}

synthetic_bias <- function(names) {
  judged <- data.frame(study = names)
  for (i in 1:5) {
    judged[[paste0("D", i)]] <- rep_len(c("Low", "High", "Some concerns")[(i + 0:2) %% 3 + 1],
      length(names))
  }
  judged$overall <- "High"
  suppressMessages(risk_of_bias(judged, "RoB2"))
}

layout_of <- function(plot, width = 170, fontsize = 7) {
  on_spare_device(sheet_layout(plot$sheet, width, fontsize))
}

# What no forest plot may do, from its layout as data.
expect_tidy_sheet <- function(layout) {
  text <- layout$text
  x1 <- text$x + text$width
  half <- layout$size$line / 2
  expect_true(all(text$x > -1e-6 & x1 < layout$width + 1e-6))
  expect_true(all(text$y - half > -1e-6 & text$y + half < layout$height + 1e-6))
  expect_no_overlap(text, x1, half)
  expect_columns_kept(layout, x1)
  expect_graph_clear(layout, x1)
  rows <- layout$rows
  expect_true(all(rows$y0 >= layout$rule & rows$y1 <= layout$height))
  expect_true(all(utils::head(rows$y1, -1) <= rows$y0[-1] + 1e-6))
}

expect_no_overlap <- function(text, x1, half) {
  meets <- outer(x1, text$x, ">") & abs(outer(text$y, text$y, "-")) < 2 * half - 1e-6
  at <- which(meets & t(outer(x1, text$x, ">")) & upper.tri(meets), arr.ind = TRUE)
  expect_identical(paste(text$text[at[, 1]], "on", text$text[at[, 2]])[seq_len(nrow(at))],
    character())
}

expect_columns_kept <- function(layout, x1) {
  text <- layout$text
  columns <- layout$columns
  expect_true(all(columns$x0[-1] >= utils::head(columns$x1, -1)))
  cell <- which(!is.na(text$row) & text$column != "label")
  at <- match(text$column[cell], columns$id)
  expect_true(all(text$x[cell] >= columns$x0[at] - 1e-6 & x1[cell] <= columns$x1[at] + 1e-6))
  # Numbers are in the rows that they are of.
  row <- layout$rows[text$row[cell], ]
  expect_true(all(text$y[cell] > row$y0 & text$y[cell] < row$y1))
}

# Nothing is written on the graph, and no mark leaves it.
expect_graph_clear <- function(layout, x1) {
  text <- layout$text
  above <- text$y < layout$axis$y & text$y > layout$rule
  inside <- x1 > layout$graph[[1]] & text$x < layout$graph[[2]]
  expect_false(any(above & inside))
  marks <- layout$marks
  expect_true(all(marks$x0 >= layout$graph[[1]] - 1e-6 & marks$x1 <= layout$graph[[2]] + 1e-6))
  expect_true(all(marks$y < layout$axis$y))
  expect_true(all(layout$lights$x > layout$graph[[2]] & layout$lights$x < layout$width))
}

test_that("columns, graph, lights and words never collide, at any number of studies", {
  for (k in c(1, 3, 11, 60)) {
    for (names in c(list(long_names(k)), if (k < 60) list(paste("Study", seq_len(k))))) {
      group <- rep_len(c("Students", "Residents and physicians in general practice", "One"), k)
      continuous <- cbind(mean_studies(k, names), group)
      fit <- meta_analysis(effect_size("SMD", data = continuous), subgroup = group)
      plot <- forest(fit, risk_of_bias = synthetic_bias(names))
      expect_tidy_sheet(layout_of(plot))
      if (k == 11) {
        expect_tidy_sheet(layout_of(plot, 300, 9))
      }
      fit <- meta_analysis(effect_size("OR", data = event_studies(k, names)))
      plot <- forest(fit, c("Mindfulness-based stress reduction for students", "Care as usual"))
      expect_tidy_sheet(layout_of(plot))
      if (k < 60) {
        expect_tidy_sheet(layout_of(plot, 120, 8))
      }
    }
  }
})

test_that("the type is never smaller than 7 points and the page holds what is drawn", {
  fit <- meta_analysis(effect_size("SMD", data = mean_studies(60)))
  size <- forest_size(fit)
  expect_lte(size[["height"]], 240)
  layout <- on_spare_device(fit_forest_plot(forest(fit), 170))
  expect_gte(layout$fontsize, 7)
  expect_lte(layout$width, size[["width"]])
  narrow <- forest_size(fit, width = 60)
  expect_gt(narrow[["width"]], 60)
  expect_warning(
    on_spare_device(plot(forest(fit), newpage = FALSE), function() grDevices::pdf(NULL, 3, 3)),
    class = "questrial_warning_dimension"
  )
})

drawn_text <- function(fit, ..., column, kind = NULL) {
  sheet <- forest(fit, ...)$sheet
  text <- sheet$columns[[column]]$text
  if (is.null(kind)) text else text[sheet$rows$kind == kind]
}

test_that("what is drawn is what the fit says", {
  data <- cbind(mean_studies(11), group = rep(c("a", "b", "c"), c(5, 5, 1)))
  fit <- meta_analysis(effect_size("SMD", data = data), subgroup = group)
  plot <- forest(fit)
  layout <- layout_of(plot)
  marks <- layout$marks
  rows <- plot$sheet$rows
  limits <- plot$sheet$graph$limits
  on_axis <- function(x) limits[[1]] + (x - layout$graph[[1]]) / diff(layout$graph) * diff(limits)
  square <- marks[marks$shape == "square", ]
  expect_equal(on_axis(square$x), fit$studies$yi)
  whole <- !square$cut_low & !square$cut_high
  expect_equal(on_axis(square$x0)[whole], fit$studies$conf.low[whole])
  # The area of a square goes with the weight.
  expect_equal(square$side^2 / max(square$side^2), fit$studies$weight / max(fit$studies$weight))
  diamond <- marks[marks$shape == "diamond", ]
  pools <- tidy.meta_analysis(fit)[c(2, 3, 1), ]
  expect_equal(on_axis(diamond$x), pools$estimate)
  expect_equal(on_axis(diamond$x0), pools$conf.low)
  bar <- marks[marks$shape == "bar", ]
  expect_equal(on_axis(c(bar$x0, bar$x1)), c(fit$pred.low, fit$pred.high))
  # Totals, weights and the words below.
  expect_identical(drawn_text(fit, column = "n1", kind = "total"), as.character(sum(data$n1)))
  expect_identical(drawn_text(fit, column = "n2", kind = "subtotal"),
    as.character(c(sum(data$n2[1:5]), sum(data$n2[6:10]))))
  said <- rows$label[rows$kind == "text"]
  expect_match(said, sprintf("I\u00b2 = %.0f%%", fit$I2), fixed = TRUE, all = FALSE)
  expect_match(said, sprintf("subgroup differences: Chi\u00b2 = %.2f, df = 2",
    fit$subgroup.test$Q), fixed = TRUE, all = FALSE)
  expect_match(said, sprintf("overall effect: t = %.2f, df = 10", abs(pools$statistic[[3]])),
    fixed = TRUE, all = FALSE)
})

test_that("a single study is not pooled: no diamond", {
  data <- cbind(mean_studies(4), group = c("a", "a", "a", "b"))
  fit <- meta_analysis(effect_size("MD", data = data), subgroup = group)
  rows <- forest(fit)$sheet$rows
  expect_identical(rows$group[rows$kind == "subtotal"], "a")
  alone <- forest(meta_analysis(effect_size("MD", data = data[1, ])))$sheet$rows
  expect_false(any(alone$kind %in% c("subtotal", "total", "prediction")))
  expect_match(alone$label, "nothing is pooled", all = FALSE)
})

test_that("studies in no subgroup stay in the plot", {
  data <- cbind(mean_studies(5), group = c("a", "a", NA, "b", "b"))
  fit <- meta_analysis(effect_size("MD", data = data), subgroup = group)
  rows <- forest(fit)$sheet$rows
  expect_setequal(rows$study[rows$kind == "study"], 1:5)
  expect_true("In no subgroup" %in% rows$label)
})

test_that("columns and headings are RevMan's for each kind of data", {
  fit <- meta_analysis(effect_size("OR", data = event_studies(4)), preset = "revman5.4")
  plot <- forest(fit)
  expect_named(plot$sheet$columns,
    c("events1", "n1", "events2", "n2", "weight", "effect", "interval"))
  expect_identical(plot$sheet$graph$head, "Odds ratio\nIV, Random, 95% CI")
  expect_identical(drawn_text(fit, column = "events1", kind = "events"),
    as.character(sum(event_studies(4)$events1)))
  expect_false("prediction" %in% plot$sheet$rows$kind)
  expect_identical(drawn_text(fit, column = "effect", kind = "total"),
    sprintf("%.2f", exp(fit$coefficients[[1]])))
  fixed <- meta_analysis(effect_size("OR", data = event_studies(4)), method = "MH")
  expect_match(forest(fixed)$sheet$graph$head, "M-H, Fixed, 95% CI", fixed = TRUE)
  expect_named(forest(meta_analysis(c(0.1, 0.2), c(0.1, 0.2)))$sheet$columns,
    c("error", "weight", "effect", "interval"))
})

test_that("intervals that leave the graph are cut, and arrows show where", {
  fit <- meta_analysis(effect_size("RR", data = event_studies(5)))
  plot <- forest(fit, xlim = c(0.5, 2))
  marks <- layout_of(plot)$marks
  square <- marks[marks$shape == "square", ]
  expect_identical(square$cut_low, fit$studies$conf.low < log(0.5))
  expect_identical(square$cut_high, fit$studies$conf.high > log(2))
  expect_identical(square$shown, abs(fit$studies$yi) <= log(2))
  expect_tidy_sheet(layout_of(plot))
  expect_error(forest(fit, xlim = c(-1, 2)), "above 0", class = "questrial_error_argument")
})

test_that("lights are matched by study", {
  fit <- meta_analysis(effect_size("SMD", data = mean_studies(4)))
  judged <- synthetic_bias(c("Elsewhere 2001", "Study 4", "Study 1", "Study 2"))
  sheet <- forest(fit, risk_of_bias = judged)$sheet
  lights <- sheet$lights[sheet$rows$kind == "study", ]
  expect_identical(lights[4, "A"], as.character(judged$D1[[2]]), ignore_attr = TRUE)
  expect_true(all(is.na(lights[3, ])))
  expect_true(all(is.na(sheet$lights[sheet$rows$kind != "study", ])))
  expect_match(sheet$notes, "not in this meta-analysis: Elsewhere 2001", all = FALSE)
  expect_error(forest(fit, risk_of_bias = data.frame(study = "a")),
    class = "questrial_error_argument")
})

test_that("the sides of no effect are never claimed to be good or bad", {
  fit <- meta_analysis(effect_size("MD", data = mean_studies(4)))
  expect_identical(forest(fit, c("CBT", "Usual care"))$sheet$graph$favours,
    c("Lower with CBT", "Higher with CBT"))
  words <- c("Favours usual care", "Favours course")
  expect_identical(forest(fit, favours = words)$sheet$graph$favours, words)
  expect_length(forest(fit, favours = character())$sheet$graph$favours, 0)
  expect_error(forest(fit, favours = "left"), class = "questrial_error_argument")
})

test_that("every way of drawing works, and words say the numbers", {
  fit <- meta_analysis(effect_size("SMD", data = mean_studies(3)))
  for (type in c("pdf", "svg", "png")) {
    file <- withr::local_tempfile(fileext = paste0(".", type))
    expect_silent(write_figure(fit, file, favours = c("Favours course", "Favours control")))
    expect_gt(file.size(file), 3000)
  }
  expect_match(alt_text(fit), sprintf("Total (95%% CI): %.2f", fit$coefficients[[1]]), fixed = TRUE)
  expect_silent(on_spare_device(plot(fit, newpage = FALSE)))
  expect_error(forest(1), class = "questrial_error_argument")
  expect_error(forest(fit, arms = "one"), class = "questrial_error_argument")
  expect_error(forest(fit, sides = 1), class = "questrial_error_argument")
  expect_error(forest_size(1), class = "questrial_error_argument")
})

test_that("rows that were not pooled are named", {
  data <- mean_studies(4)
  data$sd1[[2]] <- NA
  fit <- meta_analysis(effect_size("MD", data = data))
  expect_match(forest(fit)$sheet$notes, "Not pooled: Study 2", fixed = TRUE, all = FALSE)
})

test_that("pools without each study, and growing pools, are forests too", {
  fit <- meta_analysis(effect_size("OR", data = event_studies(11, long_names(11))))
  for (refit in list(leave_one_out(fit), cumulative(fit))) {
    plot <- forest(refit)
    layout <- layout_of(plot)
    expect_tidy_sheet(layout)
    axis <- plot$sheet$graph$limits
    at <- axis[[1]] + (layout$marks$x - layout$graph[[1]]) / diff(layout$graph) * diff(axis)
    expect_equal(at, refit$estimate[!is.na(refit$conf.low)])
    expect_silent(on_spare_device(plot(refit, newpage = FALSE)))
  }
  expect_error(forest(leave_one_out(fit), arms = 1), class = "questrial_error_argument")
})

test_that("a regression has no diamond but the test of its moderators", {
  data <- cbind(mean_studies(8), year = 2001:2008)
  fit <- meta_analysis(effect_size("MD", data = data), moderators = ~year)
  rows <- forest(fit)$sheet$rows
  expect_false("total" %in% rows$kind)
  expect_match(rows$label, sprintf("moderators: F = %.2f, df = 1, 6",
    fit$moderators.test$statistic), all = FALSE)
})
