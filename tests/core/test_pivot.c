/* Long to wide against a search for each place. */
#include "qst_test.h"

#include <math.h>
#include <stdlib.h>

#define N_ROWS 40
#define N_COLS 6

/* Column j holds integers where j is even. */
typedef struct {
    int32_t row[N_ROWS * N_COLS], column[N_ROWS * N_COLS];
    double value[N_ROWS * N_COLS];
    qst_long cells;
    int32_t ints[N_COLS][N_ROWS];
    double doubles[N_COLS][N_ROWS];
    qst_wide_col columns[N_COLS];
    qst_wide wide;
} sample;

static void sample_make(sample *s)
{
    uint64_t stream = 11;
    ptrdiff_t n = 0;
    for (int j = 0; j < N_COLS; j++) {
        s->columns[j] = j % 2 == 0 ? (qst_wide_col){.ints = s->ints[j]}
                                   : (qst_wide_col){.doubles = s->doubles[j]};
        for (int i = 0; i < N_ROWS; i++) {
            if (test_uniform(&stream) < 0.8) {
                s->row[n] = i + 1;
                s->column[n] = j + 1;
                s->value[n] = floor(7 * test_uniform(&stream)) - 3 + (j % 2 == 0 ? 0 : 0.25);
                n++;
            }
        }
    }
    s->cells = (qst_long){s->row, s->column, s->value, n};
    s->wide = (qst_wide){s->columns, N_COLS, N_ROWS};
}

/* Any order: the values are exchanged at random. */
static void sample_shuffle(sample *s)
{
    uint64_t stream = 3;
    for (ptrdiff_t i = s->cells.n - 1; i > 0; i--) {
        const ptrdiff_t k = (ptrdiff_t)((double)(i + 1) * test_uniform(&stream));
        const int32_t row = s->row[i], column = s->column[i];
        const double value = s->value[i];
        s->row[i] = s->row[k];
        s->column[i] = s->column[k];
        s->value[i] = s->value[k];
        s->row[k] = row;
        s->column[k] = column;
        s->value[k] = value;
    }
}

static double found(const sample *s, int i, int j)
{
    for (ptrdiff_t at = 0; at < s->cells.n; at++) {
        if (s->row[at] == i + 1 && s->column[at] == j + 1) {
            return s->value[at];
        }
    }
    return (double)NAN;
}

static void assert_pivots(sample *s)
{
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_pivot(NULL, &s->cells, &s->wide, &err), QST_OK, &err);
    for (int j = 0; j < N_COLS; j++) {
        for (int i = 0; i < N_ROWS; i++) {
            const double want = found(s, i, j);
            if (j % 2 == 0) {
                assert_int_equal(s->ints[j][i], isnan(want) ? QST_NA_INT : (int32_t)want);
            } else if (isnan(want)) {
                assert_true(qst_is_na_real(s->doubles[j][i]));
            } else {
                assert_true(s->doubles[j][i] == want);
            }
        }
    }
}

static void test_against_search(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    assert_pivots(&s);
    sample_shuffle(&s);
    assert_pivots(&s);
}

static void test_empty(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    s.cells.n = 0;
    assert_int_equal(qst_pivot(NULL, &s.cells, &s.wide, NULL), QST_OK);
    assert_int_equal(s.ints[0][N_ROWS - 1], QST_NA_INT);
    assert_true(qst_is_na_real(s.doubles[1][0]));
    s.wide.n_rows = 0;
    assert_int_equal(qst_pivot(NULL, &s.cells, &s.wide, NULL), QST_OK);
    s.wide.n_cols = 0;
    assert_int_equal(qst_pivot(NULL, &s.cells, &s.wide, NULL), QST_OK);
}

