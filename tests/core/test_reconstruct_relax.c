#include "search_case.h"

static cohort_case one, fine;

typedef struct {
    qst__arena arena;
    qst__search s;
    qst__relaxed r;
    double worst;
} bed;

static void relax_again(bed *b, qst_rng *rng)
{
    qst__ticker ticker;
    qst_err err;
    qst_err_init(&err);
    qst__ticker_init(&ticker, NULL);
    assert_status(qst__relax_scores(&b->r, rng, &ticker, &b->worst, &err), QST_OK, &err);
}

/* Scores drawn for the case's own levels, relaxed. */
static void relax(bed *b, uint64_t seed)
{
    qst_rng rng = case_stream(seed);
    qst_err err;
    qst_err_init(&err);
    b->s = case_search(&b->arena, &one);
    qst__draw_scores(&b->s, 1, &rng);
    assert_status(qst__relaxed_make(&b->arena, &b->s, &b->r, &err), QST_OK, &err);
    relax_again(b, &rng);
}

/* The same people with the relaxed totals, in parts of a point. */
static void make_fine(const bed *b)
{
    fine = one;
    fine.plan.score_items = one.plan.score_items / b->r.fineness;
    memcpy(fine.total, b->r.totals, sizeof fine.total);
}

/* The goal is where the slow analysis finds the figures, and lies within their ranges. */
static void assert_relaxed(const bed *b)
{
    double worst = 0;
    make_fine(b);
    for (int k = 0; k < one.plan.n_figures; k++) {
        const qst_figure *f = &one.figures[k];
        const double middle = (f->low + f->high) / 2;
        const double miss = (case_value(&fine, f) - middle) / ((f->high - f->low) / 2);
        assert_close(b->r.goal[k], miss, 0, 0.1);
        worst = fmax(worst, fabs(b->r.goal[k]));
    }
    assert_close(b->worst, worst, 1e-12, 0);
    assert_true(worst < 1);
}

static void test_figures_are_relaxed_to_their_ranges(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        bed b;
        case_make(&one, seed);
        relax(&b, seed);
        assert_int_equal(b.r.fineness, 1024);
        assert_relaxed(&b);
        qst__arena_free(&b.arena);
    }
}

/* Of 40 items up to four are skipped: in 1024ths of a point squared scores would exceed 64 bits. */
static void test_sums_of_long_scales_do_not_overflow(void **state)
{
    (void)state;
    static const double skip[4] = {0.2, 0.1, 0.05, 0.05};
    bed b;
    case_make(&one, 6);
    one.plan.n_items = 40;
    one.plan.skip = skip;
    one.plan.n_skips = 4;
    relax(&b, 6);
    assert_in_range(b.r.fineness, 8, 32);
    assert_relaxed(&b);
    qst__arena_free(&b.arena);
}

/* Totals are whole again, in step with the sums, and possible. */
static void test_people_are_left_whole(void **state)
{
    (void)state;
    bed b;
    case_make(&one, 6);
    relax(&b, 6);
    assert_int_equal(b.s.fineness, 1);
    for (int v = 0; v < QST_N_VISITS; v++) {
        for (int i = 0; i < CASE_N; i++) {
            assert_close(one.total[v][i], b.r.totals[v * CASE_N + i] / (double)b.r.fineness, 0, 1);
            assert_in_range(one.total[v][i], one.answered[v][i], 5 * one.answered[v][i]);
        }
    }
    qst__figures(&b.s);
    assert_int_equal(case_first_difference(&one, b.s.value), -1);
    qst__arena_free(&b.arena);
}

/* Of two ranges of one mean four half-widths apart, the best is to miss both middles by two. */
static void test_contradictory_figures_are_noticed(void **state)
{
    (void)state;
    bed b;
    case_make(&one, 2);
    case_contradict(&one, 1, 4);
    relax(&b, 2);
    assert_close(b.worst, 2, 0, 0.1);
    assert_close(b.r.goal[0], 2, 0, 0.1);
    assert_close(b.r.goal[1], -2, 0, 0.1);
    qst__arena_free(&b.arena);
}

/* Nobody in the first arm has a site. Totals are left whole, possible and as they were drawn. */
static void test_a_figure_without_a_value_has_no_goal(void **state)
{
    (void)state;
    bed b;
    case_make(&one, 2);
    case_ask_of_nobody(&one, 1);
    relax(&b, 2);
    assert_true(isnan(b.r.goal[1]));
    assert_true(b.worst == HUGE_VAL);
    assert_int_equal(b.s.fineness, 1);
    fine = one;
    qst_rng rng = case_stream(2);
    qst__draw_scores(&b.s, 1, &rng);
    assert_memory_equal(fine.total, one.total, sizeof one.total);
    qst__arena_free(&b.arena);
}

