# Printed tables of an invented trial with two arms, from simulated answers: what a journal would
# print of them, and nothing else.
# Of the numeric covariates that are asked for, age is whole.
invented_tables <- function(n = c(60, 64), seed = 3, digits = 2, numeric = character(),
                            levels = c("sex", "year")) {
  withr::local_seed(seed)
  people <- data.frame(
    arm = factor(rep(c("usual", "training"), n), c("usual", "training")),
    sex = factor(sample(c("men", "women"), sum(n), TRUE), c("men", "women")),
    year = factor(sample(c("first", "second", "third"), sum(n), TRUE))
  )
  n_answered <- function() 10 - stats::rbinom(sum(n), 2, 0.15)
  score <- function(mean, k) 10 * round(pmin(3.8, pmax(1.2, mean)) * k) / k
  ability <- stats::rnorm(sum(n), 2.6, 0.5)
  people$before <- score(ability, n_answered())
  people$after <- score(
    ability + 0.15 * (people$arm == "training") + stats::rnorm(sum(n), 0, 0.3), n_answered()
  )
  people$change <- people$after - people$before
  people$age <- round(stats::rnorm(sum(n), 41, 12))
  people$weight <- round(stats::rnorm(sum(n), 70, 9), 1)
  terms <- c("arm", levels, numeric)
  write_tables(people, digits, terms, numeric, withr::local_tempdir(.local_envir = parent.frame()))
}

write_tables <- function(people, digits, terms, numeric, dir) {
  number <- function(x) formatC(x, digits = digits, format = "f")
  save <- function(table, name) {
    utils::write.csv(table, file.path(dir, paste0(name, ".csv")), row.names = FALSE, na = "")
  }
  save(invented_design(), "design")
  scale <- new_instrument(10, 1, 4, reverse = c(2, 5), id = "invented")
  write_instrument(scale, file.path(dir, "invented.dcf"))
  arms <- levels(people$arm)
  save(data.frame(step = "lost", arm = arms, n = c("2", "1"), source = "printed"), "flow")
  counts <- do.call(rbind, lapply(c("sex", "year"), function(name) {
    table <- as.data.frame(table(level = people[[name]], arm = people$arm))
    data.frame(variable = name, level = table$level, arm = table$arm, n = table$Freq, percent = "")
  }))
  save(counts, "counts")
  means <- do.call(rbind, lapply(c(baseline = "before", change = "change"), function(column) {
    data.frame(
      outcome = if (column == "before") "baseline" else column, variable = "", level = "",
      arm = arms, n = as.integer(table(people$arm)),
      mean = number(tapply(people[[column]], people$arm, mean)),
      sd = number(tapply(people[[column]], people$arm, stats::sd))
    )
  }))
  save(rbind(means, do.call(rbind, lapply(numeric, numeric_means, people, number))), "means")
  t <- stats::t.test(change ~ relevel(arm, "training"), people, var.equal = TRUE)
  tests <- data.frame(
    test = "student", outcome = "change", by = "arm", variable = "", level = "", arm = "training",
    reference = "usual", statistic = number(t$statistic), df = t$parameter, df_residual = "",
    p = ""
  )
  save(rbind(tests, do.call(rbind, lapply(numeric, numeric_test, people))), "tests")
  fit <- stats::lm(stats::reformulate(terms, "change"), people)
  table <- summary(fit)$coefficients
  limits <- stats::confint(fit)
  shown <- lapply(terms, function(term) {
    data.frame(
      variable = term, level = if (term %in% numeric) "" else levels(people[[term]])[-1],
      reference = if (term %in% numeric) "" else levels(people[[term]])[[1]]
    )
  })
  save(data.frame(
    term = rownames(table), rbind(data.frame(variable = "", level = "", reference = ""),
      do.call(rbind, shown)),
    estimate = number(table[, 1]),
    conf.low = number(limits[, 1]), conf.high = number(limits[, 2]),
    std.error = number(table[, 2]), statistic = number(abs(table[, 3])), p = ""
  ), "model")
  alphas <- data.frame(outcome = c("baseline", "followup"), items = 10, alpha = c("0.80", "0.82"))
  save(alphas, "alpha")
  dir
}

numeric_means <- function(name, people, number) {
  x <- c(split(people[[name]], people$arm), list(people[[name]]))
  data.frame(
    outcome = name, variable = "", level = "", arm = c(levels(people$arm), ""), n = lengths(x),
    mean = number(vapply(x, mean, 0)), sd = number(vapply(x, stats::sd, 0)), row.names = NULL
  )
}

