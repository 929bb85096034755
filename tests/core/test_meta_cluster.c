#include "qst_test.h"

#include <math.h>
#include <string.h>

#define K 12
#define P 2
#define N_CLUSTERS 5

static const double effects[K] = {.2, .35, .1, .9, .7, -.1, .05, .3, 0.0, .6, .45, 1.1};
static const double variances[K] = {.04, .05, .03, .09, .06, .02, .05, .04, .03, .08, .05, .07};
/* Not in order, and of 3, 2, 4, 1 and 2 effects. */
static const int32_t cluster[K] = {1, 1, 3, 2, 2, 3, 3, 1, 3, 4, 5, 5};
static const double moderators[K * P] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 5, 2, 8, 6, 1, 4, 3, 2, 7, 5, 9};

typedef struct {
    double b[P], vcov[P * P], robust[P * P], df[P], weights[K];
    qst_meta_cluster_info info;
} fitted;

static qst_meta_clusters data_of(ptrdiff_t p, double rho)
{
    return (qst_meta_clusters){.y = effects,
        .v = variances,
        .k = K,
        .x = {p == 1 ? NULL : moderators, K, p, K},
        .cluster = cluster,
        .n_clusters = N_CLUSTERS,
        .rho = rho};
}

static qst_meta_cluster_fit room_of(fitted *out)
{
    return (qst_meta_cluster_fit){
        out->b, out->vcov, out->robust, out->df, out->weights, &out->info};
}

static fitted fit(const qst_meta_clusters *data, bool ml)
{
    fitted out;
    const qst_meta_cluster_settings settings = {ml, 1000};
    const qst_meta_cluster_fit room = room_of(&out);
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_meta_cluster_fits(NULL, data, &settings, &room, &err), QST_OK, &err);
    return out;
}

/* ---- Slow and obvious versions, of whole matrices by rows ---- */

typedef struct {
    double at[K][K];
} dense;

/* Gauss and Jordan with pivots from the diagonal, which covariances allow; the log determinant. */
static double invert(const dense *from, int n, dense *out)
{
    dense a = *from;
    double log_det = 0;
    memset(out, 0, sizeof *out);
    for (int i = 0; i < n; i++) {
        out->at[i][i] = 1;
    }
    for (int i = 0; i < n; i++) {
        const double pivot = a.at[i][i];
        log_det += log(pivot);
        for (int j = 0; j < n; j++) {
            a.at[i][j] /= pivot;
            out->at[i][j] /= pivot;
        }
        for (int o = 0; o < n; o++) {
            const double factor = o == i ? 0 : a.at[o][i];
            for (int j = 0; j < n && factor != 0; j++) {
                a.at[o][j] -= factor * a.at[i][j];
                out->at[o][j] -= factor * out->at[i][j];
            }
        }
    }
    return log_det;
}

static dense multiply(const dense *a, const dense *b, int n)
{
    dense out;
    memset(&out, 0, sizeof out);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            out.at[i][j] = 0;
            for (int o = 0; o < n; o++) {
                out.at[i][j] += a->at[i][o] * b->at[o][j];
            }
        }
    }
    return out;
}

static dense covariance(double rho, double between, double within)
{
    dense m;
    for (int i = 0; i < K; i++) {
        for (int j = 0; j < K; j++) {
            const double together = between + rho * sqrt(variances[i] * variances[j]);
            m.at[i][j] = i == j                     ? variances[i] + between + within
                         : cluster[i] == cluster[j] ? together
                                                    : 0;
        }
    }
    return m;
}

typedef struct {
    double b[P], a[P][P], e[K], log_lik[2]; /* REML, ML */
    dense m, n;
} slow_fit;

