#include "stat/meta.h"

#include <math.h>
#include <string.h>

/* What the columns before leave of a diagonal element of M must exceed this share of it. */
#define TOL_PIVOT 1e-13

/* Eigenvalues of a cluster's adjustment below this share of the largest are those of directions
 * that the coefficients take up whole. */
#define TOL_EIGEN 1e-10

/*
 * The rows in the order of their clusters, cluster c being places start[c] .. start[c + 1] - 1, and
 * its blocks of V and M^-1 the n_c x n_c numbers from block[c]. Element (i, j) of `x` is
 * x[i * p + j], its columns orthonormal.
 */
typedef struct {
    ptrdiff_t k, p, n_clusters, n_largest;
    ptrdiff_t *start, *block, *row; /* row: where a place's row is in the caller's order */
    double *y, *x, *v;
    /* At the variances of the last weigh(): */
    double *m;     /* M^-1 */
    double *e, *u; /* y - x b, M^-1 e */
    double *a, *b; /* (x'M^-1 x)^-1, p x p, and b */
    double log_det_m, log_det_x, rss;
    /* Scratch. */
    double *square; /* 6 n_largest^2 */
    double *panel;  /* 4 n_largest p */
    double *pp;     /* 6 p^2 */
    double *row_p;  /* max(p, n_largest) */
} layout;

static qst_mat square_of(double *data, ptrdiff_t n)
{
    return (qst_mat){data, n, n, n};
}

static qst_cmat view_of(const double *data, ptrdiff_t n)
{
    return (qst_cmat){data, n, n, n};
}

static ptrdiff_t size_of(const layout *l, ptrdiff_t c)
{
    return l->start[c + 1] - l->start[c];
}

/* out (n x p, by rows) = A (n x n, symmetric) z (n x p, by rows). */
static void times(const double *a, const double *z, ptrdiff_t n, ptrdiff_t p, double *out)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t j = 0; j < p; j++) {
            double sum = 0.0;
            for (ptrdiff_t h = 0; h < n; h++) {
                sum += a[h + i * n] * z[h * p + j];
            }
            out[i * p + j] = sum;
        }
    }
}

/* out (p x p) += g'z of matrices of n rows, by rows. */
static void add_cross(const double *g, const double *z, ptrdiff_t n, ptrdiff_t p, double *out)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t j = 0; j < p; j++) {
            for (ptrdiff_t l = 0; l < p; l++) {
                out[l + j * p] += g[i * p + l] * z[i * p + j];
            }
        }
    }
}

/* sum of A * G elementwise: tr(A G) of symmetric matrices. */
static double trace_of(const double *a, const double *g, ptrdiff_t n)
{
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        sum += a[i] * g[i];
    }
    return sum;
}

static void clear(double *x, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        x[i] = 0.0;
    }
}

/* ---- The model at given variances ---- */

/* The block of M of cluster c into `out`. */
static void covariance_of(const layout *l, ptrdiff_t c, const double *variances, double *out)
{
    const ptrdiff_t n = size_of(l, c);
    for (ptrdiff_t i = 0; i < n * n; i++) {
        out[i] = l->v[l->block[c] + i] + variances[0];
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        out[i + i * n] += variances[1];
    }
}

/* M^-1 and x'M^-1 x; false if M is not positive definite. */
static bool invert(layout *l, const double *variances, double *gram)
{
    l->log_det_m = 0.0;
    clear(gram, l->p * l->p);
    for (ptrdiff_t c = 0; c < l->n_clusters; c++) {
        const ptrdiff_t n = size_of(l, c);
        double *inverse = l->m + l->block[c];
        covariance_of(l, c, variances, l->square);
        if (qst__cholesky(square_of(l->square, n), TOL_PIVOT, l->row_p) < n) {
            return false;
        }
        l->log_det_m += qst__meta_log_det(l->square, n);
        qst__inverse_gram(view_of(l->square, n), square_of(inverse, n));
        const double *x = l->x + l->start[c] * l->p;
        times(inverse, x, n, l->p, l->panel);
        add_cross(l->panel, x, n, l->p, gram);
    }
    return isfinite(l->log_det_m);
}

