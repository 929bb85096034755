#include "stat/vcov.h"

#include <math.h>
#include <string.h>

#define MAX_TASKS 64

/* Of the variance that the model gives a contrast, the share below which it counts as 0. */
#define TOL_EMPTY 1e-10

/* How the adjustment of a cluster is found, from what is known of its weights. */
typedef enum { BY_NONE, BY_COLUMNS, BY_VARIANCES, BY_WEIGHTS } adjustment;

typedef struct {
    const qst__basis *basis;
    const qst_clusters *clusters;
    qst_cr type;
    const ptrdiff_t *rows;         /* those that count, cluster by cluster */
    const ptrdiff_t *starts;       /* m + 1, into rows */
    ptrdiff_t m, n_tasks, largest; /* rows of the largest cluster that has to be gathered */

    /* Small-sample questions: k contrasts in the basis, f columns of `shared`; pairs are (s, t),
     * s <= t, or (s, s) only. */
    const qst_small_sample *questions;
    ptrdiff_t k, f, n_pairs;
    const double *alpha;  /* r x k */
    const double *total;  /* r x r: Z'W^2Z, for BY_WEIGHTS */
    const double *metric; /* f x f: N of the low-rank part F N F' */

    double *scratch; /* one a worker */
    double *sums;    /* one set a task */
    double *scores;  /* m x r, of qst_cluster_scores() */
    double *shares;
    const double *direction;
} cluster_pass;

/* ---- Rows by cluster ---- */

static qst_status count_rows(
    const qst_sandwich *fit, const qst_clusters *clusters, ptrdiff_t *starts, qst_err *err)
{
    for (ptrdiff_t i = 0; i < fit->model->n_rows; i++) {
        const int32_t code = clusters->codes[i];
        if (code == QST_NA_INT || qst__row_weight(fit, i) == 0.0) {
            continue;
        }
        if (code < 1 || code > clusters->n_clusters) {
            return qst__fail_at(err, QST_EARGUMENT, i, -1, code,
                "cluster %d in row %td is not in 1 .. %d", (int)code, i + 1,
                (int)clusters->n_clusters);
        }
        const double variance = clusters->variances != NULL ? clusters->variances[i] : 1.0;
        if (!(variance > 0.0 && isfinite(variance))) {
            return qst__fail_at(err, QST_EARGUMENT, i, -1, variance,
                "working variance %g in row %td is not a number above 0", variance, i + 1);
        }
        starts[code]++;
    }
    return QST_OK;
}

/* Counting sort: rows of a cluster keep their order. */
static qst_status sort_rows(const qst__basis *basis, const qst_clusters *clusters,
    qst__arena *arena, cluster_pass *pass, qst_err *err)
{
    ptrdiff_t *rows = NULL, *starts = NULL, *at = NULL;
    pass->m = clusters->n_clusters;
    if (pass->m < 2) {
        return qst__fail(err, QST_ENODATA, "%td cluster: at least two are needed", pass->m);
    }
    qst_status status = qst__arena_array(arena, basis->n, sizeof *rows, &rows, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, pass->m + 1, sizeof *starts, &starts, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, pass->m + 1, sizeof *at, &at, err);
    }
    if (status == QST_OK) {
        status = count_rows(basis->fit, clusters, starts, err);
    }
    for (ptrdiff_t c = 0; c < pass->m && status == QST_OK; c++) {
        if (starts[c + 1] == 0) {
            status = qst__fail(err, QST_ENODATA, "cluster %td has no rows", c + 1);
        }
        starts[c + 1] += starts[c];
        at[c] = starts[c];
    }
    for (ptrdiff_t i = 0; i < basis->n && status == QST_OK; i++) {
        if (clusters->codes[i] != QST_NA_INT && qst__row_weight(basis->fit, i) != 0.0) {
            rows[at[clusters->codes[i] - 1]++] = i;
        }
    }
    pass->rows = rows;
    pass->starts = starts;
    return status;
}

