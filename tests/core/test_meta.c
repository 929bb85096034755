#include "qst_test.h"

#include <math.h>
#include <string.h>

#define K 6
#define N_SETS 300

static const double effects[K] = {0.1, 0.9, 0.35, 1.4, -0.2, 0.6};
static const double variances[K] = {0.04, 0.09, 0.02, 0.16, 0.05, 0.03};
static const double moderator[2 * K] = {1, 1, 1, 1, 1, 1, 2001, 2004, 2002, 2010, 1999, 2007};
static const qst_meta_method methods[] = {QST_META_FE, QST_META_DL, QST_META_HE, QST_META_SJ,
    QST_META_ML, QST_META_REML, QST_META_PM, QST_META_EB};
#define N_METHODS ((int)(sizeof methods / sizeof *methods))

typedef struct {
    double b[2], vcov[4];
    qst_meta_info info;
} one_fit;

static qst_cmat matrix(const double *data, ptrdiff_t n_rows, ptrdiff_t n_cols)
{
    return (qst_cmat){data, n_rows, n_cols, n_rows > 0 ? n_rows : 1};
}

/* p = 1: intercept only, else the intercept and `moderator`. */
static one_fit fit(
    const double *y, const double *v, ptrdiff_t k, ptrdiff_t p, const qst_meta_settings *settings)
{
    one_fit fit;
    const qst_meta_sets sets = {
        matrix(y, k, 1), matrix(v, k, 1), {p == 1 ? NULL : moderator, k, p, K}};
    const qst_meta_fitted fitted = {fit.b, fit.vcov, &fit.info};
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_meta_fits(NULL, &sets, settings, &fitted, &err), QST_OK, &err);
    return fit;
}

static qst_meta_settings settings_of(qst_meta_method method, qst_meta_test test)
{
    qst_meta_settings settings;
    qst_meta_settings_default(&settings);
    settings.method = method;
    settings.test = test;
    return settings;
}

static one_fit fit_all(qst_meta_method method, ptrdiff_t p)
{
    const qst_meta_settings settings = settings_of(method, QST_META_Z);
    return fit(effects, variances, K, p, &settings);
}

/* ---- Slow and obvious versions ---- */

/* Weighted least squares by the normal equations, the moderator centred. */
typedef struct {
    double b[2], vcov[4], rss, log_det;
} slow_fit;

static slow_fit solve_slowly(double tau2, ptrdiff_t p)
{
    double sw = 0, swx = 0, swxx = 0, swy = 0, swxy = 0;
    for (int i = 0; i < K; i++) {
        const double w = 1 / (variances[i] + tau2), x = moderator[K + i] - 2000;
        sw += w;
        swx += w * x;
        swxx += w * x * x;
        swy += w * effects[i];
        swxy += w * x * effects[i];
    }
    slow_fit fit = {{swy / sw, 0}, {1 / sw, 0, 0, 0}, 0, log(sw)};
    if (p == 2) {
        const double det = sw * swxx - swx * swx;
        const double slope = (sw * swxy - swx * swy) / det, at = (swxx * swy - swx * swxy) / det;
        fit = (slow_fit){{at - 2000 * slope, slope},
            {(swxx + 4000 * swx + 4e6 * sw) / det, -(swx + 2000 * sw) / det,
                -(swx + 2000 * sw) / det, sw / det},
            0, log(det)};
    }
    for (int i = 0; i < K; i++) {
        const double e = effects[i] - fit.b[0] - moderator[K + i] * fit.b[1];
        fit.rss += e * e / (variances[i] + tau2);
    }
    return fit;
}

/* log|X'X| / 2 is of the uncentred X, whose determinant is that of the centred one. */
static double slow_log_lik(double tau2, ptrdiff_t p, bool restricted)
{
    const slow_fit at = solve_slowly(tau2, p);
    double sum = (restricted ? K - (double)p : K) * log(2 * acos(-1)) + at.rss;
    double n = 0, sx = 0, sxx = 0;
    for (int i = 0; i < K; i++) {
        const double x = moderator[K + i] - 2000;
        sum += log(variances[i] + tau2);
        n += 1;
        sx += x;
        sxx += x * x;
    }
    if (restricted) {
        sum += at.log_det - log(p == 1 ? n : n * sxx - sx * sx);
    }
    return -sum / 2;
}

