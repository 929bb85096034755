#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Twelve rows in seven clusters of two strata (clusters 1 to 4 and 5 to 7). */
enum { N = 12, N_COLS = 4, N_UNITS = 7, N_SAMPLES = 200 };

static const int32_t unit[N] = {1, 1, 2, 3, 3, 3, 4, 5, 5, 6, 7, 7};
static const int32_t stratum_size[] = {4, 3};
static const qst_boot_units units = {stratum_size, 2, N_UNITS};
static const double columns[N * N_COLS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* ones */
    3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8,                                        /* */
    2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5,                                        /* */
    1, 1.5, 3, 2, 6, 5, 2.5, 4, 3.5, 7, 0.5, 6.5};                             /* */
static const int32_t sorted[N] = {11, 1, 2, 4, 7, 3, 9, 8, 6, 5, 12, 10};

static qst_boot_data data_of(ptrdiff_t first_column, ptrdiff_t n_cols)
{
    return (qst_boot_data){{columns + first_column * N, N, n_cols, N}, unit, sorted};
}

/* ---- The oracle: statistics of the rows themselves ---- */

typedef struct {
    double x[8 * N][N_COLS];
    ptrdiff_t n;
} sample;

static void add_unit(sample *s, int32_t which)
{
    for (int i = 0; i < N; i++) {
        if (unit[i] == which) {
            for (int j = 0; j < N_COLS; j++) {
                s->x[s->n][j] = columns[i + j * N];
            }
            s->n++;
        }
    }
}

static double mean_of(const sample *s, int j)
{
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < s->n; i++) {
        sum += s->x[i][j];
    }
    return sum / (double)s->n;
}

static double cov_of(const sample *s, int j, int k)
{
    const double mean_j = mean_of(s, j), mean_k = mean_of(s, k);
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < s->n; i++) {
        sum += (s->x[i][j] - mean_j) * (s->x[i][k] - mean_k);
    }
    return sum / (double)(s->n - 1);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(const sample *s)
{
    double x[8 * N];
    for (ptrdiff_t i = 0; i < s->n; i++) {
        x[i] = s->x[i][3];
    }
    qsort(x, (size_t)s->n, sizeof *x, by_size);
    return (x[(s->n - 1) / 2] + x[s->n / 2]) / 2;
}

/* The slope and intercept of column 3 on column 1; alpha of columns 1 to 3. */
static void oracle(const sample *s, qst_boot_statistic statistic, double *out)
{
    const double slope = cov_of(s, 1, 3) / cov_of(s, 1, 1);
    double trace = 0.0, all = 0.0;
    for (int j = 1; j < N_COLS; j++) {
        trace += cov_of(s, j, j);
        for (int k = 1; k < N_COLS; k++) {
            all += cov_of(s, j, k);
        }
    }
    switch (statistic) {
    case QST_BOOT_SD:
        *out = sqrt(cov_of(s, 3, 3));
        break;
    case QST_BOOT_CORRELATION:
        *out = cov_of(s, 1, 2) / sqrt(cov_of(s, 1, 1) * cov_of(s, 2, 2));
        break;
    case QST_BOOT_ALPHA:
        *out = 1.5 * (1 - trace / all);
        break;
    case QST_BOOT_MEDIAN:
        *out = median_of(s);
        break;
    default:
        out[0] = mean_of(s, 3) - slope * mean_of(s, 1);
        out[1] = slope;
    }
}

/* ones, column 1 and column 3 side by side. */
static qst_boot_data regression_data(double *room)
{
    memcpy(room, columns, 2 * N * sizeof *room);
    memcpy(room + 2 * N, columns + (ptrdiff_t)3 * N, N * sizeof *room);
    return (qst_boot_data){{room, N, 3, N}, unit, NULL};
}

static qst_boot_data usual_data(qst_boot_statistic statistic, double *room)
{
    return statistic == QST_BOOT_COEFFICIENTS ? regression_data(room) : data_of(0, N_COLS);
}

