#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Arms of the printed trial (Lemogne et al. 2020, Table 1): n, mean change, SD. */
static const qst_moments control = {117, -2.36, 116 * 11.41 * 11.41};
static const qst_moments balint = {125, 0.27, 124 * 8.00 * 8.00};
static const qst_moments narrative = {120, -0.57, 119 * 8.76 * 8.76};

static void test_moments_by_hand(void **state)
{
    (void)state;
    const double x[] = {1, 2, 4, 10, 20, (double)NAN, 7};
    const int32_t group[] = {1, 1, 1, 2, 2, 2, QST_NA_INT};
    qst_moments m[3];
    double shift;
    ptrdiff_t n_left_out;
    assert_status(
        qst_moments_by_group(NULL, x, group, 7, 3, m, &shift, &n_left_out, NULL), QST_OK, NULL);
    assert_int_equal(n_left_out, 2);
    assert_close(shift, 7.4, 1e-15, 0);
    assert_close(m[0].n, 3, 0, 0);
    assert_close(m[0].mean + shift, 7.0 / 3.0, 1e-15, 0);
    assert_close(m[0].ss, 14.0 / 3.0, 1e-15, 0);
    assert_close(m[1].mean + shift, 15.0, 1e-15, 0);
    assert_close(m[1].ss, 50.0, 1e-15, 0);
    assert_close(m[2].n, 0, 0, 0);
    assert_close(m[2].mean, (double)NAN, 0, 0);
}

/* NIST StRD SmLs: nine groups whose middle is 1.4, four times 1.3 and 1.5, and whose values are the
 * middle, then a tenth below and above it in turn; certified F 21, 201, 2001. The common part 1e12
 * leaves 4 digits of the values, and of F. */
static double smls_f(double common, int n_each)
{
    const ptrdiff_t n = 9 * n_each;
    double *x = malloc((size_t)n * sizeof *x);
    int32_t *group = malloc((size_t)n * sizeof *group);
    for (ptrdiff_t i = 0; i < n; i++) {
        const int g = (int)(i / n_each), k = (int)(i % n_each);
        const double middle = g == 0 ? 0.4 : g % 2 == 1 ? 0.3 : 0.5;
        group[i] = g + 1;
        x[i] = common + (middle + (k == 0 ? 0.0 : k % 2 == 1 ? -0.1 : 0.1));
    }
    qst_moments m[9];
    double shift;
    ptrdiff_t n_left_out;
    qst_test test;
    assert_status(
        qst_moments_by_group(NULL, x, group, n, 9, m, &shift, &n_left_out, NULL), QST_OK, NULL);
    assert_status(qst_test_anova(m, 9, &test, NULL), QST_OK, NULL);
    free(x);
    free(group);
    return test.statistic;
}

static void test_f_of_nist_smls(void **state)
{
    (void)state;
    const int n_each[] = {21, 201, 2001};
    for (int k = 0; k < 3; k++) {
        assert_close(smls_f(1.0, n_each[k]), n_each[k], 1e-13, 0);
        assert_close(smls_f(1e6, n_each[k]), n_each[k], 1e-9, 0);
        assert_close(smls_f(1e12, n_each[k]), n_each[k], 1e-3, 0);
    }
}

/* One huge value first must not take the digits of the others. */
static void test_moments_do_not_depend_on_the_first_value(void **state)
{
    (void)state;
    const double x[] = {1e12, 1, 2, 3, 4};
    const int32_t group[] = {1, 2, 2, 2, 2};
    qst_moments m[2];
    double shift;
    ptrdiff_t n_left_out;
    assert_status(
        qst_moments_by_group(NULL, x, group, 5, 2, m, &shift, &n_left_out, NULL), QST_OK, NULL);
    assert_close(m[1].ss, 5.0, 1e-6, 0);
}

