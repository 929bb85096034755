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

/* ---- gram.c: cross-products of a panel, which is a block of rows copied together: column j is
 * QST__BLOCK numbers from panel + j * QST__BLOCK, of which those beyond the last row are 0 ---- */

/* With 20 columns a panel stays in the first cache. */
#define QST__BLOCK 128

/* eta_out[i] = sum_k b_k panel_ik for each of the block's rows. */
void qst__predict_block(const double *panel, ptrdiff_t n_cols, const double *b, double *eta_out);

/* sums[k] += panel_k' r for each of n_cols columns. */
void qst__cross_block(const double *panel, ptrdiff_t n_cols, const double *r, qst__dd *sums);

/* sums += the upper triangle of panel' W panel, packed: (0,0), (0,1), (1,1), (0,2), ... `weights`
 * are QST__BLOCK numbers. */
void qst__gram_block(const double *panel, ptrdiff_t n_cols, const double *weights, qst__dd *sums);

/* A packed upper triangle, rounded, to a square with both. */
void qst__spread_triangle(const qst__dd *packed, ptrdiff_t n_cols, double *square_out);

/* ---- cross.c: products of whole matrices, rows one after the other or columns; rows (columns)
 * with equal numbers get equal bits wherever they stand ---- */

/* Element (i, j) is data[i * stride + j]; what stands between n_cols and the stride, which must be
 * a multiple of 8, is 0. */
typedef struct {
    const double *data;
    ptrdiff_t n_rows, n_cols, stride;
} qst__rows;

static inline ptrdiff_t qst__up_to_8(ptrdiff_t n)
{
    return (n + 7) & ~(ptrdiff_t)7;
}

/* out (n_cols x n_cols, both triangles) = x'x. */
void qst__gram_rows(qst__rows x, double *out);

/* out (stride elements) = the sum of r[k] times row which[k], k = 0 .. n - 1. */
void qst__dot_rows(qst__rows x, const ptrdiff_t *which, ptrdiff_t n, const double *r, double *out);

/* eta_out = x b, where b has `stride` elements, those behind n_cols 0. `blocks` is room for
 * stride / 4: columns whose b is 0 cost nothing if their neighbours' are too. */
void qst__weigh_rows(qst__rows x, const double *b, ptrdiff_t *blocks, double *eta_out);

/* eta_out[i] = sum_k b_k x_(i, columns[k]), columns one after the other; the number of rows must be
 * a multiple of 4: fill up with rows of 0. */
void qst__combine_columns(
    qst_cmat x, const ptrdiff_t *columns, ptrdiff_t n_columns, const double *b, double *eta_out);

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

/* ---- eigen.c ---- */

/* A = V diag(values) V' of a symmetric matrix by cyclic Jacobi rotations: each eigenvalue is within
 * some eps |A| of the true one, and V is orthogonal to eps, whatever the matrix. `a` (n x n, both
 * triangles) is destroyed; vectors_out is n x n. Order of the values as they come. */
void qst__eigen(qst_mat a, double *values_out, qst_mat vectors_out);

/* ---- lattice.c: whole multiples of the columns of an upper triangle R (positive diagonal) ---- */

/* Lenstra, Lenstra & Lovasz (1982): afterwards R is the triangle of R U for a U of whole numbers
 * and determinant 1 or -1, whose columns are short and near to orthogonal. `u` (any number of rows)
 * becomes u U. */
void qst__reduce_lattice(qst_mat r, qst_mat u);

/* Babai's (1986) nearest plane: whole x with R x near to `target`, which is left as target - R x.
 */
void qst__nearest_plane(qst_cmat r, double *target, double *x_out);

#endif
