# CR2 of generalised linear models from sums over rows. Their working variances differ from row to
# row, so the adjustment is the root of a matrix of the size of a cluster, G = Theta (I - Y Y')
# Theta with Y = W^(1/2) Z for orthonormal columns Z and Theta the variances over the largest. A
# root is a sum over resolvents (qst_root_nodes), which need sums over rows only (Woodbury): with
# D = (Theta^2 + t^2)^-1, E = Y'Theta D Y, F = Y'Theta^2 D Y, e = Y'Theta D r, f = Y'Theta^2 D r,
#   Y'(G + t^2)^-1 Theta Y = E (I - F)^-1,    Y'(G + t^2)^-1 Theta r = e + E (I - F)^-1 f.

# Sums that one statement may ask for; a server's limit is 1664 columns.
sums_per_statement <- 800

# `score` (clusters x r) and `shared` (a list of r x r matrices) of all clusters, in orthonormal
# columns; a text that says why not; or NULL where variances are equal.
ask_nodes <- function(plan, set, found, sums) {
  range <- found$at$variances
  if (range[[1]] >= range[[2]] * (1 - 1e-14)) {
    return(NULL)
  }
  parts <- cluster_sums(list(sums = sums), seq_len(nrow(sums$score)))
  largest <- vapply(parts$gram, function(gram) max(eigen(gram, TRUE, TRUE)$values), 0)
  if (!(range[[1]] > 0) || max(largest) > 1 - 1e-10) {
    return(paste(
      "CR2 of this model needs the rows, because some coefficients depend on one cluster alone or",
      "a mean is at an end of its range. Use \"CR1\", or read the columns with pg_read() and fit",
      "them."
    ))
  }
  theta <- range[[1]] / range[[2]]
  nodes <- .Call(C_qstr_vcov_nodes, theta^2 * (1 - max(largest)), 1)
  m <- nrow(sums$score)
  r <- ncol(sums$score)
  total <- list(scores = matrix(0, m, r), shared = rep(list(matrix(0, r, r)), m))
  per_node <- 2 * (nrow(carrier_pairs(length(set$centre))) + length(set$centre))
  size <- max(1, floor(sums_per_statement / per_node))
  for (some in split(seq_len(nrow(nodes)), (seq_len(nrow(nodes)) - 1) %/% size)) {
    result <- ask_resolvents(plan, set, found, range[[2]], nodes[some, 1])
    total <- add_nodes(total, set, result, nodes[some, , drop = FALSE], parts$basis)
  }
  total
}

# For each node the sums of products of carriers with w Theta D and w Theta^2 D, and of scores.
ask_resolvents <- function(plan, set, found, largest, squares) {
  k <- length(set$centre)
  phi <- if (is.null(set$questions$weights)) "{v}" else "{v} / {w0}"
  pairs <- bare_products(product_sums(k, "{w}"))
  scores <- bare_products(product_sums(k, "{wr}", pairs = FALSE))
  # Theta D and Theta^2 D, with Theta named as seldom as can be: a foreign server has it spelt out.
  nodes <- seq_along(squares)
  first <- sprintf("1 / ({theta} + %s / {theta})", sql_number(squares))
  second <- sprintf("1 / (1 + %s / power({theta}, 2))", sql_number(squares))
  stages <- c(
    irls_stages(plan, set, found$coefficients),
    theta = sprintf("(%s) / %s", phi, sql_number(largest)),
    stats::setNames(pairs, sprintf("p%d", seq_along(pairs))),
    stats::setNames(scores, sprintf("q%d", seq_along(scores))),
    stats::setNames(first, sprintf("a%d", nodes)), stats::setNames(second, sprintf("b%d", nodes))
  )
  products <- sprintf("{p%d}", seq_along(pairs))
  crosses <- sprintf("{q%d}", seq_along(scores))
  sums <- unlist(lapply(nodes, function(node) {
    by <- sprintf("{%s%d}", c("a", "b"), node)
    sprintf("sum(%s * %s)", c(products, products, crosses, crosses), rep(by[c(1, 2, 1, 2)],
      c(length(pairs), length(pairs), k, k)))
  }))
  result <- ask_sums(plan, set$questions, irls_values(set), stages, sums,
    c(set$questions$discrete, plan$clusters))
  grouped_sums(result, plan, set$questions, set$places, clusters = TRUE)
}

# What product_sums() sums.
bare_products <- function(sums) {
  sub("^sum[(](.*)[)]$", "\\1", sums)
}

add_nodes <- function(total, set, groups, nodes, basis) {
  kept <- set$kept
  z <- set$design$z[groups$cell, kept, drop = FALSE]
  carrier <- set$design$carrier[kept]
  k <- length(set$centre)
  sizes <- rep(c(nrow(carrier_pairs(k)), k), each = 2)
  ends <- cumsum(rep(sizes, nrow(nodes)))
  take <- function(i, n) groups$sums[, ends[[i]] - n + seq_len(n), drop = FALSE]
  for (node in seq_len(nrow(nodes))) {
    at <- 4 * (node - 1)
    e <- gram_from(z, carrier, take(at + 1, sizes[[1]]), groups$unit, k)
    f <- gram_from(z, carrier, take(at + 2, sizes[[1]]), groups$unit, k)
    small_e <- score_from(z, carrier, take(at + 3, k), groups$unit) %*% basis
    small_f <- score_from(z, carrier, take(at + 4, k), groups$unit) %*% basis
    for (c in seq_along(total$shared)) {
      resolved <- t(solve(
        diag(ncol(basis)) - crossprod(basis, matrix(f[c, , ], ncol(basis)) %*% basis),
        crossprod(basis, matrix(e[c, , ], ncol(basis)) %*% basis)
      ))
      total$shared[[c]] <- total$shared[[c]] + nodes[node, 2] * resolved
      total$scores[c, ] <- total$scores[c, ] +
        nodes[node, 2] * (small_e[c, ] + resolved %*% small_f[c, ])
    }
  }
  total
}