/* b += A x'M^-1 r; then e = y - x b and u = M^-1 e. */
static void refine(layout *l, const double *r)
{
    const ptrdiff_t p = l->p;
    double *cross = l->row_p;
    clear(cross, p);
    for (ptrdiff_t c = 0; c < l->n_clusters; c++) {
        const ptrdiff_t n = size_of(l, c), first = l->start[c];
        times(l->m + l->block[c], r + first, n, 1, l->panel);
        for (ptrdiff_t i = 0; i < n; i++) {
            for (ptrdiff_t j = 0; j < p; j++) {
                cross[j] += l->x[(first + i) * p + j] * l->panel[i];
            }
        }
    }
    for (ptrdiff_t j = 0; j < p; j++) {
        for (ptrdiff_t h = 0; h < p; h++) {
            l->b[j] += l->a[j + h * p] * cross[h];
        }
    }
    for (ptrdiff_t i = 0; i < l->k; i++) {
        double fitted = 0.0;
        for (ptrdiff_t j = 0; j < p; j++) {
            fitted += l->x[i * p + j] * l->b[j];
        }
        l->e[i] = l->y[i] - fitted;
    }
    for (ptrdiff_t c = 0; c < l->n_clusters; c++) {
        times(l->m + l->block[c], l->e + l->start[c], size_of(l, c), 1, l->u + l->start[c]);
    }
}

static qst_meta_outcome weigh(layout *l, const double *variances)
{
    double *gram = l->pp;
    if (!invert(l, variances, gram)) {
        return QST_META_NO_WEIGHT;
    }
    if (qst__cholesky(square_of(gram, l->p), TOL_PIVOT, l->row_p) < l->p) {
        return QST_META_ALIASED;
    }
    l->log_det_x = qst__meta_log_det(gram, l->p);
    qst__inverse_gram(view_of(gram, l->p), square_of(l->a, l->p));
    clear(l->b, l->p);
    refine(l, l->y);
    refine(l, l->e); /* what rounding left */
    l->rss = 0.0;
    for (ptrdiff_t i = 0; i < l->k; i++) {
        l->rss += l->e[i] * l->u[i];
    }
    return isfinite(l->rss) && isfinite(l->log_det_x) ? QST_META_FITTED : QST_META_NOT_FINITE;
}

static double log_lik_of(const layout *l, bool ml)
{
    const double n = (double)(ml ? l->k : l->k - l->p);
    const double two_pi = 6.283185307179586;
    return -0.5 * (n * log(two_pi) + l->log_det_m + l->rss + (ml ? 0.0 : l->log_det_x));
}

/* ---- The variances ---- */

/* d log-likelihood / d variance, and expected information: between, within. */
typedef struct {
    double score[2], info[3]; /* (0,0), (0,1), (1,1) */
} slope;

/* Of M^-1 alone: traces of M^-1 Z_j and of M^-1 Z_j M^-1 Z_l, with Z_0 = J and Z_1 = I. Adds to
 * `g` x'M^-1 Z_j M^-1 x (2 p^2) and to `h` x'M^-1 Z_j M^-1 Z_l M^-1 x (3 p^2), (0,1) made
 * symmetric. */
typedef struct {
    double z[2], zz[3];
} traces;

static void add_block_traces(const layout *l, ptrdiff_t c, traces *sums, double *ones)
{
    const ptrdiff_t n = size_of(l, c);
    const double *m = l->m + l->block[c];
    double all = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        ones[i] = 0.0;
        for (ptrdiff_t h = 0; h < n; h++) {
            ones[i] += m[h + i * n];
        }
        all += ones[i];
        sums->z[1] += m[i + i * n];
        sums->zz[1] += ones[i] * ones[i];
    }
    sums->z[0] += all;
    sums->zz[0] += all * all;
    sums->zz[2] += trace_of(m, m, n * n);
}