static adjustment adjustment_of(const cluster_pass *pass, ptrdiff_t c)
{
    if (pass->type != QST_CR2) {
        return BY_NONE;
    }
    const double *variances = pass->clusters->variances;
    if (variances == NULL) {
        return pass->basis->fit->weights == NULL ? BY_COLUMNS : BY_WEIGHTS;
    }
    const double first = variances[pass->rows[pass->starts[c]]];
    for (ptrdiff_t i = pass->starts[c] + 1; i < pass->starts[c + 1]; i++) {
        if (fabs(variances[pass->rows[i]] - first) > 1e-14 * first) {
            return BY_VARIANCES;
        }
    }
    return BY_COLUMNS;
}

/* ---- Scratch of a worker ---- */

typedef struct {
    double *x, *z;                                      /* panels */
    double *weights, *residuals, *variances, *gathered; /* the cluster's, if it is gathered */
    double *gram, *cross;
    qst__adjusted out;
    double *low, *of_low, *of_own, *own; /* per contrast: f, f, r; k x k */
    double *rest;
} room;

/* Cuts the scratch at `at`, or measures it if that is NULL: the doubles a worker needs. */
static ptrdiff_t lay_out(const cluster_pass *pass, double *at, room *out)
{
    const ptrdiff_t p = pass->basis->p, r = pass->basis->r, k = pass->k, f = pass->f;
    const ptrdiff_t n = qst__max(pass->largest, QST__PANEL);
    double **const parts[] = {&out->x, &out->z, &out->weights, &out->residuals, &out->variances,
        &out->gathered, &out->gram, &out->cross, &out->out.score, &out->out.own, &out->out.shared,
        &out->low, &out->of_low, &out->of_own, &out->own, &out->rest};
    const ptrdiff_t sizes[] = {QST__PANEL * p, QST__PANEL * r, n, n, n, pass->largest * r, r * r, r,
        r, r * r, 2 * r * r, f * k, f * k, r, k * k, qst__adjust_scratch(pass->largest, r)};
    ptrdiff_t total = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        *parts[i] = at != NULL ? at + total : NULL;
        total += sizes[i];
    }
    return total;
}

static room room_of(const cluster_pass *pass, int worker)
{
    room work;
    const ptrdiff_t size = lay_out(pass, NULL, &work);
    (void)lay_out(pass, pass->scratch + worker * size, &work);
    return work;
}

/* ---- One cluster ---- */

static void gather_rows(
    const cluster_pass *pass, const ptrdiff_t *rows, ptrdiff_t n, const room *work, ptrdiff_t at)
{
    const qst_sandwich *fit = pass->basis->fit;
    for (ptrdiff_t i = 0; i < n; i++) {
        work->weights[at + i] = qst__row_weight(fit, rows[i]);
        work->residuals[at + i] = fit->residuals[rows[i]];
        if (pass->clusters->variances != NULL) {
            work->variances[at + i] = pass->clusters->variances[rows[i]];
        }
    }
}

/* gram += Z'WZ and cross += Z'We for the rows of a panel. */
static void add_panel(const room *work, ptrdiff_t n, ptrdiff_t r, bool with_gram)
{
    for (ptrdiff_t j = 0; j < r; j++) {
        const double *z = work->z + j * QST__PANEL;
        for (ptrdiff_t k = 0; k <= j && with_gram; k++) {
            const double *other = work->z + k * QST__PANEL;
            double sum = 0.0;
            for (ptrdiff_t i = 0; i < n; i++) {
                sum += work->weights[i] * z[i] * other[i];
            }
            work->gram[k + j * r] += sum;
        }
        double sum = 0.0;
        for (ptrdiff_t i = 0; i < n; i++) {
            sum += work->weights[i] * work->residuals[i] * z[i];
        }
        work->cross[j] += sum;
    }
}

