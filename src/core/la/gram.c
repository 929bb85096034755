#include "la/la.h"

#include <math.h>
#include <string.h>

/* Rows that are copied to a panel at a time: with 20 columns it stays in the first cache. */
#define BLOCK 128
/* Tasks are cut by these alone, never by the number of threads. */
#define ROWS_PER_TASK 4096
#define MAX_TASKS 64

/* ---- What all passes share ---- */

typedef struct {
    const qst__rows *rows;
    ptrdiff_t rows_per_task;
    double *panels; /* one a worker, BLOCK x (p + 1) */
    qst__dd *sums;  /* one set of n_sums a task */
    ptrdiff_t n_sums;
    const double *b; /* residuals: coefficients */
    double *per_row; /* residuals or leverage */
    qst_cmat r;      /* leverage: the factor */
} pass;

static double shift_of(const qst__rows *rows, ptrdiff_t j)
{
    return rows->shifts != NULL ? rows->shifts[j] : 0.0;
}

static const double *column_of(const qst__rows *rows, ptrdiff_t j)
{
    return j < rows->x.n_cols ? rows->x.data + j * rows->x.ld : rows->y;
}

static ptrdiff_t rows_per_task(ptrdiff_t n_rows)
{
    const ptrdiff_t even = (n_rows + MAX_TASKS - 1) / MAX_TASKS;
    const ptrdiff_t rows = qst__max(ROWS_PER_TASK, even);
    return (rows + BLOCK - 1) / BLOCK * BLOCK;
}

/* Columns 0 .. n_cols - 1 of [x y] less shifts, rows start .. end - 1; the rest of the block is 0.
 */
static void fill_panel(
    const qst__rows *rows, ptrdiff_t start, ptrdiff_t end, ptrdiff_t n_cols, double *panel)
{
    for (ptrdiff_t j = 0; j < n_cols; j++) {
        const double *column = column_of(rows, j) + start;
        const double shift = shift_of(rows, j);
        double *out = panel + j * BLOCK;
        for (ptrdiff_t i = 0; i < end - start; i++) {
            out[i] = column[i] - shift;
        }
        memset(out + (end - start), 0, (size_t)(BLOCK - (end - start)) * sizeof *out);
    }
}

