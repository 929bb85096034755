/* What the files of a design share; others go through design.h. */
#ifndef QST_CELLS_H
#define QST_CELLS_H

#include "stat/design.h"

/* A column of the design is a product of columns of parts, less a shift. */
typedef struct {
    const qst_part *part;
    ptrdiff_t column;
} qst__pick;

typedef struct {
    const qst__pick *picks;
    ptrdiff_t n_picks;
    bool has_numbers, has_factors;
    double shift; /* 0 unless centred */
} qst__product;

typedef struct qst__cells qst__cells;

struct qst__design {
    const qst_model *model;
    qst__arena *arena;
    ptrdiff_t n_cols;
    qst__product *columns;
    double constant; /* value of the first column if columns are centred, else 0 */
    qst__cells *cells;
};

/* ---- design.c ---- */

/* Rows start .. start + n - 1, or those numbered `rows`, of column j. */
void qst__design_fill_column(const qst__design *design, ptrdiff_t j, const ptrdiff_t *rows,
    ptrdiff_t start, ptrdiff_t n, double *out);

/*
 * A run over blocks of rows. `step` is given scratch of its worker and the
 * sums of its task; `flush` (may be NULL) follows after each rows_per_flush
 * rows of a task, a multiple of QST__BLOCK, and after its last, to add what is
 * in scratch to the sums. Scratch is 0 at the start and, where sums are kept
 * in it, after a flush.
 */
typedef struct {
    qst_status (*step)(const void *data, ptrdiff_t start, ptrdiff_t n, double *scratch,
        qst__dd *sums, qst_err *err);
    void (*flush)(const void *data, double *scratch, qst__dd *sums);
    const void *data;
    ptrdiff_t n_rows, n_cols, rows_per_flush, scratch_size, n_sums;
} qst__blocks;

/* Sums of all tasks, added in index order, go to totals_out. */
QST_MUST_USE qst_status qst__blocks_run(
    const qst_ctx *ctx, const qst__blocks *blocks, qst__dd *totals_out, qst_err *err);

/* ---- design_cells.c ---- */

/*
 * The fast way through the rows. A cell is a joint level of all factors; a
 * carrier is a product of columns of numbers, or the constant 1. Within a cell
 * each column is a multiple of one carrier h, so a row needs only its cell c
 * and its carriers: the linear predictor is sum_a h_a B_a(c), and the Gram
 * matrix follows from the moments sum w h_a h_b of each cell.
 *
 * Carriers of columns that are centred are centred themselves. A column of
 * numbers times factors is not, and adds the shift of its carrier again
 * (`lift`); a column of factors alone is centred afterwards (`drop`), so that
 * most columns stay 0 in most cells.
 */
typedef struct {
    const int32_t *codes;
    int32_t n_levels;
    int32_t stride; /* cell = sum of stride (code - 1) */
} qst__factor;

typedef struct {
    const double **columns; /* to be multiplied; none: the constant */
    ptrdiff_t n_columns;
    double shift;
} qst__carrier;

/* In a cell column `column` is `by` times its carrier. */
typedef struct {
    ptrdiff_t column;
    double by;
} qst__piece;

struct qst__cells {
    ptrdiff_t n_factors, n_carriers;
    ptrdiff_t n_cells; /* 0: they do not pay, and rows are expanded; what follows factors and
                          carriers is not there */
    ptrdiff_t width;   /* n_carriers in whole vectors of four */
    qst__factor *factors;
    qst__carrier *carriers; /* the first is the constant */
    ptrdiff_t *carrier_of;  /* of each column */
    double *lift, *drop;    /* of each column */
    qst__piece *pieces;     /* those of cell c: first[c] .. first[c + 1] - 1 */
    ptrdiff_t *first;
};

/* Sets design->cells. */
QST_MUST_USE qst_status qst__cells_make(qst__design *design, qst_err *err);

/* After a change of the columns' shifts. */
void qst__cells_shift(const qst__design *design);

/* Numbers that a cell's moments take: those of the residuals, then those of the weights. */
ptrdiff_t qst__cells_record(const qst__cells *cells, bool has_cross, bool has_gram);

/* table_out (n_cells x width): what coefficients make of the carriers in each cell. */
void qst__cells_tabulate(const qst__design *design, const double *b, double *table_out);

/* What a quadratic form makes of them: table_out is n_cells x n_carriers x width, `dropped` is
 * scratch, p numbers. */
void qst__cells_tabulate_form(
    const qst__design *design, const double *a, double *dropped, double *table_out);

/* What the moments are for the columns: cross-products (p) and Gram matrix (p x p); either may be
 * NULL. */
QST_MUST_USE qst_status qst__cells_collect(const qst_ctx *ctx, const qst__design *design,
    const qst__dd *moments, double *cross_out, double *gram_out, qst_err *err);

/* ---- design_rows.c: blocks of rows ---- */

/* Are all codes of these rows levels and all carriers finite? `values` is scratch. Also where cells
 * do not pay. */
bool qst__rows_are_sound(
    const qst__cells *cells, ptrdiff_t start, ptrdiff_t n, double values[QST__BLOCK]);

/* cell_out[i] is the cell of row i, rows_out its `width` carriers; 0 for rows beyond the last. */
void qst__rows_load(const qst__cells *cells, ptrdiff_t start, ptrdiff_t n,
    int32_t cell_out[QST__BLOCK], double *rows_out);

/* Linear predictors and quadratic forms of a loaded block by their tables. */
void qst__rows_predict(const qst__cells *cells, const int32_t cell[QST__BLOCK], const double *rows,
    const double *table, double eta_out[QST__BLOCK]);
void qst__rows_form(const qst__cells *cells, const int32_t cell[QST__BLOCK], const double *rows,
    const double *table, double out[QST__BLOCK]);

/* Adds a loaded block to the moments of its cells; residuals or weights may be NULL. */
void qst__rows_add(const qst__cells *cells, const int32_t cell[QST__BLOCK], const double *rows,
    const double *residuals, const double *weights, double *moments);

#endif
