# Robust covariances of fits whose rows stayed in the database.

table_covariance <- function(fit, type, cluster) {
  if (!is.null(cluster)) {
    qst_abort("argument", paste(
      "`cluster`: sums by cluster are formed while fitting.",
      "Give it there: fit_glm(..., pg_table(con, name), cluster = ~ group)."
    ))
  }
  if (startsWith(type, "HC")) {
    label <- sprintf("%s, robust to unequal variances", type)
    return(plain_covariance(fit, table_row_covariance(fit, type), type, label))
  }
  if (is.null(fit$cluster)) {
    fit_clusters(fit, NULL)
  }
  cluster_covariance(fit, type, table_clusters(fit))
}

table_clusters <- function(fit) {
  used <- if (is.null(fit$cells)) rep(TRUE, nrow(fit$cluster)) else fit$cells$own > 0
  columns <- lapply(fit$cluster, code_clusters, used)
  for (name in names(columns)) {
    if (nlevels(columns[[name]]) < 2) {
      qst_abort("no_data", sprintf(
        "`cluster`: all rows have the same %s, \"%s\". At least two clusters are needed.",
        name, levels(columns[[name]])
      ), column = name)
    }
  }
  check_nested(columns)
  columns
}

# As C_qstr_vcov_clusters gives it.
table_cluster_core <- function(fit, type, cluster, contrasts, joint) {
  if (is.null(fit$cells)) {
    return(sums_cluster_core(fit, type, cluster, contrasts, joint))
  }
  cells <- fit$cells
  root <- sqrt(cells$n)
  number <- match(type, paste0("CR", 0:2)) - 1L
  .Call(
    C_qstr_vcov_clusters, dense_design(cells$design * root), cells$working, cells$residual * root,
    fit$cov.unscaled, cluster, if (type == "CR2") cell_variances(fit), number, contrasts, joint,
    threads_to_use(NULL)
  )
}

# A cell of n rows acts in all of this as one row with sqrt(n) times its columns and residual, of
# the same weight and variance: covariances of clusters do not see what sums to 0 in the cell.
cell_variances <- function(fit) {
  if (is_linear(fit)) {
    return(NULL)
  }
  variances <- fit$cells$variance
  if (any(!(variances > 0 & is.finite(variances)) & fit$cells$own > 0)) {
    qst_abort("argument", paste(
      "CR2 needs a variance above 0 in each row, but the fit predicts means at an end of their",
      "range. Use \"CR1\", or method = \"firth\" for separated data."
    ))
  }
  variances
}

# ---- HC ----

table_row_covariance <- function(fit, type) {
  meat <- if (is.null(fit$cells)) fit$sums$meats[[type]] else cells_meat(fit, type)
  n_full <- if (is.null(fit$cells)) fit$sums$meats$n_full else attr(meat, "n_full")
  if (n_full > 0 && type %in% c("HC2", "HC3")) {
    qst_warn("leverage", sprintf(
      "%s: %s row%s leverage 1, so a residual of 0 whatever the response; %s nothing.", type,
      count_text(n_full), if (n_full > 1) "s have" else " has", if (n_full > 1) "they add" else
        "it adds"
    ))
  }
  kept <- kept_terms(fit)
  result <- fit$cov.unscaled
  half <- if (is.null(fit$cells)) fit$sums$back %*% fit$sums$inverse else result[kept, kept]
  result[kept, kept] <- half %*% meat %*% t(half)
  if (type == "HC1") result * (fit$n_used / fit$df.residual) else result
}

# Sums of squared residuals of a cell take the place of a row's.
cells_meat <- function(fit, type) {
  cells <- fit$cells
  kept <- kept_terms(fit)
  x <- cells$design[, kept, drop = FALSE]
  squares <- cells$n * cells$residual^2 + cells$within / cells$slope^2
  leverage <- cells$working * rowSums((x %*% fit$cov.unscaled[kept, kept]) * x)
  full <- leverage > 1 - 1e-10 & cells$working > 0
  power <- switch(type, HC2 = 1, HC3 = 2, 0)
  by <- cells$working^2 * squares * ifelse(full & power > 0, 0, (1 - leverage)^-power)
  by[cells$working == 0] <- 0
  structure(crossprod(x, by * x), n_full = sum(cells$n[full]))
}

# ---- CR of sums by cluster ----

