#include "qst_test.h"

#include <math.h>
#include <string.h>

/* ---- Rubin's rules ---- */

typedef struct {
    double estimate[2], within[4], between[4], total[4];
} pooled_2;

static qst_pooled room(pooled_2 *r)
{
    return (qst_pooled){
        r->estimate, {r->within, 2, 2, 2}, {r->between, 2, 2, 2}, {r->total, 2, 2, 2}};
}

/* Three imputations of two estimates, by hand: Q = (2, 5), B = (1, -1; -1, 4) of columns (1, 7),
 * (2, 3), (3, 5); U the mean of (1, .5; .5, 2), (2, 0; 0, 4), (3, 1; 1, 3). */
static const double estimates[] = {1, 7, 2, 3, 3, 5};
static const double covariances[] = {1, 0.5, 0.5, 2, 2, 0, 0, 4, 3, 1, 1, 3};

static void test_rules_by_hand(void **state)
{
    (void)state;
    pooled_2 r;
    const qst_pooled pooled = room(&r);
    assert_status(qst_pool(NULL, (qst_cmat){estimates, 2, 3, 2}, (qst_cmat){covariances, 4, 3, 4},
                      &pooled, NULL),
        QST_OK, NULL);
    const double within[] = {2, 0.5, 0.5, 3}, between[] = {1, -1, -1, 4};
    assert_close(r.estimate[0], 2, 0, 0);
    assert_close(r.estimate[1], 5, 0, 0);
    for (int k = 0; k < 4; k++) {
        assert_close(r.within[k], within[k], 1e-16, 0);
        assert_close(r.between[k], between[k], 1e-16, 0);
        assert_close(r.total[k], within[k] + 4.0 / 3.0 * between[k], 2e-16, 0);
    }
}

/* Equal estimates, whose sums round, have no variance between them: not one bit of it. */
static void test_equal_imputations_have_no_variance(void **state)
{
    (void)state;
    double q[2 * 7], u[4 * 7];
    for (int i = 0; i < 7; i++) {
        memcpy(q + 2 * i, (const double[]){0.1, 1e9 / 3.0}, 2 * sizeof *q);
        memcpy(u + 4 * i, (const double[]){0.1, 0.3, 0.3, 1e-9 / 7.0}, 4 * sizeof *u);
    }
    pooled_2 r;
    const qst_pooled pooled = room(&r);
    assert_status(qst_pool(NULL, (qst_cmat){q, 2, 7, 2}, (qst_cmat){u, 4, 7, 4}, &pooled, NULL),
        QST_OK, NULL);
    assert_memory_equal(r.estimate, q, sizeof r.estimate);
    assert_memory_equal(r.within, u, sizeof r.within);
    assert_memory_equal(r.total, u, sizeof r.total);
    for (int k = 0; k < 4; k++) {
        assert_close(r.between[k], 0, 0, 0);
    }
}

/* A large common part costs no digit: 1e15 + 0, 1, 2 have mean 1e15 + 1 and variance 1. */
static void test_large_common_part(void **state)
{
    (void)state;
    const double q[] = {1e15, 1e15 + 1, 1e15 + 2}, u[] = {1, 1, 1};
    double estimate, within, between, total;
    const qst_pooled pooled = {
        &estimate, {&within, 1, 1, 1}, {&between, 1, 1, 1}, {&total, 1, 1, 1}};
    assert_status(qst_pool(NULL, (qst_cmat){q, 1, 3, 1}, (qst_cmat){u, 1, 3, 1}, &pooled, NULL),
        QST_OK, NULL);
    assert_close(estimate, 1e15 + 1, 0, 0);
    assert_close(between, 1, 0, 0);
    assert_close(total, 1 + 4.0 / 3.0, 1e-16, 0);
}

