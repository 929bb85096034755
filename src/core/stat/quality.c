#include "la/la.h"
#include "stat/answers.h"

#include <math.h>
#include <string.h>

#define TOL_ALIASED 1e-10

/* ---- One row of levels ------------------------------------------------------- */

static int32_t count_answers(const int32_t *row, ptrdiff_t k)
{
    int32_t n = 0;
    for (ptrdiff_t j = 0; j < k; j++) {
        n += row[j] != QST__NO_LEVEL;
    }
    return n;
}

static int32_t longest_run(const int32_t *row, ptrdiff_t k)
{
    int32_t longest = 0;
    int32_t run = 0;
    for (ptrdiff_t j = 0; j < k; j++) {
        const bool goes_on = j > 0 && row[j] == row[j - 1];
        run = row[j] == QST__NO_LEVEL ? 0 : goes_on ? run + 1 : 1;
        longest = run > longest ? run : longest;
    }
    return longest;
}

/* From exact sums, so that equal answers give 0. */
static double variability(const int32_t *row, ptrdiff_t k, double step)
{
    int64_t n = 0, sum = 0, squares = 0;
    for (ptrdiff_t j = 0; j < k; j++) {
        if (row[j] != QST__NO_LEVEL) {
            n++;
            sum += row[j];
            squares += (int64_t)row[j] * row[j];
        }
    }
    if (n < 2) {
        return qst_na_real();
    }
    return step * sqrt((double)(n * squares - sum * sum) / ((double)n * (double)(n - 1)));
}

/* ---- Even against odd ----------------------------------------------------------- */

typedef struct {
    double sum;
    int32_t n;
} half_sum;

static void add_halves(const qst_scale *scale, const int32_t *half, const int32_t *row,
    half_sum *halves, int32_t n_halves)
{
    memset(halves, 0, (size_t)n_halves * sizeof *halves);
    for (ptrdiff_t j = 0; j < scale->n_items; j++) {
        if (half[j] >= 0 && row[j] != QST__NO_LEVEL) {
            const bool reversed = scale->reversed != NULL && scale->reversed[j];
            halves[half[j]].sum += reversed ? scale->range.n_steps - row[j] : row[j];
            halves[half[j]].n++;
        }
    }
}

/* Correlation of the means of halves 2 g with those of halves 2 g + 1; NaN if one of them does not
 * vary. The first pair is taken off, so that equal means give exactly no variance. */
static double half_correlation(const half_sum *halves, int32_t n_halves, int *n_pairs_out)
{
    double n = 0, x0 = 0, y0 = 0, sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
    for (int32_t h = 0; h + 1 < n_halves; h += 2) {
        if (halves[h].n == 0 || halves[h + 1].n == 0) {
            continue;
        }
        const double x = halves[h].sum / halves[h].n;
        const double y = halves[h + 1].sum / halves[h + 1].n;
        x0 = n == 0 ? x : x0;
        y0 = n == 0 ? y : y0;
        n++;
        sx += x - x0;
        sy += y - y0;
        sxx += (x - x0) * (x - x0);
        syy += (y - y0) * (y - y0);
        sxy += (x - x0) * (y - y0);
    }
    *n_pairs_out = (int)n;
    const double vx = sxx - sx * sx / n;
    const double vy = syy - sy * sy / n;
    return vx > 0 && vy > 0 ? (sxy - sx * sy / n) / sqrt(vx * vy) : (double)NAN;
}

static double even_odd(const half_sum *halves, int32_t n_halves)
{
    int n_pairs = 0;
    const double r = half_correlation(halves, n_halves, &n_pairs);
    if (n_pairs < 3 || isnan(r)) {
        return qst_na_real();
    }
    return fmax(-1.0, 2.0 * r / (1.0 + r));
}

/* ---- Distance from the mean -------------------------------------------------------- */

/* Means and covariances of the complete rows, and the factor of the covariances. */
typedef struct {
    ptrdiff_t k;
    double *mean;
    double *cov;
    qst_mat factor;
    ptrdiff_t rank;
    bool is_known;
} centre;

/* Room to take some of the items out of the covariances. */
typedef struct {
    double *part;
    double *deviation;
    double *pivots;
} distance_room;

