/*
 * What the parts of a fit share: glm.c (linear models by the Gram matrix),
 * glm_qr.c (weighted least squares by QR), irls.c (all other models).
 */
#ifndef QST_GLM_H
#define QST_GLM_H

#include "stat/design.h"

struct qst_glm_work {
    qst__arena arena;
    ptrdiff_t n_rows, n_cols;
    double *pivots, *scales, *cross, *change; /* p */
    double *gram, *factor, *inverse;          /* p^2 */
    double *solution;                         /* p, by QR */
    /* Only when QR is needed: */
    qst__qr qr;
    qst_mat x; /* the expanded design */
    double *response, *root_weights, *target, *scaled_residuals;
};

/* One fit: what all its steps read. */
typedef struct {
    const qst_ctx *ctx;
    const qst_glm_settings *settings;
    qst_glm_work *work;
    const qst_glm_result *result;
    qst_glm_info *info;
    const qst_glm_data *data;
    qst__design *design;
    ptrdiff_t n, p;
    double shift; /* of a linear model's response, taken off where columns are centred */
    qst_mat gram, factor, inverse;
} qst__fit;

static inline double qst__weight_at(const qst__fit *f, ptrdiff_t i)
{
    return f->data->weights != NULL ? f->data->weights[i] : 1.0;
}

static inline double qst__offset_at(const qst__fit *f, ptrdiff_t i)
{
    return f->data->offset != NULL ? f->data->offset[i] : 0.0;
}

/* ---- glm.c ---- */

/* What rounding leaves of the squared norm of a column that is exactly aliased. */
#define QST__GRAM_FLOOR 4e-15

/* Factor and inverse of the Gram matrix, its condition and rank; a column of whose diagonal element
 * those before it leave at most tol_rel is aliased. False if what is aliased is in doubt or the
 * condition is above max_condition. */
bool qst__glm_factor(qst__fit *f, double tol_rel, double max_condition);

/* ---- glm_qr.c ---- */

/* Expands the design, uncentred, and makes room for what follows. */
QST_MUST_USE qst_status qst__glm_qr_make(qst__fit *f, qst_err *err);

/* work->solution (0 where aliased), scaled_residuals and result->effects of the weighted least
 * squares of work->response with work->root_weights; factor, inverse and rank with them. */
QST_MUST_USE qst_status qst__glm_qr_solve(qst__fit *f, qst_err *err);

/* Residuals of the last solution, and their weighted sum of squares. */
void qst__glm_qr_residuals(const qst__fit *f, double *residuals_out, double *sum_out);

/* ---- irls.c ---- */

/* Coefficients on uncentred columns, inverse, and everything else of the result but NA. */
QST_MUST_USE qst_status qst__glm_irls(qst__fit *f, qst_err *err);

#endif
