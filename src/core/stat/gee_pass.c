#include "stat/family.h"
#include "stat/gee.h"

#include <math.h>
#include <string.h>

/* Rows that are worked on at a time, if no cluster needs more. */
#define BLOCK 128
/* Tasks are cut by these alone, never by the number of threads. */
#define ROWS_PER_TASK 4096
#define MAX_TASKS 64
/* A pivot of a working correlation below this is not positive. */
#define MIN_PIVOT 1e-10

static double weight_of(const qst_gee *gee, ptrdiff_t row)
{
    return gee->weights != NULL ? gee->weights[row] : 1.0;
}

/* Does the correlation depend on which rows of a cluster they are? */
static bool is_timed(const qst_gee *gee)
{
    return gee->corstr == QST_CORSTR_AR1 || gee->corstr == QST_CORSTR_UNSTRUCTURED;
}

static ptrdiff_t n_pairs(ptrdiff_t n)
{
    return n * (n - 1) / 2;
}

ptrdiff_t qst_gee_correlations(const qst_gee *gee)
{
    switch (gee->corstr) {
    case QST_CORSTR_INDEPENDENCE:
        return 0;
    case QST_CORSTR_UNSTRUCTURED:
        return n_pairs(gee->n_times);
    default:
        return 1;
    }
}

static ptrdiff_t n_kinds_of_pairs(const qst_gee *gee)
{
    return gee->corstr == QST_CORSTR_AR1 ? gee->n_times - 1 : qst_gee_correlations(gee);
}

ptrdiff_t qst__gee_products(const qst_gee *gee)
{
    return 2 + 2 * n_kinds_of_pairs(gee);
}

/* ---- Checks ---- */

static qst_status code_check(
    const int32_t *codes, ptrdiff_t row, int32_t n_codes, const char *what, qst_err *err)
{
    if (codes[row] >= 1 && codes[row] <= n_codes) {
        return QST_OK;
    }
    return qst__fail_at(err, QST_EARGUMENT, row, -1, codes[row],
        "%s %d in row %td is not one of %d", what, (int)codes[row], row + 1, (int)n_codes);
}

static qst_status row_check(const qst_gee *gee, ptrdiff_t row, qst_err *err)
{
    const double weight = weight_of(gee, row);
    const double offset = gee->offset != NULL ? gee->offset[row] : 0.0;
    if (!(weight >= 0.0 && isfinite(weight))) {
        return qst__fail_at(err, QST_EARGUMENT, row, -1, weight,
            "weight %g in row %td is not a number from 0", weight, row + 1);
    }
    if (!isfinite(offset)) {
        return qst__fail_at(err, QST_EARGUMENT, row, -1, offset,
            "offset %g in row %td is not finite", offset, row + 1);
    }
    const qst_status status = code_check(gee->cluster, row, gee->n_clusters, "cluster", err);
    return status == QST_OK && is_timed(gee) ? code_check(gee->time, row, gee->n_times, "time", err)
                                             : status;
}

static qst_status check(const qst_gee *gee, qst_err *err)
{
    qst_status status = qst__response_check(gee->family, gee->y, gee->model->n_rows, err);
    for (ptrdiff_t row = 0; row < gee->model->n_rows && status == QST_OK; row++) {
        status = row_check(gee, row, err);
    }
    return status;
}

/* ---- Order ---- */

/* Stable: those of `rows` (NULL: all rows) with a weight, in the order of their codes, to out;
 * starts_out[code] is where each code begins, up to n_codes + 1. */
