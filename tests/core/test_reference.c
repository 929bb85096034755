#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 90, K = 3, Q = 2, ARMS = 3, P_ALL = ARMS + Q, P_ARM = 1 + Q, M = 7 };

typedef struct {
    double y[N * K], x[N * Q];
    int32_t arm[N], kept[N];
    qst_reference_data data;
    qst_reference_settings settings;
} sample;

/* Three arms, two covariates; rows that are whole, stop, have gaps, have nothing, and have outcomes
 * after the visit from which the assumption holds. */
static void fill(sample *s, bool by_arm, qst_reference_method method)
{
    uint64_t state = 5;
    for (int i = 0; i < N; i++) {
        s->arm[i] = 1 + i % ARMS;
        s->x[i] = 40 + 10 * test_uniform(&state);
        s->x[i + N] = i % 4 == 0;
        double own = 5 * test_uniform(&state);
        for (int v = 0; v < K; v++) {
            own += 4 * test_uniform(&state);
            s->y[i + v * N] = 100 + own + 0.3 * s->x[i] + (v + 1) * (s->arm[i] - 1);
        }
        s->kept[i] = K;
        const int pattern = i / ARMS % 6;
        for (int v = 0; v < K; v++) {
            const bool is_lost = (pattern == 1 && v == 2) || (pattern == 2 && v == 0) ||
                                 (pattern == 3 && v > 0 && i % 2 == 0) ||
                                 (pattern == 4 && (v == 1 || (i > 60 && v == 0)));
            if (is_lost) {
                s->y[i + v * N] = (double)NAN;
            }
        }
        s->kept[i] = pattern == 1 ? 2 : pattern == 3 ? 1 : pattern == 4 ? 1 : K;
        if (i > 60 && pattern == 4) {
            s->kept[i] = 0;
        }
    }
    s->data = (qst_reference_data){.outcomes = {s->y, N, K, N},
        .covariates = {s->x, N, Q, N},
        .arm = s->arm,
        .n_arms = ARMS,
        .reference = 1,
        .kept = s->kept,
        .by_arm = by_arm};
    s->settings = (qst_reference_settings){
        .method = method, .iterations = 20, .first = 0, .n_imputations = M, .seed = 77};
}

typedef struct {
    double imputed[N * K * M], b[M * ARMS * P_ALL * K], covariance[M * ARMS * K * K];
} drawn;

static void impute(const sample *s, drawn *out, int n_threads)
{
    test_memory memory = {0};
    const qst_ctx ctx = test_ctx(&memory, n_threads);
    const qst_reference_result result = {out->imputed, out->b, out->covariance};
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_reference_impute(&ctx, &s->settings, &s->data, &result, &err), QST_OK, &err);
    assert_int_equal(memory.n_live, 0);
}

/* ---- A slow version: conditional normal distributions by Gauss-Jordan ---- */

/* In place, n x n of leading dimension K. */
static void invert(double *a, int n)
{
    for (int j = 0; j < n; j++) {
        const double pivot = a[j + j * K];
        a[j + j * K] = 1.0;
        for (int c = 0; c < n; c++) {
            a[j + c * K] /= pivot;
        }
        for (int r = 0; r < n; r++) {
            const double factor = a[r + j * K];
            if (r != j) {
                a[r + j * K] = 0.0;
                for (int c = 0; c < n; c++) {
                    a[r + c * K] -= factor * a[j + c * K];
                }
            }
        }
    }
}

static int other_than(const int *given, int n_given, int limit, const int *skip, int *out)
{
    int n_out = 0;
    for (int v = 0; v < limit; v++) {
        bool is_other = skip[v] == 0;
        for (int g = 0; g < n_given; g++) {
            is_other = is_other && given[g] != v;
        }
        if (is_other) {
            out[n_out++] = v;
        }
    }
    return n_out;
}

