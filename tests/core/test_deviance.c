/* Deviances against their formulas written out. */
#include "qst_test.h"

#include <math.h>
#include <stdlib.h>

#define N 50000

static qst_glm_settings poisson(void)
{
    qst_glm_settings settings;
    qst_glm_settings_default(&settings);
    settings.family = QST_FAMILY_POISSON;
    settings.link = QST_LINK_LOG;
    return settings;
}

static double unit_deviance(double y, double mu)
{
    return 2.0 * ((y > 0.0 ? y * log(y / mu) : 0.0) - (y - mu));
}

/* Counts, means and weights, N each. */
static double *make_rows(void)
{
    double *rows = malloc(3 * N * sizeof *rows);
    uint64_t stream = 7;
    for (int i = 0; i < N; i++) {
        rows[i] = floor(5 * test_uniform(&stream));
        rows[N + i] = 0.5 + 4 * test_uniform(&stream);
        rows[2 * N + i] = i % 10 == 0 ? 0.0 : test_uniform(&stream);
    }
    return rows;
}

static void test_by_hand(void **state)
{
    (void)state;
    double *y = make_rows(), *mu = y + N, *weights = mu + N;
    const qst_glm_settings settings = poisson();
    double want[4] = {0}, sum = 0, sum_weighted = 0, total = 0;
    for (int i = 0; i < N; i++) {
        sum += y[i];
        sum_weighted += weights[i] * y[i];
        total += weights[i];
    }
    for (int i = 0; i < N; i++) {
        want[0] += unit_deviance(y[i], mu[i]);
        want[1] += weights[i] * unit_deviance(y[i], mu[i]);
        want[2] += unit_deviance(y[i], sum / N);
        want[3] += weights[i] * unit_deviance(y[i], sum_weighted / total);
    }
    for (int k = 0; k < 4; k++) {
        double first = 0;
        for (int n_threads = 1; n_threads <= 7; n_threads += 3) {
            test_memory memory = {0};
            const qst_ctx ctx = test_ctx(&memory, n_threads);
            double got = 0;
            assert_status(qst_glm_deviance(&ctx, &settings, y, k % 2 == 1 ? weights : NULL,
                              k < 2 ? mu : NULL, N, &got, NULL),
                QST_OK, NULL);
            assert_close(got, want[k], 1e-11, 0);
            first = n_threads == 1 ? got : first;
            assert_true(got == first);
        }
    }
    free(y);
}

static void test_ends(void **state)
{
    (void)state;
    const qst_glm_settings settings = poisson();
    double y[2] = {1, (double)NAN}, got = 1;
    assert_status(qst_glm_deviance(NULL, &settings, y, NULL, NULL, 0, &got, NULL), QST_OK, NULL);
    assert_close(got, 0, 0, 0);
    assert_status(qst_glm_deviance(NULL, &settings, y, NULL, NULL, 1, &got, NULL), QST_OK, NULL);
    assert_close(got, 0, 0, 0);
    assert_status(qst_glm_deviance(NULL, &settings, y, NULL, NULL, 2, &got, NULL), QST_OK, NULL);
    assert_true(isnan(got));
}

static qst_status run(const qst_ctx *ctx, void *data, qst_err *err)
{
    const qst_glm_settings settings = poisson();
    double got = 0;
    return qst_glm_deviance(ctx, &settings, data, NULL, NULL, N, &got, err);
}

static void test_no_memory_and_cancel(void **state)
{
    (void)state;
    double *rows = make_rows();
    assert_true(assert_survives_no_memory(run, rows) >= 1);
    assert_cancels(run, rows, 1);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_no_memory_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
