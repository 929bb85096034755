#include "la/la.h"
#include "stat/resample.h"

#include <math.h>

#define REPLICATES_PER_TASK 32
#define UNITS_PER_TASK 1024
/* A column whose share of its own length, as the columns before it leave it, is below this is
 * aliased in a sample. */
#define TOL_ALIASED 1e-10

/* All that the replicates share; scratch is of one worker each. */
typedef struct {
    const qst_boot_units *units;
    const qst_boot_data *data;
    qst_boot_statistic statistic;
    int64_t first, n_replicates;
    uint64_t seed;
    ptrdiff_t n_cols, n_products, n_results, n_units, n_rows;

    double *products; /* n_products x n_units: upper triangles of X'X */
    double *total;    /* n_products */
    double *replicate_out, *jackknife_out;
    int32_t *unit_out;

    int32_t *drawn; /* n_units */
    int32_t *count; /* n_units: how often a unit was drawn, for the median */
    double *sums;   /* n_products */
    double *matrix; /* n_cols x n_cols */
    double *pivots; /* n_cols */
} sampler;

ptrdiff_t qst_boot_n_results(qst_boot_statistic statistic, ptrdiff_t n_cols)
{
    return statistic == QST_BOOT_COEFFICIENTS ? n_cols - 1 : 1;
}

/* ---- Checks ---- */

static qst_status check_units(const qst_boot_units *u, qst_err *err)
{
    ptrdiff_t n = 0;
    for (int32_t k = 0; k < u->n_strata; k++) {
        n += qst__max(u->stratum_size[k], 0);
    }
    if (n != u->n_units || n > (ptrdiff_t)INT32_MAX) {
        return qst__fail(err, QST_EDIMENSION, "%td units in strata of %td together", u->n_units, n);
    }
    return n > 0 ? QST_OK : qst__fail(err, QST_ENODATA, "there are no units to draw from");
}

static qst_status check_columns(const sampler *s, qst_err *err)
{
    static const ptrdiff_t least[QST_N_BOOT] = {2, 2, 3, 3, 1};
    if (s->n_cols < least[s->statistic]) {
        return qst__fail(err, QST_EDIMENSION, "%td columns are too few", s->n_cols);
    }
    const qst_cmat x = s->data->columns;
    for (ptrdiff_t i = 0; i < x.n_rows; i++) {
        const int32_t unit = s->data->unit[i];
        if (unit < 1 || unit > s->n_units) {
            return qst__fail_at(err, QST_EARGUMENT, i, -1, (double)unit,
                "unit %d of row %td is not from 1 to %td", (int)unit, i + 1, s->n_units);
        }
        for (ptrdiff_t j = 0; j < x.n_cols; j++) {
            if (!isfinite(x.data[i + j * x.ld])) {
                return qst__fail_at(err, QST_EARGUMENT, i, j, x.data[i + j * x.ld],
                    "row %td, column %td is not finite", i + 1, j + 1);
            }
        }
    }
    return x.n_rows > 0 ? QST_OK : qst__fail(err, QST_ENODATA, "there are no rows");
}

/* ---- Statistics of sums of products ---- */

/* Products of columns i <= j stand at j (j + 1) / 2 + i. */
static double product(const double *sums, ptrdiff_t i, ptrdiff_t j)
{
    return sums[j * (j + 1) / 2 + i];
}

/* Sum of (x_i - mean)(x_j - mean); column 0 is ones. */
static double about_means(const double *sums, ptrdiff_t i, ptrdiff_t j)
{
    return product(sums, i, j) - product(sums, 0, i) * product(sums, 0, j) / sums[0];
}

static void set_nan(double *x, ptrdiff_t n)
{
    for (ptrdiff_t k = 0; k < n; k++) {
        x[k] = (double)NAN;
    }
}

