# Synthetic answers in the shape of a trial: 20 items at two visits, item 9
# never answered, some rows lost.
made_answers <- function(n = 90, arms = c("control", "balint", "narrative")) {
  set.seed(11)
  visit <- function(prefix) {
    answers <- matrix(sample(1:7, 20 * n, TRUE), n)
    answers[runif(20 * n) < 0.03] <- NA
    answers[, 9] <- NA
    stats::setNames(as.data.frame(answers), paste0(prefix, 1:20))
  }
  data <- cbind(arm = factor(rep_len(arms, n), arms), visit("t0_"), visit("t1_"))
  data[seq(1, n, by = 15), paste0("t1_", 1:20)] <- NA
  data$change <- c(NA, stats::rnorm(n - 1))
  data
}

made_form <- function() {
  new_instrument(20, 1, 7, reverse = c(1, 3, 6))
}

made_visits <- function() {
  list("Baseline" = paste0("t0_", 1:20), "Follow-up" = paste0("t1_", 1:20))
}

# Each figure must draw without a word.
expect_drawn <- function(figure) {
  expect_s3_class(figure, "ggplot")
  file <- withr::local_tempfile(fileext = ".pdf")
  expect_silent(write_figure(figure, file))
  expect_gt(file.size(file), 2000)
  expect_gt(nchar(alt_text(figure)), 30)
}

test_that("the change figure has every participant and t intervals", {
  skip_if_not_installed("ggplot2")
  data <- made_answers()
  figure <- plot_change(data, "change", ~ arm)
  expect_drawn(figure)
  expect_setequal(figure$data$value, stats::na.omit(data$change))
  expect_lt(max(abs(figure$data$place - as.integer(figure$data$arm))), 0.45)
  one <- stats::t.test(data$change[data$arm == "balint"])
  means <- mean_interval(data$change[data$arm == "balint"], 0.95)
  expect_equal(c(means$low, means$high), as.vector(one$conf.int), tolerance = 1e-12)
  expect_match(alt_text(figure), sprintf("balint: n = 30, mean %.2f", one$estimate))
  expect_match(figure$labels$caption, "1 without a value")
  expect_identical(plot_change(data, "change", "arm")$data, figure$data)
  expect_identical(plot_change(data, "change", "arm", c(change = "Change"))$labels$y, "Change")
})

test_that("few, equal and very many values are drawn too", {
  skip_if_not_installed("ggplot2")
  few <- data.frame(arm = c("a", "b", "b", "b"), y = c(1, 2, 2, 2))
  expect_drawn(plot_change(few, "y", "arm"))
  many <- data.frame(arm = rep(letters[1:9], 500), y = (1:4500) %% 97)
  expect_drawn(plot_change(many, "y", "arm"))
  expect_identical(swarm_offset(5), 0)
  expect_equal(van_der_corput(4), c(1 / 2, 1 / 4, 3 / 4, 1 / 8))
})

test_that("the coefficient figure has the model's numbers in rows", {
  skip_if_not_installed("ggplot2")
  cars <- transform(mtcars, gear = factor(gear), am = factor(am, labels = c("auto", "manual")))
  fit <- stats::lm(mpg ~ gear + wt + am:wt, cars)
  rows <- plot_coefficients(fit, c(gear = "Gears"), reference = TRUE)$data
  expect_identical(trimws(rows$label[1:5]), c("Gears", "3 (reference)", "4", "5", "wt"))
  expect_identical(rows$kind[1:5], c("heading", "reference", "term", "term", "term"))
  terms <- rows[rows$kind == "term", ]
  expect_equal(terms$estimate, unname(coef(fit)[-1]))
  expect_equal(terms$conf.low, unname(stats::confint(fit)[-1, 1]))
  expect_drawn(plot_coefficients(fit))
  robust <- plot_coefficients(fit_glm(mpg ~ wt, mtcars), vcov = "HC3")
  expect_match(robust$labels$caption, "Standard errors: HC3")
  expect_drawn(plot_coefficients(stats::lm(mpg ~ wt + I(2 * wt), cars)))
})

