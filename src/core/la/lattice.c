#include "la/la.h"

#include <math.h>

/* Of Lovasz's condition; the closer to 1, the shorter the vectors and the longer the reduction. */
#define DELTA 0.99

static void subtract(double *to, const double *from, double factor, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        to[i] -= factor * from[i];
    }
}

/* Column k less whole multiples of column j, until their overlap is at most a half. */
static void reduce_against(qst_mat r, qst_mat u, ptrdiff_t j, ptrdiff_t k)
{
    const double times = nearbyint(r.data[j + k * r.ld] / r.data[j + j * r.ld]);
    if (times != 0.0) {
        subtract(r.data + k * r.ld, r.data + j * r.ld, times, j + 1);
        subtract(u.data + k * u.ld, u.data + j * u.ld, times, u.n_rows);
    }
}

static void exchange_columns(qst_mat a, ptrdiff_t k, ptrdiff_t n)
{
    double *left = a.data + (k - 1) * a.ld;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double kept = left[i];
        left[i] = left[i + a.ld];
        left[i + a.ld] = kept;
    }
}

/* Exchanges columns k - 1 and k; a rotation of those rows makes R triangular again. */
static void exchange_and_rotate(qst_mat r, qst_mat u, ptrdiff_t k)
{
    exchange_columns(u, k, u.n_rows);
    exchange_columns(r, k, k + 1);
    const double *first = r.data + (k - 1) + (k - 1) * r.ld;
    const double length = sqrt(first[0] * first[0] + first[1] * first[1]);
    const double c = first[0] / length;
    const double s = first[1] / length;
    for (ptrdiff_t j = k - 1; j < r.n_cols; j++) {
        double *at = r.data + (k - 1) + j * r.ld;
        const double upper = c * at[0] + s * at[1];
        at[1] = c * at[1] - s * at[0];
        at[0] = upper;
    }
    r.data[k + (k - 1) * r.ld] = 0.0;
}

void qst__reduce_lattice(qst_mat r, qst_mat u)
{
    ptrdiff_t k = 1;
    while (k < r.n_cols) {
        reduce_against(r, u, k - 1, k);
        const double *at = r.data + (k - 1) + k * r.ld;
        const double before = r.data[(k - 1) + (k - 1) * r.ld];
        if (at[0] * at[0] + at[1] * at[1] < DELTA * before * before) {
            exchange_and_rotate(r, u, k);
            k = k > 1 ? k - 1 : 1;
        } else {
            for (ptrdiff_t j = k - 2; j >= 0; j--) {
                reduce_against(r, u, j, k);
            }
            k++;
        }
    }
}

void qst__nearest_plane(qst_cmat r, double *target, double *x_out)
{
    for (ptrdiff_t j = r.n_cols - 1; j >= 0; j--) {
        x_out[j] = nearbyint(target[j] / r.data[j + j * r.ld]);
        subtract(target, r.data + j * r.ld, x_out[j], j + 1);
    }
}
