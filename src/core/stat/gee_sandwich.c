#include "stat/gee.h"

#include <math.h>
#include <string.h>

/* Fay & Graubard's (2001, eq. 5) bound on what a cluster decides of a coefficient. */
#define MOST_OWN 0.75
/* What an eigenvalue of 1 - H must exceed not to count as 0. */
#define MIN_REST 1e-10

/*
 * Rows are taken in a basis in which the bread is the identity: with the
 * bread's inverse L L', L lower triangular, and K = L^-1, they are Z = X K'.
 * There B = K'K, a cluster has G = Z'Z with eigenvalues of 0 to 1, and KC and
 * MD are functions of G alone. L is found from centred columns, so a large
 * constant costs no digit.
 */
typedef struct {
    double *correction;                      /* r x r: F */
    double *change;                          /* r x r: eigenvectors or products */
    double *values, *score, *weight, *share; /* r */
} bench;

typedef struct {
    qst__gee_clusters clusters;
    qst_gee_correction correction;
    ptrdiff_t n_kept;        /* r: columns that are not aliased */
    const ptrdiff_t *kept;   /* r: which they are */
    double *b;               /* p, 0 where aliased */
    double *correlation;     /* 0 where no cluster has such a pair */
    qst_mat root, inverse;   /* r x r: L and K */
    double *basis;           /* r x p: K for centred columns */
    ptrdiff_t n_contrasts;   /* m */
    const double *contrasts; /* r x m: K l */
    bench *benches;
} sandwich;

/* ---- Corrections: F of one cluster ---- */

static double corrected(qst_gee_correction correction, double rest)
{
    if (rest <= MIN_REST) {
        return 0.0;
    }
    return correction == QST_GEE_KC ? 1.0 / sqrt(rest) : 1.0 / rest;
}

/* F = f(1 - G) of the symmetric matrix; `gram` has r + 1 columns. */
static void correct_spectrum(const sandwich *s, const bench *b, const double *gram)
{
    const ptrdiff_t r = s->n_kept;
    qst_mat own = {b->correction, r, r, r}, vectors = {b->change, r, r, r};
    for (ptrdiff_t k = 0; k < r; k++) {
        memcpy(own.data + k * r, gram + k * (r + 1), (size_t)r * sizeof *gram);
    }
    qst__eigen(own, b->values, vectors);
    memset(b->correction, 0, (size_t)(r * r) * sizeof *b->correction);
    for (ptrdiff_t l = 0; l < r; l++) {
        const double value = corrected(s->correction, 1.0 - b->values[l]);
        for (ptrdiff_t k = 0; k < r; k++) {
            for (ptrdiff_t i = 0; i < r; i++) {
                b->correction[i + k * r] +=
                    value * vectors.data[i + l * r] * vectors.data[k + l * r];
            }
        }
    }
}

/* F = K diag(f) L, where f comes from the diagonal of L G K, which is G B of the columns as they
 * are. */
static void correct_diagonal(const sandwich *s, const bench *b, const double *gram)
{
    const ptrdiff_t r = s->n_kept;
    for (ptrdiff_t j = 0; j < r; j++) {
        double own = 0.0;
        for (ptrdiff_t l = j; l < r; l++) {
            for (ptrdiff_t k = 0; k <= j; k++) {
                own += s->root.data[j + k * r] * gram[k + l * (r + 1)] * s->inverse.data[l + j * r];
            }
        }
        b->values[j] = 1.0 / sqrt(1.0 - fmin(MOST_OWN, own));
    }
    for (ptrdiff_t k = 0; k < r; k++) {
        for (ptrdiff_t i = 0; i < r; i++) {
            double sum = 0.0;
            for (ptrdiff_t l = k; l <= i; l++) {
                sum += s->inverse.data[i + l * r] * b->values[l] * s->root.data[l + k * r];
            }
            b->correction[i + k * r] = sum;
        }
    }
}

static void set_correction(const sandwich *s, const bench *b, const double *gram)
{
    const ptrdiff_t r = s->n_kept;
    if (s->correction == QST_GEE_KC || s->correction == QST_GEE_MD) {
        correct_spectrum(s, b, gram);
    } else if (s->correction == QST_GEE_FG) {
        correct_diagonal(s, b, gram);
    } else {
        for (ptrdiff_t k = 0; k < r * r; k++) {
            b->correction[k] = k % (r + 1) == 0 ? 1.0 : 0.0;
        }
    }
}

