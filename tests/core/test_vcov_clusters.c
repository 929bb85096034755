#include "vcov_case.h"

/* Cov of residuals under the working variances: (I - H) Theta (I - H)'. */
static double residual_covariance(const dense *d, int a, int b)
{
    double sum = 0.0;
    for (int i = 0; i < N; i++) {
        const double left = (a == i ? 1.0 : 0.0) - d->hat[a + i * N];
        const double right = (b == i ? 1.0 : 0.0) - d->hat[b + i * N];
        sum += left * d->theta[i] * right;
    }
    return sum;
}

/* A_c = V G^-1/2 V, G = V Cov(e_c) V, V = Theta^1/2. */
static void dense_adjustment(const dense *d, const int *rows, int n, double *a_out)
{
    double g[N * N], vectors[N * N], values[N];
    for (int a = 0; a < n; a++) {
        for (int b = 0; b < n; b++) {
            g[a + b * n] = sqrt(d->theta[rows[a]] * d->theta[rows[b]]) *
                           residual_covariance(d, rows[a], rows[b]);
        }
    }
    qst__eigen((qst_mat){g, n, n, n}, values, (qst_mat){vectors, n, n, n});
    for (int a = 0; a < n; a++) {
        for (int b = 0; b < n; b++) {
            double sum = 0.0;
            for (int k = 0; k < n; k++) {
                const double root = values[k] > 1e-9 ? 1.0 / sqrt(values[k]) : 0.0;
                sum += vectors[a + k * n] * root * vectors[b + k * n];
            }
            a_out[a + b * n] = sum * sqrt(d->theta[rows[a]] * d->theta[rows[b]]);
        }
    }
}

static void adjust_densely(const sample *s, dense *d, qst_cr type)
{
    memset(d->covariance, 0, sizeof d->covariance);
    for (int32_t c = 1; c <= M; c++) {
        int rows[N], n = 0;
        for (int i = 0; i < N; i++) {
            rows[n] = i;
            n += s->codes[i] == c;
        }
        double a[N * N], score[R] = {0.0};
        if (type == QST_CR2) {
            dense_adjustment(d, rows, n, a);
        }
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < R; j++) {
                double sum = 0.0;
                for (int l = 0; l < n; l++) {
                    const double by = type == QST_CR2 ? a[l + i * n] : l == i ? 1.0 : 0.0;
                    for (int k = 0; k < R; k++) {
                        sum += bread_at(s, j, k) * d->x[rows[l] + k * N] * d->w[rows[l]] * by;
                    }
                }
                d->adjusted[rows[i] + j * N] = sum;
                score[j] += sum * d->e[rows[i]];
            }
        }
        for (int j = 0; j < R * R; j++) {
            d->covariance[j] += score[j % R] * score[j / R];
        }
    }
    for (int j = 0; j < R * R && type == QST_CR1; j++) {
        d->covariance[j] *= M / (M - 1.0);
    }
}

/* P_st, m x m: the quadratic form behind the covariance of contrasts s and t. */
static void dense_form(const sample *s, const dense *d, int first, int second, double *form)
{
    memset(form, 0, M * M * sizeof *form);
    for (int i = 0; i < N; i++) {
        for (int l = 0; l < N; l++) {
            double left = 0.0, right = 0.0;
            for (int j = 0; j < R; j++) {
                left += s->contrasts[first + kept[j] * K] * d->adjusted[i + j * N];
                right += s->contrasts[second + kept[j] * K] * d->adjusted[l + j * N];
            }
            form[s->codes[i] - 1 + (s->codes[l] - 1) * M] +=
                left * residual_covariance(d, i, l) * right;
        }
    }
}

static void dense_questions(const sample *s, const dense *d, double *trace, double *variance)
{
    static double forms[K][K][M * M];
    for (int a = 0; a < K; a++) {
        for (int b = 0; b < K; b++) {
            dense_form(s, d, a, b, forms[a][b]);
        }
    }
    for (int a = 0; a < K; a++) {
        for (int b = 0; b < K; b++) {
            trace[a + b * K] = variance[a + b * K] = 0.0;
            for (int k = 0; k < M * M; k++) {
                trace[a + b * K] += k % M == k / M ? forms[a][b][k] : 0.0;
                variance[a + b * K] +=
                    forms[a][b][k] * forms[b][a][k] + forms[a][a][k] * forms[b][b][k];
            }
        }
    }
}