static void test_samples_have_the_statistics_of_their_rows(void **state)
{
    (void)state;
    static int32_t drawn[N_UNITS * N_SAMPLES];
    assert_status(qst_boot_draws(NULL, &units, 5, N_SAMPLES, 42, drawn, NULL), QST_OK, NULL);
    for (int kind = 0; kind < QST_N_BOOT; kind++) {
        const qst_boot_statistic statistic = (qst_boot_statistic)kind;
        double room[3 * N], observed[2], replicates[2 * N_SAMPLES], jackknife[2 * N_UNITS];
        const qst_boot_data data = usual_data(statistic, room);
        const ptrdiff_t n_results = qst_boot_n_results(statistic, data.columns.n_cols);
        assert_status(qst_boot(NULL, &units, &data, statistic, 5, N_SAMPLES, 42, observed,
                          replicates, jackknife, NULL),
            QST_OK, NULL);
        for (int k = 0; k < N_SAMPLES + N_UNITS + 1; k++) {
            sample s = {.n = 0};
            const double *got = k == N_SAMPLES + N_UNITS ? observed
                                : k < N_SAMPLES          ? replicates + n_results * k
                                                         : jackknife + n_results * (k - N_SAMPLES);
            for (int i = 0; i < N_UNITS; i++) {
                if (k < N_SAMPLES) {
                    add_unit(&s, drawn[N_UNITS * k + i]);
                } else if (i != k - N_SAMPLES) {
                    add_unit(&s, i + 1);
                }
            }
            double want[2];
            oracle(&s, statistic, want);
            for (ptrdiff_t r = 0; r < n_results; r++) {
                assert_close(got[r], want[r], 1e-10, 1e-10);
            }
        }
    }
}

/* Each unit is drawn equally often, and only from its own stratum. */
static void test_draws_are_uniform_within_strata(void **state)
{
    (void)state;
    enum { N_DRAWS = 40000 };
    int32_t *drawn = malloc(sizeof *drawn * N_UNITS * N_DRAWS);
    assert_status(qst_boot_draws(NULL, &units, 0, N_DRAWS, 1, drawn, NULL), QST_OK, NULL);
    double n_of[N_UNITS + 1] = {0};
    for (int k = 0; k < N_UNITS * N_DRAWS; k++) {
        assert_true(
            k % N_UNITS < 4 ? drawn[k] >= 1 && drawn[k] <= 4 : drawn[k] >= 5 && drawn[k] <= 7);
        n_of[drawn[k]]++;
    }
    for (int u = 1; u <= N_UNITS; u++) {
        const double share = u <= 4 ? 0.25 : 1.0 / 3, n = u <= 4 ? 4 : 3;
        assert_close(n_of[u], N_DRAWS, 0, 4 * sqrt(N_DRAWS * n * share * (1 - share)));
    }
    free(drawn);
}

/* Samples in which a coefficient or a correlation does not exist say so. */
static void test_samples_without_a_statistic_give_nan(void **state)
{
    (void)state;
    const double x[] = {1, 1, 1, 0, 0, 1, 2, 4, 8};
    const int32_t rows[] = {1, 2, 3}, size[] = {3};
    const qst_boot_units three = {size, 1, 3};
    const qst_boot_data data = {{x, 3, 3, 3}, rows, NULL};
    double observed[2], replicates[2 * 2000];
    assert_status(qst_boot(NULL, &three, &data, QST_BOOT_COEFFICIENTS, 0, 2000, 1, observed,
                      replicates, NULL, NULL),
        QST_OK, NULL);
    assert_close(observed[0], 3, 1e-14, 0);
    assert_close(observed[1], 5, 1e-14, 0);
    int n_none = 0;
    for (int k = 0; k < 2000; k++) {
        n_none += isnan(replicates[2 * k]) && isnan(replicates[2 * k + 1]);
    }
    /* All from the first two rows, or all the third: 9 of 27. */
    assert_close(n_none, 2000 / 3.0, 0, 4 * sqrt(2000 * 2.0 / 9));
    assert_status(qst_boot(NULL, &three, &data, QST_BOOT_CORRELATION, 0, 2000, 1, observed,
                      replicates, NULL, NULL),
        QST_OK, NULL);
    int n_no_correlation = 0;
    for (int k = 0; k < 2000; k++) {
        n_no_correlation += isnan(replicates[k]);
    }
    assert_int_equal(n_no_correlation, n_none);
}

