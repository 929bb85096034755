/* Scores against a row by row computation. */
#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_ITEMS 11
#define N_ROWS (3 * 65536 + 1234)

/* Half the columns integer, half double; about 15% missing. */
typedef struct {
    qst_col columns[N_ITEMS];
    bool reversed[N_ITEMS];
    double *doubles;
    int32_t *ints;
    qst_scale scale;
} sample;

static void sample_fill(sample *s)
{
    s->doubles = malloc(sizeof *s->doubles * N_ITEMS * N_ROWS);
    s->ints = malloc(sizeof *s->ints * N_ITEMS * N_ROWS);
    uint64_t stream = 7;
    for (ptrdiff_t k = 0; k < (ptrdiff_t)N_ITEMS * N_ROWS; k++) {
        const bool missing = test_uniform(&stream) < 0.15;
        const int32_t answer = 1 + (int32_t)(7 * test_uniform(&stream));
        s->ints[k] = missing ? QST_NA_INT : answer;
        s->doubles[k] = missing ? (double)NAN : (double)answer;
    }
    for (ptrdiff_t j = 0; j < N_ITEMS; j++) {
        const bool is_int = j % 2 == 0;
        s->columns[j] = (qst_col){is_int ? QST_COL_INT : QST_COL_DOUBLE,
            is_int ? (const void *)(s->ints + j * N_ROWS) : s->doubles + j * N_ROWS, N_ROWS, 0};
        s->reversed[j] = j % 3 == 0;
    }
    s->scale = (qst_scale){s->columns, s->reversed, N_ITEMS, N_ROWS, {1, 1, 6}};
}

static void sample_free(sample *s)
{
    free(s->doubles);
    free(s->ints);
}

static double slow_score(const sample *s, ptrdiff_t row, const qst_score_rule *rule, int *n_out)
{
    double sum = 0;
    int n = 0;
    for (ptrdiff_t j = 0; j < N_ITEMS; j++) {
        const double x = s->doubles[j * N_ROWS + row];
        if (!isnan(x)) {
            sum += s->reversed[j] ? 8 - x : x;
            n++;
        }
    }
    *n_out = n;
    if (n == 0 || N_ITEMS - n > rule->n_missing_max) {
        return qst_na_real();
    }
    const double mean = sum / n;
    switch (rule->kind) {
    case QST_SCORE_SUM:
        return rule->multiply * N_ITEMS * mean;
    case QST_SCORE_MEAN:
        return rule->multiply * mean;
    default:
        return rule->multiply * 100 * (mean - 1) / 6;
    }
}

static void test_kinds(void **state)
{
    (void)state;
    sample s;
    sample_fill(&s);
    double *score = malloc(sizeof *score * N_ROWS);
    int32_t *answered = malloc(sizeof *answered * N_ROWS);
    const qst_score_rule rules[] = {{QST_SCORE_SUM, 1, 2}, {QST_SCORE_MEAN, 1, 0},
        {QST_SCORE_PERCENT, 1, 10}, {QST_SCORE_SUM, 1.25, 3}};
    for (size_t k = 0; k < sizeof rules / sizeof rules[0]; k++) {
        qst_err err;
        qst_err_init(&err);
        assert_status(
            qst_scale_score(NULL, &s.scale, &rules[k], score, answered, &err), QST_OK, &err);
        for (ptrdiff_t i = 0; i < N_ROWS; i++) {
            int n;
            const double want = slow_score(&s, i, &rules[k], &n);
            assert_int_equal(answered[i], n);
            assert_close(score[i], want, 1e-14, 0);
        }
    }
    free(score);
    free(answered);
    sample_free(&s);
}

static void test_complete_sum_is_exact(void **state)
{
    (void)state;
    const double a[] = {1, 7, 4}, b[] = {2, 7, 4}, c[] = {7, 7, 1};
    const qst_col columns[] = {
        {QST_COL_DOUBLE, a, 3, 0}, {QST_COL_DOUBLE, b, 3, 0}, {QST_COL_DOUBLE, c, 3, 0}};
    const bool reversed[] = {false, false, true};
    const qst_scale scale = {columns, reversed, 3, 3, {1, 1, 6}};
    double score[3];
    assert_int_equal(
        qst_scale_score(NULL, &scale, &(qst_score_rule){QST_SCORE_SUM, 1, 0}, score, NULL, NULL),
        QST_OK);
    assert_true(score[0] == 4 && score[1] == 15 && score[2] == 15);
}