static void sort_by(const qst_gee *gee, const int32_t *codes, ptrdiff_t n_codes,
    const ptrdiff_t *rows, ptrdiff_t n, ptrdiff_t *starts_out, ptrdiff_t *out)
{
    memset(starts_out, 0, (size_t)(n_codes + 2) * sizeof *starts_out);
    for (ptrdiff_t i = 0; i < n; i++) {
        const ptrdiff_t row = rows != NULL ? rows[i] : i;
        starts_out[codes[row] + 1] += weight_of(gee, row) > 0.0;
    }
    for (ptrdiff_t code = 1; code <= n_codes + 1; code++) {
        starts_out[code] += starts_out[code - 1];
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        const ptrdiff_t row = rows != NULL ? rows[i] : i;
        if (weight_of(gee, row) > 0.0) {
            out[starts_out[codes[row]]++] = row;
        }
    }
    for (ptrdiff_t code = n_codes + 1; code > 0; code--) {
        starts_out[code] = starts_out[code - 1];
    }
}

static qst_status sort_rows(qst__arena *arena, qst__gee_clusters *c, qst_err *err)
{
    const qst_gee *gee = c->gee;
    const ptrdiff_t n = gee->model->n_rows, n_codes = gee->n_clusters;
    ptrdiff_t *by_time = NULL, *times = NULL;
    qst_status status = qst__arena_array(arena, n, sizeof *c->rows, &c->rows, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, n_codes + 2, sizeof *c->starts, &c->starts, err);
    }
    if (!is_timed(gee)) {
        if (status == QST_OK) {
            sort_by(gee, gee->cluster, n_codes, NULL, n, c->starts, c->rows);
        }
    } else {
        if (status == QST_OK) {
            status = qst__arena_array(arena, n, sizeof *by_time, &by_time, err);
        }
        if (status == QST_OK) {
            status = qst__arena_array(arena, gee->n_times + 2, sizeof *times, &times, err);
        }
        if (status == QST_OK) {
            sort_by(gee, gee->time, gee->n_times, NULL, n, times, by_time);
            sort_by(
                gee, gee->cluster, n_codes, by_time, times[gee->n_times + 1], c->starts, c->rows);
        }
    }
    if (status == QST_OK) {
        c->starts++; /* codes count from 1, clusters from 0 */
    }
    return status;
}

static qst_status find_largest(qst__gee_clusters *c, qst_err *err)
{
    const qst_gee *gee = c->gee;
    for (ptrdiff_t k = 0; k < gee->n_clusters; k++) {
        c->largest = qst__max(c->largest, c->starts[k + 1] - c->starts[k]);
        for (ptrdiff_t i = c->starts[k] + 1; i < c->starts[k + 1] && is_timed(gee); i++) {
            if (gee->time[c->rows[i]] == gee->time[c->rows[i - 1]]) {
                return qst__fail_at(err, QST_EARGUMENT, c->rows[i], -1, gee->time[c->rows[i]],
                    "rows %td and %td of one cluster have the same time", c->rows[i - 1] + 1,
                    c->rows[i] + 1);
            }
        }
    }
    return c->largest > 0 ? QST_OK : qst__fail(err, QST_ENODATA, "no row has a weight above 0");
}

static qst_status cut_tasks(qst__arena *arena, qst__gee_clusters *c, qst_err *err)
{
    const ptrdiff_t n_clusters = c->gee->n_clusters, n_used = c->starts[n_clusters];
    const ptrdiff_t rows_per_task = qst__max(ROWS_PER_TASK, (n_used + MAX_TASKS - 1) / MAX_TASKS);
    const ptrdiff_t most = n_used / rows_per_task + 2;
    const qst_status status = qst__arena_array(arena, most, sizeof *c->tasks, &c->tasks, err);
    if (status != QST_OK) {
        return status;
    }
    for (ptrdiff_t k = 0; k < n_clusters; k++) {
        if (c->starts[k + 1] - c->starts[c->tasks[c->n_tasks]] >= rows_per_task) {
            c->n_tasks++;
            c->tasks[c->n_tasks] = k + 1;
        }
    }
    if (c->tasks[c->n_tasks] < n_clusters) {
        c->n_tasks++;
        c->tasks[c->n_tasks] = n_clusters;
    }
    return QST_OK;
}