/* y[free] drawn one by one: each is normal given all of `given` and those drawn before it. */
static void draw_slowly(const double *sigma, const double *mean, int *given, int n_given,
    const int *free_visits, int n_free, qst_rng *rng, double *y)
{
    for (int f = 0; f < n_free; f++) {
        const int v = free_visits[f];
        double among[K * K];
        for (int a = 0; a < n_given; a++) {
            for (int b = 0; b < n_given; b++) {
                among[a + b * K] = sigma[given[a] + given[b] * K];
            }
        }
        invert(among, n_given);
        double centre = mean[v], variance = sigma[v + v * K];
        for (int a = 0; a < n_given; a++) {
            double weight = 0.0;
            for (int b = 0; b < n_given; b++) {
                weight += among[a + b * K] * sigma[given[b] + v * K];
            }
            centre += weight * (y[given[a]] - mean[given[a]]);
            variance -= weight * sigma[given[a] + v * K];
        }
        y[v] = centre + sqrt(variance) * qst_rng_normal(rng);
        given[n_given++] = v;
    }
}

static void means_slowly(const sample *s, const double *b_all, int32_t arm, int i, double *mean)
{
    const int p = s->data.by_arm ? P_ARM : P_ALL;
    const double *b = b_all + (s->data.by_arm ? (arm - 1) * p * K : 0);
    const int n_first = p - Q;
    for (int v = 0; v < K; v++) {
        mean[v] = b[(s->data.by_arm ? 0 : arm - 1) + v * p];
        for (int j = 0; j < Q; j++) {
            mean[v] += s->x[i + j * N] * b[n_first + j + v * p];
        }
    }
}

static void complete_slowly(const sample *s, const double *b, const double *sigma_all,
    uint32_t imputation, int i, double *y)
{
    const qst_reference_method method = s->settings.method;
    const bool is_plain = method == QST_REFERENCE_MAR || s->arm[i] == s->data.reference;
    const int kept = is_plain ? K : s->kept[i];
    const double *own = sigma_all + (s->data.by_arm ? (s->arm[i] - 1) * K * K : 0);
    const double *of_reference = sigma_all + (s->data.by_arm ? (s->data.reference - 1) * K * K : 0);
    double mean[K], reference[K], centre[K];
    means_slowly(s, b, s->arm[i], i, mean);
    means_slowly(s, b, s->data.reference, i, reference);
    int given[K + 1], free_visits[K], n_given = 0, seen[K];
    for (int v = 0; v < K; v++) {
        y[v] = s->y[i + v * N];
        seen[v] = !isnan(y[v]);
    }
    for (int v = 0; v < kept; v++) {
        if (seen[v]) {
            given[n_given++] = v;
        }
    }
    qst_rng rng;
    const qst_rng_address address = {.purpose = 48, .replicate = imputation, .row = (uint32_t)i};
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_rng_init(&rng, s->settings.seed, &address, &err), QST_OK, &err);
    int n_free = other_than(given, n_given, kept, seen, free_visits);
    draw_slowly(own, mean, given, n_given, free_visits, n_free, &rng, y);
    for (int v = 0; v < K; v++) {
        const bool is_after = v >= kept;
        centre[v] = is_after ? reference[v] : mean[v];
        if (method == QST_REFERENCE_COPY) {
            centre[v] = reference[v];
        }
        if (method == QST_REFERENCE_INCREMENTS && is_after && kept > 0) {
            centre[v] = mean[kept - 1] + (reference[v] - reference[kept - 1]);
        }
    }
    n_given = 0;
    for (int v = 0; v < K; v++) {
        if (v < kept || seen[v]) {
            given[n_given++] = v;
        }
    }
    n_free = other_than(given, n_given, K, seen, free_visits);
    draw_slowly(of_reference, centre, given, n_given, free_visits, n_free, &rng, y);
}

