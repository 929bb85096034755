#include "la/la.h"

#include <math.h>

/* In four sums, so that no addition waits for the one before it. */
static double dot(const double *a, const double *b, ptrdiff_t n)
{
    double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0;
    ptrdiff_t i = 0;
    for (; i + 4 <= n; i += 4) {
        s0 += a[i] * b[i];
        s1 += a[i + 1] * b[i + 1];
        s2 += a[i + 2] * b[i + 2];
        s3 += a[i + 3] * b[i + 3];
    }
    for (; i < n; i++) {
        s0 += a[i] * b[i];
    }
    return (s0 + s1) + (s2 + s3);
}

ptrdiff_t qst__cholesky(qst_mat a, double tol_rel, double *pivots_out)
{
    ptrdiff_t rank = 0;
    for (ptrdiff_t j = 0; j < a.n_cols; j++) {
        double *column = a.data + j * a.ld;
        qst__solve_upper_transposed((qst_cmat){a.data, j, j, a.ld}, column);
        const double left = column[j] - dot(column, column, j);
        pivots_out[j] = column[j] > 0.0 ? left / column[j] : 0.0;
        const bool is_kept = pivots_out[j] > tol_rel;
        for (ptrdiff_t i = 0; i < j && !is_kept; i++) {
            column[i] = 0.0;
        }
        column[j] = is_kept ? sqrt(left) : 0.0;
        for (ptrdiff_t i = j + 1; i < a.n_rows; i++) {
            column[i] = 0.0;
        }
        rank += is_kept;
    }
    return rank;
}

void qst__solve_upper(qst_cmat r, double *b)
{
    for (ptrdiff_t j = r.n_cols - 1; j >= 0; j--) {
        const double *column = r.data + j * r.ld;
        b[j] = column[j] != 0.0 ? b[j] / column[j] : 0.0;
        for (ptrdiff_t i = 0; i < j; i++) {
            b[i] -= column[i] * b[j];
        }
    }
}

void qst__solve_upper_transposed(qst_cmat r, double *b)
{
    for (ptrdiff_t j = 0; j < r.n_cols; j++) {
        const double *column = r.data + j * r.ld;
        b[j] = column[j] != 0.0 ? (b[j] - dot(column, b, j)) / column[j] : 0.0;
    }
}

void qst__inverse_gram(qst_cmat r, qst_mat out)
{
    for (ptrdiff_t j = 0; j < r.n_cols; j++) {
        double *column = out.data + j * out.ld;
        for (ptrdiff_t i = 0; i < r.n_cols; i++) {
            column[i] = i == j && r.data[j + j * r.ld] != 0.0 ? 1.0 : 0.0;
        }
        qst__solve_upper_transposed(r, column);
        qst__solve_upper(r, column);
    }
    /* The two triangles differ in their last bits; users expect a symmetric matrix. */
    for (ptrdiff_t j = 0; j < r.n_cols; j++) {
        for (ptrdiff_t i = 0; i < j; i++) {
            out.data[j + i * out.ld] = out.data[i + j * out.ld];
        }
    }
}

double qst__norm_1(qst_cmat a)
{
    double largest = 0.0;
    for (ptrdiff_t j = 0; j < a.n_cols; j++) {
        double sum = 0.0;
        for (ptrdiff_t i = 0; i < a.n_rows; i++) {
            sum += fabs(a.data[i + j * a.ld]);
        }
        largest = sum > largest ? sum : largest;
    }
    return largest;
}
