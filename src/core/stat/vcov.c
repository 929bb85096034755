#include "stat/vcov.h"

#include <math.h>
#include <string.h>

/* Tasks are cut by these alone, never by the number of threads. */
#define ROWS_PER_TASK 4096
#define MAX_TASKS 64

/* ---- The basis ---- */

static qst_status check_rows(const qst_sandwich *fit, qst_err *err)
{
    ptrdiff_t n_used = 0;
    for (ptrdiff_t i = 0; i < fit->model->n_rows; i++) {
        const double weight = qst__row_weight(fit, i);
        if (!(weight >= 0.0 && isfinite(weight))) {
            return qst__fail_at(err, QST_EARGUMENT, i, -1, weight,
                "weight %g in row %td is not a number from 0", weight, i + 1);
        }
        if (!isfinite(fit->residuals[i]) && weight > 0.0) {
            return qst__fail_at(err, QST_EARGUMENT, i, -1, fit->residuals[i],
                "residual %g in row %td is not finite", fit->residuals[i], i + 1);
        }
        n_used += weight > 0.0;
    }
    return n_used > 0 ? QST_OK : qst__fail(err, QST_ENODATA, "no row has a weight above 0");
}

static qst_status find_kept(qst__basis *basis, ptrdiff_t *kept, qst_err *err)
{
    const qst_cmat bread = basis->fit->bread;
    if (bread.n_rows != basis->p || bread.n_cols != basis->p) {
        return qst__fail(err, QST_EDIMENSION, "the bread is %td by %td, the model has %td columns",
            bread.n_rows, bread.n_cols, basis->p);
    }
    for (ptrdiff_t j = 0; j < basis->p; j++) {
        if (!isnan(bread.data[j + j * bread.ld])) {
            kept[basis->r++] = j;
        }
    }
    basis->kept = kept;
    return basis->r > 0 ? QST_OK : qst__fail(err, QST_ENODATA, "all columns are aliased");
}

/* The bread is U U' for an upper triangle U, which is Cholesky's factor read backwards. */
static qst_status factor_bread(const qst__basis *basis, double *u, double *work, qst_err *err)
{
    const qst_cmat bread = basis->fit->bread;
    const ptrdiff_t r = basis->r;
    for (ptrdiff_t j = 0; j < r; j++) {
        for (ptrdiff_t i = 0; i < r; i++) {
            u[(r - 1 - i) + (r - 1 - j) * r] =
                bread.data[basis->kept[i] + basis->kept[j] * bread.ld];
        }
    }
    if (qst__cholesky((qst_mat){u, r, r, r}, 0.0, work) < r) {
        return qst__fail(err, QST_ESINGULAR, "(X'WX)^-1 is not positive definite");
    }
    memcpy(work, u, (size_t)(r * r) * sizeof *u);
    for (ptrdiff_t j = 0; j < r; j++) {
        for (ptrdiff_t i = 0; i < r; i++) {
            u[i + j * r] = work[(r - 1 - j) + (r - 1 - i) * r];
        }
    }
    return QST_OK;
}

static void fit_weights(const qst__basis *basis, void *data, ptrdiff_t start, ptrdiff_t n,
    const double *z, double *weights_out)
{
    (void)data;
    (void)z;
    for (ptrdiff_t i = 0; i < n; i++) {
        weights_out[i] = qst__row_weight(basis->fit, start + i);
    }
}

/*
 * Z = X U is orthonormal only as far as the bread is an exact inverse. Its
 * Gram matrix, near to the identity, is known to the last digit and has a
 * perfectly conditioned factor R; U R^-1 is right (CholeskyQR2: Yamamoto,
 * Nakatsukasa, Yanagisawa & Fukaya 2015, ETNA 44:306-326).
 */
static qst_status sharpen(qst__basis *basis, double *u, double *gram, double *pivots, qst_err *err)
{
    const ptrdiff_t r = basis->r;
    const qst_status status = qst__basis_gram(basis, fit_weights, NULL, gram, err);
    if (status != QST_OK) {
        return status;
    }
    if (qst__cholesky((qst_mat){gram, r, r, r}, 1e-3, pivots) < r) {
        return qst__fail(err, QST_ESINGULAR, "the bread is not the inverse of X'WX");
    }
    for (ptrdiff_t j = 0; j < r; j++) {
        for (ptrdiff_t i = 0; i <= j; i++) {
            double sum = u[i + j * r];
            for (ptrdiff_t k = i; k < j; k++) {
                sum -= u[i + k * r] * gram[k + j * r];
            }
            u[i + j * r] = sum / gram[j + j * r];
        }
    }
    return QST_OK;
}

