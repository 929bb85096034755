#include "vcov_case.h"

/* ---- HC ---- */

static void check_hc(sample *s, qst_hc type, ptrdiff_t want_full)
{
    double got[P * P], want[R * R] = {0.0};
    ptrdiff_t n_full, first, n_used = 0;
    qst_err err;
    qst_err_init(&err);
    assert_status(
        qst_vcov_rows(NULL, &s->fit, type, (qst_mat){got, P, P, P}, &n_full, &first, &err), QST_OK,
        &err);
    dense *d = calloc(1, sizeof *d);
    scale_rows(s, d);
    set_hat(s, d);
    for (int i = 0; i < N; i++) {
        const double h = d->hat[i + i * N], left = 1.0 - h > 1e-9 ? 1.0 - h : (double)INFINITY;
        const double factor = type == QST_HC3   ? 1.0 / left / left
                              : type == QST_HC2 ? 1.0 / left
                                                : 1.0;
        n_used += s->weights[i] > 0.0;
        for (int j = 0; j < R * R; j++) {
            double left_side = 0.0, right_side = 0.0;
            for (int k = 0; k < R; k++) {
                left_side += bread_at(s, j % R, k) * d->x[i + k * N];
                right_side += bread_at(s, j / R, k) * d->x[i + k * N];
            }
            const double score = d->w[i] * d->e[i];
            want[j] += left_side * right_side * score * score * factor;
        }
    }
    for (int j = 0; j < R * R; j++) {
        const double by = type == QST_HC1 ? (double)n_used / (double)(n_used - R) : 1.0;
        assert_close(got[kept[j % R] + kept[j / R] * P], by * want[j], 1e-9, 1e-12);
    }
    assert_int_equal(n_full, want_full);
    free(d);
}

static void test_rows(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= WEIGHTED; kind++) {
        sample *s = make_sample(kind);
        for (int type = QST_HC0; type <= QST_HC3; type++) {
            check_hc(s, (qst_hc)type, 0);
        }
        free(s);
    }
}

/* A row that alone decides a column has leverage 1 and no residual. */
static void test_full_leverage(void **state)
{
    (void)state;
    sample *s = make_sample(PLAIN);
    for (int i = 0; i < N; i++) {
        s->x[i + 4 * N] = i == 17 ? 1.0 : 0.0;
    }
    s->residuals[17] = 1e-15;
    set_bread(s);
    check_hc(s, QST_HC0, 0);
    check_hc(s, QST_HC2, 1);
    check_hc(s, QST_HC3, 1);
    free(s);
}

static qst_status rows_entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    const sample *s = data;
    double got[P * P];
    ptrdiff_t n_full, first;
    return qst_vcov_rows(ctx, &s->fit, QST_HC3, (qst_mat){got, P, P, P}, &n_full, &first, err);
}

static void test_memory_and_cancel(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= INVERSE; kind++) {
        sample *s = make_sample(kind);
        assert_true(assert_survives_no_memory(rows_entry, s) > 3);
        assert_cancels(rows_entry, s, 1);
        free(s);
    }
}

static void test_threads(void **state)
{
    (void)state;
    sample *s = make_sample(WEIGHTED);
    double one[P * P], many[P * P];
    ptrdiff_t n_full, first;
    qst_ctx ctx;
    qst_ctx_init(&ctx);
    for (int n_threads = 1; n_threads <= 7; n_threads++) {
        ctx.n_threads = n_threads;
        assert_status(qst_vcov_rows(&ctx, &s->fit, QST_HC3,
                          (qst_mat){n_threads == 1 ? one : many, P, P, P}, &n_full, &first, NULL),
            QST_OK, NULL);
        assert_true(n_threads == 1 || memcmp(one, many, sizeof one) == 0);
    }
    free(s);
}

static void test_refuses(void **state)
{
    (void)state;
    sample *s = make_sample(WEIGHTED);
    double got[P * P];
    ptrdiff_t n_full, first;
    const qst_mat out = {got, P, P, P};
    qst_err err;
    qst_err_init(&err);
    for (int i = R; i < N; i++) {
        s->weights[i] = 0.0;
    }
    s->x[0 + 4 * N] = 1.0;
    set_bread(s);
    assert_status(
        qst_vcov_rows(NULL, &s->fit, QST_HC1, out, &n_full, &first, &err), QST_ENODATA, &err);
    assert_text(&err, "HC1 divides by n - rank, which is 0");
    memset(s->weights, 0, sizeof s->weights);
    qst_err_init(&err);
    assert_status(
        qst_vcov_rows(NULL, &s->fit, QST_HC0, out, &n_full, &first, &err), QST_ENODATA, &err);
    assert_text(&err, "no row has a weight above 0");
    free(s);
}

/* The root of each number between the ends, ends included, narrow and wide. */
static void test_nodes(void **state)
{
    (void)state;
    const double lows[] = {1.0, 0.5, 1e-3, 1e-8};
    for (int i = 0; i < 4; i++) {
        qst_nodes nodes;
        qst_root_nodes(lows[i], 1.0, &nodes);
        assert_true(nodes.n_nodes > 0 && nodes.n_nodes <= QST_NODES_MAX);
        for (int step = 0; step <= 10; step++) {
            const double g = pow(lows[i], step / 10.0);
            double sum = 0.0;
            for (ptrdiff_t k = 0; k < nodes.n_nodes; k++) {
                sum += nodes.weight[k] / (g + nodes.square[k]);
            }
            assert_true(fabs(sum * sqrt(g) - 1.0) < 1e-12);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_full_leverage),
        cmocka_unit_test(test_memory_and_cancel),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
