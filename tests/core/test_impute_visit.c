#include "visit.h"

static ptrdiff_t no_room(const qst__visit *shape)
{
    (void)shape;
    return 0;
}

/* Columns 1, x, 3 x + 1, 0, x^2, ... of rows i = 0, 1, ...: all observed but the last. */
static test_visit *columns_of(ptrdiff_t n, ptrdiff_t p)
{
    test_visit *t = test_visit_make(n, p, 0);
    for (ptrdiff_t i = 0; i < n; i++) {
        const double x = (double)i - 3.0;
        const double values[] = {1.0, x, 3.0 * x + 1.0, 0.0, x * x, 5.0, x * x * x};
        for (ptrdiff_t j = 0; j < p; j++) {
            t->x[i + j * n] = values[j];
        }
    }
    t->y[n - 1] = (double)NAN;
    test_visit_finish(t, no_room);
    return t;
}

static ptrdiff_t choose(test_visit *t, ptrdiff_t n_parameters)
{
    double pivots[7];
    return qst__visit_choose(&t->visit, n_parameters,
        (qst_mat){t->gram, t->visit.n_columns, t->visit.n_columns, 7}, pivots);
}

static void test_constant_and_collinear_columns_are_left_out(void **state)
{
    (void)state;
    test_visit *t = columns_of(17, 7);
    assert_int_equal(choose(t, 1), 4);
    const int32_t want[] = {0, 0, 1, 1, 0, 1, 0};
    assert_memory_equal(t->left_out, want, sizeof want);
    assert_int_equal(t->decided[QST_DECIDED_FEW_ROWS], 0);
    test_visit_free(t);
}

static void test_two_rows_for_each_parameter(void **state)
{
    (void)state;
    test_visit *t = columns_of(17, 7); /* 16 observed: four columns of two parameters */
    assert_int_equal(choose(t, 3), 2);
    const int32_t want[] = {0, 0, 1, 1, 1, 1, 1};
    assert_memory_equal(t->left_out, want, sizeof want);
    assert_int_equal(t->decided[QST_DECIDED_FEW_ROWS], 1);
    for (ptrdiff_t j = 2; j < 7; j++) {
        assert_close(t->gram[j + 7 * j], 0.0, 0, 0);
    }
    test_visit_free(t);
}

static void test_the_intercept_stays(void **state)
{
    (void)state;
    test_visit *t = columns_of(2, 7);
    assert_int_equal(choose(t, 1), 1);
    assert_int_equal(t->left_out[0], 0);
    test_visit_free(t);
}

/* Every field of the address leads to numbers of its own. */
static void test_streams(void **state)
{
    (void)state;
    test_visit *t = columns_of(5, 2);
    qst__visit *v = &t->visit;
    double first[7];
    for (int k = 0; k < 7; k++) {
        v->imputation = k == 1;
        v->variable_index = k == 2;
        v->iteration = k == 3;
        v->group = k == 4;
        qst_rng rng = qst__visit_stream(v, k == 5 ? QST__DRAW_VALUE : QST__DRAW_PARAMETERS, k == 6);
        first[k] = qst_rng_uniform(&rng);
        for (int l = 0; l < k; l++) {
            assert_true(first[k] != first[l]);
        }
    }
    test_visit_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_and_collinear_columns_are_left_out),
        cmocka_unit_test(test_two_rows_for_each_parameter),
        cmocka_unit_test(test_the_intercept_stays),
        cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