qst_status qst__basis_make(const qst_ctx *ctx, qst__arena *arena, const qst_sandwich *fit,
    qst__basis *basis_out, qst_err *err)
{
    *basis_out = (qst__basis){.ctx = ctx, .fit = fit, .n = fit->model->n_rows};
    qst_status status = qst__design_make(ctx, arena, fit->model, &basis_out->design, err);
    if (status == QST_OK) {
        status = check_rows(fit, err);
    }
    ptrdiff_t *kept = NULL;
    double *u = NULL, *work = NULL;
    if (status == QST_OK) {
        basis_out->p = qst__design_cols(basis_out->design);
        status = qst__arena_array(arena, basis_out->p, sizeof *kept, &kept, err);
    }
    if (status == QST_OK) {
        status = find_kept(basis_out, kept, err);
    }
    const ptrdiff_t r = basis_out->r;
    if (status == QST_OK) {
        status = qst__arena_array(arena, r * r, sizeof *u, &u, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, r * r + r, sizeof *work, &work, err);
    }
    if (status == QST_OK) {
        status = factor_bread(basis_out, u, work, err);
    }
    basis_out->basis = u;
    return status == QST_OK ? sharpen(basis_out, u, work, work + r * r, err) : status;
}

void qst__basis_fill(const qst__basis *basis, const ptrdiff_t *rows, ptrdiff_t start, ptrdiff_t n,
    double *x, double *z_out, ptrdiff_t ld)
{
    QST_ASSERT(n <= QST__PANEL);
    qst__design_fill(basis->design, rows, start, n, x, QST__PANEL);
    for (ptrdiff_t j = 0; j < basis->r; j++) {
        double *z = z_out + j * ld;
        memset(z, 0, (size_t)n * sizeof *z);
        for (ptrdiff_t k = 0; k <= j; k++) {
            const double *column = x + basis->kept[k] * QST__PANEL;
            const double u = basis->basis[k + j * basis->r];
            for (ptrdiff_t i = 0; i < n; i++) {
                z[i] += u * column[i];
            }
        }
    }
}

void qst__basis_covariance(const qst__basis *basis, const double *meat, qst_mat covariance_out)
{
    const ptrdiff_t r = basis->r;
    const double *u = basis->basis;
    for (ptrdiff_t j = 0; j < basis->p; j++) {
        for (ptrdiff_t i = 0; i < basis->p; i++) {
            covariance_out.data[i + j * covariance_out.ld] = qst_na_real();
        }
    }
    for (ptrdiff_t j = 0; j < r; j++) {
        for (ptrdiff_t i = 0; i <= j; i++) {
            double sum = 0.0;
            for (ptrdiff_t l = j; l < r; l++) {
                double inner = 0.0;
                for (ptrdiff_t k = i; k < r; k++) {
                    inner += u[i + k * r] * meat[k + l * r];
                }
                sum += inner * u[j + l * r];
            }
            covariance_out.data[basis->kept[i] + basis->kept[j] * covariance_out.ld] = sum;
            covariance_out.data[basis->kept[j] + basis->kept[i] * covariance_out.ld] = sum;
        }
    }
}

void qst__basis_contrast(const qst__basis *basis, const double *contrast, ptrdiff_t by, double *out)
{
    for (ptrdiff_t j = 0; j < basis->r; j++) {
        out[j] = 0.0;
        for (ptrdiff_t k = 0; k <= j; k++) {
            out[j] += basis->basis[k + j * basis->r] * contrast[basis->kept[k] * by];
        }
    }
}

/* ---- Gram matrices of Z ---- */

typedef struct {
    const qst__basis *basis;
    qst__row_weights weights;
    void *data;
    ptrdiff_t rows_per_task;
    double *panels; /* one a worker */
    qst__dd *sums;  /* a triangle a task */
} gram_pass;

static ptrdiff_t panel_size(const qst__basis *basis)
{
    return QST__PANEL * (basis->p + basis->r + 1);
}

static void add_triangle(ptrdiff_t n, ptrdiff_t r, const double *z, const double *w, qst__dd *sums)
{
    for (ptrdiff_t j = 0; j < r; j++) {
        for (ptrdiff_t k = 0; k <= j; k++) {
            double sum = 0.0;
            for (ptrdiff_t i = 0; i < n; i++) {
                sum += w[i] * z[i + j * QST__PANEL] * z[i + k * QST__PANEL];
            }
            *sums = qst__dd_add(*sums, sum);
            sums++;
        }
    }
}

static qst_status gram_task(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)err;
    const gram_pass *pass = data;
    const qst__basis *basis = pass->basis;
    double *x = pass->panels + worker * panel_size(basis);
    double *z = x + QST__PANEL * basis->p, *weights = z + QST__PANEL * basis->r;
    const ptrdiff_t last = qst__min((task + 1) * pass->rows_per_task, basis->n);
    for (ptrdiff_t start = task * pass->rows_per_task; start < last; start += QST__PANEL) {
        const ptrdiff_t n = qst__min(QST__PANEL, last - start);
        qst__basis_fill(basis, NULL, start, n, x, z, QST__PANEL);
        pass->weights(basis, pass->data, start, n, z, weights);
        add_triangle(n, basis->r, z, weights, pass->sums + task * (basis->r * (basis->r + 1) / 2));
    }
    return QST_OK;
}

