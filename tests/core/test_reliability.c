/* Coefficients against their definitions, written out from the whole covariance matrix. */
#include "qst_test.h"

#include <math.h>
#include <stdlib.h>

/* Covariances of a one-factor model: s_i s_j l_i l_j, and s_i^2 on the diagonal. */
static void one_factor(int k, const double *s, const double *l, double *cov_out)
{
    for (int j = 0; j < k; j++) {
        for (int i = 0; i < k; i++) {
            cov_out[i + j * k] = s[i] * s[j] * (i == j ? 1 : l[i] * l[j]);
        }
    }
}

/* Sum of cov over the rows and columns where a and b are 1. */
static double part(int k, const double *cov, const int *a, const int *b)
{
    double sum = 0;
    for (int j = 0; j < k; j++) {
        for (int i = 0; i < k; i++) {
            sum += a[i] && b[j] ? cov[i + j * k] : 0;
        }
    }
    return sum;
}

static double slow_alpha(int k, const double *cov, const int *in)
{
    double variances = 0;
    int n = 0;
    for (int i = 0; i < k; i++) {
        variances += in[i] ? cov[i + i * k] : 0;
        n += in[i];
    }
    return n / (n - 1.0) * (1 - variances / part(k, cov, in, in));
}

static const double s5[] = {1, 2, 0.5, 1.5, 3};
static const double l5[] = {0.3, 0.5, 0.7, 0.6, 0.9};

static void test_alpha_and_items(void **state)
{
    (void)state;
    double cov[25], item_rest[5], dropped[5];
    one_factor(5, s5, l5, cov);
    cov[1] = cov[5] = -0.2; /* no exact factor model any more */
    qst_reliability r;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_reliability_fit(NULL, cov, 5, &r, item_rest, dropped, &err), QST_OK, &err);
    const int all[] = {1, 1, 1, 1, 1};
    assert_close(r.alpha, slow_alpha(5, cov, all), 1e-14, 0);
    assert_close(r.total_variance, part(5, cov, all, all), 1e-14, 0);
    for (int i = 0; i < 5; i++) {
        int rest[] = {1, 1, 1, 1, 1};
        int one[] = {0, 0, 0, 0, 0};
        rest[i] = 0;
        one[i] = 1;
        const double together = part(5, cov, one, rest);
        const double scale = sqrt(cov[i + i * 5] * part(5, cov, rest, rest));
        assert_close(item_rest[i], together / scale, 1e-13, 0);
        assert_close(dropped[i], slow_alpha(5, cov, rest), 1e-13, 0);
    }
    const int odd[] = {1, 0, 1, 0, 1};
    const int even[] = {0, 1, 0, 1, 0};
    const double between = part(5, cov, odd, even);
    const double half = between / sqrt(part(5, cov, odd, odd) * part(5, cov, even, even));
    assert_close(r.half_correlation, half, 1e-14, 0);
    assert_close(r.spearman_brown, 2 * half / (1 + half), 1e-14, 0);
    assert_close(r.guttman, 4 * between / r.total_variance, 1e-14, 0);
}

static void test_standardised_alpha(void **state)
{
    (void)state;
    double cov[25], item_rest[5], dropped[5];
    one_factor(5, s5, l5, cov);
    double mean_r = 0;
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < i; j++) {
            mean_r += l5[i] * l5[j] / 10;
        }
    }
    qst_reliability r;
    assert_int_equal(qst_reliability_fit(NULL, cov, 5, &r, item_rest, dropped, NULL), QST_OK);
    assert_close(r.alpha_standardised, 5 * mean_r / (1 + 4 * mean_r), 1e-14, 0);
}

/* Covariances that follow a one-factor model give it back. */
static void test_omega_of_exact_model(void **state)
{
    (void)state;
    double cov[25], item_rest[5], dropped[5];
    one_factor(5, s5, l5, cov);
    double common = 0, unique = 0, common_1 = 0, unique_1 = 0;
    for (int i = 0; i < 5; i++) {
        common += s5[i] * l5[i];
        unique += s5[i] * s5[i] * (1 - l5[i] * l5[i]);
        common_1 += l5[i];
        unique_1 += 1 - l5[i] * l5[i];
    }
    qst_reliability r;
    assert_int_equal(qst_reliability_fit(NULL, cov, 5, &r, item_rest, dropped, NULL), QST_OK);
    assert_true(r.omega_converged);
    assert_true(r.heywood == -1);
    assert_close(r.omega, common * common / (common * common + unique), 1e-10, 0);
    assert_close(
        r.omega_standardised, common_1 * common_1 / (common_1 * common_1 + unique_1), 1e-10, 0);
}

