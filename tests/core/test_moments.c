/* Item moments against two-pass sums over one pair of items at a time. */
#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define K 5
#define N 70000
#define NOBODY 3 /* an item that nobody answered */

typedef struct {
    double x[K][N];
    int32_t ints[N]; /* item 1 again, as integers */
    qst_col columns[K];
    bool reversed[K];
    qst_scale scale;
} sample;

static sample *make_sample(void)
{
    sample *s = malloc(sizeof *s);
    uint64_t stream = 11;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < K; j++) {
            const bool missing = j == NOBODY || test_uniform(&stream) < 0.1;
            s->x[j][i] = missing ? (double)NAN : 1 + floor(5 * test_uniform(&stream));
        }
        s->ints[i] = isnan(s->x[1][i]) ? QST_NA_INT : (int32_t)s->x[1][i];
    }
    for (int j = 0; j < K; j++) {
        s->columns[j] = (qst_col){QST_COL_DOUBLE, s->x[j], N, 0};
        s->reversed[j] = j == 2;
    }
    s->columns[1] = (qst_col){QST_COL_INT, s->ints, N, 0};
    s->scale = (qst_scale){s->columns, s->reversed, K, N, {1, 1, 4}};
    return s;
}

typedef struct {
    bool is_answered[K];
    double n[K * K], mean[K], cov[K * K];
} result;

static qst_item_moments_out into(result *r)
{
    return (qst_item_moments_out){r->is_answered, r->n, r->mean, r->cov};
}

static double answer(const sample *s, int j, int i)
{
    return s->reversed[j] ? 6 - s->x[j][i] : s->x[j][i];
}

static bool counts(const sample *s, qst_missing missing, int a, int b, int i)
{
    if (missing == QST_PAIRWISE) {
        return !isnan(s->x[a][i]) && !isnan(s->x[b][i]);
    }
    for (int j = 0; j < K; j++) {
        if (j != NOBODY && isnan(s->x[j][i])) {
            return false;
        }
    }
    return true;
}

static void check_pair(const sample *s, qst_missing missing, int a, int b, const result *r)
{
    double n = 0, mean_a = 0, mean_b = 0, sum = 0;
    for (int i = 0; i < N; i++) {
        if (counts(s, missing, a, b, i)) {
            n++;
            mean_a += answer(s, a, i);
            mean_b += answer(s, b, i);
        }
    }
    mean_a /= n;
    mean_b /= n;
    for (int i = 0; i < N; i++) {
        if (counts(s, missing, a, b, i)) {
            sum += (answer(s, a, i) - mean_a) * (answer(s, b, i) - mean_b);
        }
    }
    assert_close(r->n[a + b * K], n, 0, 0);
    assert_close(r->cov[a + b * K], sum / (n - 1), 1e-9, 1e-12);
    if (a == b) {
        assert_close(r->mean[a], mean_a, 1e-14, 0);
    }
}

static void test_against_slow(void **state)
{
    (void)state;
    sample *s = make_sample();
    for (int m = 0; m < 2; m++) {
        const qst_missing missing = m == 0 ? QST_LISTWISE : QST_PAIRWISE;
        result r;
        const qst_item_moments_out out = into(&r);
        qst_err err;
        qst_err_init(&err);
        assert_status(qst_item_moments(NULL, &s->scale, missing, &out, &err), QST_OK, &err);
        for (int a = 0; a < K; a++) {
            assert_int_equal(r.is_answered[a], a != NOBODY);
            for (int b = 0; b < K; b++) {
                if (a == NOBODY || b == NOBODY) {
                    assert_close(r.n[a + b * K], 0, 0, 0);
                    assert_close(r.cov[a + b * K], qst_na_real(), 0, 0);
                } else {
                    check_pair(s, missing, a, b, &r);
                }
            }
        }
        assert_close(r.mean[NOBODY], qst_na_real(), 0, 0);
    }
    free(s);
}

static void test_threads_same_bits(void **state)
{
    (void)state;
    sample *s = make_sample();
    result r[3];
    const int n_threads[] = {1, 2, 7};
    for (int k = 0; k < 3; k++) {
        test_memory memory = {0};
        const qst_ctx ctx = test_ctx(&memory, n_threads[k]);
        const qst_item_moments_out out = into(&r[k]);
        qst_err err;
        qst_err_init(&err);
        assert_status(qst_item_moments(&ctx, &s->scale, QST_LISTWISE, &out, &err), QST_OK, &err);
        assert_int_equal(memory.n_live, 0);
        assert_memory_equal(r[k].cov, r[0].cov, sizeof r[0].cov);
        assert_memory_equal(r[k].mean, r[0].mean, sizeof r[0].mean);
    }
    free(s);
}

