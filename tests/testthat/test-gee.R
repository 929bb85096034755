# Oracles: a slow version that writes Liang & Zeger (1986) down cluster by
# cluster, geepack at a tight tolerance, and clubSandwich for independence.

# Synthetic clusters in mixed order, of 1 to `times` rows, with times that have gaps.
gee_data <- function(n_clusters, seed = 1, times = 6) {
  set.seed(seed)
  sizes <- rep_len(seq_len(times), n_clusters)
  group <- rep(seq_len(n_clusters), sizes)
  n <- length(group)
  shared <- rnorm(n_clusters)
  data <- data.frame(
    group, visit = unlist(lapply(sizes, function(k) sort(sample(times, k)))), x = rnorm(n, 3),
    arm = factor(c("control", "new", "other")[1 + group %% 3]), w = runif(n, 0.5, 2),
    known = rnorm(n, sd = 0.1)
  )
  eta <- 0.3 * data$x + 0.4 * (data$arm == "new") + shared[group] - 1
  data$gaussian <- eta + rnorm(n)
  data$binomial <- as.numeric(runif(n) < plogis(eta))
  data$poisson <- rpois(n, exp(eta))
  data$Gamma <- rgamma(n, 2, 2 / exp(eta))
  data[sample(n), ]
}

slow_correlation <- function(data, e, w, corstr) {
  r <- function(is, s, ww) sum((ww * s)[is]) / sum(ww[is])
  pairs <- do.call(rbind, lapply(split(seq_along(e), data$group), function(i) {
    if (length(i) > 1) t(combn(i, 2))
  }))
  i <- pairs[, 1]
  j <- pairs[, 2]
  ww <- w[i] * w[j]
  s <- e[i] * e[j] / (sum(w * e^2) / sum(w))
  lag <- abs(data$visit[i] - data$visit[j])
  times <- max(data$visit)
  if (corstr == "exchangeable") {
    alpha <- r(TRUE, s, ww)
    matrix <- diag(1 - alpha, times) + alpha
  } else if (corstr == "ar1") {
    equation <- function(a) sum(ww * lag * a^(lag - 1) * (s - a^lag))
    matrix <- uniroot(equation, c(0.01, 0.99), tol = 1e-15)$root^abs(outer(1:times, 1:times, `-`))
  } else {
    matrix <- diag(times)
    for (a in seq_len(times)) for (b in setdiff(seq_len(times), a)) {
      is <- (data$visit[i] == a & data$visit[j] == b) | (data$visit[i] == b & data$visit[j] == a)
      matrix[a, b] <- if (corstr == "independence") 0 else r(is, s, ww)
    }
  }
  matrix
}

slow_gee <- function(formula, data, family, corstr, w, offset) {
  x <- model.matrix(formula, data)
  y <- data[[all.vars(formula)[[1]]]]
  start <- glm.fit(x, y, w, offset = offset, family = family)
  rows <- split(seq_along(y), data$group)
  b <- start$coefficients
  repeat {
    eta <- drop(x %*% b) + offset
    mu <- family$linkinv(eta)
    e <- (y - mu) / sqrt(family$variance(mu))
    full <- slow_correlation(data, e, w, corstr)
    root <- sqrt(family$variance(mu) / w)
    d <- x * family$mu.eta(eta)
    v <- lapply(rows, function(i) {
      own <- if (corstr == "exchangeable") seq_along(i) else data$visit[i]
      root[i] * t(root[i] * full[own, own, drop = FALSE])
    })
    sums <- function(f) Reduce(`+`, Map(f, rows, v))
    weigh <- function(i, v) t(solve(v, d[i, , drop = FALSE]))
    bread <- solve(sums(function(i, v) weigh(i, v) %*% d[i, , drop = FALSE]))
    step <- bread %*% sums(function(i, v) weigh(i, v) %*% (y - mu)[i])
    b <- b + drop(step)
    if (max(abs(step)) < 1e-13) break
  }
  list(
    b = b, full = full, dispersion = sum(w * e^2) / sum(w), bread = bread, d = d, v = v,
    rows = rows, error = y - mu
  )
}