static void test_one_imputation(void **state)
{
    (void)state;
    pooled_2 r;
    const qst_pooled pooled = room(&r);
    assert_status(qst_pool(NULL, (qst_cmat){estimates, 2, 1, 2}, (qst_cmat){covariances, 4, 1, 4},
                      &pooled, NULL),
        QST_OK, NULL);
    assert_memory_equal(r.estimate, estimates, sizeof r.estimate);
    assert_memory_equal(r.total, covariances, sizeof r.total);
}

static void test_no_estimates(void **state)
{
    (void)state;
    const qst_pooled pooled = {NULL, {NULL, 0, 0, 1}, {NULL, 0, 0, 1}, {NULL, 0, 0, 1}};
    assert_status(
        qst_pool(NULL, (qst_cmat){NULL, 0, 3, 1}, (qst_cmat){NULL, 0, 3, 1}, &pooled, NULL), QST_OK,
        NULL);
}

static void test_refusals(void **state)
{
    (void)state;
    pooled_2 r;
    const qst_pooled pooled = room(&r);
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_pool(NULL, (qst_cmat){estimates, 2, 0, 2}, (qst_cmat){covariances, 4, 0, 4},
                      &pooled, &err),
        QST_EDIMENSION, &err);
    assert_text(&err, "no imputation");
    qst_err_init(&err);
    assert_status(qst_pool(NULL, (qst_cmat){estimates, 2, 3, 2}, (qst_cmat){covariances, 4, 2, 4},
                      &pooled, &err),
        QST_EDIMENSION, &err);
    assert_text(&err, "2 estimates of 3 imputations");
    double bad[6];
    memcpy(bad, estimates, sizeof bad);
    bad[3] = (double)NAN;
    qst_err_init(&err);
    assert_status(
        qst_pool(NULL, (qst_cmat){bad, 2, 3, 2}, (qst_cmat){covariances, 4, 3, 4}, &pooled, &err),
        QST_ERANGE, &err);
    assert_text(&err, "the value of estimate 2 in imputation 2 is nan");
    assert_int_equal(err.row, 1);
    assert_int_equal(err.column, 1);
}

static qst_status run_pool(const qst_ctx *ctx, void *data, qst_err *err)
{
    (void)data;
    pooled_2 r;
    const qst_pooled pooled = room(&r);
    return qst_pool(
        ctx, (qst_cmat){estimates, 2, 3, 2}, (qst_cmat){covariances, 4, 3, 4}, &pooled, err);
}

/* ---- What missing values cost ---- */

/* U = 2, B = 1, m = 3, 20 df: added 4/3, lambda 0.4, r 2/3; old 2 / 0.16 = 12.5, observed
 * 21 / 23 * 20 * 0.6. */
static void test_fractions_by_hand(void **state)
{
    (void)state;
    const qst_pool_loss loss = qst_pool_fractions(2, 1, 3, 20);
    const double observed = 21.0 / 23.0 * 20.0 * 0.6;
    const double df = 1.0 / (1.0 / 12.5 + 1.0 / observed);
    assert_close(loss.riv, 2.0 / 3.0, 1e-15, 0);
    assert_close(loss.lambda, 0.4, 1e-15, 0);
    assert_close(loss.df, df, 1e-15, 0);
    assert_close(loss.fmi, (2.0 / 3.0 + 2.0 / (df + 3.0)) / (5.0 / 3.0), 1e-15, 0);
    assert_close(qst_pool_fractions(2, 1, 3, (double)INFINITY).df, 12.5, 1e-15, 0);
}

static void test_fractions_at_the_ends(void **state)
{
    (void)state;
    const double infinite = (double)INFINITY;
    const qst_pool_loss nothing = qst_pool_fractions(2, 0, 3, infinite);
    assert_close(nothing.df, infinite, 0, 0);
    assert_close(nothing.fmi, 0, 0, 0);
    assert_close(qst_pool_fractions(2, 0, 3, 20).df, 21.0 / 23.0 * 20.0, 1e-15, 0);
    const qst_pool_loss all = qst_pool_fractions(0, 1, 3, 20);
    assert_close(all.lambda, 1, 0, 0);
    assert_close(all.df, 0, 0, 0);
    assert_close(all.fmi, 1, 0, 0);
    const qst_pool_loss single = qst_pool_fractions(2, 0, 1, 20);
    assert_close(single.df, 20, 0, 0);
    assert_close(single.fmi, (double)NAN, 0, 0);
    assert_close(qst_pool_fractions(0, 0, 3, 20).lambda, (double)NAN, 0, 0);
}

