/*
 * Passes over the clusters of a marginal model: what fitting it and the
 * covariances of its coefficients have in common.
 */
#ifndef QST_GEE_H
#define QST_GEE_H

#include "stat/design.h"

/* Rows of weight above 0, cluster by cluster; in each by time or, without, as they stand. Tasks
 * are runs of clusters, cut by rows alone. */
typedef struct {
    const qst_ctx *ctx;
    const qst_gee *gee;
    qst__design *design;
    ptrdiff_t n_cols;  /* of the design */
    ptrdiff_t *rows;   /* row numbers */
    ptrdiff_t *starts; /* n_clusters + 1: where each cluster begins in `rows` */
    ptrdiff_t *tasks;  /* n_tasks + 1: with which cluster each task begins */
    ptrdiff_t n_tasks;
    ptrdiff_t largest; /* rows of the largest cluster */
} qst__gee_clusters;

/* Checks the numbers of `gee` and sorts its rows; all lives in `arena`. Errors as qst_gee_fit(). */
QST_MUST_USE qst_status qst__gee_clusters_make(const qst_ctx *ctx, qst__arena *arena,
    const qst_gee *gee, qst__gee_clusters *out, qst_err *err);

/*
 * One cluster in a pass: `gram` is Z' R^-1 Z, both triangles, of its columns Z
 * = [A X, r] (n_cols + 1 of them), where R is the working correlation. Row i
 * of X is times sqrt(w / V(mu)) d mu / d eta, r is sqrt(w / V(mu)) (y - mu).
 * `sums` are those of the task, to add to.
 */
typedef qst_status (*qst__cluster_step)(
    void *data, const double *gram, int worker, double *sums, qst_err *err);

typedef struct {
    const double *b;   /* p: the linear predictor is X b + offset */
    const double *eta; /* or, if not NULL, this (n); then r has X b + offset added, so that X' R^-1
                          r is the right side of the equations for b instead of a correction */
    const double *basis;       /* A, n_cols x p; NULL: the identity */
    ptrdiff_t n_cols;          /* p without basis */
    const double *correlation; /* as of qst_gee_result */
    qst__cluster_step step;
    void *data;
    ptrdiff_t n_sums;     /* of step */
    double *sums_out;     /* n_sums */
    double *products_out; /* NULL, or qst__gee_products() numbers, see there */
} qst__gee_pass;

/*
 * Products of Pearson residuals e = (y - mu) / sqrt(V(mu)): sum w e^2, sum w;
 * then for each pair of rows of a cluster w_j w_k e_j e_k and w_j w_k, added up
 * by what the correlation depends on: nothing (exchangeable), the lag less one
 * (AR-1), the pair of times (unstructured; times j < k at k (k - 1) / 2 + j).
 */
ptrdiff_t qst__gee_products(const qst_gee *gee);

/* One pass over all clusters. QST_ESINGULAR if R is not positive definite in a cluster,
 * QST_ENOTCONV if a mean leaves the range of its family. Threaded. */
QST_MUST_USE qst_status qst__gee_run(
    const qst__gee_clusters *clusters, const qst__gee_pass *pass, qst_err *err);

#endif
