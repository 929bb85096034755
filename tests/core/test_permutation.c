#include "qst_test.h"

#include <math.h>
#include <stdlib.h>

#define N 11

/* Eleven people of two strata in three arms. */
static const int32_t arm[N] = {1, 1, 2, 2, 3, 3, 1, 2, 2, 3, 3};
static const int32_t two_strata[] = {6, 5};
static const int32_t one_stratum[] = {N};
static const double x[N] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5};
static const double ones[N] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const int32_t answer[N] = {1, 2, 2, 1, 3, 3, QST_NA_INT, 2, 3, 3, 1};

static double squares[N];

static qst_permuted values(void)
{
    for (int i = 0; i < N; i++) {
        squares[i] = x[i] * x[i];
    }
    return (qst_permuted){ones, x, squares, NULL, 0};
}

static qst_scheme scheme_of(const int32_t *strata, int32_t n_strata)
{
    return (qst_scheme){arm, N, 3, strata, n_strata, NULL};
}

static double observed(const qst_scheme *s, const qst_permuted *d, qst_permute_statistic statistic)
{
    double value = -1.0;
    assert_status(qst_permute(NULL, s, d, statistic, s->arm, 0, 1, 0, &value, NULL), QST_OK, NULL);
    return value;
}

/* The oracle: the one-pass moments and tests of compare.c. */
static void test_statistics_are_those_of_the_tests(void **state)
{
    (void)state;
    const qst_scheme s = scheme_of(one_stratum, 1);
    const qst_permuted d = values();
    qst_moments m[3];
    double shift;
    ptrdiff_t n_left_out;
    qst_test test;
    assert_status(
        qst_moments_by_group(NULL, x, arm, N, 3, m, &shift, &n_left_out, NULL), QST_OK, NULL);
    assert_status(qst_test_anova(m, 3, &test, NULL), QST_OK, NULL);
    assert_close(observed(&s, &d, QST_PERMUTE_F), test.statistic, 1e-13, 0);
    assert_status(qst_test_welch_anova(m, 3, &test, NULL), QST_OK, NULL);
    assert_close(observed(&s, &d, QST_PERMUTE_WELCH_F), test.statistic, 1e-13, 0);

    /* The first six people have arms 1, 1, 2, 2 and two more of arm 2. */
    const int32_t two_arms[] = {1, 1, 2, 2, 2, 2}, size[] = {6};
    const qst_scheme pair = {two_arms, 6, 2, size, 1, NULL};
    assert_close(observed(&pair, &d, QST_PERMUTE_DIFFERENCE), 19.0 / 4 - 2, 1e-14, 0);
    assert_status(
        qst_moments_by_group(NULL, x, two_arms, 6, 2, m, &shift, &n_left_out, NULL), QST_OK, NULL);
    assert_status(qst_test_welch(&m[1], &m[0], &test, NULL), QST_OK, NULL);
    assert_close(observed(&pair, &d, QST_PERMUTE_WELCH_T), test.statistic, 1e-13, 0);
}

static void test_chisq_is_that_of_the_table(void **state)
{
    (void)state;
    const qst_scheme s = scheme_of(one_stratum, 1);
    const qst_permuted d = {.answer = answer, .n_answers = 3};
    double counts[9] = {0};
    for (int i = 0; i < N; i++) {
        if (answer[i] != QST_NA_INT) {
            counts[3 * (arm[i] - 1) + answer[i] - 1] += 1.0;
        }
    }
    qst_test test;
    ptrdiff_t n_low;
    assert_status(
        qst_test_chisq((qst_cmat){counts, 3, 3, 3}, false, &test, &n_low, NULL), QST_OK, NULL);
    assert_close(observed(&s, &d, QST_PERMUTE_CHISQ), test.statistic, 1e-13, 0);
}

