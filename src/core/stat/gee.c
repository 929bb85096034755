#include "stat/gee.h"

#include <math.h>
#include <string.h>

/* What rounding leaves of the squared norm of a column that is exactly aliased. */
#define GRAM_FLOOR 4e-15
/* Steps below this share of the coefficients are rounding. */
#define ROUNDING 0x1p-48
/* Of Gauss and Newton, for the correlation of AR-1; they stop at the last digits. */
#define MAX_STEPS_AR1 200
#define TOL_AR1 1e-14

void qst_gee_settings_default(qst_gee_settings *settings)
{
    *settings = (qst_gee_settings){.tol = 1e-10, .max_iterations = 100};
}

/* One fit: what all its steps read. */
typedef struct {
    qst__gee_clusters clusters;
    const bool *aliased;
    double *b, *b_low, *change, *scales, *pivots; /* p */
    double *gram;                                 /* (p + 1)^2 */
    qst_mat factor, bread;
    double *correlation;
    double *products;
    double phi;
    double step, size; /* lengths of the last change and of b, as (b' D' V^-1 D b)^1/2 */
    double correlation_change;
} fit;

/* ---- Coefficients ---- */

static qst_status add_cluster(
    void *data, const double *gram, int worker, double *sums, qst_err *err)
{
    (void)worker;
    (void)err;
    const fit *f = data;
    const ptrdiff_t size = (f->clusters.n_cols + 1) * (f->clusters.n_cols + 1);
    for (ptrdiff_t k = 0; k < size; k++) {
        sums[k] += gram[k];
    }
    return QST_OK;
}

/* Factor and inverse of D' V^-1 D, columns of unit length meanwhile. */
static qst_status invert(const fit *f, qst_err *err)
{
    const ptrdiff_t p = f->clusters.n_cols;
    ptrdiff_t n_kept = 0;
    for (ptrdiff_t k = 0; k < p; k++) {
        f->scales[k] = f->aliased[k] ? 0.0 : sqrt(f->gram[k + k * (p + 1)]);
        n_kept += !f->aliased[k];
    }
    for (ptrdiff_t k = 0; k < p; k++) {
        for (ptrdiff_t i = 0; i < p; i++) {
            const double both = f->scales[i] * f->scales[k];
            f->factor.data[i + k * p] = both > 0.0 ? f->gram[i + k * (p + 1)] / both : 0.0;
        }
    }
    if (qst__cholesky(f->factor, GRAM_FLOOR, f->pivots) < n_kept) {
        return qst__fail(err, QST_ESINGULAR, "the estimating equations have no single solution");
    }
    qst__inverse_gram(qst__view(f->factor), f->bread);
    for (ptrdiff_t k = 0; k < p; k++) {
        for (ptrdiff_t i = 0; i < p; i++) {
            const double both = f->scales[i] * f->scales[k];
            f->bread.data[i + k * p] = both > 0.0 ? f->bread.data[i + k * p] / both : 0.0;
        }
    }
    return QST_OK;
}

/* (x' D' V^-1 D x)^1/2 */
static double length_of(const fit *f, const double *x)
{
    const ptrdiff_t p = f->clusters.n_cols;
    double sum = 0.0;
    for (ptrdiff_t k = 0; k < p; k++) {
        double scaled = 0.0; /* element k of the upper triangular factor times x */
        for (ptrdiff_t i = k; i < p; i++) {
            scaled += f->factor.data[k + i * p] * f->scales[i] * x[i];
        }
        sum += scaled * scaled;
    }
    return sqrt(sum);
}

/* change = B U */
static void solve(fit *f)
{
    const ptrdiff_t p = f->clusters.n_cols;
    const double *right = f->gram + p * (p + 1);
    for (ptrdiff_t k = 0; k < p; k++) {
        f->change[k] = f->scales[k] > 0.0 ? right[k] / f->scales[k] : 0.0;
    }
    qst__solve_upper_transposed(qst__view(f->factor), f->change);
    qst__solve_upper(qst__view(f->factor), f->change);
    for (ptrdiff_t k = 0; k < p; k++) {
        f->change[k] = f->scales[k] > 0.0 ? f->change[k] / f->scales[k] : 0.0;
    }
}

/* ---- Correlations ---- */

static double ratio(const double *products)
{
    return products[1] > 0.0 ? products[0] / products[1] : 0.0;
}

