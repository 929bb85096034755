# A small invented trial: 5 items 1 to 5, two visits, three arms.
invented_trial <- function(n = 90, seed = 1) {
  withr::local_seed(seed)
  arm <- factor(rep(c("usual", "group", "letter"), length.out = n), c("usual", "group", "letter"))
  trait <- stats::rnorm(n)
  answers <- function(prefix, gain) {
    values <- lapply(1:5, function(i) {
      as.integer(pmin(5, pmax(1, round(3 + trait + gain + stats::rnorm(n, 0, 0.8)))))
    })
    stats::setNames(values, paste0(prefix, 1:5))
  }
  data <- data.frame(
    id = seq_len(n), arm = arm,
    sex = factor(sample(c("female", "male"), n, TRUE)),
    age = round(stats::rnorm(n, 40, 9)),
    answers("a", 0), answers("b", 0.3 * (arm == "group"))
  )
  data[1:4, paste0("b", 1:5)] <- NA
  data$age[7:8] <- NA
  data[11:12, paste0("a", 1:5)] <- NA
  data
}

invented_plan <- function(...) {
  arguments <- utils::modifyList(list(
    arm = "arm", reference = "usual", instrument = new_instrument(5, 1, 5),
    baseline = paste0("a", 1:5), followup = paste0("b", 1:5), id = "id",
    covariates = c("sex", "age"), subgroups = "sex"
  ), list(...))
  do.call(analysis_plan, arguments)
}
