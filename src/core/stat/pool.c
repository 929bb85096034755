#include "la/la.h"

#include <math.h>

/* A pivot below this share of its diagonal element is none. */
#define TOL_PIVOT 1e-12

/* ---- Rubin's rules ---- */

static bool is_square(qst_mat a, ptrdiff_t p)
{
    return a.n_rows == p && a.n_cols == p;
}

static qst_status check_finite(qst_cmat x, ptrdiff_t rows_each, const char *what, qst_err *err)
{
    for (ptrdiff_t j = 0; j < x.n_cols; j++) {
        for (ptrdiff_t i = 0; i < x.n_rows; i++) {
            const double value = x.data[i + j * x.ld];
            if (!isfinite(value)) {
                const ptrdiff_t row = i % rows_each;
                return qst__fail_at(err, QST_ERANGE, row, j, value,
                    "the %s of estimate %td in imputation %td is %g", what, row + 1, j + 1, value);
            }
        }
    }
    return QST_OK;
}

static qst_status check_inputs(
    qst_cmat estimates, qst_cmat covariances, const qst_pooled *pooled, qst_err *err)
{
    const ptrdiff_t p = estimates.n_rows, m = estimates.n_cols;
    if (m < 1) {
        return qst__fail(err, QST_EDIMENSION, "there is no imputation to pool");
    }
    if (covariances.n_rows != p * p || covariances.n_cols != m ||
        !is_square(pooled->within_out, p) || !is_square(pooled->between_out, p) ||
        !is_square(pooled->total_out, p)) {
        return qst__fail(err, QST_EDIMENSION,
            "%td estimates of %td imputations do not go with covariances of %td elements of %td", p,
            m, covariances.n_rows, covariances.n_cols);
    }
    const qst_status status = check_finite(estimates, qst__max(p, 1), "value", err);
    return status == QST_OK ? check_finite(covariances, qst__max(p, 1), "covariance", err) : status;
}

/* Mean of a row, as what is to be added to its first element. */
static qst__dd mean_beyond_first(qst_cmat x, ptrdiff_t row)
{
    const double first = x.data[row];
    qst__dd sum = {0.0, 0.0};
    for (ptrdiff_t j = 1; j < x.n_cols; j++) {
        sum = qst__dd_sum(sum, qst__two_sum(x.data[row + j * x.ld], -first));
    }
    return qst__dd_over(sum, (double)x.n_cols);
}

static double mean_of(qst_cmat x, ptrdiff_t row)
{
    return qst__dd_value(qst__dd_add(mean_beyond_first(x, row), x.data[row]));
}

/* sum d_a d_b - m mean(d_a) mean(d_b), d the differences from the first, which 106 bits bear. */
static double covariance_of(qst_cmat x, ptrdiff_t a, ptrdiff_t b)
{
    const double m = (double)x.n_cols;
    if (m < 2.0) {
        return 0.0;
    }
    qst__dd sum = {0.0, 0.0};
    for (ptrdiff_t j = 1; j < x.n_cols; j++) {
        const qst__dd of_a = qst__two_sum(x.data[a + j * x.ld], -x.data[a]);
        const qst__dd of_b = qst__two_sum(x.data[b + j * x.ld], -x.data[b]);
        sum = qst__dd_sum(sum, qst__dd_product(of_a, of_b));
    }
    const qst__dd means = qst__dd_product(mean_beyond_first(x, a), mean_beyond_first(x, b));
    return qst__dd_value(qst__dd_sum(sum, qst__dd_times(means, -m))) / (m - 1.0);
}

qst_status qst_pool(const qst_ctx *ctx, qst_cmat estimates, qst_cmat covariances,
    const qst_pooled *pooled, qst_err *err)
{
    qst_status status = check_inputs(estimates, covariances, pooled, err);
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    const ptrdiff_t p = estimates.n_rows;
    const double rise = 1.0 + 1.0 / (double)estimates.n_cols;
    for (ptrdiff_t j = 0; j < p && status == QST_OK; j++) {
        pooled->estimate_out[j] = mean_of(estimates, j);
        for (ptrdiff_t i = 0; i < p; i++) {
            const double within = mean_of(covariances, i + j * p);
            /* The same order of factors for (i, j) and (j, i): symmetric to the bit. */
            const double between = covariance_of(estimates, qst__min(i, j), qst__max(i, j));
            pooled->within_out.data[i + j * pooled->within_out.ld] = within;
            pooled->between_out.data[i + j * pooled->between_out.ld] = between;
            pooled->total_out.data[i + j * pooled->total_out.ld] = within + rise * between;
        }
        status = qst__tick(&ticker, err);
    }
    return status;
}

/* ---- What missing values cost ---- */

/* Barnard & Rubin (1999): the df that the observed part of the data would have. */
static double observed_df(double df_complete, double lambda)
{
    return (df_complete + 1.0) / (df_complete + 3.0) * df_complete * (1.0 - lambda);
}

/* Harmonic sum of two df, of which either may be infinite or 0. */
static double joined_df(double a, double b)
{
    if (isinf(a) || isinf(b)) {
        return isinf(a) ? b : a;
    }
    return a * b / (a + b);
}

qst_pool_loss qst_pool_fractions(double within, double between, ptrdiff_t m, double df_complete)
{
    const double none = (double)NAN;
    if (m < 2) {
        return (qst_pool_loss){none, none, df_complete, none};
    }
    const double added = (1.0 + 1.0 / (double)m) * between;
    const double lambda = added / (within + added);
    const double old = (double)(m - 1) / (lambda * lambda);
    qst_pool_loss loss = {.riv = added / within, .lambda = lambda, .df = old};
    if (!isinf(df_complete)) {
        loss.df = joined_df(old, observed_df(df_complete, lambda));
    }
    /* (r + 2 / (df + 3)) / (r + 1), written so that U = 0 gives 1. */
    loss.fmi = lambda + 2.0 / (loss.df + 3.0) * (1.0 - lambda);
    return loss;
}

