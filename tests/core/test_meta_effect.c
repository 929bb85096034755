#include "qst_test.h"

#include <math.h>

#define PI 3.14159265358979323846

static const double na = (double)NAN;

/* J(m) by halves: gamma(1/2) = sqrt(pi), gamma(1) = 1, gamma(x + 1) = x gamma(x). */
static double exact_j(int m)
{
    double ratio = m % 2 == 0 ? 1.0 / sqrt(PI) : sqrt(PI) / 2.0;
    for (double x = m % 2 == 0 ? 1.0 : 1.5; x < m / 2.0; x += 1.0) {
        ratio *= x / (x - 0.5);
    }
    return ratio / sqrt(m / 2.0);
}

static void test_j_is_exact(void **state)
{
    (void)state;
    for (int m = 2; m <= 200; m++) {
        assert_close(qst_effect_j(QST_EFFECT_EXACT, m), exact_j(m), 4e-15, 0);
    }
    /* 1 - 3 / (4 m) - 7 / (32 m^2) + ... */
    assert_close(qst_effect_j(QST_EFFECT_EXACT, 1e6), 1.0 - 0.75e-6 + 9.0 / 32.0 * 1e-12, 0, 1e-12);
    assert_close(qst_effect_j(QST_EFFECT_APPROXIMATE, 58), 1.0 - 3.0 / 231.0, 1e-15, 0);
    assert_close(qst_effect_j(QST_EFFECT_NONE, 58), 1.0, 0, 0);
    assert_close(qst_effect_j(QST_EFFECT_EXACT, 1.0), na, 0, 0);
    assert_close(qst_effect_j(QST_EFFECT_NONE, na), na, 0, 0);
}

/* Two arms of 8 with means 7 and 4 and SDs 2 and 4: pooled variance 10. */
static const double mean1 = 7, sd1 = 2, n1 = 8, mean2 = 4, sd2 = 4, n2 = 8, r = 0.5;

static void assert_means(qst_effect_measure measure, qst_effect_variance variance,
    qst_effect_correction correction, double y, double v)
{
    const qst_effect_arms arms = {&mean1, &sd1, &n1, &mean2, &sd2, &n2, &r};
    double yi, vi;
    assert_status(
        qst_effect_means(measure, variance, correction, &arms, 1, &yi, &vi, NULL), QST_OK, NULL);
    assert_close(yi, y, 4e-15, 0);
    assert_close(vi, v, 4e-15, 0);
}

static void test_means_by_hand(void **state)
{
    (void)state;
    const double d = 3.0 / sqrt(10.0), j = exact_j(14), g = j * d;
    const double about = 1.0 - 3.0 / 55.0;
    assert_means(QST_EFFECT_MD, QST_EFFECT_LS, QST_EFFECT_EXACT, 3, 2.5);
    assert_means(QST_EFFECT_ROM, QST_EFFECT_LS, QST_EFFECT_EXACT, log(7.0 / 4.0),
        4.0 / (8 * 49) + 16.0 / (8 * 16));
    assert_means(QST_EFFECT_SMD, QST_EFFECT_LS, QST_EFFECT_EXACT, g, 0.25 + g * g / 32);
    assert_means(QST_EFFECT_SMD, QST_EFFECT_LS, QST_EFFECT_NONE, d, 0.25 + 0.9 / 32);
    assert_means(QST_EFFECT_SMD, QST_EFFECT_LS2, QST_EFFECT_EXACT, g, j * j * (0.25 + 0.9 / 32));
    assert_means(QST_EFFECT_SMD, QST_EFFECT_UB, QST_EFFECT_EXACT, g,
        0.25 + g * g * (1.0 - 12.0 / (14.0 * j * j)));
    assert_means(QST_EFFECT_SMD, QST_EFFECT_REVMAN, QST_EFFECT_APPROXIMATE, about * d,
        0.25 + about * about * 0.9 / (2 * 12.06));
}

static void test_changes_by_hand(void **state)
{
    (void)state;
    const double j = exact_j(7), cc = j * 3.0 / sqrt(12.0), cr = j * 0.75;
    assert_means(QST_EFFECT_MC, QST_EFFECT_LS, QST_EFFECT_EXACT, 3, 1.5);
    assert_means(QST_EFFECT_SMCC, QST_EFFECT_LS, QST_EFFECT_EXACT, cc, 0.125 + cc * cc / 16);
    assert_means(
        QST_EFFECT_SMCC, QST_EFFECT_LS2, QST_EFFECT_EXACT, cc, j * j * (0.125 + 0.75 / 16));
    assert_means(QST_EFFECT_SMCR, QST_EFFECT_LS, QST_EFFECT_EXACT, cr, 0.125 + cr * cr / 16);
    assert_means(
        QST_EFFECT_SMCR, QST_EFFECT_LS2, QST_EFFECT_EXACT, cr, j * j * (0.125 + 0.5625 / 16));
}