static void coefficients(const sampler *s, const double *sums, int worker, double *out)
{
    const ptrdiff_t p = s->n_cols - 1;
    double *const matrix = s->matrix + worker * s->n_cols * s->n_cols;
    const qst_mat gram = {matrix, p, p, p};
    for (ptrdiff_t j = 0; j < p; j++) {
        for (ptrdiff_t i = 0; i <= j; i++) {
            gram.data[i + j * p] = product(sums, i, j);
            gram.data[j + i * p] = product(sums, i, j);
        }
        out[j] = product(sums, j, p);
    }
    if (qst__cholesky(gram, TOL_ALIASED, s->pivots + worker * s->n_cols) < p) {
        set_nan(out, p);
        return;
    }
    qst__solve_upper_transposed(qst__view(gram), out);
    qst__solve_upper(qst__view(gram), out);
}

/* NaN if the items' sum does not vary. */
static double alpha(const sampler *s, const double *sums)
{
    double trace = 0.0, all = 0.0;
    for (ptrdiff_t j = 1; j < s->n_cols; j++) {
        for (ptrdiff_t i = 1; i < j; i++) {
            all += 2.0 * about_means(sums, i, j);
        }
        trace += about_means(sums, j, j);
    }
    all += trace;
    const double k = (double)(s->n_cols - 1);
    return all > 0.0 ? k / (k - 1.0) * (1.0 - trace / all) : (double)NAN;
}

static void statistic_of_sums(const sampler *s, const double *sums, int worker, double *out)
{
    switch (s->statistic) {
    case QST_BOOT_COEFFICIENTS:
        coefficients(s, sums, worker, out);
        break;
    case QST_BOOT_SD:
        *out =
            sums[0] > 1.0
                ? sqrt(fmax(about_means(sums, s->n_cols - 1, s->n_cols - 1), 0.0) / (sums[0] - 1.0))
                : (double)NAN;
        break;
    case QST_BOOT_CORRELATION: {
        const double spread = about_means(sums, 1, 1) * about_means(sums, 2, 2);
        *out = spread > 0.0 ? about_means(sums, 1, 2) / sqrt(spread) : (double)NAN;
        break;
    }
    default:
        *out = alpha(s, sums);
    }
}

/* ---- The median, of counts of units ---- */

/* The value that stands at `place` (from 0) when each row is repeated as often as its unit. */
static double value_at(const sampler *s, const int32_t *count, ptrdiff_t place)
{
    const double *const x = s->data->columns.data + (s->n_cols - 1) * s->data->columns.ld;
    ptrdiff_t n = 0;
    for (ptrdiff_t k = 0; k < s->n_rows; k++) {
        const ptrdiff_t row = s->data->sorted[k] - 1;
        n += count[s->data->unit[row] - 1];
        if (n > place) {
            return x[row];
        }
    }
    return (double)NAN;
}

static double median(const sampler *s, const int32_t *count)
{
    ptrdiff_t n = 0;
    for (ptrdiff_t k = 0; k < s->n_rows; k++) {
        n += count[s->data->unit[k] - 1];
    }
    const double low = value_at(s, count, (n - 1) / 2);
    return n % 2 == 1 ? low : low / 2.0 + value_at(s, count, n / 2) / 2.0;
}

/* ---- Samples ---- */

static qst_status draw_units(const sampler *s, int64_t replicate, int32_t *unit_out, qst_err *err)
{
    qst_rng rng;
    const qst_rng_address address = {
        .purpose = QST__PURPOSE_BOOT, .iteration = (uint32_t)replicate};
    const qst_status status = qst_rng_init(&rng, s->seed, &address, err);
    if (status != QST_OK) {
        return status;
    }
    int32_t before = 0;
    for (int32_t k = 0; k < s->units->n_strata; k++) {
        const int32_t n = s->units->stratum_size[k];
        const int handful = qst__handful_of((uint32_t)n);
        for (int32_t i = 0; i < n; i += handful) {
            uint32_t draws[QST__HANDFUL];
            const int wanted = handful < n - i ? handful : n - i;
            qst__draw_handful(&rng, (uint32_t)n, 0, wanted, draws);
            for (int j = 0; j < wanted; j++) {
                *unit_out++ = before + (int32_t)draws[j];
            }
        }
        before += n;
    }
    return QST_OK;
}