/* ---- One cluster ---- */

static double dot(const double *x, const double *y, ptrdiff_t n)
{
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        sum += x[i] * y[i];
    }
    return sum;
}

/* Sums of a contrast: q, |g|^2, q^2, q |g|^2, then g g' (r x r), with v = F' K l, g = G v and q =
 * v' G v: in unit errors e the cluster's part of the estimate is (v' Z' (1 - H) e)^2. */
static void add_contrast(
    const sandwich *s, const bench *b, const double *gram, const double *contrast, double *sums)
{
    const ptrdiff_t r = s->n_kept;
    for (ptrdiff_t k = 0; k < r; k++) {
        b->weight[k] = dot(b->correction + k * r, contrast, r);
    }
    for (ptrdiff_t k = 0; k < r; k++) {
        b->share[k] = dot(gram + k * (r + 1), b->weight, r);
    }
    const double q = dot(b->weight, b->share, r), shared = dot(b->share, b->share, r);
    sums[0] += q;
    sums[1] += shared;
    sums[2] += q * q;
    sums[3] += q * shared;
    for (ptrdiff_t k = 0; k < r; k++) {
        for (ptrdiff_t i = 0; i < r; i++) {
            sums[4 + i + k * r] += b->share[i] * b->share[k];
        }
    }
}

static ptrdiff_t sums_of_contrast(const sandwich *s)
{
    return 4 + s->n_kept * s->n_kept;
}

static qst_status add_cluster(
    void *data, const double *gram, int worker, double *sums, qst_err *err)
{
    (void)err;
    const sandwich *s = data;
    const bench *b = &s->benches[worker];
    const ptrdiff_t r = s->n_kept;
    const double *score = gram + r * (r + 1);
    set_correction(s, b, gram);
    memset(b->score, 0, (size_t)r * sizeof *b->score);
    for (ptrdiff_t k = 0; k < r; k++) {
        for (ptrdiff_t i = 0; i < r; i++) {
            b->score[i] += b->correction[i + k * r] * score[k];
        }
    }
    for (ptrdiff_t k = 0; k < r; k++) {
        for (ptrdiff_t i = 0; i < r; i++) {
            sums[i + k * r] += b->score[i] * b->score[k];
        }
    }
    sums += r * r;
    for (ptrdiff_t m = 0; m < s->n_contrasts; m++) {
        add_contrast(s, b, gram, s->contrasts + m * r, sums + m * sums_of_contrast(s));
    }
    return QST_OK;
}

/* ---- Making the basis ---- */

static qst_status find_kept(sandwich *s, qst__arena *arena, const qst_gee_estimate *e, qst_err *err)
{
    ptrdiff_t *kept = NULL;
    const ptrdiff_t p = s->clusters.n_cols;
    qst_status status = qst__arena_array(arena, p, sizeof *kept, &kept, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, p, sizeof *s->b, &s->b, err);
    }
    for (ptrdiff_t k = 0; k < p && status == QST_OK; k++) {
        if (!isnan(e->coefficients[k])) {
            s->b[k] = e->coefficients[k];
            kept[s->n_kept++] = k;
        }
    }
    s->kept = kept;
    return status == QST_OK && s->n_kept == 0
               ? qst__fail(err, QST_ENODATA, "all coefficients are aliased")
               : status;
}

static qst_status make_correlation(
    sandwich *s, qst__arena *arena, const qst_gee_estimate *e, qst_err *err)
{
    const ptrdiff_t n = qst_gee_correlations(s->clusters.gee);
    const qst_status status =
        qst__arena_array(arena, n, sizeof *s->correlation, &s->correlation, err);
    for (ptrdiff_t k = 0; k < n && status == QST_OK; k++) {
        s->correlation[k] = isnan(e->correlation[k]) ? 0.0 : e->correlation[k];
    }
    return status;
}

/* b of the centred columns. */
static void centre_b(const sandwich *s)
{
    for (ptrdiff_t k = 1; k < s->clusters.n_cols; k++) {
        s->b[0] += qst__design_multiple(s->clusters.design, k) * s->b[k];
    }
}