/* Row by row: missing, no variation, opposite means, one person, usual. */
static void test_rows_without_an_effect(void **state)
{
    (void)state;
    const double m1[] = {na, 3, -2, 3, 4}, s1[] = {1, 0, 1, 1, 2}, size1[] = {9, 9, 9, 1, 9};
    const double m2[] = {1, 2, 2, 2, 2}, s2[] = {1, 0, 1, 1, 2}, size2[] = {9, 9, 9, 1, 9};
    const qst_effect_arms arms = {m1, s1, size1, m2, s2, size2, NULL};
    double yi[5], vi[5];
    assert_status(qst_effect_means(QST_EFFECT_SMD, QST_EFFECT_REVMAN, QST_EFFECT_APPROXIMATE, &arms,
                      5, yi, vi, NULL),
        QST_OK, NULL);
    assert_true(qst_is_na_real(yi[0]) && qst_is_na_real(vi[0]));
    assert_true(isnan(yi[1]) && !qst_is_na_real(yi[1]) && isnan(vi[1]));
    assert_true(isnan(yi[3]) && !qst_is_na_real(yi[3]) && isnan(vi[3]));
    assert_true(isfinite(yi[4]) && vi[4] > 0);
    assert_status(
        qst_effect_means(QST_EFFECT_ROM, QST_EFFECT_LS, QST_EFFECT_EXACT, &arms, 5, yi, vi, NULL),
        QST_OK, NULL);
    assert_true(isnan(yi[2]) && !qst_is_na_real(yi[2]) && isnan(vi[2]));
    assert_close(yi[1], log(1.5), 1e-15, 0);
    assert_close(vi[1], 0, 0, 0);
    assert_status(
        qst_effect_means(QST_EFFECT_MD, QST_EFFECT_LS, QST_EFFECT_EXACT, &arms, 0, yi, vi, NULL),
        QST_OK, NULL);
}

static void assert_refuses(const qst_effect_arms *arms, qst_effect_measure measure,
    qst_effect_variance variance, ptrdiff_t row, const char *text)
{
    double yi[2], vi[2];
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_effect_means(measure, variance, QST_EFFECT_EXACT, arms, 2, yi, vi, &err),
        QST_EARGUMENT, &err);
    assert_text(&err, text);
    assert_int_equal(err.row, row);
}

static void test_bad_means(void **state)
{
    (void)state;
    const double ok[] = {2, 2}, below[] = {2, -1}, zero[] = {2, 0}, infinite[] = {2, HUGE_VAL};
    qst_effect_arms arms = {ok, below, ok, ok, ok, ok, NULL};
    assert_refuses(&arms, QST_EFFECT_MD, QST_EFFECT_LS, 1, "`sd1` of row 2 is -1");
    arms.sd1 = ok;
    arms.n2 = zero;
    assert_refuses(&arms, QST_EFFECT_MD, QST_EFFECT_LS, 1, "`n2` of row 2 is 0");
    arms.mean2 = infinite;
    assert_refuses(&arms, QST_EFFECT_MD, QST_EFFECT_LS, 1, "`mean2` of row 2 is inf");
    assert_refuses(&arms, QST_EFFECT_SMCC, QST_EFFECT_LS, -1, "correlation");
    assert_refuses(&arms, QST_EFFECT_OR, QST_EFFECT_LS, -1, "counts");
    assert_refuses(&arms, QST_EFFECT_MD, QST_EFFECT_REVMAN, -1, "variance");
    arms = (qst_effect_arms){ok, ok, ok, ok, ok, NULL, ok};
    assert_refuses(&arms, QST_EFFECT_SMCR, QST_EFFECT_LS, 0, "`r` of row 1 is 2");
}

/* Yusuf et al. (1985), table 1 in the notation here: 2 x 2 tables whose effects are plain
 * fractions. */
static void test_counts_by_hand(void **state)
{
    (void)state;
    const double a = 2, size1 = 8, c = 6, size2 = 8;
    const qst_effect_counts counts = {&a, &size1, &c, &size2};
    const double y[] = {-2.0 * log(3.0), -log(3.0), -0.5, -2.0 / (16.0 / 15.0)};
    const double v[] = {4.0 / 3.0, 0.5 + 1.0 / 6.0 - 0.25, 3.0 / 64.0, 15.0 / 16.0};
    for (int k = 0; k < 4; k++) {
        double yi, vi;
        assert_status(qst_effect_events((qst_effect_measure)(QST_EFFECT_OR + k), 0.5,
                          QST_EFFECT_ONLY0, false, &counts, 1, &yi, &vi, NULL),
            QST_OK, NULL);
        assert_close(yi, y[k], 4e-15, 0);
        assert_close(vi, v[k], 4e-15, 0);
    }
}

