/* Answer quality of small rows by hand, and of many by threads. (tests/testthat/test-quality.R
 * compares each index with a slow version.) */
#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define K 6

typedef struct {
    int32_t *answered, *longest_run, *distance_df;
    double *variability, *even_odd, *distance;
} result;

static qst_quality_out room(result *r, ptrdiff_t n)
{
    int32_t *ints = calloc((size_t)n, 3 * sizeof *ints);
    double *doubles = calloc((size_t)n, 3 * sizeof *doubles);
    *r = (result){ints, ints + n, ints + 2 * n, doubles, doubles + n, doubles + 2 * n};
    return (qst_quality_out){
        r->answered, r->longest_run, r->variability, r->even_odd, r->distance, r->distance_df};
}

static void drop(const result *r)
{
    free(r->answered);
    free(r->variability);
}

#define NONE ((double)NAN)

static void test_by_hand(void **state)
{
    (void)state;
    enum { n = 5 };
    static const double x[K][n] = {
        {1, 3, NONE, 5, 1},
        {2, 3, NONE, 4, 2},
        {3, NONE, NONE, 3, 4},
        {4, 3, NONE, 2, 4},
        {5, 3, NONE, 1, 4},
        {5, 3, NONE, 1, 1},
    };
    qst_col columns[K];
    for (int j = 0; j < K; j++) {
        columns[j] = (qst_col){QST_COL_DOUBLE, x[j], n, 0};
    }
    const bool reversed[K] = {false, false, false, false, false, true};
    const qst_scale scale = {columns, reversed, K, n, {1, 1, 4}};
    const int32_t half[K] = {0, 1, 2, 3, 4, 5};
    result r;
    const qst_quality_out out = room(&r, n);
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_answer_quality(NULL, &scale, half, 6, &out, &err), QST_OK, &err);
    const int32_t answered[] = {6, 5, 0, 6, 6};
    const int32_t longest[] = {2, 3, 0, 2, 3};
    for (int i = 0; i < n; i++) {
        assert_int_equal(r.answered[i], answered[i]);
        assert_int_equal(r.longest_run[i], longest[i]);
    }
    assert_close(r.variability[0], sqrt(80.0 / 30.0), 1e-14, 0); /* n = 6, sum 20, squares 80 */
    assert_close(r.variability[1], 0, 0, 0);
    assert_close(r.variability[2], qst_na_real(), 0, 0);
    /* Pairs (1, 2), (3, 4), (5, 6 - 5): products -2, squares 8 and 42 / 9. */
    const double cor = -2.0 / sqrt(8.0 * 42.0 / 9.0);
    assert_close(r.even_odd[0], 2.0 * cor / (1.0 + cor), 1e-14, 0);
    assert_close(r.even_odd[2], qst_na_real(), 0, 0);
    assert_close(r.even_odd[1], qst_na_real(), 0, 0);
    assert_close(r.distance[2], qst_na_real(), 0, 0);
    assert_int_equal(r.distance_df[2], 0);
    drop(&r);
}

/* Two items, four complete rows at the corners: covariance (n/(n-1)) I, distance 2 * 3/4. */
static void test_distance_of_corners(void **state)
{
    (void)state;
    const double a[] = {1, 1, 3, 3, 3}, b[] = {1, 3, 1, 3, NONE};
    const qst_col columns[] = {{QST_COL_DOUBLE, a, 5, 0}, {QST_COL_DOUBLE, b, 5, 0}};
    const qst_scale scale = {columns, NULL, 2, 5, {1, 1, 2}};
    const int32_t half[] = {-1, -1};
    result r;
    const qst_quality_out out = room(&r, 5);
    assert_int_equal(qst_answer_quality(NULL, &scale, half, 0, &out, NULL), QST_OK);
    for (int i = 0; i < 4; i++) {
        assert_close(r.distance[i], 1.5, 1e-14, 0);
        assert_int_equal(r.distance_df[i], 2);
        assert_close(r.even_odd[i], qst_na_real(), 0, 0);
    }
    assert_close(r.distance[4], 0.75, 1e-14, 0);
    assert_int_equal(r.distance_df[4], 1);
    drop(&r);
}