static double dot_block(const double *a, const double *b)
{
    double sums[4] = {0.0, 0.0, 0.0, 0.0};
    for (int i = 0; i < BLOCK; i += 4) {
        for (int k = 0; k < 4; k++) {
            sums[k] += a[i + k] * b[i + k];
        }
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* Runs `task` over all rows with room for panels and sums. The sums of all tasks, added in index
 * order, go to sums_out. */
static qst_status run(const qst_ctx *ctx, pass *work, qst_task task, double *sums_out, qst_err *err)
{
    const ptrdiff_t n_rows = work->rows->x.n_rows;
    work->rows_per_task = rows_per_task(n_rows);
    const ptrdiff_t n_tasks = (n_rows + work->rows_per_task - 1) / work->rows_per_task;
    const ptrdiff_t panel_size = BLOCK * (work->rows->x.n_cols + 1);
    const ptrdiff_t n_panels = qst_par_workers(ctx, n_tasks);
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst_status status =
        qst__arena_array(&arena, n_panels * panel_size, sizeof(double), &work->panels, err);
    if (status == QST_OK) {
        status =
            qst__arena_array(&arena, n_tasks * work->n_sums, sizeof(qst__dd), &work->sums, err);
    }
    if (status == QST_OK) {
        status = qst_par_for(ctx, n_tasks, task, work, err);
    }
    for (ptrdiff_t k = 0; k < work->n_sums && status == QST_OK; k++) {
        qst__dd total = {0.0, 0.0};
        for (ptrdiff_t t = 0; t < n_tasks; t++) {
            total = qst__dd_sum(total, work->sums[t * work->n_sums + k]);
        }
        sums_out[k] = qst__dd_value(total);
    }
    qst__arena_free(&arena);
    return status;
}

typedef void (*block_step)(
    const pass *work, ptrdiff_t start, ptrdiff_t end, double *panel, qst__dd *sums);

static void each_block(const pass *work, ptrdiff_t task, int worker, block_step step)
{
    const ptrdiff_t n_rows = work->rows->x.n_rows;
    const ptrdiff_t first = task * work->rows_per_task;
    const ptrdiff_t last = qst__min(first + work->rows_per_task, n_rows);
    double *panel = work->panels + worker * BLOCK * (work->rows->x.n_cols + 1);
    qst__dd *sums = work->sums + task * work->n_sums;
    for (ptrdiff_t start = first; start < last; start += BLOCK) {
        step(work, start, qst__min(start + BLOCK, last), panel, sums);
    }
}

/* ---- Means ---- */

typedef struct {
    const qst__rows *rows;
    double *means;
    bool *is_constant;
} means_pass;

static qst_status not_finite(const double *column, ptrdiff_t row, ptrdiff_t j, qst_err *err)
{
    return qst__fail_at(err, QST_EARGUMENT, row, j, column[row],
        "value %g in row %td, column %td is not finite", column[row], row + 1, j + 1);
}

/* The mean of one column. Columns are the tasks, so sums do not depend on threads. */
static qst_status column_mean(void *data, ptrdiff_t j, int worker, qst_err *err)
{
    (void)worker;
    const means_pass *work = data;
    const double *column = column_of(work->rows, j);
    const double *weights = work->rows->weights;
    qst__dd sum = {0.0, 0.0}, total = {0.0, 0.0};
    double first = (double)NAN;
    bool is_constant = true;
    for (ptrdiff_t i = 0; i < work->rows->x.n_rows; i++) {
        if (!isfinite(column[i])) {
            return not_finite(column, i, j, err);
        }
        const double weight = weights != NULL ? weights[i] : 1.0;
        if (weight == 0.0) {
            continue;
        }
        first = isnan(first) ? column[i] : first;
        is_constant = is_constant && column[i] == first;
        sum = qst__dd_add(sum, weight * column[i]);
        total = qst__dd_add(total, weight);
    }
    if (total.high == 0.0) {
        return qst__fail(err, QST_ENODATA, "no row has a weight above 0");
    }
    /* Of equal values the mean is that value to the last bit, so that less its mean it is 0. */
    work->means[j] = is_constant ? first : qst__dd_value(sum) / qst__dd_value(total);
    work->is_constant[j] = is_constant;
    return QST_OK;
}

qst_status qst__column_means(const qst_ctx *ctx, const qst__rows *rows, double *means_out,
    bool *is_constant_out, qst_err *err)
{
    means_pass work = {rows, means_out, is_constant_out};
    qst_ctx serial;
    if (ctx != NULL && rows->x.n_rows < ROWS_PER_TASK) {
        serial = *ctx;
        serial.n_threads = 1;
        ctx = &serial;
    }
    return qst_par_for(ctx, rows->x.n_cols + 1, column_mean, &work, err);
}

/* ---- Gram matrix ---- */

static void scale_by_weights(const double *weights, ptrdiff_t n, ptrdiff_t n_cols, double *panel)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const double root = sqrt(weights[i]);
        for (ptrdiff_t j = 0; j < n_cols; j++) {
            panel[i + j * BLOCK] *= root;
        }
    }
}

static void gram_block(
    const pass *work, ptrdiff_t start, ptrdiff_t end, double *panel, qst__dd *sums)
{
    const ptrdiff_t n_cols = work->rows->x.n_cols + 1;
    fill_panel(work->rows, start, end, n_cols, panel);
    if (work->rows->weights != NULL) {
        scale_by_weights(work->rows->weights + start, end - start, n_cols, panel);
    }
    for (ptrdiff_t j = 0; j < n_cols; j++) {
        for (ptrdiff_t k = 0; k <= j; k++) {
            *sums = qst__dd_add(*sums, dot_block(panel + j * BLOCK, panel + k * BLOCK));
            sums++;
        }
    }
}

static qst_status gram_task(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)err;
    each_block(data, task, worker, gram_block);
    return QST_OK;
}

