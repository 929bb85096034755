#include "stat/cells.h"

#include <string.h>

/* ---- Cells and carriers of a block ---- */

QST__LOOP void load_column(const double *restrict x, double shift, ptrdiff_t width, double *out)
{
    for (int i = 0; i < QST__BLOCK; i += 4) {
        for (int k = 0; k < 4; k++) {
            out[(i + k) * width] = x[i + k] - shift;
        }
    }
}

/* Rows beyond the last are left alone. */
static void load_carrier(
    const qst__carrier *carrier, ptrdiff_t start, ptrdiff_t n, ptrdiff_t width, double *out)
{
    if (carrier->n_columns == 1 && n == QST__BLOCK) {
        load_column(carrier->columns[0] + start, carrier->shift, width, out);
        return;
    }
    if (carrier->n_columns == 0) {
        for (ptrdiff_t i = 0; i < n; i++) {
            out[i * width] = 1.0;
        }
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        double value = 1.0;
        for (ptrdiff_t k = 0; k < carrier->n_columns; k++) {
            value *= carrier->columns[k][start + i];
        }
        out[i * width] = value - carrier->shift;
    }
}

/* Adds a factor to the cells of a block. */
QST__LOOP void number_loop(const int32_t *restrict codes, int32_t stride, int32_t *restrict cell)
{
    for (int i = 0; i < QST__BLOCK; i++) {
        cell[i] += (codes[i] - 1) * stride;
    }
}

QST__WIDE void number_wide(const int32_t *codes, int32_t stride, int32_t *cell)
{
    number_loop(codes, stride, cell);
}

static void number_cells(
    const qst__factor *factor, ptrdiff_t start, ptrdiff_t n, int32_t cell[QST__BLOCK])
{
    const int32_t *codes = factor->codes + start;
    if (n == QST__BLOCK && QST__IS_WIDE) {
        number_wide(codes, factor->stride, cell);
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        cell[i] += (codes[i] - 1) * factor->stride;
    }
}

void qst__rows_load(const qst__cells *cells, ptrdiff_t start, ptrdiff_t n,
    int32_t cell_out[QST__BLOCK], double *rows_out)
{
    memset(cell_out, 0, QST__BLOCK * sizeof *cell_out);
    for (ptrdiff_t k = 0; k < cells->n_factors; k++) {
        number_cells(&cells->factors[k], start, n, cell_out);
    }
    if (n < QST__BLOCK) {
        memset(rows_out, 0, (size_t)(QST__BLOCK * cells->width) * sizeof *rows_out);
    }
    for (ptrdiff_t a = 0; a < cells->n_carriers; a++) {
        load_carrier(&cells->carriers[a], start, n, cells->width, rows_out + a);
    }
}

/* ---- Checks ---- */

QST__LOOP bool has_level_loop(const int32_t *restrict codes, int32_t n_levels)
{
    uint32_t largest = 0;
    for (int i = 0; i < QST__BLOCK; i++) {
        const uint32_t code = (uint32_t)codes[i] - 1;
        largest = code > largest ? code : largest;
    }
    return largest < (uint32_t)n_levels;
}

QST__WIDE bool has_level_wide(const int32_t *codes, int32_t n_levels)
{
    return has_level_loop(codes, n_levels);
}

static bool has_levels(const qst__factor *factor, ptrdiff_t start, ptrdiff_t n)
{
    const int32_t *codes = factor->codes + start;
    if (n == QST__BLOCK && QST__IS_WIDE) {
        return has_level_wide(codes, factor->n_levels);
    }
    bool is_sound = true;
    for (ptrdiff_t i = 0; i < n; i++) {
        is_sound &= codes[i] >= 1 && codes[i] <= factor->n_levels;
    }
    return is_sound;
}

/* A number less itself is 0 only if it is finite. */
QST__LOOP bool are_finite_loop(const double *restrict values)
{
    double rests[4] = {0.0, 0.0, 0.0, 0.0};
    for (int i = 0; i < QST__BLOCK; i += 4) {
        for (int k = 0; k < 4; k++) {
            rests[k] += values[i + k] - values[i + k];
        }
    }
    return (rests[0] + rests[1]) + (rests[2] + rests[3]) == 0.0;
}

bool qst__rows_are_sound(
    const qst__cells *cells, ptrdiff_t start, ptrdiff_t n, double values[QST__BLOCK])
{
    bool is_sound = true;
    for (ptrdiff_t k = 0; k < cells->n_factors; k++) {
        is_sound = is_sound && has_levels(&cells->factors[k], start, n);
    }
    memset(values, 0, n < QST__BLOCK ? QST__BLOCK * sizeof *values : 0);
    for (ptrdiff_t a = 1; a < cells->n_carriers && is_sound; a++) {
        load_carrier(&cells->carriers[a], start, n, 1, values);
        is_sound = are_finite_loop(values);
    }
    return is_sound;
}

/* ---- Linear predictors and quadratic forms ---- */