static qst_status add_gram(void *data, const double *gram, int worker, double *sums, qst_err *err)
{
    (void)worker;
    (void)err;
    const sandwich *s = data;
    const ptrdiff_t size = (s->clusters.n_cols + 1) * (s->clusters.n_cols + 1);
    for (ptrdiff_t k = 0; k < size; k++) {
        sums[k] += gram[k];
    }
    return QST_OK;
}

/* The factor R of D' V^-1 D = R'R, of the columns kept. */
static qst_status factor(sandwich *s, qst__arena *arena, qst_mat r_out, qst_err *err)
{
    const ptrdiff_t p = s->clusters.n_cols, r = s->n_kept;
    double *gram = NULL, *pivots = NULL;
    qst_status status = qst__arena_array(arena, (p + 1) * (p + 1), sizeof *gram, &gram, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, r, sizeof *pivots, &pivots, err);
    }
    if (status == QST_OK) {
        const qst__gee_pass pass = {.b = s->b,
            .n_cols = p,
            .correlation = s->correlation,
            .step = add_gram,
            .data = s,
            .n_sums = (p + 1) * (p + 1),
            .sums_out = gram};
        status = qst__gee_run(&s->clusters, &pass, err);
    }
    for (ptrdiff_t k = 0; k < r && status == QST_OK; k++) {
        for (ptrdiff_t i = 0; i < r; i++) {
            r_out.data[i + k * r] = gram[s->kept[i] + s->kept[k] * (p + 1)];
        }
    }
    return status == QST_OK && qst__cholesky(r_out, 0.0, pivots) < r
               ? qst__fail(err, QST_ESINGULAR, "the estimating equations have no single solution")
               : status;
}

/* With R of centred columns, and m what was taken off them as multiples of the constant: the basis
 * is R'^-1, L = R' and K = R'^-1 but for their first columns, L_j0 = R_0j + m_j R_00 and K_i0 less
 * sum_j K_ij m_j. */
static qst_status make_basis(sandwich *s, qst__arena *arena, qst_err *err)
{
    const ptrdiff_t r = s->n_kept;
    qst_mat upper = {0};
    qst_status status = qst__mat_make(arena, r, r, &upper, err);
    if (status == QST_OK) {
        status = qst__mat_make(arena, r, r, &s->root, err);
    }
    if (status == QST_OK) {
        status = qst__mat_make(arena, r, r, &s->inverse, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, r * s->clusters.n_cols, sizeof *s->basis, &s->basis, err);
    }
    if (status == QST_OK) {
        status = factor(s, arena, upper, err);
    }
    for (ptrdiff_t k = 0; k < r && status == QST_OK; k++) {
        double *column = s->basis + s->kept[k] * r;
        column[k] = 1.0;
        qst__solve_upper_transposed(qst__view(upper), column);
        memcpy(s->inverse.data + k * r, column, (size_t)r * sizeof *column);
        const double multiple = qst__design_multiple(s->clusters.design, s->kept[k]);
        for (ptrdiff_t i = 0; i < r; i++) {
            s->root.data[k + i * r] = upper.data[i + k * r];
            s->inverse.data[i] -= k > 0 ? multiple * column[i] : 0.0;
        }
        s->root.data[k] += k > 0 ? multiple * upper.data[0] : 0.0;
    }
    return status;
}

static qst_status make_contrasts(sandwich *s, qst__arena *arena, qst_cmat contrasts, qst_err *err)
{
    const ptrdiff_t r = s->n_kept;
    double *out = NULL;
    const qst_status status = qst__arena_array(arena, r * contrasts.n_rows, sizeof *out, &out, err);
    for (ptrdiff_t m = 0; m < contrasts.n_rows && status == QST_OK; m++) {
        for (ptrdiff_t k = 0; k < r; k++) {
            for (ptrdiff_t i = k; i < r; i++) {
                out[i + m * r] +=
                    s->inverse.data[i + k * r] * contrasts.data[m + s->kept[k] * contrasts.ld];
            }
        }
    }
    s->contrasts = out;
    s->n_contrasts = contrasts.n_rows;
    return status;
}

