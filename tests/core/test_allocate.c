#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_MOST 4096

static const int32_t equal[] = {1, 1, 1};
static const int32_t uneven[] = {2, 1, 3};
static const int32_t sixes[] = {6, 12, 18};
static const int32_t ones[] = {1};

static qst_allocation plan_of(
    int32_t n, const int32_t *ratio, const int32_t *sizes, int32_t n_sizes)
{
    return (qst_allocation){.n = n,
        .ratio = ratio,
        .n_arms = 3,
        .sizes = sizes,
        .n_sizes = n_sizes,
        .seed = UINT64_C(20200901)};
}

static void allocate(const qst_allocation *plan, int32_t *arm, int32_t *block)
{
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_allocate(NULL, plan, arm, block, &err), QST_OK, &err);
}

static void test_each_block_is_balanced(void **state)
{
    (void)state;
    const qst_allocation plan = plan_of(1000, uneven, sixes, 3);
    int32_t arm[1000];
    int32_t block[1000];
    allocate(&plan, arm, block);
    bool seen[3] = {false, false, false};
    for (int32_t first = 0, last; first < 1000; first = last) {
        int32_t counts[3] = {0, 0, 0};
        for (last = first; last < 1000 && block[last] == block[first]; last++) {
            counts[arm[last] - 1]++;
        }
        const int32_t size = last - first;
        if (last < 1000) {
            assert_int_equal(size % 6, 0);
            seen[size / 6 - 1] = true;
            for (int j = 0; j < 3; j++) {
                assert_int_equal(counts[j], size / 6 * uneven[j]);
            }
            assert_int_equal(block[last], block[first] + 1);
        }
        for (int j = 0; j < 3; j++) {
            assert_in_range(counts[j], size / 6 * uneven[j], (size / 6 + 1) * uneven[j]);
        }
    }
    assert_true(seen[0] && seen[1] && seen[2]);
}

static void test_one_block_is_complete_randomisation(void **state)
{
    (void)state;
    const int32_t n = 392;
    const qst_allocation plan = plan_of(n, equal, &n, 1);
    int32_t arm[392];
    int32_t block[392];
    int32_t counts[3] = {0, 0, 0};
    allocate(&plan, arm, block);
    for (int32_t i = 0; i < n; i++) {
        counts[arm[i] - 1]++;
        assert_int_equal(block[i], 1);
    }
    for (int j = 0; j < 3; j++) {
        assert_in_range(counts[j], 130, 131);
    }
}

/* Blocks of six places 2:1:3 have 60 orders; each comes equally often. The statistic's 99.9% point
 * with 59 df is 98.3; with this seed it is the same on every machine. */
static void test_orders_are_uniform(void **state)
{
    (void)state;
    enum { n_blocks = 60000, n_codes = 729 };
    qst_allocation plan = plan_of(6 * n_blocks, uneven, sixes, 1);
    int32_t *arm = malloc(sizeof *arm * 6 * n_blocks);
    int32_t *block = malloc(sizeof *block * 6 * n_blocks);
    assert_non_null(arm);
    assert_non_null(block);
    allocate(&plan, arm, block);
    int32_t counts[n_codes] = {0};
    for (int32_t b = 0; b < n_blocks; b++) {
        int32_t code = 0;
        for (int32_t i = 0; i < 6; i++) {
            code = code * 3 + arm[6 * b + i] - 1;
        }
        counts[code]++;
    }
    int n_seen = 0;
    double chi2 = 0;
    for (int32_t code = 0; code < n_codes; code++) {
        if (counts[code] > 0) {
            n_seen++;
            chi2 += pow(counts[code] - n_blocks / 60.0, 2) / (n_blocks / 60.0);
        }
    }
    free(arm);
    free(block);
    assert_int_equal(n_seen, 60);
    assert_in_range((int)chi2, 25, 98);
}

static void test_simple_follows_the_ratio(void **state)
{
    (void)state;
    const qst_allocation plan = plan_of(N_MOST, uneven, ones, 1);
    static int32_t arm[N_MOST];
    static int32_t block[N_MOST];
    double counts[3] = {0, 0, 0};
    allocate(&plan, arm, block);
    for (int32_t i = 0; i < N_MOST; i++) {
        counts[arm[i] - 1]++;
        assert_int_equal(block[i], i + 1);
    }
    for (int j = 0; j < 3; j++) {
        const double share = uneven[j] / 6.0;
        const double sd = sqrt(N_MOST * share * (1 - share));
        assert_close(counts[j], N_MOST * share, 0, 4 * sd);
        assert_true(counts[j] != N_MOST * share || j > 0); /* chance is at work */
    }
}