/* ---- CR ---- */

typedef struct {
    double covariance[P * P], trace[K * K], variance[K * K];
} answer;

static qst_status ask(const qst_ctx *ctx, const sample *s, qst_cr type, answer *a, qst_err *err)
{
    const qst_small_sample questions = {{s->contrasts, K, P, K}, true, a->trace, a->variance};
    return qst_vcov_clusters(
        ctx, &s->fit, &s->clusters, type, &questions, (qst_mat){a->covariance, P, P, P}, err);
}

static void check_kind(int kind)
{
    sample *s = make_sample(kind);
    dense *d = calloc(1, sizeof *d);
    scale_rows(s, d);
    set_hat(s, d);
    for (int type = QST_CR0; type <= QST_CR2; type++) {
        answer got;
        qst_err err;
        qst_err_init(&err);
        assert_status(ask(NULL, s, (qst_cr)type, &got, &err), QST_OK, &err);
        adjust_densely(s, d, (qst_cr)type);
        for (int j = 0; j < R; j++) {
            for (int k = 0; k < R; k++) {
                assert_close(
                    got.covariance[kept[j] + kept[k] * P], d->covariance[j + k * R], 1e-9, 1e-12);
            }
            assert_true(qst_is_na_real(got.covariance[3 + kept[j] * P]));
        }
        if (type == QST_CR2) {
            double trace[K * K], variance[K * K];
            dense_questions(s, d, trace, variance);
            for (int k = 0; k < K * K; k++) {
                assert_close(got.trace[k], trace[k], 1e-9, 1e-12);
                assert_close(got.variance[k], variance[k], 1e-9, 1e-12);
            }
        }
    }
    free(d);
    free(s);
}

static void test_plain(void **state)
{
    (void)state;
    check_kind(PLAIN);
}

static void test_weighted(void **state)
{
    (void)state;
    check_kind(WEIGHTED);
}

static void test_inverse(void **state)
{
    (void)state;
    check_kind(INVERSE);
}

/* Rows without a cluster or of weight 0 count as if they were not there. */
static void test_rows_that_do_not_count(void **state)
{
    (void)state;
    sample *s = make_sample(WEIGHTED);
    for (int i = 0; i < N; i += 9) {
        s->weights[i] = 0.0;
        s->residuals[i] = 1e6;
        s->codes[i] = i % 2 == 0 ? QST_NA_INT : s->codes[i];
    }
    set_bread(s);
    s->clusters.n_clusters = M;
    dense *d = calloc(1, sizeof *d);
    scale_rows(s, d);
    set_hat(s, d);
    for (int i = 0; i < N; i++) {
        s->codes[i] = s->weights[i] == 0.0 ? 0 : s->codes[i];
    }
    adjust_densely(s, d, QST_CR2);
    for (int i = 0; i < N; i++) {
        s->codes[i] = s->codes[i] == 0 ? QST_NA_INT : s->codes[i];
    }
    answer got;
    qst_err err;
    qst_err_init(&err);
    assert_status(ask(NULL, s, QST_CR2, &got, &err), QST_OK, &err);
    for (int j = 0; j < R * R; j++) {
        assert_close(got.covariance[kept[j % R] + kept[j / R] * P], d->covariance[j], 1e-9, 1e-12);
    }
    free(d);
    free(s);
}

/* Each row its own cluster: CR2 is HC2. */
static void test_singletons(void **state)
{
    (void)state;
    sample *s = make_sample(PLAIN);
    for (int i = 0; i < N; i++) {
        s->codes[i] = i + 1;
    }
    s->clusters.n_clusters = N;
    answer cr;
    double hc[P * P];
    ptrdiff_t n_full, first;
    qst_err err;
    qst_err_init(&err);
    assert_status(ask(NULL, s, QST_CR2, &cr, &err), QST_OK, &err);
    assert_status(
        qst_vcov_rows(NULL, &s->fit, QST_HC2, (qst_mat){hc, P, P, P}, &n_full, &first, &err),
        QST_OK, &err);
    for (int k = 0; k < P * P; k++) {
        assert_close(cr.covariance[k], hc[k], 1e-10, 1e-14);
    }
    free(s);
}

