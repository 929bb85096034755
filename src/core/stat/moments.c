#include "stat/answers.h"

/*
 * Each run of rows becomes 16-bit columns: the levels of the items, 0 where
 * missing, then masks of 0 and 1: one for all items (rows that are complete)
 * or one for each. Dot products of these columns hold every n, sum and
 * cross-product. With at most 1448 steps a dot product over a run fits int32,
 * which is what lets compilers use multiply-add instructions.
 */
#define MAX_STEPS 1448
_Static_assert(INT64_C(1448) * 1448 * QST__RUN <= INT32_MAX, "dot products must fit int32");

typedef struct {
    int16_t *columns; /* n_columns x QST__RUN */
    int64_t *gram;    /* n_columns x n_columns, upper triangle */
} bench;

typedef struct {
    const qst_scale *scale;
    qst_missing missing;
    const ptrdiff_t *items; /* those that anybody answered */
    ptrdiff_t n_items;
    ptrdiff_t n_columns;
    bench *benches; /* one for each worker */
} moments_job;

QST__LOOP int32_t dot_loop(const int16_t *restrict a, const int16_t *restrict b)
{
    int32_t sum = 0;
    for (int i = 0; i < QST__RUN; i++) {
        sum += (int32_t)a[i] * (int32_t)b[i];
    }
    return sum;
}

QST__WIDE int32_t dot_loop_wide(const int16_t *a, const int16_t *b)
{
    return dot_loop(a, b);
}

static int32_t dot(const int16_t *a, const int16_t *b)
{
    return QST__IS_WIDE ? dot_loop_wide(a, b) : dot_loop(a, b);
}

static void narrow(const int32_t *restrict levels, int16_t *restrict column)
{
    for (int i = 0; i < QST__RUN; i++) {
        column[i] = (int16_t)levels[i];
    }
}

static void keep_present(const int16_t *restrict column, int16_t *restrict mask)
{
    for (int i = 0; i < QST__RUN; i++) {
        mask[i] = (int16_t)(mask[i] & (column[i] >= 0));
    }
}

static void zero_absent(int16_t *restrict column, const int16_t *restrict mask)
{
    for (int i = 0; i < QST__RUN; i++) {
        column[i] = (int16_t)(column[i] & -mask[i]);
    }
}

static ptrdiff_t mask_of(const moments_job *job, ptrdiff_t item)
{
    return job->n_items + (job->missing == QST_PAIRWISE ? item : 0);
}

static int16_t *column_of(const bench *b, ptrdiff_t column)
{
    return b->columns + column * QST__RUN;
}

static void fill_masks(const moments_job *job, const bench *b)
{
    for (ptrdiff_t k = job->n_items * QST__RUN; k < job->n_columns * QST__RUN; k++) {
        b->columns[k] = 1;
    }
    for (ptrdiff_t j = 0; j < job->n_items; j++) {
        keep_present(column_of(b, j), column_of(b, mask_of(job, j)));
    }
    for (ptrdiff_t j = 0; j < job->n_items; j++) {
        zero_absent(column_of(b, j), column_of(b, mask_of(job, j)));
    }
}

static void add_products(const moments_job *job, const bench *b)
{
    for (ptrdiff_t j = 0; j < job->n_columns; j++) {
        for (ptrdiff_t i = 0; i <= j; i++) {
            b->gram[i + j * job->n_columns] += dot(column_of(b, i), column_of(b, j));
        }
    }
}

static qst_status moments_run(const moments_job *job, const bench *b, ptrdiff_t start, qst_err *err)
{
    for (ptrdiff_t j = 0; j < job->n_items; j++) {
        int32_t levels[QST__RUN];
        if (!qst__levels(job->scale, job->items[j], start, levels)) {
            return qst__levels_fault(job->scale, start, err);
        }
        narrow(levels, column_of(b, j));
    }
    fill_masks(job, b);
    add_products(job, b);
    return QST_OK;
}

static qst_status moments_task(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    const moments_job *job = data;
    const ptrdiff_t end = qst__task_end(job->scale, task);
    qst_status status = QST_OK;
    for (ptrdiff_t row = task * QST__TASK_ROWS; row < end && status == QST_OK; row += QST__RUN) {
        status = moments_run(job, &job->benches[worker], row, err);
    }
    return status;
}

/* Rows after the last have no answers, so they add nothing. */
static int64_t gram_of(const moments_job *job, ptrdiff_t i, ptrdiff_t j)
{
    return job->benches[0].gram[qst__min(i, j) + qst__max(i, j) * job->n_columns];
}

/*
 * The covariance from exact sums. Both variables are first moved by the whole
 * part of their mean, in integers; what remains to be subtracted in doubles
 * is then small, so no digits cancel.
 */
