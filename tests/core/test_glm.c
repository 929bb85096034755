#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define P 3

typedef struct {
    ptrdiff_t n;
    double *x, *y, *weights, *offset;
    bool near_alias; /* so that QR is needed */
} sample;

static sample make_sample(ptrdiff_t n, bool near_alias)
{
    sample s = {.n = n, .near_alias = near_alias};
    s.x = calloc((size_t)n * P, sizeof(double));
    s.y = calloc((size_t)n, sizeof(double));
    s.weights = calloc((size_t)n, sizeof(double));
    s.offset = calloc((size_t)n, sizeof(double));
    uint64_t seed = 11;
    for (ptrdiff_t i = 0; i < n; i++) {
        s.x[i] = 1.0;
        s.x[i + n] = 50.0 + test_normal(&seed);
        s.x[i + 2 * n] = test_normal(&seed);
        if (near_alias) {
            s.x[i + 2 * n] = s.x[i + n] + 1e-4 * s.x[i + 2 * n];
        }
        s.y[i] = 2.0 + s.x[i + n] - test_normal(&seed);
        s.weights[i] = i % 4 == 1 ? 0.0 : 0.5 + test_uniform(&seed);
        s.offset[i] = test_uniform(&seed);
    }
    return s;
}

static void free_sample(sample *s)
{
    free(s->x);
    free(s->y);
    free(s->weights);
    free(s->offset);
}

/* A design of one matrix with P columns, and what is fitted to it. */
typedef struct {
    qst_part part;
    qst_term term;
    qst_model model;
    qst_glm_data data;
} dense;

static const qst_glm_data *make_dense(dense *d, const double *x, ptrdiff_t n, const double *y,
    const double *weights, const double *offset)
{
    d->part = (qst_part){.x = x, .n_cols = P};
    d->term = (qst_term){&d->part, 1};
    d->model = (qst_model){&d->term, 1, n};
    d->data = (qst_glm_data){&d->model, y, weights, offset};
    return &d->data;
}

static const qst_glm_data *data_of(const sample *s, dense *d)
{
    return make_dense(d, s->x, s->n, s->y, s->weights, s->offset);
}

static double x_at(const qst_glm_data *data, ptrdiff_t i, ptrdiff_t j)
{
    return data->model->terms->parts->x[i + j * data->model->n_rows];
}

/* Buffers for one result. */
typedef struct {
    double coefficients[P], effects[P], covariance[P * P];
    bool separated[P];
    double *rows; /* residuals, fitted, linear */
    qst_glm_result result;
    qst_glm_info info;
} answer;

static void init_answer(answer *a, ptrdiff_t n)
{
    memset(a, 0, sizeof *a);
    a->rows = calloc((size_t)(3 * n + 1), sizeof(double));
    a->result = (qst_glm_result){a->coefficients, a->effects, {a->covariance, P, P, P}, a->rows,
        a->rows + n, a->rows + 2 * n, a->separated};
}

static qst_status fit_with(const qst_ctx *ctx, const qst_glm_settings *settings,
    const qst_glm_data *data, answer *a, qst_err *err)
{
    qst_glm_work *work = NULL;
    qst_status status = qst_glm_work_new(ctx, data->model->n_rows, P, &work, err);
    if (status == QST_OK) {
        status = qst_glm_fit(ctx, settings, data, work, &a->result, &a->info, err);
    }
    qst_glm_work_free(work);
    return status;
}

static qst_status fit(const qst_ctx *ctx, const qst_glm_data *data, answer *a, qst_err *err)
{
    qst_glm_settings settings;
    qst_glm_settings_default(&settings);
    return fit_with(ctx, &settings, data, a, err);
}

static void assert_fit(const qst_glm_data *data, answer *a)
{
    qst_err err;
    qst_err_init(&err);
    init_answer(a, data->model->n_rows);
    assert_status(fit(NULL, data, a, &err), QST_OK, &err);
}

