#include "qst_test.h"

#include <math.h>

/* Synthetic: 3 of 10 and 5 of 12, 8 of 40 and 12 of 38, 0 of 20 and 2 of 22. */
static const double events1[] = {3, 8, 0}, n1[] = {10, 40, 20};
static const double events2[] = {5, 12, 2}, n2[] = {12, 38, 22};
static const qst_meta_tables three = {3, events1, n1, events2, n2};

static qst_meta_pooled pool(
    const qst_meta_tables *tables, qst_meta_table_method method, double *weight)
{
    qst_meta_pooled pooled;
    assert_status(qst_meta_pool_tables(tables, method, weight, &pooled, NULL), QST_OK, NULL);
    return pooled;
}

static void test_odds_by_hand(void **state)
{
    (void)state;
    double weight[3];
    const qst_meta_pooled got = pool(&three, QST_META_MH_OR, weight);
    const double r1 = 3 * 7.0 / 22, r2 = 8 * 26.0 / 78, s1 = 7 * 5.0 / 22, s2 = 32 * 12.0 / 78;
    const double s3 = 20 * 2.0 / 42, r = r1 + r2, s = s1 + s2 + s3;
    const double p1 = 10.0 / 22, p2 = 34.0 / 78, p3 = 20.0 / 42;
    assert_close(got.estimate, log(r / s), 1e-14, 0);
    const double pr = p1 * r1 + p2 * r2;
    const double cross = p1 * s1 + p2 * s2 + p3 * s3 + (1 - p1) * r1 + (1 - p2) * r2;
    const double qs = (1 - p1) * s1 + (1 - p2) * s2 + (1 - p3) * s3;
    assert_close(got.variance, (pr / r / r + cross / r / s + qs / s / s) / 2, 1e-14, 0);
    assert_close(weight[0], s1, 1e-15, 0);
    assert_close(weight[2], s3, 1e-15, 0);
}

/* One table: the pool is its own ratio, and the variance the usual one. */
static void test_one_table(void **state)
{
    (void)state;
    const qst_meta_tables one = {1, events1, n1, events2, n2};
    double weight;
    qst_meta_pooled got = pool(&one, QST_META_MH_OR, &weight);
    assert_close(got.estimate, log(3 * 7.0 / (7 * 5.0)), 1e-14, 0);
    assert_close(got.variance, 1 / 3.0 + 1 / 7.0 + 1 / 5.0 + 1 / 7.0, 1e-14, 0);
    got = pool(&one, QST_META_MH_RR, &weight);
    assert_close(got.estimate, log(0.3 * 12 / 5), 1e-14, 0);
    assert_close(got.variance, 1 / 3.0 - 1 / 10.0 + 1 / 5.0 - 1 / 12.0, 1e-14, 0);
    got = pool(&one, QST_META_MH_RD_GR, &weight);
    assert_close(got.estimate, 0.3 - 5 / 12.0, 1e-14, 0);
    assert_close(got.variance, 0.3 * 0.7 / 10 + 5 * 7.0 / 12 / 12 / 12, 1e-14, 0);
    assert_close(pool(&one, QST_META_MH_RD, &weight).estimate, 0.3 - 5 / 12.0, 1e-14, 0);
    got = pool(&one, QST_META_PETO, &weight);
    const double v = 10.0 * 12 * 8 * 14 / (22.0 * 22 * 21);
    assert_close(got.estimate, (3 - 8 * 10.0 / 22) / v, 1e-14, 0);
    assert_close(got.variance, 1 / v, 1e-14, 0);
    assert_close(got.q, 0, 0, 1e-15);
}

/* Sato's variance does not change when the arms change places; the difference does its sign. */
static void test_differences_turned_round(void **state)
{
    (void)state;
    const qst_meta_tables turned = {3, events2, n2, events1, n1};
    double weight[3];
    for (qst_meta_table_method m = QST_META_MH_RD; m <= QST_META_MH_RD_GR; m++) {
        const qst_meta_pooled there = pool(&three, m, weight), back = pool(&turned, m, weight);
        assert_close(back.estimate, -there.estimate, 1e-14, 0);
        assert_close(back.variance, there.variance, 1e-13, 0);
    }
}

static void test_peto_heterogeneity(void **state)
{
    (void)state;
    double weight[3], sum = 0;
    const qst_meta_pooled got = pool(&three, QST_META_PETO, weight);
    for (int i = 0; i < 3; i++) {
        const double expected = (events1[i] + events2[i]) * n1[i] / (n1[i] + n2[i]);
        const double each = (events1[i] - expected) / weight[i] - got.estimate;
        sum += weight[i] * each * each;
    }
    assert_close(got.q, sum, 1e-13, 0);
    assert_int_equal(got.n_informative, 3);
}

static void test_refusals(void **state)
{
    (void)state;
    const double none[] = {0, 0, 0}, many[] = {3, 41, 0}, unknown[] = {3, (double)NAN, 0};
    double weight[3];
    qst_meta_pooled pooled;
    for (qst_meta_table_method m = QST_META_MH_OR; m <= QST_META_PETO; m++) {
        qst_err err;
        qst_err_init(&err);
        const qst_meta_tables over = {3, many, n1, events2, n2};
        assert_status(qst_meta_pool_tables(&over, m, weight, &pooled, &err), QST_ERANGE, &err);
        assert_text(&err, "table 2 has 41 of 40");
        assert_int_equal(err.row, 1);
        const qst_meta_tables missing = {3, events1, n1, unknown, n2};
        assert_status(qst_meta_pool_tables(&missing, m, weight, &pooled, NULL), QST_ERANGE, NULL);
        const qst_meta_tables nobody = {0, none, n1, none, n2};
        assert_status(qst_meta_pool_tables(&nobody, m, weight, &pooled, NULL), QST_ENODATA, NULL);
    }
    qst_err err;
    qst_err_init(&err);
    const qst_meta_tables without = {3, none, n1, events2, n2};
    assert_status(
        qst_meta_pool_tables(&without, QST_META_MH_OR, weight, &pooled, &err), QST_ENODATA, &err);
    assert_text(&err, "nothing can be estimated");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odds_by_hand),
        cmocka_unit_test(test_one_table),
        cmocka_unit_test(test_differences_turned_round),
        cmocka_unit_test(test_peto_heterogeneity),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
