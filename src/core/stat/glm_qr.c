#include "stat/glm.h"

#include <math.h>

/* Each correction by QR gains as many digits as the factorisation has right, so what is left after
 * one that changed no more than this is below the last digit. */
#define SMALL_CHANGE 0x1p-27
#define MAX_CORRECTIONS 4
/* Corrected in double-double, a column that lm's limit would just alias still has its digits (a
 * polynomial of degree 10 in NIST's Filip set keeps 5e-8 of its last column). */
#define CORRECTED_SHARE 0.1

static qst_status make_rooms(qst_glm_work *work, qst_err *err)
{
    double **rooms[] = {
        &work->response, &work->root_weights, &work->target, &work->scaled_residuals};
    qst_status status = qst__qr_make(&work->arena, work->n_rows, work->n_cols, &work->qr, err);
    if (status == QST_OK) {
        status = qst__mat_make(&work->arena, work->n_rows, work->n_cols, &work->x, err);
    }
    for (size_t k = 0; k < sizeof rooms / sizeof *rooms && status == QST_OK; k++) {
        status = qst__arena_array(&work->arena, work->n_rows, sizeof(double), rooms[k], err);
    }
    return status;
}

qst_status qst__glm_qr_make(qst__fit *f, qst_err *err)
{
    qst_glm_work *work = f->work;
    if (work->scaled_residuals == NULL) {
        const qst_status status = make_rooms(work, err);
        if (status != QST_OK) {
            return status;
        }
    }
    qst__design_drop_centre(f->design);
    work->x.ld = f->n;
    qst__design_fill(f->design, NULL, 0, f->n, work->x.data, work->x.ld);
    f->info->method = QST_GLM_BY_QR;
    f->info->condition = (double)NAN;
    return QST_OK;
}

static void scale_rows(const qst__fit *f)
{
    qst_glm_work *work = f->work;
    work->qr.a.n_rows = f->n;
    work->qr.a.n_cols = f->p;
    for (ptrdiff_t j = 0; j < f->p; j++) {
        for (ptrdiff_t i = 0; i < f->n; i++) {
            work->qr.a.data[i + j * work->qr.a.ld] =
                work->root_weights[i] * work->x.data[i + j * work->x.ld];
        }
    }
}

static qst__dd predicted_error(const qst__fit *f, ptrdiff_t i)
{
    qst__dd error = {f->work->response[i], 0.0};
    for (ptrdiff_t k = 0; k < f->info->rank; k++) {
        const ptrdiff_t j = f->work->qr.pivot[k];
        const double x = f->work->x.data[i + j * f->work->x.ld];
        error = qst__dd_add_product(error, -x, f->work->solution[j]);
    }
    return error;
}

/* target = S (z - X b) - r, where S are the root weights and r the scaled residuals so far. */
static void error_of_rows(const qst__fit *f)
{
    qst_glm_work *work = f->work;
    for (ptrdiff_t i = 0; i < f->n; i++) {
        const qst__dd error = qst__dd_times(predicted_error(f, i), work->root_weights[i]);
        work->target[i] = qst__dd_value(qst__dd_add(error, -work->scaled_residuals[i]));
    }
}

/* cross[k] = -(S x_j)' r for the column j in place k. */
static void error_of_columns(const qst__fit *f)
{
    const qst_glm_work *work = f->work;
    for (ptrdiff_t k = 0; k < f->info->rank; k++) {
        const double *column = work->x.data + work->qr.pivot[k] * work->x.ld;
        qst__dd sum = {0.0, 0.0};
        for (ptrdiff_t i = 0; i < f->n; i++) {
            const qst__dd scaled =
                qst__two_product(work->root_weights[i], work->scaled_residuals[i]);
            sum = qst__dd_sum(sum, qst__dd_times(scaled, column[i]));
        }
        work->cross[k] = -qst__dd_value(sum);
    }
}

/*
 * One step for the augmented system r + A b = S z, A'r = 0 from the errors of
 * both equations (Bjorck 1967): with A = Q [R; 0], h = R'^-1 cross,
 * d = Q' target, db = R^-1 (d_1 - h), dr = Q [h; d_2]. The first step, from
 * zeros, is the plain solution. Returns the largest relative change of b.
 */
static double correct(const qst__fit *f, bool is_first)
{
    qst_glm_work *work = f->work;
    const ptrdiff_t rank = f->info->rank;
    const qst_cmat r = {work->qr.a.data, rank, rank, work->qr.a.ld};
    error_of_rows(f);
    error_of_columns(f);
    qst__qr_qty(&work->qr, work->target);
    qst__solve_upper_transposed(r, work->cross);
    for (ptrdiff_t k = 0; k < rank; k++) {
        work->change[k] = work->target[k] - work->cross[k];
        if (is_first) {
            f->result->effects[work->qr.pivot[k]] = work->target[k];
        }
        work->target[k] = work->cross[k];
    }
    qst__solve_upper(r, work->change);
    qst__qr_qy(&work->qr, work->target);
    double largest = 0.0;
    for (ptrdiff_t k = 0; k < rank; k++) {
        double *b = f->work->solution + work->qr.pivot[k];
        *b += work->change[k];
        largest = fmax(largest, *b != 0.0 ? fabs(work->change[k] / *b) : 0.0);
    }
    for (ptrdiff_t i = 0; i < f->n; i++) {
        work->scaled_residuals[i] += work->target[i];
    }
    return largest;
}

static qst_status solve_corrected(qst__fit *f, qst_err *err)
{
    for (ptrdiff_t j = 0; j < f->p; j++) {
        f->work->solution[j] = 0.0;
        f->result->effects[j] = 0.0;
    }
    for (ptrdiff_t i = 0; i < f->n; i++) {
        f->work->scaled_residuals[i] = 0.0;
    }
    qst__ticker ticker;
    qst__ticker_init(&ticker, f->ctx);
    double change = 1.0;
    for (int k = 0; k <= MAX_CORRECTIONS && change > SMALL_CHANGE; k++) {
        change = correct(f, k == 0);
        const qst_status status = qst__tick(&ticker, err);
        if (status != QST_OK) {
            return status;
        }
    }
    return QST_OK;
}

qst_status qst__glm_qr_solve(qst__fit *f, qst_err *err)
{
    scale_rows(f);
    qst_status status =
        qst__qr_factor(f->ctx, &f->work->qr, CORRECTED_SHARE * f->settings->tol_alias, err);
    if (status == QST_OK) {
        f->info->rank = f->work->qr.rank;
        status = solve_corrected(f, err);
    }
    if (status == QST_OK) {
        qst__qr_r(&f->work->qr, f->factor);
        qst__inverse_gram(qst__view(f->factor), f->inverse);
    }
    return status;
}

void qst__glm_qr_residuals(const qst__fit *f, double *residuals_out, double *sum_out)
{
    const qst_glm_work *work = f->work;
    qst__dd sum = {0.0, 0.0};
    for (ptrdiff_t i = 0; i < f->n; i++) {
        const double root = work->root_weights[i];
        const double scaled = work->scaled_residuals[i];
        residuals_out[i] = root > 0.0 ? scaled / root : qst__dd_value(predicted_error(f, i));
        sum = qst__dd_add_product(sum, scaled, scaled);
    }
    *sum_out = qst__dd_value(sum);
}