static ptrdiff_t part_of(
    const centre *c, const int32_t *row, const qst_range *range, const distance_room *room)
{
    ptrdiff_t n = 0;
    for (ptrdiff_t j = 0; j < c->k; j++) {
        if (row[j] == QST__NO_LEVEL) {
            continue;
        }
        ptrdiff_t m = 0;
        for (ptrdiff_t i = 0; i < j; i++) {
            if (row[i] != QST__NO_LEVEL) {
                room->part[m++ + n * c->k] = c->cov[i + j * c->k];
            }
        }
        room->part[n + n * c->k] = c->cov[j + j * c->k];
        room->deviation[n++] = range->min + range->step * row[j] - c->mean[j];
    }
    return n;
}

/* (x - m)' C^-1 (x - m) = |R'^-1 (x - m)|^2 with R'R = C. */
static double squared_length(qst_cmat factor, double *deviation)
{
    qst__solve_upper_transposed(factor, deviation);
    double sum = 0;
    for (ptrdiff_t i = 0; i < factor.n_cols; i++) {
        sum += deviation[i] * deviation[i];
    }
    return sum;
}

static double distance(const centre *c, const int32_t *row, const qst_range *range,
    const distance_room *room, int32_t *df_out)
{
    *df_out = 0;
    if (!c->is_known) {
        return qst_na_real();
    }
    const ptrdiff_t n = part_of(c, row, range, room);
    if (n == 0) {
        return qst_na_real();
    }
    qst_mat factor = c->factor;
    ptrdiff_t rank = c->rank;
    if (n < c->k) {
        factor = (qst_mat){room->part, n, n, c->k};
        rank = qst__cholesky(factor, TOL_ALIASED, room->pivots);
    }
    *df_out = (int32_t)rank;
    return squared_length(qst__view(factor), room->deviation);
}

/* Items that nobody answered have no moments: variance 0 takes them out. */
static void forget_unanswered(const centre *c, const bool *is_answered)
{
    for (ptrdiff_t j = 0; j < c->k; j++) {
        for (ptrdiff_t i = 0; i < c->k; i++) {
            if (!is_answered[i] || !is_answered[j]) {
                c->cov[i + j * c->k] = 0;
            }
        }
    }
}

static qst_status find_centre(const qst_ctx *ctx, const qst_scale *scale, qst__arena *arena,
    centre *c, double *pivots, qst_err *err)
{
    bool *is_answered = NULL;
    double *n = NULL;
    qst_status status = qst__arena_array(arena, c->k, sizeof *is_answered, &is_answered, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, c->k, (size_t)c->k * sizeof *n, &n, err);
    }
    if (status == QST_OK) {
        const qst_item_moments_out out = {is_answered, n, c->mean, c->cov};
        status = qst_item_moments(ctx, scale, QST_LISTWISE, &out, err);
    }
    for (ptrdiff_t j = 0; j < c->k && status == QST_OK; j++) {
        c->is_known = c->is_known || n[j + j * c->k] >= 2;
    }
    if (status == QST_OK && c->is_known) {
        forget_unanswered(c, is_answered);
        memcpy(c->factor.data, c->cov, (size_t)(c->k * c->k) * sizeof *c->cov);
        c->rank = qst__cholesky(c->factor, TOL_ALIASED, pivots);
    }
    return status;
}

/* ---- All rows ------------------------------------------------------------------------ */

typedef struct {
    int32_t *levels; /* n_items x QST__RUN */
    int32_t *row;
    half_sum *halves;
    distance_room room;
} bench;

typedef struct {
    const qst_scale *scale; /* with its reversals */
    qst_scale raw;          /* without */
    const int32_t *half;
    int32_t n_halves;
    centre centre;
    bench *benches; /* one for each worker */
    qst_quality_out out;
} quality_job;

static void judge_row(const quality_job *job, const bench *b, ptrdiff_t row)
{
    const ptrdiff_t k = job->scale->n_items;
    const qst_range *range = &job->scale->range;
    const qst_quality_out *out = &job->out;
    out->answered[row] = count_answers(b->row, k);
    out->longest_run[row] = longest_run(b->row, k);
    out->variability[row] = variability(b->row, k, range->step);
    add_halves(job->scale, job->half, b->row, b->halves, job->n_halves);
    out->even_odd[row] = even_odd(b->halves, job->n_halves);
    out->distance[row] = distance(&job->centre, b->row, range, &b->room, &out->distance_df[row]);
}