numeric_test <- function(name, people) {
  test <- stats::anova(stats::lm(stats::reformulate("arm", name), people))
  data.frame(
    test = "anova", outcome = name, by = "arm", variable = "", level = "", arm = "", reference = "",
    statistic = formatC(test$`F value`[[1]], digits = 3, format = "f"), df = 1,
    df_residual = nrow(people) - 2, p = ""
  )
}

invented_design <- function() {
  data.frame(
    key = c("arms", "instrument", "lost", "model_outcome", "groups_training"),
    value = c("usual; training", "invented.dcf", "lost", "change", "8; 7")
  )
}


# Tables of an invented trial without model, change or questionnaire: follow-up and age by arm.
small_tables <- function() {
  withr::local_seed(11)
  people <- data.frame(
    arm = factor(
      rep(c("usual", "talks", "letters"), c(24, 26, 22)), c("usual", "talks", "letters")
    ),
    before = sample(12:36, 72, TRUE), after = sample(14:38, 72, TRUE), age = sample(20:70, 72, TRUE)
  )
  number <- function(x) formatC(as.vector(x), digits = 1, format = "f")
  means <- lapply(c(baseline = "before", followup = "after", age = "age"), function(column) {
    x <- split(people[[column]], people$arm)
    data.frame(
      outcome = switch(column, before = "baseline", after = "followup", column), arm = names(x),
      n = lengths(x), mean = number(vapply(x, mean, 0)), sd = number(vapply(x, stats::sd, 0))
    )
  })
  welch <- stats::t.test(people$after[people$arm == "talks"], people$after[people$arm == "usual"])
  age <- stats::anova(stats::lm(age ~ arm, people))
  one <- people[people$arm == "talks", ]
  paired <- stats::t.test(one$after, one$before, paired = TRUE)
  tests <- data.frame(
    test = c("welch", "paired", "anova"), outcome = c("followup", "change", "age"),
    by = c("arm", "", "arm"), arm = c("talks", "talks", ""), reference = c("usual", "", ""),
    statistic = c(
      number(welch$statistic), number(paired$statistic),
      formatC(age$`F value`[[1]], digits = 3, format = "f")
    ),
    df = c(number(welch$parameter), "25", "2"), df_residual = c("", "", "69"), p = "",
    estimate = c(number(welch$estimate[[1]] - welch$estimate[[2]]), "", ""),
    conf.low = c(number(welch$conf.int[[1]]), "", ""),
    conf.high = c(number(welch$conf.int[[2]]), "", "")
  )
  design <- data.frame(
    key = c("arms", "items", "min", "max"), value = c("usual; talks; letters", "10", "1", "4")
  )
  as_text <- function(table) as.data.frame(lapply(table, as.character))
  lapply(
    list(design = design, means = do.call(rbind, means), tests = tests,
      counts = data.frame(variable = "sex", level = c("men", "women"),
        arm = rep(levels(people$arm), each = 2), n = c(10, 14, 13, 13, 11, 11))),
    as_text
  )
}

test_that("an invented trial's tables are met, also by lm() and t.test()", {
  skip_on_cran()
  dir <- invented_tables()
  printed <- published(dir)
  cohort <- reconstruct(printed, seed = 5)
  expect_s3_class(cohort, "reconstruction")
  expect_true(all(figures_met(cohort)$met))
  expect_identical(nrow(cohort), 127L)
  expect_identical(levels(cohort$arm), c("usual", "training"))

  people <- as.data.frame(cohort)
  keyed <- function(visit) {
    x <- as.matrix(people[paste0(visit, "_", 1:10)])
    x[, c(2, 5)] <- 5 - x[, c(2, 5)]
    x
  }
  people$change <- 10 * (rowMeans(keyed("t1"), na.rm = TRUE) - rowMeans(keyed("t0"), na.rm = TRUE))
  people <- people[!is.nan(people$change), ]
  prints <- function(x) formatC(as.vector(x), digits = 2, format = "f")
  table <- summary(stats::lm(change ~ arm + sex + year, people))$coefficients
  expect_identical(prints(table[, 1]), printed$model$estimate)
  expect_identical(prints(table[, 2]), printed$model$std.error)
  expect_identical(prints(abs(table[, 3])), printed$model$statistic)
  expect_identical(
    prints(tapply(people$change, people$arm, stats::sd)),
    printed$means$sd[printed$means$outcome == "change"]
  )
  t <- stats::t.test(change ~ relevel(arm, "training"), people, var.equal = TRUE)
  expect_identical(prints(t$statistic), printed$tests$statistic)
  expect_identical(as.vector(table(people$sex, people$arm)), as.integer(printed$counts$n[1:4]))
  expect_true(all(table(cohort$group) %in% 7:8))
})