# The matrix that turns residuals of cluster k into its part of the sandwich.
slow_part <- function(s, k, type) {
  d <- s$d[s$rows[[k]], , drop = FALSE]
  inverse <- solve(s$v[[k]])
  n <- nrow(d)
  rest <- diag(n) - d %*% s$bread %*% t(d) %*% inverse
  own <- t(d) %*% inverse %*% d %*% s$bread
  part <- t(d) %*% inverse
  if (type == "KC") {
    e <- eigen(rest)
    part <- part %*% Re(e$vectors %*% diag(1 / sqrt(e$values), n) %*% solve(e$vectors))
  } else if (type == "MD") {
    part <- part %*% solve(rest)
  } else if (type == "FG") {
    part <- diag(1 / sqrt(1 - pmin(0.75, diag(own)))) %*% part
  }
  s$bread %*% part
}

slow_covariance <- function(s, type) {
  Reduce(`+`, lapply(seq_along(s$rows), function(k) {
    tcrossprod(slow_part(s, k, type) %*% s$error[s$rows[[k]]])
  }))
}

# tr(P)^2 / tr(P^2) with the n x n matrix of the quadratic form written out.
slow_df <- function(s, type, contrast) {
  n <- length(s$error)
  all <- matrix(0, n, n)
  for (k in seq_along(s$rows)) all[s$rows[[k]], s$rows[[k]]] <- s$v[[k]]
  rest <- diag(n) - s$d %*% s$bread %*% t(s$d) %*% solve(all)
  form <- Reduce(`+`, lapply(seq_along(s$rows), function(k) {
    crossprod(contrast %*% slow_part(s, k, type) %*% rest[s$rows[[k]], , drop = FALSE])
  }))
  p <- form %*% all
  sum(diag(p))^2 / sum(p * t(p))
}

structures <- c("independence", "exchangeable", "ar1", "unstructured")

expect_as_slow <- function(formula, data, family, corstr) {
  w <- data$w
  fit <- fit_gee(
    formula, data, family, ~group, corstr, weights = w, offset = known, time = ~visit
  )
  slow <- slow_gee(formula, data, family, corstr, w, data$known)
  expect_equal(coef(fit), slow$b, tolerance = 1e-9)
  expect_equal(fit$dispersion, slow$dispersion, tolerance = 1e-9)
  expect_equal(vcov(fit, "model"), slow$dispersion * slow$bread, tolerance = 1e-8)
  if (corstr == "unstructured") {
    expect_equal(unname(fit$correlation), slow$full, tolerance = 1e-7)
  } else {
    expect_equal(c(fit$correlation, 0)[[1]], slow$full[1, 2], tolerance = 1e-8)
  }
  contrast <- c(0, 1, -1, 0)
  for (type in c("robust", "KC", "MD", "FG")) {
    expect_equal(vcov(fit, type), slow_covariance(slow, type), tolerance = 1e-7)
    df <- gee_covariance(fit, type)$df(t(contrast))
    expect_equal(df, slow_df(slow, type, contrast), tolerance = 1e-8)
  }
}

test_that("a gaussian fit is what the slow equations give", {
  for (corstr in structures) {
    data <- gee_data(60, times = if (corstr == "unstructured") 3 else 6)
    expect_as_slow(gaussian ~ x + arm, data, gaussian(), corstr)
  }
})

test_that("so is a fit of every other family", {
  data <- gee_data(66, seed = 2)
  for (corstr in structures[2:3]) {
    expect_as_slow(binomial ~ x + arm, data, quasibinomial(), corstr)
    expect_as_slow(poisson ~ x + arm, data, poisson(), corstr)
  }
  three <- gee_data(90, seed = 2, times = 3)
  expect_as_slow(binomial ~ x + arm, three, quasibinomial(), "unstructured")
  expect_as_slow(Gamma ~ x + arm, data, Gamma("log"), "exchangeable")
  expect_as_slow(binomial ~ x + arm, data, quasibinomial("probit"), "exchangeable")
  expect_as_slow(Gamma ~ x + arm, data, quasi("log", "mu^2"), "exchangeable")
})