/* What the p columns take up: with t = M^-1 x and t_1 its column sums, the products above. */
static void add_block_columns(
    const layout *l, ptrdiff_t c, const double *ones, double *g, double *h)
{
    const ptrdiff_t n = size_of(l, c), p = l->p;
    const double *m = l->m + l->block[c], *x = l->x + l->start[c] * p;
    double *t = l->panel, *mt = t + l->n_largest * p, *sums = mt + l->n_largest * p;
    double *m_sums = sums + p, all = 0.0;
    times(m, x, n, p, t);
    times(m, t, n, p, mt);
    clear(sums, 2 * p);
    for (ptrdiff_t i = 0; i < n; i++) {
        all += ones[i];
        for (ptrdiff_t j = 0; j < p; j++) {
            sums[j] += t[i * p + j];
            m_sums[j] += ones[i] * t[i * p + j];
        }
    }
    add_cross(sums, sums, 1, p, g);
    add_cross(t, t, n, p, g + p * p);
    for (ptrdiff_t j = 0; j < p; j++) {
        for (ptrdiff_t o = 0; o < p; o++) {
            h[o + j * p] += all * sums[o] * sums[j];
            h[o + j * p + p * p] += 0.5 * (sums[o] * m_sums[j] + m_sums[o] * sums[j]);
        }
    }
    add_cross(t, mt, n, p, h + 2 * p * p);
}

/* tr(A G A H) for symmetric p x p matrices. */
static double trace_of_four(const layout *l, const double *g, const double *h)
{
    const ptrdiff_t p = l->p;
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < p; i++) {
        for (ptrdiff_t j = 0; j < p; j++) {
            double ag = 0.0, ah = 0.0;
            for (ptrdiff_t o = 0; o < p; o++) {
                ag += l->a[i + o * p] * g[o + j * p];
                ah += l->a[j + o * p] * h[o + i * p];
            }
            sum += ag * ah;
        }
    }
    return sum;
}

static slope slope_of(const layout *l, bool ml)
{
    const ptrdiff_t p = l->p, pp = p * p;
    double *g = l->pp + pp, *h = g + 2 * pp, quadratic[2] = {0.0, 0.0};
    traces sums = {{0.0, 0.0}, {0.0, 0.0, 0.0}};
    clear(g, 5 * pp);
    for (ptrdiff_t c = 0; c < l->n_clusters; c++) {
        const double *u = l->u + l->start[c];
        double total = 0.0;
        add_block_traces(l, c, &sums, l->row_p);
        add_block_columns(l, c, l->row_p, g, h);
        for (ptrdiff_t i = 0; i < size_of(l, c); i++) {
            total += u[i];
            quadratic[1] += u[i] * u[i];
        }
        quadratic[0] += total * total;
    }
    if (!ml) {
        for (int j = 0; j < 2; j++) {
            sums.z[j] -= trace_of(l->a, g + j * pp, pp);
        }
        for (int j = 0; j < 3; j++) {
            const double *first = g + (j == 2) * pp, *second = g + (j > 0) * pp;
            sums.zz[j] += trace_of_four(l, first, second) - 2.0 * trace_of(l->a, h + j * pp, pp);
        }
    }
    return (slope){{-0.5 * (sums.z[0] - quadratic[0]), -0.5 * (sums.z[1] - quadratic[1])},
        {0.5 * sums.zz[0], 0.5 * sums.zz[1], 0.5 * sums.zz[2]}};
}

/* The step of those variances that may move; one at 0 may only grow. Where both cannot be told
 * apart, as with one effect a cluster, the one moves that gains more. */
static void step_of(const slope *at, const double *variances, double *step)
{
    const double *score = at->score, own[2] = {at->info[0], at->info[2]};
    const double det = own[0] * own[1] - at->info[1] * at->info[1];
    bool moves[2];
    for (int j = 0; j < 2; j++) {
        moves[j] = variances[j] > 0.0 || score[j] > 0.0;
    }
    if (moves[0] && moves[1] && det > 1e-12 * own[0] * own[1]) {
        for (int j = 0; j < 2; j++) {
            step[j] = (own[1 - j] * score[j] - at->info[1] * score[1 - j]) / det;
        }
        for (int j = 0; j < 2; j++) {
            moves[j] = variances[j] > 0.0 || step[j] >= 0.0;
        }
        if (moves[0] && moves[1]) {
            return;
        }
    }
    const double gains[2] = {moves[0] ? score[0] * score[0] / own[0] : 0.0,
        moves[1] ? score[1] * score[1] / own[1] : 0.0};
    const int j = gains[1] > gains[0];
    step[j] = moves[j] ? score[j] / own[j] : 0.0;
    step[1 - j] = 0.0;
}

typedef struct {
    double variances[2], log_lik;
    /* Of the steps of scoring, how much is taken; and the last move with the score before it. */
    double share, move[2], slope;
    int32_t n_iterations;
    qst_meta_outcome outcome;
} climb;

