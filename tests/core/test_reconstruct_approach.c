#include "cohort_case.h"
#include "stat/reconstruct_pool.h"

static cohort_case one, before;

typedef struct {
    double first, told, last; /* misfit before, as told, counted afresh */
} trace;

/* Scores drawn at random: the quick way takes them to the figures. */
static qst_status approach(const qst_ctx *ctx, void *data, qst_err *err)
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
        status = qst__approach_scores(&s, &rng, &ticker, &t->told, err);
        qst__count_all(&s);
        (void)qst__count_design(&s);
        t->last = qst__misfit(&s, false);
    }
    qst__arena_free(&arena);
    return status;
}

static void test_the_figures_are_met(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        trace t = {0, 0, 0};
        qst_err err;
        qst_err_init(&err);
        case_make_easy(&one, seed);
        assert_status(approach(NULL, &t, &err), QST_OK, &err);
        assert_true(t.first > 1);
        assert_true(t.told == 0 && t.last == 0);
        for (int k = 0; k < one.plan.n_figures; k++) {
            const double value = case_value(&one, &one.figures[k]);
            assert_true(value > one.figures[k].low && value < one.figures[k].high);
        }
    }
}

static void test_levels_come_back_when_it_fails(void **state)
{
    (void)state;
    trace t = {0, 0, 0};
    qst_err err;
    qst_err_init(&err);
    case_make(&one, 1);
    one.figures[0].low += 60; /* no score is so high */
    one.figures[0].high += 60;
    before = one;
    assert_status(approach(NULL, &t, &err), QST_OK, &err);
    assert_true(t.told > 0);
    assert_memory_equal(before.level, one.level, sizeof one.level);
}

static void test_equations_are_solved(void **state)
{
    (void)state;
    double g[9] = {4, 0, 0, 2, 5, 0, 2, 3, 6}; /* lower triangle, row by row */
    double x[3] = {4 * 1 + 2 * 2 + 2 * 3, 2 * 1 + 5 * 2 + 3 * 3, 2 * 1 + 3 * 2 + 6 * 3};
    assert_true(qst__solve_normal(g, 3, x));
    for (int k = 0; k < 3; k++) {
        assert_close(x[k], k + 1, 1e-12, 0);
    }
    double singular[4] = {1, 0, 1, 1};
    assert_false(qst__solve_normal(singular, 2, x));
}

/* Effects are those of the slow analysis before and after; measuring leaves everybody as they were.
 */
static void test_effects_are_measured(void **state)
{
    (void)state;
    qst__arena arena;
    qst__search s;
    qst__pool pool;
    qst_err err;
    qst_err_init(&err);
    qst__arena_init(&arena, NULL);
    case_make(&one, 2);
    assert_status(qst__search_make(&arena, &one.plan, &one.people, &s, &err), QST_OK, &err);
    assert_status(qst__pool_make(&arena, &s, &pool, &err), QST_OK, &err);
    qst__count_all(&s);
    (void)qst__count_design(&s);
    qst__note_values(&pool);
    const qst__move move = {.kind = QST__PAIR, .i = 5, .j = 9, .visit = 1, .points = 1};
    double effect[CASE_FIGURES], size = 0;
    before = one;
    assert_true(qst__measure(&pool, &move, effect, &size));
    assert_memory_equal(&before, &one, sizeof one);
    one.total[1][5]++;
    one.total[1][9]--;
    double sum = 0;
    for (int k = 0; k < one.plan.n_figures; k++) {
        const qst_figure *f = &one.figures[k];
        const double half = (f->high - f->low) / 2;
        const double want = (case_value(&one, f) - case_value(&before, f)) / half;
        assert_close(effect[k], want, 1e-6, 1e-6);
        sum += want * want;
    }
    assert_close(size, sum, 1e-6, 1e-6);
    qst__arena_free(&arena);
}

static void test_survives_lack_of_memory(void **state)
{
    (void)state;
    trace t = {0, 0, 0};
    case_make_easy(&one, 1);
    assert_true(assert_survives_no_memory(approach, &t) > 10);
}

static void test_can_be_stopped(void **state)
{
    (void)state;
    trace t = {0, 0, 0};
    case_make(&one, 1);
    one.figures[0].low += 60;
    one.figures[0].high += 60;
    assert_cancels(approach, &t, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_figures_are_met),
        cmocka_unit_test(test_levels_come_back_when_it_fails),
        cmocka_unit_test(test_equations_are_solved),
        cmocka_unit_test(test_effects_are_measured),
        cmocka_unit_test(test_survives_lack_of_memory),
        cmocka_unit_test(test_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