test_that("large clusters are worked on in pieces with the same results", {
  data <- gee_data(12, seed = 5)
  data$group <- data$group %% 3
  data <- data[rep(seq_len(nrow(data)), 20), ]
  data$gaussian <- ave(rnorm(nrow(data)), data$group, FUN = function(e) {
    filter(e, 0.6, "recursive")
  })
  data$visit <- ave(data$group, data$group, FUN = seq_along)
  slow <- slow_gee(gaussian ~ x, data, gaussian(), "exchangeable", data$w, data$known)
  fit <- fit_gee(gaussian ~ x, data, cluster = ~group, weights = w, offset = known)
  expect_gt(max(fit$cluster_sizes), 256)
  expect_equal(coef(fit), slow$b, tolerance = 1e-8)
  expect_equal(vcov(fit), slow_covariance(slow, "none"), tolerance = 1e-8)
  slow <- slow_gee(gaussian ~ x, data, gaussian(), "ar1", data$w, data$known)
  fit <- fit_gee(
    gaussian ~ x, data, cluster = ~group, corstr = "ar1", weights = w, offset = known,
    time = ~visit
  )
  expect_equal(coef(fit), slow$b, tolerance = 1e-9)
  expect_equal(vcov(fit, "MD"), slow_covariance(slow, "MD"), tolerance = 1e-7)
})

test_that("geepack gives the same on sorted data", {
  skip_if_not_installed("geepack")
  chicks <- as.data.frame(ChickWeight)
  chicks <- chicks[order(as.integer(chicks$Chick)), ]
  chicks$id <- as.integer(chicks$Chick)
  chicks$w <- 0.5 + (seq_len(nrow(chicks)) %% 7) / 7
  control <- geepack::geese.control(epsilon = 1e-12, maxit = 500)
  for (corstr in structures[1:3]) {
    peer <- geepack::geeglm(
      weight ~ Time * Diet, data = chicks, id = id, corstr = corstr, weights = w,
      control = control
    )
    mixed <- chicks[order(sin(seq_len(nrow(chicks)))), ]
    mixed$place <- ave(mixed$Time, mixed$id, FUN = rank)
    fit <- fit_gee(
      weight ~ Time * Diet, mixed, cluster = ~id, corstr = corstr, weights = w, time = ~place
    )
    expect_equal(coef(fit), coef(peer), tolerance = 1e-9)
    expect_equal(unname(vcov(fit)), unname(peer$geese$vbeta), tolerance = 1e-8)
    expect_equal(unname(vcov(fit, "model")), unname(peer$geese$vbeta.naiv), tolerance = 1e-8)
    expect_equal(fit$dispersion, unname(peer$geese$gamma), tolerance = 1e-9)
    expect_equal(as.numeric(fit$correlation), unname(peer$geese$alpha), tolerance = 1e-9)
  }
})

test_that("geepack gives the same for counts and yes or no", {
  skip_if_not_installed("geepack")
  data <- gee_data(60, seed = 21)
  data <- data[order(data$group), ]
  control <- geepack::geese.control(epsilon = 1e-12, maxit = 500)
  for (family in list(binomial(), poisson(), binomial("cloglog"))) {
    data$y <- data[[family$family]]
    peer <- geepack::geeglm(
      y ~ x + arm, data = data, id = group, family = family, corstr = "exchangeable",
      control = control
    )
    fit <- fit_gee(y ~ x + arm, data, family, ~group)
    expect_equal(coef(fit), coef(peer), tolerance = 1e-8)
    expect_equal(unname(vcov(fit)), unname(peer$geese$vbeta), tolerance = 1e-7)
    expect_equal(fit$correlation, unname(peer$geese$alpha), tolerance = 1e-8)
  }
})

