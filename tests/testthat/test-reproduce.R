# The invented trial's tables as a journal would print them, computed by base R.
print_invented <- function(dir, data) {
  write <- function(file, ...) {
    utils::write.csv(data.frame(..., check.names = FALSE), file.path(dir, file), row.names = FALSE)
  }
  data$before <- rowSums(data[paste0("a", 1:5)])
  data$after <- rowSums(data[paste0("b", 1:5)])
  rows <- data[!is.na(data$after) & !is.na(data$age), ]
  rows$before[is.na(rows$before)] <- mean(rows$before, na.rm = TRUE)
  rows$change <- rows$after - rows$before
  arms <- levels(rows$arm)
  by_arm <- function(f) vapply(split(rows$change, rows$arm), f, 0)
  t <- t.test(change ~ arm, rows[rows$arm != "letter", ], var.equal = TRUE)
  chisq <- chisq.test(table(rows$sex, rows$arm), correct = FALSE)
  fit <- lm(change ~ arm + sex + age, rows)
  effects <- cbind(summary(fit)$coefficients, confint(fit))
  answers <- stats::na.omit(as.matrix(data[paste0("a", 1:5)]))
  alpha <- 5 / 4 * (1 - sum(apply(answers, 2, var)) / var(rowSums(answers)))
  write("design.csv", field = "title", value = "An invented trial")
  write("flow.csv",
    step = c("randomised", "lost", "analysed"), arm = c("", "", "group"),
    n = c(90, 4, sum(rows$arm == "group")), origin = "printed"
  )
  write("counts.csv",
    variable = "sex", level = "female", arm = arms,
    n = as.vector(table(rows$arm[rows$sex == "female"])),
    percent = sprintf("%.1f", 100 * tapply(rows$sex == "female", rows$arm, mean))
  )
  write("means.csv",
    variable = "change", within = "", level = "", arm = arms, n = as.vector(table(rows$arm)),
    mean = sprintf("%.2f", by_arm(mean)), sd = sprintf("%.2f", by_arm(stats::sd))
  )
  write("tests.csv",
    test = c("chisq", "t"), variable = c("sex", "change"), within = "", level = "",
    arm = c("", "usual"), against = c("", "group"),
    statistic = sprintf("%.3f", c(chisq$statistic, t$statistic)),
    df = c(chisq$parameter, t$parameter), df.residual = "",
    p.value = sprintf("%.3f", c(chisq$p.value, t$p.value)), place = "text"
  )
  write("model.csv",
    label = rownames(effects), variable = c("", "arm", "arm", "sex", "age"),
    level = c("", "group", "letter", "male", ""),
    estimate = sprintf("%.3f", effects[, 1]), conf.low = sprintf("%.3f", effects[, 5]),
    conf.high = sprintf("%.3f", effects[, 6]), std.error = sprintf("%.3f", effects[, 2]),
    statistic = sprintf("%.3f", effects[, 3]), p.value = sprintf("%.3f", effects[, 4])
  )
  write("alpha.csv", visit = "baseline", items = 5, alpha = sprintf("%.2f", alpha))
}

test_that("what base R prints is reproduced, and a wrong digit is seen", {
  dir <- withr::local_tempdir()
  data <- invented_trial()
  print_invented(dir, data)
  printed <- published(dir)
  analysis <- analyse(invented_plan(), data)
  reproduction <- reproduce(analysis, printed)
  expect_true(all(reproduction$verdict == "same"))
  expect_equal(nrow(reproduction), 3 + 3 * 2 + 3 * 3 + 2 * 3 + 5 * 6 + 2)
  printed$model$estimate[[2]] <- sprintf("%.1f", coef(analysis$model)[[2]])
  printed$means$mean[[1]] <- "9.99"
  wrong <- reproduce(analysis, printed)
  expect_identical(
    wrong$figure[wrong$verdict == "differs"], "change usual"
  )
  expect_output(print(wrong), "55 of 56 printed figures reproduced")
})

test_that("of two prints of one figure at most one can be met", {
  dir <- withr::local_tempdir()
  data <- invented_trial()
  print_invented(dir, data)
  printed <- published(dir)
  printed$tests <- rbind(printed$tests, printed$tests[2, ])
  printed$tests$statistic[[3]] <- "9.876"
  reproduction <- reproduce(analyse(invented_plan(), data), printed)
  expect_equal(sum(reproduction$verdict == "printed twice"), 1)
  expect_output(print(reproduction), "56 of 58|second print")
})

test_that("tables of another trial are refused by name", {
  dir <- withr::local_tempdir()
  data <- invented_trial()
  print_invented(dir, data)
  printed <- published(dir)
  analysis <- analyse(invented_plan(), data)
  other <- printed
  other$counts$level[[1]] <- "unknown"
  expect_error(reproduce(analysis, other), "\"unknown\" of `sex`",
    class = "questrial_error_argument"
  )
  other <- printed
  other$means$arm[[1]] <- "placebo"
  expect_error(reproduce(analysis, other), "arm \"placebo\"", class = "questrial_error_argument")
  other <- printed
  other$model$level[[2]] <- "placebo"
  expect_error(reproduce(analysis, other), "`armplacebo`", class = "questrial_error_argument")
  other <- printed
  other$tests$test[[1]] <- "Wald"
  expect_error(reproduce(analysis, other), "\"Wald\"", class = "questrial_error_argument")
  other <- printed
  other$alpha$visit <- "later"
  expect_error(reproduce(analysis, other), "visit \"later\"", class = "questrial_error_argument")
  expect_error(reproduce(printed, analysis), "analyse\\(\\)", class = "questrial_error_argument")
})