/* Where the likelihood bends more than is expected, steps of scoring go too far, and near the
 * top to and fro for ever: what is taken of them shrinks to where the score along the last move
 * would have been 0, and grows again while moves fall short. */
static void shorten(const slope *here, climb *at)
{
    const double after = here->score[0] * at->move[0] + here->score[1] * at->move[1];
    if (after < 0.0 && at->slope > 0.0) {
        at->share *= fmax(0.1, at->slope / (at->slope - after));
    } else {
        at->share = fmin(1.0, 1.2 * at->share);
    }
}

/* Half the step until the likelihood does not fall. Returns by how much the variances moved. */
static double advance(layout *l, bool ml, const double *step, const slope *here, climb *at)
{
    const double size = at->variances[0] + at->variances[1];
    for (double share = at->share; share > 1e-10; share *= 0.5) {
        double next[2];
        for (int j = 0; j < 2; j++) {
            next[j] = fmax(0.0, at->variances[j] + share * step[j]);
        }
        if (weigh(l, next) != QST_META_FITTED) {
            continue;
        }
        const double log_lik = log_lik_of(l, ml);
        if (log_lik >= at->log_lik - 1e-13 * fabs(at->log_lik)) {
            const double moved =
                fabs(next[0] - at->variances[0]) + fabs(next[1] - at->variances[1]);
            at->slope = 0.0;
            for (int j = 0; j < 2; j++) {
                at->move[j] = next[j] - at->variances[j];
                at->slope += here->score[j] * at->move[j];
            }
            at->share = share;
            memcpy(at->variances, next, sizeof next);
            at->log_lik = fmax(log_lik, at->log_lik);
            return moved / fmax(size, 1e-300);
        }
    }
    return 0.0;
}

static qst_status climb_from(layout *l, const qst_meta_cluster_settings *settings, climb *at,
    qst__ticker *ticker, qst_err *err)
{
    at->n_iterations = 0;
    at->outcome = weigh(l, at->variances);
    if (at->outcome != QST_META_FITTED) {
        return QST_OK;
    }
    at->log_lik = log_lik_of(l, settings->ml);
    at->outcome = QST_META_NOT_CONVERGED;
    qst_status status = QST_OK;
    while (at->n_iterations < settings->max_iterations && status == QST_OK) {
        double step[2];
        at->n_iterations += 1;
        weigh(l, at->variances);
        const slope here = slope_of(l, settings->ml);
        step_of(&here, at->variances, step);
        shorten(&here, at);
        if (advance(l, settings->ml, step, &here, at) < 1e-13) {
            at->outcome = QST_META_FITTED;
            break;
        }
        status = qst__tick(ticker, err);
    }
    return status;
}

/* The best of the climbs from more between than within, the same, and less. */
static qst_status find_variances(layout *l, const qst_meta_cluster_settings *settings, climb *best,
    qst__ticker *ticker, qst_err *err)
{
    static const double shares[3] = {0.5, 0.95, 0.05};
    double size = 0.0;
    for (ptrdiff_t i = 0; i < l->k; i++) {
        size += l->e[i] * l->e[i] / (double)(l->k - l->p);
    }
    *best = (climb){.outcome = QST_META_NO_WEIGHT, .log_lik = -(double)INFINITY};
    qst_status status = QST_OK;
    for (int start = 0; start < 3 && status == QST_OK; start++) {
        climb at = {
            .variances = {shares[start] * size, (1.0 - shares[start]) * size}, .share = 1.0};
        status = climb_from(l, settings, &at, ticker, err);
        const bool better = at.log_lik > best->log_lik + 1e-9 * fabs(best->log_lik);
        if (start == 0 || (at.outcome == QST_META_FITTED && better)) {
            *best = at;
        }
    }
    return status;
}

/* ---- CR2 ---- */