static void add_up(const sampler *s, const int32_t *drawn, double *restrict sums)
{
    for (ptrdiff_t q = 0; q < s->n_products; q++) {
        sums[q] = 0.0;
    }
    for (ptrdiff_t i = 0; i < s->n_units; i++) {
        const double *restrict const of_unit = s->products + drawn[i] * s->n_products;
        for (ptrdiff_t q = 0; q < s->n_products; q++) {
            sums[q] += of_unit[q];
        }
    }
}

static void statistic_of_sample(const sampler *s, const int32_t *drawn, int worker, double *out)
{
    if (s->statistic != QST_BOOT_MEDIAN) {
        double *const sums = s->sums + worker * s->n_products;
        add_up(s, drawn, sums);
        statistic_of_sums(s, sums, worker, out);
        return;
    }
    int32_t *const count = s->count + worker * s->n_units;
    for (ptrdiff_t i = 0; i < s->n_units; i++) {
        count[i] = 0;
    }
    for (ptrdiff_t i = 0; i < s->n_units; i++) {
        count[drawn[i]]++;
    }
    *out = median(s, count);
}

static qst_status run_samples(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    const sampler *const s = data;
    const int64_t first = (int64_t)task * REPLICATES_PER_TASK;
    int32_t *drawn = s->drawn + worker * s->n_units;
    qst_status status = QST_OK;
    for (int64_t k = first;
         k < first + REPLICATES_PER_TASK && k < s->n_replicates && status == QST_OK; k++) {
        drawn = s->unit_out != NULL ? s->unit_out + k * s->n_units : drawn;
        status = draw_units(s, s->first + k, drawn, err);
        if (status == QST_OK && s->unit_out == NULL) {
            statistic_of_sample(s, drawn, worker, s->replicate_out + k * s->n_results);
        }
        for (ptrdiff_t i = 0; i < s->n_units && s->unit_out != NULL; i++) {
            drawn[i]++;
        }
    }
    return status;
}

/* ---- The jackknife ---- */

static void leave_out(const sampler *s, ptrdiff_t unit, int worker, double *out)
{
    if (s->statistic == QST_BOOT_MEDIAN) {
        int32_t *const count = s->count + worker * s->n_units;
        count[unit] = 0;
        *out = median(s, count);
        count[unit] = 1;
        return;
    }
    double *const sums = s->sums + worker * s->n_products;
    for (ptrdiff_t q = 0; q < s->n_products; q++) {
        sums[q] = s->total[q] - s->products[unit * s->n_products + q];
    }
    statistic_of_sums(s, sums, worker, out);
}

static qst_status run_jackknife(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)err;
    const sampler *const s = data;
    const ptrdiff_t last = qst__min((task + 1) * UNITS_PER_TASK, s->n_units);
    for (ptrdiff_t i = 0; i < s->n_units; i++) {
        s->count[worker * s->n_units + i] = 1;
    }
    for (ptrdiff_t unit = task * UNITS_PER_TASK; unit < last; unit++) {
        leave_out(s, unit, worker, s->jackknife_out + unit * s->n_results);
    }
    return QST_OK;
}

/* ---- The run ---- */

static void add_products(const sampler *s)
{
    const qst_cmat x = s->data->columns;
    for (ptrdiff_t row = 0; row < s->n_rows; row++) {
        double *of_unit = s->products + (s->data->unit[row] - 1) * s->n_products;
        for (ptrdiff_t j = 0; j < s->n_cols; j++) {
            for (ptrdiff_t i = 0; i <= j; i++) {
                *of_unit++ += x.data[row + i * x.ld] * x.data[row + j * x.ld];
            }
        }
    }
    for (ptrdiff_t unit = 0; unit < s->n_units; unit++) {
        for (ptrdiff_t q = 0; q < s->n_products; q++) {
            s->total[q] += s->products[unit * s->n_products + q];
        }
    }
}