static double covariance(int64_t n, int64_t sum_x, int64_t sum_y, int64_t sum_xy)
{
    if (n < 2) {
        return qst_na_real();
    }
    const int64_t a = sum_x / n;
    const int64_t b = sum_y / n;
    const int64_t moved_xy = sum_xy - a * sum_y - b * sum_x + n * a * b;
    const double rest_x = (double)(sum_x - n * a);
    const double rest_y = (double)(sum_y - n * b);
    return ((double)moved_xy - rest_x * rest_y / (double)n) / (double)(n - 1);
}

static void write_pair(
    const moments_job *job, ptrdiff_t i, ptrdiff_t j, const qst_item_moments_out *out)
{
    const ptrdiff_t mask_i = mask_of(job, i);
    const ptrdiff_t mask_j = mask_of(job, j);
    const double step = job->scale->range.step;
    const int64_t n = gram_of(job, mask_i, mask_j);
    const double cov =
        covariance(n, gram_of(job, i, mask_j), gram_of(job, j, mask_i), gram_of(job, i, j));
    const ptrdiff_t k = job->scale->n_items;
    const ptrdiff_t at = job->items[i] + job->items[j] * k;
    const ptrdiff_t mirrored = job->items[j] + job->items[i] * k;
    out->n[at] = out->n[mirrored] = (double)n;
    out->cov[at] = out->cov[mirrored] = n < 2 ? cov : step * step * cov;
}

static void write_moments(const moments_job *job, const qst_item_moments_out *out)
{
    const qst_range *range = &job->scale->range;
    const ptrdiff_t k = job->scale->n_items;
    for (ptrdiff_t i = 0; i < k; i++) {
        out->mean[i] = qst_na_real();
    }
    for (ptrdiff_t i = 0; i < k * k; i++) {
        out->n[i] = 0;
        out->cov[i] = qst_na_real();
    }
    for (ptrdiff_t j = 0; j < job->n_items; j++) {
        for (ptrdiff_t i = 0; i <= j; i++) {
            write_pair(job, i, j, out);
        }
        const int64_t n = gram_of(job, mask_of(job, j), mask_of(job, j));
        const double level_sum = (double)gram_of(job, j, mask_of(job, j));
        out->mean[job->items[j]] =
            n == 0 ? qst_na_real() : range->min + range->step * (level_sum / (double)n);
    }
}

static void add_benches(const moments_job *job, int n_workers)
{
    for (int w = 1; w < n_workers; w++) {
        for (ptrdiff_t k = 0; k < job->n_columns * job->n_columns; k++) {
            job->benches[0].gram[k] += job->benches[w].gram[k];
        }
    }
}

static qst_status make_benches(moments_job *job, int n_workers, qst__arena *arena, qst_err *err)
{
    qst_status status =
        qst__arena_array(arena, n_workers, sizeof *job->benches, &job->benches, err);
    for (int w = 0; w < n_workers && status == QST_OK; w++) {
        bench *b = &job->benches[w];
        status = qst__arena_array(
            arena, job->n_columns, QST__RUN * sizeof *b->columns, &b->columns, err);
        if (status == QST_OK) {
            status = qst__arena_array(
                arena, job->n_columns, (size_t)job->n_columns * sizeof *b->gram, &b->gram, err);
        }
    }
    return status;
}

static ptrdiff_t find_answered(const qst_scale *scale, ptrdiff_t *items, bool *is_answered)
{
    ptrdiff_t n = 0;
    for (ptrdiff_t j = 0; j < scale->n_items; j++) {
        is_answered[j] = qst__any_answer(&scale->items[j]);
        if (is_answered[j]) {
            items[n++] = j;
        }
    }
    return n;
}

static qst_status moments_check(const qst_scale *scale, qst_err *err)
{
    const qst_status status = qst__scale_check(scale, err);
    if (status == QST_OK && scale->range.n_steps > MAX_STEPS) {
        return qst__fail(err, QST_EARGUMENT, "covariances need answers of at most %d steps, not %d",
            MAX_STEPS, (int)scale->range.n_steps);
    }
    return status;
}

qst_status qst_item_moments(const qst_ctx *ctx, const qst_scale *scale, qst_missing missing,
    const qst_item_moments_out *out, qst_err *err)
{
    qst_status status = moments_check(scale, err);
    if (status != QST_OK) {
        return status;
    }
    const ptrdiff_t n_tasks = qst__n_tasks(scale);
    const int n_workers = qst_par_workers(ctx, n_tasks);
    moments_job job = {.scale = scale, .missing = missing};
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    ptrdiff_t *items = NULL;
    status = qst__arena_array(&arena, scale->n_items, sizeof *items, &items, err);
    if (status != QST_OK) {
        goto done;
    }
    job.items = items;
    job.n_items = find_answered(scale, items, out->is_answered);
    job.n_columns = job.n_items + (missing == QST_PAIRWISE ? job.n_items : 1);
    status = make_benches(&job, n_workers, &arena, err);
    if (status == QST_OK) {
        status = qst_par_for(ctx, n_tasks, moments_task, &job, err);
    }
    if (status == QST_OK) {
        add_benches(&job, n_workers);
        write_moments(&job, out);
    }
done:
    qst__arena_free(&arena);
    return status;
}
