#include "stat/cells.h"

#include <math.h>

/* Tasks are cut by these alone, never by the number of threads. */
#define MIN_NUMBERS 0x20000 /* rows times columns; fewer take less time than a thread's start */
#define MAX_TASKS 32
#define MAX_SUMS 0x100000 /* of all tasks */

/* ---- Columns ---- */

/* out = out times a column of a part, for rows start .. start + n - 1 or those numbered `rows`. */
static void multiply(const qst_part *part, ptrdiff_t n_rows, ptrdiff_t j, const ptrdiff_t *rows,
    ptrdiff_t start, ptrdiff_t n, double *out)
{
    if (part->codes != NULL) {
        const double *coding = part->coding + j * part->n_levels;
        for (ptrdiff_t i = 0; i < n; i++) {
            out[i] *= coding[part->codes[rows != NULL ? rows[i] : start + i] - 1];
        }
    } else {
        const double *x = part->x + j * n_rows;
        for (ptrdiff_t i = 0; i < n; i++) {
            out[i] *= x[rows != NULL ? rows[i] : start + i];
        }
    }
}

/* The commonest column, and the only one of a model matrix. */
static void copy_less(const double *restrict x, double shift, ptrdiff_t n, double *restrict out)
{
    ptrdiff_t i = 0;
    for (; i + 4 <= n; i += 4) {
        for (int k = 0; k < 4; k++) {
            out[i + k] = x[i + k] - shift;
        }
    }
    for (; i < n; i++) {
        out[i] = x[i] - shift;
    }
}

void qst__design_fill_column(const qst__design *design, ptrdiff_t j, const ptrdiff_t *rows,
    ptrdiff_t start, ptrdiff_t n, double *out)
{
    const qst__product *column = &design->columns[j];
    const ptrdiff_t n_rows = design->model->n_rows;
    if (rows == NULL && column->n_picks == 1 && column->has_numbers) {
        const double *x = column->picks[0].part->x + column->picks[0].column * n_rows;
        copy_less(x + start, column->shift, n, out);
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        out[i] = 1.0;
    }
    for (ptrdiff_t k = 0; k < column->n_picks; k++) {
        multiply(column->picks[k].part, n_rows, column->picks[k].column, rows, start, n, out);
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        out[i] -= column->shift;
    }
}

void qst__design_fill(const qst__design *design, const ptrdiff_t *rows, ptrdiff_t start,
    ptrdiff_t n, double *panel_out, ptrdiff_t ld)
{
    for (ptrdiff_t j = 0; j < design->n_cols; j++) {
        qst__design_fill_column(design, j, rows, start, n, panel_out + j * ld);
    }
}

ptrdiff_t qst__design_rows(const qst__design *design)
{
    return design->model->n_rows;
}

ptrdiff_t qst__design_cols(const qst__design *design)
{
    return design->n_cols;
}

/* ---- Runs over blocks of rows ---- */

typedef struct {
    const qst__blocks *blocks;
    ptrdiff_t rows_per_task;
    double *scratch; /* one a worker */
    qst__dd *sums;   /* one set a task */
} run;

static qst_status run_task(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    const run *r = data;
    const qst__blocks *blocks = r->blocks;
    const ptrdiff_t first = task * r->rows_per_task;
    const ptrdiff_t last = qst__min(first + r->rows_per_task, blocks->n_rows);
    double *scratch = r->scratch + worker * blocks->scratch_size;
    qst__dd *sums = r->sums + task * blocks->n_sums;
    for (ptrdiff_t start = first; start < last; start += QST__BLOCK) {
        const ptrdiff_t n = qst__min(QST__BLOCK, last - start);
        const qst_status status = blocks->step(blocks->data, start, n, scratch, sums, err);
        if (status != QST_OK) {
            return status;
        }
        const ptrdiff_t n_done = start + n - first;
        if (blocks->flush != NULL && (start + n == last || n_done % blocks->rows_per_flush == 0)) {
            blocks->flush(blocks->data, scratch, sums);
        }
    }
    return QST_OK;
}

