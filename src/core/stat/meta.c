#include "stat/meta.h"

#include <math.h>

/* Sets fitted by one task. */
#define SETS_PER_TASK 32

/* Of X over all studies, and of what the studies of one set leave of it. */
#define TOL_RANK 1e-7
#define TOL_PIVOT 1e-13

void qst_meta_settings_default(qst_meta_settings *settings)
{
    *settings =
        (qst_meta_settings){.method = QST_META_REML, .test = QST_META_HKSJ, .max_iterations = 1000};
}

/* ---- One set at one tau2 ---- */

void qst__meta_gram(const qst__meta_work *work, const double *d, double *out)
{
    const ptrdiff_t p = work->p;
    for (ptrdiff_t j = 0; j < p * p; j++) {
        out[j] = 0.0;
    }
    for (ptrdiff_t i = 0; i < work->k; i++) {
        const double *x = work->x + i * p;
        for (ptrdiff_t j = 0; j < p; j++) {
            for (ptrdiff_t l = 0; l <= j; l++) {
                out[l + j * p] += d[i] * x[j] * x[l];
            }
        }
    }
    for (ptrdiff_t j = 0; j < p; j++) {
        for (ptrdiff_t l = 0; l < j; l++) {
            out[j + l * p] = out[l + j * p];
        }
    }
}

double qst__meta_trace(const qst__meta_work *work, const double *g)
{
    double sum = 0.0;
    for (ptrdiff_t j = 0; j < work->p * work->p; j++) {
        sum += work->a[j] * g[j];
    }
    return sum;
}

/* tr(A G A H) = sum of (A G A) * H, elementwise, a column of A G A at a time. */
double qst__meta_trace_2(const qst__meta_work *work, const double *g, const double *h)
{
    const ptrdiff_t p = work->p;
    double *ga = work->row + p, sum = 0.0;
    for (ptrdiff_t j = 0; j < p; j++) {
        for (ptrdiff_t l = 0; l < p; l++) {
            ga[l] = 0.0;
            for (ptrdiff_t m = 0; m < p; m++) {
                ga[l] += g[l + m * p] * work->a[m + j * p];
            }
        }
        for (ptrdiff_t l = 0; l < p; l++) {
            for (ptrdiff_t m = 0; m < p; m++) {
                sum += h[l + j * p] * work->a[l + m * p] * ga[m];
            }
        }
    }
    return sum;
}

qst__meta_traces qst__meta_trace_p(qst__meta_work *work)
{
    const ptrdiff_t p = work->p;
    double *g = work->square + 2 * p * p, *h = g + p * p;
    double sum = 0.0, sum_2 = 0.0;
    for (ptrdiff_t i = 0; i < work->k; i++) {
        const double w = work->w[i];
        sum += w;
        sum_2 += w * w;
        work->d[i] = w * w;
    }
    qst__meta_gram(work, work->d, g);
    for (ptrdiff_t i = 0; i < work->k; i++) {
        work->d[i] *= work->w[i];
    }
    qst__meta_gram(work, work->d, h);
    return (qst__meta_traces){sum - qst__meta_trace(work, g),
        sum_2 - 2.0 * qst__meta_trace(work, h) + qst__meta_trace_2(work, g, g)};
}

static qst_mat square(double *data, ptrdiff_t p)
{
    return (qst_mat){data, p, p, p};
}

double qst__meta_log_det(const double *root, ptrdiff_t p)
{
    double sum = 0.0;
    for (ptrdiff_t j = 0; j < p; j++) {
        sum += 2.0 * log(fabs(root[j + j * p]));
    }
    return sum;
}

double qst__meta_log_det_x(qst__meta_work *work)
{
    const ptrdiff_t p = work->p;
    for (ptrdiff_t i = 0; i < work->k; i++) {
        work->d[i] = 1.0;
    }
    qst__meta_gram(work, work->d, work->square);
    const ptrdiff_t rank = qst__cholesky(square(work->square, p), TOL_PIVOT, work->row);
    return rank < p ? (double)NAN : qst__meta_log_det(work->square, p);
}

/* b += A x'W r, and e = y - x b. */
static void refine(qst__meta_work *work, const double *r)
{
    const ptrdiff_t p = work->p;
    double *cross = work->row;
    for (ptrdiff_t j = 0; j < p; j++) {
        cross[j] = 0.0;
    }
    for (ptrdiff_t i = 0; i < work->k; i++) {
        for (ptrdiff_t j = 0; j < p; j++) {
            cross[j] += work->x[i * p + j] * work->w[i] * r[i];
        }
    }
    for (ptrdiff_t j = 0; j < p; j++) {
        for (ptrdiff_t l = 0; l < p; l++) {
            work->b[j] += work->a[j + l * p] * cross[l];
        }
    }
    for (ptrdiff_t i = 0; i < work->k; i++) {
        double fitted = 0.0;
        for (ptrdiff_t j = 0; j < p; j++) {
            fitted += work->x[i * p + j] * work->b[j];
        }
        work->e[i] = work->y[i] - fitted;
    }
}