typedef struct {
    double *x;
    qst_col columns[K];
    qst_scale scale;
} sample;

static void sample_make(sample *s, ptrdiff_t n)
{
    uint64_t stream = 3;
    s->x = malloc(sizeof *s->x * (size_t)(K * n));
    for (ptrdiff_t i = 0; i < K * n; i++) {
        const double u = test_uniform(&stream);
        s->x[i] = u < 0.05 ? NONE : 1 + floor(5 * test_uniform(&stream));
    }
    for (int j = 0; j < K; j++) {
        s->columns[j] = (qst_col){QST_COL_DOUBLE, s->x + j * n, n, 0};
    }
    s->scale = (qst_scale){s->columns, NULL, K, n, {1, 1, 4}};
}

static const int32_t pairs[K] = {0, 1, 2, 3, 4, 5};

static void test_threads_same_bits(void **state)
{
    (void)state;
    enum { n = 50000 };
    sample s;
    sample_make(&s, n);
    result r[3];
    const int n_threads[] = {1, 2, 7};
    for (int k = 0; k < 3; k++) {
        test_memory memory = {0};
        const qst_ctx ctx = test_ctx(&memory, n_threads[k]);
        const qst_quality_out out = room(&r[k], n);
        qst_err err;
        qst_err_init(&err);
        assert_status(qst_answer_quality(&ctx, &s.scale, pairs, 6, &out, &err), QST_OK, &err);
        assert_int_equal(memory.n_live, 0);
        assert_memory_equal(r[k].answered, r[0].answered, 3 * n * sizeof(int32_t));
        assert_memory_equal(r[k].variability, r[0].variability, 3 * n * sizeof(double));
    }
    for (int k = 0; k < 3; k++) {
        drop(&r[k]);
    }
    free(s.x);
}

static void test_refusals(void **state)
{
    (void)state;
    enum { n = 10 };
    sample s;
    sample_make(&s, n);
    result r;
    const qst_quality_out out = room(&r, n);
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_answer_quality(NULL, &s.scale, pairs, 4, &out, &err), QST_EARGUMENT, &err);
    assert_text(&err, "half 4");
    qst_err_init(&err);
    const int32_t none[K] = {-1, -1, -1, -1, -1, -1};
    assert_status(qst_answer_quality(NULL, &s.scale, none, 3, &out, &err), QST_EARGUMENT, &err);
    s.x[13] = 6;
    qst_err_init(&err);
    assert_status(qst_answer_quality(NULL, &s.scale, pairs, 6, &out, &err), QST_ERANGE, &err);
    assert_int_equal(err.row, 3);
    assert_int_equal(err.column, 1);
    qst_err_init(&err);
    s.scale.n_rows = 0;
    assert_status(qst_answer_quality(NULL, &s.scale, pairs, 6, &out, &err), QST_ENODATA, &err);
    drop(&r);
    free(s.x);
}

static qst_status run(const qst_ctx *ctx, void *data, qst_err *err)
{
    const qst_scale *scale = data;
    result r;
    const qst_quality_out out = room(&r, scale->n_rows);
    const qst_status status = qst_answer_quality(ctx, scale, pairs, 6, &out, err);
    drop(&r);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    sample s;
    sample_make(&s, 100);
    assert_true(assert_survives_no_memory(run, &s.scale) >= 8);
    free(s.x);
}

static void test_cancel(void **state)
{
    (void)state;
    sample s;
    sample_make(&s, 1000000);
    assert_cancels(run, &s.scale, 1);
    assert_cancels(run, &s.scale, 2);
    free(s.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_distance_of_corners),
        cmocka_unit_test(test_threads_same_bits),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
