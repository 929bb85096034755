#include "gee_case.h"

/* A perfect fit has no correlation, and converges. */
static void test_perfect_fit(void **state)
{
    (void)state;
    sample s = means_of_pairs();
    point_at(&s);
    for (int i = 0; i < 6; i++) {
        s.y[i] = 4.0;
    }
    answer a;
    assert_fit(&s, &a);
    assert_close(a.info.phi, 0.0, 0, 1e-28);
    assert_close(a.correlation[0], 0.0, 0, 0);
    assert_close(a.covariance[QST_GEE_MD][0], 0.0, 0, 1e-28);
    free(a.eta);
    free_sample(&s);
}

/* The estimating equations hold, with R^-1 as the textbook has it. */
static void test_the_equations_hold(void **state)
{
    (void)state;
    sample s;
    make_sample(&s, 699, QST_CORSTR_EXCHANGEABLE);
    answer a;
    assert_fit(&s, &a);
    const double r = a.correlation[0];
    double *sums = calloc((size_t)s.n_clusters * 2, sizeof(double));
    double *counts = calloc((size_t)s.n_clusters, sizeof(double));
    for (int j = 0; j < P; j++) {
        double own = 0.0, scale = 0.0, shared = 0.0;
        memset(sums, 0, (size_t)s.n_clusters * 2 * sizeof *sums);
        memset(counts, 0, (size_t)s.n_clusters * sizeof *counts);
        for (ptrdiff_t i = 0; i < s.n; i++) {
            const double mu = 1.0 / (1.0 + exp(-a.eta[i]));
            const double root = sqrt(mu * (1.0 - mu) * s.weights[i]);
            const double d = root * s.x[i + j * s.n];
            const double e = s.weights[i] > 0.0 ? s.weights[i] * (s.y[i] - mu) / root : 0.0;
            own += d * e;
            scale += fabs(d * e);
            sums[2 * (s.cluster[i] - 1)] += d;
            sums[2 * (s.cluster[i] - 1) + 1] += e;
            counts[s.cluster[i] - 1] += s.weights[i] > 0.0;
        }
        for (ptrdiff_t k = 0; k < s.n_clusters; k++) {
            shared += r / (1.0 + (counts[k] - 1.0) * r) * sums[2 * k] * sums[2 * k + 1];
        }
        assert_close((own - shared) / scale, 0.0, 0, 1e-11);
    }
    free(sums);
    free(counts);
    free(a.eta);
    free_sample(&s);
}

static void test_bad_settings(void **state)
{
    (void)state;
    sample s = means_of_pairs();
    point_at(&s);
    qst_err err;
    qst_err_init(&err);
    answer a;
    init_answer(&a, s.n);
    a.settings.max_iterations = 1;
    assert_status(fit(NULL, &s, &a, &err), QST_EARGUMENT, &err);
    assert_text(&err, "too small");
    free(a.eta);
    free_sample(&s);
}

static void test_singular_columns(void **state)
{
    (void)state;
    sample s;
    make_sample(&s, 699, QST_CORSTR_INDEPENDENCE);
    memcpy(s.x + 2 * s.n, s.x + s.n, (size_t)s.n * sizeof *s.x);
    assert_refused(&s, QST_ESINGULAR, "no single solution", -1);
    free_sample(&s);
}

static qst_status entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    const sample *s = data;
    answer a;
    init_answer(&a, s->n);
    const qst_status status = fit(ctx, s, &a, err);
    free(a.eta);
    return status;
}

static void test_memory_and_cancelling(void **state)
{
    (void)state;
    for (int corstr = QST_CORSTR_INDEPENDENCE; corstr <= QST_CORSTR_UNSTRUCTURED; corstr++) {
        sample s;
        make_sample(&s, 699, (qst_corstr)corstr);
        assert_true(assert_survives_no_memory(entry, &s) > 10);
        assert_cancels(entry, &s, 1);
        free_sample(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_perfect_fit),
        cmocka_unit_test(test_the_equations_hold),
        cmocka_unit_test(test_bad_settings),
        cmocka_unit_test(test_singular_columns),
        cmocka_unit_test(test_memory_and_cancelling),
    };
    return cmocka_run_group_tests_name("gee", tests, NULL, NULL);
}
