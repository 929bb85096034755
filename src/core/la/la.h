/*
 * Small dense kernels for tens of columns; not for callers of the library.
 * Own code, so that results do not depend on a BLAS.
 */
#ifndef QST_LA_H
#define QST_LA_H

#include "base/base.h"

static inline qst_cmat qst__view(qst_mat m)
{
    return (qst_cmat){m.data, m.n_rows, m.n_cols, m.ld};
}

/* n_rows x n_cols zeros from the arena. */
QST_MUST_USE qst_status qst__mat_make(
    qst__arena *arena, ptrdiff_t n_rows, ptrdiff_t n_cols, qst_mat *out, qst_err *err);

/* ---- gram.c: cross-products of many rows ---- */

/*
 * Rows to be multiplied: columns of `x` less their shifts, then `y` less its
 * own. `weights` may be NULL (ones); `shifts` holds x.n_cols + 1 numbers and
 * may be NULL (zeros).
 */
typedef struct {
    qst_cmat x;
    const double *y;
    const double *weights;
    const double *shifts;
} qst__rows;

/* Weighted means of the columns of x and of y into means_out (x.n_cols + 1), and whether all rows
 * of a column are equal into is_constant_out (the same length); rows of weight 0 do not count.
 * QST_EARGUMENT with row and column (n_cols means y) for a value that is not finite, QST_ENODATA if
 * all weights are 0. Shifts are not looked at. */
QST_MUST_USE qst_status qst__column_means(const qst_ctx *ctx, const qst__rows *rows,
    double *means_out, bool *is_constant_out, qst_err *err);

/* gram_out = A' W A for A = [x y] less shifts, both triangles, (x.n_cols + 1) square. Blocks of
 * rows are summed in double-double, in index order. */
QST_MUST_USE qst_status qst__gram(
    const qst_ctx *ctx, const qst__rows *rows, qst_mat gram_out, qst_err *err);

/* residuals_out[i] = y_i - sum_j x_ij b_j (y and x less shifts), rows of weight 0 included, and
 * cross_out = [x r]' W r: x.n_cols cross-products and the weighted sum of squares. */
QST_MUST_USE qst_status qst__residuals(const qst_ctx *ctx, const qst__rows *rows, const double *b,
    double *residuals_out, double *cross_out, qst_err *err);

/* leverage_out[i] = w_i x_i' (R'R)^-1 x_i, x less shifts, R as from qst__cholesky(). */
QST_MUST_USE qst_status qst__leverage(
    const qst_ctx *ctx, const qst__rows *rows, qst_cmat r, double *leverage_out, qst_err *err);

/* ---- chol.c: triangular factors. A column whose diagonal element is 0 is aliased: its row and
 * column of R are 0, solves give it 0 ---- */

/* R'R = A, in column order: `a` is overwritten by R, its lower triangle by zeros. Column j is
 * aliased if what the columns before it leave of a_jj is at most tol_rel a_jj; pivots_out[j] is
 * that share in any case. Returns the rank. */
ptrdiff_t qst__cholesky(qst_mat a, double tol_rel, double *pivots_out);

/* b = R^-1 b, and b = R'^-1 b. */
void qst__solve_upper(qst_cmat r, double *b);
void qst__solve_upper_transposed(qst_cmat r, double *b);

/* out = (R'R)^-1, zero rows and columns where aliased. */
void qst__inverse_gram(qst_cmat r, qst_mat out);

/* Largest column sum of absolute values. */
double qst__norm_1(qst_cmat a);

/* ---- qr.c: Householder QR with the limited pivoting of lm ---- */

/*
 * A P = Q R. `a` holds the reflections below and R on and above the diagonal,
 * `scales` what LINPACK calls qraux. pivot[k] is the column of A that stands
 * in place k: the columns kept first, in their order, then the aliased.
 */
typedef struct {
    qst_mat a;
    double *scales;
    ptrdiff_t *pivot;
    ptrdiff_t rank;
} qst__qr;

/* Room for a matrix of this shape; the caller fills qr->a, then factors. */
QST_MUST_USE qst_status qst__qr_make(
    qst__arena *arena, ptrdiff_t n_rows, ptrdiff_t n_cols, qst__qr *qr, qst_err *err);

/* A column is moved to the end as aliased if the norm that the columns before it leave is below
 * tol_rel times its own norm, as in R's dqrdc2 (tol 1e-7). */
QST_MUST_USE qst_status qst__qr_factor(
    const qst_ctx *ctx, qst__qr *qr, double tol_rel, qst_err *err);

/* y = Q'y and y = Qy; y has a.n_rows elements. */
void qst__qr_qty(const qst__qr *qr, double *y);
void qst__qr_qy(const qst__qr *qr, double *y);

/* R in the order of A's columns, aliased ones zero: a factor as of qst__cholesky(), but for signs.
 */
void qst__qr_r(const qst__qr *qr, qst_mat r_out);

#endif