qst_status qst__gee_clusters_make(
    const qst_ctx *ctx, qst__arena *arena, const qst_gee *gee, qst__gee_clusters *out, qst_err *err)
{
    *out = (qst__gee_clusters){.ctx = ctx, .gee = gee};
    qst_status status = qst__design_make(ctx, arena, gee->model, &out->design, err);
    if (status == QST_OK) {
        out->n_cols = qst__design_cols(out->design);
        status = check(gee, err);
    }
    if (status == QST_OK) {
        status = sort_rows(arena, out, err);
    }
    if (status == QST_OK) {
        status = find_largest(out, err);
    }
    return status == QST_OK ? cut_tasks(arena, out, err) : status;
}

/* ---- One block of rows ---- */

/* What a worker has. Panels have `room` rows; their last column is the residual. */
typedef struct {
    ptrdiff_t room;
    double *x;     /* room x p; the panel itself if there is no basis */
    double *panel; /* room x (n_cols + 1) */
    double *eta, *mu, *slope, *variance;
    double *weight, *pearson; /* room + largest: of the block; of the cluster, if timed */
    ptrdiff_t first, end;     /* rows in the panel, as places in clusters->rows */
    double *gram;             /* (n_cols + 1)^2 */
    double *totals, *carry;   /* n_cols + 1: column sums, last row, of the cluster so far */
    double sum_weight, sum_pearson;
    double *factor, *pivots; /* of an unstructured correlation */
} bench;

typedef struct {
    const qst__gee_clusters *clusters;
    const qst__gee_pass *pass;
    ptrdiff_t n_sums;     /* of a task: step's, then the products */
    const double *powers; /* AR1: correlation^0, ^1, ... */
    bench *benches;
    double *sums;
} job;

/* Linear predictors to b->eta; without offset to *linear, for the working response. */
static void predict(const job *j, const bench *b, ptrdiff_t n, const ptrdiff_t *rows)
{
    const qst_gee *gee = j->clusters->gee;
    for (ptrdiff_t i = 0; i < n; i++) {
        b->eta[i] = gee->offset != NULL ? gee->offset[rows[i]] : 0.0;
    }
    for (ptrdiff_t k = 0; k < j->clusters->n_cols && j->pass->eta == NULL; k++) {
        for (ptrdiff_t i = 0; i < n; i++) {
            b->eta[i] += b->x[i + k * b->room] * j->pass->b[k];
        }
    }
    for (ptrdiff_t i = 0; i < n && j->pass->eta != NULL; i++) {
        b->eta[i] = j->pass->eta[rows[i]];
    }
}

/* panel = x A', all but the last column. */
static void change_basis(const job *j, const bench *b, ptrdiff_t n)
{
    const ptrdiff_t p = j->clusters->n_cols, q = j->pass->n_cols;
    for (ptrdiff_t k = 0; k < q; k++) {
        double *column = b->panel + k * b->room;
        memset(column, 0, (size_t)n * sizeof *column);
        for (ptrdiff_t l = 0; l < p; l++) {
            const double times = j->pass->basis[k + l * q];
            for (ptrdiff_t i = 0; i < n && times != 0.0; i++) {
                column[i] += times * b->x[i + l * b->room];
            }
        }
    }
}

/* Residuals to the last column, the scale of each row to b->mu. */
static qst_status set_residuals(
    const job *j, const bench *b, ptrdiff_t n, const ptrdiff_t *rows, qst_err *err)
{
    const qst_gee *gee = j->clusters->gee;
    double *last = b->panel + j->pass->n_cols * b->room;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double deviation = (1.0 / sqrt(b->variance[i]));
        const double offset = gee->offset != NULL ? gee->offset[rows[i]] : 0.0;
        b->weight[i] = weight_of(gee, rows[i]);
        b->pearson[i] = (gee->y[rows[i]] - b->mu[i]) * deviation;
        const double scale = sqrt(b->weight[i]) * deviation * b->slope[i];
        last[i] = sqrt(b->weight[i]) * b->pearson[i];
        if (j->pass->eta != NULL) {
            last[i] += scale * (b->eta[i] - offset);
        }
        if (!isfinite(last[i]) || !isfinite(scale)) {
            return qst__fail_at(err, QST_ENOTCONV, rows[i], -1, b->mu[i],
                "mean %g of row %td is outside the range of the family", b->mu[i], rows[i] + 1);
        }
        b->mu[i] = scale;
    }
    return QST_OK;
}

