#include "stat/cells.h"

#include <string.h>

/* Cells take about this many rows between two flushes of their sums, so that chains of plain
 * additions stay short. */
#define ROWS_PER_CELL 64

/* One pass or quadratic form. Scratch of a worker: three columns, then a panel; or three columns,
 * the cells and carriers of a block, and moments. */
typedef struct {
    const qst__design *design;
    const qst__pass *pass; /* of a pass */
    const double *a;       /* of a quadratic form */
    double *out;
    const double *table; /* a or b in the cells */
} job;

/* Doubles that hold the cell numbers of a block. */
#define CELL_ROOM ((ptrdiff_t)(QST__BLOCK * sizeof(int32_t) / sizeof(double)))

static double *room_for_rows(double *scratch)
{
    return scratch + 3 * QST__BLOCK;
}

static int32_t *room_for_cells(double *scratch)
{
    return (int32_t *)(scratch + 3 * QST__BLOCK);
}

static double *room_for_carriers(double *scratch)
{
    return scratch + 3 * QST__BLOCK + CELL_ROOM;
}

static double *room_for_moments(const qst__cells *cells, double *scratch)
{
    return room_for_carriers(scratch) + QST__BLOCK * cells->width;
}

/* A block as the kernels of la/ want it. */
static void fill_panel(const qst__design *design, ptrdiff_t start, ptrdiff_t n, double *panel)
{
    qst__design_fill(design, NULL, start, n, panel, QST__BLOCK);
    for (ptrdiff_t j = 0; j < design->n_cols && n < QST__BLOCK; j++) {
        memset(panel + j * QST__BLOCK + n, 0, (size_t)(QST__BLOCK - n) * sizeof *panel);
    }
}

/* ---- Passes ---- */

/* Weights and residuals of a block, 0 beyond its last row. */
static qst_status take_step(const qst__pass *pass, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights, double *residuals, qst__dd *sums, qst_err *err)
{
    if (n < QST__BLOCK) {
        memset(weights, 0, QST__BLOCK * sizeof *weights);
        memset(residuals, 0, QST__BLOCK * sizeof *residuals);
    }
    return pass->step(pass->data, start, n, eta, pass->gram_out != NULL ? weights : NULL,
        pass->cross_out != NULL ? residuals : NULL, sums, err);
}

static bool needs_rows(const qst__pass *pass)
{
    return pass->b != NULL || pass->gram_out != NULL || pass->cross_out != NULL;
}