static void test_ends_of_integers(void **state)
{
    (void)state;
    const int32_t row[] = {1, 2}, column[] = {1, 1};
    double value[] = {-2147483647.0, 2147483647.0};
    int32_t ints[2];
    const qst_wide_col to = {.ints = ints};
    const qst_long cells = {row, column, value, 2};
    const qst_wide wide = {&to, 1, 2};
    assert_int_equal(qst_pivot(NULL, &cells, &wide, NULL), QST_OK);
    assert_int_equal(ints[0], -INT32_MAX);
    assert_int_equal(ints[1], INT32_MAX);
    const double bad[] = {
        -2147483648.0, 2147483648.0, 0.5, (double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        value[1] = bad[k];
        qst_err err;
        qst_err_init(&err);
        assert_status(qst_pivot(NULL, &cells, &wide, &err), QST_ERANGE, &err);
        assert_text(&err, "is not a whole number, as column 1 holds");
        assert_int_equal(err.row, 1);
        assert_int_equal(err.column, 0);
    }
}

static void assert_refused(sample *s, qst_status want, ptrdiff_t at, const char *text)
{
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_pivot(NULL, &s->cells, &s->wide, &err), want, &err);
    assert_text(&err, text);
    assert_int_equal(err.row, at);
}

static void test_places_outside(void **state)
{
    (void)state;
    const int32_t bad[] = {0, -1, N_ROWS + 1, QST_NA_INT, INT32_MAX};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        sample s;
        sample_make(&s);
        s.row[5] = bad[k];
        assert_refused(&s, QST_EARGUMENT, 5, "of a table of 40 rows and 6 columns");
        sample_make(&s);
        s.column[7] = bad[k];
        assert_refused(&s, QST_EARGUMENT, 7, "of a table of 40 rows and 6 columns");
    }
}

static void test_second_values(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    const ptrdiff_t last = s.cells.n - 1; /* of column 6, doubles */
    s.row[last] = s.row[last - 1];
    assert_refused(&s, QST_EARGUMENT, last, "is the second for its place in column 6");
    sample_make(&s);
    s.row[1] = s.row[0]; /* of column 1, integers */
    assert_refused(&s, QST_EARGUMENT, 1, "is the second for its place in column 1");
}

static void test_missing_values(void **state)
{
    (void)state;
    sample s;
    sample_make(&s);
    const ptrdiff_t last = s.cells.n - 1;
    s.value[last] = (double)NAN;
    assert_refused(&s, QST_ERANGE, last, "is missing or no number");
}

/* Many more values, for a poll to come in between. */
typedef struct {
    int32_t *codes;
    double *values;
    ptrdiff_t n;
} tall;

static qst_status run(const qst_ctx *ctx, void *data, qst_err *err)
{
    const tall *t = data;
    double *to = malloc(sizeof *to * (size_t)t->n);
    const qst_wide_col column = {.doubles = to};
    const qst_wide wide = {&column, 1, t->n};
    int32_t *ones = malloc(sizeof *ones * (size_t)t->n);
    for (ptrdiff_t i = 0; i < t->n; i++) {
        ones[i] = 1;
    }
    const qst_long cells = {t->codes, ones, t->values, t->n};
    const qst_status status = qst_pivot(ctx, &cells, &wide, err);
    free(ones);
    free(to);
    return status;
}

static void tall_make(tall *t, ptrdiff_t n)
{
    *t = (tall){malloc(sizeof *t->codes * (size_t)n), malloc(sizeof *t->values * (size_t)n), n};
    for (ptrdiff_t i = 0; i < n; i++) {
        t->codes[i] = (int32_t)(n - i);
        t->values[i] = (double)i;
    }
}

static void tall_free(tall *t)
{
    free(t->codes);
    free(t->values);
}

static void test_no_memory_is_asked_for(void **state)
{
    (void)state;
    tall t;
    tall_make(&t, 100);
    assert_int_equal(assert_survives_no_memory(run, &t), 0);
    tall_free(&t);
}

static void test_cancel(void **state)
{
    (void)state;
    tall t;
    tall_make(&t, 300000);
    assert_cancels(run, &t, 1);
    tall_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_search),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_ends_of_integers),
        cmocka_unit_test(test_places_outside),
        cmocka_unit_test(test_second_values),
        cmocka_unit_test(test_missing_values),
        cmocka_unit_test(test_no_memory_is_asked_for),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
