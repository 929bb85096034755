/* Equal rows against a comparison of every pair. */
#include "qst_test.h"

#include <math.h>
#include <stdlib.h>

#define K 3

typedef struct {
    double *x;
    qst_col columns[K];
    qst_scale scale;
} sample;

static void sample_make(sample *s, ptrdiff_t n)
{
    uint64_t stream = 5;
    s->x = malloc(sizeof *s->x * (size_t)(K * n));
    for (ptrdiff_t i = 0; i < K * n; i++) {
        s->x[i] = test_uniform(&stream) < 0.1 ? (double)NAN : floor(8 * test_uniform(&stream));
    }
    for (int j = 0; j < K; j++) {
        s->columns[j] = (qst_col){QST_COL_DOUBLE, s->x + j * n, n, 0};
    }
    s->scale = (qst_scale){s->columns, NULL, K, n, {0, 1, 7}};
}

static bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void test_against_all_pairs(void **state)
{
    (void)state;
    enum { n = 2500 };
    sample s;
    sample_make(&s, n);
    static int32_t same[n];
    assert_int_equal(qst_duplicate_rows(NULL, &s.scale, same, NULL), QST_OK);
    for (int a = 0; a < n; a++) {
        int32_t want = 0;
        for (int b = 0; b < n; b++) {
            want += b != a && is_same(s.x[a], s.x[b]) && is_same(s.x[n + a], s.x[n + b]) &&
                    is_same(s.x[2 * n + a], s.x[2 * n + b]);
        }
        assert_int_equal(same[a], want);
    }
    free(s.x);
}

static void test_all_alike(void **state)
{
    (void)state;
    enum { n = 3000 };
    static int32_t x[n], same[n];
    const qst_col column = {QST_COL_INT, x, n, 0};
    const qst_scale scale = {&column, NULL, 1, n, {0, 1, 3}};
    assert_int_equal(qst_duplicate_rows(NULL, &scale, same, NULL), QST_OK);
    for (int i = 0; i < n; i++) {
        assert_int_equal(same[i], n - 1);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    sample s;
    sample_make(&s, 50);
    int32_t same[50];
    s.x[60] = 8;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_duplicate_rows(NULL, &s.scale, same, &err), QST_ERANGE, &err);
    assert_int_equal(err.row, 10);
    assert_int_equal(err.column, 1);
    for (int j = 0; j < K; j++) {
        s.columns[j].n = (ptrdiff_t)1 << 31;
    }
    s.scale.n_rows = (ptrdiff_t)1 << 31;
    qst_err_init(&err);
    assert_status(qst_duplicate_rows(NULL, &s.scale, same, &err), QST_EOVERFLOW, &err);
    free(s.x);
}

static qst_status run(const qst_ctx *ctx, void *data, qst_err *err)
{
    const qst_scale *scale = data;
    int32_t *same = malloc(sizeof *same * (size_t)scale->n_rows);
    const qst_status status = qst_duplicate_rows(ctx, scale, same, err);
    free(same);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    sample s;
    sample_make(&s, 100);
    assert_int_equal(assert_survives_no_memory(run, &s.scale), 3);
    free(s.x);
}

static void test_cancel(void **state)
{
    (void)state;
    sample s;
    sample_make(&s, 3000000);
    assert_cancels(run, &s.scale, 1);
    free(s.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_all_pairs),
        cmocka_unit_test(test_all_alike),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
