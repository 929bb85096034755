#include "search_case.h"

static cohort_case one, before;

/* Relaxed without a chance to stop, so that only the rounding can be stopped. */
static qst_status relax(qst__relaxed *r, qst_rng *rng, qst_err *err)
{
    double worst;
    qst__ticker ticker;
    qst__ticker_init(&ticker, NULL);
    return qst__relax_scores(r, rng, &ticker, &worst, err);
}

/* Scores drawn for the case's own levels, relaxed, then rounded; `data`: the misfit told. */
static qst_status find(const qst_ctx *ctx, void *data, qst_err *err)
{
    double *misfit = data;
    qst__arena arena;
    qst__search s;
    qst__relaxed r;
    qst__ticker ticker;
    qst_rng rng = case_stream(one.plan.seed);
    qst__arena_init(&arena, ctx);
    qst__ticker_init(&ticker, ctx);
    qst_status status = qst__search_make(&arena, &one.plan, &one.people, &s, err);
    if (status == QST_OK) {
        status = qst__relaxed_make(&arena, &s, &r, err);
    }
    if (status == QST_OK) {
        qst__draw_scores(&s, 1, &rng);
        (void)qst__count_design(&s);
        status = relax(&r, &rng, err);
    }
    if (status == QST_OK) {
        status = qst__round_scores(&r, &rng, &ticker, misfit, err);
    }
    qst__arena_free(&arena);
    return status;
}

static double found_misfit(void)
{
    double misfit = -1;
    qst_err err;
    qst_err_init(&err);
    assert_status(find(NULL, &misfit, &err), QST_OK, &err);
    return misfit;
}

static void assert_people_are_possible(const cohort_case *c)
{
    for (int v = 0; v < QST_N_VISITS; v++) {
        for (int i = 0; i < CASE_N; i++) {
            const int answered = c->answered[v][i];
            assert_true(answered == 0 || (answered >= 8 && answered <= 10));
            if (answered > 0) {
                assert_in_range(c->total[v][i], answered + 1, 5 * answered - 1);
            }
        }
    }
}

static void test_all_figures_are_met(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        case_make(&one, seed);
        before = one;
        assert_true(found_misfit() == 0);
        assert_int_equal(case_n_outside(&one), 0);
        assert_memory_equal(before.level, one.level, sizeof one.level);
        assert_people_are_possible(&one);
    }
}

static void test_narrower_ranges_are_met_too(void **state)
{
    (void)state;
    for (uint64_t seed = 5; seed <= 8; seed++) {
        case_make(&one, seed);
        case_print_finer(&one, 4);
        assert_true(found_misfit() == 0);
        assert_int_equal(case_n_outside(&one), 0);
    }
}

/* What is told of a failure is the misfit of the people left behind, by the slow analysis. */
static void test_the_best_is_left_when_none_meets_all(void **state)
{
    (void)state;
    case_make(&one, 2);
    case_contradict(&one, 1, 4);
    before = one;
    const double told = found_misfit();
    double misfit = 0;
    for (int k = 0; k < one.plan.n_figures; k++) {
        const qst_figure *f = &one.figures[k];
        const double value = case_value(&one, f);
        const double half = (f->high - f->low) / 2;
        const double excess = fmax(f->low - value, value - f->high) / half + QST__RIM;
        misfit += excess > 0 ? excess * excess : 0;
    }
    assert_close(told, misfit, 1e-6, 0);
    assert_true(told > 1.9); /* two ranges two half-widths apart: at best 1 + 1 */
    assert_memory_equal(before.level, one.level, sizeof one.level);
    assert_people_are_possible(&one);
}

/* Nobody in the first arm has a site. Then nothing is met, and possible people are left. */
static void test_a_figure_without_a_value_is_not_met(void **state)
{
    (void)state;
    case_make(&one, 2);
    case_ask_of_nobody(&one, 1);
    before = one;
    assert_true(found_misfit() == HUGE_VAL);
    assert_memory_equal(before.level, one.level, sizeof one.level);
    assert_people_are_possible(&one);
}

static void test_the_seed_decides(void **state)
{
    (void)state;
    case_make(&one, 3);
    (void)found_misfit();
    before = one;
    case_make(&one, 3);
    (void)found_misfit();
    assert_memory_equal(before.total, one.total, sizeof one.total);
    assert_memory_equal(before.answered, one.answered, sizeof one.answered);
}

static void test_survives_lack_of_memory(void **state)
{
    (void)state;
    double misfit;
    case_make_easy(&one, 1);
    assert_true(assert_survives_no_memory(find, &misfit) > 10);
}

static void test_can_be_stopped(void **state)
{
    (void)state;
    double misfit;
    case_make(&one, 1);
    case_contradict(&one, 1, 40);
    assert_cancels(find, &misfit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_figures_are_met),
        cmocka_unit_test(test_narrower_ranges_are_met_too),
        cmocka_unit_test(test_the_best_is_left_when_none_meets_all),
        cmocka_unit_test(test_a_figure_without_a_value_is_not_met),
        cmocka_unit_test(test_the_seed_decides),
        cmocka_unit_test(test_survives_lack_of_memory),
        cmocka_unit_test(test_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