qst_status qst__gram(const qst_ctx *ctx, const qst__rows *rows, qst_mat gram_out, qst_err *err)
{
    const ptrdiff_t n_cols = rows->x.n_cols + 1;
    QST_ASSERT(gram_out.n_rows == n_cols && gram_out.n_cols == n_cols && gram_out.ld == n_cols);
    pass work = {.rows = rows, .n_sums = n_cols * (n_cols + 1) / 2};
    /* The packed triangle fits at the start of the square and is spread out from its end. */
    const qst_status status = run(ctx, &work, gram_task, gram_out.data, err);
    if (status != QST_OK) {
        return status;
    }
    for (ptrdiff_t j = n_cols - 1; j >= 0; j--) {
        memmove(gram_out.data + j * n_cols, gram_out.data + j * (j + 1) / 2,
            (size_t)(j + 1) * sizeof(double));
    }
    for (ptrdiff_t j = 0; j < n_cols; j++) {
        for (ptrdiff_t k = 0; k < j; k++) {
            gram_out.data[j + k * n_cols] = gram_out.data[k + j * n_cols];
        }
    }
    return QST_OK;
}

/* ---- Residuals ---- */

static void residual_block(
    const pass *work, ptrdiff_t start, ptrdiff_t end, double *panel, qst__dd *sums)
{
    const ptrdiff_t p = work->rows->x.n_cols;
    double *residuals = panel + p * BLOCK;
    fill_panel(work->rows, start, end, p + 1, panel);
    for (ptrdiff_t j = 0; j < p; j++) {
        for (ptrdiff_t i = 0; i < end - start; i++) {
            residuals[i] -= panel[i + j * BLOCK] * work->b[j];
        }
    }
    memcpy(work->per_row + start, residuals, (size_t)(end - start) * sizeof(double));
    double weighted[BLOCK] = {0.0};
    for (ptrdiff_t i = 0; i < end - start; i++) {
        const double weight = work->rows->weights != NULL ? work->rows->weights[start + i] : 1.0;
        weighted[i] = weight * residuals[i];
    }
    for (ptrdiff_t j = 0; j <= p; j++) {
        sums[j] = qst__dd_add(sums[j], dot_block(panel + j * BLOCK, weighted));
    }
}

static qst_status residual_task(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)err;
    each_block(data, task, worker, residual_block);
    return QST_OK;
}

qst_status qst__residuals(const qst_ctx *ctx, const qst__rows *rows, const double *b,
    double *residuals_out, double *cross_out, qst_err *err)
{
    pass work = {.rows = rows, .n_sums = rows->x.n_cols + 1, .b = b, .per_row = residuals_out};
    return run(ctx, &work, residual_task, cross_out, err);
}

/* ---- Leverage ---- */

/* Forward substitution for all rows of the block at once: panel = panel R^-1. */
static void solve_panel(qst_cmat r, double *panel)
{
    for (ptrdiff_t j = 0; j < r.n_cols; j++) {
        const double *column = r.data + j * r.ld;
        double *out = panel + j * BLOCK;
        for (ptrdiff_t k = 0; k < j; k++) {
            const double *known = panel + k * BLOCK;
            for (int i = 0; i < BLOCK; i++) {
                out[i] -= column[k] * known[i];
            }
        }
        for (int i = 0; i < BLOCK; i++) {
            out[i] = column[j] != 0.0 ? out[i] / column[j] : 0.0;
        }
    }
}

static void leverage_block(
    const pass *work, ptrdiff_t start, ptrdiff_t end, double *panel, qst__dd *sums)
{
    (void)sums;
    const ptrdiff_t p = work->rows->x.n_cols;
    fill_panel(work->rows, start, end, p, panel);
    solve_panel(work->r, panel);
    for (ptrdiff_t i = 0; i < end - start; i++) {
        double sum = 0.0;
        for (ptrdiff_t j = 0; j < p; j++) {
            sum += panel[i + j * BLOCK] * panel[i + j * BLOCK];
        }
        const double weight = work->rows->weights != NULL ? work->rows->weights[start + i] : 1.0;
        work->per_row[start + i] = weight * sum;
    }
}

static qst_status leverage_task(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)err;
    each_block(data, task, worker, leverage_block);
    return QST_OK;
}

qst_status qst__leverage(
    const qst_ctx *ctx, const qst__rows *rows, qst_cmat r, double *leverage_out, qst_err *err)
{
    pass work = {.rows = rows, .per_row = leverage_out, .r = r};
    return run(ctx, &work, leverage_task, NULL, err);
}