static qst_status load_block(const job *j, bench *b, ptrdiff_t first, ptrdiff_t end, qst_err *err)
{
    const qst_gee *gee = j->clusters->gee;
    const ptrdiff_t *rows = j->clusters->rows + first, n = end - first;
    b->first = first;
    b->end = end;
    qst__design_fill(j->clusters->design, rows, 0, n, b->x, b->room);
    predict(j, b, n, rows);
    qst__mean_block(gee->link, b->eta, n, b->mu, b->slope);
    qst__variance_block(gee->family, gee->theta, b->mu, n, b->variance);
    if (j->pass->basis != NULL) {
        change_basis(j, b, n);
    }
    const qst_status status = set_residuals(j, b, n, rows, err);
    for (ptrdiff_t k = 0; k < j->pass->n_cols && status == QST_OK; k++) {
        for (ptrdiff_t i = 0; i < n; i++) {
            b->panel[i + k * b->room] *= b->mu[i];
        }
    }
    return status;
}

/* An unstructured correlation needs its clusters whole. */
static ptrdiff_t block_end(const job *j, const bench *b, ptrdiff_t first, ptrdiff_t cluster)
{
    const ptrdiff_t *starts = j->clusters->starts, n_clusters = j->clusters->gee->n_clusters;
    if (j->clusters->gee->corstr != QST_CORSTR_UNSTRUCTURED) {
        return qst__min(first + b->room, starts[n_clusters]);
    }
    while (cluster + 1 < n_clusters && starts[cluster + 2] - first <= b->room) {
        cluster++;
    }
    return starts[cluster + 1];
}

/* ---- Products of residuals ---- */

/* Pairs of all rows with those before them, from running sums. */
static void add_exchangeable(bench *b, ptrdiff_t at, ptrdiff_t n, double *products)
{
    for (ptrdiff_t i = at; i < at + n; i++) {
        const double pearson = b->weight[i] * b->pearson[i];
        products[2] += pearson * b->sum_pearson;
        products[3] += b->weight[i] * b->sum_weight;
        b->sum_pearson += pearson;
        b->sum_weight += b->weight[i];
    }
}

/* Pairs of the rows at .. at + n - 1 of a cluster whose rows from `start` on were here already;
 * their residuals are kept behind those of the block. */
static void add_timed(
    const job *j, bench *b, ptrdiff_t start, ptrdiff_t at, ptrdiff_t n, double *products)
{
    const qst_gee *gee = j->clusters->gee;
    const ptrdiff_t *rows = j->clusters->rows + start;
    const ptrdiff_t before = b->first + at - start;
    double *weight = b->weight + b->room, *pearson = b->pearson + b->room;
    for (ptrdiff_t i = before; i < before + n; i++) {
        const ptrdiff_t time = gee->time[rows[i]] - 1;
        weight[i] = b->weight[at + i - before];
        pearson[i] = weight[i] * b->pearson[at + i - before];
        for (ptrdiff_t k = 0; k < i; k++) {
            const ptrdiff_t earlier = gee->time[rows[k]] - 1;
            const ptrdiff_t kind =
                gee->corstr == QST_CORSTR_AR1 ? time - earlier - 1 : n_pairs(time) + earlier;
            products[2 + 2 * kind] += pearson[i] * pearson[k];
            products[3 + 2 * kind] += weight[i] * weight[k];
        }
    }
}