test_that("tables that contradict themselves are refused before any search", {
  dir <- system.file("extdata", "lemogne2020", package = "questrial")
  expect_error(reconstruct(published(dir), seed = 1), "no cohort can have all figures",
    class = "questrial_error_argument")
  # The text's 1.354 cannot stand beside the other figures; the abstract's 1.355 can.
  printed <- published(dir, repaired = TRUE)
  printed$tests$statistic[[10]] <- "1.354"
  expect_error(reconstruct(printed, seed = 1), "narrative less control",
    class = "questrial_error_argument")
})

test_that("figures that are missed are named in a warning", {
  skip_on_cran()
  dir <- invented_tables()
  printed <- published(dir)
  printed$model <- printed$model[0, ]
  printed$means$mean[[3]] <- "9.99" # no t of the printed size follows from such a change
  expect_warning(
    cohort <- reconstruct(printed, seed = 5, attempts = 1), class = "questrial_warning_convergence"
  ) -> warned
  expect_match(warned$figures, "student of change", all = FALSE)
  expect_false(all(figures_met(cohort)$met))
  expect_identical(nrow(cohort), 127L)
})

test_that("arguments are checked", {
  dir <- system.file("extdata", "lemogne2020", package = "questrial")
  printed <- published(dir, repaired = TRUE)
  expect_error(reconstruct(dir), "published()", class = "questrial_error_argument")
  expect_error(reconstruct(printed, seed = -1), "seed", class = "questrial_error_argument")
  expect_error(reconstruct(printed, skip = 2), "skip", class = "questrial_error_argument")
  expect_error(reconstruct(printed, attempts = 0), "attempts", class = "questrial_error_argument")
  expect_error(figures_met(mtcars), "reconstruct()", class = "questrial_error_argument")
  unnamed <- printed
  unnamed$design <- unnamed$design[unnamed$design$key != "instrument", ]
  expect_error(reconstruct(unnamed), "names no questionnaire", class = "questrial_error_no_data")
  printed$counts$n[[1]] <- "41"
  expect_error(reconstruct(printed), "`sex` counts 116 people in arm \"control\"",
    class = "questrial_error_dimension")
  printed <- published(dir, repaired = TRUE)
  printed$model$variable[[4]] <- "gender"
  expect_error(reconstruct(printed), "model.csv, row 4: `gender`", class = "questrial_error_file")
  printed <- published(small_tables())
  printed$design <- printed$design[printed$design$key != "items", ]
  expect_error(reconstruct(printed), "no questionnaire", class = "questrial_error_no_data")
  printed <- published(small_tables())
  printed$means$n <- ""
  printed$counts <- printed$counts[0, ]
  expect_error(reconstruct(printed), "arm \"usual\"", class = "questrial_error_no_data")
})

test_that("tables without model or change are met too, and what is not searched is named", {
  printed <- published(small_tables())
  cohort <- reconstruct(printed, seed = 2)
  figures <- figures_met(cohort)
  expect_true(all(figures$met, na.rm = TRUE))
  expect_identical(sum(is.na(figures$met)), 2L)
  expect_match(figures$figure[is.na(figures$met)], "conf[.]")
  expect_output(print(cohort), "2 were not searched")
  total <- function(visit) {
    10 * rowMeans(as.data.frame(cohort)[paste0(visit, "_", 1:10)], na.rm = TRUE)
  }
  prints <- function(x) formatC(as.vector(x), digits = 1, format = "f")
  after <- split(total("t1"), cohort$arm)
  before <- split(total("t0"), cohort$arm)
  own <- printed$means[printed$means$outcome == "followup", ]
  expect_identical(prints(vapply(after, mean, 0)), own$mean)
  expect_identical(prints(vapply(after, stats::sd, 0)), own$sd)
  welch <- stats::t.test(after$talks, after$usual)
  expect_identical(prints(welch$statistic), printed$tests$statistic[[1]])
  expect_identical(prints(mean(after$talks) - mean(after$usual)), printed$tests$estimate[[1]])
  paired <- stats::t.test(after$talks, before$talks, paired = TRUE)
  expect_identical(prints(paired$statistic), printed$tests$statistic[[2]])
  own <- printed$means[printed$means$outcome == "age", ]
  expect_identical(prints(tapply(cohort$age, cohort$arm, mean)), own$mean)
  expect_identical(prints(tapply(cohort$age, cohort$arm, stats::sd)), own$sd)
  age <- stats::anova(stats::lm(age ~ arm, as.data.frame(cohort)))
  expect_identical(
    formatC(age$`F value`[[1]], digits = 3, format = "f"), printed$tests$statistic[[3]]
  )

  expect_identical(reconstruct(printed, seed = 2), cohort)
  expect_false(identical(reconstruct(printed, seed = 3)$t1_1, cohort$t1_1))
})