/* G^-1/2 (n x n) into `out`, G destroyed; the generalised inverse. */
static void inverse_root(double *g, ptrdiff_t n, double *values, double *vectors, double *out)
{
    double largest = 0.0;
    qst__eigen(square_of(g, n), values, square_of(vectors, n));
    for (ptrdiff_t i = 0; i < n; i++) {
        largest = fmax(largest, values[i]);
    }
    clear(out, n * n);
    for (ptrdiff_t o = 0; o < n; o++) {
        const double factor = values[o] > TOL_EIGEN * largest ? 1.0 / sqrt(values[o]) : 0.0;
        for (ptrdiff_t j = 0; j < n; j++) {
            for (ptrdiff_t i = 0; i < n; i++) {
                out[i + j * n] += vectors[i + o * n] * factor * vectors[j + o * n];
            }
        }
    }
}

/* out = R S R' of an upper R and a symmetric S, n x n; `room` n x n. */
static void sandwich(const double *r, const double *s, ptrdiff_t n, double *room, double *out)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t j = 0; j < n; j++) {
            double sum = 0.0;
            for (ptrdiff_t o = i; o < n; o++) {
                sum += r[i + o * n] * s[o + j * n];
            }
            room[i + j * n] = sum;
        }
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t j = 0; j < n; j++) {
            double sum = 0.0;
            for (ptrdiff_t o = j; o < n; o++) {
                sum += room[i + o * n] * r[j + o * n];
            }
            out[i + j * n] = sum;
        }
    }
}

/* inner = M - x A x', what the residuals of cluster c have for covariance; M is in `inner`. */
static void take_fitted(const layout *l, ptrdiff_t c, double *inner)
{
    const ptrdiff_t n = size_of(l, c), p = l->p;
    const double *x = l->x + l->start[c] * p;
    double *ax = l->row_p;
    for (ptrdiff_t i = 0; i < n; i++) {
        times(l->a, x + i * p, p, 1, ax);
        for (ptrdiff_t h = 0; h < n; h++) {
            for (ptrdiff_t j = 0; j < p; j++) {
                inner[i + h * n] -= ax[j] * x[h * p + j];
            }
        }
    }
}

/* column = R' power R'^-1 x g, n numbers; `turned` n. */
static void adjust(const layout *l, ptrdiff_t c, const double *root, const double *power,
    const double *g, double *turned, double *column)
{
    const ptrdiff_t n = size_of(l, c), p = l->p;
    const double *x = l->x + l->start[c] * p;
    for (ptrdiff_t i = 0; i < n; i++) {
        column[i] = 0.0;
        for (ptrdiff_t o = 0; o < p; o++) {
            column[i] += x[i * p + o] * g[o];
        }
    }
    qst__solve_upper_transposed(view_of(root, n), column);
    times(power, column, n, 1, turned);
    for (ptrdiff_t i = 0; i < n; i++) {
        column[i] = 0.0;
        for (ptrdiff_t o = 0; o <= i; o++) {
            column[i] += root[o + i * n] * turned[o];
        }
    }
}

/*
 * t (p columns of n_c), the weights by which the residuals of cluster c enter each of the caller's
 * coefficients: R'G^-1/2 R'^-1 x g_j with M = R'R, G = R (M - x A x') R' and g = A root'^-1
 * (Pustejovsky & Tipton 2018, equation 14).
 */
static void adjusted_weights(
    const layout *l, ptrdiff_t c, const double *variances, const double *given, double *t)
{
    const ptrdiff_t n = size_of(l, c), nn = l->n_largest * l->n_largest;
    double *root = l->square, *inner = root + nn, *g = inner + nn, *room = g + nn;
    double *vectors = room + nn, *power = vectors + nn;
    covariance_of(l, c, variances, root);
    memcpy(inner, root, (size_t)(n * n) * sizeof *inner);
    take_fitted(l, c, inner);
    (void)qst__cholesky(square_of(root, n), TOL_PIVOT, l->row_p);
    sandwich(root, inner, n, room, g);
    inverse_root(g, n, l->row_p, vectors, power);
    for (ptrdiff_t j = 0; j < l->p; j++) {
        adjust(l, c, root, power, given + j * l->p, room, t + j * n);
    }
}

/* Of each coefficient over the clusters: the moments of Satterthwaite's approximation. The
 * covariance of the clusters' scores is P_cd = [c = d] own_c - z_c A z_d'. */
typedef struct {
    double *z_cross;     /* p blocks of p x p: sum of z'z */
    double *sum, *sum_2; /* p: tr P, and tr P^2 but for the products of two clusters */
} moments;