static void sum_cluster(const cluster_pass *pass, ptrdiff_t c, const room *work, bool with_gram)
{
    const ptrdiff_t r = pass->basis->r;
    memset(work->gram, 0, (size_t)(r * r) * sizeof(double));
    memset(work->cross, 0, (size_t)r * sizeof(double));
    for (ptrdiff_t at = pass->starts[c]; at < pass->starts[c + 1]; at += QST__PANEL) {
        const ptrdiff_t n = qst__min(QST__PANEL, pass->starts[c + 1] - at);
        gather_rows(pass, pass->rows + at, n, work, 0);
        qst__basis_fill(pass->basis, pass->rows + at, 0, n, work->x, work->z, QST__PANEL);
        add_panel(work, n, r, with_gram);
    }
    for (ptrdiff_t j = 0; j < r && with_gram; j++) {
        for (ptrdiff_t k = 0; k < j; k++) {
            work->gram[j + k * r] = work->gram[k + j * r];
        }
    }
}

static qst__cluster gather_cluster(const cluster_pass *pass, ptrdiff_t c, const room *work)
{
    const ptrdiff_t first = pass->starts[c], n = pass->starts[c + 1] - first;
    for (ptrdiff_t at = 0; at < n; at += QST__PANEL) {
        const ptrdiff_t n_panel = qst__min(QST__PANEL, n - at);
        gather_rows(pass, pass->rows + first + at, n_panel, work, at);
        qst__basis_fill(
            pass->basis, pass->rows + first + at, 0, n_panel, work->x, work->gathered + at, n);
    }
    return (qst__cluster){
        n, pass->basis->r, work->gathered, work->weights, work->residuals, work->variances};
}

static void adjust(const cluster_pass *pass, ptrdiff_t c, const room *work)
{
    const ptrdiff_t r = pass->basis->r;
    const adjustment way = adjustment_of(pass, c);
    if (way == BY_NONE || way == BY_COLUMNS) {
        sum_cluster(pass, c, work, way == BY_COLUMNS);
        if (way == BY_COLUMNS) {
            qst__adjust_plain(r, work->gram, work->cross, &work->out, work->rest);
        } else {
            memcpy(work->out.score, work->cross, (size_t)r * sizeof(double));
        }
        return;
    }
    const qst__cluster cluster = gather_cluster(pass, c, work);
    if (way == BY_VARIANCES) {
        qst__adjust_inverse(&cluster, &work->out, work->rest);
    } else {
        qst__adjust_weighted(&cluster, pass->total, &work->out, work->rest);
    }
}

/* ---- Small-sample questions ----
 *
 * For a contrast s of cluster c let t = T alpha_s and f = shared' alpha_s. Under
 * the working variances the estimated covariance of contrasts s and t is a
 * quadratic form with the m x m matrix P_st = diag(t_s't_t) - F_s N F_t', N the
 * identity, or [-S I; I 0] when weights are not inverse variances. So trace and sums of
 * squares of products need only sums over clusters of f x f matrices.
 */

static void times_metric(const cluster_pass *pass, const double *x, double *out)
{
    for (ptrdiff_t j = 0; j < pass->f; j++) {
        out[j] = 0.0;
        for (ptrdiff_t i = 0; i < pass->f; i++) {
            out[j] += pass->metric[i + j * pass->f] * x[i];
        }
    }
}