/* The root of a falling function by bisection. */
static double bisect(double (*f)(double, ptrdiff_t), ptrdiff_t p, double target)
{
    double low = 0, high = 100;
    if (f(0, p) < target) {
        return 0;
    }
    for (int n = 0; n < 200; n++) {
        const double middle = (low + high) / 2;
        if (f(middle, p) > target) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static double slow_q(double tau2, ptrdiff_t p)
{
    return solve_slowly(tau2, p).rss;
}

static double slow_maximum(ptrdiff_t p, bool restricted)
{
    double best = 0;
    for (double width = 1; width > 1e-9; width /= 10) {
        const double middle = best;
        for (int step = -20; step <= 20; step++) {
            const double tau2 = fmax(0, middle + step * width / 10);
            if (slow_log_lik(tau2, p, restricted) > slow_log_lik(best, p, restricted)) {
                best = tau2;
            }
        }
    }
    return best;
}

/* ---- Estimators ---- */

static void test_fixed_by_hand(void **state)
{
    (void)state;
    for (ptrdiff_t p = 1; p <= 2; p++) {
        const one_fit got = fit_all(QST_META_FE, p);
        const slow_fit want = solve_slowly(0, p);
        for (ptrdiff_t j = 0; j < p; j++) {
            assert_close(got.b[j], want.b[j], 1e-11, 1e-11);
        }
        for (ptrdiff_t j = 0; j < p * p; j++) {
            assert_close(got.vcov[j], want.vcov[j], 1e-9, 0);
        }
        assert_close(got.info.q, want.rss, 1e-12, 0);
        assert_close(got.info.tau2, 0, 0, 0);
        assert_close(got.info.log_lik, slow_log_lik(0, p, false), 1e-12, 0);
        assert_close(got.info.log_lik_restricted, slow_log_lik(0, p, true), 1e-11, 0);
    }
}

/* The formulas for a mean alone, as they are printed. */
static void test_moments_by_hand(void **state)
{
    (void)state;
    double sw = 0, sww = 0, mean = 0, sum_v = 0;
    for (int i = 0; i < K; i++) {
        sw += 1 / variances[i];
        sww += 1 / (variances[i] * variances[i]);
        mean += effects[i] / K;
        sum_v += variances[i];
    }
    double ss = 0;
    for (int i = 0; i < K; i++) {
        ss += (effects[i] - mean) * (effects[i] - mean);
    }
    const double c = sw - sww / sw;
    assert_close(
        fit_all(QST_META_DL, 1).info.tau2, (solve_slowly(0, 1).rss - (K - 1)) / c, 1e-13, 0);
    assert_close(fit_all(QST_META_DL, 1).info.typical_variance, (K - 1) / c, 1e-13, 0);
    assert_close(fit_all(QST_META_HE, 1).info.tau2, ss / (K - 1) - sum_v / K, 1e-13, 0);
    const double first = ss / K;
    assert_close(
        fit_all(QST_META_SJ, 1).info.tau2, first * solve_slowly(first, 1).rss / (K - 1), 1e-13, 0);
}

static void test_paule_mandel(void **state)
{
    (void)state;
    for (ptrdiff_t p = 1; p <= 2; p++) {
        const double want = bisect(slow_q, p, K - (double)p);
        assert_close(fit_all(QST_META_PM, p).info.tau2, want, 1e-9, 1e-12);
        assert_close(fit_all(QST_META_EB, p).info.tau2, want, 1e-9, 1e-12);
    }
}

static void test_likelihoods(void **state)
{
    (void)state;
    for (ptrdiff_t p = 1; p <= 2; p++) {
        const one_fit ml = fit_all(QST_META_ML, p), reml = fit_all(QST_META_REML, p);
        assert_close(ml.info.tau2, slow_maximum(p, false), 1e-6, 1e-7);
        assert_close(reml.info.tau2, slow_maximum(p, true), 1e-6, 1e-7);
        assert_close(reml.info.log_lik_restricted, slow_log_lik(reml.info.tau2, p, true), 1e-10, 0);
        assert_close(ml.b[0], solve_slowly(ml.info.tau2, p).b[0], 1e-9, 1e-9);
    }
}

/* A likelihood with two maxima, of which the one inside is below the one at 0, and one where the
 * inner one wins: whatever the start, the likelihood found is no less than at 0. */
static void test_never_below_zero(void **state)
{
    (void)state;
    uint64_t seed = 11;
    const qst_meta_settings settings = settings_of(QST_META_REML, QST_META_Z);
    for (int n = 0; n < 300; n++) {
        double y[K], v[K];
        for (int i = 0; i < K; i++) {
            v[i] = exp(3 * test_normal(&seed));
            y[i] = sqrt(v[i]) * test_normal(&seed);
        }
        const one_fit random = fit(y, v, K, 1, &settings);
        const qst_meta_settings fixed = settings_of(QST_META_FE, QST_META_Z);
        assert_int_equal(random.info.outcome, QST_META_FITTED);
        assert_true(random.info.log_lik_restricted >=
                    fit(y, v, K, 1, &fixed).info.log_lik_restricted - 1e-8);
    }
}

static void test_interval(void **state)
{
    (void)state;
    /* 2.5 and 97.5 percent of chi-square with 1 .. 5 df, as tables print them. */
    const double low[] = {0.000982069, 0.0506356, 0.215795, 0.484419, 0.831212};
    const double high[] = {5.02389, 7.37776, 9.34840, 11.1433, 12.8325};
    qst_meta_settings settings = settings_of(QST_META_DL, QST_META_Z);
    settings.chisq_low = low;
    settings.chisq_high = high;
    for (ptrdiff_t p = 1; p <= 2; p++) {
        const one_fit got = fit(effects, variances, K, p, &settings);
        assert_close(got.info.tau2_low, bisect(slow_q, p, high[K - p - 1]), 1e-9, 1e-12);
        assert_close(got.info.tau2_high, bisect(slow_q, p, low[K - p - 1]), 1e-9, 1e-12);
    }
}

static void test_hksj(void **state)
{
    (void)state;
    const qst_meta_settings z = settings_of(QST_META_DL, QST_META_Z);
    const qst_meta_settings hksj = settings_of(QST_META_DL, QST_META_HKSJ);
    const qst_meta_settings most = settings_of(QST_META_DL, QST_META_HKSJ_MAX);
    const one_fit plain = fit(effects, variances, K, 1, &z);
    const double q = solve_slowly(plain.info.tau2, 1).rss / (K - 1);
    assert_close(fit(effects, variances, K, 1, &hksj).vcov[0], q * plain.vcov[0], 1e-13, 0);
    assert_close(
        fit(effects, variances, K, 1, &most).vcov[0], fmax(1, q) * plain.vcov[0], 1e-13, 0);
}

/* ---- Units, sets, threads ---- */

static void test_units(void **state)
{
    (void)state;
    for (int m = 0; m < N_METHODS; m++) {
        const qst_meta_settings settings = settings_of(methods[m], QST_META_HKSJ);
        const one_fit near = fit(effects, variances, K, 1, &settings);
        for (int power = -400; power <= 400; power += 800) {
            double y[K], v[K];
            for (int i = 0; i < K; i++) {
                y[i] = ldexp(effects[i], power);
                v[i] = ldexp(variances[i], 2 * power);
            }
            const one_fit far = fit(y, v, K, 1, &settings);
            assert_close(far.b[0], ldexp(near.b[0], power), 0, 0);
            assert_close(far.vcov[0], ldexp(near.vcov[0], 2 * power), 0, 0);
            assert_close(far.info.tau2, ldexp(near.info.tau2, 2 * power), 0, 0);
            assert_close(far.info.q, near.info.q, 0, 0);
        }
    }
}

/* Left out by NaN is left out. */
static void test_missing(void **state)
{
    (void)state;
    double y[K], v[K];
    for (int m = 0; m < N_METHODS; m++) {
        const qst_meta_settings settings = settings_of(methods[m], QST_META_HKSJ);
        memcpy(y, effects, sizeof y);
        memcpy(v, variances, sizeof v);
        const one_fit want = fit(y, v, K - 2, 1, &settings);
        y[K - 1] = (double)NAN;
        v[K - 2] = (double)NAN;
        const one_fit got = fit(y, v, K, 1, &settings);
        assert_int_equal(got.info.k, K - 2);
        assert_close(got.b[0], want.b[0], 1e-13, 0);
        assert_close(got.info.tau2, want.info.tau2, 1e-11, 1e-13);
        assert_close(got.info.log_lik_restricted, want.info.log_lik_restricted, 1e-12, 0);
    }
}

typedef struct {
    double y[K * N_SETS], b[N_SETS], vcov[N_SETS];
    qst_meta_info info[N_SETS];
} many;

static void draw(many *m)
{
    uint64_t seed = 5;
    for (int i = 0; i < K * N_SETS; i++) {
        m->y[i] = 0.6 * test_normal(&seed);
    }
}

static qst_status run_many(const qst_ctx *ctx, void *data, qst_err *err)
{
    many *m = data;
    qst_meta_settings settings;
    qst_meta_settings_default(&settings);
    const qst_meta_sets sets = {matrix(m->y, K, N_SETS), matrix(variances, K, 1), {NULL, 0, 0, 1}};
    const qst_meta_fitted fitted = {m->b, m->vcov, m->info};
    return qst_meta_fits(ctx, &sets, &settings, &fitted, err);
}

static void test_sets_are_fits_of_their_own(void **state)
{
    (void)state;
    static many m;
    draw(&m);
    assert_status(run_many(NULL, &m, NULL), QST_OK, NULL);
    qst_meta_settings settings;
    qst_meta_settings_default(&settings);
    for (int set = 0; set < N_SETS; set += 37) {
        const one_fit alone = fit(m.y + K * set, variances, K, 1, &settings);
        assert_close(m.b[set], alone.b[0], 0, 0);
        assert_close(m.vcov[set], alone.vcov[0], 0, 0);
        assert_close(m.info[set].tau2, alone.info.tau2, 0, 0);
    }
}

static void test_threads(void **state)
{
    (void)state;
    static many first, other;
    draw(&first);
    draw(&other);
    test_memory memory = {0};
    qst_ctx ctx = test_ctx(&memory, 1);
    assert_status(run_many(&ctx, &first, NULL), QST_OK, NULL);
    for (int n = 2; n <= 7; n += 5) {
        ctx = test_ctx(&memory, n);
        assert_status(run_many(&ctx, &other, NULL), QST_OK, NULL);
        assert_memory_equal(other.b, first.b, sizeof first.b);
        assert_memory_equal(other.vcov, first.vcov, sizeof first.vcov);
    }
    assert_int_equal(memory.n_live, 0);
}

/* ---- Awkward ---- */

static void test_few_studies(void **state)
{
    (void)state;
    for (int m = 0; m < N_METHODS; m++) {
        const qst_meta_settings settings = settings_of(methods[m], QST_META_HKSJ);
        const one_fit one = fit(effects, variances, 1, 1, &settings);
        assert_int_equal(one.info.outcome, QST_META_FITTED);
        assert_close(one.b[0], effects[0], 1e-15, 0);
        assert_close(one.vcov[0], variances[0], 1e-15, 0);
        assert_close(one.info.tau2, 0, 0, 0);
        assert_close(one.info.scale, (double)NAN, 0, 0);
        const one_fit two = fit(effects, variances, 2, 1, &settings);
        assert_int_equal(two.info.outcome, QST_META_FITTED);
        assert_int_equal(fit(effects, variances, 0, 1, &settings).info.outcome, QST_META_TOO_FEW);
        assert_int_equal(fit(effects, variances, 1, 2, &settings).info.outcome, QST_META_TOO_FEW);
    }
}

static void test_equal_effects(void **state)
{
    (void)state;
    const double y[K] = {0.3, 0.3, 0.3, 0.3, 0.3, 0.3};
    for (int m = 0; m < N_METHODS; m++) {
        const qst_meta_settings settings = settings_of(methods[m], QST_META_HKSJ);
        const one_fit got = fit(y, variances, K, 1, &settings);
        assert_int_equal(got.info.outcome, QST_META_FITTED);
        assert_close(got.b[0], 0.3, 1e-15, 0);
        assert_close(got.info.tau2, 0, 0, 1e-20);
        assert_close(got.info.scale, 0, 0, 0);
    }
}

static void test_zero_variance(void **state)
{
    (void)state;
    double v[K];
    memcpy(v, variances, sizeof v);
    v[2] = 0;
    for (int m = 0; m < N_METHODS; m++) {
        const qst_meta_settings settings = settings_of(methods[m], QST_META_Z);
        const one_fit got = fit(effects, v, K, 1, &settings);
        const bool needs_inverse = methods[m] == QST_META_FE || methods[m] == QST_META_DL ||
                                   methods[m] == QST_META_PM || methods[m] == QST_META_EB;
        assert_int_equal(got.info.outcome, needs_inverse ? QST_META_NO_WEIGHT : QST_META_FITTED);
        assert_close(got.info.q, (double)NAN, 0, 0);
    }
}

static void test_outcomes(void **state)
{
    (void)state;
    double y[K];
    memcpy(y, effects, sizeof y);
    y[1] = (double)INFINITY;
    qst_meta_settings settings = settings_of(QST_META_REML, QST_META_Z);
    const one_fit infinite = fit(y, variances, K, 1, &settings);
    assert_int_equal(infinite.info.outcome, QST_META_NOT_FINITE);
    assert_close(infinite.b[0], (double)NAN, 0, 0);
    settings.max_iterations = 1;
    assert_int_equal(fit(effects, variances, K, 1, &settings).info.outcome, QST_META_NOT_CONVERGED);
    /* The studies that are left have one value of the moderator. */
    const double x[2 * K] = {1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1};
    memcpy(y, effects, sizeof y);
    y[K - 1] = (double)NAN;
    one_fit aliased;
    const qst_meta_sets sets = {matrix(y, K, 1), matrix(variances, K, 1), matrix(x, K, 2)};
    const qst_meta_fitted fitted = {aliased.b, aliased.vcov, &aliased.info};
    settings.max_iterations = 100;
    assert_status(qst_meta_fits(NULL, &sets, &settings, &fitted, NULL), QST_OK, NULL);
    assert_int_equal(aliased.info.outcome, QST_META_ALIASED);
}

static void test_refusals(void **state)
{
    (void)state;
    one_fit room;
    const qst_meta_fitted fitted = {room.b, room.vcov, &room.info};
    qst_meta_settings settings;
    qst_meta_settings_default(&settings);
    const double v[K] = {1, 1, 1, -1, 1, 1}, x[2 * K] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2};
    qst_err err;
    qst_err_init(&err);
    qst_meta_sets sets = {matrix(effects, K, 1), matrix(v, K, 1), {NULL, 0, 0, 1}};
    assert_status(qst_meta_fits(NULL, &sets, &settings, &fitted, &err), QST_ERANGE, &err);
    assert_text(&err, "variance of study 4 is -1");
    assert_int_equal(err.row, 3);
    sets = (qst_meta_sets){matrix(effects, K, 1), matrix(variances, K - 1, 1), {NULL, 0, 0, 1}};
    qst_err_init(&err);
    assert_status(qst_meta_fits(NULL, &sets, &settings, &fitted, &err), QST_EDIMENSION, &err);
    assert_text(&err, "6 studies in 1 sets do not go with variances of 5");
    sets = (qst_meta_sets){matrix(effects, K, 1), matrix(variances, K, 1), matrix(x, K, 2)};
    qst_err_init(&err);
    assert_status(qst_meta_fits(NULL, &sets, &settings, &fitted, &err), QST_ESINGULAR, &err);
    assert_text(&err, "1 of 2 coefficients");
}

static void test_memory_and_stop(void **state)
{
    (void)state;
    static many m;
    draw(&m);
    assert_true(assert_survives_no_memory(run_many, &m) > 0);
    assert_cancels(run_many, &m, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_by_hand),
        cmocka_unit_test(test_moments_by_hand),
        cmocka_unit_test(test_paule_mandel),
        cmocka_unit_test(test_likelihoods),
        cmocka_unit_test(test_never_below_zero),
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_hksj),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_sets_are_fits_of_their_own),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_few_studies),
        cmocka_unit_test(test_equal_effects),
        cmocka_unit_test(test_zero_variance),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_memory_and_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