static ptrdiff_t rows_per_task(const qst__blocks *blocks)
{
    const ptrdiff_t for_sums = MAX_SUMS / qst__max(1, blocks->n_sums);
    const ptrdiff_t n_tasks = qst__max(1, qst__min(MAX_TASKS, for_sums));
    const ptrdiff_t rows =
        qst__max(MIN_NUMBERS / blocks->n_cols, (blocks->n_rows + n_tasks - 1) / n_tasks);
    return qst__max(1, (rows + QST__BLOCK - 1) / QST__BLOCK) * QST__BLOCK;
}

qst_status qst__blocks_run(
    const qst_ctx *ctx, const qst__blocks *blocks, qst__dd *totals_out, qst_err *err)
{
    run r = {.blocks = blocks, .rows_per_task = rows_per_task(blocks)};
    const ptrdiff_t n_tasks = (blocks->n_rows + r.rows_per_task - 1) / r.rows_per_task;
    const ptrdiff_t n_scratch = qst_par_workers(ctx, n_tasks) * blocks->scratch_size;
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst_status status = qst__arena_array(&arena, n_scratch, sizeof(double), &r.scratch, err);
    if (status == QST_OK) {
        status = qst__arena_array(&arena, n_tasks * blocks->n_sums, sizeof(qst__dd), &r.sums, err);
    }
    if (status == QST_OK) {
        status = qst_par_for(ctx, n_tasks, run_task, &r, err);
    }
    for (ptrdiff_t k = 0; k < blocks->n_sums && status == QST_OK; k++) {
        totals_out[k] = (qst__dd){0.0, 0.0};
        for (ptrdiff_t t = 0; t < n_tasks; t++) {
            totals_out[k] = qst__dd_sum(totals_out[k], r.sums[t * blocks->n_sums + k]);
        }
    }
    qst__arena_free(&arena);
    return status;
}

/* ---- Making a design ---- */

/* Number of columns, or INT32_MAX if there are more. */
static ptrdiff_t term_cols(const qst_term *term)
{
    ptrdiff_t n = 1;
    for (ptrdiff_t k = 0; k < term->n_parts; k++) {
        const ptrdiff_t of_part = qst__min(term->parts[k].n_cols, INT32_MAX);
        n = n * of_part < INT32_MAX ? n * of_part : INT32_MAX;
    }
    return n;
}

ptrdiff_t qst_model_cols(const qst_model *model)
{
    ptrdiff_t n = 0;
    for (ptrdiff_t t = 0; t < model->n_terms; t++) {
        n = qst__min(n + term_cols(&model->terms[t]), INT32_MAX);
    }
    return n;
}

static qst_status check_columns(const qst_model *model, qst_err *err)
{
    const ptrdiff_t n = qst_model_cols(model);
    if (n < 1 || n == INT32_MAX) {
        return qst__fail(err, QST_EDIMENSION,
            n < 1 ? "the model has no column" : "the model has 2^31 - 1 columns or more");
    }
    return QST_OK;
}

static ptrdiff_t count_picks(const qst_model *model)
{
    ptrdiff_t n = 0;
    for (ptrdiff_t t = 0; t < model->n_terms; t++) {
        n += term_cols(&model->terms[t]) * model->terms[t].n_parts;
    }
    return n;
}

/* Column `index` of the term, the first part's running fastest. */
static void set_column(const qst_term *term, ptrdiff_t index, qst__pick *picks, qst__product *out)
{
    for (ptrdiff_t k = 0; k < term->n_parts; k++) {
        picks[k] = (qst__pick){&term->parts[k], index % term->parts[k].n_cols};
        index /= term->parts[k].n_cols;
    }
    *out = (qst__product){.picks = picks, .n_picks = term->n_parts};
    for (ptrdiff_t k = 0; k < term->n_parts; k++) {
        out->has_numbers = out->has_numbers || term->parts[k].codes == NULL;
        out->has_factors = out->has_factors || term->parts[k].codes != NULL;
    }
}

static void set_columns(qst__design *design, qst__pick *picks)
{
    qst__product *next = design->columns;
    for (ptrdiff_t t = 0; t < design->model->n_terms; t++) {
        const qst_term *term = &design->model->terms[t];
        const ptrdiff_t n = term_cols(term);
        for (ptrdiff_t index = 0; index < n; index++) {
            set_column(term, index, picks, next);
            picks += term->n_parts;
            next++;
        }
    }
}