/* Equal loadings and variances: alpha = omega = Spearman-Brown of the whole. */
static void test_parallel_items(void **state)
{
    (void)state;
    enum { k = 6 };
    double s[k], l[k], cov[k * k], item_rest[k], dropped[k];
    for (int i = 0; i < k; i++) {
        s[i] = 1.7;
        l[i] = sqrt(0.4);
    }
    one_factor(k, s, l, cov);
    qst_reliability r;
    assert_int_equal(qst_reliability_fit(NULL, cov, k, &r, item_rest, dropped, NULL), QST_OK);
    const double want = k * 0.4 / (1 + (k - 1) * 0.4);
    assert_close(r.alpha, want, 1e-14, 0);
    assert_close(r.alpha_standardised, want, 1e-14, 0);
    assert_close(r.omega, want, 1e-10, 0);
    assert_close(r.spearman_brown, want, 1e-14, 0);
    assert_close(r.guttman, want, 1e-14, 0);
}

static void test_two_items(void **state)
{
    (void)state;
    const double cov[] = {1, 0.5, 0.5, 1};
    double item_rest[2], dropped[2];
    qst_reliability r;
    assert_int_equal(qst_reliability_fit(NULL, cov, 2, &r, item_rest, dropped, NULL), QST_OK);
    assert_close(r.alpha, 2.0 / 3.0, 1e-15, 0);
    assert_close(item_rest[0], 0.5, 1e-15, 0);
    assert_true(isnan(dropped[0]) && isnan(dropped[1]) && isnan(r.omega));
}

static void test_sum_that_does_not_vary(void **state)
{
    (void)state;
    const double cov[] = {2, -2, -2, 2};
    double item_rest[2], dropped[2];
    qst_reliability r;
    assert_int_equal(qst_reliability_fit(NULL, cov, 2, &r, item_rest, dropped, NULL), QST_OK);
    assert_true(isnan(r.alpha) && isnan(r.guttman) && isnan(r.spearman_brown));
    assert_close(r.half_correlation, -1, 1e-15, 0);
    assert_close(item_rest[0], -1, 1e-15, 0);
}

static void test_negative(void **state)
{
    (void)state;
    const double cov[] = {1, -0.3, -0.3, -0.3, 1, -0.3, -0.3, -0.3, 1};
    double item_rest[3], dropped[3];
    qst_reliability r;
    assert_int_equal(qst_reliability_fit(NULL, cov, 3, &r, item_rest, dropped, NULL), QST_OK);
    assert_close(r.alpha, 1.5 * (1 - 3 / 1.2), 1e-13, 0);
    assert_true(item_rest[0] < 0);
}

/* An item that is the factor itself: its uniqueness goes to the bound. */
static void test_heywood(void **state)
{
    (void)state;
    const double s[] = {1, 1, 1, 1};
    const double l[] = {0.5, 0.5, 1.05, 0.5};
    double cov[16], item_rest[4], dropped[4];
    one_factor(4, s, l, cov);
    qst_reliability r;
    assert_int_equal(qst_reliability_fit(NULL, cov, 4, &r, item_rest, dropped, NULL), QST_OK);
    assert_int_equal(r.heywood, 2);
}

static void refused(const double *cov, ptrdiff_t k, qst_status want, const char *text)
{
    double item_rest[3], dropped[3];
    qst_reliability r;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_reliability_fit(NULL, cov, k, &r, item_rest, dropped, &err), want, &err);
    assert_text(&err, text);
}

static void test_refusals(void **state)
{
    (void)state;
    const double zero[] = {1, 0, 0, 0};
    const double nan[] = {1, (double)NAN, (double)NAN, 1};
    refused(zero, 1, QST_EDIMENSION, "2 items");
    refused(zero, 2, QST_EARGUMENT, "variance");
    refused(nan, 2, QST_EARGUMENT, "finite");
}

static qst_status run(const qst_ctx *ctx, void *data, qst_err *err)
{
    const int k = *(const int *)data;
    double *cov = malloc(sizeof *cov * (size_t)(k * k + 2 * k));
    for (int j = 0; j < k; j++) {
        for (int i = 0; i < k; i++) {
            /* Nearly unrelated items of two factors: many iterations. */
            cov[i + j * k] = i == j ? 1 : i % 2 == j % 2 ? 0.02 : -0.01999;
        }
    }
    qst_reliability r;
    const qst_status status =
        qst_reliability_fit(ctx, cov, k, &r, cov + k * k, cov + k * k + k, err);
    free(cov);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    int k = 6;
    assert_int_equal(assert_survives_no_memory(run, &k), 2);
}

static void test_cancel(void **state)
{
    (void)state;
    int k = 400;
    assert_cancels(run, &k, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alpha_and_items),
        cmocka_unit_test(test_standardised_alpha),
        cmocka_unit_test(test_omega_of_exact_model),
        cmocka_unit_test(test_parallel_items),
        cmocka_unit_test(test_two_items),
        cmocka_unit_test(test_sum_that_does_not_vary),
        cmocka_unit_test(test_negative),
        cmocka_unit_test(test_heywood),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
