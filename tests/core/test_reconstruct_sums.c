#include "search_case.h"

static cohort_case one, before;

/* Up to two points either way at each visit, for anybody. */
static qst__nudge draw_nudge(int32_t i, qst_rng *rng)
{
    qst__nudge nudge = {.i = i};
    for (int v = 0; v < QST_N_VISITS; v++) {
        nudge.points[v] = (int32_t)qst_rng_below(rng, 5) - 2;
    }
    return nudge;
}

static qst__nudge draw_any_nudge(qst_rng *rng)
{
    return draw_nudge((int32_t)qst_rng_below(rng, CASE_N), rng);
}

static void copy_cells(const qst__search *s, qst__cell *to)
{
    assert_int_equal(CASE_ARMS * s->n_places, CASE_CELLS);
    memcpy(to, s->cells, CASE_CELLS * sizeof *to);
}

static void assert_cells(const qst__search *s, const qst__cell *want)
{
    assert_memory_equal(s->cells, want, CASE_CELLS * sizeof *want);
}

static void test_sums_follow_nudges_exactly(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 1);
    qst__search s = case_search(&arena, &one);
    qst_rng rng = case_stream(1);
    int n_done = 0;
    for (int n = 0; n < 5000; n++) {
        const qst__nudge nudge = draw_any_nudge(&rng);
        const int32_t times = (int32_t)qst_rng_below(&rng, 7) - 3;
        qst__do_nudge(&s, &nudge, times);
        if (qst__is_possible(&s, nudge.i)) {
            n_done++;
        } else {
            qst__do_nudge(&s, &nudge, -times);
        }
    }
    assert_true(n_done > 1000);
    qst__figures(&s);
    assert_int_equal(case_first_difference(&one, s.value), -1);
    qst__cell kept[CASE_CELLS];
    copy_cells(&s, kept);
    qst__count_all(&s);
    assert_cells(&s, kept);
    qst__arena_free(&arena);
}

/* What the cells of the ages hold after nudges is what a sum over people gives: each person's score
 * times her age, in units; squares stay out. */
static void test_sums_of_numbers_follow_exactly(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 7);
    case_add_ages(&one, 7);
    qst__search s = case_search(&arena, &one);
    qst_rng rng = case_stream(7);
    for (int n = 0; n < 3000; n++) {
        const qst__nudge nudge = draw_any_nudge(&rng);
        qst__do_nudge(&s, &nudge, 1);
        if (!qst__is_possible(&s, nudge.i)) {
            qst__do_nudge(&s, &nudge, -1);
        }
    }
    for (int arm = 0; arm < CASE_ARMS; arm++) {
        qst__cell want = {0};
        for (int i = 0; i < CASE_N; i++) {
            const int64_t age = case_arm(&one, i) == arm ? case_level(&one, i, CASE_AGE) : 0;
            const int64_t after = one.total[1][i] * (s.unit / one.answered[1][i]);
            const bool both = one.answered[0][i] > 0;
            const int64_t first = both ? one.total[0][i] * (s.unit / one.answered[0][i]) : 0;
            want.n += age;
            want.n_lone += both ? 0 : age;
            want.baseline += age * first;
            want.followup += both ? age * after : 0;
            want.change += both ? age * (after - first) : 0;
            want.lone += both ? 0 : age * after;
        }
        const qst__cell *ages = s.cells + arm * s.n_places + qst__place(&s, CASE_AGE, 0);
        assert_memory_equal(ages, &want, sizeof want);
    }
    qst__arena_free(&arena);
}

static void test_nudges_back_restore_everything(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 2);
    qst__search s = case_search(&arena, &one);
    qst_rng rng = case_stream(2);
    qst__nudge nudges[200];
    qst__cell kept[CASE_CELLS];
    copy_cells(&s, kept);
    before = one;
    for (int n = 0; n < 200; n++) {
        nudges[n] = draw_any_nudge(&rng);
        qst__do_nudge(&s, &nudges[n], n % 5 - 2);
    }
    assert_memory_not_equal(&before, &one, sizeof one);
    for (int n = 0; n < 200; n++) {
        qst__do_nudge(&s, &nudges[n], -(n % 5 - 2));
    }
    assert_memory_equal(&before, &one, sizeof one);
    assert_cells(&s, kept);
    qst__arena_free(&arena);
}

