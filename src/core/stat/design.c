#include "stat/design.h"

#include <math.h>
#include <string.h>

/* Tasks are cut by these alone, never by the number of threads. */
#define ROWS_PER_TASK 4096
#define MAX_TASKS 64

/* A column of the design is a product of columns of parts. */
typedef struct {
    const qst_part *part;
    ptrdiff_t column;
} pick;

typedef struct {
    const pick *picks;
    ptrdiff_t n_picks;
    double shift; /* taken off; 0 unless centred */
} product;

struct qst__design {
    const qst_model *model;
    ptrdiff_t n_cols;
    product *columns;
    double constant; /* value of the first column if columns are centred, else 0 */
};

/* ---- Columns ---- */

static void fill_column(const qst__design *design, ptrdiff_t j, const ptrdiff_t *rows,
    ptrdiff_t start, ptrdiff_t n, double *out)
{
    const product *c = &design->columns[j];
    for (ptrdiff_t i = 0; i < n; i++) {
        out[i] = 1.0;
    }
    for (ptrdiff_t k = 0; k < c->n_picks; k++) {
        const qst_part *part = c->picks[k].part;
        if (part->codes != NULL) {
            const double *coding = part->coding + c->picks[k].column * part->n_levels;
            for (ptrdiff_t i = 0; i < n; i++) {
                out[i] *= coding[part->codes[rows != NULL ? rows[i] : start + i] - 1];
            }
        } else {
            const double *x = part->x + c->picks[k].column * design->model->n_rows;
            for (ptrdiff_t i = 0; i < n; i++) {
                out[i] *= x[rows != NULL ? rows[i] : start + i];
            }
        }
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        out[i] -= c->shift;
    }
}

void qst__design_fill(const qst__design *design, const ptrdiff_t *rows, ptrdiff_t start,
    ptrdiff_t n, double *panel_out, ptrdiff_t ld)
{
    for (ptrdiff_t j = 0; j < design->n_cols; j++) {
        fill_column(design, j, rows, start, n, panel_out + j * ld);
    }
}

