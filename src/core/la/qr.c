/*
 * Householder QR after LINPACK's dqrdc (Dongarra et al. 1979), with the
 * pivoting of R's dqrdc2: columns are taken in order, and one that is nearly
 * a combination of those before it is moved to the end.
 */
#include "la/la.h"

#include <math.h>
#include <string.h>

/* Below this share of a norm its downdating has lost half of the digits: it is formed anew. */
#define DOWNDATE_LIMIT 1e-6

qst_status qst__qr_make(
    qst__arena *arena, ptrdiff_t n_rows, ptrdiff_t n_cols, qst__qr *qr, qst_err *err)
{
    *qr = (qst__qr){.rank = 0};
    qst_status status = qst__mat_make(arena, n_rows, n_cols, &qr->a, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, 3 * n_cols, sizeof(double), &qr->scales, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, n_cols, sizeof *qr->pivot, &qr->pivot, err);
    }
    return status;
}

static double norm(const double *x, ptrdiff_t n)
{
    double largest = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs(x[i]));
    }
    if (largest == 0.0) {
        return 0.0;
    }
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double scaled = x[i] / largest;
        sum += scaled * scaled;
    }
    return largest * sqrt(sum);
}

/* Column k goes to the last place before `end`, those after it one to the left. */
static void move_to_end(qst__qr *qr, ptrdiff_t k, ptrdiff_t end, double *left, double *own)
{
    const ptrdiff_t column = qr->pivot[k];
    const double left_k = left[k], own_k = own[k];
    for (ptrdiff_t i = 0; i < qr->a.n_rows; i++) {
        double *row = qr->a.data + i;
        const double value = row[k * qr->a.ld];
        for (ptrdiff_t j = k; j + 1 < end; j++) {
            row[j * qr->a.ld] = row[(j + 1) * qr->a.ld];
        }
        row[(end - 1) * qr->a.ld] = value;
    }
    const size_t n_moved = (size_t)(end - 1 - k);
    memmove(qr->pivot + k, qr->pivot + k + 1, n_moved * sizeof *qr->pivot);
    memmove(left + k, left + k + 1, n_moved * sizeof *left);
    memmove(own + k, own + k + 1, n_moved * sizeof *own);
    qr->pivot[end - 1] = column;
    left[end - 1] = left_k;
    own[end - 1] = own_k;
}

/* y = H y for the reflection H = I - u u'/u_1 stored in u (length n). */
static void reflect(const double *u, double u_1, double *y, ptrdiff_t n)
{
    double sum = u_1 * y[0];
    for (ptrdiff_t i = 1; i < n; i++) {
        sum += u[i] * y[i];
    }
    const double factor = -sum / u_1;
    y[0] += factor * u_1;
    for (ptrdiff_t i = 1; i < n; i++) {
        y[i] += factor * u[i];
    }
}

/* Makes the reflection of column k; its first element goes to scales, R's to the diagonal. */
static void make_reflection(qst__qr *qr, ptrdiff_t k)
{
    double *u = qr->a.data + k + k * qr->a.ld;
    const ptrdiff_t n = qr->a.n_rows - k;
    const double length = n > 1 ? copysign(norm(u, n), u[0]) : 0.0;
    qr->scales[k] = 0.0;
    if (length == 0.0) {
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        u[i] /= length;
    }
    u[0] += 1.0;
    qr->scales[k] = u[0];
    u[0] = -length;
}

/* Norm that is left of column j below row k, once row k of R is known. */
static void downdate(const qst__qr *qr, ptrdiff_t k, ptrdiff_t j, double *left)
{
    const double *column = qr->a.data + j * qr->a.ld;
    if (left[j] == 0.0) {
        return;
    }
    const double share = column[k] / left[j];
    const double rest = 1.0 - share * share;
    if (rest < DOWNDATE_LIMIT) {
        left[j] = norm(column + k + 1, qr->a.n_rows - k - 1);
    } else {
        left[j] *= sqrt(rest);
    }
}

static void eliminate(qst__qr *qr, ptrdiff_t k, double *left)
{
    make_reflection(qr, k);
    const double *u = qr->a.data + k + k * qr->a.ld;
    for (ptrdiff_t j = k + 1; j < qr->a.n_cols; j++) {
        if (qr->scales[k] != 0.0) {
            reflect(u, qr->scales[k], qr->a.data + k + j * qr->a.ld, qr->a.n_rows - k);
        }
        downdate(qr, k, j, left);
    }
}

qst_status qst__qr_factor(const qst_ctx *ctx, qst__qr *qr, double tol_rel, qst_err *err)
{
    const ptrdiff_t p = qr->a.n_cols;
    double *left = qr->scales + p; /* norms now */
    double *own = left + p;        /* norms at the start */
    for (ptrdiff_t j = 0; j < p; j++) {
        qr->pivot[j] = j;
        left[j] = norm(qr->a.data + j * qr->a.ld, qr->a.n_rows);
        own[j] = left[j] > 0.0 ? left[j] : 1.0;
    }
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    ptrdiff_t end = p;
    for (ptrdiff_t k = 0; k < qst__min(end, qr->a.n_rows); k++) {
        while (k < end && left[k] < own[k] * tol_rel) {
            move_to_end(qr, k, end--, left, own);
        }
        if (k < end) {
            eliminate(qr, k, left);
        }
        const qst_status status = qst__tick(&ticker, err);
        if (status != QST_OK) {
            return status;
        }
    }
    qr->rank = qst__min(end, qr->a.n_rows);
    return QST_OK;
}

static void apply(const qst__qr *qr, ptrdiff_t k, double *y)
{
    if (qr->scales[k] != 0.0) {
        const double *u = qr->a.data + k + k * qr->a.ld;
        reflect(u, qr->scales[k], y + k, qr->a.n_rows - k);
    }
}

void qst__qr_qty(const qst__qr *qr, double *y)
{
    for (ptrdiff_t k = 0; k < qr->rank; k++) {
        apply(qr, k, y);
    }
}

void qst__qr_qy(const qst__qr *qr, double *y)
{
    for (ptrdiff_t k = qr->rank - 1; k >= 0; k--) {
        apply(qr, k, y);
    }
}

void qst__qr_r(const qst__qr *qr, qst_mat r_out)
{
    for (ptrdiff_t j = 0; j < r_out.n_cols; j++) {
        memset(r_out.data + j * r_out.ld, 0, (size_t)r_out.n_rows * sizeof(double));
    }
    for (ptrdiff_t k = 0; k < qr->rank; k++) {
        for (ptrdiff_t l = 0; l <= k; l++) {
            r_out.data[qr->pivot[l] + qr->pivot[k] * r_out.ld] = qr->a.data[l + k * qr->a.ld];
        }
    }
}