qst_meta_outcome qst__meta_solve(qst__meta_work *work)
{
    const ptrdiff_t p = work->p;
    qst_mat root = square(work->square, p);
    qst__meta_gram(work, work->w, root.data);
    if (qst__cholesky(root, TOL_PIVOT, work->row) < p) {
        return QST_META_ALIASED;
    }
    work->log_det = qst__meta_log_det(root.data, p);
    qst__inverse_gram(qst__view(root), square(work->a, p));
    for (ptrdiff_t j = 0; j < p; j++) {
        work->b[j] = 0.0;
    }
    refine(work, work->y);
    refine(work, work->e); /* what rounding left */
    work->rss = 0.0;
    for (ptrdiff_t i = 0; i < work->k; i++) {
        work->rss += work->w[i] * work->e[i] * work->e[i];
    }
    return isfinite(work->rss) && isfinite(work->log_det) ? QST_META_FITTED : QST_META_NOT_FINITE;
}

qst_meta_outcome qst__meta_weigh(qst__meta_work *work, double tau2)
{
    for (ptrdiff_t i = 0; i < work->k; i++) {
        const double variance = work->v[i] + tau2;
        if (!(variance > 0.0)) {
            return QST_META_NO_WEIGHT;
        }
        work->w[i] = 1.0 / variance;
    }
    return qst__meta_solve(work);
}

/* ---- One set ---- */

typedef struct {
    const qst_meta_sets *sets;
    const qst_meta_settings *settings;
    const qst_meta_fitted *fitted;
    ptrdiff_t k, p, n;
    const double *x;      /* orthonormal, by rows */
    const double *root;   /* X = x root, p x p upper */
    qst__meta_work *work; /* one a worker */
} job;

/* The power of 2 that brings the mean variance near 1, or without variances the effects. */
static double unit_of(const qst__meta_work *work)
{
    double sum = 0.0, largest = 0.0;
    for (ptrdiff_t i = 0; i < work->k; i++) {
        sum += work->v[i] / (double)work->k;
        largest = fmax(largest, fabs(work->y[i]));
    }
    const double size = sum > 0.0 ? sqrt(sum) : largest;
    return size > 0.0 && isfinite(size) ? exp2(round(log2(size))) : 1.0;
}

/* Copies the studies that have effect and variance, in their unit. */
static void gather(const job *j, ptrdiff_t set, qst__meta_work *work)
{
    const qst_cmat y = j->sets->y, v = j->sets->v;
    const double *of_y = y.data + set * y.ld;
    const double *of_v = v.data + (v.n_cols == 1 ? 0 : set) * v.ld;
    work->k = 0;
    for (ptrdiff_t i = 0; i < j->k; i++) {
        if (isnan(of_y[i]) || isnan(of_v[i])) {
            continue;
        }
        work->y[work->k] = of_y[i];
        work->v[work->k] = of_v[i];
        for (ptrdiff_t l = 0; l < j->p; l++) {
            work->x[work->k * j->p + l] = j->x[i * j->p + l];
        }
        work->k += 1;
    }
    work->unit = unit_of(work);
    for (ptrdiff_t i = 0; i < work->k; i++) {
        work->y[i] /= work->unit;
        work->v[i] = work->v[i] / work->unit / work->unit;
    }
}

static bool is_finite_set(const qst__meta_work *work)
{
    for (ptrdiff_t i = 0; i < work->k; i++) {
        if (!isfinite(work->y[i]) || !isfinite(work->v[i])) {
            return false;
        }
    }
    return true;
}

static qst_meta_info no_info(ptrdiff_t k)
{
    const double none = (double)NAN;
    return (qst_meta_info){.k = (int32_t)k,
        .tau2 = none,
        .se_tau2 = none,
        .tau2_low = none,
        .tau2_high = none,
        .q = none,
        .typical_variance = none,
        .scale = none,
        .log_lik = none,
        .log_lik_restricted = none};
}

/* Q, the typical variance and the Q-profile are of weights 1 / v. */
static void look_at_zero(
    qst__meta_work *work, const qst_meta_settings *settings, qst_meta_info *info)
{
    if (qst__meta_weigh(work, 0.0) != QST_META_FITTED) {
        return;
    }
    const ptrdiff_t df = work->k - work->p;
    info->q = df > 0 ? work->rss : 0.0;
    if (df > 0) {
        info->typical_variance = (double)df / qst__meta_trace_p(work).p;
        qst__meta_interval(work, settings, info);
    }
}