static void test_the_absent_have_no_baseline_to_nudge(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 3);
    qst__search s = case_search(&arena, &one);
    qst__cell kept[CASE_CELLS];
    copy_cells(&s, kept);
    const qst__nudge nudge = {.i = CASE_N - 1, .points = {1, 0}};
    assert_false(qst__has_baseline(&s, nudge.i));
    qst__do_nudge(&s, &nudge, 4);
    assert_cells(&s, kept);
    qst__arena_free(&arena);
}

/* Everybody leans, those without baseline too, and the sums are as if all nudges were done. */
static void test_leanings_add_up_to_nudges(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 4);
    qst__search s = case_search(&arena, &one);
    qst_rng rng = case_stream(4);
    for (int n = 0; n < 20; n++) {
        qst__nudge nudges[CASE_N];
        qst__cell first[CASE_CELLS], leaning[CASE_CELLS];
        copy_cells(&s, first);
        before = one;
        for (int32_t i = 0; i < CASE_N; i++) {
            nudges[i] = draw_nudge(i, &rng);
            qst__lean(&s, &nudges[i], 1);
        }
        assert_memory_equal(&before, &one, sizeof one);
        copy_cells(&s, leaning);
        for (int i = 0; i < CASE_N; i++) {
            qst__lean(&s, &nudges[i], -1);
        }
        assert_cells(&s, first);
        for (int i = 0; i < CASE_N; i++) {
            qst__do_nudge(&s, &nudges[i], 1);
        }
        assert_cells(&s, leaning);
    }
    qst__arena_free(&arena);
}

/* The least and largest total that a person's answers can have. */
static void assert_limits(
    qst__search *s, int visit, int32_t answered, int32_t least, int32_t largest)
{
    const int32_t totals[4] = {least - 1, least, largest, largest + 1};
    s->people->answered[visit][0] = answered;
    for (int k = 0; k < 4; k++) {
        s->people->total[visit][0] = totals[k];
        assert_int_equal(qst__is_possible(s, 0), k == 1 || k == 2);
    }
    s->people->total[visit][0] = (least + largest) / 2;
}

/* A tenth of a point an item from the ends: answers of 1 to 5 have means of 1.1 to 4.9. */
static void test_totals_at_the_ends_are_not_possible(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 5);
    qst__search s = case_search(&arena, &one);
    for (int v = 0; v < QST_N_VISITS; v++) {
        assert_limits(&s, v, 10, 11, 49);
        assert_limits(&s, v, 9, 10, 44); /* 9.9 and 44.1 */
        assert_limits(&s, v, 8, 9, 39);  /* 8.8 and 39.2 */
    }
    s.fineness = 64;
    one.total[0][0] = one.answered[0][0] * 3 * 64;
    assert_limits(&s, 1, 10, 704, 3136);
    assert_limits(&s, 1, 9, 634, 2822); /* 633.6 and 2822.4 */
    qst__arena_free(&arena);
}

static void test_the_absent_can_have_any_baseline(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 5);
    qst__search s = case_search(&arena, &one);
    const int32_t i = CASE_N - 1;
    assert_true(qst__is_possible(&s, i));
    one.total[1][i] = 5 * one.answered[1][i];
    assert_false(qst__is_possible(&s, i));
    qst__arena_free(&arena);
}

static void test_totals_can_be_kept_and_put_back(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 6);
    qst__search s = case_search(&arena, &one);
    qst_rng rng = case_stream(6);
    int32_t totals[QST_N_VISITS * CASE_N];
    qst__cell kept[CASE_CELLS];
    qst__copy_totals(&s, totals);
    copy_cells(&s, kept);
    before = one;
    assert_int_equal(totals[7], one.total[0][7]);
    assert_int_equal(totals[CASE_N + 7], one.total[1][7]);
    for (int n = 0; n < 100; n++) {
        const qst__nudge nudge = draw_any_nudge(&rng);
        qst__do_nudge(&s, &nudge, 1);
    }
    qst__put_totals(&s, totals);
    assert_memory_equal(&before, &one, sizeof one);
    assert_cells(&s, kept);
    qst__arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_follow_nudges_exactly),
        cmocka_unit_test(test_sums_of_numbers_follow_exactly),
        cmocka_unit_test(test_nudges_back_restore_everything),
        cmocka_unit_test(test_the_absent_have_no_baseline_to_nudge),
        cmocka_unit_test(test_leanings_add_up_to_nudges),
        cmocka_unit_test(test_totals_at_the_ends_are_not_possible),
        cmocka_unit_test(test_the_absent_can_have_any_baseline),
        cmocka_unit_test(test_totals_can_be_kept_and_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
