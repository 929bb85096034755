#include "search_case.h"

static cohort_case one;

/* Eight people of the second arm at the second site, whose answers at baseline are complete; mean
 * and SD of these, and the arm's mean, printed to `half`. */
static void ask_of_site(double half)
{
    one.plan.n_figures = 0;
    for (int i = one.arm_size[0]; i < CASE_N; i++) {
        one.level[CASE_N + i] = i < one.arm_size[0] + 8 ? 1 : 2 * (i % 2);
    }
    for (int i = 0; i < CASE_N; i++) {
        if (case_level(&one, i, 1) == 1 && one.answered[0][i] > 0) {
            one.total[0][i] += (10 - one.answered[0][i]) * 3;
            one.answered[0][i] = 10;
        }
    }
    case_print(&one, (qst_figure){QST_FIGURE_MEAN, 0, 1, -1, 1, 1, 0, 0}, half);
    case_print(&one, (qst_figure){QST_FIGURE_SD, 0, 1, -1, 1, 1, 0, 0}, half);
    case_print(&one, (qst_figure){QST_FIGURE_MEAN, 0, 1, -1, -1, 0, 0, 0}, half);
}

/* Moves the totals of the site away from what is printed. */
static void disturb(void)
{
    for (int i = 0; i < CASE_N; i++) {
        const bool moved = case_level(&one, i, 1) == 1 && one.answered[0][i] > 0;
        one.total[0][i] += moved ? (one.total[0][i] < 30 ? 3 : -4) : 0;
    }
}

static bool settle(uint64_t seed, int32_t *n_figures_out)
{
    qst__arena arena;
    qst__small small;
    qst_err err;
    qst_err_init(&err);
    qst_rng rng = case_stream(seed);
    qst__search s = case_search(&arena, &one);
    qst__find_small(&s);
    assert_status(qst__small_make(&arena, &s, &small, &err), QST_OK, &err);
    *n_figures_out = small.n_figures;
    const bool settled = qst__settle_small(&small, &rng);
    qst__figures(&s);
    assert_int_equal(case_first_difference(&one, s.value), -1);
    qst__arena_free(&arena);
    return settled;
}

static void test_small_groups_are_marked(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 1);
    ask_of_site(0.05);
    qst__search s = case_search(&arena, &one);
    qst__find_small(&s);
    for (int i = 0; i < CASE_N; i++) {
        assert_int_equal(qst__is_small(&s, 0, i), case_level(&one, i, 1) == 1);
        assert_false(qst__is_small(&s, 1, i));
    }
    qst__arena_free(&arena);
}

/* Mean and SD of the site are met by the slow analysis; nobody else has changed. */
static void test_their_figures_are_met(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        static cohort_case before;
        int32_t n_figures;
        case_make(&one, seed);
        ask_of_site(0.05);
        disturb();
        before = one;
        assert_true(settle(seed, &n_figures));
        assert_int_equal(n_figures, 2); /* the third is not of the site alone */
        for (int k = 0; k < 2; k++) {
            const double value = case_value(&one, &one.figures[k]);
            assert_true(value > one.figures[k].low && value < one.figures[k].high);
        }
        for (int i = 0; i < CASE_N; i++) {
            assert_int_equal(one.total[1][i], before.total[1][i]);
            if (case_level(&one, i, 1) != 1) {
                assert_int_equal(one.total[0][i], before.total[0][i]);
                assert_int_equal(one.answered[0][i], before.answered[0][i]);
            }
            assert_int_equal(one.answered[1][i], before.answered[1][i]);
        }
    }
}

/* Relaxing moves everybody's totals but theirs. */
static void test_settled_totals_stay(void **state)
{
    (void)state;
    qst__arena arena;
    qst__small small;
    qst__relaxed relaxed;
    qst__ticker ticker;
    qst_err err;
    double worst;
    static cohort_case before;
    qst_err_init(&err);
    qst__ticker_init(&ticker, NULL);
    case_make(&one, 2);
    ask_of_site(0.05);
    qst_rng rng = case_stream(2);
    qst__search s = case_search(&arena, &one);
    qst__find_small(&s);
    assert_status(qst__small_make(&arena, &s, &small, &err), QST_OK, &err);
    assert_true(qst__settle_small(&small, &rng));
    before = one;
    one.figures[2].low += 1; /* the arm's mean */
    one.figures[2].high += 1;
    assert_status(qst__relaxed_make(&arena, &s, &relaxed, &err), QST_OK, &err);
    assert_status(qst__relax_scores(&relaxed, &rng, &ticker, &worst, &err), QST_OK, &err);
    assert_true(worst < 1);
    bool moved = false;
    for (int i = 0; i < CASE_N; i++) {
        const int32_t parts = before.total[0][i] * relaxed.fineness;
        moved = moved || relaxed.totals[i] != parts;
        assert_true(case_level(&one, i, 1) != 1 || relaxed.totals[i] == parts);
    }
    assert_true(moved);
    qst__arena_free(&arena);
}

/* The mean of eight complete scores cannot lie between two eighths, with items skipped it can. */
static void test_some_skip_where_they_must(void **state)
{
    (void)state;
    int32_t n_figures;
    int32_t n_skipping = 0;
    case_make(&one, 1);
    ask_of_site(0.05);
    const double mean = floor(8 * case_value(&one, &one.figures[0])) / 8;
    one.figures[0].low = mean + 0.03;
    one.figures[0].high = mean + 0.06;
    assert_true(settle(1, &n_figures));
    const double value = case_value(&one, &one.figures[0]);
    assert_true(value > one.figures[0].low && value < one.figures[0].high);
    for (int i = 0; i < CASE_N; i++) {
        n_skipping += case_level(&one, i, 1) == 1 && one.answered[0][i] < 10;
    }
    assert_true(n_skipping > 0);
}

/* With up to two of ten items skipped, scores are multiples of 1/36. */
static void test_impossible_means_are_not_met(void **state)
{
    (void)state;
    int32_t n_figures;
    case_make(&one, 1);
    ask_of_site(0.05);
    one.figures[0].low = 35.0003;
    one.figures[0].high = 35.0012;
    assert_false(settle(1, &n_figures));
}

/* Without such groups there is nothing to settle. */
static void test_without_small_groups_nothing_changes(void **state)
{
    (void)state;
    int32_t n_figures;
    case_make(&one, 3);
    one.plan.n_figures = 2; /* mean and SD of an arm */
    const cohort_case before = one;
    assert_true(settle(3, &n_figures));
    assert_int_equal(n_figures, 0);
    assert_memory_equal(one.total, before.total, sizeof one.total);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_groups_are_marked),
        cmocka_unit_test(test_their_figures_are_met),
        cmocka_unit_test(test_settled_totals_stay),
        cmocka_unit_test(test_some_skip_where_they_must),
        cmocka_unit_test(test_impossible_means_are_not_met),
        cmocka_unit_test(test_without_small_groups_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
