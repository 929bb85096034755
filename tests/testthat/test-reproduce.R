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
  write("design.csv",
    key = c("title", "arms"), value = c("An invented trial", "usual; group; letter")
  )
  write("flow.csv",
    step = c("randomised", "lost", "analysed"), arm = c("", "", "group"),
    n = c(90, 4, sum(rows$arm == "group")), source = "printed"
  )
  write("counts.csv",
    variable = "sex", level = "female", arm = arms,
    n = as.vector(table(rows$arm[rows$sex == "female"])),
    percent = sprintf("%.1f", 100 * tapply(rows$sex == "female", rows$arm, mean))
  )
  write("means.csv",
    outcome = "change", variable = "", level = "", arm = arms, n = as.vector(table(rows$arm)),
    mean = sprintf("%.2f", by_arm(mean)), sd = sprintf("%.2f", by_arm(stats::sd))
  )
  write("tests.csv",
    test = c("chisq", "student"), outcome = c("sex", "change"), by = "arm", variable = "",
    level = "", arm = c("", "usual"), reference = c("", "group"),
    statistic = sprintf("%.3f", c(chisq$statistic, t$statistic)),
    df = c(chisq$parameter, t$parameter), df_residual = "",
    p = sprintf("%.3f", c(chisq$p.value, t$p.value))
  )
  write("model.csv",
    term = rownames(effects), reference = "", variable = c("", "arm", "arm", "sex", "age"),
    level = c("", "group", "letter", "male", ""),
    estimate = sprintf("%.3f", effects[, 1]), conf.low = sprintf("%.3f", effects[, 5]),
    conf.high = sprintf("%.3f", effects[, 6]), std.error = sprintf("%.3f", effects[, 2]),
    statistic = sprintf("%.3f", effects[, 3]), p = sprintf("%.3f", effects[, 4])
  )
  write("alpha.csv", outcome = "baseline", items = 5, alpha = sprintf("%.2f", alpha))
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

test_that("a statistic printed without sign is compared without", {
  dir <- withr::local_tempdir()
  data <- invented_trial()
  print_invented(dir, data)
  printed <- published(dir)
  analysis <- analyse(invented_plan(), data)
  expect_match(printed$tests$statistic[[2]], "^-")
  printed$tests$statistic[[2]] <- sub("-", "", printed$tests$statistic[[2]])
  expect_true(all(reproduce(analysis, printed)$verdict == "same"))
  printed$model$estimate[[1]] <- sub("-", "", printed$model$estimate[[1]])
  expect_equal(sum(reproduce(analysis, printed)$verdict == "differs"), 1)
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
  other$flow$step[[1]] <- "screened"
  expect_error(reproduce(analysis, other), "\"screened\"", class = "questrial_error_argument")
  other <- printed
  other$alpha$outcome <- "later"
  expect_error(reproduce(analysis, other), "visit \"later\"", class = "questrial_error_argument")
  expect_error(reproduce(printed, analysis), "analyse\\(\\)", class = "questrial_error_argument")
})