/* Effects that are equal but for rounding have no scale. */
static double scale_of(const qst__meta_work *work)
{
    const double df = (double)(work->k - work->p);
    double size = 0.0;
    for (ptrdiff_t i = 0; i < work->k; i++) {
        size += work->w[i] * work->y[i] * work->y[i];
    }
    return work->rss <= 1e-28 * size ? 0.0 : work->rss / df;
}

static void fit_set(qst__meta_work *work, const qst_meta_settings *settings, qst_meta_info *info)
{
    if (work->k < work->p || work->k == 0) {
        info->outcome = QST_META_TOO_FEW;
        return;
    }
    if (!is_finite_set(work)) {
        info->outcome = QST_META_NOT_FINITE;
        return;
    }
    look_at_zero(work, settings, info);
    info->tau2 = 0.0;
    if (work->k > work->p) {
        qst__meta_tau2(work, settings, info);
    }
    if (info->outcome == QST_META_FITTED) {
        info->outcome = qst__meta_weigh(work, info->tau2);
    }
    if (info->outcome != QST_META_FITTED) {
        return;
    }
    if (work->k > work->p) {
        info->scale = scale_of(work);
    }
    info->log_lik = qst__meta_log_lik(work, false);
    info->log_lik_restricted = qst__meta_log_lik(work, true) + 0.5 * qst__meta_log_det_x(work);
}

/* Back to the unit of y. */
static void rescale(const qst__meta_work *work, qst_meta_info *info)
{
    const double unit = work->unit, square_unit = unit * unit, log_unit = log(unit);
    info->tau2 *= square_unit;
    info->se_tau2 *= square_unit;
    info->tau2_low *= square_unit;
    info->tau2_high *= square_unit;
    info->typical_variance *= square_unit;
    info->log_lik -= (double)work->k * log_unit;
    info->log_lik_restricted -= (double)(work->k - work->p) * log_unit;
}

static double factor_of(qst_meta_test test, const qst_meta_info *info)
{
    if (test == QST_META_Z || isnan(info->scale)) {
        return 1.0;
    }
    return test == QST_META_HKSJ_MAX ? fmax(1.0, info->scale) : info->scale;
}

/* X b = x g for b = root^-1 g; covariance root^-1 A root'^-1, made as Z Z' would be, column by
 * column: first root^-1 A, then of its transpose. */
static void write_coefficients(const job *j, qst__meta_work *work, double factor, ptrdiff_t set)
{
    const ptrdiff_t p = j->p;
    const qst_cmat root = {j->root, p, p, p};
    double *b = j->fitted->b_out + set * p, *vcov = j->fitted->vcov_out + set * p * p;
    double *half = work->square;
    for (ptrdiff_t l = 0; l < p; l++) {
        b[l] = work->b[l] * work->unit;
        qst__solve_upper(root, work->a + l * p);
    }
    qst__solve_upper(root, b);
    for (ptrdiff_t l = 0; l < p; l++) {
        for (ptrdiff_t m = 0; m < p; m++) {
            half[m + l * p] = work->a[l + m * p];
        }
        qst__solve_upper(root, half + l * p);
    }
    for (ptrdiff_t l = 0; l < p; l++) {
        for (ptrdiff_t m = 0; m < p; m++) {
            const double both = 0.5 * (half[m + l * p] + half[l + m * p]);
            vcov[m + l * p] = both * factor * work->unit * work->unit;
        }
    }
}

static void write_nothing(const job *j, ptrdiff_t set)
{
    for (ptrdiff_t l = 0; l < j->p; l++) {
        j->fitted->b_out[set * j->p + l] = (double)NAN;
    }
    for (ptrdiff_t l = 0; l < j->p * j->p; l++) {
        j->fitted->vcov_out[set * j->p * j->p + l] = (double)NAN;
    }
}

static qst_status fit_sets(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)err;
    const job *j = data;
    qst__meta_work *work = &j->work[worker];
    const ptrdiff_t end = qst__min(j->n, (task + 1) * SETS_PER_TASK);
    for (ptrdiff_t set = task * SETS_PER_TASK; set < end; set++) {
        gather(j, set, work);
        qst_meta_info info = no_info(work->k);
        fit_set(work, j->settings, &info);
        if (info.outcome == QST_META_FITTED) {
            rescale(work, &info);
            write_coefficients(j, work, factor_of(j->settings->test, &info), set);
        } else {
            const qst_meta_outcome outcome = info.outcome;
            const int32_t n_iterations = info.n_iterations;
            info = no_info(work->k);
            info.outcome = outcome;
            info.n_iterations = n_iterations;
            write_nothing(j, set);
        }
        j->fitted->info_out[set] = info;
    }
    return QST_OK;
}

/* ---- All sets ---- */