static qst_status check_codes(
    const qst_part *part, ptrdiff_t column, ptrdiff_t start, ptrdiff_t n, qst_err *err)
{
    for (ptrdiff_t i = start; i < start + n; i++) {
        const int32_t code = part->codes[i];
        if (code < 1 || code > part->n_levels) {
            return qst__fail_at(err, QST_EARGUMENT, i, column, (double)code,
                "code %d in row %td, column %td is not one of %d levels", (int)code, i + 1,
                column + 1, (int)part->n_levels);
        }
    }
    return QST_OK;
}

static qst_status check_column(const qst__design *design, ptrdiff_t j, ptrdiff_t start, ptrdiff_t n,
    double *values, qst_err *err)
{
    const qst__product *column = &design->columns[j];
    for (ptrdiff_t k = 0; k < column->n_picks; k++) {
        const qst_part *part = column->picks[k].part;
        const qst_status status =
            part->codes != NULL ? check_codes(part, j, start, n, err) : QST_OK;
        if (status != QST_OK) {
            return status;
        }
    }
    qst__design_fill_column(design, j, NULL, start, n, values);
    for (ptrdiff_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return qst__fail_at(err, QST_EARGUMENT, start + i, j, values[i],
                "value %g in row %td, column %td is not finite", values[i], start + i + 1, j + 1);
        }
    }
    return QST_OK;
}

/* Columns are looked at one by one only to say where the fault is. */
static qst_status check_step(
    const void *data, ptrdiff_t start, ptrdiff_t n, double *scratch, qst__dd *sums, qst_err *err)
{
    (void)sums;
    const qst__design *design = data;
    qst_status status = QST_OK;
    if (!qst__rows_are_sound(design->cells, start, n, scratch)) {
        for (ptrdiff_t j = 0; j < design->n_cols && status == QST_OK; j++) {
            status = check_column(design, j, start, n, scratch, err);
        }
    }
    return status;
}

static qst_status make_columns(qst__design *design, qst_err *err)
{
    qst__pick *picks = NULL;
    qst_status status = qst__arena_array(
        design->arena, design->n_cols, sizeof(qst__product), &design->columns, err);
    if (status == QST_OK) {
        status = qst__arena_array(
            design->arena, count_picks(design->model), sizeof(qst__pick), &picks, err);
    }
    if (status == QST_OK) {
        set_columns(design, picks);
    }
    return status;
}

qst_status qst__design_make(const qst_ctx *ctx, qst__arena *arena, const qst_model *model,
    qst__design **design_out, qst_err *err)
{
    qst_status status = check_columns(model, err);
    if (status != QST_OK) {
        return status;
    }
    qst__design *design = NULL;
    status = qst__arena_array(arena, 1, sizeof *design, &design, err);
    if (status == QST_OK) {
        *design = (qst__design){.model = model, .arena = arena, .n_cols = qst_model_cols(model)};
        status = make_columns(design, err);
    }
    if (status == QST_OK) {
        status = qst__cells_make(design, err);
    }
    if (status == QST_OK) {
        const qst__blocks blocks = {.step = check_step,
            .data = design,
            .n_rows = model->n_rows,
            .n_cols = design->n_cols,
            .scratch_size = QST__BLOCK};
        status = qst__blocks_run(ctx, &blocks, NULL, err);
    }
    *design_out = design;
    return status;
}

/* ---- Centring ---- */

static double value_at(const qst__design *design, ptrdiff_t row, ptrdiff_t j)
{
    double value;
    qst__design_fill_column(design, j, NULL, row, 1, &value);
    return value;
}

/* Are all rows that count, of which `first` is one, equal in this column? */
static bool is_constant(
    const qst__design *design, ptrdiff_t j, const double *weights, ptrdiff_t first)
{
    if (design->columns[j].n_picks == 0) {
        return true;
    }
    const double value = value_at(design, first, j);
    double block[QST__BLOCK];
    for (ptrdiff_t start = first; start < design->model->n_rows; start += QST__BLOCK) {
        const ptrdiff_t n = qst__min(QST__BLOCK, design->model->n_rows - start);
        qst__design_fill_column(design, j, NULL, start, n, block);
        for (ptrdiff_t i = 0; i < n; i++) {
            if (block[i] != value && (weights == NULL || weights[start + i] != 0.0)) {
                return false;
            }
        }
    }
    return true;
}