static void test_threads_same_bits(void **state)
{
    (void)state;
    sample s;
    sample_fill(&s);
    double *score[3];
    const int n_threads[] = {1, 2, 7};
    for (int k = 0; k < 3; k++) {
        test_memory memory = {0};
        const qst_ctx ctx = test_ctx(&memory, n_threads[k]);
        score[k] = malloc(sizeof *score[k] * N_ROWS);
        qst_err err;
        qst_err_init(&err);
        const qst_score_rule rule = {QST_SCORE_SUM, 1, 3};
        assert_status(qst_scale_score(&ctx, &s.scale, &rule, score[k], NULL, &err), QST_OK, &err);
        assert_int_equal(memory.n_live, 0);
        assert_memory_equal(score[k], score[0], sizeof *score[0] * N_ROWS);
    }
    for (int k = 0; k < 3; k++) {
        free(score[k]);
    }
    sample_free(&s);
}

static void test_first_fault_for_any_threads(void **state)
{
    (void)state;
    sample s;
    sample_fill(&s);
    double *score = malloc(sizeof *score * N_ROWS);
    s.doubles[1 * N_ROWS + 150000] = 9;
    s.doubles[3 * N_ROWS + 70001] = 4.5;
    s.ints[2 * N_ROWS + 70002] = 0;
    for (int n = 1; n <= 7; n += 3) {
        test_memory memory = {0};
        const qst_ctx ctx = test_ctx(&memory, n);
        qst_err err;
        qst_err_init(&err);
        const qst_score_rule rule = {QST_SCORE_SUM, 1, 3};
        assert_status(qst_scale_score(&ctx, &s.scale, &rule, score, NULL, &err), QST_ERANGE, &err);
        assert_int_equal(err.row, 70001);
        assert_int_equal(err.column, 3);
        assert_close(err.value, 4.5, 0, 0);
    }
    free(score);
    sample_free(&s);
}

static void refused(qst_scale scale, qst_score_rule rule, qst_status want, const char *part)
{
    double score[3];
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_scale_score(NULL, &scale, &rule, score, NULL, &err), want, &err);
    assert_text(&err, part);
}

static void test_refusals(void **state)
{
    (void)state;
    const double x[] = {1, (double)NAN, 3};
    const qst_col columns[] = {{QST_COL_DOUBLE, x, 3, 0}, {QST_COL_DOUBLE, x, 3, 0}};
    const qst_scale scale = {columns, NULL, 2, 3, {1, 1, 6}};
    refused(scale, (qst_score_rule){QST_SCORE_SUM, 1, 2}, QST_EARGUMENT, "2 missing");
    refused(scale, (qst_score_rule){QST_SCORE_SUM, 1, -1}, QST_EARGUMENT, "missing");
    refused(scale, (qst_score_rule){QST_SCORE_SUM, 0, 0}, QST_EARGUMENT, "multiplied");
    refused(scale, (qst_score_rule){QST_SCORE_SUM, (double)NAN, 0}, QST_EARGUMENT, "multiplied");
    refused((qst_scale){columns, NULL, 2, 0, {1, 1, 6}}, (qst_score_rule){QST_SCORE_SUM, 1, 0},
        QST_ENODATA, "0 rows");
    refused((qst_scale){columns, NULL, (ptrdiff_t)1 << 40, 3, {1, 1, 6}},
        (qst_score_rule){QST_SCORE_SUM, 1, 0}, QST_EOVERFLOW, "items");
}

static qst_status run(const qst_ctx *ctx, void *data, qst_err *err)
{
    const qst_scale *scale = data;
    double *score = malloc(sizeof *score * (size_t)scale->n_rows);
    const qst_score_rule rule = {QST_SCORE_SUM, 1, 3};
    const qst_status status = qst_scale_score(ctx, scale, &rule, score, NULL, err);
    free(score);
    return status;
}

static void test_takes_no_memory(void **state)
{
    (void)state;
    sample s;
    sample_fill(&s);
    assert_int_equal(assert_survives_no_memory(run, &s.scale), 0);
    sample_free(&s);
}

/* The same column many times over, so that the work outlasts the poll interval. */
static void test_cancel(void **state)
{
    (void)state;
    enum { n_columns = 1000 };
    sample s;
    sample_fill(&s);
    qst_col *columns = malloc(sizeof *columns * n_columns);
    for (int j = 0; j < n_columns; j++) {
        columns[j] = s.columns[1];
    }
    const qst_scale scale = {columns, NULL, n_columns, N_ROWS, {1, 1, 6}};
    assert_cancels(run, (void *)&scale, 1);
    assert_cancels(run, (void *)&scale, 2);
    free(columns);
    sample_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_complete_sum_is_exact),
        cmocka_unit_test(test_threads_same_bits),
        cmocka_unit_test(test_first_fault_for_any_threads),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_takes_no_memory),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