/* ---- D1 ---- */

static qst_pool_test joint(double within, double between, ptrdiff_t q, ptrdiff_t m, double df)
{
    double estimate[3] = {1, 2, 3}, u[9] = {0}, b[9] = {0};
    for (ptrdiff_t i = 0; i < q; i++) {
        u[i + i * q] = within;
        b[i + i * q] = between;
    }
    qst_pool_test test;
    assert_status(qst_pool_joint(NULL, estimate, (qst_cmat){u, q, q, q}, (qst_cmat){b, q, q, q}, m,
                      df, &test, NULL),
        QST_OK, NULL);
    return test;
}

/* U = 2 I, B = I, m = 4: r = 5/8 for any q; F = 14 / (3 * 2 * (1 + r)). */
static void test_joint_by_hand(void **state)
{
    (void)state;
    const double r = 0.625;
    const qst_pool_test test = joint(2, 1, 3, 4, (double)INFINITY);
    assert_close(test.riv, r, 1e-15, 0);
    assert_close(test.statistic, 14.0 / (6.0 * (1.0 + r)), 1e-15, 0);
    const double root = 1.0 + (1.0 - 2.0 / 9.0) / r;
    assert_close(test.df_residual, 4.0 + 5.0 * root * root, 1e-15, 0);
    /* t = 3: Li's second formula, for one estimate Rubin's (m - 1) / lambda^2. */
    assert_close(joint(2, 1, 1, 4, (double)INFINITY).df_residual, 3.0 * 2.6 * 2.6, 1e-15, 0);
}

/* Reiter (2007, eq. 3) as it is printed, term by term. */
static void test_joint_of_small_samples(void **state)
{
    (void)state;
    const double t = 9.0, a = 0.625 * t / (t - 2.0), star = 41.0 / 43.0 * 40.0;
    const double two = star - 2.0 * (1.0 + a), four = star - 4.0 * (1.0 + a);
    double sum = 1.0 / four;
    sum += a * a * two / ((t - 4.0) * pow(1.0 + a, 2) * four);
    sum += (8.0 * a * a * two / ((1.0 + a) * pow(four, 2)) + 4.0 * a * a / ((1.0 + a) * four)) /
           (t - 4.0);
    sum += (4.0 * a * a / (four * two) + 16.0 * a * a * two / pow(four, 3)) / (t - 4.0);
    sum += 8.0 * a * a / (t - 4.0) / pow(four, 2);
    assert_close(joint(2, 1, 3, 4, 40).df_residual, 4.0 + 1.0 / sum, 1e-14, 0);
    assert_close(joint(2, 0, 3, 4, 40).df_residual, star, 1e-14, 0);
}

/* Where Reiter's df have no value: few df with complete data, or few imputations. */
static void test_joint_where_reiter_has_no_value(void **state)
{
    (void)state;
    const double lambda = 0.625 / 1.625;
    const double root = 1.0 + (1.0 - 2.0 / 9.0) / 0.625, li = 4.0 + 5.0 * root * root;
    const double observed = 6.0 / 8.0 * 5.0 * (1.0 - lambda);
    assert_close(joint(2, 1, 3, 4, 5).df_residual, 1.0 / (1.0 / li + 1.0 / observed), 1e-14, 0);
    const double few = qst_pool_fractions(2, 1, 4, 40).df;
    assert_close(joint(2, 1, 1, 4, 40).df_residual, few, 1e-14, 0);
}