/* Two clusters of unequal size weigh as their rows do. */
static void test_units_may_be_clusters(void **state)
{
    (void)state;
    const double n[] = {2, 1, 3}, sum[] = {3, 9, 6}, ss[] = {5, 81, 14};
    const int32_t arms[] = {1, 2, 2}, size[] = {3};
    const qst_scheme s = {arms, 3, 2, size, 1, NULL};
    const qst_permuted d = {n, sum, ss, NULL, 0};
    assert_close(observed(&s, &d, QST_PERMUTE_DIFFERENCE), 15.0 / 4 - 1.5, 1e-14, 0);
    const double rows[] = {1, 2, 9, 1, 2, 3};
    const int32_t arm_of_row[] = {1, 1, 2, 2, 2, 2};
    qst_moments m[2];
    double shift;
    ptrdiff_t n_left_out;
    qst_test test;
    assert_status(qst_moments_by_group(NULL, rows, arm_of_row, 6, 2, m, &shift, &n_left_out, NULL),
        QST_OK, NULL);
    assert_status(qst_test_anova(m, 2, &test, NULL), QST_OK, NULL);
    assert_close(observed(&s, &d, QST_PERMUTE_F), test.statistic, 1e-13, 0);
}

static void test_all_allocations_are_there_once(void **state)
{
    (void)state;
    const int32_t arms[] = {2, 1, 1, 2, 1, 2}, size[] = {6}, sizes[] = {2, 4};
    const double y[] = {1, 2, 4, 8, 16, 32}, unused[6] = {0};
    qst_scheme s = {arms, 6, 2, size, 1, NULL};
    const qst_permuted d = {ones, y, unused, NULL, 0};
    double all[20];
    assert_status(
        qst_permute_all(NULL, &s, &d, QST_PERMUTE_DIFFERENCE, 20, all, NULL), QST_OK, NULL);
    /* Each set of powers of two has another sum: 20 different ones, whose mean is 0. */
    double mean = 0.0;
    for (int i = 0; i < 20; i++) {
        mean += all[i] / 20;
        for (int j = 0; j < i; j++) {
            assert_true(fabs(all[i] - all[j]) > 0.1);
        }
    }
    assert_close(mean, 0.0, 0, 1e-12);
    /* Strata of 2 and 4 with an arm of half: 2 times 6 allocations. */
    s.stratum_size = sizes;
    s.n_strata = 2;
    assert_status(
        qst_permute_all(NULL, &s, &d, QST_PERMUTE_DIFFERENCE, 12, all, NULL), QST_OK, NULL);
    qst_err err;
    qst_err_init(&err);
    assert_status(
        qst_permute_all(NULL, &s, &d, QST_PERMUTE_DIFFERENCE, 13, all, &err), QST_EDIMENSION, &err);
    assert_text(&err, "not 13 different");
    qst_err_init(&err);
    assert_status(
        qst_permute_all(NULL, &s, &d, QST_PERMUTE_DIFFERENCE, 11, all, &err), QST_EDIMENSION, &err);
}

/* Shuffles of 1, 1, 2, 2 have six orders; 60000 of them within 4 standard errors of equal. */
static void test_shuffles_are_uniform(void **state)
{
    (void)state;
    enum { N_DRAWS = 60000 };
    const int32_t arms[] = {1, 1, 2, 2, 1}, sizes[] = {4, 1};
    const qst_scheme s = {arms, 5, 2, sizes, 2, NULL};
    int32_t *drawn = malloc(sizeof *drawn * 5 * N_DRAWS);
    assert_status(qst_permute_arms(NULL, &s, 0, N_DRAWS, 3, drawn, NULL), QST_OK, NULL);
    int n_of[16] = {0};
    for (int k = 0; k < N_DRAWS; k++) {
        const int32_t *d = drawn + (ptrdiff_t)5 * k;
        n_of[(d[0] - 1) + 2 * (d[1] - 1) + 4 * (d[2] - 1) + 8 * (d[3] - 1)]++;
        assert_int_equal(d[0] + d[1] + d[2] + d[3], 6);
        assert_int_equal(d[4], 1);
    }
    const int halves[] = {3, 5, 6, 9, 10, 12};
    for (int k = 0; k < 6; k++) {
        assert_close(n_of[halves[k]], N_DRAWS / 6.0, 0, 4 * sqrt(N_DRAWS * 5.0 / 36));
    }
    free(drawn);
}

