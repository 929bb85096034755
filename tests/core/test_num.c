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
        cmocka_unit_test(the_smaller_and_the_larger),
    };
    return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