test_that("the item profile is that of the scored answers", {
  skip_if_not_installed("ggplot2")
  data <- made_answers()
  figure <- plot_items(data, made_form(), made_visits(), "arm")
  expect_drawn(figure)
  row <- figure$data[figure$data$visit == "Follow-up" & figure$data$group == "balint" &
    figure$data$item == "item_3", ]
  answers <- 8 - data$t1_3[data$arm == "balint"]
  expect_equal(row$mean, mean(answers, na.rm = TRUE))
  expect_identical(row$n, sum(!is.na(answers)))
  gap <- figure$data[figure$data$item == "item_9", ]
  expect_true(all(gap$n == 0 & is.na(gap$mean)))
  expect_match(alt_text(figure), "No answers to `item_9`", fixed = TRUE)
  expect_drawn(plot_items(data, made_form(), made_visits()[[1]]))
})

test_that("shares missing equal a plain count", {
  skip_if_not_installed("ggplot2")
  data <- made_answers()
  figure <- plot_missing(data, made_visits(), "arm")
  expect_drawn(figure)
  for (i in c(1, 17, 60, 100)) {
    cell <- figure$data[i, ]
    column <- made_visits()[[as.character(cell$visit)]][[cell$column]]
    expect_equal(cell$missing, mean(is.na(data[data$arm == cell$group, column])))
  }
  expect_match(alt_text(figure), "Nobody answered column `9`", fixed = TRUE)
  expect_drawn(plot_missing(data, names(data)))
})

test_that("the pattern has every participant once, and large data are summed up", {
  skip_if_not_installed("ggplot2")
  data <- made_answers()
  figure <- plot_missing(data, made_visits(), "arm", show = "pattern")
  expect_drawn(figure)
  expect_identical(nrow(figure$data), 90L * 40L)
  expect_equal(sum(figure$data$missing), sum(is.na(data[unlist(made_visits())])))
  large <- made_answers(5003, c("a", "b"))
  figure <- plot_missing(large, made_visits(), "arm", show = "pattern")
  expect_lt(nrow(figure$data), 405 * 40)
  expect_equal(sum(figure$data$missing * figure$data$n),
    sum(is.na(large[unlist(made_visits())])))
  expect_drawn(plot_missing(large, "t0_1", show = "pattern"))
})

test_that("columns are called by their numbers where that is enough", {
  expect_identical(column_labels(list(c("t0_1", "t0_12"), c("t1_1", "t1_12"))), c("1", "12"))
  expect_identical(column_labels(list(c("t0_1", "t1_1"))), c("t0_1", "t1_1"))
  expect_identical(column_labels(list(c("age", "sex"))), c("age", "sex"))
})

test_that("bad input to figures is named", {
  skip_if_not_installed("ggplot2")
  data <- made_answers()
  refuse <- function(code, message) {
    expect_error(code, message, class = "questrial_error_argument")
  }
  refuse(plot_change(data, "chnge", "arm"), "Did you mean `change`")
  refuse(plot_change(data, "arm", "arm"), "must be numeric")
  refuse(plot_change(transform(data, change = 1 / 0), "change", "arm"), "infinite in row `1`")
  refuse(plot_change(transform(data, arm = replace(arm, 4, NA)), "change", "arm"), "row `4`")
  refuse(plot_change(data, "change", "arm", conf.level = 95), "from 0.5 to 0.9999")
  refuse(plot_coefficients(1), "must be a fitted model")
  refuse(plot_coefficients(stats::lm(change ~ 1, data)), "only a constant")
  refuse(plot_missing(data, list(c("t0_1", "t0_2"), "t1_1")), "a name of its own")
  refuse(plot_missing(data, list(a = c("t0_1", "t0_2"), b = "t1_1")), "not 2 and 1")
  refuse(plot_missing(data, "t9"), "no column `t9`")
  refuse(plot_missing(data, "t0_1", show = "all"), "must be one of")
  refuse(plot_items(data, made_form()), "no column|There is no column")
  expect_error(plot_items(transform(data, t0_2 = 9), made_form(), made_visits()[[1]]),
    "`t0_2` has an answer of 9 in row 1", class = "questrial_error_range")
  expect_error(plot_change(data[0, ], "change", "arm"), class = "questrial_error_no_data")
  expect_error(plot_change(transform(data, change = NA_real_), "change", "arm"),
    class = "questrial_error_no_data")
  expect_error(questrial_colours(0), class = "questrial_error_argument")
  expect_length(unique(questrial_colours(12)), 12)
})