/* y = 1 + 2 x at 0 .. 3 with errors 1, -1, -1, 1: by hand, the fit is 1 + 2 x, the residual sum of
 * squares 4, and (X'X)^-1 = [0.7 -0.3; -0.3 0.2]. */
static void test_a_line_by_hand(void **state)
{
    (void)state;
    const double x[] = {1, 1, 1, 1, 0, 1, 2, 3, 0, 0, 0, 0}, y[] = {2, 2, 4, 8};
    dense d;
    const qst_glm_data *data = make_dense(&d, x, 4, y, NULL, NULL);
    answer a;
    assert_fit(data, &a);
    assert_int_equal(a.info.method, QST_GLM_BY_GRAM);
    assert_int_equal(a.info.rank, 2);
    assert_int_equal(a.info.n_used, 4);
    assert_close(a.coefficients[0], 1.0, 1e-15, 0);
    assert_close(a.coefficients[1], 2.0, 1e-15, 0);
    assert_true(qst_is_na_real(a.coefficients[2]) && qst_is_na_real(a.covariance[2]));
    assert_close(a.covariance[0], 0.7, 1e-15, 0);
    assert_close(a.covariance[1], -0.3, 1e-15, 0);
    assert_close(a.covariance[P + 1], 0.2, 1e-15, 0);
    assert_close(a.info.deviance, 4.0, 1e-15, 0);
    assert_close(a.effects[1] * a.effects[1], 20.0, 1e-15, 0); /* 2^2 times 5 */
    assert_close(a.effects[0] * a.effects[0], 64.0, 1e-15, 0); /* 4 times the mean squared */
    const double residuals[] = {1, -1, -1, 1};
    for (int i = 0; i < 4; i++) {
        assert_close(a.result.residuals[i], residuals[i], 1e-15, 0);
        assert_close(a.result.fitted[i], y[i] - residuals[i], 1e-15, 0);
    }
    free(a.rows);
}

/* Normal equations: X'W(y - offset - Xb) = 0, whichever way it was fitted. */
static void assert_normal_equations(const qst_glm_data *data, const answer *a)
{
    for (ptrdiff_t j = 0; j < P; j++) {
        double sum = 0.0, scale = 0.0;
        for (ptrdiff_t i = 0; i < data->model->n_rows; i++) {
            double residual = data->y[i] - data->offset[i];
            for (ptrdiff_t k = 0; k < P; k++) {
                residual -= x_at(data, i, k) * a->coefficients[k];
            }
            assert_close(a->result.residuals[i], residual, 1e-7, 1e-8);
            assert_close(a->result.fitted[i], data->y[i] - residual, 1e-8, 0);
            sum += data->weights[i] * x_at(data, i, j) * residual;
            scale += data->weights[i] * fabs(x_at(data, i, j) * residual);
        }
        assert_close(sum / scale, 0.0, 0, 1e-10);
    }
}

static void test_both_ways_solve_the_normal_equations(void **state)
{
    (void)state;
    for (int near_alias = 0; near_alias < 2; near_alias++) {
        sample s = make_sample(5000, near_alias);
        dense d;
        const qst_glm_data *data = data_of(&s, &d);
        answer a;
        assert_fit(data, &a);
        assert_int_equal(a.info.method, near_alias ? QST_GLM_BY_QR : QST_GLM_BY_GRAM);
        assert_int_equal(a.info.n_used, 3750);
        assert_normal_equations(data, &a);
        free(a.rows);
        free_sample(&s);
    }
}

/* The same fit by both ways: QR is forced by an aliasing tolerance that the Gram way cannot judge.
 */
