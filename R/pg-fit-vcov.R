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
  meat <- if (is.null(fit$cells)) fit$meats[[type]] else cells_meat(fit, type)
  n_full <- if (is.null(fit$cells)) fit$meats$n_full else attr(meat, "n_full")
  if (n_full > 0 && type %in% c("HC2", "HC3")) {
    qst_warn("leverage", sprintf(
      "%s: %s row%s leverage 1, so a residual of 0 whatever the response; %s nothing.", type,
      count_text(n_full), if (n_full > 1) "s have" else " has", if (n_full > 1) "they add" else
        "it adds"
    ))
  }
  kept <- kept_terms(fit)
  bread <- fit$cov.unscaled
  bread[kept, kept] <- bread[kept, kept] %*% meat %*% bread[kept, kept]
  if (type == "HC1") bread * (fit$n_used / fit$df.residual) else bread
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
