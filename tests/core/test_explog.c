#include "base/base.h"
#include "qst_test.h"

#include <math.h>

#define N 4096
/* Ours and libm's are each within an ulp, which is at most 2^-52 of a number. */
#define TWO_ULP 0x1.8p-52

static void exp_agrees_with_libm(void **state)
{
    (void)state;
    static double x[N], value[N];
    const double reach[] = {1e-9, 0.4, 3.0, 40.0, 707.9};
    uint64_t seed = 5;
    for (int r = 0; r < 5; r++) {
        for (int i = 0; i < N; i++) {
            x[i] = reach[r] * (2.0 * test_uniform(&seed) - 1.0);
        }
        qst__exp_block(x, N, value);
        for (int i = 0; i < N; i++) {
            assert_close(value[i], exp(x[i]), TWO_ULP, 0);
        }
    }
}

static void log_agrees_with_libm(void **state)
{
    (void)state;
    static double x[N], value[N];
    const double reach[] = {1e-12, 0.1, 1.0, 30.0, 700.0};
    uint64_t seed = 6;
    for (int r = 0; r < 5; r++) {
        for (int i = 0; i < N; i++) {
            x[i] = exp(reach[r] * (2.0 * test_uniform(&seed) - 1.0));
        }
        qst__log_block(x, N, value);
        for (int i = 0; i < N; i++) {
            assert_close(value[i], log(x[i]), TWO_ULP, 0);
        }
    }
}

/* Digits to more than double precision, of both sides of every branch. */
static void exact_values(void **state)
{
    (void)state;
    const double x[] = {0.0, 1.0, -1.0, 0.34657359027997264, 0.5, -0.5, 100.0};
    const double want[] = {1.0, 2.718281828459045235, 0.36787944117144232160, 1.4142135623730950,
        1.6487212707001281468, 0.60653065971263342360, 2.6881171418161354485e43};
    double value[7];
    qst__exp_block(x, 7, value);
    for (int i = 0; i < 7; i++) {
        assert_close(value[i], want[i], 0x1p-52, 0);
    }
    qst__log_block(want, 7, value);
    assert_true(value[0] == 0.0);
    assert_close(value[1], 1.0, 0x1p-52, 0);
    assert_close(value[4], 0.5, 0x1p-52, 0);
    assert_close(value[6], 100.0, 0x1p-52, 0);
}

static void the_ends(void **state)
{
    (void)state;
    const double inf = (double)INFINITY, nan = (double)NAN;
    const double x[] = {inf, -inf, nan, 710.0, -746.0, 709.7, -744.0, -0.0};
    double value[8];
    qst__exp_block(x, 8, value);
    const double want[] = {inf, 0.0, nan, inf, 0.0, exp(709.7), exp(-744.0), 1.0};
    for (int i = 0; i < 8; i++) {
        assert_close(value[i], want[i], 0, 0);
    }
    const double y[] = {inf, 0.0, -0.0, -1.0, nan, 5e-324, 1e-310, 0x1p-1022};
    qst__log_block(y, 8, value);
    assert_close(value[0], inf, 0, 0);
    assert_close(value[1], -inf, 0, 0);
    assert_close(value[2], -inf, 0, 0);
    assert_true(isnan(value[3]) && isnan(value[4]));
    for (int i = 5; i < 8; i++) {
        assert_close(value[i], log(y[i]), TWO_ULP, 0);
    }
}

/* A number does not depend on where it stands, on how many there are, or on being written over. */
static void place_and_number_do_not_matter(void **state)
{
    (void)state;
    double x[70], whole[70], one;
    for (int i = 0; i < 70; i++) {
        x[i] = i == 40 ? 1000.0 : 0.37 * i + 0.01;
    }
    qst__exp_block(x, 0, whole);
    qst__exp_block(x, 70, whole);
    for (int i = 0; i < 70; i++) {
        qst__exp_block(x + i, 1, &one);
        assert_close(one, whole[i], 0, 0);
    }
    qst__log_block(x, 70, whole);
    qst__log_block(x, 70, x);
    for (int i = 0; i < 70; i++) {
        assert_close(x[i], whole[i], 0, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_agrees_with_libm),
        cmocka_unit_test(log_agrees_with_libm),
        cmocka_unit_test(exact_values),
        cmocka_unit_test(the_ends),
        cmocka_unit_test(place_and_number_do_not_matter),
    };
    return cmocka_run_group_tests_name("explog", tests, NULL, NULL);
}