/* ---- D1 ---- */

/* Li, Raghunathan & Rubin (1991, eq. 1.17 and 1.18). */
static double df_of_li(double q, double t, double r)
{
    if (t > 4.0) {
        const double root = 1.0 + (1.0 - 2.0 / t) / r;
        return 4.0 + (t - 4.0) * root * root;
    }
    const double root = 1.0 + 1.0 / r;
    return t * (1.0 + 1.0 / q) * root * root / 2.0;
}

/* Reiter (2007, eq. 3) with t - 4 and ν* - 4 (1 + a), called `far`, above 0. */
static double df_of_reiter(double t, double a, double far)
{
    const double one = 1.0 + a, near = far + 2.0 * one;
    const double first = a * a * near / (one * one * far);
    const double second = 8.0 * a * a * near / (one * far * far) + 4.0 * a * a / (one * far);
    const double third = 4.0 * a * a / (far * near) + 16.0 * a * a * near / (far * far * far);
    const double fourth = 8.0 * a * a / (far * far);
    return 4.0 + 1.0 / (1.0 / far + (first + second + third + fourth) / (t - 4.0));
}

static double joint_df(double q, double m, double r, double df_complete)
{
    const double t = q * (m - 1.0);
    if (isinf(df_complete)) {
        return df_of_li(q, t, r);
    }
    if (t > 4.0) {
        const double a = r * t / (t - 2.0);
        const double far = observed_df(df_complete, 0.0) - 4.0 * (1.0 + a);
        if (far > 0.0) {
            return df_of_reiter(t, a, far);
        }
    }
    return joined_df(df_of_li(q, t, r), observed_df(df_complete, r / (1.0 + r)));
}

/* |R'^-1 x|^2, which is x' A^-1 x for A = R'R; `x` is overwritten. */
static double squared_distance(qst_cmat root, double *x)
{
    qst__solve_upper_transposed(root, x);
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < root.n_cols; i++) {
        sum += x[i] * x[i];
    }
    return sum;
}

/* tr(B A^-1) for A = R'R: B R^-1 R'^-1, a column of B at a time. `work` has q elements. */
static double trace_of_ratio(qst_cmat between, qst_cmat root, double *work)
{
    double trace = 0.0;
    for (ptrdiff_t j = 0; j < between.n_cols; j++) {
        for (ptrdiff_t i = 0; i < between.n_rows; i++) {
            work[i] = between.data[i + j * between.ld];
        }
        qst__solve_upper_transposed(root, work);
        qst__solve_upper(root, work);
        trace += work[j];
    }
    return trace;
}

static void copy(qst_cmat from, qst_mat to)
{
    for (ptrdiff_t j = 0; j < from.n_cols; j++) {
        for (ptrdiff_t i = 0; i < from.n_rows; i++) {
            to.data[i + j * to.ld] = from.data[i + j * from.ld];
        }
    }
}

static bool is_finite_square(qst_cmat a)
{
    for (ptrdiff_t j = 0; j < a.n_cols; j++) {
        for (ptrdiff_t i = 0; i < a.n_rows; i++) {
            if (!isfinite(a.data[i + j * a.ld])) {
                return false;
            }
        }
    }
    return true;
}

static qst_status test_jointly(qst__arena *arena, const double *estimate, qst_cmat within,
    qst_cmat between, double m, double df_complete, qst_pool_test *test_out, qst_err *err)
{
    const ptrdiff_t q = within.n_cols;
    qst_mat root;
    double *work = NULL;
    qst_status status = qst__mat_make(arena, q, q, &root, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, 2 * q, sizeof *work, &work, err);
    }
    if (status != QST_OK) {
        return status;
    }
    copy(within, root);
    if (q == 0 || !is_finite_square(within) || qst__cholesky(root, TOL_PIVOT, work) < q) {
        return QST_OK;
    }
    const double r = (1.0 + 1.0 / m) * trace_of_ratio(between, qst__view(root), work) / (double)q;
    for (ptrdiff_t i = 0; i < q; i++) {
        work[i] = estimate[i];
    }
    *test_out = (qst_pool_test){
        .statistic = squared_distance(qst__view(root), work) / ((double)q * (1.0 + r)),
        .riv = r,
        .df_residual = joint_df((double)q, m, r, df_complete),
    };
    return QST_OK;
}

qst_status qst_pool_joint(const qst_ctx *ctx, const double *estimate, qst_cmat within,
    qst_cmat between, ptrdiff_t m, double df_complete, qst_pool_test *test_out, qst_err *err)
{
    const double none = (double)NAN;
    *test_out = (qst_pool_test){none, none, none};
    const ptrdiff_t q = within.n_cols;
    if (within.n_rows != q || between.n_rows != q || between.n_cols != q) {
        return qst__fail(err, QST_EDIMENSION, "covariances of %td x %td and %td x %td elements",
            within.n_rows, q, between.n_rows, between.n_cols);
    }
    if (m < 2) {
        return qst__fail(err, QST_EDIMENSION, "D1 needs two imputations, not %td", m);
    }
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    const qst_status status =
        test_jointly(&arena, estimate, within, between, (double)m, df_complete, test_out, err);
    qst__arena_free(&arena);
    return status;
}