static void add_moments(const layout *l, ptrdiff_t c, const double *t, ptrdiff_t j, double *m,
    const double *variances, moments *sums)
{
    const ptrdiff_t n = size_of(l, c), p = l->p;
    const double *x = l->x + l->start[c] * p;
    double *z = l->row_p, *az = sums->z_cross + p * p * p, own = 0.0, shared = 0.0;
    covariance_of(l, c, variances, m);
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t h = 0; h < n; h++) {
            own += t[i] * m[h + i * n] * t[h];
        }
    }
    clear(z, p);
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t o = 0; o < p; o++) {
            z[o] += t[i] * x[i * p + o];
        }
    }
    times(l->a, z, p, 1, az);
    for (ptrdiff_t o = 0; o < p; o++) {
        shared += z[o] * az[o];
    }
    add_cross(z, z, 1, p, sums->z_cross + j * p * p);
    sums->sum[j] += own - shared;
    sums->sum_2[j] += own * (own - 2.0 * shared);
}

/* robust_out and df_out; `given` is A root'^-1, `room` p^3 + 4 p zeros and n_largest p. */
static void robust(
    layout *l, const double *variances, const double *given, double *room, double *out, double *df)
{
    const ptrdiff_t p = l->p;
    moments sums = {room, room + p * p * p + p, room + p * p * p + 2 * p};
    double *score = room + p * p * p + 3 * p, *t = score + p;
    clear(out, p * p);
    for (ptrdiff_t c = 0; c < l->n_clusters; c++) {
        const ptrdiff_t n = size_of(l, c);
        adjusted_weights(l, c, variances, given, t);
        for (ptrdiff_t j = 0; j < p; j++) {
            score[j] = 0.0;
            for (ptrdiff_t i = 0; i < n; i++) {
                score[j] += t[i + j * n] * l->e[l->start[c] + i];
            }
            add_moments(l, c, t + j * n, j, l->square, variances, &sums);
        }
        add_cross(score, score, 1, p, out);
    }
    for (ptrdiff_t j = 0; j < p; j++) {
        const double *z_cross = sums.z_cross + j * p * p;
        df[j] = sums.sum[j] * sums.sum[j] / (sums.sum_2[j] + trace_of_four(l, z_cross, z_cross));
    }
}

/* ---- In and out ---- */

static qst_status check_rows(const qst_meta_clusters *data, qst_err *err)
{
    if (!(fabs(data->rho) <= 1.0)) {
        return qst__fail_at(
            err, QST_ERANGE, -1, -1, data->rho, "rho is %g, which no correlation is", data->rho);
    }
    for (ptrdiff_t i = 0; i < data->k; i++) {
        const double v = data->v[i];
        if (data->cluster[i] < 1 || data->cluster[i] > data->n_clusters) {
            return qst__fail_at(err, QST_ERANGE, i, -1, (double)data->cluster[i],
                "effect %td is of cluster %d, and there are %td", i + 1, (int)data->cluster[i],
                data->n_clusters);
        }
        if (!isfinite(v) || !isfinite(data->y[i]) || v < 0.0) {
            return qst__fail_at(err, QST_ERANGE, i, -1, v,
                "effect %td is %g with variance %g; both must be numbers, and the variance not "
                "below 0",
                i + 1, data->y[i], v);
        }
    }
    const qst_cmat covariance = data->covariance;
    const bool square = covariance.n_rows == data->k && covariance.n_cols == data->k;
    const bool fits = data->x.data == NULL || data->x.n_rows == data->k;
    if ((covariance.data != NULL && !square) || !fits) {
        return qst__fail(err, QST_EDIMENSION,
            "%td effects do not go with a covariance of %td x %td, or moderators of %td", data->k,
            covariance.n_rows, covariance.n_cols, data->x.n_rows);
    }
    return QST_OK;
}