static void add_products(
    const job *j, bench *b, ptrdiff_t start, ptrdiff_t at, ptrdiff_t n, double *products)
{
    for (ptrdiff_t i = at; i < at + n; i++) {
        products[0] += b->weight[i] * b->pearson[i] * b->pearson[i];
        products[1] += b->weight[i];
    }
    if (is_timed(j->clusters->gee)) {
        add_timed(j, b, start, at, n, products);
    } else if (j->clusters->gee->corstr == QST_CORSTR_EXCHANGEABLE) {
        add_exchangeable(b, at, n, products);
    }
}

/* ---- Whitening: rows of unit working covariance ---- */

/* A row less correlation^lag times the one before it, over the deviation of what is left. */
static void whiten_ar1(const job *j, bench *b, ptrdiff_t start, ptrdiff_t at, ptrdiff_t n)
{
    const ptrdiff_t *rows = j->clusters->rows + b->first + at;
    const int32_t *time = j->clusters->gee->time;
    const bool has_carry = b->first + at > start;
    double *share = b->eta, *scale = b->slope; /* no longer needed */
    for (ptrdiff_t i = 0; i < n; i++) {
        const bool is_first = i == 0 && !has_carry;
        const double r = is_first ? 0.0 : j->powers[time[rows[i]] - time[rows[i - 1]]];
        share[i] = r;
        scale[i] = 1.0 / sqrt((1.0 - r) * (1.0 + r));
    }
    for (ptrdiff_t k = 0; k <= j->pass->n_cols; k++) {
        double *column = b->panel + at + k * b->room;
        const double last = column[n - 1];
        for (ptrdiff_t i = n - 1; i > 0; i--) {
            column[i] = (column[i] - share[i] * column[i - 1]) * scale[i];
        }
        column[0] = (column[0] - share[0] * b->carry[k]) * scale[0];
        b->carry[k] = last;
    }
}

static qst_status whiten_unstructured(
    const job *j, bench *b, ptrdiff_t at, ptrdiff_t n, qst_err *err)
{
    const ptrdiff_t *rows = j->clusters->rows + b->first + at;
    const int32_t *time = j->clusters->gee->time;
    const qst_mat factor = {b->factor, n, n, n};
    for (ptrdiff_t k = 0; k < n; k++) {
        for (ptrdiff_t i = 0; i <= k; i++) {
            const double r =
                i == k ? 1.0 : j->pass->correlation[n_pairs(time[rows[k]] - 1) + time[rows[i]] - 1];
            factor.data[i + k * n] = r;
            factor.data[k + i * n] = r;
        }
    }
    if (qst__cholesky(factor, MIN_PIVOT, b->pivots) < n) {
        return qst__fail_at(err, QST_ESINGULAR, rows[0], -1, (double)NAN,
            "the working correlation of the cluster of row %td is not positive definite",
            rows[0] + 1);
    }
    for (ptrdiff_t k = 0; k <= j->pass->n_cols; k++) {
        qst__solve_upper_transposed(qst__view(factor), b->panel + at + k * b->room);
    }
    return QST_OK;
}

/* ---- One cluster ---- */

static void add_gram(const job *j, const bench *b, ptrdiff_t at, ptrdiff_t n)
{
    const ptrdiff_t size = j->pass->n_cols + 1;
    for (ptrdiff_t k = 0; k < size; k++) {
        const double *right = b->panel + at + k * b->room;
        for (ptrdiff_t l = 0; l <= k; l++) {
            const double *left = b->panel + at + l * b->room;
            double sum = 0.0;
            for (ptrdiff_t i = 0; i < n; i++) {
                sum += left[i] * right[i];
            }
            b->gram[l + k * size] += sum;
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            b->totals[k] += right[i];
        }
    }
}

