#include "stat/vcov.h"

#include <math.h>
#include <string.h>

/* What is left of a column after the columns before it must exceed this share of it to count. */
#define TOL_DEPENDENT 1e-12

static const double pi = 3.14159265358979323846;

/* ---- Small products, column-major without gaps ---- */

/* Four sums side by side, so that one addition need not wait for another. */
static double dot(const double *restrict a, const double *restrict b, ptrdiff_t n)
{
    double sums[4] = {0.0, 0.0, 0.0, 0.0};
    ptrdiff_t i = 0;
    for (; i + 4 <= n; i += 4) {
        for (int k = 0; k < 4; k++) {
            sums[k] += a[i + k] * b[i + k];
        }
    }
    for (; i < n; i++) {
        sums[0] += a[i] * b[i];
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* out (p x q) = A'B for A (n x p) and B (n x q). */
static void product(
    const double *a, ptrdiff_t p, const double *b, ptrdiff_t q, ptrdiff_t n, double *out)
{
    for (ptrdiff_t j = 0; j < q; j++) {
        for (ptrdiff_t k = 0; k < p; k++) {
            out[k + j * p] = dot(a + k * n, b + j * n, n);
        }
    }
}

/* out = V diag(values) V', r x r. */
static void recompose(const double *vectors, const double *values, ptrdiff_t r, double *out)
{
    memset(out, 0, (size_t)(r * r) * sizeof *out);
    for (ptrdiff_t k = 0; k < r; k++) {
        const double *v = vectors + k * r;
        for (ptrdiff_t j = 0; j < r && values[k] != 0.0; j++) {
            for (ptrdiff_t i = 0; i < r; i++) {
                out[i + j * r] += v[i] * values[k] * v[j];
            }
        }
    }
}

static void times_vector(const double *a, const double *x, ptrdiff_t r, double *out)
{
    memset(out, 0, (size_t)r * sizeof *out);
    for (ptrdiff_t j = 0; j < r; j++) {
        for (ptrdiff_t i = 0; i < r; i++) {
            out[i] += a[i + j * r] * x[j];
        }
    }
}

/* x -= Q Q'x for `k` orthonormal columns of n, twice, so that nothing is left of them (Kahan's
 * "twice is enough"); the coefficients are added to `out` if that is not NULL. */
static void remove_columns(const double *q, ptrdiff_t k, ptrdiff_t n, double *x, double *out)
{
    for (int repeat = 0; repeat < 2; repeat++) {
        for (ptrdiff_t j = 0; j < k; j++) {
            const double inner = dot(q + j * n, x, n);
            for (ptrdiff_t i = 0; i < n; i++) {
                x[i] -= inner * q[i + j * n];
            }
            if (out != NULL) {
                out[j] += inner;
            }
        }
    }
}

static double norm_of(const double *x, ptrdiff_t n)
{
    return sqrt(dot(x, x, n));
}

ptrdiff_t qst__adjust_scratch(ptrdiff_t n, ptrdiff_t r)
{
    return n * (5 * r + 4) + 24 * r * r + 16 * r;
}

/* ---- Equal variances: all of it happens in the r columns ---- */

/* (I - Y Y')^-1/2 Y = Y V (1 - L)^-1/2 V' for Y'Y = V L V'; an eigenvalue 1 - L of 0 gets a
 * pseudo-inverse, for residuals have nothing in its direction. */
void qst__adjust_plain(
    ptrdiff_t r, const double *gram, const double *cross, const qst__adjusted *out, double *scratch)
{
    double *work = scratch, *vectors = work + r * r, *values = vectors + r * r;
    double *scaled = values + r, *factor = scaled + r;
    memcpy(work, gram, (size_t)(r * r) * sizeof *work);
    qst__eigen((qst_mat){work, r, r, r}, values, (qst_mat){vectors, r, r, r});
    for (ptrdiff_t k = 0; k < r; k++) {
        const double left = 1.0 - values[k];
        scaled[k] = left > QST__TOL_FULL ? 1.0 / sqrt(left) : 0.0;
    }
    recompose(vectors, scaled, r, factor);
    times_vector(factor, cross, r, out->score);
    for (ptrdiff_t k = 0; k < r; k++) {
        values[k] *= scaled[k];
    }
    recompose(vectors, values, r, out->shared);
    for (ptrdiff_t k = 0; k < r; k++) {
        values[k] *= scaled[k];
    }
    recompose(vectors, values, r, out->own);
}

/* ---- Variances that differ: G = Theta (I - Y Y') Theta, Y = W^1/2 Z ----
 *
 * The root of a diagonal less a matrix of rank r has no closed form, but its
 * resolvent has (Woodbury), and G^-1/2 = 2/pi int_0^inf (G + t^2)^-1 dt. The
 * integral is taken by the trapezoidal rule after t = sqrt(low) tan am(u), with
 * which it converges geometrically (Hale, Higham & Trefethen 2008, SIAM J.
 * Numer. Anal. 46:2505-2523, method 3); the number of nodes follows the
 * condition of G.
 */

/* sin, cos and delta of the amplitude of `share` of the quarter period, which is returned, for the
 * parameter 1 - k^2; by the arithmetic-geometric mean (Abramowitz & Stegun 1964, 16.4). */
static double elliptic(double k, double share, double *sine, double *cosine, double *delta)
{
    double a[16] = {1.0}, c[16] = {0.0}, b = k;
    int n = 0;
    while (n < 15 && fabs(a[n] - b) > 1e-16 * a[n]) {
        a[n + 1] = 0.5 * (a[n] + b);
        c[n + 1] = 0.5 * (a[n] - b);
        b = sqrt(a[n] * b);
        n++;
    }
    const double quarter = pi / (2.0 * a[n]);
    double angle = ldexp(a[n] * quarter * share, n);
    for (int i = n; i > 0; i--) {
        angle = 0.5 * (angle + asin(c[i] / a[i] * sin(angle)));
    }
    *sine = sin(angle);
    *cosine = cos(angle);
    *delta = sqrt(*cosine * *cosine + k * k * *sine * *sine);
    return quarter;
}

/* Nodes for eigenvalues in [low, high], to about 14 digits; those of the upper half of the quarter
 * period come from the lower half, where nothing cancels. */
void qst_root_nodes(double low, double high, qst_nodes *out)
{
    const double k = sqrt(low / high);
    const double wanted = 17.0 * (3.0 + log(high / low)) / (pi * pi);
    const int n_half = (int)fmin(ceil(0.5 * wanted) + 1.0, QST_NODES_MAX / 2);
    out->n_nodes = 2 * n_half;
    for (int j = 0; j < n_half; j++) {
        double sine, cosine, delta;
        const double quarter =
            elliptic(k, (j + 0.5) / (double)out->n_nodes, &sine, &cosine, &delta);
        const double scale = 2.0 * quarter * sqrt(low) / (pi * (double)out->n_nodes);
        const double tangent = sine / cosine;
        out->square[2 * j] = low * tangent * tangent;
        out->weight[2 * j] = scale * delta / (cosine * cosine);
        out->square[2 * j + 1] = low / (k * k * tangent * tangent);
        out->weight[2 * j + 1] = scale * delta / (k * sine * sine);
    }
}

typedef struct {
    const qst__cluster *cluster;
    double *y;                                 /* n x r */
    double *target;                            /* n x r: y without the null space of G */
    double *t;                                 /* n x r: G^-1/2 y */
    double *null;                              /* n x n_null, orthonormal */
    double *stretched;                         /* n x r: Theta y */
    double *pearson, *shrink, *theta, *scaled; /* n */
    double *s, *h, *values, *vectors, *pivots;
    ptrdiff_t n_null;
} root;

static void lay_out(const qst__cluster *cluster, double *scratch, root *out)
{
    const ptrdiff_t n = cluster->n, r = cluster->r;
    *out = (root){.cluster = cluster, .y = scratch};
    out->target = out->y + n * r;
    out->t = out->target + n * r;
    out->null = out->t + n * r;
    out->stretched = out->null + n * r;
    out->pearson = out->stretched + n * r;
    out->shrink = out->pearson + n;
    out->theta = out->shrink + n;
    out->scaled = out->theta + n;
    out->s = out->scaled + n;
    out->h = out->s + r * r;
    out->vectors = out->h + r * r;
    out->values = out->vectors + r * r;
    out->pivots = out->values + r;
}

/* y = W^1/2 Z, pearson = W^1/2 e, theta = variances over their largest: G may be scaled at will;
 * stretched = Theta y. */
static void weigh_rows(const root *work)
{
    const qst__cluster *cluster = work->cluster;
    const ptrdiff_t n = cluster->n;
    double largest = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double weight = sqrt(cluster->weights[i]);
        work->pearson[i] = weight * cluster->residuals[i];
        largest = fmax(largest, cluster->variances[i]);
        for (ptrdiff_t j = 0; j < cluster->r; j++) {
            work->y[i + j * n] = weight * cluster->z[i + j * n];
        }
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        work->theta[i] = cluster->variances[i] / largest;
    }
    for (ptrdiff_t j = 0; j < cluster->r; j++) {
        for (ptrdiff_t i = 0; i < n; i++) {
            work->stretched[i + j * n] = work->theta[i] * work->y[i + j * n];
        }
    }
}

/* The null space of G is Theta^-1 Y v for the eigenvectors v of Y'Y of value 1. Returns the
 * smallest eigenvalue of I - Y Y' that is not 0. */
static double find_null_space(root *work)
{
    const ptrdiff_t n = work->cluster->n, r = work->cluster->r;
    product(work->y, r, work->y, r, n, work->s);
    qst__eigen((qst_mat){work->s, r, r, r}, work->values, (qst_mat){work->vectors, r, r, r});
    double smallest = 1.0;
    for (ptrdiff_t k = 0; k < r; k++) {
        const double left = 1.0 - work->values[k];
        if (left > QST__TOL_FULL) {
            smallest = fmin(smallest, left);
            continue;
        }
        double *column = work->null + work->n_null * n;
        for (ptrdiff_t i = 0; i < n; i++) {
            column[i] = 0.0;
            for (ptrdiff_t j = 0; j < r; j++) {
                column[i] += work->y[i + j * n] * work->vectors[j + k * r] / work->theta[i];
            }
        }
        remove_columns(work->null, work->n_null, n, column, NULL);
        const double norm = norm_of(column, n);
        for (ptrdiff_t i = 0; i < n; i++) {
            column[i] /= norm;
        }
        work->n_null++;
    }
    return smallest;
}

/* s = I - Y' Theta D Theta Y and h = Y' Theta D target for D = (Theta^2 + t^2)^-1. */
static void set_node(const root *work, double square)
{
    const ptrdiff_t n = work->cluster->n, r = work->cluster->r;
    for (ptrdiff_t i = 0; i < n; i++) {
        work->shrink[i] = 1.0 / (work->theta[i] * work->theta[i] + square);
    }
    for (ptrdiff_t k = 0; k < r; k++) {
        for (ptrdiff_t i = 0; i < n; i++) {
            work->scaled[i] = work->stretched[i + k * n] * work->shrink[i];
        }
        for (ptrdiff_t j = 0; j <= k; j++) {
            const double s = dot(work->scaled, work->stretched + j * n, n);
            work->s[k + j * r] = work->s[j + k * r] = (k == j ? 1.0 : 0.0) - s;
        }
        for (ptrdiff_t j = 0; j < r; j++) {
            work->h[k + j * r] = dot(work->scaled, work->target + j * n, n);
        }
    }
}

/* t += weight (G + t^2)^-1 target, with D as above and
 * (D^-1 - Theta Y Y' Theta)^-1 = D + D Theta Y (I - Y' Theta D Theta Y)^-1 Y' Theta D. */
static void add_node(const root *work, double square, double weight)
{
    const ptrdiff_t n = work->cluster->n, r = work->cluster->r;
    set_node(work, square);
    qst__cholesky((qst_mat){work->s, r, r, r}, 0.0, work->pivots);
    for (ptrdiff_t j = 0; j < r; j++) {
        double *h = work->h + j * r, *t = work->t + j * n;
        qst__solve_upper_transposed((qst_cmat){work->s, r, r, r}, h);
        qst__solve_upper((qst_cmat){work->s, r, r, r}, h);
        memcpy(work->scaled, work->target + j * n, (size_t)n * sizeof *work->scaled);
        for (ptrdiff_t k = 0; k < r; k++) {
            const double *stretched = work->stretched + k * n;
            for (ptrdiff_t i = 0; i < n; i++) {
                work->scaled[i] += stretched[i] * h[k];
            }
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            t[i] += weight * work->shrink[i] * work->scaled[i];
        }
    }
}

static void remove_null_space(const root *work, double *columns)
{
    for (ptrdiff_t j = 0; j < work->cluster->r; j++) {
        remove_columns(
            work->null, work->n_null, work->cluster->n, columns + j * work->cluster->n, NULL);
    }
}

void qst__adjust_inverse(const qst__cluster *cluster, const qst__adjusted *out, double *scratch)
{
    const ptrdiff_t n = cluster->n, r = cluster->r;
    root work;
    lay_out(cluster, scratch, &work);
    weigh_rows(&work);
    const double smallest = find_null_space(&work);
    double low = 1.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        low = fmin(low, work.theta[i]);
    }
    qst_nodes quadrature;
    qst_root_nodes(low * low * smallest, 1.0, &quadrature);
    memcpy(work.target, work.y, (size_t)(n * r) * sizeof *work.y);
    remove_null_space(&work, work.target);
    memset(work.t, 0, (size_t)(n * r) * sizeof *work.t);
    for (ptrdiff_t k = 0; k < quadrature.n_nodes; k++) {
        add_node(&work, quadrature.square[k], quadrature.weight[k]);
    }
    remove_null_space(&work, work.t);
    for (ptrdiff_t j = 0; j < r; j++) {
        for (ptrdiff_t i = 0; i < n; i++) {
            work.t[i + j * n] *= work.theta[i];
        }
    }
    product(work.t, r, work.pearson, 1, n, out->score);
    product(work.t, r, work.t, r, n, out->own);
    product(work.t, r, work.y, r, n, out->shared);
}