static double dot(const double *a, const double *b, ptrdiff_t n)
{
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static void project_contrasts(const cluster_pass *pass, const room *work)
{
    const ptrdiff_t r = pass->basis->r, k = pass->k, f = pass->f;
    for (ptrdiff_t s = 0; s < k; s++) {
        const double *alpha = pass->alpha + s * r;
        for (ptrdiff_t j = 0; j < f; j++) {
            work->low[j + s * f] = dot(work->out.shared + j * r, alpha, r);
        }
        times_metric(pass, work->low + s * f, work->of_low + s * f);
        for (ptrdiff_t j = 0; j < r; j++) {
            work->of_own[j] = dot(work->out.own + j * r, alpha, r);
        }
        for (ptrdiff_t t = pass->questions->is_joint ? 0 : s; t <= s; t++) {
            work->own[t + s * k] = dot(work->of_own, pass->alpha + t * r, r);
        }
    }
}

/* To the sums of pair (s, t): trace, the part of the variance that the diagonal has a share in,
 * and F_s'F_t. */
static void add_pair(
    const cluster_pass *pass, const room *work, ptrdiff_t s, ptrdiff_t t, double *sums)
{
    const ptrdiff_t k = pass->k, f = pass->f;
    const double *low_s = work->low + s * f, *low_t = work->low + t * f;
    const double own_st = work->own[s + t * k];
    const double own_ss = work->own[s + s * k], own_tt = work->own[t + t * k];
    const double shared_st = dot(low_s, work->of_low + t * f, f);
    sums[0] += own_st - shared_st;
    sums[1] += own_st * (own_st - 2.0 * shared_st) + own_ss * own_tt -
               own_ss * dot(low_t, work->of_low + t * f, f) -
               own_tt * dot(low_s, work->of_low + s * f, f);
    for (ptrdiff_t j = 0; j < f; j++) {
        for (ptrdiff_t i = 0; i < f; i++) {
            sums[2 + i + j * f] += low_s[i] * low_t[j];
        }
    }
}

static ptrdiff_t pair_size(const cluster_pass *pass)
{
    return 2 + pass->f * pass->f;
}

static void add_questions(const cluster_pass *pass, const room *work, double *sums)
{
    project_contrasts(pass, work);
    for (ptrdiff_t t = 0; t < pass->k; t++) {
        for (ptrdiff_t s = pass->questions->is_joint ? 0 : t; s <= t; s++) {
            add_pair(pass, work, s, t, sums);
            sums += pair_size(pass);
        }
    }
}

/* trace(N Q N Q) + trace(N Q N Q') for Q = F_s'F_t. */
static double low_rank_square(const cluster_pass *pass, const double *q, double *nq)
{
    const ptrdiff_t f = pass->f;
    for (ptrdiff_t j = 0; j < f; j++) {
        times_metric(pass, q + j * f, nq + j * f);
    }
    double sum = 0.0;
    for (ptrdiff_t j = 0; j < f; j++) {
        for (ptrdiff_t i = 0; i < f; i++) {
            double of_transpose = 0.0; /* (N Q')_ij */
            for (ptrdiff_t l = 0; l < f; l++) {
                of_transpose += pass->metric[i + l * f] * q[j + l * f];
            }
            sum += nq[j + i * f] * (nq[i + j * f] + of_transpose);
        }
    }
    return sum;
}

/* What the model itself says of a contrast's variance: alpha'alpha, or alpha'S alpha. */
static double model_variance(const cluster_pass *pass, ptrdiff_t s)
{
    const ptrdiff_t r = pass->basis->r;
    const double *alpha = pass->alpha + s * r;
    double sum = pass->total == NULL ? dot(alpha, alpha, r) : 0.0;
    for (ptrdiff_t j = 0; j < r && pass->total != NULL; j++) {
        sum += alpha[j] * dot(pass->total + j * r, alpha, r);
    }
    return sum;
}

/* An expected variance that is 0 but for rounding, as of the dummy of a cluster, has no df. */
static void clear_empty(const cluster_pass *pass)
{
    const ptrdiff_t k = pass->k;
    const qst_small_sample *questions = pass->questions;
    for (ptrdiff_t s = 0; s < k; s++) {
        if (questions->trace_out[s + s * k] > TOL_EMPTY * model_variance(pass, s)) {
            continue;
        }
        for (ptrdiff_t t = 0; t < k; t++) {
            questions->trace_out[s + t * k] = questions->trace_out[t + s * k] = 0.0;
            questions->variance_out[s + t * k] = questions->variance_out[t + s * k] = 0.0;
        }
    }
}

static void answer_questions(const cluster_pass *pass, const double *sums, double *scratch)
{
    const ptrdiff_t k = pass->k;
    const qst_small_sample *questions = pass->questions;
    for (ptrdiff_t t = 0; t < k; t++) {
        for (ptrdiff_t s = questions->is_joint ? 0 : t; s <= t; s++) {
            const double variance = sums[1] + low_rank_square(pass, sums + 2, scratch);
            questions->trace_out[s + t * k] = questions->trace_out[t + s * k] = sums[0];
            questions->variance_out[s + t * k] = questions->variance_out[t + s * k] = variance;
            sums += pair_size(pass);
        }
    }
    clear_empty(pass);
}

/* ---- All clusters ---- */

static ptrdiff_t sums_size(const cluster_pass *pass)
{
    return pass->basis->r * pass->basis->r + pass->n_pairs * pair_size(pass);
}

static qst_status cluster_task(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)err;
    const cluster_pass *pass = data;
    const ptrdiff_t r = pass->basis->r;
    room work = room_of(pass, worker);
    double *sums = pass->sums + task * sums_size(pass);
    const ptrdiff_t last = (task + 1) * pass->m / pass->n_tasks;
    for (ptrdiff_t c = task * pass->m / pass->n_tasks; c < last; c++) {
        adjust(pass, c, &work);
        for (ptrdiff_t j = 0; j < r; j++) {
            for (ptrdiff_t i = 0; i < r; i++) {
                sums[i + j * r] += work.out.score[i] * work.out.score[j];
            }
        }
        if (pass->k > 0) {
            add_questions(pass, &work, sums + r * r);
        }
    }
    return QST_OK;
}