static void test_two_means_as_printed(void **state)
{
    (void)state;
    qst_test t;
    assert_status(qst_test_student(&balint, &control, &t, NULL), QST_OK, NULL);
    assert_close(t.estimate, 2.63, 1e-15, 0);
    assert_close(t.statistic, 2.0868, 0, 5e-5);
    assert_close(t.df, 240, 0, 0);
    assert_close(t.df_residual, (double)NAN, 0, 0);
    assert_status(qst_test_welch(&balint, &control, &t, NULL), QST_OK, NULL);
    assert_close(t.statistic, 2.0633, 0, 5e-5);
    assert_close(t.df, 206.43, 0, 5e-3);
}

static void test_three_means_as_printed(void **state)
{
    (void)state;
    const qst_moments arms[] = {control, balint, narrative};
    qst_test f;
    assert_status(qst_test_anova(arms, 3, &f, NULL), QST_OK, NULL);
    assert_close(f.statistic, 2.4158, 0, 5e-5);
    assert_close(f.df, 2, 0, 0);
    assert_close(f.df_residual, 359, 0, 0);
    assert_status(qst_test_welch_anova(arms, 3, &f, NULL), QST_OK, NULL);
    assert_close(f.statistic, 2.1226, 0, 5e-5);
    assert_close(f.df_residual, 232.25, 0, 5e-3);
}

static void test_two_groups_give_f_as_t_squared(void **state)
{
    (void)state;
    const qst_moments arms[] = {control, balint};
    qst_test t, f;
    assert_status(qst_test_student(&balint, &control, &t, NULL), QST_OK, NULL);
    assert_status(qst_test_anova(arms, 2, &f, NULL), QST_OK, NULL);
    assert_close(f.statistic, t.statistic * t.statistic, 1e-14, 0);
    assert_status(qst_test_welch(&balint, &control, &t, NULL), QST_OK, NULL);
    assert_status(qst_test_welch_anova(arms, 2, &f, NULL), QST_OK, NULL);
    assert_close(f.statistic, t.statistic * t.statistic, 1e-13, 0);
    assert_close(f.df_residual, t.df, 1e-13, 0);
}

static void test_means_that_cannot_be_tested(void **state)
{
    (void)state;
    const qst_moments single = {1, 3, 0}, flat = {5, 3, 0}, empty = {0, (double)NAN, (double)NAN};
    qst_test t;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_test_student(&flat, &flat, &t, &err), QST_ESINGULAR, &err);
    assert_text(&err, "do not vary");
    qst_err_init(&err);
    assert_status(qst_test_student(&single, &single, &t, &err), QST_ENODATA, &err);
    qst_err_init(&err);
    assert_status(qst_test_welch(&control, &single, &t, &err), QST_ENODATA, &err);
    assert_int_equal(err.row, 1);
    const qst_moments arms[] = {control, flat, empty};
    qst_err_init(&err);
    assert_status(qst_test_anova(arms, 3, &t, &err), QST_ENODATA, &err);
    assert_int_equal(err.row, 2);
    qst_err_init(&err);
    assert_status(qst_test_welch_anova(arms, 2, &t, &err), QST_ESINGULAR, &err);
    assert_int_equal(err.row, 1);
    qst_err_init(&err);
    assert_status(qst_test_anova(arms, 1, &t, &err), QST_EDIMENSION, &err);
}

static void test_chi_squares_as_printed(void **state)
{
    (void)state;
    const double gender[] = {75, 42, 72, 53, 66, 54};
    const double specialty[] = {24, 82, 11, 15, 94, 16, 27, 79, 14};
    qst_test test;
    ptrdiff_t n_low;
    assert_status(
        qst_test_chisq((qst_cmat){gender, 2, 3, 2}, false, &test, &n_low, NULL), QST_OK, NULL);
    assert_close(test.statistic, 2.1479, 0, 5e-5);
    assert_close(test.df, 2, 0, 0);
    assert_int_equal(n_low, 0);
    assert_status(
        qst_test_chisq((qst_cmat){specialty, 3, 3, 3}, true, &test, &n_low, NULL), QST_OK, NULL);
    assert_close(test.statistic, 5.5958, 0, 5e-5);
    assert_close(test.df, 4, 0, 0);
    /* By hand: 2 x 2 of 3, 1, 1, 3, expectations 2: 4 times 1/2, with Yates 4 times 1/8. */
    const double small[] = {3, 1, 1, 3};
    assert_status(
        qst_test_chisq((qst_cmat){small, 2, 2, 2}, false, &test, &n_low, NULL), QST_OK, NULL);
    assert_close(test.statistic, 2.0, 1e-15, 0);
    assert_int_equal(n_low, 4);
    assert_status(
        qst_test_chisq((qst_cmat){small, 2, 2, 2}, true, &test, &n_low, NULL), QST_OK, NULL);
    assert_close(test.statistic, 0.5, 1e-15, 0);
}