static void collect_triangles(const gram_pass *pass, ptrdiff_t n_tasks, double *gram_out)
{
    const ptrdiff_t r = pass->basis->r, size = r * (r + 1) / 2;
    for (ptrdiff_t j = 0, at = 0; j < r; j++) {
        for (ptrdiff_t k = 0; k <= j; k++, at++) {
            qst__dd total = {0.0, 0.0};
            for (ptrdiff_t t = 0; t < n_tasks; t++) {
                total = qst__dd_sum(total, pass->sums[t * size + at]);
            }
            gram_out[k + j * r] = gram_out[j + k * r] = qst__dd_value(total);
        }
    }
}

qst_status qst__basis_gram(
    const qst__basis *basis, qst__row_weights weights, void *data, double *gram_out, qst_err *err)
{
    gram_pass pass = {basis, weights, data, ROWS_PER_TASK, NULL, NULL};
    const ptrdiff_t even = (basis->n + MAX_TASKS - 1) / MAX_TASKS;
    pass.rows_per_task = qst__max(ROWS_PER_TASK, (even + QST__PANEL - 1) / QST__PANEL * QST__PANEL);
    const ptrdiff_t n_tasks = (basis->n + pass.rows_per_task - 1) / pass.rows_per_task;
    const ptrdiff_t n_panels = qst_par_workers(basis->ctx, n_tasks);
    qst__arena arena;
    qst__arena_init(&arena, basis->ctx);
    qst_status status = qst__arena_array(
        &arena, n_panels * panel_size(basis), sizeof *pass.panels, &pass.panels, err);
    if (status == QST_OK) {
        status = qst__arena_array(
            &arena, n_tasks * (basis->r * (basis->r + 1) / 2), sizeof *pass.sums, &pass.sums, err);
    }
    if (status == QST_OK) {
        status = qst_par_for(basis->ctx, n_tasks, gram_task, &pass, err);
    }
    if (status == QST_OK) {
        collect_triangles(&pass, n_tasks, gram_out);
    }
    qst__arena_free(&arena);
    return status;
}

/* ---- HC0 to HC3 ---- */

typedef struct {
    qst_hc type;
    double *leverage; /* n */
} row_meat;

static double leverage_of(const qst__basis *basis, const double *z, double weight)
{
    double sum = 0.0;
    for (ptrdiff_t j = 0; j < basis->r; j++) {
        sum += z[j * QST__PANEL] * z[j * QST__PANEL];
    }
    return weight * sum;
}

static void meat_weights(const qst__basis *basis, void *data, ptrdiff_t start, ptrdiff_t n,
    const double *z, double *weights_out)
{
    const row_meat *meat = data;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double weight = qst__row_weight(basis->fit, start + i);
        const double score = weight > 0.0 ? weight * basis->fit->residuals[start + i] : 0.0;
        weights_out[i] = score * score;
        if (meat->leverage != NULL) {
            const double left = 1.0 - leverage_of(basis, z + i, weight);
            meat->leverage[start + i] = 1.0 - left;
            const double factor = left > QST__TOL_FULL ? 1.0 / left : 0.0;
            weights_out[i] *= meat->type == QST_HC3 ? factor * factor : factor;
        }
    }
}

static void count_full(
    const row_meat *meat, ptrdiff_t n, ptrdiff_t *n_full_out, ptrdiff_t *first_full_out)
{
    *n_full_out = 0;
    *first_full_out = -1;
    for (ptrdiff_t i = 0; i < n && meat->leverage != NULL; i++) {
        if (1.0 - meat->leverage[i] <= QST__TOL_FULL) {
            *first_full_out = *n_full_out == 0 ? i : *first_full_out;
            (*n_full_out)++;
        }
    }
}

static qst_status scale_hc1(const qst__basis *basis, double *meat, qst_err *err)
{
    ptrdiff_t n_used = 0;
    for (ptrdiff_t i = 0; i < basis->n; i++) {
        n_used += qst__row_weight(basis->fit, i) > 0.0;
    }
    if (n_used <= basis->r) {
        return qst__fail(
            err, QST_ENODATA, "HC1 divides by n - rank, which is %td", n_used - basis->r);
    }
    for (ptrdiff_t k = 0; k < basis->r * basis->r; k++) {
        meat[k] *= (double)n_used / (double)(n_used - basis->r);
    }
    return QST_OK;
}

qst_status qst_vcov_rows(const qst_ctx *ctx, const qst_sandwich *fit, qst_hc type,
    qst_mat covariance_out, ptrdiff_t *n_full_out, ptrdiff_t *first_full_out, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst__basis basis;
    row_meat work = {.type = type};
    double *meat = NULL;
    qst_status status = qst__basis_make(ctx, &arena, fit, &basis, err);
    if (status == QST_OK && (type == QST_HC2 || type == QST_HC3)) {
        status = qst__arena_array(&arena, basis.n, sizeof *work.leverage, &work.leverage, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(&arena, basis.r * basis.r, sizeof *meat, &meat, err);
    }
    if (status == QST_OK) {
        status = qst__basis_gram(&basis, meat_weights, &work, meat, err);
    }
    if (status == QST_OK && type == QST_HC1) {
        status = scale_hc1(&basis, meat, err);
    }
    if (status == QST_OK) {
        count_full(&work, basis.n, n_full_out, first_full_out);
        qst__basis_covariance(&basis, meat, covariance_out);
    }
    qst__arena_free(&arena);
    return status;
}