static void assert_as_slowly(bool by_arm, qst_reference_method method)
{
    static sample s;
    static drawn out;
    fill(&s, by_arm, method);
    impute(&s, &out, 1);
    const int models = by_arm ? ARMS : 1, p = by_arm ? P_ARM : P_ALL;
    int n_missing = 0;
    for (int at = 0; at < N * K; at++) {
        n_missing += isnan(s.y[at]);
    }
    for (int k = 0; k < M; k++) {
        const double *imputed = out.imputed + k * n_missing;
        for (int v = 0; v < K; v++) {
            for (int i = 0; i < N; i++) {
                if (isnan(s.y[i + v * N])) {
                    double y[K];
                    complete_slowly(&s, out.b + k * models * p * K,
                        out.covariance + k * models * K * K, (uint32_t)k, i, y);
                    assert_close(*imputed++, y[v], 1e-11, 0);
                }
            }
        }
    }
}

static void values_are_those_of_a_slow_version(void **state)
{
    (void)state;
    for (int method = 0; method < QST_N_REFERENCE; method++) {
        assert_as_slowly(false, (qst_reference_method)method);
        assert_as_slowly(true, (qst_reference_method)method);
    }
}

/* ---- The parameters' posterior ---- */

enum { N_DRAWS = 4000 };

static void mean_and_variance(const double *x, int n, int step, double *mean, double *variance)
{
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < n; i++) {
        sum += x[i * step];
    }
    *mean = sum / n;
    for (int i = 0; i < n; i++) {
        squares += (x[i * step] - *mean) * (x[i * step] - *mean);
    }
    *variance = squares / (n - 1);
}

/* Whole outcomes of one arm at two visits: means are t about the observed ones with variance
 * S / (n (n - 1 - k - 1)), and Sigma has mean S / (n - 1 - k - 1). */
static void whole_data_have_the_known_posterior(void **state)
{
    (void)state;
    enum { n = 12, k = 2 };
    double y[n * k], s[k * k] = {0}, mean[k];
    int32_t arm[n], kept[n];
    uint64_t stream = 3;
    for (int i = 0; i < n; i++) {
        y[i] = 10 * test_uniform(&stream);
        y[i + n] = y[i] + 5 * test_uniform(&stream) + 1e6;
        arm[i] = 1;
        kept[i] = k;
    }
    for (int v = 0; v < k; v++) {
        double variance;
        mean_and_variance(y + v * n, n, 1, &mean[v], &variance);
    }
    for (int u = 0; u < k; u++) {
        for (int v = 0; v < k; v++) {
            for (int i = 0; i < n; i++) {
                s[u + v * k] += (y[i + u * n] - mean[u]) * (y[i + v * n] - mean[v]);
            }
        }
    }
    const qst_reference_data data = {.outcomes = {y, n, k, n},
        .covariates = {y, n, 0, n},
        .arm = arm,
        .n_arms = 1,
        .reference = 1,
        .kept = kept};
    const qst_reference_settings settings = {.iterations = 3, .n_imputations = N_DRAWS, .seed = 8};
    static double b[N_DRAWS * k], covariance[N_DRAWS * k * k];
    const qst_reference_result result = {.coefficients = b, .covariance = covariance};
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_reference_impute(NULL, &settings, &data, &result, &err), QST_OK, &err);
    for (int v = 0; v < k; v++) {
        double m, variance;
        mean_and_variance(b + v, N_DRAWS, k, &m, &variance);
        const double want = s[v + v * k] / (n - k - 2) / n;
        assert_close(m, mean[v], 0, 4 * sqrt(want / N_DRAWS));
        assert_close(variance, want, 0.15, 0); /* t on 9 df: 4 times sqrt(2.2 + 2) / sqrt(4000) */
    }
    for (int c = 0; c < k * k; c++) {
        double m, variance;
        mean_and_variance(covariance + c, N_DRAWS, k * k, &m, &variance);
        assert_close(m, s[c] / (n - k - 2), 0, 4 * sqrt(variance / N_DRAWS));
    }
}

/* Half have no second visit: the posterior mean of its mean is that of the factored likelihood
 * (Anderson 1957), mean_2 + slope (mean_1 of all - mean_1 of the whole). */