static void test_both_ways_agree(void **state)
{
    (void)state;
    sample s = make_sample(1000, false);
    dense d;
    const qst_glm_data *data = data_of(&s, &d);
    answer a, b;
    assert_fit(data, &a);
    init_answer(&b, s.n);
    qst_glm_settings settings;
    qst_glm_settings_default(&settings);
    settings.tol_alias = 1e-3;
    assert_status(fit_with(NULL, &settings, data, &b, NULL), QST_OK, NULL);
    assert_int_equal(b.info.method, QST_GLM_BY_QR);
    for (int k = 0; k < P; k++) {
        assert_close(b.coefficients[k], a.coefficients[k], 1e-12, 0);
        assert_close(fabs(b.effects[k]), fabs(a.effects[k]), 1e-11, 0);
    }
    for (int k = 0; k < P * P; k++) {
        assert_close(b.covariance[k], a.covariance[k], 1e-11, 1e-14);
    }
    assert_close(b.info.deviance, a.info.deviance, 1e-13, 0);
    free(a.rows);
    free(b.rows);
    free_sample(&s);
}

/* A common part of 1e8 leaves 8 digits of x; lm would call 1e-8 of a norm aliased, and so do we. */
static void test_aliasing_is_measured_before_centring(void **state)
{
    (void)state;
    const double y[] = {1, 3, 2, 5};
    double x[12] = {1, 1, 1, 1, 0, 1, 0, 1};
    for (int i = 0; i < 4; i++) {
        x[8 + i] = 1e8 + i;
    }
    dense d;
    const qst_glm_data *data = make_dense(&d, x, 4, y, NULL, NULL);
    answer a;
    assert_fit(data, &a);
    assert_int_equal(a.info.rank, 2);
    assert_true(qst_is_na_real(a.coefficients[2]));
    free(a.rows);
}

static void test_bad_input_is_named(void **state)
{
    (void)state;
    sample s = make_sample(10, false);
    dense d;
    const qst_glm_data *data = data_of(&s, &d);
    qst_glm_settings settings;
    qst_glm_settings_default(&settings);
    answer a;
    init_answer(&a, 10);
    const struct {
        double *place;
        double value;
        ptrdiff_t row, column;
        const char *text;
    } faults[] = {{s.x + 13, (double)NAN, 3, 1, "not finite"},
        {s.y + 2, (double)INFINITY, 2, 3, "not finite"},
        {s.offset + 4, (double)NAN, 4, 3, "not finite"},
        {s.weights + 5, -1.0, 5, -1, "not a number from 0"},
        {s.weights + 6, (double)NAN, 6, -1, "not a number from 0"}};
    for (size_t k = 0; k < sizeof faults / sizeof *faults; k++) {
        const double before = *faults[k].place;
        *faults[k].place = faults[k].value;
        qst_err err;
        qst_err_init(&err);
        assert_status(fit(NULL, data, &a, &err), QST_EARGUMENT, &err);
        assert_int_equal(err.row, faults[k].row);
        assert_int_equal(err.column, faults[k].column);
        assert_text(&err, faults[k].text);
        *faults[k].place = before;
    }
    qst_err err;
    qst_err_init(&err);
    settings.tol_alias = 0.0;
    assert_status(fit_with(NULL, &settings, data, &a, &err), QST_EARGUMENT, &err);
    assert_text(&err, "tolerance");
    free(a.rows);
    free_sample(&s);
}

static void test_nothing_to_fit(void **state)
{
    (void)state;
    const double zero = 0.0, one[P] = {1, 1, 1};
    dense d;
    const qst_glm_data *data = make_dense(&d, one, 1, one, &zero, NULL);
    answer a;
    init_answer(&a, 1);
    qst_err err;
    qst_err_init(&err);
    assert_status(fit(NULL, data, &a, &err), QST_ENODATA, &err);
    d.model.n_rows = 0;
    qst_err_init(&err);
    assert_status(fit(NULL, data, &a, &err), QST_ENODATA, &err);
    free(a.rows);
    qst_glm_work *work = NULL;
    qst_err_init(&err);
    assert_status(qst_glm_work_new(NULL, 3, 0, &work, &err), QST_EDIMENSION, &err);
    assert_null(work);
    qst_glm_work_free(work);
}