# The adjustment of Bell & McCaffrey (2002) in columns in which X'WX is the identity. Where the
# working variances are the inverse weights, as for a linear model without weights, it needs no
# more than X_c'WX_c = G and X_c'Wr: (I - Y Y')^(-1/2) Y = Y V (1 - L)^(-1/2) V' for Y'Y = V L V',
# a cluster's share of the identity. An L of 1 gets a pseudo-inverse.
sums_cluster_core <- function(fit, type, cluster, contrasts, joint) {
  parts <- cluster_sums(fit, cluster)
  adjusted <- if (type == "CR2") adjusted_clusters(fit, parts)
  scores <- if (type == "CR2") adjusted$scores else parts$scores
  meat <- crossprod(scores)
  m <- nrow(scores)
  if (type == "CR1") {
    meat <- meat * m / (m - 1)
  }
  kept <- kept_terms(fit)
  half <- fit$sums$back %*% parts$basis
  result <- list(covariance = fit$cov.unscaled)
  result$covariance[kept, kept] <- half %*% meat %*% t(half)
  if (type == "CR2" && nrow(contrasts) > 0) {
    alpha <- t(contrasts[, kept, drop = FALSE] %*% half)
    result <- c(result, small_sample_sums(adjusted, alpha, joint))
  }
  result
}

# Sums of one way of clustering in orthonormal columns: `gram` (a list of matrices), `scores`.
cluster_sums <- function(fit, cluster) {
  sums <- fit$sums
  basis <- t(chol(sums$inverse))
  r <- nrow(basis)
  gram <- rowsum(matrix(sums$gram, nrow(sums$gram)), as.integer(cluster), reorder = TRUE)
  gram <- lapply(seq_len(nrow(gram)), function(c) {
    crossprod(basis, matrix(gram[c, ], r) %*% basis)
  })
  list(
    basis = basis, gram = gram, units = cluster,
    scores = rowsum(sums$score, as.integer(cluster), reorder = TRUE) %*% basis
  )
}

# T'T (`own`), T'Y (`shared`) and Y'A e (`scores`) of each cluster, in the words of vcov.h.
adjusted_clusters <- function(fit, parts) {
  if (is_linear(fit) && isTRUE(fit$sums$weighted)) {
    qst_abort("argument", paste(
      "CR2 with weights needs more than sums of numbers with many values. Use \"CR1\", or read the",
      "columns with pg_read() and fit them."
    ))
  }
  nodes <- fit$sums$nodes
  if (is.character(nodes)) {
    qst_abort("argument", nodes)
  }
  if (!is.null(nodes)) {
    own <- Map(function(gram, shared) gram + tcrossprod(shared), parts$gram, nodes$shared)
    return(list(scores = nodes$scores, shared = nodes$shared, own = own))
  }
  each <- Map(function(gram, c) {
    split <- eigen(gram, symmetric = TRUE)
    left <- 1 - split$values
    root <- ifelse(left > 1e-10, 1 / sqrt(pmax(left, 1e-10)), 0)
    in_basis <- function(values) split$vectors %*% (values * t(split$vectors))
    list(
      score = in_basis(root) %*% parts$scores[c, ], shared = in_basis(split$values * root),
      own = in_basis(split$values * root^2)
    )
  }, parts$gram, seq_along(parts$gram))
  list(
    scores = matrix(
      unlist(lapply(each, `[[`, "score")), length(each), nrow(parts$basis), byrow = TRUE
    ),
    shared = lapply(each, `[[`, "shared"), own = lapply(each, `[[`, "own")
  )
}

# Expectations and variances of products of two contrasts' cluster scores under the working model,
# of contrasts `alpha` (r x k). Of scores s and t of clusters c and d the covariance P_st is
# (c = d) own_c,st - f_cs'f_dt with own = alpha'own alpha and f = shared'alpha, so that a variance,
# tr(P_st P_st) + <P_ss, P_tt>, is a sum over clusters and, for the rest, one of Q = sum f_s f_t'.
small_sample_sums <- function(adjusted, alpha, joint) {
  k <- ncol(alpha)
  own <- lapply(adjusted$own, function(x) crossprod(alpha, x %*% alpha))
  shared <- lapply(adjusted$shared, function(x) crossprod(x, alpha))
  inner <- lapply(shared, crossprod)
  trace <- variance <- matrix(0, k, k)
  for (s in seq_len(k)) {
    for (t in if (joint) seq_len(s) else s) {
      trace[s, t] <- trace[t, s] <- sum(vapply(own, `[`, 0, s, t) - vapply(inner, `[`, 0, s, t))
      q <- Reduce(`+`, lapply(shared, function(f) tcrossprod(f[, s], f[, t])))
      by_cluster <- Map(function(o, f) {
        o[s, t]^2 + o[s, s] * o[t, t] - 2 * o[s, t] * f[s, t] - o[s, s] * f[t, t] -
          o[t, t] * f[s, s]
      }, own, inner)
      variance[s, t] <- variance[t, s] <- sum(unlist(by_cluster)) + sum(q * q) + sum(q * t(q))
    }
  }
  list(trace = trace, variance = variance)
}