/*
 * What is taken off a column. Of equal values it is that value to the last
 * bit, so that nothing is left. Products of numbers with factors stay as they
 * are: their mean is no multiple of the factor, so that taking it off would
 * not help the condition.
 */
static double mean_of(
    const qst__design *design, ptrdiff_t j, const double *weights, ptrdiff_t first, double mean)
{
    const qst__product *column = &design->columns[j];
    if (column->has_numbers && column->has_factors) {
        return 0.0;
    }
    const double value = value_at(design, first, j);
    const bool is_near = fabs(mean - value) <= 1e-9 * fabs(value);
    return is_near && is_constant(design, j, weights, first) ? value : mean;
}

/* The weights as residuals: cross-products are then sums of the columns. */
static qst_status weights_step(void *data, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights_out, double *residuals_out, qst__dd *sums, qst_err *err)
{
    (void)eta;
    (void)weights_out;
    (void)err;
    const double *const weights = *(const double *const *)data;
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        residuals_out[i] = weights != NULL ? weights[start + i] : 1.0;
        sum += residuals_out[i];
    }
    *sums = qst__dd_add(*sums, sum);
    return QST_OK;
}

qst_status qst__design_centre(
    const qst_ctx *ctx, qst__design *design, const double *weights, qst_err *err)
{
    qst__design_drop_centre(design);
    const ptrdiff_t n_rows = design->model->n_rows;
    ptrdiff_t first = 0;
    while (first < n_rows && weights != NULL && weights[first] == 0.0) {
        first++;
    }
    const double constant = first < n_rows ? value_at(design, first, 0) : 0.0;
    if (constant == 0.0 || !is_constant(design, 0, weights, first)) {
        return QST_OK;
    }
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    double *totals = NULL, total;
    qst_status status = qst__arena_array(&arena, design->n_cols, sizeof(double), &totals, err);
    if (status == QST_OK) {
        const qst__pass pass = {.step = weights_step,
            .data = &weights,
            .n_sums = 1,
            .cross_out = totals,
            .sums_out = &total};
        status = qst__design_pass(ctx, design, &pass, err);
    }
    if (status == QST_OK) {
        for (ptrdiff_t j = 1; j < design->n_cols; j++) {
            design->columns[j].shift = mean_of(design, j, weights, first, totals[j] / total);
        }
        design->constant = constant;
        qst__cells_shift(design);
    }
    qst__arena_free(&arena);
    return status;
}

void qst__design_drop_centre(qst__design *design)
{
    design->constant = 0.0;
    for (ptrdiff_t j = 0; j < design->n_cols; j++) {
        design->columns[j].shift = 0.0;
    }
    qst__cells_shift(design);
}

double qst__design_constant(const qst__design *design)
{
    return design->constant;
}

double qst__design_multiple(const qst__design *design, ptrdiff_t j)
{
    return design->constant != 0.0 ? design->columns[j].shift / design->constant : 0.0;
}

/* b_0 = g_0 - sum_j m_j g_j, with the shifts as multiples m of the constant column. */
static void uncentre_coefficients(const qst__design *design, double *b, double *b_low)
{
    qst__dd constant = {b[0], b_low[0]};
    for (ptrdiff_t j = 1; j < design->n_cols; j++) {
        const qst__dd slope = {b[j], b_low[j]};
        constant = qst__dd_sum(constant, qst__dd_times(slope, -qst__design_multiple(design, j)));
    }
    b[0] = constant.high;
    b_low[0] = constant.low;
}

static void uncentre_covariance(const qst__design *design, double *v)
{
    const ptrdiff_t p = design->n_cols;
    for (ptrdiff_t j = 1; j < p; j++) {
        for (ptrdiff_t k = 0; k < p; k++) {
            v[k * p] -= qst__design_multiple(design, j) * v[j + k * p];
        }
    }
    for (ptrdiff_t j = 1; j < p; j++) {
        v[0] -= qst__design_multiple(design, j) * v[j * p];
    }
    for (ptrdiff_t j = 1; j < p; j++) {
        v[j] = v[j * p];
    }
}

void qst__design_uncentre(const qst__design *design, double *b, double *b_low, double *covariance)
{
    if (design->constant != 0.0 && b != NULL) {
        uncentre_coefficients(design, b, b_low);
    }
    if (design->constant != 0.0 && covariance != NULL) {
        uncentre_covariance(design, covariance);
    }
}