static void test_a_workspace_serves_many_fits(void **state)
{
    (void)state;
    sample large = make_sample(500, true), small = make_sample(40, true);
    dense d_large, d_small;
    const qst_glm_data *first = data_of(&large, &d_large), *second = data_of(&small, &d_small);
    qst_glm_settings settings;
    qst_glm_settings_default(&settings);
    test_memory memory = {0};
    const qst_ctx ctx = test_ctx(&memory, 1);
    qst_glm_work *work = NULL;
    assert_status(qst_glm_work_new(&ctx, 500, P, &work, NULL), QST_OK, NULL);
    answer a, fresh;
    init_answer(&a, 500);
    assert_status(
        qst_glm_fit(&ctx, &settings, first, work, &a.result, &a.info, NULL), QST_OK, NULL);
    assert_status(
        qst_glm_fit(&ctx, &settings, second, work, &a.result, &a.info, NULL), QST_OK, NULL);
    assert_fit(second, &fresh);
    assert_memory_equal(a.coefficients, fresh.coefficients, sizeof a.coefficients);
    assert_memory_equal(a.covariance, fresh.covariance, sizeof a.covariance);
    double *wide = calloc(500 * (P + 1), sizeof(double));
    d_large.part.x = wide;
    d_large.part.n_cols = P + 1;
    qst_err err;
    qst_err_init(&err);
    assert_status(
        qst_glm_fit(&ctx, &settings, first, work, &a.result, &a.info, &err), QST_EDIMENSION, &err);
    free(wide);
    qst_glm_work_free(work);
    assert_int_equal(memory.n_live, 0);
    free(a.rows);
    free(fresh.rows);
    free_sample(&large);
    free_sample(&small);
}

static qst_status entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    const sample *s = data;
    dense d;
    const qst_glm_data *rows = data_of(s, &d);
    answer a;
    init_answer(&a, s->n);
    const qst_status status = fit(ctx, rows, &a, err);
    free(a.rows);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    for (int near_alias = 0; near_alias < 2; near_alias++) {
        sample s = make_sample(60, near_alias);
        assert_true(assert_survives_no_memory(entry, &s) >= 15);
        free_sample(&s);
    }
}

static void test_it_can_be_stopped(void **state)
{
    (void)state;
    sample s = make_sample(2000000, false);
    assert_cancels(entry, &s, 1);
    assert_cancels(entry, &s, 2);
    free_sample(&s);
}

static void test_any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    sample s = make_sample(150000, false);
    dense d;
    const qst_glm_data *data = data_of(&s, &d);
    const int n_threads[] = {1, 2, 7};
    answer a[3];
    for (int k = 0; k < 3; k++) {
        test_memory memory = {0};
        const qst_ctx ctx = test_ctx(&memory, n_threads[k]);
        init_answer(&a[k], s.n);
        assert_status(fit(&ctx, data, &a[k], NULL), QST_OK, NULL);
        assert_memory_equal(a[k].coefficients, a[0].coefficients, sizeof a[0].coefficients);
        assert_memory_equal(a[k].covariance, a[0].covariance, sizeof a[0].covariance);
        assert_memory_equal(a[k].rows, a[0].rows, (size_t)(3 * s.n) * sizeof(double));
    }
    for (int k = 0; k < 3; k++) {
        free(a[k].rows);
    }
    free_sample(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_by_hand),
        cmocka_unit_test(test_both_ways_solve_the_normal_equations),
        cmocka_unit_test(test_both_ways_agree),
        cmocka_unit_test(test_aliasing_is_measured_before_centring),
        cmocka_unit_test(test_bad_input_is_named),
        cmocka_unit_test(test_nothing_to_fit),
        cmocka_unit_test(test_a_workspace_serves_many_fits),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_it_can_be_stopped),
        cmocka_unit_test(test_any_number_of_threads_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