/* With the intercept and one moderator, centred for the sums' sake. */
static slow_fit solve_slowly(double rho, double between, double within)
{
    slow_fit out;
    out.m = covariance(rho, between, within);
    const double log_det = invert(&out.m, K, &out.n);
    double g[P][P] = {{0, 0}, {0, 0}}, c[P] = {0, 0}, x2[P][P] = {{0, 0}, {0, 0}}, rss = 0;
    for (int i = 0; i < K; i++) {
        for (int r = 0; r < P; r++) {
            for (int s = 0; s < P; s++) {
                x2[r][s] += moderators[i + r * K] * moderators[i + s * K];
            }
            for (int j = 0; j < K; j++) {
                c[r] += moderators[i + r * K] * out.n.at[i][j] * effects[j];
                for (int s = 0; s < P; s++) {
                    g[r][s] += moderators[i + r * K] * out.n.at[i][j] * moderators[j + s * K];
                }
            }
        }
    }
    const double det = g[0][0] * g[1][1] - g[0][1] * g[1][0];
    out.a[0][0] = g[1][1] / det;
    out.a[1][1] = g[0][0] / det;
    out.a[0][1] = out.a[1][0] = -g[0][1] / det;
    for (int r = 0; r < P; r++) {
        out.b[r] = out.a[r][0] * c[0] + out.a[r][1] * c[1];
    }
    for (int i = 0; i < K; i++) {
        out.e[i] = effects[i] - out.b[0] - out.b[1] * moderators[K + i];
    }
    for (int i = 0; i < K; i++) {
        for (int j = 0; j < K; j++) {
            rss += out.e[i] * out.n.at[i][j] * out.e[j];
        }
    }
    const double log_2pi = log(2 * acos(-1));
    const double log_det_x = log(x2[0][0] * x2[1][1] - x2[0][1] * x2[1][0]);
    out.log_lik[1] = -0.5 * (K * log_2pi + log_det + rss);
    out.log_lik[0] = -0.5 * ((K - P) * log_2pi + log_det + rss + log(det) - log_det_x);
    return out;
}

/* a^-1/2 by the iteration of Denman and Beavers (1976). */
static dense inverse_root(const dense *a, int n)
{
    dense y = *a, z;
    memset(&z, 0, sizeof z);
    for (int i = 0; i < n; i++) {
        z.at[i][i] = 1;
    }
    for (int step = 0; step < 60; step++) {
        dense of_y, of_z;
        (void)invert(&y, n, &of_y);
        (void)invert(&z, n, &of_z);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                y.at[i][j] = 0.5 * (y.at[i][j] + of_z.at[i][j]);
                z.at[i][j] = 0.5 * (z.at[i][j] + of_y.at[i][j]);
            }
        }
    }
    return z;
}

/* Upper R with R'R = m. */
static dense upper_root(const dense *m, int n)
{
    dense r;
    memset(&r, 0, sizeof r);
    for (int j = 0; j < n; j++) {
        for (int i = 0; i <= j; i++) {
            double left = m->at[i][j];
            for (int o = 0; o < i; o++) {
                left -= r.at[o][i] * r.at[o][j];
            }
            r.at[i][j] = i == j ? sqrt(left) : left / r.at[i][i];
        }
    }
    return r;
}

static dense transposed(const dense *a, int n)
{
    dense out;
    memset(&out, 0, sizeof out);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            out.at[i][j] = a->at[j][i];
        }
    }
    return out;
}

/* t[c][i][r]: the weights of residual i in coefficient r by cluster c, all K rows. */
static void slow_weights(const slow_fit *at, double t[N_CLUSTERS][K][P])
{
    memset(t, 0, sizeof(double) * N_CLUSTERS * K * P);
    for (int c = 0; c < N_CLUSTERS; c++) {
        int row[K], n = 0;
        for (int i = 0; i < K; i++) {
            if (cluster[i] == c + 1) {
                row[n++] = i;
            }
        }
        dense m, left;
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                m.at[i][j] = left.at[i][j] = at->m.at[row[i]][row[j]];
                for (int r = 0; r < P; r++) {
                    for (int s = 0; s < P; s++) {
                        left.at[i][j] -=
                            moderators[row[i] + r * K] * at->a[r][s] * moderators[row[j] + s * K];
                    }
                }
            }
        }
        const dense root = upper_root(&m, n), turned = transposed(&root, n);
        dense g = multiply(&root, &left, n), inverse;
        g = multiply(&g, &turned, n);
        const dense power = inverse_root(&g, n);
        dense adjusted = multiply(&turned, &power, n);
        adjusted = multiply(&adjusted, &root, n);
        (void)invert(&m, n, &inverse);
        adjusted = multiply(&adjusted, &inverse, n);
        for (int i = 0; i < n; i++) {
            for (int r = 0; r < P; r++) {
                for (int j = 0; j < n; j++) {
                    const double xa =
                        moderators[row[j]] * at->a[0][r] + moderators[row[j] + K] * at->a[1][r];
                    t[c][row[i]][r] += adjusted.at[i][j] * xa;
                }
            }
        }
    }
}

