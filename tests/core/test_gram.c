#include "la/la.h"
#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define P 3

typedef struct {
    ptrdiff_t n;
    double *x, *y, *weights;
} sample;

static sample make_sample(ptrdiff_t n)
{
    sample s = {n, calloc((size_t)n * P, sizeof(double)), calloc((size_t)n, sizeof(double)),
        calloc((size_t)n, sizeof(double))};
    uint64_t seed = 7;
    for (ptrdiff_t i = 0; i < n; i++) {
        s.x[i] = 1.0;
        s.x[i + n] = 5.0 + test_normal(&seed);
        s.x[i + 2 * n] = test_uniform(&seed);
        s.y[i] = test_normal(&seed);
        s.weights[i] = i % 5 == 0 ? 0.0 : test_uniform(&seed);
    }
    return s;
}

static void free_sample(sample *s)
{
    free(s->x);
    free(s->y);
    free(s->weights);
}

static qst__rows rows_of(const sample *s, const double *shifts)
{
    return (qst__rows){{s->x, s->n, P, s->n}, s->y, s->weights, shifts};
}

/* The slow version: element j of row i, shifted. */
static double at(const qst__rows *rows, ptrdiff_t i, ptrdiff_t j)
{
    const double value = j < P ? rows->x.data[i + j * rows->x.ld] : rows->y[i];
    return value - rows->shifts[j];
}

static void test_gram_is_that_of_the_slow_sum(void **state)
{
    (void)state;
    const double shifts[P + 1] = {0, 5, 0.5, -1};
    const ptrdiff_t sizes[] = {1, 127, 128, 129, 5000, 9001};
    for (int k = 0; k < 6; k++) {
        sample s = make_sample(sizes[k]);
        const qst__rows rows = rows_of(&s, shifts);
        double gram[16];
        assert_status(qst__gram(NULL, &rows, (qst_mat){gram, 4, 4, 4}, NULL), QST_OK, NULL);
        for (ptrdiff_t a = 0; a <= P; a++) {
            for (ptrdiff_t b = 0; b <= P; b++) {
                qst__dd sum = {0.0, 0.0};
                for (ptrdiff_t i = 0; i < s.n; i++) {
                    const qst__dd product = qst__two_product(at(&rows, i, a), at(&rows, i, b));
                    sum = qst__dd_sum(sum, qst__dd_times(product, s.weights[i]));
                }
                assert_close(gram[a + 4 * b], qst__dd_value(sum), 1e-14, 1e-13);
            }
        }
        free_sample(&s);
    }
}

static void test_residuals_and_cross_products(void **state)
{
    (void)state;
    sample s = make_sample(9001);
    const double shifts[P + 1] = {0, 5, 0.5, -1}, b[P] = {1, -2, 3};
    const qst__rows rows = rows_of(&s, shifts);
    double *residuals = calloc((size_t)s.n, sizeof(double));
    double cross[P + 1], want[P + 1] = {0};
    assert_status(qst__residuals(NULL, &rows, b, residuals, cross, NULL), QST_OK, NULL);
    for (ptrdiff_t i = 0; i < s.n; i++) {
        double r = at(&rows, i, P);
        for (ptrdiff_t j = 0; j < P; j++) {
            r -= at(&rows, i, j) * b[j];
        }
        assert_close(residuals[i], r, 1e-14, 1e-14);
        for (ptrdiff_t j = 0; j < P; j++) {
            want[j] += s.weights[i] * at(&rows, i, j) * r;
        }
        want[P] += s.weights[i] * r * r;
    }
    for (ptrdiff_t j = 0; j <= P; j++) {
        assert_close(cross[j], want[j], 1e-12, 1e-12);
    }
    free(residuals);
    free_sample(&s);
}

static void test_leverage_adds_up_to_the_rank(void **state)
{
    (void)state;
    sample s = make_sample(5000);
    const qst__rows rows = rows_of(&s, NULL);
    double gram[16], factor[9], pivots[P];
    assert_status(qst__gram(NULL, &rows, (qst_mat){gram, 4, 4, 4}, NULL), QST_OK, NULL);
    for (int j = 0; j < P; j++) {
        memcpy(factor + 3 * j, gram + 4 * j, P * sizeof(double));
    }
    assert_int_equal(qst__cholesky((qst_mat){factor, 3, 3, 3}, 1e-14, pivots), 3);
    double *leverage = calloc((size_t)s.n, sizeof(double)), sum = 0.0;
    assert_status(
        qst__leverage(NULL, &rows, (qst_cmat){factor, 3, 3, 3}, leverage, NULL), QST_OK, NULL);
    for (ptrdiff_t i = 0; i < s.n; i++) {
        assert_true(leverage[i] >= 0.0 && leverage[i] <= 1.0);
        assert_true(s.weights[i] > 0.0 || leverage[i] == 0.0);
        sum += leverage[i];
    }
    assert_close(sum, 3.0, 1e-12, 0);
    free(leverage);
    free_sample(&s);
}

