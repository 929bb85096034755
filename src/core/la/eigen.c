#include "la/la.h"

#include <float.h>
#include <math.h>

/* Sweeps converge quadratically: 10 are enough for any size met here. */
#define MAX_SWEEPS 30

static void rotate(double *x, double *y, ptrdiff_t n, ptrdiff_t stride, double c, double s)
{
    for (ptrdiff_t i = 0; i < n * stride; i += stride) {
        const double left = x[i], right = y[i];
        x[i] = c * left - s * right;
        y[i] = s * left + c * right;
    }
}

/* Makes a_jk zero; false if it is one already, to `tol`. The smaller of the two angles is taken,
 * without which sweeps need not converge (Forsythe & Henrici 1960). */
static bool annihilate(qst_mat a, qst_mat vectors, ptrdiff_t j, ptrdiff_t k, double tol)
{
    double *column_j = a.data + j * a.ld, *column_k = a.data + k * a.ld;
    const double off = column_k[j], first = column_j[j], second = column_k[k];
    if (fabs(off) <= tol) {
        return false;
    }
    const double cotangent = (second - first) / (2.0 * off);
    const double tangent =
        copysign(1.0, cotangent) / (fabs(cotangent) + sqrt(1.0 + cotangent * cotangent));
    const double c = 1.0 / sqrt(1.0 + tangent * tangent), s = tangent * c;
    rotate(column_j, column_k, a.n_rows, 1, c, s);
    rotate(a.data + j, a.data + k, a.n_rows, a.ld, c, s);
    column_j[j] = first - tangent * off;
    column_k[k] = second + tangent * off;
    column_j[k] = 0.0;
    column_k[j] = 0.0;
    rotate(vectors.data + j * vectors.ld, vectors.data + k * vectors.ld, a.n_rows, 1, c, s);
    return true;
}

void qst__eigen(qst_mat a, double *values_out, qst_mat vectors_out)
{
    const ptrdiff_t n = a.n_rows;
    for (ptrdiff_t j = 0; j < n; j++) {
        for (ptrdiff_t i = 0; i < n; i++) {
            vectors_out.data[i + j * vectors_out.ld] = i == j ? 1.0 : 0.0;
        }
    }
    const double tol = 0.25 * DBL_EPSILON * qst__norm_1(qst__view(a));
    bool is_moving = true;
    for (int sweep = 0; sweep < MAX_SWEEPS && is_moving; sweep++) {
        is_moving = false;
        for (ptrdiff_t j = 0; j < n; j++) {
            for (ptrdiff_t k = j + 1; k < n; k++) {
                is_moving = annihilate(a, vectors_out, j, k, tol) || is_moving;
            }
        }
    }
    for (ptrdiff_t j = 0; j < n; j++) {
        values_out[j] = a.data[j + j * a.ld];
    }
}