static qst_status make_benches(sandwich *s, qst__arena *arena, qst_err *err)
{
    const ptrdiff_t r = s->n_kept;
    const int n_workers = qst_par_workers(s->clusters.ctx, s->clusters.n_tasks);
    qst_status status = qst__arena_array(arena, n_workers, sizeof *s->benches, &s->benches, err);
    for (int w = 0; w < n_workers && status == QST_OK; w++) {
        bench *b = &s->benches[w];
        double *room = NULL;
        status = qst__arena_array(arena, 2 * r * r + 4 * r, sizeof *room, &room, err);
        if (status == QST_OK) {
            *b = (bench){room, room + r * r, room + 2 * r * r, room + 2 * r * r + r,
                room + 2 * r * r + 2 * r, room + 2 * r * r + 3 * r};
        }
    }
    return status;
}

static qst_status make_sandwich(sandwich *s, qst__arena *arena, const qst_gee_estimate *estimate,
    qst_cmat contrasts, qst_err *err)
{
    qst_status status = find_kept(s, arena, estimate, err);
    if (status == QST_OK) {
        status = make_correlation(s, arena, estimate, err);
    }
    if (status == QST_OK) {
        centre_b(s);
        status = make_basis(s, arena, err);
    }
    if (status == QST_OK) {
        status = make_contrasts(s, arena, contrasts, err);
    }
    return status == QST_OK ? make_benches(s, arena, err) : status;
}

/* ---- Results ---- */

/* K' M K, back among the aliased columns. */
static void write_covariance(const sandwich *s, const double *meat, qst_mat out)
{
    const ptrdiff_t r = s->n_kept;
    for (ptrdiff_t k = 0; k < s->clusters.n_cols; k++) {
        for (ptrdiff_t i = 0; i < s->clusters.n_cols; i++) {
            out.data[i + k * out.ld] = qst_na_real();
        }
    }
    for (ptrdiff_t k = 0; k < r; k++) {
        for (ptrdiff_t i = 0; i <= k; i++) {
            double sum = 0.0;
            for (ptrdiff_t l = i; l < r; l++) {
                sum += s->inverse.data[l + i * r] * dot(meat + l * r, s->inverse.data + k * r, r);
            }
            out.data[s->kept[i] + s->kept[k] * out.ld] = sum;
            out.data[s->kept[k] + s->kept[i] * out.ld] = sum;
        }
    }
}

/* (tr P)^2 / tr P^2, from the sums of add_contrast(). */
static double satterthwaite(const sandwich *s, const double *sums)
{
    const double trace = sums[0] - sums[1];
    const double of_shares = dot(sums + 4, sums + 4, s->n_kept * s->n_kept);
    return trace * trace / (sums[2] - 2.0 * sums[3] + of_shares);
}

static qst_status run(sandwich *s, double *sums, ptrdiff_t n_sums, qst_err *err)
{
    const qst__gee_pass pass = {.b = s->b,
        .basis = s->basis,
        .n_cols = s->n_kept,
        .correlation = s->correlation,
        .step = add_cluster,
        .data = s,
        .n_sums = n_sums,
        .sums_out = sums};
    return qst__gee_run(&s->clusters, &pass, err);
}

qst_status qst_gee_sandwich(const qst_ctx *ctx, const qst_gee *gee,
    const qst_gee_estimate *estimate, qst_gee_correction correction, qst_cmat contrasts,
    qst_mat covariance_out, double *df_out, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    sandwich s = {.correction = correction};
    double *sums = NULL;
    ptrdiff_t n_sums = 0;
    qst_status status = qst__gee_clusters_make(ctx, &arena, gee, &s.clusters, err);
    if (status == QST_OK) {
        status = qst__design_centre(ctx, s.clusters.design, gee->weights, err);
    }
    if (status == QST_OK) {
        status = make_sandwich(&s, &arena, estimate, contrasts, err);
    }
    if (status == QST_OK) {
        n_sums = s.n_kept * s.n_kept + s.n_contrasts * sums_of_contrast(&s);
        status = qst__arena_array(&arena, n_sums, sizeof *sums, &sums, err);
    }
    if (status == QST_OK) {
        status = run(&s, sums, n_sums, err);
    }
    if (status == QST_OK) {
        write_covariance(&s, sums, covariance_out);
        for (ptrdiff_t m = 0; m < s.n_contrasts; m++) {
            df_out[m] = satterthwaite(&s, sums + s.n_kept * s.n_kept + m * sums_of_contrast(&s));
        }
    }
    qst__arena_free(&arena);
    return status;
}
