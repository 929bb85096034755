#include "la/la.h"

QST__LOOP double lanes(const double sums[4])
{
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

QST__LOOP double dot_loop(const double *restrict a, const double *restrict b)
{
    double sums[4] = {0.0, 0.0, 0.0, 0.0};
    for (int i = 0; i < QST__BLOCK; i += 4) {
        for (int k = 0; k < 4; k++) {
            sums[k] += a[i + k] * b[i + k];
        }
    }
    return lanes(sums);
}

/* The same for four columns b of a panel, so that each a is read once. */
QST__LOOP void dots_loop(const double *restrict a, const double *restrict b, double out[4])
{
    double s0[4] = {0.0}, s1[4] = {0.0}, s2[4] = {0.0}, s3[4] = {0.0};
    for (int i = 0; i < QST__BLOCK; i += 4) {
        for (int k = 0; k < 4; k++) {
            s0[k] += a[i + k] * b[i + k];
            s1[k] += a[i + k] * b[i + k + QST__BLOCK];
            s2[k] += a[i + k] * b[i + k + 2 * QST__BLOCK];
            s3[k] += a[i + k] * b[i + k + 3 * QST__BLOCK];
        }
    }
    out[0] = lanes(s0);
    out[1] = lanes(s1);
    out[2] = lanes(s2);
    out[3] = lanes(s3);
}

QST__LOOP void cross_loop(const double *panel, ptrdiff_t n_cols, const double *r, qst__dd *sums)
{
    ptrdiff_t j = 0;
    for (; j + 4 <= n_cols; j += 4) {
        double dots[4];
        dots_loop(r, panel + j * QST__BLOCK, dots);
        for (int c = 0; c < 4; c++) {
            sums[j + c] = qst__dd_add(sums[j + c], dots[c]);
        }
    }
    for (; j < n_cols; j++) {
        sums[j] = qst__dd_add(sums[j], dot_loop(r, panel + j * QST__BLOCK));
    }
}

QST__LOOP void gram_loop(
    const double *panel, ptrdiff_t n_cols, const double *restrict weights, qst__dd *sums)
{
    for (ptrdiff_t j = 0; j < n_cols; j++) {
        double weighted[QST__BLOCK];
        const double *restrict column = panel + j * QST__BLOCK;
        for (int i = 0; i < QST__BLOCK; i++) {
            weighted[i] = weights[i] * column[i];
        }
        cross_loop(panel, j + 1, weighted, sums);
        sums += j + 1;
    }
}

QST__WIDE void cross_wide(const double *panel, ptrdiff_t n_cols, const double *r, qst__dd *sums)
{
    cross_loop(panel, n_cols, r, sums);
}

QST__WIDE void gram_wide(
    const double *panel, ptrdiff_t n_cols, const double *weights, qst__dd *sums)
{
    gram_loop(panel, n_cols, weights, sums);
}

void qst__cross_block(const double *panel, ptrdiff_t n_cols, const double *r, qst__dd *sums)
{
    if (QST__IS_WIDE) {
        cross_wide(panel, n_cols, r, sums);
    } else {
        cross_loop(panel, n_cols, r, sums);
    }
}

void qst__gram_block(const double *panel, ptrdiff_t n_cols, const double *weights, qst__dd *sums)
{
    if (QST__IS_WIDE) {
        gram_wide(panel, n_cols, weights, sums);
    } else {
        gram_loop(panel, n_cols, weights, sums);
    }
}

QST__LOOP void predict_loop(
    const double *panel, ptrdiff_t n_cols, const double *b, double *restrict eta)
{
    for (int i = 0; i < QST__BLOCK; i++) {
        eta[i] = 0.0;
    }
    ptrdiff_t j = 0;
    for (; j + 4 <= n_cols; j += 4) {
        const double *restrict x = panel + j * QST__BLOCK;
        const double b0 = b[j], b1 = b[j + 1], b2 = b[j + 2], b3 = b[j + 3];
        for (int i = 0; i < QST__BLOCK; i++) {
            eta[i] += (x[i] * b0 + x[i + QST__BLOCK] * b1) +
                      (x[i + 2 * QST__BLOCK] * b2 + x[i + 3 * QST__BLOCK] * b3);
        }
    }
    for (; j < n_cols; j++) {
        const double *restrict x = panel + j * QST__BLOCK;
        for (int i = 0; i < QST__BLOCK; i++) {
            eta[i] += x[i] * b[j];
        }
    }
}

QST__WIDE void predict_wide(const double *panel, ptrdiff_t n_cols, const double *b, double *eta)
{
    predict_loop(panel, n_cols, b, eta);
}

void qst__predict_block(const double *panel, ptrdiff_t n_cols, const double *b, double *eta)
{
    if (QST__IS_WIDE) {
        predict_wide(panel, n_cols, b, eta);
    } else {
        predict_loop(panel, n_cols, b, eta);
    }
}

void qst__spread_triangle(const qst__dd *packed, ptrdiff_t n_cols, double *square_out)
{
    for (ptrdiff_t j = 0; j < n_cols; j++) {
        for (ptrdiff_t k = 0; k <= j; k++) {
            square_out[k + j * n_cols] = qst__dd_value(*packed);
            square_out[j + k * n_cols] = qst__dd_value(*packed);
            packed++;
        }
    }
}