static qst_status judge_run(const quality_job *job, const bench *b, ptrdiff_t start, qst_err *err)
{
    const ptrdiff_t k = job->scale->n_items;
    for (ptrdiff_t j = 0; j < k; j++) {
        if (!qst__levels(&job->raw, j, start, b->levels + j * QST__RUN)) {
            return qst__levels_fault(&job->raw, start, err);
        }
    }
    const ptrdiff_t n = qst__min(QST__RUN, job->scale->n_rows - start);
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t j = 0; j < k; j++) {
            b->row[j] = b->levels[i + j * QST__RUN];
        }
        judge_row(job, b, start + i);
    }
    return QST_OK;
}

static qst_status judge_task(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    const quality_job *job = data;
    const ptrdiff_t end = qst__task_end(job->scale, task);
    qst_status status = QST_OK;
    for (ptrdiff_t row = task * QST__TASK_ROWS; row < end && status == QST_OK; row += QST__RUN) {
        status = judge_run(job, &job->benches[worker], row, err);
    }
    return status;
}

static qst_status make_bench(const quality_job *job, bench *b, qst__arena *arena, qst_err *err)
{
    const ptrdiff_t k = job->scale->n_items;
    const size_t row_bytes = (size_t)k * sizeof(double);
    qst_status status = qst__arena_array(arena, k, QST__RUN * sizeof *b->levels, &b->levels, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, k, sizeof *b->row, &b->row, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, job->n_halves, sizeof *b->halves, &b->halves, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, k + 2, row_bytes, &b->room.part, err);
    }
    if (status == QST_OK) {
        b->room.deviation = b->room.part + k * k;
        b->room.pivots = b->room.deviation + k;
    }
    return status;
}

static qst_status make_centre(centre *c, ptrdiff_t k, qst__arena *arena, qst_err *err)
{
    double *room = NULL;
    const qst_status status =
        qst__arena_array(arena, 2 * k + 1, (size_t)k * sizeof *room, &room, err);
    if (status == QST_OK) {
        *c = (centre){.k = k, .mean = room, .cov = room + k, .factor = {room + k + k * k, k, k, k}};
    }
    return status;
}

static qst_status make_job(quality_job *job, const qst_ctx *ctx, qst__arena *arena, qst_err *err)
{
    const ptrdiff_t k = job->scale->n_items;
    const int n_workers = qst_par_workers(ctx, qst__n_tasks(job->scale));
    qst_status status = make_centre(&job->centre, k, arena, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, n_workers, sizeof *job->benches, &job->benches, err);
    }
    for (int w = 0; w < n_workers && status == QST_OK; w++) {
        status = make_bench(job, &job->benches[w], arena, err);
    }
    return status;
}

static qst_status halves_check(const int32_t *half, ptrdiff_t k, int32_t n_halves, qst_err *err)
{
    for (ptrdiff_t j = 0; j < k; j++) {
        if (half[j] < -1 || half[j] >= n_halves) {
            return qst__fail_at(err, QST_EARGUMENT, -1, j, half[j],
                "half %d of an item is not within -1 .. %d", (int)half[j], (int)n_halves - 1);
        }
    }
    if (n_halves < 0 || n_halves % 2 != 0) {
        return qst__fail(err, QST_EARGUMENT, "%d halves are not pairs", (int)n_halves);
    }
    return QST_OK;
}

qst_status qst_answer_quality(const qst_ctx *ctx, const qst_scale *scale, const int32_t *half,
    int32_t n_halves, const qst_quality_out *out, qst_err *err)
{
    qst_status status = qst__scale_check(scale, err);
    if (status == QST_OK) {
        status = halves_check(half, scale->n_items, n_halves, err);
    }
    if (status != QST_OK) {
        return status;
    }
    quality_job job = {
        .scale = scale, .raw = *scale, .half = half, .n_halves = n_halves, .out = *out};
    job.raw.reversed = NULL;
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    status = make_job(&job, ctx, &arena, err);
    if (status == QST_OK) {
        status = find_centre(ctx, &job.raw, &arena, &job.centre, job.benches[0].room.pivots, err);
    }
    if (status == QST_OK) {
        status = qst_par_for(ctx, qst__n_tasks(scale), judge_task, &job, err);
    }
    qst__arena_free(&arena);
    return status;
}