/* 1, 2, 4 and 2, 2, 2 on a scale of quarter steps: variance 7/3, and 0 exactly. */
static void test_small_exact(void **state)
{
    (void)state;
    const double a[] = {1, 2, 4}, b[] = {2, 2, 2};
    const qst_col columns[] = {{QST_COL_DOUBLE, a, 3, 0}, {QST_COL_DOUBLE, b, 3, 0}};
    const qst_scale scale = {columns, NULL, 2, 3, {0, 0.25, 20}};
    bool is_answered[2];
    double n[4], mean[2], cov[4];
    const qst_item_moments_out out = {is_answered, n, mean, cov};
    assert_int_equal(qst_item_moments(NULL, &scale, QST_LISTWISE, &out, NULL), QST_OK);
    assert_close(cov[0], 7.0 / 3.0, 1e-15, 0);
    assert_true(cov[1] == 0 && cov[2] == 0 && cov[3] == 0);
    assert_true(mean[1] == 2);
    assert_close(mean[0], 7.0 / 3.0, 1e-15, 0);
}

/* The widest levels the dot products must hold. */
static void test_widest_range(void **state)
{
    (void)state;
    enum { n = 5000 };
    static double a[n];
    for (int i = 0; i < n; i++) {
        a[i] = 1448;
    }
    a[0] = 0;
    const qst_col column = {QST_COL_DOUBLE, a, n, 0};
    qst_scale scale = {&column, NULL, 1, n, {0, 1, 1448}};
    bool is_answered;
    double rows, mean, cov;
    const qst_item_moments_out out = {&is_answered, &rows, &mean, &cov};
    assert_int_equal(qst_item_moments(NULL, &scale, QST_LISTWISE, &out, NULL), QST_OK);
    assert_close(mean, 1448.0 * (n - 1) / n, 1e-15, 0);
    assert_close(cov, 1448.0 * 1448.0 / n, 1e-14, 0);
    scale.range.n_steps = 1449;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_item_moments(NULL, &scale, QST_LISTWISE, &out, &err), QST_EARGUMENT, &err);
    assert_text(&err, "1448");
}

static void test_too_few_rows(void **state)
{
    (void)state;
    const double a[] = {1, (double)NAN, 3}, b[] = {(double)NAN, 2, 2};
    const qst_col columns[] = {{QST_COL_DOUBLE, a, 3, 0}, {QST_COL_DOUBLE, b, 3, 0}};
    const qst_scale scale = {columns, NULL, 2, 3, {1, 1, 4}};
    bool is_answered[2];
    double n[4], mean[2], cov[4];
    const qst_item_moments_out out = {is_answered, n, mean, cov};
    assert_int_equal(qst_item_moments(NULL, &scale, QST_LISTWISE, &out, NULL), QST_OK);
    assert_true(n[0] == 1 && n[1] == 1);
    assert_close(cov[0], qst_na_real(), 0, 0);
    assert_int_equal(qst_item_moments(NULL, &scale, QST_PAIRWISE, &out, NULL), QST_OK);
    assert_true(n[0] == 2 && n[1] == 1);
    assert_close(cov[0], 2, 1e-15, 0);
    assert_close(cov[1], qst_na_real(), 0, 0);
}

static void test_fault(void **state)
{
    (void)state;
    sample *s = make_sample();
    s->x[4][40000] = 7;
    result r;
    const qst_item_moments_out out = into(&r);
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_item_moments(NULL, &s->scale, QST_LISTWISE, &out, &err), QST_ERANGE, &err);
    assert_int_equal(err.row, 40000);
    assert_int_equal(err.column, 4);
    free(s);
}

static qst_status run(const qst_ctx *ctx, void *data, qst_err *err)
{
    const qst_scale *scale = data;
    const size_t k = (size_t)scale->n_items;
    bool *is_answered = malloc(k * sizeof *is_answered);
    double *doubles = malloc((2 * k * k + k) * sizeof *doubles);
    const qst_item_moments_out out = {is_answered, doubles, doubles + 2 * k * k, doubles + k * k};
    const qst_status status = qst_item_moments(ctx, scale, QST_PAIRWISE, &out, err);
    free(is_answered);
    free(doubles);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    sample *s = make_sample();
    assert_true(assert_survives_no_memory(run, &s->scale) >= 4);
    free(s);
}

static void test_cancel(void **state)
{
    (void)state;
    enum { n_columns = 150 };
    sample *s = make_sample();
    qst_col columns[n_columns];
    for (int j = 0; j < n_columns; j++) {
        columns[j] = s->columns[0];
    }
    qst_scale scale = {columns, NULL, n_columns, N, {1, 1, 4}};
    assert_cancels(run, &scale, 1);
    assert_cancels(run, &scale, 2);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_slow),
        cmocka_unit_test(test_threads_same_bits),
        cmocka_unit_test(test_small_exact),
        cmocka_unit_test(test_widest_range),
        cmocka_unit_test(test_too_few_rows),
        cmocka_unit_test(test_fault),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
