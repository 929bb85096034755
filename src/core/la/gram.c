#include "la/la.h"

double qst__dot_block(const double *a, const double *b)
{
    double sums[4] = {0.0, 0.0, 0.0, 0.0};
    for (int i = 0; i < QST__BLOCK; i += 4) {
        for (int k = 0; k < 4; k++) {
            sums[k] += a[i + k] * b[i + k];
        }
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

void qst__cross_block(const double *panel, ptrdiff_t n_cols, const double *r, qst__dd *sums)
{
    for (ptrdiff_t j = 0; j < n_cols; j++) {
        sums[j] = qst__dd_add(sums[j], qst__dot_block(panel + j * QST__BLOCK, r));
    }
}

void qst__gram_block(const double *panel, ptrdiff_t n_cols, const double *weights, qst__dd *sums)
{
    double weighted[QST__BLOCK];
    for (ptrdiff_t j = 0; j < n_cols; j++) {
        for (int i = 0; i < QST__BLOCK; i++) {
            weighted[i] = weights[i] * panel[i + j * QST__BLOCK];
        }
        for (ptrdiff_t k = 0; k <= j; k++) {
            *sums = qst__dd_add(*sums, qst__dot_block(weighted, panel + k * QST__BLOCK));
            sums++;
        }
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