/* Where Gauss and Newton start: by the shortest lag there is. */
static double first_ar1(const double *products, ptrdiff_t n_lags, double phi)
{
    for (ptrdiff_t lag = 1; lag <= n_lags; lag++) {
        if (products[2 * lag + 1] > 0.0) {
            const double power = ratio(products + 2 * lag) / phi;
            const double root = pow(fabs(power), 1.0 / (double)lag);
            return copysign(fmin(root, 0.95), lag % 2 == 1 ? power : 1.0);
        }
    }
    return 0.0;
}

/* One step of Gauss and Newton: minimise sum w (e_j e_k / phi - r^lag)^2. Half way to the end where
 * a step would leave (-1, 1). */
static double next_ar1(double r, const double *products, ptrdiff_t n_lags, double phi)
{
    double slope = 0.0, square = 0.0, power = 1.0; /* r^(lag - 1) */
    for (ptrdiff_t lag = 1; lag <= n_lags; lag++) {
        const double derivative = (double)lag * power;
        power *= r;
        slope += derivative * (products[2 * lag] / phi - products[2 * lag + 1] * power);
        square += derivative * derivative * products[2 * lag + 1];
    }
    const double next = square > 0.0 ? r + slope / square : r;
    return fabs(next) < 1.0 ? next : 0.5 * (r + copysign(1.0, next));
}

static double fit_ar1(const double *products, ptrdiff_t n_lags, double phi)
{
    double r = first_ar1(products, n_lags, phi), change = 1.0;
    for (int k = 0; k < MAX_STEPS_AR1 && fabs(change) > TOL_AR1; k++) {
        const double next = next_ar1(r, products, n_lags, phi);
        change = next - r;
        r = next;
    }
    return r;
}

/* Residuals that are rounding alone have no correlation. */
static void update_correlation(fit *f)
{
    const qst_gee *gee = f->clusters.gee;
    const ptrdiff_t n_correlations = qst_gee_correlations(gee);
    f->phi = ratio(f->products);
    const bool is_perfect = sqrt(f->products[0]) <= ROUNDING * f->size;
    f->correlation_change = 0.0;
    for (ptrdiff_t k = 0; k < n_correlations; k++) {
        const double before = f->correlation[k];
        if (is_perfect) {
            f->correlation[k] = 0.0;
        } else if (gee->corstr != QST_CORSTR_AR1) {
            f->correlation[k] = ratio(f->products + 2 + 2 * k) / f->phi;
        } else {
            f->correlation[k] = fit_ar1(f->products, gee->n_times - 1, f->phi);
        }
        f->correlation_change = fmax(f->correlation_change, fabs(f->correlation[k] - before));
    }
}

/* ---- The fit ---- */

static qst_status step(fit *f, const double *eta_start, qst_err *err)
{
    const ptrdiff_t p = f->clusters.n_cols;
    const qst__gee_pass pass = {.b = f->b,
        .eta = eta_start,
        .n_cols = p,
        .correlation = f->correlation,
        .step = add_cluster,
        .data = f,
        .n_sums = (p + 1) * (p + 1),
        .sums_out = f->gram,
        .products_out = f->products};
    qst_status status = qst__gee_run(&f->clusters, &pass, err);
    if (status == QST_OK) {
        status = invert(f, err);
    }
    if (status != QST_OK) {
        return status;
    }
    solve(f);
    for (ptrdiff_t k = 0; k < p; k++) {
        const qst__dd sum = qst__two_sum(f->b[k], f->change[k]);
        f->b[k] = sum.high;
        f->b_low[k] = sum.low;
    }
    f->step = length_of(f, f->change);
    f->size = length_of(f, f->b);
    if (eta_start == NULL) {
        update_correlation(f);
    }
    return QST_OK;
}

/* The last step is small beside the standard errors, or beside the rounding of the coefficients;
 * correlations have stopped moving, up to what that rounding makes of residuals. */
static bool is_done(const fit *f, const qst_gee_settings *settings)
{
    const double rounding = ROUNDING * f->size;
    const double of_residuals = f->phi > 0.0 ? rounding / sqrt(f->phi * f->products[1]) : 0.0;
    return f->step <= fmax(settings->tol * sqrt(f->phi), rounding) &&
           f->correlation_change <= fmax(settings->tol, of_residuals);
}