/* Places of the rows by cluster, keeping their order (counting). */
static void place_rows(const qst_meta_clusters *data, layout *l)
{
    for (ptrdiff_t c = 0; c <= l->n_clusters; c++) {
        l->start[c] = 0;
    }
    for (ptrdiff_t i = 0; i < l->k; i++) {
        l->start[data->cluster[i]] += 1;
    }
    l->n_largest = 1;
    l->block[0] = 0;
    for (ptrdiff_t c = 0; c < l->n_clusters; c++) {
        const ptrdiff_t n = l->start[c + 1];
        l->n_largest = qst__max(l->n_largest, n);
        l->block[c + 1] = l->block[c] + n * n;
        l->start[c + 1] += l->start[c];
    }
    ptrdiff_t *next = l->block + l->n_clusters + 1;
    memcpy(next, l->start, (size_t)l->n_clusters * sizeof *next);
    for (ptrdiff_t i = 0; i < l->k; i++) {
        l->row[next[data->cluster[i] - 1]++] = i;
    }
}

static double sampling_covariance(const qst_meta_clusters *data, ptrdiff_t i, ptrdiff_t j)
{
    if (i == j) {
        return data->v[i];
    }
    if (data->covariance.data == NULL) {
        return data->rho * sqrt(data->v[i]) * sqrt(data->v[j]);
    }
    return data->covariance.data[qst__max(i, j) + qst__min(i, j) * data->covariance.ld];
}

static void copy_rows(const qst_meta_clusters *data, const double *x, layout *l)
{
    for (ptrdiff_t at = 0; at < l->k; at++) {
        l->y[at] = data->y[l->row[at]];
        memcpy(l->x + at * l->p, x + l->row[at] * l->p, (size_t)l->p * sizeof *x);
    }
    for (ptrdiff_t c = 0; c < l->n_clusters; c++) {
        const ptrdiff_t n = size_of(l, c), *row = l->row + l->start[c];
        for (ptrdiff_t i = 0; i < n * n; i++) {
            l->v[l->block[c] + i] = sampling_covariance(data, row[i % n], row[i / n]);
        }
    }
}

/* One block of numbers, and where each part begins in it. */
static qst_status make_room(qst__arena *arena, layout *l, double **room_robust, qst_err *err)
{
    const ptrdiff_t k = l->k, p = l->p, n = l->n_largest, blocks = l->block[l->n_clusters];
    double **const parts[] = {&l->y, &l->x, &l->v, &l->m, &l->e, &l->u, &l->a, &l->b, &l->square,
        &l->panel, &l->pp, &l->row_p, room_robust};
    const ptrdiff_t sizes[] = {k, k * p, blocks, blocks, k, k, p * p, p, 6 * n * n,
        2 * n * p + 2 * p, 6 * p * p, qst__max(n, p), p * p * p + 4 * p + n * p};
    const size_t n_parts = sizeof sizes / sizeof *sizes;
    qst_status status = QST_OK;
    for (size_t part = 0; part < n_parts && status == QST_OK; part++) {
        status =
            qst__arena_array(arena, qst__max(sizes[part], 1), sizeof(double), parts[part], err);
    }
    return status;
}

static void write_nothing(
    const qst_meta_clusters *data, ptrdiff_t p, const qst_meta_cluster_fit *fit)
{
    for (ptrdiff_t j = 0; j < p * p; j++) {
        fit->vcov_out[j] = fit->robust_out[j] = (double)NAN;
    }
    for (ptrdiff_t j = 0; j < p; j++) {
        fit->b_out[j] = fit->df_out[j] = (double)NAN;
    }
    for (ptrdiff_t i = 0; i < data->k; i++) {
        fit->weights_out[i] = (double)NAN;
    }
    const double none = (double)NAN;
    *fit->info_out = (qst_meta_cluster_info){none, none, none, none, none, 0, QST_META_TOO_FEW};
}

/* Q and the typical variance, where the variances are 0. */
static void look_at_zero(layout *l, qst_meta_cluster_info *info)
{
    static const double zero[2] = {0.0, 0.0};
    if (l->k == l->p || weigh(l, zero) != QST_META_FITTED) {
        return;
    }
    double *g = l->pp + l->p * l->p, *h = g + 2 * l->p * l->p;
    traces sums = {{0.0, 0.0}, {0.0, 0.0, 0.0}};
    clear(g, 5 * l->p * l->p);
    for (ptrdiff_t c = 0; c < l->n_clusters; c++) {
        add_block_traces(l, c, &sums, l->row_p);
        add_block_columns(l, c, l->row_p, g, h);
    }
    const double trace = sums.z[1] - trace_of(l->a, g + l->p * l->p, l->p * l->p);
    info->q = l->rss;
    info->typical_variance = (double)(l->k - l->p) / trace;
}

