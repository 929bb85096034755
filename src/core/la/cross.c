#include "la/la.h"

#include <string.h>

/* Rows taken together: 24 columns of them stay in the first cache. */
#define RUN 128

static inline double lanes(const qst__four *sums)
{
    return ((*sums)[0] + (*sums)[1]) + ((*sums)[2] + (*sums)[3]);
}

/* ---- Rows one after the other ---- */

/* Four columns from a by eight from b, over n rows. */
QST__LOOP void tile_loop(
    const double *a, const double *b, ptrdiff_t stride, ptrdiff_t n, double out[4][8])
{
    qst__four s0 = {0.0}, s1 = {0.0}, s2 = {0.0}, s3 = {0.0};
    qst__four t0 = {0.0}, t1 = {0.0}, t2 = {0.0}, t3 = {0.0};
    for (ptrdiff_t i = 0; i < n; i++) {
        const qst__four left = *(const qst__four *)b, right = *(const qst__four *)(b + 4);
        s0 += a[0] * left;
        s1 += a[1] * left;
        s2 += a[2] * left;
        s3 += a[3] * left;
        t0 += a[0] * right;
        t1 += a[1] * right;
        t2 += a[2] * right;
        t3 += a[3] * right;
        a += stride;
        b += stride;
    }
    qst__four *to = (qst__four *)out;
    to[0] = s0;
    to[1] = t0;
    to[2] = s1;
    to[3] = t1;
    to[4] = s2;
    to[5] = t2;
    to[6] = s3;
    to[7] = t3;
}

/* Adds to the columns j .. j + 3 of `out`, rows k .. k + 7: those of the lower triangle. */
QST__LOOP void gram_tile(
    qst__rows x, ptrdiff_t row, ptrdiff_t n, ptrdiff_t j, ptrdiff_t k, double *restrict out)
{
    double sums[4][8];
    const double *from = x.data + row * x.stride;
    tile_loop(from + j, from + k, x.stride, n, sums);
    for (ptrdiff_t c = 0; c < 4 && j + c < x.n_cols; c++) {
        for (ptrdiff_t r = 0; r < 8 && k + r < x.n_cols; r++) {
            out[k + r + (j + c) * x.n_cols] += sums[c][r];
        }
    }
}

QST__LOOP void gram_loop(qst__rows x, double *out)
{
    for (ptrdiff_t row = 0; row < x.n_rows; row += RUN) {
        const ptrdiff_t n = x.n_rows - row < RUN ? x.n_rows - row : RUN;
        for (ptrdiff_t j = 0; j < x.n_cols; j += 4) {
            for (ptrdiff_t k = j & ~(ptrdiff_t)7; k < x.n_cols; k += 8) {
                gram_tile(x, row, n, j, k, out);
            }
        }
    }
}

/* Eight columns of the rows `which`, two rows at a time. */
QST__LOOP void dot_loop(
    qst__rows x, const ptrdiff_t *which, ptrdiff_t n, const double *r, double *out)
{
    for (ptrdiff_t j = 0; j < x.stride; j += 8) {
        qst__four s0 = {0.0}, s1 = {0.0}, t0 = {0.0}, t1 = {0.0};
        for (ptrdiff_t i = 0; i < n; i += 2) {
            const ptrdiff_t second = i + 1 < n ? i + 1 : i;
            const qst__four *a = (const qst__four *)(x.data + which[i] * x.stride + j);
            const qst__four *b = (const qst__four *)(x.data + which[second] * x.stride + j);
            const double weight = second > i ? r[second] : 0.0;
            s0 += r[i] * a[0];
            s1 += r[i] * a[1];
            t0 += weight * b[0];
            t1 += weight * b[1];
        }
        *(qst__four *)(out + j) = s0 + t0;
        *(qst__four *)(out + j + 4) = s1 + t1;
    }
}

/* Blocks of qst__four columns of which some b is not 0; b is filled up to the stride. Four rows at
 * a time, so that one does not wait for the other. */
QST__LOOP void weigh_loop(
    qst__rows x, const ptrdiff_t *blocks, ptrdiff_t n, const double *b, double *eta)
{
    for (ptrdiff_t i = 0; i < x.n_rows; i += 4) {
        const double *row[4];
        for (ptrdiff_t r = 0; r < 4; r++) {
            row[r] = x.data + (i + r < x.n_rows ? i + r : i) * x.stride;
        }
        qst__four s0 = {0.0}, s1 = {0.0}, s2 = {0.0}, s3 = {0.0};
        for (ptrdiff_t k = 0; k < n; k++) {
            const ptrdiff_t at = blocks[k];
            const qst__four weights = *(const qst__four *)(b + at);
            s0 += weights * *(const qst__four *)(row[0] + at);
            s1 += weights * *(const qst__four *)(row[1] + at);
            s2 += weights * *(const qst__four *)(row[2] + at);
            s3 += weights * *(const qst__four *)(row[3] + at);
        }
        const double sums[4] = {lanes(&s0), lanes(&s1), lanes(&s2), lanes(&s3)};
        for (ptrdiff_t r = 0; r < 4 && i + r < x.n_rows; r++) {
            eta[i + r] = sums[r];
        }
    }
}

QST__WIDE void gram_wide(qst__rows x, double *out)
{
    gram_loop(x, out);
}

QST__WIDE void dot_wide(
    qst__rows x, const ptrdiff_t *which, ptrdiff_t n, const double *r, double *out)
{
    dot_loop(x, which, n, r, out);
}

QST__WIDE void weigh_wide(
    qst__rows x, const ptrdiff_t *blocks, ptrdiff_t n, const double *b, double *eta)
{
    weigh_loop(x, blocks, n, b, eta);
}

void qst__gram_rows(qst__rows x, double *out)
{
    memset(out, 0, (size_t)(x.n_cols * x.n_cols) * sizeof *out);
    if (QST__IS_WIDE) {
        gram_wide(x, out);
    } else {
        gram_loop(x, out);
    }
    for (ptrdiff_t j = 0; j < x.n_cols; j++) {
        for (ptrdiff_t k = 0; k < j; k++) {
            out[k + j * x.n_cols] = out[j + k * x.n_cols];
        }
    }
}

void qst__dot_rows(qst__rows x, const ptrdiff_t *which, ptrdiff_t n, const double *r, double *out)
{
    if (QST__IS_WIDE) {
        dot_wide(x, which, n, r, out);
    } else {
        dot_loop(x, which, n, r, out);
    }
}

void qst__weigh_rows(qst__rows x, const double *b, ptrdiff_t *blocks, double *eta_out)
{
    ptrdiff_t n = 0;
    for (ptrdiff_t j = 0; j < x.stride; j += 4) {
        blocks[n] = j;
        n += b[j] != 0.0 || b[j + 1] != 0.0 || b[j + 2] != 0.0 || b[j + 3] != 0.0;
    }
    if (QST__IS_WIDE) {
        weigh_wide(x, blocks, n, b, eta_out);
    } else {
        weigh_loop(x, blocks, n, b, eta_out);
    }
}

/* ---- Columns one after the other ---- */

/* eta += qst__four columns. */
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

QST__WIDE void combine_wide(
    qst_cmat x, const ptrdiff_t *columns, ptrdiff_t n_columns, const double *b, double *eta)
{
    combine_loop(x, columns, n_columns, b, eta);
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