/* ---- Working variances 1 beside weights ----
 *
 * G = I - Z Z'W - W Z Z' + Z S Z' with S = Z'W^2Z of all rows is the identity
 * but for the columns of [Z, WZ] = Q R, so G^-1/2 follows from the eigenvalues
 * of a matrix of their number.
 */

/* k orthonormal columns in place of those of q, and R (k x n_cols, n_cols apart), so that the
 * product is what q was. Returns k. */
static ptrdiff_t orthonormalise(double *q, ptrdiff_t n, ptrdiff_t n_cols, double *r_out)
{
    ptrdiff_t k = 0;
    memset(r_out, 0, (size_t)(n_cols * n_cols) * sizeof *r_out);
    for (ptrdiff_t j = 0; j < n_cols; j++) {
        double *column = q + j * n, *into = q + k * n;
        const double before = norm_of(column, n);
        remove_columns(q, k, n, column, r_out + j * n_cols);
        const double left = norm_of(column, n);
        if (k == n || !(left > TOL_DEPENDENT * before)) {
            continue;
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            into[i] = column[i] / left;
        }
        r_out[k + j * n_cols] = left;
        k++;
    }
    return k;
}

/* h = I - R1 R2' - R2 R1' + R1 S R1', k x k, R1 and R2 the halves of R. */
static void small_root(const double *r_factor, const double *total, ptrdiff_t k, ptrdiff_t r,
    double *product_s, double *h)
{
    const ptrdiff_t ld = 2 * r;
    const double *r1 = r_factor, *r2 = r_factor + r * ld;
    for (ptrdiff_t a = 0; a < k; a++) {
        for (ptrdiff_t j = 0; j < r; j++) {
            double sum = 0.0;
            for (ptrdiff_t i = 0; i < r; i++) {
                sum += r1[a + i * ld] * total[i + j * r];
            }
            product_s[a + j * ld] = sum;
        }
    }
    for (ptrdiff_t a = 0; a < k; a++) {
        for (ptrdiff_t b = 0; b < k; b++) {
            double sum = a == b ? 1.0 : 0.0;
            for (ptrdiff_t j = 0; j < r; j++) {
                sum += product_s[a + j * ld] * r1[b + j * ld] - r1[a + j * ld] * r2[b + j * ld] -
                       r2[a + j * ld] * r1[b + j * ld];
            }
            h[a + b * k] = sum;
        }
    }
}

