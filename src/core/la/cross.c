#include "la/la.h"

#include <string.h>

/* Rows taken together: eight columns of them stay in the first cache. */
#define RUN 256

QST__LOOP double lanes(const double sums[4])
{
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* out[0..3] += a'b0 .. a'b3, out[4..7] += c'b0 .. c'b3: each number read is used more than once. */
QST__LOOP void tile_loop(const double *restrict a, const double *restrict c,
    const double *const b[4], ptrdiff_t n, double out[8])
{
    const double *restrict b0 = b[0], *restrict b1 = b[1], *restrict b2 = b[2], *restrict b3 = b[3];
    double s0[4] = {0.0}, s1[4] = {0.0}, s2[4] = {0.0}, s3[4] = {0.0};
    double t0[4] = {0.0}, t1[4] = {0.0}, t2[4] = {0.0}, t3[4] = {0.0};
    for (ptrdiff_t i = 0; i < n; i += 4) {
        for (int k = 0; k < 4; k++) {
            s0[k] += a[i + k] * b0[i + k];
            s1[k] += a[i + k] * b1[i + k];
            s2[k] += a[i + k] * b2[i + k];
            s3[k] += a[i + k] * b3[i + k];
            t0[k] += c[i + k] * b0[i + k];
            t1[k] += c[i + k] * b1[i + k];
            t2[k] += c[i + k] * b2[i + k];
            t3[k] += c[i + k] * b3[i + k];
        }
    }
    out[0] += lanes(s0);
    out[1] += lanes(s1);
    out[2] += lanes(s2);
    out[3] += lanes(s3);
    out[4] += lanes(t0);
    out[5] += lanes(t1);
    out[6] += lanes(t2);
    out[7] += lanes(t3);
}

/* Columns j and j + 1 by columns k .. k + 3, of which those from the last on are the last again. */
QST__LOOP void gram_tile(qst_cmat x, const ptrdiff_t *columns, ptrdiff_t n_columns, ptrdiff_t row,
    ptrdiff_t n, ptrdiff_t j, ptrdiff_t k, double *out)
{
    const ptrdiff_t last = n_columns - 1, next = j < last ? j + 1 : last;
    const double *b[4];
    double sums[8] = {0.0};
    for (ptrdiff_t s = 0; s < 4; s++) {
        const ptrdiff_t at = k + s < last ? k + s : last;
        b[s] = x.data + row + columns[at] * x.ld;
    }
    const double *origin = x.data + row;
    tile_loop(origin + columns[j] * x.ld, origin + columns[next] * x.ld, b, n, sums);
    for (ptrdiff_t s = 0; s < 4 && k + s <= last; s++) {
        out[k + s + j * n_columns] += sums[s];
        if (next > j && k + s >= next) {
            out[k + s + next * n_columns] += sums[4 + s];
        }
    }
}

QST__LOOP void gram_loop(
    qst_cmat x, const ptrdiff_t *columns, ptrdiff_t n_columns, double *restrict out)
{
    for (ptrdiff_t row = 0; row < x.n_rows; row += RUN) {
        const ptrdiff_t n = x.n_rows - row < RUN ? x.n_rows - row : RUN;
        for (ptrdiff_t j = 0; j < n_columns; j += 2) {
            for (ptrdiff_t k = j; k < n_columns; k += 4) {
                gram_tile(x, columns, n_columns, row, n, j, k, out);
            }
        }
    }
}

QST__LOOP void dot_loop(qst_cmat x, const double *restrict r, double *restrict out)
{
    for (ptrdiff_t j = 0; j < x.n_cols; j++) {
        const double *restrict column = x.data + j * x.ld;
        double s[4] = {0.0}, t[4] = {0.0};
        ptrdiff_t i = 0;
        for (; i + 8 <= x.n_rows; i += 8) {
            for (int k = 0; k < 4; k++) {
                s[k] += column[i + k] * r[i + k];
                t[k] += column[i + k + 4] * r[i + k + 4];
            }
        }
        for (; i < x.n_rows; i += 4) {
            for (int k = 0; k < 4; k++) {
                s[k] += column[i + k] * r[i + k];
            }
        }
        out[j] = lanes(s) + lanes(t);
    }
}

/* eta += four columns. */
QST__LOOP void add_columns(
    const double *const x[4], const double b[4], ptrdiff_t n, double *restrict eta)
{
    const double *restrict x0 = x[0], *restrict x1 = x[1], *restrict x2 = x[2], *restrict x3 = x[3];
    const double b0 = b[0], b1 = b[1], b2 = b[2], b3 = b[3];
    for (ptrdiff_t i = 0; i < n; i += 4) {
        double sum[4];
        for (int k = 0; k < 4; k++) {
            sum[k] = (x0[i + k] * b0 + x1[i + k] * b1) + (x2[i + k] * b2 + x3[i + k] * b3);
        }
        for (int k = 0; k < 4; k++) {
            eta[i + k] += sum[k];
        }
    }
}

QST__LOOP void combine_loop(
    qst_cmat x, const ptrdiff_t *columns, ptrdiff_t n_columns, const double *b, double *eta)
{
    for (ptrdiff_t row = 0; row < x.n_rows; row += RUN) {
        const ptrdiff_t n = x.n_rows - row < RUN ? x.n_rows - row : RUN;
        for (ptrdiff_t j = 0; j < n_columns; j += 4) {
            const double *four[4];
            double weights[4];
            for (ptrdiff_t s = 0; s < 4; s++) {
                const bool there = j + s < n_columns;
                four[s] = x.data + row + columns[there ? j + s : j] * x.ld;
                weights[s] = there ? b[j + s] : 0.0;
            }
            add_columns(four, weights, n, eta + row);
        }
    }
}

QST__WIDE void gram_wide(qst_cmat x, const ptrdiff_t *columns, ptrdiff_t n_columns, double *out)
{
    gram_loop(x, columns, n_columns, out);
}

QST__WIDE void dot_wide(qst_cmat x, const double *r, double *out)
{
    dot_loop(x, r, out);
}

QST__WIDE void combine_wide(
    qst_cmat x, const ptrdiff_t *columns, ptrdiff_t n_columns, const double *b, double *eta)
{
    combine_loop(x, columns, n_columns, b, eta);
}

void qst__gram_columns(qst_cmat x, const ptrdiff_t *columns, ptrdiff_t n_columns, double *out)
{
    memset(out, 0, (size_t)(n_columns * n_columns) * sizeof *out);
    if (QST__IS_WIDE) {
        gram_wide(x, columns, n_columns, out);
    } else {
        gram_loop(x, columns, n_columns, out);
    }
    for (ptrdiff_t j = 0; j < n_columns; j++) {
        for (ptrdiff_t k = 0; k < j; k++) {
            out[k + j * n_columns] = out[j + k * n_columns];
        }
    }
}

void qst__dot_columns(qst_cmat x, const double *r, double *out)
{
    if (QST__IS_WIDE) {
        dot_wide(x, r, out);
    } else {
        dot_loop(x, r, out);
    }
}

void qst__combine_columns(
    qst_cmat x, const ptrdiff_t *columns, ptrdiff_t n_columns, const double *b, double *eta_out)
{
    memset(eta_out, 0, (size_t)x.n_rows * sizeof *eta_out);
    if (QST__IS_WIDE) {
        combine_wide(x, columns, n_columns, b, eta_out);
    } else {
        combine_loop(x, columns, n_columns, b, eta_out);
    }
}
