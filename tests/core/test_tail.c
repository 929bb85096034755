#include "base/base.h"
#include "qst_test.h"

#include <math.h>

/* Exact values are computed with 60 digits (mpmath's incomplete beta and gamma functions). */

static void t_tails_are_exact(void **state)
{
    (void)state;
    static const double want[][3] = {
        {2.086, 240, 0.0380349648104821066},
        {1e-3, 5, 0.999240786772197651},
        {12.7, 1, 0.0500243276893441601},
        {30, 0.1, 0.594084973359952908},
        {1e100, 0.3, 6.99001446767713605e-31},
        {1e-5, 0.1, 0.999997038157526355},
        {0.7, 0.1, 0.860784084360558371},
        {50, 17.5, 2.47559236826614162e-20},
        {3.3, 7585000, 0.000966852740174986086},
        {37, 1e7, 1.20012123226383418e-299},
        {5.945, 1244000, 2.76530145317034317e-9},
        {160, 100, 2.54113726704854393e-122},
        {1e20, 14, 2.20812466875e-273},
        {0.04, 1e7, 0.968093127092860569},
        {36, 353, 3.33050552612928656e-120},
    };
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        assert_close(qst_tail_t(want[k][0], want[k][1]), want[k][2], 2e-13, 0);
        assert_close(qst_tail_t(-want[k][0], want[k][1]), want[k][2], 2e-13, 0);
    }
}

static void f_tails_are_exact(void **state)
{
    (void)state;
    static const double want[][4] = {
        {0.277, 2, 359, 0.758216366740499898},
        {1.099, 2, 356, 0.334331855171131956},
        {1e-4, 0.1, 0.1, 0.683309705488160141},
        {100, 0.1, 1e6, 6.44055980132867099e-5},
        {2.433, 1931, 3296, 6.57072469335506508e-112},
        {2.886, 750.1, 353200, 1.23075517934697158e-136},
        {17.55, 0.1767, 391500, 0.00919217711219890337},
        {1e30, 3, 10, 1.11400462962962952e-147},
        {1e200, 3, 1.5, 8.27120148742547868e-151},
        {5000, 2, 200, 1.74977573719505774e-171},
        {1.5, 30000, 3, 0.42758637729182516},
        {300, 4, 7, 6.65452091209590833e-8},
    };
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        assert_close(qst_tail_f(want[k][0], want[k][1], want[k][2]), want[k][3], 2e-13, 0);
    }
}

static void chi_square_tails_are_exact(void **state)
{
    (void)state;
    static const double want[][3] = {
        {9.493, 4, 0.0498912807394292357},
        {2.148, 2, 0.341639223762069482},
        {0.01, 0.1, 0.21203421869192812},
        {20, 0.1, 2.40577558687220721e-7},
        {1e-6, 0.1, 0.502708963737803569},
        {1400, 12, 1.39085025540455405e-292},
        {1e7, 1e7, 0.499940529196062162},
        {1.004e7, 1e7, 2.08200915169154804e-19},
        {9.99e6, 1e7, 0.987345868114224482},
        {1.12e7, 1e7, 0},
        {151762, 145300, 1.62812377279264959e-32},
        {0.5, 31, 1},
    };
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        assert_close(qst_tail_chisq(want[k][0], want[k][1]), want[k][2], 2e-13, 0);
    }
}

/* More degrees of freedom than the series is for. */
static void chisq_tails_of_many_df_are_close(void **state)
{
    (void)state;
    static const double want[][3] = {
        {250000030, 250000000, 0.499452868797421447},
        {999800000, 1e9, 0.99999613301910521},
        {1000050000, 1e9, 0.131777034351041227},
        {1e12, 1e12, 0.499999811936805484},
        {1000000300000000, 1e15, 9.85176662814207366e-12},
    };
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        assert_close(qst_tail_chisq(want[k][0], want[k][1]), want[k][2], 2e-12, 0);
    }
}

/* Closed forms: t with 1, 2 and 4 degrees of freedom, chi-square with 2, F with 2 and d and with
 * equal degrees of freedom at 1. Hills of one parameter, up to where doubles end. */
static void tails_have_their_closed_forms(void **state)
{
    (void)state;
    const double pi = 3.14159265358979323846;
    for (double t = 1e-6; t < 1e7; t *= 1.7) {
        const double root = sqrt(2.0 + t * t);
        assert_close(qst_tail_t(t, 1.0), 2.0 / pi * atan2(1.0, t), 1e-14, 0);
        assert_close(qst_tail_t(t, 2.0), 2.0 / (root * (root + t)), 1e-14, 0);
        assert_close(qst_tail_f(t * t, 1.0, 7.3), qst_tail_t(t, 7.3), 1e-14, 0);
    }
    for (double x = 0.01; x < 1400.0; x *= 1.3) {
        assert_close(qst_tail_chisq(x, 2.0), exp(-0.5 * x), 2e-13, 0);
        assert_close(qst_tail_f(x, 2.0, 31.0), pow(1.0 + 2.0 * x / 31.0, -15.5), 1e-13, 0);
        assert_close(qst_tail_chisq(x, 1.0), qst_tail_normal(sqrt(x)), 2e-13, 0);
    }
    for (double df = 0.1; df < 2e7; df *= 3.0) {
        assert_close(qst_tail_f(1.0, df, df), 0.5, 1e-13, 0);
    }
}

/* F upside down is F: the two tails add up to 1, whichever is the small one. */
static void both_tails_of_f_add_up(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int k = 0; k < 2000; k++) {
        const double df1 = pow(10.0, -1.0 + 6.0 * test_uniform(&seed));
        const double df2 = pow(10.0, -1.0 + 6.0 * test_uniform(&seed));
        const double x = pow(10.0, -1.0 + 2.0 * test_uniform(&seed));
        assert_close(qst_tail_f(x, df1, df2) + qst_tail_f(1.0 / x, df2, df1), 1.0, 1e-12, 0);
    }
}