/* out (k x q) = V'B for B (k x q, ld apart) and eigenvectors V (k x k). */
static void rotate_columns(
    const double *vectors, const double *b, ptrdiff_t q, ptrdiff_t ld, ptrdiff_t k, double *out)
{
    for (ptrdiff_t j = 0; j < q; j++) {
        for (ptrdiff_t v = 0; v < k; v++) {
            out[v + j * k] = dot(vectors + v * k, b + j * ld, k);
        }
    }
}

/* out (r x q) = A' diag(scale) B for A (k x r) and B (k x q). */
static void sandwiched(const double *a, ptrdiff_t r, const double *b, ptrdiff_t q,
    const double *scale, ptrdiff_t k, double *out)
{
    for (ptrdiff_t j = 0; j < q; j++) {
        for (ptrdiff_t m = 0; m < r; m++) {
            double sum = 0.0;
            for (ptrdiff_t v = 0; v < k; v++) {
                sum += a[v + m * k] * scale[v] * b[v + j * k];
            }
            out[m + j * r] = sum;
        }
    }
}

void qst__adjust_weighted(
    const qst__cluster *cluster, const double *total, const qst__adjusted *out, double *scratch)
{
    const ptrdiff_t n = cluster->n, r = cluster->r, ld = 2 * r;
    double *q = scratch, *factor = q + n * ld, *part = factor + ld * ld, *h = part + ld * r;
    double *vectors = h + ld * ld, *values = vectors + ld * ld, *roots = values + ld;
    double *cross = roots + ld;
    for (ptrdiff_t j = 0; j < r; j++) {
        for (ptrdiff_t i = 0; i < n; i++) {
            q[i + j * n] = cluster->z[i + j * n];
            q[i + (r + j) * n] = cluster->weights[i] * cluster->z[i + j * n];
        }
    }
    const ptrdiff_t k = orthonormalise(q, n, ld, factor);
    small_root(factor, total, k, r, part, h);
    qst__eigen((qst_mat){h, k, k, k}, values, (qst_mat){vectors, k, k, k});
    for (ptrdiff_t v = 0; v < k; v++) {
        values[v] = values[v] > QST__TOL_FULL ? 1.0 / values[v] : 0.0;
        roots[v] = sqrt(values[v]);
    }
    product(q, k, cluster->residuals, 1, n, cross);
    rotate_columns(vectors, factor, ld, ld, k, h);
    rotate_columns(vectors, cross, 1, k, k, part);
    const double *second = h + r * k;
    sandwiched(second, r, part, 1, roots, k, out->score);
    sandwiched(second, r, second, r, values, k, out->own);
    sandwiched(second, r, h, ld, roots, k, out->shared);
}