/* R^-1 = (1 - c / (1 + (n - 1) a) 1 1') / (1 - a), c = a for correlation a; both triangles. */
static void finish_gram(const job *j, const bench *b, ptrdiff_t n)
{
    const ptrdiff_t size = j->pass->n_cols + 1;
    const bool is_equal = j->clusters->gee->corstr == QST_CORSTR_EXCHANGEABLE;
    const double a = is_equal ? j->pass->correlation[0] : 0.0;
    const double share = a / (1.0 + ((double)n - 1.0) * a);
    for (ptrdiff_t k = 0; k < size; k++) {
        for (ptrdiff_t l = 0; l <= k; l++) {
            const double both = share * b->totals[l] * b->totals[k];
            b->gram[l + k * size] = (b->gram[l + k * size] - both) / (1.0 - a);
            b->gram[k + l * size] = b->gram[l + k * size];
        }
    }
}

static void clear_cluster(const job *j, bench *b)
{
    const size_t size = (size_t)j->pass->n_cols + 1;
    memset(b->gram, 0, size * size * sizeof *b->gram);
    memset(b->totals, 0, size * sizeof *b->totals);
    memset(b->carry, 0, size * sizeof *b->carry);
    b->sum_weight = 0.0;
    b->sum_pearson = 0.0;
}

static qst_status run_cluster(
    const job *j, ptrdiff_t cluster, int worker, double *sums, qst_err *err)
{
    bench *b = &j->benches[worker];
    const ptrdiff_t start = j->clusters->starts[cluster], end = j->clusters->starts[cluster + 1];
    qst_status status = QST_OK;
    clear_cluster(j, b);
    for (ptrdiff_t row = start; row < end && status == QST_OK; row = qst__min(b->end, end)) {
        if (row >= b->end) {
            status = load_block(j, b, row, block_end(j, b, row, cluster), err);
            if (status != QST_OK) {
                return status;
            }
        }
        const ptrdiff_t at = row - b->first, n = qst__min(b->end, end) - row;
        if (j->pass->products_out != NULL) {
            add_products(j, b, start, at, n, sums + j->pass->n_sums);
        }
        if (j->clusters->gee->corstr == QST_CORSTR_AR1) {
            whiten_ar1(j, b, start, at, n);
        } else if (j->clusters->gee->corstr == QST_CORSTR_UNSTRUCTURED) {
            status = whiten_unstructured(j, b, at, n, err);
        }
        add_gram(j, b, at, n);
    }
    if (status == QST_OK && end > start) {
        finish_gram(j, b, end - start);
        status = j->pass->step(j->pass->data, b->gram, worker, sums, err);
    }
    return status;
}

static qst_status run_task(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    const job *j = data;
    const ptrdiff_t *tasks = j->clusters->tasks;
    qst_status status = QST_OK;
    j->benches[worker].end = 0; /* nothing loaded */
    for (ptrdiff_t k = tasks[task]; k < tasks[task + 1] && status == QST_OK; k++) {
        status = run_cluster(j, k, worker, j->sums + task * j->n_sums, err);
    }
    return status;
}

/* ---- The pass ---- */

static qst_status make_bench(const job *j, qst__arena *arena, bench *b, qst_err *err)
{
    const qst_gee *gee = j->clusters->gee;
    const bool is_free = gee->corstr == QST_CORSTR_UNSTRUCTURED;
    const ptrdiff_t largest = j->clusters->largest, size = j->pass->n_cols + 1;
    b->room = is_free ? qst__max(BLOCK, largest) : BLOCK;
    const ptrdiff_t kept = b->room + (is_timed(gee) ? largest : 0);
    const ptrdiff_t order = is_free ? largest : 0;
    const struct {
        double **array;
        ptrdiff_t n;
    } rooms[] = {{&b->panel, b->room * size}, {&b->eta, b->room}, {&b->mu, b->room},
        {&b->slope, b->room}, {&b->variance, b->room}, {&b->weight, kept}, {&b->pearson, kept},
        {&b->gram, size * size}, {&b->totals, size}, {&b->carry, size}, {&b->factor, order * order},
        {&b->pivots, order}, {&b->x, j->pass->basis != NULL ? b->room * j->clusters->n_cols : 0}};
    qst_status status = QST_OK;
    for (size_t k = 0; k < sizeof rooms / sizeof *rooms && status == QST_OK; k++) {
        status = qst__arena_array(arena, rooms[k].n, sizeof(double), rooms[k].array, err);
    }
    b->x = j->pass->basis != NULL ? b->x : b->panel;
    return status;
}

