/*
 * Covariances inside the core: rows in orthonormal columns, and the
 * bias-reducing adjustment of one cluster. With a basis U such that Z = X U
 * has Z'WZ = I, the bread of a sandwich is the identity, leverages are sums of
 * squares, and the hat matrix of a cluster has the eigenvalues of a small
 * matrix; no digit is lost to an ill-conditioned X but in U itself.
 */
#ifndef QST_VCOV_H
#define QST_VCOV_H

#include "stat/design.h"

/* Rows that are worked on at a time. */
#define QST__PANEL 128

/* What an eigenvalue of I - H must exceed not to count as 0, H being a cluster's hat matrix. */
#define QST__TOL_FULL 1e-10

typedef struct {
    const qst_ctx *ctx;
    const qst_sandwich *fit;
    qst__design *design;
    ptrdiff_t n, p;
    ptrdiff_t r;           /* columns that are not aliased */
    const ptrdiff_t *kept; /* r: which they are */
    const double *basis;   /* r x r, upper triangle: U */
} qst__basis;

/* QST_EDIMENSION, QST_EARGUMENT (row) for weights below 0 or numbers that are not finite,
 * QST_ESINGULAR if the bread is no inverse. Everything lives in `arena`. */
QST_MUST_USE qst_status qst__basis_make(const qst_ctx *ctx, qst__arena *arena,
    const qst_sandwich *fit, qst__basis *basis_out, qst_err *err);

/* Rows of Z as of qst__design_fill(); n at most QST__PANEL; `x` is scratch of QST__PANEL x p. */
void qst__basis_fill(const qst__basis *basis, const ptrdiff_t *rows, ptrdiff_t start, ptrdiff_t n,
    double *x, double *z_out, ptrdiff_t ld);

/* The weight of each row of a Gram matrix, given its rows of Z (QST__PANEL apart). */
typedef void (*qst__row_weights)(const qst__basis *basis, void *data, ptrdiff_t start, ptrdiff_t n,
    const double *z, double *weights_out);

/* gram_out = Z' diag(weights) Z, r x r, summed in double-double. Threaded. */
QST_MUST_USE qst_status qst__basis_gram(
    const qst__basis *basis, qst__row_weights weights, void *data, double *gram_out, qst_err *err);

/* covariance_out = U M U' of an r x r matrix M, NA where aliased. */
void qst__basis_covariance(const qst__basis *basis, const double *meat, qst_mat covariance_out);

/* out = U'a, r numbers, of a contrast a of p. */
void qst__basis_contrast(
    const qst__basis *basis, const double *contrast, ptrdiff_t by, double *out);

static inline double qst__row_weight(const qst_sandwich *fit, ptrdiff_t i)
{
    return fit->weights != NULL ? fit->weights[i] : 1.0;
}

/* ---- vcov_adjust.c: CR2 of one cluster ---- */

/*
 * What the adjustment matrix A of Bell & McCaffrey (2002) makes of a cluster
 * with rows Z, weights W, residuals e and working variances Theta. With T =
 * Theta^1/2 A W Z: score = Z'W A e (r numbers), own = T'T (r x r), shared = T'
 * W^1/2 Z (r x r); if the working variances are all 1 but the weights are not,
 * shared = [T'Z, T'WZ] (r x 2r).
 */
typedef struct {
    double *score, *own, *shared;
} qst__adjusted;

/* The rows of one cluster in buffers of the worker: z is n x r. */
typedef struct {
    ptrdiff_t n, r;
    const double *z, *weights, *residuals, *variances;
} qst__cluster;

/* Doubles of scratch for a cluster of n rows, by any of the three ways. */
ptrdiff_t qst__adjust_scratch(ptrdiff_t n, ptrdiff_t r);

/* Inverse weights are the working variances, the same for all rows, so that only the Gram matrix
 * gram = Z'WZ (r x r) and cross = Z'We are needed. */
void qst__adjust_plain(ptrdiff_t r, const double *gram, const double *cross,
    const qst__adjusted *out, double *scratch);

/* The same with variances that differ from row to row. */
void qst__adjust_inverse(const qst__cluster *cluster, const qst__adjusted *out, double *scratch);

/* Working variances 1, weights that are not their inverse; total = Z'W^2Z of all rows. */
void qst__adjust_weighted(
    const qst__cluster *cluster, const double *total, const qst__adjusted *out, double *scratch);

#endif
