#include "qst_test.h"

#include <math.h>

typedef struct {
    double lower, upper;
} tails;

static tails tails_of(const double *lambda, ptrdiff_t n, double q)
{
    tails got;
    assert_status(qst_quadratic_form(lambda, n, q, &got.lower, &got.upper, NULL), QST_OK, NULL);
    return got;
}

static const double values[] = {1e-6, 1e-3, 0.1, 0.5, 0.99, 1.0, 1.01, 2.0, 5.0, 20.0, 100.0};
enum { N_VALUES = sizeof values / sizeof *values };

/* chi2_1 is the square of a normal variable, whose tails are those of erf. */
static void test_one_square(void **state)
{
    (void)state;
    for (int i = 0; i < N_VALUES; i++) {
        const double lambda[] = {3.0, 0.0};
        const tails got = tails_of(lambda, 2, 3.0 * values[i]);
        assert_close(got.lower, erf(sqrt(values[i] / 2)), 1e-9, 0);
        assert_close(got.upper, erfc(sqrt(values[i] / 2)), 1e-9, 1e-15);
    }
}

/* chi2 with 2m df is above q as often as a Poisson variable of mean q / 2 is below m. */
static void test_equal_coefficients(void **state)
{
    (void)state;
    double lambda[60];
    for (int i = 0; i < 60; i++) {
        lambda[i] = 0.25;
    }
    for (int m = 1; m <= 30; m += 7) {
        for (int i = 0; i < N_VALUES; i++) {
            const double q = 2 * m * values[i];
            double term = exp(-q / 2), above = 0.0, below = 0.0;
            for (int j = 0; j < m; j++) {
                above += term;
                term *= q / 2 / (j + 1);
            }
            for (int j = m; j < m + 4000; j++) {
                below += term;
                term *= q / 2 / (j + 1);
            }
            const tails got = tails_of(lambda, (ptrdiff_t)2 * m, 0.25 * q);
            if (q < 2 * m) {
                assert_close(got.lower, below, 1e-9, 0);
            } else {
                assert_close(got.upper, above, 1e-9, 0);
            }
            assert_close(got.lower + got.upper, 1.0, 1e-15, 0);
        }
    }
}

/* Each pair of equal coefficients is exponential; of distinct rates the sum has a closed form. */
static void test_sums_of_exponentials(void **state)
{
    (void)state;
    const double scale[] = {1.0, 10.0, 0.001};
    const double lambda[] = {0.5, 5.0, 0.0005, 5.0, 0.5, 0.0005};
    for (int i = 0; i < N_VALUES; i++) {
        double above = 0.0;
        for (int j = 0; j < 3; j++) {
            double share = 1.0;
            for (int other = 0; other < 3; other++) {
                share *= other == j ? 1.0 : scale[j] / (scale[j] - scale[other]);
            }
            above += share * exp(-values[i] / scale[j]);
        }
        const tails got = tails_of(lambda, 6, values[i]);
        assert_close(got.upper, above, 1e-9, 0);
        assert_close(got.lower, 1.0 - above, 1e-9, 1e-13);
    }
}

/* a chi2_1 + b chi2_1 in polar coordinates: the mean over the circle of exp(-q / 2c(angle)), which
 * the trapezoidal rule has exactly. */
static void test_two_coefficients(void **state)
{
    (void)state;
    for (double b = 1.0; b > 1e-3; b /= 3.0) {
        for (int i = 0; i < N_VALUES; i++) {
            const int n = 20000;
            double above = 0.0, below = 0.0;
            for (int j = 0; j < n; j++) {
                const double angle = acos(-1.0) * j / n;
                const double c = pow(cos(angle), 2) + b * pow(sin(angle), 2);
                above += exp(-values[i] / (2 * c)) / n;
                below -= expm1(-values[i] / (2 * c)) / n;
            }
            const double lambda[] = {b, 1.0};
            const tails got = tails_of(lambda, 2, values[i]);
            assert_close(got.upper, above, 1e-9, 1e-15);
            assert_close(got.lower, below, 1e-9, 0);
        }
    }
}

/* Many coefficients over six orders of size: the tails fall and rise and meet at the mean. */
static void test_wide_spectrum(void **state)
{
    (void)state;
    double lambda[200], mean = 0.0;
    for (int i = 0; i < 200; i++) {
        lambda[i] = pow(10.0, -6.0 * i / 199.0);
        mean += lambda[i];
    }
    double before = 0.0;
    for (double times = 0.05; times < 20.0; times *= 1.1) {
        const tails got = tails_of(lambda, 200, times * mean);
        assert_true(got.lower > before || got.lower > 1 - 1e-14);
        assert_true(got.upper > 0.0);
        before = got.lower;
    }
    assert_close(tails_of(lambda, 200, mean).lower, tails_of(lambda, 200, mean * (1 + 1e-13)).lower,
        1e-9, 0);
}

/* A thousand coefficients between 1 and 1.8: each tail is monotone in q, and between those of the
 * chi-squares of 1 and of 1.8, to where it is below 1e-190. */
static void test_close_coefficients(void **state)
{
    (void)state;
    double one[1000], between[1000], most[1000];
    for (int i = 0; i < 1000; i++) {
        between[i] = 1.0 + 0.8 * i / 999.0;
        one[i] = 1.0;
        most[i] = 1.8;
    }
    double before = 0.0, last = 1.0;
    for (double q = 700.0; q < 4000.0; q += 111.0) {
        const tails got = tails_of(between, 1000, q);
        assert_true(got.upper >= tails_of(one, 1000, q).upper);
        assert_true(got.upper <= tails_of(most, 1000, q).upper);
        assert_true(got.lower >= before && got.upper <= last);
        before = got.lower;
        last = got.upper;
    }
}

static void test_ends(void **state)
{
    (void)state;
    const double lambda[] = {1.0, 2.0}, none[] = {0.0};
    assert_close(tails_of(lambda, 2, 0.0).upper, 1.0, 0, 0);
    assert_close(tails_of(lambda, 2, -1.0).upper, 1.0, 0, 0);
    assert_close(tails_of(lambda, 2, (double)INFINITY).lower, 1.0, 0, 0);
    assert_close(tails_of(none, 1, 0.0).lower, 1.0, 0, 0);
    assert_close(tails_of(none, 1, -1.0).lower, 0.0, 0, 0);
    assert_close(tails_of(none, 0, 1.0).lower, 1.0, 0, 0);
}

static void test_refusals(void **state)
{
    (void)state;
    const double bad[] = {-1.0, (double)NAN, (double)INFINITY};
    double lower, upper;
    for (int i = 0; i < 3; i++) {
        const double lambda[] = {1.0, bad[i]};
        qst_err err;
        qst_err_init(&err);
        assert_status(qst_quadratic_form(lambda, 2, 1.0, &lower, &upper, &err), QST_ERANGE, &err);
        assert_text(&err, "coefficient 2");
        assert_int_equal(err.row, 1);
    }
    qst_err err;
    qst_err_init(&err);
    const double one = 1.0;
    assert_status(qst_quadratic_form(&one, 1, (double)NAN, &lower, &upper, &err), QST_ERANGE, &err);
    assert_text(&err, "value is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_square),
        cmocka_unit_test(test_equal_coefficients),
        cmocka_unit_test(test_sums_of_exponentials),
        cmocka_unit_test(test_two_coefficients),
        cmocka_unit_test(test_wide_spectrum),
        cmocka_unit_test(test_close_coefficients),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