/* Where a word gives five, four or three numbers, each place still has its share of arm 2. */
static void test_long_shuffles_are_uniform(void **state)
{
    (void)state;
    enum { N_LONG = 40000, N_DRAWS = 20, N_PARTS = 8 };
    int32_t *arms = malloc(sizeof *arms * N_LONG * (N_DRAWS + 1)), *drawn = arms + N_LONG;
    const int32_t size[] = {N_LONG};
    for (int i = 0; i < N_LONG; i++) {
        arms[i] = 1 + (i < N_LONG / 4);
    }
    const qst_scheme s = {arms, N_LONG, 2, size, 1, NULL};
    assert_status(qst_permute_arms(NULL, &s, 0, N_DRAWS, 3, drawn, NULL), QST_OK, NULL);
    const int n_part = N_LONG / N_PARTS;
    for (int part = 0; part < N_PARTS; part++) {
        double n_second = 0;
        for (int k = 0; k < N_DRAWS; k++) {
            for (int i = part * n_part; i < (part + 1) * n_part; i++) {
                n_second += drawn[(ptrdiff_t)N_LONG * k + i] - 1;
            }
        }
        const double n = (double)n_part * N_DRAWS;
        assert_close(n_second, n / 4, 0, 4 * sqrt(n * 3 / 16));
    }
    free(arms);
}

/* A replicate of lists is qst_allocate() with the seed that its stream begins with. */
static void test_lists_are_made_anew(void **state)
{
    (void)state;
    const int32_t ratio[] = {1, 1, 2}, sizes[] = {4, 8};
    const qst_allocation lists[] = {
        {.n = 9, .ratio = ratio, .n_arms = 3, .sizes = sizes, .n_sizes = 2, .stratum = 0},
        {.n = 5, .ratio = ratio, .n_arms = 3, .sizes = sizes, .n_sizes = 2, .stratum = 4},
    };
    qst_scheme s = scheme_of(two_strata, 2);
    s.lists = lists;
    int32_t drawn[3 * N];
    assert_status(qst_permute_arms(NULL, &s, 7, 3, 99, drawn, NULL), QST_OK, NULL);
    for (uint32_t k = 0; k < 3; k++) {
        qst_rng rng;
        const qst_rng_address address = {.purpose = 17, .iteration = 7 + k};
        assert_status(qst_rng_init(&rng, 99, &address, NULL), QST_OK, NULL);
        const uint64_t high = qst_rng_word(&rng), seed = high << 32 | qst_rng_word(&rng);
        const int32_t *got = drawn + (ptrdiff_t)N * k;
        for (int stratum = 0; stratum < 2; stratum++) {
            qst_allocation list = lists[stratum];
            list.seed = seed;
            int32_t want[9], block[9];
            assert_status(qst_allocate(NULL, &list, want, block, NULL), QST_OK, NULL);
            for (int i = 0; i < two_strata[stratum]; i++) {
                assert_int_equal(*got++, want[i]);
            }
        }
    }
}