static void a_lost_visit_is_borrowed_from_the_first(void **state)
{
    (void)state;
    enum { n = 60, k = 2 };
    double y[n * k];
    int32_t arm[n], kept[n];
    uint64_t stream = 9;
    double sum_1 = 0, sum_whole = 0, sum_2 = 0, s_11 = 0, s_12 = 0;
    for (int i = 0; i < n; i++) {
        y[i] = 10 * test_uniform(&stream) + (i < n / 2 ? 4 : 0);
        y[i + n] = i < n / 2 ? 0.8 * y[i] + 3 * test_uniform(&stream) : (double)NAN;
        arm[i] = 1;
        kept[i] = k;
        sum_1 += y[i] / n;
        sum_whole += i < n / 2 ? y[i] / (n / 2) : 0;
        sum_2 += i < n / 2 ? y[i + n] / (n / 2) : 0;
    }
    for (int i = 0; i < n / 2; i++) {
        s_11 += (y[i] - sum_whole) * (y[i] - sum_whole);
        s_12 += (y[i] - sum_whole) * (y[i + n] - sum_2);
    }
    const qst_reference_data data = {.outcomes = {y, n, k, n},
        .covariates = {y, n, 0, n},
        .arm = arm,
        .n_arms = 1,
        .reference = 1,
        .kept = kept};
    const qst_reference_settings settings = {.iterations = 60, .n_imputations = N_DRAWS, .seed = 8};
    static double imputed[N_DRAWS * n], b[N_DRAWS * k], covariance[N_DRAWS * k * k];
    const qst_reference_result result = {imputed, b, covariance};
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_reference_impute(NULL, &settings, &data, &result, &err), QST_OK, &err);
    double m, variance;
    mean_and_variance(b + 1, N_DRAWS, k, &m, &variance);
    assert_close(m, sum_2 + s_12 / s_11 * (sum_1 - sum_whole), 0, 4 * sqrt(variance / N_DRAWS));
}

/* ---- Habits ---- */

static void threads_change_nothing(void **state)
{
    (void)state;
    static sample s;
    static drawn one, two, seven;
    fill(&s, true, QST_REFERENCE_INCREMENTS);
    impute(&s, &one, 1);
    impute(&s, &two, 2);
    impute(&s, &seven, 7);
    assert_memory_equal(&one, &two, sizeof one);
    assert_memory_equal(&one, &seven, sizeof one);
}

static void an_imputation_does_not_depend_on_others(void **state)
{
    (void)state;
    static sample s;
    static drawn all, last;
    fill(&s, false, QST_REFERENCE_JUMP);
    impute(&s, &all, 1);
    s.settings.first = M - 2;
    s.settings.n_imputations = 2;
    impute(&s, &last, 1);
    int n_missing = 0;
    for (int at = 0; at < N * K; at++) {
        n_missing += isnan(s.y[at]);
    }
    assert_memory_equal(
        last.imputed, all.imputed + (M - 2) * n_missing, sizeof(double) * 2 * (size_t)n_missing);
}

static void nothing_missing_is_no_fault(void **state)
{
    (void)state;
    static sample s;
    static drawn out;
    fill(&s, false, QST_REFERENCE_JUMP);
    for (int at = 0; at < N * K; at++) {
        s.y[at] = isnan(s.y[at]) ? 110 + at % 7 : s.y[at];
    }
    out.imputed[0] = -7;
    impute(&s, &out, 1);
    assert_close(out.imputed[0], -7, 0, 0);
}