/* Var of the clusters' scores: t_c' (M - X A X') t_d. */
static double slow_p(const slow_fit *at, double t[N_CLUSTERS][K][P], int c, int d, int r)
{
    double sum = 0;
    for (int i = 0; i < K; i++) {
        for (int j = 0; j < K; j++) {
            double inner = at->m.at[i][j];
            for (int s = 0; s < P; s++) {
                for (int o = 0; o < P; o++) {
                    inner -= moderators[i + s * K] * at->a[s][o] * moderators[j + o * K];
                }
            }
            sum += t[c][i][r] * inner * t[d][j][r];
        }
    }
    return sum;
}

/* ---- Tests ---- */

static void test_maximum(void **state)
{
    (void)state;
    for (int ml = 0; ml < 2; ml++) {
        const qst_meta_clusters data = data_of(P, 0.4);
        const fitted got = fit(&data, ml != 0);
        assert_int_equal(got.info.outcome, QST_META_FITTED);
        const double s = got.info.between, w = got.info.within;
        assert_close(got.info.log_lik, solve_slowly(0.4, s, w).log_lik[ml], 1e-11, 0);
        for (int step = 0; step < 40; step++) {
            const double angle = 2 * acos(-1) * step / 40;
            for (double far = 1e-4; far < 1; far *= 3) {
                const double s2 = s + far * cos(angle), w2 = w + far * sin(angle);
                if (s2 >= 0 && w2 >= 0) {
                    const double other = solve_slowly(0.4, s2, w2).log_lik[ml];
                    assert_true(other <= got.info.log_lik + 1e-12);
                }
            }
        }
    }
}

static void test_covariances(void **state)
{
    (void)state;
    static double t[N_CLUSTERS][K][P];
    const qst_meta_clusters data = data_of(P, 0.4);
    const fitted got = fit(&data, false);
    const slow_fit want = solve_slowly(0.4, got.info.between, got.info.within);
    slow_weights(&want, t);
    double robust[P][P] = {{0, 0}, {0, 0}};
    for (int c = 0; c < N_CLUSTERS; c++) {
        double score[P] = {0, 0};
        for (int i = 0; i < K; i++) {
            for (int r = 0; r < P; r++) {
                score[r] += t[c][i][r] * want.e[i];
            }
        }
        for (int r = 0; r < P; r++) {
            for (int s = 0; s < P; s++) {
                robust[r][s] += score[r] * score[s];
            }
        }
    }
    for (int r = 0; r < P; r++) {
        double trace = 0, squares = 0;
        for (int c = 0; c < N_CLUSTERS; c++) {
            trace += slow_p(&want, t, c, c, r);
            for (int d = 0; d < N_CLUSTERS; d++) {
                squares += pow(slow_p(&want, t, c, d, r), 2);
            }
        }
        assert_close(got.df[r], trace * trace / squares, 1e-9, 0);
        assert_close(got.b[r], want.b[r], 1e-10, 0);
        for (int s = 0; s < P; s++) {
            assert_close(got.vcov[r + s * P], want.a[r][s], 1e-10, 0);
            assert_close(got.robust[r + s * P], robust[r][s], 1e-9, 0);
        }
    }
}

/* One effect a cluster: the usual random-effects model, whose tau2 is the sum of both. */
static void test_clusters_of_one(void **state)
{
    (void)state;
    static const int32_t own[K] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    qst_meta_clusters data = data_of(1, 0.7);
    data.cluster = own;
    data.n_clusters = K;
    const fitted got = fit(&data, false);
    double b, vcov;
    qst_meta_info info;
    const qst_meta_fitted room = {&b, &vcov, &info};
    const qst_meta_sets sets = {{effects, K, 1, K}, {variances, K, 1, K}, {NULL, 0, 0, 1}};
    qst_meta_settings settings;
    qst_meta_settings_default(&settings);
    settings.test = QST_META_Z;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_meta_fits(NULL, &sets, &settings, &room, &err), QST_OK, &err);
    assert_close(got.info.between + got.info.within, info.tau2, 1e-6, 0);
    assert_close(got.b[0], b, 1e-7, 0);
    assert_close(got.vcov[0], vcov, 1e-6, 0);
    assert_close(got.info.q, info.q, 1e-12, 0);
    assert_close(got.info.typical_variance, info.typical_variance, 1e-12, 0);
    assert_close(got.info.log_lik, info.log_lik_restricted, 1e-10, 0);
}