/* Simple randomisation of three may leave an arm empty: there is no statistic then. */
static void test_an_empty_arm_has_no_statistic(void **state)
{
    (void)state;
    const int32_t ratio[] = {1, 1}, sizes[] = {1}, arms[] = {1, 2, 2}, size[] = {3};
    const qst_allocation list = {.n = 3, .ratio = ratio, .n_arms = 2, .sizes = sizes, .n_sizes = 1};
    const qst_scheme s = {arms, 3, 2, size, 1, &list};
    const qst_permuted d = values();
    const qst_permuted answers = {.answer = answer, .n_answers = 3};
    double all[4000];
    for (int k = 0; k < 3; k++) {
        const qst_permute_statistic kind = k == 0   ? QST_PERMUTE_F
                                           : k == 1 ? QST_PERMUTE_DIFFERENCE
                                                    : QST_PERMUTE_CHISQ;
        assert_status(
            qst_permute(NULL, &s, k == 2 ? &answers : &d, kind, NULL, 0, 4000, 5, all, NULL),
            QST_OK, NULL);
        int n_none = 0;
        for (int i = 0; i < 4000; i++) {
            n_none += isnan(all[i]);
        }
        assert_close(n_none, 1000, 0, 4 * sqrt(4000 * 3.0 / 16));
    }
}

static void test_bad_arguments_are_named(void **state)
{
    (void)state;
    const qst_permuted d = values();
    double out[2];
    qst_err err;
    qst_scheme s = scheme_of(two_strata, 1);
    qst_err_init(&err);
    assert_status(
        qst_permute(NULL, &s, &d, QST_PERMUTE_F, NULL, 0, 1, 0, out, &err), QST_EDIMENSION, &err);
    assert_text(&err, "11 units in strata of 6");
    s = scheme_of(one_stratum, 1);
    qst_err_init(&err);
    assert_status(qst_permute(NULL, &s, &d, QST_PERMUTE_DIFFERENCE, NULL, 0, 1, 0, out, &err),
        QST_EDIMENSION, &err);
    assert_text(&err, "two arms, not 3");
    qst_err_init(&err);
    assert_status(
        qst_permute(NULL, &s, &d, QST_PERMUTE_F, NULL, 0, 0, 0, out, &err), QST_ERANGE, &err);
    qst_err_init(&err);
    assert_status(qst_permute(NULL, &s, &d, QST_PERMUTE_F, NULL, UINT32_MAX, 2, 0, out, &err),
        QST_ERANGE, &err);
    int32_t wrong[N];
    double bad[N];
    for (int i = 0; i < N; i++) {
        wrong[i] = i == 4 ? 7 : 1;
        bad[i] = i == 3 ? (double)NAN : 1.0;
    }
    qst_err_init(&err);
    assert_status(
        qst_permute(NULL, &s, &d, QST_PERMUTE_F, wrong, 0, 1, 0, out, &err), QST_EARGUMENT, &err);
    assert_int_equal(err.row, 4);
    const qst_permuted not_finite = {ones, bad, squares, NULL, 0};
    qst_err_init(&err);
    assert_status(qst_permute(NULL, &s, &not_finite, QST_PERMUTE_F, NULL, 0, 1, 0, out, &err),
        QST_EARGUMENT, &err);
    assert_int_equal(err.row, 3);
    const qst_permuted answers = {.answer = answer, .n_answers = 2};
    qst_err_init(&err);
    assert_status(qst_permute(NULL, &s, &answers, QST_PERMUTE_CHISQ, NULL, 0, 1, 0, out, &err),
        QST_EARGUMENT, &err);
    assert_text(&err, "answer 3 of unit 5");
    const double none[N] = {0};
    const qst_permuted empty = {none, none, none, NULL, 0};
    qst_err_init(&err);
    assert_status(
        qst_permute(NULL, &s, &empty, QST_PERMUTE_F, NULL, 0, 1, 0, out, &err), QST_ENODATA, &err);
    s.arm = wrong;
    qst_err_init(&err);
    assert_status(
        qst_permute(NULL, &s, &d, QST_PERMUTE_F, NULL, 0, 1, 0, out, &err), QST_EARGUMENT, &err);
    assert_text(&err, "arm 7 of unit 5");
    const int32_t ratio[] = {1, 1, 1}, sizes[] = {3};
    const qst_allocation list = {.n = 9, .ratio = ratio, .n_arms = 3, .sizes = sizes, .n_sizes = 1};
    s.arm = arm;
    s.lists = &list;
    qst_err_init(&err);
    assert_status(
        qst_permute(NULL, &s, &d, QST_PERMUTE_F, NULL, 0, 1, 0, out, &err), QST_EDIMENSION, &err);
    assert_text(&err, "more than its list has places");
}