# Everything that the tables print of the numeric covariates and the model, by lm() and anova().
expect_reprinted <- function(cohort, printed, formula, digits = 2) {
  keyed <- function(visit) {
    x <- as.matrix(as.data.frame(cohort)[paste0(visit, "_", 1:10)])
    x[, c(2, 5)] <- 5 - x[, c(2, 5)]
    10 * rowMeans(x, na.rm = TRUE)
  }
  people <- as.data.frame(cohort)
  people$change <- keyed("t1") - keyed("t0")
  people <- people[!is.nan(people$change), ]
  prints <- function(x, n = digits) formatC(as.vector(x), digits = n, format = "f")
  fit <- stats::lm(formula, people)
  table <- summary(fit)$coefficients
  expect_identical(prints(table[, 1]), printed$model$estimate)
  expect_identical(prints(table[, 2]), printed$model$std.error)
  expect_identical(prints(abs(table[, 3])), printed$model$statistic)
  expect_identical(prints(stats::confint(fit)), c(printed$model$conf.low, printed$model$conf.high))
  for (name in setdiff(unique(printed$means$outcome), c("baseline", "change"))) {
    own <- printed$means[printed$means$outcome == name, ]
    expect_identical(prints(c(tapply(people[[name]], people$arm, mean), mean(people[[name]]))),
      own$mean)
    expect_identical(prints(c(tapply(people[[name]], people$arm, sd), sd(people[[name]]))), own$sd)
    test <- stats::anova(stats::lm(stats::reformulate("arm", name), people))
    expect_identical(prints(test$`F value`[[1]], 3),
      printed$tests$statistic[printed$tests$outcome == name])
  }
}

test_that("a model with numeric covariates is met, also by lm()", {
  skip_on_cran()
  dir <- invented_tables(numeric = "age")
  printed <- published(dir)
  cohort <- reconstruct(printed, seed = 5)
  expect_true(all(figures_met(cohort)$met))
  expect_identical(sum(grepl("age", figures_met(cohort)$figure)), 12L) # 6, F, and 5 of the model
  expect_identical(cohort$age, round(cohort$age))
  expect_gte(min(cohort$age), 0)
  expect_reprinted(cohort, printed, change ~ arm + sex + year + age)
  expect_identical(reconstruct(printed, seed = 5), cohort)
})

test_that("a model with two numeric covariates is met, also by lm()", {
  skip_on_cran()
  printed <- published(invented_tables(numeric = c("age", "weight")))
  cohort <- reconstruct(printed, seed = 5)
  expect_true(all(figures_met(cohort)$met))
  expect_reprinted(cohort, printed, change ~ arm + sex + year + age + weight)
})

test_that("numbers that are not whole are sought in tenths", {
  skip_on_cran()
  dir <- invented_tables(numeric = "weight", levels = character())
  printed <- published(dir)
  cohort <- reconstruct(printed, seed = 5)
  expect_true(all(figures_met(cohort)$met))
  expect_false(all(cohort$weight == round(cohort$weight)))
  expect_reprinted(cohort, printed, change ~ arm + weight)
})

test_that("a model of arms and one numeric covariate is met, whose SD decides standard errors", {
  skip_on_cran()
  dir <- invented_tables(numeric = "age", levels = character(), digits = 3)
  printed <- published(dir)
  cohort <- reconstruct(printed, seed = 5)
  expect_true(all(figures_met(cohort)$met))
  expect_reprinted(cohort, printed, change ~ arm + age, digits = 3)
  # Standard errors that no numbers of the printed SDs have
  printed$model$std.error[[3]] <- sub("^0.", "0.1", printed$model$std.error[[3]])
  printed$model[c("conf.low", "conf.high", "statistic")] <- ""
  expect_error(reconstruct(printed, seed = 5), "SE of age", class = "questrial_error_argument")
})

