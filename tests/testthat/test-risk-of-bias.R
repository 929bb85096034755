# Synthetic judgements.
judged <- function() {
  data.frame(
    study = c("Alpha 2019", "Beta 2021", "Gamma 2022", "Delta 2023"),
    D1 = c("Low", "low risk", "Some concerns", "HIGH"),
    D2 = c("Low", "Some concerns", "High risk of bias", "Low"),
    D3 = c("Low", "Low", "", "Low"), D4 = c("Low", "High", "Low", NA), D5 = "Low",
    overall = c("Low", "High", "High", "High"), weight = c(10, 20, 30, 40),
    region = c("a", "b", "a", "b")
  )
}

test_that("judgements are read in the tool's words", {
  x <- risk_of_bias(judged(), "RoB2", weight = "weight")
  expect_s3_class(x, c("risk_of_bias", "data.frame"), exact = TRUE)
  expect_named(x, c("study", paste0("D", 1:5), "overall", "weight", "region"))
  expect_identical(levels(x$D1), c("Low", "Some concerns", "High"))
  expect_identical(as.character(x$D1), c("Low", "Low", "Some concerns", "High"))
  expect_identical(as.character(x$D3), c("Low", "Low", NA, "Low"))
  expect_identical(attr(x, "notes"), character())
})

test_that("a misspelt judgement is named with row, column and the nearest word", {
  data <- judged()
  data$D2[[3]] <- "Some concern"
  error <- expect_error(risk_of_bias(data), "Row 3 .Gamma 2022., column `D2`.*Some concerns",
    class = "questrial_error_argument")
  expect_identical(error$row, 3L)
  expect_identical(error$column, "D2")
  expect_identical(error$value, "Some concern")
  data$D2[[3]] <- "L"
  expect_error(risk_of_bias(data), "no judgement of RoB 2", class = "questrial_error_argument")
  data$D2[[3]] <- "Moderate"
  expect_error(risk_of_bias(data), "or NA", class = "questrial_error_argument")
})

test_that("lacking columns, studies named twice and wrong weights are refused", {
  data <- judged()
  expect_error(risk_of_bias(data[-3]), "domain `D2: Dev", class = "questrial_error_argument")
  expect_error(risk_of_bias(data[names(data) != "overall"]), "no column `overall`",
    class = "questrial_error_argument")
  expect_s3_class(risk_of_bias(data[names(data) != "overall"], overall = NULL), "risk_of_bias")
  expect_error(risk_of_bias(data[c(1, 2, 1), ]), "row 3", class = "questrial_error_argument")
  expect_error(risk_of_bias(data[0, ]), class = "questrial_error_no_data")
  expect_error(risk_of_bias(data, "RoB3"), "`RoB2`", class = "questrial_error_argument")
  expect_error(risk_of_bias(data, list(judgements = "Low")), "two to six",
    class = "questrial_error_argument")
  expect_error(risk_of_bias(data, list(judgements = c("*" = "Low", "+" = "High"))), "signs",
    class = "questrial_error_argument")
  data$weight[[2]] <- -1
  expect_error(risk_of_bias(data, weight = "weight"), "`Beta 2021`",
    class = "questrial_error_argument")
})

test_that("an overall judgement better than the worst domain is noted", {
  data <- judged()
  data$overall[[2]] <- "Low"
  x <- risk_of_bias(data)
  expect_match(attr(x, "notes"), "Beta 2021")
  expect_identical(attr(x[-2, ], "notes"), character())
  expect_output(print(x), "against the rule of RoB 2:\\sBeta")
})

test_that("rows and columns are taken without losing the tool", {
  x <- risk_of_bias(judged(), weight = "weight")
  part <- x[x$region == "b", ]
  expect_s3_class(part, "risk_of_bias")
  expect_identical(attr(part, "tool"), attr(x, "tool"))
  expect_identical(part$study, c("Beta 2021", "Delta 2023"))
  again <- x[match(c("Delta 2023", "nowhere", "Alpha 2019"), x$study), ]
  expect_identical(as.character(again$D1), c("High", NA, "Low"))
  expect_s3_class(subset(x, overall == "High"), "risk_of_bias")
  fewer <- x[c("study", "D1", "overall")]
  expect_identical(unique(tidy.risk_of_bias(fewer)$domain), c("D1", "overall"))
  expect_identical(class(x["D1"]), "data.frame")
  expect_identical(class(as.data.frame(x)), "data.frame")
})

test_that("domains are found by their labels and by the user's names", {
  tool <- rob_tools[["RoB1"]]
  data <- data.frame(study = c("a", "b"))
  data[make.names(tool$domains)] <- c("Low", "Unclear")
  x <- risk_of_bias(data, "RoB1")
  expect_identical(rob_columns(x), paste0("D", 1:7))
  y <- risk_of_bias(data, "RoB1", domains = c("Sequence" = "Random.sequence.generation"))
  expect_identical(attr(y, "labels"), c(D1 = "Sequence"))
  own <- risk_of_bias(
    data.frame(study = "a", fair = "no", blind = "yes"),
    list(name = "Mine", judgements = c("+" = "yes", "-" = "no")), domains = c("fair", "blind")
  )
  expect_identical(rob_legend(own)$sign, c("+", "-"))
})

test_that("the summary counts and weighs as a slow count does", {
  x <- risk_of_bias(judged(), weight = "weight")
  counts <- summary(x)
  for (i in seq_len(nrow(counts))) {
    of <- as.character(x[[counts$domain[[i]]]])
    of[is.na(of)] <- "Not assessed"
    expect_identical(counts$n[[i]], sum(of == counts$judgement[[i]]))
    expect_equal(counts$percent[[i]], sum(x$weight[of == counts$judgement[[i]]]))
  }
  expect_equal(as.vector(tapply(counts$percent, counts$domain, sum)), rep(100, 6))
})

test_that("it prints in 80 columns and says itself in words", {
  data <- judged()
  data$study[[1]] <- strrep("long name ", 12)
  out <- capture.output(print(risk_of_bias(data)))
  expect_lte(max(nchar(out)), 80)
  expect_match(out[[1]], "RoB 2: 4 studies")
  expect_match(alt_text(risk_of_bias(data)), "Overall: Low 1, High 3[.]")
})