static void tails_fall(void **state)
{
    (void)state;
    static const double dfs[] = {0.1, 1, 2.5, 17, 353, 1e5, 1e7};
    for (size_t j = 0; j < sizeof dfs / sizeof *dfs; j++) {
        double t_last = 1.0, f_last = 1.0, chisq_last = 1.0;
        for (double x = 1e-3; x < 40.0; x += 0.173) {
            const double t = qst_tail_t(x, dfs[j]), f = qst_tail_f(x, 3.0, dfs[j]);
            const double chisq = qst_tail_chisq(x * dfs[j], dfs[j]);
            assert_true(t < t_last || (t <= t_last && t_last < 1e-307));
            assert_true(f < f_last || (f <= f_last && f_last < 1e-307));
            assert_true(chisq <= chisq_last * (1.0 + 1e-13));
            t_last = t;
            f_last = f;
            chisq_last = chisq;
        }
    }
}

/* Against factorials, and the reflection with Gamma(1/2)^2 = pi. */
static void log_gamma_is_of_factorials(void **state)
{
    (void)state;
    double factorial = 1.0;
    for (int n = 1; n < 170; n++) {
        assert_close(qst__log_gamma(n), log(factorial), 1e-14, 5e-15);
        factorial *= n;
    }
    assert_close(qst__log_gamma(0.5), 0.5 * log(3.14159265358979323846), 1e-14, 0);
    assert_close(qst__log_gamma(0.01), 4.59947987804202170, 1e-14, 0);
}

static void quantiles_invert_tails(void **state)
{
    (void)state;
    static const double dfs[] = {0.3, 1, 2, 3.7, 25, 353, 1e5, 1e7};
    for (size_t j = 0; j < sizeof dfs / sizeof *dfs; j++) {
        for (double p = 1.0; p > 1e-40; p *= 0.37) {
            const double t = qst_tail_t_quantile(p, dfs[j]);
            assert_close(qst_tail_t(t, dfs[j]), p, 5e-13, 0);
        }
    }
    /* R's qt(). */
    assert_close(qst_tail_t_quantile(0.05, 353.0), 1.966707008687999, 1e-14, 0);
    assert_close(qst_tail_t_quantile(1e-5, 12.0), 7.260633919312844, 1e-13, 0);
    assert_close(qst_tail_t_quantile(0.05, (double)INFINITY), 1.959963984540054, 1e-14, 0);
    assert_close(qst_tail_t_quantile(1e-300, 0.1), (double)INFINITY, 0, 0);
    assert_close(qst_tail_t_quantile(1.0, 5.0), 0.0, 0, 0);
}

static void ends_and_nonsense(void **state)
{
    (void)state;
    const double inf = (double)INFINITY, nan = (double)NAN;
    assert_close(qst_tail_normal(0.0), 1.0, 0, 0);
    assert_close(qst_tail_normal(-inf), 0.0, 0, 0);
    assert_close(qst_tail_normal(-1.959963984540054), 0.05, 1e-14, 0);
    assert_close(qst_tail_t(0.0, 3.0), 1.0, 0, 0);
    assert_close(qst_tail_t(-inf, 3.0), 0.0, 0, 0);
    assert_close(qst_tail_t(1.5, inf), qst_tail_normal(1.5), 0, 0);
    assert_close(qst_tail_chisq(-1.0, 3.0), 1.0, 0, 0);
    assert_close(qst_tail_chisq(inf, 3.0), 0.0, 0, 0);
    assert_close(qst_tail_f(0.0, 3.0, 5.0), 1.0, 0, 0);
    assert_close(qst_tail_f(inf, 3.0, 5.0), 0.0, 0, 0);
    assert_close(qst_tail_f(1.7, 3.0, inf), qst_tail_chisq(5.1, 3.0), 1e-14, 0);
    static const double bad[] = {0.0, -1.0, (double)NAN};
    for (int k = 0; k < 3; k++) {
        assert_close(qst_tail_t(1.0, bad[k]), nan, 0, 0);
        assert_close(qst_tail_chisq(1.0, bad[k]), nan, 0, 0);
        assert_close(qst_tail_f(1.0, bad[k], 2.0), nan, 0, 0);
        assert_close(qst_tail_f(1.0, 2.0, bad[k]), nan, 0, 0);
        assert_close(qst_tail_t_quantile(0.5, bad[k]), nan, 0, 0);
        assert_close(qst_tail_t_quantile(bad[k], 5.0), nan, 0, 0);
    }
    assert_close(qst_tail_t(nan, 3.0), nan, 0, 0);
    assert_close(qst_tail_chisq(nan, 3.0), nan, 0, 0);
    assert_close(qst_tail_chisq(1.0, inf), nan, 0, 0);
    assert_close(qst_tail_f(nan, 3.0, 3.0), nan, 0, 0);
    assert_close(qst_tail_t_quantile(1.1, 5.0), nan, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_tails_are_exact),
        cmocka_unit_test(f_tails_are_exact),
        cmocka_unit_test(chi_square_tails_are_exact),
        cmocka_unit_test(chisq_tails_of_many_df_are_close),
        cmocka_unit_test(tails_have_their_closed_forms),
        cmocka_unit_test(both_tails_of_f_add_up),
        cmocka_unit_test(tails_fall),
        cmocka_unit_test(log_gamma_is_of_factorials),
        cmocka_unit_test(quantiles_invert_tails),
        cmocka_unit_test(ends_and_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