test_that("geepack's unstructured correlation is ours", {
  skip_if_not_installed("geepack")
  skip_if_not_installed("nlme")
  data <- as.data.frame(nlme::Orthodont)
  data$id <- as.integer(data$Subject)
  data <- data[order(data$id), ]
  peer <- geepack::geeglm(
    distance ~ age * Sex, data = data, id = id, corstr = "unstructured",
    control = geepack::geese.control(epsilon = 1e-12, maxit = 500)
  )
  fit <- fit_gee(distance ~ age * Sex, data, cluster = ~id, corstr = "unstructured", time = ~age)
  expect_equal(coef(fit), coef(peer), tolerance = 1e-9)
  expect_equal(unname(vcov(fit)), unname(peer$geese$vbeta), tolerance = 1e-8)
  expect_equal(
    t(fit$correlation)[lower.tri(fit$correlation)], unname(peer$geese$alpha), tolerance = 1e-9
  )
  expect_identical(colnames(fit$correlation), c("8", "10", "12", "14"))
})

test_that("with independence the sandwiches are CR0, CR2 and CR3 of lm, with CR2's df", {
  skip_if_not_installed("clubSandwich")
  data <- gee_data(30, seed = 2)
  fit <- fit_gee(gaussian ~ x + arm, data, cluster = ~group, corstr = "independence")
  peer <- lm(gaussian ~ x + arm, data)
  expect_equal(coef(fit), coef(peer), tolerance = 1e-12)
  types <- c(robust = "CR0", KC = "CR2", MD = "CR3")
  for (type in names(types)) {
    want <- clubSandwich::vcovCR(peer, data$group, types[[type]])
    expect_equal(vcov(fit, type), as.matrix(want), tolerance = 1e-9, ignore_attr = TRUE)
    tests <- clubSandwich::coef_test(peer, want, test = "Satterthwaite")
    expect_equal(tidy.fit_gee(fit, vcov = type)$df, tests$df_Satt, tolerance = 1e-7)
    expect_equal(tidy.fit_gee(fit, vcov = type)$p.value, tests$p_Satt, tolerance = 1e-6)
  }
})

test_that("the order of rows does not matter, nor does the number of threads", {
  data <- gee_data(40, seed = 3)
  for (corstr in structures[1:3]) {
    fit <- function(data, threads = 1) {
      fit_gee(
        gaussian ~ x + arm, data, cluster = ~group, corstr = corstr, time = ~visit,
        threads = threads
      )
    }
    one <- fit(data)
    sorted <- fit(data[order(data$group), ])
    expect_equal(coef(sorted), coef(one), tolerance = 1e-12)
    expect_equal(vcov(sorted, "KC"), vcov(one, "KC"), tolerance = 1e-10)
    expect_identical(coef(fit(data, 2)), coef(one))
  }
})

test_that("a row left out keeps its place in its cluster", {
  data <- gee_data(60, seed = 5, times = 4)
  data <- data[order(data$group, data$visit), ]
  data$place <- ave(data$visit, data$group, FUN = seq_along)
  data$gaussian[c(3, 20, 33)] <- NA
  data$x[50] <- NA
  for (corstr in c("ar1", "unstructured")) {
    by_order <- fit_gee(gaussian ~ x, data, cluster = ~group, corstr = corstr)
    by_time <- fit_gee(gaussian ~ x, data, cluster = ~group, corstr = corstr, time = ~place)
    expect_equal(coef(by_order), coef(by_time), tolerance = 1e-14)
  }
  expect_identical(nobs(by_order), nrow(data) - 4L)
  expect_output(print(by_order), "4 left out for missing values")
})

