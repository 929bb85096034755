#include "base/base.h"

#include <math.h>

/* ---- Coefficients ---------------------------------------------------------- */

/* Sums of a covariance matrix that the coefficients are made of. */
static double row_sum(const double *cov, ptrdiff_t k, ptrdiff_t i)
{
    double sum = 0;
    for (ptrdiff_t j = 0; j < k; j++) {
        sum += cov[i + j * k];
    }
    return sum;
}

static double trace(const double *cov, ptrdiff_t k)
{
    double sum = 0;
    for (ptrdiff_t i = 0; i < k; i++) {
        sum += cov[i + i * k];
    }
    return sum;
}

static double total(const double *cov, ptrdiff_t k)
{
    double sum = 0;
    for (ptrdiff_t i = 0; i < k; i++) {
        sum += row_sum(cov, k, i);
    }
    return sum;
}

/* A sum that varies by rounding only has no reliability. */
static bool is_varying(double trace, double total)
{
    return total > 1e-12 * trace;
}

static double alpha_of(ptrdiff_t k, double trace, double total)
{
    if (k < 2 || !is_varying(trace, total)) {
        return (double)NAN;
    }
    return (double)k / (double)(k - 1) * (1.0 - trace / total);
}

static void to_correlations(const double *cov, ptrdiff_t k, double *cor_out)
{
    for (ptrdiff_t j = 0; j < k; j++) {
        for (ptrdiff_t i = 0; i < k; i++) {
            cor_out[i + j * k] =
                i == j ? 1.0 : cov[i + j * k] / sqrt(cov[i + i * k] * cov[j + j * k]);
        }
    }
}

/* From the item's variance v, its covariance c with the total, and the total's variance t: the
 * sum of the others has covariance c - v with it and variance t - 2 c + v. */
static void item_statistics(
    const double *cov, ptrdiff_t k, double *item_rest_out, double *alpha_dropped_out)
{
    const double t = total(cov, k);
    const double all_variances = trace(cov, k);
    for (ptrdiff_t i = 0; i < k; i++) {
        const double v = cov[i + i * k];
        const double c = row_sum(cov, k, i);
        const double rest = t - 2.0 * c + v;
        item_rest_out[i] = (c - v) / sqrt(v * rest);
        alpha_dropped_out[i] = alpha_of(k - 1, all_variances - v, rest);
    }
}

static void split_half(const double *cov, ptrdiff_t k, qst_reliability *out)
{
    double odd = 0;
    double even = 0;
    double between = 0;
    for (ptrdiff_t j = 0; j < k; j++) {
        for (ptrdiff_t i = 0; i < k; i++) {
            *((i + j) % 2 != 0 ? &between : i % 2 == 0 ? &odd : &even) += cov[i + j * k];
        }
    }
    between /= 2.0; /* both triangles were added */
    const double r = between / sqrt(odd * even);
    const bool exists = is_varying(trace(cov, k), out->total_variance);
    out->half_correlation = r;
    out->spearman_brown = exists ? 2.0 * r / (1.0 + r) : (double)NAN;
    out->guttman = exists ? 4.0 * between / out->total_variance : (double)NAN;
}

/* ---- One factor -------------------------------------------------------------- */

#define MIN_UNIQUENESS 0.005 /* as in R's factanal() */
#define MAX_ITERATIONS 20000
#define TOLERANCE 1e-12

typedef struct {
    const double *cor;
    ptrdiff_t k;
    double *loading;
    double *uniqueness;
    double *weight;
    double *covered;
} factor;

/* The centroid: a first guess with the right signs. */
static void factor_start(const factor *f)
{
    const double t = total(f->cor, f->k);
    for (ptrdiff_t i = 0; i < f->k; i++) {
        const double loading = row_sum(f->cor, f->k, i) / sqrt(t > 1.0 ? t : 1.0);
        f->loading[i] = fmax(-0.9, fmin(0.9, loading));
        f->uniqueness[i] = 1.0 - f->loading[i] * f->loading[i];
    }
}

/* Regression weights of the factor on the items, b = Sigma^-1 l, for Sigma = l l' + diag(u).
 * Returns b'l. */
static double factor_weights(const factor *f)
{
    double information = 0;
    for (ptrdiff_t i = 0; i < f->k; i++) {
        f->weight[i] = f->loading[i] / f->uniqueness[i];
        information += f->weight[i] * f->loading[i];
    }
    for (ptrdiff_t i = 0; i < f->k; i++) {
        f->weight[i] /= 1.0 + information;
    }
    return information / (1.0 + information);
}

