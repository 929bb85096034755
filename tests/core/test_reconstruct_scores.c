#include "search_case.h"

static cohort_case one;

static void test_drawn_scores_are_near_the_printed(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 1);
    qst__search s = case_search(&arena, &one);
    qst_rng rng = case_stream(1);
    qst__draw_scores(&s, 1, &rng);
    int n_lone = 0, n_full = 0;
    for (int i = 0; i < CASE_N; i++) {
        n_lone += one.answered[0][i] == 0;
        n_full += one.answered[1][i] == 10;
        assert_in_range(one.answered[1][i], 8, 10);
        assert_in_range(one.total[1][i], one.answered[1][i], 5 * one.answered[1][i]);
        assert_true(qst__is_possible(&s, i));
    }
    assert_int_equal(n_lone, 3);
    assert_in_range(n_full, 30, 55); /* 65% of 64 */
    double y[CASE_N];
    const int n = case_pick(&one, QST_OUTCOME_BASELINE, -1, -1, 0, y);
    assert_close(case_mean(y, n), 35, 0, 2.5);
    assert_close(sqrt(case_ss(y, n) / (n - 1)), 5, 0, 1.5);
    qst__arena_free(&arena);
}

static void test_drawn_scores_are_counted(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 2);
    qst__search s = case_search(&arena, &one);
    qst_rng rng = case_stream(2);
    qst__draw_scores(&s, 1, &rng);
    qst__figures(&s);
    assert_int_equal(case_first_difference(&one, s.value), -1);
    qst__arena_free(&arena);
}

/* Shares of those who skip one item and two at follow-up, over many draws. */
static void count_skips(double skipping, double shares_out[2])
{
    qst__arena arena;
    case_make(&one, 3);
    qst__search s = case_search(&arena, &one);
    qst_rng rng = case_stream(3);
    double counts[3] = {0, 0, 0};
    for (int n = 0; n < 100; n++) {
        qst__draw_scores(&s, skipping, &rng);
        for (int i = 0; i < CASE_N; i++) {
            counts[10 - one.answered[1][i]]++;
        }
    }
    shares_out[0] = counts[1] / (100 * CASE_N);
    shares_out[1] = counts[2] / (100 * CASE_N);
    qst__arena_free(&arena);
}

/* The tolerance is four standard errors of the larger share. */
static void test_more_people_skip_when_asked(void **state)
{
    (void)state;
    double shares[2];
    count_skips(1, shares);
    assert_close(shares[0], 0.25, 0, 0.025);
    assert_close(shares[1], 0.1, 0, 0.025);
    count_skips(2, shares);
    assert_close(shares[0], 0.5, 0, 0.025);
    assert_close(shares[1], 0.2, 0, 0.025);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drawn_scores_are_near_the_printed),
        cmocka_unit_test(test_drawn_scores_are_counted),
        cmocka_unit_test(test_more_people_skip_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
