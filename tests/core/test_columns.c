/* What columns hold, against what was put into them. */
#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N 200000

typedef struct {
    double x[N];
    int32_t ints[N], few[N], many[N];
    qst_col columns[4];
} sample;

/* Complete columns; `few` has levels 1 to 3 of 4, `many` all of 500. */
static sample *make_sample(void)
{
    sample *s = malloc(sizeof *s);
    for (int i = 0; i < N; i++) {
        s->x[i] = i == 7 ? (double)INFINITY : i - 0.5;
        s->ints[i] = i - N / 2;
        s->few[i] = 1 + i % 3;
        s->many[i] = 1 + i % 500;
    }
    s->columns[0] = (qst_col){QST_COL_DOUBLE, s->x, N, 0};
    s->columns[1] = (qst_col){QST_COL_FACTOR, s->few, N, 4};
    s->columns[2] = (qst_col){QST_COL_INT, s->ints, N, 0};
    s->columns[3] = (qst_col){QST_COL_FACTOR, s->many, N, 500};
    return s;
}

typedef struct {
    bool missing[4];
    bool seen[504];
} result;

static result scan(const sample *s, int n_threads)
{
    test_memory memory = {0};
    const qst_ctx ctx = test_ctx(&memory, n_threads);
    qst_err err;
    qst_err_init(&err);
    result r;
    assert_status(qst_columns_scan(&ctx, s->columns, 4, r.missing, r.seen, &err), QST_OK, &err);
    assert_int_equal(memory.n_live, 0);
    return r;
}

static void test_complete(void **state)
{
    (void)state;
    sample *s = make_sample();
    const result r = scan(s, 1);
    for (int j = 0; j < 4; j++) {
        assert_false(r.missing[j]);
    }
    assert_true(r.seen[0] && r.seen[1] && r.seen[2]);
    assert_false(r.seen[3]);
    for (int k = 4; k < 504; k++) {
        assert_true(r.seen[k]);
    }
    free(s);
}

static void put_missing(sample *s, int j, int i)
{
    int32_t *const codes[] = {NULL, s->few, s->ints, s->many};
    if (j == 0) {
        s->x[i] = i % 2 == 0 ? qst_na_real() : (double)NAN;
    } else {
        codes[j][i] = QST_NA_INT;
    }
}

/* One missing value, anywhere, of any kind, by any number of threads. */
static void test_missing(void **state)
{
    (void)state;
    const int places[] = {0, 1, 16383, 16384, 99999, N - 1};
    for (int k = 0; k < 24; k++) {
        sample *s = make_sample();
        put_missing(s, k % 4, places[k / 4]);
        for (int n_threads = 1; n_threads <= 7; n_threads += 3) {
            const result r = scan(s, n_threads);
            for (int j = 0; j < 4; j++) {
                assert_int_equal(r.missing[j], j == k % 4);
            }
        }
        free(s);
    }
}

static void test_small(void **state)
{
    (void)state;
    bool missing[2] = {true, true}, seen[2] = {true, true};
    assert_status(qst_columns_scan(NULL, NULL, 0, missing, seen, NULL), QST_OK, NULL);
    const int32_t code = 2;
    const double none = (double)NAN;
    const qst_col columns[] = {
        {QST_COL_FACTOR, &code, 1, 2},
        {QST_COL_DOUBLE, &none, 1, 0},
    };
    assert_status(qst_columns_scan(NULL, columns, 2, missing, seen, NULL), QST_OK, NULL);
    assert_true(!missing[0] && missing[1] && !seen[0] && seen[1]);
    const qst_col empty[] = {{QST_COL_DOUBLE, NULL, 0, 0}, {QST_COL_FACTOR, NULL, 0, 2}};
    assert_status(qst_columns_scan(NULL, empty, 2, missing, seen, NULL), QST_OK, NULL);
    assert_true(!missing[0] && !missing[1] && !seen[0] && !seen[1]);
}

static void test_refusal(void **state)
{
    (void)state;
    sample *s = make_sample();
    const int32_t wrong[] = {0, -1, 5};
    for (int k = 0; k < 3; k++) {
        s->few[150000] = wrong[k];
        bool missing[4], seen[504];
        qst_err err;
        qst_err_init(&err);
        assert_status(
            qst_columns_scan(NULL, s->columns, 4, missing, seen, &err), QST_EARGUMENT, &err);
        assert_text(&err, "in row 150001, column 2 is not one of 4 levels");
        assert_int_equal(err.row, 150000);
        assert_int_equal(err.column, 1);
        assert_close(err.value, wrong[k], 0, 0);
    }
    free(s);
}

static qst_status run(const qst_ctx *ctx, void *data, qst_err *err)
{
    const sample *s = data;
    result r;
    return qst_columns_scan(ctx, s->columns, 4, r.missing, r.seen, err);
}

static void test_no_memory(void **state)
{
    (void)state;
    sample *s = make_sample();
    assert_true(assert_survives_no_memory(run, s) >= 2);
    free(s);
}

static void test_cancel(void **state)
{
    (void)state;
    sample *s = make_sample();
    assert_cancels(run, s, 1);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