/* Equal clusters: the t test of their means. */
static void test_balanced(void **state)
{
    (void)state;
    static const int32_t pairs[K] = {1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6};
    double v[K], mean[K / 2], all = 0, square = 0;
    for (int i = 0; i < K; i++) {
        v[i] = 0.05;
        all += effects[i] / K;
    }
    for (int c = 0; c < K / 2; c++) {
        mean[c] = (effects[2 * c] + effects[2 * c + 1]) / 2;
        square += pow(mean[c] - all, 2);
    }
    qst_meta_clusters data = data_of(1, 0.3);
    data.v = v;
    data.cluster = pairs;
    data.n_clusters = K / 2;
    const fitted got = fit(&data, false);
    assert_close(got.b[0], all, 1e-13, 0);
    assert_close(got.robust[0], square / ((K / 2) * (K / 2 - 1)), 1e-10, 0);
    assert_close(got.df[0], K / 2 - 1, 1e-10, 0);
    for (int i = 1; i < K; i++) {
        assert_close(got.weights[i], got.weights[0], 1e-10, 0);
    }
}

static void test_matrix(void **state)
{
    (void)state;
    double given[K * K];
    const dense m = covariance(0.4, 0, 0);
    for (int i = 0; i < K; i++) {
        for (int j = 0; j < K; j++) {
            given[i + j * K] = i >= j ? m.at[i][j] : (double)NAN; /* not read */
        }
    }
    qst_meta_clusters data = data_of(P, 0.4);
    const fitted want = fit(&data, false);
    data.covariance = (qst_cmat){given, K, K, K};
    data.rho = 0;
    const fitted got = fit(&data, false);
    assert_close(got.info.between, want.info.between, 1e-12, 0);
    assert_close(got.robust[3], want.robust[3], 1e-12, 0);
}

static void test_outcomes(void **state)
{
    (void)state;
    qst_meta_clusters data = data_of(1, 1.0);
    data.k = 0;
    fitted got = fit(&data, false);
    assert_int_equal(got.info.outcome, QST_META_TOO_FEW);
    assert_true(isnan(got.b[0]));
    data = data_of(1, 0);
    data.k = 1;
    got = fit(&data, false);
    assert_int_equal(got.info.outcome, QST_META_FITTED);
    assert_close(got.b[0], effects[0], 1e-15, 0);
    static const int32_t same[K] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    data = data_of(1, 0);
    data.cluster = same;
    data.n_clusters = 1;
    got = fit(&data, false);
    assert_int_equal(got.info.outcome, QST_META_FITTED);
    assert_true(isnan(got.robust[0]) && isnan(got.df[0]));
}

static void refused(const qst_meta_clusters *data, qst_status status, const char *words)
{
    fitted out;
    const qst_meta_cluster_settings settings = {false, 1000};
    const qst_meta_cluster_fit room = room_of(&out);
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_meta_cluster_fits(NULL, data, &settings, &room, &err), status, &err);
    assert_text(&err, words);
}

static void test_refusals(void **state)
{
    (void)state;
    qst_meta_clusters data = data_of(P, 1.5);
    refused(&data, QST_ERANGE, "rho is 1.5");
    data = data_of(P, (double)NAN);
    refused(&data, QST_ERANGE, "rho is");
    data = data_of(P, 0);
    data.n_clusters = 4;
    refused(&data, QST_ERANGE, "effect 11 is of cluster 5, and there are 4");
    double bad[K];
    memcpy(bad, variances, sizeof bad);
    bad[3] = -1;
    data = data_of(P, 0);
    data.v = bad;
    refused(&data, QST_ERANGE, "effect 4 is 0.9 with variance -1");
    memcpy(bad, effects, sizeof bad);
    bad[0] = (double)NAN;
    data = data_of(P, 0);
    data.y = bad;
    refused(&data, QST_ERANGE, "effect 1");
    data = data_of(P, 0);
    data.covariance = (qst_cmat){effects, 3, 4, 3};
    refused(&data, QST_EDIMENSION, "covariance of 3 x 4");
    const double flat[2 * K] = {
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
    data = data_of(P, 0);
    data.x.data = flat;
    refused(&data, QST_ESINGULAR, "1 of 2 coefficients");
}

static qst_status run(const qst_ctx *ctx, void *data, qst_err *err)
{
    fitted *out = data;
    const qst_meta_clusters rows = data_of(P, 0.4);
    const qst_meta_cluster_settings settings = {false, 1000};
    const qst_meta_cluster_fit room = room_of(out);
    return qst_meta_cluster_fits(ctx, &rows, &settings, &room, err);
}

static void test_memory_and_stop(void **state)
{
    (void)state;
    fitted out;
    assert_true(assert_survives_no_memory(run, &out) > 0);
    assert_cancels(run, &out, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_covariances),
        cmocka_unit_test(test_clusters_of_one),
        cmocka_unit_test(test_balanced),
        cmocka_unit_test(test_matrix),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_memory_and_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
