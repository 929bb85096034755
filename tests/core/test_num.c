#include "base/base.h"
#include "qst_test.h"

#include <math.h>

static void na_is_na_and_nan_is_not(void **state)
{
    (void)state;
    assert_true(isnan(qst_na_real()));
    assert_true(qst_is_na_real(qst_na_real()));
    assert_true(qst_is_na_real(qst_na_real() + 1.0));
    assert_false(qst_is_na_real((double)NAN));
    assert_false(qst_is_na_real(0.0));
    assert_false(qst_is_na_real((double)INFINITY));
}

/* The distribution function by libm's erfc is the oracle; its own error is a few 1e-16, which the
 * density's slope in the tails turns into |z| times as much. */
static void quantiles_invert_the_distribution(void **state)
{
    (void)state;
    const double sqrt_half = 0.70710678118654752440;
    for (double p = 1e-300; p < 0.5; p *= 3.7) {
        const double z = qst_normal_quantile(p);
        assert_close(0.5 * erfc(-z * sqrt_half), p, 1e-15 * (2.0 + z * z), 0);
    }
    for (int k = 1; k < 1000; k++) {
        const double z = qst_normal_quantile(k / 1000.0);
        assert_close(0.5 * erfc(-z * sqrt_half), k / 1000.0, 1e-14, 0);
        assert_close(z, -qst_normal_quantile(1.0 - k / 1000.0), 1e-12, 1e-15);
    }
    /* Table values to 16 digits. */
    assert_close(qst_normal_quantile(0.975), 1.959963984540054, 1e-15, 0);
    assert_close(qst_normal_quantile(0.5), 0.0, 0, 0);
}

static void quantiles_at_and_beyond_the_ends(void **state)
{
    (void)state;
    assert_close(qst_normal_quantile(0.0), -(double)INFINITY, 0, 0);
    assert_close(qst_normal_quantile(1.0), (double)INFINITY, 0, 0);
    assert_close(qst_normal_quantile(-0.1), (double)NAN, 0, 0);
    assert_close(qst_normal_quantile(1.1), (double)NAN, 0, 0);
    assert_close(qst_normal_quantile((double)NAN), (double)NAN, 0, 0);
}

/* x, digamma and trigamma, computed with 40 digits. */
/* In all three parts of the distribution, at the ends and beyond, for every length of a rest. */
static void many_quantiles_are_the_same_bits(void **state)
{
    (void)state;
    double p[203], out[203];
    for (int k = 0; k < 200; k++) {
        p[k] = k % 5 == 0 ? pow(10.0, -k) : k % 7 == 0 ? 1.0 - pow(2.0, -k) : k / 200.0;
    }
    p[200] = (double)NAN;
    p[201] = -0.5;
    p[202] = 1.0;
    for (ptrdiff_t n = 195; n <= 203; n++) {
        qst__normal_quantiles(p, n, out);
        for (ptrdiff_t k = 0; k < n; k++) {
            assert_close(out[k], qst_normal_quantile(p[k]), 0, 0);
        }
    }
    qst__normal_quantiles(p, 203, p);
    assert_memory_equal(p, out, sizeof p);
}

static void derivatives_of_log_gamma(void **state)
{
    (void)state;
    const double known[][3] = {
        {1e-8, -100000000.57721564636, 10000000000000001.226},
        {0.1, -10.423754940411076232, 101.4332991507927477},
        {0.5, -1.9635100260214234794, 4.9348022005446793094},
        {1, -0.57721566490153286061, 1.6449340668482264365},
        {1.4616321449683623, -9.2412655217294275168e-17, 0.967672245447621255},
        {2, 0.42278433509846713939, 0.64493406684822643647},
        {5.5, 1.6110931485817511237, 0.19934238698962765913},
        {9.999, 2.2516474172057353142, 0.10517738667672886215},
        {10, 2.2517525890667211076, 0.10516633568168574612},
        {31.25, 3.4259340515829541975, 0.032517460215669185583},
        {1e6, 13.815510057964190771, 1.0000005000001666667e-6},
        {1e15, 34.53877639491068476, 1.0000000000000005e-15},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        assert_close(qst__digamma(known[k][0]), known[k][1], 1e-15, 1e-15);
        assert_close(qst__trigamma(known[k][0]), known[k][2], 1e-15, 0);
    }
    assert_close(qst__digamma(0.0), (double)NAN, 0, 0);
    assert_close(qst__digamma((double)NAN), (double)NAN, 0, 0);
    assert_close(qst__trigamma(-1.0), (double)NAN, 0, 0);
}

static void the_smaller_and_the_larger(void **state)
{
    (void)state;
    assert_int_equal(qst__min(-1, 2), -1);
    assert_int_equal(qst__max(-1, 2), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(na_is_na_and_nan_is_not),
        cmocka_unit_test(quantiles_invert_the_distribution),
        cmocka_unit_test(quantiles_at_and_beyond_the_ends),
        cmocka_unit_test(many_quantiles_are_the_same_bits),
        cmocka_unit_test(derivatives_of_log_gamma),
        cmocka_unit_test(the_smaller_and_the_larger),
    };
    return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