static qst_status make_room(qst__arena *arena, sampler *s, ptrdiff_t n_workers, qst_err *err)
{
    qst_status status =
        qst__arena_array(arena, n_workers * s->n_units, sizeof *s->drawn, &s->drawn, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, n_workers * s->n_units, sizeof *s->count, &s->count, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(
            arena, (s->n_units + 1) * s->n_products, sizeof *s->products, &s->products, err);
    }
    if (status == QST_OK) {
        s->total = s->products + s->n_units * s->n_products;
        status = qst__arena_array(arena, n_workers * s->n_products, sizeof *s->sums, &s->sums, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(
            arena, n_workers * s->n_cols * s->n_cols, sizeof *s->matrix, &s->matrix, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, n_workers * s->n_cols, sizeof *s->pivots, &s->pivots, err);
    }
    return status;
}

/* As if each unit had been drawn once. */
static void observe(sampler *s, double *observed_out)
{
    if (s->statistic != QST_BOOT_MEDIAN) {
        add_products(s);
        statistic_of_sums(s, s->total, 0, observed_out);
        return;
    }
    for (ptrdiff_t i = 0; i < s->n_units; i++) {
        s->count[i] = 1;
    }
    *observed_out = median(s, s->count);
}

static ptrdiff_t tasks_of(int64_t n, int64_t per_task)
{
    return (ptrdiff_t)((n + per_task - 1) / per_task);
}

qst_status qst_boot(const qst_ctx *ctx, const qst_boot_units *units, const qst_boot_data *data,
    qst_boot_statistic statistic, int64_t first, int64_t n_replicates, uint64_t seed,
    double *observed_out, double *replicate_out, double *jackknife_out, qst_err *err)
{
    const ptrdiff_t n_cols = data->columns.n_cols;
    sampler s = {.units = units,
        .data = data,
        .statistic = statistic,
        .first = first,
        .n_replicates = n_replicates,
        .seed = seed,
        .n_cols = n_cols,
        .n_products = statistic == QST_BOOT_MEDIAN ? 0 : n_cols * (n_cols + 1) / 2,
        .n_results = qst_boot_n_results(statistic, n_cols),
        .n_units = units->n_units,
        .n_rows = data->columns.n_rows,
        .replicate_out = replicate_out,
        .jackknife_out = jackknife_out};
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    const ptrdiff_t n_tasks = tasks_of(n_replicates, REPLICATES_PER_TASK);
    const ptrdiff_t n_leave_out = tasks_of(s.n_units, UNITS_PER_TASK);
    qst_status status = qst__check_replicates(first, n_replicates, err);
    if (status == QST_OK) {
        status = check_units(units, err);
    }
    if (status == QST_OK) {
        status = check_columns(&s, err);
    }
    if (status == QST_OK) {
        status = make_room(&arena, &s, qst_par_workers(ctx, qst__max(n_tasks, n_leave_out)), err);
    }
    if (status == QST_OK) {
        observe(&s, observed_out);
        status = qst_par_for(ctx, n_tasks, run_samples, &s, err);
    }
    if (status == QST_OK && jackknife_out != NULL) {
        status = qst_par_for(ctx, n_leave_out, run_jackknife, &s, err);
    }
    qst__arena_free(&arena);
    return status;
}

qst_status qst_boot_draws(const qst_ctx *ctx, const qst_boot_units *units, int64_t first,
    int64_t n_replicates, uint64_t seed, int32_t *unit_out, qst_err *err)
{
    sampler s = {.units = units,
        .first = first,
        .n_replicates = n_replicates,
        .seed = seed,
        .n_units = units->n_units,
        .unit_out = unit_out};
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    const ptrdiff_t n_tasks = tasks_of(n_replicates, REPLICATES_PER_TASK);
    qst_status status = qst__check_replicates(first, n_replicates, err);
    if (status == QST_OK) {
        status = check_units(units, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(
            &arena, qst_par_workers(ctx, n_tasks) * s.n_units, sizeof *s.drawn, &s.drawn, err);
    }
    if (status == QST_OK) {
        status = qst_par_for(ctx, n_tasks, run_samples, &s, err);
    }
    qst__arena_free(&arena);
    return status;
}