/* Refuses correlations that cannot be, before they are taken the root of. */
static qst_status correlation_check(const job *j, qst_err *err)
{
    const qst_corstr corstr = j->clusters->gee->corstr;
    if (corstr != QST_CORSTR_EXCHANGEABLE && corstr != QST_CORSTR_AR1) {
        return QST_OK;
    }
    const double n = (double)j->clusters->largest, r = j->pass->correlation[0];
    const double low = corstr == QST_CORSTR_AR1 || n < 2.0 ? -1.0 : -1.0 / (n - 1.0);
    if (r > low && r < 1.0) {
        return QST_OK;
    }
    return qst__fail_at(err, QST_ESINGULAR, -1, -1, r,
        "a working correlation of %.4g is not possible in clusters of up to %td rows", r,
        j->clusters->largest);
}

static qst_status make_powers(job *j, qst__arena *arena, qst_err *err)
{
    if (j->clusters->gee->corstr != QST_CORSTR_AR1) {
        return QST_OK;
    }
    double *powers = NULL;
    const ptrdiff_t n = j->clusters->gee->n_times;
    const qst_status status = qst__arena_array(arena, n, sizeof *powers, &powers, err);
    for (ptrdiff_t k = 0; k < n && status == QST_OK; k++) {
        powers[k] = k == 0 ? 1.0 : powers[k - 1] * j->pass->correlation[0];
    }
    j->powers = powers;
    return status;
}

static qst_status make_job(job *j, qst__arena *arena, qst_err *err)
{
    const qst__gee_clusters *c = j->clusters;
    const int n_workers = qst_par_workers(c->ctx, c->n_tasks);
    qst_status status = qst__arena_array(arena, n_workers, sizeof *j->benches, &j->benches, err);
    for (int w = 0; w < n_workers && status == QST_OK; w++) {
        status = make_bench(j, arena, &j->benches[w], err);
    }
    if (status == QST_OK) {
        status = make_powers(j, arena, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, c->n_tasks * j->n_sums, sizeof(double), &j->sums, err);
    }
    return status;
}

qst_status qst__gee_run(const qst__gee_clusters *clusters, const qst__gee_pass *pass, qst_err *err)
{
    job j = {.clusters = clusters, .pass = pass, .n_sums = pass->n_sums};
    j.n_sums += pass->products_out != NULL ? qst__gee_products(clusters->gee) : 0;
    qst__arena arena;
    qst__arena_init(&arena, clusters->ctx);
    qst_status status = correlation_check(&j, err);
    if (status == QST_OK) {
        status = make_job(&j, &arena, err);
    }
    if (status == QST_OK) {
        status = qst_par_for(clusters->ctx, clusters->n_tasks, run_task, &j, err);
    }
    for (ptrdiff_t k = 0; k < j.n_sums && status == QST_OK; k++) {
        qst__dd total = {0.0, 0.0};
        for (ptrdiff_t task = 0; task < clusters->n_tasks; task++) {
            total = qst__dd_add(total, j.sums[task * j.n_sums + k]);
        }
        double *out = k < pass->n_sums ? pass->sums_out + k : pass->products_out + k - pass->n_sums;
        *out = qst__dd_value(total);
    }
    qst__arena_free(&arena);
    return status;
}