test_that("rows of weight 0 belong to no cluster", {
  data <- gee_data(40, seed = 6)
  data$w[c(1, 5, 9)] <- 0
  data$w[data$group == 7] <- 0
  some <- fit_gee(gaussian ~ x, data, cluster = ~group, weights = w)
  none <- fit_gee(gaussian ~ x, data[data$w > 0, ], cluster = ~group, weights = w)
  expect_equal(coef(some), coef(none), tolerance = 1e-12)
  expect_equal(vcov(some, "FG"), vcov(none, "FG"), tolerance = 1e-10)
  expect_identical(some$n_clusters, 39L)
  expect_length(fitted(some), nrow(data))
})

test_that("a large constant costs no digit", {
  data <- gee_data(40, seed = 7)
  data$year <- data$x + 2^20
  near <- fit_gee(gaussian ~ x + arm, data, cluster = ~group)
  far <- fit_gee(gaussian ~ year + arm, data, cluster = ~group)
  expect_equal(unname(coef(far)[-1]), unname(coef(near)[-1]), tolerance = 1e-8)
  for (type in c("model", "robust", "KC")) {
    expect_equal(
      unname(vcov(far, type)[-1, -1]), unname(vcov(near, type)[-1, -1]), tolerance = 1e-7
    )
  }
})

test_that("aliased coefficients are NA and in nobody's way", {
  data <- gee_data(40, seed = 8)
  data$twice <- 2 * data$x
  full <- fit_gee(gaussian ~ x + twice + arm, data, cluster = ~group)
  less <- fit_gee(gaussian ~ x + arm, data, cluster = ~group)
  expect_true(is.na(coef(full)[["twice"]]))
  expect_equal(coef(full)[-3], coef(less), tolerance = 1e-12)
  expect_equal(vcov(full, "KC", complete = FALSE), vcov(less, "KC"), tolerance = 1e-10)
  expect_equal(tidy.fit_gee(full)$df[-3], tidy.fit_gee(less)$df, tolerance = 1e-9)
  expect_output(print(summary(full)), "twice +NA")
})

test_that("a cluster that decides a coefficient alone adds nothing to its variance", {
  data <- gee_data(40, seed = 9)
  data$own <- as.numeric(data$group == 12)
  fit <- fit_gee(gaussian ~ x + own, data, cluster = ~group, corstr = "independence")
  rest <- fit_gee(
    gaussian ~ x, data[data$group != 12, ], cluster = ~group, corstr = "independence"
  )
  expect_true(all(is.finite(vcov(fit, "MD")[1:2, 1:2])))
  expect_equal(coef(fit)[[2]], coef(rest)[[2]], tolerance = 0.5)
})

test_that("extractors agree with each other", {
  data <- gee_data(40, seed = 10)
  data$gaussian[[4]] <- NA
  fit <- fit_gee(gaussian ~ x + arm, data, cluster = ~group, na.action = na.exclude)
  expect_length(fitted(fit), nrow(data))
  expect_true(is.na(fitted(fit)[[4]]))
  expect_equal(predict(fit), fitted(fit))
  expect_equal(unname(residuals(fit, "response") + fitted(fit)), data$gaussian)
  expect_identical(formula(fit), gaussian ~ x + arm, ignore_formula_env = TRUE)
  expect_identical(nrow(model.matrix(fit)), nobs(fit))
  expect_identical(family(fit)$family, "gaussian")
  at <- data.frame(x = c(1, 2), arm = c("new", "control"))
  x <- cbind(1, at$x, at$arm == "new", 0)
  got <- predict(fit, at, se.fit = TRUE, vcov = "KC")
  expect_equal(unname(got$fit), drop(x %*% coef(fit)))
  expect_equal(unname(got$se.fit), sqrt(diag(x %*% vcov(fit, "KC") %*% t(x))))
  expect_equal(got$df, gee_covariance(fit, "KC")$df(x))
  limits <- predict(fit, at, interval = "confidence", vcov = "KC")
  expect_equal(limits[, "upr"] - limits[, "fit"], qt(0.975, got$df) * got$se.fit)
  table <- tidy.fit_gee(fit, conf.int = TRUE, vcov = "MD", df = "clusters")
  expect_equal(unname(confint(fit, vcov = "MD", df = "clusters")[, 1]), table$conf.low)
  expect_identical(unique(table$df), 36)
  expect_equal(summary(fit, "MD", "clusters")$coefficients[, 5], table$p.value, ignore_attr = TRUE)
  z <- tidy.fit_gee(fit, df = Inf)
  expect_equal(z$p.value, 2 * pnorm(-abs(z$estimate / z$std.error)))
  expect_identical(glance.fit_gee(fit)$n.clusters, 40L)
})