static void test_bad_tables_are_named(void **state)
{
    (void)state;
    double counts[] = {1, 2, 3, 4};
    qst_cmat table = {counts, 2, 2, 2};
    qst_test test;
    ptrdiff_t n_low;
    qst_err err;
    const double bad[] = {-1.0, (double)NAN, (double)INFINITY};
    for (int k = 0; k < 3; k++) {
        counts[3] = bad[k];
        qst_err_init(&err);
        assert_status(qst_test_chisq(table, false, &test, &n_low, &err), QST_EARGUMENT, &err);
        assert_int_equal(err.row, 1);
        assert_int_equal(err.column, 1);
    }
    counts[3] = counts[2] = 0.0;
    qst_err_init(&err);
    assert_status(qst_test_chisq(table, false, &test, &n_low, &err), QST_ENODATA, &err);
    assert_int_equal(err.column, 1);
    table.n_cols = 1;
    qst_err_init(&err);
    assert_status(qst_test_chisq(table, false, &test, &n_low, &err), QST_EDIMENSION, &err);
}

/* 1, 2, 3 against 4, 5, 6: 2 of 20 allocations are as extreme. Over 20000 draws the share has a
 * standard error of 0.0021. */
static void test_bad_groups_are_named(void **state)
{
    (void)state;
    const double x[] = {1, (double)INFINITY};
    const int32_t group[] = {1, 1};
    qst_moments m[1];
    double shift;
    ptrdiff_t n_left_out;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_moments_by_group(NULL, x, group, 2, 1, m, &shift, &n_left_out, &err),
        QST_EARGUMENT, &err);
    assert_int_equal(err.row, 1);
    const int32_t outside[] = {2};
    qst_err_init(&err);
    assert_status(qst_moments_by_group(NULL, x, outside, 1, 1, m, &shift, &n_left_out, &err),
        QST_EARGUMENT, &err);
    assert_text(&err, "group 2");
    qst_err_init(&err);
    assert_status(qst_moments_by_group(NULL, x, group, 0, 1, m, &shift, &n_left_out, &err),
        QST_ENODATA, &err);
}

/* `data` says how many values. */
static qst_status entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    const ptrdiff_t n = *(const ptrdiff_t *)data;
    double *x = malloc((size_t)n * sizeof *x);
    int32_t *group = malloc((size_t)n * sizeof *group);
    uint64_t seed = 5;
    for (ptrdiff_t i = 0; i < n; i++) {
        group[i] = i % 3 == 0 ? 1 : 2;
        x[i] = test_normal(&seed);
    }
    qst_moments m[2];
    double shift;
    ptrdiff_t n_left_out;
    const qst_status status =
        qst_moments_by_group(ctx, x, group, n, 2, m, &shift, &n_left_out, err);
    free(x);
    free(group);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    ptrdiff_t n = 50;
    assert_int_equal(assert_survives_no_memory(entry, &n), 1);
}

static void test_it_can_be_stopped(void **state)
{
    (void)state;
    ptrdiff_t n = 4000000;
    assert_cancels(entry, &n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments_by_hand),
        cmocka_unit_test(test_f_of_nist_smls),
        cmocka_unit_test(test_moments_do_not_depend_on_the_first_value),
        cmocka_unit_test(test_two_means_as_printed),
        cmocka_unit_test(test_three_means_as_printed),
        cmocka_unit_test(test_two_groups_give_f_as_t_squared),
        cmocka_unit_test(test_means_that_cannot_be_tested),
        cmocka_unit_test(test_chi_squares_as_printed),
        cmocka_unit_test(test_bad_tables_are_named),
        cmocka_unit_test(test_bad_groups_are_named),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_it_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