static void test_misses_are_counted_from_the_middle(void **state)
{
    (void)state;
    bed b;
    case_make(&one, 3);
    relax(&b, 3);
    qst__note_misses(&b.r);
    for (int k = 0; k < one.plan.n_figures; k++) {
        const qst_figure *f = &one.figures[k];
        const double value = case_value(&one, f);
        assert_close(b.r.miss[k], (2 * value - f->low - f->high) / (f->high - f->low), 1e-7, 1e-7);
    }
    qst__arena_free(&b.arena);
}

/* Whole ones stay, what lies a quarter from whole goes there, and a half goes either way. */
static void test_totals_are_rounded_by_chance_between(void **state)
{
    (void)state;
    bed b;
    case_make(&one, 4);
    relax(&b, 4);
    qst_rng rng = case_stream(4);
    const int parts[4] = {0, 240, 784, 512};
    int n_up = 0;
    for (int n = 0; n < 100; n++) {
        for (int k = 0; k < QST_N_VISITS * CASE_N; k++) {
            b.r.totals[k] = b.r.fineness * 30 + parts[k % 4];
        }
        qst__round_totals(&b.r, &rng);
        for (int i = 0; i < CASE_N; i++) {
            const int up = one.total[1][i] - 30;
            assert_true(i % 4 == 3 ? up == 0 || up == 1 : up == (i % 4 == 2));
            n_up += i % 4 == 3 ? up : 0;
        }
    }
    assert_close(n_up / (100 * CASE_N / 4.0), 0.5, 0, 0.05); /* four standard errors */
    qst__figures(&b.s);
    assert_int_equal(case_first_difference(&one, b.s.value), -1);
    qst__arena_free(&b.arena);
}

/* Other people are without baseline in the second draw: nothing is left of the first. */
static void test_room_can_be_used_again(void **state)
{
    (void)state;
    bed b;
    case_make(&one, 5);
    relax(&b, 5);
    qst_rng rng = case_stream(8);
    qst__draw_scores(&b.s, 1, &rng);
    relax_again(&b, &rng);
    const double again = b.worst;
    for (int i = 0; i < CASE_N; i++) {
        assert_true(one.answered[0][i] > 0 || one.total[0][i] == 0);
    }
    fine = one;
    qst__arena_free(&b.arena);
    case_make(&one, 5);
    relax(&b, 8);
    assert_true(again == b.worst);
    assert_memory_equal(fine.total, one.total, sizeof one.total);
    qst__arena_free(&b.arena);
}

/* `data`: a bed whose scores are drawn. */
static qst_status relax_drawn(const qst_ctx *ctx, void *data, qst_err *err)
{
    bed *b = data;
    qst__ticker ticker;
    qst_rng rng = case_stream(7);
    qst__ticker_init(&ticker, ctx);
    return qst__relax_scores(&b->r, &rng, &ticker, &b->worst, err);
}

/* Once stopped, totals are whole and the sums are theirs. */
static void test_can_be_stopped(void **state)
{
    (void)state;
    bed b;
    case_make(&one, 7);
    relax(&b, 7);
    assert_cancels(relax_drawn, &b, 1);
    assert_int_equal(b.s.fineness, 1);
    qst__figures(&b.s);
    assert_int_equal(case_first_difference(&one, b.s.value), -1);
    qst__arena_free(&b.arena);
}

static qst_status make(const qst_ctx *ctx, void *data, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst__relaxed r;
    const qst_status status = qst__relaxed_make(&arena, data, &r, err);
    qst__arena_free(&arena);
    return status;
}

static void test_survives_lack_of_memory(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 1);
    qst__search s = case_search(&arena, &one);
    assert_true(assert_survives_no_memory(make, &s) >= 5);
    qst__arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures_are_relaxed_to_their_ranges),
        cmocka_unit_test(test_sums_of_long_scales_do_not_overflow),
        cmocka_unit_test(test_people_are_left_whole),
        cmocka_unit_test(test_contradictory_figures_are_noticed),
        cmocka_unit_test(test_a_figure_without_a_value_has_no_goal),
        cmocka_unit_test(test_misses_are_counted_from_the_middle),
        cmocka_unit_test(test_totals_are_rounded_by_chance_between),
        cmocka_unit_test(test_room_can_be_used_again),
        cmocka_unit_test(test_can_be_stopped),
        cmocka_unit_test(test_survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
