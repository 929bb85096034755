#include "la/la.h"
#include "qst_test.h"

#include <math.h>
#include <string.h>

/* Gram matrix of columns a = (1,1,1,1), b = (1,2,3,4), 2a - b and (1,0,0,1): the third is aliased.
 */
static const double gram[16] = {4, 10, -2, 2, 10, 30, -10, 5, -2, -10, 6, -1, 2, 5, -1, 2};

static void test_factor_of_a_small_matrix(void **state)
{
    (void)state;
    /* R by hand: [2 3; 0 1] gives R'R = [4 6; 6 10]. */
    double a[4] = {4, 6, 6, 10}, pivots[2];
    assert_int_equal(qst__cholesky((qst_mat){a, 2, 2, 2}, 1e-14, pivots), 2);
    const double want[4] = {2, 0, 3, 1};
    for (int k = 0; k < 4; k++) {
        assert_close(a[k], want[k], 1e-15, 0);
    }
    assert_close(pivots[0], 1.0, 0, 0);
    assert_close(pivots[1], 0.1, 1e-15, 0);
}

static void test_an_aliased_column_is_zero_and_solved_as_zero(void **state)
{
    (void)state;
    double a[16], pivots[4], inverse[16];
    memcpy(a, gram, sizeof a);
    assert_int_equal(qst__cholesky((qst_mat){a, 4, 4, 4}, 1e-14, pivots), 3);
    for (int k = 0; k < 4; k++) {
        assert_true(a[2 + 4 * k] == 0.0 && a[k + 4 * 2] == 0.0);
    }
    assert_true(fabs(pivots[2]) < 1e-14);
    const qst_cmat r = {a, 4, 4, 4};
    qst__inverse_gram(r, (qst_mat){inverse, 4, 4, 4});
    /* The inverse of the kept rows and columns, times them, is the unit matrix. */
    const int kept[3] = {0, 1, 3};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            double sum = 0.0;
            for (int k = 0; k < 3; k++) {
                sum += gram[kept[i] + 4 * kept[k]] * inverse[kept[k] + 4 * kept[j]];
            }
            assert_close(sum, i == j ? 1.0 : 0.0, 0, 1e-13);
        }
        assert_true(inverse[2 + 4 * kept[i]] == 0.0 && inverse[kept[i] + 4 * 2] == 0.0);
    }
    double b[4] = {1, 1, 1, 1};
    qst__solve_upper(r, b);
    assert_true(b[2] == 0.0);
}

static void test_solves_undo_products(void **state)
{
    (void)state;
    const double a[9] = {2, 0, 0, -1, 3, 0, 0.5, 4, 5};
    const qst_cmat r = {a, 3, 3, 3};
    double b[3] = {2 * 1 - 1 * 2 + 0.5 * 3, 3 * 2 + 4 * 3, 5 * 3}; /* R (1, 2, 3) */
    qst__solve_upper(r, b);
    double c[3] = {2 * 1, -1 * 1 + 3 * 2, 0.5 * 1 + 4 * 2 + 5 * 3}; /* R' (1, 2, 3) */
    qst__solve_upper_transposed(r, c);
    for (int k = 0; k < 3; k++) {
        assert_close(b[k], k + 1.0, 1e-15, 0);
        assert_close(c[k], k + 1.0, 1e-15, 0);
    }
    assert_close(qst__norm_1(r), 9.5, 0, 0);
}

static void test_nan_and_nothing(void **state)
{
    (void)state;
    double a[4] = {1, 0.5, 0.5, (double)NAN}, pivots[2];
    assert_int_equal(qst__cholesky((qst_mat){a, 2, 2, 2}, 1e-14, pivots), 1);
    assert_int_equal(qst__cholesky((qst_mat){NULL, 0, 0, 1}, 1e-14, NULL), 0);
    assert_close(qst__norm_1((qst_cmat){NULL, 0, 0, 1}), 0.0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_factor_of_a_small_matrix),
        cmocka_unit_test(test_an_aliased_column_is_zero_and_solved_as_zero),
        cmocka_unit_test(test_solves_undo_products),
        cmocka_unit_test(test_nan_and_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