/* Where the model is fitted: coefficients of the caller's columns, X = x root. */
static void write_fit(layout *l, const double *root, const double *variances, double *room,
    const qst_meta_cluster_fit *fit)
{
    const ptrdiff_t p = l->p;
    double *given = l->pp + 5 * p * p;
    for (ptrdiff_t i = 0; i < p; i++) {
        for (ptrdiff_t j = 0; j < p; j++) {
            l->pp[j + i * p] = l->a[i + j * p];
        }
        qst__solve_upper(view_of(root, p), l->pp + i * p); /* root^-1 A, by columns */
        fit->b_out[i] = l->b[i];
    }
    for (ptrdiff_t i = 0; i < p; i++) {
        for (ptrdiff_t j = 0; j < p; j++) {
            given[i + j * p] = l->pp[j + i * p];
            fit->vcov_out[j + i * p] = l->pp[i + j * p];
        }
    }
    for (ptrdiff_t i = 0; i < p; i++) {
        qst__solve_upper(view_of(root, p), fit->vcov_out + i * p);
    }
    qst__solve_upper(view_of(root, p), fit->b_out);
    for (ptrdiff_t c = 0; c < l->n_clusters; c++) {
        const double *m = l->m + l->block[c];
        const ptrdiff_t n = size_of(l, c);
        for (ptrdiff_t i = 0; i < n; i++) {
            double *weight = &fit->weights_out[l->row[l->start[c] + i]];
            *weight = 0.0;
            for (ptrdiff_t h = 0; h < n; h++) {
                *weight += m[h + i * n];
            }
        }
    }
    if (l->n_clusters > 1) {
        robust(l, variances, given, room, fit->robust_out, fit->df_out);
    }
}

static qst_status fit_layout(const qst_ctx *ctx, layout *l, const double *root,
    const qst_meta_cluster_settings *settings, double *room, const qst_meta_cluster_fit *fit,
    qst_err *err)
{
    static const double equal[2] = {0.0, 1.0};
    qst_meta_cluster_info *info = fit->info_out;
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    look_at_zero(l, info);
    climb best = {.outcome = weigh(l, equal)};
    qst_status status = QST_OK;
    if (l->k > l->p && best.outcome == QST_META_FITTED) {
        status = find_variances(l, settings, &best, &ticker, err);
    }
    info->outcome = best.outcome;
    info->n_iterations = best.n_iterations;
    if (status != QST_OK || best.outcome != QST_META_FITTED) {
        return status;
    }
    info->outcome = weigh(l, best.variances);
    if (info->outcome == QST_META_FITTED) {
        info->between = best.variances[0];
        info->within = best.variances[1];
        info->log_lik = log_lik_of(l, settings->ml);
        write_fit(l, root, best.variances, room, fit);
    }
    return QST_OK;
}

qst_status qst_meta_cluster_fits(const qst_ctx *ctx, const qst_meta_clusters *data,
    const qst_meta_cluster_settings *settings, const qst_meta_cluster_fit *fit, qst_err *err)
{
    layout l = {.k = data->k,
        .p = data->x.data == NULL ? 1 : data->x.n_cols,
        .n_clusters = data->n_clusters};
    double *x = NULL, *root = NULL, *room = NULL;
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst_status status = check_rows(data, err);
    if (status == QST_OK) {
        write_nothing(data, l.p, fit);
        status = qst__arena_array(&arena, l.k * l.p, sizeof *x, &x, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(&arena, l.p * l.p, sizeof *root, &root, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(&arena, l.n_clusters + 1, sizeof *l.start, &l.start, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(&arena, 2 * l.n_clusters + 1, sizeof *l.block, &l.block, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(&arena, l.k, sizeof *l.row, &l.row, err);
    }
    if (status == QST_OK) {
        status = qst__meta_orthonormal(ctx, &arena, data->x, l.k, l.p, x, root, err);
    }
    if (status == QST_OK && l.k >= l.p && l.k > 0) {
        place_rows(data, &l);
        status = make_room(&arena, &l, &room, err);
        if (status == QST_OK) {
            copy_rows(data, x, &l);
            status = fit_layout(ctx, &l, root, settings, room, fit, err);
        }
    }
    qst__arena_free(&arena);
    return status;
}
