#include "cohort_case.h"
#include "stat/reconstruct.h"

static cohort_case one;

typedef struct {
    double first, last; /* misfit before and after */
    bool reheat;
} trace;

static qst_status search(const qst_ctx *ctx, void *data, qst_err *err)
{
    trace *t = data;
    qst__arena arena;
    qst__search s;
    qst__ticker ticker;
    qst_rng rng;
    const qst_rng_address address = {.purpose = 1};
    qst__arena_init(&arena, ctx);
    qst__ticker_init(&ticker, ctx);
    qst_status status = qst__search_make(&arena, &one.plan, &one.people, &s, err);
    if (status == QST_OK) {
        status = qst_rng_init(&rng, 5, &address, err);
    }
    if (status == QST_OK) {
        qst__draw_scores(&s, &rng);
        (void)qst__count_design(&s);
        qst__set_final_widths(&s);
        t->first = qst__misfit(&s, false);
        status = t->reheat ? qst__reheat_scores(&s, &rng, &ticker, err)
                           : qst__search_scores(&s, &rng, &ticker, err);
        qst__set_final_widths(&s);
        t->last = qst__misfit(&s, false);
    }
    qst__arena_free(&arena);
    return status;
}

static void test_drawn_scores_are_near_the_printed(void **state)
{
    (void)state;
    qst__arena arena;
    qst__search s;
    qst_rng rng;
    qst_err err;
    qst_err_init(&err);
    const qst_rng_address address = {.purpose = 1};
    qst__arena_init(&arena, NULL);
    case_make(&one, 1);
    assert_status(qst__search_make(&arena, &one.plan, &one.people, &s, &err), QST_OK, &err);
    assert_status(qst_rng_init(&rng, 1, &address, &err), QST_OK, &err);
    qst__draw_scores(&s, &rng);
    int n_lone = 0, n_full = 0;
    for (int i = 0; i < CASE_N; i++) {
        n_lone += one.answered[0][i] == 0;
        n_full += one.answered[1][i] == 10;
        assert_in_range(one.answered[1][i], 8, 10);
        assert_in_range(one.total[1][i], one.answered[1][i], 5 * one.answered[1][i]);
    }
    assert_int_equal(n_lone, 3);
    assert_in_range(n_full, 30, 55); /* 65% of 64 */
    double y[CASE_N];
    const int n = case_pick(&one, QST_OUTCOME_BASELINE, -1, -1, 0, y);
    assert_close(case_mean(y, n), 35, 0, 2.5);
    assert_close(sqrt(case_ss(y, n) / (n - 1)), 5, 0, 1.5);
    qst__arena_free(&arena);
}

static void test_searching_meets_the_figures(void **state)
{
    (void)state;
    trace t = {0};
    qst_err err;
    qst_err_init(&err);
    case_make_easy(&one, 1);
    assert_status(search(NULL, &t, &err), QST_OK, &err);
    assert_true(t.first > 0);
    assert_true(t.last == 0);
}

static void test_reheating_improves(void **state)
{
    (void)state;
    trace t = {.reheat = true};
    qst_err err;
    qst_err_init(&err);
    case_make_easy(&one, 1);
    assert_status(search(NULL, &t, &err), QST_OK, &err);
    assert_true(t.last < t.first);
}

static void test_survives_lack_of_memory(void **state)
{
    (void)state;
    trace t = {0};
    case_make(&one, 1);
    one.plan.n_figures = 2;
    one.plan.n_terms = 0;
    assert_true(assert_survives_no_memory(search, &t) > 3);
}

static void test_can_be_stopped(void **state)
{
    (void)state;
    trace t = {0};
    case_make(&one, 1);
    one.figures[0].low += 9;
    one.figures[0].high += 9;
    assert_cancels(search, &t, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drawn_scores_are_near_the_printed),
        cmocka_unit_test(test_searching_meets_the_figures),
        cmocka_unit_test(test_reheating_improves),
        cmocka_unit_test(test_survives_lack_of_memory),
        cmocka_unit_test(test_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