/* Each of seed, list and stratum gives another list, and the same again gives the same. */
static void test_lists_are_separate(void **state)
{
    (void)state;
    qst_allocation plans[4];
    int32_t arm[4][60];
    int32_t again[60];
    int32_t block[60];
    for (int k = 0; k < 4; k++) {
        plans[k] = plan_of(60, equal, sixes, 3);
    }
    plans[1].seed++;
    plans[2].list++;
    plans[3].stratum++;
    for (int k = 0; k < 4; k++) {
        allocate(&plans[k], arm[k], block);
        allocate(&plans[k], again, block);
        assert_memory_equal(arm[k], again, sizeof again);
        for (int j = 0; j < k; j++) {
            assert_memory_not_equal(arm[j], arm[k], sizeof again);
        }
    }
}

static void test_a_longer_list_begins_alike(void **state)
{
    (void)state;
    const qst_allocation longer = plan_of(120, equal, sixes, 1);
    const qst_allocation shorter = plan_of(60, equal, sixes, 1);
    int32_t arm_1[120];
    int32_t arm_2[60];
    int32_t block[120];
    allocate(&longer, arm_1, block);
    allocate(&shorter, arm_2, block);
    assert_memory_equal(arm_1, arm_2, sizeof arm_2);
}

/* Computed from the recipe in qst.h by a Python program that shares no code with the core. */
static void test_known_answer(void **state)
{
    (void)state;
    const int32_t want[40] = {2, 3, 2, 1, 3, 3, 3, 1, 3, 3, 1, 1, 3, 3, 3, 1, 1, 3, 2, 1, 3, 2, 1,
        3, 2, 3, 1, 1, 3, 3, 1, 2, 3, 3, 3, 3, 1, 3, 1, 1};
    qst_allocation plan = plan_of(40, uneven, sixes, 3);
    plan.list = 3;
    plan.stratum = 5;
    int32_t arm[40];
    int32_t block[40];
    allocate(&plan, arm, block);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(arm[i], want[i]);
        assert_int_equal(block[i], i < 12 ? 1 : i < 30 ? 2 : 3);
    }
}

static void test_an_empty_list(void **state)
{
    (void)state;
    const qst_allocation plan = plan_of(0, equal, sixes, 1);
    int32_t untouched = -7;
    allocate(&plan, &untouched, &untouched);
    assert_int_equal(untouched, -7);
}

static void assert_refused(const qst_allocation *plan, qst_status want, const char *text)
{
    int32_t arm[60];
    int32_t block[60];
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_allocate(NULL, plan, arm, block, &err), want, &err);
    assert_text(&err, text);
    assert_int_equal(qst_allocate(NULL, plan, arm, block, NULL), want);
}

static void test_bad_plans_are_refused(void **state)
{
    (void)state;
    const int32_t no_third[] = {1, 1, 0};
    const int32_t huge[] = {INT32_MAX, 1, 1};
    const int32_t no_size[] = {6, 0};
    qst_allocation plan = plan_of(60, no_third, sixes, 1);
    assert_refused(&plan, QST_EARGUMENT, "ratio of arm 3 is 0");
    plan = plan_of(60, huge, sixes, 1);
    assert_refused(&plan, QST_EOVERFLOW, "2^31");
    plan = plan_of(60, equal, no_size, 2);
    assert_refused(&plan, QST_EARGUMENT, "block size 2 is 0");
    plan = plan_of(-1, equal, sixes, 1);
    assert_refused(&plan, QST_EARGUMENT, "n is -1");
    plan = plan_of(60, equal, sixes, 0);
    assert_refused(&plan, QST_EARGUMENT, "0 block sizes");
    plan = plan_of(60, equal, sixes, 1);
    plan.n_arms = 0;
    assert_refused(&plan, QST_EARGUMENT, "0 arms");
    plan.n_arms = 3;
    plan.list = 4096;
    assert_refused(&plan, QST_ERANGE, "variable 4096");
}

static qst_status entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    const qst_allocation *plan = data;
    int32_t *arm = malloc(sizeof *arm * (size_t)plan->n);
    int32_t *block = malloc(sizeof *block * (size_t)plan->n);
    assert_non_null(arm);
    assert_non_null(block);
    const qst_status status = qst_allocate(ctx, plan, arm, block, err);
    free(arm);
    free(block);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    qst_allocation plan = plan_of(60, equal, sixes, 1);
    assert_true(assert_survives_no_memory(entry, &plan) >= 1);
}

static void test_it_can_be_stopped(void **state)
{
    (void)state;
    qst_allocation plan = plan_of(20000000, equal, ones, 1);
    assert_cancels(entry, &plan, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_block_is_balanced),
        cmocka_unit_test(test_one_block_is_complete_randomisation),
        cmocka_unit_test(test_orders_are_uniform),
        cmocka_unit_test(test_simple_follows_the_ratio),
        cmocka_unit_test(test_lists_are_separate),
        cmocka_unit_test(test_a_longer_list_begins_alike),
        cmocka_unit_test(test_known_answer),
        cmocka_unit_test(test_an_empty_list),
        cmocka_unit_test(test_bad_plans_are_refused),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_it_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