static void test_bad_arguments_are_named(void **state)
{
    (void)state;
    double x[N * N_COLS], observed[3], replicates[6];
    memcpy(x, columns, sizeof x);
    x[2 * N + 5] = (double)INFINITY;
    qst_boot_data data = {{x, N, N_COLS, N}, unit, NULL};
    qst_err err;
    qst_err_init(&err);
    assert_status(
        qst_boot(NULL, &units, &data, QST_BOOT_ALPHA, 0, 2, 1, observed, replicates, NULL, &err),
        QST_EARGUMENT, &err);
    assert_int_equal(err.row, 5);
    assert_int_equal(err.column, 2);
    data = data_of(0, 2);
    qst_err_init(&err);
    assert_status(qst_boot(NULL, &units, &data, QST_BOOT_CORRELATION, 0, 2, 1, observed, replicates,
                      NULL, &err),
        QST_EDIMENSION, &err);
    int32_t wrong[N];
    memcpy(wrong, unit, sizeof wrong);
    wrong[9] = 8;
    data.unit = wrong;
    qst_err_init(&err);
    assert_status(
        qst_boot(NULL, &units, &data, QST_BOOT_SD, 0, 2, 1, observed, replicates, NULL, &err),
        QST_EARGUMENT, &err);
    assert_text(&err, "unit 8 of row 10");
    qst_err_init(&err);
    assert_status(
        qst_boot(NULL, &units, &data, QST_BOOT_SD, 0, 0, 1, observed, replicates, NULL, &err),
        QST_ERANGE, &err);
    qst_boot_units uneven = units;
    uneven.n_units = 6;
    qst_err_init(&err);
    assert_status(qst_boot_draws(NULL, &uneven, 0, 1, 1, wrong, &err), QST_EDIMENSION, &err);
    uneven = (qst_boot_units){stratum_size, 0, 0};
    qst_err_init(&err);
    assert_status(qst_boot_draws(NULL, &uneven, 0, 1, 1, wrong, &err), QST_ENODATA, &err);
    data = data_of(0, 2);
    data.columns.n_rows = 0;
    qst_err_init(&err);
    assert_status(
        qst_boot(NULL, &units, &data, QST_BOOT_SD, 0, 1, 1, observed, replicates, NULL, &err),
        QST_ENODATA, &err);
}

typedef struct {
    qst_boot_statistic statistic;
    int64_t n_replicates;
    double *out, jackknife[2 * N_UNITS];
} run;

static qst_status entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    run *r = data;
    double observed[2], room[3 * N];
    const qst_boot_data columns_of_it = usual_data(r->statistic, room);
    return qst_boot(ctx, &units, &columns_of_it, r->statistic, 0, r->n_replicates, 9, observed,
        r->out, r->jackknife, err);
}

static qst_status entry_draws(const qst_ctx *ctx, void *data, qst_err *err)
{
    const run *r = data;
    int32_t *drawn = malloc(sizeof *drawn * (size_t)(N_UNITS * r->n_replicates));
    const qst_status status = qst_boot_draws(ctx, &units, 0, r->n_replicates, 9, drawn, err);
    free(drawn);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    double out[200];
    run r = {.statistic = QST_BOOT_COEFFICIENTS, .n_replicates = 100, .out = out};
    assert_true(assert_survives_no_memory(entry, &r) >= 4);
    assert_true(assert_survives_no_memory(entry_draws, &r) >= 1);
}

static void test_it_can_be_stopped(void **state)
{
    (void)state;
    run r = {.statistic = QST_BOOT_MEDIAN, .n_replicates = 500000};
    r.out = malloc(sizeof *r.out * 500000);
    assert_cancels(entry, &r, 1);
    assert_cancels(entry, &r, 2);
    free(r.out);
}

static void test_threads_and_parts_change_nothing(void **state)
{
    (void)state;
    const int n_threads[] = {1, 2, 7};
    for (int kind = 0; kind < QST_N_BOOT; kind++) {
        double out[3][2000];
        memset(out, 0, sizeof out);
        run r[3];
        for (int k = 0; k < 3; k++) {
            test_memory memory = {0};
            const qst_ctx ctx = test_ctx(&memory, n_threads[k]);
            r[k] =
                (run){.statistic = (qst_boot_statistic)kind, .n_replicates = 1000, .out = out[k]};
            assert_status(entry(&ctx, &r[k], NULL), QST_OK, NULL);
            assert_memory_equal(out[k], out[0], sizeof out[0]);
            assert_memory_equal(r[k].jackknife, r[0].jackknife, sizeof r[0].jackknife);
        }
        double room[3 * N], observed[2], part[2 * 600];
        const qst_boot_data data = usual_data((qst_boot_statistic)kind, room);
        const ptrdiff_t n_results =
            qst_boot_n_results((qst_boot_statistic)kind, data.columns.n_cols);
        assert_status(qst_boot(NULL, &units, &data, (qst_boot_statistic)kind, 400, 600, 9, observed,
                          part, NULL, NULL),
            QST_OK, NULL);
        assert_memory_equal(part, out[0] + 400 * n_results, sizeof *part * 600 * (size_t)n_results);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_have_the_statistics_of_their_rows),
        cmocka_unit_test(test_draws_are_uniform_within_strata),
        cmocka_unit_test(test_samples_without_a_statistic_give_nan),
        cmocka_unit_test(test_bad_arguments_are_named),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_it_can_be_stopped),
        cmocka_unit_test(test_threads_and_parts_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