static void assert_refused(const sample *s, qst_status want, const char *text)
{
    static drawn out;
    const qst_reference_result result = {out.imputed, NULL, NULL};
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_reference_impute(NULL, &s->settings, &s->data, &result, &err), want, &err);
    assert_text(&err, text);
    assert_int_equal(qst_reference_impute(NULL, &s->settings, &s->data, &result, NULL), want);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    static sample s;
    fill(&s, false, QST_REFERENCE_JUMP);
    s.settings.iterations = 0;
    assert_refused(&s, QST_EARGUMENT, "0 iterations");
    fill(&s, false, QST_N_REFERENCE);
    assert_refused(&s, QST_EARGUMENT, "method 4");
    fill(&s, false, QST_REFERENCE_JUMP);
    s.data.reference = 4;
    assert_refused(&s, QST_EARGUMENT, "the reference is arm 4 of 3");
    fill(&s, false, QST_REFERENCE_JUMP);
    s.arm[5] = QST_NA_INT;
    assert_refused(&s, QST_EARGUMENT, "of row 6 is not one of 3");
    fill(&s, false, QST_REFERENCE_JUMP);
    s.kept[8] = 4;
    assert_refused(&s, QST_ERANGE, "row 9 keeps 4 visits of 3");
    fill(&s, false, QST_REFERENCE_JUMP);
    s.data.covariates.n_rows = 3;
    assert_refused(&s, QST_EDIMENSION, "3 rows of covariates");
    fill(&s, false, QST_REFERENCE_JUMP);
    s.settings.first = 4090;
    assert_refused(&s, QST_ERANGE, "replicate 4096");
}

static void bad_values_are_refused(void **state)
{
    (void)state;
    static sample s;
    fill(&s, false, QST_REFERENCE_JUMP);
    s.y[3] = (double)INFINITY;
    assert_refused(&s, QST_ERANGE, "outcome 1 of row 4");
    fill(&s, false, QST_REFERENCE_JUMP);
    s.x[N + 2] = (double)NAN;
    assert_refused(&s, QST_ERANGE, "covariate 2 of row 3");
}

static void too_little_is_refused(void **state)
{
    (void)state;
    static sample s;
    fill(&s, false, QST_REFERENCE_MAR);
    for (int i = 0; i < N; i++) {
        s.y[i + (i % 2) * N] = (double)NAN;
    }
    assert_refused(&s, QST_ENODATA, "visits 1 and 2 have 0 rows");
    fill(&s, false, QST_REFERENCE_MAR);
    for (int i = 0; i < N; i++) {
        s.y[i + N] = s.arm[i] == 2 ? (double)NAN : s.y[i + N];
    }
    assert_refused(&s, QST_ESINGULAR, "visit 2 do not tell arms");
    fill(&s, false, QST_REFERENCE_MAR);
    for (int i = 0; i < N; i++) {
        s.y[i + 2 * N] = s.y[i] + s.y[i + N];
    }
    assert_refused(&s, QST_ESINGULAR, "linear functions");
    fill(&s, false, QST_REFERENCE_MAR);
    s.data.outcomes.n_rows = s.data.covariates.n_rows = 0;
    assert_refused(&s, QST_ENODATA, "0 rows");
}

static qst_status entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    const sample *s = data;
    drawn *out = malloc(sizeof *out);
    assert_non_null(out);
    const qst_reference_result result = {out->imputed, out->b, out->covariance};
    const qst_status status = qst_reference_impute(ctx, &s->settings, &s->data, &result, err);
    free(out);
    return status;
}

static void no_memory_is_survived(void **state)
{
    (void)state;
    static sample s;
    fill(&s, true, QST_REFERENCE_COPY);
    assert_true(assert_survives_no_memory(entry, &s) >= 6);
}

static void it_can_be_stopped(void **state)
{
    (void)state;
    static sample s;
    fill(&s, true, QST_REFERENCE_COPY);
    s.settings.iterations = 20000;
    assert_cancels(entry, &s, 1);
    assert_cancels(entry, &s, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_a_slow_version),
        cmocka_unit_test(whole_data_have_the_known_posterior),
        cmocka_unit_test(a_lost_visit_is_borrowed_from_the_first),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(an_imputation_does_not_depend_on_others),
        cmocka_unit_test(nothing_missing_is_no_fault),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(bad_values_are_refused),
        cmocka_unit_test(too_little_is_refused),
        cmocka_unit_test(no_memory_is_survived),
        cmocka_unit_test(it_can_be_stopped),
    };
    return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