/* Sum of a[k] b[k], in four lanes. */
QST__LOOP double dot_row(const double *restrict a, const double *restrict b, ptrdiff_t width)
{
    double sums[4] = {0.0, 0.0, 0.0, 0.0};
    for (ptrdiff_t k = 0; k < width; k += 4) {
        for (int l = 0; l < 4; l++) {
            sums[l] += a[k + l] * b[k + l];
        }
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

QST__LOOP void predict_loop(const int32_t *cell, const double *restrict rows,
    const double *restrict table, ptrdiff_t width, double *restrict eta)
{
    for (int i = 0; i < QST__BLOCK; i++) {
        eta[i] = dot_row(rows + i * width, table + cell[i] * width, width);
    }
}

QST__WIDE void predict_wide(
    const int32_t *cell, const double *rows, const double *table, ptrdiff_t width, double *eta)
{
    if (width == 4) {
        predict_loop(cell, rows, table, 4, eta);
    } else {
        predict_loop(cell, rows, table, width, eta);
    }
}

void qst__rows_predict(const qst__cells *cells, const int32_t cell[QST__BLOCK], const double *rows,
    const double *table, double eta_out[QST__BLOCK])
{
    if (QST__IS_WIDE) {
        predict_wide(cell, rows, table, cells->width, eta_out);
    } else {
        predict_loop(cell, rows, table, cells->width, eta_out);
    }
}

QST__LOOP void form_loop(const qst__cells *cells, const int32_t *cell, const double *rows,
    const double *table, ptrdiff_t width, double *out)
{
    for (int i = 0; i < QST__BLOCK; i++) {
        const double *row = rows + i * width;
        const double *form = table + cell[i] * cells->n_carriers * width;
        double sum = 0.0;
        for (ptrdiff_t a = 0; a < cells->n_carriers; a++) {
            sum += row[a] * dot_row(row, form + a * width, width);
        }
        out[i] = sum;
    }
}

QST__WIDE void form_wide(const qst__cells *cells, const int32_t *cell, const double *rows,
    const double *table, ptrdiff_t width, double *out)
{
    if (width == 4) {
        form_loop(cells, cell, rows, table, 4, out);
    } else {
        form_loop(cells, cell, rows, table, width, out);
    }
}

void qst__rows_form(const qst__cells *cells, const int32_t cell[QST__BLOCK], const double *rows,
    const double *table, double out[QST__BLOCK])
{
    if (QST__IS_WIDE) {
        form_wide(cells, cell, rows, table, cells->width, out);
    } else {
        form_loop(cells, cell, rows, table, cells->width, out);
    }
}

/* ---- Moments ---- */

/* sums += by * row, from the vector on that holds `from`. */
QST__LOOP void add_row(
    double *restrict sums, const double *restrict row, double by, ptrdiff_t from, ptrdiff_t width)
{
    for (ptrdiff_t k = from / 4 * 4; k < width; k += 4) {
        for (int l = 0; l < 4; l++) {
            sums[k + l] += by * row[k + l];
        }
    }
}

/* Row a of a cell's matrix of moments is right of the diagonal only, but for what its first vector
 * holds. */
QST__LOOP void add_loop(const int32_t *cell, const double *rows, const double *residuals,
    const double *weights, ptrdiff_t n_carriers, ptrdiff_t width, double *moments)
{
    const ptrdiff_t record = width * ((residuals != NULL) + (weights != NULL ? n_carriers : 0));
    for (int i = 0; i < QST__BLOCK; i++) {
        const double *row = rows + i * width;
        double *sums = moments + cell[i] * record;
        if (residuals != NULL) {
            add_row(sums, row, residuals[i], 0, width);
            sums += width;
        }
        for (ptrdiff_t a = 0; a < n_carriers && weights != NULL; a++) {
            add_row(sums, row, weights[i] * row[a], a, width);
            sums += width;
        }
    }
}

/* The commonest numbers of carriers by themselves, so that their loops are unrolled. */
QST__WIDE void add_wide(const int32_t *cell, const double *rows, const double *residuals,
    const double *weights, ptrdiff_t n_carriers, ptrdiff_t width, double *moments)
{
    if (n_carriers == 1) {
        add_loop(cell, rows, residuals, weights, 1, 4, moments);
    } else if (n_carriers == 2) {
        add_loop(cell, rows, residuals, weights, 2, 4, moments);
    } else if (n_carriers == 3) {
        add_loop(cell, rows, residuals, weights, 3, 4, moments);
    } else {
        add_loop(cell, rows, residuals, weights, n_carriers, width, moments);
    }
}

void qst__rows_add(const qst__cells *cells, const int32_t cell[QST__BLOCK], const double *rows,
    const double *residuals, const double *weights, double *moments)
{
    const ptrdiff_t n_carriers = cells->n_carriers, width = cells->width;
    if (QST__IS_WIDE) {
        add_wide(cell, rows, residuals, weights, n_carriers, width, moments);
    } else {
        add_loop(cell, rows, residuals, weights, n_carriers, width, moments);
    }
}
