#include "vcov_case.h"

/* Least squares of y on x, and t of column 1 with a CR0 standard error. */
static double slow_t(const sample *s, const double *y, double null)
{
    double b[R] = {0.0}, square = 0.0;
    for (int j = 0; j < R; j++) {
        for (int i = 0; i < N; i++) {
            for (int k = 0; k < R; k++) {
                b[j] += bread_at(s, j, k) * s->x[i + kept[k] * N] * s->weights[i] * y[i];
            }
        }
    }
    for (int32_t c = 1; c <= M; c++) {
        double sum = 0.0;
        for (int i = 0; i < N; i++) {
            double fitted = 0.0, by = 0.0;
            for (int k = 0; k < R; k++) {
                fitted += s->x[i + kept[k] * N] * b[k];
                by += bread_at(s, 1, k) * s->x[i + kept[k] * N];
            }
            sum += s->codes[i] == c ? by * s->weights[i] * (y[i] - fitted) : 0.0;
        }
        square += sum * sum;
    }
    return (b[1] - null) / sqrt(square);
}

static void test_wild_is_a_refit(void **state)
{
    (void)state;
    sample *s = make_sample(WEIGHTED);
    const double contrast[P] = {0.0, 1.0}, y_slope = 0.7;
    double y[N], scores[M * R], shares[M * R], direction[R], t[1 << M];
    double fitted[N] = {0.0}, left[N], square = 0.0;
    qst_err err;
    qst_err_init(&err);
    for (int i = 0; i < N; i++) {
        y[i] = s->residuals[i] + y_slope * s->x[i + N];
    }
    for (int i = 0; i < N; i++) { /* residuals of the full fit */
        for (int j = 0; j < R; j++) {
            double b = 0.0;
            for (int l = 0; l < N; l++) {
                for (int k = 0; k < R; k++) {
                    b += bread_at(s, j, k) * s->x[l + kept[k] * N] * s->weights[l] * y[l];
                }
            }
            fitted[i] += s->x[i + kept[j] * N] * b;
        }
        left[i] = y[i] - fitted[i];
    }
    double estimate = 0.0;
    for (int l = 0; l < N; l++) {
        for (int k = 0; k < R; k++) {
            estimate += bread_at(s, 1, k) * s->x[l + kept[k] * N] * s->weights[l] * y[l];
        }
    }
    s->fit.residuals = left;
    assert_status(
        qst_cluster_scores(NULL, &s->fit, &s->clusters, contrast, scores, shares, direction, &err),
        QST_OK, &err);
    for (int j = 0; j < R; j++) {
        square += direction[j] * direction[j];
    }
    for (int k = 0; k < M * R; k++) {
        scores[k] += shares[k] * estimate / square;
    }
    const qst_wild wild = {
        {scores, M, R, M}, {shares, M, R, M}, direction, QST_WILD_ALL, 1 << M, 0};
    assert_status(qst_wild_bootstrap(NULL, &wild, t, &err), QST_OK, &err);
    for (int b = 0; b < 1 << M; b += 11) {
        double again[N];
        for (int i = 0; i < N; i++) {
            double loss_i = 0.0;
            for (int j = 0; j < R; j++) {
                loss_i += s->x[i + kept[j] * N] * bread_at(s, j, 1);
            }
            loss_i *= estimate / bread_at(s, 1, 1);
            const double sign = (b >> (s->codes[i] - 1) & 1) != 0 ? -1.0 : 1.0;
            again[i] = fitted[i] - loss_i + sign * (left[i] + loss_i);
        }
        assert_close(t[b], slow_t(s, again, 0.0), 1e-9, 1e-11);
    }
    free(s);
}

static qst_status wild_entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    (void)data;
    static double scores[M * 2], shares[M * 2], t[3000];
    static const double direction[] = {1.0, 0.5};
    uint64_t seed = 4;
    for (int k = 0; k < M * 2; k++) {
        scores[k] = test_normal(&seed);
        shares[k] = test_uniform(&seed);
    }
    const qst_wild wild = {{scores, M, 2, M}, {shares, M, 2, M}, direction, QST_WILD_WEBB, 3000, 7};
    return qst_wild_bootstrap(ctx, &wild, t, err);
}

/* Multipliers have the moments they should: mean 0, variance 1, and six or two values. */
static void test_wild_multipliers(void **state)
{
    (void)state;
    enum { COUNT = 40000 };
    double *t = calloc(COUNT, sizeof *t);
    double scores[] = {1.0, 1e-9}, shares[] = {0.0, 0.0};
    const double direction[] = {1.0};
    qst_err err;
    qst_err_init(&err);
    for (int weights = QST_WILD_RADEMACHER; weights <= QST_WILD_WEBB; weights++) {
        const qst_wild wild = {
            {scores, 2, 1, 2}, {shares, 2, 1, 2}, direction, (qst_wild_weights)weights, COUNT, 3};
        assert_status(qst_wild_bootstrap(NULL, &wild, t, &err), QST_OK, &err);
        double sum = 0.0;
        for (int b = 0; b < COUNT; b++) {
            assert_close(fabs(t[b]), 1.0, 1e-6, 0.0); /* one cluster decides: t is its sign */
            sum += t[b];
        }
        assert_close(sum / COUNT, 0.0, 0.0, 0.02);
    }
    free(t);
}

static void test_memory_and_cancel(void **state)
{
    (void)state;
    assert_true(assert_survives_no_memory(wild_entry, NULL) > 0);
    assert_cancels(wild_entry, NULL, 1);
}

static void test_threads(void **state)
{
    (void)state;
    double *t[2];
    qst_ctx ctx;
    qst_ctx_init(&ctx);
    for (int k = 0; k < 2; k++) {
        double scores[] = {1.0, -0.3, 0.4}, shares[] = {0.2, 0.5, 0.3};
        const double direction[] = {1.0};
        const qst_wild wild = {
            {scores, 3, 1, 3}, {shares, 3, 1, 3}, direction, QST_WILD_WEBB, 5000, 11};
        ctx.n_threads = k == 0 ? 1 : 7;
        t[k] = calloc(5000, sizeof *t[k]);
        assert_status(qst_wild_bootstrap(&ctx, &wild, t[k], NULL), QST_OK, NULL);
    }
    assert_memory_equal(t[0], t[1], 5000 * sizeof *t[0]);
    free(t[0]);
    free(t[1]);
}

static void test_wild_refuses(void **state)
{
    (void)state;
    double scores[4] = {0.0}, t[4];
    qst_wild wild = {{scores, 2, 2, 2}, {scores, 2, 2, 2}, scores, QST_WILD_ALL, 3, 0};
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_wild_bootstrap(NULL, &wild, t, &err), QST_ERANGE, &err);
    assert_text(&err, "all patterns");
    qst_err_init(&err);
    wild.shares.n_rows = 1;
    assert_status(qst_wild_bootstrap(NULL, &wild, t, &err), QST_EDIMENSION, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wild_is_a_refit),
        cmocka_unit_test(test_wild_multipliers),
        cmocka_unit_test(test_memory_and_cancel),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_wild_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