static void assert_log_or(qst_effect_zero zero, bool drop00, const double want[4])
{
    const double a[] = {0, 2, 0, na}, c[] = {3, 6, 0, 1}, size[] = {9, 9, 9, 9};
    const qst_effect_counts counts = {a, size, c, size};
    double yi[4], vi[4];
    assert_status(qst_effect_events(QST_EFFECT_OR, 0.5, zero, drop00, &counts, 4, yi, vi, NULL),
        QST_OK, NULL);
    for (int i = 0; i < 4; i++) {
        assert_close(yi[i], want[i], 4e-15, 0);
    }
    assert_true(qst_is_na_real(yi[3]));
    assert_int_equal(qst_is_na_real(yi[2]), drop00);
}

static void test_empty_cells(void **state)
{
    (void)state;
    const double left_out = qst_na_real();
    const double with[] = {log(0.5 / 9.5 * 6.5 / 3.5), log(2.5 / 7.5 * 3.5 / 6.5), 0, left_out};
    const double plain = log(2.0 / 7.0 * 3.0 / 6.0);
    assert_log_or(QST_EFFECT_ONLY0, false, (double[]){with[0], plain, 0, left_out});
    assert_log_or(QST_EFFECT_IF0ALL, false, with);
    assert_log_or(QST_EFFECT_ALL, false, with);
    assert_log_or(QST_EFFECT_NOWHERE, false, (double[]){na, plain, na, left_out});
    assert_log_or(QST_EFFECT_ONLY0, true, (double[]){with[0], plain, left_out, left_out});
    assert_log_or(QST_EFFECT_ALL, true, (double[]){with[0], with[1], left_out, left_out});
}

/* A table that is dropped is no reason to add to the others. */
static void test_dropped_tables_add_nothing(void **state)
{
    (void)state;
    const double a[] = {2, 0}, c[] = {6, 0}, size[] = {9, 9};
    const qst_effect_counts counts = {a, size, c, size};
    double yi[2], vi[2];
    assert_status(
        qst_effect_events(QST_EFFECT_OR, 0.5, QST_EFFECT_IF0ALL, true, &counts, 2, yi, vi, NULL),
        QST_OK, NULL);
    assert_close(yi[0], log(2.0 / 7.0 * 3.0 / 6.0), 4e-15, 0);
}

static void assert_refuses_counts(
    const qst_effect_counts *counts, qst_effect_measure measure, double add, const char *text)
{
    double yi, vi;
    qst_err err;
    qst_err_init(&err);
    assert_status(
        qst_effect_events(measure, add, QST_EFFECT_ONLY0, false, counts, 1, &yi, &vi, &err),
        QST_EARGUMENT, &err);
    assert_text(&err, text);
}

static void test_bad_counts(void **state)
{
    (void)state;
    const double one = 1, five = 5, below = -1, zero = 0;
    assert_refuses_counts(&(qst_effect_counts){&five, &one, &one, &five}, QST_EFFECT_OR, 0.5,
        "`events1` of row 1 is 5, but `n1` is 1");
    assert_refuses_counts(&(qst_effect_counts){&one, &five, &five, &one}, QST_EFFECT_OR, 0.5,
        "`events2` of row 1 is 5, but `n2` is 1");
    assert_refuses_counts(&(qst_effect_counts){&one, &five, &below, &five}, QST_EFFECT_OR, 0.5,
        "`events2` of row 1 is -1");
    assert_refuses_counts(
        &(qst_effect_counts){&zero, &zero, &one, &five}, QST_EFFECT_OR, 0.5, "`n1` of row 1 is 0");
    assert_refuses_counts(
        &(qst_effect_counts){&one, &five, &one, &five}, QST_EFFECT_MD, 0.5, "means");
    assert_refuses_counts(
        &(qst_effect_counts){&one, &five, &one, &five}, QST_EFFECT_RR, -0.5, "`add` is -0.5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_j_is_exact),
        cmocka_unit_test(test_means_by_hand),
        cmocka_unit_test(test_changes_by_hand),
        cmocka_unit_test(test_rows_without_an_effect),
        cmocka_unit_test(test_bad_means),
        cmocka_unit_test(test_counts_by_hand),
        cmocka_unit_test(test_empty_cells),
        cmocka_unit_test(test_dropped_tables_add_nothing),
        cmocka_unit_test(test_bad_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