/* A block as the kernels of la/ want it. */
static void fill_panel(const qst__design *design, ptrdiff_t start, ptrdiff_t n, double *panel)
{
    qst__design_fill(design, NULL, start, n, panel, QST__BLOCK);
    for (ptrdiff_t j = 0; j < design->n_cols && n < QST__BLOCK; j++) {
        memset(panel + j * QST__BLOCK + n, 0, (size_t)(QST__BLOCK - n) * sizeof *panel);
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

/* ---- What all runs over the rows share ---- */

typedef struct job job;

/* Rows start .. start + n - 1, with scratch of the worker and the sums of the task. */
typedef qst_status (*block_step)(
    const job *j, ptrdiff_t start, ptrdiff_t n, double *scratch, qst__dd *sums, qst_err *err);

struct job {
    const qst__design *design;
    block_step step;
    ptrdiff_t n_sums;
    const qst__pass *pass; /* of a pass */
    const double *a;       /* of a quadratic form */
    double *out;
    ptrdiff_t rows_per_task;
    ptrdiff_t scratch_size;
    double *scratch; /* one a worker: a panel and three columns */
    qst__dd *sums;   /* one set a task */
};

static qst_status run_task(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    const job *j = data;
    const ptrdiff_t first = task * j->rows_per_task;
    const ptrdiff_t last = qst__min(first + j->rows_per_task, j->design->model->n_rows);
    double *scratch = j->scratch + worker * j->scratch_size;
    qst_status status = QST_OK;
    for (ptrdiff_t start = first; start < last && status == QST_OK; start += QST__BLOCK) {
        status = j->step(
            j, start, qst__min(QST__BLOCK, last - start), scratch, j->sums + task * j->n_sums, err);
    }
    return status;
}

static ptrdiff_t rows_per_task(ptrdiff_t n_rows)
{
    const ptrdiff_t even = (n_rows + MAX_TASKS - 1) / MAX_TASKS;
    const ptrdiff_t rows = qst__max(ROWS_PER_TASK, even);
    return (rows + QST__BLOCK - 1) / QST__BLOCK * QST__BLOCK;
}

/* Takes all blocks; the sums of all tasks, added in index order, go to sums_out. */
static qst_status run(const qst_ctx *ctx, job *j, double *sums_out, qst_err *err)
{
    const ptrdiff_t n_rows = j->design->model->n_rows;
    j->rows_per_task = rows_per_task(n_rows);
    j->scratch_size = QST__BLOCK * (j->design->n_cols + 3);
    const ptrdiff_t n_tasks = (n_rows + j->rows_per_task - 1) / j->rows_per_task;
    const ptrdiff_t n_rooms = qst_par_workers(ctx, n_tasks);
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst_status status =
        qst__arena_array(&arena, n_rooms * j->scratch_size, sizeof(double), &j->scratch, err);
    if (status == QST_OK) {
        status = qst__arena_array(&arena, n_tasks * j->n_sums, sizeof(qst__dd), &j->sums, err);
    }
    if (status == QST_OK) {
        status = qst_par_for(ctx, n_tasks, run_task, j, err);
    }
    for (ptrdiff_t k = 0; k < j->n_sums && status == QST_OK; k++) {
        qst__dd total = {0.0, 0.0};
        for (ptrdiff_t t = 0; t < n_tasks; t++) {
            total = qst__dd_sum(total, j->sums[t * j->n_sums + k]);
        }
        sums_out[k] = qst__dd_value(total);
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
static void set_column(const qst_term *term, ptrdiff_t index, pick *picks, product *out)
{
    for (ptrdiff_t k = 0; k < term->n_parts; k++) {
        picks[k] = (pick){&term->parts[k], index % term->parts[k].n_cols};
        index /= term->parts[k].n_cols;
    }
    *out = (product){picks, term->n_parts, 0.0};
}

static void set_columns(qst__design *design, pick *picks)
{
    product *next = design->columns;
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

static qst_status check_block(
    const job *work, ptrdiff_t start, ptrdiff_t n, double *scratch, qst__dd *sums, qst_err *err)
{
    (void)sums;
    for (ptrdiff_t j = 0; j < work->design->n_cols; j++) {
        const product *c = &work->design->columns[j];
        for (ptrdiff_t k = 0; k < c->n_picks; k++) {
            const qst_part *part = c->picks[k].part;
            const qst_status status =
                part->codes != NULL ? check_codes(part, j, start, n, err) : QST_OK;
            if (status != QST_OK) {
                return status;
            }
        }
        fill_column(work->design, j, NULL, start, n, scratch);
        for (ptrdiff_t i = 0; i < n; i++) {
            if (!isfinite(scratch[i])) {
                return qst__fail_at(err, QST_EARGUMENT, start + i, j, scratch[i],
                    "value %g in row %td, column %td is not finite", scratch[i], start + i + 1,
                    j + 1);
            }
        }
    }
    return QST_OK;
}

qst_status qst__design_make(const qst_ctx *ctx, qst__arena *arena, const qst_model *model,
    qst__design **design_out, qst_err *err)
{
    qst_status status = check_columns(model, err);
    if (status != QST_OK) {
        return status;
    }
    qst__design *design = NULL;
    pick *picks = NULL;
    status = qst__arena_array(arena, 1, sizeof *design, &design, err);
    if (status == QST_OK) {
        design->model = model;
        design->n_cols = qst_model_cols(model);
        status = qst__arena_array(arena, design->n_cols, sizeof(product), &design->columns, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, count_picks(model), sizeof(pick), &picks, err);
    }
    if (status == QST_OK) {
        set_columns(design, picks);
        job work = {.design = design, .step = check_block};
        status = run(ctx, &work, NULL, err);
    }
    *design_out = design;
    return status;
}

/* ---- Passes ---- */

static void predict_block(
    const qst__design *design, const double *panel, const double *b, ptrdiff_t n, double *eta)
{
    memset(eta, 0, QST__BLOCK * sizeof *eta);
    for (ptrdiff_t j = 0; j < design->n_cols && b != NULL; j++) {
        for (ptrdiff_t i = 0; i < n; i++) {
            eta[i] += panel[i + j * QST__BLOCK] * b[j];
        }
    }
}

/* Sums of a task: those of the caller, then the cross-products, then the packed triangle. */
static qst_status pass_block(
    const job *work, ptrdiff_t start, ptrdiff_t n, double *scratch, qst__dd *sums, qst_err *err)
{
    const qst__pass *pass = work->pass;
    const ptrdiff_t p = work->design->n_cols;
    double *panel = scratch + 3 * QST__BLOCK;
    double *eta = scratch, *weights = scratch + QST__BLOCK, *residuals = scratch + 2 * QST__BLOCK;
    if (pass->b != NULL || pass->gram_out != NULL || pass->cross_out != NULL) {
        fill_panel(work->design, start, n, panel);
    }
    predict_block(work->design, panel, pass->b, n, eta);
    memset(weights, 0, 2 * QST__BLOCK * sizeof *weights);
    const qst_status status =
        pass->step(pass->data, start, n, eta, pass->gram_out != NULL ? weights : NULL,
            pass->cross_out != NULL ? residuals : NULL, sums, err);
    sums += pass->n_sums;
    if (pass->cross_out != NULL) {
        qst__cross_block(panel, p, residuals, sums);
        sums += p;
    }
    if (pass->gram_out != NULL) {
        qst__gram_block(panel, p, weights, sums);
    }
    return status;
}

qst_status qst__design_pass(
    const qst_ctx *ctx, const qst__design *design, const qst__pass *pass, qst_err *err)
{
    const ptrdiff_t p = design->n_cols;
    const ptrdiff_t n_cross = pass->cross_out != NULL ? p : 0;
    job work = {.design = design, .step = pass_block, .pass = pass};
    work.n_sums = pass->n_sums + n_cross + (pass->gram_out != NULL ? p * (p + 1) / 2 : 0);
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    double *sums = NULL;
    qst_status status = qst__arena_array(&arena, work.n_sums, sizeof(double), &sums, err);
    if (status == QST_OK) {
        status = run(ctx, &work, sums, err);
    }
    if (status == QST_OK) {
        for (ptrdiff_t k = 0; k < pass->n_sums; k++) {
            pass->sums_out[k] = sums[k];
        }
        for (ptrdiff_t k = 0; k < n_cross; k++) {
            pass->cross_out[k] = sums[pass->n_sums + k];
        }
        if (pass->gram_out != NULL) {
            qst__spread_triangle(sums + pass->n_sums + n_cross, p, pass->gram_out);
        }
    }
    qst__arena_free(&arena);
    return status;
}

/* ---- Quadratic forms ---- */

static qst_status quadratic_block(
    const job *work, ptrdiff_t start, ptrdiff_t n, double *scratch, qst__dd *sums, qst_err *err)
{
    (void)sums;
    (void)err;
    const ptrdiff_t p = work->design->n_cols;
    double *panel = scratch + QST__BLOCK, *times_a = scratch, *out = work->out + start;
    fill_panel(work->design, start, n, panel);
    memset(out, 0, (size_t)n * sizeof *out);
    for (ptrdiff_t j = 0; j < p; j++) {
        memset(times_a, 0, QST__BLOCK * sizeof *times_a);
        for (ptrdiff_t k = 0; k < p; k++) {
            for (ptrdiff_t i = 0; i < n; i++) {
                times_a[i] += work->a[k + j * p] * panel[i + k * QST__BLOCK];
            }
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            out[i] += times_a[i] * panel[i + j * QST__BLOCK];
        }
    }
    return QST_OK;
}

qst_status qst__design_quadratic(
    const qst_ctx *ctx, const qst__design *design, const double *a, double *out, qst_err *err)
{
    job work = {.design = design, .step = quadratic_block, .a = a, .out = out};
    return run(ctx, &work, NULL, err);
}

/* ---- Centring ---- */

/* Are all rows that count equal in this column? If so, *value_out is what they are. */
static bool is_constant(
    const qst__design *design, ptrdiff_t j, const double *weights, double *value_out)
{
    double block[QST__BLOCK];
    bool is_found = false;
    for (ptrdiff_t start = 0; start < design->model->n_rows; start += QST__BLOCK) {
        const ptrdiff_t n = qst__min(QST__BLOCK, design->model->n_rows - start);
        fill_column(design, j, NULL, start, n, block);
        for (ptrdiff_t i = 0; i < n; i++) {
            if (weights != NULL && weights[start + i] == 0.0) {
                continue;
            }
            *value_out = is_found ? *value_out : block[i];
            is_found = true;
            if (block[i] != *value_out) {
                return false;
            }
        }
    }
    return is_found;
}

/* Products of numbers with factors are left as they are: their mean is no multiple of the factor,
 * so that taking it off would not help the condition. */
static bool is_centred(const product *c)
{
    bool has_numbers = false, has_factors = false;
    for (ptrdiff_t k = 0; k < c->n_picks; k++) {
        has_factors = has_factors || c->picks[k].part->codes != NULL;
        has_numbers = has_numbers || c->picks[k].part->codes == NULL;
    }
    return !(has_numbers && has_factors);
}

/* The weights as residuals: cross-products are then sums of the columns. */
static qst_status weights_step(void *data, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights_out, double *residuals_out, qst__dd *sums, qst_err *err)
{
    (void)eta;
    (void)weights_out;
    (void)err;
    const double *const weights = *(const double *const *)data;
    for (ptrdiff_t i = 0; i < n; i++) {
        residuals_out[i] = weights != NULL ? weights[start + i] : 1.0;
        *sums = qst__dd_add(*sums, residuals_out[i]);
    }
    return QST_OK;
}

qst_status qst__design_centre(
    const qst_ctx *ctx, qst__design *design, const double *weights, qst_err *err)
{
    qst__design_drop_centre(design);
    double constant;
    if (!is_constant(design, 0, weights, &constant) || constant == 0.0) {
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
    for (ptrdiff_t j = 1; j < design->n_cols && status == QST_OK; j++) {
        product *c = &design->columns[j];
        if (is_centred(c)) {
            /* Of equal values the mean is that value to the last bit: less its mean it is 0. */
            double value;
            c->shift = is_constant(design, j, weights, &value) ? value : totals[j] / total;
        }
    }
    design->constant = constant;
    qst__arena_free(&arena);
    return status;
}

void qst__design_drop_centre(qst__design *design)
{
    design->constant = 0.0;
    for (ptrdiff_t j = 0; j < design->n_cols; j++) {
        design->columns[j].shift = 0.0;
    }
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
