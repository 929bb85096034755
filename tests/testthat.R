library(testthat)
library(questrial)

test_check("questrial")
