/*
 * Designs inside the core: what fits, covariances and resampling ask of the
 * columns of a model. Rows are worked on in blocks; sums over rows are
 * double-double, taken by tasks that are cut by rows alone, and added in index
 * order, so they are the same bits for any number of threads.
 */
#ifndef QST_DESIGN_H
#define QST_DESIGN_H

#include "la/la.h"

typedef struct qst__design qst__design;

/* Reads `model`, which must outlive the design. QST_EARGUMENT with row and column (of the design)
 * for a number that is not finite or a code outside 1 .. n_levels; QST_EDIMENSION for no column. */
QST_MUST_USE qst_status qst__design_make(const qst_ctx *ctx, qst__arena *arena,
    const qst_model *model, qst__design **design_out, qst_err *err);

ptrdiff_t qst__design_rows(const qst__design *design);
ptrdiff_t qst__design_cols(const qst__design *design);

/*
 * Centres the columns made of numbers alone or of factors alone about their
 * weighted means, if the first column is constant; passes then work on centred
 * columns, fill and quadratic too. `weights` may be NULL. Rows of weight 0 do
 * not count: a column whose other rows are equal becomes 0 in them, exactly.
 */
QST_MUST_USE qst_status qst__design_centre(
    const qst_ctx *ctx, qst__design *design, const double *weights, qst_err *err);

/* Back to columns as they are. */
void qst__design_drop_centre(qst__design *design);

/* The value of the first column if columns are centred, else 0. */
double qst__design_constant(const qst__design *design);

/* What was taken off column j, as a multiple of the first column; 0 if nothing was. */
double qst__design_multiple(const qst__design *design, ptrdiff_t j);

/* From centred columns to columns as they are, in place: coefficients (high + low, p each) and a
 * symmetric p x p covariance; either may be NULL. */
void qst__design_uncentre(const qst__design *design, double *b, double *b_low, double *covariance);

/* panel_out[i + j ld] = column j of row start + i, or of row rows[i] if `rows` is not NULL. */
void qst__design_fill(const qst__design *design, const ptrdiff_t *rows, ptrdiff_t start,
    ptrdiff_t n, double *panel_out, ptrdiff_t ld);

/*
 * What a pass asks of each block of rows start .. start + n - 1, n at most
 * QST__BLOCK: from the linear predictor X b (without offset), the weights of
 * the Gram matrix and the residuals of the cross-products, both into buffers
 * of the pass. `sums` are n_sums double-doubles of the task, to add to. Called
 * from several threads at once, with other rows.
 */
typedef qst_status (*qst__row_step)(void *data, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights_out, double *residuals_out, qst__dd *sums, qst_err *err);

typedef struct {
    const double *b; /* p, or NULL: eta is 0 */
    qst__row_step step;
    void *data;
    ptrdiff_t n_sums;
    double *gram_out;  /* p x p, X'WX, both triangles; NULL: not made, no weights asked for */
    double *cross_out; /* p, X'r; NULL: not made, no residuals asked for */
    double *sums_out;  /* n_sums */
} qst__pass;

/* One pass over all rows. The first failing block decides the error. Threaded. */
QST_MUST_USE qst_status qst__design_pass(
    const qst_ctx *ctx, const qst__design *design, const qst__pass *pass, qst_err *err);

/* out[i] = x_i' A x_i for symmetric A (p x p). Threaded. */
QST_MUST_USE qst_status qst__design_quadratic(
    const qst_ctx *ctx, const qst__design *design, const double *a, double *out, qst_err *err);

#endif
