/* Predictions against sums written out. */
#include "qst_test.h"

#include <math.h>
#include <stdlib.h>

#define N 30000
#define P 5 /* the constant, two columns of numbers, two dummies */

typedef struct {
    double x[2 * N];
    int32_t codes[N];
    double coding[6];
    double b[P], a[P * P];
    qst_part numbers, factor;
    qst_term terms[3];
    qst_model model;
} sample;

static sample *make_sample(void)
{
    sample *s = malloc(sizeof *s);
    uint64_t stream = 5;
    for (int i = 0; i < 2 * N; i++) {
        s->x[i] = test_normal(&stream);
    }
    for (int i = 0; i < N; i++) {
        s->codes[i] = 1 + i % 3;
    }
    const double treatment[] = {0, 1, 0, 0, 0, 1};
    for (int k = 0; k < 6; k++) {
        s->coding[k] = treatment[k];
    }
    for (int i = 0; i < P; i++) {
        s->b[i] = test_normal(&stream);
        for (int j = 0; j <= i; j++) {
            s->a[i + j * P] = s->a[j + i * P] = test_normal(&stream);
        }
    }
    s->numbers = (qst_part){.x = s->x, .n_cols = 2};
    s->factor = (qst_part){.codes = s->codes, .coding = s->coding, .n_levels = 3, .n_cols = 2};
    s->terms[0] = (qst_term){NULL, 0};
    s->terms[1] = (qst_term){&s->numbers, 1};
    s->terms[2] = (qst_term){&s->factor, 1};
    s->model = (qst_model){s->terms, 3, N};
    return s;
}

static void row_of(const sample *s, int i, double *row)
{
    row[0] = 1.0;
    row[1] = s->x[i];
    row[2] = s->x[i + N];
    row[3] = s->codes[i] == 2;
    row[4] = s->codes[i] == 3;
}

static void test_by_hand(void **state)
{
    (void)state;
    sample *s = make_sample();
    double *eta = calloc(4 * N, sizeof *eta), *quadratic = eta + N;
    assert_status(
        qst_model_predict(NULL, &s->model, s->b, s->a, eta, quadratic, NULL), QST_OK, NULL);
    for (int i = 0; i < N; i++) {
        double row[P], value = 0, form = 0;
        row_of(s, i, row);
        for (int j = 0; j < P; j++) {
            value += row[j] * s->b[j];
            for (int k = 0; k < P; k++) {
                form += row[j] * s->a[j + k * P] * row[k];
            }
        }
        assert_close(eta[i], value, 1e-13, 1e-13);
        assert_close(quadratic[i], form, 1e-12, 1e-12);
    }
    test_memory memory = {0};
    for (int n_threads = 2; n_threads <= 7; n_threads += 5) {
        const qst_ctx ctx = test_ctx(&memory, n_threads);
        double *eta_too = eta + 2 * N, *quadratic_too = eta + 3 * N;
        assert_status(
            qst_model_predict(&ctx, &s->model, s->b, s->a, eta_too, NULL, NULL), QST_OK, NULL);
        assert_status(qst_model_predict(&ctx, &s->model, NULL, s->a, NULL, quadratic_too, NULL),
            QST_OK, NULL);
        assert_memory_equal(eta_too, eta, N * sizeof *eta);
        assert_memory_equal(quadratic_too, quadratic, N * sizeof *eta);
    }
    free(eta);
    free(s);
}

static void test_no_rows(void **state)
{
    (void)state;
    sample *s = make_sample();
    s->model.n_rows = 0;
    double none;
    assert_status(qst_model_predict(NULL, &s->model, s->b, s->a, &none, &none, NULL), QST_OK, NULL);
    free(s);
}

static void test_refusals(void **state)
{
    (void)state;
    sample *s = make_sample();
    double *out = calloc(N, sizeof *out);
    qst_err err;
    qst_err_init(&err);
    s->b[3] = (double)NAN;
    assert_status(
        qst_model_predict(NULL, &s->model, s->b, NULL, out, NULL, &err), QST_EARGUMENT, &err);
    assert_text(&err, "coefficient number 4");
    qst_err_init(&err);
    s->a[7] = (double)INFINITY;
    assert_status(
        qst_model_predict(NULL, &s->model, NULL, s->a, NULL, out, &err), QST_EARGUMENT, &err);
    assert_text(&err, "element number 8 is inf");
    qst_err_init(&err);
    s->x[N + 11] = (double)NAN;
    assert_status(
        qst_model_predict(NULL, &s->model, NULL, NULL, NULL, NULL, &err), QST_EARGUMENT, &err);
    assert_int_equal(err.row, 11);
    assert_int_equal(err.column, 2);
    free(out);
    free(s);
}

static qst_status run(const qst_ctx *ctx, void *data, qst_err *err)
{
    const sample *s = data;
    double *out = malloc(2 * N * sizeof *out);
    const qst_status status = qst_model_predict(ctx, &s->model, s->b, s->a, out, out + N, err);
    free(out);
    return status;
}

static void test_no_memory_and_cancel(void **state)
{
    (void)state;
    sample *s = make_sample();
    assert_true(assert_survives_no_memory(run, s) >= 3);
    assert_cancels(run, s, 1);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_memory_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