/* A bread with few digits still gives the covariance of the exact one. */
static void test_rough_bread(void **state)
{
    (void)state;
    sample *s = make_sample(PLAIN), *rough = make_sample(PLAIN);
    uint64_t seed = 8;
    for (int j = 0; j < P; j++) {
        for (int k = 0; k <= j; k++) {
            const double noise = 1.0 + 1e-5 * test_normal(&seed);
            rough->bread[j + k * P] *= noise;
            rough->bread[k + j * P] = rough->bread[j + k * P];
        }
    }
    answer want, got;
    qst_err err;
    qst_err_init(&err);
    assert_status(ask(NULL, s, QST_CR2, &want, &err), QST_OK, &err);
    assert_status(ask(NULL, rough, QST_CR2, &got, &err), QST_OK, &err);
    for (int k = 0; k < P * P; k++) {
        assert_close(got.covariance[k], want.covariance[k], 1e-9, 1e-13);
    }
    free(s);
    free(rough);
}

static qst_status cluster_entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    answer got;
    return ask(ctx, data, QST_CR2, &got, err);
}

static qst_status scores_entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    const sample *s = data;
    double scores[M * R], shares[M * R], direction[R];
    return qst_cluster_scores(
        ctx, &s->fit, &s->clusters, s->contrasts, scores, shares, direction, err);
}

static void test_memory_and_cancel(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= INVERSE; kind++) {
        sample *s = make_sample(kind);
        assert_true(assert_survives_no_memory(cluster_entry, s) > 5);
        assert_true(assert_survives_no_memory(scores_entry, s) > 3);
        assert_cancels(cluster_entry, s, 1);
        assert_cancels(scores_entry, s, 1);
        free(s);
    }
}

static void test_threads(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= INVERSE; kind++) {
        sample *s = make_sample(kind);
        answer one, many;
        qst_ctx ctx;
        qst_ctx_init(&ctx);
        assert_status(ask(&ctx, s, QST_CR2, &one, NULL), QST_OK, NULL);
        for (int n_threads = 2; n_threads <= 7; n_threads += 5) {
            ctx.n_threads = n_threads;
            assert_status(ask(&ctx, s, QST_CR2, &many, NULL), QST_OK, NULL);
            assert_memory_equal(&one, &many, sizeof one);
        }
        free(s);
    }
}

static void check_refused(const sample *s, qst_status want, const char *text, ptrdiff_t row)
{
    answer got;
    qst_err err;
    qst_err_init(&err);
    assert_status(ask(NULL, s, QST_CR2, &got, &err), want, &err);
    assert_text(&err, text);
    assert_int_equal(err.row, row);
}

static void test_refuses(void **state)
{
    (void)state;
    sample *s = make_sample(INVERSE);
    s->codes[4] = 9;
    check_refused(s, QST_EARGUMENT, "cluster 9 in row 5 is not in 1 .. 8", 4);
    s->codes[4] = 1;
    s->variances[3] = 0.0;
    check_refused(s, QST_EARGUMENT, "working variance 0 in row 4", 3);
    s->variances[3] = 1.0;
    s->weights[2] = -1.0;
    check_refused(s, QST_EARGUMENT, "weight -1 in row 3", 2);
    s->weights[2] = 1.0;
    s->residuals[7] = (double)NAN;
    check_refused(s, QST_EARGUMENT, "residual nan in row 8", 7);
    s->residuals[7] = 0.0;
    set_bread(s);
    s->clusters.n_clusters = M + 1;
    check_refused(s, QST_ENODATA, "cluster 9 has no rows", -1);
    s->clusters.n_clusters = 1;
    check_refused(s, QST_ENODATA, "at least two", -1);
    s->clusters.n_clusters = M;
    s->fit.bread.n_cols = 4;
    check_refused(s, QST_EDIMENSION, "the model has 5 columns", -1);
    s->fit.bread.n_cols = P;
    s->bread[0] = -1.0;
    check_refused(s, QST_ESINGULAR, "not positive definite", -1);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_weighted),
        cmocka_unit_test(test_inverse),
        cmocka_unit_test(test_rows_that_do_not_count),
        cmocka_unit_test(test_singletons),
        cmocka_unit_test(test_rough_bread),
        cmocka_unit_test(test_memory_and_cancel),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