/* It does not matter in which coordinates one asks. */
static void test_joint_is_invariant(void **state)
{
    (void)state;
    const double e1[] = {1, -2}, u1[] = {2, 0.5, 0.5, 3}, b1[] = {1, -1, -1, 4};
    /* L = (1, 0; 3, 0.5), rows; L e, L U L', L B L'. */
    const double e2[] = {1, 2}, u2[] = {2, 6.25, 6.25, 20.25}, b2[] = {1, 2.5, 2.5, 7};
    qst_pool_test one, two;
    assert_status(qst_pool_joint(NULL, e1, (qst_cmat){u1, 2, 2, 2}, (qst_cmat){b1, 2, 2, 2}, 10, 30,
                      &one, NULL),
        QST_OK, NULL);
    assert_status(qst_pool_joint(NULL, e2, (qst_cmat){u2, 2, 2, 2}, (qst_cmat){b2, 2, 2, 2}, 10, 30,
                      &two, NULL),
        QST_OK, NULL);
    assert_close(two.statistic, one.statistic, 1e-13, 0);
    assert_close(two.riv, one.riv, 1e-13, 0);
    assert_close(two.df_residual, one.df_residual, 1e-13, 0);
}

static void test_joint_without_inverse(void **state)
{
    (void)state;
    const double estimate[] = {1, 2}, u[] = {1, 2, 2, 4}, b[] = {1, 0, 0, 1};
    qst_pool_test test;
    assert_status(qst_pool_joint(NULL, estimate, (qst_cmat){u, 2, 2, 2}, (qst_cmat){b, 2, 2, 2}, 5,
                      30, &test, NULL),
        QST_OK, NULL);
    assert_close(test.statistic, (double)NAN, 0, 0);
    assert_close(joint(2, 1, 0, 4, 30).statistic, (double)NAN, 0, 0);
    const double unknown[] = {1, (double)NAN, (double)NAN, 1};
    assert_status(qst_pool_joint(NULL, estimate, (qst_cmat){unknown, 2, 2, 2},
                      (qst_cmat){b, 2, 2, 2}, 5, 30, &test, NULL),
        QST_OK, NULL);
    assert_close(test.df_residual, (double)NAN, 0, 0);
}

static void test_joint_refusals(void **state)
{
    (void)state;
    const double x[] = {1, 0, 0, 1};
    const qst_cmat two = {x, 2, 2, 2}, one = {x, 1, 1, 1};
    qst_pool_test test;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_pool_joint(NULL, x, two, one, 5, 30, &test, &err), QST_EDIMENSION, &err);
    assert_text(&err, "2 x 2 and 1 x 1");
    qst_err_init(&err);
    assert_status(qst_pool_joint(NULL, x, two, two, 1, 30, &test, &err), QST_EDIMENSION, &err);
    assert_text(&err, "two imputations, not 1");
}

static qst_status run_joint(const qst_ctx *ctx, void *data, qst_err *err)
{
    (void)data;
    const double estimate[] = {1, 2}, u[] = {2, 0.5, 0.5, 3}, b[] = {1, 0, 0, 1};
    qst_pool_test test;
    return qst_pool_joint(
        ctx, estimate, (qst_cmat){u, 2, 2, 2}, (qst_cmat){b, 2, 2, 2}, 5, 30, &test, err);
}

static void test_memory_and_stop(void **state)
{
    (void)state;
    assert_true(assert_survives_no_memory(run_joint, NULL) > 0);
    assert_cancels(run_pool, NULL, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_by_hand),
        cmocka_unit_test(test_equal_imputations_have_no_variance),
        cmocka_unit_test(test_large_common_part),
        cmocka_unit_test(test_one_imputation),
        cmocka_unit_test(test_no_estimates),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_fractions_by_hand),
        cmocka_unit_test(test_fractions_at_the_ends),
        cmocka_unit_test(test_joint_by_hand),
        cmocka_unit_test(test_joint_of_small_samples),
        cmocka_unit_test(test_joint_where_reiter_has_no_value),
        cmocka_unit_test(test_joint_is_invariant),
        cmocka_unit_test(test_joint_without_inverse),
        cmocka_unit_test(test_joint_refusals),
        cmocka_unit_test(test_memory_and_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