test_that("tables of a numeric covariate that contradict themselves are refused", {
  printed <- published(small_tables())
  printed$tests$statistic[[3]] <- "9.900"
  expect_error(reconstruct(printed, seed = 1), "SD of age, usual",
    class = "questrial_error_argument")
})

test_that("a mean that no numbers have is missed and named", {
  printed <- published(small_tables())
  own <- which(printed$means$outcome == "age")[[1]]
  printed$means$mean[[own]] <- sub("$", "432123", printed$means$mean[[own]])
  printed$tests <- printed$tests[0, ]
  expect_warning(cohort <- reconstruct(printed, seed = 2, attempts = 1)) -> warned
  expect_identical(warned$figures, "mean of age, usual")
  figures <- figures_met(cohort)
  expect_identical(figures$figure[which(!figures$met)], "mean of age, usual")
})

test_that("t has a sign where its estimate is printed as 0", {
  row <- data.frame(
    estimate = c("-0.12", "0.00", "-0.00", "0.00", "0.00", "0.12"),
    statistic = c("1.20", "0.40", "0.40", "\u22120.40", "0.40", "1.20"),
    conf.low = c("", "-0.04", "-0.04", "", "", "-0.30"),
    conf.high = c("", "0.03", "0.04", "", "", "")
  )
  expect_identical(vapply(1:6, function(k) ratio_sign(row[k, ]), 0), c(-1, -1, -1, -1, 1, 1))
})

test_that("P narrows a statistic of either sign", {
  narrowed <- function(text, bounds, sign = 1) {
    unlist(overlap(figure_row("t", "t", text, sign = sign), bounds)[c("low", "high")])
  }
  expect_equal(narrowed("2.00", c(2.001, 3)), c(low = 2.001, high = 2.005))
  expect_equal(narrowed("2.00", c(2.001, 3), -1), c(low = -2.005, high = -2.001))
  expect_equal(narrowed("0.00", c(0, 0.004)), c(low = -0.004, high = 0.004)) # -0.003 prints 0.00
  expect_equal(narrowed("2.00", c(3, 4)), c(low = 1.995, high = 2.005))
})

test_that("numeric outcomes are those printed for every arm", {
  printed <- published(small_tables())
  expect_identical(numeric_names(printed), "age")
  missing <- printed
  missing$means$sd[missing$means$outcome == "age"][[2]] <- ""
  expect_identical(numeric_names(missing), character())
  large <- printed
  large$means$mean[large$means$outcome == "age"][[2]] <- "2000000"
  expect_identical(numeric_names(large), character())
  cohort <- reconstruct(missing, seed = 2)
  expect_null(cohort$age)
  expect_match(figures_met(cohort)$figure[is.na(figures_met(cohort)$met)], "age|conf", all = TRUE)
})

test_that("numbers have the sum and the sum of squares that are asked for", {
  cases <- list(
    c(50, 2251, 107041), c(20, 17, 39), c(3, 7, 17), c(2, 1, 1), c(30, -41, 615), c(5, 15, 45)
  )
  for (case in cases) {
    x <- numbers_with(case[[1]], case[[2]], case[[3]])
    expect_length(x, case[[1]])
    expect_identical(c(sum(x), sum(x^2)), case[2:3])
    expect_true(case[[2]] < 0 || min(x) >= 0)
  }
})

test_that("the cohort says that it is synthetic", {
  expect_output(print(balint), "Synthetic cohort, 392 rows")
  expect_output(print(balint[1:3, ]), "Synthetic cohort, 3 rows")
  expect_match(attr(balint, "synthetic"), "Synthetic")
  expect_s3_class(as.data.frame(balint), "data.frame", exact = TRUE)
  expect_true(all(figures_met(balint)$met))
})

# No whole scores of 24 people have the mean, and a thousand attempts of seconds each are made at it,
# so that whatever the machine the limit falls into the search, which begins at once.
test_that("a search can be stopped, and the session goes on", {
  printed <- published(small_tables())
  own <- which(printed$means$outcome == "baseline")[[1]]
  printed$means$mean[[own]] <- paste0(printed$means$mean[[own]], "432123")
  on.exit(setTimeLimit())
  stopped <- tryCatch(
    {
      setTimeLimit(elapsed = 1, transient = TRUE)
      reconstruct(printed, seed = 5, skip = 0, attempts = 1000)
    },
    error = function(cnd) conditionMessage(cnd)
  )
  setTimeLimit()
  expect_match(stopped, "elapsed time limit")
  expect_identical(score(data.frame(x = 2L), new_instrument("x", 1, 5)), 2)
})