static void set_largest(cluster_pass *pass)
{
    for (ptrdiff_t c = 0; c < pass->m; c++) {
        const adjustment way = adjustment_of(pass, c);
        if (way == BY_VARIANCES || way == BY_WEIGHTS) {
            pass->largest = qst__max(pass->largest, pass->starts[c + 1] - pass->starts[c]);
        }
    }
}

static void squared_weights(const qst__basis *basis, void *data, ptrdiff_t start, ptrdiff_t n,
    const double *z, double *weights_out)
{
    (void)data;
    (void)z;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double weight = qst__row_weight(basis->fit, start + i);
        weights_out[i] = weight * weight;
    }
}

/* N: the identity, or [-S I; I 0]. */
static void set_metric(const cluster_pass *pass, double *metric)
{
    const ptrdiff_t r = pass->basis->r, f = pass->f;
    for (ptrdiff_t j = 0; j < r; j++) {
        metric[f > r ? r + j + j * f : j + j * f] = 1.0;
        if (f > r) {
            metric[j + (r + j) * f] = 1.0;
        }
        for (ptrdiff_t i = 0; i < r && f > r; i++) {
            metric[i + j * f] = -pass->total[i + j * r];
        }
    }
}

static qst_status set_questions(cluster_pass *pass, qst__arena *arena, qst_err *err)
{
    const ptrdiff_t r = pass->basis->r;
    const qst_cmat contrasts = pass->questions->contrasts;
    double *alpha = NULL, *metric = NULL;
    if (contrasts.n_cols != pass->basis->p) {
        return qst__fail(err, QST_EDIMENSION, "contrasts have %td columns, the model %td",
            contrasts.n_cols, pass->basis->p);
    }
    pass->k = contrasts.n_rows;
    pass->n_pairs = pass->questions->is_joint ? pass->k * (pass->k + 1) / 2 : pass->k;
    qst_status status = qst__arena_array(arena, r * pass->k, sizeof *alpha, &alpha, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, pass->f * pass->f, sizeof *metric, &metric, err);
    }
    if (status != QST_OK) {
        return status;
    }
    for (ptrdiff_t s = 0; s < pass->k; s++) {
        qst__basis_contrast(pass->basis, contrasts.data + s, contrasts.ld, alpha + s * r);
    }
    set_metric(pass, metric);
    pass->alpha = alpha;
    pass->metric = metric;
    return QST_OK;
}

static qst_status prepare(const qst__basis *basis, const qst_clusters *clusters, qst_cr type,
    const qst_small_sample *questions, qst__arena *arena, cluster_pass *pass, qst_err *err)
{
    const ptrdiff_t r = basis->r;
    *pass = (cluster_pass){.basis = basis, .clusters = clusters, .type = type, .f = r};
    qst_status status = sort_rows(basis, clusters, arena, pass, err);
    if (status == QST_OK && type == QST_CR2 && clusters->variances == NULL &&
        basis->fit->weights != NULL) {
        double *total = NULL;
        pass->f = 2 * r;
        status = qst__arena_array(arena, r * r, sizeof *total, &total, err);
        if (status == QST_OK) {
            status = qst__basis_gram(basis, squared_weights, NULL, total, err);
        }
        pass->total = total;
    }
    if (status == QST_OK && type == QST_CR2 && questions != NULL) {
        pass->questions = questions;
        status = set_questions(pass, arena, err);
    }
    if (status == QST_OK) {
        set_largest(pass);
        pass->n_tasks = qst__min(MAX_TASKS, pass->m);
    }
    return status;
}