test_that("it prints in 80 columns what was done", {
  data <- gee_data(40, seed = 11)
  fit <- fit_gee(gaussian ~ x + arm, data, cluster = ~group)
  lines <- capture.output(print(fit), print(summary(fit)), print(summary(fit, "KC", "clusters")))
  expect_true(all(nchar(lines) <= 80))
  expect_match(lines, "Working correlation: exchangeable, 0[.]", all = FALSE)
  expect_match(lines, "40 clusters [(]group[)] of 1 to 6 rows.", all = FALSE)
  expect_match(lines, "With few clusters robust ones are too small", all = FALSE)
  expect_match(
    lines, "Kauermann-Carroll standard errors, 40 clusters, df of clusters less",
    all = FALSE
  )
})

test_that("what cannot be is refused with its cure", {
  data <- gee_data(40, seed = 12)
  refused <- function(..., class, message) {
    expect_error(fit_gee(gaussian ~ x, data, ...), message, class = class)
  }
  argument <- "questrial_error_argument"
  refused(class = argument, message = "`cluster` says which rows.*cluster = ~ group")
  refused(cluster = ~ group + arm, class = argument, message = "one variable.*interaction")
  refused(cluster = ~group, corstr = "AR1", class = argument, message = "`corstr` must be one of")
  refused(
    cluster = ~group, corstr = "ar1", time = ~x, class = argument,
    message = "`time` must be whole numbers.*Number the visits"
  )
  refused(
    cluster = ~group, corstr = "ar1", time = ~ I(visit * 0), class = argument,
    message = "two rows at the same time"
  )
  refused(
    cluster = ~ I(x * 0), class = "questrial_error_no_data",
    message = "All rows used are of one cluster"
  )
  pair <- data.frame(y = c(1, -1, 1, -1, 1, -1), g = rep(1:3, each = 2))
  expect_error(
    fit_gee(y ~ 1, pair, cluster = ~g), "independence",
    class = "questrial_error_singular"
  )
  fit <- fit_gee(gaussian ~ x, data, cluster = ~group)
  expect_error(vcov(fit, "CR2"), "must be one of `robust`", class = argument)
  expect_error(summary(fit, df = "kr"), "must be one of `satterthwaite`", class = argument)
  expect_error(tidy.fit_gee(fit, robust = TRUE), "Unknown argument", class = argument)
})

test_that("contrasts, marginal means and Wald tests take a fit with its corrections", {
  data <- gee_data(40, seed = 13)
  fit <- fit_gee(gaussian ~ x + arm, data, cluster = ~group)
  one <- linear_contrast(fit, "armnew - armother", vcov = "KC")
  along <- c(0, 0, 1, -1)
  expect_equal(one$std.error, sqrt(drop(along %*% vcov(fit, "KC") %*% along)))
  expect_equal(one$df, gee_covariance(fit, "KC")$df(t(along)))
  pairs <- marginal_contrasts(marginal_means(fit, ~arm, vcov = "MD"))
  expect_equal(pairs$std.error[[1]], sqrt(vcov(fit, "MD")["armnew", "armnew"]))
  joint <- wald_test(fit, "arm", vcov = "KC")
  b <- coef(fit)[3:4]
  expect_equal(joint$statistic, drop(b %*% solve(vcov(fit, "KC")[3:4, 3:4], b)) / 2)
  expect_equal(joint$df.residual, 36)
})