static void test_means_count_weighted_rows_only(void **state)
{
    (void)state;
    const double x[] = {3, 3, 9, 1, 2, 100}, y[] = {0.1, 0.1, 0.1}, weights[] = {1, 3, 0};
    const qst__rows rows = {{x, 3, 2, 3}, y, weights, NULL};
    double means[3];
    bool is_constant[3];
    assert_status(qst__column_means(NULL, &rows, means, is_constant, NULL), QST_OK, NULL);
    assert_close(means[0], 3.0, 0, 0);
    assert_close(means[1], 1.75, 0, 0);
    assert_true(means[2] == 0.1);
    assert_true(is_constant[0] && !is_constant[1] && is_constant[2]);
}

static void test_means_refuse_what_is_not_finite(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, (double)NAN}, y[] = {1, (double)INFINITY}, zero[] = {0, 0};
    double means[3];
    bool is_constant[3];
    qst_err err;
    qst_err_init(&err);
    qst__rows rows = {{x, 2, 2, 2}, y, NULL, NULL};
    assert_status(qst__column_means(NULL, &rows, means, is_constant, &err), QST_EARGUMENT, &err);
    assert_int_equal(err.row, 1);
    assert_int_equal(err.column, 1);
    assert_text(&err, "not finite");
    qst_err_init(&err);
    rows.x.n_cols = 1;
    assert_status(qst__column_means(NULL, &rows, means, is_constant, &err), QST_EARGUMENT, &err);
    assert_int_equal(err.column, 1);
    qst_err_init(&err);
    rows.x.n_cols = 0;
    rows.y = x;
    rows.weights = zero;
    assert_status(qst__column_means(NULL, &rows, means, is_constant, &err), QST_ENODATA, &err);
}

static qst_status all_passes(const qst_ctx *ctx, void *data, qst_err *err)
{
    const sample *s = data;
    const qst__rows rows = rows_of(s, NULL);
    double gram[16], cross[P + 1], means[P + 1];
    const double b[P] = {1, 2, 3};
    const double unit[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    bool is_constant[P + 1];
    double *per_row = malloc((size_t)s->n * sizeof(double));
    qst_status status = qst__column_means(ctx, &rows, means, is_constant, err);
    if (status == QST_OK) {
        status = qst__gram(ctx, &rows, (qst_mat){gram, 4, 4, 4}, err);
    }
    if (status == QST_OK) {
        status = qst__residuals(ctx, &rows, b, per_row, cross, err);
    }
    if (status == QST_OK) {
        status = qst__leverage(ctx, &rows, (qst_cmat){unit, 3, 3, 3}, per_row, err);
    }
    free(per_row);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    sample s = make_sample(300);
    assert_true(assert_survives_no_memory(all_passes, &s) >= 5);
    free_sample(&s);
}

static void test_it_can_be_stopped(void **state)
{
    (void)state;
    sample s = make_sample(3000000);
    assert_cancels(all_passes, &s, 1);
    assert_cancels(all_passes, &s, 2);
    free_sample(&s);
}

static void test_any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    sample s = make_sample(30000);
    const qst__rows rows = rows_of(&s, NULL);
    const double b[P] = {1, 2, 3};
    const int n_threads[] = {1, 2, 7};
    double gram[3][16], cross[3][P + 1], means[3][P + 1];
    bool is_constant[P + 1];
    double *residuals = malloc((size_t)s.n * sizeof(double));
    for (int k = 0; k < 3; k++) {
        test_memory memory = {0};
        const qst_ctx ctx = test_ctx(&memory, n_threads[k]);
        assert_status(qst__column_means(&ctx, &rows, means[k], is_constant, NULL), QST_OK, NULL);
        assert_status(qst__gram(&ctx, &rows, (qst_mat){gram[k], 4, 4, 4}, NULL), QST_OK, NULL);
        assert_status(qst__residuals(&ctx, &rows, b, residuals, cross[k], NULL), QST_OK, NULL);
        assert_memory_equal(gram[k], gram[0], sizeof gram[0]);
        assert_memory_equal(cross[k], cross[0], sizeof cross[0]);
        assert_memory_equal(means[k], means[0], sizeof means[0]);
    }
    free(residuals);
    free_sample(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gram_is_that_of_the_slow_sum),
        cmocka_unit_test(test_residuals_and_cross_products),
        cmocka_unit_test(test_leverage_adds_up_to_the_rank),
        cmocka_unit_test(test_means_count_weighted_rows_only),
        cmocka_unit_test(test_means_refuse_what_is_not_finite),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_it_can_be_stopped),
        cmocka_unit_test(test_any_number_of_threads_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