/* Sums of a task: those of the caller, then the cross-products, then the packed triangle. */
static qst_status panel_step(
    const void *data, ptrdiff_t start, ptrdiff_t n, double *scratch, qst__dd *sums, qst_err *err)
{
    const job *work = data;
    const qst__pass *pass = work->pass;
    const ptrdiff_t p = work->design->n_cols;
    double *eta = scratch, *weights = eta + QST__BLOCK, *residuals = weights + QST__BLOCK;
    double *panel = room_for_rows(scratch);
    if (needs_rows(pass)) {
        fill_panel(work->design, start, n, panel);
    }
    if (pass->b != NULL) {
        qst__predict_block(panel, p, pass->b, eta);
    } else {
        memset(eta, 0, QST__BLOCK * sizeof *eta);
    }
    const qst_status status = take_step(pass, start, n, eta, weights, residuals, sums, err);
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

/* Moments stay in scratch until they are flushed. */
static qst_status cells_step(
    const void *data, ptrdiff_t start, ptrdiff_t n, double *scratch, qst__dd *sums, qst_err *err)
{
    const job *work = data;
    const qst__pass *pass = work->pass;
    const qst__cells *cells = work->design->cells;
    double *eta = scratch, *weights = eta + QST__BLOCK, *residuals = weights + QST__BLOCK;
    int32_t *cell = room_for_cells(scratch);
    double *rows = room_for_carriers(scratch);
    if (needs_rows(pass)) {
        qst__rows_load(cells, start, n, cell, rows);
    }
    if (pass->b != NULL) {
        qst__rows_predict(cells, cell, rows, work->table, eta);
    } else {
        memset(eta, 0, QST__BLOCK * sizeof *eta);
    }
    const qst_status status = take_step(pass, start, n, eta, weights, residuals, sums, err);
    qst__rows_add(cells, cell, rows, pass->cross_out != NULL ? residuals : NULL,
        pass->gram_out != NULL ? weights : NULL, room_for_moments(cells, scratch));
    return status;
}

static ptrdiff_t n_moments(const job *work)
{
    const qst__cells *cells = work->design->cells;
    const qst__pass *pass = work->pass;
    return cells->n_cells *
           qst__cells_record(cells, pass->cross_out != NULL, pass->gram_out != NULL);
}

static void flush_moments(const void *data, double *scratch, qst__dd *sums)
{
    const job *work = data;
    double *moments = room_for_moments(work->design->cells, scratch);
    sums += work->pass->n_sums;
    const ptrdiff_t n = n_moments(work);
    for (ptrdiff_t k = 0; k < n; k++) {
        sums[k] = qst__dd_add(sums[k], moments[k]);
        moments[k] = 0.0;
    }
}

static void take_sums(const qst__pass *pass, const qst__dd *totals)
{
    for (ptrdiff_t k = 0; k < pass->n_sums; k++) {
        pass->sums_out[k] = qst__dd_value(totals[k]);
    }
}

static qst_status pass_by_panels(const qst_ctx *ctx, const job *work, qst_err *err)
{
    const qst__pass *pass = work->pass;
    const ptrdiff_t p = work->design->n_cols, n_cross = pass->cross_out != NULL ? p : 0;
    const qst__blocks blocks = {.step = panel_step,
        .data = work,
        .n_rows = work->design->model->n_rows,
        .n_cols = work->design->n_cols,
        .scratch_size = QST__BLOCK * (3 + p),
        .n_sums = pass->n_sums + n_cross + (pass->gram_out != NULL ? p * (p + 1) / 2 : 0)};
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst__dd *totals = NULL;
    qst_status status = qst__arena_array(&arena, blocks.n_sums, sizeof(qst__dd), &totals, err);
    if (status == QST_OK) {
        status = qst__blocks_run(ctx, &blocks, totals, err);
    }
    if (status == QST_OK) {
        take_sums(pass, totals);
        for (ptrdiff_t j = 0; j < n_cross; j++) {
            pass->cross_out[j] = qst__dd_value(totals[pass->n_sums + j]);
        }
        if (pass->gram_out != NULL) {
            qst__spread_triangle(totals + pass->n_sums + n_cross, p, pass->gram_out);
        }
    }
    qst__arena_free(&arena);
    return status;
}

static qst_status pass_by_cells(const qst_ctx *ctx, job *work, qst_err *err)
{
    const qst__cells *cells = work->design->cells;
    const qst__pass *pass = work->pass;
    const ptrdiff_t n_table = pass->b != NULL ? cells->n_cells * cells->width : 0;
    const ptrdiff_t per_flush = ROWS_PER_CELL * cells->n_cells;
    const qst__blocks blocks = {.step = cells_step,
        .flush = flush_moments,
        .data = work,
        .n_rows = work->design->model->n_rows,
        .n_cols = work->design->n_cols,
        .rows_per_flush = (per_flush + QST__BLOCK - 1) / QST__BLOCK * QST__BLOCK,
        .scratch_size = QST__BLOCK * (3 + cells->width) + CELL_ROOM + n_moments(work),
        .n_sums = pass->n_sums + n_moments(work)};
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst__dd *totals = NULL;
    double *table = NULL;
    qst_status status = qst__arena_array(&arena, blocks.n_sums, sizeof(qst__dd), &totals, err);
    if (status == QST_OK) {
        status = qst__arena_array(&arena, n_table, sizeof(double), &table, err);
    }
    if (status == QST_OK) {
        if (pass->b != NULL) {
            qst__cells_tabulate(work->design, pass->b, table);
        }
        work->table = table;
        status = qst__blocks_run(ctx, &blocks, totals, err);
    }
    if (status == QST_OK) {
        take_sums(pass, totals);
        status = qst__cells_collect(
            ctx, work->design, totals + pass->n_sums, pass->cross_out, pass->gram_out, err);
    }
    qst__arena_free(&arena);
    return status;
}

qst_status qst__design_pass(
    const qst_ctx *ctx, const qst__design *design, const qst__pass *pass, qst_err *err)
{
    job work = {.design = design, .pass = pass};
    return design->cells->n_cells > 0 ? pass_by_cells(ctx, &work, err)
                                      : pass_by_panels(ctx, &work, err);
}

/* ---- Quadratic forms ---- */

static qst_status panel_form(
    const void *data, ptrdiff_t start, ptrdiff_t n, double *scratch, qst__dd *sums, qst_err *err)
{
    (void)sums;
    (void)err;
    const job *work = data;
    const ptrdiff_t p = work->design->n_cols;
    double *panel = room_for_rows(scratch), *times_a = scratch, *form = times_a + QST__BLOCK;
    fill_panel(work->design, start, n, panel);
    memset(form, 0, QST__BLOCK * sizeof *form);
    for (ptrdiff_t j = 0; j < p; j++) {
        qst__predict_block(panel, p, work->a + j * p, times_a);
        for (int i = 0; i < QST__BLOCK; i++) {
            form[i] += times_a[i] * panel[i + j * QST__BLOCK];
        }
    }
    memcpy(work->out + start, form, (size_t)n * sizeof *form);
    return QST_OK;
}

static qst_status cells_form(
    const void *data, ptrdiff_t start, ptrdiff_t n, double *scratch, qst__dd *sums, qst_err *err)
{
    (void)sums;
    (void)err;
    const job *work = data;
    const qst__cells *cells = work->design->cells;
    int32_t *cell = room_for_cells(scratch);
    double *rows = room_for_carriers(scratch);
    qst__rows_load(cells, start, n, cell, rows);
    qst__rows_form(cells, cell, rows, work->table, scratch);
    memcpy(work->out + start, scratch, (size_t)n * sizeof *scratch);
    return QST_OK;
}

static qst_status form_by_cells(const qst_ctx *ctx, job *work, qst_err *err)
{
    const qst__cells *cells = work->design->cells;
    const qst__blocks blocks = {.step = cells_form,
        .data = work,
        .n_rows = work->design->model->n_rows,
        .n_cols = work->design->n_cols,
        .scratch_size = QST__BLOCK * (3 + cells->width) + CELL_ROOM};
    const ptrdiff_t n_table = cells->n_cells * cells->n_carriers * cells->width;
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    double *table = NULL, *dropped = NULL;
    qst_status status = qst__arena_array(&arena, n_table, sizeof(double), &table, err);
    if (status == QST_OK) {
        status = qst__arena_array(&arena, work->design->n_cols, sizeof(double), &dropped, err);
    }
    if (status == QST_OK) {
        qst__cells_tabulate_form(work->design, work->a, dropped, table);
        work->table = table;
        status = qst__blocks_run(ctx, &blocks, NULL, err);
    }
    qst__arena_free(&arena);
    return status;
}

qst_status qst__design_quadratic(
    const qst_ctx *ctx, const qst__design *design, const double *a, double *out, qst_err *err)
{
    job work = {.design = design, .a = a, .out = out};
    if (design->cells->n_cells > 0) {
        return form_by_cells(ctx, &work, err);
    }
    const qst__blocks blocks = {.step = panel_form,
        .data = &work,
        .n_rows = design->model->n_rows,
        .n_cols = design->n_cols,
        .scratch_size = QST__BLOCK * (3 + design->n_cols)};
    return qst__blocks_run(ctx, &blocks, NULL, err);
}