/* One EM step (Rubin & Thayer 1982, Psychometrika 47:69, eqs. 4-6): with b the weights, the new
 * loadings are R b / (1 - b'l + b'R b). Returns the largest change of a loading. */
static double factor_step(const factor *f)
{
    double spread = 1.0 - factor_weights(f);
    for (ptrdiff_t i = 0; i < f->k; i++) {
        f->covered[i] = 0;
        for (ptrdiff_t j = 0; j < f->k; j++) {
            f->covered[i] += f->cor[j + i * f->k] * f->weight[j];
        }
        spread += f->covered[i] * f->weight[i];
    }
    double change = 0;
    for (ptrdiff_t i = 0; i < f->k; i++) {
        const double loading = f->covered[i] / spread;
        change = fmax(change, fabs(loading - f->loading[i]));
        f->loading[i] = loading;
        f->uniqueness[i] = fmax(MIN_UNIQUENESS, 1.0 - loading * f->covered[i]);
    }
    return change;
}

static qst_status factor_fit(
    const qst_ctx *ctx, const factor *f, qst_reliability *out, qst_err *err)
{
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    factor_start(f);
    while (!out->omega_converged && out->omega_iterations < MAX_ITERATIONS) {
        out->omega_iterations++;
        out->omega_converged = factor_step(f) < TOLERANCE;
        const qst_status status = qst__tick(&ticker, err);
        if (status != QST_OK) {
            return status;
        }
    }
    return QST_OK;
}

/* `cov` == NULL: for the sum of the standardised items. */
static double omega_of(const factor *f, const double *cov)
{
    double common = 0;
    double unique = 0;
    for (ptrdiff_t i = 0; i < f->k; i++) {
        const double variance = cov != NULL ? cov[i + i * f->k] : 1.0;
        common += sqrt(variance) * f->loading[i];
        unique += variance * f->uniqueness[i];
    }
    return common * common / (common * common + unique);
}

static ptrdiff_t heywood_of(const factor *f)
{
    ptrdiff_t least = 0;
    for (ptrdiff_t i = 1; i < f->k; i++) {
        least = f->uniqueness[i] < f->uniqueness[least] ? i : least;
    }
    return f->uniqueness[least] <= MIN_UNIQUENESS ? least : -1;
}

static qst_status fit_omega(
    const qst_ctx *ctx, const double *cov, factor *f, qst_reliability *out, qst_err *err)
{
    const qst_status status = factor_fit(ctx, f, out, err);
    if (status == QST_OK) {
        out->omega = omega_of(f, cov);
        out->omega_standardised = omega_of(f, NULL);
        out->heywood = heywood_of(f);
    }
    return status;
}

static qst_status cov_check(const double *cov, ptrdiff_t k, qst_err *err)
{
    if (k < 2) {
        return qst__fail(err, QST_EDIMENSION, "reliability needs at least 2 items, not %td", k);
    }
    for (ptrdiff_t j = 0; j < k; j++) {
        for (ptrdiff_t i = 0; i < k; i++) {
            if (!isfinite(cov[i + j * k]) || cov[j + j * k] <= 0.0) {
                return qst__fail_at(err, QST_EARGUMENT, i, j, cov[i + j * k],
                    "a covariance is not finite or a variance is not above 0");
            }
        }
    }
    return QST_OK;
}

qst_status qst_reliability_fit(const qst_ctx *ctx, const double *cov, ptrdiff_t k,
    qst_reliability *out, double *item_rest_out, double *alpha_dropped_out, qst_err *err)
{
    qst_status status = cov_check(cov, k, err);
    if (status != QST_OK) {
        return status;
    }
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    double *cor = NULL;
    double *work = NULL;
    status = qst__arena_array(&arena, k, (size_t)k * sizeof *cor, &cor, err);
    if (status == QST_OK) {
        status = qst__arena_array(&arena, k, 4 * sizeof *work, &work, err);
    }
    if (status != QST_OK) {
        goto done;
    }
    to_correlations(cov, k, cor);
    *out = (qst_reliability){.total_variance = total(cov, k),
        .omega = (double)NAN,
        .omega_standardised = (double)NAN,
        .heywood = -1};
    out->alpha = alpha_of(k, trace(cov, k), out->total_variance);
    out->alpha_standardised = alpha_of(k, (double)k, total(cor, k));
    item_statistics(cov, k, item_rest_out, alpha_dropped_out);
    split_half(cov, k, out);
    if (k >= 3) {
        factor f = {cor, k, work, work + k, work + 2 * k, work + 3 * k};
        status = fit_omega(ctx, cov, &f, out, err);
    }
done:
    qst__arena_free(&arena);
    return status;
}