static qst_status check_sets(const qst_meta_sets *sets, qst_err *err)
{
    const qst_cmat y = sets->y, v = sets->v;
    const bool fits = v.n_rows == y.n_rows && (v.n_cols == 1 || v.n_cols == y.n_cols);
    if (!fits || (sets->x.data != NULL && sets->x.n_rows != y.n_rows)) {
        return qst__fail(err, QST_EDIMENSION,
            "effects of %td studies in %td sets do not go with variances of %td in %td, or with "
            "moderators of %td",
            y.n_rows, y.n_cols, v.n_rows, v.n_cols, sets->x.n_rows);
    }
    for (ptrdiff_t j = 0; j < v.n_cols; j++) {
        for (ptrdiff_t i = 0; i < v.n_rows; i++) {
            const double value = v.data[i + j * v.ld];
            if (value < 0.0) {
                return qst__fail_at(err, QST_ERANGE, i, j, value,
                    "the variance of study %td is %g, which none can be", i + 1, value);
            }
        }
    }
    return QST_OK;
}

qst_status qst__meta_orthonormal(const qst_ctx *ctx, qst__arena *arena, qst_cmat given, ptrdiff_t k,
    ptrdiff_t p, double *x, double *root, qst_err *err)
{
    qst__qr qr;
    double *column = NULL;
    qst_status status = qst__qr_make(arena, k, p, &qr, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, qst__max(k, 1), sizeof *column, &column, err);
    }
    if (status != QST_OK) {
        return status;
    }
    for (ptrdiff_t l = 0; l < p; l++) {
        for (ptrdiff_t i = 0; i < k; i++) {
            qr.a.data[i + l * qr.a.ld] = given.data == NULL ? 1.0 : given.data[i + l * given.ld];
        }
    }
    status = qst__qr_factor(ctx, &qr, TOL_RANK, err);
    if (status == QST_OK && qr.rank < p && k >= p) {
        return qst__fail(err, QST_ESINGULAR,
            "%td of %td coefficients cannot be told from the others", p - qr.rank, p);
    }
    if (status != QST_OK || k < p) {
        return status;
    }
    qst__qr_r(&qr, square(root, p));
    for (ptrdiff_t l = 0; l < p; l++) {
        for (ptrdiff_t i = 0; i < k; i++) {
            column[i] = i == l ? 1.0 : 0.0;
        }
        qst__qr_qy(&qr, column);
        for (ptrdiff_t i = 0; i < k; i++) {
            x[i * p + l] = column[i];
        }
    }
    return QST_OK;
}

static qst_status make_work(qst__arena *arena, const job *j, qst__meta_work *work, qst_err *err)
{
    const ptrdiff_t k = qst__max(j->k, 1), p = qst__max(j->p, 1);
    double *room = NULL;
    const ptrdiff_t n = 5 * k + k * p + p + p * p + 4 * p * p + 2 * p;
    const qst_status status = qst__arena_array(arena, n, sizeof *room, &room, err);
    if (status == QST_OK) {
        *work = (qst__meta_work){.p = j->p};
        double **const parts[] = {&work->y, &work->v, &work->w, &work->e, &work->d, &work->x,
            &work->b, &work->a, &work->square, &work->row};
        const ptrdiff_t sizes[] = {k, k, k, k, k, k * p, p, p * p, 4 * p * p, 2 * p};
        for (size_t part = 0; part < sizeof sizes / sizeof *sizes; part++) {
            *parts[part] = room;
            room += sizes[part];
        }
    }
    return status;
}

qst_status qst_meta_fits(const qst_ctx *ctx, const qst_meta_sets *sets,
    const qst_meta_settings *settings, const qst_meta_fitted *fitted, qst_err *err)
{
    job j = {.sets = sets,
        .settings = settings,
        .fitted = fitted,
        .k = sets->y.n_rows,
        .p = sets->x.data == NULL ? 1 : sets->x.n_cols,
        .n = sets->y.n_cols};
    const ptrdiff_t n_tasks = (j.n + SETS_PER_TASK - 1) / SETS_PER_TASK;
    const int n_workers = qst_par_workers(ctx, n_tasks);
    double *x = NULL, *root = NULL;
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst_status status = check_sets(sets, err);
    if (status == QST_OK) {
        status = qst__arena_array(&arena, j.k * j.p, sizeof *x, &x, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(&arena, j.p * j.p, sizeof *root, &root, err);
    }
    if (status == QST_OK) {
        status = qst__meta_orthonormal(ctx, &arena, sets->x, j.k, j.p, x, root, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(&arena, n_workers, sizeof *j.work, &j.work, err);
    }
    for (int worker = 0; worker < n_workers && status == QST_OK; worker++) {
        status = make_work(&arena, &j, &j.work[worker], err);
    }
    if (status == QST_OK) {
        j.x = x;
        j.root = root;
        status = qst_par_for(ctx, n_tasks, fit_sets, &j, err);
    }
    qst__arena_free(&arena);
    return status;
}