static qst_status run(cluster_pass *pass, qst__arena *arena, qst_task task, qst_err *err)
{
    room unused;
    const ptrdiff_t size = lay_out(pass, NULL, &unused);
    const ptrdiff_t n_workers = qst_par_workers(pass->basis->ctx, pass->n_tasks);
    const ptrdiff_t n_sums = sums_size(pass);
    qst_status status =
        qst__arena_array(arena, n_workers * size, sizeof *pass->scratch, &pass->scratch, err);
    if (status == QST_OK) {
        status =
            qst__arena_array(arena, pass->n_tasks * n_sums, sizeof *pass->sums, &pass->sums, err);
    }
    if (status == QST_OK) {
        status = qst_par_for(pass->basis->ctx, pass->n_tasks, task, pass, err);
    }
    for (ptrdiff_t k = 0; k < n_sums && status == QST_OK; k++) {
        for (ptrdiff_t t = 1; t < pass->n_tasks; t++) {
            pass->sums[k] += pass->sums[k + t * n_sums];
        }
    }
    return status;
}

qst_status qst_vcov_clusters(const qst_ctx *ctx, const qst_sandwich *fit,
    const qst_clusters *clusters, qst_cr type, const qst_small_sample *questions,
    qst_mat covariance_out, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst__basis basis;
    cluster_pass pass;
    double *scratch = NULL;
    qst_status status = qst__basis_make(ctx, &arena, fit, &basis, err);
    if (status == QST_OK) {
        status = prepare(&basis, clusters, type, questions, &arena, &pass, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(&arena, pass.f * pass.f, sizeof *scratch, &scratch, err);
    }
    if (status == QST_OK) {
        status = run(&pass, &arena, cluster_task, err);
    }
    if (status == QST_OK) {
        const ptrdiff_t size = basis.r * basis.r;
        for (ptrdiff_t k = 0; k < size && type == QST_CR1; k++) {
            pass.sums[k] *= (double)pass.m / (double)(pass.m - 1);
        }
        qst__basis_covariance(&basis, pass.sums, covariance_out);
        if (pass.k > 0) {
            answer_questions(&pass, pass.sums + size, scratch);
        }
    }
    qst__arena_free(&arena);
    return status;
}

/* ---- Scores for the wild bootstrap ---- */

static qst_status score_task(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)err;
    const cluster_pass *pass = data;
    const ptrdiff_t r = pass->basis->r;
    room work = room_of(pass, worker);
    const ptrdiff_t last = (task + 1) * pass->m / pass->n_tasks;
    for (ptrdiff_t c = task * pass->m / pass->n_tasks; c < last; c++) {
        sum_cluster(pass, c, &work, true);
        for (ptrdiff_t j = 0; j < r; j++) {
            pass->scores[c + j * pass->m] = work.cross[j];
            pass->shares[c + j * pass->m] = dot(work.gram + j * r, pass->direction, r);
        }
    }
    return QST_OK;
}

qst_status qst_cluster_scores(const qst_ctx *ctx, const qst_sandwich *fit,
    const qst_clusters *clusters, const double *contrast, double *scores_out, double *shares_out,
    double *direction_out, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst__basis basis;
    cluster_pass pass;
    qst_status status = qst__basis_make(ctx, &arena, fit, &basis, err);
    if (status == QST_OK) {
        status = prepare(&basis, clusters, QST_CR0, NULL, &arena, &pass, err);
    }
    if (status == QST_OK) {
        qst__basis_contrast(&basis, contrast, 1, direction_out);
        pass.scores = scores_out;
        pass.shares = shares_out;
        pass.direction = direction_out;
        status = run(&pass, &arena, score_task, err);
    }
    qst__arena_free(&arena);
    return status;
}