static qst_status iterate(fit *f, const qst_gee_settings *settings, const double *eta_start,
    qst_gee_info *info, qst_err *err)
{
    *info = (qst_gee_info){0.0, 0, false};
    while (info->iterations < settings->max_iterations && !info->converged) {
        const qst_status status = step(f, info->iterations == 0 ? eta_start : NULL, err);
        if (status != QST_OK) {
            return status;
        }
        info->iterations++;
        info->converged = info->iterations > 1 && is_done(f, settings);
    }
    info->phi = f->phi;
    return QST_OK;
}

/* Everything that depends on p. */
static qst_status make_fit(fit *f, qst__arena *arena, qst_err *err)
{
    const ptrdiff_t p = f->clusters.n_cols;
    double **vectors[] = {&f->b, &f->b_low, &f->change, &f->scales, &f->pivots};
    qst_status status = QST_OK;
    for (size_t k = 0; k < sizeof vectors / sizeof *vectors && status == QST_OK; k++) {
        status = qst__arena_array(arena, p, sizeof(double), vectors[k], err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, (p + 1) * (p + 1), sizeof(double), &f->gram, err);
    }
    if (status == QST_OK) {
        status = qst__mat_make(arena, p, p, &f->factor, err);
    }
    if (status == QST_OK) {
        status = qst__mat_make(arena, p, p, &f->bread, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(
            arena, qst__gee_products(f->clusters.gee), sizeof(double), &f->products, err);
    }
    return status;
}

/* Linear predictors of all rows, those of weight 0 too. */
typedef struct {
    const double *offset;
    double *eta_out;
} prediction;

static qst_status keep_eta(void *data, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights_out, double *residuals_out, qst__dd *sums, qst_err *err)
{
    (void)weights_out;
    (void)residuals_out;
    (void)sums;
    (void)err;
    const prediction *to = data;
    for (ptrdiff_t i = 0; i < n; i++) {
        to->eta_out[start + i] = eta[i] + (to->offset != NULL ? to->offset[start + i] : 0.0);
    }
    return QST_OK;
}

static qst_status finish(const fit *f, const qst_gee_result *result, qst_err *err)
{
    const ptrdiff_t p = f->clusters.n_cols;
    prediction to = {f->clusters.gee->offset, result->eta};
    const qst__pass pass = {.b = f->b, .step = keep_eta, .data = &to};
    const qst_status status = qst__design_pass(f->clusters.ctx, f->clusters.design, &pass, err);
    qst__design_uncentre(f->clusters.design, f->b, f->b_low, f->bread.data);
    for (ptrdiff_t k = 0; k < p; k++) {
        result->coefficients[k] = f->aliased[k] ? qst_na_real() : f->b[k];
        for (ptrdiff_t i = 0; i < p; i++) {
            result->bread.data[i + k * result->bread.ld] =
                f->aliased[i] || f->aliased[k] ? qst_na_real() : f->bread.data[i + k * p];
        }
    }
    for (ptrdiff_t k = 0; k < qst_gee_correlations(f->clusters.gee); k++) {
        const bool is_seen =
            f->clusters.gee->corstr == QST_CORSTR_AR1 || f->products[3 + 2 * k] > 0.0;
        result->correlation[k] = is_seen ? f->correlation[k] : qst_na_real();
    }
    return status;
}

qst_status qst_gee_fit(const qst_ctx *ctx, const qst_gee *gee, const qst_gee_settings *settings,
    const double *eta_start, const bool *aliased, const qst_gee_result *result,
    qst_gee_info *info_out, qst_err *err)
{
    if (!(settings->tol > 0.0) || settings->max_iterations < 2) {
        return qst__fail(err, QST_EARGUMENT, "tolerance %g and %d iterations are too small",
            settings->tol, (int)settings->max_iterations);
    }
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    fit f = {.aliased = aliased};
    qst_status status = qst__gee_clusters_make(ctx, &arena, gee, &f.clusters, err);
    if (status == QST_OK) {
        status = qst__design_centre(ctx, f.clusters.design, gee->weights, err);
    }
    if (status == QST_OK) {
        status = make_fit(&f, &arena, err);
    }
    if (status == QST_OK) {
        /* One more, so that it is there to be pointed at. */
        status = qst__arena_array(
            &arena, qst_gee_correlations(gee) + 1, sizeof(double), &f.correlation, err);
    }
    if (status == QST_OK) {
        status = iterate(&f, settings, eta_start, info_out, err);
    }
    if (status == QST_OK) {
        status = finish(&f, result, err);
    }
    qst__arena_free(&arena);
    return status;
}