typedef struct {
    bool with_lists;
    int64_t n_replicates;
    double *out;
} run;

static qst_status entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    const run *r = data;
    static const int32_t ratio[] = {1, 1, 1}, sizes[] = {3, 6};
    static const qst_allocation lists[] = {
        {.n = 6, .ratio = ratio, .n_arms = 3, .sizes = sizes, .n_sizes = 2},
        {.n = 30, .ratio = ratio, .n_arms = 3, .sizes = sizes, .n_sizes = 2, .stratum = 1},
    };
    qst_scheme s = scheme_of(two_strata, 2);
    s.lists = r->with_lists ? lists : NULL;
    const qst_permuted d = values();
    return qst_permute(ctx, &s, &d, QST_PERMUTE_WELCH_F, NULL, 0, r->n_replicates, 1, r->out, err);
}

static qst_status entry_all(const qst_ctx *ctx, void *data, qst_err *err)
{
    const run *r = data;
    const qst_scheme s = scheme_of(one_stratum, 1);
    const qst_permuted d = values();
    return qst_permute_all(ctx, &s, &d, QST_PERMUTE_F, r->n_replicates, r->out, err);
}

static void test_no_memory(void **state)
{
    (void)state;
    double out[11550];
    run r = {true, 3, out};
    assert_true(assert_survives_no_memory(entry, &r) >= 4);
    r.with_lists = false;
    assert_true(assert_survives_no_memory(entry, &r) >= 3);
    /* 11! / (3! 4! 4!) */
    r.n_replicates = 11550;
    assert_true(assert_survives_no_memory(entry_all, &r) >= 3);
}

static void test_it_can_be_stopped(void **state)
{
    (void)state;
    double *out = malloc(sizeof *out * 1000000);
    run r = {false, 1000000, out};
    assert_cancels(entry, &r, 1);
    assert_cancels(entry, &r, 2);
    r.n_replicates = 11550;
    assert_cancels(entry_all, &r, 1);
    free(out);
}

static void test_threads_and_parts_change_nothing(void **state)
{
    (void)state;
    const int n_threads[] = {1, 2, 7};
    double out[3][1000], part[600];
    for (int lists = 0; lists < 2; lists++) {
        for (int k = 0; k < 3; k++) {
            test_memory memory = {0};
            const qst_ctx ctx = test_ctx(&memory, n_threads[k]);
            run r = {lists == 1, 1000, out[k]};
            assert_status(entry(&ctx, &r, NULL), QST_OK, NULL);
            assert_memory_equal(out[k], out[0], sizeof out[0]);
        }
    }
    const qst_scheme s = scheme_of(two_strata, 2);
    const qst_permuted d = values();
    run whole = {false, 1000, out[0]};
    assert_status(entry(NULL, &whole, NULL), QST_OK, NULL);
    assert_status(qst_permute(NULL, &s, &d, QST_PERMUTE_WELCH_F, NULL, 400, 600, 1, part, NULL),
        QST_OK, NULL);
    assert_memory_equal(part, out[0] + 400, sizeof part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics_are_those_of_the_tests),
        cmocka_unit_test(test_chisq_is_that_of_the_table),
        cmocka_unit_test(test_units_may_be_clusters),
        cmocka_unit_test(test_all_allocations_are_there_once),
        cmocka_unit_test(test_shuffles_are_uniform),
        cmocka_unit_test(test_long_shuffles_are_uniform),
        cmocka_unit_test(test_lists_are_made_anew),
        cmocka_unit_test(test_an_empty_arm_has_no_statistic),
        cmocka_unit_test(test_bad_arguments_are_named),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_it_can_be_stopped),
        cmocka_unit_test(test_threads_and_parts_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
