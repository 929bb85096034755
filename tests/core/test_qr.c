#include "la/la.h"
#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N 6
#define P 4

/* Columns 1, x, 1 + x, x^2: the third is aliased. */
static void fill(double *a, double aliased_by)
{
    for (int i = 0; i < N; i++) {
        a[i] = 1.0;
        a[i + N] = i;
        a[i + 2 * N] = 1.0 + i + (i == 2 ? aliased_by : 0.0);
        a[i + 3 * N] = i * i;
    }
}

static void factor(qst__arena *arena, const double *a, double tol, qst__qr *qr)
{
    qst__arena_init(arena, NULL);
    assert_status(qst__qr_make(arena, N, P, qr, NULL), QST_OK, NULL);
    memcpy(qr->a.data, a, N * P * sizeof(double));
    assert_status(qst__qr_factor(NULL, qr, tol, NULL), QST_OK, NULL);
}

static void test_the_aliased_column_goes_to_the_end(void **state)
{
    (void)state;
    double a[N * P];
    fill(a, 0.0);
    qst__arena arena;
    qst__qr qr;
    factor(&arena, a, 1e-7, &qr);
    assert_int_equal(qr.rank, 3);
    const ptrdiff_t want[P] = {0, 1, 3, 2};
    assert_memory_equal(qr.pivot, want, sizeof want);
    qst__arena_free(&arena);
}

/* Relative to its norm of about 8.9, column 3 keeps about 0.8 of what is added to one element. */
static void test_the_tolerance_decides_as_in_lm(void **state)
{
    (void)state;
    double a[N * P];
    qst__arena arena;
    qst__qr qr;
    fill(a, 1e-5);
    factor(&arena, a, 1e-7, &qr);
    assert_int_equal(qr.rank, 4);
    qst__arena_free(&arena);
    fill(a, 1e-7);
    factor(&arena, a, 1e-7, &qr);
    assert_int_equal(qr.rank, 3);
    qst__arena_free(&arena);
}

static void test_r_and_q_give_the_matrix_back(void **state)
{
    (void)state;
    double a[N * P], r[P * P];
    fill(a, 0.0);
    qst__arena arena;
    qst__qr qr;
    factor(&arena, a, 1e-7, &qr);
    qst__qr_r(&qr, (qst_mat){r, P, P, P});
    for (int k = 0; k < P; k++) {
        assert_true(r[2 + P * k] == 0.0 && r[k + P * 2] == 0.0);
    }
    const int kept[3] = {0, 1, 3};
    for (int c = 0; c < 3; c++) {
        double column[N] = {0};
        for (int k = 0; k < 3; k++) {
            column[k] = r[kept[k] + P * kept[c]];
        }
        qst__qr_qy(&qr, column);
        for (int i = 0; i < N; i++) {
            assert_close(column[i], a[i + N * kept[c]], 1e-14, 1e-14);
        }
        qst__qr_qty(&qr, column);
        assert_close(column[0], r[P * kept[c]], 1e-14, 1e-14);
    }
    qst__arena_free(&arena);
}

static void test_more_columns_than_rows(void **state)
{
    (void)state;
    const double a[] = {1, 2, 3, 4, 5, 7};
    qst__arena arena;
    qst__arena_init(&arena, NULL);
    qst__qr qr;
    assert_status(qst__qr_make(&arena, 2, 3, &qr, NULL), QST_OK, NULL);
    memcpy(qr.a.data, a, sizeof a);
    assert_status(qst__qr_factor(NULL, &qr, 1e-7, NULL), QST_OK, NULL);
    assert_int_equal(qr.rank, 2);
    qst__arena_free(&arena);
}

static void test_zeros_have_no_rank(void **state)
{
    (void)state;
    double a[N * P] = {0};
    qst__arena arena;
    qst__qr qr;
    factor(&arena, a, 1e-7, &qr);
    assert_int_equal(qr.rank, 0);
    qst__arena_free(&arena);
}

static qst_status entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    const ptrdiff_t n = *(const ptrdiff_t *)data;
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst__qr qr;
    qst_status status = qst__qr_make(&arena, n, n, &qr, err);
    uint64_t seed = 3;
    for (ptrdiff_t k = 0; status == QST_OK && k < n * n; k++) {
        qr.a.data[k] = test_normal(&seed);
    }
    if (status == QST_OK) {
        status = qst__qr_factor(ctx, &qr, 1e-7, err);
    }
    qst__arena_free(&arena);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    ptrdiff_t n = 5;
    assert_int_equal(assert_survives_no_memory(entry, &n), 3);
}

static void test_it_can_be_stopped(void **state)
{
    (void)state;
    ptrdiff_t n = 700;
    assert_cancels(entry, &n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_aliased_column_goes_to_the_end),
        cmocka_unit_test(test_the_tolerance_decides_as_in_lm),
        cmocka_unit_test(test_r_and_q_give_the_matrix_back),
        cmocka_unit_test(test_more_columns_than_rows),
        cmocka_unit_test(test_zeros_have_no_rank),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_it_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
