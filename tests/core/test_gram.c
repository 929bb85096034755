#include "la/la.h"
#include "qst_test.h"

#include <math.h>

#define P 6

/* A panel of which the last three rows are 0, and a column of weights. */
typedef struct {
    double panel[P * QST__BLOCK], weights[QST__BLOCK];
} sample;

static sample make_sample(void)
{
    sample s = {{0}, {0}};
    uint64_t seed = 7;
    for (ptrdiff_t i = 0; i < QST__BLOCK - 3; i++) {
        for (ptrdiff_t j = 0; j < P; j++) {
            s.panel[i + j * QST__BLOCK] = 5.0 + test_normal(&seed);
        }
        s.weights[i] = i % 5 == 0 ? 0.0 : test_uniform(&seed);
    }
    return s;
}

/* The slow version, in double-double. */
static double slow_sum(const double *a, const double *b, const double *weights)
{
    qst__dd sum = {0.0, 0.0};
    for (ptrdiff_t i = 0; i < QST__BLOCK; i++) {
        const qst__dd product = qst__two_product(a[i], b[i]);
        sum = qst__dd_sum(sum, weights != NULL ? qst__dd_times(product, weights[i]) : product);
    }
    return qst__dd_value(sum);
}

static void test_products_of_a_block(void **state)
{
    (void)state;
    const sample s = make_sample();
    qst__dd cross[P] = {{1.0, 0.0}};
    qst__cross_block(s.panel, P, s.weights, cross);
    for (ptrdiff_t j = 0; j < P; j++) {
        const double want = slow_sum(s.panel + j * QST__BLOCK, s.weights, NULL);
        assert_close(qst__dd_value(cross[j]), want + (j == 0), 1e-15, 0);
    }
}

static void test_linear_predictors_of_a_block(void **state)
{
    (void)state;
    const sample s = make_sample();
    const double b[P] = {1, -2, 0.5, 3, 0, 7};
    double eta[QST__BLOCK];
    qst__predict_block(s.panel, P, b, eta);
    for (ptrdiff_t i = 0; i < QST__BLOCK; i++) {
        double want = 0.0;
        for (ptrdiff_t j = 0; j < P; j++) {
            want += b[j] * s.panel[i + j * QST__BLOCK];
        }
        assert_close(eta[i], want, 1e-14, 1e-13);
    }
}

static void test_gram_adds_to_what_is_there(void **state)
{
    (void)state;
    const sample s = make_sample();
    qst__dd sums[P * (P + 1) / 2] = {{0.0, 0.0}};
    qst__gram_block(s.panel, P, s.weights, sums);
    qst__gram_block(s.panel, P, s.weights, sums);
    double square[P * P];
    qst__spread_triangle(sums, P, square);
    for (ptrdiff_t j = 0; j < P; j++) {
        for (ptrdiff_t k = 0; k < P; k++) {
            const double want =
                slow_sum(s.panel + j * QST__BLOCK, s.panel + k * QST__BLOCK, s.weights);
            assert_close(square[j + k * P], 2.0 * want, 1e-15, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_of_a_block),
        cmocka_unit_test(test_linear_predictors_of_a_block),
        cmocka_unit_test(test_gram_adds_to_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
